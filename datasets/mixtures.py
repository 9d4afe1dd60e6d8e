"""Agents who follow several goals, simulated: their mixtures of goals, and what they answer.

A mixture has N parts. Each part is a goal drawn one after the other: the first from the shares π of the goals; each
later one is, with a probability that falls with the mixing r, a copy of a part drawn before it, otherwise again drawn
from π (Pólya's urn, A = r / (1 − r): part j + 1 is new with probability A / (A + j)).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .answer_probability import option_probabilities
from .parameters import Parameters
from .study import Area

Array = NDArray[np.float64]


def draw_mixtures(
    area: Area,
    parameters: Parameters,
    group_of_agent: NDArray[np.int64],
    holds: NDArray[np.bool_],
    rng: np.random.Generator,
) -> Array:
    """Draw the share of each goal in each agent's mixture, (agent, goal), 0 for agents who hold no goal.

    Parameters
    ----------
    area
        The area.
    parameters
        Its parameters: shares of goals, of groups where there are any, and ``goal_mixing``.
    group_of_agent
        Group of each agent, (agent,).
    holds
        Whether an agent holds any goal, (agent,).
    rng
        Source of chance.
    """
    n, k, parts = len(group_of_agent), len(area.goals), area.mixture_parts
    share = parameters.get("group_goal_share", parameters["goal_share"][None])[:, :k]
    upto = np.cumsum(share / np.maximum(share.sum(axis=1, keepdims=True), 1e-300), axis=1)[group_of_agent]
    mixing = float(parameters["goal_mixing"])
    drawn = np.empty((n, parts), dtype=np.int64)
    for part in range(parts):
        # A / (A + j) with A = r / (1 − r), without dividing by 1 − r
        is_new = rng.random(n) * (mixing + part * (1 - mixing)) < mixing if part else np.ones(n, dtype=bool)
        goal = np.minimum((rng.random((n, 1)) >= upto).sum(axis=1), k - 1)
        copied = drawn[np.arange(n), rng.integers(max(part, 1), size=n)] if part else goal
        drawn[:, part] = np.where(is_new, goal, copied)
    number = (drawn[:, :, None] == np.arange(k)).sum(axis=1)
    return np.asarray(number * holds[:, None] / parts)


def mixed_probabilities(
    area: Area, baseline: Array, weight: Array, scale: Array, mixture: Array, *, single: bool
) -> Array:
    """Return the probability of every option for agents who follow their goals by their shares, (agent, option).

    Parameters
    ----------
    area, baseline, weight, scale, single
        As for :func:`.option_probabilities`.
    mixture
        Share of each goal, (agent, goal), summing to 1.
    """
    parts = [
        mixture[:, [g]]
        * option_probabilities(area, baseline, weight, np.full(len(weight), g, dtype=np.int64), scale, single=single)
        for g in range(len(area.goals))
    ]
    return np.asarray(np.sum(parts, axis=0))
