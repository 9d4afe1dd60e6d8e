"""Importance draws: smoothing that fails closed, proposals that adapt, integrals that are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from dissensus.datasets.simulate import simulate
from dissensus.inference.density import log_density
from dissensus.inference.importance import (
    ImportanceDraws,
    Mixture,
    adapt,
    draw,
    importance_draws,
    log_components,
    proposal,
    resample,
    smooth,
)
from dissensus.inference.mode import find_modes
from dissensus.inference.parameters import constrain
from scipy import stats
from scipy.special import logsumexp

from .builders import CASES, density_of, make_area, make_choices, make_study
from .chance import assert_mean, assert_within


@pytest.mark.parametrize("index", [0.1, 0.3, 0.5, 0.7, 1.0, 1.3])
def test_khat_is_the_tail_index_of_pareto_weights(index):
    """PSIS fits the tail of 3·√n draws; the fit has a standard error of (1 + k) / √(tail draws)."""
    n = 40_000
    log_weight = -index * np.log(np.random.default_rng(int(100 * index)).random(n))
    khat = smooth(log_weight)[1]
    assert_within(khat, index, (1 + index) / np.sqrt(3 * np.sqrt(n)), slack=0.02)


def test_smoothed_weights_are_normalised_and_keep_their_order():
    log_weight = -0.8 * np.log(np.random.default_rng(1).random(2000)) + 500
    smoothed, _ = smooth(log_weight)
    assert logsumexp(smoothed) == pytest.approx(0, abs=1e-12)
    assert (np.diff(smoothed[np.argsort(log_weight)]) >= -1e-9).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_no_numbers_fail_closed(bad):
    log_weight = np.random.default_rng(2).normal(size=1000)
    log_weight[17] = bad
    smoothed, khat = smooth(log_weight)
    assert np.isnan(khat)
    drawn = ImportanceDraws(np.zeros((1000, 1)), smoothed, khat, 1000.0, 0)
    assert not drawn.accepted


def test_draws_that_are_impossible_fail_closed_when_all_are():
    smoothed, khat = smooth(np.full(1000, -np.inf))
    assert np.isnan(khat)
    assert logsumexp(smoothed) == pytest.approx(0)


def test_a_draw_outside_the_support_gets_no_weight():
    log_weight = np.random.default_rng(3).normal(0, 0.1, 1000)
    log_weight[5] = -np.inf
    smoothed, khat = smooth(log_weight)
    assert khat < 0.7
    assert np.exp(smoothed[5]) < 1e-15


def test_equal_weights_count_alike():
    smoothed, khat = smooth(np.full(100, -3.0))
    np.testing.assert_allclose(smoothed, -np.log(100))
    assert khat == -np.inf


def _weighted(khat, effective):
    return ImportanceDraws(np.zeros((1000, 1)), np.full(1000, -np.log(1000)), khat, effective, 0)


def test_acceptance():
    assert _weighted(0.7, 400.0).accepted
    assert not _weighted(0.71, 900.0).accepted
    assert not _weighted(0.1, 399.0).accepted
    assert not _weighted(np.nan, 900.0).accepted
    assert not _weighted(0.1, np.nan).accepted


def test_mixture_draws_and_density():
    """Against scipy's multivariate t; the density integrates to one over another mixture's draws."""
    rng = np.random.default_rng(4)
    root = np.array([np.linalg.cholesky(np.cov(rng.normal(size=(2, 9)))) for _ in range(2)])
    mixture = Mixture(np.array([0.3, 0.7]), np.array([[0.0, 1.0], [2.0, -1.0]]), root)
    theta = draw(mixture, 50_000, rng)
    logs, distances = log_components(mixture, theta)
    for c in range(2):
        exact = stats.multivariate_t(mixture.centre[c], root[c] @ root[c].T, df=7)
        np.testing.assert_allclose(logs[c], np.log(mixture.weight[c]) + exact.logpdf(theta), atol=1e-10)
    assert (distances >= 0).all()
    assert_mean(theta, mixture.weight @ mixture.centre)
    belongs = np.exp(logs[0] - logsumexp(logs, axis=0))
    assert_mean(belongs, 0.3)


def _without_data(density):
    return replace(density, rows=replace(density.rows, multiplicity=np.zeros(density.rows.n_rows)))


@pytest.mark.parametrize("case", ["follow", "luce, no goal", "one answer"])
def test_integral_of_the_prior_is_one(case):
    """The mean raw weight estimates the integral; without data the posterior is the prior."""
    density = _without_data(density_of(CASES[case]()))
    mixture = proposal(find_modes(density, np.random.default_rng(5)))
    theta = draw(mixture, 20_000, np.random.default_rng(6))
    weight = np.exp(log_density(density, theta) - logsumexp(log_components(mixture, theta)[0], axis=0))
    assert_mean(weight, 1.0)


def test_posterior_that_is_a_beta():
    """One answer each, 12 for x and 5 for y: the share is Beta(13, 6)."""
    study = make_study(make_area("x y"))
    density = density_of(make_choices(study, {"a0": np.repeat([0, 1], [12, 5])}))
    drawn = importance_draws(
        density, find_modes(density, np.random.default_rng(7)), np.random.default_rng(8), draws=4000
    )
    assert drawn.accepted
    share = constrain(density.parameters, drawn.theta, 2).share[:, 0]
    exact, weight = stats.beta(13, 6), np.exp(drawn.log_weight)
    for quantile in (0.05, 0.25, 0.5, 0.75, 0.95):
        below = share < exact.ppf(quantile)
        assert_within(weight @ below, quantile, np.sqrt(np.square(weight) @ np.square(below - quantile)))


def test_adaptation_mends_a_bad_proposal():
    density = density_of(simulate(make_study(make_area(*["x y z"] * 4)), 100, seed=1))
    (good,) = find_modes(density, np.random.default_rng(9))
    sd = np.sqrt(np.diag(good.covariance))
    mixture = Mixture(np.ones(1), (good.theta + 2 * sd)[None], 2.5 * np.linalg.cholesky(good.covariance)[None])
    rng, effective = np.random.default_rng(10), []
    for _ in range(8):
        theta = draw(mixture, 4000, rng)
        raw = log_density(density, theta) - logsumexp(log_components(mixture, theta)[0], axis=0)
        log_weight, _ = smooth(raw)
        effective.append(np.exp(-logsumexp(2 * log_weight)))
        mixture = adapt(mixture, theta, log_weight)
    assert effective[0] < 100
    assert effective[-1] > 1000


def test_adaptation_to_its_own_draws_changes_little():
    """Equal weights say that the proposal is the target."""
    rng = np.random.default_rng(11)
    mixture = Mixture(np.array([0.5, 0.5]), np.array([[-5.0, 0], [5.0, 0]]), np.stack([np.eye(2)] * 2))
    theta = draw(mixture, 20_000, rng)
    matched = adapt(mixture, theta, np.full(20_000, -np.log(20_000)))
    np.testing.assert_allclose(matched.weight, 0.5, atol=0.02)
    np.testing.assert_allclose(matched.centre, mixture.centre, atol=0.05)
    np.testing.assert_allclose(matched.root @ matched.root.swapaxes(1, 2), np.stack([np.eye(2)] * 2), atol=0.06)


def test_adaptation_forgets_no_component():
    mixture = Mixture(np.array([0.5, 0.5]), np.array([[0.0], [50.0]]), np.ones((2, 1, 1)))
    theta = draw(mixture, 1000, np.random.default_rng(12))
    only_first = np.where(theta[:, 0] < 25, 0.0, -1e3)
    matched = adapt(mixture, theta, only_first - logsumexp(only_first))
    assert matched.weight[1] > 0.005
    np.testing.assert_allclose(matched.centre[1], 50)


def test_two_modes_get_their_shares():
    """Two runs agree on the mass of the lesser mode within their Monte Carlo errors."""
    from .test_mode import two_modes

    density = two_modes()
    modes = find_modes(density, np.random.default_rng(13))
    estimates = []
    for seed in (14, 15):
        drawn = importance_draws(density, modes, np.random.default_rng(seed), draws=8000)
        assert drawn.accepted
        share = constrain(density.parameters, drawn.theta, density.n_options).share[:, 0]
        weight, low = np.exp(drawn.log_weight), share < 0.5
        mass = weight @ low
        estimates.append((mass, np.sqrt(np.square(weight) @ np.square(low - mass))))
    (one, error), (other, error_other) = estimates
    assert 0.05 < one < 0.5
    assert_within(one, other, np.hypot(error, error_other))


def test_draws_are_as_many_as_said_and_seeded():
    density = density_of(CASES["follow"]())
    modes = find_modes(density, np.random.default_rng(16))
    one, other = (importance_draws(density, modes, np.random.default_rng(17), draws=500, rounds=0) for _ in range(2))
    assert one.theta.shape == (500, density.size)
    np.testing.assert_array_equal(one.theta, other.theta)
    assert one.rounds == 0
    assert one.effective == pytest.approx(1 / np.square(np.exp(one.log_weight)).sum())


def test_nothing_to_fit():
    density = density_of(make_choices(make_study(make_area("x x")), {"a0": [0, 1, 1]}))
    drawn = importance_draws(
        density, find_modes(density, np.random.default_rng(18)), np.random.default_rng(19), draws=500
    )
    assert drawn.theta.shape == (500, 0)
    assert drawn.accepted


def test_resampling_copies_each_draw_as_often_as_its_weight_says():
    """Systematic resampling: within one of the expected number, and exactly that on average."""
    rng = np.random.default_rng(20)
    weight = rng.dirichlet(np.full(50, 0.3))
    drawn = ImportanceDraws(np.arange(50.0)[:, None], np.log(weight), 0.1, 500.0, 0)
    copies = np.array([np.bincount(resample(drawn, 200, rng)[:, 0].astype(int), minlength=50) for _ in range(2000)])
    assert (np.abs(copies - 200 * weight) <= 1 + 1e-9).all()
    assert_mean(copies, 200 * weight, slack=1e-3)  # weights near 0 are never drawn


def test_resampled_draws_come_in_random_order():
    drawn = ImportanceDraws(np.arange(400.0)[:, None], np.full(400, -np.log(400)), 0.1, 400.0, 0)
    order = resample(drawn, 400, np.random.default_rng(21))[:, 0]
    np.testing.assert_array_equal(np.sort(order), np.arange(400))
    assert abs(np.corrcoef(order, np.arange(400))[0, 1]) < 0.2
