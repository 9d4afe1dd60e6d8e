"""The generative model a third time, in NumPyro, from the mathematics: its distributions, arrays over agents × cells.

Only the reading of a vector of the real line is taken from :mod:`plain_model`. Goals and nodes are enumerated for every
agent on its own; nothing of dissensus.inference is used.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from dissensus.datasets.choices import AreaChoices, Choices
from dissensus.datasets.study import Priors
from jax.scipy.special import gammaln, logsumexp
from numpyro.infer.util import log_density as joint

from . import plain_model
from .plain_model import Point, kind_of, options_by_item

jax.config.update("jax_enable_x64", True)


def model(choices: Choices, area: AreaChoices, priors: Priors, point: Point, nodes: int) -> None:
    """State priors and likelihood; the sites are given the values of the point."""
    n_shares = plain_model.n_shares(area)
    groups = plain_model.group_names(choices)
    if n_shares > 1:
        share = numpyro.sample("share", dist.Dirichlet(jnp.full(n_shares, priors.goal_share)))
        if groups:
            with numpyro.plate("group", len(groups)):
                deviation = numpyro.sample("share_dev", dist.ZeroSumNormal(1.0, event_shape=(n_shares,)))
    else:
        share, deviation = jnp.ones(1), jnp.zeros((len(groups), 1))
    weighted = point.mean is not None
    if weighted:
        mean = numpyro.sample("mean", dist.Beta(*priors.weight_mean))
        kappa = numpyro.sample("kappa", dist.Gamma(*priors.weight_concentration))
        mean_dev = numpyro.sample("mean_dev", dist.Normal(0, 1).expand([len(groups)]).to_event(1)) if groups else None
    if len(point.free):
        numpyro.sample("free", dist.Normal(0, priors.baseline_sd).expand([len(point.free)]).to_event(1))
    if len(point.scale):
        median, spread = priors.importance_scale
        numpyro.sample("log_scale", dist.Normal(np.log(median), spread).expand([len(point.scale)]).to_event(1))
    if len(point.tilt):
        numpyro.sample("tilt", dist.Normal(0, priors.affinity_sd).expand([len(point.tilt)]).to_event(1))
    _number_priors(area, priors)
    if len(point.taste):
        numpyro.sample("taste", dist.Normal(0, priors.taste_sd).expand([len(point.taste)]).to_event(1))

    member = jnp.asarray(choices.group_of_agent if groups else np.full(choices.n_agents, -1))
    log_share = jnp.log(share)[None] + jnp.zeros((choices.n_agents, 1))
    if groups:
        moved = priors.group_sd * jnp.where((member >= 0)[:, None], deviation[member], 0.0)
        log_share = jax.nn.log_softmax(log_share + moved, axis=1)
    x, mass = np.polynomial.legendre.leggauss(nodes)
    node = (x + 1) / 2 if weighted else np.ones(1)
    log_node = jnp.zeros((choices.n_agents, 1))
    if weighted:
        shift = priors.group_sd * jnp.where(member >= 0, mean_dev[member], 0.0) if groups else jnp.zeros(len(member))
        m = jax.nn.sigmoid(jnp.log(mean) - jnp.log1p(-mean) + shift)[:, None]
        log_node = dist.Beta(1 + m * kappa, 1 + (1 - m) * kappa).log_prob(node) + np.log(mass)
        log_node = jax.nn.log_softmax(log_node, axis=1)
    k = len(area.goals)
    goal = np.repeat(np.arange(k), len(node))
    weight = np.tile(node, k)
    prior = (log_share[:, :k, None] + log_node[:, None, :]).reshape(len(member), -1)
    if area.no_goal:
        goal, weight = np.append(goal, -1), np.append(weight, 0.0)
        prior = jnp.concatenate([prior, log_share[:, k:]], axis=1)
    answers = _log_answers(area, point, goal, weight)[area.pattern_of_agent]
    survey = jnp.asarray(plain_model.weight_in_the_fit(choices))
    numpyro.factor("answers", jnp.sum(survey * logsumexp(prior + answers, axis=1)))


def _number_priors(area: AreaChoices, priors: Priors) -> None:
    for place, numbers in enumerate(area.numbers):
        counted = numbers.kind == "count"
        typical, width = priors.count_rate if counted else priors.duration_median
        middle, range_ = priors.count_dispersion if counted else priors.duration_spread
        numpyro.sample(f"location {place}", dist.Normal(np.log(typical), width))
        numpyro.sample(f"log_spread {place}", dist.Normal(np.log(middle), range_))


def log_posterior(choices: Choices, area: AreaChoices, priors: Priors, theta: Any, nodes: int) -> float:
    """Return the unnormalised log posterior density of a vector on the real line."""
    point = plain_model.to_point(choices, area, theta)
    sites = {
        "share": point.share / point.share.sum(),
        "share_dev": point.share_dev,
        "mean": point.mean,
        "kappa": point.concentration,
        "mean_dev": point.mean_dev,
        "free": point.free,
        "log_scale": np.log(point.scale),
        "tilt": point.tilt,
        "taste": point.taste,
        **{f"location {place}": value for place, value in enumerate(point.location)},
        **{f"log_spread {place}": np.log(value) for place, value in enumerate(point.spread)},
    }
    found, _ = joint(model, (choices, area, priors, point, nodes), {}, sites)
    return float(found) + point.log_jacobian


def _serving(area: AreaChoices, options: list[int], goal: Any) -> Any:
    """Return whether each option serves the goal of each cell, (cell, option)."""
    return np.vstack([area.serves[:, options], np.zeros(len(options), dtype=bool)])[goal].astype(float)


def _log_answers(area: AreaChoices, point: Point, goal: Any, weight: Any) -> Any:
    """Return the log probability of every pattern in every cell, (pattern, cell)."""
    at_face_value = plain_model.answers_at_most_once(area)
    followed = np.where(goal >= 0, 1.0, 0.0) if at_face_value else weight
    total, scales = jnp.zeros((len(area.counts), len(goal))), iter(point.scale)
    for item, options in enumerate(options_by_item(area)):
        kind, counts = kind_of(area, item), jnp.asarray(area.counts[:, options], dtype=float)
        log_b = jax.nn.log_softmax(jnp.asarray(point.baseline[item], dtype=float))
        serving = _serving(area, options, goal)
        own = None if point.affinity[item] is None else np.vstack([point.affinity[item], np.zeros(len(options))])[goal]
        if kind == "importance":
            table = _ordered(log_b, -next(scales) * (weight - 0.5)[:, None] * np.ones(len(options) - 1))
        elif kind == "ordinal" and own is not None:
            table = _ordered(log_b, -followed[:, None] * own[:, :1] * np.ones(len(options) - 1))
        elif kind == "ordinal":
            below = np.cumsum(serving, axis=1)[:, :-1]  # levels of the goal at or below each cut
            above = serving.sum(axis=1, keepdims=True) - below
            push = np.where(serving.any(axis=1, keepdims=True), (above == 0) * 1.0 - (below == 0) * 1.0, 0.0)
            table = _ordered(log_b, area.kappa * followed[:, None] * push)
        elif own is not None:
            formula = area.rule if kind == "choice" else "luce"
            table = _learned(formula, log_b, own, followed[:, None])
        elif area.rule == "luce" or kind in {"pairwise", "ranking", "best_worst", "situation"}:
            if kind == "pairwise" and len(options) == 3:
                serving[:, 2] = serving[:, :2].mean(axis=1)
            table = jax.nn.log_softmax(log_b + area.kappa * followed[:, None] * serving, axis=1)
        else:
            number = serving.sum(axis=1, keepdims=True)
            w = np.where(number > 0, followed[:, None], 0.0)
            table = jnp.log(jnp.maximum(w * serving / np.maximum(number, 1) + (1 - w) * jnp.exp(log_b), 1e-300))
            none, some = ~area.serves[:, options].any(axis=0), area.serves[:, options].any(axis=1).all()
            if at_face_value and not area.no_goal and some:
                table = jnp.where(none, 0.0, table)
        total += counts @ table.T
        if kind in {"ranking", "best_worst"} and not plain_model.ranks_often(area, item):
            pulled = area.kappa * weight[:, None] * serving + (0.0 if own is None else weight[:, None] * own)
            total += _later(area, item, log_b + pulled, worst=kind == "best_worst")
    return total + _log_beside(area, point, goal, weight)


def _log_beside(area: AreaChoices, point: Point, goal: Any, weight: Any) -> Any:
    """Return the log probability of what is not among the counts but of rankings, (pattern, cell)."""
    total, first = jnp.zeros((len(area.counts), len(goal))), 0
    for stages in area.stages:
        taste = jnp.asarray(point.taste[first : first + stages.features.shape[2]])
        first += len(taste)
        if kind_of(area, stages.item) == "situation" or plain_model.ranks_often(area, stages.item):
            own = point.affinity[stages.item]
            total += _situations(area, stages, point.baseline[stages.item], goal, weight, taste, own)
    for place, numbers in enumerate(area.numbers):
        total += _numbers(area, place, numbers, point, goal, weight)
    return total


def _numbers(area: AreaChoices, place: int, numbers: Any, point: Point, goal: Any, weight: Any) -> Any:
    """Return the log probability of the counts or durations of one item, (pattern, cell)."""
    options = options_by_item(area)[numbers.item]
    serving = _serving(area, options, goal)
    shift = area.kappa * weight * (serving[:, 0] - serving[:, 1])
    if point.affinity[numbers.item] is not None:
        shift = weight * np.append(np.array(point.affinity[numbers.item])[:, 0], 0.0)[goal]
    u, s = point.location[place] + jnp.asarray(shift), point.spread[place]
    if numbers.kind == "duration":
        each = dist.LogNormal(u, s).log_prob(numbers.value[:, None])
    else:
        # written out: NumPyro's own gamma–Poisson is off by 1e-6 here
        odds, r, y = s * numbers.exposure[:, None] * jnp.exp(u), 1 / s, numbers.value[:, None]
        each = gammaln(y + r) - gammaln(r) - gammaln(y + 1.0)
        each += y * jnp.log(odds) - (y + r) * jnp.log1p(odds)
    held = jnp.zeros((len(area.counts), len(goal)))
    return held.at[numbers.pattern].add(numbers.times[:, None] * each[numbers.which])


def _ordered(log_baseline: Any, shift: Any) -> Any:
    """Return log P(level) of a cumulative logit whose cuts are moved by a shift each, (cell, level)."""
    b = jnp.exp(log_baseline)
    cut = jnp.log(jnp.cumsum(b)[:-1]) - jnp.log(jnp.cumsum(b[::-1])[::-1][1:]) + shift
    cells = shift.shape[0]
    upper = jnp.concatenate([jax.nn.sigmoid(cut), jnp.ones((cells, 1))], axis=1)
    lower = jnp.concatenate([jnp.zeros((cells, 1)), jax.nn.sigmoid(cut)], axis=1)
    # the same differences from the other end, for levels above whose lower cut nearly all answers lie below
    over_upper = jnp.concatenate([jax.nn.sigmoid(-cut), jnp.zeros((cells, 1))], axis=1)
    over_lower = jnp.concatenate([jnp.ones((cells, 1)), jax.nn.sigmoid(-cut)], axis=1)
    return jnp.log(jnp.where(lower > 0.5, over_lower - over_upper, upper - lower))


def _learned(formula: str, log_b: Any, own: Any, weight: Any) -> Any:
    if formula == "luce":
        return jax.nn.log_softmax(log_b + weight * own, axis=1)
    return jnp.log(jnp.maximum(weight * jax.nn.softmax(own, axis=1) + (1 - weight) * jnp.exp(log_b), 1e-300))


def _later(area: AreaChoices, item: int, utility: Any, *, worst: bool) -> Any:
    """Return the log probability of the places after the first, (pattern, cell): Plackett–Luce, or of the worst."""
    order = area.order(item)
    signed = -utility if worst else utility
    left, total = np.ones((len(order), utility.shape[1]), dtype=bool), 0.0
    rows = np.arange(len(order))
    for place in range(order.shape[1]):
        named = order[:, place] >= 0
        at = np.maximum(order[:, place], 0)
        if place:
            open_ = jnp.where(left[:, None, :] & named[:, None, None], signed[None], -jnp.inf)
            free = jnp.where(named[:, None], logsumexp(jnp.where(named[:, None, None], open_, 0.0), axis=2), 0.0)
            total += jnp.where(named[:, None], signed.T[at] - free, 0.0)
        left[rows[named], at[named]] = False
    return total


def _situations(area: AreaChoices, stages: Any, baseline: Any, goal: Any, weight: Any, taste: Any, own: Any) -> Any:
    options = np.array(options_by_item(area)[stages.item])
    pulled = jnp.asarray(baseline) + area.kappa * weight[:, None] * _serving(area, options.tolist(), goal)
    if own is not None:
        pulled += weight[:, None] * np.vstack([own, np.zeros(len(options))])[goal]
    shown = stages.shown
    utility = pulled[:, np.maximum(shown, 0)] + (jnp.asarray(stages.features) @ taste)[None]  # (cell, stage, place)
    utility = np.where(stages.worst, -1.0, 1.0)[:, None] * utility
    log_p = jax.nn.log_softmax(jnp.where(shown < 0, -jnp.inf, utility), axis=2)
    chosen = log_p[:, np.arange(len(shown)), stages.chosen]
    held = jnp.zeros((len(area.counts), len(goal)))
    return held.at[stages.pattern].add(stages.times[:, None] * chosen[:, stages.stage].T)
