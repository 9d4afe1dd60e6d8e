"""Checks of ``[log]``: what of it contradicts itself, the rest of the study, or what can be read from a log."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from typing import Any

from ..errors import shown
from .conditions import parse_condition
from .examination_check import check_log, checked_log_examination
from .log_study import CATEGORY, ITEM, OUTCOME, POSITION, Condition, ItemTable, Log, LogReading, LogSelection
from .slate_check import check_slates
from .study import Area, Item, Table
from .validation import StudyFaults, hint, kind_of, listed, parse_part

_PATH_PART = re.compile(r"\{([^{}/]+)\}")


def path_columns(template: str) -> tuple[str, ...]:
    """Return the names of the columns that the folders of a path hold."""
    return tuple(_PATH_PART.findall(template))


def checked_log(raw: Any, faults: StudyFaults) -> Log | None:
    """Return ``[log]`` of a study, or None where it has faults."""
    if not isinstance(raw, dict):
        faults.add("wrong-type", f"'log' is {kind_of(raw)}.", "Write it as [log] with keys below it.", "log")
        return None
    before = len(faults.found)
    head = dict(raw)
    items_raw, readings_raw = head.pop("items", None), head.pop("readings", {})
    examination = checked_log_examination(head.pop("examination"), faults) if "examination" in head else None
    selection_raw = head.pop("selection", None)
    selection = None if selection_raw is None else parse_part(LogSelection, selection_raw, "log.selection", faults)
    items = None if items_raw is None else parse_part(ItemTable, items_raw, "log.items", faults)
    if not isinstance(readings_raw, dict):
        message = f"'log.readings' is {kind_of(readings_raw)}."
        faults.add("wrong-type", message, "Write each as [log.readings.NAME].", "readings")
        readings_raw = {}
    readings = {
        name: parse_part(LogReading, _one_column(entry), f"log.readings.{name}", faults)
        for name, entry in readings_raw.items()
    }
    log = parse_part(Log, _one_column(head), "log", faults, known=tuple(Log.model_fields))
    if log is None or len(faults.found) > before:
        return None
    whole = {name: reading for name, reading in readings.items() if reading is not None}
    parts = {"items": items, "readings": whole, "examination": examination, "selection": selection}
    log = log.model_copy(update=parts)
    if selection is not None:
        _check_selection(log, selection, faults)
    for name, reading in log.ways:
        _check_reading(log, name, reading, faults)
    _check_columns(log, faults)
    if log.examination is not None:
        check_log(log, faults)
    return log if len(faults.found) == before else None


def _one_column(raw: Any) -> Any:
    """Return a table in which one column stands as a list of one."""
    if isinstance(raw, dict) and isinstance(raw.get("agent"), str):
        return {**raw, "agent": [raw["agent"]]}
    return raw


def _check_reading(log: Log, name: str, reading: LogReading, faults: StudyFaults) -> None:
    header = f"[log.readings.{name}]" if name else "[log]"

    def lack(key: str, why: str) -> None:
        faults.add("missing-key", f"{header} has no {shown(key)}, {why}.", f'Add {key} = "…".', header)

    if not reading.agent:
        lack("agent", "the column that names who answers")
    needs = {OUTCOME: log.outcome, ITEM: log.item, CATEGORY: log.item, POSITION: log.position}
    for word in dict.fromkeys((reading.question, reading.answer)):
        if word in needs and needs[word] is None:
            lack(OUTCOME if word == OUTCOME else POSITION if word == POSITION else "item", f"which {shown(word)} needs")
        if word == CATEGORY and log.items is None:
            message = f"{header} asks for the category of items, and the study names no item table."
            faults.add("missing-key", message, "Add [log.items] with id and category.", header)
    if reading.answer == reading.question or (reading.answer == ITEM and reading.question == CATEGORY):
        message = f"In {header} the {reading.question} tells the question, and the {reading.answer} the answer."
        remedy = 'Name an item of the study as "question", or a column of outcomes.'
        faults.add("wrong-value", message, remedy, "question", header)
    if reading.answer == CATEGORY and log.items is not None and log.items.separator is not None:
        message = f"In {header} the category is the answer, and an item may have several."
        faults.add("wrong-value", message, "Remove 'separator', or let the category tell the question.", "separator")
    if reading.answers and reading.answer != OUTCOME:
        message = f"'answers' of {header} makes answers of outcomes, and the answer is the {reading.answer}."
        faults.add("wrong-value", message, 'Write answer = "outcome", or say in "where" which events count.', "answers")
    if reading.group is not None and reading.as_group is not None:
        message = f"{header} has 'group' and 'as_group'."
        faults.add("wrong-value", message, "Keep the one that names the agent's group.", "as_group")
    for key, conditions in (("answers", reading.answers), ("where", reading.where)):
        _check_conditions(f"{header[1:-1]}.{key}", conditions.items(), faults)


def _check_conditions(path: str, conditions: Iterable[tuple[str, Condition]], faults: StudyFaults) -> None:
    for name, condition in conditions:
        if parse_condition(condition) is None:
            message = f"{shown(f'{path}.{name}')} is {kind_of(condition)}, which is no comparison."
            remedy = 'Write ">= 4", "> 2, < 4" for a range, a code, or a list of codes.'
            faults.add("wrong-value", message, remedy, name, value=condition)


def _check_selection(log: Log, selection: LogSelection, faults: StudyFaults) -> None:
    header = "[log.selection]"
    if not selection.odds and not selection.random:
        message = f"{header} states no odds, and not which events were shown at random."
        faults.add("missing-key", message, 'Add odds = { liked = [1, 9] }, or random = { column = "code" }.', header)
    _check_conditions("log.selection.random", selection.random.items(), faults)
    if log.keep == "furthest":
        message = f'{header} is about answers that agents chose to give, and keep = "furthest" is about what was shown.'
        faults.add("not-supported", message, "Not supported together yet: remove one of the two.", header, "keep")


def _check_columns(log: Log, faults: StudyFaults) -> None:
    needed = {"last": ("time", "item"), "furthest": ("slate", "item")}.get(log.keep, ())
    for key in needed:
        if getattr(log, key) is None:
            message = f'keep = "{log.keep}" needs the {key} of events.'
            faults.add("missing-key", message, f'Add {key} = "…" below [log].', "keep", "[log]")
    if log.keep == "furthest" and any(way.answer == OUTCOME and len(way.answers) < 2 for _, way in log.ways):
        message = 'keep = "furthest" needs two answers or more, in order: the first is that of items shown.'
        remedy = 'Write answers = { skipped = "impression", clicked = "click" } below [log].'
        faults.add("missing-key", message, remedy, "keep", "[log]")
    if log.keep == "furthest" and any(way.question == POSITION for _, way in log.ways):
        message = 'keep = "furthest" asks about items, and a question is the position.'
        faults.add("wrong-value", message, "Let the item or its category tell the question.", "question", "keep")
    _check_period(log, faults)
    if log.shown is not None and log.item is None:
        message = "'shown' lists what was shown, and no column names the item that was chosen."
        faults.add("missing-key", message, 'Add item = "…" below [log].', "shown", "[log]")
    if log.systems and not any(reading.group or reading.as_group for _, reading in log.ways):
        message = "'systems' names groups, and the log names none."
        faults.add("missing-key", message, 'Add group = "…" below [log].', "systems")
    names = path_columns(log.path or "")
    if log.path is not None and any("{" in part and not _PATH_PART.fullmatch(part) for part in log.path.split("/")):
        message = f"'log.path' is {kind_of(log.path)}."
        remedy = 'Each folder is a name, or a column in braces: "{policy}/men/men.csv".'
        faults.add("wrong-value", message, remedy, "path")
    for word, columns in (("path", names), ("columns", log.columns)):
        twice = sorted({column for column in columns if columns.count(column) > 1})
        if twice:
            faults.add("wrong-value", f"'log.{word}' names {listed(twice)} twice.", "Name each column once.", word)
    clash = sorted(set(names) & set(log.columns))
    if clash:
        message = f"'log.path' and 'log.columns' both name {listed(clash)}."
        faults.add("wrong-value", message, "Rename one of them.", "path")


def _check_period(log: Log, faults: StudyFaults) -> None:
    if log.period is None:
        return
    if log.time is None:
        message = "'period' is told by the time of events, and the log names none."
        faults.add("missing-key", message, 'Add time = "…" below [log].', "period", "[log]")
    if any(reading.group or reading.as_group for _, reading in log.ways):
        message = "The log has groups and 'period': periods take the place of groups."
        faults.add("not-supported", message, "Not supported together yet: keep one.", "period", "group")
    if isinstance(log.period, str):
        return
    for text in log.period:
        if not _is_date(text):
            message = f"{shown(text)} of 'period' is no date."
            faults.add("wrong-value", message, 'Write year-month-day: period = ["2020-03-01"].', "period", value=text)
            return
    if list(log.period) != sorted(set(log.period)):
        message = "The dates of 'period' are not in order, or one stands there twice."
        faults.add("wrong-value", message, "List each once, the earliest first.", "period")


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def log_table(log: Log, given: Table) -> Table:
    """Return the layout of the table of counts that a log is reduced to."""
    group = "group" if any(reading.group or reading.as_group for _, reading in log.ways) else None
    return Table(
        layout="long",
        agent="agent",
        item="item",
        answer="answer",
        times="times",
        group=group,
        period=None if log.period is None else "period",
        systems=log.systems,
        group_missing="overall_only" if group else "error",
        limits=given.limits,
    )


def check_alone(log: Log, table: Table, faults: StudyFaults) -> None:
    """Check that ``[table]`` says nothing but limits beside ``[log]``, or what the log itself makes of it."""
    made = log_table(log, table)
    own = {"limits", "periods"} if log.period is not None else {"limits"}
    for key in table.model_fields_set - own:
        if getattr(table, key) != getattr(made, key):
            message = f"'table.{key}' is about a table, and the study has a [log]."
            faults.add("wrong-value", message, "Keep [log] or [table]; [table.limits] may stay.", key, "[table]")


def check_questions(log: Log, areas: list[Area], faults: StudyFaults) -> None:
    """Check that every reading asks something of the study, and that answers by a rule are options."""
    items = {item.asked: item for area in areas for item in area.items if item.at_random_of is None}
    reserved = {ITEM, CATEGORY, POSITION}
    for name, reading in log.ways:
        header = f"[log.readings.{name}]" if name else "[log]"
        asked: list[Item] = []
        if reading.question in reserved:
            asked = list(items.values())
        elif reading.question in items:
            asked = [items[str(reading.question)]]
        else:
            message = f"'question' of {header} is {shown(reading.question)}, no item of the study."
            known = [*sorted(reserved), *items]
            remedy = hint(str(reading.question), known, f"It is one of {listed(known)}.")
            faults.add("unknown-item", message, remedy, reading.question, "question", value=reading.question)
        options = {option for item in asked for option in item.serves}
        for answer in reading.answers if asked else ():
            if answer not in options:
                message = f"{shown(answer)} of 'answers' in {header} is no option of an item."
                remedy = hint(answer, options, f"The options are {listed(sorted(options))}.")
                faults.add("unknown-option", message, remedy, answer, value=answer)
    check_slates(log, areas, faults)
    if log.selection is not None and not any(area.selection for area in areas):
        message = "'odds' of [log.selection] names no option of an item of kind 'choice' or 'ordinal'."
        faults.add("unknown-option", message, "Name answers of the study.", "odds", "[log.selection]")
    for area in areas:
        for item in area.items:
            if item.is_number:
                message = f"Item {shown(item.name)} of kind {item.kind!r} cannot be read from a log yet."
                faults.add("not-supported", message, "Count in a table of answers.", f"items.{item.name}]")
            if item.kind == "importance":
                message = f"The stated importance of area {shown(area.name)} cannot be read from a log."
                faults.add("not-supported", message, "Remove it, or read a table of answers.", f"[areas.{area.name}]")
