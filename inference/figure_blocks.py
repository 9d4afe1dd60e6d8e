"""Observed shares as points against predictive intervals as bars, in blocks with a heading and a verdict each."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from .figure_style import STATE_COLOURS, escaped, finish, label

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Array = NDArray[np.float64]

MOST_ROWS = 60
"""Rows of a figure; the blocks or pairs that fit worst come first, and those left out are counted."""
NOTE = "Bar: 90 % of what the model predicts; one point in ten falls outside by chance."

_ROW, _HEAD, LINE = 20, 30, 15
WRAP = 95


@dataclass(frozen=True)
class Row:
    """One observed share with its predictive interval."""

    name: str
    observed: float
    lower: float
    expected: float
    upper: float
    state: str = "ok"


@dataclass(frozen=True)
class Block:
    """Rows under one heading, with the verdict of a check."""

    head: str
    state: str
    sentence: str
    p: float
    rows: tuple[Row, ...]


def blocks_figure(
    fit: xr.DataTree, area: str, title: str, blocks: Sequence[Block], axis: str, unreliable: bool
) -> Figure:
    """Return a figure of blocks one below the other, each with heading, p-value and sentence.

    Parameters
    ----------
    fit, area
        The result and the area shown.
    title, axis
        Title of the figure and of the axis of shares.
    blocks
        What to show.
    unreliable
        Whether a refused fit is shown on request.
    """
    import plotly.graph_objects as go  # noqa: PLC0415

    kept = _kept(blocks)
    figure = go.Figure()
    names: list[str] = []
    places: list[float] = []
    rows: list[Row] = []
    y = 0.0
    for block in kept:
        lines = textwrap.wrap(escaped(block.sentence), WRAP) if block.sentence else []
        word = "" if block.state == "ok" else f": {block.state}"
        p = "" if np.isnan(block.p) else f" (p {_p(block.p)})"
        for k, line in enumerate([f"<b>{block.head}{word}</b>{p}", *lines]):
            y += _HEAD if k == 0 else LINE
            add_text(figure, line, y=y - LINE / 2, yref="y", state=block.state if k or word else "ok")
        for row in block.rows:
            y += _ROW
            names.append(row.name)
            places.append(y - _ROW / 2)
            rows.append(row)
    add_points(figure, rows, np.array(places), vertical=False)
    figure.update_yaxes(tickvals=places, ticktext=names, range=[y + 6, 0], showgrid=False)
    top = max((max(row.observed, row.upper) for row in rows), default=1.0)
    figure.update_xaxes(title_text=axis, tickformat=".0%", range=[-0.01 * top, min(1.0, 1.05 * top) + 0.01 * top])
    worst = max((block.state for block in blocks), key=("ok", "note", "caution").index, default="ok")
    left_out = len(blocks) - len(kept)
    named = f"{label(area)}; check {worst}"
    if left_out:
        named += f"; the {len(kept)} that fit worst, {left_out} left out"
    finish(figure, fit, title, named, height=int(y), unreliable=unreliable, note=NOTE)
    return figure


def _kept(blocks: Sequence[Block]) -> list[Block]:
    """Return the blocks that fit worst, in their order, as many as have room."""
    order = sorted(range(len(blocks)), key=lambda k: 2.0 if np.isnan(blocks[k].p) else blocks[k].p)
    kept: list[int] = []
    rows = 0
    for k in order:
        rows += len(blocks[k].rows)
        if kept and rows > MOST_ROWS:
            break
        kept.append(k)
    return [blocks[k] for k in sorted(kept)]


def add_points(figure: Figure, rows: Sequence[Row], place: Array, *, vertical: bool) -> None:
    """Add predictive intervals as bars and observed shares as points; open where outside."""
    import plotly.graph_objects as go  # noqa: PLC0415

    observed, lower, expected, upper = (
        np.array([getattr(row, part) for row in rows], dtype=float)
        for part in ("observed", "lower", "expected", "upper")
    )
    outside = (observed < lower) | (observed > upper)
    hover = [
        f"{row.name}<br>observed {row.observed:.1%}<br>expected {row.expected:.1%}"
        f" [{row.lower:.1%}, {row.upper:.1%}]".removeprefix("<br>")
        for row in rows
    ]
    bar = {"array": upper - expected, "arrayminus": expected - lower, "thickness": 8, "width": 0, "color": "#9ecae1"}
    mark = {"symbol": "line-ew" if vertical else "line-ns", "size": 8, "line": {"width": 2, "color": "#3182bd"}}
    colours = np.array([STATE_COLOURS.get(row.state, "#222222") if row.state != "ok" else "#222222" for row in rows])
    inside = {"symbol": "circle", "size": 8, "color": "#222222"}
    for keep, values, name, marker in (
        (np.ones(len(rows), dtype=bool), expected, "predicted", mark),
        (~outside, observed, "observed", inside),
        (outside, observed, "observed, outside the bar", inside | {"symbol": "diamond", "color": colours[outside]}),
    ):
        along, across = ("y", "x") if vertical else ("x", "y")
        figure.add_trace(
            go.Scatter(
                {along: values[keep], across: place[keep]},
                **({f"error_{along}": bar} if name == "predicted" else {}),
                mode="markers",
                marker=marker,
                name=name,
                hovertext=[text for text, k in zip(hover, keep, strict=True) if k],
                hoverinfo="text",
            )
        )


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.3f}" if p < 0.1 else f"= {p:.2f}"


def add_text(figure: Figure, text: str, *, y: float, yref: str, state: str, shift: int = 0) -> None:
    """Add a line of text at the left edge, coloured by its state."""
    figure.add_annotation(
        text=text,
        x=0,
        xref="paper",
        xanchor="left",
        y=y,
        yref=yref,
        yanchor="middle" if yref == "y" else "bottom",
        yshift=shift,
        showarrow=False,
        font={"size": 12, "color": STATE_COLOURS.get(state, "#555555") if state != "ok" else "#333333"},
    )
