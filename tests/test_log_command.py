"""The command line with a log: several files, an item table, and what is wrong before anything is fitted."""

import json

import pytest

from dissensus import cli

from .datasets.logs import STUDY, films, ratings


@pytest.fixture
def folder(tmp_path):
    """A folder with a study, an item table and a log in two parts."""
    (tmp_path / "study.toml").write_text(STUDY)
    (tmp_path / "named.toml").write_text(STUDY.replace('id = "film"', 'id = "film"\nfile = "films.csv"'))
    films(tmp_path)
    frame = ratings(600)
    (tmp_path / "log").mkdir()
    frame[:300].to_parquet(tmp_path / "log" / "a.parquet")
    frame[300:].to_parquet(tmp_path / "log" / "b.parquet")
    return tmp_path


def run(folder, *words):
    """Run the command in a folder and return its exit code."""
    return cli.run(["fit", *words, "-o", str(folder / "result.nc"), "--force"])


def test_files_and_folders_and_patterns_are_one_log(folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    answers = []
    for study, *tables in (
        ("study.toml", "log", "--items", "films.csv"),
        ("named.toml", "log/a.parquet", "log/b.parquet"),
        ("named.toml", "log/*.parquet"),
    ):
        code = run(folder, study, *tables, "--seed", "1", "--draws", "1000", "--json", "--method", "laplace")
        caught = capsys.readouterr()
        assert code in {0, 1}, caught.err
        answer = json.loads(caught.out)
        answers.append((answer["data_hash"], answer["scores"]))
    assert answers[0] == answers[1] == answers[2]


def test_faults_of_a_log_end_the_command_before_the_fit(folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "log" / "b.parquet").write_bytes((folder / "log" / "a.parquet").read_bytes()[:300])
    assert run(folder, "named.toml", "log") == 2
    caught = capsys.readouterr()
    assert "log/b.parquet: The Parquet file is truncated or damaged" in caught.err
    assert "fitting" not in caught.err
    assert not (folder / "result.nc").exists()


def test_a_study_of_a_table_takes_one_table_and_no_items(folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "table.toml").write_text(
        '[areas.a]\ngoals = ["x", "y"]\nconflict = 1.0\n[areas.a.items.q]\nserves = { y = "x", n = "y" }\n'
    )
    (folder / "answers.csv").write_text("q\ny\nn\n")
    assert run(folder, "table.toml", "answers.csv", "answers.csv") == 2
    assert "2 tables are given" in capsys.readouterr().err
    assert run(folder, "table.toml", "answers.csv", "--items", "films.csv") == 2
    assert "an item table is given" in capsys.readouterr().err


def test_a_result_does_not_replace_the_item_table(folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    assert cli.run(["fit", "study.toml", "log", "--items", "films.csv", "-o", "films.csv", "--force"]) == 2
    assert capsys.readouterr().err
    assert (folder / "films.csv").read_text().startswith("film,")
