"""Sizes of a study, looked at before anything in it is read: a few megabytes of TOML can ask for gigabytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import InputError, shown
from .study import MAX_AREAS, MAX_COLUMNS, MAX_DEPTH, MAX_GOALS, MAX_LABEL, MAX_OPTIONS, MAX_VALUES
from .validation import StudyFaults

_DEFAULTS = {
    "label": MAX_LABEL,
    "columns": MAX_COLUMNS,
    "areas": MAX_AREAS,
    "goals": MAX_GOALS,
    "options": MAX_OPTIONS,
    "values": MAX_VALUES,
}


def refuse_large(raw: Mapping[str, Any], faults: StudyFaults) -> None:
    """Raise :class:`InputError` for a study that is too deep or too large, or holds text that no file could keep.

    Parameters
    ----------
    raw
        The study as its file parses.
    faults
        Collects the faults.
    """
    table = raw.get("table")
    given = table.get("limits") if isinstance(table, Mapping) else None
    limits = dict(_DEFAULTS)
    for name in limits if isinstance(given, Mapping) else ():
        value = given.get(name) if isinstance(given, Mapping) else None
        if isinstance(value, int) and not isinstance(value, bool):
            limits[name] = value
    counts, largest = _counts(raw)
    for what, name, count in (
        ("areas", "areas", counts["areas"]),
        ("items", "columns", counts["items"]),
        ("options", "options", counts["options"]),
    ):
        if count > limits[name]:
            message = f"The study has {count:,} {what}, more than the limit of {limits[name]:,}."
            faults.add(f"too-many-{what}", message, f"Raise '{name}' below [table.limits] if that is meant.")
    for area, n_goals in largest:
        if n_goals > limits["goals"]:
            message = f"Area {shown(area)} has {n_goals:,} goals, more than the limit of {limits['goals']:,}."
            faults.add("too-many-goals", message, "Raise 'goals' below [table.limits] if that is meant.", area)
    if faults.found:
        raise InputError(faults.found)
    for text in dict.fromkeys(_texts(raw, limits["values"], faults)):
        if len(text) > limits["label"]:
            message = f"{shown(text)} has {len(text):,} characters, more than the limit of {limits['label']:,}."
            faults.add("long-label", message, "Shorten it, or raise 'label' below [table.limits].", text, value=text)
        elif "\0" in text:
            faults.add("nul-byte", f"{shown(text)} holds a NUL character.", "Remove it.", "\\u0000", value=text)
        elif not text.isascii() and not _is_unicode(text):
            message = f"{shown(text)} holds a character that is no character (a lone surrogate)."
            faults.add("encoding", message, "Read the study with its right encoding.", value=text)
    if faults.found:
        raise InputError(faults.found)


def _texts(raw: Mapping[str, Any], most: int, faults: StudyFaults) -> list[str]:
    """Return all keys and texts of a study; refuse one with too many, or that never ends."""
    texts: list[str] = []
    open_now: list[tuple[Any, int]] = [(raw, 0)]
    n_values = 0
    while open_now:
        value, depth = open_now.pop()
        if isinstance(value, str):
            texts.append(value)
            continue
        if not isinstance(value, Mapping | list | tuple):
            continue
        n_values += len(value)
        if depth > MAX_DEPTH:
            message = f"The study is nested more than {MAX_DEPTH} deep."
            faults.add("too-deep", message, "The deepest key is areas.AREA.items.ITEM.serves.OPTION.")
        if n_values > most:
            message = f"The study holds more keys and entries of lists than the limit of {most:,}."
            faults.add("too-large", message, "Raise 'values' below [table.limits] if that is meant.")
        if faults.found:
            raise InputError(faults.found)
        if isinstance(value, Mapping):
            texts += [key for key in value if isinstance(key, str)]
        open_now += [(entry, depth + 1) for entry in (value.values() if isinstance(value, Mapping) else value)]
    return texts


def _counts(raw: Mapping[str, Any]) -> tuple[dict[str, int], list[tuple[str, int]]]:
    """Return the numbers of areas, items and options, and of the goals of each area."""
    areas = raw.get("areas")
    areas = areas if isinstance(areas, Mapping) else {}
    goals, items = [], []
    for name, area in areas.items():
        if isinstance(area, Mapping):
            given, entries = area.get("goals"), area.get("items")
            goals.append((str(name), len(given) if isinstance(given, list | tuple) else 0))
            items += list(entries.values()) if isinstance(entries, Mapping) else []
    served = [item.get("serves") for item in items if isinstance(item, Mapping)]
    options = sum(len(entry) for entry in served if isinstance(entry, Mapping))
    return {"areas": len(areas), "items": len(items), "options": options}, goals


def _is_unicode(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
