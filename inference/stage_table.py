"""The table log P(stage | state): choices from sets that differ, beside the table of ordinary answers.

A stage is a choice from the options shown, by the rule ``luce`` whatever the rule of the area:

    u(o | g, w) = ±(b_o + x·β_g + κ·w·A_g(o)),    P(o | g, w) = exp u(o) / Σ_shown exp u,

with b the baseline logits of the item, x the features of the option shown, A = 1 where the option serves g; minus where
the worst is chosen. As A is 0 or 1, the sum over the options shown is that of exp(b + x·β), plus that over those which
serve g times e^(κw) − 1: one exponential per option shown, however many states there are. For the worst A is 1 − A,
which adds a constant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..datasets.stages import Stages
from .states import States

Array = NDArray[np.float64]

_DENSE = 50_000  # patterns × stages up to which counts are an ordinary array
_SPARE = 2  # an option has a place of its own up to so many times the places needed


@dataclass(frozen=True, eq=False)
class StageTable:
    """Constants of the stages of one item.

    Where an option has the same place in all stages, ``option`` and ``served`` hold one stage that stands for all.

    Parameters
    ----------
    option
        Option of the area shown at each place, (place, stage or 1); that at an empty place is any.
    empty
        Whether a place is empty, (place, stage).
    chosen
        Place chosen, (stage,).
    sign
        −1 where the worst is chosen, else 1, (stage,).
    served
        Whether the option shown serves each goal, or for the worst does not, (goal, place, stage or 1), as 0 and 1.
    pull
        κ·w of each goal's states, (goal, node).
    silent
        Number of states without a goal, 0 or 1.
    features
        Features of the options shown, (place, stage, feature).
    tastes
        Where the coefficients of the features lie among those of the area.
    counts
        How often each pattern holds each stage, (pattern, stage).
    n_options
        Number of options of the area.
    """

    option: NDArray[np.int64]
    empty: NDArray[np.bool_]
    chosen: NDArray[np.int64]
    sign: Array
    served: Array
    pull: Array
    silent: int
    features: Array
    tastes: slice
    counts: csr_array
    n_options: int

    @property
    def n_stages(self) -> int:
        """Number of distinct stages."""
        return len(self.chosen)

    @property
    def n_states(self) -> int:
        """Number of states."""
        return self.pull.size + self.silent

    @property
    def cells(self) -> int:
        """Numbers that one evaluation holds."""
        return self.empty.size + self.n_stages * self.n_states

    @cached_property
    def times(self) -> tuple[Any, Any]:
        """The counts and their transpose, as ordinary arrays where those are small: then they are faster."""
        return both_ways(self.counts)

    @cached_property
    def growth(self) -> Array:
        """By how much the odds of what serves a goal grow in its states, e^(κw) − 1, (state, goal)."""
        n_goals, nodes = self.pull.shape
        growth = np.zeros((self.n_states, n_goals))
        for goal, pull in enumerate(self.pull):
            growth[goal * nodes : (goal + 1) * nodes, goal] = np.expm1(pull)
        return growth

    @cached_property
    def pulled(self) -> Array:
        """The pull on the option chosen, (stage, state)."""
        own = self.pull[:, None] * self.at_chosen[:, :, None]  # (goal, stage, node)
        return np.hstack([*own, np.zeros((self.n_stages, self.silent))])

    @cached_property
    def at_chosen(self) -> Array:
        """Whether the option chosen serves each goal, or for the worst does not, (goal, stage)."""
        whole = np.broadcast_to(self.served, (len(self.served), *self.empty.shape))
        return np.asarray(whole[:, self.chosen, np.arange(self.n_stages)])


def both_ways(matrix: csr_array, *, few: int = 0) -> tuple[Any, Any]:
    """Return a matrix and its transpose, as ordinary arrays where it is small or has ``few`` columns at most."""
    if np.prod(matrix.shape) <= _DENSE or matrix.shape[1] <= few:
        dense = matrix.toarray()
        return dense, np.ascontiguousarray(dense.T)
    return matrix, matrix.T.tocsr()


def make_stage_tables(
    stages: Sequence[Stages],
    serves: NDArray[np.bool_],
    item_of_option: NDArray[np.int64],
    states: States,
    *,
    kappa: float,
    n_patterns: int,
) -> tuple[StageTable, ...]:
    """Return the constants of the stages of an area, item by item.

    Parameters
    ----------
    stages
        The stages.
    serves, item_of_option
        As in ``AreaChoices``.
    states
        Cells of the area.
    kappa
        Scale of the affinity.
    n_patterns
        Number of patterns.
    """
    found, place = [], 0
    pull = kappa * states.weight[: states.n_goals * len(states.node)].reshape(states.n_goals, len(states.node))
    for one in stages:
        mine = np.flatnonzero(item_of_option == one.item)
        shown, chosen, features = _in_place(one, len(mine))
        empty = shown < 0
        if empty.shape[0] == len(mine):
            option, worst = mine[:, None], one.worst
            if worst.any():
                option = np.repeat(option, len(chosen), axis=1)
        else:
            option, worst = mine[np.maximum(shown, 0)], one.worst
        served = serves[:, option] ^ worst if worst.any() else serves[:, option]
        counts = csr_array((one.times.astype(float), (one.pattern, one.stage)), (n_patterns, len(chosen)))
        tastes = slice(place, place + features.shape[2])
        sign = np.where(worst, -1.0, 1.0)
        found.append(
            StageTable(
                option,
                empty,
                chosen,
                sign,
                served.astype(float),
                pull,
                int(states.no_goal),
                features,
                tastes,
                counts,
                len(item_of_option),
            )
        )
        place = tastes.stop
    return tuple(found)


def _in_place(stages: Stages, n_options: int) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
    """Return options shown, (place, stage), the place chosen, and features, (place, stage, feature).

    Every option gets a place of its own unless far fewer are shown at a time than there are.
    """
    n, width = stages.shown.shape
    if n_options > _SPARE * width:
        return stages.shown.T.copy(), stages.chosen, np.ascontiguousarray(np.moveaxis(stages.features, 1, 0))
    shown = np.full((n_options, n), -1, dtype=np.int64)
    features = np.zeros((n_options, n, stages.features.shape[2]))
    stage, place = np.nonzero(stages.shown >= 0)
    option = stages.shown[stage, place]
    shown[option, stage] = option
    features[option, stage] = stages.features[stage, place]
    return shown, stages.shown[np.arange(n), stages.chosen], features


@dataclass(frozen=True, eq=False)
class StageEvaluation:
    """One evaluation over D vectors, enough for gradients.

    Parameters
    ----------
    odds
        exp(b + x·β), scaled by the largest of the stage, (D, place, stage).
    total
        Its sum over the options shown, with the pull of each state, (D, stage, state).
    log_p
        log P(chosen | state), (D, stage, state).
    """

    odds: Array
    total: Array
    log_p: Array


def evaluate_stages(table: StageTable, logits: Array, taste: Array) -> StageEvaluation:
    """Return log P(stage | state) and what its gradient needs.

    Parameters
    ----------
    table
        Constants of one item.
    logits
        Baseline logits of the area, (D, option).
    taste
        Coefficients of the features of the area, (D, feature).
    """
    utility = shown_utility(table, logits, taste)
    utility -= utility.max(axis=1, keepdims=True, initial=-np.inf)
    log_chosen = utility[:, table.chosen, np.arange(table.n_stages)]
    odds = np.exp(utility, out=utility)
    total = np.swapaxes(_over_places(table, odds), 1, 2) @ table.growth.T
    total += odds.sum(axis=1)[..., None]
    log_p = np.log(total)
    np.subtract(table.pulled, log_p, out=log_p)
    log_p += log_chosen[..., None]
    return StageEvaluation(odds, total, log_p)


def shown_utility(table: StageTable, logits: Array, taste: Array) -> Array:
    """Return ±(b + x·β) of the option shown at each place, (D, place, stage); −∞ at an empty place."""
    utility = np.empty((len(logits), *table.empty.shape))
    utility[:] = np.take(logits, table.option, axis=-1)
    if table.features.shape[2]:
        utility += np.moveaxis(table.features @ taste[:, table.tastes].T, -1, 0)
    if (table.sign < 0).any():
        utility *= table.sign
    if table.empty.any():
        utility[:, table.empty] = -np.inf
    return utility


def _over_places(table: StageTable, odds: Array) -> Array:
    """Return the sum of odds over the places that serve each goal, (D, goal, stage)."""
    if table.served.shape[2] == 1:
        return np.asarray(table.served[:, :, 0] @ odds)
    return np.asarray(np.einsum("dmn,kmn->dkn", odds, table.served))


def option_probability(table: StageTable, parts: StageEvaluation, option: int) -> Array:
    """Return the probability that one option is chosen, given the state, (D, stage, state); 0 where it is not shown."""
    found = np.zeros_like(parts.total)
    for place in np.flatnonzero((table.option == option).any(axis=1)):
        there = (table.option[place] == option) & ~table.empty[place]
        served = table.served[:, place].T @ table.growth.T  # (stage or 1, state)
        found += np.where(there, parts.odds[:, place], 0.0)[..., None] * (1 + served)
    return found / parts.total


def by_pattern(table: StageTable, log_p: Array) -> Array:
    """Return the log probability of all stages of each pattern, (D, pattern, state), from (D, stage, state)."""
    return through(table.times[0], log_p)


def through(matrix: Any, values: Array) -> Array:
    """Return a matrix, sparse or not, times each of a batch of matrices."""
    batch, rows, columns = values.shape
    if isinstance(matrix, np.ndarray):
        return np.asarray(matrix @ values)
    if batch == 1:
        return np.asarray((matrix @ values[0])[None])
    flat = matrix @ np.moveaxis(values, 0, 1).reshape(rows, batch * columns)
    return np.moveaxis(flat.reshape(-1, batch, columns), 0, 1)


def pull_back_stages(table: StageTable, parts: StageEvaluation, by_pattern_state: Array) -> tuple[Array, Array]:
    """Return the gradients by the baseline logits, (D, option), and by the coefficients, (D, feature of the item).

    Parameters
    ----------
    table, parts
        Constants and evaluation of one item.
    by_pattern_state
        Gradient of a function by the log probability of the stages of each pattern, (D, pattern, state).
    """
    slope = by_place(table, parts, through(table.times[1], by_pattern_state))
    return summed_over_stages(table, slope)


def summed_over_stages(table: StageTable, slope: Array) -> tuple[Array, Array]:
    """Return gradients by logits and by coefficients, as above, from those at each place, (D, place, stage)."""
    rows = slope.reshape(len(slope), -1)
    if table.option.shape[1] == 1:
        by_logits = np.zeros((len(slope), table.n_options))
        by_logits[:, table.option[:, 0]] = slope.sum(axis=-1)
    else:
        where = table.option.ravel()
        by_logits = np.stack([np.bincount(where, row, table.n_options) for row in rows])
    return by_logits, rows @ table.features.reshape(rows.shape[1], table.features.shape[2])


def by_place(table: StageTable, parts: StageEvaluation, slope: Array) -> Array:
    """Return the gradient by b + x·β of the option shown at each place, (D, place, stage).

    Parameters
    ----------
    table, parts
        Constants and evaluation of one item.
    slope
        Gradient of a function by the log probability of each stage, (D, stage, state).
    """
    relative = slope / parts.total
    by_goal = np.swapaxes(relative @ table.growth, 1, 2)  # (D, goal, stage)
    if table.served.shape[2] == 1:
        factor = np.asarray(table.served[:, :, 0].T @ by_goal)
    else:
        factor = np.einsum("dkn,kmn->dmn", by_goal, table.served)
    ones = np.ones(table.n_states)
    factor += (relative @ ones)[:, None]
    factor *= parts.odds
    np.negative(factor, out=factor)
    factor[:, table.chosen, np.arange(table.n_stages)] += slope @ ones
    if (table.sign < 0).any():
        factor *= table.sign
    return factor


def stage_graph(table: StageTable, logits: Any, taste: Any) -> Any:
    """Return the log probability of all stages of each pattern as a PyTensor graph, (pattern, state).

    Parameters
    ----------
    table
        Constants of one item.
    logits, taste
        Baseline logits, (option,), and coefficients, (feature of the area,); None without features.
    """
    import pytensor.tensor as pt  # noqa: PLC0415 (fitting does not need it)

    shape = table.empty.shape
    utility = pt.zeros(shape) + logits[table.option]
    if table.features.shape[2]:
        utility = utility + pt.dot(table.features, taste[table.tastes])
    utility = pt.switch(table.empty, -np.inf, table.sign * utility)
    pulled = table.pull[:, :, None, None] * table.served[:, None] * np.ones(shape)
    moved = utility[None] + np.concatenate([pulled.reshape(-1, *shape), np.zeros((table.silent, *shape))])
    log_p = moved[:, table.chosen, np.arange(table.n_stages)] - pt.logsumexp(moved, axis=1)
    entry = table.counts.tocoo()
    pattern, stage = entry.coords
    start = pt.zeros((table.counts.shape[0], table.n_states))
    return pt.inc_subtensor(start[pattern], entry.data[:, None] * log_p.T[stage])
