"""States of agents, and of the population, after a change of goals or weights, beside those before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..forward_model.pair_sums import TotalsScores
from . import area_scores
from .area_scores import stratum_totals
from .density import AreaDensity
from .drawn_again import AreaDraws, Units, UnitStates, unit_states
from .parameters import constrain
from .population_pairs import padded
from .states import log_node_prior

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Change:
    """What becomes of some agents in one area.

    Parameters
    ----------
    goal
        Position of the goal that they come to hold, the number of goals for none; None: each keeps its own.
    share
        Share of them that come to hold it, taken at random.
    weight
        The weight that they all come to have, if they hold a goal; None: each keeps its own.
    factor
        What their weights are multiplied by, up to 1.
    removed
        Whether they are left out.
    """

    goal: int | None = None
    share: float = 1.0
    weight: float | None = None
    factor: float = 1.0
    removed: bool = False

    @property
    def nothing(self) -> bool:
        """Whether all stays as it is."""
        return self == Change()

    def weights(self, weight: Array) -> Array:
        """Return the weights after the change."""
        return np.minimum(1.0, self.factor * (weight if self.weight is None else np.full_like(weight, self.weight)))


@dataclass(frozen=True, eq=False)
class Scored:
    """Scores of one area, both estimands."""

    sample: TotalsScores
    population: TotalsScores


@dataclass(frozen=True, eq=False)
class Totals:
    """Totals of the states of agents.

    Parameters
    ----------
    goals
        Number of agents, Σ √w and Σ w by goal, no goal last (also where the area knows no such state),
        (draw, prior, 3, share).
    overlap
        Where agents follow several goals, Σ μ_g μ_h and Σ w μ_g μ_h of every pair of goals, (draw, prior, 2, pair).
    """

    goals: Array
    overlap: Array


def changed_sample(area: AreaDraws, units: Units, changes: Sequence[Change]) -> tuple[Totals, Totals]:
    """Return the totals of the states of these agents before and after.

    Parameters
    ----------
    area
        The draws of the area.
    units
        Parts of the agents.
    changes
        What becomes of each of them, (unit,).

    Notes
    -----
    Who comes to hold a goal follows it alone, also where agents follow several.
    """
    rng = np.random.default_rng(
        np.random.SeedSequence(area.stream.entropy, spawn_key=(*area.stream.spawn_key, 1))  # who moves
    )
    n_groups, k = area.density.n_units, area.density.states.n_goals + 1
    shape = (len(area.theta), n_groups, 3, k)
    pairs = (*shape[:2], 2, area.density.states.overlap.shape[1])
    before, after = Totals(np.zeros(shape), np.zeros(pairs)), Totals(np.zeros(shape), np.zeros(pairs))
    for drawn in unit_states(area, units):
        for unit, (prior, change) in enumerate(zip(units.prior, changes, strict=True)):
            own = np.zeros((len(drawn.cells), 3, k))
            own[..., : drawn.totals.shape[-1]] = drawn.totals[:, unit]
            before.goals[drawn.part, prior] += own
            before.overlap[drawn.part, prior] += drawn.overlap[:, unit]
            if change.removed:
                continue
            overlap = drawn.overlap[:, unit]
            if not change.nothing and drawn.large[unit]:
                own, overlap = _changed_totals(area.density, own, drawn, unit, change)
            elif not change.nothing:
                own, overlap = _changed_cells(area.density, drawn.cells[:, unit], change, rng)
            after.goals[drawn.part, prior] += own
            after.overlap[drawn.part, prior] += overlap
    return before, after


def _changed_cells(density: AreaDensity, cells: Array, change: Change, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return the totals of agents, (draw, 3, share) and (draw, 2, pair), whose states were drawn, (draw, state)."""
    states = density.states
    moving = _movers(cells, change, rng)
    weight = np.where(states.goal < states.n_mixtures, change.weights(states.weight), 0.0)
    by_goal = np.stack([weight**0, np.sqrt(weight), weight])[:, :, None] * _shares(density)
    after: Array = np.einsum("ds,fsk->dfk", cells - moving, by_goal)
    both = np.stack([states.overlap, states.overlap * weight[:, None]])
    overlap: Array = np.einsum("ds,fsp->dfp", cells - moving, both)
    if change.goal is not None:
        holds = change.goal < states.n_goals
        own = change.weights(states.weight) if holds else np.zeros(states.n_states)
        after[:, :, change.goal] += moving @ np.stack([own**0, np.sqrt(own), own]).T
    return after, overlap


def _shares(density: AreaDensity) -> Array:
    """Return the share of each goal in each state, no goal last also where nobody is without, (state, goal + 1)."""
    states = density.states
    return np.pad(states.is_goal, [(0, 0), (0, 1 - states.no_goal)])


def _movers(cells: Array, change: Change, rng: np.random.Generator) -> Array:
    """Return how many agents in each state come to hold another goal; another share of them in each draw."""
    if change.goal is None:
        return np.zeros_like(cells)
    if change.share >= 1:
        return cells
    number = cells.sum(axis=1) * change.share
    whole = np.floor(number + rng.random(len(number))).astype(np.int64)  # rounded at random: right on average
    counts = cells.astype(np.int64)
    return np.stack([rng.multivariate_hypergeometric(c, n) for c, n in zip(counts, whole, strict=True)]).astype(float)


def _changed_totals(
    density: AreaDensity, own: Array, drawn: UnitStates, unit: int, change: Change
) -> tuple[Array, Array]:
    """Return the totals of a large unit, (draw, 3, share) and (draw, 2, pair).

    Every goal and weight gives the same share of movers.

    √w and w change by what is expected of their goal; of the noise about it the change has no part.
    """
    states, k = density.states, density.states.n_goals + 1
    indicator = _shares(density) * (np.arange(k) < states.n_goals)
    expected, new = drawn.cells[:, unit], change.weights(states.weight)

    def after_change(values: Array, old: Array, changed: Array) -> Array:
        if change.weight is not None:
            return np.asarray(own[:, 0] * (np.arange(k) < states.n_goals) * changed[0])
        was = expected @ (indicator * old[:, None])
        ratio: Array = expected @ (indicator * changed[:, None]) / np.where(was > 0, was, 1)
        return values * np.where(was > 0, ratio, 1)

    count = own[:, 0]
    root = after_change(own[:, 1], np.sqrt(states.weight), np.sqrt(new))
    weight = after_change(own[:, 2], states.weight, new)
    stay = 1.0 if change.goal is None else 1 - change.share
    was, becomes = (expected @ (states.overlap * x[:, None]) for x in (states.weight, new))
    overlap = stay * drawn.overlap[:, unit]
    overlap[:, 1] *= becomes / np.where(was > 0, was, 1)
    after = stay * np.stack([count, root, weight], axis=1)
    if change.goal is not None:
        moving = change.share * np.stack([count.sum(axis=1), root.sum(axis=1), weight.sum(axis=1)], axis=1)
        if change.goal >= states.n_goals:
            moving[:, 1:] = 0
        elif change.weight is not None:  # also for those who held no goal
            value = float(new[0])
            moving = moving[:, :1] * np.array([1.0, np.sqrt(value), value])
        after[:, :, change.goal] += moving
    return after, overlap


def sample_scores(totals: Totals, conflict: Array) -> TotalsScores:
    """Return the scores of these agents from totals of their states."""
    goals = totals.goals
    between = padded(conflict, goals.shape[-1])
    return area_scores.sample_scores(goals[:, :, 0], goals[:, :, 1], goals[:, :, 2], totals.overlap, between)


def changed_population(area: AreaDraws, units: Units, changes: Sequence[Change], within: Array) -> tuple[Array, Array]:
    """Return goal shares and their mass √w of each group after the change, both (draw, group, share).

    Parameters
    ----------
    area, units, changes
        As for :func:`changed_sample`.
    within
        Share of each unit in its group, (unit,): its agents stand for so many like them. Those removed have none.
    """
    share, root = stratum_totals(area.density, area.theta)
    states, k = area.density.states, area.density.states.n_goals + 1
    mean_root = [_mean_root(area, change) for change in changes]
    total = np.zeros((2, len(area.theta), area.density.n_units, k))
    mixture = _strata_of_units(area.density, units)
    for unit, (group, change) in enumerate(zip(units.prior, changes, strict=True)):
        for h in np.flatnonzero(mixture[unit]):
            goals, mass = np.zeros((2, len(share), k))
            goals[:, : share.shape[2]], mass[:, : root.shape[2]] = share[:, h], root[:, h]
            if not change.nothing:
                mass[:, : states.n_goals] = share[:, h, : states.n_goals] * mean_root[unit][:, h, None]
            if change.goal is not None:
                moved = mass.sum(axis=1) if change.weight is None else mean_root[unit][:, h]
                goals, mass = (1 - change.share) * goals, (1 - change.share) * mass
                goals[:, change.goal] += change.share
                if change.goal < states.n_goals:
                    mass[:, change.goal] += change.share * moved
            total[:, :, group] += within[unit] * mixture[unit, h] * np.stack([goals, mass])
    total[:, :, np.bincount(units.prior, within) == 0] = np.nan
    return total[0], total[1]


def _strata_of_units(density: AreaDensity, units: Units) -> Array:
    """Return the share of each prior over states among the agents of each unit, (unit, prior); 0 in empty units."""
    rows = density.rows
    weight = (rows.multiplicity / rows.agents)[rows.row_of_agent]
    place = units.of_agent * rows.n_priors + rows.group[rows.row_of_agent]
    total = np.bincount(place, weight, len(units.prior) * rows.n_priors).reshape(len(units.prior), rows.n_priors)
    of_unit = total.sum(axis=1, keepdims=True)
    return np.asarray(total / np.where(of_unit > 0, of_unit, 1))


def _mean_root(area: AreaDraws, change: Change) -> Array:
    """Return the mean of √w of those with a goal of each prior after the change, (draw, prior)."""
    density = area.density
    values, node = constrain(density.parameters, area.theta, density.n_options), density.states.node
    if values.prior_mean is None or values.concentration is None:
        return np.broadcast_to(np.sqrt(change.weights(np.ones(1))), values.prior_log_share.shape[:2])
    prior = np.exp(log_node_prior(np, density.states, values.prior_mean, values.concentration[:, None]))
    return np.asarray(prior @ np.sqrt(change.weights(node)))
