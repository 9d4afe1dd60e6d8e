"""Goals and weights that follow a random walk over periods."""

import numpy as np
import pytest
from dissensus.datasets.periods import walk
from dissensus.inference.area_scores import population_scores
from dissensus.inference.calibration_truth import true_log_likelihood, true_scores, true_theta
from dissensus.inference.density import row_log_likelihood
from dissensus.inference.fit import fit
from dissensus.inference.mode import find_modes
from dissensus.inference.model import area_densities
from dissensus.inference.parameters import constrain, draw_prior

from dissensus import datasets, inference
from dissensus.errors import InputError

from .builders import CASES, density_of, make_area, make_choices, make_study

_SHARES = [[0.85, 0.15], [0.7, 0.3], [0.4, 0.6], [0.2, 0.8]]


def _study(**more):
    raw = make_study(make_area(*["x y"] * 4, baseline="uniform"), **more).to_dict()
    return datasets.Study.from_dict({**raw, "table": {"agent": "agent", "period": "when"}})


@pytest.fixture(scope="module")
def fitted():
    truth = {"goal_share": [0.5, 0.5], "group_goal_share": _SHARES, "weight_mean": 0.7}
    choices = datasets.simulate(_study(), 240, seed=2, groups=["1", "2", "3", "4"], truth={"a": truth})
    return choices, fit(choices, seed=1, method="laplace", draws=500)


def test_steps_of_the_prior_have_their_standard_deviation():
    density = density_of(CASES["periods"]())
    theta = draw_prior(density.parameters, 20_000, np.random.default_rng(1))
    values = constrain(density.parameters, theta, density.n_options)
    logits = np.log(values.prior_mean) - np.log1p(-values.prior_mean)
    steps = np.diff(logits, axis=1).std(axis=0)
    np.testing.assert_allclose(steps, 0.3 * np.sqrt([2, 1]), rtol=0.03)  # a period without agents lies between
    centre = logits.mean(axis=1) - np.log(values.mean) + np.log1p(-values.mean)
    np.testing.assert_allclose(centre, 0, atol=1e-9)


def test_truth_is_that_of_the_simulation():
    choices = datasets.simulate(_study(), 150, seed=3)
    (density,) = area_densities(choices)
    theta = true_theta(density, choices)[None]
    value = float(row_log_likelihood(density, theta)[0] @ density.rows.multiplicity)
    assert value == pytest.approx(true_log_likelihood(density, choices, choices.study), abs=1e-9)
    found, true = population_scores(density, theta), true_scores(choices)["population"]
    np.testing.assert_allclose(found.groups.contention[0], true["groups"]["contention"][..., 0], atol=1e-12)


def test_the_path_of_goal_shares_is_recovered(fitted):
    _, result = fitted
    share = result["posterior"]["group_goal_share"].sel(goal="a: x")
    mean, sd = share.mean(("chain", "draw")).values, share.std(("chain", "draw")).values
    assert (np.abs(mean - np.array(_SHARES)[:, 0]) < 3.5 * sd).all()
    assert (np.diff(mean) < 0).all()


def test_scores_by_group_are_those_of_periods(fitted):
    _, result = fitted
    table = inference.summarize(result, by="group", allow_unreliable=True)
    assert set(table["group"].dropna()) == {"1", "2", "3", "4"}
    assert any("random walk over periods" in note for note in inference.to_json(result, allow_unreliable=True)["notes"])


def test_neighbouring_periods_are_smoothed():
    """A period of few agents, between two of many that agree, is told by them; independent groups would not be."""
    answers = {f"a{j}": np.concatenate([np.zeros(200, int), np.ones(2, int), np.zeros(200, int)]) for j in range(4)}

    found = []
    for layout in ({"period": "when"}, {}):
        study = make_study(make_area(*["x y"] * 4, baseline="uniform"), priors={"group_sd": 3.0}, **layout)
        group = np.repeat([0, 1, 2], [200, 2, 200])
        density = density_of(make_choices(study, answers, groups=["1", "2", "3"], group_of_agent=group))
        mode = find_modes(density, np.random.default_rng(1))[0].theta[None]
        share = np.exp(constrain(density.parameters, mode, density.n_options).prior_log_share)[0]
        found.append(share[1, 0])
    assert found[0] > 0.8 > found[1]


def test_path_plot_shows_every_period_in_order(fitted):
    _, result = fitted
    figure = inference.plot_path(result, score="contention", allow_unreliable=True)
    table = inference.summarize(result, by="group", allow_unreliable=True)
    own = table[(table["score"] == "contention") & (table["estimand"] == "population") & table["area"].isna()]
    own = own[own["group_other"].isna()].set_index("group")
    assert [text.split("<br>")[0] for text in figure.layout.xaxis.ticktext] == ["1", "2", "3", "4"]
    shown = next(trace for trace in figure.data if trace.mode == "lines+markers")
    np.testing.assert_allclose(np.asarray(shown.y, dtype=float), own.loc[["1", "2", "3", "4"], "mean"].astype(float))


def test_path_plot_needs_periods():
    choices = datasets.simulate(make_study(make_area("x -", "- x")), 10, seed=1)
    result = fit(choices, seed=1, method="laplace", draws=100)
    with pytest.raises(InputError, match="names no periods"):
        inference.plot_path(result, allow_unreliable=True)


def test_the_walk_of_one_period_is_nothing():
    assert walk(np.zeros(1, dtype=np.int64)).shape == (1, 0)
