"""Every row of the table of bad input, in every form of table: code, line, column, value and words of the fault."""

import ast
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from dissensus.datasets import Study, read_table

from dissensus.errors import InputError

from .forms import FORMS, GOOD, changed, extended, study, write

HERE = Path(__file__).parents[1]
FILES = {
    "rows": "datasets/test_bad_input_rows.py",
    "bad": "datasets/test_bad_input.py",
    "study": "datasets/test_study.py",
    "tables": "datasets/test_tables.py",
    "found": "datasets/test_validation.py",
    "rankings": "datasets/test_rankings.py",
    "situations": "datasets/test_situations.py",
    "patterns": "datasets/test_patterns.py",
    "limits": "datasets/test_limits.py",
    "fit": "inference/test_fit.py",
    "density": "inference/test_density.py",
    "export": "inference/test_export.py",
    "score": "forward_model/test_score.py",
    "area": "forward_model/test_problem_area.py",
    "security": "test_security.py",
}
COVERED = {
    1: "rows:test_1_an_empty_answer_is_missing tables:test_missing_codes_mean_no_answer",
    2: "rows:test_2_nothing_answered bad:test_fault",
    3: "rows:test_3_an_item_nobody_answered bad:test_fault",
    4: "patterns:test_silent_agents_are_left_out_and_counted patterns:test_many_silent_agents_are_a_caution",
    5: "rows:test_5_and_6_an_answer_that_is_no_option",
    6: "rows:test_5_and_6_an_answer_that_is_no_option rows:test_6_numbers_of_frames",
    7: "rows:test_7_an_agent_twice bad:test_fault tables:test_keep_last",
    8: "rows:test_8_pasted_twice bad:test_pasted_twice_without_agents",
    9: "rows:test_9_one_agent",
    10: "rows:test_10_two_agents fit:test_two_agents_say_nearly_nothing",
    11: "fit:test_one_goal_scores_zero",
    12: "study:test_fault_names_itself_and_its_line",
    14: "rows:test_14_and_15_items_that_say_little found:test_constant_item",
    15: "rows:test_14_and_15_items_that_say_little found:test_rare_and_never_chosen_options",
    16: "density:test_gradient_under_perfect_separation",
    17: "found:test_identical_items found:test_straight_lining",
    18: "study:test_fault_names_itself_and_its_line area:test_a_bad_conflict_is_refused",
    19: "study:test_fault_names_itself_and_its_line area:test_a_bad_conflict_is_refused",
    20: "found:test_no_conflict_at_all fit:test_goals_without_conflict_score_zero",
    21: "score:test_weights_outside_0_and_1_are_refused",
    22: "score:test_an_agent_of_weight_0 score:test_all_weights_0_give_nan_with_a_reason",
    23: "rows:test_23_a_bad_survey_weight bad:test_bad_weight",
    24: "rows:test_24_survey_weights_that_are_all_zero tables:test_population_totals_are_weights "
    "found:test_heavy_weight patterns:test_agents_of_weight_zero_are_left_out_and_counted",
    25: "rows:test_25_no_rows bad:test_fault",
    26: "bad:test_fault",
    27: "tables:test_all_give_the_same_choices rows:test_27_faults_behind_a_byte_order_mark_have_their_lines",
    28: "bad:test_fault",
    29: "rows:test_29_marks_in_numbers rows:test_29_decimal_commas_of_answers bad:test_bad_weight",
    30: "bad:test_fault rows:test_30_columns_of_one_name rows:test_30_a_nul_in_a_label",
    31: "rows:test_31_labels_are_kept tables:test_nothing_is_guessed",
    32: "rows:test_32_labels_that_look_alike rows:test_32_columns_that_look_alike found:test_alike",
    33: "export:test_formulas_are_neutralised_and_come_back",
    34: "security:test_labels_are_dead_in_html",
    35: "rows:test_35_a_long_label bad:test_fault limits:test_the_nastiest_are_refused_quickly",
    36: "bad:test_truncated_parquet bad:test_parquet_named_csv bad:test_other_kinds_named_csv",
    37: "bad:test_folder bad:test_fifo_is_not_opened bad:test_unreadable bad:test_address_is_not_opened",
    38: "rankings:test_38_faulty_rankings rankings:test_38_the_line_of_a_file rankings:test_declared_ties",
    39: "situations:test_39_faulty_situations situations:test_39_the_line_of_a_file",
    40: "rows:test_40_groups fit:test_a_group_of_one_has_no_pairs_of_its_own",
    41: "study:test_fault_names_itself_and_its_line rows:test_41_an_item_that_is_not_in_the_table",
}
LATER = {13}
"""Rows about learned goals, which are not read yet."""


def test_every_row_has_tests():
    """The tests named above exist, and every row names some."""
    assert set(COVERED) | LATER == set(range(1, 42))
    for file, name in {tuple(test.split(":")) for tests in COVERED.values() for test in tests.split()}:
        tree = ast.parse((HERE / FILES[file]).read_text())
        assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, (file, name)


@pytest.fixture(params=FORMS)
def form(request):
    """A form of table."""
    return request.param


def faults(written, meaning):
    with pytest.raises(InputError) as caught:
        read_table(written.table, meaning)
    error = caught.value
    source = "DataFrame" if written.form.endswith("frame") else str(written.table)
    assert {fault.file for fault in error.faults} == {source}
    assert all(fault.remedy for fault in error.faults)
    assert str(error).startswith(source)
    return error.faults


def stands(fault, written, code, agent, column, words, item=None):
    """Assert code, place and words of a fault; ``agent`` counts from 0."""
    assert (fault.code, fault.line, fault.column) == (code, written.line(agent, item), column)
    assert re.search(words, str(fault)), str(fault)
    if fault.line is None:
        assert re.search(
            rf"in row {written.row(agent, item) + 1}\b|rows \d+ and {written.row(agent, item) + 1}\b", str(fault)
        )


def answers(choices):
    return [tuple(row) for row in choices.to_frame()[["q1", "q2"]].astype(object).to_numpy()]


@pytest.mark.parametrize("empty", ["", None])
def test_1_an_empty_answer_is_missing(form, empty, tmp_path):
    written = write(form, changed(1, q2=empty), tmp_path)
    choices = read_table(written.table, study(form))
    assert choices.areas[0].missing_share.tolist() == pytest.approx([0, 1 / 3])
    assert choices.n_agents == 3


def test_2_nothing_answered(form, tmp_path):
    rows = [{"id": row["id"], "q1": "", "q2": "98"} for row in GOOD]
    (fault,) = faults(write(form, rows, tmp_path), study(form, missing=["98"]))
    assert (fault.code, fault.line) == ("no-answers", None)
    assert "all answers of its 3 agents are missing" in str(fault)


def test_3_an_item_nobody_answered(form, tmp_path):
    rows = [{**row, "q2": ""} for row in GOOD]
    (fault,) = faults(write(form, rows, tmp_path), study(form))
    assert (fault.code, fault.column) == ("empty-item", "q2")
    assert "Nobody answered item 'q2' of area 'x'" in str(fault)


@pytest.mark.parametrize(
    ("answer", "shown", "words"),
    [
        ("yess", "yess", "'yess' is not a declared option of item 'q2'.*Did you mean 'yes'"),
        ("YES", "YES", "Did you mean 'yes'"),
        (" no", " no", "Did you mean 'no'"),
        ("-8", "-8", "'-8'.*list it in 'missing'"),
        ("0.5", "0.5", "'0.5'.*list it in 'missing'"),
        ("уеѕ", "уеѕ", r"Did you mean 'yes'\? It looks the same but has no U\+0443, U\+0435, U\+0455"),
        ("ye\u200bs", r"ye\u200bs", r"Did you mean 'yes'\? It looks the same but has no U\+200B"),
        ("yes\u00a0", r"yes\u00a0", r"yes\\u00a0.*Did you mean 'yes'"),
        ("y\u202ees", r"y\u202ees", r"y\\u202ees"),
        ("50%", "50%", "'50%' is not a declared option"),
        ("x" * 100, "x" * 60, "'x{60}'…"),
    ],
)
def test_5_and_6_an_answer_that_is_no_option(form, answer, shown, words, tmp_path):
    written = write(form, changed(1, q2=answer), tmp_path)
    (fault,) = faults(written, study(form))
    stands(fault, written, "unknown-option", 1, written.column("q2"), words, "q2")
    assert (fault.value, fault.count) == (shown, 1)


def test_6_whole_numbers_written_with_a_point_are_one_fault(tmp_path):
    """pandas writes a column of whole numbers so as soon as a cell is empty: ten faults for it helped nobody."""
    items = {
        "q": {"serves": {f"{level}": [] if level else "a" for level in range(4)}},
        "p": {"serves": {"y": "b", "n": "a"}},
    }
    areas = {"x": {"goals": ["a", "b"], "conflict": 1.0, "items": items}}
    written = tmp_path / "t.csv"
    written.write_text("id,q,p\nu,0.0,y\nv,,y\nw,2.0,y\ny,7,y\nz,3.0,y\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_table(written, Study.from_dict({"title": "t", "table": {"agent": "id"}, "areas": areas}))
    whole, other = caught.value.faults
    assert (whole.line, whole.column, whole.value, whole.count) == (2, "q", "0.0", 3)
    assert "'0' is: the column writes whole numbers with '.0', as pandas does" in whole.message
    assert "astype('Int64')" in whole.remedy
    assert (other.line, other.value) == (5, "7")


def test_6_numbers_of_frames(tmp_path):
    """Columns with gaps are float in pandas: 1.0 is the option 1, 0.5 is none."""
    frame = pd.DataFrame({"id": [1, 2, 3], "q1": [1.0, 2.0, np.nan], "q2": [1.0, 0.5, -9.0]})
    frame.to_parquet(tmp_path / "t.parquet")
    for table in (frame, tmp_path / "t.parquet"):
        with pytest.raises(InputError) as caught:
            read_table(table, study(serves={"1": "for", "2": "against"}))
        found = [(fault.code, fault.column, fault.value) for fault in caught.value.faults]
        assert found == [("unknown-option", "q2", "0.5"), ("unknown-option", "q2", "-9")]


@pytest.mark.parametrize(
    ("again", "wide", "long"),
    [
        ({"q1": "yes", "q2": "no"}, "with the same answers.*keep_one", "twice 'yes'.*keep_one"),
        ({"q1": "no", "q2": "no"}, "with different answers.*keep_last", "'yes' and 'no'.*keep_last"),
    ],
)
def test_7_an_agent_twice(form, again, wide, long, tmp_path):
    written = write(form, [*GOOD, {"id": "a", **again}], tmp_path)
    fault = faults(written, study(form))[0]
    if form.startswith("long"):
        code = "answer-twice" if again["q1"] == "yes" else "answers-differ"
        stands(fault, written, code, 3, "answer", long, "q1")
    else:
        stands(fault, written, "agent-twice", 3, "id", wide)
        assert fault.value == "a"
    if form.endswith("csv"):
        assert f"lines 2 and {written.line(3)}" in str(fault)


def test_8_pasted_twice(form, tmp_path):
    written = write(form, [*GOOD, *GOOD], tmp_path)
    (fault,) = faults(written, study(form))
    stands(fault, written, "pasted-twice", 3, None, "second half of the table repeats the first")


def test_9_one_agent(form, tmp_path):
    (fault,) = faults(write(form, GOOD[:1], tmp_path), study(form))
    assert (fault.code, fault.line) == ("one-agent", None)
    assert "a score is about pairs" in str(fault)


def test_10_two_agents(form, tmp_path):
    choices = read_table(write(form, GOOD[:2], tmp_path).table, study(form))
    assert [f.state for f in choices.findings if f.code == "two-agents"] == ["caution"]


def test_14_and_15_items_that_say_little(form, tmp_path):
    rows = [{"id": str(i), "q1": "yes", "q2": "no" if i < 3 else "yes"} for i in range(12)]
    found = {f.code: f.message for f in read_table(write(form, rows, tmp_path).table, study(form)).findings}
    assert found["constant-item"] == "All answers to 'q1' are the same: no information about goals."
    assert found["rare-option"] == "Options chosen fewer than 5 times: 'no' of 'q2' (3 times)."


@pytest.mark.parametrize(
    ("weight", "words"),
    [
        ("-1", "'-1' is negative"),
        ("nan", "'nan' is not a finite number"),
        ("-inf", "'-inf' is not a finite number"),
        ("1e999", "not a finite number"),
        ("1e200", "too large"),
        ("1e-200", "too small"),
        ("0x10", "digits 0 to 9"),
        ("٣", "digits 0 to 9"),
        ("½", "digits 0 to 9"),
        ("12%", "percent sign"),
        ("", "is missing"),
    ],
)
def test_23_a_bad_survey_weight(form, weight, words, tmp_path):
    written = write(form, extended(w=["1", weight, "2"]), tmp_path)
    (fault,) = faults(written, study(form, survey_weight="w"))
    code = "bad-weight" if weight else "no-weight"
    where = rf"(in|first in) row {written.row(1) + 1}\b" if fault.line is None else "line"
    assert (fault.code, fault.line, fault.column) == (code, written.line(1), "w")
    assert re.search(words, str(fault))
    assert re.search(where, str(fault))


@pytest.mark.parametrize("values", [[1.0, -2.0, 3.0], [1, -2, 3], [1.5, float("nan"), 1], [1.0, float("inf"), 1.0]])
def test_23_a_bad_number_as_survey_weight(values, tmp_path):
    frame = pd.DataFrame(list(GOOD)).assign(w=values)
    frame.to_parquet(tmp_path / "t.parquet")
    for table in (frame, tmp_path / "t.parquet"):
        with pytest.raises(InputError, match=r"column 'w': The survey weight.*in row 2"):
            read_table(table, study(survey_weight="w"))


def test_24_survey_weights_that_are_all_zero(form, tmp_path):
    (fault,) = faults(write(form, extended(w=["0", "0.0", "0"]), tmp_path), study(form, survey_weight="w"))
    assert (fault.code, fault.column) == ("zero-weights", "w")
    assert "All survey weights are 0" in str(fault)


def test_24_a_survey_weight_above_two_to_the_53_is_a_number():
    """A cast that insists on exactness would raise an error of its own."""
    frame = pd.DataFrame(list(GOOD)).assign(w=[2**53 + 1, 2**53 + 1, 2**53 + 1])
    assert read_table(frame, study(survey_weight="w")).fit_weight.sum() == pytest.approx(3)


def test_25_no_rows(form, tmp_path):
    written = write(form, GOOD, tmp_path)
    if form.endswith("frame"):
        table = written.table.iloc[:0]
    else:
        table = written.table
        pd.DataFrame(list(GOOD)).iloc[:0].to_parquet(table) if form.endswith("parquet") else table.write_text(
            "id,q1,q2\n"
        )
        form = f"wide {form.split()[1]}"
    with pytest.raises(InputError, match="no rows below its header") as caught:
        read_table(table, study(form))
    assert caught.value.code == "no-rows"


def test_27_faults_behind_a_byte_order_mark_have_their_lines(tmp_path):
    """BOM, CRLF and quoted newlines: lines are those that an editor shows."""
    text = '\ufeffid,note,q1,q2\r\na,"one\r\ntwo",yes,nope\r\n\r\nb,,maybe,no\r\nc,"x\ny\nz",no,yes\r\nd,,no,?\r\n'
    (tmp_path / "t.csv").write_bytes(text.encode())
    with pytest.raises(InputError) as caught:
        read_table(tmp_path / "t.csv", study())
    assert [(f.line, f.column, f.value) for f in caught.value.faults] == [
        (2, "q2", "nope"),
        (5, "q1", "maybe"),
        (9, "q2", "?"),
    ]


@pytest.mark.parametrize(
    ("weight", "words"),
    [
        ("1,5", 'decimal = ","'),
        ("1.234,5", "'thousands' and 'decimal'"),
        ("1,234.5", "'thousands' and 'decimal'"),
        ("1 234", "'thousands'"),
        ("1\u00a0234", "'thousands'"),
        ("1\u202f234,5", "'thousands'"),
        ("1'234", "'thousands'"),
        ("1’234", "'thousands'"),
        ("1.234.567", "'thousands'"),
        ("-1,5", 'decimal = ","'),
    ],
)
def test_29_marks_in_numbers(form, weight, words, tmp_path):
    (fault,) = faults(write(form, extended(w=["1", weight, "2"]), tmp_path), study(form, survey_weight="w"))
    assert (fault.code, fault.column) == ("bad-weight", "w")
    assert words in fault.remedy


def test_29_decimal_commas_of_answers(form, tmp_path):
    written = write(form, changed(1, q2="1,5"), tmp_path)
    meaning = study(form, serves={"yes": "for", "no": "against", "1.5": []})
    (fault,) = faults(written, meaning)
    assert "Did you mean '1.5'" in fault.remedy


@pytest.mark.parametrize("kind", ["csv", "parquet", "frame"])
def test_30_columns_of_one_name(kind, tmp_path):
    if kind == "csv":
        (tmp_path / "t.csv").write_text("id,q1,q2,q1\na,yes,no,no\nb,no,yes,no\n")
        table = tmp_path / "t.csv"
    else:
        table = pd.DataFrame([["a", "yes", "no", "no"]], columns=["id", "q1", "q2", "q1"])
        if kind == "parquet":
            pytest.importorskip("pyarrow").parquet.write_table(_arrow(table), tmp_path / "t.parquet")
            table = tmp_path / "t.parquet"
    with pytest.raises(InputError, match=r"same name 'q1'|have the name 'q1'") as caught:
        read_table(table, study())
    assert (caught.value.code, caught.value.column) == ("column-name-twice", "q1")


def _arrow(frame):
    import pyarrow as pa

    return pa.Table.from_arrays([pa.array(frame.iloc[:, i]) for i in range(frame.shape[1])], names=list(frame.columns))


@pytest.mark.parametrize("form", [form for form in FORMS if form.startswith("wide")])
@pytest.mark.parametrize("other", ["q1 ", "Q1", "q\u200b1", "ｑ1"])
def test_32_columns_that_look_alike(form, other, tmp_path):
    rows = [{**row, other: "?"} for row in GOOD]
    written = write(form, rows, tmp_path)
    found = [f.message for f in read_table(written.table, study(form)).findings if f.code == "near-duplicates"]
    assert found[0].startswith("Columns whose names look alike are kept apart: 'q1', ")


def test_31_labels_are_kept(form, tmp_path):
    labels = [
        "NA",
        "null",
        "None",
        "TRUE",
        "007",
        "7",
        "7.0",
        "1e5",
        "9007199254740993",
        "9007199254740992",
        "=1+1",
        "nan",
    ]
    rows = [{"id": label, "q1": label, "q2": "yes"} for label in labels]
    options = {label: "for" if i % 2 else "against" for i, label in enumerate([*labels, "yes", "no"])}
    choices = read_table(write(form, rows, tmp_path).table, study(form, serves=options))
    assert choices.agents.tolist() == labels
    assert choices.to_frame().q1.tolist() == labels


@pytest.mark.parametrize("values", [[2**53 + 1, 2**53, 2**53 + 2], np.array([2**64 - 1, 2**63, 1], dtype=np.uint64)])
def test_31_large_numbers_stay_distinct(values, tmp_path):
    frame = pd.DataFrame(list(GOOD)).assign(id=values)
    frame.to_parquet(tmp_path / "t.parquet")
    for table in (frame, tmp_path / "t.parquet"):
        assert read_table(table, study()).agents.tolist() == [str(int(value)) for value in values]


def test_31_numbers_that_floats_have_merged_are_refused(tmp_path):
    """Whoever read them as floats has lost their last digits."""
    frame = pd.DataFrame(list(GOOD)).assign(id=[2.0**53, 2.0**53 + 2, 5.0])
    frame.to_parquet(tmp_path / "t.parquet")
    for table in (frame, tmp_path / "t.parquet"):
        with pytest.raises(InputError, match="above 2⁵³ held as floats") as caught:
            read_table(table, study())
        assert (caught.value.code, caught.value.column) == ("rounded", "id")


@pytest.mark.parametrize("pair", [("Yes", "yes"), ("é", "e\u0301"), ("а", "a"), ("a\u200bb", "ab"), (" n", "n")])
def test_32_labels_that_look_alike(form, pair, tmp_path):
    rows = [{"id": str(i), "q1": pair[i % 2], "q2": "yes"} for i in range(6)]
    meaning = study(form, serves={pair[0]: "for", pair[1]: "against", "yes": "for", "other": []})
    found = [
        f.message
        for f in read_table(write(form, rows, tmp_path).table, meaning).findings
        if f.code == "near-duplicates"
    ]
    assert "that look alike are kept apart" in found[0]


def test_35_a_long_label(form, tmp_path):
    written = write(form, changed(1, q2="x" * 10**6), tmp_path)
    (fault,) = faults(written, study(form))
    stands(
        fault,
        written,
        "long-label",
        1,
        written.column("q2"),
        r"1,000,000 characters, more than the limit of 1,000",
        "q2",
    )
    assert "'label' below [table.limits]" in fault.remedy
    assert fault.value == "x" * 60


@pytest.mark.parametrize("form", [form for form in FORMS if not form.endswith("csv")])
def test_30_a_nul_in_a_label(form, tmp_path):
    """No result file could keep it."""
    written = write(form, changed(2, id="c\0"), tmp_path)
    (fault,) = faults(written, study(form))
    stands(fault, written, "nul-byte", 2, "id", "holds a NUL character")


def test_40_groups(form, tmp_path):
    written = write(form, extended(g=["L", "", "R"]), tmp_path)
    (fault,) = faults(written, study(form, group="g"))
    assert (fault.code, fault.line, fault.column) == ("group-missing", written.line(1), "g")
    assert 'group_missing = "overall_only"' in fault.remedy
    choices = read_table(written.table, study(form, group="g", group_missing="overall_only"))
    assert choices.groups == ("L", "R")
    assert choices.group_of_agent.tolist() == [0, -1, 1]


def test_41_an_item_that_is_not_in_the_table(form, tmp_path):
    written = write(form, GOOD, tmp_path)
    (fault,) = faults(written, study(form, items=("q1", "q_2")))
    code = "no-item-rows" if form.startswith("long") else "no-column"
    assert fault.code == code
    assert "'q_2'" in fault.message
    assert "Did you mean 'q2'" in fault.remedy


def test_a_misspelt_column_does_not_hide_the_other_faults(tmp_path):
    written = write("wide csv", changed(1, q1="maybe"), tmp_path)
    found = [(f.code, f.line, f.column) for f in faults(written, study(items=("q1", "q_2"), group="party"))]
    assert found == [("no-column", 1, "party"), ("no-column", 1, "q_2"), ("unknown-option", 3, "q1")]


def test_a_row_without_an_agent_is_not_taken_for_another_agent(form, tmp_path):
    written = write(form, [*GOOD, {"id": "", "q1": "no", "q2": "no"}], tmp_path)
    (fault,) = faults(written, study(form))
    stands(fault, written, "no-agent", 3, "id", "names no agent") if not form.startswith("long") else None
    assert fault.code == "no-agent"
    assert fault.count == (2 if form.startswith("long") else 1)


def test_twenty_faults_are_listed_and_the_places_of_the_rest_counted(form, tmp_path):
    rows = [{"id": str(i), "q1": f"odd {i}", "q2": "yes"} for i in range(1_000)]
    found = faults(write(form, rows, tmp_path), study(form))
    assert sum(fault.count for fault in found) == 1_000
    lines = str(InputError(found)).splitlines()
    assert len(lines) == 21
    assert lines[-1] == "… and 980 more."
