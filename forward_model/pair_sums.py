"""Sums over all pairs of agents, from totals per goal: the kernels under every score.

With n_g agents of goal g, S_g = Σ √w and C the conflict, the geometric mean gives

    Σ_{i≠j} C[g_i, g_j] √(w_i w_j) = SᵀCS
    Σ_{i≠j} √(w_i w_j)             = (Σ_g S_g)² − Σ_i w_i
    Σ_{i≠j} C[g_i, g_j]            = nᵀCn

since a goal does not conflict with itself. An agent × agent array is never made. All functions work on the
last axes and keep any leading (batch) axes. *No goal* is one more goal column, with zeros in its row and
column of the conflict.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .weight_means import WeightMean, check_weight_mean, mean_of_two

type Floats = NDArray[np.float64]

_ROUNDING = 8 * np.finfo(np.float64).eps


class PairSums(NamedTuple):
    """Sums over ordered pairs of distinct agents i of ``group`` and j of ``group_other``, (..., group, group_other).

    Parameters
    ----------
    conflict
        Σ C[g_i, g_j].
    weighted_conflict
        Σ C[g_i, g_j] · m(w_i, w_j).
    weight
        Σ m(w_i, w_j).
    pairs
        Number of ordered pairs.
    """

    conflict: Floats
    weighted_conflict: Floats
    weight: Floats
    pairs: Floats


class PairScores(NamedTuple):
    """Means over pairs of agents.

    Parameters
    ----------
    contention
        Mean conflict.
    misalignment
        Mean of conflict × mean of the two weights; the numerator of relative misalignment.
    relative_misalignment
        ``misalignment / pair_weight``; NaN where ``pair_weight`` is 0.
    pair_weight
        Mean over pairs of the mean of the two weights; the denominator of relative misalignment.
    """

    contention: Floats
    misalignment: Floats
    relative_misalignment: Floats
    pair_weight: Floats


class TotalsScores(NamedTuple):
    """Scores over all agents, (...), and within and between groups, (..., group, group_other)."""

    overall: PairScores
    groups: PairScores


class ExpectedScores(NamedTuple):
    """Expected contention and misalignment: over all agents, (...), and by groups, (..., group, group_other)."""

    contention: Floats
    misalignment: Floats
    contention_groups: Floats
    misalignment_groups: Floats


def totals_scores(count: ArrayLike, root: ArrayLike, weight: ArrayLike, conflict: ArrayLike) -> TotalsScores:
    """Return the scores under the geometric mean of weights, from totals per group and goal.

    Parameters
    ----------
    count
        Number of agents, (..., group, goal). Agents without a goal stand in a goal column of their own;
        agents in no group may stand in a group row of their own, which the caller drops from ``groups``.
    root
        Σ √w over the same agents, (..., group, goal).
    weight
        Σ w over the same agents, (..., group, goal).
    conflict
        Conflict between goals, (goal, goal), symmetric, zero diagonal, zeros for the column without a goal.

    Returns
    -------
    TotalsScores
        ``overall`` over all pairs of agents of all rows, (...); ``groups`` within (diagonal) and between
        groups, (..., group, group_other). Undefined numbers (no pairs, no weight) are NaN.
    """
    sums = geometric_sums(np.asarray(count), np.asarray(root), np.asarray(weight), np.asarray(conflict))
    return TotalsScores(pair_scores(overall_sums(sums)), pair_scores(sums))


def geometric_sums(
    count: Floats, root: Floats, weight: Floats, conflict: Floats, *, own: Floats | None = None
) -> PairSums:
    """Return sums over pairs under the geometric mean, from totals per group and goal.

    Parameters
    ----------
    count, root, weight, conflict
        As for :func:`totals_scores`.
    own
        Σ √w_i √w_j over ordered pairs of distinct agents of one group and goal, (..., group, goal). Default
        ``root² − weight``, with what is rounding error set to 0.
    """
    if own is None:
        own = root**2 - weight
        own = np.where((count < 2) | (own <= _ROUNDING * root**2), 0.0, own)
    group_root = root.sum(axis=-1)
    same_group = np.eye(root.shape[-2], dtype=bool)
    other_goals = 1.0 - np.eye(root.shape[-1])
    within = np.sum((root @ other_goals) * root, axis=-1) + own.sum(axis=-1)
    between = group_root[..., :, None] * group_root[..., None, :]
    return PairSums(
        conflict=_products(count, conflict),
        weighted_conflict=_products(root, conflict),
        weight=np.where(same_group, within[..., None], between),
        pairs=_number_of_pairs(count),
    )


def cell_sums(pair_weights: Floats, count: Floats, conflict: Floats) -> PairSums:
    """Return sums over pairs from the sums of the mean of weights per pair of cells.

    Parameters
    ----------
    pair_weights
        Σ m(w_i, w_j) over ordered pairs of distinct agents, (..., group, goal, group_other, goal_other), see
        :func:`.weight_means.cell_pair_sums`.
    count, conflict
        As for :func:`totals_scores`.
    """
    return PairSums(
        conflict=_products(count, conflict),
        weighted_conflict=np.einsum("...agbh,gh->...ab", pair_weights, conflict),
        weight=pair_weights.sum(axis=(-3, -1)),
        pairs=_number_of_pairs(count),
    )


def overall_sums(sums: PairSums) -> PairSums:
    """Return the sums over the pairs of all agents, (...), from those by group and other group."""
    return PairSums(*(part.sum(axis=(-2, -1)) for part in sums))


def pair_scores(sums: PairSums) -> PairScores:
    """Return means over pairs from sums over pairs; NaN without pairs, and relative misalignment NaN without weight."""
    contention, misalignment, pair_weight = (
        divide(part, sums.pairs) for part in (sums.conflict, sums.weighted_conflict, sums.weight)
    )
    relative = divide(sums.weighted_conflict, np.where(sums.pairs > 0, sums.weight, 0.0))
    return PairScores(contention, misalignment, np.minimum(relative, 1.0), pair_weight)


def divide(numerator: ArrayLike, denominator: ArrayLike) -> Floats:
    """Return the quotient, NaN where the denominator is 0 or NaN."""
    numerator, denominator = np.broadcast_arrays(np.asarray(numerator), np.asarray(denominator))
    empty = np.full(numerator.shape, np.nan)
    defined = ~((denominator == 0) | np.isnan(denominator))
    return np.asarray(np.divide(numerator, denominator, out=empty, where=defined))


def expected_scores(
    cell_probability: ArrayLike,
    multiplicity: ArrayLike,
    state_goal: ArrayLike,
    state_weight: ArrayLike,
    conflict: ArrayLike,
    *,
    weight_mean: WeightMean = "geometric",
    group: ArrayLike | None = None,
    n_groups: int | None = None,
) -> ExpectedScores:
    """Return expected contention and misalignment when each agent's state is known by its probabilities only.

    With r_i(s) the probability of state s = (goal, weight) of agent i, T = Σ_i r_i and
    M[s, s′] = C[g_s, g_s′]·m(x_s, x_s′), the expected score is (TᵀMT − Σ_i r_iᵀMr_i) / (n(n − 1)): exact for
    independent agents and any mean. Relative misalignment, a ratio, has no such form.

    Parameters
    ----------
    cell_probability
        Probability of each state for the agents of a row, (..., row, state), summing to 1 over states.
    multiplicity
        Number of agents of each row, whole, (row,).
    state_goal
        Position in ``conflict`` of the goal of each state, (state,).
    state_weight
        Weight of each state in [0, 1], (state,).
    conflict
        Conflict between goals, (goal, goal), with a row of zeros for no goal where a state has none.
    weight_mean
        Mean of two weights.
    group
        Group of each row, 0 to ``n_groups`` − 1, (row,). Default: one group.
    n_groups
        Number of groups.

    Returns
    -------
    ExpectedScores
        Overall (...) and by groups (..., group, group_other). NaN where there are no pairs.
    """
    probability = np.asarray(cell_probability, dtype=np.float64)
    copies = np.asarray(multiplicity, dtype=np.float64)
    kernel = np.asarray(conflict, dtype=np.float64)
    goal, weight = np.asarray(state_goal), np.asarray(state_weight, dtype=np.float64)
    rows = np.zeros(len(copies), dtype=np.int64) if group is None else np.asarray(group)
    size = n_groups if n_groups is not None else int(rows.max(initial=0)) + 1
    members = np.zeros((size, len(copies)))
    members[rows, np.arange(len(copies))] = copies
    pairs = _number_of_pairs(members.sum(axis=-1)[:, None])
    of_goal = np.zeros((len(goal), len(kernel)))
    of_goal[np.arange(len(goal)), goal] = 1.0
    contention = _expected_sums(probability @ of_goal, kernel, members)
    if check_weight_mean(weight_mean) == "geometric":  # a product over the two agents: sums over goals suffice
        misalignment = _expected_sums(probability @ (of_goal * np.sqrt(weight)[:, None]), kernel, members)
    elif weight_mean == "none":
        misalignment = contention
    else:
        means = mean_of_two(weight[:, None], weight, weight_mean=weight_mean)
        misalignment = _expected_sums(probability, kernel[np.ix_(goal, goal)] * means, members)
    return ExpectedScores(
        contention=divide(contention.sum(axis=(-2, -1)), pairs.sum()),
        misalignment=divide(misalignment.sum(axis=(-2, -1)), pairs.sum()),
        contention_groups=divide(contention, pairs),
        misalignment_groups=divide(misalignment, pairs),
    )


def _expected_sums(probability: Floats, kernel: Floats, members: Floats) -> Floats:
    total = members @ probability
    own = members @ np.sum((probability @ kernel) * probability, axis=-1)[..., None]
    return _products(total, kernel) - np.eye(len(members)) * own


def _products(totals: Floats, kernel: Floats) -> Floats:
    """Return TᵀCT by group and other group, (..., group, group_other), from (..., group, goal)."""
    return np.asarray((totals @ kernel) @ np.swapaxes(totals, -1, -2), dtype=np.float64)


def _number_of_pairs(count: Floats) -> Floats:
    n = count.sum(axis=-1, dtype=np.float64)
    return n[..., :, None] * n[..., None, :] - np.eye(n.shape[-1]) * n[..., None]
