"""Answers as positions of options, and what is done about two answers of one agent to one item."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ..errors import LISTED, shown
from .agent_columns import agent_labels
from .choices import Finding
from .reading import Reading
from .study import Item

MISSING, UNKNOWN = -1, -2
"""What stands for no answer, and for an answer that is no option."""


def options_of(
    item: Item, labels: NDArray[np.object_], missing: Iterable[str], decimal: str = "."
) -> NDArray[np.integer]:
    """Return the option of each label, −1 for no answer, −2 for unknown; one more entry for null."""
    place = dict.fromkeys(["", *missing], MISSING) | {option: i for i, option in enumerate(item.serves)}
    place |= dict.fromkeys(item.passes, len(item.serves) - 1)
    if item.stated is not None and item.stated.form != "rank":
        place = {label: item.stated.level_of(label, decimal, UNKNOWN) for label in labels} | place
    narrow = np.int16 if len(item.serves) < 2**15 else np.int32
    return np.array([*(place.get(label, UNKNOWN) for label in labels), MISSING], dtype=narrow)


def note_kept(reading: Reading, dropped: int) -> None:
    """Note how many answers repeated another and do not count."""
    if dropped:
        which = "the last one counts" if reading.study.table.on_duplicate == "keep_last" else "one of them counts"
        message = f"{dropped:,} answers repeat the agent and the item of another; {which}."
        reading.findings.append(Finding("duplicates", message, "note"))


def refuse_agents_twice(reading: Reading, agent: NDArray[np.integer], n: int) -> None:
    """Add a fault for each agent who stands in two rows of a wide table."""
    order = np.argsort(agent, kind="stable")
    again = np.flatnonzero(agent[order][1:] == agent[order][:-1]) + 1
    name = reading.study.table.agent
    assert name is not None
    _, labels = reading.text.column(name)
    options = []
    for item in reading.study.items:
        for column in filter(reading.has, item.columns):
            codes, texts = reading.text.column(column)
            options.append(
                codes
                if item.in_stages or item.is_number
                else options_of(item, texts, reading.study.table.missing, reading.study.table.decimal)[codes]
            )
    for place in again[:LISTED]:
        row, other = int(order[place - 1]), int(order[place])
        same = all(option[row] == option[other] for option in options)
        label = str(labels[agent[row]])
        how = f"with {'the same' if same else 'different'} answers"
        message = f"Agent {shown(label)} stands in {reading.both(row, other)}, {how}."
        remedy = (
            'Write on_duplicate = "keep_one" below [table].'
            if same
            else 'Remove one, or write on_duplicate = "keep_last".'
        )
        reading.add("agent-twice", message, remedy, row=other, column=name, value=label)
    if len(again) > LISTED:
        message, row = "The row repeats an agent.", int(order[again[LISTED]])
        count = len(again) - LISTED
        reading.add("agent-twice", message, "Give each agent one row.", row=row, column=name, count=count)


def once(
    reading: Reading,
    item: Item,
    rows: NDArray[np.integer],
    agent: NDArray[np.integer],
    option: NDArray[np.integer],
    n: int,
) -> tuple[NDArray[np.integer], int]:
    """Return the answer of each agent to an item answered once, and the number of answers that repeat another."""
    answer = np.full(n, MISSING, dtype=option.dtype)
    answer[agent] = option  # of several answers the last stays
    dropped = len(rows) - int((answer >= 0).sum())
    rule = reading.study.table.rule_of_duplicates
    if not dropped or rule == "keep_last":
        return answer, dropped
    order = np.argsort(agent, kind="stable")
    again = np.flatnonzero(agent[order][1:] == agent[order][:-1]) + 1
    differ = option[order][again] != option[order][again - 1]
    if rule == "keep_one":
        again = again[differ]
    column = reading.study.table.answer or item.column
    # one agent's label costs the whole column: only a fault pays for it
    labels = agent_labels(reading)[0] if len(again) else np.array([], dtype=object)
    for place in again[:LISTED]:
        row, other = int(rows[order[place - 1]]), int(rows[order[place]])
        same = bool(option[order[place]] == option[order[place - 1]])
        label = str(labels[agent[order[place]]])
        how = (
            f"twice {shown(item.options[option[order[place]]])}"
            if same
            else " and ".join(shown(item.options[option[order[p]]]) for p in (place - 1, place))
        )
        message = f"Agent {shown(label)} answers item {shown(item.name)} in {reading.both(row, other)}: {how}."
        remedy = (
            'Write on_duplicate = "keep_one" below [table].'
            if same
            else 'Remove one, or write on_duplicate = "keep_last".'
        )
        code = "answer-twice" if same else "answers-differ"
        reading.add(code, message, remedy, row=other, column=column, value=item.options[option[order[place]]])
    if len(again) > LISTED:
        message = f"The answer to item {shown(item.name)} repeats an agent."
        row, remedy = int(rows[order[again[LISTED]]]), "Give each agent one answer, or repeated = true."
        reading.add("answer-twice", message, remedy, row=row, column=column, count=len(again) - LISTED)
    return answer, dropped
