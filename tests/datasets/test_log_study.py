"""What a study file says of a log is checked with the rest of it, and told with the nearest name."""

import pytest
from dissensus.datasets import Study
from dissensus.datasets.conditions import number, parse_condition

from dissensus.errors import InputError

from .logs import STUDY


def faults(*changes):
    """Return the faults of the study with pieces replaced, as (code, line, message and remedy)."""
    text = STUDY.lstrip("\n")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    with pytest.raises(InputError) as caught:
        Study.from_text(text, file="study.toml")
    return [(fault.code, fault.line, f"{fault.message} {fault.remedy}") for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (('outcome = "stars"', 'outcme = "stars"'), "unknown-key", "'outcome'"),
        (('category = "genres"', 'categry = "genres"'), "unknown-key", "'category'"),
        (('agent = "user"\n', ""), "missing-key", "'agent'"),
        (('item = "film"\n', ""), "missing-key", "'item'"),
        (('">= 4"', '">= four"'), "wrong-value", "no comparison"),
        (("{ liked =", "{ likd ="), "unknown-option", "'liked'"),
        (('time = "when"', 'keep = "last"'), "missing-key", "needs the time"),
        (('time = "when"', 'keep = "lst"'), "wrong-value", "'last'"),
        (('time = "when"', 'question = "categry"'), "unknown-item", "'category'"),
        (('time = "when"', 'question = "position"'), "missing-key", "'position'"),
        (('time = "when"', 'answer = "item"'), "wrong-value", "question"),
        (('time = "when"', 'systems = ["bots"]'), "missing-key", "group"),
        (('time = "when"', 'path = "a{b}/c.csv"'), "wrong-value", "braces"),
        (('time = "when"', 'group = "g"\nas_group = "h"'), "wrong-value", "as_group"),
        (('time = "when"', "readings = 3"), "wrong-type", "readings"),
        (("[areas.action]", '[table]\nagent = "id"\n[areas.action]'), "wrong-value", "[table]"),
        (("[areas.action]", "[log.readings.x]\nwher = {}\n[areas.action]"), "unknown-key", "'where'"),
    ],
)
def test_what_contradicts_itself_is_a_fault(change, code, words):
    found = faults(change)
    assert code in {fault[0] for fault in found}
    assert any(words in fault[2] for fault in found if fault[0] == code)


def test_a_key_that_is_unknown_has_its_line():
    assert faults(('outcome = "stars"', 'outcme = "stars"'))[0][1] == 5


def test_limits_may_stand_beside_a_log():
    text = STUDY.replace("[areas.action]", "[table.limits]\nlabel = 50\n[areas.action]")
    assert Study.from_text(text).table.limits.label == 50


@pytest.mark.parametrize(
    ("condition", "holds", "fails"),
    [
        (">= 4", ["4", "4.0", "5e0", " 4 "], ["3.999", "four", "", "NaN", "inf"]),
        ("> 2, <= 4", ["2.5", "4"], ["2", "4.1"]),
        ("yes", ["yes"], ["Yes", "yes "]),
        (["1", "2"], ["1", "2"], ["1.0", "3"]),
        ("< 0.1", ["0.09999999999999999999"], ["0.1"]),
    ],
)
def test_conditions_are_read_exactly(condition, holds, fails):
    test = parse_condition(condition)
    assert all(test.holds(text) for text in holds)
    assert not any(test.holds(text) for text in fails)


@pytest.mark.parametrize("condition", [">", ">= ", ">= 4 <", "< 1e5", "><4", ">= 4,"])
def test_comparisons_that_cannot_be_read_are_none(condition):
    assert parse_condition(condition) is None


def test_a_number_is_a_plain_one():
    assert number("-0.5") is not None
    assert [number(text) for text in ("", "1,5", "0x1", "١", "1_000", "infinity")] == [None] * 6
