"""The note on graded conflict entries: exact derivatives, and silence where entries are conventions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from dissensus.inference.area_scores import population_scores
from dissensus.inference.conflict_entries import OFF, conflict_check
from dissensus.inference.parameters import draw_prior

from .builders import density_of, make_area, make_study, random_choices

ITEMS = ("x y z", "y x z", "z x y")


def _density(conflict, n=40):
    return density_of(random_choices(make_study(make_area(*ITEMS, conflict=conflict)), n, seed=1))


def test_the_shift_is_that_of_a_changed_matrix():
    """Scores are linear in the entries: the shift is the difference of two scores."""
    density = _density({"x|y": 0.4, "x|z": 1.0, "y|z": 0.7})
    theta = draw_prior(density.parameters, 400, np.random.default_rng(1))
    conflict = density.area.conflict
    graded = (conflict > 0) & (conflict < 1)
    higher = replace(density, area=replace(density.area, conflict=conflict + OFF * graded))
    before, after = (population_scores(d, theta).overall for d in (density, higher))
    check = conflict_check(density, theta)
    ratio = {}
    for score in ("contention", "misalignment", "relative_misalignment"):
        a, b = getattr(before, score), getattr(after, score)
        ratio[score] = (b - a).mean() / (np.quantile(a, 0.95) - np.quantile(a, 0.05)) * 2
    assert check.value == pytest.approx(max(ratio.values()), rel=1e-9)
    assert max(ratio, key=ratio.get).replace("_", " ") in check.message or check.state == "ok"


def test_entries_of_0_and_1_are_conventions():
    for conflict in (1.0, 0.0, {"x|y": 1.0, "x|z": 0.0, "y|z": 1.0}):
        density = _density(conflict)
        assert conflict_check(density, draw_prior(density.parameters, 50, np.random.default_rng(1))) is None


def test_a_narrow_interval_gets_a_note_and_never_a_caution():
    """With one parameter vector the interval has no width."""
    density = _density(0.5)
    theta = np.repeat(draw_prior(density.parameters, 1, np.random.default_rng(1)), 20, axis=0)
    check = conflict_check(density, theta)
    assert check.state == "note"
    assert "0.1 higher or lower" in check.message


def test_a_wide_interval_says_nothing():
    density = _density({"x|y": 1.0, "x|z": 1.0, "y|z": 0.98})
    check = conflict_check(density, draw_prior(density.parameters, 400, np.random.default_rng(1)))
    assert (check.state, check.message) == ("ok", "")
