"""A result as a person reads it: scores with their states and reasons, groups, checks, and how to read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..datasets.study import Study
from ..errors import Fault, InputError, clean, shown
from .alternatives import Alternative
from .checks import Check, from_dataset, sentences, worst
from .covariates_text import covariates_lines
from .dependence_text import dependence_lines
from .goals_text import goals_lines
from .group_sizes import SMALL_GROUP, group_sizes, small_groups_of
from .importance import MAX_KHAT
from .result import attribute
from .scores import SCORE_NAMES
from .structure_checks import BETTER
from .summary import summarize
from .verdict import Verdict, verdict, weightiest_first

STYLES = {"ok": "green", "note": "cyan", "caution": "yellow", "refused": "bold red"}
ESTIMAND_NAMES = {"sample": "these {n:,} agents (sample)", "population": "agents like them (population)"}
_METHODS = {"importance": "importance draws", "nuts": "NUTS"}
_QUANTILE = 2.1
"""Monte Carlo error of a 5 % quantile of normal draws over that of their mean."""
_WIDE, _BOTH = 96, 76
_LARGEST_GOALS = 8


def number(row: Mapping[Any, Any] | pd.Series) -> tuple[str, str]:
    """Return the mean and the interval of a row of :func:`summarize`, with no digit finer than Monte Carlo error."""
    if row["mean"] is None or not np.isfinite(row["mean"]):
        return "not reported", ""
    error = _QUANTILE * float(row["mcse"])
    if error > 0.1 or np.isnan(error):
        return f"~{row['mean']:.1f}", f"[{row['lower']:.1f}, {row['upper']:.1f}]"
    digits = 3 if error <= 1e-3 else int(-np.log10(error) // 1)
    return f"{row['mean']:.{digits}f}", f"[{row['lower']:.{digits}f}, {row['upper']:.{digits}f}]"


def origin(fit: xr.DataTree) -> str:
    """Return one line that says which data, method, seed and version numbers come from."""
    methods: dict[str, list[str]] = {}
    for area, method in attribute(fit, "method").items():
        methods.setdefault(_METHODS.get(method, method), []).append(clean(area))
    one = len(methods) == 1
    how = "; ".join(name if one else f"{name} in {', '.join(areas)}" for name, areas in methods.items())
    return (
        f"{attribute(fit, 'n_agents'):,} agents; data {attribute(fit, 'data_hash')[:12]}; {how}; "
        f"seed {attribute(fit, 'seed')}; dissensus {clean(str(attribute(fit, 'versions')['dissensus']))}"
    )


def scores_report(fit: xr.DataTree, *, width: int, allow_unreliable: bool = False) -> RenderableType:
    """Return the scores of every area and overall, with states, reasons and notes.

    Parameters
    ----------
    fit
        A result.
    width
        Columns of the terminal; below 76 the population estimand is left out, and that is said.
    allow_unreliable
        Show the numbers of a refused fit too, marked.
    """
    found = verdict(fit)
    refused = found.refused
    parts: list[RenderableType] = [_heading(fit, found)]
    if refused and allow_unreliable:
        parts.append(Text("NOT RELIABLE: these numbers were refused and are shown on request.", "bold red"))
    if refused and not allow_unreliable:
        parts.append(Text("No score is reported. --allow-unreliable shows the numbers all the same.", "bold red"))
    else:
        frame = summarize(fit, allow_unreliable=True)
        parts += [
            "",
            _scores_table(fit, frame, width),
            *_not_reported(found, frame),
            *goals_lines(fit),
            *dependence_lines(fit),
        ]
        parts += covariates_lines(fit)
    parts += [*_reasons(found), *_listed("Notes", found.notes), "", Text(origin(fit), "dim")]
    return Group(*parts)


def groups_report(
    fit: xr.DataTree,
    *,
    width: int,
    area: str | None = None,
    estimand: str = "sample",
    small_groups: bool = False,
    allow_unreliable: bool = False,
) -> RenderableType:
    """Return a group × group table for each score.

    Parameters
    ----------
    fit
        A result with groups, not refused unless ``allow_unreliable``.
    width
        Columns of the terminal.
    area
        An area; None for the overall scores.
    estimand
        ``"sample"`` or ``"population"``.
    small_groups
        Show groups of fewer than 10 agents too.
    allow_unreliable
        As for :func:`scores_report`.

    Raises
    ------
    InputError
        If there is no such area.
    """
    areas = list(attribute(fit, "method"))
    if area is not None and area not in areas:
        message, remedy = f'"area" is {shown(area)}.', f"Its areas are {', '.join(map(shown, areas))}."
        raise InputError(Fault(code="no-area", message=message, remedy=remedy, value=area))
    frame = summarize(fit, by="group", allow_unreliable=allow_unreliable)
    sizes = group_sizes(fit)
    few = small_groups_of(fit)
    groups = [name for name in sizes if small_groups or name not in few]
    parts: list[RenderableType] = []
    if groups:
        cells = frame[(frame["estimand"] == estimand) & frame["group"].isin(groups)]
        cells = cells[cells["group_other"].isna() | cells["group_other"].isin(groups)]
        cells = cells[cells["area"].isna() if area is None else cells["area"] == area]
        named = ESTIMAND_NAMES[estimand].format(n=attribute(fit, "n_agents"))
        where = "Overall" if area is None else clean(area)
        parts += _not_reported(verdict(fit), cells)
        for score in SCORE_NAMES:
            own = cells[cells["score"] == score]
            title = Text.assemble((f"{where}: {score.replace('_', ' ')}", "bold"), f"; {named}: ")
            title.append_text(_state(own["state"].iloc[0]))
            parts += ["", title, *_matrices(own, groups, sizes, width)]
    parts += ["", Text("Within groups on the diagonal, between groups above it; mean and 90 % interval.", "dim")]
    left_out = [f"{clean(name)} ({size:,})" for name, size in sizes.items() if name not in groups]
    if left_out:
        text = (
            f"Left out: {', '.join(left_out)}. Groups of fewer than {SMALL_GROUP} agents are shown with --small-groups;"
            " --json holds every group."
        )
        parts.append(Text(text))
    if area is None and len(areas) > 1:
        parts.append(Text("One area: --area NAME. Everything: --json.", "dim"))
    return Group(*parts)


def checks_report(fit: xr.DataTree, *, width: int) -> RenderableType:
    """Return every stored check by area, with value and bound, and the structural alternatives."""
    found = verdict(fit)
    checks = found.checks
    parts: list[RenderableType] = [_heading(fit, found)]
    for area in dict.fromkeys(check.area for check in checks):
        table = Table("check", "value", "bound", "state", box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for column in table.columns[1:3]:
            column.justify = "right"
        own = [check for check in checks if check.area == area]
        for check in own:
            table.add_row(_check_name(check, own), _short(check.value), _short(check.threshold), _state(check.state))
        parts += ["", Text("All areas" if area is None else clean(area), "bold"), Padding(table, (0, 0, 0, 2))]
        parts += [Padding(Text(clean(c.message)), (0, 0, 0, 4)) for c in own if c.message]
    parts += ["", alternatives_report(fit, width=width), "", Text(origin(fit), "dim")]
    return Group(*parts)


def alternatives_report(fit: xr.DataTree, *, width: int) -> RenderableType:
    """Return the scores of every area under other model structures, the best predicting first."""
    stored = fit["alternatives"].to_dataset()
    study = Study.from_dict(attribute(fit, "study"))
    names = ["contention", "misalignment"] + (["relative_misalignment"] if width >= _WIDE else [])
    parts: list[RenderableType] = [Text("Other structures of the model, best predicting first", "bold")]
    for area in study.areas:
        own = Alternative(area.rule, area.no_goal).name
        table = Table("structure", "ELPD", *(n.replace("_", " ") for n in names), box=None, pad_edge=False)
        table.columns[1].justify = "right"
        at = stored.sel(area=area.name)
        at = at.isel(structure=np.argsort(-np.nan_to_num(at["elpd"].values, nan=-np.inf), kind="stable"))
        for name in at["structure"].values:
            cell = at.sel(structure=name)
            if np.isnan(cell["log_density"]):
                continue
            cells = [_alternative(cell, score) for score in names]
            label = Text(f"{name} (this study)" if name == own else str(name), "bold" if name == own else "")
            if name != own and not float(cell["khat"]) <= MAX_KHAT and np.isfinite(cell["elpd"]):
                label.append(" (fitted poorly)", "yellow")
            table.add_row(label, "failed" if np.isnan(cell["elpd"]) else f"{float(cell['elpd']):,.1f}", *cells)
        parts += [Text("  " + clean(area.name)), Padding(table, (0, 0, 0, 4))]
    parts.append(Text("  ELPD: expected log predictive density of an agent left out, summed; higher is better.", "dim"))
    return Group(*parts)


def model_dependence(fit: xr.DataTree) -> RenderableType:
    """Return, for each area whose contention depends on the model, what that means in plain sentences."""
    stored = fit["alternatives"].to_dataset()
    parts: list[RenderableType] = []
    for check in from_dataset(fit["checks"].to_dataset()):
        if check.name != "depends-on-model" or check.state != "caution" or check.area is None:
            continue
        area = Study.from_dict(attribute(fit, "study")).area(check.area)
        table = stored.sel(area=area.name)
        own = table.sel(structure=Alternative(area.rule, area.no_goal).name)
        others = table.sel(structure=(table["structure"] != own["structure"]) & table["contention_mean"].notnull())
        others = others.sel(structure=others["elpd"] >= own["elpd"] - BETTER)
        if others.sizes["structure"] == 0:
            continue
        low, high = (float(bound) for bound in (others["contention_mean"].min(), others["contention_mean"].max()))
        text = (
            f"If the model of the study is right, two agents picked at random hold conflicting goals to a degree of "
            f"{_alternative(own, 'contention')} in {clean(area.name)}. But the answers are predicted as well or better "
            f"by other models of how a goal leads to an answer, and those say {low:.2f} to {high:.2f} (table below). "
            "These answers alone cannot settle it: quote the score with its model, or ask more items per agent."
        )
        parts += [Text("What caution means here", "bold"), Padding(Text(text), (0, 0, 0, 2))]
    return Group(*parts)


def how_to_read(fit: xr.DataTree) -> RenderableType:
    """Return what 0, the maximum and the interval of each score mean."""
    largest: dict[str, list[str]] = {}
    for area in Study.from_dict(attribute(fit, "study")).areas:
        value = None if area.behavioural else _largest_contention(area.conflict_matrix)
        if value is not None:
            largest.setdefault(f"{value:.2f}", []).append(clean(area.name))
    tops = "; ".join(
        value if len(largest) == 1 else f"{value} in {', '.join(areas)}" for value, areas in largest.items()
    )
    lines = [
        (
            "observed conflict",
            "No model: how often two agents' answers to one item serve conflicting goals. Noise counts as conflict. 0: "
            "never.",
        ),
        (
            "contention",
            "Mean conflict between the goals of two agents picked at random. 0: nobody's goals conflict."
            + (f" The most these goals allow among many agents: {tops}." if tops else ""),
        ),
        (
            "misalignment",
            "The same with each pair counted by the mean of its two weights. 0: nobody conflicts, or nobody cares. "
            "Largest, the same as contention, when every weight is 1.",
        ),
        (
            "relative misalignment",
            "Misalignment divided by the mean weight of pairs: conflict among those who care, as if all cared fully.",
        ),
        (
            "[low, high]",
            "Holds the score with probability 90 % if the model is right; for observed conflict, by bootstrap.",
        ),
    ]
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column()
    for name, text in lines:
        table.add_row(Text(name), Text(text))
    return Group(Text("How to read", "bold"), Padding(table, (0, 0, 0, 2)))


def _heading(fit: xr.DataTree, found: Verdict) -> RenderableType:
    title = attribute(fit, "study").get("title") or attribute(fit, "source")
    return Group(Text(clean(title), "bold"), Text("State: ").append_text(_state(found.state)))


def _state(state: str) -> Text:
    return Text(state, STYLES.get(state, ""))


def _scores_table(fit: xr.DataTree, frame: pd.DataFrame, width: int) -> RenderableType:
    estimands = list(ESTIMAND_NAMES) if width >= _BOTH else ["sample"]
    areas = list(frame["area"].dropna().unique())
    blocks: list[tuple[str | None, str]] = [(area, clean(area)) for area in areas]
    if len(areas) > 1:
        weights = {area["area_weight"] for area in attribute(fit, "study")["areas"].values()}
        blocks.append((None, "overall" if len(weights) == 1 else "overall (by area weights)"))
    heads = [ESTIMAND_NAMES[estimand].format(n=attribute(fit, "n_agents")) for estimand in estimands]
    parts: list[RenderableType] = [_columns("", *(Text(head.replace(" (", "\n(")) for head in heads), Text("\nstate"))]
    for area, name in blocks:
        own = frame[frame["area"].isna() if area is None else frame["area"] == area]
        parts.append(Text(name, "bold"))
        for score in SCORE_NAMES:
            rows = own[own["score"] == score].set_index("estimand").to_dict("index")
            cells = [Text(" ".join(number(rows[estimand])).strip()) for estimand in estimands]
            parts.append(
                _columns("  " + score.replace("_", " "), *cells, _state(worst(r["state"] for r in rows.values())))
            )
    parts.append(Text("Mean and 90 % interval.", "dim"))
    if len(areas) == 1:
        parts.append(Text("The overall scores are those of the one area.", "dim"))
    if len(estimands) == 1:
        parts.append(Text("Population scores: in a wider terminal, or --json.", "dim"))
    return Group(*parts)


def _columns(name: str, *cells: Text) -> Table:
    """Return one line of the table of scores; its columns have the same width in every line."""
    table = Table.grid(padding=(0, 2, 0, 0))
    for width in (23, *[21] * (len(cells) - 1), 7):
        table.add_column(width=width)
    table.add_row(Text(name), *cells)
    return table


def _reasons(found: Verdict) -> list[RenderableType]:
    """Return the sentences of the checks that failed, the worst first, each with its area."""
    parts: list[RenderableType] = []
    for state in ("refused", "caution"):
        own = sentences(weightiest_first(c for c in found.checks if c.state == state))
        parts += _listed(f"Why {state}", own, STYLES[state])
    return parts


def _not_reported(found: Verdict, frame: pd.DataFrame) -> list[RenderableType]:
    """Return why numbers are lacking, as far as neither a check nor a note says it."""
    said = {*found.reasons, *found.notes}
    why = [reason for reasons in frame.loc[frame["mean"].isna(), "reasons"] for reason in reasons]
    return _listed("Not reported", (reason for reason in why if reason not in said))


def _listed(title: str, texts: Iterable[str], style: str = "bold") -> list[RenderableType]:
    lines = [Padding(Text(clean(text)), (0, 0, 0, 2)) for text in dict.fromkeys(texts)]
    return ["", Text(title, style), *lines] if lines else []


def _matrices(cells: pd.DataFrame, groups: Sequence[str], sizes: dict[str, int], width: int) -> list[RenderableType]:
    """Return the upper triangle of a group × group matrix, in as many tables as the width asks for."""
    rows = {(row["group"], row["group_other"]): row for row in cells.to_dict("records")}
    pairs = {(a, a if pd.isna(b) else b): number(row) for (a, b), row in rows.items()}
    label = max(len(clean(name)) for name in groups)
    column = max(15, min(label, 20) + 2)
    fitting = max(1, (width - min(label, 24) - 4) // column)
    tables: list[RenderableType] = []
    for first in range(0, len(groups), fitting):
        shown_here = groups[first : first + fitting]
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column()
        for name in shown_here:
            table.add_column(Text(f"{clean(name)}\nn = {sizes[name]:,}"))
        for a in groups[: first + len(shown_here)]:
            line = ["\n".join(pairs.get((a, b), ("", ""))).rstrip("\n") for b in shown_here]
            table.add_row(Text(clean(a)), *map(Text, line))
        tables.append(Padding(table, (0, 0, 0, 2)))
    return tables


def _check_name(check: Check, own: Sequence[Check]) -> Text:
    """Return the name of a check, with its score where several share the name."""
    alike = sum(other.name == check.name for other in own) > 1
    named = f"{check.name} ({', '.join(check.scores).replace('_', ' ')})" if alike and check.scores else check.name
    return Text(clean(named))


def _short(value: float) -> str:
    return "" if np.isnan(value) else f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"


def _alternative(cell: xr.Dataset, score: str) -> str:
    mean, low, high = (float(cell[f"{score}_{part}"]) for part in ("mean", "lower", "upper"))
    return "" if np.isnan(mean) else f"{mean:.2f} [{low:.2f}, {high:.2f}]"


def _largest_contention(conflict: NDArray[np.float64]) -> float | None:
    """Return max pᵀCp over shares p of goals, or None for more goals than can be enumerated.

    At a maximum with the fewest goals held, C p is constant on them and their C is invertible.
    """
    if len(conflict) > _LARGEST_GOALS:
        return None
    best = 0.0
    for size in range(2, len(conflict) + 1):
        for held in combinations(range(len(conflict)), size):
            part = conflict[np.ix_(held, held)]
            if np.linalg.matrix_rank(part) < size:
                continue
            p = np.linalg.solve(part, np.ones(size))
            if (p > 0).all():
                best = max(best, float(1 / p.sum()))
    return best
