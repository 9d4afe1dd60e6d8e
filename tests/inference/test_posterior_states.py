"""Draws of the hidden states of these agents: exact moments, both regimes, groups of any size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from dissensus.datasets.simulate import simulate
from dissensus.forward_model.pair_sums import expected_scores, totals_scores
from dissensus.inference import posterior_states
from dissensus.inference.area_scores import padded_conflict
from dissensus.inference.density import evaluate_rows
from dissensus.inference.marginal import state_probabilities
from dissensus.inference.parameters import draw_prior
from dissensus.inference.posterior_states import draw_states

from .builders import CASES, density_of, make_area, make_choices, make_study
from .chance import assert_mean, assert_same_moments

DRAWS = 3000


def _repeated(theta, draws=DRAWS):
    return np.tile(theta, (draws, 1))


def _probabilities(density, theta):
    """Return the probability of each state for each row at one parameter vector, (row, state)."""
    _, _, parts = evaluate_rows(density, theta[None])
    return state_probabilities(density.rows, parts)[0]


def _moments(density, theta):
    """Return the exact means and variances of count, Σ√w and Σw per prior and goal, from each agent's states."""
    rows, states = density.rows, density.states
    probability = _probabilities(density, theta)
    member = (rows.group == np.arange(rows.n_priors)[:, None]) * rows.agents
    result = []
    for value in (np.ones(states.n_states), np.sqrt(states.weight), states.weight):
        feature = states.is_goal * value[:, None]
        mean = probability @ feature
        variance = probability @ feature**2 - mean**2
        result.append((member @ mean, member @ variance))
    return result


@pytest.mark.parametrize(
    "case", ["follow", "luce, no goal", "groups and agents in none", "one answer", "survey weights"]
)
def test_totals_have_their_exact_means_and_variances(case):
    density = density_of(CASES[case]())
    theta = draw_prior(density.parameters, 1, np.random.default_rng(1))[0]
    drawn = draw_states(density, _repeated(theta), np.random.default_rng(2))
    for totals, (mean, variance) in zip((drawn.count, drawn.root, drawn.weight), _moments(density, theta), strict=True):
        assert_mean(totals, mean)
        assert_mean(np.square(totals - mean), variance)


@pytest.mark.parametrize("case", ["follow", "luce, no goal", "groups and agents in none", "follow, repeated"])
def test_expected_scores_are_those_of_the_cell_form(case):
    """Drawn states scored, against (TᵀMT − Σ rᵀMr) ÷ n(n − 1) of the forward model."""
    density = density_of(CASES[case]())
    theta = draw_prior(density.parameters, 1, np.random.default_rng(3))[0]
    states, conflict = density.states, padded_conflict(density, theta)
    drawn = draw_states(density, _repeated(theta), np.random.default_rng(4))
    scores = totals_scores(drawn.count, drawn.root, drawn.weight, conflict)
    expected = expected_scores(
        _probabilities(density, theta),
        density.rows.agents,
        states.goal,
        states.weight,
        conflict,
        group=density.rows.group,
        n_groups=density.rows.n_priors,
    )
    assert_mean(scores.overall.contention, expected.contention)
    assert_mean(scores.overall.misalignment, expected.misalignment)
    assert_mean(scores.groups.contention, expected.contention_groups)
    assert_mean(scores.groups.misalignment, expected.misalignment_groups)


def test_every_agent_is_counted():
    density = density_of(CASES["groups and agents in none"]())
    drawn = draw_states(density, draw_prior(density.parameters, 50, np.random.default_rng(5)), np.random.default_rng(6))
    np.testing.assert_array_equal(drawn.count.sum(axis=2), np.tile([3, 3, 2], (50, 1)))
    np.testing.assert_array_equal(drawn.count % 1, 0)
    assert (drawn.root[..., -1] == 0).all()
    assert (drawn.weight <= drawn.root).all()
    assert (drawn.root <= drawn.count).all()


@pytest.mark.parametrize("exact", [True, False])
def test_means_per_row_are_means_over_the_draws_of_the_parameters(monkeypatch, exact):
    if not exact:
        monkeypatch.setattr(posterior_states, "EXACT_AGENTS", 0)
    density = density_of(CASES["luce, no goal"]())
    theta = draw_prior(density.parameters, 20, np.random.default_rng(7))
    drawn = draw_states(density, theta, np.random.default_rng(8))
    probability = np.mean([_probabilities(density, t) for t in theta], axis=0)
    np.testing.assert_allclose(drawn.row_goal, probability @ density.states.is_goal, atol=1e-12)
    np.testing.assert_allclose(drawn.row_weight, probability @ density.states.weight, atol=1e-12)


def _both_regimes(monkeypatch, density, theta, draws=DRAWS):
    exact = draw_states(density, _repeated(theta, draws), np.random.default_rng(9))
    monkeypatch.setattr(posterior_states, "EXACT_AGENTS", 0)
    return exact, draw_states(density, _repeated(theta, draws), np.random.default_rng(10))


def _large(n=2000, **more):
    study = make_study(make_area("x y z", "y x z -", "z x y", no_goal=True))
    truth = {"a": {"goal_share": [0.5, 0.3, 0.15, 0.05]}}
    return density_of(simulate(study, n, seed=11, missing=0.2, truth=truth, **more))


@pytest.mark.parametrize("groups", [None, {"big": 0.9, "small": 0.1}])
def test_normal_totals_agree_with_exact_ones_at_two_thousand_agents(monkeypatch, groups):
    density = _large(groups=groups)
    theta = np.zeros(density.size)
    exact, normal = _both_regimes(monkeypatch, density, theta)
    for one, other in ((exact.count, normal.count), (exact.root, normal.root), (exact.weight, normal.weight)):
        assert_same_moments(one, other, slack=1e-4)  # in agents
    conflict = padded_conflict(density, theta)
    for one, other in zip(
        totals_scores(exact.count, exact.root, exact.weight, conflict),
        totals_scores(normal.count, normal.root, normal.weight, conflict),
        strict=True,
    ):
        for score, same in zip(one, other, strict=True):
            assert_same_moments(score, same)
            for quantile in (0.05, 0.95):
                spread = score.std(axis=0)
                gap = np.quantile(score, quantile, axis=0) - np.quantile(same, quantile, axis=0)
                assert (np.abs(gap) < 0.15 * spread).all()


def test_normal_totals_of_a_rare_goal_are_off_by_less_than_an_agent(monkeypatch):
    """Totals cannot be negative, so a normal draw of a count near 0 is too high on average, by half an agent."""
    density = _large()
    theta = np.zeros(density.size)
    theta[density.parameters.slices["share"]] = [3.0, 3.0, -5.0]  # goal z is held by next to nobody
    exact, normal = _both_regimes(monkeypatch, density, theta)
    assert 0 < exact.count[..., 2].mean() < 5
    assert abs(exact.count[..., 2].mean() - normal.count[..., 2].mean()) < 0.5
    np.testing.assert_allclose(normal.count.sum(axis=2), density.rows.agents.sum())


@pytest.mark.parametrize("alone", [1, 3])
def test_small_groups_among_many_agents_keep_whole_agents(alone):
    """Above 2,000 agents too, a group of one has no pairs, and the agents of a group of three are whole."""
    study = make_study(make_area("x y", "y x", "x y -"))
    n = 2500
    rng = np.random.default_rng(12)
    answers = {item.name: rng.integers(len(item.serves), size=n) for item in study.items}
    group = np.where(np.arange(n) < alone, 1, 0)
    density = density_of(make_choices(study, answers, groups=("many", "few"), group_of_agent=group))
    theta = draw_prior(density.parameters, 200, np.random.default_rng(13))
    drawn = draw_states(density, theta, np.random.default_rng(14))
    np.testing.assert_array_equal(drawn.count[:, 1].sum(axis=1), alone)
    np.testing.assert_array_equal(drawn.count[:, 1] % 1, 0)
    scores = totals_scores(drawn.count, drawn.root, drawn.weight, padded_conflict(density, theta)).groups
    if alone == 1:
        assert np.isnan(scores.contention[:, 1, 1]).all()
    else:
        np.testing.assert_allclose(scores.contention[:, 1, 1] * 3 % 2, 0, atol=1e-9)  # pairs in conflict: 0 or 2 of 3
    assert (scores.contention[:, 0, 1] * alone <= alone + 1e-9).all()


def test_seeds_fix_the_draws():
    density = density_of(CASES["follow"]())
    theta = draw_prior(density.parameters, 10, np.random.default_rng(15))
    one, other = (draw_states(density, theta, np.random.default_rng(16)) for _ in range(2))
    np.testing.assert_array_equal(one.root, other.root)


@pytest.mark.parametrize("exact", [True, False])
def test_chunks_change_no_moment(monkeypatch, exact):
    from dissensus.inference import density as density_module

    density = density_of(CASES["groups"]())
    theta = draw_prior(density.parameters, 5, np.random.default_rng(17))
    if not exact:
        monkeypatch.setattr(posterior_states, "EXACT_AGENTS", 0)
    whole = draw_states(density, theta, np.random.default_rng(18))
    monkeypatch.setattr(density_module, "_CHUNK", 1)
    parts = draw_states(density, theta, np.random.default_rng(18))
    np.testing.assert_allclose(parts.row_goal, whole.row_goal, atol=1e-12)
    np.testing.assert_allclose(parts.count.sum(axis=2), whole.count.sum(axis=2))


def test_more_agents_of_a_row_are_more_of_the_same():
    """Ten copies of every agent: ten times the mean totals, ten times their variance."""
    density = density_of(CASES["follow"]())
    rows = density.rows
    tenfold = replace(
        density,
        rows=replace(rows, agents=10 * rows.agents, row_of_agent=np.tile(rows.row_of_agent, 10)),
    )
    theta = draw_prior(density.parameters, 1, np.random.default_rng(19))[0]
    drawn = draw_states(tenfold, _repeated(theta), np.random.default_rng(20))
    (mean, variance), *_ = _moments(density, theta)
    assert_mean(drawn.count, 10 * mean)
    assert_mean(np.square(drawn.count - 10 * mean), 10 * variance)
