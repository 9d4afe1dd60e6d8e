"""The command line: exit codes, what goes where, and no traceback for anything a user can mend."""

import json
import subprocess
import sys
import tomllib

import numpy as np
import pytest
import xarray as xr
from dissensus.inference.checks import from_dataset
from dissensus.inference.result_file import load, save
from dissensus.inference.verdict import close

from dissensus import __version__, cli, datasets, inference

from .inference.fitted import refused

STUDY = """\
title = "Getting to work"
[table]
agent = "id"
group = "town"
[areas.transport]
goals = ["cars", "transit"]
conflict = 1.0
[areas.transport.items.roads]
serves = { build = "cars", stop = "transit" }
[areas.transport.items.fares]
serves = { lower = "transit", higher = "cars" }
[areas.transport.items.parking]
serves = { more = "cars", less = "transit" }
"""


def table(n=60):
    """Return a table of answers, two of three of which agree with the first."""
    rng = np.random.default_rng(0)
    goal = rng.integers(2, size=n)
    lines = ["id,town,roads,fares,parking"]
    for i in range(n):
        a, b, c = np.where(rng.random(3) < 0.8, goal[i], 1 - goal[i])
        answers = ("build", "stop")[a], ("higher", "lower")[b], ("more", "less")[c]
        lines.append(f"{i},{'north' if i % 3 else 'south'},{','.join(answers)}")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a study, a table, their result, a refused one, and the JSON that ``fit`` printed."""
    path = tmp_path_factory.mktemp("cli")
    (path / "study.toml").write_text(STUDY)
    (path / "answers.csv").write_text(table())
    command = [sys.executable, "-P", "-m", "dissensus", "fit", "study.toml", "answers.csv", "-o", "result.nc"]
    command += ["--seed", "7", "--draws", "1000", "--json"]
    done = subprocess.run(command, cwd=path, capture_output=True, text=True, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    (path / "printed.json").write_text(done.stdout)
    (path / "messages.txt").write_text(done.stderr)
    save(refused(load(path / "result.nc")), path / "refused.nc")
    return path


@pytest.fixture
def run(folder, monkeypatch, capsys):
    """Run the command in the folder; return exit code, standard output and standard error."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "80")

    def call(*arguments):
        code = cli.run(list(arguments))
        caught = capsys.readouterr()
        return code, caught.out, caught.err

    return call


@pytest.fixture
def no_fit(monkeypatch):
    """Fitting fails the test."""
    from dissensus.inference import fit as package_fit  # noqa: F401 - the module is loaded before it is changed

    monkeypatch.setattr(sys.modules["dissensus.inference.fit"], "fit", lambda *_, **__: pytest.fail("fitted"))


def test_help_imports_nothing_that_takes_seconds():
    heavy = {"numpy", "pandas", "xarray", "scipy", "pymc", "pytensor", "arviz", "plotly", "duckdb", "pyarrow"}
    code = f"import sys, dissensus.cli as c; c.run(['--help']); print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")
    for command in ("demo", "fit", "scores", "check", "agents", "what-if"):
        assert command in done.stdout


def test_version_is_that_of_the_package(run):
    assert run("--version") == (0, f"{__version__}\n", "")


def test_fit_prints_one_json_object_on_stdout_and_messages_on_stderr(folder):
    answer = json.loads((folder / "printed.json").read_text(), parse_constant=pytest.fail)
    assert answer["seed"] == 7
    assert answer["n_agents"] == 60
    assert len(answer["scores"]) == 16  # four scores, two estimands, one area and overall
    messages = (folder / "messages.txt").read_text()
    assert "60 agents" in messages
    assert "Written to result.nc" in messages


def test_scores_prints_what_fit_printed(folder, run):
    assert run("scores", "result.nc", "--json") == (0, (folder / "printed.json").read_text(), "")


def test_scores_by_group_holds_every_group_in_json(run):
    code, out, _ = run("scores", "result.nc", "--by", "group", "--json")
    rows = json.loads(out)["scores"]
    pairs = {(row["group"], row["group_other"]) for row in rows}
    assert code == 0
    assert len(pairs) == 4
    assert len(rows) == 4 * 16


def test_scores_prints_a_table_with_states_and_how_to_read_it(run):
    code, out, err = run("scores", "result.nc", "--by", "group")
    assert (code, err) == (0, "")
    for text in ("transport", "observed conflict", "State:", "seed 7", "How to read", "Overall: contention", "n = 40"):
        assert text in out
    assert max(map(len, out.splitlines())) <= 80
    assert not any(line != line.rstrip() for line in out.splitlines())
    assert "\x1b" not in out


def test_check_prints_every_check_and_the_alternatives(folder, run):
    code, out, _ = run("check", "result.nc")
    assert code == 0
    for name in {*load(folder / "result.nc")["checks"]["name"].values, "follow (this study)", "luce, no goal"}:
        assert name in out


def test_a_refused_result_exits_with_1_and_shows_its_numbers_on_request_only(run):
    code, out, _ = run("scores", "refused.nc", "--json")
    assert (code, json.loads(out)["scores"]) == (1, [])
    assert json.loads(out)["reasons"][0] == "transport: The draws are no good."
    code, out, _ = run("scores", "refused.nc", "--by", "group")
    assert code == 1
    assert "No score is reported" in out
    assert "contention  " not in out
    assert run("check", "refused.nc")[0] == 1
    code, out, _ = run("scores", "refused.nc", "--allow-unreliable")
    assert code == 0
    assert "NOT RELIABLE" in out
    code, out, _ = run("scores", "refused.nc", "--allow-unreliable", "--json")
    assert (code, json.loads(out)["allow_unreliable"]) == (0, True)


def test_what_if_prints_the_scores_as_fitted_changed_and_their_difference(folder, run):
    changes = ["--goal", "transport/north=cars:0.5", "--weight", "transport/3=1", "--remove", "7", "9"]
    code, out, err = run("what-if", "result.nc", *changes, "--conflict", "transport/cars|transit=0.8", "--json")
    answer = json.loads(out, parse_constant=pytest.fail)
    assert (code, len(answer["changes"])) == (0, 5)
    assert "states of agents" in err
    changed = inference.what_if(
        load(folder / "result.nc"),
        goal={("transport", "north"): ("cars", 0.5)},
        weight={("transport", "3"): 1.0},
        remove=["7", "9"],
        conflict={"transport": {"cars|transit": 0.8}},
    )
    given = [row for row in answer["scores"] if row["mean"] is not None]  # contention is held back
    assert "misalignment" in {row["score"] for row in given} < {row["score"] for row in answer["scores"]}
    for row in given:
        name = row["score"] if row["area"] else "overall_" + row["score"]
        at = {"scenario": row["scenario"], "estimand": row["estimand"]} | ({"area": row["area"]} if row["area"] else {})
        assert row["mean"] == pytest.approx(float(changed[name].sel(at).mean()))
    code, out, _ = run("what-if", "result.nc", *changes, "--by", "group", "--area", "transport")
    assert code == 0
    for text in ("What is changed", "agent '7': removed", "as fitted", "difference", "north – south", "State:"):
        assert text in out
    assert max(map(len, out.splitlines())) <= 80


def test_what_if_gives_no_number_of_a_refused_result_unless_asked(run):
    code, out, err = run("what-if", "refused.nc", "--goal", "transport=cars")
    assert (code, out) == (1, "")
    assert "No score is reported: transport: The draws are no good." in err
    code, out, _ = run("what-if", "refused.nc", "--goal", "transport=cars", "--json")
    assert (code, json.loads(out)["scores"], json.loads(out)["state"]) == (1, [], "refused")
    code, out, _ = run("what-if", "refused.nc", "--goal", "transport=cars", "--allow-unreliable")
    assert code == 0
    assert "NOT RELIABLE" in out


def test_agents_prints_goal_and_weight_of_those_asked_for(folder, run):
    code, out, _ = run("agents", "result.nc", "3", "7", "--json")
    answer = json.loads(out, parse_constant=pytest.fail)
    assert code == 0
    assert {row["agent"] for row in answer["agents"]} == {"3", "7"}
    found = inference.agents_posterior(load(folder / "result.nc"), ["3", "7"])
    for row in answer["agents"]:
        at = found.sel(agent=row["agent"], goal=f"{row['area']}: {row['goal']}")
        assert row["probability"] == pytest.approx(at["goal_probability"].item())
        assert row["lower"] <= row["upper"]
    code, out, _ = run("agents", "result.nc", "3")
    assert code == 0
    for text in ("State:", "weight", "transport", "90 % interval"):
        assert text in out
    code, _, err = run("agents", "result.nc", "nobody")
    assert (code, "No agent is called 'nobody'" in err) == (2, True)


def test_agents_of_a_refused_result_are_given_only_on_request(run):
    code, out, _ = run("agents", "refused.nc", "3", "--json")
    assert (code, json.loads(out)["agents"]) == (1, [])
    code, out, _ = run("agents", "refused.nc", "3", "--allow-unreliable")
    assert (code, "NOT RELIABLE" in out) == (0, True)


@pytest.mark.parametrize("allow", [False, True])
def test_a_refused_fit_is_written_and_says_whether_its_numbers_were_shown(allow, folder, run, monkeypatch, tmp_path):
    fitted = load(folder / "refused.nc")
    monkeypatch.setattr(sys.modules["dissensus.inference.fit"], "fit", lambda *_, **__: fitted.copy())
    arguments = ["fit", "study.toml", "answers.csv", "-o", str(tmp_path / "r.nc")]
    code, out, _ = run(*arguments, *["--allow-unreliable"] * allow)
    assert code == (0 if allow else 1)
    assert ("NOT RELIABLE" in out) == allow
    assert ("allow_unreliable" in load(tmp_path / "r.nc").attrs) == allow


FIT = ("fit", "study.toml", "answers.csv", "-o", "new.nc")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fit", "nowhere.toml", "answers.csv", "-o", "new.nc"), "nowhere.toml: There is no such study file"),
        (("fit", "answers.csv", "answers.csv", "-o", "new.nc"), "answers.csv, line 1: Not a TOML file"),
        (("fit", "study.toml", "nowhere.csv", "-o", "new.nc"), "nowhere.csv: There is no such file"),
        (("fit", "study.toml", "study.toml", "-o", "new.nc"), "study.toml"),
        (("fit", "study.toml", ".", "-o", "new.nc"), "folder"),
        (("fit", "study.toml", "https://example.org/t.csv", "-o", "new.nc"), "address"),
        (("fit", "study.toml", "answers.csv", "-o", "nowhere/new.nc"), "There is no folder"),
        (("fit", "study.toml", "answers.csv", "-o", "."), "is a folder"),
        (("fit", "study.toml", "answers.csv", "-o", "result.nc"), "--force"),
        (("fit", "study.toml", "answers.csv", "-o", "answers.csv", "--force"), "replace a file it is made from"),
        (("fit", "study.toml", "answers.csv", "-o", "study.toml", "--force"), "replace a file it is made from"),
        (("fit", "study.toml", "answers.csv"), "--output"),
        (("fit", "study.toml", "-o", "new.nc"), "TABLE"),
        ((*FIT, "--method", "magic"), 'Choose from: "auto", "laplace", "nuts"'),
        ((*FIT, "--seed", "one"), "--seed"),
        ((*FIT, "--seed", "-1"), "from 0 up"),
        ((*FIT, "--draws", "many"), "--draws"),
        ((*FIT, "--quick"), "--quick"),
        (("scores", "nowhere.nc"), "nowhere.nc: There is no such result file"),
        (("scores", "answers.csv"), "answers.csv: The file is not a result"),
        (("scores", "."), "is a folder"),
        (("scores", "result.nc", "--by", "colour"), '"group"'),
        (("scores", "result.nc", "--by", "group", "--area", "food"), "'transport'"),
        (("scores", "result.nc", "--area", "transport"), "Add --by group"),
        (("scores",), "RESULT"),
        (("what-if", "nowhere.nc"), "nowhere.nc: There is no such result file"),
        (("what-if", "result.nc", "--goal", "transport"), "Write AREA=GOAL"),
        (("what-if", "result.nc", "--goal", "transport=card"), "Did you mean 'cars'"),
        (("what-if", "result.nc", "--remove", "nobody"), "neither a group nor an agent"),
        (("what-if", "result.nc", "--weight", "transport=2"), "from 0 to 1"),
        (("what-if", "result.nc", "--area", "transport"), "Add --by group"),
        (("check", "https://example.org/r.nc"), "address"),
        (("guess",), "Unknown command"),
    ],
)
def test_bad_input_and_usage_exit_with_2_and_one_plain_sentence(arguments, message, run, no_fit, folder):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err
    assert not (folder / "new.nc").exists()


def test_draws_out_of_range_exit_with_2(run):
    code, out, err = run(*FIT, "--draws", "0")
    assert (code, out) == (2, "")
    assert '"draws" is 0' in err


def test_scores_by_group_need_groups(run, tmp_path, folder):
    fit = load(folder / "result.nc")
    stored = fit["scores"].to_dataset()
    fit["scores"] = xr.DataTree(stored.drop_dims(["group", "group_other"]))
    fit = close(fit, from_dataset(fit["checks"].to_dataset()))
    save(fit, tmp_path / "r.nc")
    code, out, err = run("scores", str(tmp_path / "r.nc"), "--by", "group", "--json")
    assert (code, out) == (2, "")
    assert "no groups" in err


def _interrupt(*_, **__):
    raise KeyboardInterrupt


def _fault(*_, **__):
    raise RuntimeError("of the program")


def test_an_interrupted_fit_exits_with_130_and_leaves_the_old_result(run, monkeypatch, tmp_path):
    (tmp_path / "r.nc").write_text("old")
    monkeypatch.setattr(sys.modules["dissensus.inference.fit"], "fit", _interrupt)
    code, out, err = run("fit", "study.toml", "answers.csv", "-o", str(tmp_path / "r.nc"), "--force")
    assert (code, out) == (130, "")
    assert err.endswith("Interrupted.\n")
    assert [path.name for path in tmp_path.iterdir()] == ["r.nc"]
    assert (tmp_path / "r.nc").read_text() == "old"


def test_a_fault_of_the_program_is_not_taken_for_a_refusal(run, monkeypatch):
    monkeypatch.setattr(sys.modules["dissensus.inference.fit"], "fit", _fault)
    code, out, err = run(*FIT)
    assert (code, out) == (3, "")
    assert "RuntimeError: of the program" in err
    assert "please report it" in err


def test_numbers_are_printed_even_when_they_cannot_be_written(folder, run, monkeypatch, tmp_path):
    fitted = load(folder / "result.nc")

    def meanwhile(*_, **__):
        (tmp_path / "r.nc").write_text("another's")
        return fitted

    monkeypatch.setattr(sys.modules["dissensus.inference.fit"], "fit", meanwhile)
    code, out, err = run("fit", "study.toml", "answers.csv", "-o", str(tmp_path / "r.nc"), "--json")
    assert (code, out) == (2, (folder / "printed.json").read_text())
    assert "exists" in err
    assert (tmp_path / "r.nc").read_text() == "another's"


def test_a_reader_who_leaves_is_no_fault():
    done = subprocess.run(
        f"{sys.executable} -P -m dissensus --help | true; echo ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    assert done.stdout in {"0\n", "141\n"}  # 0 where all was written before the reader left


def test_the_demo_shows_scores_caution_alternatives_and_what_to_type_next(run):
    code, out, _ = run("demo")
    assert code == 0
    for text in ("216 students", "State: caution", "What caution means here", "best predicting first", "How to read"):
        assert text in out
    assert "role_conflict: The score depends on the model" in out
    assert "dissensus fit study.toml answers.csv -o result.nc" in out
    assert out == run("demo")[1]


def test_the_table_and_the_study_that_the_demo_shows_can_be_copied(tmp_path):
    shown = cli._NEXT.splitlines()
    indented = [line.strip() for line in shown if line.startswith("         ")]
    start = next(i for i, line in enumerate(indented) if line.startswith("title"))
    (tmp_path / "answers.csv").write_text("\n".join(indented[:start]) + "\n")
    (tmp_path / "study.toml").write_text("\n".join(indented[start:]) + "\n")
    assert tomllib.loads((tmp_path / "study.toml").read_text()) == tomllib.loads(cli._STUDY)
    study = datasets.Study.from_toml(tmp_path / "study.toml")
    assert datasets.read_table(tmp_path / "answers.csv", study).n_agents == 2
