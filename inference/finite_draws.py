"""Draws that are not finite numbers: everything can still be computed, and says so, instead of failing.

Scores and checks are computed with the best mode in place of such draws, and the scores of those draws are NaN. A check
then refuses the fit.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..forward_model.pair_sums import PairScores, TotalsScores
from .area_scores import AreaScores

Array = NDArray[np.float64]


def filled(theta: Array, mode: Array) -> Array:
    """Return draws, (…, coordinate), with ``mode`` in place of those that are not finite."""
    broken = ~np.isfinite(theta).all(axis=-1)
    return np.where(broken[..., None], mode, theta) if broken.any() else theta


def unknown_where(broken: NDArray[np.bool_], scores: AreaScores) -> AreaScores:
    """Return scores with NaN at the draws that were filled in, (draw,)."""
    if not broken.any():
        return scores
    return replace(scores, sample=unknown(broken, scores.sample), population=unknown(broken, scores.population))


def unknown(broken: NDArray[np.bool_], scores: TotalsScores) -> TotalsScores:
    """Return scores of one estimand with NaN at the draws that were filled in, (draw,)."""

    def marked(pairs: PairScores) -> PairScores:
        return PairScores(*(np.where(broken.reshape(-1, *[1] * (x.ndim - 1)), np.nan, x) for x in pairs))

    return TotalsScores(marked(scores.overall), marked(scores.groups)) if broken.any() else scores
