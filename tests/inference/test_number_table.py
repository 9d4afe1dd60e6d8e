"""Counts and durations in a fit: the sums against number by number, laws, checks, and what is recovered."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from dissensus.inference.answer_styles import answer_styles
from dissensus.inference.calibration_truth import true_log_likelihood, true_theta
from dissensus.inference.conventions import _alternatives
from dissensus.inference.density import hessian, log_density, value_and_gradient
from dissensus.inference.expected_patterns import expected_patterns
from dissensus.inference.identification import score_vectors
from dissensus.inference.mode import find_modes
from dissensus.inference.number_checks import number_check
from dissensus.inference.number_table import make_number_tables, numbers_by_pattern, share_up_to
from dissensus.inference.observed import observed_conflict
from dissensus.inference.parameters import draw_prior, log_prior
from dissensus.inference.predictive_checks import predictive_checks
from dissensus.inference.result_stages import number_variables, numbers_of
from dissensus.inference.states import make_states
from dissensus.inference.summary import _unseen
from scipy import stats

from dissensus import datasets

from .builders import CASES, density_of, make_area, make_choices, make_study, of_kind

STUDY = make_study(of_kind(make_area("x y", "x -", "x y", "x y -", kappa=1.5), "count", "duration", "choice", "choice"))
TRUTH = {"goal_share": [0.4, 0.6], "weight_mean": 0.6, "weight_concentration": 3.0, "typical": [2.0, 25.0]}
TRUTH |= {"spread": [0.4, 0.7]}


def _tables(kappa=2.0):
    density = density_of(CASES["numbers, groups, no goal, repeated"]())
    area, states = density.area, make_states(3, no_goal=True, weighted=True, nodes=5)
    given = (area.numbers, area.serves, area.item_of_option, states)
    return area, states, make_number_tables(*given, kappa=kappa, n_patterns=len(area.counts))


def test_the_sums_give_what_scipy_gives_number_by_number():
    area, states, tables = _tables()
    location, spread = np.array([[1.7, 0.4]]), np.array([[0.6, 0.3]])
    for numbers, table in zip(area.numbers, tables, strict=True):
        mean = np.exp(location[0, table.place] + table.shift)
        s = spread[0, table.place]
        if numbers.kind == "duration":
            each = stats.lognorm.logpdf(numbers.value[:, None], s, scale=mean)
        else:
            mean = numbers.exposure[:, None] * mean
            each = stats.nbinom.logpmf(numbers.value[:, None], 1 / s, 1 / (1 + s * mean))
        expected = np.zeros((len(area.counts), states.n_states))
        np.add.at(expected, numbers.pattern, numbers.times[:, None] * each[numbers.which])
        np.testing.assert_allclose(numbers_by_pattern(table, location, spread)[0], expected, rtol=1e-11, atol=1e-11)


def test_a_goal_raises_or_lowers_the_more_the_larger_the_weight():
    _, states, tables = _tables()
    for table in tables:
        for goal in range(3):
            own = table.shift[states.goal == goal]
            assert (np.abs(np.diff(own[np.argsort(states.weight[states.goal == goal])])) > 0).all() == own.any()
        assert table.shift[states.goal == 3] == 0


def test_shares_up_to_an_edge_are_those_of_the_distributions():
    _, _, tables = _tables()
    location, spread, exposure = np.array([1.7, 0.4]), np.array([0.6, 0.3]), np.array([0.5, 1.0, 4.0])
    for table in tables:
        mean, s = np.exp(location[table.place] + table.shift), spread[table.place]
        found = share_up_to(table, location, spread, 3.0, exposure)
        if table.kind == "duration":
            expected = np.broadcast_to(stats.lognorm.cdf(3.0, s, scale=mean), found.shape)
        else:
            expected = stats.nbinom.cdf(3, 1 / s, 1 / (1 + s * exposure[:, None] * mean))
        np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_scores_of_agents_sum_to_the_gradient():
    density = density_of(CASES["numbers, groups, no goal, repeated"]())
    theta = 0.4 * np.random.default_rng(1).standard_normal(density.size)
    rows = density.rows
    counts = density.area.counts[rows.pattern].astype(float)
    numbers = tuple(datasets.numbers.numbers_at(one, rows.pattern) for one in density.area.numbers)
    each = score_vectors(density, theta, counts, rows.group, (), numbers)
    without = replace(density, rows=replace(rows, multiplicity=np.zeros(rows.n_rows)))
    likelihood = value_and_gradient(density, theta[None])[1] - value_and_gradient(without, theta[None])[1]
    np.testing.assert_allclose(rows.multiplicity @ each, likelihood[0], atol=1e-9)


def test_twice_the_exposure_is_half_the_rate():
    """And other units of time move the log density of durations by a constant."""
    study = make_study(of_kind(make_area("x y", "x y"), "count", "duration"))
    counts, times = np.array([[0, 1.0], [3, 2.0], [7, 1.0]]), np.array([[2.0, 1], [30.0, 1], [4.0, 1]])
    one = density_of(make_choices(study, {"a0": counts, "a1": times}))
    two = density_of(make_choices(study, {"a0": counts * [1, 2], "a1": times * [60, 1]}))
    theta = 0.3 * np.random.default_rng(2).standard_normal(one.size)
    at = one.parameters.slices["location"]
    moved = theta.copy()
    moved[at] += [-np.log(2), np.log(60)]
    first, second = (
        (log_density(d, t[None]) - log_prior(d.parameters, t[None]))[0] for d, t in ((one, theta), (two, moved))
    )
    assert second == pytest.approx(first - 3 * np.log(60), abs=1e-10)


@pytest.fixture(scope="module")
def simulated():
    return datasets.simulate(STUDY, 250, seed=6, truth={"a": TRUTH}, missing=0.1)


def test_the_truth_has_the_likelihood_that_the_definition_gives_it(simulated):
    density = density_of(simulated)
    theta = true_theta(density, simulated)[None]
    value = (log_density(density, theta) - log_prior(density.parameters, theta))[0]
    assert value == pytest.approx(true_log_likelihood(density, simulated, STUDY), rel=1e-10)


def test_what_was_simulated_is_recovered(simulated):
    """Means and spreads of the Laplace approximation at the mode."""
    density = density_of(simulated)
    mode = find_modes(density, np.random.default_rng(1), starts=2)[0]
    sd = np.sqrt(np.diag(np.linalg.inv(-hessian(density, mode.theta))))
    wrong = (mode.theta - true_theta(density, simulated)) / sd
    assert (np.abs(wrong) < 3.5).all()
    at = density.parameters.slices
    assert (sd[at["location"]] < 0.25).all()
    assert (sd[at["spread"]] < 0.4).all()


def test_a_result_keeps_its_numbers(simulated):
    area, written = simulated.areas[0], STUDY.areas[0]
    again = numbers_of(0, written, xr.Dataset(number_variables(0, area)))
    for one, two in zip(area.numbers, again, strict=True):
        for name in ("item", "kind", "value", "exposure", "pattern", "which", "times"):
            np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


def test_ranges_of_sound_numbers_are_as_expected_and_a_wrong_spread_is_found(simulated):
    density = density_of(simulated)
    theta = np.repeat(true_theta(density, simulated)[None], 20, axis=0)
    assert number_check(density, theta).state == "ok"
    theta[:, density.parameters.slices["spread"]] -= [0.0, 1.0]
    found = number_check(density, theta)
    assert found.state == "caution"
    assert "'a1'" in found.message


def test_an_area_of_numbers_alone_has_no_observed_conflict_and_no_style_of_answers():
    study = make_study(of_kind(make_area("x y", "x y", "x -"), "count", "duration", "count"))
    choices = datasets.simulate(study, 60, seed=3)
    assert np.isnan(observed_conflict(choices, replicates=3, seed=1).estimate).all()
    assert "how far two numbers are in conflict is not given" in _unseen(study.areas, None)[0]
    density = density_of(choices)
    theta = draw_prior(density.parameters, 3, np.random.default_rng(1))
    assert not answer_styles(expected_patterns(density, theta, np.random.default_rng(2)), theta)
    assert {check.state for check in predictive_checks(density, theta)} <= {"ok", "note", "caution"}


def test_the_priors_of_numbers_and_of_passing_are_varied_among_the_conventions():
    density = density_of(CASES["numbers, passing, rankings, importance"]())
    rows = {name: densities[0] for name, _, densities in _alternatives((density,), density.parameters.priors)}
    theta = draw_prior(density.parameters, 1, np.random.default_rng(1))
    for name in ("passing prior", "number prior", "kappa"):
        assert log_density(rows[name], theta) != log_density(density, theta)
    alone = density_of(CASES["follow"]())
    names = {name for name, _, _ in _alternatives((alone,), alone.parameters.priors)}
    assert not names & {"passing prior", "number prior", "kappa"}
