"""Random tests: one false-alarm rate for all of them, and comparisons in Monte Carlo standard errors."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats

TEST_FAILURE_RATE = 1e-5
"""Probability that one comparison of means fails though nothing is wrong. Seeds are fixed: it fails always or never."""


def assert_mean(draws: Any, expected: Any, *, ess: Any | None = None, slack: float = 0.0) -> None:
    """Check that means over the first axis agree with expected values, all of them at the joint failure rate.

    Parameters
    ----------
    draws
        Independent draws, (draw, ...), unless ``ess`` says how many independent ones they amount to.
    expected
        Expected means, (...).
    ess
        Effective number of draws.
    slack
        A known error of the method itself that is allowed on top.
    """
    draws = np.asarray(draws, dtype=float)
    number = len(draws) if ess is None else ess
    error = draws.std(axis=0, ddof=1) / np.sqrt(number)
    assert_within(draws.mean(axis=0), expected, error, slack=slack)


def assert_within(value: Any, expected: Any, error: Any, *, slack: float = 0.0) -> None:
    """Check that values lie within the standard errors of what is expected, all of them at the joint failure rate."""
    value, expected, error = np.broadcast_arrays(value, expected, error)
    limit = stats.norm.isf(TEST_FAILURE_RATE / 2 / max(value.size, 1))
    excess = np.abs(value - expected) - slack - 1e-12
    bad = excess > limit * error
    assert not bad.any(), f"{value[bad][:5]} instead of {expected[bad][:5]}, standard errors {error[bad][:5]}"


def assert_same_moments(
    one: Any, other: Any, *, ess: tuple[float, float] | None = None, weight: Any = None, slack: float = 1e-12
) -> None:
    """Check that two sets of draws of one quantity agree by the rule for fits of one posterior.

    Means differ by at most 4 combined Monte Carlo errors, and the ratio of standard deviations lies within
    1 ± max(0.05, 4·√(1/(2·ESS₁) + 1/(2·ESS₂))).

    Parameters
    ----------
    one, other
        Draws, (draw, ...).
    ess
        Effective number of each; default all draws.
    weight
        Weights of the other draws, summing to 1, (draw,); default equal.
    slack
        A known error of the method itself that is allowed on top.
    """
    one, other = np.asarray(one, dtype=float), np.asarray(other, dtype=float)
    first, second = ess or (len(one), len(other))
    weight = np.full(len(other), 1 / len(other)) if weight is None else weight
    mean_one, mean_other = one.mean(axis=0), np.tensordot(weight, other, 1)
    sd_one, sd_other = one.std(axis=0), np.sqrt(np.tensordot(weight, np.square(other - mean_other), 1))
    error = np.sqrt(sd_one**2 / first + sd_other**2 / second)
    error = np.asarray(error)
    gap = np.asarray(np.abs(mean_one - mean_other) - slack)
    assert (gap <= 4 * error).all(), f"means differ by {np.max(gap[gap > 0] / error[gap > 0]):.1f} Monte Carlo errors"
    band = max(0.05, 4 * np.sqrt(1 / (2 * first) + 1 / (2 * second)))
    off = np.abs(sd_one - sd_other) > band * sd_other + slack
    assert not off.any(), f"standard deviations {sd_one} and {sd_other}, allowed ratio 1 ± {band:.3f}"
