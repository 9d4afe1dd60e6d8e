"""The table of answers that may each follow another goal: P(o | μ, w) = Σ_g μ_g P(o | g, w) for a mixture μ of goals.

It is a mixture of the rows of the table of single goals, whatever their kind and rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .states import IMPOSSIBLE

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Blend:
    """How the table of mixtures comes from that of single goals.

    Parameters
    ----------
    mixture
        Share of each goal in each mixture, (mixture, goal).
    n_nodes
        Number of weight nodes.
    """

    mixture: Array
    n_nodes: int


def log_blend(xp: ModuleType, blend: Blend, log_p: Any) -> Any:
    """Return log P(option | mixture, weight) from log P(option | goal, weight), states in the order of their nodes.

    Parameters
    ----------
    xp
        ``numpy`` or ``pytensor.tensor``.
    blend
        The mixtures.
    log_p
        (..., state, option): goals × nodes, and a last state without a goal where there is one.
    """
    lead = tuple(log_p.shape[i] for i in range(log_p.ndim - 2))
    n_mixtures, n_goals = blend.mixture.shape
    cells, options = n_goals * blend.n_nodes, log_p.shape[-1]
    goals = xp.reshape(log_p[..., :cells, :], (*lead, n_goals, blend.n_nodes * options))
    top = xp.max(goals, axis=-2, keepdims=True)
    mixed = top + xp.log(xp.maximum(xp.matmul(blend.mixture, xp.exp(goals - top)), IMPOSSIBLE))
    mixed = xp.reshape(mixed, (*lead, n_mixtures * blend.n_nodes, options))
    return xp.concatenate([mixed, log_p[..., cells:, :]], axis=-2)


def pull_back_blend(blend: Blend, log_p: Array, log_mixed: Array, slope: Array) -> Array:
    """Return the gradient by the table of single goals, (..., state, option), from that by the table of mixtures.

    Parameters
    ----------
    blend
        The mixtures.
    log_p, log_mixed
        Both tables, (..., state, option), of leading axes that broadcast with those of ``slope``.
    slope
        Gradient of a function by the table of mixtures.
    """
    lead, options = slope.shape[:-2], slope.shape[-1]
    n_mixtures, n_goals = blend.mixture.shape
    cells, mixed_cells = n_goals * blend.n_nodes, n_mixtures * blend.n_nodes
    goals = log_p[..., :cells, :].reshape(*log_p.shape[:-2], n_goals, blend.n_nodes * options)
    mixed = log_mixed[..., :mixed_cells, :].reshape(*log_mixed.shape[:-2], n_mixtures, blend.n_nodes * options)
    by_mixed = slope[..., :mixed_cells, :].reshape(*lead, n_mixtures, blend.n_nodes * options)
    top = goals.max(axis=-2, keepdims=True)
    pulled = np.exp(goals - top) * np.matmul(blend.mixture.T, by_mixed * np.exp(top - mixed))
    return np.concatenate([pulled.reshape(*lead, cells, options), slope[..., mixed_cells:, :]], axis=-2)
