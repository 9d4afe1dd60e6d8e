"""What counts and durations tell: simulated ones, and the gradient of every agent's log likelihood by them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..datasets.numbers import Measured, Numbers, draw_numbers, numbers_at, numbers_of
from .density import AreaDensity
from .number_table import NumberTable, agent_slopes, make_number_tables, numbers_by_pattern, shift_of
from .parameters import Values

Array = NDArray[np.float64]


def simulated_numbers(
    density: AreaDensity,
    values: Values,
    chosen: NDArray[np.int64],
    state: NDArray[np.int64],
    rng: np.random.Generator,
) -> tuple[Numbers, ...]:
    """Return the numbers of simulated agents, each asked as often, and as long, as the agents of its row were.

    Parameters
    ----------
    density, values
        Density of the area, and one vector of parameters.
    chosen, state
        Row and state of each agent, (agent,).
    rng
        Source of chance.
    """
    assert values.location is not None and values.spread is not None
    found = []
    for numbers, table in zip(density.area.numbers, density.table.numbers, strict=True):
        held = numbers_at(numbers, density.rows.pattern[chosen])
        entry = np.repeat(np.arange(len(held.which)), held.times)
        agent, exposure = held.pattern[entry], held.exposure[held.which[entry]]
        typical, spread = float(np.exp(values.location[0, table.place])), float(values.spread[0, table.place])
        shift = shift_of(table, values.affinity).reshape(-1)[state[agent]]
        value = draw_numbers(numbers.kind, typical, spread, shift, exposure, rng)
        value = np.clip(value, 1e-300, 1e300) if numbers.kind == "duration" else value
        found.append(
            numbers_of(
                numbers.item, numbers.kind, Measured(agent, value, exposure, np.ones(len(agent), dtype=np.int64))
            )
        )
    return tuple(found)


def number_tables(density: AreaDensity, numbers: tuple[Numbers, ...], n_agents: int) -> tuple[NumberTable, ...]:
    """Return the constants of the numbers of some agents."""
    area = density.area
    given = (area.serves, area.item_of_option, density.states)
    return make_number_tables(numbers, *given, kappa=area.kappa, n_patterns=n_agents, learned=area.item_learned)


def numbers_log_probability(tables: tuple[NumberTable, ...], values: Values) -> Array | float:
    """Return the log probability of the numbers of each agent, (agent, state)."""
    total: Array | float = 0.0
    if values.location is not None and values.spread is not None:
        for table in tables:
            total = total + numbers_by_pattern(table, values.location, values.spread, values.affinity)[0]
    return total


def number_gradients(tables: tuple[NumberTable, ...], values: Values, posterior: Array, by_affinity: Array) -> Array:
    """Return the gradient of each agent's log likelihood by log μ, then by log φ or σ, (agent, 2 × number).

    Parameters
    ----------
    tables
        Constants from :func:`number_tables`.
    values
        One vector of parameters.
    posterior
        Posterior over the states of each agent, (agent, state).
    by_affinity
        Gradient by the affinities, (agent, goal, option), to which that by what goals do to the numbers is added.
    """
    found = np.zeros((2, len(posterior), len(tables)))
    if values.location is None or values.spread is None:
        return np.zeros((len(posterior), 0))
    for place, table in enumerate(tables):
        given = (values.location, values.spread, posterior, values.affinity)
        found[0, :, place], found[1, :, place], by_goal = agent_slopes(table, *given)
        if by_goal is not None:
            by_affinity[:, :, table.more] += by_goal
    return np.hstack(list(found))
