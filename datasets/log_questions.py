"""What of an event is the question and what the answer, by the distinct values of its columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import LISTED, Fault, InputError, brief, shown
from .choices import Finding
from .log_bins import binned, is_missing, limit_faults, limits_of, no_outcome
from .log_items import Categories
from .log_reduce import Codes
from .log_source import Events
from .log_study import CATEGORY, ITEM, OUTCOME, POSITION, Condition, Log, LogReading
from .log_values import Values, meets
from .study import Study
from .validation import hint, listed


def question_of(
    events: Events,
    study: Study,
    reading: LogReading,
    categories: Categories | None,
    values_of: Any,
    findings: list[Finding],
) -> Codes | int:
    """Return which item of the study an event is about: a position in its items."""
    log = study.log
    assert log is not None
    place: dict[str, int] = {}
    for i, item in enumerate(study.items):
        if item.at_random_of is None and (item.kind != "situation" or item.asked == reading.question):
            place.setdefault(item.asked, i)
    if reading.question in place and reading.question not in {ITEM, CATEGORY, POSITION}:
        return place[str(reading.question)]
    column = str(log.position if reading.question == POSITION else log.item)
    values: Values = values_of(column)
    _refuse_null(events, values, "no-item", f"The event names no {reading.question}.")
    if reading.question == CATEGORY:
        assert categories is not None
        rows, names = _categories_of(events, values, categories, findings)
    else:
        rows, names = np.arange(len(values.texts)), values.texts
    code = np.array([place.get(name, -1) for name in names], dtype=np.int64)
    absent = [name for name in place if name not in set(names)]
    if absent and len(log.ways) == 1 and not log.shown_at_random:
        what = {ITEM: "item", CATEGORY: "category", POSITION: "position"}[str(reading.question)]
        faults = []
        for label in absent[:LISTED]:
            message = f"No event is about {what} {shown(label)} of the study."
            present = sorted({str(name) for name in names})
            remedy = hint(label, present, f"Those of the log are {listed(present)}.")
            faults.append(
                Fault(
                    code="no-item-rows",
                    message=message,
                    remedy=remedy,
                    file=events.source,
                    column=column,
                    value=brief(label),
                )
            )
        raise InputError(faults)
    others = sorted({str(name) for name, one in zip(names, code, strict=True) if one < 0})
    if others:
        n = int(values.counts[rows[code < 0]].sum())
        message = f"{n:,} answers about what the study does not name are left out: {listed(others)}."
        findings.append(Finding("other-items", message, "note"))
    _note_twice(study, rows[code >= 0], code[code >= 0], findings)
    return Codes(values.short, events.small(values.codes(rows[code >= 0], code[code >= 0])))


def _note_twice(study: Study, rows: NDArray[np.integer], code: NDArray[np.integer], findings: list[Finding]) -> None:
    """Caution where one event is several answers in one area, which the model takes for separate ones."""
    areas = np.repeat(np.arange(len(study.areas)), [len(area.items) for area in study.areas])
    pairs = pd.DataFrame({"row": rows, "area": areas[code]})
    for area in sorted(set(pairs["area"][pairs.duplicated()])):
        message = "Items that belong to several categories of this area count in each: one event is several answers."
        findings.append(Finding("counted-twice", message, area=study.areas[area].name))


def place_of(events: Events, study: Study, reading: LogReading, question: Codes | int, values_of: Any) -> Codes | None:
    """Return at which place an event stands; None where it asks nothing that is shown at places."""
    log = study.log
    assert log is not None
    given = log.examination
    at_place = study.items[question].place is not None if isinstance(question, int) else given is not None
    if given is None or reading.answer != OUTCOME or not at_place:
        return None
    values: Values = values_of(str(log.position))
    _refuse_null(events, values, "no-place", "The event has no position.")
    met = np.array([meets(values, condition) for condition in given.places.values()])
    faults = []
    for row in np.flatnonzero(met.sum(axis=0) != 1)[:LISTED]:
        text = str(values.texts[row])
        several = listed(name for name, one in zip(given.places, met[:, row], strict=True) if one)
        message = f"Position {shown(text)} is {several or 'no place'} by [log.examination]."
        remedy = "Let each position meet the condition of one place; which events count is said by 'where'."
        where, n = events.place(values.name, text), int(values.counts[row])
        faults.append(Fault(code="no-place", message=message, remedy=remedy, value=brief(text), count=n, **where))
    if faults:
        raise InputError(faults)
    rows = np.arange(len(values.texts))
    return Codes(values.short, events.small(values.codes(rows, met.argmax(axis=0))))


def answer_of(
    events: Events,
    frame: nw.LazyFrame[Any],
    study: Study,
    reading: LogReading,
    categories: Categories | None,
    values_of: Any,
    findings: list[Finding],
) -> tuple[Codes | nw.Expr, tuple[str, ...]]:
    """Return what was answered: a position in the labels that come with it."""
    log = study.log
    assert log is not None
    limits = limits_of(reading.answers) if reading.answer == OUTCOME else None
    try:
        values: Values = values_of(str(log.outcome if reading.answer == OUTCOME else log.item))
    except InputError as error:
        if error.code != "too-many-values" or limits is None:
            raise
        expression, noticed = binned(events, frame, log, limits, reading.answers)
        findings += noticed
        return expression, tuple(reading.answers)
    if reading.answer != OUTCOME:
        _refuse_null(events, values, "no-item", "The event names no item.")
        rows, names = np.arange(len(values.texts)), values.texts
        if reading.answer == CATEGORY:
            assert categories is not None
            rows, names = _categories_of(events, values, categories, findings)
        labels = tuple(dict.fromkeys(str(name) for name in names))
        of = {label: i for i, label in enumerate(labels)}
        code = np.array([of[name] for name in names], dtype=np.int64)
        return Codes(values.short, events.small(values.codes(rows, code))), labels
    missing = is_missing(values.texts, log.missing, by_value=limits is not None)
    n_missing = values.n_null + int(values.counts[missing].sum())
    if n_missing:
        findings.append(no_outcome(n_missing, n_missing + int(values.counts[~missing].sum())))
    if not reading.answers:
        labels = tuple(str(text) for text in values.texts)
        rows = np.flatnonzero(~missing)
        return Codes(values.short, events.small(values.codes(rows, rows))), labels
    labels = tuple(reading.answers)
    met = np.array([meets(values, condition) for condition in reading.answers.values()]) & ~missing
    _check_rule(events, log, values, met, missing, reading.answers, findings)
    rows = np.flatnonzero(met.any(axis=0))
    return Codes(values.short, events.small(values.codes(rows, met[:, rows].argmax(axis=0)))), labels


def _check_rule(
    events: Events,
    log: Log,
    values: Values,
    met: NDArray[np.bool_],
    missing: NDArray[np.bool_],
    answers: Mapping[str, Condition],
    findings: list[Finding],
) -> None:
    """Check that every outcome is one answer."""
    faults, labels = [], tuple(answers)
    if log.other_outcomes == "error" and limits_of(answers) is not None:
        kept = np.flatnonzero(~missing)
        some = replace(values, texts=values.texts[kept], counts=values.counts[kept])
        faults = limit_faults(events, some, met[:, kept], labels)
        if faults:
            raise InputError(faults)
        return
    for place in np.flatnonzero(met.sum(axis=0) > 1)[:LISTED]:
        text = str(values.texts[place])
        several = listed(label for label, one in zip(labels, met[:, place], strict=True) if one)
        message = f"Outcome {shown(text)} is {several} by 'answers' of the study."
        where = events.place(values.name, text)
        remedy = "Let each outcome meet one condition."
        faults.append(Fault(code="two-answers", message=message, remedy=remedy, value=brief(text), **where))
    other = np.flatnonzero(~met.any(axis=0) & ~missing)
    if len(other) and log.other_outcomes == "leave_out":
        n = int(values.counts[other].sum())
        message = f"{n:,} events whose outcome is no answer are left out: {listed(values.texts[other])}."
        findings.append(Finding("other-outcomes", message, "note"))
    elif len(other):
        for place in other[:LISTED]:
            text = str(values.texts[place])
            message = f"Outcome {shown(text)} meets no condition of 'answers'."
            remedy = "Add it to one, list it in 'missing', or write other_outcomes = \"leave_out\" below [log]."
            where, n = events.place(values.name, text), int(values.counts[place])
            faults.append(
                Fault(code="unknown-outcome", message=message, remedy=remedy, value=brief(text), count=n, **where)
            )
    if faults:
        raise InputError(faults)


def _categories_of(
    events: Events, values: Values, categories: Mapping[str, Iterable[str]], findings: list[Finding]
) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
    """Return the place of a value and one of its categories, for every such pair; items without a row are faults."""
    unknown = [place for place, text in enumerate(values.texts) if text not in categories]
    if unknown:
        faults = []
        for place in unknown[:LISTED]:
            text, n = str(values.texts[place]), int(values.counts[place])
            message = f"Item {shown(text)} is not in the item table."
            remedy = "Add it, with its category or without one."
            where = events.place(values.name, text)
            faults.append(
                Fault(code="unknown-item", message=message, remedy=remedy, value=brief(text), count=n, **where)
            )
        if unknown[LISTED:]:
            n = int(values.counts[unknown[LISTED:]].sum())
            message = f"{len(unknown) - LISTED:,} more items are not in the item table."
            remedy = "Check that it is the right table."
            column = values.name
            faults.append(
                Fault(code="unknown-item", message=message, remedy=remedy, count=n, file=events.source, column=column)
            )
        raise InputError(faults)
    lists = [tuple(categories[text]) for text in values.texts]
    sizes = np.array([len(one) for one in lists], dtype=np.int64)
    none = int(values.counts[sizes == 0].sum())
    if none:
        message = f"{none:,} events are about items without a category and left out."
        findings.append(Finding("no-category", message, "note" if none < 0.05 * values.counts.sum() else "caution"))
    rows = np.repeat(np.arange(len(lists)), sizes)
    return rows, np.array([category for one in lists for category in one], dtype=object)


def _refuse_null(events: Events, values: Values, code: str, message: str) -> None:
    if values.n_null:
        where = events.place(values.name, None)
        raise InputError(Fault(code=code, message=message, remedy="Name it.", count=values.n_null, **where))
