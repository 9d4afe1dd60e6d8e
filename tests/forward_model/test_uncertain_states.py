"""Labelled expected scores."""

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from dissensus import forward_model as fm
from dissensus.errors import InputError

AREA = fm.ProblemArea("p", ["a", "b"], 1.0)


def states(goal=("a", "b", None), weight=(1.0, 0.25, 0.5), n=4, seed=0):
    probability = np.random.default_rng(seed).dirichlet(np.ones(len(goal)), size=(2, n))
    goal = np.array(goal, dtype=object)
    return xr.DataArray(
        probability,
        dims=("draw", "agent", "state"),
        coords={"draw": [5, 6], "goal": ("state", goal), "weight": ("state", list(weight))},
    )


def test_it_keeps_extra_dims_and_equals_the_array_function():
    probability = states()
    result = fm.expected_score(probability.transpose("state", "agent", "draw"), AREA, weight_mean="arithmetic")
    assert result.misalignment.dims == ("draw",)
    assert result.draw.values.tolist() == [5, 6]
    plain = fm.expected_scores(
        probability.values,
        np.ones(4),
        [0, 1, 2],
        [1, 0.25, 0.5],
        np.pad(AREA.conflict, (0, 1)),
        weight_mean="arithmetic",
    )
    np.testing.assert_allclose(result.misalignment, plain.misalignment)
    np.testing.assert_allclose(result.contention, plain.contention)


def test_certain_states_equal_score_with_groups():
    goals = pd.DataFrame({"p": ["a", "b", None, "b", "a", "b"]})
    weights = pd.DataFrame({"p": [1.0, 0.25, 0.5, 1.0, 0.25, 0.25]})
    cells = pd.MultiIndex.from_frame(pd.DataFrame({"g": goals.p, "w": weights.p}))
    kinds = cells.unique()
    probability = xr.DataArray(
        (cells.to_numpy()[:, None] == kinds.to_numpy()).astype(float),
        dims=("agent", "state"),
        coords={
            "goal": ("state", kinds.get_level_values("g").to_numpy()),
            "weight": ("state", kinds.get_level_values("w").to_numpy()),
        },
    )
    probability[2] = [0, 0, 1, 0, 0]  # nan is not equal to itself
    by = ["u", "v", "u", None, "v", "x"]
    for options in ({}, {"by": by}):
        expected = fm.score(goals, weights, AREA, **options).sel(area="p")
        result = fm.expected_score(probability, AREA, **options)
        for name in ("contention", "misalignment"):
            np.testing.assert_allclose(result[name], expected[name], rtol=1e-12)
    assert json.loads(result.misalignment.attrs["reasons"])[0]["group"] == "x"


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda p: p.rename(agent="person"), 'no dim "agent"'),
        (lambda p: p.drop_vars("goal"), 'no coordinate "goal" along "state"'),
        (lambda p: p.isel(agent=[0]), "needs two agents"),
        (lambda p: p * 2, "sums to 2 over"),
        (lambda p: p - 1, "negative number or NaN"),
        (lambda p: p * np.nan, "negative number or NaN"),
        (lambda p: p.assign_coords(goal=("state", ["a", "b", "c"])), "goal 'c', unknown in 'p'"),
        (lambda p: p.assign_coords(weight=("state", [0.0, 1.0, 2.0])), "weight outside"),
        (lambda p: p.rename(draw="group"), "Rename it"),
    ],
)
def test_bad_states_are_refused(change, match):
    with pytest.raises(InputError, match=match):
        fm.expected_score(change(states()), AREA)


def test_two_agents_are_enough():
    """Goals at even odds: half of the pairs conflict, and E√w is 0.5 · 1 + 0.5 · 0.5 for each."""
    probability = states(goal=("a", "b", "a", "b"), weight=(1.0, 1.0, 0.25, 0.25), n=2) * 0 + 0.25
    result = fm.expected_score(probability, AREA)
    np.testing.assert_allclose(result.contention, [0.5, 0.5])
    np.testing.assert_allclose(result.misalignment, [0.5 * 0.75**2] * 2)
    assert result.attrs["n_agents"] == 2


def test_one_group_of_all_has_the_scores_of_all():
    probability = states()
    whole, grouped = fm.expected_score(probability, AREA), fm.expected_score(probability, AREA, by=["u"] * 4)
    assert grouped.misalignment.shape == (2, 1, 1)
    for name in ("contention", "misalignment"):
        np.testing.assert_allclose(grouped[name][:, 0, 0], whole[name], rtol=1e-13)
        assert "reasons" not in grouped[name].attrs


@pytest.mark.parametrize(("sums", "worst"), [([1, 0.2, 1.3, 1], "0.2"), ([1, 0.9, 1.3, 1], "1.3")])
def test_the_sum_that_is_furthest_from_1_is_shown(sums, worst):
    probability = states() * np.array(sums)[:, None]
    with pytest.raises(InputError, match=f'"probability" sums to {worst} over "state"'):
        fm.expected_score(probability.transpose("draw", "agent", "state"), AREA)


@pytest.mark.parametrize(("error", "good"), [(0.9e-8, True), (-0.9e-8, True), (1.1e-8, False), (-1.1e-8, False)])
def test_rounding_of_the_sum_is_forgiven(error, good):
    probability = states(n=3) * 0 + np.array([0.5, 0.25, 0.25 + error])
    if good:
        np.testing.assert_allclose(fm.expected_score(probability, AREA).contention, 2 * 0.5 * 0.25, rtol=1e-7)
    else:
        with pytest.raises(InputError, match="must sum to 1"):
            fm.expected_score(probability, AREA)
