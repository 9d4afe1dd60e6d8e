"""Goal and weight of agents that were asked for: as a table a person reads, and as the rows of ``--json``."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..errors import clean
from .report_text import STYLES, origin
from .summary import origin_json


def agents_rows(found: xr.Dataset) -> list[dict[str, Any]]:
    """Return one row for each agent, area and goal of what :func:`.agents_posterior` returned.

    Each has ``agent``, ``area``, ``goal``, ``probability`` with ``lower`` and ``upper``, ``answers``, and ``weight``,
    ``weight_lower`` and ``weight_upper`` of the agent in the area; null where a weight is not known.
    """
    rows = []
    for agent in found["agent"].values.tolist():
        for label in found["goal"].values.tolist():
            area, goal = next((a, label.removeprefix(f"{a}: ")) for a in _longest(found) if label.startswith(f"{a}: "))
            here, there = found.sel(agent=agent, goal=label), found.sel(agent=agent, area=area)
            weights = {name: _number(there[name]) for name in ("weight", "weight_lower", "weight_upper")}
            rows.append(
                {
                    "agent": agent,
                    "area": area,
                    "goal": goal,
                    "probability": _number(here["goal_probability"]),
                    "lower": _number(here["goal_lower"]),
                    "upper": _number(here["goal_upper"]),
                    "answers": int(there["answers"]),
                }
                | weights
            )
    return rows


def _longest(found: xr.Dataset) -> list[str]:
    """Return the areas, those with long names first: one name may begin like another."""
    return sorted(found["area"].values.tolist(), key=len, reverse=True)


def _number(value: xr.DataArray) -> float | None:
    number = value.item()
    return float(number) if np.isfinite(number) else None


def agents_json(fit: xr.DataTree, found: xr.Dataset | None) -> dict[str, Any]:
    """Return the object that ``--json`` prints: origin, state and the rows; no rows when the fit is refused."""
    return {
        **origin_json(fit, allow_unreliable=found is not None and bool(found.attrs["allow_unreliable"])),
        "agents": [] if found is None else agents_rows(found),
    }


def agents_report(fit: xr.DataTree, found: xr.Dataset) -> RenderableType:
    """Return goal and weight of each agent in each area, the goals it may hold with the likeliest first."""
    state = str(found.attrs["state"])
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("agent", "area", "answers", "weight", "goal (probability)"):
        table.add_column(name, justify="right" if name == "answers" else "left", overflow="fold")
    rows = agents_rows(found)
    for agent, area in dict.fromkeys((row["agent"], row["area"]) for row in rows):
        own = sorted(
            (row for row in rows if (row["agent"], row["area"]) == (agent, area)), key=lambda row: -row["probability"]
        )
        weight = "not known" if own[0]["weight"] is None else _bounded(own[0], "weight", "weight_lower", "weight_upper")
        goals = [f"{clean(row['goal'])} {_bounded(row, 'probability', 'lower', 'upper')}" for row in own[:2]]
        table.add_row(clean(agent), clean(area), f"{own[0]['answers']:,}", weight, "; ".join(goals))
    parts: list[RenderableType] = [Text("State: ").append_text(Text(state, STYLES.get(state, "")))]
    if found.attrs["allow_unreliable"]:
        parts.append(Text("NOT RELIABLE: these numbers were refused and are shown on request.", "bold red"))
    parts += [Text(clean(reason), "dim") for reason in found.attrs["reasons"]]
    parts += [table, Text("Mean and 90 % interval; a weight of 0 follows no goal, of 1 always its goal.", "dim")]
    return Group(*parts, Text(origin(fit), "dim"))


def _bounded(row: dict[str, Any], mean: str, lower: str, upper: str) -> str:
    return f"{row[mean]:.2f} [{row[lower]:.2f}, {row[upper]:.2f}]"
