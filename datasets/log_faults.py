"""What a failure of the engine that reads a log means: which file, which line, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import Fault, brief, shown
from .log_open import LogFile

_MEANT = (
    (r"unterminated quote|quote should be followed", "quotes", "A quote is not closed.", "Close it."),
    (r"utf-?8|unicode", "encoding", "The file is not UTF-8 text.", "Save the file as UTF-8."),
    (r"gzip|zlib", "compression", "The compressed file is truncated or damaged.", "Fetch or pack it anew."),
    (r"invalid state", "lines", "Lines end in several ways, or quotes are wrong.", "Write the file anew."),
    (r"out of memory|OutOfMemory", "memory", "The memory allowed is too little.", "Give more with --max-memory."),
)
"""What the engine says → code, message and remedy."""


def engine_fault(
    error: Exception,
    files: Sequence[LogFile],
    source: str,
    column: str | None,
    place_of: Callable[[str], dict[str, Any]],
) -> Fault:
    """Return the fault that a failure of the engine stands for.

    Parameters
    ----------
    error
        What the engine raised.
    files, source
        The files of the log, and its name.
    column
        The column that was read; None for none in particular.
    place_of
        Where a value of the column stands: file, line and column.
    """
    said = str(error)
    line = re.search(r"CSV Error on Line: (\d+)", said)
    name = re.search(r"^\s*file = (.*)$", said, re.MULTILINE)
    named = [file.path for file in files if name is not None and name[1].strip().endswith(file.path.lstrip("./"))]
    named += [file.path for file in files if file.path in said]
    place: dict[str, Any] = {"file": (named or [source])[0], "line": int(line[1]) if line else None}
    if (counts := re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", said)) is not None:
        message = f"The row has {counts[2]} fields; the header has {counts[1]}."
        return Fault(code="fields", message=message, remedy="It may be cut off; mend it.", **place)
    if (value := re.search(r"[Cc]ould not convert string ['\"](.*?)['\"] to", said)) is not None:
        found = place if column is None else place_of(value[1])
        message = f"{shown(value[1])} is not a number."
        return Fault(code="not-a-number", message=message, remedy="Mend it.", value=brief(value[1]), **found)
    told = f"{type(error).__name__} {said.partition('Possible')[0]}"
    for pattern, code, message, remedy in _MEANT:
        if re.search(pattern, told, re.IGNORECASE):
            return Fault(code=code, message=message, remedy=remedy, **place)
    message = f"The events cannot be read: {shown(said.splitlines()[0] if said else type(error).__name__)}."
    return Fault(code="unreadable", message=message, remedy="Check the files.", **{**place, "column": column})
