"""What later choices and situations tell: simulated ones, and the gradient of every agent's log likelihood by them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..datasets.stages import Stages, best_worst_stages, one_by_one, ranking_stages, stages_at
from .density import AreaDensity
from .parameters import Values
from .stage_table import StageEvaluation, StageTable, by_pattern, by_place, evaluate_stages, make_stage_tables

Array = NDArray[np.float64]


def simulated_stages(
    density: AreaDensity,
    values: Values,
    chosen: NDArray[np.int64],
    state: NDArray[np.int64],
    counts: Array,
    rng: np.random.Generator,
) -> tuple[Stages, ...]:
    """Return the later choices of simulated agents, each asked as the agents of its row were.

    Parameters
    ----------
    density, values
        Density of the area, and one vector of parameters.
    chosen, state
        Row and state of each agent, (agent,).
    counts
        First choices of the agents, (agent, option).
    rng
        Source of chance.
    """
    area = density.area
    pattern = density.rows.pattern[chosen]
    pull = np.concatenate([*density.table.stages[0].pull, np.zeros(density.table.stages[0].silent)])
    by_goal = np.vstack([area.serves, np.zeros((1, area.serves.shape[1]), dtype=bool)])[density.states.goal]
    found = []
    for stages, table in zip(area.stages, density.table.stages, strict=True):
        mine = np.flatnonzero(area.item_of_option == stages.item)
        first = np.where(counts[:, mine].any(axis=1), counts[:, mine].argmax(axis=1), -1)
        utility = (values.baseline_logits[0] + pull[:, None] * by_goal)[:, mine][state]
        if area.has_sets[stages.item]:
            taste = values.taste[0][table.tastes]
            found.append(_chosen_anew(one_by_one(stages_at(stages, pattern)), utility, taste, rng))
            continue
        noisy = (-utility if stages.worst.any() else utility) + rng.gumbel(size=utility.shape)
        asked = np.flatnonzero(first >= 0)
        noisy[asked, first[asked]] = np.inf
        length = stages.per_pattern(len(area.counts))[pattern] + 1
        order = np.argsort(-noisy, axis=1)
        order[(np.arange(len(mine)) >= length[:, None]) | (first < 0)[:, None]] = -1
        make = best_worst_stages if stages.worst.any() else ranking_stages
        found.append(make(stages.item, order, len(mine)))
    return tuple(found)


def _chosen_anew(each: Stages, utility: Array, taste: Array, rng: np.random.Generator) -> Stages:
    """Return situations with what agents of some utilities, (agent, option), choose in them.

    Of ballots, sets that were left after earlier choices stay as they are: each choice from them tells as much.
    """
    own = utility[each.pattern[:, None], np.maximum(each.shown, 0)] + each.features @ taste
    own[each.worst] *= -1
    own += rng.gumbel(size=own.shape)
    return replace(each, chosen=np.where(each.shown < 0, -np.inf, own).argmax(axis=1))


def stage_tables(density: AreaDensity, stages: tuple[Stages, ...], n_agents: int) -> tuple[StageTable, ...]:
    """Return the constants of stages of some agents, one of its own for every choice."""
    area = density.area
    return make_stage_tables(
        [one_by_one(one) for one in stages],
        area.serves,
        area.item_of_option,
        density.states,
        kappa=area.kappa,
        n_patterns=n_agents,
    )


def later_log_probability(
    tables: tuple[StageTable, ...], values: Values
) -> tuple[Array | float, list[StageEvaluation]]:
    """Return the log probability of the later choices of each agent, (agent, state), and the evaluations."""
    parts = [evaluate_stages(table, values.baseline_logits, values.taste) for table in tables]
    return sum((by_pattern(t, e.log_p)[0] for t, e in zip(tables, parts, strict=True)), 0.0), parts


def agent_gradients(table: StageTable, parts: StageEvaluation, posterior: Array) -> tuple[Array, Array]:
    """Return the gradient of each agent's log likelihood by the baseline logits and by the coefficients.

    Parameters
    ----------
    table, parts
        Constants from :func:`stage_tables`, and their evaluation.
    posterior
        Posterior over the states of each agent, (agent, state).

    Returns
    -------
    by_logits, by_taste
        (agent, option) and (agent, feature of the item).
    """
    n_agents, n_options = len(posterior), table.n_options
    entry = table.counts.tocoo()
    agent = np.empty(table.n_stages, dtype=np.int64)
    agent[entry.coords[1]] = entry.coords[0]
    slope = by_place(table, parts, posterior[agent][None])[0]  # (place, stage)
    cell = (agent * n_options + table.option + np.zeros_like(table.chosen)).ravel()
    by_logits = np.bincount(cell, slope.ravel(), n_agents * n_options).reshape(n_agents, n_options)
    each = np.einsum("mn,mnf->nf", slope, table.features)
    by_taste = np.zeros((n_agents, each.shape[1]))
    np.add.at(by_taste, agent, each)
    return by_logits, by_taste
