"""What agents of each goal answer: option shares among agents weighted by the probability that they hold the goal.

With r_i(g) the probability of goal g given all answers of agent i and the parameters θ, and y_ij(o) the share of its
answers to item j that are option o,

    D_g(o) = Σ_i r_i(g) [y_ij(o) − P_h(o | g)],

over the agents who answered item j, has mean 0 at θ: by the law of total expectation E r(g) y(o) = π_g P(o | g),
although r was computed from the very answers. So what the model expects needs no simulation, and the sampling variance
is the sum of the squares. That θ was fitted to the answers is allowed for as in :mod:`~dissensus.inference.calibrated`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .calibrated import calibrated
from .density import AreaDensity, chunks, evaluate_rows, state_prior
from .marginal import feature_means
from .thinning import evenly

Array = NDArray[np.float64]

DRAWS = 300
"""Posterior draws used: the spread of the discrepancies over them is subtracted, so it must be known well."""
FEWEST_DRAWS = 50
"""Posterior draws used where there are so many distinct answers that more would take seconds."""
FEWEST_AGENTS = 20
"""Goals held by fewer agents than this, counted by the probabilities, are not looked at."""
_NUMBERS = 30_000_000


@dataclass(frozen=True, eq=False)
class GoalAnswers:
    """Option shares among the agents of each goal, (share, option) each; shares are the goals, then no goal.

    Parameters
    ----------
    agents
        Number of agents behind each share, as many as count alike.
    observed, expected
        Posterior means of the shares of options, as answered and as the model has them.
    error
        Standard error that ``observed − expected`` has if the model is right.
    p
        Predictive p-value; NaN where not looked at.
    """

    agents: Array
    observed: Array
    expected: Array
    error: Array
    p: Array


def goal_answers(density: AreaDensity, theta: Array) -> GoalAnswers | None:
    """Return what the agents of each goal answer; None with one goal, or where the answers say nothing on weights.

    Parameters
    ----------
    density
        Density of the area.
    theta
        Equally weighted posterior draws, (draw, coordinate).
    """
    area, rows, states = density.area, density.rows, density.states
    if density.face_value or states.n_shares < 2:
        return None
    most = max(FEWEST_DRAWS, _NUMBERS // max(rows.n_rows * density.n_options, 1))
    used = theta[evenly(len(theta), min(len(theta), DRAWS, most))]
    in_item = (area.item_of_option[:, None] == np.arange(len(area.items))).astype(float)
    counts = area.counts[rows.pattern]
    times = counts @ in_item
    answered, share = (times > 0).astype(float), counts / (np.maximum(times, 1) @ in_item.T)
    weight = rows.multiplicity
    squares = share**2
    once_only = ~area.repeated[area.item_of_option]
    shape = (len(used), states.n_shares, density.n_options)
    gap, expected, variance, agents = np.empty(shape), np.empty(shape), np.zeros(shape[1:]), np.zeros(shape[1:])
    d = 0
    for part in chunks(density, len(used), per_draw=rows.n_rows * states.n_shares):
        values, log_p, parts = evaluate_rows(density, used[part])
        prior = np.exp(state_prior(density, values))  # (draw, group, state)
        held = feature_means(rows, parts, states.is_goal)  # (draw, row, share)
        by_goal = prior[..., None] * states.is_goal  # (draw, group, state, share)
        model = np.matmul(by_goal.swapaxes(2, 3), np.exp(log_p)[:, None])
        model /= np.maximum(by_goal.sum(axis=2), 1e-300)[..., None]  # (draw, group, share, option)
        for r, table in zip(held, model, strict=True):
            total, seen, meant, spread, square = (np.zeros(shape[1:]) for _ in range(5))
            for h, p in enumerate(table):
                mine = rows.group == h
                once = r[mine] * weight[mine, None]
                twice = r[mine] * once
                y, z = share[mine], answered[mine] @ in_item.T
                n, n_square = once.T @ z, twice.T @ z
                total, square = total + n, square + n_square
                seen, meant = seen + once.T @ y, meant + n * p
                # Of few events the squares say little: the least they can amount to is taken, too.
                found = twice.T @ squares[mine] - 2 * p * (twice.T @ y) + p**2 * n_square
                spread = spread + np.maximum(found, p * (1 - p) * n_square * once_only)
            size = np.maximum(total, 1e-150)  # its square is above 0
            gap[d], expected[d] = (seen - meant) / size, meant / size
            variance += np.maximum(spread, 0) / size**2 / len(used)
            agents += total**2 / np.maximum(square, 1e-300) / len(used)
            d += 1
    result = calibrated(gap, variance)
    looked_at = (agents >= FEWEST_AGENTS) & (in_item.sum(axis=0) > 1)[area.item_of_option] & (variance > 1e-12)
    p = np.where(looked_at, result.p, np.nan)
    mean = expected.mean(axis=0)
    return GoalAnswers(agents, mean + result.gap, mean, result.error, p)
