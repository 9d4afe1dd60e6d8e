"""Where the model puts the shares of options, and of pairs of options, in a table as large as the observed one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from .answer_tables import Tables, cell_probabilities
from .density import AreaDensity

Array = NDArray[np.float64]

PROB = 0.9
"""Share of replicated tables that a predictive interval holds."""
_TINY = 1e-15


@dataclass(frozen=True, eq=False)
class Predicted:
    """Observed shares beside those that the model predicts, in each group and last in all together, (H + 1, …) each.

    Parameters
    ----------
    observed, expected
        Observed shares and the posterior means of their expectations; NaN where nobody answered.
    error
        Predictive standard deviations: sampling of agents and uncertainty of the parameters together.
    """

    observed: Array
    expected: Array
    error: Array

    @property
    def lower(self) -> Array:
        """Lower end of the 90 % predictive interval."""
        return np.asarray(np.maximum(self.expected - ndtri((1 + PROB) / 2) * self.error, 0))

    @property
    def upper(self) -> Array:
        """Upper end of the 90 % predictive interval."""
        return np.asarray(np.minimum(self.expected + ndtri((1 + PROB) / 2) * self.error, 1))


def predicted_shares(density: AreaDensity, theta: Array, seen: Tables) -> Predicted:
    """Return observed and predicted shares of every cell, (H + 1, cell).

    Parameters
    ----------
    density
        Density of the area.
    theta
        Equally weighted posterior draws, (draw, coordinate).
    seen
        Its observed tables.
    """
    n = seen.n[:, seen.item]  # (H, cell)
    rate = (seen.inverse / np.maximum(seen.n, _TINY))[:, seen.item]
    means, variances = [], []
    for p, prior in cell_probabilities(density, theta, seen.merge, per_draw=seen.share.size):
        mean, square = prior @ p, prior @ np.square(p)
        means.append(mean)
        variances.append((square - np.square(mean)) + (mean - square) * rate)  # of the share of one agent
    return _with_all(seen.share, n, np.concatenate(means), np.concatenate(variances))


def predicted_pairs(density: AreaDensity, theta: Array, seen: Tables) -> Predicted:
    """Return observed and predicted shares of every pair of cells, (H + 1, cell, cell).

    For repeated items the intervals are those of items answered once, which are wider.

    Parameters
    ----------
    density, theta, seen
        As for :func:`predicted_shares`.
    """
    n = seen.n_pair[np.ix_(range(len(seen.n_pair)), seen.item, seen.item)]
    means, variances = [], []
    for p, prior in cell_probabilities(density, theta, seen.merge, per_draw=4 * seen.pair.size):
        table = np.matmul(p.swapaxes(1, 2)[:, None] * prior[:, :, None, :], p[:, None])
        means.append(table)
        variances.append(table * (1 - table))
    return _with_all(seen.pair, n, np.concatenate(means), np.concatenate(variances))


def _with_all(sums: Array, n: Array, means: Array, variances: Array) -> Predicted:
    """Return shares with their predictions from sums over agents, (H, …), and means and variances of one, (draw, …)."""
    some, total = np.maximum(n, _TINY), np.maximum(n.sum(axis=0), _TINY)
    together = (means * n).sum(axis=1) / total
    parts = (
        np.concatenate([sums / some, (sums.sum(axis=0) / total)[None]]),
        np.concatenate([means.mean(axis=0), together.mean(axis=0)[None]]),
        np.concatenate([means.var(axis=0), together.var(axis=0)[None]]),
        np.concatenate([variances.mean(axis=0) / some, ((variances.mean(axis=0) * n).sum(axis=0) / total**2)[None]]),
    )
    known = np.concatenate([n > 0, (n.sum(axis=0) > 0)[None]])
    observed, expected, spread, sampling = (np.where(known, part, np.nan) for part in parts)
    return Predicted(observed, expected, np.sqrt(spread + sampling))
