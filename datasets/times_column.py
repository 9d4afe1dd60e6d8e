"""The column of a table that says how often: how many agents a row stands for, or how often an answer was given."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from ..errors import shown
from .choices import Finding
from .reading import Reading, place_of
from .study import Item

_WHOLE = re.compile(r"\d{1,15}(\.0*)?", re.ASCII)


def row_times(reading: Reading) -> NDArray[np.int64] | None:
    """Return how often each row counts, (row,), and refuse what is no whole number; None without such a column."""
    name = reading.study.table.times
    if name is None or not reading.has(name):
        return None
    codes, labels = reading.column(name)
    number = np.array([*(whole_number(label) for label in labels), -1], dtype=np.int64)[codes]
    wrong, empty = number < 0, (codes < 0) | (codes == place_of(labels, ""))
    remedy = "Give a whole number, 0 or more, in digits."
    if empty.any():
        row, count = int(np.argmax(empty)), int(empty.sum())
        reading.add("no-times", "The row does not say how often it counts.", remedy, row=row, column=name, count=count)
    reading.unknown(
        wrong & ~empty,
        codes,
        labels,
        name,
        "bad-times",
        lambda label: (f"{shown(label)} is no number of times.", remedy),
    )
    idle = int((number == 0).sum())
    if idle:
        reading.findings.append(Finding("zero-times", f"{idle:,} rows that count 0 times are left out.", "note"))
    return np.asarray(np.maximum(number, 0))


def whole_number(label: str) -> int:
    """Return the number that a label writes in digits, −1 when it writes none."""
    plain = label.strip()
    return int(plain.split(".")[0]) if _WHOLE.fullmatch(plain) else -1


def agents_of_rows(reading: Reading, times: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the row of each agent of a wide table whose rows stand for several agents, (agent,)."""
    total, limits = int(times.sum()), reading.study.table.limits
    if 8 * total > limits.bytes:
        message = f"The rows stand for {total:,} agents, which take {8 * total:,} bytes, limit {limits.bytes:,}."
        reading.add("too-large", message, "Raise 'bytes' below [table.limits] if that is meant.")
        reading.stop()
    return np.repeat(np.arange(len(times)), times)


def refuse_times(reading: Reading, item: Item, rows: NDArray[np.integer], times: NDArray[np.int64]) -> None:
    """Add a fault where an item that is answered once is answered several times."""
    several = rows[times[rows] > 1]
    if len(several):
        message = f"Item {shown(item.name)} is answered {times[several[0]]:,} times in one row."
        remedy = "Write repeated = true below the item, or give each answer once."
        name = reading.study.table.times
        reading.add("answer-twice", message, remedy, row=int(several[0]), column=name, count=len(several))
