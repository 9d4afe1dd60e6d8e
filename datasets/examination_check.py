"""Checks of examination, and the items that ``[log.examination]`` makes: one for each place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..errors import shown
from .conditions import parse_condition
from .examination import LEARNED, Examination, LogExamination, Probability
from .log_study import OUTCOME, POSITION, Log
from .study import Area, Item
from .validation import StudyFaults, hint, kind_of, listed, parse_part


def checked_log_examination(raw: Any, faults: StudyFaults) -> LogExamination | None:
    """Return ``[log.examination]``, or None with a fault.

    Parameters
    ----------
    raw
        Its keys.
    faults
        Takes what is wrong.
    """
    path = "log.examination"
    found = parse_part(LogExamination, _plain(raw), path, faults)
    if found is None:
        return None
    for name, condition in found.places.items():
        if parse_condition(condition) is None:
            message = f"Place {shown(name)} of [{path}] is {kind_of(condition)}, which is no comparison."
            remedy = 'Write ">= 4", "> 2, < 4" for a range, a code, or a list of codes.'
            faults.add("wrong-value", message, remedy, name, value=condition)
    _check_probability(f"[{path}]", found.places, found.probability, faults)
    return found


def checked_examination(area: str, raw: Any, faults: StudyFaults) -> Examination | None:
    """Return ``[areas.X.examination]``, or None with a fault.

    Parameters
    ----------
    area
        Name of the area.
    raw
        Its keys.
    faults
        Takes what is wrong.
    """
    path = f"areas.{area}.examination"
    found = parse_part(Examination, _plain(raw), path, faults)
    if found is None:
        return None
    if len(set(found.places)) < len(found.places):
        faults.add("place-twice", f"[{path}] lists a place twice.", "List each once.", f"[{path}]", "places")
        return None
    _check_probability(f"[{path}]", found.places, found.probability, faults)
    return found


def _plain(raw: Any) -> Any:
    """Return the keys with whole numbers of probabilities as the numbers they are."""
    given = raw.get("probability") if isinstance(raw, dict) else None
    if not isinstance(given, dict):
        return raw
    return {**raw, "probability": {name: float(e) if type(e) is int else e for name, e in given.items()}}


def _check_probability(header: str, places: Iterable[str], probability: Probability, faults: StudyFaults) -> None:
    if probability == LEARNED:
        return
    assert isinstance(probability, dict)
    names = list(places)
    for name in probability:
        if name not in names:
            message = f"'probability' of {header} names {shown(name)}, no place."
            remedy = hint(name, names, f"The places are {listed(names)}.")
            faults.add("unknown-place", message, remedy, "probability", header, value=name)
    lacking = [name for name in names if name not in probability]
    if lacking:
        message = f"'probability' of {header} says nothing of {listed(lacking)}."
        remedy = 'Give every place its probability, or write probability = "learned".'
        faults.add("missing-key", message, remedy, "probability", header)


def check_log(log: Log, faults: StudyFaults) -> None:
    """Check that the rest of ``[log]`` goes with its examination.

    Parameters
    ----------
    log
        The log; it has an examination.
    faults
        Takes what is wrong.
    """
    header = "[log.examination]"
    if log.position is None:
        message = f"{header} is about places, and the log has no 'position'."
        faults.add("missing-key", message, 'Add position = "…" below [log]: the column of the place.', header)
    if not any(way.answer == OUTCOME for _, way in log.ways):
        message = f"{header} is about events that are looked at or not, and no reading has their outcome as its answer."
        remedy = "Let each item shown be an event, with 'clicked' or 'skipped' as its outcome."
        faults.add("not-supported", message, remedy, header)
    if any(way.question == POSITION for _, way in log.ways):
        message = f"A question is the position, and {header} asks every item at each place."
        faults.add("wrong-value", message, "Let the item or its category tell the question.", "question", header)
    if log.keep == "last":
        message = f'keep = "last" drops events, and with them where else an item was shown; there is {header}.'
        remedy = 'Not supported together: write keep = "all", or "furthest" within slates.'
        faults.add("not-supported", message, remedy, "keep", header)


def with_places(areas: Any, log: Log, faults: StudyFaults) -> Any:
    """Return the areas of a study as its file parses, with an item for each place at which something is shown.

    Parameters
    ----------
    areas
        ``[areas]``.
    log
        The log; it has an examination.
    faults
        Takes what does not go together.
    """
    given = log.examination
    assert given is not None
    if not isinstance(areas, dict):
        return areas
    made: dict[str, Any] = {"unseen": given.unseen, "places": list(given.places), "probability": given.probability}
    found, some = {}, False
    for name, area in areas.items():
        found[name] = area
        items = area.get("items") if isinstance(area, dict) else None
        if not isinstance(items, dict):
            continue
        if "examination" in area:
            some = True
            if area["examination"] != made:
                message = f"Area {shown(str(name))} has an examination of its own beside [log.examination]."
                faults.add("wrong-value", message, "Keep one of the two.", f"[areas.{name}.examination]")
            continue
        asked = {key: _at_places(str(key), item, given) for key, item in items.items()}
        if all(item is None for item in asked.values()):
            continue
        some = True
        own: dict[str, Any] = {}
        for key, item in asked.items():
            made_of = {key: items[key]} if item is None else item
            for twice in made_of.keys() & own.keys():
                message = f"Item {shown(twice)} stands in area {shown(str(name))} twice: as written, and at a place."
                faults.add("item-twice", message, "Rename one, or the place.", twice, value=twice)
            own |= made_of
        found[name] = {**area, "examination": made, "items": own}
    if not some:
        message = f"No item has the option {shown(given.unseen)} of [log.examination]."
        remedy = "It is what an event not looked at is: list it among the options of the items shown, as 'serves' does."
        faults.add("unknown-option", message, remedy, "unseen", value=given.unseen)
    return found


def _at_places(name: str, item: Any, given: LogExamination) -> dict[str, Any] | None:
    """Return an item at each place; None where it has no answer that stands for not looking."""
    serves = item.get("serves") if isinstance(item, dict) else None
    if not (isinstance(serves, dict) and given.unseen in serves) or "place" in item:
        return None
    what = item.get("column", name)
    return {
        f"{name} at {place}": {**item, "column": f"{what} at {place}", "shown": what, "place": place}
        for place in given.places
    }


def check_examination(area: Area, faults: StudyFaults) -> None:
    """Check what examination asks of an area.

    Parameters
    ----------
    area
        The area, its items included.
    faults
        Takes what is wrong.
    """
    header, name, given = f"[areas.{area.name}.examination]", shown(area.name), area.examination
    at_places = [item for item in area.items if item.place is not None]
    for item in area.items:
        if item.place is None and item.shown is not None:
            message = f"Item {shown(item.name)} has 'shown', and no place."
            faults.add("missing-key", message, 'Add place = "…", or remove it.', f"items.{item.name}]", "shown")
    if given is None:
        for item in at_places:
            message = f"Item {shown(item.name)} has a place, and area {name} does not say what places are."
            faults.add("missing-key", message, f"Add {header} with unseen and places.", f"items.{item.name}]", "place")
        return
    if not at_places:
        message = f"No item of area {name} is shown at a place."
        faults.add("no-items", message, f'Write place = "…" below the items, or remove {header}.', header)
    for item in at_places:
        _check_item(item, given, faults)
    _check_same(at_places, faults)
    wrong = {
        "are learned": (area.learned, "Say what options serve."),
        "are told by passing too": (area.abstain is not None, "Remove 'abstain', or list its codes in 'missing'."),
    }
    for what, (is_wrong, remedy) in wrong.items():
        if is_wrong:
            message = f"Items of area {name} are shown at places, and its goals {what}."
            faults.add("not-supported", message, f"Not supported together. {remedy}", header, f"[areas.{area.name}]")


def _check_item(item: Item, given: Examination, faults: StudyFaults) -> None:
    name, where = shown(item.name), f"items.{item.name}]"
    if item.kind != "choice":
        message = f"Item {name} of kind {item.kind!r} is shown at a place."
        faults.add("not-supported", message, "Not supported yet: remove its place, or kind.", where, "place")
    if item.place not in given.places:
        message = f"Item {name} is shown at {shown(str(item.place))}, no place of its area."
        remedy = hint(str(item.place), given.places, f"The places are {listed(given.places)}.")
        faults.add("unknown-place", message, remedy, where, "place", value=item.place)
    if given.unseen not in item.serves:
        message = f"Item {name} lacks the option {shown(given.unseen)} of whoever does not look."
        remedy = hint(given.unseen, item.serves, f"The options are {listed(item.serves)}.")
        faults.add("unknown-option", message, remedy, where, "unseen", value=given.unseen)


def _check_same(items: list[Item], faults: StudyFaults) -> None:
    """Check that what is shown at several places is the same item but for its place."""
    first: dict[str, Item] = {}
    taken: set[tuple[str, str]] = set()
    for item in items:
        what, where = item.shown or item.name, f"items.{item.name}]"
        other = first.setdefault(what, item)
        if (item.serves, list(item.serves), item.repeated) != (other.serves, list(other.serves), other.repeated):
            message = f"Items {shown(other.name)} and {shown(item.name)} show the same, and their options differ."
            faults.add("wrong-value", message, "Give both the same options and goals, or another 'shown'.", where)
        if (what, str(item.place)) in taken:
            message = f"Item {shown(item.name)} is shown at {shown(str(item.place))} twice."
            faults.add("place-twice", message, "Give it another place, or another 'shown'.", where)
        taken.add((what, str(item.place)))
