"""Bent coordinates: an exact change of variables with the moments of the draws it is matched to."""

from __future__ import annotations

import numpy as np
import pytest
from dissensus.inference.skewed_coordinates import bent, log_stretch, matched_bend, straight
from scipy.integrate import quad
from scipy.stats import gamma, norm, skew


def _gamma_draws(shape, draws=200_000):
    rng = np.random.default_rng(3)
    return np.stack([gamma(shape).rvs(draws, random_state=rng), -3 * rng.gamma(shape, size=draws)], axis=1)


def _matched(theta):
    return matched_bend(theta, np.full(len(theta), 1 / len(theta)))


@pytest.fixture
def bend():
    return _matched(_gamma_draws(6.0))


def test_straight_undoes_bent(bend):
    z = np.random.default_rng(1).normal(0, 4, (500, 2))
    np.testing.assert_allclose(straight(bend, bent(bend, z)), z, atol=1e-10)


def test_log_stretch_is_the_slope(bend):
    z, step = np.random.default_rng(2).normal(0, 2, (50, 2)), 1e-5
    slope = (bent(bend, z + step) - bent(bend, z - step)) / (2 * step)
    np.testing.assert_allclose(log_stretch(bend, z), np.log(slope).sum(axis=1), atol=1e-8)


@pytest.mark.parametrize("shape", [3.0, 6.0, 100.0])
def test_a_bent_normal_has_mean_deviation_and_skewness_of_the_draws(shape):
    theta = _gamma_draws(shape)
    bend = _matched(theta)
    values = bent(bend, np.random.default_rng(4).standard_normal((400_000, 2)))
    np.testing.assert_allclose(values.mean(axis=0), theta.mean(axis=0), atol=0.03 * theta.std(axis=0).max())
    np.testing.assert_allclose(values.std(axis=0), theta.std(axis=0), rtol=0.02)
    np.testing.assert_allclose(skew(values), skew(theta), atol=0.06)


def test_few_draws_say_little_of_the_skewness():
    theta = _gamma_draws(2.0)[:10]
    few, many = _matched(theta), matched_bend(theta.repeat(1000, axis=0), np.full(10_000, 1e-4))
    assert (np.abs(few.skew) < np.abs(many.skew)).all()


def test_a_bent_normal_is_closer_to_skewed_draws_than_a_normal():
    theta = _gamma_draws(4.0)[:, :1]
    bend = _matched(theta)
    z = straight(bend, theta)
    fitted = norm(theta.mean(), theta.std()).logpdf(theta).mean()
    assert (norm.logpdf(z[:, 0]) - log_stretch(bend, z)).mean() > fitted + 0.05


def test_the_density_of_a_bent_normal_integrates_to_one():
    bend = _matched(_gamma_draws(6.0)[:, :1])

    def density(x):
        z = straight(bend, np.array([[x]]))
        return float(np.exp(norm.logpdf(z[0, 0]) - log_stretch(bend, z)[0]))

    assert quad(density, -60, 60, points=[0, 5, 10], limit=200)[0] == pytest.approx(1, abs=1e-7)
