"""README.md of this folder, written from what is stored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dissensus.inference.calibration_gate import LEVEL, MOST_LOST, band
from dissensus.inference.calibration_power import power_table, sets_needed
from families import AGENTS, FAMILIES
from scipy import stats

HERE = Path(__file__).parent

INTRODUCTION = f"""\
# Calibration of the scores

<!-- written by run.py, planted.py and refusals.py: change page.py, not this file -->

Are the intervals of the scores honest? For each model family, data sets of {AGENTS} agents are simulated from the
default priors, each goes through the whole automatic path (modes, importance draws, NUTS where those are not accepted,
checks of the draws), and every true score is ranked among its posterior draws. If the posterior is right, ranks are
uniform, and 50 % and 90 % intervals hold the truth in 50 % and 90 % of the data sets: on average over the prior, not at
each truth. It is what `dissensus calibrate STUDY` does for a design of your own.

```
uv run python -P benchmarks/calibration/run.py            # every family; a run that was cut short goes on
uv run python -P benchmarks/calibration/planted.py        # planted faults, which must all be found
uv run python -P benchmarks/calibration/refusals.py       # whole fits with all their checks: how many are refused?
uv run python -P benchmarks/calibration/run.py --check    # are the results those of this source? a slice is run again
```

Ranks are in `results/`, with the hash of the source they came from (without comments and docstrings), seed and
versions; the test suite fails when the source has changed since.

## The gate

All of this must hold, for each family:

- at most {MOST_LOST:.0%} of the fits are lost (refused, or ended by an error); a lost fit has no rank and is counted;
- in every data set the log likelihood of the true parameters is what the choice rules give agent by agent, to 1e-9: an
  exact check, for faults that ranks would show only after thousands of data sets;
- one p-value over everything ranked is at least {LEVEL}. It combines, for each score, exact binomial tests of both
  coverages and ArviZ's uniformity test of the ranks, by the truncated Cauchy combination, which holds its level
  whatever the dependence between scores. A right posterior then fails about once in a hundred runs.

A family that fails is run on to 2,000 data sets, with the same seed: a fault becomes plain, chance goes away.

Ranked beside the scores is the log likelihood of the parameters, which finds faults that no score shows (Modrák et al.
2023, [doi:10.1214/23-BA1404](https://doi.org/10.1214/23-BA1404)).
"""


def write_page() -> None:
    (HERE / "README.md").write_text(page(), encoding="utf-8")


def page() -> str:
    results = [_stored(name) for name in FAMILIES]
    there = [result for result in results if result is not None]
    parts = [INTRODUCTION, "## Families\n", _summary(there)]
    missing = [name for name, result in zip(FAMILIES, results, strict=True) if result is None]
    if missing:
        parts.append(f"\nNot run yet: {', '.join(missing)}.\n")
    if there:
        sets, quantities = there[0]["sets"], len(there[0]["quantities"])
        parts += [_power(sets, quantities), "## Every family\n", *(_family(result) for result in there)]
    parts += [_planted(), _refusals()]
    if there:
        versions = ", ".join(f"{name} {number}" for name, number in there[0]["versions"].items())
        parts.append(f"## Origin\n\nSource {there[0]['source'][:12]}; {versions}; seed {there[0]['seed']}.\n")
        carried = {result["run_with"][:12]: result["carried"] for result in there if "run_with" in result}
        for source, sets in carried.items():
            parts.append(
                f"Run with source {source} and carried over: {sets} data sets of each family, run again with this "
                "source, gave the same ranks.\n"
            )
    return "\n".join(parts)


def _stored(name: str) -> dict[str, Any] | None:
    path = HERE / "results" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _table(columns: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table; columns whose name begins with ">" are set to the right."""
    rule = ["--:" if column.startswith(">") else "---" for column in columns]
    lines = [[column.removeprefix(">") for column in columns], rule, *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _summary(results: list[dict[str, Any]]) -> str:
    rows = []
    for result in results:
        tests = [p for q in result["quantities"] if q["sets"] for p in (q["p50"], q["p90"], q["p_uniform"])]
        outside = sum(p < LEVEL for p in tests)
        rows.append(
            [
                result["words"],
                f"{result['sets']:,}",
                f"{len(result['lost'])} of {result['fits']:,}",
                f"{result['nuts'] / result['fits']:.1%}",
                f"{outside} of {len(tests)}",
                f"{result['gate']['p']:.2g}",
                result["state"],
            ]
        )
    columns = ["family", ">data sets", ">fits lost", ">by NUTS", ">tests outside their own 99 % band", ">p", "verdict"]
    return _table(columns, rows)


def _power(sets: int, quantities: int) -> str:
    rows = [[row.fault, f"{row.everywhere:.2f}", f"{row.alone:.2f}"] for row in power_table(sets, quantities)]
    needed = sets_needed(quantities), sets_needed(quantities, alone=True)
    return (
        f"\n## What {sets:,} data sets find\n\n"
        "The chance that the gate fails, by simulation under a normal model of the ranks, when every score has the "
        f"fault and when one of {quantities} has it:\n\n"
        + _table(["fault", ">in every score", ">in one score"], rows)
        + f"\nA posterior standard deviation 10 % too small is found with chance 0.9 by about {needed[0]:,} data sets "
        f"if every score has it, by about {needed[1]:,} if one has it. ArviZ's uniformity test of one score alone, at "
        "1 %, finds it with chance 0.38 in 500 data sets and 0.99 in 2,000.\n"
    )


def _family(result: dict[str, Any]) -> str:
    rows, groups = [], []
    for q in result["quantities"]:
        if q["group"] is not None:
            groups.append(q)
            continue
        where, _, words = q["name"].partition(": ")
        cells = [f"{q[key]:.3f}{'*' if q[p] < LEVEL else ''}" for key, p in (("cover50", "p50"), ("cover90", "p90"))]
        rows.append([where, words, *cells, f"{q['p_uniform']:.2f}{'*' if q['p_uniform'] < LEVEL else ''}"])
    text = f"### {result['family']}: {result['words']}\n\n"
    text += _table(["area", "score", ">50 % intervals", ">90 % intervals", ">p of the ranks"], rows)
    if groups:
        low5, high5 = min(q["cover50"] for q in groups), max(q["cover50"] for q in groups)
        low9, high9 = min(q["cover90"] for q in groups), max(q["cover90"] for q in groups)
        text += (
            f"\n{len(groups)} scores within and between groups: 50 % intervals hold {low5:.3f} to {high5:.3f}, 90 % "
            f"intervals {low9:.3f} to {high9:.3f}, smallest p of the ranks {min(q['p_uniform'] for q in groups):.3f}.\n"
        )
    (a, b), (c, d) = (band(result["sets"], q) for q in (0.5, 0.9))
    text += f"\n99 % bands of one coverage: {a:.3f}–{b:.3f} and {c:.3f}–{d:.3f}; * lies outside its own.\n"
    if result["lost"]:
        reasons = sorted({lost["reason"] for lost in result["lost"]})
        text += f"\nLost: {len(result['lost'])}, because: {'; '.join(reasons)}\n"
    return text


def _planted() -> str:
    path = HERE / "planted.json"
    text = (
        "## Planted faults\n\nEach fault is put into the real path, on small designs, and must fail the gate. Where "
        "ranks have no power the exact check finds it, and this says so: an agent counted twice among 100 moves a "
        "score by a small fraction of its standard deviation.\n\n"
    )
    if not path.exists():
        return text + "Not run yet.\n"
    stored = json.loads(path.read_text(encoding="utf-8"))
    rows = [
        [
            fault["words"],
            f"{fault['agents']}",
            f"{fault['sets']}",
            f"{fault['p']:.1g}",
            "same" if fault["exact"] else "differs",
            fault["found_by"] or "nothing: as it should be",
        ]
        for fault in stored["faults"].values()
    ]
    columns = ["fault", ">agents", ">data sets", ">p of all ranks", "log likelihood, two routes", "found by"]
    return text + _table(columns, rows)


def _refusals() -> str:
    path = HERE / "refusals.json"
    text = (
        "## Whole fits that are refused\n\n`inference.fit` with every check and the audit, on data sets of these "
        "families that the calibration does not use. A fit is refused for its draws or its form, never for what the "
        "data say: every refusal here would be a wrong one.\n\n"
    )
    if not path.exists():
        return text + "Not run yet.\n"
    fits = json.loads(path.read_text(encoding="utf-8"))["fits"]
    refused = [fit for fit in fits if fit["state"] == "refused"]
    most = stats.beta.ppf(0.95, len(refused) + 1, len(fits) - len(refused))
    areas, held = (sum(fit[key] for fit in fits) for key in ("areas", "held_back"))
    caution = sum(fit["state"] == "caution" for fit in fits)
    text += (
        f"Refused: {len(refused)} of {len(fits)}, with 95 % certainty at most {most:.1%}. By NUTS in some area: "
        f"{sum('nuts' in fit['methods'] for fit in fits)}. With a caution: {caution}. Contention without a headline "
        f"number, mostly for want of any sign of goals: {held} of {areas} areas.\n"
    )
    for fit in refused:
        text += f"\n- {fit['family']}, data set {fit['number']}: {', '.join(c['check'] for c in fit['refused'])}\n"
    return text
