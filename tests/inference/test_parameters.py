"""Parameters on the real line: transforms, prior density, gradient and draws."""

from __future__ import annotations

import numpy as np
import pytest
from dissensus.datasets.study import Priors
from dissensus.inference.parameters import (
    Parameters,
    constrain,
    draw_prior,
    log_prior,
    log_prior_gradient,
    zero_sum_basis,
)
from scipy.integrate import quad

from . import plain_model
from .builders import CASES, density_of, points_of
from .chance import assert_mean

PRIORS = Priors(goal_share=0.6, weight_mean=(3.0, 1.5), weight_concentration=(2.0, 0.5), baseline_sd=0.7, group_sd=1.3)
LAYOUTS = {
    "all": Parameters(3, 2, True, True, (3, 2), PRIORS),
    "no groups": Parameters(3, 0, True, True, (2, 4), Priors()),
    "groups only": Parameters(2, 3, False, True, (), Priors()),
    "shares only": Parameters(4, 0, True, False, (), PRIORS),
    "one share": Parameters(1, 2, False, True, (3,), Priors()),
    "baseline only": Parameters(1, 0, True, False, (3, 2), PRIORS),
}


@pytest.mark.parametrize("n", [2, 3, 7])
def test_zero_sum_basis_is_orthonormal_and_that_of_pymc(n):
    basis = zero_sum_basis(n)
    np.testing.assert_allclose(basis.T @ basis, np.eye(n - 1), atol=1e-14)
    np.testing.assert_allclose(basis.sum(axis=0), 0, atol=1e-14)
    y = np.random.default_rng(n).normal(size=n - 1)
    np.testing.assert_allclose(basis @ y, plain_model.sum_to_zero(y), atol=1e-14)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=list(LAYOUTS))
def test_blocks_fill_the_vector(layout):
    used = np.concatenate([np.arange(layout.size)[block] for block in layout.slices.values()])
    np.testing.assert_array_equal(np.sort(used), np.arange(layout.size))
    assert draw_prior(layout, 2, np.random.default_rng(0)).shape == (2, layout.size)


def test_values_by_hand():
    """Two goals at even odds, one group one standard deviation towards the first, weights at the middle."""
    layout = Parameters(2, 1, True, True, (2,), Priors(group_sd=0.5))
    theta = np.array([[0.0, np.sqrt(2.0), np.log(3.0), np.log(5.0), 2.0, np.sqrt(0.5)]])
    values = constrain(layout, theta, 2)
    np.testing.assert_allclose(values.share, [[0.5, 0.5]])
    odds = np.exp(2 * 0.5)  # the deviation (1, −1) times 0.5 on the logits
    np.testing.assert_allclose(np.exp(values.prior_log_share), [[[odds / (1 + odds), 1 / (1 + odds)], [0.5, 0.5]]])
    np.testing.assert_allclose(values.mean, [0.75])
    np.testing.assert_allclose(values.concentration, [5.0])
    np.testing.assert_allclose(values.prior_mean, [[3 * np.e / (1 + 3 * np.e), 0.75]])
    np.testing.assert_allclose(values.baseline_logits, [[0.5, -0.5]])


@pytest.mark.parametrize("case", CASES)
def test_prior_density_is_that_of_the_definition(case):
    choices = CASES[case]()
    density = density_of(choices)
    for theta in points_of(density).values():
        expected = plain_model.log_prior(choices, choices.areas[0], choices.study.priors, theta)
        assert log_prior(density.parameters, theta[None])[0] == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("k", [2, 3, 5])
def test_jacobian_of_the_simplex_is_the_determinant(k):
    y = np.random.default_rng(k).normal(size=k - 1)
    logits = np.append(y, -y.sum())
    share = np.exp(logits) / np.exp(logits).sum()
    slope = (np.diag(share) - np.outer(share, share))[:-1] @ np.vstack([np.eye(k - 1), -np.ones((1, k - 1))])
    flat = Parameters(k, 0, True, False, (), Priors(goal_share=1.0))
    log_volume = log_prior(flat, y[None])[0] - sum(np.log(np.arange(1, k)))  # the Dirichlet(1) density is (k − 1)!
    assert log_volume == pytest.approx(np.linalg.slogdet(slope)[1], abs=1e-10)


def test_prior_integrates_to_one():
    """Every block of this layout has one coordinate, and blocks are independent."""
    layout = Parameters(2, 1, False, True, (2,), PRIORS)
    middle = np.zeros(layout.size)
    height = log_prior(layout, middle[None])[0]

    def log_integral(at):
        return np.log(
            quad(lambda x: np.exp(log_prior(layout, _with(middle, at, x))[0] - height), -40, 40, limit=400)[0]
        )

    # a product of blocks: its mass is the height times their integrals relative to it
    assert height + sum(log_integral(at) for at in range(layout.size)) == pytest.approx(0, abs=1e-6)


def _with(theta, at, value):
    moved = theta.copy()
    moved[at] = value
    return moved[None]


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=list(LAYOUTS))
def test_gradient_of_the_prior(layout):
    rng = np.random.default_rng(1)
    for theta in (*draw_prior(layout, 3, rng), 6 * np.sign(rng.normal(size=layout.size))):
        gradient = log_prior_gradient(layout, theta[None])[0]
        errors = []
        for step in (1e-3, 1e-4, 1e-5):
            shifts = step * np.eye(layout.size)
            numeric = (log_prior(layout, theta + shifts) - log_prior(layout, theta - shifts)) / (2 * step)
            errors.append(np.abs(gradient - numeric).max(initial=0) / max(1, np.abs(gradient).max(initial=0)))
        assert min(errors) <= 1e-6


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=list(LAYOUTS))
def test_prior_draws_are_from_the_prior_density(layout):
    """For draws from a density p on the real line, E[∇ log p] = 0 and E[∇ log p · θᵀ] = −I."""
    theta = draw_prior(layout, 20_000, np.random.default_rng(2))
    slope = log_prior_gradient(layout, theta)
    assert_mean(slope, np.zeros(layout.size))
    assert_mean(slope[:, :, None] * theta[:, None, :], -np.eye(layout.size))


def test_prior_draws_have_the_moments_of_the_priors():
    layout = LAYOUTS["all"]
    values = constrain(layout, draw_prior(layout, 20_000, np.random.default_rng(3)), 5)
    alpha, k, (a, b), (shape, rate) = 0.6, 3, (3.0, 1.5), (2.0, 0.5)
    assert_mean(values.share, np.full(3, 1 / 3))
    assert_mean(values.share**2, np.full(3, (alpha + 1) / (k * (k * alpha + 1))))
    assert_mean(values.mean, a / (a + b))
    assert_mean(values.mean**2, a * (a + 1) / (a + b) / (a + b + 1))
    assert_mean(values.concentration, shape / rate)
    assert_mean(values.concentration**2, shape * (shape + 1) / rate**2)
    logits = values.baseline_logits
    np.testing.assert_allclose(logits[:, :3].sum(axis=1), 0, atol=1e-12)
    assert_mean(logits**2, 0.7**2 * np.array([2 / 3] * 3 + [1 / 2] * 2))


@pytest.mark.parametrize("alpha", [0.01, 1.0, 50.0])
def test_prior_draws_are_finite_at_any_concentration_of_the_shares(alpha):
    layout = Parameters(3, 0, True, True, (2,), Priors(goal_share=alpha))
    theta = draw_prior(layout, 500, np.random.default_rng(4))
    assert np.isfinite(theta).all()
    assert np.isfinite(log_prior(layout, theta)).all()
    assert_mean(constrain(layout, theta, 2).share, np.full(3, 1 / 3))
