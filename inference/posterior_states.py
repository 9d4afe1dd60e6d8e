"""Posterior of the hidden states: how many agents of each group hold each goal, with what weights.

Given the parameters, agents are independent, and a score of these n agents depends on them through the totals of
their group only: the number of agents with each goal, the sum of √w and the sum of w; where they follow several goals
also the sums of products of their shares, as nobody makes a pair with itself. In groups of up to 2,000 agents
every agent's state is drawn. In larger ones the totals are drawn from the normal distribution with their exact mean
and covariance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .density import AreaDensity, chunks, evaluate_rows, in_parts, is_large
from .large_states import large_totals, rows_of, totals_at_draws
from .marginal import Evaluation, feature_means, state_probabilities, state_totals
from .states import States

Array = NDArray[np.float64]

EXACT_AGENTS = 2_000
"""In groups of up to this many agents every state is drawn; above, totals are normal (tests measure the difference)."""
_MOST_EXACT = 20_000  # agents whose states are drawn in all; the smallest groups come first


@dataclass(frozen=True, eq=False)
class StateDraws:
    """Posterior draws of the totals of states, and posterior means per row.

    Parameters
    ----------
    count, root, weight
        Number of agents, sum of √w and sum of w by goal (``no goal`` last), of each group, (draw, group, share).
    row_goal
        Posterior probability of each goal for an agent of each row, (row, share).
    row_weight
        Posterior mean weight of an agent of each row, (row,).
    overlap
        Where agents follow several goals, Σ μ_g μ_h and Σ w μ_g μ_h of every pair of goals, (draw, prior, 2, pair).
    row_spread
        Posterior mean of 1 − Σ μ_g² of an agent of each row who holds any goal, (row,); 0 where agents hold one.
    row_of_agent
        Row of each agent, (agent,), where these rows are not those of the area; see :mod:`.joint_scores`.
    """

    count: Array
    root: Array
    weight: Array
    row_goal: Array
    row_weight: Array
    overlap: Array
    row_spread: Array
    row_of_agent: NDArray[np.int64] | None = None


def state_features(states: States) -> Array:
    """Return what is summed over agents, (state, feature).

    1, √w and w by goal share; where agents follow several goals, products of shares, and those times w, by pair.
    """
    goal, overlap, weight = states.is_goal, states.overlap, states.weight[:, None]
    return np.hstack([goal, goal * np.sqrt(weight), goal * weight, overlap, overlap * weight])


def draw_states(density: AreaDensity, theta: Array, rng: np.random.Generator) -> StateDraws:
    """Return draws of the state totals, one for each parameter vector.

    Parameters
    ----------
    density
        Density of the area.
    theta
        Parameter vectors, (draw, coordinate).
    rng
        Source of the draws.
    """
    rows, states = density.rows, density.states
    features = state_features(states)
    draws = len(theta)
    exact = _drawn_one_by_one(density)
    if in_parts(density) and not exact.all():
        return _draw_in_parts(density, theta, features, exact, rng)
    some_rows = exact[density.unit_of_row]
    totals = np.empty((draws, density.n_units, features.shape[1]))
    means = np.zeros((rows.n_rows, features.shape[1]))
    per_draw = int(some_rows.sum()) * states.n_states + rows.n_rows * features.shape[1]
    for part in chunks(density, draws, per_draw=per_draw):
        _, _, parts = evaluate_rows(density, theta[part])
        if not exact.all():
            row_means = feature_means(rows, parts, features)
            totals[part] = _draw_totals(density, parts, row_means, features, rng)
            means += row_means.sum(axis=0)
        if exact.any():
            probability = state_probabilities(rows, parts, some_rows)
            drawn = _draw_every_agent(density, probability, some_rows, rng)
            totals[part][:, exact] = drawn[:, exact] @ features
            if exact.all():
                means += (probability @ features).sum(axis=0)
    means /= draws
    return state_draws(states, totals, means)


def state_draws(states: States, totals: Array, means: Array) -> StateDraws:
    """Return draws of the totals of features, (draw, prior, feature), and their means by row, (row, feature)."""
    k, pairs = states.n_shares, states.overlap.shape[1]
    count, root, weight, overlap = np.split(totals, [k, 2 * k, 3 * k], axis=2)
    return StateDraws(
        count,
        root,
        weight,
        means[:, :k],
        means[:, 2 * k : 3 * k].sum(axis=1),
        overlap.reshape(*totals.shape[:2], 2, pairs),
        2 * means[:, 3 * k : 3 * k + pairs].sum(axis=1),
    )


def _draw_in_parts(
    density: AreaDensity, theta: Array, features: Array, exact: NDArray[np.bool_], rng: np.random.Generator
) -> StateDraws:
    """Return draws of the state totals of an area whose rows are summed in parts; small groups agent by agent."""
    if is_large(density):
        mean, square, row_mean = large_totals(density, theta, features, rng)
    else:
        mean, square, row_mean = totals_at_draws(density, theta, features)
    drawn = state_draws(density.states, _normal_totals(density, mean, square, rng), row_mean)
    if exact.any():
        few = draw_states(rows_of(density, exact), theta, rng)
        for name in ("count", "root", "weight", "overlap"):
            getattr(drawn, name)[:, exact] = getattr(few, name)[:, exact]
    return drawn


def _drawn_one_by_one(density: AreaDensity) -> NDArray[np.bool_]:
    """Return the groups whose agents' states are drawn one by one, (group,)."""
    size = np.bincount(density.unit_of_row, density.rows.agents, density.n_units)
    order = np.argsort(size, kind="stable")
    chosen = np.zeros(density.n_units, dtype=bool)
    chosen[order] = (size[order] <= EXACT_AGENTS) & (np.cumsum(size[order]) <= max(_MOST_EXACT, EXACT_AGENTS))
    return chosen


def _draw_every_agent(
    density: AreaDensity, probability: Array, some_rows: NDArray[np.bool_], rng: np.random.Generator
) -> Array:
    """Return the number of agents of some rows in each cell, (draw, group, state), each state drawn from its row."""
    rows, n_units, n_states = density.rows, density.n_units, density.states.n_states
    # The cumulative probabilities of all rows, one after the other, are one increasing sequence.
    edges = np.cumsum(probability, axis=2)
    edges /= edges[:, :, -1:]
    edges += np.arange(probability.shape[1])[:, None]
    row = np.repeat(np.arange(probability.shape[1]), rows.agents[some_rows])
    group = density.unit_of_row[some_rows]
    cells = np.empty((len(probability), n_units, n_states))
    for d, edge in enumerate(edges):
        at = np.searchsorted(edge.ravel(), row + rng.random(len(row)), side="right")
        state = np.minimum(at - row * n_states, n_states - 1)
        flat = np.bincount(group[row] * n_states + state, minlength=n_units * n_states)
        cells[d] = flat.reshape(n_units, n_states)
    return cells


def _draw_totals(
    density: AreaDensity, parts: Evaluation, row_means: Array, features: Array, rng: np.random.Generator
) -> Array:
    """Return normal draws of the totals of features per group, (draw, group, feature), kept in their ranges."""
    unit = density.unit_of_row
    agents = density.rows.agents.astype(float)
    expected = unit_totals(density, parts, agents)  # (draw, group, state)
    mean = expected @ features
    square = np.einsum("dhs,sf,sg->dhfg", expected, features, features, optimize=True)
    for h in range(density.n_units):
        mine = row_means[:, unit == h]
        square[:, h] -= np.matmul((mine * agents[unit == h, None]).swapaxes(1, 2), mine)
    return _normal_totals(density, mean, square, rng)


def _normal_totals(density: AreaDensity, mean: Array, square: Array, rng: np.random.Generator) -> Array:
    """Return normal draws of totals of features with these means and covariances, kept in their ranges."""
    agents = density.rows.agents.astype(float)
    eigenvalue, vector = np.linalg.eigh(square)
    noise = rng.standard_normal(mean.shape) * np.sqrt(np.maximum(eigenvalue, 0))
    totals = mean + np.matmul(vector, noise[..., None])[..., 0]
    k = density.states.n_shares
    size = np.bincount(density.unit_of_row, agents, density.n_units)[:, None]
    count = np.maximum(totals[..., :k], 0)
    count *= size / np.maximum(count.sum(axis=2, keepdims=True), 1e-300)
    root = np.clip(totals[..., k : 2 * k], 0, count)
    weight = np.clip(totals[..., 2 * k : 3 * k], 0, root)
    root[..., density.states.n_goals :] = weight[..., density.states.n_goals :] = 0
    return np.concatenate([count, root, weight, np.maximum(totals[..., 3 * k :], 0)], axis=2)


def unit_totals(density: AreaDensity, parts: Evaluation, multiplicity: Array) -> Array:
    """Return the expected number of agents per group and state, (draw, group, state).

    Parameters
    ----------
    density, parts
        Density of the area and an evaluation of its rows.
    multiplicity
        Number or weight of the agents of each row, (row,).
    """
    totals = state_totals(density.rows, parts, multiplicity)
    if density.parameters.design is None:
        return totals
    unit = density.unit_of_prior == np.arange(density.n_units)[:, None]
    return np.asarray(np.matmul(unit.astype(float), totals))
