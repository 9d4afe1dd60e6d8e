"""Rankings of options that differ, and several of one agent: layouts, faults, and back to a table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from dissensus.datasets.ballots import Ballots, ballot_stages, ballots_of

from dissensus import datasets
from dissensus.errors import InputError

HEAD = '[table]\nagent = "id"\n[areas.a]\ngoals = ["x", "y"]\nconflict = 1.0\n[areas.a.items.r]\nkind = "ranking"\n'
SERVES = 'serves = { A = "x", B = "y", C = [], D = "x" }\n'
LONG = HEAD.replace("[areas.a]", 'layout = "long"\nitem = "item"\nanswer = "r"\n[areas.a]')
ROWS = HEAD.replace("[areas.a]", 'layout = "situations"\n[areas.a]')
RANKED = 'offered = "ranked"\n'
OFFERED = 'available = { C = "c", D = "d" }\n'


def read(text, **columns):
    return datasets.read_table(pd.DataFrame(columns), datasets.Study.from_text(text))


def held(choices):
    """Return of each agent the sets it chose from, what it chose, and how often, in order."""
    area = choices.areas[0]
    (stages,) = area.stages
    found = {}
    for agent, pattern in zip(choices.agents, area.pattern_of_agent, strict=True):
        mine = np.flatnonzero(stages.pattern == pattern)
        rows = []
        for entry in mine:
            shown = stages.shown[stages.stage[entry]]
            names = "".join("ABCD"[o] for o in shown if o >= 0)
            picked = "ABCD"[shown[stages.chosen[stages.stage[entry]]]]
            rows.append((names, picked, int(stages.times[entry])))
        found[agent] = sorted(rows)
    return found


def test_what_is_ranked_is_what_was_shown():
    choices = read(HEAD + RANKED + SERVES, id=list("123"), r=["A>B>C", "D>C", "C>D>B>A"])
    assert held(choices) == {
        "1": [("ABC", "A", 1), ("BC", "B", 1)],
        "2": [("CD", "D", 1)],
        "3": [("AB", "B", 1), ("ABCD", "C", 1), ("ABD", "D", 1)],
    }
    assert choices.areas[0].counts.sum() == 0
    assert choices.areas[0].n_answers.sum() == 6
    assert choices.to_frame()["r"].tolist() == ["A>B>C", "D>C", "C>D>B>A"]
    assert choices.to_frame(layout="long")["answer"].tolist() == ["A>B>C", "D>C", "C>D>B>A"]


def test_columns_say_what_was_on_offer():
    """Ranks and flags: an option that could not be chosen says nothing; one that is not ranked comes last."""
    ranks = 'ranks = { A = "ra", B = "rb", C = "rc", D = "rd" }\n'
    offer = {"c": ["1", "0", "no"], "d": ["yes", "1", "0"]}
    places = {"ra": ["1", "2", "1"], "rb": ["2", "1", "2"], "rc": ["", "", ""], "rd": ["3", "3", ""]}
    text = read(HEAD + OFFERED + SERVES, id=list("123"), r=["A>B>D", "B>A>D", "A>B"], **offer)
    ranked = read(HEAD + OFFERED + ranks + SERVES, id=list("123"), **places, **offer)
    assert text.data_hash == ranked.data_hash
    assert held(text)["1"] == [("ABCD", "A", 1), ("BCD", "B", 1), ("CD", "D", 1)]
    assert held(text)["2"] == [("ABD", "B", 1), ("AD", "A", 1)]
    assert held(text)["3"] == [("AB", "A", 1)]


def test_an_agent_ranks_again_and_again():
    """In a long table, in one of situations, and counted by a column of times."""
    many = "repeated = true\n" + SERVES
    answers = {"id": ["1", "1", "1", "2"], "item": ["r"] * 4, "r": ["A>B", "A>B", "C", "D>C>B"]}
    long = read(LONG + many, **answers)
    rows = read(ROWS + many, **{key: answers[key] for key in ("id", "r")})
    timed = LONG.replace('item = "item"', 'item = "item"\ntimes = "n"') + many
    counted = read(timed, id=["1", "1", "2"], item=["r"] * 3, r=["A>B", "C", "D>C>B"], n=["2", "1", "1"])
    assert long.data_hash == rows.data_hash == counted.data_hash
    assert held(long)["1"] == [("ABCD", "A", 2), ("ABCD", "C", 1), ("BCD", "B", 2)]
    assert held(long)["2"] == [("AB", "B", 1), ("ABC", "C", 1), ("ABCD", "D", 1)]
    assert sorted(long.to_frame(layout="long")["answer"]) == ["A>B", "A>B", "C", "D>C>B>A"]


def test_best_and_worst_of_sets_that_differ():
    text = (ROWS + "repeated = true\n" + OFFERED).replace('"ranking"', '"best_worst"')
    text += 'places = ["best", "worst"]\n' + SERVES
    given = {"best": ["A", "B", "C"], "worst": ["B", "D", "A"], "c": ["0", "0", "1"], "d": ["1", "1", "1"]}
    choices = read(text, id=["1", "1", "2"], **given)
    assert held(choices)["1"] == [("ABD", "A", 1), ("ABD", "B", 1), ("AD", "D", 1), ("BD", "B", 1)]
    stages = choices.areas[0].stages[0]
    assert stages.worst.sum() == 3
    assert choices.areas[0].chosen.tolist() == [1, 1, 1, 0]


@pytest.mark.parametrize(
    ("text", "code", "words", "columns"),
    [
        (HEAD + OFFERED + SERVES, "chosen-not-shown", "names 'D'", {"c": ["1", "1"], "d": ["1", "0"]}),
        (HEAD + OFFERED + SERVES, "bad-flag", "'maybe'", {"c": ["1", "maybe"], "d": ["1", "1"]}),
        (HEAD + OFFERED + SERVES, "no-flag", "does not say", {"c": ["1", ""], "d": ["1", "1"]}),
        (HEAD + OFFERED + SERVES, "no-column", "'d'", {"c": ["1", "1"]}),
        (HEAD + RANKED + SERVES, "ranking-repeat", "twice", {"r": ["A>B", "A>A"]}),
    ],
)
def test_faulty_ballots(text, code, words, columns):
    with pytest.raises(InputError) as caught:
        read(text, **{"id": ["1", "2"], "r": ["A>B", "A>D"], **columns})
    (found,) = [fault for fault in caught.value.faults if fault.code == code]
    assert words in found.message
    assert found.remedy


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        (HEAD + "repeated = true\n" + SERVES, "wrong-value", "a wide table cannot hold"),
        (LONG + OFFERED + SERVES, "wrong-value", "which a long table does not have"),
        (HEAD + RANKED + OFFERED + SERVES, "kind", "both 'available' and offered"),
        (HEAD + 'available = { Q = "q" }\n' + SERVES, "unknown-option", "'Q' of 'available'"),
        (HEAD.replace('"ranking"', '"choice"') + RANKED + SERVES, "kind", "has 'offered'"),
        (HEAD + RANKED.replace("ranked", "some") + SERVES, "wrong-value", "offered"),
        (
            HEAD + RANKED + 'ties = "cut"\nranks = { A = "a", B = "b", C = "c", D = "d" }\n' + SERVES,
            "kind",
            "what is cut was on offer",
        ),
        (HEAD.replace('agent = "id"', 'times = "n"') + RANKED + SERVES, "not-supported", "stands for many agents"),
        (ROWS.replace('"situations"', '"alternatives"\nsituation = "s"') + OFFERED + SERVES, "kind", "does not fit"),
    ],
)
def test_studies_that_do_not_fit(text, code, words):
    with pytest.raises(InputError) as caught:
        datasets.Study.from_text(text)
    assert [f for f in caught.value.faults if f.code == code and words in f"{f.message} {f.value}"], caught.value


def test_an_agent_in_two_rows_ranks_once_unless_the_study_says_otherwise():
    keep = HEAD.replace('agent = "id"', 'agent = "id"\non_duplicate = "keep_one"') + OFFERED + SERVES
    columns = {"id": ["1", "1", "2"], "r": ["A>B", "A>B", "B"], "d": ["1", "1", "1"]}
    same = read(keep, **columns, c=["0", "0", "1"])
    assert held(same)["1"] == [("ABD", "A", 1), ("BD", "B", 1)]
    with pytest.raises(InputError, match="with different answers"):
        read(keep, **columns, c=["0", "1", "1"])


def test_one_option_alone_is_no_choice():
    choices = read(HEAD + RANKED + SERVES, id=list("1234"), r=["A", "B>A", "C>D", ""])
    assert choices.n_agents == 2
    assert "single-option" in {finding.code for finding in choices.findings}


@pytest.mark.parametrize("text", [HEAD + RANKED, HEAD + OFFERED, LONG + RANKED + "repeated = true\n", LONG + RANKED])
def test_tables_are_written_and_read_again(tmp_path, text):
    study = datasets.Study.from_text(text + SERVES)
    given = {"id": list("123123"), "item": ["r"] * 6, "r": ["A>B>C", "D>C", "C>A", "B>D", "A>C>D>B", "B>A"]}
    given |= {"c": ["1"] * 6, "d": ["1", "1", "0", "1", "1", "0"]}
    if "repeated" not in text:
        given = {key: column[:3] for key, column in given.items()}
    choices = datasets.read_table(pd.DataFrame(given), study)
    simulated = datasets.simulate(study, 7, seed=1, situations=choices)
    for one in (choices, simulated):
        datasets.write_table(one, tmp_path / "t.csv")
        again = datasets.read_table(tmp_path / "t.csv", one.study)
        assert again.data_hash == one.data_hash
    assert datasets.Study.from_dict(study.to_dict()) == study


def test_simulated_ballots_are_offered_what_was_offered():
    study = datasets.Study.from_text(HEAD + RANKED + SERVES)
    choices = read(HEAD + RANKED + SERVES, id=list("123"), r=["A>B>C", "D>C", "C>D>B>A"])
    drawn = datasets.simulate(study, 3, seed=2, situations=choices)
    assert [max(rows, key=lambda row: len(row[0]))[0] for rows in held(drawn).values()] == ["ABC", "CD", "ABCD"]
    with pytest.raises(ValueError, match="over options that differ"):
        datasets.simulate(study, 3, seed=2)
    often = datasets.Study.from_text(LONG + "repeated = true\ntop = 2\n" + SERVES)
    assert (datasets.simulate(often, 20, seed=1, answers_per_item=4).areas[0].n_answers == 8).all()


def test_stages_of_many_ballots_come_back():
    """Which ballot a choice belongs to is found again, up to exchanges that say the same."""
    rng = np.random.default_rng(3)
    item = datasets.Study.from_text(LONG + "repeated = true\n" + SERVES).items[0]
    offered = rng.random((300, 4)) < 0.8
    offered[:, 0] = offered[:, 1] = True
    order = np.argsort(np.where(offered, rng.random((300, 4)), 2.0), axis=1)
    length = rng.integers(1, offered.sum(axis=1) + 1)
    order = np.where(np.arange(4) < length[:, None], order, -1)
    ballots = Ballots(np.sort(rng.integers(0, 40, 300)), offered, order, rng.integers(1, 3, 300))
    stages = ballot_stages(0, item, ballots)
    again = ballot_stages(0, item, ballots_of(stages, item))
    for name in ("shown", "chosen", "worst", "pattern", "stage", "times"):
        np.testing.assert_array_equal(getattr(stages, name), getattr(again, name))
    assert stages.times.sum() == sum(
        times * sum(k < size - 1 for k in range(n))
        for times, size, n in zip(ballots.times, offered.sum(axis=1), length, strict=True)
    )
