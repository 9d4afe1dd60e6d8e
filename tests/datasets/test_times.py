"""Tables of counts: a row that stands for many agents, an answer that was given many times."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dissensus import datasets
from dissensus.errors import InputError

AREA = """
[areas.a]
goals = ["x", "y"]
conflict = 1.0
[areas.a.items.i]
serves = { "1" = "x", "2" = "y" }
[areas.a.items.j]
serves = { "1" = "x", "2" = "y" }
"""
WIDE = datasets.Study.from_text('[table]\ntimes = "n"\ngroup = "g"\nsurvey_weight = "w"' + AREA)
LONG = datasets.Study.from_text(
    '[table]\nlayout = "long"\nagent = "who"\nitem = "item"\nanswer = "answer"\ntimes = "n"'
    + AREA.replace('"2" = "y" }', '"2" = "y" }\nrepeated = true', 1)
)


def _wide(**columns):
    rows = {"i": list("1212"), "j": list("1122"), "g": list("aabb"), "w": list("1121"), "n": list("3021")}
    return pd.DataFrame(rows | columns)


def test_a_row_stands_for_as_many_agents():
    """The table of counts is the table of its agents."""
    choices = datasets.read_table(_wide(), WIDE)
    one_by_one = _wide().loc[[0, 0, 0, 2, 2, 3]].drop(columns="n")
    plain = datasets.read_table(
        one_by_one, datasets.Study.from_text('[table]\ngroup = "g"\nsurvey_weight = "w"' + AREA)
    )
    assert choices.n_agents == 6
    assert choices.data_hash == plain.data_hash
    assert any("1 rows that count 0 times" in finding.message for finding in choices.findings)


def test_the_table_of_stouffer_and_toby_as_published():
    """Sixteen patterns with their counts, Stouffer and Toby (1951), are the bundled table of 216 students."""
    bundled = datasets.load("stouffer_toby")
    area = bundled.areas[0]
    rows = {item: np.array(area.options_of(k), dtype=object)[area.answer(k)] for k, item in enumerate(area.items)} | {
        "students": area.n_agents_of_pattern.astype(str)
    }
    raw = bundled.study.to_dict()
    raw["table"] |= {"times": "students", "agent": None}
    choices = datasets.read_table(pd.DataFrame(rows), datasets.Study.from_dict(raw))
    assert choices.n_agents == 216
    np.testing.assert_array_equal(choices.areas[0].counts, area.counts)
    np.testing.assert_array_equal(choices.areas[0].n_agents_of_pattern, area.n_agents_of_pattern)


def test_an_answer_given_many_times():
    rows = {
        "who": ["p", "p", "q", "q"],
        "item": ["i", "i", "i", "j"],
        "answer": list("1221"),
        "n": ["500", "7", "0", "1"],
    }
    choices = datasets.read_table(pd.DataFrame(rows), LONG)
    area = choices.areas[0]
    counts = dict(zip(choices.agents, area.counts[area.pattern_of_agent].tolist(), strict=True))
    assert counts == {"p": [500, 7, 0, 0], "q": [0, 0, 1, 0]}


@pytest.mark.parametrize("study", [WIDE, LONG], ids=["wide", "long"])
def test_a_written_table_is_read_again(tmp_path, study):
    if study is WIDE:
        choices = datasets.read_table(_wide(), study)
    else:
        rows = {"who": ["p", "q", "q"], "item": ["i", "i", "j"], "answer": list("121"), "n": ["5", "2", "1"]}
        choices = datasets.read_table(pd.DataFrame(rows), study)
    datasets.write_table(choices, tmp_path / "t.csv")
    assert datasets.read_table(tmp_path / "t.csv", study).data_hash == choices.data_hash


@pytest.mark.parametrize("value", ["-1", "2.5", "many", "1e3", "∞"])
def test_what_is_no_number_of_times(tmp_path, value):
    _wide(n=["3", value, "2", "1"]).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(InputError) as caught:
        datasets.read_table(tmp_path / "t.csv", WIDE)
    (fault,) = caught.value.faults
    assert (fault.code, fault.line, fault.column, fault.value) == ("bad-times", 3, "n", value)


def test_a_row_that_does_not_say_how_often():
    with pytest.raises(InputError, match="does not say how often it counts"):
        datasets.read_table(_wide(n=["3", "", "2", "1"]), WIDE)


def test_an_item_answered_once_is_not_answered_five_times():
    rows = {"who": ["p", "q"], "item": ["j", "i"], "answer": list("12"), "n": ["5", "1"]}
    with pytest.raises(InputError, match="Item 'j' is answered 5 times in one row"):
        datasets.read_table(pd.DataFrame(rows), LONG)


def test_more_agents_than_the_limit():
    with pytest.raises(InputError, match="stand for 3,000,000,003 agents"):
        datasets.read_table(_wide(n=["3000000000", "0", "2", "1"]), WIDE)


def test_agents_and_numbers_of_agents_exclude_each_other():
    with pytest.raises(InputError, match=r"one agent where 'table\.agent' names them, and for many by 'times'"):
        datasets.Study.from_text('[table]\nagent = "id"\ntimes = "n"' + AREA)


def test_a_column_that_is_not_there():
    with pytest.raises(InputError, match=r"'table\.times' names column 'n'"):
        datasets.read_table(_wide().drop(columns="n"), WIDE)
