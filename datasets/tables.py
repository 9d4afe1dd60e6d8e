"""From a table of answers to :class:`Choices`: everything read as text, every fault reported in one pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import LISTED, Fault, InputError, shown
from .agent_columns import agent_groups, agent_labels, agent_weights
from .ballot_columns import long_ranked, wide_ranked
from .choices import Choices, Finding
from .covariate_columns import agent_covariates, agent_periods, apart_by_period
from .judgements import long_study, read_judgements
from .look_alike import near_duplicates
from .number_columns import every_wide_number, long_numbers
from .patterns import Given, build_choices, distinct_rows
from .reading import Reading, place_of
from .repeated_answers import MISSING, UNKNOWN, note_kept, once, options_of, refuse_agents_twice
from .situations import long_situations, row_situations
from .stated_together import stated_together
from .study import Study
from .text_table import open_table
from .times_column import agents_of_rows, refuse_times, row_times
from .unknown_answers import unknown_answers
from .validation import hint, listed


def read_table(table: Any, study: Study, *, delimiter: str | None = None, source: str | None = None) -> Choices:
    """Read and check a table of answers.

    Everything is read as text and compared exactly: ``NA``, ``TRUE``, ``007`` and ``7`` are four labels. Numbers of
    Parquet files and data frames become text as they are written, without a trailing ``.0``. Columns which the study
    does not name are not read.

    Parameters
    ----------
    table
        Path of a CSV, TSV (also ``.gz``) or Parquet file; or a pandas, Arrow, Polars or DuckDB table.
    study
        What the table means.
    delimiter
        Character between fields of a text file; None for the one the study names, else that of the kind of file.
    source
        Name of the table in messages and in the result; None for the path or the type of the frame.

    Returns
    -------
    Choices
        The checked answers, with ``findings`` on what weakens them.

    Raises
    ------
    InputError
        With all faults of the table.
    TypeError
        If ``table`` is neither a path nor a data frame, or ``study`` no :class:`Study`.
    """
    if not isinstance(study, Study):
        raise TypeError(f"'study' is a {type(study).__name__}: read it with Study.from_toml first.")
    _check_delimiter(delimiter)
    layout = study.table
    roles = [layout.agent, layout.group, layout.survey_weight, layout.times]
    roles += [layout.situation, layout.period, *layout.depends_on]
    items = [c for item in study.items for c in (*item.columns, *item.other_columns)]
    in_rows = [layout.item, layout.first, layout.second, layout.answer]  # one answer to a row
    roles += in_rows if layout.layout in {"long", "judgements"} else items
    wanted = [name for name in dict.fromkeys(roles) if name is not None]
    text = open_table(
        table, wanted, layout.limits, plain=layout.agent, delimiter=delimiter or layout.delimiter, source=source
    )
    reading = Reading(study, text, list(text.faults))
    present = _check_columns(reading, wanted)
    if text.n_rows == 0:
        if not text.faults:
            message = "The table has no rows below its header."
            reading.add("no-rows", message, "Give one line per agent, or per answer.")
        reading.stop()
    _check_pasted(reading, present)
    agents, agent_of_row = apart_by_period(reading, *agent_labels(reading))
    times = row_times(reading)
    answers: dict[str, Given] = {}
    if layout.layout == "judgements":
        answers |= read_judgements(reading, agent_of_row, len(agents), times)
    elif layout.layout == "long":
        answers = _long(reading, agent_of_row, len(agents), times)
    else:
        answers = _wide(reading, agent_of_row, len(agents))
    answers = stated_together(reading, answers, agent_of_row, len(agents))
    by_group = agent_groups if layout.period is None else agent_periods
    groups, group = by_group(reading, agent_of_row, len(agents))
    covariates = agent_covariates(reading, agent_of_row, len(agents))
    weight = agent_weights(reading, agent_of_row, len(agents))
    if reading.faults and not text.faults:  # rows that could not be split may hold the answers
        _check_empty(reading, agents, answers)
    reading.stop()
    if times is not None and layout.layout not in {"long", "judgements"}:
        rows = agents_of_rows(reading, times)
        agents = np.arange(1, len(rows) + 1).astype(str).astype(object)
        answers = {item: given[rows] for item, given in answers.items() if isinstance(given, np.ndarray)}
        group = None if group is None else group[rows]
        weight = None if weight is None else weight[rows]
        covariates = tuple(replace(one, value=one.value[rows]) for one in covariates)
    return build_choices(
        long_study(study, set(answers)),
        agents,
        answers,
        groups=groups,
        group_of_agent=group,
        survey_weight=weight,
        covariates=covariates,
        findings=reading.findings,
        source=text.source,
    )


def _check_delimiter(delimiter: str | None) -> None:
    if delimiter is not None and not (len(delimiter) == 1 and delimiter.isascii() and delimiter not in '"\r\n\0'):
        message = f"{shown(delimiter)} cannot separate fields."
        raise InputError(Fault(code="delimiter", message=message, remedy="Give one ASCII character, a comma, say."))


def _check_columns(reading: Reading, wanted: Sequence[str]) -> list[str]:
    """Return the wanted columns that are there; add a fault for each of the others, and note names that look alike."""
    names, layout = reading.text.names, reading.study.table
    lacking = [name for name in wanted if name not in names]
    roles = {layout.agent: "agent", layout.group: "group", layout.survey_weight: "survey_weight"}
    roles |= {layout.item: "item", layout.answer: "answer", layout.times: "times"}
    roles |= {layout.situation: "situation", layout.first: "first", layout.second: "second"}
    roles |= {layout.period: "period"}
    roles |= dict.fromkeys(layout.depends_on, "depends_on")
    for name in lacking:
        what = f"'table.{roles[name]}' names" if name in roles else "The study names an item with"
        remedy = hint(name, names, f"Its columns are {listed(names)}.")
        reading.faults.append(
            Fault(
                code="no-column",
                message=f"{what} column {shown(name)}, which the table does not have.",
                remedy="It is the index of the frame: call reset_index()." if name in reading.text.index else remedy,
                file=reading.text.source,
                line=reading.text.header_line,
                column=name,
            )
        )
    shaping = {layout.agent, layout.item, layout.answer, layout.first, layout.second} - {None}
    shaping = shaping if layout.layout in {"long", "judgements"} else set()
    if len(lacking) == len(wanted) or shaping & {*lacking}:
        reading.stop()
    alike = [same for same in near_duplicates(names) if not set(same).isdisjoint(wanted)]
    if alike:
        message = f"Columns whose names look alike are kept apart: {'; '.join(listed(same, 4) for same in alike[:5])}."
        reading.findings.append(Finding("near-duplicates", message))
    return [name for name in wanted if name in names]


def _check_empty(reading: Reading, agents: NDArray[np.object_], answers: Mapping[str, Given]) -> None:
    """Add, beside other faults, those that :func:`build_choices` would find had it been reached."""
    if len(agents) == 1:
        reading.add("one-agent", "The table holds one agent, and a score is about pairs.", "Give at least two agents.")
    faulty = {fault.column for fault in reading.faults}
    for item in reading.study.items if reading.study.table.layout == "wide" else ():
        given = answers.get(item.name)
        if isinstance(given, np.ndarray) and item.column not in faulty and not (given >= 0).any():
            message = f"Nobody answered item {shown(item.name)}."
            remedy = "Leave the item out of the study, or check its column and the codes in 'missing'."
            reading.add("empty-item", message, remedy, column=item.column)


def _check_pasted(reading: Reading, wanted: Sequence[str]) -> None:
    """Refuse a table whose header stands among its rows, or whose second half repeats the first."""
    headers = np.arange(reading.text.n_rows if len(wanted) > 1 else 0)
    for name in wanted:
        if not len(headers):
            break
        codes, labels = reading.column(name)
        headers = headers[codes[headers] == place_of(labels, name)]
    for row in headers[:LISTED]:
        reading.add("header-repeated", "The row repeats the header.", "Remove it.", row=int(row))
    if len(headers) > LISTED:
        row, count = int(headers[LISTED]), len(headers) - LISTED
        reading.add("header-repeated", "The row repeats the header.", "Remove it.", row=row, count=count)
    rows = np.delete(np.arange(reading.text.n_rows), headers)
    layout = reading.study.table
    distinct = (
        layout.agent is not None and not layout.of_situations and not any(item.repeated for item in reading.study.items)
    )
    half = len(rows) // 2
    # where rows may be alike, few of them repeat in order by chance
    twice = len(rows) % 2 == 0 and half >= (2 if distinct else 10) and (layout.on_duplicate == "error" or not distinct)
    columns = []
    for name in wanted if twice else ():
        codes, labels = reading.column(name)
        columns.append((codes[rows[:half]].astype(np.int64) + 1, len(labels) + 1))
        twice = twice and bool((codes[rows[:half]] == codes[rows[half:]]).all())
        if not twice:
            break
    if twice and not distinct:
        twice = len(distinct_rows(columns, half)[0]) >= 3
    if twice:
        message = "The second half of the table repeats the first: it seems pasted twice."
        reading.add("pasted-twice", message, "Remove one half.", row=int(rows[half]))
    if twice or len(headers):
        reading.stop()


def _wide(reading: Reading, agent: NDArray[np.integer], n: int) -> dict[str, Given]:
    """Return the answers of a table by item, unless it is long."""
    layout = reading.study.table
    if n < len(agent) and layout.rule_of_duplicates == "error":
        refuse_agents_twice(reading, agent, n)
    answers, kept = every_wide_number(reading, agent, n)
    for item in (item for item in reading.study.items if not item.is_number):
        if item.kind == "situation":
            read = long_situations if layout.layout == "alternatives" else row_situations
            found = read(reading, item, agent)
            if found is not None:
                answers[item.name] = found
            continue
        if item.in_stages:
            ranked = wide_ranked(reading, item, agent, n)
            if ranked is not None:
                answers[item.name] = ranked[0]
                kept += ranked[1]
            continue
        if not reading.has(item.column):
            continue
        codes, labels = reading.column(item.column)
        option = options_of(item, labels, layout.missing, layout.decimal)[codes]
        if (option == UNKNOWN).any():
            unknown_answers(reading, item, option == UNKNOWN, codes, labels, item.column)
        if n == len(agent):
            answers[item.name] = option
        elif layout.rule_of_duplicates != "error":
            rows = np.flatnonzero(option >= 0)
            answers[item.name], dropped = once(reading, item, rows, agent[rows], option[rows], n)
            kept += dropped
    if not layout.of_situations:
        note_kept(reading, kept)
    return answers


def _long(reading: Reading, agent: NDArray[np.integer], n: int, times: NDArray[np.int64] | None) -> dict[str, Given]:
    """Return the answers of a long table by item."""
    study, layout = reading.study, reading.study.table
    assert layout.item is not None and layout.answer is not None
    size = 2 * n * sum(len(item.serves) if item.repeated and not item.in_stages else 1 for item in study.items)
    if size > layout.limits.bytes:
        message = f"{n:,} agents and {len(study.items):,} items take {size:,} bytes, limit {layout.limits.bytes:,}."
        reading.add("too-large", message, "Raise 'bytes' below [table.limits] if that is meant.")
        reading.stop()
    item_of_row = _item_of_row(reading)
    codes, labels = reading.column(layout.answer)
    order = np.argsort(item_of_row, kind="stable")
    bounds = np.searchsorted(item_of_row[order], np.arange(len(study.items) + 1))
    answers: dict[str, Given] = {}
    kept = 0
    for place, item in enumerate(study.items):
        rows = order[bounds[place] : bounds[place + 1]]
        if item.in_stages:
            rows = np.sort(rows if times is None else rows[times[rows] > 0])
            several = None if times is None else times[rows]
            answers[item.name], dropped = long_ranked(reading, item, rows, agent[rows], n, several)
            if times is not None and not item.repeated:
                refuse_times(reading, item, rows, times)
            kept += dropped
            continue
        if item.is_number:
            several = None if times is None else times[rows]
            answers[item.name], dropped = long_numbers(reading, item, rows, agent[rows], n, several)
            if times is not None and not item.repeated:
                refuse_times(reading, item, rows, times)
            kept += dropped
            continue
        option = options_of(item, labels, layout.missing, layout.decimal)[codes[rows]]
        if (option == UNKNOWN).any():
            unknown = np.zeros(len(codes), dtype=bool)
            unknown[rows] = option == UNKNOWN
            unknown_answers(reading, item, unknown, codes, labels, layout.answer)
        answered = (option >= 0) & (True if times is None else times[rows] > 0)
        rows, option = rows[answered], option[answered]
        if item.repeated:
            cells = agent[rows] * len(item.serves) + option
            number = None if times is None else times[rows]
            counts = np.bincount(cells, number, minlength=n * len(item.serves))
            answers[item.name] = counts.reshape(n, len(item.serves)).astype(np.int32)
        else:
            if times is not None:
                refuse_times(reading, item, rows, times)
            answers[item.name], dropped = once(reading, item, rows, agent[rows], option, n)
            kept += dropped
    note_kept(reading, kept)
    return answers


def _item_of_row(reading: Reading) -> NDArray[np.int64]:
    """Return the position of each row's item in the study, −1 for items it does not have."""
    study, name = reading.study, reading.study.table.item
    assert name is not None
    codes, labels = reading.column(name)
    place = {item.column: i for i, item in enumerate(study.items)}
    item_of_row = np.array([*(place.get(label, UNKNOWN) for label in labels), MISSING], dtype=np.int64)[codes]
    empty = (codes < 0) | (codes == place_of(labels, ""))
    if "" not in place and empty.any():
        row, count = int(np.argmax(empty)), int(empty.sum())
        reading.add("no-item", "The row names no item.", "Give every row its item.", row=row, column=name, count=count)
    present = set(labels)
    for item in study.items:
        if item.column not in present:
            message = f"Item {shown(item.column)} of the study stands in no row."
            remedy = hint(item.column, labels, f"The items of the table are {listed(labels)}.")
            reading.add("no-item-rows", message, remedy, column=name, value=item.column)
    others = [label for label in labels if label and label not in place]
    if others:
        message = f"{len(others):,} items of the table are not in the study and left out: {listed(others)}."
        reading.findings.append(Finding("other-items", message, "note"))
    return np.where(empty, MISSING, np.maximum(item_of_row, MISSING))
