"""The table log P(option | state): hand numbers, laws, gradient."""

from __future__ import annotations

import numpy as np
import pytest
from dissensus.inference.option_table import log_baseline, log_option_probability, make_table, pull_back
from dissensus.inference.states import make_states

from .builders import make_area, make_study
from .plain_model import choice_probability

ITEMS = ("x y xy -", "xz y z", "- - -", "x y")


def _table(*items, rule="follow", kappa=3.0, no_goal=False, weighted=True, nodes=4):
    area = make_study(make_area(*items, rule=rule, kappa=kappa, no_goal=no_goal)).areas[0]
    item_of_option = np.repeat(np.arange(len(area.items)), [len(item.serves) for item in area.items])
    states = make_states(len(area.goals), no_goal=no_goal, weighted=weighted, nodes=nodes)
    return make_table(area.serves_matrix, item_of_option, states, rule=rule, kappa=kappa), states, item_of_option


def _centred(logits, item_of_option):
    means = np.bincount(item_of_option, logits) / np.bincount(item_of_option)
    return logits - means[item_of_option]


def test_follow_by_hand():
    """Goal x, item "x y xy -": two options serve x, so each gets w/2 beside its baseline."""
    table, states, _ = _table("x y xy -")
    baseline = np.array([0.1, 0.2, 0.3, 0.4])
    p = np.exp(log_option_probability(np, table, np.log(baseline)))
    w = states.weight[1]
    np.testing.assert_allclose(p[1], w * np.array([0.5, 0, 0.5, 0]) + (1 - w) * baseline, rtol=1e-14)
    np.testing.assert_allclose(p[5], w * np.array([0, 0.5, 0.5, 0]) + (1 - w) * baseline, rtol=1e-14)


def test_luce_by_hand():
    """κ = log 9 and weight 1: an option that serves the goal is 9 times as likely, beside equal baselines."""
    table, _, _ = _table("x y -", rule="luce", kappa=np.log(9), weighted=False)
    p = np.exp(log_option_probability(np, table, np.zeros(3)))
    np.testing.assert_allclose(p, [[9 / 11, 1 / 11, 1 / 11], [1 / 11, 9 / 11, 1 / 11]], rtol=1e-14)


def test_an_option_that_serves_every_goal_says_nothing_under_luce():
    table, _, _ = _table("xy xy", rule="luce")
    p = np.exp(log_option_probability(np, table, np.array([0.7, -0.7])))
    np.testing.assert_allclose(p, np.broadcast_to(p[0], p.shape), rtol=1e-14)


@pytest.mark.parametrize("rule", ["follow", "luce"])
@pytest.mark.parametrize("no_goal", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_probabilities_of_an_item_sum_to_one_in_every_state(rule, no_goal, weighted):
    table, _, item = _table(*ITEMS, rule=rule, no_goal=no_goal, weighted=weighted)
    logits = np.random.default_rng(2).normal(0, 2, (3, len(item)))
    p = np.where(table.ignored, 0, np.exp(log_option_probability(np, table, logits)))
    total = p @ (item[:, None] == np.arange(4))
    if not table.ignored.any():
        np.testing.assert_allclose(total, 1, atol=1e-13)
    assert (total <= 1 + 1e-13).all()


@pytest.mark.parametrize("rule", ["follow", "luce"])
def test_table_equals_the_choice_rule_option_by_option(rule):
    choices = make_study(make_area(*ITEMS, rule=rule, kappa=2.0, no_goal=True))
    area = choices.areas[0]
    table, states, item = _table(*ITEMS, rule=rule, kappa=2.0, no_goal=True)
    logits = _centred(np.random.default_rng(3).normal(0, 1.5, len(item)), item)
    p = np.exp(log_option_probability(np, table, logits))

    class Plain:
        items, options, kappa, kinds, learned, passes = area.items, area.options, area.kappa, (), (), None
        serves, item_of_option = area.serves_matrix, item

    Plain.rule = rule
    for s in range(states.n_states):
        goal = int(states.goal[s]) if states.goal[s] < states.n_goals else None
        for o, j in enumerate(item):
            expected = choice_probability(Plain, int(j), o, goal, states.weight[s], logits[item == j])
            assert p[s, o] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("rule", ["follow", "luce"])
def test_items_without_the_goal_and_agents_without_a_goal_follow_the_baseline(rule):
    table, states, item = _table("x y -", "x - -", "- -", rule=rule, no_goal=True)
    logits = np.random.default_rng(4).normal(size=len(item))
    baseline = np.exp(log_baseline(np, table, logits))
    p = np.exp(log_option_probability(np, table, logits))
    np.testing.assert_allclose(p[-1], baseline, rtol=1e-13)
    nobody = item == 2
    np.testing.assert_allclose(p[:, nobody], np.broadcast_to(baseline[nobody], p[:, nobody].shape), rtol=1e-13)
    goal_y, no_option_for_y = states.goal == 1, item == 1
    np.testing.assert_allclose(
        p[np.ix_(goal_y, no_option_for_y)], np.tile(baseline[no_option_for_y], (goal_y.sum(), 1)), rtol=1e-13
    )


@pytest.mark.parametrize("rule", ["follow", "luce"])
def test_adding_a_constant_to_the_logits_of_an_item_changes_nothing(rule):
    table, _, item = _table(*ITEMS, rule=rule)
    logits = np.random.default_rng(5).normal(size=len(item))
    moved = logits + np.array([1.0, -2.0, 0.5, 3.0])[item]
    np.testing.assert_allclose(
        log_option_probability(np, table, moved), log_option_probability(np, table, logits), atol=1e-13
    )


def test_with_one_answer_an_option_that_serves_no_goal_says_nothing():
    """Weight 1 and no agents without a goal: no state explains such an answer better than another."""
    table, _, _ = _table("x y xy -", weighted=False)
    np.testing.assert_array_equal(table.ignored, [False, False, False, True])
    log_p = log_option_probability(np, table, np.zeros(4))
    np.testing.assert_allclose(np.exp(log_p[:, :3]), [[0.5, 0, 0.5], [0, 0.5, 0.5]], atol=1e-290)
    np.testing.assert_array_equal(log_p[:, 3], 0)
    assert not _table("x y xy -", weighted=False, no_goal=True)[0].ignored.any()
    assert not _table("x y xy -", weighted=False, rule="luce")[0].ignored.any()
    assert not _table("x y xy -")[0].ignored.any()


def test_with_one_answer_an_option_of_no_goal_speaks_against_the_goals_its_item_serves():
    """Where the item serves no option to goal y, only agents of that goal choose it: the answer tells goals apart."""
    table, _, _ = _table("x -", "x y -", "- -", weighted=False)
    np.testing.assert_array_equal(table.ignored, [False, False, False, False, True, False, False])
    p = np.exp(log_option_probability(np, table, np.zeros(7)))
    np.testing.assert_allclose(p[:, :2], [[1, 0], [0.5, 0.5]], atol=1e-290)
    np.testing.assert_allclose(p[:, 5:], 0.5)


@pytest.mark.parametrize("rule", ["follow", "luce"])
@pytest.mark.parametrize("kappa", [3.0, 50.0, 2000.0])
def test_table_is_finite_for_any_scale_of_the_affinity(rule, kappa):
    """κ is any positive number of the study file, so exp(κ) must not be formed."""
    table, _, item = _table(*ITEMS, rule=rule, kappa=kappa)
    log_p = log_option_probability(np, table, np.random.default_rng(6).normal(size=len(item)))
    assert np.isfinite(log_p).all()


@pytest.mark.parametrize("rule", ["follow", "luce"])
@pytest.mark.parametrize("size", [300.0, 3000.0])
def test_table_is_finite_for_extreme_baselines(rule, size):
    table, _, item = _table(*ITEMS, rule=rule)
    logits = size * _centred(np.arange(len(item)) % 2 - 0.5, item)
    log_p = log_option_probability(np, table, logits)
    assert np.isfinite(log_p).all()
    assert (log_p <= 0).all()


@pytest.mark.parametrize("rule", ["follow", "luce"])
@pytest.mark.parametrize("no_goal", [False, True])
def test_gradient_by_the_baseline(rule, no_goal):
    table, states, item = _table(*ITEMS, rule=rule, no_goal=no_goal)
    rng = np.random.default_rng(7)
    logits = rng.normal(size=(2, len(item)))
    slope = rng.normal(size=(2, states.n_states, len(item)))
    gradient, _, _ = pull_back(table, logits, log_option_probability(np, table, logits), slope)

    def value(at):
        return (slope * log_option_probability(np, table, at)).sum(axis=(1, 2))

    step = 1e-5
    for o in range(len(item)):
        shift = step * (np.arange(len(item)) == o)
        numeric = (value(logits + shift) - value(logits - shift)) / (2 * step)
        np.testing.assert_allclose(gradient[:, o], numeric, atol=1e-7)
