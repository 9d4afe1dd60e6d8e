"""Is anything lost when a fit is killed? `dissensus fit --method nuts` killed with SIGKILL at random moments.

    uv run python benchmarks/interruptions.py                # 100 kills, about half an hour
    uv run python benchmarks/interruptions.py --kills 10     # a look; nothing is written

A fit is started, killed after a random time, gone on with by ``--resume``, killed again, until it finishes; then the
next one is begun. After every kill:

- the result that was there before is there unchanged, or the new one is complete;
- every segment of draws that the sampler reported before it was killed is in the checkpoint;
- nothing but the result and its checkpoint is left that the next run would take for either.

And every fit that finishes, however often it was killed, gives the numbers of an undisturbed one. A complete run is
kept with a hash of the modules that save draws and results; `tests/test_interruptions.py` asks for it again when they
have changed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import record
from dissensus.inference import load
from dissensus.inference.calibration_source import meaning
from dissensus.inference.checkpoint import recover

from dissensus import datasets

SEED = 7
STUDY = """\
title = "Interrupted"
[table]
agent = "agent"
[areas.food]
goals = ["more", "less"]
conflict = 1.0
[areas.food.items.bread]
serves = { yes = "more", no = "less" }
[areas.food.items.rice]
serves = { yes = "more", no = "less" }
[areas.food.items.soup]
serves = { yes = "more", no = "less" }
"""
SOURCES = ("checkpoint", "locked_file", "nuts", "result_file")
"""Modules of ``inference`` that keep what a kill must not lose."""
SAID = re.compile(r"^(\w+): NUTS chain (\d) of 4, ([\d,]+) of", re.MULTILINE)


@dataclass
class Tally:
    """What the kills did."""

    seconds: float = 0.0
    kills: int = 0
    finished: int = 0
    with_draws: int = 0
    draws_kept: int = 0
    faults: list[str] = field(default_factory=list)


def prepare(folder: Path) -> None:
    """Write the study, a table of 150 agents, and what stands in for an older result."""
    (folder / "study.toml").write_text(STUDY)
    choices = datasets.simulate(datasets.Study.from_toml(folder / "study.toml"), 150, seed=SEED)
    datasets.write_table(choices, folder / "answers.csv")
    (folder / "old.nc").write_bytes(b"an older result" * 1000)


def command(*options: str) -> list[str]:
    """Return the command that is killed."""
    words = ["fit", "study.toml", "answers.csv", "-o", "result.nc", "--seed", "1", "--method", "nuts", "--json"]
    return [sys.executable, "-P", "-m", "dissensus", *words, *options]


def undisturbed(folder: Path) -> tuple[str, float]:
    """Return what an undisturbed fit prints, and its seconds."""
    started = time.monotonic()
    done = subprocess.run(command(), cwd=folder, capture_output=True, text=True, check=True)
    (folder / "result.nc").unlink()
    return done.stdout, time.monotonic() - started


def kill_once(folder: Path, tally: Tally, seconds: float, *options: str) -> str | None:
    """Start a fit, kill it after some seconds, look at what is left; return what it printed if it had finished."""
    with open(folder / "said.txt", "wb+") as said, open(folder / "printed.json", "wb+") as printed:
        process = subprocess.Popen(command(*options), cwd=folder, stdout=printed, stderr=said)
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            code = None
    messages = (folder / "said.txt").read_text()
    if code is not None:
        if code != 0:
            tally.faults.append(f"exit code {code}: {messages[-300:]}")
        return (folder / "printed.json").read_text()
    tally.kills += 1
    _look(folder, tally, messages)
    return None


def _look(folder: Path, tally: Tally, messages: str) -> None:
    result, kept = folder / "result.nc", folder / "result.nc.checkpoint"
    if result.exists() and _digest(result) != _digest(folder / "old.nc"):
        load(result)  # complete, or this raises
    finished: dict[tuple[str, int], int] = {}
    if kept.exists():
        for done in recover(kept).finished:
            for chain, draws in enumerate(done.draws):
                finished[done.area, chain] = max(finished.get((done.area, chain), 0), draws)
    tally.with_draws += bool(finished)
    tally.draws_kept += sum(finished.values())
    for area, chain, draws in SAID.findall(messages):
        had = finished.get((area, int(chain) - 1), 0)
        if had < int(draws.replace(",", "")) and not _complete(result, folder):
            tally.faults.append(f"{area}, chain {chain}: {draws} draws were reported, {had} are kept")
    strange = {p.name for p in folder.iterdir()} - {
        *("study.toml", "answers.csv", "old.nc", "said.txt", "printed.json", "result.nc", "result.nc.checkpoint")
    }
    for name in strange:
        if not (name.startswith(".dissensus-") and name.endswith(".partial")):
            tally.faults.append(f"{name} was left behind")
        (folder / name).unlink()


def source_hash() -> str:
    """Return the SHA-256 of the modules that keep draws and results, without comments and docstrings."""
    folder = Path(__file__).parents[1] / "inference"
    texts = [f"{name}\n{meaning((folder / f'{name}.py').read_text(encoding='utf-8'))}\n" for name in SOURCES]
    return hashlib.sha256("".join(texts).encode()).hexdigest()


def _complete(result: Path, folder: Path) -> bool:
    return result.exists() and _digest(result) != _digest(folder / "old.nc")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def run(kills: int, folder: Path, *, report: bool = True) -> Tally:
    """Kill fits until there were so many kills."""
    prepare(folder)
    expected, seconds = undisturbed(folder)
    chance, tally = random.Random(SEED), Tally(seconds=round(seconds, 1))
    result = folder / "result.nc"
    while tally.kills < kills:
        result.write_bytes((folder / "old.nc").read_bytes())
        options = ["--force"]
        while True:
            printed = kill_once(folder, tally, chance.uniform(0, seconds), *options)
            if printed is not None:
                break
            options = ["--force", "--resume"]
            if tally.kills >= kills:
                printed = kill_once(folder, tally, 60 + 20 * seconds, *options)
                break
        tally.finished += 1
        if printed is None or json.loads(printed) != json.loads(expected):
            tally.faults.append("a fit gone on with gave other numbers than an undisturbed one")
        if (folder / "result.nc.checkpoint").exists():
            tally.faults.append("a finished fit left its checkpoint")
        if report:
            print(
                f"\r{tally.kills} kills, {tally.finished} finished, {len(tally.faults)} faults", end="", file=sys.stderr
            )
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tally = run(options.kills, Path(folder))
    print(file=sys.stderr)
    for fault in tally.faults:
        print(fault)
    text = (
        f"{tally.kills} kills at random moments of {tally.finished} fits that take {tally.seconds:.1f} s undisturbed; "
        f"{tally.with_draws} left finished draws, {tally.draws_kept / max(tally.with_draws, 1):,.0f} on average. "
        f"Faults: {len(tally.faults)}.\n"
    )
    print(text)
    if options.kills >= 100 or options.output:
        kept: dict[str, Any] = record.begin("dissensus", "nutpie", "numpy") | {"source": source_hash()} | tally.__dict__
        record.keep("interruptions", kept, record.heading(kept) + "\n" + text, options.output)
    return int(bool(tally.faults))


if __name__ == "__main__":
    sys.exit(main())
