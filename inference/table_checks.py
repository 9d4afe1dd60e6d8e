"""Would the fitted model have given such answers? Shares of options, and tables of pairs of items.

The predictive p-value of a table is the mean over posterior draws of the tail of Pearson's X²
(:mod:`~dissensus.inference.pearson_tail`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .answer_tables import Tables, cell_probabilities, observed_tables
from .density import AreaDensity
from .group_sizes import SMALL_GROUP
from .pearson_tail import PearsonTail, holm, pair_variance, pearson_moments

Array = NDArray[np.float64]

SIGNIFICANT = 0.05
"""A predictive p-value, adjusted by Holm's method within the area, below this is worth a word."""
NOTICEABLE = 0.02
"""It weakens the numbers when, besides, some share of agents is this far from what the model expects."""

NO_GROUP = "no group"
"""Name of the agents in no group, where others are in groups."""

_TINY = 1e-15


@dataclass(frozen=True)
class TableCheck:
    """How the answers to one item, or to a pair of items, compare with what the model predicts.

    Parameters
    ----------
    area
        The area.
    items
        One item (shares of its options) or two (their two-way table; a repeated item may be paired with itself).
    agents
        Number of agents in the table; with survey weights, effective number.
    statistic, expected
        Posterior means of Pearson's X² and of its predictive mean.
    p
        Probability that replicated answers lie as far from the model or farther.
    adjusted_p
        The same, adjusted by Holm's method over the checks of this kind in the area.
    share, residual
        Share of agents in the worst cell, and how far it is from its posterior mean expectation.
    cell
        Labels of the options of the worst cell, one for each item.
    group
        Group of these agents, :data:`NO_GROUP` for those in none, None for all together. A group's residual counts
        less two standard errors.
    state
        ``"ok"``; ``"note"`` when significant; ``"caution"`` when significant and noticeable.
    sentence
        What to tell a person; empty when ok.
    """

    area: str
    items: tuple[str, ...]
    agents: float
    statistic: float
    expected: float
    p: float
    adjusted_p: float
    share: float
    residual: float
    cell: tuple[str, ...]
    group: str | None
    state: str
    sentence: str


def option_share_check(density: AreaDensity, theta: Array, *, tables: Tables | None = None) -> tuple[TableCheck, ...]:
    """Return the posterior predictive check of the option shares of every item.

    Parameters
    ----------
    density
        Density of the area.
    theta
        Equally weighted posterior draws, (draw, coordinate).
    tables
        The observed tables, if they are at hand already.

    Returns
    -------
    tuple of TableCheck
        One for each item with something to compare (at least two cells, at least one answer).

    Notes
    -----
    Baselines are fitted to these very shares, so with free baselines the p-values are large; small ones say that goals
    shared by all items stand in the way of the shares of one.
    """
    seen = tables or observed_tables(density)
    in_item = (seen.item[:, None] == np.arange(len(density.area.items))).astype(float)
    cells = in_item.sum(axis=0)
    n, rate = np.maximum(seen.n, _TINY), seen.inverse / np.maximum(seen.n, _TINY)
    tail = PearsonTail()
    expected_share = np.zeros_like(seen.share)
    for p, prior in cell_probabilities(density, theta, seen.merge, per_draw=seen.share.size):
        mean = np.maximum(prior @ p, _TINY)  # (draw, H, cell)
        square = prior @ np.square(p)
        statistic = np.square(seen.share - n[:, seen.item] * mean) / (n[:, seen.item] * mean) @ in_item
        between = (square - np.square(mean)) / mean @ in_item
        within = (mean - square) / mean @ in_item * rate
        tail.add(*pearson_moments(statistic, between, within, 1 / mean @ in_item, cells, cells, seen.n, seen.repeated))
        expected_share += mean.sum(axis=0)
    where = [(j,) for j in range(len(cells)) if cells[j] > 1 and seen.n[:, j].sum() > 0]
    gap = _gaps(seen.share, expected_share / tail.draws, seen.n[:, seen.item])
    return _results(density, seen, where, tail, gap, seen.n.sum(axis=0))


def item_pair_check(density: AreaDensity, theta: Array, *, tables: Tables | None = None) -> tuple[TableCheck, ...]:
    """Return the posterior predictive check of the two-way table of every pair of items.

    Parameters
    ----------
    density, theta, tables
        As for :func:`option_share_check`.

    Returns
    -------
    tuple of TableCheck
        One for each pair of items that somebody answered both of, and one for each item that somebody answered twice.

    References
    ----------
    Haldane, J. B. S. (1937). The exact value of the moments of the distribution of χ² used as a test of goodness of
    fit, when expectations are small. Biometrika 29. doi:10.1093/biomet/29.1-2.133
    """
    seen = tables or observed_tables(density)
    n_items, k = len(density.area.items), seen.item
    if density.face_value:
        return ()
    in_item = (k[:, None] == np.arange(n_items)).astype(float)

    def blocks(x: Array) -> Array:
        return np.asarray(np.matmul(np.matmul(in_item.T, x), in_item))

    sizes, diagonal = in_item.sum(axis=0), np.arange(n_items)
    cells = np.outer(sizes, sizes)
    free = cells.copy()
    free[diagonal, diagonal] = sizes * (sizes + 1) / 2  # (o, o') and (o', o) of one item are one cell
    repeated = seen.repeated[:, None] | seen.repeated
    n = np.maximum(seen.n_pair, _TINY)
    wide = np.ix_(range(len(n)), k, k)
    scale = n[wide]
    tail = PearsonTail()
    expected_pair = np.zeros_like(seen.pair)
    for p, prior in cell_probabilities(density, theta, seen.merge, per_draw=4 * seen.pair.size):
        weighted = p.swapaxes(1, 2)[:, None] * prior[:, :, None, :]  # (draw, H, cell, state)
        mean = np.maximum(np.matmul(weighted, p[:, None]), _TINY)
        statistic = blocks(np.square(seen.pair - scale * mean) / (scale * mean))
        if seen.repeated.any():
            between, within = pair_variance(seen, p, weighted, mean, scale, blocks)
        else:
            between, within = np.zeros_like(statistic), np.broadcast_to(cells - 1, statistic.shape)
        tail.add(*pearson_moments(statistic, between, within, blocks(1 / mean), cells, free, seen.n_pair, repeated))
        expected_pair += mean.sum(axis=0)
    total = seen.n_pair.sum(axis=0)
    where = [(i, j) for i in range(n_items) for j in range(i, n_items) if free[i, j] > 1 and total[i, j] > 0]
    gap = _gaps(seen.pair, expected_pair / tail.draws, scale)
    return _results(density, seen, where, tail, gap, total)


def _gaps(observed: Array, expected: Array, n: Array) -> tuple[Array, Array, Array]:
    """Return shares, residuals and how much the residuals count, of each group and of all agents, (H + 1, …) each."""

    def with_all(groups: Array) -> Array:
        pooled = (n * groups).sum(axis=0) / np.maximum(n.sum(axis=0), _TINY)
        return np.concatenate([np.where(n > 0, groups, 0), pooled[None]])

    share, expectation = with_all(observed / np.maximum(n, _TINY)), with_all(expected)
    noise = 2 * np.sqrt(expected * (1 - expected) / np.maximum(n, _TINY))
    residual = share - expectation
    counts = np.maximum(np.abs(residual) - np.concatenate([noise, np.zeros_like(noise[:1])]), 0)
    return share, residual, counts


def _results(
    density: AreaDensity,
    seen: Tables,
    where: Sequence[tuple[int, ...]],
    tail: PearsonTail,
    gaps: tuple[Array, Array, Array],
    agents: Array,
) -> tuple[TableCheck, ...]:
    if not where:
        return ()
    area, (statistic, expected, p) = density.area, tail.means
    names = [NO_GROUP if name is None else name for name in density.prior_names]
    groups = (*names, None) if len(names) > 1 else (None, None)
    # What few people answered is told of all agents only; the p-values are about everybody.
    few = np.append(np.bincount(density.unit_of_row, density.rows.agents, len(names)) < SMALL_GROUP, False)
    results = []
    for at, adjusted_p in zip(where, holm([p[at] for at in where]).tolist(), strict=True):
        cells = [np.flatnonzero(seen.item == j) for j in at]
        share, residual, counts = (x[np.ix_(range(len(x)), *cells)] for x in gaps)
        counts = np.where(few.reshape(-1, *[1] * len(cells)), -np.inf, counts)
        worst = np.unravel_index(np.argmax(counts), counts.shape)
        labels = tuple(seen.label[mine[place]] for mine, place in zip(cells, worst[1:], strict=True))
        state = "ok" if adjusted_p >= SIGNIFICANT else "caution" if counts[worst] >= NOTICEABLE else "note"
        result = TableCheck(
            area=area.name,
            items=tuple(area.items[j] for j in at),
            agents=float(agents[at]),
            statistic=float(statistic[at]),
            expected=float(expected[at]),
            p=float(p[at]),
            adjusted_p=adjusted_p,
            share=float(share[worst]),
            residual=float(residual[worst]),
            cell=labels,
            group=groups[worst[0]],
            state=state,
            sentence="",
        )
        results.append(result if state == "ok" else replace(result, sentence=_sentence(result)))
    return tuple(results)


def _sentence(check: TableCheck) -> str:
    answers = " and ".join(f"'{option}' to '{item}'" for item, option in zip(check.items, check.cell, strict=True))
    who = "agents" if check.group is None else f"agents of group '{check.group}'"
    who = "agents in no group" if check.group == NO_GROUP else who
    p = "< 0.001" if check.adjusted_p < 0.001 else f"= {check.adjusted_p:.3f}"
    small = ", too little to matter" if check.state == "note" else ""
    return (
        f"{check.share:.1%} of the {who} answer {answers}, where the model expects"
        f" {max(0.0, check.share - check.residual):.1%} (p {p}){small}."  # not -0.0 %
    )
