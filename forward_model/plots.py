"""One plot for each experiment of the paper and each case study; plotly is imported when a plot is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A5195", "#8C6D31", "#555555")


def plot_agents(misalignment: xr.DataArray) -> Figure:
    """Plot misalignment against the number of agents.

    Parameters
    ----------
    misalignment
        Result of :func:`.misalignment_by_agents_and_areas` or :func:`.misalignment_by_agents_and_goals`.

    Returns
    -------
    plotly.graph_objects.Figure
        A line per number of areas or goals with the mean over repetitions, and a band from the 5th to the
        95th percentile.
    """
    dim, unit = ("n_areas", "area") if "n_areas" in misalignment.dims else ("n_goals", "goal")
    lines = {_count(int(value), unit): misalignment.sel({dim: value}) for value in misalignment[dim].values}
    figure = _lines(lines, "n_agents", "Number of agents")
    ticks = [n for n in (2, 3, 5, 10, 20, 30, 50, 100, 200, 500, 1000) if n <= misalignment["n_agents"].max()]
    figure.update_xaxes(type="log", tickvals=ticks)
    return figure


def plot_goal_share(misalignment: xr.DataArray) -> Figure:
    """Plot misalignment against the share of the first goal, from :func:`.misalignment_by_goal_share`."""
    lines = {_count(int(k), "goal"): misalignment.sel(n_goals=k) for k in misalignment["n_goals"].values}
    return _lines(lines, "share", "Share of agents with the first goal (the rest split evenly)")


def plot_group_weight(misalignment: xr.DataArray) -> Figure:
    """Plot misalignment against the weight of one group, from :func:`.misalignment_by_group_weight`."""
    lines = {
        f"{_count(int(k), 'goal')}, {_count(int(p), 'area')}": misalignment.sel(n_goals=k, n_areas=p)
        for k in misalignment["n_goals"].values
        for p in misalignment["n_areas"].values
    }
    return _lines(lines, "weight", "Weight of the first area to those with its first goal", band=False)


def plot_conflict_level(misalignment: xr.DataArray) -> Figure:
    """Plot misalignment against the number of goals, from :func:`.misalignment_by_conflict_level`."""
    lines = {f"conflict {name}": misalignment.sel(conflicts=name) for name in misalignment["conflicts"].values}
    return _lines(lines, "n_goals", "Number of goals per area", band=False)


def plot_cars_and_pedestrians(scores: Mapping[str, xr.Dataset]) -> Figure:
    """Plot overall misalignment against the share of cars.

    Parameters
    ----------
    scores
        Results of :func:`.cars_and_pedestrians` by the name their line shall have.

    Returns
    -------
    plotly.graph_objects.Figure
        A line per result.
    """
    lines = {name: dataset["overall_misalignment"] for name, dataset in scores.items()}
    return _lines(lines, "car_share", "Share of agents that are self-driving cars")


def plot_shopping(scores: xr.Dataset) -> Figure:
    """Plot the three scores per area and overall as bars, from :func:`.shopping` or any :func:`.score` without dims.

    Parameters
    ----------
    scores
        Result of :func:`.score` without groups and extra dims.

    Returns
    -------
    plotly.graph_objects.Figure
        Groups of bars: each area, then overall.
    """
    from plotly import graph_objects as go  # noqa: PLC0415  (plotly takes a while to import)

    places = [*(str(name) for name in scores["area"].values), "overall"]
    bars = []
    for name, colour in zip(("contention", "misalignment", "relative_misalignment"), _COLOURS, strict=False):
        heights = [*scores[name].values, scores[f"overall_{name}"].item()]
        label = name.replace("_", " ").capitalize()
        bars.append(go.Bar(x=places, y=heights, name=label, marker_color=colour, texttemplate="%{y:.3f}"))
    return _dressed(go.Figure(bars), "Problem area", "Score")


def _lines(lines: Mapping[str, xr.DataArray], x: str, x_title: str, *, band: bool = True) -> Figure:
    from plotly import graph_objects as go  # noqa: PLC0415

    figure = go.Figure()
    for i, (name, values) in enumerate(lines.items()):
        colour = _COLOURS[i % len(_COLOURS)]
        mean = values
        if "repetition" in values.dims:
            mean = values.mean("repetition")
            if band:
                figure.add_trace(_band(values, x, colour))
        dash = "solid" if i < len(_COLOURS) else "dash"
        line = {"color": colour, "dash": dash}
        figure.add_trace(go.Scatter(x=mean[x].values, y=mean.values, name=name, mode="lines+markers", line=line))
    return _dressed(figure, x_title, "Overall misalignment")


def _band(values: xr.DataArray, x: str, colour: str) -> Any:
    from plotly import graph_objects as go  # noqa: PLC0415

    low, high = values.quantile([0.05, 0.95], dim="repetition").transpose("quantile", x).values
    positions = values[x].values
    return go.Scatter(
        x=np.concatenate([positions, positions[::-1]]),
        y=np.concatenate([high, low[::-1]]),
        fill="toself",
        fillcolor=colour,
        opacity=0.15,
        line={"width": 0},
        hoverinfo="skip",
        showlegend=False,
    )


def _dressed(figure: Figure, x_title: str, y_title: str) -> Figure:
    figure.update_layout(template="plotly_white", height=420, margin={"l": 60, "r": 20, "t": 30, "b": 60})
    figure.update_xaxes(title=x_title)
    figure.update_yaxes(title=y_title, range=[0, 1.02])
    return figure


def _count(n: int, unit: str) -> str:
    return f"{n} {unit}" + ("" if n == 1 else "s")
