"""The published rows: the contract of ``--json``, states and reasons beside each number, numbers as drawn."""

import itertools
import json

import numpy as np
import pandas as pd
import pytest
from dissensus.inference.area_scores import ESTIMANDS
from dissensus.inference.checks import STATES, from_dataset
from dissensus.inference.scores import SCORE_NAMES
from dissensus.inference.summary import check, summarize, to_json

from .fitted import grouped, refused, stouffer_toby

FITS = {"Stouffer and Toby": stouffer_toby, "groups and several areas": grouped}
CASES = [("Stouffer and Toby", None), ("groups and several areas", None), ("groups and several areas", "group")]
KEYS = {"schema", "state", "reasons", "notes", "method", "seed", "n_agents", "data_hash", "version", "interval"}
ROW = {"score", "estimand", "area", "group", "group_other", "mean", "sd", "lower", "upper", "state", "reasons"}


def strict(answer):
    """Return an object after a round trip through strict JSON."""

    def refuse(constant):
        raise AssertionError(constant)

    return json.loads(json.dumps(answer, allow_nan=False), parse_constant=refuse)


def known(values):
    """Return None for each missing value of a column."""
    return [None if pd.isna(value) else value for value in values]


@pytest.mark.parametrize(("name", "by"), CASES)
def test_the_json_object_has_the_keys_of_the_contract(name, by):
    answer = strict(to_json(FITS[name]()[1], by=by))
    assert answer.keys() >= KEYS | {"scores", "alternatives"}
    assert answer["interval"] == {"prob": 0.9, "kind": "eti"}
    assert answer["state"] in STATES
    assert answer["n_agents"] == FITS[name]()[0].n_agents
    assert answer["data_hash"] == FITS[name]()[0].data_hash
    assert answer["method"].keys() == {area.name for area in FITS[name]()[0].areas}
    for row in answer["scores"]:
        assert row.keys() >= ROW


@pytest.mark.parametrize("name", FITS)
def test_without_groups_there_is_one_row_for_each_score_estimand_and_area(name):
    choices, fit = FITS[name]()
    rows = to_json(fit)["scores"]
    found = [(row["score"], row["estimand"], row["area"], row["group"], row["group_other"]) for row in rows]
    areas = [*(area.name for area in choices.areas), None]
    assert sorted(found, key=str) == sorted(itertools.product(SCORE_NAMES, ESTIMANDS, areas, [None], [None]), key=str)


def test_with_groups_each_unordered_pair_has_its_rows_once():
    choices, fit = grouped()
    rows = to_json(fit, by="group")["scores"]
    pairs = [(r["group"], r["group_other"]) for r in rows if (r["score"], r["estimand"]) == ("contention", "sample")]
    each = [(None, None), *((g, None) for g in choices.groups), *itertools.combinations(choices.groups, 2)]
    assert sorted(pairs, key=str) == sorted(each * 4, key=str)  # three areas and overall


@pytest.mark.parametrize(("name", "by"), CASES)
def test_every_row_has_a_state_and_every_null_a_reason(name, by):
    for row in to_json(FITS[name]()[1], by=by)["scores"]:
        numbers = [row[key] for key in ("mean", "sd", "lower", "upper", "mcse")]
        assert row["state"] in {"ok", "caution"}
        assert row["reasons"] or row["state"] == "ok"
        if None in numbers:
            assert set(numbers) == {None}
            assert row["reasons"]
        else:
            assert 0 <= row["lower"] <= row["upper"] <= 1
            assert row["sd"] >= 0


@pytest.mark.parametrize("name", FITS)
def test_the_state_of_a_row_is_the_worst_of_the_checks_of_its_score_and_area(name):
    fit = FITS[name]()[1]
    checks = from_dataset(fit["checks"].to_dataset())
    for row in to_json(fit)["scores"]:
        own = [c for c in checks if row["score"] in c.scores and (row["area"] is None or c.area in {None, row["area"]})]
        caution = any(c.state == "caution" for c in own)
        assert row["state"] == ("caution" if caution else "ok")
        for c in own:
            if c.state == "caution":
                assert any(c.message in reason for reason in row["reasons"])


@pytest.mark.parametrize(
    ("area", "group", "other", "variable", "at"),
    [
        ("tax", None, None, "contention", {"area": "tax"}),
        (None, None, None, "overall_contention", {}),
        ("tax", "left", None, "group_contention", {"area": "tax", "group": "left", "group_other": "left"}),
        ("tax", "left", "right", "group_contention", {"area": "tax", "group": "left", "group_other": "right"}),
        (None, "left", "lone", "overall_group_contention", {"group": "left", "group_other": "lone"}),
    ],
)
@pytest.mark.parametrize("estimand", ESTIMANDS)
def test_numbers_are_those_of_the_draws(area, group, other, variable, at, estimand):
    fit = grouped()[1]
    draws = fit["scores"][variable].sel(at | {"estimand": estimand}).values
    place = {"score": "contention", "estimand": estimand, "area": area, "group": group, "group_other": other}
    (row,) = [r for r in to_json(fit, by="group")["scores"] if place.items() <= r.items()]
    assert row["mean"] == pytest.approx(draws.mean())
    assert row["sd"] == pytest.approx(draws.std())
    assert [row["lower"], row["upper"]] == pytest.approx(np.quantile(draws, [0.05, 0.95]).tolist())


def test_an_area_answered_once_reports_contention_only_and_says_why():
    for row in to_json(grouped()[1])["scores"]:
        if row["area"] == "vote":
            assert (row["mean"] is None) == row["score"].endswith("misalignment")
            if row["mean"] is None:
                assert any("at most one answer per agent" in reason for reason in row["reasons"])


def test_a_group_of_one_has_no_score_within_and_scores_between():
    rows = to_json(grouped()[1], by="group")["scores"]
    rows = [r for r in rows if (r["score"], r["estimand"], r["area"]) == ("contention", "sample", "tax")]
    within = next(r for r in rows if r["group"] == "lone")
    assert within["mean"] is None
    assert "Group lone has one agent, so it has no pairs." in within["reasons"]
    assert all(r["mean"] is not None for r in rows if r["group_other"] == "lone")


def test_monte_carlo_error_is_no_smaller_than_that_of_independent_draws():
    for row in to_json(stouffer_toby()[1])["scores"]:
        assert row["mcse"] >= row["sd"] / np.sqrt(1_000) * (1 - 1e-9)
        assert row["mcse"] <= row["sd"] / np.sqrt(250)


def test_a_refused_fit_has_no_rows_unless_they_are_asked_for():
    fit = refused(grouped()[1])
    answer = strict(to_json(fit, by="group"))
    assert answer["state"] == "refused"
    assert answer["scores"] == []
    assert answer["reasons"][0] == "tax: The draws are no good."
    assert answer["allow_unreliable"] is False
    shown = strict(to_json(fit, allow_unreliable=True))
    assert shown["allow_unreliable"] is True
    assert shown["scores"]
    concerned = [row for row in shown["scores"] if row["area"] in {"tax", None} and row["score"] != "observed_conflict"]
    assert {row["state"] for row in concerned} == {"refused"}
    assert len(summarize(fit)) == 0
    assert list(summarize(fit).columns) == list(summarize(fit, allow_unreliable=True).columns)


@pytest.mark.parametrize("name", FITS)
def test_alternatives_are_the_four_structures_and_the_null_model_of_each_area(name):
    choices, fit = FITS[name]()
    rows = strict(to_json(fit))["alternatives"]
    for area in choices.areas:
        own = {row["structure"]: row for row in rows if row["area"] == area.name}
        assert own.keys() - {"null"} == {"follow", "follow, no goal", "luce", "luce, no goal"}
        assert ("null" in own) == (area.name != "vote")
        assert all(row["contention_mean"] is not None for key, row in own.items() if key != "null")


def test_the_table_is_the_rows_of_the_json_object():
    frame = summarize(grouped()[1], by="group")
    rows = to_json(grouped()[1], by="group")["scores"]
    for column in frame.columns:
        if column != "reasons":
            assert known(frame[column]) == [row[column] for row in rows]


def test_check_returns_every_stored_check():
    fit = grouped()[1]
    frame = check(fit)
    assert known(frame["area"]) == [c.area for c in from_dataset(fit["checks"].to_dataset())]
    assert set(frame["state"]) <= set(STATES)
    assert (frame["message"].str.len() > 0).eq(frame["state"] != "ok").all()
