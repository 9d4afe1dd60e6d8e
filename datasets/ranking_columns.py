"""Rankings, and best and worst options, in a table: read, checked and written.

Three ways to write one: a column for each option that holds its rank, a column for each place that holds an option,
or one column with the options in order and a separator between them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from ..errors import LISTED, shown
from .agent_columns import agent_labels
from .patterns import distinct_rows
from .reading import Reading
from .repeated_answers import MISSING, UNKNOWN, options_of
from .stages import canonical_order, order_text
from .study import Item
from .times_column import whole_number
from .validation import hint, listed

Orders = NDArray[np.int64]
"""Options from best on, −1 after the last one ranked, (row, place)."""


def wide_orders(reading: Reading, item: Item) -> Orders | None:
    """Return the rankings of a wide table, (row, place), with a fault for each that is none; None without columns.

    For best and worst options the two are the places.
    """
    if not all(reading.has(column) for column in item.columns):
        return None
    if item.ranks:
        return _checked(reading, item, *_from_ranks(reading, item))
    if not item.places:
        codes, labels = reading.column(item.column)
        return text_orders(reading, item, np.arange(reading.text.n_rows), codes, labels, item.column)
    order = np.empty((reading.text.n_rows, len(item.places)), dtype=np.int64)
    for place, column in enumerate(item.places):
        codes, labels = reading.column(column)
        order[:, place] = options_of(item, labels, reading.study.table.missing)[codes]
        unknown = order[:, place] == UNKNOWN
        if unknown.any():
            reading.unknown(unknown, codes, labels, column, "unknown-option", _unknown_words(item))
    return _checked(reading, item, np.where(order == UNKNOWN, MISSING, order), (order == UNKNOWN).any(axis=1))


def text_orders(
    reading: Reading,
    item: Item,
    rows: NDArray[np.integer],
    codes: NDArray[np.integer],
    labels: NDArray[np.object_],
    column: str,
) -> Orders:
    """Return rankings written as one text each, such as ``a>b>c``, (row,) → (row, place).

    Parameters
    ----------
    reading, item
        The table, and the item.
    rows
        Rows of the table that answer the item.
    codes, labels
        The column of the answers, of all rows.
    column
        Its name.
    """
    missing = {"", *reading.study.table.missing} - set(item.serves)
    texts = [[] if label in missing else label.split(item.separator) for label in labels.tolist()]
    width = max([item.n_places, *(len(text) for text in texts if len(text) <= 2 * len(item.serves))])
    known = {option: place for place, option in enumerate(item.serves)}
    of_label = np.full((len(labels) + 1, width), MISSING, dtype=np.int64)
    for place, text in enumerate(texts):
        cut = [known.get(option.strip(), UNKNOWN) if option not in known else known[option] for option in text[:width]]
        of_label[place, : len(cut)] = cut
    too_long = np.array([*(len(text) > width for text in texts), False])
    used = np.zeros(len(codes), dtype=bool)
    used[rows] = True
    wrong = (of_label == UNKNOWN).any(axis=1)
    if (wrong[codes] & used).any():

        def words(label: str) -> tuple[str, str]:
            mark = _other_separator(label, item)
            if mark is not None:
                message = f"{shown(label)} is not a declared option of item {shown(item.name)}."
                return message, f'If {shown(mark)} stands between places, write separator = "{mark}" below the item.'
            first = next(option for option in label.split(item.separator) if option.strip() not in known)
            return _unknown_words(item)(first)

        reading.unknown(wrong[codes] & used, codes, labels, column, "unknown-option", words)
    order = np.where(wrong[:, None], MISSING, of_label)[codes[rows]]
    faulty = wrong[codes[rows]]
    _refuse(
        reading,
        item,
        too_long[codes[rows]] & ~faulty,
        "ranking-too-long",
        lambda row: f"The answer to item {shown(item.name)} has {len(texts[codes[rows][row]]):,} places.",
        f"Name each of the {len(item.serves):,} options at most once.",
        rows,
    )
    return _checked(reading, item, order, faulty | too_long[codes[rows]], rows)


def _other_separator(label: str, item: Item) -> str | None:
    """Return what separates the options of a label that is a ranking written otherwise than the study says."""
    for mark in (">", ",", ";", "<", "|", "/"):
        parts = [part.strip() for part in label.split(mark)]
        if mark != item.separator and len(parts) > 1 and all(part in item.serves for part in parts):
            return mark
    return None


def _unknown_words(item: Item) -> Callable[[str], tuple[str, str]]:
    def words(label: str) -> tuple[str, str]:
        options = f"The options are {listed(item.serves)}."
        message = f"{shown(label)} is not a declared option of item {shown(item.name)}."
        return message, " ".join(filter(None, (options, hint(label, item.serves, ""))))

    return words


def _from_ranks(reading: Reading, item: Item) -> tuple[Orders, NDArray[np.bool_]]:
    """Return rankings from a column of ranks for each option, and which rows are faulty already."""
    n, n_options = reading.text.n_rows, len(item.serves)
    rank = np.zeros((n, n_options), dtype=np.int64)
    missing = {"", *reading.study.table.missing}
    for place, option in enumerate(item.serves):
        column = item.ranks[option]
        codes, labels = reading.column(column)
        number = [0 if label in missing else whole_number(label) for label in labels]
        number = [
            UNKNOWN if label not in missing and value < 1 else value
            for label, value in zip(labels, number, strict=True)
        ]
        rank[:, place] = np.array([*number, 0], dtype=np.int64)[codes]
        unknown = rank[:, place] == UNKNOWN
        if unknown.any():
            remedy = "Give whole numbers from 1, the best, on; list codes for no rank in 'missing'."

            def words(label: str, remedy: str = remedy) -> tuple[str, str]:
                return f"{shown(label)} is no rank.", remedy

            reading.unknown(unknown, codes, labels, column, "bad-rank", words)
    faulty = (rank == UNKNOWN).any(axis=1)
    most = rank.max(axis=1, initial=0)
    too_long = ~faulty & (most > item.n_places)
    _refuse(
        reading,
        item,
        too_long,
        "ranking-too-long",
        lambda row: f"The ranking goes to rank {most[row]:,}, and item {shown(item.name)} asks for {item.n_places:,}.",
        "Correct the rank, or the number of places: top = …",
    )
    faulty |= too_long
    order = np.argsort(np.where(rank > 0, rank, n_options + 1), axis=1, kind="stable")
    in_order = np.take_along_axis(rank, order, axis=1)
    tied = np.zeros(in_order.shape, dtype=bool)
    tied[:, 1:] = (in_order[:, 1:] == in_order[:, :-1]) & (in_order[:, 1:] > 0)
    ties = ~faulty & tied.any(axis=1)
    if item.ties == "error":
        _refuse(
            reading,
            item,
            ties,
            "ranking-tie",
            lambda row: f"Two options of item {shown(item.name)} have rank {in_order[row][tied[row]][0]:,}.",
            'Give each a rank of its own, or say what a tie means: ties = "cut" or ties = "order".',
        )
        faulty |= ties
    elif ties.any():
        how = "are cut before the first tie" if item.ties == "cut" else "take tied options in the order of the study"
        reading.note("ranking-ties", f"{int(ties.sum()):,} rankings of item {shown(item.name)} {how}.")
    # ranks with ties are 1, 2, 2, 3 or 1, 2, 2, 4: both say the same
    expected = np.arange(1, n_options + 1)
    dense = np.cumsum(np.where(in_order > 0, ~tied, 0), axis=1)
    gap = ~faulty & ((in_order > 0) & (in_order != expected) & (in_order != dense) & ~tied).any(axis=1)
    _refuse(
        reading,
        item,
        gap,
        "ranking-gap",
        lambda row: f"The ranks of item {shown(item.name)} are {listed_ranks(in_order[row])}: one is left out.",
        "Give the ranks 1, 2, 3, … without a gap, or a missing code where nothing is ranked.",
    )
    if item.ties == "cut":
        starts = np.zeros(tied.shape, dtype=bool)
        starts[:, :-1] = tied[:, 1:]
        in_order = np.where(np.cumsum(starts | tied, axis=1) > 0, 0, in_order)
    return np.where(in_order > 0, order, MISSING), faulty | gap


def listed_ranks(ranks: NDArray[np.int64]) -> str:
    """Return ranks in words, the first ten."""
    given = ranks[ranks > 0]
    return ", ".join(str(rank) for rank in given[:10]) + (", …" if len(given) > 10 else "")


def _checked(
    reading: Reading,
    item: Item,
    order: Orders,
    faulty: NDArray[np.bool_],
    rows: NDArray[np.integer] | None = None,
) -> Orders:
    """Return rankings as stages need them; a fault for each with a gap, a repeat or too many places."""
    at = np.arange(len(order)) if rows is None else rows
    given = order >= 0
    length = given.sum(axis=1)

    def refuse(wrong: NDArray[np.bool_], code: str, words: Callable[[int], str], remedy: str) -> None:
        nonlocal faulty
        _refuse(reading, item, wrong & ~faulty, code, words, remedy, at)
        faulty = faulty | wrong

    in_order = np.sort(np.where(given, order, -1 - np.arange(order.shape[1])), axis=1)
    repeat = (in_order[:, 1:] == in_order[:, :-1]).any(axis=1)
    name = shown(item.name)
    refuse(
        repeat,
        "ranking-repeat",
        lambda row: f"The answer to item {name} names {shown(_twice(item, order[row]))} twice.",
        "Name each option once.",
    )
    gap = (given[:, 1:] & ~given[:, :-1]).any(axis=1)
    refuse(
        gap,
        "ranking-gap",
        lambda row: f"The answer to item {name} leaves out place {int(np.argmin(given[row])) + 1:,}.",
        "Fill the places from the first on.",
    )
    refuse(
        length > item.n_places,
        "ranking-too-long",
        lambda row: f"The answer to item {name} has {length[row]:,} places, and {item.n_places:,} are asked for.",
        "Correct it, or the number of places: top = …" if item.kind == "ranking" else "Give the best and the worst.",
    )
    if item.kind == "best_worst":
        refuse(
            length == 1,
            "ranking-gap",
            lambda row: f"The answer to item {name} has a best option without a worst.",
            'Give both or neither; where only the best was asked for, write kind = "choice".',
        )
    fixed = np.full((len(order), item.n_places), MISSING, dtype=np.int64)
    width = min(item.n_places, order.shape[1])
    fixed[:, :width] = np.where(faulty[:, None], MISSING, order[:, :width])
    whole = item.in_ballots or item.kind == "best_worst"
    return fixed if whole else canonical_order(fixed, len(item.serves))


def _twice(item: Item, order: NDArray[np.int64]) -> str:
    given = order[order >= 0]
    return item.options[int(np.argmax(np.bincount(given)))]


def _refuse(
    reading: Reading,
    item: Item,
    wrong: NDArray[np.bool_],
    code: str,
    words: Callable[[int], str],
    remedy: str,
    at: NDArray[np.integer] | None = None,
) -> None:
    """Add a fault for each of the first 20 wrong rankings, and one for the rest."""
    found = np.flatnonzero(wrong)
    rows = found if at is None else at[found]
    column = item.columns[0] if reading.study.table.layout != "long" else reading.study.table.answer
    for place, row in zip(found[:LISTED].tolist(), rows.tolist(), strict=False):
        reading.add(code, words(place), remedy, row=row, column=column)
    if len(found) > LISTED:
        count = len(found) - LISTED
        message = f"More answers to item {shown(item.name)} are faulty in this way."
        reading.add(code, message, remedy, row=int(rows[LISTED]), column=column, count=count)


def orders_of_agents(
    reading: Reading, item: Item, rows: NDArray[np.integer], agent: NDArray[np.integer], order: Orders, n: int
) -> tuple[Orders, int]:
    """Return the ranking of each agent, (agent, place), and the number of rankings that repeat another.

    Parameters
    ----------
    reading, item
        The table, and the item.
    rows, agent, order
        Row, agent and ranking of each answer.
    n
        Number of agents.
    """
    answered = np.flatnonzero(order[:, 0] >= 0)
    rows, agent, order = rows[answered], agent[answered], order[answered]
    found = np.full((n, order.shape[1]), MISSING, dtype=np.int64)
    found[agent] = order  # of several rankings the last stays
    dropped = len(rows) - int((found[:, 0] >= 0).sum())
    rule = reading.study.table.rule_of_duplicates
    if not dropped or rule == "keep_last":
        return found, dropped
    kind = distinct_rows(((column + 1, len(item.serves) + 1) for column in order.T), len(order))[1]
    sequence = np.argsort(agent, kind="stable")
    again = np.flatnonzero(agent[sequence][1:] == agent[sequence][:-1]) + 1
    differ = kind[sequence][again] != kind[sequence][again - 1]
    if rule == "keep_one":
        again, differ = again[differ], differ[differ]
    labels = agent_labels(reading)[0] if len(again) else np.array([], dtype=object)
    column = reading.study.table.answer or item.columns[0]
    for place, other in zip(again[:LISTED], differ, strict=False):
        row, before = int(rows[sequence[place]]), int(rows[sequence[place - 1]])
        label = str(labels[agent[sequence[place]]])
        how = "with different answers" if other else "with the same answer"
        message = f"Agent {shown(label)} answers item {shown(item.name)} in {reading.both(before, row)}, {how}."
        remedy = 'Remove one, or write on_duplicate = "keep_last".'
        remedy = remedy if other else 'Write on_duplicate = "keep_one" below [table].'
        reading.add("answers-differ" if other else "answer-twice", message, remedy, row=row, column=column)
    if len(again) > LISTED:
        message = f"The answer to item {shown(item.name)} repeats an agent."
        row = int(rows[sequence[again[LISTED]]])
        reading.add("answer-twice", message, "Give each agent one.", row=row, column=column, count=len(again) - LISTED)
    return found, dropped


def order_columns(item: Item, order: Orders, blank: str | None) -> Mapping[str, NDArray[np.object_]]:
    """Return the columns of a wide table that hold rankings, by name; ``blank`` stands for no answer."""
    order = order[:, : item.n_places]
    if item.ranks:
        columns = {}
        for place, option in enumerate(item.serves):
            at = order == place
            rank = np.where(at.any(axis=1), at.argmax(axis=1) + 1, 0)
            columns[item.ranks[option]] = np.array([str(r) if r else None for r in rank], dtype=object)
        return columns
    if not item.places:
        text = order_text(item, order)
        text[text == None] = blank  # noqa: E711 (elementwise)
        return {item.column: text}
    labels = np.array([*item.options, blank], dtype=object)
    padded = np.full((len(order), max(order.shape[1], len(item.places))), MISSING, dtype=np.int64)
    padded[:, : order.shape[1]] = order
    return {column: labels[padded[:, place]] for place, column in enumerate(item.places)}
