"""Tables that are read: the same choices from every kind of table, every label kept as it is."""

import csv
import gzip
import io
import os
import re
from decimal import Decimal

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dissensus.datasets import Study, load, read_table
from dissensus.datasets.csv_file import open_csv
from dissensus.datasets.study import Limits
from hypothesis import given, settings
from hypothesis import strategies as st

from dissensus.errors import InputError


def study(serves=("y", "n"), items=("q1", "q2"), **table):
    options = {option: goal for option, goal in zip(serves, ["yes", "no", [], []], strict=False)}
    return Study.from_dict(
        {
            "table": {"agent": "id", **table},
            "areas": {
                "x": {"goals": ["yes", "no"], "conflict": 1.0, "items": {name: {"serves": options} for name in items}}
            },
        }
    )


def long_study(*, repeated=False, **options):
    plain = study(layout="long", item="item", answer="answer", **options).to_dict()
    for item in plain["areas"]["x"]["items"].values():
        item["repeated"] = repeated
    return Study.from_dict(plain)


WIDE = "id,q1,q2,party,w\na,y,n,L,1\nb,n,,R,2\nc,,n,L,0.5\nd,y,y,R,4\n"
LONG = "id,item,answer,party,w\nb,q1,n,R,2\na,q2,n,L,1\na,q1,y,L,1\nc,q2,n,L,0.5\nd,q1,y,R,4\nd,q2,y,R,4\n"


OPTIONS = {"group": "party", "survey_weight": "w"}


@pytest.fixture
def write(tmp_path):
    def written(text, name="table.csv"):
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return written


def answers(choices):
    frame = choices.to_frame().astype(object)
    frame = frame.where(frame.notna(), None)
    return {agent: tuple(row) for agent, row in zip(frame.agent, frame[["q1", "q2"]].to_numpy(), strict=True)}


class TestKindsOfTable:
    def frame(self):
        return pd.DataFrame(
            {
                "id": list("abcd"),
                "q1": ["y", "n", None, "y"],
                "q2": ["n", None, "n", "y"],
                "party": list("LRLR"),
                "w": [1, 2, 0.5, 4],
            }
        )

    def kinds(self, write, tmp_path):
        frame = self.frame()
        yield write(WIDE.replace(",", "\t"), "table.tsv")
        yield write(WIDE.replace("\n", "\r\n"), "crlf.csv")
        yield write(WIDE.replace("\n", "\r"), "cr.csv")
        yield write(b"\xef\xbb\xbf" + WIDE.encode(), "bom.csv")
        yield write(WIDE.removesuffix("\n"), "no_newline.csv")
        yield write("\n" + WIDE.replace("\n", "\n\n"), "blank_lines.csv")
        yield write(gzip.compress(WIDE.encode()), "table.csv.gz")
        yield write('"id","q1","q2","party","w"\n"a","y","n","L","1"\n' + WIDE.split("\n", 2)[2], "quoted.csv")
        frame.to_parquet(tmp_path / "table.parquet")
        yield tmp_path / "table.parquet"
        pq.write_table(pa.table(frame.astype({"q1": "category", "party": "category"})), tmp_path / "c.parquet")
        yield tmp_path / "c.parquet"
        yield frame
        yield frame.astype({"q1": "category", "id": object})
        yield frame.iloc[::-1]
        yield pa.table(frame)
        yield pa.concat_tables([pa.table(frame[:2]), pa.table(frame[2:])])
        yield pa.RecordBatch.from_pandas(frame)
        yield duckdb.sql("SELECT * FROM frame")

    def test_all_give_the_same_choices(self, write, tmp_path):
        expected = read_table(write(WIDE), study(**OPTIONS))
        assert answers(expected) == {"a": ("y", "n"), "b": ("n", None), "c": (None, "n"), "d": ("y", "y")}
        for table in self.kinds(write, tmp_path):
            choices = read_table(table, study(**OPTIONS))
            assert choices.data_hash == expected.data_hash
            np.testing.assert_array_equal(choices.areas[0].counts, expected.areas[0].counts)

    def test_long_gives_the_same_choices_as_wide(self, write):
        wide = read_table(write(WIDE), study(**OPTIONS))
        assert read_table(write(LONG), long_study(**OPTIONS)).data_hash == wide.data_hash

    def test_other_delimiters_are_options(self, write):
        expected = read_table(write(WIDE), study()).data_hash
        assert read_table(write(WIDE.replace(",", ";")), study(delimiter=";")).data_hash == expected
        assert read_table(write(WIDE.replace(",", "|"), "x.dat"), study(), delimiter="|").data_hash == expected

    def test_source_names_the_table(self, write):
        assert read_table(write(WIDE), study(), source="my survey").source == "my survey"
        assert read_table(self.frame(), study()).source == "DataFrame"

    def test_what_is_no_table_is_a_type_error(self):
        with pytest.raises(TypeError, match="'table' is a int"):
            read_table(3, study())
        with pytest.raises(TypeError, match=r"Study\.from_toml"):
            read_table(self.frame(), "study.toml")


class TestLabels:
    def test_nothing_is_guessed(self, write):
        labels = [
            "NA",
            "null",
            "None",
            "TRUE",
            "true",
            "007",
            "7",
            "7.0",
            "1e5",
            "100000",
            "nan",
            "",
            "=1+1",
            "-3",
            " x",
        ]
        options = {label: "yes" if i % 2 else "no" for i, label in enumerate(labels)}
        plain = study(items=("q1",), missing=[]).to_dict()
        plain["areas"]["x"]["items"]["q1"]["serves"] = options
        text = "id,q1\n" + "".join(f"{i},{label}\n" for i, label in enumerate(labels))
        frame = read_table(write(text), Study.from_dict(plain)).to_frame()
        assert frame.q1.tolist() == labels

    def test_agents_are_text(self, write):
        ids = ["007", "7", "7.0", "NA", "9007199254740993", "9007199254740992", "1e5", "TRUE", "null", "-0"]
        choices = read_table(write("id,q1,q2\n" + "".join(f"{i},y,n\n" for i in ids)), study())
        assert choices.agents.tolist() == ids

    def test_numbers_of_frames_lose_a_trailing_zero(self):
        frame = pd.DataFrame({"id": [1.0, 2.0, 3.0], "q1": [1.0, 2.0, np.nan], "q2": [0.5, 1.5, -1.0]})
        plain = study().to_dict()
        plain["areas"]["x"]["items"]["q1"]["serves"] = {"1": "yes", "2": "no"}
        plain["areas"]["x"]["items"]["q2"]["serves"] = {"0.5": "yes", "1.5": "no", "-1": []}
        choices = read_table(frame, Study.from_dict(plain))
        assert answers(choices) == {"1": ("1", "0.5"), "2": ("2", "1.5"), "3": (None, "-1")}

    @pytest.mark.parametrize(
        ("values", "texts"),
        [
            ([2**53 + 1, 2**53, 7], ["9007199254740993", "9007199254740992", "7"]),
            (np.array([0.1, 100000.0, 2.0**52]), ["0.1", "100000", "4503599627370496"]),
            (np.array([0.1, 2.5, 3], dtype=np.float32), ["0.1", "2.5", "3"]),
            ([True, False, None], ["True", "False", "None"]),
            (["a", 1, 2.0], ["a", "1", "2"]),
            (
                pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03"]).date,
                ["2024-01-01", "2024-01-02", "2024-01-03"],
            ),
        ],
    )
    def test_values_of_frames_become_text(self, values, texts):
        frame = pd.DataFrame({"id": pd.Series(values), "q1": ["y", "n", "y"], "q2": ["n", "n", "y"]})
        if texts[-1] == "None":
            frame["id"] = frame["id"].astype(object).where(frame["id"].notna(), "None")
        assert read_table(frame, study()).agents.tolist() == texts

    def test_decimals_of_parquet_lose_trailing_zeros(self):
        numbers = pa.array([Decimal(1), Decimal(2), Decimal(3)], pa.decimal128(10, 2))
        table = pa.table({"id": numbers, "q1": ["y", "n", "y"], "q2": ["n", "y", "y"]})
        assert read_table(table, study()).agents.tolist() == ["1", "2", "3"]


class TestAgents:
    def test_without_an_agent_column_every_row_is_one(self, write):
        plain = study().to_dict()
        del plain["table"]["agent"]
        choices = read_table(write("q1,q2\ny,n\ny,n\nn,y\n"), Study.from_dict(plain))
        assert choices.agents.tolist() == ["1", "2", "3"]

    def test_missing_codes_mean_no_answer(self, write):
        choices = read_table(write("id,q1,q2\na,y,98\nb,n,y\nc,,n\n"), study(missing=["98"]))
        assert answers(choices) == {"a": ("y", None), "b": ("n", "y"), "c": (None, "n")}

    def test_groups_come_in_natural_order(self, write):
        text = "id,q1,q2,g\na,y,n,10\nb,n,y,9\nc,y,y,old\n"
        choices = read_table(write(text), study(group="g"))
        assert choices.groups == ("9", "10", "old")
        np.testing.assert_array_equal(choices.group_of_agent, [1, 0, 2])

    def test_groups_are_merged(self, write):
        text = "id,q1,q2,g\na,y,n,1\nb,n,y,2\nc,y,y,3\nd,n,n,9\ne,n,n,\n"
        merged = study(group="g", groups={"R": ["3"], "L": ["1", "2"]}, group_missing="overall_only")
        choices = read_table(write(text), merged)
        assert choices.groups == ("R", "L")
        np.testing.assert_array_equal(choices.group_of_agent, [1, 1, 0, -1, -1])
        assert "2 of 5 agents belong to no group" in choices.findings[0].message

    def test_weights_with_decimal_commas(self, write):
        text = 'id;q1;q2;w\na;y;n;1,5\nb;n;y;"1.000,25"\n'
        choices = read_table(write(text), study(survey_weight="w", delimiter=";", decimal=",", thousands="."))
        assert choices.survey_weight.tolist() == [1.5, 1000.25]

    def test_weights_scale_to_kish(self, write):
        choices = read_table(write(WIDE), study(survey_weight="w"))
        weight = np.array([1, 2, 0.5, 4])
        assert choices.fit_weight.sum() == pytest.approx(weight.sum() ** 2 / np.square(weight).sum())

    def test_population_totals_are_weights(self, write):
        text = "id,q1,q2,w\na,y,n,3267345\nb,n,y,5996930\nc,n,y,5996930\nd,n,y,5996930\ne,n,y,5996930\n"
        assert read_table(write(text), study(survey_weight="w")).fit_weight.sum() < 5


class TestDuplicates:
    TWICE = "id,q1,q2\na,y,n\nb,n,y\na,y,\n"

    def test_keep_one(self, write):
        choices = read_table(write(self.TWICE), study(on_duplicate="keep_one"))
        assert answers(choices) == {"a": ("y", "n"), "b": ("n", "y")}
        assert choices.findings[0].message == "1 answers repeat the agent and the item of another; one of them counts."

    def test_keep_last(self, write):
        choices = read_table(write(self.TWICE.replace("a,y,\n", "a,n,\n")), study(on_duplicate="keep_last"))
        assert answers(choices) == {"a": ("n", "n"), "b": ("n", "y")}

    def test_keep_last_of_a_long_table(self, write):
        text = "id,item,answer\na,q1,y\na,q2,y\nb,q1,y\nb,q2,n\na,q1,n\n"
        choices = read_table(write(text), long_study(on_duplicate="keep_last"))
        assert answers(choices) == {"a": ("n", "y"), "b": ("y", "n")}

    def test_repeated_items_keep_counts(self, write):
        text = "id,item,answer\na,q1,y\na,q1,y\nb,q1,n\na,q1,n\nb,q2,n\nb,q2,\n"
        choices = read_table(write(text), long_study(repeated=True))
        area = choices.areas[0]
        np.testing.assert_array_equal(area.counts[area.pattern_of_agent], [[2, 1, 0, 0], [0, 1, 0, 1]])

    def test_other_items_of_a_long_table_are_noted(self, write):
        choices = read_table(write(LONG + "a,q9,z,L,1\ne,q9,z,L,1\n"), long_study())
        assert choices.n_agents == 4
        notes = {finding.code: finding.message for finding in choices.findings}
        assert notes["other-items"] == "1 items of the table are not in the study and left out: 'q9'."
        assert "1 of 5 agents" in notes["silent-agents"]


@pytest.mark.skipif("DISSENSUS_DATA" not in os.environ, reason="DISSENSUS_DATA names no folder of real tables")
class TestRealTables:
    def test_spending_answers_differ_as_published(self):
        """Chance that two respondents who answered differ, against the figures of the table's source."""
        area = load("gss_spending").area("welfare")
        published = {"natfare": 0.6288, "natsoc": 0.5022, "natheal": 0.4391, "natchld": 0.5147}
        chosen = area.n_agents_of_pattern @ area.counts
        for place, item in enumerate(area.items):
            times = chosen[area.item_of_option == place]
            n = times.sum()
            differ = (1 - np.square(times / n).sum()) * n / (n - 1)
            assert differ == pytest.approx(published[item], abs=5e-5)


class TestFileStructure:
    def test_quotes_hold_newlines_and_delimiters(self, write):
        text = 'id,note,q1,q2\na,"two\nlines, ""quoted""",y,n\nb,5" disk,n,y\nc,,y,y\n'
        assert answers(read_table(write(text), study()))["b"] == ("n", "y")

    def test_lines_are_counted_as_in_the_file(self, write):
        text = 'id,note,q1,q2\n\na,"two\nlines",y,n\r\nb,,n,y\nc,,y,?\n'
        with pytest.raises(InputError, match="'\\?' is not a declared option") as caught:
            read_table(write(text), study())
        assert (caught.value.line, caught.value.column) == (6, "q2")

    def test_other_columns_may_hold_anything(self, write):
        text = "id,q1,free text,q2\na,y,été €,n\nb,n,NULL,y\n"
        assert read_table(write(text), study()).n_agents == 2

    cells = st.sampled_from(
        ["a", "", "x y", '"q"', '"a,b"', '"a\nb"', '"a\r\nb"', '"a""b"', '5" disk', '"', "é", "\x0b"]
    )
    rows = st.lists(st.tuples(cells, cells), min_size=1, max_size=6)

    @settings(max_examples=300, deadline=None)
    @given(rows=rows, newline=st.sampled_from(["\n", "\r\n", "\r", "\n\n"]), last=st.booleans())
    def test_what_is_read_is_what_the_csv_module_reads(self, rows, newline, last, tmp_path_factory):
        path = tmp_path_factory.getbasetemp() / "same.csv"
        text = newline.join(["p,q", *(",".join(row) for row in rows)]) + newline * last
        path.write_bytes(text.encode())
        try:
            opened = open_csv(path, "same.csv", None, Limits())
            table = opened.read(["q"], Limits())
        except InputError:
            return
        if not opened.faults:
            reader = csv.reader(io.StringIO(text, newline=""), strict=True)
            expected = [(row, reader.line_num - len(re.findall("\r\n|\r|\n", ",".join(row)))) for row in reader]
            expected = [(row, line) for row, line in expected if row][1:]
            assert table.column("q").to_pylist() == [row[1] for row, _ in expected]
            assert opened.lines(range(len(expected))) == [line for _, line in expected]
