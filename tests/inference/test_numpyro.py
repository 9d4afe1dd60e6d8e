"""The log density is that of a NumPyro model written from the mathematics, with the same nodes."""

from __future__ import annotations

import numpy as np
import pytest
from dissensus.inference.density import area_density, log_density
from dissensus.inference.parameters import draw_prior
from hypothesis import given, settings
from hypothesis import strategies as st

from .builders import CASES, density_of
from .mixed_studies import KINDS, mixed_choices

pytest.importorskip("numpyro", reason="NumPyro is not installed: uv run --group benchmark pytest -k numpyro")
from . import numpyro_model


def _agree(choices, area, density, seed):
    theta = draw_prior(density.parameters, 1, np.random.default_rng(seed))
    expected = numpyro_model.log_posterior(choices, area, choices.study.priors, theta[0], len(density.states.node))
    assert log_density(density, theta)[0] == pytest.approx(expected, abs=1e-8, rel=1e-10)


@pytest.mark.parametrize("case", CASES)
def test_every_structure(case):
    """Learned goals, groups, survey weights, many answers, one answer: each at a draw from the prior."""
    choices = CASES[case]()
    for area in choices.areas:
        _agree(choices, area, area_density(choices, area, choices.study.priors), 1)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**9),
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=5),
    rule=st.sampled_from(["follow", "luce"]),
    no_goal=st.booleans(),
    baseline=st.sampled_from(["free", "uniform"]),
)
def test_random_studies_of_mixed_kinds(seed, kinds, rule, no_goal, baseline):
    rng = np.random.default_rng(seed)
    choices = mixed_choices(rng, kinds, seed=seed, rule=rule, no_goal=no_goal, baseline=baseline)
    _agree(choices, choices.areas[0], density_of(choices), seed)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**9),
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=4),
    rule=st.sampled_from(["follow", "luce"]),
    no_goal=st.booleans(),
    weights=st.sampled_from(["one", "free"]),
)
def test_random_studies_of_learned_goals(seed, kinds, rule, no_goal, weights):
    """What two goals favour is learned, in items of every kind."""
    rng = np.random.default_rng(seed)
    choices = mixed_choices(rng, kinds, seed=seed, goals=2, rule=rule, no_goal=no_goal, weights=weights)
    _agree(choices, choices.areas[0], density_of(choices), seed)
