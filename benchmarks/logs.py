"""How long a log of events takes, from cold processes: the reduction beside peers, and the whole ``dissensus fit``.

    uv run --group benchmark python benchmarks/logs.py                    # 20 million events; several minutes
    uv run --group benchmark python benchmarks/logs.py --events 1000000 --output FOLDER

Every way of reducing must give the same counts. ``reduction`` reduces only; ``read_log`` also looks at every event for
what is wrong with it, repeated events among it. ``fit`` is the command, from events to printed scores.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from cold import run_cold
from log_workload import N_AREAS, N_ITEMS, OUTCOMES, study_text, write_log
from record import begin, heading, keep
from speed import COMMAND

STOP = 900.0
N = N_AREAS * N_ITEMS
MEMORY = 700e6
"""What the embedded engine may take of the gigabyte that the process may take."""
PACKAGES = ("dissensus", "duckdb", "narwhals", "pandas", "polars", "pyarrow", "numpy")
LIMITS = {"reduction": (4.0, 1.0), "fit, last answers": (30.0, None)}
"""What is run → most seconds and most memory in GB, on two idle cores, at 20 million events."""

type Row = dict[str, Any]


def digest(agent: Any, item: Any, outcome: Any, n: Any) -> str:
    """Return a hash of counts that no order of rows changes."""
    cells = [np.asarray(column) for column in (agent, item, outcome, n)]
    order = np.lexsort(cells[:3])
    return hashlib.sha256(b"".join(cell[order].astype("<i8").tobytes() for cell in cells)).hexdigest()[:16]


def by_dissensus(log: Path) -> tuple[Any, ...]:
    import pyarrow as pa
    from dissensus.datasets.log_files import log_files
    from dissensus.datasets.log_reduce import Codes, Plan, reduce_events
    from dissensus.datasets.log_source import events_of_files

    from dissensus import datasets

    study = datasets.Study.from_text(study_text(keep="all"))
    files = log_files(log, study.table.limits)
    with events_of_files(files, ["agent", "item", "outcome"], max_memory=MEMORY) as events:
        items = pa.table({"x1": [f"item{i}" for i in range(N)], "code": pa.array(range(N), pa.int32())})
        outcomes = pa.table({"x2": list(OUTCOMES), "code": pa.array(range(len(OUTCOMES)), pa.int32())})
        plan = Plan(("x0",), Codes("x1", events.small(items)), Codes("x2", events.small(outcomes)))
        table = events.collected(reduce_events(events.frame, plan))
    return tuple(table.column(name).to_numpy() for name in ("agent0", "question", "answer", "n"))


def by_read_log(log: Path) -> tuple[Any, ...]:
    from dissensus import datasets

    choices = datasets.read_log(log, datasets.Study.from_text(study_text(keep="all")), max_memory=MEMORY)
    agents = choices.agents.astype(int)
    counts = np.stack(
        [area.counts[area.pattern_of_agent].reshape(-1, N_ITEMS, len(OUTCOMES)) for area in choices.areas], axis=1
    )
    agent, area, item, outcome = np.nonzero(counts)
    return agents[agent], N_ITEMS * area + item, outcome, counts[agent, area, item, outcome]


def by_pandas(log: Path) -> tuple[Any, ...]:
    import pandas as pd

    frame = pd.read_parquet(log, columns=["agent", "item", "outcome"])
    counts = frame.groupby(["agent", "item", "outcome"], observed=True).size().reset_index(name="n")
    item = counts["item"].astype(str).str.removeprefix("item").astype(int)
    return counts["agent"], item, counts["outcome"].astype(str).map(OUTCOMES.index), counts["n"]


def by_polars(log: Path) -> tuple[Any, ...]:
    import polars as pl

    counts = pl.scan_parquet(log / "*.parquet").group_by("agent", "item", "outcome").len().collect(engine="streaming")
    item = counts["item"].cast(pl.String).str.strip_prefix("item").cast(pl.Int64)
    codes = dict(zip(OUTCOMES, range(len(OUTCOMES)), strict=True))
    outcome = counts["outcome"].cast(pl.String).replace_strict(codes, return_dtype=pl.Int64)
    return counts["agent"], item, outcome, counts["len"]


WAYS: dict[str, Callable[[Path], tuple[Any, ...]]] = {
    "reduction": by_dissensus,
    "read_log": by_read_log,
    "pandas": by_pandas,
    "polars": by_polars,
}


def work(way: str, log: Path) -> None:
    """Reduce in this process and print the hash of the counts."""
    started, used = time.perf_counter(), time.process_time()
    counts = WAYS[way](log)
    inside = {"inside": time.perf_counter() - started, "inside_cpu": time.process_time() - used}
    print(json.dumps({"digest": digest(*counts)} | inside))


def measured(way: str, log: Path) -> Row:
    """Run one way of reducing in a cold process."""
    run = run_cold([sys.executable, __file__, "--work", way, str(log)], limit=STOP)
    row = {"run": way, "seconds": run.seconds, "cpu": run.cpu, "peak_gb": run.peak_gb, "code": run.code}
    if run.code:
        return row | {"outcome": f"failed: {run.fault}"}
    return row | {"outcome": "stopped"} if run.code is None else row | json.loads(run.out) | {"outcome": "ok"}


def fitted(folder: Path, log: Path, keep_what: str) -> Row:
    """Run the whole command."""
    study = folder / f"{keep_what}.toml"
    study.write_text(study_text(keep=keep_what))
    command = [
        COMMAND,
        "fit",
        str(study),
        str(log),
        "-o",
        str(folder / "result.nc"),
        "--seed",
        "1",
        "--json",
        "--force",
    ]
    run = run_cold(command, limit=STOP)
    name = {"last": "fit, last answers", "all": "fit, all answers"}[keep_what]
    row = {"run": name, "seconds": run.seconds, "cpu": run.cpu, "peak_gb": run.peak_gb, "code": run.code}
    if run.code is None:
        return row | {"outcome": f"stopped at {STOP:.0f} s"}
    return row | {"outcome": json.loads(run.out)["state"] if run.code in {0, 1} else f"failed: {run.fault}"}


def table(rows: list[Row], n_events: int) -> str:
    """Return the rows as a Markdown table."""
    lines = [
        "| run | whole process, s | its processor, s | the run itself, s | its processor, s | limit, s | memory, GB "
        "| limit, GB | outcome |",
        "|---|--:|--:|--:|--:|--:|--:|--:|---|",
    ]
    for row in rows:
        seconds, memory = LIMITS.get(row["run"], (None, None)) if n_events >= 20_000_000 else (None, None)
        inside = [f"{row[key]:.1f}" if key in row else "" for key in ("inside", "inside_cpu")]
        lines.append(
            f"| {row['run']} | {row['seconds']:.1f} | {row['cpu']:.1f} | {inside[0]} | {inside[1]} | {seconds or ''} "
            f"| {row['peak_gb']:.2f} | {memory or ''} | {row['outcome']} |"
        )
    return "\n".join(lines) + "\n"


def within(row: Row) -> bool:
    """Return whether a run came to its end within its limits; the time is that in the process where it is known."""
    seconds, memory = LIMITS.get(row["run"], (None, None))
    late = seconds is not None and row.get("inside", row["seconds"]) > seconds
    return row["code"] in {0, 1} and not late and not (memory is not None and row["peak_gb"] > memory)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--agents", type=int, default=100_000)
    parser.add_argument("--fits", nargs="*", choices=["last", "all"], default=["last"])
    parser.add_argument("--output", type=Path, help="folder for the results; default, if complete: results/ and README")
    parser.add_argument("--work", nargs=2, metavar=("WAY", "LOG"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work[0], Path(options.work[1]))
        return 0
    record = begin(*PACKAGES) | {"events": options.events, "agents": options.agents}
    ways = [way for way in WAYS if way != "polars" or importlib.util.find_spec("polars")]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print("writing events ...", file=sys.stderr, flush=True)
        log = write_log(folder, options.events, options.agents)
        rows = []
        for way in ways:
            print(f"{way} ...", file=sys.stderr, flush=True)
            rows.append(measured(way, log))
        if len({row["digest"] for row in rows if "digest" in row}) > 1:
            raise SystemExit(f"the counts differ: {rows}")
        for keep_what in options.fits:
            print(f"fit, {keep_what} ...", file=sys.stderr, flush=True)
            rows.append(fitted(folder, log, keep_what))
    size = f"{options.events:,} events of {options.agents:,} agents in 20 Parquet files.\n"
    text = heading(record) + size + "\n" + table(rows, options.events)
    print(text, flush=True)
    if options.output is not None or (options.events >= 20_000_000 and "polars" in ways):
        keep("logs", record | {"runs": rows}, text, options.output)
    return int(options.events >= 20_000_000 and not all(within(row) for row in rows))


if __name__ == "__main__":
    sys.exit(main())
