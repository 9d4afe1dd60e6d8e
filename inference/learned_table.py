"""Answers to items of which it is learned what a goal favours: log P(option | state) and its gradient.

With the affinities a_g(o), logits by which goal g favours the options of an item, and the baseline B = softmax(b),

``follow``  P(o | g, w) = w·softmax(a_g)(o) + (1 − w)·B(o),
``luce``    P(o | g, w) = softmax(b + w·a_g)(o); κ is no convention here, since the size of a_g is learned.

With all weights 1 both are latent classes, softmax(a_g) (Lazarsfeld and Henry 1968).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .states import IMPOSSIBLE, States

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LearnedTable:
    """Constants of a run of items whose affinities are learned.

    Parameters
    ----------
    rule
        ``"follow"`` or ``"luce"``.
    options
        Where the run lies among the options of the area.
    item_of_option, same_item
        As in :class:`.RuleTable`.
    goal, weight
        Goal of each state, some goal where there is none, and its weight, (state,).
    of_goal
        Weight of each state under the goal it has, else 0, (goal, state).
    """

    rule: str
    options: slice
    item_of_option: NDArray[np.int64]
    same_item: Array
    goal: NDArray[np.int64]
    weight: Array
    of_goal: Array

    @cached_property
    def sure(self) -> bool:
        """Whether the states are the goals, with weights of 1: an answer then follows the goal, never the baseline."""
        return self.rule == "follow" and np.array_equal(self.of_goal, np.eye(len(self.goal)))


def make_learned(
    rule: str, options: slice, item_of_option: NDArray[np.int64], same_item: Array, states: States
) -> LearnedTable:
    """Return the constants of a run of items; see :class:`LearnedTable`."""
    goal, of_goal = states.some_goal, states.weight_of_goal
    return LearnedTable(rule, options, item_of_option, same_item, goal, states.weight, of_goal)


def log_mixture(xp: ModuleType, table: LearnedTable, log_baseline: Any, log_favoured: Any) -> Any:
    """Return log P(option | state) by the rule ``follow``, (..., state, option).

    Parameters
    ----------
    xp
        ``numpy`` or ``pytensor.tensor``.
    table
        Constants of the run.
    log_baseline
        Log baseline, (..., option).
    log_favoured
        Log softmax of the affinities within each item, (..., goal, option).
    """
    own = xp.exp(log_favoured)[..., table.goal, :]
    weight = table.weight[:, None]
    probability = weight * own + (1 - weight) * xp.exp(log_baseline)[..., None, :]
    return xp.log(xp.maximum(probability, IMPOSSIBLE))


def log_sure(xp: ModuleType, log_favoured: Any) -> Any:
    """Return the same where the states are the goals, with weights of 1, (..., state, option)."""
    return xp.maximum(log_favoured, np.log(IMPOSSIBLE))


def pull_back_sure(table: LearnedTable, log_p: Array, slope: Array) -> Array:
    """Return the gradient by the affinities where the states are the goals, with weights of 1, (..., goal, option)."""
    return np.asarray(slope - np.exp(log_p) * (slope @ table.same_item))


def pull_back_mixture(
    table: LearnedTable, log_baseline: Array, log_favoured: Array, log_p: Array, slope: Array
) -> tuple[Array, Array]:
    """Return the gradients by the baseline logits, (..., option), and by the affinities, (..., goal, option).

    Parameters
    ----------
    table, log_baseline, log_favoured
        As for :func:`log_mixture`.
    log_p
        The table there, (..., state, option).
    slope
        Gradient of a function by the table, (..., state, option).
    """
    ratio = slope * np.exp(-log_p)
    baseline, favoured = np.exp(log_baseline), np.exp(log_favoured)
    by_baseline = np.matmul(1 - table.weight, ratio)
    by_favoured = np.matmul(table.of_goal, ratio)
    return (
        pull_back_softmax(baseline, by_baseline, table.same_item),
        pull_back_softmax(favoured, by_favoured, table.same_item),
    )


def pull_back_softmax(probability: Array, slope: Array, same_item: Array) -> Array:
    """Return the gradient by logits from that by their softmax within each item, (..., option).

    Parameters
    ----------
    probability
        The softmax, (..., option).
    slope
        Gradient of a function by it, (..., option).
    same_item
        As in :class:`LearnedTable`.
    """
    return np.asarray(probability * (slope - (slope * probability) @ same_item))
