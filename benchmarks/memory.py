"""Is the memory that is estimated before a fit what the fit then takes? Largest resident memory of whole fits.

    uv run python benchmarks/memory.py                   # 200 to 60,000 agents, three times each; ten minutes
    uv run python benchmarks/memory.py --agents 200 --times 1   # a look; nothing is written

Each fit is a process of its own, which simulates a study of 2 or 4 areas with 6 items of 4 options, fits it and saves
the result. The estimate counts from what the process held before; the peak is that of the whole process, so both are
given with it. (Linux: `VmHWM`. `ru_maxrss` of a process begins at the memory of the one that started it, which made a
fit look larger the more its parent held.) An estimate is right when the peak lies within a quarter of it, in every run.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import record

QUARTER = 0.25
SIZES = {200: 2, 6_000: 2, 10_000: 4, 60_000: 2}
"""Agents, and areas."""
MEASURED = """
import json, re, sys
from pathlib import Path
import psutil
from dissensus import datasets, inference
from dissensus.inference.memory import estimate_memory
from dissensus.inference.model import area_densities
from dissensus.inference.result import LOG_LIKELIHOOD_NUMBERS
agents, areas, items, path = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
goals = ["x", "y", "z"]
def area(name):
    serves = {goal: goal for goal in goals} | {"none": []}
    return {"goals": goals, "conflict": 1.0, "items": {f"{name}{j}": {"serves": serves} for j in range(items)}}
study = datasets.Study.from_dict({"areas": {name: area(name) for name in "abcdefgh"[:areas]}})
choices = datasets.simulate(study, agents, seed=1)
held = psutil.Process().memory_info().rss
needed = estimate_memory(choices, area_densities(choices), draws=2_000, stored=LOG_LIKELIHOOD_NUMBERS)
inference.save(inference.fit(choices, seed=1), path)
peak = 1024 * int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])
print(json.dumps({"agents": agents, "areas": areas, "held": held, "estimate": held + needed, "peak": peak}))
"""


def measured(agents: int, areas: int, *, items: int = 6) -> dict[str, Any]:
    """Return what one process held before its fit, what was estimated and its peak, in bytes."""
    with tempfile.TemporaryDirectory() as folder:
        options = [str(agents), str(areas), str(items), str(Path(folder) / "result.nc")]
        command = [sys.executable, "-P", "-c", MEASURED, *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return dict(json.loads(done.stdout))


def table(runs: list[dict[str, Any]]) -> str:
    """Return the Markdown table of the runs."""
    lines = ["| agents | areas | held before, MB | estimate, MB | peaks, MB | estimate ÷ peak |"]
    lines.append("|--:|--:|--:|--:|--:|--:|")
    for agents in dict.fromkeys(run["agents"] for run in runs):
        own = [run for run in runs if run["agents"] == agents]
        ratios = [run["estimate"] / run["peak"] for run in own]
        held, estimate = (f"{sum(run[key] for run in own) / len(own) / 1e6:,.0f}" for key in ("held", "estimate"))
        peaks = ", ".join(f"{run['peak'] / 1e6:,.0f}" for run in own)
        lines.append(
            f"| {agents:,} | {own[0]['areas']} | {held} | {estimate} | {peaks} | {min(ratios):.2f}–{max(ratios):.2f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    kept: dict[str, Any] = record.begin("dissensus", "numpy", "pymc") | {"runs": []}
    for _ in range(options.times):
        for agents in options.agents:
            kept["runs"].append(measured(agents, SIZES[agents]))
            print(kept["runs"][-1], file=sys.stderr, flush=True)
    text = table(kept["runs"])
    print(text)
    wrong = [run for run in kept["runs"] if not abs(run["estimate"] / run["peak"] - 1) <= QUARTER]
    if (set(options.agents) == set(SIZES) and options.times >= 3) or options.output:
        record.keep("memory", kept, record.heading(kept) + "\n" + text, options.output)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
