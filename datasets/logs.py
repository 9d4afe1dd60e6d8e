"""From a log of events to :class:`Choices`: checked, reduced to counts by the engine, and to patterns."""

from __future__ import annotations

import functools
import operator
import os
from pathlib import Path
from typing import Any

import narwhals as nw

from ..errors import LISTED, Fault, InputError, brief, shown
from .choices import Choices, Finding
from .conditions import compared, parse_condition
from .log_counts import Counts, asked_at_random, choices_of_counts
from .log_events import check_events
from .log_files import check_schema, log_files, refuse_same
from .log_items import MAX_ITEMS, Categories, read_items
from .log_periods import PERIOD, with_periods
from .log_questions import answer_of, place_of, question_of
from .log_reduce import Codes, Plan, counted_events, last_twice, never_shown, reduce_events
from .log_slates import asked_in_sets
from .log_source import Events, events_of_files, events_of_frame
from .log_study import OUTCOME, Condition, Log, LogReading
from .log_values import MAX_VALUES, Values, distinct_values, meets
from .study import Limits, Study
from .validation import listed


def read_log(
    events: Any,
    study: Study,
    *,
    items: str | Path | None = None,
    study_file: str | Path | None = None,
    source: str | None = None,
    max_memory: float | None = None,
    threads: int | None = None,
) -> Choices:
    """Read a log of events, check it, and reduce it to the answers that a study makes of it.

    Values are compared exactly and as text: numbers of Parquet files and frames as they are written, without a
    trailing ``.0``. The order of events does not matter.

    Parameters
    ----------
    events
        A path, or several: CSV and TSV files (also ``.gz``), Parquet files, folders of them, patterns such as
        ``log/*.parquet``; all together are one log. Text is read once and kept, the columns that count only, as
        Parquet in the folder for temporary files (``TMPDIR``) until the end. Or a frame: pandas, Arrow, Polars,
        DuckDB, Dask or Spark; a lazy one is reduced by its own engine.
    study
        What the events mean; it has a ``[log]``.
    items
        Path of the item table; None for the one that the study names.
    study_file
        Path of the study file, to which the path of the item table is relative.
    source
        Name of the log in messages and in the result.
    max_memory
        Most bytes the embedded engine may take before it goes on on disk; None for half of what is free.
    threads
        Threads of the embedded engine; None for one per core.

    Returns
    -------
    Choices
        The counts of the answers, with ``findings`` on what weakens them.

    Raises
    ------
    InputError
        With the faults of the log: of its files first, then of its events, then of the answers.
    TypeError
        If the study has no ``[log]``, or ``events`` is neither paths nor a frame.
    """
    if not isinstance(study, Study) or study.log is None:
        raise TypeError("'study' has no [log]: read tables with read_table.")
    log, limits = study.log, study.table.limits
    categories: Categories | None = None
    if log.items is not None:
        categories, _ = read_items(log, items, None if study_file is None else str(study_file), limits)
    elif items is not None:
        message = "An item table is given, and the study names none."
        remedy = "Add [log.items] with id and category, or leave out --items."
        raise InputError(Fault(code="no-items", message=message, remedy=remedy, file=str(items)))
    roles = log_columns(log)
    if not isinstance(events, str | os.PathLike | list | tuple | set):
        return _read(events_of_frame(events, roles, limits, source), study, categories, source)
    files = log_files(events, limits, delimiter=log.delimiter, columns=log.columns, template=log.path)
    check_schema(files, roles, lists=() if log.shown is None else (log.shown,))
    if log.time is None and log.on_duplicate == "error":  # events that repeat others cannot be told from others
        refuse_same(files)
    with events_of_files(files, list(roles), max_memory=max_memory, threads=threads) as opened:
        return _read(opened, study, categories, source)


def log_columns(log: Log) -> dict[str, str]:
    """Return the columns that a log is read for, each with the key of the study that names it."""
    roles: dict[str, str] = {}
    for name, reading in log.ways:
        prefix = f"log.readings.{name}" if name else "log"
        for column in reading.agent or ():
            roles.setdefault(column, f"{prefix}.agent")
        if reading.group is not None:
            roles.setdefault(reading.group, f"{prefix}.group")
        for column in reading.where:
            roles.setdefault(column, f"{prefix}.where")
    for column in log.shown_at_random:
        roles.setdefault(column, "log.selection.random")
    for key in ("item", "outcome", "time", "position", "slate", "propensity", "shown"):
        column = getattr(log, key)
        if column is not None:
            roles.setdefault(column, f"log.{key}")
    return roles


def _read(events: Events, study: Study, categories: Categories | None, source: str | None) -> Choices:
    log = study.log
    assert log is not None
    asking = [reading.question for _, reading in log.ways if asked_in_sets(study, reading) is not None]
    in_sets = frozenset(str(question) for question in asking)
    findings = check_events(events, log, in_sets=in_sets)
    if log.period is not None:
        events, names = with_periods(events, log)
        study = study.model_copy(update={"table": study.table.model_copy(update={"periods": names})})
    parts: list[Counts] = []
    faults: list[Fault] = []
    for name, reading in log.ways:
        for at_random in (False, True) if log.shown_at_random else (None,):
            try:
                parts.append(_counts(events, study, name, reading, categories, findings, at_random))
            except InputError as error:
                faults += [fault for fault in error.faults if fault not in faults]
    if faults:
        raise InputError(faults)
    study = asked_at_random(study, parts, findings)
    return choices_of_counts(study, parts, findings, source or events.source, events)


def _counts(
    events: Events,
    study: Study,
    name: str,
    reading: LogReading,
    categories: Categories | None,
    findings: list[Finding],
    at_random: bool | None,
) -> Counts:
    """Return the counts of one reading, of events shown at random, of the others, or of all (None)."""
    log = study.log
    assert log is not None and reading.agent is not None
    limits = study.table.limits
    where = tuple(
        _condition(events, column, condition, limits, f"[log.readings.{name}]" if name else "[log]")
        for column, condition in reading.where.items()
    )
    if at_random is not None:
        shown_at_random = [
            _condition(events, column, condition, limits, "[log.selection]", key="random")
            for column, condition in log.shown_at_random.items()
        ]
        met = functools.reduce(operator.and_, shown_at_random).fill_null(False)
        where = (*where, met if at_random else ~met)
    start = Plan(tuple(events.short[column] for column in reading.agent), 0, 0, where=where)
    frame = counted_events(events.frame, start)
    latest = None
    if log.keep == "last":
        assert log.item is not None and log.time is not None
        latest = (events.short[log.item], events.short[log.time])
    furthest = None
    if log.keep == "furthest" and reading.answer == OUTCOME:
        furthest = (events.short[str(log.slate)], events.short[str(log.item)])
    known: dict[str, Values] = {}

    def values_of(column: str) -> Values:
        if column not in known:
            most = MAX_ITEMS if column == log.item else MAX_VALUES
            known[column] = distinct_values(events, frame, column, limits, most=most)
        return known[column]

    faults: list[Fault] = []
    question: Codes | int = 0
    place: Codes | None = None
    answer: Codes | nw.Expr | int = 0
    labels: tuple[str, ...] = ()
    try:
        question = question_of(events, study, reading, categories, values_of, findings)
        place = place_of(events, study, reading, question, values_of)
    except InputError as error:
        faults += error.faults
    try:
        answer, labels = answer_of(events, frame, study, reading, categories, values_of, findings)
    except InputError as error:
        faults += [fault for fault in error.faults if fault not in faults]
    if faults:
        raise InputError(faults)
    plan = Plan(
        start.agent,
        question,
        answer,
        group=PERIOD if log.period is not None else None if reading.group is None else events.short[reading.group],
        where=where,
        once=log.on_duplicate == "keep_one",
        latest=latest,
        furthest=furthest,
        place=place,
        shown=None if asked_in_sets(study, reading) is None else events.short[str(log.shown)],
    )
    if latest is not None and reading.answer == OUTCOME:
        _refuse_last_twice(events, plan, str(log.outcome), str(log.item))
    if furthest is not None:
        _refuse_never_shown(events, plan, str(log.item))
    table = events.collected(reduce_events(events.frame, plan))
    return Counts(name, reading, table, question if isinstance(question, int) else None, labels, bool(at_random))


def _condition(
    events: Events, column: str, condition: Condition, limits: Limits, which: str, *, key: str = "where"
) -> nw.Expr:
    """Return whether an event meets a condition on a column."""
    kind = events.frame.collect_schema()[events.short[column]]
    test = parse_condition(condition)
    assert test is not None  # conditions are checked with the study
    number = events.column(column) if kind.is_numeric() else events.column(column).cast(nw.Float64)
    within = [compared(number, sign, limit) for sign, limit in test.comparisons]
    every: nw.Expr | None = functools.reduce(operator.and_, within) if within else None
    if kind.is_numeric() and every is not None:
        return every
    try:
        values = distinct_values(events, events.frame, column, limits, most=MAX_VALUES)
    except InputError as error:
        if error.code == "too-many-values" and every is not None:  # times as text, of which no two are the same
            return every
        raise
    kept = meets(values, condition)
    if not kept.any():
        message = f"No event meets {key!r} of {which} in column {shown(column)}."
        remedy = f"Its values are {listed(values.texts)}."
        raise InputError(Fault(code="no-events", message=message, remedy=remedy, file=events.source, column=column))
    return events.column(column).is_in(values.where(kept))


def _refuse_never_shown(events: Events, plan: Plan, item: str) -> None:
    """Refuse items that were chosen in a slate which does not show them."""
    chosen = never_shown(events.frame, plan).group_by(events.short[item]).agg(nw.len().alias("n"))
    table = events.collected(chosen.head(LISTED))
    faults = []
    for row in table.to_pylist():
        value = row[events.short[item]]
        message = f"The item {shown(value)} was chosen in a slate that does not show it."
        remedy = "Mend the log: only what was shown can be chosen."
        place = events.place(item, value)
        faults.append(
            Fault(code="not-shown", message=message, remedy=remedy, value=brief(value), count=int(row["n"]), **place)
        )
    if faults:
        raise InputError(faults)


def _refuse_last_twice(events: Events, plan: Plan, outcome: str, item: str) -> None:
    """Refuse last events of one time whose outcomes differ: nothing says which is the last."""
    twice = events.collected(last_twice(events.frame, plan, events.short[outcome]))
    if not twice.num_rows:
        return
    row = twice.slice(0, 1).to_pylist()[0]
    agent, about = row[plan.agent[0]], row[events.short[item]]
    message = f"Agent {shown(agent)} has two last events of the same time on {shown(about)}, with different outcomes."
    place = events.place(next(name for name, short in events.short.items() if short == plan.agent[0]), agent)
    remedy = "Remove one, or give a finer time."
    raise InputError(Fault(code="last-twice", message=message, remedy=remedy, count=twice.num_rows, **place))
