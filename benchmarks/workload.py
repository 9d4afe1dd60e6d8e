"""The table that every benchmark uses: 4 areas of 6 items with 4 options each, 3 goals, the rule ``follow``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

SEED = 1
N_AREAS, N_ITEMS, N_OPTIONS = 4, 6, 4
GOALS = ("a", "b", "c")
GROUPS = ("north", "east", "south", "west", "centre")


def study_text(*, grouped: bool = False) -> str:
    """Return the study file: in each item three options serve one goal each, in turn, and the last serves none."""
    lines = ['title = "Benchmark"', "[table]", 'agent = "agent"'] + ['group = "group"'] * grouped
    for area in range(N_AREAS):
        lines += [f"[areas.area{area}]", f"goals = {list(GOALS)}", "conflict = 1.0"]
        for item in range(N_ITEMS):
            served = [f'"{o}" = "{GOALS[(o + item) % 3]}"' if o < 3 else f'"{o}" = []' for o in range(N_OPTIONS)]
            lines += [f"[areas.area{area}.items.area{area}_item{item}]", f"serves = {{ {', '.join(served)} }}"]
    return "\n".join(lines) + "\n"


def write_workload(folder: Path, n_agents: int, *, grouped: bool = False) -> tuple[Path, Path]:
    """Write study.toml, answers.parquet (text, one row per agent) and answers.npy (codes) and return the first two."""
    from dissensus import datasets

    text = study_text(grouped=grouped)
    choices = datasets.simulate(datasets.Study.from_text(text), n_agents, seed=SEED, groups=GROUPS if grouped else None)
    folder.mkdir(parents=True, exist_ok=True)
    study, table = folder / "study.toml", folder / "answers.parquet"
    study.write_text(text)
    datasets.write_table(choices, table)
    codes = np.empty((n_agents, N_AREAS, N_ITEMS), dtype=np.int64)
    for p, area in enumerate(choices.areas):
        chosen = area.counts.reshape(-1, N_ITEMS, N_OPTIONS).argmax(axis=2)
        codes[:, p] = chosen[area.pattern_of_agent]
    np.save(folder / "answers.npy", codes)
    return study, table


def served() -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return whether an option of an item serves a goal, (goal, item, option): the same in every area."""
    serves = np.zeros((len(GOALS), N_ITEMS, N_OPTIONS))
    for item in range(N_ITEMS):
        for option in range(3):
            serves[(option + item) % 3, item, option] = 1.0
    return serves
