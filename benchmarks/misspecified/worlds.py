"""Worlds in which the model is wrong in one known way, and what is true in each.

Every world is a seeded function that returns what a user would have, a table read with a study, and what nobody would
have, the true scores. Everything that is not wrong on purpose is as the model says: one area of 2 or 3 goals, 4 to 6
items of 2 to 4 options (as many in every item of a data set, at least one per goal), goal shares, weights and baselines
drawn from the default priors, all conflicts 1.

**Truth** is always what agents want, whatever their answers show: the scores that `forward_model.score` computes from
goals and weights drawn before anything went wrong, over the agents with at least one answer. A careless person has a
goal and cares about it; one AI system is one agent however often it is asked.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from dissensus.datasets.choices import Choices
from dissensus.datasets.patterns import build_choices
from dissensus.forward_model.choice_rules import draw_options, follow_probability, luce_probability
from numpy.typing import NDArray

from dissensus import datasets, forward_model

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

SCORES = ("contention", "misalignment", "relative_misalignment")
KAPPA = 3.0
NO_ANSWER = -1


@dataclass(frozen=True, eq=False)
class Design:
    """What is asked: the goal each option serves, −1 for none, (item, option), and the number of goals."""

    serves: Whole
    n_goals: int


@dataclass(frozen=True, eq=False)
class Agents:
    """What agents want: goal and weight of each, and the baseline of the items, (item, option)."""

    goal: Whole
    weight: Array
    baseline: Array


@dataclass(frozen=True, eq=False)
class Made:
    """A data set as a user has it, and its true scores."""

    choices: Choices
    truth: dict[str, float]


@dataclass(frozen=True)
class World:
    """One way to be wrong.

    Parameters
    ----------
    name, title
        Short name, and a heading.
    wrong
        What differs from the model, in one or two sentences.
    truth
        What the true scores are.
    make
        From a generator, a number of agents and a choice rule to a data set.
    """

    name: str
    title: str
    wrong: str
    truth: str
    make: Callable[[np.random.Generator, int, str], Made]


def make(name: str, number: int, *, agents: int, rule: str = "follow") -> Made:
    """Return one data set of a world; the same name and number give the same one."""
    rng = np.random.default_rng([number, zlib.crc32(name.encode())])
    return WORLDS[name].make(rng, agents, rule)


# What all worlds are made of


def draw_design(rng: np.random.Generator, *, goals: int, least_options: int = 2) -> Design:
    """Draw an area: each goal has an option in every item, a further option serves a random goal or none."""
    n_items, n_options = int(rng.integers(4, 7)), int(rng.integers(max(goals, least_options), 5))
    serves = np.empty((n_items, n_options), dtype=np.int64)
    for item in serves:
        more = np.where(rng.random(n_options - goals) < 0.5, -1, rng.integers(goals, size=n_options - goals))
        item[:] = rng.permutation([*range(goals), *more])
    return Design(serves, goals)


def draw_agents(rng: np.random.Generator, design: Design, n: int, *, goals: int | None = None) -> Agents:
    """Draw goals, weights and baselines from the default priors; only the first ``goals`` goals are held."""
    share = rng.dirichlet(np.ones(goals or design.n_goals))
    goal = rng.choice(len(share), size=n, p=share)
    m, kappa = rng.beta(2, 2), rng.gamma(4)
    weight = rng.beta(1 + m * kappa, 1 + (1 - m) * kappa, size=n)
    return Agents(goal, weight, draw_baseline(rng, design))


def draw_baseline(rng: np.random.Generator, design: Design) -> Array:
    """Draw the baseline of every item, (item, option)."""
    z = rng.standard_normal(design.serves.shape)
    odds = np.exp(z - z.mean(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def draw_answers(
    rng: np.random.Generator, design: Design, agents: Agents, rule: str, *, baseline: Array | None = None
) -> Whole:
    """Draw one answer of every agent to every item by the choice rule, (agent, item)."""
    n_items, n_options = design.serves.shape
    item_of_option = np.repeat(np.arange(n_items), n_options)
    serves = design.serves.ravel() == np.arange(design.n_goals)[:, None]
    b = agents.baseline if baseline is None else baseline
    b = b.reshape(*b.shape[:-2], -1)
    if rule == "follow":
        p = follow_probability(serves, item_of_option, b, agents.weight, goal=agents.goal)
    else:
        p = luce_probability(serves, item_of_option, b, agents.weight, KAPPA, goal=agents.goal)
    return np.asarray(draw_options(p, item_of_option, rng) - n_options * np.arange(n_items))


def table(design: Design, answers: Whole, rule: str, *, conflict: Any = 1.0) -> Choices:
    """Return the answers as a user's table: option 0 of every item is labelled "o0", and so on."""
    goals = [f"g{g}" for g in range(design.n_goals)]
    items = {
        f"item{j}": {"serves": {f"o{o}": [goals[g]] if g >= 0 else [] for o, g in enumerate(item.tolist())}}
        for j, item in enumerate(design.serves)
    }
    area = {"goals": goals, "conflict": conflict, "rule": rule, "kappa": KAPPA, "items": items}
    study = datasets.Study.from_dict({"title": "misspecified", "table": {"agent": "agent"}, "areas": {"area": area}})
    columns = {f"item{j}": answers[:, j] for j in range(answers.shape[1])}
    return build_choices(study, np.arange(len(answers)).astype(str).astype(object), columns)


def true_scores(goal: Whole, weight: Array, conflict: Array) -> dict[str, float]:
    """Return the scores of agents whose goals and weights are known."""
    names = [f"g{g}" for g in range(len(conflict))]
    area = forward_model.ProblemArea("area", names, conflict)
    goals = pd.DataFrame({"area": np.array(names, dtype=object)[goal]})
    scored = forward_model.score(goals, pd.DataFrame({"area": weight}), [area])
    return {score: float(scored[score].item()) for score in SCORES}


def full_conflict(n_goals: int) -> Array:
    """Return conflict 1 between any two goals."""
    return 1 - np.eye(n_goals)


def _goals(rng: np.random.Generator) -> int:
    return int(rng.integers(2, 4))


def _usual(rng: np.random.Generator, n: int, *, goals: int | None = None) -> tuple[Design, Agents, dict[str, float]]:
    """Draw a design, agents as the model has them, and their true scores."""
    design = draw_design(rng, goals=goals or _goals(rng))
    agents = draw_agents(rng, design, n)
    return design, agents, true_scores(agents.goal, agents.weight, full_conflict(design.n_goals))


# The worlds


def control(rng: np.random.Generator, n: int, rule: str) -> Made:
    """Nothing is wrong."""
    design, agents, truth = _usual(rng, n)
    return Made(table(design, draw_answers(rng, design, agents, rule), rule), truth)


def one_goal_more(rng: np.random.Generator, n: int, rule: str) -> Made:
    """People hold three goals; the study knows two, and options that serve the third as serving none."""
    design, agents, truth = _usual(rng, n, goals=3)
    answers = draw_answers(rng, design, agents, rule)
    return Made(table(Design(np.where(design.serves == 2, -1, design.serves), 2), answers, rule), truth)


def one_goal_unheld(rng: np.random.Generator, n: int, rule: str) -> Made:
    """The study declares three goals; nobody holds the third."""
    design = draw_design(rng, goals=3)
    agents = draw_agents(rng, design, n, goals=2)
    truth = true_scores(agents.goal, agents.weight, full_conflict(3))
    return Made(table(design, draw_answers(rng, design, agents, rule), rule), truth)


def one_goal_split(rng: np.random.Generator, n: int, rule: str) -> Made:
    """The study declares three goals; the second and third are one goal, served by the options of both."""
    design = draw_design(rng, goals=3)
    held = Design(np.minimum(design.serves, 1), 2)
    agents = draw_agents(rng, held, n)
    truth = true_scores(agents.goal, agents.weight, full_conflict(2))
    return Made(table(design, draw_answers(rng, held, agents, rule), rule), truth)


def second_trait(rng: np.random.Generator, n: int, rule: str) -> Made:
    """Half of the agents, whatever their goals, have other baselines than the other half."""
    design, agents, truth = _usual(rng, n)
    baseline = np.stack([agents.baseline, draw_baseline(rng, design)])[rng.integers(2, size=n)]
    return Made(table(design, draw_answers(rng, design, agents, rule, baseline=baseline), rule), truth)


def copying(rng: np.random.Generator, n: int, rule: str) -> Made:
    """From the second item on, an answer repeats the one before (the option at the same place) with chance 0.3."""
    design, agents, truth = _usual(rng, n)
    answers = draw_answers(rng, design, agents, rule)
    for j in range(1, answers.shape[1]):
        answers[:, j] = np.where(rng.random(n) < 0.3, answers[:, j - 1], answers[:, j])
    return Made(table(design, answers, rule), truth)


def careless(rng: np.random.Generator, n: int, rule: str) -> Made:
    """One agent in ten, whatever its goal, answers at random, all options alike."""
    design, agents, truth = _usual(rng, n)
    answers = draw_answers(rng, design, agents, rule)
    at_random = rng.integers(design.serves.shape[1], size=answers.shape)
    return Made(table(design, np.where(rng.random((n, 1)) < 0.1, at_random, answers), rule), truth)


def straight_lining(rng: np.random.Generator, n: int, rule: str) -> Made:
    """One agent in ten, whatever its goal, takes the option at one place, drawn at random, in every item."""
    design, agents, truth = _usual(rng, n)
    answers = draw_answers(rng, design, agents, rule)
    line = rng.integers(design.serves.shape[1], size=(n, 1))
    return Made(table(design, np.where(rng.random((n, 1)) < 0.1, line, answers), rule), truth)


def skipping(rng: np.random.Generator, n: int, rule: str) -> Made:
    """Those who hold the goal with fewest agents skip half of the items, the others one in ten."""
    design, agents, _ = _usual(rng, n)
    answers = draw_answers(rng, design, agents, rule)
    few = int(np.argmin(np.bincount(agents.goal, minlength=design.n_goals)))
    skip = rng.random(answers.shape) < np.where(agents.goal == few, 0.5, 0.1)[:, None]
    answers[skip] = NO_ANSWER
    kept = ~skip.all(axis=1)
    truth = true_scores(agents.goal[kept], agents.weight[kept], full_conflict(design.n_goals))
    return Made(table(design, answers, rule), truth)


def continuous(rng: np.random.Generator, n: int, rule: str) -> Made:
    """Wishes are places on a line from 0 to 1; answers follow nearness; the study declares 2 or 3 goals."""
    goals = _goals(rng)
    n_items, n_options = int(rng.integers(4, 7)), int(rng.integers(goals, 5))
    at = np.stack([rng.permutation(np.linspace(0, 1, n_options)) for _ in range(n_items)])
    serves = np.where(at < 0.49, 0, np.where(at > 0.51, 1, -1)) if goals == 2 else np.digitize(at, [0.25, 0.75])
    design = Design(serves, goals)
    place = rng.beta(*rng.uniform(0.5, 3, size=2), size=n)
    agents = draw_agents(rng, design, n)
    nearness = -np.abs(place[:, None, None] - at)  # (agent, item, option)
    if rule == "follow":
        aim = np.exp(10 * nearness)
        aim /= aim.sum(axis=2, keepdims=True)
        w = agents.weight[:, None, None]
        p = w * aim + (1 - w) * agents.baseline
    else:
        p = agents.baseline * np.exp(KAPPA * agents.weight[:, None, None] * nearness)
    item_of_option = np.repeat(np.arange(n_items), n_options)
    answers = draw_options(p.reshape(n, -1), item_of_option, rng) - n_options * np.arange(n_items)
    conflict = 1.0 if goals == 2 else {"g0|g1": 0.5, "g1|g2": 0.5, "g0|g2": 1.0}
    return Made(table(design, np.asarray(answers), rule, conflict=conflict), line_scores(place, agents.weight))


def line_scores(place: Array, weight: Array) -> dict[str, float]:
    """Return the scores of agents at places on a line whose conflict is their distance."""
    order = np.argsort(place, kind="stable")
    x, n = place[order], len(place)

    def total(mass: Array) -> tuple[float, float]:
        """Return Σ_{i<j} mass_i mass_j |x_i − x_j| and Σ_{i<j} mass_i mass_j."""
        before, moment = np.cumsum(mass) - mass, np.cumsum(mass * x) - mass * x
        return float(mass @ (x * before - moment)), float(mass @ before)

    plain, pairs = total(np.ones(n))
    weighted, mass = total(np.sqrt(weight[order]))
    return {
        "contention": plain / pairs,
        "misalignment": weighted / pairs,
        "relative_misalignment": weighted / mass,
    }


def yes_saying(rng: np.random.Generator, n: int, rule: str) -> Made:
    """Three agents in ten, whatever their goals, take the first option with chance 0.4, in every item anew."""
    design, agents, truth = _usual(rng, n)
    answers = draw_answers(rng, design, agents, rule)
    yes = (rng.random((n, 1)) < 0.3) & (rng.random(answers.shape) < 0.4)
    return Made(table(design, np.where(yes, 0, answers), rule), truth)


def _graded(rng: np.random.Generator, n: int, rule: str, shift: float) -> Made:
    design, agents, _ = _usual(rng, n)
    pairs = [(g, h) for g in range(design.n_goals) for h in range(g + 1, design.n_goals)]
    conflict, declared = np.zeros((design.n_goals, design.n_goals)), {}
    for g, h in pairs:
        conflict[g, h] = conflict[h, g] = rng.uniform(0.2, 0.9)
        declared[f"g{g}|g{h}"] = float(conflict[g, h] + shift * rng.choice([-1, 1]))
    truth = true_scores(agents.goal, agents.weight, conflict)
    return Made(table(design, draw_answers(rng, design, agents, rule), rule, conflict=declared), truth)


def graded_control(rng: np.random.Generator, n: int, rule: str) -> Made:
    """Nothing is wrong; conflict entries lie between 0.2 and 0.9."""
    return _graded(rng, n, rule, 0.0)


def conflict_off(rng: np.random.Generator, n: int, rule: str) -> Made:
    """Conflict entries lie between 0.2 and 0.9, and each of the study's is 0.1 too high or too low."""
    return _graded(rng, n, rule, 0.1)


def _one_system(rng: np.random.Generator, n: int, rule: str, repeats: float) -> Made:
    design = draw_design(rng, goals=_goals(rng))
    people = n - round(0.3 * n)
    agents = draw_agents(rng, design, people + 1)  # the last one is the system
    chosen = np.concatenate([np.arange(people), np.full(n - people, people)])
    rows = Agents(agents.goal[chosen], agents.weight[chosen], agents.baseline)
    answers = draw_answers(rng, design, rows, rule)
    again = (rng.random(answers.shape) < repeats) & (chosen == people)[:, None]
    answers = np.where(again, answers[people], answers)
    order = rng.permutation(n)
    truth = true_scores(agents.goal, agents.weight, full_conflict(design.n_goals))
    return Made(table(design, answers[order], rule), truth)


def one_system(rng: np.random.Generator, n: int, rule: str) -> Made:
    """Three rows in ten are one AI system asked again: it repeats its answer to an item with chance 0.8."""
    return _one_system(rng, n, rule, 0.8)


def one_system_anew(rng: np.random.Generator, n: int, rule: str) -> Made:
    """Three rows in ten are one AI system asked again: with one goal and weight it answers anew every time."""
    return _one_system(rng, n, rule, 0.0)


_WANTED = "goals and weights as drawn"

WORLDS: Mapping[str, World] = {
    world.name: world
    for world in (
        World("control", "The model is right", "Nothing.", _WANTED, control),
        World(
            "one_goal_more",
            "One goal more than fitted",
            "People hold three goals; the study declares two, and options that serve the third as serving none.",
            "three goals, all in full conflict",
            one_goal_more,
        ),
        World(
            "one_goal_unheld",
            "One goal fewer: a goal nobody holds",
            "The study declares three goals; nobody holds the third.",
            "the two goals held",
            one_goal_unheld,
        ),
        World(
            "one_goal_split",
            "One goal fewer: one goal declared as two",
            "The study declares three goals in full conflict; the second and third are one, and those who hold it take"
            " the options of either alike.",
            "two goals: no conflict between those the study calls the second and the third",
            one_goal_split,
        ),
        World(
            "second_trait",
            "Items dependent: a second trait",
            "Half of the agents, whatever their goals, have other baselines than the other half, drawn anew from the"
            " prior.",
            _WANTED,
            second_trait,
        ),
        World(
            "copying",
            "Items dependent: copied answers",
            "From the second item on an answer repeats the one before (the option at the same place) with chance 0.3.",
            _WANTED,
            copying,
        ),
        World(
            "careless",
            "Careless answers at random",
            "One agent in ten answers at random, all options alike.",
            _WANTED + ", of the careless too",
            careless,
        ),
        World(
            "straight_lining",
            "Careless answers in a straight line",
            "One agent in ten takes the option at one place, drawn at random, in every item.",
            _WANTED + ", of the careless too",
            straight_lining,
        ),
        World(
            "skipping",
            "Dissenters skip more",
            "Those who hold the goal with fewest agents skip half of the items, the others one in ten.",
            _WANTED + ", over the agents with at least one answer",
            skipping,
        ),
        World(
            "continuous",
            "Continuous goals",
            "Wishes are places on a line (Beta distributed, its shape drawn), answers follow nearness; the study"
            " declares the ends as goals, or the ends and the middle with conflict 0.5 to it.",
            "conflict of two agents is their distance",
            continuous,
        ),
        World(
            "yes_saying",
            "Yes-saying",
            "Three agents in ten take the first option with chance 0.4, in every item anew; which goal it serves"
            " differs between items.",
            _WANTED,
            yes_saying,
        ),
        World(
            "graded_control",
            "The model is right, conflict graded",
            "Nothing; conflict entries lie between 0.2 and 0.9.",
            _WANTED,
            graded_control,
        ),
        World(
            "conflict_off",
            "Conflict entries off by 0.1",
            "Conflict entries lie between 0.2 and 0.9, and each of the study's is 0.1 too high or too low.",
            "conflict without the error",
            conflict_off,
        ),
        World(
            "one_system",
            "One AI system read as many agents, repeating itself",
            "Three rows in ten are one AI system asked again and again: it repeats its answer to an item with chance"
            " 0.8.",
            "the people and one more agent, the system",
            one_system,
        ),
        World(
            "one_system_anew",
            "One AI system read as many agents, answering anew",
            "Three rows in ten are one AI system asked again and again: with one goal and one weight, it draws its"
            " answers anew every time.",
            "the people and one more agent, the system",
            one_system_anew,
        ),
    )
}
"""All worlds by name; two are controls."""
