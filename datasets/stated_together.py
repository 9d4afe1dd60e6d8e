"""Ranks of areas, and shares of a budget, which an agent gives to several areas at once: what they must be together."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ..errors import LISTED, shown
from .patterns import Given
from .reading import Reading
from .stated import UNRANKED, plain_number
from .study import Item

Answers = Mapping[str, Given]

_ROUNDING = 0.005
"""By how much of a budget its shares may exceed it."""


def stated_together(reading: Reading, answers: Answers, agent: NDArray[np.integer], n: int) -> dict[str, Given]:
    """Return the answers with areas left out among the most important ones as such; add faults of ranks and budgets.

    Parameters
    ----------
    reading
        The table being read.
    answers
        Answers by item.
    agent
        Agent of each row, (row,).
    n
        Number of agents.
    """
    result = dict(answers)
    items = [item for item in reading.study.items if item.stated is not None and item.name in answers]
    ranked = [item for item in items if item.stated is not None and item.stated.form == "rank"]
    shared = [item for item in items if item.stated is not None and item.stated.form == "budget"]
    if len(shared) > 1 and not reading.faults:
        _check_budget(reading, shared, agent, n)
    if not ranked:
        return result
    rows = np.zeros(n, dtype=np.int64)
    rows[agent[::-1]] = np.arange(len(agent) - 1, -1, -1)  # the first row of each agent
    _check_ranks(reading, ranked, answers, rows)
    given = [_ranks(item, answers) > 0 for item in ranked]
    some = np.any(given, axis=0)
    for item in ranked:
        own = answers[item.name]
        if item.stated is not None and item.stated.ranked is not None and isinstance(own, np.ndarray):
            result[item.name] = np.where(some & (own < 0), 0, own)
    return result


def _ranks(item: Item, answers: Answers) -> NDArray[np.int64]:
    """Return the rank that each agent gives an area, 0 for none, (agent,)."""
    rank = np.array([0 if label == UNRANKED else int(label) for label in item.options] + [0])
    return np.asarray(rank[np.asarray(answers[item.name])])


def _check_ranks(reading: Reading, items: list[Item], answers: Answers, rows: NDArray[np.int64]) -> None:
    """Add a fault for every agent who gives two areas one rank."""
    ranks = np.stack([_ranks(item, answers) for item in items])
    found = 0
    for one in range(len(items)):
        for two in range(one + 1, len(items)):
            agents = np.flatnonzero((ranks[one] == ranks[two]) & (ranks[one] > 0))
            for agent in agents[: max(0, LISTED - found)]:
                what = f"{shown(items[one].name)} and {shown(items[two].name)}"
                message = f"An agent gives rank {ranks[one][agent]} to both {what}."
                column = reading.study.table.answer or items[two].column
                remedy = "Give every area a rank of its own, or a code listed in 'missing'."
                reading.add("rank-twice", message, remedy, row=int(rows[agent]), column=column)
            found += len(agents)
    if found > LISTED:
        message, remedy = "More agents give two areas one rank.", "Give every area a rank of its own."
        reading.add("rank-twice", message, remedy, count=found - LISTED)


def _check_budget(reading: Reading, items: list[Item], agent: NDArray[np.integer], n: int) -> None:
    """Add a fault for agents who give away more than there is."""
    layout = reading.study.table
    total, row_of = np.zeros(n), np.zeros(n, dtype=np.int64)
    for item in items:
        rows = np.arange(len(agent))
        column = layout.answer if layout.layout == "long" else item.column
        if layout.layout == "long":
            assert layout.item is not None
            codes, labels = reading.column(layout.item)
            rows = np.flatnonzero(codes == np.argmax(labels == item.column))
        assert column is not None
        codes, labels = reading.column(column)
        texts = ("" if label in layout.missing else str(label) for label in labels)
        values = np.array([*(plain_number(text, layout.decimal) or 0.0 for text in texts), 0.0])
        own = np.zeros(n)
        own[agent[rows]] = values[codes[rows]]
        row_of[agent[rows]] = rows
        total += own
    whole = max(item.stated.high for item in items if item.stated is not None)
    over = np.flatnonzero(total > whole * (1 + _ROUNDING))
    for place in over[:LISTED]:
        message = f"An agent divides {total[place]:g} among areas, and has {whole:g}."
        reading.add("over-budget", message, "Correct the shares, or 'budget'.", row=int(row_of[place]))
    if len(over) > LISTED:
        message, count = f"More agents divide more than {whole:g}.", len(over) - LISTED
        row = int(row_of[over[LISTED]])
        reading.add("over-budget", message, "Correct the shares, or 'budget'.", row=row, count=count)
