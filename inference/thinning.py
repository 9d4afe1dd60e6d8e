"""Some of many draws, taken evenly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def evenly(total: int, number: int) -> NDArray[np.int64]:
    """Return ``number`` positions among ``total``, from the first to the last and evenly apart."""
    return np.linspace(0, total - 1, number).round().astype(np.int64)


def thin(theta: NDArray[np.float64], draws: int) -> NDArray[np.float64]:
    """Return ``draws`` draws in all, taken evenly from each chain, (chain, draw, coordinate)."""
    return theta[:, evenly(theta.shape[1], min(draws // len(theta), theta.shape[1]))]
