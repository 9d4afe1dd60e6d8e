"""Data frames with columns of every kind: text as a file would hold it, or one of our errors."""

import datetime
import uuid
from decimal import Decimal

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from dissensus.datasets import read_table

from dissensus.errors import InputError

from .forms import GOOD, study

BASE = pd.DataFrame(list(GOOD), dtype=object)
DAY = datetime.date(2024, 5, 1)


def texts(values):
    """Return a column as the labels that it is read as."""
    with pytest.raises(InputError) as caught:
        read_table(BASE.assign(q2=values), study())
    assert {(fault.code, fault.column) for fault in caught.value.faults} == {("unknown-option", "q2")}
    return [fault.value for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pd.period_range("2024-01", periods=3, freq="M"), ["2024-01", "2024-02", "2024-03"]),
        (pd.arrays.SparseArray([0, 0, 1]), ["0", "1"]),
        (np.array([1j, 2, 3]), ["1j", "(2+0j)", "(3+0j)"]),
        (pd.cut([1, 2, 3], [0, 1, 3]), ["(0, 1]", "(1, 3]"]),
        (pd.array([1, None, 3], dtype="Int8"), ["1", "3"]),
        (pd.array([True, None, False], dtype="boolean"), ["True", "False"]),
        (pd.array([0.5, None, 3], dtype="Float64"), ["0.5", "3"]),
        (pd.Categorical([2, 1, 2]), ["2", "1"]),
        (pd.Categorical(["b", None, "a"], categories=["c", "b", "a"]), ["b", "a"]),
        (
            pd.to_datetime(["2024-05-01 00:00", None, "2024-05-02 12:00"]),
            ["2024-05-01 00:00:00", "2024-05-02 12:00:00"],
        ),
        (pd.to_datetime(["2024-05-01"] * 3).tz_localize("UTC"), ["2024-05-01 00:00:00+00:00"]),
        (pd.to_timedelta([1, 2, None], unit="h"), ["1:00:00", "2:00:00"]),
        (np.array([0.5, 1, 2], dtype=np.float16), ["0.5", "1", "2"]),
        (np.array([1, 2, 3], dtype=np.uint64), ["1", "2", "3"]),
        ([DAY, "x", None], ["2024-05-01", "x"]),
        ([Decimal("1.50"), 2, True], ["1.50", "2", "True"]),
        ([uuid.UUID(int=0), None, 1.0], ["00000000-0000-0000-0000-000000000000", "1"]),
        ([pd.Timestamp(DAY), pd.NaT, pd.NA], ["2024-05-01 00:00:00"]),
        ([1e300, "a", 2.0**80], [f"1{'0' * 59}", "a", "1208925819614629200000000"]),
        (pd.array([1.0, 2.0, 0.5], dtype=pd.ArrowDtype(pa.float32())), ["1", "2", "0.5"]),
        (pd.array(["a", None, "b"], dtype=pd.ArrowDtype(pa.dictionary(pa.int8(), pa.string()))), ["a", "b"]),
    ],
)
def test_values_become_text(values, expected):
    assert texts(values) == expected


class Loud:
    """A value whose text is made by code of its own."""

    def __str__(self):
        """Never be asked."""
        raise AssertionError("asked for its text")


@pytest.mark.parametrize(
    ("values", "code", "words"),
    [
        ([["yes"], ["no"], []], "nested-column", "values of type list"),
        ([{"a": 1}, "no", None], "nested-column", "values of type dict"),
        ([frozenset([1]), "no", None], "nested-column", "values of type frozenset"),
        ([b"yes", b"no", b"x"], "nested-column", "values of type"),
        ([b"yes", "no", 3], "nested-column", "values of type bytes"),
        ([np.zeros(2), "no", None], "nested-column", "values of type ndarray"),
        ([pd.Series([1]), "no", None], "nested-column", "values of type Series"),
        ([Loud(), "no", None], "nested-column", "values of type Loud"),
        ([10**5000, "no", 1], "long-label", "too many digits"),
        (["yes", "\ud800", "no"], "encoding", "lone surrogates"),
        (["yes", "\ud800", 3], "encoding", "lone surrogates"),
        (pd.Categorical(pd.Series(["yes", "\ud800", "no"], dtype=object)), "encoding", "lone surrogates"),
        (pd.array([[1], [2], [3]], dtype=pd.ArrowDtype(pa.list_(pa.int64()))), "nested-column", "not single answers"),
    ],
)
def test_values_that_are_no_single_answers_are_refused(values, code, words):
    column = (
        values if isinstance(values, pd.Categorical) or hasattr(values, "dtype") else pd.Series(values, dtype=object)
    )
    with pytest.raises(InputError, match=rf"^DataFrame, column 'q2'.*{words}") as caught:
        read_table(BASE.assign(q2=column), study())
    assert (caught.value.code, caught.value.column, caught.value.file) == (code, "q2", "DataFrame")


@pytest.mark.parametrize(
    "column",
    [
        pa.array([{"a": 1}, {"a": 2}, None]),
        pa.array([b"a", b"b", b"c"]),
        pa.array([b"ab", b"cd", b"ef"], pa.binary(2)),
        pa.DictionaryArray.from_arrays(pa.array([0, 1, 1]), pa.array([{"a": 1}, {"a": 2}])),
        pa.RunEndEncodedArray.from_arrays(pa.array([1, 3], pa.int32()), pa.array(["yes", "no"])),
        pa.array([(1, 2, 3)] * 3, pa.month_day_nano_interval()),
        pa.array([b"0" * 16] * 3, pa.uuid()),
        pa.UnionArray.from_sparse(pa.array([0, 1, 0], pa.int8()), [pa.array([1, 2, 3]), pa.array(["x", "y", "z"])]),
    ],
)
def test_arrow_columns_that_are_no_single_answers_are_refused(column):
    table = pa.table({"id": ["a", "b", "c"], "q1": ["yes", "no", "no"], "q2": column})
    with pytest.raises(InputError, match=r"^Table, column 'q2'.*not single answers"):
        read_table(table, study())


def test_dates_that_no_calendar_has_are_refused():
    column = pa.array([2**62, 1, 2], pa.timestamp("s"))
    table = pa.table({"id": ["a", "b", "c"], "q1": ["yes", "no", "no"], "q2": column})
    with pytest.raises(InputError, match=r"column 'q2': The column of type 'timestamp\[s\]' cannot be read as text"):
        read_table(table, study())


def test_columns_of_several_levels_are_refused():
    frame = BASE.set_axis(pd.MultiIndex.from_product([["x"], BASE.columns]), axis=1)
    with pytest.raises(InputError, match=r"2 levels of names.*one name"):
        read_table(frame, study())


def test_an_index_is_no_column_and_the_remedy_says_so():
    with pytest.raises(InputError, match=r"names column 'id'.*index of the frame: call reset_index\(\)"):
        read_table(BASE.set_index("id"), study())
    index = pd.MultiIndex.from_product([[1], [2, 3, 4]])
    assert read_table(BASE.set_index(index), study()).n_agents == 3


def test_a_query_that_fails_is_our_error():
    with pytest.raises(InputError, match="cannot be read"):
        read_table(
            duckdb.sql("SELECT id, q1, CASE WHEN q1 = 'no' THEN error('x') ELSE q2 END AS q2 FROM BASE"), study()
        )
