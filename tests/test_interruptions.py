"""Nothing is lost when a fit is killed: a kill of the command that the benchmark kills a hundred times."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def command(monkeypatch):
    before = set(sys.modules)
    monkeypatch.syspath_prepend(FOLDER)
    yield importlib.import_module("interruptions")
    for name in set(sys.modules) - before:
        if (FOLDER / f"{name}.py").exists():
            del sys.modules[name]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_killed_fits_lose_nothing_and_go_on_to_the_same_numbers(command, tmp_path):
    tally = command.run(1, tmp_path, report=False)
    assert (tally.kills, tally.faults) == (1, [])
    assert tally.finished >= 1


def test_the_stored_run_of_a_hundred_kills_lost_nothing_and_is_of_this_source(command):
    stored = json.loads((FOLDER / "results" / "interruptions.json").read_text(encoding="utf-8"))
    assert stored["kills"] >= 100
    assert stored["with_draws"] >= 30
    assert stored["faults"] == []
    assert stored["source"] == command.source_hash(), "what saves draws has changed: run benchmarks/interruptions.py"
    assert f"{stored['kills']} kills at random moments" in (FOLDER / "README.md").read_text(encoding="utf-8")
