"""Files of a log as relations of the embedded engine, and the lines of their rows."""

from __future__ import annotations

import csv
import gzip
import os
import re
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from .log_open import LogFile

if TYPE_CHECKING:
    import pyarrow as pa

_MOST_LOCATED = 5_000_000
"""Rows of a text file beyond which a fault is given by its row, not by its line."""


def beside(relation: Any, table: pa.Table) -> Any:
    """Return a small table as a relation of the connection that another relation belongs to, which it does not tell."""
    rows = [f"({', '.join('NULL' if v is None else literal(v) for v in row.values())})" for row in table.to_pylist()]
    kinds = {"string": "VARCHAR", "large_string": "VARCHAR", "int32": "INTEGER", "int64": "BIGINT", "double": "DOUBLE"}
    columns = ", ".join(
        f"CAST({field.name} AS {kinds[str(field.type)]}) AS {field.name}" if str(field.type) in kinds else field.name
        for field in table.schema
    )
    given = f"(VALUES {', '.join(rows)})" if rows else f"(SELECT {', '.join('NULL' for _ in table.schema)} LIMIT 0)"
    names = ", ".join(table.schema.names)
    return relation.query("events", f"SELECT {columns} FROM {given} AS given({names})")


def scanned(connection: Any, files: Sequence[LogFile]) -> Any:
    """Return files of one layout as a DuckDB relation: text with columns c0, c1, …, Parquet with its own names."""
    first = files[0]
    paths = [_literal_path(file.stored or file.path) for file in files]
    if first.parquet:
        return connection.read_parquet(paths, union_by_name=True)
    quoting = (
        {"quotechar": '"', "escapechar": '"'} if len(first.delimiter) == 1 else {"quotechar": "", "escapechar": ""}
    )
    return connection.read_csv(
        paths,
        header=first.header,
        delimiter=first.delimiter,
        auto_detect=False,
        all_varchar=True,
        columns={f"c{place}": "VARCHAR" for place in range(len(first.names))},
        **quoting,
    )


def wanted_columns(connection: Any, files: Sequence[LogFile], short: dict[str, str]) -> Any:
    """Return the wanted columns of files of one format as one relation."""
    whole = None

    def layout(file: LogFile) -> tuple[Any, ...]:
        # only names: Parquet parts may hold whole numbers of different width
        return (file.parquet, file.names, file.delimiter, file.header, tuple(file.values.items()))

    for _, same in groupby(files, key=layout):
        group = list(same)
        places = group[0].names
        columns = [
            f"{literal(group[0].values[name])} AS {to}"
            if name in group[0].values
            else f"{quoted(name) if group[0].parquet else f'c{places.index(name)}'} AS {to}"
            for name, to in short.items()
        ]
        part = scanned(connection, group).project(", ".join(columns))
        whole = part if whole is None else whole.union(part)
    return whole


def _literal_path(path: str) -> str:
    """Return a path as DuckDB takes it literally: no character of it is a pattern."""
    return re.sub(r"([*?\[])", r"[\1]", os.path.abspath(path))


def quoted(name: str) -> str:
    """Return a name of a column as SQL takes it."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: object) -> str:
    """Return a value as SQL takes it: text, so that nothing in it is run."""
    if isinstance(value, bool | int):
        return repr(value)
    return "'" + str(value).replace("'", "''") + "'"


def line_of(file: LogFile, row: int) -> int | None:
    """Return the line on which a row of a text file starts, as an editor counts; None for a row far down."""
    if row > _MOST_LOCATED:
        return None
    if len(file.delimiter) > 1:
        return row + file.header
    packed = file.path.lower().endswith(".gz")
    with (
        gzip.open(file.path, "rt", encoding=file.encoding, newline="")
        if packed
        else open(file.path, encoding=file.encoding, newline="")
    ) as text:
        rows = csv.reader(text, delimiter=file.delimiter)
        place, before = 0 if file.header else 1, 0
        for fields in rows:
            if fields:  # an engine does not see lines without anything
                if place == row:
                    return before + 1
                place += 1
            before = rows.line_num
    return None
