"""Before fitting: whether such answers can tell the goals apart, and how well they can tell the goal shares.

The data's own precision is that of the expected information: with s(θ) the gradient of one agent's log likelihood,
n E[s sᵀ] is the information of n agents about θ, no prior added, and the delta method takes its inverse to the goal
shares. The expectation is over agents simulated from the model with the study's own design (who was asked what, in
which group), at the prior means and at some draws from the prior.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import comb, perm, prod

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from ..datasets.choices import AreaChoices, Choices
from ..datasets.examination import prior_of_places
from ..datasets.numbers import Numbers
from ..datasets.parameters import number_priors
from ..datasets.stages import Stages
from ..datasets.study import Priors
from .area_scores import stratum_shares
from .checks import Check
from .density import (
    AreaDensity,
    affinity_layout,
    area_density,
    at_face_value,
    baseline_layout,
    is_weighted,
    option_log_probability,
    prior_slopes,
    state_prior,
)
from .goal_stages import agent_gradients
from .number_information import number_gradients, number_tables, numbers_log_probability, simulated_numbers
from .option_table import pull_back, pull_back_odds, pull_back_passing, pull_back_places
from .parameters import Parameters, Values, constrain, draw_prior, pull_back_values
from .stage_information import later_log_probability, simulated_stages, stage_tables
from .states import log_node_prior

Array = NDArray[np.float64]

MAX_SHARE_SD = 0.10
"""Expected sd of a goal share above which a fit is cautioned."""
_NOTHING = 0.5  # a standard deviation that no share can have

_SIMULATED = 2_000
_LONG, _MOST_ANSWERS = 50, 10**15  # of distinct answers to situations, counted no further
_FEWEST, _CHOICES = 100, 100_000  # agents, and choices in situations, simulated at once
_CELLS = 2_000_000  # agent × state × option held at once
_PRIOR_POINTS = 8
_MANY = 100  # parameters above which fewer points are looked at
_SEED = 20_240_604  # fixed: the same table and study always give the same figure
_LOST = 1e-6  # share of a squared gradient in directions without information above which a goal share is not identified
_NO_INFORMATION = 1e-10  # eigenvalue of the information relative to the largest


@dataclass(frozen=True, eq=False)
class ShareInformation:
    """How precisely the answers of an area can tell its goal shares.

    Parameters
    ----------
    goals
        Names of the shares: the goals, and "no goal" where an agent may hold none.
    sd
        Expected sd of each share: at the prior means or the median over prior draws, whichever is larger; inf where
        the answers do not identify it, (goal,).
    sd_at
        The same at the prior means (first) and at draws from the prior, (point, goal).
    sentence
        What to tell a person; empty when no sd exceeds :data:`MAX_SHARE_SD`.
    """

    goals: tuple[str, ...]
    sd: Array
    sd_at: Array
    sentence: str

    @property
    def worst(self) -> float:
        """Largest of the sd."""
        return float(self.sd.max(initial=0.0))


def expected_share_sd(choices: Choices, area: AreaChoices, priors: Priors) -> ShareInformation:
    """Return the expected sd of the goal shares of an area from the data alone, before any fit.

    Parameters
    ----------
    choices
        The choices; number of agents, groups and survey weights are taken from here.
    area
        One of its areas.
    priors
        Prior settings: they give the points at which the information is computed, and nothing else.

    Returns
    -------
    ShareInformation
        Shares are those of all agents together. With two goals, four items of two options, free baselines and the
        rule ``follow`` the sd is 0.14 with 216 agents and 0.05 with 2,000.
    """
    return share_information(area_density(choices, area, priors))


def share_information(density: AreaDensity) -> ShareInformation:
    """Return the same as :func:`expected_share_sd` where the density of the area is at hand."""
    names = (*density.area.goals, *(("no goal",) if density.area.no_goal else ()))
    if density.states.n_shares < 2:
        return ShareInformation(names, np.zeros(len(names)), np.zeros((1, len(names))), "")
    rng = np.random.default_rng(_SEED)
    n_draws = _PRIOR_POINTS if density.size <= _MANY else 3
    points = np.vstack([_prior_means(density), draw_prior(density.parameters, n_draws, rng)])
    sd_at = np.stack([_share_sd(density, point, rng) for point in points])
    sd = np.maximum(sd_at[0], np.median(sd_at[1:], axis=0))
    return ShareInformation(names, sd, sd_at, _share_sentence(names, sd))


def expected_information(density: AreaDensity) -> list[Array]:
    """Return the expected information of the answers about the coordinates, at the prior means and at prior draws.

    Each is (coordinate, coordinate): n E[s sᵀ] with s the gradient of one agent's log likelihood, no prior added.
    """
    rng = np.random.default_rng(_SEED)
    points = np.vstack([_prior_means(density), draw_prior(density.parameters, 3, rng)])
    return [_information(density, point, rng) for point in points] if density.size else []


def _prior_means(density: AreaDensity) -> Array:
    """Return the point with equal goal shares, mean weights and baselines as the prior has them on average."""
    theta, parameters = np.zeros(density.size), density.parameters
    if parameters.weighted:
        (a, b), (shape, rate) = parameters.priors.weight_mean, parameters.priors.weight_concentration
        theta[parameters.slices["mean"]] = logit(a / (a + b))
        theta[parameters.slices["conc"]] = np.log(shape / rate)
    theta[parameters.slices["scale"]] = np.log(parameters.priors.importance_scale[0])
    theta[parameters.slices["pass"]] = logit(parameters.priors.pass_share[0])
    theta[parameters.slices["pass_scale"]] = np.log(parameters.priors.pass_scale[0])
    if parameters.n_places:
        theta[parameters.slices["place"]] = prior_of_places(1 + parameters.n_places, parameters.priors)
    if parameters.numbers:
        (theta[parameters.slices["location"]], _), (theta[parameters.slices["spread"]], _) = number_priors(
            parameters.numbers, parameters.priors
        )
    if parameters.odds is not None:
        theta[parameters.slices["odds"]] = parameters.odds[0]
    if parameters.n_learned:  # at equal affinities goals could not be told apart: one prior draw instead of the means
        own = parameters.slices["affinity"]
        theta[own] = parameters.priors.affinity_sd * np.random.default_rng(_SEED).standard_normal(own.stop - own.start)
    return theta


def _share_sd(density: AreaDensity, point: Array, rng: np.random.Generator) -> Array:
    """Return the sd of the goal shares of all agents together at one point, (share,)."""
    information = _information(density, point, rng)
    slope = _share_slope(density, point)
    eigenvalue, vector = np.linalg.eigh(information)
    known = eigenvalue > _NO_INFORMATION * eigenvalue[-1]
    along = slope @ vector  # (share, direction)
    variance = np.square(along[:, known]) @ (1 / eigenvalue[known])
    lost = np.square(along[:, ~known]).sum(axis=1) > _LOST * np.square(along).sum(axis=1)
    return np.where(lost, np.inf, np.sqrt(variance))


def _information(density: AreaDensity, point: Array, rng: np.random.Generator) -> Array:
    """Return the expected information at one point, (coordinate, coordinate)."""
    rows = density.rows
    size = min(max(_SIMULATED, 10 * density.size), 10 * _SIMULATED)
    if density.table.stages or density.table.numbers:  # agents of many are large, and few of them tell as much
        each = float(density.area.later_answers[rows.pattern] @ rows.multiplicity / rows.multiplicity.sum())
        size = min(size, max(_FEWEST, int(_CHOICES / max(each, 1.0))))
    chosen = rng.choice(rows.n_rows, size=size, p=rows.multiplicity / rows.multiplicity.sum())
    values = constrain(density.parameters, point[None], density.n_options)
    state = _drawn_states(density, values, chosen, rng)
    counts = _drawn_counts(density, values, chosen, state, rng)
    stages = simulated_stages(density, values, chosen, state, counts, rng) if density.table.stages else ()
    numbers = simulated_numbers(density, values, chosen, state, rng) if density.table.numbers else ()
    score = score_vectors(density, point, counts, rows.group[chosen], stages, numbers)
    return np.asarray(score.T @ score / size * rows.multiplicity.sum())


def simulated_counts(
    density: AreaDensity, values: Values, chosen: NDArray[np.int64], rng: np.random.Generator
) -> Array:
    """Return answer counts of simulated agents, each asked as the agents of its row were, (agent, option)."""
    return _drawn_counts(density, values, chosen, _drawn_states(density, values, chosen, rng), rng)


def _drawn_states(
    density: AreaDensity, values: Values, chosen: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    rows = density.rows
    prior = np.exp(state_prior(density, values))[0]
    upto = np.cumsum(prior, axis=1)
    upto = upto / upto[:, -1:] + np.arange(len(upto))[:, None]  # all groups in one increasing sequence
    group = rows.group[chosen]
    drawn = np.searchsorted(upto.ravel(), group + rng.random(len(group)), side="right")
    return np.asarray(np.minimum(drawn - group * prior.shape[1], prior.shape[1] - 1))


def _drawn_counts(
    density: AreaDensity,
    values: Values,
    chosen: NDArray[np.int64],
    state: NDArray[np.int64],
    rng: np.random.Generator,
) -> Array:
    area, rows = density.area, density.rows
    p = np.exp(option_log_probability(density, values))[0]
    p[:, density.table.ignored] = 0
    times = area.item_answers[rows.pattern[chosen]]
    counts = np.zeros((len(chosen), density.n_options))
    for j in range(len(area.items)):
        mine = np.flatnonzero(area.item_of_option == j)
        given = p[:, mine] / p[:, mine].sum(axis=1, keepdims=True)
        counts[:, mine] = rng.multinomial(times[:, j], given[state])
    return counts


def score_vectors(
    density: AreaDensity,
    point: Array,
    counts: Array,
    group: NDArray[np.int64],
    stages: tuple[Stages, ...] = (),
    numbers: tuple[Numbers, ...] = (),
) -> Array:
    """Return the gradient of each agent's log likelihood by the parameters, (agent, coordinate).

    Parameters
    ----------
    density
        Density of the area.
    point
        One parameter vector, (coordinate,).
    counts
        Answers of the agents, (agent, option).
    group
        Position of each agent's prior over states, (agent,).
    stages
        Later choices of the agents, with an agent for a pattern.
    numbers
        Counts and durations of the agents, likewise.
    """
    states, n = density.states, len(counts)
    values = constrain(density.parameters, point[None], density.n_options)
    log_p = option_log_probability(density, values)[0]
    tables = stage_tables(density, stages, n)
    later, evaluated = later_log_probability(tables, values)
    posterior = counts @ log_p.T
    posterior += later
    measured = number_tables(density, numbers, n)
    posterior += numbers_log_probability(measured, values)
    posterior += state_prior(density, values)[0][group]
    posterior -= posterior.max(axis=1, keepdims=True)
    np.exp(posterior, out=posterior)
    posterior /= posterior.sum(axis=1, keepdims=True)
    by_baseline, by_scale, by_affinity, by_passed, *beside = _by_table(density, values, log_p, posterior, counts)
    by_taste = [np.zeros((n, 0))]
    for table, parts in zip(tables, evaluated, strict=True):
        more, slope, favoured = agent_gradients(table, parts, posterior, states.n_goals)
        by_baseline += more
        if favoured is not None:
            by_affinity += favoured.reshape(n, -1)
        by_taste.append(slope)
    tastes = np.hstack(by_taste)
    h, k = density.rows.n_priors, states.n_shares
    own_prior = (group[:, None] == np.arange(h)).astype(float)[:, :, None]
    by_goal, by_mixing = _by_prior(density, values, posterior, group)
    by_numbers = number_gradients(measured, values, posterior, by_affinity.reshape(n, -1, density.n_options))
    pieces = [(own_prior * by_goal[:, None]).reshape(n, -1), by_baseline, by_scale, by_affinity]
    pieces += [tastes, by_passed, by_numbers, by_mixing, *beside]
    if values.prior_mean is not None and values.concentration is not None:
        goals = states.n_mixtures * len(states.node)
        nodes = posterior[:, :goals] @ np.tile(np.eye(len(states.node)), (states.n_mixtures, 1))
        expected = np.exp(log_node_prior(np, states, values.prior_mean, values.concentration[:, None]))[0][group]
        excess = nodes - nodes.sum(axis=1, keepdims=True) * expected
        logs = np.stack([np.log(states.node), np.log1p(-states.node)], axis=1)
        pieces.append((own_prior * (excess @ logs)[:, None]).reshape(n, -1))
    piece = np.hstack(pieces)
    # The map from these gradients to those by the coordinates is linear and common to all agents.
    unit = np.eye(piece.shape[1])
    sizes = np.cumsum([h * k, density.n_options, *(part.shape[1] for part in pieces[2:10])])
    by_share, by_option, by_each_scale, by_each_affinity, by_each_taste, by_each_pass, *rest = np.split(
        unit, sizes, axis=1
    )
    by_number, by_mix, by_place, by_each_odds, by_shape = rest
    by_location, by_spread = np.split(by_number, 2, axis=1)
    shape = by_shape.reshape(len(unit), h, 2) if density.parameters.weighted else None
    theta = np.broadcast_to(point, (len(unit), len(point)))
    chain = pull_back_values(
        density.parameters,
        theta,
        constrain(density.parameters, theta, density.n_options),
        by_log_share=by_share.reshape(len(unit), h, k),
        by_shape_a=None if shape is None else shape[..., 0],
        by_shape_b=None if shape is None else shape[..., 1],
        by_baseline=by_option,
        by_scale=by_each_scale,
        by_affinity=by_each_affinity.reshape(len(unit), -1, density.n_options) if by_affinity.size else None,
        by_taste=by_each_taste,
        by_passing=by_each_pass if by_each_pass.size else None,
        by_location=by_location if measured else None,
        by_spread=by_spread if measured else None,
        by_mixing=by_mix if by_mix.size else None,
        by_places=by_place if by_place.size else None,
        by_odds=by_each_odds if by_each_odds.size else None,
    )
    return np.asarray(piece @ chain)


def _by_prior(density: AreaDensity, values: Values, posterior: Array, group: NDArray[np.int64]) -> tuple[Array, Array]:
    """Return the gradient of each agent's log likelihood by log goal shares and by mixing, (agent, ...)."""
    if values.mixing is None:
        return posterior @ density.states.is_goal, np.zeros((len(posterior), 0))
    by_goal, by_mixing = np.empty((len(posterior), density.states.n_shares)), np.empty((len(posterior), 1))
    for h in range(density.rows.n_priors):
        mine = group == h
        own = replace(values, prior_log_share=values.prior_log_share[:, [h]])
        slope, mixing = prior_slopes(density, own, posterior[None, None, mine])
        assert mixing is not None
        by_goal[mine], by_mixing[mine, 0] = slope[0, 0], mixing[0, 0]
    return by_goal, by_mixing


def _by_table(density: AreaDensity, values: Values, log_p: Array, posterior: Array, counts: Array) -> tuple[Array, ...]:
    """Return the gradient of each agent's log likelihood by what makes the table, (agent, ...).

    By baselines, scales, affinities, passing, examination and the odds of recording.
    """
    parts: list[tuple[Array, ...]] = []
    step = max(1, _CELLS // log_p.size)
    for start in range(0, len(counts), step):
        mine = slice(start, start + step)
        slope = posterior[mine, :, None] * counts[mine, None, :]
        affinity = (
            None
            if values.affinity is None
            else np.broadcast_to(values.affinity, (len(slope), *values.affinity.shape[1:]))
        )
        given = (values.scale, affinity, values.passing, values.places)
        found = pull_back(density.table, values.baseline_logits, log_p, slope, *given)
        by_passing = pull_back_passing(density.table, log_p, slope, values.passing)
        by_affinity = np.zeros((len(slope), 0)) if found[2] is None else found[2].reshape(len(slope), -1)
        by_places = pull_back_places(density.table, values.baseline_logits, log_p, slope, values.scale, values.places)
        none = np.zeros((len(slope), 0))
        by_odds = pull_back_odds(density.table, log_p, slope)
        last = (none if one is None else one for one in (by_passing, by_places, by_odds))
        parts.append((*found[:2], by_affinity, *last))
    return tuple(np.concatenate(pieces) for pieces in zip(*parts, strict=True))


def _share_slope(density: AreaDensity, point: Array) -> Array:
    """Return the gradient of the goal shares of all agents together, (share, coordinate)."""
    step = 1e-5
    shifts = step * np.vstack([np.eye(density.size), -np.eye(density.size)])
    values = constrain(density.parameters, point + shifts, density.n_options)
    shares = np.einsum("h,dhk->dk", stratum_shares(density), np.exp(values.prior_log_share))
    return np.asarray((shares[: density.size] - shares[density.size :]).T / (2 * step))


def _share_sentence(names: tuple[str, ...], sd: Array) -> str:
    worst = int(np.argmax(sd))
    if not sd[worst] > MAX_SHARE_SD:
        return ""
    if np.isinf(sd[worst]):
        return f"These answers cannot tell the share of '{names[worst]}', with any number of agents."
    if sd[worst] >= _NOTHING:
        return f"These answers alone say next to nothing of the share of '{names[worst]}'."
    size = f"{sd[worst]:.2f}"
    return f"These answers alone tell the share of '{names[worst]}' with an expected standard deviation of {size}."


def possible_patterns(area: AreaChoices) -> int:
    """Return the number of distinct sets of answers of an agent who answers each item as often as anybody does."""
    return prod(answers_of_items(area))


def answers_of_items(area: AreaChoices) -> list[int]:
    """Return the number of distinct answers to each item when it is answered as often as anybody does, (item,)."""
    sizes = np.bincount(area.item_of_option).tolist()
    times = area.item_answers.max(axis=0, initial=0).tolist()
    number = [comb(t + size - 1, size - 1) for t, size in zip(times, sizes, strict=True)]
    for stages in area.stages:
        later = int(stages.per_pattern(len(area.counts)).max(initial=0))
        if area.has_sets[stages.item]:
            number[stages.item] = min(stages.shown.shape[1] ** min(later, _LONG), _MOST_ANSWERS)
        else:
            number[stages.item] = perm(sizes[stages.item], later + 1)
    for numbers in area.numbers:
        number[numbers.item] = _MOST_ANSWERS
    return number


def item_rule(area: AreaChoices) -> str | None:
    """Return why the items of an area are too few for its goals, whatever the number of agents; None if they are not.

    Three things are looked at: whether some agent answers twice, whether each goal is served by options of its own, and
    whether there are as many distinct sets of answers as parameters. The rule is necessary, not sufficient: what it
    lets through may still be told poorly, see :func:`expected_share_sd`.

    Parameters
    ----------
    area
        The area.
    """
    if at_face_value(area):
        return (
            "Every agent answers once, so answers are taken at face value: what is chance in them counts as conflict."
        )
    for i, goal in enumerate(area.goals if not any(area.learned) else ()):
        if not area.serves[i].any():
            return f"No option serves the goal '{goal}', so those who hold it look like agents with a small weight."
        for k in range(i):
            if np.array_equal(area.serves[i], area.serves[k]):
                return (
                    f"The goals '{area.goals[k]}' and '{goal}' are served by the same options and cannot be told apart."
                )
    n_parameters = len(area.goals) - 1 + area.no_goal + 2 * is_weighted(area)
    layout = Parameters(1, 0, True, True, **baseline_layout(area), **affinity_layout(area), priors=Priors())
    n_parameters += layout.size - 2  # what is beside the mean and concentration of the weights, counted above
    n_parameters += int((~area.states_goals).sum())  # a scale for each stated importance
    n_parameters += int(area.is_pass.any()) + 2 * len(area.numbers)
    n_parameters += 0 if area.examined is None else len(area.examined.learned)
    n_patterns = possible_patterns(area)
    if n_parameters <= n_patterns - 1:
        return None
    remedy = ' or set baseline = "uniform"' if area.baseline == "free" else ""
    return (
        f"{len(area.items)} item{'s' * (len(area.items) > 1)} with {n_patterns} possible sets of answers cannot tell"
        f" {n_parameters} parameters: ask more items{remedy}."
    )


def identification_checks(density: AreaDensity) -> list[Check]:
    """Return the checks made before fitting: whether items suffice, and the expected sd of goal shares."""
    name, rule = density.area.name, item_rule(density.area)
    information = share_information(density)
    state = "caution" if information.sentence else "ok"
    worst = information.worst
    return [
        Check("item-rule", "ok" if rule is None else "caution", name, rule or ""),
        Check("expected-share-sd", state, name, information.sentence, worst, MAX_SHARE_SD),
    ]
