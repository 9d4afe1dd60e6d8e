"""How often is an interval wrong and nothing said? Data sets in which the model is wrong, fitted as by a user.

    uv run python benchmarks/misspecified/run.py sets.jsonl             # 200 sets per cell; many hours
    uv run python benchmarks/misspecified/run.py sets.jsonl --sets 20 --worlds careless control
    uv run python benchmarks/misspecified/run.py sets.jsonl --write     # results.json and README.md of what is there

Every data set goes through `inference.fit` and `inference.summarize`, one line of the journal each. The command goes on
where the journal ends; lines made by another source are left out of account, and made again.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import math
import multiprocessing
import os
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import page
import worlds
from dissensus.inference.calibration_source import meaning
from dissensus.inference.misfit import NAMES

from dissensus import inference

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
PAGE = HERE / "README.md"
CELLS = (("follow", 300), ("follow", 1500), ("luce", 300))
SETS = {"follow": 200, "luce": 100}
SCORES = ("contention", "misalignment")
FIRST = 5
"""Data sets of each cell whose intervals are kept as well, so that a slice can be run again."""
_LEFT_OUT = ("calibration", "plots", "report_text")  # modules that no number here depends on, by how they begin

type Key = tuple[str, str, int, int]


@cache
def source_hash() -> str:
    """SHA-256 of the modules of inference and of the worlds, without comments and docstrings."""
    digest = hashlib.sha256()
    modules = [m for m in files("dissensus.inference").iterdir() if m.name.endswith(".py")]
    for module in sorted(modules, key=lambda m: m.name):
        if not module.name.startswith(_LEFT_OUT):
            digest.update(f"{module.name}\n{meaning(module.read_text(encoding='utf-8'))}\n".encode())
    digest.update(meaning((HERE / "worlds.py").read_text(encoding="utf-8")).encode())
    return digest.hexdigest()


def one(world: str, rule: str, agents: int, number: int) -> dict[str, Any]:
    """Make, fit and judge one data set; the seed of the fit is the number."""
    made = worlds.make(world, number, agents=agents, rule=rule)
    fit = inference.fit(made.choices, seed=number)
    rows = inference.summarize(fit)
    mine = rows[(rows["estimand"] == "sample") & (rows["area"] == "area")].set_index("score")
    checks = inference.check(fit)
    loud = checks[checks["state"].isin(("caution", "refused"))]
    result: dict[str, Any] = {"world": world, "rule": rule, "agents": agents, "number": number, "scores": {}}
    for score in SCORES:
        lower, upper = (float(mine.loc[score, end]) if score in mine.index else math.nan for end in ("lower", "upper"))
        named = sorted({c["name"] for c in loud.to_dict("records") if score in c["scores"].split(", ")})
        result["scores"][score] = {
            "truth": made.truth[score],
            "interval": [round(lower, 5), round(upper, 5)] if math.isfinite(lower + upper) else None,
            "loud": bool(mine.loc[score, "state"] != "ok") if score in mine.index else True,
            "cautions": named,
        }
    result["notes"] = sorted(set(checks.loc[checks["state"] == "note", "name"]))
    return result


def missed(score: dict[str, Any]) -> bool:
    """Return whether an interval is given and does not hold the truth."""
    if score["interval"] is None:
        return False
    lower, upper = score["interval"]
    return not lower <= score["truth"] <= upper


def read_journal(path: Path, source: str | None = None) -> tuple[str, dict[Key, dict[str, Any]]]:
    """Return the data sets of a journal that one source made: the one given, or that of the last line.

    A last line that was cut off is left out.
    """
    entries = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            entries.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    source = source or entries[-1]["source"]
    mine = [entry for entry in entries if entry.pop("source") == source]
    return source, {(e["world"], e["rule"], e["agents"], e["number"]): e for e in mine}


def collect(source: str, done: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return what is kept of all data sets: a 0 or 1 for each in the order of their numbers, cell after cell."""
    cells: dict[tuple[str, int, str], dict[int, dict[str, Any]]] = {}
    for entry in done:
        cells.setdefault((entry["rule"], entry["agents"], entry["world"]), {})[entry["number"]] = entry
    kept: dict[str, Any] = {
        "source": source,
        "date": datetime.now(UTC).date().isoformat(),
        "versions": {name: version(name) for name in ("dissensus", "numpy", "scipy", "arviz-stats", "nutpie")},
        "new": sorted(NAMES),
        "cells": {},
    }
    for rule, agents in CELLS:
        for world in worlds.WORLDS:
            found = cells.get((rule, agents, world), {})
            # up to the first gap, so that the place in a text is the number of a data set
            whole = [found[number] for number in itertools.takewhile(found.__contains__, itertools.count())]
            if whole:
                kept["cells"][f"{rule} {agents} {world}"] = _cell(whole)
    return kept


def _cell(sets: list[dict[str, Any]]) -> dict[str, Any]:
    cell: dict[str, Any] = {"sets": len(sets), "notes": {}}
    for name in sorted({name for s in sets for name in s["notes"]}):
        cell["notes"][name] = _bits(name in s["notes"] for s in sets)
    for score in SCORES:
        mine = [s["scores"][score] for s in sets]
        names = sorted({name for m in mine for name in m["cautions"]})
        cell[score] = {
            "missed": _bits(missed(m) for m in mine),
            "given": _bits(m["interval"] is not None for m in mine),
            "loud": _bits(m["loud"] for m in mine),
            "cautions": {name: _bits(name in m["cautions"] for m in mine) for name in names},
            "first": [[round(m["truth"], 5), *(m["interval"] or [None, None])] for m in mine[:FIRST]],
        }
    return cell


def _bits(values: Iterable[bool]) -> str:
    return "".join("1" if value else "0" for value in values)


def _jobs(options: argparse.Namespace, done: dict[Key, dict[str, Any]]) -> Iterator[Key]:
    """Yield what is still to be made, number after number, so that all cells grow together."""
    for number in range(options.sets or max(SETS.values())):
        for rule, agents in CELLS:
            if rule not in options.rules or agents not in options.agents or number >= (options.sets or SETS[rule]):
                continue
            for world in options.worlds:
                if (world, rule, agents, number) not in done:
                    yield world, rule, agents, number


def _begin() -> None:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("journal", type=Path)
    parser.add_argument("--sets", type=int, help="data sets per cell; default 200 for follow, 100 for luce")
    parser.add_argument("--worlds", nargs="+", default=list(worlds.WORLDS), choices=list(worlds.WORLDS))
    parser.add_argument("--rules", nargs="+", default=["follow", "luce"], choices=["follow", "luce"])
    parser.add_argument("--agents", nargs="+", type=int, default=[300, 1500])
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="write results.json and README.md, make nothing")
    parser.add_argument("--remark", default="", help="a sentence about the results, for the page")
    options = parser.parse_args()
    if options.write:
        source, made = read_journal(options.journal)
        results = {"remark": options.remark, **collect(source, made.values())}
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        PAGE.write_text(page.text(results), encoding="utf-8")
        return 0
    jobs = list(_jobs(options, read_journal(options.journal, source_hash())[1]))
    context = multiprocessing.get_context("spawn")
    with (
        options.journal.open("a", encoding="utf-8") as journal,
        ProcessPoolExecutor(options.cores, mp_context=context, initializer=_begin) as pool,
    ):
        waiting = {pool.submit(one, *job) for job in jobs}
        for k, done in enumerate(as_completed(waiting), start=1):
            journal.write(json.dumps({"source": source_hash(), **done.result()}) + "\n")
            journal.flush()
            print(f"\r{k} of {len(jobs)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
