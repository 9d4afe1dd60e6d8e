"""Goal shares of types: they have the margins and the log odds asked for, and the gradient is theirs."""

from __future__ import annotations

import numpy as np
import pytest
from dissensus.datasets.dependence import type_given_goal
from dissensus.inference.type_shares import log_shares_of_types, log_type_given_goal, pull_back_types

CASES = [(1, 3, 2.0), (2, 2, 2.0), (2, 3, 5.0), (3, 3, 2.0), (4, 3, 6.0)]


def _drawn(n_types, n_goals, sd, n=60):
    rng = np.random.default_rng(n_types * 100 + n_goals)
    leaning = sd * rng.standard_normal((n, n_types, n_goals))
    return np.log(rng.dirichlet(np.ones(n_goals), n)), np.log(rng.dirichlet(np.ones(n_types), n)), leaning


@pytest.mark.parametrize("case", CASES)
def test_margins_and_odds(case):
    log_share, log_type, leaning = _drawn(*case)
    given = log_type_given_goal(log_share, log_type, leaning)
    joint = np.exp(given + log_share[:, None])
    np.testing.assert_allclose(joint.sum(axis=1), np.exp(log_share), atol=1e-14)
    np.testing.assert_allclose(joint.sum(axis=2), np.exp(log_type), atol=1e-13)
    apart = given - leaning  # the same for all goals, up to what depends on the goal alone
    odds = apart - apart[:, :1] - apart[:, :, :1] + apart[:, :1, :1]
    np.testing.assert_allclose(odds, 0, atol=1e-10)
    for one in range(5):
        fitted = type_given_goal(np.exp(log_share[one]), np.exp(log_type[one]), leaning[one])
        np.testing.assert_allclose(np.exp(given[one]), fitted, atol=1e-9)


@pytest.mark.parametrize("case", CASES)
def test_gradient(case):
    log_share, log_type, leaning = _drawn(*case)
    rng = np.random.default_rng(1)
    weight = rng.standard_normal(leaning.shape)

    def total(share, types, lean):
        share, types = (x - np.log(np.exp(x).sum(axis=-1, keepdims=True)) for x in (share, types))
        return (weight * log_shares_of_types(share, types, log_type_given_goal(share, types, lean))).sum(axis=(1, 2))

    given = log_type_given_goal(log_share, log_type, leaning)
    slopes = pull_back_types(log_share, log_type, given, weight)
    points = (log_share, log_type, leaning)
    moves = [rng.standard_normal(x.shape) for x in points]
    step = 1e-5
    up, down = (total(*(x + s * step * m for x, m in zip(points, moves, strict=True))) for s in (1, -1))
    moves[:2] = [m - (np.exp(x) * m).sum(axis=1, keepdims=True) for x, m in zip(points[:2], moves[:2], strict=True)]
    slope = sum((s * m).reshape(len(m), -1).sum(axis=1) for s, m in zip(slopes, moves, strict=True))
    assert np.median(np.abs((up - down) / (2 * step) - slope)) < 1e-8
    np.testing.assert_allclose((up - down) / (2 * step), slope, rtol=1e-4, atol=1e-4)


def test_types_that_goals_determine_are_no_error():
    leaning = np.array([[[400.0, -400.0], [-400.0, 400.0]], [[np.nan, 0.0], [0.0, np.nan]]])
    given = log_type_given_goal(np.log([[0.3, 0.7]] * 2), np.log([[0.6, 0.4]] * 2), leaning)
    assert np.isfinite(given[0]).all()
    assert np.isnan(given[1]).any()
