"""How far the scores of an area come from the prior: power-scaling and contraction."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from ..datasets.examination import prior_of_places
from ..datasets.parameters import number_priors
from ..datasets.study import Priors
from ..forward_model.pair_sums import PairScores
from .area_scores import population_scores
from .density import AreaDensity
from .parameters import Parameters, Values, constrain, draw_prior

Array = NDArray[np.float64]

SCORES = ("contention", "misalignment", "relative_misalignment")
SENSITIVE = 0.05
"""Power-scaling sensitivity above which ArviZ calls a prior informative (Kallioinen et al. 2024)."""

_ALPHAS = (0.99, 1.01)
_PRIOR_DRAWS = 2_000


def log_prior_blocks(parameters: Parameters, theta: Array, n_options: int) -> dict[str, Array]:
    """Return the log prior density of each block in its own range, up to a constant, (draw,).

    Parameters
    ----------
    parameters
        Layout of the area.
    theta
        Vectors on the real line, (draw, coordinate).
    n_options
        Number of options of the area.
    """
    at, priors = parameters.slices, parameters.priors
    values = constrain(parameters, theta, n_options)
    blocks: dict[str, Array] = {}
    if parameters.n_shares > 1 and priors.goal_share != 1:
        blocks["goal shares"] = (priors.goal_share - 1) * np.log(values.share).sum(axis=1)
    if values.mean is not None and values.concentration is not None:
        (a, b), (shape, rate) = priors.weight_mean, priors.weight_concentration
        blocks["weights"] = (
            (a - 1) * np.log(values.mean)
            + (b - 1) * np.log1p(-values.mean)
            + (shape - 1) * np.log(values.concentration)
            - rate * values.concentration
        )
    if parameters.option_sizes:
        blocks["baselines"] = -0.5 * np.square(theta[:, at["baseline"]] / priors.baseline_sd).sum(axis=1)
    if parameters.n_scales:
        median, spread = priors.importance_scale
        blocks["importance scale"] = -0.5 * np.square((theta[:, at["scale"]] - np.log(median)) / spread).sum(axis=1)
    if any(parameters.passes):
        (share, sd), (middle, wide) = priors.pass_share, priors.pass_scale
        blocks["passing"] = -0.5 * np.square((theta[:, at["pass"]] - logit(share)) / sd).sum(axis=1)
        blocks["passing"] -= 0.5 * np.square((theta[:, at["pass_scale"]] - np.log(middle)) / wide).sum(axis=1)
    if parameters.numbers:
        for block, (middle, width) in zip(
            ("location", "spread"), number_priors(parameters.numbers, priors), strict=True
        ):
            blocks[f"{block} of numbers"] = -0.5 * np.square((theta[:, at[block]] - middle) / width).sum(axis=1)
    if parameters.n_tastes:
        blocks["coefficients"] = -0.5 * np.square(theta[:, at["taste"]] / priors.taste_sd).sum(axis=1)
    blocks |= _mixing_block(values, priors) | _places_block(parameters, values, priors)
    blocks |= _odds_block(parameters, theta)
    if parameters.n_deviating:
        deviations = np.hstack([theta[:, at["share_dev"]], theta[:, at["mean_dev"]]])
        blocks["group deviations"] = -0.5 * np.square(deviations).sum(axis=1)
    if parameters.design is not None:
        n_covariates, n = parameters.design.n_covariates, parameters.n_effects
        coefficients = theta[:, at["share_effect"].start : at["mean_effect"].stop]
        of_column = np.concatenate(
            [np.repeat(np.arange(n), parameters.n_shares - 1), np.arange(n if parameters.weighted else 0)]
        )
        for name, mine in (("covariates", of_column < n_covariates), ("periods", of_column >= n_covariates)):
            if mine.any():
                blocks[name] = -0.5 * np.square(coefficients[:, mine]).sum(axis=1)
    return blocks


def _odds_block(parameters: Parameters, theta: Array) -> dict[str, Array]:
    if parameters.odds is None:
        return {}
    middle, width = parameters.odds
    z = (theta[:, parameters.slices["odds"]] - middle) / width
    return {"odds of recording": -0.5 * np.square(z).sum(axis=1)}


def _mixing_block(values: Values, priors: Priors) -> dict[str, Array]:
    (a, b), mixing = priors.goal_mixing, values.mixing
    if mixing is None or (a, b) == (1.0, 1.0):
        return {}
    r = expit(mixing[:, 0])
    return {"mixing of goals": (a - 1) * np.log(r) + (b - 1) * np.log1p(-r)}


def _places_block(parameters: Parameters, values: Values, priors: Priors) -> dict[str, Array]:
    if not parameters.n_places or values.places is None:
        return {}
    middle, sd = prior_of_places(1 + parameters.n_places, priors), priors.examination[1]
    return {"examination": -0.5 * np.square((values.places - middle) / sd).sum(axis=1)}


def prior_sensitivity(density: AreaDensity, theta: Array, scores: PairScores) -> dict[tuple[str, str], float]:
    """Return the power-scaling sensitivity of each score to each block of the prior.

    Parameters
    ----------
    density
        Density of the area.
    theta
        Posterior draws, (draw, coordinate).
    scores
        Scores at those draws, (draw,).

    Returns
    -------
    dict
        By (score, block). Above 0.05 the prior of the block moves the score. NaN where it cannot be computed.

    References
    ----------
    Kallioinen et al. 2024, doi:10.1007/s11222-023-10366-5.
    """
    from arviz_stats.base import array_stats  # noqa: PLC0415 - costs seconds

    result: dict[tuple[str, str], float] = {}
    for block, log_prior in log_prior_blocks(density.parameters, theta, density.n_options).items():
        if np.ptp(log_prior) < 1e-12:
            continue
        lower, upper = (np.exp(array_stats.power_scale_lw(log_prior, alpha=alpha))[None] for alpha in _ALPHAS)
        for name in SCORES:
            values = np.asarray(getattr(scores, name))
            if not np.isfinite(values).all():
                result[name, block] = float("nan")
            elif np.ptp(values) < 1e-12:
                result[name, block] = 0.0
            else:
                sense = array_stats.power_scale_sense(values[None], lower, upper, *_ALPHAS)
                result[name, block] = float(sense)
    return result


def prior_population_scores(
    density: AreaDensity, rng: np.random.Generator, *, draws: int = _PRIOR_DRAWS, shares: Array | None = None
) -> tuple[Array, PairScores]:
    """Return prior draws, (draw, coordinate), and the population scores at them, (draw,)."""
    theta = draw_prior(density.parameters, draws, rng)
    return theta, population_scores(density, theta, shares=shares).overall


def contraction(prior: Array, posterior: Array) -> float:
    """Return 1 − posterior variance ÷ prior variance; NaN when the prior has none or draws are not finite."""
    if not (np.isfinite(prior).all() and np.isfinite(posterior).all()) or prior.var() < 1e-12:
        return float("nan")
    return float(1 - posterior.var() / prior.var())
