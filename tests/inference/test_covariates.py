"""Goals and weights that depend on covariates: what they do, what is said of it, and where it cannot be told."""

from dataclasses import replace

import numpy as np
import pytest
from dissensus.datasets.covariates import Covariate, numeric
from dissensus.inference import covariates, direct_rows
from dissensus.inference.area_scores import (
    area_scores,
    group_values,
    population_scores,
    stratum_shares,
    stratum_totals,
)
from dissensus.inference.calibration_truth import true_log_likelihood, true_scores, true_theta
from dissensus.inference.density import hessian, log_density, row_log_likelihood, value_and_gradient
from dissensus.inference.design import covariate_effects
from dissensus.inference.design_notes import design_checks
from dissensus.inference.fit import fit
from dissensus.inference.mode import find_modes
from dissensus.inference.model import area_densities
from dissensus.inference.parameters import constrain, draw_prior
from dissensus.inference.posterior_states import draw_states
from dissensus.inference.report_text import scores_report
from dissensus.inference.result import choices_of, densities_of, thetas_of
from rich.console import Console

from dissensus import datasets, inference
from dissensus.errors import InputError

from .builders import CASES, density_of, make_area, make_choices, make_study, random_answers

_TABLE = {
    "depends_on": ["age", "region"],
    "covariates": {"age": {"kind": "numeric"}, "region": {"levels": ["n", "s", "w"]}},
}
_FOUR = ["x y z"] * 4
_TRUTH = {
    "goal_share": [0.6, 0.4],
    "weight_mean": 0.6,
    "covariate_goal": [[0.5, -0.5], [0.4, -0.4], [-0.4, 0.4], [0.0, 0.0]],
    "covariate_weight": [0.4, 0.0, 0.0, 0.0],
}


def _study(*items, **settings):
    raw = make_study(make_area(*(items or _FOUR), **settings)).to_dict()
    return datasets.Study.from_dict({**raw, "table": {"agent": "agent", **_TABLE}})


@pytest.fixture(scope="module")
def fitted():
    study = _study(*["x y"] * 4, baseline="uniform")
    age = 20.0 + 10 * (np.arange(160) % 3)
    choices = datasets.simulate(
        study, 160, seed=5, groups=["left", "right"], truth={"a": _TRUTH}, covariates={"age": age}
    )
    return choices, fit(choices, seed=1, method="laplace", draws=500)


@pytest.mark.parametrize("dearer", [0, 60])
@pytest.mark.parametrize("case", [case for case in CASES if "covariates" in case])
def test_rows_one_by_one_and_all_pairs_are_one_density(case, dearer, monkeypatch):
    """By a product of all priors and patterns, and one by one where few of them meet."""
    monkeypatch.setattr(direct_rows, "_DEARER", dearer)
    density = density_of(CASES[case]())
    assert direct_rows.in_products(density.rows) == (dearer > 0)
    theta = draw_prior(density.parameters, 4, np.random.default_rng(1))
    direct, pairs = (replace(density, rows=replace(density.rows, direct=way)) for way in (True, False))
    for one, other in zip(value_and_gradient(direct, theta), value_and_gradient(pairs, theta), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-10, rtol=0)
    seeds = np.random.default_rng(2), np.random.default_rng(2)
    one, other = (draw_states(d, theta, rng) for d, rng in zip((direct, pairs), seeds, strict=True))
    np.testing.assert_allclose(one.row_goal, other.row_goal, atol=1e-10)
    np.testing.assert_allclose(one.count, other.count, atol=1e-10)


def test_many_strata_go_row_by_row_and_few_do_not():
    many = datasets.simulate(_study(), 300, seed=1, covariates={"age": np.arange(300.0)})
    few = datasets.simulate(_study(), 300, seed=1, covariates={"age": np.arange(300) % 2 + 0.0})
    assert area_densities(many)[0].rows.direct
    assert not area_densities(few)[0].rows.direct
    assert area_densities(many)[0].rows.n_priors == 300


@pytest.mark.parametrize("groups", [None, ["left", "right"]])
def test_truth_is_that_of_the_simulation(groups):
    """The log likelihood agent by agent, and the population scores from closed forms of every kind of agent."""
    choices = datasets.simulate(_study(), 200, seed=3, groups=groups, missing=0.3)
    (density,) = area_densities(choices)
    theta = true_theta(density, choices)[None]
    value = float(row_log_likelihood(density, theta)[0] @ density.rows.multiplicity)
    assert value == pytest.approx(true_log_likelihood(density, choices, choices.study), abs=1e-9)
    found, true = population_scores(density, theta), true_scores(choices)["population"]
    assert found.overall.contention[0] == pytest.approx(float(true["overall"]["contention"][0]), abs=1e-12)
    assert found.overall.misalignment[0] == pytest.approx(float(true["overall"]["misalignment"][0]), abs=1e-5)
    if groups:
        np.testing.assert_allclose(found.groups.contention[0], true["groups"]["contention"][..., 0], atol=1e-12)


def test_population_mixes_the_strata_of_a_group_by_survey_weights():
    study, weight = make_study(make_area(*_FOUR)), np.array([1.0, 2, 3, 4, 5, 6, 7, 8])
    age = np.array([0.0, 0, 1, 1, 0, 1, 0, 1])
    choices = make_choices(
        study,
        random_answers(study, 8, seed=1),
        groups=["u", "v"],
        group_of_agent=[0, 0, 0, 0, 1, 1, 1, 1],
        survey_weight=weight,
        covariates=(numeric("age", age),),
    )
    density = density_of(choices)
    theta = draw_prior(density.parameters, 3, np.random.default_rng(1))
    share, root = stratum_totals(density, theta)
    stratum = density.rows.group[density.rows.row_of_agent]
    mixed, _ = group_values(density, constrain(density.parameters, theta, density.n_options))
    for h, mine in enumerate((slice(0, 4), slice(4, 8))):
        w = weight[mine] / weight[mine].sum()
        np.testing.assert_allclose(mixed[:, h], np.einsum("a,dak->dk", w, share[:, stratum[mine]]), atol=1e-12)
    total = np.einsum("a,dak->dk", weight / weight.sum(), root[:, stratum])
    conflict = density.area.conflict
    expected = np.einsum("dk,kl,dl->d", total, conflict, total)
    np.testing.assert_allclose(population_scores(density, theta).overall.misalignment, expected, atol=1e-12)
    np.testing.assert_allclose(stratum_shares(density).sum(), 1)


def test_sample_scores_draw_each_agent_from_its_own_stratum():
    """All states known: those of age 0 hold x, those of age 1 hold y, and the draws must say so."""
    study = make_study(make_area(*["x y"] * 4), priors={"covariate_sd": 20.0})
    answers = {item.name: np.array([-1, 0, -1, 0]) for item in study.items}
    choices = make_choices(study, answers, covariates=(numeric("age", np.array([0.0, 0, 1, 1])),))
    assert choices.n_agents == 2  # silent agents are left out
    study = make_study(make_area(*["x y"] * 4), make_area("x y", name="b"), priors={"covariate_sd": 20.0})
    answers = {item.name: np.array([-1, 0, -1, 0]) for item in study.items} | {"b0": np.zeros(4, dtype=int)}
    choices = make_choices(study, answers, covariates=(numeric("age", np.array([0.0, 0, 1, 1])),))
    density = density_of(choices)
    theta = np.zeros((50, density.size))
    theta[:, density.parameters.slices["share_effect"]] = 2.0  # logits 20·x·z: shares of 1e−12 and of 1
    drawn = draw_states(density, theta, np.random.default_rng(1))
    goals = drawn.row_goal[density.rows.row_of_agent].argmax(axis=1)
    assert goals[0] != goals[2]
    assert (area_scores(density, theta, np.random.default_rng(1)).sample.overall.contention > 0.3).all()


def test_effects_are_recovered(fitted):
    _, result = fitted
    table = covariates(result, allow_unreliable=True)
    goals, weights = (table[table["of"] == of] for of in ("goal", "weight"))
    true = np.ravel(_TRUTH["covariate_goal"])
    assert (np.abs(goals["effect"].to_numpy() - true) < 3.5 * goals["sd"].to_numpy()).all()
    assert (np.abs(weights["effect"].to_numpy() - _TRUTH["covariate_weight"]) < 3.5 * weights["sd"].to_numpy()).all()
    assert goals["covariate"].drop_duplicates().str.startswith(("age", "region = ")).all()
    assert (goals["odds_lower"] < goals["odds_ratio"]).all()
    np.testing.assert_allclose(goals.groupby("covariate")["effect"].sum(), 0, atol=1e-9)


def test_a_result_keeps_the_covariates(fitted, tmp_path):
    choices, result = fitted
    inference.save(result, tmp_path / "r.nc")
    again = choices_of(inference.load(tmp_path / "r.nc"))
    assert [one.name for one in again.covariates] == ["age", "region"]
    for one, other in zip(again.covariates, choices.covariates, strict=True):
        assert (one.levels, one.centre, one.scale) == (other.levels, other.centre, other.scale)
        np.testing.assert_array_equal(one.value, other.value)
    (density,), (theta,) = densities_of(result, again), thetas_of(result, densities_of(result, again))
    assert density.parameters.design.names == area_densities(choices)[0].parameters.design.names
    posterior = result["posterior"].to_dataset()
    np.testing.assert_allclose(
        posterior["covariate_goal"].values.reshape(len(theta), 4, 2), covariate_effects(density.parameters, theta)[0]
    )
    np.testing.assert_allclose(posterior["group_goal_share"].sum("goal"), 1)


def test_notes_say_the_units_and_what_is_held_fixed(fitted):
    _, result = fitted
    said = " ".join(inference.to_json(result, allow_unreliable=True)["notes"])
    assert "'age' per" in said
    assert "held fixed at 0.5" in said


def test_what_if_nothing_changes_gives_the_scores_back(fitted):
    _, result = fitted
    changed = inference.what_if(result, weight_factor={"a": 1.0}, by="group", allow_unreliable=True)
    stored = result["scores"].to_dataset()
    for name in ("group_contention", "group_misalignment", "misalignment"):
        before = changed[name].sel(scenario="as fitted")
        np.testing.assert_allclose(before.values, stored[name].transpose(*before.dims).values, atol=1e-9)


def test_a_covariate_told_by_another_is_a_caution(fitted):
    choices, _ = fitted
    age = choices.covariates[0]
    same = replace(choices, covariates=(age, numeric("year", 2000 - age.value), choices.covariates[1]))
    (density,) = area_densities(same)
    theta = draw_prior(density.parameters, 50, np.random.default_rng(1))
    told = [check for check in design_checks(density, theta) if check.name == "collinear"]
    assert [check.state for check in told] == ["caution", "caution", "ok"]
    assert [check.value for check in told[:2]] == pytest.approx([1, 1])
    assert "'year'" in told[1].message
    (density,) = area_densities(choices)
    theta = draw_prior(density.parameters, 50, np.random.default_rng(1))
    assert {check.state for check in design_checks(density, theta) if check.name == "collinear"} == {"ok"}


def test_a_covariate_that_is_the_group_is_a_caution(fitted):
    choices, _ = fitted
    side = Covariate("side", ("l", "r"), choices.group_of_agent.astype(float))
    (density,) = area_densities(replace(choices, covariates=(side,)))
    theta = draw_prior(density.parameters, 50, np.random.default_rng(1))
    (found,) = [check for check in design_checks(density, theta) if check.name == "collinear"]
    assert found.state == "caution"
    assert found.value == pytest.approx(1)


def test_separated_levels_stay_bounded_and_the_prior_is_named():
    """All of one level answer x, all of the other y: the mode is finite, and the check says that the prior held it."""
    study = make_study(make_area(*["x y"] * 4), priors={"covariate_sd": 0.1})
    level = np.arange(200) % 2
    choices = make_choices(
        study,
        {item.name: level for item in study.items},
        covariates=(Covariate("level", ("l", "m"), level.astype(float)),),
    )
    density = density_of(choices)
    mode = find_modes(density, np.random.default_rng(1))[0].theta
    assert np.isfinite(mode).all()
    assert (np.linalg.eigvalsh(-hessian(density, mode)) > 0).all()
    (found,) = [check for check in design_checks(density, mode[None]) if check.name == "effect-size"]
    assert found.state == "caution"
    assert "covariate_sd" in found.message


def test_without_covariates_there_is_no_table():
    choices = datasets.simulate(make_study(make_area("x -", "- x")), 10, seed=1)
    with pytest.raises(InputError, match="depend on no covariates"):
        covariates(fit(choices, seed=1, method="laplace", draws=100), allow_unreliable=True)


def test_density_far_out_is_finite():
    density = density_of(CASES["covariates"]())
    theta = 8.0 * np.sign(np.random.default_rng(1).standard_normal((6, density.size)))
    assert np.isfinite(log_density(density, theta)).all()


def test_the_report_prints_odds_and_leaves_out_levels_of_few(fitted):
    choices, result = fitted
    console = Console(width=120, record=True)
    with console.capture() as capture:
        console.print(scores_report(result, width=120, allow_unreliable=True))
    said = capture.get()
    table = covariates(result, allow_unreliable=True).iloc[0]
    assert f"{table['odds_ratio']:.2f} [{table['odds_lower']:.2f}, {table['odds_upper']:.2f}]" in said
    assert "region = n" in said
    region = choices.covariates[1]
    few = result.copy(deep=True)
    few["constant_data"]["covariate_1"].values[:] = np.where(np.arange(160) < 5, 0, 1 + region.value % 2)
    with console.capture() as capture:
        console.print(scores_report(few, width=120, allow_unreliable=True))
    assert "fewer than 10 agents: region = n" in capture.get()


def test_what_the_answers_determined_of_the_effects_is_said(fitted):
    _, result = fitted
    table = inference.determined(result, allow_unreliable=True).set_index("block")["contraction"]
    assert table["effect of 'age' on goals"] > 0.5
    assert table["effect of 'region' on weights"] < table["effect of 'region' on goals"]
