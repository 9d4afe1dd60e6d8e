"""How the command speaks: reports on standard output, messages and progress on standard error, and the exit codes."""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cyclopts import CycloptsError

from .errors import InputError, Refused

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

DONE, REFUSED, BAD_INPUT, INTERNAL, INTERRUPTED, BROKEN_PIPE = 0, 1, 2, 3, 130, 141


def explained(error: BaseException) -> tuple[int, str]:
    """Return the exit code and the message of what ended the command."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, "Interrupted."
    if isinstance(error, CycloptsError):
        return BAD_INPUT, f"{error}\nSee dissensus --help."
    if isinstance(error, InputError):
        return BAD_INPUT, str(error)
    if isinstance(error, TimeoutError):
        return REFUSED, f"No score is reported: {error}"
    if isinstance(error, Refused):
        return REFUSED, "No score is reported: " + " ".join(error.reasons)
    lines = "".join(traceback.format_exception(error))
    return INTERNAL, f"{lines}This is a fault of the program, not of your data: please report it with the lines above."


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console  # noqa: PLC0415

    return Console(stderr=stderr, highlight=False, markup=False, emoji=False)


def print_report(report: Callable[[int], RenderableType]) -> None:
    """Print a report as wide as the terminal, without the spaces that pad its lines."""
    console = _console()
    with console.capture() as caught:
        console.print(report(console.width))
    text = caught.get()
    if not console.is_terminal:
        text = "".join(line.rstrip() + "\n" for line in text.splitlines())
    sys.stdout.write(text + "\n")


def print_json(answer: Mapping[str, Any]) -> None:
    """Print one JSON object; numbers that do not exist are null in it, or this fails."""
    sys.stdout.write(json.dumps(answer, indent=2, allow_nan=False) + "\n")


def complain(text: str) -> None:
    """Say something that is no result."""
    print(text, file=sys.stderr)


@contextmanager
def working(first: str) -> Iterator[Callable[[str], None]]:
    """Show what is being done: a spinner on a terminal, lines elsewhere."""
    console = _console(stderr=True)
    if not console.is_terminal:
        yield complain
        return
    with console.status(first) as status:

        def say(text: str) -> None:
            if "\n" in text:
                console.print(text)
            else:
                status.update(text)

        yield say


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show how much is done and the time left: a bar on a terminal, a line for each tenth elsewhere."""
    console = _console(stderr=True)
    if not console.is_terminal:
        began, first, shown_last = time.monotonic(), -1, -1

        def say(done: int, total: int) -> None:
            nonlocal first, shown_last
            first = done if first < 0 else first
            if done * 10 // total == shown_last:
                return
            shown_last = done * 10 // total
            left = (time.monotonic() - began) / (done - first) * (total - done) if done > first else None
            complain(f"{done} of {total} {what}" + ("" if left is None else f", {left / 60:.1f} minutes left"))

        yield say
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, speed_estimate_period=600) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
