"""Nothing is lost when a fit is killed: a few kills of the command that the benchmark kills a hundred times."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_killed_fits_lose_nothing_and_go_on_to_the_same_numbers(monkeypatch, tmp_path):
    before = set(sys.modules)
    monkeypatch.syspath_prepend(FOLDER)
    try:
        tally = importlib.import_module("interruptions").run(2, tmp_path, report=False)
    finally:
        for name in set(sys.modules) - before:
            if (FOLDER / f"{name}.py").exists():
                del sys.modules[name]
    assert (tally.kills, tally.faults) == (2, [])
    assert tally.finished >= 1
