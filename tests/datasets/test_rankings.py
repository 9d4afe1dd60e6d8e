"""Rankings, and best and worst options, in study files and tables: layouts, canonical form, faults, and back."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from dissensus.datasets.stages import canonical_order, orders_of, ranking_stages

from dissensus import datasets
from dissensus.errors import InputError

HEAD = '[table]\nagent = "id"\nmissing = ["", "-"]\n[areas.a]\ngoals = ["x", "y"]\nconflict = 1.0\n'
SERVES = 'serves = { A = "x", B = "y", C = [] }\n'
TEXT = HEAD + '[areas.a.items.r]\nkind = "ranking"\n' + SERVES
RANKS = HEAD + '[areas.a.items.r]\nkind = "ranking"\nranks = { A = "rA", B = "rB", C = "rC" }\n' + SERVES
PLACES = HEAD + '[areas.a.items.r]\nkind = "ranking"\nplaces = ["first", "second", "third"]\n' + SERVES
BEST_WORST = HEAD + '[areas.a.items.r]\nkind = "best_worst"\nplaces = ["best", "worst"]\n' + SERVES
IDS = [str(k) for k in range(1, 6)]


def read(text, **columns):
    n = len(next(iter(columns.values())))
    return datasets.read_table(pd.DataFrame({"id": IDS[:n], **columns}), datasets.Study.from_text(text))


def orders(choices):
    area = choices.areas[0]
    return ["".join("ABC"[o] for o in row if o >= 0) for row in area.order(0)[area.pattern_of_agent]]


def test_three_ways_to_write_a_ranking_are_one():
    """Full, partial and missing rankings; what is left for last says nothing."""
    text = read(TEXT, r=["A>B>C", "C", "B>C", "A>B", "B>A"])
    ranks = read(RANKS, rA=["1", "-", "3", "1", "2"], rB=["2", "-", "1", "2", "1"], rC=["3", "1", "2", "", "3"])
    first, second, third = ["A", "C", "B", "A", "B"], ["B", "-", "C", "B", "A"], ["C", "", "A", "", ""]
    places = read(PLACES, first=first, second=second, third=third)
    assert orders(text) == orders(ranks) == orders(places) == ["ABC", "C", "BCA", "ABC", "BAC"]
    assert text.data_hash == ranks.data_hash == places.data_hash
    assert len(text.areas[0].counts) == 4
    assert text.to_frame()["r"].tolist() == ["A>B>C", "C", "B>C>A", "A>B>C", "B>A>C"]
    assert text.to_frame(layout="long")["answer"].tolist() == ["A>B>C", "C", "B>C>A", "A>B>C", "B>A>C"]


def test_an_agent_who_ranks_nothing_gives_no_answer():
    choices = read(TEXT, r=["A>B", "", "-", "B"])
    assert choices.n_agents == 2
    assert {finding.code for finding in choices.findings} >= {"silent-agents"}


def test_stages_of_rankings_are_shared():
    """All 120 rankings of 5 objects have 5·(2⁴ − 1) − 5 distinct later choices, and give the rankings back."""
    order = np.array(list(itertools.permutations(range(5))))
    short = canonical_order(order, 5)
    stages = ranking_stages(0, short, 5)
    sizes = (stages.shown >= 0).sum(axis=1)
    assert np.bincount(sizes).tolist() == [0, 0, 20, 30, 20]
    np.testing.assert_array_equal(stages.per_pattern(120), 3)
    np.testing.assert_array_equal(orders_of(stages, order[:, 0], 5), order)


def test_answers_count_as_many_choices():
    """A first choice, and one for every later place that is not the last left."""
    area = read(TEXT, r=["A>B>C", "C", "B>C"]).areas[0]
    np.testing.assert_array_equal(area.n_answers[area.pattern_of_agent], [2, 1, 2])
    np.testing.assert_array_equal(area.goal_answers, area.n_answers)
    np.testing.assert_array_equal(area.item_answers[:, 0], 1)


def fault_of(text, code, row, words, **columns):
    with pytest.raises(InputError) as caught:
        read(text, **columns)
    found = [fault for fault in caught.value.faults if fault.code == code]
    assert found, caught.value
    assert f"in row {row}" in found[0].message
    assert words in str(found[0])
    assert found[0].remedy


RANKED = {"rA": ["1", "1"], "rB": ["2", "2"], "rC": ["3", "-"]}


@pytest.mark.parametrize(
    ("text", "code", "words", "columns"),
    [
        (RANKS, "ranking-tie", "have rank 2", RANKED | {"rC": ["3", "2"]}),
        (RANKS, "ranking-gap", "are 1, 3", RANKED | {"rB": ["2", "3"]}),
        (RANKS, "ranking-gap", "are 2", RANKED | {"rA": ["1", "-"]}),
        (RANKS, "ranking-too-long", "rank 4", RANKED | {"rB": ["2", "4"]}),
        (
            RANKS.replace("ranks", "top = 1\nranks"),
            "ranking-too-long",
            "asks for 1",
            RANKED | {"rB": ["-", "2"], "rC": ["-", "-"]},
        ),
        (RANKS, "bad-rank", "'0' is no rank", RANKED | {"rB": ["2", "0"]}),
        (RANKS, "bad-rank", "'1.5' is no rank", RANKED | {"rB": ["2", "1.5"]}),
        (TEXT, "ranking-repeat", "'A' twice", {"r": ["A>B", "A>A"]}),
        (TEXT, "ranking-too-long", "has 8 places", {"r": ["A>B", "B>A>B>A>B>A>B>A"]}),
        (TEXT, "unknown-option", "'Q' is not a declared option", {"r": ["A>B", "A>Q"]}),
        (TEXT, "unknown-option", "'' is not a declared option", {"r": ["A>B", "A>>B"]}),
        (TEXT.replace("serves", "top = 2\nserves"), "ranking-too-long", "has 3 places", {"r": ["A>B", "A>B>C"]}),
        (PLACES, "ranking-gap", "leaves out place 2", {"first": ["A", "A"], "second": ["B", "-"], "third": ["C", "B"]}),
        (PLACES, "ranking-repeat", "'A' twice", {"first": ["A", "A"], "second": ["B", "A"], "third": ["C", ""]}),
        (BEST_WORST, "ranking-repeat", "'A' twice", {"best": ["A", "A"], "worst": ["B", "A"]}),
        (BEST_WORST, "ranking-gap", "without a worst", {"best": ["A", "A"], "worst": ["B", ""]}),
        (BEST_WORST, "ranking-gap", "leaves out place 1", {"best": ["A", ""], "worst": ["B", "A"]}),
    ],
)
def test_38_faulty_rankings(text, code, words, columns):
    """Ties, gaps, repeats, unknown options and too many places are refused, with their row."""
    fault_of(text, code, 2, words, **columns)


def test_38_the_line_of_a_file(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("id,r\n1,A>B\n2,B\n3,C>C\n")
    with pytest.raises(InputError) as caught:
        datasets.read_table(path, datasets.Study.from_text(TEXT))
    (fault,) = caught.value.faults
    assert (fault.code, fault.line, fault.column) == ("ranking-repeat", 4, "r")


def test_all_faulty_rankings_are_told_in_one_pass():
    with pytest.raises(InputError) as caught:
        read(TEXT, r=["A>A", "Q", "B>B", "A>B>C>A"])
    assert len(caught.value.faults) == 4


@pytest.mark.parametrize(("ties", "expected"), [("cut", ["A", "BC"]), ("order", ["ABCD", "BCAD", "ABCD"])])
def test_declared_ties(ties, expected):
    """Cut before the tie, or in the order of the study; both are noted. Ranks 1, 2, 2, 3 and 1, 2, 2, 4 are alike."""
    serves = 'serves = { A = "x", B = "y", C = [], D = [] }\n'
    text = RANKS.replace("ranks", f'ties = "{ties}"\nranks').replace('C = "rC"', 'C = "rC", D = "rD"')
    text = text.replace(SERVES, serves)
    columns = {"rA": ["1", "3", "1"], "rB": ["2", "1", "1"], "rC": ["2", "2", "1"], "rD": ["3", "3", "2"]}
    choices = read(text, **columns)
    area = choices.areas[0]
    assert ["".join("ABCD"[o] for o in row if o >= 0) for row in area.order(0)[area.pattern_of_agent]] == expected
    note = next(finding for finding in choices.findings if finding.code == "ranking-ties")
    assert "3 rankings of item 'r'" in note.message


def test_two_answers_of_one_agent():
    frame = pd.DataFrame({"id": ["1", "1", "2"], "r": ["A>B", "A>B>C", "B"]})
    with pytest.raises(InputError, match="with different answers"):
        datasets.read_table(frame, datasets.Study.from_text(TEXT))
    keep = datasets.Study.from_text(TEXT.replace("[table]", '[table]\non_duplicate = "keep_one"'))
    assert datasets.read_table(frame, keep).n_agents == 2  # A>B is A>B>C
    with pytest.raises(InputError, match="with different answers"):
        datasets.read_table(frame.assign(r=["A>B", "B>A", "B"]), keep)
    last = datasets.Study.from_text(TEXT.replace("[table]", '[table]\non_duplicate = "keep_last"'))
    assert orders(datasets.read_table(frame.assign(r=["A>B", "B>A", "B"]), last)) == ["BAC", "B"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('kind = "ranking"', 'kind = "choice"\ntop = 2', "of kind 'choice' has 'top'"),
        ('kind = "ranking"', 'kind = "ordinal"\nseparator = ","', "of kind 'ordinal' has 'separator'"),
        ('kind = "ranking"', 'kind = "ranking"\ntop = 4', "asks for 4 places"),
        ('kind = "ranking"', 'kind = "ranking"\nties = "cut"', "'ties' without 'ranks'"),
        ('kind = "ranking"', 'kind = "ranking"\nties = "drop"', "the text 'drop'"),
        ('kind = "ranking"', 'kind = "ranking"\nranks = { A = "p", B = "q" }', "names no column for 'C'"),
        ('kind = "ranking"', 'kind = "ranking"\nranks = { A = "p", B = "q", D = "r" }', "'D' of 'ranks'"),
        ('kind = "ranking"', 'kind = "ranking"\nplaces = ["p", "q", "r", "s"]', "has 4 'places'"),
        ('kind = "ranking"', 'kind = "ranking"\nrepeated = true', "is repeated"),
        ('kind = "ranking"', 'kind = "ranking"\nseparator = "A"', "holds the separator 'A'"),
        ('kind = "ranking"', 'kind = "best_worst"\nplaces = ["p"]', "has 1 'places'"),
        ('kind = "ranking"', 'kind = "ranking"\nplaces = ["p", "p"]', "Column 'p' stands 2 times"),
        ("[table]", '[table]\nlayout = "long"\nitem = "i"\nanswer = "s"', None),
    ],
)
def test_contradictory_keys_are_refused(old, new, words):
    text = (PLACES if words is None else TEXT).replace(old, new)
    with pytest.raises(InputError, match=words or "names columns of its own"):
        datasets.Study.from_text(text)


TOP = TEXT.replace("serves", "top = 2\nserves")


@pytest.mark.parametrize("text", [TEXT, TOP, RANKS, PLACES, BEST_WORST])
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_simulated_rankings_are_written_and_read(text, suffix, tmp_path):
    choices = datasets.simulate(datasets.Study.from_text(text), 200, seed=1, missing=0.2)
    datasets.write_table(choices, tmp_path / f"t{suffix}")
    assert datasets.read_table(tmp_path / f"t{suffix}", choices.study).data_hash == choices.data_hash


def test_long_tables_hold_rankings_as_texts(tmp_path):
    text = TEXT.replace("[table]", '[table]\nlayout = "long"\nitem = "i"\nanswer = "s"')
    choices = datasets.simulate(datasets.Study.from_text(text), 100, seed=2, missing=0.3)
    datasets.write_table(choices, tmp_path / "t.csv")
    assert datasets.read_table(tmp_path / "t.csv", choices.study).data_hash == choices.data_hash


def test_simulated_rankings_follow_plackett_and_luce():
    """Frequencies of all 6 rankings of three objects, to 5 standard errors; top 1 is a single choice."""
    text = TEXT.replace("goals = [", 'rule = "follow"\nno_goal = true\ngoals = [')
    study = datasets.Study.from_text(text)
    p = np.array([0.5, 0.3, 0.2])
    truth = {"a": {"goal_share": [0, 0, 1.0], "baseline": p}}
    choices = datasets.simulate(study, 20_000, seed=3, truth=truth)
    area = choices.areas[0]
    found = pd.Series(orders(choices)).value_counts(normalize=True)
    for order in itertools.permutations(range(3)):
        a, b, _ = order
        expected = p[a] * p[b] / (1 - p[a])
        name = "".join("ABC"[o] for o in order)
        assert abs(found[name] - expected) < 5 * np.sqrt(expected * (1 - expected) / 20_000)
    assert area.n_answers.min() == 2


def test_simulated_best_and_worst():
    text = BEST_WORST.replace("goals = [", "no_goal = true\ngoals = [")
    p = np.array([0.5, 0.3, 0.2])
    truth = {"a": {"goal_share": [0, 0, 1.0], "baseline": p}}
    choices = datasets.simulate(datasets.Study.from_text(text), 20_000, seed=4, truth=truth)
    area = choices.areas[0]
    order = area.order(0)[area.pattern_of_agent]
    for best, worst in itertools.permutations(range(3), 2):
        rest = 3 - best - worst
        expected = p[best] * (1 / p[worst]) / (1 / p[worst] + 1 / p[rest])
        seen = ((order[:, 0] == best) & (order[:, 1] == worst)).mean()
        assert abs(seen - expected) < 5 * np.sqrt(expected * (1 - expected) / 20_000)


def test_top_places_are_simulated_as_asked():
    study = datasets.Study.from_text(TEXT.replace("serves", "top = 1\nserves"))
    choices = datasets.simulate(study, 50, seed=5)
    assert (choices.areas[0].n_answers == 1).all()
    assert "weight_mean" not in choices.truth.parameters["a"]
