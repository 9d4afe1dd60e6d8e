"""One answer per agent and how important it is: the Canadian Election Study of 2011."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dissensus import datasets, inference

STUDY = """
title = "Should abortion be banned?"
[table]
agent = "id"
survey_weight = "weight"
[areas.abortion]
goals = ["ban", "allow"]
conflict = 1.0
[areas.abortion.items.abortion]
serves = { Yes = "ban", No = "allow" }
[areas.abortion.importance]
column = "importance"
levels = ["not", "notvery", "somewhat", "very"]
"""


@pytest.fixture(scope="module")
def result():
    if "DISSENSUS_DATA" not in os.environ:
        pytest.skip("DISSENSUS_DATA is not set")
    table = Path(os.environ["DISSENSUS_DATA"]) / "ces11" / "CES11.csv"
    return inference.fit(datasets.read_table(table, datasets.Study.from_text(STUDY)), seed=1)


@pytest.fixture(scope="module")
def rows(result):
    return inference.summarize(result).query("area == 'abortion'").set_index(["estimand", "score"])


def test_contention_is_the_published_chance_of_disagreeing(rows):
    """Ban 0.1851 unweighted, 0.1850 weighted: 2p(1 − p) = 0.302."""
    assert rows.loc[("sample", "contention"), "mean"] == pytest.approx(0.302, abs=5e-4)
    weighted = rows.loc[("population", "contention")]
    assert weighted["lower"] < 0.302 < weighted["upper"]


def test_stated_importance_gives_a_one_answer_area_a_misalignment(rows, result):
    row = rows.loc[("sample", "misalignment")]
    assert 0 < row["lower"] < row["mean"] < row["upper"] < 0.302
    assert "weights come from stated importance alone" in " ".join(result.attrs["notes"].splitlines())


def test_that_those_who_would_ban_call_it_more_important_is_found(rows):
    """0.041, 0.063, 0.132, 0.461 would ban, from not to very important; in the model all goals have one mean weight."""
    row = rows.loc[("sample", "misalignment")]
    assert row["state"] == "caution"
    assert any("Agents with the goal 'ban' call it more important than others do" in r for r in row["reasons"])


def test_conflict_in_the_sample_counts_that_conflicting_agents_care_more(rows):
    """Weights are those of each agent's own answer, so pairs in conflict weigh more than pairs at random."""
    assert rows.loc[("sample", "relative_misalignment"), "mean"] > rows.loc[("sample", "contention"), "mean"]
