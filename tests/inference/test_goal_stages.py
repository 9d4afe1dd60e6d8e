"""Learned goals of rankings, best and worst, situations, counts and durations."""

from __future__ import annotations

import numpy as np
import pytest
from dissensus.inference.goal_distances import _apart_in_counts
from dissensus.inference.goal_stages import GoalStageTable, evaluate_stages, option_probability, stages_of
from dissensus.inference.learned_conflict import behavioural_conflict
from dissensus.inference.learned_goals import goal_answers
from dissensus.inference.parameters import constrain, draw_prior
from scipy import stats

from dissensus import datasets, inference
from dissensus.errors import InputError

from .builders import CASES, density_of

OBJECTS = ["A", "B", "C", "D"]
AREA = {"goals": 2, "items": {"r": {"kind": "ranking", "options": OBJECTS}, "n": {"kind": "count"}}}


def _study(**area):
    return datasets.Study.from_dict({"areas": {"a": {**AREA, **area}}})


@pytest.mark.parametrize(
    "case", ["learned, anchored, rankings and situations", "learned, classes of ballots and numbers"]
)
def test_probabilities_of_what_is_shown_sum_to_one(case):
    """And that of the option chosen is the one in the likelihood, of the best and of the worst alike."""
    density = density_of(CASES[case]())
    values = constrain(
        density.parameters, draw_prior(density.parameters, 2, np.random.default_rng(1)), len(density.area.options)
    )
    assert any(isinstance(table, GoalStageTable) for table in density.table.stages)
    for stages, table in zip(density.area.stages, density.table.stages, strict=True):
        parts = evaluate_stages(table, values.baseline_logits, values.taste, values.affinity)
        own = np.flatnonzero(density.area.item_of_option == stages.item)
        p = np.stack([option_probability(table, parts, int(option)) for option in own])
        np.testing.assert_allclose(p.sum(axis=0), 1, atol=1e-12)
        at = np.arange(stages_of(table).n_stages)
        picked = stages.shown[at, stages.chosen]
        np.testing.assert_allclose(np.log(p[picked, :, at]).swapaxes(0, 1), parts.log_p, atol=1e-10)


def test_distance_between_counts_is_half_the_sum_of_differences():
    """Against the sum over 200,000 counts; nothing apart where the means are one."""
    rng, y = np.random.default_rng(0), np.arange(200_000)
    for _ in range(8):
        log_mean, spread = rng.normal(0, 2, (1, 3)), np.exp(rng.normal(-0.7, 1.0, (1, 1, 1)))
        found, phi = _apart_in_counts(log_mean, spread)[0], float(spread[0, 0, 0])
        pmf = stats.nbinom.pmf(y[:, None], 1 / phi, 1 / (1 + phi * np.exp(log_mean[0])))
        expected = 0.5 * np.abs(pmf[:, :, None] - pmf[:, None]).sum(axis=0)
        np.testing.assert_allclose(found, expected, atol=1e-9)
    assert (_apart_in_counts(np.ones((1, 2)), np.ones((1, 1, 1))) == 0).all()


def test_behavioural_conflict_is_the_mean_over_items():
    """A ranking by its first choices, a duration and a count by their distributions, a situation by what was asked."""
    choices = CASES["learned, anchored, rankings and situations"]()
    density = density_of(choices)
    theta = draw_prior(density.parameters, 3, np.random.default_rng(5))
    area, values = density.area, constrain(density.parameters, theta, density.n_options)
    answers, found = goal_answers(density, theta), behavioural_conflict(density, theta)
    for d in range(3):
        apart = []
        for item, kind in enumerate(area.item_kinds):
            mine = np.flatnonzero(area.item_of_option == item)
            if kind == "count":
                (numbers,) = area.numbers
                shift = values.affinity[d, :, mine[0]] * area.item_learned[item]
                given = area.serves[:, mine[0]].astype(float) - area.serves[:, mine[1]]
                log_mean = values.location[d, 0] + shift + area.kappa * given
                phi, total = values.spread[d, 0], 0.0
                for which, times in zip(numbers.which, numbers.times, strict=True):
                    mean = numbers.exposure[which] * np.exp(log_mean)
                    p = stats.nbinom.pmf(np.arange(100_000)[:, None], 1 / phi, 1 / (1 + phi * mean))
                    total += times * 0.5 * np.abs(p[:, 0] - p[:, 1]).sum()
                apart.append(total / numbers.times.sum())
            elif kind == "situation":
                stages = next(one for one in area.stages if one.item == item)
                total = 0.0
                for stage, times in zip(stages.stage, stages.times, strict=True):
                    there = stages.shown[stage] >= 0
                    options = mine[stages.shown[stage, there]]
                    utility = values.baseline_logits[d, options] + values.affinity[d][:, options]
                    utility = utility + stages.features[stage, there] @ values.taste[d]
                    p = np.exp(utility) / np.exp(utility).sum(axis=1, keepdims=True)
                    total += times * 0.5 * np.abs(p[0] - p[1]).sum()
                apart.append(total / stages.times.sum())
            else:
                apart.append(0.5 * np.abs(answers[d, 0, mine] - answers[d, 1, mine]).sum())
        assert found[d, 0, 1] == pytest.approx(np.mean(apart), abs=1e-6)


def test_the_truth_is_found():
    """Two classes told by their order and their counts: shares, orders, and the factor between the counts."""
    truth = {
        "goal_share": [0.65, 0.35],
        "affinity": [[1.5, 0.5, -0.5, -1.5, 0.4, 0.0], [-1.0, -0.5, 0.0, 1.5, -0.4, 0.0]],
        "typical": [5.0],
        "spread": [0.3],
    }
    choices = datasets.simulate(_study(), 500, seed=4, truth={"a": truth})
    fit = inference.fit(choices, seed=1, draws=600)
    table = inference.goals(fit, allow_unreliable=True).set_index(["goal", "item", "option"])
    largest = table.loc["goal 1"]
    assert largest["share_lower"].iloc[0] < 0.65 < largest["share_upper"].iloc[0]
    first = np.exp(truth["affinity"][0][:4]) / np.exp(truth["affinity"][0][:4]).sum()
    found = largest.loc["r"]
    assert (np.abs(found["mean"] - first) < 4 * found["sd"]).all()
    more = largest.loc[("n", "more")]  # the factor is e^0.4 over the mean of both goals
    assert abs(more["mean"] - 1 / (1 + np.exp(-0.4))) < 4 * more["sd"]
    assert more["sd"] < 0.05


def test_how_many_goals_a_ranking_tells_apart():
    """One full ranking of 2K objects tells K goals; numbers set no bound before there are answers."""
    alone = {"r": {"kind": "ranking", "options": OBJECTS}}
    assert _study(items=alone).areas[0].learned_items == (True,)
    with pytest.raises(InputError, match="learns 3 goals"):
        _study(items=alone, goals=3)
    with pytest.raises(InputError, match="learns 2 goals"):
        _study(items={"r": {**alone["r"], "top": 1}})
    assert len(_study(items={"n": {"kind": "count"}}, goals=3).areas[0].goals) == 3
