"""When are ranks those of an honest posterior? Coverage, uniformity, and one verdict over all quantities.

The gate of a calibration has three parts, and all must hold:

* at most 2 % of the fits are lost;
* the log likelihood of the true parameters is the same by two routes in every data set (an exact check);
* one p-value over everything ranked is at least 0.01.

That p-value combines, for each quantity, three tests (exact binomial tests of the share of 50 % and of 90 % intervals
that hold the truth, and the uniformity test of ArviZ on the ranks) by the truncated Cauchy combination, which holds its
level whatever the dependence between scores of one data set (Liu and Xie 2020, doi:10.1080/01621459.2018.1554485; Tesso
and Vehtari 2026, arXiv:2603.02928). Testing each quantity at 1 % instead would fail a third of all good runs with a
dozen scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlog1py, xlogy

from .calibration_ranks import RANKS

Array = NDArray[np.float64]

LEVEL = 0.01
"""How often a run with a right posterior fails."""
MOST_LOST = 0.02
"""Largest share of lost fits."""
MOST_ERROR = 1e-9
"""Largest relative difference between the two routes to the log likelihood."""
PROBABILITIES = (0.5, 0.9)
"""Probability of the intervals whose coverage is counted."""
_WEIGHTS = (0.25, 0.25, 0.5)  # of the tests of a quantity: the two coverages, and uniformity


@dataclass(frozen=True)
class Tests:
    """The tests of one quantity.

    Parameters
    ----------
    sets
        Number of data sets in which it was ranked.
    coverage
        Share of 50 % and of 90 % intervals that hold the truth.
    p_coverage
        Exact binomial p-values of the two.
    p_uniform
        P-value of the uniformity of its ranks.
    """

    sets: int
    coverage: tuple[float, float]
    p_coverage: tuple[float, float]
    p_uniform: float

    @property
    def outside(self) -> tuple[str, ...]:
        """Which of the tests, looked at alone, lie outside their own 99 % band."""
        said = ("50 % intervals", "90 % intervals", "ranks")
        return tuple(name for name, p in zip(said, (*self.p_coverage, self.p_uniform), strict=True) if p < LEVEL)


@dataclass(frozen=True)
class Verdict:
    """What the gate says of a run.

    Parameters
    ----------
    passed
        Whether all parts hold.
    reasons
        Why not, a sentence each.
    p
        P-value over everything ranked; NaN when nothing was.
    tests
        The tests of each quantity, in order; None where it was never ranked.
    """

    passed: bool
    reasons: tuple[str, ...]
    p: float
    tests: tuple[Tests | None, ...]


def gate(
    ranks: Sequence[Sequence[int | None]],
    names: Sequence[str],
    *,
    fits: int,
    lost: int,
    error: float,
) -> Verdict:
    """Return whether the ranks of a run are those of an honest posterior.

    Parameters
    ----------
    ranks
        Ranks of each quantity over the data sets, (quantity, set); None where it was not ranked.
    names
        Names of the quantities, (quantity,).
    fits, lost
        Number of fits, and of those that were lost.
    error
        Largest relative difference between the two routes to the log likelihood.
    """
    tests = tuple(quantity_tests([r for r in row if r is not None]) for row in ranks)
    p = combined(tests)
    reasons = []
    if not lost <= MOST_LOST * fits:
        reasons.append(f"{lost} of {fits} fits were lost, more than {MOST_LOST:.0%}.")
    if not error <= MOST_ERROR:
        reasons.append(
            "The log likelihood of the true parameters is not what the choice rules give agent by agent "
            f"(relative difference {error:.1g}): the fit does not see the answers, or the agents, as they are."
        )
    never = [name for name, test in zip(names, tests, strict=True) if test is None]
    if never:
        reasons.append(f"Never ranked: {', '.join(never)}.")
    if not p >= LEVEL:
        reasons.append(f"The ranks are not those of an honest posterior (p = {p:.2g}). {_worst(tests, names)}")
    return Verdict(not reasons, tuple(reasons), p, tests)


def quantity_tests(ranks: Sequence[int]) -> Tests | None:
    """Return the tests of one quantity from its ranks, 0 to 199; None without any."""
    if not len(ranks):
        return None
    u = positions(np.asarray(ranks))
    inside = [int(np.count_nonzero(np.abs(u - 0.5) <= q / 2)) for q in PROBABILITIES]
    p = [float(binomial_p(len(u), q)[k]) for q, k in zip(PROBABILITIES, inside, strict=True)]
    share = [k / len(u) for k in inside]
    return Tests(len(u), (share[0], share[1]), (p[0], p[1]), float(uniformity_p(u[None])[0]))


def positions(ranks: NDArray[np.int64]) -> Array:
    """Return ranks as numbers in (0, 1), spread evenly over their 200th with a fixed seed.

    Without the spread, ties would make large runs of a right posterior look wrong.
    """
    return np.asarray((ranks + np.random.default_rng(0).random(len(ranks))) / RANKS)


def uniformity_p(u: Array) -> Array:
    """Return the p-value of uniformity of each row of positions, (run, set): ArviZ's pointwise order test."""
    from arviz_stats.base import array_stats  # noqa: PLC0415 - costs seconds

    return np.array([float(array_stats.uniformity_test(row)[0]) for row in u])


@cache
def binomial_p(sets: int, probability: float) -> Array:
    """Return the exact two-sided binomial p-value of every count from 0 to ``sets``."""
    k = np.arange(sets + 1)
    ways = gammaln(sets + 1) - gammaln(k + 1) - gammaln(sets - k + 1)
    mass = np.exp(ways + xlogy(k, probability) + xlog1py(sets - k, -probability))
    order = np.argsort(mass, kind="stable")
    upto = np.cumsum(mass[order])
    # Counts as probable as this one belong to its tail too; 1e-7 is room for rounding, as in scipy's binomtest.
    last = np.searchsorted(mass[order], mass * (1 + 1e-7), side="right") - 1
    return np.asarray(np.minimum(upto[last], 1.0))


def band(sets: int, probability: float) -> tuple[float, float]:
    """Return the 99 % band of the share of intervals that hold the truth."""
    inside = np.flatnonzero(binomial_p(sets, probability) >= LEVEL)
    return float(inside[0] / sets), float(inside[-1] / sets)


def evidence(p: Array) -> Array:
    """Return p-values as truncated Cauchy scores, which are averaged: 0 from 0.5 up, and very large near 0."""
    return np.asarray(np.where(p < 0.5, 1 / np.tan(np.pi * np.maximum(p, 1e-300)), 0.0))


def quantity_evidence(p_coverage: Array, p_uniform: Array) -> Array:
    """Return the evidence against quantities, (...,), from p-values of coverage (..., 2) and uniformity (...,)."""
    both = evidence(p_coverage)
    return np.asarray(_WEIGHTS[0] * both[..., 0] + _WEIGHTS[1] * both[..., 1] + _WEIGHTS[2] * evidence(p_uniform))


def p_of(mean_evidence: Array | float) -> Array:
    """Return the p-value of a mean of truncated Cauchy scores."""
    return np.asarray(0.5 - np.arctan(mean_evidence) / np.pi)


def combined(tests: Sequence[Tests | None]) -> float:
    """Return one p-value over all quantities that were ranked; NaN when none was."""
    known = [test for test in tests if test is not None]
    if not known:
        return float("nan")
    p_coverage, p_uniform = np.array([t.p_coverage for t in known]), np.array([t.p_uniform for t in known])
    return float(p_of(quantity_evidence(p_coverage, p_uniform).mean()))


def _worst(tests: Sequence[Tests | None], names: Sequence[str]) -> str:
    """Return a sentence on the quantities that speak loudest against the posterior."""
    known = [(name, test) for name, test in zip(names, tests, strict=True) if test is not None]
    known.sort(key=lambda pair: min(*pair[1].p_coverage, pair[1].p_uniform))
    said = [
        f"{name} (50 % intervals hold {t.coverage[0]:.1%}, 90 % hold {t.coverage[1]:.1%}, ranks p = {t.p_uniform:.2g})"
        for name, t in known[:3]
    ]
    return f"Furthest off: {'; '.join(said)}."
