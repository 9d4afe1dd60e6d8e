"""Rows one by one: the joint probability of a pattern and a state under each row's own prior.

With H priors and U patterns the product over all pairs costs H·U·S, this R·S for the R pairs that occur: where
priors depend on covariates few of them meet each pattern.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .marginal import Evaluation, Rows

Array = NDArray[np.float64]


def joint(rows: Rows, first: Array, prior: Array) -> Array:
    """Return scaled P(answers, state) of each row, (D, row, state).

    Parameters
    ----------
    rows
        The rows.
    first, prior
        Scaled probabilities of the whole patterns given the state, (D, pattern, state), and priors, (D, prior, state).
    """
    return np.asarray(first[:, rows.first_of_row] * prior[:, rows.group])


def totals(rows: Rows, parts: Evaluation, multiplicity: Array) -> tuple[Array, Array]:
    """Return the expected number of agents per prior and state, and per pattern and state.

    Parameters
    ----------
    rows, parts
        The rows and their evaluation.
    multiplicity
        Number or weight of the agents of each row, (row,).
    """
    expected = joint(rows, parts.first, parts.prior)
    expected *= (multiplicity / parts.probability)[..., None]
    return _summed(expected, rows.group, parts.prior.shape[1]), _summed(expected, rows.first_of_row, len(rows.first))


def _summed(values: Array, where: NDArray[np.int64], n: int) -> Array:
    """Return sums of values, (D, row, state), over the rows of each kind, (D, kind, state)."""
    order = np.argsort(where, kind="stable")
    kinds, start = np.unique(where[order], return_index=True)
    result = np.zeros((len(values), n, values.shape[2]))
    if len(kinds):
        result[:, kinds] = np.add.reduceat(values[:, order], start, axis=1)
    return result
