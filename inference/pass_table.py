"""Passing on items as part of the table log P(option | state): an agent passes, or it answers as it would anyway.

    P(pass | s) = logistic(ν_j − λ·x_s),    log P(o | s) = log(1 − P(pass | s)) + log P(o | s, answered),

with x_s = w − ½, or ½ where the state has a goal and −½ where it has none; see :mod:`dissensus.datasets.abstain`.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from .states import States

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PassTable:
    """Constants of the options of an area of which some are passing.

    Parameters
    ----------
    answers, passes
        Positions of the options that are answers, (answer,), and of those that are passing, (pass,).
    of_item
        Whether an answer is to the item on which one passes, (pass, answer), as 0 and 1.
    order
        Where each option stands among the answers followed by the passes, (option,).
    against
        x_s, (state,).
    """

    answers: NDArray[np.int64]
    passes: NDArray[np.int64]
    of_item: Array
    order: NDArray[np.int64]
    against: Array


def make_passes(
    passes: NDArray[np.bool_], item_of_option: NDArray[np.int64], states: States, *, means: str
) -> PassTable:
    """Return the constants.

    Parameters
    ----------
    passes
        Whether an option is passing, (option,).
    item_of_option
        Item of each option, (option,).
    states
        Cells of the area.
    means
        ``"low_weight"`` or ``"no_goal"``.
    """
    answers, passed = np.flatnonzero(~passes), np.flatnonzero(passes)
    of_item = item_of_option[passed][:, None] == item_of_option[answers]
    order = np.argsort(np.concatenate([answers, passed]))
    tells = states.weight if means == "low_weight" else (states.goal < states.n_goals).astype(float)
    return PassTable(answers, passed, of_item.astype(float), order, tells - 0.5)


def _logit(table: PassTable, passing: Any) -> Any:
    """Return the logit of passing, (..., state, pass), from ν of each item and then log λ, (..., pass + 1)."""
    return passing[..., None, :-1] - passing[..., None, -1:] * table.against[:, None]


def log_with_passes(xp: ModuleType, table: PassTable, log_p: Any, passing: Any) -> Any:
    """Return log P(option | state), (..., state, option).

    Parameters
    ----------
    xp
        ``numpy`` or ``pytensor.tensor``.
    table
        Constants of the area.
    log_p
        log P(answer | state, answered), (..., state, answer).
    passing
        ν of each item and last λ, (..., pass + 1).
    """
    logit = _logit(table, passing)
    tail = xp.log1p(xp.exp(-xp.abs(logit)))
    log_pass, log_answer = -tail - xp.maximum(-logit, 0.0), -tail - xp.maximum(logit, 0.0)
    return xp.concatenate([log_p + log_answer @ table.of_item, log_pass], axis=-1)[..., table.order]


def split_passes(table: PassTable, passing: Array, log_p: Array, slope: Array) -> tuple[Array, Array, Array]:
    """Return the table of the answers, the gradient by it, and that by the parameters of passing.

    Parameters
    ----------
    table, passing
        As for :func:`log_with_passes`.
    log_p
        Its result.
    slope
        Gradient of a function by that, (..., state, option).

    Returns
    -------
    log_answers, by_answers, by_passing
        (..., state, answer) twice and (..., pass + 1).
    """
    logit = _logit(table, passing)
    log_answer = -np.log1p(np.exp(-np.abs(logit))) - np.maximum(logit, 0.0)
    by_answers = slope[..., table.answers]
    by_logit = slope[..., table.passes] * expit(-logit) - (by_answers @ table.of_item.T) * expit(logit)
    by_scale = -(by_logit.sum(axis=-1) * table.against).sum(axis=-1, keepdims=True)
    by_passing = np.concatenate([by_logit.sum(axis=-2), by_scale], axis=-1)
    return log_p[..., table.answers] - log_answer @ table.of_item, by_answers, by_passing
