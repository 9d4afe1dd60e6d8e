"""Figures of a result: scores per area, structural alternatives, groups against groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
import xarray as xr

from ..datasets.study import Study
from ..errors import Fault, InputError, shown
from .checks import from_dataset
from .figure_style import STATE_COLOURS, finish, label, wrapped
from .group_sizes import SMALL_GROUP, group_sizes, small_groups_of
from .report_text import ESTIMAND_NAMES, number
from .result import attribute
from .scores import SCORE_NAMES
from .summary import summarize
from .verdict import require_reliable

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Estimand = Literal["sample", "population"]

COLOURS = {
    "observed_conflict": "#555555",
    "contention": "#0072B2",
    "misalignment": "#D55E00",
    "relative_misalignment": "#009E73",
}
"""Told apart with any colour vision (Okabe and Ito); the symbols tell them apart in print."""
_SYMBOLS = dict(zip(SCORE_NAMES, ("square", "circle", "diamond", "triangle-up"), strict=True))


def plot_scores(fit: xr.DataTree, *, estimand: Estimand = "sample", allow_unreliable: bool = False) -> Figure:
    """Plot the scores of every area and overall with 90 % intervals, observed conflict beside them.

    Parameters
    ----------
    fit
        A result of :func:`fit` or :func:`load`.
    estimand
        ``"sample"`` or ``"population"``.
    allow_unreliable
        Plot a refused fit too, marked all over.

    Returns
    -------
    plotly.graph_objects.Figure
        A row per area. Open symbols and the word beside them mark scores that are not ``ok``.

    Raises
    ------
    Refused
        If the fit is refused and ``allow_unreliable`` is False.
    InputError
        If ``estimand`` is unknown.
    """
    import plotly.graph_objects as go  # noqa: PLC0415

    check_request(fit, estimand, allow_unreliable)
    frame = summarize(fit, allow_unreliable=allow_unreliable)
    frame = frame[frame["estimand"] == estimand]
    areas: list[str | None] = list(frame["area"].dropna().unique())
    if len(areas) > 1:
        areas.append(None)
    figure = go.Figure()
    for place, score in enumerate(SCORE_NAMES):
        own = frame[frame["score"] == score]
        rows = [own[own["area"].isna() if area is None else own["area"] == area].iloc[0] for area in areas]
        y = [position + 0.18 * (place - 1.5) for position in range(len(areas))]
        _add_points(figure, _row_points(rows), y, score)
        for row, at in zip(rows, y, strict=True):
            if row["state"] != "ok" or pd.isna(row["mean"]):
                word = "not reported" if pd.isna(row["mean"]) else row["state"]
                _add_note(figure, word, y=at, colour=STATE_COLOURS.get(row["state"], "#555555"))
    labels = ["<b>overall</b>" if area is None else label(area) for area in areas]
    figure.update_yaxes(tickvals=list(range(len(areas))), ticktext=labels, range=[len(areas) - 0.45, -0.55])
    _set_score_axis(figure, frame["upper"])
    named = ESTIMAND_NAMES[estimand].format(n=attribute(fit, "n_agents"))
    finish(figure, fit, "Scores by area", named, height=90 * len(areas), unreliable=allow_unreliable)
    return figure


def plot_alternatives(fit: xr.DataTree, *, allow_unreliable: bool = False) -> Figure:
    """Plot contention and misalignment under every structural alternative, with 90 % intervals, a panel per area.

    Parameters
    ----------
    fit, allow_unreliable
        As for :func:`plot_scores`.

    Returns
    -------
    plotly.graph_objects.Figure
        Structures from the best to the worst predicting; the study's own in bold. Intervals that lie apart say that
        the score depends on the model.

    Raises
    ------
    Refused
        If the fit is refused and ``allow_unreliable`` is False.
    """
    from plotly.subplots import make_subplots  # noqa: PLC0415

    check_request(fit, "sample", allow_unreliable)
    stored = fit["alternatives"].to_dataset()
    areas = Study.from_dict(attribute(fit, "study")).areas
    panels = [stored.sel(area=area.name) for area in areas]
    panels = [panel.sel(structure=panel["contention_mean"].notnull()).sortby("elpd") for panel in panels]
    unsettled = {
        check.area
        for check in from_dataset(fit["checks"].to_dataset())
        if check.name == "depends-on-model" and check.state != "ok"
    }
    heads = [label(a.name) + (": caution, the score depends on the model" * (a.name in unsettled)) for a in areas]
    height = 150 * len(areas)
    figure = make_subplots(
        rows=len(areas),
        cols=1,
        shared_xaxes=True,
        vertical_spacing=min(0.3, 40 / height) if len(areas) > 1 else 0,
        subplot_titles=heads,
    )
    for row, (area, panel) in enumerate(zip(areas, panels, strict=True), start=1):
        own = area.rule + (", no goal" if area.no_goal else "")
        names = [str(name) for name in panel["structure"].values]
        lead = panel["elpd"].values - float(stored["elpd"].sel(area=area.name, structure=own))
        ticks = [
            f"<b>{name} (this study)</b>" if name == own else f"{name} (ELPD {round(gain, 1) + 0.0:+,.1f})"
            for name, gain in zip(names, lead, strict=True)
        ]
        for place, score in enumerate(("contention", "misalignment")):
            points = pd.DataFrame({part: panel[f"{score}_{part}"].values for part in ("mean", "lower", "upper")})
            points["state"] = "ok"
            points["hover"] = [
                f"{tick}<br>{score} {mean:.2f} [{low:.2f}, {high:.2f}]"
                for tick, mean, low, high in zip(ticks, points["mean"], points["lower"], points["upper"], strict=True)
            ]
            y = [position + 0.2 * (0.5 - place) for position in range(len(names))]
            _add_points(figure, points, y, score, legend=row == 1, row=row, col=1)
        figure.update_yaxes(
            tickvals=list(range(len(names))), ticktext=ticks, range=[-0.6, len(names) - 0.4], row=row, col=1
        )
    _set_score_axis(figure, pd.Series(np.concatenate([panel["contention_upper"].values for panel in panels])))
    title = "Scores under other structures of the model"
    named = ESTIMAND_NAMES["sample"].format(n=attribute(fit, "n_agents"))
    finish(figure, fit, title, named, height=height, unreliable=allow_unreliable)
    return figure


def rows_of_groups(
    fit: xr.DataTree, score: str, area: str | None, estimand: Estimand, *, allow_unreliable: bool
) -> pd.DataFrame:
    """Return the rows of one score within and between groups, in an area or overall."""
    frame = summarize(fit, by="group", allow_unreliable=allow_unreliable)
    frame = frame[(frame["estimand"] == estimand) & (frame["score"] == score) & frame["group"].notna()]
    return frame[frame["area"].isna() if area is None else frame["area"] == area]


def shown_groups(fit: xr.DataTree, *, small_groups: bool) -> list[str]:
    """Return the groups that are shown: unless asked for, not those of fewer than 10 agents."""
    few = small_groups_of(fit)
    return [name for name in group_sizes(fit) if small_groups or name not in few]


def plot_groups(
    fit: xr.DataTree,
    *,
    score: str = "contention",
    area: str | None = None,
    estimand: Estimand = "sample",
    small_groups: bool = False,
    allow_unreliable: bool = False,
) -> Figure:
    """Plot a score within and between groups as a matrix.

    Parameters
    ----------
    fit
        A result whose study names groups.
    score
        ``"observed_conflict"``, ``"contention"``, ``"misalignment"`` or ``"relative_misalignment"``.
    area
        A problem area; None for the overall score.
    estimand, allow_unreliable
        As for :func:`plot_scores`.
    small_groups
        Show groups of fewer than 10 agents too.

    Returns
    -------
    plotly.graph_objects.Figure
        Groups against groups: mean and 90 % interval in every cell, within groups on the diagonal.

    Raises
    ------
    Refused
        If the fit is refused and ``allow_unreliable`` is False.
    InputError
        If there are no groups, or no such score, area or estimand.
    """
    import plotly.graph_objects as go  # noqa: PLC0415

    check_request(fit, estimand, allow_unreliable, score=score, area=area, groups=True)
    frame = rows_of_groups(fit, score, area, estimand, allow_unreliable=allow_unreliable)
    sizes, groups = group_sizes(fit), shown_groups(fit, small_groups=small_groups)
    shape = (len(groups), len(groups))
    mean, text, hover = np.full(shape, np.nan), np.full(shape, "", dtype=object), np.full(shape, "", dtype=object)
    for row in frame.to_dict("records"):
        pair = (row["group"], row["group"] if pd.isna(row["group_other"]) else row["group_other"])
        if not set(pair) <= set(groups):
            continue
        i, j = (groups.index(name) for name in pair)
        value, bounds = number(row)
        names = " and ".join(map(label, pair)) if i != j else f"within {label(pair[0])}"
        said = "<br>".join(wrapped(" ".join(row["reasons"])))
        for at in {(i, j), (j, i)}:
            mean[at] = np.nan if row["mean"] is None else row["mean"]
            text[at] = f"{value}<br>{bounds}" if bounds else value
            hover[at] = f"{names}<br>{value} {bounds}<br>{row['state']}<br>{said}".removesuffix("<br>")
    ticks = [f"{label(name)}<br>n = {sizes[name]:,}" for name in groups]
    figure = go.Figure(
        go.Heatmap(
            z=mean,
            x=list(range(len(groups))),
            y=list(range(len(groups))),
            text=text,
            texttemplate="%{text}",
            hovertext=hover,
            hoverinfo="text",
            colorscale="Blues",
            zmin=0,
            zmax=max(float(np.nanmax(mean, initial=0)), 1e-9),
            xgap=2,
            ygap=2,
            colorbar={"title": {"text": score.replace("_", " "), "side": "right"}, "thickness": 14},
        )
    )
    axis = {"tickvals": list(range(len(groups))), "ticktext": ticks, "showgrid": False, "zeroline": False}
    figure.update_xaxes(**axis, side="top")
    figure.update_yaxes(**axis, autorange="reversed")
    where = "overall" if area is None else label(area)
    state = frame["state"].iloc[0]
    title = f"{score.replace('_', ' ').capitalize()} within and between groups, {where}"
    subtitle = ESTIMAND_NAMES[estimand].format(n=attribute(fit, "n_agents")) + ("" if state == "ok" else f"; {state}")
    left_out = len(sizes) - len(groups)
    if left_out:
        subtitle += f"; {left_out} group{'s' if left_out > 1 else ''} of fewer than {SMALL_GROUP} agents left out"
    finish(figure, fit, title, subtitle, height=60 + 70 * len(groups), unreliable=allow_unreliable)
    figure.update_layout(width=240 + 130 * max(len(groups), 4), margin_b=75)
    return figure


def check_request(
    fit: xr.DataTree,
    estimand: str,
    allow_unreliable: bool,
    *,
    score: str = SCORE_NAMES[0],
    area: str | None = None,
    groups: bool = False,
) -> None:
    """Raise unless a figure of a fit may show what is asked for."""
    areas = list(attribute(fit, "method"))
    for name, value, known in (
        ("estimand", estimand, list(ESTIMAND_NAMES)),
        ("score", score, list(SCORE_NAMES)),
        ("area", area, [*areas, None]),
    ):
        if value not in known:
            remedy = f"Use one of {', '.join(shown(k) for k in known if k is not None)}."
            raise InputError(Fault(code=name, message=f'"{name}" is {shown(value)}.', remedy=remedy, value=str(value)))
    if groups and "group" not in fit["scores"].dims:
        message = "The study names no groups, so there are no scores by group."
        raise InputError(Fault(code="no-groups", message=message, remedy='Name a column as "group" under [table].'))
    require_reliable(fit, allow_unreliable=allow_unreliable)


def _row_points(rows: list[pd.Series]) -> pd.DataFrame:
    points = pd.DataFrame(rows).reset_index(drop=True)
    points["hover"] = [
        f"{'overall' if pd.isna(row['area']) else label(row['area'])}: {row['score'].replace('_', ' ')}<br>"
        f"{' '.join(number(row))}<br>{row['state']}"
        + "".join(f"<br>{line}" for line in wrapped(" ".join(row["reasons"])))
        for row in rows
    ]
    return points


def _add_points(
    figure: Figure, points: pd.DataFrame, y: list[float], score: str, *, legend: bool = True, **panel: int
) -> None:
    import plotly.graph_objects as go  # noqa: PLC0415

    mean, lower, upper = (points[part].to_numpy(dtype=float) for part in ("mean", "lower", "upper"))
    open_ = points["state"] != "ok"
    figure.add_trace(
        go.Scatter(
            x=mean,
            y=y,
            error_x={"array": upper - mean, "arrayminus": mean - lower, "thickness": 2, "width": 4},
            mode="markers",
            marker={
                "symbol": [_SYMBOLS[score] + ("-open" if state else "") for state in open_],
                "size": 8,
                "color": COLOURS[score],
                "line": {"width": [2.0 * state for state in open_]},
            },
            name=score.replace("_", " "),
            legendgroup=score,
            showlegend=legend,
            hovertext=points["hover"].tolist(),
            hoverinfo="text",
        ),
        **panel,
    )


def _add_note(figure: Figure, text: str, *, y: float, colour: str) -> None:
    figure.add_annotation(
        text=text, x=1, xref="paper", y=y, xanchor="left", xshift=6, showarrow=False, font={"size": 10, "color": colour}
    )


def _set_score_axis(figure: Figure, upper: pd.Series) -> None:
    """Start at 0 and end beyond the largest interval: a score is read against 0, and seldom comes near 1."""
    top = float(np.nanmax(upper.to_numpy(dtype=float), initial=0.0))
    figure.update_xaxes(range=[0, min(1.0, max(0.1, np.ceil(top * 10.5) / 10))], zeroline=True)
    figure.update_xaxes(title_text="Score (0: nobody conflicts)", selector=-1)
