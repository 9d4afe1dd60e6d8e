"""Observed choices, checked and reduced to patterns: what every model of this package is given."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import shown
from .ballots import ballots_of, entered_ballots, once_each
from .covariates import Covariate
from .examination import Examined
from .numbers import KINDS as NUMBERS
from .numbers import Numbers, number_text, numbers_at
from .self_selection import Recorded
from .stages import Stages, order_text, orders_of, stages_at
from .study import Study

_LINES = 8  # areas, and findings, that a display lists before it counts the rest


@dataclass(frozen=True)
class Finding:
    """Something in a table that does not stop a fit but belongs beside its numbers.

    Parameters
    ----------
    code
        Short stable name, such as ``"constant-item"``.
    message
        One sentence for a reader of the result.
    state
        ``"caution"`` weakens the numbers, ``"note"`` does not.
    area
        The problem area concerned; None for the whole table.
    """

    code: str
    message: str
    state: str = "caution"
    area: str | None = None


@dataclass(frozen=True, repr=False, eq=False)
class AreaChoices:
    """The answers given in one problem area, as distinct patterns of answer counts.

    Parameters
    ----------
    name
        Name of the problem area.
    goals
        Names of its K goals.
    conflict
        Conflict between goals, (goal, goal), symmetric in [0, 1] with zero diagonal.
    rule
        Choice rule, ``"follow"`` or ``"luce"``.
    kappa
        Scale of the affinity under ``luce``; a convention.
    baseline
        ``"free"`` or ``"uniform"``.
    no_goal
        Whether an agent may hold no goal.
    area_weight
        Weight of the area in overall scores, ≥ 0.
    items
        Names of its J items.
    repeated
        Whether an agent may answer the item many times, (item,).
    options
        Labels of all O options, item after item.
    item_of_option
        Position in ``items`` of each option, (option,).
    serves
        Whether an option serves a goal, (goal, option).
    counts
        The U distinct patterns: how often each option was chosen, (pattern, option). The empty pattern (no answer
        in this area) is among them when some agent has it.
    pattern_of_agent
        Row of ``counts`` of each agent, (agent,).
    kinds
        Kind of each item, see :class:`~dissensus.datasets.study.Item`; empty when all are choices.
    objects
        The objects of each item of kind ``pairwise`` or ``best_worst``, none for others; empty when there are none.
    learned
        Whether what the goals favour in an item is learned, (item,); empty when all of it is given.
    weights
        ``"free"``, or ``"one"``: all weights are 1.
    behavioural
        Whether the conflict between goals is how far their answers differ; ``conflict`` is then 1 for all pairs.
    stages
        What stands beside ``counts``: the later choices of rankings, of best and worst, see
        :class:`~dissensus.datasets.stages.Stages`; one entry for each item that has them.
    passes
        Whether an option is passing on its item, (option,); None where nobody can.
    numbers
        Counts and durations, which stand beside ``counts`` too, see :class:`~dissensus.datasets.numbers.Numbers`; one
        entry for each such item.
    passing_means
        ``"low_weight"`` or ``"no_goal"``, see :mod:`.abstain`.
    parts
        Parts of a mixture of goals where each answer may follow another of the agent's goals; 0: one goal each.
    examined
        What it means that items are shown at places, see :mod:`.examination`; None where none is.
    ballots
        Whether an item is a ranking, or best and worst, of options that differ, see :mod:`.ballots`, (item,); empty
        when none is.
    recorded
        How the recorded answers come from those that everybody would give; None where they are the same.
    """

    name: str
    goals: tuple[str, ...]
    conflict: NDArray[np.float64]
    rule: str
    kappa: float
    baseline: str
    no_goal: bool
    area_weight: float
    items: tuple[str, ...]
    repeated: NDArray[np.bool_]
    options: tuple[str, ...]
    item_of_option: NDArray[np.int64]
    serves: NDArray[np.bool_]
    counts: NDArray[np.int64]
    pattern_of_agent: NDArray[np.int64]
    kinds: tuple[str, ...] = ()
    objects: tuple[tuple[str, ...], ...] = ()
    learned: tuple[bool, ...] = ()
    weights: str = "free"
    behavioural: bool = False
    stages: tuple[Stages, ...] = ()
    passes: NDArray[np.bool_] | None = None
    passing_means: str = "low_weight"
    numbers: tuple[Numbers, ...] = ()
    parts: int = 0
    examined: Examined | None = None
    ballots: tuple[bool, ...] = ()
    recorded: Recorded | None = None

    @property
    def is_pass(self) -> NDArray[np.bool_]:
        """Whether an option is passing, (option,)."""
        return np.zeros(len(self.options), dtype=bool) if self.passes is None else self.passes

    @property
    def tells_weights(self) -> bool:
        """Whether someone says how important the area is, or passes or answers where that tells the weight."""
        tells = ~self.states_goals[self.item_of_option]
        if self.passing_means == "low_weight":
            tells |= np.isin(self.item_of_option, self.item_of_option[self.is_pass])
        return bool(self.counts[:, tells].any())

    @property
    def later_answers(self) -> NDArray[np.int64]:
        """Number of choices in each pattern that are not among its counts, (pattern,)."""
        n = len(self.counts)
        held = [one.per_pattern(n) for one in self.stages] + [one.per_pattern(n) for one in self.numbers]
        return sum(held, np.zeros(n, dtype=np.int64))

    @property
    def states_goals(self) -> NDArray[np.bool_]:
        """Whether answers to an item can say which goal an agent holds: not those of stated importance, (item,)."""
        return np.array([kind != "importance" for kind in self.item_kinds], dtype=bool)

    @property
    def goal_answers(self) -> NDArray[np.int64]:
        """Number of answers in each pattern that can say which goal an agent holds, as in ``n_answers``, (pattern,)."""
        says = self.states_goals[self.item_of_option] & ~self.is_pass
        return self.counts @ says.astype(np.int64) + self.later_answers

    @property
    def n_answers(self) -> NDArray[np.int64]:
        """Number of answers in each pattern, each choice of a ranking one, (pattern,)."""
        return self.counts.sum(axis=1) + self.later_answers

    @property
    def item_answers(self) -> NDArray[np.int64]:
        """Number of answers to each item in each pattern, (pattern, item)."""
        totals = np.zeros((len(self.counts), len(self.items)), dtype=np.int64)
        np.add.at(totals.T, self.item_of_option, self.counts.T)
        return totals

    @property
    def item_kinds(self) -> tuple[str, ...]:
        """Kind of each item, (item,): ``kinds``, spelt out where all are choices."""
        return self.kinds or ("choice",) * len(self.items)

    @property
    def item_learned(self) -> NDArray[np.bool_]:
        """Whether what the goals favour in an item is learned, (item,): ``learned``, spelt out where nothing is."""
        return np.array(self.learned or (False,) * len(self.items), dtype=bool)

    @property
    def has_sets(self) -> NDArray[np.bool_]:
        """Whether an item is asked with options that differ, and so has no ``counts``, (item,)."""
        return self.has_situations | self.has_ballots

    @property
    def has_situations(self) -> NDArray[np.bool_]:
        """Whether an item is asked in situations, (item,)."""
        return np.array([kind == "situation" for kind in self.item_kinds], dtype=bool)

    @property
    def has_ballots(self) -> NDArray[np.bool_]:
        """Whether an item is answered by ballots whose options differ, (item,): ``ballots``, spelt out."""
        return np.array(self.ballots or (False,) * len(self.items), dtype=bool)

    @property
    def has_numbers(self) -> NDArray[np.bool_]:
        """Whether answers to an item are numbers, and so none of its options, (item,)."""
        return np.array([kind in NUMBERS for kind in self.kinds or ("",) * len(self.items)], dtype=bool)

    @property
    def answered(self) -> NDArray[np.bool_]:
        """Whether a pattern answers an item, (pattern, item)."""
        answered = self.item_answers > 0
        for stages in self.stages:
            answered[stages.pattern, stages.item] = True
        for numbers in self.numbers:
            answered[numbers.pattern, numbers.item] = True
        return answered

    @property
    def chosen(self) -> NDArray[np.int64]:
        """Number of times that agents chose each option, of rankings first, of ballots at any place, (option,)."""
        return self._chosen(self.has_sets)

    @property
    def named(self) -> NDArray[np.int64]:
        """The same, but of rankings, best and worst at any place too: as best, as worst, or before what is left."""
        return self._chosen(np.ones(len(self.items), dtype=bool), worst=True)

    def _chosen(self, items: NDArray[np.bool_], *, worst: bool = False) -> NDArray[np.int64]:
        agents = self.n_agents_of_pattern
        chosen = agents @ self.counts
        for stages in self.stages:
            if items[stages.item]:
                first = np.flatnonzero(self.item_of_option == stages.item)[0]
                picked = stages.shown[np.arange(len(stages.chosen)), stages.chosen]
                times = np.where(stages.worst[stages.stage] & (not worst), 0, stages.times)
                np.add.at(chosen, first + picked[stages.stage], times * agents[stages.pattern])
        return chosen

    @property
    def n_agents_of_pattern(self) -> NDArray[np.int64]:
        """Number of agents with each pattern, (pattern,)."""
        return np.bincount(self.pattern_of_agent, minlength=len(self.counts))

    @property
    def missing_share(self) -> NDArray[np.float64]:
        """Share of agents without an answer to each item, (item,)."""
        answered = self.n_agents_of_pattern @ self.answered
        return 1.0 - answered / max(1, len(self.pattern_of_agent))

    def answer(self, item: int) -> NDArray[np.int64]:
        """Return the answer of each pattern to a one-answer item, as position in its options, −1 for none.

        Parameters
        ----------
        item
            Position in ``items``.
        """
        own = self.counts[:, self.item_of_option == item]
        return np.where(own.any(axis=1), own.argmax(axis=1), -1)

    def order(self, item: int) -> NDArray[np.int64]:
        """Return the ranking of each pattern, (pattern, place), as positions in its options, −1 after the last.

        For the best and the worst option those are the first two places; for other items there is one. Of ballots
        whose options differ, which an agent may give several of, there is none: see :mod:`.ballots`.

        Parameters
        ----------
        item
            Position in ``items``.
        """
        for stages in self.stages:
            if stages.item == item and not self.has_sets[item]:
                return orders_of(stages, self.answer(item), int((self.item_of_option == item).sum()))
        return self.answer(item)[:, None]

    def options_of(self, item: int) -> tuple[str, ...]:
        """Return the labels of the options of an item, given its position in ``items``."""
        return tuple(self.options[option] for option in np.flatnonzero(self.item_of_option == item))

    def __repr__(self) -> str:
        return f"AreaChoices({_described(self)})"


@dataclass(frozen=True)
class Truth:
    """What simulated agents really hold.

    Parameters
    ----------
    goals
        Goal of each agent in each area, None for no goal, (agent, area).
    weights
        Weight of each agent in each area, in [0, 1], (agent, area).
    parameters
        The parameters they were drawn from, by area and name.
    memberships
        By area where agents may follow several goals, the share of each goal in each agent's mixture, (agent, goal),
        all 0 for no goal. ``goals`` then holds the one of the largest share, the first of them.
    """

    goals: pd.DataFrame
    weights: pd.DataFrame
    parameters: Mapping[str, Mapping[str, NDArray[np.float64]]]
    memberships: Mapping[str, pd.DataFrame] = field(default_factory=dict)


@dataclass(frozen=True, repr=False, eq=False)
class Choices:
    """A validated table of answers; made by :func:`read_table`, :func:`load` or :func:`simulate`, never by hand.

    Parameters
    ----------
    study
        The study the table was read with.
    agents
        Labels of the n agents who answered at least one item, (agent,). Text.
    groups
        Names of the H groups; empty when the study names none.
    group_of_agent
        Position in ``groups`` of each agent, −1 for an agent in no group, (agent,).
    survey_weight
        Survey weight of each agent as read, positive, (agent,); None when the study names no such column.
    areas
        The answers, one entry per problem area.
    findings
        What the reader of the table noticed.
    source
        Where the table came from, for messages and the result.
    data_hash
        SHA-256 over agents, groups, survey weights, areas, options and answers.
    truth
        For simulated choices, what the agents really hold.
    covariates
        What goals and weights depend on beside the group, with a value of each agent. Where the study names periods,
        those are the groups.
    """

    study: Study
    agents: NDArray[np.object_]
    groups: tuple[str, ...]
    group_of_agent: NDArray[np.int64]
    survey_weight: NDArray[np.float64] | None
    areas: tuple[AreaChoices, ...]
    findings: tuple[Finding, ...] = ()
    source: str = "memory"
    data_hash: str = ""
    truth: Truth | None = field(default=None)
    covariates: tuple[Covariate, ...] = ()

    @property
    def n_agents(self) -> int:
        """Number of agents with at least one answer."""
        return len(self.agents)

    @property
    def fit_weight(self) -> NDArray[np.float64] | None:
        """Survey weights scaled once to Kish's effective number of agents, (agent,), or None without weights."""
        if self.survey_weight is None:
            return None
        w = self.survey_weight
        return np.asarray(w * (w.sum() / np.square(w).sum()))

    def area(self, name: str) -> AreaChoices:
        """Return the area called ``name``.

        Raises
        ------
        KeyError
            If there is no such area.
        """
        for area in self.areas:
            if area.name == name:
                return area
        raise KeyError(name)

    def to_frame(self, *, layout: Literal["wide", "long"] = "wide") -> pd.DataFrame:
        """Return the answers as a table of text.

        Parameters
        ----------
        layout
            ``"wide"``: one row per agent and a column per item, missing for no answer. ``"long"``: one row per agent,
            item and option chosen, with the number of times. A ranking is one text, best first;
            of situations the long table says what was chosen, not what was shown.

        Returns
        -------
        DataFrame
            Beside the answers: ``agent``, ``group`` when there are groups, ``survey_weight`` when there are weights.

        Raises
        ------
        ValueError
            If ``layout`` is neither, or a wide table is asked for and an item is answered many times.
        """
        if layout == "wide":
            several = [area.repeated | area.has_situations for area in self.areas]
            names = [np.array(area.items, dtype=object) for area in self.areas]
            repeated = [item for many, own in zip(several, names, strict=True) for item in own[many]]
            if repeated:
                raise ValueError(f"item {repeated[0]!r} is answered many times: ask for layout='long'")
            columns = self._agent_columns(np.arange(self.n_agents))
            for area in self.areas:
                for place, item in enumerate(area.items):
                    ranked = self._ranked(area, place)
                    labels = np.array([*area.options_of(place), None], dtype=object)
                    answer = labels[area.answer(place)] if ranked is None else ranked
                    columns[item] = answer[area.pattern_of_agent]
                for numbers in area.numbers:
                    columns[area.items[numbers.item]] = _number_column(area, numbers)
            return pd.DataFrame(columns)
        if layout != "long":
            raise ValueError(f"'layout' is {layout!r}: give 'wide' or 'long'")
        parts = []
        for area in self.areas:
            agent, option = np.nonzero(area.counts[area.pattern_of_agent])
            rows = self._agent_columns(agent)
            rows["area"] = np.full(len(agent), area.name, dtype=object)
            rows["item"] = np.array(area.items, dtype=object)[area.item_of_option[option]]
            rows["answer"] = np.array(area.options, dtype=object)[option]
            for place in range(len(area.items)):
                ranked, mine = self._ranked(area, place), area.item_of_option[option] == place
                if ranked is not None:
                    rows["answer"][mine] = ranked[area.pattern_of_agent[agent[mine]]]
            rows["times"] = area.counts[area.pattern_of_agent[agent], option]
            parts.append(pd.DataFrame(rows))
            parts += [self._situation_rows(area, one) for one in area.stages if area.has_situations[one.item]]
            parts += [self._ballot_rows(area, one) for one in area.stages if area.has_ballots[one.item]]
            parts += [self._number_rows(area, numbers) for numbers in area.numbers]
        return pd.concat(parts, ignore_index=True)

    def _situation_rows(self, area: AreaChoices, stages: Stages) -> pd.DataFrame:
        """Return what agents chose in situations, and how often, in the form of a long table."""
        held = stages_at(stages, area.pattern_of_agent)
        picked = stages.shown[np.arange(len(stages.chosen)), stages.chosen][held.stage]
        columns: dict[str, NDArray[np.generic]] = self._agent_columns(held.pattern)
        columns["area"] = np.full(len(picked), area.name, dtype=object)
        columns["item"] = np.full(len(picked), area.items[stages.item], dtype=object)
        columns["answer"] = np.array(area.options_of(stages.item), dtype=object)[picked]
        columns["times"] = held.times
        return pd.DataFrame(columns)

    def _ballot_rows(self, area: AreaChoices, stages: Stages) -> pd.DataFrame:
        """Return the ballots of agents in the form of a long table, each best first."""
        item = self.study.area(area.name).items[stages.item]
        held = entered_ballots(stages, item, area.pattern_of_agent)
        columns: dict[str, NDArray[np.generic]] = self._agent_columns(held.agent)
        columns["area"] = np.full(len(held.agent), area.name, dtype=object)
        columns["item"] = np.full(len(held.agent), item.name, dtype=object)
        columns["answer"] = order_text(item, held.order)
        columns["times"] = held.times
        return pd.DataFrame(columns)

    def _number_rows(self, area: AreaChoices, numbers: Numbers) -> pd.DataFrame:
        """Return the numbers of agents, and how often each, in the form of a long table."""
        held = numbers_at(numbers, area.pattern_of_agent)
        columns: dict[str, NDArray[np.generic]] = self._agent_columns(held.pattern)
        columns["area"] = np.full(len(held.which), area.name, dtype=object)
        columns["item"] = np.full(len(held.which), area.items[numbers.item], dtype=object)
        columns["answer"] = np.array([number_text(value) for value in numbers.value.tolist()], dtype=object)[held.which]
        columns["times"] = held.times
        return pd.DataFrame(columns)

    def _ranked(self, area: AreaChoices, place: int) -> NDArray[np.object_] | None:
        """Return the answer of each pattern to an item as text, best first; None where it is one option."""
        item = self.study.area(area.name).items[place]
        if item.in_ballots and not item.repeated:
            stages = next(one for one in area.stages if one.item == place)
            return order_text(item, once_each(ballots_of(stages, item), len(area.counts)).order)
        return order_text(item, area.order(place)) if item.in_stages and not item.in_ballots else None

    def _agent_columns(self, rows: NDArray[np.int64]) -> dict[str, NDArray[np.generic]]:
        columns: dict[str, NDArray[np.generic]] = {"agent": self.agents[rows]}
        if self.groups:
            columns["group"] = np.array([*self.groups, None], dtype=object)[self.group_of_agent[rows]]
        if self.survey_weight is not None:
            columns["survey_weight"] = self.survey_weight[rows]
        return columns

    def __repr__(self) -> str:
        size = f"{self.n_agents:,} agents, {_counted(len(self.areas), 'problem area')}"
        lines = [f"Choices from {_plain(self.source, 200)}: {size}"]
        if self.groups:
            sizes = np.bincount(self.group_of_agent[self.group_of_agent >= 0], minlength=len(self.groups))
            each = [f"{_plain(name)} {size:,}" for name, size in zip(self.groups, sizes, strict=True)]
            outside = int((self.group_of_agent < 0).sum())
            word = "groups" if self.study.table.period is None else "periods"
            lines.append(f"  {word}: {_some(each)}" + (f"; in none {outside:,}" if outside else ""))
        if self.covariates:
            each = [
                f"{_plain(one.name)} ({'a number' if one.numeric else _counted(len(one.levels), 'level')})"
                for one in self.covariates
            ]
            lines.append(f"  goals and weights depend on: {_some(each)}")
        if self.fit_weight is not None:
            lines.append(f"  survey weights: as good as {self.fit_weight.sum():,.0f} agents of equal weight (Kish)")
        lines += [f"  {_described(area)}" for area in self.areas[:_LINES]]
        if len(self.areas) > _LINES:
            lines.append(f"  … and {len(self.areas) - _LINES:,} more areas")
        ordered = sorted(self.findings, key=lambda finding: finding.state != "caution")
        for finding in ordered[:_LINES]:
            where = "" if finding.area is None else f" ({_plain(finding.area)})"
            lines.append(f"  {finding.state}{where}: {_plain(finding.message, 300)}")
        if len(ordered) > _LINES:
            lines.append(f"  … and {len(ordered) - _LINES:,} more in .findings")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"


def _number_column(area: AreaChoices, numbers: Numbers) -> NDArray[np.float64]:
    """Return the number of each agent, NaN for none, (agent,)."""
    value = np.full(len(area.counts), np.nan)
    value[numbers.pattern] = numbers.value[numbers.which]
    return np.asarray(value[area.pattern_of_agent])


def _described(area: AreaChoices) -> str:
    """Return one line on an area."""
    sizes = np.unique(np.bincount(area.item_of_option))
    n_options = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]}–{sizes[-1]}"
    items = f"{_counted(len(area.items), 'item')} of {n_options} options"
    if area.has_numbers.any():
        items = f"{_counted(len(area.items), 'item')}, {int(area.has_numbers.sum())} of numbers"
    if area.repeated.any() or area.has_sets.any():
        answers = int(area.n_agents_of_pattern @ area.n_answers)
        items += f", {answers:,} answers"
    else:
        items += f", {area.missing_share.mean():.1%} missing"
    patterns = _counted(len(area.counts), "pattern")
    return f"{_plain(area.name)}: goals {_some(map(_plain, area.goals), 5)}; {items}; {patterns}; {area.rule}"


def _plain(text: str, most: int = 60) -> str:
    """Return a label as it may be displayed: control and direction characters escaped, cut when long."""
    parts = [shown(text[start : start + 60])[1:-1] for start in range(0, min(len(text), most), 60)]
    return "".join(parts) + ("…" if len(text) > most else "")


def _some(texts: Iterable[str], most: int = 8) -> str:
    everything = list(texts)
    more = f" and {len(everything) - most:,} more" if len(everything) > most else ""
    return ", ".join(everything[:most]) + more


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
