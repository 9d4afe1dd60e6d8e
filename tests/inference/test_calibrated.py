"""The reference distribution of averaged discrepancies, in a model where everything is known."""

from __future__ import annotations

import numpy as np
import pytest
from dissensus.inference.calibrated import FLOOR, calibrated
from scipy import stats

from .chance import assert_mean


def _normal_sets(sets, n, rng):
    """Return D = mean of the first half − θ at posterior draws, for data sets y ~ N(θ, 1), θ ~ N(0, 1)."""
    theta = rng.standard_normal(sets)
    y = theta[:, None] + rng.standard_normal((sets, n))
    mean, sd = y.sum(axis=1) / (n + 1), 1 / np.sqrt(n + 1)
    draws = mean + sd * rng.standard_normal((4_000, sets))
    return y[:, : n // 2].mean(axis=1) - draws, 2 / n


def test_p_values_are_uniform_in_a_normal_model():
    """Averaged over the posterior, set against V less the posterior variance: uniform, where V alone is not."""
    gap, variance = _normal_sets(2_000, 10, np.random.default_rng(1))
    result = calibrated(gap, np.full(2_000, variance))
    assert stats.kstest(result.p, "uniform").pvalue > 0.01
    naive = 2 * stats.norm.sf(np.abs(gap.mean(axis=0)) / np.sqrt(variance))
    assert stats.kstest(naive, "uniform").pvalue < 1e-6
    assert_mean(np.square(result.gap), np.square(result.error).mean(), slack=1e-3)


def test_what_fitting_took_away_is_floored():
    """A discrepancy that the posterior follows entirely keeps a third of its variance."""
    rng = np.random.default_rng(2)
    gap = rng.standard_normal((5_000, 1))
    assert calibrated(gap, [1.0]).error[0] == pytest.approx(np.sqrt(FLOOR))


def test_nothing_to_compare_gives_one():
    """Without variance there is no p-value but 1; with some it is that of a normal."""
    result = calibrated(np.array([[0.0, 2.0], [0.0, 2.0]]), [0.0, 1.0])
    np.testing.assert_allclose(result.p, [1, 2 * stats.norm.sf(2)])
