"""The experiments of the paper: what they hold and what their curves must do."""

import numpy as np
import pytest
import xarray as xr

from dissensus import forward_model as fm


def within(mean, expected, errors=4):
    error = mean.std("repetition", ddof=1) / np.sqrt(mean.sizes["repetition"])
    assert (abs(mean.mean("repetition") - expected) <= errors * error + 1e-12).all()


def test_agents_and_areas():
    result = fm.misalignment_by_agents_and_areas((2, 10, 50), repetitions=200, seed=1)
    assert result.dims == ("n_areas", "n_agents", "repetition")
    assert result.n_areas.values.tolist() == [1, 2, 3, 4, 5]
    within(result, 2 / 3)
    spread = result.std("repetition")
    assert (spread.diff("n_agents") < 0).all()
    assert (spread.sel(n_areas=5) < spread.sel(n_areas=1)).all()


def test_agents_and_goals():
    result = fm.misalignment_by_agents_and_goals((5, 40), repetitions=200, seed=1, conflict=0.5)
    assert result.dims == ("n_goals", "n_agents", "repetition")
    within(result, 0.5 * (1 - 1 / result.n_goals))


def test_goal_share_peaks_at_the_even_split():
    result = fm.misalignment_by_goal_share(n_agents=60, share=np.arange(61) / 60)
    assert result.dims == ("n_goals", "share")
    np.testing.assert_allclose(result.idxmax("share"), 1 / result.n_goals)
    np.testing.assert_allclose(result.max("share"), [fm.largest_contention(60, k) for k in result.n_goals.values])
    np.testing.assert_allclose(result.sel(share=1.0), 0)
    np.testing.assert_allclose(result.sel(n_goals=2), result.sel(n_goals=2)[::-1])


def test_default_shares_count_whole_agents():
    result = fm.misalignment_by_goal_share(n_goals=[2])
    m = np.arange(0, 1001, 20)
    np.testing.assert_allclose(result.sel(n_goals=2), m * (1000 - m) / (1000 * 999 / 2), rtol=1e-12)


def test_group_weight():
    result = fm.misalignment_by_group_weight([0, 0.25, 1], repetitions=100, seed=2)
    assert result.dims == ("n_goals", "n_areas", "weight", "repetition")
    within(result.sel(weight=1), 1 - 1 / result.n_goals)
    assert (result.diff("weight") >= 0).all()
    np.testing.assert_allclose(
        result.sel(n_goals=2, n_areas=1, weight=0), 0
    )  # two goals, one of which nobody cares for
    halfway = result.sel(n_goals=2, n_areas=1)
    np.testing.assert_allclose(halfway.sel(weight=0.25), halfway.sel(weight=1) / 2)  # √0.25
    effect = (result.sel(weight=1) - result.sel(weight=0)).mean("repetition")
    assert (effect.diff("n_areas") < 0).all()


def test_conflict_levels():
    result = fm.misalignment_by_conflict_level(n_goals=(1, 2, 4), repetitions=400, seed=3)
    assert result.dims == ("conflicts", "n_goals", "repetition")
    assert result.conflicts.values[2] == "1, 0.75"
    assert (result.sel(n_goals=1) == 0).all()
    root = (0.75**1.5 - 0.25**1.5) / 1.5 / 0.5  # E√w for w even on (0.25, 0.75)
    level = xr.DataArray([np.mean([float(x) for x in c.split(",")]) for c in result.conflicts.values], dims="conflicts")
    most = xr.DataArray([fm.largest_contention(120, k) for k in (1, 2, 4)], dims="n_goals")
    within(result, level * most * root**2)


@pytest.mark.parametrize(
    "experiment",
    [
        lambda seed: fm.misalignment_by_agents_and_areas((3,), (2,), repetitions=3, seed=seed),
        lambda seed: fm.misalignment_by_agents_and_goals((3,), (2,), repetitions=3, seed=seed),
        lambda seed: fm.misalignment_by_group_weight([0.5], (1,), (2,), n_agents=5, repetitions=3, seed=seed),
        lambda seed: fm.misalignment_by_conflict_level([[1.0]], (2,), n_agents=4, repetitions=3, seed=seed),
    ],
)
def test_the_same_seed_gives_the_same_numbers(experiment):
    xr.testing.assert_identical(experiment(5), experiment(np.random.default_rng(5)))
