"""Checks fail when they should, one by one, and when they cannot be computed."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from dissensus.forward_model.pair_sums import PairScores
from dissensus.inference import checks as module
from dissensus.inference.area_fit import AreaFit
from dissensus.inference.area_scores import area_scores, population_scores
from dissensus.inference.checks import (
    Check,
    at_least,
    at_most,
    from_dataset,
    prior_checks,
    sampling_checks,
    sentences,
    to_dataset,
    worst,
)
from dissensus.inference.importance import importance_draws, resample
from dissensus.inference.mode import Mode, find_modes
from dissensus.inference.nuts import NutsDraws
from dissensus.inference.parameters import draw_prior
from dissensus.inference.sensitivity import SCORES, prior_population_scores

from dissensus import datasets

from .builders import density_of, make_area, make_choices, make_study

DRAWS = 1_000


@functools.cache
def _weighted():
    """Return a good fit by importance draws of an area with weights, and its scores."""
    study = make_study(make_area("x y z", "y z x", "z x y", "x y z"))
    density = density_of(datasets.simulate(study, 200, seed=1, truth={"a": {"weight_mean": 0.7}}))
    rng = np.random.default_rng(1)
    modes = find_modes(density, rng)
    weighted = importance_draws(density, modes, rng, draws=2 * DRAWS)
    theta = resample(weighted, DRAWS, rng)
    fitted = AreaFit(density, modes, "importance", theta[None], weighted, None)
    return fitted, area_scores(density, theta, rng)


@functools.cache
def _chains():
    """Return the same draws as if NUTS had made them: four chains that agree."""
    fitted, scores = _weighted()
    rng = np.random.default_rng(2)
    theta = rng.permutation(fitted.flat).reshape(4, DRAWS // 4, -1)
    flags = np.zeros(theta.shape[:2], dtype=bool)
    run = NutsDraws(theta, flags, rng.standard_normal(theta.shape[:2]), flags)
    return replace(fitted, method="nuts", theta=theta, nuts=run, rhat=1.0, ess=900.0), scores


def _states(fitted, scores):
    return {check.name: check.state for check in sampling_checks(fitted, scores)}


def test_good_draws_pass():
    assert _states(*_weighted()) == {"finite": "ok", "pareto-k": "ok", "effective-draws": "ok", "hessian": "ok"}
    names = {"finite", "r-hat", "r-hat-scores", "ess", "mcse", "divergences", "e-bfmi", "tree-depth", "moving"}
    assert _states(*_chains()) == dict.fromkeys(names, "ok")


def _importance(**changes):
    def change(fitted, scores):
        return replace(fitted, importance=replace(fitted.importance, **changes)), scores

    return change


def _theta_with(value):
    def change(fitted, scores):
        theta = fitted.theta.copy()
        theta[0, 3, 1] = value
        return replace(fitted, theta=theta), scores

    return change


def _scores_with(estimand, score, value):
    def change(fitted, scores):
        part = getattr(scores, estimand)
        values = getattr(part.overall, score).copy()
        values[5] = value
        overall = part.overall._replace(**{score: values})
        return fitted, replace(scores, **{estimand: part._replace(overall=overall)})

    return change


def _flat_modes(fitted, scores):
    return replace(fitted, modes=tuple(replace(m, covariance=None, log_mass=-np.inf) for m in fitted.modes)), scores


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("pareto-k", _importance(khat=0.71)),
        ("pareto-k", _importance(khat=np.nan)),
        ("pareto-k", _importance(khat=np.inf)),
        ("effective-draws", _importance(effective=399.9)),
        ("effective-draws", _importance(effective=np.nan)),
        ("finite", _theta_with(np.nan)),
        ("finite", _theta_with(np.inf)),
        ("finite", _scores_with("sample", "contention", np.nan)),
        ("finite", _scores_with("population", "contention", np.nan)),
        ("finite", _scores_with("sample", "misalignment", np.inf)),
        ("finite", _scores_with("population", "misalignment", np.nan)),
        ("hessian", _flat_modes),
    ],
)
def test_faulty_importance_draws_are_refused(name, change):
    states = _states(*change(*_weighted()))
    assert states.pop(name) == "refused"
    assert set(states.values()) == {"ok"}


def test_without_importance_draws_nothing_can_be_judged():
    """What "laplace" leaves when no mode has a usable Hessian."""
    fitted, scores = _weighted()
    fitted = _flat_modes(replace(fitted, importance=None), scores)[0]
    states = _states(fitted, scores)
    assert {states[name] for name in ("pareto-k", "effective-draws", "hessian")} == {"refused"}


def _run(**changes):
    def change(fitted, scores):
        made = {name: make(getattr(fitted.nuts, name).copy()) for name, make in changes.items()}
        return replace(fitted, nuts=replace(fitted.nuts, **made)), scores

    return change


def _put(at, value):
    def change(values):
        values[at] = value
        return values

    return change


def _with(**changes):
    return lambda fitted, scores: (replace(fitted, **changes), scores)


def _shifted_scores(fitted, scores):
    """Scores whose chains disagree though the parameters' agree."""
    values = scores.sample.overall.contention.reshape(4, -1) + 0.1 * np.arange(4)[:, None]
    overall = scores.sample.overall._replace(contention=values.ravel())
    return fitted, replace(scores, sample=scores.sample._replace(overall=overall))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("r-hat", _with(rhat=1.011)),
        ("r-hat", _with(rhat=np.nan)),
        ("r-hat-scores", _shifted_scores),
        ("ess", _with(ess=399.0)),
        ("ess", _with(ess=np.nan)),
        ("ess", _with(ess=0.0)),
        ("divergences", _run(diverging=_put((2, 7), True))),
        ("e-bfmi", _run(energy=lambda e: np.cumsum(e, axis=1))),
        ("e-bfmi", _run(energy=_put((1, 1), np.nan))),
        ("tree-depth", _run(depth_reached=_put((0, slice(0, 20)), True))),
        ("moving", _run(theta=_put((3, slice(None), 0), 0.25))),
        ("moving", _run(theta=_put((3, 9, 0), np.nan))),
        ("finite", _theta_with(np.nan)),
    ],
)
def test_faulty_chains_are_refused(name, change):
    states = _states(*change(*_chains()))
    assert states.pop(name) == "refused"
    if name in {"moving", "ess"}:  # the scores of a chain that stands still disagree with those of the others
        also = {"r-hat", "ess", "mcse"} if name == "moving" else {"mcse"}  # which is 1 / √ess
        states = {other: state for other, state in states.items() if other not in also}
    assert set(states.values()) == {"ok"}


@pytest.mark.parametrize(
    "change",
    [
        _with(nuts=None),
        _with(rhat=None),
        _with(ess=None),
        lambda fitted, scores: (replace(fitted, theta=fitted.theta[:3]), scores),
    ],
)
def test_missing_chains_are_refused(change):
    assert _states(*change(*_chains())) == {"finite": "ok", "chains": "refused"}


def test_the_state_of_a_fit_is_that_of_its_worst_check():
    assert worst([]) == "ok"
    assert worst(["ok", "note"]) == "ok"
    assert worst(["ok", "caution", "note"]) == "caution"
    assert worst(["refused", "caution"]) == "refused"
    with pytest.raises(ValueError, match="not in tuple"):
        worst(["fine"])


@pytest.mark.parametrize(("test", "good", "bad"), [(at_most, 0.5, 0.8), (at_least, 0.8, 0.5)])
def test_bounds_are_included_and_nan_is_outside(test, good, bad):
    def state(value):
        return test("name", "area", value, 0.7, "words", state="caution").state

    assert state(good) == state(0.7) == "ok"
    assert state(bad) == state(np.nan) == "caution"
    assert test("name", "area", bad, 0.7, "words").state == "refused"
    assert test("name", "area", good, 0.7, "words").message == ""
    assert test("name", "area", np.nan, 0.7, "words").message == "words"


def test_what_is_said_of_several_areas_is_said_once():
    checks = [
        Check("a", "caution", "tax", "Too few items."),
        Check("b", "caution", None, "There are two agents."),
        Check("a", "caution", "vote", "Too few items."),
        Check("c", "caution", "tax", "No sign of goals."),
    ]
    assert sentences(checks) == ["tax, vote: Too few items.", "There are two agents.", "tax: No sign of goals."]


def _two_modes(gap):
    """Return the fit with a second mode that differs in its goal shares by ``gap`` on the real line."""
    fitted, scores = _weighted()
    best = fitted.modes[0]
    theta = best.theta.copy()
    theta[fitted.density.parameters.slices["share"].start] += gap
    second = Mode(theta, best.log_density - 1, best.covariance, best.log_mass - 1)
    return replace(fitted, modes=(best, second)), scores


def test_a_second_mode_with_another_score_is_a_caution_that_shows_both():
    (check,) = [check for check in sampling_checks(*_two_modes(5.0)) if check.name == "second-mode"]
    assert check.state == "caution"
    assert check.scores == SCORES
    assert "2 modes" in check.message
    assert all(score.replace("_", " ") in check.message for score in SCORES)


def test_a_second_mode_with_the_same_score_or_little_mass_is_none():
    assert "second-mode" not in _states(*_two_modes(0.001))
    fitted, scores = _two_modes(5.0)
    far = replace(fitted.modes[1], log_mass=fitted.modes[0].log_mass - 5.1)
    assert "second-mode" not in _states(replace(fitted, modes=(fitted.modes[0], far)), scores)


def _prior_states(fitted, scores, theta):
    return prior_checks(fitted, scores, theta, np.random.default_rng(3))


def test_scores_that_the_data_determine_pass():
    fitted, scores = _weighted()
    checks = _prior_states(fitted, scores, fitted.flat)
    assert {check.state for check in checks} == {"ok"}
    assert [check.name for check in checks] == ["contraction"] * 3 + ["weights-from-prior"]


def test_draws_from_the_prior_are_found_out():
    """A posterior that is the prior: no contraction of scores or of weights."""
    fitted, _ = _weighted()
    rng = np.random.default_rng(4)
    theta = draw_prior(fitted.density.parameters, DRAWS, rng)
    checks = _prior_states(replace(fitted, theta=theta[None]), area_scores(fitted.density, theta, rng), theta)
    flagged = {(check.name, check.scores) for check in checks if check.state == "caution"}
    assert {("contraction", (score,)) for score in SCORES} <= flagged
    assert ("weights-from-prior", ("misalignment", "relative_misalignment")) in flagged


def test_a_contraction_that_cannot_be_computed_is_a_caution():
    fitted, scores = _scores_with("population", "relative_misalignment", np.nan)(*_weighted())
    flagged = {check.name: check for check in _prior_states(fitted, scores, fitted.flat) if check.state != "ok"}
    assert flagged["contraction"].scores == ("relative_misalignment",)


def test_without_weights_only_contention_is_checked():
    density = density_of(make_choices(make_study(make_area("x y")), {"a0": np.repeat([0, 1], [12, 5])}))
    rng = np.random.default_rng(5)
    modes = find_modes(density, rng)
    weighted = importance_draws(density, modes, rng, draws=DRAWS)
    fitted = AreaFit(density, modes, "importance", weighted.theta[None], weighted, None)
    checks = _prior_states(fitted, area_scores(density, weighted.theta, rng), weighted.theta)
    assert [(check.name, check.scores) for check in checks] == [("contraction", ("contention",))]


def test_a_score_that_cannot_vary_is_not_held_against_the_data():
    """One goal: every score is 0 under the prior too."""
    density = density_of(datasets.simulate(make_study(make_area("x -", "- x", "x -")), 50, seed=1))
    rng = np.random.default_rng(6)
    theta = draw_prior(density.parameters, 200, rng)
    fitted = AreaFit(density, find_modes(density, rng), "importance", theta[None], None, None)
    checks = _prior_states(fitted, area_scores(density, theta, rng), theta)
    assert {check.name for check in checks} == {"weights-from-prior"}


def test_checks_survive_storage():
    checks = [
        Check("pareto-k", "refused", "tax", "Pareto k̂ is 0.93.", 0.93, 0.7),
        Check("two-agents", "note", None, 'With "quotes", commas and ⅔.', scores=("contention",), blank=True),
        Check("hessian", "refused", "tax", "", np.nan, np.nan, (), False),
    ]
    stored = to_dataset(checks)
    again = from_dataset(stored)
    assert [repr(check) for check in again] == [repr(check) for check in checks]
    assert from_dataset(to_dataset([])) == ()
    assert isinstance(stored, xr.Dataset) and stored.sizes == {"check": 3}


def test_pair_scores_of_the_checks_are_named_as_the_scores():
    assert set(SCORES) <= set(PairScores._fields)


def _by_name(fitted, scores):
    return {check.name: check for check in sampling_checks(fitted, scores)}


@pytest.mark.parametrize(
    "change",
    [_importance(khat=0.7), _importance(khat=-np.inf), _importance(effective=400.0)],
    ids=["k̂", "low k̂", "draws"],
)
def test_bounds_of_importance_draws_are_included(change):
    assert set(_states(*change(*_weighted())).values()) == {"ok"}


@pytest.mark.parametrize(
    "change",
    [
        _with(rhat=1.01),
        _with(ess=400.0),
        _run(depth_reached=_put((0, slice(0, 10)), True)),
    ],
    ids=["r-hat", "ess", "1 % of trajectories"],
)
def test_bounds_of_chains_are_included(change):
    assert set(_states(*change(*_chains())).values()) == {"ok"}


def test_each_check_of_chains_shows_the_number_it_looked_at():
    fitted, scores = _chains()
    energy = fitted.nuts.energy
    found = _by_name(
        *_run(diverging=_put((slice(0, 3), 7), True), depth_reached=_put((0, slice(0, 20)), True))(fitted, scores)
    )
    bfmi = (
        np.square(np.diff(energy, axis=1)).sum(axis=1)
        / np.square(energy - energy.mean(axis=1, keepdims=True)).sum(axis=1)
    ).min()
    assert found["divergences"].value == 3
    assert found["tree-depth"].value == pytest.approx(20 / DRAWS)
    assert found["e-bfmi"].value == pytest.approx(bfmi, rel=0.02)
    assert found["moving"].value == pytest.approx(fitted.nuts.theta.std(axis=1).min())
    assert 1.0 <= found["r-hat"].value <= 1.01
    assert 400 <= found["ess"].value <= 900
    assert found["mcse"].value == pytest.approx(1 / np.sqrt(found["ess"].value))
    assert {name: check.threshold for name, check in found.items() if name != "finite"} == {
        **{"r-hat": 1.01, "r-hat-scores": 1.05, "ess": 400, "mcse": 0.05, "divergences": 0},
        **{"e-bfmi": 0.3, "tree-depth": 0.01, "moving": 1e-12},
    }
    assert "3 draws diverged" in found["divergences"].message
    assert "2% of trajectories" in found["tree-depth"].message


@pytest.mark.parametrize(("ess", "rhat"), [(450.0, 1.005), (5e3, 1.0)])
def test_the_worst_of_parameters_and_scores_decides(ess, rhat):
    """What the fit says of its parameters, or the scores at every draw, whichever is worse."""
    found = _by_name(*_with(ess=ess, rhat=rhat)(*_chains()))
    own = _by_name(*_with(ess=1e9, rhat=0.0)(*_chains()))
    assert own["ess"].value < 2 * DRAWS
    assert own["r-hat"].value > 0.99
    assert found["ess"].value == min(ess, own["ess"].value)
    assert found["r-hat"].value == max(rhat, own["r-hat"].value)


def test_scores_that_cannot_vary_have_no_r_hat():
    """Without any conflict every score is 0 at every draw, which no chain disagrees on."""
    fitted, _ = _chains()
    area = replace(fitted.density.area, conflict=np.zeros_like(fitted.density.area.conflict))
    fitted = replace(fitted, density=replace(fitted.density, area=area))
    scores = area_scores(fitted.density, fitted.flat, np.random.default_rng(1))
    assert not scores.sample.overall.contention.any()
    found = _by_name(fitted, scores)
    assert {check.state for check in found.values()} == {"ok"}
    assert (found["r-hat"].value, found["r-hat-scores"].value, found["ess"].value) == (1.0, 1.0, 900.0)


def _with_third_mode(shift, covariance):
    fitted, scores = _weighted()
    best = max(fitted.modes, key=lambda mode: mode.log_density)
    other = replace(best, log_density=best.log_density + shift, covariance=covariance, log_mass=-np.inf)
    return replace(fitted, modes=(*fitted.modes, other)), scores


@pytest.mark.parametrize(("shift", "state"), [(-1.0, "ok"), (0.0, "ok"), (1.0, "refused")])
def test_a_higher_mode_without_a_usable_hessian_is_refused_and_a_lower_one_is_not(shift, state):
    assert _states(*_with_third_mode(shift, None))["hessian"] == state


def test_an_area_without_parameters_needs_no_hessian():
    density = density_of(make_choices(make_study(make_area("x -")), {"a0": [0, 1, 0]}))
    assert density.size == 0
    rng = np.random.default_rng(7)
    fitted = AreaFit(density, (), "importance", np.zeros((1, 50, 0)), None, None)
    assert _states(fitted, area_scores(density, np.zeros((50, 0)), rng))["hessian"] == "ok"


def test_a_second_mode_shows_the_scores_of_both_and_the_largest_gap():
    fitted, scores = _two_modes(5.0)
    (check,) = [check for check in sampling_checks(fitted, scores) if check.name == "second-mode"]
    at = population_scores(fitted.density, np.stack([mode.theta for mode in fitted.modes])).overall
    gaps = {score: abs(np.diff(getattr(at, score)))[0] for score in SCORES}
    assert check.value == pytest.approx(max(gaps.values()))
    for score in SCORES:
        one, other = getattr(at, score)
        assert f"{score.replace('_', ' ')} {one:.2f}, {other:.2f}" in check.message


@pytest.mark.parametrize("factor", [0.99, 1.01])
def test_a_second_mode_within_one_standard_deviation_of_a_score_is_none(factor):
    fitted, scores = _two_modes(5.0)
    at = population_scores(fitted.density, np.stack([mode.theta for mode in fitted.modes])).overall
    overall = scores.population.overall
    for score in SCORES:
        gap, old = abs(np.diff(getattr(at, score)))[0], getattr(overall, score)
        overall = overall._replace(**{score: (old - old.mean()) / old.std() * gap * factor + 0.5})
    scores = replace(scores, population=scores.population._replace(overall=overall))
    assert ("second-mode" in _states(fitted, scores)) == (factor < 1)


def test_contraction_is_one_less_the_share_of_the_variance_that_is_left():
    fitted, scores = _weighted()
    checks = _prior_states(fitted, scores, fitted.flat)
    _, prior = prior_population_scores(fitted.density, np.random.default_rng(3))
    for check in checks[:3]:
        (score,) = check.scores
        expected = 1 - getattr(scores.population.overall, score).var() / getattr(prior, score).var()
        assert check.value == pytest.approx(expected)
        assert check.threshold == 0.1
    assert checks[3].threshold == 0.2
    assert 0.2 < checks[3].value < 1


def _blocks(fitted, scores, monkeypatch, **sensitivity):
    """Return the checks when the prior moves scores by so much; two blocks, three scores."""
    values = {
        (score, block): sensitivity.get(f"{score}_{block}", 0.0) for score in SCORES for block in ("goals", "weights")
    }
    monkeypatch.setattr(module, "prior_sensitivity", lambda *_: values)
    return [c for c in _prior_states(fitted, scores, fitted.flat) if c.name == "prior-sensitivity"]


def test_a_prior_that_moves_scores_is_named_with_those_it_moves(monkeypatch):
    bound = module.SENSITIVE
    assert _blocks(*_weighted(), monkeypatch, contention_goals=bound) == []
    (one,) = _blocks(*_weighted(), monkeypatch, contention_goals=bound + 0.01, misalignment_goals=bound + 0.2)
    assert (one.state, one.value, one.threshold) == ("caution", pytest.approx(bound + 0.2), bound)
    assert one.scores == ("contention", "misalignment")
    assert f"The prior of the goals moves the score (power-scaling sensitivity above {bound}" in one.message
    assert f"contention {bound + 0.01:.3f}, misalignment {bound + 0.2:.3f}" in one.message
    two = _blocks(*_weighted(), monkeypatch, contention_goals=np.nan, misalignment_weights=1.0)
    assert [check.scores for check in two] == [("contention",), ("misalignment",)]
