"""Answers that are numbers: how often (kind ``count``), how long (kind ``duration``).

Their columns are not options. The distinct values of an item, with the exposure of each, stand beside the counts of
options, and the patterns say which values they hold: counts repeat, so agents share them, and of durations that are all
different every agent has its own. A goal that *raises* the number is that which the first of two stand-ins for options,
"more", serves; one that *lowers* it is served by the second, "less".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .pattern_entries import entries_at, entry_codes

Array = NDArray[np.float64]

KINDS = ("count", "duration")
"""Kinds of items whose answers are numbers."""
SIDES = ("more", "less")
"""What stands for options in such items."""


@dataclass(frozen=True, eq=False)
class Measured:
    """Numbers as they were read, one entry for each.

    Parameters
    ----------
    agent
        Whose it is, (entry,).
    value
        The number, (entry,).
    exposure
        For a count how long, or among how many, it was counted, (entry,); 1 where nothing is said.
    times
        How often the agent has it, (entry,).
    """

    agent: NDArray[np.int64]
    value: Array
    exposure: Array
    times: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Numbers:
    """The distinct numbers of one item, and how often the patterns of its area hold them.

    Parameters
    ----------
    item
        Position of the item in its area.
    kind
        ``"count"`` or ``"duration"``.
    value, exposure
        The distinct numbers with their exposure, in order, (value,).
    pattern, which, times
        Which pattern holds which of them how often, sorted by pattern, then value, (entry,).
    """

    item: int
    kind: str
    value: Array
    exposure: Array
    pattern: NDArray[np.int64]
    which: NDArray[np.int64]
    times: NDArray[np.int64]

    def per_pattern(self, n_patterns: int) -> NDArray[np.int64]:
        """Return how many numbers each pattern holds, (pattern,)."""
        return np.bincount(self.pattern, self.times, n_patterns).astype(np.int64)


def measured_once(given: Array) -> Measured:
    """Return numbers from one row per agent, (agent, [value, exposure]), NaN for none."""
    agent = np.flatnonzero(~np.isnan(given[:, 0]))
    return Measured(agent, given[agent, 0], given[agent, 1], np.ones(len(agent), dtype=np.int64))


def numbers_of(item: int, kind: str, measured: Measured) -> Numbers:
    """Return the numbers of one item, with agents for patterns.

    Parameters
    ----------
    item, kind
        Position and kind of the item.
    measured
        The numbers.
    """
    pairs = np.column_stack([measured.value, measured.exposure]).reshape(-1, 2)
    distinct, which = np.unique(pairs, axis=0, return_inverse=True)
    size = max(1, len(distinct))
    held, entry = np.unique(measured.agent * size + np.ravel(which), return_inverse=True)
    times = np.bincount(np.ravel(entry), measured.times, len(held)).astype(np.int64)
    return Numbers(item, kind, distinct[:, 0], distinct[:, 1], held // size, held % size, times)


def number_codes(numbers: Numbers, n: int) -> tuple[NDArray[np.int64], int]:
    """Return a code for each of n agents, equal for equal numbers, (agent,), and one more than the largest.

    Parameters
    ----------
    numbers
        The numbers, agents for patterns.
    n
        Number of agents.
    """
    each = numbers.per_pattern(n)
    if each.max(initial=0) <= 1:
        codes = np.zeros(n, dtype=np.int64)
        codes[numbers.pattern] = numbers.which + 1
        return codes, len(numbers.value) + 1
    return entry_codes(numbers.pattern, numbers.which, numbers.times, n)


def numbers_at(numbers: Numbers, patterns: NDArray[np.int64]) -> Numbers:
    """Return the numbers of some patterns in their order, each perhaps several times, as patterns of their own."""
    row, entry = entries_at(numbers.pattern, patterns)
    return replace(numbers, pattern=row, which=numbers.which[entry], times=numbers.times[entry])


def kept_numbers(numbers: Iterable[Numbers], kept: NDArray[np.bool_]) -> tuple[Numbers, ...]:
    """Return the numbers of some patterns, (pattern,), numbered anew; values that none of them holds are left out."""
    place = np.cumsum(kept) - 1
    found = []
    for one in numbers:
        mine = kept[one.pattern]
        used, which = np.unique(one.which[mine], return_inverse=True)
        found.append(
            replace(
                one,
                value=one.value[used],
                exposure=one.exposure[used],
                pattern=place[one.pattern[mine]],
                which=np.ravel(which).astype(np.int64),
                times=one.times[mine],
            )
        )
    return tuple(found)


def number_text(value: float) -> str:
    """Return a number as a table holds it; reading it gives the same number."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def draw_numbers(
    kind: str,
    typical: float,
    spread: float,
    shift: Array,
    exposure: Array,
    rng: np.random.Generator,
) -> Array:
    """Draw a number for each agent, (agent,).

    Parameters
    ----------
    kind
        ``"count"``: negative binomial with mean e·μ·exp(shift) and variance mean + φ·mean²; ``"duration"``: log-normal
        with median μ·exp(shift) and σ.
    typical
        μ: mean count for one unit of exposure, or median duration, of whom no goal moves.
    spread
        φ or σ.
    shift
        By how much the goal moves its logarithm, (agent,).
    exposure
        Exposure e, (agent,).
    rng
        Source of chance.
    """
    if kind == "duration":
        return np.asarray(typical * np.exp(shift + spread * rng.standard_normal(len(shift))))
    mean = np.minimum(exposure * typical * np.exp(shift), 1e15)
    return rng.poisson(np.minimum(mean * rng.gamma(1 / spread, spread, len(mean)), 1e15)).astype(np.float64)
