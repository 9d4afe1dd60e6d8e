"""Checks of items by their kind: what each kind asks of the options, and of the goals they serve."""

from __future__ import annotations

from typing import Any

from ..errors import shown
from .numbers import KINDS as NUMBERS
from .numbers import SIDES
from .stated import MAX_LEVELS
from .study import Item, Table
from .validation import StudyFaults, hint, kind_of, listed


def check_kind(item: Item, faults: StudyFaults, *, learned: bool = False) -> None:
    """Check what an item's kind asks of its options; ``learned`` where the goals of its area are."""
    name, where = shown(item.name), f"items.{item.name}]"
    if item.kind in {"ordinal", "importance"} and item.n_answers > MAX_LEVELS:
        message = f"Item {name} has more than {MAX_LEVELS} levels."
        faults.add("levels", message, "Merge levels, or ask with fewer.", where, "importance")
    if item.kind == "importance" and any(item.serves.values()):
        message = f"A level of the stated importance {name} serves a goal."
        faults.add("kind", message, "Importance is of the area, whatever the goal: write [] for every level.", where)
    if item.objects and item.kind != "pairwise":
        message = f"Item {name} of kind {item.kind!r} names 'objects'."
        faults.add("kind", message, 'Remove them, or write kind = "pairwise".', where, "objects")
    if item.is_number:
        _check_number(item, faults, learned=learned)
    _check_order(item, faults)
    if item.kind == "ordinal":
        _check_places(item, faults)
    if item.kind == "pairwise":
        _check_pair(item, faults)


def with_sides(name: str, item: dict[str, Any], faults: StudyFaults) -> dict[str, Any]:
    """Return the keys of an item with ``raises`` and ``lowers`` as what ``more`` and ``less`` serve.

    Parameters
    ----------
    name
        Name of the item.
    item
        Its keys.
    faults
        Takes what is wrong.
    """
    given = {key: item[key] for key in ("raises", "lowers") if key in item}
    if item.get("kind") not in NUMBERS and not given:
        return item
    where = f"items.{name}]"
    rest = {key: value for key, value in item.items() if key not in given}
    if item.get("kind") not in NUMBERS:
        message = f"Item {shown(name)} has {shown(next(iter(given)))}, which counts and durations have."
        faults.add("kind", message, 'Write kind = "count" or "duration", or say what its options serve.', where)
        return rest
    if given and "serves" in item:
        message = f"Item {shown(name)} has both 'serves' and {shown(next(iter(given)))}."
        faults.add("kind", message, "Remove 'serves': a number has no options.", where)
        return rest
    goals: dict[str, Any] = {key: [value] if isinstance(value, str) else value for key, value in given.items()}
    for key, value in goals.items():
        if not (isinstance(value, list) and all(isinstance(goal, str) for goal in value)):
            message = f"{shown(key)} of item {shown(name)} is {kind_of(value)}."
            faults.add("wrong-type", message, 'Name goals: raises = ["a"].', key, where)
            goals[key] = []
    sides = dict(zip(SIDES, ("raises", "lowers"), strict=True))
    return rest if "serves" in item else {**rest, "serves": {side: goals.get(key, []) for side, key in sides.items()}}


def _check_number(item: Item, faults: StudyFaults, *, learned: bool) -> None:
    name, where = shown(item.name), f"items.{item.name}]"
    if tuple(item.serves) != SIDES:
        message = f"Item {name} of kind {item.kind!r} lists options."
        faults.add("kind", message, 'A number has none: write raises = ["a"], lowers = ["b"].', where)
        return
    for goal in set(item.serves["more"]) & set(item.serves["less"]):
        message = f"Goal {shown(goal)} both raises and lowers item {name}."
        faults.add("kind", message, "Keep one of the two.", where, value=goal)
    if not any(item.serves.values()) and not learned:
        message = f"No goal raises or lowers item {name}."
        faults.add("kind", message, 'Write raises = ["a"] or lowers = ["b"].', where)


_OF_KINDS = {
    "ranks": {"ranking"},
    "places": {"ranking", "best_worst"},
    "separator": {"ranking", "best_worst"},
    "top": {"ranking"},
    "ties": {"ranking"},
    "available": {"situation", "ranking", "best_worst"},
    "offered": {"ranking"},
    "alternative": {"situation"},
    "features": {"situation"},
    "exposure": {"count"},
}
"""Keys that have a meaning for some kinds only."""


def _check_order(item: Item, faults: StudyFaults) -> None:
    """Check how a ranking, or a best and a worst option, is written."""
    name, where = shown(item.name), f"items.{item.name}]"
    for key, kinds in _OF_KINDS.items():
        if item.kind not in kinds and getattr(item, key) != Item.model_fields[key].get_default(
            call_default_factory=True
        ):
            kind = " or ".join(f'kind = "{kind}"' for kind in sorted(kinds, reverse=True))
            message = f"Item {name} of kind {item.kind!r} has {key!r}."
            faults.add("kind", message, f"Remove it, or write {kind}.", where, key)
    if not item.in_stages:
        return
    if item.ranks and item.kind == "ranking":
        _check_ranks(item, faults)
    wrong = {
        "offered": (
            item.offered == "ranked" and bool(item.available),
            "has both 'available' and offered = \"ranked\"",
            "Keep one of the two.",
        ),
        "ranks": (item.ranks and item.places, "has both 'ranks' and 'places'", "Keep one of the two."),
        "ties": (
            item.ties != "error" and not item.ranks,
            "has 'ties' without 'ranks'",
            "Give the columns of the ranks.",
        )
        if item.ties != "cut" or item.offered != "ranked"
        else (
            True,
            'has ties = "cut", and what is cut was on offer',
            "Write ties = \"order\", or say what was on offer by 'available'.",
        ),
        "top": (
            (item.top or 0) > len(item.serves),
            f"asks for {item.top} places",
            "Give at most the number of options.",
        ),
        "places": (
            len(item.places) > len(item.serves) or (item.kind == "best_worst" and len(item.places) not in {0, 2}),
            f"has {len(item.places)} 'places'",
            "Give at most one for each option; for best and worst two.",
        ),
    }
    for key, (is_wrong, what, remedy) in wrong.items():
        if is_wrong:
            faults.add("kind", f"Item {name} {what}.", remedy, where, key)
    for option in item.available if item.in_stages else ():
        if option not in item.serves:
            message = f"{shown(option)} of 'available' of item {name} is no option."
            remedy = hint(option, item.serves, f"The options are {listed(item.serves)}.")
            faults.add("unknown-option", message, remedy, "available", where, value=option)
    cut = [option for option in item.serves if item.separator in option]
    if cut and not (item.ranks or item.places):
        message = f"Option {shown(cut[0])} of item {name} holds the separator {shown(item.separator)}."
        faults.add("kind", message, 'Give another with separator = "…".', "separator", where)


def _check_ranks(item: Item, faults: StudyFaults) -> None:
    name, where = shown(item.name), f"items.{item.name}]"
    for option in item.ranks:
        if option not in item.serves:
            message = f"{shown(option)} of 'ranks' of item {name} is no option."
            remedy = hint(option, item.serves, f"The options are {listed(item.serves)}.")
            faults.add("unknown-option", message, remedy, "ranks", where, value=option)
    lacking = [option for option in item.serves if option not in item.ranks]
    if lacking:
        message = f"'ranks' of item {name} names no column for {listed(lacking)}."
        faults.add("missing-key", message, "Give every option its column.", "ranks", where)


def _check_places(item: Item, faults: StudyFaults) -> None:
    for goal in dict.fromkeys(goal for served in item.serves.values() for goal in served):
        levels = [place for place, served in enumerate(item.serves.values()) if goal in served]
        if levels[-1] - levels[0] + 1 > len(levels):
            message = f"The levels of item {shown(item.name)} that serve {shown(goal)} are not neighbours."
            remedy = 'A goal has one place on an ordered scale; write kind = "choice" for options without an order.'
            faults.add("kind", message, remedy, f"items.{item.name}]", value=goal)


def _check_pair(item: Item, faults: StudyFaults) -> None:
    name, where = shown(item.name), f"items.{item.name}]"
    if item.n_answers not in {2, 3}:
        message = f"Item {name} compares two objects, and has {item.n_answers} options."
        faults.add("kind", message, "List the first object, the second, and perhaps a tie.", where)
        return
    served = list(item.serves.values())[: item.n_answers]
    if len(served) == 3 and served[2]:
        message = f"The tie of item {name} serves a goal."
        faults.add("kind", message, "Write []: a tie serves half of what both objects serve.", where)
    if item.objects and (len(item.objects) != 2 or len(set(item.objects)) != 2):
        message = f"'objects' of item {name} are not two names."
        faults.add("kind", message, 'Write objects = ["the first", "the second"].', where, "objects")


def check_situations(item: Item, table: Table, faults: StudyFaults) -> None:
    """Check that an item of kind ``situation`` and the layout of the table fit each other."""
    name, where = shown(item.name), f"items.{item.name}]"
    if not table.of_situations:
        message = f"Item {name} is of kind 'situation', and the layout of the table is {table.layout!r}."
        remedy = 'Write layout = "situations" (a row for each) or "alternatives" (a row for each option shown).'
        faults.add("kind", message, remedy, "layout", where)
        return
    by_row = table.layout == "alternatives"
    wrong = {
        "repeated": (item.repeated, "Remove it: an agent may be in many situations."),
        "available": (bool(item.available) and by_row, "Remove it: options without a row are not available."),
        "alternative": (
            item.alternative is not None and not by_row,
            'It names the column of options in "alternatives".',
        ),
    }
    if by_row and item.alternative is None:
        message = f"Item {name} needs 'alternative', the name of the column that says which option a row is about."
        faults.add("missing-key", message, f'Add alternative = "…" below [areas.….items.{item.name}].', where)
    for key, (is_wrong, remedy) in wrong.items():
        if is_wrong:
            faults.add("kind", f"{key!r} of item {name} does not fit layout {table.layout!r}.", remedy, key, where)
    named = [("available", option) for option in item.available]
    for feature_name, feature in item.features.items():
        at = f"features.{feature_name}]"
        named += [(f"feature {feature_name}", option) for option in (*feature.columns, *feature.only)]
        message = f"Feature {shown(feature_name)} of item {name} "
        if (feature.column is None) == (not feature.columns):
            faults.add("kind", message + "needs either 'column' or 'columns'.", "Give one of them.", at, where)
        elif by_row and feature.columns:
            remedy = 'Write column = "…": the row says which option it is.'
            faults.add("kind", message + "has 'columns', and a row holds one option.", remedy, at, where)
        elif feature.columns and feature.only:
            remedy = "Remove 'only': those named in 'columns' have the feature."
            faults.add("kind", message + "has both 'columns' and 'only'.", remedy, at, where)
        elif not by_row and feature.column and not 0 < len(set(feature.only)) < len(item.serves):
            remedy = "Name some options, not all, in 'only': what all options have alike moves no choice."
            faults.add("kind", message + "is the same for all options.", remedy, at, where)
    for what, option in named:
        if option not in item.serves:
            message = f"{shown(option)} of {what!r} of item {name} is no option."
            remedy = hint(option, item.serves, f"The options are {listed(item.serves)}.")
            faults.add("unknown-option", message, remedy, where, value=option)


def check_objects(area: str, items: list[Item], faults: StudyFaults) -> None:
    """Check that an object that is compared in several items of an area serves the same goals in all."""
    known: dict[str, tuple[Item, frozenset[str]]] = {}
    for item in items:
        if item.kind == "pairwise" and len(item.compared) != 2:
            continue
        for name, served in zip(item.compared, item.serves.values(), strict=False):
            before, goals = known.setdefault(name, (item, frozenset(served)))
            if goals != frozenset(served):
                message = f"{shown(name)} serves other goals in item {shown(item.name)} than in {shown(before.name)}."
                remedy = "Give it the same goals in all comparisons of an area, or other names in 'objects'."
                faults.add("kind", message, remedy, name)
