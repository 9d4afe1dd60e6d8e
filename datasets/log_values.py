"""The distinct values of a column of a log: read once, judged exactly, never row by row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from ..errors import LISTED, Fault, InputError, brief, shown
from .column_text import encoded, is_nested, rounded
from .conditions import parse_condition
from .log_source import Events
from .log_study import Condition
from .study import Limits

if TYPE_CHECKING:
    import pyarrow as pa

MAX_VALUES = 100_000
"""Different values of a column that holds outcomes, positions or codes."""


@dataclass(frozen=True)
class Values:
    """Distinct values of a column.

    Parameters
    ----------
    name, short
        Name of the column in the log, and in the frame.
    native
        The values as the engine holds them, without null, (value,).
    texts
        The same as text, (value,).
    counts
        Number of events with each, (value,).
    n_null
        Number of events without a value.
    """

    name: str
    short: str
    native: pa.ChunkedArray
    texts: NDArray[np.object_]
    counts: NDArray[np.int64]
    n_null: int

    def where(self, keep: NDArray[np.bool_]) -> list[Any]:
        """Return the values that are kept, as the engine holds them."""
        import pyarrow as pa  # noqa: PLC0415 (half a second)

        return list(self.native.filter(pa.array(keep)).to_pylist())

    def codes(self, place: NDArray[np.integer], code: NDArray[np.integer]) -> pa.Table:
        """Return a table of values, by their place, and codes."""
        import pyarrow as pa  # noqa: PLC0415

        native = self.native.take(pa.array(np.asarray(place, dtype=np.int64)))
        return pa.table({self.short: native, "code": pa.array(np.asarray(code, dtype=np.int32))})


def distinct_values(events: Events, frame: nw.LazyFrame[Any], name: str, limits: Limits, *, most: int) -> Values:
    """Return the distinct values of a column.

    Parameters
    ----------
    events
        The log.
    frame
        The events that count.
    name
        Name of the column in the log.
    limits
        Characters in one label.
    most
        Number of different values above which the column is refused.

    Raises
    ------
    InputError
        If there are too many, or their text cannot be kept.
    """
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    short = events.short[name]
    counted = frame.group_by(short).agg(nw.len().alias("n")).with_columns(nw.col("n").cast(nw.Int64))
    table = events.collected(counted.head(most + 2), name)
    if table.num_rows > most + 1:
        message = f"The column has more than {most:,} different values."
        remedy = "Check that it is the right column; numbers of many digits can be rounded."
        raise InputError(Fault(code="too-many-values", message=message, remedy=remedy, file=events.source, column=name))
    values, counts = table.column(short), table.column("n").to_numpy()
    if is_nested(values.type):
        message = f"The column holds values of type {brief(values.type)}, not single values."
        fault = Fault(
            code="nested-column",
            message=message,
            remedy="Write one value per cell.",
            file=events.source,
            column=name,
        )
        raise InputError(fault)
    if rounded(values):
        message = "The column holds whole numbers above 2⁵³ as floats: different ones may have become the same."
        remedy = "Write the column as text or as whole numbers."
        raise InputError(Fault(code="rounded", message=message, remedy=remedy, file=events.source, column=name))
    absent = pc.is_null(values, nan_is_null=True)
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        absent = pc.or_kleene(absent, pc.equal(values, "")).fill_null(True)
    gone = absent.to_numpy(zero_copy_only=False) if isinstance(absent, pa.Array) else absent.to_numpy()
    kept = values.filter(pc.invert(absent))
    codes, labels = encoded(kept, name, events.source)
    texts = labels[codes] if len(labels) else np.array([], dtype=object)
    _refuse_texts(events, name, texts, limits)
    return Values(name, short, kept, texts, counts[~gone].astype(np.int64), int(counts[gone].sum()))


def meets(values: Values, condition: Condition) -> NDArray[np.bool_]:
    """Return which values meet a condition, (value,)."""
    test = parse_condition(condition)
    assert test is not None  # conditions are checked with the study
    return np.array([test.holds(text) for text in values.texts], dtype=bool)


def _refuse_texts(events: Events, name: str, texts: NDArray[np.object_], limits: Limits) -> None:
    faults = []
    for text in texts:
        long = len(text) > limits.label
        if long or "\0" in text:
            what = f"has {len(text):,} characters, more than the limit of {limits.label:,}"
            message = f"The label {shown(text)} {what if long else 'holds a NUL character'}."
            remedy = "Raise 'label' below [table.limits] if that is meant." if long else "Remove it."
            place = events.place(name, text)
            code = "long-label" if long else "nul-byte"
            faults.append(Fault(code=code, message=message, remedy=remedy, value=brief(text), **place))
            if len(faults) >= LISTED:
                break
    if faults:
        raise InputError(faults)
