"""Parts of a score: they sum to it in every draw, and are those of the agents drawn."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from dissensus.inference.contributions import _drawn_parts
from dissensus.inference.drawn_again import draws_of

from dissensus import forward_model, inference
from dissensus.errors import InputError, Refused

from .agents_drawn import agents_at, group_labels, problem_areas
from .fitted import grouped, refused, stouffer_toby

SCORES = ("contention", "misalignment", "relative_misalignment")
EVERY = [
    (of, estimand)
    for of in ("area", "goal_pair", "pattern", "agent")
    for estimand in ("sample", "population")
    if of in {"area", "goal_pair"} or estimand == "sample"
]


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize(("of", "estimand"), EVERY)
def test_parts_sum_to_the_score(of, estimand, score):
    _, fit = grouped()
    drawn = inference.scores(fit, estimand=estimand)
    table = inference.contributions(fit, of=of, score=score, estimand=estimand, area="tax", top=7)
    assert table["mean"].sum() == pytest.approx(float(drawn[score].sel(area="tax").mean()), abs=1e-12)
    assert table["of_whole"].sum() == pytest.approx(1, abs=1e-9)
    if score == "contention":
        table = inference.contributions(fit, of=of, score=score, estimand=estimand)
        assert table["mean"].sum() == pytest.approx(float(drawn["overall_contention"].mean()), abs=1e-12)


def test_overall_parts_of_areas_sum_where_all_have_weights():
    _, fit = stouffer_toby()
    for score in SCORES:
        whole = float(inference.scores(fit)[f"overall_{score}"].mean())
        for of in ("area", "goal_pair", "agent"):
            assert inference.contributions(fit, of=of, score=score)["mean"].sum() == pytest.approx(whole, abs=1e-12)


def test_parts_of_goal_pairs_are_those_of_the_forward_model():
    choices, fit = grouped()
    draws = np.arange(1_000)
    table = inference.contributions(fit, of="goal_pair", score="misalignment", area="tax")
    assert (np.diff(table["mean"]) <= 0).all()
    mean = {(row["goal"], row["goal_other"]): row["mean"] for row in table.to_dict("records")}
    total = Counter()
    some = draws[::100]
    for goals, weights in agents_at(choices, fit, some):
        parts = forward_model.goal_pair_contributions(goals[["tax"]], weights[["tax"]], problem_areas(choices)[:1])
        for k in range(parts.sizes["goal_pair"]):
            cell = parts.isel(goal_pair=k)
            total[str(cell["goal"].values), str(cell["goal_other"].values)] += float(cell["misalignment"]) / len(some)
    spread = inference.scores(fit)["misalignment"].sel(area="tax").std() / np.sqrt(len(some))
    for pair, value in total.items():
        assert abs(mean[pair] - value) < 4 * float(spread)


def test_the_part_of_an_agent_is_half_of_its_conflicts():
    """Against the double loop, in a fit where every pattern is listed."""
    choices, fit = grouped()
    draws = np.arange(0, 1_000, 250)
    table = inference.contributions(fit, of="pattern", score="misalignment", area="tax", top=10_000)
    assert table["alike"].sum() == choices.n_agents
    assert table["agent"].notna().all()
    area, n = draws_of(fit, choices)[0], choices.n_agents
    parts = _drawn_parts(area, np.arange(n), n, "misalignment")
    conflict, goal_names = choices.areas[0].conflict, choices.areas[0].goals
    for at, (goals, weights) in zip(draws, agents_at(choices, fit, draws), strict=True):
        code = goals["tax"].map(goal_names.index).to_numpy()
        root = np.sqrt(weights["tax"].to_numpy())
        brute = root * (conflict[np.ix_(code, code)] @ root) / (n * (n - 1))
        np.testing.assert_allclose(parts[at, :n], brute, atol=1e-15)
        np.testing.assert_allclose(parts[at, n], 0, atol=1e-15)


def test_patterns_are_agents_of_one_group_with_equal_answers():
    choices, fit = grouped()
    table = inference.contributions(fit, of="agent", score="contention", top=5)
    keys = [
        (group, *(area.pattern_of_agent[i] for area in choices.areas)) for i, group in enumerate(group_labels(choices))
    ]
    number = Counter(keys)
    place = {str(label): i for i, label in enumerate(choices.agents)}
    for row in table.to_dict("records")[:-1]:
        assert row["alike"] == number[keys[place[row["agent"]]]]
        assert row["per_agent"] == pytest.approx(row["mean"] / row["alike"])
    assert (np.diff(table["per_agent"][:5]) <= 0).all()
    assert table["agent"].isna().sum() == 1 and table["agent"].isna().iloc[-1]
    assert table["alike"].sum() == choices.n_agents


def test_faults_and_refusals():
    fit = grouped()[1]
    for options, code, text in (
        ({"of": "aera"}, "of", "Did you mean 'area'"),
        ({"of": "agent", "estimand": "population"}, "estimand", "infinitely many"),
        ({"of": "pattern", "top": 0}, "top", "at least 1"),
        ({"area": "taxx"}, "unknown-area", "Did you mean 'tax'"),
        ({"score": "observed_conflict"}, "score", "Use one of"),
    ):
        with pytest.raises(InputError, match=text) as error:
            inference.contributions(fit, **options)
        assert error.value.code == code
    with pytest.raises(Refused):
        inference.contributions(refused(fit))
    held = inference.contributions(fit, area="speech", score="contention", of="goal_pair")
    assert held["mean"].isna().all()
    assert "No sign of goals" in held.loc[0, "reasons"][0]
