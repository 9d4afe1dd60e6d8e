"""Ordered scales, stated importance and comparisons in the table log P(option | state): hand numbers and laws."""

from __future__ import annotations

import numpy as np
import pytest
from dissensus.forward_model import importance_probability, luce_probability, ordinal_probability, pairwise_affinity
from dissensus.inference.option_table import log_option_probability, make_table, pull_back
from dissensus.inference.states import make_states
from scipy.special import expit, logit

SERVES = {
    "ends": [[0, 0, 0, 1], [1, 0, 0, 0]],
    "middle": [[0, 1, 1, 0, 0], [0, 0, 0, 0, 1]],
    "none": [[0, 0, 0], [0, 0, 0]],
}


def _table(serves, kind, *, kappa=3.0, no_goal=True, face_value=False):
    serves = np.array(serves, dtype=bool)
    states = make_states(len(serves), no_goal=no_goal, weighted=True, nodes=6)
    item = np.zeros(serves.shape[1], dtype=np.int64)
    table = make_table(serves, item, states, rule="follow", kappa=kappa, kinds=(kind,), face_value=face_value)
    return table, states


def _probability(table, baseline, scale=None):
    scale = None if scale is None else np.array([scale])
    return np.exp(log_option_probability(np, table, np.log(baseline), scale))


@pytest.mark.parametrize("name", SERVES)
def test_an_ordered_scale_is_that_of_the_forward_model(name):
    table, states = _table(SERVES[name], "ordinal")
    baseline = np.random.default_rng(1).dirichlet(np.ones(len(SERVES[name][0])))
    goal = np.where(states.goal < 2, states.goal, -1)
    expected = ordinal_probability(
        SERVES[name], np.zeros(len(baseline), dtype=int), baseline, states.weight, 3.0, goal=goal
    )
    np.testing.assert_allclose(_probability(table, baseline), expected, rtol=1e-11)
    np.testing.assert_allclose(expected.sum(axis=1), 1, rtol=1e-12)


def test_by_hand():
    """Baseline 0.2, 0.3, 0.5, goal at the top: at most 1 has log odds log(2/8) − 3w, at most 2 has −3w."""
    table, states = _table([[0, 0, 1]], "ordinal", no_goal=False)
    p = _probability(table, np.array([0.2, 0.3, 0.5]))
    first, second = expit(logit(0.2) - 3 * states.weight), expit(0 - 3 * states.weight)
    np.testing.assert_allclose(p, np.stack([first, second - first, 1 - second], axis=1), rtol=1e-12)


def test_two_levels_at_the_ends_are_a_choice_by_luce():
    table, states = _table([[0, 1], [1, 0]], "ordinal")
    baseline = np.array([0.3, 0.7])
    goal = np.where(states.goal < 2, states.goal, -1)
    luce = luce_probability([[0, 1], [1, 0]], [0, 0], baseline, states.weight, 3.0, goal=goal)
    np.testing.assert_allclose(_probability(table, baseline), luce, rtol=1e-12)


@pytest.mark.parametrize("name", ["ends", "middle"])
def test_levels_that_serve_the_goal_grow_with_the_weight_and_the_extremes_shrink(name):
    table, states = _table(SERVES[name], "ordinal")
    p = _probability(table, np.random.default_rng(2).dirichlet(np.ones(len(SERVES[name][0]))))
    for g, serves in enumerate(np.array(SERVES[name], dtype=bool)):
        own = p[states.goal == g][:, serves].sum(axis=1)
        assert (np.diff(own) > 0).all()
        for end in (0, -1):
            if not serves[end]:
                assert (np.diff(p[states.goal == g][:, end]) < 0).all()


def test_turning_the_scale_round_turns_the_answers_round():
    serves = np.array(SERVES["middle"])
    baseline = np.random.default_rng(3).dirichlet(np.ones(5))
    forth, _ = _table(serves, "ordinal")
    back, _ = _table(serves[:, ::-1], "ordinal")
    np.testing.assert_allclose(_probability(forth, baseline), _probability(back, baseline[::-1])[:, ::-1], rtol=1e-11)


def test_nobody_is_moved_by_a_scale_that_serves_no_goal():
    table, _ = _table(SERVES["none"], "ordinal")
    baseline = np.array([0.2, 0.5, 0.3])
    np.testing.assert_allclose(_probability(table, baseline), np.tile(baseline, (13, 1)), rtol=1e-12)


def test_stated_importance_grows_with_the_weight_whatever_the_goal():
    table, states = _table([[0, 0, 0], [0, 0, 0]], "importance")
    baseline = np.array([0.2, 0.5, 0.3])
    p = _probability(table, baseline, 5.0)
    expected = importance_probability([0, 0, 0], baseline, states.weight, 5.0)
    np.testing.assert_allclose(p, expected, rtol=1e-11)
    np.testing.assert_allclose(p[states.goal == 0], p[states.goal == 1], rtol=1e-12)
    assert (np.diff(p[states.goal == 0], axis=0)[:, 2] > 0).all()
    assert p[-1, 2] < p[0, 2], "an agent without a goal has weight 0"


def test_at_weight_one_half_stated_importance_is_the_baseline():
    baseline = np.array([0.1, 0.6, 0.3])
    np.testing.assert_allclose(importance_probability([0, 0, 0], baseline, 0.5, 7.0), baseline, rtol=1e-12)


def test_at_face_value_importance_alone_depends_on_the_weight():
    serves = np.array([[1, 0, 0, 0], [0, 1, 0, 0]], dtype=bool)
    states = make_states(2, no_goal=False, weighted=True, nodes=6)
    item = np.array([0, 0, 1, 1])
    table = make_table(serves, item, states, rule="follow", kappa=3.0, kinds=("choice", "importance"), face_value=True)
    p = _probability(table, np.full(4, 0.5), 4.0)
    np.testing.assert_allclose(p[:6, :2], np.tile([1, 0], (6, 1)), atol=1e-290)
    assert (np.diff(p[:6, 3]) > 0).all()


def test_a_comparison_is_the_model_of_davidson():
    """P(tie)² / (P(first)·P(second)) is the same for every goal and weight."""
    table, _ = _table([[1, 0, 0], [0, 1, 0]], "pairwise")
    first, second, tie = _probability(table, np.array([0.5, 0.2, 0.3])).T
    np.testing.assert_allclose(tie**2 / (first * second), 0.3**2 / (0.5 * 0.2), rtol=1e-11)
    np.testing.assert_array_equal(pairwise_affinity([[1, 0, 0], [1, 1, 0]], [0, 0, 0]), [[1, 0, 0.5], [1, 1, 1]])


@pytest.mark.parametrize("kind", ["ordinal", "importance"])
def test_gradient(kind):
    serves = [[0, 1, 1, 0, 0], [0, 0, 0, 0, 1]] if kind == "ordinal" else np.zeros((2, 5))
    table, states = _table(serves, kind)
    rng = np.random.default_rng(7)
    for size in (1.0, 4.0):
        logits, scale = size * rng.normal(size=(2, 5)), np.exp(rng.normal(1, 0.5, (2, table.n_scales)))
        slope = rng.normal(size=(2, states.n_states, 5))
        by_logits, by_scale, _ = pull_back(
            table, logits, log_option_probability(np, table, logits, scale), slope, scale
        )

        def value(at, scale=scale, slope=slope):
            return (slope * log_option_probability(np, table, at, scale)).sum(axis=(1, 2))

        step = 1e-5
        for o in range(5):
            shift = step * (np.arange(5) == o)
            numeric = (value(logits + shift) - value(logits - shift)) / (2 * step)
            np.testing.assert_allclose(by_logits[:, o], numeric, atol=1e-6)
        for k in range(table.n_scales):
            numeric = (value(logits, scale + step) - value(logits, scale - step)) / (2 * step)
            np.testing.assert_allclose(by_scale[:, k], numeric, atol=1e-6)


@pytest.mark.parametrize("size", [30.0, 300.0])
def test_the_table_is_finite_for_extreme_baselines(size):
    for kind in ("ordinal", "importance"):
        table, _ = _table(SERVES["middle"] if kind == "ordinal" else np.zeros((2, 5)), kind)
        for logits in (size * np.array([1, -1, 1, -1, 0.0]), size * np.array([-1, 0, 0, 0, 1.0])):
            scale = np.array([40.0]) if kind == "importance" else None
            log_p = log_option_probability(np, table, logits, scale)
            assert np.isfinite(log_p).all()
            assert (log_p <= 1e-12).all()
            slope = np.ones(log_p.shape)
            assert all(np.isfinite(part).all() for part in pull_back(table, logits, log_p, slope, scale)[:2])
