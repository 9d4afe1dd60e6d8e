"""What weakens a table of answers is said beside the result."""

import numpy as np
import pytest
from dissensus.datasets import Study
from dissensus.datasets.look_alike import near_duplicates
from dissensus.datasets.patterns import build_choices
from dissensus.datasets.validation import hint, listed, nearest
from hypothesis import given
from hypothesis import strategies as st


def study(n_items=2, options=("p", "q"), conflict=1.0, goals=("a", "b")):
    serves = {option: goal for option, goal in zip(options, [*goals, *[[]] * 9], strict=False)}
    items = {f"q{i}": {"serves": serves} for i in range(n_items)}
    return Study.from_dict({"areas": {"x": {"goals": list(goals), "conflict": conflict, "items": items}}})


def findings(meaning, columns, **options):
    n = len(columns[0])
    answers = {item.name: np.array(column) for item, column in zip(meaning.items, columns, strict=True)}
    names = [f"agent {i}" for i in range(n)]
    return {f.code: f for f in build_choices(meaning, names, answers, **options).findings}


rng = np.random.default_rng(1)


def mixed(n=40, n_items=2, n_options=2):
    return list(rng.integers(0, n_options, (n_items, n)))


class TestFindings:
    def test_an_ordinary_table_has_none(self):
        assert findings(study(), mixed()) == {}

    def test_two_agents(self):
        found = findings(study(), [[0, 1], [1, 0]])
        assert found["two-agents"].state == "caution"

    def test_constant_item(self):
        found = findings(study(), [mixed()[0], np.zeros(40, dtype=int)])
        assert found["constant-item"].message == "All answers to 'q1' are the same: no information about goals."
        assert found["constant-item"].area == "x"

    def test_rare_and_never_chosen_options(self):
        column = np.array([0, 1] * 18 + [2] * 4)
        found = findings(study(n_items=1, options=("p", "q", "r", "s")), [column])
        assert (
            found["rare-option"].message
            == "Options chosen fewer than 5 times: 'r' of 'q0' (4 times), 's' of 'q0' (never)."
        )

    def test_identical_items(self):
        column = mixed()[0]
        assert "'q0', 'q1' have the same answer" in findings(study(), [column, column])["identical-items"].message

    def test_items_identical_up_to_the_order_of_options(self):
        plain = study().to_dict()
        plain["areas"]["x"]["items"]["q1"]["serves"] = {"q": "b", "p": "a"}
        column = mixed()[0]
        assert "identical-items" in findings(Study.from_dict(plain), [column, 1 - column])

    def test_straight_lining(self):
        columns = mixed(n_items=6)
        for column in columns:
            column[:10] = columns[0][:10]
        assert findings(study(6), columns)["straight-lining"].message.startswith("2")
        assert "straight-lining" not in findings(study(6), mixed(n_items=6))

    @pytest.mark.parametrize("n_items", [2, 4])
    def test_few_items_show_no_straight_lining(self, n_items):
        column = mixed()[0]
        assert "straight-lining" not in findings(study(n_items), [column] * n_items)

    def test_no_conflict_at_all(self):
        assert findings(study(conflict=0.0), mixed())["zero-conflict"].area == "x"
        assert "zero-conflict" not in findings(study(goals=("a",)), mixed())

    def test_heavy_weight(self):
        weight = np.ones(40)
        weight[3] = 20
        assert "'agent 3' is 34% of" in findings(study(), mixed(), survey_weight=weight)["heavy-weight"].message
        assert findings(study(), mixed(), survey_weight=np.full(40, 3e6)) == {}

    def test_labels_that_look_alike(self):
        found = findings(study(options=("Yes", "yes")), mixed())
        assert "options of 'q0', 'q1' that look alike are kept apart: 'Yes', 'yes'" in found["near-duplicates"].message

    def test_groups_that_look_alike(self):
        found = findings(study(), mixed(), groups=("Left", "Left "), group_of_agent=np.arange(40) % 2)
        assert "Labels of groups that look alike" in found["near-duplicates"].message


class TestNearDuplicates:
    @pytest.mark.parametrize(
        "alike",
        [
            ("Yes", "yes"),
            ("Yes", " Yes"),
            ("a b", "a  b"),
            ("é", "e\u0301"),
            ("ѕех", "sex"),
            ("ab", "a\u200bb"),
            ("Ａ", "A"),
        ],
    )
    def test_alike(self, alike):
        assert near_duplicates([alike[0], "other", alike[1]]) == [list(alike)]

    @pytest.mark.parametrize("apart", [("7", "007"), ("a", "b"), ("ab", "a b"), ("e", "é"), ("1", "1.0")])
    def test_apart(self, apart):
        assert near_duplicates(apart) == []


class TestNearestNames:
    @pytest.mark.parametrize(
        ("word", "known", "expected"),
        [
            ("agnet", ["agent", "group"], "agent"),
            ("YES", ["no", "yes"], "yes"),
            ("zzz", ["a"], None),
            ("", ["a"], None),
        ],
    )
    def test_nearest(self, word, known, expected):
        assert nearest(word, known) == expected

    @given(st.text(), st.lists(st.text()))
    def test_nearest_is_one_of_the_known(self, word, known):
        assert nearest(word, known) in {None, *known}

    def test_hint_says_otherwise(self):
        assert hint("zzz", ["a"], "Look again.") == "Look again."

    def test_listed_counts_the_rest(self):
        assert listed("abcd", 2) == "'a', 'b' and 2 more"
