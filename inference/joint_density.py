"""Log posterior density of areas that depend on each other by hidden types of agents, with its gradient.

An agent of type t ~ Categorical(τ) holds goals independently over the areas, goal g of area p with probability
π_tp(g) (:mod:`.type_shares`), so with its patterns x_p

    loglik = log Σ_t τ_t Π_p Σ_s prior_tp(s) P(x_p | s).

Each area brings its distinct rows, evaluated once for each type; agents with equal rows in all areas share one joint
row. A vector holds those of the areas, one after the other with the meaning they have without types, and then

    type_share   simplex transform of τ ~ Dirichlet
    type_dev     z ~ Normal(0, 1) by area, zero-sum over types and over goals; leanings D = σ·z

The functions that densities and parameters of an area have for a fit are defined for these too.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ..datasets.patterns import distinct_rows
from ..datasets.study import Priors
from ..datasets.zero_sum import zero_sum_basis
from .density import (
    AreaDensity,
    evaluate_values,
    log_density,
    numbers_gradient,
    row_log_likelihood,
    state_prior,
    table_gradient,
    value_and_gradient,
)
from .goal_stages import AnyEvaluation, pull_back_stages
from .marginal import Evaluation, Rows, gradients
from .parameters import (
    Parameters,
    Values,
    constrain,
    draw_prior,
    log_prior,
    log_prior_gradient,
    pull_back_values,
)
from .type_shares import log_shares_of_types, log_type_given_goal, pull_back_types

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

NAME = "all areas together"
"""How areas are called that are fitted as one."""
_CHUNK = 600_000  # cells evaluated at once
_TOGETHER, _MOST = 8, 20_000_000  # vectors that go together all the same, unless that makes more cells
_TINY = 1e-300


@dataclass(frozen=True, eq=False)
class JointParameters:
    """Layout and priors of the parameters of all areas and of the types.

    Parameters
    ----------
    areas
        Layout of each area.
    n_types
        Number T of types.
    priors
        Prior settings.
    """

    areas: tuple[Parameters, ...]
    n_types: int
    priors: Priors

    @cached_property
    def types(self) -> Parameters:
        """Layout of the shares of types, which are like goal shares."""
        priors = self.priors.model_copy(update={"goal_share": self.priors.type_share})
        return Parameters(self.n_types, 0, True, False, (), priors)

    @cached_property
    def of_area(self) -> tuple[slice, ...]:
        """Where the vector of each area lies."""
        ends = np.cumsum([0, *(area.size for area in self.areas)])
        return tuple(slice(int(a), int(b)) for a, b in itertools.pairwise(ends))

    @cached_property
    def type_share(self) -> slice:
        """Where the shares of types lie."""
        first = sum(area.size for area in self.areas)
        return slice(first, first + self.n_types - 1)

    @cached_property
    def leanings(self) -> tuple[slice, ...]:
        """Where the leanings of each area lie."""
        sizes = [(self.n_types - 1) * (area.n_shares - 1) for area in self.areas]
        ends = self.type_share.stop + np.cumsum([0, *sizes])
        return tuple(slice(int(a), int(b)) for a, b in itertools.pairwise(ends))

    @property
    def size(self) -> int:
        """Number of coordinates."""
        return int(self.leanings[-1].stop)

    @property
    def of_types(self) -> slice:
        """Where everything lies that no area has: shares of types and leanings."""
        return slice(self.type_share.start, self.size)

    def of_types_alone(self, theta: Array) -> tuple[Array, Array]:
        """Return the log prior of what no area has, (D,), and its gradient, (D, coordinate of types)."""
        share, z = theta[:, self.type_share], theta[:, self.type_share.stop :]
        value = log_prior(self.types, share) - 0.5 * np.square(z).sum(axis=1) - 0.5 * z.shape[1] * np.log(2 * np.pi)
        return value, np.concatenate([log_prior_gradient(self.types, share), -z], axis=1)


@dataclass(frozen=True, eq=False)
class JointRows:
    """The distinct agents over all areas.

    Parameters
    ----------
    of_area
        Row of each area, (area, joint row).
    group
        Position of the prior over states, (joint row,).
    n_priors
        Number of priors over states.
    agents, multiplicity
        Number of agents and sum of their weights in the likelihood, (joint row,).
    row_of_agent
        Joint row of each agent, (agent,).
    """

    of_area: Whole
    group: Whole
    n_priors: int
    agents: Whole
    multiplicity: Array
    row_of_agent: Whole

    @property
    def n_rows(self) -> int:
        """Number of joint rows."""
        return int(self.of_area.shape[1])

    @cached_property
    def sums(self) -> tuple[csr_array, ...]:
        """Maps from joint rows to the sums over those that share a row of an area, (row, joint row)."""
        n = self.n_rows
        return tuple(csr_array((np.ones(n), (own, np.arange(n))), shape=(own.max() + 1, n)) for own in self.of_area)

    @cached_property
    def multiplicity_of_area(self) -> tuple[Array, ...]:
        """Sum of the weights of the agents of each row of each area, (row,)."""
        return tuple(np.bincount(own, self.multiplicity) for own in self.of_area)


@dataclass(frozen=True, eq=False)
class JointDensity:
    """Everything the density of dependent areas needs.

    Parameters
    ----------
    areas
        Density of each area by itself.
    parameters
        Layout of the vectors.
    rows
        The distinct agents.
    spread
        The rows of each area once for each type: row r·T + t, under prior h·T + t.
    pivot
        Table τ_t π_tp of each area in the order that gives the types their labels, (type, goal of any area); None
        before a mode is known, and with one type.
    """

    areas: tuple[AreaDensity, ...]
    parameters: JointParameters
    rows: JointRows
    spread: tuple[Rows, ...]
    pivot: Array | None = None

    @property
    def size(self) -> int:
        """Number of coordinates of a vector."""
        return self.parameters.size

    @property
    def name(self) -> str:
        """How the areas are called together."""
        return NAME

    @property
    def n_types(self) -> int:
        """Number of types."""
        return self.parameters.n_types

    @cached_property
    def cells(self) -> int:
        """Numbers that one evaluation makes."""
        total = self.rows.n_rows * self.n_types * len(self.areas)
        for density, rows in zip(self.areas, self.spread, strict=True):
            halves = len(rows.first) * rows.n_priors + len(rows.second)
            total += halves * density.states.n_states + len(rows.first) * len(rows.second) * rows.n_priors + rows.n_rows
            total += sum(density.table.cells_beside)
        return int(total)


def joint_density(areas: Sequence[AreaDensity], n_types: int, priors: Priors, fit_weight: Array | None) -> JointDensity:
    """Return the density of areas that depend on each other.

    Parameters
    ----------
    areas
        Density of each area by itself.
    n_types
        Number T of types.
    priors
        Prior settings.
    fit_weight
        Weight of each agent in the likelihood, (agent,), or None for 1.
    """
    every = [area.rows for area in areas]
    kinds, row_of_agent = distinct_rows(
        ((rows.row_of_agent, rows.n_rows) for rows in every), len(every[0].row_of_agent)
    )
    of_area = np.stack([rows.row_of_agent[kinds] for rows in every])
    agents = np.bincount(row_of_agent, minlength=len(kinds))
    weight = agents.astype(float) if fit_weight is None else np.bincount(row_of_agent, fit_weight, len(kinds))
    joint = JointRows(of_area, every[0].group[of_area[0]], every[0].n_priors, agents, weight, row_of_agent)
    layout = JointParameters(tuple(area.parameters for area in areas), n_types, priors)
    return JointDensity(tuple(areas), layout, joint, tuple(spread_rows(rows, n_types) for rows in every))


def spread_rows(rows: Rows, n_types: int) -> Rows:
    """Return the rows once for each type."""
    types = np.tile(np.arange(n_types), rows.n_rows)
    return replace(
        rows,
        first_of_row=np.repeat(rows.first_of_row, n_types),
        second_of_row=np.repeat(rows.second_of_row, n_types),
        group=np.repeat(rows.group, n_types) * n_types + types,
        n_priors=rows.n_priors * n_types,
        pattern=np.repeat(rows.pattern, n_types),
        agents=np.repeat(rows.agents, n_types),
        multiplicity=np.repeat(rows.multiplicity, n_types),
        row_of_agent=rows.row_of_agent * n_types,
    )


@dataclass(frozen=True, eq=False)
class TypeValues:
    """Types at a batch of D vectors.

    Parameters
    ----------
    log_share
        Log shares of the types, (D, type).
    log_margin
        Log goal shares of all agents by area and prior, (D, area, prior, goal), −inf beyond the goals of an area.
    given_goal
        Log P(type | goal), (D, area, prior, type, goal).
    """

    log_share: Array
    log_margin: Array
    given_goal: Array

    @property
    def log_goal(self) -> Array:
        """Log goal shares of each type, (D, area, prior, type, goal)."""
        return log_shares_of_types(self.log_margin, self.log_share[:, None, None], self.given_goal)


def type_values(density: JointDensity, theta: Array, values: Sequence[Values] | None = None) -> TypeValues:
    """Return shares and goals of the types at some vectors.

    Parameters
    ----------
    density, theta
        The density and vectors, (D, coordinate).
    values
        Values of the parameters of each area there, if they are at hand.
    """
    if values is None:
        values = area_values(density, theta)
    layout, n_types = density.parameters, density.n_types
    n_goals = [area.n_shares for area in layout.areas]
    shape = (len(theta), len(layout.areas), density.rows.n_priors)
    margin = np.full((*shape, max(n_goals)), -np.inf)
    leaning = np.zeros((*shape[:2], 1, n_types, max(n_goals)))
    for p, (k, own, part) in enumerate(zip(n_goals, values, layout.leanings, strict=True)):
        margin[:, p, :, :k] = own.prior_log_share
        z = theta[:, part].reshape(len(theta), n_types - 1, k - 1)
        leaning[:, p, 0, :, :k] = layout.priors.type_sd * (zero_sum_basis(n_types) @ z @ zero_sum_basis(k).T)
    log_share = constrain(layout.types, theta[:, layout.type_share], 0).prior_log_share[:, 0]
    given = log_type_given_goal(margin, log_share[:, None, None], leaning)
    return TypeValues(log_share, margin, given)


def area_values(density: JointDensity, theta: Array) -> list[Values]:
    """Return the values of the parameters of each area."""
    return [
        constrain(area.parameters, theta[:, part], area.n_options)
        for area, part in zip(density.areas, density.parameters.of_area, strict=True)
    ]


@dataclass(frozen=True, eq=False)
class JointEvaluation:
    """Pieces of one evaluation over a batch of D vectors.

    Parameters
    ----------
    values, types
        Values of the parameters of each area, and of the types.
    log_p, parts, stages
        For each area what :func:`.evaluate_values` returned for its rows, once for each type.
    shift
        Largest log likelihood over types of the rows of each area, (D, row of the area).
    log_total
        Log likelihood of each joint row without the shifts of its areas, (joint row, D), for one agent.
    type_given_row
        Probability of the types given all answers, (joint row, type, D).
    """

    values: list[Values]
    types: TypeValues
    log_p: list[Array]
    parts: list[Evaluation]
    stages: list[list[AnyEvaluation]]
    shift: list[Array]
    log_total: Array
    type_given_row: Array


def evaluate_joint(density: JointDensity, theta: Array) -> JointEvaluation:
    """Return the log likelihood of all joint rows for a small batch of vectors, (D, coordinate), and its pieces."""
    values, n_types, batch = area_values(density, theta), density.n_types, len(theta)
    types = type_values(density, theta, values)
    log_goal = types.log_goal
    joint, found, shift = np.empty(0), [], []
    for p, (area, own, rows) in enumerate(zip(density.areas, values, density.spread, strict=True)):
        prior = state_prior(area, of_types(own, log_goal[:, p, ..., : area.states.n_shares]))
        found.append(evaluate_values(area, own, rows, prior))
        by_type = found[-1][1].row_loglik.reshape(batch, -1, n_types).transpose(1, 2, 0)  # (row, type, D)
        largest = by_type.max(axis=1)
        shift.append(largest.T)
        table = np.exp(by_type - largest[:, None]).reshape(len(by_type), -1)
        if p == 0:
            table *= np.exp(types.log_share).T.ravel()
            joint = table[density.rows.of_area[p]]
        else:
            joint *= table[density.rows.of_area[p]]
    given = joint.reshape(density.rows.n_rows, n_types, batch)
    total = given[:, 0].copy()
    for t in range(1, n_types):  # few types: one by one is faster than a sum over a short axis
        total += given[:, t]
    given /= np.maximum(total, _TINY)[:, None]
    log_p, parts, stages = (list(piece) for piece in zip(*found, strict=True))
    return JointEvaluation(values, types, log_p, parts, stages, shift, np.log(total), given)


def of_types(values: Values, log_goal: Array) -> Values:
    """Return the values of an area with a prior for each group and type, from log shares (D, prior, type, goal)."""
    batch, n_priors, n_types, k = log_goal.shape
    mean = None if values.prior_mean is None else np.repeat(values.prior_mean, n_types, axis=1)
    return replace(values, prior_log_share=log_goal.reshape(batch, n_priors * n_types, k), prior_mean=mean)


def joint_chunks(density: JointDensity, draws: int, *, per_draw: int = 0) -> Iterator[slice]:
    """Yield slices over draws such that one evaluation stays small."""
    each = max(density.cells, per_draw)
    step = max(1, _CHUNK // each, min(_TOGETHER, _MOST // each))
    for start in range(0, draws, step):
        yield slice(start, min(start + step, draws))


@log_density.register
def _(density: JointDensity, theta: Array) -> Array:
    total = log_prior(density.parameters, theta)
    for part in joint_chunks(density, len(theta)):
        total[part] += _log_likelihood(density, evaluate_joint(density, theta[part]))
    return total


def _log_likelihood(density: JointDensity, at: JointEvaluation) -> Array:
    shifts = sum(own @ weight for own, weight in zip(at.shift, density.rows.multiplicity_of_area, strict=True))
    return np.asarray(density.rows.multiplicity @ at.log_total + shifts)


@row_log_likelihood.register
def _(density: JointDensity, theta: Array) -> Array:
    result = np.empty((len(theta), density.rows.n_rows))
    for part in joint_chunks(density, len(theta)):
        at = evaluate_joint(density, theta[part])
        result[part] = at.log_total.T
        for own, of_area in zip(at.shift, density.rows.of_area, strict=True):
            result[part] += own[:, of_area]
    return result


@value_and_gradient.register
def _(density: JointDensity, theta: Array) -> tuple[Array, Array]:
    value, gradient = log_prior(density.parameters, theta), log_prior_gradient(density.parameters, theta)
    for part in joint_chunks(density, len(theta)):
        more, slope = _likelihood_gradient(density, theta[part])
        value[part] += more
        gradient[part] += slope
    return value, gradient


def _likelihood_gradient(density: JointDensity, theta: Array) -> tuple[Array, Array]:
    at, layout, rows = evaluate_joint(density, theta), density.parameters, density.rows
    batch, n_types = len(theta), density.n_types
    gradient = np.zeros_like(theta)
    weight = at.type_given_row * rows.multiplicity[:, None, None]  # (joint row, type, D)
    by_log_goal = np.zeros(at.types.given_goal.shape)
    pulled = []
    for p, (area, spread) in enumerate(zip(density.areas, density.spread, strict=True)):
        share = (rows.sums[p] @ weight.reshape(rows.n_rows, -1)).reshape(-1, n_types, batch)
        multiplicity = share.transpose(2, 0, 1).reshape(batch, -1)
        by_table, by_prior, by_first = gradients(spread, at.parts[p], multiplicity)
        by_prior = by_prior.reshape(batch, rows.n_priors, n_types, -1)
        by_log_goal[:, p, ..., : area.states.n_shares] = by_prior @ area.states.is_goal
        later = [  # goals are given: nothing is added by learned affinities
            pull_back_stages(table, evaluated, by_first)[:2]
            for table, evaluated in zip(area.table.stages, at.stages[p], strict=True)
        ]
        pulled.append((by_table, by_prior.sum(axis=2), later, numbers_gradient(area, at.values[p], by_first, None)))
    types = at.types
    log_share = np.broadcast_to(types.log_share[:, None, None], types.given_goal.shape[:-1])
    by_margin, by_types, by_leaning = pull_back_types(types.log_margin, log_share, types.given_goal, by_log_goal)
    for p, (area, part) in enumerate(zip(density.areas, layout.of_area, strict=True)):
        k = area.states.n_shares
        by_table, by_states, later, by_numbers = pulled[p]
        gradient[:, part] = table_gradient(
            area,
            theta[:, part],
            at.values[p],
            at.log_p[p],
            by_table,
            by_states,
            later,
            by_numbers,
            by_share=by_margin[:, p, :, :k],
        )
        by_z = by_leaning[:, p, ..., :k].sum(axis=1)
        by_z = layout.priors.type_sd * (zero_sum_basis(n_types).T @ by_z @ zero_sum_basis(k))
        gradient[:, layout.leanings[p]] = by_z.reshape(batch, -1)
    by_share = weight.sum(axis=0).T + by_types.sum(axis=(1, 2))
    own = theta[:, layout.type_share]
    gradient[:, layout.type_share] = pull_back_values(
        layout.types,
        own,
        constrain(layout.types, own, 0),
        by_log_share=by_share[:, None],
        by_shape_a=None,
        by_shape_b=None,
        by_baseline=np.zeros((batch, 0)),
    )
    return _log_likelihood(density, at), gradient


@log_prior.register
def _(parameters: JointParameters, theta: Array) -> Array:
    total = parameters.of_types_alone(theta)[0]
    for area, part in zip(parameters.areas, parameters.of_area, strict=True):
        total = total + log_prior(area, theta[:, part])
    return np.asarray(total)


@log_prior_gradient.register
def _(parameters: JointParameters, theta: Array) -> Array:
    gradient = np.empty_like(theta)
    for area, part in zip(parameters.areas, parameters.of_area, strict=True):
        gradient[:, part] = log_prior_gradient(area, theta[:, part])
    gradient[:, parameters.of_types] = parameters.of_types_alone(theta)[1]
    return gradient


@draw_prior.register
def _(parameters: JointParameters, draws: int, rng: np.random.Generator) -> Array:
    parts = [draw_prior(area, draws, rng) for area in (*parameters.areas, parameters.types)]
    return np.concatenate([*parts, rng.standard_normal((draws, parameters.size - parameters.type_share.stop))], axis=1)
