"""The log likelihood of agents: computed again, it is the one stored."""

from __future__ import annotations

import arviz as az
import numpy as np
import pytest
from dissensus.inference import log_likelihood as function
from dissensus.inference import result
from dissensus.inference.log_likelihood import LIMIT

from dissensus import inference
from dissensus.errors import InputError

from .fitted import grouped, stouffer_toby


@pytest.mark.parametrize("fitted", [stouffer_toby, grouped])
def test_the_log_likelihood_is_the_one_stored(fitted):
    choices, tree = fitted()
    found = inference.log_likelihood(tree)
    assert found.dims == ("chain", "draw", "agent")
    assert list(found["agent"].values) == list(choices.agents)
    stored = tree["log_likelihood"]["answers"]
    assert stored.dims == found.dims
    np.testing.assert_allclose(found.values, stored.values, rtol=1e-5)


def test_agents_come_in_the_order_asked_for():
    tree = grouped()[1]
    found = inference.log_likelihood(tree, agents=["7", "3", "7"])
    whole = inference.log_likelihood(tree)
    np.testing.assert_allclose(found.values, whole.sel(agent=["7", "3", "7"]).values, rtol=1e-12)
    assert list(found["agent"].values) == ["7", "3", "7"]


def test_unknown_agents_are_refused():
    with pytest.raises(InputError, match="There is no agent '9999'") as caught:
        inference.log_likelihood(grouped()[1], agents=["1", "9999", "x"])
    assert caught.value.count == 2


def test_more_numbers_than_fit_are_refused():
    tree = grouped()[1]
    many = ["1"] * (LIMIT // 2_000 + 1)
    with pytest.raises(InputError, match="The log likelihood of 100,001 agents is 200,002,000 numbers"):
        inference.log_likelihood(tree, agents=many)


def test_large_results_do_not_store_it(monkeypatch):
    """It is computed from the draws when asked for."""
    choices, _ = stouffer_toby()
    monkeypatch.setattr(result, "LOG_LIKELIHOOD_NUMBERS", 2_000 * choices.n_agents - 1)
    tree = inference.fit(choices, seed=1)
    assert "log_likelihood" not in tree.children
    np.testing.assert_allclose(function(tree), stouffer_toby()[1]["log_likelihood"]["answers"], rtol=1e-5)


def test_arviz_takes_it():
    """Leave-one-out over agents, and a comparison of two fits of one table."""
    choices, tree = stouffer_toby()
    found = az.loo(tree, pointwise=True)
    assert found.n_data_points == choices.n_agents
    assert float(found.pareto_k.max()) < 0.7
    assert -520 < found.elpd < -510
