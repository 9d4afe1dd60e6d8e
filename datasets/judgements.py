"""Tables of judgements, a row for each comparison of two objects: the study written out, the rows read.

An item of a study with ``layout = "judgements"`` lists all objects that may be compared. It stands for one item of kind
``pairwise`` for each two of them, whose strengths the pairs share, and which an agent may answer many times. Choices
hold those pairs that somebody compared; their study is that of the long table that the judgements come to.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from ..errors import shown
from .patterns import distinct_rows
from .reading import Reading
from .repeated_answers import MISSING
from .study import Area, Item, Study, Table
from .validation import StudyFaults, hint, listed

TIE = "tie"
"""Label of the option that neither object wins."""


def with_pairs(areas: Any, table: Table, faults: StudyFaults) -> Any:
    """Return the areas of a study as its file parses, with an item for each two objects that may be compared.

    Parameters
    ----------
    areas
        ``[areas]``.
    table
        Layout of the table.
    faults
        Takes what is wrong with a list of objects.
    """
    if not isinstance(areas, dict):
        return areas
    return {name: _area_with_pairs(area, table, faults) for name, area in areas.items()}


def _area_with_pairs(area: Any, table: Table, faults: StudyFaults) -> Any:
    items = area.get("items") if isinstance(area, dict) else None
    if not isinstance(items, dict):
        return area
    found: dict[str, Any] = {}
    for name, item in items.items():
        if not isinstance(item, dict) or item.get("kind") != "pairwise" or item.get("objects"):
            found[name] = item  # checked like any other
            continue
        objects = _objects(str(name), item, area.get("goals"), faults)
        if objects is None:
            continue
        named = {key: value for key, value in item.items() if key not in {"serves", "options", "column", "repeated"}}
        for first, second in combinations(objects, 2):
            serves = {first: objects[first], second: objects[second]} | ({TIE: []} if table.ties else {})
            pair = f"{first} - {second}"
            column = f"{item.get('column', name)}: {pair}"
            entry = {**named, "serves": serves, "objects": [first, second], "column": column, "repeated": True}
            found[f"{name}: {pair}"] = entry
    return {**area, "items": found}


def _objects(name: str, item: dict[str, Any], goals: Any, faults: StudyFaults) -> dict[str, list[str]] | None:
    """Return the goals that each object serves; None with a fault."""
    options, where = item.get("options"), f"items.{name}]"
    given = item.get("serves", {option: [] for option in options} if _is_texts(options) else None)
    if not isinstance(given, dict) or len(given) < 2 or ("serves" in item and options is not None):
        message = f"Item {shown(name)} does not say which objects are compared."
        remedy = 'List at least two: serves = { a = "goal", b = [] }, or options = ["a", "b"] where goals are learned.'
        faults.add("kind", message, remedy, where)
        return None
    objects = {str(key): [value] if isinstance(value, str) else value for key, value in given.items()}
    for key, served in objects.items():
        if not _is_texts(served):
            message = f"Object {shown(key)} of item {shown(name)} serves {shown(str(served))}."
            faults.add("wrong-type", message, "Name a goal, a list of goals, or [] for none.", where, value=key)
            return None
        for goal in served if _is_texts(goals) else ():
            if goal not in goals:
                message = f"Object {shown(key)} of item {shown(name)} serves {shown(goal)}, not a goal here."
                remedy = hint(goal, goals, f"The goals are {listed(goals)}.")
                faults.add("unknown-goal", message, remedy, goal, where, value=goal)
                return None
    if TIE in objects:
        message = f"An object of item {shown(name)} is called {TIE!r}."
        faults.add("reserved-name", message, "Rename it, in the table too.", where)
        return None
    return objects


def _is_texts(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(entry, str) for entry in value)


def check_judgements(table: Table, areas: list[Area], faults: StudyFaults) -> None:
    """Check that the layout of the table and what the study asks fit each other.

    Parameters
    ----------
    table, areas
        The layout, and the areas with their pairs written out.
    faults
        Takes what is wrong.
    """
    codes = {"first_wins": table.first_wins, "second_wins": table.second_wins, "ties": table.ties}
    if table.layout != "judgements":
        for key in ("first", "second", *codes):
            if getattr(table, key):
                message = f"'table.{key}' has a meaning in layout 'judgements' only."
                faults.add("wrong-value", message, 'Remove it, or write layout = "judgements".', key)
        return
    for key in ("agent", "first", "second", "answer"):
        if getattr(table, key) is None:
            message = f"A table of judgements needs 'table.{key}', the name of a column."
            faults.add("missing-key", message, f'Add {key} = "…" below [table].', "judgements")
    items = [item for area in areas for item in area.items]
    for item in items:
        if item.kind != "pairwise":
            message = f"Item {shown(item.name)} is of kind {item.kind!r}, and every row compares two objects."
            remedy = 'Write kind = "pairwise", or ask it in a study of its own.'
            faults.add("kind", message, remedy, f"items.{item.name}]", "judgements")
    pairs = [item for item in items if len(item.objects) == 2]
    values = dict.fromkeys(map(_value, pairs))
    if table.item is None and len(values) > 1:
        message = f"The study has {len(values):,} items, and 'table.item' names no column that tells them apart."
        faults.add("missing-key", message, 'Add item = "…" below [table].', "judgements")
    every = [code for given in codes.values() for code in given]
    for code in dict.fromkeys(code for code in every if every.count(code) > 1 or code in table.missing):
        message = f"The code {shown(code)} of {shown(table.answer)} has two meanings."
        faults.add("option-twice", message, "List it once, in first_wins, second_wins, ties or missing.", value=code)
    for name in dict.fromkeys(name for item in pairs for name in item.objects if name in every):
        message = f"{shown(name)} is an object, and a code that says which of the two wins."
        faults.add("option-twice", message, "Rename one of them, in the table too.", value=name)


def _value(item: Item) -> str:
    """Return the value of the item column of a pair."""
    return item.column.removesuffix(f": {' - '.join(item.objects)}")


def long_study(study: Study, compared: set[str] | None = None) -> Study:
    """Return the study of the long table that judgements come to; any other study as it is.

    Parameters
    ----------
    study
        The study.
    compared
        Names of the items that somebody answered; None for all. Areas without one keep theirs.
    """
    if study.table.layout != "judgements":
        return study
    own = {"layout": "long", "item": "item", "answer": "answer", "times": "times"}
    own |= {key: Table.model_fields[key].default for key in ("first", "second", "first_wins", "second_wins", "ties")}
    areas = []
    for area in study.areas:
        kept = tuple(item for item in area.items if compared is None or item.name in compared)
        areas.append(area.model_copy(update={"items": kept or area.items}))
    return study.model_copy(update={"table": study.table.model_copy(update=own), "areas": tuple(areas)})


def read_judgements(
    reading: Reading, agent: NDArray[np.integer], n: int, times: NDArray[np.int64] | None
) -> dict[str, NDArray[np.integer]]:
    """Return how often each agent chose each option of each pair that was compared, by item, (agent, option).

    Parameters
    ----------
    reading
        The table.
    agent
        Agent of each row.
    n
        Number of agents.
    times
        How often each row counts; None for once.
    """
    study = reading.study
    item, option = _options(reading)
    answered = (option >= 0) & (True if times is None else times > 0)
    number = np.ones(len(item), dtype=np.int64) if times is None else times
    order = np.argsort(item, kind="stable")
    bounds = np.searchsorted(item[order], np.arange(len(study.items) + 1))
    answers: dict[str, NDArray[np.integer]] = {}
    for place, one in enumerate(study.items):
        rows = order[bounds[place] : bounds[place + 1]]
        rows = rows[answered[rows]]
        if len(rows):
            size = len(one.serves)
            counts = np.bincount(agent[rows] * size + option[rows], number[rows], n * size)
            answers[one.name] = counts.reshape(n, size).astype(np.int32)
    for area in study.areas:
        if not any(item.name in answers for item in area.items):
            message = f"Nobody compares objects of area {shown(area.name)}."
            remedy = "Leave the area out of the study, or check its objects and the codes in 'missing'."
            reading.add("empty-item", message, remedy)
    unseen = len(study.items) - len(answers)
    if unseen and answers:
        reading.note("pairs-not-compared", f"Pairs of objects that nobody compares are left out: {unseen:,}.")
    return answers


def _options(reading: Reading) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the item of each row and the option chosen, −1 for none, (row,) each, with a fault for what is neither."""
    study, layout = reading.study, reading.study.table
    names = [layout.item, layout.first, layout.second, layout.answer]
    columns = [None if name is None else reading.column(name) for name in names]
    n = reading.text.n_rows
    codes = [np.zeros(n, dtype=np.int64) if c is None else c[0].astype(np.int64) + 1 for c in columns]
    labels = [["", ""] if c is None else ["", *map(str, c[1])] for c in columns]
    kinds, kind = distinct_rows([(code, len(own) + 1) for code, own in zip(codes, labels, strict=True)], n)
    number = np.bincount(kind, minlength=len(kinds))
    place = {(_value(item), item.objects): k for k, item in enumerate(study.items) if len(item.objects) == 2}
    values: dict[str, dict[str, None]] = {}
    for value, objects in place:
        values.setdefault(value, {}).update(dict.fromkeys(objects))
    only = next(iter(values)) if layout.item is None and values else None
    others: dict[str, None] = {}
    found = np.full((len(kinds), 2), MISSING, dtype=np.int64)
    for k in np.argsort(kinds, kind="stable"):
        row = int(kinds[k])
        given, first, second, winner = (own[code[row]] for own, code in zip(labels, codes, strict=True))
        value = given if only is None else only
        if value not in values:
            if value in {"", *layout.missing}:
                count = int(number[k])
                reading.add("no-item", "The row names no item.", "Give it one.", row=row, column=names[0], count=count)
            others[value] = None
            continue
        add = _adding(reading, row, int(number[k]))
        wrong = [(name, c) for name, c in ((first, names[1]), (second, names[2])) if name not in values[value]]
        for name, column in wrong:
            message = f"{shown(name)} is not a declared object of item {shown(value)}." if name else "An object lacks."
            add("unknown-option", message, hint(name, values[value], _objects_are(values[value])), column, name)
        if wrong:
            continue
        if first == second:
            add("same-object", f"{shown(first)} is compared with itself.", "Remove the row.", names[2], second)
            continue
        swapped = (value, (first, second)) not in place
        own_pair = (second, first) if swapped else (first, second)
        option = _option(layout, winner, first, second)
        if option is None:
            remedy = "List it in first_wins, second_wins, ties or missing, or give the name of the object that won."
            message = f"{shown(winner)} does not say whether {shown(first)} or {shown(second)} won."
            add("unknown-option", message, remedy, names[3], winner)
            continue
        found[k] = place[value, own_pair], option if option in {MISSING, 2} else option ^ swapped
    left_out = [value for value in others if value not in {"", *layout.missing}]
    if left_out:
        message = f"{len(left_out):,} items of the table are not in the study and left out: {listed(left_out)}."
        reading.note("other-items", message)
    return found[kind, 0], found[kind, 1]


def _objects_are(objects: dict[str, None]) -> str:
    return f"The objects are {listed(objects)}."


def _adding(reading: Reading, row: int, count: int) -> Callable[[str, str, str, str | None, str], None]:
    def add(code: str, message: str, remedy: str, column: str | None, value: str) -> None:
        reading.add(code, message, remedy, row=row, column=column, value=value, count=count)

    return add


def _option(layout: Table, winner: str, first: str, second: str) -> int | None:
    """Return which object won as the row shows them, 0 or 1, 2 for a tie, −1 for no answer; None for something else."""
    codes = dict.fromkeys(layout.missing, MISSING) | {"": MISSING, first: 0, second: 1}
    codes |= dict.fromkeys(layout.first_wins, 0) | dict.fromkeys(layout.second_wins, 1) | dict.fromkeys(layout.ties, 2)
    return codes.get(winner)
