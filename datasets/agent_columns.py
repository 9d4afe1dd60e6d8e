"""The columns of a table that are about agents: who they are, their groups and survey weights."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from ..errors import shown
from .choices import Finding
from .reading import Reading, place_of
from .study import Table
from .validation import hint, listed

_MISSING, _UNKNOWN = -1, -2
_SMALLEST = 1e-100
"""Survey weights lie between this and its inverse, so that their squares and sums are numbers."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def agent_labels(reading: Reading) -> tuple[NDArray[np.object_], NDArray[np.integer]]:
    """Return the labels of the agents, in order of appearance, and the agent of each row."""
    layout, n = reading.study.table, reading.text.n_rows
    name = layout.agent or layout.situation  # without a column of agents every situation is one
    if name is None or not reading.has(name):
        return np.array([str(row) for row in range(1, n + 1)], dtype=object), np.arange(n)
    codes, labels = reading.column(name)
    empty = (codes < 0) | (codes == place_of(labels, ""))
    if empty.any():
        remedy = "Give every row the label of its agent."
        row, count = int(np.argmax(empty)), int(empty.sum())
        reading.add("no-agent", "The row names no agent.", remedy, row=row, column=name, count=count)
        # each of them an agent of its own, so that none is taken for another
        codes = codes.astype(np.int64)
        codes[empty] = len(labels) + np.arange(count)
        labels = np.append(labels, np.full(count, "", dtype=object))
    if reading.text.rounded(name):
        message = "The agents are numbers above 2⁵³ held as floats: different ones may have become the same."
        reading.add("rounded", message, "Read the column as text.", column=name)
    return labels, codes


def agent_groups(
    reading: Reading, agent: NDArray[np.integer], n: int
) -> tuple[tuple[str, ...], NDArray[np.int64] | None]:
    """Return the names of the groups and the group of each agent, −1 for none."""
    layout = reading.study.table
    if layout.group is None or not reading.has(layout.group):
        return (), None
    codes, labels = reading.column(layout.group)
    merged = {code: place for place, codes_of in enumerate(layout.groups.values()) for code in codes_of}
    absent = {"", *layout.missing}
    if layout.groups:
        names = tuple(layout.groups)
        of_label = [merged.get(label, _MISSING if label in absent else _UNKNOWN) for label in labels]
    else:
        names = tuple(sorted((label for label in labels if label not in absent), key=natural))
        place = {name: i for i, name in enumerate(names)}
        of_label = [place.get(label, _MISSING) for label in labels]
    for name in layout.systems:
        if name not in names:
            message, remedy = f"No agent is of group {shown(name)} of 'systems'.", f"The groups are {listed(names)}."
            remedy = hint(name, names, remedy)
            reading.add("unknown-group", message, remedy, column=layout.group, value=name)
    group_of_row = np.array([*of_label, _MISSING], dtype=np.int64)[codes]
    if layout.group_missing == "error":
        _refuse_groups(reading, layout.group, codes, labels, group_of_row)
    group_of_row = np.maximum(group_of_row, _MISSING)
    group = reading.per_agent(group_of_row, agent, n, "group", layout.group)
    outside = int((group < 0).sum())
    if outside and layout.group_missing == "overall_only":
        message = f"{outside:,} of {n:,} agents belong to no group and count overall only."
        reading.findings.append(Finding("no-group", message, "note"))
    return names, group


def _refuse_groups(
    reading: Reading, name: str, codes: NDArray[np.integer], labels: NDArray[np.object_], group: NDArray[np.int64]
) -> None:
    remedy = 'or write group_missing = "overall_only".'
    missing = np.flatnonzero(group == _MISSING)
    if len(missing):
        reading.add(
            "group-missing",
            "The agent's group is missing.",
            f"Fill it in, {remedy}",
            row=int(missing[0]),
            column=name,
            count=len(missing),
        )
    known = [code for merged in reading.study.table.groups.values() for code in merged]
    reading.unknown(
        group == _UNKNOWN,
        codes,
        labels,
        name,
        "unknown-group",
        lambda label: (
            f"{shown(label)} stands in no group of [table.groups].",
            f"{hint(label, known, 'Add it to a group,')} Otherwise add it to a group, {remedy}"
            if hint(label, known, "")
            else f"Add it to a group, {remedy}",
        ),
    )


def agent_weights(reading: Reading, agent: NDArray[np.integer], n: int) -> NDArray[np.float64] | None:
    """Return the survey weight of each agent, and refuse those that are no weights."""
    name = reading.study.table.survey_weight
    if name is None or not reading.has(name):
        return None
    weight = reading.text.numbers(name)
    if weight is None:
        codes, labels = reading.column(name)
        weight = np.array([*(parsed_number(reading.study.table, label) for label in labels), np.nan])[codes]
    wrong = np.flatnonzero(~((weight == 0) | ((weight >= _SMALLEST) & (weight <= 1 / _SMALLEST))))
    if len(wrong):
        _refuse_weights(reading, name, wrong, weight)
    elif not weight.any():
        reading.add("zero-weights", "All survey weights are 0.", "Name another column, or none.", column=name)
    of_agent: NDArray[np.float64] = reading.per_agent(weight, agent, n, "survey weight", name)
    return of_agent


def parsed_number(layout: Table, label: str) -> float:
    """Return the number that a label writes with the marks of the table, NaN when it writes none."""
    plain = label.strip()
    if layout.thousands:
        plain = plain.replace(layout.thousands, "")
    if layout.decimal == ",":
        plain = plain.replace(".", "x").replace(",", ".")
    return float(plain) if _NUMBER.fullmatch(plain) else np.nan


def comma_remedy(layout: Table, label: str, otherwise: str) -> str:
    """Return how to read a number with a decimal comma, where a label is one and the study does not say so."""
    comma = layout.decimal != "," and re.fullmatch(r"\s*[+-]?\d+,\d+\s*", label, re.ASCII)
    return 'If the comma is a decimal comma, write decimal = "," below [table].' if comma else otherwise


def _refuse_weights(reading: Reading, name: str, wrong: NDArray[np.int64], weight: NDArray[np.float64]) -> None:
    codes, labels = reading.column(name)
    remedy = "A survey weight is a finite number, 0 or more, written with the digits 0 to 9."

    def words(label: str) -> tuple[str, str]:
        plain = label.strip()
        if re.fullmatch(r"[+-]?\d+,\d+", plain):
            return (
                f"The survey weight {shown(label)} is not a number.",
                'Write decimal = "," (or thousands = ",") below [table].',
            )
        if re.fullmatch(r"[+-]?\d{1,3}([,.'’\s]\d{3})+([.,]\d+)?", plain):
            return f"The survey weight {shown(label)} is not a number.", "Give 'thousands' and 'decimal' below [table]."
        if plain.endswith(("%", "‰")):
            return f"The survey weight {shown(label)} has a percent sign.", "Remove it: only ratios of weights count."
        value = parsed_number(reading.study.table, label)
        if np.isfinite(value):
            size = "negative" if value < 0 else "too small" if value < 1 else "too large"
            return f"The survey weight {shown(label)} is {size}.", remedy
        return f"The survey weight {shown(label)} is not a finite number.", remedy

    unknown = np.zeros(len(weight), dtype=bool)
    unknown[wrong] = True
    empty = unknown & ((codes < 0) | (codes == place_of(labels, "")))
    if empty.any():
        row, count = int(np.argmax(empty)), int(empty.sum())
        reading.add("no-weight", "The survey weight is missing.", remedy, row=row, column=name, count=count)
    reading.unknown(unknown & ~empty, codes, labels, name, "bad-weight", words)


def natural(label: str) -> list[tuple[int, int, str]]:
    """Return a sort key under which "10" comes after "9"."""
    return [
        (0, int(part), part) if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", label[:200]) if part
    ]
