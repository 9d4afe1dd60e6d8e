"""The tree of a fit: what ArviZ and xarray read, and the way back to the choices."""

from __future__ import annotations

import importlib
import json

import arviz as az
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from dissensus.inference.area_fit import fit_area
from dissensus.inference.density import log_density
from dissensus.inference.fit import SCORE_DRAWS
from dissensus.inference.parameters import constrain
from dissensus.inference.result import (
    SCHEMA,
    attribute,
    choices_of,
    densities_of,
    thetas_of,
)

from dissensus import __version__, inference

from .builders import make_area, make_choices, make_study
from .chance import assert_same_moments
from .fitted import grouped, stouffer_toby

GROUPS = {
    "posterior",
    "unconstrained_posterior",
    "log_likelihood",
    "observed_data",
    "constant_data",
    "scores",
    "agents",
    "alternatives",
    "checks",
}


@pytest.fixture(params=["stouffer_toby", "grouped"])
def fitted(request):
    return {"stouffer_toby": stouffer_toby, "grouped": grouped}[request.param]()


def test_the_tree_holds_the_groups_promised(fitted):
    assert set(fitted[1].children) == GROUPS


def test_attributes_are_json_text_that_says_what_was_done(fitted):
    choices, tree = fitted
    assert all(isinstance(value, str) for value in tree.attrs.values())
    read = {key: json.loads(value) for key, value in tree.attrs.items()}
    assert read["schema"] == SCHEMA
    assert read["data_hash"] == choices.data_hash
    assert read["n_agents"] == choices.n_agents
    assert read["versions"]["dissensus"] == __version__
    assert read["interval"] == {"prob": 0.9, "kind": "eti"}
    assert read["state"] in {"ok", "caution", "refused"}
    assert set(read["method"]) == {area.name for area in choices.areas}
    assert read["study"] == choices.study.to_dict()
    assert attribute(tree, "seed") == read["seed"]


def test_choices_come_back_from_the_tree(fitted):
    choices, tree = fitted
    again = choices_of(tree)
    assert again.study == choices.study
    assert again.groups == choices.groups
    assert again.data_hash == choices.data_hash
    assert again.findings == choices.findings
    np.testing.assert_array_equal(again.agents, choices.agents)
    np.testing.assert_array_equal(again.group_of_agent, choices.group_of_agent)
    if choices.survey_weight is None:
        assert again.survey_weight is None
    else:
        np.testing.assert_array_equal(again.survey_weight, choices.survey_weight)
    for new, old in zip(again.areas, choices.areas, strict=True):
        for name, value in vars(old).items():
            np.testing.assert_array_equal(getattr(new, name), value, err_msg=name)


def test_densities_and_draws_come_back_from_the_tree(fitted):
    """The stored vectors have the stored posterior, and the likelihood of the stored agents."""
    choices, tree = fitted
    densities = densities_of(tree, choices)
    thetas = thetas_of(tree, densities)
    posterior = tree["posterior"].to_dataset()
    assert [len(d.states.node) for d in densities] == list(tree["constant_data"]["nodes"].values)
    first = 0
    for density, theta in zip(densities, thetas, strict=True):
        assert theta.shape == (2_000, density.size)
        assert np.isfinite(log_density(density, theta[:50])).all()
        values = constrain(density.parameters, theta, density.n_options)
        k = density.states.n_shares
        np.testing.assert_allclose(posterior["goal_share"].values[0, :, first : first + k], values.share, rtol=1e-12)
        first += k
    assert first == posterior.sizes["goal"]


def test_unconstrained_coordinates_are_named(fitted):
    names = [str(c) for c in fitted[1]["unconstrained_posterior"]["coordinate"].values]
    assert len(set(names)) == len(names)
    assert names[0].endswith("share[0]")


def test_baselines_and_shares_are_probabilities(fitted):
    choices, tree = fitted
    posterior = tree["posterior"].to_dataset()
    first = 0
    free = [area for area in choices.areas if area.n_answers.max() > 1]
    for area in free:
        for item in range(len(area.items)):
            size = len(area.options_of(item))
            total = posterior["baseline"].values[..., first : first + size].sum(axis=-1)
            np.testing.assert_allclose(total, 1, rtol=1e-9)
            first += size
    assert first == posterior["baseline"].shape[-1]


def test_areas_without_weights_have_none():
    tree = grouped()[1]
    posterior = tree["posterior"].to_dataset()
    for name in ("weight_mean", "weight_concentration", "group_weight_mean"):
        assert list(posterior[name]["weighted_area"].values) == ["tax", "speech"]
        assert np.isfinite(posterior[name]).all()
    assert list(posterior["group"].values) == ["left", "right", "lone"]


def test_scores_are_thinned_alike_for_every_area(fitted):
    scores = fitted[1]["scores"].to_dataset()
    assert scores.sizes["chain"] * scores.sizes["draw"] == SCORE_DRAWS
    assert list(scores["estimand"].values) == ["sample", "population"]


def test_observed_conflict_is_centred_on_its_estimate(fitted):
    scores = fitted[1]["scores"].to_dataset()
    sd = scores["observed_conflict"].std(("chain", "draw"))
    gap = scores["observed_conflict"].mean(("chain", "draw")) - fitted[1]["constant_data"]["observed_conflict"]
    assert (np.abs(gap) < 0.2 * sd).all()


def test_mixed_methods_share_one_chain(monkeypatch):
    """NUTS in one area, importance draws in another: all draws stand in one chain."""
    study = make_study(make_area("x y"), make_area("x y z", name="b"))
    choices = make_choices(study, {"a0": np.repeat([0, 1], [12, 5]), "b0": np.arange(17) % 3})

    def by_area(density, rng, *, method, draws, **_):
        return fit_area(density, rng, method="nuts" if density.area.name == "a" else "laplace", draws=draws)

    plain = inference.fit(choices, seed=2)
    monkeypatch.setattr(importlib.import_module("dissensus.inference.fit"), "fit_area", by_area)
    mixed = inference.fit(choices, seed=2)
    assert attribute(mixed, "method") == {"a": "nuts", "b": "importance"}
    assert mixed["posterior"].sizes["chain"] == mixed["scores"].sizes["chain"] == 1
    one, other = (inference.scores(tree, estimand="population") for tree in (mixed, plain))
    np.testing.assert_array_equal(one["contention"].sel(area="b"), other["contention"].sel(area="b"))
    assert_same_moments(*(t["contention"].sel(area="a").values.ravel() for t in (one, other)), ess=(400, 500))
    assert mixed["sample_stats"]["area"].values.tolist() == ["a"]  # the sampler says nothing of the other


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # of variables that are constant or not defined
def test_arviz_summarises_the_posterior(fitted):
    table = az.summary(fitted[1])
    assert isinstance(table, pd.DataFrame)
    assert (table["ess_bulk"].dropna() > 300).all()
    goals = fitted[1]["posterior"].sizes["goal"]
    assert sum(str(name).startswith("goal_share[") for name in table.index) == goals


def test_arviz_plots_the_posterior(fitted):
    assert az.plot_forest(fitted[1], var_names=["goal_share"], backend="plotly") is not None


def test_arviz_reads_what_xarray_writes(fitted, tmp_path):
    tree = fitted[1]
    path = tmp_path / "fit.nc"
    tree.to_netcdf(path, engine="h5netcdf")
    again = az.from_netcdf(path)
    assert set(again.children) == GROUPS
    for name in GROUPS:
        for variable, values in tree[name].to_dataset().data_vars.items():
            np.testing.assert_array_equal(again[name][variable].values, values.values, err_msg=variable)
    pd.testing.assert_frame_equal(inference.summarize(again), inference.summarize(tree))
    assert choices_of(again).data_hash == attribute(tree, "data_hash")
    xr.testing.assert_equal(inference.scores(again), inference.scores(tree))
