"""The PyMC model: the same posterior as our own density, with named dims."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from dissensus.inference.density import log_density, row_log_likelihood
from dissensus.inference.model import area_densities, build_model, flat_coords, to_vector
from dissensus.inference.parameters import constrain, draw_prior
from dissensus.inference.states import log_node_prior, make_states
from scipy.special import logsumexp

from .builders import CASES, make_area, make_study, random_choices
from .chance import assert_mean


def _many_areas():
    """Areas of different goals, rules, items and answers in one model, with groups and survey weights."""
    study = make_study(
        make_area("x y -", "y x xy", name="a"),
        make_area("x y z", "z - x y", "- -", name="b", rule="luce", no_goal=True),
        make_area("x y", name="c"),
        make_area("x y -", name="d", repeated=True, baseline="uniform"),
    )
    return random_choices(
        study,
        12,
        seed=1,
        missing=0.2,
        groups=("g", "h"),
        group_of_agent=[0, 1, -1] * 4,
        survey_weight=np.random.default_rng(1).gamma(2, 1, 12),
    )


_LEARNED = ("learned, anchored, groups", "learned, scale, comparisons, importance", "learned, classes or none")
_NEWER = ("passing without a goal, luce, repeated, groups", "numbers, groups, no goal, repeated")
_SEVERAL = ("several, no goal, groups",)
_BESIDE = ("covariates, groups and agents in none", "learned, periods and covariates")
_COMPARED = ("one goal", "groups", "other priors", *_LEARNED, *_NEWER, *_BESIDE, *_SEVERAL)
MODELS = {name: CASES[name] for name in _COMPARED} | {"many areas": _many_areas}


@functools.cache
def _built(name):
    choices = MODELS[name]()
    model = build_model(choices, choices.study.priors)
    return choices, model, area_densities(choices, choices.study.priors)


def _points(model, number, seed):
    """Return points of the model: prior draws and tails, as dictionaries in the layout of its initial point."""
    rng = np.random.default_rng(seed)
    shapes = {name: np.shape(value) for name, value in model.initial_point().items()}
    for scale in (1.0, 1.0, 3.0, 6.0)[:number]:
        yield {name: scale * rng.standard_normal(shape) for name, shape in shapes.items()}


@pytest.mark.parametrize("name", MODELS)
def test_log_density_is_ours_at_any_point(name):
    _, model, densities = _built(name)
    terms = model.compile_fn(model.logp(sum=False), inputs=model.value_vars, mode="FAST_COMPILE")
    for point in _points(model, 4, 2):
        ours = sum(log_density(d, to_vector(d, point)[None])[0] for d in densities)
        assert sum(np.sum(term) for term in terms(point)) == pytest.approx(ours, abs=1e-10, rel=1e-13)
    assert sum(d.size for d in densities) == sum(np.size(v) for v in model.initial_point().values())


def test_log_likelihood_per_row_is_ours_times_the_multiplicity():
    _, model, densities = _built("many areas")
    rows = model.compile_fn(
        model.logp(vars=model.observed_RVs, sum=False),
        inputs=model.value_vars,
        mode="FAST_COMPILE",
        on_unused_input="ignore",
    )
    for point in _points(model, 3, 3):
        for ours, theirs in zip(densities, rows(point), strict=True):
            expected = row_log_likelihood(ours, to_vector(ours, point)[None])[0] * ours.rows.multiplicity
            np.testing.assert_allclose(theirs, expected, atol=1e-10)


def test_deterministics_are_the_values_of_the_vector():
    _, model, densities = _built("many areas")
    names = ["goal_share", "group_goal_share", "weight_mean", "weight_concentration", "group_weight_mean", "baseline"]
    read = model.compile_fn(
        model.replace_rvs_by_values([model[name] for name in names]),
        inputs=model.value_vars,
        mode="FAST_COMPILE",
        on_unused_input="ignore",
    )
    point = next(_points(model, 1, 4))
    got = dict(zip(names, read(point), strict=True))
    values = [constrain(d.parameters, to_vector(d, point)[None], d.n_options) for d in densities]
    weighted = [v for v in values if v.mean is not None]
    np.testing.assert_allclose(got["goal_share"], np.concatenate([v.share[0] for v in values]), atol=1e-12)
    shares = np.concatenate([np.exp(v.prior_log_share[0, :2]) for v in values], axis=1)
    np.testing.assert_allclose(got["group_goal_share"], shares, atol=1e-12)
    np.testing.assert_allclose(got["weight_mean"], [v.mean[0] for v in weighted], atol=1e-12)
    np.testing.assert_allclose(got["weight_concentration"], [v.concentration[0] for v in weighted], rtol=1e-12)
    np.testing.assert_allclose(
        got["group_weight_mean"], np.stack([v.prior_mean[0, :2] for v in weighted], axis=1), atol=1e-12
    )
    free = [(k, d, v) for k, (d, v) in enumerate(zip(densities, values, strict=True)) if d.parameters.option_sizes]
    item = np.concatenate([100 * k + d.area.item_of_option for k, d, _ in free])
    logits = np.concatenate([v.baseline_logits[0] for _, _, v in free])
    expected = [np.exp(x - logsumexp(logits[item == j])) for x, j in zip(logits, item, strict=True)]
    np.testing.assert_allclose(got["baseline"], expected, atol=1e-12)


def test_dims_are_named():
    _, model, densities = _built("many areas")
    dims = model.named_vars_to_dims
    assert dims["goal_share"] == ("goal",)
    assert dims["group_goal_share"] == ("group", "goal")
    assert dims["baseline"] == ("free_option",)  # area c has a uniform baseline
    assert dims["weight_mean"] == ("weighted_area",)  # area c, answered once, has no unknown weights
    assert list(model.coords["weighted_area"]) == ["a", "b", "d"]
    assert list(model.coords["area"]) == ["a", "b", "c", "d"]
    assert list(model.coords["group"]) == ["g", "h"]
    assert list(model.coords["goal"])[:5] == ["a: x", "a: y", "b: x", "b: y", "b: z"]
    assert list(model.coords["goal"])[5] == "b: no goal"
    assert list(model.coords["option"])[:3] == ["a0 = 0", "a0 = 1", "a0 = 2"]
    for coordinate in flat_coords(densities).values():
        assert len(set(coordinate)) == len(coordinate)


def test_free_variables_are_drawn_from_the_priors():
    """Draws of PyMC's own random variables, pushed through the model, have the moments of ours."""
    import pymc as pm

    _, model, densities = _built("groups")
    names = ["goal_share", "group_goal_share", "weight_mean", "weight_concentration", "group_weight_mean", "baseline"]
    drawn = pm.draw([model[name] for name in names], draws=2000, random_seed=5, mode="FAST_COMPILE")
    theirs = dict(zip(names, drawn, strict=True))
    density = densities[0]
    values = constrain(
        density.parameters, draw_prior(density.parameters, 200_000, np.random.default_rng(6)), density.n_options
    )
    logits = values.baseline_logits
    same = density.area.item_of_option[:, None] == density.area.item_of_option
    ours = {
        "goal_share": values.share,
        "group_goal_share": np.exp(values.prior_log_share),
        "weight_mean": values.mean[:, None],
        "weight_concentration": values.concentration[:, None],
        "group_weight_mean": values.prior_mean[..., None],
        "baseline": np.exp(logits) / (np.exp(logits) @ same),
    }
    for name in names:
        # our own error is a tenth of theirs: the slack
        slack = 4 * ours[name].std() / np.sqrt(len(ours[name]))
        assert_mean(theirs[name], ours[name].mean(axis=0), slack=slack)
        slack = 4 * (ours[name] ** 2).std() / np.sqrt(len(ours[name]))
        assert_mean(theirs[name] ** 2, (ours[name] ** 2).mean(axis=0), slack=slack)


def test_settings_of_the_priors_reach_the_model():
    choices = CASES["one goal"]()
    heights = []
    for sd in (2.0, 0.5):
        model = build_model(choices, choices.study.priors.model_copy(update={"baseline_sd": sd}))
        baseline = [rv for rv in model.free_RVs if "baseline" in rv.name]
        height = model.compile_fn(
            model.logp(vars=baseline), inputs=model.value_vars, mode="FAST_COMPILE", on_unused_input="ignore"
        )
        heights.append(float(height({name: np.zeros_like(v) for name, v in model.initial_point().items()})))
    coordinates = 5  # two options, then twice three
    assert heights[1] - heights[0] == pytest.approx(coordinates * np.log(4), abs=1e-10)


def test_state_prior_is_one_formula_for_numpy_and_pytensor():
    import pytensor.tensor as pt

    states = make_states(2, no_goal=False, weighted=True, nodes=8)
    mean, kappa = np.array([0.2, 0.7]), np.array([3.0, 8.0])
    symbolic = log_node_prior(pt, states, pt.as_tensor(mean), pt.as_tensor(kappa)).eval()
    np.testing.assert_allclose(symbolic, log_node_prior(np, states, mean, kappa), atol=1e-13)
