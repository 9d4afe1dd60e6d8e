"""Long work ends when its time is over or when it was interrupted, in every thread."""

from __future__ import annotations

import importlib
import time

import pytest
from dissensus.inference.parallel import parallel_map
from dissensus.inference.pulse import Pulse

from dissensus import datasets, inference

from .builders import make_area, make_study


def test_it_says_what_it_is_told():
    said = []
    Pulse(said.append)("one")
    assert said == ["one"]


def test_time_that_is_over_ends_the_work_and_names_the_last_step():
    pulse = Pulse(max_seconds=0.05)
    pulse("fitting areas")
    time.sleep(0.1)
    with pytest.raises(TimeoutError, match=r"time limit was reached \(last: fitting areas\)"):
        pulse("drawing scores")
    with pytest.raises(TimeoutError):
        pulse.check()


def test_work_that_was_stopped_goes_no_further():
    said = []
    pulse = Pulse(said.append)
    pulse.stop()
    with pytest.raises(InterruptedError):
        pulse("more")
    assert said == []


def test_an_interrupt_is_not_kept_waiting_by_tasks_that_run():
    def task(seconds):
        if seconds == 0:
            raise KeyboardInterrupt
        time.sleep(seconds)

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        parallel_map(task, [0, 3, 3], cores=2)
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("method", ["auto", "nuts"])
def test_a_fit_ends_when_its_time_is_over(method):
    choices = datasets.simulate(make_study(make_area(*["x y"] * 4)), 80, seed=1)
    with pytest.raises(TimeoutError, match="time limit"):
        inference.fit(choices, seed=1, method=method, max_seconds=1e-3)


def test_threads_of_an_interrupted_fit_end_at_their_next_step(monkeypatch):
    module = importlib.import_module("dissensus.inference.fit")
    seen = []

    def interrupted(density, rng, *, report, **_):
        seen.append(report)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "fit_area", interrupted)
    with pytest.raises(KeyboardInterrupt):
        inference.fit(datasets.simulate(make_study(make_area(*["x y"] * 2)), 20, seed=1), seed=1)
    with pytest.raises(InterruptedError):
        seen[0]("still at work")
