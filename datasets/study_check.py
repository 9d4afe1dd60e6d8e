"""Checks of a study: every fault of its file in one pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import LISTED, InputError, brief, shown
from ..forward_model.problem_area import conflict_matrix
from .abstain import Abstain
from .abstain_check import check_passing, checked_abstain, with_passing
from .covariate_check import check_covariates
from .dependence import KEY, Dependence, check_dependence
from .examination_check import check_examination, checked_examination, with_places
from .importance_item import importance_item
from .item_check import check_kind, check_objects, check_situations, with_sides
from .judgements import check_judgements, with_pairs
from .learned_goals import check_learned, check_options, listed_options, with_learned_goals
from .log_check import check_alone, check_questions, checked_log, log_table
from .self_selection_check import check_selection, checked_selection, with_log_selection, with_originals
from .several_goals import check_beside, check_several
from .study import Area, Conflict, Entry, Item, Priors, Study, Table, View
from .study_size import refuse_large
from .uncertain_conflict import (
    BEHAVIOURAL,
    LARGEST,
    coded,
    entry_fault,
    is_entry,
    is_range,
    mapped,
    mean_of,
    parsed_entry,
    views,
)
from .validation import StudyFaults, hint, kind_of, listed, parse_part

_MOST_BARS = 50
"""Bars in the name of a pair of goals: each of them could be the one between the two."""


def checked_study(raw: Mapping[str, Any], *, file: str | None = None, text: str | None = None) -> dict[str, Any]:
    """Return the checked parts of a study, as :class:`Study` takes them.

    Parameters
    ----------
    raw
        The study as its file parses.
    file, text
        Name and text of the file, for messages.

    Raises
    ------
    InputError
        With every fault of the study.
    """
    faults = StudyFaults(file, text)
    if not isinstance(raw, Mapping):
        faults.add("wrong-type", "A study is a table of keys.", "Give a dictionary, or read a TOML file.")
        raise InputError(faults.found)
    refuse_large(raw, faults)
    top = _plain(raw)
    areas_raw = top.pop("areas", {})
    table_raw = top.pop("table", {})
    priors_raw = top.pop("priors", {})
    areas_raw = with_log_selection(areas_raw, top.get("log"))
    dependence = parse_part(Dependence, top.pop(KEY), KEY, faults) if KEY in top else None
    log = checked_log(top.pop("log"), faults) if "log" in top else None
    head = parse_part(Study, {**top, "areas": ()}, "", faults, known=("title", "table", "log", "areas", "priors", KEY))
    table = _table(table_raw, faults)
    priors = parse_part(Priors, priors_raw, "priors", faults)
    if table is not None and table.layout == "judgements":
        areas_raw = with_pairs(areas_raw, table, faults)
        refuse_large({"table": table_raw, "areas": areas_raw}, faults)
    if log is not None and log.examination is not None:
        areas_raw = with_places(areas_raw, log, faults)
        refuse_large({"log": raw["log"], "areas": areas_raw}, faults)
    areas = _areas(areas_raw, faults)
    if table is not None and log is not None:
        check_alone(log, table, faults)
        check_questions(log, areas, faults)
        table = log_table(log, table).model_copy(update={"periods": table.periods if log.period else ()})
    elif table is not None and "log" not in raw:
        _check_layout(table, areas, faults)
    _check_items(areas, table, faults)
    if table is not None:
        check_beside(areas, table, faults)
    check_dependence(dependence, areas, table, faults)
    if faults.found:
        raise InputError(faults.found)
    assert head is not None
    checked = {"title": head.title, "table": table, "areas": tuple(areas), "priors": priors}
    return checked | ({} if log is None else {"log": log}) | ({} if dependence is None else {KEY: dependence})


def _plain(value: Any) -> Any:
    """Return numpy values as Python's own and copy the containers."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return value


def _table(raw: Any, faults: StudyFaults) -> Table | None:
    table = parse_part(Table, raw, "table", faults)
    if table is None:
        return None
    codes = Counter(code for merged in table.groups.values() for code in merged)
    twice = [code for code, times in codes.items() if times > 1]
    for code in twice[:LISTED]:
        names = [name for name, merged in table.groups.items() if code in merged]
        message = f"Code {shown(code)} of the group column belongs to {listed(names)}."
        faults.add("group-twice", message, "Keep it in one group.", "table.groups")
    if twice[LISTED:]:
        message, count = "More codes of the group column belong to several groups.", len(twice) - LISTED
        faults.add("group-twice", message, "Keep each in one group.", "table.groups", count=count)
    if table.groups and table.group is None:
        message = "[table.groups] merges codes, but 'table.group' names no column."
        faults.add("missing-key", message, 'Add group = "…" below [table].', "table.groups")
    if table.systems and table.group is None:
        message = "'systems' names groups, but 'table.group' names no column."
        faults.add("missing-key", message, 'Add group = "…" below [table].', "systems")
    for name in table.systems if table.groups else ():
        if name not in table.groups:
            message = f"{shown(name)} of 'systems' is no group."
            remedy = hint(name, table.groups, f"The groups are {listed(table.groups)}.")
            faults.add("unknown-group", message, remedy, "systems", value=name)
    if table.thousands and table.thousands == table.decimal:
        faults.add("wrong-value", "'decimal' and 'thousands' are the same mark.", "Give two marks.", "thousands")
    if table.delimiter is not None and (table.delimiter in '"\r\n\0' or not table.delimiter.isascii()):
        message = f"{shown(table.delimiter)} cannot separate fields."
        faults.add("wrong-value", message, "Give one ASCII character, a comma, say.", "delimiter")
    check_covariates(table, faults)
    return table


def _check_layout(table: Table, areas: list[Area], faults: StudyFaults) -> None:
    _check_situations(table, areas, faults)
    check_judgements(table, areas, faults)
    if table.layout == "judgements":
        return
    if table.layout == "long":
        _check_long(table, areas, faults)
        return
    if table.times is not None and table.agent is not None:
        message = "A row of a wide table stands for one agent where 'table.agent' names them, and for many by 'times'."
        faults.add("wrong-value", message, "Remove one of the two.", "times", "agent")
    for key in ("item", "answer"):
        if getattr(table, key) is not None:
            message = f"'table.{key}' has a meaning in long tables only."
            faults.add("wrong-value", message, 'Remove it, or write layout = "long".', key)
    for area in areas:
        for item in area.items:
            if item.in_ballots:
                _check_ballots(item, table, faults)
            if item.repeated and not (item.in_stages and table.of_situations):
                message = f"Item {shown(item.name)} is repeated, which a wide table cannot hold."
                faults.add(
                    "wrong-value", message, 'Write layout = "long" below [table].', f"items.{item.name}]", "repeated"
                )


def _check_long(table: Table, areas: list[Area], faults: StudyFaults) -> None:
    """Check what a long table needs, and what it does not hold."""
    for key in ("agent", "item", "answer"):
        if getattr(table, key) is None:
            message = f"A long table needs 'table.{key}', the name of a column."
            faults.add("missing-key", message, f'Add {key} = "…" below [table].', "long")
    for item in (item for area in areas for item in area.items if item.exposure):
        message = f"Item {shown(item.name)} has an 'exposure', which a long table does not hold."
        faults.add("not-supported", message, "Not supported yet: give a wide table.", f"items.{item.name}]")
    for item in (item for area in areas for item in area.items if item.available and item.in_stages):
        message = f"Item {shown(item.name)} has 'available', columns which a long table does not have."
        remedy = 'Write offered = "ranked", or layout = "situations" with a row for each ranking.'
        faults.add("wrong-value", message, remedy, f"items.{item.name}]", "available")
    for item in (item for area in areas for item in area.items if item.ranks or item.places):
        message = f"Item {shown(item.name)} names columns of its own, which a long table does not have."
        remedy = 'Write the options in order in one answer, such as "a>b>c", or give a wide table.'
        faults.add("wrong-value", message, remedy, f"items.{item.name}]", "ranks", "places")


def _check_ballots(item: Item, table: Table, faults: StudyFaults) -> None:
    """Check that a ranking of options that differ and the layout of a table that is not long go together."""
    where = f"items.{item.name}]"
    if table.layout == "alternatives" and (item.available or item.repeated):
        key = "available" if item.available else "repeated"
        message = f"{key!r} of item {shown(item.name)} does not fit layout 'alternatives'."
        faults.add("kind", message, 'Write layout = "situations", with a row for each ranking.', key, where)
    if table.times is not None:
        message = f"A row stands for many agents by 'times', and item {shown(item.name)} has its own options in each."
        faults.add("not-supported", message, "Not supported yet: give each agent a row.", "times", where)


def _check_situations(table: Table, areas: list[Area], faults: StudyFaults) -> None:
    """Check that the layout of the table and items of kind ``situation`` go together."""
    situations = [item for area in areas for item in area.items if item.kind == "situation"]
    for item in situations:
        check_situations(item, table, faults)
    if table.of_situations:
        ballots = table.layout == "situations" and any(i.in_stages and i.repeated for a in areas for i in a.items)
        if not situations and not ballots:
            message = f"Layout {table.layout!r} is for items of kind 'situation', and there are none."
            faults.add("wrong-value", message, 'Write kind = "situation" below the item.', "layout")
        if table.times is not None:
            message = f"'table.times' has no meaning in layout {table.layout!r}."
            faults.add("wrong-value", message, "Remove it.", "times")
    if table.situation is None and table.layout == "alternatives":
        message = "Layout 'alternatives' needs 'table.situation', the name of the column that tells situations apart."
        faults.add("missing-key", message, 'Add situation = "…" below [table].', "layout")
    elif table.situation is not None and table.layout != "alternatives":
        message = f"'table.situation' does not fit layout {table.layout!r}."
        faults.add(
            "wrong-value", message, 'It names the column of situations in "alternatives".', "situation", "layout"
        )


def _areas(raw: Any, faults: StudyFaults) -> list[Area]:
    if not isinstance(raw, dict):
        faults.add("wrong-type", f"'areas' is {kind_of(raw)}.", "Write each area as [areas.NAME].", "areas")
        return []
    if not raw:
        message = "The study names no problem area."
        faults.add("missing-key", message, "Add [areas.NAME] with its goals, conflict and items.")
    areas = [area for name, entry in raw.items() if (area := _area(str(name), entry, faults)) is not None]
    if areas and all(area.area_weight == 0 for area in areas):
        message = "All area weights are 0, so there is no overall score."
        faults.add("zero-weights", message, "Give an area a positive area_weight.", "area_weight")
    return areas


def _area(name: str, raw: Any, faults: StudyFaults) -> Area | None:
    path = f"areas.{name}"
    if not isinstance(raw, dict):
        faults.add("wrong-type", f"{shown(path)} is {kind_of(raw)}.", f"Write it as [{path}].", name)
        return None
    before = len(faults.found)
    raw = with_learned_goals(name, dict(raw), faults)
    if "name" in raw:
        faults.add("unknown-key", f"Unknown key {shown(path + '.name')}.", f"The name is that of [{path}].", "name")
    items_raw, conflict = with_originals(name, raw.pop("items", {}), faults), raw.pop("conflict", None)
    stated = importance_item(name, raw.pop("importance"), faults) if "importance" in raw else None
    passing = raw.pop("abstain", None)
    abstain = None if passing is None else checked_abstain(name, passing, faults)
    places = raw.pop("examination", None)
    examination = None if places is None else checked_examination(name, places, faults)
    selection = checked_selection(name, raw.pop("selection"), faults) if "selection" in raw else None
    known = (*Area.model_fields, "importance")
    area = parse_part(Area, {**raw, "name": name}, path, faults, known=known)
    goals = area.goals if area is not None else _texts(raw.get("goals"))
    if area is not None:
        _check_goals(name, goals, faults)
    good = bool(goals) and len(set(goals)) == len(goals) and _check_conflict(name, goals, conflict, faults)
    learned = raw.get("learned") is True
    items = _items(path, items_raw, goals, faults, learned=learned, abstain=abstain)
    if stated is not None:
        items += _items(path, dict([stated]), goals, faults, learned=learned)
    check_objects(name, items, faults)
    if items and all(item.kind == "importance" for item in items):
        message = f"{shown(path)} asks only how important it is, and nothing that serves a goal."
        faults.add("no-items", message, f"Add [{path}.items.NAME] with its 'serves'.", f"[{path}]")
    if area is None or not good or len(faults.found) > before:
        # the items are kept, so that what is compared over the whole study still sees them
        return Area.model_construct(name=name, goals=goals, items=tuple(items))
    parts = {"items": tuple(items), "abstain": abstain, "examination": examination, "selection": selection}
    more = {"conflict": _conflict_value(conflict), **parts}
    area = area.model_copy(update=more)
    check_learned(area, faults)
    check_passing(area, faults)
    check_examination(area, faults)
    check_selection(area, faults)
    check_several(area, faults)
    return area


def _texts(value: Any) -> tuple[str, ...]:
    good = isinstance(value, list) and all(isinstance(entry, str) and entry for entry in value)
    return tuple(value) if good else ()


def _check_goals(area: str, goals: tuple[str, ...], faults: StudyFaults) -> None:
    if not goals:
        message = f"Area {shown(area)} has no goals."
        faults.add(
            "no-goals", message, "List at least one goal; two or more make conflict possible.", f"[areas.{area}]"
        )
    for goal, times in Counter(goals).items():
        if times > 1:
            message = f"Goal {shown(goal)} of area {shown(area)} is listed {times} times."
            faults.add("goal-twice", message, "List each goal once.", goal, f"[areas.{area}]")
        if goal == "no goal":
            message = f"A goal of area {shown(area)} is called 'no goal'."
            faults.add("reserved-name", message, "Rename it, or write no_goal = true.", "no goal")


def _conflict_value(conflict: Any) -> Conflict:
    """Return a checked conflict as it is stored; a table within the table as pairs."""
    every = views(conflict)
    if every != [conflict]:
        return {"experts": tuple(_view_value(view) for view in every)}
    return 1.0 if conflict is None else BEHAVIOURAL if conflict == BEHAVIOURAL else _view_value(conflict)


def _view_value(view: Any) -> View:
    if isinstance(view, dict):
        pairs: dict[str, Entry] = {}
        for goal, value in view.items():
            pairs |= (
                {f"{goal}|{other}": _entry_value(v) for other, v in value.items()}
                if isinstance(value, dict)
                else {goal: _entry_value(value)}
            )
        return pairs
    if isinstance(view, list) and not is_range(view):
        return tuple(tuple(_entry_value(value) for value in row) for row in view)
    return _entry_value(view)


def _entry_value(value: Any) -> Entry:
    if isinstance(value, str):
        return value.strip()
    return (float(value[0]), float(value[1])) if isinstance(value, list) else float(value)


def _check_conflict(area: str, goals: tuple[str, ...], conflict: Any, faults: StudyFaults) -> bool:
    """Check that the conflict is complete, in [0, 1], symmetric, and zero on the diagonal, for every expert."""
    header = f"[areas.{area}]"
    if conflict == BEHAVIOURAL:
        return True
    if conflict is None:
        if len(goals) < 2:
            return True
        remedy = "Write conflict = 1.0 when all goals exclude each other, or give the pairs."
        faults.add("missing-key", f"The conflict of area {shown(area)} is missing.", remedy, header)
        return False
    every = views(conflict)
    if not every:
        message = f"The conflict of area {shown(area)} is that of no expert."
        faults.add("conflict-experts", message, "List the conflict as each expert sees it.", "experts", header)
    whose = [f" as expert {number} sees it" if len(every) > 1 else "" for number in range(1, len(every) + 1)]
    return all([_check_view(area, goals, view, who, faults) for view, who in zip(every, whose, strict=True)] or [False])


def _check_view(area: str, goals: tuple[str, ...], conflict: Any, whose: str, faults: StudyFaults) -> bool:
    header, of = f"[areas.{area}]", f"The conflict of area {shown(area)}{whose}"
    good = True
    for cell in _cells(conflict):
        fault = entry_fault(cell)
        if fault is not None:
            code, message, remedy = fault
            faults.add(code, f"{of} holds {message}.", remedy, cell, "conflict", header, value=cell)
        elif not is_entry(cell) and not (isinstance(cell, float) and not cell > LARGEST):
            remedy = 'Give numbers from 0 to 1, ranges such as [0.2, 0.6], or "beta(2, 5)".'
            remedy += f' Of learned goals it may also be "{BEHAVIOURAL}".' if isinstance(cell, str) else ""
            faults.add("wrong-type", f"{of} holds {kind_of(cell)}.", remedy, cell, "conflict", header, value=cell)
        else:
            continue
        good = False
    for key in [key for key in _keys(conflict) if key.count("|") > _MOST_BARS]:
        message = f"{of} has a pair with over {_MOST_BARS} bars: {shown(key)}."
        faults.add("conflict-names", message, 'Write a pair as "a|b".', "conflict", header, value=key)
        good = False
    return good and _check_matrix(area, goals, conflict, whose, faults)


def _check_matrix(area: str, goals: tuple[str, ...], conflict: Any, whose: str, faults: StudyFaults) -> bool:
    header = f"[areas.{area}]"
    try:
        conflict_matrix(goals, mapped(conflict, _mean_or_nan), area=area)
    except InputError as error:
        pairs = list(conflict) if isinstance(conflict, dict) else []
        for place, fault in enumerate(error.faults):
            named = [pair for pair in pairs if shown(pair) in fault.message] if place < LISTED else []
            line = faults.first_line(*named, "conflict", header)
            remedy = fault.remedy
            if fault.code == "conflict-names" and named and len(goals) <= LISTED:
                possible = [f"{goal}|{other}" for goal in goals for other in goals if goal != other]
                remedy = f"{hint(named[0], possible, '')} {remedy}".strip()
            value = brief(named[0]) if named else None
            message = fault.message.replace(f"area {shown(area)}", f"area {shown(area)}{whose}", 1)
            told = replace(fault, message=message, file=faults.file, line=line, value=value, remedy=remedy)
            faults.found.append(told)
        return False
    try:
        coded(goals, conflict, area=area)
    except InputError:
        message = f"The conflict of area {shown(area)}{whose} is written differently for the two orders of a pair."
        faults.add("conflict-asymmetric", message, "Conflict is mutual: write both alike.", "conflict", header)
        return False
    return True


def _mean_or_nan(entry: Any) -> float:
    return mean_of(parsed_entry(entry)) if is_entry(entry) else float(entry)


def _keys(conflict: Any) -> list[str]:
    return [str(key) for key in conflict] if isinstance(conflict, dict) else []


def _cells(conflict: Any) -> list[Any]:
    """Return the entries that should be numbers: of pairs, of a table within the table, of the rows of a matrix."""
    if isinstance(conflict, dict):
        return [
            cell for value in conflict.values() for cell in (value.values() if isinstance(value, dict) else [value])
        ]
    if isinstance(conflict, list) and not is_range(conflict):
        return [cell for row in conflict for cell in (row if isinstance(row, list) else [row])]
    return [conflict]


def _items(
    path: str,
    raw: Any,
    goals: tuple[str, ...],
    faults: StudyFaults,
    *,
    learned: bool = False,
    abstain: Abstain | None = None,
) -> list[Item]:
    if not isinstance(raw, dict):
        faults.add("wrong-type", f"{shown(path + '.items')} is {kind_of(raw)}.", f"Write [{path}.items.NAME].", "items")
        return []
    if not raw:
        faults.add(
            "no-items", f"{shown(path)} has no items.", f"Add [{path}.items.NAME] with its 'serves'.", f"[{path}]"
        )
    items = []
    for name, entry in raw.items():
        item_path = f"{path}.items.{name}"
        if not isinstance(entry, dict):
            faults.add("wrong-type", f"{shown(item_path)} is {kind_of(entry)}.", f"Write [{item_path}].", name)
            continue
        check_options(path.removeprefix("areas."), name, entry, learned=learned, faults=faults)
        fields = {"column": name, **with_sides(name, listed_options(entry), faults), "name": name}
        fields.pop("options", None)
        if "name" in entry:
            remedy = f"The name is that of [{item_path}]."
            faults.add("unknown-key", f"Unknown key {shown(item_path + '.name')}.", remedy, "name")
        if isinstance(entry.get("serves"), dict):
            fields["serves"] = {o: [g] if isinstance(g, str) else g for o, g in entry["serves"].items()}
        item = parse_part(Item, with_passing(name, fields, abstain, faults), item_path, faults)
        if item is not None:
            _check_serves(item, goals, faults)
            check_kind(item, faults, learned=learned)
            items.append(item)
    return items


def _check_serves(item: Item, goals: tuple[str, ...], faults: StudyFaults) -> None:
    if item.n_answers < 2:
        what = "one option" if item.n_answers else "no options"
        message = f"Item {shown(item.name)} has {what}."
        faults.add(
            "one-option",
            message,
            "List every option a person could choose, also those serving no goal ([]).",
            f"items.{item.name}]",
        )
    for option, served in item.serves.items():
        for goal in served:
            if goals and goal not in goals:
                message = f"Option {shown(option)} of item {shown(item.name)} serves {shown(goal)}, not a goal here."
                otherwise = f"The goals are {listed(goals)}."
                remedy = hint(goal, goals, otherwise) if len(faults.found) < 5 * LISTED else otherwise
                faults.add("unknown-goal", message, remedy, goal, f"items.{item.name}]", value=goal)
        for goal, times in Counter(served).items():
            if times > 1:
                message = f"Option {shown(option)} of item {shown(item.name)} lists {shown(goal)} {times} times."
                faults.add("goal-twice", message, "List each goal once.", f"items.{item.name}]")


def _check_items(areas: list[Area], table: Table | None, faults: StudyFaults) -> None:
    """Check what concerns the items of all areas together."""
    items = [item for area in areas for item in area.items]
    for what, code, counts in (
        ("Item", "item-twice", Counter(item.name for item in items)),
        ("Column", "column-twice", Counter(column for item in items for column in item.columns if column)),
    ):
        for name in [name for name, times in counts.items() if times > 1]:
            times = counts[name]
            by_name = code == "column-twice" and sum(item.name == name == item.column for item in items) == times
            if not by_name:
                remedy = 'Each belongs to one area; rename one, and give its column with column = "…".'
                if code == "column-twice":
                    remedy = "An answer counts in one item only; remove one of them."
                faults.add(code, f"{what} {shown(name)} stands {times} times in the study.", remedy)
    if table is None:
        return
    for item in items:
        for option in (*item.serves, *item.passes[1:]):
            if option in table.missing:
                message = f"Option {shown(option)} of item {shown(item.name)} is also listed in 'missing'."
                faults.add("option-missing", message, "Remove it from one of the two.", "missing")
