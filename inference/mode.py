"""Posterior modes of one area from several starts, with the Laplace mass of each."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve, cholesky
from scipy.optimize import minimize

from .density import AreaDensity, Density, hessian, log_density, value_and_gradient
from .learned_goals import by_share, goal_answers, is_symmetric, nearest_numbering, relabel
from .parameters import draw_prior, permute_goals

Array = NDArray[np.float64]

MASS_WINDOW = 5.0
"""Modes whose log Laplace mass is within this of the best are kept."""

STARTS = 16
"""Starts of a search for modes."""
_NEAR = 0.1  # ends of two starts this near are one
_SCREENED = 64  # prior draws whose density is looked at to choose the starts


@dataclass(frozen=True, eq=False)
class Mode:
    """A local maximum of the log posterior density of one area.

    Parameters
    ----------
    theta
        Where it is, (coordinate,).
    log_density
        Height there.
    covariance
        Inverse of minus the Hessian, (coordinate, coordinate); None when the Hessian is not negative definite.
    log_mass
        Log of the mass of its Laplace approximation; −inf without a covariance.
    """

    theta: Array
    log_density: float
    covariance: Array | None
    log_mass: float


def find_modes(
    density: AreaDensity, rng: np.random.Generator, *, starts: int = STARTS, first: Array | None = None
) -> tuple[Mode, ...]:
    """Return the distinct modes found from several starts, best Laplace mass first.

    Parameters
    ----------
    density
        Density of the area.
    rng
        Chooses the starts: prior draws, half of them the best of a screening, half as they come.
    starts
        Number of starts.
    first
        One more start, such as the mode of a related structure, (coordinate,).

    Returns
    -------
    tuple of Mode
        At least one. Modes without a negative definite Hessian come last.
    """
    if density.size == 0:
        point = np.zeros(0)
        height = float(log_density(density, point[None])[0])
        return (Mode(point, height, np.zeros((0, 0)), height),)
    pool = draw_prior(density.parameters, _SCREENED, rng)
    random, screened = pool[: starts // 2], pool[starts // 2 :]
    order = np.argsort(-log_density(density, screened))
    chosen = [*screened[order[: starts - starts // 2]], *random]
    if first is not None:
        chosen.insert(0, first)
    ends: list[tuple[float, Array]] = []
    for start in chosen:
        height, theta = descend(density, start)
        theta = _numbered_alike(density, theta, ends)
        if not any(abs(height - h) < _NEAR and np.abs(theta - t).max() < _NEAR for h, t in ends):
            ends.append((height, theta))
    modes: list[Mode] = []
    for _, theta in ends:
        mode = climb(density, theta)
        if not any(same_mode(mode, other) for other in modes):
            modes.append(mode)
    return _numbered(density, sorted(modes, key=lambda mode: -mode.log_mass))


def _numbered_alike(density: AreaDensity, theta: Array, ends: list[tuple[float, Array]]) -> Array:
    """Return where a start ended, its learned goals numbered as in the first end: images of one mode are one."""
    if not ends or not is_symmetric(density.area):
        return theta
    return np.asarray(relabel(density, theta[None], goal_answers(density, ends[0][1][None])[0])[0])


def _numbered(density: AreaDensity, modes: list[Mode]) -> tuple[Mode, ...]:
    """Return the modes with learned goals by their shares in the best, and in the others as they are alike to those."""
    if not is_symmetric(density.area):
        return tuple(modes)
    best = by_share(density, modes[0].theta)
    pivot = goal_answers(density, best[None])[0]
    return tuple(_renumbered(density, mode, best if mode is modes[0] else pivot) for mode in modes)


def _renumbered(density: AreaDensity, mode: Mode, aim: Array) -> Mode:
    """Return a mode with its goals renumbered: to a vector of its images, (coordinate,), or as in a pivot."""
    pivot = goal_answers(density, aim[None])[0] if aim.ndim == 1 else aim
    order = nearest_numbering(density, mode.theta[None], pivot)
    theta = permute_goals(density.parameters, mode.theta[None], order)[0]
    if mode.covariance is None:
        return replace(mode, theta=theta)
    unit = np.eye(len(theta))  # renumbering is linear
    move = permute_goals(density.parameters, unit, np.repeat(order, len(unit), axis=0)).T
    return replace(mode, theta=theta, covariance=move @ mode.covariance @ move.T)


def leading(modes: tuple[Mode, ...]) -> tuple[Mode, ...]:
    """Return the modes with a covariance whose Laplace mass is within :data:`MASS_WINDOW` of the best."""
    return tuple(m for m in modes if m.covariance is not None and m.log_mass >= modes[0].log_mass - MASS_WINDOW)


def descend(density: Density, start: Array) -> tuple[float, Array]:
    """Return height and place where L-BFGS ends: near a mode, not yet on it."""

    def negative(theta: Array) -> tuple[float, Array]:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            value, gradient = value_and_gradient(density, theta[None])
        if not (np.isfinite(value[0]) and np.isfinite(gradient).all()):
            return np.inf, np.zeros_like(theta)
        return -float(value[0]), -gradient[0]

    found = minimize(negative, start, jac=True, method="L-BFGS-B", options={"maxiter": 500, "maxcor": 20, "gtol": 1e-3})
    return -float(found.fun), np.asarray(found.x)


def climb(density: Density, start: Array) -> Mode:
    """Return the mode reached from ``start``: L-BFGS, then Newton steps while they help."""
    _, theta = descend(density, start)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        value, gradient = value_and_gradient(density, theta[None])
    if not np.isfinite(value[0]):
        return Mode(theta, -np.inf, None, -np.inf)
    curvature = hessian(density, theta)
    for _ in range(20):
        if np.abs(gradient).max() < 1e-7 * max(1.0, abs(value[0])):
            break
        step = newton_step(curvature, gradient[0])
        for shrink in (1.0, 0.5, 0.25, 0.1, 0.01):
            trial = theta + shrink * step
            new, slope = value_and_gradient(density, trial[None])
            if new[0] >= value[0]:
                break
        else:
            break
        moved = shrink * np.abs(step).max()
        theta, value, gradient = trial, new, slope
        curvature = hessian(density, theta)
        if moved < 1e-9:
            break
    return laplace(theta, float(value[0]), curvature)


def newton_step(curvature: Array, gradient: Array) -> Array:
    """Return the Newton step, with eigenvalues made negative where the surface is not concave."""
    try:
        return np.asarray(cho_solve(cho_factor(-curvature), gradient))
    except LinAlgError:
        eigenvalue, vector = np.linalg.eigh(-curvature)
        return np.asarray(vector @ ((vector.T @ gradient) / np.maximum(np.abs(eigenvalue), 1e-3)))


def laplace(theta: Array, height: float, curvature: Array) -> Mode:
    """Return the mode at a point with a height and a Hessian there; without a covariance where that is not definite."""
    try:
        root = cholesky(-curvature, lower=True)
    except LinAlgError:
        return Mode(theta, height, None, -np.inf)
    half_log_det = float(np.log(np.diag(root)).sum())
    covariance = cho_solve((root, True), np.eye(len(theta)))
    log_mass = height - half_log_det + 0.5 * len(theta) * np.log(2 * np.pi)
    return Mode(theta, height, (covariance + covariance.T) / 2, log_mass)


def same_mode(mode: Mode, other: Mode) -> bool:
    """Return whether two modes are one, found from two starts."""
    if abs(mode.log_density - other.log_density) > 1e-2:
        return False
    gap = mode.theta - other.theta
    if other.covariance is None:
        return bool(np.abs(gap).max(initial=0) < 1e-2)
    distance = gap @ np.linalg.solve(other.covariance, gap)
    return bool(distance < 0.1)
