"""Periods of a log: from the time of an event to the year, quarter or month it fell in, or the dates it fell between.

One expression over the column of times, the same on every engine: events are counted by the first days of periods that
they come after. Times as text are compared as text, which is right for dates written year-month-day.
"""

from __future__ import annotations

import functools
import operator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from itertools import pairwise

import narwhals as nw

from ..errors import Fault, InputError, shown
from .log_events import DATE, UNITS
from .log_source import Events
from .log_study import Log

MOST = 200
"""Periods of a log."""
PERIOD = "period"
"""Name of the column of periods, in the frame of events and in the table that a log is reduced to."""
_MONTHS = {"year": 12, "quarter": 3, "month": 1}


@dataclass(frozen=True)
class Periods:
    """The periods of a log.

    Parameters
    ----------
    names
        Their names, in order, also of those without events.
    starts
        First day of each but the first.
    """

    names: tuple[str, ...]
    starts: tuple[date, ...]


def with_periods(events: Events, log: Log) -> tuple[Events, tuple[str, ...]]:
    """Return the events with the place of their period among all periods, and the names of these.

    Parameters
    ----------
    events
        The log, whose times are of one unit.
    log
        Says by what rule times are periods.

    Raises
    ------
    InputError
        If a time is no date, or the periods are too many.
    """
    assert log.time is not None and log.period is not None
    name = log.time
    kind = events.frame.collect_schema()[events.short[name]]
    values = events.column(name)
    if kind.is_temporal():
        values, kind = values.cast(nw.String), nw.String()
    ends = events.collected(events.frame.select(values.min().alias("low"), values.max().alias("high")), name)
    low, high = (ends.column(end)[0].as_py() for end in ("low", "high"))
    if kind == nw.String and DATE.match(str(low)) and DATE.match(str(high)):
        _refuse_no_dates(events, name, values)
        first, last = (_day(events, name, str(end)[:10], end) for end in (low, high))
        periods = _periods(events, log, first, last)
        after = [values >= start.isoformat() for start in periods.starts]
    else:
        number = values.cast(nw.Float64)
        ends = events.collected(events.frame.select(number.min().alias("low"), number.max().alias("high")), name)
        low, high = (float(ends.column(end)[0].as_py()) for end in ("low", "high"))
        scale = 1000.0 ** next(place for place, (limit, _) in enumerate(UNITS) if max(abs(low), abs(high)) < limit)
        first, last = (_since_1970(events, name, end / scale) for end in (low, high))
        periods = _periods(events, log, first, last)
        after = [number >= scale * datetime(d.year, d.month, d.day, tzinfo=UTC).timestamp() for d in periods.starts]
    passed = [nw.when(one).then(nw.lit(1)).otherwise(nw.lit(0)) for one in after]
    place = functools.reduce(operator.add, passed) if passed else values.is_null().cast(nw.Int64) * 0
    frame = events.frame.with_columns(place.cast(nw.Int64).alias(PERIOD))
    return replace(events, frame=frame), periods.names


def _periods(events: Events, log: Log, first: date, last: date) -> Periods:
    """Return the periods from that of the first event to that of the last."""
    if not isinstance(log.period, str):
        starts = tuple(date.fromisoformat(text) for text in log.period or ())
        ends = [f"{one} to {two}" for one, two in pairwise(log.period or ())]
        return Periods((f"before {starts[0]}", *ends, f"from {starts[-1]}"), starts)
    months = _MONTHS[log.period]
    places = [(day.year * 12 + day.month - 1) // months for day in (first, last)]
    number = places[1] - places[0] + 1
    if number > MOST:
        message = f"From {first} to {last} there are {number:,} periods of a {log.period}, more than {MOST}."
        remedy = "Take longer ones, or give the dates at which they begin."
        raise InputError(
            Fault(code="many-periods", message=message, remedy=remedy, file=events.source, column=log.time)
        )
    every = [date(place * months // 12, place * months % 12 + 1, 1) for place in range(places[0], places[1] + 1)]
    return Periods(tuple(_name(log.period, day) for day in every), tuple(every[1:]))


def _name(period: str, day: date) -> str:
    if period == "quarter":
        return f"{day:%Y}-Q{(day.month + 2) // 3}"
    return f"{day:%Y}" if period == "year" else f"{day:%Y-%m}"


def _refuse_no_dates(events: Events, name: str, values: nw.Expr) -> None:
    """Refuse text that does not start with a date: between two dates it would be put anywhere."""
    wrong = events.frame.filter(~values.str.contains(DATE.pattern))
    found = events.collected(wrong.select(events.column(name).alias("value")).head(1), name).column("value")
    if len(found):
        n = int(events.collected(wrong.select(nw.len().alias("n"))).column("n")[0].as_py())
        value = str(found[0].as_py())
        message = f"{shown(value)} is no date, and periods are told by dates."
        remedy = "Write all times as year-month-day, or as whole numbers since 1970."
        place = events.place(name, value)
        raise InputError(Fault(code="mixed-times", message=message, remedy=remedy, value=value, count=n, **place))


def _day(events: Events, name: str, text: str, value: object) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        message = f"{shown(str(value))} is no date."
        place = events.place(name, value)
        fault = Fault(code="bad-time", message=message, remedy="Mend it.", value=str(value), **place)
        raise InputError(fault) from None


def _since_1970(events: Events, name: str, seconds: float) -> date:
    try:
        return datetime.fromtimestamp(seconds, UTC).date()
    except (ValueError, OverflowError, OSError):
        message = f"The time {seconds:g} seconds after 1970 lies in no year from 1 to 9999."
        remedy = "Write whole numbers since 1970, or year-month-day."
        fault = Fault(code="bad-time", message=message, remedy=remedy, file=events.source, column=name)
        raise InputError(fault) from None
