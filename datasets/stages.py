"""Choices from sets that differ from one to the next: later places of a ranking, the worst of a set, situations.

A ranking is its first choice, an ordinary answer, and then choices from what is left (Plackett 1975,
doi:10.2307/2346567): with J objects there are at most J·2^(J−1) different ones, so agents share them. Each such *stage*
is stored once, and the patterns say how often they hold it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .pattern_entries import entries_at
from .study import Item


@dataclass(frozen=True, eq=False)
class Stages:
    """The distinct stages of one item, and how often the patterns of its area hold them.

    Parameters
    ----------
    item
        Position of the item in its area.
    shown
        Options to choose from, by their position in the item, −1 for an empty place, (stage, place).
    chosen
        Place of the option chosen, (stage,).
    worst
        Whether the least attractive option is chosen instead of the most attractive, (stage,).
    features
        Features of the options shown, in units of the study's ``per``, 0 in empty places, (stage, place, feature).
    pattern, stage, times
        Which pattern holds which stage how often, sorted by pattern, then stage, (entry,).
    names
        Names of the features.
    """

    item: int
    shown: NDArray[np.int64]
    chosen: NDArray[np.int64]
    worst: NDArray[np.bool_]
    features: NDArray[np.float64]
    pattern: NDArray[np.int64]
    stage: NDArray[np.int64]
    times: NDArray[np.int64]
    names: tuple[str, ...] = ()

    def per_pattern(self, n_patterns: int) -> NDArray[np.int64]:
        """Return the number of stages of each pattern, (pattern,)."""
        return np.bincount(self.pattern, self.times, n_patterns).astype(np.int64)


def one_by_one(stages: Stages) -> Stages:
    """Return the same stages with one of its own for every choice that was made."""
    entry = np.repeat(np.arange(len(stages.pattern)), stages.times)
    at = stages.stage[entry]
    return replace(
        stages,
        shown=stages.shown[at],
        chosen=stages.chosen[at],
        worst=stages.worst[at],
        features=stages.features[at],
        pattern=stages.pattern[entry],
        stage=np.arange(len(entry)),
        times=np.ones(len(entry), dtype=np.int64),
    )


def stages_at(stages: Stages, patterns: NDArray[np.int64]) -> Stages:
    """Return the stages of some patterns in their order, (row,), each perhaps several times, as patterns of their own.

    Stages that none of them holds stay.
    """
    row, entry = entries_at(stages.pattern, patterns)
    return replace(stages, pattern=row, stage=stages.stage[entry], times=stages.times[entry])


def kept_stages(stages: Iterable[Stages], kept: NDArray[np.bool_]) -> tuple[Stages, ...]:
    """Return the stages of some patterns, (pattern,), numbered anew; stages that none of them holds are left out."""
    number = np.cumsum(kept) - 1
    found = []
    for one in stages:
        mine = kept[one.pattern]
        used, stage = np.unique(one.stage[mine], return_inverse=True)
        found.append(
            replace(
                one,
                shown=one.shown[used],
                chosen=one.chosen[used],
                worst=one.worst[used],
                features=one.features[used],
                pattern=number[one.pattern[mine]],
                stage=stage.astype(np.int64),
                times=one.times[mine],
            )
        )
    return tuple(found)


def ranking_stages(item: int, order: NDArray[np.integer], n_options: int) -> Stages:
    """Return the later choices of rankings, each from the objects that are left; see :func:`canonical_order`.

    Parameters
    ----------
    item
        Position of the item in its area.
    order
        Objects from best on, −1 after the last one ranked, (pattern, place).
    n_options
        Number of objects J.
    """
    return _stages(item, order, n_options, worst=False)


def best_worst_stages(item: int, order: NDArray[np.integer], n_options: int) -> Stages:
    """Return the choices of a worst object from those that are not the best, (pattern, [best, worst]), −1 for none."""
    return _stages(item, order[:, :2], n_options, worst=True)


def _stages(item: int, order: NDArray[np.integer], n_options: int, *, worst: bool) -> Stages:
    order = order.astype(np.int64)
    left = np.ones((len(order), n_options), dtype=bool)
    sets, picks, holders = [], [], []
    for place in range(order.shape[1]):
        ranked = np.flatnonzero(order[:, place] >= 0)
        pick = order[ranked, place]
        several = left[ranked].sum(axis=1) > 1
        if place > 0:
            holders.append(ranked[several])
            sets.append(left[ranked[several]])
            picks.append(pick[several])
        left[ranked, pick] = False
    available = np.concatenate([*sets, np.zeros((0, n_options), dtype=bool)])
    chosen = np.concatenate([*picks, np.zeros(0, dtype=np.int64)])
    holder = np.concatenate([*holders, np.zeros(0, dtype=np.int64)])
    kinds, kind = np.unique(np.column_stack([available, chosen]), axis=0, return_inverse=True)
    available, chosen = kinds[:, :-1].astype(bool), kinds[:, -1].astype(np.int64)
    width = int(available.sum(axis=1).max(initial=0))
    place_of = np.cumsum(available, axis=1) - 1
    shown = np.full((len(kinds), width), -1, dtype=np.int64)
    rows, options = np.nonzero(available)
    shown[rows, place_of[rows, options]] = options
    by_pattern = np.lexsort((np.ravel(kind), holder))
    return Stages(
        item,
        shown,
        place_of[np.arange(len(kinds)), chosen],
        np.full(len(kinds), worst),
        np.zeros((len(kinds), width, 0)),
        holder[by_pattern],
        np.ravel(kind)[by_pattern].astype(np.int64),
        np.ones(len(holder), dtype=np.int64),
    )


def canonical_order(order: NDArray[np.integer], n_options: int) -> NDArray[np.int64]:
    """Return rankings without what says nothing: the last object of a full ranking, which no choice is left for."""
    order = order.astype(np.int64)
    return np.asarray(np.where(np.arange(order.shape[1]) < max(n_options - 1, 1), order, -1))


def orders_of(stages: Stages, first: NDArray[np.int64], n_options: int) -> NDArray[np.int64]:
    """Return the rankings back from their first choices and their stages, (pattern, object), −1 after the last.

    Parameters
    ----------
    stages
        The later choices; for the best and the worst the worst comes second.
    first
        The first choice of each pattern, −1 for none, (pattern,).
    n_options
        Number of objects.
    """
    order = np.full((len(first), n_options), -1, dtype=np.int64)
    order[:, 0] = first
    picked = stages.shown[np.arange(len(stages.chosen)), stages.chosen]
    place = n_options - (stages.shown >= 0).sum(axis=1)
    order[stages.pattern, place[stages.stage]] = picked[stages.stage]
    if not stages.worst.any() and n_options > 1:
        done = np.flatnonzero(order[:, n_options - 2] >= 0)
        order[done, n_options - 1] = n_options * (n_options - 1) // 2 - order[done, : n_options - 1].sum(axis=1)
    return order


def draw_order(
    probability: NDArray[np.float64], first: NDArray[np.integer], item: Item, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw what follows the first choice of an item, (agent, place), as far as it is asked for.

    Parameters
    ----------
    probability
        Probability of each option to be the first, by the rule ``luce``, positive, (agent, option).
    first
        The first choice, (agent,).
    item
        The item: a ranking, or best and worst.
    rng
        Source of chance.
    """
    utility = np.log(probability)
    # the order of utilities with Gumbel noise is that of choices from what is left (Yellott 1977)
    noisy = (-utility if item.kind == "best_worst" else utility) + rng.gumbel(size=probability.shape)
    noisy[np.arange(len(first)), first] = np.inf
    order = np.argsort(-noisy, axis=1)[:, : item.n_places]
    return order if item.kind == "best_worst" else canonical_order(order, probability.shape[1])


def order_text(item: Item, order: NDArray[np.int64]) -> NDArray[np.object_]:
    """Return rankings as texts with the separator of the item, None for no answer, (row,)."""
    labels = np.array(item.options, dtype=object)
    asked = order[:, : item.n_places]  # one place less than all tells all, and is not all that was asked for
    return np.array([item.separator.join(labels[row[row >= 0]]) or None for row in asked], dtype=object)
