"""Text files of answers: one fast pass to read them, one exact pass to say where they are wrong."""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Fault, InputError, shown
from .csv_scan import first_record, quotes_are_plain, scan
from .study import Limits

if TYPE_CHECKING:
    import pyarrow as pa

_BLOCK = 1 << 24
"""Bytes read at a time; no line may be longer."""

_UNEVEN = re.compile(rb'"|\n\n|\n\r|\r\r')
"""Where a row may take more lines than one, or a line may hold no row."""

_DELIMITERS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}


@dataclass
class CsvFile:
    """A text file whose header has been read.

    Parameters
    ----------
    file
        Name in messages.
    data
        The bytes, known to be UTF-8 without NUL.
    delimiter
        Character between fields.
    names
        Names of the columns.
    header_line
        Line of the header.
    body, body_line
        Offset and line of the first byte after the header.
    """

    file: str
    data: bytes
    delimiter: str
    names: tuple[str, ...]
    header_line: int
    body: int
    body_line: int
    faults: list[Fault] = field(default_factory=list)
    _lines: list[int] | None = None

    def read(self, columns: Sequence[str], limits: Limits, plain: str | None = None) -> pa.Table:
        """Return the columns as text, all but ``plain`` encoded; rows of a wrong length become ``faults``."""
        import pyarrow as pa  # noqa: PLC0415 (half a second)
        from pyarrow import csv  # noqa: PLC0415

        places = [str(self.names.index(name)) for name in columns]
        bad: list[None] = []

        def leave_out(row: Any) -> str:
            bad.append(None)
            return "skip"

        body = memoryview(self.data)[self.body :]
        if not bytes(body[:1024]).strip(b"\r\n") and not bytes(body).strip(b"\r\n"):
            return pa.table({name: pa.array([], pa.string()) for name in columns})
        try:
            table = csv.read_csv(
                pa.BufferReader(pa.py_buffer(body)),
                read_options=csv.ReadOptions(
                    column_names=[str(place) for place in range(len(self.names))], block_size=_BLOCK
                ),
                parse_options=csv.ParseOptions(
                    delimiter=self.delimiter, newlines_in_values=True, invalid_row_handler=leave_out
                ),
                # every column as text, and no text read as "missing": the study says what is
                convert_options=csv.ConvertOptions(
                    include_columns=places,
                    column_types={
                        place: pa.string() if name == plain else pa.dictionary(pa.int32(), pa.string())
                        for place, name in zip(places, columns, strict=True)
                    },
                    strings_can_be_null=False,
                ),
            ).rename_columns(list(columns))
        except pa.ArrowException as error:
            self._scan(limits)
            if not self.faults:
                message = f"The file cannot be read: {shown(error)}."
                self.faults.append(_fault("unreadable", message, "Check it with an editor.", self.file))
            raise InputError(self.faults) from None
        if bad or not quotes_are_plain(body, self.delimiter):
            lines = self._scan(limits)
            if not self.faults and len(lines) != table.num_rows:
                message = "The quotes of the file can be read in more than one way."
                self.faults.append(_fault("quotes", message, "Write a quote inside a field twice.", self.file))
        return table

    def lines(self, rows: Sequence[int]) -> list[int | None]:
        """Return the line on which each row of the table starts, as an editor counts."""
        even = self.data[self.body : self.body + 1] not in (b"\r", b"\n") and not _UNEVEN.search(self.data, self.body)
        if self._lines is None and even:
            return [self.body_line + row for row in rows]
        lines = self._scan(None)
        return [lines[row] if row < len(lines) else None for row in rows]

    def _scan(self, limits: Limits | None) -> list[int]:
        """Go through the file line by line; return the lines of the good rows, add the faults of the others."""
        if self._lines is None:
            text = self.data[self.body :].decode("utf-8")
            self._lines, faults = scan(text, self.delimiter, len(self.names), self.body_line, self.file)
            self.faults += faults
            if limits is not None:
                self.faults += self._long_lines(text, limits)
        return self._lines

    def _long_lines(self, text: str, limits: Limits) -> list[Fault]:
        return [
            _fault(
                "long-label",
                f"A line has {len(line):,} characters, and a label may have {limits.label:,}.",
                "Leave the column out, or raise 'label' below [table.limits].",
                self.file,
                line=number,
            )
            for number, line in enumerate(io.StringIO(text, newline=""), self.body_line)
            if len(line) > max(_BLOCK // 8, limits.label)
        ]


def open_csv(path: Path, file: str, delimiter: str | None, limits: Limits) -> CsvFile:
    """Read the bytes and the header of a text file.

    Raises
    ------
    InputError
        If it is empty, no UTF-8 text, or its header cannot be used.
    """
    data = _bytes(path, file, limits)
    _refuse_encoding(data, file)
    start = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    header_line = 1
    while data[start : start + 1] in (b"\r", b"\n"):
        start += 2 if data[start : start + 2] == b"\r\n" else 1
        header_line += 1
    if not data[start:].strip():
        message, remedy = "The file is empty.", "Give a table with a header line and one line per row."
        raise InputError(_fault("empty-file", message, remedy, file))
    if delimiter is None:
        delimiter = "\t" if _kind_suffix(path) in {".tsv", ".tab"} else ","
    names, used, n_lines = first_record(data[start : start + _BLOCK].decode("utf-8", "ignore"), delimiter)
    if names is None:
        message = "The quotes of the header line are not closed."
        raise InputError(_fault("unclosed-quote", message, "Close the quote.", file, line=header_line))
    opened = CsvFile(file, data, delimiter, tuple(names), header_line, start + used, header_line + n_lines)
    opened.faults += _header_faults(opened, data[start : start + used].decode("utf-8"), limits)
    return opened


def _kind_suffix(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def _fault(code: str, message: str, remedy: str, file: str, **place: Any) -> Fault:
    return Fault(code=code, message=message, remedy=remedy, file=file, **place)


def _bytes(path: Path, file: str, limits: Limits) -> bytes:
    compressed = path.suffix.lower() == ".gz"
    remedy = "Raise 'bytes' below [table.limits] if that is meant."
    too_large = _fault("too-large", f"The table is larger than the limit of {limits.bytes:,} bytes.", remedy, file)
    if not compressed:
        if path.stat().st_size > limits.bytes:
            raise InputError(too_large)
        return path.read_bytes()
    try:
        with gzip.open(path) as stream:
            data = stream.read(limits.bytes + 1)
    except (OSError, EOFError, zlib.error) as error:
        message = f"The compressed file cannot be unpacked: {shown(error)}."
        raise InputError(_fault("compression", message, "Fetch or pack it anew.", file)) from None
    if len(data) > limits.bytes:
        raise InputError(too_large)
    return data


def _refuse_encoding(data: bytes, file: str) -> None:
    remedy = "Save the file as UTF-8."
    head = data[:1_000]
    wide = head.startswith((b"\xff\xfe", b"\xfe\xff")) or head.count(0) > 0.3 * len(head)
    if wide and head:
        raise InputError(_fault("encoding", "The file is not UTF-8 text; it looks like UTF-16.", remedy, file, line=1))
    nul = data.find(0)
    if nul >= 0:
        count = data.count(b"\0")
        message, place = "The line holds a NUL byte.", {"line": _line(data, nul), "count": count}
        raise InputError(_fault("nul-byte", message, "Remove it, or save the file as text anew.", file, **place))
    if data.isascii():
        return
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        guess = "Windows-1252" if re.search(rb"[\x80-\x9f]", data) else "Latin-1"
        bad = data[error.start : error.start + 1]
        message = f"The file is not UTF-8 text; it looks like {guess} (byte 0x{bad.hex()})."
        raise InputError(_fault("encoding", message, remedy, file, line=_line(data, error.start))) from None


def _line(data: bytes, offset: int) -> int:
    """Return the line on which a byte stands."""
    before = data[:offset]
    return before.count(b"\n") + before.count(b"\r") - before.count(b"\r\n") + 1


def _header_faults(opened: CsvFile, header: str, limits: Limits) -> list[Fault]:
    names, file, line = opened.names, opened.file, opened.header_line
    if len(names) == 1:
        for other, what in _DELIMITERS.items():
            if other != opened.delimiter and other in header:
                toml = "\\t" if other == "\t" else other
                message = f"1 column found; looks like {toml} separates the fields ({what})."
                raise InputError(
                    _fault("delimiter", message, f'Write delimiter = "{toml}" below [table].', file, line=line)
                )
    if len(names) > limits.columns:
        message = f"The table has {len(names):,} columns, more than the limit of {limits.columns:,}."
        remedy = "Raise 'columns' below [table.limits] if that is meant."
        raise InputError(_fault("too-many-columns", message, remedy, file, line=line))
    faults: list[Fault] = []
    seen: dict[str, int] = {}
    for place, name in enumerate(names, 1):
        if name in seen:
            message = f"Columns {seen[name]} and {place} have the same name {shown(name)}."
            faults.append(_fault("column-name-twice", message, "Rename one of them.", file, line=line, column=name))
        seen.setdefault(name, place)
    return faults
