"""Counts and durations in the study file and in tables: how they are read, kept and written, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dissensus import datasets
from dissensus.errors import InputError

STUDY = """
[table]
agent = "id"
missing = ["", "-9"]
[areas.a]
goals = ["x", "y"]
conflict = 1.0
[areas.a.items.visits]
kind = "count"
raises = ["x"]
lowers = "y"
exposure = "days"
[areas.a.items.dwell]
kind = "duration"
raises = "x"
[areas.a.items.q]
serves = { A = "x", B = "y" }
"""


def _table(**columns):
    table = {"id": list("abcd"), "visits": ["0", "3", "", "12"], "days": ["1", "2", "", "0.5"]}
    table |= {"dwell": ["1.5", "30", "-9", "1e2"], "q": ["A", "B", "A", ""]}
    return pd.DataFrame({**table, **columns})


def _refused(call, *parts):
    with pytest.raises(InputError) as caught:
        call()
    for part in parts:
        assert part in str(caught.value)


def test_numbers_of_a_table():
    study = datasets.Study.from_text(STUDY)
    assert datasets.Study.from_dict(study.to_dict()) == study
    choices = datasets.read_table(_table(), study)
    visits, dwell = choices.areas[0].numbers
    np.testing.assert_array_equal(visits.value, [0, 3, 12])
    np.testing.assert_array_equal(visits.exposure, [1, 2, 0.5])
    frame = choices.to_frame()
    np.testing.assert_array_equal(frame["visits"], [0, 3, np.nan, 12])
    np.testing.assert_array_equal(frame["dwell"], [1.5, 30, np.nan, 100])
    np.testing.assert_array_equal(choices.areas[0].later_answers[choices.areas[0].pattern_of_agent], [2, 2, 0, 2])
    assert choices.areas[0].missing_share.tolist() == [0.25, 0.25, 0.25]
    assert dwell.kind == "duration"


def test_the_order_of_agents_does_not_matter():
    study, table = datasets.Study.from_text(STUDY), _table()
    turned = datasets.read_table(table.iloc[::-1], study)
    assert turned.data_hash == datasets.read_table(table, study).data_hash
    other = datasets.read_table(_table(days=["1", "2", "", "0.6"]), study)
    assert other.data_hash != turned.data_hash


def test_agents_of_equal_numbers_share_a_pattern():
    columns = {"visits": ["3"] * 4, "days": ["1"] * 4, "dwell": ["2"] * 4, "q": list("AABA")}
    area = datasets.read_table(_table(**columns), datasets.Study.from_text(STUDY)).areas[0]
    assert len(area.counts) == 2


LONG = STUDY.replace('exposure = "days"\n', "").replace(
    'agent = "id"', 'agent = "id"\nlayout = "long"\nitem = "i"\nanswer = "o"'
)


def test_a_long_table_holds_many_numbers_of_an_agent():
    study = datasets.Study.from_text(LONG.replace('kind = "duration"', 'kind = "duration"\nrepeated = true'))
    rows = [("1", "dwell", "2"), ("1", "dwell", "2.0"), ("1", "dwell", "7"), ("2", "visits", "4"), ("2", "dwell", "")]
    rows += [("2", "q", "A"), ("3", "dwell", "7"), ("3", "visits", "-9")]
    choices = datasets.read_table(pd.DataFrame(rows, columns=["id", "i", "o"]), study)
    (dwell,) = [one for one in choices.areas[0].numbers if one.kind == "duration"]
    held = dict(zip(dwell.value, dwell.times[dwell.pattern == choices.areas[0].pattern_of_agent[0]], strict=False))
    assert held == {2.0: 2, 7.0: 1}
    long = choices.to_frame(layout="long").set_index(["agent", "item", "answer"])["times"]
    assert long["1", "dwell", "2"] == 2
    assert long["2", "visits", "4"] == 1


@pytest.mark.parametrize("text", [STUDY, LONG.replace('kind = "count"', 'kind = "count"\nrepeated = true')])
def test_simulated_numbers_are_written_and_read_again(tmp_path, text):
    choices = datasets.simulate(datasets.Study.from_text(text), 60, seed=3, missing=0.2)
    datasets.write_table(choices, tmp_path / "t.csv")
    assert datasets.read_table(tmp_path / "t.csv", choices.study).data_hash == choices.data_hash


def test_simulated_numbers_have_the_moments_they_should():
    truth = {"typical": [4.0, 20.0], "spread": [0.5, 0.6], "goal_share": [1.0, 0.0]}
    truth |= {"weight_mean": 0.5, "weight_concentration": 2.0}
    choices = datasets.simulate(datasets.Study.from_text(STUDY), 40_000, seed=4, truth={"a": truth})
    frame, weight = choices.to_frame(), choices.truth.weights["a"].to_numpy()
    mean = 4 * np.exp(3 * weight)
    error = (frame["visits"] - mean) / np.sqrt(mean + 0.5 * mean**2)
    assert abs(error.mean()) < 4 / 200
    assert error.var() == pytest.approx(1, abs=0.06)
    z = (np.log(frame["dwell"] / 20) - 3 * weight) / 0.6
    assert abs(z.mean()) < 4 / 200
    assert z.std() == pytest.approx(1, abs=0.02)


def test_numbers_that_cannot_be_are_told_with_line_and_column(tmp_path):
    path = tmp_path / "t.csv"
    table = _table(visits=["-1", "2.5", "many", "1e20"], dwell=["0", "-3", "NaN", "inf"], days=["1"] * 4)
    table.to_csv(path, index=False)
    counts = [f"line {line}, column 'visits': '{v}'" for line, v in enumerate(("-1", "2.5", "many", "1e20"), start=2)]
    times = [f"line {line}, column 'dwell': '{v}'" for line, v in enumerate(("0", "-3", "NaN", "inf"), start=2)]
    read = lambda: datasets.read_table(path, datasets.Study.from_text(STUDY))  # noqa: E731
    _refused(read, *counts, *times, "is not a count: 0, 1, 2 and so on", "is not a duration: a number above 0")


def test_a_count_needs_its_exposure():
    study = datasets.Study.from_text(STUDY)
    _refused(lambda: datasets.read_table(_table(days=["0", "2", "", "x"]), study), "'0' is no exposure", "'x' is no")
    _refused(lambda: datasets.read_table(_table(days=["", "2", "", "1"]), study), "is no exposure")
    _refused(lambda: datasets.read_table(_table().drop(columns="days"), study), "column 'days'")


def test_one_agent_twice_and_one_number_for_all():
    study = datasets.Study.from_text(STUDY.replace('agent = "id"', 'agent = "id"\non_duplicate = "keep_last"'))
    choices = datasets.read_table(_table(id=list("abca")), study)
    assert choices.to_frame().set_index("agent")["visits"]["a"] == 12
    plain = datasets.Study.from_text(STUDY)
    _refused(lambda: datasets.read_table(_table(id=list("abca")), plain), "Agent 'a' stands in")
    found = datasets.read_table(_table(dwell=["2"] * 4), plain).findings
    assert any(f.code == "constant-item" and "'dwell'" in f.message for f in found)
    assert not any("more" in f.message and f.code == "rare-option" for f in found)


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ('raises = ["x"]', 'raises = ["z"]', "not a goal here"),
        ('raises = ["x"]', "raises = 3", "Name goals"),
        ('lowers = "y"', 'lowers = "x"', "both raises and lowers"),
        ('kind = "duration"\nraises = "x"', 'kind = "duration"', "No goal raises or lowers"),
        ('kind = "duration"', 'kind = "duration"\nserves = { A = "x" }', "both 'serves' and 'raises'"),
        ('kind = "duration"\nraises = "x"', 'kind = "duration"\nserves = { A = "x", B = "y" }', "A number has none"),
        ('kind = "duration"', 'kind = "duration"\nexposure = "days"', "'duration' has 'exposure'"),
        ('serves = { A = "x", B = "y" }', 'serves = { A = "x", B = "y" }\nlowers = "x"', "counts and durations have"),
        ('agent = "id"', 'agent = "id"\nlayout = "long"\nitem = "i"\nanswer = "o"', "a long table does not hold"),
        ('kind = "duration"', 'kind = "time"', "kind"),
    ],
)  # fmt: skip
def test_what_a_study_may_not_say(old, new, part):
    assert old in STUDY
    _refused(lambda: datasets.Study.from_text(STUDY.replace(old, new)), part)
