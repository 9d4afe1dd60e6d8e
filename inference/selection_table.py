"""Self-selection as part of the table log P(option | state): the recorded answers from those everybody would give.

    log P(o | recorded, s) = log P(o | s) + log r_o − log Σ_q P(q | s) · r_q,

the sum over the options of the item; answers given at random are those everybody would give, see
:mod:`dissensus.datasets.self_selection`.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.self_selection import Recorded

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SelectionTable:
    """Constants of the options of an area of which some are recorded sooner than others.

    Parameters
    ----------
    answers
        Positions of the options that everybody is asked, (answer,): all but those of items asked at random.
    answer_of
        The answer that each option stands for, by its position in ``answers``, (option,).
    takes
        The same as 0 and 1, (option, answer).
    log_odds, basis
        As in :class:`~dissensus.datasets.self_selection.Recorded`; 0 where an answer carries no information.
    within
        Whether two options belong to one item whose answers are selected, (option, option), as 0 and 1.
    outside
        1 for options of other items, and for those that carry no information, else 0, (option,).
    """

    answers: NDArray[np.int64]
    answer_of: NDArray[np.int64]
    takes: Array
    log_odds: Array
    basis: Array
    within: Array
    outside: Array


def make_selection(recorded: Recorded, item_of_option: NDArray[np.int64], ignored: NDArray[np.bool_]) -> SelectionTable:
    """Return the constants.

    Parameters
    ----------
    recorded
        How the recorded answers come about.
    item_of_option
        Item of each option, (option,).
    ignored
        Whether an answer carries no information, (answer,).
    """
    answers = asked(recorded)
    answer_of = np.searchsorted(answers, recorded.source)
    mine = recorded.selected[item_of_option] & ~ignored[answer_of]
    within = (item_of_option[:, None] == item_of_option) & mine[:, None] & mine
    log_odds, basis = np.where(mine, recorded.log_odds, 0.0), recorded.basis * mine[:, None]
    takes = (answer_of[:, None] == np.arange(len(answers))).astype(float)
    inside, outside = within.astype(np.float64), np.where(mine, 0.0, 1.0)
    return SelectionTable(answers, answer_of, takes, log_odds, basis, inside, outside)


def asked(recorded: Recorded) -> NDArray[np.int64]:
    """Return the positions of the options that everybody is asked, (answer,)."""
    return np.flatnonzero(~recorded.at_random)


def log_recorded(xp: ModuleType, table: SelectionTable, log_p: Any, odds: Any) -> Any:
    """Return log P(option | recorded, state), (..., state, option).

    Parameters
    ----------
    xp
        ``numpy`` or ``pytensor.tensor``.
    table
        Constants of the area.
    log_p
        log P(answer | state), (..., state, answer).
    odds
        Logarithm of the odds that are not known, (..., odds).
    """
    log_odds = table.log_odds + odds @ table.basis.T
    moved = log_p[..., table.answer_of] + log_odds[..., None, :]
    return moved - xp.log(xp.exp(moved) @ table.within + table.outside)


def split_recorded(table: SelectionTable, log_p: Array, slope: Array) -> tuple[Array, Array]:
    """Return the gradients by the table of the answers and by the logarithm of the odds.

    Parameters
    ----------
    table
        Constants of the area.
    log_p
        Result of :func:`log_recorded`, (..., state, option).
    slope
        Gradient of a function by that, (..., state, option).

    Returns
    -------
    by_answers, by_odds
        (..., state, answer) and (..., odds).
    """
    moved = slope - np.exp(log_p) * (slope @ table.within)
    return moved @ table.takes, moved.sum(axis=-2) @ table.basis
