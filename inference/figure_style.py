"""What all figures share: escaped labels, colours of states, title, size, and a line on where the numbers come from."""

from __future__ import annotations

import html
import textwrap
from typing import TYPE_CHECKING, Any

import xarray as xr

from ..errors import clean
from .report_text import origin
from .result import attribute
from .verdict import verdict

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

STATE_COLOURS = {"ok": "#555555", "note": "#0072B2", "caution": "#9A6700", "refused": "#B00020"}
ABOVE, BELOW = 95, 105
"""Pixels kept for title and legend, and for the axis title and the line that says where the numbers come from."""
INTERVALS = "Mean and 90 % interval."

_LABEL = 28
_WIDTH, _LINES = 80, 6  # of a text beside a point


def escaped(text: str) -> str:
    """Return a text that plotly shows as it is: no markup, no mathematics, no control characters."""
    return html.escape(clean(text), quote=False).replace("$", "&#36;")


def wrapped(text: str) -> list[str]:
    """Return the first lines of a long text, each escaped: never cut within an escape."""
    return [escaped(line) for line in textwrap.wrap(clean(text), _WIDTH)[:_LINES]]


def label(text: str, most: int = _LABEL) -> str:
    """Return a label of the user, escaped, and cut where it would leave no room for the figure."""
    return escaped(text if len(text) <= most else text[: most - 1] + "…")


def finish(
    figure: Figure, fit: xr.DataTree, title: str, subtitle: str, *, height: int, unreliable: bool, note: str = INTERVALS
) -> None:
    """Set title, size and the line that says where the numbers come from; mark what was refused.

    Parameters
    ----------
    figure
        The figure.
    fit
        The result it shows.
    title, subtitle
        What it shows; escaped by the caller where they hold labels of the user.
    height
        Pixels between the margins.
    unreliable
        Whether a refused fit is shown on request.
    note
        What points and bars are.
    """
    study = attribute(fit, "study").get("title") or attribute(fit, "source")
    head = f"<b>{title}</b><br><sup>{escaped(study)}<br>{subtitle}</sup>"
    settings: dict[str, Any] = {
        "template": "plotly_white",
        "title": {"text": head, "x": 0.01, "y": 1, "yref": "container", "yanchor": "top", "pad": {"t": 14}},
        "height": ABOVE + BELOW + height,
        "margin": {"l": 10, "r": 90, "t": ABOVE, "b": BELOW},
        "legend": {"orientation": "h", "x": 0, "y": 0, "yref": "container", "yanchor": "bottom"},
    }
    figure.update_layout(**settings)
    figure.update_yaxes(automargin=True, zeroline=False, ticks="outside", ticklen=8, tickcolor="rgba(0,0,0,0)")
    figure.add_annotation(
        text=escaped(origin(fit)) + ". " + note,
        x=0,
        xref="paper",
        xanchor="left",
        y=0,
        yref="paper",
        yanchor="top",
        yshift=-45,
        showarrow=False,
        font={"size": 10, "color": "#555555"},
    )
    if unreliable and verdict(fit).refused:
        figure.add_annotation(
            text="NOT RELIABLE",
            x=0.5,
            y=0.5,
            xref="paper",
            yref="paper",
            showarrow=False,
            textangle=-20,
            opacity=0.3,
            font={"size": 60, "color": STATE_COLOURS["refused"]},
        )
