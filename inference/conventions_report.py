"""The table of conventions as a person reads it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..errors import clean
from .conventions import conventions
from .report_text import ESTIMAND_NAMES, STYLES, origin
from .result import attribute
from .verdict import verdict

_WIDE = 100
_SCORES = ("contention", "misalignment", "relative_misalignment")


def conventions_report(
    fit: xr.DataTree, *, width: int, seed: int = 1, allow_unreliable: bool = False, table: pd.DataFrame | None = None
) -> RenderableType:
    """Return the scores under alternatives to each convention, and how far they move, area by area.

    Parameters
    ----------
    fit, seed, allow_unreliable
        As for :func:`conventions`.
    width
        Columns of the terminal; below 100 relative misalignment is left out.
    table
        The table, if it is at hand already.

    Raises
    ------
    Refused
        If the fit is refused and ``allow_unreliable`` is False.
    """
    table = conventions(fit, seed=seed, allow_unreliable=allow_unreliable) if table is None else table
    scores = _SCORES if width >= _WIDE else _SCORES[:2]
    state = verdict(fit).state
    named = ESTIMAND_NAMES["population"].format(n=attribute(fit, "n_agents"))
    parts: list[RenderableType] = [
        Text.assemble(("Scores under other conventions", "bold"), f"; {named}"),
        Text("State: ").append_text(Text(state, STYLES.get(state, ""))),
    ]
    if state == "refused":
        parts.append(Text("NOT RELIABLE: these numbers were refused and are shown on request.", "bold red"))
    for area in dict.fromkeys(None if pd.isna(name) else name for name in table["area"]):
        own = table[table["area"].isna() if area is None else table["area"] == area]
        shown = own[own["score"].isin(scores) & (own["convention"] == "as fitted")]["mean"].notna().any()
        table_of_area = _area_table(own, scores) if shown else Text("not reported")
        parts += ["", _heading(area, own), Padding(table_of_area, (0, 0, 0, 2))]
    parts += ["", Text("How far the scores move", "bold")]
    parts += [Padding(Text(text), (0, 0, 0, 2)) for text in table.attrs.get("reading", [])]
    if (table["convention"] == "area mean").any():
        parts.append(Text("Means over areas other than the arithmetic are no headline scores.", "dim"))
    parts.append(Text("Mean and 90 % interval; the shift of the mean from that as fitted in brackets.", "dim"))
    return Group(*parts, Text(origin(fit), "dim"))


def _heading(area: str | None, own: pd.DataFrame) -> Text:
    """Return the name of the area with the states of its scores that are not ok."""
    text = Text("Overall" if area is None else clean(area), "bold")
    states = own.drop_duplicates("score").set_index("score")["state"]
    for state in dict.fromkeys(states[states != "ok"]):
        names = ", ".join(str(score).replace("_", " ") for score in states.index[states == state])
        text.append_text(Text.assemble("  ", (f"{state}: {names}", STYLES.get(state, ""))))
    return text


def _area_table(own: pd.DataFrame, scores: tuple[str, ...]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("convention")
    for score in scores:
        table.add_column(score.replace("_", " "), no_wrap=True)
    cells = {(row["convention"], row["value"], row["score"]): row for row in own.to_dict("records")}
    for convention, value in dict.fromkeys((key[0], key[1]) for key in cells):
        found = [cells.get((convention, value, score)) for score in scores]
        name = f"{convention}: {value}" if value else convention
        table.add_row(Text(name, "" if value else "bold"), *(Text(_cell(row)) for row in found))
    return table


def _cell(row: dict[Any, Any] | None) -> str:
    if row is None:
        return ""
    if row["convention"] == "weight mean" and row["score"] == "contention":
        return "the same"
    if not np.isfinite(row["mean"]):
        return "not known" if row["how"] == "not fitted" else "not reported"
    text = f"{row['mean']:.2f} [{row['lower']:.2f}, {row['upper']:.2f}]"
    return text if row["convention"] == "as fitted" else f"{text} ({round(row['shift'], 2) + 0.0:+.2f})"
