"""Ranks of one data set: exactly uniform where they should be, absent where a fit is lost."""

from dataclasses import replace

import numpy as np
import pytest
from dissensus.inference import calibration_ranks
from dissensus.inference.calibration_design import Quantity, quantities
from dissensus.inference.calibration_ranks import RANKS, rank, run_set
from dissensus.inference.checks import Check

from .calibration_designs import DESIGNS


def test_a_truth_among_its_peers_has_every_rank_equally_often():
    """Of 1,000 exchangeable numbers, any may be the truth: 5 of them share each of the 200 ranks, up to rounding."""
    values = np.random.default_rng(1).normal(size=1_000)
    ranks = [rank(np.delete(values, i), values[i], 0.5) for i in range(1_000)]
    np.testing.assert_array_equal(np.bincount(ranks, minlength=RANKS), 5)


def test_ties_are_broken_by_chance_over_the_whole_tie():
    draws = np.array([0.1, 0.3, 0.3, 0.3])
    chances = (np.arange(1_000) + 0.5) / 1_000
    ranks = np.array([rank(draws, 0.3, u) for u in chances])
    assert (ranks.min(), ranks.max()) == (RANKS // 5, RANKS - 1)  # above one of five, and up to the top
    np.testing.assert_allclose(np.diff(ranks), np.diff(ranks).clip(0, 1))  # evenly in between


def test_rounding_does_not_make_two_equal_scores_differ():
    third = np.full(199, 0.1 + 0.2)
    assert rank(third, 0.3, 0.0) == 0
    assert rank(third, 0.3, 0.999) == RANKS - 1


def test_undefined_scores_are_less_than_any_other():
    assert rank(np.array([0.0, 0.5, 1.0]), np.nan, 0.999) < RANKS // 4
    assert rank(np.array([np.nan, np.nan, np.nan]), 0.0, 0.0) == RANKS * 3 // 4
    assert {rank(np.array([np.nan]), np.nan, u) for u in (0.0, 0.999)} == {0, RANKS - 1}


def test_a_data_set_depends_on_its_seed_and_number_only():
    first, again, other = (run_set(DESIGNS["uniform"], seed, number) for seed, number in ((1, 4), (1, 4), (2, 4)))
    assert first == again
    assert first.ranks != other.ranks
    assert first.error < 1e-12


@pytest.mark.parametrize("name", ["groups", "two areas, one with one answer"])
def test_every_quantity_of_a_design_is_ranked(name):
    result = run_set(DESIGNS[name], 1, 0)
    assert result.lost == ("",) * len(DESIGNS[name].study.areas)
    assert len(result.ranks) == len(quantities(DESIGNS[name]))
    assert all(isinstance(r, int) and 0 <= r < RANKS for r in result.ranks)


def test_what_is_ranked():
    names = [q.name for q in quantities(DESIGNS["two areas, one with one answer"]) if q.group is None]
    assert names == [
        "first: sample contention",
        "first: sample misalignment",
        "first: sample relative misalignment",
        "first: population contention",
        "first: population misalignment",
        "first: population relative misalignment",
        "second: sample contention",
        "second: population contention",
        "overall: sample contention",
        "overall: population contention",
        "first: log likelihood",
        "second: log likelihood",
    ]
    assert len(quantities(DESIGNS["groups"])) == 6 + 6 * 6 + 1  # six pairs of groups, six scores each
    assert Quantity("contention", "sample", "tax", "x", "y").name == "tax: sample contention, x to y"


def test_a_lost_fit_leaves_no_rank_and_a_reason(monkeypatch):
    """An error in one area takes its scores and the overall ones; the other area keeps its ranks."""
    design, real = DESIGNS["two areas"], calibration_ranks.draw_area
    whole = run_set(design, 1, 0)

    def fails(density, stream):
        if density.area.name == "second":
            raise FloatingPointError("no draw is finite")
        return real(density, stream)

    monkeypatch.setattr(calibration_ranks, "draw_area", fails)
    result = run_set(design, 1, 0)
    assert result.lost == ("", "FloatingPointError: 'no draw is finite'")
    assert result.methods == (whole.methods[0], "")
    for quantity, rank_now, was in zip(quantities(design), result.ranks, whole.ranks, strict=True):
        assert rank_now == (was if quantity.area == "first" else None)


def test_a_refused_fit_is_lost(monkeypatch):
    refused = [Check("pareto-k", "refused", "area", "Pareto k̂ is too large.")]
    monkeypatch.setattr(calibration_ranks, "sampling_checks", lambda *_: refused)
    result = run_set(DESIGNS["uniform"], 1, 0)
    assert result.lost == ("Pareto k̂ is too large.",)
    assert set(result.ranks) == {None}


def test_data_that_cannot_be_fitted_are_lost():
    """So few answers that nobody answers some item."""
    design = replace(DESIGNS["missing"], n_agents=2, missing=0.9)
    results = [run_set(design, 1, number) for number in range(3)]
    assert any("cannot be fitted" in result.lost[0] for result in results)
    assert all(set(result.ranks) == {None} for result in results if result.lost[0])
