"""Self-selection in the study file and in logs: odds, items asked at random, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dissensus import datasets
from dissensus.errors import InputError

TABLE = """
[table]
layout = "long"
agent = "agent"
item = "item"
answer = "answer"
[areas.a]
goals = ["x", "y"]
conflict = 1.0
[areas.a.selection]
odds = { like = [1, 9] }
[areas.a.items.i]
serves = { like = "x", not = "y" }
repeated = true
[areas.a.items.shown]
at_random_of = "i"
[areas.a.items.j]
serves = { yes = "x", no = "y" }
"""

LOG = """
[log]
agent = "user"
item = "genre"
outcome = "stars"
answers = { like = ">= 4", not = "< 4" }
on_duplicate = "count"
[log.selection]
random = { how = "random" }
[areas.a]
goals = ["x", "y"]
conflict = 1.0
[areas.a.items.i]
repeated = true
serves = { like = "x", not = "y" }
[areas.a.items.j]
repeated = true
serves = { like = "y", not = "x" }
"""


def _refused(text, old, new, *parts):
    assert old in text
    with pytest.raises(InputError) as caught:
        datasets.Study.from_text(text.replace(old, new), file="study.toml")
    for part in parts:
        assert part in str(caught.value)


def events():
    """Return 4 users' ratings of two genres, some of films shown at random, and one of nobody knows which."""
    rows = [("u", "i", 5, "picked"), ("u", "i", 1, "random"), ("u", "j", 4, "picked"), ("v", "i", 2, "picked")]
    rows += [("v", "j", 1, "random"), ("v", "j", 5, "picked"), ("w", "i", 4, "random"), ("w", "j", 1, None)]
    return pd.DataFrame(rows, columns=["user", "genre", "stars", "how"])


class TestStudy:
    def test_an_item_asked_at_random_has_the_options_of_its_original(self):
        study = datasets.Study.from_text(TABLE)
        original, twin, other = study.items
        assert (twin.serves, twin.repeated, twin.at_random_of) == (original.serves, True, "i")
        assert other.at_random_of is None
        assert datasets.Study.from_dict(study.to_dict()) == study

    def test_what_is_selected_and_by_how_much(self):
        study = datasets.Study.from_text(TABLE)
        table = pd.DataFrame({"agent": list("ababab"), "item": ["i", "i", "shown", "shown", "j", "j"]})
        table["answer"] = ["like", "not", "like", "not", "yes", "no"]
        area = datasets.read_table(table, study).areas[0]
        recorded = area.recorded
        assert recorded.selected.tolist() == [True, False, False]  # 'yes' and 'no' have no odds
        assert recorded.source.tolist() == [0, 1, 0, 1, 4, 5]
        assert recorded.names == ("like",)
        np.testing.assert_array_equal(recorded.basis[:, 0], [1, 0, 0, 0, 0, 0])
        low, high = np.exp(recorded.prior[0, 0] + np.array([-1, 1]) * 1.6448536 * recorded.prior[1, 0])
        np.testing.assert_allclose([low, high], [1, 9], rtol=1e-6)

    @pytest.mark.parametrize(
        ("old", "new", "words"),
        [
            ("like = [1, 9]", "lik = [1, 9]", "'lik'"),
            ("like = [1, 9]", "like = [9, 1]", "from 9 to 1"),
            ("like = [1, 9]", "like = 0", "selection.odds"),
            ("like = [1, 9]", "like = 2, not = 3", "only ratios matter"),
            ("[areas.a.selection]\nodds = { like = [1, 9] }\n", "", "does not say what is selected"),
            ('at_random_of = "i"', 'at_random_of = "k"', "no item asked of those who picked it"),
            ('at_random_of = "i"', 'at_random_of = "j"', "of which no answer is selected"),
            ('at_random_of = "i"', 'at_random_of = "i"\nserves = { not = "y", like = "x" }', "other options"),
            ("conflict = 1.0", 'conflict = 1.0\nabstain = { codes = ["dk"], means = "low_weight" }', "passing"),
            ('goals = ["x", "y"]', 'goals = ["x", "y"]\nlearned = true\nweights = "free"', "learned goals"),
        ],
    )
    def test_refused(self, old, new, words):
        _refused(TABLE, old, new, words)

    @pytest.mark.parametrize(
        ("old", "new", "words"),
        [
            ('random = { how = "random" }', "", "states no odds"),
            ('random = { how = "random" }', "odds = { liked = 3 }", "names no option"),
            ('random = { how = "random" }', 'random = { how = ">= four" }', "no comparison"),
            ('on_duplicate = "count"', 'keep = "furthest"\nslate = "page"', "Not supported together"),
        ],
    )
    def test_refused_in_a_log(self, old, new, words):
        _refused(LOG, old, new, words)


class TestLog:
    def test_what_was_shown_at_random_answers_an_item_of_its_own(self):
        choices = datasets.read_log(events(), datasets.Study.from_text(LOG))
        area = choices.areas[0]
        assert area.items == ("i", "j", "i at random", "j at random")
        counts = dict(zip(choices.agents, area.counts[area.pattern_of_agent].tolist(), strict=True))
        assert counts == {
            "u": [1, 0, 1, 0, 0, 1, 0, 0],
            "v": [0, 1, 1, 0, 0, 0, 0, 1],
            "w": [0, 0, 0, 1, 1, 0, 0, 0],  # not said to be shown at random
        }
        assert choices.study.areas[0].selection.odds == {"like": (0.1, 10.0)}
        assert datasets.Study.from_dict(choices.study.to_dict()) == choices.study

    def test_an_item_of_which_nothing_was_shown_at_random_has_none(self):
        some = events()
        some.loc[(some["genre"] == "j"), "how"] = "picked"
        choices = datasets.read_log(some, datasets.Study.from_text(LOG))
        assert choices.areas[0].items == ("i", "j", "i at random")
        assert any(finding.code == "never-at-random" and "j" in finding.message for finding in choices.findings)
        assert datasets.Study.from_dict(choices.study.to_dict()) == choices.study

    def test_nothing_shown_at_random_is_a_fault_that_names_the_column(self):
        with pytest.raises(InputError, match="No event meets 'random'"):
            datasets.read_log(events().assign(how="picked"), datasets.Study.from_text(LOG))

    def test_a_log_without_the_column_is_a_fault(self):
        with pytest.raises(InputError, match="how"):
            datasets.read_log(events().drop(columns="how"), datasets.Study.from_text(LOG))


def test_simulated_answers_are_selected_by_the_odds():
    """Of 400,000 answers of agents whose goals and weights hardly differ, the shares are those of Bayes' rule."""
    study = datasets.Study.from_text(TABLE.replace("[1, 9]", "4"))
    truth = {"goal_share": [0.7, 0.3], "weight_mean": 0.3, "weight_concentration": 2.0}
    truth["baseline"] = [0.5, 0.5, 0.5, 0.5, 0.4, 0.6]
    area = datasets.simulate(study, 4_000, seed=1, truth={"a": truth}, answers_per_item=100).areas[0]
    shares = (area.n_agents_of_pattern @ area.counts)[:4].reshape(2, 2) / 400_000
    a, b = 1 + 0.3 * 2, 1 + 0.7 * 2
    w = np.random.default_rng(1).beta(a, b, 1_000_000)
    like = [w + (1 - w) / 2, (1 - w) / 2]
    picked = sum(share * (4 * p / (4 * p + 1 - p)).mean() for share, p in zip((0.7, 0.3), like, strict=True))
    asked = sum(share * p.mean() for share, p in zip((0.7, 0.3), like, strict=True))
    np.testing.assert_allclose(shares[:, 0], [picked, asked], atol=0.012)
