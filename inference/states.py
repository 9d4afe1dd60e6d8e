"""Hidden states of an agent in one area: a goal and a weight, the weight on quadrature nodes.

A state s = (goal, weight). Weights in (0, 1) are integrated by Gauss–Legendre quadrature against a Beta prior that is
normalised over the nodes, so K goals and Q nodes make K·Q cells; "no goal" is one more cell with weight 0. Where an
agent may follow several goals, mixtures of them stand for goals, see :mod:`.goal_mixtures`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .goal_mixtures import grid, log_mixture_prior, pairs_of

IMPOSSIBLE = 1e-300
"""Stands for probability 0, so that 0 answers × log 0 stays 0."""
FEW_ANSWERS = 40
"""Up to this many answers per agent and area, 16 nodes are enough; above, 32 are taken to begin with."""


@dataclass(frozen=True, eq=False)
class States:
    """The cells (goal, weight) of one area.

    Parameters
    ----------
    n_goals
        Number K of goals.
    no_goal
        Whether there is one more cell for agents without a goal.
    weighted
        Whether the weight is unknown. Otherwise it is 1 for every agent with a goal (areas with one answer).
    node, log_mass
        Quadrature nodes in (0, 1) and log quadrature weights, (node,).
    goal
        Goal of each cell, K for "no goal", (state,); with several goals the position of its mixture.
    weight
        Weight of each cell, (state,).
    parts
        Parts N of a mixture of goals; 0 where an agent holds one goal.
    """

    n_goals: int
    no_goal: bool
    weighted: bool
    node: NDArray[np.float64]
    log_mass: NDArray[np.float64]
    goal: NDArray[np.int64]
    weight: NDArray[np.float64]
    parts: int = 0

    @property
    def n_states(self) -> int:
        """Number of cells."""
        return len(self.goal)

    @property
    def n_shares(self) -> int:
        """Number of goal shares: K, and one more with "no goal"."""
        return self.n_goals + self.no_goal

    @property
    def n_mixtures(self) -> int:
        """Number of mixtures of goals; that of goals where an agent holds one."""
        return len(self.mixture)

    @cached_property
    def mixture(self) -> NDArray[np.float64]:
        """Share of each goal in each mixture, (mixture, goal); where an agent holds one goal, the goals themselves."""
        return grid(self.n_goals, self.parts) / self.parts if self.parts else np.eye(self.n_goals)

    @cached_property
    def is_goal(self) -> NDArray[np.float64]:
        """Share of each goal in each cell, (state, share): 1 for its goal, or those of its mixture."""
        if not self.parts:
            return np.asarray(self.goal[:, None] == np.arange(self.n_shares), dtype=np.float64)
        padded = np.zeros((self.n_mixtures + self.no_goal, self.n_shares))
        padded[: self.n_mixtures, : self.n_goals] = self.mixture
        padded[self.n_mixtures :, self.n_goals :] = 1.0
        return np.asarray(padded[self.goal])

    @cached_property
    def overlap(self) -> NDArray[np.float64]:
        """Product of the shares of two goals in each cell, (state, pair); no pair where an agent holds one goal."""
        first, second = pairs_of(self.n_goals if self.parts else 0)
        return np.asarray(self.is_goal[:, first] * self.is_goal[:, second])

    @cached_property
    def some_goal(self) -> NDArray[np.int64]:
        """Goal of each cell, some goal where there is none, (state,)."""
        return np.minimum(self.goal, self.n_goals - 1)

    @cached_property
    def weight_of_goal(self) -> NDArray[np.float64]:
        """Weight of each cell under the goal it has, else 0, (goal, state)."""
        return np.asarray((self.some_goal == np.arange(self.n_goals)[:, None]) * self.weight)


def make_states(n_goals: int, *, no_goal: bool, weighted: bool, nodes: int, parts: int = 0) -> States:
    """Return the cells of an area with ``nodes`` quadrature nodes for the weight.

    Parameters
    ----------
    n_goals
        Number of goals, at least one.
    no_goal
        Whether an agent may hold no goal.
    weighted
        Whether the weight is unknown; otherwise one node at 1 is used.
    nodes
        Number of Gauss–Legendre nodes on (0, 1).
    parts
        Parts of a mixture of goals; 0 where an agent holds one goal.
    """
    if weighted:
        x, mass = np.polynomial.legendre.leggauss(nodes)
        node, log_mass = (x + 1) / 2, np.log(mass / 2)
    else:
        node, log_mass = np.ones(1), np.zeros(1)
    kinds = len(grid(n_goals, parts)) if parts else n_goals
    goal = np.repeat(np.arange(kinds), len(node))
    weight = np.tile(node, kinds)
    if no_goal:
        goal, weight = np.append(goal, kinds), np.append(weight, 0.0)
    return States(n_goals, no_goal, weighted, node, log_mass, goal, weight, parts)


def default_nodes(answers: int, *, rule: str, kappa: float) -> int:
    """Return the number of nodes to begin with.

    Parameters
    ----------
    answers
        Largest number of answers of one agent in the area.
    rule, kappa
        The choice rule: under ``luce`` an answer tells the weight the more sharply the larger κ.
    """
    sharpness = answers * max(1.0, kappa / 1.5) if rule == "luce" else answers
    return 16 if sharpness <= FEW_ANSWERS else 32


def log_node_prior(xp: ModuleType, states: States, mean: Any, concentration: Any) -> Any:
    """Return the log prior of the weight over the nodes, (..., node), normalised over them.

    The density is Beta(1 + mean·concentration, 1 + (1 − mean)·concentration).

    Parameters
    ----------
    xp
        ``numpy`` or ``pytensor.tensor``: the formula is the same in both.
    states
        The cells.
    mean, concentration
        Arrays (...,) in (0, 1) and (0, ∞).
    """
    a = (mean * concentration)[..., None]
    b = ((1 - mean) * concentration)[..., None]
    kernel = a * np.log(states.node) + b * np.log1p(-states.node) + states.log_mass
    kernel = kernel - xp.max(kernel, axis=-1, keepdims=True)
    return kernel - xp.log(xp.sum(xp.exp(kernel), axis=-1, keepdims=True))


def log_state_prior(
    xp: ModuleType, states: States, log_share: Any, log_node: Any | None, logit_mixing: Any | None = None
) -> Any:
    """Return the log prior over cells, (..., state).

    Parameters
    ----------
    xp
        ``numpy`` or ``pytensor.tensor``.
    states
        The cells.
    log_share
        Log goal shares, (..., share).
    log_node
        Log prior over nodes from :func:`log_node_prior`, (..., node); None when weights are 1.
    logit_mixing
        Logit of how far agents mix goals, of the shape of ``log_share`` but for its last axis; None where an agent
        holds one.
    """
    goals = log_share[..., : states.n_goals]
    if logit_mixing is not None:
        goals = log_mixture_prior(xp, states.parts, states.n_goals, log_share, logit_mixing)
    if log_node is not None:
        cells = goals[..., :, None] + log_node[..., None, :]
        lead = tuple(cells.shape[i] for i in range(cells.ndim - 2))
        goals = xp.reshape(cells, (*lead, states.n_mixtures * len(states.node)))
    if not states.no_goal:
        return goals
    return xp.concatenate([goals, log_share[..., states.n_goals :]], axis=-1)
