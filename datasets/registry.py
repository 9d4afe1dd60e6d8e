"""Real tables by name: bundled with the package, or fetched on request from a pinned public address."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from ..errors import Fault, InputError, shown
from .choices import Choices
from .prepare import STEPS
from .study import Study
from .tables import read_table
from .validation import hint

_HERE = Path(__file__).parent
_TIMEOUT = 30
"""Seconds without an answer after which a server counts as unreachable."""


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """One published file of a registered table.

    Parameters
    ----------
    name
        Its name.
    size
        Its size in bytes.
    sha256
        Accepted SHA-256 checksums: the first is that of the file at ``url``, others are those of copies with
        the same answers.
    url
        Public address at a pinned commit or version; None for a bundled file.
    local
        Where a copy lies under ``data_home``; None for a bundled file.
    """

    name: str
    size: int
    sha256: tuple[str, ...]
    url: str | None = None
    local: str | None = None


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What is known of a registered table.

    Parameters
    ----------
    name, title
        Name for :func:`load`, and a title for people.
    bundled
        Whether the files come with the package.
    home
        Where the table is published.
    licence, citation
        Terms of use, and what to cite.
    study
        Name of the study file, which comes with the package.
    row
        How to read one row of the table.
    columns
        Description by column.
    left_out
        What of the published files the study does not use, and why.
    files
        The published files.
    prepare
        Step of :mod:`dissensus.datasets.prepare` that makes the table from the files; None when the only file
        is the table.
    """

    name: str
    title: str
    bundled: bool
    home: str
    licence: str
    citation: str
    study: str
    row: str
    columns: Mapping[str, str]
    left_out: str
    files: tuple[SourceFile, ...]
    prepare: str | None = None

    @property
    def size(self) -> int:
        """Size of all files in bytes."""
        return sum(file.size for file in self.files)


def load(name: str, *, data_home: str | Path | None = None, study: Study | str | Path | None = None) -> Choices:
    """Load a real table by name.

    A table that is not bundled is fetched once, after a message to the standard error stream that names its
    size, address and licence, and kept in the user's cache folder. Every file is checked against its SHA-256
    checksum.

    Parameters
    ----------
    name
        One of the names in :func:`catalogue`.
    data_home
        Folder with local copies of the published files, one folder per table; it is then the only place
        looked at. By default the environment variable ``DISSENSUS_DATA``, and the network when that is not
        set.
    study
        Another reading of the same table: a study or the path of a study file.

    Returns
    -------
    Choices
        The answers as the study of the table reads them.

    Raises
    ------
    InputError
        If there is no such table, a file is missing or differs from what was published, or the server cannot
        be reached.

    Examples
    --------
    >>> from dissensus import datasets
    >>> datasets.load("stouffer_toby").n_agents
    216
    """
    return load_entry(describe(name), data_home=data_home, study=study)


def catalogue() -> pd.DataFrame:
    """Return the registered tables, one per row.

    Returns
    -------
    DataFrame
        With columns ``name``, ``title``, ``bundled``, ``size`` (bytes), ``licence``, ``citation``, ``home``
        and ``row`` (how to read one row of the table).
    """
    fields = ("name", "title", "bundled", "size", "licence", "citation", "home", "row")
    return pd.DataFrame([{field: getattr(entry, field) for field in fields} for entry in registry().values()])


def describe(name: str) -> Entry:
    """Return what is known of a registered table.

    Raises
    ------
    InputError
        If there is no such table.
    """
    entries = registry()
    if name not in entries:
        remedy = hint(name, entries, f"The tables are {', '.join(entries)}.")
        raise InputError(
            Fault(code="unknown-table", message=f"There is no table {shown(name)}.", remedy=remedy, value=name)
        )
    return entries[name]


@functools.cache
def registry() -> Mapping[str, Entry]:
    """Return all entries by name."""
    raw = json.loads((_HERE / "registry.json").read_text(encoding="utf-8"))
    return MappingProxyType({name: entry_from_dict(name, fields) for name, fields in raw.items()})


def entry_from_dict(name: str, fields: Mapping[str, Any]) -> Entry:
    """Return an entry from its form in ``registry.json``."""
    files = tuple(SourceFile(**{**file, "sha256": tuple(file["sha256"])}) for file in fields["files"])
    return Entry(**{**fields, "name": name, "files": files, "columns": MappingProxyType(dict(fields["columns"]))})


def load_entry(
    entry: Entry,
    *,
    data_home: str | Path | None = None,
    study: Study | str | Path | None = None,
    cache: str | Path | None = None,
) -> Choices:
    """Load a table from its entry; see :func:`load`.

    Parameters
    ----------
    entry
        The table.
    data_home, study
        As in :func:`load`.
    cache
        Folder for fetched files; by default the user's cache folder.
    """
    files = fetch(entry, data_home=data_home, cache=cache)
    if study is None:
        study = _HERE / entry.study
    meaning = study if isinstance(study, Study) else Study.from_toml(study)
    table = STEPS[entry.prepare](files) if entry.prepare else next(iter(files.values()))
    return read_table(table, meaning, source=f"{entry.name} ({entry.home})")


def fetch(entry: Entry, *, data_home: str | Path | None = None, cache: str | Path | None = None) -> dict[str, Path]:
    """Return the paths of the files of a table, checked, fetching those that are not on this machine.

    Parameters
    ----------
    entry
        The table.
    data_home
        Folder with local copies; by default the environment variable ``DISSENSUS_DATA``.
    cache
        Folder for fetched files; by default the user's cache folder.

    Returns
    -------
    dict
        Path by name of file.

    Raises
    ------
    InputError
        If a file is missing or differs from what was published, or the server cannot be reached.
    """
    if entry.bundled:
        return {
            file.name: _checked(entry, file, _HERE / file.name, "Install the package again.") for file in entry.files
        }
    home = data_home or os.environ.get("DISSENSUS_DATA") or None
    if home is not None:
        return {file.name: _local(entry, file, Path(home)) for file in entry.files}
    import pooch  # noqa: PLC0415 (a tenth of a second, for those who fetch)

    folder = Path(cache or pooch.os_cache("dissensus")) / entry.name
    return {file.name: _fetched(entry, file, folder) for file in entry.files}


def _local(entry: Entry, file: SourceFile, home: Path) -> Path:
    path = home / str(file.local)
    remedy = f"Copy it there from {file.url}, or fetch it by leaving 'data_home' and DISSENSUS_DATA unset."
    if not path.is_file():
        message = f"There is no local copy of {file.name} of the table {entry.name!r}."
        raise InputError(Fault(code="no-local-copy", message=message, remedy=remedy, file=str(path)))
    return _checked(entry, file, path, remedy)


def _checked(entry: Entry, file: SourceFile, path: Path, remedy: str) -> Path:
    if _digest(path) not in file.sha256:
        message = f"This is not {file.name} of the table {entry.name!r} as published: its SHA-256 checksum differs."
        raise InputError(Fault(code="checksum", message=message, remedy=remedy, file=str(path)))
    return path


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _fetched(entry: Entry, file: SourceFile, folder: Path) -> Path:
    """Return the file in the cache, fetched if need be; what arrives damaged never takes its place there."""
    import pooch  # noqa: PLC0415

    path = folder / file.name
    if path.is_file() and _digest(path) in file.sha256:
        return path
    if file.url is None:
        raise ValueError(f"{file.name} of {entry.name!r} has no address")
    print(
        f"Fetching {file.name} of {entry.name} ({file.size:,} bytes) from {file.url}\n"
        f"Licence: {entry.licence}. Kept in {folder}",
        file=sys.stderr,
        flush=True,
    )
    answers: list[Any] = []  # pooch leaves the connection of a failed transfer open
    downloader = pooch.HTTPDownloader(timeout=_TIMEOUT, hooks={"response": lambda answer, **_: answers.append(answer)})
    try:
        known = f"sha256:{file.sha256[0]}"
        pooch.retrieve(file.url, known_hash=known, fname=file.name, path=folder, downloader=downloader)
    except (OSError, ValueError) as error:  # requests' errors are OSErrors without a number
        raise InputError(_fetch_fault(file, folder, error)) from error
    finally:
        for answer in answers:
            answer.close()
    return path


def _fetch_fault(file: SourceFile, folder: Path, error: OSError | ValueError) -> Fault:
    by_hand = f"or put the file into a folder given as 'data_home', as {file.local}."
    if isinstance(error, OSError) and error.errno is not None:
        message = f"{file.name} cannot be kept in the cache folder: {shown(error)}."
        remedy = "Make the folder writable and the disk roomy, or set XDG_CACHE_HOME to another one."
        return Fault(code="cache", message=message, remedy=remedy, file=str(folder))
    if isinstance(error, ValueError):
        message = f"What arrived as {file.name} has not the published SHA-256 checksum; it was not kept."
        return Fault(code="checksum", message=message, remedy=f"Try again later, {by_hand}", file=file.url)
    if type(error).__name__ in {"ChunkedEncodingError", "ContentDecodingError"}:
        message = f"The transfer of {file.name} broke off; nothing was kept."
        return Fault(code="transfer", message=message, remedy=f"Try again, {by_hand}", file=file.url)
    message = f"The server of {file.name} gave no file: {shown(error)}."
    return Fault(code="unreachable", message=message, remedy=f"Check the connection, {by_hand}", file=file.url)
