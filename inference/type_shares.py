"""Goal shares of hidden types of agents, from the goal shares of all agents and how far types lean to goals.

Of the agents of a group, shares π hold the goals of an area, and shares τ are of the types. With leanings D (types ×
goals, zero-sum both ways, log odds), the joint shares of types and goals are

    P(t, g) = π_g · softmax_t(a_t + D_tg),

with the a that gives each type its share τ_t. It is the only table with these margins and these log odds ratios
(Sinkhorn 1967, doi:10.2307/2314570), so what types do to the dependence between areas says nothing of the shares of
goals: these keep their prior and their meaning. a maximises the concave Σ_t τ_t a_t − Σ_g π_g log Σ_t exp(a_t + D_tg).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_ITERATIONS = 60
_CLOSE = 1e-14
_LARGEST_STEP = 4.0
_HALVINGS = 40
_SMALLEST = 1e-290
_RIDGE = 1e-15


def log_type_given_goal(log_share: Array, log_type: Array, leaning: Array) -> Array:
    """Return log P(type | goal), (…, type, goal).

    Parameters
    ----------
    log_share
        Log shares of the goals, (…, goal), normalised.
    log_type
        Log shares of the types, (…, type), normalised.
    leaning
        Log odds D, (…, type, goal).
    """
    shape = np.broadcast_shapes(log_share.shape[:-1], log_type.shape[:-1], leaning.shape[:-2])
    n_types, n_goals = leaning.shape[-2:]
    flat = int(np.prod(shape))
    share = np.exp(np.broadcast_to(log_share, (*shape, n_goals)).reshape(flat, n_goals))
    log_tau = np.broadcast_to(log_type, (*shape, n_types)).reshape(flat, n_types)
    lean = np.broadcast_to(leaning, (*shape, n_types, n_goals)).reshape(flat, n_types, n_goals)
    found = _normalised(log_tau[:, :, None] + lean)
    if n_types > 1:
        found = _normalised(potentials(share, np.exp(log_tau), log_tau, lean)[:, :, None] + lean)
    return found.reshape(*shape, n_types, n_goals)


def log_shares_of_types(log_share: Array, log_type: Array, given_goal: Array) -> Array:
    """Return the log goal shares of each type, (…, type, goal), from :func:`log_type_given_goal`."""
    return np.asarray(given_goal + log_share[..., None, :] - log_type[..., :, None])


def pull_back_types(
    log_share: Array, log_type: Array, given_goal: Array, by_type_share: Array
) -> tuple[Array, Array, Array]:
    """Return the gradient by log goal shares, log type shares and leanings of a function of the shares of types.

    Parameters
    ----------
    log_share, log_type, given_goal
        As for :func:`log_shares_of_types`; all with the same leading dims.
    by_type_share
        Gradient by the log goal shares of each type, (…, type, goal).

    Returns
    -------
    by_log_share, by_log_type, by_leaning
        (…, goal), (…, type), (…, type, goal). The first two hold for changes that leave sums of shares 1.

    Notes
    -----
    a is an implicit function of the rest: with H = Σ_g π_g (diag p_g − p_g p_gᵀ), the derivative of the condition
    Σ_g π_g p_tg = τ_t by a, and α the gradient by a, λ = H⁺ α carries the gradient on.
    """
    p, share = np.exp(given_goal), np.exp(log_share)
    total = by_type_share.sum(axis=-2)
    by_odds = by_type_share - p * total[..., None, :]
    reach = np.zeros(log_type.shape)
    if p.shape[-2] > 1:
        alpha = by_odds.sum(axis=-1)
        reach[..., :-1] = _solved(_curvature(p, share)[..., :-1, :-1], alpha[..., :-1])
    mean = (p * reach[..., :, None]).sum(axis=-2)
    by_leaning = by_odds - share[..., None, :] * p * (reach[..., :, None] - mean[..., None, :])
    by_log_share = total - share * mean
    by_log_type = np.exp(log_type) * reach - by_type_share.sum(axis=-1)
    return by_log_share, by_log_type, by_leaning


def potentials(share: Array, tau: Array, log_tau: Array, lean: Array) -> Array:
    """Return a, (flat, type): Newton steps, shortened where they do not bring the shares of the types nearer."""
    result, todo = log_tau.copy(), np.arange(len(share), dtype=np.int64)
    a, step = log_tau, np.zeros_like(log_tau)
    p = np.exp(_normalised(a[:, :, None] + lean))
    gap = tau - (p * share[:, None, :]).sum(axis=2)
    for _ in range(_ITERATIONS):
        far = ~(np.abs(gap).max(axis=1) <= _CLOSE)
        if not far.all():
            result[todo] = a
            todo = todo[far]
            a, share, tau, lean, p, gap = (x[far] for x in (a, share, tau, lean, p, gap))
            if not len(todo):
                return result
            step = np.zeros_like(a)
        step[:, :-1] = _solved(_curvature(p, share)[:, :-1, :-1], gap[:, :-1])
        step *= np.minimum(1.0, _LARGEST_STEP / np.maximum(np.abs(step).max(axis=1), 1e-300))[:, None]
        size, before = np.ones(len(a)), np.abs(gap).max(axis=1)
        for _ in range(_HALVINGS):
            p = np.exp(_normalised((a + size[:, None] * step)[:, :, None] + lean))
            gap = tau - (p * share[:, None, :]).sum(axis=2)
            worse = np.abs(gap).max(axis=1) > np.maximum(before, 4 * _CLOSE)
            if not worse.any():
                break
            size[worse] *= 0.5
        a = a + size[:, None] * step
    result[todo] = a
    return result


def _curvature(p: Array, share: Array) -> Array:
    """Return H, (…, type, type)."""
    weighted = p * share[..., None, :]
    own = np.eye(p.shape[-2]) * weighted.sum(axis=-1)[..., :, None]
    return np.asarray(own - np.matmul(weighted, p.swapaxes(-1, -2)))


def _solved(matrix: Array, vector: Array) -> Array:
    """Return matrix⁻¹ vector, (…, n), of positive definite matrices that may be as small as numbers get."""
    if matrix.shape[-1] == 1:
        return np.asarray(vector / np.maximum(matrix[..., 0], _SMALLEST))
    ridge = _SMALLEST + _RIDGE * np.trace(matrix, axis1=-2, axis2=-1)[..., None, None]
    finite = np.isfinite(matrix).all(axis=(-2, -1), keepdims=True)
    sound = np.where(finite, matrix, 0.0) + np.where(finite, ridge, 1.0) * np.eye(matrix.shape[-1])
    return np.where(finite[..., 0], np.linalg.solve(sound, vector[..., None])[..., 0], np.nan)


def _normalised(logits: Array) -> Array:
    """Return logits normalised over types, (…, type, goal)."""
    shifted = logits - logits.max(axis=-2, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-2, keepdims=True)))
