"""Scores of agents who follow several goals, against the double loop over agents."""

from __future__ import annotations

import dissensus.forward_model as fm
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from dissensus.forward_model.soft_memberships import soft_cell_sums, soft_totals_scores
from dissensus.forward_model.weight_means import WEIGHT_MEANS, mean_of_two
from hypothesis import given, settings
from hypothesis import strategies as st

from dissensus.errors import InputError

GOALS = ["a", "b", "c"]
CONFLICT = np.array([[0, 0.4, 1], [0.4, 0, 0.7], [1, 0.7, 0]])
AREA = fm.ProblemArea("p", goals=GOALS, conflict=CONFLICT.tolist())


def _tables(share, weight):
    goals = xr.DataArray(share[:, None], dims=("agent", "area", "goal"), coords={"area": ["p"], "goal": GOALS})
    return goals, xr.DataArray(weight[:, None], dims=("agent", "area"), coords={"area": ["p"]})


def _loop(share, weight, one, two, mean):
    conflict, weighted, weights = [], [], []
    for i in one:
        for j in two:
            if i != j:
                m = float(mean_of_two(weight[i], weight[j], weight_mean=mean))
                conflict.append(share[i] @ CONFLICT @ share[j])
                weighted.append(conflict[-1] * m)
                weights.append(m)
    if not weights:
        return [np.nan] * 3
    relative = sum(weighted) / sum(weights) if sum(weights) > 0 else np.nan
    return [np.mean(conflict), np.mean(weighted), relative]


@given(seed=st.integers(0, 10**6), mean=st.sampled_from(WEIGHT_MEANS), n=st.integers(2, 8))
@settings(max_examples=60, deadline=None)
def test_every_score_is_that_of_the_double_loop(seed, mean, n):
    rng = np.random.default_rng(seed)
    share = rng.dirichlet(np.full(4, 0.5), n)[:, :3]  # what is left follows no goal
    share[rng.random(n) < 0.3] = [1, 0, 0]
    weight = np.where(rng.random(n) < 0.2, 0.0, rng.random(n))
    by = np.where(np.arange(n) % 3 == 0, "u", "v")
    goals, weights = _tables(share, weight)
    whole, parts = (
        fm.score(goals, weights, AREA, weight_mean=mean),
        fm.score(goals, weights, AREA, weight_mean=mean, by=by),
    )
    names = ["contention", "misalignment", "relative_misalignment"]
    everyone = np.arange(n)
    got = [float(whole[name].sel(area="p")) for name in names]
    np.testing.assert_allclose(got, _loop(share, weight, everyone, everyone, mean), atol=1e-12, rtol=0)
    for one, other in (("u", "u"), ("u", "v"), ("v", "v")):
        got = [float(parts[name].sel(area="p", group=one, group_other=other)) for name in names]
        expected = _loop(share, weight, everyone[by == one], everyone[by == other], mean)
        np.testing.assert_allclose(got, expected, atol=1e-12, rtol=0)


def test_one_goal_each_is_as_ever():
    rng = np.random.default_rng(1)
    code, weight = rng.integers(0, 4, 30), rng.random(30)
    share = np.eye(4)[code][:, :3]
    goals, weights = _tables(share, weight)
    plain = pd.DataFrame({"p": np.array([*GOALS, None], dtype=object)[code]})
    for mean in WEIGHT_MEANS:
        soft = fm.score(goals, weights, AREA, weight_mean=mean)
        hard = fm.score(plain, pd.DataFrame({"p": weight}), AREA, weight_mean=mean)
        for name in soft:
            np.testing.assert_allclose(soft[name], hard[name], atol=1e-12)
    pairs, plain_pairs = (
        fm.goal_pair_contributions(g, w, AREA) for g, w in ((goals, weights), (plain, pd.DataFrame({"p": weight})))
    )
    np.testing.assert_allclose(pairs["misalignment"], plain_pairs["misalignment"], atol=1e-14)


def test_totals_give_the_same_scores_as_agents():
    rng = np.random.default_rng(2)
    share, weight, group = rng.dirichlet(np.ones(4), 9), rng.random(9), np.arange(9) % 2
    conflict, each = np.pad(CONFLICT, (0, 1)), np.eye(2)[group]
    own = np.einsum("ig,gh,ih->i", share, conflict, share)
    totals = [each.T @ (share * f[:, None]) for f in (weight**0, np.sqrt(weight), weight)]
    found = soft_totals_scores(*totals, conflict, np.stack([each.T @ own, each.T @ (own * weight)], axis=1))
    goals, weights = _tables(share[:, :3], weight)
    expected = fm.score(goals, weights, AREA)
    by_group = fm.score(goals, weights, AREA, by=group)
    for name in ("contention", "misalignment", "relative_misalignment"):
        np.testing.assert_allclose(getattr(found.overall, name), expected[name].sel(area="p"), atol=1e-13)
        np.testing.assert_allclose(getattr(found.groups, name), by_group[name].sel(area="p"), atol=1e-13)


def test_many_distinct_weights_of_the_harmonic_mean():
    rng = np.random.default_rng(3)
    share, weight = rng.dirichlet(np.ones(3), 6_000), rng.random(6_000)
    found = soft_cell_sums(share, weight, np.zeros(6_000, dtype=np.int64), 1, weight_mean="harmonic")[0, :, 0]
    direct = np.zeros((3, 3))
    for part in np.array_split(np.arange(6_000), 20):
        means = mean_of_two(weight[part, None], weight, weight_mean="harmonic")
        means[np.arange(len(part)), part] = 0
        direct += share[part].T @ means @ share
    np.testing.assert_allclose(found, direct, rtol=1e-10)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda g: g * 2, "share"),
        (lambda g: g - 1, "share"),
        (lambda g: g.assign_coords(goal=["a", "b", "d"]), "unknown-goal"),
        (lambda g: g.assign_coords(goal=["a", "b", "b"]), "goal-twice"),
        (lambda g: g.drop_vars("goal"), "goal-names"),
    ],
)
def test_shares_that_make_no_sense_are_refused(change, code):
    goals, weights = _tables(np.full((3, 3), 1 / 3), np.ones(3))
    with pytest.raises(InputError) as error:
        fm.score(change(goals), weights, AREA)
    assert error.value.faults[0].code == code
