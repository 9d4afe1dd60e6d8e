"""Scores of one area: hand numbers, and sample against population."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from dissensus.forward_model.pair_sums import totals_scores
from dissensus.inference.area_scores import (
    area_scores,
    padded_conflict,
    population_scores,
    population_totals,
    prior_shares,
)
from dissensus.inference.parameters import draw_prior

from .builders import CASES, density_of, make_area, make_choices, make_study, random_answers
from .chance import assert_mean


def _silent(n=9, *, groups=False, **settings):
    """Return the density of an area in which nobody answered: its sample is drawn from the prior over states."""
    study = make_study(make_area("x y z", "z x y", **settings), make_area("x y", name="b"))
    answers = random_answers(study, n, seed=1)
    more = {"groups": ("g", "h"), "group_of_agent": np.arange(n) % 3 // 2} if groups else {}
    density = density_of(make_choices(study, answers, **more))
    rows = density.rows
    area = replace(density.area, counts=np.zeros_like(density.area.counts))
    return replace(density, area=area, rows=replace(rows, first=0 * rows.first, second=0 * rows.second))


def test_equal_shares_of_three_goals_by_hand():
    """Contention 1 − 1/3; misalignment that times (E√w)²; relative misalignment as contention."""
    density = density_of(CASES["follow"]())
    theta = np.zeros((1, density.size))
    scores = population_scores(density, theta)
    _, root = population_totals(density, theta)
    mean_root = root[0, 0].sum()
    assert 0.6 < mean_root < 0.72  # the weights are Beta(1.5, 1.5): E√w = 0.679
    assert scores.overall.contention[0] == pytest.approx(2 / 3)
    assert scores.overall.misalignment[0] == pytest.approx(2 / 3 * mean_root**2)
    assert scores.overall.relative_misalignment[0] == pytest.approx(2 / 3)
    assert scores.overall.pair_weight[0] == pytest.approx(mean_root**2)


def test_mean_root_weight_is_that_of_the_beta():
    from scipy.special import betaln

    density = density_of(CASES["follow"]())
    theta = np.zeros((1, density.size))
    theta[0, density.parameters.slices["mean"]] = np.log(3)  # m = 0.75
    theta[0, density.parameters.slices["conc"]] = np.log(4)
    _, root = population_totals(density, theta)
    assert root[0, 0].sum() == pytest.approx(np.exp(betaln(4.5, 2) - betaln(4, 2)), abs=1e-3)


def test_no_goal_dilutes_contention_and_not_relative_misalignment():
    """Shares 0.3, 0.3, 0.4 without a goal: contention 2·0.09, relative misalignment 1/2."""
    study = make_study(make_area("x y", "y x", no_goal=True))
    density = density_of(make_choices(study, random_answers(study, 6, seed=2)))
    theta = np.zeros((1, density.size))
    logits = np.log([0.3, 0.3, 0.4])
    theta[0, density.parameters.slices["share"]] = (logits - logits.mean())[:-1]
    scores = population_scores(density, theta).overall
    assert scores.contention[0] == pytest.approx(0.18)
    assert scores.relative_misalignment[0] == pytest.approx(0.5)
    conflict = padded_conflict(density, theta)
    np.testing.assert_array_equal(conflict, [[0, 1, 0], [1, 0, 0], [0, 0, 0]])


def test_between_and_within_groups_by_hand():
    """One group holds x alone, the other y alone: no contention within, full contention between, 2φ(1 − φ) overall."""
    study = make_study(make_area("x y", "y x"))
    answers = random_answers(study, 10, seed=3)
    group = [0] * 7 + [1] * 3
    density = density_of(make_choices(study, answers, groups=("g", "h"), group_of_agent=group))
    theta = np.zeros((1, density.size))
    theta[0, density.parameters.slices["share_dev"]] = [100.0, -100.0]
    for shares, phi in ((None, 0.7), (np.array([0.2, 0.8]), 0.2)):
        scores = population_scores(density, theta, shares=shares)
        np.testing.assert_allclose(scores.groups.contention[0], [[0, 1], [1, 0]], atol=1e-12)
        np.testing.assert_allclose(scores.groups.relative_misalignment[0], [[0, 1], [1, 0]], atol=1e-12)
        assert scores.overall.contention[0] == pytest.approx(2 * phi * (1 - phi))


def test_group_shares_follow_the_survey_weights():
    choices = CASES["survey weights"]()
    shares = prior_shares(density_of(choices))
    weight = choices.survey_weight
    np.testing.assert_allclose(shares, [weight[::2].sum() / weight.sum(), weight[1::2].sum() / weight.sum()])


@pytest.mark.parametrize("rule", ["follow", "luce"])
@pytest.mark.parametrize("no_goal", [False, True])
@pytest.mark.parametrize("case", ["follow", "groups", "four goals"])
def test_population_scores_lie_between_zero_and_one(case, rule, no_goal):
    density = density_of(CASES[case]())
    theta = draw_prior(density.parameters, 200, np.random.default_rng(4))
    scores = population_scores(density, theta)
    for part in (scores.overall, scores.groups):
        for score in part:
            assert (score >= 0).all()
            assert (score <= 1 + 1e-12).all()
        np.testing.assert_allclose(part.misalignment, part.relative_misalignment * part.pair_weight)
    groups = scores.groups.contention
    np.testing.assert_allclose(groups, groups.swapaxes(1, 2))


@pytest.mark.parametrize("settings", [{}, {"no_goal": True}, {"conflict": {"x|y": 1.0, "x|z": 0.2, "y|z": 0.5}}])
def test_without_answers_the_sample_is_the_population_on_average(settings):
    """Agents drawn independently: the mean over pairs without replacement has the mean over pairs with replacement."""
    density = _silent(groups=True, **settings)
    theta = np.tile(draw_prior(density.parameters, 1, np.random.default_rng(5)), (8000, 1))
    scores = area_scores(density, theta, np.random.default_rng(6))
    for name in ("contention", "misalignment", "pair_weight"):
        population = getattr(scores.population.groups, name)[0]
        assert_mean(getattr(scores.sample.groups, name), population)


def test_scores_of_a_large_sample_are_those_of_the_population():
    """Two million agents whose states follow the prior exactly."""
    density = density_of(CASES["groups"]())
    theta = draw_prior(density.parameters, 20, np.random.default_rng(7))
    share, root = population_totals(density, theta)
    size = 2e6 * prior_shares(density)[:, None]
    sample = totals_scores(size * share, size * root, size * root, padded_conflict(density, theta))
    population = population_scores(density, theta)
    for one, other in ((sample.overall, population.overall), (sample.groups, population.groups)):
        np.testing.assert_allclose(one.contention, other.contention, atol=1e-5)
        np.testing.assert_allclose(one.misalignment, other.misalignment, atol=1e-5)
        np.testing.assert_allclose(one.relative_misalignment, other.relative_misalignment, atol=1e-5)


def test_one_goal_scores_nothing():
    density = density_of(CASES["one goal"]())
    scores = area_scores(density, draw_prior(density.parameters, 5, np.random.default_rng(8)), np.random.default_rng(9))
    for part in (scores.sample.overall, scores.population.overall):
        np.testing.assert_array_equal(part.contention, 0)
        np.testing.assert_array_equal(part.misalignment, 0)
        np.testing.assert_array_equal(part.relative_misalignment, 0)
