"""What a study may ask of agents who follow several goals."""

from __future__ import annotations

import pytest
from dissensus.datasets import Study

from dissensus.errors import InputError

ITEM = '[areas.tax.items.q]\nserves = { "1" = "a", "2" = "b" }\n'


def _text(area, item=ITEM):
    return f"[areas.tax]\nconflict = 1.0\n{area}\n{item}"


@pytest.mark.parametrize(
    ("area", "item", "code", "line", "words"),
    [
        ('goals = ["a", "b"]\nparts = 4', ITEM, "wrong-value", 4, "several = true"),
        (
            'goals = ["a"]\nseveral = true',
            '[areas.tax.items.q]\nserves = { "1" = "a", "2" = [] }',
            "several",
            4,
            "1 goal",
        ),
        ('goals = ["a", "b", "c", "d", "e"]\nseveral = true', ITEM, "several", 4, "2 to 4 goals"),
        ('goals = ["a", "b"]\nseveral = true\nparts = 2000', ITEM, "several", 5, "parts = 999"),
        ('goals = ["a", "b"]\nseveral = true\nparts = 1', ITEM, "several", 5, "parts = 2"),
        ('goals = ["a", "b"]\nseveral = true', ITEM + 'kind = "ranking"', "not-supported", 5, "ranking"),
        (
            'goals = ["a", "b"]\nseveral = true\nabstain = { codes = ["9"], means = "low_weight" }',
            ITEM,
            "not-supported",
            5,
            "abstain",
        ),
        ("goals = 2\nseveral = true", '[areas.tax.items.q]\noptions = ["1", "2"]', "not-supported", 4, "learned"),
    ],
)
def test_what_does_not_go_together_is_an_error_with_its_line(area, item, code, line, words):
    with pytest.raises(InputError) as error:
        Study.from_text(_text(area, item), file="study.toml")
    found = [fault for fault in error.value.faults if fault.code == code]
    assert found
    assert found[0].line == line
    assert words in found[0].message + found[0].remedy


@pytest.mark.parametrize(("goals", "parts"), [(2, 12), (3, 6), (4, 6)])
def test_parts_have_a_default_and_survive_a_round_trip(goals, parts):
    names = ", ".join(f'"{name}"' for name in "abcd"[:goals])
    study = Study.from_text(_text(f"goals = [{names}]\nseveral = true"))
    assert study.areas[0].mixture_parts == parts
    assert Study.from_dict(study.to_dict()).areas[0].mixture_parts == parts
    assert Study.from_text(_text(f"goals = [{names}]")).areas[0].mixture_parts == 0
