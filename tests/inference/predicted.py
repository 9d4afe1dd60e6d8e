"""Posteriors and replicated tables for the tests of predictive checks."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
from dissensus.inference.density import area_density
from dissensus.inference.importance import importance_draws, resample
from dissensus.inference.mode import find_modes
from dissensus.inference.replicated_answers import posterior_predictive_answers

from dissensus import datasets, inference

from .builders import CASES, density_of, make_area, make_study

FOUR = make_study(make_area(*["x y z"] * 4))
GOOD = {"a": {"goal_share": [0.3, 0.3, 0.4], "weight_mean": 0.6}}


@functools.cache
def case_density(case):
    return density_of(CASES[case]())


def draws_of(density, seed=0, draws=200, proposals=800):
    rng = np.random.default_rng(seed)
    return resample(importance_draws(density, find_modes(density, rng, starts=3), rng, draws=proposals), draws, rng)


def with_counts(choices, counts):
    """Return the density of the first area with other answers, given as counts by agent."""
    patterns, of_agent = np.unique(counts, axis=0, return_inverse=True)
    area = replace(choices.areas[0], counts=patterns, pattern_of_agent=np.ravel(of_agent))
    return area_density(choices, area, choices.study.priors)


def replicated(choices, density, theta, draws, seed):
    """Yield densities whose answers are replicates at one parameter vector."""
    new = posterior_predictive_answers(density, np.repeat(theta[None], draws, axis=0), seed=seed)
    for option in new.option:
        counts = np.zeros((choices.n_agents, density.n_options), dtype=int)
        np.add.at(counts, (new.agent, option), 1)
        yield with_counts(choices, counts)


@functools.cache
def two_areas():
    """Return 250 agents in two groups, two areas of three goals, and their fit."""
    study = make_study(
        make_area(*["x y z"] * 4, name="tax", conflict={"x|y": 1.0, "x|z": 0.5, "y|z": 0.8}),
        make_area("x y z", "y z x", "z x y -", name="speech", area_weight=2.0),
    )
    settings = {"goal_share": [0.4, 0.35, 0.25], "weight_mean": 0.6}
    truth = {"tax": settings, "speech": settings}
    choices = datasets.simulate(study, 250, seed=3, truth=truth, groups=["left", "right"], missing=0.1)
    return choices, inference.fit(choices, seed=1, method="laplace")
