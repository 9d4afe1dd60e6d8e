"""What a user can mend (:class:`InputError`) and what the package declines to claim (:class:`Refused`)."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

LISTED = 20
"""How many faults a message lists; the rest are counted."""

_SHOWN = 60
_HIDDEN = {"Cc", "Cf", "Zl", "Zp", "Cs", "Co"}


def clean(text: str) -> str:
    """Return a text with control and direction characters escaped, so that no label can steer a terminal."""
    return text if text.isascii() and text.isprintable() else "".join(map(_visible, text))


def _visible(c: str) -> str:
    if unicodedata.category(c) not in _HIDDEN:
        return c
    return f"\\u{ord(c):04x}" if ord(c) < 0x10000 else f"\\U{ord(c):08x}"


def brief(value: object) -> str:
    """Return the first 60 characters of a value, with control and direction characters escaped.

    Spaces other than the common one are escaped too: nobody would see that they differ.
    """
    safe = clean(_text(value)[:_SHOWN])
    return "".join(f"\\u{ord(c):04x}" if c.isspace() and c != " " else c for c in safe)


def shown(value: object) -> str:
    """Return :func:`brief` in quotes, followed by … where it was cut."""
    return f"'{brief(value)}'" + ("…" if len(_text(value)) > _SHOWN else "")


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:  # a whole number of thousands of digits, say
        return f"of type {type(value).__name__}"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing wrong with an input.

    Parameters
    ----------
    code
        Short stable name of the kind of fault, such as ``"unknown-option"``.
    message
        What is wrong, one sentence without the place.
    remedy
        How to mend it, one sentence.
    file, line, column, value
        Where: file name as given, 1-based line as an editor shows it, column name, and the value found.
        ``None`` where it does not apply.
    count
        How many times the fault occurs (``line`` is then its first place).
    """

    code: str
    message: str
    remedy: str
    file: str | None = None
    line: int | None = None
    column: str | None = None
    value: str | None = None
    count: int = 1

    def __str__(self) -> str:
        place = ", ".join(
            part
            for part in (
                clean(self.file or ""),
                f"line {self.line}" if self.line is not None else "",
                f"column {shown(self.column)}" if self.column is not None else "",
            )
            if part
        )
        times = f" ({self.count:,} times)" if self.count > 1 else ""
        return f"{place + ': ' if place else ''}{clean(self.message)}{times} {clean(self.remedy)}".strip()


class InputError(ValueError):
    """An input that cannot be used, with every fault found in one pass.

    The attributes ``code``, ``file``, ``line``, ``column``, ``value``, ``count`` and ``remedy`` are those of the first
    fault; ``faults`` holds all of them, and the message lists the first 20 and counts the places of the rest.
    """

    def __init__(self, faults: Fault | Iterable[Fault]) -> None:
        self.faults: tuple[Fault, ...] = (faults,) if isinstance(faults, Fault) else tuple(faults)
        if not self.faults:
            raise TypeError("InputError needs at least one fault")
        first = self.faults[0]
        self.code = first.code
        self.file = first.file
        self.line = first.line
        self.column = first.column
        self.value = first.value
        self.count = first.count
        self.remedy = first.remedy
        lines = [str(fault) for fault in self.faults[:LISTED]]
        if len(self.faults) > LISTED:
            lines.append(f"… and {sum(fault.count for fault in self.faults[LISTED:]):,} more.")
        super().__init__("\n".join(lines))


class Refused(Exception):
    """A result whose numbers the package declines to report.

    Parameters
    ----------
    reasons
        One sentence each, as in the ``reasons`` of the result.
    """

    def __init__(self, reasons: Sequence[str]) -> None:
        self.reasons = tuple(reasons)
        reasons_text = " ".join(self.reasons)
        super().__init__(
            f"No score is reported: {reasons_text} Pass allow_unreliable=True to see the numbers all the same."
        )
