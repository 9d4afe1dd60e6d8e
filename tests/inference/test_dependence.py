"""A fit of dependent areas: the dependence that was simulated is found, and what cannot allow for it says so."""

from __future__ import annotations

import numpy as np
import pytest
from dissensus.inference.dependence_measures import cramers_v, pair_spread
from dissensus.inference.dependence_text import dependence_lines
from dissensus.inference.joint_density import joint_density
from dissensus.inference.joint_scores import draw_joint_states
from dissensus.inference.model import area_densities
from dissensus.inference.parameters import draw_prior

from dissensus import datasets, inference
from dissensus.errors import InputError


def _area(name):
    serves = [{"0": "a", "1": "b"}, {"0": "b", "1": "a"}]
    items = {f"{name}{j}": {"serves": serves[j % 2]} for j in range(4)}
    return {"goals": ["a", "b"], "conflict": 1.0, "items": items}


def _choices(n=150):
    study = datasets.Study.from_dict({"areas": {k: _area(k) for k in ("one", "two")}, "dependence": {"types": 2}})
    lean = [[2.0, -2.0], [-2.0, 2.0]]
    own = {"goal_share": [0.5, 0.5], "weight_mean": 0.9, "weight_concentration": 8.0}
    truth = {"one": own, "two": own, "dependence": {"type_share": [0.5, 0.5], "one": lean, "two": lean}}
    return datasets.simulate(study, n, seed=2, truth=truth)


@pytest.fixture(scope="module")
def choices():
    return _choices()


@pytest.fixture(scope="module")
def fit(choices):
    return inference.fit(choices, seed=1, draws=1_000)


def test_dependence_is_found(fit, choices, tmp_path):
    found = inference.dependence(fit, allow_unreliable=True)
    goals = choices.truth.goals == "a"
    true = abs(np.corrcoef(goals["one"], goals["two"])[0, 1])
    low, high = np.quantile(found["association"].sel(area="one", area_other="two"), [0.005, 0.995])
    assert low < true < high
    assert float(found["elpd_gain"]) > 2 * float(found["elpd_gain_se"])
    both = found["pairs_without_conflict"].mean(("chain", "draw"))
    assert float(both.sel(scenario="as fitted")) > float(both.sel(scenario="independent"))
    assert len(dependence_lines(fit)) > 4
    path = tmp_path / "result.nc"
    inference.save(fit, path)
    assert inference.dependence(inference.load(path), allow_unreliable=True).equals(found)
    assert fit["log_likelihood"]["answers"].shape[2] == choices.n_agents


def test_what_cannot_allow_for_types_says_so(fit, choices):
    for ask in (
        lambda: inference.what_if(fit, remove=["1"]),
        lambda: inference.loo(fit),
        lambda: inference.posterior_predictive(fit),
        lambda: inference.conventions(fit),
        lambda: inference.log_likelihood(fit),
        lambda: inference.fit(choices, method="nuts"),
    ):
        with pytest.raises(InputError, match=r"dependence"):
            ask()


def test_pairs_vary_as_pairs_of_simulated_agents_do():
    """Half a million pairs of agents whose types, goals and conflicts are drawn one by one."""
    choices = _choices(20)
    density = joint_density(area_densities(choices), 2, choices.study.priors, None)
    theta = draw_prior(density.parameters, 1, np.random.default_rng(3))
    spread = pair_spread(density, theta, np.ones(1), np.ones(2))
    from dissensus.inference.dependence_measures import classes

    share, goal = classes(density, theta, np.ones(1))
    rng = np.random.default_rng(4)
    kind = rng.choice(2, p=share[0], size=(2, 500_000))
    held = rng.random((2, 2, 500_000)) < goal[0, :, kind, 0].transpose(2, 0, 1)
    conflict = held[:, 0] != held[:, 1]
    assert spread.sd["contention"][0] == pytest.approx(conflict.mean(axis=0).std(), abs=2e-3)
    assert spread.none[0] == pytest.approx((~conflict).all(axis=0).mean(), abs=3e-3)
    assert spread.every[0] == pytest.approx(conflict.all(axis=0).mean(), abs=3e-3)
    own = [held[p, 0] for p in range(2)]
    v = cramers_v(share, goal, [2, 2])[0, 0, 1]
    assert v == pytest.approx(abs(np.corrcoef(*own)[0, 1]), abs=5e-3)


def test_states_of_an_agent_are_drawn_together():
    """The number with one goal in each area varies over draws as the answers of all areas together say."""
    choices = _choices(20)
    density = joint_density(area_densities(choices), 2, choices.study.priors, None)
    one = draw_prior(density.parameters, 1, np.random.default_rng(5))
    states = draw_joint_states(density, np.repeat(one, 4_000, axis=0), np.random.default_rng(6))
    for own in states:
        np.testing.assert_allclose(own.count.sum(axis=(1, 2)), 20)
        expected = own.row_goal[density.rows.row_of_agent].sum(axis=0)
        np.testing.assert_allclose(own.count[:, 0].mean(axis=0), expected, atol=0.15)
