"""Broken fits are refused, whatever broke them and whichever method made them; sound ones are not."""

from __future__ import annotations

import functools
import importlib
import json
from dataclasses import replace

import numpy as np
import pytest
from dissensus.inference.alternatives import fit_structure
from dissensus.inference.area_fit import fit_area
from dissensus.inference.checks import Check, from_dataset
from dissensus.inference.parameters import draw_prior
from dissensus.inference.result import attribute
from dissensus.inference.verdict import SEALED, SEALED_ATTRIBUTES, Verdict, close, verdict, weightiest_first

from dissensus import datasets, inference
from dissensus.errors import InputError, Refused

from .builders import make_area, make_study

module = importlib.import_module("dissensus.inference.fit")


@functools.cache
def choices(seed=6):
    """80 agents, 2 goals, 4 items: enough that goals are seen, few enough to be quick."""
    return datasets.simulate(make_study(make_area(*["x y"] * 4)), 80, seed=seed)


_ALTERNATIVES = {}


def alternative(density, rng, kind, **options):
    """Return a structural alternative, fitted once: it depends on the answers and the seed, not on what is broken."""
    if kind not in _ALTERNATIVES:
        _ALTERNATIVES[kind] = fit_structure(density, rng, kind, **options)
    return _ALTERNATIVES[kind]


@functools.cache
def sound_areas(method):
    found = []

    def keeping(*arguments, **options):
        found.append(fit_area(*arguments, **options))
        return found[-1]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "fit_area", keeping)
        patched.setattr(module, "fit_structure", alternative)
        tree = inference.fit(choices(), seed=4, method=method, draws=2_000)
    return found[0], tree


def broken(method, change):
    """Return the fit that comes out when the sampler hands over a changed area."""
    area, _ = sound_areas(method)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "fit_area", lambda *_, **__: change(area))
        patched.setattr(module, "fit_structure", alternative)
        return inference.fit(choices(), seed=4, method=method, draws=2_000)


def assert_refused(fit, why):
    found = verdict(fit)
    assert found.refused
    reasons = " ".join(found.reasons)
    assert any(word in reasons for word in why.split("|")), reasons
    assert inference.summarize(fit).empty
    answer = inference.to_json(fit)
    assert answer["state"] == "refused" and answer["scores"] == []
    with pytest.raises(Refused):
        inference.scores(fit)
    with pytest.raises(Refused):
        inference.plot_scores(fit)
    assert "refused" in set(inference.check(fit)["state"])


@pytest.mark.parametrize("method", ["auto", "nuts"])
def test_sound_fits_are_not_refused(method):
    area, tree = sound_areas(method)
    assert area.method == {"auto": "importance", "nuts": "nuts"}[method]
    assert verdict(tree).state == attribute(tree, "state") != "refused"


def run_and_theta(area, edit):
    """Return the area with both the run and the draws kept from it edited."""
    theta, run = area.theta.copy(), area.nuts
    edit(theta)
    if run is not None:
        whole = run.theta.copy()
        edit(whole)
        run = replace(run, theta=whole)
    return replace(area, theta=theta, nuts=run)


def nan_draw(theta):
    theta[0, 7, 1] = np.nan


def nan_chain(theta):
    theta[-1] = np.nan


def nan_variable(theta):
    theta[..., 0] = np.nan


def nan_end_of_a_chain(theta):
    theta[-1, theta.shape[1] // 2 :] = np.nan


def stuck_chain(theta):
    theta[-1] = theta[-1, 0]


def stuck_variable(theta):
    theta[..., 0] = theta[0, 0, 0]


def few_draws_many_times(theta):
    theta[:] = np.repeat(theta[:, :20], -(-theta.shape[1] // 20), axis=1)[:, : theta.shape[1]]


def of_the_prior(theta):
    area, _ = sound_areas("auto")
    theta[:] = draw_prior(area.density.parameters, theta[..., 0].size, np.random.default_rng(0)).reshape(theta.shape)


DRAWS = {
    "nan draw": (nan_draw, "not finite"),
    "nan chain": (nan_chain, "not finite"),
    "nan variable": (nan_variable, "not finite"),
    "unequal chains, filled with nan": (nan_end_of_a_chain, "not finite"),
    "stuck chain": (stuck_chain, "does not move"),
    "stuck variable": (stuck_variable, "does not move"),
    "few draws many times": (few_draws_many_times, "many times over|Chains disagree|effective sample size"),
    "prior only": (of_the_prior, "not from this posterior"),
}


@pytest.mark.parametrize("method", ["auto", "nuts"])
@pytest.mark.parametrize("name", DRAWS)
def test_broken_draws_are_refused_whichever_method_made_them(method, name):
    edit, why = DRAWS[name]
    assert_refused(broken(method, lambda area: run_and_theta(area, edit)), why)


def swapped_labels(theta):
    """In one chain the two goals have changed places: their log ratio has the other sign."""
    theta[-1, :, 0] *= -1


def minor_mode(theta):
    theta[-1] += 8 * theta.std(axis=(0, 1))


def sticky_tail(theta):
    """One excursion to the tail that lasts for a quarter of each chain."""
    quarter = theta.shape[1] // 4
    theta[:, :quarter, 0] = theta[..., 0].max() + 1e-3 * np.arange(quarter)


def chains(**changes):
    return lambda area: replace(area, nuts=replace(area.nuts, **{k: v(area.nuts) for k, v in changes.items()}))


def flags(share):
    def made(run):
        flag = np.zeros(run.diverging.shape, dtype=bool)
        flag.ravel()[: int(share * flag.size) or 1] = True
        return flag

    return made


def wandering_energy(run):
    return np.cumsum(np.random.default_rng(1).standard_normal(run.energy.shape), axis=1)


NUTS = {
    "swapped labels": (lambda area: run_and_theta(area, swapped_labels), "Chains disagree"),
    "minor mode in one chain": (lambda area: run_and_theta(area, minor_mode), "Chains disagree"),
    "low tail ess": (lambda area: run_and_theta(area, sticky_tail), "effective sample size|Chains disagree"),
    "one divergence": (chains(diverging=flags(0)), "diverged"),
    "low e-bfmi": (chains(energy=wandering_energy), "E-BFMI"),
    "nan energy": (chains(energy=lambda run: np.full(run.energy.shape, np.nan)), "E-BFMI"),
    "tree depth reached": (chains(depth_reached=flags(0.1)), "largest depth"),
    "one chain": (lambda area: replace(area, theta=area.theta[:1], nuts=None), "four complete chains"),
    "no sampler statistics": (lambda area: replace(area, nuts=None), "four complete chains"),
    "r-hat of the whole run": (lambda area: replace(area, rhat=1.02), "Chains disagree"),
    "ess of the whole run": (lambda area: replace(area, ess=399.0), "effective sample size"),
    "r-hat not computed": (lambda area: replace(area, rhat=float("nan")), "Chains disagree"),
}


@pytest.mark.parametrize("name", NUTS)
def test_broken_chains_are_refused(name):
    change, why = NUTS[name]
    assert_refused(broken("nuts", change), why)


def weights(**changes):
    return lambda area: replace(area, importance=replace(area.importance, **changes))


def not_definite(area):
    return replace(area, modes=tuple(replace(m, covariance=None, log_mass=-np.inf) for m in area.modes))


IMPORTANCE = {
    "k-hat 0.9": (weights(khat=0.9), "Pareto k̂"),
    "k-hat not computed": (weights(khat=float("nan")), "Pareto k̂"),
    "few effective draws": (weights(effective=399.0), "fewer than 400"),
    "no weights": (lambda area: replace(area, importance=None), "Pareto k̂"),
    "hessian not positive definite": (not_definite, "positive definite"),
}


@pytest.mark.parametrize("name", IMPORTANCE)
def test_broken_importance_draws_are_refused(name):
    change, why = IMPORTANCE[name]
    assert_refused(broken("auto", change), why)


def copy(method="nuts"):
    return sound_areas(method)[1].copy(deep=True)


def edited(group, edit):
    def change(fit):
        data = fit[group].to_dataset().copy(deep=True)
        fit[group] = type(fit)(edit(data))

    return change


def with_value(name, value, **at):
    def edit(data):
        data[name].loc[at] = value
        return data

    return edit


def attributes(**changes):
    return lambda fit: fit.attrs.update({key: json.dumps(value) for key, value in changes.items()})


def another_study(fit):
    other = make_study(make_area(*["x y"] * 4, goals=["x", "y"], conflict=0.5))
    fit.attrs["study"] = json.dumps(other.to_dict())


def fewer_answers(fit):
    data = fit["observed_data"].to_dataset().copy(deep=True)
    data["answers"].values[:40] = 0
    fit["observed_data"] = type(fit)(data)


def without(group):
    def change(fit):
        del fit[group]

    return change


def one_check_less(data):
    return data.isel(check=data["name"].values != "item-pairs")


def all_ok(data):
    data["state"].values[:] = "ok"
    return data


EDITS = {
    "nan in a variable": (edited("posterior", with_value("goal_share", np.nan, chain=0, draw=3)), "not finite"),
    "chain left out": (edited("posterior", lambda d: d.isel(chain=[0, 1, 2])), "draws are missing"),
    "cut short": (edited("posterior", lambda d: d.isel(draw=slice(100))), "draws are missing"),
    "cut everywhere": (edited("unconstrained_posterior", lambda d: d.isel(draw=slice(100))), "draws are missing"),
    "a score of one draw": (edited("scores", with_value("contention", 0.7, chain=0, draw=3)), "has changed"),
    "a score out of range": (edited("scores", with_value("contention", 1.7, chain=0, draw=3)), "outside 0 to 1"),
    "a score not finite": (edited("scores", with_value("misalignment", np.nan, chain=0, draw=3)), "not finite"),
    "a score that is not there": (edited("scores", with_value("contention", np.nan)), "has no draws"),
    "a score that stands still": (edited("scores", with_value("contention", 0.4, chain=1)), "does not move"),
    "a divergence": (edited("sample_stats", with_value("diverging", True, chain=0, draw=3)), "diverged"),
    "hash of other data": (attributes(data_hash="0" * 64), "hash"),
    "number of agents": (attributes(n_agents=81), "hash"),
    "other answers": (fewer_answers, "hash"),
    "another study": (another_study, "has changed"),
    "an older layout": (attributes(schema=1), "layout"),
    "state set to ok": (attributes(state="ok", reasons=[]), "has changed"),
    "diagnostics": (attributes(diagnostics={}), "has changed"),
    "checks set to ok": (edited("checks", all_ok), "has changed"),
    "a check left out": (edited("checks", one_check_less), "'item-pairs' is missing"),
    "no posterior": (without("posterior"), "cannot be checked"),
    "no scores": (without("unconstrained_posterior"), "cannot be checked"),
    "no sampler statistics": (without("sample_stats"), "sampler said"),
    "agents": (edited("agents", with_value("weight", 0.5)), "has changed"),
    "survey attribute gone": (lambda fit: fit.attrs.pop("seal"), "has changed"),
}


@pytest.mark.parametrize("name", EDITS)
def test_results_that_were_changed_are_refused(name):
    fit = copy()
    change, why = EDITS[name]
    change(fit)
    assert_refused(fit, why)


def test_what_is_added_to_a_result_does_not_matter():
    fit = copy()
    fit["prior"] = type(fit)(fit["posterior"].to_dataset())
    fit.attrs["comment"] = json.dumps("mine")
    assert verdict(fit).state == attribute(fit, "state")


@pytest.mark.parametrize("method", ["auto", "nuts"])
def test_the_state_survives_the_disk(method, tmp_path):
    _, tree = sound_areas(method)
    inference.save(tree, tmp_path / "r.nc")
    loaded = inference.load(tmp_path / "r.nc")
    assert repr(verdict(loaded)) == repr(verdict(tree))  # NaN is not equal to itself


def test_a_changed_result_stays_refused_on_disk(tmp_path):
    fit = copy()
    edited("scores", with_value("contention", 0.7, chain=0, draw=3))(fit)
    inference.save(fit, tmp_path / "r.nc")
    assert_refused(inference.load(tmp_path / "r.nc"), "has changed")


def test_an_edited_file_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "r.nc"
    inference.save(sound_areas("auto")[1], path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="changed since it was written"):
        inference.load(path)


def test_numbers_of_a_refused_fit_are_marked_when_asked_for():
    fit = copy()
    edited("scores", with_value("contention", 0.7, chain=0, draw=3))(fit)
    rows = inference.summarize(fit, allow_unreliable=True)
    assert set(rows["state"]) == {"refused"}
    assert inference.scores(fit, allow_unreliable=True).attrs["allow_unreliable"] == 1
    assert inference.to_json(fit, allow_unreliable=True)["allow_unreliable"] is True


def _changed(fit):
    """Return what the verdict says has changed, in its own words."""
    found = [reason for reason in verdict(fit).reasons if reason.startswith("The result has changed")]
    return found[0].split("(")[1].rstrip(").").split(", ") if found else []


@pytest.mark.parametrize("group", sorted(set(SEALED) - {"sample_stats", "dependence"}))
def test_a_change_of_any_sealed_group_is_named(group):
    fit = copy("auto")
    data = fit[group].to_dataset()
    fit[group] = type(fit)(data.assign(mine=0.0))
    assert _changed(fit) == [group]
    del fit[group]
    assert _changed(fit) == (["its structure"] if group == "checks" else [group])
    assert verdict(fit).refused


@pytest.mark.parametrize("name", SEALED_ATTRIBUTES)
def test_a_change_of_any_sealed_attribute_is_found(name):
    fit = copy("auto")
    assert name in fit.attrs
    fit.attrs[name] = json.dumps({"other": attribute(fit, name)})
    assert _changed(fit) in (["attributes"], ["its structure"])
    assert verdict(fit).refused


def _shares(edit):
    """Return a change of the goal shares of the posterior; everything else in the group stays."""
    return lambda data: data.assign(goal_share=edit(data["goal_share"].variable))


@pytest.mark.parametrize(
    "edit",
    [
        _shares(lambda shares: shares.transpose(*reversed(shares.dims))),
        _shares(lambda shares: shares.astype("f4")),
        _shares(lambda shares: -shares),
        _shares(lambda shares: shares.copy(data=shares.values[:, ::-1])),
        _shares(lambda shares: shares.copy(data=shares.values.view("i8"))),
        _shares(lambda shares: shares.set_dims({"one": 1, **shares.sizes})),
        _shares(lambda shares: type(shares)((*shares.dims[:-1], "other"), shares.values)),
        lambda data: data.rename(goal_share="goal_sharf"),
        lambda data: data.rename(goal_share="a"),
        lambda data: data.isel(draw=slice(1, None)),
    ],
    ids=[
        *("order of dims", "precision", "sign", "order of draws", "type only", "shape only", "dim only"),
        *("name only", "name and place", "one draw less"),
    ],
)
def test_the_seal_holds_names_dims_types_and_values(edit):
    fit = copy("auto")
    fit["posterior"] = type(fit)(edit(fit["posterior"].to_dataset()))
    assert _changed(fit) == ["posterior"]


def test_labels_of_agents_are_left_to_the_hash_of_the_data():
    fit = copy("auto")
    data = fit["agents"].to_dataset()
    fit["agents"] = type(fit)(data.assign_coords(agent=data["agent"].values[::-1]))
    assert verdict(fit).state == attribute(fit, "state")


def _closed(*checks):
    fit = copy("auto")
    fit.attrs["notes"] = json.dumps(["A note."])
    return close(fit, checks)


def test_a_result_is_closed_with_its_checks_its_state_and_its_reasons():
    said = (
        Check("a", "ok", "a", "not said"),
        Check("b", "note", "a", "not said either"),
        Check("c", "caution", "a", "Weak."),
        Check("d", "caution", None, "Held back.", blank=True),
        Check("e", "refused", "a", "Broken."),
    )
    fit = _closed(*said)
    found = verdict(fit)
    assert repr(found.checks) == repr(said)
    assert (found.state, found.refused, found.notes) == ("refused", True, ("A note.",))
    assert found.reasons == ("a: Broken.", "Held back.", "a: Weak.")
    assert (attribute(fit, "state"), attribute(fit, "reasons")) == ("refused", list(found.reasons))
    assert repr(from_dataset(fit["checks"].to_dataset())) == repr(said)


@pytest.mark.parametrize(("states", "state"), [(["ok", "note"], "ok"), (["caution", "ok"], "caution")])
def test_the_state_is_that_of_the_worst_check(states, state):
    found = verdict(_closed(*(Check(str(k), one, None, "Why.") for k, one in enumerate(states))))
    assert (found.state, found.refused) == (state, False)
    assert found.reasons == (("Why.",) if state == "caution" else ())


@pytest.mark.parametrize(
    "checks", [(), (Check("a", "fine", None, ""),), (Check("a", "ok", None, ""), Check("b", "", None, ""))]
)
def test_without_checks_or_with_an_unknown_state_nothing_is_published(checks):
    assert verdict(_closed(*checks)).state == "refused"


def test_reasons_that_refuse_come_first_then_those_that_hold_numbers_back():
    states = [("caution", False), ("refused", True), ("caution", True), ("refused", False), ("caution", False)]
    checks = [Check(str(k), state, None, "", blank=blank) for k, (state, blank) in enumerate(states)]
    assert [check.name for check in weightiest_first(checks)] == ["1", "3", "2", "0", "4"]


def test_a_verdict_is_refused_by_its_state_alone():
    assert [Verdict(state, (), (), ()).refused for state in ("ok", "caution", "refused")] == [False, False, True]
