"""The six means of two weights, and their sums over all pairs of agents of two cells without an agent × agent array.

A cell is a set of agents treated alike: those of one goal, or of one group and goal. For min, max and
harmonic mean the sum over pairs is not a product of totals; here it comes from one sort (min, max; O(n log
n)), from the distinct weights (harmonic, up to a few thousand of them) or from an integral that makes it
products of totals again (harmonic).
"""

from __future__ import annotations

from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import Fault, InputError, shown

type WeightMean = Literal["geometric", "arithmetic", "harmonic", "min", "max", "none"]

WEIGHT_MEANS: Final[tuple[str, ...]] = get_args(WeightMean.__value__)

_CHUNK_NUMBERS: Final = 2**20  # held at once in a block: small memory, large matrix products
_EXACT_HARMONIC: Final = 5_000  # distinct weights up to which the harmonic mean is summed pair by pair


def mean_of_two(x: ArrayLike, y: ArrayLike, *, weight_mean: WeightMean) -> NDArray[np.float64]:
    """Return the mean of two weights, elementwise.

    Parameters
    ----------
    x, y
        Weights in [0, 1], of shapes that broadcast.
    weight_mean
        ``"geometric"`` √(xy), ``"arithmetic"`` (x + y)/2, ``"harmonic"`` 2xy/(x + y) and 0 if either is 0,
        ``"min"``, ``"max"``, or ``"none"``, which is 1 whatever the weights.

    Returns
    -------
    ndarray
        The means, in [0, 1].
    """
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    match check_weight_mean(weight_mean):
        case "geometric":
            return np.asarray(np.sqrt(x) * np.sqrt(y))
        case "arithmetic":
            return np.asarray((x + y) / 2)
        case "harmonic":
            # y·(2x/(x + y)) cannot underflow where 2xy/(x + y) would.
            total = x + y
            return np.asarray(np.divide(2 * x, total, out=np.zeros_like(total), where=total > 0) * y)
        case "min":
            return np.asarray(np.minimum(x, y))
        case "max":
            return np.asarray(np.maximum(x, y))
        case _:
            return np.ones(np.broadcast_shapes(x.shape, y.shape))


def check_weight_mean(weight_mean: str) -> str:
    """Return ``weight_mean`` if there is such a mean, else raise :class:`InputError`."""
    if weight_mean not in WEIGHT_MEANS:
        raise InputError(
            Fault(
                code="weight-mean",
                message=f'"weight_mean" is {shown(weight_mean)}.',
                remedy="Use one of " + ", ".join(shown(x) for x in WEIGHT_MEANS) + ".",
                value=str(weight_mean),
            )
        )
    return weight_mean


def cell_pair_sums(
    cell: NDArray[np.int64], weight: NDArray[np.float64], n_cells: int, *, weight_mean: WeightMean
) -> NDArray[np.float64]:
    """Return the sum of a mean of two weights over all pairs of agents of two cells.

    Parameters
    ----------
    cell
        Cell of each agent, 0 to ``n_cells`` − 1, (agent,).
    weight
        Weight of each agent in [0, 1], (agent,).
    n_cells
        Number of cells.
    weight_mean
        Which mean.

    Returns
    -------
    ndarray
        (cell, cell): Σ m(w_i, w_j) over agents i of one cell and j ≠ i of the other. Symmetric; on the
        diagonal each pair of agents counts twice.
    """
    if weight_mean == "min":
        return _min_sums(cell, weight, n_cells)
    if weight_mean == "harmonic":
        return _harmonic_sums(cell, weight, n_cells)
    count = np.bincount(cell, minlength=n_cells).astype(np.float64)
    total = np.bincount(cell, weights=weight, minlength=n_cells)
    if weight_mean == "geometric":
        root = np.sqrt(weight)
        sums = np.bincount(cell, weights=root, minlength=n_cells)
        own = geometric_own_sums(cell, root, count, sums, total)
        return _with_diagonal(np.multiply.outer(sums, sums), own)
    if weight_mean == "none":
        return _with_diagonal(np.multiply.outer(count, count), count * (count - 1))
    mixed = np.multiply.outer(total, count)
    arithmetic = _with_diagonal((mixed + mixed.T) / 2, total * np.maximum(count - 1, 0))
    if weight_mean == "arithmetic":
        return arithmetic
    return 2 * arithmetic - _min_sums(cell, weight, n_cells)  # max(a, b) = a + b − min(a, b)


def geometric_own_sums(
    cell: NDArray[np.int64],
    root: NDArray[np.float64],
    count: NDArray[np.float64],
    root_total: NDArray[np.float64],
    weight_total: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return Σ √w_i √w_j over ordered pairs of distinct agents of one cell, (cell,).

    (Σ√w)² − Σw loses its digits where one agent's weight is most of the total; those cells are summed pair by
    pair with a running total instead, which adds positive numbers only.

    Parameters
    ----------
    cell, root
        Cell and √weight of each agent, (agent,).
    count, root_total, weight_total
        Number of agents, Σ√w and Σw of each cell, (cell,).
    """
    own = root_total**2 - weight_total
    own[count < 2] = 0.0
    for c in np.flatnonzero((count >= 2) & (2 * weight_total >= root_total**2)):
        members = root[cell == c]
        own[c] = 2 * np.dot(members[1:], np.cumsum(members)[:-1])
    return own


def _with_diagonal(matrix: NDArray[np.float64], diagonal: NDArray[np.float64]) -> NDArray[np.float64]:
    np.fill_diagonal(matrix, diagonal)
    return matrix


def _min_sums(cell: NDArray[np.int64], weight: NDArray[np.float64], n_cells: int) -> NDArray[np.float64]:
    # In order of falling weight, each agent is the lesser of the pair it makes with every agent before it.
    order = np.argsort(-weight, kind="stable")
    cell, weight = cell[order], weight[order]
    before = np.zeros(n_cells)
    sums = np.zeros((n_cells, n_cells))
    step = max(1, _CHUNK_NUMBERS // n_cells)
    for start in range(0, len(cell), step):
        here = cell[start : start + step]
        member = np.zeros((len(here), n_cells))
        member[np.arange(len(here)), here] = 1.0
        counts = np.cumsum(member, axis=0) - member + before
        before += member.sum(axis=0)
        member *= weight[start : start + step, None]
        sums += member.T @ counts
    return sums + sums.T


def _harmonic_sums(cell: NDArray[np.int64], weight: NDArray[np.float64], n_cells: int) -> NDArray[np.float64]:
    distinct, position = np.unique(weight, return_inverse=True)
    if len(distinct) > _EXACT_HARMONIC:
        return _harmonic_quadrature(cell, weight, n_cells)
    counts = np.zeros((n_cells, len(distinct)))
    np.add.at(counts, (cell, position), 1.0)
    # Equal weights first: no agent makes a pair with itself, and nothing is subtracted from a larger number.
    equal = counts * distinct
    sums = _with_diagonal(equal @ counts.T, (equal * (counts - 1)).sum(axis=1))
    step = max(1, _CHUNK_NUMBERS // max(1, len(distinct)))
    for start in range(0, len(distinct), step):
        rows = slice(start, start + step)
        means = mean_of_two(distinct[rows, None], distinct, weight_mean="harmonic")
        np.fill_diagonal(means[:, start:], 0.0)
        sums += counts[:, rows] @ (means @ counts.T)
    return sums


def _harmonic_quadrature(cell: NDArray[np.int64], weight: NDArray[np.float64], n_cells: int) -> NDArray[np.float64]:
    """Sum 2xy/(x + y) through 1/(x + y) = ∫₀^∞ e^(−tx) e^(−ty) dt, a sum of products of totals.

    With t = exp(u − e^(−u)) the trapezoid rule with a step of 0.25 is good to 1e-15 of it for x + y from
    1e-14 to 2. Weights are divided by the largest first; pairs below 1e-14 of it add nothing a float64 score
    could show.
    """
    largest = weight.max()
    weight = weight / largest
    u = np.arange(-4.0, 38.0, 0.25)
    t = np.exp(u - np.exp(-u))
    factor = 2 * 0.25 * t * (1 + np.exp(-u))
    sums = np.zeros((n_cells, n_cells))
    for node, scale in zip(t, factor, strict=True):
        total = np.bincount(cell, weights=weight * np.exp(-node * weight), minlength=n_cells)
        sums += scale * np.multiply.outer(total, total)
    count = np.bincount(cell, minlength=n_cells)
    own = np.diagonal(sums) - np.bincount(cell, weights=weight, minlength=n_cells)
    return largest * _with_diagonal(sums, np.where(count < 2, 0.0, np.maximum(own, 0.0)))
