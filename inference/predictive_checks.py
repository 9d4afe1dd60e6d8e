"""Would the fitted model have given such answers? Shares of options, tables of pairs of items, and common goals.

**Tables.** Given the parameters, Pearson's X² of a table has a known mean and variance (Haldane 1937), and a gamma
distribution with the same two gives its tail, also for sparse tables, where the chi-square does not. The predictive
p-value is the mean of that tail over posterior draws. Shares of a repeated item are averages over dependent answers:
X² then varies about a smaller mean, which is exact, with fewer degrees of freedom, for which the fewest possible is
taken (variance between agents' states counts as one dimension), so that p-values err on the large side.

**Common goals.** Under ``follow`` two answers of an agent serve a common goal more often than if they were independent,
whatever the baselines, unless weights are 0 or all agents hold one goal. With agreement A of a pair of items, its
expectation C under independence with the same shares and its largest possible value M, (A − C) / (M − C) is the
agreement beyond chance; for an area numerators and denominators are summed over pairs, each times its agents. Below
:data:`MIN_AGREEMENT` the items have next to nothing in common, which the fitted model can only imitate by small weights
or by giving nearly everybody one goal, however diverse the answers. It is what a weight of 0.22 gives when answers and
goals are split evenly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .checks import Check
from .density import AreaDensity
from .predictive import (
    Agreement,
    PearsonTail,
    Tables,
    agreement_errors,
    cell_probabilities,
    expected_agreement,
    holm,
    levels,
    observed_tables,
    pair_variance,
    pearson_moments,
)

Array = NDArray[np.float64]

SIGNIFICANT = 0.05
"""A predictive p-value, adjusted by Holm's method within the area, below this is worth a word."""
NOTICEABLE = 0.02
"""It weakens the numbers when, besides, some share of agents is this far from what the model expects."""
MIN_AGREEMENT = 0.05
"""Agreement beyond chance below which items do not measure one goal."""
MISSED = 2.5
"""Standard errors by which the agreement of an item or a pair must fall short of the model's to count against it."""

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
        Group of these agents, None for all together. A group's residual counts less two standard errors.
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
    if not density.states.weighted:
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
    groups = (*density.prior_names, None) if len(density.prior_names) > 1 else (None, None)
    results = []
    for at, adjusted_p in zip(where, holm([p[at] for at in where]).tolist(), strict=True):
        cells = [np.flatnonzero(seen.item == j) for j in at]
        share, residual, counts = (x[np.ix_(range(len(x)), *cells)] for x in gaps)
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
    p = "< 0.001" if check.adjusted_p < 0.001 else f"= {check.adjusted_p:.3f}"
    small = ", too little to matter" if check.state == "note" else ""
    return (
        f"{check.share:.1%} of the {who} answer {answers}, where the model expects"
        f" {check.share - check.residual:.1%} (p {p}){small}."
    )


@dataclass(frozen=True)
class Togetherness:
    """Whether the items of an area measure one thing.

    Parameters
    ----------
    area
        The area.
    items
        Items that do not go together, or with the others; empty when all do.
    agreement, error
        Agreement beyond chance over all pairs, 1 at best, with its standard error.
    expected
        Posterior mean of what the fitted model expects of it.
    item_agreement
        Agreement beyond chance of each item with the others, by item.
    state
        ``"ok"`` or ``"caution"``.
    sentence
        What to tell a person; empty when ok.
    """

    area: str
    items: tuple[str, ...]
    agreement: float
    error: float
    expected: float
    item_agreement: dict[str, float]
    state: str
    sentence: str


def hang_together(density: AreaDensity, theta: Array, *, tables: Tables | None = None) -> Togetherness | None:
    """Return whether the items of an area measure one thing; None where no two answers of an agent can be compared.

    They do not when their agreement beyond chance is below :data:`MIN_AGREEMENT` or not positive by two standard
    errors, or when that holds for some item, or for half of the pairs, and the fitted model expects more by
    :data:`MISSED` standard errors (single items and pairs are noisy, so the data must contradict the model there).

    Parameters
    ----------
    density, theta, tables
        As for :func:`option_share_check`.

    Notes
    -----
    In 240 data sets simulated from the default priors (300 to 2,000 agents, 3 to 6 items, 2 or 3 goals) 3.8 % were
    found not to hang together, and 1 of the 204 whose mean weight was above 0.3 and whose contention was above a tenth
    of its maximum.
    """
    seen = tables or observed_tables(density)
    served = density.area.serves.astype(float) @ seen.merge > 0
    common = (served.T.astype(float) @ served > 0).astype(float)
    agreement = Agreement(seen.item, common, seen.n_pair.sum(axis=0))
    table = seen.pair.sum(axis=0)
    excess, room = agreement.beyond_chance(table)
    used = room > 1e-9 * np.maximum(agreement.n, 1)
    if not (density.states.weighted and used.any()):
        return None
    sizes = levels(room, used)
    found = [x / size for x, size in zip(levels(excess, used), sizes, strict=True)]
    errors = [x / size for x, size in zip(agreement_errors(density, seen, agreement, table, used), sizes, strict=True)]
    model = expected_agreement(density, theta, seen, agreement, used)
    lacking = [(x < MIN_AGREEMENT) | (x < 2 * error) for x, error in zip(found, errors, strict=True)]
    missed = [
        bad & (m.mean(axis=0) - x > MISSED * np.sqrt(error**2 + m.var(axis=0)))
        for bad, x, error, m in zip(lacking, found, errors, model, strict=True)
    ]

    items, pairs = density.area.items, np.triu(used)
    loose: tuple[str, ...] = ()
    sentence, size = "", f"{found[0]:.2f} ± {errors[0]:.2f}"
    if lacking[0]:
        loose = items
        sentence = f"{_listed(items)} do not measure one goal: agreement beyond chance is {size}, hardly any."
    elif missed[1].any() and not missed[1].all():
        loose = tuple(item for item, bad in zip(items, missed[1], strict=True) if bad)
        most = f"{found[1][missed[1]].max():.2f}"
        do = "does" if len(loose) == 1 else "do"
        sentence = f"{_listed(loose)} {do} not go with the other items: agreement beyond chance is {most}, not {size}."
    elif 2 * missed[2][pairs].sum() >= pairs.sum():
        loose = items
        number = f"{missed[2][pairs].sum()} of {pairs.sum()} pairs of them"
        sentence = f"{_listed(items)} do not measure one goal: {number} agree hardly more than by chance."
    return Togetherness(
        density.area.name,
        loose,
        float(found[0]),
        float(errors[0]),
        float(model[0].mean()),
        dict(zip(items, found[1].tolist(), strict=True)),
        "caution" if loose else "ok",
        sentence,
    )


def _listed(names: Sequence[str]) -> str:
    quoted = [f"'{name}'" for name in names]
    return " and ".join(filter(None, [", ".join(quoted[:-1]), quoted[-1]]))


def predictive_checks(density: AreaDensity, theta: Array) -> list[Check]:
    """Return the checks of how the model fits an area: option shares, pairs of items, and whether items hang together.

    An area whose items do not measure one thing *and* whose pairs of items the model does not fit is held back: its
    scores get no headline number.

    Parameters
    ----------
    density
        Density of the area.
    theta
        Equally weighted posterior draws, (draw, coordinate).
    """
    name, tables = density.area.name, observed_tables(density)
    shares = option_share_check(density, theta, tables=tables)
    pairs = item_pair_check(density, theta, tables=tables)
    checks = [_summary("option-shares", name, shares), _summary("item-pairs", name, pairs)]
    together = hang_together(density, theta, tables=tables)
    if together is not None:
        contradicted = any(check.state == "caution" for check in pairs)
        blank = len(together.items) == len(density.area.items) and contradicted
        text, state = together.sentence, together.state
        checks.append(Check("hang-together", state, name, text, together.agreement, MIN_AGREEMENT, blank=blank))
    return checks


def _summary(kind: str, area: str, results: Sequence[TableCheck]) -> Check:
    """Return one check for all tables of a kind: the worst in words, and how many more there are."""
    failed = [r for r in results if r.state != "ok"]
    if not failed:
        return Check(kind, "ok", area, "", min((r.adjusted_p for r in results), default=1.0), SIGNIFICANT)
    worst = max(failed, key=lambda r: (r.state == "caution", abs(r.residual)))
    others = len(failed) - 1
    what = "table" if len(worst.items) > 1 else "item"
    more = f" {others} more {what}{'s' * (others > 1)} differ{'s' * (others == 1)} from the model." if others else ""
    return Check(kind, worst.state, area, worst.sentence + more, worst.adjusted_p, SIGNIFICANT)
