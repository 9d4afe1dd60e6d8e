"""Scores of infinitely many agents from goal shares that may have been changed, under one conflict or one per draw."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..forward_model.pair_sums import PairScores, PairSums, TotalsScores, pair_scores

Array = NDArray[np.float64]


def padded(conflict: Array, size: int) -> Array:
    """Return conflicts, (…, share, share), with zeros for no goal up to ``size`` shares."""
    more = size - conflict.shape[-1]
    return np.pad(conflict, [(0, 0)] * (conflict.ndim - 2) + [(0, more)] * 2)


def population_pairs(share: Array, root: Array, conflict: Array, phi: Array) -> TotalsScores:
    """Return the scores of infinitely many agents, pairs with replacement.

    Parameters
    ----------
    share, root
        Goal shares and their mass √w of each prior, (draw, prior, share); NaN for one without agents.
    conflict
        Conflict between goal shares, (…, share, share).
    phi
        Share of each prior, (prior,), summing to 1.
    """
    conflict = padded(conflict, share.shape[-1])
    there = phi > 0
    pooled = [np.einsum("h,dhk->dk", phi[there], part[:, there])[:, None] for part in (share, root)]
    overall = _pairs(pooled[0], pooled[1], conflict)
    return TotalsScores(PairScores(*(part[:, 0, 0] for part in overall)), _pairs(share, root, conflict))


def _pairs(share: Array, root: Array, conflict: Array) -> PairScores:
    mass = root.sum(axis=2)
    weight = mass[:, :, None] * mass[:, None, :]
    conflicts, weighted = (np.matmul(part @ conflict, part.swapaxes(1, 2)) for part in (share, root))
    return pair_scores(PairSums(conflicts, weighted, weight, np.ones_like(weight)))
