"""Periods of a log: the same whatever the form of the times, and what is no date is told with its column."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dissensus import datasets
from dissensus.errors import InputError

STUDY = """
[log]
agent = "user"
item = "genre"
outcome = "stars"
time = "when"
answers = { like = ">= 4", not = "< 4" }
on_duplicate = "count"
period = "quarter"
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


def study(period='"quarter"'):
    return datasets.Study.from_text(STUDY.replace('"quarter"', period))


def log(n=300):
    """Return events of two years in no order, and their times; nothing happens from April to September 2020."""
    rng = np.random.default_rng(1)
    day = np.where(rng.random(n) < 0.5, rng.integers(0, 456, n), rng.integers(640, 730, n))
    when = pd.Timestamp("2019-01-01") + pd.to_timedelta(day * 86_400 + rng.integers(0, 86_400, n), unit="s")
    events = pd.DataFrame({"user": rng.integers(1, 40, n), "genre": rng.choice(["i", "j"], n)})
    return events.assign(stars=rng.integers(1, 6, n)), pd.Series(when)


SINCE = pd.Timestamp("1970-01-01")
FORMS = {
    "seconds": lambda when: (when - SINCE) // pd.Timedelta("1s"),
    "milliseconds": lambda when: (when - SINCE) // pd.Timedelta("1ms"),
    "fractions": lambda when: (when - SINCE) / pd.Timedelta("1s") + 0.25,
    "text": lambda when: when.dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
    "times": lambda when: when,
}


@pytest.mark.parametrize("form", FORMS)
def test_answers_by_agent_and_quarter_are_those_of_the_calendar(form):
    events, when = log()
    choices = datasets.read_log(events.assign(when=FORMS[form](when)), study())
    quarter = when.dt.year.astype(str) + "-Q" + when.dt.quarter.astype(str)
    label = events["user"].astype(str) + " (" + quarter + ")"
    expected = pd.crosstab(label, [events["genre"], events["stars"] < 4]).loc[choices.agents].to_numpy()
    area = choices.areas[0]
    np.testing.assert_array_equal(area.counts[area.pattern_of_agent], expected)
    assert [choices.groups[g] for g in choices.group_of_agent] == [label[-8:-1] for label in choices.agents]
    assert choices.study.table.periods == tuple(f"{y}-Q{q}" for y in (2019, 2020) for q in (1, 2, 3, 4))
    assert "2020-Q3" not in choices.groups  # nobody: the walk takes two steps there
    assert any(finding.code == "panel" for finding in choices.findings)
    assert datasets.Study.from_dict(choices.study.to_dict()) == choices.study


def test_a_text_file_and_a_frame_in_another_order_are_the_same(tmp_path):
    events, when = log()
    events = events.assign(when=FORMS["seconds"](when))
    events.to_csv(tmp_path / "log.csv", index=False)
    turned = datasets.read_log(events.iloc[::-1], study('"month"'))
    assert datasets.read_log(tmp_path / "log.csv", study('"month"')).data_hash == turned.data_hash


def test_periods_may_begin_at_given_dates():
    events, when = log()
    choices = datasets.read_log(events.assign(when=FORMS["text"](when)), study('["2019-07-01", "2020-02-15"]'))
    assert choices.groups == ("before 2019-07-01", "2019-07-01 to 2020-02-15", "from 2020-02-15")
    place = np.searchsorted([pd.Timestamp("2019-07-01"), pd.Timestamp("2020-02-15")], when, side="right")
    answers = choices.areas[0].n_answers[choices.areas[0].pattern_of_agent]
    np.testing.assert_array_equal(np.bincount(choices.group_of_agent, answers), np.bincount(place))


def test_agents_of_one_period_each_keep_their_labels():
    events, when = log(60)
    events["user"] = range(60)
    choices = datasets.read_log(events.assign(when=when), study('"year"'))
    assert choices.agents.tolist() == [str(agent) for agent in range(60)]
    assert not any(finding.code == "panel" for finding in choices.findings)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("05/03/2020", "mixed units"),
        ("2019/05/03", "is no date"),
        ("2020-13-45", "is no date"),
        ("1577836800000", "no date|mixed units"),
    ],
)
def test_a_time_in_another_form_is_told_with_its_file_and_column(tmp_path, value, words):
    events, when = log(30)
    text = FORMS["text"](when)
    text[7] = value
    if value == "2020-13-45":
        text = pd.Series(["2020-13-45"] * 30)
    events.assign(when=text).to_csv(tmp_path / "log.csv", index=False)
    with pytest.raises(InputError, match=words) as caught:
        datasets.read_log(tmp_path / "log.csv", study())
    fault = caught.value.faults[0]
    assert (fault.file, fault.column) == (str(tmp_path / "log.csv"), "when")


def test_too_many_periods_are_a_fault():
    events, _ = log(30)
    with pytest.raises(InputError, match="more than 200"):
        datasets.read_log(events.assign(when=np.linspace(2e8, 3e9, 30).astype(int)), study('"month"'))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('time = "when"\n', ""), "told by the time"),
        (('"quarter"', '"decade"'), "period"),
        (('"quarter"', '["2020-1-1"]'), "no date"),
        (('"quarter"', '["2020-03-01", "2019-03-01"]'), "not in order"),
        (('item = "genre"', 'item = "genre"\ngroup = "country"'), "take the place of groups"),
    ],
)
def test_refused(change, words):
    assert change[0] in STUDY
    with pytest.raises(InputError, match=words):
        datasets.Study.from_text(STUDY.replace(*change))
