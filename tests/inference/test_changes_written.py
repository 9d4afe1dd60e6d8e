"""What is written on a command line becomes the arguments of ``what_if``, or a fault that says how to write it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from dissensus.inference.changes_written import read_written

from dissensus.errors import InputError

from .builders import make_area, make_choices, make_study, random_answers
from .fitted import grouped_choices


def _named():
    """Return choices whose areas, goals, groups and agents have the marks of the notation in their names."""
    names = {"x": "more=less", "y": "b:0.5", "z": "c/d"}
    study = make_study(make_area("x y z", "y z x", name="a"), make_area("x y z", name="a/b=c")).to_dict()
    for area in study["areas"].values():
        area["goals"] = list(names.values())
        for item in area["items"].values():
            item["serves"] = {o: [names[goal] for goal in goals] for o, goals in item["serves"].items()}
    study = type(grouped_choices().study).from_dict(study)
    choices = make_choices(
        study, random_answers(study, 6, seed=1), groups=("l=r", "q"), group_of_agent=[0, 1, 0, 1, 0, 1]
    )
    return replace(choices, agents=np.array(["0", "q", "a=b", "group:q", "x/y", "5"], dtype=object))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ({"goal": ["tax=x"]}, {"goal": {"tax": "x"}}),
        ({"goal": ["tax/left=y", "speech="]}, {"goal": {("tax", "left"): "y", "speech": None}}),
        ({"goal": ["tax/left=y:0.3"]}, {"goal": {("tax", "left"): ("y", 0.3)}}),
        ({"goal": ["tax=:0.25"]}, {"goal": {"tax": (None, 0.25)}}),
        ({"goal": ["tax/agent:7=z"]}, {"goal": {("tax", ("agent", "7")): "z"}}),
        ({"weight": ["tax=0.5", "tax/left=1"]}, {"weight": {"tax": 0.5, ("tax", "left"): 1.0}}),
        ({"weight_factor": ["vote/12=2"]}, {"weight_factor": {("vote", "12"): 2.0}}),
        ({"remove": ["left", "7", "group:right"]}, {"remove": ["left", "7", ("group", "right")]}),
        ({"conflict": ["tax/x|y=0.2", "tax/x|z=1"]}, {"conflict": {"tax": {"x|y": 0.2, "x|z": 1.0}}}),
        ({"conflict": ["vote=0.4"]}, {"conflict": {"vote": 0.4}}),
        ({"group_share": ["left=0.7"]}, {"group_share": {"left": 0.7}}),
        ({}, {}),
    ],
)
def test_forms(written, read):
    assert read_written(grouped_choices(), **written) == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ({"goal": ["a=more=less"]}, {"goal": {"a": "more=less"}}),
        ({"goal": ["a=b:0.5"]}, {"goal": {"a": "b:0.5"}}),
        ({"goal": ["a=b:0.5:0.5"]}, {"goal": {"a": ("b:0.5", 0.5)}}),
        ({"goal": ["a/b=c=c/d"]}, {"goal": {"a/b=c": "c/d"}}),
        ({"goal": ["a/l=r=more=less"]}, {"goal": {("a", "l=r"): "more=less"}}),
        ({"goal": ["a/b=c/a=b=more=less"]}, {"goal": {("a/b=c", "a=b"): "more=less"}}),
        ({"goal": ["a/b=c="]}, {"goal": {"a/b=c": None}}),
        ({"weight": ["a/b=c=1", "a/x/y=0.5"]}, {"weight": {"a/b=c": 1.0, ("a", "x/y"): 0.5}}),
        ({"remove": ["group:q", "agent:q"]}, {"remove": ["group:q", ("agent", "q")]}),
        ({"conflict": ["a/b=c/more=less|c/d=0.5"]}, {"conflict": {"a/b=c": {"more=less|c/d": 0.5}}}),
        ({"group_share": ["l=r=0.5"]}, {"group_share": {"l=r": 0.5}}),
    ],
)
def test_names_may_hold_the_marks_of_the_notation(written, read):
    assert read_written(_named(), **written) == read


def test_unknown_names_are_left_for_the_reader_of_changes_to_name():
    read = read_written(grouped_choices(), goal=["taxx/left=x", "tax=w", "tax/lefft=x"], conflict=["taxx/x|y=1"])
    assert read["goal"] == {("taxx", "left"): "x", "tax": "w", ("tax", "lefft"): "x"}
    assert read["conflict"] == {"taxx": {"x|y": 1.0}}


def test_every_text_of_another_form_is_told_at_once():
    with pytest.raises(InputError) as error:
        read_written(
            grouped_choices(),
            goal=["tax", "tax=x", "tax=y"],
            weight=["tax=much", "0.5"],
            conflict=["tax/x|y", "vote=0.1", "vote/v|x=1", "tax/x|y=0.1", "tax/x|y=0.2"],
            group_share=["left", "right=a"],
        )
    found = [(fault.code, fault.value) for fault in error.value.faults]
    assert sorted(found) == sorted(
        [
            ("goal", "tax"),
            ("goal", "tax=y"),
            ("weight", "tax=much"),
            ("weight", "0.5"),
            ("conflict", "tax/x|y"),
            ("conflict", "vote/v|x=1"),
            ("conflict", "tax/x|y=0.2"),
            ("group-share", "left"),
            ("group-share", "right=a"),
        ]
    )
    said = {fault.value: fault.remedy for fault in error.value.faults}
    assert said["tax=y"] == said["vote/v|x=1"] == "Say it once."
    assert said["tax"].startswith("Write AREA=GOAL")
