"""Mutation testing: are the tests of a module such that a small change of it fails one of them?

    uv run --group mutation python -P benchmarks/mutation/run.py                        # all modules; about an hour
    uv run --group mutation python -P benchmarks/mutation/run.py inference/density.py   # some
    uv run --group mutation python -P benchmarks/mutation/run.py --survivors            # survivors a test could kill
    uv run --group mutation python -P benchmarks/mutation/run.py --page                 # write README.md again

Each run replaces the records of its modules in results.json and writes README.md. The working tree is copied and never
changed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tempfile
from collections import deque
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from mutants import Mutant, mutants, sample
from page import SAME, explanations, why, write_page
from trial import ROOT, Baseline, Outcome, Running, Tree, import_libraries

RESULTS = Path(__file__).with_name("results.json")
SEED = 1
SIZE = 30
_DENSITY = ("states", "option_table", "parameters", "marginal", "density", "immutable")
_FORWARD = ("pair_sums", "golden", "score")
MODULES: dict[str, dict[str, tuple[str, ...]]] = {
    "density": {
        "inference/density.py": _DENSITY,
        "inference/marginal.py": _DENSITY,
        "inference/option_table.py": _DENSITY,
        "inference/parameters.py": _DENSITY,
        "inference/states.py": _DENSITY,
    },
    "forward model": {
        "forward_model/pair_sums.py": (*_FORWARD, "uncertain_states"),
        "forward_model/weight_means.py": ("weight_means", *_FORWARD),
        "forward_model/aggregation.py": ("aggregation", "golden", "score"),
        "forward_model/choice_rules.py": ("choice_rules",),
        "forward_model/problem_area.py": ("problem_area", "score"),
        "forward_model/score.py": ("golden", "score", "contributions"),
        "forward_model/labelled.py": ("problem_area", "score", "contributions"),
        "forward_model/contributions.py": ("contributions",),
        "forward_model/uncertain_states.py": ("uncertain_states",),
    },
    "checks": {
        "inference/checks.py": ("checks", "verdict", "immutable"),
        "inference/verdict.py": ("verdict", "immutable"),
        "inference/audit.py": ("audit",),
        "inference/structure_checks.py": ("structure_checks",),
        "inference/finite_draws.py": ("finite_draws",),
    },
    "save": {
        "inference/result_file.py": ("result_file",),
        "inference/result_layout.py": ("result_layout",),
        "inference/checkpoint.py": ("checkpoint", "immutable"),
        "inference/locked_file.py": ("locked_file", "checkpoint"),
    },
}
"""Modules by part, each with the test files that own it (tests/<folder of the module>/test_<name>.py)."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="such as inference/density.py; default all")
    parser.add_argument(
        "--survivors",
        action="store_true",
        help="only recorded survivors, without those explained as equivalent or speed",
    )
    parser.add_argument("--page", action="store_true", help="only write README.md again")
    parser.add_argument("--size", type=int, default=SIZE, help="mutants per module")
    parser.add_argument("--jobs", type=int, default=1, help="mutants at a time")
    options = parser.parse_args()
    known = {module: tests_of(module, names) for part in MODULES.values() for module, names in part.items()}
    if unknown := set(options.modules) - set(known):
        parser.error(f"no such module: {', '.join(sorted(unknown))}")
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    if not options.page:
        todo = {name: tests for name, tests in known.items() if not options.modules or name in options.modules}
        planned = plan(todo, results, size=options.size, survivors=options.survivors)
        for module, record in measured(planned, known, jobs=options.jobs):
            results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
            results[module] = record
            ordered = {name: results[name] for name in known if name in results}
            RESULTS.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    write_page(json.loads(RESULTS.read_text(encoding="utf-8")), MODULES)


def tests_of(module: str, names: tuple[str, ...]) -> list[str]:
    """Return the test files of a module."""
    return [f"tests/{module.split('/', maxsplit=1)[0]}/test_{name}.py" for name in names]


def plan(
    todo: dict[str, list[str]], results: dict[str, Any], *, size: int, survivors: bool
) -> dict[str, tuple[dict[str, Any], list[Mutant]]]:
    """Return the record to begin with and the mutants to try, by module."""
    planned, explained = {}, explanations()
    for module, tests in todo.items():
        source = (ROOT / module).read_text(encoding="utf-8")
        record = {
            "sha256": hashlib.sha256(source.encode()).hexdigest(),
            "version": version("dissensus"),
            "cosmic_ray": version("cosmic-ray"),
            "seed": SEED,
            "tests": tests,
        }
        if not survivors:
            every = mutants(source)
            chosen = sample(every, size, f"{SEED} {module}")
            planned[module] = record | {"possible": len(every), "mutants": []}, chosen
        elif module in results and results[module]["sha256"] == record["sha256"]:
            old = results[module]
            said = explained.get(module, [])
            kept = [one for one in old["mutants"] if one["state"] != "survived" or why(one, said)[0] in SAME]
            alive = {_key(one) for one in old["mutants"]} - {_key(one) for one in kept}
            again = [one for one in mutants(source) if (one.operator, one.line, one.diff) in alive] if alive else []
            if again:
                planned[module] = old | record | {"mutants": kept}, again
        else:
            print(f"{module} has changed since, or was never tried: try it whole.")
    return planned


def _key(one: dict[str, Any]) -> tuple[str, int, str]:
    return one["operator"], one["line"], one["diff"]


def measured(
    planned: dict[str, tuple[dict[str, Any], list[Mutant]]], known: dict[str, list[str]], *, jobs: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the record of each module as soon as all its mutants have been tried."""
    import_libraries()
    with tempfile.TemporaryDirectory(prefix="mutation-") as scratch:
        trees = [Tree(_made(Path(scratch) / str(number))) for number in range(jobs)]
        files = sorted({file for module in planned for file in known[module]})
        baseline = trees[0].baseline(list(planned), files, limit=1200)
        print(f"{len(files)} test files pass unchanged, {sum(baseline.seconds.values()):.0f} s", flush=True)
        waiting = deque((module, mutant) for module, (_, chosen) in planned.items() for mutant in chosen)
        running: dict[int, tuple[Running, str, Mutant]] = {}
        while waiting or running:
            for slot in range(jobs):
                if waiting and slot not in running:
                    module, mutant = waiting.popleft()
                    order, limit = order_and_limit(baseline, module, mutant.line, known[module])
                    started = trees[slot].start(module, mutant.code, known[module], order, limit)
                    running[slot] = started, module, mutant
            for slot, (trial, module, mutant) in list(running.items()):
                outcome = trial.outcome()
                if outcome is not None:
                    del running[slot]
                    record = planned[module][0]
                    record["mutants"].append(entry(mutant, outcome))
                    print(
                        f"{outcome.state:9}{outcome.seconds:6.1f} s  {module}:{mutant.line} {mutant.operator}",
                        flush=True,
                    )
                    left = [name for _, name, _ in running.values()] + [name for name, _ in waiting]
                    if module not in left:
                        record["mutants"].sort(key=lambda one: (one["line"], one["operator"], one["diff"]))
                        yield module, record


def order_and_limit(baseline: Baseline, module: str, line: int, tests: list[str]) -> tuple[dict[str, float], float]:
    """Return an order of tests, those that reach the line first and quick ones before slow ones, and a time limit."""
    seconds = {test: took for test, took in baseline.seconds.items() if test.split("::")[0] in tests}
    reached = set(baseline.reached[module].get(line, ()))
    order = {test: took + (0.0 if test in reached else 1e6) for test, took in seconds.items()}
    return order, 60 + 5 * sum(seconds.values())


def entry(mutant: Mutant, outcome: Outcome) -> dict[str, Any]:
    """Return the record of a mutant."""
    found = {"operator": mutant.operator, "line": mutant.line, "diff": mutant.diff, "state": outcome.state}
    return found | ({"test": outcome.test} if outcome.state == "killed" else {})


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


if __name__ == "__main__":
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    main()
