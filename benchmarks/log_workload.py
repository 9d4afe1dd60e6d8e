"""The log that the benchmark of logs uses: events of a follow-the-goal world in Parquet parts, and its study."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

SEED = 1
N_AREAS, N_ITEMS = 4, 3
PARTS = 20
OUTCOMES = ("liked", "disliked", "skipped")


def study_text(*, keep: str) -> str:
    """Return the study file: every event counts, or of the events of an agent on an item the last."""
    lines = ['title = "Benchmark of logs"', "[log]", 'agent = "agent"', 'item = "item"', 'outcome = "outcome"']
    lines += ['time = "time"', f'keep = "{keep}"']
    for area in range(N_AREAS):
        lines += [f"[areas.area{area}]", 'goals = ["like", "dislike"]', "conflict = 1.0"]
        for item in range(N_ITEMS):
            lines += [f"[areas.area{area}.items.item{area * N_ITEMS + item}]"]
            lines += [
                'serves = { liked = "like", disliked = "dislike", skipped = [] }',
                f"repeated = {str(keep == 'all').lower()}",
            ]
    return "\n".join(lines) + "\n"


def write_log(folder: Path, n_events: int, n_agents: int) -> Path:
    """Write the parts of a log, agents in any order in each, and return their folder.

    An agent holds one of two goals in every area, 60 % the first, with a weight from a Beta(2, 2); an answer follows
    the goal with the probability of the weight, and otherwise the item's baseline. Every event has its own time.
    """
    import pyarrow as pa
    from pyarrow import parquet

    rng = np.random.default_rng(SEED)
    goal = rng.random((n_agents, N_AREAS)) < 0.6
    weight = rng.beta(2, 2, (n_agents, N_AREAS))
    baseline = rng.dirichlet([3.0] * len(OUTCOMES), N_AREAS * N_ITEMS).cumsum(axis=1)
    log = folder / "events"
    log.mkdir(parents=True, exist_ok=True)
    names = pa.array([f"item{item}" for item in range(N_AREAS * N_ITEMS)])
    words = pa.array(OUTCOMES)
    bounds = np.linspace(0, n_events, PARTS + 1).astype(int)
    for part, (start, stop) in enumerate(pairwise(bounds)):
        n = stop - start
        agent = rng.integers(0, n_agents, n)
        item = rng.integers(0, N_AREAS * N_ITEMS, n)
        area = item // N_ITEMS
        otherwise = (rng.random(n)[:, None] > baseline[item, :-1]).sum(axis=1)
        outcome = np.where(rng.random(n) < weight[agent, area], np.where(goal[agent, area], 0, 1), otherwise)
        columns: dict[str, Any] = {
            "agent": pa.array(agent.astype(np.int32)),
            "item": pa.DictionaryArray.from_arrays(pa.array(item.astype(np.int32)), names),
            "outcome": pa.DictionaryArray.from_arrays(pa.array(outcome.astype(np.int32)), words),
            "time": pa.array(1_600_000_000_000 + np.arange(start, stop)),
        }
        parquet.write_table(pa.table(columns), log / f"part{part:02d}.parquet")
    return log
