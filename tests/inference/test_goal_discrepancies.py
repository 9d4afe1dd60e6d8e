"""Goals that go with skipping or with weights: mean 0 at the parameters, planted ones found, none otherwise."""

from __future__ import annotations

import numpy as np
import pytest
from dissensus.datasets.simulate import simulate
from dissensus.inference.calibrated import calibrated
from dissensus.inference.goal_discrepancies import goal_discrepancies
from dissensus.inference.parameters import constrain, draw_prior
from scipy import stats
from scipy.optimize import least_squares

from .builders import CASES, counts_of_agents, density_of
from .chance import assert_mean
from .predicted import FOUR, case_density, draws_of, with_counts
from .unspoilt import unspoilt

GOOD = {"a": {"goal_share": [0.4, 0.35, 0.25], "weight_mean": 0.6, "weight_concentration": 4.0}}
UNIFORM = {"a": {**GOOD["a"], "baseline": np.full(12, 1 / 3)}}


def _z(density, theta):
    return {d.sentence(1): calibrated(d.gap, d.variance) for d in goal_discrepancies(density, theta)}


@pytest.mark.parametrize("case", CASES)
def test_every_kind_of_area(case):
    density = case_density(case)
    theta = draw_prior(density.parameters, 6, np.random.default_rng(1))
    for found in goal_discrepancies(density, theta):
        assert np.isfinite(found.gap).all()
        assert found.variance > 0


def test_the_mean_is_0_at_the_true_parameters():
    """Over data sets of one parameter vector, with answers missing at random."""
    point = None
    gaps, ratios = [], []
    for seed in range(60):
        density = density_of(simulate(FOUR, 150, seed=seed, truth=UNIFORM, missing=0.3))
        if point is None:
            point = _point(density)
        found = goal_discrepancies(density, np.repeat(point, 2, axis=0))
        gaps.append([d.gap[0] for d in found])
        ratios.append([d.gap[0] / np.sqrt(d.variance) for d in found])
    assert np.shape(gaps) == (60, 6)
    assert_mean(np.array(gaps), 0.0)
    assert_mean(np.square(ratios), 1.0)


def _point(density):
    """Return the coordinates of GOOD with uniform baselines, found by least squares on what they stand for."""

    def gap(theta):
        values = constrain(density.parameters, theta[None], density.n_options)
        return np.concatenate(
            [
                values.share[0] - GOOD["a"]["goal_share"],
                [values.mean[0] - 0.6, np.log(values.concentration[0] / 4.0)],
                values.baseline_logits[0],
            ]
        )

    found = least_squares(gap, np.zeros(density.size), xtol=1e-14, ftol=1e-14, gtol=1e-14)
    assert found.cost < 1e-16
    return found.x[None]


@pytest.fixture(scope="module")
def plain():
    return simulate(FOUR, 1_000, seed=3, truth=GOOD)


def test_skipping_that_goes_with_a_goal_is_found(plain):
    rng = np.random.default_rng(1)
    few = (plain.truth.goals["a"] == "z").to_numpy()
    counts = counts_of_agents(plain.areas[0]).reshape(-1, 4, 3)
    skip = rng.random((len(counts), 4)) < np.where(few, 0.5, 0.1)[:, None]
    density = with_counts(plain, np.where(skip[..., None], 0, counts).reshape(-1, 12))
    found = _z(density, draws_of(density))
    z = {what: float(x.gap / x.error) for what, x in found.items() if "skip" in what}
    assert min(z, key=z.get) == "Agents who skip items hold the goal 'z' less often than others"
    assert min(z.values()) < -4


def test_skipping_at_random_is_not(plain):
    rng = np.random.default_rng(1)
    counts = counts_of_agents(plain.areas[0]).reshape(-1, 4, 3)
    skip = rng.random((len(counts), 4)) < rng.choice([0.05, 0.5], size=(len(counts), 1))
    density = with_counts(plain, np.where(skip[..., None], 0, counts).reshape(-1, 12))
    found = _z(density, draws_of(density))
    assert max(abs(x.gap / x.error) for x in found.values()) < 3


def test_without_gaps_nothing_is_said_on_skipping(plain):
    density = density_of(plain)
    assert {d.name for d in goal_discrepancies(density, draws_of(density, draws=50))} == {"weights-by-goal"}


def test_weights_that_differ_between_goals_are_found():
    """Those of one goal follow it firmly, the others hardly."""
    rng = np.random.default_rng(2)
    counts = []
    truth = {name: {"a": {**UNIFORM["a"], "weight_mean": m}} for name, m in (("firm", 0.85), ("loose", 0.45))}
    for name, goal in (("firm", [1, 0, 0]), ("loose", [0, 0.5, 0.5])):
        truth[name]["a"]["goal_share"] = goal
        choices = simulate(FOUR, 1_000, seed=int(rng.integers(100)), truth=truth[name])
        counts.append(counts_of_agents(choices.areas[0]))
    both = simulate(FOUR, 2_000, seed=1, truth=UNIFORM)
    density = with_counts(both, np.vstack(counts))
    found = _z(density, draws_of(density))
    x = found["Agents with the goal 'x' follow it more firmly than others do"]
    assert x.gap / x.error > 3


def test_a_goal_that_nobody_may_hold_is_left_out():
    truth = {"a": {**GOOD["a"], "goal_share": [0.6, 0.4, 0.0]}}
    density = density_of(simulate(FOUR, 300, seed=5, truth=truth))
    said = [d.sentence(1) for d in goal_discrepancies(density, draws_of(density))]
    assert not any("'z'" in what for what in said)


def test_false_alarms_are_as_rare_as_their_p_values_say():
    p = np.array([float(x.p) for density, theta in unspoilt() for x in _z(density, theta).values()])
    assert len(p) > 40
    assert (p < 0.05).sum() <= stats.binom.ppf(0.999, len(p), 0.05)
