"""Rows of many priors over states: whole patterns under each row's own prior.

With H priors, U patterns, S states and R pairs of a prior and a pattern that occur, P(answers) of all pairs is one
matrix product of H·U·S terms. Where few pairs occur of very many, rows are computed one by one, R·S terms; such a term
costs some sixty of a matrix product.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .marginal import Evaluation, Rows

Array = NDArray[np.float64]

_DEARER = 60


def in_products(rows: Rows) -> bool:
    """Return whether all pairs of a prior and a pattern are computed, by a matrix product."""
    return rows.n_priors * len(rows.first) <= _DEARER * rows.n_rows


def probability(rows: Rows, first: Array, prior: Array) -> Array:
    """Return scaled P(answers) of each row, (D, row).

    Parameters
    ----------
    rows
        The rows.
    first, prior
        Scaled probabilities of the whole patterns given the state, (D, pattern, state), and priors, (D, prior, state).
    """
    if in_products(rows):
        return np.asarray(np.matmul(prior, first.swapaxes(1, 2))[:, rows.group, rows.first_of_row])
    return np.asarray(_joint(rows, first, prior).sum(axis=-1))


def totals(rows: Rows, parts: Evaluation, multiplicity: Array) -> tuple[Array, Array]:
    """Return the expected number of agents per prior and state, and per pattern and state.

    Parameters
    ----------
    rows, parts
        The rows and their evaluation.
    multiplicity
        Number or weight of the agents of each row, (row,).
    """
    scale = multiplicity / parts.probability
    if in_products(rows):
        ratio = np.zeros((len(scale), rows.n_priors, len(rows.first)))
        ratio[:, rows.group, rows.first_of_row] = scale
        by_prior = np.matmul(ratio, parts.first) * parts.prior
        return by_prior, np.matmul(ratio.swapaxes(1, 2), parts.prior) * parts.first
    expected = _joint(rows, parts.first, parts.prior)
    expected *= scale[..., None]
    return _summed(expected, rows.group, rows.n_priors), _summed(expected, rows.first_of_row, len(rows.first))


def means(rows: Rows, parts: Evaluation, features: Array) -> Array:
    """Return the posterior mean of features of the state for every row, (D, row, feature).

    Parameters
    ----------
    rows, parts
        The rows and their evaluation.
    features
        Value of each feature in each state, (state, feature).
    """
    if in_products(rows):
        sums = [probability(rows, parts.first, parts.prior * feature) for feature in features.T]
        return np.asarray(np.stack(sums, axis=-1) / parts.probability[..., None])
    return np.asarray(_joint(rows, parts.first, parts.prior) @ features / parts.probability[..., None])


def _joint(rows: Rows, first: Array, prior: Array) -> Array:
    """Return scaled P(answers, state) of each row, (D, row, state)."""
    return np.asarray(first[:, rows.first_of_row] * prior[:, rows.group])


def _summed(values: Array, where: NDArray[np.int64], n: int) -> Array:
    """Return sums of values, (D, row, state), over the rows of each kind, (D, kind, state)."""
    order = np.argsort(where, kind="stable")
    kinds, start = np.unique(where[order], return_index=True)
    result = np.zeros((len(values), n, values.shape[2]))
    if len(kinds):
        result[:, kinds] = np.add.reduceat(values[:, order], start, axis=1)
    return result
