"""How a goal and a weight turn into answers: P(option | goal, weight), and answers drawn from it.

The options of all items of an area stand side by side on one ``option`` axis; ``item_of_option`` says which
belong together. Probabilities sum to 1 within each item.

``follow``
    w · G_g(o) + (1 − w) · B(o), with G_g(o) = 1/(number of options of the item that serve g) for those
    options and 0 for the others; B alone where no option of an item serves g. The weight is the share of
    answers that follow the goal.
``luce``
    softmax within the item of log B(o) + κ · w · A_g(o). Only κ·w matters: κ is a convention.

``ordinal``, ``importance``
    levels in order: P(at most l) = logistic(τ_l + shift), the shift that of the goal's place on the scale, or of the
    weight alone.

B is the baseline, how attractive an option is to an agent whom no goal moves. No goal is weight 0 under any
goal.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

type Floats = NDArray[np.float64]


def follow_probability(
    serves: ArrayLike,
    item_of_option: ArrayLike,
    baseline: ArrayLike,
    weight: ArrayLike,
    *,
    goal: ArrayLike | None = None,
) -> Floats:
    """Return P(option | goal, weight) under the rule ``follow``.

    Parameters
    ----------
    serves
        Whether an option serves a goal, (goal, option). An option may serve several goals or none.
    item_of_option
        Item of each option, 0 to J − 1, (option,).
    baseline
        Baseline probabilities, (..., option), summing to 1 within each item; leading axes broadcast with
        ``weight``.
    weight
        Weight in [0, 1], (...).
    goal
        Goal of each entry of ``weight``, −1 for no goal, (...). Default: all goals, on an axis of their own.

    Returns
    -------
    ndarray
        (..., goal, option), or (..., option) when ``goal`` is given.
    """
    served = np.asarray(serves, dtype=bool)
    items = _items(item_of_option, served.shape[-1])
    per_item = _sum_by_item(served.astype(np.float64), items)[:, items]
    aim = np.divide(served, per_item, out=np.zeros_like(per_item), where=per_item > 0)
    moved = (per_item > 0).astype(np.float64)  # an item that no option of which serves the goal is left to the baseline
    w, b, aim, moved = _spread(weight, baseline, goal, aim, moved)
    return w * aim + (1 - w * moved) * b


def luce_probability(
    affinity: ArrayLike,
    item_of_option: ArrayLike,
    baseline: ArrayLike,
    weight: ArrayLike,
    kappa: float,
    *,
    goal: ArrayLike | None = None,
) -> Floats:
    """Return P(option | goal, weight) under the rule ``luce``.

    Parameters
    ----------
    affinity
        How far an option serves a goal, (goal, option): 1 and 0 for serving or not, or graded.
    item_of_option, baseline, weight, goal
        As for :func:`follow_probability`. An option of baseline 0 is never chosen.
    kappa
        Scale κ of the affinity: at weight 1 the odds of an option with affinity 1 are e^κ times those of one
        with 0.

    Returns
    -------
    ndarray
        (..., goal, option), or (..., option) when ``goal`` is given.
    """
    pull = np.asarray(affinity, dtype=np.float64)
    items = _items(item_of_option, pull.shape[-1])
    w, b, pull = _spread(weight, baseline, goal, pull)
    with np.errstate(divide="ignore"):
        logits = np.log(b) + kappa * w * pull
    odds = np.exp(logits - _max_by_item(logits, items)[..., items])
    return np.asarray(odds / _sum_by_item(odds, items)[..., items])


def ordinal_probability(
    serves: ArrayLike,
    item_of_option: ArrayLike,
    baseline: ArrayLike,
    weight: ArrayLike,
    kappa: float,
    *,
    goal: ArrayLike | None = None,
) -> Floats:
    """Return P(level | goal, weight) of ordered levels: P(at most l) = logistic(τ_l + κ·w·push_g(l)).

    Parameters
    ----------
    serves, item_of_option, baseline, weight, kappa, goal
        As for :func:`luce_probability`, levels in order within each item. τ_l is the logit of the baseline probability
        of at most l. The levels that serve a goal are neighbours; the push is that of :func:`level_push`.

    Returns
    -------
    ndarray
        (..., goal, option), or (..., option) when ``goal`` is given.
    """
    push = level_push(serves, item_of_option)
    items = _items(item_of_option, push.shape[-1])
    w, b, push = _spread(weight, baseline, goal, push)
    return _levels(b, items, kappa * w * push)


def importance_probability(item_of_option: ArrayLike, baseline: ArrayLike, weight: ArrayLike, scale: float) -> Floats:
    """Return P(level | weight) of stated importance, from least to most: P(at most l) = logistic(τ_l − λ(w − ½)).

    Parameters
    ----------
    item_of_option, baseline
        As for :func:`ordinal_probability`.
    weight
        Weight in [0, 1], (...); 0 without a goal.
    scale
        λ > 0: from weight 0 to 1 the odds of a higher level grow by e^λ.

    Returns
    -------
    ndarray
        (..., option).
    """
    b = np.asarray(baseline, dtype=np.float64)
    items = _items(item_of_option, b.shape[-1])
    return _levels(b, items, -scale * (np.asarray(weight, dtype=np.float64)[..., None] - 0.5))


def learned_probability(
    formula: str,
    affinity: ArrayLike,
    item_of_option: ArrayLike,
    baseline: ArrayLike,
    weight: ArrayLike,
    *,
    goal: ArrayLike | None = None,
) -> Floats:
    """Return P(option | goal, weight) where it is learned what a goal favours.

    Parameters
    ----------
    formula
        ``"follow"``: w · softmax(a_g) + (1 − w) · B. ``"luce"`` and ``"pairwise"``: softmax of log B + w · a_g.
        ``"ordinal"``: P(at most l) = logistic(τ_l − w · a_g), the same a_g for all levels.
    affinity
        a_g(o), logits by which a goal favours the options, (goal, option).
    item_of_option, baseline, weight, goal
        As for :func:`follow_probability`.

    Returns
    -------
    ndarray
        (..., goal, option), or (..., option) when ``goal`` is given.
    """
    pull = np.asarray(affinity, dtype=np.float64)
    items = _items(item_of_option, pull.shape[-1])
    if formula in {"luce", "pairwise"}:
        return luce_probability(pull, items, baseline, weight, 1.0, goal=goal)
    if formula == "ordinal":
        w, b, pull = _spread(weight, baseline, goal, pull)
        return _levels(b, items, -w * pull)
    odds = np.exp(pull - _max_by_item(pull, items)[..., items])
    w, b, aim = _spread(weight, baseline, goal, odds / _sum_by_item(odds, items)[..., items])
    return w * aim + (1 - w) * b


def level_push(serves: ArrayLike, item_of_option: ArrayLike) -> Floats:
    """Return which way a goal pushes "at most this level": +1, −1 or 0, (goal, option).

    +1 at and above the levels that serve the goal, −1 below them, 0 between two of them and for goals that no level of
    the item serves.
    """
    served = np.asarray(serves, dtype=bool)
    items = _items(item_of_option, served.shape[-1])
    push = np.zeros(served.shape)
    for j in range(int(items.max()) + 1):
        mine = np.flatnonzero(items == j)
        for g in range(len(served)):
            levels = np.flatnonzero(served[g, mine])
            if len(levels):
                place = np.arange(len(mine))
                push[g, mine] = np.where(place >= levels[-1], 1.0, np.where(place < levels[0], -1.0, 0.0))
    return push


def pairwise_affinity(serves: ArrayLike, item_of_option: ArrayLike) -> Floats:
    """Return how far the answers of comparisons serve a goal, (goal, option): a tie half as far as both objects.

    Each item has the options "the first", "the second" and, where ties are possible, "a tie", in this order. With these
    affinities :func:`luce_probability` is the model of Davidson (1970), doi:10.2307/2283595.
    """
    affinity = np.asarray(serves, dtype=np.float64).copy()
    items = _items(item_of_option, affinity.shape[-1])
    for j in range(int(items.max()) + 1):
        mine = np.flatnonzero(items == j)
        if len(mine) == 3:
            affinity[:, mine[2]] = affinity[:, mine[:2]].mean(axis=1)
    return affinity


def _levels(baseline: Floats, items: NDArray[np.int64], shift: Floats) -> Floats:
    """Return the probability of each level from the shifts of the thresholds above them."""
    shape = np.broadcast_shapes(baseline.shape, shift.shape)
    b, moved, result = np.broadcast_to(baseline, shape), np.broadcast_to(shift, shape), np.empty(shape)
    for j in range(int(items.max()) + 1):
        mine = np.flatnonzero(items == j)
        most = np.cumsum(b[..., mine], axis=-1)[..., :-1]
        odds = most / np.cumsum(b[..., mine[::-1]], axis=-1)[..., -2::-1] * np.exp(moved[..., mine[:-1]])
        upto = odds / (1 + odds)
        result[..., mine] = np.diff(upto, axis=-1, prepend=0.0, append=1.0)
    return result


def draw_options(
    probability: ArrayLike, item_of_option: ArrayLike, rng: int | np.random.Generator | None = None
) -> NDArray[np.int64]:
    """Return one drawn option per item for each row of probabilities.

    Parameters
    ----------
    probability
        P(option), (..., option), summing to 1 within each item.
    item_of_option
        Item of each option, 0 to J − 1, (option,).
    rng
        Seed or generator.

    Returns
    -------
    ndarray
        Position on the ``option`` axis of the option drawn for each item, (..., item).
    """
    p = np.asarray(probability, dtype=np.float64)
    items = _items(item_of_option, p.shape[-1])
    generator = np.random.default_rng(rng)
    n_items = int(items.max()) + 1
    drawn = np.empty((*p.shape[:-1], n_items), dtype=np.int64)
    for j in range(n_items):
        options = np.flatnonzero(items == j)
        mass = np.cumsum(p[..., options], axis=-1)
        height = generator.random(p.shape[:-1]) * mass[..., -1]
        place = np.sum(height[..., None] >= mass, axis=-1)
        # Rounding may carry a draw past the end; the last option that has any mass is then the one meant.
        last = np.argmax(mass == mass[..., -1:], axis=-1)
        drawn[..., j] = options[np.minimum(place, last)]
    return drawn


def _spread(weight: ArrayLike, baseline: ArrayLike, goal: ArrayLike | None, *tables: Floats) -> list[Floats]:
    """Return weight, baseline and (goal, option) tables in shapes that broadcast to the result."""
    w = np.asarray(weight, dtype=np.float64)
    b = np.asarray(baseline, dtype=np.float64)
    if goal is None:
        return [w[..., None, None], b[..., None, :], *tables]
    g = np.asarray(goal)
    w = np.where(g < 0, 0.0, w)
    return [w[..., None], b, *(table[np.maximum(g, 0)] for table in tables)]


def _items(item_of_option: ArrayLike, n_options: int) -> NDArray[np.int64]:
    items = np.asarray(item_of_option, dtype=np.int64)
    if items.shape != (n_options,):
        raise ValueError(f"item_of_option has the shape {items.shape}, expected ({n_options},): one item per option.")
    if n_options and not np.array_equal(np.unique(items), np.arange(items.max() + 1)):
        raise ValueError("item_of_option must number the items 0, 1, … without gaps.")
    return items


def _sum_by_item(values: Floats, items: NDArray[np.int64]) -> Floats:
    return np.stack([values[..., items == j].sum(axis=-1) for j in range(int(items.max()) + 1)], axis=-1)


def _max_by_item(values: Floats, items: NDArray[np.int64]) -> Floats:
    return np.stack([values[..., items == j].max(axis=-1) for j in range(int(items.max()) + 1)], axis=-1)
