"""Columns of counts and durations: read as numbers, with a fault for each that cannot be."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from ..errors import shown
from .agent_columns import comma_remedy, parsed_number
from .numbers import Measured, number_text
from .patterns import Given
from .reading import Reading
from .repeated_answers import MISSING, once
from .study import Item

Array = NDArray[np.float64]

LARGEST = 1e15
"""Above it, whole numbers are not exact."""

_WHAT = {"count": "a count: 0, 1, 2 and so on", "duration": "a duration: a number above 0"}
_REMEDY = "If it means no answer, list it in 'missing'."


def every_wide_number(reading: Reading, agent: NDArray[np.integer], n: int) -> tuple[dict[str, Given], int]:
    """Return the numbers of all such items of a table that is not long, and how many repeat another."""
    found: dict[str, Given] = {}
    kept = 0
    for item in (item for item in reading.study.items if item.is_number):
        numbers = _wide_numbers(reading, item, agent, n)
        if numbers is not None:
            found[item.name] = numbers[0]
            kept += numbers[1]
    return found, kept


def _wide_numbers(reading: Reading, item: Item, agent: NDArray[np.integer], n: int) -> tuple[Array, int] | None:
    """Return the number of each agent and its exposure, (agent, 2), NaN for none, and how many repeat another.

    None where a column is missing. Faults are added to the reading.
    """
    if not all(reading.has(column) for column in (*item.columns, *item.other_columns)):
        return None
    value = _values(reading, item, item.column, np.arange(reading.text.n_rows))
    exposure = np.ones(len(value))
    if item.exposure is not None:
        exposure = _exposures(reading, item.exposure, ~np.isnan(value))
    if n == len(agent):
        given = np.full((n, 2), np.nan)
        given[agent] = np.column_stack([value, exposure])
        return given, 0
    if reading.study.table.rule_of_duplicates == "error":
        return np.full((n, 2), np.nan), 0
    return _once(reading, item, np.arange(len(value)), agent, value, exposure, n)


def long_numbers(
    reading: Reading,
    item: Item,
    rows: NDArray[np.int64],
    agent: NDArray[np.integer],
    n: int,
    times: NDArray[np.int64] | None,
) -> tuple[Array | Measured, int]:
    """Return the numbers of a long table, and how many repeat another.

    Parameters
    ----------
    reading, item
        The table being read, and the item.
    rows, agent
        The rows of the item, and the agent of each, (row,).
    n
        Number of agents.
    times
        How often the agent gave the answer of a row, (row,), or None.
    """
    column = reading.study.table.answer
    assert column is not None
    value = _values(reading, item, column, rows)
    answered = ~np.isnan(value) & (True if times is None else times > 0)
    rows, agent, value = rows[answered], agent[answered], value[answered]
    exposure = np.ones(len(value))
    if item.repeated:
        number = np.ones(len(value), dtype=np.int64) if times is None else times[answered]
        return Measured(agent.astype(np.int64), value, exposure, number), 0
    return _once(reading, item, rows, agent, value, exposure, n)


def _once(
    reading: Reading,
    item: Item,
    rows: NDArray[np.int64],
    agent: NDArray[np.integer],
    value: Array,
    exposure: Array,
    n: int,
) -> tuple[Array, int]:
    known = np.flatnonzero(~np.isnan(value))
    pairs = np.column_stack([value[known], exposure[known]])
    distinct, code = np.unique(pairs, axis=0, return_inverse=True)
    texts = [number_text(v) if e == 1 else f"{number_text(v)} in {number_text(e)}" for v, e in distinct.tolist()]
    stand_in = item.model_copy(update={"serves": {text: () for text in texts}})
    answer, dropped = once(reading, stand_in, rows[known], agent[known], np.ravel(code).astype(np.int64), n)
    return np.vstack([distinct, [[np.nan, np.nan]]])[np.where(answer == MISSING, len(distinct), answer)], dropped


def _values(reading: Reading, item: Item, column: str, rows: NDArray[np.int64]) -> Array:
    """Return the numbers in some rows of a column, NaN for no answer."""
    codes, labels = reading.column(column)
    missing = {"", *reading.study.table.missing}
    number = np.array([*(np.nan if text in missing else parsed_number(reading.study.table, text) for text in labels)])
    value = np.append(number, np.nan)[codes]
    silent = np.append(np.array([text in missing for text in labels], dtype=bool), True)[codes]
    good = (value >= 0) & (value <= LARGEST)
    good &= (value == np.floor(value)) if item.kind == "count" else (value > 0)
    asked = np.zeros(len(codes), dtype=bool)
    asked[rows] = True
    wrong = asked & ~silent & ~good
    if wrong.any():

        def words(label: str) -> tuple[str, str]:
            remedy = comma_remedy(reading.study.table, label, _REMEDY)
            if item.kind == "count" and re.fullmatch(r"\d{16,}", label, re.ASCII):
                return f"{shown(label)} of item {shown(item.name)} is larger than {LARGEST:,.0f}.", remedy
            return f"{shown(label)} of item {shown(item.name)} is not {_WHAT[item.kind]}.", remedy

        reading.unknown(wrong, codes, labels, column, "bad-number", words)
    return np.asarray(np.where(good, value, np.nan)[rows])


def _exposures(reading: Reading, column: str, needed: NDArray[np.bool_]) -> Array:
    """Return a column of exposures, with a fault where one is needed and is no number above 0."""
    codes, labels = reading.column(column)
    number = np.array([*(parsed_number(reading.study.table, str(text)) for text in labels), np.nan])
    exposure = number[codes]
    good = np.isfinite(exposure) & (exposure > 0)
    wrong = needed & ~good
    if wrong.any():
        remedy = "Give every count how long, or among how many, it was counted: a number above 0."
        empty = wrong & (codes < 0)
        if empty.any():
            row, number_empty = int(np.argmax(empty)), int(empty.sum())
            message = "The exposure is missing."
            reading.add("no-exposure", message, remedy, row=row, column=column, count=number_empty)
        others = wrong & ~empty
        reading.unknown(
            others, codes, labels, column, "bad-exposure", lambda label: (f"{shown(label)} is no exposure.", remedy)
        )
    return np.where(good, exposure, 1.0)
