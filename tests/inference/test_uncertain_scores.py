"""Scores under an uncertain conflict: each draw with its own, the same for both estimands, and nothing else changed."""

from __future__ import annotations

import functools
import json
from dataclasses import replace

import numpy as np
import pytest
from dissensus.datasets.study import Study
from dissensus.inference.conflict_sensitivity import derivatives
from dissensus.inference.drawn_again import draws_of
from dissensus.inference.observed import observed_conflict
from dissensus.inference.uncertain_scores import conflict_draws, observed_with_conflict
from scipy.stats import kstest

from dissensus import datasets, forward_model, inference

from .agents_drawn import agents_at
from .builders import make_area, make_study

UNCERTAIN = {
    "tax": {"x|y": [0.2, 0.6], "x|z": "beta(2, 5)", "y|z": 0.8},
    "trade": {"experts": [{"x|y": 0.2, "x|z": 1.0, "y|z": 0.5}, {"x|y": 0.9, "x|z": 0.4, "y|z": 0.5}, 0.5]},
    "speech": 1.0,
}
MEAN = {
    "tax": {"x|y": 0.4, "x|z": 2 / 7, "y|z": 0.8},
    "trade": {"x|y": 1.6 / 3, "x|z": 1.9 / 3, "y|z": 0.5},
    "speech": 1.0,
}
SCORES = ("contention", "misalignment", "relative_misalignment")


def _study(conflicts):
    items = ("x y z", "y z x", "xy z -")
    return make_study(
        make_area(*items, name="tax", conflict=conflicts["tax"], repeated=True),
        make_area(*items, name="trade", conflict=conflicts["trade"]),
        make_area("x y", "y x", "x -", name="speech", conflict=conflicts["speech"]),
    )


@functools.cache
def _fits():
    """Return the choices, and the fits with and without uncertainty, from the same answers and seed."""
    groups = {"left": 0.5, "right": 0.5}
    made = []
    for conflicts in (UNCERTAIN, MEAN):
        answers = datasets.simulate(_study(conflicts), 60, seed=4, groups=groups, missing=0.1, answers_per_item=3)
        made.append((answers, inference.fit(answers, seed=5)))
    assert made[0][0].data_hash == made[1][0].data_hash
    return made


def test_all_but_the_scores_is_as_under_the_mean_conflict():
    """The draws of the posterior, the states and every check do not depend on what is drawn of the conflict."""
    (_, uncertain), (_, mean) = _fits()
    np.testing.assert_array_equal(
        uncertain["unconstrained_posterior"]["theta"], mean["unconstrained_posterior"]["theta"]
    )
    np.testing.assert_array_equal(uncertain["agents"]["goal_probability"], mean["agents"]["goal_probability"])
    for name in ("contention", "observed_conflict"):
        np.testing.assert_array_equal(
            uncertain["scores"][name].sel(area="speech"), mean["scores"][name].sel(area="speech")
        )
    own, other = (inference.check(fit).set_index(["name", "area"])["state"] for fit in (uncertain, mean))
    graded = own.index.get_level_values("name") == "conflict-entries"
    assert own[~graded].equals(other[other.index.get_level_values("name") != "conflict-entries"])


def test_the_conflict_of_a_draw_is_that_of_both_estimands_and_of_the_agents_drawn():
    """The forward model on the agents of a draw, under the conflict of that draw."""
    choices, fit = _fits()[0]
    conflicts = conflict_draws(choices.study, draws=1_000, seed=5)
    draws = np.array([0, 17, 433, 999])
    drawn = inference.scores(fit)
    population = inference.scores(fit, estimand="population")
    kept = np.linspace(0, 1_999, 1_000).round().astype(int)
    share = fit["posterior"]["group_goal_share"].values[0][kept]
    phi = np.asarray(json.loads(fit.attrs["group_shares"]))
    pooled = np.einsum("h,dhg->dg", phi, share[:, :, :3])
    for at, (goals, weights) in zip(draws, agents_at(choices, fit, draws), strict=True):
        for p, name in enumerate(("tax", "trade")):
            area = forward_model.ProblemArea(name, ["x", "y", "z"], conflicts[p][at])
            brute = forward_model.score(goals[[name]], weights[[name]], area)
            for score in SCORES:
                own = float(drawn[score].sel(area=name).values[0, at])
                assert own == pytest.approx(float(brute[score].values[0]), abs=1e-12)
        expected = pooled[at] @ conflicts[0][at] @ pooled[at]
        assert float(population["contention"].sel(area="tax").values[0, at]) == pytest.approx(expected, abs=1e-12)


def test_means_are_those_under_the_mean_conflict_and_intervals_are_wider():
    (_, uncertain), (_, mean) = _fits()
    for estimand in ("sample", "population"):
        own, plain = (inference.scores(fit, estimand=estimand) for fit in (uncertain, mean))
        for area in ("tax", "trade"):
            for score in SCORES:
                a, b = (x[score].sel(area=area).values.ravel() for x in (own, plain))
                assert abs(a.mean() - b.mean()) < 4 * np.std(a - b) / np.sqrt(a.size)
    # the variance is that under the mean conflict, and the mean over draws of the variance between the experts
    slope = derivatives(draws_of(uncertain)[1], "sample").contention
    experts = np.array([[0.2, 1.0, 0.5], [0.9, 0.4, 0.5], [0.5, 0.5, 0.5]])
    between = (slope @ experts.T).var(axis=1).mean()
    a, b = (inference.scores(fit)["contention"].sel(area="trade").values for fit in (uncertain, mean))
    assert a.var() == pytest.approx(b.var() + between, rel=0.15)
    assert between > 0.2 * b.var()
    notes = " ".join(json.loads(uncertain.attrs["notes"]))
    assert "tax: The conflict is uncertain (ranges, Beta distributions)" in notes
    assert "trade: The conflict is uncertain (one of 3 experts)" in notes
    assert "uncertain" not in " ".join(json.loads(mean.attrs["notes"]))


def test_observed_conflict_has_the_conflict_of_each_draw():
    """Each replicate against the resample of the same seed under the conflict of its draw alone."""
    choices, fit = _fits()[0]
    conflicts = conflict_draws(choices.study, draws=40, seed=8)
    found = observed_with_conflict(choices, conflicts, replicates=40, rng=np.random.default_rng(3))
    for d in (0, 11, 39):
        areas = tuple(
            area if conflict is None else replace(area, conflict=conflict[d])
            for area, conflict in zip(choices.areas, conflicts, strict=True)
        )
        alone = observed_conflict(replace(choices, areas=areas), replicates=40, seed=3)
        np.testing.assert_allclose(found.replicates[d], alone.replicates[d], atol=1e-12)
        np.testing.assert_allclose(found.group_replicates[d], alone.group_replicates[d], atol=1e-12)
    plain = observed_conflict(choices, replicates=40, seed=3)
    np.testing.assert_array_equal(found.estimate, plain.estimate)
    np.testing.assert_array_equal(found.replicates[:, 2], plain.replicates[:, 2])
    stored = fit["constant_data"]["observed_conflict"].sel(estimand="sample").values
    np.testing.assert_allclose(stored, plain.estimate, atol=1e-12)


def test_draws_are_symmetric_and_of_the_distributions_written():
    study = _study(UNCERTAIN)
    tax, trade, speech = conflict_draws(study, draws=4_000, seed=1)
    assert speech is None
    for drawn in (tax, trade):
        np.testing.assert_array_equal(drawn, drawn.swapaxes(1, 2))
        assert (np.diagonal(drawn, axis1=1, axis2=2) == 0).all()
        assert ((drawn >= 0) & (drawn <= 1)).all()
    assert kstest(tax[:, 0, 1], "uniform", (0.2, 0.4)).pvalue > 1e-3
    assert kstest(tax[:, 0, 2], "beta", (2, 5)).pvalue > 1e-3
    assert (tax[:, 1, 2] == 0.8).all()
    kinds, number = np.unique(trade.reshape(len(trade), -1), axis=0, return_counts=True)
    assert len(kinds) == 3
    assert (np.abs(number / 4_000 - 1 / 3) < 4 * np.sqrt(2 / 9 / 4_000)).all()
    np.testing.assert_allclose(tax.mean(axis=0), study.area("tax").conflict_matrix, atol=0.02)
    np.testing.assert_allclose(trade.mean(axis=0), study.area("trade").conflict_matrix, atol=0.02)


def test_an_expert_is_the_same_person_in_every_area_and_one_entry_is_one_draw_for_all_pairs():
    experts = {"experts": [0.0, 1.0]}
    study = make_study(
        make_area("x y z", name="a", conflict=experts),
        make_area("x y z", name="b", conflict=experts),
        make_area("x y z", name="c", conflict=[0.3, 0.9]),
    )
    a, b, c = conflict_draws(study, draws=300, seed=2)
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(c[:, 0, 1], c[:, 1, 2])
    again = conflict_draws(study, draws=300, seed=2)
    np.testing.assert_array_equal(again[2], c)
    assert not np.array_equal(conflict_draws(study, draws=300, seed=3)[2], c)


def test_changes_start_from_the_conflict_of_each_draw():
    _, fit = _fits()[0]
    same = inference.what_if(fit)
    for estimand in ("sample", "population"):
        stored = inference.scores(fit, estimand=estimand)
        for score in SCORES:
            found = same[score].sel(estimand=estimand, scenario="as fitted")
            np.testing.assert_allclose(found, stored[score], atol=1e-12)
    certain = inference.what_if(fit, conflict={"tax": {"x|y": 0.4, "x|z": 0.3}}).sel(area="tax", estimand="sample")
    before, after = (certain["contention"].sel(scenario=name) for name in ("as fitted", "what if"))
    assert float(after.std()) < float(before.std())
    parts = inference.contributions(fit, of="goal_pair", score="contention", area="trade", allow_unreliable=True)
    whole = float(inference.scores(fit)["contention"].sel(area="trade").mean())
    assert parts["mean"].sum() == pytest.approx(whole, abs=1e-12)
    agents = inference.contributions(fit, of="agent", score="contention", area="trade", allow_unreliable=True)
    assert agents["mean"].sum() == pytest.approx(whole, abs=1e-12)
    split = inference.within_between(fit, score="contention", area="trade", allow_unreliable=True).set_index("pairs")
    assert split.loc["all", "mean"] == pytest.approx(whole, abs=1e-12)


def test_a_result_keeps_what_was_written(tmp_path):
    choices, fit = _fits()[0]
    inference.save(fit, tmp_path / "result.nc")
    loaded = inference.load(tmp_path / "result.nc")
    study = Study.from_dict(json.loads(loaded.attrs["study"]))
    assert study == choices.study
    np.testing.assert_array_equal(
        inference.what_if(loaded)["contention"].sel(scenario="as fitted", estimand="sample"),
        inference.scores(loaded)["contention"],
    )
