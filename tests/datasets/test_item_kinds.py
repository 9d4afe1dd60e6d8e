"""Kinds of items in the study file: what they mean, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dissensus import datasets
from dissensus.errors import InputError

STUDY = """
[areas.climate]
goals = ["act", "wait"]
conflict = 1.0
[areas.climate.items.tax]
kind = "ordinal"
serves = { "1" = "wait", "2" = [], "3" = [], "4" = ["act"], "5" = "act" }
[areas.climate.items.reply]
kind = "pairwise"
objects = ["GPT-4", "Claude"]
serves = { "left" = "act", "right" = "wait", "tie" = [] }
[areas.climate.items.vote]
serves = { "green" = "act", "brown" = "wait" }
[areas.climate.importance]
column = "imp"
levels = 3
"""


def _refused(text, *parts):
    with pytest.raises(InputError) as caught:
        datasets.Study.from_text(text, file="study.toml")
    message = str(caught.value)
    for part in parts:
        assert part in message
    return caught.value


def test_kinds_of_a_study():
    area = datasets.Study.from_text(STUDY).areas[0]
    assert area.kinds == ("ordinal", "pairwise", "choice", "importance")
    assert area.objects == ((), ("GPT-4", "Claude"), (), ())
    stated = area.items[-1]
    assert (stated.name, stated.column, stated.options) == ("imp", "imp", ("1", "2", "3"))
    assert not any(stated.serves.values())


def test_a_study_of_choices_alone_names_no_kinds():
    study = datasets.Study.from_text(
        '[areas.a]\ngoals = ["x", "y"]\nconflict = 1\n[areas.a.items.i]\nserves = { "1" = "x", "2" = "y" }'
    )
    assert study.areas[0].kinds == study.areas[0].objects == ()


def test_a_study_with_kinds_is_read_again_from_its_dictionary():
    study = datasets.Study.from_text(STUDY)
    assert datasets.Study.from_dict(study.to_dict()) == study


def test_a_table_of_every_kind():
    rows = {
        "tax": ["1", "5", ""],
        "reply": ["left", "tie", "right"],
        "vote": ["green", "", "brown"],
        "imp": list("132"),
    }
    choices = datasets.read_table(pd.DataFrame(rows), datasets.Study.from_text(STUDY))
    area = choices.areas[0]
    np.testing.assert_array_equal(area.states_goals, [True, True, True, False])
    np.testing.assert_array_equal(area.goal_answers[area.pattern_of_agent], [3, 2, 2])
    np.testing.assert_array_equal(area.n_answers[area.pattern_of_agent], [4, 3, 3])


def test_simulated_answers_of_every_kind_come_back_from_a_table(tmp_path):
    choices = datasets.simulate(datasets.Study.from_text(STUDY), 60, seed=3, missing=0.2)
    datasets.write_table(choices, tmp_path / "answers.csv")
    again = datasets.read_table(tmp_path / "answers.csv", choices.study)
    assert again.data_hash == choices.data_hash


@pytest.mark.parametrize("kind", ["ordinal", "pairwise", "importance"])
def test_simulated_answers_are_as_frequent_as_the_choice_rules_say(kind):
    """20,000 agents of one goal and weight; z-scores below 4.5 for at most 4 options: a false alarm in 35,000 runs."""
    serves = {"importance": '"a" = [], "b" = [], "c" = []', "pairwise": '"a" = "x", "b" = "y", "c" = []'}.get(
        kind, '"a" = "y", "b" = [], "c" = "x"'
    )
    study = datasets.Study.from_text(
        f'[areas.a]\ngoals = ["x", "y"]\nconflict = 1\nkappa = 2.0\n[areas.a.items.i]\nkind = "{kind}"\n'
        f'serves = {{ {serves} }}\n[areas.a.items.j]\nserves = {{ "1" = "x", "2" = "y" }}\n'
        '[areas.a.items.k]\nserves = { "1" = "x", "2" = "y" }'
    )
    baseline = np.array([0.2, 0.5, 0.3, 0.5, 0.5, 0.5, 0.5])
    truth = {"goal_share": [1.0, 0.0], "weight_mean": 0.6, "weight_concentration": 1e7, "baseline": baseline}
    choices = datasets.simulate(
        study, 20_000, seed=5, truth={"a": truth | ({} if kind != "importance" else {"importance_scale": [2.0]})}
    )
    area = choices.areas[0]
    found = (area.counts[:, :3].T * area.n_agents_of_pattern).sum(axis=1) / 20_000
    odds = np.cumsum(baseline[:3])[:2] / (1 - np.cumsum(baseline[:3])[:2])
    if kind == "pairwise":
        expected = baseline[:3] * np.exp(2 * 0.6 * np.array([1, 0, 0.5]))
        expected /= expected.sum()
    else:
        shift = -2 * 0.6 if kind == "ordinal" else -2 * (0.6 - 0.5)
        upto = odds * np.exp(shift) / (1 + odds * np.exp(shift))
        expected = np.diff(upto, prepend=0, append=1)
    error = np.sqrt(expected * (1 - expected) / 20_000)
    assert (np.abs(found - expected) < 4.5 * error).all()


class TestRefused:
    def test_an_unknown_kind(self):
        _refused(STUDY.replace('"ordinal"', '"ordnal"'), "ordnal", "ordinal")

    def test_a_goal_at_two_places_of_a_scale(self):
        text = STUDY.replace('"1" = "wait", "2" = []', '"1" = "act", "2" = []')
        _refused(text, "'tax' that serve 'act' are not neighbours", 'kind = "choice"')

    def test_more_levels_than_eleven(self):
        levels = ", ".join(f'"{k}" = []' for k in range(12))
        _refused(STUDY.replace('"1" = "wait", "2" = [], "3" = [], "4" = ["act"], "5" = "act"', levels), "more than 11")
        _refused(STUDY.replace("levels = 3", "levels = 200"), "'imp' has more than 11 levels")

    def test_a_comparison_of_four(self):
        text = STUDY.replace('"tie" = []', '"tie" = [], "both" = []')
        _refused(text, "'reply' compares two objects, and has 4 options")

    def test_a_tie_that_serves_a_goal(self):
        _refused(STUDY.replace('"tie" = []', '"tie" = "act"'), "The tie of item 'reply' serves a goal")

    def test_objects_that_are_not_two(self):
        _refused(STUDY.replace('["GPT-4", "Claude"]', '["GPT-4"]'), "'objects' of item 'reply' are not two names")

    def test_objects_of_another_kind(self):
        text = STUDY.replace('kind = "ordinal"', 'kind = "ordinal"\nobjects = ["a", "b"]')
        _refused(text, "'tax' of kind 'ordinal' names 'objects'")

    def test_an_object_that_serves_other_goals_elsewhere(self):
        more = '[areas.climate.items.again]\nkind = "pairwise"\nobjects = ["Claude", "Llama"]\n'
        more += 'serves = { "left" = "act", "right" = [] }\n[areas.climate.importance]'
        _refused(STUDY.replace("[areas.climate.importance]", more), "'Claude' serves other goals in item 'again'")

    def test_importance_that_serves_a_goal(self):
        text = STUDY.replace('kind = "ordinal"', 'kind = "importance"')
        _refused(text, "A level of the stated importance 'tax' serves a goal")

    @pytest.mark.parametrize(
        ("change", "part"),
        [
            ('column = "imp"', "names no column"),
            ("levels = 3", "'levels' of 'areas.climate.importance'"),
        ],
    )
    def test_importance_without_a_key(self, change, part):
        _refused(STUDY.replace(change, ""), part)

    def test_importance_with_an_unknown_key_a_code_twice_or_of_another_type(self):
        _refused(STUDY + "level = 3\n", "Unknown key 'areas.climate.importance.level'")
        _refused(STUDY.replace("levels = 3", 'levels = ["a", "a"]'), "lists a code twice")
        _refused(STUDY.replace("levels = 3", "levels = 2.5"), "'levels' of 'areas.climate.importance'")
        head = STUDY.replace('[areas.climate.importance]\ncolumn = "imp"\nlevels = 3', "")
        _refused(
            head.replace("conflict = 1.0", "conflict = 1.0\nimportance = 3"),
            "'areas.climate.importance' is the number 3",
        )

    def test_an_importance_column_that_is_an_item_already(self):
        _refused(STUDY.replace('column = "imp"', 'column = "vote"'), "'vote' stands 2 times")

    def test_an_undeclared_level_in_the_table(self):
        study = datasets.Study.from_text(STUDY)
        rows = {"tax": ["1", "6"], "reply": ["left", "tie"], "vote": ["green", "brown"], "imp": ["1", "4"]}
        with pytest.raises(InputError) as caught:
            datasets.read_table(pd.DataFrame(rows), study)
        assert {fault.column for fault in caught.value.faults} == {"tax", "imp"}
