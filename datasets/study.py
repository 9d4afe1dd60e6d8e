"""The study file: what a table means, which goals its answers may serve, and how far the goals conflict."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from .abstain import Abstain
from .covariate_study import CovariateColumn
from .dependence import Dependence
from .examination import Examination
from .log_study import Log
from .numbers import KINDS as NUMBERS
from .self_selection import Selection
from .stated import Stated
from .study_part import Part, Text, Texts
from .uncertain_conflict import BEHAVIOURAL, mean_conflict

MAX_LABEL = 1_000
"""Characters in one label; ``label`` in ``[table.limits]`` raises it."""
MAX_COLUMNS = 5_000
"""Columns of a table; ``columns`` in ``[table.limits]`` raises it."""
MAX_OPTIONS = 10_000
"""Options of a study; ``options`` in ``[table.limits]`` raises it."""
MAX_GOALS = 200
"""Goals of an area; ``goals`` in ``[table.limits]`` raises it."""
MAX_AREAS = 1_000
"""Areas of a study; ``areas`` in ``[table.limits]`` raises it."""
MAX_VALUES = 100_000
"""Keys and entries of lists in a study; ``values`` in ``[table.limits]`` raises it."""
MAX_BYTES = 8_000_000_000
"""Size of a table once decompressed; ``bytes`` in ``[table.limits]`` raises it."""
MAX_RATIO = 200
"""How often the size on disk a table may have in memory; ``ratio`` in ``[table.limits]`` raises it."""
DEFAULT_PARTS = {2: 12, 3: 6, 4: 6}
"""Parts of a mixture of so many goals: 13, 28 and 84 mixtures."""
MAX_STUDY_BYTES = 1_000_000
"""Size of a study file; the text given to :meth:`Study.from_text` has no limit."""
MAX_DEPTH = 32
"""Tables within tables of a study; none of its keys stands deeper than 6."""

Size = Annotated[int, Field(gt=0)]
Positive = Annotated[float, Field(gt=0)]
Pair = Annotated[tuple[Positive, Positive], Field(strict=False)]
Kind = Literal["choice", "ordinal", "pairwise", "importance", "ranking", "best_worst", "situation", "count", "duration"]
Entry = float | tuple[float, float] | str
"""A number from 0 to 1, a range, or ``"beta(a, b)"``."""
View = Entry | dict[str, Entry] | tuple[tuple[Entry, ...], ...]
"""One entry for all pairs, the pairs, or the matrix."""
Conflict = View | dict[str, tuple[View, ...]]


class Limits(Part):
    """Sizes above which a table is refused: ``[table.limits]``.

    Parameters
    ----------
    label, columns
        Characters in one label, columns of the table.
    areas, goals, options, values
        Areas of the study, goals of an area, options of the study, keys and entries of lists in the study.
    bytes, ratio
        Size of the table once decompressed; the same divided by its size on disk, looked at above 64 MiB.
    """

    label: Size = MAX_LABEL
    columns: Size = MAX_COLUMNS
    areas: Size = MAX_AREAS
    goals: Size = MAX_GOALS
    options: Size = MAX_OPTIONS
    values: Size = MAX_VALUES
    bytes: Size = MAX_BYTES
    ratio: Size = MAX_RATIO


class Table(Part):
    """How the table of answers is laid out: ``[table]``.

    Parameters
    ----------
    layout
        ``"wide"``, one row per agent, or ``"long"``, one row per answer. For items of kind ``situation``
        ``"situations"``, one row per choice situation, or ``"alternatives"``, one row for each option shown in one;
        what other items ask must be answered alike in all rows of an agent there. ``"judgements"``, one row for each
        comparison of two of the objects that an item of kind ``pairwise`` lists.
    agent, group, survey_weight
        Names of columns; without ``agent`` every row of a wide table is an agent.
    item, answer
        Names of columns of a long table; of judgements what tells items apart, if there are several, and who won.
    first, second
        Names of the columns of judgements that hold the objects compared.
    first_wins, second_wins, ties
        Codes of the answer to a judgement; the name of the object that won needs none.
    situation
        Name of the column that tells situations apart, in the layout ``"alternatives"``.
    times
        Name of the column that says how often: in a wide table without ``agent``, how many agents a row stands for (a
        published table of counts); in a long one, how often the agent gave the answer, to a repeated item.
    missing
        Codes that mean "no answer", and "no group" in the group column. An empty cell is no answer too, unless the
        item declares an option ``""``.
    group_missing
        ``"error"``, or ``"overall_only"``: agents without a group count overall, in no group.
    on_duplicate
        What two answers of one agent to one item are: an ``"error"``; ``"keep_one"`` when they are the same, an error
        otherwise; ``"keep_last"`` takes the later row of the table.
    delimiter
        Character between fields; None for a tab in ``.tsv`` and ``.tab`` files, otherwise a comma.
    decimal, thousands
        Marks in survey weights.
    systems
        Names of groups that are AI systems or other machines, not people: they are shown however few they are.
    groups
        Merged groups, name → codes of the group column. Codes not listed are as ``group_missing`` says.
    depends_on
        Columns about agents that goal shares and weights depend on, in all areas.
    covariates
        What these columns hold, by name, where their labels do not say.
    covariate_missing
        What an agent is without a value in one of them: an ``"error"``, or of a ``"level"`` of its own.
    period
        Name of the column that says when the agents were asked. Periods take the place of groups, with goal shares and
        weights that follow a random walk over them; an agent asked in two periods is two agents.
    periods
        All periods in order, also those without agents; empty for those of the table, in the order of their labels.
    limits
        Sizes above which a table is refused.
    """

    layout: Literal["wide", "long", "situations", "alternatives", "judgements"] = "wide"
    agent: Text | None = None
    group: Text | None = None
    survey_weight: Text | None = None
    item: Text | None = None
    answer: Text | None = None
    first: Text | None = None
    second: Text | None = None
    first_wins: Texts = ()
    second_wins: Texts = ()
    ties: Texts = ()
    situation: Text | None = None
    times: Text | None = None
    missing: Texts = ("",)
    group_missing: Literal["error", "overall_only"] = "error"
    on_duplicate: Literal["error", "keep_one", "keep_last"] = "error"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ",", ".", " ", "'"] = ""
    systems: Texts = ()
    groups: dict[Text, Texts] = Field(default_factory=dict)
    depends_on: Texts = ()
    covariates: dict[Text, CovariateColumn] = Field(default_factory=dict)
    covariate_missing: Literal["error", "level"] = "error"
    period: Text | None = None
    periods: Texts = ()
    limits: Limits = Limits()

    @property
    def of_situations(self) -> bool:
        """Whether an agent has as many rows as it makes choices."""
        return self.layout in {"situations", "alternatives"}

    @property
    def rule_of_duplicates(self) -> str:
        """What two answers of one agent to one item are; where it has many rows, equal ones are one answer."""
        return "keep_one" if self.of_situations else self.on_duplicate


class Feature(Part):
    """A feature of the options of an item of kind ``situation``: ``[areas.X.items.Y.features.Z]``.

    Its coefficient β says how much the utility of an option grows with ``per`` units of it.

    Parameters
    ----------
    column
        Column that holds it: in the layout ``"alternatives"`` for the option of the row, in ``"situations"`` for the
        options named by ``only`` (a property of the situation or the agent).
    columns
        In the layout ``"situations"`` the column of each option, option → column; 0 for others.
    only
        The options that have the feature, 0 for others; empty for all.
    per
        The unit of the coefficient, to which its prior refers: with ``per = 100`` the utility per 100.
    """

    column: Text | None = None
    columns: dict[Text, Text] = Field(default_factory=dict)
    only: Texts = ()
    per: Positive = 1.0


class Item(Part):
    """One question, statement or choice situation: ``[areas.X.items.Y]``.

    Parameters
    ----------
    name
        Name of the item, unique over the study.
    column
        Its column in a wide table, or its value in the item column of a long one.
    serves
        The goals each option serves, option → goals; the order is that of the options.
    repeated
        Whether an agent may answer many times. An agent who ranks often has a row for each ranking, in a long table or
        in the layout ``"situations"``.
    kind
        ``"choice"``: one of the options, by the choice rule of the area. ``"ordinal"``: levels of a scale, from lowest
        to highest. ``"pairwise"``: one of two objects, or a tie, the third option. ``"importance"``: levels of stated
        importance, from least to most, which serve no goal. ``"ranking"``: the options in order of preference, all or
        the best of them. ``"best_worst"``: the most and the least attractive of the options, which other items may
        show in other sets. ``"situation"``: many choices from sets of options that differ, by the rule ``luce``.
        ``"count"`` and ``"duration"``: numbers, which ``raises`` and ``lowers`` the goals listed there; they are stored
        as what ``more`` and ``less`` serve.
    objects
        For ``"pairwise"`` the names of the two objects compared, which may be compared with others in other items; by
        default the labels of the first two options.
    ranks
        For ``"ranking"`` in a wide table the column that holds each option's rank, option → column; 1 is the best, a
        missing code means not ranked. Without it and ``places`` the item's column holds the options in order.
    places
        For ``"ranking"`` in a wide table the columns that hold the option at the first place, the second, and so on;
        for ``"best_worst"`` those that hold the best and the worst.
    separator
        What stands between the options in the item's column, for ``"ranking"`` and ``"best_worst"``.
    top
        For ``"ranking"`` the number of places that were asked for; None for all.
    ties
        For ``"ranking"`` with ``ranks`` what options of equal rank are: an ``"error"``; ``"cut"`` ends the ranking
        before them; ``"order"`` takes them in the order of the study.
    available
        For ``"situation"`` in the layout ``"situations"``, for ``"ranking"`` and ``"best_worst"`` also in a wide table,
        the column that says whether an option can be chosen (1) or not (0), option → column; those not named always
        can.
    offered
        For ``"ranking"`` which options were there to be ranked, besides what ``available`` says: ``"all"``, or
        ``"ranked"``, those in the answer and no others.
    alternative
        For ``"situation"`` in the layout ``"alternatives"`` the column that names the option of the row; ``column``
        then holds 1 for the one chosen, else 0.
    features
        For ``"situation"`` the features of the options, by name.
    passes
        Codes that mean passing, see :mod:`dissensus.datasets.abstain`; the first is the last option. By default those
        of ``[areas.X.abstain]``; empty where nobody can pass.
    exposure
        For ``"count"`` the column that says how long, or among how many, it was counted.
    stated
        For ``"importance"`` the form in which it is stated; None for levels.
    place
        The place at which it is shown, see :mod:`dissensus.datasets.examination`; None where it is in full view.
    shown
        What is shown there, the same for items that are one at several places; by default the item's name.
    at_random_of
        The item of the area that it asks of what was shown at random, not picked; see
        :mod:`dissensus.datasets.self_selection`.
    """

    name: Text
    column: Text
    serves: dict[str, Texts]
    repeated: bool = False
    kind: Kind = "choice"
    objects: Texts = ()
    ranks: dict[Text, Text] = Field(default_factory=dict)
    places: Texts = ()
    separator: Text = ">"
    top: Size | None = None
    ties: Literal["error", "cut", "order"] = "error"
    available: dict[Text, Text] = Field(default_factory=dict)
    offered: Literal["all", "ranked"] = "all"
    alternative: Text | None = None
    features: dict[Text, Feature] = Field(default_factory=dict)
    passes: Texts = ()
    stated: Stated | None = None
    exposure: Text | None = None
    place: Text | None = None
    shown: Text | None = None
    at_random_of: Text | None = None

    @property
    def asked(self) -> str:
        """What tells it from others where places are told apart from it: what it shows, or its column."""
        return self.shown or self.column

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of a table, unless it is long, that hold its answers."""
        return tuple(self.ranks.values()) or self.places or (self.column,)

    @property
    def other_columns(self) -> tuple[str, ...]:
        """Columns about what was shown, which several items may read."""
        read = [*self.available.values(), *([self.alternative] if self.alternative else [])]
        read += [self.exposure] if self.exposure else []
        for feature in self.features.values():
            read += [*([feature.column] if feature.column else []), *feature.columns.values()]
        return tuple(dict.fromkeys(read))

    @property
    def n_places(self) -> int:
        """Largest number of options that one answer names: 1, or 2 for best and worst, or the length of a ranking."""
        if self.kind == "ranking":
            return min(self.top or len(self.serves), len(self.serves))
        return 2 if self.kind == "best_worst" else 1

    @property
    def is_number(self) -> bool:
        """Whether an answer is a number."""
        return self.kind in NUMBERS

    @property
    def in_stages(self) -> bool:
        """Whether an answer is a first choice and then choices from what is left."""
        return self.kind in {"ranking", "best_worst"}

    @property
    def in_ballots(self) -> bool:
        """Whether what an agent ranks is not all options once, so that its first choices differ in what was there."""
        return self.in_stages and (self.repeated or bool(self.available) or self.offered == "ranked")

    @property
    def options(self) -> tuple[str, ...]:
        """Labels of the options, (option,)."""
        return tuple(self.serves)

    @property
    def n_answers(self) -> int:
        """Number of options but passing."""
        return len(self.serves) - bool(self.passes)

    @property
    def compared(self) -> tuple[str, ...]:
        """The objects whose strengths are shared with other items: two, or all options of best and worst; else none."""
        if self.kind == "best_worst":
            return self.options
        return () if self.kind != "pairwise" else self.objects or self.options[:2]


class Area(Part):
    """One problem area: ``[areas.X]``.

    Parameters
    ----------
    name
        Name of the area.
    goals
        Names of its K goals.
    conflict
        As written: one number for all pairs, ``{"a|b": number}``, or the full matrix in the order of ``goals``. For a
        number may stand a range ``[0.2, 0.6]`` or ``"beta(2, 5)"``, and for the whole ``{"experts": [...]}``. Of
        learned goals ``"behavioural"``: how far their answers differ, see :mod:`dissensus.inference.learned_conflict`.
    rule, kappa, baseline, no_goal
        The model of the answers, see :func:`dissensus.inference.build_model`.
    learned
        Whether what a goal favours is learned, in items none of whose options serves a goal; the options of the others
        are anchors. A file says so by ``goals = 3`` (their number) or by ``learned = true`` beside their names.
    weights
        ``"free"``, or ``"one"``: all weights are 1 (latent classes), by default where goals are learned and the area
        neither asks how important it is nor has anchors.
    several
        Whether each answer may follow another of the agent's goals, a mixture of them in whole parts.
    parts
        Number of those parts; by default 12 for two goals, 6 for three or four.
    area_weight
        Weight of the area in overall scores, ≥ 0.
    abstain
        What passing means; None where it is no answer.
    examination
        How likely items at places are looked at; None where all are in full view.
    selection
        By what odds answers are recorded; None where none is likelier to be than another.
    items
        Its J items.
    """

    name: Text
    goals: Annotated[tuple[Text, ...], Field(strict=False)]
    conflict: Conflict = 1.0
    rule: Literal["follow", "luce"] = "follow"
    kappa: Positive = 3.0
    baseline: Literal["free", "uniform"] = "free"
    no_goal: bool = False
    area_weight: Annotated[float, Field(ge=0)] = 1.0
    learned: bool = False
    weights: Literal["free", "one"] = "free"
    abstain: Abstain | None = None
    examination: Examination | None = None
    several: bool = False
    parts: Size | None = None
    selection: Selection | None = None
    items: tuple[Item, ...] = ()

    @property
    def behavioural(self) -> bool:
        """Whether the conflict between goals is how far their answers differ."""
        return self.conflict == BEHAVIOURAL

    @property
    def conflict_matrix(self) -> NDArray[np.float64]:
        """Conflict between goals, (goal, goal), symmetric in [0, 1] with zero diagonal; its mean where uncertain.

        Where it is behavioural, and so known from a fit only, the largest it can be: 1 for all pairs.
        """
        conflict = 1.0 if self.behavioural else self.conflict
        return mean_conflict(self.goals, conflict, area=self.name)

    @property
    def mixture_parts(self) -> int:
        """Parts of a mixture of goals; 0 where an agent holds one goal."""
        return (self.parts or DEFAULT_PARTS.get(len(self.goals), 1)) if self.several else 0

    @property
    def learned_items(self) -> tuple[bool, ...]:
        """Whether what the goals favour in an item is learned, (item,); empty when all of it is given."""
        learned = tuple(
            self.learned and item.kind != "importance" and not any(item.serves.values()) for item in self.items
        )
        return learned if any(learned) else ()

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kind of each item; empty when all are choices."""
        kinds = tuple(item.kind for item in self.items)
        return () if set(kinds) <= {"choice"} else kinds

    @property
    def ballots(self) -> tuple[bool, ...]:
        """Whether an item is answered by ballots whose options differ, (item,); empty when none is."""
        found = tuple(item.in_ballots for item in self.items)
        return found if any(found) else ()

    @property
    def objects(self) -> tuple[tuple[str, ...], ...]:
        """The objects of each item whose strengths are shared, none for most kinds; empty when no item has any."""
        compared = tuple(item.compared for item in self.items)
        return compared if any(compared) else ()

    @property
    def options(self) -> tuple[str, ...]:
        """Labels of all O options, item after item, (option,)."""
        return tuple(option for item in self.items for option in item.serves)

    @property
    def serves_matrix(self) -> NDArray[np.bool_]:
        """Whether an option serves a goal, (goal, option)."""
        served = [goals for item in self.items for goals in item.serves.values()]
        return np.array([[goal in goals for goals in served] for goal in self.goals], dtype=bool)


class Priors(Part):
    """Default priors of the generative model: ``[priors]``, and ``build_model(priors=...)``.

    Parameters
    ----------
    goal_share
        Concentration of the symmetric Dirichlet of goal shares.
    weight_mean
        Beta of the mean weight m.
    weight_concentration
        Gamma (shape, rate) of the concentration of weights about m.
    baseline_sd
        Standard deviation of the zero-sum baseline logits, per item.
    group_sd
        Standard deviation of a group's deviation of goal logits and of the logit of m.
    covariate_sd
        Standard deviation of the effect of a covariate on the goal logits (zero-sum over goals) and on the logit of m:
        per standard deviation of a number, of each level of a categorical column (zero-sum over levels).
    period_sd
        Standard deviation of the step from a period to the next, of goal logits (zero-sum) and of the logit of m.
    importance_scale
        Median and standard deviation of the logarithm of the scale λ of stated importance (log-normal).
    affinity_sd
        Standard deviation of the zero-sum logits by which a learned goal favours the options of an item.
    taste_sd
        Standard deviation of the coefficients β of the features of options, per unit of the feature as the study
        scales it (normal, mean 0).
    pass_share
        Median share of those of weight ½ (or as like to have a goal as not) who pass on an item, and standard
        deviation of its logit (normal).
    pass_scale
        Median and standard deviation of the logarithm of the scale λ of passing (log-normal).
    count_rate, duration_median
        Median and standard deviation of the logarithm of the mean count per unit of exposure, and of the median
        duration, of an agent whom no goal moves (log-normal), in the units of the table.
    count_dispersion, duration_spread
        The same of the dispersion φ of a count, whose variance is mean + φ·mean², and of the standard deviation σ of
        the logarithm of a duration (log-normal).
    goal_mixing
        Beta of the mixing r of agents with several goals: 0 is one goal each, 1 the most that the parts allow.
    examination
        η and standard deviation: the logit of the learned examination probability of the k-th place is normal about
        that of k^(−η).
    type_share
        Concentration of the symmetric Dirichlet of the shares of types of agents.
    type_sd
        Standard deviation of the leanings of types to goals: log odds, zero-sum over types and over goals.
    """

    goal_share: Positive = 1.0
    weight_mean: Pair = (2.0, 2.0)
    weight_concentration: Pair = (4.0, 1.0)
    baseline_sd: Positive = 1.0
    group_sd: Positive = 0.5
    covariate_sd: Positive = 0.5
    period_sd: Positive = 0.3
    importance_scale: Pair = (4.0, 0.5)
    affinity_sd: Positive = 1.5
    taste_sd: Positive = 1.0
    pass_share: Annotated[tuple[Annotated[float, Field(gt=0, lt=1)], Positive], Field(strict=False)] = (0.1, 1.5)
    pass_scale: Pair = (2.0, 0.5)
    count_rate: Pair = (3.0, 2.0)
    count_dispersion: Pair = (0.5, 1.0)
    duration_median: Pair = (30.0, 2.0)
    duration_spread: Pair = (0.75, 0.5)
    goal_mixing: Pair = (1.0, 1.0)
    examination: Pair = (1.0, 1.0)
    type_share: Positive = 2.0
    type_sd: Positive = 2.0


class Study(Part):
    """What a table of answers means; read from a file, never built by hand.

    Parameters
    ----------
    title
        Title for tables and figures.
    table
        How the table is laid out.
    areas
        The problem areas.
    priors
        Priors of the generative model.
    log
        How a log of events is laid out and read; None where the study is about a table.
    dependence
        How areas depend on each other; None where they are independent.
    """

    title: str = ""
    table: Table = Table()
    areas: tuple[Area, ...]
    priors: Priors = Priors()
    log: Log | None = None
    dependence: Dependence | None = None

    @classmethod
    def from_toml(cls, path: str | Path) -> Self:
        """Read a study file.

        Raises
        ------
        InputError
            With every fault of the file.
        """
        from .study_text import study_text  # noqa: PLC0415 (it reads the limits of this module)

        return cls.from_text(study_text(path), file=str(path))

    @classmethod
    def from_text(cls, text: str, *, file: str | None = None) -> Self:
        """Read the text of a study file; ``file`` is its name in messages.

        Raises
        ------
        InputError
            With every fault of the text.
        """
        from .study_text import parsed  # noqa: PLC0415 (it reads the limits of this module)

        return cls.from_dict(parsed(text, file), file=file, text=text)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any], *, file: str | None = None, text: str | None = None) -> Self:
        """Check a study given as the dictionary that its file parses to.

        Parameters
        ----------
        raw
            The study, as :meth:`to_dict` gives it.
        file, text
            Name and text of the file it came from, for messages.

        Raises
        ------
        InputError
            With every fault of the study.
        """
        from .study_check import checked_study  # noqa: PLC0415 (it builds the classes of this module)

        return cls(**checked_study(raw, file=file, text=text))

    def to_dict(self) -> dict[str, Any]:
        """Return the study as a JSON-able dictionary from which :meth:`from_dict` makes it again."""
        plain = self.model_dump(mode="json")
        plain["areas"] = {area.pop("name"): area for area in plain["areas"]}
        for area in plain["areas"].values():
            area["items"] = {item.pop("name"): item for item in area["items"]}
            for item in area["items"].values():
                for key in ("stated", "exposure", "place", "shown", "at_random_of"):
                    if item[key] is None:
                        del item[key]
                if item["offered"] == "all":
                    del item["offered"]
            for key in ("abstain", "examination", "selection"):
                if area[key] is None:
                    del area[key]
        plain["table"] = _without_none(plain["table"])
        for key in ("depends_on", "covariates", "covariate_missing", "periods"):
            if getattr(self.table, key) == Table.model_fields[key].get_default(call_default_factory=True):
                del plain["table"][key]
        if plain["dependence"] is None:
            del plain["dependence"]
        log = plain.pop("log")
        if log is not None:
            plain["log"] = _without_none(log)
        return plain

    def area(self, name: str) -> Area:
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

    @property
    def n_types(self) -> int:
        """Number of hidden types of agents; 1 where areas are independent."""
        return 1 if self.dependence is None else self.dependence.types

    @property
    def items(self) -> tuple[Item, ...]:
        """All items, area after area."""
        return tuple(item for area in self.areas for item in area.items)


def passing(area: Area) -> NDArray[np.bool_]:
    """Return whether an option is passing on its item, (option,)."""
    return np.array([bool(i.passes) and o == i.passes[0] for i in area.items for o in i.serves], dtype=bool)


def _without_none(value: Any) -> Any:
    """Return a dictionary without the keys that hold nothing, which a study file could not hold."""
    if not isinstance(value, dict):
        return value
    return {key: _without_none(entry) for key, entry in value.items() if entry is not None}
