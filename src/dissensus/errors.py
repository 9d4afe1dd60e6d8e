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
    return "".join(f"\\u{ord(c):04x}" if unicodedata.category(c) in _HIDDEN else c for c in text)


def shown(value: object) -> str:
    """Return the first 60 characters of a value in quotes, with control and direction characters escaped."""
    text = str(value)
    safe = clean(text[:_SHOWN])
    return f"'{safe}'" + ("…" if len(text) > _SHOWN else "")


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
                self.file or "",
                f"line {self.line}" if self.line is not None else "",
                f"column {shown(self.column)}" if self.column is not None else "",
            )
            if part
        )
        times = f" ({self.count:,} times)" if self.count > 1 else ""
        return f"{place + ': ' if place else ''}{self.message}{times} {self.remedy}".strip()


class InputError(ValueError):
    """An input that cannot be used, with every fault found in one pass.

    The attributes ``code``, ``file``, ``line``, ``column``, ``value``, ``count`` and ``remedy`` are those of the first
    fault; ``faults`` holds all of them, and the message lists the first 20.
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
            lines.append(f"… and {len(self.faults) - LISTED:,} more faults.")
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
