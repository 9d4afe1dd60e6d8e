"""What an event log means: ``[log]`` in the study file."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from .examination import LogExamination
from .self_selection import Odds
from .study_part import Part, Text, Texts

OUTCOME, ITEM, CATEGORY, POSITION = "outcome", "item", "category", "position"

Columns = Annotated[tuple[Text, ...], Field(strict=False, min_length=1)]
Condition = Text | Texts
"""Comparisons with a number such as ``">= 2, < 4"``, one code, or a list of codes."""
Where = dict[Text, Condition]
Period = Literal["year", "quarter", "month"] | Annotated[tuple[Text, ...], Field(strict=False, min_length=1)]


class ItemTable(Part):
    """The table of what events are about: ``[log.items]``.

    Parameters
    ----------
    file
        Its path, relative to the folder of the study file; None where the caller names it.
    id, category
        Names of its columns: the item as events name it, and its category.
    separator
        Text between the categories of one item; None where an item has one.
    no_category
        Codes in the category column that mean none; such items answer nothing.
    delimiter
        Text between fields; None for the one of the events.
    columns
        Names of the columns of a file without a header.
    encoding
        Encoding of a text file.
    """

    file: Text | None = None
    id: Text = "item"
    category: Text = "category"
    separator: Text | None = None
    no_category: Texts = ("",)
    delimiter: Text | None = None
    columns: Texts = ()
    encoding: Literal["utf-8", "latin-1"] = "utf-8"


class LogReading(Part):
    """One way in which events are answers: ``[log.readings.X]``; what it does not say is as ``[log]`` says.

    Parameters
    ----------
    agent
        Columns whose values together name who answers.
    question
        What tells the study's item from the event: its ``"item"``, the ``"category"`` of that in the item table, its
        ``"position"``, or the column of one item of the study, which every event then answers.
    answer
        What is answered: the ``"outcome"``, the ``"item"``, or its ``"category"``.
    answers
        Rule from outcomes to answers, answer → condition; empty where the outcome is the answer.
    where
        Which events count, column → condition; they come on top of those of ``[log]``.
    group
        Column of the agent's group.
    as_group
        Name of the group of all agents of the reading.
    available
        ``"all"`` states that every option could be chosen each time and none was more in view than another, as the
        candidates of a recommender, or by design of an experiment; without it, and without ``shown`` of the log,
        answers that are items carry a caution.
    """

    agent: Columns | None = None
    question: Text | None = None
    answer: Literal["outcome", "item", "category"] | None = None
    answers: dict[Text, Condition] = Field(default_factory=dict)
    where: Where = Field(default_factory=dict)
    group: Text | None = None
    as_group: Text | None = None
    available: Literal["all"] | None = None


class LogSelection(Part):
    """Which answers are recorded sooner than others: ``[log.selection]``, see :mod:`.self_selection`.

    Parameters
    ----------
    odds
        Odds of the answers named, relative to those not named, in all areas that do not say their own: numbers or
        ranges. Where some events were shown at random it may be left out: all answers but the last of an item then
        have odds of 0.1 to 10.
    random
        Which events are about things shown at random, which the agent did not pick, column → condition; empty where
        there are none. They are answers to an item of their own, "… at random".
    """

    odds: dict[Text, Odds] = Field(default_factory=dict)
    random: Where = Field(default_factory=dict)


class Log(LogReading):
    """How events are laid out, and how they are answers: ``[log]``.

    Parameters
    ----------
    item, outcome
        Names of columns: what the event is about, and what came of it.
    time
        Column of the time: whole numbers since 1970 in one unit, or text that starts with year-month-day.
    position, slate, propensity
        Columns of the place at which the item was shown, of the impression it was part of, and of the probability
        with which it was shown there. They are checked; of them the model uses the position, with ``examination``.
    shown
        Column of the items that were shown, a list or text with ``shown_separator`` between them, one of which is the
        item of the event. An item of the study of kind ``situation`` counts only these as passed over; for others they
        must be the same each time.
    shown_separator
        Text between the items of ``shown``.
    missing
        Codes of the outcome that mean no answer.
    other_outcomes
        What outcomes are that no condition of ``answers`` takes: an ``"error"``, or ``"leave_out"``.
    keep
        Which events of one agent on one item count: ``"all"``; the ``"last"``, by time; or, of those in one slate, the
        ``"furthest"``, whose answer stands last in ``answers``, where the first answer is that of items shown: every
        slate must hold it for an item that was chosen.
    on_duplicate
        What an event is that repeats another in every column named here, the time among them: an ``"error"``;
        ``"keep_one"``; ``"count"`` takes each as one more.
    delimiter
        Text between fields of text files, also of several characters; None for a tab in ``.tsv`` and ``.tab`` files,
        otherwise a comma.
    columns
        Names of the columns of files without a header.
    path
        The end of the paths of the files, with names of columns in braces for folders that hold a value:
        ``"{policy}/men/men.csv"``.
    systems
        Names of groups that are AI systems or other machines, not people.
    examination
        How likely each place is looked at, ``[log.examination]``; None where all events count as looked at.
    items
        The item table.
    readings
        Several ways in which the same events are answers; empty for one.
    selection
        Which answers are recorded sooner than others; None where none are.
    period
        Periods that take the place of groups, with goal shares and weights that follow a random walk over them, from
        the column ``time`` (UTC): ``"year"``, ``"quarter"``, ``"month"``, or the dates at which new ones begin. An
        agent with events in two of them is two agents.
    """

    item: Text | None = None
    outcome: Text | None = None
    time: Text | None = None
    position: Text | None = None
    slate: Text | None = None
    propensity: Text | None = None
    shown: Text | None = None
    shown_separator: Text = " "
    missing: Texts = ("",)
    other_outcomes: Literal["error", "leave_out"] = "error"
    keep: Literal["all", "last", "furthest"] = "all"
    on_duplicate: Literal["error", "keep_one", "count"] = "error"
    delimiter: Annotated[str, Field(min_length=1, max_length=4)] | None = None
    columns: Texts = ()
    path: Text | None = None
    systems: Texts = ()
    examination: LogExamination | None = None
    items: ItemTable | None = None
    readings: dict[Text, LogReading] = Field(default_factory=dict)
    selection: LogSelection | None = None
    period: Period | None = None

    @property
    def shown_at_random(self) -> Where:
        """Which events are about things shown at random; empty where the log does not tell."""
        return {} if self.selection is None else self.selection.random

    @property
    def ways(self) -> tuple[tuple[str, LogReading], ...]:
        """Every reading with its name, completed by what ``[log]`` says; one without a name where none is given."""
        return tuple((name, self._completed(reading)) for name, reading in self.readings.items()) or (
            ("", self._completed(LogReading())),
        )

    @property
    def has_categories(self) -> bool:
        """Whether items have categories."""
        return self.items is not None

    def _completed(self, reading: LogReading) -> LogReading:
        answer: Any = reading.answer or self.answer or (OUTCOME if self.outcome else ITEM)
        question = reading.question or self.question or (CATEGORY if self.items else ITEM)
        own_group = reading.group or reading.as_group
        return LogReading(
            agent=reading.agent or self.agent,
            question=question,
            answer=answer,
            answers=reading.answers or self.answers,
            where={**self.where, **reading.where},
            group=reading.group if own_group else self.group,
            as_group=reading.as_group if own_group else self.as_group,
            available=reading.available or self.available,
        )
