"""The published rows of a result: every score with its interval, its state and the reasons."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ..datasets.study import Area, Study
from .area_scores import ESTIMANDS
from .checks import Check, sentences, worst
from .notes import no_weight_reason
from .result import SCHEMA, attribute
from .scores import SCORE_NAMES, check_selection
from .structure_checks import interval
from .verdict import Verdict, verdict

_ENOUGH_REPLICATES = 0.5  # share of bootstrap replicates with a pair to compare
COLUMNS = (
    "score",
    "estimand",
    "area",
    "group",
    "group_other",
    "mean",
    "sd",
    "lower",
    "upper",
    "mcse",
    "state",
    "reasons",
)


def summarize(fit: xr.DataTree, *, by: str | None = None, allow_unreliable: bool = False) -> pd.DataFrame:
    """Return one row per score, estimand, area and pair of groups.

    Parameters
    ----------
    fit
        A result of :func:`fit` or :func:`load`.
    by
        ``"group"`` adds rows within each group (``group_other`` null) and between each pair of groups.
    allow_unreliable
        Give the numbers of a refused fit too, with state ``refused`` in every row.

    Returns
    -------
    pandas.DataFrame
        Columns ``score``, ``estimand``, ``area`` (null: overall), ``group``, ``group_other``, ``mean``, ``sd``,
        ``lower``, ``upper`` (equal-tailed 90 % interval), ``mcse`` (Monte Carlo standard error of the mean), ``state``
        and ``reasons``. Undefined numbers are null with a reason. No row when the fit is refused.
    """
    check_selection(fit, by, "sample")
    found = verdict(fit)
    if found.refused and not allow_unreliable:
        return pd.DataFrame(columns=list(COLUMNS))
    stored = fit["scores"].to_dataset().load()
    areas = Study.from_dict(attribute(fit, "study")).areas
    parts = _Parts(fit, stored, found, effective_by_score(fit), areas)
    rows = [_row(parts, cell) for cell in _cells(stored, by)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def check(fit: xr.DataTree) -> pd.DataFrame:
    """Return every stored check of a fit, one row each.

    Parameters
    ----------
    fit
        A result of :func:`fit` or :func:`load`.

    Returns
    -------
    pandas.DataFrame
        ``name``, ``area`` (null: all areas), ``state`` (ok, note, caution, refused), ``value``, ``threshold``,
        ``scores`` (those concerned), ``message``.
    """
    rows = [
        {
            "name": c.name,
            "area": c.area,
            "state": c.state,
            "value": _plain(c.value),
            "threshold": _plain(c.threshold),
            "scores": ", ".join(c.scores),
            "message": c.message,
        }
        for c in verdict(fit).checks
    ]
    return pd.DataFrame(rows, columns=["name", "area", "state", "value", "threshold", "scores", "message"])


def to_json(fit: xr.DataTree, *, by: str | None = None, allow_unreliable: bool = False) -> dict[str, Any]:
    """Return the object that ``--json`` prints: states, reasons, scores and structural alternatives.

    Parameters
    ----------
    fit, by, allow_unreliable
        As for :func:`summarize`.
    """
    frame, found = summarize(fit, by=by, allow_unreliable=allow_unreliable), verdict(fit)
    return {
        **origin_json(fit, allow_unreliable=allow_unreliable and found.refused),
        "method": attribute(fit, "method"),
        "scores": [{key: _plain(value) for key, value in row.items()} for row in frame.to_dict("records")],
        "alternatives": _alternative_rows(fit),
    }


def origin_json(fit: xr.DataTree, *, allow_unreliable: bool) -> dict[str, Any]:
    """Return what every object that ``--json`` prints begins with: state, reasons, and where the numbers are from.

    Parameters
    ----------
    fit
        The result.
    allow_unreliable
        Whether refused numbers are shown.
    """
    found = verdict(fit)
    return {
        "schema": SCHEMA,
        "state": found.state,
        "reasons": list(found.reasons),
        "notes": list(found.notes),
        "seed": attribute(fit, "seed"),
        "n_agents": attribute(fit, "n_agents"),
        "data_hash": attribute(fit, "data_hash"),
        "version": attribute(fit, "versions")["dissensus"],
        "interval": attribute(fit, "interval"),
        "allow_unreliable": allow_unreliable,
    }


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _alternative_rows(fit: xr.DataTree) -> list[dict[str, Any]]:
    table = fit["alternatives"].to_dataset()
    rows = []
    for area in table["area"].values:
        for structure in table["structure"].values:
            cell = table.sel(area=area, structure=structure)
            values = {str(name): _plain(float(cell[name])) for name in table.data_vars}
            if values["log_density"] is not None:
                rows.append({"area": str(area), "structure": str(structure), **values})
    return rows


@dataclass(frozen=True, eq=False)
class _Parts:
    """What rows are made of: the result, its scores, verdict and effective draws, and the areas of its study."""

    fit: xr.DataTree
    stored: xr.Dataset
    found: Verdict
    effective: dict[str, dict[str, float]]
    areas: tuple[Area, ...]


type _Cell = tuple[str, str, str | None, str | None, str | None]


def _cells(stored: xr.Dataset, by: str | None) -> Iterator[_Cell]:
    areas: list[str | None] = [str(a) for a in stored["area"].values]
    groups = [str(g) for g in stored["group"].values] if by == "group" and "group" in stored.coords else []
    pairs: list[tuple[str | None, str | None]] = [(None, None)]
    pairs += [(a, None) for a in groups]
    pairs += [(a, b) for i, a in enumerate(groups) for b in groups[i + 1 :]]
    for group, other in pairs:
        for estimand in ESTIMANDS:
            for area in [*areas, None]:
                for score in SCORE_NAMES:
                    yield score, estimand, area, group, other


def _row(parts: _Parts, cell: _Cell) -> dict[str, Any]:
    fit, found = parts.fit, parts.found
    score, estimand, area, group, other = cell
    name = ("overall_" if area is None else "") + ("group_" if group is not None else "") + score
    at: dict[str, str] = {"estimand": estimand}
    if area is not None:
        at["area"] = area
    if group is not None:
        at |= {"group": group, "group_other": other or group}
    values = parts.stored[name].sel(at).values
    estimate = float(fit["constant_data"][name].sel(at)) if score == "observed_conflict" else None
    if estimate is not None and np.isfinite(estimate) and np.isfinite(values).mean() >= _ENOUGH_REPLICATES:
        values = values[np.isfinite(values)]  # resamples without any pair to compare tell nothing
    concerned = [
        c
        for c in found.checks
        if c.state in {"caution", "refused"} and score in c.scores and (area is None or c.area in {None, area})
    ]
    reasons = sentences(concerned)
    row: dict[str, Any] = dict(zip(COLUMNS, (*cell, None, None, None, None, None, "", []), strict=True))
    missing = _undefined(parts, cell, values)
    blank = _held_back(parts.areas, [c for c in concerned if c.blank], area)
    if missing:
        reasons = [*missing, *reasons]
    elif not blank:
        mean, sd = float(values.mean()) if estimate is None else estimate, float(values.std())
        lower, upper = interval(values.ravel())
        # of a score on a grid nearly all draws may be one number, and the mean then lies beside both ends
        lower, upper = min(lower, mean), max(upper, mean)
        row |= {"mean": mean, "sd": sd, "lower": lower, "upper": upper}
        row["mcse"] = monte_carlo_error(values, parts.effective, area, score)
    return row | {"state": "refused" if found.refused else worst(c.state for c in concerned), "reasons": reasons}


def _unseen(areas: Iterable[Area], area: str | None) -> list[str]:
    """Return why answers as they stand show no conflict: goals are learned, or sets of options differ."""
    concerned = [a for a in areas if area in {None, a.name}]
    learned = [a for a in concerned if a.learned and not a.serves_matrix.any()]
    return [f"{a.name}: goals are learned, so which goal an answer serves is not given." for a in learned] + [
        f"{a.name}: {_incomparable(a)}"
        for a in concerned
        if all(item.kind in {"situation", "importance"} or item.is_number or item.in_ballots for item in a.items)
    ]


def _incomparable(area: Area) -> str:
    if any(item.is_number for item in area.items):
        return "how far two numbers are in conflict is not given, so they are not compared as they stand."
    return "agents chose from different sets, so their choices are not compared as they stand."


def _held_back(areas: Iterable[Area], blank: Sequence[Check], area: str | None) -> bool:
    """Return whether a number gets no headline.

    The overall score is held back when all its areas are, or when one of them is no area at all: then it is not only
    uncertain there, but wrong.
    """
    if area is not None:
        return bool(blank)
    counted = {a.name for a in areas if a.area_weight > 0}
    held = {c.area for c in blank if c.area in counted}
    return held == counted or any(c.name == "hang-together" and c.area in counted for c in blank)


def _undefined(parts: _Parts, cell: _Cell, values: NDArray[np.float64]) -> list[str]:
    """Return why a number does not exist; empty when it does."""
    if np.isfinite(values).all():
        return []
    score, estimand, area, group, other = cell
    if score == "observed_conflict" and (unseen := _unseen(parts.areas, area)):
        return unseen
    weightless = [a for a, shown in _weightless(parts.stored).items() if shown and area in {None, a}]
    if score in {"misalignment", "relative_misalignment"} and weightless:
        learned = {a.name for a in parts.areas if a.learned}
        return [no_weight_reason(a, learned=a in learned) for a in weightless]
    if group is not None and other is None and estimand == "sample" and _group_size(parts.fit, group) < 2:
        return [f"Group {group} has one agent, so it has no pairs."]
    if score == "relative_misalignment":
        return ["All weights are 0 in some draws, so relative misalignment is not defined."]
    return ["There are too few pairs of answers to compare."]


def _weightless(stored: xr.Dataset) -> dict[str, bool]:
    unknown = stored["misalignment"].isnull().all(("chain", "draw", "estimand"))
    return {str(a): bool(unknown.sel(area=a)) for a in stored["area"].values}


def _group_size(fit: xr.DataTree, group: str) -> int:
    constant = fit["constant_data"].to_dataset()
    position = [str(g) for g in constant["group"].values].index(group)
    return int((constant["group_of_agent"].values == position).sum())


def effective_by_score(fit: xr.DataTree) -> dict[str, dict[str, float]]:
    """Return the number of effective draws behind each score of each area."""
    result = {}
    for area, shown in attribute(fit, "diagnostics").items():
        least = float(shown["effective"]) if shown["effective"] is not None else float("nan")
        own = shown.get("effective_scores", {})
        result[area] = {score: min(least, float(own.get(score, least))) for score in SCORE_NAMES}
    return result


def monte_carlo_error(
    values: NDArray[np.float64], effective: dict[str, dict[str, float]], area: str | None, score: str
) -> float:
    """Return the Monte Carlo standard error of a mean: of the importance weights or the chains, and of the thinning."""
    if score == "observed_conflict":
        return float(values.std() / np.sqrt(values.size))
    least = min(shown[score] for name, shown in effective.items() if area in {None, name})
    return float(values.std() * np.sqrt(1 / least + 1 / values.size)) if least > 0 else float("nan")
