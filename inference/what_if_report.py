"""Scores under a change as rows, as JSON, and as a person reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..errors import clean
from .area_scores import ESTIMANDS
from .group_sizes import SMALL_GROUP, group_sizes, small_groups_of
from .published import check_area, described
from .report_text import ESTIMAND_NAMES, STYLES, number, origin
from .result import attribute
from .score_arrays import SCORES
from .summary import effective_by_score, monte_carlo_error, origin_json, summarize
from .verdict import verdict
from .what_if import SCENARIOS

Array = NDArray[np.float64]
type Row = dict[str, Any]

_WIDE = 100
_NOT_THERE = "Under the change this number does not exist: too few agents are left, or weights are not known."


def what_if_rows(fit: xr.DataTree, changed: xr.Dataset) -> list[Row]:
    """Return the published rows of scores under a change: three for each score, estimand, area and pair of groups.

    Parameters
    ----------
    fit
        The result.
    changed
        What :func:`.what_if` returned for it; with groups if it was asked for them.

    Returns
    -------
    list of dict
        The keys of :func:`.summarize`, and ``scenario``: ``"as fitted"``, ``"what if"`` or ``"difference"``, whose
        interval is that of the difference in each draw. What the fit holds back is held back in all three. Monte Carlo
        errors are those of the same number of effective draws.
    """
    unreliable = bool(changed.attrs["allow_unreliable"])
    by = "group" if "group" in changed.dims else None
    effective = effective_by_score(fit)
    frame = summarize(fit, by=by, allow_unreliable=unreliable)
    rows = []
    for own in frame[frame["score"].isin(SCORES)].to_dict("records"):
        cell = {key: None if pd.isna(own[key]) else own[key] for key in ("area", "group", "group_other")}
        at: dict[str, Any] = {"estimand": own["estimand"]} | ({} if cell["area"] is None else {"area": cell["area"]})
        prefix = "overall_" if cell["area"] is None else ""
        if cell["group"] is not None:
            prefix += "group_"
            at |= {"group": cell["group"], "group_other": cell["group_other"] or cell["group"]}
        draws = changed[f"{prefix}{own['score']}"].sel(at).transpose("scenario", ...)
        fitted = draws.sel(scenario="as fitted").values
        held = bool(pd.isna(own["mean"]) and np.isfinite(fitted).all())
        for scenario in SCENARIOS:
            x = draws.sel(scenario=scenario).values
            row = {"score": own["score"], "estimand": own["estimand"], **cell, "scenario": scenario}
            numbers: dict[str, float | None] = dict.fromkeys(("mean", "sd", "lower", "upper", "mcse"))
            reasons = list(own["reasons"])
            if np.isfinite(x).all() and not held:
                error = monte_carlo_error(x, effective, cell["area"], own["score"])
                numbers |= {**described(x), "sd": float(x.std()), "mcse": error if np.isfinite(error) else None}
            elif np.isfinite(fitted).all() and not held:
                reasons = [_NOT_THERE, *reasons]
            rows.append(row | numbers | {"state": own["state"], "reasons": reasons})
    return rows


def what_if_json(fit: xr.DataTree, changed: xr.Dataset | None) -> dict[str, Any]:
    """Return the object that ``--json`` prints: origin, state, the changes in words, and the rows.

    Parameters
    ----------
    fit
        The result.
    changed
        What :func:`.what_if` returned; None when it was refused, and then there are no rows.
    """
    return {
        **origin_json(fit, allow_unreliable=changed is not None and bool(changed.attrs["allow_unreliable"])),
        "changes": [] if changed is None else list(changed.attrs["changes"]),
        "scores": [] if changed is None else what_if_rows(fit, changed),
    }


def what_if_report(
    fit: xr.DataTree, changed: xr.Dataset, *, width: int, area: str | None = None, small_groups: bool = False
) -> RenderableType:
    """Return the scores as fitted, under the change, and their difference.

    Parameters
    ----------
    fit, changed
        As for :func:`what_if_rows`.
    width
        Columns of the terminal; below 100 the scores of the population are left out, and that is said.
    area
        With groups: the area whose groups are shown; None for the overall scores.
    small_groups
        Show groups of fewer than 10 agents too.

    Raises
    ------
    InputError
        If there is no such area.
    """
    check_area(fit, area)
    rows = what_if_rows(fit, changed)
    found = verdict(fit)
    parts: list[RenderableType] = [
        Text("Scores under a change", "bold"),
        Text("State: ").append_text(Text(found.state, STYLES.get(found.state, ""))),
    ]
    if found.refused:
        parts.append(Text("NOT RELIABLE: these numbers were refused and are shown on request.", "bold red"))
    said = changed.attrs["changes"] or ["Nothing is changed."]
    parts += ["", Text("What is changed", "bold"), *(Padding(Text(clean(line)), (0, 0, 0, 2)) for line in said)]
    estimands = ESTIMANDS if width >= _WIDE else ESTIMANDS[:1]
    everybody = [row for row in rows if row["group"] is None]
    areas = list(dict.fromkeys(row["area"] for row in everybody))
    if len(areas) == 2:
        areas = [name for name in areas if name is not None]  # the overall scores are those of the one area
    shown: list[Row] = []
    for estimand in estimands:
        named = ESTIMAND_NAMES[estimand].format(n=attribute(fit, "n_agents"))
        parts += ["", Text(f"{named[0].upper()}{named[1:]}", "bold")]
        own = [row for row in everybody if row["estimand"] == estimand and row["area"] in areas]
        shown += own
        parts.append(_table(width, [("overall" if name is None else name, _of(own, area=name)) for name in areas]))
    left_out: list[str] = []
    if "group" in changed.dims:
        few = () if small_groups else small_groups_of(fit)
        left_out = [f"{clean(name)} ({group_sizes(fit)[name]:,})" for name in few]
        own = [row for row in rows if row["group"] is not None and row["estimand"] == "sample"]
        own = [row for row in own if not {row["group"], row["group_other"]} & set(few) and row["area"] == area]
        shown += own
        pairs = dict.fromkeys((row["group"], row["group_other"]) for row in own)
        where = "Overall" if area is None else clean(area)
        parts += ["", Text(f"{where}, within and between groups (sample)", "bold")]
        parts.append(_table(width, [(_pair(*pair), _of(own, group=pair[0], group_other=pair[1])) for pair in pairs]))
    if left_out:
        text = f"Left out: {', '.join(left_out)}. Groups of fewer than {SMALL_GROUP} agents are shown with "
        parts.append(Text(f"{text}--small-groups; --json holds every group."))
    if len(estimands) == 1:
        parts.append(Text("Population scores: in a wider terminal, or --json.", "dim"))
    reasons = [reason for row in shown for reason in row["reasons"] if row["mean"] is None]
    reasons = [reason for reason in reasons if reason not in found.reasons]
    for title, texts in (("Not reported", reasons), ("Why " + found.state, found.reasons)):
        lines = [Padding(Text(clean(text)), (0, 0, 0, 2)) for text in dict.fromkeys(texts)]
        parts += ["", Text(title, "bold"), *lines] if lines else []
    parts += [
        "",
        Text("Mean and 90 % interval. The difference is taken in every draw, so its interval is its own.", "dim"),
        Text("Nothing is fitted again: this says how the scores would be, not what would follow.", "dim"),
        Text(origin(fit), "dim"),
    ]
    return Group(*parts)


def _of(rows: list[Row], **at: str | None) -> list[Row]:
    return [row for row in rows if all(row[key] == value for key, value in at.items())]


def _pair(group: str, other: str | None) -> str:
    return group if other is None else f"{group} – {other}"


def _table(width: int, blocks: list[tuple[str, list[Row]]]) -> Table:
    """Return a line for each score; in a narrow terminal intervals stand below their means."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("", *SCENARIOS, "state"):
        table.add_column(name, no_wrap=True)
    between = " " if width >= _WIDE else "\n"
    for name, rows in blocks:
        table.add_row(Text(clean(name), "bold"))
        for score in SCORES:
            of_score = {row["scenario"]: row for row in rows if row["score"] == score}
            cells = [_cell(of_score[scenario], between) for scenario in SCENARIOS]
            state = of_score[SCENARIOS[0]]["state"]
            label = Text("  " + score.replace("_", " "))
            table.add_row(label, *map(Text, cells), Text(state, STYLES.get(state, "")))
    return table


def _cell(row: Mapping[str, Any], between: str) -> str:
    if row["mean"] is None:
        return "not reported"
    mean, interval = number({**row, "mcse": np.nan if row["mcse"] is None else row["mcse"]})
    sign = "+" if row["scenario"] == "difference" and mean[:1].isdigit() else ""
    return f"{sign}{mean}{between}{interval}"
