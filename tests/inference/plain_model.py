"""The generative model once more, from its definition: loops over agents, goals, nodes and items, nothing shared.

Slow and plain on purpose; the functions of dissensus.inference are held against it.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any, NamedTuple

import numpy as np
from dissensus.datasets.choices import AreaChoices, Choices
from dissensus.datasets.study import Priors
from scipy import stats
from scipy.special import gammaln, logsumexp


class Point(NamedTuple):
    """Parameters of one area in their own ranges, and the log determinant of the way there from the real line."""

    share: Any
    share_dev: Any  # (group, share), sums to zero over shares
    mean: float | None
    concentration: float | None
    mean_dev: Any  # (group,)
    baseline: list[Any]  # logits of each item; those of single items sum to zero
    free: Any  # coordinates behind the baselines, independent normals
    scale: Any  # of each item of stated importance
    affinity: list[Any]  # by how much each goal favours the options of each item, (goal, option); None if given
    tilt: Any  # coordinates behind the affinities, independent normals
    taste: Any  # coefficients of features, item after item
    passing: Any  # logit of passing of each item that one may pass on, in order
    pass_scale: float | None
    location: Any  # log of the mean count or median duration of each such item
    spread: Any  # dispersion of counts, standard deviation of log durations
    share_effect: list[Any]  # coefficient of each column beside the groups, (share,), sums to zero
    mean_effect: Any  # coefficient of each column beside the groups
    mixing: float | None  # how far agents mix several goals
    places: Any  # logit of the examination probability of each place but the first
    odds: Any  # log of the odds with which answers are recorded, where not known
    log_jacobian: float


def answers_at_most_once(area: AreaChoices) -> bool:
    """Return whether answers are taken at face value: those that serve goals say nothing on weights and baselines."""
    asked = [o for j, options in enumerate(options_by_item(area)) for o in options if kind_of(area, j) != "importance"]
    asked = [o for o in asked if not is_pass(area, o)]
    answers = area.counts[:, asked].sum(axis=1)
    for stages in area.stages:
        np.add.at(answers, stages.pattern, stages.times)
    asked_in_sets = any(kind_of(area, j) in {"situation", "count", "duration"} for j in range(len(area.items)))
    return bool(answers.max() <= 1) and not asked_in_sets and area.examined is None and not any(area.ballots)


def states_weights(area: AreaChoices) -> bool:
    """Return whether the area says how important it is to agents, or they pass where they care little."""
    passed = any(is_pass(area, o) for o in range(len(area.options))) and area.passing_means == "low_weight"
    return passed or any(kind_of(area, j) == "importance" for j in range(len(area.items)))


def is_pass(area: AreaChoices, option: int) -> bool:
    """Return whether an option is passing."""
    return area.passes is not None and bool(area.passes[option])


def kind_of(area: AreaChoices, item: int) -> str:
    """Return the kind of an item."""
    return area.kinds[item] if area.kinds else "choice"


def ranks_often(area: AreaChoices, item: int) -> bool:
    """Return whether rankings of an item are of options that differ, or several of one agent."""
    return bool(area.ballots and area.ballots[item])


def n_shares(area: AreaChoices) -> int:
    """Return the number of goals, "no goal" included where there is one."""
    return len(area.goals) + int(area.no_goal)


def group_names(choices: Choices) -> tuple[str, ...]:
    """Return the groups that deviate from the whole: none where one group holds everybody."""
    if choices.study.table.period is not None:
        return ()
    everybody = len(choices.groups) == 1 and bool((choices.group_of_agent == 0).all())
    return () if everybody else choices.groups


def columns_of(choices: Choices) -> list[list[float]]:
    """Return the columns beside the groups that the prior of each agent depends on, before their scales."""
    rows: list[list[float]] = [[] for _ in range(choices.n_agents)]
    for one in choices.covariates:
        known = [x for x in one.value if not np.isnan(x)]
        for agent, x in enumerate(one.value):
            if one.levels:
                own = np.array([level == x for level in range(len(one.levels))], dtype=float)
                # the effect of a level is its entry of coordinates made to sum to zero: linear in each of them
                size = len(one.levels) - 1
                rows[agent] += [float(own @ sum_to_zero(np.eye(size)[j])) for j in range(size)]
                continue
            rows[agent].append(0.0 if np.isnan(x) else (x - np.mean(known)) / np.std(known))
            if len(known) < len(one.value):
                rows[agent].append(float(np.isnan(x)))
    if choices.study.table.period is not None and len(choices.groups) > 1:
        every = choices.study.table.periods or choices.groups
        places = [every.index(period) for period in choices.groups]
        for agent, period in enumerate(choices.group_of_agent):
            for step in range(1, len(places)):
                length = np.sqrt(places[step] - places[step - 1])
                passed = [length * (t >= step) for t in range(len(places))]
                rows[agent].append(float(passed[period] - np.mean(passed)))
    return rows


def scales_of(choices: Choices, priors: Priors) -> list[float]:
    """Return the prior sd of the coefficient of each column beside the groups."""
    columns = len(columns_of(choices)[0])
    steps = max(len(choices.groups) - 1, 0) if choices.study.table.period is not None else 0
    return [priors.covariate_sd] * (columns - steps) + [priors.period_sd] * steps


def options_by_item(area: AreaChoices) -> list[list[int]]:
    """Return the positions of the options of each item."""
    return [[o for o in range(len(area.options)) if area.item_of_option[o] == j] for j in range(len(area.items))]


def sum_to_zero(y: Any) -> Any:
    """Return PyMC's ZeroSumTransform backwards: an isometry onto the vectors that sum to zero."""
    n, total = len(y) + 1, y.sum()
    shift = total / (np.sqrt(n) + n)
    return np.append(y, shift - total / np.sqrt(n)) - shift


def to_point(choices: Choices, area: AreaChoices, theta: Any) -> Point:
    """Read a vector of the real line, block by block."""
    left = list(theta)

    def take(number: int) -> Any:
        taken = np.array(left[:number], dtype=float)
        del left[:number]
        return taken

    k, groups, once = n_shares(area), group_names(choices), answers_at_most_once(area)
    y = take(k - 1)
    logits = np.append(y, -y.sum())
    share = np.exp(logits - logsumexp(logits))
    log_jacobian = np.log(k) + np.log(share).sum() if k > 1 else 0.0  # a test holds it against the determinant
    share_dev = np.array([sum_to_zero(take(k - 1)) for _ in groups]).reshape(len(groups), k)
    mean = concentration = None
    mean_dev = np.zeros(len(groups))
    if area.weights == "free" and (not once or states_weights(area)):
        x, log_kappa = take(1)[0], take(1)[0]
        mean, concentration = 1 / (1 + np.exp(-x)), np.exp(log_kappa)
        log_jacobian += np.log(mean) + np.log1p(-mean) + log_kappa
        mean_dev = take(len(groups))
    baseline, free = _baselines(area, take, uniform=area.baseline != "free" or once)
    scale = np.exp(take(sum(kind_of(area, j) == "importance" for j in range(len(area.items)))))
    affinity, tilt = _affinities(area, take)
    taste = take(sum(stages.features.shape[2] for stages in area.stages))
    passing = take(sum(is_pass(area, o) for o in range(len(area.options))))
    pass_scale = np.exp(take(1)[0]) if len(passing) else None
    location, spread = take(len(area.numbers)), np.exp(take(len(area.numbers)))
    columns = len(columns_of(choices)[0])
    share_effect = [sum_to_zero(take(k - 1)) for _ in range(columns)]
    mean_effect = take(columns) if mean is not None else np.zeros(columns)
    mixing = None
    if area.parts:
        x = take(1)[0]
        mixing = 1 / (1 + np.exp(-x))
        log_jacobian += np.log(mixing) + stats.logistic.logsf(x)
    places = take(0 if area.examined is None or area.examined.known is not None else len(area.examined.places) - 1)
    odds = take(len(area.recorded.names) if area.recorded else 0)
    assert not left
    return Point(
        share,
        share_dev,
        mean,
        concentration,
        mean_dev,
        baseline,
        free,
        scale,
        affinity,
        tilt,
        taste,
        passing,
        pass_scale,
        location,
        spread,
        share_effect,
        mean_effect,
        mixing,
        places,
        odds,
        float(log_jacobian),
    )


def is_learned(area: AreaChoices, item: int) -> bool:
    """Return whether it is learned what the goals favour in an item."""
    return bool(area.learned and area.learned[item])


def _affinities(area: AreaChoices, take: Any) -> tuple[list[Any], Any]:
    """Return by how much each goal favours the options of each item, and the coordinates they came from."""
    sizes = [len(options) for options in options_by_item(area)]
    rows: list[list[Any]] = [[] for _ in sizes]
    tilt = []
    learned = [j for j in range(len(sizes)) if is_learned(area, j)]
    compared = [j for j in learned if area.objects and area.objects[j]]
    names = list(dict.fromkeys(name for pair in area.objects for name in pair))
    for _ in area.goals if learned else ():
        for j in [j for j in learned if kind_of(area, j) in {"choice", "ranking", "situation"}]:
            tilt.append(take(sizes[j] - 1))
            rows[j].append(sum_to_zero(tilt[-1]))
        if compared:
            tilt.append(take(len(names) - 1))
            strength = dict(zip(names, sum_to_zero(tilt[-1]), strict=True))
            for j in compared:
                own = [strength[name] for name in area.objects[j]]
                rows[j].append(np.array([*own, sum(own) / 2][: sizes[j]]))
        for j in [j for j in learned if kind_of(area, j) in {"ordinal", "count", "duration"}]:
            tilt.append(take(1))
            rows[j].append(tilt[-1][0] * np.ones(sizes[j]) if kind_of(area, j) == "ordinal" else [tilt[-1][0], 0.0])
    return [np.array(row) if row else None for row in rows], np.concatenate([*tilt, np.zeros(0)])


def _bare(area: AreaChoices, item: int) -> bool:
    """Return whether the answers of an item are its goals' alone: everybody has a learned goal and weight 1."""
    alone = area.weights == "one" and not area.no_goal
    return alone and is_learned(area, item) and kind_of(area, item) != "ordinal"


def original_of(area: AreaChoices, item: int) -> int | None:
    """Return the item that an item asks of what was shown at random; None for others."""
    first = options_by_item(area)[item][0]
    source = first if area.recorded is None else int(area.recorded.source[first])
    return None if source == first else int(area.item_of_option[source])


def odds_of(area: AreaChoices, option: int, point: Point) -> float:
    """Return the odds with which an answer is recorded, stated or not known."""
    assert area.recorded is not None
    unknown = [float(np.exp(x)) for x, own in zip(point.odds, area.recorded.basis[option], strict=True) if own]
    return unknown[0] if unknown else float(np.exp(area.recorded.log_odds[option]))


def _baselines(area: AreaChoices, take: Any, *, uniform: bool) -> tuple[list[Any], Any]:
    """Return the baseline logits of each item, and the coordinates they came from."""
    baseline, free = [], []
    for item, options in enumerate(options_by_item(area)):
        kind = kind_of(area, item)
        original = original_of(area, item)
        if original is not None:  # the same question, so the same baseline
            baseline.append(baseline[original])
            continue
        if (
            kind in {"pairwise", "best_worst", "count", "duration"}
            or (uniform and kind != "importance")
            or _bare(area, item)
        ):
            baseline.append(np.zeros(sum(not is_pass(area, o) for o in options)))
            continue
        if area.examined is not None and (first := int(area.examined.same_as[item])) < item:
            baseline.append(baseline[first])
            continue
        free.append(take(sum(not is_pass(area, o) for o in options) - 1))
        baseline.append(sum_to_zero(free[-1]))
    pairs = {j: area.objects[j] for j in range(len(area.items)) if area.objects and area.objects[j]}
    pairs = {j: pair for j, pair in pairs.items() if not _bare(area, j)}
    if pairs and not uniform:
        names = list(dict.fromkeys(name for pair in pairs.values() for name in pair))
        free.append(take(len(names) - 1))
        strength = dict(zip(names, sum_to_zero(free[-1]), strict=True))
        ties = any(len(baseline[j]) > len(pair) for j, pair in pairs.items())
        if ties:
            free.append(take(1))
        for j, pair in pairs.items():
            both = [strength[name] for name in pair]
            baseline[j] = np.array([*both, sum(both) / 2 + free[-1][0]] if len(baseline[j]) > len(pair) else both)
    return baseline, np.concatenate([*free, np.zeros(0)])


def log_prior(choices: Choices, area: AreaChoices, priors: Priors, theta: Any) -> float:
    """Return the log prior density of a vector on the real line."""
    point = to_point(choices, area, theta)
    total = point.log_jacobian
    if len(point.share) > 1:
        total += stats.dirichlet.logpdf(point.share / point.share.sum(), np.full(len(point.share), priors.goal_share))
    for dev in point.share_dev:
        total += _log_zero_sum_normal(dev, 1.0)
    if point.mean is not None:
        shape, rate = priors.weight_concentration
        total += stats.beta.logpdf(point.mean, *priors.weight_mean)
        total += stats.gamma.logpdf(point.concentration, shape, scale=1 / rate)
        total += stats.norm.logpdf(point.mean_dev).sum()
    total += stats.norm.logpdf(point.free, scale=priors.baseline_sd).sum()
    median, spread = priors.importance_scale
    total += stats.norm.logpdf(np.log(point.scale), np.log(median), spread).sum()
    total += stats.norm.logpdf(point.tilt, scale=priors.affinity_sd).sum()
    total += stats.norm.logpdf(point.taste, scale=priors.taste_sd).sum()
    if point.pass_scale is not None:
        (share, sd), (median, spread) = priors.pass_share, priors.pass_scale
        total += stats.norm.logpdf(point.passing, np.log(share / (1 - share)), sd).sum()
        total += stats.norm.logpdf(np.log(point.pass_scale), np.log(median), spread)
    for numbers, location, scale in zip(area.numbers, point.location, point.spread, strict=True):
        counted = numbers.kind == "count"
        (typical, sd), (middle, width) = (
            (priors.count_rate, priors.count_dispersion)
            if counted
            else (priors.duration_median, priors.duration_spread)
        )
        total += stats.norm.logpdf(location, np.log(typical), sd) + stats.norm.logpdf(
            np.log(scale), np.log(middle), width
        )
    for effect in point.share_effect:  # independent normals on the vectors that sum to zero
        total += -0.5 * float(effect @ effect) - 0.5 * (len(effect) - 1) * np.log(2 * np.pi)
    if point.mean is not None:
        total += stats.norm.logpdf(point.mean_effect).sum()
    if point.mixing is not None:
        total += stats.beta.logpdf(point.mixing, *priors.goal_mixing)
    for k, x in enumerate(point.places, start=2):
        usual = k ** -priors.examination[0]
        total += stats.norm.logpdf(x, np.log(usual / (1 - usual)), priors.examination[1])
    if len(point.odds):
        selection = choices.study.area(area.name).selection
        for x, (low, high) in zip(point.odds, (r for r in selection.odds.values() if np.ndim(r)), strict=True):
            middle = (np.log(low) + np.log(high)) / 2
            total += stats.norm.logpdf(x, middle, (np.log(high) - middle) / stats.norm.ppf(0.95))
    return float(total)


def _log_zero_sum_normal(vector: Any, sd: float) -> float:
    # isotropic normal on the subspace of dimension n − 1
    return float(-0.5 * (vector @ vector) / sd**2 - (len(vector) - 1) * np.log(sd * np.sqrt(2 * np.pi)))


def choice_probability(
    area: AreaChoices, item: int, option: int, goal: int | None, weight: float, logits: Any, affinity: Any = None
) -> float:
    """Return the probability of one option of an item for an agent with a goal (None: no goal) and a weight."""
    options = [o for o in options_by_item(area)[item] if not is_pass(area, o)]
    baseline = np.exp(logits) / np.exp(logits).sum()
    position = options.index(option)
    kind = kind_of(area, item)
    if is_learned(area, item):
        own = np.zeros(len(options)) if goal is None else affinity[goal]
        formula = area.rule if kind == "choice" else kind
        return _learned_probability(formula, baseline, position, weight, own)
    if kind == "ordinal":
        return _level(baseline, position, area.kappa * weight * _pull(area, options, goal))
    serving = [goal is not None and bool(area.serves[goal, o]) for o in options]
    if area.rule == "luce" or kind in {"pairwise", "ranking", "best_worst"}:
        affinity = np.array(serving, dtype=float)
        if kind == "pairwise" and len(options) == 3:
            affinity[2] = (affinity[0] + affinity[1]) / 2
        utility = np.log(baseline) + area.kappa * weight * affinity
        return float(np.exp(utility[position]) / np.exp(utility).sum())
    if not any(serving):
        return float(baseline[position])
    return weight * serving[position] / sum(serving) + (1 - weight) * float(baseline[position])


def _learned_probability(formula: str, baseline: Any, position: int, weight: float, own: Any) -> float:
    if formula == "ordinal":
        return _level(baseline, position, -weight * own[0])
    if formula == "follow":
        return float(weight * (np.exp(own) / np.exp(own).sum())[position] + (1 - weight) * baseline[position])
    odds = baseline * np.exp(weight * own)
    return float(odds[position] / odds.sum())


def _pull(area: AreaChoices, options: list[int], goal: int | None) -> Any:
    """Return which way each cut between two levels is pushed: up below the goal's levels, down above them."""
    pushes = np.zeros(len(options) - 1)
    served = [k for k, o in enumerate(options) if goal is not None and area.serves[goal, o]]
    for cut in range(len(pushes)):  # the cut lies between the levels cut and cut + 1
        if served and cut < min(served):
            pushes[cut] = -1
        if served and cut >= max(served):
            pushes[cut] = 1
    return pushes


def _level(baseline: Any, position: int, shift: Any) -> float:
    """Return the probability of a level when the logits of "at most" are moved by a shift for each cut."""
    cuts = [-np.inf]
    for cut in range(len(baseline) - 1):
        odds = baseline[: cut + 1].sum() / baseline[cut + 1 :].sum()
        cuts.append(np.log(odds) + np.broadcast_to(shift, len(baseline) - 1)[cut])
    low, high = [*cuts, np.inf][position : position + 2]
    if low > 0:  # the difference of two small numbers, not of two near 1
        low, high = -high, -low
    return float(1 / (1 + np.exp(-high)) - 1 / (1 + np.exp(-low)))


def goal_likelihoods(choices: Choices, area: AreaChoices, priors: Priors, theta: Any, nodes: int) -> list[Any]:
    """Return log P(goal, answers) of every agent, weights summed over the nodes: one array (share,) per agent."""
    point = to_point(choices, area, theta)
    once = answers_at_most_once(area)
    x, mass = np.polynomial.legendre.leggauss(nodes)
    weights = np.ones(1) if point.mean is None else (x + 1) / 2
    result = []
    for agent in range(choices.n_agents):
        group = int(choices.group_of_agent[agent]) if group_names(choices) else -1
        logits = np.log(point.share)
        shift = 0.0
        if group >= 0:
            logits = logits + priors.group_sd * point.share_dev[group]
            shift = priors.group_sd * point.mean_dev[group]
        for x, sd, goals, step in zip(
            columns_of(choices)[agent], scales_of(choices, priors), point.share_effect, point.mean_effect, strict=True
        ):
            logits = logits + sd * x * goals
            shift += sd * x * step
        log_share = logits - logsumexp(logits)
        if point.mean is None or point.concentration is None:
            log_density = np.zeros(1)
        else:
            m = 1 / (1 + np.exp(-(np.log(point.mean / (1 - point.mean)) + shift)))
            a, b = 1 + m * point.concentration, 1 + (1 - m) * point.concentration
            log_density = stats.beta.logpdf(weights, a, b) + np.log(mass)
            log_density = log_density - logsumexp(log_density)
        if point.mixing is not None:
            pattern = int(area.pattern_of_agent[agent])
            result.append(_by_mixture(area, pattern, log_share, weights, log_density, point, once))
            continue
        by_goal = []
        for share in range(n_shares(area)):
            goal = share if share < len(area.goals) else None
            cells = [
                density
                + _log_agent(
                    area, int(area.pattern_of_agent[agent]), goal, 0.0 if goal is None else weight, point, once
                )
                for weight, density in zip(weights, log_density, strict=True)
            ]
            by_goal.append(log_share[share] + logsumexp(cells))
        result.append(np.array(by_goal))
    return result


def _by_mixture(
    area: AreaChoices, pattern: int, log_share: Any, weights: Any, log_density: Any, point: Point, once: bool
) -> Any:
    """Return log P(mixture of goals, answers), no goal last: the goals of all answers are enumerated."""
    k, parts = len(area.goals), area.parts
    share = np.exp(log_share[:k] - logsumexp(log_share[:k]))
    concentration = point.mixing / (1 - point.mixing)
    given = [option for option, times in enumerate(area.counts[pattern]) for _ in range(times)]
    unit = np.eye(len(area.options), dtype=np.int64)
    tables = []  # by weight, the probability of each answer under each goal
    for weight in weights:
        rows = [
            [np.exp(_log_answers(area, unit[option], goal, weight, point, once)) for goal in range(k)]
            for option in given
        ]
        tables.append(np.array(rows).reshape(len(given), k))
    result = []
    for n in itertools.product(range(parts + 1), repeat=k):
        if sum(n) != parts:
            continue
        mixture = np.array(n) / parts
        log_prior = stats.dirichlet_multinomial.logpmf(n, np.maximum(concentration * share, 1e-300), parts)
        cells = []
        for table, density in zip(tables, log_density, strict=True):
            every_way = functools.reduce(np.multiply.outer, [mixture * row for row in table], np.ones(()))
            assert every_way.size == k ** len(given)
            cells.append(density + (np.log(every_way.sum()) if every_way.any() else -np.inf))
        result.append(logsumexp(log_share[:k]) + log_prior + logsumexp(cells))
    if area.no_goal:
        result.append(log_share[k] + _log_agent(area, pattern, None, 0.0, point, once))
    return np.array(result)


def _log_agent(area: AreaChoices, pattern: int, goal: int | None, weight: float, point: Point, once: bool) -> float:
    total = _log_answers(area, area.counts[pattern], goal, weight, point, once)
    for item in range(len(area.items)):
        if kind_of(area, item) in {"ranking", "best_worst"} and not ranks_often(area, item):
            total += _log_later(area, pattern, item, goal, weight, point)
    total += _log_numbers(area, pattern, goal, weight, point)
    first = 0
    for stages in area.stages:
        own = point.taste[first : first + stages.features.shape[2]]
        first += len(own)
        if kind_of(area, stages.item) == "situation" or ranks_often(area, stages.item):
            for held_by, stage, times in zip(stages.pattern, stages.stage, stages.times, strict=True):
                if held_by == pattern:
                    total += times * _log_situation(area, stages, stage, goal, weight, point, own)
    return total


def _log_numbers(area: AreaChoices, pattern: int, goal: int | None, weight: float, point: Point) -> float:
    """Return the log probability of all counts and durations of a pattern, one after another."""
    total = 0.0
    for numbers, location, spread in zip(area.numbers, point.location, point.spread, strict=True):
        raised, lowered = (goal is not None and bool(area.serves[goal, o]) for o in options_by_item(area)[numbers.item])
        shift = area.kappa * weight * (int(raised) - int(lowered))
        if point.affinity[numbers.item] is not None and goal is not None:
            shift = weight * point.affinity[numbers.item][goal][0]
        middle = np.exp(location + shift)
        for held_by, which, times in zip(numbers.pattern, numbers.which, numbers.times, strict=True):
            if held_by != pattern:
                continue
            value = numbers.value[which]
            if numbers.kind == "duration":
                total += times * stats.lognorm.logpdf(value, spread, scale=middle)
            else:
                # scipy's nbinom takes 1/(1 + φm), from which a small φm cannot be had back
                odds, r = spread * middle * numbers.exposure[which], 1 / spread
                total += times * (gammaln(value + r) - gammaln(r) - gammaln(value + 1))
                total += times * (value * np.log(odds) - (value + r) * np.log1p(odds))
    return float(total)


def _log_situation(
    area: AreaChoices, stages: Any, stage: int, goal: int | None, weight: float, point: Point, taste: Any
) -> float:
    options = options_by_item(area)[stages.item]
    utility = []
    for place, option in enumerate(stages.shown[stage]):
        if option < 0:
            utility.append(-np.inf)
            continue
        serves = goal is not None and area.serves[goal, options[option]]
        value = point.baseline[stages.item][option] + area.kappa * weight * serves
        if point.affinity[stages.item] is not None and goal is not None:
            value += weight * point.affinity[stages.item][goal][option]
        value += sum(b * x for b, x in zip(taste, stages.features[stage, place], strict=True))
        utility.append(value)
    if stages.worst[stage]:
        utility = [-u if u > -np.inf else u for u in utility]
    return float(utility[stages.chosen[stage]] - logsumexp(utility))


def _log_later(area: AreaChoices, pattern: int, item: int, goal: int | None, weight: float, point: Point) -> float:
    """Return the log probability of what follows the first choice of an item, from the ranking itself."""
    options = options_by_item(area)[item]
    serving = [goal is not None and bool(area.serves[goal, o]) for o in options]
    utility = point.baseline[item] + area.kappa * weight * np.array(serving, dtype=float)
    if point.affinity[item] is not None and goal is not None:
        utility = utility + weight * point.affinity[item][goal]
    if kind_of(area, item) == "best_worst":
        utility = -utility
    order = [int(o) for o in area.order(item)[pattern] if o >= 0]
    total = 0.0
    for place in range(1, len(order)):
        left = [o for o in range(len(options)) if o not in order[:place]]
        total += utility[order[place]] - logsumexp(utility[left])
    return float(total)


def _log_answers(area: AreaChoices, counts: Any, goal: int | None, weight: float, point: Point, once: bool) -> float:
    total = 0.0
    scales = iter(point.scale)
    for item, options in enumerate(options_by_item(area)):
        if kind_of(area, item) == "importance":
            total += _log_importance(counts[options], weight, point.baseline[item], next(scales))
            continue
        total += _log_passing(area, item, counts, goal, weight, point)
        for option in options:
            if counts[option] == 0 or is_pass(area, option):
                continue
            # An agent of weight 1 never chooses an option that serves no goal: where someone did, it says nothing.
            serves_none, item_serves = not area.serves[:, option].any(), area.serves[:, options].any()
            if once and area.rule == "follow" and not area.no_goal and serves_none and item_serves:
                continue
            followed = 1.0 if once and goal is not None else weight
            given = (goal, followed, point.baseline[item], point.affinity[item])
            p = _seen(area, item, option, choice_probability(area, item, option, *given), point)
            if area.recorded is not None and area.recorded.selected[item]:
                rivals = [
                    o
                    for o in options
                    if not (once and area.rule == "follow" and not area.no_goal and item_serves)
                    or area.serves[:, o].any()
                ]
                among = sum(choice_probability(area, item, o, *given) * odds_of(area, o, point) for o in rivals)
                p *= odds_of(area, option, point) / among
            total += counts[option] * (np.log(p) if p > 0 else -np.inf)
    return total


def _seen(area: AreaChoices, item: int, option: int, p: float, point: Point) -> float:
    """Return the probability of an option where its place may not be looked at."""
    if area.examined is None or area.examined.place_of_item[item] < 0:
        return p
    place = int(area.examined.place_of_item[item])
    if area.examined.known is not None:
        e = float(area.examined.known[place])
    else:
        e = 1.0 if place == 0 else float(1 / (1 + np.exp(-point.places[place - 1])))
    return e * p + (1 - e) * bool(area.examined.unseen[option])


def _log_passing(area: AreaChoices, item: int, counts: Any, goal: int | None, weight: float, point: Point) -> float:
    """Return the log probability of having passed so often, and answered so often, to one item."""
    every = [o for o in range(len(area.options)) if is_pass(area, o)]
    mine = [k for k, o in enumerate(every) if area.item_of_option[o] == item]
    if not mine:
        return 0.0
    cares = weight if area.passing_means == "low_weight" else float(goal is not None)
    logit = point.passing[mine[0]] - point.pass_scale * (cares - 0.5)
    answered = sum(counts[o] for o in options_by_item(area)[item]) - counts[every[mine[0]]]
    return float(stats.logistic.logcdf(logit) * counts[every[mine[0]]] + stats.logistic.logsf(logit) * answered)


def _log_importance(counts: Any, weight: float, logits: Any, scale: float) -> float:
    baseline = np.exp(logits) / np.exp(logits).sum()
    shift = -scale * (weight - 0.5)
    return float(sum(n * np.log(_level(baseline, level, shift)) for level, n in enumerate(counts) if n))


def log_likelihoods(choices: Choices, area: AreaChoices, priors: Priors, theta: Any, nodes: int) -> Any:
    """Return the log likelihood of every agent, (agent,)."""
    return np.array([logsumexp(by_goal) for by_goal in goal_likelihoods(choices, area, priors, theta, nodes)])


def weight_in_the_fit(choices: Choices) -> Any:
    """Return the weight of every agent in the likelihood: survey weights that sum to Kish's effective number."""
    if choices.survey_weight is None:
        return np.ones(choices.n_agents)
    w = choices.survey_weight
    return w * (w.sum() / (w**2).sum())


def log_posterior(choices: Choices, area: AreaChoices, priors: Priors, theta: Any, nodes: int) -> float:
    """Return the unnormalised log posterior density of a vector on the real line."""
    agents = log_likelihoods(choices, area, priors, theta, nodes)
    return log_prior(choices, area, priors, theta) + float(weight_in_the_fit(choices) @ agents)
