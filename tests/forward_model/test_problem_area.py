"""Problem areas: all ways of giving the conflict, and what is refused."""

import dataclasses
import pickle

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from dissensus.forward_model import ProblemArea

from dissensus.errors import InputError

GOALS = ["less", "same", "more"]
MATRIX = [[0, 0.5, 1], [0.5, 0, 0.25], [1, 0.25, 0]]
SHUFFLED = ["more", "less", "same"]
FRAME = pd.DataFrame(MATRIX, index=GOALS, columns=GOALS)


@pytest.mark.parametrize(
    "conflict",
    [
        MATRIX,
        np.array(MATRIX),
        FRAME.loc[SHUFFLED, ["same", "more", "less"]],
        xr.DataArray(FRAME.loc[SHUFFLED, SHUFFLED], dims=("goal", "goal_other")),
        {"less|same": 0.5, "more|less": 1, "same|more": 0.25},
        {("less", "same"): 0.5, ("more", "less"): 1, ("same", "more"): 0.25},
        {"less": {"same": 0.5, "more": 1}, "same": {"more": 0.25}},
        {a: {b: FRAME.loc[a, b] for b in SHUFFLED} for a in SHUFFLED},
        {"less|same": 0.5, "same|less": 0.5, "more|less": 1, "same|more": 0.25, "same|same": 0},
    ],
    ids=["list", "array", "frame", "DataArray", "pairs", "tuples", "nested upper", "nested full", "both ways"],
)
def test_every_form_of_conflict_gives_the_same_matrix(conflict):
    np.testing.assert_array_equal(ProblemArea("p", GOALS, conflict).conflict, MATRIX)


def test_one_number_stands_for_all_pairs():
    np.testing.assert_array_equal(ProblemArea("p", GOALS, 0.3).conflict, 0.3 * (1 - np.eye(3)))


def test_one_goal_has_no_conflict():
    assert ProblemArea("p", ["only"], 1.0).conflict.tolist() == [[0.0]]
    assert ProblemArea("p", ["only"], {}).conflict.tolist() == [[0.0]]


def test_goals_may_be_numbers_and_hold_the_separator():
    assert ProblemArea("p", np.arange(2), {"0|1": 0.5}).goals == (0, 1)
    area = ProblemArea("p", ["a|b", "c"], {"a|b|c": 0.5})
    assert area.conflict[0, 1] == 0.5


def test_it_is_frozen_shows_what_it_holds_and_can_be_pickled():
    area = ProblemArea("p", ["a", "b"], 0.5)
    assert repr(area) == "ProblemArea('p', goals=('a', 'b'), conflict=[[0.0, 0.5], [0.5, 0.0]])"
    with pytest.raises(dataclasses.FrozenInstanceError):
        area.name = "q"
    with pytest.raises(ValueError, match="read-only"):
        area.conflict[0, 1] = 0.9
    assert repr(pickle.loads(pickle.dumps(area))) == repr(area)


def test_the_given_matrix_is_copied():
    matrix = np.array(MATRIX)
    area = ProblemArea("p", GOALS, matrix)
    matrix[0, 1] = 0.9
    assert area.conflict[0, 1] == 0.5


def changed(i, j, value):
    matrix = np.array(MATRIX, dtype=float)
    matrix[i, j] = value
    return matrix


@pytest.mark.parametrize(
    ("conflict", "match"),
    [
        ([[0, 0.5], [0.5, 0]], r"has a conflict of 2 × 2 numbers.*goals are 'less', 'same', 'more'.*3 × 3"),
        ([[0, 0.5, 1], [0.5, 0, 0.25]], "2 × 3 numbers"),
        ([0, 1, 2], "of 3 numbers"),
        ([[0, 1], [1]], "not a square table of numbers"),
        ("much", "not a square table of numbers: 'much'"),
        (
            FRAME.rename(index={"less": "fewer"}),
            "conflict rows 'fewer', 'same', 'more'.*goals are 'less', 'same', 'more'",
        ),
        (FRAME[["less", "same"]], "conflict columns 'less', 'same'"),
        (FRAME.reset_index(drop=True), "conflict rows '0', '1', '2'"),
        (xr.DataArray(MATRIX), "no labels on two dimensions"),
        ({"less|same": 0.5, "less|more": 1}, r"no conflict for the pair 'same\|more'.*Add \"same\|more\""),
        ({"less|same": 0.5, "less|more": 1, "same|mor": 0.2}, r"conflict for 'same\|mor'.*goals are"),
        ({"less": 0.5}, "conflict for 'less.*Write a pair as"),
        ({"less|same": 0.5, ("less", "same"): 0.5, "less|more": 1, "same|more": 0}, r"'less\|same' twice"),
        (
            {"less|same": 0.5, "same|less": 0.4, "less|more": 1, "same|more": 0},
            r"'less\|same' = 0\.5 but 'same\|less' = 0\.4",
        ),
        (changed(0, 1, 0.4), r"'less\|same' = 0\.4 but 'same\|less' = 0\.5.*Conflict is mutual"),
        (changed(1, 1, 0.2), r"'same\|same' = 0\.2.*does not conflict with itself"),
        (changed(2, 0, 1.5), r"'more\|less' = 1\.5.*between 0 and 1"),
        (changed(2, 0, -0.5), r"'more\|less' = -0\.5.*between 0 and 1"),
        (changed(0, 2, np.inf), r"'less\|more' = inf"),
        (changed(0, 2, np.nan), r"no number as the conflict 'less\|more': nan"),
        (1.5, "conflict 1.5.*between 0 and 1"),
        (float("nan"), "conflict nan"),
    ],
)
def test_a_bad_conflict_is_refused(conflict, match):
    with pytest.raises(InputError, match=match) as caught:
        ProblemArea("p", GOALS, conflict)
    assert "Problem area 'p'" in str(caught.value)
    assert caught.value.remedy


def test_all_faults_of_a_matrix_are_listed_at_once():
    with pytest.raises(InputError) as caught:
        ProblemArea("p", GOALS, [[0.1, 2, 0.5], [0.5, 0, 0.3], [0.4, 0.3, 0]])
    codes = [fault.code for fault in caught.value.faults]
    assert codes == ["conflict-diagonal", "conflict-range", "conflict-asymmetric"]


@pytest.mark.parametrize(
    ("goals", "match"),
    [
        ([], "has no goals"),
        (["a", "b", "a"], "lists the goal 'a' twice"),
        ([1, "1"], "lists the goal '1' twice"),
        ([None, "a"], "lists the goal 'None'.*no goal is not listed"),
        ([0.5, "a"], "lists the goal '0.5'"),
        ([True, False], "lists the goal 'True'"),
        ("ab", "single text 'ab'.*Give a list"),
    ],
)
def test_bad_goals_are_refused(goals, match):
    with pytest.raises(InputError, match=match):
        ProblemArea("p", goals, 1.0)


@pytest.mark.parametrize("name", ["", 3, None])
def test_an_area_needs_a_name(name):
    with pytest.raises(InputError, match="Give it a name"):
        ProblemArea(name, ["a"], 0)


@pytest.mark.parametrize("value", [[], [0.5], [[0.5]]])
def test_a_conflict_that_is_no_number_is_refused(value):
    with pytest.raises(InputError, match="has a conflict that is no number"):
        ProblemArea("x", goals=["a", "b"], conflict={"a|b": value})
