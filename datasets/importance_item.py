"""``[areas.X.importance]`` of a study file: in which form agents state how important an area is."""

from __future__ import annotations

import itertools
from typing import Any

from ..errors import shown
from .stated import MAX_LEVELS, UNRANKED
from .validation import StudyFaults, kind_of

_KEYS = {"levels": "levels", "number": "range", "rank": "rank_of", "budget": "budget"}
"""The key that says which form it is."""
_ALSO = {"levels": (), "number": ("levels", "cuts"), "rank": ("ranked",), "budget": ("levels", "cuts")}


def importance_item(area: str, raw: Any, faults: StudyFaults) -> tuple[str, dict[str, Any]] | None:
    """Return ``[areas.X.importance]`` as the item it is: its name, and its keys; None with a fault.

    Parameters
    ----------
    area
        Name of the area.
    raw
        ``column``, and one of: ``levels``, their number, for codes 1, 2, …, or the codes themselves, from least to most
        important; ``range``, the least and the greatest number, put into ``levels`` bins (by default 11, around numbers
        as far apart, the outer ones half as wide) or those between ``cuts``; ``rank_of``, how many areas an agent puts
        in order, 1 for the most important, or of which it ranks the first ``ranked``; ``budget``, what it divides among
        areas, in bins as for ``range``.
    faults
        Takes what is wrong.
    """
    path = f"areas.{area}.importance"
    if not isinstance(raw, dict):
        faults.add("wrong-type", f"{shown(path)} is {kind_of(raw)}.", f"Write it as [{path}].", "importance")
        return None
    forms = [form for form, key in _KEYS.items() if key in raw and form != "levels"] or ["levels"]
    form = forms[0]
    known = {"column", _KEYS[form], *_ALSO[form]}
    if len(forms) > 1:
        message = f"{shown(path)} has {' and '.join(shown(_KEYS[form]) for form in forms)}."
        faults.add("wrong-value", message, "Keep one: they say in which form importance is stated.", f"[{path}]")
        return None
    for key in raw.keys() - known:
        remedy = f"The keys are {', '.join(sorted(known))}."
        faults.add("unknown-key", f"Unknown key {shown(f'{path}.{key}')}.", remedy, key)
    column = raw.get("column")
    if not (isinstance(column, str) and column):
        message = f"{shown(path)} names no column."
        faults.add("missing-key", message, 'Add column = "…".', f"[{path}]", "importance")
        return None
    made = {"levels": _levels, "number": _bins, "rank": _ranks, "budget": _bins}[form](path, raw, faults)
    if made is None:
        return None
    levels, stated = made
    item = {"column": column, "kind": "importance", "serves": {level: [] for level in levels}}
    return column, item if stated is None else {**item, "stated": stated}


_Made = tuple[list[str], dict[str, Any] | None] | None


def _levels(path: str, raw: dict[str, Any], faults: StudyFaults) -> _Made:
    levels = raw.get("levels")
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
    return levels, None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def _bins(path: str, raw: dict[str, Any], faults: StudyFaults) -> _Made:
    """Return the levels of a number, or of a share of a budget."""
    form = "budget" if "budget" in raw else "number"
    given = [0, raw["budget"]] if form == "budget" else raw["range"]
    if not (isinstance(given, list) and len(given) == 2 and all(map(_is_number, given)) and given[0] < given[1]):
        remedy = "Write the least and the greatest: range = [0, 100]."
        remedy = "Give what is divided, a positive number: budget = 100." if form == "budget" else remedy
        message = f"{shown(_KEYS[form])} of {shown(path)} is {kind_of(raw[_KEYS[form]])}."
        faults.add("wrong-value", message, remedy, _KEYS[form], f"[{path}]")
        return None
    low, high = map(float, given)
    levels, cuts = raw.get("levels", MAX_LEVELS), raw.get("cuts")
    if cuts is None:
        if not (isinstance(levels, int) and not isinstance(levels, bool) and 2 <= levels <= MAX_LEVELS):
            message = f"'levels' of {shown(path)} is {kind_of(levels)}."
            faults.add("levels", message, f"Give a number of bins from 2 to {MAX_LEVELS}.", "levels", f"[{path}]")
            return None
        step = (high - low) / (levels - 1)
        cuts = [low + (level + 0.5) * step for level in range(levels - 1)]
    elif "levels" in raw:
        faults.add("wrong-value", f"{shown(path)} has 'levels' and 'cuts'.", "Keep one of the two.", "cuts")
        return None
    good = isinstance(cuts, list) and 0 < len(cuts) < MAX_LEVELS and all(map(_is_number, cuts))
    if not good or any(a >= b for a, b in zip([low, *cuts], [*cuts, high], strict=True)):
        message = f"'cuts' of {shown(path)} are not growing numbers between {low:g} and {high:g}."
        faults.add("levels", message, f"Give at most {MAX_LEVELS - 1}: cuts = [1, 10, 25].", "cuts", f"[{path}]")
        return None
    bounds = [low, *map(float, cuts), high]
    labels = [f"{a:g} to {b:g}" for a, b in itertools.pairwise(bounds)]
    if len(set(labels)) < len(labels):
        labels = [f"{a!r} to {b!r}" for a, b in itertools.pairwise(bounds)]
    return labels, {"form": form, "low": low, "high": high, "cuts": bounds[1:-1]}


def _ranks(path: str, raw: dict[str, Any], faults: StudyFaults) -> _Made:
    number, ranked = raw["rank_of"], raw.get("ranked")
    for key, value, least, most in (("rank_of", number, 2, MAX_LEVELS), ("ranked", ranked, 1, MAX_LEVELS - 1)):
        if value is None and key == "ranked":
            continue
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            message, remedy = f"{shown(key)} of {shown(path)} is {kind_of(value)}.", f"Give {least} to {most}."
            faults.add("levels", message, remedy, key, f"[{path}]")
            return None
    if ranked is not None and ranked >= number:
        message = f"'ranked' of {shown(path)} is not less than 'rank_of'."
        faults.add("levels", message, "Leave it out where all areas are ranked.", "ranked", f"[{path}]")
        return None
    levels = [str(rank) for rank in range(ranked or number, 0, -1)]
    return ([UNRANKED, *levels] if ranked else levels), {"form": "rank", "ranked": ranked}
