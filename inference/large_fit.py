"""The posterior of a large area: its modes found on some rows, polished on all, and draws that few full sums verify.

The posterior of very many agents is very narrow, so its log density is a quadratic, known exactly from one pass over
the rows at a mode, and a small remainder. The remainder is estimated from some rows, as what their own log density has
beyond its quadratic: a control variate (Bardenet, Doucet & Holmes 2017, jmlr.org/papers/v18/15-205.html) whose error
falls with the square root of rows × rows taken. Draws spread from the centre to the edge are evaluated in full; where
the estimate is not theirs, every draw is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError

from .density import AreaDensity, hessian, log_density, row_log_likelihood, value_and_gradient, with_nodes
from .importance import ImportanceDraws, importance_draws
from .large import some_rows
from .large_density import largest_change, log_density_of_rows, value_gradient_hessian
from .mode import MASS_WINDOW, Mode, find_modes, laplace, leading, newton_step
from .sum_over_parts import Summation
from .thinning import evenly

Array = NDArray[np.float64]

SEARCHED = 4_096
"""Rows among which modes are looked for."""
CONTROL = 1_024
"""Rows from which the remainder is estimated."""
TOLERANCE = 0.02
"""Largest error of the log density of a draw, up to a constant, beyond which all draws are evaluated in full."""

_STARTS = 8
_VERIFIED = 4  # draws evaluated in full
_POLISHED = 4  # modes of some rows looked at on all of them
_ERRORS = 4.0  # standard errors by which some rows may be wrong about the mass of a mode
_DECREMENT = 1e-8  # of a Newton step, in log density


@dataclass(frozen=True, eq=False)
class Peak:
    """A mode of all rows with the derivatives of the log density there.

    Parameters
    ----------
    mode
        The mode.
    gradient, curvature
        Gradient, (coordinate,), and Hessian, (coordinate, coordinate).
    """

    mode: Mode
    gradient: Array
    curvature: Array


def large_modes(
    density: AreaDensity,
    rng: np.random.Generator,
    *,
    quadrature_error: float,
    most_nodes: int,
    first: Array | None = None,
) -> tuple[AreaDensity, tuple[Peak, ...]]:
    """Return the density with as many nodes as all rows need, and the modes of all rows, best Laplace mass first.

    Parameters
    ----------
    density
        Density of a large area.
    rng
        Chooses rows and starts.
    quadrature_error
        Largest change of a row's log likelihood on doubling the nodes.
    most_nodes
        Nodes beyond which they are not doubled.
    first
        One more start, (coordinate,).
    """
    few = some_rows(density, SEARCHED, rng)
    modes = find_modes(few, rng, starts=_STARTS, first=first)
    while True:
        few = with_nodes(few, len(density.states.node)) if density.states.weighted else few
        found = sorted((polish(density, mode.theta) for mode in _hopeful(few, modes)), key=lambda p: -p.mode.log_mass)
        peaks = tuple(p for k, p in enumerate(found) if not any(_same(p.mode, other.mode) for other in found[:k]))
        if not density.states.weighted or len(density.states.node) >= most_nodes:
            return density, peaks
        finer = with_nodes(density, 2 * len(density.states.node))
        if largest_change(density, finer, peaks[0].mode.theta) <= quadrature_error:
            return density, peaks
        density, modes = finer, tuple(peak.mode for peak in peaks)


def _hopeful(few: AreaDensity, modes: tuple[Mode, ...]) -> list[Mode]:
    """Return the modes of some rows that may be leading ones of all."""
    best, weight = modes[0], few.rows.multiplicity
    if len(modes) == 1:
        return [best]
    rows = row_log_likelihood(few, np.stack([mode.theta for mode in modes]))
    kept = []
    for mode, row in zip(modes, rows, strict=True):
        gap = row - rows[0]
        error = float(np.sqrt(np.square(weight) @ np.square(gap - weight @ gap / weight.sum())))
        if mode is best or mode.log_mass - best.log_mass + _ERRORS * error >= -MASS_WINDOW:
            kept.append(mode)
    return kept[:_POLISHED]


def _same(mode: Mode, other: Mode) -> bool:
    if mode.covariance is None or other.covariance is None:
        return False
    gap = mode.theta - other.theta
    return bool(gap @ np.linalg.solve(other.covariance, gap) < 0.1)


def polish(density: AreaDensity, start: Array, summation: Summation | None = None) -> Peak:
    """Return the mode reached from a start near it by Newton steps, each one pass over the rows.

    Parameters
    ----------
    density
        Density of an area whose rows are summed in parts.
    start
        Where to begin, (coordinate,), such as a mode of some rows.
    summation
        What adds up the rows, wherever they are; default those of the density, on all cores.
    """
    theta = start
    value, gradient, curvature = value_gradient_hessian(density, theta, summation)
    for _ in range(30):
        step = newton_step(curvature, gradient)
        if not gradient @ step > _DECREMENT:
            break
        for shrink in (1.0, 0.5, 0.25, 0.1, 0.01):
            new = value_gradient_hessian(density, theta + shrink * step, summation)
            if new[0] >= value:
                break
        else:
            break
        theta = theta + shrink * step
        value, gradient, curvature = new
    return Peak(laplace(theta, value, curvature), gradient, curvature)


@dataclass(frozen=True, eq=False)
class _Anchor:
    mode: Mode
    precision: Array
    gradient: Array  # of all rows less that of some, (coordinate,)
    curvature: Array  # the same of the Hessian
    constant: float  # the same of the log density


def estimated_log_density(peaks: tuple[Peak, ...], few: AreaDensity) -> Callable[[Array], Array]:
    """Return the log density of many vectors, estimated from some rows and exact sums at the modes.

    Parameters
    ----------
    peaks
        The modes that draws are from; the nearest one is the centre of the quadratic.
    few
        Some rows, from :func:`.some_rows`.
    """
    anchors = []
    for peak in peaks:
        own, slope = value_and_gradient(few, peak.mode.theta[None])
        anchors.append(
            _Anchor(
                peak.mode,
                -peak.curvature,
                peak.gradient - slope[0],
                peak.curvature - hessian(few, peak.mode.theta),
                peak.mode.log_density - float(own[0]),
            )
        )

    def estimate(theta: Array) -> Array:
        gaps = [theta - anchor.mode.theta for anchor in anchors]
        far = [((gap @ anchor.precision) * gap).sum(axis=1) for gap, anchor in zip(gaps, anchors, strict=True)]
        height, nearest = log_density(few, theta), np.argmin(far, axis=0)
        for k, (gap, anchor) in enumerate(zip(gaps, anchors, strict=True)):
            mine = nearest == k
            own = gap[mine]
            height[mine] += anchor.constant + own @ anchor.gradient
            height[mine] += 0.5 * ((own @ anchor.curvature) * own).sum(axis=1)
        return height

    return estimate


def large_draws(
    density: AreaDensity,
    peaks: tuple[Peak, ...],
    rng: np.random.Generator,
    *,
    draws: int,
    exported: Callable[[Array], Array],
    report: Callable[[str], None],
) -> ImportanceDraws:
    """Return weighted draws from the posterior of a large area.

    Parameters
    ----------
    density, peaks
        The area and its modes.
    rng
        Source of the draws.
    draws
        Draws per round.
    exported
        Quantities that leave the fit, see :func:`.importance_draws`.
    report
        Called with a sentence when all draws have to be evaluated in full.

    Raises
    ------
    LinAlgError
        If no mode has a negative definite Hessian.
    """
    modes = tuple(peak.mode for peak in peaks)
    kept = leading(modes)
    if not kept:
        raise LinAlgError("no mode has a negative definite Hessian")
    few = some_rows(density, CONTROL, rng)
    estimate = estimated_log_density(tuple(peak for peak in peaks if peak.mode in kept), few)
    found = importance_draws(density, modes, rng, draws=draws, exported=exported, height=estimate)
    error = _error(density, found, estimate)
    if error <= TOLERANCE:
        return found
    report(f"{density.area.name}: evaluating every draw in full")
    return importance_draws(density, modes, rng, draws=draws, exported=exported)


def _error(density: AreaDensity, found: ImportanceDraws, estimate: Callable[[Array], Array]) -> float:
    """Return the largest error of the estimated log density, up to a constant, at draws from the centre to the edge.

    The edge is what the weights still look at: of draws with hardly any weight nothing depends.
    """
    counted = np.flatnonzero(found.log_weight > found.log_weight.max() - 10)
    height = estimate(found.theta[counted])
    place = np.argsort(height)[evenly(len(counted), _VERIFIED)]
    gap = log_density_of_rows(density, found.theta[counted[place]]) - height[place]
    return float(np.ptp(gap)) if np.isfinite(gap).all() else float("inf")
