"""The CSV file: the rows of ``summarize`` with their origin, small groups left out, formulas dead, written whole."""

import errno
import json
import os

import numpy as np
import pandas as pd
import pytest
from dissensus.inference import export
from dissensus.inference.export import as_written, neutral, to_csv
from dissensus.inference.result import attribute
from dissensus.inference.result_file import save
from dissensus.inference.summary import summarize
from hypothesis import given, settings
from hypothesis import strategies as st

from dissensus import cli
from dissensus.errors import InputError, Refused

from .fitted import grouped, refused, stouffer_toby

TEXTS = ("score", "estimand", "area", "group", "group_other", "state", "reasons", "interval", "data_hash", "version")


def read(path):
    return pd.read_csv(path, keep_default_na=False, na_values={"mean": "", "sd": ""})


@pytest.mark.parametrize("by", [None, "group"])
def test_the_rows_are_those_of_the_summary(by, tmp_path):
    fit = grouped()[1]
    left_out = to_csv(fit, tmp_path / "t.csv", by=by, small_groups=True)
    table, rows = read(tmp_path / "t.csv"), summarize(fit, by=by)
    assert left_out == ()
    assert len(table) == len(rows)
    for name in ("mean", "sd", "lower", "upper", "mcse"):
        np.testing.assert_array_equal(pd.to_numeric(table[name]), rows[name].astype(float))  # every digit
    for name in ("score", "estimand", "area", "group", "group_other", "state"):
        assert table[name].tolist() == rows[name].fillna("").tolist()
    assert table["reasons"].tolist() == [" ".join(reasons) for reasons in rows["reasons"]]


def test_every_row_carries_where_it_comes_from(tmp_path):
    fit = stouffer_toby()[1]
    to_csv(fit, tmp_path / "t.csv")
    table = read(tmp_path / "t.csv")
    expected = {
        "n_agents": 216,
        "interval": "eti",
        "interval_prob": 0.9,
        "data_hash": attribute(fit, "data_hash"),
        "seed": 1,
        "version": attribute(fit, "versions")["dissensus"],
        "allow_unreliable": False,
    }
    for name, value in expected.items():
        assert table[name].unique().tolist() == [value]


def test_small_groups_are_left_out_unless_asked_for(tmp_path):
    """The group of one agent, alone and beside others."""
    fit = grouped()[1]
    assert to_csv(fit, tmp_path / "t.csv", by="group") == ("lone",)
    table = read(tmp_path / "t.csv")
    assert set(table["group"]) | set(table["group_other"]) == {"", "left", "right"}
    assert to_csv(fit, tmp_path / "all.csv", by="group", small_groups=True) == ()
    everything = read(tmp_path / "all.csv")
    assert len(everything) == len(table) * 7 // 4  # overall, three within, three between; of them four remain
    lone = everything[(everything["group"] == "lone") | (everything["group_other"] == "lone")]
    assert set(lone["n_group"].astype(float)) | set(
        lone["n_group_other"].replace("", np.nan).dropna().astype(float)
    ) >= {1.0}


def test_a_refused_fit_is_written_on_request_only(tmp_path):
    fit = refused(stouffer_toby()[1])
    with pytest.raises(Refused, match="no good"):
        to_csv(fit, tmp_path / "t.csv")
    assert os.listdir(tmp_path) == []
    to_csv(fit, tmp_path / "t.csv", allow_unreliable=True)
    table = read(tmp_path / "t.csv")
    assert table["state"].unique().tolist() == ["refused"]
    assert table["allow_unreliable"].unique().tolist() == [True]


def test_a_file_that_exists_stays_without_force(tmp_path):
    (tmp_path / "t.csv").write_text("old")
    with pytest.raises(InputError, match=r"exists.*--force"):
        to_csv(stouffer_toby()[1], tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == "old"
    to_csv(stouffer_toby()[1], tmp_path / "t.csv", force=True)
    assert len(read(tmp_path / "t.csv")) == 16


def _full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    (tmp_path / "t.csv").write_text("old")
    monkeypatch.setattr(export.os, "fsync", _full)
    with pytest.raises(InputError, match="No space left"):
        to_csv(stouffer_toby()[1], tmp_path / "t.csv", force=True)
    monkeypatch.undo()
    assert (tmp_path / "t.csv").read_text() == "old"
    assert os.listdir(tmp_path) == ["t.csv"]


@pytest.mark.parametrize(("path", "match"), [("https://example.org/t.csv", "address"), ("nowhere/t.csv", "no folder")])
def test_a_path_that_cannot_be_is_refused(path, match, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=match):
        to_csv(stouffer_toby()[1], path)


FORMULAS = [
    *("=1+1", "+1", "-1", "@SUM(1)", "−1", " =1", "\t=1", '"=1', "'=1", "''=1", "“=1", "`@x", "\u200b=1", "\ufeff=1"),
    *("＝1", "＋1", "－1", "＠x", "﹦1", "﹢1", "⁺1", "₌1", "\u00a0=1", "\u3000=1", " \"' =1", "=\n1"),
]
HARMLESS = ["", "a=1", "1-2", "x", "'quoted'", '"quoted"', "' ", "é", "漢", "0=1", "a@b", "~=1", "(=1)", "don't"]


@pytest.mark.parametrize("label", FORMULAS)
def test_formulas_are_neutralised_and_come_back(label):
    cell = neutral(label)
    assert cell.startswith("'")
    assert as_written(cell) == (label if "\\u" not in cell else cell[1:])


@pytest.mark.parametrize("label", HARMLESS)
def test_other_labels_are_written_as_they_are(label):
    assert neutral(label) == as_written(label) == label


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])) | st.text(alphabet="'\"=+-@ax \t＝"))
def test_any_label_comes_back_but_for_its_control_characters(label):
    cell = neutral(label)
    assert as_written(cell) == export._STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", label)
    assert not export._STEERING.search(cell)
    assert cell[:1] not in set("=+-@＝＋－＠\t\r")


def test_a_reader_that_splits_at_other_marks_finds_no_formula(tmp_path):
    """Where a comma is the decimal mark, spreadsheets split at semicolons: every text stands in quotes."""
    to_csv(grouped()[1], tmp_path / "t.csv", by="group")
    lines = (tmp_path / "t.csv").read_text().splitlines()
    assert json.loads(f"[{lines[0]}]")[:2] == ["score", "estimand"]
    for line in lines[1:]:
        assert json.loads(f"[{line}]")[0] in set(summarize(grouped()[1])["score"])


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Run the command beside a saved result with groups and a refused one."""
    monkeypatch.chdir(tmp_path)
    save(grouped()[1], "r.nc")
    save(refused(stouffer_toby()[1]), "refused.nc")

    def call(*arguments):
        code = cli.run(list(arguments))
        return code, capsys.readouterr().err

    return call


def test_the_command_writes_the_table_and_says_what_it_left_out(command, tmp_path):
    code, said = command("scores", "r.nc", "--by", "group", "--csv", "t.csv")
    assert code == 0
    assert "Left out of it: 1 groups of fewer than 10 agents" in said
    assert "Written to t.csv" in said
    code, said = command("scores", "r.nc", "--by", "group", "--csv", "t.csv")
    assert (code, "The file exists" in said) == (2, True)
    before = (tmp_path / "t.csv").read_bytes()
    code, said = command("scores", "r.nc", "--by", "group", "--csv", "t.csv", "--force", "--small-groups")
    assert (code, "Left out" in said) == (0, False)
    assert len((tmp_path / "t.csv").read_bytes()) > len(before)


def test_the_command_never_replaces_the_result_it_reads(command, tmp_path):
    before = (tmp_path / "r.nc").read_bytes()
    (tmp_path / "link.nc").symlink_to("r.nc")
    for target in ("r.nc", "./r.nc", "link.nc"):
        code, said = command("scores", "r.nc", "--csv", target, "--force")
        assert (code, "would replace the result" in said) == (2, True)
    assert (tmp_path / "r.nc").read_bytes() == before


def test_the_command_writes_no_table_of_a_refused_result_unless_asked(command, tmp_path):
    assert command("scores", "refused.nc", "--csv", "t.csv")[0] == 1
    assert not (tmp_path / "t.csv").exists()
    assert command("scores", "refused.nc", "--csv", "t.csv", "--allow-unreliable")[0] == 0
    assert set(read(tmp_path / "t.csv")["state"]) == {"refused"}
