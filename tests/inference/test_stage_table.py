"""Choices from sets that differ: laws of rankings, gradients by hand, and scores found again."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from dissensus.inference import ranking_checks
from dissensus.inference.calibration_truth import true_theta
from dissensus.inference.density import row_log_likelihood
from dissensus.inference.identification import share_information
from dissensus.inference.ranking_checks import ranking_check
from dissensus.inference.result import choices_of

from dissensus import datasets, inference

from .builders import density_of, make_area, make_choices, make_study, of_kind, points_of
from .maximum_likelihood import maximum_likelihood


def _ranked(area, orders, **more):
    return make_choices(make_study(of_kind(area, "ranking")), {"a0": orders}, **more)


@pytest.mark.parametrize("no_goal", [False, True])
def test_probabilities_of_all_rankings_sum_to_one(no_goal):
    """24 agents give every ranking of four objects once."""
    every = np.array(list(itertools.permutations(range(4))))[:, :3]
    density = density_of(_ranked(make_area("x y xy -", no_goal=no_goal), every))
    for theta in points_of(density).values():
        p = np.exp(row_log_likelihood(density, theta[None])[0])
        assert p[density.rows.row_of_agent].sum() == pytest.approx(1, abs=1e-12)


def test_probabilities_of_all_best_and_worst_sum_to_one():
    every = np.array(list(itertools.permutations(range(4), 2)))
    choices = make_choices(make_study(of_kind(make_area("x y xy -"), "best_worst")), {"a0": every})
    density = density_of(choices)
    for theta in points_of(density).values():
        p = np.exp(row_log_likelihood(density, theta[None])[0])
        assert p[density.rows.row_of_agent].sum() == pytest.approx(1, abs=1e-12)


def test_a_shorter_ranking_is_the_sum_of_the_longer_ones():
    """P(x first, then y) = Σ over the third place, whatever the goals."""
    longer = np.array([[0, 1, 2], [0, 1, 3], [0, 1, -1]])
    density = density_of(_ranked(make_area("x y xy -"), longer))
    for theta in points_of(density).values():
        a, b, both = np.exp(row_log_likelihood(density, theta[None])[0])[density.rows.row_of_agent]
        assert a + b == pytest.approx(both, rel=1e-12)


def test_with_one_goal_that_serves_nothing_it_is_plackett_and_luce():
    orders = np.array([[0, 1, 2], [2, 0, 3], [3, -1, -1], [1, 2, -1]])
    area = make_area("- - - -")
    area["settings"]["goals"] = ["x"]
    density = density_of(_ranked(area, orders))
    theta = points_of(density)["prior"]
    b = np.array(theta[density.parameters.slices["baseline"]] @ density.parameters.baseline_basis.T)
    expected = []
    for order in orders:
        left, total = list(range(4)), 0.0
        for option in order[order >= 0]:
            total += b[option] - np.log(np.exp(b[left]).sum())
            left.remove(option)
        expected.append(total)
    found = row_log_likelihood(density, theta[None])[0][density.rows.row_of_agent]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_two_objects_are_one_choice():
    """A ranking of two objects is the answer to a question of two options, at face value."""
    ranked = density_of(_ranked(make_area("x y", rule="luce"), np.array([[0], [1], [1]])))
    asked = density_of(make_choices(make_study(make_area("x y", rule="luce")), {"a0": [0, 1, 1]}))
    assert ranked.size == asked.size == 1
    assert not ranked.table.stages
    theta = np.array([[0.3]])
    np.testing.assert_array_equal(row_log_likelihood(ranked, theta), row_log_likelihood(asked, theta))


def test_shuffling_rows_and_objects_changes_nothing():
    rng = np.random.default_rng(1)
    orders = np.argsort(rng.random((30, 4)), axis=1)[:, :3]
    density = density_of(_ranked(make_area("x y xy -"), orders))
    theta = points_of(density)["prior"]
    own = row_log_likelihood(density, theta[None])[0][density.rows.row_of_agent]
    shuffled = rng.permutation(30)
    again = density_of(_ranked(make_area("x y xy -"), orders[shuffled]))
    np.testing.assert_allclose(
        row_log_likelihood(again, theta[None])[0][again.rows.row_of_agent], own[shuffled], atol=1e-12
    )
    new = np.array([3, 1, 0, 2])  # object k stands at place new[k]
    moved = density_of(_ranked(make_area("xy y - x"), new[orders]))
    at = density.parameters.slices["baseline"]
    logits = np.empty(4)
    logits[new] = density.parameters.baseline_basis @ theta[at]
    other = theta.copy()
    other[at] = moved.parameters.baseline_basis.T @ logits
    np.testing.assert_allclose(row_log_likelihood(moved, other[None])[0][moved.rows.row_of_agent], own, atol=1e-12)


def test_agents_with_equal_rankings_share_a_row():
    orders = np.array([[0, 1, 2]] * 50 + [[0, 2, 1]] * 30)
    density = density_of(_ranked(make_area("x y - -"), orders))
    assert density.rows.n_rows == 2
    assert sorted(density.rows.agents) == [30, 50]


def _simulated(n, seed, **truth):
    study = make_study(
        of_kind(make_area("x y z -", "- z x y", "y - z x"), "ranking", "ranking", "best_worst"),
    )
    return datasets.simulate(study, n, seed=seed, truth={"a": truth})


def test_rankings_tell_more_than_their_first_choices():
    choices = _simulated(500, 2)
    area = choices.areas[0]
    less = replace(choices, areas=(replace(area, stages=()),))
    full, first = (share_information(density_of(c)) for c in (choices, less))
    assert full.worst < 0.8 * first.worst


def test_later_places_of_the_model_pass():
    """P-values at the true parameters are no smaller than chance makes them, in 60 tables."""
    p = []
    for seed in range(60):
        choices = _simulated(150, seed)
        check = ranking_check(density_of(choices), true_theta(density_of(choices), choices)[None])
        p.append(check.value)
    assert np.mean(np.array(p) < 0.2) < 0.2 + 5 * np.sqrt(0.2 * 0.8 / 60)
    assert np.min(p) > 1e-4


def test_expected_later_places_are_those_of_simulated_rankings():
    """Mean and variance of the difference at the true parameters: 0, and what the martingale says."""
    gaps = []
    for seed in range(200):
        truth = {"goal_share": [0.5, 0.3, 0.2], "weight_mean": 0.7, "weight_concentration": 5.0}
        choices = _simulated(40, seed, **truth, baseline=[0.4, 0.3, 0.2, 0.1] * 2 + [0.25] * 4)
        density = density_of(choices)
        stages, table = density.area.stages[0], density.table.stages[0]
        steps = ranking_checks._steps(stages, len(density.area.counts), 4, any_place=False)
        found = ranking_checks._moments(density, stages, table, true_theta(density, choices)[None], np.arange(4), steps)
        agents = density.area.n_agents_of_pattern
        picked = stages.shown[np.arange(len(stages.chosen)), stages.chosen][stages.stage]
        seen = np.bincount(picked, stages.times * agents[stages.pattern], 4)
        gaps.append((seen - found[0]) / np.sqrt(found[1]))
    gaps = np.array(gaps)
    assert (np.abs(gaps.mean(axis=0)) < 4 / np.sqrt(200)).all()
    assert (np.abs(gaps.std(axis=0) - 1) < 4 / np.sqrt(400)).all()


def test_rankings_from_the_worst_up_are_found():
    """Agents strike out the worst by choices of the reciprocal; one in three then puts an option elsewhere."""
    rng = np.random.default_rng(7)
    strength = np.array([3.0, 2.5, 0.0, -3.0])
    noisy = -strength + rng.gumbel(size=(1_500, 4))
    orders = np.argsort(-noisy, axis=1)[:, ::-1][:, :3]
    choices = _ranked(make_area("- - - -", goals=["x"]), orders)
    density = density_of(choices)
    _, logits, _ = maximum_likelihood(density)
    theta = np.zeros((1, density.size))
    theta[0, density.parameters.slices["baseline"]] = density.parameters.baseline_basis.T @ logits
    check = ranking_check(density, theta)
    assert check.state != "ok"
    assert "given what was left" in check.message


def test_scores_are_found_again(tmp_path):
    """3,000 agents rank four objects twice and name a best and a worst; the true contention and misalignment."""
    truth = {"goal_share": [0.5, 0.3, 0.2], "weight_mean": 0.6, "weight_concentration": 6.0}
    choices = _simulated(3_000, 3, **truth)
    fit = inference.fit(choices, seed=1)
    rows = inference.summarize(fit).query("estimand == 'sample' and area == 'a'").set_index("score")
    goals, weights = choices.truth.goals["a"].to_numpy(), choices.truth.weights["a"].to_numpy()
    root = np.array([np.sqrt(weights[goals == g]).sum() for g in "xyz"])
    shares = np.array([(goals == g).mean() for g in "xyz"])
    n = len(goals)
    true = {
        "contention": (1 - np.square(shares).sum()) * n / (n - 1),
        "misalignment": (root.sum() ** 2 - np.square(root).sum()) / (n * (n - 1)),
    }
    for score, value in true.items():
        row = rows.loc[score]
        assert row["lower"] < value < row["upper"]
        assert row["upper"] - row["lower"] < 0.25
    inference.save(fit, tmp_path / "r.nc")
    again = choices_of(inference.load(tmp_path / "r.nc"))
    for one, other in zip(choices.areas[0].stages, again.areas[0].stages, strict=True):
        for name, value in vars(one).items():
            np.testing.assert_array_equal(getattr(other, name), value)
