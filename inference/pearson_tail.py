"""Pearson's X² of tables of answers: its predictive mean and variance, its tail, and p-values of many tables.

Given the parameters X² has a known mean and variance (Haldane 1937), and a gamma distribution with the same two gives
its tail, also for sparse tables, where the chi-square does not. Shares of a repeated item are averages over dependent
answers: X² then varies about a smaller mean, which is exact, with fewer degrees of freedom, for which the fewest
possible is taken (variance between agents' states counts as one dimension), so that p-values err on the large side.

References
----------
Haldane, J. B. S. (1937). The exact value of the moments of the distribution of χ² used as a test of goodness of
fit, when expectations are small. Biometrika 29. doi:10.1093/biomet/29.1-2.133
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincc

from .answer_tables import Tables

Array = NDArray[np.float64]

_TINY = 1e-15


def pair_variance(
    seen: Tables, p: Array, weighted: Array, mean: Array, scale: Array, blocks: Callable[[Array], Array]
) -> tuple[Array, Array]:
    """Return the mean of X² due to agents' states and due to their answers given those, both (draw, H, item, item).

    With M = p² + (p − p²)/t the second moment of the share of an option among t answers, the second moment of a cell of
    a pair of items is Σ_s prior(s) M M'; that of an item with itself follows from factorial moments.
    """
    k = seen.item
    wide = np.ix_(range(len(seen.n_pair)), k, k)
    squares = np.square(p)[:, None]
    weighted_squares = weighted * p.swapaxes(1, 2)[:, None]
    qq, qp = np.matmul(weighted_squares, squares), np.matmul(weighted_squares, p[:, None])
    pq = qp.swapaxes(2, 3)
    one, both = seen.inverse_pair[wide] / scale, seen.inverse_both[wide] / scale
    second = qq + (pq - qq) * one + (qp - qq) * one.swapaxes(1, 2) + (mean - pq - qp + qq) * both
    four, three, two = (x[:, k][:, :, None] / scale for x in seen.own)
    twice = 1 + np.eye(len(k))
    second = np.where(k[:, None] == k, four * qq + twice * (three * (qp + pq) + two * mean), second)
    between = np.maximum(blocks((qq - np.square(mean)) / mean), 0)
    return between, np.maximum(blocks((second - np.square(mean)) / mean) - between, 0)


def pearson_moments(
    statistic: Array,
    between: Array,
    within: Array,
    inverse: Array,
    cells: Array,
    free: Array,
    n: Array,
    repeated: NDArray[np.bool_],
) -> tuple[Array, Array, Array]:
    """Return X² with its predictive mean and variance, 0 where there is no agent.

    ``inverse`` is Σ 1/P over the cells, ``free`` the number of cells that are not the mirror image of another.
    """
    some, agents = n > 0, np.maximum(n, 1)
    df = np.maximum(free - 1, _TINY)
    sparse = (inverse - cells * (cells + 2) + 2) / agents
    spread = within / np.sqrt(df) + between  # √(variance / 2) of the sum of two parts is at most that of each
    often = 2 * np.square(spread) + np.maximum(sparse, 0)
    mean, variance = np.where(repeated, between + within, df), np.where(repeated, often, 2 * df + sparse)
    return np.where(some, statistic, 0.0), np.where(some, mean, 0.0), np.where(some, variance, 0.0)


class PearsonTail:
    """Running means over draws of X², its predictive mean and its tail probability, summed over groups."""

    def __init__(self) -> None:
        self.draws = 0
        self._sums: list[Array] | None = None

    def add(self, statistic: Array, mean: Array, variance: Array) -> None:
        """Take in some draws, (draw, H, …) each."""
        x, m, v = statistic.sum(axis=1), mean.sum(axis=1), variance.sum(axis=1)
        some = (m > 1e-9) & (v > 1e-12)
        m, v = np.where(some, m, 1.0), np.where(some, v, 1.0)
        p = np.where(some, gammaincc(m * m / v, x * m / v), 1.0)
        sums = [x.sum(axis=0), np.where(some, m, 0.0).sum(axis=0), p.sum(axis=0)]
        self._sums = sums if self._sums is None else [a + b for a, b in zip(self._sums, sums, strict=True)]
        self.draws += len(x)

    @property
    def means(self) -> list[Array]:
        """Means over draws of X², of its predictive mean and of its tail probability, (…) each."""
        assert self._sums is not None
        return [x / self.draws for x in self._sums]


def holm(p: Sequence[float]) -> Array:
    """Return p-values adjusted by Holm's method: the chance that the smallest of them all is so small."""
    values = np.asarray(p, dtype=float)
    order = np.argsort(values, kind="stable")
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)), 1)
    return adjusted
