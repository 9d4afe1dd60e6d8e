"""Posterior scores of a fit, and prior scores of choices, as labelled draws."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import xarray as xr

from ..datasets.choices import Choices
from ..datasets.study import Priors
from ..errors import Fault, InputError, shown
from ..forward_model.aggregation import mean_over_areas, relative_over_areas
from .area_scores import population_scores
from .model import area_densities, resolve_priors
from .parameters import draw_prior
from .verdict import require_reliable

SCORE_NAMES = ("observed_conflict", "contention", "misalignment", "relative_misalignment")


def scores(
    fit: xr.DataTree,
    *,
    by: str | None = None,
    estimand: Literal["sample", "population"] = "sample",
    allow_unreliable: bool = False,
) -> xr.Dataset:
    """Return the posterior draws of the scores.

    Parameters
    ----------
    fit
        A result of :func:`fit` or :func:`load`.
    by
        None for scores over all agents, or ``"group"`` for scores within (diagonal) and between groups.
    estimand
        ``"sample"``: these agents, unordered pairs without replacement. ``"population"``: agents like them, infinitely
        many, pairs with replacement.
    allow_unreliable
        Return the draws of a refused fit too; the Dataset then says so in its attributes.

    Returns
    -------
    xarray.Dataset
        ``observed_conflict``, ``contention``, ``misalignment``, ``relative_misalignment`` (chain, draw, area) and
        ``overall_*`` (chain, draw), all in [0, 1]; with ``by="group"`` also dims group and group_other. 0: no two
        agents conflict. The draws of ``observed_conflict`` are bootstrap replicates over agents. Attributes ``state``,
        ``reasons``, ``estimand``.

    Raises
    ------
    Refused
        If the state of the fit is ``refused`` and ``allow_unreliable`` is False.
    InputError
        If ``by`` or ``estimand`` is unknown, or the choices have no groups.
    """
    check_selection(fit, by, estimand)
    found = require_reliable(fit, allow_unreliable=allow_unreliable)
    stored = fit["scores"].to_dataset().sel(estimand=estimand, drop=True)
    prefix = "" if by is None else "group_"
    names = {f"{level}{prefix}{name}": f"{level}{name}" for level in ("", "overall_") for name in SCORE_NAMES}
    result = stored[list(names)].rename(names)
    used = {dim for name in result.data_vars for dim in result[name].dims}
    result = result.drop_vars([str(c) for c in result.coords if c not in used])
    return result.assign_attrs(
        state=found.state, reasons=list(found.reasons), estimand=estimand, allow_unreliable=int(found.refused)
    )


def prior_scores(
    choices: Choices,
    *,
    priors: Priors | dict[str, Any] | None = None,
    draws: int = 2_000,
    seed: int | np.random.Generator | None = None,
) -> xr.Dataset:
    """Return draws of the population scores from the prior: what the model believes before it sees an answer.

    Parameters
    ----------
    choices
        Their study, areas and groups are used; their answers are not.
    priors
        Prior settings put over the study's, see :func:`build_model`.
    draws
        Number of draws.
    seed
        Seed of the draws.

    Returns
    -------
    xarray.Dataset
        ``contention``, ``misalignment``, ``relative_misalignment`` (chain, draw, area) and ``overall_*`` (chain, draw).
        Misalignment is NaN where the answers say nothing on weights (one answer per agent).
    """
    rng = np.random.default_rng(seed)
    densities = area_densities(choices, resolve_priors(choices, priors))
    parts = [population_scores(d, draw_prior(d.parameters, draws, rng)).overall for d in densities]
    known = np.where([d.states.weighted for d in densities], 1.0, np.nan)
    a = np.array([d.area.area_weight for d in densities])
    stack = {name: np.stack([getattr(p, name) for p in parts], axis=-1) for name in SCORE_NAMES[1:]}
    stack["misalignment"] = stack["misalignment"] * known
    stack["relative_misalignment"] = stack["relative_misalignment"] * known
    overall = {name: mean_over_areas(stack[name], a) for name in SCORE_NAMES[1:3]}
    weight = np.stack([p.pair_weight for p in parts], axis=-1)
    overall["relative_misalignment"] = relative_over_areas(stack["misalignment"], weight, a)
    data: Mapping[str, Any] = {
        **{name: (("chain", "draw", "area"), values[None]) for name, values in stack.items()},
        **{f"overall_{name}": (("chain", "draw"), values[None]) for name, values in overall.items()},
    }
    return xr.Dataset(data, coords={"area": [d.area.name for d in densities]})


def check_selection(fit: xr.DataTree, by: str | None, estimand: str) -> None:
    """Raise :class:`InputError` unless the result has scores by ``by`` and for ``estimand``."""
    if by not in {None, "group"}:
        message, remedy = f'"by" is {shown(by)}.', 'Use by="group", or leave it out.'
        raise InputError(Fault(code="by", message=message, remedy=remedy, value=str(by)))
    if estimand not in {"sample", "population"}:
        message, remedy = f'"estimand" is {shown(estimand)}.', 'Use "sample" or "population".'
        raise InputError(Fault(code="estimand", message=message, remedy=remedy, value=str(estimand)))
    if by == "group" and "group_contention" not in fit["scores"].data_vars:
        message = "The study names no groups, so there are no scores by group."
        raise InputError(Fault(code="no-groups", message=message, remedy='Name a column as "group" under [table].'))
