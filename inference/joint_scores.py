"""Posterior draws of the scores of dependent areas: each agent's type first, then its state in every area.

Given the type the states of an agent in different areas are independent, so one draw of the types of all agents makes
the draws of the areas go together, and with them the overall scores. Every agent's states are drawn, however many.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..forward_model.pair_sums import totals_scores
from .area_scores import AreaScores, padded_conflict, population_scores
from .joint_density import JointDensity, JointEvaluation, evaluate_joint, joint_chunks
from .marginal import state_probabilities
from .posterior_states import StateDraws, state_draws, state_features

Array = NDArray[np.float64]
Whole = NDArray[np.int64]


def joint_scores(density: JointDensity, theta: Array, rng: np.random.Generator, *, shares: Array) -> list[AreaScores]:
    """Return one draw of the scores of every area for each vector.

    Parameters
    ----------
    density, theta
        The density and vectors, (draw, coordinate).
    rng
        Draws types and states.
    shares
        Share of each prior over states in the population, (prior,).
    """
    found = []
    states = draw_joint_states(density, theta, rng)
    for area, part, own in zip(density.areas, density.parameters.of_area, states, strict=True):
        vectors = theta[:, part]
        sample = totals_scores(own.count, own.root, own.weight, padded_conflict(area, vectors))
        found.append(AreaScores(sample, population_scores(area, vectors, shares=shares), own))
    return found


def draw_joint_states(density: JointDensity, theta: Array, rng: np.random.Generator) -> list[StateDraws]:
    """Return draws of the state totals of every area, drawn together, one for each vector.

    The posterior means per row are those per joint row, given the answers in all areas.
    """
    rows, n_types, draws = density.rows, density.n_types, len(theta)
    features = [state_features(area.states) for area in density.areas]
    totals = [np.empty((draws, rows.n_priors, f.shape[1])) for f in features]
    means = [np.zeros((rows.n_rows, f.shape[1])) for f in features]
    largest = max(s.n_rows * n_types * a.states.n_states for a, s in zip(density.areas, density.spread, strict=True))
    agent = np.repeat(np.arange(rows.n_rows), rows.agents)
    for part in joint_chunks(density, draws, per_draw=largest):
        at = evaluate_joint(density, theta[part])
        types = _types(at, agent, rng)
        for p in range(len(density.areas)):
            probability = state_probabilities(density.spread[p], at.parts[p])
            cells = _drawn_cells(density, p, probability, agent, types, rng)
            totals[p][part] = cells @ features[p]
            of_type = (probability @ features[p]).reshape(len(types), -1, n_types, features[p].shape[1])
            for d in range(len(types)):
                means[p] += np.einsum("jt,jtf->jf", at.type_given_row[:, :, d], of_type[d, rows.of_area[p]])
    return [
        replace(state_draws(area.states, of_area, mean / draws), row_of_agent=rows.row_of_agent)
        for area, of_area, mean in zip(density.areas, totals, means, strict=True)
    ]


def _types(at: JointEvaluation, agent: Whole, rng: np.random.Generator) -> Whole:
    """Return a type of every agent, (draw, agent), the agents in the order of their joint rows."""
    upto = np.cumsum(at.type_given_row, axis=1)
    drawn = np.empty((upto.shape[2], len(agent)), dtype=np.int64)
    for d in range(upto.shape[2]):
        chance = rng.random(len(agent))
        drawn[d] = (chance[:, None] >= upto[agent, :-1, d]).sum(axis=1)
    return drawn


def _drawn_cells(
    density: JointDensity, p: int, probability: Array, agent: Whole, types: Whole, rng: np.random.Generator
) -> Array:
    """Return the number of agents in each state of an area by prior, (draw, prior, state)."""
    rows, n_states = density.rows, density.areas[p].states.n_states
    edges = np.cumsum(probability, axis=2)
    edges /= edges[:, :, -1:]
    edges += np.arange(probability.shape[1])[:, None]
    of_area, group = rows.of_area[p][agent] * density.n_types, rows.group[agent]
    cells = np.empty((len(types), rows.n_priors, n_states))
    for d, edge in enumerate(edges):
        row = of_area + types[d]
        at = np.searchsorted(edge.ravel(), row + rng.random(len(row)), side="right")
        state = np.minimum(at - row * n_states, n_states - 1)
        flat = np.bincount(group * n_states + state, minlength=rows.n_priors * n_states)
        cells[d] = flat.reshape(rows.n_priors, n_states)
    return cells
