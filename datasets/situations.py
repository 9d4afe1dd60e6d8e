"""Choice situations in a table: what was shown, with which features, and what was chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import LISTED, shown
from .agent_columns import comma_remedy, parsed_number
from .pattern_entries import entry_codes
from .reading import Reading, place_of
from .repeated_answers import MISSING, UNKNOWN, options_of
from .stages import Stages, one_by_one, stages_at
from .study import Item
from .validation import hint, listed

Array = NDArray[np.float64]

_NO, _YES = frozenset({"0", "no", "false", "FALSE", "False"}), frozenset({"1", "yes", "true", "TRUE", "True"})


@dataclass(frozen=True, eq=False)
class Situations:
    """The choice situations of an item, one entry for each choice that was made.

    Parameters
    ----------
    agent
        Who chose, (situation,).
    shown
        Options shown, by their position in the item, −1 for an empty place, (situation, place).
    chosen
        Place of the option chosen, (situation,).
    features
        Features of the options shown in units of the study's ``per``, (situation, place, feature).
    """

    agent: NDArray[np.int64]
    shown: NDArray[np.int64]
    chosen: NDArray[np.int64]
    features: Array


def situation_stages(position: int, item: Item, situations: Situations) -> Stages:
    """Return the distinct situations with their choices as stages, agents for patterns.

    Parameters
    ----------
    position, item
        The item, and its position in its area.
    situations
        Its situations.
    """
    n = len(situations.agent)
    parts = [situations.chosen[:, None], situations.shown]
    table = np.hstack([*(part.astype(np.float64) for part in parts), situations.features.reshape(n, -1) + 0.0])
    table = np.ascontiguousarray(table)
    raw = table.view(np.dtype((np.void, table.shape[1] * table.itemsize)))[:, 0]
    _, first, kind = np.unique(raw, return_index=True, return_inverse=True)
    cell, times = np.unique(situations.agent * max(len(first), 1) + kind, return_counts=True)
    return Stages(
        position,
        situations.shown[first],
        situations.chosen[first],
        np.zeros(len(first), dtype=bool),
        situations.features[first],
        cell // max(len(first), 1),
        cell % max(len(first), 1),
        times,
        tuple(f"{item.name}: {name}" for name in item.features),
    )


def entered_situations(stages: Stages, patterns: NDArray[np.int64]) -> Situations:
    """Return the situations of some patterns, (agent,), one entry for each choice; the inverse of the above."""
    each = one_by_one(stages_at(stages, patterns))
    return Situations(each.pattern, each.shown, each.chosen, each.features)


def draw_situations(
    asked: Situations, utility: Array, taste: Array, rng: np.random.Generator, *, missing: float = 0.0
) -> Situations:
    """Draw what agents choose in situations, by the rule ``luce``.

    Parameters
    ----------
    asked
        The situations; what is chosen in them does not matter.
    utility
        Utility of each option to each agent without features, (agent, option).
    taste
        Coefficients of the features, (feature,).
    rng
        Source of chance.
    missing
        Probability that a choice is missing.
    """
    own = utility[asked.agent[:, None], np.maximum(asked.shown, 0)] + asked.features @ taste
    own += rng.gumbel(size=own.shape)
    chosen = np.where(asked.shown < 0, -np.inf, own).argmax(axis=1)
    kept = rng.random(len(chosen)) >= missing
    return Situations(asked.agent[kept], asked.shown[kept], chosen[kept], asked.features[kept])


def agent_codes(stages: Stages, n: int) -> tuple[NDArray[np.int64], int]:
    """Return a number for each agent, equal for equal stages, (agent,), and one more than the largest.

    Parameters
    ----------
    stages
        The stages, agents for patterns.
    n
        Number of agents.
    """
    return entry_codes(stages.pattern, stages.stage, stages.times, n)


def row_situations(reading: Reading, item: Item, agent: NDArray[np.integer]) -> Situations | None:
    """Return the situations of a table with one row for each, with a fault for each that cannot be."""
    needed = (*item.columns, *item.other_columns)
    if not all(reading.has(column) for column in needed):
        return None
    n, n_options = reading.text.n_rows, len(item.serves)
    codes, labels = reading.column(item.column)
    option = options_of(item, labels, reading.study.table.missing)[codes].astype(np.int64)
    if (option == UNKNOWN).any():
        reading.unknown(option == UNKNOWN, codes, labels, item.column, "unknown-option", _option_words(item))
    available = np.ones((n, n_options), dtype=bool)
    for place, name in enumerate(item.serves):
        if name in item.available:
            available[:, place] = _flags(reading, item.available[name], "whether an option is available")
    answered = option >= 0
    features = np.zeros((n, n_options, len(item.features)))
    for k, feature in enumerate(item.features.values()):
        columns = feature.columns or dict.fromkeys(feature.only, feature.column or "")
        for name, column in columns.items():
            place = item.options.index(name)
            value = _numbers(reading, column, answered & available[:, place])
            features[:, place, k] = np.where(available[:, place], value, 0.0) / feature.per
    empty = ~available.any(axis=1)
    _refuse(reading, empty, "empty-set", "No option is available.", "Correct the columns in 'available'.", item)
    hidden = answered & ~empty & ~available[np.arange(n), np.maximum(option, 0)]
    message = f"The option chosen of item {shown(item.name)} is not among those available."
    _refuse(reading, hidden, "chosen-not-shown", message, "Correct the choice, or what was available.", item)
    kept = np.flatnonzero(answered & (available.sum(axis=1) > 1) & ~hidden)
    _note_single(reading, item, int((answered & (available.sum(axis=1) == 1)).sum()))
    shown_options = np.where(available[kept], np.arange(n_options), MISSING)
    return Situations(agent[kept].astype(np.int64), shown_options, option[kept], features[kept])


def long_situations(reading: Reading, item: Item, agent: NDArray[np.integer]) -> Situations | None:
    """Return the situations of a table with one row for each option shown, with a fault for each that cannot be."""
    name = reading.study.table.situation
    assert name is not None and item.alternative is not None
    if not all(reading.has(column) for column in (name, *item.columns, *item.other_columns)):
        return None
    codes, labels = reading.column(name)
    empty = (codes < 0) | (codes == place_of(labels, ""))
    remedy = "Give every row the label of its situation."
    _refuse(reading, empty, "no-situation", "The row names no situation.", remedy, item, name)
    option_codes, options = reading.column(item.alternative)
    option = options_of(item, options, ())[option_codes].astype(np.int64)
    if (option < 0).any():
        words = _option_words(item)
        reading.unknown(option < 0, option_codes, options, item.alternative, "unknown-option", words)
        _refuse(reading, option_codes < 0, "no-option", "The row names no option.", "Name it.", item, item.alternative)
    picked = _flags(reading, item.column, "whether the option is chosen", reading.study.table.missing)
    known = np.ones(len(option), dtype=bool)
    features = np.zeros((len(option), len(item.features)))
    for k, feature in enumerate(item.features.values()):
        having = np.isin(option, [item.options.index(only) for only in feature.only]) if feature.only else known
        value = _numbers(reading, feature.column or "", having)
        features[:, k] = np.where(having, value, 0.0) / feature.per
    if empty.any() or (option < 0).any():
        return None
    key = agent.astype(np.int64) * (len(labels) + 1) + codes
    order = np.lexsort((option, key))
    starts = np.flatnonzero(np.diff(key[order], prepend=-1))
    number = np.cumsum(np.isin(np.arange(len(key)), starts)) - 1  # of the situation, in order
    first = order[starts]
    again = np.zeros(len(option), dtype=bool)
    again[order[1:]] = (number[1:] == number[:-1]) & (option[order][1:] == option[order][:-1])
    message = f"The row repeats an option of a situation of item {shown(item.name)}."
    _refuse(reading, again, "option-twice", message, "Show each option once.", item)
    if again.any():
        return None
    chosen = _one_chosen(reading, item, picked, order, starts, number)
    if chosen is None:
        return None
    size = np.bincount(number)
    place = np.arange(len(order)) - starts[number]
    shown_options = np.full((len(starts), int(size.max(initial=1))), MISSING, dtype=np.int64)
    values = np.zeros((*shown_options.shape, features.shape[1]))
    shown_options[number, place] = option[order]
    values[number, place] = features[order]
    kept = size > 1
    _note_single(reading, item, int((~kept).sum()))
    return Situations(agent[first[kept]].astype(np.int64), shown_options[kept], chosen[kept], values[kept])


def _one_chosen(
    reading: Reading,
    item: Item,
    picked: NDArray[np.bool_],
    order: NDArray[np.int64],
    starts: NDArray[np.int64],
    number: NDArray[np.int64],
) -> NDArray[np.int64] | None:
    """Return the place of the option chosen in each situation; None, with faults, unless there is one in each."""
    n_chosen = np.bincount(number, picked[order])
    several, none = np.zeros((2, len(picked)), dtype=bool)
    several[order[starts[n_chosen > 1]]] = True
    message = f"Several options are chosen in one situation of item {shown(item.name)}."
    _refuse(reading, several, "chosen-twice", message, "Mark one.", item)
    none[order[starts[n_chosen == 0]]] = True
    message = f"No option shown is chosen in a situation of item {shown(item.name)}."
    _refuse(reading, none, "chosen-not-shown", message, "Mark one, or leave the situation out.", item)
    if several.any() or none.any():
        return None
    rows = np.flatnonzero(picked[order])
    return np.asarray(rows - starts[number[rows]])


def flags(
    reading: Reading, name: str, what: str, needed: NDArray[np.bool_], rows: NDArray[np.integer]
) -> NDArray[np.bool_]:
    """Return a column that says yes or no in some rows, (row,); where it is not needed it may be empty, for yes."""
    asked = np.zeros(reading.text.n_rows, dtype=bool)
    asked[rows[needed]] = True
    return np.asarray(_flags(reading, name, what, asked=asked)[rows])


def _flags(
    reading: Reading,
    name: str,
    what: str,
    missing: tuple[str, ...] = (),
    asked: NDArray[np.bool_] | None = None,
) -> NDArray[np.bool_]:
    """Return a column that says yes or no, (row,); other labels are faults where asked, missing codes mean no."""
    codes, labels = reading.column(name)
    known = [1 if label in _YES else 0 if label in _NO or (label and label in missing) else UNKNOWN for label in labels]
    flag = np.array([*known, UNKNOWN], dtype=np.int64)[codes]
    wrong = (flag == UNKNOWN) & (True if asked is None else asked)
    empty = wrong & ((codes < 0) | (codes == place_of(labels, "")))
    remedy = "Write 1 or 0 (or yes and no, true and false)."
    _refuse(reading, empty, "no-flag", f"The row does not say {what}.", remedy, None, name)
    if (wrong & ~empty).any():
        reading.unknown(
            wrong & ~empty,
            codes,
            labels,
            name,
            "bad-flag",
            lambda label: (f"{shown(label)} does not say {what}.", remedy),
        )
    return np.asarray(flag == 1)


def _numbers(reading: Reading, name: str, needed: NDArray[np.bool_]) -> Array:
    """Return a column of numbers, (row,), with a fault where one is needed and there is none."""
    value = reading.text.numbers(name)
    codes, labels = reading.column(name)
    if value is None:
        value = np.array([*(parsed_number(reading.study.table, label) for label in labels), np.nan])[codes]
    wrong = needed & ~np.isfinite(value)
    empty = wrong & ((codes < 0) | (codes == place_of(labels, "")))
    remedy = "Every option that can be chosen needs its features, as finite numbers."
    _refuse(reading, empty, "no-feature", "The feature is missing.", remedy, None, name)
    if (wrong & ~empty).any():
        reading.unknown(
            wrong & ~empty,
            codes,
            labels,
            name,
            "bad-feature",
            lambda label: (f"{shown(label)} is no number.", comma_remedy(reading.study.table, label, remedy)),
        )
    return np.where(np.isfinite(value), value, 0.0)


def _option_words(item: Item) -> Callable[[str], tuple[str, str]]:
    def words(label: str) -> tuple[str, str]:
        message = f"{shown(label)} is not a declared option of item {shown(item.name)}."
        return message, hint(label, item.serves, f"The options are {listed(item.serves)}.")

    return words


def _refuse(
    reading: Reading,
    wrong: NDArray[np.bool_],
    code: str,
    message: str,
    remedy: str,
    item: Item | None,
    column: str | None = None,
) -> None:
    """Add a fault for each of the first 20 wrong rows, and one for the rest."""
    rows = np.flatnonzero(wrong)
    column = column if item is None or column is not None else item.column
    for row in rows[:LISTED].tolist():
        reading.add(code, message, remedy, row=row, column=column)
    if len(rows) > LISTED:
        reading.add(code, message, remedy, row=int(rows[LISTED]), column=column, count=len(rows) - LISTED)


def _note_single(reading: Reading, item: Item, number: int) -> None:
    if number:
        message = f"{number:,} situations of item {shown(item.name)} show one option and say nothing; left out."
        reading.note("single-option", message)
