from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from arviz_stats.base import array_stats

from dissensus import datasets

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import a script of the benchmarks, whose folder is on the path only while it runs."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(FOLDER)

    def imported(name: str) -> ModuleType:
        return importlib.import_module(name)

    yield imported
    for name in set(sys.modules) - before:
        if (FOLDER / f"{name}.py").exists():
            del sys.modules[name]


def test_the_workload_is_the_one_the_limits_speak_of(module: Any, tmp_path: Path) -> None:
    workload = module("workload")
    study, table = workload.write_workload(tmp_path, 200, grouped=True)
    choices = datasets.read_table(table, datasets.Study.from_toml(study))
    assert choices.n_agents == 200
    assert set(choices.groups) == set(workload.GROUPS)
    assert [(len(a.goals), len(a.items), len(a.options), a.rule) for a in choices.areas] == [(3, 6, 24, "follow")] * 4
    codes = np.load(tmp_path / "answers.npy")
    for p, area in enumerate(choices.areas):
        np.testing.assert_array_equal(area.serves.reshape(3, 6, 4), workload.served())
        chosen = np.eye(4)[codes[:, p]].reshape(200, 24)
        np.testing.assert_array_equal(area.counts[area.pattern_of_agent], chosen)


def test_a_process_is_timed_and_its_fault_named(module: Any) -> None:
    run = module("cold").run_cold([sys.executable, "-c", "print('done'); raise ValueError('no such thing')"], limit=20)
    assert run.code == 1
    assert run.out == "done\n"
    assert run.fault == "ValueError: no such thing"
    assert 0 < run.cpu < 20
    assert run.peak_gb > 0.001


def test_a_process_is_stopped_at_the_limit_with_its_children(module: Any, tmp_path: Path) -> None:
    child = tmp_path / "child"
    script = (
        "import subprocess, time; "
        f"open({str(child)!r}, 'w').write(str(subprocess.Popen(['sleep', '60']).pid)); "
        "time.sleep(60)"
    )
    run = module("cold").run_cold([sys.executable, "-c", script], limit=2)
    assert run.code is None
    assert run.seconds < 5
    pid = int(child.read_text())
    for _ in range(100):
        if not alive(pid):
            break
        time.sleep(0.02)
    assert not alive(pid)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


def test_effective_draws_of_chains_and_of_resampled_draws(module: Any) -> None:
    peers, models = module("peers"), module("peer_models")
    chains = np.random.default_rng(0).standard_normal((4, 500))
    got = peers.quantity(chains, None, 0)
    tail = float(array_stats.ess(chains, method="tail", prob=(0.05, 0.95)))
    assert got["ess"] == min(float(array_stats.ess(chains, method="bulk")), tail)
    assert got["rhat"] == float(array_stats.rhat(chains))
    # 500 distinct draws, each taken four times, are worth 500
    mixed = np.random.default_rng(1).permutation(np.repeat(chains[0], 4))
    copies = models._copies(mixed[:, None])
    assert (copies == 4).all()
    resampled = peers.quantity(mixed[None], copies[None], 0)
    assert resampled["error"] == pytest.approx(mixed.std() / np.sqrt(500), rel=1e-9)
    # what is seen in often-taken draws only is worth fewer
    rare = peers.quantity((mixed > 2).astype(float)[None], np.where(mixed > 2, 40, 1)[None], 0)
    assert rare["ess"] < 100


def test_rates_are_compared_with_the_best_peer_and_means_with_our_default(module: Any) -> None:
    peers = module("peers")
    row = {"drawn_after": 1.0, "seconds": 2.0, "cpu": 2.0, "peak_gb": 0.1, "ess_contention": 9.0, "ess_share": 8.0}
    rows: list[dict[str, Any]] = [
        row | {"peer": "dissensus", "ess_per_second": 30.0, "means": [0.5], "errors": [0.03], "rhat": None},
        row | {"peer": "NumPyro", "ess_per_second": 10.0, "means": [0.6], "errors": [0.04], "rhat": 1.0},
        row | {"peer": "nutpie on JAX", "ess_per_second": 20.0, "means": [0.9], "errors": [0.04], "rhat": 1.2},
        {"peer": "plain PyMC", "outcome": "reached the limit of 1 s"},
    ]
    peers.compare(rows)
    assert [r.get("ratio") for r in rows] == [1.5, 0.5, 1.0, None]
    assert [r.get("agrees") for r in rows] == [None, True, False, None]
    assert rows[1]["distance"] == pytest.approx(2.0)
    shown = peers.table(300, rows)
    assert "| plain PyMC | reached the limit of 1 s |" in shown
    assert "NO (largest difference 8.0), not converged" in shown
    assert "Largest difference of any two: 8.0" in shown


def test_limits_are_held_against_default_runs_only(module: Any) -> None:
    speed = module("speed")
    row = {
        "run": "default",
        "agents": 1_000_000,
        "seconds": 50.0,
        "peak_gb": 3.9,
        "cpu": 9.0,
        "code": 0,
        "outcome": "ok",
    }
    assert speed.within(row)
    assert not speed.within(row | {"peak_gb": 4.1})
    assert not speed.within(row | {"seconds": 56.0})
    assert not speed.within(row | {"code": 3})
    assert speed.within(row | {"run": "groups", "seconds": 80.0})
    assert "| default | 1,000,000 | 50.0 | 55 | 3.90 | 4 | 9 |  | ok | yes |" in speed.table([row])


def test_our_default_as_a_peer(module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    peers, models, workload, cold = (module(name) for name in ("peers", "peer_models", "workload", "cold"))
    for script in (models, workload):
        monkeypatch.setattr(script, "N_AREAS", 1)  # a quarter of the time
    workload.write_workload(tmp_path, 40)
    monkeypatch.setattr(sys, "argv", ["peer_models.py", "dissensus", str(tmp_path), str(tmp_path / "draws.npz")])
    started, clock = time.time(), time.perf_counter()
    models.main()
    seconds = time.perf_counter() - clock
    row = peers.judged(tmp_path / "draws.npz", cold.Run(started, seconds, seconds, 0.1, 0, "", ""))
    assert len(row["means"]) == 4
    assert sum(row["means"][1:]) == pytest.approx(1)
    assert 0 < row["ess_share"] <= 2_000
    assert row["rhat"] is None
    assert 0 < row["drawn_after"] < seconds


def test_the_command_names_its_peers() -> None:
    done = subprocess.run(
        [sys.executable, str(FOLDER / "peers.py"), "--peers", "stan"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    for name in ("dissensus NUTS", "nutpie on JAX", "NumPyro", "plain PyMC"):
        assert name in done.stderr


def test_every_way_of_reducing_a_log_finds_the_same_counts(module: Any, tmp_path: Path) -> None:
    workload, logs = module("log_workload"), module("logs")
    log = workload.write_log(tmp_path, 20_000, 300)
    found = {way: logs.digest(*logs.WAYS[way](log)) for way in ("reduction", "read_log", "pandas")}
    assert len(set(found.values())) == 1, found
    counts = list(logs.by_pandas(log))
    counts[3] = counts[3] + (counts[0] == 7)
    assert logs.digest(*counts) != found["pandas"]
