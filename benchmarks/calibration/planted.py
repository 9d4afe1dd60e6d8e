"""Faults put into the real path on purpose: the gate of the calibration must find every one.

    uv run python -P benchmarks/calibration/planted.py             # all; writes planted.json and README.md
    uv run python -P benchmarks/calibration/planted.py --sets 20   # a quick look; nothing is written
    uv run python -P benchmarks/calibration/planted.py --carry     # the source changed, the numbers did not

Each fault changes one step (what is read, the density, the draws, the score) and leaves the rest of the path of
`calibrate` as it is. Two runs without a fault must pass.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from dissensus.datasets.choices import Choices
from dissensus.forward_model.pair_sums import PairScores, TotalsScores
from dissensus.inference.area_scores import AreaScores, area_scores
from dissensus.inference.calibration import run_header
from dissensus.inference.calibration_design import Design, quantities
from dissensus.inference.calibration_folder import compact_json
from dissensus.inference.calibration_gate import MOST_ERROR, Verdict, gate
from dissensus.inference.calibration_ranks import AreaDraws, draw_area, identity_error, rank_set, simulate_set
from dissensus.inference.calibration_source import source_hash
from dissensus.inference.checks import sampling_checks, worst
from dissensus.inference.density import AreaDensity
from dissensus.inference.model import area_densities
from dissensus.inference.parallel import single_threaded_algebra

sys.path.insert(0, str(Path(__file__).parent))  # python -P leaves the folder of a script out
from families import area, study
from page import write_page

CARRIED = 10
"""Data sets of each fault that --carry runs again."""
HERE = Path(__file__).parent
RESULTS = HERE / "planted.json"
SEED = 7

_STUDY = study(area=area(conflict={"a|b": 1.0, "a|c": 0.2, "b|c": 0.5}))
MANY, FEW = Design(_STUDY, 100), Design(_STUDY, 8)

type OnChoices = Callable[[Choices], Choices]
type OnDensity = Callable[[AreaDensity], AreaDensity]
type OnDraws = Callable[[AreaDraws, np.random.Generator], AreaDraws]


@dataclass(frozen=True)
class Fault:
    """A fault, where it is put in, and the runs that must find it.

    Parameters
    ----------
    words
        What is wrong.
    design, sets
        Design and number of data sets.
    on_choices, on_density
        Change what is read, or the density, before the fit.
    on_draws
        Changes the draws after it.
    """

    words: str
    design: Design
    sets: int
    on_choices: OnChoices = lambda choices: choices
    on_density: OnDensity = lambda density: density
    on_draws: OnDraws = lambda draws, _: draws


def _moved(change: Callable[[np.ndarray], np.ndarray]) -> OnDraws:
    """Return a fault that changes the draws of every score."""

    def pairs(scores: PairScores) -> PairScores:
        return PairScores(*(change(np.asarray(part)) for part in scores[:3]), scores.pair_weight)

    def on_draws(draws: AreaDraws, _: np.random.Generator) -> AreaDraws:
        sample = TotalsScores(pairs(draws.scores.sample.overall), draws.scores.sample.groups)
        population = TotalsScores(pairs(draws.scores.population.overall), draws.scores.population.groups)
        return replace(draws, scores=AreaScores(sample, population, draws.scores.states))

    return on_draws


def _scored(change: OnDensity) -> OnDraws:
    """Return a fault of the density that only the scores see."""

    def on_draws(draws: AreaDraws, rng: np.random.Generator) -> AreaDraws:
        return replace(draws, scores=area_scores(change(draws.fitted.density), draws.theta, rng))

    return on_draws


def _swapped(density: AreaDensity) -> AreaDensity:
    order = [2, 1, 0]
    return replace(density, area=replace(density.area, conflict=density.area.conflict[np.ix_(order, order)]))


def _squared(density: AreaDensity) -> AreaDensity:
    return replace(density, states=replace(density.states, weight=density.states.weight**2))


def _dropped(density: AreaDensity) -> AreaDensity:
    return replace(density, rows=replace(density.rows, multiplicity=1e-9 * density.rows.multiplicity))


def _twice(density: AreaDensity) -> AreaDensity:
    """Count the first agent twice, in the likelihood and in the scores."""
    extra = np.arange(density.rows.n_rows) == density.rows.row_of_agent[0]
    rows = replace(
        density.rows, agents=density.rows.agents + extra, multiplicity=density.rows.multiplicity + extra.astype(float)
    )
    return replace(density, rows=rows)


def _shifted(choices: Choices) -> Choices:
    """Read every answer to the first item as the next option."""
    [only] = choices.areas
    first = np.flatnonzero(only.item_of_option == 0)
    counts = only.counts.copy()
    counts[:, first] = np.roll(counts[:, first], 1, axis=1)
    return replace(choices, areas=(replace(only, counts=counts),))


def _all_pairs(draws: AreaDraws, _: np.random.Generator) -> AreaDraws:
    """Divide the sums over pairs by n·n instead of n(n − 1)."""
    n = draws.fitted.density.rows.agents.sum()
    old = draws.scores.sample
    wrong = old.overall._replace(
        contention=old.overall.contention * (n - 1) / n, misalignment=old.overall.misalignment * (n - 1) / n
    )
    return replace(draws, scores=replace(draws.scores, sample=TotalsScores(wrong, old.groups)))


FAULTS: dict[str, Fault] = {
    "none": Fault("none", MANY, 400),
    "none_few": Fault("none, few agents", FEW, 400),
    "narrow": Fault("posterior sd × 0.8", MANY, 400, on_draws=_moved(lambda x: x.mean() + 0.8 * (x - x.mean()))),
    "bias": Fault("bias of 0.2 sd", MANY, 400, on_draws=_moved(lambda x: x + 0.2 * x.std())),
    "dropped": Fault("likelihood dropped", MANY, 40, on_density=_dropped),
    "swapped": Fault("labels of two goals swapped", MANY, 400, on_draws=_scored(_swapped)),
    "squared": Fault("weights squared", MANY, 400, on_draws=_scored(_squared)),
    "shifted": Fault("codes of one item shifted by one option", MANY, 40, on_choices=_shifted),
    "twice": Fault("one agent counted twice", MANY, 40, on_density=_twice),
    "twice_few": Fault("one agent counted twice, few agents", FEW, 400, on_density=_twice),
    "pairs": Fault("n·n pairs instead of n(n − 1)", FEW, 400, on_draws=_all_pairs),
}
"""By name. Faults that come after the fit share the fits of the run without a fault."""


def planted_ranks(names: tuple[str, ...], number: int) -> dict[str, dict[str, Any]]:
    """Run one data set with each of some faults of one design; fits are shared where what is fitted is the same."""
    first = FAULTS[names[0]]
    design = first.design
    simulating, ranking, scoring, fitting = np.random.SeedSequence([SEED, number]).spawn(4)
    found = {}
    with single_threaded_algebra():
        choices = simulate_set(design, simulating)
        honest: AreaDraws | None = None
        for name in names:
            fault = FAULTS[name]
            [density] = area_densities(fault.on_choices(choices))
            faulty = fault.on_density(density)
            if faulty is density and fault.on_choices is first.on_choices:
                honest = honest or draw_area(density, fitting.spawn(1)[0])
                drawn = honest
            else:
                drawn = draw_area(faulty, fitting.spawn(1)[0])
            state = worst(check.state for check in sampling_checks(drawn.fitted, drawn.scores))
            wrong = fault.on_draws(drawn, np.random.default_rng(scoring))
            kept = None if state == "refused" else wrong
            found[name] = {
                "ranks": rank_set(design, choices, [kept], np.random.default_rng(ranking)),
                "lost": kept is None,
                "error": identity_error(drawn.fitted.density, choices),
            }
    return found


def verdict(name: str, results: list[dict[str, Any]]) -> Verdict:
    """Return what the gate says of the data sets of a fault."""
    asked = [quantity.name for quantity in quantities(FAULTS[name].design)]
    ranks = [[result["ranks"][k] for result in results] for k in range(len(asked))]
    lost, error = sum(result["lost"] for result in results), max(result["error"] for result in results)
    return gate(ranks, asked, fits=len(results), lost=lost, error=error)


def batches(chosen: list[str]) -> list[tuple[str, ...]]:
    """Return faults grouped by design and number of data sets, so that fits can be shared."""
    groups: dict[tuple[int, int], list[str]] = {}
    for name in chosen:
        groups.setdefault((FAULTS[name].design.n_agents, FAULTS[name].sets), []).append(name)
    return [tuple(names) for names in groups.values()]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, help="data sets of every fault, for a quick look; nothing is written")
    parser.add_argument("--fault", nargs="+", choices=list(FAULTS), default=list(FAULTS), help="some faults only")
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    parser.add_argument("--carry", action="store_true", help="take results over to a source that gives the same ranks")
    options = parser.parse_args()
    if options.carry:
        wrong = carry()
        print("\n".join(wrong) or "The stored faults are those of this source too.")
        return int(bool(wrong))
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in options.fault}
    with ProcessPoolExecutor(options.cores, get_context("spawn")) as pool:
        for names in batches(options.fault):
            sets = options.sets or FAULTS[names[0]].sets
            jobs = [pool.submit(planted_ranks, names, number) for number in range(sets)]
            for done, job in enumerate(jobs, start=1):
                for name, result in job.result().items():
                    results[name].append(result)
                print(f"\r{', '.join(names)}: {done} of {sets}   ", end="", file=sys.stderr, flush=True)
            print(file=sys.stderr)
    faults = {name: _record(name, results[name]) for name in options.fault}
    for name, fault in faults.items():
        print(f"{name:10} p = {fault['p']:.2g}, exact check {'same' if fault['exact'] else 'differs'}: "
              f"{fault['found_by'] or 'nothing found'}")  # fmt: skip
    if options.sets is None and len(options.fault) == len(FAULTS):
        header = run_header(MANY, SEED)
        ranks = {f"{name}, {quantity}": row for name in faults for quantity, row in faults[name].pop("ranks").items()}
        kept = {key: header[key] for key in ("source", "seed", "versions")}
        RESULTS.write_text(compact_json({**kept, "faults": faults, "ranks": ranks}), encoding="utf-8")
        write_page()
    return int(any(bool(fault["found_by"]) == name.startswith("none") for name, fault in faults.items()))


def carry() -> list[str]:
    """Take the stored faults over to this source if a part of them gives the same ranks; return why not."""
    stored = json.loads(RESULTS.read_text(encoding="utf-8"))
    wrong = []
    for names in batches(list(FAULTS)):
        for number in range(CARRIED):
            for name, found in planted_ranks(names, number).items():
                asked = [quantity.name for quantity in quantities(FAULTS[name].design)]
                was = [stored["ranks"][f"{name}, {quantity}"][number] for quantity in asked]
                if was != list(found["ranks"]):
                    wrong.append(f"{name}, data set {number}: other ranks")
    if not wrong:
        before = stored.get("run_with", stored["source"])
        kept = {**stored, "source": source_hash(), "run_with": before, "carried": CARRIED}
        RESULTS.write_text(compact_json(kept), encoding="utf-8")
        write_page()
    return wrong


def _record(name: str, results: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what is stored of a fault."""
    fault, said = FAULTS[name], verdict(name, results)
    asked = [quantity.name for quantity in quantities(fault.design)]
    lost, error = sum(result["lost"] for result in results), max(result["error"] for result in results)
    ways = {"ranks": said.p < 0.01, "exact check": not error <= MOST_ERROR, "lost fits": lost > 0.02 * len(results)}
    return {
        "words": fault.words,
        "agents": fault.design.n_agents,
        "sets": len(results),
        "lost": lost,
        "error": error,
        "exact": error <= MOST_ERROR,
        "p": said.p,
        "found_by": " and ".join(way for way, found in ways.items() if found),
        "ranks": {asked[k]: [result["ranks"][k] for result in results] for k in range(len(asked))},
    }


if __name__ == "__main__":
    sys.exit(main())
