"""Checks of self-selection, and what ``[log.selection]`` makes of areas: odds, and items asked at random."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import shown
from .self_selection import KINDS, LEARNED, Selection, is_selected
from .study import Area, Item
from .validation import StudyFaults, hint, kind_of, listed, parse_part

AT_RANDOM = "{} at random"
"""Name of an item that a log makes of the events about an item that were shown at random."""


def checked_selection(area: str, raw: Any, faults: StudyFaults) -> Selection | None:
    """Return ``[areas.X.selection]``, or None with a fault."""
    path = f"areas.{area}.selection"
    if not isinstance(raw, dict):
        faults.add("wrong-type", f"{shown(path)} is {kind_of(raw)}.", f"Write it as [{path}].", "selection")
        return None
    return parse_part(Selection, raw, path, faults)


def with_log_selection(areas: Any, log: Any) -> Any:
    """Return the areas of a study as its file parses, with what ``[log.selection]`` says of each.

    An area that says its own odds keeps them. Where the log tells what was shown at random, every item whose answers
    are selected gets another, of those answers.

    Parameters
    ----------
    areas, log
        ``[areas]`` and ``[log]``; what is wrong with them is said elsewhere.
    """
    selection = log.get("selection") if isinstance(log, dict) else None
    if not isinstance(selection, dict) or not isinstance(areas, dict):
        return areas
    return {name: _of_log(area, selection) for name, area in areas.items()}


def _of_log(area: Any, selection: Mapping[str, Any]) -> Any:
    items = area.get("items") if isinstance(area, dict) else None
    if not isinstance(items, dict):
        return area
    of = {name: item["serves"] for name, item in items.items() if _may_be_selected(item)}
    if not of:
        return area
    own, stated, random = area.get("selection"), selection.get("odds"), bool(selection.get("random"))
    if not isinstance(own, dict):
        options = {option for serves in of.values() for option in serves}
        if isinstance(stated, dict):
            odds = {option: value for option, value in stated.items() if option in options}
        else:
            odds = {option: list(LEARNED) for serves in of.values() for option in list(serves)[:-1]} if random else {}
        if not odds:
            return area
        own = {"odds": odds}
    named = own.get("odds")
    if random and isinstance(named, dict):
        never = own.get("never_at_random", ())
        known = {item.get("at_random_of") for item in items.values() if isinstance(item, dict)}
        items = dict(items)
        for name, serves in of.items():
            if name in known or name in never or not set(named) & set(serves):
                continue
            column = AT_RANDOM.format(items[name].get("column", name))
            items[AT_RANDOM.format(name)] = {"at_random_of": name, "column": column}
    return {**area, "selection": own, "items": items}


def _may_be_selected(item: Any) -> bool:
    if not isinstance(item, dict) or item.get("kind", "choice") not in KINDS or item.get("at_random_of") is not None:
        return False
    return isinstance(item.get("serves"), dict)


def with_originals(name: str, items: Any, faults: StudyFaults) -> Any:
    """Return the items of an area, those asked at random with the kind and options of their originals.

    Parameters
    ----------
    name
        Name of the area.
    items
        ``[areas.X.items]``.
    faults
        Takes what is wrong.
    """
    if not isinstance(items, dict):
        return items
    found = {}
    for item, entry in items.items():
        original = entry.get("at_random_of") if isinstance(entry, dict) else None
        found[item] = entry
        if original is None:
            continue
        source = items.get(original) if isinstance(original, str) else None
        if not isinstance(source, dict) or source.get("at_random_of") is not None:
            message = (
                f"'at_random_of' of item {shown(item)} is {kind_of(original)}, no item asked of those who picked it."
            )
            remedy = hint(str(original), items, f"Name the item of area {shown(name)} that it asks at random.")
            faults.add("unknown-item", message, remedy, "at_random_of", f"items.{item}]", value=original)
            found[item] = {key: value for key, value in entry.items() if key != "at_random_of"}
            continue
        taken = {key: source[key] for key in ("serves", "kind", "repeated") if key in source and key not in entry}
        found[item] = {**entry, **taken}
    return found


def check_selection(area: Area, faults: StudyFaults) -> None:
    """Check what self-selection asks of an area and its items.

    Parameters
    ----------
    area
        The area, its items included.
    faults
        Takes what is wrong.
    """
    name, header = shown(area.name), f"[areas.{area.name}.selection]"
    twins = [item for item in area.items if item.at_random_of is not None]
    if area.selection is None:
        for item in twins:
            message = f"Item {shown(item.name)} is asked at random, and area {name} does not say what is selected."
            remedy = f"Add {header} with odds = {{ liked = [0.1, 10] }}, the answers in question."
            faults.add("missing-key", message, remedy, f"items.{item.name}]", "at_random_of")
        return
    selected = [item for item in area.items if is_selected(area, item.name)]
    options = {option for item in area.items if item.kind in KINDS for option in item.serves}
    for option, value in area.selection.odds.items():
        if option not in options:
            message = f"{shown(option)} of 'odds' of area {name} is no option of an item of kind 'choice' or 'ordinal'."
            remedy = hint(option, options, f"The options are {listed(sorted(options))}.")
            faults.add("unknown-option", message, remedy, "odds", header, value=option)
        if isinstance(value, tuple) and not value[0] < value[1]:
            message = f"The odds of {shown(option)} in area {name} run from {value[0]:g} to {value[1]:g}."
            faults.add("wrong-value", message, "Give the smaller first, or one number.", "odds", header)
    for item in selected:
        if set(item.serves) <= set(area.selection.odds):
            message = f"'odds' of area {name} names every option of item {shown(item.name)}, and only ratios matter."
            faults.add("wrong-value", message, "Leave one out: its odds are 1.", "odds", header)
    beside = {"learned goals": area.learned, "passing as evidence": area.abstain is not None}
    beside["items at places"] = area.examination is not None
    for what, is_there in beside.items():
        if is_there:
            message = f"Area {name} has {what}, and says that answers are selected."
            faults.add("not-supported", message, "Not supported together yet: remove one of the two.", header)
    for item in twins:
        _check_twin(area, item, [one.name for one in selected], faults)
    for item_name in area.selection.never_at_random:
        if item_name not in {item.name for item in area.items}:
            message = f"{shown(item_name)} of 'never_at_random' is no item of area {name}."
            known = [item.name for item in selected]
            faults.add("unknown-item", message, hint(item_name, known, f"They are {listed(known)}."), header)


def _check_twin(area: Area, item: Item, selected: list[str], faults: StudyFaults) -> None:
    where = f"items.{item.name}]"
    original = next((one for one in area.items if one.name == item.at_random_of), None)
    if original is None:
        return
    if original.name not in selected:
        message = f"Item {shown(item.name)} asks {shown(original.name)} at random, of which no answer is selected."
        remedy = f"Name one of its options in 'odds' of [areas.{area.name}.selection], or remove 'at_random_of'."
        faults.add("wrong-value", message, remedy, "at_random_of", where)
    elif (item.serves, item.kind) != (original.serves, original.kind) or list(item.serves) != list(original.serves):
        message = (
            f"Item {shown(item.name)} asks {shown(original.name)} at random, and has other options or another kind."
        )
        faults.add("wrong-value", message, "Leave 'serves' and 'kind' out: they are those of the original.", where)
    elif sum(one.at_random_of == original.name for one in area.items) > 1:
        message = f"Several items ask {shown(original.name)} at random."
        faults.add("wrong-value", message, "Merge them into one.", "at_random_of", where)
