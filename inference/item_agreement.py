"""How far the items of an area go together: agreement of an agent's answers beyond chance, observed and expected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .answer_tables import Tables, cell_probabilities
from .density import AreaDensity

Array = NDArray[np.float64]

_TINY = 1e-15


@dataclass(frozen=True, eq=False)
class Agreement:
    """How often the two answers of an agent to a pair of items serve a common goal.

    Parameters
    ----------
    item
        Item of each cell, (cell,).
    common
        Whether two cells serve a common goal, (cell, cell).
    n
        Number of agents behind each pair of items, (item, item).
    """

    item: NDArray[np.int64]
    common: Array
    n: Array

    @property
    def in_item(self) -> Array:
        """Indicator of the item of each cell, (cell, item)."""
        return np.asarray(self.item[:, None] == np.arange(len(self.n)), dtype=float)

    def by_pair(self, cells: Array) -> Array:
        """Return sums over the cells of each pair of items, (…, item, item)."""
        return np.asarray(np.matmul(np.matmul(self.in_item.T, cells), self.in_item))

    def margins(self, table: Array) -> Array:
        """Return the shares of each cell among agents who answered another item too, (…, cell, item)."""
        return np.asarray(np.matmul(table, self.in_item) / np.maximum(self.n, _TINY)[self.item])

    def beyond_chance(self, table: Array) -> tuple[Array, Array]:
        """Return n (A − C) and n (M − C) of tables of sums over agents, (…, cell, cell) to (…, item, item) each.

        A is the share of agents whose answers agree, C the same for independent answers with the same shares, M the
        largest that these shares of answers with a partner allow.
        """
        margin = self.margins(table)
        facing = margin[..., self.item]
        chance = self.by_pair(facing * facing.swapaxes(-1, -2) * self.common)
        reach = np.matmul(self.in_item.T, margin * (self.common @ self.in_item > 0))
        most = np.minimum(reach, reach.swapaxes(-1, -2))
        return self.by_pair(table * self.common) - self.n * chance, self.n * (most - chance)


def levels(by_pair: Array, used: NDArray[np.bool_]) -> list[Array]:
    """Return sums for the area, (…), for each item with all others, (…, item), and for each pair, (…, item, item)."""
    x = np.where(used, by_pair, 0)
    area = (x.sum(axis=(-2, -1)) + np.trace(x, axis1=-2, axis2=-1)) / 2
    return [np.asarray(part) + _TINY for part in (area, x.sum(axis=-1), x)]


def agreement_errors(
    density: AreaDensity, seen: Tables, agreement: Agreement, table: Array, used: NDArray[np.bool_]
) -> list[Array]:
    """Return standard errors of n (A − C) for area, items and pairs, from what each agent adds to it."""
    rows, item, in_item = density.rows, agreement.item, agreement.in_item
    wide = np.ix_(item, item)
    facing = agreement.margins(table)[:, item]
    guess = ((agreement.common * facing.T) @ in_item)[:, item]  # chance that another's answer agrees with this one
    form = agreement.common - guess - guess.T
    centre = agreement.by_pair(table * form) / np.maximum(agreement.n, _TINY)
    form = np.where(used[wide], form - centre[wide], 0)
    across, within = np.where(item[:, None] == item, 0, form), np.where(item[:, None] == item, form, 0)
    area, by_item = 0.0, np.zeros(len(used))
    for start in range(0, rows.n_rows, 50_000):
        part = slice(start, start + 50_000)
        counts = density.area.counts[rows.pattern[part]] @ seen.merge
        times = (counts @ in_item)[:, item]
        share = counts / np.maximum(times, 1)
        others = (share * (share @ across)) @ in_item
        own = (counts * (counts @ within - np.diag(within)) / np.maximum(times * (times - 1), 1)) @ in_item
        weight = rows.multiplicity[part]
        area += float(weight @ np.square(others.sum(axis=1) / 2 + own.sum(axis=1)))
        by_item += weight @ np.square(others + own)
    pairs = agreement.by_pair(table * np.square(form))  # for repeated items an upper bound
    return [np.sqrt(np.asarray(area)), np.sqrt(by_item), np.sqrt(pairs)]


def expected_agreement(
    density: AreaDensity, theta: Array, seen: Tables, agreement: Agreement, used: NDArray[np.bool_]
) -> list[Array]:
    """Return the agreement beyond chance of area, items and pairs that the model expects, for each draw."""
    scale = seen.n_pair[np.ix_(range(len(seen.n_pair)), seen.item, seen.item)]
    draws = []
    for p, prior in cell_probabilities(density, theta, seen.merge, per_draw=2 * seen.pair.size):
        weighted = p.swapaxes(1, 2)[:, None] * prior[:, :, None, :]
        excess, room = agreement.beyond_chance((np.matmul(weighted, p[:, None]) * scale).sum(axis=1))
        draws.append([x / size for x, size in zip(levels(excess, used), levels(room, used), strict=True)])
    return [np.concatenate(parts) for parts in zip(*draws, strict=True)]
