"""Data sets of a calibration on all cores, the same whatever their number."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

from ..errors import Fault, InputError
from .calibration_design import Design
from .calibration_ranks import SetResult, run_set


def run_sets(design: Design, seed: int, numbers: Sequence[int], cores: int | None) -> Generator[SetResult]:
    """Yield the results of data sets as they are finished, in any order.

    Processes are started afresh (no fork: threads of the caller would not survive one), import once, and take one data
    set after another. They are ended when the caller stops, and leave an interrupt to the caller.
    """
    workers = min(cores or os.cpu_count() or 1, len(numbers))
    if workers <= 1:
        for number in numbers:
            yield run_set(design, seed, number)
        return
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_begin)
    try:
        jobs = [pool.submit(run_set, design, seed, number) for number in numbers]
        for job in as_completed(jobs):
            yield job.result()
        pool.shutdown()
    except BrokenProcessPool:
        message = "A process that worked on a data set ended unexpectedly, perhaps for want of memory."
        remedy = (
            'Try fewer cores; with a folder, finished data sets are kept. In a script, call it under "if __name__ == '
            "'__main__':\"."
        )
        raise InputError(Fault(code="process-died", message=message, remedy=remedy)) from None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()


def _begin() -> None:
    """Leave an interrupt of the terminal to the process that started this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
