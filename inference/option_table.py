"""The table log P(option | state) of an area, from its baselines.

``follow``  P(o | g, w) = w·G_g(o) + (1 − w)·B(o), with G_g(o) = 1 / (number of options of the item that serve g);
            P = B for an item none of whose options serves g.
``luce``    P(o | g, w) = softmax over the item's options of log B(o) + κ·w·A_g(o), A = 1 where the option serves g.

Both are constants of the study combined with the baseline, so a table is two constant arrays and one formula.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .states import States

_IMPOSSIBLE = 1e-300  # stands for probability 0, so that 0 answers × log 0 stays 0


@dataclass(frozen=True, eq=False)
class OptionTable:
    """Constants of the table of one area.

    Parameters
    ----------
    rule
        ``"follow"`` or ``"luce"``.
    item_of_option
        Item of each option, (option,), not decreasing.
    same_item
        Whether two options belong to one item, (option, option), as 0 and 1.
    served
        ``follow``: w·G_g(o), the part of the probability that serves the goal; ``luce``: κ·w·A_g(o). (state, option)
    free
        ``follow``: the factor of the baseline, 1 − w or 1; unused by ``luce``. (state, option)
    ignored
        Options that carry no information, (option,): in one-answer areas, those that serve no goal while the others
        of the item serve them all.
    """

    rule: str
    item_of_option: NDArray[np.int64]
    same_item: NDArray[np.float64]
    served: NDArray[np.float64]
    free: NDArray[np.float64]
    ignored: NDArray[np.bool_]


def make_table(
    serves: NDArray[np.bool_], item_of_option: NDArray[np.int64], states: States, *, rule: str, kappa: float
) -> OptionTable:
    """Return the constants of an area's table.

    Parameters
    ----------
    serves
        Whether an option serves a goal, (goal, option).
    item_of_option
        Item of each option, (option,).
    states
        Cells of the area.
    rule, kappa
        Choice rule and, for ``luce``, the scale of the affinity.
    """
    same = (item_of_option[:, None] == item_of_option).astype(float)
    by_goal = np.vstack([serves, np.zeros((1, serves.shape[1]), dtype=bool)])[states.goal].astype(float)
    servers = by_goal @ same
    weight = np.where(servers > 0, states.weight[:, None], 0.0)
    ignored = np.zeros(serves.shape[1], dtype=bool)
    if rule == "follow" and not states.weighted and not states.no_goal:
        # An option that serves no goal has probability 0 under every goal that its item serves. Where the item serves
        # all of them, the answer says nothing on the goal.
        ignored = ~serves.any(axis=0) & ((serves @ same) > 0).all(axis=0)
    if rule == "luce":
        return OptionTable(
            rule, item_of_option, same, kappa * states.weight[:, None] * by_goal, np.ones_like(weight), ignored
        )
    served = weight * by_goal / np.maximum(servers, 1)
    return OptionTable(rule, item_of_option, same, served, 1 - weight, ignored)


def _item_top(xp: ModuleType, table: OptionTable, utility: Any) -> Any:
    """Return the largest utility within each option's item, so that exponentials cannot overflow.

    PyTensor has no such reduction; there utilities are within a few hundred of 0 wherever the prior has any mass.
    """
    if xp is not np:
        return 0.0
    starts = np.flatnonzero(np.diff(table.item_of_option, prepend=-1))
    return np.maximum.reduceat(utility, starts, axis=-1)[..., table.item_of_option]


def log_baseline(xp: ModuleType, table: OptionTable, logits: Any) -> Any:
    """Return the log baseline probabilities, (..., option), softmax of the logits within each item."""
    shifted = logits - _item_top(xp, table, logits)
    return shifted - xp.log(xp.exp(shifted) @ table.same_item)


def log_option_probability(xp: ModuleType, table: OptionTable, logits: Any) -> Any:
    """Return log P(option | state), (..., state, option).

    Parameters
    ----------
    xp
        ``numpy`` or ``pytensor.tensor``: the formula is the same in both.
    table
        Constants of the area.
    logits
        Baseline logits, (..., option), zero-sum within an item.
    """
    if table.rule == "luce":
        utility = logits[..., None, :] + table.served
        utility = utility - _item_top(xp, table, utility)
        return utility - xp.log(xp.exp(utility) @ table.same_item)
    baseline = xp.exp(log_baseline(xp, table, logits))
    probability = table.served + table.free * baseline[..., None, :]
    log_probability = xp.log(xp.maximum(probability, _IMPOSSIBLE))
    return xp.where(table.ignored, 0.0, log_probability) if table.ignored.any() else log_probability


def pull_back(
    table: OptionTable, logits: NDArray[np.float64], log_p: NDArray[np.float64], slope: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the gradient by the baseline logits, (..., option), from the gradient by the table.

    Parameters
    ----------
    table
        Constants of the area.
    logits
        Baseline logits, (..., option).
    log_p
        The table at those logits, (..., state, option).
    slope
        Gradient of a function by the table, (..., state, option).
    """
    if table.rule == "luce":
        return np.asarray((slope - np.exp(log_p) * (slope @ table.same_item)).sum(axis=-2))
    baseline = np.exp(log_baseline(np, table, logits))
    by_baseline = (np.where(table.ignored, 0.0, slope) * table.free * np.exp(-log_p)).sum(axis=-2)
    return np.asarray(baseline * (by_baseline - (by_baseline * baseline) @ table.same_item))
