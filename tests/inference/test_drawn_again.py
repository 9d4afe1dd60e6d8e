"""The draws behind the stored scores, made again: the same numbers, whatever units the agents are split into."""

from __future__ import annotations

import numpy as np
import pytest
from dissensus.forward_model.pair_sums import totals_scores
from dissensus.inference import posterior_states
from dissensus.inference.drawn_again import draws_of, priors_as_units, unit_states, with_units

from dissensus import datasets, inference

from .builders import make_area, make_study, of_kind
from .fitted import grouped, stouffer_toby


def _totals(area, units):
    return np.concatenate([part.totals for part in unit_states(area, units)])


def _every_kind():
    """An ordered scale, a choice, a comparison and stated importance."""
    area = make_area("x - y - z", "x y z", "x y -", "- - -")
    study = make_study(of_kind(area, "ordinal", "choice", "pairwise A B", "importance"))
    choices = datasets.simulate(study, 50, seed=3, missing=0.1)
    return choices, inference.fit(choices, seed=4)


@pytest.mark.parametrize("fitted", [stouffer_toby, grouped, _every_kind])
def test_the_states_are_those_of_the_stored_scores(fitted):
    """Bit for bit: the seeds, the thinning and the order of random numbers are those of the fit."""
    choices, fit = fitted()
    for p, area in enumerate(draws_of(fit, choices)):
        totals = _totals(area, priors_as_units(area.density))
        scores = totals_scores(totals[:, :, 0], totals[:, :, 1], totals[:, :, 2], area.conflict)
        stored = fit["scores"]["contention"].sel(estimand="sample").isel(area=p).values.ravel()
        np.testing.assert_array_equal(scores.overall.contention, stored)


def test_units_split_the_totals_and_change_none():
    choices, fit = grouped()
    area = draws_of(fit, choices)[0]
    own = np.full(choices.n_agents, -1)
    own[[2, 3, 30, 90]], own[[4, 5]] = 0, 1
    units = with_units(area.density, own)
    whole, split = _totals(area, priors_as_units(area.density)), _totals(area, units)
    for prior in range(area.density.rows.n_priors):
        np.testing.assert_allclose(split[:, units.prior == prior].sum(axis=1), whole[:, prior], atol=1e-12)
    np.testing.assert_array_equal(split[:, :, 0].sum(axis=2), np.broadcast_to(units.size, split.shape[:2]))
    assert units.size.sum() == choices.n_agents
    named = own >= 0
    assert set(units.of_agent[named]).isdisjoint(units.of_agent[~named])
    assert (units.prior[units.of_agent] == priors_as_units(area.density).of_agent).all()


def test_totals_of_a_large_group_are_split_with_the_right_mean_and_spread(monkeypatch):
    """What is left of a group has the mean and covariance of its own states, not those of the whole less a part."""
    choices, fit = stouffer_toby()
    area = draws_of(fit, choices)[0]
    own = np.where(np.random.default_rng(1).permutation(choices.n_agents) < 90, 0, -1)
    units = with_units(area.density, own)
    exact = _totals(area, units)
    monkeypatch.setattr(posterior_states, "EXACT_AGENTS", 20)
    monkeypatch.setattr(posterior_states, "_MOST_EXACT", 20)
    normal = _totals(area, units)
    whole = _totals(area, priors_as_units(area.density))
    np.testing.assert_allclose(normal.sum(axis=1), whole[:, 0], atol=1e-6)
    for unit in (0, 1):
        a, b = exact[:, unit, 1:].reshape(len(exact), -1), normal[:, unit, 1:].reshape(len(exact), -1)
        error = np.sqrt((a.var(axis=0) + b.var(axis=0)) / len(a))
        assert (np.abs(a.mean(axis=0) - b.mean(axis=0)) < 4 * error + 1e-9).all()
        np.testing.assert_allclose(b.std(axis=0), a.std(axis=0), rtol=0.1)
