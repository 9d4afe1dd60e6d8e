"""Any table as columns of text: CSV, TSV, Parquet and data frames, with nothing guessed."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Fault, InputError, shown
from .column_text import encoded, rounded
from .csv_file import CsvFile, open_csv
from .frame_columns import read_frame
from .parquet_file import read_parquet
from .study import Limits

_CSV = {".csv", ".tsv", ".tab", ".txt", ".dat", ".data"}
_PARQUET = {".parquet", ".pq"}


@dataclass
class TextTable:
    """A table whose columns are given as text.

    Parameters
    ----------
    names
        Names of all columns.
    source
        Where it came from, for messages.
    faults
        What is wrong with it as a file.
    index
        Names of the index of a pandas frame, which is not read.
    """

    names: tuple[str, ...]
    source: str
    faults: list[Fault] = field(default_factory=list)
    index: tuple[str, ...] = ()
    _arrow: Any = None
    _csv: CsvFile | None = None

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return int(self._arrow.num_rows)

    def lines(self, rows: Sequence[int]) -> list[int | None]:
        """Return the line of each row in the file; None where a table has no lines."""
        return [None] * len(rows) if self._csv is None else self._csv.lines(rows)

    @property
    def header_line(self) -> int | None:
        """Line of the names of the columns; None where a table has no lines."""
        return None if self._csv is None else self._csv.header_line

    def column(self, name: str) -> tuple[NDArray[np.integer], NDArray[np.object_]]:
        """Return a column as codes, (row,), −1 for null, and the distinct labels in order of appearance."""
        return encoded(self._arrow.column(name), name, self.source)

    def rounded(self, name: str) -> bool:
        """Whether a column holds whole numbers as floats so large that different ones have become the same."""
        return rounded(self._arrow.column(name))

    def numbers(self, name: str) -> NDArray[np.float64] | None:
        """Return a column of numbers, (row,), NaN for null; None when it is text."""
        import pyarrow as pa  # noqa: PLC0415 (half a second)

        column = self._arrow.column(name)
        kind = column.type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
            return None
        values: NDArray[np.float64] = column.cast(pa.float64(), safe=False).to_numpy()
        return values


def open_table(
    table: Any,
    wanted: Sequence[str],
    limits: Limits,
    *,
    plain: str | None = None,
    delimiter: str | None = None,
    source: str | None = None,
) -> TextTable:
    """Open a table and read the wanted columns, those that it has.

    Parameters
    ----------
    table
        Path of a CSV, TSV or Parquet file, or a data frame.
    wanted
        Names of columns.
    limits
        Sizes above which it is refused.
    plain
        A column whose labels hardly repeat, so that encoding them while reading would be wasted.
    delimiter
        Character between fields, None for that of the kind of file.
    source
        Name in messages.

    Raises
    ------
    InputError
        If it cannot be read at all.
    TypeError
        If ``table`` is no path and no data frame.
    """
    if isinstance(table, str | os.PathLike):
        return _open_file(table, wanted, limits, plain, delimiter, source)
    source = source or type(table).__name__
    names, index, arrow = read_frame(table, wanted, limits, source)
    return TextTable(names, source, index=index, _arrow=arrow)


def _open_file(
    table: str | os.PathLike[str],
    wanted: Sequence[str],
    limits: Limits,
    plain: str | None,
    delimiter: str | None,
    source: str | None,
) -> TextTable:
    path = Path(table)
    file = source or str(table)

    def refuse(code: str, message: str, remedy: str) -> InputError:
        return InputError(Fault(code=code, message=message, remedy=remedy, file=file))

    if "://" in str(table):
        raise refuse("url", "A table is read from disk, never from an address.", "Download it first.")
    try:
        state = path.stat()
        head = b""
        if stat.S_ISREG(state.st_mode):  # asked before opening: opening a FIFO would wait for its writer
            with path.open("rb") as stream:
                head = stream.read(16)
    except FileNotFoundError:
        raise refuse("no-file", "There is no such file.", "Check the path.") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        raise refuse("unreadable", f"The file cannot be read: {shown(error)}.", "Check its permissions.") from None
    if not stat.S_ISREG(state.st_mode):
        what = "a folder" if stat.S_ISDIR(state.st_mode) else "not an ordinary file"
        raise refuse("not-a-file", f"The path is {what}.", "Give the path of a CSV, TSV or Parquet file.")
    suffixes = [suffix.lower() for suffix in path.suffixes]
    gz = suffixes[-1:] == [".gz"]
    kind = (suffixes[:-1] if gz else suffixes)[-1:]
    if kind and kind[0] in _PARQUET and not gz:
        names, arrow = read_parquet(path, file, head, wanted, limits, plain)
        return TextTable(names, file, _arrow=arrow)
    if delimiter is None and not (kind and kind[0] in _CSV):
        message = f"{shown(path.suffix)} is no kind of table that is read here."
        raise refuse("unknown-kind", message, "Give a .csv, .tsv or .parquet file, or a delimiter in [table].")
    opened = open_csv(path, file, delimiter, limits)
    arrow = opened.read([name for name in dict.fromkeys(wanted) if name in opened.names], limits, plain)
    return TextTable(opened.names, file, opened.faults, _arrow=arrow, _csv=opened)
