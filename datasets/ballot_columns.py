"""Ballots in a table: rankings, and best and worst options, with what was on offer in each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import LISTED, shown
from .ballots import Ballots
from .ranking_columns import Orders, orders_of_agents, text_orders, wide_orders
from .reading import Reading
from .repeated_answers import MISSING
from .situations import flags
from .study import Item


def wide_ranked(
    reading: Reading, item: Item, agent: NDArray[np.integer], n: int
) -> tuple[Orders | Ballots, int] | None:
    """Return the rankings of a table that is not long, and how many repeat another; None where they cannot be read.

    Of items whose options differ, or which an agent answers often, they are ballots, else the ranking of each agent,
    (agent, place).
    """
    order = wide_orders(reading, item)
    alone = n == len(agent) or reading.study.table.rule_of_duplicates != "error"
    if order is None or not (alone or item.repeated):
        return None
    read = table_ballots if item.in_ballots else orders_of_agents
    return read(reading, item, np.arange(len(agent)), agent, order, n)


def long_ranked(
    reading: Reading,
    item: Item,
    rows: NDArray[np.integer],
    agent: NDArray[np.integer],
    n: int,
    times: NDArray[np.int64] | None,
) -> tuple[Orders | Ballots, int]:
    """Return the same of a long table, from its rows that answer the item; parameters as for :func:`table_ballots`."""
    column = reading.study.table.answer
    assert column is not None
    order = text_orders(reading, item, rows, *reading.column(column), column)
    if item.in_ballots:
        return table_ballots(reading, item, rows, agent, order, n, times)
    return orders_of_agents(reading, item, rows, agent, order, n)


def table_ballots(
    reading: Reading,
    item: Item,
    rows: NDArray[np.integer],
    agent: NDArray[np.integer],
    order: Orders,
    n: int,
    times: NDArray[np.int64] | None = None,
) -> tuple[Ballots, int]:
    """Return the ballots of an item, and the number of those that repeat another and do not count.

    Parameters
    ----------
    reading, item
        The table being read, and the item.
    rows, agent, order
        Row, agent and ranking of each answer.
    n
        Number of agents.
    times
        How often the agent gave each, (answer,); None for once.
    """
    given, dropped = order >= 0, 0
    offered = np.ones((len(order), len(item.serves)), dtype=bool)
    if item.offered == "ranked":
        offered[:] = False
        at, places = np.nonzero(given)
        offered[at, order[at, places]] = True
    for place, name in enumerate(item.serves):
        if name in item.available and reading.has(item.available[name]):
            column = item.available[name]
            offered[:, place] = flags(reading, column, "whether an option is available", given[:, 0], rows)
    hidden = given & ~np.take_along_axis(offered, np.maximum(order, 0), axis=1)
    _refuse_hidden(reading, item, rows, order, hidden)
    order = np.where(hidden.any(axis=1, keepdims=True), MISSING, order)
    answered = np.flatnonzero(given[:, 0] & ~hidden.any(axis=1))
    number = np.ones(len(order), dtype=np.int64) if times is None else times
    ballots = Ballots(agent[answered].astype(np.int64), offered[answered], order[answered], number[answered])
    if not item.repeated:
        # two rankings of one agent are the same when they name and were offered the same
        both = np.hstack([order, np.where(offered, 0, MISSING)])
        both[order[:, 0] < 0] = MISSING
        whole, dropped = orders_of_agents(reading, item, rows, agent, both, n)
        own, who = whole[:, : order.shape[1]], np.flatnonzero(whole[:, 0] >= 0)
        ballots = Ballots(who, whole[who, order.shape[1] :] == 0, own[who], np.ones(len(who), dtype=np.int64))
    alone = int((ballots.offered.sum(axis=1) == 1).sum())
    if alone:
        reading.note("single-option", f"{alone:,} rankings of item {shown(item.name)} are of one option; left out.")
    return ballots, dropped


def _refuse_hidden(
    reading: Reading, item: Item, rows: NDArray[np.integer], order: Orders, hidden: NDArray[np.bool_]
) -> None:
    wrong = np.flatnonzero(hidden.any(axis=1))
    remedy = "Correct the ranking, or what was available."
    for at in wrong[:LISTED].tolist():
        named = shown(item.options[order[at, int(np.argmax(hidden[at]))]])
        message = f"The answer to item {shown(item.name)} names {named}, which was not available."
        reading.add("chosen-not-shown", message, remedy, row=int(rows[at]), column=item.columns[0])
    if len(wrong) > LISTED:
        message = f"More answers to item {shown(item.name)} name options that were not available."
        row, count = int(rows[wrong[LISTED]]), len(wrong) - LISTED
        reading.add("chosen-not-shown", message, remedy, row=row, column=item.columns[0], count=count)
