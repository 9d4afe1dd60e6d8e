"""What the fitted model says answers look like: tables of items and pairs of items, and replicated answers.

Given the parameters θ, the answers of an agent of group h to items j and k are one draw from the table

    P_h(o, o') = Σ_s prior_h(s) P(o | s) P(o' | s),

so checks against the observed tables need no simulated agents.

**Repeated items.** An agent counts once: its answers to an item enter as shares, to a pair of items as the product of
shares, and to a repeated item with itself as the shares of ordered pairs of its answers.

**Survey weights.** The model describes the weighted population, so agents count by their weights, scaled to Kish's
effective number of agents as in the likelihood.

**One answer per agent.** Such areas hold no baseline to be checked, only the goals served: options that serve the same
goals count as one, and options that serve none are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincc

from ..errors import Fault, InputError
from ..forward_model.choice_rules import draw_options, follow_probability, luce_probability
from .density import AreaDensity, chunks, state_prior
from .option_table import log_baseline, log_option_probability
from .parameters import constrain

Array = NDArray[np.float64]

MOST_DRAWS = 300
"""Draws used by predictive checks, taken evenly: more do not move a p-value by anything one would act upon."""
FEWEST_DRAWS = 50
"""Draws used where tables are so large that more would take seconds."""
MOST_ANSWERS = 400_000_000
"""Most replicated answers at once, 2 bytes each."""

_NUMBERS = 30_000_000
_TINY = 1e-15


@dataclass(frozen=True, eq=False)
class Tables:
    """Observed tables of an area, one entry per prior over states (group) on the leading axis H.

    Parameters
    ----------
    merge
        Cell of the tables that each option belongs to, as 0 and 1, (option, cell).
    item
        Item of each cell, (cell,).
    label
        Name of each cell.
    share, pair
        Sums over agents of their shares of each cell, (H, cell), and of products of shares, (H, cell, cell).
    n, n_pair
        Number of agents behind them, (H, item) and (H, item, item).
    inverse, inverse_pair, inverse_both
        Sums over the same agents of 1 / times an item was answered: of the item, (H, item); of the first item of a
        pair and of the product for both, (H, item, item).
    own
        Sums over agents of (t−2)(t−3), t−2 and 1, divided by t(t−1), for t answers to the item, (3, H, item).
    repeated
        Whether someone answered the item more than once, (item,).
    """

    merge: Array
    item: NDArray[np.int64]
    label: tuple[str, ...]
    share: Array
    pair: Array
    n: Array
    n_pair: Array
    inverse: Array
    inverse_pair: Array
    inverse_both: Array
    own: Array
    repeated: NDArray[np.bool_]


def observed_tables(density: AreaDensity) -> Tables:
    """Return the observed one-way and two-way tables of an area."""
    area, rows = density.area, density.rows
    merge, item, label = _cells(density)
    counts = area.counts[rows.pattern] @ merge
    in_item = (item[:, None] == np.arange(len(area.items))).astype(float)
    times = counts @ in_item
    answered = (times > 0).astype(float)
    inverse = answered / np.maximum(times, 1)
    share = counts * inverse[:, item]
    pairs = times * (times - 1)
    twice = (pairs > 0).astype(float)
    per_pair = twice / np.maximum(pairs, 1)
    same = item[:, None] == item
    diagonal, cell = np.arange(len(area.items)), np.arange(len(item))

    n_groups, n_items, n_cells = rows.n_priors, len(area.items), len(item)
    n = np.zeros((n_groups, n_items))
    shares, pair = np.zeros((n_groups, n_cells)), np.zeros((n_groups, n_cells, n_cells))
    n_pair, one, both = (np.zeros((n_groups, n_items, n_items)) for _ in range(3))
    inverse_n, own = np.zeros((n_groups, n_items)), np.zeros((3, n_groups, n_items))
    for h in range(n_groups):
        mine = rows.group == h
        w, c, a, i = rows.multiplicity[mine], counts[mine], answered[mine], inverse[mine]
        n[h], inverse_n[h], shares[h] = w @ a, w @ i, w @ share[mine]
        ordered = (c * (w[:, None] * per_pair[mine][:, item])).T @ c
        ordered[cell, cell] -= w @ (c * per_pair[mine][:, item])
        pair[h] = np.where(same, ordered, (share[mine] * w[:, None]).T @ share[mine])
        n_pair[h], one[h], both[h] = ((x * w[:, None]).T @ y for x, y in ((a, a), (i, a), (i, i)))
        n_pair[h][diagonal, diagonal] = w @ twice[mine]
        t = times[mine]
        own[:, h] = [w @ (x * per_pair[mine]) for x in ((t - 2) * (t - 3), t - 2, np.ones_like(t))]
    many = times.max(axis=0, initial=0) > 1
    return Tables(merge, item, label, shares, pair, n, n_pair, inverse_n, one, both, own, many)


def _cells(density: AreaDensity) -> tuple[Array, NDArray[np.int64], tuple[str, ...]]:
    """Return what the cells of the tables are: options, or with one answer per agent the goals that options serve."""
    area, table = density.area, density.table
    if density.states.weighted:
        return np.eye(len(area.options)), area.item_of_option, area.options
    columns: dict[tuple[int, bytes], list[int]] = {}
    for option in np.flatnonzero(~table.ignored):
        columns.setdefault((int(area.item_of_option[option]), area.serves[:, option].tobytes()), []).append(int(option))
    merge = np.zeros((len(area.options), len(columns)))
    for cell, options in enumerate(columns.values()):
        merge[options, cell] = 1
    labels = tuple(" or ".join(area.options[option] for option in options) for options in columns.values())
    return merge, np.array([key[0] for key in columns], dtype=np.int64), labels


def cell_probabilities(
    density: AreaDensity, theta: Array, merge: Array, *, per_draw: int
) -> Iterator[tuple[Array, Array]]:
    """Yield P(cell | state), (draw, state, cell), and the prior over states, (draw, H, state), some draws at a time.

    At most :data:`MOST_DRAWS` of the draws are used. ``merge`` is that of :class:`Tables`; ``per_draw`` is how many
    numbers the caller makes of each draw.
    """
    most = min(len(theta), MOST_DRAWS, max(FEWEST_DRAWS, _NUMBERS // max(per_draw, 1)))
    used = theta[np.linspace(0, len(theta) - 1, most).round().astype(int)]
    for part in chunks(density, len(used), per_draw=per_draw):
        values = constrain(density.parameters, used[part], density.n_options)
        p = np.exp(log_option_probability(np, density.table, values.baseline_logits)) @ merge
        yield p, np.exp(state_prior(density, values))


def pair_variance(
    seen: Tables, p: Array, weighted: Array, mean: Array, scale: Array, blocks: Callable[[Array], Array]
) -> tuple[Array, Array]:
    """Return the mean of X² due to agents' states and due to their answers given those, both (draw, H, item, item).

    With M = p² + (p − p²)/t the second moment of the share of an option among t answers, the second moment of a cell of
    a pair of items is Σ_s prior(s) M M'; that of an item with itself follows from factorial moments.
    """
    k = seen.item
    wide = np.ix_(range(len(seen.n_pair)), k, k)
    squares = np.square(p)[:, None]
    weighted_squares = weighted * p.swapaxes(1, 2)[:, None]
    qq, qp = np.matmul(weighted_squares, squares), np.matmul(weighted_squares, p[:, None])
    pq = qp.swapaxes(2, 3)
    one, both = seen.inverse_pair[wide] / scale, seen.inverse_both[wide] / scale
    second = qq + (pq - qq) * one + (qp - qq) * one.swapaxes(1, 2) + (mean - pq - qp + qq) * both
    four, three, two = (x[:, k][:, :, None] / scale for x in seen.own)
    twice = 1 + np.eye(len(k))
    second = np.where(k[:, None] == k, four * qq + twice * (three * (qp + pq) + two * mean), second)
    between = np.maximum(blocks((qq - np.square(mean)) / mean), 0)
    return between, np.maximum(blocks((second - np.square(mean)) / mean) - between, 0)


def pearson_moments(
    statistic: Array,
    between: Array,
    within: Array,
    inverse: Array,
    cells: Array,
    free: Array,
    n: Array,
    repeated: NDArray[np.bool_],
) -> tuple[Array, Array, Array]:
    """Return X² with its predictive mean and variance, 0 where there is no agent.

    ``inverse`` is Σ 1/P over the cells, ``free`` the number of cells that are not the mirror image of another.
    """
    some, agents = n > 0, np.maximum(n, 1)
    df = np.maximum(free - 1, _TINY)
    sparse = (inverse - cells * (cells + 2) + 2) / agents
    spread = within / np.sqrt(df) + between  # √(variance / 2) of the sum of two parts is at most that of each
    often = 2 * np.square(spread) + np.maximum(sparse, 0)
    mean, variance = np.where(repeated, between + within, df), np.where(repeated, often, 2 * df + sparse)
    return np.where(some, statistic, 0.0), np.where(some, mean, 0.0), np.where(some, variance, 0.0)


class PearsonTail:
    """Running means over draws of X², its predictive mean and its tail probability, summed over groups."""

    def __init__(self) -> None:
        self.draws = 0
        self._sums: list[Array] | None = None

    def add(self, statistic: Array, mean: Array, variance: Array) -> None:
        """Take in some draws, (draw, H, …) each."""
        x, m, v = statistic.sum(axis=1), mean.sum(axis=1), variance.sum(axis=1)
        some = (m > 1e-9) & (v > 1e-12)
        m, v = np.where(some, m, 1.0), np.where(some, v, 1.0)
        p = np.where(some, gammaincc(m * m / v, x * m / v), 1.0)
        sums = [x.sum(axis=0), np.where(some, m, 0.0).sum(axis=0), p.sum(axis=0)]
        self._sums = sums if self._sums is None else [a + b for a, b in zip(self._sums, sums, strict=True)]
        self.draws += len(x)

    @property
    def means(self) -> list[Array]:
        """Means over draws of X², of its predictive mean and of its tail probability, (…) each."""
        assert self._sums is not None
        return [x / self.draws for x in self._sums]


def holm(p: Sequence[float]) -> Array:
    """Return p-values adjusted by Holm's method: the chance that the smallest of them all is so small."""
    values = np.asarray(p, dtype=float)
    order = np.argsort(values, kind="stable")
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)), 1)
    return adjusted


@dataclass(frozen=True, eq=False)
class Agreement:
    """How often the two answers of an agent to a pair of items serve a common goal.

    Parameters
    ----------
    item
        Item of each cell, (cell,).
    common
        Whether two cells serve a common goal, (cell, cell).
    n
        Number of agents behind each pair of items, (item, item).
    """

    item: NDArray[np.int64]
    common: Array
    n: Array

    @property
    def in_item(self) -> Array:
        """Indicator of the item of each cell, (cell, item)."""
        return np.asarray(self.item[:, None] == np.arange(len(self.n)), dtype=float)

    def by_pair(self, cells: Array) -> Array:
        """Return sums over the cells of each pair of items, (…, item, item)."""
        return np.asarray(np.matmul(np.matmul(self.in_item.T, cells), self.in_item))

    def margins(self, table: Array) -> Array:
        """Return the shares of each cell among agents who answered another item too, (…, cell, item)."""
        return np.asarray(np.matmul(table, self.in_item) / np.maximum(self.n, _TINY)[self.item])

    def beyond_chance(self, table: Array) -> tuple[Array, Array]:
        """Return n (A − C) and n (M − C) of tables of sums over agents, (…, cell, cell) to (…, item, item) each.

        A is the share of agents whose answers agree, C the same for independent answers with the same shares, M the
        largest that these shares of answers with a partner allow.
        """
        margin = self.margins(table)
        facing = margin[..., self.item]
        chance = self.by_pair(facing * facing.swapaxes(-1, -2) * self.common)
        reach = np.matmul(self.in_item.T, margin * (self.common @ self.in_item > 0))
        most = np.minimum(reach, reach.swapaxes(-1, -2))
        return self.by_pair(table * self.common) - self.n * chance, self.n * (most - chance)


def levels(by_pair: Array, used: NDArray[np.bool_]) -> list[Array]:
    """Return sums for the area, (…), for each item with all others, (…, item), and for each pair, (…, item, item)."""
    x = np.where(used, by_pair, 0)
    area = (x.sum(axis=(-2, -1)) + np.trace(x, axis1=-2, axis2=-1)) / 2
    return [np.asarray(part) + _TINY for part in (area, x.sum(axis=-1), x)]


def agreement_errors(
    density: AreaDensity, seen: Tables, agreement: Agreement, table: Array, used: NDArray[np.bool_]
) -> list[Array]:
    """Return standard errors of n (A − C) for area, items and pairs, from what each agent adds to it."""
    rows, item, in_item = density.rows, agreement.item, agreement.in_item
    wide = np.ix_(item, item)
    facing = agreement.margins(table)[:, item]
    guess = ((agreement.common * facing.T) @ in_item)[:, item]  # chance that another's answer agrees with this one
    form = agreement.common - guess - guess.T
    centre = agreement.by_pair(table * form) / np.maximum(agreement.n, _TINY)
    form = np.where(used[wide], form - centre[wide], 0)
    across, within = np.where(item[:, None] == item, 0, form), np.where(item[:, None] == item, form, 0)
    area, by_item = 0.0, np.zeros(len(used))
    for start in range(0, rows.n_rows, 50_000):
        part = slice(start, start + 50_000)
        counts = density.area.counts[rows.pattern[part]] @ seen.merge
        times = (counts @ in_item)[:, item]
        share = counts / np.maximum(times, 1)
        others = (share * (share @ across)) @ in_item
        own = (counts * (counts @ within - np.diag(within)) / np.maximum(times * (times - 1), 1)) @ in_item
        weight = rows.multiplicity[part]
        area += float(weight @ np.square(others.sum(axis=1) / 2 + own.sum(axis=1)))
        by_item += weight @ np.square(others + own)
    pairs = agreement.by_pair(table * np.square(form))  # for repeated items an upper bound
    return [np.sqrt(np.asarray(area)), np.sqrt(by_item), np.sqrt(pairs)]


def expected_agreement(
    density: AreaDensity, theta: Array, seen: Tables, agreement: Agreement, used: NDArray[np.bool_]
) -> list[Array]:
    """Return the agreement beyond chance of area, items and pairs that the model expects, for each draw."""
    scale = seen.n_pair[np.ix_(range(len(seen.n_pair)), seen.item, seen.item)]
    draws = []
    for p, prior in cell_probabilities(density, theta, seen.merge, per_draw=2 * seen.pair.size):
        weighted = p.swapaxes(1, 2)[:, None] * prior[:, :, None, :]
        excess, room = agreement.beyond_chance((np.matmul(weighted, p[:, None]) * scale).sum(axis=1))
        draws.append([x / size for x, size in zip(levels(excess, used), levels(room, used), strict=True)])
    return [np.concatenate(parts) for parts in zip(*draws, strict=True)]


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
    goal = np.where(states.goal < states.n_goals, states.goal, -1)
    positions = [np.flatnonzero(item == j) for j in range(len(area.items))]
    for d in range(len(theta)):
        values = constrain(density.parameters, theta[d : d + 1], density.n_options)
        baseline = np.exp(log_baseline(np, density.table, values.baseline_logits))[0]
        if area.rule == "luce":
            args = (area.serves, area.item_of_option, baseline, states.weight)
            p = luce_probability(*args, area.kappa, goal=goal)
        else:
            p = follow_probability(area.serves, area.item_of_option, baseline, states.weight, goal=goal)
        upto = np.cumsum(np.exp(state_prior(density, values))[0], axis=1)
        upto = upto / upto[:, -1:] + np.arange(len(upto))[:, None]  # all groups in one increasing sequence
        drawn = np.searchsorted(upto.ravel(), group + rng.random(len(group)), side="right")
        state = np.minimum(drawn - group * states.n_states, states.n_states - 1)
        for j, mine in enumerate(positions):
            options = np.flatnonzero(area.item_of_option == j)
            one = draw_options(p[np.ix_(state[agent[mine]], options)], np.zeros(len(options), dtype=np.int64), rng)
            option[d, mine] = options[one[:, 0]]
    return Replicates(agent, item, option)
