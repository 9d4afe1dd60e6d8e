"""Scores between groups: parts that sum to the whole with their pairs of agents, and which groups are further apart."""

from __future__ import annotations

import numpy as np
import pytest

from dissensus import forward_model, inference
from dissensus.errors import InputError, Refused

from .agents_drawn import agents_at, group_labels, problem_areas
from .fitted import grouped, refused, stouffer_toby

SCORES = ("contention", "misalignment", "relative_misalignment")


@pytest.mark.parametrize(("score", "area"), [*((score, "tax") for score in SCORES), ("contention", None)])
@pytest.mark.parametrize("estimand", ["sample", "population"])
def test_parts_sum_to_the_score_of_all_agents(score, area, estimand):
    """Overall, only contention: an area without weights leaves no other overall score."""
    _, fit = grouped()
    drawn = inference.scores(fit, estimand=estimand)
    whole = drawn[f"overall_{score}"] if area is None else drawn[score].sel(area=area)
    split = inference.within_between(fit, area=area, score=score, estimand=estimand).set_index("pairs")
    assert split.loc["all", "mean"] == pytest.approx(float(whole.mean()), abs=1e-12)
    parts = split.drop(index="all")
    assert parts["mean"].sum() == pytest.approx(split.loc["all", "mean"], abs=1e-12)
    assert parts["pair_share"].sum() == pytest.approx(1, abs=1e-12)
    assert parts["of_whole"].sum() == pytest.approx(1, abs=1e-12)
    matrix = inference.group_matrix(fit, area=area, score=score, estimand=estimand, small_groups=True)
    in_groups = parts["mean"].drop("with agents in no group").sum()
    assert float(matrix["part"].sum()) == pytest.approx(in_groups, abs=1e-12)
    assert np.trace(matrix["part"].fillna(0)) == pytest.approx(parts.loc["within groups", "mean"], abs=1e-12)
    if score != "relative_misalignment":
        there = matrix["mean"].fillna(0)
        np.testing.assert_allclose(matrix["part"], there * matrix["pair_share"], atol=1e-12)
        stored = inference.scores(fit, by="group", estimand=estimand)
        stored = stored[f"overall_{score}"] if area is None else stored[score].sel(area=area)
        np.testing.assert_allclose(matrix["mean"], stored.mean(("chain", "draw")), atol=1e-12)


def test_pair_shares_count_pairs_and_parts_are_those_of_the_agents_drawn():
    """The part of a group: the double loop over its pairs, divided by the number of all pairs."""
    choices, fit = grouped()
    group, n = group_labels(choices), choices.n_agents
    matrix = inference.group_matrix(fit, area="tax", score="contention", small_groups=True)
    size = {name: int((group == name).sum()) for name in choices.groups}
    for a in choices.groups:
        for b in choices.groups:
            pairs = size[a] * (size[b] - (a == b))
            share = float(matrix["pair_share"].sel(group=a, group_other=b))
            assert share == pytest.approx(pairs / (n * (n - 1)), abs=1e-15)
    draws = np.array([5, 400])
    by_draw = inference.scores(fit, by="group")["contention"].sel(area="tax")
    for at, (goals, weights) in zip(draws, agents_at(choices, fit, draws), strict=True):
        brute = forward_model.score(goals, weights, problem_areas(choices), by=group)["contention"].sel(area="tax")
        own = by_draw.isel(chain=0, draw=at)
        for a, b in (("left", "left"), ("left", "right")):
            assert float(own.sel(group=a, group_other=b)) == pytest.approx(
                float(brute.sel(group=a, group_other=b)), abs=1e-12
            )


def test_groups_of_fewer_than_ten_are_left_out_unless_asked_for():
    matrix = inference.group_matrix(grouped()[1], area="tax")
    assert list(matrix["group"].values) == list(matrix["group_other"].values) == ["left", "right"]
    assert matrix.attrs["left_out"] == ["lone"]
    whole = inference.group_matrix(grouped()[1], area="tax", small_groups=True)
    assert list(whole["group"].values) == ["left", "right", "lone"]
    assert bool(whole["mean"].sel(group="lone", group_other="lone").isnull())  # one agent has no pairs
    assert float(whole["part"].sel(group="lone", group_other="lone")) == 0
    with pytest.raises(InputError, match="'lone' has fewer than 10 agents") as error:
        inference.further_apart(grouped()[1], ("left", "lone"), ("left", "right"))
    assert error.value.code == "small-group"


def test_further_apart_counts_draws():
    _, fit = grouped()
    table = inference.further_apart(fit, ("left", "right"), "left", score="contention", estimand="population")
    assert list(table["area"].fillna("overall")) == ["tax", "speech", "vote", "overall"]
    drawn = inference.scores(fit, by="group", estimand="population")["contention"].sel(area="tax")
    first, second = (drawn.sel(group="left", group_other=b).values.ravel() for b in ("right", "left"))
    row = table.iloc[0]
    assert row["probability"] == pytest.approx((first > second).mean(), abs=1e-12)
    assert row["mean"] == pytest.approx((first - second).mean(), abs=1e-12)
    np.testing.assert_allclose([row["lower"], row["upper"]], np.quantile(first - second, [0.05, 0.95]), atol=1e-12)


def test_two_pairs_one_way_and_the_other_are_certain_together():
    _, fit = grouped()
    there = inference.further_apart(fit, ("left", "right"), ("right", "right"), score="misalignment")
    back = inference.further_apart(fit, "right", ("right", "left"), score="misalignment")
    tax = slice(0, 1)
    np.testing.assert_allclose(there["probability"][tax] + back["probability"][tax], 1, atol=1e-12)
    same = inference.further_apart(fit, ("left", "right"), ("right", "left"), score="contention")
    assert same.loc[0, "probability"] == 0.5
    assert there.set_index("area").loc["vote", ["probability", "mean"]].isna().all()  # no weights there


def test_scores_that_are_held_back_are_held_back_here():
    """Answers on speech show no sign of goals, so its contention has no headline."""
    _, fit = grouped()
    rows = inference.summarize(fit)
    blank = rows[(rows["area"] == "speech") & (rows["score"] == "contention") & (rows["estimand"] == "sample")]
    assert blank["mean"].isna().all()
    assert inference.group_matrix(fit, area="speech", score="contention")["mean"].isnull().all()
    split = inference.within_between(fit, area="speech", score="contention")
    assert split[["mean", "lower", "upper", "of_whole", "among"]].isna().all(axis=None)
    assert "No sign of goals" in split.loc[0, "reasons"][0]
    shown = inference.group_matrix(fit, area="speech", score="contention", allow_unreliable=True)
    assert shown["mean"].notnull().all()


def test_refusals_and_faults_say_what_is_wrong():
    with pytest.raises(Refused):
        inference.group_matrix(refused(grouped()[1]))
    assert inference.within_between(refused(grouped()[1]), area="tax", allow_unreliable=True)["state"][0] == "refused"
    fit = grouped()[1]
    for call, code, text in (
        (lambda: inference.group_matrix(stouffer_toby()[1]), "no-groups", "no groups"),
        (lambda: inference.group_matrix(fit, score="contntion"), "score", "Did you mean 'contention'"),
        (lambda: inference.group_matrix(fit, area="taxes"), "unknown-area", "Did you mean 'tax'"),
        (lambda: inference.within_between(fit, estimand="both"), "estimand", '"estimand" is'),
        (lambda: inference.further_apart(fit, ("left", "rigt"), "left"), "unknown-group", "Did you mean 'right'"),
        (lambda: inference.further_apart(fit, ("left",), "left"), "pair", "not two groups"),
    ):
        with pytest.raises(InputError, match=text) as error:
            call()
        assert error.value.code == code
