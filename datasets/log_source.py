"""Events as a lazy frame: files through an embedded DuckDB that spills to disk, or a frame of another library."""

from __future__ import annotations

import csv
import gzip
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import narwhals as nw

from ..errors import Fault, InputError, shown
from .column_text import name_faults
from .log_faults import engine_fault
from .log_files import LogFile, source_name
from .study import Limits
from .validation import hint, listed

if TYPE_CHECKING:
    import pyarrow as pa

_MOST_LOCATED = 5_000_000
"""Rows of a text file beyond which a fault is given by its row, not by its line."""


@dataclass(frozen=True)
class Events:
    """Events, only the columns that count, under short names that no label can break.

    Parameters
    ----------
    frame
        One row per event.
    short
        Name in ``frame`` of each column of the log.
    source
        Name of the log in messages.
    files
        Its files; empty for a frame.
    """

    frame: nw.LazyFrame[Any]
    short: dict[str, str]
    source: str
    files: tuple[LogFile, ...] = ()
    _connection: Any = None

    def column(self, name: str) -> nw.Expr:
        """Return a column of the log as an expression over ``frame``."""
        return nw.col(self.short[name])

    def collected(self, frame: nw.LazyFrame[Any], column: str | None = None) -> pa.Table:
        """Return a small result as an Arrow table; a failure of the engine becomes an :class:`InputError`."""
        try:
            return frame.collect("pyarrow").to_native()
        except Exception as error:
            raise InputError(self.explained(error, column)) from None

    def small(self, table: pa.Table) -> nw.LazyFrame[Any]:
        """Return a small Arrow table as a frame of the engine that holds the events."""
        engine = self.frame.implementation
        native = self.frame.to_native()
        small: Any = None
        if engine.is_duckdb():
            small = _beside(native, table) if self._connection is None else self._connection.from_arrow(table)
        elif engine.is_pyspark():
            rows = [tuple(row.values()) for row in table.to_pylist()]
            # the type of the column it will be compared with, so that nothing is converted
            types = dict(native.dtypes) | {"code": "int"}
            schema = ", ".join(f"{field.name} {types[field.name]}" for field in table.schema)
            small = native.sparkSession.createDataFrame(rows, schema)
        elif engine.is_dask() or engine.is_polars():
            backend: Any = "dask" if engine.is_dask() else "polars"
            lazy: nw.LazyFrame[Any] = nw.from_native(table, eager_only=True).lazy(backend=backend)
            return lazy
        if small is not None:
            frame: nw.LazyFrame[Any] = nw.from_native(small)
            return frame
        message = f"Events of a {engine.name.lower()} frame cannot be read."
        raise TypeError(f"{message} Give paths, or a pandas, Arrow, Polars, DuckDB, Dask or Spark frame.")

    def distinct(self) -> int | None:
        """Return the number of distinct events by their hashes, at most what it is; None where that is slow."""
        if self._connection is None:
            return None
        columns = ", ".join(self.short.values())
        hashes = self.frame.to_native().project(f"hash({columns}) AS h")
        try:
            return int(hashes.aggregate("count(DISTINCT h)").fetchall()[0][0])
        except Exception as error:
            raise InputError(self.explained(error)) from None

    def place(self, column: str, value: object) -> dict[str, Any]:
        """Return file, line and column of the first event with a value, as far as they can be told."""
        found: dict[str, Any] = {"file": self.source, "column": column}
        if self._connection is None:
            return found
        for file in self.files:
            if column in file.values:
                if file.values[column] == value:
                    return found | {"file": file.path}
                continue
            name = _quoted(column) if file.parquet else f"c{file.names.index(column)}"
            rows = scanned(self._connection, [file]).project(f"row_number() OVER () AS row, {name} AS value")
            test = "value IS NULL OR CAST(value AS VARCHAR) IN ('', '[]')"
            try:
                first = rows.filter(test if value is None else f"value = {_literal(value)}").limit(1).fetchall()
            except Exception:  # a part that cannot be read to its end has a fault of its own
                continue
            if first:
                return found | {"file": file.path, "line": None if file.parquet else _line(file, int(first[0][0]))}
        return found

    def explained(self, error: Exception, column: str | None = None) -> Fault:
        """Return what a failure of the engine means for a user."""
        return engine_fault(error, self.files, self.source, column, lambda value: self.place(str(column), value))


@contextmanager
def events_of_files(
    files: Sequence[LogFile], wanted: Sequence[str], *, max_memory: float | None = None, threads: int | None = None
) -> Iterator[Events]:
    """Open the files of a log.

    Text files are read once and kept, their wanted columns only, as a Parquet file in a folder for what does not fit
    into memory; it is removed at the end.

    Parameters
    ----------
    files
        The files.
    wanted
        Names of the columns to read.
    max_memory
        Most bytes the engine may take before it spills to disk; None for half of what is free.
    threads
        Number of threads; None for one per core.
    """
    import duckdb  # noqa: PLC0415 (a fifth of a second)
    import psutil  # noqa: PLC0415

    most = max_memory if max_memory is not None else psutil.virtual_memory().available / 2
    with tempfile.TemporaryDirectory(prefix="dissensus-log-") as spill:
        settings: dict[str, Any] = {
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "memory_limit": f"{max(64, int(most / 1e6))}MB",
            "temp_directory": spill,
        }
        if threads is not None:
            settings["threads"] = threads
        with duckdb.connect(":memory:", config=settings) as connection:
            short = {name: f"x{place}" for place, name in enumerate(wanted)}
            events = Events(None, short, source_name(files), tuple(files), connection)  # type: ignore[arg-type]
            try:
                parts = []
                for place, (parquet, same) in enumerate(groupby(files, key=lambda file: file.parquet)):
                    group = list(same)
                    relation = _union(connection, group, short)
                    if not parquet:
                        kept = Path(spill) / f"events{place}.parquet"
                        relation.write_parquet(str(kept))
                        relation = connection.read_parquet(str(kept))
                    parts.append(relation)
                whole = parts[0]
                for part in parts[1:]:
                    whole = whole.union(part)
            except duckdb.Error as error:
                raise InputError(events.explained(error)) from None
            yield Events(nw.from_native(whole), short, events.source, tuple(files), connection)


def events_of_frame(frame: Any, roles: dict[str, str], limits: Limits, source: str | None) -> Events:
    """Return the events that a frame of another library holds, without collecting it.

    Raises
    ------
    InputError
        If a column is missing.
    TypeError
        If it is no data frame.
    """
    import pandas as pd  # noqa: PLC0415

    name = source or f"{type(frame).__module__.split('.')[0]}.{type(frame).__name__}"
    if isinstance(frame, pd.DataFrame):
        frame = _arrow_of_pandas(frame, list(roles))
    try:
        given = nw.from_native(frame)
    except TypeError:
        message = f"'events' is a {type(frame).__name__}: give paths, or a pandas, Arrow, Polars, DuckDB, Dask or Spark"
        raise TypeError(f"{message} frame.") from None
    lazy = given.lazy() if isinstance(given, nw.LazyFrame) else _lazy(given)
    names = lazy.collect_schema().names()
    faults = name_faults(names, name, limits) or [
        Fault(
            code="no-column",
            message=f"'{key}' names column {shown(column)}, which the events do not have.",
            remedy=hint(column, names, f"Their columns are {listed(names)}."),
            file=name,
            column=column,
        )
        for column, key in roles.items()
        if column not in names
    ]
    if faults:
        raise InputError(faults)
    short = {column: f"x{place}" for place, column in enumerate(roles)}
    lazy = lazy.select(*(nw.col(column).alias(to) for column, to in short.items()))
    return Events(lazy, short, name)


def _lazy(eager: nw.DataFrame[Any]) -> nw.LazyFrame[Any]:
    if eager.implementation.is_polars():
        return eager.lazy()
    import duckdb  # noqa: PLC0415

    return nw.from_native(duckdb.from_arrow(eager.to_arrow()))


def _arrow_of_pandas(frame: Any, wanted: Sequence[str]) -> Any:
    import pyarrow as pa  # noqa: PLC0415

    present = [name for name in wanted if name in frame.columns]
    return pa.Table.from_pandas(frame[present], preserve_index=False) if present else pa.table({"": []})


def _beside(relation: Any, table: pa.Table) -> Any:
    """Return a small table as a relation of the connection that another relation belongs to, which it does not tell."""
    rows = [f"({', '.join('NULL' if v is None else _literal(v) for v in row.values())})" for row in table.to_pylist()]
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


def _union(connection: Any, files: Sequence[LogFile], short: dict[str, str]) -> Any:
    """Return the wanted columns of files of one format as one relation."""
    whole = None

    def layout(file: LogFile) -> tuple[Any, ...]:
        # only names: Parquet parts may hold whole numbers of different width
        return (file.parquet, file.names, file.delimiter, file.header, tuple(file.values.items()))

    for _, same in groupby(files, key=layout):
        group = list(same)
        places = group[0].names
        columns = [
            f"{_literal(group[0].values[name])} AS {to}"
            if name in group[0].values
            else f"{_quoted(name) if group[0].parquet else f'c{places.index(name)}'} AS {to}"
            for name, to in short.items()
        ]
        part = scanned(connection, group).project(", ".join(columns))
        whole = part if whole is None else whole.union(part)
    return whole


def _literal_path(path: str) -> str:
    """Return a path as DuckDB takes it literally: no character of it is a pattern."""
    return re.sub(r"([*?\[])", r"[\1]", os.path.abspath(path))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(value: object) -> str:
    if isinstance(value, bool | int):
        return repr(value)
    return "'" + str(value).replace("'", "''") + "'"


def _line(file: LogFile, row: int) -> int | None:
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
