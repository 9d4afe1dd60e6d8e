"""The command that asks whether people conflict more with GPT-4 than with each other."""

from __future__ import annotations

import os
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dissensus import datasets

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def command():
    before, path = set(sys.modules), list(sys.path)
    sys.path.insert(0, str(FOLDER))
    import people_and_gpt4

    sys.path[:] = path
    yield people_and_gpt4
    for name in set(sys.modules) - before:
        if (FOLDER / f"{name}.py").exists():
            del sys.modules[name]


def _verdicts(seed=1):
    """Four people and a machine judge some of five comparisons, some of them twice."""
    rng = np.random.default_rng(seed)
    who = rng.integers(5, size=60)
    rows = pd.DataFrame({"judge": [f"j{k}" for k in who], "item": rng.integers(5, size=60).astype(str)})
    rows["answer"] = np.where(rng.random(60) < 0.6, "first", "second")
    rows["kind"] = np.where(who == 0, "ai", "human")
    items = {str(k): {"serves": {"first": "first", "second": "second"}, "repeated": True} for k in range(5)}
    table = {"layout": "long", "agent": "judge", "group": "kind", "item": "item", "answer": "answer"}
    areas = {"a": {"goals": ["first", "second"], "conflict": 1.0, "items": items}}
    return rows, datasets.read_table(rows, datasets.Study.from_dict({"table": table, "areas": areas}))


def test_conflict_is_that_of_all_pairs_of_verdicts(command):
    rows, choices = _verdicts()
    found = command.conflict_of(choices, list(choices.areas), replicates=50, seed=1)
    pairs = {True: [], False: []}
    for a, b in combinations(rows.itertuples(), 2):
        if a.item == b.item and a.judge != b.judge:
            pairs["ai" in {a.kind, b.kind}].append(a.answer != b.answer)
    assert found.pairs == (len(pairs[True]), len(pairs[False]))
    assert found.with_machine[0] == pytest.approx(np.mean(pairs[True]))
    assert found.of_people[0] == pytest.approx(np.mean(pairs[False]))
    assert found.with_machine[1:].std() > 0.02


def test_a_replicate_counts_copies_of_a_person_as_no_pair(command):
    """Two people: a replicate that draws one of them twice has no pair of people."""
    rows, _ = _verdicts()
    two = rows[rows["judge"].isin(["j0", "j1", "j2"])]
    _, choices = _verdicts()
    again = datasets.read_table(two, choices.study)
    found = command.conflict_of(again, list(again.areas), replicates=40, seed=1)
    one = np.isnan(found.of_people)
    assert 10 < one.sum() < 30
    np.testing.assert_allclose(found.of_people[~one], found.of_people[0])


def test_every_category_is_printed_with_intervals(command, capsys):
    if "DISSENSUS_DATA" not in os.environ:
        pytest.skip("DISSENSUS_DATA is not set: the tables of other people's data are not there")
    choices = command.verdicts(Path(os.environ["DISSENSUS_DATA"]), ties=False)
    table = command.observed_table(choices, replicates=100)
    name, machine, people, _, chance, pairs = ([*column.cells] for column in table.columns)
    assert [*name] == [*(area.name for area in choices.areas), "all"]
    at = name.index("all")
    assert machine[at].startswith("0.144 [0.12")  # the source's agreement by category, pooled
    assert people[at].startswith("0.172 [")
    assert pairs[at] == "1,118, 418"
    assert chance[name.index("reasoning")] == "*"  # no two people differed, so a bootstrap has no spread


@pytest.mark.slow
def test_what_the_fit_holds_back_is_not_printed(command, capsys):
    if "DISSENSUS_DATA" not in os.environ:
        pytest.skip("DISSENSUS_DATA is not set: the tables of other people's data are not there")
    assert command.main(["--fit", "writing"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "held back" in printed
    assert "No sign of goals" in printed
    assert "contention would change" not in printed
