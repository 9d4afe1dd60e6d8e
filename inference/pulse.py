"""What long work calls between its steps: to say how far it is, and to learn that it should end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Pulse:
    """Says what is being done, and ends the work when its time is over or when it was interrupted.

    Parameters
    ----------
    say
        Called with each sentence.
    max_seconds
        Time from now after which the work ends; None for no limit.
    """

    def __init__(self, say: Callable[[str], None] | None = None, max_seconds: float | None = None) -> None:
        self._say = say or (lambda _: None)
        self._end = None if max_seconds is None else time.monotonic() + max_seconds
        self._stopped = threading.Event()
        self._last = "starting"

    def __call__(self, text: str) -> None:
        """Say what is done now, unless the work should end.

        Raises
        ------
        TimeoutError
            If the time is over.
        InterruptedError
            If :meth:`stop` was called, in the threads that still work.
        """
        self.check()
        self._last = text
        self._say(text)

    def check(self) -> None:
        """Raise as a call does, without a word."""
        if self._stopped.is_set():
            raise InterruptedError("the work was ended")
        if self._end is not None and time.monotonic() > self._end:
            raise TimeoutError(f"The time limit was reached (last: {self._last}).")

    def stop(self) -> None:
        """End the work in all threads at their next step."""
        self._stopped.set()
