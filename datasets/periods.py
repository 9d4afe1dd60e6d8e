"""Periods: the groups of agents asked at one time, whose goal shares and weights follow a random walk.

With logits l_t of period t, l_t − l_{t−1} ~ Normal(0, ``period_sd``) for each step of the declared periods; between two
that have agents and k steps apart the sd is √k times as large. The walk is centred: what the periods share, the mean of
l_t over those with agents, has the prior of an area without periods.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .study import Table


def steps(table: Table, periods: Sequence[str]) -> NDArray[np.int64]:
    """Return how many steps each period lies after the first, (period,).

    Parameters
    ----------
    table
        What the study says of the table.
    periods
        The periods that have agents, in order.
    """
    if not table.periods:
        return np.arange(len(periods))
    places = np.array([table.periods.index(period) for period in periods], dtype=np.int64)
    return np.asarray(places - places[0])


def walk(place: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the centred walk of independent standard normal steps, (period, step): W z is the walk.

    Parameters
    ----------
    place
        How many steps each period lies after the first, increasing, (period,).
    """
    n = len(place)
    up = np.tril(np.ones((n, n)), -1)[:, : n - 1] * np.sqrt(np.diff(place))
    return np.asarray(up - up.mean(axis=0))
