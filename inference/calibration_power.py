"""What a calibration would have found: the chance that its gate fails, by kind of fault and number of data sets.

The ranks of a faulty posterior are simulated under a normal model: the truth is a standard normal z, the posterior has
mean b and standard deviation s where 0 and 1 would be right, so the truth lies at Φ((z − b)/s) of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc, ndtr

from .calibration_gate import (
    LEVEL,
    MOST_LOST,
    PROBABILITIES,
    binomial_p,
    p_of,
    quantity_evidence,
    uniformity_p,
)

Array = NDArray[np.float64]

FAULTS: dict[str, Callable[[Array], Array]] = {
    "none: a right posterior": lambda z: z,
    "sd 10 % too small": lambda z: z / 0.9,
    "sd 20 % too small": lambda z: z / 0.8,
    "sd 25 % too large": lambda z: z / 1.25,
    "bias of 0.1 sd": lambda z: z + 0.1,
    "bias of 0.2 sd": lambda z: z + 0.2,
    "bias of 0.5 sd": lambda z: z + 0.5,
    "ranks turned: every truth in the upper half": np.abs,
}
LOST = "5 % of the fits lost"
NARROW = "sd 10 % too small"
"""The fault for which the number of data sets is worked out."""
CHANCE = 0.9
_SEED = 20_260_101
_RUNS, _FEWEST_RUNS, _POSITIONS = 1_000, 300, 200_000  # simulated runs: fewer where a run is large
_GRID = (100, 200, 300, 400, 500, 600, 700, 800, 900, 1_000, 1_200, 1_400, 1_700, 2_000, 2_500, 3_000, 4_000)


@dataclass(frozen=True)
class Power:
    """The chance that the gate fails under one fault.

    Parameters
    ----------
    fault
        The fault.
    everywhere
        When every quantity has it alike: the number of quantities does not matter then.
    alone
        When one quantity has it, and the others, independent of it, are right.
    """

    fault: str
    everywhere: float
    alone: float


def power_table(sets: int, n_quantities: int, *, fits: int | None = None) -> list[Power]:
    """Return the chance that the gate fails, by fault.

    Parameters
    ----------
    sets
        Number of data sets.
    n_quantities
        Number of quantities ranked.
    fits
        Number of fits, of which some may be lost; default one for each data set.
    """
    others = _others(sets, n_quantities)
    table = [
        Power(fault, _chance(own := _evidence(sets, fault)), _chance((own + others) / n_quantities)) for fault in FAULTS
    ]
    total = sets if fits is None else fits
    fails = float(bdtrc(np.floor(MOST_LOST * total), total, 0.05))
    return [*table, Power(LOST, fails, fails)]


def sets_needed(n_quantities: int, *, alone: bool = False) -> int:
    """Return how many data sets find a posterior sd 10 % too small with chance 0.9.

    Parameters
    ----------
    n_quantities
        Number of quantities ranked.
    alone
        Whether one quantity has the fault, and the others are right; otherwise all have it.
    """
    low, high = 0, len(_GRID) - 1
    while low < high:
        middle = (low + high) // 2
        found = _evidence(_GRID[middle], NARROW)
        if alone:
            found = (found + _others(_GRID[middle], n_quantities)) / n_quantities
        low, high = (low, middle) if _chance(found) >= CHANCE else (middle + 1, high)
    return _GRID[low]


def _chance(mean_evidence: Array) -> float:
    return float(np.mean(p_of(mean_evidence) < LEVEL))


@cache
def _evidence(sets: int, fault: str) -> Array:
    """Return the evidence against a quantity with a fault in simulated runs, (run,); the same runs for every fault."""
    z = np.random.default_rng([_SEED, sets]).standard_normal((_runs(sets), sets))
    u = ndtr(FAULTS[fault](z))
    inside = [np.count_nonzero(np.abs(u - 0.5) <= q / 2, axis=1) for q in PROBABILITIES]
    p_coverage = np.stack([binomial_p(sets, q)[k] for q, k in zip(PROBABILITIES, inside, strict=True)], axis=-1)
    return quantity_evidence(p_coverage, uniformity_p(u))


def _others(sets: int, n_quantities: int) -> Array:
    """Return the summed evidence against all but one of the quantities when they are right, (run,)."""
    p = np.random.default_rng([_SEED, sets, n_quantities]).random((_runs(sets), n_quantities - 1, 3))
    return np.asarray(quantity_evidence(p[..., :2], p[..., 2]).sum(axis=1))


def _runs(sets: int) -> int:
    return max(_FEWEST_RUNS, min(_RUNS, _POSITIONS // sets))
