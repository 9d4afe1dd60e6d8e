"""Where a posterior reaches far from its mode: points along its ridges, each with the Laplace approximation there.

A proposal matched to draws knows only where draws have been. Shares of goals, how far agents mix them, and weights may
trade off along long, thin ridges that hold a few hundredths of the mass, in which no draw of the first rounds falls:
weights of the others then look well, and intervals come out too short. So a walk starts at the mode along each
coordinate that such trade-offs go through, in steps of a standard deviation, the other coordinates following to their
conditional mode, until little of the marginal density is left (as the grid of Rue, Martino and Chopin 2009,
doi:10.1111/j.1467-9868.2008.00700.x, explores hyperparameters).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve, cholesky
from scipy.special import logsumexp

from .density import AreaDensity, hessian, value_and_gradient
from .importance import Mixture
from .mode import Mode, leading

Array = NDArray[np.float64]

_ALONG = ("share", "mean", "conc", "mixing", "scale", "pass", "pass_scale", "place")
"""Blocks of the parameters whose coordinates are walked along; baselines and deviations follow."""
_MOST_WALKED = 10  # coordinates
_STEPS = 12  # most, each way
_FALL = 7.0  # of the log marginal density, where a walk ends
_FLAT, _LONGER = 0.7, 1.5  # a step that falls by less is followed by a longer one
_NEWTON = 4  # steps of the others towards their conditional mode
_OVERLAP = 0.8  # width of a component along the walk, as a part of the step
_POWER = 0.5  # of the marginal density, as the weight of a component


def ridge_mixture(density: AreaDensity, modes: tuple[Mode, ...]) -> Mixture | None:
    """Return a mixture of components along the ridges of a posterior; None where no step could be made.

    Parameters
    ----------
    density
        Density of the area.
    modes
        Its modes. Walks begin at those that count (:func:`.leading`).
    """
    at = density.parameters.slices
    walked = [c for name in _ALONG for c in range(at[name].start, at[name].stop)][:_MOST_WALKED]
    found = [
        part for mode in leading(modes) for c in walked for way in (-1.0, 1.0) for part in _walk(density, mode, c, way)
    ]
    if not found:
        return None
    log_weight = np.array([weight for weight, _, _ in found])
    return Mixture(
        np.exp(log_weight - logsumexp(log_weight)),
        np.stack([centre for _, centre, _ in found]),
        np.stack([root for _, _, root in found]),
    )


def _walk(density: AreaDensity, mode: Mode, along: int, way: float) -> list[tuple[float, Array, Array]]:
    """Return log weight, centre and root of the components on one way from a mode."""
    assert mode.covariance is not None
    others = np.arange(density.size) != along
    follow = mode.covariance[:, along] / mode.covariance[along, along]
    width = float(np.sqrt(mode.covariance[along, along]))
    curvature = np.linalg.inv(-mode.covariance)
    last = top = mode.log_density - 0.5 * np.linalg.slogdet(-curvature[np.ix_(others, others)])[1]
    theta, found = mode.theta, []
    for _ in range(_STEPS):
        theta = theta + way * width * follow
        point = _conditional(density, theta, others)
        if point is None:
            break
        theta, height, curvature = point
        inner = -curvature[np.ix_(others, others)]
        try:
            factor = cho_factor(inner, lower=True)
        except LinAlgError:
            break
        marginal = height - float(np.log(np.diag(factor[0])).sum())
        follow = np.ones(density.size)
        follow[others] = cho_solve(factor, curvature[others, along])
        scale = np.square(_OVERLAP * width) * np.outer(follow, follow)
        scale[np.ix_(others, others)] += cho_solve(factor, np.eye(len(inner)))
        try:
            root = cholesky(scale, lower=True)
        except LinAlgError:
            break
        found.append((_POWER * (marginal - top) + float(np.log(width)), theta, root))
        if top - marginal > _FALL:
            break
        width *= _LONGER if last - marginal < _FLAT else 1.0
        last = marginal
    return found


def _conditional(density: AreaDensity, start: Array, others: NDArray[np.bool_]) -> tuple[Array, float, Array] | None:
    """Return the mode of the other coordinates near a point, with height and Hessian; None where there is none."""
    theta, curvature = start, hessian(density, start)
    value, gradient = value_and_gradient(density, theta[None])
    for _ in range(_NEWTON):
        if not (np.isfinite(value[0]) and np.isfinite(curvature).all()):
            return None
        eigenvalue, vector = np.linalg.eigh(-curvature[np.ix_(others, others)])
        step = np.zeros_like(theta)
        step[others] = vector @ ((vector.T @ gradient[0][others]) / np.maximum(np.abs(eigenvalue), 1e-2))
        for shrink in (1.0, 0.3, 0.1):
            new, slope = value_and_gradient(density, (theta + shrink * step)[None])
            if new[0] >= value[0]:
                break
        else:
            break
        gained = float(new[0] - value[0])
        theta, value, gradient = theta + shrink * step, new, slope
        if gained < 1e-2:
            break
    return theta, float(value[0]), hessian(density, theta)
