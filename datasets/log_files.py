"""The files of a log: which they are, and what can be known to be wrong with them before any row is read."""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..errors import Fault, InputError, brief, shown
from .log_check import path_columns
from .log_open import PARQUET, TEXT, LogFile, file_fault, has_rows, opened_file, refuse, suffix_of
from .study import Limits
from .validation import hint, listed

_MAX_FILES = 100_000


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
            opened = opened_file(path, limits, delimiter, tuple(columns))
            values = _path_values(path, template)
            clash = sorted(set(values) & set(opened.names))
            if clash:
                message = f"The path and the file both hold {listed(clash)}."
                raise refuse(path, "column-twice", message, "Rename it in 'path' of [log].")
            files.append(LogFile(**{**vars(opened), "values": values}))
        except InputError as error:
            faults += error.faults
    if not faults and len({file.path for file in files}) < len(files):
        path = next(file.path for place, file in enumerate(files) if file.path in {f.path for f in files[:place]})
        faults.append(file_fault(path, "file-twice", "The file is given twice.", "Give every file once."))
    if faults:
        raise InputError(faults)
    return tuple(files)


def refuse_same(files: Sequence[LogFile]) -> None:
    """Raise :class:`InputError` for files that hold the same bytes, which one file given twice by two names does.

    Files without a row, of which a log of many parts may hold several, are let pass.
    """
    by_size: dict[int, list[LogFile]] = {}
    for file in files:
        by_size.setdefault(os.path.getsize(file.path), []).append(file)
    seen: dict[str, str] = {}
    faults = []
    for file in (file for same in by_size.values() if len(same) > 1 for file in same):
        with open(file.path, "rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        other = seen.setdefault(digest, file.path)
        if other != file.path and has_rows(file):
            message = f"The file holds the same bytes as {brief(other)}."
            remedy = 'Give it once, name the time of events, or write on_duplicate = "count" below [log].'
            faults.append(file_fault(file.path, "file-twice", message, remedy))
    if faults:
        raise InputError(faults)


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
            faults.append(file_fault(file.path, "no-column", message, remedy, column=name, count=len(lacking)))
        kinds: dict[str, str] = {}
        for file in files:
            if name not in file.every_name:
                continue
            kind = file.kinds.get(name, "text")
            kinds.setdefault(kind, file.path)
            if (kind == "list" and name not in lists) or kind in {"nested", "bytes"}:
                message = f"The column holds values of kind {kind}, not single values."
                faults.append(file_fault(file.path, "nested-column", message, "Write one value per cell.", column=name))
                break
        if len(kinds) > 1 and not any(file.parquet is False for file in files):
            (first, where), (other, place), *_ = kinds.items()
            message = f"The column is {other} here and {first} in {brief(where)}."
            remedy = "Write it with one type in all files: 7 and '007' may or may not be the same."
            faults.append(file_fault(place, "column-type", message, remedy, column=name))
        elif len(kinds) > 1:
            (first, where), (other, place), *_ = kinds.items()
            message = f"The column is {other} here and {first} in {brief(where)}, a file of another format."
            remedy = "Give files of one format, with one type of the column."
            faults.append(file_fault(place, "column-type", message, remedy, column=name))
    if faults:
        raise InputError(faults)


def _expanded(given: Sequence[str | os.PathLike[str]], faults: list[Fault]) -> list[str]:
    """Return the paths of the files that are meant."""
    paths: list[str] = []
    for one in given:
        name = os.fspath(one)
        if "://" in name or name.lower().startswith(("http:", "https:", "s3:", "gs:", "hf:")):
            faults.append(
                file_fault(name, "url", "A log is read from disk, never from an address.", "Download it first.")
            )
        elif "\0" in name:
            faults.append(file_fault(name, "no-file", "A path holds a NUL character.", "Check the path."))
        elif os.path.isdir(name):
            found = sorted(
                os.path.join(folder, file)
                for folder, _, files in os.walk(name)
                for file in files
                if suffix_of(Path(file)) in TEXT | PARQUET and not file.startswith((".", "_"))
            )
            paths += found
            if not found:
                message = "The folder holds no file whose name ends in .csv, .csv.gz, .tsv or .parquet."
                faults.append(file_fault(name, "no-file", message, "Check the path."))
        elif not os.path.lexists(name) and glob.has_magic(name):
            found = sorted(path for path in glob.glob(name, recursive=True) if not os.path.isdir(path))
            paths += found
            if not found:
                faults.append(file_fault(name, "no-file", "No file is meant by the pattern.", "Check the path."))
        else:
            paths.append(name)
    if not given:
        faults.append(Fault(code="no-file", message="No file of events is given.", remedy="Give a path."))
    if len(paths) > _MAX_FILES:
        message = f"The log has {len(paths):,} files, more than the limit of {_MAX_FILES:,}."
        raise InputError(Fault(code="too-large", message=message, remedy="Write fewer, larger files."))
    return paths


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
    raise refuse(path, "path", message, "Check the path, or the key.")


def source_name(files: Sequence[LogFile]) -> str:
    """Return the name of a log in messages."""
    if len(files) == 1:
        return files[0].path
    folder = os.path.commonpath([os.path.dirname(file.path) or "." for file in files])
    return f"{folder} ({len(files):,} files)" if len(files) > 1 else "log"
