"""Hidden states: cells of goal and weight, and their prior."""

from __future__ import annotations

import numpy as np
import pytest
from dissensus.inference.states import default_nodes, log_node_prior, log_state_prior, make_states
from scipy.special import logsumexp


def test_cells_are_goals_times_nodes_and_no_goal_comes_last():
    states = make_states(3, no_goal=True, weighted=True, nodes=5)
    assert states.n_states == 16
    assert states.n_shares == 4
    np.testing.assert_array_equal(states.goal, [0] * 5 + [1] * 5 + [2] * 5 + [3])
    np.testing.assert_array_equal(states.weight[:5], states.weight[5:10])
    assert states.weight[-1] == 0
    np.testing.assert_array_equal(states.is_goal.sum(axis=1), 1)
    np.testing.assert_array_equal(states.is_goal.sum(axis=0), [5, 5, 5, 1])


@pytest.mark.parametrize("no_goal", [False, True])
def test_without_unknown_weights_every_goal_has_weight_one(no_goal):
    states = make_states(2, no_goal=no_goal, weighted=False, nodes=16)
    np.testing.assert_array_equal(states.weight, [1, 1, 0] if no_goal else [1, 1])
    np.testing.assert_array_equal(states.log_mass, [0])


@pytest.mark.parametrize("nodes", [5, 16, 32])
def test_quadrature_integrates_polynomials_up_to_twice_the_nodes(nodes):
    states = make_states(1, no_goal=False, weighted=True, nodes=nodes)
    for power in (0, 1, 2, 2 * nodes - 1):
        assert np.exp(states.log_mass) @ states.node**power == pytest.approx(1 / (power + 1), rel=1e-12)


def test_sixteen_nodes_up_to_forty_answers_then_thirty_two():
    nodes = [default_nodes(answers, rule="follow", kappa=3.0) for answers in (0, 1, 40, 41, 1000)]
    assert nodes == [16, 16, 16, 32, 32]


def test_luce_needs_more_nodes_the_sharper_its_answers_are():
    assert [default_nodes(20, rule="luce", kappa=kappa) for kappa in (1.0, 3.0, 6.0)] == [16, 16, 32]


@pytest.mark.parametrize(
    ("answers", "kappa", "nodes"),
    [(40, 1.5, 16), (40, 1.51, 32), (20, 3.0, 16), (20, 3.01, 32), (41, 1.5, 32), (40, 0.01, 16), (41, 0.01, 32)],
)
def test_luce_has_the_nodes_of_follow_up_to_a_scale_of_one_and_a_half(answers, kappa, nodes):
    assert default_nodes(answers, rule="luce", kappa=kappa) == nodes


@pytest.mark.parametrize("mean", [0.05, 0.3, 0.9])
@pytest.mark.parametrize("concentration", [0.5, 4.0, 15.0])
def test_node_prior_has_the_moments_of_the_beta(mean, concentration):
    states = make_states(1, no_goal=False, weighted=True, nodes=32)
    prior = np.exp(log_node_prior(np, states, np.array(mean), np.array(concentration)))
    a, b = 1 + mean * concentration, 1 + (1 - mean) * concentration
    assert prior.sum() == pytest.approx(1, abs=1e-14)
    assert prior @ states.node == pytest.approx(a / (a + b), abs=1e-3)
    assert prior @ states.node**2 == pytest.approx(a * (a + 1) / (a + b) / (a + b + 1), abs=1e-3)


@pytest.mark.parametrize("concentration", [1e-8, 1.0, np.exp(8.0), 1e8])
def test_node_prior_is_normalised_and_finite_at_any_concentration(concentration):
    states = make_states(1, no_goal=False, weighted=True, nodes=16)
    log_prior = log_node_prior(np, states, np.array([1e-15, 0.5, 1 - 1e-15]), np.array(concentration))
    assert np.isfinite(log_prior).all()
    np.testing.assert_allclose(logsumexp(log_prior, axis=1), 0, atol=1e-9)


@pytest.mark.parametrize("no_goal", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_state_prior_is_share_times_node_prior(no_goal, weighted):
    rng = np.random.default_rng(1)
    states = make_states(3, no_goal=no_goal, weighted=weighted, nodes=4)
    share = rng.dirichlet(np.ones(states.n_shares), (2, 5))  # (D, prior, share)
    node = rng.dirichlet(np.ones(4), (2, 5))
    prior = np.exp(log_state_prior(np, states, np.log(share), np.log(node) if weighted else None))
    assert prior.shape == (2, 5, states.n_states)
    np.testing.assert_allclose(prior.sum(axis=-1), 1, atol=1e-14)
    np.testing.assert_allclose(prior @ states.is_goal, share, atol=1e-14)
    if weighted:
        np.testing.assert_allclose(prior[1, 2, 4:8], share[1, 2, 1] * node[1, 2], atol=1e-15)


def test_a_study_without_goals_has_one_state():
    states = make_states(0, no_goal=True, weighted=False, nodes=1)
    np.testing.assert_allclose(log_state_prior(np, states, np.zeros((2, 1, 1)), None), np.zeros((2, 1, 1)))
    np.testing.assert_array_equal(states.weight, [0])
