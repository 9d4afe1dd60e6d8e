"""Our default and our NUTS beside other ways to sample the same posterior, on the same answers.

    uv run --group benchmark python benchmarks/peers.py                              # everything: up to two hours
    uv run --group benchmark python benchmarks/peers.py --agents 300 --limit 60      # a quick look; nothing is kept

Every peer is a new process that reads the answers from disk and ends with draws of the goal shares. Contention is that
of the population, 1 − Σ share² (all conflicts are 1), computed here from the goal shares of every peer alike.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from cold import Run, run_cold
from peer_models import CHAINS, DRAWS, OURS, PEERS, WARMUP
from record import begin, heading, keep
from workload import write_workload

HERE = Path(__file__).parent
AGENTS = (300, 1_000, 10_000)
LIMIT = 600.0
PACKAGES = ("dissensus", "numpy", "scipy", "pymc", "pytensor", "nutpie", "jax", "numpyro", "arviz-stats")
# One thread per XLA computation: chains then share the cores without waiting for each other (a third of the time).
ENVIRONMENT = {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"}
AGREEMENT = 4.0
"""Most combined Monte Carlo errors by which two posterior means of one posterior may differ."""
CONVERGED = 1.05

type Row = dict[str, Any]


def measure(peer: str, folder: Path, *, limit: float) -> Row:
    """Return the row of one peer, with its posterior means when it came to an end."""
    result = folder / "draws.npz"
    result.unlink(missing_ok=True)
    command = [sys.executable, str(HERE / "peer_models.py"), peer, str(folder), str(result)]
    run = run_cold(command, limit=limit, environment=ENVIRONMENT)
    row: Row = {"peer": peer, "seconds": run.seconds, "cpu": run.cpu, "peak_gb": run.peak_gb}
    if run.code is None:
        return row | {"outcome": f"reached the limit of {limit:.0f} s"}
    if run.code != 0 or not result.exists():
        return row | {"outcome": f"failed: {run.fault}"}
    return row | {"outcome": "finished"} | judged(result, run)


def judged(result: Path, run: Run) -> Row:
    """Return the effective draws, means and Monte Carlo errors of the draws that a peer left."""
    with np.load(result) as kept:
        share, copies = kept["goal_share"], kept.get("copies")
        drawn_at, said = float(kept["drawn_at"]), str(kept["said"])
    contention = 1 - np.square(share).sum(axis=-1)
    shares = [quantity(share[..., p, g], copies, p) for p in range(share.shape[2]) for g in range(share.shape[3])]
    contentions = [quantity(contention[..., p], copies, p) for p in range(share.shape[2])]
    every = contentions + shares
    least = min(q["ess"] for q in every)
    return {
        "drawn_after": drawn_at - run.started,
        "ess_contention": min(q["ess"] for q in contentions),
        "ess_share": min(q["ess"] for q in shares),
        "ess_per_second": least / run.seconds,
        "rhat": max(q["rhat"] for q in every) if share.shape[0] > 1 else None,
        "said": said,
        "means": [q["mean"] for q in every],
        "errors": [q["error"] for q in every],
    }


def quantity(draws: Any, copies: Any, area: int) -> dict[str, float]:
    """Return mean, Monte Carlo error, least of bulk and tail ESS, and R-hat of one quantity, from (chain, draw).

    With ``copies``, (area, draw), the draws are resampled importance draws: the error of their mean μ is that of
    distinct draws x taken c times of N, √Σ (c/N)² (x − μ)², so a quantity that lives in the tails is worth fewer.
    """
    from arviz_stats.base import array_stats

    spread = np.square(draws - draws.mean())
    bulk, mean = array_stats.ess(draws, method="bulk"), array_stats.ess(draws, method="mean")
    tail = array_stats.ess(draws, method="tail", prob=(0.05, 0.95))
    most = float("inf") if copies is None else float(draws.size * spread.sum() / (copies[area] * spread).sum())
    return {
        "mean": float(draws.mean()),
        "error": float(draws.std() / np.sqrt(min(float(mean), most))),
        "ess": min(float(bulk), float(tail), most),
        "rhat": float(array_stats.rhat(draws)) if len(draws) > 1 else float("nan"),
    }


def compare(rows: list[Row]) -> None:
    """Add to every finished row its rate against the best peer, and its distance from our default."""
    others = [row["ess_per_second"] for row in rows if "means" in row and row["peer"] not in OURS]
    ours = next((row for row in rows if row["peer"] == OURS[0] and "means" in row), None)
    for row in rows:
        if "means" not in row:
            continue
        row["ratio"] = row["ess_per_second"] / max(others) if others else None
        if ours is not None and row is not ours:
            row["distance"] = distance(row, ours)
            row["agrees"] = row["distance"] <= AGREEMENT


def faulty(row: Row) -> bool:
    """Return whether a peer failed, or converged to other means than our default."""
    converged = row.get("rhat") is None or row["rhat"] <= CONVERGED
    return row["outcome"].startswith("failed") or (converged and row.get("agrees") is False)


def distance(one: Row, other: Row) -> float:
    """Return the largest difference of posterior means, in combined Monte Carlo errors."""
    gap = np.array(one["means"]) - np.array(other["means"])
    return float(np.abs(gap / np.hypot(one["errors"], other["errors"])).max())


def table(n_agents: int, rows: list[Row]) -> str:
    """Return the rows of one number of agents as a Markdown table."""
    lines = [
        f"### {n_agents:,} agents",
        "",
        "| peer | time, s | draws after, s | processor, s | memory, GB | least effective draws: contention | "
        "goal shares | effective draws/s | ÷ best peer | R-hat | means agree with our default |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|",
    ]
    for row in rows:
        if "means" not in row:
            lines.append(f"| {row['peer']} | {row['outcome']} | | | | | | | | | |")
            continue
        ratio = "no peer finished" if row["ratio"] is None else f"{row['ratio']:.2f}"
        rhat = "one chain" if row["rhat"] is None else f"{row['rhat']:.3f}"
        agrees = ""
        if "distance" in row:
            agrees = f"{'yes' if row['agrees'] else 'NO'} (largest difference {row['distance']:.1f})"
            if row["rhat"] is not None and row["rhat"] > CONVERGED:
                agrees += ", not converged"
        lines.append(
            f"| {row['peer']} | {row['seconds']:.1f} | {row['drawn_after']:.1f} | {row['cpu']:.0f} | "
            f"{row['peak_gb']:.1f} | {row['ess_contention']:.0f} | {row['ess_share']:.0f} | "
            f"{row['ess_per_second']:.2f} | {ratio} | {rhat} | {agrees} |"
        )
    pairs = [(distance(a, b), a["peer"], b["peer"]) for a, b in combinations([r for r in rows if "means" in r], 2)]
    if pairs:
        worst = max(pairs)
        lines += ["", f"Largest difference of any two: {worst[0]:.1f} combined errors ({worst[1]}, {worst[2]})."]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, nargs="+", default=list(AGENTS))
    parser.add_argument("--peers", nargs="+", choices=list(PEERS), default=list(PEERS), metavar="PEER")
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds per peer and number of agents")
    parser.add_argument("--output", type=Path, help="folder for the results; default, if complete: results/ and README")
    options = parser.parse_args()
    complete = set(options.agents) >= set(AGENTS) and set(options.peers) == set(PEERS) and options.limit >= LIMIT
    record = begin(*PACKAGES) | {"limit": options.limit, "agents": {}}
    text = heading(record) + (
        f"Limit per peer {options.limit:.0f} s. NUTS: {CHAINS} chains, {WARMUP} draws of warm-up and {DRAWS} kept.\n"
    )
    print(text, flush=True)
    stopped: dict[str, int] = {}
    for n_agents in sorted(options.agents):
        rows: list[Row] = []
        with tempfile.TemporaryDirectory() as folder:
            write_workload(Path(folder), n_agents)
            for peer in options.peers:
                print(f"{n_agents:,} agents: {peer} ...", file=sys.stderr, flush=True)
                if peer in stopped:
                    rows.append({"peer": peer, "outcome": f"not run: limit reached at {stopped[peer]:,} agents"})
                    continue
                rows.append(measure(peer, Path(folder), limit=options.limit))
                if rows[-1]["outcome"].startswith("reached"):
                    stopped[peer] = n_agents
        compare(rows)
        record["agents"][str(n_agents)] = rows
        part = table(n_agents, rows)
        print(part, flush=True)
        text += "\n" + part
    if complete or options.output is not None:
        keep("peers", record, text, options.output)
    return int(any(faulty(row) for rows in record["agents"].values() for row in rows))


if __name__ == "__main__":
    sys.exit(main())
