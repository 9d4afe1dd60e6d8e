"""Structural alternatives: leave-one-out against refits, and the structure that made the data comes out best."""

from __future__ import annotations

import functools
from dataclasses import replace

import arviz as az
import numpy as np
import pytest
import xarray as xr
from dissensus.inference import alternatives as module
from dissensus.inference.alternatives import (
    NULL,
    STRUCTURES,
    Alternative,
    alternatives_of,
    elpd_difference,
    fit_structure,
    leave_one_out,
)
from dissensus.inference.density import area_density, null_density, row_log_likelihood
from dissensus.inference.importance import importance_draws
from dissensus.inference.mode import find_modes
from scipy.special import logsumexp

from dissensus import datasets

from .builders import density_of, make_area, make_choices, make_study
from .chance import assert_within
from .fitted import stouffer_toby


def _rng(seed=1):
    return np.random.default_rng(seed)


def _posterior(density, seed=1, draws=20_000):
    rng = _rng(seed)
    weighted = importance_draws(density, find_modes(density, rng), rng, draws=draws)
    assert weighted.accepted
    return weighted


def test_leave_one_out_is_what_refits_without_the_agent_predict():
    """Each agent in turn is left out, the rest fitted anew, and its answers predicted."""
    study = make_study(make_area("x y", "y x", "x y"))
    answers = {f"a{j}": np.random.default_rng(2).integers(2, size=20) for j in range(3)}
    answers["a1"][:14] = 1 - answers["a0"][:14]
    answers["a2"][:14] = answers["a0"][:14]
    choices = make_choices(study, answers)
    density = density_of(choices)
    whole = _posterior(density)
    quick = leave_one_out(row_log_likelihood(density, whole.theta), whole.log_weight)
    for row in range(density.rows.n_rows):
        agent = int(np.flatnonzero(density.rows.row_of_agent == row)[0])
        rest = make_choices(study, {item: np.delete(values, agent) for item, values in answers.items()})
        refit = _posterior(density_of(rest), seed=3)
        loglik = row_log_likelihood(density, refit.theta)[:, row]
        brute = logsumexp(refit.log_weight + loglik)
        spread = np.exp(loglik - brute).std() * np.sqrt(1 / refit.effective + 1 / whole.effective)
        assert_within(quick[row], brute, 2 * spread, slack=0.005)


def test_leave_one_out_of_equal_draws_is_that_of_arviz():
    """On the fit of the bundled table: sum and every agent, within what smoothing changes."""
    tree = stouffer_toby()[1]
    loglik = tree["log_likelihood"]["answers"].values[0].astype(float)
    ours = leave_one_out(loglik, np.full(len(loglik), -np.log(len(loglik))))
    theirs = az.loo(tree, pointwise=True)
    np.testing.assert_allclose(ours, theirs.elpd_i.values, atol=0.01)
    assert ours.sum() == pytest.approx(theirs.elpd, abs=0.2)


def test_leave_one_out_of_a_beta_posterior():
    """19 answers to one item: without an agent who said x, x has probability (n_x − 1 + 1) / (n − 1 + 2)."""
    density = density_of(make_choices(make_study(make_area("x y")), {"a0": np.repeat([0, 1], [12, 7])}))
    weighted = _posterior(density)
    found = np.exp(leave_one_out(row_log_likelihood(density, weighted.theta), weighted.log_weight))
    number = density.rows.agents
    assert_within(found, number / 20, np.full(2, 0.15 / np.sqrt(weighted.effective)))


def test_leave_one_out_is_the_harmonic_mean_where_no_ratio_stands_out():
    loglik = np.random.default_rng(4).normal(-2, 0.5, (4_000, 3))
    found = leave_one_out(loglik, np.full(4_000, -np.log(4_000)))
    np.testing.assert_allclose(found, np.log(4_000) - logsumexp(-loglik, axis=0), rtol=1e-12)


def test_leave_one_out_truncates_extreme_ratios():
    """1,000 draws, one of which all but excludes the answers: its ratio counts √1000 times the mean, no more."""
    loglik = np.full((1_000, 1), -1.0)
    loglik[0] = -9.0
    rest, one = np.exp(1.0), np.exp(9.0)
    cap = (one + 999 * rest) / np.sqrt(1_000)
    assert cap < one
    expected = np.log((cap * np.exp(-9.0) + 999 * rest * np.exp(-1.0)) / (cap + 999 * rest))
    found = leave_one_out(loglik, np.full(1_000, -np.log(1_000)))
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert found > np.log(1_000 / (one + 999 * rest))


def test_the_difference_of_elpds_counts_agents_not_rows():
    density = density_of(make_choices(make_study(make_area("x y")), {"a0": np.repeat([0, 1], [30, 10])}))
    better, worse = np.array([-0.2, -1.0]), np.array([-0.5, -0.6])
    number = density.rows.agents
    gap = np.repeat(better - worse, number)
    total, error = elpd_difference(density, better, worse)
    assert total == pytest.approx(gap.sum())
    assert error == pytest.approx(np.sqrt(40 * gap.var()))


@functools.cache
def _study(rule):
    return make_study(make_area("x y z", "y z x", "z x y", "x y z -", rule=rule))


@functools.cache
def _fitted(rule, structure):
    truth = {"a": {"goal_share": [0.5, 0.3, 0.2], "weight_mean": 0.8, "weight_concentration": 20.0}}
    choices = datasets.simulate(_study(rule), 1_000, seed=2, truth=truth)
    return fit_structure(area_density(choices, choices.areas[0], choices.study.priors), _rng(3), structure)


@pytest.mark.parametrize("rule", ["follow", "luce"])
def test_the_rule_that_made_the_answers_predicts_best(rule):
    fitted = {structure: _fitted(rule, structure) for structure in (*STRUCTURES, NULL)}
    assert all(np.isfinite(s.elpd) for s in fitted.values())
    elpd = {structure: s.elpd for structure, s in fitted.items()}
    other = "luce" if rule == "follow" else "follow"
    assert max(elpd, key=elpd.get).rule == rule
    assert elpd[Alternative(rule, no_goal=False)] > elpd[Alternative(other, no_goal=False)] + 4
    assert min(elpd, key=elpd.get) == NULL


def test_structures_are_named_and_scored():
    assert [_fitted("follow", s).name for s in STRUCTURES] == ["follow", "follow, no goal", "luce", "luce, no goal"]
    null = _fitted("follow", NULL)
    assert null.name == "null"
    assert null.scores is None
    plain, no_goal = _fitted("follow", STRUCTURES[0]), _fitted("follow", STRUCTURES[1])
    assert plain.scores.sample.overall.contention.shape == (module._SCORED,)
    assert plain.scores.states.count.shape[-1] == 3
    assert no_goal.scores.states.count.shape[-1] == 4


def test_the_elpd_sums_over_agents_by_weight():
    choices = datasets.simulate(_study("follow"), 60, seed=2)
    weight = np.random.default_rng(3).gamma(2.0, 1.0, 60)
    choices = replace(choices, survey_weight=weight)
    structure = fit_structure(area_density(choices, choices.areas[0], choices.study.priors), _rng(), STRUCTURES[0])
    of_agent = density_of(choices).rows.row_of_agent
    assert structure.elpd == pytest.approx(choices.fit_weight @ structure.row_elpd[of_agent])


def test_the_null_model_predicts_from_the_shares_of_options():
    """Without goals answers are independent of one another: ELPD is near Σ log of smoothed shares."""
    study = make_study(make_area("x y", "y x"))
    rng = _rng(5)
    answers = {"a0": rng.integers(2, size=200), "a1": (rng.random(200) < 0.2).astype(int)}
    choices = make_choices(study, answers)
    null = fit_structure(area_density(choices, choices.areas[0], study.priors), _rng(6), NULL)
    shares = [np.bincount(given) / 200 for given in answers.values()]
    expected = sum(200 * share @ np.log(share) for share in shares)
    assert null.elpd == pytest.approx(expected - 2, abs=1.0)  # one parameter each costs about 1
    assert null.scores is None


def test_the_null_model_shares_its_rows_with_the_others():
    """So that differences row by row are differences agent by agent."""
    study = make_study(make_area("x y", "y x -"))
    choices = datasets.simulate(study, 60, seed=1, groups=["g", "h"], missing=0.2)
    null = null_density(area_density(choices, choices.areas[0], study.priors))
    own = area_density(choices, choices.areas[0], study.priors)
    np.testing.assert_array_equal(null.rows.row_of_agent, own.rows.row_of_agent)
    np.testing.assert_array_equal(null.rows.multiplicity, own.rows.multiplicity)


def test_a_structure_that_cannot_be_fitted_is_reported_as_such(monkeypatch):
    def fail(*_, **__):
        raise module.LinAlgError

    monkeypatch.setattr(module, "importance_draws", fail)
    choices = datasets.simulate(_study("follow"), 30, seed=2)
    lost = fit_structure(area_density(choices, choices.areas[0], choices.study.priors), _rng(), STRUCTURES[2])
    assert np.isnan(lost.elpd) and np.isnan(lost.khat) and np.isnan(lost.row_elpd).all()
    assert lost.scores is None


def test_the_stored_table_is_that_of_the_structures():
    tree = stouffer_toby()[1]
    table = tree["alternatives"].to_dataset()
    assert list(table["structure"].values) == ["follow", "follow, no goal", "luce", "luce, no goal", "null"]
    assert np.isfinite(table["elpd"]).all()
    own = tree["scores"].to_dataset().sel(estimand="sample")
    for score in ("contention", "misalignment", "relative_misalignment"):
        xr.testing.assert_allclose(
            table[f"{score}_mean"].sel(structure="follow", drop=True),
            own[score].mean(("chain", "draw")).drop_vars("estimand"),
        )
        assert np.isnan(table[f"{score}_mean"].sel(structure="null")).all()
    elpd = table["elpd"].isel(area=0).to_series()
    assert elpd["luce"] > elpd["follow"] + 4 > elpd["null"] + 20


def test_other_kappas_are_tried_where_choices_tell_what_weights_are():
    """Of a scale alone κ is a convention; beside choices that follow a goal it is told, and may be wrong."""
    scale = {"kind": "ordinal", "serves": {"1": "x", "2": [], "3": "y"}}

    def names(rule, *kinds):
        area = make_area(*["x y"] * 2, rule=rule)
        area["settings"]["items"] |= {f"s{k}": scale for k in range(kinds.count("scale"))}
        if "choice" not in kinds:
            del area["settings"]["items"]["a0"], area["settings"]["items"]["a1"]
        study = datasets.Study.from_dict({"areas": {"a": area["settings"]}})
        return [kind.name for kind in alternatives_of(density_of(datasets.simulate(study, 30, seed=1)))]

    assert names("follow", "choice", "scale")[-2:] == ["follow, κ × 2/3", "follow, κ × 3/2"]
    assert not any("κ" in name for name in names("luce", "choice", "scale"))
    assert not any("κ" in name for name in names("follow", "scale", "scale"))
    assert not any("κ" in name for name in names("follow", "choice"))
