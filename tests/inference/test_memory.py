"""Memory is estimated before a fit, and a fit that would not find it is refused."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
from dissensus.inference.memory import estimate_memory, free_memory, release_memory, require_memory

from dissensus import datasets, inference
from dissensus.errors import InputError

from .builders import density_of, make_area, make_study

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def _choices(n=50):
    return datasets.simulate(make_study(make_area(*["x y"] * 4)), n, seed=1)


@pytest.mark.parametrize(("less", "more"), [((50, 1_000), (5_000, 1_000)), ((5_000, 1_000), (5_000, 4_000))])
def test_more_agents_and_more_draws_need_more(less, more):
    def needed(agents, draws):
        choices = _choices(agents)
        return estimate_memory(choices, [density_of(choices)], draws=draws, stored=10**9, cores=2)

    assert needed(*less) < needed(*more)


def test_a_fit_that_would_not_find_its_memory_is_refused_before_it_begins():
    said = []
    words = r"would take about 0\.\d GB of memory, more than 0\.0 GB.*max_memory"
    with pytest.raises(InputError, match=words) as caught:
        inference.fit(_choices(), seed=1, max_memory=1e6, progress=said.append)
    assert (caught.value.code, said) == ("memory", [])


def test_the_limit_is_seventy_percent_of_what_is_free(monkeypatch):
    monkeypatch.setattr("dissensus.inference.memory.free_memory", lambda: 1_000)
    require_memory(700)
    with pytest.raises(InputError):
        require_memory(701)


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from Linux")
@pytest.mark.parametrize(("agents", "areas", "items"), [(300, 1, 3), (6_000, 2, 4)])
def test_the_estimate_is_within_a_quarter_of_the_peak(agents, areas, items, monkeypatch):
    """Of a process of its own, which fits and saves; benchmarks/memory.py has more sizes."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(BENCHMARKS)
    try:
        run = importlib.import_module("memory").measured(agents, areas, items=items)
    finally:
        for name in set(sys.modules) - before:
            if (BENCHMARKS / f"{name}.py").exists():
                del sys.modules[name]
    assert run["estimate"] == pytest.approx(run["peak"], rel=0.25)
    assert run["peak"] > run["held"] + 2e7


def test_memory_is_given_back_where_the_library_can(monkeypatch):
    release_memory()
    monkeypatch.setattr("dissensus.inference.memory.ctypes.CDLL", lambda _: object())
    release_memory()


def test_free_memory_is_that_of_the_machine():
    assert 10**7 < free_memory() < 10**14
