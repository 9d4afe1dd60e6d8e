"""Text files of answers: one fast pass to read them, one exact pass to say where they are wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Fault, InputError, brief, shown
from .csv_scan import first_record, quotes_are_plain, scan
from .file_bytes import line_ends, text_bytes
from .study import Limits

if TYPE_CHECKING:
    import pyarrow as pa

_BLOCK = 1 << 24
"""Bytes read at a time; no line may be longer."""

_MISFITS = 10_000
"""Rows of a wrong length after which a file is not read any further, only looked through for such rows."""

_UNEVEN = (b'"', b"\n\n", b"\n\r", b"\r\r")
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
    data: bytearray
    delimiter: str
    names: tuple[str, ...]
    header_line: int
    body: int
    body_line: int
    faults: list[Fault] = field(default_factory=list)
    _lines: NDArray[np.int64] | None = None
    _even: bool | None = None

    def read(self, columns: Sequence[str], limits: Limits, plain: str | None = None) -> pa.Table:
        """Return the columns as text, all but ``plain`` encoded; rows of a wrong length become ``faults``."""
        import pyarrow as pa  # noqa: PLC0415 (half a second)
        from pyarrow import csv  # noqa: PLC0415

        places = [str(self.names.index(name)) for name in columns]
        bad: list[None] = []

        def leave_out(row: Any) -> str:
            bad.append(None)
            return "skip" if len(bad) < _MISFITS else "error"

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
            # where quotes are wrong, rows are not those of the table, and their lines would be others
            if len(lines) != table.num_rows or {"quotes", "unclosed-quote"} & {fault.code for fault in self.faults}:
                raise InputError(self.faults)
        return table

    def lines(self, rows: Sequence[int]) -> list[int | None]:
        """Return the line on which each row of the table starts, as an editor counts."""
        if self._even is None:
            self._even = bytes(self.data[self.body : self.body + 1]) not in {b"\r", b"\n"} and not any(
                self.data.find(mark, self.body) >= 0 for mark in _UNEVEN
            )
        if self._lines is None and self._even:
            return [self.body_line + row for row in rows]
        lines = self._scan(None)
        return [int(lines[row]) if row < len(lines) else None for row in rows]

    def _scan(self, limits: Limits | None) -> NDArray[np.int64]:
        """Go through the file line by line; return the lines of the good rows, add the faults of the others."""
        if self._lines is None:
            self._lines, faults = scan(self.data, self.body, self.body_line, self.delimiter, len(self.names), self.file)
            self.faults += faults
            if limits is not None:
                self.faults += self._long_lines(limits)
        return self._lines

    def _long_lines(self, limits: Limits) -> list[Fault]:
        longest = max(_BLOCK // 8, limits.label)
        return [
            _fault(
                "long-label",
                f"A line has {len(match[0]):,} bytes, and a label may have {limits.label:,} characters.",
                "Leave the column out, or raise 'label' below [table.limits].",
                self.file,
                line=self.body_line + line_ends(self.data[self.body : self.body + match.start()]),
            )
            for match in re.finditer(rb"(?<![^\r\n])[^\r\n]{%d,}+" % (longest + 1), memoryview(self.data)[self.body :])
        ]


def open_csv(path: Path, file: str, delimiter: str | None, limits: Limits) -> CsvFile:
    """Read the bytes and the header of a text file.

    Raises
    ------
    InputError
        If it is empty, no UTF-8 text, or its header cannot be used.
    """
    data = text_bytes(path, file, limits)
    start = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    first = re.compile(rb"[\r\n]*+").match(data, start)
    assert first is not None  # it matches nothing too
    header_line = 1 + line_ends(data[start : first.end()])
    start = first.end()
    if re.compile(rb"\s*+\Z").match(data, start):
        message, remedy = "The file is empty.", "Give a table with a header line and one line per row."
        raise InputError(_fault("empty-file", message, remedy, file))
    if delimiter is None:
        delimiter = "\t" if _kind_suffix(path) in {".tsv", ".tab"} else ","
    head = data[start : start + _BLOCK].decode("utf-8", "ignore")
    names, header = first_record(head, delimiter, limits.columns)
    used = len(header.encode())
    if used >= _BLOCK - 4 and len(data) > start + _BLOCK:
        message = f"The header line has more than {_BLOCK:,} bytes, and a label may have {limits.label:,} characters."
        remedy = "Check that this is a table; 'label' below [table.limits] raises the limit."
        raise InputError(_fault("long-label", message, remedy, file, line=header_line))
    if names is None:
        message = "The quotes of the header line are not closed."
        raise InputError(_fault("unclosed-quote", message, "Close the quote.", file, line=header_line))
    opened = CsvFile(
        file, data, delimiter, tuple(names), header_line, start + used, header_line + max(1, line_ends(header.encode()))
    )
    opened.faults += _header_faults(opened, header, head, limits)
    return opened


def _kind_suffix(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def _fault(code: str, message: str, remedy: str, file: str, **place: Any) -> Fault:
    return Fault(code=code, message=message, remedy=remedy, file=file, **place)


def _header_faults(opened: CsvFile, header: str, head: str, limits: Limits) -> list[Fault]:
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
        first = head[: re.search(r"[\r\n]|\Z", head).start()]  # type: ignore[union-attr] # \Z always matches
        count = f"over {limits.columns:,}" if '"' in first else f"{first.count(opened.delimiter) + 1:,}"
        message = f"The table has {count} columns, more than the limit of {limits.columns:,}."
        remedy = "Raise 'columns' below [table.limits] if that is meant."
        raise InputError(_fault("too-many-columns", message, remedy, file, line=line))
    faults: list[Fault] = []
    seen: dict[str, int] = {}
    for place, name in enumerate(names, 1):
        if name in seen:
            message = f"Columns {seen[name]} and {place} have the same name {shown(name)}."
            faults.append(_fault("column-name-twice", message, "Rename one of them.", file, line=line, column=name))
        seen.setdefault(name, place)
        if len(name) > limits.label:
            message = (
                f"The name of column {place} has {len(name):,} characters, more than the limit of {limits.label:,}."
            )
            remedy = "Rename it, or raise 'label' below [table.limits]."
            faults.append(_fault("long-label", message, remedy, file, line=line, column=brief(name), value=brief(name)))
    return faults
