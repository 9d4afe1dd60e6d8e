"""Replicated answers: laid out as the observed ones, and distributed as the model says."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from dissensus.inference.replicate import posterior_predictive

from dissensus import inference
from dissensus.errors import InputError

from .chance import assert_within
from .fitted import grouped, stouffer_toby


def test_replicates_lie_beside_the_observed_answers():
    choices, tree = grouped()
    made = posterior_predictive(tree, draws=50, seed=1)
    new, old = made["posterior_predictive"], made["observed_data"]
    number = sum(int(area.counts[area.pattern_of_agent].sum()) for area in choices.areas)
    assert new["answers"].dims == ("chain", "draw", "answer")
    assert new["answers"].shape == (1, 50, number)
    assert old["answers"].shape == (number,)
    for name in ("agent", "item", "area"):
        assert new[name].dims == ("answer",)
        np.testing.assert_array_equal(new[name], old[name])


def test_observed_answers_are_the_counts():
    """Counting them by agent and option gives every pattern back."""
    choices, tree = grouped()
    old = posterior_predictive(tree, draws=1, seed=1)["observed_data"].to_dataset()
    position = {label: i for i, label in enumerate(choices.agents)}
    agent = np.array([position[a] for a in old["agent"].values])
    table = np.zeros((choices.n_agents, old.sizes["option"]), dtype=int)
    np.add.at(table, (agent, old["answers"].values), 1)
    counts = np.hstack([area.counts[area.pattern_of_agent] for area in choices.areas])
    np.testing.assert_array_equal(table, counts)
    labels = [
        f"{area.items[j]} = {o}"
        for area in choices.areas
        for j, o in zip(area.item_of_option, area.options, strict=True)
    ]
    assert list(old["option"].values) == labels


def test_replicates_answer_the_items_that_were_answered():
    """An option belongs to the item and the area of the answer it replaces."""
    _, tree = grouped()
    made = posterior_predictive(tree, draws=20, seed=2)
    new = made["posterior_predictive"].to_dataset()
    item_of_option = np.array([str(o).split(" = ")[0] for o in new["option"].values])
    chosen = item_of_option[new["answers"].values[0]]
    assert (chosen == new["item"].values.astype(str)).all()
    assert set(np.unique(new["area"].values)) == {"tax", "speech", "vote"}


def test_shares_of_options_are_near_the_observed_ones():
    choices, tree = stouffer_toby()
    made = posterior_predictive(tree, draws=1_000, seed=3)
    new = made["posterior_predictive"]["answers"].values[0]
    old = made["observed_data"]["answers"].values
    size = 8
    share = np.stack([np.bincount(draw, minlength=size) for draw in new]) / choices.n_agents
    observed = np.bincount(old, minlength=size) / choices.n_agents
    assert (np.abs(observed - share.mean(axis=0)) < share.std(axis=0)).all()


def test_replicates_agree_between_items_as_the_answers_do():
    """The share of agents who answer four universalistic is reproduced: the model has goals, not shares alone."""
    choices, tree = stouffer_toby()
    made = posterior_predictive(tree, draws=500, seed=4)
    new = made["posterior_predictive"]["answers"].values[0].reshape(500, choices.n_agents, 4)
    old = made["observed_data"]["answers"].values.reshape(choices.n_agents, 4)
    alike = (new % 2 == 0).all(axis=2).mean(axis=1)
    assert_within((old % 2 == 0).all(axis=1).mean(), alike.mean(), alike.std())


def test_seeds_fix_the_replicates():
    tree = stouffer_toby()[1]
    xr.testing.assert_identical(
        posterior_predictive(tree, draws=5, seed=1).to_dataset(),
        posterior_predictive(tree, draws=5, seed=1).to_dataset(),
    )
    one, other = (posterior_predictive(tree, draws=5, seed=s)["posterior_predictive"]["answers"] for s in (1, 2))
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("draws", [0, 2_001])
def test_numbers_of_replicates_out_of_range_are_refused(draws):
    with pytest.raises(InputError, match=f'"draws" is {draws}; the posterior has 2,000 draws'):
        posterior_predictive(stouffer_toby()[1], draws=draws)


def test_predictive_plots_of_arviz_take_the_layout():
    import arviz as az

    tree = stouffer_toby()[1]
    made = posterior_predictive(tree, draws=30, seed=5)
    assert az.plot_ppc_dist(made, backend="plotly", kind="ecdf", num_samples=20) is not None


def test_the_function_is_offered_by_the_package():
    assert inference.posterior_predictive is posterior_predictive
