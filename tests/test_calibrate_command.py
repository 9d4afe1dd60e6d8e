"""`dissensus calibrate`: exit codes, what it prints, and that an interrupt loses nothing."""

import json
import re
import signal
import subprocess
import sys
import time

import pytest
from dissensus.inference import calibration_pool
from dissensus.inference.calibration_design import quantities
from dissensus.inference.calibration_ranks import SetResult

from dissensus import cli

STUDY = """\
title = "Getting to work"
[areas.transport]
goals = ["cars", "transit"]
conflict = 1.0
[areas.transport.items.roads]
serves = { build = "cars", stop = "transit" }
[areas.transport.items.fares]
serves = { lower = "transit", higher = "cars" }
"""


@pytest.fixture
def study(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(STUDY)
    return str(path)


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command on data sets that cost nothing: ranks in order, so perfectly even, or all the same."""
    monkeypatch.setenv("COLUMNS", "110")

    def call(*arguments, even=True):
        def run_set(design, seed, number):
            rank = (number * 73 + 11) % 200 if even else 199
            return SetResult(number, (rank,) * len(quantities(design)), ("importance",), ("",), 0.0)

        monkeypatch.setattr(calibration_pool, "run_set", run_set)
        code = cli.run(["calibrate", *arguments, "--cores", "1"])
        caught = capsys.readouterr()
        return code, caught.out, caught.err

    return call


def test_a_passed_calibration_exits_with_0(run, study, tmp_path):
    folder = tmp_path / "run"
    code, out, err = run(study, "--agents", "30", "--seed", "1", "-o", str(folder))
    assert code == 0
    assert out.startswith("passed  Getting to work: 200 data sets of 30 agents; seed 1\n")
    assert "What this run would have found" in out
    assert "20 of 200 data sets" in err
    assert re.search(r"180 of 200 data sets, \d+\.\d minutes left", err)
    assert err.endswith(f"Written to {folder}/report.html\n")
    code, out, err = run(study, "--agents", "30", "-o", str(folder), "--json")
    assert (code, json.loads(out)["state"], json.loads(out)["seed"]) == (0, "passed", 1)


def test_a_failed_calibration_exits_with_1(run, study):
    code, out, _ = run(study, "--agents", "30", "--seed", "1", even=False)
    assert code == 1
    assert out.startswith("failed")
    assert "not honest for this design" in out


def test_too_few_data_sets_exit_with_1(run, study):
    code, out, _ = run(study, "--sets", "20", "--seed", "1")
    assert code == 1
    assert out.startswith("too few")


def test_groups_are_given_by_name_and_share(run, study):
    arguments = ["--agents", "30", "--seed", "1", "--groups", "women=0.5", "men=0.3", "a=b=0.2", "--json"]
    code, out, _ = run(study, *arguments)
    assert code == 0
    assert json.loads(out)["groups"] == {"women": 0.5, "men": 0.3, "a=b": 0.2}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--groups", "women"], "\"--groups\" has 'women'. Give each group once, as NAME=SHARE"),
        (["--groups", "women=much"], "\"--groups\" has 'women=much'"),
        (["--groups", "a=0.5", "a=0.5"], "\"--groups\" has 'a=0.5'"),
        (["--groups", "a=1"], "one group, or one name twice"),
        (["--agents", "1"], '"agents" is 1; a score needs two agents'),
        (["--missing", "1"], '"missing" is 1.0'),
        (["--sets", "0"], '"sets" is 0. Use 1 or more.'),
        (["--seed", "-1"], '"seed" is -1'),
    ],
)
def test_bad_options_exit_with_2(run, study, arguments, message):
    code, out, err = run(study, *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err


def _listen():
    """Take interrupts, which jobs in the background of a shell ignore, and what they start with them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_an_interrupt_keeps_what_is_finished(study, tmp_path):
    """The real command on two cores, interrupted after its first data sets; its processes end with it."""
    folder = tmp_path / "run"
    command = [sys.executable, "-P", "-m", "dissensus", "calibrate", study, "--agents", "20", "--sets", "10000"]
    command += ["--seed", "1", "--cores", "2", "-o", str(folder)]
    journal = folder / "data_sets.jsonl"
    with subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=_listen,  # noqa: PLW1509 - this process starts no threads of its own
    ) as process:
        began = time.monotonic()
        while not (journal.exists() and journal.read_bytes().count(b"\n") >= 3):
            assert process.poll() is None and time.monotonic() - began < 300
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert f"What is finished is in {folder}: the same command goes on from there." in said
    assert "Traceback" not in said
    header, *kept = (json.loads(row.split(" ", 1)[1]) for row in journal.read_text().splitlines())
    assert (header["agents"], header["seed"]) == (20, 1)
    assert len({record["set"] for record in kept}) == len(kept) >= 2
    assert not (folder / "report.html").exists()
