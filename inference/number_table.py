"""Log probability of counts and log density of durations given the state, beside the table of ordinary answers.

With u = log μ + κ·w·A_g, A_g = 1 where the goal raises the number, −1 where it lowers it, or u = log μ + w·a_g where it
is learned by how much goal g moves the number,

    count       y ~ negative binomial of mean m = e·exp(u), e the exposure, and variance m + φ·m²
                log P = log Γ(y + 1/φ) − log Γ(1/φ) − log Γ(y + 1) + y·η − (y + 1/φ)·log(1 + e^η),   η = log(φ·m)
    duration    log y ~ Normal(u, σ)

In both, all that depends on the state is a sum of few columns times few sums over an agent's numbers: of durations how
many, Σ log y and Σ log² y; of counts how many and Σ y, for each exposure. So an area costs what its patterns cost,
however many numbers differ, and the form is again counts @ log P.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack
from scipy.special import betainc, digamma, expit, gammaln, ndtr

from ..datasets.numbers import Numbers
from .stage_table import both_ways, through
from .states import States

Array = NDArray[np.float64]

_FEW = 8  # columns up to which it is too
_LOG_2PI = float(np.log(2 * np.pi))


@dataclass(frozen=True, eq=False)
class NumberTable:
    """Constants of one item.

    Parameters
    ----------
    kind
        ``"count"`` or ``"duration"``.
    place
        Place of its parameters among those of the area.
    value
        Distinct numbers, (value,).
    counts
        How often each pattern holds each number, (pattern, value).
    shift
        κ·w·A_g, (state,).
    log_exposure
        Log of the distinct exposures, (exposure,).
    sums
        Of durations how many, Σ (log y − centre) and Σ (log y − centre)²; of counts for each exposure how many, then
        Σ y, (pattern, column).
    centre
        Mean of log y; 0 for counts.
    fixed
        What does not depend on anything, (pattern,).
    of_goal
        Where it is learned what goals do to the number, weight of each state under the goal it has, else 0, (goal,
        state); ``shift`` is then 0. None where it is given.
    more
        Option of the area that stands for a larger number: its affinity is a_g.
    """

    kind: str
    place: int
    value: Array
    counts: csr_array
    shift: Array
    log_exposure: Array
    sums: Any
    centre: float
    fixed: Array
    of_goal: Array | None = None
    more: int = 0

    @property
    def cells(self) -> int:
        """Numbers that one evaluation holds."""
        return int(self.sums.shape[1]) * len(self.shift) + len(self.value)

    @cached_property
    def times(self) -> tuple[Any, Any]:
        """The counts and their transpose, as ordinary arrays where those are small: then they are faster."""
        return both_ways(self.counts, few=_FEW)

    @cached_property
    def summed(self) -> tuple[Any, Any]:
        """The sums and their transpose, likewise."""
        return both_ways(self.sums, few=_FEW)


def make_number_tables(
    numbers: Sequence[Numbers],
    serves: NDArray[np.bool_],
    item_of_option: NDArray[np.int64],
    states: States,
    *,
    kappa: float,
    n_patterns: int,
    learned: NDArray[np.bool_] | None = None,
) -> tuple[NumberTable, ...]:
    """Return the constants of the counts and durations of an area, item by item.

    Parameters
    ----------
    numbers
        The numbers.
    serves, item_of_option
        As in ``AreaChoices``.
    states
        Cells of the area.
    kappa
        Scale of the affinity.
    n_patterns
        Number of patterns.
    learned
        Whether what the goals favour in an item is learned, (item,); by default nothing is.
    """
    found = []
    for place, one in enumerate(numbers):
        more, less = np.flatnonzero(item_of_option == one.item)
        affinity = np.append(serves[:, more].astype(float) - serves[:, less], 0.0)
        shift = kappa * states.weight * affinity[states.goal]
        shape = (n_patterns, len(one.value))
        counts = csr_array((one.times.astype(float), (one.pattern, one.which)), shape)
        table = _table(one, place, shift, counts)
        if learned is not None and learned[one.item]:
            table = replace(table, of_goal=states.weight_of_goal, more=int(more))
        found.append(table)
    return tuple(found)


def _table(numbers: Numbers, place: int, shift: Array, counts: csr_array) -> NumberTable:
    ones = np.ones(len(numbers.value))
    if numbers.kind == "duration":
        log_y = np.log(numbers.value)
        centre = float(log_y.mean()) if len(log_y) else 0.0
        columns = csr_array(np.column_stack([ones, log_y - centre, np.square(log_y - centre)]))
        fixed = -(counts @ (log_y + 0.5 * _LOG_2PI))
        return NumberTable(
            "duration", place, numbers.value, counts, shift, np.zeros(1), counts @ columns, centre, fixed
        )
    exposure, which = np.unique(numbers.exposure, return_inverse=True)
    rows, shape = np.arange(len(ones)), (len(ones), len(exposure))
    halves = [csr_array((data, (rows, np.ravel(which))), shape) for data in (ones, numbers.value)]
    fixed = -(counts @ gammaln(numbers.value + 1))
    sums = counts @ hstack(halves, format="csr")
    return NumberTable("count", place, numbers.value, counts, shift, np.log(exposure), sums, 0.0, fixed)


@dataclass(frozen=True, eq=False)
class Coefficients:
    """What the sums of an item are multiplied by, at D vectors.

    Parameters
    ----------
    of_sums, by_location, by_spread
        Coefficients of the sums, and their derivatives by log μ and by log φ or log σ, (D, column, state).
    of_values, by_spread_of_values
        Of counts log Γ(y + 1/φ) − log Γ(1/φ) of each number and its derivative by log φ, (D, value); None of durations.
    """

    of_sums: Array
    by_location: Array
    by_spread: Array
    of_values: Array | None
    by_spread_of_values: Array | None


def shift_of(table: NumberTable, affinity: Array | None) -> Array:
    """Return by how much each state moves log μ, (state,), or (D, state) where it is learned.

    Parameters
    ----------
    table
        Constants of one item.
    affinity
        Learned affinities of the area, (D, goal, option); None without any.
    """
    if table.of_goal is None or affinity is None:
        return table.shift
    return np.asarray(affinity[:, :, table.more] @ table.of_goal)


def coefficients(table: NumberTable, location: Array, spread: Array, affinity: Array | None = None) -> Coefficients:
    """Return what the sums are multiplied by.

    Parameters
    ----------
    table
        Constants of one item.
    location, spread
        log μ and φ or σ of the items of the area, (D, number).
    affinity
        Learned affinities of the area, (D, goal, option); None without any.
    """
    u = location[:, table.place, None] + shift_of(table, affinity) - table.centre
    s = spread[:, table.place, None]
    if table.kind == "duration":
        tau, none = 1 / np.square(s) + np.zeros_like(u), np.zeros_like(u)
        of_sums = np.stack([-0.5 * tau * np.square(u) - np.log(s), tau * u, -0.5 * tau], axis=1)
        by_location = np.stack([-tau * u, tau, none], axis=1)
        by_spread = np.stack([tau * np.square(u) - 1, -2 * tau * u, tau], axis=1)
        return Coefficients(of_sums, by_location, by_spread, None, None)
    log_odds = (u + np.log(s))[:, None] + table.log_exposure[:, None]
    r, more, share = 1 / s[:, None], np.logaddexp(0, log_odds), expit(log_odds)
    of_sums = np.concatenate([-r * more, log_odds - more], axis=1)
    by_location = np.concatenate([-r * share, expit(-log_odds)], axis=1)
    by_spread = by_location + np.concatenate([r * more, np.zeros_like(more)], axis=1)
    r = 1 / s
    of_values = gammaln(table.value + r) - gammaln(r)
    return Coefficients(of_sums, by_location, by_spread, of_values, -r * (digamma(table.value + r) - digamma(r)))


def numbers_by_pattern(table: NumberTable, location: Array, spread: Array, affinity: Array | None = None) -> Array:
    """Return the log probability of all numbers of each pattern, (D, pattern, state).

    Parameters
    ----------
    table, location, spread, affinity
        As for :func:`coefficients`.
    """
    known = coefficients(table, location, spread, affinity)
    log_p = through(table.summed[0], known.of_sums)
    log_p += table.fixed[:, None]
    if known.of_values is not None:
        log_p += through(table.times[0], known.of_values[:, :, None])
    return log_p


def pull_back_numbers(
    table: NumberTable, location: Array, spread: Array, by_pattern_state: Array, affinity: Array | None = None
) -> tuple[Array, Array, Array | None]:
    """Return the gradients by log μ and by the log of φ or σ, both (D,), and by a_g, (D, goal).

    Parameters
    ----------
    table, location, spread, affinity
        As for :func:`coefficients`.
    by_pattern_state
        Gradient of a function by the log probability of the numbers of each pattern, (D, pattern, state).

    Returns
    -------
    by_location, by_spread, by_goal
        The last is None where nothing is learned.
    """
    known = coefficients(table, location, spread, affinity)
    slope = through(table.summed[1], by_pattern_state)
    by_spread = (slope * known.by_spread).sum(axis=(1, 2))
    if known.by_spread_of_values is not None:
        by_value = through(table.times[1], by_pattern_state.sum(axis=-1, keepdims=True))[..., 0]
        by_spread = by_spread + (by_value * known.by_spread_of_values).sum(axis=1)
    by_goal = None
    if table.of_goal is not None:
        by_goal = (slope * known.by_location).sum(axis=1) @ table.of_goal.T
    return (slope * known.by_location).sum(axis=(1, 2)), by_spread, by_goal


def agent_slopes(
    table: NumberTable, location: Array, spread: Array, posterior: Array, affinity: Array | None = None
) -> tuple[Array, Array, Array | None]:
    """Return the same gradients of each agent's log likelihood, (agent,), (agent,) and (agent, goal).

    Parameters
    ----------
    table, location, spread, affinity
        As for :func:`coefficients`, one vector, with an agent for each pattern.
    posterior
        Posterior over the states of each agent, (agent, state).
    """
    known, sums = coefficients(table, location, spread, affinity), table.sums.toarray()
    by_location, by_spread = (
        (sums * (posterior @ part[0].T)).sum(axis=1) for part in (known.by_location, known.by_spread)
    )
    if known.by_spread_of_values is not None:
        by_spread = by_spread + table.counts @ known.by_spread_of_values[0]
    by_goal = None
    if table.of_goal is not None:
        of_goal = [(sums * ((posterior * weight) @ known.by_location[0].T)).sum(axis=1) for weight in table.of_goal]
        by_goal = np.stack(of_goal, axis=1)
    return by_location, by_spread, by_goal


def share_up_to(
    table: NumberTable,
    location: Array,
    spread: Array,
    edge: float,
    exposure: Array,
    affinity: Array | None = None,
) -> Array:
    """Return the probability of a number up to an edge, (exposure, state), at one vector of parameters.

    Parameters
    ----------
    table
        Constants of one item.
    location, spread
        log μ and φ or σ of the items of the area, (number,).
    edge
        The edge.
    exposure
        Exposures, (exposure,).
    affinity
        Learned affinities of the area, (1, goal, option); None without any.
    """
    shift = shift_of(table, affinity).reshape(-1)
    u, s = location[table.place] + shift, spread[table.place]
    if table.kind == "duration":
        return np.asarray(np.broadcast_to(ndtr((np.log(edge) - u) / s), (len(exposure), len(u))))
    odds = s * exposure[:, None] * np.exp(np.minimum(u, 700.0))
    return np.asarray(betainc(1 / s, np.floor(edge) + 1, 1 / (1 + odds)))


def number_graph(table: NumberTable, numbers: Numbers, location: Any, spread: Any, affinity: Any = None) -> Any:
    """Return the log probability of the numbers of each pattern as a PyTensor graph, (pattern, state).

    It is summed number by number, without the sums that the numpy form goes by.

    Parameters
    ----------
    table, numbers
        Constants of one item, and its numbers.
    location, spread
        log μ and φ or σ of the items of the area, (number,).
    affinity
        Learned affinities of the area, (goal, option); None without any.
    """
    import pytensor.tensor as pt  # noqa: PLC0415 (fitting does not need it)

    shift = table.shift if table.of_goal is None else pt.dot(affinity[:, table.more], table.of_goal)
    u, y, s = location[table.place] + shift, numbers.value[:, None], spread[table.place]
    if table.kind == "duration":
        log_p = -0.5 * ((np.log(y) - u) / s) ** 2 - pt.log(s) - (np.log(y) + 0.5 * _LOG_2PI)
    else:
        log_odds = u + pt.log(s) + np.log(numbers.exposure[:, None])
        constant = pt.gammaln(y + 1 / s) - pt.gammaln(1 / s) - gammaln(y + 1)
        log_p = constant + y * log_odds - (y + 1 / s) * pt.softplus(log_odds)
    entry = table.counts.tocoo()
    pattern, value = entry.coords
    start = pt.zeros((table.counts.shape[0], len(table.shift)))
    return pt.inc_subtensor(start[pattern], entry.data[:, None] * log_p[value])
