"""Checks of passing: what ``[areas.X.abstain]`` asks of an area and its items."""

from __future__ import annotations

from typing import Any

from ..errors import shown
from .abstain import KINDS, Abstain
from .study import Area, Item
from .validation import StudyFaults, kind_of, parse_part


def checked_abstain(area: str, raw: Any, faults: StudyFaults) -> Abstain | None:
    """Return ``[areas.X.abstain]``, or None with a fault.

    Parameters
    ----------
    area
        Name of the area.
    raw
        Its keys ``codes`` and ``means``.
    faults
        Takes what is wrong.
    """
    path = f"areas.{area}.abstain"
    if not isinstance(raw, dict):
        faults.add("wrong-type", f"{shown(path)} is {kind_of(raw)}.", f"Write it as [{path}].", "abstain")
        return None
    found = parse_part(Abstain, raw, path, faults)
    if found is not None and len(set(found.codes)) < len(found.codes):
        faults.add("option-twice", f"'codes' of {shown(path)} lists a code twice.", "List each once.", f"[{path}]")
        return None
    return found


def with_passing(name: str, item: dict[str, Any], abstain: Abstain | None, faults: StudyFaults) -> dict[str, Any]:
    """Return the keys of an item with passing among its options, last, where the area asks for it.

    Parameters
    ----------
    name
        Name of the item.
    item
        The keys; ``passes`` among them says which codes mean it, none by an empty list.
    abstain
        What passing means in the area.
    faults
        Takes what is wrong.
    """
    serves, kind = item.get("serves"), item.get("kind", "choice")
    if abstain is not None and "passes" not in item and kind in KINDS:
        twice = [code for code in abstain.codes if isinstance(serves, dict) and code in serves]
        for code in twice:
            message = f"Code {shown(code)} means passing, and is an option of item {shown(name)}."
            faults.add("option-twice", message, "Remove it from one of the two.", f"items.{name}]", value=code)
        if twice:
            return item
        item = {**item, "passes": list(abstain.codes)}
    codes = item.get("passes")
    if not (isinstance(serves, dict) and isinstance(codes, list | tuple) and codes and isinstance(codes[0], str)):
        return item
    return item if codes[0] in serves else {**item, "serves": {**serves, codes[0]: []}}


def check_passing(area: Area, faults: StudyFaults) -> None:
    """Check what passing asks of an area.

    Parameters
    ----------
    area
        The area, its items included.
    faults
        Takes what is wrong.
    """
    header, name = f"[areas.{area.name}.abstain]", shown(area.name)
    for item in area.items:
        where = f"items.{item.name}]"
        if item.passes and area.abstain is None:
            message = f"Item {shown(item.name)} has 'passes', and area {name} does not say what passing means."
            faults.add("missing-key", message, f"Add {header} with codes and means.", where, "passes")
        elif item.passes and item.kind not in KINDS:
            message = f"Item {shown(item.name)} of kind {item.kind!r} has 'passes'."
            faults.add("not-supported", message, "Not supported yet: remove it.", where, "passes")
        elif item.passes:
            _check_codes(item, where, faults)
        elif area.abstain is not None and item.kind not in {*KINDS, "importance"}:
            message = f"Item {shown(item.name)} of kind {item.kind!r} is in an area where agents may pass."
            remedy = "Not supported together yet: put it into an area of its own, or write passes = [] below it."
            if "passes" not in item.model_fields_set:
                faults.add("not-supported", message, remedy, where, header)
    if area.abstain is None:
        return
    if not any(item.passes for item in area.items):
        message = f"No item of area {name} lets an agent pass."
        faults.add("no-items", message, f"Remove {header}.", header)
    if area.abstain.means == "no_goal" and not area.no_goal:
        message = f"Passing in area {name} means 'no_goal', and every agent holds a goal there."
        faults.add("wrong-value", message, f"Write no_goal = true below [areas.{area.name}].", "means", header)
    if area.learned:
        message = f"Area {name} has learned goals, and says what passing means."
        faults.add("not-supported", message, "Not supported together yet: list the codes in 'missing'.", header)


def _check_codes(item: Item, where: str, faults: StudyFaults) -> None:
    """Check that the codes that mean passing mean nothing else."""
    label = item.passes[0]
    if item.serves.get(label) or list(item.serves).index(label) != len(item.serves) - 1:
        message = f"Code {shown(label)} of item {shown(item.name)} means passing, and is an option."
        faults.add("option-twice", message, "Remove it from 'serves'.", where, value=label)
    for code in item.passes[1:]:
        if code in item.serves:
            message = f"Code {shown(code)} of item {shown(item.name)} means passing, and is an option."
            faults.add("option-twice", message, "Remove it from 'serves'.", where, value=code)
