"""Goals and weights summed out: the log likelihood of every distinct pattern, its gradient and its state totals.

For a pattern with counts n(o) and a prior p(s) over states,

    loglik = log Σ_s p(s) Π_o P(o | s)^n(o).

The items are split into two halves. The product over items is then (half 1) × (half 2), so with u₁ and u₂ distinct
half patterns the exponentials are (u₁ + u₂)·S instead of U·S and the sum over states is one matrix product; with 4⁶
patterns of six items, two tables of 64 rows. One half may be empty, which is the plain form.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import direct_rows

Array = NDArray[np.float64]

LARGE_CELLS = 10_000_000
"""Rows × states from which an area is large: its rows are summed in parts, see :mod:`.sum_over_parts`."""
_ANSWERS_IN_A_HALF = 12  # more could underflow when the halves contradict each other
_FEW_STATES = 8  # a maximum over so few is taken one by one


@dataclass(frozen=True, eq=False)
class Rows:
    """The distinct (pattern, group) pairs of one area.

    Parameters
    ----------
    first, second
        Counts of the distinct half patterns, (half pattern, option); of large areas whole numbers.
    first_of_row, second_of_row
        Half patterns of each row, (row,).
    group
        Position of the row's prior over states, (row,).
    n_priors
        Number of priors over states H.
    pattern
        Position of the row's pattern in ``AreaChoices.counts``, (row,).
    agents
        Number of agents who share the row, (row,).
    multiplicity
        Sum of their weights in the likelihood, (row,).
    row_of_agent
        Row of each agent, (agent,).
    direct
        Whether rows are computed from whole patterns in the way of many priors; see :mod:`.direct_rows`.
    """

    first: Array | NDArray[np.int64]
    second: Array
    first_of_row: NDArray[np.int64]
    second_of_row: NDArray[np.int64]
    group: NDArray[np.int64]
    n_priors: int
    pattern: NDArray[np.int64]
    agents: NDArray[np.int64]
    multiplicity: Array
    row_of_agent: NDArray[np.int64]
    direct: bool = False

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.pattern)


def split_items(
    counts: NDArray[np.int64], item_of_option: NDArray[np.int64], n_states: int
) -> tuple[Array, Array, NDArray[np.int64], NDArray[np.int64]]:
    """Return the cheapest split of the items into two halves.

    Parameters
    ----------
    counts
        Distinct patterns, (pattern, option).
    item_of_option
        Item of each option, (option,).
    n_states
        Number of states, for the cost.

    Returns
    -------
    first, second, first_of_pattern, second_of_pattern
        Counts of the half patterns over all options, and the half patterns of each pattern.
    """
    n_items = int(item_of_option.max()) + 1
    best, cost = whole_patterns(counts), 20.0 * len(counts) * n_states
    if counts.sum(axis=1).max(initial=0) > 2 * _ANSWERS_IN_A_HALF:
        return best
    for cut in range(1, n_items):
        left = item_of_option < cut
        a, ia = np.unique(np.where(left, counts, 0), axis=0, return_inverse=True)
        b, ib = np.unique(np.where(left, 0, counts), axis=0, return_inverse=True)
        if max(a.sum(axis=1).max(), b.sum(axis=1).max()) > _ANSWERS_IN_A_HALF:
            continue
        price = 20.0 * (len(a) + len(b)) * n_states + float(len(a)) * len(b) * n_states
        if price < cost:
            best, cost = (a.astype(float), b.astype(float), np.ravel(ia), np.ravel(ib)), price
    return best


def whole_patterns(counts: NDArray[np.int64]) -> tuple[Array, Array, NDArray[np.int64], NDArray[np.int64]]:
    """Return the patterns unsplit: each a first half, with an empty second one; see :func:`split_items`."""
    n = len(counts)
    return counts.astype(float), np.zeros((1, counts.shape[1])), np.arange(n), np.zeros(n, dtype=np.int64)


def make_rows(
    counts: NDArray[np.int64],
    item_of_option: NDArray[np.int64],
    pattern_of_agent: NDArray[np.int64],
    prior_of_agent: NDArray[np.int64],
    *,
    n_priors: int,
    n_states: int,
    fit_weight: Array | None,
    whole: bool = False,
    direct: bool = False,
) -> Rows:
    """Return the rows of an area: agents with equal counts and equal prior share one.

    Parameters
    ----------
    counts, item_of_option
        As in ``AreaChoices``.
    pattern_of_agent, prior_of_agent
        Pattern and position of the prior over states of each agent, (agent,).
    n_priors, n_states
        Number of priors (groups) and of states.
    fit_weight
        Weight of each agent in the likelihood, (agent,), or None for 1.
    whole
        Whether patterns must not be split, as they hold more than their counts.
    direct
        Whether whole patterns may be taken where that is cheaper: priors are many.
    """
    code = pattern_of_agent * n_priors + prior_of_agent
    number = np.bincount(code, minlength=len(counts) * n_priors)
    key = np.flatnonzero(number)
    row_of_agent = (np.cumsum(number > 0) - 1)[code]
    pattern, group, agents = key // n_priors, key % n_priors, number[key]
    multiplicity = agents.astype(float) if fit_weight is None else np.bincount(row_of_agent, fit_weight, len(key))
    first, second, a, b = whole_patterns(counts) if whole else split_items(counts, item_of_option, n_states)
    large = len(second) == 1 and len(key) * n_states >= LARGE_CELLS
    if large and not direct and not whole:
        return _large_rows(counts, pattern, group, n_priors, agents, multiplicity, row_of_agent)
    direct = direct and (large or _cheaper_directly(len(counts), len(first), len(second), n_priors))
    if direct:
        first, second, a, b = whole_patterns(counts)
    halves = (first, second, a[pattern], b[pattern])
    return Rows(*halves, group, n_priors, pattern, agents, multiplicity, row_of_agent, direct)


def _cheaper_directly(patterns: int, first: int, second: int, priors: int) -> bool:
    """Return whether whole patterns cost less than all pairs of half patterns, under all priors, per state.

    An exponential counts 20, what is done to each number of an array 4, a term of a matrix product 0.3.
    """
    by_halves = 20.0 * (first + second) + 4.0 * priors * first + 0.3 * priors * first * second
    return 20.0 * patterns + 0.3 * priors * patterns < by_halves


def _large_rows(
    counts: NDArray[np.int64],
    pattern: NDArray[np.int64],
    group: NDArray[np.int64],
    n_priors: int,
    agents: NDArray[np.int64],
    multiplicity: Array,
    row_of_agent: NDArray[np.int64],
) -> Rows:
    """Return unsplit rows that hold nothing twice: the patterns are the counts themselves."""
    nothing = np.broadcast_to(np.int64(0), len(pattern))
    own = np.array(group) if n_priors > 1 else nothing
    empty = np.zeros((1, counts.shape[1]))
    return Rows(counts, empty, pattern, nothing, own, n_priors, pattern, agents, multiplicity, row_of_agent)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Pieces of one evaluation over a batch of D parameter vectors, enough for gradients and state totals.

    Parameters
    ----------
    first, second
        Probability of the half patterns given the state, scaled, (D, half pattern, state); ``first`` without prior.
    prior
        Prior over states, (D, prior, state), scaled by ``exp(-shift)``.
    probability
        Scaled probability of every pair of half patterns, (D, prior, half pattern, half pattern); of direct rows, that
        of each row, (D, row).
    row_loglik
        Log likelihood of each row, (D, row), for one agent.
    """

    first: Array
    second: Array
    prior: Array
    probability: Array
    row_loglik: Array


def evaluate(rows: Rows, log_p: Array, log_prior: Array, later: Array | None = None) -> Evaluation:
    """Return the log likelihood of every row for a batch of tables and priors.

    Parameters
    ----------
    rows
        The rows of the area.
    log_p
        log P(option | state), (D, state, option).
    log_prior
        Log prior over states, (D, prior, state).
    later
        What else adds to the log probability of unsplit patterns given the state, (D, first half, state).
    """
    top = log_prior.max(axis=1, keepdims=True)
    one = np.matmul(rows.first, log_p.swapaxes(-1, -2))
    if later is not None:
        one += later
    two = np.matmul(rows.second, log_p.swapaxes(-1, -2))
    two += top  # the largest prior goes into the exponent, so a state rare in every group cannot underflow
    if len(rows.second) == 1:  # the plain form: shift by the maximum of the sum, which no pattern can underflow
        one += two
        two = np.zeros_like(two)
        one_max, two_max = _largest(one), np.zeros_like(two[..., :1])
    else:
        one_max, two_max = _largest(one), _largest(two)
    first = np.exp(one - one_max, out=one)
    second = np.exp(two - two_max, out=two)
    prior = np.exp(log_prior - top)
    if rows.direct:
        probability = direct_rows.probability(rows, first, prior)
        log_probability = np.log(probability) + one_max[:, rows.first_of_row, 0]
        return Evaluation(first, second, prior, probability, log_probability)
    weighted = first[:, None] * prior[:, :, None, :]
    probability = np.matmul(weighted, second.swapaxes(-1, -2)[:, None])
    log_probability = np.log(probability[:, rows.group, rows.first_of_row, rows.second_of_row])
    log_probability += one_max[:, rows.first_of_row, 0]
    log_probability += two_max[:, rows.second_of_row, 0]
    return Evaluation(first, second, prior, probability, log_probability)


def _largest(x: Array) -> Array:
    """Return the maximum over the last axis, which stays; numpy's own takes five times as long over few states."""
    if x.shape[-1] > _FEW_STATES:
        return np.asarray(x.max(axis=-1, keepdims=True))
    largest = x[..., :1].copy()
    for place in range(1, x.shape[-1]):
        largest = np.maximum(largest, x[..., place : place + 1])
    return largest


def gradients(rows: Rows, parts: Evaluation, multiplicity: Array) -> tuple[Array, Array, Array]:
    """Return the gradients of Σ_rows multiplicity · loglik by the table and by the log prior.

    Parameters
    ----------
    rows, parts
        The rows and their evaluation.
    multiplicity
        Weight of each row, (row,).

    Returns
    -------
    by_table, by_prior, by_first
        (D, state, option), (D, prior, state), and by the log probability of each first half, (D, first half, state).
        ``by_prior`` is also the expected number of agents per prior and state, the state totals T of the forward
        model.
    """
    if rows.direct:
        by_prior, first_totals = direct_rows.totals(rows, parts, multiplicity)
        return np.matmul(first_totals.swapaxes(-1, -2), rows.first), by_prior, first_totals
    ratio = _ratio(rows, parts, multiplicity)
    by_second = np.matmul(ratio, parts.second[:, None])  # (D, prior, first half, state)
    cells = by_second * parts.first[:, None]
    by_prior = cells.sum(axis=2) * parts.prior
    first_totals = (cells * parts.prior[:, :, None, :]).sum(axis=1)  # (D, first half, state)
    by_table = np.matmul(first_totals.swapaxes(-1, -2), rows.first)
    if rows.second.any():
        weighted = parts.first[:, None] * parts.prior[:, :, None, :]
        second_totals = (np.matmul(ratio.swapaxes(-1, -2), weighted) * parts.second[:, None]).sum(axis=1)
        by_table += np.matmul(second_totals.swapaxes(-1, -2), rows.second)
    return by_table, by_prior, first_totals


def state_totals(rows: Rows, parts: Evaluation, multiplicity: Array) -> Array:
    """Return the expected number of agents per prior and state, (D, prior, state).

    Parameters
    ----------
    rows, parts
        The rows and their evaluation.
    multiplicity
        Number or weight of the agents of each row, (row,).
    """
    if rows.direct:
        return direct_rows.totals(rows, parts, multiplicity)[0]
    ratio = _ratio(rows, parts, multiplicity)
    return np.asarray((np.matmul(ratio, parts.second[:, None]) * parts.first[:, None]).sum(axis=2) * parts.prior)


def _ratio(rows: Rows, parts: Evaluation, multiplicity: Array) -> Array:
    """Return multiplicity ÷ probability at the pairs of half patterns that occur, 0 elsewhere."""
    ratio = np.zeros_like(parts.probability)
    at = (slice(None), rows.group, rows.first_of_row, rows.second_of_row)
    ratio[at] = multiplicity / parts.probability[at]
    return ratio


def feature_means(rows: Rows, parts: Evaluation, features: Array) -> Array:
    """Return the posterior mean of features of the state for every row, (D, row, feature).

    Parameters
    ----------
    rows, parts
        The rows and their evaluation.
    features
        Value of each feature in each state, (state, feature).
    """
    if rows.direct:
        return direct_rows.means(rows, parts, features)
    weighted = parts.first[:, None] * parts.prior[:, :, None, :]
    at = (slice(None), rows.group, rows.first_of_row, rows.second_of_row)
    scale = 1 / parts.probability[at]
    means = np.empty((*scale.shape, features.shape[1]))
    for f, feature in enumerate(features.T):
        means[..., f] = np.matmul(weighted * feature, parts.second.swapaxes(-1, -2)[:, None])[at] * scale
    return means


def state_probabilities(rows: Rows, parts: Evaluation, some: NDArray[np.bool_] | None = None) -> Array:
    """Return the posterior probability of every state for some rows, (D, some row, state). Large: for few rows only.

    Parameters
    ----------
    rows, parts
        The rows and their evaluation.
    some
        Which rows, (row,); default all.
    """
    if some is None:
        some = np.ones(rows.n_rows, dtype=bool)
    first, second, group = rows.first_of_row[some], rows.second_of_row[some], rows.group[some]
    joint = parts.first[:, first] * parts.prior[:, group] * parts.second[:, second]
    joint /= joint.sum(axis=-1, keepdims=True)
    return np.asarray(joint)
