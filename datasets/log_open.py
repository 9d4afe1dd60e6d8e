"""One file of a log: what it is, its columns, and what is wrong with it before any row is read."""

from __future__ import annotations

import csv
import gzip
import io
import os
import stat
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import Fault, InputError, brief, shown
from .column_text import is_nested, is_text, name_faults
from .file_bytes import kind_of_file
from .study import Limits

if TYPE_CHECKING:
    import pyarrow as pa

TEXT = {".csv", ".tsv", ".tab", ".txt", ".dat", ".data"}


PARQUET = {".parquet", ".pq"}


_HEAD = 1 << 20
"""Bytes of a text file in which its header must end."""


@dataclass(frozen=True)
class LogFile:
    """One file of a log.

    Parameters
    ----------
    path
        Where it is, as given.
    parquet
        Whether it is a Parquet file; otherwise it is text.
    names
        Names of its columns.
    kinds
        For Parquet, the kind of each column: ``"text"``, ``"whole number"``, ``"number"``, ``"time"``, ``"list"``, …
    delimiter
        For text, what stands between fields.
    header
        For text, whether its first line holds the names.
    values
        Values that its folders hold, by name of column.
    encoding
        For text, its encoding.
    stored
        Where a copy in UTF-8 lies; None where the file itself is read.
    """

    path: str
    parquet: bool
    names: tuple[str, ...]
    kinds: dict[str, str] = field(default_factory=dict)
    delimiter: str = ","
    header: bool = True
    values: dict[str, str] = field(default_factory=dict)
    encoding: str = "utf-8"
    stored: str | None = None

    @property
    def every_name(self) -> tuple[str, ...]:
        """Names of its columns and of those that its folders hold."""
        return (*self.names, *self.values)


def file_fault(path: str, code: str, message: str, remedy: str, **place: object) -> Fault:
    """Return a fault of a file."""
    return Fault(code=code, message=message, remedy=remedy, file=path, **place)  # type: ignore[arg-type]


def refuse(path: str, code: str, message: str, remedy: str) -> InputError:
    """Return the error of a file that cannot be part of a log."""
    return InputError(file_fault(path, code, message, remedy))


def suffix_of(path: Path) -> str:
    """Return the ending of a name that says what a file holds, without that of its compression."""
    inner = Path(path.stem).suffix if path.suffix.lower() == ".gz" else path.suffix
    return inner.lower()


def opened_file(path: str, limits: Limits, delimiter: str | None, columns: tuple[str, ...]) -> LogFile:
    """Return a file whose kind and columns are known.

    Parameters
    ----------
    path
        The file.
    limits
        Sizes above which names of columns are refused.
    delimiter
        What stands between fields of text; None for a tab in ``.tsv`` and ``.tab`` files, else a comma.
    columns
        Names of the columns of text without a header.

    Raises
    ------
    InputError
        If it is missing, of another kind, empty, damaged, or has no names.
    """
    try:
        state = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise refuse(path, "no-file", "There is no such file.", "Check the path.") from None
    except (OSError, ValueError) as error:
        raise refuse(path, "unreadable", f"The file cannot be read: {shown(error)}.", "Check the path.") from None
    if not stat.S_ISREG(state.st_mode):
        raise refuse(path, "not-a-file", "This is not an ordinary file.", "Give a CSV or Parquet file.")
    try:
        with open(path, "rb") as stream:
            head = stream.read(16)
    except OSError as error:
        message = f"The file cannot be read: {shown(error)}."
        raise refuse(path, "unreadable", message, "Check its permissions.") from None
    suffix = suffix_of(Path(path))
    if suffix not in TEXT | PARQUET:
        message = f"The name ends in {shown(Path(path).suffix)}, which says nothing of its kind."
        raise refuse(path, "wrong-kind", message, "Let it end in .csv, .csv.gz, .tsv or .parquet.")
    if not head:
        raise refuse(path, "empty-file", "The file is empty.", "Write it anew.")
    if suffix in PARQUET:
        return _opened_parquet(path, head, limits)
    return _opened_text(path, head, suffix, limits, delimiter, columns)


def _opened_parquet(path: str, head: bytes, limits: Limits) -> LogFile:
    import pyarrow as pa  # noqa: PLC0415 (half a second)
    from pyarrow import parquet  # noqa: PLC0415

    if not head.startswith(b"PAR1"):
        known = kind_of_file(head)
        looks = known[0] if known else "text" if head.isascii() and b"\0" not in head else "something else"
        message = f"This is not a Parquet file but {looks}."
        raise refuse(path, "wrong-kind", message, "Give the file its right ending.")
    try:
        with parquet.ParquetFile(path) as opened:
            schema = opened.schema_arrow
    except (pa.ArrowException, OSError, ValueError) as error:
        message = f"The Parquet file is truncated or damaged: {shown(error)}."
        raise refuse(path, "damaged", message, "Write or fetch it anew.") from None
    faults = name_faults(schema.names, path, limits)
    if faults:
        raise InputError(faults)
    kinds = {column.name: _kind(column.type) for column in schema}
    return LogFile(path, parquet=True, names=tuple(schema.names), kinds=kinds)


def _kind(type_: pa.DataType) -> str:
    import pyarrow as pa  # noqa: PLC0415

    if pa.types.is_dictionary(type_):
        return _kind(type_.value_type)
    tests = (
        ("text", is_text(type_) or pa.types.is_string_view(type_)),
        ("list", pa.types.is_list(type_) or pa.types.is_large_list(type_)),
        ("time", pa.types.is_temporal(type_)),
        ("true or false", pa.types.is_boolean(type_)),
        ("whole number", pa.types.is_integer(type_)),
        ("number", pa.types.is_floating(type_) or pa.types.is_decimal(type_)),
        ("nested", is_nested(type_)),
    )
    return next((kind for kind, holds in tests if holds), "bytes")


def _opened_text(
    path: str, head: bytes, suffix: str, limits: Limits, delimiter: str | None, columns: tuple[str, ...]
) -> LogFile:
    packed = Path(path).suffix.lower() == ".gz"
    known = kind_of_file(head)
    if known is not None and not (packed and head.startswith(b"\x1f\x8b")):
        raise refuse(path, "wrong-kind", f"The name says text, but this is {known[0]}.", known[1])
    try:
        with open(path, "rb") as stream, gzip.GzipFile(fileobj=stream) if packed else stream as text:
            start = text.read(_HEAD)
    except (EOFError, zlib.error, gzip.BadGzipFile, OSError) as error:
        message = f"The compressed file cannot be unpacked: {shown(error)}."
        raise refuse(path, "compression", message, "Fetch or pack it anew.") from None
    inside = kind_of_file(start[:16])
    if packed and inside is not None:
        raise refuse(path, "wrong-kind", f"Packed inside is {inside[0]}.", "Pack the text once.")
    if not start.strip():
        raise refuse(path, "empty-file", "The file holds no line.", "Write it anew.")
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in start[:_HEAD]:
        message = "The file is not UTF-8 text; it holds NUL bytes or looks like UTF-16."
        raise refuse(path, "encoding", message, "Save the file as UTF-8.")
    mark = delimiter or ("\t" if suffix in {".tsv", ".tab"} else ",")
    if columns:
        faults = name_faults(columns, path, limits)
        if faults:
            raise InputError(faults)
        return LogFile(path, parquet=False, names=columns, delimiter=mark, header=False)
    names = _header(path, start, mark)
    faults = name_faults(names, path, limits)
    if faults:
        raise InputError(faults)
    return LogFile(path, parquet=False, names=names, delimiter=mark)


def _header(path: str, start: bytes, mark: str) -> tuple[str, ...]:
    if len(start.splitlines()[0]) >= _HEAD:
        raise refuse(path, "long-label", "The header of the file has over a megabyte.", "Check the file.")
    try:
        line = start.decode("utf-8-sig", "strict" if len(start) < _HEAD else "ignore").splitlines()[0]
    except UnicodeDecodeError as error:
        message = f"The file is not UTF-8 text (byte 0x{start[error.start]:02x})."
        raise refuse(path, "encoding", message, "Save the file as UTF-8.") from None
    if len(mark) > 1:
        names = tuple(line.split(mark))
    else:
        try:
            names = tuple(next(csv.reader(io.StringIO(line), delimiter=mark)))
        except (csv.Error, StopIteration):
            raise refuse(path, "quotes", "The header of the file cannot be read.", "Check its quotes.") from None
    if len(names) == 1:
        other = next((c for c in (";", "\t", "|", ",", "::") if c != mark and c in line), None)
        if other is not None:
            message = f"1 column found; fields seem to be separated by {shown(other)}."
            raise refuse(path, "delimiter", message, f'Write delimiter = "{brief(other)}" below [log].')
    return names


def has_rows(file: LogFile) -> bool:
    """Whether a file holds a row beside its header."""
    if file.parquet:
        from pyarrow import parquet  # noqa: PLC0415 (half a second)

        return bool(parquet.read_metadata(file.path).num_rows)
    with gzip.open(file.path) if file.path.lower().endswith(".gz") else open(file.path, "rb") as text:
        return sum(bool(line.strip()) for line in text.read(_HEAD).splitlines()) > file.header
