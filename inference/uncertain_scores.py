"""Scores under a conflict that is uncertain: one draw of the conflict for each draw of the posterior.

Answers say nothing on conflict, so its draws are independent of the posterior, and whatever is fitted or checked uses
the mean. The scores that leave a fit are computed from the same states and parameters with the conflict of their draw.
Scores are linear in the conflict: their means are those under the mean conflict, their intervals wider.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..datasets.choices import Choices
from ..datasets.study import Study
from ..datasets.uncertain_conflict import draw_conflict, is_uncertain, uncertain_entries
from .area_scores import AreaScores, population_totals, sample_scores
from .density import AreaDensity
from .observed import ObservedConflict, observed_conflict
from .population_pairs import padded, population_pairs

Array = NDArray[np.float64]


def conflict_draws(study: Study, *, draws: int, seed: int) -> tuple[Array | None, ...]:
    """Return draws of the conflict of each area, (draw, goal, goal), None where nothing about it is uncertain.

    Parameters
    ----------
    study
        The study. Experts are the same persons in all areas: the first of one is right where the first of another is.
    draws
        Number of draws.
    seed
        Seed of the fit. These draws have a stream of their own, so that no other number depends on them.
    """
    n_areas = len(study.areas)
    expert = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(n_areas + 1,))).random(draws)
    found: list[Array | None] = []
    for p, area in enumerate(study.areas):
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(n_areas + 1, p)))
        uncertain = is_uncertain(area.conflict)
        found.append(
            draw_conflict(area.goals, area.conflict, area=area.name, expert=expert, rng=rng) if uncertain else None
        )
    return tuple(found)


def uncertain_of(study: Study, area: str) -> NDArray[np.bool_]:
    """Return which conflict entries of an area are uncertain, (goal, goal)."""
    own = study.area(area)
    if own.behavioural:
        return np.zeros((len(own.goals), len(own.goals)), dtype=bool)
    return uncertain_entries(own.goals, own.conflict, area=area)


def with_conflict(
    scores: AreaScores, density: AreaDensity, theta: Array, conflict: Array | None, shares: Array
) -> AreaScores:
    """Return the scores of one area with the conflict of each draw.

    Parameters
    ----------
    scores
        Scores under the mean conflict, whose states are kept.
    density, theta
        Density of the area and the parameter vectors, (draw, coordinate).
    conflict
        Draws of the conflict, (draw, goal, goal); None: it is certain, and the scores stay.
    shares
        Share of each prior over states in the population, (prior,).
    """
    if conflict is None:
        return scores
    states, between = scores.states, padded(conflict, density.states.n_shares)
    sample = sample_scores(states.count, states.root, states.weight, states.overlap, between)
    share, root = population_totals(density, theta)
    return replace(scores, sample=sample, population=population_pairs(share, root, between, shares))


def observed_with_conflict(
    choices: Choices,
    conflicts: Sequence[Array | None],
    *,
    replicates: int,
    rng: np.random.Generator,
    weighted: bool = False,
) -> ObservedConflict:
    """Return observed conflict, each replicate with the conflict of its draw; the estimate is under the mean.

    Parameters
    ----------
    choices, replicates, rng, weighted
        As for :func:`.observed_conflict`.
    conflicts
        Draws of the conflict of each area, (replicate, goal, goal), None where it is certain.

    Notes
    -----
    Observed conflict is linear in the conflict, and its resamples do not depend on it: the same resamples under one
    conflict at a time, times its draws, give the replicates.
    """
    before = copy.deepcopy(rng)
    found = observed_conflict(choices, replicates=replicates, seed=rng, weighted=weighted)
    if all(conflict is None for conflict in conflicts):
        return found
    parts = [_parts(conflict) for conflict in conflicts]
    overall, by_group = np.array(found.replicates), np.array(found.group_replicates)
    for p, part in enumerate(parts):
        if part:
            overall[:, p], by_group[:, p] = np.where(np.isnan(overall[:, p]), np.nan, 0), 0 * by_group[:, p]
    for step in range(max(map(len, parts))):
        areas = tuple(
            replace(area, conflict=part[step][0]) if step < len(part) else area
            for area, part in zip(choices.areas, parts, strict=True)
        )
        again = observed_conflict(
            replace(choices, areas=areas), replicates=replicates, seed=copy.deepcopy(before), weighted=weighted
        )
        for p, part in enumerate(parts):
            if step < len(part):
                times = part[step][1]
                overall[:, p] += times * again.replicates[:, p]
                by_group[:, p] += times[:, None, None] * again.group_replicates[:, p]
    return replace(found, replicates=overall, group_replicates=by_group)


def _parts(conflict: Array | None) -> list[tuple[Array, Array]]:
    """Return conflicts, (goal, goal), and their factors, (draw,), that sum to the draws: as few as there need be."""
    if conflict is None:
        return []
    k = conflict.shape[1]
    kinds, kind = np.unique(conflict.reshape(len(conflict), -1), axis=0, return_inverse=True)
    first, second = np.triu_indices(k, 1)
    moving = np.ptp(conflict[:, first, second], axis=0) > 0
    if len(kinds) <= moving.sum() + 1:  # experts who are sure of themselves
        return [(matrix.reshape(k, k), (np.ravel(kind) == i).astype(float)) for i, matrix in enumerate(kinds)]
    fixed = conflict[0].copy()
    parts = []
    for i, j in zip(first[moving], second[moving], strict=True):
        fixed[i, j] = fixed[j, i] = 0
        one = np.zeros((k, k))
        one[i, j] = one[j, i] = 1
        parts.append((one, conflict[:, i, j]))
    return [(fixed, np.ones(len(conflict))), *parts]
