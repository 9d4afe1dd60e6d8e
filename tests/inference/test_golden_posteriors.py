"""``fit`` gives the stored reference posteriors, which another sampler drew from PyMC's graph of the model."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
from pathlib import Path

import numpy as np
import pytest
from dissensus.inference.result import attribute

from dissensus import inference

ROOT = Path(__file__).parents[2]
STORED = json.loads((ROOT / "tests" / "reference" / "posteriors.json").read_text(encoding="utf-8"))
REAL = ("gss_spending", "house_votes_84")


@functools.cache
def _command():
    spec = importlib.util.spec_from_file_location("golden_posteriors", ROOT / "benchmarks" / "golden_posteriors.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_are_enough_pairs_and_each_was_sampled_well():
    assert set(STORED["pairs"]) <= set(_command().PAIRS)
    assert len(STORED["pairs"]) >= 7
    for pair in STORED["pairs"].values():
        rows = pair["quantities"].values()
        assert min(row["ess"] for row in rows) >= 0.5 * STORED["draws"]
        assert max(row["rhat"] for row in rows) <= 1.01
        assert pair["divergences"] <= 1e-3 * STORED["draws"]


def _found(choices):
    """Return mean, sd and effective draws of every quantity as ``fit`` draws it."""
    fit = inference.fit(choices, seed=11, draws=4_000)
    posterior = fit["posterior"].to_dataset()
    drawn = _command().quantities(choices, posterior)
    said = attribute(fit, "diagnostics")
    # Both the fewest of any quantity and those of each score, never above the draws that were kept.
    effective = {
        name: min(own["effective"], *own.get("effective_scores", {}).values(), posterior["draw"].size)
        for name, own in said.items()
    }
    result = {}
    for name, values in drawn.items():
        area = next(a.name for a in choices.areas if name.partition(" ")[2].startswith(a.name))
        result[name] = (values.mean(), values.std(ddof=1), effective[area])
    return result


@pytest.mark.parametrize("name", STORED["pairs"])
def test_fit_agrees_with_the_reference(name):
    """Every score, goal share and mean weight: means within 4 combined Monte Carlo errors, spreads within theirs."""
    if name.startswith(REAL) and "DISSENSUS_DATA" not in os.environ:
        pytest.skip("DISSENSUS_DATA is not set")
    pair, choices = STORED["pairs"][name], _command().PAIRS[name]()
    assert choices.data_hash == pair["data_hash"]
    found = _found(choices)
    assert {quantity.partition(" ")[0] for quantity in pair["quantities"]} >= {"contention", "misalignment", "share"}
    for quantity, row in pair["quantities"].items():
        mean, sd, effective = found[quantity]
        error = np.hypot(row["sd"] / np.sqrt(row["ess"]), sd / np.sqrt(effective))
        assert abs(mean - row["mean"]) <= 4 * error, f"{quantity}: mean {mean:.4f}, reference {row['mean']:.4f}"
        room = max(0.05, 4 * np.sqrt(1 / (2 * row["ess"]) + 1 / (2 * effective)))
        assert abs(sd / row["sd"] - 1) <= room, f"{quantity}: sd {sd:.4f}, reference {row['sd']:.4f}"
