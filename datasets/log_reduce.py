"""From events to counts: one function of narwhals expressions, the same on every engine."""

from __future__ import annotations

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
        What is asked and what was answered; a whole number where it is the same for all events, an expression where
        the engine puts numbers between limits.
    group
        Column of the agent's group; None for no column.
    where
        Which events count: conditions that must all hold.
    once
        Whether an event that repeats another in every column counts once.
    latest
        Columns of the item and of the time when of the events of an agent on an item the last counts; else None.
    furthest
        Columns of the slate and of the item when of the events of an agent on an item in a slate that of the largest
        answer counts; else None.
    place
        At which place the item stands; None where places make no difference.
    shown
        Column of what was shown, where answers are choices from it; else None.
    """

    agent: tuple[str, ...]
    question: Codes | int
    answer: Codes | nw.Expr | int
    group: str | None = None
    where: tuple[nw.Expr, ...] = ()
    once: bool = False
    latest: tuple[str, str] | None = None
    furthest: tuple[str, str] | None = None
    place: Codes | None = None
    shown: str | None = None


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
    for condition in plan.where:
        frame = frame.filter(condition)
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


def never_shown(events: Frame, plan: Plan) -> Frame:
    """Return agents, slates and items with an answer beyond the first and without the first: chosen, never shown."""
    return _in_slates(events, plan).filter(nw.col("least") > 0)


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
        ``group`` and ``shown`` where there is one, ``question``, ``answer`` and ``place`` as codes, and ``n``, how
        often. Events on which the plan has no code are not counted.
    """
    frame = _answered(events, plan) if plan.furthest is None else _in_slates(events, plan)
    if plan.latest is not None:  # several of one time and outcome
        frame = frame.unique(subset=[*plan.agent, plan.latest[0]], keep="any")
    frame = _coded(frame, "question", plan.question)
    frame = frame if plan.place is None else _coded(frame, "place", plan.place)
    parts = [nw.col(column).alias(f"agent{place}") for place, column in enumerate(plan.agent)]
    if plan.group is not None:
        parts.append(nw.col(plan.group).alias("group"))
    if plan.shown is not None:
        parts.append(nw.col(plan.shown).alias("shown"))
    # a code that is the same for all stays out of the keys: engines differ in what they group by
    told = [name for name in ("question", "answer", "place") if isinstance(getattr(plan, name), Codes | nw.Expr)]
    keys = [f"agent{place}" for place in range(len(plan.agent))]
    keys += ["group"] if plan.group is not None else []
    keys += ["shown"] if plan.shown is not None else []
    counts = frame.select(*parts, *map(nw.col, told)).group_by(*keys, *told).agg(nw.len().alias("n"))
    return counts.with_columns(nw.col("n").cast(nw.Int64))


def _answered(events: Frame, plan: Plan) -> Frame:
    """Return the events that count and that are answers, with the code of the answer."""
    return _coded(counted_events(events, plan), "answer", plan.answer)


def _coded(frame: Frame, name: str, codes: Codes | nw.Expr | int) -> Frame:
    if isinstance(codes, int):
        return frame
    if isinstance(codes, nw.Expr):
        return frame.with_columns(codes.alias(name)).filter(~nw.col(name).is_null())
    table = codes.table.select(nw.col(codes.column), nw.col("code").alias(name))
    return frame.join(table, on=codes.column, how="inner")


def _in_slates(events: Frame, plan: Plan) -> Frame:
    """Return one row per agent, slate and item, with the largest and the least answer."""
    assert plan.furthest is not None
    beside = [plan.group] if plan.group is not None else []
    beside += [plan.place.column] if plan.place is not None else []
    keys = dict.fromkeys((*plan.agent, *beside, *plan.furthest))
    ends = (nw.col("answer").max().alias("most"), nw.col("answer").min().alias("least"))
    return _answered(events, plan).group_by(*keys).agg(*ends).rename({"most": "answer"})
