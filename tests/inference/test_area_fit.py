"""One area's route: importance draws where they are accepted, NUTS where they are not, nodes enough for the data."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pytest
from dissensus.inference import area_fit as module
from dissensus.inference.area_fit import MIN_ESS, QUADRATURE_ERROR, fit_area, refine_nodes
from dissensus.inference.density import row_log_likelihood, with_nodes
from dissensus.inference.mode import find_modes
from dissensus.inference.nuts import NutsDraws
from scipy.linalg import LinAlgError

from dissensus import datasets

from .builders import density_of, make_area, make_choices, make_study

DRAWS = 1_000


@functools.cache
def _density():
    return density_of(datasets.simulate(make_study(make_area("x y", "y x", "x y")), 60, seed=1))


def _beta():
    """One answer each, 12 for x and 5 for y: the share is Beta(13, 6)."""
    return density_of(make_choices(make_study(make_area("x y")), {"a0": np.repeat([0, 1], [12, 5])}))


def _rng(seed=1):
    return np.random.default_rng(seed)


@functools.cache
def _fitted(method):
    return fit_area(_beta(), _rng(), method=method, draws=DRAWS)


def _pretend(monkeypatch, *runs):
    """Replace NUTS by runs of normal draws: (correlated chains apart by, diverging); record what is asked for."""
    asked = []

    def nuts_draws(density, modes, seed, *, draws, attempt, target_accept, **_):
        rng = np.random.default_rng([seed, attempt])
        shift, diverging = runs[min(len(asked), len(runs) - 1)]
        asked.append((draws, target_accept))
        theta = rng.standard_normal((4, draws, density.size)) + shift * np.arange(4)[:, None, None]
        flags = np.zeros((4, draws), dtype=bool)
        flags[0, :diverging] = True
        return NutsDraws(theta, flags, rng.standard_normal((4, draws)), np.zeros((4, draws), dtype=bool))

    monkeypatch.setattr(module, "nuts_draws", nuts_draws)
    return asked


@pytest.mark.parametrize(
    ("method", "used", "chains"), [("auto", "importance", 1), ("laplace", "importance", 1), ("nuts", "nuts", 4)]
)
def test_the_method_asked_for_is_the_one_recorded(method, used, chains):
    fitted = _fitted(method)
    assert fitted.method == used
    assert fitted.theta.shape == (chains, DRAWS // chains, 1)
    assert fitted.flat.shape == (DRAWS, 1)
    assert (fitted.nuts is None) == (used == "importance")
    assert (fitted.importance is None) == (method == "nuts")


def test_effective_draws_are_those_of_the_weights_or_the_least_of_the_chains():
    weighted, chains = _fitted("auto"), _fitted("nuts")
    assert weighted.effective == min(weighted.importance.effective, DRAWS)
    assert chains.effective == chains.ess >= MIN_ESS
    lost = replace(weighted, importance=replace(weighted.importance, effective=17.0))
    assert lost.effective == 17.0
    assert np.isnan(replace(chains, ess=None).effective)
    assert np.isnan(replace(weighted, importance=None).effective)


def test_refused_importance_draws_give_way_to_nuts(monkeypatch):
    """And are kept beside them, so that the reason can be told."""
    said = []
    draws = module.importance_draws
    _pretend(monkeypatch, (0.0, 0))
    monkeypatch.setattr(module, "importance_draws", lambda *a, **k: replace(draws(*a, **k), khat=0.71))
    fitted = fit_area(_beta(), _rng(), method="auto", draws=DRAWS, report=said.append)
    assert fitted.method == "nuts"
    assert fitted.importance.khat == 0.71
    assert said == ["a: sampling with NUTS"]
    assert fit_area(_beta(), _rng(), method="laplace", draws=DRAWS).method == "importance"


@pytest.mark.parametrize(("khat", "effective"), [(np.nan, 5_000.0), (0.2, np.nan), (0.2, 399.0)])
def test_importance_draws_that_cannot_be_judged_are_refused(monkeypatch, khat, effective):
    draws, judged = module.importance_draws, {"khat": khat, "effective": effective}
    _pretend(monkeypatch, (0.0, 0))
    monkeypatch.setattr(module, "importance_draws", lambda *a, **k: replace(draws(*a, **k), **judged))
    assert fit_area(_beta(), _rng(), method="auto", draws=DRAWS).method == "nuts"


def test_without_a_usable_mode_laplace_draws_stay_at_the_mode_and_auto_samples(monkeypatch):
    def fail(*_, **__):
        raise LinAlgError

    _pretend(monkeypatch, (0.0, 0))
    monkeypatch.setattr(module, "importance_draws", fail)
    fitted = fit_area(_beta(), _rng(), method="laplace", draws=DRAWS)
    assert fitted.importance is None
    assert (fitted.theta == fitted.modes[0].theta).all()
    assert np.isnan(fitted.effective)
    assert fit_area(_beta(), _rng(), method="auto", draws=DRAWS).method == "nuts"


def test_an_area_without_parameters_needs_no_sampler():
    """One goal, one answer each: nothing is unknown, whatever the method."""
    density = density_of(make_choices(make_study(make_area("x -")), {"a0": [0, 1, 1]}))
    for method in ("auto", "laplace", "nuts"):
        fitted = fit_area(density, _rng(), method=method, draws=DRAWS)
        assert fitted.method == "importance"
        assert fitted.theta.shape == (1, DRAWS, 0)
        assert fitted.effective == DRAWS


def test_chains_that_disagree_are_doubled_at_most_twice(monkeypatch):
    asked = _pretend(monkeypatch, (3.0, 0))
    fitted = fit_area(_beta(), _rng(), method="nuts", draws=DRAWS)
    assert [length for length, _ in asked] == [500, 1_000, 2_000]
    assert fitted.rhat > 1.5
    assert fitted.nuts.theta.shape == (4, 2_000, 1)
    assert fitted.theta.shape == (4, 250, 1)
    np.testing.assert_array_equal(fitted.theta[:, [0, -1]], fitted.nuts.theta[:, [0, -1]])


def test_doubling_stops_when_the_chains_agree(monkeypatch):
    asked = _pretend(monkeypatch, (3.0, 0), (0.0, 0))
    fitted = fit_area(_beta(), _rng(), method="nuts", draws=DRAWS)
    assert [length for length, _ in asked] == [500, 1_000]
    assert fitted.rhat <= 1.01


def test_divergences_ask_for_smaller_steps_not_for_more_draws(monkeypatch):
    asked = _pretend(monkeypatch, (0.0, 3), (0.0, 1), (0.0, 0))
    fit_area(_beta(), _rng(), method="nuts", draws=DRAWS)
    assert [length for length, _ in asked] == [500, 500, 500]
    np.testing.assert_allclose([accept for _, accept in asked], [0.9, 0.99, 0.999])


def test_a_variable_that_cannot_be_judged_is_not_passed_over(monkeypatch):
    """R-hat and ESS of a variable that holds NaN are NaN, and so are the largest and the smallest."""

    def nuts_draws(density, modes, seed, *, draws, **_):
        rng = np.random.default_rng(seed)
        theta = rng.standard_normal((4, draws, density.size))
        theta[2, 7, -1] = np.nan
        flags = np.zeros((4, draws), dtype=bool)
        return NutsDraws(theta, flags, rng.standard_normal((4, draws)), flags)

    monkeypatch.setattr(module, "nuts_draws", nuts_draws)
    fitted = fit_area(_density(), _rng(), method="nuts", draws=DRAWS)
    assert not fitted.rhat <= 1.01
    assert not fitted.ess >= MIN_ESS


def test_seeds_fix_the_draws_of_nuts_for_any_number_of_cores(monkeypatch):
    drawn = []
    for cores in (1, 2):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        drawn.append(fit_area(_beta(), _rng(9), method="nuts", draws=DRAWS).theta)
    np.testing.assert_array_equal(drawn[0], drawn[1])


def _many_answers(times):
    study = make_study(make_area("x y -", "y x -", repeated=True))
    truth = {"a": {"weight_mean": 0.5, "weight_concentration": 2.0}}
    return density_of(datasets.simulate(study, 40, seed=2, truth=truth, answers_per_item=times))


@pytest.mark.parametrize("times", [10, 150])
def test_nodes_are_doubled_until_no_agent_notices(times):
    density = _many_answers(times)
    fitted = fit_area(density, _rng(), method="laplace", draws=DRAWS)
    at = fitted.modes[0].theta[None]
    finer = with_nodes(fitted.density, 2 * len(fitted.density.states.node))
    gap = np.abs(row_log_likelihood(finer, at) - row_log_likelihood(fitted.density, at)).max()
    assert gap <= QUADRATURE_ERROR


def test_refined_modes_are_those_of_the_refined_density():
    density = with_nodes(_many_answers(150), 8)
    rng = _rng()
    finer, modes = refine_nodes(density, find_modes(density, rng), rng)
    assert len(finer.states.node) > 8
    fresh = find_modes(finer, _rng(3))
    assert modes[0].log_density == pytest.approx(fresh[0].log_density, abs=1e-4)


def test_nodes_that_suffice_are_left_alone():
    density, rng = _density(), _rng()
    modes = find_modes(density, rng)
    same, kept = refine_nodes(density, modes, rng)
    assert same is density and kept is modes
