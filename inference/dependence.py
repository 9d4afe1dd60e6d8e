"""How far the goals of an agent in different areas depend on each other, and what follows for pairs of agents."""

from __future__ import annotations

import numpy as np
import xarray as xr

from ..errors import Fault, InputError
from .result import attribute
from .verdict import require_reliable

GROUP = "dependence"


def dependence(fit: xr.DataTree, *, allow_unreliable: bool = False) -> xr.Dataset:
    """Return posterior draws of the dependence between areas, and of its effect on the overall conflict of pairs.

    All numbers are of the population, and none depends on the numbering of the hidden types.

    Parameters
    ----------
    fit
        A result of :func:`fit` or :func:`load`, of a study with ``[dependence]``.
    allow_unreliable
        Do not raise for a refused fit.

    Returns
    -------
    xarray.Dataset
        ``association`` (chain, draw, area, area_other): Cramér's V between the goals of an agent in two areas, 0 where
        the one says nothing of the other, 1 where it determines it; with groups it is that of all agents together, and
        ``group_association`` (…, group, …) that within each. V is never below 0, so a mean above 0 is no evidence of
        dependence; ``elpd_gain`` is. ``pair_sd`` (chain, draw, scenario, score): standard deviation over random pairs
        of agents of their overall conflict (``"misalignment"``: of conflict times the mean of their weights).
        ``pairs_without_conflict`` and ``pairs_in_conflict_everywhere`` (chain, draw, scenario): share of pairs who
        conflict in none, or in every, of the areas that count. Scenarios: ``"as fitted"``, and ``"independent"`` with
        the same shares of goals. The mean over pairs, the score itself, is the same function of the shares in both.
        ``posterior_sd`` and ``posterior_sd_independent`` (score): standard deviation of the posterior of the overall
        score of these agents, and as it were if nothing of one area told of another. ``elpd_gain`` and
        ``elpd_gain_se``: by how much the answers of an agent left out are predicted better than with independent areas,
        summed over agents.

    Raises
    ------
    InputError
        If the study has no ``[dependence]`` of two types or more.
    Refused
        If the fit is refused and ``allow_unreliable`` is False.
    """
    require_reliable(fit, allow_unreliable=allow_unreliable)
    if GROUP not in fit.children:
        message, remedy = "In this result areas are independent.", "Write [dependence] with types = 2 in the study."
        raise InputError(Fault(code="independent-areas", message=message, remedy=remedy))
    data = fit[GROUP].to_dataset()
    a = np.array([area["area_weight"] for area in attribute(fit, "study")["areas"].values()])
    a = a / a.sum() if a.any() else np.full(len(a), 1 / len(a))
    scores = fit["scores"].to_dataset().sel(estimand="sample")
    names = list(data["score"].values)
    whole = [float(scores[f"overall_{name}"].std()) for name in names]
    apart = [float(np.sqrt((a**2) @ scores[name].var(("chain", "draw")).values)) for name in names]
    return data.assign(posterior_sd=("score", whole), posterior_sd_independent=("score", apart))


def refuse_dependence(fit: xr.DataTree, what: str) -> None:
    """Raise :class:`InputError` if areas of a result depend on each other, where something cannot allow for it yet."""
    if GROUP in fit.children:
        message = f"{what} takes areas to be independent, and those of this study share types of agents."
        remedy = "Fit the study without [dependence] for it."
        raise InputError(Fault(code="dependent-areas", message=message, remedy=remedy))
