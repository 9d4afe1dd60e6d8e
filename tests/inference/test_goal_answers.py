"""Answers per goal: a loop over agents, mean zero and variance at known parameters, planted misfit."""

from __future__ import annotations

import numpy as np
import pytest
from dissensus.datasets.simulate import simulate
from dissensus.inference.agent_checks import goal_checks
from dissensus.inference.density import evaluate_rows
from dissensus.inference.goal_answers import FEWEST_AGENTS, goal_answers
from dissensus.inference.marginal import state_probabilities
from dissensus.inference.parameters import draw_prior
from scipy import stats

from .builders import CASES, counts_of_agents, density_of, make_area, make_study
from .chance import TEST_FAILURE_RATE, assert_mean
from .predicted import FOUR, GOOD, case_density, draws_of, replicated, with_counts


@pytest.mark.parametrize("case", ["groups", "follow, repeated", "luce, no goal", "survey weights"])
def test_shares_are_weighted_by_the_probability_of_the_goal(case):
    """A loop over agents gives the same shares."""
    choices, density = CASES[case](), case_density(case)
    theta = draw_prior(density.parameters, 1, np.random.default_rng(4))
    found = goal_answers(density, theta)
    rows, area = density.rows, density.area
    probability = state_probabilities(rows, evaluate_rows(density, theta)[2])[0] @ density.states.is_goal
    sums, sizes = np.zeros_like(found.observed), np.zeros_like(found.observed)
    for i, counts in enumerate(counts_of_agents(area)):
        weight = 1 if choices.fit_weight is None else rows.multiplicity[rows.row_of_agent[i]]
        weight = weight / (1 if choices.fit_weight is None else rows.agents[rows.row_of_agent[i]])
        for o, item in enumerate(area.item_of_option):
            times = counts[area.item_of_option == item].sum()
            if times:
                sums[:, o] += weight * probability[rows.row_of_agent[i]] * counts[o] / times
                sizes[:, o] += weight * probability[rows.row_of_agent[i]]
    np.testing.assert_allclose(found.observed, sums / sizes, atol=1e-9)


@pytest.mark.parametrize("settings", [{}, {"groups": ["u", "v"], "missing": 0.2}])
def test_discrepancies_have_mean_zero_and_the_stated_variance(settings):
    """At known parameters, over replicates: posterior classification uses the answers, and is allowed for."""
    choices = simulate(FOUR, 250, seed=4, truth=GOOD, **settings)
    density = density_of(choices)
    theta = draws_of(density, draws=1)
    gaps, errors = [], []
    for other in replicated(choices, density, theta[0], 300, 5):
        found = goal_answers(other, theta)
        gaps.append(found.observed - found.expected)
        errors.append(found.error)
    gaps, errors = np.array(gaps), np.array(errors)
    assert_mean(gaps, 0, slack=1e-3)
    ratio = gaps.std(axis=0) / np.sqrt(np.square(errors).mean(axis=0))
    assert ratio.max() < 1.15  # the variance may be overestimated, of rare answers of a goal, but not the other way
    assert np.median(ratio) > 0.8


def test_p_values_after_a_fit():
    """Adjusted p-values below 0.05 in at most one area in twenty."""
    alarms = 0
    for seed in range(10):
        density = density_of(simulate(FOUR, 300, seed=seed))
        found = goal_answers(density, draws_of(density, seed, 300))
        alarms += any(check.adjusted_p < 0.05 for check in goal_checks(density, found))
    assert alarms <= stats.binom.isf(TEST_FAILURE_RATE, 10, 0.05)


def test_an_item_that_goals_do_not_explain_is_found():
    """Agents of one goal give to item 1 another answer than the goal's in half of the cases: its baseline cannot."""
    choices = simulate(FOUR, 1_500, seed=1, truth=GOOD)
    counts = counts_of_agents(choices.areas[0]).copy()
    turned = np.flatnonzero((choices.truth.goals["a"] == "x").to_numpy())[::2]
    counts[turned, 3:6] = [0, 1, 0]
    density = with_counts(choices, counts)
    checks = goal_checks(density, goal_answers(density, draws_of(density, draws=300)))
    worst = min(checks, key=lambda check: check.adjusted_p)
    assert (worst.goal, worst.item, worst.state) == ("x", "a1", "caution")
    assert "goal 'x' answer" in worst.sentence
    assert worst.adjusted_p < 1e-3


def test_goals_that_hardly_anyone_holds_are_not_looked_at():
    """Of a goal of a few agents, counted by probabilities, shares say nothing."""
    truth = {"a": {"goal_share": [0.5, 0.49, 0.01], "weight_mean": 0.9, "weight_concentration": 20.0}}
    density = density_of(simulate(FOUR, 200, seed=3, truth=truth))
    found = goal_answers(density, draws_of(density))
    assert (found.agents[2] < FEWEST_AGENTS).all()
    assert np.isnan(found.p[2]).all()
    assert np.isfinite(found.p[:2]).all()
    assert {check.goal for check in goal_checks(density, found)} == {"x", "y"}


def test_nothing_with_one_goal_or_one_answer():
    """There is no goal to tell from another, or no baseline to be checked."""
    for case in ("one goal", "one answer"):
        density = case_density(case)
        assert goal_answers(density, np.zeros((2, density.size))) is None


def test_two_options_are_one_test():
    """Of a binary item both shares are mirror images, so p-values are not paid for twice."""
    density = density_of(simulate(make_study(make_area(*["x y"] * 4)), 400, seed=1))
    found = goal_answers(density, draws_of(density))
    for check in goal_checks(density, found):
        g, o = "xy".index(check.goal), 2 * int(check.item[1])
        assert check.p == pytest.approx(np.nanmin(found.p[g, o : o + 2]))
