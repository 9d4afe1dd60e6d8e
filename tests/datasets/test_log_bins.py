"""Continuous ratings in a log: limits, missing codes by value, and one fault for a gap, however many values."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from dissensus.datasets import logs

from dissensus import datasets
from dissensus.errors import InputError

STUDY = """
[log]
agent = "user"
item = "joke"
outcome = "rating"
answers = { bad = "< -3", middling = ">= -3, < 3.5", good = ">= 3.5" }
missing = ["99", ""]
[areas.a]
goals = ["x", "y"]
conflict = 1.0
[areas.a.items.one]
kind = "ordinal"
serves = { bad = "x", middling = [], good = "y" }
[areas.a.items.two]
kind = "ordinal"
serves = { bad = "y", middling = [], good = "x" }
"""


def study(old="", new=""):
    assert old in STUDY
    return datasets.Study.from_text(STUDY.replace(old, new))


def ratings(n=60):
    """Return ratings from −10 to 10 with two decimals, some of them 99, and some on a limit."""
    rng = np.random.default_rng(1)
    rating = np.round(rng.uniform(-10, 10, 2 * n), 2)
    rating[rng.random(2 * n) < 0.2], rating[:4] = 99, (-3, 3.5, 3.49, -3.01)
    return pd.DataFrame({"user": np.repeat(np.arange(n), 2), "joke": ["one", "two"] * n, "rating": rating})


def expected(frame):
    """Return the place of each answer, −1 for none, (agent, item)."""
    place = np.where(frame["rating"] < -3, 0, np.where(frame["rating"] < 3.5, 1, 2))
    return np.where(frame["rating"] == 99, -1, place).reshape(-1, 2)


def answers(choices):
    area = choices.areas[0]
    return {
        agent: [int(area.answer(j)[pattern]) for j in range(2)]
        for agent, pattern in zip(choices.agents, area.pattern_of_agent, strict=True)
    }


@pytest.fixture(params=["exactly", "by the engine"])
def _way(request, monkeypatch):
    """Judge values one by one, or let the engine do it as where they are very many."""
    if request.param == "by the engine":
        monkeypatch.setattr(logs, "MAX_VALUES", 5)


@pytest.mark.usefixtures("_way")
class TestBothWays:
    @pytest.mark.parametrize("form", ["frame", "text", "text with decimals", "parquet"])
    def test_answers_and_what_is_missing(self, form, tmp_path):
        """The code 99 is missing also where the file writes 99.0 or 99.00: as a number it would be good."""
        given, path = ratings(), tmp_path / "log.csv"
        events = given
        if form == "parquet":
            path = tmp_path / "log.parquet"
            given.to_parquet(path)
        elif form == "text with decimals":
            given.assign(rating=given["rating"].map("{:.2f}".format)).to_csv(path, index=False)
        else:
            given.to_csv(path, index=False)
        choices = datasets.read_log(events if form == "frame" else path, study())
        wanted = {str(k): row.tolist() for k, row in enumerate(expected(given)) if (row >= 0).any()}
        assert answers(choices) == wanted
        n = int((given["rating"] == 99).sum())
        assert any(finding.message.startswith(f"{n:,} events have no outcome") for finding in choices.findings)

    @pytest.mark.parametrize(
        ("old", "new", "code", "words"),
        [
            ("< 3.5", "< 3", "unknown-outcome", "meet no condition"),
            (">= -3,", ">= -4,", "two-answers", "are 'bad', 'middling'"),
        ],
    )
    def test_a_gap_or_overlap_is_one_fault_with_its_ends(self, old, new, code, words):
        given = ratings()
        inside = given["rating"].between(3, 3.499) if code == "unknown-outcome" else given["rating"].between(-4, -3.001)
        with pytest.raises(InputError, match=words) as caught:
            datasets.read_log(given, study(old, new))
        (fault,) = caught.value.faults
        ends = given["rating"][inside]
        assert (fault.code, fault.count) == (code, inside.sum())
        assert f"from {ends.min():g} to {ends.max():g}" in fault.message

    def test_what_is_no_number_has_its_line(self, tmp_path):
        given = ratings().astype({"rating": object})
        given.loc[7, "rating"] = "n/a"
        given.to_csv(tmp_path / "log.csv", index=False)
        with pytest.raises(InputError) as caught:
            datasets.read_log(tmp_path / "log.csv", study())
        fault = caught.value.faults[0]
        assert fault.code in {"unknown-outcome", "not-a-number"}
        assert (fault.line, fault.column) == (9, "rating")

    def test_outcomes_may_be_left_out(self):
        given = ratings()
        choices = datasets.read_log(
            given, study('good = ">= 3.5" }', 'good = "> 5, < 50" }\nother_outcomes = "leave_out"')
        )
        wanted = np.where(given["rating"].between(3.5, 5).to_numpy().reshape(-1, 2), -1, expected(given))
        assert answers(choices) == {str(k): row.tolist() for k, row in enumerate(wanted) if (row >= 0).any()}
        assert any(finding.code == "other-outcomes" for finding in choices.findings)


def test_a_decimal_comma_is_named(tmp_path):
    given = ratings().assign(rating=lambda frame: frame["rating"].map(str).str.replace(".", ","))
    given.to_csv(tmp_path / "log.csv", index=False, sep=";")
    with pytest.raises(InputError, match="decimal point"):
        datasets.read_log(tmp_path / "log.csv", study("[log]", '[log]\ndelimiter = ";"'))


def test_very_many_different_numbers():
    rng = np.random.default_rng(2)
    given = pd.DataFrame({"user": np.repeat(np.arange(60_000), 2), "joke": ["one", "two"] * 60_000})
    given["rating"] = rng.uniform(-10, 10, 120_000)
    choices = datasets.read_log(given, study())
    area = choices.areas[0]
    np.testing.assert_array_equal(
        area.n_agents_of_pattern @ area.counts, np.concatenate([np.bincount(column) for column in expected(given).T])
    )
