"""Checks of items by their kind: what each kind asks of the options, and of the goals they serve."""

from __future__ import annotations

from typing import Any

from ..errors import shown
from .study import Item
from .validation import StudyFaults, kind_of

MAX_LEVELS = 11
"""Levels of an ordered scale."""


def importance_item(area: str, raw: Any, faults: StudyFaults) -> tuple[str, dict[str, Any]] | None:
    """Return ``[areas.X.importance]`` as the item it is: its name, and its keys; None with a fault.

    Parameters
    ----------
    area
        Name of the area.
    raw
        ``column``, and ``levels``: their number, for codes 1, 2, …, or the codes themselves, from least to most
        important.
    faults
        Takes what is wrong.
    """
    path = f"areas.{area}.importance"
    if not isinstance(raw, dict):
        faults.add("wrong-type", f"{shown(path)} is {kind_of(raw)}.", f"Write it as [{path}].", "importance")
        return None
    for key in raw.keys() - {"column", "levels"}:
        faults.add("unknown-key", f"Unknown key {shown(f'{path}.{key}')}.", "The keys are column and levels.", key)
    column, levels = raw.get("column"), raw.get("levels")
    if not (isinstance(column, str) and column):
        message = f"{shown(path)} names no column."
        faults.add("missing-key", message, 'Add column = "…".', f"[{path}]", "importance")
        return None
    if isinstance(levels, int) and not isinstance(levels, bool):
        levels = [str(level) for level in range(1, min(levels, MAX_LEVELS + 1) + 1)]
    if not (isinstance(levels, list) and all(isinstance(level, str) for level in levels)):
        message = f"'levels' of {shown(path)} is {kind_of(raw.get('levels'))}."
        remedy = 'Give their number, or the codes from least to most important: levels = ["low", "high"].'
        faults.add("wrong-type" if "levels" in raw else "missing-key", message, remedy, "levels", f"[{path}]")
        return None
    if len(set(levels)) < len(levels):
        faults.add("option-twice", f"'levels' of {shown(path)} lists a code twice.", "List each once.", f"[{path}]")
        return None
    return column, {"column": column, "kind": "importance", "serves": {level: [] for level in levels}}


def check_kind(item: Item, faults: StudyFaults) -> None:
    """Check what an item's kind asks of its options."""
    name, where = shown(item.name), f"items.{item.name}]"
    if item.kind in {"ordinal", "importance"} and len(item.serves) > MAX_LEVELS:
        message = f"Item {name} has more than {MAX_LEVELS} levels."
        faults.add("levels", message, "Merge levels, or ask with fewer.", where, "importance")
    if item.kind == "importance" and any(item.serves.values()):
        message = f"A level of the stated importance {name} serves a goal."
        faults.add("kind", message, "Importance is of the area, whatever the goal: write [] for every level.", where)
    if item.objects and item.kind != "pairwise":
        message = f"Item {name} of kind {item.kind!r} names 'objects'."
        faults.add("kind", message, 'Remove them, or write kind = "pairwise".', where, "objects")
    if item.kind == "ordinal":
        _check_places(item, faults)
    if item.kind == "pairwise":
        _check_pair(item, faults)


def _check_places(item: Item, faults: StudyFaults) -> None:
    for goal in dict.fromkeys(goal for served in item.serves.values() for goal in served):
        levels = [place for place, served in enumerate(item.serves.values()) if goal in served]
        if levels[-1] - levels[0] + 1 > len(levels):
            message = f"The levels of item {shown(item.name)} that serve {shown(goal)} are not neighbours."
            remedy = 'A goal has one place on an ordered scale; write kind = "choice" for options without an order.'
            faults.add("kind", message, remedy, f"items.{item.name}]", value=goal)


def _check_pair(item: Item, faults: StudyFaults) -> None:
    name, where = shown(item.name), f"items.{item.name}]"
    if len(item.serves) not in {2, 3}:
        message = f"Item {name} compares two objects, and has {len(item.serves)} options."
        faults.add("kind", message, "List the first object, the second, and perhaps a tie.", where)
        return
    served = list(item.serves.values())
    if len(served) == 3 and served[2]:
        message = f"The tie of item {name} serves a goal."
        faults.add("kind", message, "Write []: a tie serves half of what both objects serve.", where)
    if item.objects and (len(item.objects) != 2 or len(set(item.objects)) != 2):
        message = f"'objects' of item {name} are not two names."
        faults.add("kind", message, 'Write objects = ["the first", "the second"].', where, "objects")


def check_objects(area: str, items: list[Item], faults: StudyFaults) -> None:
    """Check that an object that is compared in several items of an area serves the same goals in all."""
    known: dict[str, tuple[Item, frozenset[str]]] = {}
    for item in items:
        if item.kind != "pairwise" or len(item.compared) != 2:
            continue
        for name, served in zip(item.compared, item.serves.values(), strict=False):
            before, goals = known.setdefault(name, (item, frozenset(served)))
            if goals != frozenset(served):
                message = f"{shown(name)} serves other goals in item {shown(item.name)} than in {shown(before.name)}."
                remedy = "Give it the same goals in all comparisons of an area, or other names in 'objects'."
                faults.add("kind", message, remedy, name)
