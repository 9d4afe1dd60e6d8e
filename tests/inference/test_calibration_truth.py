"""The truth of simulated data sets: scores, parameters, and the log likelihood by an independent route."""

import numpy as np
import pytest
from dissensus.inference.calibration_design import Design
from dissensus.inference.calibration_ranks import identity_error, simulate_set
from dissensus.inference.calibration_truth import true_scores, true_theta
from dissensus.inference.model import area_densities
from dissensus.inference.parameters import constrain

from dissensus import datasets
from dissensus.errors import InputError

from .calibration_designs import DESIGNS, GROUPS, design, study


def simulated(name, seed=3):
    return simulate_set(DESIGNS[name], np.random.SeedSequence(seed))


@pytest.mark.parametrize("name", DESIGNS)
def test_true_parameters_come_back_from_the_real_line(name):
    choices = simulated(name)
    for density in area_densities(choices):
        true = choices.truth.parameters[density.area.name]
        values = constrain(density.parameters, true_theta(density, choices)[None], density.n_options)
        np.testing.assert_allclose(values.share[0], true["goal_share"], rtol=1e-10)
        if density.states.weighted:
            np.testing.assert_allclose(values.mean, true["weight_mean"], rtol=1e-10)
            np.testing.assert_allclose(values.concentration, true["weight_concentration"], rtol=1e-10)
        if density.parameters.n_deviating:
            np.testing.assert_allclose(np.exp(values.prior_log_share[0]), true["group_goal_share"], rtol=1e-9)
        if density.parameters.option_sizes:
            odds = np.exp(values.baseline_logits[0])
            total = np.bincount(density.area.item_of_option, odds)[density.area.item_of_option]
            np.testing.assert_allclose(odds / total, true["baseline"], rtol=1e-9)


@pytest.mark.parametrize("name", DESIGNS)
def test_the_log_likelihood_of_the_truth_is_the_same_by_two_routes(name):
    choices = simulated(name)
    for density in area_densities(choices):
        assert identity_error(density, choices) < 1e-12


@pytest.mark.parametrize("name", ["follow", "no goal", "groups", "two areas"])
def test_scores_of_many_agents_are_those_of_the_population(name):
    """Two routes: the closed form, and 200,000 agents who were drawn."""
    small = DESIGNS[name]
    large = Design(small.study, 200_000, small.groups)
    true = true_scores(simulate_set(large, np.random.SeedSequence(5)))
    for level, scores in true["sample"].items():
        for score in ("contention", "misalignment", "relative_misalignment", "overall_misalignment"):
            np.testing.assert_allclose(scores[score], true["population"][level][score], atol=0.006, err_msg=score)


def test_the_population_of_known_parameters_by_hand():
    """Shares 1/2, 1/4, 1/4 with conflicts 1, 0.2, 0.5: 2(1/8 + 0.2/8 + 0.5/16) = 0.3625; E√w = 2/3 for uniform w."""
    truth = {"goal_share": [0.5, 0.25, 0.25], "weight_mean": 0.5, "weight_concentration": 1e-12}
    choices = datasets.simulate(study({"area": (3, {})}), 10, seed=1, truth={"area": truth})
    scores = true_scores(choices)["population"]["overall"]
    assert scores["contention"] == pytest.approx([0.3625])
    assert scores["misalignment"] == pytest.approx([0.3625 * 4 / 9])
    assert scores["relative_misalignment"] == pytest.approx([0.3625])


def test_groups_stand_in_the_order_of_the_choices():
    choices = simulated("groups")
    assert choices.groups == tuple(name for name, _ in GROUPS)
    scores = true_scores(choices)["sample"]["groups"]["contention"][..., 0]
    goal = choices.truth.goals["area"].to_numpy()
    conflict = dict(zip("abc", choices.areas[0].conflict, strict=True))
    mine, other = (goal[choices.group_of_agent == g] for g in (0, 2))
    expected = np.mean([[conflict[g]["abc".index(h)] for h in other] for g in mine])
    assert scores[0, 2] == pytest.approx(expected)
    assert scores[2, 0] == pytest.approx(expected)


def test_real_choices_have_no_truth():
    with pytest.raises(ValueError, match="no truth"):
        true_scores(datasets.load("stouffer_toby"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"agents": 1}, '"agents" is 1'),
        ({"missing": 1.0}, '"missing" is 1.0; it is a probability below 1'),
        ({"answers_per_item": 0}, '"answers-per-item" is 0'),
        ({"groups": (("all", 1.0),)}, "one group, or one name twice"),
        ({"groups": (("x", 0.5), ("x", 0.5))}, "one group, or one name twice"),
        ({"groups": (("x", 0.5), ("y", -1.0))}, "not a positive number"),
        ({"groups": (("x", 0.99), ("y", 0.01))}, "fewer than two of the 60 agents"),
        ({"conflict": 0.0}, "No score can vary"),
    ],
)
def test_designs_that_cannot_be_calibrated_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        design(**options)
