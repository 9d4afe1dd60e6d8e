"""Sums over rows that a cluster holds: partitions of reduced counts stay where they are, and only sums travel.

Mode and Laplace approximation need a few dozen such sums: the tables at a point go out, a few thousand numbers come
back from each partition. :func:`over_dask` takes Dask partitions, :func:`over_spark` those of a Spark RDD; each holds
one :class:`~dissensus.inference.row_sums.Part`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from operator import add
from types import ModuleType
from typing import Any

from .row_sums import Part, Point, Sums, part_sums
from .sum_over_parts import Summation


def over_dask(parts: Sequence[Any], dask: ModuleType) -> Summation:
    """Return the sum over Dask partitions.

    Parameters
    ----------
    parts
        ``dask.delayed`` values or futures of a Dask client, each a :class:`.Part`; persist them, so that counts are
        made once.
    dask
        The module ``dask``: this package neither needs nor imports it.
    """

    def total(point: Point) -> Sums:
        tables = dask.delayed(point)
        sums: Sums = reduce(add, dask.compute(*(dask.delayed(part_sums)(part, tables) for part in parts)))
        return sums

    return total


def over_spark(parts: Any) -> Summation:
    """Return the sum over the partitions of a Spark RDD of parts, cached by the caller.

    Parameters
    ----------
    parts
        ``pyspark.RDD`` of :class:`.Part`; one or several in a partition.
    """

    def total(point: Point) -> Sums:
        sent = parts.context.broadcast(point)

        def sums(mine: Iterable[Part]) -> list[Sums]:
            return [part_sums(part, sent.value) for part in mine]

        try:
            added: Sums = reduce(add, parts.mapPartitions(sums).collect())
            return added
        finally:
            sent.destroy()

    return total
