"""``[dependence]`` in a study file, and simulated agents of hidden types."""

from __future__ import annotations

import numpy as np
import pytest
from dissensus.datasets import Study, simulate

from dissensus.errors import InputError

_AREA = """
[areas.{0}]
goals = ["a", "b"]
conflict = 1.0
[areas.{0}.items.{0}1]
serves = {{ "0" = "a", "1" = "b" }}
[areas.{0}.items.{0}2]
serves = {{ "0" = "b", "1" = "a" }}
"""
_TWO = _AREA.format("one") + _AREA.format("two")


def _study(text, types=2):
    return Study.from_text(f"{text}\n[dependence]\ntypes = {types}\n")


def test_study_comes_back_from_its_dictionary():
    study = _study(_TWO)
    assert study.n_types == 2
    assert Study.from_dict(study.to_dict()) == study
    plain = Study.from_text(_TWO)
    assert plain.n_types == 1
    assert "dependence" not in plain.to_dict()


@pytest.mark.parametrize(
    ("text", "types", "code"),
    [
        (_AREA.format("one"), 2, "one-area"),
        (_TWO.replace('goals = ["a", "b"]', 'goals = ["a", "b"]\nlearned = true', 1), 2, "learned-dependence"),
        (_TWO, 0, "wrong-value"),
        (_TWO, 7, "wrong-value"),
        (_TWO, '"two"', "wrong-type"),
    ],
)
def test_what_cannot_depend_is_an_error(text, types, code):
    with pytest.raises(InputError) as caught:
        _study(text, types)
    assert code in {fault.code for fault in caught.value.faults}


def test_unknown_key_names_the_known_one():
    with pytest.raises(InputError, match=r"types"):
        Study.from_text(f"{_TWO}\n[dependence]\ntype = 2\n")


def test_types_leave_the_shares_of_goals_and_tie_areas_together():
    share, lean = [0.3, 0.7], [[2.0, -2.0], [-2.0, 2.0]]
    truth = {
        "one": {"goal_share": share},
        "two": {"goal_share": [0.5, 0.5]},
        "dependence": {"type_share": [0.4, 0.6], "one": lean, "two": lean},
    }
    goals = simulate(_study(_TWO), 20_000, seed=1, truth=truth).truth.goals == "a"
    np.testing.assert_allclose(goals.mean(), [0.3, 0.5], atol=0.02)
    assert np.corrcoef(goals["one"], goals["two"])[0, 1] > 0.5
    alone = simulate(Study.from_text(_TWO), 20_000, seed=1, truth={k: truth[k] for k in ("one", "two")})
    assert abs(np.corrcoef((alone.truth.goals == "a").T)[0, 1]) < 0.03


@pytest.mark.parametrize(
    "given", [{"three": [[0.0, 0.0]] * 2}, {"one": [0.0, 1.0]}, {"type_share": [0.5, 0.6]}, {"type_share": [1.0, 0.0]}]
)
def test_impossible_types_are_refused(given):
    with pytest.raises(ValueError, match=r"dependence|type_share"):
        simulate(_study(_TWO), 10, truth={"dependence": given})
