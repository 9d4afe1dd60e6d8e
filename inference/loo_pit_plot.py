"""Figure of the leave-one-out transforms: a panel per goal."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from scipy.stats import binom

from .figure_blocks import LINE
from .figure_style import STATE_COLOURS, escaped, finish, label
from .loo_pit import loo_pit
from .verdict import require_reliable

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_BINS = 10
_PANEL = 170
_WRAP = 110


def plot_loo_pit(fit: xr.DataTree, *, area: str | None = None, seed: int = 1, allow_unreliable: bool = False) -> Figure:
    """Plot where the number of each agent's answers that serve a goal falls in its leave-one-out prediction.

    Parameters
    ----------
    fit, area, seed
        As for :func:`loo_pit`.
    allow_unreliable
        Plot a refused fit too, marked all over.

    Returns
    -------
    plotly.graph_objects.Figure
        A panel per goal: the shares of agents in tenths of their prediction, in a band that holds 90 % of them if the
        model is right. High at both ends: agents are more single-minded than the model has it.

    Raises
    ------
    Refused
        If the fit is refused and ``allow_unreliable`` is False.
    InputError
        If there is no such area, or several and none is named.
    """
    import plotly.graph_objects as go  # noqa: PLC0415
    from plotly.subplots import make_subplots  # noqa: PLC0415

    require_reliable(fit, allow_unreliable=allow_unreliable)
    found = loo_pit(fit, area=area, seed=seed)
    goals = [str(goal) for goal in found["goal"].values]
    heads = [_head(found.sel(goal=goal)) for goal in goals]
    tallest = max(head.count("<br>") + 1 for head in heads)
    height = (_PANEL + LINE * tallest) * len(goals)
    figure = make_subplots(
        rows=len(goals),
        cols=1,
        shared_xaxes=True,
        subplot_titles=heads,
        vertical_spacing=min(0.35, (20 + LINE * tallest) / height) if len(goals) > 1 else 0,
    )
    edges = np.linspace(0, 1, _BINS + 1)
    middle = (edges[1:] + edges[:-1]) / 2
    for row, goal in enumerate(goals, start=1):
        pit, state = found["pit"].sel(goal=goal).values, str(found["state"].sel(goal=goal).values)
        values = pit[np.isfinite(pit)]
        n = max(len(values), 1)
        low, high = binom.ppf(0.05, n, 1 / _BINS) / n, binom.ppf(0.95, n, 1 / _BINS) / n
        shares = np.histogram(values, edges)[0] / n
        colour = STATE_COLOURS[state] if state != "ok" else "#222222"
        figure.add_trace(
            go.Scatter(
                x=middle,
                y=shares,
                mode="markers+lines",
                line={"color": colour, "width": 1},
                marker={"size": 8, "color": colour},
                hovertext=[f"{share:.1%} of {n:,} agents" for share in shares],
                hoverinfo="text",
                showlegend=False,
            ),
            row=row,
            col=1,
        )
        figure.add_hrect(y0=low, y1=high, fillcolor="#9ecae1", opacity=0.5, line_width=0, layer="below", row=row, col=1)
        figure.add_hline(y=1 / _BINS, line={"color": "#3182bd", "width": 1}, layer="below", row=row, col=1)
        top = 1.15 * max(float(shares.max()), high)
        figure.update_yaxes(range=[0, top], tickformat=".0%", title_text="Share of agents", row=row, col=1)
    figure.update_xaxes(range=[0, 1], dtick=0.1)
    figure.update_xaxes(
        title_text="Place in the prediction from all other agents (0: fewer answers than predicted, 1: more)",
        row=len(goals),
        col=1,
    )
    for annotation in figure.layout.annotations:
        annotation.update(x=0, xanchor="left", align="left", font={"size": 12})
    worst = max(found["state"].values.tolist(), key=("ok", "note", "caution").index)
    named = f"{label(str(found.attrs['area']))}; check {worst}"
    title = "Answers that serve each goal: leave-one-out transforms"
    note = "Band: holds 90 % of the points if the model is right."
    finish(figure, fit, title, named, height=height, unreliable=allow_unreliable, note=note)
    figure.update_layout(margin_t=100 + LINE * tallest)
    return figure


def _head(found: xr.Dataset) -> str:
    """Return the heading of a panel: goal, state, p-value and sentence."""
    p, state = float(found["p_value"]), str(found["state"].values)
    size = "< 0.001" if p < 0.001 else f"= {p:.3f}" if p < 0.1 else f"= {p:.2f}"
    word = "" if state == "ok" else f": {state}"
    lines = textwrap.wrap(escaped(str(found["sentence"].values)), _WRAP)
    return "<br>".join([f"<b>goal {label(str(found['goal'].values))}{word}</b> (p {size})", *lines])
