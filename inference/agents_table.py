"""Goal and weight of every agent as a Parquet file, which an engineer joins to the users of a platform."""

from __future__ import annotations

import json
import os
import secrets

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xarray as xr

from ..errors import Fault, InputError, shown
from .result import attribute, choices_of
from .result_file import check_target, move_into_place
from .verdict import require_reliable

_ROWS = 1 << 17  # of a row group


def write_agents(
    fit: xr.DataTree, path: str | os.PathLike[str], *, allow_unreliable: bool = False, force: bool = False
) -> int:
    """Write what is known of each agent, a row for each, whole or not at all.

    Columns are ``agent``; ``group`` (or period), null for none, where there are any; for each area and goal
    ``AREA: GOAL``, the posterior probability that the agent holds the goal (where agents follow several goals, the
    mean share of it in the agent's mixture); ``AREA: weight``, its posterior mean, null where weights are not known;
    and ``state``, that of the result, so that no number goes without it. Posterior means over the draws of a result are
    what it holds of its agents; :func:`agents_posterior` gives intervals for some of them.

    The schema's metadata ``dissensus`` is a JSON object with ``state``, ``reasons``, ``data_hash``, ``seed``,
    ``version`` and ``allow_unreliable``.

    Parameters
    ----------
    fit
        A result of :func:`fit` or :func:`load`.
    path
        The file to write.
    allow_unreliable
        Write a refused fit too, with state ``refused`` in every row.
    force
        Replace a file that exists.

    Returns
    -------
    int
        The number of rows.

    Raises
    ------
    Refused
        If the fit is refused and ``allow_unreliable`` is False.
    InputError
        If the file exists and ``force`` is False, or cannot be written.
    """
    found = require_reliable(fit, allow_unreliable=allow_unreliable)
    target = check_target(path, force=force)
    origin = {
        "state": found.state,
        "reasons": list(found.reasons),
        "data_hash": attribute(fit, "data_hash"),
        "seed": attribute(fit, "seed"),
        "version": attribute(fit, "versions")["dissensus"],
        "allow_unreliable": found.refused,
    }
    table = _table(fit, found.state).replace_schema_metadata({"dissensus": json.dumps(origin)})
    partial = target.with_name(f".dissensus-{secrets.token_hex(8)}.partial")
    try:
        pq.write_table(table, partial, row_group_size=_ROWS, compression="zstd")
        move_into_place(partial, target, path, force=force)
    except OSError as error:
        message = f"The table cannot be written: {error.strerror or shown(str(error))}."
        remedy = "Check free space and permissions."
        raise InputError(Fault(code="not-writable", message=message, remedy=remedy, file=str(path))) from None
    finally:
        partial.unlink(missing_ok=True)
    return int(table.num_rows)


def _table(fit: xr.DataTree, state: str) -> pa.Table:
    agents, choices = fit["agents"].to_dataset(), choices_of(fit)
    columns: dict[str, pa.Array] = {"agent": pa.array(choices.agents.tolist(), pa.string())}
    if choices.groups:
        codes = np.where(choices.group_of_agent < 0, 0, choices.group_of_agent).astype(np.int32)
        none = pa.array(codes, mask=choices.group_of_agent < 0)
        columns["group"] = pa.DictionaryArray.from_arrays(none, pa.array(list(choices.groups), pa.string()))
    probability, weight = agents["goal_probability"], agents["weight"]
    for k, label in enumerate(probability["goal"].values.astype(str)):
        columns[str(label)] = pa.array(probability.values[:, k])
    for k, area in enumerate(weight["area"].values.astype(str)):
        columns[f"{area}: weight"] = pa.array(weight.values[:, k], from_pandas=True)
    every = pa.array(np.zeros(len(choices.agents), dtype=np.int8))
    columns["state"] = pa.DictionaryArray.from_arrays(every, pa.array([state]))
    return pa.Table.from_arrays(list(columns.values()), names=list(columns))
