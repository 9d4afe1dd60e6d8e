"""The likelihood of many rows as sums: what a part of the rows adds to value, gradient and Hessian.

With n_r(o) the counts of row r, L = log P(option | state) and q = log prior, all functions of θ,

    loglik_r = log Σ_s exp(q_h(s) + Σ_o n_r(o) L(s, o)),

so value, gradient and Hessian of Σ_r multiplicity · loglik_r need of the rows only sums over them (Louis 1982,
doi:10.1111/j.2517-6161.1982.tb01203.x): totals of states, of states × counts, and the covariance of the score within
rows. Parts of the rows may lie anywhere; their sums add up, and all are made in float64.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .marginal import Rows

Array = NDArray[np.float64]

BLOCK = 1_024
"""Rows evaluated at once: the arrays stay in the processor's cache."""


@dataclass(frozen=True, eq=False)
class Part:
    """Some rows of an area.

    Parameters
    ----------
    counts
        Answers of each row, (row, option), whole numbers of any type.
    group
        Position of the row's prior over states, (row,).
    multiplicity
        Weight of each row in the likelihood, (row,).
    """

    counts: NDArray[np.number]
    group: NDArray[np.int64]
    multiplicity: Array


@dataclass(frozen=True, eq=False)
class Point:
    """The tables at one parameter vector.

    Parameters
    ----------
    log_p
        log P(option | state), (state, option).
    log_prior
        Log prior over states, (prior, state).
    slope_p, slope_prior
        Their derivatives by the coordinates, (state, option, coordinate) and (prior, state, coordinate); None where no
        second derivative is wanted.
    """

    log_p: Array
    log_prior: Array
    slope_p: Array | None = None
    slope_prior: Array | None = None


@dataclass(frozen=True, eq=False)
class Sums:
    """What rows add to the likelihood at one point.

    Parameters
    ----------
    value
        Sum of multiplicity × log likelihood.
    by_prior
        Expected number of agents by prior and state, (prior, state).
    by_table
        Expected answers by state and option, (state, option).
    scatter
        Sum of the covariance, over the states of a row given its answers, of the gradient of its joint log
        probability, (coordinate, coordinate); None where it was not asked for.
    """

    value: float
    by_prior: Array
    by_table: Array
    scatter: Array | None = None

    def __add__(self, other: Sums) -> Sums:
        """Return the sums over both."""
        scatter = None if self.scatter is None or other.scatter is None else self.scatter + other.scatter
        return Sums(self.value + other.value, self.by_prior + other.by_prior, self.by_table + other.by_table, scatter)


def part_of(rows: Rows, at: slice) -> Part:
    """Return some of the rows of an area whose patterns are not split."""
    return Part(rows.first[rows.first_of_row[at]], rows.group[at], rows.multiplicity[at])


def blocks(part: Part, point: Point) -> Iterator[tuple[slice, Array, Array, Array]]:
    """Yield rows of a part with their counts, (row, option), log likelihood, (row,), and states, (row, state).

    The last are probabilities of the states given the answers. The array is used again for the next rows.
    """
    for at, counts, top, joint in _joint(part, point):
        total = joint.sum(axis=1)
        yield at, counts, top + np.log(total), np.divide(joint, total[:, None], out=joint)


def _joint(part: Part, point: Point) -> Iterator[tuple[slice, Array, Array, Array]]:
    """Yield rows with their counts, the largest log joint probability of a state, and all of them relative to it."""
    n, (priors, states) = len(part.multiplicity), point.log_prior.shape
    buffer, table = np.empty((min(n, BLOCK), states)), np.ascontiguousarray(point.log_p.T)
    for start in range(0, n, BLOCK):
        at = slice(start, min(start + BLOCK, n))
        counts = part.counts[at].astype(np.float64)
        joint = np.matmul(counts, table, out=buffer[: len(counts)])
        joint += point.log_prior[0] if priors == 1 else point.log_prior[part.group[at]]
        top = joint.max(axis=1)
        joint -= top[:, None]
        yield at, counts, top, np.exp(joint, out=joint)


def part_log_likelihood(part: Part, point: Point) -> Array:
    """Return the log likelihood of one agent of each row, (row,)."""
    result = np.empty(len(part.multiplicity))
    for at, _, top, joint in _joint(part, point):
        result[at] = top + np.log(joint.sum(axis=1))
    return result


def part_means(part: Part, point: Point, features: Array) -> tuple[Array, Array]:
    """Return what rows say of features of the state, (state, feature), at one point.

    Returns
    -------
    by_prior, mean
        Expected number of agents by prior and state, (prior, state), and the mean of each row, (row, feature).
    """
    priors, states = point.log_prior.shape
    by_prior, mean = np.zeros((priors, states)), np.empty((len(part.multiplicity), features.shape[1]))
    for at, _, _, state in blocks(part, point):
        by_prior += (_members(part, at, priors) * part.multiplicity[at, None]).T @ state
        mean[at] = state @ features
    return by_prior, mean


def _members(part: Part, at: slice, priors: int) -> Array:
    """Return whether rows have a prior, (row, prior), as 0 and 1."""
    own = part.group[at, None] == np.arange(priors)
    return np.asarray(own, dtype=np.float64)


def part_sums(part: Part, point: Point) -> Sums:
    """Return what a part of the rows adds, with the scatter where the point has derivatives."""
    priors, states = point.log_prior.shape
    n_options, value = point.log_p.shape[1], 0.0
    second = None if point.slope_p is None or point.slope_prior is None else _Second(point.slope_p, point.slope_prior)
    by_prior, by_table = np.zeros((priors, states)), np.zeros((states, n_options))
    for at, counts, loglik, state in blocks(part, point):
        weight = part.multiplicity[at]
        value += float(weight @ loglik)
        member = _members(part, at, priors)
        by_prior += (member * weight[:, None]).T @ state
        by_table += state.T @ (counts * weight[:, None])
        if second is not None:
            second.add(state, np.hstack([member, counts]), weight)
    return Sums(value, by_prior, by_table, None if second is None else second.scatter())


class _Second:
    """Sums from which the scatter follows: the score of state s in a row is linear in (member, counts)."""

    def __init__(self, slope_p: Array, slope_prior: Array) -> None:
        # (part of the row, state, coordinate)
        self.slope = np.concatenate([slope_prior, np.moveaxis(slope_p, 1, 0)])
        columns, _, size = self.slope.shape
        used = (self.slope != 0).any(axis=1)
        self.column, self.coordinate = np.nonzero(used)  # few parts of a row bear on a coordinate
        self.flat = np.ascontiguousarray(self.slope[self.column, :, self.coordinate].T)  # (state, pair)
        self.into = (self.coordinate[:, None] == np.arange(size)).astype(float)
        priors = len(slope_prior)
        one, other = np.triu_indices(columns)
        both = (one == other) | (other >= priors)  # a row has one prior
        self.one, self.other = one[both], other[both]
        self.squares = np.zeros((self.slope.shape[1], len(self.one)))
        self.outer = np.zeros((size, size))

    def add(self, state: Array, row: Array, weight: Array) -> None:
        mean = self.mean(state, row)
        self.outer += (mean * weight[:, None]).T @ mean
        self.squares += state.T @ (row[:, self.one] * row[:, self.other] * weight[:, None])

    def mean(self, state: Array, row: Array) -> Array:
        """Return the gradient of the log likelihood of one agent of each row, (row, coordinate)."""
        return np.asarray(((state @ self.flat) * row[:, self.column]) @ self.into)

    def scatter(self) -> Array:
        total = np.zeros_like(self.outer)
        for k, (one, other) in enumerate(zip(self.one, self.other, strict=True)):
            if not (self.slope[one].any() and self.slope[other].any()):
                continue
            block = (self.slope[one] * self.squares[:, k, None]).T @ self.slope[other]
            total += block if one == other else block + block.T
        return total - self.outer


@dataclass(frozen=True, eq=False)
class FeatureSums:
    """What rows say of features of their agents' states, each row counted by its number of agents.

    Parameters
    ----------
    total
        Sum of their means, (prior, feature).
    covariance
        Sum of their covariance within rows, (prior, feature, feature).
    slope
        Derivative of ``total`` by the coordinates, (prior, feature, coordinate).
    """

    total: Array
    covariance: Array
    slope: Array

    def __add__(self, other: FeatureSums) -> FeatureSums:
        """Return the sums over both."""
        return FeatureSums(self.total + other.total, self.covariance + other.covariance, self.slope + other.slope)


def part_features(part: Part, point: Point, features: Array) -> tuple[FeatureSums, Array]:
    """Return sums of features of the states, and the mean of each row, (row, feature).

    Parameters
    ----------
    part
        The rows, with numbers of agents as multiplicity.
    point
        The tables with their derivatives.
    features
        Value of each feature in each state, (state, feature).
    """
    assert point.slope_p is not None and point.slope_prior is not None
    second, priors, size = _Second(point.slope_p, point.slope_prior), len(point.log_prior), features.shape[1]
    total, means = np.zeros((priors, size)), np.empty((len(part.multiplicity), size))
    states = np.zeros((priors, len(features)))
    covariance, slope = np.zeros((priors, size, size)), np.zeros((priors, size, len(second.outer)))
    # by feature and pair of part and coordinate: Σ agents × E[feature × gradient] over the states
    joint = (features[:, :, None] * second.flat[:, None]).reshape(len(features), -1)
    weighted = np.zeros((priors, len(features), second.slope.shape[0]))
    for at, counts, _, state in blocks(part, point):
        row = part.multiplicity[at]
        member = _members(part, at, priors)
        parts = np.hstack([member, counts])
        mean, gradient = state @ features, second.mean(state, parts)
        means[at] = mean
        for h in range(priors):
            mine = member[:, h] > 0
            w = row[mine, None]
            states[h] += row[mine] @ state[mine]
            weighted[h] += state[mine].T @ (parts[mine] * w)
            covariance[h] -= (mean[mine] * w).T @ mean[mine]
            slope[h] -= (mean[mine] * w).T @ gradient[mine]
    total = states @ features
    covariance += np.einsum("hs,sf,sg->hfg", states, features, features, optimize=True)
    for h in range(priors):
        by_pair = np.einsum("sfp,sp->fp", joint.reshape(len(features), size, -1), weighted[h][:, second.column])
        slope[h] += by_pair @ second.into
    return FeatureSums(total, covariance, slope), means
