"""Choice situations in study files and tables: two layouts, what is refused, and choices simulated in them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dissensus import datasets
from dissensus.errors import InputError

ROWS = """
[table]
layout = "situations"
agent = "id"
[areas.trip]
goals = ["green", "fast"]
conflict = 1.0
[areas.trip.items.mode]
kind = "situation"
column = "took"
serves = { train = "green", car = "fast", air = "fast" }
available = { car = "has_car" }
[areas.trip.items.mode.features.cost]
columns = { train = "c_train", car = "c_car", air = "c_air" }
per = 10.0
[areas.trip.items.mode.features.income]
column = "income"
only = ["air"]
"""
LONG = """
[table]
layout = "alternatives"
agent = "id"
situation = "trip"
[areas.trip]
goals = ["green", "fast"]
conflict = 1.0
[areas.trip.items.mode]
kind = "situation"
column = "took"
alternative = "by"
serves = { train = "green", car = "fast", air = "fast" }
[areas.trip.items.mode.features.cost]
column = "cost"
per = 10.0
[areas.trip.items.mode.features.income]
column = "income"
only = ["air"]
"""


def rows():
    return pd.DataFrame(
        {
            "id": ["1", "1", "2", "2"],
            "took": ["train", "car", "train", "air"],
            "has_car": ["0", "1", "1", "1"],
            "c_train": ["10", "20", "10", "5"],
            "c_car": ["", "30", "30.5", "40"],
            "c_air": ["50", "60", "70", "80"],
            "income": ["1", "1", "2", "2"],
        }
    )


def alternatives():
    table = rows()
    found = []
    for k, row in table.iterrows():
        for by in ("air", "train", "car"):
            if by == "car" and row["has_car"] == "0":
                continue
            took = "1" if row["took"] == by else "0"
            found.append([row["id"], str(k), by, took, row[f"c_{by}"], row["income"]])
    return pd.DataFrame(found, columns=["id", "trip", "by", "took", "cost", "income"])


def read(text, table):
    return datasets.read_table(table, datasets.Study.from_text(text))


def shown_of(choices):
    """Return each agent's situations as sorted tuples of options, features and the choice."""
    area = choices.areas[0]
    (stages,) = area.stages
    found = []
    for pattern in area.pattern_of_agent:
        own = []
        for stage, times in zip(
            stages.stage[stages.pattern == pattern], stages.times[stages.pattern == pattern], strict=True
        ):
            there = stages.shown[stage] >= 0
            options = [area.options[o] for o in stages.shown[stage][there]]
            features = [tuple(f) for f in stages.features[stage][there]]
            chosen = area.options[stages.shown[stage][stages.chosen[stage]]]
            own += [(tuple(sorted(zip(options, features, strict=True))), chosen)] * times
        found.append(sorted(own))
    return found


def test_both_layouts_say_the_same():
    by_row, by_option = read(ROWS, rows()), read(LONG, alternatives())
    assert shown_of(by_row) == shown_of(by_option)
    first = shown_of(by_row)[0]
    assert first[1] == ((("air", (6.0, 1.0)), ("car", (3.0, 0.0)), ("train", (2.0, 0.0))), "car")
    assert first[0] == ((("air", (5.0, 1.0)), ("train", (1.0, 0.0))), "train")
    area = by_row.areas[0]
    assert area.stages[0].names == ("mode: cost", "mode: income")
    np.testing.assert_array_equal(area.chosen, [2, 1, 1])
    np.testing.assert_array_equal(area.n_answers, [2, 2])
    assert not area.counts.any()
    assert "4 answers" in repr(by_row)
    assert by_row.to_frame(layout="long")["answer"].value_counts().to_dict() == {"train": 2, "car": 1, "air": 1}
    with pytest.raises(ValueError, match="is answered many times"):
        by_row.to_frame()
    with pytest.raises(ValueError, match="choice situations are not written"):
        datasets.write_table(by_row, "never.csv")


def test_the_order_of_rows_changes_nothing():
    table = rows()
    assert read(ROWS, table).data_hash == read(ROWS, table.iloc[[2, 0, 3, 1]]).data_hash
    table = alternatives()
    assert read(LONG, table).data_hash == read(LONG, table.sample(frac=1, random_state=1)).data_hash


def test_agents_with_equal_situations_share_a_pattern():
    """The same situation twice is one stage held twice."""
    table = pd.concat([rows().iloc[[1, 1]].assign(id=str(k)) for k in range(3)], ignore_index=True)
    area = read(ROWS, table).areas[0]
    assert len(area.counts) == 1
    assert len(area.stages[0].chosen) == 1
    np.testing.assert_array_equal(area.stages[0].times, [2])


def test_without_a_column_of_agents_every_situation_is_one():
    assert read(ROWS.replace('agent = "id"\n', ""), rows()).n_agents == 4
    assert read(LONG.replace('agent = "id"\n', ""), alternatives()).n_agents == 4


def test_choices_not_made_and_sets_of_one_option_say_nothing():
    table = pd.concat([rows(), rows().iloc[:1].assign(took="")], ignore_index=True)
    text = ROWS.replace('car = "has_car"', 'car = "has_car", air = "has_car"')
    choices = read(text, table)
    assert choices.areas[0].n_answers[choices.areas[0].pattern_of_agent].tolist() == [1, 2]
    note = next(finding for finding in choices.findings if finding.code == "single-option")
    assert note.state == "note"
    assert "1 situations of item 'mode'" in note.message


def test_units_far_from_the_spread_of_a_feature_are_noted():
    """The prior refers to the unit; a feature that never varies tells nothing."""
    found = {f.code: f for f in read(ROWS.replace("per = 10.0", "per = 0.1"), rows()).findings}
    assert found["feature-scale"].state == "note"
    assert "'mode: cost'" in found["feature-scale"].message
    assert "feature-scale" not in {f.code for f in read(ROWS, rows()).findings}
    same = rows().assign(c_train="1", c_car="1", c_air="1")
    assert "constant-feature" in {f.code for f in read(ROWS, same).findings}


def test_other_items_stand_beside_situations():
    """What is asked once is the same in all rows of an agent."""
    text = ROWS + '[areas.trip.items.fly]\nserves = { yes = "fast", no = "green" }\n'
    choices = read(text, rows().assign(fly=["no", "no", "yes", "yes"]))
    assert choices.areas[0].counts[choices.areas[0].pattern_of_agent][:, 3:].tolist() == [[0, 1], [1, 0]]
    assert not any(finding.code == "duplicates" for finding in choices.findings)
    with pytest.raises(InputError, match="answers item 'fly' in rows 1 and 2"):
        read(text, rows().assign(fly=["no", "yes", "yes", "yes"]))


def changed(table, row, **values):
    table = table.copy()
    for column, value in values.items():
        table.loc[row, column] = value
    return table


@pytest.mark.parametrize(
    ("text", "table", "code", "row", "words"),
    [
        (ROWS, changed(rows(), 0, took="car"), "chosen-not-shown", 1, "not among those available"),
        (ROWS, changed(rows(), 1, took="boat"), "unknown-option", 2, "'boat' is not a declared option"),
        (ROWS, changed(rows(), 1, has_car="2"), "bad-flag", 2, "'2' does not say whether"),
        (ROWS, changed(rows(), 1, has_car=""), "no-flag", 2, "does not say whether"),
        (ROWS, changed(rows(), 2, c_car="much"), "bad-feature", 3, "'much' is no number"),
        (ROWS, changed(rows(), 2, c_car=""), "no-feature", 3, "feature is missing"),
        (
            ROWS.replace('car = "has_car"', 'train = "has_car", car = "has_car", air = "has_car"'),
            rows(),
            "empty-set",
            1,
            "No option is available",
        ),
        (LONG, changed(alternatives(), 1, took="0"), "chosen-not-shown", 2, "No option shown is chosen"),
        (LONG, changed(alternatives(), 0, took="1"), "chosen-twice", 2, "Several options are chosen"),
        (LONG, changed(alternatives(), 0, by="boat"), "unknown-option", 1, "'boat' is not a declared option"),
        (LONG, changed(alternatives(), 0, by="train"), "option-twice", 2, "repeats an option"),
        (LONG, changed(alternatives(), 0, took="maybe"), "bad-flag", 1, "'maybe' does not say"),
        (LONG, changed(alternatives(), 0, trip=""), "no-situation", 1, "names no situation"),
        (LONG, changed(alternatives(), 0, cost="inf"), "bad-feature", 1, "'inf' is no number"),
    ],
)
def test_39_faulty_situations(text, table, code, row, words):
    """A choice that was not shown, an empty set, and features or flags that say nothing, with their rows."""
    with pytest.raises(InputError) as caught:
        read(text, table)
    found = [fault for fault in caught.value.faults if fault.code == code]
    assert found, caught.value
    assert f"in row {row}" in found[0].message
    assert words in found[0].message
    assert found[0].remedy


def test_39_the_line_of_a_file(tmp_path):
    table = changed(rows(), 0, took="car")
    table.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(InputError) as caught:
        datasets.read_table(tmp_path / "t.csv", datasets.Study.from_text(ROWS))
    (fault,) = caught.value.faults
    assert (fault.code, fault.line, fault.column) == ("chosen-not-shown", 2, "took")


@pytest.mark.parametrize(
    ("text", "old", "new", "words"),
    [
        (ROWS, 'layout = "situations"', 'layout = "wide"', "the layout of the table is 'wide'"),
        (ROWS, 'layout = "situations"', 'layout = "alternatives"', "needs 'table.situation'"),
        (ROWS, 'kind = "situation"', 'kind = "choice"', "of kind 'choice' has 'available'"),
        (ROWS, 'car = "has_car"', 'boat = "has_car"', "'boat' of 'available'"),
        (ROWS, 'only = ["air"]', 'only = ["boat"]', "'boat' of 'feature income'"),
        (ROWS, 'only = ["air"]', "", "is the same for all options"),
        (ROWS, 'column = "income"', "", "needs either 'column' or 'columns'"),
        (ROWS, "per = 10.0", "per = 0.0", "greater than 0"),
        (ROWS, "per = 10.0", "unit = 10.0", "Unknown key 'areas.trip.items.mode.features.cost.unit'"),
        (ROWS, 'column = "took"', 'column = "took"\nrepeated = true', "'repeated' of item 'mode'"),
        (ROWS, 'agent = "id"', 'agent = "id"\ntimes = "n"', "'table.times' has no meaning"),
        (LONG, 'alternative = "by"', "", "Item 'mode' needs 'alternative'"),
        (LONG, 'alternative = "by"', 'alternative = "by"\navailable = { car = "c" }', "'available' of item 'mode'"),
        (LONG, 'column = "cost"', 'columns = { car = "c" }', "and a row holds one option"),
        (LONG, 'kind = "situation"', "", "Layout 'alternatives' is for items of kind 'situation'"),
    ],
)
def test_contradictory_keys_are_refused(text, old, new, words):
    assert old in text
    with pytest.raises(InputError, match=words):
        datasets.Study.from_text(text.replace(old, new))


def test_a_study_of_situations_is_read_again_from_its_dictionary():
    for text in (ROWS, LONG):
        study = datasets.Study.from_text(text)
        assert datasets.Study.from_dict(study.to_dict()) == study


def test_simulated_choices_follow_the_features():
    """One goal that serves nothing: the shares of what is chosen, where car can be taken and where not."""
    study = datasets.Study.from_text(ROWS)
    given = read(ROWS, rows())
    truth = {"trip": {"goal_share": [1.0, 0.0], "weight_mean": 0.0, "weight_concentration": 1e9}}
    truth["trip"] |= {"baseline": [0.5, 0.3, 0.2], "coefficient": [-0.4, 0.3]}
    n = 40_000
    choices = datasets.simulate(study, n, seed=1, situations=given, truth=truth)
    area = choices.areas[0]
    stages = area.stages[0]
    agents = area.n_agents_of_pattern
    number = np.bincount(stages.stage, stages.times * agents[stages.pattern], len(stages.chosen))
    for options, features in (
        (("train", "air"), ([1.0, 0.0], [5.0, 1.0])),
        (("train", "car", "air"), ([2.0, 0.0], [3.0, 0.0], [6.0, 1.0])),
    ):
        p = dict(zip(area.options, [0.5, 0.3, 0.2], strict=True))
        odds = np.array([p[o] * np.exp(np.dot(f, [-0.4, 0.3])) for o, f in zip(options, features, strict=True)])
        expected = odds / odds.sum()
        counts = np.zeros(len(options))
        for k in range(len(stages.chosen)):
            there = stages.shown[k] >= 0
            same = np.allclose(stages.features[k][there], features) if there.sum() == len(options) else False
            if same:
                counts[options.index(area.options[stages.shown[k][stages.chosen[k]]])] += number[k]
        assert counts.sum() == n / 2
        error = 5 * np.sqrt(expected * (1 - expected) / counts.sum())
        assert (np.abs(counts / counts.sum() - expected) < error).all()


def test_situations_are_needed_to_simulate():
    study = datasets.Study.from_text(ROWS)
    with pytest.raises(ValueError, match="is asked in situations"):
        datasets.simulate(study, 10, seed=1)
    with pytest.raises(ValueError, match="holds none of item 'mode'"):
        datasets.simulate(study, 10, seed=1, situations=datasets.load("stouffer_toby"))
