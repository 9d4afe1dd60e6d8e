"""Answers on an ordered scale: P(at most level l | state) = logistic(τ_l + shift).

The thresholds τ_l = logit of the baseline probability of at most l, so a scale has as many parameters as a question
with options (a level more or less likely to an agent whom no goal moves), and the order is kept by construction.

``ordinal``     shift = κ·w·push_g(l): +1 at and above the levels that serve the goal, −1 below them, 0 between, so that
                with growing w the answers gather at the goal's place on the scale; a goal at an end is a direction.
``importance``  shift = −λ(w − ½): stated importance of the area, with λ of its own, whatever the goal.
``learned``     shift = −w·a_g, where it is learned which way, and how far, a goal moves the answers along the scale.

With u and v the arguments at the two ends of a level, v < u, its probability is σ(u)·σ(−v)·(1 − e^(v−u)). The
difference u − v is log(1 + b/(below)) + log(1 + b/(above)) and that of the shifts, with b the baseline of the level and
the sums below and above it, so no digits are lost in the tails or where a level is rare.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from .states import IMPOSSIBLE, States

Array = NDArray[np.float64]

_FAR = 800.0  # stands for an end without threshold


@dataclass(frozen=True, eq=False)
class Levels:
    """Which levels belong together: ``item_of_option`` and ``same_item`` as in the table of the area."""

    item_of_option: NDArray[np.int64]
    same_item: Array


@dataclass(frozen=True, eq=False)
class CumulativeTable:
    """Constants of a run of items with ordered levels.

    Parameters
    ----------
    options
        Where the run lies among the options of the area.
    baseline
        Items of the levels.
    at_most, above
        Whether a level (first axis) counts in "at most o" and in "above o" of level o, (option, option).
    first, last
        Whether a level is the lowest, or the highest, of its item, (option,).
    shift, shift_gap
        What is added to the threshold above each level, and how much more that is than for the one below it,
        (state, option).
    loading
        What is added times the scale, (state, option).
    scale
        Which scale each level's item has, −1 for none, (option,).
    goal, of_goal
        Where the shift is learned: goal of each state, (state,), and minus its weight under the goal it has, else 0,
        (goal, state). None elsewhere.
    """

    options: slice
    baseline: Levels
    at_most: Array
    above: Array
    first: NDArray[np.bool_]
    last: NDArray[np.bool_]
    shift: Array
    shift_gap: Array
    loading: Array
    scale: NDArray[np.int64]
    goal: NDArray[np.int64] | None = None
    of_goal: Array | None = None

    @property
    def scaled(self) -> NDArray[np.bool_]:
        """Whether a level's item has a scale, (option,)."""
        return self.scale >= 0


def make_cumulative(
    options: slice, item_of_option: NDArray[np.int64], shift: Array, loading: Array, scale: NDArray[np.int64]
) -> CumulativeTable:
    """Return the constants of a run of items with ordered levels; see :class:`CumulativeTable`."""
    same = item_of_option[:, None] == item_of_option
    place = np.arange(len(item_of_option))
    upto = same & (place[:, None] <= place)
    first = np.diff(item_of_option, prepend=item_of_option[0] - 1) > 0
    last = np.diff(item_of_option, append=item_of_option[-1] + 1) > 0
    gap = np.where(first | last, 0.0, np.diff(shift, axis=1, prepend=0.0))
    return CumulativeTable(
        options,
        Levels(item_of_option, same.astype(float)),
        upto.astype(float),
        (same & ~upto).astype(float),
        first,
        last,
        shift,
        gap,
        loading,
        scale,
    )


def learned_levels(options: slice, item_of_option: NDArray[np.int64], states: States) -> CumulativeTable:
    """Return the constants of a run of items with ordered levels whose shift is learned."""
    none = np.zeros((states.n_states, len(item_of_option)))
    table = make_cumulative(options, item_of_option, none, none, np.full(len(item_of_option), -1))
    return replace(table, goal=states.some_goal, of_goal=-states.weight_of_goal)


def _ends(xp: ModuleType, table: CumulativeTable, b: Any, scale: Any, affinity: Any = None) -> tuple[Any, Any, Any]:
    """Return the arguments of the logistic at both ends of each level, and their difference, (..., state, option)."""
    above = xp.where(table.last, 1.0, b @ table.above)
    threshold = xp.where(table.last, 0.0, xp.log(b @ table.at_most) - xp.log(above))
    moved = threshold[..., None, :] + table.shift
    if table.scaled.any():
        own = xp.where(table.scaled, scale[..., np.maximum(table.scale, 0)], 0.0)
        moved = moved + own[..., None, :] * table.loading
    if table.goal is not None and table.of_goal is not None:
        moved = moved + table.of_goal.sum(axis=0)[:, None] * affinity[..., table.goal, :]
    upper = xp.where(table.last, _FAR, moved)
    previous = np.maximum(np.arange(len(table.scale)) - 1, 0)
    lower = xp.where(table.first, -_FAR, moved[..., previous])
    below = xp.where(table.first, 1.0, (b @ table.at_most)[..., previous])
    gap = xp.where(table.first | table.last, _FAR, xp.log1p(b / below) + xp.log1p(b / above))
    return upper, lower, gap[..., None, :] + table.shift_gap


def _softplus(xp: ModuleType, x: Any) -> Any:
    return xp.log1p(xp.exp(-xp.abs(x))) + xp.maximum(x, 0.0)


def log_level_probability(
    xp: ModuleType, table: CumulativeTable, log_baseline: Any, scale: Any = None, affinity: Any = None
) -> Any:
    """Return log P(level | state), (..., state, option).

    Parameters
    ----------
    xp
        ``numpy`` or ``pytensor.tensor``.
    table
        Constants of the run.
    log_baseline
        Log probability of each level to an agent whom nothing moves, (..., option).
    scale
        Scales λ of the area, (..., scale).
    affinity
        Where the shift is learned, a_g of each level, the same for those of an item, (..., goal, option).
    """
    upper, lower, gap = _ends(xp, table, xp.exp(log_baseline), scale, affinity)
    apart = xp.log(xp.maximum(-xp.expm1(-gap), IMPOSSIBLE))
    return apart - _softplus(xp, -upper) - _softplus(xp, lower)


def pull_back_levels(
    table: CumulativeTable, log_baseline: Array, slope: Array, scale: Array | None
) -> tuple[Array, Array]:
    """Return the gradients by the baseline probabilities and by the scale of each level's item, both (..., option).

    Parameters
    ----------
    table, log_baseline, scale
        As for :func:`log_level_probability`.
    slope
        Gradient of a function by the table, (..., state, option).
    """
    by_end, by_baseline = _pull_back_ends(table, np.exp(log_baseline), slope, scale, None)
    return by_baseline, (by_end * table.loading).sum(axis=-2)


def pull_back_learned_levels(
    table: CumulativeTable, log_baseline: Array, slope: Array, affinity: Array
) -> tuple[Array, Array]:
    """Return the gradients by the baseline probabilities, (..., option), and by the affinities, (..., goal, option).

    Parameters
    ----------
    table, log_baseline, affinity
        As for :func:`log_level_probability`.
    slope
        Gradient of a function by the table, (..., state, option).
    """
    assert table.of_goal is not None
    by_end, by_baseline = _pull_back_ends(table, np.exp(log_baseline), slope, None, affinity)
    return by_baseline, np.matmul(table.of_goal, by_end)


def _pull_back_ends(
    table: CumulativeTable, b: Array, slope: Array, scale: Array | None, affinity: Array | None
) -> tuple[Array, Array]:
    """Return the gradients by the thresholds, (..., state, option), and by the baseline, (..., option)."""
    upper, lower, gap = _ends(np, table, b, scale, affinity)
    apart = np.where(table.first | table.last, 0.0, 1 / np.expm1(np.clip(gap, IMPOSSIBLE, 700.0)))
    by_end = np.where(table.last, 0.0, slope * (expit(-upper) + apart))
    by_start = np.where(table.first, 0.0, -slope * (expit(lower) + apart))
    by_end[..., :-1] += by_start[..., 1:]  # the lower end of a level is the upper end of the one before
    by_threshold = by_end.sum(axis=-2)
    above = np.where(table.last, 1.0, b @ table.above)
    by_threshold = np.where(table.last, 0.0, by_threshold)
    by_baseline = (by_threshold / (b @ table.at_most)) @ table.at_most.T - (by_threshold / above) @ table.above.T
    return by_end, by_baseline
