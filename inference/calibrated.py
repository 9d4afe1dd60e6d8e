"""Discrepancies between answers and model, averaged over the posterior, against the right reference distribution.

Let D(y, θ) be a discrepancy whose mean is 0 and whose variance is V(θ) for answers y drawn at θ. A p-value that
compares its posterior mean with V alone is far too large, because θ was fitted to the same y. By the law of total
variance, over data sets drawn from the model,

    Var E[D | y] = E V(θ) − E Var[D | y],

exactly, whatever the prior: the spread of D over the posterior is what fitting took away. So the posterior mean of D
is set against V less the posterior variance of D. Where fitting takes nearly all, a floor keeps p-values on the large
side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

Array = NDArray[np.float64]

FLOOR = 1 / 3
"""Least share of V taken for the variance of a posterior mean: below, it is a difference of two noisy numbers."""


@dataclass(frozen=True, eq=False)
class Calibrated:
    """Posterior means of discrepancies, with the standard errors they have if the model is right, (…) each."""

    gap: Array
    error: Array

    @property
    def p(self) -> Array:
        """Two-sided p-values; 1 where there is nothing to compare."""
        some = self.error > 0
        z = np.divide(np.abs(self.gap), self.error, out=np.zeros_like(self.error), where=some)
        return np.asarray(np.where(some, 2 * ndtr(-z), 1.0))


def calibrated(gap: ArrayLike, variance: ArrayLike) -> Calibrated:
    """Return the posterior mean of discrepancies and its standard error over data sets of the model.

    Parameters
    ----------
    gap
        D(y, θ) at every posterior draw, (draw, …), of mean 0 for y drawn at θ.
    variance
        Posterior mean of V(θ), (…).
    """
    gaps, variance = np.asarray(gap, dtype=float), np.asarray(variance, dtype=float)
    spread = gaps.var(axis=0) * (1 - 1 / max(len(gaps), 1))  # the mean over draws is not the exact posterior mean
    return Calibrated(gaps.mean(axis=0), np.sqrt(np.maximum(variance - spread, FLOOR * variance)))
