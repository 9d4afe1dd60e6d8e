"""Tables of judgements: a row for each comparison of two objects, read as the pairs that were compared."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from dissensus import datasets
from dissensus.errors import InputError

TEXT = """
[table]
layout = "judgements"
agent = "judge"
item = "topic"
first = "model_a"
second = "model_b"
answer = "winner"
first_wins = ["model_a"]
second_wins = ["model_b"]
ties = ["tie", "tie (inconsistent)"]
missing = ["", "?"]

[areas.prose]
goals = ["plain", "rich"]
conflict = 1.0
[areas.prose.items.prose]
kind = "pairwise"
serves = { A = "plain", B = "rich", C = [] }

[areas.sums]
goals = 1
[areas.sums.items.arithmetic]
kind = "pairwise"
column = "maths"
options = ["A", "B"]
"""
ROWS = [
    ("ann", "prose", "A", "B", "model_a"),
    ("ann", "prose", "B", "A", "model_b"),  # A again, shown second
    ("ann", "prose", "B", "A", "model_a"),
    ("ann", "maths", "B", "A", "B"),  # by name
    ("bob", "prose", "A", "B", "tie (inconsistent)"),
    ("bob", "prose", "A", "B", "?"),
    ("bob", "prose", "A", "C", "C"),
    ("bob", "other", "X", "Y", "model_a"),
    ("cat", "maths", "A", "B", "tie"),
]
NAMES = ["judge", "topic", "model_a", "model_b", "winner"]


def _frame(rows=ROWS):
    return pd.DataFrame(rows, columns=NAMES)


def _study(text=TEXT):
    return datasets.Study.from_text(text)


def _faults(action):
    with pytest.raises(InputError) as caught:
        action()
    return caught.value.faults


def test_a_list_of_objects_is_an_item_for_each_two():
    study = _study()
    assert [item.name for item in study.area("prose").items] == ["prose: A - B", "prose: A - C", "prose: B - C"]
    first = study.area("prose").items[0]
    assert first.serves == {"A": ("plain",), "B": ("rich",), "tie": ()}
    assert first.objects == ("A", "B")
    assert first.repeated
    assert study.area("sums").learned
    assert datasets.Study.from_dict(study.to_dict()) == study


def test_answers_are_counted_whichever_object_is_shown_first():
    choices = datasets.read_table(_frame(), _study())
    prose, sums = choices.areas
    assert prose.items == ("prose: A - B", "prose: A - C")
    assert sums.items == ("arithmetic: A - B",)
    of = {label: k for k, label in enumerate(choices.agents)}
    counts = prose.counts[prose.pattern_of_agent]
    np.testing.assert_array_equal(counts[of["ann"]], [2, 1, 0, 0, 0, 0])
    np.testing.assert_array_equal(counts[of["bob"]], [0, 0, 1, 0, 1, 0])
    np.testing.assert_array_equal(sums.counts[sums.pattern_of_agent[of["ann"]]], [0, 1, 0])
    np.testing.assert_array_equal(sums.counts[sums.pattern_of_agent[of["cat"]]], [0, 0, 1])
    said = " ".join(finding.message for finding in choices.findings)
    assert "Pairs of objects that nobody compares are left out: 1." in said
    assert "not in the study and left out: 'other'" in said


def test_swapping_the_objects_of_every_row_changes_nothing():
    other = {"model_a": "model_b", "model_b": "model_a"}
    swapped = [(judge, topic, b, a, other.get(won, won)) for judge, topic, a, b, won in ROWS]
    assert datasets.read_table(_frame(swapped), _study()).data_hash == datasets.read_table(_frame(), _study()).data_hash


def test_it_is_the_long_table_of_its_pairs():
    """The same choices from a long table that names the pairs as items."""
    choices = datasets.read_table(_frame(), _study())
    long = [
        ("ann", "prose: A - B", "A", 2),
        ("ann", "prose: A - B", "B", 1),
        ("ann", "maths: A - B", "B", 1),
        ("bob", "prose: A - B", "tie", 1),
        ("bob", "prose: A - C", "C", 1),
        ("cat", "maths: A - B", "tie", 1),
    ]
    frame = pd.DataFrame(long, columns=["judge", "item", "answer", "times"])
    assert choices.study.table.layout == "long"
    assert datasets.read_table(frame, choices.study).data_hash == choices.data_hash
    assert datasets.Study.from_dict(choices.study.to_dict()) == choices.study


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_written_and_read_again(tmp_path, suffix):
    choices = datasets.read_table(_frame(), _study())
    datasets.write_table(choices, tmp_path / f"t{suffix}")
    assert datasets.read_table(tmp_path / f"t{suffix}", choices.study).data_hash == choices.data_hash


def test_times_count_judgements():
    frame = _frame()
    frame["n"] = [str(k) for k in range(len(frame))]
    text = TEXT.replace('agent = "judge"', 'agent = "judge"\ntimes = "n"')
    choices = datasets.read_table(frame, _study(text))
    prose = choices.areas[0]
    counts = prose.counts[prose.pattern_of_agent]
    ann = list(choices.agents).index("ann")
    np.testing.assert_array_equal(counts[ann], [1, 2, 0, 0, 0, 0])


def test_without_an_item_column_there_is_one_item():
    text = TEXT[: TEXT.index("[areas.sums]")].replace('item = "topic"\n', "")
    rows = [row for row in ROWS if row[1] == "prose"]
    choices = datasets.read_table(_frame(rows).drop(columns="topic"), _study(text))
    assert choices.areas[0].counts.sum() == 5
    faults = _faults(lambda: _study(TEXT.replace('item = "topic"\n', "")))
    assert any("names no column that tells them apart" in fault.message for fault in faults)


def test_strengths_of_objects_are_found_again():
    """Simulated through the study, read through the layout: shares of wins follow the strengths that were given."""
    study = _study(TEXT[: TEXT.index("[areas.sums]")])
    truth = {"prose": {"goal_share": [1.0, 0.0], "weight_mean": 0.0, "weight_concentration": 1e9}}
    choices = datasets.simulate(study, 400, seed=1, truth=truth, answers_per_item=20)
    area = choices.areas[0]
    counts = area.counts[area.pattern_of_agent].sum(axis=0)
    p = choices.truth.parameters["prose"]["baseline"]
    odds = [np.log(p[at] / p[at + 1]) for at in (0, 3, 6)]
    assert odds[0] + odds[2] == pytest.approx(odds[1])
    np.testing.assert_allclose(counts / 8_000, p, atol=5 * np.sqrt(0.25 / 8_000))


@pytest.mark.parametrize(
    ("row", "code", "said"),
    [
        (("dan", "prose", "A", "D", "model_a"), "unknown-option", "'D' is not a declared object"),
        (("dan", "prose", "", "A", "model_a"), "unknown-option", "An object lacks"),
        (("dan", "prose", "A", "A", "model_a"), "same-object", "compared with itself"),
        (("dan", "prose", "A", "B", "left"), "unknown-option", "does not say whether 'A' or 'B' won"),
        (("dan", "prose", "A", "B", "C"), "unknown-option", "does not say whether"),
        (("dan", "", "A", "B", "A"), "no-item", "names no item"),
    ],
)
def test_a_row_that_is_no_judgement_is_named_with_its_line(tmp_path, row, code, said):
    _frame([*ROWS, row]).to_csv(tmp_path / "t.csv", index=False)
    (fault,) = _faults(lambda: datasets.read_table(tmp_path / "t.csv", _study()))
    assert (fault.code, fault.line) == (code, len(ROWS) + 2)
    assert said in fault.message


def test_all_faults_in_one_pass():
    rows = [("dan", "prose", a, b, "model_a") for a, b in combinations("ADEF", 2)]
    faults = _faults(lambda: datasets.read_table(_frame([*ROWS, *rows]), _study()))
    assert {fault.value for fault in faults} == {"D", "E", "F"}


def test_a_table_in_which_nobody_compares_anything():
    faults = _faults(
        lambda: datasets.read_table(_frame([("a", "x", "A", "B", "A"), ("b", "x", "A", "B", "B")]), _study())
    )
    assert any("Nobody compares objects of area 'prose'" in fault.message for fault in faults)
    rows = [("a", "prose", "A", "B", "?"), ("b", "prose", "A", "B", "A")]
    faults = _faults(lambda: datasets.read_table(_frame(rows), _study()))
    assert any("of area 'sums'" in fault.message for fault in faults)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("C = []", 'tie = "plain"', "called 'tie'"),
        ("C = [] }", 'C = "rih" }', "serves 'rih', not a goal"),
        ('serves = { A = "plain", B = "rich", C = [] }', 'serves = { A = "plain" }', "does not say which objects"),
        ('"tie", "tie (inconsistent)"', '"tie", "model_a"', "has two meanings"),
        ('"tie", "tie (inconsistent)"', '"tie", "A"', "is an object, and a code"),
        ('first = "model_a"\n', "", "needs 'table.first'"),
        ('kind = "pairwise"\ncolumn', 'kind = "ordinal"\ncolumn', "every row compares two objects"),
        ('layout = "judgements"', 'layout = "long"', "has a meaning in layout 'judgements' only"),
        ('layout = "judgements"', 'layout = "judgement"', "judgement"),
    ],
)
def test_a_study_that_does_not_fit(old, new, said):
    assert TEXT.count(old) == 1
    faults = _faults(lambda: _study(TEXT.replace(old, new)))
    assert any(said in str(fault) or said in fault.message for fault in faults)


def test_too_many_pairs_are_refused_before_they_are_written_out():
    objects = ", ".join(f'"o{k}"' for k in range(120))
    text = TEXT.replace('options = ["A", "B"]', f"options = [{objects}]")
    faults = _faults(lambda: _study(text))
    assert {fault.code for fault in faults} >= {"too-many-options"}
