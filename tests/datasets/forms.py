"""One small table in every form that is read, wide and long, CSV, Parquet and data frame, and where its cells are."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from dissensus.datasets import Study

FORMS = tuple(f"{layout} {kind}" for layout in ("wide", "long") for kind in ("csv", "parquet", "frame"))
SERVES = {"yes": "for", "no": "against"}

Row = Mapping[str, str | None]
GOOD: tuple[Row, ...] = (
    {"id": "a", "q1": "yes", "q2": "no"},
    {"id": "b", "q1": "no", "q2": "yes"},
    {"id": "c", "q1": "yes", "q2": "yes"},
)


def study(form: str = "wide csv", *, items: Sequence[str] = ("q1", "q2"), serves: Any = None, **table: Any) -> Study:
    """Return the study of a table in this form."""
    long = {"layout": "long", "item": "item", "answer": "answer"} if form.startswith("long") else {}
    area = {
        "goals": ["for", "against"],
        "conflict": 1.0,
        "items": {name: {"serves": serves or SERVES} for name in items},
    }
    return Study.from_dict({"table": {"agent": "id", **long, **table}, "areas": {"x": area}})


@dataclass(frozen=True)
class Written:
    """A table and where its cells are."""

    table: Any
    form: str
    items: tuple[str, ...]

    def column(self, item: str) -> str:
        """Return the column in which the answers to an item stand."""
        return "answer" if self.form.startswith("long") else item

    def row(self, agent: int, item: str | None = None) -> int:
        """Return the row of an agent's answer, or of its first, from 0."""
        place = 0 if item is None else self.items.index(item)
        return agent * len(self.items) + place if self.form.startswith("long") else agent

    def line(self, agent: int, item: str | None = None) -> int | None:
        """Return the line of an agent's answer; None where the table has no lines."""
        return self.row(agent, item) + 2 if self.form.endswith("csv") else None


def write(form: str, rows: Sequence[Row], folder: Path) -> Written:
    """Return the rows as a table in this form; the items are the columns called q1, q2, …"""
    layout, kind = form.split()
    items = tuple(name for name in rows[0] if name.startswith("q"))
    if layout == "long":
        others = [name for name in rows[0] if name not in items]
        rows = [
            {**{name: row[name] for name in others}, "item": item, "answer": row[item]}
            for row in rows
            for item in items
        ]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    if kind == "frame":
        return Written(pd.DataFrame(columns, dtype=object), form, items)
    path = folder / f"{layout}.{kind}"
    if kind == "parquet":
        pq.write_table(pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()}), path)
    else:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows(
            [list(columns), *[["" if cell is None else cell for cell in row.values()] for row in rows]]
        )
        path.write_bytes(text.getvalue().encode())
    return Written(path, form, items)


def changed(agent: int, **cells: str | None) -> tuple[Row, ...]:
    """Return the good rows with some cells of one agent changed."""
    return tuple({**row, **cells} if place == agent else row for place, row in enumerate(GOOD))


def extended(**columns: Sequence[str | None]) -> tuple[Row, ...]:
    """Return the good rows with further columns."""
    return tuple({**row, **{name: values[i] for name, values in columns.items()}} for i, row in enumerate(GOOD))
