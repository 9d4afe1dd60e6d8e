"""Self-selected answers: nearer to what everybody would answer than the naive figure; scores under other odds."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from dissensus.inference.area_fit import fit_area
from dissensus.inference.area_scores import population_scores, prior_shares
from dissensus.inference.calibration_truth import true_log_likelihood, true_theta
from dissensus.inference.density import log_density
from dissensus.inference.misfit import misfit_checks
from dissensus.inference.parameters import log_prior
from dissensus.inference.predictive_checks import predictive_checks
from dissensus.inference.self_selection import answers_of_population, other_odds

from dissensus import datasets, inference

from .builders import density_of, make_area, make_choices, make_study, with_selection

TRUTH = {"goal_share": [0.65, 0.35], "weight_mean": 0.35, "weight_concentration": 3.0, "recording_odds": [4.0]}
TRUTH["baseline"] = [0.5, 0.5, 0.6, 0.4] * 2


def _studies(rule):
    """Return studies of two genres: picked and shown at random, picked with a range of odds, picked and taken as is."""
    area = make_area("x y", "y x", rule=rule, repeated=True)
    return (
        make_study(with_selection(area, "a0", "a1", _0=(0.2, 15.0))),
        make_study(with_selection(area, _0=(2.0, 8.0))),
        make_study(area),
    )


@functools.cache
def _worlds(rule, seed, n=400, times=8):
    """Return the same ratings under the three studies, and the truth of the simulated world."""
    every, stated, naive = _studies(rule)
    truth = TRUTH | {"baseline": [0.5, 0.5, 0.4, 0.6] * 2} if rule == "luce" else TRUTH
    choices = datasets.simulate(every, n, seed=seed, truth={"a": truth}, answers_per_item=times)
    area = choices.areas[0]
    counts = area.counts[area.pattern_of_agent]
    picked = {"a0": counts[:, :2], "a1": counts[:, 2:4]}
    return choices, make_choices(stated, picked), make_choices(naive, picked)


@functools.cache
def _draws(rule, seed, which):
    density = density_of(_worlds(rule, seed)[which])
    return density, fit_area(density, np.random.default_rng(1), method="laplace", draws=600).flat


@pytest.mark.parametrize(("rule", "seed"), [("follow", 1), ("follow", 2), ("luce", 1)])
def test_nearer_to_what_was_shown_at_random_than_the_naive_figure(rule, seed):
    """A range of odds brings the shares nearer, and its interval holds the random part; learned odds hit them."""
    area = _worlds(rule, seed)[0].areas[0]
    total = area.n_agents_of_pattern @ area.counts
    picked, at_random = (total[k : k + 4 : 2] / [total[k : k + 2].sum(), total[k + 2 : k + 4].sum()] for k in (0, 4))
    naive = np.abs(picked - at_random)
    for which, most in ((0, 0.15), (1, 0.7)):
        density, theta = _draws(rule, seed, which)
        found = answers_of_population(density, theta, prior_shares(density))[:, ::2]
        assert (np.abs(found.mean(axis=0) - at_random) < most * naive).all()
        low, high = np.quantile(found, [0.005, 0.995], axis=0)
        assert ((low - 0.02 < at_random) & (at_random < high + 0.02)).all()
        if which == 0:
            odds = np.exp(theta[:, density.parameters.slices["odds"]])
            assert abs(odds.mean() - 4.0) < 4 * odds.std()
            assert odds.std() < 0.5


def test_scores_are_those_of_the_truth_where_odds_are_learned_and_not_where_they_are_left_out():
    """Under follow selected answers look as if weights were smaller: misalignment too low, with no doubt."""
    true = (0.65 * 0.35 * 2) * _mean_root(0.35, 3.0) ** 2
    bounds = []
    for which in range(3):
        density, theta = _draws("follow", 1, which)
        bounds.append(np.quantile(population_scores(density, theta).overall.misalignment, [0.01, 0.99]))
    assert bounds[0][0] < true < bounds[0][1]
    assert bounds[1][0] < true < bounds[1][1]
    assert bounds[2][1] < true
    assert np.ptp(bounds[1]) > np.ptp(bounds[0])


def _mean_root(m, kappa):
    w = np.random.default_rng(1).beta(1 + m * kappa, 1 + (1 - m) * kappa, 1_000_000)
    return np.sqrt(w).mean()


@pytest.mark.parametrize("structure", [{}, {"several": True, "parts": 3}, {"rule": "luce", "no_goal": True}])
def test_density_is_that_of_the_simulator(structure):
    """The likelihood of the true parameters by the formulas of the simulator, several goals of an agent included."""
    area = make_area("x y -", "y x -", repeated=True, **structure)
    study = make_study(with_selection(area, "a0", _0=(0.5, 6.0), _1=2.0))
    choices = datasets.simulate(study, 30, seed=4)
    density = density_of(choices)
    theta = true_theta(density, choices)[None]
    likelihood = log_density(density, theta)[0] - log_prior(density.parameters, theta)[0]
    assert likelihood == pytest.approx(true_log_likelihood(density, choices, study), abs=1e-10)


def test_under_luce_odds_are_a_part_of_the_baseline():
    """Other odds and a baseline moved by as much are one model: nothing but their priors tells them apart."""
    density = density_of(_worlds("luce", 1)[1])
    at = density.parameters.slices
    theta = np.random.default_rng(2).normal(size=density.size)
    moved = theta.copy()
    moved[at["odds"]] += 0.8
    shift = np.array([-0.4, 0.4, -0.4, 0.4])  # of the logits of options 0 and 1 of both items
    moved[at["baseline"]] += np.linalg.pinv(density.parameters.baseline_basis) @ shift
    one, two = (log_density(density, t[None])[0] - log_prior(density.parameters, t[None])[0] for t in (theta, moved))
    assert one == pytest.approx(two, abs=1e-8)


@functools.cache
def _fits():
    return [inference.fit(one, seed=1, method="laplace", draws=400) for one in _worlds("follow", 1, 150, 4)[:2]]


@pytest.fixture
def fits():
    """Return fits where odds are learned, and where only a range is stated."""
    return _fits()


class TestResult:
    def test_notes_say_what_tells_the_odds(self, fits):
        learned, stated = (" ".join(inference.result.attribute(fit, "notes")) for fit in fits)
        assert "shown at random tell these odds" in learned
        assert "Nothing else in these answers tells the odds but the study" in stated
        assert "--conventions" in stated

    def test_how_everybody_would_have_answered(self, fits):
        table = inference.if_everybody_answered(fits[0])
        assert table["item"].tolist() == ["a0", "a0", "a1", "a1"]
        np.testing.assert_allclose(table["mean"], table["at_random"], atol=0.05)
        np.testing.assert_allclose(table.groupby("item")["mean"].sum(), 1.0)
        assert (table["recorded"] - table["at_random"]).abs().min() > 0.1
        assert inference.if_everybody_answered(fits[1])["at_random"].isna().all()

    def test_every_score_under_other_odds(self, fits):
        rows = [inference.conventions(fit).query("convention == 'odds of recording'") for fit in fits]
        assert rows[0]["value"].unique().tolist() == ["all recorded alike"]
        assert rows[1]["value"].unique().tolist() == [
            "all recorded alike",
            "low end of the range",
            "high end of the range",
        ]
        assert rows[1]["how"].eq("fitted again").all()
        moved = rows[1].query("score == 'misalignment'").set_index("value")["shift"]
        assert moved["all recorded alike"] < moved["low end of the range"] < moved["high end of the range"]

    def test_odds_are_in_the_posterior_and_survive_the_file(self, fits, tmp_path):
        inference.save(fits[0], tmp_path / "r.nc")
        again = inference.load(tmp_path / "r.nc")
        odds = again["posterior"]["recording_odds"]
        assert list(odds["recorded_answer"].values) == ["a: 0"]
        assert 2.5 < float(odds.mean()) < 6

    def test_numbers_that_are_stated_are_halved_and_doubled(self):
        area = with_selection(make_area("x y", "y x", repeated=True), _0=3.0)
        density = density_of(datasets.simulate(make_study(area), 30, seed=1))
        odds = {word: np.exp(other.area.recorded.log_odds) for word, other in other_odds(density)}
        assert {word: round(float(value[0]), 6) for word, value in odds.items()} == {
            "all recorded alike": 1.0,
            "× 1/2": 1.5,
            "× 2": 6.0,
        }


class TestUnrated:
    """Ratings without exposure: what an agent has not rated is missing, and reading it as disliked is found out."""

    @staticmethod
    def _failed(answers):
        """Return the predictive checks that a fit fails."""
        density = density_of(make_choices(make_study(make_area(*["x y", "y x"] * 3)), answers))
        theta = fit_area(density, np.random.default_rng(1), method="laplace", draws=400).flat
        checks = [*predictive_checks(density, theta), *misfit_checks(density, theta, np.random.default_rng(1))]
        return {check.name for check in checks if check.state != "ok"}

    def test_a_model_that_reads_it_as_disliked_fails_its_predictive_check(self):
        """Some agents rate much and others little, whatever they hold: then likes of opposite things go together."""
        study = make_study(make_area(*["x y", "y x"] * 3))
        truth = {"goal_share": [0.5, 0.5], "weight_mean": 0.5, "weight_concentration": 4.0, "baseline": [0.6, 0.4] * 6}
        rated = datasets.simulate(study, 600, seed=1, truth={"a": truth}).areas[0]
        rng = np.random.default_rng(1)
        seen = rng.random((600, 6)) < rng.choice([0.25, 0.95], 600)[:, None]
        seen[~seen.any(axis=1), 0] = True
        answer = {name: rated.answer(j)[rated.pattern_of_agent] for j, name in enumerate(rated.items)}
        missing = {name: np.where(seen[:, j], given, -1) for j, (name, given) in enumerate(answer.items())}
        disliked = {}
        for j, (name, given) in enumerate(answer.items()):
            disliked[name] = np.where(seen[:, j] & (given == 0), 0, 1)  # option 0 is "liked"
        assert self._failed(missing) == set()
        assert {"item-pairs", "pair-agreement"} & self._failed(disliked)
