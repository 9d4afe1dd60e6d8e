"""What the priors over states depend on beside the groups: covariates, and the random walk over periods.

The logits of the goal shares of stratum s, of group h, are those of the group plus Σ_j σ_j X[s, j] γ_j, where γ_j is
zero-sum over goals and standard normal; the logit of its mean weight likewise with coefficients δ_j.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..datasets.choices import Choices
from ..datasets.covariates import effect_basis, effect_names, strata
from ..datasets.periods import steps, walk
from ..datasets.study import Priors
from ..datasets.zero_sum import zero_sum_basis

if TYPE_CHECKING:
    from .parameters import Parameters

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Design:
    """The columns that priors over states depend on.

    Parameters
    ----------
    columns
        X, (prior, column): covariates, then steps of the walk over periods.
    n_steps
        Number of columns that are steps of the walk.
    group
        Position of each prior among the deviating groups, then the plain one, (prior,).
    unit
        Position of each prior among the groups or periods that scores are told of, those in none last, (prior,).
    names
        Names of the effects of covariates, (effect,).
    sources
        Name of the covariate of each column of covariates, (column of covariates,).
    basis
        Map from the columns of covariates to their effects, (effect, column of covariates).
    """

    columns: Array
    n_steps: int
    group: NDArray[np.int64]
    unit: NDArray[np.int64]
    names: tuple[str, ...]
    sources: tuple[str, ...]
    basis: Array

    @property
    def n_covariates(self) -> int:
        """Number of columns of covariates."""
        return int(self.columns.shape[1]) - self.n_steps

    @property
    def column_names(self) -> tuple[str, ...]:
        """What each column is, in words, (column,)."""
        return (*(repr(name) for name in self.sources), *(["periods"] * self.n_steps))

    def scales(self, priors: Priors) -> Array:
        """Return the prior standard deviation of the coefficient of each column, (column,)."""
        return np.repeat([priors.covariate_sd, priors.period_sd], [self.n_covariates, self.n_steps])

    def scaled(self, priors: Priors) -> Array:
        """Return the columns times the prior standard deviations of their coefficients, (prior, column)."""
        return self.columns * self.scales(priors)

    def effects(self, priors: Priors) -> Array:
        """Return the map from the coefficients of the columns to the effects of covariates, (effect, column)."""
        steps = np.zeros((len(self.basis), self.n_steps))
        return np.hstack([self.basis, steps]) * self.scales(priors)


@dataclass(frozen=True, eq=False)
class Arrangement:
    """Which agents share a prior over states.

    Parameters
    ----------
    prior_of_agent
        Prior of each agent, (agent,).
    n_priors, n_deviating
        Number of priors, and of groups with deviations of their own.
    plain
        Whether some agents take no deviation.
    names
        Names of the groups or periods that scores are told of, ``None`` last for agents in none.
    design
        What the priors depend on beside the groups; None for nothing.
    """

    prior_of_agent: NDArray[np.int64]
    n_priors: int
    n_deviating: int
    plain: bool
    names: tuple[str | None, ...]
    design: Design | None


def arrange(choices: Choices) -> Arrangement:
    """Return which agents share a prior over states, and what it depends on."""
    ungrouped = bool((choices.group_of_agent < 0).any())
    # One group that holds everybody needs no deviation from the whole.
    n_units = len(choices.groups) if len(choices.groups) > 1 or ungrouped else 0
    names: tuple[str | None, ...] = (*choices.groups[:n_units], *((None,) if ungrouped or n_units == 0 else ()))
    unit = choices.group_of_agent if n_units else np.zeros(choices.n_agents, dtype=np.int64)
    unit = np.where(unit < 0, n_units, unit)
    periods = choices.study.table.period is not None and n_units > 0
    n_deviating = 0 if periods else n_units
    plain = ungrouped or n_deviating == 0
    if not choices.covariates and not periods:
        return Arrangement(unit, n_deviating + plain, n_deviating, plain, names, None)
    of = strata(choices.covariates, unit, n_units)
    path = walk(steps(choices.study.table, choices.groups)) if periods else np.zeros((len(names), 0))
    design = Design(
        np.hstack([of.columns, path[of.group]]),
        path.shape[1],
        np.zeros_like(of.group) if periods else of.group,
        of.group,
        effect_names(choices.covariates),
        tuple(one.name for one in choices.covariates for _ in range(one.basis.shape[1])),
        effect_basis(choices.covariates),
    )
    return Arrangement(of.of_agent, len(of.group), n_deviating, plain, names, design)


def moved_shares(parameters: Parameters, design: Design, logits: Array, theta: Array) -> Array:
    """Return the goal logits of each prior, (D, prior, share), from those of the groups, (D, group, share)."""
    free, shape = theta[:, parameters.slices["share_effect"]], (parameters.n_effects, parameters.n_shares - 1)
    effect = free.reshape(len(theta), *shape)
    step = np.matmul(design.scaled(parameters.priors), effect @ zero_sum_basis(parameters.n_shares).T)
    return np.asarray(logits[:, design.group] + step)


def moved_means(parameters: Parameters, design: Design, logits: Array, theta: Array) -> Array:
    """Return the logit of the mean weight of each prior, (D, prior), from those of the groups, (D, group)."""
    step = theta[:, parameters.slices["mean_effect"]] @ design.scaled(parameters.priors).T
    return np.asarray(logits[:, design.group] + step)


def by_share_effect(parameters: Parameters, design: Design, by_logit: Array) -> Array:
    """Return the gradient by the coordinates of γ from that by the goal logits of each prior, (D, prior, share)."""
    slope = np.matmul(design.scaled(parameters.priors).T, by_logit) @ zero_sum_basis(parameters.n_shares)
    return np.asarray(slope.reshape(len(by_logit), parameters.n_effects * (parameters.n_shares - 1)))


def by_group(parameters: Parameters, design: Design, by_prior: Array) -> Array:
    """Return sums over the priors of each group, (D, group, k), of (D, prior, k)."""
    total = np.zeros((len(by_prior), parameters.n_deviating + parameters.plain_prior, by_prior.shape[2]))
    np.add.at(total.swapaxes(0, 1), design.group, by_prior.swapaxes(0, 1))
    return total


def covariate_effects(parameters: Parameters, theta: Array) -> tuple[Array, Array | None]:
    """Return the effects of covariates on goal logits, (D, effect, share), and on the logit of m, (D, effect).

    Of a number they are per standard deviation, of a level against the mean of all levels; goal logits are zero-sum.
    The second is None where weights are known.
    """
    design = parameters.design
    if design is None:
        return np.zeros((len(theta), 0, parameters.n_shares)), None
    effects = design.effects(parameters.priors)
    at = parameters.slices
    shares = theta[:, at["share_effect"]].reshape(len(theta), parameters.n_effects, parameters.n_shares - 1)
    goals = np.matmul(effects, shares @ zero_sum_basis(parameters.n_shares).T)
    return goals, theta[:, at["mean_effect"]] @ effects.T if parameters.weighted else None
