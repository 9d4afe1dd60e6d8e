"""Log probability of counts and log density of durations given the state, beside the table of ordinary answers.

With u = log μ + κ·w·A_g, A_g = 1 where the goal raises the number, −1 where it lowers it,

    count       y ~ negative binomial of mean m = e·exp(u), e the exposure, and variance m + φ·m²
                log P = log Γ(y + 1/φ) − log Γ(1/φ) − log Γ(y + 1) + y·η − (y + 1/φ)·log(1 + e^η),   η = log(φ·m)
    duration    log y ~ Normal(u, σ)

Each distinct number is looked at once for every state, so what it costs grows with the distinct numbers of an item (of
counts few, of durations up to one for each agent). Mean and median rise or fall with the weight, as A_g says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import betainc, digamma, expit, gammaln, ndtr

from ..datasets.numbers import Numbers
from .stage_table import through
from .states import States

Array = NDArray[np.float64]

_DENSE = 50_000  # patterns × values up to which counts are an ordinary array
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
    value, log_exposure
        Distinct numbers, and the log of their exposure, (value,).
    shift
        κ·w·A_g, (state,).
    counts
        How often each pattern holds each number, (pattern, value).
    """

    kind: str
    place: int
    value: Array
    log_exposure: Array
    shift: Array
    counts: csr_array

    @property
    def cells(self) -> int:
        """Numbers that one evaluation holds."""
        return len(self.value) * len(self.shift)

    @cached_property
    def times(self) -> tuple[Any, Any]:
        """The counts and their transpose, as ordinary arrays where those are small: then they are faster."""
        if np.prod(self.counts.shape) <= _DENSE:
            return self.counts.toarray(), np.ascontiguousarray(self.counts.toarray().T)
        return self.counts, self.counts.T.tocsr()


def make_number_tables(
    numbers: Sequence[Numbers],
    serves: NDArray[np.bool_],
    item_of_option: NDArray[np.int64],
    states: States,
    *,
    kappa: float,
    n_patterns: int,
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
    """
    found = []
    for place, one in enumerate(numbers):
        more, less = np.flatnonzero(item_of_option == one.item)
        affinity = np.append(serves[:, more].astype(float) - serves[:, less], 0.0)
        shift = kappa * states.weight * affinity[states.goal]
        shape = (n_patterns, len(one.value))
        counts = csr_array((one.times.astype(float), (one.pattern, one.which)), shape)
        found.append(NumberTable(one.kind, place, one.value, np.log(one.exposure), shift, counts))
    return tuple(found)


def log_number_probability(table: NumberTable, location: Array, spread: Array) -> Array:
    """Return the log probability, or log density, of each number, (D, value, state).

    Parameters
    ----------
    table
        Constants of one item.
    location, spread
        log μ and φ or σ of the items of the area, (D, number).
    """
    u, y = location[:, table.place, None, None] + table.shift, table.value[:, None]
    s = spread[:, table.place, None, None]
    if table.kind == "duration":
        z = (np.log(y) - u) / s
        return np.asarray(-0.5 * np.square(z) - np.log(s * y) - 0.5 * _LOG_2PI)
    log_odds = u + np.log(s) + table.log_exposure[:, None]
    constant = gammaln(y + 1 / s) - gammaln(1 / s) - gammaln(y + 1)
    return np.asarray(constant + y * log_odds - (y + 1 / s) * np.logaddexp(0, log_odds))


def numbers_by_pattern(table: NumberTable, log_p: Array) -> Array:
    """Return the log probability of all numbers of each pattern, (D, pattern, state), from (D, value, state)."""
    return through(table.times[0], log_p)


def pull_back_numbers(
    table: NumberTable, location: Array, spread: Array, by_pattern_state: Array
) -> tuple[Array, Array]:
    """Return the gradients by log μ and by the log of φ or σ, both (D,).

    Parameters
    ----------
    table, location, spread
        As for :func:`log_number_probability`.
    by_pattern_state
        Gradient of a function by the log probability of the numbers of each pattern, (D, pattern, state).
    """
    slope = through(table.times[1], by_pattern_state)
    by_location, by_spread = number_slopes(table, location, spread, slope)
    return by_location.sum(axis=1), by_spread.sum(axis=1)


def number_slopes(table: NumberTable, location: Array, spread: Array, slope: Array) -> tuple[Array, Array]:
    """Return the gradients by log μ and the log of φ or σ that come from each number, both (D, value).

    Parameters
    ----------
    table, location, spread
        As for :func:`log_number_probability`.
    slope
        Gradient of a function by the log probability of each number, (D, value, state).
    """
    u, y = location[:, table.place, None, None] + table.shift, table.value[:, None]
    s = spread[:, table.place, None, None]
    if table.kind == "duration":
        z = (np.log(y) - u) / s
        return (slope * z / s).sum(axis=-1), (slope * (np.square(z) - 1)).sum(axis=-1)
    log_odds, r = u + np.log(s) + table.log_exposure[:, None], 1 / s
    by_odds = y - (y + r) * expit(log_odds)
    by_r = digamma(y + r) - digamma(r) - np.logaddexp(0, log_odds)
    return (slope * by_odds).sum(axis=-1), (slope * (by_odds - r * by_r)).sum(axis=-1)


def share_up_to(table: NumberTable, location: Array, spread: Array, edge: float, exposure: Array) -> Array:
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
    """
    u, s = location[table.place] + table.shift, spread[table.place]
    if table.kind == "duration":
        return np.asarray(np.broadcast_to(ndtr((np.log(edge) - u) / s), (len(exposure), len(u))))
    odds = s * exposure[:, None] * np.exp(np.minimum(u, 700.0))
    return np.asarray(betainc(1 / s, np.floor(edge) + 1, 1 / (1 + odds)))


def number_graph(table: NumberTable, location: Any, spread: Any) -> Any:
    """Return the log probability of the numbers of each pattern as a PyTensor graph, (pattern, state).

    Parameters
    ----------
    table
        Constants of one item.
    location, spread
        log μ and φ or σ of the items of the area, (number,).
    """
    import pytensor.tensor as pt  # noqa: PLC0415 (fitting does not need it)

    u, y, s = location[table.place] + table.shift, table.value[:, None], spread[table.place]
    if table.kind == "duration":
        log_p = -0.5 * ((np.log(y) - u) / s) ** 2 - pt.log(s) - np.log(y) - 0.5 * _LOG_2PI
    else:
        log_odds = u + pt.log(s) + table.log_exposure[:, None]
        constant = pt.gammaln(y + 1 / s) - pt.gammaln(1 / s) - gammaln(y + 1)
        log_p = constant + y * log_odds - (y + 1 / s) * pt.softplus(log_odds)
    entry = table.counts.tocoo()
    pattern, value = entry.coords
    start = pt.zeros((table.counts.shape[0], len(table.shift)))
    return pt.inc_subtensor(start[pattern], entry.data[:, None] * log_p[value])
