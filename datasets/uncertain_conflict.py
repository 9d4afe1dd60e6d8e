"""Conflict that its writer is not sure of: ranges, Beta distributions, and several experts.

Where a number from 0 to 1 may stand, ``[0.2, 0.6]`` is uniform between two numbers and ``"beta(2, 5)"`` a Beta
distribution. ``{ experts = [ … ] }`` holds the whole conflict as each of several experts sees it; in every draw one of
them is right, and the first of one area is right with the first of another. Entries are independent of each other,
except one that stands for all pairs. What is drawn is carried into the scores; wherever one number is needed it is the
mean.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import shown
from ..forward_model.problem_area import conflict_matrix

Array = NDArray[np.float64]

type Parsed = tuple[str, float, float]
"""``("number", x, x)``, ``("range", low, high)`` or ``("beta", a, b)``."""

LARGEST = 1e300
"""A larger whole number is no number that could be computed with."""

BEHAVIOURAL = "behavioural"
"""Conflict between learned goals that is how far their answers differ: the posterior knows it, not the study."""

_BETA = re.compile(r"beta\(\s*(\d{1,6}(?:\.\d{1,6})?)\s*,\s*(\d{1,6}(?:\.\d{1,6})?)\s*\)", re.ASCII)
_NONE: Parsed = ("number", 0.0, 0.0)


def views(conflict: Any) -> list[Any]:
    """Return the conflict as each expert sees it; one view when there are no experts."""
    if isinstance(conflict, Mapping) and set(conflict) == {"experts"} and _is_list(conflict["experts"]):
        return list(conflict["experts"])
    return [conflict]


def is_range(value: Any) -> bool:
    """Return whether a value is written as a range: a list of two numbers."""
    return _is_list(value) and len(value) == 2 and all(map(_is_number, value))


def entry_fault(value: Any) -> tuple[str, str, str] | None:
    """Return code, fault and remedy of what stands for a number and is a faulty range or distribution, else None.

    Parameters
    ----------
    value
        What stands where a number from 0 to 1 may stand. Numbers are not looked at.
    """
    if is_range(value):
        low, high = map(float, value)
        if 0 <= low <= high <= 1:
            return None
        return "conflict-range", f"the range {shown(list(value))}", "A range is [low, high] with 0 ≤ low ≤ high ≤ 1."
    if isinstance(value, str):
        found = _BETA.fullmatch(value.strip())
        if found is None:
            return None if not value.strip().lower().startswith("beta") else _beta_fault(value)
        return None if min(map(float, found.groups())) > 0 else _beta_fault(value)
    return None


def _beta_fault(value: str) -> tuple[str, str, str]:
    remedy = 'Write "beta(2, 5)" with two positive numbers of at most 6 digits, and 6 more after the point.'
    return "conflict-distribution", f"the text {shown(value)}", remedy


def is_entry(value: Any) -> bool:
    """Return whether a value may stand where a number may: a number, a range or a distribution."""
    beta = isinstance(value, str) and _BETA.fullmatch(value.strip()) is not None
    return _is_number(value) or is_range(value) or beta


def parsed_entry(value: Any) -> Parsed:
    """Return what an entry means; it has no fault."""
    if isinstance(value, str):
        found = _BETA.fullmatch(value.strip())
        assert found is not None
        return "beta", float(found[1]), float(found[2])
    if is_range(value):
        low, high = map(float, value)
        return ("range", low, high) if low < high else ("number", low, low)
    return "number", float(value), float(value)


def mean_of(entry: Parsed) -> float:
    """Return the mean of an entry."""
    kind, a, b = entry
    return a / (a + b) if kind == "beta" else a if kind == "number" else (a + b) / 2


def mapped(view: Any, change: Callable[[Any], Any]) -> Any:
    """Return one view of the conflict with every entry changed: of one for all pairs, of pairs, or of a matrix."""
    if isinstance(view, Mapping):
        return {key: (mapped if isinstance(value, Mapping) else _once)(value, change) for key, value in view.items()}
    if _is_list(view) and not is_range(view):
        return [[change(cell) for cell in row] if _is_list(row) else change(row) for row in view]
    return change(view)


def _once(value: Any, change: Callable[[Any], Any]) -> Any:
    return change(value)


def is_uncertain(conflict: Any) -> bool:
    """Return whether anything about a checked conflict is drawn."""
    every = views(conflict)
    if len(every) > 1:
        return True
    if conflict == BEHAVIOURAL:
        return False
    kinds: set[str] = set()
    mapped(every[0], lambda entry: kinds.add(parsed_entry(entry)[0]))
    return kinds != {"number"}


def mean_conflict(goals: Sequence[str], conflict: Any, *, area: str) -> Array:
    """Return the mean conflict between goals, (goal, goal).

    Parameters
    ----------
    goals
        Names of the goals.
    conflict
        The conflict as checked: a view, or ``{"experts": (view, …)}``.
    area
        Name of the area, for messages.

    Raises
    ------
    InputError
        If a view is no conflict between these goals, see :func:`.conflict_matrix`.
    """
    means = [
        conflict_matrix(goals, mapped(view, lambda entry: mean_of(parsed_entry(entry))), area=area)
        for view in views(conflict)
    ]
    return means[0] if len(means) == 1 else np.asarray(np.mean(means, axis=0))


def uncertain_entries(goals: Sequence[str], conflict: Any, *, area: str) -> NDArray[np.bool_]:
    """Return which entries of a checked conflict are drawn, (goal, goal)."""
    found = [coded(goals, view, area=area) for view in views(conflict)]
    drawn = np.zeros((len(goals), len(goals)), dtype=bool)
    for entries, code in found:
        drawn |= np.array([kind != "number" for kind, _, _ in entries])[code]
    means = np.stack([np.array([mean_of(entry) for entry in entries])[code] for entries, code in found])
    return np.asarray(drawn | (means != means[0]).any(axis=0))


def draw_conflict(goals: Sequence[str], conflict: Any, *, area: str, expert: Array, rng: np.random.Generator) -> Array:
    """Return draws of the conflict between goals, (draw, goal, goal), each symmetric with a zero diagonal.

    Parameters
    ----------
    goals, conflict, area
        As for :func:`mean_conflict`.
    expert
        Numbers in [0, 1), (draw,): one tenth of the way is the first of ten experts, and so on.
    rng
        Draws the entries.
    """
    every = views(conflict)
    chosen = np.minimum((expert * len(every)).astype(np.int64), len(every) - 1)
    result = np.zeros((len(expert), len(goals), len(goals)))
    for number, view in enumerate(every):
        at = np.flatnonzero(chosen == number)
        entries, code = coded(goals, view, area=area)
        one_for_all = not isinstance(view, Mapping) and (is_range(view) or not _is_list(view))
        shared = _drawn(parsed_entry(view), len(at), rng) if one_for_all else None
        for i in range(len(goals)):
            for j in range(i + 1, len(goals)):
                value = _drawn(entries[code[i, j]], len(at), rng) if shared is None else shared
                result[at, i, j] = result[at, j, i] = value
    return result


def coded(goals: Sequence[str], view: Any, *, area: str) -> tuple[list[Parsed], NDArray[np.int64]]:
    """Return the different entries of a view, and which of them stands between two goals, (goal, goal).

    Raises
    ------
    InputError
        If the two cells of a pair are written differently.
    """
    kinds: dict[Parsed, int] = {_NONE: 0}
    numbered = mapped(view, lambda entry: kinds.setdefault(parsed_entry(entry), len(kinds)))
    matrix = conflict_matrix(goals, mapped(numbered, lambda code: code / len(kinds)), area=area)
    return list(kinds), (matrix * len(kinds)).round().astype(np.int64)


def in_words(conflict: Any) -> str:
    """Return how a checked conflict is uncertain, for a reader of the result."""
    every = views(conflict)
    ways = [f"one of {len(every)} experts"] if len(every) > 1 else []
    kinds: set[str] = set()
    for view in every:
        mapped(view, lambda entry: kinds.add(parsed_entry(entry)[0]))
    ways += [name for kind, name in (("range", "ranges"), ("beta", "Beta distributions")) if kind in kinds]
    return ", ".join(ways)


def _drawn(entry: Parsed, draws: int, rng: np.random.Generator) -> Array:
    kind, a, b = entry
    if kind == "number":
        return np.full(draws, a)
    return rng.uniform(a, b, draws) if kind == "range" else rng.beta(a, b, draws)


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _is_number(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and not math.isnan(value) and abs(value) <= LARGEST
