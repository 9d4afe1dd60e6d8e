"""Leaving agents out: against ArviZ, against fits without them, and what is said of those who cannot be left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from dissensus.inference import left_out as module
from dissensus.inference.density import area_density, row_log_likelihood
from dissensus.inference.left_out import entries_of, leave_out, smoothed_weights
from dissensus.inference.loo import _reading, area_loo, loo
from scipy.special import logsumexp

from .builders import counts_of_agents, density_of, make_area, make_study, random_choices
from .fitted import stouffer_toby
from .predicted import draws_of, two_areas


class TestAgainstOthers:
    def test_one_area_agrees_with_arviz(self):
        """The same algorithm on the stored log likelihood, kept there in single precision."""
        import arviz_stats

        _, fit = stouffer_toby()
        ours = loo(fit)
        reff = min(1.0, module.attribute(fit, "diagnostics")["role_conflict"]["effective"] / 2_000)
        tree = xr.DataTree.from_dict({name: fit[name].to_dataset() for name in ("posterior", "log_likelihood")})
        theirs = arviz_stats.loo(tree, var_name="answers", pointwise=True, reff=reff)
        np.testing.assert_allclose(ours["elpd_i"], theirs.elpd_i, atol=1e-3)
        np.testing.assert_allclose(ours["pareto_k"], theirs.pareto_k, atol=0.02)
        assert float(ours["elpd"]) == pytest.approx(theirs.elpd, abs=0.05)
        assert float(ours["se"]) == pytest.approx(theirs.se, rel=0.01)
        assert float(ours["p_loo"]) == pytest.approx(theirs.p, abs=0.05)

    def test_areas_are_left_out_one_by_one_and_summed(self):
        """Areas share no parameter, so the sum over areas agrees with leaving out all answers at once."""
        import arviz_stats

        choices, fit = two_areas()
        ours = loo(fit)
        assert ours["elpd_area"].dims == ("agent", "area")
        np.testing.assert_allclose(ours["elpd_i"], ours["elpd_area"].sum("area"))
        np.testing.assert_allclose(ours["pareto_k"], ours["pareto_k_area"].max("area"))
        tree = xr.DataTree.from_dict({name: fit[name].to_dataset() for name in ("posterior", "log_likelihood")})
        theirs = arviz_stats.loo(tree, var_name="answers", pointwise=True)
        np.testing.assert_allclose(ours["elpd_i"], theirs.elpd_i, atol=0.05)
        answers = sum(counts_of_agents(area).sum(axis=1) for area in choices.areas)
        np.testing.assert_array_equal(ours["n"], answers)

    def test_an_agent_left_out_in_earnest(self):
        """The density of its answers in a fit without it."""
        choices = random_choices(make_study(make_area("x y z", "y z x", "z x y")), 25, seed=4)
        density = density_of(choices)
        theta = draws_of(density, draws=4_000, proposals=16_000)
        entries = module.Entries(
            density, theta, np.arange(density.rows.n_rows), np.ones(density.rows.n_rows), density.rows.row_of_agent, 1.0
        )
        elpd = area_loo(entries)[0][entries.of_agent]
        area = choices.areas[0]
        for agent in (0, 7, 19):
            keep = np.arange(25) != agent
            others = replace(
                choices,
                agents=choices.agents[keep],
                group_of_agent=choices.group_of_agent[keep],
                areas=(replace(area, pattern_of_agent=area.pattern_of_agent[keep]),),
            )
            without = area_density(others, others.areas[0], others.study.priors)
            drawn = draws_of(without, seed=agent, draws=4_000, proposals=16_000)
            loglik = row_log_likelihood(density, drawn)[:, density.rows.row_of_agent[agent]]
            assert elpd[agent] == pytest.approx(logsumexp(loglik) - np.log(4_000), abs=0.03)


class TestWeights:
    def test_draws_lose_the_likelihood_of_the_agent(self):
        """Where the tail is light, weights are 1 / p, as ArviZ smooths them, and k̂ is low."""
        rng = np.random.default_rng(1)
        loglik = rng.uniform(-1, 0, (3, 2_000))
        log_weight, khat = smoothed_weights(loglik)
        np.testing.assert_allclose(np.exp(log_weight).sum(axis=1), 1)
        raw = np.exp(-loglik) / np.exp(-loglik).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(np.exp(log_weight), raw, rtol=0.05)
        assert (khat < 0.3).all()

    @pytest.mark.parametrize("k", [0.3, 1.0])
    def test_khat_is_the_index_of_the_tail(self, k):
        """Of weights with a Pareto tail."""
        u = np.random.default_rng(2).uniform(size=(1, 20_000))
        assert smoothed_weights(k * np.log(u))[1][0] == pytest.approx(k, abs=0.1)

    def test_draws_that_do_not_differ_count_alike(self):
        """Silent agents and equal draws give equal weights and k̂ = −inf; NaN is not known."""
        log_weight, khat = smoothed_weights(np.array([np.zeros(100), np.full(100, np.nan)]))
        np.testing.assert_allclose(log_weight, -np.log(100))
        assert khat[0] == -np.inf
        assert np.isnan(khat[1])

    def test_an_agent_is_left_out_with_its_survey_weight(self):
        """Its likelihood enters with its weight, and leaves with it: 1 / p^v."""
        row = np.array([0, 0, 1, 1])
        found, weight, of_agent = module._distinct(row, 2, np.array([0.5, 2.0, 0.5, 0.5]))
        np.testing.assert_array_equal(found, [0, 0, 1])
        np.testing.assert_allclose(weight, [0.5, 2.0, 0.5])
        np.testing.assert_array_equal(of_agent, [0, 1, 2, 2])
        density = density_of(random_choices(make_study(make_area("x y", "x y")), 9, seed=1))
        theta = draws_of(density, draws=1_000)
        entries = module.Entries(density, theta, found, weight, of_agent, 1.0)
        (part,) = leave_out(entries)
        loglik = row_log_likelihood(density, theta)[:, found].T
        expected, _ = smoothed_weights(loglik * weight[:, None])
        np.testing.assert_allclose(part.log_weight, expected)

    def test_very_many_survey_weights_are_rounded(self, monkeypatch):
        """To steps of 2 %, so that the cost stays within bounds."""
        monkeypatch.setattr(module, "_MOST_ENTRIES", 10)
        weight = np.random.default_rng(1).gamma(3, 1, 500)
        _, rough, of_agent = module._distinct(np.zeros(500, dtype=np.int64), 1, weight)
        assert len(rough) < 300
        np.testing.assert_allclose(rough[of_agent], weight, rtol=0.0101)

    def test_the_cost_grows_with_distinct_answers(self):
        """Agents with equal answers in one group are one entry."""
        choices, fit = two_areas()
        for entries, area in zip(entries_of(fit), choices.areas, strict=True):
            patterns = np.unique(np.column_stack([choices.group_of_agent, counts_of_agents(area)]), axis=0)
            assert len(entries.row) == len(patterns) < choices.n_agents


class TestReading:
    def test_agents_beyond_the_threshold_are_named(self):
        """The first five by k̂, and how many more."""
        result = xr.Dataset(
            {"elpd": -100.0, "se": 3.0, "p_loo": 7.0, "n_high_k": 6, "elpd_i": ("agent", np.zeros(30))},
        )
        names = np.array([f"agent {i}" for i in range(30)], dtype=object)
        text = _reading(result, names)
        assert "-100.0 ± 3.0" in text
        assert "For 6 agents ('agent 0', 'agent 1', 'agent 2', 'agent 3', 'agent 4' and 1 more)" in text
        assert "For 1 agent ('agent 0')" in _reading(result.assign(n_high_k=1), names)

    def test_a_good_fit_says_so(self):
        """And keeps the state of the fit."""
        found = loo(stouffer_toby()[1])
        assert int(found["n_high_k"]) == 0
        assert "Every agent can be left out reliably" in found.attrs["reading"]
        assert found.attrs["state"] == "caution"
