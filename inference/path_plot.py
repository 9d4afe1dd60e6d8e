"""Figure of a score over periods."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from ..datasets.study import Study
from ..errors import Fault, InputError
from .figure_style import finish, label
from .group_sizes import SMALL_GROUP, group_sizes
from .plots import COLOURS, Estimand, check_request, rows_of_groups, shown_groups
from .report_text import ESTIMAND_NAMES
from .result import attribute

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def plot_path(
    fit: xr.DataTree,
    *,
    score: str = "contention",
    area: str | None = None,
    estimand: Estimand = "population",
    small_groups: bool = False,
    allow_unreliable: bool = False,
) -> Figure:
    """Plot a score among the agents of each period, with a band that holds 90 % in each.

    Parameters
    ----------
    fit
        A result whose study names a ``period``.
    score
        ``"observed_conflict"``, ``"contention"``, ``"misalignment"`` or ``"relative_misalignment"``.
    area
        A problem area; None for the overall score.
    estimand, allow_unreliable
        As for :func:`plot_scores`.
    small_groups
        Show periods of fewer than 10 agents too.

    Returns
    -------
    plotly.graph_objects.Figure
        Mean and 90 % interval in each period, in order. Neighbouring periods are smoothed towards each other by the
        random walk; observed conflict is not. The bands are of each period by itself, not of the whole path.

    Raises
    ------
    Refused
        If the fit is refused and ``allow_unreliable`` is False.
    InputError
        If there are no periods, or no such score, area or estimand.
    """
    import plotly.graph_objects as go  # noqa: PLC0415

    if Study.from_dict(attribute(fit, "study")).table.period is None:
        message, remedy = "The study names no periods.", 'Name a column as "period" under [table].'
        raise InputError(Fault(code="no-periods", message=message, remedy=remedy))
    check_request(fit, estimand, allow_unreliable, score=score, area=area, groups=True)
    frame = rows_of_groups(fit, score, area, estimand, allow_unreliable=allow_unreliable)
    frame = frame[frame["group_other"].isna()]
    sizes, shown_here = group_sizes(fit), shown_groups(fit, small_groups=small_groups)
    own = frame.set_index("group").loc[shown_here]
    values = {key: own[key].map(lambda x: np.nan if pd.isna(x) else float(x)) for key in ("mean", "lower", "upper")}
    colour, x = COLOURS[score], list(range(len(shown_here)))
    figure = go.Figure(
        [
            go.Scatter(x=x, y=values["upper"], mode="lines", line={"width": 0}, hoverinfo="skip", showlegend=False),
            go.Scatter(
                x=x,
                y=values["lower"],
                mode="lines",
                line={"width": 0},
                fill="tonexty",
                fillcolor=f"rgba{(*(int(colour[k : k + 2], 16) for k in (1, 3, 5)), 0.2)}",
                hoverinfo="skip",
                showlegend=False,
            ),
            go.Scatter(
                x=x,
                y=values["mean"],
                mode="lines+markers",
                line={"color": colour},
                showlegend=False,
                hovertext=[f"{label(name)}, n = {sizes[name]:,}" for name in shown_here],
            ),
        ]
    )
    ticks = [f"{label(name)}<br>n = {sizes[name]:,}" for name in shown_here]
    figure.update_xaxes(tickvals=x, ticktext=ticks, showgrid=False, zeroline=False)
    figure.update_yaxes(rangemode="tozero", title={"text": score.replace("_", " ")})
    state = str(frame["state"].iloc[0])
    subtitle = ESTIMAND_NAMES[estimand].format(n=attribute(fit, "n_agents")) + ("" if state == "ok" else f"; {state}")
    left_out = len(sizes) - len(shown_here)
    if left_out:
        subtitle += f"; {left_out} period{'s' if left_out > 1 else ''} of fewer than {SMALL_GROUP} agents left out"
    where = "overall" if area is None else label(area)
    title = f"{score.replace('_', ' ').capitalize()} by period, {where}"
    finish(figure, fit, title, subtitle, height=320, unreliable=allow_unreliable)
    return figure
