"""Every case of the authors' own code, tests/reference/forward_model.json (its origin is under "meta")."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dissensus import forward_model as fm
from dissensus.errors import InputError

GOLDEN = json.loads((Path(__file__).parent.parent / "reference" / "forward_model.json").read_text())
WEIGHT_MEANS = {
    "arithmetic mean": "arithmetic",
    "geometric mean": "geometric",
    "harmonic mean": "harmonic",
    "min": "min",
    "max": "max",
    "disregard weights": "none",
}
AREA_MEANS = {k: v for k, v in WEIGHT_MEANS.items() if k != "disregard weights"}
CLOSE = {"rtol": 1e-12, "atol": 1e-12}


def area(conflict, p=0, k=None):
    k = len(conflict) if k is None else k
    return fm.ProblemArea(f"p{p}", range(1, k + 1), conflict)


def tables(goals, weights):
    """Goals 0 of the authors are no goal."""
    goals, weights = np.atleast_2d(goals), np.atleast_2d(weights)
    names = [f"p{p}" for p in range(goals.shape[1])]
    frame = pd.DataFrame(goals, columns=names)
    return frame.where(frame != 0), pd.DataFrame(weights, columns=names, dtype=float)


def column(goals, weights):
    return tables(np.reshape(goals, (-1, 1)), np.reshape(weights, (-1, 1)))


def check_all_means(goals, weights, areas, expected):
    for theirs, ours in WEIGHT_MEANS.items():
        per_area = expected["areas"][theirs]
        raw = fm.score(goals, weights, areas, weight_mean=ours)
        np.testing.assert_allclose(raw.misalignment, per_area["raw"], **CLOSE)
        normalised = fm.score(goals, weights, areas, weight_mean=ours, normalise="authors")
        np.testing.assert_allclose(normalised.misalignment, per_area["normalised"], **CLOSE)
        for their_mean, our_mean in AREA_MEANS.items():
            scores = fm.score(goals, weights, areas, weight_mean=ours, area_mean=our_mean)
            np.testing.assert_allclose(scores.overall_misalignment, expected["overall"][theirs][their_mean], **CLOSE)


def test_the_reference_names_its_origin():
    assert "RIET-lab/quantifying-misalignment" in GOLDEN["meta"]["source"]


def test_every_block_of_the_reference_is_tested_here():
    assert set(GOLDEN) == {
        "meta", "shopping", "car_pedestrian", "balanced_goals", "conflict_levels_constant_weight",
        "no_goal_cases_conflict1_weight1", "mixed_weights_with_zero", "asymmetric_order_dependence",
        "random_explicit_cases",
    }  # fmt: skip


def test_shopping_under_all_means():
    inputs = GOLDEN["shopping"]["inputs"]
    areas = [area(inputs["conflict_p_f"], 0), area(inputs["conflict_p_h_symmetrised_from_upper"], 1)]
    goals, weights = tables(inputs["goals"], inputs["weights"])
    check_all_means(goals, weights, areas, GOLDEN["shopping"]["symmetrised_order_c_R_RS"])
    # In this order of agents the authors' code does not read the misplaced row.
    check_all_means(goals, weights, areas, GOLDEN["shopping"]["notebook_order_c_R_RS"])


def test_shopping_does_not_depend_on_the_order_of_agents():
    inputs, orders = GOLDEN["shopping"]["inputs"], GOLDEN["shopping"]["notebook_matrix_all_agent_orders"]
    published = orders["c,R,R^S"]["overall"]
    areas = [area(inputs["conflict_p_f"], 0), area(inputs["conflict_p_h_symmetrised_from_upper"], 1)]
    goals, weights = tables(inputs["goals"], inputs["weights"])
    theirs = set()
    for order, values in orders.items():
        rows = [inputs["agents"].index(name) for name in order.split(",")]
        ours = fm.score(goals.iloc[rows], weights.iloc[rows], areas).overall_misalignment
        np.testing.assert_allclose(ours, published, **CLOSE)
        theirs.add(round(values["overall"], 9))
    assert len(theirs) == 2


def test_the_misplaced_row_of_the_shopping_matrix_is_refused():
    matrix = GOLDEN["shopping"]["inputs"]["conflict_p_h_as_in_notebook"]
    with pytest.raises(InputError, match=r"'2\|3' = 0\.3 but '3\|2' = 0\.1.*\n.*'3\|3' = 0\.3.*give 0"):
        area(matrix)


def test_asymmetric_conflict_is_refused():
    block = GOLDEN["asymmetric_order_dependence"]
    assert block["agents_goal1_then_goal2"] != block["agents_goal2_then_goal1"]
    with pytest.raises(InputError, match=r"'1\|2' = 1\.0 but '2\|1' = 0\.0"):
        area(block["conflict"])


def car_weights(kind):
    inputs = GOLDEN["car_pedestrian"]["inputs"]
    if kind == "maximum":
        return {"car_weights": inputs["maximum_weights"], "pedestrian_weights": inputs["maximum_weights"]}
    return {"car_weights": inputs["scenario_car_weights"], "pedestrian_weights": inputs["scenario_ped_weights"]}


@pytest.mark.parametrize("case", GOLDEN["car_pedestrian"]["cases"], ids=str)
def test_cars_and_pedestrians(case):
    options = {"n_agents": case["n"], "conflict": case["conflict"], **car_weights(case["weights"])}
    scores = fm.cars_and_pedestrians([case["car_proportion"]], **options)
    np.testing.assert_allclose(scores.overall_misalignment, [case["overall"]], **CLOSE)
    if "per_area" in case:  # recorded for the small cases only
        np.testing.assert_allclose(scores.misalignment, [case["per_area"]], **CLOSE)


@pytest.mark.parametrize("name", GOLDEN["car_pedestrian"]["notebook_sweep_n1000_51_points"])
def test_sweep_over_the_share_of_cars(name):
    sweep = GOLDEN["car_pedestrian"]["notebook_sweep_n1000_51_points"][name]
    kind, conflict = name.split("|")
    scores = fm.cars_and_pedestrians(sweep["proportions"], conflict=float(conflict), **car_weights(kind))
    np.testing.assert_allclose(scores.overall_misalignment, sweep["overall"], **CLOSE)


@pytest.mark.parametrize("case", GOLDEN["car_pedestrian"]["normalised_weight_cases"], ids=str)
def test_cars_and_pedestrians_with_weights_summing_to_one(case):
    scores = fm.cars_and_pedestrians(
        [case["car_proportion"]], n_agents=case["n"], conflict=case["conflict"], unit_sum=True
    )
    np.testing.assert_allclose(scores.overall_misalignment, [case["overall"]], **CLOSE)
    np.testing.assert_allclose(scores.misalignment, [case["per_area"]], **CLOSE)


@pytest.mark.parametrize("case", GOLDEN["balanced_goals"], ids=lambda c: f"{c['k']}-{c['n']}")
def test_balanced_goals(case):
    goals, weights = column(np.repeat(np.arange(case["k"]) + 1, case["counts"]), np.ones(case["n"]))
    problem = area(1.0, k=case["k"])
    np.testing.assert_allclose(fm.score(goals, weights, problem).misalignment, [case["raw"]], **CLOSE)
    authors = fm.score(goals, weights, problem, normalise="authors")
    np.testing.assert_allclose(authors.misalignment, [case["normalised"]], **CLOSE)
    exact = fm.score(goals, weights, problem, normalise="exact")
    np.testing.assert_allclose(exact.misalignment, [1.0], **CLOSE)
    np.testing.assert_allclose(fm.largest_contention(10**9, case["k"]), case["limit_(k-1)/k"], rtol=1e-8)


@pytest.mark.parametrize("case", GOLDEN["conflict_levels_constant_weight"], ids=lambda c: f"{c['conflicts']}-{c['k']}")
def test_conflict_levels(case):
    result = fm.misalignment_by_conflict_level(
        [case["conflicts"]], [case["k"]], n_agents=case["n"], weights=(case["weight"],) * 2, repetitions=1
    )
    np.testing.assert_allclose(result, [[[case["overall"]]]], **CLOSE)


@pytest.mark.parametrize("case", GOLDEN["no_goal_cases_conflict1_weight1"], ids=str)
def test_agents_without_a_goal_stay_in_the_pairs(case):
    counts = [case["n_no_goal"], case["n_goal1"], case["n_goal2"]]
    goals, weights = column(np.repeat([0, 1, 2], counts), np.ones(sum(counts)))
    np.testing.assert_allclose(fm.score(goals, weights, area(1.0, k=2)).misalignment, [case["raw"]], **CLOSE)
    authors = fm.score(goals, weights, area(1.0, k=2), normalise="authors")
    np.testing.assert_allclose(authors.misalignment, [case["normalised"]], **CLOSE)


@pytest.mark.parametrize("theirs", WEIGHT_MEANS)
def test_weights_of_zero(theirs):
    block = GOLDEN["mixed_weights_with_zero"]
    goals, weights = column(block["goals"], block["weights"])
    scores = fm.score(goals, weights, area(1.0, k=2), weight_mean=WEIGHT_MEANS[theirs])
    np.testing.assert_allclose(scores.misalignment, [block["raw_by_weight_style"][theirs]], **CLOSE)


@pytest.mark.parametrize("case", GOLDEN["random_explicit_cases"], ids=lambda c: f"n{c['n']}-k{c['goals_per_area']}")
def test_random_populations_under_all_means(case):
    areas = [area(matrix, p) for p, matrix in enumerate(case["conflict"])]
    check_all_means(*tables(case["agent_goals"], case["agent_weights"]), areas, case["result"])
