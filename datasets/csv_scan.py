"""The exact pass over a text file: where its rows are, and which of them are wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..errors import LISTED, Fault
from .file_bytes import line_ends

_BLOCK = 1 << 22
_LF, _CR, _QUOTE = b'\n\r"'
_LINE = re.compile(rb"[^\r\n]*+(?:\r\n|\r|\n|\Z)")


def first_record(text: str, delimiter: str, most: int) -> tuple[list[str] | None, str]:
    """Split the first record of a text: its fields, and the text it takes.

    None when a quote stays open. After more than ``most`` fields the rest is left alone.
    """
    d = re.escape(delimiter)
    one = re.compile(rf'(?:"(?P<quoted>[^"]*+(?:""[^"]*+)*+)"|(?P<plain>(?!")[^{d}\r\n]*+))(?P<end>{d}|\r\n|\r|\n|\Z)')
    fields: list[str] = []
    position = 0
    while True:
        match = one.match(text, position)
        if match is None:
            return None, ""
        quoted = match["quoted"]
        fields.append(match["plain"] if quoted is None else quoted.replace('""', '"'))
        position = match.end()
        if match["end"] != delimiter or len(fields) > most:
            return fields, text[:position]


def quotes_are_plain(body: memoryview, delimiter: str) -> bool:
    """Whether every quote opens a field, closes one, or is one of a pair inside one.

    Quotes are taken to open and close in turn. A reader that is not strict would let a quote that is never closed
    swallow lines without a word.
    """
    octets = np.frombuffer(body, dtype=np.uint8)
    edge = _edges(delimiter)
    is_open, last = 0, len(octets) - 1
    for start in range(0, len(octets), _BLOCK):
        quotes = start + np.flatnonzero(octets[start : start + _BLOCK] == _QUOTE)
        opening, closing = quotes[is_open::2], quotes[1 - is_open :: 2]
        before, after = octets[opening[opening > 0] - 1], octets[closing[closing < last] + 1]
        if not (edge[before].all() and edge[after].all()):
            return False
        is_open = (is_open + len(quotes)) % 2
    return not is_open


def _edges(delimiter: str) -> NDArray[np.bool_]:
    edge = np.zeros(256, dtype=bool)
    edge[list(f'\r\n"{delimiter}'.encode())] = True
    return edge


@dataclass
class _Rows:
    """Rows found so far: line and number of fields of each, and the lines with text behind a closing quote."""

    lines: list[NDArray[np.int64]] = field(default_factory=list)
    n_fields: list[NDArray[np.int64]] = field(default_factory=list)
    after_quote: list[int] = field(default_factory=list)
    unclosed: int | None = None


def scan(
    data: bytes | bytearray, start: int, line: int, delimiter: str, n_columns: int, file: str
) -> tuple[NDArray[np.int64], list[Fault]]:
    """Return the first line of every row with ``n_columns`` fields, and the faults of the other rows.

    Parameters
    ----------
    data
        The file.
    start, line
        Offset and line of the first row.
    delimiter
        Character between fields.
    n_columns
        Number of fields a row should have.
    file
        Name in messages.
    """
    rows = _Rows()
    while start < len(data) and rows.unclosed is None:
        used = _plain_rows(rows, data, start, line, delimiter)
        end = start + used if used else _any_rows(rows, data, start, line, delimiter)
        line += line_ends(data[start:end])
        start = end
    lines = np.concatenate([*rows.lines, np.empty(0, dtype=np.int64)])
    n_fields = np.concatenate([*rows.n_fields, np.empty(0, dtype=np.int64)])
    good = lines[n_fields == n_columns]
    wrong = (n_fields != n_columns) & (n_fields > 0)
    faults = _quote_faults(rows, file)
    return good, faults + _ragged(lines[wrong], n_fields[wrong], n_columns, len(good), file)


def _plain_rows(rows: _Rows, data: bytes | bytearray, start: int, line: int, delimiter: str) -> int:
    """Add the rows of one block, all at once; return its bytes, 0 where its quotes are not plain."""
    stop = min(start + _BLOCK, len(data))
    stop += data[stop - 1 : stop + 1] == b"\r\n"
    octets = np.frombuffer(memoryview(data)[start:stop], dtype=np.uint8)
    ends_line = octets == _CR
    ends_line[:-1] &= octets[1:] != _LF
    ends_line |= octets == _LF
    between = octets == ord(delimiter)
    ends_row = ends_line
    if (quote := octets == _QUOTE).any():
        outside = np.bitwise_xor.accumulate(quote.view(np.uint8)) == 0
        ends_row = ends_line & outside
        between &= outside
    ends = np.flatnonzero(ends_row)
    if stop < len(data):
        if not len(ends):
            return 0
        octets = octets[: ends[-1] + 1]
    elif not len(ends) or ends[-1] < len(octets) - 1:
        ends = np.append(ends, len(octets) - 1)
    if not quotes_are_plain(memoryview(octets), delimiter):
        return 0
    starts = np.concatenate([[0], ends[:-1] + 1])
    n_lines = np.add.reduceat(ends_line[: len(octets)], starts, dtype=np.int64)
    first = octets[starts]
    n_fields = np.add.reduceat(between[: len(octets)], starts, dtype=np.int64) + 1
    n_fields[(first == _CR) | (first == _LF)] = 0
    rows.lines.append(line + np.cumsum(n_lines) - n_lines)
    rows.n_fields.append(n_fields)
    return len(octets)


def _any_rows(rows: _Rows, data: bytes | bytearray, start: int, line: int, delimiter: str) -> int:
    """Add the rows of about one block, one by one; return where they end."""
    d = re.escape(delimiter.encode())
    one = rb'(?:"[^"]*+(?:""[^"]*+)*+"|(?!")[^%b\r\n]*+)' % d
    field_and_delimiter = re.compile(one + d)
    row = re.compile(rb"(?:%b%b)*+%b(?:\r\n|\r|\n|\Z)" % (one, d, one))
    quoted = re.compile(rb'"[^"]*+(?:""[^"]*+)*+"')
    lines, sizes, mark = [], [], delimiter.encode()
    stop = min(start + _BLOCK, len(data))
    while start < stop:
        match = row.match(data, start)
        if match is not None:
            text = match[0]
            n_fields = text.count(mark) + 1 if text.strip(b"\r\n") else 0
            if b'"' in text:
                position, n_fields = start, 1
                while (next_one := field_and_delimiter.match(data, position)) is not None:
                    position, n_fields = next_one.end(), n_fields + 1
        else:
            position = start
            while (next_one := field_and_delimiter.match(data, position)) is not None:
                position = next_one.end()
            if quoted.match(data, position) is None:
                rows.unclosed = line
                break
            match = _LINE.match(data, position)  # from the field at fault: those before may hold line ends
            assert match is not None  # any text has a first line
            text, n_fields = bytes(data[start : match.end()]), 0
            rows.after_quote.append(line)
        lines.append(line)
        sizes.append(n_fields)
        line += line_ends(text)
        start = match.end()
    rows.lines.append(np.array(lines, dtype=np.int64))
    rows.n_fields.append(np.array(sizes, dtype=np.int64))
    return start


def _quote_faults(rows: _Rows, file: str) -> list[Fault]:
    message = "Text follows a closing quote."
    remedy = "Write a quote inside a field twice, and close the quote before."
    faults = [_fault("quotes", message, remedy, file, line) for line in rows.after_quote[:LISTED]]
    rest = rows.after_quote[LISTED:]
    if rest:
        faults.append(_fault("quotes", message, remedy, file, rest[0], len(rest)))
    if rows.unclosed is not None:
        message = "A quote is opened here and never closed."
        remedy = "Close it, or write it twice if it is text."
        faults.append(_fault("unclosed-quote", message, remedy, file, rows.unclosed))
    return faults


def _ragged(lines: NDArray[np.int64], sizes: NDArray[np.int64], n_columns: int, n_good: int, file: str) -> list[Fault]:
    """Make the faults of rows with too few or too many fields; alike ones are counted when there are many."""
    remedy = "Check for a delimiter inside a field (decimal commas, say), which needs quotes."
    every = "" if n_good else " in every row"
    faults = []
    distinct, first, counts = np.unique(sizes, return_index=True, return_counts=True)
    for kind in np.argsort(first)[: 2 * LISTED]:
        n_fields, count = int(distinct[kind]), int(counts[kind])
        what = "extra-field" if n_fields > n_columns else "short-row"
        message = f"{n_fields:,} fields{every}, where the header has {n_columns:,}."
        if count <= LISTED // 2:
            faults += [_fault(what, message, remedy, file, int(at)) for at in lines[sizes == n_fields]]
        else:
            faults.append(_fault(what, message, remedy, file, int(lines[first[kind]]), count))
    rest = np.argsort(first)[2 * LISTED :]
    if len(rest):
        message = f"Another number of fields than the header, which has {n_columns:,}."
        faults.append(_fault("ragged", message, remedy, file, int(lines[first[rest[0]]]), int(counts[rest].sum())))
    return faults


def _fault(code: str, message: str, remedy: str, file: str, line: int, count: int = 1) -> Fault:
    return Fault(code=code, message=message, remedy=remedy, file=file, line=line, count=count)
