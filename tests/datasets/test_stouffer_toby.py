"""The bundled table against its published counts, and against another copy."""

import csv
import os
from collections import Counter
from pathlib import Path

import pytest

from dissensus import datasets

PUBLISHED = {
    **{"++++": 42, "+++-": 23, "++-+": 6, "++--": 25, "+-++": 6, "+-+-": 24, "+--+": 7, "+---": 38},
    **{"-+++": 1, "-++-": 4, "-+-+": 1, "-+--": 6, "--++": 2, "--+-": 9, "---+": 2, "----": 20},
}


@pytest.fixture(scope="module")
def choices():
    return datasets.load("stouffer_toby")


def signs(area):
    """Number of agents by pattern, "+" for a universalistic answer."""
    universalistic = area.goals.index("universalistic")
    counts = Counter()
    for pattern in area.pattern_of_agent:
        served = area.serves[universalistic] & (area.counts[pattern] > 0)
        answers = [served[area.item_of_option == item].any() for item in range(len(area.items))]
        counts["".join("+" if answer else "-" for answer in answers)] += 1
    return counts


def test_patterns_are_those_published(choices):
    """All 16 patterns of 216 students, one area with two goals in full conflict."""
    (area,) = choices.areas
    assert choices.n_agents == 216
    assert area.name == "role_conflict"
    assert area.items == ("A", "B", "C", "D")
    assert set(area.goals) == {"universalistic", "particularistic"}
    assert area.conflict.tolist() == [[0, 1], [1, 0]]
    assert len(area.counts) == 16
    assert (area.n_answers == 4).all()
    assert signs(area) == PUBLISHED


def test_table_is_that_of_another_copy(choices):
    """poLCA holds the same students as values.csv: 1 particularistic, 2 universalistic."""
    home = os.environ.get("DISSENSUS_DATA")
    path = Path(home or ".") / "polca_surveys" / "values.csv"
    if home is None or not path.exists():
        pytest.skip("DISSENSUS_DATA names no folder with polca_surveys/values.csv")
    with path.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    copy = Counter("".join("+" if row[item] == "2" else "-" for item in "ABCD") for row in rows)
    assert copy == signs(choices.areas[0])


def test_published_text_is_cited(choices):
    """The entry says what to cite, and the choices where they come from."""
    entry = datasets.registry.describe("stouffer_toby")
    assert "doi:10.1086/220785" in entry.citation
    assert choices.source.startswith("stouffer_toby")
    assert choices.study.title.startswith("Role conflict")
