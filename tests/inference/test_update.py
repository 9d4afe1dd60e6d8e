"""New answers for a fit that exists: the choices, the posterior and the provenance of everything read at once."""

from __future__ import annotations

import json

import numpy as np
import pytest
from dissensus.datasets.join import join
from dissensus.inference.result import choices_of, posterior_mean
from dissensus.inference.update import history

from dissensus import cli, datasets, inference
from dissensus.errors import InputError

from .builders import make_area, make_study

STUDY = """\
[table]
layout = "long"
agent = "who"
item = "item"
answer = "answer"
group = "town"
[areas.a]
goals = ["x", "y"]
conflict = 1.0
[areas.a.items.plays]
serves = { u = "x", v = "y", w = [] }
repeated = true
[areas.a.items.says]
serves = { yes = "x", no = "y" }
"""


def _rows(agents, times, seed, *, says=True):
    rng = np.random.default_rng(seed)
    lines = []
    for k in agents:
        goal, town = k % 3 == 0, "north" if k % 2 else "south"
        for _ in range(times):
            answer = ("u" if goal else "v") if rng.random() < 0.7 else "uvw"[rng.integers(3)]
            lines.append(f"p{k},plays,{answer},{town}")
        if says:
            lines.append(f"p{k},says,{'yes' if goal else 'no'},{town}")
    return lines


def _table(path, lines):
    path.write_text("\n".join(["who,item,answer,town", *lines]) + "\n")
    return str(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A study, a first table, a second one of half the agents again and of new ones, and both together."""
    path = tmp_path_factory.mktemp("update")
    (path / "study.toml").write_text(STUDY)
    first = _rows(range(60), 6, 1)
    second = _rows(range(30), 5, 2, says=False) + _rows(range(60, 100), 6, 3)
    for name, lines in (("first", first), ("second", second), ("both", first + second), ("again", _rows([3], 0, 4))):
        _table(path / f"{name}.csv", lines)
    study = datasets.Study.from_toml(path / "study.toml")
    inference.save(inference.fit(datasets.read_table(path / "first.csv", study), seed=1), path / "result.nc")
    return path


def _read(folder, name):
    return datasets.read_table(folder / f"{name}.csv", datasets.Study.from_toml(folder / "study.toml"))


def test_joined_choices_are_those_of_a_joint_reading(folder):
    joined, both = join(_read(folder, "first"), _read(folder, "second")), _read(folder, "both")
    assert joined.data_hash == both.data_hash and joined.groups == both.groups
    assert {f.message for f in joined.findings} == {f.message for f in both.findings}
    for mine, theirs in zip(joined.areas, both.areas, strict=True):
        np.testing.assert_array_equal(mine.counts, theirs.counts)


def test_an_updated_fit_is_that_of_everything(folder):
    old, both = inference.load(folder / "result.nc"), _read(folder, "both")
    updated = inference.update(old, _read(folder, "second"), seed=2)
    anew = inference.fit(both, seed=3)
    assert json.loads(updated.attrs["data_hash"]) == both.data_hash
    assert json.loads(updated.attrs["state"]) == json.loads(anew.attrs["state"])
    for score in ("overall_contention", "overall_misalignment"):
        one, other = (inference.scores(f, allow_unreliable=True)[score].values.ravel() for f in (updated, anew))
        error = np.hypot(one.std(), other.std()) / np.sqrt(400)
        assert abs(one.mean() - other.mean()) <= 4 * error
        assert one.std() == pytest.approx(other.std(), rel=0.15)
    assert [entry["n_agents"] for entry in history(updated)] == [60, 70]
    note = "Updated: answers of 70 agents, 30 of whom the result held already, came to those of 60."
    assert note in json.loads(updated.attrs["notes"])
    assert "seal" not in {check.name for check in inference.check(updated).itertuples()}
    assert not any("has changed since" in reason for reason in json.loads(updated.attrs["reasons"]))
    path = folder / "updated.nc"
    inference.save(updated, path)
    assert choices_of(inference.load(path)).data_hash == both.data_hash
    with pytest.raises(InputError, match="exactly these answers already"):
        inference.update(inference.load(path), _read(folder, "second"))


def test_the_search_begins_where_the_last_one_ended(folder, monkeypatch):
    old, begun = inference.load(folder / "result.nc"), []

    def find_modes(density, rng, *, first=None, **_):
        begun.append(first)
        raise TimeoutError

    monkeypatch.setattr("dissensus.inference.area_fit.find_modes", find_modes)
    with pytest.raises(TimeoutError):
        inference.update(old, _read(folder, "second"), seed=1)
    mean = old["unconstrained_posterior"]["theta"].values[0].mean(axis=0)
    np.testing.assert_allclose(begun[0], mean)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["p1,says,yes,north"], "'p1' answered item 'says' already"),
        (["p1,plays,u,south"], "group of agent 'p1' is not what it was"),
    ],
)
def test_what_cannot_be_added_is_refused(folder, tmp_path, lines, words):
    study = datasets.Study.from_toml(folder / "study.toml")
    more = [*lines, "q1,plays,u,north", "q1,says,no,north", "q2,says,no,south", "q2,plays,v,south"]
    new = datasets.read_table(_table(tmp_path / "new.csv", more), study)
    with pytest.raises(InputError, match=words):
        join(_read(folder, "first"), new)


def test_answers_of_another_study_are_refused(folder):
    other = datasets.simulate(make_study(make_area("x y", "x y")), 20, seed=1)
    with pytest.raises(InputError, match="read with another study: 'areas'"):
        inference.update(inference.load(folder / "result.nc"), other)


def test_coordinates_of_other_areas_are_no_start(folder):
    other = datasets.simulate(make_study(make_area("x y", "x y")), 20, seed=1)
    density = inference.model.area_densities(other)[0]
    assert posterior_mean(inference.load(folder / "result.nc"), density) is None


def test_the_command_writes_and_prints_the_updated_result(folder, capsys):
    words = ["update", str(folder / "result.nc"), str(folder / "second.csv"), "--seed", "4", "--json"]
    assert cli.run(words) == 2  # RESULT would be replaced
    assert "--force" in capsys.readouterr().err
    code = cli.run([*words, "-o", str(folder / "new.nc")])
    printed = json.loads(capsys.readouterr().out)
    assert code in {0, 1} and printed["n_agents"] == 100
    assert printed["data_hash"] == _read(folder, "both").data_hash
    assert inference.load(folder / "new.nc").attrs["history"]
