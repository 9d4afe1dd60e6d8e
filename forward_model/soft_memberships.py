"""Sums over pairs of agents who follow several goals, each with a share: conflict of a pair is μ_iᵀ C μ_j.

With M_g = Σ_i μ_ig √w_i, the geometric mean gives

    Σ_{i≠j} μ_iᵀ C μ_j √(w_i w_j) = MᵀCM − Σ_i w_i μ_iᵀ C μ_i:

an agent's own goals may conflict, but an agent makes no pair with itself. With one goal each the last term is 0, and
everything is as in :mod:`.pair_sums`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .pair_sums import PairSums, TotalsScores, overall_sums, pair_scores
from .weight_means import WeightMean, mean_of_two

type Floats = NDArray[np.float64]

_ROUNDING = 8 * np.finfo(np.float64).eps
_CHUNK_NUMBERS = 2**20
_EXACT_HARMONIC = 5_000


def soft_totals_scores(
    count: ArrayLike, root: ArrayLike, weight: ArrayLike, conflict: ArrayLike, own: ArrayLike
) -> TotalsScores:
    """Return the scores under the geometric mean of weights, from totals per group and goal.

    Parameters
    ----------
    count, root, weight
        Σ_i μ_ig, Σ_i μ_ig √w_i and Σ_i μ_ig w_i of the agents of a group, (..., group, goal); what an agent follows no
        goal with stands in a goal column of its own.
    conflict
        Conflict between goals, (..., goal, goal), zeros for the column without a goal.
    own
        Σ_i μ_iᵀ C μ_i and Σ_i w_i μ_iᵀ C μ_i of the same agents, (..., group, 2).

    Returns
    -------
    TotalsScores
        As :func:`.totals_scores`, to which it is equal where every agent follows one goal.
    """
    count, root, weight, conflict, own = (np.asarray(x, dtype=float) for x in (count, root, weight, conflict, own))
    same = np.eye(root.shape[-2])
    number, mass = count.sum(axis=-1), root.sum(axis=-1)
    between = mass[..., :, None] * mass[..., None, :]
    within = mass**2 - weight.sum(axis=-1)
    within = np.where((number < 1.5) | (within <= _ROUNDING * mass**2), 0.0, within)
    sums = PairSums(
        conflict=_without_own(count, conflict, own[..., 0], same),
        weighted_conflict=_without_own(root, conflict, own[..., 1], same),
        weight=np.where(same > 0, within[..., None], between),
        pairs=number[..., :, None] * number[..., None, :] - same * number[..., None],
    )
    return TotalsScores(pair_scores(overall_sums(sums)), pair_scores(sums))


def _without_own(total: Floats, conflict: Floats, own: Floats, same: Floats) -> Floats:
    return np.maximum((total @ conflict) @ np.swapaxes(total, -1, -2) - same * own[..., None], 0.0)


def soft_pair_sums(
    membership: Floats,
    weight: Floats,
    group: NDArray[np.int64],
    size: int,
    conflict: Floats,
    *,
    weight_mean: WeightMean,
) -> PairSums:
    """Return sums over ordered pairs of distinct agents, (group, group_other).

    Parameters
    ----------
    membership
        Share of each goal of each agent, no goal last, (agent, goal), summing to 1.
    weight
        Weight of each agent in [0, 1], (agent,).
    group
        Group of each agent, 0 to ``size`` − 1, (agent,).
    size
        Number of groups.
    conflict
        Conflict between goals, (goal, goal), with zeros for no goal.
    weight_mean
        Mean of two weights.
    """
    of = group, size
    counts = soft_cell_sums(membership, weight, *of, weight_mean="none")
    weighted = soft_cell_sums(membership, weight, *of, weight_mean=weight_mean)
    alone = np.ones((len(weight), 1))
    means, number = (soft_cell_sums(alone, weight, *of, weight_mean=mean)[:, 0, :, 0] for mean in (weight_mean, "none"))
    return PairSums(
        conflict=np.einsum("agbh,gh->ab", counts, conflict),
        weighted_conflict=np.einsum("agbh,gh->ab", weighted, conflict),
        weight=means,
        pairs=number,
    )


def soft_cell_sums(
    membership: Floats, weight: Floats, group: NDArray[np.int64], size: int, *, weight_mean: WeightMean
) -> Floats:
    """Return Σ μ_ig μ_jh m(w_i, w_j) over ordered pairs of distinct agents, (group, goal, group_other, goal_other).

    Parameters
    ----------
    membership, weight, group, size, weight_mean
        As for :func:`soft_pair_sums`.
    """
    one = np.ones_like(weight)
    match weight_mean:
        case "none":
            return _earlier(membership, one, one, group, size)
        case "geometric":
            return _earlier(membership, np.sqrt(weight), np.sqrt(weight), group, size)
        case "min":  # in order of falling weight, each agent is the lesser of the pair it makes with everyone before
            order = np.argsort(-weight, kind="stable")
            return _earlier(membership[order], weight[order], one, group[order], size)
        case "harmonic":
            return _harmonic_sums(membership, weight, group, size)
    both = _earlier(membership, weight, one, group, size) + _earlier(membership, one, weight, group, size)
    if weight_mean == "arithmetic":
        return np.asarray(both / 2)
    return both - soft_cell_sums(membership, weight, group, size, weight_mean="min")  # max = a + b − min


def _earlier(membership: Floats, own: Floats, other: Floats, group: NDArray[np.int64], size: int) -> Floats:
    """Return Σ_i own_i μ_i ⊗ Σ_{j before i} other_j μ_j and its mirror image: of positive numbers, no digits lost."""
    k = membership.shape[1]
    before, sums = np.zeros((size, k)), np.zeros((size * k, size * k))
    step = max(1, _CHUNK_NUMBERS // (size * k))
    for start in range(0, len(membership), step):
        part = slice(start, start + step)
        mine = np.zeros((len(membership[part]), size, k))
        mine[np.arange(len(mine)), group[part]] = membership[part]
        added = mine * other[part, None, None]
        upto = np.concatenate([before[None], before + np.cumsum(added, axis=0)])
        before = upto[-1]
        sums += (mine * own[part, None, None]).reshape(len(mine), -1).T @ upto[:-1].reshape(len(mine), -1)
    return np.asarray((sums + sums.T).reshape(size, k, size, k))


def _harmonic_sums(membership: Floats, weight: Floats, group: NDArray[np.int64], size: int) -> Floats:
    sums = _harmonic_everyone(membership, weight, group, size)
    k, every = membership.shape[1], np.arange(size)
    own = np.zeros((size, k, k))
    for g in range(k):
        for h in range(k):
            own[:, g, h] = np.bincount(group, membership[:, g] * membership[:, h] * weight, size)
    rest = sums[every, :, every, :] - own
    sums[every, :, every, :] = np.where(rest <= _ROUNDING * len(weight) * own, 0.0, rest)
    return sums


def _harmonic_everyone(membership: Floats, weight: Floats, group: NDArray[np.int64], size: int) -> Floats:
    """Return the sums over all pairs, those of an agent with itself among them."""
    distinct, position = np.unique(weight, return_inverse=True)
    k = membership.shape[1]
    if len(distinct) > _EXACT_HARMONIC:
        return _harmonic_quadrature(membership, weight, group, size)
    mass = np.zeros((size, k, len(distinct)))
    for g in range(k):
        np.add.at(mass[:, g], (group, np.ravel(position)), membership[:, g])
    flat, sums = mass.reshape(size * k, -1), np.zeros((size * k, size * k))
    step = max(1, _CHUNK_NUMBERS // max(1, len(distinct)))
    for start in range(0, len(distinct), step):
        rows = slice(start, start + step)
        sums += flat[:, rows] @ (mean_of_two(distinct[rows, None], distinct, weight_mean="harmonic") @ flat.T)
    return sums.reshape(size, k, size, k)


def _harmonic_quadrature(membership: Floats, weight: Floats, group: NDArray[np.int64], size: int) -> Floats:
    """Return the same through 1/(x + y) = ∫₀^∞ e^(−tx) e^(−ty) dt, as in :mod:`.weight_means`."""
    largest, k = weight.max(), membership.shape[1]
    scaled = weight / largest
    u = np.arange(-4.0, 38.0, 0.25)
    t = np.exp(u - np.exp(-u))
    factor = 2 * 0.25 * t * (1 + np.exp(-u))
    sums = np.zeros((size, k, size, k))
    for node, scale in zip(t, factor, strict=True):
        value = scaled * np.exp(-node * scaled)
        total = np.stack([np.bincount(group, membership[:, g] * value, size) for g in range(k)], axis=1)
        sums += scale * np.einsum("ag,bh->agbh", total, total)
    return np.asarray(largest * sums)
