"""Coverage-guided fuzzing of what reads files: the table reader, the study reader and the result reader.

    uv run --group fuzz python -P benchmarks/fuzz.py csv --seconds 300

Whatever the bytes, a reader gives a valid object or raises InputError; anything else stops the run and writes the
input that led to it to the current folder. Targets: csv, parquet, study, result.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["dissensus", "tomllib"]):
    from dissensus.datasets import Study, read_table, simulate
    from dissensus.inference import fit, load, save
    from dissensus.inference.verdict import verdict

    from dissensus.errors import InputError

ITEMS = {name: {"serves": {"yes": "for", "no": "against", "1": []}} for name in ("q1", "q2", "q3")}
AREAS = {"x": {"goals": ["for", "against"], "conflict": 1.0, "items": ITEMS}}
LONG = {"layout": "long", "agent": "id", "item": "item", "answer": "answer"}
EXTRAS = (
    {},
    {"group": "g", "group_missing": "overall_only"},
    {"survey_weight": "w", "decimal": ","},
    {"on_duplicate": "keep_one", "missing": ["98", "NA"]},
    {"on_duplicate": "keep_last", "limits": {"label": 20, "columns": 6}},
)
STUDIES = [
    Study.from_dict({"table": layout | extra, "areas": AREAS}) for layout in ({"agent": "id"}, LONG) for extra in EXTRAS
]
WIDE_SEED = b'\xef\xbb\xbfid,g,w,q1,q2,q3\n1,a,"1,5",yes,no,1\r\n"2",b,2,no,"yes",98\n007,,0,,1,no\n'
LONG_SEED = b'id,item,answer,g,w\na,q1,yes,L,1\na,q2,"no",L,1\nb,q1,no,R,2\nb,q3,1,R,2\n'
STUDY_SEED = b"""\
title = "x"
[table]
agent = "id"
group = "g"
missing = ["", "98"]
[table.groups]
A = ["0", "1"]
[areas.x]
goals = ["a", "b", "c"]
conflict = { "a|b" = 1.0, "a|c" = 0.5, "b|c" = 0.5 }
rule = "luce"
[areas.x.items.q1]
serves = { "1" = "a", "2" = ["b", "c"], "3" = [] }
"""


WORDS = r"""
title [table] [table.limits] [table.groups] [areas. .items. [priors] layout = "long" "wide" agent group item answer
survey_weight missing group_missing "overall_only" "error" on_duplicate "keep_one" "keep_last" delimiter decimal
thousands label columns options goals areas values bytes ratio conflict = 1.0 0 -1 nan inf "a|b" "b|a" [[0, ], { } []
rule "follow" "luce" kappa baseline "free" "uniform" no_goal = true false area_weight column serves repeated
goal_share weight_mean weight_concentration baseline_sd group_sd cluster 1979-05-27 0x10 1e9 \u0000 id q1 q2 yes no
, ; NA 98 1,5
""".split()


def main() -> None:
    """Fuzz one target for some time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", choices=["csv", "parquet", "study", "result"])
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--again", type=Path, help="an input to run once, such as one that was written")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        one, seeds = {"csv": csv, "parquet": parquet, "study": study, "result": result}[options.target](Path(folder))
        if options.again:
            one(options.again.read_bytes())
            return
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        for place, seed in enumerate(seeds):
            (corpus / str(place)).write_bytes(seed)
        words = Path(folder) / "words"
        quoted = [word.replace("\\", "\\\\").replace('"', '\\"') for word in WORDS]
        words.write_text("".join(f'"{word}"\n' for word in quoted))
        limits = [f"-max_total_time={options.seconds}", f"-seed={options.seed}", "-rss_limit_mb=4000", "-timeout=20"]
        atheris.Setup(
            [sys.argv[0], str(corpus), f"-dict={words}", "-max_len=4096", "-print_final_stats=1", *limits], one
        )
        atheris.Fuzz()


Target = tuple[Callable[[bytes], None], list[bytes]]


def csv(folder: Path) -> Target:
    """Text files: the first byte chooses the study, the rest is the file."""
    path = folder / "table.csv"

    def one(data: bytes) -> None:
        path.write_bytes(data[1:])
        _read(path, data)

    return one, [bytes([0]) + WIDE_SEED, bytes([1]) + WIDE_SEED, bytes([2]) + WIDE_SEED, bytes([5]) + LONG_SEED]


def parquet(folder: Path) -> Target:
    """Parquet files: patches of good ones."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv
    from pyarrow import parquet as arrow_parquet

    path, files = folder / "table.parquet", []
    for text in (WIDE_SEED, LONG_SEED):
        for options in ({}, {"compression": "gzip", "use_dictionary": False}):
            sink = pa.BufferOutputStream()
            arrow_parquet.write_table(
                arrow_csv.read_csv(io.BytesIO(text.removeprefix(b"\xef\xbb\xbf"))), sink, **options
            )
            files.append(sink.getvalue().to_pybytes())

    def one(data: bytes) -> None:
        chosen = data[1] if len(data) > 1 else 0
        path.write_bytes(_patched(files[chosen % len(files)], data[2:]))
        _read(path, data)

    return one, [bytes([0, 0, 9, 4, 65]), bytes([5, 2, 200, 1, 0]), bytes([2, 1, 0, 0, 1, 4, 9, 9])]


def study(folder: Path) -> Target:
    """Texts of study files."""

    def one(data: bytes) -> None:
        path = folder / "study.toml"
        path.write_bytes(data)
        try:
            parsed = Study.from_toml(path)
        except InputError as error:
            _check(error)
        else:
            if Study.from_dict(parsed.to_dict()) != parsed:
                raise AssertionError("a study does not survive to_dict")

    return one, [STUDY_SEED, STUDY_SEED.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + STUDY_SEED]


def result(folder: Path) -> Target:
    """Results: patches of a good one under a right checksum."""
    path = folder / "result.nc"
    save(fit(simulate(STUDIES[0], 30, seed=1), seed=1, draws=1_000), path)
    small = load(path)
    for name in list(small.children):
        small[name] = small[name].to_dataset().isel(draw=slice(3), missing_dims="ignore")
    save(small, path, force=True)
    good = path.read_bytes()[:-84]

    def one(data: bytes) -> None:
        bad = _patched(good, data)
        path.write_bytes(bad + f"\n#dissensus sha256 {hashlib.sha256(bad).hexdigest()}\n".encode())
        try:
            verdict(load(path))
        except InputError as error:
            _check(error)

    return one, [bytes([0, 0, 9, 4]), bytes([1, 2, 200, 1]), os.urandom(64)]


def _patched(good: bytes, patches: bytes) -> bytes:
    """Return the bytes with one changed for every four of ``patches``: three say where, the last says what."""
    bad = bytearray(good)
    for start in range(0, len(patches) - 3, 4):
        bad[int.from_bytes(patches[start : start + 3]) % len(bad)] = patches[start + 3]
    return bytes(bad)


def _read(path: Path, data: bytes) -> None:
    try:
        choices = read_table(path, STUDIES[data[0] % len(STUDIES)] if data else STUDIES[0])
    except InputError as error:
        _check(error)
    else:
        if choices.n_agents < 2:
            raise AssertionError("choices of fewer than two agents")


def _check(error: InputError) -> None:
    if not str(error) or any(not fault.remedy or (fault.line or 1) < 1 for fault in error.faults):
        raise AssertionError("a fault without words or place")


if __name__ == "__main__":
    main()
