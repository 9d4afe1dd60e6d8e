"""Every question that is asked of a stored result, at its bound and beyond."""

from __future__ import annotations

import functools
import json
from collections import Counter

import numpy as np
import pytest
import xarray as xr
from dissensus.inference.audit import agreement, audit
from dissensus.inference.density import area_density
from dissensus.inference.result import attribute

from dissensus import datasets, inference

from .builders import make_area, make_study


@functools.cache
def _sound():
    """Two areas, one of them with one answer per agent, by importance draws."""
    study = make_study(make_area(*["x y"] * 4), make_area("x y z", name="b"))
    return inference.fit(datasets.simulate(study, 80, seed=6), seed=4, draws=2_000)


def _found(fit):
    """Return the checks of an audit by name; those of several areas or groups under one name each."""
    checks = audit(fit)
    number = Counter(check.name for check in checks)
    return {
        check.name if number[check.name] == 1 else f"{check.name} {check.area or place}": check
        for place, check in enumerate(checks)
    }


def _failing(fit):
    return {name: check.state for name, check in _found(fit).items() if check.state != "ok"}


def _said(area="a", **changes):
    """Return the result with other things said of the draws of one area."""
    fit = _sound().copy(deep=True)
    said = attribute(fit, "diagnostics")
    for key, value in changes.items():
        said[area][key] = value
        if value is None:
            del said[area][key]
    fit.attrs["diagnostics"] = json.dumps(said)
    return fit


def _edited(group, edit):
    fit = _sound().copy(deep=True)
    data = fit[group].to_dataset().copy(deep=True)
    fit[group] = type(fit)(edit(data) or data)
    return fit


def _put(name, value, **at):
    def edit(data):
        data[name].loc[at] = value

    return edit


def test_a_sound_result_answers_every_question():
    found = _found(_sound())
    assert {check.state for check in found.values()} == {"ok"}
    assert {check.message for check in found.values()} == {""}
    of_areas = {
        "moving-draws",
        "near-mode",
        "stored-pareto-k",
        "stored-effective",
        "effective-scores",
        "different-draws",
    }
    assert {name.split()[0] for name in found} == of_areas | {
        *("schema", "data-hash", "stored-checks", "all-draws", "finite-draws"),
        *("all-draws-unconstrained", "finite-draws-unconstrained"),
        *("all-scores", "finite-scores", "scores-in-range", "moving-scores"),
    }
    assert all({f"{name} a", f"{name} b"} <= set(found) for name in of_areas)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"khat": 0.7}, {}),
        ({"khat": 0.701}, {"stored-pareto-k a": "refused"}),
        ({"khat": None}, {"stored-pareto-k a": "refused"}),
        ({"khat": 5.0, "equal_weights": True}, {}),
        ({"importance_effective": 400.0}, {}),
        ({"importance_effective": 399.9}, {"stored-effective a": "refused"}),
        ({"importance_effective": None}, {"stored-effective a": "refused"}),
        ({"effective_scores": {"x": 400.0, "y": 9e9}}, {}),
        ({"effective_scores": {"x": 399.9, "y": 9e9}}, {"effective-scores a": "caution"}),
        ({"effective_scores": {"x": 9e9, "y": 100.0}}, {"effective-scores a": "caution"}),
        ({"effective_scores": {"x": 9e9, "y": 99.9}}, {"effective-scores a": "refused"}),
        ({"effective_scores": {"x": 0.5}}, {"effective-scores a": "refused"}),
        ({"effective_scores": {"x": 0.0}}, {"effective-scores a": "refused"}),
        ({"effective_scores": {"x": None}}, {"effective-scores a": "refused"}),
        ({"effective_scores": None}, {"effective-scores a": "refused"}),
    ],
)
def test_what_importance_draws_say_of_themselves(changes, expected):
    assert _failing(_said(**changes)) == expected


@pytest.mark.parametrize(("effective", "error"), [(100.0, "10%"), (16.0, "25%"), (0.25, "200%"), (0.0, "nan%")])
def test_the_error_of_a_score_is_that_of_its_effective_draws(effective, error):
    check = _found(_said(effective_scores={"x": effective}))["effective-scores a"]
    assert (check.value, check.threshold) == (effective, 400)
    assert f"its Monte Carlo error is {error} of its sd" in check.message


def test_draws_lie_no_further_below_the_mode_than_their_number_of_coordinates_allows():
    fit = _sound()
    size = attribute(fit, "diagnostics")["a"]["parameters"]
    mean = attribute(fit, "diagnostics")["a"]["mean_log_density"]
    bound = 3 * size + 30
    sound = _found(fit)["near-mode a"]
    assert sound.threshold == bound
    assert sound.value == pytest.approx(attribute(fit, "diagnostics")["a"]["log_density"] - mean)
    assert _failing(_said(log_density=mean + bound - 0.01)) == {}
    assert _failing(_said(log_density=mean + bound + 0.01)) == {"near-mode a": "refused"}
    assert _failing(_said(log_density=None)) == {"near-mode a": "refused"}


@pytest.mark.parametrize(("relative", "own"), [(0.9e-6, True), (-0.9e-6, True), (1.1e-6, False), (-1.1e-6, False)])
def test_draws_have_the_mean_log_density_that_is_stated(relative, own):
    mean = attribute(_sound(), "diagnostics")["a"]["mean_log_density"]
    assert abs(mean) > 1
    expected = {} if own else {"own-draws a": "refused"}
    changed = _found(_said(mean_log_density=mean * (1 + relative)))
    assert {c.name + " a": c.state for c in changed.values() if c.state != "ok"} == expected
    assert {c.name for c in _found(_said(mean_log_density=None)).values() if c.state != "ok"} == {"own-draws"}


@pytest.mark.parametrize(("different", "state"), [(100, "ok"), (99, "refused")])
def test_draws_are_at_least_a_hundred_different_ones(different, state):
    """n equal shares of the draws are n different draws."""
    fit = _sound().copy(deep=True)
    group = fit["unconstrained_posterior"].to_dataset().copy(deep=True)
    theta = group["theta"].values
    theta[:] = theta[:, np.arange(theta.shape[1]) % different]
    whole = (theta.shape[1] // different) * different
    group = group.isel(draw=slice(whole))
    fit["unconstrained_posterior"] = type(fit)(group)
    found = _found(fit)
    assert found["different-draws a"].state == state
    assert found["different-draws a"].value == pytest.approx(different)


def test_one_draw_often_and_many_once_are_few_different_draws():
    """Half of the draws one and the same: (Σ n)² / Σ n² is near 4, however many others there are."""

    def edit(data):
        values = data["theta"].values
        values[:, : values.shape[1] // 2] = values[:, :1]

    check = _found(_edited("unconstrained_posterior", edit))["different-draws a"]
    assert check.state == "refused"
    assert 3.5 < check.value < 4.0


def test_a_variable_that_stands_still_is_found():
    def edit(data):
        data["theta"].values[..., 1] = 0.5

    assert "moving-draws a" in _failing(_edited("unconstrained_posterior", edit))
    assert "moving-draws b" not in _failing(_edited("unconstrained_posterior", edit))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1.0, {}),
        (0.0, {}),
        (1 + 0.9e-9, {}),
        (-0.9e-9, {}),
        (1 + 1.1e-9, {"scores-in-range": "refused"}),
        (-1.1e-9, {"scores-in-range": "refused"}),
        (np.nan, {"finite-scores": "refused"}),
        (np.inf, {"finite-scores": "refused", "scores-in-range": "refused"}),
    ],
)
@pytest.mark.parametrize("score", ["contention", "overall_contention"])
def test_scores_are_numbers_from_0_to_1(score, value, expected):
    where = {"area": "a"} if score == "contention" else {}
    fit = _edited("scores", _put(score, value, chain=0, draw=5, estimand="population", **where))
    assert _failing(fit) == expected
    for name in expected:
        assert score in _found(fit)[name].message


@pytest.mark.parametrize("score", ["relative_misalignment", "observed_conflict"])
def test_some_scores_may_be_undefined_at_some_draws(score):
    assert _failing(_edited("scores", _put(score, np.nan, chain=0, draw=5))) == {}


@pytest.mark.parametrize(
    ("score", "area", "named"),
    [("contention", "a", "contention"), ("contention", "b", "contention"), ("misalignment", "a", "misalignment")],
)
def test_scores_that_every_area_defines_must_be_there(score, area, named):
    fit = _edited("scores", _put(score, np.nan, area=area))
    assert _failing(fit) == {"all-scores": "refused"}
    assert _found(fit)["all-scores"].message == f"The score {named} has no draws."


def test_an_area_of_single_answers_has_no_misalignment_and_needs_none():
    values = _sound()["scores"]["misalignment"].sel(area="b")
    assert values.isnull().all()
    assert _failing(_sound()) == {}


def test_an_overall_score_must_be_there():
    fit = _edited("scores", _put("overall_contention", np.nan, estimand="sample"))
    assert _found(fit)["all-scores"].message == "The score overall_contention has no draws."


def test_a_score_of_one_constant_value_is_not_held_against_the_result():
    """One goal, or no conflict: the score is the same at every draw, as it must be."""
    assert _failing(_edited("scores", _put("contention", 0.25, area="a"))) == {}


@pytest.mark.parametrize("group", ["posterior", "unconstrained_posterior"])
def test_all_draws_are_there(group):
    fit = _edited(group, lambda data: data.isel(draw=slice(1, None)))
    found = [check for check in audit(fit) if check.name.startswith("all-draws") and check.state != "ok"]
    shape = attribute(fit, "shape")
    assert [check.state for check in found] == ["refused"]
    text = f"The {group} holds {shape[0]} chains of {shape[1] - 1} draws, not {shape[0]} of {shape[1]}"
    assert text in found[0].message


@pytest.mark.parametrize(
    ("lost", "area", "needed"),
    [
        ("option-shares", "a", True),
        ("option-shares", "b", True),
        ("weights-from-prior", "a", True),
        ("depends-on-model", "a", True),
        ("weights-from-prior", "b", False),
    ],
)
def test_every_area_has_the_checks_it_needs(lost, area, needed):
    fit = _edited("checks", lambda d: d.isel(check=~((d["name"].values == lost) & (d["area"].values == area))))
    found = _failing(fit)
    assert found == ({"stored-checks": "refused"} if needed else {})
    if needed:
        assert _found(fit)["stored-checks"].message == f"The check '{lost}' is missing from the result."
        assert _found(fit)["stored-checks"].area == area


def test_a_check_of_an_unknown_state_is_found():
    def edit(data):
        data["state"].values[3] = "fine"

    assert _failing(_edited("checks", edit)) == {"stored-checks": "refused"}


def test_a_result_of_another_layout_is_looked_at_no_further():
    fit = _sound().copy(deep=True)
    fit.attrs["schema"] = json.dumps(attribute(fit, "schema") + 1)
    assert _failing(fit) == {"schema": "refused"}
    assert len(audit(fit)) == 1


def test_what_cannot_be_read_is_refused_in_a_sentence():
    fit = _sound().copy(deep=True)
    del fit["constant_data"]
    (check,) = audit(fit)
    assert (check.name, check.state, check.area) == ("readable", "refused", None)


def _columns(*shifts, draws=250, seed=1):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((4, draws)) + shift * np.arange(4)[:, None] for shift in shifts]


@pytest.mark.parametrize("name", ["tax", None])
def test_chains_that_agree_and_hold_enough_draws_pass(name):
    rhat, ess = agreement(name, _columns(0, 0, 0), "stored")
    assert [(c.name, c.state, c.area, c.message) for c in (rhat, ess)] == [
        ("stored-r-hat", "ok", name, ""),
        ("stored-ess", "ok", name, ""),
    ]
    assert (rhat.threshold, ess.threshold) == (1.05, 200)
    assert 0.99 < rhat.value < 1.02
    assert 500 < ess.value < 1_100


@pytest.mark.parametrize("name", ["tax", None])
def test_the_worst_quantity_decides(name):
    rhat, ess = agreement(name, _columns(0, 0.5, 0), "scores")
    assert (rhat.state, rhat.area) == ("refused", name)
    assert rhat.value > 1.05
    assert f"R-hat of the draws kept is {rhat.value:.3f}" in rhat.message
    still = _columns(0, 0)
    still[1] = np.repeat(still[1][:, ::10], 10, axis=1)  # each draw ten times: a tenth of the information
    rhat, ess = agreement(name, still, "scores")
    assert ess.state == "refused"
    assert 50 < ess.value < 200
    assert ess.message == f"The effective sample size of the draws kept is {ess.value:.0f}."


def test_few_draws_in_the_tails_are_too_few():
    """Bulk and tail are both looked at: here one long stay in the tail per chain."""
    sticky = _columns(0, seed=3)
    sticky[0][:, :40] = 4.0 + 1e-3 * np.arange(40)
    assert agreement("tax", sticky, "stored")[1].state == "refused"


def test_chains_that_cannot_be_judged_are_refused():
    broken = _columns(0, 0)
    broken[1][2, 7] = np.nan
    assert [check.state for check in agreement("tax", broken, "stored")] == ["refused", "refused"]


def test_nothing_to_judge_is_nothing_wrong():
    rhat, ess = agreement(None, [], "scores")
    assert (rhat.state, rhat.value, ess.state, ess.value) == ("ok", 1.0, "ok", np.inf)


def test_the_audit_of_an_area_is_that_of_its_own_draws():
    """Areas stand side by side in one vector; what is changed in the second is not found in the first."""
    sizes = [attribute(_sound(), "diagnostics")[name]["parameters"] for name in ("a", "b")]
    fit = _sound()
    study = datasets.Study.from_dict(attribute(fit, "study"))
    choices = datasets.simulate(study, 80, seed=6)
    assert sizes == [area_density(choices, area, choices.study.priors).size for area in choices.areas]

    def edit(data):
        data["theta"].values[..., sizes[0] :] += 1.0

    assert _failing(_edited("unconstrained_posterior", edit)) == {"own-draws": "refused"}


def _in_four_chains(edit=lambda data: None):
    """Return the result with its scores as if they were those of four chains."""

    def reshaped(data):
        draws = data.sizes["draw"] // 4
        rows = [data.isel(chain=0, draw=slice(c * draws, (c + 1) * draws), drop=True) for c in range(4)]
        rows = [row.assign_coords(draw=np.arange(draws)) for row in rows]
        chains = xr.concat(rows, dim="chain", join="outer")
        chains = chains.assign_coords(chain=np.arange(4)).copy(deep=True)
        edit(chains)
        return chains

    return _edited("scores", reshaped)


def test_scores_of_several_chains_agree():
    found = _found(_in_four_chains())
    assert found["scores-r-hat"].state == found["scores-ess"].state == "ok"
    assert found["scores-r-hat"].area is None
    assert 1 < found["scores-r-hat"].value < 1.05
    assert 200 < found["scores-ess"].value < np.inf
    assert "scores-r-hat" not in _found(_sound())  # importance draws are one chain


def _shift(score, **at):
    def edit(data):
        values = data[score].loc[{**at, "chain": 3}]
        data[score].loc[{**at, "chain": 3}] = values * 0.5

    return edit


@pytest.mark.parametrize(
    ("score", "at"),
    [
        ("contention", {"area": "b", "estimand": "population"}),
        ("misalignment", {"area": "a", "estimand": "sample"}),
        ("overall_contention", {"estimand": "sample"}),
    ],
)
def test_a_score_on_which_chains_disagree_is_found(score, at):
    found = _failing(_in_four_chains(_shift(score, **at)))
    assert found["scores-r-hat"] == "refused"
    assert set(found) <= {"scores-r-hat", "scores-ess"}


def test_a_score_that_is_undefined_at_some_draws_is_not_compared():
    assert _failing(_in_four_chains(_put("relative_misalignment", np.nan, chain=2, draw=5))) == {}


def test_a_score_that_stands_still_in_one_chain_is_found():
    found = _failing(_in_four_chains(_put("contention", 0.4, chain=1, area="a", estimand="sample")))
    assert found["moving-scores"] == "refused"
    assert (
        "A chain of contention does not move."
        == _found(_in_four_chains(_put("contention", 0.4, chain=1, area="a", estimand="sample")))[
            "moving-scores"
        ].message
    )


def test_an_area_of_one_unknown_is_asked_everything():
    study = make_study(make_area("x y", name="one"))
    fit = inference.fit(datasets.simulate(study, 60, seed=3), seed=3, draws=2_000)
    assert attribute(fit, "diagnostics")["one"]["parameters"] == 1
    assert Counter(check.area for check in audit(fit))["one"] == 6
    assert _failing(fit) == {}
