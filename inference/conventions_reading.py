"""How far scores move with the conventions, in words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from ..errors import clean
from .checks import from_dataset

type Row = dict[Any, Any]


def reading(table: pd.DataFrame) -> list[str]:
    """Return, for each area and overall, how far the scores move, in one sentence each.

    Parameters
    ----------
    table
        A table of :func:`conventions`.
    """
    texts = []
    rows = table.to_dict("records")
    for area in dict.fromkeys(_name(row) for row in rows):
        own = [row for row in rows if _name(row) == area]
        held = {row["score"] for row in own if row["convention"] == "as fitted" and np.isfinite(row["mean"])}
        own = [row for row in own if row["score"] in held]  # of what is held back nothing is said
        text = " ".join(filter(None, (_moves(own), _means(own), _lost(own))))
        if text:
            texts.append(f"{'Overall' if area is None else clean(area)}: {text}")
    return texts


def _name(row: Row) -> str | None:
    return None if pd.isna(row["area"]) else str(row["area"])


def _moves(rows: list[Row]) -> str:
    """Return how far priors and κ move contention and misalignment."""
    parts = []
    for score in ("contention", "misalignment"):
        moved = [row for row in rows if row["score"] == score and np.isfinite(row["shift"])]
        moved = [row for row in moved if row["convention"] not in {"as fitted", "weight mean", "area mean"}]
        if moved:
            most = max(moved, key=lambda row: abs(row["shift"]))
            named = f"{most['convention']}, {most['value']}"
            parts.append(f"{score} by at most {abs(most['shift']):.2f} ({named})")
    what = "Priors and κ" if any(row["convention"] == "kappa" for row in rows) else "Priors"
    return f"{what} move {' and '.join(parts)}." if parts else ""


def _means(rows: list[Row]) -> str:
    """Return between what numbers the mean of two weights moves misalignment."""
    found = [row for row in rows if row["score"] == "misalignment" and np.isfinite(row["mean"])]
    found = [row for row in found if row["convention"] in {"as fitted", "weight mean"} and row["value"] != "none"]
    if len(found) < 2:
        return ""
    low, high = (pick(found, key=lambda row: row["mean"]) for pick in (min, max))
    ends = [f"{row['mean']:.2f} ({row['value'] or 'geometric'})" for row in (low, high)]
    return f"By the mean of two weights misalignment is {' to '.join(ends)}."


def _lost(rows: list[Row]) -> str:
    names = dict.fromkeys(f"{row['convention']}, {row['value']}" for row in rows if row["how"] == "not fitted")
    return f"Not known, because the fit that it takes is not good enough: {'; '.join(names)}." if names else ""


def sensitivity(fit: xr.DataTree) -> list[str]:
    """Return what the checks of the fit say of prior sensitivity."""
    checks = from_dataset(fit["checks"].to_dataset())
    return [f"{clean(c.area or '')}: {c.message}" for c in checks if c.name == "prior-sensitivity" and c.message]
