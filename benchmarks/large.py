"""Fits whose agents hardly ever answer alike: how long, and how much memory, from choices to a saved result.

    uv run python benchmarks/large.py                             # 1,000,000 agents, 20 areas; five minutes and more
    uv run python benchmarks/large.py --agents 10000 --areas 2    # a look; nothing is written

Each agent answers one item of five options about sixty times in each area (a Poisson number whose mean differs between
agents), three of the options serve one of three goals each. The process that fits is cold; a line for each stage gives
wall time, processor time and the largest resident memory so far. The memory estimate is held against the peak, as in
`benchmarks/memory.py`.
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

SIZES = {(10_000, 20), (100_000, 20), (1_000_000, 20)}
FITTED = """
import json, re, sys, time
from pathlib import Path
import psutil
sys.path.insert(0, sys.argv[5])
from large import simulated
from dissensus import inference
from dissensus.inference.memory import estimate_memory
from dissensus.inference.model import area_densities
from dissensus.inference.result import LOG_LIKELIHOOD_NUMBERS
agents, areas, path, method = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
choices = simulated(agents, areas)
def peak():
    return 1024 * int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])
patterns = sum(len(area.counts) for area in choices.areas) / len(choices.areas)
held, before = psutil.Process().memory_info().rss, peak()
needed = estimate_memory(choices, area_densities(choices), draws=2_000, stored=LOG_LIKELIHOOD_NUMBERS)
begun, worked, stages = time.perf_counter(), time.process_time(), []
def say(stage):
    stages.append([stage, time.perf_counter() - begun, time.process_time() - worked, peak()])
    print(f"{stages[-1][1]:8.1f} s {stages[-1][2]:8.1f} s {stages[-1][3] / 1e6:8,.0f} MB  {stage}", file=sys.stderr)
fit = inference.fit(choices, seed=1, method=method, progress=say)
say("fitted")
inference.save(fit, path)
say("saved")
print(json.dumps({"agents": agents, "areas": areas, "method": method, "patterns": patterns, "held": held,
    "estimate": held + needed, "peak": peak(), "stages": stages, "state": json.loads(fit.attrs["state"]),
    "khat": [d["khat"] for d in json.loads(fit.attrs["diagnostics"]).values()]}))
"""


def simulated(agents: int, areas: int, *, seed: int = 1) -> Any:
    """Return the choices of simulated agents with counts in each area."""
    import numpy as np
    from dissensus.datasets.patterns import build_choices

    from dissensus import datasets

    serves: dict[str, Any] = {"x": "x", "y": "y", "z": "z", "other": [], "none": []}
    conflict = {"x|y": 1.0, "x|z": 0.5, "y|z": 0.7}
    study = datasets.Study.from_dict(
        {
            "table": {"layout": "long", "agent": "agent", "item": "item", "answer": "answer", "times": "n"},
            "areas": {
                f"area{k}": {
                    "goals": ["x", "y", "z"],
                    "conflict": conflict,
                    "items": {f"item{k}": {"serves": serves, "repeated": True}},
                }
                for k in range(areas)
            },
        }
    )
    rng = np.random.default_rng(seed)
    favours, answers = np.hstack([np.eye(3), np.zeros((3, 2))]), {}
    for k in range(areas):
        share, mean, spread = rng.dirichlet([3.0] * 3), rng.beta(4, 4), rng.gamma(6, 0.7)
        baseline, counts = rng.dirichlet([4.0] * 5), np.empty((agents, 5), dtype=np.int32)
        for start in range(0, agents, 50_000):
            n = min(50_000, agents - start)
            goal = rng.choice(3, n, p=share)
            weight = rng.beta(1 + mean * spread, 1 + (1 - mean) * spread, n)[:, None]
            times = rng.poisson(60 * rng.gamma(4, 0.25, n))
            counts[start : start + n] = rng.multinomial(times, weight * favours[goal] + (1 - weight) * baseline)
        answers[f"item{k}"] = counts
    return build_choices(study, np.arange(1, agents + 1).astype(str).astype(object), answers, source="simulation")


def fitted(agents: int, areas: int, method: str) -> dict[str, Any]:
    """Return times and memory of one fit in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        options = [str(agents), str(areas), str(Path(folder) / "result.nc"), method, str(Path(__file__).parent)]
        command = [sys.executable, "-P", "-c", FITTED, *options]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"the fit of {agents:,} agents ended with {done.returncode}")
    return dict(json.loads(done.stdout))


def table(runs: list[dict[str, Any]]) -> str:
    """Return the Markdown table of the runs."""
    lines = ["| agents | areas | patterns per area | stage | wall, s | processor, s | peak so far, MB |"]
    lines.append("|--:|--:|--:|---|--:|--:|--:|")
    for run in runs:
        for stage, wall, worked, peak in run["stages"]:
            size = f"| {run['agents']:,} | {run['areas']} | {run['patterns']:,.0f} "
            lines.append(f"{size}| {stage} | {wall:.0f} | {worked:.0f} | {peak / 1e6:,.0f} |")
    lines += ["", "| agents | areas | estimate, MB | peak, MB | estimate ÷ peak | state | largest k̂ |"]
    lines.append("|--:|--:|--:|--:|--:|---|--:|")
    for run in runs:
        ratio, khat = run["estimate"] / run["peak"], max(run["khat"])
        size = f"| {run['agents']:,} | {run['areas']} | {run['estimate'] / 1e6:,.0f} | {run['peak'] / 1e6:,.0f} "
        lines.append(f"{size}| {ratio:.2f} | {run['state']} | {khat:.2f} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--areas", type=int, default=20)
    parser.add_argument("--method", default="laplace", choices=["laplace", "auto"])
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    kept: dict[str, Any] = record.begin("dissensus", "numpy") | {"runs": []}
    for agents in options.agents:
        kept["runs"].append(fitted(agents, options.areas, options.method))
    text = table(kept["runs"])
    print(text)
    if all((agents, options.areas) in SIZES for agents in options.agents) or options.output:
        record.keep("large", kept, record.heading(kept) + "\n" + text, options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
