"""Contributions of areas and of pairs of goals sum to the overall score."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from dissensus import forward_model as fm
from dissensus.errors import InputError

OPTIONS = [{}, {"normalise": "exact"}, {"normalise": "authors", "area_weights": {"x": 1, "y": 3, "z": 0.5}}]


def population(seed=0, n=25, draws=3):
    rng = np.random.default_rng(seed)
    areas = [
        fm.ProblemArea("x", ["a", "b", "c"], {"a|b": 0.1, "a|c": 0.7, "b|c": 1.0}),
        fm.ProblemArea("y", ["a", "b"], 0.5),
        fm.ProblemArea("z", ["a"], 0),
    ]
    goals = [rng.choice(np.array([*area.goals, None], dtype=object), (draws, n)) for area in areas]
    goals = xr.DataArray(np.stack(goals, axis=-1), dims=("draw", "agent", "area"), coords={"area": ["x", "y", "z"]})
    return goals, xr.DataArray(rng.random((n, 3)), dims=("agent", "area"), coords={"area": ["x", "y", "z"]}), areas


@pytest.mark.parametrize("mean", fm.WEIGHT_MEANS)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_they_sum_to_the_overall_score(mean, options):
    goals, weights, areas = population()
    scores = fm.score(goals, weights, areas, weight_mean=mean, **options)
    by_area = fm.area_contributions(goals, weights, areas, weight_mean=mean, **options)
    by_pair = fm.goal_pair_contributions(goals, weights, areas, weight_mean=mean, **options)
    assert by_area.misalignment.dims == ("draw", "area")
    assert by_pair.misalignment.dims == ("draw", "goal_pair")
    for name in ("contention", "misalignment"):
        np.testing.assert_allclose(by_area[name].sum("area"), scores[f"overall_{name}"], rtol=1e-12)
        for area in ("x", "y", "z"):
            pairs = by_pair[name].isel(goal_pair=by_pair.area.values == area).sum("goal_pair")
            np.testing.assert_allclose(pairs, by_area[name].sel(area=area), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("extra", [(), ("draw",), ("chain", "draw")])
def test_extra_dims_are_kept_in_front(extra):
    goals, weights, areas = population(draws=2)
    goals = goals.isel(draw=0) if not extra else goals
    goals = goals.expand_dims(chain=3) if "chain" in extra else goals
    for parts, last in (
        (fm.area_contributions(goals, weights, areas), "area"),
        (fm.goal_pair_contributions(goals, weights, areas), "goal_pair"),
    ):
        scores = fm.score(goals, weights, areas)
        assert parts.misalignment.dims == (*extra, last)
        np.testing.assert_allclose(parts.misalignment.sum(last), scores.overall_misalignment, rtol=1e-12)


def test_areas_by_hand():
    goals = pd.DataFrame({"p": ["a", "b", "b"], "q": ["a", "a", "b"]})
    weights = pd.DataFrame({"p": [1.0, 1.0, 0.25], "q": [1.0, 1.0, 0.0]})
    areas = [fm.ProblemArea("p", ["a", "b"], 1.0), fm.ProblemArea("q", ["a", "b"], 0.5)]
    parts = fm.area_contributions(goals, weights, areas, area_weights={"p": 3, "q": 1})
    np.testing.assert_allclose(parts.contention, [0.75 * 2 / 3, 0.25 * 0.5 * 2 / 3])
    np.testing.assert_allclose(parts.misalignment, [0.75 * 1.5 / 3, 0])


def test_pairs_by_hand():
    goals = pd.DataFrame({"p": ["a", "b", "c", "c"]})
    area = fm.ProblemArea("p", ["a", "b", "c"], {"a|b": 0.5, "a|c": 1.0, "b|c": 0.0})
    parts = fm.goal_pair_contributions(goals, pd.DataFrame({"p": [1.0, 1.0, 0.25, 1.0]}), area)
    pairs = list(zip(parts.goal.values, parts.goal_other.values, strict=True))
    assert pairs == [("a", "b"), ("a", "c"), ("b", "c")]
    np.testing.assert_allclose(parts.contention, [0.5 / 6, 2 / 6, 0])
    np.testing.assert_allclose(parts.misalignment, [0.5 / 6, 1.5 / 6, 0])


@pytest.mark.parametrize("contributions", [fm.area_contributions, fm.goal_pair_contributions])
def test_an_unknown_mean_is_refused_before_anything_else(contributions):
    with pytest.raises(InputError, match="\"weight_mean\" is 'cubic'"):
        contributions(*population(), weight_mean="cubic")
    with pytest.raises(InputError, match="\"weight_mean\" is 'cubic'"):
        contributions("no table", None, [], weight_mean="cubic")
