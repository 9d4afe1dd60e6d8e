"""The density of an area with very many distinct rows: value, gradient and Hessian from sums over parts of the rows.

It is the density of :mod:`.density`, in another order of summation: the two agree to 1e-8. Nothing of the size rows ×
states is ever held, and the Hessian takes one pass over the rows instead of two for each coordinate. With the totals T
of states and of states × counts,

    Hessian = Hessian of Σ T · log tables(θ) with T held fixed + scatter of the scores within rows,

where the first concerns tables only and is taken by central differences.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .density import AreaDensity, option_log_probability, state_prior, table_gradient
from .parameters import constrain, log_prior, log_prior_gradient
from .row_sums import Part, Point, Sums, part_log_likelihood
from .sum_over_parts import Summation, map_parts, over_rows

Array = NDArray[np.float64]

_STEP = 1e-5


def point_at(density: AreaDensity, theta: Array, *, slopes: bool = False) -> Point:
    """Return the tables of an area at one parameter vector, (coordinate,), with their derivatives on request."""
    log_p, prior = _tables(density, theta[None])
    if not slopes:
        return Point(log_p[0], prior[0])
    shifts = _STEP * np.eye(density.size)
    (p_up, prior_up), (p_down, prior_down) = _tables(density, theta + shifts), _tables(density, theta - shifts)
    slope_p, slope_prior = (p_up - p_down) / (2 * _STEP), (prior_up - prior_down) / (2 * _STEP)
    return Point(log_p[0], prior[0], np.moveaxis(slope_p, 0, 2), np.moveaxis(slope_prior, 0, 2))


def points_at(density: AreaDensity, theta: Array) -> list[Point]:
    """Return the tables of an area at some parameter vectors, (D, coordinate)."""
    log_p, prior = _tables(density, theta)
    return [Point(*tables) for tables in zip(log_p, prior, strict=True)]


def _tables(density: AreaDensity, theta: Array) -> tuple[Array, Array]:
    values = constrain(density.parameters, theta, density.n_options)
    return option_log_probability(density, values), state_prior(density, values)


def gradient_of_sums(density: AreaDensity, theta: Array, sums: Sums) -> Array:
    """Return the gradient of the log density at one vector, (coordinate,), from the sums over the rows there."""
    return np.asarray(log_prior_gradient(density.parameters, theta[None])[0] + _held(density, theta[None], sums)[0])


def _held(density: AreaDensity, theta: Array, sums: Sums) -> Array:
    """Return the gradient of Σ T · log tables(θ) with the totals held fixed, (D, coordinate)."""
    values = constrain(density.parameters, theta, density.n_options)
    log_p = option_log_probability(density, values)
    by_table = np.broadcast_to(sums.by_table, (len(theta), *sums.by_table.shape))
    by_prior = np.broadcast_to(sums.by_prior, (len(theta), *sums.by_prior.shape))
    return table_gradient(density, theta, values, log_p, by_table, by_prior)


def hessian_of_sums(density: AreaDensity, theta: Array, sums: Sums) -> Array:
    """Return the Hessian of the log density at one vector, (coordinate, coordinate), from the sums there."""
    assert sums.scatter is not None
    shifts = _STEP * np.eye(density.size)
    up, down = theta + shifts, theta - shifts
    slope = (_held(density, up, sums) - _held(density, down, sums)) / (2 * _STEP)
    more = log_prior_gradient(density.parameters, up) - log_prior_gradient(density.parameters, down)
    slope += more / (2 * _STEP)
    return np.asarray((slope + slope.T) / 2 + sums.scatter)


def value_gradient_hessian(
    density: AreaDensity, theta: Array, summation: Summation | None = None
) -> tuple[float, Array, Array]:
    """Return log density, gradient and Hessian at one vector, (coordinate,), in one pass over the rows.

    Parameters
    ----------
    density
        Density of an area whose patterns are not split and that holds no rankings, best and worst, or situations.
    theta
        The vector.
    summation
        What adds up the rows; default those of the density, on all cores.
    """
    sums = (summation or over_rows(density.rows))(point_at(density, theta, slopes=True))
    value = float(log_prior(density.parameters, theta[None])[0]) + sums.value
    return value, gradient_of_sums(density, theta, sums), hessian_of_sums(density, theta, sums)


def value_and_gradient_of_rows(
    density: AreaDensity, theta: Array, summation: Summation | None = None
) -> tuple[Array, Array]:
    """Return the log density, (D,), and its gradient, (D, coordinate), for a few vectors."""
    total = summation or over_rows(density.rows)
    value, gradient = log_prior(density.parameters, theta), np.empty_like(theta)
    for d, (one, point) in enumerate(zip(theta, points_at(density, theta), strict=True)):
        sums = total(point)
        value[d] += sums.value
        gradient[d] = gradient_of_sums(density, one, sums)
    return value, gradient


def log_density_of_rows(density: AreaDensity, theta: Array) -> Array:
    """Return the log density of some vectors, (D,)."""
    value = log_prior(density.parameters, theta)
    for d, point in enumerate(points_at(density, theta)):

        def total(part: Part, at: Point = point) -> float:
            return float(part.multiplicity @ part_log_likelihood(part, at))

        value[d] += sum(map_parts(density.rows, total))
    return value


def log_likelihood_of_rows(density: AreaDensity, theta: Array) -> Array:
    """Return the log likelihood of one agent of each row at some vectors, (D, row)."""
    result = np.empty((len(theta), density.rows.n_rows))
    for d, point in enumerate(points_at(density, theta)):

        def each(part: Part, at: Point = point) -> Array:
            return part_log_likelihood(part, at)

        result[d] = np.concatenate(map_parts(density.rows, each))
    return result


def largest_change(density: AreaDensity, finer: AreaDensity, theta: Array) -> float:
    """Return the largest change of a row's log likelihood between two densities of the same rows at one vector."""
    one, other = point_at(density, theta), point_at(finer, theta)

    def change(part: Part) -> float:
        return float(np.abs(part_log_likelihood(part, one) - part_log_likelihood(part, other)).max())

    return max(map_parts(density.rows, change))
