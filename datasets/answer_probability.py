"""P(option | goal, weight) of all options of an area, item by item according to its kind."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from ..forward_model.choice_rules import (
    follow_probability,
    importance_probability,
    learned_probability,
    luce_probability,
    ordinal_probability,
    pairwise_affinity,
)
from .study import Area, Item, passing

Array = NDArray[np.float64]


def option_probabilities(
    area: Area,
    baseline: Array,
    weight: Array,
    goal: NDArray[np.int64],
    scale: Array,
    *,
    single: bool,
    affinity: Array | None = None,
    passed: tuple[Array, Array] | None = None,
) -> Array:
    """Return the probability of every option for agents of known goals and weights, (agent, option).

    Parameters
    ----------
    area
        The area of the study.
    baseline
        Baseline probabilities, (option,).
    weight, goal
        Weight and position of the goal of each agent, −1 for no goal, (agent,).
    scale
        Scales λ of the items of stated importance, (importance,).
    single
        Whether answers are taken at face value: agents then follow their goal with weight 1, while stated importance
        tells their weight.
    affinity
        By how much each goal favours the options of learned items, (goal, option).
    passed
        How passing comes about, ``pass_share`` (item with passing,) and ``pass_scale``; None where nobody passes.
    """
    passes = passing(area)
    if passes.any():
        assert passed is not None
        given = area.model_copy(update={"items": tuple(_without_passing(item) for item in area.items)})
        some = None if affinity is None else affinity[:, ~passes]
        p = np.empty((len(weight), len(passes)))
        p[:, ~passes] = option_probabilities(
            given, baseline[~passes], weight, goal, scale, single=single, affinity=some
        )
        sign = (weight if area.abstain is None or area.abstain.means == "low_weight" else goal >= 0) - 0.5
        p[:, passes] = expit(logit(passed[0]) - passed[1] * sign[:, None])
        sizes = [len(item.serves) for item in area.items]
        for item, place in zip(np.repeat(np.arange(len(sizes)), sizes)[passes], np.flatnonzero(passes), strict=True):
            mine = np.repeat(np.arange(len(sizes)), sizes) == item
            mine[place] = False
            p[:, mine] *= 1 - p[:, [place]]
        return p
    sizes = [len(item.serves) for item in area.items]
    item_of_option = np.repeat(np.arange(len(sizes)), sizes)
    serves = area.serves_matrix
    followed = np.where(goal >= 0, 1.0, 0.0) if single else weight
    learned = area.learned_items or (False,) * len(area.items)
    if not area.kinds and not any(learned):
        return _by_rule(area.rule, serves, item_of_option, baseline, followed, area.kappa, goal)
    p, scales = np.empty((len(weight), len(item_of_option))), iter(scale)
    for position, item in enumerate(area.items):
        mine = item_of_option == position
        alone = np.zeros(mine.sum(), dtype=np.int64)
        if item.kind == "importance":
            p[:, mine] = importance_probability(alone, baseline[mine], weight, float(next(scales)))
            continue
        formula = area.rule if item.kind == "choice" else item.kind
        formula = formula if formula in {"follow", "ordinal", "pairwise"} else "luce"
        if learned[position]:
            assert affinity is not None
            p[:, mine] = learned_probability(formula, affinity[:, mine], alone, baseline[mine], followed, goal=goal)
            continue
        p[:, mine] = _by_rule(formula, serves[:, mine], alone, baseline[mine], followed, area.kappa, goal)
    return p


def _without_passing(item: Item) -> Item:
    """Return an item as it is to those who answer."""
    return item.model_copy(update={"serves": dict(list(item.serves.items())[: item.n_answers]), "passes": ()})


def _by_rule(
    formula: str,
    serves: NDArray[np.bool_],
    item_of_option: NDArray[np.int64],
    baseline: Array,
    weight: Array,
    kappa: float,
    goal: NDArray[np.int64],
) -> Array:
    if formula == "follow":
        return follow_probability(serves, item_of_option, baseline, weight, goal=goal)
    if formula == "ordinal":
        return ordinal_probability(serves, item_of_option, baseline, weight, kappa, goal=goal)
    affinity = pairwise_affinity(serves, item_of_option) if formula == "pairwise" else serves
    return luce_probability(affinity, item_of_option, baseline, weight, kappa, goal=goal)
