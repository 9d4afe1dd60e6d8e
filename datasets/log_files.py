"""The files of a log: which they are, and what can be known to be wrong with them before any row is read."""

from __future__ import annotations

import csv
import glob
import gzip
import io
import os
import stat
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import Fault, InputError, brief, shown
from .column_text import is_nested, is_text, name_faults
from .file_bytes import kind_of_file
from .log_check import path_columns
from .study import Limits
from .validation import hint, listed

if TYPE_CHECKING:
    import pyarrow as pa

_TEXT = {".csv", ".tsv", ".tab", ".txt", ".dat", ".data"}
_PARQUET = {".parquet", ".pq"}
_HEAD = 1 << 20
"""Bytes of a text file in which its header must end."""
_MAX_FILES = 100_000


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


def log_files(
    given: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    limits: Limits,
    *,
    delimiter: str | None = None,
    columns: Sequence[str] = (),
    template: str | None = None,
) -> tuple[LogFile, ...]:
    """Return the files of a log, in the order given and by name within folders and patterns.

    Parameters
    ----------
    given
        Paths of files, folders (every CSV and Parquet file below them counts) and patterns such as ``log/*.parquet``.
    limits
        Sizes above which names of columns are refused.
    delimiter
        What stands between the fields of text files; None for a tab in ``.tsv`` and ``.tab`` files, else a comma.
    columns
        Names of the columns of text files without a header.
    template
        The end of every path, with names of columns in braces.

    Raises
    ------
    InputError
        With every file that cannot be part of a log: missing, of another kind, empty, damaged, without a header.
    """
    faults: list[Fault] = []
    files = []
    for path in _expanded([given] if isinstance(given, str | os.PathLike) else list(given), faults):
        try:
            opened = _opened(path, limits, delimiter, tuple(columns))
            values = _path_values(path, template)
            clash = sorted(set(values) & set(opened.names))
            if clash:
                message = f"The path and the file both hold {listed(clash)}."
                raise _refuse(path, "column-twice", message, "Rename it in 'path' of [log].")
            files.append(LogFile(**{**vars(opened), "values": values}))
        except InputError as error:
            faults += error.faults
    if not faults and len({file.path for file in files}) < len(files):
        path = next(file.path for place, file in enumerate(files) if file.path in {f.path for f in files[:place]})
        faults.append(_fault(path, "file-twice", "The file is given twice.", "Give every file once."))
    if faults:
        raise InputError(faults)
    return tuple(files)


def check_schema(files: Sequence[LogFile], roles: dict[str, str], lists: Iterable[str] = ()) -> None:
    """Check that every file has the columns that the study names, of one kind in all of them.

    Parameters
    ----------
    files
        The files.
    roles
        Names of columns, each with the key of the study that names it.
    lists
        Columns that may hold lists.

    Raises
    ------
    InputError
        With every column that is missing somewhere, or of another kind.
    """
    faults = []
    for name, key in roles.items():
        lacking = [file for file in files if name not in file.every_name]
        for file in lacking[:1]:
            message = f"'{key}' names column {shown(name)}, which the file does not have."
            remedy = hint(name, file.every_name, f"Its columns are {listed(file.every_name)}.")
            faults.append(_fault(file.path, "no-column", message, remedy, column=name, count=len(lacking)))
        kinds: dict[str, str] = {}
        for file in files:
            if name not in file.every_name:
                continue
            kind = file.kinds.get(name, "text")
            kinds.setdefault(kind, file.path)
            if (kind == "list" and name not in lists) or kind in {"nested", "bytes"}:
                message = f"The column holds values of kind {kind}, not single values."
                faults.append(_fault(file.path, "nested-column", message, "Write one value per cell.", column=name))
                break
        if len(kinds) > 1 and not any(file.parquet is False for file in files):
            (first, where), (other, place), *_ = kinds.items()
            message = f"The column is {other} here and {first} in {brief(where)}."
            remedy = "Write it with one type in all files: 7 and '007' may or may not be the same."
            faults.append(_fault(place, "column-type", message, remedy, column=name))
        elif len(kinds) > 1:
            (first, where), (other, place), *_ = kinds.items()
            message = f"The column is {other} here and {first} in {brief(where)}, a file of another format."
            remedy = "Give files of one format, with one type of the column."
            faults.append(_fault(place, "column-type", message, remedy, column=name))
    if faults:
        raise InputError(faults)


def _fault(path: str, code: str, message: str, remedy: str, **place: object) -> Fault:
    return Fault(code=code, message=message, remedy=remedy, file=path, **place)  # type: ignore[arg-type]


def _refuse(path: str, code: str, message: str, remedy: str) -> InputError:
    return InputError(_fault(path, code, message, remedy))


def _expanded(given: Sequence[str | os.PathLike[str]], faults: list[Fault]) -> list[str]:
    """Return the paths of the files that are meant."""
    paths: list[str] = []
    for one in given:
        name = os.fspath(one)
        if "://" in name or name.lower().startswith(("http:", "https:", "s3:", "gs:", "hf:")):
            faults.append(_fault(name, "url", "A log is read from disk, never from an address.", "Download it first."))
        elif "\0" in name:
            faults.append(_fault(name, "no-file", "A path holds a NUL character.", "Check the path."))
        elif os.path.isdir(name):
            found = sorted(
                os.path.join(folder, file)
                for folder, _, files in os.walk(name)
                for file in files
                if _suffix(Path(file)) in _TEXT | _PARQUET and not file.startswith((".", "_"))
            )
            paths += found
            if not found:
                message = "The folder holds no file whose name ends in .csv, .csv.gz, .tsv or .parquet."
                faults.append(_fault(name, "no-file", message, "Check the path."))
        elif not os.path.lexists(name) and glob.has_magic(name):
            found = sorted(path for path in glob.glob(name, recursive=True) if not os.path.isdir(path))
            paths += found
            if not found:
                faults.append(_fault(name, "no-file", "No file is meant by the pattern.", "Check the path."))
        else:
            paths.append(name)
    if not given:
        faults.append(Fault(code="no-file", message="No file of events is given.", remedy="Give a path."))
    if len(paths) > _MAX_FILES:
        message = f"The log has {len(paths):,} files, more than the limit of {_MAX_FILES:,}."
        raise InputError(Fault(code="too-large", message=message, remedy="Write fewer, larger files."))
    return paths


def _suffix(path: Path) -> str:
    inner = Path(path.stem).suffix if path.suffix.lower() == ".gz" else path.suffix
    return inner.lower()


def _opened(path: str, limits: Limits, delimiter: str | None, columns: tuple[str, ...]) -> LogFile:
    try:
        state = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise _refuse(path, "no-file", "There is no such file.", "Check the path.") from None
    except (OSError, ValueError) as error:
        raise _refuse(path, "unreadable", f"The file cannot be read: {shown(error)}.", "Check the path.") from None
    if not stat.S_ISREG(state.st_mode):
        raise _refuse(path, "not-a-file", "This is not an ordinary file.", "Give a CSV or Parquet file.")
    try:
        with open(path, "rb") as stream:
            head = stream.read(16)
    except OSError as error:
        message = f"The file cannot be read: {shown(error)}."
        raise _refuse(path, "unreadable", message, "Check its permissions.") from None
    suffix = _suffix(Path(path))
    if suffix not in _TEXT | _PARQUET:
        message = f"The name ends in {shown(Path(path).suffix)}, which says nothing of its kind."
        raise _refuse(path, "wrong-kind", message, "Let it end in .csv, .csv.gz, .tsv or .parquet.")
    if not head:
        raise _refuse(path, "empty-file", "The file is empty.", "Write it anew.")
    if suffix in _PARQUET:
        return _opened_parquet(path, head, limits)
    return _opened_text(path, head, suffix, limits, delimiter, columns)


def _opened_parquet(path: str, head: bytes, limits: Limits) -> LogFile:
    import pyarrow as pa  # noqa: PLC0415 (half a second)
    from pyarrow import parquet  # noqa: PLC0415

    if not head.startswith(b"PAR1"):
        known = kind_of_file(head)
        looks = known[0] if known else "text" if head.isascii() and b"\0" not in head else "something else"
        message = f"This is not a Parquet file but {looks}."
        raise _refuse(path, "wrong-kind", message, "Give the file its right ending.")
    try:
        with parquet.ParquetFile(path) as opened:
            schema = opened.schema_arrow
    except (pa.ArrowException, OSError, ValueError) as error:
        message = f"The Parquet file is truncated or damaged: {shown(error)}."
        raise _refuse(path, "damaged", message, "Write or fetch it anew.") from None
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
        raise _refuse(path, "wrong-kind", f"The name says text, but this is {known[0]}.", known[1])
    try:
        with open(path, "rb") as stream, gzip.GzipFile(fileobj=stream) if packed else stream as text:
            start = text.read(_HEAD)
    except (EOFError, zlib.error, gzip.BadGzipFile, OSError) as error:
        message = f"The compressed file cannot be unpacked: {shown(error)}."
        raise _refuse(path, "compression", message, "Fetch or pack it anew.") from None
    inside = kind_of_file(start[:16])
    if packed and inside is not None:
        raise _refuse(path, "wrong-kind", f"Packed inside is {inside[0]}.", "Pack the text once.")
    if not start.strip():
        raise _refuse(path, "empty-file", "The file holds no line.", "Write it anew.")
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in start[:_HEAD]:
        message = "The file is not UTF-8 text; it holds NUL bytes or looks like UTF-16."
        raise _refuse(path, "encoding", message, "Save the file as UTF-8.")
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
        raise _refuse(path, "long-label", "The header of the file has over a megabyte.", "Check the file.")
    try:
        line = start.decode("utf-8-sig", "strict" if len(start) < _HEAD else "ignore").splitlines()[0]
    except UnicodeDecodeError as error:
        message = f"The file is not UTF-8 text (byte 0x{start[error.start]:02x})."
        raise _refuse(path, "encoding", message, "Save the file as UTF-8.") from None
    if len(mark) > 1:
        names = tuple(line.split(mark))
    else:
        try:
            names = tuple(next(csv.reader(io.StringIO(line), delimiter=mark)))
        except (csv.Error, StopIteration):
            raise _refuse(path, "quotes", "The header of the file cannot be read.", "Check its quotes.") from None
    if len(names) == 1:
        other = next((c for c in (";", "\t", "|", ",", "::") if c != mark and c in line), None)
        if other is not None:
            message = f"1 column found; fields seem to be separated by {shown(other)}."
            raise _refuse(path, "delimiter", message, f'Write delimiter = "{brief(other)}" below [log].')
    return names


def _path_values(path: str, template: str | None) -> dict[str, str]:
    """Return the values that the folders of a path hold."""
    if template is None:
        return {}
    wanted, parts = template.split("/"), Path(os.path.abspath(path)).parts
    found = {}
    for part, given in zip(wanted[::-1], parts[::-1], strict=False):
        names = path_columns(part)
        if names:
            found[names[0]] = given
        elif part != given:
            break
    else:
        if len(wanted) <= len(parts):
            return found
    message = f"The path does not end as 'path' of [log] says: {shown(template)}."
    raise _refuse(path, "path", message, "Check the path, or the key.")


def source_name(files: Sequence[LogFile]) -> str:
    """Return the name of a log in messages."""
    if len(files) == 1:
        return files[0].path
    folder = os.path.commonpath([os.path.dirname(file.path) or "." for file in files])
    return f"{folder} ({len(files):,} files)" if len(files) > 1 else "log"
