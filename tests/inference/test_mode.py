"""Modes of the posterior: stationary, with the right mass, and all of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from dissensus.datasets.simulate import simulate
from dissensus.inference.density import area_density, hessian, log_density, null_density, value_and_gradient
from dissensus.inference.mode import MASS_WINDOW, climb, find_modes, leading
from dissensus.inference.parameters import constrain, draw_prior

from .builders import CASES, density_of, make_area, make_choices, make_study


def without_data(density):
    """Return the density with a likelihood of 1: the posterior is the prior, whose integral is 1."""
    return replace(density, rows=replace(density.rows, multiplicity=np.zeros(density.rows.n_rows)))


def two_modes():
    """Answers that hang together in no way, 70 % for x: nearly all hold x, or few do and the baseline says the rest."""
    rng = np.random.default_rng(1)
    study = make_study(make_area(*["x y"] * 3, rule="luce"))
    return density_of(make_choices(study, {item.name: (rng.random(1000) > 0.7).astype(int) for item in study.items}))


@pytest.mark.parametrize("case", CASES)
def test_modes_are_stationary_and_concave(case):
    density = density_of(CASES[case]())
    modes = find_modes(density, np.random.default_rng(1), starts=3)
    for mode in leading(modes):
        value, gradient = value_and_gradient(density, mode.theta[None])
        assert np.abs(gradient).max() < 1e-5
        assert mode.log_density == pytest.approx(value[0], abs=1e-10)
        assert (np.linalg.eigvalsh(hessian(density, mode.theta)) < 0).all()
        np.testing.assert_allclose(-mode.covariance @ hessian(density, mode.theta), np.eye(density.size), atol=1e-5)
        nearby = mode.theta + 0.05 * np.random.default_rng(2).normal(size=(50, density.size))
        assert (log_density(density, nearby) < mode.log_density).all()


def test_modes_come_best_mass_first():
    modes = find_modes(two_modes(), np.random.default_rng(3), starts=8)
    masses = [mode.log_mass for mode in modes]
    assert masses == sorted(masses, reverse=True)


def test_laplace_mass_of_a_normal_density_is_its_integral():
    """The null model without data: baselines are normal, and nothing else is unknown."""
    choices = CASES["follow"]()
    density = without_data(null_density(area_density(choices, choices.areas[0], choices.study.priors)))
    (mode,) = find_modes(density, np.random.default_rng(4))
    np.testing.assert_allclose(mode.theta, 0, atol=1e-6)
    np.testing.assert_allclose(mode.covariance, np.eye(density.size), atol=1e-6)
    assert mode.log_mass == pytest.approx(0, abs=1e-6)


def test_laplace_mass_of_a_posterior_near_normal():
    """One answer each: the evidence of 60 against 40 is a Beta function."""
    study = make_study(make_area("x y"))
    density = density_of(make_choices(study, {"a0": np.repeat([0, 1], [60, 40])}))
    (mode,) = find_modes(density, np.random.default_rng(5))
    from scipy.special import betaln

    assert mode.log_mass == pytest.approx(betaln(61, 41), abs=0.01)
    assert constrain(density.parameters, mode.theta[None], 2).share[0, 0] == pytest.approx(61 / 102, abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_both_modes_are_found_whatever_the_seed(seed):
    density = two_modes()
    modes = leading(find_modes(density, np.random.default_rng(seed)))
    share = sorted(constrain(density.parameters, mode.theta[None], 6).share[0, 0] for mode in modes)
    assert len(share) == 2
    assert share[0] < 0.2
    assert share[1] > 0.9


def test_one_mode_is_not_counted_twice():
    density = density_of(simulate(make_study(make_area(*["x y z"] * 4)), 200, seed=1))
    assert len(find_modes(density, np.random.default_rng(6), starts=8)) == 1


def test_a_start_of_ones_own_is_used():
    density = two_modes()
    low = min(leading(find_modes(density, np.random.default_rng(7))), key=lambda mode: mode.log_mass)
    modes = find_modes(density, np.random.default_rng(8), starts=1, first=low.theta)
    assert any(np.allclose(mode.theta, low.theta, atol=1e-3) for mode in modes)


def test_only_modes_near_the_best_lead():
    modes = find_modes(two_modes(), np.random.default_rng(9))
    far = replace(modes[-1], log_mass=modes[0].log_mass - MASS_WINDOW - 1)
    flat = replace(modes[-1], covariance=None, log_mass=-np.inf)
    assert leading((modes[0], far, flat)) == (modes[0],)
    assert leading((flat,)) == ()


def test_nothing_to_fit_is_one_mode():
    """One goal, one answer each: no coordinate is left."""
    study = make_study(make_area("x x"))
    density = density_of(make_choices(study, {"a0": [0, 1, 1]}))
    assert density.size == 0
    (mode,) = find_modes(density, np.random.default_rng(10))
    assert mode.log_density == pytest.approx(3 * np.log(0.5))
    assert mode.log_mass == mode.log_density


@pytest.mark.parametrize("case", ["follow, no goal", "luce, repeated", "groups", "follow, many answers"])
def test_climbs_from_far_out_end_at_a_mode(case):
    density = density_of(CASES[case]())
    for start in 5 * np.sign(draw_prior(density.parameters, 3, np.random.default_rng(11))):
        mode = climb(density, start)
        assert mode.covariance is not None
        assert np.abs(value_and_gradient(density, mode.theta[None])[1]).max() < 1e-4


def test_a_start_without_a_density_is_survived():
    """Overflow at a start gives no mode or another one, never an exception."""
    density = density_of(CASES["luce"]())
    start = np.zeros(density.size)
    start[density.parameters.slices["conc"]] = 800.0  # exp(800) overflows
    with np.errstate(all="ignore"):
        mode = climb(density, start)
    assert mode.covariance is None or np.isfinite(mode.log_density)
