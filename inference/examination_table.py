"""Examination as part of the table log P(option | state): an agent looks at a place, or what it does not see stays.

    log P(o | s, p) = log e_p + log P(o | s),    P(unseen | s, p) = 1 − e_p + e_p · P(unseen | s),

with e_p known or, but for the first place, logistic(x_p); see :mod:`dissensus.datasets.examination`.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from ..datasets.examination import Examined
from .states import IMPOSSIBLE

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ExaminationTable:
    """Constants of the options of an area whose items are shown at places.

    Parameters
    ----------
    unseen
        Whether an option is the answer of whoever does not look, (option,).
    log_known, missed
        log e and 1 − e where it is known, 0 where it is learned, (option,).
    learned
        Whether the e of an option is that of a learned place, (place − 1, option), as 0 and 1; no row where all are
        known.
    """

    unseen: NDArray[np.bool_]
    log_known: Array
    missed: Array
    learned: Array


def make_examination(examined: Examined, item_of_option: NDArray[np.int64]) -> ExaminationTable:
    """Return the constants.

    Parameters
    ----------
    examined
        What is shown where.
    item_of_option
        Item of each option, (option,).
    """
    place = examined.place_of_item[item_of_option]
    learned = np.arange(1, 1 + len(examined.learned))[:, None] == place
    known = np.ones(len(examined.places)) if examined.known is None else examined.known
    e = np.append(known, 1.0)[place]
    return ExaminationTable(examined.unseen, np.log(e), 1 - e, learned.astype(float))


def _logs(xp: ModuleType, table: ExaminationTable, logit: Any) -> tuple[Any, Any]:
    """Return log e and 1 − e of each option, (..., option), from the logits of learned places, (..., place − 1)."""
    tail = xp.log1p(xp.exp(-xp.abs(logit)))
    log_e = (-tail - xp.maximum(-logit, 0.0)) @ table.learned
    return table.log_known + log_e, table.missed + xp.exp(-tail - xp.maximum(logit, 0.0)) @ table.learned


def log_examined(xp: ModuleType, table: ExaminationTable, log_p: Any, logit: Any) -> Any:
    """Return log P(option | state, place), (..., state, option).

    Parameters
    ----------
    xp
        ``numpy`` or ``pytensor.tensor``.
    table
        Constants of the area.
    log_p
        log P(option | state) of whoever looks, (..., state, option).
    logit
        Logits of learned examination probabilities, (..., place − 1).
    """
    log_e, missed = _logs(xp, table, logit)
    seen = log_e[..., None, :] + log_p
    unseen = xp.log(xp.maximum(missed[..., None, :] + xp.exp(seen), IMPOSSIBLE))
    return xp.where(table.unseen, unseen, seen)


def pull_back_examination(
    table: ExaminationTable, log_p: Array, log_result: Array, logit: Array, slope: Array
) -> tuple[Array, Array]:
    """Return the gradients by the table of whoever looks and by the logits of learned places.

    Parameters
    ----------
    table, log_p, logit
        As for :func:`log_examined`.
    log_result
        Its result.
    slope
        Gradient of a function by that, (..., state, option).

    Returns
    -------
    by_table, by_logit
        (..., state, option) and (..., place − 1).
    """
    log_e, _ = _logs(np, table, logit)
    # the share of those who looked among the answers of an option; 1 but for the one that stands for not looking
    looked = np.where(table.unseen, np.exp(np.minimum(log_e[..., None, :] + log_p - log_result, 0.0)), 1.0)
    missed = expit(-logit) @ table.learned
    by_table = slope * looked
    rise = np.where(
        table.unseen,
        -np.exp(log_e)[..., None, :] * -np.expm1(log_p) * np.exp(np.minimum(-log_result, -np.log(IMPOSSIBLE))),
        1.0,
    )
    by_logit = ((slope * rise).sum(axis=-2) * missed) @ table.learned.T
    return by_table, by_logit
