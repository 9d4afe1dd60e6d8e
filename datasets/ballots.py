"""Rankings, and best and worst options, of sets that differ: not all options were on offer, or an agent ranks often.

A ballot is a ranking of the options that were on offer. Like a choice situation it has no first answer that all share,
so all its choices are stages (:mod:`.stages`): the first from what was on offer, each later one from what is left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .pattern_entries import entries_at
from .stages import Stages
from .study import Item

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Ballots:
    """The rankings of one item, one entry for each.

    Parameters
    ----------
    agent
        Who ranked, (ballot,).
    offered
        Whether an option was on offer, (ballot, option).
    order
        Options from best on, −1 after the last one ranked, (ballot, place); of best and worst these two.
    times
        How often the agent gave it, (ballot,).
    """

    agent: NDArray[np.int64]
    offered: NDArray[np.bool_]
    order: NDArray[np.int64]
    times: NDArray[np.int64]


def ballot_stages(position: int, item: Item, ballots: Ballots) -> Stages:
    """Return the distinct choices of ballots as stages, agents for patterns.

    Parameters
    ----------
    position, item
        The item, and its position in its area.
    ballots
        Its ballots. A choice from one option that is left says nothing and is no stage.
    """
    n_options, left = len(item.serves), ballots.offered.copy()
    holders, keys, worst_first = [], [], item.kind == "best_worst"
    for place, picked in enumerate(ballots.order.T):
        ranked = np.flatnonzero(picked >= 0)
        several = ranked[left[ranked].sum(axis=1) > 1]
        holders.append(several)
        bits = left[several].astype(np.int64)
        is_worst = np.full((len(several), 1), int(worst_first and place == 1))
        keys.append(np.hstack([bits, is_worst, picked[several, None]]))
        left[ranked, picked[ranked]] = False
    key = np.concatenate([*keys, np.zeros((0, n_options + 2), dtype=np.int64)]).astype(np.int32)
    holder = np.concatenate([*holders, np.zeros(0, dtype=np.int64)])
    kinds, kind = np.unique(key, axis=0, return_inverse=True)
    available, worst, chosen = kinds[:, :n_options].astype(bool), kinds[:, -2].astype(bool), kinds[:, -1]
    width = int(available.sum(axis=1).max(initial=0))
    place_of = np.cumsum(available, axis=1) - 1
    shown = np.full((len(kinds), width), -1, dtype=np.int64)
    rows, options = np.nonzero(available)
    shown[rows, place_of[rows, options]] = options
    size = max(len(kinds), 1)
    cell, entry = np.unique(ballots.agent[holder] * size + np.ravel(kind), return_inverse=True)
    times = np.bincount(np.ravel(entry), ballots.times[holder], len(cell)).astype(np.int64)
    at_chosen = place_of[np.arange(len(kinds)), chosen].astype(np.int64)
    features = np.zeros((len(kinds), width, 0))
    return Stages(position, shown, at_chosen, worst, features, cell // size, cell % size, times)


def ballots_of(stages: Stages, item: Item) -> Ballots:
    """Return ballots with these stages, patterns for agents; the inverse of :func:`ballot_stages`.

    Where an agent ranks several times, different ballots may have the same choices in all; they then say the same.
    """
    n_options, best_worst = len(item.serves), item.kind == "best_worst"
    sets = [frozenset(row[row >= 0].tolist()) for row in stages.shown]
    picks = stages.shown[np.arange(len(stages.chosen)), stages.chosen].tolist()
    size = np.array([len(one) for one in sets], dtype=np.int64)
    order = np.lexsort((stages.stage, -size[stages.stage], stages.pattern))
    found: list[tuple[int, frozenset[int], list[int]]] = []
    waiting: dict[tuple[int, frozenset[int]], list[int]] = {}
    for entry in order.tolist():
        pattern, stage = int(stages.pattern[entry]), int(stages.stage[entry])
        options, pick = sets[stage], picks[stage]
        for _ in range(int(stages.times[entry])):
            before = waiting.get((pattern, options)) if stages.worst[stage] or not best_worst else None
            if before:
                number = before.pop()
            else:
                number = len(found)
                found.append((pattern, options, []))
            ranked = found[number][2]
            ranked.append(pick)
            rest = options - {pick}
            if len(rest) == 1 and len(ranked) < item.n_places:
                ranked.extend(rest)
            elif len(ranked) < item.n_places:
                waiting.setdefault((pattern, rest), []).append(number)
    offered, orders = np.zeros((len(found), n_options), dtype=bool), np.full((len(found), item.n_places), -1)
    for number, (_, options, ranked) in enumerate(found):
        offered[number, list(options)] = True
        orders[number, : len(ranked)] = ranked
    agent = np.array([pattern for pattern, _, _ in found], dtype=np.int64)
    return Ballots(agent, offered, orders.astype(np.int64), np.ones(len(found), dtype=np.int64))


def once_each(ballots: Ballots, n: int) -> Ballots:
    """Return a ballot for each of n agents who rank once, in their order; with nothing ranked for those who do not."""
    offered = np.ones((n, ballots.offered.shape[1]), dtype=bool)
    order = np.full((n, ballots.order.shape[1]), -1, dtype=np.int64)
    offered[ballots.agent], order[ballots.agent] = ballots.offered, ballots.order
    return Ballots(np.arange(n), offered, order, np.ones(n, dtype=np.int64))


def entered_ballots(stages: Stages, item: Item, patterns: NDArray[np.int64]) -> Ballots:
    """Return the ballots of some patterns in their order, (agent,), each perhaps several times."""
    every = ballots_of(stages, item)
    agent, at = entries_at(every.agent, patterns)
    return Ballots(agent, every.offered[at], every.order[at], every.times[at])


def full_ballots(item: Item, n_agents: int, times: int) -> Ballots:
    """Return ballots with all options on offer, so many for each agent, as they are before anyone ranks."""
    agent = np.repeat(np.arange(n_agents), times)
    order = np.zeros((len(agent), item.n_places), dtype=np.int64)
    offered = np.ones((len(agent), len(item.serves)), dtype=bool)
    return Ballots(agent, offered, order, np.ones(len(agent), dtype=np.int64))


def draw_ballots(
    asked: Ballots, utility: Array, item: Item, rng: np.random.Generator, *, missing: float = 0.0
) -> Ballots:
    """Draw how agents rank what they are offered, as many places as were ranked, by the rule ``luce``.

    Parameters
    ----------
    asked
        The ballots; which option has which place does not matter.
    utility
        Utility of each option to each agent, (agent, option).
    item
        The item: a ranking, or best and worst.
    rng
        Source of chance.
    missing
        Probability that a ballot is missing.
    """
    own = utility[asked.agent]
    # the order of utilities with Gumbel noise is that of choices from what is left (Yellott 1977)
    noisy = np.where(asked.offered, own + rng.gumbel(size=own.shape), -np.inf)
    if item.kind == "best_worst":
        best = noisy.argmax(axis=1)
        last = np.where(asked.offered, -own + rng.gumbel(size=own.shape), -np.inf)
        last[np.arange(len(best)), best] = -np.inf
        order = np.column_stack([best, last.argmax(axis=1)])
    else:
        order = np.argsort(-noisy, axis=1)[:, : asked.order.shape[1]]
        order = np.where(asked.order >= 0, order, -1)
        order[np.arange(order.shape[1]) >= asked.offered.sum(axis=1)[:, None]] = -1
    kept = rng.random(len(order)) >= missing
    return Ballots(asked.agent[kept], asked.offered[kept], order[kept], asked.times[kept])
