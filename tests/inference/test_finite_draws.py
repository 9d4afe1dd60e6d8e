"""Draws that are not finite numbers are filled in for the computation and unknown in what comes out."""

from __future__ import annotations

import numpy as np
import pytest
from dissensus.inference.area_scores import area_scores
from dissensus.inference.finite_draws import filled, unknown_where
from dissensus.inference.parameters import draw_prior

from .builders import CASES, density_of

FIELDS = ("contention", "misalignment", "relative_misalignment", "pair_weight")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_draw_with_one_number_that_is_none_becomes_the_mode(value):
    theta = np.arange(24.0).reshape(2, 4, 3)
    broken = theta.copy()
    broken[0, 1, 2] = broken[1, 3, 0] = value
    mode = np.array([-1.0, -2.0, -3.0])
    expected = theta.copy()
    expected[0, 1] = expected[1, 3] = mode
    np.testing.assert_array_equal(filled(broken, mode), expected)
    assert np.isnan(broken).sum() + np.isinf(broken).sum() == 2  # the draws given are left as they are


def test_finite_draws_are_handed_on():
    theta = np.arange(6.0).reshape(2, 3)
    assert filled(theta, np.zeros(3)) is theta


def test_scores_of_filled_draws_are_unknown_and_no_others():
    density = density_of(CASES["groups"]())
    rng = np.random.default_rng(1)
    scores = area_scores(density, draw_prior(density.parameters, 6, rng), rng)
    broken = np.array([False, True, False, False, True, False])
    marked = unknown_where(broken, scores)
    for estimand in ("sample", "population"):
        for level in ("overall", "groups"):
            before, after = (getattr(getattr(found, estimand), level) for found in (scores, marked))
            for field in FIELDS:
                old, new = getattr(before, field), getattr(after, field)
                assert old.shape == new.shape
                assert np.isnan(new[broken]).all()
                np.testing.assert_array_equal(new[~broken], old[~broken])
    assert scores.sample.groups.contention.ndim == 3
    assert unknown_where(np.zeros(6, dtype=bool), scores) is scores
