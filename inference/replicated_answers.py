"""Answers that new agents of the same groups might give, drawn from the fitted model of one area."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import Fault, InputError
from ..forward_model.choice_rules import draw_options
from .density import AreaDensity, option_log_probability, state_prior
from .parameters import constrain

Array = NDArray[np.float64]

MOST_ANSWERS = 400_000_000
"""Most replicated answers at once, 2 bytes each."""


@dataclass(frozen=True, eq=False)
class Replicates:
    """Answers that new agents of the same groups might give to the same items.

    Parameters
    ----------
    agent, item
        Agent and item of each answer, in the order of agents, then items, (answer,).
    option
        Position among the options of the area of each replicated answer, (draw, answer).
    """

    agent: NDArray[np.int64]
    item: NDArray[np.int64]
    option: NDArray[np.int16]


def posterior_predictive_answers(
    density: AreaDensity, theta: Array, *, seed: int | np.random.Generator | None = None
) -> Replicates:
    """Return answers of new agents of the same groups, each to the items one agent answered, as often as it did.

    For every draw and agent a goal and a weight are drawn from the agent's group, then answers by the choice rule.
    Answers that the model leaves out of account (one answer per agent, an option that serves no goal) are left out.

    Parameters
    ----------
    density
        Density of the area.
    theta
        Posterior draws, (draw, coordinate).
    seed
        Seed.

    Raises
    ------
    InputError
        If draws × answers exceed :data:`MOST_ANSWERS`.
    """
    area, rows, states = density.area, density.rows, density.states
    in_item = (area.item_of_option[:, None] == np.arange(len(area.items))).astype(np.int64)
    times = ((area.counts * ~density.table.ignored) @ in_item)[area.pattern_of_agent]
    n_answers = int(times.sum())
    if len(theta) * n_answers > MOST_ANSWERS:
        most = MOST_ANSWERS // n_answers
        remedy = f"Ask for at most {most} draws." if most else "Replicate the answers of fewer agents."
        text = f"{len(theta):,} replicates of {n_answers:,} answers in area '{area.name}' would not fit in memory."
        raise InputError(Fault(code="too-large", message=text, remedy=remedy, value=str(len(theta))))
    agent = np.repeat(np.arange(len(times)), times.sum(axis=1))
    item = np.repeat(np.tile(np.arange(len(area.items)), len(times)), times.ravel())
    rng = np.random.default_rng(seed)
    group = rows.group[rows.row_of_agent]
    option = np.empty((len(theta), n_answers), dtype=np.int16 if density.n_options < 2**15 else np.int32)
    positions = [np.flatnonzero(item == j) for j in range(len(area.items))]
    for d in range(len(theta)):
        values = constrain(density.parameters, theta[d : d + 1], density.n_options)
        p = np.exp(option_log_probability(density, values))[0]
        p[:, density.table.ignored] = 0
        upto = np.cumsum(np.exp(state_prior(density, values))[0], axis=1)
        upto = upto / upto[:, -1:] + np.arange(len(upto))[:, None]  # all groups in one increasing sequence
        drawn = np.searchsorted(upto.ravel(), group + rng.random(len(group)), side="right")
        state = np.minimum(drawn - group * states.n_states, states.n_states - 1)
        for j, mine in enumerate(positions):
            options = np.flatnonzero(area.item_of_option == j)
            one = draw_options(p[np.ix_(state[agent[mine]], options)], np.zeros(len(options), dtype=np.int64), rng)
            option[d, mine] = options[one[:, 0]]
    return Replicates(agent, item, option)
