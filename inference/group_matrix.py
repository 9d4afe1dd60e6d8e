"""How far groups are apart: scores between all of them, what each pair makes up of the whole, and which is further."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ..datasets.validation import hint, listed
from ..errors import Fault, InputError, shown
from .group_sizes import SMALL_GROUP, small_groups_of
from .published import Estimand, Published, Score, check_area, check_score, described, published
from .result import attribute
from .scores import check_selection

Array = NDArray[np.float64]

type Pair = str | tuple[str, str]
"""Two groups, or one for the pairs within it."""


def group_matrix(
    fit: xr.DataTree,
    *,
    area: str | None = None,
    score: Score = "misalignment",
    estimand: Estimand = "sample",
    small_groups: bool = False,
    allow_unreliable: bool = False,
) -> xr.Dataset:
    """Return a score within and between all groups, and what each pair of groups makes up of the whole.

    Parameters
    ----------
    fit
        A result of :func:`fit` or :func:`load`, with groups.
    area
        The area; None for the overall score.
    score
        ``"contention"``, ``"misalignment"`` or ``"relative_misalignment"``.
    estimand
        ``"sample"`` or ``"population"``.
    small_groups
        Show groups of fewer than 10 agents too: few people can be told apart by what they chose.
    allow_unreliable
        Give the numbers of a refused fit, and those held back, too.

    Returns
    -------
    xarray.Dataset
        Over group and group_other, symmetric, within groups on the diagonal: ``mean``, ``sd``, ``lower``, ``upper``
        (90 % interval) of the score; ``pair_share``, the share of these among all ordered pairs of agents; ``part``
        with ``part_lower`` and ``part_upper``, what they make up of the score of all agents. Over the whole matrix
        ``pair_share`` sums to 1 and ``part`` to that score, but for pairs with agents in no group or in one left out.
        NaN where there are no pairs, and for a score held back. Attributes ``state``, ``reasons``, ``left_out``.

    Raises
    ------
    Refused
        If the fit is refused and ``allow_unreliable`` is False.
    InputError
        If there are no groups, or no such area, score or estimand.
    """
    drawn = _drawn(fit, area, score, estimand, _said(fit, score, estimand, allow_unreliable))
    few = () if small_groups else small_groups_of(fit)
    shown_groups = [name for name in drawn.groups if name not in few]
    at = [drawn.groups.index(name) for name in shown_groups]
    values, parts = (x[:, at][:, :, at] for x in (drawn.values, drawn.parts))
    names = ("mean", "sd", "lower", "upper", "part", "part_lower", "part_upper")
    table = {name: np.full((len(at), len(at)), np.nan) for name in names}
    for i in range(len(at)):
        for j in range(len(at)):
            own, part = described(values[:, i, j]), described(parts[:, i, j])
            cell = {**own, "part": part["mean"], "part_lower": part["lower"], "part_upper": part["upper"]}
            cell["sd"] = float(values[:, i, j].std())
            for name, value in cell.items():
                table[name][i, j] = value
    dims = ("group", "group_other")
    data: dict[str, Any] = {name: (dims, np.where(drawn.said.held, np.nan, x)) for name, x in table.items()}
    data["pair_share"] = (dims, drawn.pair_share[np.ix_(at, at)])
    return xr.Dataset(data, coords={"group": shown_groups, "group_other": shown_groups}).assign_attrs(
        score=score,
        area="" if area is None else area,
        estimand=estimand,
        state=drawn.said.state,
        reasons=list(drawn.said.reasons),
        left_out=[name for name in drawn.groups if name not in shown_groups],
    )


def within_between(
    fit: xr.DataTree,
    *,
    area: str | None = None,
    score: Score = "misalignment",
    estimand: Estimand = "sample",
    allow_unreliable: bool = False,
) -> pd.DataFrame:
    """Return how much of a score lies within groups and how much between them.

    Parameters
    ----------
    fit, area, score, estimand, allow_unreliable
        As for :func:`group_matrix`.

    Returns
    -------
    pandas.DataFrame
        One row for pairs within groups, between groups, with agents in no group (if there are any), and all.
        ``pair_share`` sums to 1, and ``mean`` (with ``lower`` and ``upper``, 90 % interval: what these pairs make up of
        the score) to the score of all agents; ``of_whole`` is its share of that, and ``among`` the score among these
        pairs alone (of relative misalignment: its part, divided by the share of pairs). ``state`` and ``reasons`` are
        those of the score. Null where a score is held back.

    Raises
    ------
    Refused, InputError
        As for :func:`group_matrix`.
    """
    drawn = _drawn(fit, area, score, estimand, _said(fit, score, estimand, allow_unreliable))
    parts, share = drawn.parts, drawn.pair_share
    within, of_within = np.einsum("dgg->d", parts), float(np.trace(share))
    between, of_between = parts.sum(axis=(1, 2)) - within, float(share.sum() - np.trace(share))
    rows = [("within groups", within, of_within), ("between groups", between, of_between)]
    if drawn.ungrouped:
        rows.append(("with agents in no group", drawn.whole - within - between, 1 - of_within - of_between))
    rows.append(("all", drawn.whole, 1.0))
    table = []
    for name, draws, pairs in rows:
        row: dict[str, Any] = {"pairs": name, "pair_share": pairs, **described(draws)}
        of_whole = np.divide(draws, drawn.whole, out=np.full(len(draws), np.nan), where=drawn.whole > 0)
        row |= {"of_whole": described(of_whole)["mean"], "among": row["mean"] / pairs if pairs > 0 else np.nan}
        if drawn.said.held:
            row |= dict.fromkeys(("mean", "lower", "upper", "of_whole", "among"), np.nan)
        table.append({**row, "state": drawn.said.state, "reasons": list(drawn.said.reasons)})
    return pd.DataFrame(table)


def further_apart(
    fit: xr.DataTree,
    pair: Pair,
    other: Pair,
    *,
    score: Score = "misalignment",
    estimand: Estimand = "sample",
    small_groups: bool = False,
    allow_unreliable: bool = False,
) -> pd.DataFrame:
    """Return the posterior probability that two groups are further apart than two others.

    Parameters
    ----------
    fit
        A result of :func:`fit` or :func:`load`, with groups.
    pair, other
        Two groups each, such as ``("left", "right")``; one name for the pairs within a group.
    score, estimand, allow_unreliable
        As for :func:`group_matrix`.
    small_groups
        Compare groups of fewer than 10 agents too.

    Returns
    -------
    pandas.DataFrame
        One row per area, and one overall (``area`` null): ``probability`` that the score of ``pair`` is the larger
        (draws where both are equal count half), and the ``mean`` of their difference with its 90 % interval ``lower``,
        ``upper``; ``state`` and ``reasons`` of the score. Null where a score does not exist or is held back.

    Raises
    ------
    Refused
        If the fit is refused and ``allow_unreliable`` is False.
    InputError
        If a name is no group, or a group is small and ``small_groups`` is False.
    """
    rows = []
    said = _said(fit, score, estimand, allow_unreliable)
    areas = [str(name) for name in fit["scores"].to_dataset()["area"].values]
    for area in [*areas, None]:
        drawn = _drawn(fit, area, score, estimand, said)
        cells = [_cell(fit, drawn.groups, two, small_groups) for two in (pair, other)]
        first, second = (drawn.values[:, i, j] for i, j in cells)
        shift = described(first - second)
        known = np.isfinite(shift["mean"]) and not drawn.said.held
        probability = float(((first > second) + 0.5 * (first == second)).mean())
        row = {"area": area, "probability": probability, **shift}
        if not known:
            row |= dict.fromkeys(("probability", "mean", "lower", "upper"), np.nan)
        rows.append({**row, "state": drawn.said.state, "reasons": list(drawn.said.reasons)})
    return pd.DataFrame(rows)


@dataclass(frozen=True, eq=False)
class _Drawn:
    """Draws of a score by groups, (draw, group, group_other), and of all agents, (draw,)."""

    groups: list[str]
    values: Array
    parts: Array
    whole: Array
    pair_share: Array
    ungrouped: bool
    said: Published


type _Said = dict[tuple[str, str | None], Published]


def _said(fit: xr.DataTree, score: str, estimand: str, allow_unreliable: bool) -> _Said:
    check_score(score)
    check_selection(fit, "group", estimand)
    return published(fit, estimand=estimand, allow_unreliable=allow_unreliable)


def _drawn(fit: xr.DataTree, area: str | None, score: str, estimand: str, said: _Said) -> _Drawn:
    check_area(fit, area)
    stored = fit["scores"].to_dataset().sel(estimand=estimand)
    stored = stored if area is None else stored.sel(area=area)
    level = "overall_" if area is None else ""
    groups = [str(name) for name in stored["group"].values]

    def drawn(name: str, *shape: int) -> Array:
        values = stored[level + name].transpose("chain", "draw", ...).values
        return np.asarray(values.reshape(-1, *shape))

    number = len(groups)
    values, whole = drawn(f"group_{score}", number, number), drawn(score)
    pair_share, ungrouped = _pair_share(fit, estimand)
    mass = drawn("group_misalignment", number, number) if score == "relative_misalignment" else values
    parts = np.where(pair_share > 0, mass, 0) * pair_share
    if score == "relative_misalignment":  # a part of the numerator over the whole denominator
        numerator = drawn("misalignment")
        ratio = np.divide(whole, numerator, out=np.zeros(len(whole)), where=numerator > 0)
        parts = parts * np.where(np.isfinite(whole), ratio, np.nan)[:, None, None]
    return _Drawn(groups, values, parts, whole, pair_share, ungrouped, said[(score, area)])


def _pair_share(fit: xr.DataTree, estimand: str) -> tuple[Array, bool]:
    """Return the share of each two groups in all ordered pairs of agents, and whether some are in no group."""
    group = fit["constant_data"].to_dataset()["group_of_agent"].values
    number = fit["scores"].sizes["group"]
    ungrouped = bool((group < 0).any())
    if estimand == "sample":
        size = np.bincount(group[group >= 0], minlength=number).astype(float)
        n = len(group)
        return (np.outer(size, size) - np.diag(size)) / (n * (n - 1.0)), ungrouped
    phi = np.asarray(attribute(fit, "group_shares"), dtype=float)[:number]
    return np.outer(phi, phi), ungrouped


def _cell(fit: xr.DataTree, groups: list[str], pair: Pair, small_groups: bool) -> tuple[int, int]:
    names = (pair, pair) if isinstance(pair, str) else tuple(pair)
    faults = []
    if len(names) != 2:
        message = f"{shown(pair)} is not two groups."
        faults.append(Fault(code="pair", message=message, remedy='Write ("left", "right").', value=str(pair)))
    few = () if small_groups else small_groups_of(fit)
    for name in dict.fromkeys(names):
        if name not in groups:
            remedy = hint(str(name), groups, f"The groups are {listed(groups)}.")
            message = f"There is no group {shown(name)}."
            faults.append(Fault(code="unknown-group", message=message, remedy=remedy, value=str(name)))
        elif name in few:
            message = f"Group {shown(name)} has fewer than {SMALL_GROUP} agents."
            remedy = "Ask for small_groups=True if nobody can be harmed by it."
            faults.append(Fault(code="small-group", message=message, remedy=remedy, value=str(name)))
    if faults:
        raise InputError(faults)
    first, second = sorted(groups.index(name) for name in names)  # the same cell, whichever is named first
    return first, second
