"""Checks of events before anything is made of them: who, when, how likely, shown what, and how often the same."""

from __future__ import annotations

import re
import time
from typing import Any

import narwhals as nw
import numpy as np

from ..errors import LISTED, Fault, InputError, brief, shown
from .choices import Finding
from .log_slates import lists_of
from .log_source import Events
from .log_study import ITEM, OUTCOME, POSITION, Log

UNITS = ((1e11, "seconds"), (1e14, "milliseconds"), (1e17, "microseconds"), (np.inf, "nanoseconds"))
"""Sizes below which a whole number since 1970 is read in a unit: until the year 5138 in each."""
DATE = re.compile(r"^\d{4}-\d{2}-\d{2}")
_OLD = 1e8
"""Seconds since 1970 below which a time beside later ones is no time (1973)."""
_MOST_SETS = 1_000_000
"""Pairs of a set shown and an item chosen that are looked at."""


def check_events(events: Events, log: Log, *, in_sets: frozenset[str] = frozenset()) -> list[Finding]:
    """Check a log as events, and return what weakens it.

    Parameters
    ----------
    events
        The log.
    log
        What its columns are.
    in_sets
        Questions whose answers are choices from what was shown, which then may differ, and be empty elsewhere.

    Raises
    ------
    InputError
        With every fault: no event, no agent, times in several units or none, propensities that are no probabilities,
        items chosen that were not shown, events given twice.
    """
    findings: list[Finding] = []
    faults: list[Fault] = []
    n = int(events.collected(events.frame.select(nw.len().alias("n"))).column("n")[0].as_py())
    if n == 0:
        message = "The log holds no event."
        raise InputError(Fault(code="no-rows", message=message, remedy="Give one row per event.", file=events.source))
    agents = dict.fromkeys(column for _, reading in log.ways for column in reading.agent or ())
    for column in agents:
        faults += _nulls(events, column, "no-agent", "The event names no agent.")
    if log.slate is not None:
        faults += _nulls(events, log.slate, "no-slate", "The event belongs to no slate.")
    if log.propensity is not None:
        faults += _propensity(events, log.propensity)
    if log.time is not None:
        faults += _times(events, log.time, findings)
    if log.shown is not None:
        faults += _shown(events, log, in_sets=bool(in_sets))
    if not faults and log.time is not None and log.on_duplicate != "count":
        faults += _duplicates(events, log, n, findings)
    if faults:
        raise InputError(faults)
    findings += _not_modelled(log, in_sets)
    return findings


def _empty(events: Events, column: str) -> nw.Expr:
    """Return whether a column holds nothing: null, or text without a character."""
    values = events.column(column)
    kind = events.frame.collect_schema()[events.short[column]]
    return values.is_null() | (values == "") if kind == nw.String else values.is_null()


def _count(events: Events, which: nw.Expr, column: str) -> int:
    """Return the number of events for which something holds."""
    counted = events.frame.select(nw.when(which).then(nw.lit(1)).otherwise(nw.lit(0)).alias("one"))
    total = events.collected(counted.select(nw.col("one").sum().cast(nw.Int64).alias("n")), column)
    return int(total.column("n")[0].as_py() or 0)


def _nulls(events: Events, column: str, code: str, message: str) -> list[Fault]:
    n = _count(events, _empty(events, column), column)
    if not n:
        return []
    return [Fault(code=code, message=message, remedy="Name it.", count=n, **events.place(column, None))]


def _propensity(events: Events, column: str) -> list[Fault]:
    chance = events.column(column).cast(nw.Float64)
    n = _count(events, _empty(events, column) | ~((chance > 0) & (chance <= 1)), column)
    if not n:
        return []
    wrong = events.frame.filter(_empty(events, column) | ~((chance > 0) & (chance <= 1)))
    value = events.collected(wrong.select(events.column(column).alias("v")).head(1), column).column("v")[0].as_py()
    message = f"{shown(value)} is no probability of being shown."
    remedy = "A propensity is above 0 and at most 1."
    place = events.place(column, value)
    return [Fault(code="bad-propensity", message=message, remedy=remedy, value=brief(value), count=n, **place)]


def _times(events: Events, column: str, findings: list[Finding]) -> list[Fault]:
    values = events.column(column)
    faults = _nulls(events, column, "no-time", "The event has no time.")
    if faults:
        return faults
    kind = events.frame.collect_schema()[events.short[column]]
    if kind.is_temporal():
        return []
    if kind == nw.String:
        ends = events.collected(events.frame.select(values.min().alias("low"), values.max().alias("high")), column)
        low, high = (str(ends.column(name)[0].as_py()) for name in ("low", "high"))
        dates = [bool(DATE.match(text)) for text in (low, high)]
        if all(dates):
            return []
        if any(dates):
            other = low if dates[1] else high
            message = f"Some times are dates, and {shown(other)} is none: they are in mixed units."
            remedy = "Write all times in one unit."
            return [
                Fault(
                    code="mixed-times",
                    message=message,
                    remedy=remedy,
                    value=brief(other),
                    **events.place(column, other),
                )
            ]
    number = values.cast(nw.Float64).abs()
    low_limit, parts = 0.0, []
    for place, (limit, _) in enumerate(UNITS):
        inside = (number >= low_limit) & (number < limit) if np.isfinite(limit) else number >= low_limit
        for_unit = nw.when(inside)
        parts += [
            for_unit.then(nw.lit(1)).otherwise(nw.lit(0)).sum().cast(nw.Int64).alias(f"n{place}"),
            for_unit.then(number).min().alias(f"low{place}"),
            for_unit.then(number).max().alias(f"high{place}"),
        ]
        low_limit = limit
    row = events.collected(events.frame.select(*parts), column).to_pylist()[0]
    present = [place for place in range(len(UNITS)) if row[f"n{place}"]]
    if len(present) > 1:
        fewest = min(present, key=lambda place: int(row[f"n{place}"]))
        value = row[f"low{fewest}"]
        text = f"{value:.0f}" if float(value).is_integer() else str(value)
        units = " and ".join(UNITS[place][1] for place in present)
        message = f"Times since 1970 are in mixed units: {units}; {shown(text)} is one of the fewest."
        remedy = "Write all times in one unit."
        found = events.place(
            column, text if kind == nw.String else (int(value) if float(value).is_integer() else value)
        )
        n = int(row[f"n{fewest}"])
        return [Fault(code="mixed-times", message=message, remedy=remedy, value=text, count=n, **found)]
    scale = 1000.0 ** present[0]
    if row[f"high{present[0]}"] / scale > time.time() + 86_400:
        findings.append(Finding("future-times", f"Some times in column {shown(column)} lie in the future."))
    if row[f"low{present[0]}"] / scale < _OLD < row[f"high{present[0]}"] / scale:
        message = f"Some times in column {shown(column)} lie before 1973 and others later: perhaps no times."
        findings.append(Finding("early-times", message))
    return []


def _shown(events: Events, log: Log, *, in_sets: bool) -> list[Fault]:
    """Check that what was chosen was shown, and that the same was shown each time."""
    import pyarrow as pa  # noqa: PLC0415 (half a second)
    import pyarrow.compute as pc  # noqa: PLC0415

    assert log.shown is not None and log.item is not None
    sets, item = events.column(log.shown), events.column(log.item)
    pairs = events.frame.select(sets.alias("sets"), item.alias("item"))
    pairs = pairs.group_by("sets", "item").agg(nw.len().alias("n")).with_columns(nw.col("n").cast(nw.Int64))
    table = events.collected(pairs.head(_MOST_SETS), log.shown)
    column = table.column("sets").combine_chunks()
    lists, empty = lists_of(column, log.shown_separator)
    flat, parent = pc.list_flatten(lists).cast(pa.string()), pc.list_parent_indices(lists)
    chosen = table.column("item").combine_chunks().cast(pa.string())
    same = pc.equal(flat, chosen.take(parent)).fill_null(False).to_numpy(zero_copy_only=False)
    found = np.bincount(parent.to_numpy(), same, minlength=table.num_rows) > 0
    n, faults = table.column("n").to_numpy(), []
    if empty.any() and not in_sets:
        place = events.place(log.shown, None)
        message, remedy = "Nothing was shown.", "Leave the event out, or say what was shown."
        faults.append(Fault(code="empty-slate", message=message, remedy=remedy, count=int(n[empty].sum()), **place))
    for row in np.flatnonzero(~found & ~empty)[:LISTED]:
        value = chosen[int(row)].as_py()
        message = f"The item {shown(value)} was chosen, and is not among those shown."
        remedy = "Mend the log: only what was shown can be chosen."
        place = events.place(log.item, value)
        faults.append(Fault(code="not-shown", message=message, remedy=remedy, count=int(n[row]), **place))
    if faults or in_sets:
        return faults
    # all sets are the first when each has as many different items as it, and none of another
    code = pc.dictionary_encode(flat).indices.to_numpy().astype(np.int64)
    cells = np.unique(parent.to_numpy().astype(np.int64) * (int(code.max(initial=0)) + 1) + code)
    row_of_cell, code_of_cell = np.divmod(cells, int(code.max(initial=0)) + 1)
    first = code_of_cell[row_of_cell == 0]
    varies = bool((np.bincount(row_of_cell) != len(first)).any()) or not np.isin(code_of_cell, first).all()
    if varies and any(way.answer == ITEM for _, way in log.ways):
        message = "What is shown differs between events, and the item asked counts all its options as shown."
        remedy = 'Write kind = "situation" below it, or let each item shown be an event, chosen or passed over.'
        faults.append(Fault(code="not-supported", message=message, remedy=remedy, file=events.source, column=log.shown))
    return faults


def _duplicates(events: Events, log: Log, n: int, findings: list[Finding]) -> list[Fault]:
    """Find events that repeat another in every column."""
    columns = list(events.short.values())
    if events.distinct() == n:
        return []
    same = (
        events.frame.group_by(*columns)
        .agg(nw.len().alias("n"))
        .with_columns(nw.col("n").cast(nw.Int64))
        .filter(nw.col("n") > 1)
    )
    total = same.select((nw.col("n") - 1).sum().cast(nw.Int64).alias("n"), nw.col("n").max().alias("most"))
    row = events.collected(total).to_pylist()[0]
    extra = int(row["n"] or 0)
    if not extra:
        return []
    named = ", ".join(map(shown, events.short))
    if log.on_duplicate == "keep_one":
        findings.append(
            Finding("duplicates", f"{extra:,} events repeat another in {named}; one of each counts.", "note")
        )
        return []
    column = next(iter(log.ways[0][1].agent or ()))
    first = events.collected(same.head(1)).to_pylist()[0]
    value = first[events.short[column]]
    message = f"Events repeat another in {named}; one of agent {shown(value)} stands there {first['n']:,} times."
    remedy = 'Remove them, or write on_duplicate = "keep_one" (or "count") below [log].'
    place: dict[str, Any] = events.place(column, value)
    return [Fault(code="event-twice", message=message, remedy=remedy, value=brief(value), count=extra, **place)]


def _not_modelled(log: Log, in_sets: frozenset[str]) -> list[Finding]:
    """Say what was read and checked and does not enter any number, and what is not known."""
    unused = {"position": "wherever it was shown", "propensity": "however likely it was to be shown"}
    findings = []
    for key, how in unused.items():
        column = getattr(log, key)
        used = any(way.question == POSITION for _, way in log.ways) or log.examination is not None
        if column is not None and not (key == POSITION and used):
            message = f"The {key} in column {shown(column)} is checked and not used: an answer counts the same {how}."
            findings.append(Finding(f"{key}-unused", message))
    for name, way in log.ways:
        which = f" of [log.readings.{name}]" if name else ""
        if way.answer == OUTCOME:
            message = f"Items without an event of an agent are missing answers{which}, not answers against them."
            findings.append(Finding("no-event", message, "note"))
        elif (log.shown is None or in_sets) and way.question not in in_sets and way.available is None:
            message = (
                f"What was in view is not known: answers{which} count as if every option could be chosen each time."
            )
            findings.append(Finding("no-exposure", message))
    return findings
