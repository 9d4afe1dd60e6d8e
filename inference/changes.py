"""What a user would change of a fit, read and checked: every fault in one pass, with the nearest known name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.choices import AreaChoices, Choices
from ..datasets.validation import hint, listed
from ..errors import Fault, InputError, clean, shown
from ..forward_model.problem_area import conflict_matrix
from .changed_states import Change
from .drawn_again import AreaDraws, Units, with_units

Array = NDArray[np.float64]

type Who = str | tuple[str, str]
"""A group or an agent by name; ``("group", name)`` or ``("agent", name)`` where a name is both."""
type Where = str | tuple[str, Who]
"""An area, or an area with a group or an agent."""
type Goal = str | tuple[str | None, float] | None
"""The goal that agents come to hold, None for no goal; with the share of them that do."""

EVERYBODY = ("everybody", "")


@dataclass(frozen=True, eq=False)
class AreaChange:
    """What changes in one area: parts of its agents, what becomes of each, and the conflict between goal shares."""

    units: Units
    changes: tuple[Change, ...]
    conflict: Array


@dataclass(frozen=True, eq=False)
class Changes:
    """All that changes: in each area, and the new share of some groups in the population."""

    areas: tuple[AreaChange, ...]
    group_share: Mapping[str, float]
    sentences: tuple[str, ...]


@dataclass(eq=False)
class _Reader:
    """Collects faults, and for each area what is said of everybody, of groups and of agents."""

    choices: Choices
    faults: list[Fault] = field(default_factory=list)
    said: dict[tuple[str, str], dict[tuple[str, str], Any]] = field(default_factory=dict)
    sentences: list[str] = field(default_factory=list)
    _place: dict[str, int] | None = None

    @property
    def agents(self) -> dict[str, int]:
        """Position of each agent."""
        if self._place is None:
            self._place = {str(name): i for i, name in enumerate(self.choices.agents)}
        return self._place

    def fault(self, code: str, message: str, remedy: str, value: object) -> None:
        self.faults.append(Fault(code=code, message=message, remedy=remedy, value=str(value)))

    def area(self, option: str, name: object) -> AreaChoices | None:
        names = [area.name for area in self.choices.areas]
        if name in names:
            return self.choices.areas[names.index(str(name))]
        otherwise = f"The areas are {listed(names)}."
        self.fault("unknown-area", f'"{option}" names {shown(name)}, no area.', hint(str(name), names, otherwise), name)
        return None

    def who(self, option: str, name: object) -> tuple[str, str] | None:
        groups: Collection[str] = self.choices.groups
        if isinstance(name, tuple) and len(name) == 2 and name[0] in {"group", "agent"}:
            kind, label = str(name[0]), str(name[1])
            known: Collection[str] = groups if kind == "group" else self.agents
            if label in known:
                return kind, label
            message = f'"{option}" names {shown(label)}, no {kind}.'
            self.fault(f"unknown-{kind}", message, hint(label, known, f"Name a {kind} of the table."), label)
            return None
        label = str(name)
        found = [(kind, label) for kind, known in (("group", groups), ("agent", self.agents)) if label in known]
        if len(found) == 1 and isinstance(name, str):
            return found[0]
        if found:
            message = f'"{option}" names {shown(label)}, both a group and an agent.'
            remedy = f'Write ("group", "{label}") or ("agent", "{label}"), or group:{label} as an option.'
            self.fault("ambiguous-name", message, remedy, label)
            return None
        otherwise = f"The groups are {listed(groups)}." if groups else "Name an agent of the table."
        remedy = hint(label, [*groups, *self.agents], otherwise)
        self.fault("unknown-name", f'"{option}" names {shown(label)}, neither a group nor an agent.', remedy, label)
        return None

    def where(self, option: str, place: object) -> tuple[AreaChoices, tuple[str, str]] | None:
        if isinstance(place, tuple) and len(place) == 2:
            area, who = self.area(option, place[0]), self.who(option, place[1])
        else:
            area, who = self.area(option, place), EVERYBODY
        return None if area is None or who is None else (area, who)

    def number(self, option: str, value: object, least: float, most: float) -> float | None:
        good = isinstance(value, int | float | np.number) and not isinstance(value, bool)
        if good and least <= float(value) <= most:  # type: ignore[arg-type]
            return float(value)  # type: ignore[arg-type]
        bounds = f"from {least:g} to {most:g}" if np.isfinite(most) else f"not below {least:g}"
        self.fault(option, f'"{option}" holds {shown(value)}.', f"Give a number {bounds}.", value)
        return None

    def say(self, option: str, area: AreaChoices, who: tuple[str, str], value: object, text: str) -> None:
        of = self.said.setdefault((option, area.name), {})
        if who in of:
            message = f'"{option}" speaks of {shown(who[1])} in {shown(area.name)} twice.'
            self.fault("changed-twice", message, "Say it once.", who[1])
        of[who] = value
        whom = "all agents" if who == EVERYBODY else f"{who[0]} {shown(who[1])}"
        self.sentences.append(clean(f"{area.name}, {whom}: {text}"))


def read_changes(
    choices: Choices,
    areas: tuple[AreaDraws, ...],
    *,
    goal: Mapping[Where, Goal] | None,
    weight: Mapping[Where, float] | None,
    weight_factor: Mapping[Where, float] | None,
    remove: Iterable[Who],
    conflict: Mapping[str, Any] | None,
    group_share: Mapping[str, float] | None,
) -> Changes:
    """Return what changes in each area.

    Parameters
    ----------
    choices, areas
        The choices of a fit and the draws behind its scores.
    goal, weight, weight_factor, remove, conflict, group_share
        As for :func:`.what_if`.

    Raises
    ------
    InputError
        With every fault.
    """
    reader = _Reader(choices)
    for place, held in (goal or {}).items():
        _read_goal(reader, place, held)
    for option, given, most in (("weight", weight, 1.0), ("weight_factor", weight_factor, np.inf)):
        for place, value in (given or {}).items():
            found, x = reader.where(option, place), reader.number(option, value, 0.0, most)
            if found is not None and x is not None:
                reader.say(option, *found, x, f"weight {x:g}" if option == "weight" else f"weight × {x:g}")
    names = [remove] if isinstance(remove, str) else list(remove)
    removed = {who for name in names if (who := reader.who("remove", name)) is not None}
    reader.sentences += [clean(f"{kind} {shown(label)}: removed") for kind, label in sorted(removed)]
    conflicts = _read_conflicts(reader, areas, conflict)
    shares = _read_shares(reader, group_share, removed)
    _check_left(reader, removed)
    if reader.faults:
        raise InputError(reader.faults)
    changed = tuple(_area_change(reader, area, removed, matrix) for area, matrix in zip(areas, conflicts, strict=True))
    return Changes(changed, shares, tuple(reader.sentences))


def _read_goal(reader: _Reader, place: object, value: object) -> None:
    found = reader.where("goal", place)
    name, share = value if isinstance(value, tuple) and len(value) == 2 else (value, 1.0)
    part = reader.number("goal", share, 0.0, 1.0)
    if found is None or part is None:
        return
    area, who = found
    if name is not None and name not in area.goals:
        remedy = hint(str(name), area.goals, f"The goals are {listed(area.goals)}; None is no goal.")
        message = f'"goal" gives {shown(name)}, not a goal of {shown(area.name)}.'
        reader.fault("unknown-goal", message, remedy, name)
        return
    at = len(area.goals) if name is None else area.goals.index(str(name))
    whom = "" if part == 1 else f" for a share of {part:g}"
    reader.say("goal", area, who, (at, part), f"{'no goal' if name is None else 'goal ' + shown(name)}{whom}")


def _read_conflicts(
    reader: _Reader, areas: tuple[AreaDraws, ...], conflict: Mapping[str, Any] | None
) -> tuple[Array, ...]:
    """Return the conflict between goal shares of each area, with the entries that change."""
    result = {area.density.area.name: area.conflict for area in areas}
    for name, given in (conflict or {}).items():
        area = reader.area("conflict", name)
        if area is None:
            continue
        matrix, k = np.array(result[area.name]), len(area.goals)
        if isinstance(given, Mapping):
            for pair, value in given.items():
                cell, x = _pair(reader, area, pair), reader.number("conflict", value, 0.0, 1.0)
                if cell is not None and x is not None:
                    matrix[..., cell[0], cell[1]] = matrix[..., cell[1], cell[0]] = x
                    reader.sentences.append(clean(f"{area.name}: conflict {shown(pair)} is {x:g}"))
        else:
            try:
                matrix[..., :k, :k] = conflict_matrix(area.goals, given, area=area.name)
            except InputError as error:
                reader.faults += error.faults
            reader.sentences.append(clean(f"{area.name}: all conflict entries as given"))
        result[area.name] = matrix
    return tuple(result.values())


def _pair(reader: _Reader, area: AreaChoices, pair: object) -> tuple[int, int] | None:
    """Return the positions of the two goals of a pair, written "a|b" or (a, b)."""
    parts = str(pair).split("|")
    written = [("|".join(parts[:i]), "|".join(parts[i:])) for i in range(1, len(parts))]
    if isinstance(pair, tuple) and len(pair) == 2:
        written = [(str(pair[0]), str(pair[1]))]
    found = [(a, b) for a, b in written if a in area.goals and b in area.goals and a != b]
    if len(found) == 1:
        return area.goals.index(found[0][0]), area.goals.index(found[0][1])
    possible = [f"{a}|{b}" for a in area.goals for b in area.goals if a != b]
    remedy = hint(str(pair), possible, f'The goals are {listed(area.goals)}. Write a pair as "a|b".')
    reader.fault("conflict-names", f'"conflict" names {shown(pair)}, no pair of {shown(area.name)}.', remedy, pair)
    return None


def _read_shares(
    reader: _Reader, group_share: Mapping[str, float] | None, removed: set[tuple[str, str]]
) -> dict[str, float]:
    shares: dict[str, float] = {}
    for name, value in (group_share or {}).items():
        who, x = reader.who("group_share", ("group", name)), reader.number("group_share", value, 0.0, 1.0)
        if who in removed:
            message = f'"group_share" gives a share to {shown(name)}, which is removed.'
            reader.fault("group-share", message, "Do one of the two.", name)
        elif who is not None and x is not None:
            shares[who[1]] = x
            reader.sentences.append(clean(f"group {shown(name)}: {x:g} of the population"))
    total = sum(shares.values())
    others = [g for g in reader.choices.groups if g not in shares and ("group", g) not in removed]
    anyone = bool(others) or bool((reader.choices.group_of_agent < 0).any())
    if total > 1 + 1e-9 or (shares and not anyone and abs(total - 1) > 1e-6):
        message = f'The shares in "group_share" sum to {total:g}.'
        remedy = "They may sum to at most 1; the other groups share the rest."
        reader.fault(
            "group-share", message, remedy if anyone else "They must sum to 1: there is no other group.", total
        )
    return shares


def _check_left(reader: _Reader, removed: set[tuple[str, str]]) -> None:
    choices = reader.choices
    gone = np.zeros(choices.n_agents, dtype=bool)
    for kind, label in removed:
        if kind == "group":
            gone |= choices.group_of_agent == choices.groups.index(label)
        else:
            gone[reader.agents[label]] = True
    if removed and (~gone).sum() < 2:
        message = f'"remove" leaves {(~gone).sum()} of {choices.n_agents:,} agents.'
        reader.fault("remove", message, "A score needs two agents.", (~gone).sum())


def _area_change(reader: _Reader, area: AreaDraws, removed: set[tuple[str, str]], conflict: Array) -> AreaChange:
    """Return the units of an area: agents that something is said of by name, together when it is the same."""
    choices, name = reader.choices, area.density.area.name
    named = {who[1] for (_, of), said in reader.said.items() if of == name for who in said if who[0] == "agent"}
    named |= {label for kind, label in removed if kind == "agent"}
    kinds: dict[Change, int] = {}
    own = np.full(choices.n_agents, -1)
    for label in sorted(named):
        place = reader.agents[label]
        group = int(choices.group_of_agent[place])
        change = _change_of(reader, name, removed, choices.groups[group] if group >= 0 else None, label)
        own[place] = kinds.setdefault(change, len(kinds))
    units = with_units(area.density, own)
    only = choices.groups[0] if len(choices.groups) == 1 and area.density.n_units == 1 else None
    of_prior = [_change_of(reader, name, removed, group or only, None) for group in area.density.prior_names]
    every = list(kinds)
    changes = [of_prior[p] if k < 0 else every[k] for p, k in zip(units.prior, units.own, strict=True)]
    return AreaChange(units, tuple(changes), conflict)


def _change_of(
    reader: _Reader, area: str, removed: set[tuple[str, str]], group: str | None, agent: str | None
) -> Change:
    """Return what becomes of an agent, or of the agents of a group: what is said of it, else of its group, of all."""
    kinds = [("agent", agent), ("group", group)]
    keys = [(kind, label) for kind, label in kinds if label is not None]
    if any(key in removed for key in keys):
        return Change(removed=True)

    def said(option: str, default: Any) -> Any:
        of = reader.said.get((option, area), {})
        return next((of[key] for key in [*keys, EVERYBODY] if key in of), default)

    goal, share = said("goal", (None, 1.0))
    change = Change(goal, share, said("weight", None), said("weight_factor", 1.0))
    return change if change.goal is not None else replace(change, share=1.0)
