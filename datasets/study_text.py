"""The text of a study file, and what it parses to."""

from __future__ import annotations

import re
import stat
import tomllib
from pathlib import Path
from typing import Any

from ..errors import Fault, InputError, shown
from .study import MAX_STUDY_BYTES

_REFUSED = (  # what tomllib takes hours over, or passes on to Python
    (re.compile(r"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){64}"""), "a key has over 64 parts"),
    (re.compile(r"(?<![\w.])(?:[0-9]_?){1000}|0x(?:[0-9a-fA-F]_?){1000}"), "a number has over 1,000 digits"),
)


def parsed(text: str, file: str | None) -> dict[str, Any]:
    """Return what the text of a study file parses to.

    Raises
    ------
    InputError
        If it is not TOML, with the line.
    """
    remedy = "Mend the line; the format is TOML, described at https://toml.io."
    try:
        for pattern, message in _REFUSED:
            if (found := pattern.search(text)) is not None:
                raise ValueError(f"{message} (at line {1 + text.count(chr(10), 0, found.start())}, column 1)")
        raw = tomllib.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        said = "the text is nested too deeply" if isinstance(error, RecursionError) else str(error)
        place = re.search(r" ?\(at (?:line (\d+), column \d+|end of document)\)$", said)
        line = None if place is None else int(place[1]) if place[1] else max(1, len(text.rstrip("\n").split("\n")))
        said = (said[: place.start()] if place else said).replace("Cannot overwrite a value", "a key stands twice")
        message = f"Not a TOML file: {said}."
        raise InputError(Fault(code="toml", message=message, remedy=remedy, file=file, line=line)) from None
    return raw


def study_text(path: str | Path) -> str:
    """Return the text of a study file.

    Raises
    ------
    InputError
        If it cannot be read, is too large, or is not UTF-8.
    """
    file = str(path)

    def refuse(code: str, message: str, remedy: str, line: int | None = None) -> InputError:
        return InputError(Fault(code=code, message=message, remedy=remedy, file=file, line=line))

    if "://" in file:
        raise refuse("url", "A study file is read from disk, never from an address.", "Download it first.")
    try:
        state = Path(path).stat()
        data = None
        if stat.S_ISREG(state.st_mode) and state.st_size <= MAX_STUDY_BYTES:
            data = Path(path).read_bytes()
    except FileNotFoundError:
        raise refuse("no-file", "There is no such study file.", "Check the path.") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        raise refuse(
            "unreadable", f"The study file cannot be read: {shown(error)}.", "Check its permissions."
        ) from None
    if not stat.S_ISREG(state.st_mode):
        what = "a folder" if stat.S_ISDIR(state.st_mode) else "not an ordinary file"
        raise refuse("not-a-file", f"The study file is {what}.", "Give the path of a TOML file.")
    if data is None:
        remedy = "Give a TOML file, or pass its text to Study.from_text, which has no limit."
        raise refuse("too-large", f"The study file is larger than the limit of {MAX_STUDY_BYTES:,} bytes.", remedy)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise refuse("encoding", "The study file is not UTF-8 text.", "Save it as UTF-8.", line) from None
