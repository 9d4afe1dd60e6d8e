"""The committed calibration: made by this very source, inside its bands, and the same again when run again."""

from __future__ import annotations

import functools
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

FOLDER = Path(__file__).parents[1] / "benchmarks" / "calibration"
RULES = ("follow", "luce")
NAMES = [
    f"{estimand} {score}"
    for estimand in ("sample", "population")
    for score in ("contention", "misalignment", "relative_misalignment")
]
SLICE = range(6)
"""Data sets that are simulated, fitted and ranked again."""


@functools.cache
def _command():
    spec = importlib.util.spec_from_file_location("calibration_simulated", FOLDER / "simulated.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@functools.cache
def _stored():
    return json.loads((FOLDER / "simulated.json").read_text(encoding="utf-8"))


def test_the_results_were_made_by_this_source():
    """After a change of the model or of the fitting, the command is run again."""
    assert _stored()["source"] == _command().source_hash()


@pytest.mark.parametrize("rule", RULES)
def test_both_rules_have_enough_data_sets_and_no_lost_fits(rule):
    summary = _stored()["rules"][rule]
    assert summary["sets"] >= 200
    assert summary["lost"] <= 0.02 * summary["sets"]
    assert list(summary["scores"]) == NAMES
    for cell in summary["scores"].values():
        assert len(cell["ranks"]) == summary["sets"]
        assert 0 <= min(cell["ranks"]) and max(cell["ranks"]) <= _command().RANKED_DRAWS


@pytest.mark.parametrize("rule", RULES)
def test_scores_are_calibrated(rule):
    """Intervals cover what they say, and ranks are uniform, for both estimands of all three scores."""
    assert _command().gate(_stored()["rules"][rule]) == []


@pytest.mark.parametrize("rule", RULES)
def test_the_summary_is_that_of_the_ranks(rule):
    module, summary = _command(), _stored()["rules"][rule]
    for cell in summary["scores"].values():
        ranks = np.array(cell["ranks"])
        centred = np.abs(ranks / module.RANKED_DRAWS - 0.5)
        near = 1.5 / module.RANKED_DRAWS
        for probability, key in ((0.5, "cover50"), (0.9, "cover90")):
            least, most = (np.mean(centred <= probability / 2 + side * near) for side in (-1, 1))
            assert least <= cell[key] <= most


@pytest.mark.parametrize("rule", RULES)
def test_a_slice_run_again_gives_the_same_ranks(rule):
    module, stored = _command(), _stored()
    for number in SLICE:
        again = module.one(rule, number, stored["agents"])
        for name in NAMES:
            was = stored["rules"][rule]["scores"][name]["ranks"][number]
            assert abs(again[name][0] - was) <= 5, f"{rule}, data set {number}, {name}: {again[name][0]}, not {was}"


def _summary(position):
    """Return the summary of data sets whose truths lie at given positions among their draws, 0 to 1."""
    module = _command()
    results = [
        {
            "rule": "follow",
            "lost": False,
            "method": "importance",
            "adapted": 0,
            "sample contention": [
                min(int(p * (module.RANKED_DRAWS + 1)), module.RANKED_DRAWS),
                bool(abs(p - 0.5) <= 0.25),
                bool(abs(p - 0.5) <= 0.45),
            ],
        }
        for p in position
    ]
    return module.summarise(results)


@pytest.mark.parametrize(
    ("fault", "position"),
    [
        ("intervals too narrow", lambda z: stats.norm.cdf(z / 0.7)),
        ("intervals too wide", lambda z: stats.norm.cdf(z / 1.6)),
        ("scores too high", lambda z: stats.norm.cdf(z - 0.5)),
        ("scores too low", lambda z: stats.norm.cdf(z + 0.5)),
        ("turned round", lambda z: stats.norm.cdf(np.abs(z))),
    ],
)
def test_the_gate_finds_planted_faults(fault, position):
    for seed in range(3):
        z = np.random.default_rng(seed).standard_normal(200)
        assert _command().gate(_summary(position(z))), fault


def test_the_gate_lets_exact_posteriors_pass():
    """All but a few of them: three tests at 1 % each."""
    passed = [not _command().gate(_summary(np.random.default_rng(seed).random(200))) for seed in range(40)]
    assert np.mean(passed) > 0.85
