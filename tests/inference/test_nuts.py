"""NUTS against exact answers, its seeds and its segments; against importance draws in ``test_agreement``."""

from __future__ import annotations

import numpy as np
from arviz_stats.base import array_stats
from dissensus.inference.mode import find_modes
from dissensus.inference.nuts import CHAINS, Memory, nuts_draws, segment_length
from dissensus.inference.parameters import constrain
from scipy import stats

from .builders import density_of, make_area, make_choices, make_study
from .chance import assert_within


def test_nuts_draws_from_a_posterior_that_is_a_beta():
    """One answer each, 12 for x and 5 for y: the share is Beta(13, 6)."""
    density = density_of(make_choices(make_study(make_area("x y")), {"a0": np.repeat([0, 1], [12, 5])}))
    modes = find_modes(density, np.random.default_rng(1))
    drawn = nuts_draws(density, modes, 2, draws=750)
    assert drawn.theta.shape == (CHAINS, 750, 1)
    assert not drawn.diverging.any()
    assert np.isfinite(drawn.energy).all()
    share = constrain(density.parameters, drawn.theta.reshape(-1, 1), 2).share[:, 0].reshape(CHAINS, 750)
    exact = stats.beta(13, 6)
    for quantile in (0.05, 0.5, 0.95):
        below = (share < exact.ppf(quantile)).astype(float)
        assert_within(below.mean(), quantile, np.sqrt(quantile * (1 - quantile) / array_stats.ess(below)))


def _small():
    density = density_of(make_choices(make_study(make_area("x y")), {"a0": [0, 1, 1]}))
    return density, find_modes(density, np.random.default_rng(7))


def test_seeds_fix_the_draws():
    density, modes = _small()
    one, other, third = (nuts_draws(density, modes, seed, draws=20) for seed in (8, 8, 9))
    np.testing.assert_array_equal(one.theta, other.theta)
    assert not np.array_equal(one.theta[0], one.theta[1])
    assert not np.array_equal(one.theta, third.theta)


def test_attempts_draw_anew():
    density, modes = _small()
    one, other = (nuts_draws(density, modes, 8, draws=20, attempt=attempt) for attempt in (0, 1))
    assert not np.array_equal(one.theta, other.theta)


def test_more_draws_begin_with_those_drawn_already():
    density, modes = _small()
    length, store, said = segment_length(density), Memory(), []
    short = nuts_draws(density, modes, 8, draws=length, store=store, report=said.append)
    assert len(said) == CHAINS
    longer = nuts_draws(density, modes, 8, draws=2 * length, store=store, report=said.append)
    assert len(said) == 2 * CHAINS  # only what was not there
    np.testing.assert_array_equal(longer.theta[:, :length], short.theta)
    afresh = nuts_draws(density, modes, 8, draws=2 * length)
    for name in ("theta", "energy", "diverging", "depth_reached"):
        np.testing.assert_array_equal(getattr(longer, name), getattr(afresh, name))


def test_a_chain_goes_on_from_its_last_whole_segment():
    """Whatever segments are lost, the same numbers come out."""
    density, modes = _small()
    length, whole, rest = segment_length(density), Memory(), Memory()
    undisturbed = nuts_draws(density, modes, 8, draws=3 * length, store=whole)
    for chain in range(CHAINS):
        for number in range(chain):  # none, one, two or all three segments are left
            rest.keep(density.area.name, 0, chain, number, whole.find(density.area.name, 0, chain, number))
    said = []
    resumed = nuts_draws(density, modes, 8, draws=3 * length, store=rest, report=said.append)
    assert len(said) == 3 + 2 + 1
    np.testing.assert_array_equal(resumed.theta, undisturbed.theta)
