"""Laws, hand numbers and refusals of ``score``."""

import itertools
import json
import math
import time
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from dissensus import forward_model as fm
from dissensus.errors import InputError

NAMES = ("contention", "misalignment", "relative_misalignment")
CLOSE = {"rtol": 1e-12, "atol": 1e-12}
MEANS = pytest.mark.parametrize("mean", fm.WEIGHT_MEANS)
weight = st.one_of(st.sampled_from([0.0, 1.0, 0.25]), st.floats(1e-12, 1.0))


@st.composite
def populations(draw, most=9, groups=False):
    """Goals (−1: none), weights and conflict in one area; group codes (−1: none) on request."""
    k = draw(st.integers(1, 4))
    n = draw(st.integers(2, most))
    codes = draw(st.lists(st.integers(-1, k - 1), min_size=n, max_size=n))
    weights = draw(st.lists(weight, min_size=n, max_size=n))
    upper = draw(st.lists(st.floats(0, 1), min_size=k * (k - 1) // 2, max_size=k * (k - 1) // 2))
    conflict = np.zeros((k, k))
    conflict[np.triu_indices(k, 1)] = upper
    conflict += conflict.T
    if not groups:
        return codes, weights, conflict
    member = draw(st.lists(st.integers(-1, 2), min_size=n, max_size=n).filter(lambda g: max(g) >= 0))
    return codes, weights, conflict, member


def labels(codes):
    return [None if c < 0 else f"g{c}" for c in codes]


def one_area(codes, weights, conflict, **options):
    area = fm.ProblemArea("p", [f"g{i}" for i in range(len(conflict))], conflict)
    goals = pd.DataFrame({"p": pd.Series(labels(codes), dtype=object)})
    return fm.score(goals, pd.DataFrame({"p": np.asarray(weights, dtype=float)}), area, **options)


def numbers(scores):
    return [scores[name].squeeze().item() for name in NAMES]


def random_tables(n, n_areas, seed=0, k=3):
    rng = np.random.default_rng(seed)
    areas = [fm.ProblemArea(f"a{p}", [f"g{i}" for i in range(k)], 1.0 - p / (n_areas + 1)) for p in range(n_areas)]
    names = [area.name for area in areas]
    goals = pd.DataFrame(
        np.array(["g0", "g1", "g2", None], dtype=object)[rng.integers(0, 4, (n, n_areas))], columns=names
    )
    return goals, pd.DataFrame(rng.random((n, n_areas)), columns=names), areas


# Laws


@MEANS
@settings(max_examples=50, deadline=None)
@given(population=populations())
def test_equals_the_double_loop(double_loop, mean, population):
    codes, weights, conflict = population
    expected = double_loop(codes, weights, conflict, mean)
    np.testing.assert_allclose(numbers(one_area(codes, weights, conflict, weight_mean=mean)), expected, **CLOSE)


@MEANS
@settings(max_examples=30, deadline=None)
@given(population=populations(groups=True))
def test_groups_equal_the_double_loop(double_loop, mean, population):
    codes, weights, conflict, member = population
    by = [None if m < 0 else f"h{m}" for m in member]
    scores = one_area(codes, weights, conflict, weight_mean=mean, by=by)
    assert scores.group.values.tolist() == sorted({b for b in by if b is not None})
    for a in scores.group.values:
        for b in scores.group_other.values:
            first, second = ([i for i, x in enumerate(by) if x == name] for name in (a, b))
            pairs = [(i, j) for i in first for j in second if (i < j if a == b else True)]
            expected = double_loop(codes, weights, conflict, mean, pairs)
            np.testing.assert_allclose(numbers(scores.sel(group=a, group_other=b)), expected, **CLOSE)


@MEANS
@settings(max_examples=25, deadline=None)
@given(population=populations())
def test_scores_lie_between_0_and_1(mean, population):
    scores = one_area(*population, weight_mean=mean)
    contention, misalignment, relative = numbers(scores)
    assert 0 <= misalignment <= contention * (1 + 1e-12) <= 1 + 1e-12
    assert math.isnan(relative) or 0 <= relative <= 1


@MEANS
@settings(max_examples=20, deadline=None)
@given(population=populations(), seed=st.integers(0, 99))
def test_order_of_agents_and_names_of_goals_do_not_matter(mean, population, seed):
    codes, weights, conflict = population
    rng = np.random.default_rng(seed)
    order, renamed = rng.permutation(len(codes)), rng.permutation(len(conflict))
    place = np.append(np.argsort(renamed), -1)
    shuffled = one_area(
        place[np.array(codes)[order]], np.array(weights)[order], conflict[np.ix_(renamed, renamed)], weight_mean=mean
    )
    np.testing.assert_allclose(numbers(shuffled), numbers(one_area(*population, weight_mean=mean)), **CLOSE)


@MEANS
def test_overall_is_the_pair_weighted_mean_of_within_and_between(mean):
    goals, weights, areas = random_tables(40, 3)
    by = np.repeat(["a", "b", "c"], [20, 15, 5])
    n = np.array([20, 15, 5])
    pairs = xr.DataArray(np.outer(n, n) - np.diag(n), dims=("group", "group_other"))
    whole = fm.score(goals, weights, areas, weight_mean=mean)
    parts = fm.score(goals, weights, areas, weight_mean=mean, by=by)
    for name in ("contention", "misalignment", "overall_contention", "overall_misalignment"):
        mixed = (parts[name] * pairs).sum(("group", "group_other")) / pairs.sum()
        np.testing.assert_allclose(mixed, whole[name], **CLOSE)
    np.testing.assert_allclose(
        parts.misalignment, parts.misalignment.transpose("area", "group_other", "group"), **CLOSE
    )


@MEANS
def test_extra_dims_are_kept_and_equal_separate_scores(mean):
    rng = np.random.default_rng(1)
    areas = [fm.ProblemArea("x", ["a", "b"], 1.0), fm.ProblemArea("y", ["a", "b", "c"], 0.5)]
    goals = xr.DataArray(
        rng.choice(["a", "b"], (2, 7, 3, 2)),
        dims=("chain", "agent", "draw", "area"),
        coords={"area": ["y", "x"], "draw": [10, 20, 30]},
    )
    weights = xr.DataArray(rng.random((2, 4, 7)), dims=("area", "scenario", "agent"), coords={"area": ["x", "y"]})
    scores = fm.score(goals, weights, areas, weight_mean=mean)
    assert scores.misalignment.dims == ("chain", "draw", "scenario", "area")
    assert scores.overall_misalignment.dims == ("chain", "draw", "scenario")
    assert scores.draw.values.tolist() == [10, 20, 30]
    for chain, draw, scenario in ((0, 1, 3), (1, 2, 0)):
        here = {"chain": chain, "draw": draw, "scenario": scenario}
        alone = fm.score(goals.isel(chain=chain, draw=draw), weights.isel(scenario=scenario), areas, weight_mean=mean)
        for name in alone:
            np.testing.assert_allclose(scores[name].isel(here), alone[name], **CLOSE)
    grouped = fm.score(goals, weights, areas, weight_mean=mean, by=list("uuuuvvv"))
    assert grouped.misalignment.dims == ("chain", "draw", "scenario", "area", "group", "group_other")
    inside = fm.score(goals.isel(agent=slice(4)), weights.isel(agent=slice(4)), areas, weight_mean=mean)
    np.testing.assert_allclose(grouped.misalignment.sel(group="u", group_other="u"), inside.misalignment, **CLOSE)


def test_relative_misalignment_is_the_entropy_of_shares_of_root_weight_in_a_large_population():
    goals = pd.DataFrame({"p": ["a"] * 20_000 + ["b"] * 30_000})
    weights = pd.DataFrame({"p": np.repeat([0.81, 0.16], [20_000, 30_000])})
    scores = fm.score(goals, weights, fm.ProblemArea("p", ["a", "b"], 1.0))
    mass = np.array([0.4 * 0.9, 0.6 * 0.4])
    gini_simpson = 1 - np.sum((mass / mass.sum()) ** 2)
    np.testing.assert_allclose(scores.relative_misalignment, [gini_simpson], rtol=1e-4)
    np.testing.assert_allclose(scores.misalignment, mass.sum() ** 2 * scores.relative_misalignment, rtol=1e-4)


@pytest.mark.parametrize("small", [1e-20, 1e-300])
@MEANS
def test_one_dominant_weight_costs_no_digits(double_loop, mean, small):
    codes, weights = [0, 0, 1, 0, -1], [1.0, small, small, 2 * small, small]
    conflict = [[0, 0.5], [0.5, 0]]
    found = numbers(one_area(codes, weights, conflict, weight_mean=mean))
    np.testing.assert_allclose(found, double_loop(codes, weights, conflict, mean), rtol=1e-12, atol=0)


# Hand numbers


def test_two_agents_in_full_conflict_score_1():
    assert numbers(one_area([0, 1], [1, 1], [[0, 1], [1, 0]])) == [1, 1, 1]


def test_three_agents_by_hand():
    # Pairs: (a, b) √(1 · 0.25) = 0.5 in conflict, (a, b′) 1 in conflict, (b, b′) 0.5 in agreement.
    contention, misalignment, relative = numbers(one_area([0, 1, 1], [1, 0.25, 1], [[0, 1], [1, 0]]))
    assert (contention, misalignment, relative) == (2 / 3, 0.5, 0.75)


def test_the_weight_of_an_agent_without_a_goal_counts_in_the_denominator_only():
    contention, misalignment, relative = numbers(one_area([0, 1, -1], [1, 1, 1], [[0, 1], [1, 0]]))
    assert (contention, misalignment, relative) == (1 / 3, 1 / 3, 1 / 3)
    assert numbers(one_area([0, 1, -1], [1, 1, 0], [[0, 1], [1, 0]])) == [1 / 3, 1 / 3, 1]


@pytest.mark.parametrize(
    ("mean", "expected"),
    [("geometric", 0), ("harmonic", 0), ("min", 0), ("arithmetic", 0.25), ("max", 0.5), ("none", 1)],
)
def test_an_agent_of_weight_0(mean, expected):
    assert numbers(one_area([0, 1], [0, 0.5], [[0, 1], [1, 0]], weight_mean=mean))[1] == expected


def test_one_goal_scores_0_and_normalises_to_0():
    for normalise in (None, "authors", "exact"):
        scores = one_area([0, 0, -1], [1, 0.5, 1], [[0]], normalise=normalise)
        assert numbers(scores) == [0, 0, 0]


def test_exact_normalisation_of_an_even_split_is_1_within_and_between_groups():
    # Within a: goals 0, 0, 1 (even as can be); between a and b: only opposite goals.
    scores = one_area([0, 0, 1, 1, 0], [1] * 5, [[0, 1], [1, 0]], normalise="exact", by=list("aaabb"))
    np.testing.assert_allclose(scores.contention.sel(group="a", group_other="a"), [1.0], **CLOSE)
    between = one_area([0, 0, 1, 1], [1] * 4, [[0, 1], [1, 0]], normalise="exact", by=list("aabb"))
    np.testing.assert_allclose(between.contention.sel(group="a", group_other="b"), [1.0], **CLOSE)
    np.testing.assert_allclose(fm.largest_contention([2, 3, 4, 10], 3), [1, 1, 5 / 6, 1 - 24 / 90])


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_the_largest_contention_is_that_of_the_best_of_all_divisions(k):
    """Found by trying every way to divide n agents among k goals; one agent makes no pair."""
    conflict = 1 - np.eye(k)
    for n in range(2, 7):
        best = max(one_area(codes, [1] * n, conflict).contention.item() for codes in divisions(n, k))
        assert fm.largest_contention(n, k) == pytest.approx(best, rel=1e-14)
        assert largest_by_definition(n, k) == pytest.approx(best, rel=1e-14)
    assert np.isnan(fm.largest_contention([0, 1], k)).all()


def divisions(n, k):
    """Yield one list of goals for every way of dividing n agents."""
    for counts in itertools.product(range(n + 1), repeat=k):
        if sum(counts) == n and list(counts) == sorted(counts):
            yield np.repeat(np.arange(k), counts).tolist()


def largest_by_definition(n, k):
    counts = [n // k + (g < n % k) for g in range(k)]
    return sum(a * b for g, a in enumerate(counts) for h, b in enumerate(counts) if g != h) / (n * (n - 1))


def test_exact_normalisation_of_a_group_of_one_and_of_one_goal():
    scores = one_area([0, 1, 1], [1] * 3, [[0, 1], [1, 0]], normalise="exact", by=["a", "b", "b"])
    np.testing.assert_array_equal(scores.contention.squeeze(), [[np.nan, 1], [1, 0]])
    more = one_area([0, 1, 1, 0, 0], [1] * 5, [[0, 1], [1, 0]], normalise="exact", by=["a", "b", "b", None, None])
    np.testing.assert_array_equal(more.contention, scores.contention)  # who is in no group makes no group larger
    alone = one_area([0, 0, 0], [1] * 3, [[0]], normalise="exact", by=["a", "b", "b"])
    np.testing.assert_array_equal(alone.contention.squeeze(), [[np.nan, 0], [0, 0]])
    three = one_area([0, 1, 2], [1] * 3, 0.5 - 0.5 * np.eye(3), normalise="exact", by=["a", "b", "b"])
    np.testing.assert_allclose(three.contention.squeeze(), [[np.nan, 0.5], [0.5, 0.5]])


def test_normalisation_leaves_relative_misalignment():
    population = ([0, 0, 1, 2], [0.5, 1, 0.1, 0.3], np.ones((3, 3)) - np.eye(3))
    plain, scaled = one_area(*population), one_area(*population, normalise="authors")
    np.testing.assert_allclose(scaled.misalignment, plain.misalignment * 1.5, **CLOSE)
    np.testing.assert_allclose(scaled.relative_misalignment, plain.relative_misalignment, **CLOSE)


def test_area_weights_by_name_and_in_order():
    goals, weights, areas = random_tables(30, 3)
    named = fm.score(goals, weights, areas, area_weights={"a2": 2.0, "a0": 1.0, "a1": 0.0})
    listed = fm.score(goals, weights, areas, area_weights=[1.0, 0.0, 2.0])
    xr.testing.assert_identical(named, listed)
    a = xr.DataArray([1, 0, 2], dims="area")
    np.testing.assert_allclose(named.overall_misalignment, (named.misalignment * a).sum("area") / 3, **CLOSE)
    alone = [fm.score(goals[[x]], weights[[x]], [p]) for x, p in zip(goals, areas, strict=True)]
    den = np.array([s.misalignment.item() / s.relative_misalignment.item() for s in alone])
    num = named.misalignment.values
    np.testing.assert_allclose(named.overall_relative_misalignment, (num @ [1, 0, 2]) / (den @ [1, 0, 2]), **CLOSE)


@pytest.mark.parametrize("mean", ["geometric", "harmonic"])
def test_an_area_of_score_0_makes_these_means_0(mean):
    goals = pd.DataFrame({"x": ["a", "b"], "y": ["a", "a"]})
    areas = [fm.ProblemArea("x", ["a", "b"], 1.0), fm.ProblemArea("y", ["a", "b"], 1.0)]
    scores = fm.score(goals, goals.isna() + 1.0, areas, area_mean=mean)
    assert scores.overall_misalignment == 0
    ignored = fm.score(goals, goals.isna() + 1.0, areas, area_mean=mean, area_weights=[1, 0])
    np.testing.assert_allclose(ignored.overall_misalignment, 1.0, **CLOSE)


# Undefined numbers and cautions


def reasons(variable):
    return json.loads(variable.attrs["reasons"])


@pytest.mark.parametrize("mean", ["geometric", "arithmetic", "harmonic", "min", "max"])
def test_all_weights_0_give_nan_with_a_reason(mean):
    goals = pd.DataFrame({"x": ["a", "b"], "y": ["a", "b"]})
    weights = pd.DataFrame({"x": [0.0, 0.0], "y": [1.0, 1.0]})
    areas = [fm.ProblemArea("x", ["a", "b"], 1.0), fm.ProblemArea("y", ["a", "b"], 1.0)]
    scores = fm.score(goals, weights, areas, weight_mean=mean)
    np.testing.assert_array_equal(scores.relative_misalignment, [np.nan, 1])
    assert reasons(scores.relative_misalignment) == [
        {"area": "x", "reason": "The mean weight of its pairs of agents is 0."}
    ]
    assert scores.misalignment.values.tolist() == [0, 1]
    assert scores.overall_relative_misalignment == 1
    assert "reasons" not in scores.overall_relative_misalignment.attrs


def test_a_group_of_one_agent_has_no_score_within_and_one_between():
    scores = one_area([0, 1, 1], [1, 1, 1], [[0, 1], [1, 0]], by=["a", "b", "b"])
    for name in scores:
        assert np.isnan(scores[name].sel(group="a", group_other="a")).all()
        assert (scores[name].sel(group="a", group_other="b") == 1).all()
        (why,) = reasons(scores[name])
        assert (why["group"], why["group_other"], why["reason"]) == ("a", "a", "A group of one agent has no pairs.")


def test_reasons_count_the_draws_concerned():
    weights = xr.DataArray([[[0.0], [0.0]], [[1.0], [1.0]]], dims=("draw", "agent", "area"), coords={"area": ["p"]})
    scores = fm.score(pd.DataFrame({"p": ["a", "b"]}), weights, fm.ProblemArea("p", ["a", "b"], 1.0))
    assert reasons(scores.relative_misalignment)[0]["count"] == 1


def test_agents_without_a_group_are_in_no_group_and_counted():
    population = ([0, 1, 1, 0, 0], [1, 0.5, 0.2, 0.7, 0.9], [[0, 1], [1, 0]])
    scores = one_area(*population, by=["a", None, "b", "a", np.nan])
    assert scores.group.values.tolist() == ["a", "b"]
    assert scores.attrs["n_agents_without_group"] == 2
    np.testing.assert_allclose(scores.contention.sel(group="a", group_other="b"), [1.0], **CLOSE)


def test_groups_keep_the_type_and_order_of_their_labels():
    population = ([0, 1, 1], [1, 1, 1], [[0, 1], [1, 0]])
    assert one_area(*population, by=[2, 1, None]).group.values.tolist() == [1, 2]
    ordered = pd.Categorical(["low", "high", "low"], categories=["low", "mid", "high"])
    assert one_area(*population, by=pd.Series(ordered)).group.values.tolist() == ["low", "high"]
    assert one_area(*population, by=["x", 1, None]).group.values.tolist() == ["x", 1]


def test_a_conflict_of_zeros_is_said():
    scores = one_area([0, 1], [1, 1], np.zeros((2, 2)))
    assert numbers(scores) == [0, 0, 0]
    assert json.loads(scores.attrs["cautions"]) == ["Every conflict of the area 'p' is 0."]


def test_attributes_can_be_stored():
    scores = one_area([0, 1], [0, 0], [[0, 1], [1, 0]])
    attrs = [scores.attrs, *(scores[name].attrs for name in scores)]
    assert all(isinstance(value, str | int | float) for each in attrs for value in each.values())


# Alignment


@pytest.fixture
def named():
    goals = pd.DataFrame({"x": ["a", "b", "b"], "y": ["a", "a", "b"]}, index=["i", "j", "k"])
    weights = pd.DataFrame({"x": [1.0, 0.5, 0.2], "y": [0.3, 0.6, 0.9]}, index=["i", "j", "k"])
    return goals, weights, [fm.ProblemArea("x", ["a", "b"], 1.0), fm.ProblemArea("y", ["a", "b"], 0.5)]


def test_tables_are_aligned_by_area_and_agent(named):
    goals, weights, areas = named
    expected = fm.score(goals, weights, areas)
    xr.testing.assert_identical(fm.score(goals, weights.loc[["k", "i", "j"], ["y", "x"]], areas), expected)
    arrays = [xr.DataArray(t.iloc[::-1, ::-1], dims=("agent", "area")) for t in (goals, weights)]
    xr.testing.assert_allclose(fm.score(arrays[0], arrays[1], areas), expected)
    xr.testing.assert_allclose(fm.score(arrays[0].T, weights, areas), expected)
    by = pd.Series(["u", "v", "v"], index=["k", "j", "i"])
    grouped = fm.score(goals, weights, areas, by=by)
    assert grouped.contention.sel(area="x", group="v", group_other="v") == 1
    xr.testing.assert_identical(fm.score(goals.reset_index(drop=True), weights, areas, by=by), grouped)
    xr.testing.assert_identical(fm.score(goals, weights, areas, by=by.to_xarray().rename(index="agent")), grouped)
    xr.testing.assert_identical(fm.score(goals, weights.reset_index(drop=True), areas, by=by), grouped)
    bare = [xr.DataArray(t.to_numpy(), dims=("agent", "area"), coords={"area": ["x", "y"]}) for t in (goals, weights)]
    xr.testing.assert_allclose(fm.score(bare[0], weights, areas, by=by), grouped)
    xr.testing.assert_allclose(fm.score(goals, bare[1], areas, by=by), grouped)


def test_numbered_rows_beside_names_are_taken_in_order(named):
    goals, weights, areas = named
    expected = fm.score(goals, weights, areas)
    xr.testing.assert_identical(fm.score(goals, weights.reset_index(drop=True), areas), expected)


def test_whole_numbers_as_labels_are_labels(named):
    goals, weights, areas = (t.reset_index(drop=True) if isinstance(t, pd.DataFrame) else t for t in named)
    expected = fm.score(goals, weights, areas)
    xr.testing.assert_identical(fm.score(goals.loc[[2, 0, 1]], weights, areas), expected)
    with pytest.raises(InputError, match='"weights" lacks 1 agents of "goals", such as \'7\''):
        fm.score(goals.set_axis([0, 1, 7]), weights, areas)


def test_all_kinds_of_labels_give_the_same_scores():
    values = ["a", "b", None, "b", "a"]
    weights = pd.DataFrame({"p": [0.1, 0.5, 0.2, 1.0, 0.4]})
    area = fm.ProblemArea("p", ["a", "b"], 1.0)
    expected = fm.score(pd.DataFrame({"p": pd.Series(values, dtype=object)}), weights, area)
    kinds = [
        pd.Series(values, dtype="str"),
        pd.Series(values, dtype="category"),
        pd.Series(pd.Categorical(values, categories=["zzz", "b", "a"])),
        pd.Series([np.nan if v is None else v for v in values], dtype=object),
        pd.Series([pd.NA if v is None else v for v in values], dtype=object),
    ]
    for kind in kinds:
        xr.testing.assert_identical(fm.score(pd.DataFrame({"p": kind}), weights, area), expected)
    integers = fm.ProblemArea("p", [1, 2], 1.0)
    floats = pd.DataFrame({"p": [1.0, 2.0, np.nan, 2.0, 1.0]})
    for kind in (floats, floats.astype("Int64")):
        xr.testing.assert_identical(fm.score(kind, weights, integers), expected)


def test_inputs_are_left_untouched(named):
    goals, weights, areas = named
    copies = goals.copy(), weights.copy()
    fm.score(goals, weights, areas, by=["u", "v", "v"])
    pd.testing.assert_frame_equal(goals, copies[0])
    pd.testing.assert_frame_equal(weights, copies[1])


# Refusals


def refused(match, goals, weights, areas, **options):
    with pytest.raises(InputError, match=match):
        fm.score(goals, weights, areas, **options)


def test_one_agent_is_refused(named):
    goals, weights, areas = named
    refused('"goals" holds 1 agent.*two or more', goals[:1], weights[:1], areas)
    refused('"goals" holds 0 agents', goals[:0], weights[:0], areas)


def test_weights_outside_0_and_1_are_refused(named):
    goals, weights, areas = named
    for bad, text in (
        (1.5, "the weight 1.5"),
        (-0.1, "the weight -0.1"),
        (np.nan, "no weight"),
        (np.inf, "the weight inf"),
    ):
        table = weights.copy()
        table.loc["j", "y"] = bad
        refused(f"column 'y': .weights. has {text} for the agent 'j'", goals, table, areas)
    refused(
        "column 'x': .weights. holds something that is not a number",
        goals,
        weights.astype(object).replace(1.0, "much"),
        areas,
    )


def test_unknown_goals_are_named_with_the_nearest(named):
    goals, weights, areas = named
    area = fm.ProblemArea("x", ["apple", "pear"], 1.0)
    table = pd.DataFrame({"x": ["apple", "aple", "pear"]}, index=["i", "j", "k"])
    refused("column 'x': .* goal 'aple' .nearest: 'apple'.*goals are 'apple', 'pear'", table, weights[["x"]], area)
    refused("column 'x': .goals. has the goal ''", table.replace("aple", ""), weights[["x"]], area)
    refused("goal 'c'", goals.replace("a", "c"), weights, areas)
    numbers = pd.DataFrame({"x": [1, 2, 1]}, index=["i", "j", "k"])
    texts = fm.ProblemArea("x", ["1", "2"], 1.0)
    refused("given as int, declared as str", numbers, weights[["x"]], texts)
    wide = xr.DataArray(np.array([["a"], ["zz"], ["b"]]), dims=("agent", "area"), coords={"area": ["x"]})
    refused("goal 'zz'", wide, weights[["x"]], areas[0])


def test_areas_must_match(named):
    goals, weights, areas = named
    refused("\"weights\" has no column for the area 'y'", goals, weights[["x"]], areas)
    refused("\"goals\" has a column that is no area: 'y'", goals, weights[["x"]], areas[0])
    refused("'x' twice", goals, weights, [areas[0], areas[0]])
    refused('"areas" is empty', goals, weights, [])
    refused("two columns for the area 'x'", pd.concat([goals, goals[["x"]]], axis=1), weights, areas)
    nameless = xr.DataArray(np.ones((3, 2)), dims=("agent", "area"))
    refused('"weights" has no coordinate "area"', goals, nameless, areas)
    refused("needs the dim 'agent'", goals, xr.DataArray([1.0, 1.0], dims="area", coords={"area": ["x", "y"]}), areas)
    with pytest.raises(TypeError, match="Give a DataFrame with one column per area"):
        fm.score(goals, [[1.0, 1.0]], areas)


def test_agents_must_match(named):
    goals, weights, areas = named
    refused('"goals" holds 3 agents and "weights" 2', goals, weights[:2], areas)
    refused("lacks 1 agents .* such as 'k'", goals, weights.rename(index={"k": "z"}), areas)
    refused("agent 'i' more than once", goals.rename(index={"k": "i"}), weights, areas)
    refused('"by" 2', goals, weights, areas, by=["u", "v"])
    refused('"by" lacks', goals, weights, areas, by=pd.Series(["u", "u", "v"], index=["i", "j", "z"]))


def test_groups_must_be_one_label_per_agent(named):
    goals, weights, areas = named
    refused('"by" is not one label per agent', goals, weights, areas, by="uvv")
    refused('"by" is not one label per agent', goals, weights, areas, by=goals)
    refused('"by" names no group', goals, weights, areas, by=[None, None, None])


def test_a_group_per_agent_is_refused_before_it_fills_the_memory():
    goals, weights, areas = random_tables(5_000, 1)
    refused('"by" names 5,000 groups.*Merge groups', goals, weights, areas, by=np.arange(5_000))
    refused('"by" names 1,001 groups.*at most 1,000', goals, weights, areas, by=np.arange(5_000) % 1_001)
    most = one_area(np.arange(1_000) % 2, [1] * 1_000, [[0, 1], [1, 0]], by=np.arange(1_000))
    assert most.sizes["group"] == 1_000


def test_extra_dims_must_match(named):
    _, _, areas = named
    goals = xr.DataArray(
        np.full((2, 3, 1), "a"), dims=("draw", "agent", "area"), coords={"area": ["x"], "draw": [0, 1]}
    )
    weights = xr.DataArray(np.ones((2, 3, 1)), dims=("draw", "agent", "area"), coords={"area": ["x"], "draw": [1, 2]})
    refused("differ along the dim 'draw'", goals, weights, areas[0])
    refused("extra dim is called 'group'", goals.rename(draw="group"), weights.rename(draw="group"), areas[0])


def test_unknown_options_are_refused(named):
    refused("\"weight_mean\" is 'mean'.*'geometric'", *named, weight_mean="mean")
    refused("\"area_mean\" is 'none'.*'harmonic'", *named, area_mean="none")
    refused("\"normalise\" is 'yes'", *named, normalise="yes")
    refused("\"area_weights\" names 'x'.*areas are 'x', 'y'", *named, area_weights={"x": 1.0})
    for bad in ([1.0], [1.0, -1.0], [0.0, 0.0], [1.0, np.nan]):
        refused("one number per area, none negative", *named, area_weights=bad)


# Size


def test_many_agents_take_little_time_and_memory():
    n = 100_000
    goals, weights, areas = random_tables(n, 4)
    for mean in ("geometric", "min", "harmonic"):
        tracemalloc.start()
        start = time.process_time()
        scores = fm.score(goals, weights, areas, weight_mean=mean, by=np.arange(n) % 5)
        seconds, (_, peak) = time.process_time() - start, tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert np.isfinite(scores.overall_misalignment).all()
        assert peak < 60e6
        assert seconds < 5  # a double loop would take hours


@pytest.mark.parametrize("n", [4_000, 6_000])
def test_harmonic_sums_by_distinct_weights_and_by_integral_agree(n):
    from dissensus.forward_model import weight_means

    rng = np.random.default_rng(2)
    cell, weights = rng.integers(0, 3, n), rng.beta(0.3, 1, n)
    exact = np.zeros((3, 3))
    for start in range(0, n, 500):
        rows = slice(start, start + 500)
        means = weight_means.mean_of_two(weights[rows, None], weights, weight_mean="harmonic")
        means[np.arange(means.shape[0]), np.arange(start, start + means.shape[0])] = 0
        for c in range(3):
            exact[:, c] += np.bincount(cell[rows], weights=means[:, cell == c].sum(axis=1), minlength=3)
    found = weight_means.cell_pair_sums(cell, weights, 3, weight_mean="harmonic")
    np.testing.assert_allclose(found, exact, rtol=1e-12)
