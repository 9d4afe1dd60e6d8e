"""The report of a calibration as one self-contained HTML page, with rank plots."""

from __future__ import annotations

import html
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import clean
from .calibration import Calibration
from .calibration_design import LOG_LIKELIHOOD, Quantity
from .calibration_gate import LEVEL, Tests, band, positions
from .calibration_report import (
    heading,
    how_to_read,
    marked,
    notes,
    power_sentence,
    score_words,
    tests_of,
    verdict_sentence,
)

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_COLOUR, _ODD, _BAND = "#0072B2", "#D55E00", "rgba(120, 120, 120, 0.22)"
_BARS = 20
_SIMULATIONS = 2_000
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: 1rem 0 } th, td { padding: .15rem .8rem; text-align: left }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums } th { border-bottom: 1px solid #999 }
.passed { color: #1a7f37 } .failed { color: #b00020 } .too-few { color: #9a6700 } .odd { color: #d55e00 }
"""


def page(outcome: Calibration) -> str:
    """Return the report as an HTML page that needs nothing but itself."""
    said = heading(outcome).plain.removeprefix(outcome.state).strip()
    parts = [
        f'<h1><span class="{outcome.state.replace(" ", "-")}">{outcome.state}</span></h1>',
        f"<p>{_safe(said)}</p><p>{_safe(verdict_sentence(outcome))}</p>",
        _score_table(outcome),
        *(f"<p>{_safe(text)}</p>" for text in notes(outcome)),
        "<h2>What this run would have found</h2><p>Chance that the run fails, by fault.</p>",
        _table(
            ["fault", "in every score", "in one score"],
            [[row.fault, f"{row.everywhere:.2f}", f"{row.alone:.2f}"] for row in outcome.power],
        ),
        f"<p>{_safe(power_sentence(outcome))}</p>",
        "<h2>How to read this</h2>",
        *(f"<p>{_safe(text)}</p>" for text in how_to_read(outcome)),
        "<h2>Ranks</h2><p>For each score: how far the distribution of its ranks lies from the uniform one, with the "
        "band that holds the whole curve in 99 % of honest runs (Säilynoja, Bürkner and Vehtari 2022, "
        "doi:10.1007/s11222-022-10090-6), and a histogram with the 99 % range of a bar. A curve above 0: truths lie "
        "low among their draws, so the scores are too high. S-shapes: intervals too narrow or too wide.</p>",
        *_figures(outcome),
    ]
    title = f"Calibration: {clean(outcome.design.study.title)}"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{_safe(title)}</title>'
        f"<style>{_STYLE}</style></head><body>\n" + "\n".join(parts) + "\n</body></html>\n"
    )


def rank_figure(title: str, panels: Sequence[tuple[str, Sequence[int]]]) -> Figure:
    """Return rank plots as one figure: a row per panel, its ECDF difference and its histogram.

    Parameters
    ----------
    title
        Title of the figure.
    panels
        Name and ranks, 0 to 199, of each row.
    """
    from plotly.graph_objects import Bar, Scatter  # noqa: PLC0415 - plotly costs a second
    from plotly.subplots import make_subplots  # noqa: PLC0415

    figure = make_subplots(
        rows=len(panels), cols=2, vertical_spacing=0.3 / len(panels), horizontal_spacing=0.09, column_widths=[0.6, 0.4]
    )
    for row, (name, ranks) in enumerate(panels, start=1):
        u = positions(np.asarray(ranks))
        at, low, high = difference_band(len(u))
        difference = np.searchsorted(np.sort(u), at, side="right") / len(u) - at
        colour = _COLOUR if ((difference >= low) & (difference <= high)).all() else _ODD
        edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
        figure.add_trace(Scatter(x=at, y=low, **edge), row=row, col=1)
        figure.add_trace(Scatter(x=at, y=high, fill="tonexty", fillcolor=_BAND, **edge), row=row, col=1)
        curve = Scatter(x=at, y=difference, mode="lines", line={"color": colour}, name=_plain(name), showlegend=False)
        figure.add_trace(curve, row=row, col=1)
        bars = np.bincount((u * _BARS).astype(int), minlength=_BARS)
        centre = (np.arange(_BARS) + 0.5) / _BARS
        figure.add_trace(Bar(x=centre, y=bars, marker={"color": colour}, showlegend=False), row=row, col=2)
        for count in bar_range(len(u)):
            figure.add_hline(y=count, line={"color": "#777", "dash": "dot", "width": 1}, row=row, col=2)
        figure.update_yaxes(title={"text": _plain(name), "font": {"size": 11}}, row=row, col=1)
    figure.update_xaxes(title_text="rank", row=len(panels))
    figure.update_layout(
        template="plotly_white",
        title=_plain(title),
        height=110 + 150 * len(panels),
        margin={"l": 70, "r": 20, "t": 60, "b": 50},
        bargap=0.05,
    )
    return figure


@cache
def difference_band(sets: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return points in [0, 1] and the simultaneous 99 % band of the ECDF minus them, for so many data sets."""
    from arviz_stats.ecdf_utils import ecdf_pit  # noqa: PLC0415

    at, _, low, high = ecdf_pit((np.arange(sets) + 0.5) / sets, 1 - LEVEL, _SIMULATIONS, rng=np.random.default_rng(1))
    return at, low - at, high - at


def bar_range(sets: int) -> tuple[int, int]:
    """Return the range of a bar of the histogram in 99 % of honest runs."""
    low, high = band(sets, 1 / _BARS)
    return round(low * sets), round(high * sets)


def _figures(outcome: Calibration) -> list[str]:
    """Return a figure for each area, and for each pair of groups in it, as HTML; the first carries plotly itself."""
    rows: dict[str, list[tuple[str, list[int]]]] = {}
    for quantity, tests in tests_of(outcome):
        if tests is None:
            continue
        ranks = [rank for rank in outcome.ranks(quantity) if rank is not None]
        short = quantity.estimand[:3] + ". " + score_words(quantity) if quantity.estimand else score_words(quantity)
        rows.setdefault(_place(quantity), []).append((short.replace("relative misalignment", "relative m."), ranks))
    pages: list[str] = []
    for title, panels in rows.items():
        figure = rank_figure(title, panels)
        config = {"responsive": True, "displaylogo": False}
        pages.append(figure.to_html(full_html=False, include_plotlyjs=not pages, config=config))
    return pages


def _place(quantity: Quantity) -> str:
    if quantity.score == LOG_LIKELIHOOD:
        return "Log likelihood of the parameters, by area"
    where = "overall" if quantity.area is None else quantity.area
    if quantity.group is None:
        return where
    return f"{where}: {quantity.group} and {quantity.group_other}"


def _score_table(outcome: Calibration) -> str:
    rows = []
    for quantity, tests in tests_of(outcome):
        cells = ["", "", "", "0"] if tests is None else _cells(tests)
        rows.append([quantity.name, *cells])
    return _table(["score", "50 % intervals hold", "90 % intervals hold", "ranks p", "data sets"], rows)


def _cells(tests: Tests) -> list[str]:
    both = [marked(share, p) for share, p in zip(tests.coverage, tests.p_coverage, strict=True)]
    return [*both, marked(tests.p_uniform, tests.p_uniform), f"{tests.sets:,}"]


def _table(head: list[str], rows: list[list[str]]) -> str:
    def cell(tag: str, text: str, first: bool) -> str:
        kind = "" if first else ' class="n odd"' if text.endswith("*") else ' class="n"'
        return f"<{tag}{kind}>{_safe(text)}</{tag}>"

    lines = [
        "<tr>" + "".join(cell(tag, text, k == 0) for k, text in enumerate(row)) + "</tr>"
        for tag, row in [("th", head), *(("td", row) for row in rows)]
    ]
    return "<table>\n" + "\n".join(lines) + "\n</table>"


def _safe(text: str) -> str:
    return html.escape(clean(text))


def _plain(text: str) -> str:
    """Return a text that plotly shows as it is: no markup, no mathematics, no control characters."""
    return html.escape(clean(text), quote=False).replace("$", "&#36;")
