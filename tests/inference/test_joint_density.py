"""The density of dependent areas: against enumeration of types and goals, differences, and independence."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from dissensus.datasets.dependence import type_given_goal
from dissensus.inference.density import area_density, log_density, row_log_likelihood, value_and_gradient
from dissensus.inference.joint_density import area_values, joint_density
from dissensus.inference.parameters import draw_prior, log_prior, zero_sum_basis
from scipy.special import logsumexp

from . import plain_model
from .builders import CASES

GIVEN = (
    "follow",
    "luce, no goal",
    "survey weights",
    "groups and agents in none",
    "one answer, stated importance",
    "one goal",
    "silent in the area",
    "situations, groups, no goal, other items",
    "numbers, passing, rankings, importance",
    "places",
)
SEVERAL = ("groups and agents in none",)


@functools.cache
def _densities(case, n_types):
    """Return the areas of a case, twice the same one where there is one, as if by types of agents."""
    choices = CASES[case]()
    areas = choices.areas * 2 if len(choices.areas) == 1 else choices.areas
    densities = [area_density(choices, area, choices.study.priors) for area in areas]
    return choices, densities, joint_density(densities, n_types, choices.study.priors, choices.fit_weight)


def _points(density, seed=0):
    rng = np.random.default_rng(seed)
    return np.stack(
        [
            draw_prior(density.parameters, 1, rng)[0],
            0.3 * rng.standard_normal(density.size),
            2.0 * rng.standard_normal(density.size),
        ]
    )


def _enumerated(case, n_types, theta):
    """Return the log likelihood of every agent: the sum over types and over the goals it may hold in every area."""
    choices, densities, joint = _densities(case, n_types)
    at, layout = joint.parameters, joint.parameters
    y = theta[at.type_share]
    tau = np.exp(np.append(y, -y.sum()) - logsumexp(np.append(y, -y.sum())))
    total = np.tile(np.log(tau), (choices.n_agents, 1))
    for density, own, part, lean, values in zip(
        densities, layout.areas, layout.of_area, layout.leanings, area_values(joint, theta[None]), strict=True
    ):
        nodes = len(density.states.node)
        both = np.array(plain_model.goal_likelihoods(choices, density.area, choices.study.priors, theta[part], nodes))
        log_share = values.prior_log_share[0][density.rows.group[density.rows.row_of_agent]]
        z = theta[lean].reshape(n_types - 1, own.n_shares - 1)
        leaning = layout.priors.type_sd * (zero_sum_basis(n_types) @ z @ zero_sum_basis(own.n_shares).T)
        for i in range(choices.n_agents):
            share = np.exp(log_share[i])
            of_type = type_given_goal(share, tau, leaning) * share / tau[:, None]
            total[i] += logsumexp(both[i] - log_share[i] + np.log(of_type), axis=1)
    return logsumexp(total, axis=1)


@pytest.mark.parametrize("n_types", [2, 3])
@pytest.mark.parametrize("case", GIVEN)
def test_likelihood_is_the_sum_over_types_and_goals(case, n_types):
    if n_types == 3 and case not in SEVERAL:
        return
    choices, _, joint = _densities(case, n_types)
    weight = plain_model.weight_in_the_fit(choices)
    for theta in _points(joint, seed=n_types)[:1]:
        expected = _enumerated(case, n_types, theta)
        rows = row_log_likelihood(joint, theta[None])[0]
        np.testing.assert_allclose(rows[joint.rows.row_of_agent], expected, atol=1e-10, rtol=0)
        value = log_density(joint, theta[None])[0] - log_prior(joint.parameters, theta[None])[0]
        assert value == pytest.approx(expected @ weight, abs=1e-10)


@pytest.mark.parametrize("case", GIVEN)
def test_one_type_is_independence(case):
    _, densities, joint = _densities(case, 1)
    theta = _points(joint)
    value, gradient = value_and_gradient(joint, theta)
    parts = [
        value_and_gradient(density, theta[:, part])
        for density, part in zip(densities, joint.parameters.of_area, strict=True)
    ]
    np.testing.assert_allclose(value, sum(part[0] for part in parts), atol=1e-10, rtol=1e-13)
    np.testing.assert_allclose(gradient, np.hstack([part[1] for part in parts]), atol=1e-9, rtol=1e-11)


@pytest.mark.parametrize("case", GIVEN)
def test_gradient(case):
    _, _, joint = _densities(case, 3 if case in SEVERAL else 2)
    for theta in _points(joint, seed=1):
        value, gradient = value_and_gradient(joint, theta[None])
        assert np.isfinite(value).all()
        errors = []
        for step in (1e-3, 1e-4, 1e-5):
            shifts = step * np.eye(joint.size)
            numeric = (log_density(joint, theta + shifts) - log_density(joint, theta - shifts)) / (2 * step)
            errors.append(np.abs(numeric - gradient[0]).max())
        assert min(errors) <= 1e-6 * max(1.0, np.abs(gradient).max())
