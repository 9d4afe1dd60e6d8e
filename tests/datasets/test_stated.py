"""Stated importance as a number, a rank among areas or a share of a budget: how it is read, and what is refused."""

from __future__ import annotations

import pandas as pd
import pytest

from dissensus import datasets
from dissensus.errors import InputError


def _study(one, two="levels = 3", table=""):
    areas = "\n".join(
        f"""
        [areas.{name}]
        goals = ["x", "y"]
        conflict = 1.0
        [areas.{name}.importance]
        column = "i{name}"
        {keys}
        [areas.{name}.items.q{name}]
        serves = {{ A = "x", B = "y" }}"""
        for name, keys in (("a", one), ("b", two))
    )
    return datasets.Study.from_text(f'[table]\nagent = "id"\n{table}\n{areas}', file="study.toml")


def _table(one, two):
    n = len(one)
    answers = {"qa": ["A", "B", "A", "B", "A", "A"][:n], "qb": ["B", "A", "A", "B", "A", "B"][:n]}
    return pd.DataFrame({"id": list("abcdef")[:n], **answers, "ia": one, "ib": two})


def _levels(study, one, two):
    frame = datasets.read_table(_table(one, two), study).to_frame()
    return [[None if pd.isna(level) else level for level in frame[column]] for column in ("ia", "ib")]


def _refused(call, *parts):
    with pytest.raises(InputError) as caught:
        call()
    for part in parts:
        assert part in str(caught.value)


def test_numbers_are_put_into_bins_around_round_numbers_or_between_cuts():
    study = _study("range = [0, 100]", "range = [0, 10]\ncuts = [2, 5]")
    assert datasets.Study.from_dict(study.to_dict()) == study
    assert study.areas[0].items[-1].options[:3] == ("0 to 5", "5 to 15", "15 to 25")
    one, two = _levels(study, ["0", "4.9", "5", "95", "100"], ["10", "0", "2", "", "4.99"])
    assert one == ["0 to 5", "0 to 5", "5 to 15", "95 to 100", "95 to 100"]
    assert two == ["5 to 10", "0 to 2", "2 to 5", None, "2 to 5"]


def test_decimal_commas_are_those_of_the_table():
    study = _study("range = [0, 1]\nlevels = 3", table='decimal = ","')
    assert _levels(study, ["0,2", "0,8", "1"], ["1", "2", "3"])[0] == ["0 to 0.25", "0.75 to 1", "0.75 to 1"]
    _refused(lambda: datasets.read_table(_table(["0.2", "0,8"], ["1", "2"]), study), "'0.2' of item 'ia' is no number")


def test_what_is_no_number_of_the_range_is_told_with_its_row():
    table = _table(["1", "101", "x", "-1", "1e999", "NaN"], ["1"] * 6)
    faults = [f"'{value}' of item 'ia' is no number from 0 to 100" for value in ("101", "x", "-1", "1e999", "NaN")]
    _refused(lambda: datasets.read_table(table, _study("range = [0, 100]")), *faults, "in row 2", "column 'ia'")


def test_rank_1_is_the_most_important():
    study = _study("rank_of = 3", "rank_of = 3")
    assert study.areas[0].items[-1].options == ("3", "2", "1")
    assert _levels(study, ["1", "3"], ["2", ""]) == [["1", "3"], ["2", None]]


def test_an_area_left_out_among_the_most_important_ones_is_the_least():
    study = _study("rank_of = 5\nranked = 2", "rank_of = 5\nranked = 2")
    assert datasets.Study.from_dict(study.to_dict()) == study
    one, two = _levels(study, ["1", "2", "", ""], ["", "1", "2", ""])
    assert one == ["1", "2", "not ranked", None]
    assert two == ["not ranked", "1", "2", None]


def test_two_areas_of_one_rank_are_refused():
    table = _table(["1", "2", "3"], ["1", "3", ""])
    study = _study("rank_of = 3", "rank_of = 3")
    _refused(lambda: datasets.read_table(table, study), "gives rank 1 to both 'ia' and 'ib', in row 1")
    _refused(lambda: datasets.read_table(_table(["4", "1"], ["1", "2"]), study), "'4' is not a declared option")


@pytest.mark.parametrize("layout", ["wide", "long"])
def test_shares_of_a_budget_do_not_exceed_it(layout):
    table = _table(["60", "20", "0.4", ""], ["40.1", "81", "2", "100"])
    long = 'layout = "long"\nitem = "item"\nanswer = "answer"' if layout == "long" else ""
    if long:
        table = table.melt(id_vars="id", var_name="item", value_name="answer")
    study = _study("budget = 100\ncuts = [1, 20]", "budget = 100", table=long)
    _refused(lambda: datasets.read_table(table, study), "divides 101 among areas, and has 100")
    frame = datasets.read_table(table.replace("81", "80"), study).to_frame().sort_values("agent")
    assert frame["ia"].tolist()[:3] == ["20 to 100", "20 to 100", "0 to 1"]


@pytest.mark.parametrize(
    ("keys", "part"),
    [
        ("range = [5, 1]", "least and the greatest"),
        ("range = 5", "range = [0, 100]"),
        ("range = [0, 1]\nlevels = 20", "from 2 to 11"),
        ("range = [0, 1]\ncuts = [0, 0.5]", "growing numbers between 0 and 1"),
        ("range = [0, 1]\ncuts = [0.5]\nlevels = 2", "'levels' and 'cuts'"),
        ("rank_of = 1", "Give 2 to 11"),
        ("rank_of = 30", "Give 2 to 11"),
        ("rank_of = 3\nranked = 3", "not less than 'rank_of'"),
        ("budget = -1", "positive number"),
        ("budget = 100\nrank_of = 3", "in which form"),
        ("rank_of = 3\nlevels = 2", "The keys are column, rank_of, ranked."),
        ("levels = 3\ncuts = [1]", "The keys are column, levels."),
    ],
)
def test_what_a_study_may_not_say(keys, part):
    _refused(lambda: _study(keys), part)
