"""Passing in the study file and in tables: what it means, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dissensus import datasets
from dissensus.errors import InputError

STUDY = """
[table]
agent = "id"
missing = ["77"]
[areas.a]
goals = ["x", "y"]
conflict = 1.0
[areas.a.abstain]
codes = ["98", "dk", ""]
means = "low_weight"
[areas.a.items.q]
serves = { A = "x", B = "y" }
[areas.a.items.r]
kind = "ordinal"
serves = { 1 = "x", 2 = [], 3 = "y" }
[areas.a.items.s]
passes = []
serves = { A = "x", B = "y" }
"""


def _refused(old, new, *parts):
    assert old in STUDY
    with pytest.raises(InputError) as caught:
        datasets.Study.from_text(STUDY.replace(old, new), file="study.toml")
    for part in parts:
        assert part in str(caught.value)


def test_passing_is_the_last_option_of_the_items_that_do_not_say_otherwise():
    study = datasets.Study.from_text(STUDY)
    assert [item.options for item in study.items] == [("A", "B", "98"), ("1", "2", "3", "98"), ("A", "B")]
    assert [item.n_answers for item in study.items] == [2, 3, 2]
    assert datasets.Study.from_dict(study.to_dict()) == study


def test_codes_of_passing_are_one_answer_and_a_missing_code_is_none():
    table = pd.DataFrame(
        {"id": list("abcde"), "q": ["A", "98", "77", "", "dk"], "r": ["98", "3", "1", "2", "98"], "s": list("ABABA")}
    )
    area = datasets.read_table(table, datasets.Study.from_text(STUDY)).areas[0]
    counts = area.counts[area.pattern_of_agent]
    np.testing.assert_array_equal(counts[:, :3], [[1, 0, 0], [0, 0, 1], [0, 0, 0], [0, 0, 1], [0, 0, 1]])
    assert area.goal_answers[area.pattern_of_agent].tolist() == [2, 2, 2, 2, 1]
    assert area.n_answers[area.pattern_of_agent].tolist() == [3, 3, 2, 3, 3]


def test_an_agent_who_only_passes_is_kept_and_tells_its_weight():
    table = pd.DataFrame({"id": ["a", "b"], "q": ["A", "98"], "r": ["1", "dk"], "s": ["A", "77"]})
    choices = datasets.read_table(table, datasets.Study.from_text(STUDY))
    assert choices.n_agents == 2
    assert choices.areas[0].tells_weights


def test_a_long_table_counts_how_often_an_agent_passes():
    text = STUDY.replace('agent = "id"', 'agent = "id"\nlayout = "long"\nitem = "i"\nanswer = "o"')
    study = datasets.Study.from_text(text.replace("[areas.a.items.q]", "[areas.a.items.q]\nrepeated = true"))
    rows = [("1", "q", "A"), ("1", "q", "98"), ("1", "q", "dk"), ("2", "q", "B"), ("1", "r", "98"), ("2", "s", "A")]
    rows += [("3", "s", "B"), ("3", "r", "")]
    area = datasets.read_table(pd.DataFrame(rows, columns=["id", "i", "o"]), study).areas[0]
    counts = area.counts[area.pattern_of_agent]
    np.testing.assert_array_equal(counts[:, :3], [[1, 0, 2], [0, 1, 0], [0, 0, 0]])
    np.testing.assert_array_equal(counts[:, 6], [1, 0, 1])


def test_a_simulated_table_is_written_and_read_again(tmp_path):
    choices = datasets.simulate(datasets.Study.from_text(STUDY), 200, seed=3)
    assert choices.areas[0].counts[:, choices.areas[0].is_pass].any()
    datasets.write_table(choices, tmp_path / "t.csv")
    assert datasets.read_table(tmp_path / "t.csv", choices.study).data_hash == choices.data_hash


def test_simulated_agents_pass_as_often_as_the_logistic_says():
    truth = {"a": {"pass_share": [0.2, 0.5], "pass_scale": 3.0}}
    choices = datasets.simulate(datasets.Study.from_text(STUDY), 40_000, seed=4, truth=truth)
    area, weight = choices.areas[0], choices.truth.weights["a"].to_numpy()
    passed = area.counts[area.pattern_of_agent][:, area.is_pass]
    expected = 1 / (1 + np.exp(-(np.log([0.25, 1.0]) - 3 * (weight[:, None] - 0.5))))
    low = weight < 0.4
    for who in (low, ~low):
        error = np.sqrt((expected[who] * (1 - expected[who])).sum(axis=0)) / who.sum()
        assert (np.abs(passed[who].mean(axis=0) - expected[who].mean(axis=0)) < 4 * error).all()


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ('means = "low_weight"', 'means = "lowweight"', ("line 10", "Did you mean 'low_weight'?")),
        ('means = "low_weight"', 'means = "no_goal"', ("line 10", "no_goal = true")),
        ('codes = ["98", "dk", ""]', 'codes = ["98", "dk", "A"]', ("'A' means passing", "items.q"[-1])),
        ('codes = ["98", "dk", ""]', 'codes = ["98", "98"]', ("twice",)),
        ('codes = ["98", "dk", ""]', "codes = []", ("line 9",)),
        ('missing = ["77"]', 'missing = ["77", "dk"]', ("'dk' of item 'q' is also listed in 'missing'",)),
        ('[areas.a.abstain]\ncodes = ["98", "dk", ""]\nmeans = "low_weight"', "abstain = 1", ("[areas.a.abstain]",)),
        ('kind = "ordinal"\nserves = { 1 = "x", 2 = [], 3 = "y" }', 'kind = "ranking"\nserves = { 1 = "x", 2 = "y" }',
         ("'ranking' is in an area where agents may pass", "passes = []")),
        ('passes = []\nserves = { A = "x", B = "y" }', 'serves = { A = "x", B = "y", "98" = "x" }',
         ("'98' means passing",)),
    ],
)  # fmt: skip
def test_what_is_refused(old, new, parts):
    _refused(old, new, *parts)


def test_learned_goals_and_passing_are_refused_together():
    text = """
    [areas.a]
    goals = 2
    [areas.a.abstain]
    codes = ["98"]
    means = "low_weight"
    [areas.a.items]
    """ + "\n".join(f'i{j} = {{ options = ["1", "2", "3"] }}' for j in range(5))
    with pytest.raises(InputError, match="learned goals, and says what passing means"):
        datasets.Study.from_text(text)
