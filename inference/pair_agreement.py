"""How often two agents agree: over pairs of agents, the share of common items on which they agree.

Two agents agree on an item when they give the same answer, or answers that serve a common goal. The mean over pairs
follows from the shares of options. How far pairs differ from each other is what goals are for: agents of one goal agree
on item after item. With a_j the agreement of a pair on item j and c_j its mean, the mean over pairs of
(a_j − c_j)(a_k − c_k), j ≠ k, is 0 where agreeing on one item says nothing on another.

Pairs are drawn with a fixed seed, by survey weight, among at most :data:`MOST_AGENTS` agents. What the model expects of
the two means is exact for each draw of the parameters,

    E a_j = q_jᵀ K q_j,    E a_j a_k = Σ P_jk ∘ (K P_jk K),

with q_j and P_jk the tables of one and of two items and K which answers agree. Their sampling variance comes from
replicated answers of the same agents.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .answer_tables import cell_probabilities
from .calibrated import Calibrated, calibrated
from .density import AreaDensity
from .replicated_answers import posterior_predictive_answers
from .thinning import evenly

Array = NDArray[np.float64]

MOST_AGENTS = 500
"""Agents looked at; with more, a misfit of a size that matters is found as surely."""
MOST_PAIRS = 2_500
"""Pairs of these agents."""
DRAWS = 300
"""Posterior draws for what the model expects."""
REPLICATES = 80
"""Replicates of the answers, at as many of the draws."""
_SEED = 20_240_623
_BINS, _MOST_VALUES = 10, 15


@dataclass(frozen=True, eq=False)
class PairAgreement:
    """Agreement of pairs of agents, observed and as the model expects it.

    Parameters
    ----------
    agents, pairs
        Number of agents and of pairs of them.
    mean, expected_mean
        Mean over pairs of the share of common items on which they agree.
    spread, expected_spread
        Standard deviation of that share over pairs.
    p_mean, p_spread
        Predictive p-values of the mean, and of agreement on different items going together.
    at
        Shares of common items that pairs can agree on, or middles of ten bins where there are many, (bin,).
    share, replicated
        Share of pairs in each bin, observed, (bin,), and replicated, (draw, bin).
    """

    agents: int
    pairs: int
    mean: float
    expected_mean: float
    spread: float
    expected_spread: float
    p_mean: float
    p_spread: float
    at: Array
    share: Array
    replicated: Array


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Pairs of agents: their positions, groups, and whether both answered each item, (pair,) and (pair, item)."""

    density: AreaDensity
    one: NDArray[np.int64]
    other: NDArray[np.int64]
    common: Array
    agree: Array
    in_item: Array

    @cached_property
    def size(self) -> Array:
        """Number of common items, (pair,)."""
        return np.asarray(self.common.sum(axis=1))


def pair_agreement(density: AreaDensity, theta: Array) -> PairAgreement | None:
    """Return the agreement of pairs of agents; None where no two agents answered two items in common.

    Parameters
    ----------
    density
        Density of the area.
    theta
        Equally weighted posterior draws, (draw, coordinate).
    """
    rng = np.random.default_rng(_SEED)
    if density.face_value or np.count_nonzero(density.area.item_answers.any(axis=0)) < 2:
        return None
    pairs = _draw_pairs(density, rng)
    if not (pairs.size >= 2).any():
        return None
    used = theta[evenly(len(theta), min(len(theta), DRAWS))]
    one, two, centre = _expected(pairs, used)
    observed = _by_item(pairs, pairs.density.area.counts[pairs.density.area.pattern_of_agent])
    some = evenly(len(used), min(len(used), REPLICATES))
    seen, replicated = _share(pairs, observed), np.empty((len(some), len(pairs.one)))
    first, second = np.empty(len(some)), np.empty(len(some))
    new = posterior_predictive_answers(pairs.density, used[some], seed=rng)
    shape = (len(pairs.density.area.pattern_of_agent), density.n_options)
    for d, option in enumerate(new.option):
        counts = np.bincount(new.agent * shape[1] + option, minlength=shape[0] * shape[1]).reshape(shape)
        by_item = _by_item(pairs, counts)
        replicated[d] = _share(pairs, by_item)
        first[d], second[d] = replicated[d].mean(), _together(pairs, by_item, centre)
    level: Calibrated = calibrated(seen.mean() - one, np.square(first - one[some]).mean())
    spread: Calibrated = calibrated(_together(pairs, observed, centre) - two, np.square(second - two[some]).mean())
    at, edges = _bins(pairs)
    shares = np.stack([np.histogram(x, edges)[0] for x in (seen, *replicated)]) / len(seen)
    return PairAgreement(
        agents=shape[0],
        pairs=len(seen),
        mean=float(seen.mean()),
        expected_mean=float(one.mean()),
        spread=float(seen.std()),
        expected_spread=float(replicated.std(axis=1).mean()),
        p_mean=float(level.p),
        p_spread=float(spread.p),
        at=at,
        share=shares[0],
        replicated=shares[1:],
    )


def agreeing(density: AreaDensity) -> Array:
    """Return whether two options of one item agree: the same, or serving a common goal, (option, option)."""
    serves = density.area.serves.astype(float)
    alike = (serves.T @ serves > 0) | np.eye(density.n_options, dtype=bool)
    return np.asarray(alike * density.table.same_item, dtype=float)


def _draw_pairs(density: AreaDensity, rng: np.random.Generator) -> _Pairs:
    area, rows = density.area, density.rows
    agents = np.flatnonzero((area.n_answers > 0)[area.pattern_of_agent])
    if len(agents) > MOST_AGENTS:
        agents = np.sort(rng.choice(agents, MOST_AGENTS, replace=False))
    row = rows.row_of_agent[agents]
    part = replace(
        density,
        area=replace(area, pattern_of_agent=area.pattern_of_agent[agents]),
        rows=replace(rows, row_of_agent=row),
    )
    weight = rows.multiplicity[row] / rows.agents[row]
    if len(agents) * (len(agents) - 1) <= 2 * MOST_PAIRS and np.ptp(weight) == 0:
        one, other = np.triu_indices(len(agents), 1)
    else:
        one, other = rng.choice(len(agents), (2, MOST_PAIRS), p=weight / weight.sum())
    answered = area.item_answers[part.area.pattern_of_agent] > 0
    common = answered[one] & answered[other]
    keep = (one != other) & common.any(axis=1)
    in_item = (area.item_of_option[:, None] == np.arange(len(area.items))).astype(float)
    return _Pairs(part, one[keep], other[keep], common[keep].astype(float), agreeing(density), in_item)


def _by_item(pairs: _Pairs, counts: NDArray[np.int64]) -> Array:
    """Return the agreement of each pair on each item, 0 where they have no answer in common, (pair, item)."""
    times = np.maximum(counts @ pairs.in_item, 1) @ pairs.in_item.T
    share = counts / times
    return np.asarray((share[pairs.one] * (share @ pairs.agree)[pairs.other]) @ pairs.in_item)


def _share(pairs: _Pairs, by_item: Array) -> Array:
    return np.asarray(by_item.sum(axis=1) / pairs.size)


def _together(pairs: _Pairs, by_item: Array, centre: Array) -> float:
    """Return the mean over pairs, and over two different common items, of the product of centred agreements."""
    gap = (by_item - centre) * pairs.common
    size = pairs.size
    product = (np.square(gap.sum(axis=1)) - np.square(gap).sum(axis=1)) / np.maximum(size * (size - 1), 1)
    return float(product.sum() / (size > 1).sum())


def _expected(pairs: _Pairs, theta: Array) -> tuple[Array, Array, Array]:
    """Return the expected mean agreement and the expected product, (draw,) each, and the centres of the items."""
    density, n_items = pairs.density, pairs.common.shape[1]
    groups, size = density.n_units, pairs.size
    group = density.unit_of_row[density.rows.row_of_agent]
    code = group[pairs.one] * groups + group[pairs.other]
    single, double = np.zeros((groups**2, n_items)), np.zeros((groups**2, n_items, n_items))
    for c in np.unique(code):
        mine, m = pairs.common[code == c], size[code == c]
        single[c] = (mine / m[:, None]).sum(axis=0) / len(size)
        double[c] = (mine / np.maximum(m * (m - 1), 1)[:, None]).T @ (mine * (m > 1)[:, None]) / (size > 1).sum()
    double *= 1 - np.eye(n_items)
    by_one, by_two = [], []
    for p, prior in cell_probabilities(density, theta, np.eye(density.n_options), per_draw=0):
        margin = prior @ p  # (draw, group, option)
        table = np.matmul(p.swapaxes(1, 2)[:, None] * prior[:, :, None, :], p[:, None])
        facing = np.matmul(np.matmul(pairs.agree, table), pairs.agree)
        alike = margin[:, :, None] * (margin @ pairs.agree)[:, None]
        both = table[:, :, None] * facing[:, None]  # (draw, group, group, option, option)
        by_one.append((alike @ pairs.in_item).reshape(len(p), -1, n_items))
        blocks = np.matmul(np.matmul(pairs.in_item.T, both), pairs.in_item)
        by_two.append(blocks.reshape(len(p), -1, n_items, n_items))
    one, two = np.concatenate(by_one), np.concatenate(by_two)
    answered = single.sum(axis=0)
    centre = np.einsum("dcj,cj->j", one, single) / len(one) / np.maximum(answered, 1e-300)
    outer = two - centre[:, None] * one[..., None, :] - one[..., None] * centre + np.outer(centre, centre)
    return np.einsum("dcj,cj->d", one, single), np.einsum("dcjk,cjk->d", outer, double), centre


def _bins(pairs: _Pairs) -> tuple[Array, Array]:
    """Return the values that agreement can take and edges between them; ten bins where there are many."""
    sizes = np.unique(pairs.size).astype(int)
    values = np.unique(np.concatenate([np.arange(m + 1) / m for m in sizes]).round(12))
    if pairs.density.area.repeated.any() or len(values) > _MOST_VALUES:
        edges = np.linspace(0, 1, _BINS + 1)
        return (edges[1:] + edges[:-1]) / 2, edges
    return values, np.concatenate([[-0.5], (values[1:] + values[:-1]) / 2, [1.5]])
