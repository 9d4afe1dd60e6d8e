"""Conflict between learned goals: how far the answers they lead to differ.

Behavioural conflict between goals g and h is the mean over items of the total variation distance between their answers
at weight 1, ½ Σ_o |P(o | g) − P(o | h)|: the share of answers in which those who hold g would have to change what they
say to answer like those who hold h. It is 0 when two goals lead to the same answers and 1 when they share none. It is
a function of the parameters, so every draw of the posterior has its own.

What an answer is depends on the kind of item. Of a ranking, and of best and worst, it is the first choice among all
options. Of situations it is the choice in one of those that agents were in, averaged over them (over 300 of them spread
evenly where there are more). Of counts and durations it is the number, with the distance between their distributions at
the exposures there were: two log-normals of one σ, and two negative binomials of one φ, cross once, so that it is the
difference of their distribution functions there.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .density import AreaDensity
from .goal_distances import MOST_SITUATIONS, distances_beside
from .learned_goals import goal_answers
from .parameters import constrain

Array = NDArray[np.float64]

_CELLS = 2_000_000


def behavioural_conflict(density: AreaDensity, theta: Array) -> Array:
    """Return the behavioural conflict between goals for each parameter vector, (D, goal, goal).

    Parameters
    ----------
    density
        Density of the area.
    theta
        Parameter vectors, (D, coordinate).
    """
    area = density.area
    beside = area.has_situations | area.has_numbers
    asked = (area.states_goals & ~beside)[area.item_of_option]
    answers = goal_answers(density, theta)[:, :, asked]
    k, n_items = answers.shape[1], int(area.states_goals.sum())
    conflict = np.zeros((len(theta), k, k))
    for g in range(k):
        for h in range(g):
            apart = np.abs(answers[:, g] - answers[:, h]).sum(axis=1) / (2 * n_items)
            conflict[:, g, h] = conflict[:, h, g] = apart
    if beside.any():
        step = max(1, _CELLS // (MOST_SITUATIONS * k * density.n_options))
        for start in range(0, len(theta), step):
            part = slice(start, start + step)
            values = constrain(density.parameters, theta[part], density.n_options)
            conflict[part] += distances_beside(density, values) / n_items
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
