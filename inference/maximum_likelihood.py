"""The largest likelihood of an area, priors left out: what tables of latent classes and choice models publish."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from ..datasets.choices import Choices
from .density import AreaDensity, area_density, likelihood_and_gradient
from .learned_goals import by_share, goal_answers
from .parameters import constrain, draw_prior

Array = NDArray[np.float64]

_BOUND = 40.0  # of a coordinate: maxima may lie at infinity, where an option is never chosen
_NEWTON = 5  # steps that finish what the line search leaves
_SHIFT, _FLAT = 1e-4, 1e-9  # of differences; share of the largest curvature below which a direction is flat
_ENOUGH, _ROUNDING = 1e-9, 1e-13
_NEAR = 1e-4  # log likelihoods this near are of one maximum


@dataclass(frozen=True, eq=False)
class MaximumLikelihood:
    """The largest likelihood found for an area.

    Parameters
    ----------
    log_likelihood
        Its logarithm.
    n_parameters
        Number of parameters.
    goal_share
        Goal shares there, (share,), largest first where goals are learned.
    goal_answers
        P(option | goal, weight 1), (goal, option).
    baseline
        Baseline logits, zero-sum over what is compared, (option,).
    coefficient
        Coefficients of the features of options, (feature,).
    found
        How many of the starts ended there; one of many is a sign that a larger one may have been missed.
    theta
        The parameters on the real line, (coordinate,).
    """

    log_likelihood: float
    n_parameters: int
    goal_share: Array
    goal_answers: Array
    baseline: Array
    coefficient: Array
    found: int
    theta: Array


def maximum_likelihood(
    choices: Choices, *, area: str | None = None, seed: int = 0, starts: int = 40
) -> MaximumLikelihood:
    """Return the largest likelihood of an area over its parameters, without priors.

    A posterior says more, and a maximum often lies at infinity. It is what is published of latent classes
    (``goals = 3``, weights 1) and of choice models (one goal, served by nothing), and so shows that the likelihood is
    theirs.

    Parameters
    ----------
    choices
        The observed choices.
    area
        Name of the area; may be left out where there is one.
    seed
        Seed of the starts.
    starts
        Number of starts: likelihoods of learned goals have many maxima.

    Raises
    ------
    KeyError
        If there is no such area, or several and none is named.
    """
    if area is None and len(choices.areas) != 1:
        raise KeyError("choices hold several areas: name one")
    own = choices.areas[0] if area is None else choices.area(area)
    density = area_density(choices, own, choices.study.priors)
    pool = draw_prior(density.parameters, max(1, starts if density.size else 1), np.random.default_rng(seed))
    ends = [_climb(density, np.clip(start, -_BOUND, _BOUND)) for start in pool]
    best, theta = _finished(density, *max(ends, key=lambda end: end[0]))
    if any(own.learned):
        theta = by_share(density, theta)
    values = constrain(density.parameters, theta[None], density.n_options)
    return MaximumLikelihood(
        best,
        density.size,
        values.share[0],
        goal_answers(density, theta[None])[0],
        values.baseline_logits[0],
        values.taste[0],
        sum(best - value < _NEAR for value, _ in ends),
        theta,
    )


def _climb(density: AreaDensity, start: Array) -> tuple[float, Array]:
    """Return the log likelihood where a start ends, and the place."""

    def negative(theta: Array) -> tuple[float, Array]:
        value, slope = _log_likelihood(density, theta)
        return (-value, -slope) if np.isfinite(value) else (1e100, np.zeros_like(theta))

    options = {"maxiter": 5_000, "maxfun": 20_000, "maxcor": 30, "ftol": 1e-14, "gtol": 1e-6}
    bounds = [(-_BOUND, _BOUND)] * len(start)
    found = minimize(negative, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return -float(found.fun), np.asarray(found.x)


def _finished(density: AreaDensity, value: float, theta: Array) -> tuple[float, Array]:
    """Return the end of a climb after Newton steps, each of which must leave less slope and lose no likelihood."""
    slope = _log_likelihood(density, theta)[1]
    for _ in range(_NEWTON if density.size else 0):
        shifts = _SHIFT * np.eye(density.size)
        ends = [[_log_likelihood(density, theta + sign * shift)[1] for shift in shifts] for sign in (1, -1)]
        curvature = (np.array(ends[0]) - np.array(ends[1])) / (2 * _SHIFT)
        step = np.linalg.lstsq(curvature + curvature.T, -2 * slope, rcond=_FLAT)[0]
        there = np.clip(theta + step, -_BOUND, _BOUND)
        found, left = _log_likelihood(density, there)
        if not (found >= value - _ROUNDING * abs(value) and np.abs(left).max() < np.abs(slope).max()):
            break
        value, theta, slope = found, there, left
        if np.abs(step).max() < _ENOUGH:
            break
    return value, theta


def _log_likelihood(density: AreaDensity, theta: Array) -> tuple[float, Array]:
    """Return the log likelihood and its gradient; −inf where either is not finite."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        value, gradient = likelihood_and_gradient(density, theta[None])
    good = np.isfinite(value[0]) and np.isfinite(gradient).all()
    return (float(value[0]), gradient[0]) if good else (-np.inf, np.zeros_like(theta))
