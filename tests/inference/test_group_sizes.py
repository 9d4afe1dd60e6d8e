"""Groups of few people are left out of what is shared; AI systems are not people."""

from __future__ import annotations

import functools

import pandas as pd
import pytest
from dissensus.inference.group_sizes import group_sizes, small_groups_of

from dissensus import datasets, inference
from dissensus.errors import InputError

TABLE = '[table]\ngroup = "kind"\nsystems = {}\n'
AREA = """
[areas.a]
goals = ["x", "y"]
conflict = 1.0
baseline = "uniform"
[areas.a.items.i]
serves = { "1" = "x", "2" = "y" }
[areas.a.items.j]
serves = { "1" = "x", "2" = "y" }
[areas.a.items.k]
serves = { "1" = "x", "2" = "y" }
"""


def _rows():
    people = [["1", "1", "2", "person"], ["2", "2", "2", "person"], ["1", "1", "1", "person"]] * 12
    few = [["1", "2", "1", "expert"]] * 3
    return pd.DataFrame([*people, *few, ["1", "1", "1", "model"]], columns=["i", "j", "k", "kind"])


@functools.cache
def _fit(systems):
    study = datasets.Study.from_text(TABLE.format(systems) + AREA)
    return inference.fit(datasets.read_table(_rows(), study), seed=1, draws=1_000)


def test_a_system_is_shown_however_small_and_few_people_are_not():
    fit = _fit('["model"]')
    assert group_sizes(fit) == {"expert": 3, "model": 1, "person": 36}
    assert small_groups_of(fit) == ("expert",)
    matrix = inference.group_matrix(fit, area="a", allow_unreliable=True)
    assert matrix["group"].values.tolist() == ["model", "person"]
    found = inference.further_apart(fit, ("model", "person"), ("person", "person"), allow_unreliable=True)
    assert found["probability"].between(0, 1).any()
    with pytest.raises(InputError, match="'expert' has fewer than 10 agents"):
        inference.further_apart(fit, ("expert", "person"), ("person", "person"), allow_unreliable=True)


def test_what_is_not_declared_a_system_is_people():
    assert small_groups_of(_fit("[]")) == ("expert", "model")


def test_a_csv_holds_the_system(tmp_path):
    left_out = inference.to_csv(_fit('["model"]'), tmp_path / "scores.csv", by="group", allow_unreliable=True)
    assert left_out == ("expert",)
    text = (tmp_path / "scores.csv").read_text(encoding="utf-8")
    assert "model" in text
    assert "expert" not in text


def test_systems_that_are_no_groups():
    study = datasets.Study.from_text(TABLE.format('["modle"]') + AREA)
    with pytest.raises(InputError, match=r"No agent is of group 'modle'.*Did you mean 'model'"):
        datasets.read_table(_rows(), study)
    with pytest.raises(InputError, match=r"'systems' names groups, but 'table\.group' names no column"):
        datasets.Study.from_text('[table]\nsystems = ["model"]\n' + AREA)
    merged = '[table]\ngroup = "kind"\nsystems = ["modle"]\n[table.groups]\nmodel = ["model"]\n'
    with pytest.raises(InputError, match="'modle' of 'systems' is no group"):
        datasets.Study.from_text(merged + AREA)
