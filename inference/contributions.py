"""What each area, pair of goals and agent makes up of a score: parts that sum to it in every draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ..datasets.choices import Choices
from ..datasets.validation import hint, listed
from ..errors import Fault, InputError, shown
from .conflict_sensitivity import Derivatives, derivatives
from .density import chunks, evaluate_rows
from .drawn_again import AreaDraws, draws_of, unit_states, with_units
from .goal_mixtures import own_conflict
from .marginal import feature_means
from .published import Estimand, Published, Score, check_area, check_score, described, published
from .result import choices_of

Array = NDArray[np.float64]

OF = ("area", "goal_pair", "pattern", "agent")
_RANKED = 200
"""Draws that agents are ranked by; those shown are then drawn in full."""


def contributions(
    fit: xr.DataTree,
    *,
    of: Literal["area", "goal_pair", "pattern", "agent"] = "area",
    score: Score = "misalignment",
    estimand: Estimand = "sample",
    area: str | None = None,
    top: int = 20,
    allow_unreliable: bool = False,
) -> pd.DataFrame:
    """Return what areas, pairs of goals or agents make up of a score, the largest part first.

    Half of the conflict of each pair of agents is put down to either. In every draw the parts sum to the score, so the
    means of the rows sum to its mean.

    Parameters
    ----------
    fit
        A result of :func:`fit` or :func:`load`.
    of
        ``"area"``, ``"goal_pair"``, ``"pattern"`` (agents of one group with the same answers, taken together) or
        ``"agent"`` (the same patterns, those first whose agents make up most each).
    score
        ``"contention"``, ``"misalignment"`` or ``"relative_misalignment"``.
    estimand
        ``"sample"`` or ``"population"``; agents are those of the sample.
    area
        The area whose score is taken apart; None for the overall score.
    top
        Number of patterns listed; one more row holds all other agents.
    allow_unreliable
        Give the numbers of a refused fit, and those held back, too.

    Returns
    -------
    pandas.DataFrame
        ``area``; or ``area``, ``goal``, ``goal_other`` and ``conflict`` (its mean where it is uncertain); or ``agent``
        (one of them, null in the row of all others), ``group``, ``alike`` (how many share the pattern) and
        ``per_agent`` (``mean`` ÷ ``alike``). Then ``mean``, ``lower``, ``upper`` (90 % interval) of the part,
        ``of_whole`` (mean of its share of the score), ``state`` and ``reasons`` of the score. Null where the score does
        not exist or is held back.

    Raises
    ------
    Refused
        If the fit is refused and ``allow_unreliable`` is False.
    InputError
        If an option is unknown, ``top`` is not positive, or agents of the population are asked for.
    """
    _check(of, estimand, top)
    check_score(score)
    check_area(fit, area)
    said = published(fit, estimand=estimand, allow_unreliable=allow_unreliable)[(score, area)]
    choices = choices_of(fit)
    every = draws_of(fit, choices)
    areas = [one for one in every if area in {None, one.density.area.name}]
    a = np.array([1.0 if area else one.density.area.area_weight for one in areas])
    a = a / a.sum()
    if of in {"area", "goal_pair"}:
        labels, parts = _of_goals(areas, a, score, estimand, by_area=of == "area")
    else:
        labels, parts = _of_agents(choices, areas, a, score, top, each=of == "agent")
    return _table(labels, parts, said, by="per_agent" if of == "agent" else "mean")


def _of_goals(
    areas: Sequence[AreaDraws], a: Array, score: str, estimand: str, *, by_area: bool
) -> tuple[list[dict[str, Any]], Array]:
    """Return the labels of the parts and their draws, (draw, part)."""
    found = [derivatives(one, estimand) for one in areas]
    scale = _scale(found, a, score)
    labels: list[dict[str, Any]] = []
    parts = []
    for one, each, weight in zip(areas, found, a, strict=True):
        name, goals = one.density.area.name, one.density.area.goals
        slope = each.contention if score == "contention" else each.misalignment
        own = (weight * slope * each.conflict) * scale[:, None] if weight > 0 else np.zeros_like(slope)
        if by_area:
            labels.append({"area": name})
            parts.append(own.sum(axis=1, keepdims=True))
            continue
        mean = one.mean_conflict
        pairs = zip(each.first, each.second, strict=True)
        labels += [
            {"area": name, "goal": goals[i], "goal_other": goals[j], "conflict": float(mean[i, j])} for i, j in pairs
        ]
        parts.append(own)
    return labels, np.concatenate(parts, axis=1)


def _scale(found: Sequence[Derivatives], a: Array, score: str) -> Array:
    """Return what numerators are multiplied by, (draw,): 1, or 1 ÷ the mean weight of pairs over the areas."""
    draws = len(found[0].pair_weight)
    if score != "relative_misalignment":
        return np.ones(draws)
    below = np.sum([w * each.pair_weight for w, each in zip(a, found, strict=True) if w > 0], axis=0)
    return np.asarray(np.divide(1.0, below, out=np.full(draws, np.nan), where=below > 0))


def _of_agents(
    choices: Choices, areas: Sequence[AreaDraws], a: Array, score: str, top: int, *, each: bool
) -> tuple[list[dict[str, Any]], Array]:
    """Return the patterns that make up most, all other agents last, and the draws of their parts, (draw, part)."""
    rows = np.stack([one.density.rows.row_of_agent for one in areas], axis=1)
    _, first, kind = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    kind = np.ravel(kind)
    alike = np.bincount(kind)
    found = [derivatives(one, "sample") for one in areas]
    scale = _scale(found, a, score)
    expected = np.zeros(len(alike))
    for one, weight in zip(areas, a, strict=True):
        if weight > 0:
            expected += weight * _expected_parts(one, score)[one.density.rows.row_of_agent[first]]
    order = np.argsort(-expected * (1 if each else alike), kind="stable")[:top]
    own = np.full(len(alike), -1)
    own[order] = np.arange(len(order))
    total = np.zeros((len(scale), len(order) + 1))
    for one, weight in zip(areas, a, strict=True):
        if weight > 0:
            total += weight * _drawn_parts(one, own[kind], len(order), score)
    labels: list[dict[str, Any]] = []
    for place in order:
        group = int(choices.group_of_agent[first[place]])
        agent = str(choices.agents[first[place]])
        name = choices.groups[group] if group >= 0 else None
        labels.append({"agent": agent, "group": name, "alike": int(alike[place])})
    others = int(alike.sum() - alike[order].sum())
    if others:
        labels.append({"agent": None, "group": None, "alike": others})
    return labels, (total * scale[:, None])[:, : len(labels)]


def _feature(one: AreaDraws, score: str) -> Array:
    """Return what an agent in each state brings into a pair, by goal share, (state, share): 1, or √w."""
    states = one.density.states
    return states.is_goal if score == "contention" else states.is_goal * np.sqrt(states.weight)[:, None]


def _expected_parts(one: AreaDraws, score: str) -> Array:
    """Return the expected part of one agent of each row in the score, (row,), from some of the draws."""
    rows, density = one.density.rows, one.density
    theta = one.theta[:: max(1, len(one.theta) // _RANKED)]
    conflict = one.conflict if one.conflict.ndim == 2 else one.conflict.mean(axis=0)
    feature, total = _feature(one, score), np.zeros(rows.n_rows)
    for part in chunks(density, len(theta), per_draw=rows.n_rows * feature.shape[1]):
        mean = feature_means(rows, evaluate_rows(density, theta[part])[2], feature)
        others = np.einsum("r,drk->dk", rows.agents.astype(float), mean)[:, None] - mean
        total += np.einsum("drk,drk->r", mean @ conflict, others)
    n = float(rows.agents.sum())
    return total / len(theta) / (n * (n - 1))


def _drawn_parts(one: AreaDraws, own: NDArray[np.int64], number: int, score: str) -> Array:
    """Return the parts of units of agents in the score, those without one last, (draw, number + 1)."""
    units = with_units(one.density, own)
    field = 0 if score == "contention" else 1
    parts = []
    for drawn in unit_states(one, units):
        totals = drawn.totals[:, :, field]
        conflict = one.conflict if one.conflict.ndim == 2 else one.conflict[drawn.part]
        against = np.matmul(totals.sum(axis=1)[:, None], conflict)
        own_pair = own_conflict(drawn.overlap, conflict)[..., field] if drawn.overlap.shape[-1] else 0.0
        parts.append((totals * against).sum(axis=2) - own_pair)
    by_unit = np.concatenate(parts)
    result = np.zeros((len(by_unit), number + 1))
    np.add.at(result.T, np.where(units.own < 0, number, units.own), by_unit.T)
    n = float(units.size.sum())
    known = np.where(one.broken, np.nan, 1.0)
    if score != "contention" and not one.density.states.weighted:
        known = np.full(len(known), np.nan)
    return result / (n * (n - 1)) * known[:, None]


def _table(labels: list[dict[str, Any]], parts: Array, said: Published, *, by: str) -> pd.DataFrame:
    whole = parts.sum(axis=1)
    rows = []
    for label, draws in zip(labels, parts.T, strict=True):
        of_whole = np.divide(draws, whole, out=np.full(len(draws), np.nan), where=whole > 0)
        row = {**label, **described(draws), "of_whole": described(of_whole)["mean"]}
        if "alike" in row:
            row["per_agent"] = row["mean"] / row["alike"]
        if said.held:
            row |= {name: np.nan for name in ("mean", "lower", "upper", "of_whole", "per_agent") if name in row}
        rows.append({**row, "state": said.state, "reasons": list(said.reasons)})
    others = [row for row in rows if row.get("agent", "") is None]
    named = [row for row in rows if row.get("agent", "") is not None]
    named.sort(key=lambda row: -row[by] if np.isfinite(row[by]) else np.inf)
    return pd.DataFrame([*named, *others])


def _check(of: str, estimand: str, top: int) -> None:
    faults = []
    if of not in OF:
        remedy = hint(str(of), OF, f"Use one of {listed(OF)}.")
        faults.append(Fault(code="of", message=f'"of" is {shown(of)}.', remedy=remedy, value=str(of)))
    if of in {"pattern", "agent"} and estimand == "population":
        message = "Agents make up parts of the sample; the population has infinitely many."
        faults.append(Fault(code="estimand", message=message, remedy='Use estimand="sample".', value=estimand))
    if top < 1:
        faults.append(Fault(code="top", message=f'"top" is {top}.', remedy="Ask for at least 1.", value=str(top)))
    if faults:
        raise InputError(faults)
