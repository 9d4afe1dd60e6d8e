"""Goal and weight of agents that are asked for by name: a recommender, an AI system, one of the people.

A result holds no draws × agents. For the few agents asked for, the posterior of their states is computed again from the
stored draws of the parameters,

    P(goal, weight | answers) = mean over draws θ of P(goal, weight | own answers, θ),

so the intervals allow for both: what the parameters are, and what the agent's state is given them.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ..datasets.choices import Choices
from ..errors import Fault, InputError, shown
from .density import AreaDensity, chunks, evaluate_rows
from .drawn_again import draws_of
from .large import with_rows
from .marginal import state_probabilities
from .model import share_names
from .result import choices_of
from .verdict import require_reliable

Array = NDArray[np.float64]

_PROB = 0.9


def agents_posterior(fit: xr.DataTree, agents: Iterable[str], *, allow_unreliable: bool = False) -> xr.Dataset:
    """Return the posterior of goal and weight of some agents in each area, with 90 % intervals.

    Parameters
    ----------
    fit
        A result of :func:`fit` or :func:`load`.
    agents
        Their labels. Only what is asked for is computed.
    allow_unreliable
        Answer for a refused fit too; the Dataset then says so in its attributes.

    Returns
    -------
    xarray.Dataset
        ``goal_probability`` (agent, goal): probability that the agent holds the goal, and ``goal_lower`` and
        ``goal_upper``, between which it lies in 90 % of the posterior draws of the parameters: near 0 and 1 mean that
        the answers do not settle what the baselines are, and so which goal it is. ``weight``, ``weight_lower`` and
        ``weight_upper`` (agent, area): mean and equal-tailed 90 % interval of the weight, over parameters and state; 0
        is an agent that follows no goal, 1 one that always follows it. Weights are NaN where they are not known.
        ``answers`` (agent, area): how many answers this rests on; without any, the numbers are those of its group.
        Attributes ``state``, ``reasons``.

    Raises
    ------
    InputError
        For labels of no agent.
    Refused
        If the fit is refused and ``allow_unreliable`` is False.

    Examples
    --------
    >>> inference.agents_posterior(fit, ["random", "bts"])["weight_upper"]
    """
    found = require_reliable(fit, allow_unreliable=allow_unreliable)
    choices = choices_of(fit)
    names, places = _places(choices, agents)
    goals: list[Array] = []
    labels: list[str] = []
    weights, answers, areas = [], [], []
    for area in draws_of(fit, choices):
        density = area.density
        probability, weight = _of_area(density, area.theta[~area.broken], places)
        goals.append(probability)
        weights.append(weight)
        answers.append(density.area.n_answers[density.area.pattern_of_agent[places]])
        areas.append(density.area.name)
        labels += [f"{density.area.name}: {goal}" for goal in share_names(density)]
    every, weight = np.concatenate(goals, axis=2), np.stack(weights, axis=2)
    of_goal, of_area = ("agent", "goal"), ("agent", "area")
    data = {
        "goal_probability": (of_goal, every[0]),
        "goal_lower": (of_goal, every[1]),
        "goal_upper": (of_goal, every[2]),
        "weight": (of_area, weight[0]),
        "weight_lower": (of_area, weight[1]),
        "weight_upper": (of_area, weight[2]),
        "answers": (of_area, np.stack(answers, axis=1)),
    }
    return xr.Dataset(data, coords={"agent": names, "goal": labels, "area": areas}).assign_attrs(
        state=found.state, reasons=list(found.reasons), allow_unreliable=int(found.refused)
    )


def _places(choices: Choices, agents: Iterable[str]) -> tuple[list[str], NDArray[np.int64]]:
    """Return the labels asked for, each once, and where they stand among the agents."""
    names = list(dict.fromkeys([agents] if isinstance(agents, str) else agents))
    at = {label: place for place, label in enumerate(choices.agents)}
    faults = [
        Fault(
            code="unknown-agent",
            message=f"No agent is called {shown(str(name))}.",
            remedy="Use a label of the table or log; several columns are joined as in 'agents' of the result.",
            value=str(name),
        )
        for name in names
        if name not in at
    ]
    if not names:
        faults = [Fault(code="no-agents", message="No agent is asked for.", remedy="Name at least one.")]
    if faults:
        raise InputError(faults)
    return names, np.array([at[name] for name in names], dtype=np.int64)


def _of_area(density: AreaDensity, theta: Array, places: NDArray[np.int64]) -> tuple[Array, Array]:
    """Return goal probabilities, (3, agent, share), and weights, (3, agent): mean, lower and upper end."""
    chosen, back = np.unique(density.rows.row_of_agent[places], return_inverse=True)
    if not (density.table.stages or density.table.numbers):  # these tables belong to all patterns
        own = density.rows.agents[chosen], density.rows.multiplicity[chosen]
        density, chosen = with_rows(density, chosen, *own, np.ravel(back)), np.arange(len(chosen))
    some = np.isin(np.arange(density.rows.n_rows), chosen)
    states = density.states
    total = np.zeros((len(chosen), states.n_states))
    goals = np.empty((len(theta), len(chosen), states.n_shares))
    for part in chunks(density, len(theta), per_draw=len(chosen) * states.n_states):
        probability = state_probabilities(density.rows, evaluate_rows(density, theta[part])[2], some)
        total += probability.sum(axis=0)
        goals[part] = probability @ states.is_goal
    total /= len(theta)
    tails = [(1 - _PROB) / 2, (1 + _PROB) / 2]
    goal = np.concatenate([goals.mean(axis=0)[None], np.quantile(goals, tails, axis=0)])
    weight = np.full((3, len(chosen)), np.nan)
    if states.weighted:
        weight[0] = total @ states.weight
        weight[1:] = [[weight_quantile(density, row, level) for row in total] for level in tails]
    return goal[:, back], weight[:, back]


def weight_quantile(density: AreaDensity, probability: Array, level: float) -> float:
    """Return a quantile of the weight from the probabilities of the states, (state,).

    A quadrature node stands for the weights around it, as wide as its quadrature weight; "no goal" is the weight 0.
    """
    states = density.states
    cells = states.n_mixtures * len(states.node)
    at_node = probability[:cells].reshape(states.n_mixtures, -1).sum(axis=0)
    none = float(probability[cells:].sum())
    edges = np.concatenate([[0.0], np.cumsum(np.exp(states.log_mass))])
    below = np.concatenate([[none], none + np.cumsum(at_node)])
    return float(np.interp(level, below / below[-1], edges))
