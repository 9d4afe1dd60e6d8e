"""Figures that others published come out of this package; the whole table is printed by benchmarks/published.py."""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
FIGURES = tomllib.loads((FOLDER / "published.toml").read_text(encoding="utf-8"))
SLOW = ("carcinoma_4_classes", "ces11", "election", "polis")


@pytest.fixture(scope="module")
def published():
    """The command, whose folder is on the path only while it is imported."""
    before, path = set(sys.modules), list(sys.path)
    sys.path.insert(0, str(FOLDER))
    import published

    sys.path[:] = path
    yield published
    for name in set(sys.modules) - before:
        if (FOLDER / f"{name}.py").exists():
            del sys.modules[name]


@pytest.fixture(scope="module")
def home():
    if "DISSENSUS_DATA" not in os.environ:
        pytest.skip("DISSENSUS_DATA is not set: the tables of other people's data are not there")
    return Path(os.environ["DISSENSUS_DATA"])


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in FIGURES])
def test_ours_are_the_published_figures(published, home, name):
    rows = published.rows_of(name, home)
    assert len(rows) == sum(len(block["figures"]) for block in FIGURES[name])
    assert [row for row in rows if not row.passes] == []


def test_there_is_a_way_to_compute_each(published):
    assert set(FIGURES) == set(published.OURS)


def test_a_figure_that_is_off_fails_the_command(published, home, monkeypatch, capsys):
    ours = {"people": 752.0, "situations": 6_768.0, "log likelihood": -5331.27}
    monkeypatch.setitem(published.OURS, "swissmetro", ("swissmetro", lambda _: ours))
    monkeypatch.setitem(published.OURS, "values", ("no such folder", lambda _: {}))
    assert published.main(["--only", "swissmetro", "values"]) == 1
    printed = capsys.readouterr().out
    assert "FAIL: swissmetro, log likelihood: published -5331.25, ours -5331.27" in printed
    assert "ours None" in printed
    assert "Skipped: values" in printed
    assert "2 of 10 figures agree" in printed


def test_without_a_figure_nothing_is_shown_to_agree(published, home, monkeypatch, capsys):
    monkeypatch.setitem(published.OURS, "values", ("no such folder", lambda _: {}))
    assert published.main(["--only", "values"]) == 1


def test_sets_of_different_sizes(published, home):
    """All 4,324 travellers: two, three or four modes are shown, and as many choose each as the source says."""
    import published_ours as ours

    choices = ours.situations(
        ours.text(home / "mode_canada" / "ModeCanada.csv.gz"),
        {"layout": "alternatives", "situation": "case"},
        ["train", "air", "bus", "car"],
        column="choice",
        alternative="alt",
        features={"cost": {"column": "cost"}},
    )
    assert choices.n_agents == 4_324
    np.testing.assert_array_equal(choices.areas[0].chosen, [623, 1_472, 16, 2_213])
    sizes = (choices.areas[0].stages[0].shown >= 0).sum(axis=1)
    assert set(sizes) == {2, 3, 4}
