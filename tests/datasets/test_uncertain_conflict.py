"""Uncertain conflict in a study file: what may be written, its mean, and what is wrong with the rest."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from dissensus.datasets.study import Study
from dissensus.datasets.uncertain_conflict import is_uncertain, uncertain_entries

from dissensus.errors import InputError

TEXT = """\
[areas.tax]
goals = ["lower", "same", "higher"]
conflict = CONFLICT
[areas.tax.items.rate]
serves = { a = "lower", b = "same", c = "higher" }
"""


def _study(conflict):
    return Study.from_text(TEXT.replace("CONFLICT", conflict), file="study.toml")


def _area(conflict):
    return _study(conflict).areas[0]


ALL = '"lower|same" = 0.5, "same|higher" = 0.5'


@pytest.mark.parametrize(
    ("conflict", "mean", "drawn"),
    [
        ("0.3", [0.3, 0.3, 0.3], [0, 0, 0]),
        ("[0.2, 0.6]", [0.4, 0.4, 0.4], [1, 1, 1]),
        ("[0.4, 0.4]", [0.4, 0.4, 0.4], [0, 0, 0]),
        ('"beta(2, 5)"', [2 / 7, 2 / 7, 2 / 7], [1, 1, 1]),
        (f'{{ {ALL}, "lower|higher" = [0, 1] }}', [0.5, 0.5, 0.5], [0, 1, 0]),
        (f'{{ {ALL}, "higher|lower" = " beta(1.5,0.5) " }}', [0.5, 0.75, 0.5], [0, 1, 0]),
        ("{ lower = { same = [0.1, 0.3], higher = 1 }, same = { higher = 0 } }", [0.2, 1, 0], [1, 0, 0]),
        ('[[0, [0.1, 0.3], 1], [[0.1, 0.3], 0, "beta(1, 1)"], [1, "beta(1, 1)", 0]]', [0.2, 1, 0.5], [1, 0, 1]),
        (f'{{ experts = [1.0, {{ {ALL}, "lower|higher" = 1 }}] }}', [0.75, 1, 0.75], [1, 0, 1]),
        ("{ experts = [0.3, [0.1, 0.5]] }", [0.3, 0.3, 0.3], [1, 1, 1]),
        ("{ experts = [0.2] }", [0.2, 0.2, 0.2], [0, 0, 0]),
    ],
)
def test_every_form_has_its_mean_and_says_what_is_drawn(conflict, mean, drawn):
    area = _area(conflict)
    at = ([0, 0, 1], [1, 2, 2])
    np.testing.assert_allclose(area.conflict_matrix[at], mean, atol=1e-15)
    np.testing.assert_array_equal(area.conflict_matrix, area.conflict_matrix.T)
    np.testing.assert_array_equal(uncertain_entries(area.goals, area.conflict, area="tax")[at], np.array(drawn) > 0)
    assert is_uncertain(area.conflict) == any(drawn)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        study = _study(conflict)
        assert Study.from_dict(json.loads(json.dumps(study.to_dict()))) == study


def test_a_plain_matrix_is_what_it_was():
    """No rounding comes in where nothing is uncertain."""
    matrix = np.array([[0, 0.1, 0.7], [0.1, 0, 0.3], [0.7, 0.3, 0]])
    np.testing.assert_array_equal(_area(str(matrix.tolist())).conflict_matrix, matrix)


@pytest.mark.parametrize(
    ("conflict", "code", "line", "words"),
    [
        ("[0.6, 0.2]", "conflict-range", 3, r"the range '\[0.6, 0.2\]'.*low ≤ high"),
        ("[0.2, 1.2]", "conflict-range", 3, "the range"),
        (f'{{ {ALL}, "lower|higher" = [-0.1, 1] }}', "conflict-range", 3, "the range"),
        (f'{{ {ALL}, "lower|higher" = [0.1, 0.2, 0.3] }}', "wrong-type", 3, "holds a list.*ranges such as"),
        ('"beta(2)"', "conflict-distribution", 3, r'the text .*Write "beta\(2, 5\)"'),
        ('"beta(0, 5)"', "conflict-distribution", 3, "two positive numbers"),
        ('"beta(-1, 5)"', "conflict-distribution", 3, "two positive numbers"),
        ('"beta(1e3, 5)"', "conflict-distribution", 3, "at most 6 digits"),
        ('"beta(2, 5)**2"', "conflict-distribution", 3, "two positive numbers"),
        ('"Beta(2, 5)"', "conflict-distribution", 3, "Write"),
        ('"beta(٢, 5)"', "conflict-distribution", 3, "Write"),
        ('"high"', "wrong-type", 3, "the text 'high'"),
        ('"__import__(1)"', "wrong-type", 3, "the text"),
        (f'{{ {ALL}, "lower|highr" = [0, 1] }}', "conflict-names", 3, "Did you mean 'lower|higher'"),
        ('{ "lower|same" = [0, 1] }', "conflict-missing", 3, "no conflict for the pair"),
        (f'{{ {ALL}, "lower|higher" = [0, 1], "higher|lower" = 0.5 }}', "conflict-asymmetric", 3, "two orders"),
        (f'{{ {ALL}, "lower|higher" = [0, 1], "lower|lower" = [0, 1] }}', "conflict-diagonal", 3, "with itself"),
        ("{ experts = [] }", "conflict-experts", 3, "no expert"),
        ("{ experts = [0.2, 1.2] }", "conflict-range", 3, "as expert 2 sees it has the conflict 1.2"),
        ('{ experts = [0.2, { "lower|same" = 1 }] }', "conflict-missing", 3, "as expert 2 sees it has no conflict"),
        ("{ experts = [0.2, { experts = [0.1] }] }", "wrong-type", 3, "as expert 2 sees it holds a list"),
        (f'{{ experts = [0.2], {ALL}, "lower|higher" = 1 }}', "wrong-type", 3, "holds a list"),
    ],
)
def test_faults_say_where_what_and_how_to_mend_it(conflict, code, line, words):
    with pytest.raises(InputError, match=words) as error:
        _study(conflict)
    first = error.value.faults[0]
    assert (first.code, first.file, first.line) == (code, "study.toml", line)


def test_every_faulty_entry_is_told():
    with pytest.raises(InputError) as error:
        _study('{ experts = [{ "lower|same" = [1, 0], "lower|higher" = "beta(0, 1)", "same|higher" = "x" }, 7] }')
    codes = [fault.code for fault in error.value.faults]
    assert codes == ["conflict-range", "conflict-distribution", "wrong-type", "conflict-range"]
