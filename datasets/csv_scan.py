"""The exact pass over a text file: where its rows are, and which of them are wrong."""

from __future__ import annotations

import re

import numpy as np

from ..errors import LISTED, Fault

_NEWLINE = re.compile(r"\r\n|\r|\n")
_LINE_END = re.compile(r"\r\n|\r|\n|\Z")
_BLOCK = 1 << 24


def first_record(text: str, delimiter: str) -> tuple[list[str] | None, int, int]:
    """Split the first record of a text: its fields (None when a quote stays open), its bytes, its lines."""
    fields, position = [], 0
    one = _field_pattern(delimiter)
    while True:
        match = one.match(text, position)
        if match is None:
            return None, 0, 0
        quoted = match["quoted"]
        fields.append(match["plain"] if quoted is None else quoted.replace('""', '"'))
        position = match.end()
        if match["end"] != delimiter:
            used = text[:position]
            return fields, len(used.encode()), len(_NEWLINE.findall(used)) if match["end"] else 1


def _field_pattern(delimiter: str) -> re.Pattern[str]:
    d = re.escape(delimiter)
    return re.compile(rf'(?:"(?P<quoted>[^"]*(?:""[^"]*)*)"|(?P<plain>(?!")[^{d}\r\n]*))(?P<end>{d}|\r\n|\r|\n|\Z)')


def quotes_are_plain(body: memoryview, delimiter: str) -> bool:
    """Whether every quote opens a field, closes one, or is one of a pair inside one.

    Quotes are taken to open and close in turn. A reader that is not strict would let a quote that is never closed
    swallow lines without a word.
    """
    octets = np.frombuffer(body, dtype=np.uint8)
    edge = np.zeros(256, dtype=bool)
    edge[list(f'\r\n"{delimiter}'.encode())] = True
    is_open, last = 0, len(octets) - 1
    for start in range(0, len(octets), _BLOCK):
        quotes = start + np.flatnonzero(octets[start : start + _BLOCK] == ord('"'))
        opening, closing = quotes[is_open::2], quotes[1 - is_open :: 2]
        before, after = octets[opening[opening > 0] - 1], octets[closing[closing < last] + 1]
        if not (edge[before].all() and edge[after].all()):
            return False
        is_open = (is_open + len(quotes)) % 2
    return not is_open


def scan(text: str, delimiter: str, n_columns: int, line: int, file: str) -> tuple[list[int], list[Fault]]:
    """Return the first line of every row with ``n_columns`` fields, and the faults of the other rows."""
    one = _field_pattern(delimiter)
    lines: list[int] = []
    wrong: list[tuple[int, int]] = []
    faults: list[Fault] = []
    position, n_skipped = 0, 0
    while position < len(text):
        stop = _LINE_END.search(text, position)
        assert stop is not None
        row = text[position : stop.start()]
        start, step = line, 1
        if '"' not in row:
            n_fields = row.count(delimiter) + 1 if row else 0
            position = stop.end()
        else:
            n_fields, end, problem = _quoted_row(text, position, one, delimiter)
            if problem == "unclosed":
                message = "A quote is opened here and never closed."
                faults.append(
                    _fault("unclosed-quote", message, "Close it, or write it twice if it is text.", file, start)
                )
                break
            if problem:
                message = "Text follows a closing quote."
                remedy = "Write a quote inside a field twice, and close the quote before."
                if n_skipped < LISTED:
                    faults.append(_fault("quotes", message, remedy, file, start))
                n_skipped += 1
                n_fields, end = 0, stop.end()
            step = len(_NEWLINE.findall(text, position, end))
            position = end
        line += step
        if n_fields == n_columns:
            lines.append(start)
        elif n_fields:
            wrong.append((start, n_fields))
    return lines, faults + _ragged(wrong, n_columns, len(lines), file)


def _quoted_row(text: str, position: int, one: re.Pattern[str], delimiter: str) -> tuple[int, int, str]:
    n_fields = 0
    while True:
        match = one.match(text, position)
        if match is None:
            quoted = re.compile(r'"[^"]*(?:""[^"]*)*"').match(text, position)
            return n_fields, position, "unclosed" if quoted is None else "after"
        n_fields += 1
        position = match.end()
        if match["end"] != delimiter:
            return n_fields, position, ""


def _ragged(wrong: list[tuple[int, int]], n_columns: int, n_good: int, file: str) -> list[Fault]:
    """Make the faults of rows with too few or too many fields; alike ones are counted when there are many."""
    remedy = "Check for a delimiter inside a field (decimal commas, say), which needs quotes."
    every = "" if n_good else " in every row"
    by_size: dict[int, list[int]] = {}
    for line, n_fields in wrong:
        by_size.setdefault(n_fields, []).append(line)
    faults = []
    for n_fields, lines in by_size.items():
        what = "extra-field" if n_fields > n_columns else "short-row"
        message = f"{n_fields:,} fields{every}, where the header has {n_columns:,}."
        if len(lines) <= LISTED // 2:
            faults += [_fault(what, message, remedy, file, line) for line in lines]
        else:
            faults.append(_fault(what, message, remedy, file, lines[0], len(lines)))
    return faults


def _fault(code: str, message: str, remedy: str, file: str, line: int, count: int = 1) -> Fault:
    return Fault(code=code, message=message, remedy=remedy, file=file, line=line, count=count)
