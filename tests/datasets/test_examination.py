"""Places in a log: each item is asked at each of them, and what does not go together is refused."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import pytest
from dissensus.datasets import Study, join, read_log, read_table, simulate, write_table

from dissensus.errors import InputError

from .logs import counted
from .test_logs import written

STUDY = """
[log]
agent = "user"
item = "tile"
outcome = "did"
position = "place"
time = "when"
answers = { skipped = "show", clicked = "click" }
[log.examination]
unseen = "skipped"
places = { top = "1", second = "2", below = ">= 3" }
[areas.page]
goals = ["sport", "news"]
conflict = 1.0
[areas.page.items.sport]
serves = { clicked = "sport", skipped = [] }
repeated = true
[areas.page.items.news]
serves = { clicked = "news", skipped = [] }
repeated = true
"""
PLACE = {1: "top", 2: "second", 3: "below", 4: "below", 5: "below"}


def study(**changes):
    """Return the study, pieces of its text replaced."""
    text = STUDY
    for old, new in changes.get("replace", {}).items():
        assert old in text
        text = text.replace(old, new)
    return Study.from_text(text)


def pages(n=600, seed=1):
    """Return events of 12 users on two tiles at five places."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "user": rng.integers(12, size=n),
            "tile": rng.choice(["sport", "news"], n),
            "did": rng.choice(["show", "click"], n),
            "place": rng.integers(1, 6, n),
            "view": rng.integers(200, size=n),
            "when": 1_600_000_000 + rng.permutation(n),
        }
    )


def expected(frame):
    """Return counts by agent, item at its place and answer, the slow way."""
    counts = {}
    for row in frame.itertuples():
        key = (str(row.user), f"{row.tile} at {PLACE[row.place]}", "clicked" if row.did == "click" else "skipped")
        counts[key] = counts.get(key, 0) + 1
    return counts


def test_every_engine_counts_items_at_their_places(tmp_path):
    frame, hashes = pages(), set()
    for form in ("csv", "folder", "duckdb", "pandas"):
        (tmp_path / form).mkdir()
        given = written(frame, tmp_path / form, form)
        choices = read_log(given, study())
        assert counted(choices) == expected(frame)
        hashes.add(choices.data_hash)
    assert len(hashes) == 1
    assert "position-unused" not in {finding.code for finding in choices.findings}


def test_within_a_slate_the_furthest_counts_at_its_place():
    frame = pages().drop_duplicates(["user", "view", "tile"])
    shown = frame.assign(did="show")
    both = pd.concat([shown, frame[frame.did == "click"].assign(when=lambda f: f.when + 1e6)])
    slates = study(replace={'time = "when"': 'time = "when"\nslate = "view"\nkeep = "furthest"'})
    assert counted(read_log(both, slates)) == expected(frame)


def test_items_share_what_they_show_and_keep_their_places():
    one = study()
    assert Study.from_dict(one.to_dict()) == one
    assert [(item.shown, item.place) for item in one.items[:3]] == [("sport", p) for p in ("top", "second", "below")]
    assert read_log(pages(), one).areas[0].examined.same_as.tolist() == [0, 0, 0, 3, 3, 3]
    known = study(
        replace={'unseen = "skipped"': 'unseen = "skipped"\nprobability = {top = 1, second = 0.5, below = 0.2}'}
    )
    assert read_log(pages(), known).areas[0].examined.known.tolist() == [1, 0.5, 0.2]


def test_new_events_are_added_at_their_places():
    frame = pages()
    whole = read_log(frame, study())
    parts = [read_log(frame[mine], study()) for mine in (frame.when % 2 == 0, frame.when % 2 == 1)]
    assert join(*parts).data_hash == whole.data_hash


def test_what_is_simulated_is_read_back(tmp_path):
    choices = simulate(study(), 40, seed=1)
    write_table(choices, tmp_path / "counts.csv")
    assert read_table(tmp_path / "counts.csv", choices.study).data_hash == choices.data_hash
    e = choices.truth.parameters["page"]["examination"]
    assert e.shape == (2,)
    baseline = choices.truth.parameters["page"]["baseline"].reshape(2, 3, 2)
    assert (baseline == baseline[:, :1]).all()
    with pytest.raises(ValueError, match="differs between places"):
        simulate(study(), 40, truth={"page": {"baseline": [0.5, 0.5, 0.4, 0.6] + [0.5] * 8}})


def test_simulated_clicks_are_those_of_who_looks():
    truth = {"page": {"examination": [0.6, 0.1], "goal_share": [1.0, 0.0], "weight_mean": 0.999,
                      "weight_concentration": 1e4, "baseline": [0.25, 0.75] * 6}}  # fmt: skip
    counts = simulate(study(), 500, seed=2, truth=truth, answers_per_item=40).areas[0]
    total = counts.n_agents_of_pattern @ counts.counts
    share = (total[::2] / (total[::2] + total[1::2])).reshape(2, 3)
    np.testing.assert_allclose(share, np.outer([1, 0.25], [1, 0.6, 0.1]), atol=0.02)


def test_an_item_may_never_stand_at_a_place():
    frame = pages()
    frame = frame[(frame.tile == "news") | (frame.place == 1)]
    choices = read_log(frame, study())
    assert choices.areas[0].answered.any(axis=0).tolist() == [True, False, False, True, True, True]
    with pytest.raises(InputError, match="No event is about item 'sport'"):
        read_log(frame[frame.tile == "news"], study())


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"place": lambda f: f.place.replace(5, 0)}, "no-place", "Position '0' is no place"),
        ({"place": lambda f: f.place.where(f.place < 5)}, "no-place", "The event has no position"),
    ],
)
def test_positions_that_are_no_place(change, code, message, tmp_path):
    frame = pages().assign(**change)
    frame.to_csv(tmp_path / "log.csv", index=False)
    with pytest.raises(InputError, match=message) as error:
        read_log(tmp_path / "log.csv", study())
    (fault,) = error.value.faults
    assert (fault.code, fault.column, fault.count) == (code, "place", int((pages().place == 5).sum()))
    assert fault.file.endswith("log.csv") and fault.line


def test_a_position_is_of_one_place():
    twice = study(replace={'second = "2"': 'second = "<= 2"'})
    with pytest.raises(InputError, match="Position '1' is 'top', 'second'"):
        read_log(pages(), twice)


def test_an_item_answered_once_is_not_answered_at_two_places():
    once = study(replace={"repeated = true\n": ""})
    frame = pages().drop_duplicates(["user", "tile", "place"])
    with pytest.raises(InputError, match="answers item 'sport' at") as error:
        read_log(frame[frame.place <= 3], once)
    assert {fault.code for fault in error.value.faults} == {"answer-twice"}
    one = frame.drop_duplicates(["user", "tile"])
    assert counted(read_log(one, once)) == expected(one)


@pytest.mark.parametrize(
    ("old", "new", "code", "word"),
    [
        ('position = "place"\n', "", "missing-key", "position"),
        ('unseen = "skipped"', 'unseen = "ignored"', "unknown-option", "ignored"),
        ('unseen = "skipped"', 'unseen = "skipped"\nprobability = { top = 1.0 }', "missing-key", "second"),
        ('unseen = "skipped"', 'unseen = "skipped"\nprobability = { mid = 1.0 }', "unknown-place", "mid"),
        ('unseen = "skipped"', 'unseen = "skipped"\nprobability = "guessed"', "wrong-value", "probability"),
        ('second = "2"', 'second = ">= 2 <"', "wrong-value", "second"),
        ('places = { top = "1", second = "2", below = ">= 3" }', 'places = { top = "1" }', "wrong-value", "places"),
        ('time = "when"', 'time = "when"\nkeep = "last"', "not-supported", "keep"),
        ('time = "when"', 'time = "when"\nquestion = "position"', "wrong-value", "position"),
        ('answers = { skipped = "show", clicked = "click" }', 'answer = "item"', "not-supported", "outcome"),
        (
            "[areas.page.items.news]",
            '[areas.page.items."sport at top"]\nserves = { yes = "sport", no = [] }\n[areas.page.items.news]',
            "item-twice",
            "sport at top",
        ),
        ('goals = ["sport", "news"]', 'goals = ["sport", "news"]\nlearned = true', "not-supported", "learned"),
        (
            "conflict = 1.0",
            'conflict = 1.0\nabstain = { codes = ["x"], means = "low_weight" }',
            "not-supported",
            "passing",
        ),
        (
            "[areas.page.items.news]",
            '[areas.page.items.odd]\nkind = "ordinal"\nserves = { clicked = "news", skipped = [] }\n'
            "[areas.page.items.news]",
            "not-supported",
            "ordinal",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(old, new, code, word):
    with pytest.raises(InputError) as error:
        study(replace={old: new})
    assert any(fault.code == code and word in fault.message + fault.remedy for fault in error.value.faults)


TABLE = {
    "goals": ["a", "b"],
    "conflict": 1.0,
    "examination": {"unseen": "no", "places": ["first", "last"]},
    "items": {
        "q at first": {"serves": {"yes": ["a"], "no": []}, "shown": "q", "place": "first"},
        "q at last": {"serves": {"yes": ["a"], "no": []}, "shown": "q", "place": "last"},
        "r": {"serves": {"yes": ["b"], "no": []}},
    },
}


@pytest.mark.parametrize(
    ("where", "value", "code"),
    [
        (("examination",), None, "missing-key"),
        (("examination", "places"), ["first", "first", "last"], "place-twice"),
        (("examination", "unseen"), "maybe", "unknown-option"),
        (("items", "q at last", "place"), "least", "unknown-place"),
        (("items", "q at last", "place"), "first", "place-twice"),
        (("items", "q at last", "serves"), {"yes": ["b"], "no": []}, "wrong-value"),
        (("items", "r", "shown"), "q", "missing-key"),
    ],
)
def test_faults_of_items_at_places_in_a_table(where, value, code):
    raw = copy.deepcopy(TABLE)
    assert Study.from_dict({"areas": {"x": raw}}).areas[0].examination.probability == "learned"
    at = raw
    for key in where[:-1]:
        at = at[key]
    at.pop(where[-1]) if value is None else at.update({where[-1]: value})
    with pytest.raises(InputError) as error:
        Study.from_dict({"areas": {"x": raw}})
    assert code in {fault.code for fault in error.value.faults}


def test_polars_finds_the_same_places():
    polars = pytest.importorskip("polars", reason="Polars is not installed")
    frame = pages()
    for given in (polars.from_pandas(frame), polars.from_pandas(frame).lazy()):
        assert read_log(given, study()).data_hash == read_log(frame, study()).data_hash
