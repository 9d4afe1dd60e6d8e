"""Draws of areas with few parameters and many answers per agent: the same posterior, judged the same way."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pytest
from dissensus.inference import area_fit, pooled_importance
from dissensus.inference.area_fit import fit_area
from dissensus.inference.area_scores import exported_quantities
from dissensus.inference.density import log_density
from dissensus.inference.importance import MAX_KHAT, MIN_EFFECTIVE, ImportanceDraws, effective_draws, smooth
from dissensus.inference.mode import find_modes
from dissensus.inference.parameters import draw_prior, log_prior
from dissensus.inference.pooled_importance import MOST_COORDINATES, has_few_coordinates, pooled_draws, skewed_draws

from .builders import density_of, make_area, make_choices, make_study, random_choices

_CASES = {
    "ridge": [[3, 1], [0, 4], [2, 2], [4, 0], [1, 3], [5, 0], [2, 3]],
    "all alike": [[6, 0], [5, 1], [7, 0], [3, 0], [4, 1]],
    "two kinds": [[9, 0], [0, 9], [8, 1], [1, 8], [9, 1], [0, 7]],
}


@functools.cache
def _density(case, rule="follow"):
    study = make_study(make_area("x y", repeated=True, rule=rule))
    return density_of(make_choices(study, {"a0": np.array(_CASES[case])}))


def _drawn(density, seed=1, **options):
    rng = np.random.default_rng(seed)
    modes = find_modes(density, rng)
    settings = {"draws": 2_000, "pilot": 400} | options
    return pooled_draws(density, modes, rng, exported=lambda theta: exported_quantities(density, theta), **settings)


def _skewed(density, seed=1):
    rng = np.random.default_rng(seed)
    return skewed_draws(density, find_modes(density, rng), rng, exported=lambda t: exported_quantities(density, t))


@pytest.mark.parametrize("drawn", [_drawn, _skewed])
@pytest.mark.parametrize("rule", ["follow", "luce"])
@pytest.mark.parametrize("case", _CASES)
def test_pooled_draws_are_from_the_posterior_that_weighted_prior_draws_give(case, rule, drawn):
    """Draws from the prior, weighted by the likelihood, are another route that knows no mode and no mixture."""
    density = _density(case, rule)
    pooled = drawn(density)
    assert pooled.accepted
    theta = draw_prior(density.parameters, 30_000, np.random.default_rng(5))
    log_weight, khat = smooth(log_density(density, theta) - log_prior(density.parameters, theta))
    plain = ImportanceDraws(theta, log_weight, khat, float(np.exp(-np.logaddexp.reduce(2 * log_weight))), 0)
    assert plain.effective > 300
    for a, b in zip(exported_quantities(density, pooled.theta).T, exported_quantities(density, theta).T, strict=True):
        means, spreads, errors = [], [], []
        for found, values in ((pooled, a), (plain, b)):
            weight = np.exp(found.log_weight)
            mean = weight @ values
            means.append(mean)
            spreads.append(np.sqrt(weight @ np.square(values - mean)))
            errors.append(spreads[-1] / np.sqrt(effective_draws(found, values)))
        assert abs(means[0] - means[1]) < 4.5 * np.hypot(*errors)
        assert spreads[0] == pytest.approx(spreads[1], rel=0.15)


def test_every_draw_counts_and_rounds_are_added_while_they_are_not_accepted():
    density = _density("ridge")
    enough = _drawn(density)
    assert len(enough.theta) == len(enough.log_weight)
    more = _drawn(density, enough=1.5 * len(enough.theta))
    assert len(more.theta) > len(enough.theta)
    assert more.rounds > enough.rounds
    assert np.exp(more.log_weight).sum() == pytest.approx(1)


def test_draws_that_never_become_enough_are_not_accepted(monkeypatch):
    """A proposal that never learns from its draws, far from the posterior, must fail the verdict."""
    density = _density("two kinds")

    def far(*_):
        centre = np.full((1, density.size), 40.0)
        return pooled_importance.Mixture(np.ones(1), centre, 1e-3 * np.eye(density.size)[None])

    monkeypatch.setattr(pooled_importance, "_matched", far)
    monkeypatch.setattr(pooled_importance, "_wide", far)
    monkeypatch.setattr(pooled_importance, "proposal", far)
    found = _drawn(density, draws=200, pilot=50)
    assert not found.accepted
    assert not (found.khat <= MAX_KHAT and found.effective >= MIN_EFFECTIVE)


def test_only_areas_of_few_parameters_and_repeated_answers_are_drawn_so():
    density = _density("ridge")
    assert has_few_coordinates(density)
    assert not has_few_coordinates(replace(density, pivot=np.zeros((2, 2))))
    study = make_study(make_area("x y", "y x"))
    assert not has_few_coordinates(density_of(random_choices(study, 20, seed=1)))
    many = make_study(make_area(*["x y -"] * 6, repeated=True))
    answers = {f"a{j}": np.ones((4, 3), dtype=int) for j in range(6)}
    wide = density_of(make_choices(many, answers))
    assert wide.size > MOST_COORDINATES
    assert not has_few_coordinates(wide)


def test_the_fit_of_an_area_takes_this_way(monkeypatch):
    """With it no area of a log of ratings went on to NUTS."""
    monkeypatch.setattr(area_fit, "nuts_draws", lambda *_, **__: pytest.fail("NUTS is not needed"))
    fitted = fit_area(_density("ridge"), np.random.default_rng(3), method="auto", draws=1_000)
    assert fitted.method == "importance"
    assert fitted.importance is not None
    assert fitted.importance.accepted
    assert fitted.theta.shape == (1, 1_000, fitted.density.size)
