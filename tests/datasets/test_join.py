"""Two tables put together are the table that holds both: every kind that can be added up."""

from __future__ import annotations

import numpy as np
import pytest
from dissensus.datasets.join import join

from dissensus import datasets
from dissensus.errors import InputError

STUDY = """\
[table]
agent = "id"
missing = ["NA"]
{table}
[areas.a]
goals = ["x", "y"]
conflict = 1.0
[areas.a.abstain]
codes = ["pass"]
means = "low_weight"
[areas.a.items.q]
serves = {{ yes = "x", no = "y" }}
[areas.a.items.r]
serves = {{ yes = "y", no = "x" }}
[areas.b]
goals = ["x", "y"]
conflict = 1.0
[areas.b.items.visits]
kind = "count"
raises = ["x"]
[areas.b.items.minutes]
kind = "duration"
raises = ["y"]
"""
BESIDE = """\
depends_on = ["age", "region", "income"]
covariate_missing = "level"
[table.covariates.age]
kind = "numeric"
[table.covariates.income]
kind = "numeric"
bins = [10, 20]
"""


def _rows(agents, seed, regions):
    rng = np.random.default_rng(seed)
    for k in agents:
        minutes = "" if k % 7 == 0 else f"{rng.uniform(1, 40):.1f}"
        said = [("yes", "no", "pass", "")[rng.integers(4)] for _ in range(2)]
        beside = [str(rng.integers(20, 70)), regions[rng.integers(len(regions))], str(rng.integers(0, 30))]
        yield [f"p{k}", *said, str(rng.integers(0, 9)), minutes, *beside, f"{2001 + k % 4}"]


def _table(path, rows):
    head = ["id", "q", "r", "visits", "minutes", "age", "region", "income", "wave"]
    path.write_text("\n".join(",".join(row) for row in [head, *rows]) + "\n")
    return path


def _read(tmp_path, table, *parts):
    (tmp_path / "study.toml").write_text(STUDY.format(table=table))
    study = datasets.Study.from_toml(tmp_path / "study.toml")
    return tuple(datasets.read_table(_table(tmp_path / f"{k}.csv", rows), study) for k, rows in enumerate(parts))


@pytest.mark.parametrize(
    "table", ["", BESIDE, 'period = "wave"', 'period = "wave"\nperiods = ["2004", "2003", "2002", "2001"]']
)
def test_joined_choices_are_those_of_a_joint_reading(tmp_path, table):
    first = list(_rows(range(40), 1, ["north", "south", "NA"]))
    second = list(_rows(range(40, 70), 2, ["west", "south", "east"]))
    old, new, both = _read(tmp_path, table, first, second, [*first, *second])
    joined = join(old, new)
    assert joined.data_hash == both.data_hash
    assert joined.groups == both.groups
    assert [one.levels for one in joined.covariates] == [one.levels for one in both.covariates]
    for mine, theirs in zip(joined.areas, both.areas, strict=True):
        np.testing.assert_array_equal(mine.counts, theirs.counts)
        for one, other in zip(mine.numbers, theirs.numbers, strict=True):
            np.testing.assert_array_equal(one.value, other.value)


def test_what_changed_or_was_said_already_is_refused(tmp_path):
    first = list(_rows(range(30), 4, ["north", "south"]))
    second = [[*row[:5], f"{100 + k}", *row[6:]] for k, row in enumerate(first)]
    old, new = _read(tmp_path, BESIDE, first, second)
    with pytest.raises(InputError) as caught:
        join(old, new)
    words = str(caught.value)
    assert "value of 'age' of agent 'p0', 'p1'" in words
    assert "answered item 'visits' already" in words


def test_judgements_of_two_tables_are_those_of_one(tmp_path):
    layout = {"layout": "judgements", "agent": "judge", "first": "one", "second": "two", "answer": "won"}
    items = {"reply": {"kind": "pairwise", "serves": {"a": "x", "b": "y", "c": []}}}
    areas = {"quality": {"goals": ["x", "y"], "conflict": 1.0, "items": items}}
    study = datasets.Study.from_dict({"title": "t", "table": layout, "areas": areas})

    def read(name, judges, seed):
        rng = np.random.default_rng(seed)
        rows = [(j, *p, p[rng.integers(2)]) for j in judges for p in ("ab", "bc", "ca", "ab")]
        lines = "\n".join(",".join(row) for row in [("judge", "one", "two", "won"), *rows])
        (tmp_path / name).write_text(lines + "\n")
        return lines, datasets.read_table(tmp_path / name, study)

    first, old = read("one.csv", "uvw", 1)
    second, new = read("two.csv", "wxyz", 2)
    (tmp_path / "both.csv").write_text("\n".join([first, *second.splitlines()[1:]]) + "\n")
    assert join(old, new).data_hash == datasets.read_table(tmp_path / "both.csv", study).data_hash
