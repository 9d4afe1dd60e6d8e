"""How often is a whole fit refused though nothing is wrong? `inference.fit` on data simulated from its own model.

    uv run python -P benchmarks/calibration/refusals.py             # 6 data sets of each family, 5 minutes of a core
    uv run python -P benchmarks/calibration/refusals.py --sets 20   # more
    uv run python -P benchmarks/calibration/refusals.py --family luce --sets 2    # a look; nothing is written
    uv run python -P benchmarks/calibration/refusals.py --carry     # the source changed, the numbers did not

The calibration counts fits whose draws were not accepted; here the fit is made as a user makes it, with every check and
the audit of the result. A fit is refused for its draws or its form, never for what the data say, which is at most a
caution: so every refusal here is a wrong one. Which scores get no headline number (no sign of goals) is counted beside.
Data sets that were fitted are kept in `runs/`, so that a run that was cut short goes on; a complete one is written to
`refusals.json` and README.md. ``--carry`` fits one data set of each family again and takes the stored run over to this
source if every state, method and number held back is the same.
"""

from __future__ import annotations

import argparse
import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from dissensus.inference.calibration_ranks import simulate_set
from dissensus.inference.calibration_source import source_hash
from dissensus.inference.summary import summarize
from dissensus.inference.verdict import verdict
from scipy import stats

from dissensus import inference

sys.path.insert(0, str(Path(__file__).parent))  # python -P leaves the folder of a script out
from families import FAMILIES, SEED, Family
from page import write_page

HERE = Path(__file__).parent
RESULTS = HERE / "refusals.json"
FIRST = 10_000
"""Number of the first data set: none that the calibration uses."""
SETS = 6


def one_fit(family: Family, number: int) -> dict[str, Any]:
    """Simulate and fit one data set; return its state, and why if it was refused."""
    choices = simulate_set(family.design, np.random.SeedSequence([SEED, FIRST + number]))
    fit = inference.fit(choices, seed=number)
    found = verdict(fit)
    refused = [{"check": c.name, "area": c.area, "value": c.value} for c in found.checks if c.state == "refused"]
    rows = summarize(fit, allow_unreliable=True)
    own = rows[(rows["score"] == "contention") & (rows["estimand"] == "sample") & rows["area"].notna()]
    return {
        "family": family.name,
        "number": number,
        "state": found.state,
        "refused": refused,
        "methods": sorted(set(json.loads(fit.attrs["method"]).values())),
        "areas": len(own),
        "held_back": int(own["mean"].isna().sum()),
    }


def run(families: list[Family], sets: int) -> list[dict[str, Any]]:
    """Return what came of the first data sets of each family, fitting those that are not kept yet."""
    kept = HERE / "runs" / source_hash()[:12] / "refusals.jsonl"
    kept.parent.mkdir(parents=True, exist_ok=True)
    lines = kept.read_text(encoding="utf-8").splitlines() if kept.exists() else []
    there = {(one["family"], one["number"]): one for one in map(json.loads, lines)}
    found = []
    for number in range(sets):  # every family once, then again: a run cut short has some of each
        for family in families:
            if (family.name, number) not in there:
                there[family.name, number] = one_fit(family, number)
                with kept.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(there[family.name, number]) + "\n")
            found.append(there[family.name, number])
            print(f"\r{len(found)} fits, {sum(one['state'] == 'refused' for one in found)} refused", end="")
    print()
    return found


def keep(record: dict[str, Any]) -> None:
    """Write the record, a line for each fit, and the page."""
    fits = ",\n  ".join(json.dumps(one) for one in record["fits"])
    head = json.dumps({key: value for key, value in record.items() if key != "fits"}, indent=1)
    RESULTS.write_text(f'{head[:-2]},\n "fits": [\n  {fits}\n ]\n}}\n', encoding="utf-8")
    write_page()


def carry() -> int:
    """Take the stored run over to this source if the first data set of each family comes out the same."""
    record = json.loads(RESULTS.read_text(encoding="utf-8"))
    first = {one["family"]: one for one in reversed(record["fits"])}
    differ = [name for name, one in first.items() if one_fit(FAMILIES[name], one["number"]) != one]
    print(f"{len(differ)} of {len(first)} differ {differ or ''}")
    if not differ and record["source"] != source_hash():
        keep(record | {"source": source_hash(), "run_with": record.get("run_with", record["source"])})
    return int(bool(differ))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", nargs="+", choices=list(FAMILIES), default=list(FAMILIES))
    parser.add_argument("--sets", type=int, default=SETS)
    parser.add_argument("--carry", action="store_true", help="take the stored run over to this source")
    options = parser.parse_args()
    if options.carry:
        return carry()
    fits = run([FAMILIES[name] for name in options.family], options.sets)
    refused = [one for one in fits if one["state"] == "refused"]
    for one in refused:
        print(one)
    most = stats.beta.ppf(0.95, len(refused) + 1, len(fits) - len(refused))
    print(f"{len(refused)} of {len(fits)} refused; with 95 % certainty at most {most:.1%}")
    if set(options.family) == set(FAMILIES) and options.sets >= SETS:
        origin = {"source": source_hash(), "seed": SEED, "first": FIRST}
        keep(origin | {"versions": {name: version(name) for name in ("dissensus", "numpy", "scipy")}, "fits": fits})
    return int(bool(refused))


if __name__ == "__main__":
    sys.exit(main())
