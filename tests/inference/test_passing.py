"""Passing as evidence: hand numbers, laws, and what it does to a fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from dissensus.inference.density import value_and_gradient
from dissensus.inference.identification import score_vectors
from dissensus.inference.marginal import state_probabilities
from dissensus.inference.observed import observed_conflict
from dissensus.inference.option_table import log_baseline, log_option_probability, make_table, pull_back_passing
from dissensus.inference.states import make_states

from dissensus import datasets, inference

from .builders import CASES, density_of, make_area, make_choices, make_study, of_kind

SERVES = np.array([[1, 0, 0, 1, 0, 0], [0, 1, 0, 0, 1, 0]], dtype=bool)
ITEM = np.array([0, 0, 0, 1, 1, 1])
PASSES = np.array([False, False, True, False, False, True])


def _table(means, *, passes=PASSES, rule="follow"):
    states = make_states(2, no_goal=True, weighted=True, nodes=5)
    table = make_table(SERVES, ITEM, states, rule=rule, kappa=3.0, passes=passes, passing_means=means)
    return table, states


@pytest.mark.parametrize("rule", ["follow", "luce"])
@pytest.mark.parametrize("means", ["low_weight", "no_goal"])
def test_an_agent_passes_or_answers_as_it_would_anyway(means, rule):
    table, states = _table(means, rule=rule)
    logits = np.array([0.4, -0.4, 9.0, 0.1, -0.1, -9.0])
    passing = np.array([-1.0, 0.5, 2.5])
    p = np.exp(log_option_probability(np, table, logits, passing=passing))
    cares = states.weight if means == "low_weight" else np.where(states.goal < 2, 1.0, 0.0)
    expected = 1 / (1 + np.exp(-(passing[:2] - 2.5 * (cares[:, None] - 0.5))))
    np.testing.assert_allclose(p[:, PASSES], expected, rtol=1e-13)
    alone = make_table(SERVES[:, ~PASSES], ITEM[~PASSES], states, rule=rule, kappa=3.0)
    answers = np.exp(log_option_probability(np, alone, logits[~PASSES]))
    np.testing.assert_allclose(p[:, ~PASSES], answers * (1 - expected[:, [0, 0, 1, 1]]), rtol=1e-13)
    np.testing.assert_allclose(p[:, :3].sum(axis=1), 1, rtol=1e-13)
    np.testing.assert_allclose(np.exp(log_baseline(np, table, logits))[:2].sum(), 1, rtol=1e-13)


def test_the_more_an_agent_cares_the_less_it_passes():
    table, states = _table("low_weight")
    log_p = log_option_probability(np, table, np.zeros(6), passing=np.array([0.3, -3.0, 1.7]))
    order = np.argsort(states.weight[:5])
    assert (np.diff(log_p[:5][order][:, PASSES], axis=0) < 0).all()


def test_far_out_nothing_overflows():
    table, _ = _table("low_weight")
    for far in (-800.0, 800.0):
        passing = np.array([far, -far, 300.0])
        log_p = log_option_probability(np, table, np.zeros(6), passing=passing)
        assert np.isfinite(log_p).all()
        assert np.isfinite(pull_back_passing(table, log_p, np.ones_like(log_p), passing)).all()


@pytest.mark.parametrize("case", ["passing", "passing without a goal, luce, repeated, groups"])
def test_scores_of_agents_sum_to_the_gradient(case):
    """The information before a fit is made of them."""
    density = density_of(CASES[case]())
    theta = 0.4 * np.random.default_rng(1).standard_normal(density.size)
    rows = density.rows
    each = score_vectors(density, theta, density.area.counts[rows.pattern].astype(float), rows.group)
    without = replace(density, rows=replace(rows, multiplicity=np.zeros(rows.n_rows)))
    likelihood = value_and_gradient(density, theta[None])[1] - value_and_gradient(without, theta[None])[1]
    np.testing.assert_allclose(rows.multiplicity @ each, likelihood[0], atol=1e-10)


def test_whoever_passes_has_the_lower_weight_and_no_observed_conflict():
    study = make_study(make_area("x y", "y x", "x y", abstain={"codes": ["p"], "means": "low_weight"}))
    answers = {"a0": [0, 1, 2, 0, 1, -1], "a1": [1, 0, 2, 1, 0, -1], "a2": [0, 1, 2, 1, 1, 2]}
    choices = make_choices(study, answers)
    density = density_of(choices)
    parts = inference.density.evaluate_rows(density, np.zeros((1, density.size)))[2]
    weight = (state_probabilities(density.rows, parts)[0] @ density.states.weight)[density.rows.row_of_agent]
    assert weight[2] < weight[5] < weight[0]
    alone = make_choices(study, {name: np.where(np.array(own) == 2, -1, own) for name, own in answers.items()})
    seen, bare = (observed_conflict(c, replicates=2, seed=1).estimate for c in (choices, alone))
    np.testing.assert_array_equal(seen, bare)


@pytest.fixture(scope="module")
def passing():
    study = make_study(
        of_kind(
            make_area("x y", "y x -", "x y -", "x - y", abstain={"codes": ["p"], "means": "low_weight"}),
            *("choice", "choice", "choice", "ordinal"),
        )
    )
    truth = {"a": {"weight_mean": 0.5, "weight_concentration": 2.0, "pass_share": [0.15, 0.1, 0.2, 0.1],
                   "pass_scale": 5.0, "goal_share": [0.4, 0.6]}}  # fmt: skip
    choices = datasets.simulate(study, 800, seed=5, truth=truth, groups=("g", "h"))
    return choices, inference.fit(choices, seed=1, draws=400)


def test_what_was_simulated_is_recovered(passing):
    choices, fit = passing
    posterior, true = fit["posterior"].to_dataset(), choices.truth.parameters["a"]
    for name in ("pass_share", "pass_scale"):
        draws = posterior[name].values.reshape(-1, *posterior[name].shape[2:])
        wrong = (draws.mean(axis=0) - true[name]) / draws.std(axis=0)
        assert (np.abs(wrong) < 3.5).all()
    assert list(posterior["passed_item"].values) == ["a0", "a1", "a2", "a3"]
    rows = inference.summarize(fit).query("area == 'a' and estimand == 'population' and group.isnull()")
    rows = rows.set_index("score")
    mean = rows.loc["misalignment"]
    scores = inference.calibration_truth.true_scores(choices)["population"]["overall"]
    assert abs(mean["mean"] - scores["misalignment"][0]) < 3.5 * mean["sd"]


def test_the_result_says_how_passing_is_read(passing):
    notes = passing[1].attrs["notes"]
    assert "is read as evidence of a lower weight" in notes
    assert not [name for name in passing[1].attrs["notes"].splitlines() if "stated importance" in name]


def test_checks_find_nothing_wrong_with_sound_data(passing):
    found = inference.check(passing[1]).set_index("name")
    predictive = ["option-shares", "item-pairs", "hang-together", "pair-agreement", "goal-answers", "same-answers"]
    assert (found.loc[predictive, "state"] == "ok").all()
