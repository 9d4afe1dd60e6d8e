"""Influence of single agents: against fits without them, sums over areas, and cautions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from dissensus.inference.area_scores import population_scores
from dissensus.inference.density import area_density
from dissensus.inference.influence import COLUMNS, _area_shifts, _row, influence
from dissensus.inference.left_out import Entries, entries_of

from dissensus.errors import InputError

from .builders import density_of, make_area, make_study, random_choices
from .fitted import stouffer_toby
from .predicted import draws_of, two_areas


def test_shift_is_that_of_a_fit_without_the_agent():
    """The posterior mean of the population scores, refitted, within Monte Carlo error."""
    choices = random_choices(make_study(make_area("x y z", "y z x", "z x y")), 25, seed=4)
    density = density_of(choices)
    theta = draws_of(density, draws=4_000, proposals=16_000)
    rows = density.rows.n_rows
    shift, sd, khat = _area_shifts(
        Entries(density, theta, np.arange(rows), np.ones(rows), density.rows.row_of_agent, 1.0), np.ones(1)
    )
    before = population_scores(density, theta).overall
    area = choices.areas[0]
    for agent in (0, 7):
        keep = np.arange(25) != agent
        others = replace(
            choices,
            agents=choices.agents[keep],
            group_of_agent=choices.group_of_agent[keep],
            areas=(replace(area, pattern_of_agent=area.pattern_of_agent[keep]),),
        )
        without = area_density(others, others.areas[0], others.study.priors)
        after = population_scores(without, draws_of(without, seed=agent, draws=4_000, proposals=16_000)).overall
        row = density.rows.row_of_agent[agent]
        for score in shift:
            moved = getattr(after, score).mean() - getattr(before, score).mean()
            assert shift[score][row] == pytest.approx(moved, abs=0.15 * sd[score])
        assert khat[row] < 0.7


def test_overall_is_the_weighted_sum_over_areas():
    """Shifts add up with the weights of the areas, since these share no parameter."""
    choices, fit = two_areas()
    table = influence(fit, top=3)
    assert list(table.columns) == list(COLUMNS)
    overall = table[table["area"].isna() & (table["score"] == "contention")]
    assert len(overall) == 3
    shifts = [_area_shifts(entries, np.array([0.5, 0.5]))[0]["contention"] for entries in entries_of(fit)]
    each = [s[entries.of_agent] for s, entries in zip(shifts, entries_of(fit), strict=True)]
    expected = pd.Series((each[0] + 2 * each[1]) / 3, index=choices.agents)
    np.testing.assert_allclose(overall["shift"], expected[overall["agent"]], atol=2e-3)


def test_rows_are_the_most_influential_agents_first():
    """Distinct agents by the size of their shift; in a large table nobody matters much."""
    table = influence(stouffer_toby()[1], top=4)
    for _, own in table.groupby("score"):
        assert own["shift"].abs().is_monotonic_decreasing
        assert own["agent"].is_unique
        np.testing.assert_allclose(own["shift_in_sd"], own["shift"] / own["sd"])
    assert (table["state"] == "ok").all()
    assert (table["sentence"] == "").all()


@pytest.mark.parametrize(
    ("shift", "khat", "state", "words"),
    [
        (0.04, 0.1, "ok", ""),
        (-0.06, 0.1, "caution", "Without agent '7' contention in tax would move by -0.060, 0.6 of its posterior sd."),
        (0.03, 0.9, "caution", "or more (Pareto k̂ is 0.90, so these draws do not say how much)"),
        (0.01, float("nan"), "ok", ""),
        (float("nan"), 0.1, "caution", "nan"),
    ],
)
def test_caution_from_half_a_standard_deviation(shift, khat, state, words):
    """A quarter where the shift is not known well."""
    row = _row("contention", "tax", "7", 1, shift, 0.1, khat)
    assert row["state"] == state
    assert words in row["sentence"]


def test_top_is_positive():
    with pytest.raises(InputError, match='"top" is 0'):
        influence(stouffer_toby()[1], top=0)
