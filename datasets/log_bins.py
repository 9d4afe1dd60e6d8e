"""Outcomes that are numbers, put between limits: ratings from −10 to 10, stars in halves, seconds watched.

Few different numbers are judged one by one and exactly; more than :data:`.log_values.MAX_VALUES` by the engine, as
64-bit numbers.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable, Mapping
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from ..errors import Fault, InputError, brief, shown
from .choices import Finding
from .conditions import Test, compared, number, parse_condition
from .log_source import Events
from .log_study import Condition, Log
from .log_values import Values
from .validation import listed

_DECIMAL_COMMA = "0123456789,+-"


def limits_of(answers: Mapping[str, Condition]) -> tuple[Test, ...] | None:
    """Return the limits of every answer where all are comparisons with numbers; None where some are codes."""
    tests = [parse_condition(condition) for condition in answers.values()]
    found = tuple(test for test in tests if test is not None and test.comparisons)
    return found if found and len(found) == len(tests) else None


def is_missing(texts: Iterable[str], missing: Iterable[str], *, by_value: bool) -> NDArray[np.bool_]:
    """Return which outcomes mean no answer, (value,).

    Parameters
    ----------
    texts
        The outcomes.
    missing
        Codes that mean it.
    by_value
        Whether outcomes are numbers: 99 is then also 99.0 and 99.00, which a limit would take for a number.
    """
    codes = set(missing)
    values = {value for code in codes if (value := number(code)) is not None} if by_value else set()
    return np.array([text in codes or (bool(values) and number(text) in values) for text in texts], dtype=bool)


def limit_faults(events: Events, values: Values, met: NDArray[np.bool_], answers: Iterable[str]) -> list[Fault]:
    """Return the faults of outcomes that meet no limits, or those of several answers, and of what is no number.

    Parameters
    ----------
    events
        The log.
    values
        Outcomes that are not missing.
    met
        Which answers' limits each meets, (answer, value).
    answers
        The answers.
    """
    faults, labels = [], tuple(answers)
    numbers = [number(text) for text in values.texts]
    is_number = np.array([one is not None for one in numbers], dtype=bool)
    if not is_number.all():
        place = int(np.argmin(is_number))
        faults.append(_no_number(events, values.name, str(values.texts[place]), int(values.counts[~is_number].sum())))
    size = np.array([float(one) if one is not None else np.nan for one in numbers])
    for wrong in (met.sum(axis=0) == 0, met.sum(axis=0) > 1):
        at = np.flatnonzero(wrong & is_number)
        if len(at):
            low, high = at[np.argmin(size[at])], at[np.argmax(size[at])]
            several = [label for label, one in zip(labels, met[:, low], strict=True) if one]
            ends = str(values.texts[low]), str(values.texts[high])
            faults.append(_outside(events, values.name, *ends, several, int(values.counts[at].sum())))
    return faults


def _no_number(events: Events, column: str, text: str, count: int) -> Fault:
    message = f"Outcome {shown(text)} is no number, and 'answers' compares outcomes with numbers."
    remedy = "Mend it, or list it in 'missing'."
    if "," in text and set(text) <= set(_DECIMAL_COMMA):
        remedy = "Write numbers with a decimal point."
    where = events.place(column, text)
    return Fault(code="unknown-outcome", message=message, remedy=remedy, value=brief(text), count=count, **where)


def _outside(events: Events, column: str, low: str, high: str, several: list[str], count: int) -> Fault:
    which = f"Outcome {shown(low)}" if low == high else f"Outcomes from {low} to {high}"
    one = low == high
    if several:
        message = f"{which} {'is' if one else 'are'} {listed(several)} by 'answers' of the study."
        code, remedy = "two-answers", "Let each outcome meet one condition."
    else:
        message = f"{which} {'meets' if one else 'meet'} no condition of 'answers'."
        code, remedy = (
            "unknown-outcome",
            (
                "Let the limits leave no gap, list what is no answer in 'missing', or write other_outcomes = "
                '"leave_out" below [log].'
            ),
        )
    where: dict[str, Any] = events.place(column, low)
    return Fault(code=code, message=message, remedy=remedy, value=brief(low), count=count, **where)


def binned(
    events: Events, frame: nw.LazyFrame[Any], log: Log, tests: tuple[Test, ...], answers: Iterable[str]
) -> tuple[nw.Expr, list[Finding]]:
    """Return which answer an event is as an expression, null for none, and what was noticed.

    Parameters
    ----------
    events
        The log.
    frame
        The events that count.
    log
        Names the column of outcomes, and codes that mean no answer.
    tests
        The limits of each answer.
    answers
        The answers.

    Raises
    ------
    InputError
        If an outcome is no number, or meets the limits of no answer, or of several.
    """
    column, labels = str(log.outcome), tuple(answers)
    values = events.column(column)
    if events.frame.collect_schema()[events.short[column]] == nw.String:
        values = nw.when(~values.is_in(list(log.missing))).then(values)
    size = values.cast(nw.Float64)
    codes = [float(value) for code in log.missing if (value := number(code)) is not None]
    absent = functools.reduce(operator.or_, [size == code for code in codes], size.is_null() | size.is_nan())
    met = [
        functools.reduce(operator.and_, [compared(size, s, limit) for s, limit in test.comparisons]) for test in tests
    ]
    zero, one = nw.lit(0), nw.lit(1)
    hits = functools.reduce(operator.add, [nw.when(m & ~absent).then(one).otherwise(zero) for m in met])
    place = functools.reduce(operator.add, [nw.when(m).then(nw.lit(k)).otherwise(zero) for k, m in enumerate(met)])
    said = frame.select(
        size.alias("size"), hits.alias("hits"), nw.when(absent).then(one).otherwise(zero).alias("absent")
    )
    kinds = said.group_by("hits", "absent").agg(
        nw.len().alias("n"), nw.col("size").min().alias("low"), nw.col("size").max().alias("high")
    )
    findings, faults = [], []
    rows = events.collected(kinds, column).to_pylist()
    for row in rows:
        n, low, high = int(row["n"]), row["low"], row["high"]
        if row["absent"]:
            findings.append(no_outcome(n, sum(int(other["n"]) for other in rows)))
        elif row["hits"] > 1:
            several = [label for label, test in zip(labels, tests, strict=True) if _holds(test, low)]
            faults.append(_outside(events, column, f"{low:g}", f"{high:g}", several, n))
        elif row["hits"] == 0 and log.other_outcomes == "leave_out":
            message = f"{n:,} events whose outcome is no answer are left out: from {low:g} to {high:g}."
            findings.append(Finding("other-outcomes", message, "note"))
        elif row["hits"] == 0:
            faults.append(_outside(events, column, f"{low:g}", f"{high:g}", [], n))
    if faults:
        raise InputError(faults)
    return nw.when(hits == 1).then(place), findings


def no_outcome(missing: int, total: int) -> Finding:
    """Return that some of all events have no outcome."""
    message = f"{missing:,} events have no outcome and answer nothing."
    return Finding("no-outcome", message, "note" if missing < 0.05 * max(1, total) else "caution")


def _holds(test: Test, value: float) -> bool:
    return all(compared(value, sign, limit) for sign, limit in test.comparisons)
