"""Figures of the predictive checks: what was observed against what the fitted model predicts."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import ndtri

from ..errors import Fault, InputError, shown
from .agent_checks import agreement_verdict, goal_checks
from .answer_tables import observed_tables
from .area_fit import flat_draws
from .density import AreaDensity
from .figure_blocks import LINE, NOTE, WRAP, Block, Row, add_points, add_text, blocks_figure
from .figure_style import escaped, finish, label
from .fit import SCORE_DRAWS
from .goal_answers import goal_answers
from .model import share_names
from .pair_agreement import pair_agreement
from .predictive_intervals import PROB, Predicted, predicted_pairs, predicted_shares
from .result import choices_of, densities_of, thetas_of
from .table_checks import NO_GROUP, item_pair_check, option_share_check
from .thinning import thin
from .verdict import require_reliable
from .which_area import area_position

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Array = NDArray[np.float64]


def plot_option_shares(fit: xr.DataTree, *, area: str | None = None, allow_unreliable: bool = False) -> Figure:
    """Plot the share of every option, observed and as the model predicts it, item by item.

    Parameters
    ----------
    fit
        A result of :func:`fit` or :func:`load`.
    area
        A problem area; may be left out when there is only one.
    allow_unreliable
        Plot a refused fit too, marked all over.

    Returns
    -------
    plotly.graph_objects.Figure
        For each item its predictive p-value (adjusted by Holm's method) and, where the model fails, a sentence.

    Raises
    ------
    Refused
        If the fit is refused and ``allow_unreliable`` is False.
    InputError
        If there is no such area, or several and none is named.
    """
    require_reliable(fit, allow_unreliable=allow_unreliable)
    density, theta = area_of(fit, area)
    seen = observed_tables(density)
    found = predicted_shares(density, theta, seen)
    blocks = []
    for check in option_share_check(density, theta, tables=seen):
        cells = np.flatnonzero(seen.item == density.area.items.index(check.items[0]))
        rows = [_row(label(seen.label[c]), found, (-1, int(c)), check.state) for c in cells]
        if check.group is not None and check.state != "ok":
            h, name = _group(density, check.group), label(check.group, 20)
            rows += [_row(f"{label(seen.label[c], 20)} ({name})", found, (h, int(c)), check.state) for c in cells]
        blocks.append(Block(label(check.items[0]), check.state, check.sentence, check.adjusted_p, tuple(rows)))
    return blocks_figure(fit, density.area.name, "Shares of options", blocks, "Share of agents", allow_unreliable)


def plot_item_pairs(fit: xr.DataTree, *, area: str | None = None, allow_unreliable: bool = False) -> Figure:
    """Plot, for every pair of items, the pair of answers whose share is furthest from what the model predicts.

    Parameters
    ----------
    fit, area, allow_unreliable
        As for :func:`plot_option_shares`.

    Returns
    -------
    plotly.graph_objects.Figure
        Pairs of items from the worst to the best fitted, with predictive p-values (adjusted by Holm's method).

    Raises
    ------
    Refused
        If the fit is refused and ``allow_unreliable`` is False.
    InputError
        If there is no such area, or several and none is named, or nobody answered two items.
    """
    require_reliable(fit, allow_unreliable=allow_unreliable)
    density, theta = area_of(fit, area)
    seen = observed_tables(density)
    checks = item_pair_check(density, theta, tables=seen)
    if not checks:
        raise _nothing(density, "Nobody answered two items there, so there are no pairs of items.")
    found = predicted_pairs(density, theta, seen)
    blocks = []
    for check in sorted(checks, key=lambda c: (c.adjusted_p, c.p)):
        h = _group(density, check.group)
        cells = [
            next(c for c in np.flatnonzero(seen.item == density.area.items.index(item)) if seen.label[c] == option)
            for item, option in zip(check.items, check.cell, strict=True)
        ]
        name = " and ".join(f"'{label(option, 18)}'" for option in check.cell)
        if check.group is not None:
            name += f" ({label(check.group, 14)})"
        row = _row(name, found, (h, *map(int, cells)), check.state)
        head = " and ".join(label(item) for item in check.items)
        blocks.append(Block(head, check.state, check.sentence, check.adjusted_p, (row,)))
    title = "Pairs of items: the pair of answers furthest from the model"
    return blocks_figure(
        fit, density.area.name, title, blocks, "Share of agents who give both answers", allow_unreliable
    )


def plot_answers_per_goal(fit: xr.DataTree, *, area: str | None = None, allow_unreliable: bool = False) -> Figure:
    """Plot what the agents of each goal answer, beside what the model expects of them.

    Agents count by the probability, given all their answers, that they hold the goal.

    Parameters
    ----------
    fit, area, allow_unreliable
        As for :func:`plot_option_shares`.

    Returns
    -------
    plotly.graph_objects.Figure
        For each goal the shares of all options, the smallest predictive p-value (adjusted by Holm's method), and a
        sentence where the model fails. Bars allow for the parameters having been fitted to these answers.

    Raises
    ------
    Refused
        If the fit is refused and ``allow_unreliable`` is False.
    InputError
        If there is no such area, or several and none is named, or only one goal, or one answer per agent.
    """
    require_reliable(fit, allow_unreliable=allow_unreliable)
    density, theta = area_of(fit, area)
    found = goal_answers(density, theta)
    if found is None:
        raise _nothing(density, "It has one goal only, or one answer per agent: nothing can be compared.")
    checks = goal_checks(density, found)
    width = float(ndtri((1 + PROB) / 2))
    names = [label(density.area.items[j], 20) for j in density.area.item_of_option]
    blocks = []
    for g, goal in enumerate(share_names(density)):
        own = [check for check in checks if check.goal == goal]
        worst = min(own, key=lambda c: c.adjusted_p, default=None)
        state = "ok" if worst is None else worst.state
        rows = tuple(
            Row(
                f"{names[o]}: {label(density.area.options[o], 20)}",
                float(found.observed[g, o]),
                max(float(found.expected[g, o] - width * found.error[g, o]), 0),
                float(found.expected[g, o]),
                min(float(found.expected[g, o] + width * found.error[g, o]), 1),
                state,
            )
            for o in range(density.n_options)
        )
        text = "Too few agents hold it to be looked at." if worst is None else worst.sentence
        p = float("nan") if worst is None else worst.adjusted_p
        blocks.append(Block(f"goal {label(goal)}", state, text, p, rows))
    title = "Answers per goal"
    return blocks_figure(fit, density.area.name, title, blocks, "Share among the agents of the goal", allow_unreliable)


def plot_agreement(fit: xr.DataTree, *, area: str | None = None, allow_unreliable: bool = False) -> Figure:
    """Plot how often two agents agree: over pairs of agents, the share of common items on which they do.

    Parameters
    ----------
    fit, area, allow_unreliable
        As for :func:`plot_option_shares`.

    Returns
    -------
    plotly.graph_objects.Figure
        Observed shares of pairs against those of replicated answers, with predictive p-values of the mean and of
        agreement on different items going together.

    Raises
    ------
    Refused
        If the fit is refused and ``allow_unreliable`` is False.
    InputError
        If there is no such area, or several and none is named, or no two agents answered two items in common.
    """
    import plotly.graph_objects as go  # noqa: PLC0415

    require_reliable(fit, allow_unreliable=allow_unreliable)
    density, theta = area_of(fit, area)
    found = pair_agreement(density, theta)
    if found is None:
        raise _nothing(density, "No two agents answered two items in common there.")
    check = agreement_verdict(density.area.name, found)
    lower, middle, upper = np.quantile(found.replicated, [(1 - PROB) / 2, 0.5, (1 + PROB) / 2], axis=0)
    figure = go.Figure()
    rows = [
        Row("", float(seen), float(low), float(mid), float(high), check.state)
        for seen, low, mid, high in zip(found.share, lower, middle, upper, strict=True)
    ]
    add_points(figure, rows, found.at, vertical=True)
    says = (
        f"Two agents agree on {found.mean:.1%} of common items; the model expects {found.expected_mean:.1%}"
        f" (p = {found.p_mean:.2f}). Pairs differ in that by {found.spread:.1%} (standard deviation); the model expects"
        f" {found.expected_spread:.1%} (p = {found.p_spread:.2f})."
    )
    sentence = check.message or says
    lines = textwrap.wrap(escaped(sentence), WRAP)
    for k, line in enumerate(lines):
        add_text(figure, line, y=1, yref="paper", shift=8 + LINE * (len(lines) - 1 - k), state=check.state)
    figure.update_xaxes(title_text="Share of common items on which two agents agree", tickformat=".0%")
    figure.update_yaxes(title_text="Share of pairs", rangemode="tozero", tickformat=".0%")
    named = f"{label(density.area.name)}: {found.pairs:,} pairs of {found.agents:,} agents; check {check.state}"
    finish(
        figure,
        fit,
        "Agreement between pairs of agents",
        named,
        height=300 + LINE * len(lines),
        unreliable=allow_unreliable,
        note=NOTE,
    )
    figure.update_layout(margin_t=110 + LINE * len(lines), bargap=0)
    return figure


def area_of(fit: xr.DataTree, area: str | None) -> tuple[AreaDensity, Array]:
    """Return the density of an area and the draws behind its scores, (draw, coordinate).

    Raises
    ------
    InputError
        If there is no such area, or several and none is named.
    """
    choices = choices_of(fit)
    at = area_position(choices, area)
    densities = densities_of(fit, choices)
    density, theta = densities[at], thetas_of(fit, densities)[at]
    chains = fit["unconstrained_posterior"].sizes["chain"]
    return density, flat_draws(thin(theta.reshape(chains, len(theta) // chains, density.size), SCORE_DRAWS))


def _nothing(density: AreaDensity, message: str) -> InputError:
    name, remedy = density.area.name, "Choose another area."
    text = f"There is nothing to plot for area {shown(name)}. {message}"
    return InputError(Fault(code="nothing-to-plot", message=text, remedy=remedy, value=name))


def _group(density: AreaDensity, name: str | None) -> int:
    """Return the position of a group among those of a check; all agents come last."""
    return -1 if name is None else density.prior_names.index(None if name == NO_GROUP else name)


def _row(name: str, found: Predicted, at: tuple[int, ...], state: str) -> Row:
    observed, lower, expected, upper = (
        float(part[at]) for part in (found.observed, found.lower, found.expected, found.upper)
    )
    return Row(name, observed, lower, expected, upper, state)
