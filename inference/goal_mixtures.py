"""Several goals of one agent: mixtures of goals on a grid, and their prior.

In each answer an agent follows one of its goals, goal g with probability μ_g. The mixture μ has parts n_g/N in whole
numbers, and n is Dirichlet-multinomial:

    P(n) = N! / Π n_g! · Π_g Π_{j<n_g} (α_g + j) / Π_{j<N} (A + j),   α = A π.

That is a Dirichlet on the grid which has the mean π exactly for every A and keeps the corners, agents of one goal only:
for A → 0 there is nobody else. With mixing r = A / (1 + A) the expected spread of an agent is

    E[1 − Σ μ_g²] = r (1 − 1/N) (1 − Σ π_g²).

References: Polya's urn; Mosimann 1962, doi:10.1093/biomet/49.1-2.65.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations, product
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, gammaln

Array = NDArray[np.float64]


@cache
def grid(n_goals: int, parts: int) -> NDArray[np.int64]:
    """Return the mixtures of goals in whole parts, those of one goal first, (mixture, goal); rows sum to ``parts``."""
    every = [n for n in product(range(parts + 1), repeat=n_goals) if sum(n) == parts]
    return np.array(sorted(every, key=lambda n: (-max(n), [-x for x in n])), dtype=np.int64)


@cache
def _urn(n_goals: int, parts: int) -> tuple[Array, Array]:
    """Return whether a mixture has more than j parts of a goal, (goal × j, mixture), and its log multiplicity."""
    n = grid(n_goals, parts)
    more = n.T[:, None, :] > np.arange(parts)[:, None]
    return more.reshape(n_goals * parts, -1).astype(np.float64), gammaln(parts + 1) - gammaln(n + 1).sum(axis=1)


def log_mixture_prior(xp: ModuleType, parts: int, n_goals: int, log_share: Any, logit_mixing: Any) -> Any:
    """Return the log prior over mixtures of agents with any goal, (..., mixture), from their shares.

    Parameters
    ----------
    xp
        ``numpy`` or ``pytensor.tensor``: the formula is the same in both.
    parts, n_goals
        Parts N and number of goals K.
    log_share
        Log goal shares, with "no goal" last where there is one, (..., share); those of goals need not sum to 1.
    logit_mixing
        Logit of the mixing r, which is log A, (...).

    Returns
    -------
    array
        Summed over mixtures, the probability to hold any goal.
    """
    more, log_number = _urn(n_goals, parts)
    goals, some = _shares(xp, n_goals, log_share)
    log_alpha = logit_mixing[..., None] + goals
    lead = tuple(log_alpha.shape[i] for i in range(log_alpha.ndim - 1))
    steps = [xp.logaddexp(log_alpha, np.log(j))[..., None] for j in range(1, parts)]
    terms = xp.concatenate([log_alpha[..., None], *steps], axis=-1)  # log(α_g + j), (..., goal, j)
    total = logit_mixing + sum(xp.logaddexp(logit_mixing, np.log(j)) for j in range(1, parts))
    return xp.reshape(terms, (*lead, n_goals * parts)) @ more + log_number + (some - total)[..., None]


def _shares(xp: ModuleType, n_goals: int, log_share: Any) -> tuple[Any, Any]:
    """Return the log shares of goals among agents with any, (..., goal), and the log share of those, (...)."""
    goals = log_share[..., :n_goals]
    top = xp.max(goals, axis=-1, keepdims=True)
    some = top + xp.log(xp.sum(xp.exp(goals - top), axis=-1, keepdims=True))
    return goals - some, some[..., 0]


def mixture_slopes(parts: int, n_goals: int, log_share: Array, logit_mixing: Array) -> tuple[Array, Array]:
    """Return the derivatives of :func:`log_mixture_prior`.

    Returns
    -------
    by_log_share, by_logit_mixing
        (..., mixture, goal), by the log shares of goals as if they were free, and (..., mixture).
    """
    more, _ = _urn(n_goals, parts)
    goals, _ = _shares(np, n_goals, log_share)
    log_alpha = logit_mixing[..., None] + goals
    log_j = np.log(np.maximum(np.arange(parts), 1))
    by_step = expit(log_alpha[..., None] - log_j)  # α_g / (α_g + j)
    by_step[..., 0] = 1.0
    by_alpha = np.einsum("...gj,gjm->...mg", by_step, more.reshape(n_goals, parts, -1), optimize=True)
    total = by_alpha.sum(axis=-1)
    share = np.exp(goals)[..., None, :]
    of_all = expit(logit_mixing[..., None] - log_j)
    of_all[..., 0] = 1.0
    return by_alpha + share * (1 - total[..., None]), total - of_all.sum(axis=-1, keepdims=True)


def pairs_of(n_goals: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first and the second goal of each pair of goals, (pair,)."""
    first, second = np.array(list(combinations(range(n_goals), 2)), dtype=np.int64).reshape(-1, 2).T
    return first, second


def expected_spread(xp: ModuleType, parts: int, n_goals: int, log_share: Any, logit_mixing: Any) -> Any:
    """Return the mean over agents of 1 − Σ μ², 0 for those who hold no goal, (...).

    Parameters
    ----------
    xp, parts, n_goals, log_share, logit_mixing
        As for :func:`log_mixture_prior`.
    """
    goals, some = _shares(xp, n_goals, log_share)
    mixing = 1 / (1 + xp.exp(-logit_mixing))
    return xp.exp(some) * mixing * (1 - 1 / parts) * (1 - xp.sum(xp.exp(2 * goals), axis=-1))


def own_conflict(overlap: Array, conflict: Array) -> Array:
    """Return the sums of μᵀ C μ over agents, (..., prior, 2), from those of products of shares.

    Parameters
    ----------
    overlap
        Σ μ_g μ_h and Σ w μ_g μ_h by pair of goals, (..., prior, 2, pair).
    conflict
        Conflict between goal shares, (share, share), or with the leading axes of ``overlap`` but the last three.
    """
    n_goals = round((1 + np.sqrt(1 + 8 * overlap.shape[-1])) / 2)
    first, second = pairs_of(n_goals)
    entries = conflict[..., first, second]
    return np.asarray(2 * (overlap * entries[..., None, None, :]).sum(axis=-1))
