"""Work on both cores with the same numbers as on one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from threadpoolctl import threadpool_limits


def single_threaded_algebra() -> threadpool_limits:
    """Return a context in which numpy's linear algebra runs on one thread: the matrices here are small."""
    return threadpool_limits(1, user_api="blas")


def parallel_map[T, R](function: Callable[[T], R], items: Iterable[T], *, cores: int | None = None) -> list[R]:
    """Return ``function`` of every item, in order, on up to ``cores`` threads (default: all).

    The linear algebra of numpy runs on one thread per task, so results do not depend on the number of cores. An
    interrupt is not kept waiting by tasks that run: they go on until they end by themselves.
    """
    work = list(items)
    workers = min(cores or os.cpu_count() or 1, max(len(work), 1))
    with single_threaded_algebra():
        if workers == 1:
            return [function(item) for item in work]
        pool = ThreadPoolExecutor(workers)
        try:
            return list(pool.map(function, work))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
