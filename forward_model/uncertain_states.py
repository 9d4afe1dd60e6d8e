"""Expected scores of agents whose goal and weight are known by their probabilities only."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ..errors import Fault, InputError, shown
from .labelled import RESERVED, Groups, group_codes, label_array
from .pair_sums import expected_scores
from .problem_area import ProblemArea
from .weight_means import WeightMean, check_weight_mean


def expected_score(
    probability: xr.DataArray,
    area: ProblemArea,
    *,
    weight_mean: WeightMean = "geometric",
    by: Groups | None = None,
) -> xr.Dataset:
    """Return expected contention and misalignment in one area from the probability of each agent's states.

    Exact for independent agents and any mean of weights. Plugging the most probable goal and the mean weight
    into :func:`.score` instead is biased: it treats what is unknown as known. Relative misalignment, a ratio,
    has no such form; draw states and score them.

    Parameters
    ----------
    probability
        Probability that an agent is in a state, dims ``agent``, ``state`` and any others, summing to 1 over
        ``state``. Two coordinates along ``state`` say what a state is: ``goal``, a goal of ``area`` or None,
        and ``weight``, in [0, 1].
    area
        The problem area.
    weight_mean
        Mean of two weights, as for :func:`.score`.
    by
        A group label per agent, as for :func:`.score`.

    Returns
    -------
    xarray.Dataset
        ``contention`` and ``misalignment`` with the extra dims, and ``group``, ``group_other`` with ``by``.
        NaN within a group of one agent, with the attribute ``reasons``.

    Raises
    ------
    InputError
        For missing dims or coordinates, probabilities that are negative or do not sum to 1, unknown goals,
        weights outside [0, 1], or fewer than two agents.
    """
    check_weight_mean(weight_mean)
    for dim in ("agent", "state"):
        if dim not in probability.dims:
            raise _fault("dims", f'"probability" has no dim "{dim}"', 'Its dims are "agent", "state" and any others.')
    extra = [str(d) for d in probability.dims if d not in {"agent", "state"}]
    if RESERVED.intersection(extra):
        raise _fault("reserved-dim", f"An extra dim is called one of {sorted(RESERVED)}", "Rename it.")
    n = probability.sizes["agent"]
    if n < 2:
        raise _fault("one-agent", f'"probability" holds {n} agent(s)', "A score needs two agents or more.")
    goal, weight = _states(probability, area)
    values = _checked(probability.transpose(*extra, "agent", "state").to_numpy())
    group, names = group_codes(by, n, probability.indexes.get("agent"), "probability")
    size = max(1, len(names))
    # Agents in no group make up a last row, which only the overall numbers know.
    expected = expected_scores(
        values,
        np.ones(n),
        goal,
        weight,
        np.pad(area.conflict, (0, 1)),
        weight_mean=weight_mean,
        group=np.where(group < 0, size, group),
        n_groups=size + 1,
    )
    if names:
        parts = expected.contention_groups, expected.misalignment_groups
        contention, misalignment = (part[..., :size, :size] for part in parts)
        dims = (*extra, "group", "group_other")
    else:
        contention, misalignment, dims = expected.contention, expected.misalignment, tuple(extra)
    coords: dict[str, Any] = {d: probability.coords[d].values for d in extra if d in probability.coords}
    if names:
        coords |= {dim: label_array(names) for dim in ("group", "group_other")}
    attrs = {"estimand": "sample", "weight_mean": weight_mean, "n_agents": n}
    result = xr.Dataset({"contention": (dims, contention), "misalignment": (dims, misalignment)}, coords, attrs)
    alone = [
        {"group": str(name), "group_other": str(name), "reason": "A group of one agent has no pairs."}
        for h, name in enumerate(names)
        if (group == h).sum() == 1
    ]
    if alone:
        for name in result:
            result[name].attrs["reasons"] = json.dumps(alone)
    return result


def _states(probability: xr.DataArray, area: ProblemArea) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    for name in ("goal", "weight"):
        if name not in probability.coords or probability.coords[name].dims != ("state",):
            remedy = f'Say what the states are: probability.assign_coords({name}=("state", …)).'
            raise _fault("states", f'"probability" has no coordinate "{name}" along "state"', remedy)
    labels = pd.Series(probability.coords["goal"].to_numpy(), dtype=object)
    goal = pd.Index(area.goals, dtype=object).get_indexer(pd.Index(labels, dtype=object))
    unknown = labels[(goal < 0) & labels.notna()]
    if len(unknown):
        remedy = "Its goals are " + ", ".join(shown(g) for g in area.goals) + "; no goal is None."
        raise _fault(
            "unknown-goal", f"A state has the goal {shown(unknown.iloc[0])}, unknown in {shown(area.name)}", remedy
        )
    weight = probability.coords["weight"].to_numpy().astype(np.float64)
    if not ((weight >= 0) & (weight <= 1)).all():
        raise _fault(
            "weight-range", "A state has a weight outside [0, 1] or none", "Give each state a weight from 0 to 1."
        )
    return np.where(goal < 0, len(area.goals), goal), weight


def _checked(values: NDArray[Any]) -> NDArray[np.float64]:
    probability = values.astype(np.float64, copy=False)
    if not (probability >= 0).all():
        raise _fault("probability", '"probability" holds a negative number or NaN', "Give probabilities.")
    total = probability.sum(axis=-1)
    if (np.abs(total - 1) > 1e-8).any():
        worst = total.flat[int(np.abs(total - 1).argmax())]
        raise _fault("probability", f'"probability" sums to {worst:.9g} over "state"', "Each agent's must sum to 1.")
    return probability


def _fault(code: str, message: str, remedy: str) -> InputError:
    return InputError(Fault(code=code, message=f"{message}.", remedy=remedy))
