"""The page of mutation testing, made from results.json and explained.toml."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import Any

from trial import ROOT

FOLDER = Path(__file__).parent
_KINDS = {
    "equivalent": "the same numbers come out whatever happens",
    "speed": "only time or memory changes",
    "tolerance": "the difference is far below what any statement needs",
    "declaration": "it guards against a use that the package makes nowhere",
    "disk": "it shows only when power fails or on another system",
    "text": "part of a text for readers that is put together elsewhere",
    "since": "a test has been written for it since, and the mutant not been tried again",
    "gap": "no test notices",
}
"""Why a mutant may survive."""
SAME = {"equivalent", "speed"}
"""Kinds of mutants that no test of results can kill."""


def write_page(results: dict[str, Any], modules: dict[str, dict[str, tuple[str, ...]]]) -> None:
    """Write README.md."""
    (FOLDER / "README.md").write_text(page(results, modules), encoding="utf-8")


def explanations() -> dict[str, list[dict[str, str]]]:
    """Return why mutants survive, by module."""
    return tomllib.loads((FOLDER / "explained.toml").read_text(encoding="utf-8"))


def page(results: dict[str, Any], modules: dict[str, dict[str, tuple[str, ...]]]) -> str:
    """Return the page."""
    explained = explanations()
    rows, survivors = [], []
    for part, of_part in modules.items():
        for module in of_part:
            if module not in results:
                continue
            record = results[module]
            states = [one["state"] for one in record["mutants"]]
            alive = [one for one in record["mutants"] if one["state"] == "survived"]
            killed, late = len(states) - len(alive), states.count("time-out")
            tests = ", ".join(Path(test).stem.removeprefix("test_") for test in record["tests"])
            real = len(states) - sum(why(one, explained.get(module, []))[0] in SAME for one in alive)
            numbers = f"{record['possible']} | {len(states)} | {killed} | {late} | {killed / len(states):.0%}"
            source = f"`{record['sha256'][:12]}`{_changed(module, record)}"
            rows.append(f"| {part} | `{module}` | {numbers} | {killed / real:.0%} | {tests} | {source} |")
            if alive:
                survivors.append(f"### `{module}`\n")
            survivors += [_survivor(one, explained.get(module, [])) for one in alive]
    every = [one["state"] for record in results.values() for one in record["mutants"]]
    killed = len(every) - every.count("survived")
    versions = sorted({f"dissensus {r['version']}, cosmic-ray {r['cosmic_ray']}" for r in results.values()})
    untried = [f"`{module}`" for of_part in modules.values() for module in of_part if module not in results]
    missing = f" Not tried yet: {', '.join(untried)}." if untried else ""
    kinds = "\n".join(f"- *{kind}*: {meaning}." for kind, meaning in _KINDS.items())
    return f"""{_HEAD}
Of {len(every)} mutants {killed} were killed ({killed / len(every):.0%}). Tested with {"; ".join(versions)}.{missing}

| part | module | possible | tried | killed | of these by time | share | of real ones | test files | source tried |
|---|---|--:|--:|--:|--:|--:|--:|---|---|
{chr(10).join(rows)}

*possible*: all mutants of the module. *of real ones*: of the mutants that give other numbers in some case, so without
those marked equivalent or speed below. *source tried*: the start of the SHA-256 of the module's source; † marks a
module that has changed since.

## Survivors

{kinds}

{chr(10).join(survivors)}"""


def _changed(module: str, record: dict[str, Any]) -> str:
    path = ROOT / module
    now = hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""
    return "" if now == record["sha256"] else " †"


def why(one: dict[str, Any], explained: list[dict[str, str]]) -> tuple[str, str]:
    """Return the kind of a survivor and the reason; empty where nobody has said."""
    added = [line[1:] for line in one["diff"].splitlines() if line.startswith("+") and line[1:].strip() != "pass"]
    removed = [line[1:] for line in one["diff"].splitlines() if line.startswith("-")]
    changed = " ".join((added or removed)[0].split())
    for entry in explained:
        if " ".join(entry["line"].split()) == changed:
            if entry["kind"] not in _KINDS:
                raise ValueError(f"{entry['kind']} is no kind of survivor")
            return entry["kind"], entry["why"]
    return "", ""


def _survivor(one: dict[str, Any], explained: list[dict[str, str]]) -> str:
    kind, reason = why(one, explained)
    reason = f"*{kind}*: {reason}" if kind else "**not explained yet**"
    return f"Line {one['line']}, {one['operator']}. {reason}.\n\n```diff\n{one['diff']}\n```\n"


_HEAD = """\
# Mutation testing

Does a test fail when the code is wrong? A mutant is one small change of a module: another sign, `<` for `<=`, a
condition turned round, a number one larger, a loop of no rounds, an exception not caught, a statement left out. Each
mutant of a sample is imported afresh in a copy of the tree and meets the test files that own its module. It is
*killed* when one of their tests fails or takes more than 60 s and five times as long as all of them took; it *survives*
when all pass.

```
uv run --group mutation python -P benchmarks/mutation/run.py                        # all modules; about an hour
uv run --group mutation python -P benchmarks/mutation/run.py inference/density.py   # some
uv run --group mutation python -P benchmarks/mutation/run.py --survivors            # survivors a test could kill
uv run --group mutation python -P benchmarks/mutation/run.py --page                 # write this page again
```

- Changes are those of [cosmic-ray](https://cosmic-ray.readthedocs.io)'s operators, of which the near ones are taken
  (`mutants.py`), and the statement left out. Changes that mean the same to the interpreter are counted once.
- Of each module a random sample is tried (30 by default, seed 1), all if it has fewer.
- Left out are docstrings, comments, annotations, imports, formatted texts and the texts of errors: a message one sign
  longer is no fault of the tests.
- Only the test files named below run, without those marked slow. Other tests may kill a survivor too.
- Why a survivor survives stands in `explained.toml`.

This page is written by the command, from `results.json`.
"""
