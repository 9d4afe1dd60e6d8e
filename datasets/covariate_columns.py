"""The columns of a table that goals and weights depend on: covariates and periods of agents."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..errors import shown
from .agent_columns import comma_remedy, natural, parsed_number
from .choices import Choices, Finding
from .covariate_study import CovariateColumn
from .covariates import MISSING_LEVEL, Covariate, numeric
from .reading import Reading
from .study import Study
from .validation import hint, listed

_FEW_NUMBERS = 10
"""Up to this many whole numbers may be codes of levels: the study says what they are."""
_MISSING, _UNKNOWN = -1, -2


def agent_covariates(reading: Reading, agent: NDArray[np.integer], n: int) -> tuple[Covariate, ...]:
    """Return the columns of ``depends_on``, with the value of each agent; those with faults are left out."""
    found = []
    for name in reading.study.table.depends_on:
        if reading.has(name):
            one = _covariate(reading, name, agent, n)
            if one is not None:
                found.append(one)
    return tuple(found)


def _covariate(reading: Reading, name: str, agent: NDArray[np.integer], n: int) -> Covariate | None:
    layout = reading.study.table
    written = layout.covariates.get(name, CovariateColumn())
    codes, labels = reading.column(name)
    absent = {"", *layout.missing}
    given = [label for label in labels if label not in absent]
    number = np.array([*(np.nan if label in absent else parsed_number(layout, label) for label in labels), np.nan])
    kind = written.kind or ("categorical" if written.levels else "numeric" if written.bins else _kind(reading, name))
    if kind is None:
        return None
    if kind == "categorical":
        levels = written.levels or tuple(sorted(given, key=natural))
        place = {level: float(k) for k, level in enumerate(levels)}
        of_label = [_MISSING if label in absent else place.get(label, _UNKNOWN) for label in labels]
        value = np.array([*of_label, _MISSING], dtype=np.float64)
        remedy = f"Add it to 'levels' of [table.covariates.{name}], or to 'missing'."
        unknown = (value == _UNKNOWN)[codes]
        reading.unknown(
            unknown,
            codes,
            labels,
            name,
            "unknown-level",
            lambda label: (f"{shown(label)} is no level of {shown(name)}.", hint(label, levels, remedy)),
        )
        return _with_missing(reading, name, levels, value[codes], agent, n)
    wrong = ~np.isfinite(number[:-1]) & np.array([label not in absent for label in labels], dtype=bool)
    remedy = f"Mend it, list it in 'missing', or write kind = \"categorical\" below [table.covariates.{name}]."
    reading.unknown(
        np.append(wrong, False)[codes],
        codes,
        labels,
        name,
        "bad-number",
        lambda label: (f"{shown(label)} of column {shown(name)} is not a number.", comma_remedy(layout, label, remedy)),
    )
    if wrong.any():
        return None
    if written.bins:
        bin_of = np.searchsorted(written.bins, number, side="right").astype(np.float64)
        value = np.where(np.isnan(number), _MISSING, bin_of)
        return _with_missing(reading, name, bin_names(written.bins), value[codes], agent, n)
    value = number[codes]
    _missing_values(reading, name, np.isnan(value))
    return numeric(name, reading.per_agent(value, agent, n, "covariate", name))


def _kind(reading: Reading, name: str) -> str | None:
    """Return what a column holds where the study does not say; a fault, and None, where its labels do not tell."""
    layout, (codes, labels) = reading.study.table, reading.column(name)
    used = labels[np.unique(codes[codes >= 0])]
    given = [label for label in used if label not in {"", *layout.missing}]
    numbers = np.array([parsed_number(layout, label) for label in given])
    if not np.isfinite(numbers).all() or len(given) <= 2:
        if np.isfinite(numbers).any() and len(given) > 2:
            message = f"Some labels of column {shown(name)} are numbers and some are not, such as "
            message += f"{listed([g for g, x in zip(given, numbers, strict=True) if not np.isfinite(x)], 3)}."
            remedy = f'Write kind = "numeric" or kind = "categorical" below [table.covariates.{name}].'
            reading.add("unknown-kind", message, remedy, column=name)
            return None
        return "categorical"
    if len(given) > _FEW_NUMBERS or (numbers != np.round(numbers)).any():
        reading.note(
            "numeric-covariate",
            f"Column {shown(name)} of 'depends_on' holds numbers and is taken as one: its effect is linear in the "
            "logits, per standard deviation.",
        )
        return "numeric"
    message = f"Column {shown(name)} holds {len(given)} whole numbers, which may be amounts or codes."
    remedy = f'Write kind = "numeric" or kind = "categorical" below [table.covariates.{name}].'
    reading.add("unknown-kind", message, remedy, column=name)
    return None


def _with_missing(
    reading: Reading,
    name: str,
    levels: tuple[str, ...],
    value: NDArray[np.float64],
    agent: NDArray[np.integer],
    n: int,
) -> Covariate:
    missing = value == _MISSING
    _missing_values(reading, name, missing)
    if missing.any() and reading.study.table.covariate_missing == "level":
        own = MISSING_LEVEL
        while own in levels:
            own += " value"
        value, levels = np.where(missing, len(levels), value), (*levels, own)
    return Covariate(name, levels, reading.per_agent(np.maximum(value, 0), agent, n, "covariate", name))


def _missing_values(reading: Reading, name: str, missing: NDArray[np.bool_]) -> None:
    """Refuse agents without a value, or note them where the study gives them a level of their own."""
    if not missing.any():
        return
    count = int(missing.sum())
    if reading.study.table.covariate_missing == "level":
        message = f"{count:,} rows have no value in {shown(name)}: their agents have an effect of their own."
        reading.note("missing-covariate", message)
        return
    remedy = 'Fill it in, or write covariate_missing = "level" below [table].'
    message = f"The agent has no value in column {shown(name)} of 'depends_on'."
    reading.add("covariate-missing", message, remedy, row=int(np.argmax(missing)), column=name, count=count)


def bin_names(bins: tuple[float, ...]) -> tuple[str, ...]:
    """Return the names of the levels that a number is cut into."""
    inner = [f"{a:g} to below {b:g}" for a, b in pairwise(bins)]
    return (f"below {bins[0]:g}", *inner, f"{bins[-1]:g} and above")


def covariate_levels(study: Study, name: str, found: Iterable[str]) -> tuple[str, ...]:
    """Return the levels of a column that were found in several tables, in the order of one table that holds them all.

    Parameters
    ----------
    study
        The study that the tables were read with.
    name
        The column.
    found
        Its levels.
    """
    written = study.table.covariates.get(name, CovariateColumn())
    declared = (*written.levels, *(bin_names(written.bins) if written.bins else ()))
    own = {*found} - {*declared}
    last = (
        [level for level in own if level.startswith(MISSING_LEVEL)] if study.table.covariate_missing == "level" else []
    )
    return (
        *(level for level in declared if level in {*found}),
        *sorted(own - {*last}, key=natural),
        *sorted(last, key=len),
    )


def agent_periods(
    reading: Reading, agent: NDArray[np.integer], n: int
) -> tuple[tuple[str, ...], NDArray[np.int64] | None]:
    """Return the names of the periods in order, and the period of each agent."""
    layout = reading.study.table
    if layout.period is None or not reading.has(layout.period):
        return (), None
    codes, labels = reading.column(layout.period)
    absent = {"", *layout.missing}
    used = labels[np.unique(codes[codes >= 0])]
    names = layout.periods or tuple(sorted((label for label in used if label not in absent), key=natural))
    place = {name: k for k, name in enumerate(names)}
    of_label = [_MISSING if label in absent else place.get(label, _UNKNOWN) for label in labels]
    period = np.array([*of_label, _MISSING], dtype=np.int64)[codes]
    missing = period == _MISSING
    if missing.any():
        row, count = int(np.argmax(missing)), int(missing.sum())
        message, remedy = "The row has no period.", "Fill it in, or leave the row out."
        reading.add("period-missing", message, remedy, row=row, column=layout.period, count=count)
    reading.unknown(
        period == _UNKNOWN,
        codes,
        labels,
        layout.period,
        "unknown-period",
        lambda label: (
            f"{shown(label)} is not among the periods.",
            hint(label, names, "Add it to 'periods' below [table], in order."),
        ),
    )
    if not layout.periods and len(names) > 1:
        reading.note("order-of-periods", f"The periods are taken in the order {listed(names)}, one step each.")
    of_agent: NDArray[np.int64] = reading.per_agent(np.maximum(period, 0), agent, n, "period", layout.period)
    return names, of_agent


def panel(several: int, n: int) -> Finding:
    """Return the caution that some of n agents were asked in several periods."""
    message = (
        f"{several:,} of {n:,} agents were asked in more than one period. They count as different agents in"
        " each, as if what somebody held before said nothing on what it holds now: intervals of changes between periods"
        " are then too wide, those of all periods together too narrow."
    )
    return Finding("panel", message)


def apart_by_period(
    reading: Reading, agents: NDArray[np.object_], agent: NDArray[np.integer]
) -> tuple[NDArray[np.object_], NDArray[np.integer]]:
    """Return labels and agents of rows with an agent of its own for every period that somebody was asked in.

    Labels stay as they are where nobody was asked in two periods; otherwise all are written ``agent (period)``.
    """
    layout = reading.study.table
    if layout.period is None or not reading.has(layout.period):
        return agents, agent
    codes, labels = reading.column(layout.period)
    pair = agent.astype(np.int64) * (len(labels) + 1) + codes + 1
    _, first, kind = np.unique(pair, return_index=True, return_inverse=True)
    if len(first) == len(agents):
        return agents, agent
    order = np.argsort(first, kind="stable")  # agents in order of appearance
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    rows = first[order]
    names = [*labels, ""]
    named = [f"{agents[agent[row]]} ({names[codes[row]]})" for row in rows]
    several = int((np.bincount(agent[rows], minlength=len(agents)) > 1).sum())
    reading.findings.append(panel(several, len(agents)))
    return np.array(named, dtype=object), place[np.ravel(kind)]


def beside_columns(choices: Choices, rows: NDArray[np.int64]) -> dict[str, pa.Array]:
    """Return the columns of periods and covariates as text, for the agent of each row.

    Of a number that the study cuts into bins the cut below is written, of the lowest bin a number below the first.
    """
    layout = choices.study.table
    columns: dict[str, pa.Array] = {}
    blank = ""  # an empty cell is always no value
    if layout.period is not None and choices.groups:
        columns[layout.period] = pa.array([choices.groups[h] for h in choices.group_of_agent[rows]], type=pa.string())
    for one in choices.covariates:
        bins = layout.covariates.get(one.name, CovariateColumn()).bins
        if bins:
            inside = (f"{bins[0] - 1!r}", *(f"{cut!r}" for cut in bins))
            written = dict(zip(bin_names(bins), inside, strict=True))
            labels = [written.get(level, blank).replace(".", layout.decimal) for level in one.levels]
            text = [labels[int(place)] for place in one.value[rows]]
        elif one.levels:
            own = one.levels if layout.covariate_missing == "error" else (*one.levels[:-1], blank)
            own = own if one.levels[-1].startswith(MISSING_LEVEL) else one.levels
            text = [own[int(place)] for place in one.value[rows]]
        else:
            text = [blank if np.isnan(x) else f"{x!r}".replace(".", layout.decimal) for x in one.value[rows].tolist()]
        columns[one.name] = pa.array(text, type=pa.string())
    return columns
