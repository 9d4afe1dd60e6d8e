"""Conflict between learned goals: how far the answers they lead to differ.

Behavioural conflict between goals g and h is the mean over items of the total variation distance between their answers
at weight 1, ½ Σ_o |P(o | g) − P(o | h)|: the share of answers in which those who hold g would have to change what they
say to answer like those who hold h. It is 0 when two goals lead to the same answers and 1 when they share none. It is
a function of the parameters, so every draw of the posterior has its own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .density import AreaDensity
from .learned_goals import goal_answers

Array = NDArray[np.float64]


def behavioural_conflict(density: AreaDensity, theta: Array) -> Array:
    """Return the behavioural conflict between goals for each parameter vector, (D, goal, goal).

    Parameters
    ----------
    density
        Density of the area.
    theta
        Parameter vectors, (D, coordinate).
    """
    asked = density.area.states_goals[density.area.item_of_option]
    answers = goal_answers(density, theta)[:, :, asked]
    k, n_items = answers.shape[1], int(density.area.states_goals.sum())
    conflict = np.zeros((len(theta), k, k))
    for g in range(k):
        for h in range(g):
            apart = np.abs(answers[:, g] - answers[:, h]).sum(axis=1) / (2 * n_items)
            conflict[:, g, h] = conflict[:, h, g] = apart
    return conflict


def conflict_of(density: AreaDensity, theta: Array) -> Array:
    """Return the conflict between the goals of an area: that of the study, (goal, goal), or that of each vector.

    Parameters
    ----------
    density, theta
        As for :func:`behavioural_conflict`.

    Returns
    -------
    ndarray
        (goal, goal), or (D, goal, goal) where conflict is behavioural.
    """
    return behavioural_conflict(density, theta) if density.area.behavioural else density.area.conflict
