"""Learned goals in a study file: what is written out, what is refused, and how many goals items can tell apart."""

from __future__ import annotations

import numpy as np
import pytest
from dissensus.datasets.learned_goals import MAX_LEARNED, largest_number

from dissensus import datasets
from dissensus.errors import InputError

_ASKED = {f"q{j}": {"options": ["yes", "no"]} for j in range(5)}


def _study(**settings):
    return datasets.Study.from_dict({"areas": {"a": {"goals": 2, "items": _ASKED, **settings}}})


def _faults(**settings):
    with pytest.raises(InputError) as caught:
        _study(**settings)
    return caught.value.faults


def test_a_number_of_goals_is_written_out():
    study = _study()
    area = study.areas[0]
    assert area.goals == ("goal 1", "goal 2")
    assert area.learned
    assert area.conflict == "behavioural"
    assert area.weights == "one"
    assert area.learned_items == (True,) * 5
    assert area.items[0].serves == {"yes": (), "no": ()}
    assert datasets.Study.from_dict(study.to_dict()) == study


@pytest.mark.parametrize("stated", [{"importance": {"column": "i", "levels": 4}}, {"weights": "free"}])
def test_weights_are_free_with_stated_importance_or_when_asked_for(stated):
    assert _study(**stated).areas[0].weights == "free"


def test_anchors_name_goals_and_leave_weights_free():
    items = {"q": {"serves": {"yes": "a", "no": "b"}}} | {f"r{j}": {"options": ["yes", "no"]} for j in range(2)}
    area = _study(goals=["a", "b"], learned=True, items=items, conflict=0.7).areas[0]
    assert area.learned_items == (False, True, True)
    assert area.weights == "free"
    faults = _faults(goals=["a", "b"], learned=True, items=items, weights="one")
    assert "would then be impossible" in faults[0].remedy


def test_more_goals_than_items_can_tell_apart_are_refused_with_the_largest_number():
    """Row 13 of the table of bad input."""
    (fault,) = _faults(goals=5)
    assert fault.code == "learned-goals"
    assert "learns 5 goals from 5 items, which can tell apart 4" in fault.message
    assert "Learn at most 4" in fault.remedy
    assert "2K + 2" in fault.remedy


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"goals": 0}, "wrong-value"),
        ({"goals": MAX_LEARNED + 1}, "wrong-value"),
        ({"goals": 10**400}, "wrong-value"),
        (
            {"goals": 3, "conflict": {"goal 1|goal 2": 0.3, "goal 1|goal 3": 0.3, "goal 2|goal 3": 0.4}},
            "learned-conflict",
        ),
        ({"conflict": [0.2, 0.6]}, "learned-conflict"),
        ({"weights": "two"}, "wrong-value"),
        ({"weights": "one", "importance": {"column": "i", "levels": 4}}, "wrong-value"),
        ({"goals": ["a", "b"], "conflict": 1.0}, "kind"),
        ({"goals": ["a", "b"], "learned": False, "conflict": "behavioural"}, "kind"),
        ({"items": {"q": {"options": ["yes", "yes"]}}}, "option-twice"),
        ({"items": {"q": {"options": "yes"}}}, "wrong-type"),
        ({"items": {"q": {"options": ["yes"], "serves": {"yes": []}}}}, "kind"),
        ({"items": {"q": {"serves": {"yes": "goal 1", "no": "goal 2"}}}}, "wrong-value"),
    ],
)
def test_what_learned_goals_cannot_be(settings, code):
    assert code in {fault.code for fault in _faults(**settings)}


def test_given_goals_with_weights_one_or_behavioural_conflict_are_refused():
    items = {"q": {"serves": {"yes": "a", "no": "b"}}}
    for more in ({"weights": "one"}, {"conflict": "behavioural"}):
        faults = _faults(goals=["a", "b"], items=items, **({"conflict": 1.0} | more))
        assert faults


@pytest.mark.parametrize(
    ("sizes", "most"),
    [([2, 2, 2], 2), ([2, 2], 1), ([2], 1), ([], 1), ([2] * 4, 2), ([2] * 5, 4), ([3, 3, 3], 3), ([3, 2, 2, 3], 4)],
)
def test_largest_number(sizes, most):
    """By hand from Allman, Matias and Rhodes 2009 and the count of parameters."""
    assert largest_number(sizes) == most


def test_more_items_never_tell_fewer_goals_apart():
    for n in range(1, 14):
        assert largest_number([2] * (n + 1)) >= largest_number([2] * n)


def test_simulated_answers_follow_the_affinities():
    study = _study(items={f"q{j}": {"options": ["yes", "no"]} for j in range(4)})
    affinity = np.array([[2.0, -2, 0, 0, 1, -1, -1, 1], [-2.0, 2, 0, 0, 1, -1, 1, -1]])
    truth = {"a": {"affinity": affinity, "goal_share": [0.3, 0.7]}}
    choices = datasets.simulate(study, 40_000, seed=1, truth=truth)
    area, goal = choices.areas[0], choices.truth.goals["a"].to_numpy()
    odds = np.exp(affinity)
    for g, name in enumerate(area.goals):
        counts = area.counts[area.pattern_of_agent][goal == name].mean(axis=0)
        expected = np.concatenate([odds[g, j : j + 2] / odds[g, j : j + 2].sum() for j in range(0, 8, 2)])
        np.testing.assert_allclose(counts, expected, atol=5 * 0.5 / np.sqrt((goal == name).sum()))
    assert (choices.truth.weights == 1).all().all()
