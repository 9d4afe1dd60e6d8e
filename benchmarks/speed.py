"""How long ``dissensus fit`` takes, from a cold process to its exit, beside the limits we hold it to.

    uv run --exact python benchmarks/speed.py                     # everything: about half an hour
    uv run python benchmarks/speed.py --agents 10000 --runs default groups   # nothing is kept

The command reads a Parquet table (wide, text), fits it with all structural alternatives and checks, writes the result
and prints the scores. It is run once before anything is measured, so that the files it needs have been read once.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from cold import Run, run_cold
from record import begin, heading, keep
from workload import write_workload

HERE = Path(__file__).parent
COMMAND = str(Path(sysconfig.get_path("scripts")) / "dissensus")
LIMITS = {10_000: (20.0, None), 100_000: (28.0, None), 1_000_000: (55.0, 4.0)}
"""Agents → most seconds and most memory in GB of the default run, on two cores."""
DEMO_LIMIT = 12.0
STOP = 900.0
RUNS = {"default": "default", "groups": "with 5 groups", "nuts": "with --method nuts"}
PACKAGES = ("dissensus", "numpy", "scipy", "xarray", "arviz-stats", "nutpie", "pyarrow")

type Row = dict[str, Any]


def fit(run: str, n_agents: int, *, repeats: int) -> Row:
    """Return time, memory and outcome of one kind of run; with repeats, the run of median time."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        study, table = write_workload(folder, n_agents, grouped=run == "groups")
        command = [COMMAND, "fit", str(study), str(table), "-o", str(folder / "result.nc"), "--seed", "1"]
        command += ["--json", "--force", *(["--method", "nuts"] if run == "nuts" else [])]
        runs = [run_cold(command, limit=STOP) for _ in range(repeats)]
    return {"run": run, "agents": n_agents} | of_median(runs, answer=True)


def of_median(runs: list[Run], *, answer: bool = False) -> Row:
    """Return the row of the run of median time."""
    middle = statistics.median_low([run.seconds for run in runs])
    run = next(run for run in runs if run.seconds == middle)
    row: Row = {
        "seconds": run.seconds,
        "every": [run.seconds for run in runs],
        "cpu": run.cpu,
        "peak_gb": max(run.peak_gb for run in runs),
        "code": run.code,
    }
    if run.code is None:
        return row | {"outcome": f"stopped at {STOP:.0f} s"}
    if run.code not in {0, 1}:
        return row | {"outcome": f"failed: {run.fault}"}
    if not answer:
        return row | {"outcome": "ok" if run.code == 0 else "refused"}
    said = json.loads(run.out)
    methods = sorted(set(said["method"].values()))
    return row | {"outcome": said["state"], "method": said["method"], "methods": " and ".join(methods)}


def within(row: Row) -> bool:
    """Return whether a run came to its end within its limits, where it has any."""
    seconds, memory = limits(row)
    if row["code"] not in {0, 1}:
        return False
    return not ((seconds is not None and row["seconds"] > seconds) or (memory is not None and row["peak_gb"] > memory))


def limits(row: Row) -> tuple[float | None, float | None]:
    """Return the most seconds and the most memory of a row, None where there is no limit."""
    if row["run"] == "demo":
        return DEMO_LIMIT, None
    return LIMITS.get(row["agents"], (None, None)) if row["run"] == "default" else (None, None)


def table(rows: list[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = [
        "| run | agents | time, s | limit, s | memory, GB | limit, GB | processor, s | drawn by | state | within |",
        "|---|--:|--:|--:|--:|--:|--:|---|---|---|",
    ]
    for row in rows:
        seconds, memory = limits(row)
        held = "NO" if not within(row) else "" if seconds is None else "yes"
        lines.append(
            f"| {RUNS.get(row['run'], 'demo')} | {row['agents']:,} | {row['seconds']:.1f} | {shown(seconds)} | "
            f"{row['peak_gb']:.2f} | {shown(memory)} | {row['cpu']:.0f} | {row.get('methods', '')} | "
            f"{row['outcome']} | {held} |"
        )
    return "\n".join(lines) + "\n"


def shown(limit: float | None) -> str:
    return "" if limit is None else f"{limit:.0f}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, nargs="+", default=list(LIMITS))
    parser.add_argument("--runs", nargs="+", choices=list(RUNS), default=list(RUNS))
    parser.add_argument("--repeats", type=int, default=1, help="runs of each kind; the median is shown")
    parser.add_argument("--output", type=Path, help="folder for the results; default, if complete: results/ and README")
    options = parser.parse_args()
    if not Path(COMMAND).exists():
        parser.error("the command dissensus is not installed beside this Python")
    complete = set(options.agents) >= set(LIMITS) and set(options.runs) == set(RUNS)
    record = begin(*PACKAGES) | {"repeats": options.repeats}
    print("first run, not measured ...", file=sys.stderr, flush=True)
    run_cold([COMMAND, "demo"], limit=STOP)
    rows = [
        {"run": "demo", "agents": 216}
        | of_median([run_cold([COMMAND, "demo"], limit=STOP) for _ in range(options.repeats)])
    ]
    for run in options.runs:
        for n_agents in options.agents:
            print(f"{RUNS[run]}, {n_agents:,} agents ...", file=sys.stderr, flush=True)
            rows.append(fit(run, n_agents, repeats=options.repeats))
    repeats = f"Median of {options.repeats} runs.\n" if options.repeats > 1 else ""
    text = heading(record) + repeats + "\n" + table(rows)
    print(text, flush=True)
    if complete or options.output is not None:
        keep("speed", record | {"runs": rows}, text, options.output)
    return int(not all(within(row) for row in rows))


if __name__ == "__main__":
    sys.exit(main())
