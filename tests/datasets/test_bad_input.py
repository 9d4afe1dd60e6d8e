"""Tables that cannot be used: each fault named, with its line and column, all in one pass."""

import gzip
import os

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dissensus.datasets import Study, read_table
from hypothesis import given, settings
from hypothesis import strategies as st

from dissensus.errors import InputError

HEADER = "id,q1,q2\n"


def study(**table):
    items = {name: {"serves": {"yes": "for", "no": "against"}} for name in ("q1", "q2")}
    return Study.from_dict(
        {
            "table": {"agent": "id", **table},
            "areas": {"x": {"goals": ["for", "against"], "conflict": 1.0, "items": items}},
        }
    )


def long_study(**table):
    return study(layout="long", item="item", answer="answer", **table)


def without_agents():
    plain = study().to_dict()
    del plain["table"]["agent"]
    return Study.from_dict(plain)


@pytest.fixture
def faults_of(tmp_path):
    def read(content, meaning=None, name="table.csv", **options):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        with pytest.raises(InputError) as caught:
            read_table(path, meaning or study(), **options)
        assert all(fault.file == str(path) for fault in caught.value.faults)
        assert caught.value.remedy
        return caught.value.faults

    return read


def matches(fault, words):
    with pytest.raises(InputError, match=words):
        raise InputError(fault)


ROWS = "a,yes,no\nb,no,yes\n"
WIDE_FAULTS = [
    # row of the table of bad input, text, options of [table], code, line, column, words
    pytest.param(HEADER + "a,,\nb,,\n", {}, "no-answers", None, None, "no answer", id="2-all-missing"),
    pytest.param(
        HEADER + "a,yes,\nb,no,\n", {}, "empty-item", None, "q2", "Nobody answered item 'q2'", id="3-empty-item"
    ),
    pytest.param(HEADER + "a,yes,no\nb,yess,no\n", {}, "unknown-option", 3, "q1", "Did you mean 'yes'", id="5-option"),
    pytest.param(
        HEADER + "a,yes,no\nb,Yes,no\n", {}, "unknown-option", 3, "q1", "'Yes'.*Did you mean 'yes'", id="5-case"
    ),
    pytest.param(HEADER + "a,yes,no\nb,yes ,no\n", {}, "unknown-option", 3, "q1", "'yes '.*Did you mean", id="5-space"),
    pytest.param(HEADER + "a,yes,no\nb,-8,no\n", {}, "unknown-option", 3, "q1", "'-8'.*'missing'", id="6-negative"),
    pytest.param(HEADER + "a,yes,no\nb,0.5,no\n", {}, "unknown-option", 3, "q1", "'0.5'.*'missing'", id="6-fraction"),
    pytest.param(
        HEADER + ROWS + "a,yes,no\n", {}, "agent-twice", 4, "id", "lines 2 and 4.*same.*keep_one", id="7-same"
    ),
    pytest.param(
        HEADER + ROWS + "a,yes,yes\n", {}, "agent-twice", 4, "id", "lines 2 and 4.*different", id="7-different"
    ),
    pytest.param(
        HEADER + ROWS + "a,yes,yes\n",
        {"on_duplicate": "keep_one"},
        "answers-differ",
        4,
        "q2",
        "lines 2 and 4",
        id="7-keep",
    ),
    pytest.param(HEADER + ROWS + ROWS, {}, "pasted-twice", 4, None, "pasted twice", id="8-pasted"),
    pytest.param(HEADER + ROWS + HEADER + ROWS, {}, "header-repeated", 4, None, "repeats the header", id="8-header"),
    pytest.param(HEADER + "a,yes,no\n", {}, "one-agent", None, None, "one agent", id="9-one-agent"),
    pytest.param("", {}, "empty-file", None, None, "empty", id="25-empty"),
    pytest.param("\n\n", {}, "empty-file", None, None, "empty", id="25-blank"),
    pytest.param(HEADER, {}, "no-rows", None, None, "no rows", id="25-header-only"),
    pytest.param(HEADER.strip(), {}, "no-rows", None, None, "no rows", id="25-header-only-no-newline"),
    pytest.param(
        HEADER.replace(",", ";") + "a;yes;no\n", {}, "delimiter", 1, None, "1 column found; looks like ;", id="26-;"
    ),
    pytest.param(
        HEADER.replace(",", "\t") + "a\tyes\tno\n",
        {},
        "delimiter",
        1,
        None,
        r"1 column found; looks like \\t",
        id="26-tab",
    ),
    pytest.param((HEADER + ROWS).encode("utf-16"), {}, "encoding", 1, None, "UTF-16", id="28-utf16"),
    pytest.param((HEADER + ROWS).encode("utf-16-le"), {}, "encoding", 1, None, "UTF-16", id="28-utf16-no-bom"),
    pytest.param((HEADER + ROWS + "é,yes,no\n").encode("latin-1"), {}, "encoding", 4, None, "Latin-1", id="28-latin1"),
    pytest.param((HEADER + "“,yes,no\n").encode("cp1252"), {}, "encoding", 2, None, "Windows-1252", id="28-cp1252"),
    pytest.param(
        "id,id,q1,q2\na,a,yes,no\nb,b,no,no\n", {}, "column-name-twice", 1, "id", "Columns 1 and 2", id="30-names"
    ),
    pytest.param(
        HEADER + "a,yes,no,\nb,no,yes\n", {}, "extra-field", 2, None, "4 fields, where the header has 3", id="30-extra"
    ),
    pytest.param(
        HEADER + "a,yes,no,\nb,no,yes,\n", {}, "extra-field", 2, None, "4 fields in every row", id="30-extra-all"
    ),
    pytest.param(
        HEADER + "a,yes\nb,no,yes\n", {}, "short-row", 2, None, "2 fields, where the header has 3", id="30-short"
    ),
    pytest.param(
        HEADER + 'a,yes,no\nb,"no,yes\nc,no,no\n', {}, "unclosed-quote", 3, None, "never closed", id="30-quote"
    ),
    pytest.param(HEADER + 'a,yes,"no"x\nb,no,yes\n', {}, "quotes", 2, None, "follows a closing quote", id="30-after"),
    pytest.param(HEADER + "a,yes,no\nb,n\0o,yes\n", {}, "nul-byte", 3, None, "NUL", id="30-nul"),
    pytest.param(HEADER + "a,yes,no\n,no,yes\n", {}, "no-agent", 3, "id", "names no agent", id="no-agent"),
    pytest.param(
        f"{HEADER}a,yes,{'x' * 10**6}\nb,no,no\n", {}, "long-label", 2, "q2", "1,000,000 char.*'label'", id="35-label"
    ),
    pytest.param(
        f"{HEADER}{'a' * 1001},yes,no\nb,no,no\n", {}, "long-label", 2, "id", "1,001 characters.*'label'", id="35-agent"
    ),
    pytest.param(
        ",".join(["id", "q1", "q2", *map(str, range(10**4))]) + "\n",
        {},
        "too-many-columns",
        1,
        None,
        "10,003.*5,000.*'columns'",
        id="35-columns",
    ),
    pytest.param(
        HEADER + ROWS, {"limits": {"bytes": 10}}, "too-large", None, None, "limit of 10 bytes.*'bytes'", id="35-size"
    ),
    pytest.param(
        HEADER + ROWS, {"agent": "identity"}, "no-column", 1, "identity", "'table.agent' names", id="41-agent"
    ),
    pytest.param("id,q1,q_2\na,yes,no\n", {}, "no-column", 1, "q2", "Did you mean 'q_2'", id="41-item"),
]


class TestWide:
    @pytest.mark.parametrize(("text", "table", "code", "line", "column", "words"), WIDE_FAULTS)
    def test_fault(self, faults_of, text, table, code, line, column, words):
        fault = faults_of(text, study(**table))[0]
        assert (fault.code, fault.line, fault.column) == (code, line, column)
        matches(fault, words)

    @pytest.mark.parametrize("rows", [20, 21])
    def test_pasted_twice_without_agents(self, faults_of, rows):
        body = "".join(f"{'yes' if i % 2 else 'no'},{'yes' if i % 3 else 'no'}\n" for i in range(rows))
        (fault,) = faults_of("q1,q2\n" + body + body, without_agents())
        assert (fault.code, fault.line) == ("pasted-twice", rows + 2)

    def test_like_rows_without_agents_are_no_fault(self, tmp_path):
        path = tmp_path / "table.csv"
        path.write_text("q1,q2\n" + "yes,no\n" * 30 + "no,yes\n" * 2)
        assert read_table(path, without_agents()).n_agents == 32

    def test_each_undeclared_answer_is_counted(self, faults_of):
        faults = faults_of(HEADER + "a,98,no\nb,98,no\nc,99,98\nd,yes,yes\n")
        assert [(f.line, f.column, f.value, f.count) for f in faults] == [
            (2, "q1", "98", 2),
            (4, "q1", "99", 1),
            (4, "q2", "98", 1),
        ]

    def test_many_undeclared_answers_are_summed_up(self, faults_of):
        faults = faults_of(HEADER + "".join(f"a{i},text {i},no\n" for i in range(1000)))
        assert len(faults) == 21
        assert (faults[-1].count, faults[-1].line) == (980, 22)
        matches(faults, "and 980 more")

    def test_all_faults_come_in_one_pass(self, faults_of):
        text = HEADER + "a,yess,no\nb,no\nc,yes,maybe\na,no,yes\nd,yes,no,no\n"
        found = {(fault.code, fault.line) for fault in faults_of(text)}
        assert found == {
            ("unknown-option", 2),
            ("short-row", 3),
            ("unknown-option", 4),
            ("agent-twice", 5),
            ("extra-field", 6),
        }

    def test_lines_come_in_order(self, faults_of):
        text = HEADER + "".join(f"a{i},yes,no{'' if i % 3 else ',no'}\n" for i in range(12)) + "z,yess,no\n"
        lines = [fault.line for fault in faults_of(text)]
        assert lines == [2, 5, 8, 11, 14]

    def test_many_rows_of_a_wrong_length_are_counted(self, faults_of):
        (fault,) = faults_of(HEADER + "a,yes,no,\n" * 500)
        assert (fault.code, fault.line, fault.count) == ("extra-field", 2, 500)

    def test_decimal_commas_split_a_field(self, faults_of):
        faults = faults_of("id,q1,q2,w\na,yes,no,1,5\nb,no,yes,1,5\n", study(survey_weight="w"))
        matches(faults, "5 fields in every row.*decimal commas")

    def test_a_quote_that_swallows_lines_is_never_accepted(self, faults_of):
        text = 'id,note,q1,q2\na,"x,yes,no\nb,y,no,yes\nc,"z,yes,no\nd,y,no,no\n'
        fault = faults_of(text)[0]
        assert (fault.code, fault.line) == ("quotes", 2)

    def test_wrong_quotes_are_told_before_anything_else(self, faults_of):
        """A lenient reader keeps such rows, an exact one does not: lines of other faults would be wrong."""
        text = HEADER + 'a,"yes"x,no\nb,no,nope\n' + '"c\nd",no,"yes"y\n' + '"e",no,nope\n'
        assert [(fault.code, fault.line) for fault in faults_of(text)] == [("quotes", 2), ("quotes", 4)]

    def test_lines_after_skipped_rows_are_right(self, faults_of):
        text = HEADER + 'a,yes\n"b\nc",no,nope\nd,no,no,no\ne,nope,no\n'
        found = [(fault.code, fault.line) for fault in faults_of(text)]
        assert found == [("short-row", 2), ("unknown-option", 3), ("extra-field", 5), ("unknown-option", 6)]

    def test_control_and_direction_characters_are_escaped(self, faults_of):
        (fault,) = faults_of(HEADER + "a,y\u202ees\x1b[31m,no\nb,no,yes\n")
        assert "\\u202e" in str(fault) and "\u202e" not in str(fault) and "\x1b" not in str(fault)
        assert "\u202e" not in fault.value

    def test_frames_name_the_row(self):
        frame = pd.DataFrame({"id": ["a", "b"], "q1": ["yes", "maybe"], "q2": ["no", "yes"]})
        with pytest.raises(InputError, match=r"DataFrame, column 'q1': 'maybe' is not a declared.*in row 2") as caught:
            read_table(frame, study())
        assert (caught.value.line, caught.value.value) == (None, "maybe")

    def test_frame_with_one_name_twice(self):
        frame = pd.DataFrame([["a", "yes", "no"]], columns=["id", "q1", "q1"])
        with pytest.raises(InputError, match="2 columns have the name 'q1'"):
            read_table(frame, study())

    def test_frame_of_lists(self):
        frame = pd.DataFrame({"id": ["a", "b"], "q1": [["yes"], ["no"]], "q2": ["no", "yes"]})
        with pytest.raises(InputError, match="not single answers"):
            read_table(frame, study())


class TestLong:
    TOP = "id,item,answer\n"

    @pytest.mark.parametrize(
        ("rows", "code", "line", "column", "words"),
        [
            ("a,q1,yes\na,q1,yes\nb,q2,no\n", "answer-twice", 3, "answer", "lines 2 and 3: twice 'yes'.*keep_one"),
            ("a,q1,yes\nb,q2,no\na,q1,no\n", "answers-differ", 4, "answer", "lines 2 and 4: 'yes' and 'no'"),
            ("a,q1,yes\nb,q2,maybe\n", "unknown-option", 3, "answer", "'maybe' is not a declared option of item 'q2'"),
            ("a,q1,yes\nb,q2,no\na,,no\n", "no-item", 4, "item", "names no item"),
            ("a,q1,yes\nb,q2,no\n,q2,no\n", "no-agent", 4, "id", "names no agent"),
            ("a,q1,yes\nb,q3,no\n", "no-item-rows", None, "item", "Item 'q2'.*items of the table are 'q1', 'q3'"),
            ("a,q1,yes\nb,q2,no\n" * 2, "pasted-twice", 4, None, "pasted twice"),
            ("a,q1,\nb,q2,\n", "no-answers", None, None, "no answer"),
        ],
    )
    def test_fault(self, faults_of, rows, code, line, column, words):
        fault = faults_of(self.TOP + rows, long_study())[0]
        assert (fault.code, fault.line, fault.column) == (code, line, column)
        matches(fault, words)

    def test_an_agent_has_one_group_and_one_weight(self, faults_of):
        text = "id,item,answer,g,w\na,q1,yes,L,1\na,q2,yes,R,1\nb,q1,no,L,1\nb,q2,no,L,2\n"
        found = faults_of(text, long_study(group="g", survey_weight="w"))
        assert [(fault.code, fault.line) for fault in found] == [("two-groups", 3), ("two-survey-weights", 5)]

    def test_a_table_that_would_not_fit_is_refused(self):
        frame = pd.DataFrame({"id": ["a", "b"], "item": ["q1", "q2"], "answer": ["yes", "no"]})
        with pytest.raises(InputError, match="2 agents and 2 items take 8 bytes, limit 7"):
            read_table(frame, long_study(limits={"bytes": 7}))


class TestGroups:
    TEXT = "id,q1,q2,g\na,yes,no,L\nb,no,yes,\nc,no,no,R\n"

    def test_missing_group(self, faults_of):
        (fault,) = faults_of(self.TEXT, study(group="g"))
        assert (fault.code, fault.line, fault.column) == ("group-missing", 3, "g")
        matches(fault, 'group_missing = "overall_only"')

    def test_code_in_no_merged_group(self, faults_of):
        merged = study(group="g", groups={"left": ["L"]}, group_missing="error")
        missing, unknown = faults_of(self.TEXT, merged)
        assert (missing.code, unknown.code, unknown.line, unknown.value) == ("group-missing", "unknown-group", 4, "R")

    def test_group_of_one_agent_is_no_fault(self, tmp_path):
        path = tmp_path / "table.csv"
        path.write_text(self.TEXT)
        assert read_table(path, study(group="g", group_missing="overall_only")).groups == ("L", "R")


class TestWeights:
    @pytest.mark.parametrize(
        ("weight", "words"),
        [
            ("-1", "'-1' is negative"),
            ("nan", "'nan' is not a finite number"),
            ("inf", "'inf' is not a finite number"),
            ("-inf", "'-inf' is not a finite number"),
            ("1e999", "'1e999' is not a finite number"),
            ("", "is missing"),
            ("1_000", "'1_000' is not a finite number"),
            ('"1,5"', 'decimal = ","'),
            ('"1,234.5"', "'thousands' and 'decimal'"),
            ("1.234.567", "'thousands'"),
        ],
    )
    def test_bad_weight(self, faults_of, weight, words):
        text = f"id,q1,q2,w\na,yes,no,1\nb,no,yes,{weight}\nc,no,no,2\n"
        (fault,) = faults_of(text, study(survey_weight="w"))
        assert (fault.line, fault.column) == (3, "w")
        matches(fault, words)

    @pytest.mark.parametrize("bad", [-1.0, float("nan"), float("inf")])
    def test_bad_weight_of_a_frame(self, bad):
        frame = pd.DataFrame({"id": ["a", "b"], "q1": ["yes", "no"], "q2": ["no", "yes"], "w": [1.0, bad]})
        with pytest.raises(InputError, match=r"column 'w'.*in row 2"):
            read_table(frame, study(survey_weight="w"))

    def test_all_zero(self, faults_of):
        (fault,) = faults_of("id,q1,q2,w\na,yes,no,0\nb,no,yes,0.0\n", study(survey_weight="w"))
        assert fault.code == "zero-weights"


class TestFiles:
    def parquet(self, tmp_path):
        path = tmp_path / "good.parquet"
        pd.DataFrame({"id": ["a", "b"], "q1": ["yes", "no"], "q2": ["no", "yes"]}).to_parquet(path)
        return path.read_bytes()

    @pytest.mark.parametrize("keep", [0, 3, 10, 200, -1, -8])
    def test_truncated_parquet(self, tmp_path, faults_of, keep):
        (fault,) = faults_of(self.parquet(tmp_path)[:keep], name="table.parquet")
        matches(fault, "truncated or damaged|empty|not a Parquet file")

    def test_damaged_parquet(self, tmp_path, faults_of):
        data = self.parquet(tmp_path)
        (fault,) = faults_of(data[:-300] + b"\0" * 292 + data[-8:], name="table.parquet")
        assert fault.code == "damaged"

    def test_parquet_named_csv(self, tmp_path, faults_of):
        (fault,) = faults_of(self.parquet(tmp_path))
        matches(fault, r"this is a Parquet file.*end in \.parquet")

    def test_csv_named_parquet(self, faults_of):
        (fault,) = faults_of(HEADER + ROWS, name="table.parquet")
        matches(fault, "not a Parquet file but text")

    @pytest.mark.parametrize(
        ("head", "words"),
        [(b"PK\x03\x04", "Excel"), (b"\x1f\x8b", "gzip"), (b"$FL2", "SPSS"), (b"\x89HDF\r\n", "HDF5")],
    )
    def test_other_kinds_named_csv(self, faults_of, head, words):
        matches(faults_of(head + b"\0" * 100), words)

    def test_unknown_ending(self, faults_of):
        matches(faults_of(HEADER + ROWS, name="table.xlsx"), "'.xlsx' is no kind of table")

    def test_nested_column(self, tmp_path):
        path = tmp_path / "table.parquet"
        pd.DataFrame({"id": ["a", "b"], "q1": [["yes"], ["no"]], "q2": ["no", "yes"]}).to_parquet(path)
        with pytest.raises(InputError, match=r"column 'q1'.*not single answers"):
            read_table(path, study())

    def test_huge_parquet_of_repeated_values(self, tmp_path):
        path = tmp_path / "table.parquet"
        frame = pd.DataFrame({"id": ["a"] * 10**6, "q1": ["yes"] * 10**6, "q2": ["no"] * 10**6})
        frame.to_parquet(path)
        assert path.stat().st_size < 10**5
        with pytest.raises(InputError, match=r"12,000,000 bytes, more than the limit of 10,000,000.*'bytes'"):
            read_table(path, study(limits={"bytes": 10**7}))

    def test_compressed_bomb(self, faults_of):
        bomb = gzip.compress((HEADER + "\n" * 10**7).encode())
        assert len(bomb) < 20_000
        (fault,) = faults_of(bomb, study(limits={"bytes": 10**6}), name="table.csv.gz")
        matches(fault, "limit of 1,000,000 bytes.*'bytes'")

    def test_broken_compression(self, faults_of):
        matches(faults_of(gzip.compress((HEADER + ROWS).encode())[:-9], name="t.csv.gz"), "cannot be unpacked")

    def test_no_such_file(self, tmp_path):
        with pytest.raises(InputError, match="no such file"):
            read_table(tmp_path / "none.csv", study())

    def test_folder(self, tmp_path):
        with pytest.raises(InputError, match="a folder"):
            read_table(tmp_path, study())

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")
    def test_fifo_is_not_opened(self, tmp_path):
        os.mkfifo(tmp_path / "pipe.csv")
        with pytest.raises(InputError, match="not an ordinary file"):
            read_table(tmp_path / "pipe.csv", study())

    @pytest.mark.parametrize("url", ["https://example.org/t.csv", "file:///etc/passwd.csv", "s3://bucket/t.parquet"])
    def test_address_is_not_opened(self, url):
        with pytest.raises(InputError, match="never from an address"):
            read_table(url, study())

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read every file")
    def test_unreadable(self, tmp_path):
        path = tmp_path / "table.csv"
        path.write_text(HEADER + ROWS)
        path.chmod(0)
        with pytest.raises(InputError, match="cannot be read"):
            read_table(path, study())

    @pytest.mark.parametrize("name", ["table.csv", "table.csv.gz", "table.parquet"])
    def test_a_file_that_may_not_be_opened(self, name, tmp_path, monkeypatch):
        """As above, for those who may read every file."""

        def forbidden(*_, **__):
            raise PermissionError(13, "Permission denied")

        (tmp_path / name).write_text(HEADER + ROWS)
        monkeypatch.setattr("pathlib.Path.open", forbidden)
        with pytest.raises(InputError, match=r"cannot be read.*Permission denied.*permissions") as caught:
            read_table(tmp_path / name, study())
        assert caught.value.code == "unreadable"

    def test_nul_in_the_path(self):
        with pytest.raises(InputError, match="cannot be read"):
            read_table("a\0b.csv", study())


class TestFuzz:
    headers = st.sampled_from(["", HEADER, "id,q1,q2\r\n", '"id","q1","q2"\n', "id,q2\n", "\ufeffid,q1,q2\n"])
    cells = st.sampled_from(["a", "b", "yes", "no", "", '"yes"', '"', '"a\nb"', "x,y", "é", "\r", "NA", "\0", "\u202e"])
    text = st.lists(st.lists(cells, min_size=1, max_size=4).map(",".join), max_size=6).map("\n".join)

    @settings(max_examples=300, deadline=None)
    @given(header=headers, text=text, tail=st.binary(max_size=3))
    def test_any_text_gives_choices_or_an_input_error(self, header, text, tail, tmp_path_factory):
        path = tmp_path_factory.getbasetemp() / "fuzz.csv"
        data = (header + text).encode() + tail
        path.write_bytes(data)
        n_lines = data.count(b"\n") + data.count(b"\r") + 1
        for meaning in (study(), without_agents(), study(on_duplicate="keep_one")):
            try:
                choices = read_table(path, meaning)
            except InputError as error:
                assert all(fault.line is None or 1 <= fault.line <= n_lines for fault in error.faults)
            else:
                assert choices.n_agents >= 2

    @settings(max_examples=150, deadline=None)
    @given(st.data())
    def test_any_frame_gives_choices_or_an_input_error(self, data):
        value = (
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats()
            | st.text(max_size=3)
            | st.sampled_from(["yes", "no"])
        )
        n = data.draw(st.integers(0, 4))
        frame = pd.DataFrame({name: data.draw(st.lists(value, min_size=n, max_size=n)) for name in ("id", "q1", "q2")})
        try:
            read_table(frame, study(missing=["0", "True", "nan"]))
        except InputError as error:
            assert str(error)

    @settings(max_examples=100, deadline=None)
    @given(place=st.integers(0, 2000), patch=st.binary(min_size=1, max_size=4))
    def test_any_damage_to_parquet_gives_choices_or_an_input_error(self, place, patch, tmp_path_factory):
        path = tmp_path_factory.getbasetemp() / "fuzz.parquet"
        frame = pd.DataFrame({"id": ["a", "b"], "q1": ["yes", "no"], "q2": ["no", "yes"]})
        pq.write_table(pa.Table.from_pandas(frame), path)
        data = bytearray(path.read_bytes())
        data[place % len(data) : place % len(data) + len(patch)] = patch
        path.write_bytes(data)
        try:
            read_table(path, study())
        except InputError as error:
            assert str(error)
