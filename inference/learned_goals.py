"""What learned goals favour, and which goal is which.

Nothing tells learned goals apart but what they favour: a posterior has one image for every way to number them. Where
per-goal numbers matter the parameters are therefore restricted to one image. A goal is compared with a *pivot*, the
answers of the goals at the best mode (largest share first), by the squared Hellinger distance of its answers, summed
over items; the image is the set of parameters whose own numbering is nearest to the pivot. A draw of any other image
means the same with its goals renumbered, so draws are moved there, and importance draws outside count for nothing:
both give the posterior restricted to that image exactly (Stephens 2000, doi:10.1111/1467-9868.00265, section 4).
Goals that anchors tell apart are never exchanged.

The answers of goals are P(option | goal) at weight 1; of a ranking, best and worst, or situations those of the first
choice among all options, without features. Of counts and durations there are two: with r the factor by which the goal
multiplies the number, over the geometric mean of all goals, "more" is r / (1 + r) and "less" is 1 / (1 + r).
"""

from __future__ import annotations

from dataclasses import replace
from functools import singledispatch
from itertools import permutations, product
from math import factorial, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.choices import AreaChoices
from ..datasets.learned_goals import same_rows
from .density import AreaDensity, area_table, option_log_probability
from .option_table import OptionTable
from .parameters import constrain, permute_goals
from .states import make_states

Array = NDArray[np.float64]

_LISTED = 720  # numberings that are all compared; of more goals one is found by the assignment problem
_CELLS = 2_000_000


def goal_table(density: AreaDensity) -> OptionTable:
    """Return the option table over the goals at weight 1: its states are the goals."""
    states = make_states(density.states.n_goals, no_goal=False, weighted=False, nodes=1)
    return area_table(density.area, states)


def goal_answers(density: AreaDensity, theta: Array) -> Array:
    """Return P(option | goal, weight 1) for each parameter vector, (D, goal, option).

    Parameters
    ----------
    density
        Density of the area.
    theta
        Parameter vectors, (D, coordinate).
    """
    at_one = replace(density, table=goal_table(density))
    result = np.empty((len(theta), density.states.n_goals, density.n_options))
    step = max(1, _CELLS // max(1, result[:1].size))
    for start in range(0, len(theta), step):
        part = slice(start, start + step)
        values = constrain(density.parameters, theta[part], density.n_options)
        if values.affinity is not None:
            values = replace(values, affinity=compared_over_goals(density.area, values.affinity))
        result[part] = np.exp(option_log_probability(at_one, values))
    return result


def compared_over_goals(area: AreaChoices, affinity: Any) -> Any:
    """Return affinities of counts and durations less their mean over goals, which what is typical takes up as well.

    Parameters
    ----------
    area
        The area.
    affinity
        Learned affinities, (..., goal, option), of numpy or PyTensor.
    """
    numbers = area.has_numbers[area.item_of_option]
    if not numbers.any():
        return affinity
    return affinity - numbers * affinity.mean(axis=-2, keepdims=True)


def learned_options(density: AreaDensity) -> NDArray[np.int64]:
    """Return the options, by position, of the items of which it is learned what the goals favour."""
    return np.flatnonzero(density.area.item_learned[density.area.item_of_option])


def exchangeable(area: AreaChoices) -> tuple[tuple[int, ...], ...]:
    """Return the goals in groups that nothing tells apart before a fit; every goal alone where goals are given."""
    if not any(area.learned):
        return tuple((g,) for g in range(len(area.goals)))
    return same_rows(area.serves)


def is_symmetric(area: AreaChoices) -> bool:
    """Return whether some goals of an area may exchange their labels."""
    return any(len(group) > 1 for group in exchangeable(area))


def numberings(area: AreaChoices) -> NDArray[np.int64] | None:
    """Return all ways to number the goals, (numbering, goal), the one there is first; None when they are too many."""
    groups = exchangeable(area)
    if prod(factorial(len(group)) for group in groups) > _LISTED:
        return None
    rows = []
    for choice in product(*(permutations(group) for group in groups)):
        row = np.arange(len(area.goals))
        for group, order in zip(groups, choice, strict=True):
            row[list(group)] = order
        rows.append(row)
    return np.array(rows)


def nearest_numbering(density: AreaDensity, theta: Array, pivot: Array) -> NDArray[np.int64]:
    """Return the numbering of the goals of each vector that is nearest to the pivot, (D, goal).

    Entry k is the goal of the vector that takes the label k; see :func:`.permute_goals`.
    """
    answers = np.sqrt(goal_answers(density, theta))
    aim = np.sqrt(pivot)
    # Σ (√p − √q)² = 2·J − 2·Σ √p√q: the largest sum of products is the smallest distance.
    alike = np.matmul(answers, aim.T)  # (D, goal of the vector, label)
    orders = numberings(density.area)
    if orders is not None:
        labels = np.arange(orders.shape[1])
        total = np.stack([alike[:, order, labels].sum(axis=1) for order in orders], axis=1)
        return np.asarray(orders[total.argmax(axis=1)])
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415

    penalty = np.full(alike.shape[1:], -1e6)
    for group in exchangeable(density.area):
        penalty[np.ix_(group, group)] = 0.0
    found = np.empty((len(theta), alike.shape[1]), dtype=np.int64)
    for d, table in enumerate(alike):
        goal, label = linear_sum_assignment(table + penalty, maximize=True)
        found[d, label] = goal
    return found


@singledispatch
def relabel(density: Any, theta: Array, pivot: Array) -> Array:
    """Return the vectors with their goals numbered as in the pivot, (D, coordinate)."""
    if not is_symmetric(density.area):
        return theta
    return permute_goals(density.parameters, theta, nearest_numbering(density, theta, pivot))


@singledispatch
def has_labels_of_pivot(density: Any, theta: Array) -> NDArray[np.bool_]:
    """Return whether the goals of each vector are numbered as in the pivot of the density, (D,)."""
    if density.pivot is None or not is_symmetric(density.area):
        return np.ones(len(theta), dtype=bool)
    found = nearest_numbering(density, theta, density.pivot)
    return np.asarray((found == np.arange(found.shape[1])).all(axis=1))


def by_share(density: AreaDensity, theta: Array) -> Array:
    """Return one vector with exchangeable goals in the order of their shares, largest first, (coordinate,)."""
    values = constrain(density.parameters, theta[None], density.n_options)
    order = np.arange(density.states.n_goals)
    for group in exchangeable(density.area):
        order[list(group)] = np.array(group)[np.argsort(-values.share[0, list(group)], kind="stable")]
    return np.asarray(permute_goals(density.parameters, theta[None], order[None])[0])


def with_pivot(density: AreaDensity, theta: Array) -> AreaDensity:
    """Return the density with the answers of the goals at a vector as pivot, where goals may exchange labels.

    Parameters
    ----------
    density
        Density of the area.
    theta
        The best mode, (coordinate,).
    """
    if not is_symmetric(density.area):
        return density
    return replace(density, pivot=goal_answers(density, theta[None])[0])
