"""What is wrong with a log is said, with its file and column, before anything is fitted."""

import gzip

import numpy as np
import pandas as pd
import pytest
from dissensus.datasets import Study, read_log

from dissensus.errors import InputError

from .logs import STUDY, counted, expected, films, ratings, study

BARE = STUDY.replace('time = "when"', "")


def refused(events, folder, *, meaning=None):
    """Return the faults of a log, as (code, file name, line, column)."""
    table = folder / "items"
    table.mkdir(exist_ok=True)
    with pytest.raises(InputError) as caught:
        read_log(events, meaning or study(), items=films(table))
    for fault in caught.value.faults:
        assert fault.remedy
    assert "\x1b" not in str(caught.value)
    return [(f.code, (f.file or "").rpartition("/")[2], f.line, f.column) for f in caught.value.faults]


def csv(folder, text, name="log.csv"):
    """Write a text file and return its path."""
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return folder / name


HEAD = "user,film,stars,when\n"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("1,1,5,1\n,2,3,2\n", ("no-agent", "log.csv", 3, "user")),
        ("1,1,5,1\n2,,3,2\n", ("no-item", "log.csv", 3, "film")),
        ("1,1,5,1\n2,9,3,2\n", ("unknown-item", "log.csv", 3, "film")),
        ("1,1,5,1\n2,1,good,2\n", ("unknown-outcome", "log.csv", 3, "stars")),
        ("1,1,5,1\n2,2,3,\n", ("no-time", "log.csv", 3, "when")),
        ("1,1,5,1\n2,2,3,then\n", ("not-a-number", "log.csv", 3, "when")),
        ("1,1,5,1\n2,2,3\n", ("fields", "log.csv", 3, None)),
        ('1,1,5,1\n2,"2,3,4\n', ("quotes", "log.csv", 3, None)),
        ("1,1,5,1\n1,1,5,1\n2,2,3,2\n", ("event-twice", "log.csv", 2, "user")),
        ("1,1,5,1600000000\n2,2,3,1600000000000\n", ("mixed-times", "log.csv", 2, "when")),
        ("1,1,5,2020-01-01 10:00:00\n2,2,3,1600000000000\n", ("mixed-times", "log.csv", 3, "when")),
        ("1,1,5,1\n2,1,3,2\n", ("no-item-rows", "log.csv", None, "film")),
        ("", ("no-rows", "log.csv", None, None)),
    ],
)
def test_a_row_that_is_wrong_is_named(rows, expected, tmp_path):
    assert expected in refused(csv(tmp_path, HEAD + rows), tmp_path)


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("log.csv", b"", "empty-file"),
        ("log.csv", b"\n\n", "empty-file"),
        ("log.csv", b"PAR1 not text", "wrong-kind"),
        ("log.csv", b"PK\x03\x04zip", "wrong-kind"),
        ("log.csv", HEAD.encode("utf-16"), "encoding"),
        ("log.csv", HEAD.encode() + b"1,1,\xff,1\n", "encoding"),
        ("log.csv", b"user;film;stars;when\n1;1;5;1\n", "delimiter"),
        ("log.csv", b"user,film,star,when\n1,1,5,1\n", "no-column"),
        ("log.csv", b"user,film,stars,when,user\n1,1,5,1,2\n", "column-name-twice"),
        ("log.xlsx", b"PK\x03\x04", "wrong-kind"),
        ("log.zip", b"PK\x03\x04", "wrong-kind"),
        ("log.csv.gz", gzip.compress(HEAD.encode() + b"1,1,5,1\n" * 9999, mtime=0)[:-30], "compression"),
        ("log.csv.gz", HEAD.encode(), "compression"),
        ("log.csv.gz", gzip.compress(b"PK\x03\x04zip", mtime=0), "wrong-kind"),
        ("log.parquet", b"PAR1 cut off", "damaged"),
        ("log.parquet", HEAD.encode(), "wrong-kind"),
    ],
)
def test_a_file_that_is_wrong_is_named(name, data, code, tmp_path):
    assert [fault[:2] for fault in refused(csv(tmp_path, data, name), tmp_path)] == [(code, name)]


def test_every_faulty_file_is_named_in_one_pass(tmp_path):
    ratings().to_parquet(tmp_path / "a.parquet")
    csv(tmp_path, (tmp_path / "a.parquet").read_bytes()[:200], "b.parquet")
    csv(tmp_path, b"", "c.csv")
    found = refused([tmp_path / name for name in ("a.parquet", "b.parquet", "c.csv", "d.csv")], tmp_path)
    assert [fault[:2] for fault in found] == [("damaged", "b.parquet"), ("empty-file", "c.csv"), ("no-file", "d.csv")]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("https://example.org/log.csv", "url"),
        ("s3://bucket/log.parquet", "url"),
        ("no/*.csv", "no-file"),
        (".", "no-file"),
    ],
)
def test_no_address_is_opened_and_what_means_no_file_is_refused(path, code, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert [fault[0] for fault in refused(path, tmp_path)] == [code]


def test_a_part_with_another_schema_is_named(tmp_path):
    frame = ratings()
    frame.to_parquet(tmp_path / "a.parquet")
    frame.rename(columns={"stars": "rating"}).to_parquet(tmp_path / "b.parquet")
    found = refused([tmp_path / "a.parquet", tmp_path / "b.parquet"], tmp_path)
    assert found == [("no-column", "b.parquet", None, "stars")]


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet"])
def test_a_part_under_two_names_is_refused_where_times_do_not_tell(ending, tmp_path):
    frame = ratings().drop(columns="when")
    empty, parts = frame[:0], [tmp_path / f"{name}.{ending}" for name in "abcd"]
    for path, part in zip(parts, (frame, frame, empty, empty), strict=True):
        text = part.to_csv(index=False).encode()
        if ending == "parquet":
            part.to_parquet(path)
        else:
            path.write_bytes(gzip.compress(text, mtime=0) if ending == "csv.gz" else text)
    bare = Study.from_text(BARE)
    assert refused(parts, tmp_path, meaning=bare) == [("file-twice", f"b.{ending}", None, None)]
    counting = Study.from_text(STUDY.replace('time = "when"', 'on_duplicate = "count"'))
    choices = read_log(parts[:2], counting, items=films(tmp_path))
    assert sum(counted(choices).values()) == 2 * sum(expected(frame).values())


def test_ids_that_are_numbers_here_and_text_there_are_refused(tmp_path):
    frame = ratings()
    frame.to_parquet(tmp_path / "a.parquet")
    frame.astype({"user": str}).to_parquet(tmp_path / "b.parquet")
    found = refused([tmp_path / "a.parquet", tmp_path / "b.parquet"], tmp_path)
    assert found == [("column-type", "b.parquet", None, "user")]
    frame.to_csv(tmp_path / "c.csv", index=False)
    found = refused([tmp_path / "a.parquet", tmp_path / "c.csv"], tmp_path)
    assert ("column-type", "c.csv", None, "user") in found


def test_ids_that_are_one_number_written_in_two_ways_are_pointed_out(tmp_path):
    frame = ratings().astype({"user": str})
    frame.loc[frame.index[:30], "user"] = "007"
    choices = read_log(frame, study(), items=films(tmp_path))
    message = next(f.message for f in choices.findings if f.code == "alike-numbers")
    assert "'7', '007'" in message
    assert {"7", "007"} <= set(choices.agents)


def test_an_agent_with_a_third_of_all_events_is_pointed_out(tmp_path):
    frame = ratings(600)
    frame.loc[frame.index[:250], "user"] = 99
    codes = {f.code: f for f in read_log(frame, study(), items=films(tmp_path)).findings}
    assert codes["heavy-agent"].state == "caution"
    assert "'99'" in codes["heavy-agent"].message
    plain = read_log(ratings(600), study(), items=films(tmp_path))
    assert "heavy-agent" not in {f.code for f in plain.findings}


def test_an_item_that_the_table_says_two_things_of_is_refused(tmp_path):
    path = films(tmp_path)
    path.write_text(path.read_text() + "1,again,Drama\n")
    with pytest.raises(InputError, match="stands in two rows") as caught:
        read_log(ratings(), study(), items=path)
    assert (caught.value.code, caught.value.column, caught.value.value) == ("item-twice", "film", "1")


def test_an_item_table_that_nobody_gives_is_asked_for(tmp_path):
    with pytest.raises(InputError, match="--items"):
        read_log(ratings(), study())
    bare = Study.from_text(BARE[: BARE.index("[log.items]")] + BARE[BARE.index("[areas.action]") :])
    with pytest.raises(InputError, match="the study names none"):
        read_log(ratings(), bare, items=films(tmp_path))


def test_an_outcome_of_two_answers_is_refused(tmp_path):
    overlap = study(replace={'"< 4"': '"<= 4"'})
    assert refused(ratings(), tmp_path, meaning=overlap)[0][0] == "two-answers"


def test_outcomes_of_no_answer_are_left_out_only_when_asked(tmp_path):
    gap = {'"< 4"': '"< 3"'}
    assert {fault[0] for fault in refused(ratings(), tmp_path, meaning=study(replace=gap))} == {"unknown-outcome"}
    asked = study(replace=gap | {'time = "when"': 'time = "when"\nother_outcomes = "leave_out"'})
    choices = read_log(ratings(), asked, items=films(tmp_path))
    assert "other-outcomes" in {f.code for f in choices.findings}


def test_an_item_answered_once_cannot_be_answered_twice(tmp_path):
    once = study(replace={"repeated = true\n[areas.drama]": "[areas.drama]"})
    found = refused(ratings(), tmp_path, meaning=once)
    assert found[0][0] == "answer-twice"


def test_times_in_the_future_or_long_past_are_pointed_out(tmp_path):
    late, old = ratings(), ratings()
    late.loc[3, "when"] = 9_000_000_000
    old.loc[3, "when"] = 0
    for frame, code in ((late, "future-times"), (old, "early-times"), (ratings(), None)):
        found = {f.code for f in read_log(frame, study(), items=films(tmp_path)).findings}
        assert found & {"future-times", "early-times"} == ({code} if code else set())


SLATES = """
[log]
agent = "user"
item = "picked"
shown = "seen"
propensity = "chance"
question = "page"
[areas.site]
goals = ["buy", "ask"]
conflict = 1.0
[areas.site.items.page]
serves = { shop = "buy", help = "ask" }
repeated = true
"""


@pytest.mark.parametrize("as_list", [False, True])
@pytest.mark.parametrize(
    ("seen", "picked", "codes"),
    [
        (["shop help", "help shop"], ["shop", "help"], None),
        (["shop help", "help"], ["shop", "shop"], ["not-shown"]),
        (["shop help", ""], ["shop", "help"], ["empty-slate"]),
        (["shop help", "shop"], ["help", "shop"], ["not-supported"]),
    ],
)
def test_only_what_was_shown_can_be_chosen(seen, picked, codes, as_list, tmp_path):
    frame = pd.DataFrame({"user": ["a", "b"], "picked": picked, "seen": seen, "chance": [0.5, 0.5]})
    if as_list:
        frame["seen"] = [one.split() for one in seen]
    frame.to_parquet(tmp_path / "log.parquet")
    meaning = Study.from_text(SLATES)
    if codes is None:
        assert read_log(tmp_path / "log.parquet", meaning).n_agents == 2
        return
    with pytest.raises(InputError) as caught:
        read_log(tmp_path / "log.parquet", meaning)
    assert [fault.code for fault in caught.value.faults] == codes
    assert caught.value.column in {"seen", "picked"}


@pytest.mark.parametrize("chance", [0.0, -0.1, 1.1, np.nan])
def test_a_propensity_is_a_probability(chance, tmp_path):
    frame = pd.DataFrame({"user": ["a", "b"], "picked": ["shop", "help"], "seen": "shop help", "chance": [0.5, chance]})
    with pytest.raises(InputError) as caught:
        read_log(frame, Study.from_text(SLATES))
    assert (caught.value.code, caught.value.column) == ("bad-propensity", "chance")


def test_hostile_labels_are_escaped(tmp_path):
    evil = "\x1b[31m'; DROP TABLE x --\u202e"
    frame = ratings().astype({"user": str})
    frame.loc[frame.index[:200], "user"] = evil
    frame = frame.rename(columns={"stars": evil})
    quoted = evil.replace("\x1b", "\\u001b").replace("\u202e", "\\u202e")
    meaning = study(replace={'outcome = "stars"': f'outcome = "{quoted}"'})
    frame.to_csv(tmp_path / "log.csv", index=False)
    choices = read_log(tmp_path / "log.csv", meaning, items=films(tmp_path))
    assert evil in choices.agents
    assert "\x1b" not in repr(choices)
    frame.loc[0, evil] = 77777777
    frame[evil] = frame[evil].astype(str)
    frame.loc[0, evil] = evil
    frame.to_csv(tmp_path / "log.csv", index=False)
    assert refused(tmp_path / "log.csv", tmp_path, meaning=meaning) == [("unknown-outcome", "log.csv", 2, evil)]


def test_a_frame_that_is_none_is_refused():
    with pytest.raises(TypeError, match="give paths"):
        read_log(3, Study.from_text(SLATES))
    with pytest.raises(TypeError, match="no \\[log\\]"):
        read_log("x.csv", "study")


def test_times_as_text_of_which_no_two_are_the_same_can_be_compared(tmp_path, monkeypatch):
    monkeypatch.setattr("dissensus.datasets.logs.MAX_VALUES", 100)
    frame = ratings()
    frame.to_csv(tmp_path / "log.csv", index=False)
    meaning = study(replace={'time = "when"': 'time = "when"\nwhere = { when = ">= 1600000100" }'})
    choices = read_log(tmp_path / "log.csv", meaning, items=films(tmp_path))
    assert counted(choices) == expected(frame[frame.when >= 1_600_000_100])
