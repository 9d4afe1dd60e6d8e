"""Answers that are no option of their item, said so that the reader of the message can mend them."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from ..errors import shown
from .agent_columns import comma_remedy
from .reading import Reading
from .study import Item
from .validation import hint, listed


def unknown_answers(
    reading: Reading,
    item: Item,
    unknown: NDArray[np.bool_],
    codes: NDArray[np.integer],
    labels: NDArray[np.object_],
    column: str,
) -> None:
    """Add the faults of answers that are not options of their item.

    Parameters
    ----------
    reading
        The table that is read.
    item
        The item.
    unknown
        Whether the answer of a row is no option, (row,).
    codes, labels
        The column: label of each row, and the labels.
    column
        Its name.
    """

    def words(label: str) -> tuple[str, str]:
        if item.stated is not None and item.stated.form != "rank":
            message = f"{shown(label)} of item {shown(item.name)} is no number from {item.stated.low:g} to "
            missing = comma_remedy(reading.study.table, label, "If it means no answer, list it in 'missing'.")
            return f"{message}{item.stated.high:g}.", missing
        message = f"{shown(label)} is not a declared option of item {shown(item.name)}."
        options = f"The options are {listed(item.serves)}."
        missing = "If it means no answer, list it in 'missing'."
        value = _number(label)
        if value is None:
            close = hint(label, item.serves, "")
        else:  # the option nearest in spelling says nothing about a number
            close = next((f"Did you mean {shown(option)}?" for option in item.serves if _number(option) == value), "")
        return message, " ".join(filter(None, (options, close, missing)))

    floats = np.array([*(str(label).endswith(".0") and label[:-2] in item.serves for label in labels), False])
    whole = unknown & floats[codes]
    if whole.any():
        row, number = int(np.argmax(whole)), int(whole.sum())
        label = str(labels[codes[row]])
        message = (
            f"{shown(label)} is not a declared option of item {shown(item.name)}, {shown(label[:-2])} is: the column "
            "writes whole numbers with '.0', as pandas does where cells are empty."
        )
        remedy = f"Convert the column before it is written: table[{shown(column)}].astype('Int64')."
        reading.add("unknown-option", message, remedy, row=row, column=column, value=label, count=number)
    reading.unknown(unknown & ~whole, codes, labels, column, "unknown-option", words)


def _number(label: str) -> float | None:
    """Return the value of a label that is a plain number, else None."""
    return float(label.replace(",", ".")) if re.fullmatch(r"[+-]?\d{1,300}([.,]\d*)?", label, re.ASCII) else None
