"""All predictive checks of an area together, on every kind of area and on real tables."""

from __future__ import annotations

import os

import numpy as np
import pytest
from dissensus.datasets.registry import load
from dissensus.inference.density import area_density
from dissensus.inference.parameters import draw_prior
from dissensus.inference.predictive_checks import predictive_checks

from .builders import CASES, density_of
from .predicted import case_density, draws_of


@pytest.mark.parametrize("case", CASES)
def test_checks_run_on_every_kind_of_area(case):
    """Each has a finite value and a sentence where it found something, and a repeat gives the same."""
    density = case_density(case)
    theta = draw_prior(density.parameters, 5, np.random.default_rng(1))
    checks = predictive_checks(density, theta)
    assert all(np.isfinite(check.value) for check in checks)
    assert all((check.message == "") == (check.state == "ok") for check in checks)
    assert checks == predictive_checks(density, theta)


class TestRealTables:
    def test_stouffer_and_toby_fit(self):
        """The four dilemmas measure one thing, and the model accounts for their tables."""
        density = density_of(load("stouffer_toby"))
        assert [check.state for check in predictive_checks(density, draws_of(density))] == ["ok"] * 5

    @pytest.mark.skipif("DISSENSUS_DATA" not in os.environ, reason="DISSENSUS_DATA is not set")
    def test_spending_abroad_does_not_hang_together(self):
        """Welfare, environment and order do; the military, aid and space do not, and are held back."""
        choices = load("gss_spending")
        for area in choices.areas:
            density = area_density(choices, area, choices.study.priors)
            check = next(c for c in predictive_checks(density, draws_of(density)) if c.name == "hang-together")
            assert (check.state, check.blank) == (("caution", True) if area.name == "abroad" else ("ok", False))
