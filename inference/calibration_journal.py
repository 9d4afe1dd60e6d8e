"""The finished data sets of a calibration on disk: one file that only grows, so that nothing finished is lost.

Every line is 16 hexadecimal digits of the SHA-256 of what follows, a space, and a JSON object. The first line says what
the run is a function of; every other is one data set. A last line that is not whole was being written when the process
ended, and is cut off. Anything else that does not agree with its digits is damage, and is refused.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from ..errors import Fault, InputError, shown
from .calibration_ranks import SetResult
from .locked_file import open_locked

_DIGITS = 16
_BEGUN = re.compile(rb"[0-9a-f]{0,16}( ({.*)?)?")
"""The beginning of a first line."""


class Journal:
    """The data sets of one run. Only one process may have it open.

    Parameters
    ----------
    path
        The file; it is made when the first data set is added.
    header
        What the run is a function of, as plain data.

    Raises
    ------
    InputError
        If the file belongs to another run, is damaged, is not a journal, is in use, or cannot be opened.
    """

    def __init__(self, path: Path, header: dict[str, Any]) -> None:
        self.path = path
        self._header = json.loads(json.dumps(header))
        self.results: dict[int, SetResult] = {}
        self._file: BinaryIO | None = None
        if not path.exists():
            return
        self._file = open_locked(self.path, "r+b", name="journal")
        try:
            stored, records, end = _read(self._file, path)
            if stored is not None:
                _require_same(path, stored, self._header)
            self.results = {result.number: result for result in map(_result, records)}
            self._file.truncate(end)
            self._file.seek(end)
            if stored is None:
                self._write(self._header)
        except BaseException as error:
            self._file.close()
            if isinstance(error, KeyError | TypeError | AttributeError):  # whole lines of something else
                raise _damage(path, 2) from None
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, result: SetResult) -> None:
        """Add a data set; when this returns, it is on disk."""
        try:
            if self._file is None:
                self._file = open_locked(self.path, "x+b", name="journal")
                self._write(self._header)
            self._write(_record(result))
        except OSError as error:
            message = f"A finished data set cannot be written: {error.strerror or shown(error)}."
            raise InputError(_fault("not-writable", self.path, message, "Check free space and permissions.")) from None
        self.results[result.number] = result

    def _write(self, record: dict[str, Any]) -> None:
        assert self._file is not None
        self._file.write(line(record))
        self._file.flush()
        os.fsync(self._file.fileno())


def stored_header(path: Path) -> dict[str, Any] | None:
    """Return the first line of a journal, or None where there is no file or no whole first line.

    Raises
    ------
    InputError
        If it is not a journal.
    """
    if not path.exists():
        return None
    try:
        with open(path, "rb") as file:
            return _read(file, path)[0]
    except OSError as error:
        message = f"The journal cannot be read: {error.strerror or shown(error)}."
        raise InputError(_fault("unreadable", path, message, "Check its permissions.")) from None


def line(record: dict[str, Any]) -> bytes:
    """Return a record as one line with its digits."""
    text = json.dumps(record, separators=(",", ":"), ensure_ascii=True).encode()
    return hashlib.sha256(text).hexdigest()[:_DIGITS].encode() + b" " + text + b"\n"


def _read(file: BinaryIO, path: Path) -> tuple[dict[str, Any] | None, list[dict[str, Any]], int]:
    """Return the header, the data sets, and where the last whole line ends."""
    records: list[dict[str, Any]] = []
    end = 0
    lines = file.read().splitlines(keepends=True)
    for number, raw in enumerate(lines, start=1):
        digits, _, text = raw.removesuffix(b"\n").partition(b" ")
        whole = raw.endswith(b"\n") and hashlib.sha256(text).hexdigest()[:_DIGITS].encode() == digits
        if not whole:
            # only the line that was being written may be broken
            if number == len(lines) and (number > 1 or _BEGUN.fullmatch(raw)):
                break
            raise _damage(path, number)
        records.append(json.loads(text))
        end += len(raw)
    return (records[0] if records else None), records[1:], end


def _record(result: SetResult) -> dict[str, Any]:
    record: dict[str, Any] = {"set": result.number, "ranks": list(result.ranks), "methods": list(result.methods)}
    if any(result.lost):
        record["lost"] = list(result.lost)
    return record | {"error": None if math.isnan(result.error) else float(f"{result.error:.1e}")}


def _result(record: dict[str, Any]) -> SetResult:
    methods = tuple(record["methods"])
    error = float("nan") if record["error"] is None else float(record["error"])
    return SetResult(
        int(record["set"]), tuple(record["ranks"]), methods, tuple(record.get("lost", [""] * len(methods))), error
    )


def _require_same(path: Path, stored: dict[str, Any], header: dict[str, Any]) -> None:
    differs = [key for key in sorted(stored.keys() | header.keys()) if stored.get(key) != header.get(key)]
    if differs:
        said = ", ".join(f"{key.replace('_', ' ')} ({_told(stored, key)}, now {_told(header, key)})" for key in differs)
        message = f"The data sets in this folder were made otherwise: {said}."
        remedy = "Give the settings they were made with, or another folder."
        raise InputError(_fault("another-run", path, message, remedy))


def _told(record: dict[str, Any], key: str) -> str:
    value = record.get(key)
    return shown(json.dumps(value) if isinstance(value, dict | list) else value)


def _damage(path: Path, number: int) -> InputError:
    message = "The journal of a calibration is damaged here, or this is no journal."
    return InputError(_fault("damaged", path, message, "Give another folder, or remove the file.", number))


def _fault(code: str, path: Path, message: str, remedy: str, number: int | None = None) -> Fault:
    return Fault(code=code, message=message, remedy=remedy, file=str(path), line=number)
