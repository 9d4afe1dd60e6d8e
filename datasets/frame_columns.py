"""Data frames of any library as columns of Arrow."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from ..errors import Fault, InputError, brief, shown
from .column_text import is_nested, name_faults, refuse_nested, text_of
from .study import Limits

_SINGLE = (
    *(str, int, float, complex, np.generic, Decimal, uuid.UUID),
    *(datetime.date, datetime.time, datetime.timedelta, pd.Period, pd.Interval),
)
"""Types of values that are one answer; the text of another could be anything, or run anything."""


def read_frame(
    frame: Any, wanted: Sequence[str], limits: Limits, source: str
) -> tuple[tuple[str, ...], tuple[str, ...], Any]:
    """Return the names of the columns and of the index of a frame and, as an Arrow table, the columns that are wanted.

    Parameters
    ----------
    frame
        A pandas, Arrow, Polars or DuckDB table.
    wanted
        Names of columns; those it does not have are left out.
    limits
        Sizes above which it is refused.
    source
        Its name in messages.

    Raises
    ------
    InputError
        If its columns cannot be read.
    TypeError
        If it is no data frame.
    """
    import pyarrow as pa  # noqa: PLC0415 (half a second)

    index: tuple[str, ...] = ()
    if isinstance(frame, pd.DataFrame):
        if frame.columns.nlevels > 1:
            message = f"The columns of the table have {frame.columns.nlevels} levels of names."
            raise InputError(
                Fault(code="column-levels", message=message, remedy="Give every column one name.", file=source)
            )
        names = [str(name) for name in frame.columns]
        index = tuple(str(name) for name in frame.index.names if name is not None)
    elif isinstance(frame, pa.Table | pa.RecordBatch):
        names = list(frame.schema.names)
    else:
        frame = _native(frame)
        names = list(frame.collect_schema().names())
    faults = name_faults(names, source, limits)
    if faults:
        raise InputError(faults)
    present = [name for name in dict.fromkeys(wanted) if name in names]
    if isinstance(frame, pd.DataFrame):
        arrays = [_from_pandas(frame.iloc[:, names.index(name)], source) for name in present]
        arrow = pa.table(dict(zip(present, arrays, strict=True))) if present else _no_columns(len(frame))
    elif isinstance(frame, pa.Table | pa.RecordBatch):
        arrow = frame.select(present) if isinstance(frame, pa.Table) else pa.table(frame.select(present))
    else:
        arrow = _collected(frame, present, source)
    refuse_nested([arrow.schema.field(name) for name in present], source)
    return tuple(names), index, arrow


def _no_columns(n: int) -> Any:
    import pyarrow as pa  # noqa: PLC0415

    return pa.table({"": pa.nulls(n)}).select([])


def _native(frame: Any) -> Any:
    import narwhals as nw  # noqa: PLC0415

    try:
        return nw.from_native(frame)
    except TypeError:
        message = f"'table' is a {type(frame).__name__}: give a path, or a pandas, Arrow, Polars or DuckDB table."
        raise TypeError(message) from None


def _collected(frame: Any, present: Sequence[str], source: str) -> Any:
    """Return columns of a frame of another library, which may be a query that fails only now."""
    import narwhals as nw  # noqa: PLC0415

    try:
        chosen = frame.select(present)
        return chosen.collect("pyarrow").to_native() if isinstance(chosen, nw.LazyFrame) else chosen.to_arrow()
    except Exception as error:
        message = f"The table cannot be read: {shown(error)}."
        remedy = "Turn it into a pandas or Arrow table to see why."
        raise InputError(Fault(code="unreadable", message=message, remedy=remedy, file=source)) from None


def _from_pandas(column: pd.Series[Any], source: str) -> Any:
    import pyarrow as pa  # noqa: PLC0415

    if isinstance(column.dtype, pd.SparseDtype):
        column = pd.Series(column.to_numpy(), name=column.name)
    mixed = column.dtype == object and not set(map(type, column)) <= {str, type(None)}
    try:
        array = None if mixed else pa.array(column, from_pandas=True)
    except UnicodeEncodeError:
        raise _no_characters(column, source) from None
    except (pa.ArrowException, TypeError, ValueError):
        array = None
    if array is not None and not isinstance(array.type, pa.BaseExtensionType) and not is_nested(array.type):
        return array
    # mixed and rare types of values have no Arrow type: take the text of each value, as a file would have held it
    texts = [None if _is_absent(value) else _one_text(value, column, source) for value in column.astype(object)]
    try:
        return pa.array(texts, pa.string())
    except UnicodeEncodeError:
        raise _no_characters(column, source) from None


def _is_absent(value: Any) -> bool:
    nan = isinstance(value, float | np.floating) and bool(np.isnan(value))
    return nan or value is None or value is pd.NA or value is pd.NaT


def _one_text(value: Any, column: pd.Series[Any], source: str) -> str:
    if not isinstance(value, _SINGLE) or isinstance(value, np.void | bytes):
        message = f"The column holds values of type {brief(type(value).__name__)}, not single answers."
        remedy, code = "Write one value per cell, as text.", "nested-column"
    else:
        try:
            return text_of(value)
        except ValueError:  # a whole number of thousands of digits
            message = "The column holds a number with too many digits."
            remedy, code = "Write it as text.", "long-label"
    raise InputError(Fault(code=code, message=message, remedy=remedy, file=source, column=str(column.name)))


def _no_characters(column: pd.Series[Any], source: str) -> InputError:
    return InputError(
        Fault(
            code="encoding",
            message="The column holds text with characters that are no characters (lone surrogates).",
            remedy="Read the file it came from with its right encoding.",
            file=source,
            column=str(column.name),
        )
    )
