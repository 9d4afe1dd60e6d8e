"""State totals of a large area: exact sums over its rows at the posterior mean, and what some rows say around it.

The totals of very many agents are normal given the parameters, and over a narrow posterior their mean is linear in the
parameters but for a remainder of the order of one agent, which is estimated from some rows; their covariance is taken
at the posterior mean. Draws at the edge of the posterior are summed in full, and all where the two differ.
"""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from .density import AreaDensity
from .large import some_rows, with_rows
from .large_density import point_at, points_at
from .marginal import Rows
from .row_sums import FeatureSums, Part, Point, part_features, part_means, part_sums
from .sum_over_parts import map_parts

Array = NDArray[np.float64]

CONTROL = 1_024
"""Rows from which the remainder is estimated."""
TOLERANCE = 0.05
"""Largest error of the mean of a total, in standard deviations of the total, beyond which all draws are summed."""

_VERIFIED = 2  # draws summed in full


def by_agents(density: AreaDensity) -> AreaDensity:
    """Return a density whose rows count by their number of agents, not by survey weights."""
    return replace(density, rows=replace(density.rows, multiplicity=density.rows.agents.astype(np.float64)))


def large_totals(
    density: AreaDensity, theta: Array, features: Array, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Return means and covariance of the totals of features of all agents' states, and the mean of each row.

    Parameters
    ----------
    density
        Density of a large area.
    theta
        Parameter vectors, (draw, coordinate).
    features
        Value of each feature in each state, (state, feature).
    rng
        Chooses the rows from which the remainder is estimated.

    Returns
    -------
    mean, covariance, row_mean
        (draw, prior, feature), (prior, feature, feature) and, in single precision as results store it, (row, feature).
    """
    counted = by_agents(density)
    centre = theta.mean(axis=0)
    point = point_at(density, centre, slopes=True)
    parts = map_parts(counted.rows, lambda part: _narrowed(*part_features(part, point, features)))
    sums = reduce(add, (part for part, _ in parts))
    row_mean = np.concatenate([mean for _, mean in parts])
    few = some_rows(counted, CONTROL, rng)
    own, _ = part_features(_whole(few.rows), point, features)
    gap = theta - centre
    mean = sums.total - own.total + np.einsum("hfp,dp->dhf", sums.slope - own.slope, gap)
    mean += _exact(few, theta, features)
    spread = np.sqrt(np.einsum("hff->hf", sums.covariance) + mean.var(axis=0))
    edge = np.argsort(np.abs(gap / np.maximum(theta.std(axis=0), 1e-300)).sum(axis=1))[-_VERIFIED:]
    exact = _exact(counted, theta[edge], features)
    if not (np.abs(exact - mean[edge]) <= TOLERANCE * spread + 1.0).all():
        mean = _exact(counted, theta, features)
    return mean, sums.covariance, row_mean


def _narrowed(sums: FeatureSums, means: Array) -> tuple[FeatureSums, NDArray[np.float32]]:
    return sums, means.astype(np.float32)


def _whole(rows: Rows) -> Part:
    return Part(rows.first[rows.first_of_row], rows.group, rows.multiplicity)


def _exact(density: AreaDensity, theta: Array, features: Array) -> Array:
    """Return the mean totals of features at each vector, (draw, prior, feature), from all rows."""

    def total(point: Point) -> Array:
        return np.sum([part.by_prior for part in map_parts(density.rows, lambda p: part_sums(p, point))], axis=0)

    return np.stack([total(point) @ features for point in points_at(density, theta)])


def totals_at_draws(density: AreaDensity, theta: Array, features: Array) -> tuple[Array, Array, Array]:
    """Return the same as :func:`large_totals` with all rows summed at every draw, covariances by draw.

    Returns
    -------
    mean, covariance, row_mean
        (draw, prior, feature), (draw, prior, feature, feature) and (row, feature).
    """
    rows, size = density.rows, features.shape[1]
    agents, whole = rows.agents.astype(np.float64), _whole(by_agents(density).rows)
    means = np.zeros((rows.n_rows, size))
    mean, square = np.empty((len(theta), rows.n_priors, size)), np.empty((len(theta), rows.n_priors, size, size))
    mine = [rows.group == h for h in range(rows.n_priors)]
    for d, point in enumerate(points_at(density, theta)):
        by_prior, found = part_means(whole, point, features)
        mean[d], means = by_prior @ features, means + found
        square[d] = np.einsum("hs,sf,sg->hfg", by_prior, features, features, optimize=True)
        for h, own in enumerate(mine):
            square[d, h] -= (found[own] * agents[own, None]).T @ found[own]
    return mean, square, means / max(len(theta), 1)


def rows_of(density: AreaDensity, priors: NDArray[np.bool_]) -> AreaDensity:
    """Return the density of the rows of some priors over states (groups) only."""
    rows = density.rows
    row = np.flatnonzero(priors[rows.group])
    place = np.repeat(np.arange(len(row)), rows.agents[row])
    return with_rows(density, row, rows.agents[row], rows.multiplicity[row], place)
