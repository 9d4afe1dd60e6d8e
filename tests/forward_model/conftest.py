"""The definition of the scores, written out: every pair of agents in turn."""

import itertools
import math

import numpy as np
import pytest

MEANS = {
    "geometric": lambda x, y: math.sqrt(x) * math.sqrt(y),
    "arithmetic": lambda x, y: (x + y) / 2,
    "harmonic": lambda x, y: 0.0 if x == 0 or y == 0 else 2 / (1 / x + 1 / y),
    "min": min,
    "max": max,
    "none": lambda x, y: 1.0,
}


@pytest.fixture(scope="session")
def double_loop():
    """Return a function of codes (−1: no goal), weights, conflict and mean to (contention, misalignment, relative)."""

    def scores(codes, weights, conflict, mean="geometric", pairs=None):
        pairs = list(itertools.combinations(range(len(codes)), 2)) if pairs is None else pairs
        conflicts = [0.0 if min(codes[i], codes[j]) < 0 else float(conflict[codes[i]][codes[j]]) for i, j in pairs]
        means = [MEANS[mean](float(weights[i]), float(weights[j])) for i, j in pairs]
        if not pairs:
            return np.nan, np.nan, np.nan
        top = math.fsum(c * m for c, m in zip(conflicts, means, strict=True))
        bottom = math.fsum(means)
        relative = top / bottom if bottom > 0 else np.nan
        return math.fsum(conflicts) / len(pairs), top / len(pairs), relative

    return scores
