"""Posterior draws of the scores of one area, for the sample of agents and for the population they stand for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from ..forward_model.pair_sums import PairScores, TotalsScores, divide, totals_scores
from ..forward_model.soft_memberships import soft_totals_scores
from .density import AreaDensity
from .design import covariate_effects
from .goal_mixtures import own_conflict
from .learned_conflict import conflict_of
from .learned_goals import goal_answers, learned_options
from .parameters import Values, constrain
from .posterior_states import StateDraws, draw_states
from .states import log_node_prior

Array = NDArray[np.float64]

ESTIMANDS = ("sample", "population")
_NUMBERS = 5_000_000  # priors over states looked at in one go


@dataclass(frozen=True, eq=False)
class AreaScores:
    """Scores of one area.

    Parameters
    ----------
    sample, population
        Scores of these agents (pairs without replacement) and of infinitely many like them (with replacement);
        ``overall`` (draw,), ``groups`` (draw, prior, prior).
    states
        The state totals behind ``sample``.
    """

    sample: TotalsScores
    population: TotalsScores
    states: StateDraws


def padded_conflict(density: AreaDensity, theta: Array) -> Array:
    """Return the conflict between goal shares: that of the goals, and 0 with "no goal".

    Parameters
    ----------
    density, theta
        Density of the area and the parameter vectors, (draw, coordinate).

    Returns
    -------
    ndarray
        (share, share), or (draw, share, share) where conflict is behavioural.
    """
    states, conflict = density.states, conflict_of(density, theta)
    padded = np.zeros((*conflict.shape[:-2], states.n_shares, states.n_shares))
    padded[..., : states.n_goals, : states.n_goals] = conflict
    return padded


def prior_shares(density: AreaDensity) -> Array:
    """Return the share of the agents in each group (or period), survey-weighted, those in none last, (group,)."""
    totals = np.bincount(density.unit_of_row, density.rows.multiplicity, density.n_units)
    return totals / totals.sum()


def stratum_shares(density: AreaDensity) -> Array:
    """Return the share of the agents that each prior over states holds, survey-weighted, (prior,)."""
    totals = np.bincount(density.rows.group, density.rows.multiplicity, density.rows.n_priors)
    return totals / totals.sum()


def unit_mixture(density: AreaDensity) -> Array:
    """Return the share of each prior over states in its group (or period), survey-weighted, (group, prior)."""
    share, unit = stratum_shares(density), density.unit_of_prior
    of_unit = np.bincount(unit, share, density.n_units)
    mixture = np.zeros((density.n_units, len(share)))
    mixture[unit, np.arange(len(share))] = share / np.where(of_unit > 0, of_unit, 1)[unit]
    return mixture


def shares_of_priors(density: AreaDensity, shares: Array) -> Array:
    """Return the share of each prior over states, (prior,), where groups have these shares, (group,)."""
    return shares if density.parameters.design is None else shares @ unit_mixture(density)


def area_scores(
    density: AreaDensity, theta: Array, rng: np.random.Generator, *, shares: Array | None = None
) -> AreaScores:
    """Return one draw of the scores for each parameter vector.

    Parameters
    ----------
    density
        Density of the area.
    theta
        Parameter vectors, (draw, coordinate).
    rng
        Draws the states of the sample.
    shares
        Share of each group in the population, those in none last, (group,); default as in the data.
    """
    states = draw_states(density, theta, rng)
    conflict = padded_conflict(density, theta)
    sample = sample_scores(states.count, states.root, states.weight, states.overlap, conflict)
    return AreaScores(sample, _population_scores(density, theta, conflict, shares), states)


def sample_scores(count: Array, root: Array, weight: Array, overlap: Array, conflict: Array) -> TotalsScores:
    """Return the scores of these agents from totals of their states.

    Parameters
    ----------
    count, root, weight
        Number of agents, Σ √w and Σ w by goal share, (draw, prior, share).
    overlap
        Where agents follow several goals, Σ μ_g μ_h and Σ w μ_g μ_h, (draw, prior, 2, pair); no pair otherwise.
    conflict
        Conflict between goal shares, (share, share) or (draw, share, share).
    """
    if not overlap.shape[-1]:
        return totals_scores(count, root, weight, conflict)
    return soft_totals_scores(count, root, weight, conflict, own_conflict(overlap, conflict))


def population_scores(density: AreaDensity, theta: Array, *, shares: Array | None = None) -> TotalsScores:
    """Return the scores of infinitely many agents like these, pairs with replacement, for each parameter vector.

    With s_h[g] = π_hg E_h[√w]: s_hᵀCs_h within group h, s_aᵀCs_b between, and Σ φ_h s_h overall, φ the group shares.
    Where goals and weights depend on covariates s_h is the mean over the strata of the group, by their shares in it.

    Parameters
    ----------
    density, theta, shares
        As for :func:`area_scores`.
    """
    return _population_scores(density, theta, padded_conflict(density, theta), shares)


def _population_scores(density: AreaDensity, theta: Array, conflict: Array, shares: Array | None) -> TotalsScores:
    share, root = population_totals(density, theta)
    phi = prior_shares(density) if shares is None else shares
    pooled = _pairs(np.einsum("h,dhk->dk", phi, share)[:, None], np.einsum("h,dhk->dk", phi, root)[:, None], conflict)
    return TotalsScores(PairScores(*(part[:, 0, 0] for part in pooled)), _pairs(share, root, conflict))


def population_totals(density: AreaDensity, theta: Array) -> tuple[Array, Array]:
    """Return goal shares and their mass √w of each group (or period), both (draw, group, share).

    Where agents follow several goals these are the means of their shares, and pairs with replacement need no more.
    """
    if density.parameters.design is None:
        return stratum_totals(density, theta)
    mixture = unit_mixture(density)
    parts = [stratum_totals(density, theta[part]) for part in _parts(density, len(theta))]
    share, root = (np.concatenate([np.matmul(mixture, part[k]) for part in parts]) for k in (0, 1))
    return share, root


def _parts(density: AreaDensity, draws: int) -> list[slice]:
    """Return slices over draws such that the priors over states of one stay small in memory."""
    step = max(1, _NUMBERS // (density.rows.n_priors * density.states.n_states))
    return [slice(start, start + step) for start in range(0, draws, step)] or [slice(0)]


def stratum_totals(density: AreaDensity, theta: Array) -> tuple[Array, Array]:
    """Return goal shares and their mass √w of each prior over states, both (draw, prior, share)."""
    values, states = constrain(density.parameters, theta, density.n_options), density.states
    share = np.exp(values.prior_log_share)
    if values.prior_mean is None or values.concentration is None:
        mean_root = np.ones(share.shape[:2])
    else:
        node = np.exp(log_node_prior(np, states, values.prior_mean, values.concentration[:, None]))
        mean_root = node @ np.sqrt(states.node)
    root = share * mean_root[..., None]
    root[..., states.n_goals :] = 0
    return share, root


def exported_quantities(density: AreaDensity, theta: Array) -> Array:
    """Return what leaves a fit for each parameter vector, (draw, quantity).

    Goal shares and mean weight of each group, how far agents mix goals, contention and misalignment of the population,
    overall and within each group, the effects of covariates, and what learned goals favour.
    """
    if density.parameters.design is not None:
        parts = [_exported(density, theta[part]) for part in _parts(density, len(theta))]
        return np.concatenate(parts)
    return _exported(density, theta)


def _exported(density: AreaDensity, theta: Array) -> Array:
    values = constrain(density.parameters, theta, density.n_options)
    scores = population_scores(density, theta)
    share, mean = group_values(density, values)
    parts = [share.reshape(len(theta), -1)]
    if mean is not None:
        parts.append(mean)
    if density.parameters.design is not None:
        goals, weights = covariate_effects(density.parameters, theta)
        parts += [goals.reshape(len(theta), -1), *([] if weights is None else [weights])]
    mixing = constrain(density.parameters, theta, density.n_options).mixing
    if mixing is not None:
        parts.append(expit(mixing))
    for score in (scores.overall, scores.groups):
        for each in (score.contention, score.misalignment):
            parts.append(each[:, None] if each.ndim == 1 else np.diagonal(each, axis1=1, axis2=2))
    if values.affinity is not None:
        parts.append(goal_answers(density, theta)[:, :, learned_options(density)].reshape(len(theta), -1))
    return np.concatenate(parts, axis=1)


def group_values(density: AreaDensity, values: Values) -> tuple[Array, Array | None]:
    """Return goal shares of each group (or period), (draw, group, share), and its mean weight, (draw, group)."""
    share, mean = np.exp(values.prior_log_share), values.prior_mean
    if density.parameters.design is None:
        return share, mean
    mixture = unit_mixture(density)
    return np.matmul(mixture, share), None if mean is None else mean @ mixture.T


def _pairs(share: Array, root: Array, conflict: Array) -> PairScores:
    contention = np.matmul(share @ conflict, share.swapaxes(1, 2))
    misalignment = np.matmul(root @ conflict, root.swapaxes(1, 2))
    mass = root.sum(axis=2)
    weight = mass[:, :, None] * mass[:, None, :]
    return PairScores(contention, misalignment, divide(misalignment, weight), weight)
