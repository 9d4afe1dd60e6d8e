"""Predictive checks: exact tails, calibration after a fit, planted misfit, real tables, replicated answers."""

from __future__ import annotations

import functools
import os
from dataclasses import replace

import numpy as np
import pytest
from dissensus.datasets.registry import load
from dissensus.datasets.simulate import simulate
from dissensus.inference import predictive
from dissensus.inference.density import area_density, evaluate_rows, state_prior
from dissensus.inference.importance import importance_draws, resample
from dissensus.inference.mode import find_modes
from dissensus.inference.option_table import log_option_probability
from dissensus.inference.parameters import constrain, draw_prior
from dissensus.inference.predictive import holm, observed_tables, posterior_predictive_answers
from dissensus.inference.predictive_checks import (
    MIN_AGREEMENT,
    hang_together,
    item_pair_check,
    option_share_check,
    predictive_checks,
)
from scipy import stats

from dissensus.errors import InputError

from .builders import CASES, counts_of_agents, density_of, make_area, make_choices, make_study, random_choices
from .chance import TEST_FAILURE_RATE, assert_mean

FOUR = make_study(make_area(*["x y z"] * 4))
GOOD = {"a": {"goal_share": [0.3, 0.3, 0.4], "weight_mean": 0.6}}


@functools.cache
def _density(case):
    return density_of(CASES[case]())


def posterior(density, seed=0, draws=200):
    rng = np.random.default_rng(seed)
    return resample(importance_draws(density, find_modes(density, rng, starts=3), rng, draws=800), draws, rng)


def with_counts(choices, counts):
    """Return the density of the first area with other answers, given as counts by agent."""
    patterns, of_agent = np.unique(counts, axis=0, return_inverse=True)
    area = replace(choices.areas[0], counts=patterns, pattern_of_agent=np.ravel(of_agent))
    return area_density(choices, area, choices.study.priors)


def replicated(choices, density, theta, draws, seed):
    """Yield densities whose answers are replicates at one parameter vector."""
    new = posterior_predictive_answers(density, np.repeat(theta[None], draws, axis=0), seed=seed)
    for option in new.option:
        counts = np.zeros((choices.n_agents, density.n_options), dtype=int)
        np.add.at(counts, (new.agent, option), 1)
        yield with_counts(choices, counts)


class TestTables:
    @pytest.mark.parametrize("case", CASES)
    def test_checks_run_on_every_kind_of_area(self, case):
        """P-values are probabilities, adjusted ones are no smaller, and a repeat gives the same."""
        density = _density(case)
        theta = draw_prior(density.parameters, 5, np.random.default_rng(1))
        results = option_share_check(density, theta) + item_pair_check(density, theta)
        for result in results:
            assert 0 <= result.p <= result.adjusted_p <= 1
            assert abs(result.residual) <= 1
            assert (result.sentence == "") == (result.state == "ok")
        assert results == option_share_check(density, theta) + item_pair_check(density, theta)
        assert all(np.isfinite(check.value) for check in predictive_checks(density, theta))

    @pytest.mark.parametrize("case", ["groups", "several goals", "follow, repeated", "survey weights"])
    def test_observed_tables_are_sums_over_agents(self, case):
        """Shares and pairs of shares agree with a loop over agents."""
        case = next(name for name in CASES if case in name)
        choices = CASES[case]()
        density = _density(case)
        tables = observed_tables(density)
        area, weight = density.area, choices.fit_weight
        share, pair = np.zeros_like(tables.share), np.zeros_like(tables.pair)
        for i, counts in enumerate(counts_of_agents(area)):
            h, w = density.rows.group[density.rows.row_of_agent[i]], 1 if weight is None else weight[i]
            for o, item in enumerate(area.item_of_option):
                t = counts[area.item_of_option == item].sum()
                share[h, o] += w * counts[o] / max(t, 1)
                for q, other in enumerate(area.item_of_option):
                    u = counts[area.item_of_option == other].sum()
                    if item != other:
                        pair[h, o, q] += w * counts[o] * counts[q] / max(t * u, 1)
                    else:
                        pair[h, o, q] += w * counts[o] * (counts[q] - (o == q)) / max(t * (t - 1), 1)
        np.testing.assert_allclose(tables.share, share, atol=1e-12)
        np.testing.assert_allclose(tables.pair, pair, atol=1e-12)

    def test_statistic_is_pearsons(self):
        """With one parameter vector, X² is the textbook sum and its mean the number of cells less one."""
        choices = random_choices(make_study(make_area("x y z", "y x z -")), 60, seed=3)
        density = density_of(choices)
        theta = draw_prior(density.parameters, 1, np.random.default_rng(2))
        values = constrain(density.parameters, theta, density.n_options)
        p = np.exp(log_option_probability(np, density.table, values.baseline_logits))[0]
        expected = 60 * (p.T * np.exp(state_prior(density, values))[0, 0]) @ p
        counts = counts_of_agents(density.area)
        seen = counts.T @ counts
        (result,) = item_pair_check(density, theta)
        block = np.s_[:3, 3:]
        assert result.statistic == pytest.approx(stats.chisquare(seen[block], expected[block], axis=None).statistic)
        assert result.expected == pytest.approx(11)
        shares = 60 * np.exp(state_prior(density, values))[0, 0] @ p
        second = option_share_check(density, theta)[1]
        assert second.statistic == pytest.approx(stats.chisquare(np.diag(seen)[3:], shares[3:]).statistic)

    def test_holm_by_hand(self):
        """The textbook example: 0.01, 0.04, 0.03, 0.005."""
        np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])

    def test_one_answer_per_agent_is_checked_on_goals_only(self):
        """Options that serve the same goals count as one, others than those are left out, and there are no pairs."""
        study = make_study(make_area("x x y -"))
        choices = make_choices(study, {"a0": np.repeat([0, 1, 2, 3], [90, 10, 100, 50])})
        density = density_of(choices)
        (result,) = option_share_check(density, np.zeros((1, density.size)))
        assert result.statistic == pytest.approx(0, abs=1e-9)
        assert result.agents == 200
        assert item_pair_check(density, np.zeros((1, density.size))) == ()
        assert hang_together(density, np.zeros((1, density.size))) is None


SIMULATIONS = {
    "plain": (make_study(make_area(*["x y z"] * 4)), 300, {}),
    "sparse": (make_study(make_area(*["x y z - - -"] * 3)), 60, {}),
    "tiny": (make_study(make_area("x y", "x y", "y x")), 20, {}),
    "luce": (make_study(make_area(*["x y z"] * 3, rule="luce")), 100, {}),
    "groups": (make_study(make_area(*["x y z"] * 3)), 200, {"groups": ["u", "v"], "missing": 0.2}),
    "repeated": (make_study(make_area("x y z", "x y -", repeated=True)), 150, {"answers_per_item": 4}),
    "twice": (make_study(make_area("x y z", "x y", repeated=True)), 150, {"answers_per_item": 2, "missing": 0.1}),
    "often": (make_study(make_area("x y z -", repeated=True)), 100, {"answers_per_item": 40}),
}


class TestTails:
    @pytest.mark.parametrize("name", SIMULATIONS)
    def test_tail_probability_against_simulation(self, name):
        """At known parameters p-values below 0.05 and 0.01 are as rare as they say, and uniform if answered once."""
        study, n, settings = SIMULATIONS[name]
        choices = simulate(study, n, seed=4, **settings)
        density = density_of(choices)
        rng = np.random.default_rng(1)
        shares, pairs = [], []
        for theta in draw_prior(density.parameters, 2, rng):
            for other in replicated(choices, density, theta, 100, rng):
                tables = observed_tables(other)
                shares.append([r.p for r in option_share_check(other, theta[None], tables=tables)])
                pairs.append([r.p for r in item_pair_check(other, theta[None], tables=tables)])
        for p in (np.array(shares), np.array(pairs)):
            by_set = (p < 0.05).mean(axis=1)  # the tables of one data set share agents
            assert by_set.mean() <= 0.05 + 4 * by_set.std() / np.sqrt(len(by_set))
            assert (p < 0.01).mean() <= 0.01 + 4 * np.sqrt(0.01 / p.size) + 0.005
            if not settings.get("answers_per_item"):
                assert p.mean() == pytest.approx(0.5, abs=0.04)
                assert (p < 0.05).mean() >= 0.02

    @pytest.mark.parametrize("name", ["plain", "repeated", "often"])
    def test_mean_of_the_statistic_is_exact(self, name):
        """X² of replicates has the mean that is claimed."""
        study, n, settings = SIMULATIONS[name]
        choices = simulate(study, n, seed=6, **settings)
        density = density_of(choices)
        theta = draw_prior(density.parameters, 1, np.random.default_rng(8))[0]
        for check in (option_share_check, item_pair_check):
            claimed = [r.expected for r in check(density, theta[None])]
            drawn = [[r.statistic for r in check(d, theta[None])] for d in replicated(choices, density, theta, 300, 9)]
            assert_mean(np.array(drawn), np.array(claimed))


class TestCalibration:
    def test_fitted_model_is_rarely_found_wanting(self):
        """After a fit, adjusted p-values below 0.05 come in at most 5 % of data sets."""
        alarms = 0
        for seed in range(8):
            density = density_of(simulate(FOUR, 400, seed=seed))
            theta = posterior(density, seed)
            results = option_share_check(density, theta) + item_pair_check(density, theta)
            alarms += any(r.adjusted_p < 0.05 for r in results)
        assert alarms <= stats.binom.isf(TEST_FAILURE_RATE, 8, 0.05)

    def test_answers_copied_from_another_item_are_found(self):
        """Half of the agents give to item 1 the answer they gave to item 0, whatever their goal."""
        choices = simulate(FOUR, 1_000, seed=1, truth=GOOD)
        counts = counts_of_agents(choices.areas[0]).copy()
        counts[::2, 3:6] = counts[::2, 0:3]
        density = with_counts(choices, counts)
        results = item_pair_check(density, posterior(density))
        worst = min(results, key=lambda r: r.p)
        assert worst.items == ("a0", "a1")
        assert worst.adjusted_p < 1e-3
        assert worst.state == "caution"
        assert worst.sentence.startswith(f"{worst.share:.1%} of the agents answer")

    def test_item_that_differs_by_group_is_found(self):
        """Baselines are common to all groups; an item that one group answers otherwise shows in its option shares."""
        choices = simulate(FOUR, 2_000, seed=2, truth=GOOD, groups=["left", "right"])
        counts = counts_of_agents(choices.areas[0]).copy()
        turned = np.flatnonzero(choices.group_of_agent == 1)[::3]
        counts[turned, 0:3] = [0, 0, 1]
        density = with_counts(choices, counts)
        result = min(option_share_check(density, posterior(density)), key=lambda r: r.p)
        assert result.items == ("a0",)
        assert result.group in {"left", "right"}
        assert result.state == "caution"
        assert f"of group '{result.group}'" in result.sentence

    def test_survey_weights_that_go_with_answers_are_no_misfit(self):
        """Agents count by their weights; unweighted shares differ from what a model of the population expects."""
        choices = simulate(FOUR, 2_000, seed=3, truth=GOOD)
        heavy = (choices.truth.goals["a"] == "x").to_numpy()
        density = density_of(replace(choices, survey_weight=np.where(heavy, 4.0, 1.0)))
        theta = posterior(density)
        assert all(r.adjusted_p > 0.05 for r in option_share_check(density, theta) + item_pair_check(density, theta))
        unweighted = replace(density.rows, multiplicity=density.rows.agents.astype(float))
        assert all(r.adjusted_p < 0.05 for r in option_share_check(replace(density, rows=unweighted), theta))

    def test_significance_is_not_importance(self):
        """With a million agents a shift of half a percent is significant, and a note only."""
        choices = simulate(make_study(make_area(*["x y"] * 3)), 4_000, seed=4)
        density = density_of(choices)
        theta = posterior(density, draws=20)
        many = replace(density.rows, multiplicity=density.rows.multiplicity * 250.0)
        shares = option_share_check(replace(density, rows=many), theta)
        found = [r for r in shares if r.adjusted_p < 0.05]
        assert found
        for result in found:
            assert (result.state == "caution") == (abs(result.residual) >= 0.02)
        assert any(r.state == "note" and "too little to matter" in r.sentence for r in found)


class TestHangingTogether:
    @pytest.mark.parametrize("seed", range(3))
    def test_items_of_one_goal_do(self, seed):
        """Simulated answers with goals and weights of some size pass."""
        density = density_of(simulate(FOUR, 400, seed=seed, truth=GOOD))
        result = hang_together(density, posterior(density, seed))
        assert result.state == "ok"
        assert result.items == ()
        assert abs(result.agreement - result.expected) < 4 * result.error

    def test_items_without_a_common_goal_do_not(self):
        """Independent answers, diverse as they are, have nothing in common."""
        choices = random_choices(FOUR, 1_500, seed=5)
        density = density_of(choices)
        result = hang_together(density, posterior(density))
        assert result.items == ("a0", "a1", "a2", "a3")
        assert result.agreement < MIN_AGREEMENT
        assert "'a0', 'a1', 'a2' and 'a3' do not measure one goal" in result.sentence

    def test_two_things_in_one_area(self):
        """Two pairs of items, each of one goal of its own: four of six pairs have nothing in common."""
        one, two = (counts_of_agents(simulate(FOUR, 2_000, seed=s, truth=GOOD).areas[0]) for s in (1, 2))
        choices = simulate(FOUR, 2_000, seed=1, truth=GOOD)
        density = with_counts(choices, np.hstack([one[:, :6], two[:, 6:]]))
        result = hang_together(density, posterior(density))
        assert result.state == "caution"
        assert len(result.items) == 4

    def test_item_coded_the_wrong_way_round(self):
        """One of four items whose options are taken to serve each other's goals does not go with the others."""
        choices = simulate(FOUR, 2_000, seed=6, truth=GOOD)
        counts = counts_of_agents(choices.areas[0]).copy()
        counts[:, 9:12] = counts[:, [10, 11, 9]]
        density = with_counts(choices, counts)
        theta = posterior(density)
        result = hang_together(density, theta)
        assert result.items == ("a3",)
        assert "'a3' does not go with the other items" in result.sentence
        assert result.item_agreement["a3"] < 0
        assert min(r.adjusted_p for r in item_pair_check(density, theta)) < 1e-3

    @pytest.mark.parametrize("seed", range(20))
    def test_follow_never_expects_less_agreement_than_chance(self, seed):
        """Under ``follow`` the expected agreement beyond chance is not negative, at any parameters."""
        density = density_of(random_choices(make_study(make_area("x y z -", "y x z", "- z x y")), 30, seed=1))
        theta = 2.5 * np.random.default_rng(seed).standard_normal((50, density.size))
        assert hang_together(density, theta).expected >= -1e-9

    def test_repeated_item_is_compared_with_itself(self):
        """Agents who answer one item many times agree with themselves."""
        study = make_study(make_area("x y z", repeated=True))
        density = density_of(simulate(study, 300, seed=7, truth=GOOD, answers_per_item=6))
        result = hang_together(density, posterior(density))
        assert result.state == "ok"
        assert result.agreement == pytest.approx(result.expected, abs=4 * result.error)

    def test_standard_error_against_replicates(self):
        """The standard error is the spread of the agreement over replicated tables."""
        choices = simulate(FOUR, 500, seed=8, truth=GOOD, missing=0.2)
        density = density_of(choices)
        theta = posterior(density, draws=1)
        new = [hang_together(d, theta) for d in replicated(choices, density, theta[0], 200, 3)]
        spread = np.std([r.agreement for r in new])
        assert np.mean([r.error for r in new]) == pytest.approx(spread, rel=0.2)
        assert np.mean([r.agreement for r in new]) == pytest.approx(new[0].expected, abs=4 * spread / np.sqrt(200))


class TestRealTables:
    def test_stouffer_and_toby_fit(self):
        """The four dilemmas measure one thing, and the model accounts for their tables."""
        density = density_of(load("stouffer_toby"))
        assert [check.state for check in predictive_checks(density, posterior(density))] == ["ok"] * 3

    @pytest.mark.skipif("DISSENSUS_DATA" not in os.environ, reason="DISSENSUS_DATA is not set")
    def test_spending_abroad_does_not_hang_together(self):
        """Welfare, environment and order do; the military, aid and space do not, and are held back."""
        choices = load("gss_spending")
        for area in choices.areas:
            density = area_density(choices, area, choices.study.priors)
            check = next(c for c in predictive_checks(density, posterior(density)) if c.name == "hang-together")
            assert (check.state, check.blank) == (("caution", True) if area.name == "abroad" else ("ok", False))


class TestReplicates:
    @pytest.mark.parametrize("case", CASES)
    def test_every_answer_belongs_to_its_item(self, case):
        """Replicates have the answering pattern of the data, option by option, and follow the seed."""
        choices = CASES[case]()
        density = density_of(choices)
        theta = draw_prior(density.parameters, 3, np.random.default_rng(1))
        new = posterior_predictive_answers(density, theta, seed=5)
        assert (density.area.item_of_option[new.option] == new.item).all()
        assert not density.table.ignored[new.option].any()
        times = np.zeros((choices.n_agents, len(density.area.items)), dtype=int)
        np.add.at(times, (new.agent, new.item), 1)
        kept = replace(density.area, counts=density.area.counts * ~density.table.ignored)
        assert (times == kept.item_answers[density.area.pattern_of_agent]).all()
        assert (np.diff(new.agent) >= 0).all()
        assert (posterior_predictive_answers(density, theta, seed=5).option == new.option).all()

    @pytest.mark.parametrize("case", ["follow", "luce, no goal", "groups and agents in none"])
    def test_answers_have_the_probabilities_of_the_model(self, case):
        """Patterns of replicated answers are as frequent as the likelihood of the rows says."""
        choices = CASES[case]()
        density = density_of(choices)
        theta = draw_prior(density.parameters, 1, np.random.default_rng(2))
        new = posterior_predictive_answers(density, np.repeat(theta, 4_000, axis=0), seed=6)
        loglik = evaluate_rows(density, theta)[2].row_loglik[0]
        counts = counts_of_agents(density.area)
        hits = np.zeros((4_000, choices.n_agents))
        for i in range(choices.n_agents):
            observed = np.sort(np.repeat(np.arange(density.n_options), counts[i]))
            hits[:, i] = (np.sort(new.option[:, new.agent == i], axis=1) == observed).all(axis=1)
        expected = np.exp(loglik[density.rows.row_of_agent])
        error = np.sqrt(expected * (1 - expected) / len(hits))
        assert (np.abs(hits.mean(axis=0) - expected) <= 5 * error + 1e-3).all()

    def test_too_many_are_refused_with_the_number_that_fits(self, monkeypatch):
        """Memory is looked at before anything is drawn."""
        monkeypatch.setattr(predictive, "MOST_ANSWERS", 1_000)
        density = _density("follow")
        theta = np.zeros((40, density.size))
        with pytest.raises(InputError, match="Ask for at most 31 draws") as error:
            posterior_predictive_answers(density, theta)
        assert error.value.code == "too-large"
