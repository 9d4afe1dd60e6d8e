"""All checks of misfit of an area together."""

from __future__ import annotations

import numpy as np
import pytest
from dissensus.inference.misfit import NAMES, misfit_checks
from dissensus.inference.parameters import draw_prior
from scipy import stats

from .builders import CASES
from .predicted import case_density
from .unspoilt import unspoilt


def _checks(density, theta, seed=0):
    return misfit_checks(density, theta, np.random.default_rng(seed))


@pytest.mark.parametrize("case", CASES)
def test_every_kind_of_area(case):
    """The checks run, say something when they are not ok, and a repeat gives the same."""
    density = case_density(case)
    theta = draw_prior(density.parameters, 50, np.random.default_rng(1))
    found = _checks(density, theta)
    assert {check.name for check in found} <= set(NAMES)
    for check in found:
        assert check.state in {"ok", "note", "caution"}
        assert (check.message == "") == (check.state == "ok")
        assert np.isfinite(check.value)
    assert found == _checks(density, theta)


def test_one_answer_per_agent_shows_no_misfit():
    density = case_density("one answer")
    theta = draw_prior(density.parameters, 50, np.random.default_rng(1))
    assert _checks(density, theta) == []


def test_draws_that_are_not_numbers_fail():
    density = case_density("follow")
    theta = draw_prior(density.parameters, 50, np.random.default_rng(1))
    theta[7, 0] = np.nan
    (check,) = _checks(density, theta)
    assert check.state == "caution"
    assert "not finite" in check.message


def test_false_alarms_are_rare():
    """In data sets of the default priors a caution is raised in at most one of twenty."""
    alarms = [any(check.state == "caution" for check in _checks(*found)) for found in unspoilt()]
    assert sum(alarms) <= stats.binom.ppf(0.999, len(alarms), 0.05)
