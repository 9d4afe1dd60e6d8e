"""Areas whose rows are summed in parts: the same density, and the same posterior as where every row sees every draw."""

from __future__ import annotations

import functools
import sys

import numpy as np
import pytest
from dissensus.inference import density as plain
from dissensus.inference import large_fit, large_states, marginal
from dissensus.inference.area_fit import fit_area
from dissensus.inference.area_scores import population_scores
from dissensus.inference.density import hessian, is_large, log_density, row_log_likelihood, value_and_gradient
from dissensus.inference.large import some_agents, some_rows, with_rows
from dissensus.inference.large_density import value_gradient_hessian
from dissensus.inference.mode import find_modes
from dissensus.inference.posterior_states import draw_states
from dissensus.inference.sum_over_parts import over_rows

from dissensus import datasets, inference

from .builders import CASES, density_of, make_area, make_study, points_of


def _in_parts(density):
    """Return the same density with its rows summed in parts, each agent's multiplicity and all."""
    rows = density.rows
    return with_rows(density, np.arange(rows.n_rows), rows.agents, rows.multiplicity, rows.row_of_agent)


@functools.cache
def _counts(n=1_500, *, groups=None, rule="follow"):
    """Return the density of agents who answered often: hardly two of them alike."""
    study = make_study(make_area("x y z - -", repeated=True, rule=rule, conflict={"x|y": 1.0, "x|z": 0.4, "y|z": 0.7}))
    return datasets.simulate(study, n, seed=3, answers_per_item=60, groups=groups)


@pytest.mark.parametrize("case", list(CASES))
def test_the_density_is_that_of_the_plain_path(case):
    choices = CASES[case]()
    for area in choices.areas:
        density = plain.area_density(choices, area, choices.study.priors)
        if density.table.stages or not density.size:
            continue
        parts, theta = _in_parts(density), np.stack(list(points_of(density).values()))
        if choices.covariates or density.table.numbers:
            assert not plain.in_parts(parts)
            continue
        assert plain.in_parts(parts) and not plain.in_parts(density)
        np.testing.assert_allclose(log_density(parts, theta), log_density(density, theta), rtol=1e-12, atol=1e-8)
        np.testing.assert_allclose(
            row_log_likelihood(parts, theta), row_log_likelihood(density, theta), rtol=1e-11, atol=1e-10
        )
        value, gradient = value_and_gradient(parts, theta)
        expected, slope = value_and_gradient(density, theta)
        np.testing.assert_allclose(value, expected, rtol=1e-12, atol=1e-8)
        np.testing.assert_allclose(gradient, slope, rtol=1e-9, atol=1e-8)
        for one in theta[:2]:
            curvature, by_steps = hessian(parts, one), hessian(density, one)
            assert np.abs(curvature - by_steps).max() <= 1e-5 * max(1.0, np.abs(by_steps).max())


def test_sums_depend_neither_on_the_cores_nor_much_on_the_parts(monkeypatch):
    density = _in_parts(density_of(_counts(groups=("p", "q"))))
    theta = next(iter(points_of(density).values()))
    whole = value_gradient_hessian(density, theta)
    monkeypatch.setattr("dissensus.inference.sum_over_parts.PART", 700)
    one, two = (value_gradient_hessian(density, theta, over_rows(density.rows, cores=cores)) for cores in (1, 2))
    for a, b, c in zip(one, two, whole, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_allclose(a, c, rtol=1e-9, atol=1e-5)


@pytest.mark.parametrize("rule", ["follow", "luce"])
def test_the_hessian_is_that_of_steps_far_finer_than_its_error(rule):
    density = density_of(_counts(300, rule=rule, groups=("p", "q")))
    for theta in points_of(density).values():
        coarse, fine = (hessian(density, theta, step=step) for step in (4e-4, 2e-4))
        found = value_gradient_hessian(_in_parts(density), theta)[2]
        assert np.abs(found - (4 * fine - coarse) / 3).max() <= 1e-8 * np.abs(fine).max()


@pytest.mark.parametrize("groups", [None, ("p", "q", "r")])
def test_totals_near_the_posterior_mean_are_those_of_every_row_at_every_draw(groups):
    density = _in_parts(density_of(_counts(groups=groups)))
    mode = find_modes(density, np.random.default_rng(1), starts=2)[0]
    theta = np.random.default_rng(2).multivariate_normal(mode.theta, mode.covariance, 60)
    states = density.states
    features = np.hstack([states.is_goal, states.is_goal * states.weight[:, None]])
    mean, square, row_mean = large_states.large_totals(density, theta, features, np.random.default_rng(2))
    exact, squares, row_exact = large_states.totals_at_draws(density, theta, features)
    spread = np.sqrt(np.einsum("hff->hf", square))
    assert np.abs(mean - exact).max() <= large_states.TOLERANCE * spread.max() + 1
    np.testing.assert_allclose(square, squares.mean(axis=0), atol=0.02 * np.abs(square).max())
    np.testing.assert_allclose(row_mean, row_exact, atol=0.02)


def test_totals_that_some_rows_do_not_tell_are_summed_in_full(monkeypatch):
    monkeypatch.setattr(large_states, "TOLERANCE", -1.0)
    density = _in_parts(density_of(_counts()))
    theta = points_of(density)["centre"] + 0.5 * np.random.default_rng(1).standard_normal((12, density.size))
    exact, _, _ = large_states.totals_at_draws(density, theta, density.states.is_goal)
    found, _, _ = large_states.large_totals(density, theta, density.states.is_goal, np.random.default_rng(2))
    np.testing.assert_allclose(found, exact, rtol=1e-10)


@pytest.fixture
def large(monkeypatch):
    """Areas of 1,500 rows count as large."""
    for module in (plain, marginal):
        monkeypatch.setattr(module, "LARGE_CELLS", 50_000)
    return density_of(_counts())


@pytest.fixture(scope="module")
def fitted_plainly():
    return fit_area(density_of(_counts()), np.random.default_rng(1), method="laplace", draws=2_000)


def _agree(one, other):
    """Whether two sets of draws have means and standard deviations within Monte Carlo error."""
    error = np.hypot(one.std(axis=0), other.std(axis=0)) / np.sqrt(1_000)
    assert (np.abs(one.mean(axis=0) - other.mean(axis=0)) <= 4 * error).all()
    np.testing.assert_allclose(one.std(axis=0), other.std(axis=0), rtol=0.12)


def test_a_large_area_has_the_posterior_of_the_plain_path(large, fitted_plainly):
    assert is_large(large) and not is_large(fitted_plainly.density)
    said = []
    found = fit_area(large, np.random.default_rng(2), method="auto", draws=2_000, report=said.append)
    assert found.importance.accepted and found.method == "importance" and not said
    np.testing.assert_allclose(found.modes[0].theta, fitted_plainly.modes[0].theta, atol=1e-4)
    np.testing.assert_allclose(found.modes[0].covariance, fitted_plainly.modes[0].covariance, rtol=1e-4, atol=1e-7)
    assert found.modes[0].log_mass == pytest.approx(fitted_plainly.modes[0].log_mass, abs=1e-3)
    _agree(found.flat, fitted_plainly.flat)
    rng = np.random.default_rng(3)
    one, other = (draw_states(fit.density, fit.flat[:500], rng) for fit in (found, fitted_plainly))
    for name in ("count", "root", "weight"):
        _agree(getattr(one, name)[:, 0], getattr(other, name)[:, 0])
    _agree(*(population_scores(fit.density, fit.flat).overall.misalignment[:, None] for fit in (found, fitted_plainly)))


def test_draws_that_some_rows_do_not_tell_are_evaluated_in_full(large, fitted_plainly, monkeypatch):
    monkeypatch.setattr(large_fit, "TOLERANCE", -1.0)
    monkeypatch.setattr("dissensus.inference.area_fit._proposals", lambda density, draws: 1_000)
    said = []
    found = fit_area(large, np.random.default_rng(2), method="laplace", draws=1_000, report=said.append)
    assert said == ["a: evaluating every draw in full"]
    _agree(found.flat, fitted_plainly.flat)


def test_the_estimated_log_density_is_that_of_all_rows_up_to_little(large):
    _, peaks = large_fit.large_modes(large, np.random.default_rng(1), quadrature_error=0.01, most_nodes=64)
    few = some_rows(large, large_fit.CONTROL, np.random.default_rng(2))
    mode, rng = peaks[0].mode, np.random.default_rng(3)
    theta = rng.multivariate_normal(mode.theta, mode.covariance, 40)
    gap = large_fit.estimated_log_density(peaks, few)(theta) - log_density(large, theta)
    assert np.abs(gap).max() < large_fit.TOLERANCE
    assert few.rows.n_rows == large_fit.CONTROL < large.rows.n_rows
    assert few.rows.multiplicity.sum() == pytest.approx(large.rows.multiplicity.sum(), rel=0.02)


def test_some_agents_are_agents_of_the_area_in_their_groups():
    density = _in_parts(density_of(_counts(groups=("p", "q"))))
    some = some_agents(density, 500, np.random.default_rng(1))
    assert some.rows.agents.sum() == some.rows.multiplicity.sum() == len(some.rows.row_of_agent) == 500
    every = {(*density.area.counts[p], g) for p, g in zip(density.rows.pattern, density.rows.group, strict=True)}
    own = [(*some.area.counts[p], g) for p, g in zip(some.rows.pattern, some.rows.group, strict=True)]
    assert set(own) <= every


def test_a_fit_of_large_areas_says_on_whom_it_was_checked(monkeypatch):
    for module in (plain, marginal):
        monkeypatch.setattr(module, "LARGE_CELLS", 50_000)
    monkeypatch.setattr("dissensus.inference.large.LOOKED_AT", 300)
    monkeypatch.setattr(sys.modules["dissensus.inference.fit"], "FEWER_DRAWS", 300)
    tree = inference.fit(_counts(), seed=1, method="laplace", draws=1_000)
    assert "on 300 of 1,500 agents, drawn at random; the scores are of all." in tree.attrs["notes"]
    rows = inference.summarize(tree)
    assert (rows["sd"].dropna() > 0).any() and len(tree["agents"]["agent"]) == 1_500
    goal = tree["agents"]["goal_probability"].values
    np.testing.assert_allclose(goal.sum(axis=1), 1, atol=1e-5)
