"""Changes as they are written on a command line, ``AREA/WHO=VALUE``, read against the names of a fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..datasets.choices import Choices
from ..errors import Fault, InputError, shown
from .changes import Goal, Where, Who


@dataclass(eq=False)
class _Words:
    """The names a text can mean, and the faults found."""

    choices: Choices
    faults: list[Fault] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.goals = {area.name: area.goals for area in self.choices.areas}
        self.groups = set(self.choices.groups)
        self.agents = {str(name) for name in self.choices.agents}

    def fault(self, option: str, text: str, remedy: str) -> None:
        message = f'"--{option}" has {shown(text)}.'
        self.faults.append(Fault(code=option, message=message, remedy=remedy, value=text))

    def who(self, text: str) -> Who:
        """Return a group or an agent; ``group:`` or ``agent:`` before it says which, where a name is both."""
        kind, _, name = text.partition(":")
        if name and kind in {"group", "agent"} and text not in self.groups and text not in self.agents:
            return kind, name
        return text

    def place(self, text: str) -> tuple[str, str | None] | None:
        """Return the known area a text begins with, the longest there is, and what stands behind its stroke."""
        for area in sorted(self.goals, key=len, reverse=True):
            if text == area:
                return area, None
            if text.startswith(f"{area}/"):
                return area, text[len(area) + 1 :]
        return None

    def where(self, text: str) -> Where:
        """Return an area, or an area with a group or an agent; an unknown area stays for the reader to name."""
        area, _, behind = text.partition("/")
        found = self.place(text) or (area, behind or None)
        return found[0] if found[1] is None else (found[0], self.who(found[1]))

    def goal(self, area: str, text: str) -> Goal | None:
        """Return a goal, or (goal, share); None if the area has no such goal."""
        goals = self.goals[area]
        if text in goals:
            return text
        name, mark, share = text.rpartition(":")
        if mark and (name in goals or not name) and _is_number(share):
            return (name or None, float(share))
        return None


def read_written(
    choices: Choices,
    *,
    goal: Sequence[str] = (),
    weight: Sequence[str] = (),
    weight_factor: Sequence[str] = (),
    remove: Sequence[str] = (),
    conflict: Sequence[str] = (),
    group_share: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the arguments of :func:`.what_if` that texts stand for.

    Parameters
    ----------
    choices
        The choices of the fit: names of areas, goals, groups and agents may hold ``=``, ``/`` and ``:`` themselves, and
        are known from here.
    goal
        ``AREA=GOAL`` for all agents, ``AREA/WHO=GOAL`` for a group or an agent; ``AREA=GOAL:SHARE`` for a share of
        them, ``AREA=`` for no goal. Where WHO is both a group and an agent, ``group:WHO`` or ``agent:WHO``.
    weight, weight_factor
        ``AREA=NUMBER`` or ``AREA/WHO=NUMBER``.
    remove
        Groups and agents.
    conflict
        ``AREA/GOAL|GOAL=NUMBER`` for an entry, ``AREA=NUMBER`` for all of them.
    group_share
        ``GROUP=NUMBER``.

    Raises
    ------
    InputError
        With every text that is not of this form, or says something a second time.
    """
    words = _Words(choices)
    conflicts: dict[str, Any] = {}
    _read_conflicts(words, conflict, conflicts)
    read: dict[str, Any] = {
        "goal": _mapping(words, "goal", goal, lambda text: _goal(words, text)),
        "weight": _mapping(words, "weight", weight, lambda text: _numbered(words, text)),
        "weight_factor": _mapping(words, "weight-factor", weight_factor, lambda text: _numbered(words, text)),
        "remove": [words.who(text) for text in remove],
        "conflict": conflicts,
        "group_share": _mapping(words, "group-share", group_share, _share),
    }
    if words.faults:
        raise InputError(words.faults)
    return {option: given for option, given in read.items() if given}


_FORMS = {
    "goal": "Write AREA=GOAL, AREA/WHO=GOAL, or AREA=GOAL:SHARE; AREA= is no goal.",
    "weight": "Write AREA=NUMBER or AREA/WHO=NUMBER.",
    "weight-factor": "Write AREA=NUMBER or AREA/WHO=NUMBER.",
    "conflict": "Write AREA/GOAL|GOAL=NUMBER, or AREA=NUMBER for all pairs.",
    "group-share": "Write GROUP=NUMBER.",
}


def _mapping[K, V](
    words: _Words, option: str, texts: Iterable[str], read: Callable[[str], tuple[K, V] | None]
) -> dict[K, V]:
    found: dict[K, V] = {}
    for text in texts:
        entry = read(text)
        if entry is None:
            words.fault(option, text, _FORMS[option])
        elif entry[0] in found:
            words.fault(option, text, "Say it once.")
        else:
            found[entry[0]] = entry[1]
    return found


def _goal(words: _Words, text: str) -> tuple[Where, Goal] | None:
    """Return where and which goal: the split at a ``=`` that gives a known place and goal, else the last one."""
    parts = text.split("=")
    if len(parts) < 2:
        return None
    splits = [("=".join(parts[:i]), "=".join(parts[i:])) for i in range(len(parts) - 1, 0, -1)]
    for left, right in splits:
        place = words.place(left)
        if place is None or (place[1] is not None and not _known(words, place[1])):
            continue
        if right == "":
            return words.where(left), None
        held = words.goal(place[0], right)
        if held is not None:
            return words.where(left), held
    left, right = splits[0]
    return words.where(left), right or None


def _known(words: _Words, name: str) -> bool:
    who = words.who(name)
    return isinstance(who, tuple) or who in words.groups or who in words.agents


def _numbered(words: _Words, text: str) -> tuple[Where, float] | None:
    left, mark, right = text.rpartition("=")
    return (words.where(left), float(right)) if mark and _is_number(right) else None


def _share(text: str) -> tuple[str, float] | None:
    left, mark, right = text.rpartition("=")
    return (left, float(right)) if mark and _is_number(right) else None


def _read_conflicts(words: _Words, texts: Iterable[str], found: dict[str, Any]) -> None:
    for text in texts:
        left, mark, right = text.rpartition("=")
        if not (mark and _is_number(right)):
            words.fault("conflict", text, _FORMS["conflict"])
            continue
        name, _, behind = left.partition("/")
        area, pair = words.place(left) or (name, behind or None)
        entries = found.get(area, {})
        if area in found and (pair is None or not isinstance(entries, dict) or pair in entries):
            words.fault("conflict", text, "Say it once.")
        elif pair is None:
            found[area] = float(right)
        else:
            found[area] = entries | {pair: float(right)}


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
