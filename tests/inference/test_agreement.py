"""Importance draws and long NUTS runs find one posterior: parameters and scores, by the rule for two fits of one thing.

Means differ by at most 4 combined Monte Carlo errors, and the ratio of standard deviations lies within
1 ± max(0.05, 4·√(1/(2·ESS₁) + 1/(2·ESS₂))), where 1/(2·ESS) stands for the squared relative error of a standard
deviation. For importance draws both errors are seen rather than assumed: eight runs are set against one long chain.
The bundled table is held to draws of another sampler in ``test_golden_posteriors``.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
from arviz_stats.base import array_stats
from dissensus.inference.area_fit import fit_area
from dissensus.inference.area_scores import area_scores, population_scores

from dissensus import datasets

from .builders import density_of, make_area, make_study

SCORES = ("contention", "misalignment", "relative_misalignment")


def _luce_no_goal():
    study = make_study(make_area("x y", "y x -", "x y", rule="luce", no_goal=True))
    return datasets.simulate(study, 150, seed=4)


def _grouped_follow():
    study = make_study(make_area("x y", "y x -", "x y", "xy x y"))
    choices = datasets.simulate(study, 120, seed=5, groups={"left": 0.5, "right": 0.3, "none": 0.2}, missing=0.2)
    group = np.where(choices.group_of_agent == 2, -1, choices.group_of_agent)
    weight = np.random.default_rng(5).gamma(3.0, 1.0, choices.n_agents)
    return replace(choices, groups=("left", "right"), group_of_agent=group, survey_weight=weight)


CASES = {
    "luce with no goal": _luce_no_goal,
    "follow with groups, weights and gaps": _grouped_follow,
}


RUNS = 8


@functools.cache
def _chains(name):
    """Return a fit by NUTS that passes its checks."""
    fitted = fit_area(density_of(CASES[name]()), np.random.default_rng(2), method="nuts", draws=2_400)
    assert fitted.rhat <= 1.01
    assert not fitted.nuts.diverging.any()
    return fitted


@functools.cache
def _runs(name):
    """Return fits by importance draws, independent of one another; those not accepted have no say."""
    density = density_of(CASES[name]())
    fits = (fit_area(density, np.random.default_rng([1, k]), method="laplace", draws=2_000) for k in range(2 * RUNS))
    accepted = list(itertools.islice((fitted for fitted in fits if fitted.importance.accepted), RUNS))
    assert len(accepted) == RUNS
    return accepted


def _of_parameters(density, theta):
    """Return what parameters determine, by name, (draw,): their coordinates, and the scores of the population."""
    scores = population_scores(density, theta)
    found = {f"coordinate {c}": theta[:, c] for c in range(density.size)}
    for score in SCORES:
        found[f"population {score}"] = getattr(scores.overall, score)
        within = getattr(scores.groups, score)
        found |= {f"{score} of group {h} and the last": within[:, h, -1] for h in range(within.shape[-1])}
    return found


class Moments(NamedTuple):
    """Mean and standard deviation of a quantity, with the error of the one and the relative error of the other."""

    mean: float
    sd: float
    error_mean: float
    error_sd: float


def _of_draws(draws):
    """Return the moments of chains, (chain, draw); heavy tails make the standard deviation less certain."""
    ess_mean, ess_sd = (float(array_stats.ess(draws, method=method)) for method in ("mean", "sd"))
    square = np.square(draws - draws.mean())
    kurtosis = max(3.0, np.square(square).mean() / square.mean() ** 2)
    sd = draws.std()
    return Moments(draws.mean(), sd, sd / np.sqrt(ess_mean), np.sqrt((kurtosis - 1) / (4 * ess_sd)))


def _of_runs(values, weights):
    """Return the moments over runs of weighted draws, errors from how the runs differ."""
    mean = np.array([w @ x for x, w in zip(values, weights, strict=True)])
    spread = np.array([w @ np.square(x - mean.mean()) for x, w in zip(values, weights, strict=True)])
    sd = np.sqrt(spread.mean())
    each = np.sqrt(spread) / sd
    return Moments(mean.mean(), sd, mean.std(ddof=1) / np.sqrt(RUNS), each.std(ddof=1) / np.sqrt(RUNS))


def _agree(quantity, one, other):
    error = np.hypot(one.error_mean, other.error_mean)
    assert abs(one.mean - other.mean) <= 4 * error, f"{quantity}: means {one.mean} and {other.mean} ± {error}"
    assert error < 0.15 * other.sd, f"{quantity}: too few draws to tell"
    band = max(0.05, 4 * np.hypot(one.error_sd, other.error_sd))
    assert abs(one.sd / other.sd - 1) <= band, f"{quantity}: sds {one.sd} and {other.sd}, allowed ratio 1 ± {band}"
    assert band < 0.3, f"{quantity}: too few draws to tell"


@pytest.mark.parametrize("name", CASES)
def test_importance_draws_agree_with_long_chains(name):
    """On every coordinate of the parameters, and on the scores of the population, overall and by groups."""
    chains, runs = _chains(name), _runs(name)
    theta = chains.nuts.theta
    one = _of_parameters(chains.density, theta.reshape(-1, chains.density.size))
    others = [_of_parameters(fitted.density, fitted.importance.theta) for fitted in runs]
    weights = [np.exp(fitted.importance.log_weight) for fitted in runs]
    for quantity, values in one.items():
        other = _of_runs([found[quantity] for found in others], weights)
        _agree(quantity, _of_draws(values.reshape(theta.shape[:2])), other)


@pytest.mark.parametrize("name", CASES)
def test_sample_scores_agree_with_those_of_long_chains(name):
    """With the states of the agents drawn, and the importance draws drawn anew by weight."""
    chains, runs = _chains(name), _runs(name)
    rng = np.random.default_rng(3)
    one, *others = (area_scores(fitted.density, fitted.flat, rng).sample.overall for fitted in (chains, *runs))
    equal = np.full(2_000, 1 / 2_000)
    for score in SCORES:
        other = _of_runs([getattr(scores, score) for scores in others], [equal] * RUNS)
        _agree(score, _of_draws(getattr(one, score).reshape(chains.theta.shape[:2])), other)


@pytest.mark.slow
def test_the_pymc_model_sampled_by_pymc_agrees():
    """The model of ``build_model``, drawn by PyMC's own default sampler, has our posterior."""
    import pymc as pm

    from dissensus import inference

    choices = datasets.simulate(make_study(make_area("x y", "y x", "x y")), 60, seed=1)
    trees = [inference.fit(choices, seed=k, method="laplace")["posterior"] for k in range(RUNS)]
    with inference.build_model(choices):
        theirs = pm.sample(1_000, tune=500, chains=2, cores=1, random_seed=1, quiet=True)["posterior"]
    equal = np.full(2_000, 1 / 2_000)
    for name in ("goal_share", "weight_mean", "weight_concentration", "baseline"):
        assert theirs[name].dims == trees[0][name].dims
        last = theirs[name].dims[-1]
        assert list(theirs[name][last].values) == list(trees[0][name][last].values)
        for k in range(theirs[name].sizes[last]):
            other = _of_runs([tree[name].values[0, :, k] for tree in trees], [equal] * RUNS)
            _agree(f"{name} {k}", _of_draws(theirs[name].values[..., k]), other)
