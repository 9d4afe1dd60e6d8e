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
