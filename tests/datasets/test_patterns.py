"""From answers to distinct patterns: exact, in canonical order, whatever the order of agents."""

import numpy as np
import pandas as pd
import pytest
from dissensus.datasets import Study, Truth
from dissensus.datasets.patterns import build_choices, distinct_rows
from hypothesis import given, settings
from hypothesis import strategies as st

from dissensus.errors import InputError

STUDY = Study.from_dict(
    {
        "areas": {
            "x": {
                "goals": ["a", "b"],
                "conflict": 1.0,
                "items": {
                    "x1": {"serves": {"p": "a", "q": "b"}},
                    "x2": {"serves": {"p": "a", "q": "b", "r": []}},
                },
            },
            "y": {
                "goals": ["a", "b"],
                "conflict": 0.5,
                "items": {"y1": {"serves": {"p": "a", "q": "b"}, "repeated": True}},
            },
        },
        "table": {"layout": "long", "agent": "agent", "item": "item", "answer": "answer"},
    }
)


def answers(x1, x2, y1):
    return {"x1": np.array(x1), "x2": np.array(x2), "y1": np.array(y1)}


class TestDistinctRows:
    @settings(max_examples=200, deadline=None)
    @given(st.data())
    def test_agrees_with_numpy(self, data):
        n = data.draw(st.integers(1, 30))
        radix = data.draw(st.lists(st.sampled_from([1, 2, 3, 1000, 2**31, 2**61]), min_size=1, max_size=8))
        rows = np.array([[data.draw(st.sampled_from([0, r // 2, r - 1])) for r in radix] for _ in range(n)])
        first, rank = distinct_rows(list(zip(rows.T, radix, strict=True)), n)
        expected, of_row = np.unique(rows, axis=0, return_inverse=True)
        np.testing.assert_array_equal(rows[first], expected)
        np.testing.assert_array_equal(rank, of_row.reshape(-1))

    def test_more_columns_than_fit_one_number(self):
        rng = np.random.default_rng(1)
        rows = rng.integers(0, 9, (500, 100))
        rows[250:] = rows[:250]
        first, rank = distinct_rows([(column, 9) for column in rows.T], 500)
        assert len(first) == 250
        np.testing.assert_array_equal(rows[first][rank], rows)


class TestBuildChoices:
    def test_counts_are_those_of_the_answers(self):
        choices = build_choices(STUDY, ["u", "v", "w"], answers([0, -1, 1], [2, 0, 2], [[3, 0], [0, 0], [1, 2]]))
        x, y = choices.areas
        np.testing.assert_array_equal(x.counts[x.pattern_of_agent], [[1, 0, 0, 0, 1], [0, 0, 1, 0, 0], [0, 1, 0, 0, 1]])
        np.testing.assert_array_equal(y.counts[y.pattern_of_agent], [[3, 0], [0, 0], [1, 2]])
        np.testing.assert_array_equal(x.item_of_option, [0, 0, 1, 1, 1])
        np.testing.assert_array_equal(x.serves, [[1, 0, 1, 0, 0], [0, 1, 0, 1, 0]])
        np.testing.assert_allclose(x.missing_share, [1 / 3, 0])
        assert x.options == ("p", "q", "p", "q", "r")

    @settings(max_examples=50, deadline=None)
    @given(st.permutations(range(12)), st.integers(0, 1000))
    def test_the_order_of_agents_does_not_matter(self, order, seed):
        rng = np.random.default_rng(seed)
        given_answers = answers(rng.integers(-1, 2, 12), rng.integers(0, 3, 12), rng.integers(0, 3, (12, 2)))
        names = np.array([f"agent {i}" for i in range(12)], dtype=object)
        group, weight = rng.integers(-1, 2, 12), rng.random(12) + 0.1
        options = {"groups": ("g", "h")}
        one = build_choices(STUDY, names, given_answers, group_of_agent=group, survey_weight=weight, **options)
        other = build_choices(
            STUDY,
            names[order],
            {name: column[order] for name, column in given_answers.items()},
            group_of_agent=group[order],
            survey_weight=weight[order],
            **options,
        )
        assert one.data_hash == other.data_hash
        for a, b in zip(one.areas, other.areas, strict=True):
            np.testing.assert_array_equal(a.counts, b.counts)

    @pytest.mark.parametrize("change", ["agent", "answer", "group", "weight", "count"])
    def test_the_hash_sees_every_part(self, change):
        names, group, weight = ["u", "v", "w"], np.array([0, 1, 0]), np.array([1.0, 2.0, 3.0])
        given_answers = answers([0, 1, 1], [2, 0, 2], [[3, 0], [0, 0], [1, 2]])

        def hashed():
            return build_choices(
                STUDY, names, given_answers, groups=("g", "h"), group_of_agent=group, survey_weight=weight
            ).data_hash

        before = hashed()
        assert before == hashed()
        if change == "agent":
            names[0] = "U"
        elif change == "answer":
            given_answers["x1"][0] = 1
        elif change == "group":
            group[0] = 1
        elif change == "weight":
            weight[0] = 1.5
        else:
            given_answers["y1"][0, 0] = 4
        assert hashed() != before

    def test_silent_agents_are_left_out_and_counted(self):
        names = [str(i) for i in range(50)]
        x1 = np.zeros(50, dtype=int)
        x1[1::2] = 1
        y1 = np.ones((50, 2), dtype=int)
        x1[7], y1[7] = -1, 0
        choices = build_choices(STUDY, names, answers(x1, np.where(np.arange(50) == 7, -1, 0), y1))
        assert choices.n_agents == 49
        assert "7" not in choices.agents
        (finding,) = [finding for finding in choices.findings if finding.code == "silent-agents"]
        assert (finding.state, finding.message) == ("note", "1 of 50 agents gave no answer anywhere and are left out.")

    def test_many_silent_agents_are_a_caution(self):
        choices = build_choices(STUDY, ["u", "v", "w"], answers([0, 1, -1], [0, 1, -1], [[1, 0], [0, 1], [0, 0]]))
        assert [finding.state for finding in choices.findings if finding.code == "silent-agents"] == ["caution"]

    def test_agents_of_weight_zero_are_left_out_and_counted(self):
        goals = pd.DataFrame({"x": list("aba")}, index=["u", "v", "w"])
        choices = build_choices(
            STUDY,
            ["u", "v", "w"],
            answers([0, 1, 1], [0, 1, 2], [[1, 0], [0, 1], [9, 9]]),
            survey_weight=np.array([1.0, 2.0, 0.0]),
            truth=Truth(goals, goals.notna() * 1.0, {}),
        )
        assert list(choices.agents) == ["u", "v"]
        assert choices.areas[1].counts.max() == 1
        assert choices.truth is not None
        assert list(choices.truth.goals.index) == ["u", "v"]
        assert [f.message for f in choices.findings if f.code == "zero-weight"] == [
            "1 agents with survey weight 0 are left out."
        ]

    def test_group_without_agents_is_dropped_and_noted(self):
        choices = build_choices(
            STUDY,
            ["u", "v"],
            answers([0, 1], [0, 1], [[1, 0], [0, 1]]),
            groups=("g", "nobody", "h"),
            group_of_agent=np.array([2, 0]),
        )
        assert choices.groups == ("g", "h")
        np.testing.assert_array_equal(choices.group_of_agent, [1, 0])
        assert [f.code for f in choices.findings if f.state == "note"] == ["empty-group"]

    @pytest.mark.parametrize(
        ("x1", "x2", "y1", "code", "words"),
        [
            ([-1, -1], [-1, -1], [[0, 0], [0, 0]], "no-answers", "holds no answer"),
            ([0, -1], [0, -1], [[1, 0], [0, 0]], "one-agent", "one agent"),
            ([0, 1], [-1, -1], [[1, 0], [0, 1]], "empty-item", "Nobody answered item 'x2' of area 'x'"),
        ],
    )
    def test_too_little_is_refused(self, x1, x2, y1, code, words):
        with pytest.raises(InputError, match=words) as caught:
            build_choices(STUDY, ["u", "v"], answers(x1, x2, y1))
        assert caught.value.code == code


class TestDisplay:
    def choices(self, **options):
        return build_choices(
            STUDY, ["u", "<b>", "w"], answers([0, -1, 1], [2, 0, 2], [[3, 0], [0, 0], [1, 2]]), **options
        )

    def test_repr_says_what_it_holds(self):
        text = repr(
            self.choices(groups=("g",), group_of_agent=np.array([0, 0, -1]), survey_weight=np.array([1.0, 1.0, 2.0]))
        )
        assert "3 agents, 2 problem areas" in text
        assert "groups: g 2; in none 1" in text
        assert "as good as 3 agents" in text
        assert "x: goals a, b; 2 items of 2–3 options, 16.7% missing; 3 patterns; follow" in text
        assert "y: goals a, b; 1 item of 2 options, 6 answers; 3 patterns; follow" in text
        assert "caution (x): Options chosen fewer than 5 times" in text

    def test_markup_is_escaped(self):
        page = self.choices(groups=('"><img onerror=1>',), group_of_agent=np.zeros(3, dtype=int))._repr_html_()
        assert page.count("<") == page.count(">") == 2  # the <pre> around it
        assert "&lt;img onerror=1&gt;" in page

    def test_direction_characters_are_escaped(self):
        assert "\u202e" not in repr(self.choices(groups=("a\u202eb",), group_of_agent=np.zeros(3, dtype=int)))

    def test_long_frame(self):
        frame = self.choices().to_frame(layout="long")
        assert frame.columns.tolist() == ["agent", "area", "item", "answer", "times"]
        assert frame[frame.item == "y1"].to_numpy().tolist() == [
            ["u", "y", "y1", "p", 3],
            ["w", "y", "y1", "p", 1],
            ["w", "y", "y1", "q", 2],
        ]

    def test_wide_frame_cannot_hold_repeated_answers(self):
        with pytest.raises(ValueError, match="'y1' is answered many times"):
            self.choices().to_frame()
