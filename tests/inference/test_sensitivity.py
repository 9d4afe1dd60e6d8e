"""How far scores come from the prior: contraction and power-scaling, against refits with the prior changed."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pytest
from dissensus.datasets.study import Priors
from dissensus.inference.area_scores import population_scores
from dissensus.inference.density import area_density
from dissensus.inference.importance import importance_draws, resample
from dissensus.inference.mode import find_modes
from dissensus.inference.parameters import Parameters, draw_prior, log_prior
from dissensus.inference.sensitivity import (
    SCORES,
    SENSITIVE,
    contraction,
    log_prior_blocks,
    prior_population_scores,
    prior_sensitivity,
)

from dissensus import datasets

from .builders import CASES, density_of, make_area, make_choices, make_study
from .chance import assert_same_moments

OTHER = Priors(goal_share=2.5, weight_mean=(3.0, 1.5), weight_concentration=(2.0, 0.5), baseline_sd=0.5, group_sd=1.3)


def test_contraction_is_one_minus_the_ratio_of_variances():
    rng = np.random.default_rng(1)
    prior, posterior = rng.normal(0, 2, 500), rng.normal(5, 1, 400)
    assert contraction(prior, posterior) == pytest.approx(1 - posterior.var() / prior.var())
    assert contraction(prior, prior) == 0
    assert contraction(posterior, prior) < 0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_contraction_is_unknown_for_draws_that_are_no_numbers(bad):
    good = np.arange(10.0)
    spoilt = np.append(good, bad)
    assert np.isnan(contraction(good, spoilt))
    assert np.isnan(contraction(spoilt, good))
    assert np.isnan(contraction(np.ones(10), good))


def _layout():
    return Parameters(3, 2, True, True, (2, 3), OTHER)


def test_blocks_are_the_prior_in_its_own_range():
    """Their sum and the Jacobian of the transforms make up the log prior, up to a constant."""
    layout = _layout()
    theta = draw_prior(layout, 50, np.random.default_rng(2))
    blocks = log_prior_blocks(layout, theta, 5)
    assert list(blocks) == ["goal shares", "weights", "baselines", "group deviations"]
    at = layout.slices
    logits = np.hstack([theta[:, at["share"]], -theta[:, at["share"]].sum(axis=1, keepdims=True)])
    log_share = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    x = theta[:, at["mean"]][:, 0]
    jacobian = log_share.sum(axis=1) - np.logaddexp(0, x) - np.logaddexp(0, -x) + theta[:, at["conc"]][:, 0]
    gap = log_prior(layout, theta) - sum(blocks.values()) - jacobian
    np.testing.assert_allclose(gap, gap[0], rtol=1e-9)


def test_a_flat_prior_of_goal_shares_has_no_block():
    """Raised to any power it stays what it is."""
    theta = draw_prior(_layout(), 5, np.random.default_rng(3))
    assert "goal shares" not in log_prior_blocks(replace(_layout(), priors=Priors()), theta, 5)


@functools.cache
def _choices():
    return datasets.simulate(make_study(make_area("x y", "y x", "x y")), 30, seed=2)


@functools.cache
def _posterior(priors):
    """Return the density under some priors, 20,000 weighted draws and their population scores."""
    choices = _choices()
    density = area_density(choices, choices.areas[0], priors)
    rng = np.random.default_rng(4)
    weighted = importance_draws(density, find_modes(density, rng), rng, draws=20_000)
    theta = resample(weighted, 20_000, rng)
    return density, theta, population_scores(density, theta).overall


@pytest.mark.parametrize(
    ("block", "scaled"),
    [
        ("baselines", Priors(baseline_sd=1 / np.sqrt(1.5))),
        ("weights", Priors(weight_mean=(2.5, 2.5), weight_concentration=(5.5, 1.5))),
    ],
)
def test_a_block_raised_to_a_power_is_another_prior(block, scaled):
    """Weighting draws by the block to the power 0.5 gives what a fit with the prior to the power 1.5 gives."""
    density, theta, scores = _posterior(Priors())
    refit = _posterior(scaled)[2]
    weight = np.exp(0.5 * log_prior_blocks(density.parameters, theta, density.n_options)[block])
    weight /= weight.sum()
    effective = 1 / np.square(weight).sum() / 3  # the draws are resampled ones
    assert effective > 2_000
    moved = {}
    for score in SCORES:
        draws = getattr(scores, score)
        assert_same_moments(getattr(refit, score), draws, ess=(7_000, effective), weight=weight)
        moved[score] = abs(weight @ draws - draws.mean()) / draws.std() * np.sqrt(effective)
    assert max(moved.values()) > 4


def test_much_data_leave_no_sensitivity_to_the_prior():
    truth = {"a": {"weight_mean": 0.7, "goal_share": [0.5, 0.3, 0.2]}}
    study = make_study(make_area("x y z", "y z x", "z x y", "x y z"))
    density = density_of(datasets.simulate(study, 3_000, seed=1, truth=truth))
    rng = np.random.default_rng(5)
    weighted = importance_draws(density, find_modes(density, rng), rng, draws=4_000)
    theta = resample(weighted, 2_000, rng)
    found = prior_sensitivity(density, theta, population_scores(density, theta).overall)
    assert set(found) == {(score, block) for score in SCORES for block in ("weights", "baselines")}
    assert all(value < SENSITIVE for value in found.values())


def test_the_prior_itself_is_sensitive_to_itself():
    """Draws that no data constrain follow their prior."""
    density = density_of(CASES["other priors"]())
    rng = np.random.default_rng(6)
    theta = draw_prior(density.parameters, 2_000, rng)
    found = prior_sensitivity(density, theta, population_scores(density, theta).overall)
    assert set(found) == {
        (score, block) for score in SCORES for block in ("goal shares", "weights", "baselines", "group deviations")
    }
    assert found["relative_misalignment", "goal shares"] > SENSITIVE
    assert found["contention", "goal shares"] > 2 * found["contention", "baselines"]


def test_scores_that_cannot_be_judged_are_nan_and_constants_are_zero():
    density, theta, scores = _posterior(Priors())
    spoilt = scores.contention.copy()
    spoilt[3] = np.nan
    scores = scores._replace(contention=spoilt, misalignment=np.zeros(len(theta)))
    found = prior_sensitivity(density, theta, scores)
    assert np.isnan(found["contention", "weights"])
    assert found["misalignment", "weights"] == 0
    assert np.isfinite(found["relative_misalignment", "weights"])


def test_prior_scores_are_those_of_the_prior():
    density = density_of(make_choices(make_study(make_area("x y z")), {"a0": [0, 1, 2]}))
    theta, scores = prior_population_scores(density, np.random.default_rng(7), draws=20_000)
    assert theta.shape == (20_000, 2)
    # Gini–Simpson of a flat Dirichlet over three goals: 1 − 3 · 2 / (3 · 4).
    assert scores.contention.mean() == pytest.approx(0.5, abs=4 * scores.contention.std() / np.sqrt(20_000))
