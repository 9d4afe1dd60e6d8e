"""Events as a lazy frame: files through an embedded DuckDB that spills to disk, or a frame of another library."""

from __future__ import annotations

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
from .log_files import source_name
from .log_open import LogFile
from .log_scan import beside, line_of, literal, quoted, scanned, wanted_columns
from .study import Limits
from .validation import hint, listed

if TYPE_CHECKING:
    import pyarrow as pa


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
            small = beside(native, table) if self._connection is None else self._connection.from_arrow(table)
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
            name = quoted(column) if file.parquet else f"c{file.names.index(column)}"
            rows = scanned(self._connection, [file]).project(f"row_number() OVER () AS row, {name} AS value")
            test = "value IS NULL OR CAST(value AS VARCHAR) IN ('', '[]')"
            try:
                first = rows.filter(test if value is None else f"value = {literal(value)}").limit(1).fetchall()
            except Exception:  # a part that cannot be read to its end has a fault of its own
                continue
            if first:
                return found | {"file": file.path, "line": None if file.parquet else line_of(file, int(first[0][0]))}
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
                    relation = wanted_columns(connection, group, short)
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
