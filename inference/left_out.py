"""The posterior without one agent, by reweighting the draws: Pareto-smoothed importance sampling per distinct row.

Areas share no parameter, so leaving an agent out is leaving out its row in each area, and agents with equal answers
share the weights

    w_d ∝ 1 / p(y_i | θ_d)^v,

v the survey weight of the agent in the likelihood (1 without). The cost grows with the number of distinct rows, not of
agents. Pareto k̂ says whether the weights can be trusted.

References
----------
Vehtari, Gelman & Gabry 2017, doi:10.1007/s11222-016-9696-4; Vehtari et al. 2024, arXiv:1507.02646.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ..datasets.choices import Choices
from .density import AreaDensity, row_log_likelihood
from .dependence import refuse_dependence
from .result import attribute, choices_of, densities_of, thetas_of
from .thinning import evenly

Array = NDArray[np.float64]

TRUSTED_K = 0.7
"""Largest Pareto k̂ at which the posterior without an agent is known from the draws."""
_MOST_NUMBERS = 100_000_000  # draws × rows held at once
_FEWEST_DRAWS = 500
_MOST_ENTRIES = 50_000  # above, survey weights are taken in steps of 2 %
_STEP = 0.02
_CHUNK = 2_000


@dataclass(frozen=True, eq=False)
class Entries:
    """The distinct agents of an area: those with equal answers, group and survey weight are one entry.

    Parameters
    ----------
    density
        Density of the area.
    theta
        Posterior draws, (draw, coordinate).
    row, weight
        Row and weight in the likelihood of each entry, (entry,).
    of_agent
        Entry of each agent, (agent,).
    efficiency
        Effective draws per draw, at most 1.
    """

    density: AreaDensity
    theta: Array
    row: NDArray[np.int64]
    weight: Array
    of_agent: NDArray[np.int64]
    efficiency: float


@dataclass(frozen=True, eq=False)
class LeftOut:
    """Some entries, each left out.

    Parameters
    ----------
    entries
        Which entries.
    loglik
        Log likelihood of one agent, (entry, draw).
    log_weight
        Log weights of the draws without the agent, normalised, (entry, draw).
    khat
        Pareto k̂, (entry,); −inf where every draw counts alike, NaN where it cannot be computed.
    """

    entries: slice
    loglik: Array
    log_weight: Array
    khat: Array


def entries_of(fit: xr.DataTree, choices: Choices | None = None) -> tuple[Entries, ...]:
    """Return the distinct agents of every area of a fit, with the posterior draws.

    Parameters
    ----------
    fit
        A result of :func:`fit` or :func:`load`.
    choices
        Its choices, if they are at hand already.
    """
    refuse_dependence(fit, "Leaving agents out of each area")
    choices = choices or choices_of(fit)
    densities = densities_of(fit, choices)
    diagnostics, weight = attribute(fit, "diagnostics"), choices.fit_weight
    result = []
    for density, theta in zip(densities, thetas_of(fit, densities), strict=True):
        effective = diagnostics[density.area.name]["effective"]
        result.append(entries_of_area(density, theta, weight, effective))
    return tuple(result)


def entries_of_area(density: AreaDensity, theta: Array, weight: Array | None, effective: float | None) -> Entries:
    """Return the distinct agents of one area, with the posterior draws.

    Parameters
    ----------
    density, theta
        Density of the area and its draws, (draw, coordinate).
    weight
        Weight of each agent in the likelihood, (agent,), or None for 1.
    effective
        Number of effective draws; None where it is not known.
    """
    most = max(_FEWEST_DRAWS, _MOST_NUMBERS // density.rows.n_rows)
    used = theta[evenly(len(theta), min(len(theta), most))]
    efficiency = 1.0 if effective is None else min(1.0, float(effective) / len(theta))
    row, of_row, of_agent = _distinct(density.rows.row_of_agent, density.rows.n_rows, weight)
    return Entries(density, used, row, of_row, of_agent, max(efficiency, 1e-3))


def _distinct(
    row_of_agent: NDArray[np.int64], n_rows: int, weight: Array | None
) -> tuple[NDArray[np.int64], Array, NDArray[np.int64]]:
    """Return row and weight of the distinct agents, and the position of each agent among them."""
    if weight is None:
        return np.arange(n_rows), np.ones(n_rows), row_of_agent
    pairs, of_agent = np.unique(np.stack([row_of_agent, weight]), axis=1, return_inverse=True)
    if pairs.shape[1] > _MOST_ENTRIES:
        rough = np.exp(np.round(np.log(weight) / _STEP) * _STEP)
        pairs, of_agent = np.unique(np.stack([row_of_agent, rough]), axis=1, return_inverse=True)
    return pairs[0].astype(np.int64), pairs[1], np.ravel(of_agent)


def leave_out(entries: Entries) -> Iterator[LeftOut]:
    """Yield every entry left out, some at a time."""
    loglik = row_log_likelihood(entries.density, entries.theta)
    for start in range(0, len(entries.row), _CHUNK):
        part = slice(start, min(start + _CHUNK, len(entries.row)))
        own = loglik[:, entries.row[part]].T
        log_weight, khat = smoothed_weights(own * entries.weight[part, None], entries.efficiency)
        yield LeftOut(part, own, log_weight, khat)


def smoothed_weights(loglik: Array, efficiency: float = 1.0) -> tuple[Array, Array]:
    """Return the normalised log weights 1 / p of the draws, (entry, draw), and Pareto k̂, (entry,).

    Parameters
    ----------
    loglik
        Log likelihood that is taken away, (entry, draw).
    efficiency
        Effective draws per draw.
    """
    from arviz_stats.base import array_stats  # noqa: PLC0415 - costs seconds

    khat = np.full(len(loglik), np.nan)
    log_weight = np.full(loglik.shape, -np.log(loglik.shape[1]))
    finite = np.isfinite(loglik).all(axis=1)
    flat = finite & (np.ptp(np.where(finite[:, None], loglik, 0), axis=1) < 1e-9)
    khat[flat] = -np.inf
    some = np.flatnonzero(finite & ~flat)
    for i in some:
        log_weight[i], khat[i] = _smoothed(array_stats, loglik[i], efficiency)
    return log_weight, khat


def _smoothed(array_stats: object, loglik: Array, efficiency: float) -> tuple[Array, float]:
    try:
        log_weight, khat = array_stats.psislw(loglik, r_eff=efficiency)  # type: ignore[attr-defined]
    except ValueError:  # all draws of the tail are equal, as with few distinct draws: nothing to smooth
        raw = -loglik - (-loglik).max()
        return raw - np.log(np.exp(raw).sum()), float("nan")
    return np.asarray(log_weight), float(khat)
