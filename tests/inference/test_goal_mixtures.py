"""Mixtures of goals on a grid: their prior, its mean and spread, and its derivatives."""

from __future__ import annotations

import numpy as np
import pytest
from dissensus.inference.goal_mixtures import (
    expected_spread,
    grid,
    log_mixture_prior,
    mixture_slopes,
    own_conflict,
    pairs_of,
)
from dissensus.inference.states import make_states
from scipy.stats import dirichlet_multinomial

SHARES = {2: [0.3, 0.7], 3: [0.2, 0.5, 0.3], 4: [0.1, 0.4, 0.3, 0.2]}


def _prior(k, parts, x, no_goal=0.0):
    share = np.array([*(np.array(SHARES[k]) * (1 - no_goal)), *([no_goal] if no_goal else [])])
    return np.exp(log_mixture_prior(np, parts, k, np.log(share), np.array(x)))


@pytest.mark.parametrize(("k", "parts", "number"), [(2, 12, 13), (3, 6, 28), (4, 6, 84)])
def test_the_prior_is_dirichlet_multinomial_with_the_goal_shares_as_its_mean(k, parts, number):
    assert len(grid(k, parts)) == number
    for x in (-3.0, 0.0, 2.5):
        prior = _prior(k, parts, x)
        alpha = np.exp(x) * np.array(SHARES[k])
        np.testing.assert_allclose(prior, dirichlet_multinomial.pmf(grid(k, parts), alpha, parts), rtol=1e-10)
        np.testing.assert_allclose(prior @ grid(k, parts) / parts, SHARES[k], atol=1e-13)


def test_no_goal_takes_its_share_and_leaves_the_mixtures_as_they_are():
    np.testing.assert_allclose(_prior(3, 6, 0.4, no_goal=0.25), 0.75 * _prior(3, 6, 0.4), rtol=1e-12)


@pytest.mark.parametrize("x", [-700.0, 700.0])
def test_without_mixing_agents_hold_one_goal_and_at_the_most_parts_are_independent(x):
    prior, n = _prior(3, 6, x), grid(3, 6)
    one = n.max(axis=1) == 6
    if x < 0:
        np.testing.assert_allclose(prior[one], SHARES[3], atol=1e-12)
        assert prior[~one].max() < 1e-12
    else:
        np.testing.assert_allclose(prior[one], np.power(SHARES[3], 6), rtol=1e-9)


def test_spread_is_that_of_the_mixtures():
    share = np.log([0.15, 0.35, 0.3, 0.2])  # the last without a goal
    for x in (-2.0, 0.7):
        states = make_states(3, no_goal=True, weighted=False, nodes=1, parts=5)
        prior = np.append(np.exp(log_mixture_prior(np, 5, 3, share, np.array(x))), 0.2)
        assert prior.sum() == pytest.approx(1, abs=1e-13)
        expected = prior @ (1 - np.square(states.is_goal).sum(axis=1))
        assert expected_spread(np, 5, 3, share, np.array(x)) == pytest.approx(expected, abs=1e-13)
        np.testing.assert_allclose(
            2 * states.overlap.sum(axis=1), 1 - np.square(states.is_goal).sum(axis=1), atol=1e-15
        )


def test_derivatives_are_those_of_differences():
    rng = np.random.default_rng(1)
    share, x, step = rng.normal(size=(2, 4)), rng.normal(size=2), 1e-6  # not even normalised
    by_share, by_mixing = mixture_slopes(4, 3, share, x)
    up, down = (log_mixture_prior(np, 4, 3, share, x + s) for s in (step, -step))
    np.testing.assert_allclose(by_mixing, (up - down) / (2 * step), atol=1e-8)
    for g in range(3):
        up, down = (log_mixture_prior(np, 4, 3, share + s * np.eye(4)[g], x) for s in (step, -step))
        np.testing.assert_allclose(by_share[..., g], (up - down) / (2 * step), atol=1e-8)


def test_own_conflict_is_that_of_an_agent_with_itself():
    rng = np.random.default_rng(2)
    mixture, weight = rng.dirichlet(np.ones(4), 5), rng.random(5)
    conflict = np.triu(rng.random((4, 4)), 1)
    conflict += conflict.T
    first, second = pairs_of(4)
    products = mixture[:, first] * mixture[:, second]
    overlap = np.stack([products.sum(axis=0), weight @ products])
    each = np.einsum("ig,gh,ih->i", mixture, conflict, mixture)
    np.testing.assert_allclose(own_conflict(overlap[None], conflict)[0], [each.sum(), weight @ each], atol=1e-14)
