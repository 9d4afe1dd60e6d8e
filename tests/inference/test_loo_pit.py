"""Leave-one-out transforms: the distribution of counts by enumeration, uniformity, planted misfit, labels."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from dissensus.datasets.patterns import build_choices
from dissensus.inference.density import state_prior
from dissensus.inference.left_out import Entries, entries_of, leave_out
from dissensus.inference.loo_pit import (
    _distribution,
    _predicted,
    _sentence,
    _served_probability,
    _uniformity,
    loo_pit,
)
from dissensus.inference.option_table import log_option_probability
from dissensus.inference.parameters import constrain
from scipy import stats

from dissensus import datasets, inference
from dissensus.errors import InputError

from .builders import make_area, make_study
from .fitted import stouffer_toby
from .predicted import two_areas


def test_distribution_of_the_count_by_enumeration():
    """All ways to answer, of an agent of each group with some items left out."""
    choices, fit = two_areas()
    entries = entries_of(fit)[1]
    density, area = entries.density, choices.areas[1]
    theta = entries.theta[:2]
    cells, prior = _served_probability(Entries(density, theta, entries.row, entries.weight, entries.of_agent, 1.0))
    values = constrain(density.parameters, theta, density.n_options)
    p = np.exp(log_option_probability(np, density.table, values.baseline_logits))
    states = np.exp(state_prior(density, values))
    for times, goal, group in (([1, 1, 1], 0, 0), ([1, 0, 1], 2, 1)):
        found = _distribution(cells[:, :, goal], prior[:, group], times)
        expected = np.zeros_like(found)
        options = [np.flatnonzero(area.item_of_option == j) for j, t in enumerate(times) if t]
        for answers in product(*options):
            t = int(area.serves[goal, list(answers)].sum())
            expected[:, t] += (states[:, group] * p[:, :, list(answers)].prod(axis=2)).sum(axis=1)
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_transforms_lie_between_the_weighted_distribution_functions():
    """F(T − 1) and F(T), each draw by the weight it has without the agent."""
    choices, fit = stouffer_toby()
    (entries,) = entries_of(fit)
    below, upto = _predicted(entries)
    (part,) = leave_out(entries)
    cells, prior = _served_probability(entries)
    pmf = _distribution(cells[:, :, 0], prior[:, 0], [1, 1, 1, 1])
    counts = entries.density.area.counts[entries.density.rows.pattern[entries.row]]
    t = counts @ entries.density.area.serves[0]
    for i in range(len(entries.row)):
        mean = np.exp(part.log_weight[i]) @ pmf
        assert upto[i, 0] == pytest.approx(mean[: t[i] + 1].sum())
        assert below[i, 0] == pytest.approx(mean[: t[i]].sum())
    pit = loo_pit(fit)["pit"].values
    assert (pit >= below[entries.of_agent] - 1e-12).all() and (pit <= upto[entries.of_agent] + 1e-12).all()
    assert pit.shape == (choices.n_agents, 2)


def test_uniform_when_the_model_is_right():
    """Of simulated agents, goal by goal, with a repeat giving the same."""
    _, fit = two_areas()
    found = loo_pit(fit, area="tax")
    for goal in "xyz":
        values = found["pit"].sel(goal=goal).dropna("agent").values
        assert stats.kstest(values, "uniform").pvalue > 0.001
    assert (found["state"] == "ok").all()
    assert (found["sentence"] == "").all()
    np.testing.assert_array_equal(found["pit"], loo_pit(fit, area="tax")["pit"])
    assert (found["pit"].values != loo_pit(fit, area="tax", seed=2)["pit"].values).any()


def test_goals_that_no_answer_can_serve_more_or_less_have_none():
    """An agent who answered only items all or none of whose options serve the goal has no transform."""
    study = make_study(make_area("x y", "xy y", "x xy"))
    choices = datasets.simulate(study, 60, seed=1)
    answers = {f"a{j}": choices.areas[0].answer(j)[choices.areas[0].pattern_of_agent] for j in range(3)}
    answers["a0"][:5], answers["a1"][:5] = -1, -1
    fit = inference.fit(build_choices(study, choices.agents, answers), seed=1, method="laplace")
    pit = loo_pit(fit)["pit"]
    assert pit.sel(goal="x")[:5].isnull().all()
    assert pit.sel(goal="y")[:5].notnull().all()


def test_the_sentence_says_how_the_transforms_are_spread():
    """Heaped at the ends, in the middle, or on one side."""
    rng = np.random.default_rng(3)
    pit = np.concatenate([rng.uniform(0, 0.08, 200), rng.uniform(0.92, 1, 200), rng.uniform(0, 1, 400)])[:, None]
    p, distance = _uniformity(pit, rng)
    assert p[0] < 0.001
    assert "very many or very few answers that serve 'x' more often than" in _sentence(
        "x", p[0], distance[0], pit[:, 0], "caution"
    )
    middle = rng.beta(3, 3, (800, 1))
    assert "very many or very few answers that serve 'x' less often than" in _sentence(
        "x", 0.001, 0.1, middle[:, 0], "caution"
    )
    high = _sentence("x", 0.001, 0.1, rng.beta(2, 1, 800), "note")
    assert "Agents give more answers that serve 'x' than the model predicts" in high
    assert "too little to matter" in high


@pytest.mark.parametrize(
    ("area", "match"), [(None, "is not given and there are several"), ("food", "\"area\" is 'food'.*'tax', 'speech'")]
)
def test_an_area_must_be_named(area, match):
    with pytest.raises(InputError, match=match):
        loo_pit(two_areas()[1], area=area)
