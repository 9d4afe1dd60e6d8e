"""Sums over parts of the rows: one protocol, whoever holds the parts.

A :class:`Summation` returns what all rows add at one point. Here it runs over slices of the rows in memory, on all
cores; :mod:`.jax_sums` runs it on devices, :mod:`.partition_sums` where a cluster holds the parts. Parts are cut and
added in one order, so the sums do not depend on the number of cores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import reduce
from operator import add
from typing import Protocol

from .marginal import Rows
from .parallel import parallel_map
from .row_sums import Part, Point, Sums, part_of, part_sums

PART = 1 << 16
"""Rows of a part."""


class Summation(Protocol):
    """What all rows of an area add to the likelihood at a point."""

    def __call__(self, point: Point) -> Sums:
        """Return the sums over all parts."""
        ...


def slices(rows: Rows, *, size: int) -> Iterator[slice]:
    """Yield slices over the rows."""
    for start in range(0, rows.n_rows, size):
        yield slice(start, min(start + size, rows.n_rows))


def over_rows(rows: Rows, *, cores: int | None = None) -> Summation:
    """Return the sum over rows in memory, parts of them on all cores.

    Parameters
    ----------
    rows
        Rows whose patterns are not split.
    cores
        Threads; default as many as the machine has.
    """

    def total(point: Point) -> Sums:
        return reduce(add, map_parts(rows, lambda part: part_sums(part, point), cores=cores))

    return total


def map_parts[T](rows: Rows, function: Callable[[Part], T], *, cores: int | None = None) -> list[T]:
    """Return a function of each part of the rows, in order."""
    if rows.n_rows <= PART:
        return [function(part_of(rows, slice(0, rows.n_rows)))]
    return parallel_map(lambda at: function(part_of(rows, at)), slices(rows, size=PART), cores=cores)
