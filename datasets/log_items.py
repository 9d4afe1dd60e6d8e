"""The item table of a log: what an event's item is, by category."""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from ..errors import LISTED, Fault, InputError, brief, shown
from .column_text import encoded
from .log_files import check_schema, log_files
from .log_open import LogFile
from .log_source import events_of_files
from .log_study import Log
from .study import Limits

MAX_ITEMS = 20_000_000
"""Different items of a log."""

Categories = dict[str, tuple[str, ...]]
"""Item → its categories, distinct; empty for an item that has none."""


def read_items(log: Log, path: str | Path | None, study_file: str | None, limits: Limits) -> tuple[Categories, str]:
    """Read the item table of a log.

    Parameters
    ----------
    log
        Names the columns of the table, and perhaps its file.
    path
        Path of the table; None for that in the study, relative to the study file.
    study_file
        Path of the study file; None where there is none.
    limits
        Sizes above which it is refused.

    Returns
    -------
    categories, file
        The categories of each item, and the name of the file.

    Raises
    ------
    InputError
        If there is no such table, it cannot be read, lacks a column, or says two things of one item.
    """
    table = log.items
    assert table is not None
    if path is None and table.file is None:
        message = "The study names an item table, and no file holds it."
        remedy = 'Give its path with --items (items= in Python), or as file = "…" below [log.items].'
        raise InputError(Fault(code="no-items", message=message, remedy=remedy, file=study_file))
    if path is None:
        path = Path(study_file or ".").parent / str(table.file)
    columns, mark = table.columns or (), table.delimiter or log.delimiter
    files = log_files(path, limits, delimiter=mark, columns=columns)
    check_schema(files, {table.id: "log.items.id", table.category: "log.items.category"}, lists=())
    with tempfile.TemporaryDirectory(prefix="dissensus-items-") as folder:
        if table.encoding != "utf-8":
            files = tuple(
                _in_utf8(file, table.encoding, Path(folder) / f"{i}.csv", limits) for i, file in enumerate(files)
            )
        with events_of_files(files, [table.id, table.category]) as events:
            read = events.collected(events.frame.head(MAX_ITEMS + 1))
    name = events.source
    if read.num_rows > MAX_ITEMS:
        message = f"The item table has more than {MAX_ITEMS:,} rows."
        remedy = "Check that it is the right file."
        raise InputError(Fault(code="too-large", message=message, remedy=remedy, file=name))
    ids, id_labels = encoded(read.column("x0"), table.id, name)
    kinds, kind_labels = encoded(read.column("x1"), table.category, name)
    absent = {"", *table.no_category}
    split = [_split(str(label), table.separator, absent) for label in kind_labels]
    split.append(())  # the last entry serves −1, no category
    labels = [*map(str, id_labels), ""]
    found: Categories = {}
    faults = []
    for item, kind in zip(ids.tolist(), kinds.tolist(), strict=True):
        label, categories = labels[item], split[kind]
        if not label:
            faults.append(_fault("no-item", "A row names no item.", "Name it.", name, table.id))
        elif found.setdefault(label, categories) != categories:
            message = f"Item {shown(label)} stands in two rows, with other categories."
            faults.append(_fault("item-twice", message, "Give every item one row.", name, table.id, label))
        if len(faults) > LISTED:
            break
    if not found and not faults:
        faults.append(_fault("no-rows", "The item table has no rows.", "Give one row per item.", name, table.id))
    if faults:
        raise InputError(faults)
    return found, name


def _in_utf8(file: LogFile, encoding: str, copy: Path, limits: Limits) -> LogFile:
    """Return a text file of another encoding with a copy in UTF-8, which is what the engine reads."""
    opener = gzip.open if file.path.lower().endswith(".gz") else open
    with opener(file.path, "rb") as stream:
        data = stream.read(limits.bytes + 1)
    if len(data) > limits.bytes:
        message = f"The item table is larger than the limit of {limits.bytes:,} bytes."
        remedy = "Raise 'bytes' below [table.limits] if that is meant."
        raise InputError(Fault(code="too-large", message=message, remedy=remedy, file=file.path))
    copy.write_bytes(data.decode(encoding).encode())
    return replace(file, encoding=encoding, stored=str(copy))


def _split(label: str, separator: str | None, absent: Iterable[str]) -> tuple[str, ...]:
    parts = label.split(separator) if separator else [label]
    return tuple(dict.fromkeys(part for part in parts if part not in absent))


def _fault(code: str, message: str, remedy: str, file: str, column: str, value: str | None = None) -> Fault:
    value = None if value is None else brief(value)
    return Fault(code=code, message=message, remedy=remedy, file=file, column=column, value=value)
