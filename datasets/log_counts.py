"""From the counts of a log to :class:`Choices`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import LISTED, Fault, InputError, brief, shown
from .agent_columns import natural
from .choices import Choices, Finding
from .column_text import encoded, rounded
from .covariate_columns import panel
from .log_agents import JOINT, alike_numbers, heavy_agents, ordered
from .log_slates import asked_in_sets, options_shown, slates_of
from .log_source import Events
from .log_study import ITEM, OUTCOME, LogReading
from .patterns import Given, build_choices
from .situations import Situations
from .study import Study
from .validation import hint, listed

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Counts:
    """The counts of one reading of a log.

    Parameters
    ----------
    name
        Name of the reading; empty for the only one.
    reading
        What it says.
    table
        The result of :func:`~dissensus.datasets.log_reduce.reduce_events`.
    question
        The study's item that every event answers; None where the table says it.
    labels
        The answers that the codes stand for.
    at_random
        Whether it is of events shown at random, which are answers to items of their own.
    """

    name: str
    reading: LogReading
    table: pa.Table
    question: int | None
    labels: tuple[str, ...]
    at_random: bool = False


@dataclass(frozen=True)
class _Rows:
    """Counts with agents as text: label of the agent and of its group, item, option and number, each (row,).

    Where options are chosen from what was shown, which these were, (row, option).
    """

    agent: NDArray[np.object_]
    agent_of_row: NDArray[np.int64]
    group: NDArray[np.object_]
    item: NDArray[np.int64]
    option: NDArray[np.int64]
    n: NDArray[np.int64]
    available: NDArray[np.bool_] | None


def asked_at_random(study: Study, parts: Sequence[Counts], findings: list[Finding]) -> Study:
    """Return the study without the items "at random" of which nothing was shown at random, and say so.

    Parameters
    ----------
    study
        What the events mean.
    parts
        The counts of every reading.
    findings
        Takes a note on such items.
    """
    if study.log is None or not study.log.shown_at_random:
        return study
    found: set[int] = set()
    for part in parts:
        if part.at_random:
            asked = _asked(part)
            found |= set(np.unique(_at_random(study)[asked]).tolist())
    never = {
        item.name: item.at_random_of
        for place, item in enumerate(study.items)
        if item.at_random_of is not None and place not in found
    }
    if not never:
        return study
    names = listed(never.values())
    findings.append(Finding("never-at-random", f"Nothing was shown at random of {names}.", "note"))
    areas = []
    for area in study.areas:
        items = tuple(item for item in area.items if item.name not in never)
        selection = area.selection
        if selection is not None and len(items) < len(area.items):
            more = tuple(str(never[item.name]) for item in area.items if item.name in never)
            selection = selection.model_copy(update={"never_at_random": (*selection.never_at_random, *more)})
        areas.append(area.model_copy(update={"items": items, "selection": selection}))
    return study.model_copy(update={"areas": tuple(areas)})


def _asked(part: Counts) -> NDArray[np.int64]:
    """Return the item that each row of counts is about, as the log names it."""
    if part.question is not None:
        return np.full(part.table.num_rows, part.question, dtype=np.int64)
    return np.asarray(part.table.column("question").to_numpy().astype(np.int64))


def _at_random(study: Study) -> NDArray[np.int64]:
    """Return the item that asks each item of what was shown at random, itself where there is none, (item,)."""
    names = {item.at_random_of: place for place, item in enumerate(study.items) if item.at_random_of is not None}
    return np.array([names.get(item.name, place) for place, item in enumerate(study.items)], dtype=np.int64)


def choices_of_counts(
    study: Study, parts: Sequence[Counts], findings: Iterable[Finding], source: str, events: Events
) -> Choices:
    """Reduce the counts of a log to patterns.

    Parameters
    ----------
    study
        What the events mean.
    parts
        The counts of every reading.
    findings
        What was noticed already.
    source
        Name of the log.
    events
        The log, where faults are looked for.

    Raises
    ------
    InputError
        If answers are no options, an item that is answered once is answered again, or an agent is in two groups.
    """
    noticed = list(findings)
    faults: list[Fault] = []
    rows = [_rows(study, part, events, faults, noticed) for part in parts]
    if faults:
        raise InputError(faults)
    agent, labels = _agents(rows)
    if study.table.period is not None:
        agent, labels = _apart_by_period(agent, labels, np.concatenate([one.group for one in rows]), noticed)
    n_agents = len(labels)
    item, option, n = (np.concatenate([getattr(one, key) for one in rows]) for key in ("item", "option", "n"))
    size = 4 * n_agents * sum(len(item.serves) if item.repeated else 1 for item in study.items)
    if size > study.table.limits.bytes:
        message = f"{n_agents:,} agents and {len(study.items):,} items take {size:,} bytes, more than the limit."
        remedy = "Raise 'bytes' below [table.limits] if that is meant."
        raise InputError(Fault(code="too-large", message=message, remedy=remedy, file=source))
    answers: dict[str, NDArray[np.integer]] = {}
    for place, asked in enumerate(study.items):
        if asked.kind == "situation":
            continue
        own = np.flatnonzero(item == place)
        cells = agent[own] * len(asked.serves) + option[own]
        counts = np.bincount(cells, n[own], minlength=n_agents * len(asked.serves))
        table = counts.reshape(n_agents, len(asked.serves)).astype(np.int64)
        if asked.repeated:
            answers[asked.name] = table.astype(np.int32)
            continue
        several = np.flatnonzero(table.sum(axis=1) > 1)
        if len(several):
            message = (
                f"Agent {shown(labels[several[0]])} answers item {shown(asked.name)} {table[several[0]].sum()} times."
            )
            remedy = 'Write repeated = true below the item, or keep = "last" below [log].'
            fault = Fault(code="answer-twice", message=message, remedy=remedy, file=source, count=len(several))
            faults.append(fault)
        answers[asked.name] = np.where(table.any(axis=1), table.argmax(axis=1), -1)
    faults += _at_several_places(study, answers, labels, source)
    groups, group = _groups(study, rows, agent, labels, source, faults, noticed)
    if faults:
        raise InputError(faults)
    noticed += heavy_agents(study, agent, n, labels, groups, group)
    noticed += alike_numbers(labels)
    held = sum(int(one.n.sum()) * one.available.shape[1] for one in rows if one.available is not None)
    if 8 * held > study.table.limits.bytes:
        message = f"Choices from what was shown take {8 * held:,} bytes, more than the limit."
        remedy = "Raise 'bytes' below [table.limits] if that is meant."
        raise InputError(Fault(code="too-large", message=message, remedy=remedy, file=source))
    given: dict[str, Given] = {**answers, **_slates(study, rows, agent, noticed)}
    return build_choices(study, labels, given, groups=groups, group_of_agent=group, findings=noticed, source=source)


def _slates(
    study: Study, rows: Sequence[_Rows], agent: NDArray[np.int64], findings: list[Finding]
) -> dict[str, Situations]:
    """Return the choice situations of every item that has them."""
    ends = np.cumsum([len(one.n) for one in rows])
    found = {}
    for place, asked in enumerate(study.items):
        if asked.kind != "situation":
            continue
        mine = [k for k, one in enumerate(rows) if one.available is not None and (one.item == place).all()]
        who = np.concatenate([agent[ends[k] - len(rows[k].n) : ends[k]] for k in mine])
        option, n = (np.concatenate([getattr(rows[k], key) for k in mine]) for key in ("option", "n"))
        available = np.concatenate([np.asarray(rows[k].available) for k in mine])
        found[asked.name] = slates_of(asked, who, option, n, available, findings)
    return found


def _rows(study: Study, part: Counts, events: Events, faults: list[Fault], findings: list[Finding]) -> _Rows:
    """Return one reading's counts with positions in the study; answers that are no options are faults."""
    table = part.table
    agent_of_row, agents = _text_of_agents(part, events)
    n = table.column("n").to_numpy().astype(np.int64)
    label = table.column("answer").to_numpy().astype(np.int64)
    item = _asked(part)
    if "place" in table.column_names:
        item = _at_place(study)[item, table.column("place").to_numpy().astype(np.int64)]
    item = _at_random(study)[item] if part.at_random else item
    option_of = np.full((len(study.items), max(1, len(part.labels))), -1, dtype=np.int64)
    known = {text: place for place, text in enumerate(part.labels)}
    for place, asked in enumerate(study.items):
        for position, option in enumerate(asked.serves):
            if option in known:
                option_of[place, known[option]] = position
    option = option_of[item, label]
    _refuse_unknown(study, part, item, label, option, n, events, faults)
    group = np.full(len(n), None, dtype=object)
    if study.table.period is not None:
        group = np.array(study.table.periods, dtype=object)[table.column("group").to_numpy()]
    elif part.reading.as_group is not None:
        group[:] = part.reading.as_group
    elif part.reading.group is not None:
        codes, texts = encoded(table.column("group"), part.reading.group, events.source)
        group = np.array([*(text or None for text in texts), None], dtype=object)[codes]
    in_sets, available = asked_in_sets(study, part.reading), None
    if in_sets is not None:
        assert study.log is not None
        try:
            available = options_shown(events, study.log, study.items[in_sets], table, findings)
        except InputError as error:
            faults += error.faults
    return _Rows(agents, agent_of_row, group, item, option, n, available)


def _at_place(study: Study) -> NDArray[np.int64]:
    """Return which item an item is at each place, (item, place); itself where it has none."""
    assert study.log is not None and study.log.examination is not None
    places = study.log.examination.places
    which = {(item.asked, item.place): k for k, item in enumerate(study.items)}
    return np.array([[which.get((item.asked, place), k) for place in places] for k, item in enumerate(study.items)])


def _at_several_places(
    study: Study, answers: dict[str, NDArray[np.integer]], labels: NDArray[np.object_], source: str
) -> list[Fault]:
    """Return a fault for each item that is answered once and that some agent answers at several places."""
    times: dict[str, NDArray[np.int64]] = {}
    for item in study.items:
        if item.place is not None and not item.repeated:
            times[item.asked] = times.get(item.asked, 0) + (answers[item.name] >= 0).astype(np.int64)
    faults = []
    for name, number in times.items():
        several = np.flatnonzero(number > 1)
        if len(several):
            message = f"Agent {shown(labels[several[0]])} answers item {shown(name)} at {number[several[0]]} places."
            remedy = "Write repeated = true below the item."
            faults.append(Fault(code="answer-twice", message=message, remedy=remedy, file=source, count=len(several)))
    return faults


def _text_of_agents(part: Counts, events: Events) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
    """Return the agent of each row, and the labels of the agents."""
    codes, texts = [], []
    for place, name in enumerate(part.reading.agent or ()):
        column = part.table.column(f"agent{place}")
        if rounded(column):
            message = "The agents are numbers above 2⁵³ held as floats: different ones may have become the same."
            fault = Fault(
                code="rounded", message=message, remedy="Read the column as text.", file=events.source, column=name
            )
            raise InputError(fault)
        code, text = encoded(column, name, events.source)
        codes.append(np.asarray(code, dtype=np.int64))
        texts.append(text)
    if len(codes) == 1:
        return codes[0], texts[0]
    key = np.zeros(len(codes[0]), dtype=np.int64)
    for code, text in zip(codes, texts, strict=True):
        key = pd.factorize(key * len(text) + code)[0].astype(np.int64)
    first = np.unique(key, return_index=True)[1]
    joined = np.array(
        [JOINT.join(parts) for parts in zip(*(t[c[first]] for c, t in zip(codes, texts, strict=True)), strict=True)],
        dtype=object,
    )
    if len(set(joined)) < len(joined):
        message = f"Two agents have the same label once their columns are joined by {shown(JOINT)}."
        fault = Fault(code="agent-labels", message=message, remedy="Rename values.", file=events.source)
        raise InputError(fault)
    return key, joined


def _refuse_unknown(
    study: Study,
    part: Counts,
    item: NDArray[np.int64],
    label: NDArray[np.int64],
    option: NDArray[np.int64],
    n: NDArray[np.int64],
    events: Events,
    faults: list[Fault],
) -> None:
    """Add a fault for each answer that is no option of its item."""
    wrong = np.flatnonzero(option < 0)
    if not len(wrong):
        return
    log = study.log
    assert log is not None
    column = log.outcome if part.reading.answer == OUTCOME else log.item
    pairs = pd.DataFrame({"item": item[wrong], "label": label[wrong], "n": n[wrong]})
    total = pairs.groupby(["item", "label"], sort=True, as_index=False)["n"].sum()
    for place, code, count in total.head(LISTED).to_numpy().tolist():
        asked, text = study.items[place], part.labels[code]
        message = f"{shown(text)} is not a declared option of item {shown(asked.name)}."
        remedy = " ".join(filter(None, (f"The options are {listed(asked.serves)}.", hint(text, asked.serves, ""))))
        if part.reading.answer == OUTCOME:
            remedy += " If it means no answer, list it in 'missing'; which events count is said by 'where'."
        where = (
            events.place(str(column), text)
            if part.reading.answer in {OUTCOME, ITEM} and not part.reading.answers
            else {"file": events.source, "column": column}
        )
        fault = Fault(code="unknown-option", message=message, remedy=remedy, value=brief(text), count=count, **where)
        faults.append(fault)
    if len(total) > LISTED:
        message = f"{len(total) - LISTED:,} more answers are no options."
        rest = int(total["n"].iloc[LISTED:].sum())
        remedy = "Check that this is the right column."
        faults.append(
            Fault(code="unknown-option", message=message, remedy=remedy, file=events.source, column=column, count=rest)
        )


def _agents(rows: Sequence[_Rows]) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
    """Return the agent of each row of all parts, and the labels in an order that no engine decides."""
    every = np.concatenate([one.agent for one in rows])
    found, names = pd.factorize(every)
    order = ordered(np.asarray(names, dtype=object))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    starts = np.cumsum([0, *(len(one.agent) for one in rows)])
    agent = np.concatenate([rank[found[start + one.agent_of_row]] for start, one in zip(starts, rows, strict=False)])
    return agent, np.asarray(names, dtype=object)[order]


def _apart_by_period(
    agent: NDArray[np.int64], labels: NDArray[np.object_], period: NDArray[np.object_], findings: list[Finding]
) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
    """Return agents of rows, and their labels, with an agent of its own for every period somebody has events in."""
    codes, names = pd.factorize(period)
    kinds, again = np.unique(agent * len(names) + codes, return_inverse=True)
    if len(kinds) == len(labels):
        return agent, labels
    who, when = np.divmod(kinds, len(names))
    several = int((np.bincount(who, minlength=len(labels)) > 1).sum())
    findings.append(panel(several, len(labels)))
    apart = np.array([f"{labels[a]} ({names[t]})" for a, t in zip(who, when, strict=True)], dtype=object)
    order = np.lexsort((names[when].astype(str), who))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return rank[np.ravel(again)], apart[order]


def _groups(
    study: Study,
    rows: Sequence[_Rows],
    agent: NDArray[np.int64],
    labels: NDArray[np.object_],
    source: str,
    faults: list[Fault],
    findings: list[Finding],
) -> tuple[tuple[str, ...], NDArray[np.int64] | None]:
    """Return the names of the groups and the group of each agent, −1 for none; an agent in two is a fault."""
    if study.table.period is not None:
        names_of_rows = np.concatenate([one.group for one in rows])
        period = np.zeros(len(labels), dtype=np.int64)
        period[agent] = pd.Categorical(names_of_rows, categories=list(study.table.periods)).codes
        return study.table.periods, period
    if study.table.group is None:
        return (), None
    codes, found = pd.factorize(np.concatenate([one.group for one in rows]))
    names = sorted((str(name) for name in found), key=natural)
    place = np.array([*(names.index(str(name)) for name in found), -1], dtype=np.int64)
    pairs = pd.DataFrame({"agent": agent, "group": place[codes]}).drop_duplicates()
    twice = pairs["agent"][pairs["agent"].duplicated()].unique()
    for one in twice[:LISTED]:
        of = sorted(pairs["group"][pairs["agent"] == one])
        message = f"Agent {shown(labels[one])} is in {listed(names[g] if g >= 0 else 'no group' for g in of)}."
        faults.append(Fault(code="two-groups", message=message, remedy="Give every agent one group.", file=source))
    if len(twice) > LISTED:
        message = "More agents are in several groups."
        remedy, count = "Give every agent one group.", len(twice) - LISTED
        faults.append(Fault(code="two-groups", message=message, remedy=remedy, file=source, count=count))
    group = np.full(len(labels), -1, dtype=np.int64)
    group[pairs["agent"].to_numpy()] = pairs["group"].to_numpy()
    for name in study.table.systems:
        if name not in names:
            message, remedy = f"No agent is of group {shown(name)} of 'systems'.", f"The groups are {listed(names)}."
            fault = Fault(
                code="unknown-group", message=message, remedy=hint(name, names, remedy), file=source, value=name
            )
            faults.append(fault)
    outside = int((group < 0).sum())
    if outside:
        message = f"{outside:,} of {len(labels):,} agents belong to no group and count overall only."
        findings.append(Finding("no-group", message, "note"))
    return tuple(names), group
