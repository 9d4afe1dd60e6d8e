"""Rankings of options that differ, through fit, checks and the result file."""

from __future__ import annotations

import numpy as np
import pandas as pd
from dissensus.inference import ranking_checks
from dissensus.inference.calibration_truth import true_theta

from dissensus import datasets, inference

from .builders import density_of

AREA = {
    "goals": ["x", "y"],
    "conflict": 1.0,
    "items": {
        "r": {"kind": "ranking", "serves": {"A": "x", "B": "y", "C": [], "D": "y", "E": "x"}, "offered": "ranked"}
    },
}
TRUTH = {"goal_share": [0.7, 0.3], "weight_mean": 0.8, "weight_concentration": 6.0}
LEAN = [0.35, 0.3, 0.2, 0.1, 0.05]


def _shown(n, size, seed):
    """Return agents who rank ``size`` of the five options, which ones by chance."""
    rng = np.random.default_rng(seed)
    rows = [">".join(rng.permutation(list("ABCDE"))[:size]) for _ in range(n)]
    study = datasets.Study.from_dict({"table": {"agent": "id"}, "areas": {"a": AREA}})
    return datasets.read_table(pd.DataFrame({"id": np.arange(n).astype(str), "r": rows}), study)


def _simulated(n, seed, size=4):
    asked = _shown(n, size, seed)
    return datasets.simulate(asked.study, n, seed=seed, situations=asked, truth={"a": {**TRUTH, "baseline": LEAN}})


def test_places_expected_given_what_was_left_are_those_of_simulated_ballots():
    """Mean and variance of the difference at the true parameters, first places included: 0, and the martingale's."""
    gaps = []
    for seed in range(150):
        choices = _simulated(40, seed)
        density = density_of(choices)
        stages, table = density.area.stages[0], density.table.stages[0]
        steps = ranking_checks._steps(stages, len(density.area.counts), 5, any_place=True)
        point = true_theta(density, choices)[None]
        found = ranking_checks._moments(density, stages, table, point, np.arange(5), steps)
        agents = density.area.n_agents_of_pattern
        picked = stages.shown[np.arange(len(stages.chosen)), stages.chosen][stages.stage]
        seen = np.bincount(picked, stages.times * agents[stages.pattern], 5)
        gaps.append((seen - found[0]) / np.sqrt(found[1]))
    gaps = np.array(gaps)
    assert (np.abs(gaps.mean(axis=0)) < 4 / np.sqrt(150)).all()
    assert (np.abs(gaps.std(axis=0) - 1) < 4 / np.sqrt(300)).all()


def test_the_truth_is_found_and_the_result_comes_back(tmp_path):
    """Shares and baseline of 800 agents who each rank three of five; the stored result holds their ballots."""
    choices = _simulated(800, 3, size=3)
    fit = inference.fit(choices, seed=1, draws=600)
    posterior = fit["posterior"].to_dataset()
    share = posterior["goal_share"].values.reshape(-1, 2)[:, 0]
    assert abs(share.mean() - 0.7) < 4 * share.std()
    assert share.std() < 0.1
    baseline = posterior["baseline"].values.reshape(-1, 5)
    assert (np.abs(baseline.mean(axis=0) - LEAN) < 4 * baseline.std(axis=0)).all()
    (check,) = [c for c in inference.check(fit).itertuples() if c.name == "later-places"]
    assert check.state == "ok"
    inference.save(fit, tmp_path / "r.nc")
    again = inference.load(tmp_path / "r.nc")
    pd.testing.assert_frame_equal(inference.summarize(fit), inference.summarize(again))
    reasons = inference.summarize(fit).query("score == 'observed_conflict'")["reasons"].iloc[0]
    assert "different sets" in str(reasons)
