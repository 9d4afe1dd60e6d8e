"""Figures that others published, beside ours.

    uv run python -P benchmarks/published.py               # all data sets in the folder DISSENSUS_DATA names
    uv run python -P benchmarks/published.py --only sushi  # one of them, or several

`published.toml` holds the published figures, their sources and how near ours have to come; `published_ours.py` computes
ours. Exit code 1 where one is further off or was not computed. Data sets whose folder is missing are named, not judged.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent))  # python -P leaves the folder of a script out
from published_ours import OURS

PUBLISHED = Path(__file__).with_suffix(".toml")


@dataclass(frozen=True)
class Row:
    """One figure: as published, and ours, None where it was not computed."""

    data: str
    figure: str
    source: str
    published: float
    ours: float | None
    within: float

    @property
    def passes(self) -> bool:
        return self.ours is not None and abs(self.ours - self.published) <= self.within


def rows_of(name: str, home: Path) -> list[Row]:
    """Return the figures of one data set, in the order of the file."""
    blocks = tomllib.loads(PUBLISHED.read_text(encoding="utf-8"))[name]
    ours = OURS[name][1](home)
    return [
        Row(name, figure, block["source"], value, ours.get(figure), block["within"])
        for block in blocks
        for figure, value in block["figures"].items()
    ]


def table_of(rows: list[Row]) -> Table:
    """Return the figures of one data set as a table, its sources below."""
    sources = list(dict.fromkeys(row.source for row in rows))
    caption = "\n".join(f"[{number}] {source}" for number, source in enumerate(sources, start=1))
    table = Table(title=rows[0].data, caption=caption, caption_justify="left", title_justify="left")
    table.add_column("figure", overflow="fold")
    for heading in ("published", "ours", "difference", "tolerance"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for row in rows:
        number = sources.index(row.source) + 1
        if row.ours is None:
            own = ("not computed", "")
        else:
            own = (f"{row.ours:.10g}", f"{row.ours - row.published:+.1e}")
        published = f"{row.published:.10g} \\[{number}]"
        table.add_row(row.figure, published, *own, f"{row.within:g}", "pass" if row.passes else "FAIL")
    return table


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(OURS), metavar="NAME", help=f"of {', '.join(OURS)}")
    names = parser.parse_args(argv).only or list(OURS)
    console = Console()
    if "DISSENSUS_DATA" not in os.environ:
        console.print("DISSENSUS_DATA is not set: it names the folder with the data sets, each in one of its own.")
        return 1
    home, rows, skipped = Path(os.environ["DISSENSUS_DATA"]), list[Row](), list[str]()
    for name in names:
        if not (home / OURS[name][0]).is_dir():
            skipped.append(name)
            continue
        started = time.process_time()
        own = rows_of(name, home)
        console.print(table_of(own))
        console.print(f"{time.process_time() - started:.1f} s of processor time\n")
        rows += own
    failed = [row for row in rows if not row.passes]
    console.print(f"{len(rows) - len(failed)} of {len(rows)} figures agree.")
    for row in failed:
        console.print(f"FAIL: {row.data}, {row.figure}: published {row.published:g}, ours {row.ours}", markup=False)
    for name in skipped:
        console.print(f"Skipped: {name}, whose folder {OURS[name][0]} is not in DISSENSUS_DATA.")
    return int(bool(failed) or not rows)


if __name__ == "__main__":
    sys.exit(main())
