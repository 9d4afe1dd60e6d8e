"""What each area, and each pair of goals, adds to the overall score."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import xarray as xr

from .labelled import Agents, Table, label_array, read_agents
from .pair_sums import Floats, pair_scores
from .problem_area import Label, ProblemArea
from .score import AreaWeights, Normalise, area_factors, area_sums
from .soft_memberships import soft_cell_sums
from .weight_means import WeightMean, cell_pair_sums, check_weight_mean


def area_contributions(
    goals: Table,
    weights: Table,
    areas: ProblemArea | Iterable[ProblemArea],
    *,
    weight_mean: WeightMean = "geometric",
    area_weights: AreaWeights = None,
    normalise: Normalise = None,
) -> xr.Dataset:
    """Return what each area adds to overall contention and misalignment under the arithmetic mean over areas.

    Parameters
    ----------
    goals, weights, areas, weight_mean, area_weights, normalise
        As for :func:`.score`.

    Returns
    -------
    xarray.Dataset
        ``contention`` and ``misalignment`` over ``area`` and the extra dims: a_p s_p / Σ a. They sum over
        ``area`` to ``overall_contention`` and ``overall_misalignment`` of :func:`.score`.
    """
    check_weight_mean(weight_mean)
    agents = read_agents(goals, weights, areas)
    factor = area_factors(agents, area_weights, normalise)
    scores = [pair_scores(area_sums(agents, p, weight_mean=weight_mean)) for p in range(len(agents.areas))]
    dims = (*agents.extra, "area")
    values = {
        name: (dims, np.concatenate([getattr(s, name)[..., 0] for s in scores], axis=-1) * factor)
        for name in ("contention", "misalignment")
    }
    return xr.Dataset(values, {**agents.coords, "area": [area.name for area in agents.areas]})


def goal_pair_contributions(
    goals: Table,
    weights: Table,
    areas: ProblemArea | Iterable[ProblemArea],
    *,
    weight_mean: WeightMean = "geometric",
    area_weights: AreaWeights = None,
    normalise: Normalise = None,
) -> xr.Dataset:
    """Return what each pair of goals adds to overall contention and misalignment under the arithmetic mean over areas.

    Parameters
    ----------
    goals, weights, areas, weight_mean, area_weights, normalise
        As for :func:`.score`.

    Returns
    -------
    xarray.Dataset
        ``contention`` and ``misalignment`` over ``goal_pair`` and the extra dims. The coordinates ``area``,
        ``goal`` and ``goal_other`` along ``goal_pair`` say which two goals of which area; a pair appears
        once. They sum over ``goal_pair`` to ``overall_contention`` and ``overall_misalignment`` of
        :func:`.score`, and over the pairs of one area to its :func:`area_contributions`.
    """
    check_weight_mean(weight_mean)
    agents = read_agents(goals, weights, areas)
    factor = area_factors(agents, area_weights, normalise)
    n_pairs = agents.n * (agents.n - 1) / 2
    means: tuple[WeightMean, WeightMean] = ("none", weight_mean)
    labels: dict[str, list[Label]] = {"area": [], "goal": [], "goal_other": []}
    parts = []
    for p, area in enumerate(agents.areas):
        first, second = np.triu_indices(len(area.goals), 1)
        labels["area"] += [area.name] * len(first)
        labels["goal"] += [area.goals[i] for i in first]
        labels["goal_other"] += [area.goals[j] for j in second]
        part = np.empty((2, *agents.extra.values(), len(first)))
        for row, mean in enumerate(means):
            for index, cells in _cells(agents, p, mean):
                part[(row, *index)] = cells[first, second] * area.conflict[first, second]
        parts.append(part * (factor[p] / n_pairs))
    contention, misalignment = np.concatenate(parts, axis=-1)
    dims = (*agents.extra, "goal_pair")
    return xr.Dataset(
        {"contention": (dims, contention), "misalignment": (dims, misalignment)},
        {**agents.coords, **{name: ("goal_pair", label_array(values)) for name, values in labels.items()}},
    )


def _cells(agents: Agents, p: int, mean: WeightMean) -> Iterator[tuple[tuple[int, ...], Floats]]:
    """Yield sums of the mean of weights over the pairs of two goals, (goal, goal_other), for every entry."""
    if agents.soft:
        for index, share, weight in agents.soft_entries(p):
            everyone = np.zeros(len(weight), dtype=np.int64)
            yield index, soft_cell_sums(share, weight, everyone, 1, weight_mean=mean)[0, :, 0]
    else:
        for index, code, weight in agents.entries(p):
            yield index, cell_pair_sums(code, weight, len(agents.areas[p].goals) + 1, weight_mean=mean)
