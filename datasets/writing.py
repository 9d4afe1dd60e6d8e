"""From Choices back to a table: the inverse of :func:`read_table`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .ballots import Ballots, ballots_of, entered_ballots, once_each
from .choices import AreaChoices, Choices
from .covariate_columns import beside_columns
from .numbers import number_text, numbers_at
from .ranking_columns import order_columns
from .stages import order_text
from .study import Item, Table


def write_table(choices: Choices, path: str | Path) -> None:
    """Write answers as the table that their study describes.

    ``read_table(path, choices.study)`` gives choices with the same ``data_hash``. Labels are written as they
    are, also those that a spreadsheet would take for a formula. An existing file is replaced, once the new
    one is complete.

    Parameters
    ----------
    choices
        The answers.
    path
        A file ending in ``.csv``, ``.tsv``, ``.tab`` or ``.parquet``. The layout is that of the study.

    Raises
    ------
    ValueError
        If the path ends otherwise, or the study cannot be written: agents without a group where it demands
        one, or choice situations.
    """
    target = Path(path)
    suffix = target.suffix.lower()
    if suffix not in {".csv", ".tsv", ".tab", ".parquet"}:
        raise ValueError(f"'path' is {str(path)!r}; it should end in .csv, .tsv, .tab or .parquet")
    table = to_arrow(choices)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        if suffix == ".parquet":
            from pyarrow import parquet  # noqa: PLC0415 (loads a library of its own)

            parquet.write_table(table, part)
        else:
            from pyarrow import csv  # noqa: PLC0415

            mark = choices.study.table.delimiter or ("," if suffix == ".csv" else "\t")
            csv.write_csv(table, part, csv.WriteOptions(delimiter=mark))
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def to_arrow(choices: Choices) -> pa.Table:
    """Return answers as an arrow table of text in the layout of their study; see :func:`write_table`."""
    layout = choices.study.table
    if layout.of_situations:
        raise ValueError("choice situations are not written: what was shown is known only to the table they came from")
    if layout.layout == "wide":
        columns = _agent_columns(choices, np.arange(choices.n_agents))
        for area in choices.areas:
            columns |= _wide_columns(choices, area)
    else:
        columns = _long_columns(choices)
    return pa.table(columns)


def _agent_columns(choices: Choices, rows: NDArray[np.int64]) -> dict[str, pa.Array]:
    """Return the columns about agents, for the agent of each row."""
    layout = choices.study.table
    columns: dict[str, pa.Array] = {}
    if layout.agent is not None:
        columns[layout.agent] = pa.array(choices.agents, type=pa.string()).take(rows)
    if layout.group is not None:
        group = choices.group_of_agent[rows]
        if layout.group_missing == "error" and (group < 0).any():
            raise ValueError("some agents are in no group, and 'group_missing' of the study is \"error\"")
        codes = [layout.groups[name][0] if name in layout.groups else name for name in choices.groups]
        columns[layout.group] = _text(codes, group, _blank(layout, codes))
    columns |= beside_columns(choices, rows)
    if layout.survey_weight is not None and choices.survey_weight is not None:
        weight = [repr(w).replace(".", layout.decimal) for w in choices.survey_weight.tolist()]
        columns[layout.survey_weight] = pa.array(weight, type=pa.string()).take(rows)
    if layout.times is not None:
        columns[layout.times] = pa.array(["1"] * len(rows), type=pa.string())
    return columns


def _wide_columns(choices: Choices, area: AreaChoices) -> dict[str, pa.Array]:
    columns: dict[str, pa.Array] = {}
    for position, item in enumerate(choices.study.area(area.name).items):
        blank = _blank(choices.study.table, item.options)
        if item.is_number:
            columns |= _number_columns(choices, area, position)
            continue
        if item.in_stages:
            order = area.order(position)
            if item.in_ballots:
                ballots = _own_ballots(area, item, position)
                order = ballots.order
                seen = {name: ballots.offered[:, item.options.index(option)] for option, name in item.available.items()}
                for name, flag in seen.items():
                    columns[name] = pa.array(np.where(flag, "1", "0")[area.pattern_of_agent], type=pa.string())
            ranked = order_columns(item, order, blank)
            columns |= {name: pa.array(text[area.pattern_of_agent], type=pa.string()) for name, text in ranked.items()}
            continue
        counts = area.counts[:, area.item_of_option == position]
        answer = np.where(counts.any(axis=1), counts.argmax(axis=1), -1)[area.pattern_of_agent]
        columns[item.column] = _text(item.options, answer, blank)
    return columns


def _own_ballots(area: AreaChoices, item: Item, position: int) -> Ballots:
    """Return the one ballot of each pattern to an item."""
    (stages,) = (one for one in area.stages if one.item == position)
    return once_each(ballots_of(stages, item), len(area.counts))


def _number_columns(choices: Choices, area: AreaChoices, position: int) -> dict[str, pa.Array]:
    """Return a column of numbers, and that of their exposures where there is one."""
    item = choices.study.area(area.name).items[position]
    which = np.full(len(area.counts), -1)
    (own,) = (numbers for numbers in area.numbers if numbers.item == position)
    which[own.pattern] = own.which
    which, blank = which[area.pattern_of_agent], _blank(choices.study.table, [])
    texts = {item.column: own.value} | ({item.exposure: own.exposure} if item.exposure else {})
    decimal = choices.study.table.decimal
    return {
        name: _text([number_text(x).replace(".", decimal) for x in values.tolist()], which, blank)
        for name, values in texts.items()
    }


def _long_columns(choices: Choices) -> dict[str, pa.Array]:
    """One row per answer, those of an agent together, items and options in the order of the study."""
    agents, items, options = [], [], []
    names: list[str] = []
    labels: list[str | None] = []
    for area in choices.areas:
        pattern, option = np.nonzero(area.counts)
        times = area.counts[pattern, option]
        pattern, option = np.repeat(pattern, times), np.repeat(option, times)
        n_rows = np.bincount(pattern, minlength=len(area.counts))
        first = np.cumsum(n_rows) - n_rows
        per_agent = n_rows[area.pattern_of_agent]
        agent = np.repeat(np.arange(choices.n_agents), per_agent)
        # rows of a pattern stand together: an agent's rows are first, first + 1, … of its pattern
        step = np.arange(len(agent)) - np.repeat(np.cumsum(per_agent) - per_agent, per_agent)
        row = first[area.pattern_of_agent][agent] + step
        agents.append(agent)
        items.append(len(names) + area.item_of_option[option[row]])
        chosen = len(labels) + option[row]
        labels += area.options
        for position, item in enumerate(choices.study.area(area.name).items):
            if item.in_stages and not item.in_ballots:
                mine = area.item_of_option[option[row]] == position
                chosen[mine] = len(labels) + area.pattern_of_agent[agent[mine]]
                labels += order_text(item, area.order(position)).tolist()
        options.append(chosen)
        for stages in area.stages:
            if area.has_ballots[stages.item]:
                item = choices.study.area(area.name).items[stages.item]
                every = entered_ballots(stages, item, area.pattern_of_agent)
                agents.append(every.agent)
                items.append(np.full(len(every.agent), len(names) + stages.item))
                options.append(len(labels) + np.arange(len(every.agent)))
                labels += order_text(item, every.order).tolist()
        for numbers in area.numbers:
            held = numbers_at(numbers, area.pattern_of_agent)
            entry = np.repeat(np.arange(len(held.which)), held.times)
            agents.append(held.pattern[entry])
            items.append(np.full(len(entry), len(names) + numbers.item))
            options.append(len(labels) + held.which[entry])
            decimal = choices.study.table.decimal
            labels += [number_text(value).replace(".", decimal) for value in numbers.value.tolist()]
        names += [item.column for item in choices.study.area(area.name).items]
    order = np.argsort(np.concatenate(agents), kind="stable")
    layout = choices.study.table
    columns = _agent_columns(choices, np.concatenate(agents)[order])
    columns[str(layout.item)] = _text(names, np.concatenate(items)[order], None)
    columns[str(layout.answer)] = _text(labels, np.concatenate(options)[order], None)
    return columns


def _text(labels: Any, codes: NDArray[np.int64], blank: str | None) -> pa.Array:
    """Return the label of each code, ``blank`` (None for an empty cell) for a negative one."""
    known = pa.array([*labels, blank], type=pa.string())
    return known.take(pa.array(np.where(codes < 0, len(labels), codes)))


def _blank(layout: Table, labels: Any) -> str | None:
    """Return what stands for no answer: an empty cell, unless an empty label means something."""
    if "" not in labels:
        return None
    return next(code for code in layout.missing if code not in labels)
