"""Choices from what was shown: events of a log as choice situations, for items of kind ``situation``.

A slate shows some of the options of an item, each event says which of these was chosen, and only what was shown counts
as passed over: P(o | state, shown) = P(o | state) / Σ over the options shown, by the rule ``luce``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import LISTED, Fault, InputError, brief, shown
from .choices import Finding
from .log_source import Events
from .log_study import Log, LogReading
from .repeated_answers import MISSING
from .situations import Situations
from .study import Item, Study
from .validation import hint, listed

if TYPE_CHECKING:
    import pyarrow as pa


def asked_in_sets(study: Study, reading: LogReading) -> int | None:
    """Return the position of the item of kind ``situation`` that a reading asks; None where it asks none."""
    for place, item in enumerate(study.items):
        if item.kind == "situation" and item.column == reading.question:
            return place
    return None


def lists_of(column: pa.Array, separator: str) -> tuple[pa.Array, NDArray[np.bool_]]:
    """Return what was shown as lists, and where nothing was, (row,).

    Parameters
    ----------
    column
        Lists, or text.
    separator
        Text between the items of text.
    """
    import pyarrow as pa  # noqa: PLC0415 (half a second)
    import pyarrow.compute as pc  # noqa: PLC0415

    is_text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    lists = pc.split_pattern(column, separator) if is_text else column
    empty = pc.list_value_length(lists).fill_null(0).to_numpy(zero_copy_only=False) == 0
    if is_text:
        empty |= pc.equal(column, "").fill_null(True).to_numpy(zero_copy_only=False)
    return lists, empty


def options_shown(events: Events, log: Log, item: Item, table: pa.Table, findings: list[Finding]) -> NDArray[np.bool_]:
    """Return which options of an item each row of counts shows, (row, option).

    Parameters
    ----------
    events, log
        The log, where faults are looked for, and what its columns are.
    item
        The item, of kind ``situation``.
    table
        The counts, with ``shown`` and ``n``.
    findings
        Takes what weakens the answers.

    Raises
    ------
    InputError
        If nothing was shown, or what is no option of the item.
    """
    import pyarrow as pa  # noqa: PLC0415 (half a second)
    import pyarrow.compute as pc  # noqa: PLC0415

    column = str(log.shown)
    lists, empty = lists_of(table.column("shown").combine_chunks(), log.shown_separator)
    n = table.column("n").to_numpy().astype(np.int64)
    if empty.any():
        message, remedy = "Nothing was shown.", "Leave the event out, or say what was shown."
        place, count = events.place(column, None), int(n[empty].sum())
        raise InputError(Fault(code="empty-slate", message=message, remedy=remedy, count=count, **place))
    flat = pc.dictionary_encode(pc.list_flatten(lists).cast(pa.string()))
    parent = pc.list_parent_indices(lists).to_numpy().astype(np.int64)
    labels = flat.dictionary.to_pylist()
    known = {option: place for place, option in enumerate(item.serves)}
    unknown = [label for label in labels if label not in known]
    if unknown:
        remedy = f"List every option that can be shown, also those that serve no goal: the options are {listed(known)}."
        raise InputError(
            [
                Fault(
                    code="unknown-option",
                    message=f"{shown(label)} was shown, and is no option of item {shown(item.name)}.",
                    remedy=" ".join(filter(None, (remedy, hint(str(label), known, "")))),
                    file=events.source,
                    column=column,
                    value=brief(label),
                )
                for label in unknown[:LISTED]
            ]
        )
    option = np.array([known[label] for label in labels], dtype=np.int64)[flat.indices.to_numpy()]
    times = np.bincount(parent * len(known) + option, minlength=len(n) * len(known)).reshape(len(n), -1)
    twice = int(n[(times > 1).any(axis=1)].sum())
    if twice:
        message = f"{twice:,} slates show an option of item {shown(item.name)} several times, which counts as once."
        findings.append(Finding("shown-twice", message))
    return times > 0


def slates_of(
    item: Item,
    agent: NDArray[np.int64],
    option: NDArray[np.int64],
    n: NDArray[np.int64],
    available: NDArray[np.bool_],
    findings: list[Finding],
) -> Situations:
    """Return the choice situations of an item, one for each event.

    Parameters
    ----------
    item
        The item.
    agent, option, n
        Who chose what how often, (row,).
    available
        Which options were shown, (row, option).
    findings
        Takes what says nothing.
    """
    kept = available.sum(axis=1) > 1
    single = int(n[~kept].sum())
    if single:
        message = f"{single:,} situations of item {shown(item.name)} show one option and say nothing; left out."
        findings.append(Finding("single-option", message, "note"))
    rows = np.repeat(np.flatnonzero(kept), n[kept])
    places = np.where(available[rows], np.arange(available.shape[1]), MISSING)
    return Situations(agent[rows], places, option[rows], np.zeros((*places.shape, 0)))
