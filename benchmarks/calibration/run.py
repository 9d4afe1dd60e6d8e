"""Calibration of every model family: are the intervals of the scores honest?

    uv run python -P benchmarks/calibration/run.py                             # every family, 500 or 200 sets each
    uv run python -P benchmarks/calibration/run.py --family luce --sets 2000   # one family, more data sets
    uv run python -P benchmarks/calibration/run.py --check                     # are the results those of this source?
    uv run python -P benchmarks/calibration/run.py --carry                     # the source changed, the numbers did not
    uv run python -P benchmarks/calibration/run.py --page                      # write README.md from what is stored

Finished data sets are kept in `runs/` (not in git), so a run that was cut short goes on, and a longer one builds on a
shorter one. Results of as many data sets as a family needs (500; kinds of items 200) are written to `results/`, and README.md from them; a smaller run is shown
and not written.

A change of the source that leaves a family's numbers as they are (a new kind of item, say) need not run it anew:
`--carry` runs 20 of its data sets again, and takes the result over only if every rank is the same. The result then
names the source it was run with beside the one it was carried to.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from dissensus.inference.calibration import Calibration, calibrate
from dissensus.inference.calibration_folder import compact_json
from dissensus.inference.calibration_gate import Verdict, gate
from dissensus.inference.calibration_ranks import run_set
from dissensus.inference.calibration_report import report
from dissensus.inference.calibration_source import source_hash

sys.path.insert(0, str(Path(__file__).parent))  # python -P leaves the folder of a script out
from families import FAMILIES, SEED, Family
from page import write_page

HERE = Path(__file__).parent
RESULTS, RUNS = HERE / "results", HERE / "runs"
SLICE = 2
"""Data sets of each family that are run again by --check: the first ones that needed no NUTS."""
CARRIED = 20
"""Data sets of each family that --carry runs again, spread over the run."""
TOLERANCE = 5
"""Most that a rank, 0 to 199, may move on another machine, where sums are rounded otherwise."""


def result_path(family: str) -> Path:
    return RESULTS / f"{family}.json"


def stored(family: str) -> dict[str, Any]:
    return dict(json.loads(result_path(family).read_text(encoding="utf-8")))


def run_family(family: Family, *, sets: int, cores: int | None) -> Calibration:
    folder = RUNS / source_hash()[:12] / family.name  # another source begins anew
    folder.mkdir(parents=True, exist_ok=True)
    design, began = family.design, time.monotonic()

    def say(done: int, total: int) -> None:
        seconds = time.monotonic() - began
        print(f"\r{family.name}: {done} of {total}, {seconds:.0f} s", end="", file=sys.stderr, flush=True)

    outcome = calibrate(
        design.study,
        design.n_agents,
        sets=sets,
        seed=SEED,
        groups=design.shares,
        missing=design.missing,
        folder=folder,
        cores=cores,
        progress=say,
    )
    print(file=sys.stderr)
    return outcome


def record(family: Family, outcome: Calibration) -> dict[str, Any]:
    """Return what is stored of a family."""
    plain = [r.number for r in outcome.results if not any(r.lost) and set(r.methods) == {"importance"}]
    return {"family": family.name, "words": family.words, **outcome.to_dict(), "slice": plain[:SLICE]}


def stored_verdict(result: dict[str, Any]) -> Verdict:
    """Return the verdict of the gate on stored ranks."""
    names = list(result["ranks"])
    ranks = [result["ranks"][name] for name in names]
    return gate(ranks, names, fits=result["fits"], lost=len(result["lost"]), error=result["error"])


def slice_faults(
    family: Family, result: dict[str, Any], numbers: list[int], *, tolerance: int = TOLERANCE
) -> list[str]:
    """Run data sets again and return which ranks are not what is stored."""
    faults = []
    for number in numbers:
        again = run_set(family.design, SEED, number)
        for (name, ranks), now in zip(result["ranks"].items(), again.ranks, strict=True):
            was = ranks[number]
            if was is None or now is None or abs(now - was) > tolerance:
                faults.append(f"{family.name}, data set {number}, {name}: {now}, not {was}")
    return faults


def check_family(family: Family) -> list[str]:
    """Return what is wrong with the stored results of a family."""
    if not result_path(family.name).exists():
        return [f"{family.name}: there are no results"]
    result = stored(family.name)
    faults = []
    if result["source"] != source_hash():
        faults.append(f"{family.name}: made by another source; run it again")
    if result["sets"] < family.sets:
        faults.append(f"{family.name}: {result['sets']} data sets, fewer than {family.sets}")
    faults += [f"{family.name}: {reason}" for reason in stored_verdict(result).reasons]
    return faults or slice_faults(family, result, result["slice"])


def carry_family(family: Family) -> list[str]:
    """Take the results of a family over to this source if a part of it gives the same ranks; return why not."""
    if not result_path(family.name).exists():
        return [f"{family.name}: there are no results"]
    result = stored(family.name)
    if result["source"] == source_hash():
        return []
    lost = {entry["set"] for entry in result["lost"]}
    numbers = [n for n in range(0, result["sets"], result["sets"] // CARRIED) if n not in lost]
    faults = slice_faults(family, result, numbers, tolerance=0)
    if not faults:
        before = result.get("run_with", result["source"])
        carried = {**result, "source": source_hash(), "run_with": before, "carried": len(numbers)}
        result_path(family.name).write_text(compact_json(carried), encoding="utf-8")
    return faults


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", nargs="+", choices=list(FAMILIES), default=list(FAMILIES))
    parser.add_argument("--sets", type=int, help="data sets of every family; by default as many as it needs")
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    parser.add_argument("--check", action="store_true", help="check the stored results; run a slice again")
    parser.add_argument("--carry", action="store_true", help="take results over to a source that gives the same ranks")
    parser.add_argument("--page", action="store_true", help="write README.md from the stored results")
    options = parser.parse_args()
    chosen = [FAMILIES[name] for name in options.family]
    if options.page:
        write_page()
        return 0
    if options.carry:
        faults = [fault for family in chosen for fault in carry_family(family)]
        write_page()
        print("\n".join(faults) or "The stored results are those of this source too.")
        return int(bool(faults))
    if options.check:
        faults = [fault for family in chosen for fault in check_family(family)]
        print("\n".join(faults) or "The stored results are those of this source, and pass.")
        return int(bool(faults))
    return _run(chosen, sets=options.sets, cores=options.cores)


def _run(chosen: list[Family], *, sets: int | None, cores: int | None) -> int:
    from rich.console import Console

    failed = False
    for family in chosen:
        outcome = run_family(family, sets=sets or family.sets, cores=cores)
        failed |= outcome.state == "failed"
        Console(width=110).print(report(outcome) if outcome.state == "failed" else _line(family, outcome))
        if (sets or family.sets) >= family.sets:
            RESULTS.mkdir(exist_ok=True)
            result_path(family.name).write_text(compact_json(record(family, outcome)), encoding="utf-8")
            write_page()
    return int(failed)


def _line(family: Family, outcome: Calibration) -> str:
    lost = len(outcome.lost)
    return f"{family.name}: {outcome.state}, p = {outcome.verdict.p:.2g}, {lost} lost, {outcome.by_nuts} by NUTS"


if __name__ == "__main__":
    sys.exit(main())
