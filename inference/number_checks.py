"""Whether counts and durations lie in ranges as often as the model expects: too narrow or too wide a spread shows.

The ranges of an item are between quantiles of its observed numbers. For a range, T is how often the numbers of agents
lie in it. Given the parameters, mean and variance of T are those of :mod:`.situation_checks`, with P(range | state) for
the probability of a choice: the numbers of one agent depend on each other through its goal and weight.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from ..datasets.numbers import Numbers
from .checks import Check
from .density import AreaDensity, state_prior
from .number_table import NumberTable, share_up_to
from .parameters import constrain
from .situation_checks import against, agents_of_patterns, over_agents, worst_option
from .stage_table import through
from .thinning import evenly

Array = NDArray[np.float64]

MOST_DRAWS = 100
"""Posterior draws that are looked at."""
RANGES = 6
"""Ranges of the numbers of an item, of about as many numbers each."""


def number_check(density: AreaDensity, theta: Array) -> Check | None:
    """Return whether numbers lie in ranges as often as the model expects; None where no answer is a number.

    The predictive p-value of a range is the mean over draws of the normal tail, adjusted by Holm's method over ranges
    and items. It weakens the numbers when, besides, it is a share of 0.02 of the answers off.

    Parameters
    ----------
    density
        Density of the area.
    theta
        Equally weighted posterior draws, (draw, coordinate).
    """
    area = density.area
    if not area.numbers or not density.table.numbers:
        return None
    used = theta[evenly(len(theta), min(len(theta), MOST_DRAWS))]
    agents = agents_of_patterns(density)
    p_values, gaps, sentences = [], [], []
    for numbers, table in zip(area.numbers, density.table.numbers, strict=True):
        weight = numbers.times * agents[numbers.pattern]
        edges = _edges(numbers, weight)
        if not len(edges):
            continue
        range_of = np.searchsorted(edges, numbers.value)  # a number on an edge is in the range below it
        seen, total = np.bincount(range_of[numbers.which], weight, len(edges) + 1), float(weight.sum())
        moments = np.stack([_moments(density, table, numbers, point[None], edges) for point in used])
        p_value, mean = against(seen, moments)
        p_values.append(p_value)
        gaps.append((seen - mean) / total)
        sentences += [
            f"{count / total:.1%} of the answers to '{area.items[numbers.item]}' are {words}, and the model expects "
            f"{expected / total:.1%}."
            for words, count, expected in zip(_words(edges), seen, mean, strict=True)
        ]
    if not p_values:
        return None
    return worst_option("number-ranges", area.name, p_values, gaps, sentences)


def _edges(numbers: Numbers, weight: Array) -> Array:
    """Return the inner edges of the ranges, growing."""
    order = np.argsort(numbers.value[numbers.which])
    values, upto = numbers.value[numbers.which][order], np.cumsum(weight[order])
    places = np.searchsorted(upto, upto[-1] * np.arange(1, RANGES) / RANGES)
    edges = np.unique(values[np.minimum(places, len(values) - 1)])
    return np.asarray(edges[edges < values[-1]])


def _words(edges: Array) -> list[str]:
    between = [f"above {a:g} up to {b:g}" for a, b in itertools.pairwise(edges)]
    return [f"at most {edges[0]:g}", *between, f"above {edges[-1]:g}"]


def _moments(density: AreaDensity, table: NumberTable, numbers: Numbers, theta: Array, edges: Array) -> Array:
    """Return mean and variance of how many numbers lie in each range at one vector, (2, range)."""
    values = constrain(density.parameters, theta, density.n_options)
    assert values.location is not None and values.spread is not None
    prior = np.exp(state_prior(density, values))[0]
    exposure, which = np.unique(numbers.exposure, return_inverse=True)
    known = (values.location[0], values.spread[0])
    upto = [share_up_to(table, *known, edge, exposure, values.affinity) for edge in edges.tolist()]
    shares = np.diff(np.stack([np.zeros_like(upto[0]), *upto, np.ones_like(upto[0])]), axis=0)
    found = np.zeros((2, len(shares)))
    for k, share in enumerate(shares):
        p = share[np.ravel(which)][None]
        m, v = through(table.times[0], p)[0], through(table.times[0], p * (1 - p))[0]
        found[:, k] = over_agents(density, prior, m, v)
    return found
