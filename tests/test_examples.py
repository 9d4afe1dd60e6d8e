"""What real tables of people and AI systems show: parties, opinion groups, moral preferences, and other seeds."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dissensus import datasets, inference

FOLDER = Path(__file__).parents[1] / "benchmarks"
BILLS = ("adoption-of-the-budget-resolution", "physician-fee-freeze", "water-project-cost-sharing", "immigration")


@pytest.fixture(scope="module")
def home():
    if "DISSENSUS_DATA" not in os.environ:
        pytest.skip("DISSENSUS_DATA is not set: the tables of other people's data are not there")
    return Path(os.environ["DISSENSUS_DATA"])


@pytest.fixture
def script(monkeypatch):
    """Import a script of the benchmarks, whose folder is on the path only while it runs."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(FOLDER)
    yield __import__
    for name in set(sys.modules) - before:
        if (FOLDER / f"{name}.py").exists():
            del sys.modules[name]


def test_parties_are_far_apart_on_some_bills_and_split_within_on_others(home):
    """House votes of 1984: yea shares .888 and .134 on the budget, .054 and .988 on the freeze, even on the others."""
    raw = datasets.load("house_votes_84", data_home=home).study.to_dict()
    raw["areas"] = {bill: raw["areas"][bill] for bill in BILLS}
    choices = datasets.load("house_votes_84", data_home=home, study=datasets.Study.from_dict(raw))
    fit = inference.fit(choices, seed=1)
    for bill in BILLS:
        matrix = inference.group_matrix(fit, area=bill, score="contention")
        mean = matrix["mean"].sel(group=["democrat", "republican"], group_other=["democrat", "republican"]).values
        if bill in BILLS[:2]:
            assert mean[0, 1] > 3 * max(mean[0, 0], mean[1, 1])
            assert matrix["lower"].values[0, 1] > matrix["upper"].values.diagonal().max()
        else:
            np.testing.assert_allclose(mean, 0.5, atol=0.015)
    apart = inference.further_apart(fit, ("democrat", "republican"), "democrat", score="contention").set_index("area")
    assert apart.loc[BILLS[1], "probability"] > 0.999
    assert abs(apart.loc[BILLS[2], "mean"]) < 0.01


def test_the_adjusted_rand_index(script):
    rand = script("opinion_groups").adjusted_rand
    one = np.array([0, 0, 0, 1, 1, 1])
    assert rand(one, 1 - one) == 1
    assert rand(one, np.array(list("aabbcc"))) == pytest.approx(0.24242424, abs=1e-8)  # by hand: 8 of 33
    rng = np.random.default_rng(1)
    chance = [rand(rng.integers(3, size=200), rng.integers(2, size=200)) for _ in range(50)]
    assert abs(np.mean(chance)) < 0.005


def test_goals_learned_from_sparse_votes_are_the_opinion_groups_of_polis(script, home):
    people, statements, groups, index = script("opinion_groups").compared(home / "polis" / "brexit-consensus", starts=4)
    assert (people, statements, groups) == (196, 49, 2)
    assert index > 0.7


@pytest.mark.slow
def test_moral_preferences_of_ai_systems_and_people_from_counts(script, home):
    """Nine areas from counts of answers: where systems spare the other side than people, contention is larger.

    The table holds summaries, so each agent is entered with 100 answers that have its shares.
    """
    preferences = script("published_ours").preferences(home)
    rows = []
    for side, name in ((1, "favoured"), (-1, "other")):
        long = preferences.stack().rename("amce").reset_index().set_axis(["item", "agent", "amce"], axis=1)
        rows.append(long.assign(answer=name, n=(100 * (0.5 + side * long["amce"] / 2)).round().astype(int)))
    table = pd.concat(rows)
    table["kind"] = np.where(table["agent"] == "Human", "people", "AI")
    serves = {"favoured": "favoured", "other": "other"}
    areas = {
        name: {
            "goals": ["favoured", "other"],
            "conflict": 1.0,
            "baseline": "uniform",
            "items": {name: {"serves": serves, "repeated": True}},
        }
        for name in preferences.index
    }
    layout = {"layout": "long", "agent": "agent", "group": "kind", "systems": ["AI"]}
    layout |= {"item": "item", "answer": "answer", "times": "n"}
    choices = datasets.read_table(table, datasets.Study.from_dict({"table": layout, "areas": areas}))
    assert choices.n_agents == 76
    fit = inference.fit(choices, seed=1)
    found = {}
    for name in preferences.index:
        matrix = inference.group_matrix(fit, area=name, score="contention", small_groups=True)
        found[name] = float(matrix["mean"].sel(group="AI", group_other="people"))
    opposite = (np.sign(preferences.drop(columns="Human")).ne(np.sign(preferences["Human"]), axis=0)).mean(axis=1)
    assert pd.Series(found).corr(opposite) > 0.95
    assert all(found[name] > 0.45 for name in ("Fitness", "Intervention", "Relation to AV"))


def test_gaps_between_seeds_are_in_units_of_their_errors(script):
    gaps = script("seeds").gaps
    rng = np.random.default_rng(1)
    error = np.tile(rng.uniform(0.5, 2, 400), (20, 1))
    value = rng.normal(0, error)
    apart = gaps(value, error)
    assert np.sqrt(np.square(apart).mean()) == pytest.approx(1, abs=0.03)
    value[3, 7] += 30
    assert gaps(value, error)[3, 7] > 4
    assert (gaps(np.ones((3, 2)), np.zeros((3, 2))) == 0).all()


def test_another_seed_of_a_real_table_stays_within_its_errors(script, home):
    found = script("seeds").study(home, "values", 2, 2)
    assert found["numbers"] == 60
    assert found["above_limit"] == 0
