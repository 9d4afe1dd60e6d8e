"""Goals that go with how much an agent answers, or with how firmly it follows its goal: the model says neither.

With r_i(g) the probability of goal g given the answers of agent i of group h, and t_i the number of items it answered
less the mean of its group,

    D_g = Σ_i t_i r_i(g)

has mean 0 at θ when those who skip items want the same as the others: E r(g) = π_hg whatever was asked. With w_i(g) the
posterior mean of weight × [goal is g] and μ_h the mean weight,

    D_g = Σ_i w_i(g) − μ_h r_i(g)

has mean 0 when weights are alike for all goals.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .area_scores import stratum_shares
from .density import AreaDensity, chunks, evaluate_rows, state_prior
from .discrepancy import Discrepancy
from .marginal import feature_means

Array = NDArray[np.float64]

SURE = 3.0
"""Posterior standard deviations by which a goal's share must lie above 0: of a goal that nobody may hold, a discrepancy
is no normal number."""

_LEAST_VARIANCE = 1e-9


def goal_discrepancies(density: AreaDensity, theta: Array) -> list[Discrepancy]:
    """Return what speaks for goals that go with skipping and with weights; nothing with one goal.

    Parameters
    ----------
    density
        Density of the area.
    theta
        Posterior draws, (draw, coordinate).
    """
    rows, states, area = density.rows, density.states, density.area
    if states.n_shares < 2 or not states.weighted:
        return []
    k = states.n_shares
    features = np.hstack([states.is_goal, states.is_goal * states.weight[:, None]])
    extent = _extent(density)
    skipping, firmness = np.empty((len(theta), k)), np.empty((len(theta), k))
    variance, shares = np.zeros((2, k)), np.empty((len(theta), k))
    d = 0
    for part in chunks(density, len(theta), per_draw=rows.n_rows * 2 * k):
        values, _, parts = evaluate_rows(density, theta[part])
        prior = np.exp(state_prior(density, values))  # (draw, group, state)
        means = feature_means(rows, parts, features)
        for r, p in zip(means, prior, strict=True):
            shares[d] = stratum_shares(density) @ (p @ states.is_goal)
            share, mean_weight = (p @ states.is_goal)[rows.group], (p @ states.weight)[rows.group, None]
            by_extent = extent[:, None] * (r[:, :k] - share)
            by_weight = r[:, k:] - mean_weight * r[:, :k]
            skipping[d], firmness[d] = rows.multiplicity @ by_extent, rows.multiplicity @ by_weight
            variance += np.stack([rows.multiplicity @ np.square(x) for x in (by_extent, by_weight)]) / len(theta)
            d += 1
    held = np.flatnonzero((shares.mean(axis=0) > SURE * shares.std(axis=0))[: states.n_goals])
    if k == 2 and not states.no_goal:
        held = held[: len(held) - 1]  # one goal mirrors the other
    found = []
    for g in held:
        goal = area.goals[g]
        if variance[0, g] > _LEAST_VARIANCE:
            found.append(Discrepancy("skipping", skipping[:, g], float(variance[0, g]), _skipping(goal)))
        if variance[1, g] > _LEAST_VARIANCE:
            found.append(
                Discrepancy(
                    "weights-by-goal", firmness[:, g], float(variance[1, g]), _firmness(goal, stated=density.face_value)
                )
            )
    return found


def _extent(density: AreaDensity) -> Array:
    """Return how many items each row answered less the mean of its group, among agents who answered any, (row,)."""
    rows = density.rows
    answered = (density.area.item_answers[rows.pattern] > 0).sum(axis=1).astype(float)
    some = rows.multiplicity * (answered > 0)
    unit = density.unit_of_row
    total = np.bincount(unit, some, density.n_units)
    mean = np.bincount(unit, some * answered, density.n_units) / np.maximum(total, 1e-300)
    return np.asarray(np.where(answered > 0, answered - mean[unit], 0.0))


def _skipping(goal: str) -> Callable[[float], str]:
    return lambda gap: f"Agents who skip items hold the goal '{goal}' {'less' if gap > 0 else 'more'} often than others"


def _firmness(goal: str, *, stated: bool) -> Callable[[float], str]:
    if stated:
        return lambda gap: (
            f"Agents with the goal '{goal}' call it {'more' if gap > 0 else 'less'} important than others do"
        )
    return lambda gap: f"Agents with the goal '{goal}' follow it {'more' if gap > 0 else 'less'} firmly than others do"
