"""Whole fits of agents who follow several goals: recovery, what is exported, checks, and what can be asked of them."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from dissensus.inference.area_scores import population_scores, prior_shares, sample_scores
from dissensus.inference.calibration_ranks import identity_error
from dissensus.inference.calibration_truth import true_memberships, true_scores
from dissensus.inference.conventions import cell_scores
from dissensus.inference.drawn_again import draws_of, priors_as_units, unit_states
from dissensus.inference.mixing_checks import finer_parts, mixing_checks
from dissensus.inference.model import area_densities
from dissensus.inference.posterior_states import draw_states
from dissensus.inference.result import choices_of, densities_of, thetas_of

from dissensus import datasets, forward_model, inference

TRUTH = {"goal_share": [0.35, 0.65], "goal_mixing": 0.7, "weight_mean": 0.75, "weight_concentration": 6.0}


def _study(items=10, **settings):
    served = ["a", "b", []]
    asked = {f"q{j}": {"serves": {str(o): served[(o + j) % 3] for o in range(3)}} for j in range(items)}
    return datasets.Study.from_dict(
        {"areas": {"tax": {"goals": ["a", "b"], "conflict": 1.0, "several": True, "items": asked, **settings}}}
    )


@functools.cache
def _fitted():
    study = _study(8, parts=4, baseline="uniform")
    choices = datasets.simulate(study, 150, seed=4, truth={"tax": TRUTH}, groups={"u": 0.6, "v": 0.4})
    return choices, inference.fit(choices, seed=1, method="laplace", draws=400)


def test_the_truth_is_covered_and_mixing_is_told_from_low_weights():
    choices, fit = _fitted()
    sample, posterior = true_scores(choices)["sample"]["overall"], fit["posterior"].to_dataset()
    scores = fit["scores"].to_dataset().sel(estimand="sample", area="tax")
    truth = {
        **{name: (scores[name], float(sample[name][0])) for name in ("contention", "misalignment")},
        "mixing": (posterior["goal_mixing"], 0.7),
        "weight": (posterior["weight_mean"], 0.75),
    }
    for name, (draws, true) in truth.items():
        low, high = np.quantile(draws, [0.005, 0.995])
        assert low < true < high, name
    spread = (1 - np.square(choices.truth.memberships["tax"]).sum(axis=1)).to_numpy()
    assert np.corrcoef(fit["agents"].to_dataset()["goal_spread"].values[:, 0], spread)[0, 1] > 0.4
    member = fit["agents"].to_dataset()["goal_probability"].values
    assert np.corrcoef(member[:, 0], choices.truth.memberships["tax"]["a"])[0, 1] > 0.7
    alternatives = fit["alternatives"].to_dataset()["elpd"].sel(area="tax")
    assert float(alternatives.sel(structure="follow")) > float(alternatives.sel(structure="follow, one goal each")) + 4


def test_sample_scores_are_those_of_the_agents_drawn():
    _, fit = _fitted()
    area = draws_of(fit)[0]
    stored = fit["scores"].to_dataset().sel(estimand="sample", area="tax")["misalignment"].values.ravel()
    states = area.density.states
    first = next(iter(unit_states(area, priors_as_units(area.density))))
    cells = first.cells[0].sum(axis=0)
    share = np.repeat(states.is_goal, cells.astype(int), axis=0)
    weight = np.repeat(states.weight, cells.astype(int))
    total = share.T @ np.sqrt(weight)
    conflict = area.conflict
    own = np.einsum("ig,gh,ih,i->", share, conflict, share, weight)
    n = len(weight)
    assert n == 150
    assert stored[0] == pytest.approx((total @ conflict @ total - own) / (n * (n - 1)), abs=1e-12)


def test_large_groups_have_normal_totals_of_the_same_mean_and_spread(monkeypatch):
    choices, fit = _fitted()
    density = densities_of(fit, choices)[0]
    theta = np.repeat(thetas_of(fit, (density,))[0][:1], 2_000, axis=0)
    exact = draw_states(density, theta, np.random.default_rng(1))
    monkeypatch.setattr("dissensus.inference.posterior_states.EXACT_AGENTS", 0)
    monkeypatch.setattr("dissensus.inference.posterior_states._MOST_EXACT", 0)
    normal = draw_states(density, theta, np.random.default_rng(2))
    conflict = np.array([[0, 1.0], [1.0, 0]])
    one, two = (
        sample_scores(d.count, d.root, d.weight, d.overlap, conflict).overall.misalignment for d in (exact, normal)
    )
    assert one.mean() == pytest.approx(two.mean(), abs=4 * one.std() / np.sqrt(1_000))
    assert one.std() == pytest.approx(two.std(), rel=0.1)
    np.testing.assert_allclose(exact.row_spread, normal.row_spread, atol=1e-10)


def test_parts_of_pairs_and_agents_make_up_the_score():
    _, fit = _fitted()
    whole = fit["scores"].to_dataset().sel(estimand="sample", area="tax")["misalignment"].values.mean()
    for of in ("goal_pair", "pattern"):
        table = inference.contributions(fit, of=of, score="misalignment", allow_unreliable=True)
        assert table["mean"].sum() == pytest.approx(whole, rel=1e-9)


def test_what_if_agents_follow_one_goal_alone():
    _, fit = _fitted()
    changed = inference.what_if(fit, goal={"tax": "a"}, allow_unreliable=True)
    after = changed.sel(scenario="what if", area="tax")
    assert float(abs(after["contention"]).max()) < 1e-12
    same = changed.sel(scenario="as fitted", estimand="sample", area="tax")["misalignment"].values
    stored = fit["scores"].to_dataset().sel(estimand="sample", area="tax")["misalignment"].values
    np.testing.assert_allclose(same, stored, atol=1e-13)
    some = inference.what_if(fit, goal={("tax", "u"): ("a", 0.5)}, weight={("tax", "v"): 0.5}, allow_unreliable=True)
    assert float(some.sel(scenario="difference")["contention"].std()) > 0


def test_population_scores_are_those_of_one_goal_each_with_the_same_shares():
    choices, fit = _fitted()
    density = densities_of(fit, choices)[0]
    theta = thetas_of(fit, (density,))[0][:3]
    expected = population_scores(density, theta).overall
    found = cell_scores(density, theta, prior_shares(density))
    np.testing.assert_allclose(found["contention"], expected.contention, atol=1e-12)
    np.testing.assert_allclose(found["misalignment"], expected.misalignment, atol=1e-12)


def test_result_files_keep_the_mixtures(tmp_path):
    _, fit = _fitted()
    inference.save(fit, tmp_path / "r.nc")
    again = inference.load(tmp_path / "r.nc")
    assert choices_of(again).areas[0].parts == 4
    np.testing.assert_array_equal(again["posterior"]["goal_spread"], fit["posterior"]["goal_spread"])


def test_few_answers_say_little_of_mixing_and_many_need_finer_parts():
    for items, times, code in ((2, 1, "mixing-from-prior"), (3, 60, "coarse-mixtures")):
        study = _study(items, parts=3)
        raw = study.to_dict()
        raw["table"] = {"layout": "long", "agent": "agent", "item": "item", "answer": "answer"}
        for item in raw["areas"]["tax"]["items"].values():
            item["repeated"] = times > 1
        choices = datasets.simulate(
            datasets.Study.from_dict(raw), 60, seed=3, truth={"tax": TRUTH}, answers_per_item=times
        )
        density = area_densities(choices)[0]
        rng = np.random.default_rng(1)
        theta = np.zeros((400, density.size))
        theta[:, density.parameters.slices["mixing"]] = rng.logistic(size=(400, 1)) * (1 if times == 1 else 0.2)
        found = {check.name: check for check in mixing_checks(density, theta)}
        assert found[code].state == "caution"
        assert all(check.state == "ok" for name, check in found.items() if name != code)


def test_finer_parts_stay_within_what_can_be_computed():
    assert finer_parts(2, 12, 1_000) == 24
    assert 7 <= finer_parts(4, 6, 200_000) < 12


@pytest.mark.parametrize("more", [{}, {"no_goal": True, "rule": "luce", "parts": 3}])
def test_two_routes_to_the_log_likelihood_of_the_truth_agree(more):
    choices = datasets.simulate(_study(4, **more), 40, seed=5, missing=0.2, groups=["u", "v"])
    assert identity_error(area_densities(choices)[0], choices) < 1e-12


def test_simulated_mixtures_have_the_shares_and_the_spread_asked_for():
    study = _study(2, parts=5, no_goal=True)
    truth = {"goal_share": [0.2, 0.5, 0.3], "goal_mixing": 0.6}
    choices = datasets.simulate(study, 40_000, seed=6, truth={"tax": truth})
    share = choices.truth.memberships["tax"].to_numpy()
    np.testing.assert_allclose(share.mean(axis=0), [0.2, 0.5], atol=0.01)
    held = share.sum(axis=1) > 0
    expected = 0.6 * (1 - 1 / 5) * (1 - (2 / 7) ** 2 - (5 / 7) ** 2)
    assert (1 - np.square(share[held]).sum(axis=1)).mean() == pytest.approx(expected, abs=0.01)
    np.testing.assert_allclose(share * 5, np.rint(share * 5), atol=1e-12)


def test_true_scores_of_soft_memberships_are_those_of_the_forward_model():
    choices, _ = _fitted()
    areas = [forward_model.ProblemArea("tax", ["a", "b"], 1.0)]
    scores = forward_model.score(true_memberships(choices), choices.truth.weights, areas)
    expected = true_scores(choices)["sample"]["overall"]["misalignment"][0]
    assert float(scores["misalignment"].sel(area="tax")) == pytest.approx(expected, abs=1e-14)
