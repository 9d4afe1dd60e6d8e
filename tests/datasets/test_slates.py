"""Choices from what a slate shows: only what was shown counts as passed over."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from dissensus.datasets import Study, read_log
from dissensus.datasets.situations import entered_situations

from dissensus.errors import InputError

from .test_logs import written

STUDY = """
[log]
item = "clicked"
time = "when"
shown = "tiles"
[log.readings.ranker]
agent = "policy"
question = "top"
answer = "item"
where = { event = "top" }
as_group = "ranker"
available = "all"
[log.readings.people]
agent = "user"
question = "click"
answer = "item"
where = { event = "click" }
as_group = "people"
[areas.page]
goals = ["sport", "news"]
conflict = 1.0
rule = "luce"
[areas.page.items.top]
serves = { sport = "sport", news = "news", culture = [] }
repeated = true
[areas.page.items.click]
kind = "situation"
serves = { sport = "sport", news = "news", culture = [] }
"""
TILES = ("sport", "news", "culture")


def study(**changes):
    """Return the study, pieces of its text replaced."""
    text = STUDY
    for old, new in changes.get("replace", {}).items():
        assert old in text
        text = text.replace(old, new)
    return Study.from_text(text)


def slates(n=300, seed=1):
    """Return clicks of 12 users on slates of one to three tiles in random order, and what one ranker puts on top."""
    rng = np.random.default_rng(seed)
    rows = []
    for event in range(n):
        tiles = rng.permutation(TILES)[: rng.integers(1, 4)]
        rows.append(("click", "ranker", f"u{rng.integers(12)}", rng.choice(tiles), " ".join(tiles), event))
        if event % 3 == 0:
            rows.append(("top", "ranker", "-", rng.choice(TILES), None, event + 0.5))
    return pd.DataFrame(rows, columns=["event", "policy", "user", "clicked", "tiles", "when"])


def chosen(choices):
    """Return how often each agent chose what from which set."""
    area = choices.areas[0]
    (stages,) = area.stages
    each = entered_situations(stages, area.pattern_of_agent)
    return Counter(
        (choices.agents[a], frozenset(TILES[o] for o in options if o >= 0), TILES[options[place]])
        for a, options, place in zip(each.agent, each.shown, each.chosen, strict=True)
    )


def expected(frame):
    """Return the same from the events, the slow way; slates of one tile say nothing."""
    clicks = frame[frame.event == "click"]
    found = Counter((row.user, frozenset(row.tiles.split()), row.clicked) for row in clicks.itertuples())
    return Counter({key: number for key, number in found.items() if len(key[1]) > 1})


def test_every_engine_finds_the_same_choices(tmp_path):
    frame, hashes = slates(), set()
    lists = [text.split() if isinstance(text, str) else None for text in frame.tiles]
    table = pa.table({**{name: frame[name] for name in frame if name != "tiles"}, "tiles": pa.array(lists)})
    for form in ("csv", "gzip", "pandas"):
        (tmp_path / form).mkdir()
        choices = read_log(written(frame, tmp_path / form, form), study())
        assert chosen(choices) == expected(frame)
        hashes.add(choices.data_hash)
    hashes.add(read_log(table, study()).data_hash)
    hashes.add(read_log(frame.sample(frac=1, random_state=2), study()).data_hash)
    assert len(hashes) == 1
    assert Study.from_dict(study().to_dict()) == study()


def test_what_says_nothing_is_said():
    choices = read_log(slates(), study())
    codes = {finding.code: finding.message for finding in choices.findings}
    single = (slates().tiles.str.split().str.len() == 1).sum()
    assert codes["single-option"].startswith(f"{single} situations of item 'click' show one option")
    assert "no-exposure" not in codes
    unsaid = read_log(slates(), study(replace={'available = "all"\n': ""}))
    (exposure,) = [finding.message for finding in unsaid.findings if finding.code == "no-exposure"]
    assert "of [log.readings.ranker] count as if every option could be chosen" in exposure
    twice = slates()
    twice.loc[twice.tiles == "sport news", "tiles"] = "sport news sport"
    found = {finding.code for finding in read_log(twice, study()).findings}
    assert "shown-twice" in found
    assert chosen(read_log(twice, study())) == expected(slates())


@pytest.mark.parametrize(
    ("change", "code", "word"),
    [
        (lambda f: f.assign(tiles=f.tiles.str.replace("culture", "weather")), "not-shown", "'culture'"),
        (lambda f: f.assign(tiles=f.tiles + " weather"), "unknown-option", "'weather' was shown"),
        (lambda f: f.assign(tiles=f.tiles.where(f.when != 7)), "empty-slate", "Nothing was shown"),
    ],
)
def test_slates_that_cannot_be(change, code, word):
    with pytest.raises(InputError) as error:
        read_log(change(slates()), study())
    assert any(fault.code == code and word in fault.message for fault in error.value.faults)


def test_all_options_count_as_shown_where_the_item_is_no_situation():
    with pytest.raises(InputError, match="counts all its options as shown") as error:
        frame = slates()
        plain = study(replace={'kind = "situation"': "repeated = true"})
        read_log(frame[frame.event == "click"], plain)
    assert 'kind = "situation"' in error.value.faults[0].remedy


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('shown = "tiles"\n', "", "missing-key"),
        ('kind = "situation"', 'kind = "situation"\nrepeated = true', "not-supported"),
        ('kind = "situation"', 'kind = "situation"\navailable = { news = "x" }', "not-supported"),
        ('question = "click"', 'question = "top"', "wrong-value"),
    ],
)
def test_studies_that_cannot_be(old, new, code):
    with pytest.raises(InputError) as error:
        study(replace={old: new})
    assert code in {fault.code for fault in error.value.faults}


def test_polars_finds_the_same_choices():
    polars = pytest.importorskip("polars", reason="Polars is not installed")
    frame = slates()
    given = polars.from_pandas(frame)
    lists = given.with_columns(polars.col("tiles").str.split(" "))
    for one in (given, given.lazy(), lists):
        assert read_log(one, study()).data_hash == read_log(frame, study()).data_hash
