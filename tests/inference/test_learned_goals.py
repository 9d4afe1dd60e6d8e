"""Learned goals: numbering, behavioural conflict, recovery, and the same numbers whatever the seed."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest
from dissensus.inference.annealing import annealed_draws
from dissensus.inference.area_scores import exported_quantities, population_scores
from dissensus.inference.calibration_truth import true_conflict, true_log_likelihood, true_scores, true_theta
from dissensus.inference.density import log_density, row_log_likelihood
from dissensus.inference.importance import effective_draws, importance_draws
from dissensus.inference.learned_conflict import behavioural_conflict
from dissensus.inference.learned_goals import (
    exchangeable,
    goal_answers,
    has_labels_of_pivot,
    is_symmetric,
    numberings,
    relabel,
    with_pivot,
)
from dissensus.inference.mode import find_modes
from dissensus.inference.parameters import constrain, draw_prior, permute_goals

from dissensus import datasets, inference
from dissensus.errors import InputError

from .builders import CASES, density_of, learned, make_area, make_study

LEARNED = [case for case in CASES if case.startswith("learned")]


@pytest.mark.parametrize("case", LEARNED)
def test_renumbered_goals_are_the_same_model(case):
    density = density_of(CASES[case]())
    theta = draw_prior(density.parameters, 3, np.random.default_rng(1))
    if not is_symmetric(density.area):
        assert density.area.serves.any()
        return
    for order in numberings(density.area):
        moved = permute_goals(density.parameters, theta, np.repeat(order[None], 3, axis=0))
        np.testing.assert_allclose(log_density(density, moved), log_density(density, theta), atol=1e-9)
        before, after = (constrain(density.parameters, t, density.n_options) for t in (theta, moved))
        np.testing.assert_allclose(after.share[:, : len(order)], before.share[:, order], atol=1e-12)
        np.testing.assert_allclose(after.affinity, before.affinity[:, order], atol=1e-12)
        for name in ("contention", "misalignment"):
            ours, theirs = (getattr(population_scores(density, t).overall, name) for t in (theta, moved))
            np.testing.assert_allclose(theirs, ours, atol=1e-12)


@pytest.mark.parametrize("goals", [3, 7])
def test_relabelling_finds_the_numbering_of_the_pivot(goals):
    """Seven goals have 5,040 numberings: the assignment problem takes the place of trying all."""
    density = density_of(_simulated(goals))
    theta = draw_prior(density.parameters, 20, np.random.default_rng(2))
    pivot = goal_answers(density, theta[:1])[0]
    rng = np.random.default_rng(3)
    order = np.stack([rng.permutation(goals) for _ in range(20)])
    shuffled = permute_goals(density.parameters, np.repeat(theta[:1], 20, axis=0), order)
    np.testing.assert_allclose(relabel(density, shuffled, pivot), np.repeat(theta[:1], 20, axis=0), atol=1e-12)
    once = relabel(density, theta, pivot)
    np.testing.assert_array_equal(relabel(density, once, pivot), once)
    pivoted = with_pivot(density, theta[0])
    assert has_labels_of_pivot(pivoted, once).all()
    if goals == 3:  # against trying every numbering
        aim = np.sqrt(pivot)
        for vector in theta:
            answers = np.sqrt(goal_answers(density, vector[None])[0])
            best = min(itertools.permutations(range(3)), key=lambda o: np.square(answers[list(o)] - aim).sum())
            expected = permute_goals(density.parameters, vector[None], np.array([best]))
            np.testing.assert_allclose(relabel(density, vector[None], pivot), expected, atol=1e-12)


def test_goals_that_anchors_tell_apart_are_never_exchanged():
    density = density_of(CASES["learned, anchored, groups"]())
    assert exchangeable(density.area) == ((0,), (1,), (2,))
    area = make_area("x - -", "- - -", "- -", "- - -", goals=["x", "y", "z"], learned=True, conflict=1.0)
    half = density_of(datasets.simulate(make_study(area), 20, seed=1))
    assert exchangeable(half.area) == ((0,), (1, 2))
    assert [tuple(order) for order in numberings(half.area)] == [(0, 1, 2), (0, 2, 1)]


def test_behavioural_conflict_is_the_mean_total_variation():
    density = density_of(CASES["learned, scale, comparisons, importance"]())
    theta = draw_prior(density.parameters, 4, np.random.default_rng(1))
    answers, area = goal_answers(density, theta), density.area
    np.testing.assert_allclose(answers.sum(axis=2), len(area.items), atol=1e-12)
    for d in range(4):
        apart = [
            0.5 * np.abs(answers[d, 0, area.item_of_option == j] - answers[d, 1, area.item_of_option == j]).sum()
            for j in range(len(area.items))
            if area.kinds[j] != "importance"
        ]
        conflict = behavioural_conflict(density, theta)[d]
        assert conflict[0, 1] == conflict[1, 0] == pytest.approx(np.mean(apart), abs=1e-14)
        assert conflict[0, 0] == 0


@functools.cache
def _simulated(goals, n=400, *, items=6, **settings):
    study = make_study(learned(make_area(*["- - -"] * items), goals, conflict="behavioural", **settings))
    share = np.arange(2, goals + 2) / sum(range(2, goals + 2))
    return datasets.simulate(study, n, seed=5, truth={"a": {"goal_share": share}})


@pytest.mark.parametrize("settings", [{}, {"weights": "free"}, {"weights": "free", "rule": "luce"}])
def test_truth_of_a_simulation_is_a_point_of_the_model(settings):
    choices = _simulated(2, 60, **settings)
    density = density_of(choices)
    theta = true_theta(density, choices)
    rows = row_log_likelihood(density, theta[None])[0]
    expected = true_log_likelihood(density, choices, choices.study)
    assert rows @ density.rows.multiplicity == pytest.approx(expected, abs=1e-8)
    np.testing.assert_allclose(
        behavioural_conflict(density, theta[None])[0], true_conflict(choices, choices.areas[0]), atol=1e-12
    )


@functools.cache
def _fitted(seed):
    return inference.fit(_simulated(2), seed=seed)


def test_goals_shares_and_scores_are_recovered():
    choices, fit = _simulated(2), _fitted(1)
    truth, true = choices.truth, true_scores(choices)
    order = np.argsort(-truth.parameters["a"]["goal_share"])
    posterior = fit["posterior"]
    share = posterior["goal_share"].values.reshape(-1, 2)
    real = truth.parameters["a"]["goal_share"][order]
    assert (np.abs(share.mean(axis=0) - real) < 4 * share.std(axis=0)).all()
    odds = np.exp(truth.parameters["a"]["affinity"][order]).reshape(2, 6, 3)
    expected = (odds / odds.sum(axis=2, keepdims=True)).reshape(2, 18)
    answers = posterior["goal_answer"].values.reshape(-1, 2, 18)
    assert (np.abs(answers.mean(axis=0) - expected) < 4.5 * answers.std(axis=0)).all()
    for estimand in ("sample", "population"):
        draws = inference.scores(fit, estimand=estimand, allow_unreliable=True)["contention"].values
        real = float(true[estimand]["overall"]["contention"][0])
        assert abs(draws.mean() - real) < 4 * draws.std()
    probability = fit["agents"]["goal_probability"].values
    names = np.array([f"goal {k + 1}" for k in order])
    right = names[probability.argmax(axis=1)] == truth.goals["a"].to_numpy()
    expected = probability.max(axis=1)  # as often right as it says
    assert abs(right.sum() - expected.sum()) < 4 * np.sqrt((expected * (1 - expected)).sum())


def test_another_seed_gives_the_same_numbers():
    """Within four combined Monte Carlo errors, goal by goal: labels do not switch."""
    one, two = (inference.goals(_fitted(seed), allow_unreliable=True) for seed in (1, 2))
    effective = 400
    error = np.sqrt((one["sd"] ** 2 + two["sd"] ** 2) / effective)
    assert (np.abs(one["mean"] - two["mean"]) <= 4 * error + 1e-9).all()
    np.testing.assert_allclose(one["share"], two["share"], atol=0.01)


def test_annealed_draws_are_those_of_the_proposal():
    """Two routes to one posterior: sequential Monte Carlo from the prior, and weighted draws about the mode."""
    density = density_of(_simulated(2, 200, items=4))
    modes = find_modes(density, np.random.default_rng(1))
    density = with_pivot(density, modes[0].theta)

    def exported(theta):
        return exported_quantities(density, theta)

    one = importance_draws(density, modes, np.random.default_rng(2), draws=4_000, exported=exported)
    two = annealed_draws(density, np.random.default_rng(3), exported=exported, populations=8)
    assert one.accepted
    moments = []
    for found in (one, two):
        weight, values = np.exp(found.log_weight), exported(found.theta)
        mean = weight @ values
        sd = np.sqrt(weight @ np.square(values - mean))
        effective = np.array([effective_draws(found, column) for column in values.T])
        moments.append((mean, sd, sd / np.sqrt(effective)))
    (mean, sd, error), (other, other_sd, other_error) = moments
    # Eight populations know their error to a quarter: t with 7 degrees of freedom at 1e-4 over 40 quantities.
    assert (np.abs(mean - other) <= 8 * np.hypot(error, other_error) + 1e-9).all()
    np.testing.assert_allclose(other_sd, sd, rtol=0.25)


def test_annealed_draws_do_not_depend_on_the_number_of_cores(monkeypatch):
    density = density_of(_simulated(2, 40, items=3))
    density = with_pivot(density, find_modes(density, np.random.default_rng(1))[0].theta)

    def draws():
        return annealed_draws(density, np.random.default_rng(3), exported=lambda t: t[:, :1], populations=8).theta

    both = draws()
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    np.testing.assert_array_equal(draws(), both)


def test_goals_of_a_result_with_given_goals_are_an_error():
    fit = inference.fit(datasets.simulate(make_study(make_area("x y", "x y", "y x")), 60, seed=1), seed=1)
    with pytest.raises(InputError, match="No area of this result has learned goals"):
        inference.goals(fit, allow_unreliable=True)


def test_observed_conflict_of_learned_goals_does_not_exist():
    frame = inference.summarize(_fitted(1), allow_unreliable=True)
    rows = frame[frame["score"] == "observed_conflict"]
    assert rows["mean"].isna().all()
    assert all("which goal an answer serves is not given" in row[0] for row in rows["reasons"])
    rows = frame[frame["score"] == "misalignment"]
    assert all("latent classes" in row[0] for row in rows["reasons"])


def test_choose_goals_finds_the_number_and_averages():
    frame = inference.choose_goals(_simulated(2), [2, 1], seed=1)
    assert list(frame.index) == [1, 2, "averaged"]
    assert frame["elpd"].idxmax() == 2
    assert frame.loc[1, "elpd_diff"] < -2 * frame.loc[1, "dse"]
    assert frame.loc[1, "contention"] == 0
    weights = frame["weight"].iloc[:2]
    assert weights.sum() == pytest.approx(1, abs=1e-6)
    mean = float((weights * frame["contention"].iloc[:2]).sum())
    assert frame.loc["averaged", "contention"] == pytest.approx(mean, abs=0.01)
    assert frame.attrs["left_out"] == []


def test_choose_goals_needs_learned_goals():
    choices = datasets.simulate(make_study(make_area("x y", "x y", "y x")), 60, seed=1)
    with pytest.raises(InputError, match="0 areas have learned goals"):
        inference.choose_goals(choices)
    with pytest.raises(InputError, match="given goals"):
        inference.choose_goals(choices, area="a")
    with pytest.raises(InputError, match="can tell apart"):
        inference.choose_goals(_simulated(2), [30])
