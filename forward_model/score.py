"""Goals, weights and conflict to scores."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from ..errors import Fault, InputError, shown
from .aggregation import AreaMean, check_area_mean, mean_over_areas, relative_over_areas
from .labelled import Agents, Groups, Table, label_array, read_agents, weights_by_area
from .pair_sums import Floats, PairScores, PairSums, cell_sums, divide, geometric_sums, pair_scores
from .problem_area import ProblemArea
from .soft_memberships import soft_pair_sums
from .weight_means import WeightMean, cell_pair_sums, check_weight_mean, geometric_own_sums

type Normalise = Literal["authors", "exact"] | None
type AreaWeights = Mapping[str, float] | pd.Series[Any] | xr.DataArray | ArrayLike | None

_LONG_NAMES: Final = {
    "contention": "mean conflict over pairs of agents",
    "misalignment": "mean over pairs of agents of conflict × mean of the two weights",
    "relative_misalignment": "misalignment ÷ mean over pairs of the mean of the two weights",
}


def score(
    goals: Table,
    weights: Table,
    areas: ProblemArea | Iterable[ProblemArea],
    *,
    weight_mean: WeightMean = "geometric",
    area_mean: AreaMean = "arithmetic",
    area_weights: AreaWeights = None,
    normalise: Normalise = None,
    by: Groups | None = None,
) -> xr.Dataset:
    """Return contention, misalignment and relative misalignment of agents, per area and overall.

    In one area, misalignment is the mean over pairs of agents of the conflict between their goals times the
    mean of their weights. 0: no two agents who care hold conflicting goals. 1: every two agents hold goals in
    full conflict and care fully, which k goals allow to at most k agents; for many agents and conflicts of 1
    the largest value is (k − 1)/k. *Contention* is the same with every weight 1. *Relative misalignment*
    divides misalignment by the mean over pairs of the mean of weights: it is not diluted by agents who do not
    care, and lies in [0, 1]. In an endless population, under the geometric mean, misalignment = (E√w)² ×
    relative misalignment, and relative misalignment is Rao's quadratic entropy of the shares of √w held by
    each goal (Gini–Simpson when every conflict is 1). It is largest at an even split only if all conflicts
    are equal.

    Parameters
    ----------
    goals
        Goal of each agent in each area: a DataFrame with a row per agent and a column per area, or a
        DataArray with dims ``agent``, ``area`` and any others. None or NaN stands for no goal; such an agent
        conflicts with nobody and stays among the pairs. Agents who follow several goals of an area are a DataArray of
        their shares with a dim ``goal`` more, the names of goals its coordinate (those of other areas have share 0):
        two agents conflict as the goals they follow do on average, μ_iᵀ C μ_j. Shares sum to 1 at most; what is left
        follows no goal.
    weights
        Weight of each area to each agent, in [0, 1], of the same shape. That of an agent without a goal
        counts in the denominator of relative misalignment. Tables are aligned by the names of areas and,
        where both carry them, of agents. Extra dims (``chain``, ``draw``, …) of either are kept.
    areas
        The problem areas.
    weight_mean
        Mean of two weights: ``"geometric"``, ``"arithmetic"``, ``"harmonic"`` (0 if either is 0), ``"min"``,
        ``"max"``, ``"none"`` (weights disregarded).
    area_mean
        Mean over areas for overall contention and misalignment: ``"arithmetic"``, ``"geometric"``,
        ``"harmonic"`` (both 0 if any area is 0), ``"min"``, ``"max"``. Overall relative misalignment is Σ a_p
        num_p / Σ a_p den_p whatever the mean.
    area_weights
        Weights a_p of the areas, ≥ 0: by name, or a sequence in the order of ``areas``. Default: equal.
    normalise
        ``"authors"`` divides contention and misalignment by (k − 1)/k, as the paper's code does (the result
        can exceed 1). ``"exact"`` divides by the largest contention that so many agents with k goals can
        have: the even split within a group, 1 between two groups. An area with one goal stays 0. Relative
        misalignment is not normalised.
    by
        A group label per agent. All variables then have the dims ``group`` and ``group_other``: over the
        pairs within a group on the diagonal, over all pairs of two groups off it. An agent without a group
        (None, NaN) is in none of them.

    Returns
    -------
    xarray.Dataset
        ``contention``, ``misalignment``, ``relative_misalignment`` over ``area``, the same with prefix
        ``overall_`` without it, and the extra dims. Undefined numbers are NaN; the attribute ``reasons`` of
        the variable says why, as a JSON list. Attributes of the Dataset hold the options.

    Raises
    ------
    InputError
        For fewer than two agents, weights outside [0, 1], unknown goals or tables that do not match.

    References
    ----------
    Kierans, Ghosh, Hazan and Dori-Hacohen, *Quantifying Misalignment Between Agents*, arXiv:2406.04231.

    Examples
    --------
    >>> import pandas as pd
    >>> area = ProblemArea("tax", goals=["less", "more"], conflict=1.0)
    >>> goals = pd.DataFrame({"tax": ["less", "more", "more"]})
    >>> weights = pd.DataFrame({"tax": [1.0, 0.25, 1.0]})
    >>> float(score(goals, weights, area).misalignment.sel(area="tax"))
    0.5
    """
    check_weight_mean(weight_mean)
    check_area_mean(area_mean)
    _check_normalise(normalise)
    agents = read_agents(goals, weights, areas, by)
    a = weights_by_area(area_weights, agents.areas)
    sums = [area_sums(agents, p, weight_mean=weight_mean) for p in range(len(agents.areas))]
    per_area = PairScores(*(np.stack(part, axis=-3) for part in zip(*(pair_scores(s) for s in sums), strict=True)))
    scale = np.stack([_largest(agents, area, normalise) for area in agents.areas])
    contention, misalignment = (_scaled(part, scale) for part in (per_area.contention, per_area.misalignment))
    values = {
        "contention": contention,
        "misalignment": misalignment,
        "relative_misalignment": per_area.relative_misalignment,
        "overall_contention": mean_over_areas(contention, a, area_mean=area_mean, axis=-3),
        "overall_misalignment": mean_over_areas(misalignment, a, area_mean=area_mean, axis=-3),
        "overall_relative_misalignment": relative_over_areas(per_area.misalignment, per_area.pair_weight, a, axis=-3),
    }
    result = _labelled(agents, values, sums[0].pairs)
    result.attrs = {
        "estimand": "sample",
        "weight_mean": weight_mean,
        "area_mean": area_mean,
        "area_weights": json.dumps([1.0] * len(agents.areas) if a is None else a.tolist()),
        "normalise": normalise or "no",
        **_attributes(agents),
    }
    return result


def area_sums(agents: Agents, p: int, *, weight_mean: WeightMean) -> PairSums:
    """Return the sums over pairs of area ``p``, (*extra, group, group_other); one group when there are none."""
    area = agents.areas[p]
    if agents.soft:
        return _soft_sums(agents, p, weight_mean=weight_mean)
    goals = len(area.goals) + 1
    size = max(1, len(agents.groups))
    conflict = with_no_goal(area)
    # Agents in no group make up a last row, dropped at the end.
    first_cell = np.where(agents.group < 0, size, agents.group) * goals
    rows, cells = size + 1, (size + 1) * goals
    parts: list[list[Floats]] = []
    for _, code, weight in agents.entries(p):
        cell = first_cell + code
        count = np.bincount(cell, minlength=cells).astype(np.float64)
        if weight_mean == "geometric":
            root = np.sqrt(weight)
            roots, weights = (np.bincount(cell, weights=x, minlength=cells) for x in (root, weight))
            own = geometric_own_sums(cell, root, count, roots, weights)
            parts.append([x.reshape(rows, goals) for x in (count, roots, weights, own)])
        else:
            pair_weights = cell_pair_sums(cell, weight, cells, weight_mean=weight_mean)
            shaped = pair_weights.reshape(rows, goals, rows, goals)
            parts.append(list(cell_sums(shaped, count.reshape(rows, goals), conflict)))
    shape = tuple(agents.extra.values())
    stacked = [np.stack(part).reshape(shape + part[0].shape) for part in zip(*parts, strict=True)]
    if weight_mean == "geometric":
        count, roots, weights, own = stacked
        stacked = list(geometric_sums(count, roots, weights, conflict, own=own))
    return PairSums(*(part[..., :size, :size] for part in stacked))


def _soft_sums(agents: Agents, p: int, *, weight_mean: WeightMean) -> PairSums:
    """Return the same where agents follow several goals, each with a share."""
    size, conflict = max(1, len(agents.groups)), with_no_goal(agents.areas[p])
    group = np.where(agents.group < 0, size, agents.group)
    parts = [
        soft_pair_sums(share, weight, group, size + 1, conflict, weight_mean=weight_mean)
        for _, share, weight in agents.soft_entries(p)
    ]
    shape = tuple(agents.extra.values())
    stacked = (np.stack(part) for part in zip(*parts, strict=True))
    return PairSums(*(part.reshape(shape + part.shape[1:])[..., :size, :size] for part in stacked))


def area_factors(agents: Agents, area_weights: AreaWeights, normalise: Normalise) -> Floats:
    """Return by what the plain score of each area enters the arithmetic mean over areas, (area,), without groups."""
    _check_normalise(normalise)
    scale = np.stack([_largest(agents, area, normalise)[0, 0] for area in agents.areas])
    a = weights_by_area(area_weights, agents.areas)
    return _scaled(mean_over_areas(np.eye(len(scale)), a, axis=0), scale)


def with_no_goal(area: ProblemArea) -> Floats:
    """Return the conflict of an area with a last row and column of zeros for no goal."""
    return np.pad(area.conflict, (0, 1))


def largest_contention(n: ArrayLike, k: int) -> Floats:
    """Return the largest contention that n agents with k goals can have, all conflicts 1: goals split evenly.

    Σ_{g≠h} n_g n_h / (n(n − 1)); tends to (k − 1)/k for many agents. NaN for n < 2.
    """
    n = np.asarray(n, dtype=np.float64)
    each, rest = np.divmod(n, k)
    same = (k - rest) * each**2 + rest * (each + 1) ** 2
    return divide(n**2 - same, n * (n - 1) * (n > 1))


def _check_normalise(normalise: object) -> None:
    if normalise not in (None, "authors", "exact"):
        raise InputError(
            Fault(
                code="normalise",
                message=f'"normalise" is {shown(normalise)}.',
                remedy="Use None, 'authors' or 'exact'.",
                value=str(normalise),
            )
        )


def _largest(agents: Agents, area: ProblemArea, normalise: Normalise) -> Floats:
    """Return what normalisation divides by, (group, group_other)."""
    k, size = len(area.goals), max(1, len(agents.groups))
    if normalise is None:
        return np.ones((size, size))
    if normalise == "authors":
        return np.full((size, size), (k - 1) / k)
    n = np.bincount(agents.group[agents.group >= 0], minlength=size)
    return np.where(np.eye(size, dtype=bool), largest_contention(n, k), float(k > 1))


def _scaled(scores: Floats, scale: Floats) -> Floats:
    # One goal: the largest contention is 0 and so is the score, which stays 0.
    return scores / np.where(scale == 0, 1.0, scale)


def _attributes(agents: Agents) -> dict[str, Any]:
    attrs: dict[str, Any] = {"n_agents": agents.n}
    if agents.groups:
        attrs["n_agents_without_group"] = int((agents.group < 0).sum())
    silent = [f"Every conflict of the area {shown(a.name)} is 0." for a in agents.areas if not a.conflict.any()]
    if silent:
        attrs["cautions"] = json.dumps(silent)
    return attrs


def _labelled(agents: Agents, values: dict[str, Floats], pairs: Floats) -> xr.Dataset:
    pair_dims: tuple[str, ...] = ("group", "group_other")
    names = [area.name for area in agents.areas]
    coords: dict[str, Any] = {**agents.coords, "area": names}
    if agents.groups:
        coords |= {dim: label_array(agents.groups) for dim in ("group", "group_other")}
    variables = {}
    for name, numbers in values.items():
        overall = name.startswith("overall_")
        long_name = _LONG_NAMES[name.removeprefix("overall_")]
        attrs: dict[str, Hashable] = {"long_name": f"{long_name}, over areas" if overall else long_name}
        undefined = _reasons(agents, numbers, pairs, [None] if overall else names)
        if undefined:
            attrs["reasons"] = json.dumps(undefined)
        dims = (*agents.extra, *(() if overall else ("area",)), *pair_dims)
        array = xr.DataArray(numbers, dims=dims, attrs=attrs)
        variables[name] = array if agents.groups else array.isel(group=0, group_other=0)
    return xr.Dataset(variables, coords=coords)


def _reasons(agents: Agents, numbers: Floats, pairs: Floats, areas: list[Any]) -> list[dict[str, Any]]:
    """Say why numbers are undefined: one entry per area and pair of groups, with how many entries of extra dims."""
    size = pairs.shape[-1]
    missing = np.isnan(numbers.reshape(-1, len(areas), size, size)).sum(axis=0)
    no_pairs = pairs.reshape(-1, size, size)[0] == 0
    reasons = []
    for p, a, b in np.argwhere(missing):
        entry: dict[str, Any] = {} if areas[p] is None else {"area": areas[p]}
        if agents.groups:
            entry |= {"group": str(agents.groups[a]), "group_other": str(agents.groups[b])}
        alone = "A group of one agent has no pairs."
        entry["reason"] = alone if no_pairs[a, b] else "The mean weight of its pairs of agents is 0."
        if agents.extra:
            entry["count"] = int(missing[p, a, b])
        reasons.append(entry)
    return reasons
