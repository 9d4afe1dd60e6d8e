"""From events to counts: one function of narwhals expressions, the same on every engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw

Frame = nw.LazyFrame[Any]


@dataclass(frozen=True)
class Codes:
    """Which values of a column mean what.

    Parameters
    ----------
    column
        The column.
    table
        Its values that count, in ``column``, each with a whole number in ``code``; a value with several codes stands
        in several rows, and an event with it counts once for each.
    """

    column: str
    table: Frame


@dataclass(frozen=True)
class Plan:
    """What of an event is who, asked what, answered what.

    Parameters
    ----------
    agent
        Columns that together name the agent.
    question, answer
        What is asked and what was answered; a whole number where it is the same for all events.
    group
        Column of the agent's group; None for no column.
    where
        Which events count: column → its values.
    once
        Whether an event that repeats another in every column counts once.
    latest
        Columns of the item and of the time when of the events of an agent on an item the last counts; else None.
    """

    agent: tuple[str, ...]
    question: Codes | int
    answer: Codes | int
    group: str | None = None
    where: Mapping[str, Sequence[Any]] | None = None
    once: bool = False
    latest: tuple[str, str] | None = None


def counted_events(events: Frame, plan: Plan) -> Frame:
    """Return the events that count, one row each.

    Parameters
    ----------
    events
        One row per event.
    plan
        What counts.
    """
    frame = events
    for column, values in (plan.where or {}).items():
        frame = frame.filter(nw.col(column).is_in(list(values)))
    if plan.once:
        frame = frame.unique(keep="any")
    if plan.latest is not None:
        item, time = plan.latest
        keys = [*plan.agent, item]
        last = frame.group_by(*keys).agg(nw.col(time).max().alias("last_time"))
        frame = frame.join(last, on=keys, how="inner").filter(nw.col(time) == nw.col("last_time"))
    return frame


def last_twice(events: Frame, plan: Plan, outcome: str) -> Frame:
    """Return agents and items whose last event is several of one time with different outcomes.

    Parameters
    ----------
    events, plan
        As in :func:`reduce_events`; the plan has ``latest``.
    outcome
        The column of outcomes.
    """
    assert plan.latest is not None
    keys = [*plan.agent, plan.latest[0]]
    ends = (nw.col(outcome).min().alias("low"), nw.col(outcome).max().alias("high"))
    return counted_events(events, plan).group_by(*keys).agg(*ends).filter(nw.col("low") != nw.col("high"))


def reduce_events(events: Frame, plan: Plan) -> Frame:
    """Reduce events to counts.

    Parameters
    ----------
    events
        One row per event.
    plan
        What of an event is who, asked what, answered what.

    Returns
    -------
    LazyFrame
        One row per agent, question and answer that occur: the columns of the agent under the names ``agent0``, …,
        ``group`` where there is one, ``question`` and ``answer`` as codes, and ``n``, how often. Events on which the
        plan has no code are not counted.
    """
    frame = counted_events(events, plan)
    if plan.latest is not None:  # several of one time and outcome
        frame = frame.unique(subset=[*plan.agent, plan.latest[0]], keep="any")
    for name, codes in (("question", plan.question), ("answer", plan.answer)):
        if isinstance(codes, int):
            continue
        table = codes.table.select(nw.col(codes.column), nw.col("code").alias(name))
        frame = frame.join(table, on=codes.column, how="inner")
    parts = [nw.col(column).alias(f"agent{place}") for place, column in enumerate(plan.agent)]
    if plan.group is not None:
        parts.append(nw.col(plan.group).alias("group"))
    for name, codes in (("question", plan.question), ("answer", plan.answer)):
        # a code that is the same for all stays out of the keys: engines differ in what they group by
        if not isinstance(codes, int):
            parts.append(nw.col(name))
    keys = [f"agent{place}" for place in range(len(plan.agent))]
    keys += ["group"] if plan.group is not None else []
    keys += [name for name in ("question", "answer") if not isinstance(getattr(plan, name), int)]
    return frame.select(*parts).group_by(*keys).agg(nw.len().alias("n")).with_columns(nw.col("n").cast(nw.Int64))
