"""How many agents the fitted model expects to give each set of answers, beside how many did.

Where agents answer every item at most once and there are few possible sets of answers, all are enumerated, and the
expected numbers are exact. Otherwise answers are simulated at all draws, for agents asked as the observed ones were,
and reweighted to each draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from ..datasets.patterns import distinct_rows
from .density import AreaDensity, row_log_likelihood
from .identification import simulated_counts
from .marginal import Rows, whole_patterns
from .parameters import constrain

Array = NDArray[np.float64]

MOST_ENUMERATED = 16_000
"""Possible sets of answers, over groups and sets of items answered, up to which all are enumerated."""
SIMULATED = 4_000
"""Simulated agents at least; as many as the observed ones if that is more, up to :data:`MOST_ENUMERATED`."""

_ANSWERS_IN_A_HALF = 12  # as in the likelihood: more could underflow


@dataclass(frozen=True, eq=False)
class Patterns:
    """Sets of answers of an area, observed and expected; agents who are silent in the area are left out.

    Parameters
    ----------
    density
        The density of the area with a row for each of these sets of answers and prior over states (group).
    counts
        How often each option was chosen, (row, option).
    observed
        Number of agents, survey-weighted, (row,).
    loglik
        Log probability of the answers given who was asked what, (draw, row).
    expected
        Expected number of agents, (draw, row); where answers are simulated, 0 for those that were not.
    asked
        Number of agents, survey-weighted, of the same group who answered the same items, (row,).
    possible
        Number of possible sets of answers.
    noise
        Variance of sums over expected numbers that comes from simulating them, relative to that of the observed ones.
    """

    density: AreaDensity
    counts: NDArray[np.int64]
    observed: Array
    loglik: Array
    expected: Array
    asked: Array
    possible: int
    noise: float

    @property
    def n_agents(self) -> float:
        """Number of agents, survey-weighted."""
        return float(self.observed.sum())


def expected_patterns(density: AreaDensity, theta: Array, rng: np.random.Generator) -> Patterns:
    """Return how many agents give each set of answers, and how many the model expects.

    Parameters
    ----------
    density
        Density of an area some of whose agents answer more than once.
    theta
        Posterior draws, (draw, coordinate).
    rng
        Source of simulated answers, where they are needed.
    """
    area, rows = density.area, density.rows
    designs = _designs(density)
    weight, agents = designs.weight, designs.agents
    if designs.enumerable:
        sizes = np.bincount(area.item_of_option)
        every = [_every_answer(items, sizes) for items in designs.items]
        joint, more = _joined(density, every, designs.group)
        loglik = row_log_likelihood(joint, theta)
        asked = np.empty(joint.rows.n_rows)
        asked[more] = np.repeat(agents, [len(e) for e in every])
        expected, noise = asked * np.exp(loglik), 0.0
    else:
        each = -(-_to_simulate(density) // len(theta))
        drawn, groups, origin = [], [], [designs.of_row]
        for point in theta:
            chosen = rng.choice(rows.n_rows, size=each, p=weight / weight.sum())
            values = constrain(density.parameters, point[None], density.n_options)
            drawn.append(simulated_counts(density, values, chosen, rng).astype(np.int64))
            groups.append(rows.group[chosen])
            origin.append(designs.of_row[chosen])
        joint, more = _joined(density, drawn, groups)
        loglik = row_log_likelihood(joint, theta)
        asked = np.empty(joint.rows.n_rows)
        asked[joint.rows.row_of_agent] = agents[np.concatenate(origin)]
        share = np.bincount(more, minlength=joint.rows.n_rows) * np.exp(loglik - logsumexp(loglik, axis=0))
        expected = share * (weight.sum() / share.sum(axis=1, keepdims=True))
        noise = weight.sum() / (each * len(theta))
    place = joint.rows.row_of_agent[: rows.n_rows]
    observed = np.bincount(place, weight, joint.rows.n_rows)
    counts = joint.area.counts[joint.rows.pattern]
    return Patterns(joint, counts, observed, loglik, expected, asked, designs.possible, noise)


def number_of_patterns(density: AreaDensity) -> int:
    """Return about how many sets of answers :func:`expected_patterns` looks at.

    Parameters
    ----------
    density
        Density of an area.
    """
    designs = _designs(density)
    return designs.possible if designs.enumerable else density.rows.n_rows + _to_simulate(density)


def _to_simulate(density: AreaDensity) -> int:
    return min(max(SIMULATED, len(density.area.pattern_of_agent)), MOST_ENUMERATED)


@dataclass(frozen=True, eq=False)
class _Designs:
    """Who was asked what: the distinct pairs of a group and of how often each item was answered."""

    items: NDArray[np.int64]  # (design, item)
    group: NDArray[np.int64]  # (design,)
    of_row: NDArray[np.int64]  # (row,)
    weight: Array  # agents of each row, none who are silent in the area, (row,)
    agents: Array  # (design,)
    once: bool  # whether nobody answers an item more than once
    possible: int  # number of sets of answers

    @property
    def enumerable(self) -> bool:
        return self.once and self.possible <= MOST_ENUMERATED


def _designs(density: AreaDensity) -> _Designs:
    area, rows = density.area, density.rows
    times = area.item_answers[rows.pattern]
    weight = rows.multiplicity * times.any(axis=1)
    table = np.column_stack([rows.group, times])
    kind, of_row = _distinct(table)
    design = table[kind]
    asked, sizes = design[:, 1:], np.bincount(area.item_of_option).tolist()
    possible = sum(prod(s**t for s, t in zip(sizes, items, strict=True)) for items in asked.tolist())
    agents = np.bincount(of_row, weight, len(design))
    return _Designs(asked, design[:, 0], of_row, weight, agents, bool(times.max(initial=0) <= 1), possible)


def _every_answer(asked: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return counts of every set of answers to some items, (set, option)."""
    starts, items = np.cumsum(sizes) - sizes, np.flatnonzero(asked)
    chosen = np.indices(tuple(sizes[items])).reshape(len(items), -1) if len(items) else np.zeros((0, 1), dtype=np.int64)
    counts = np.zeros((chosen.shape[1], int(sizes.sum())), dtype=np.int64)
    for item, option in zip(items, chosen, strict=True):
        counts[np.arange(len(counts)), starts[item] + option] = 1
    return counts


def _joined(
    density: AreaDensity, more: Sequence[NDArray[np.int64]], group: NDArray[np.int64] | Sequence[NDArray[np.int64]]
) -> tuple[AreaDensity, NDArray[np.int64]]:
    """Return a density whose rows are all these sets of answers with the observed ones, and the row of each."""
    area, rows = density.area, density.rows
    groups = [np.broadcast_to(g, len(counts)) for g, counts in zip(group, more, strict=True)]
    everything = np.vstack([area.counts[rows.pattern], *more])
    prior = np.concatenate([rows.group, *groups])
    kind, row = _distinct(np.column_stack([prior, everything]))
    counts, once = everything[kind], np.ones(len(kind))
    halves = whole_patterns(counts) if rows.direct else _halves(counts, area.item_of_option)
    joint = Rows(
        *halves, prior[kind], rows.n_priors, np.arange(len(kind)), once.astype(np.int64), once, row, rows.direct
    )
    area = replace(area, counts=counts, stages=(), numbers=())  # of a ranking the first choice
    bare = replace(density.table, stages=(), numbers=())
    return replace(density, area=area, rows=joint, table=bare), row[rows.n_rows :]


def _halves(
    counts: NDArray[np.int64], item_of_option: NDArray[np.int64]
) -> tuple[Array, Array, NDArray[np.int64], NDArray[np.int64]]:
    """Return distinct counts in the first and in the other items, and the place of each row in both; see Rows.

    One cut is tried, in the middle: to look for the best takes longer than it saves.
    """
    left = item_of_option < (int(item_of_option.max()) + 1) // 2
    one, two = counts * left, counts * ~left
    (a, of_one), (b, of_two) = _distinct(one), _distinct(two)
    most = max(one.sum(axis=1).max(), two.sum(axis=1).max())
    if most <= _ANSWERS_IN_A_HALF and 20 * (len(a) + len(b)) + len(a) * len(b) < 20 * len(counts):
        return one[a].astype(float), two[b].astype(float), of_one, of_two
    return counts.astype(float), np.zeros((1, counts.shape[1])), np.arange(len(counts)), np.zeros_like(of_one)


def _distinct(table: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return a row of each kind, and the kind of each row."""
    return distinct_rows(((column, int(column.max(initial=0)) + 1) for column in table.T), len(table))
