"""Checks of tables: exact tails against simulation, calibration after a fit, planted misfit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from dissensus.datasets.simulate import simulate
from dissensus.inference.answer_tables import observed_tables
from dissensus.inference.density import state_prior
from dissensus.inference.hanging_together import hang_together
from dissensus.inference.option_table import log_option_probability
from dissensus.inference.parameters import constrain, draw_prior
from dissensus.inference.pearson_tail import holm
from dissensus.inference.table_checks import item_pair_check, option_share_check
from scipy import stats

from .builders import CASES, counts_of_agents, density_of, make_area, make_choices, make_study, random_choices
from .chance import TEST_FAILURE_RATE, assert_mean
from .predicted import FOUR, GOOD, case_density, draws_of, replicated, with_counts


class TestTables:
    @pytest.mark.parametrize("case", CASES)
    def test_checks_run_on_every_kind_of_area(self, case):
        """P-values are probabilities, adjusted ones are no smaller, and a repeat gives the same."""
        density = case_density(case)
        theta = draw_prior(density.parameters, 5, np.random.default_rng(1))
        results = option_share_check(density, theta) + item_pair_check(density, theta)
        for result in results:
            assert 0 <= result.p <= result.adjusted_p <= 1
            assert abs(result.residual) <= 1
            assert (result.sentence == "") == (result.state == "ok")
        assert results == option_share_check(density, theta) + item_pair_check(density, theta)

    @pytest.mark.parametrize("case", ["groups", "several goals", "follow, repeated", "survey weights"])
    def test_observed_tables_are_sums_over_agents(self, case):
        """Shares and pairs of shares agree with a loop over agents."""
        case = next(name for name in CASES if case in name)
        choices = CASES[case]()
        density = case_density(case)
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
            theta = draws_of(density, seed)
            results = option_share_check(density, theta) + item_pair_check(density, theta)
            alarms += any(r.adjusted_p < 0.05 for r in results)
        assert alarms <= stats.binom.isf(TEST_FAILURE_RATE, 8, 0.05)

    def test_answers_copied_from_another_item_are_found(self):
        """Half of the agents give to item 1 the answer they gave to item 0, whatever their goal."""
        choices = simulate(FOUR, 1_000, seed=1, truth=GOOD)
        counts = counts_of_agents(choices.areas[0]).copy()
        counts[::2, 3:6] = counts[::2, 0:3]
        density = with_counts(choices, counts)
        results = item_pair_check(density, draws_of(density))
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
        result = min(option_share_check(density, draws_of(density)), key=lambda r: r.p)
        assert result.items == ("a0",)
        assert result.group in {"left", "right"}
        assert result.state == "caution"
        assert f"of group '{result.group}'" in result.sentence

    def test_survey_weights_that_go_with_answers_are_no_misfit(self):
        """Agents count by their weights; unweighted shares differ from what a model of the population expects."""
        choices = simulate(FOUR, 2_000, seed=3, truth=GOOD)
        heavy = (choices.truth.goals["a"] == "x").to_numpy()
        density = density_of(replace(choices, survey_weight=np.where(heavy, 4.0, 1.0)))
        theta = draws_of(density)
        assert all(r.adjusted_p > 0.05 for r in option_share_check(density, theta) + item_pair_check(density, theta))
        unweighted = replace(density.rows, multiplicity=density.rows.agents.astype(float))
        assert all(r.adjusted_p < 0.05 for r in option_share_check(replace(density, rows=unweighted), theta))

    def test_significance_is_not_importance(self):
        """With a million agents a shift of half a percent is significant, and a note only."""
        choices = simulate(make_study(make_area(*["x y"] * 3)), 4_000, seed=4)
        density = density_of(choices)
        theta = np.repeat(draws_of(density, draws=20)[:1], 20, axis=0)  # what 4,000 agents leave open, taken as known
        many = replace(density.rows, multiplicity=density.rows.multiplicity * 250.0)
        shares = option_share_check(replace(density, rows=many), theta)
        found = [r for r in shares if r.adjusted_p < 0.05]
        assert found
        for result in found:
            assert (result.state == "caution") == (abs(result.residual) >= 0.02)
        assert any(r.state == "note" and "too little to matter" in r.sentence for r in found)
