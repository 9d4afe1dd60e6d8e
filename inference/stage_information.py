"""What later choices and situations tell: simulated ones, and the gradient of every agent's log likelihood by them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..datasets.stages import Stages, best_worst_stages, one_by_one, ranking_stages, stages_at
from .density import AreaDensity
from .goal_stages import AnyEvaluation, AnyStageTable, evaluate_stages, stages_of, with_learned
from .parameters import Values
from .stage_table import by_pattern, make_stage_tables

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
    lift = state_lift(density, values.affinity)
    found = []
    for stages, table in zip(area.stages, density.table.stages, strict=True):
        mine = np.flatnonzero(area.item_of_option == stages.item)
        first = np.where(counts[:, mine].any(axis=1), counts[:, mine].argmax(axis=1), -1)
        utility = (values.baseline_logits[0] + lift)[:, mine][state]
        if area.has_sets[stages.item]:
            taste = values.taste[0][stages_of(table).tastes]
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


def state_lift(density: AreaDensity, affinity: Array | None) -> Array:
    """Return by how much each state raises the utility of an option by the rule ``luce``, (state, option).

    Parameters
    ----------
    density
        Density of the area.
    affinity
        Learned affinities at one vector, (1, goal, option); None without any.
    """
    area, states = density.area, density.states
    by_goal = np.vstack([area.serves, np.zeros((1, area.serves.shape[1]), dtype=bool)])[states.goal]
    lift = (area.kappa * states.weight)[:, None] * by_goal
    if affinity is None:
        return np.asarray(lift)
    return np.asarray(lift + states.weight_of_goal.T @ affinity[0])


def _chosen_anew(each: Stages, utility: Array, taste: Array, rng: np.random.Generator) -> Stages:
    """Return situations with what agents of some utilities, (agent, option), choose in them.

    Of ballots, sets that were left after earlier choices stay as they are: each choice from them tells as much.
    """
    own = utility[each.pattern[:, None], np.maximum(each.shown, 0)] + each.features @ taste
    own[each.worst] *= -1
    own += rng.gumbel(size=own.shape)
    return replace(each, chosen=np.where(each.shown < 0, -np.inf, own).argmax(axis=1))


def stage_tables(density: AreaDensity, stages: tuple[Stages, ...], n_agents: int) -> tuple[AnyStageTable, ...]:
    """Return the constants of stages of some agents, one of its own for every choice."""
    area = density.area
    plain = make_stage_tables(
        [one_by_one(one) for one in stages],
        area.serves,
        area.item_of_option,
        density.states,
        kappa=area.kappa,
        n_patterns=n_agents,
    )
    items = [one.item for one in stages]
    return with_learned(plain, items, area.item_learned, area.item_of_option, density.states)


def later_log_probability(
    tables: tuple[AnyStageTable, ...], values: Values
) -> tuple[Array | float, list[AnyEvaluation]]:
    """Return the log probability of the later choices of each agent, (agent, state), and the evaluations."""
    given = (values.baseline_logits, values.taste, values.affinity)
    parts = [evaluate_stages(table, *given) for table in tables]
    return sum((by_pattern(stages_of(t), e.log_p)[0] for t, e in zip(tables, parts, strict=True)), 0.0), parts
