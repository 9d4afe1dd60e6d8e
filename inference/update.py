"""New answers for a fit that exists: counts add up, and the search begins where the last one ended."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import xarray as xr

from ..datasets.choices import Choices
from ..datasets.join import join
from ..datasets.study import Priors
from ..errors import Fault, InputError
from .area_fit import Method
from .checks import from_dataset
from .fit import fit
from .result import attribute, choices_of
from .verdict import close


def update(
    old: xr.DataTree,
    new: Choices,
    *,
    seed: int | None = None,
    method: Method = "auto",
    draws: int | None = None,
    group_shares: Mapping[str, float] | None = None,
    progress: Callable[[str], None] | None = None,
    max_seconds: float | None = None,
    max_memory: float | None = None,
) -> xr.DataTree:
    """Return the fit of the answers of a result and of new ones.

    A result holds its answers reduced to patterns, so the old table or log is not read again: agents in both have the
    answers of both, new agents come to the old. The search for modes begins at the posterior mean of the result (and at
    prior draws, as ever), and every check is made anew. Up to Monte Carlo error it is the fit of everything read at
    once, with the same data hash.

    Parameters
    ----------
    old
        A result of :func:`fit`, :func:`load` or :func:`update`.
    new
        The new answers, read with the study of the result.
    seed, method, group_shares, progress, max_seconds, max_memory
        As for :func:`fit`. Group shares that were given to the result must be given again.
    draws
        Posterior draws in all; default as many as the result has.

    Returns
    -------
    xarray.DataTree
        As :func:`fit` returns it, with the priors of the result. The attribute ``history`` lists what the answers came
        from, oldest first, and a note says so.

    Raises
    ------
    InputError
        If the answers were read with another study, are already in the result, or cannot be added to it, see
        :func:`~dissensus.datasets.join`; and as :func:`fit`.
    """
    before = choices_of(old)
    past = history(old)
    if new.data_hash in {entry["data_hash"] for entry in past}:
        message = "The result holds exactly these answers already."
        raise InputError(
            Fault(code="same-answers", message=message, remedy="Give answers that are new.", file=new.source)
        )
    _refuse_given_shares(old, group_shares)
    chains, kept = attribute(old, "shape")
    joined = join(before, new)
    tree = fit(
        joined,
        priors=Priors(**attribute(old, "priors")),
        seed=seed,
        method=method,
        draws=draws or chains * kept,
        group_shares=group_shares,
        progress=progress,
        max_seconds=max_seconds,
        max_memory=max_memory,
        start=old,
    )
    both = len(before.agents) + len(new.agents) - len(joined.agents)
    note = (
        f"Updated: answers of {new.n_agents:,} agents, {both:,} of whom the result held already, came to those of "
        f"{before.n_agents:,}."
    )
    tree.attrs["notes"] = json.dumps([*attribute(tree, "notes"), note])
    tree.attrs["history"] = json.dumps([*past, _entry(new.source, new.data_hash, new.n_agents)])
    return close(tree, from_dataset(tree["checks"].to_dataset()))


def history(fit: xr.DataTree) -> list[dict[str, Any]]:
    """Return what the answers of a result came from, oldest first: source, data hash and number of agents of each."""
    if "history" in fit.attrs:
        return list(attribute(fit, "history"))
    return [_entry(*(attribute(fit, key) for key in ("source", "data_hash", "n_agents")))]


def _entry(source: str, data_hash: str, agents: int) -> dict[str, Any]:
    return {"source": source, "data_hash": data_hash, "n_agents": agents}


def _refuse_given_shares(old: xr.DataTree, shares: Mapping[str, float] | None) -> None:
    given = any("group shares fixed, as given" in note for note in attribute(old, "notes"))
    if given and shares is None:
        message = "The group shares of the result were given, not taken from its table."
        remedy = "Give them again as group_shares, or fit everything anew."
        raise InputError(Fault(code="group-shares", message=message, remedy=remedy))
