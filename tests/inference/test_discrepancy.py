"""Discrepancies: how certain, and how far a score would move; exact in the Gaussian case."""

from __future__ import annotations

import numpy as np
import pytest
from dissensus.inference.discrepancy import MOVED, Discrepancy, assess, checks_of
from scipy import stats


def _draws(mean, sd, n=20_000):
    """Return draws whose mean and sd are exact."""
    z = stats.norm.ppf((np.arange(n) + 0.5) / n)
    return mean + sd * (z - z.mean()) / z.std()


def _says(sign="any", *, one_sided=False):
    def make(gap, variance):
        return Discrepancy("thing", gap, variance, lambda z: f"There is {'more' if z > 0 else 'less'} of it", one_sided)

    return make


@pytest.mark.parametrize(("n", "m", "x", "t"), [(40, 30, 0.1, 0.9), (100, 10, -0.3, 0.2), (50, 70, 0.0, -0.7)])
def test_the_shift_is_exact_for_normal_data(n, m, x, t):
    """Two samples of one mean, flat prior: freeing the mean of the second leaves the mean of the first."""
    theta = _draws((n * x + m * t) / (n + m), np.sqrt(1 / (n + m)))
    gap = m * (t - theta)  # what the second sample says of the mean at each draw
    found = assess([_says()(gap, float(m))], {"score": theta})[0]
    assert found.shift["score"] == pytest.approx(x - theta.mean(), rel=1e-3)
    assert found.z == pytest.approx((t - x) / np.sqrt(1 / n + 1 / m), rel=1e-3)  # the test of equal means
    assert found.p == pytest.approx(2 * stats.norm.sf(abs(found.z)))


def test_p_values_are_adjusted_and_may_be_one_sided():
    gaps = [_draws(2.0, 0.5), _draws(-2.0, 0.5), _draws(0.1, 0.5)]
    found = assess([_says(one_sided=True)(gap, 1.25) for gap in gaps], {"s": gaps[0]})
    tail = stats.norm.sf(2.0)
    assert [f.p for f in found] == pytest.approx([3 * tail, 1 - tail, 2 * stats.norm.sf(0.1)], rel=1e-3)
    two_sided = assess([_says()(gap, 1.25) for gap in gaps], {"s": gaps[0]})
    assert [f.p for f in two_sided][:2] == pytest.approx([6 * tail, 6 * tail], rel=1e-3)


def test_a_misfit_is_a_caution_only_where_it_moves_a_score():
    gap = _draws(6.0, 0.6)
    scores = {"moves": _draws(0.5, 0.1), "stays": np.tile([0.2, 0.3], 10_000)}
    checks = checks_of("area", assess([_says()(gap, 1.36)], scores), scores)
    assert [(c.name, c.state, c.scores) for c in checks] == [("thing", "caution", ("moves",))]
    assert checks[0].message.startswith("There is more of it (p < 0.001); allowing for that would move moves from 0.50")
    only = {"stays": scores["stays"]}
    (note,) = checks_of("area", assess([_says()(gap, 1.36)], only), only)
    assert note.state == "note"
    assert "hardly move" in note.message


def test_nothing_is_said_of_what_chance_does():
    scores = {"s": _draws(0.5, 0.1)}
    (check,) = checks_of("area", assess([_says()(_draws(1.0, 0.6), 1.36)], scores), scores)
    assert (check.state, check.message) == ("ok", "")
    assert check.value == pytest.approx(2 * stats.norm.sf(1.0), rel=1e-3)


def test_what_cannot_be_computed_has_failed():
    scores = {"s": _draws(0.5, 0.1)}
    gap = np.full(20_000, np.nan)
    (check,) = checks_of("area", assess([_says()(gap, 1.0)], scores), scores)
    assert check.state == "caution"


def test_the_bound_on_shifts_is_what_it_says():
    """A shift of just over half a standard deviation is a caution, one just under it a note."""
    for size, state in ((1.02, "caution"), (0.98, "note")):
        gap = _draws(4.0, 0.0)
        score = _draws(0.5, 0.1)
        slope = MOVED * size * 0.1 / 4.0
        gap = gap + slope / 0.1**2 * (score - score.mean())  # so that the shift is half a standard deviation × size
        scores = {"s": score}
        variance = 1.0 + gap.var() * (1 - 1 / len(gap))
        (check,) = checks_of("area", assess([_says()(gap, float(variance))], scores), scores)
        assert check.state == state
