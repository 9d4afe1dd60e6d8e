"""Goal and weight of agents asked for by name: against enumeration of their states, and of systems beside people."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from dissensus.inference.agents import _of_area, weight_quantile
from dissensus.inference.density import evaluate_rows
from dissensus.inference.drawn_again import draws_of
from dissensus.inference.marginal import state_probabilities
from dissensus.inference.parameters import draw_prior

from dissensus import datasets, inference
from dissensus.errors import InputError

from .builders import CASES, density_of, make_area, make_choices, make_study


@pytest.fixture(scope="module")
def fit():
    """Thirty people, a system that always shows x, and one that shows x and y alike."""
    rng = np.random.default_rng(4)
    people = rng.binomial(6, np.where(rng.random(30) < 0.5, 0.85, 0.2))
    counts = np.vstack([np.column_stack([people, 6 - people]), [[400, 0], [200, 200]]])
    study = make_study(make_area("x y", repeated=True, baseline="uniform"))
    return inference.fit(make_choices(study, {"a0": counts}), seed=1, draws=1_000)


def _labels(fit):
    return [str(label) for label in fit["agents"]["agent"].values]


def test_means_are_those_of_the_result_and_ends_surround_them(fit):
    labels = _labels(fit)
    some = [labels[31], labels[0], labels[30]]
    found = inference.agents_posterior(fit, some)
    stored = fit["agents"].to_dataset().sel(agent=some)
    assert list(found["agent"].values) == some
    np.testing.assert_allclose(found["goal_probability"], stored["goal_probability"], atol=1e-6)
    np.testing.assert_allclose(found["weight"], stored["weight"], atol=1e-6)
    for name in ("weight", "goal"):
        assert (found[f"{name}_lower"] <= found[f"{name}_upper"]).all()
    assert ((found["weight_lower"] < found["weight"]) & (found["weight"] < found["weight_upper"])).all()


def test_probabilities_and_quantiles_are_those_of_enumerated_states(fit):
    area = draws_of(fit)[0]
    density, some = area.density, area.theta[:1]
    row = density.rows.row_of_agent[3]
    parts = evaluate_rows(density, area.theta)[2]
    every = state_probabilities(density.rows, parts)[:, row]
    found = inference.agents_posterior(fit, [_labels(fit)[3]])
    np.testing.assert_allclose(
        found["goal_lower"][0], np.quantile(every @ density.states.is_goal, 0.05, axis=0), atol=1e-10
    )
    level = weight_quantile(density, every.mean(axis=0), 0.95)
    assert found["weight_upper"].item() == pytest.approx(level, abs=1e-10)
    assert len(some) == 1


def test_the_quantile_of_even_probabilities_is_the_level_and_of_no_goal_zero(fit):
    density = draws_of(fit)[0].density
    even = np.exp(np.tile(density.states.log_mass, 2)) / 2
    for level in (0.05, 0.5, 0.95):
        assert weight_quantile(density, even, level) == pytest.approx(level)


def test_a_system_that_follows_a_goal_and_one_that_follows_none_are_told_apart(fit):
    aligned, random = (
        inference.agents_posterior(fit, [label]).squeeze("agent") for label in (_labels(fit)[30], _labels(fit)[31])
    )
    assert aligned["weight_lower"].item() > 0.9
    assert aligned["goal_lower"][0].item() > 0.95
    assert random["weight_upper"].item() < 0.2
    assert aligned["answers"].item() == 400


def test_an_unknown_agent_is_an_error(fit):
    with pytest.raises(InputError, match="No agent is called 'nobody'"):
        inference.agents_posterior(fit, ["nobody"])
    with pytest.raises(InputError, match="No agent is asked for"):
        inference.agents_posterior(fit, [])


def test_agents_of_one_label_are_given_once(fit):
    label = _labels(fit)[2]
    assert inference.agents_posterior(fit, [label, label]).sizes["agent"] == 1
    assert inference.agents_posterior(fit, label).sizes["agent"] == 1


def test_weights_that_are_not_known_are_nan():
    study = make_study(make_area("x y"))
    single = inference.fit(make_choices(study, {"a0": np.repeat([0, 1], [12, 5])}), seed=1, draws=1_000)
    found = inference.agents_posterior(single, [_labels(single)[0]])
    assert np.isnan(found["weight"]).all()
    assert found["goal_probability"][0, 0].item() == pytest.approx(1)


def test_rankings_go_with_the_rest():
    """Tables of later choices belong to all patterns; the numbers must be those of the result."""
    area = make_area("x y -")
    area["settings"]["items"]["a0"]["kind"] = "ranking"
    study = datasets.Study.from_dict({"areas": {"a": area["settings"]}})
    choices = datasets.simulate(study, 40, seed=2)
    ranked = inference.fit(choices, seed=1, draws=1_000)
    some = _labels(ranked)[5:8]
    found = inference.agents_posterior(ranked, some, allow_unreliable=True)
    stored = ranked["agents"].to_dataset().sel(agent=some)
    np.testing.assert_allclose(found["goal_probability"], stored["goal_probability"], atol=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_every_structure_and_kind(case):
    """Of some agents the same as from the states of all; weights within (0, 1) and around their means."""
    density = density_of(CASES[case]())
    theta = draw_prior(density.parameters, 20, np.random.default_rng(1))
    places = np.array([4, 1])
    goal, weight = _of_area(density, theta, places)
    every = state_probabilities(density.rows, evaluate_rows(density, theta)[2])[:, density.rows.row_of_agent[places]]
    np.testing.assert_allclose(goal[0], (every @ density.states.is_goal).mean(axis=0), atol=1e-10)
    if density.states.weighted:
        np.testing.assert_allclose(weight[0], every.mean(axis=0) @ density.states.weight, atol=1e-10)
        assert ((weight[1] <= weight[2]) & (weight[1] >= 0) & (weight[2] <= 1)).all()
        assert (weight[2] > 0).all()


def test_all_agents_as_a_parquet_table(fit, tmp_path):
    path = tmp_path / "agents.parquet"
    assert inference.write_agents(fit, path) == 32
    table = pq.read_table(path)
    stored = fit["agents"].to_dataset()
    assert table.column_names == ["agent", *stored["goal"].values, "a: weight", "state"]
    assert table["agent"].to_pylist() == _labels(fit)
    np.testing.assert_array_equal(table["a: weight"].to_numpy(), stored["weight"].values[:, 0])
    np.testing.assert_array_equal(
        np.column_stack([table[label].to_numpy() for label in stored["goal"].values]), stored["goal_probability"]
    )
    origin = json.loads(table.schema.metadata[b"dissensus"])
    assert set(table["state"].to_pylist()) == {origin["state"]}
    assert origin["data_hash"] == json.loads(fit.attrs["data_hash"])
    with pytest.raises(InputError, match="exists"):
        inference.write_agents(fit, path)
    inference.write_agents(fit, path, force=True)
    with pytest.raises(InputError, match="nowhere"):
        inference.write_agents(fit, tmp_path / "nowhere" / "agents.parquet")
