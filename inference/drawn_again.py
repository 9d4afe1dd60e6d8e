"""What the stored scores of a result were computed from, made again: densities, the thinned draws, and the seeds.

A result holds no states of agents (draws × agents would be too many), but all that they were drawn from. The states of
:func:`draw_states` come out the same again, here by *units*, parts of the agents that something is to be said of.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ..datasets.choices import Choices
from .area_fit import flat_draws
from .area_scores import padded_conflict
from .density import AreaDensity, chunks, evaluate_rows
from .dependence import refuse_dependence
from .finite_draws import filled
from .marginal import feature_means, state_probabilities
from .nuts import CHAINS
from .population_pairs import padded
from .posterior_states import _draw_totals, _drawn_one_by_one, state_features, unit_totals
from .result import attribute, choices_of, densities_of, thetas_of
from .thinning import evenly
from .uncertain_scores import conflict_draws

Array = NDArray[np.float64]
Whole = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class AreaDraws:
    """The draws behind the scores of one area.

    Parameters
    ----------
    density
        Density of the area.
    theta
        The parameter vectors that scores were computed at, (draw, coordinate).
    broken
        Whether a draw is not finite, (draw,); its scores are unknown.
    stream
        Seed of the states.
    shares
        Share of each group in the population, those in none last, (group,).
    conflict
        Conflict between goal shares, (share, share), or where it is uncertain that of each draw, (draw, share, share).
    """

    density: AreaDensity
    theta: Array
    broken: NDArray[np.bool_]
    stream: np.random.SeedSequence
    shares: Array
    conflict: Array

    @property
    def mean_conflict(self) -> Array:
        """Conflict between the goals, (goal, goal); its mean where it is uncertain or behavioural."""
        if not self.density.area.behavioural:
            return self.density.area.conflict
        k = self.density.states.n_goals
        return np.asarray(self.conflict[..., :k, :k].mean(axis=0))


@dataclass(frozen=True, eq=False)
class Units:
    """Parts of the agents, each within one group (or period); every agent is in one.

    Parameters
    ----------
    of_agent
        Unit of each agent, (agent,).
    prior
        Group of each unit, those in none last, (unit,). The first units are the groups themselves, in their order: the
        agents who are in no unit of their own.
    own
        The number that a unit was asked for by, −1 for the groups, (unit,).
    """

    of_agent: Whole
    prior: Whole
    own: Whole

    @property
    def size(self) -> Whole:
        """Number of agents of each unit, (unit,)."""
        return np.bincount(self.of_agent, minlength=len(self.prior))


@dataclass(frozen=True, eq=False)
class UnitStates:
    """States of the agents of each unit at some draws.

    Parameters
    ----------
    part
        Which draws.
    cells
        Number of agents of each unit in each state, (draw, unit, state): drawn, or expected in units that are large.
    totals
        Number of agents, sum of √w and sum of w by goal share, (draw, unit, 3, share). Summed over the units of a prior
        they are the totals behind the stored scores.
    overlap
        Where agents follow several goals, Σ μ_g μ_h and Σ w μ_g μ_h of every pair of goals, (draw, unit, 2, pair).
    large
        Whether the totals of a unit are drawn, not its states: what is left of a group of over 2,000 agents, (unit,).
    """

    part: slice
    cells: Array
    totals: Array
    overlap: Array
    large: NDArray[np.bool_]


def draws_of(fit: xr.DataTree, choices: Choices | None = None) -> tuple[AreaDraws, ...]:
    """Return the draws behind the scores of each area of a result.

    Parameters
    ----------
    fit
        A result of :func:`fit` or :func:`load`.
    choices
        Its choices, when they are at hand.
    """
    refuse_dependence(fit, "Drawing the states of agents again")
    choices = choices_of(fit) if choices is None else choices
    densities = densities_of(fit, choices)
    shares = np.asarray(attribute(fit, "group_shares"), dtype=float)
    total, method = fit["scores"].sizes["chain"] * fit["scores"].sizes["draw"], attribute(fit, "method")
    result = []
    seed = attribute(fit, "seed")
    conflicts = conflict_draws(choices.study, draws=total, seed=seed)
    for p, (density, flat) in enumerate(zip(densities, thetas_of(fit, densities), strict=True)):
        theta = _thinned(flat.reshape(CHAINS if method[density.area.name] == "nuts" else 1, -1, density.size), total)
        broken = ~np.isfinite(theta).all(axis=1)
        stream, drawn = np.random.SeedSequence(seed, spawn_key=(p, 1)), conflicts[p]
        good = theta[~broken][0] if not broken.all() else np.zeros(density.size)
        theta = filled(theta, good)
        conflict = padded_conflict(density, theta) if drawn is None else padded(drawn, density.states.n_shares)
        result.append(AreaDraws(density, theta, broken, stream, shares, conflict))
    return tuple(result)


def _thinned(theta: Array, total: int) -> Array:
    """Return ``total`` draws taken evenly from each chain, (draw, coordinate), as :func:`.thin` took them."""
    at = evenly(theta.shape[1], total // len(theta))
    return flat_draws(theta[:, at])


def priors_as_units(density: AreaDensity) -> Units:
    """Return the agents of each prior over states as one unit."""
    n_groups = density.n_units
    return Units(density.unit_of_row[density.rows.row_of_agent], np.arange(n_groups), np.full(n_groups, -1))


def with_units(density: AreaDensity, own: Whole) -> Units:
    """Return units for agents that are to be told apart.

    Parameters
    ----------
    density
        Density of the area.
    own
        A number ≥ 0 for agents to be taken together, as far as they share a group, −1 for the others, (agent,).
    """
    plain = priors_as_units(density)
    if (own < 0).all():
        return plain
    n_priors, told_apart = len(plain.prior), own >= 0
    kinds, place = np.unique((own * n_priors + plain.of_agent)[told_apart], return_inverse=True)
    of_agent = plain.of_agent.copy()
    of_agent[told_apart] = n_priors + place
    prior, number = np.append(plain.prior, kinds % n_priors), np.append(plain.own, kinds // n_priors)
    return Units(of_agent, prior, number)


def unit_states(area: AreaDraws, units: Units) -> Iterator[UnitStates]:
    """Yield the states of the units, some draws at a time.

    Parameters
    ----------
    area
        The draws of the area.
    units
        Parts of its agents.
    """
    density, rng = area.density, np.random.default_rng(area.stream)
    key = (*area.stream.spawn_key, 0)
    other = np.random.default_rng(np.random.SeedSequence(area.stream.entropy, spawn_key=key))
    rows, states, k = density.rows, density.states, density.states.n_shares
    features, exact = state_features(states), _drawn_one_by_one(density)
    one_by_one = exact[density.unit_of_row]
    large = (np.arange(len(units.prior)) < density.n_units) & ~exact[units.prior]
    order = np.argsort(rows.row_of_agent, kind="stable")
    small = order[one_by_one[rows.row_of_agent[order]]]
    apart = order[~one_by_one[rows.row_of_agent[order]] & (units.of_agent[order] >= density.n_units)]
    rows_apart = np.bincount(rows.row_of_agent[apart], minlength=rows.n_rows) > 0
    per_draw = int(one_by_one.sum()) * states.n_states + rows.n_rows * features.shape[1]
    for part in chunks(density, len(area.theta), per_draw=per_draw):  # as draw_states cuts, for the same numbers
        _, _, parts = evaluate_rows(density, area.theta[part])
        cells = np.zeros((part.stop - part.start, len(units.prior), states.n_states))
        if not exact.all():
            whole = _draw_totals(density, parts, feature_means(rows, parts, features), features, rng)
        if len(small):
            probability = state_probabilities(rows, parts, one_by_one)
            cells += _drawn(
                probability, _among(one_by_one, rows.row_of_agent[small]), units.of_agent[small], rng, cells
            )
        if len(apart):
            probability = state_probabilities(rows, parts, rows_apart)
            place, unit = _among(rows_apart, rows.row_of_agent[apart]), units.of_agent[apart]
            cells += _drawn(probability, place, unit, other, cells)
            number = np.zeros((len(units.prior), probability.shape[1]))
            np.add.at(number, (unit, place), 1)
            expected_apart = np.matmul(number, probability)
        totals = cells @ features
        if not exact.all():
            expected = np.zeros_like(cells) if not len(apart) else expected_apart
            of_prior = unit_totals(density, parts, rows.agents.astype(float))
            for h in map(int, np.flatnonzero(~exact)):
                _split(h, units, whole[:, h], of_prior[:, h], expected, features, cells, totals, k)
        lead, pairs = totals.shape[:2], states.overlap.shape[1]
        overlap = totals[..., 3 * k :].reshape(*lead, 2, pairs)
        yield UnitStates(part, cells, totals[..., : 3 * k].reshape(*lead, 3, k), overlap, large)


def _among(some: NDArray[np.bool_], row: Whole) -> Whole:
    """Return where rows stand among ``some``."""
    return (np.cumsum(some) - 1)[row]


def _drawn(probability: Array, row: Whole, unit: Whole, rng: np.random.Generator, like: Array) -> Array:
    """Return how many agents of each unit are in each state, (draw, unit, state).

    Random numbers are used as :func:`draw_states` uses them, one for each agent in the order of their rows.
    """
    _, n_units, n_states = like.shape
    edges = np.cumsum(probability, axis=2)
    edges /= edges[:, :, -1:]
    edges += np.arange(probability.shape[1])[:, None]
    cells = np.empty(like.shape)
    for d, edge in enumerate(edges):
        at = np.searchsorted(edge.ravel(), row + rng.random(len(row)), side="right")
        state = np.minimum(at - row * n_states, n_states - 1)
        flat = np.bincount(unit * n_states + state, minlength=n_units * n_states)
        cells[d] = flat.reshape(n_units, n_states)
    return cells


def _split(
    prior: int,
    units: Units,
    whole: Array,
    of_prior: Array,
    expected: Array,
    features: Array,
    cells: Array,
    totals: Array,
    k: int,
) -> None:
    """Split normal totals of a large prior, (draw, feature), among its units; put the expected states of the rest.

    With shares f_u of the agents, the units of their own take μ_u + f_u (T − μ) + √(1 − Σf) (x_u − μ_u), x_u their
    drawn states: so the rest, which is what is left of T, has its mean and, to order 1/n, its own covariance.
    """
    own = np.flatnonzero(units.prior == prior)[1:]
    size = units.size
    n, rest = size[own].sum() + size[prior], whole
    for unit in own:
        mean = expected[:, unit] @ features
        shift = size[unit] / n * (whole - of_prior @ features)
        totals[:, unit] = mean + shift + np.sqrt(size[prior] / n) * (totals[:, unit] - mean)
        rest = rest - totals[:, unit]
    count = np.maximum(rest[:, :k], 0)
    count = count * size[prior] / np.maximum(count.sum(axis=1, keepdims=True), 1e-300) if len(own) else rest[:, :k]
    root = np.clip(rest[:, k : 2 * k], 0, count)
    weight, overlap = np.clip(rest[:, 2 * k : 3 * k], 0, root), np.maximum(rest[:, 3 * k :], 0)
    totals[:, prior] = np.concatenate([count, root, weight, overlap], axis=1)
    cells[:, prior] = np.maximum(of_prior - expected[:, own].sum(axis=1), 0)
