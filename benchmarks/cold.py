"""Run a command as a new process and say how long it took, what memory it took, and how it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass


@dataclass(frozen=True)
class Run:
    """One finished or stopped process.

    Parameters
    ----------
    started, seconds
        When it started (seconds since the epoch), and its wall time from start to exit.
    cpu
        Processor time of all its cores, in seconds.
    peak_gb
        Largest resident memory of the process or of any process it waited for, in 10⁹ bytes.
    code
        Exit code; None when it was stopped at the limit.
    out, err
        What it wrote.
    """

    started: float
    seconds: float
    cpu: float
    peak_gb: float
    code: int | None
    out: str
    err: str

    @property
    def fault(self) -> str:
        """The line that says why it failed: the last that names an error, else the last."""
        lines = self.err.strip().splitlines() or [f"exit code {self.code}"]
        return next((line.strip() for line in reversed(lines) if "Error" in line), lines[-1].strip())


def run_cold(command: Sequence[str], *, limit: float, environment: Mapping[str, str] | None = None) -> Run:
    """Run a command, stopped with all its children after ``limit`` seconds."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started, clock = time.time(), time.perf_counter()
        process = subprocess.Popen(
            command, stdout=out, stderr=err, env={**os.environ, **(environment or {})}, start_new_session=True
        )
        stopped = threading.Event()

        def stop() -> None:
            stopped.set()
            with suppress(ProcessLookupError):  # it came to its end at this moment
                os.killpg(process.pid, signal.SIGKILL)

        timer = threading.Timer(limit, stop)
        timer.start()
        try:
            _, status, used = os.wait4(process.pid, 0)
        except KeyboardInterrupt:
            stop()
            raise
        finally:
            timer.cancel()
        seconds = time.perf_counter() - clock
        process.returncode = os.waitstatus_to_exitcode(status)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
    return Run(
        started=started,
        seconds=seconds,
        cpu=used.ru_utime + used.ru_stime,
        peak_gb=used.ru_maxrss * 1024 / 1e9,
        code=None if stopped.is_set() and process.returncode < 0 else process.returncode,
        out=texts[0],
        err=texts[1],
    )
