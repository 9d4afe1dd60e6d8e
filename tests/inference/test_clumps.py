"""Sets of answers that too many agents give: Poisson tails by hand, planted copies, and few false alarms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from dissensus.datasets.simulate import simulate
from dissensus.inference.clumps import SIGNIFICANT, clump_check
from dissensus.inference.expected_patterns import expected_patterns
from dissensus.inference.parameters import draw_prior
from scipy import stats

from .builders import counts_of_agents, density_of, make_area, make_study
from .predicted import FOUR, GOOD, case_density, draws_of, with_counts
from .unspoilt import unspoilt

FIVE = make_study(make_area(*["x y z -", "y z - x"] * 3))


def _patterns(density, theta):
    return expected_patterns(density, theta, np.random.default_rng(1))


def test_the_p_value_by_hand():
    """One of 81 possible sets of answers, given by 30 of 243 agents where 3 are expected of every set."""
    density = density_of(simulate(FOUR, 243, seed=1))
    theta = draw_prior(density.parameters, 1, np.random.default_rng(1))
    found = _patterns(density, theta)
    assert found.possible == len(found.observed) == 81
    flat = np.full((1, 81), np.log(1 / 81))
    number = np.full(81, 213 / 80)
    number[7] = 30
    check = clump_check(replace(found, loglik=flat, observed=number))
    assert check.state == "caution"
    assert (
        "30 agents give exactly the same answers to all items they answer, where the model expects 3" in check.message
    )
    assert check.value == pytest.approx(81 * stats.poisson.sf(29, 3.0))


@pytest.mark.parametrize(("copies", "state"), [(0, "ok"), (8, "note"), (40, "caution")])
def test_copied_answers_are_found(copies, state):
    """Of 1,000 agents some are copies of one who gives rare answers."""
    choices = simulate(FIVE, 1_000, seed=2, truth=GOOD)
    counts = counts_of_agents(choices.areas[0]).copy()
    density = density_of(choices)
    theta = draws_of(density)
    rare = int(np.argmin(_expected_of(density, theta)))
    counts[:copies] = counts[rare]
    density = with_counts(choices, counts)
    check = clump_check(_patterns(density, draws_of(density)))
    assert check.state == state


def _expected_of(density, theta):
    """Return the expected number of agents with the answers of each agent."""
    found = _patterns(density, theta)
    mean = found.expected.mean(axis=0)
    key = {tuple(c): m for c, m in zip(found.counts.tolist(), mean, strict=True)}
    return np.array([key[tuple(c)] for c in counts_of_agents(density.area).tolist()])


def test_false_alarms_are_rare():
    states = [clump_check(_patterns(density, theta)).state for density, theta in unspoilt()]
    assert sum(state != "ok" for state in states) <= stats.binom.ppf(0.999, len(states), SIGNIFICANT)


def test_nothing_is_said_of_repeated_items():
    density = case_density("follow, repeated")
    theta = draw_prior(density.parameters, 3, np.random.default_rng(1))
    assert clump_check(_patterns(density, theta)) is None
