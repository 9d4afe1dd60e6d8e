"""Files that one process at a time may write."""

from __future__ import annotations

import os
from typing import IO, Any, BinaryIO, cast

from ..errors import Fault, InputError, shown


def lock(file: IO[Any]) -> bool | None:
    """Return whether the file could be locked until it is closed; None on a system without such locks."""
    try:
        import fcntl  # noqa: PLC0415 - not on every system
    except ImportError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def open_locked(path: str | os.PathLike[str], mode: str, *, name: str) -> BinaryIO:
    """Return a file opened for this process alone.

    Parameters
    ----------
    path, mode
        As for ``open``; a binary mode.
    name
        What a message calls the file, such as ``"journal"``.

    Raises
    ------
    InputError
        If it cannot be opened, or another process has it open.
    """
    try:
        file = cast(BinaryIO, open(path, mode))
    except OSError as error:
        message, remedy = (
            f"The {name} cannot be opened: {error.strerror or shown(error)}.",
            "Check free space and permissions.",
        )
        raise InputError(Fault(code="not-writable", message=message, remedy=remedy, file=str(path))) from None
    if lock(file) is False:
        file.close()
        message = f"Another process is writing this {name}."
        raise InputError(Fault(code="in-use", message=message, remedy="Wait for it, or end it.", file=str(path)))
    return file
