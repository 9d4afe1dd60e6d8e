"""What answers can tell before a fit, and what they told after it."""

from __future__ import annotations

import numpy as np
import pytest
from dissensus.inference.density import log_density
from dissensus.inference.identify import (
    coordinate_names,
    free_directions,
    identify,
    is_separated,
    kruskal,
    least_determined,
)
from dissensus.inference.parameters import draw_prior, log_prior

from dissensus import datasets, inference

from .builders import CASES, density_of, make_area, make_choices, make_study, of_kind, random_choices


class TestKruskal:
    @pytest.mark.parametrize(
        ("sizes", "goals", "expected"),
        [
            ([2, 2, 2], 2, True),  # three binary items identify two classes up to labels
            ([2, 2], 2, False),
            ([2, 2, 2], 3, False),
            ([2, 2, 2, 2], 2, True),
            ([2, 2, 2, 2, 2], 4, True),  # parts of 4, 4 and 2 patterns: 4 + 4 + 2 = 10 ≥ 10
            ([2, 2, 2, 2, 2], 5, False),
            ([3, 3, 3], 3, True),
            ([9, 9], 2, False),  # two variables never do
            ([2], 1, True),
        ],
    )
    def test_known_cases(self, sizes, goals, expected):
        assert kruskal(sizes, goals) == expected

    def test_more_items_than_are_divided_one_by_one(self):
        assert kruskal([2] * 12, 16)
        assert not kruskal([2] * 12, 40)


class TestSeparation:
    def test_agents_who_serve_one_goal_throughout(self):
        study = make_study(make_area("x y", "y x -"))
        assert is_separated(make_choices(study, {"a0": [0, 1, 0], "a1": [1, 0, 2]}).areas[0])
        assert not is_separated(make_choices(study, {"a0": [0, 1, 0], "a1": [0, 0, 2]}).areas[0])

    def test_one_answer_each_is_no_separation(self):
        study = make_study(make_area("x y", "y x"))
        assert not is_separated(make_choices(study, {"a0": [0, 1, -1], "a1": [-1, -1, 0]}).areas[0])


@pytest.mark.parametrize(
    "case", ["groups", "groups and agents in none", "ordered scales, groups, no goal", "every kind"]
)
def test_directions_left_out_are_those_that_change_nothing(case):
    """Moving all groups and what they deviate from alike leaves the likelihood as it is, and nothing else does."""
    density = density_of(CASES[case]())
    free = free_directions(density)
    np.testing.assert_allclose(free.T @ free, np.eye(free.shape[1]), atol=1e-12)
    theta = draw_prior(density.parameters, 1, np.random.default_rng(1))
    left_out = np.linalg.svd(free.T)[2][free.shape[1] :]
    layout = density.parameters
    assert len(left_out) == (0 if layout.plain_prior else layout.n_shares - 1 + layout.weighted)

    def likelihood(at):
        return (log_density(density, at) - log_prior(density.parameters, at))[0]

    for direction in left_out:
        assert likelihood(theta + 0.1 * direction) == pytest.approx(likelihood(theta), abs=1e-9)
    assert len(coordinate_names(density)) == density.size


def test_the_direction_least_determined_by_hand():
    information = np.diag([4.0, 0.1, 2.0])
    assert least_determined(information, np.eye(3), ["one", "two", "three"]) == ("two",)
    turned = np.array([[0.8, 0.6], [0.6, -0.8]])
    found = least_determined(turned @ np.diag([0.01, 5.0]) @ turned.T, np.eye(2), ["one", "two"])
    assert found == ("one", "two"), "0.64 and 0.36 of the direction"


def test_stouffer_and_toby():
    """Seven parameters, sixteen patterns; the answers alone leave the share open by 0.14 (as published here before)."""
    row = identify(datasets.load("stouffer_toby")).iloc[0]
    assert (row["items"], row["parameters"], row["patterns"], row["rank"]) == (4, 7, 15, 7)
    assert row["kruskal"]
    assert row["share_sd"] == pytest.approx(0.14, abs=0.01)
    assert "expected standard deviation of 0.14" in row["sentences"]


def test_items_that_cannot_tell_the_parameters():
    row = identify(random_choices(make_study(make_area("x y", "y x")), 60, seed=1)).iloc[0]
    assert row["parameters"] > row["patterns"]
    assert row["rank"] <= row["patterns"]
    assert "cannot tell" in row["sentences"]
    assert "of the rest only the prior speaks" in row["sentences"]


def test_weights_of_a_one_answer_area_come_from_stated_importance_and_the_prior():
    study = make_study(of_kind(make_area("x y", "- - -"), "choice", "importance"))
    row = identify(random_choices(study, 300, seed=2)).iloc[0]
    assert row["rank"] < row["parameters"]
    assert "taken at face value" in row["sentences"]


def test_after_a_fit_blocks_that_answers_decide_contract_and_others_do_not():
    study = make_study(make_area(*["x y z", "y z x", "z x y", "x y z"], baseline="uniform"))
    truth = {"a": {"goal_share": [0.5, 0.3, 0.2], "weight_mean": 0.7, "weight_concentration": 4.0}}
    fit = inference.fit(datasets.simulate(study, 3_000, seed=3, truth=truth), seed=1, draws=1_000)
    table = inference.determined(fit).set_index("block")
    assert table.loc["goal shares", "contraction"] > 0.95
    assert table.loc["mean weight", "contraction"] > 0.8
    assert table["contraction"].idxmin() == "spread of weights"
    assert table.index[table["least"]].tolist() == ["spread of weights"]
    assert (table["sentence"] == "").equals(table["contraction"] >= 0.2)


def test_answers_to_a_repeated_item_are_counted_with_their_number():
    """Three answers to an item of two options can be given in four ways; two items, sixteen."""
    choices = make_choices(
        make_study(make_area("x y", "y x", repeated=True)), {f"a{j}": np.array([[3, 0], [1, 2]]) for j in range(2)}
    )
    assert identify(choices).iloc[0]["patterns"] == 15
