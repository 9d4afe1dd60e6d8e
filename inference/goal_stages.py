"""The table log P(stage | state) where goals favour options by learned amounts: choices from sets that differ.

A stage is a choice from the options shown, as in :mod:`.stage_table`, with

    u(o | g, w) = ±(b_o + x·β + l_s(o)),    P(o | g, w) = exp u(o) / Σ_shown exp u,

where the lift l of the state s = (g, w) is w·a_g(o), a_g being the learned logits by which goal g favours the options,
and κ·w·A_g(o) in items whose options are anchors. The exponential is a product of one factor for option and stage and
one for option and state, so the sum over the options shown is a matrix product, and no array is stages × options ×
states.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from . import stage_table
from .stage_table import StageTable, through
from .states import States

Array = NDArray[np.float64]

_TINY = 1e-300


@dataclass(frozen=True, eq=False)
class GoalStageTable:
    """Constants of the stages of one item whose affinities are learned.

    Parameters
    ----------
    base
        What is shown, chosen and held, see :class:`.StageTable`; its ``served``, ``pull`` and ``silent`` are not used.
    options
        Options of the item among those of the area.
    option
        Option of the item at each place, (place, stage or 1).
    goal
        Goal of each state, some goal where there is none, (state,).
    of_goal
        Weight of each state under the goal it has, else 0, (goal, state).
    signs
        The signs that occur, 1 or −1, each with its stages.
    """

    base: StageTable
    options: slice
    option: NDArray[np.int64]
    goal: NDArray[np.int64]
    of_goal: Array
    signs: tuple[tuple[float, Any], ...]

    @property
    def n_stages(self) -> int:
        """Number of distinct stages."""
        return self.base.n_stages

    @property
    def n_states(self) -> int:
        """Number of states."""
        return len(self.goal)

    @property
    def n_options(self) -> int:
        """Number of options of the area."""
        return self.base.n_options

    @property
    def cells(self) -> int:
        """Numbers that one evaluation holds."""
        return self.base.empty.size + self.n_stages * self.n_states

    @property
    def places_are_options(self) -> bool:
        """Whether every option has a place of its own in all stages."""
        return bool(self.base.empty.shape[0] == self.options.stop - self.options.start)


type AnyStageTable = StageTable | GoalStageTable


def stages_of(table: AnyStageTable) -> StageTable:
    """Return what is shown, chosen and held in the stages of an item, in whichever form."""
    return table if isinstance(table, StageTable) else table.base


@dataclass(frozen=True, eq=False)
class GoalStageEvaluation:
    """One evaluation over D vectors, enough for gradients.

    Parameters
    ----------
    odds
        exp ±(b + x·β), scaled by the largest of the stage, (D, place, stage).
    lift
        exp ±l for each sign, scaled by the largest of the state, (D, state, option of the item).
    total
        Σ over the options shown of their product, (D, stage, state).
    log_p
        log P(chosen | state), (D, stage, state).
    """

    odds: Array
    lift: tuple[Array, ...]
    total: Array
    log_p: Array


type AnyEvaluation = stage_table.StageEvaluation | GoalStageEvaluation


def with_learned(
    tables: Sequence[StageTable],
    items: Sequence[int],
    learned: NDArray[np.bool_],
    item_of_option: NDArray[np.int64],
    states: States,
) -> tuple[AnyStageTable, ...]:
    """Return the constants of stages with those of learned items in their own form.

    Parameters
    ----------
    tables, items
        Constants from :func:`.make_stage_tables`, and the item of each.
    learned
        Whether what the goals favour in an item is learned, (item,).
    item_of_option, states
        As for :func:`.make_stage_tables`.
    """
    return tuple(
        _learned_table(table, np.flatnonzero(item_of_option == item), states) if learned[item] else table
        for table, item in zip(tables, items, strict=True)
    )


def _learned_table(table: StageTable, mine: NDArray[np.int64], states: States) -> GoalStageTable:
    kinds = np.unique(table.sign)
    every = [(sign, np.flatnonzero(table.sign == sign)) for sign in kinds.tolist()]
    signs = tuple((sign, slice(None) if len(kinds) == 1 else at) for sign, at in every)
    goal, of_goal = states.some_goal, states.weight_of_goal
    first = int(mine[0])
    return GoalStageTable(table, slice(first, first + len(mine)), table.option - first, goal, of_goal, signs)


def evaluate_stages(table: AnyStageTable, logits: Array, taste: Array, affinity: Array | None = None) -> AnyEvaluation:
    """Return log P(stage | state) and what its gradient needs.

    Parameters
    ----------
    table
        Constants of one item.
    logits
        Baseline logits of the area, (D, option).
    taste
        Coefficients of the features of the area, (D, feature).
    affinity
        Learned affinities of the area, (D, goal, option); None without any.
    """
    if isinstance(table, StageTable):
        return stage_table.evaluate_stages(table, logits, taste)
    assert affinity is not None
    weight = table.of_goal.sum(axis=0)[:, None]
    lift = weight * affinity[:, table.goal, table.options]
    utility = stage_table.shown_utility(table.base, logits, taste)
    utility -= utility.max(axis=1, keepdims=True, initial=-np.inf)
    chosen, stages = table.base.chosen, np.arange(table.n_stages)
    log_chosen = utility[:, chosen, stages]
    odds = np.exp(utility, out=utility)
    total = np.empty((len(logits), table.n_stages, table.n_states))
    log_p = np.empty_like(total)
    picked, scaled = _picked(table), []
    for sign, at in table.signs:
        own = sign * lift
        own -= own.max(axis=2, keepdims=True)
        log_p[:, at] = np.swapaxes(own[:, :, picked[at]], 1, 2)
        np.exp(own, out=own)
        total[:, at] = _over_places(table, odds, own, at)
        scaled.append(own)
    np.maximum(total, _TINY, out=total)
    log_p -= np.log(total)
    log_p += log_chosen[..., None]
    return GoalStageEvaluation(odds, tuple(scaled), total, log_p)


def _picked(table: GoalStageTable) -> NDArray[np.int64]:
    """Return the option of the item chosen in each stage, (stage,)."""
    option = np.broadcast_to(table.option, table.base.empty.shape)
    return np.asarray(option[table.base.chosen, np.arange(table.n_stages)])


def _over_places(table: GoalStageTable, odds: Array, lift: Array, at: Any) -> Array:
    """Return Σ over places of odds times lift, (D, stage, state)."""
    if table.places_are_options:
        return np.asarray(np.swapaxes(odds[:, :, at], 1, 2) @ np.swapaxes(lift, 1, 2))
    total: Any = 0.0
    for place, option in enumerate(table.option):
        total = total + odds[:, place, at, None] * np.swapaxes(lift[:, :, option[at]], 1, 2)
    return np.asarray(total)


def by_place(table: AnyStageTable, parts: AnyEvaluation, slope: Array) -> Array:
    """Return the gradient by the utility, before its sign, of the option shown at each place, (D, place, stage).

    Parameters
    ----------
    table, parts
        Constants and evaluation of one item.
    slope
        Gradient of a function by the log probability of each stage, (D, stage, state).
    """
    if isinstance(table, StageTable):
        assert isinstance(parts, stage_table.StageEvaluation)
        return stage_table.by_place(table, parts, slope)
    assert isinstance(parts, GoalStageEvaluation)
    relative = slope / parts.total
    factor = np.empty((len(slope), *table.base.empty.shape))
    for (_, at), lift in zip(table.signs, parts.lift, strict=True):
        if table.places_are_options:
            factor[:, :, at] = np.swapaxes(relative[:, at] @ lift, 1, 2)
            continue
        for place, option in enumerate(table.option):
            own = np.swapaxes(lift[:, :, option[at]], 1, 2)
            factor[:, place, at] = (relative[:, at] * own).sum(axis=2)
    factor *= -parts.odds
    factor[:, table.base.chosen, np.arange(table.n_stages)] += slope.sum(axis=2)
    factor *= table.base.sign
    return factor


def option_probability(table: AnyStageTable, parts: AnyEvaluation, option: int) -> Array:
    """Return the probability that one option is chosen, given the state, (D, stage, state); 0 where it is not shown."""
    if isinstance(table, StageTable):
        assert isinstance(parts, stage_table.StageEvaluation)
        return stage_table.option_probability(table, parts, option)
    assert isinstance(parts, GoalStageEvaluation)
    own = option - table.options.start
    found = np.zeros_like(parts.total)
    for place in np.flatnonzero((table.option == own).any(axis=1)):
        there = (table.option[place] == own) & ~table.base.empty[place]
        shown = np.where(there, parts.odds[:, place], 0.0)[..., None]
        for (_, at), lift in zip(table.signs, parts.lift, strict=True):
            found[:, at] += shown[:, at] * lift[:, None, :, own]
    return found / parts.total


def pull_back_stages(
    table: AnyStageTable, parts: AnyEvaluation, by_pattern_state: Array
) -> tuple[Array, Array, Array | None]:
    """Return the gradients by the baseline logits, by the coefficients of features and by the affinities.

    Parameters
    ----------
    table, parts
        Constants and evaluation of one item.
    by_pattern_state
        Gradient of a function by the log probability of the stages of each pattern, (D, pattern, state).

    Returns
    -------
    by_logits, by_taste, by_affinity
        (D, option), (D, feature of the item), and (D, goal, option) or None where nothing is learned.
    """
    if isinstance(table, StageTable):
        assert isinstance(parts, stage_table.StageEvaluation)
        return *stage_table.pull_back_stages(table, parts, by_pattern_state), None
    slope = through(table.base.times[1], by_pattern_state)
    by_logits, by_taste = stage_table.summed_over_stages(table.base, by_place(table, parts, slope))
    by_goal = [
        stage_table.summed_over_stages(table.base, by_place(table, parts, slope * weight))[0]
        for weight in table.of_goal
    ]
    return by_logits, by_taste, np.stack(by_goal, axis=1)


def agent_gradients(
    table: AnyStageTable, parts: AnyEvaluation, posterior: Array, n_goals: int
) -> tuple[Array, Array, Array | None]:
    """Return the gradient of each agent's log likelihood by the same as :func:`pull_back_stages`, (agent, ...).

    Parameters
    ----------
    table, parts
        Constants with a stage of its own for every choice, agents for patterns, and their evaluation at one vector.
    posterior
        Posterior over the states of each agent, (agent, state).
    n_goals
        Number of goals.
    """
    base = stages_of(table)
    n_agents, n_options = len(posterior), base.n_options
    entry: csr_array = base.counts.tocoo()
    agent = np.empty(base.n_stages, dtype=np.int64)
    agent[entry.coords[1]] = entry.coords[0]
    own = posterior[agent][None]
    cell = (agent * n_options + base.option + np.zeros_like(base.chosen)).ravel()

    def by_option(slope: Array) -> Array:
        return np.bincount(cell, slope.ravel(), n_agents * n_options).reshape(n_agents, n_options)

    slope = by_place(table, parts, own)[0]  # (place, stage)
    each = np.einsum("mn,mnf->nf", slope, base.features)
    by_taste = np.zeros((n_agents, each.shape[1]))
    np.add.at(by_taste, agent, each)
    if isinstance(table, StageTable):
        return by_option(slope), by_taste, None
    by_goal = [by_option(by_place(table, parts, own * table.of_goal[goal])[0]) for goal in range(n_goals)]
    return by_option(slope), by_taste, np.stack(by_goal, axis=1)


def stage_graph(table: AnyStageTable, logits: Any, taste: Any, affinity: Any) -> Any:
    """Return the log probability of all stages of each pattern as a PyTensor graph, (pattern, state).

    Parameters
    ----------
    table
        Constants of one item.
    logits, taste, affinity
        Baseline logits, (option,), coefficients, (feature of the area,), and affinities, (goal, option); None without.
    """
    if isinstance(table, StageTable):
        return stage_table.stage_graph(table, logits, taste)
    import pytensor.tensor as pt  # noqa: PLC0415 (fitting does not need it)

    base, shape = table.base, table.base.empty.shape
    utility = pt.zeros(shape) + logits[base.option]
    if base.features.shape[2]:
        utility = utility + pt.dot(base.features, taste[base.tastes])
    lift = pt.dot(table.of_goal.T, affinity)  # (state, option)
    moved = pt.switch(base.empty, -np.inf, base.sign * (utility + lift[:, base.option + np.zeros(shape, dtype=int)]))
    log_p = moved[:, base.chosen, np.arange(base.n_stages)] - pt.logsumexp(moved, axis=1)
    entry = base.counts.tocoo()
    pattern, stage = entry.coords
    start = pt.zeros((base.counts.shape[0], table.n_states))
    return pt.inc_subtensor(start[pattern], entry.data[:, None] * log_p.T[stage])
