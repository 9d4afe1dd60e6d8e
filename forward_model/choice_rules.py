"""How a goal and a weight turn into answers: P(option | goal, weight), and answers drawn from it.

The options of all items of an area stand side by side on one ``option`` axis; ``item_of_option`` says which
belong together. Probabilities sum to 1 within each item.

``follow``
    w · G_g(o) + (1 − w) · B(o), with G_g(o) = 1/(number of options of the item that serve g) for those
    options and 0 for the others; B alone where no option of an item serves g. The weight is the share of
    answers that follow the goal.
``luce``
    softmax within the item of log B(o) + κ · w · A_g(o). Only κ·w matters: κ is a convention.

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
