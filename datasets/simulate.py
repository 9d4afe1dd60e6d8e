"""Choices of agents whose goals and weights are known, from the generative model itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ..forward_model.choice_rules import draw_options
from .answer_probability import option_probabilities
from .ballots import Ballots, draw_ballots, entered_ballots, full_ballots
from .choices import Choices, Truth
from .dependence import KEY, draw_types, with_types
from .examination import examination_of, seen_through
from .judgements import long_study
from .mixtures import draw_mixtures, mixed_probabilities
from .numbers import Measured, draw_numbers
from .parameters import Parameters, draw_parameters, passed_of, uniform_baseline
from .patterns import Given, build_choices
from .self_selection import asked_options, if_all_answered, recorded_probability
from .simulate_covariates import default_periods, simulated_covariates, stratum_parameters, what_is_beside
from .situations import Situations, draw_situations, entered_situations
from .stages import draw_order
from .study import Area, Item, Study

_CHUNK = 16_384
"""Agents whose probabilities are held at once: they stay in the processor's cache."""


def simulate(
    study: Study,
    n_agents: int,
    *,
    seed: int | np.random.Generator | None = None,
    truth: Mapping[str, Mapping[str, ArrayLike]] | None = None,
    groups: Sequence[str] | Mapping[str, float] | None = None,
    missing: float = 0.0,
    answers_per_item: int = 5,
    situations: Choices | None = None,
    covariates: Mapping[str, ArrayLike] | None = None,
) -> Choices:
    """Simulate the answers of agents whose goals and weights are then known.

    In each area an agent of group h holds goal g with probability π_hg, has weight w ~ Beta(1 + mκ, 1 + (1 −
    m)κ) with the group's mean m (0 without a goal), and answers each item by the area's choice rule.
    Parameters that are not given are drawn from the priors of the study, whose group deviations are Normal(0,
    ``group_sd``) on the logits of goals (zero-sum) and of m. In an area with one answer per agent the choice
    rule uses weight 1 and a uniform baseline, and the weights are 1: such an area says nothing about either. Where
    agents may follow several goals, each has a mixture of them in whole parts, see :mod:`.mixtures`, and every answer
    follows a goal of its own.

    Parameters
    ----------
    study
        What is asked, and how the answers come about.
    n_agents
        Number of agents, at least 2.
    seed
        Seed; the same seed gives the same choices.
    truth
        Parameters by area, any of:
        ``goal_share``, (goal,), or (goal + 1,) with the share without a goal last where the area allows it;
        ``weight_mean`` m, between 0 and 1; ``weight_concentration`` κ, positive;
        ``baseline``, (option,), the probability of each option to an agent whom no goal moves, by item;
        ``affinity``, (goal, option), where goals are learned, see :func:`.learned_probability`;
        ``goal_mixing``, from 0, one goal each, to 1, where agents may follow several;
        ``typical`` and ``spread``, (number,), positive, of counts and durations, see :func:`.draw_numbers`;
        ``examination``, (place − 1,), of all places but the first where they are learned, see :mod:`.examination`;
        ``pass_share``, (item with passing,), and ``pass_scale``, positive, see :mod:`.abstain`;
        ``recording_odds``, (odds,), positive, where answers are selected and the odds are a range, see
        :mod:`.self_selection`;
        with ``groups`` or periods also ``group_goal_share``, (group, goal), and ``group_weight_mean``, (group,), of
        agents with mean covariates;
        where goals depend on covariates ``covariate_goal``, (effect, goal), zero-sum over goals, and
        ``covariate_weight``, (effect,): effects on the logits per standard deviation of a number, or of each level.
        With ``[dependence]`` in the study also, under ``"dependence"``, ``type_share``, (type,), and by area the
        leanings of the types to its goals, (type, goal), log odds.
    groups
        Names of groups of equal size, or their shares by name. By default agents are in no group. Where the study
        names a ``period``, its periods, by default those that the study lists or else five.
    missing
        Probability that an answer is missing, at random. Agents without any answer are left out, as in any
        table.
    answers_per_item
        Number of answers of an agent to a repeated item.
    situations
        Choices whose agents' situations are taken for items of kind ``situation``: the first simulated agent is asked
        what its first agent was asked, and so on, again from the first when it has fewer. Needed with such items, and
        with rankings, or best and worst, of options that differ.
    covariates
        For columns of ``depends_on`` the number or level of each agent, (agent,). Those not given are drawn: one of the
        levels or bins in the study, or a whole number from 1 to 7.

    Returns
    -------
    Choices
        With ``truth``: goals and weights of the agents, and all parameters. Its study names an ``agent``
        column (and a ``group`` column with groups), so that :func:`write_table` and :func:`read_table` give
        the same choices again.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    if n_agents < 2:
        raise ValueError(f"'n_agents' is {n_agents}; a score needs at least two agents")
    if not 0 <= missing < 1:
        raise ValueError(f"'missing' is {missing}; it is a probability below 1")
    if answers_per_item < 1:
        raise ValueError(f"'answers_per_item' is {answers_per_item}; it is at least 1")
    study = long_study(study)
    asked = _asked_situations(study, situations, n_agents)
    rng = np.random.default_rng(seed)
    names, shares = _group_shares(groups or default_periods(study.table))
    of_types = (truth or {}).get(KEY) if study.n_types > 1 else None
    given = _checked_names({name: part for name, part in (truth or {}).items() if part is not of_types}, study)
    single = {area.name: _is_single(area, answers_per_item) for area in study.areas}
    columns = simulated_covariates(study.table, n_agents, covariates or {}, rng)
    beside = what_is_beside(study.table, columns, names)
    parameters = {
        area.name: draw_parameters(
            area,
            study.priors,
            rng,
            n_groups=len(names),
            given=given.get(area.name),
            single=single[area.name],
            beside=beside,
        )
        for area in study.areas
    }
    group_of_agent = _allocate(shares, n_agents, rng)

    goals = np.empty((n_agents, len(study.areas)), dtype=object)
    weights = np.zeros((n_agents, len(study.areas)))
    answers: dict[str, Given] = {}
    memberships: dict[str, NDArray[np.float64]] = {}
    # one stream per area: what is given for one area leaves the others as they were
    streams, types = rng.spawn(len(study.areas)), {}
    if study.n_types > 1:
        typing = rng.spawn(1)[0]
        types = draw_types(study.areas, study.priors, study.n_types, typing, given=of_types)
        type_of_agent = typing.choice(study.n_types, size=n_agents, p=types["type_share"])
    for column, (area, stream) in enumerate(zip(study.areas, streams, strict=True)):
        of_agent = stratum_parameters(parameters[area.name], columns, group_of_agent, len(names))
        if types:
            of_agent = with_types(area, *of_agent, types, type_of_agent)
        goal, weight = _draw_states(area, *of_agent, rng=stream)
        mixture = None
        if area.several:
            mixture = draw_mixtures(area, parameters[area.name], group_of_agent, goal < len(area.goals), stream)
            memberships[area.name] = mixture
            goal = np.where(goal < len(area.goals), mixture.argmax(axis=1), goal)
        goals[:, column] = np.array([*area.goals, None], dtype=object)[goal]
        weights[:, column] = weight
        answers |= _draw_answers(
            area,
            goal,
            weight,
            parameters[area.name].get("baseline", uniform_baseline(area)),
            parameters[area.name].get("importance_scale", np.zeros(0)),
            parameters[area.name].get("affinity"),
            single=single[area.name],
            rng=stream,
            missing=missing,
            answers_per_item=answers_per_item,
            asked=asked,
            taste=parameters[area.name].get("coefficient", np.zeros(0)),
            passed=passed_of(parameters[area.name]),
            numbers=[parameters[area.name].get(name, np.zeros(0)) for name in ("typical", "spread")],
            mixture=mixture,
            examination=examination_of(area, parameters[area.name].get("examination")),
            odds=parameters[area.name].get("recording_odds", np.zeros(0)),
        )

    labels = np.arange(1, n_agents + 1).astype(str).astype(object)
    index = pd.Index(labels, name="agent")
    areas = [area.name for area in study.areas]
    return build_choices(
        _study_of_table(study, names),
        labels,
        answers,
        groups=names,
        group_of_agent=group_of_agent if names else None,
        covariates=columns,
        source="simulation",
        truth=Truth(
            goals=pd.DataFrame(goals, index=index, columns=areas, dtype=object),
            weights=pd.DataFrame(weights, index=index, columns=areas),
            parameters=parameters | ({KEY: types} if types else {}),
            memberships={
                area.name: pd.DataFrame(memberships[area.name], index=index, columns=list(area.goals))
                for area in study.areas
                if area.several
            },
        ),
    )


def _draw_states(
    area: Area, parameters: Parameters, group_of_agent: NDArray[np.int64], *, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Draw the position of each agent's goal (the number of goals for none) and its weight, (agent,)."""
    n = len(group_of_agent)
    share = parameters.get("group_goal_share", parameters["goal_share"][None])
    upto = np.cumsum(share, axis=1)
    upto[:, -1] = 1.0
    u = rng.random(n)
    goal = np.zeros(n, dtype=np.int64)
    for state in range(share.shape[1] - 1):
        goal += u >= upto[group_of_agent, state]
    if "weight_mean" in parameters:
        m = parameters.get("group_weight_mean", parameters["weight_mean"][None])[group_of_agent]
        kappa = parameters["weight_concentration"]
        weight = rng.beta(1 + m * kappa, 1 + (1 - m) * kappa)
    else:  # one answer per agent
        weight = np.ones(n)
    weight[goal == len(area.goals)] = 0.0
    return goal, weight


def _draw_answers(
    area: Area,
    goal: NDArray[np.int64],
    weight: NDArray[np.float64],
    baseline: NDArray[np.float64],
    scale: NDArray[np.float64],
    affinity: NDArray[np.float64] | None,
    *,
    single: bool,
    rng: np.random.Generator,
    missing: float,
    answers_per_item: int,
    asked: Mapping[str, Situations | Ballots],
    taste: NDArray[np.float64],
    passed: tuple[NDArray[np.float64], NDArray[np.float64]] | None,
    numbers: list[NDArray[np.float64]],
    mixture: NDArray[np.float64] | None = None,
    examination: NDArray[np.float64] | None = None,
    odds: NDArray[np.float64],
) -> dict[str, Given]:
    """Draw the answers of all agents to the items of one area, in the form :func:`build_choices` takes."""
    n = len(goal)
    sizes = np.array([len(item.serves) for item in area.items])
    item_of_option = np.repeat(np.arange(len(sizes)), sizes)
    starts = np.cumsum(sizes) - sizes
    held = np.where(goal == len(area.goals), -1, goal)
    elsewhere = {item.name for item in area.items if item.kind == "situation" or item.is_number or item.in_ballots}
    answers = {item.name: _no_answers(item, n) for item in area.items if item.name not in elsewhere}
    plain, asked_baseline = if_all_answered(area), baseline[asked_options(area)]
    for first in range(0, n, _CHUNK):
        rows = slice(first, min(first + _CHUNK, n))
        p = option_probabilities(
            plain, asked_baseline, weight[rows], held[rows], scale, single=single, affinity=affinity, passed=passed
        )
        if mixture is not None:
            of = asked_baseline, weight[rows], scale
            p = np.where(held[rows, None] < 0, p, mixed_probabilities(plain, *of, mixture[rows], single=single))
        if examination is not None:
            p = seen_through(area, p, examination)
        p = recorded_probability(area, p, odds)
        drawn = draw_options(p, item_of_option, rng) - starts  # (agent, item)
        for position, item in enumerate(area.items):
            if item.name in elsewhere:
                continue
            if item.in_stages:
                own = p[:, item_of_option == position]
                order = draw_order(own, drawn[:, position], item, rng)
                order[rng.random(len(p)) < missing] = -1
                answers[item.name][rows] = order
            elif item.repeated:
                times = rng.binomial(answers_per_item, 1 - missing, size=len(p))
                answers[item.name][rows] = rng.multinomial(times, p[:, item_of_option == position])
            else:
                chosen = drawn[:, position]
                answers[item.name][rows] = np.where(rng.random(len(p)) < missing, -1, chosen) if missing else chosen
    lifts = [
        _lift(item, area, None if affinity is None else affinity[:, item_of_option == position])
        for position, item in enumerate(area.items)
    ]
    first = 0
    drawn_situations: dict[str, Situations | Ballots] = {}
    for position, item in enumerate(area.items):
        if item.in_ballots:
            utility = np.log(baseline[item_of_option == position]) + weight[:, None] * lifts[position][held]
            own_ballots = asked.get(item.name) or full_ballots(item, n, answers_per_item if item.repeated else 1)
            assert isinstance(own_ballots, Ballots)
            drawn_situations[item.name] = draw_ballots(own_ballots, utility, item, rng, missing=missing)
        if item.kind == "situation":
            own = taste[first : first + len(item.features)]
            first += len(item.features)
            utility = np.log(baseline[item_of_option == position]) + weight[:, None] * lifts[position][held]
            own_situations = asked[item.name]
            assert isinstance(own_situations, Situations)
            drawn_situations[item.name] = draw_situations(own_situations, utility, own, rng, missing=missing)
    measured = iter(zip(*numbers, strict=True))
    drawn_numbers = {
        item.name: _draw_numbers(
            item,
            next(measured),
            weight * (lifts[position] @ [1.0, -1.0])[held],
            rng,
            missing=missing,
            answers_per_item=answers_per_item,
        )
        for position, item in enumerate(area.items)
        if item.is_number
    }
    return {**answers, **drawn_situations, **drawn_numbers}


def _draw_numbers(
    item: Item,
    parameters: tuple[np.float64, np.float64],
    shift: NDArray[np.float64],
    rng: np.random.Generator,
    *,
    missing: float,
    answers_per_item: int,
) -> Given:
    """Draw the numbers of all agents, each observed for one unit of exposure."""
    times = rng.binomial(answers_per_item if item.repeated else 1, 1 - missing, size=len(shift))
    agent = np.repeat(np.arange(len(shift)), times)
    one = np.ones(len(agent))
    typical, spread = map(float, parameters)
    value = draw_numbers(item.kind, typical, spread, shift[agent], one, rng)
    if item.repeated:
        return Measured(agent, value, one, one.astype(np.int64))
    given = np.full((len(shift), 2), np.nan)
    given[agent] = np.column_stack([value, one])
    return given


def _lift(item: Item, area: Area, affinity: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """Return by how much each goal, or in the last row none, lifts an option at weight 1, (goal, option)."""
    served = [[goal in goals for goals in item.serves.values()] for goal in area.goals]
    lift = area.kappa * np.array([*served, [False] * len(item.serves)], dtype=np.float64)
    return lift if affinity is None else lift + np.vstack([affinity, np.zeros(len(item.serves))])


def _asked_situations(study: Study, situations: Choices | None, n_agents: int) -> dict[str, Situations | Ballots]:
    """Return the situations of the agents, and the ballots they are given, whatever they choose, by item."""
    ballots = {item.name: item for item in study.items if item.in_ballots}
    differ = [name for name, item in ballots.items() if item.available or item.offered == "ranked"]
    names = [item.name for item in study.items if item.kind == "situation"] + differ
    if not names and situations is None:
        return {}
    if situations is None:
        what = "over options that differ" if names[0] in differ else "in situations"
        raise ValueError(f"item {names[0]!r} is asked {what}: give choices that have them as 'situations'")
    found: dict[str, Situations | Ballots] = {}
    for area in situations.areas:
        taken = area.pattern_of_agent[np.arange(n_agents) % situations.n_agents]
        for stages in area.stages:
            name = area.items[stages.item]
            if name in ballots and area.has_ballots[stages.item]:
                found[name] = entered_ballots(stages, ballots[name], taken)
            elif name in names:
                found[area.items[stages.item]] = entered_situations(stages, taken)
    lacking = [name for name in names if name not in found]
    if lacking:
        raise ValueError(f"'situations' holds none of item {lacking[0]!r}")
    return found


def _no_answers(item: Item, n: int) -> NDArray[np.integer]:
    if item.in_stages:
        return np.full((n, item.n_places), -1, dtype=np.int32)
    return np.zeros((n, len(item.serves)), dtype=np.int32) if item.repeated else np.full(n, -1, dtype=np.int32)


def _is_single(area: Area, answers_per_item: int) -> bool:
    """Whether agents answer once in the area, so that weight and baseline are not seen."""
    asked = [item for item in area.items if item.kind != "importance"]
    if len(asked) > 1 or asked[0].kind == "situation" or asked[0].is_number or asked[0].in_ballots:
        return False
    choices = answers_per_item if asked[0].repeated else min(asked[0].n_places, len(asked[0].serves) - 1)
    return choices <= 1


def _group_shares(
    groups: Sequence[str] | Mapping[str, float] | None,
) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    if not groups:
        return (), np.ones(1)
    if isinstance(groups, str):
        raise TypeError("'groups' is a text; give a list of names or shares by name")
    names = tuple(groups)
    shares = np.array(list(groups.values()) if isinstance(groups, Mapping) else np.ones(len(names)), dtype=np.float64)
    if len(set(names)) < len(names) or not (np.isfinite(shares).all() and (shares > 0).all()):
        raise ValueError(f"'groups' needs distinct names and positive shares, not {groups!r}")
    return names, shares / shares.sum()


def _allocate(shares: NDArray[np.float64], n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Give each agent a group at random, group sizes as near to the shares as whole numbers allow."""
    sizes = np.floor(shares * n).astype(np.int64)
    largest_rest = np.argsort(sizes - shares * n, kind="stable")[: n - sizes.sum()]
    sizes[largest_rest] += 1
    return rng.permutation(np.repeat(np.arange(len(shares)), sizes))


def _checked_names(truth: Mapping[str, Mapping[str, ArrayLike]], study: Study) -> Mapping[str, Mapping[str, ArrayLike]]:
    areas = [area.name for area in study.areas]
    for name in truth:
        if name not in areas:
            raise ValueError(f"'truth' names the area {name!r}; the areas are {', '.join(areas)}")
    return truth


def _study_of_table(study: Study, groups: Sequence[str]) -> Study:
    """Return the study of the table that the agents fill, with columns for agents and their groups."""
    table = study.table
    used = (
        {column for item in study.items for column in item.columns}
        if table.layout == "wide"
        else {table.item, table.answer}
    )
    changes: dict[str, Any] = {"agent": table.agent or _free("agent", used), "survey_weight": None, "times": None}
    changes["group"] = (table.group or _free("group", used | {changes["agent"]})) if groups else None
    if table.period is not None:
        changes |= {"group": None, "periods": tuple(groups), "systems": ()}
        return study.model_copy(update={"table": table.model_copy(update=changes), "log": None})
    # declaring the groups keeps their order; where the study declares them, their codes are kept
    if not set(groups) <= set(table.groups):
        changes["groups"] = {name: (name,) for name in groups}
    elif not groups:
        changes["groups"] = {}
    changes["systems"] = tuple(name for name in table.systems if name in groups)
    return study.model_copy(update={"table": table.model_copy(update=changes), "log": None})


def _free(name: str, used: set[Any]) -> str:
    while name in used:
        name += "_"
    return name
