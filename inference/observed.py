"""Observed conflict: how often two agents' answers to the same item serve conflicting goals. No model.

Noise counts as conflict. The interval is a bootstrap over agents. Above 10,000 agents the bootstrap totals are drawn
from the normal distribution with their exact covariance, except where few agents answered.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array

from ..datasets.choices import AreaChoices, Choices

Array = NDArray[np.float64]

EXACT_AGENTS = 10_000
"""Up to this many agents are resampled one by one."""
FEW_AGENTS = 500
"""Among more, those of a group, or who answered an item, up to this number are resampled one by one too."""

MANY_PATTERNS = 100_000
"""Above, agents are added up one by one instead of pairs of patterns."""

_AGENTS_AT_A_TIME = 10_000


@dataclass(frozen=True, eq=False)
class ObservedConflict:
    """Observed conflict of every area.

    Parameters
    ----------
    estimate
        (area,).
    replicates
        Bootstrap replicates, (replicate, area).
    group_estimate, group_replicates
        Within (diagonal) and between groups, (area, group, group) and (replicate, area, group, group).

    Notes
    -----
    NaN where no item of the area has two answers to compare, or what goals favour is learned in all of them.
    """

    estimate: Array
    replicates: Array
    group_estimate: Array
    group_replicates: Array


def option_conflict(area: AreaChoices) -> Array:
    """Return the mean conflict between the goals served by two options, (option, option); 0 if one serves none."""
    serves = area.serves.astype(float)
    number = serves.sum(axis=0)
    return np.asarray(serves.T @ area.conflict @ serves / np.maximum(np.outer(number, number), 1))


def observed_conflict(
    choices: Choices, *, replicates: int, seed: int | np.random.Generator, weighted: bool = False
) -> ObservedConflict:
    """Return the observed conflict of every area, overall and by groups, with bootstrap replicates.

    For each item: the mean conflict over pairs of agents who answered it; an agent's repeated answers to an item count
    as shares of its options. Items are averaged, those with no pair left out, and stated importance, which serves no
    goal. Passing is no answer here, and counts and
    durations serve no goal by themselves.

    Parameters
    ----------
    choices
        The choices.
    replicates
        Number of bootstrap replicates.
    seed
        Seed of the bootstrap.
    weighted
        Whether agents count by their survey weights (the ``population`` estimand).
    """
    rng = np.random.default_rng(seed)
    weight = np.ones(choices.n_agents)
    if weighted and choices.survey_weight is not None:
        weight = choices.survey_weight / choices.survey_weight.mean()
    group = np.where(choices.group_of_agent < 0, len(choices.groups), choices.group_of_agent)
    n_groups = len(choices.groups) + 1
    keys = [area.pattern_of_agent * n_groups + group for area in choices.areas]
    answers = [_answers_of(area) for area in choices.areas]
    once = [_totals(given, key, n_groups, weight) for given, key in zip(answers, keys, strict=True)]
    estimates = [_conflict(area, total) for area, total in zip(choices.areas, once, strict=True)]
    if choices.n_agents <= EXACT_AGENTS:
        drawn = _resample(answers, keys, n_groups, weight, replicates, rng)
    else:
        drawn = _normal(answers, keys, n_groups, weight, once, replicates, rng)
    copies = [_conflict(area, total) for area, total in zip(choices.areas, drawn, strict=True)]
    named = len(choices.groups)
    return ObservedConflict(
        np.array([overall[0] for overall, _ in estimates]),
        np.stack([overall for overall, _ in copies], axis=1),
        np.stack([groups[0, :named, :named] for _, groups in estimates]),
        np.stack([groups[:, :named, :named] for _, groups in copies], axis=1),
    )


@dataclass(frozen=True, eq=False)
class _Answers:
    """What each pattern of an area says of its agents."""

    area: AreaChoices
    shares: Array  # share of each option among the answers to its item, (pattern, option)
    own_conflict: Array  # conflict of an agent's answers with themselves, (pattern, item)
    answered: Array  # whether the item is answered, (pattern, item)
    item_of_option: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Totals:
    """Sums over agents, leading axis replicates. An agent's pairs with itself do not count, so they are summed too."""

    shares: Array  # (replicate, group, option)
    own_conflict: Array  # Σ weight² × own conflict, (replicate, group, item)
    own_pairs: Array  # Σ weight², (replicate, group, item)


class _ManyAnswers:
    """The same of an area with very many patterns, made again whenever it is asked for instead of held."""

    def __init__(self, area: AreaChoices) -> None:
        self.area, self.item_of_option = area, area.item_of_option

    @property
    def shares(self) -> Array:
        return _answers(self.area).shares

    @property
    def own_conflict(self) -> Array:
        return _answers(self.area).own_conflict

    @property
    def answered(self) -> Array:
        return _answers(self.area).answered


def _answers_of(area: AreaChoices) -> _Answers | _ManyAnswers:
    return _ManyAnswers(area) if len(area.counts) > MANY_PATTERNS else _answers(area)


def _shares(area: AreaChoices, pattern: NDArray[np.int64]) -> Array:
    counts = area.counts[pattern]
    in_item = area.item_of_option[:, None] == np.arange(len(area.items))
    return np.asarray(counts / np.maximum(counts @ in_item, 1)[:, area.item_of_option])


def _answers(area: AreaChoices) -> _Answers:
    counts = area.counts * ~area.is_pass  # who passes gives no answer that could serve a goal
    number = np.zeros((len(counts), len(area.items)))
    np.add.at(number.T, area.item_of_option, counts.T)
    shares = counts / np.maximum(number[:, area.item_of_option], 1)
    same_item = area.item_of_option[:, None] == area.item_of_option
    against = shares * (shares @ np.where(same_item, option_conflict(area), 0))
    in_item = (area.item_of_option[:, None] == np.arange(len(area.items))).astype(float)
    return _Answers(area, shares, against @ in_item, (number > 0).astype(float), area.item_of_option)


def _totals(given: _Answers | _ManyAnswers, key: NDArray[np.int64], n_groups: int, weight: Array) -> _Totals:
    given = _answers(given.area) if isinstance(given, _ManyAnswers) else given
    size = len(given.shares) * n_groups
    once = np.bincount(key, weight, size).reshape(-1, n_groups).T
    twice = np.bincount(key, np.square(weight), size).reshape(-1, n_groups).T
    return _Totals((once @ given.shares)[None], (twice @ given.own_conflict)[None], (twice @ given.answered)[None])


def _resample(
    answers: list[_Answers | _ManyAnswers],
    keys: list[NDArray[np.int64]],
    n_groups: int,
    weight: Array,
    replicates: int,
    rng: np.random.Generator,
) -> list[_Totals]:
    n = len(weight)
    kept: list[list[_Totals]] = [[] for _ in answers]
    for _ in range(replicates):
        copies = np.bincount(rng.integers(n, size=n), minlength=n) * weight
        for part, given, key in zip(kept, answers, keys, strict=True):
            part.append(_totals(given, key, n_groups, copies))
    names = ("shares", "own_conflict", "own_pairs")
    return [_Totals(*(np.concatenate([getattr(t, name) for t in part]) for name in names)) for part in kept]


def _normal(
    answers: list[_Answers | _ManyAnswers],
    keys: list[NDArray[np.int64]],
    n_groups: int,
    weight: Array,
    once: list[_Totals],
    replicates: int,
    rng: np.random.Generator,
) -> list[_Totals]:
    """Draw totals as a Poisson bootstrap would: every agent counts Poisson(1) times, so the covariance is Σ x xᵀ."""
    patterns, group = [key // n_groups for key in keys], keys[0] % n_groups
    result = [
        # E[copies²] = 2 for Poisson(1) copies.
        _Totals(*(np.repeat(part, replicates, axis=0) for part in (t.shares, 2 * t.own_conflict, 2 * t.own_pairs)))
        for t in once
    ]
    for h in range(n_groups):
        mine = np.flatnonzero(group == h)
        if len(mine) <= FEW_AGENTS:
            _redraw(result, answers, patterns, h, mine, weight, replicates, rng)
            continue
        noise = _correlated_noise(answers, [p[mine] for p in patterns], weight[mine], replicates, rng)
        for total, more in zip(result, noise, strict=True):
            total.shares[:, h] = np.maximum(total.shares[:, h] + more, 0)
        for a, given in enumerate(answers):
            answered = given.answered[patterns[a][mine]]
            for item in np.flatnonzero(answered.sum(axis=0) <= FEW_AGENTS):
                few = mine[answered[:, item] > 0]
                _redraw(result, answers, patterns, h, few, weight, replicates, rng, only=(a, int(item)))
    return result


def _correlated_noise(
    answers: list[_Answers | _ManyAnswers],
    patterns: list[NDArray[np.int64]],
    weight: Array,
    replicates: int,
    rng: np.random.Generator,
) -> list[Array]:
    """Return normal noise with covariance Σ x xᵀ over agents, x their weighted option shares of all areas."""
    widths = np.cumsum([0, *(len(given.item_of_option) for given in answers)])
    square = np.zeros((widths[-1], widths[-1]))
    if any(isinstance(given, _ManyAnswers) for given in answers):
        square = _squares(answers, patterns, weight)
        return _noise(square, widths, replicates, rng)
    for a, first in enumerate(answers):
        for b, second in enumerate(answers[a:], start=a):
            size = (len(first.shares), len(second.shares))
            pairs = coo_array((np.square(weight), (patterns[a], patterns[b])), shape=size)
            block = first.shares.T @ (pairs @ second.shares)
            square[widths[a] : widths[a + 1], widths[b] : widths[b + 1]] = block
            square[widths[b] : widths[b + 1], widths[a] : widths[a + 1]] = block.T
    return _noise(square, widths, replicates, rng)


def _squares(answers: list[_Answers | _ManyAnswers], patterns: list[NDArray[np.int64]], weight: Array) -> Array:
    """Return Σ x xᵀ over agents where hardly two give the same answers, some agents at a time."""
    square: Array | float = 0.0
    for start in range(0, len(weight), _AGENTS_AT_A_TIME):
        at = slice(start, start + _AGENTS_AT_A_TIME)
        shares = [_shares(given.area, pattern[at]) for given, pattern in zip(answers, patterns, strict=True)]
        x = np.hstack(shares) * weight[at, None]
        square = square + x.T @ x
    return np.asarray(square)


def _noise(square: Array, widths: NDArray[np.int64], replicates: int, rng: np.random.Generator) -> list[Array]:
    eigenvalue, vector = np.linalg.eigh(square)
    noise = rng.standard_normal((replicates, widths[-1])) * np.sqrt(np.maximum(eigenvalue, 0)) @ vector.T
    return np.split(noise, widths[1:-1], axis=1)


def _redraw(
    result: list[_Totals],
    answers: list[_Answers | _ManyAnswers],
    patterns: list[NDArray[np.int64]],
    group: int,
    agents: NDArray[np.int64],
    weight: Array,
    replicates: int,
    rng: np.random.Generator,
    *,
    only: tuple[int, int] | None = None,
) -> None:
    """Put totals of few agents, each counted Poisson(1) times, in place of the normal ones: all, or of one item."""
    copies = rng.poisson(1.0, (replicates, len(agents))) * weight[agents]
    for a, (total, given) in enumerate(zip(result, answers, strict=True)):
        if only is not None and only[0] != a:
            continue
        pattern = patterns[a][agents]
        item = slice(None) if only is None else slice(only[1], only[1] + 1)
        option = slice(None) if only is None else given.item_of_option == only[1]
        total.shares[:, group, option] = copies @ given.shares[pattern][:, option]
        total.own_conflict[:, group, item] = np.square(copies) @ given.own_conflict[pattern][:, item]
        total.own_pairs[:, group, item] = np.square(copies) @ given.answered[pattern][:, item]


def _conflict(area: AreaChoices, totals: _Totals) -> tuple[Array, Array]:
    """Return the conflict overall, (replicate,), and by groups, (replicate, group, group)."""
    between = option_conflict(area)
    diagonal = np.eye(totals.shares.shape[1], dtype=bool)
    top = np.zeros((len(area.items), len(totals.shares), *diagonal.shape))
    bottom = np.zeros_like(top)
    for item in range(len(area.items)):
        mine = area.item_of_option == item
        total = totals.shares[..., mine]
        number = total.sum(axis=-1)
        top[item] = np.matmul(total @ between[np.ix_(mine, mine)], total.swapaxes(1, 2))
        top[item] -= diagonal * totals.own_conflict[..., item, None]
        bottom[item] = number[:, :, None] * number[:, None, :] - diagonal * totals.own_pairs[..., item, None]
    given = area.states_goals & ~area.item_learned
    top, bottom = top[given], bottom[given]
    overall = _mean_over_items(top.sum(axis=(2, 3)), bottom.sum(axis=(2, 3)))
    return overall, _mean_over_items(top, bottom)


def _mean_over_items(top: Array, bottom: Array) -> Array:
    """Return the mean of top / bottom over items (first axis) that have pairs; NaN where none has."""
    if not len(top):
        return np.full(top.shape[1:], np.nan)
    some = bottom > 1e-9
    ratio = np.where(some, np.clip(top, 0, None) / np.where(some, bottom, 1), 0)
    number = some.sum(axis=0)
    return np.where(number > 0, ratio.sum(axis=0) / np.maximum(number, 1), np.nan)
