"""The study file: what is read from it, and every fault of it."""

import json

import numpy as np
import pytest
from dissensus.datasets import Study
from dissensus.datasets.study import MAX_OPTIONS
from hypothesis import given, settings
from hypothesis import strategies as st

from dissensus.errors import InputError

GOOD = """\
title = "Spending priorities"

[table]
agent = "id"
group = "partyid"
missing = ["", "98"]
group_missing = "overall_only"

[table.groups]
Democrat = ["0", "1"]
Republican = ["5", "6"]

[areas.welfare]
goals = ["less", "same", "more"]
conflict = { "less|more" = 1.0, "same|less" = 0.25, "same|more" = 0.5 }

[areas.welfare.items.natfare]
serves = { "-1" = "less", "0" = "same", "1" = ["more", "same"] }

[areas.welfare.items.natsoc]
column = "natsocy"
serves = { "-1" = "less", "0" = [], "1" = "more" }

[areas.arms]
goals = ["peace"]
rule = "luce"
area_weight = 2

[areas.arms.items.natarms]
serves = { less = "peace", more = [] }

[priors]
group_sd = 0.25
"""


def faults_of(text):
    with pytest.raises(InputError) as caught:
        Study.from_text(text, file="study.toml")
    assert all(fault.file == "study.toml" for fault in caught.value.faults)
    return caught.value.faults


def changed(old, new):
    assert GOOD.count(old) == 1
    return GOOD.replace(old, new)


class TestGoodStudy:
    def test_everything_written_is_read(self):
        study = Study.from_text(GOOD)
        welfare, arms = study.areas
        assert study.title == "Spending priorities"
        assert study.table.missing == ("", "98")
        assert study.table.groups == {"Democrat": ("0", "1"), "Republican": ("5", "6")}
        assert [item.column for item in study.items] == ["natfare", "natsocy", "natarms"]
        assert welfare.items[0].serves["1"] == ("more", "same")
        assert (arms.rule, arms.kappa, arms.area_weight) == ("luce", 3.0, 2.0)
        assert (study.priors.group_sd, study.priors.goal_share) == (0.25, 1.0)

    def test_conflict_pairs_are_aligned_by_name(self):
        expected = [[0, 0.25, 1], [0.25, 0, 0.5], [1, 0.5, 0]]
        np.testing.assert_array_equal(Study.from_text(GOOD).area("welfare").conflict_matrix, expected)

    def test_one_goal_needs_no_conflict(self):
        np.testing.assert_array_equal(Study.from_text(GOOD).area("arms").conflict_matrix, [[0.0]])

    @pytest.mark.parametrize(
        "conflict",
        [
            "0.5",
            "[[0, 0.5], [0.5, 0]]",
            '{ "a|b" = 0.5 }',
            '{ "b|a" = 0.5 }',
            '{ "a|b" = 0.5, "b|a" = 0.5, "a|a" = 0 }',
        ],
    )
    def test_all_forms_of_conflict_agree(self, conflict):
        text = f'[areas.x]\ngoals = ["a", "b"]\nconflict = {conflict}\n[areas.x.items.i]\nserves = {{y = "a", n = "b"}}'
        np.testing.assert_array_equal(Study.from_text(text).areas[0].conflict_matrix, [[0, 0.5], [0.5, 0]])

    def test_serves_matrix_is_goal_by_option(self):
        expected = [[1, 0, 0, 1, 0, 0], [0, 1, 1, 0, 0, 0], [0, 0, 1, 0, 0, 1]]
        np.testing.assert_array_equal(
            Study.from_text(GOOD).area("welfare").serves_matrix, np.array(expected, dtype=bool)
        )

    def test_survives_json(self):
        study = Study.from_text(GOOD)
        assert Study.from_dict(json.loads(json.dumps(study.to_dict()))) == study

    def test_numpy_conflict_is_accepted(self):
        raw = Study.from_text(GOOD).to_dict()
        raw["areas"]["welfare"]["conflict"] = np.ones((3, 3)) - np.eye(3)
        assert Study.from_dict(raw).area("welfare").conflict_matrix.sum() == 6

    def test_byte_order_mark_is_no_fault(self, tmp_path):
        path = tmp_path / "study.toml"
        path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
        assert Study.from_toml(path) == Study.from_text(GOOD)

    def test_is_frozen(self):
        with pytest.raises(ValueError, match="frozen"):
            Study.from_text(GOOD).title = "x"


class TestFaults:
    @pytest.mark.parametrize(
        ("old", "new", "code", "line", "words"),
        [
            ('agent = "id"', 'agnet = "id"', "unknown-key", "agnet", r"'table.agnet'.*Did you mean 'agent'"),
            ("title", "titel", "unknown-key", "titel", "Did you mean 'title'"),
            ("[areas.arms]\n", "[areas.arms]\nkapa = 2\n", "unknown-key", "kapa", "Did you mean 'kappa'"),
            ("column =", "colum =", "unknown-key", "colum =", "Did you mean 'column'"),
            ("group_sd", "group_sdd", "unknown-key", "group_sdd", "Did you mean 'group_sd'"),
            ("[priors]", "[table.limits]\nlable = 3\n[priors]", "unknown-key", "lable", "Did you mean 'label'"),
            ('agent = "id"', "agent = 3", "wrong-type", "agent", "the number 3.*text in quotes"),
            ("area_weight = 2", 'area_weight = "2"', "wrong-type", "area_weight", "a valid number"),
            ("area_weight = 2", "area_weight = -1", "wrong-value", "area_weight", "greater than or equal to 0"),
            ("area_weight = 2", "area_weight = nan", "wrong-value", "area_weight", "finite number"),
            ('rule = "luce"', 'rule = "luse"', "wrong-value", "luse", "'follow' or 'luce'.*Did you mean 'luce'"),
            ('[], "1" = "more" }', '[], "1" = "mor" }', "unknown-goal", '"mor"', "Did you mean 'more'"),
            ('[], "1" = "more" }', '[], "1" = 3 }', "wrong-type", None, "should be a list"),
            ('goals = ["peace"]', "goals = []", "no-goals", "[areas.arms]", "no goals"),
            ('goals = ["peace"]', 'goals = ["peace", "peace"]', "goal-twice", "[areas.arms]", "listed 2 times"),
            ('less = "peace", more = []', 'less = "peace"', "one-option", "items.natarms", "one option"),
            ('column = "natsocy"', 'column = "natfare"', "column-twice", None, "Column 'natfare' stands 2 times"),
            ("items.natarms", "items.natfare", "item-twice", None, "Item 'natfare' stands 2 times"),
            ('"98"]', '"98", "less"]', "option-missing", "missing =", "also listed in 'missing'"),
            (
                'agent = "id"',
                'agent = "id"\ncluster = "psu"',
                "not-supported",
                "cluster",
                "'table.cluster' is not supp",
            ),
            ('agent = "id"', 'agent = "id"\nstrata = "psu"', "not-supported", "strata", "not supported yet"),
            ('agent = "id"', 'agent = ""\nreplicate_weights = []', "not-supported", "replic", "not supported yet"),
            ('agent = "id"', 'layout = "long"\nitem="i"\nanswer="a"', "missing-key", "long", "needs 'table.agent'"),
            ('agent = "id"', 'item = "question"', "wrong-value", "question", "long tables only"),
            ('column = "natsocy"', "repeated = true", "wrong-value", "items.natsoc", "a wide table cannot hold"),
            ('Republican = ["5"', 'Republican = ["0"', "group-twice", "table.groups", "belongs to 'Democrat', 'Rep"),
            ('group = "partyid"\n', "", "missing-key", "table.groups", "names no column"),
            ("group_sd = 0.25", "group_sd = 0", "wrong-value", "group_sd", "greater than 0"),
            ("group_sd = 0.25", "weight_mean = [1, 2, 3]", "wrong-value", "weight_mean", "at most 2"),
            ('{ "less|more" = 1.0, ', "{ ", "conflict-missing", "conflict =", "less\\|more"),
            ('"less|more" = 1.0', '"less|mor" = 1.0', "conflict-names", "|mor", "less\\|mor.*'less', 'same', 'more'"),
            ('"less|more" = 1.0', '"less|more" = 1.5', "conflict-range", "less|more", "1.5"),
            ('"less|more" = 1.0', '"less|more" = -1', "conflict-range", "less|more", "-1"),
            ('"less|more" = 1.0', '"less|more" = nan', "conflict-missing", "less|more", "nan"),
            ('"less|more" = 1.0', '"less|more" = "x"', "wrong-type", "less|more", "the text 'x'"),
            ('"less|more" = 1.0', '"less|more" = []', "wrong-type", "conflict =", "holds a list"),
            ('"less|more" = 1.0', '"less|more" = [1]', "wrong-type", "conflict =", "holds a list"),
            ('"less|more" = 1.0', "less = { more = { x = 1 } }", "wrong-type", "conflict =", "a table of keys"),
            ('"less|more" = 1.0', '"less|more"=1, "more|less"=0.5', "conflict-asymmetric", "less|more", "0.5"),
            ('"less|more" = 1.0', '"less|more"=1, "less|less"=0.5', "conflict-diagonal", "less|more", "less\\|less"),
            ('goals = ["peace"]', 'goals = ["peace", "war"]', "missing-key", "[areas.arms]", "'arms' is missing"),
            (
                'goals = ["peace"]',
                'goals = ["peace", "war"]\nconflict = [[0, 1]]',
                "conflict-shape",
                "[areas.arms]",
                "1 × 2",
            ),
            (
                'goals = ["peace"]',
                'goals=["peace", "war"]\nconflict = [[0, 1], [0, 0]]',
                "conflict-asymmetric",
                "[areas.arms]",
                "1.0 but",
            ),
        ],
    )
    def test_fault_names_itself_and_its_line(self, old, new, code, line, words):
        text = changed(old, new)
        faults = [fault for fault in faults_of(text) if fault.code == code]
        assert faults[0].line == (None if line is None else text[: text.index(line)].count("\n") + 1)
        with pytest.raises(InputError, match=words):
            raise InputError(faults)

    def test_line_is_left_out_when_the_key_is_not_unique(self):
        twice = GOOD.replace("serves", "servs")
        assert {fault.line for fault in faults_of(twice) if fault.code == "unknown-key"} == {None}

    def test_line_is_not_that_of_a_comment(self):
        (fault,) = faults_of('# colour here\n[table]\n"col\\u006fur" = 1\n' + GOOD.split("[table]\n")[1])
        assert (fault.code, fault.line) == ("unknown-key", None)

    def test_all_faults_come_in_one_pass(self):
        text = changed('agent = "id"', 'agnet = "id"').replace('"luce"', '"luse"').replace("natsocy", "natfare")
        text = text.replace('"less|more" = 1.0', '"less|more" = 7').replace("group_sd = 0.25", "group_sd = -1")
        codes = {fault.code for fault in faults_of(text)}
        assert codes == {"unknown-key", "wrong-value", "column-twice", "conflict-range"}

    def test_no_areas(self):
        assert [fault.code for fault in faults_of("title = 'x'")] == ["missing-key"]

    def test_area_without_items(self):
        (fault,) = faults_of("[areas.x]\ngoals = ['a']")
        assert (fault.code, fault.line) == ("no-items", 1)

    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ("a = 1\nb = \n", 2),
            ("a = 1\na = 2\n", 2),
            ('a = "x', 1),
            ("x = " + "[" * 5000, None),
            ("a = " + "9" * 5000, None),
        ],
    )
    def test_toml_syntax(self, text, line):
        (fault,) = faults_of(text)
        assert fault.code == "toml"
        assert line is None or fault.line == line

    def test_too_many_options(self):
        options = {str(i): [] for i in range(MAX_OPTIONS + 1)}
        raw = {"areas": {"x": {"goals": ["a"], "items": {"i": {"serves": options}}}}}
        with pytest.raises(InputError, match=r"10,001 options, more than the limit of 10,000.*'options'"):
            Study.from_dict(raw)
        assert (
            len(Study.from_dict({**raw, "table": {"limits": {"options": 20_000}}}).items[0].serves) == MAX_OPTIONS + 1
        )

    def test_long_option(self):
        with pytest.raises(InputError, match=r"1,001 characters, more than the limit of 1,000.*'label'"):
            Study.from_text(changed('"1" = "more" }', f'"{"x" * 1001}" = "more" }}'))


class TestFiles:
    def test_missing_file(self, tmp_path):
        with pytest.raises(InputError, match="no such study file"):
            Study.from_toml(tmp_path / "none.toml")

    def test_folder(self, tmp_path):
        with pytest.raises(InputError, match="a folder"):
            Study.from_toml(tmp_path)

    def test_address(self):
        with pytest.raises(InputError, match="never from an address"):
            Study.from_toml("https://example.org/study.toml")

    def test_not_utf8(self, tmp_path):
        path = tmp_path / "study.toml"
        path.write_bytes(b'title = "x"\n# caf\xe9\n')
        with pytest.raises(InputError, match=r"line 2.*not UTF-8"):
            Study.from_toml(path)


scalar = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
KEYS = (
    "title table areas items goals conflict serves rule priors missing limits groups layout agent cluster kappa label "
    "weight_mean a b a|b name column repeated"
)
known = st.sampled_from(KEYS.split())
values = st.recursive(
    scalar, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(known | st.text(max_size=3), inner, max_size=4)
)


class TestFuzz:
    @settings(max_examples=300, deadline=None)
    @given(
        st.dictionaries(known, values, max_size=5), st.sampled_from([(), ("table",), ("areas", "welfare"), ("priors",)])
    )
    def test_any_dictionary_gives_a_study_or_an_input_error(self, raw, path):
        whole = Study.from_text(GOOD).to_dict()
        part = whole
        for key in path:
            part = part[key]
        part.update(raw)
        try:
            study = Study.from_dict(whole)
        except InputError as error:
            assert str(error)
        else:
            assert Study.from_dict(json.loads(json.dumps(study.to_dict()))) == study

    @settings(max_examples=300, deadline=None)
    @given(st.integers(0, len(GOOD) - 1), st.integers(0, 30), st.text(alphabet='[]{}="\\\n#.,|a1\0é', max_size=6))
    def test_any_edit_gives_a_study_or_an_input_error(self, start, length, insert):
        try:
            Study.from_text(GOOD[:start] + insert + GOOD[start + length :], file="study.toml")
        except InputError as error:
            assert all(fault.line is None or fault.line >= 1 for fault in error.faults)
