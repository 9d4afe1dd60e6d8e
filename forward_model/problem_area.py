"""A problem area: its goals and how far they conflict."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from ..errors import Fault, InputError, shown

type Label = str | int
type Conflict = float | Mapping[Any, Any] | ArrayLike | pd.DataFrame | xr.DataArray

_SYMMETRY: Final = "Conflict is mutual: give both cells the same value."


@dataclass(frozen=True, init=False, eq=False, repr=False)
class ProblemArea:
    """A problem area: the goals an agent may hold in it and the conflict between each two of them.

    Parameters
    ----------
    name
        Name of the area.
    goals
        Labels of its k ≥ 1 goals, text or whole numbers, all distinct. "No goal" is not listed: an agent
        without a goal has None.
    conflict
        Conflict between goals, in [0, 1]: 0 means that both can be had in full, 1 that they exclude each
        other. One number for all pairs; ``{"a|b": 0.5, …}`` with every pair once; ``{"a": {"b": 0.5}}``; a
        square list or array in the order of ``goals``; or a DataFrame or DataArray, which is aligned by its
        labels. It must be symmetric with a zero diagonal. Stored as a read-only array, (goal, goal).

    Raises
    ------
    InputError
        For no goals, repeated goals, or a conflict that is not square, has other names than ``goals``, is
        asymmetric, has a value outside [0, 1] or missing, or a diagonal other than 0. All faults are listed.

    Examples
    --------
    >>> ProblemArea("p_h", goals=["c", "R"], conflict=0.5)
    ProblemArea('p_h', goals=('c', 'R'), conflict=[[0.0, 0.5], [0.5, 0.0]])
    """

    name: str
    goals: tuple[Label, ...]
    conflict: NDArray[np.float64]

    def __init__(self, name: str, goals: Iterable[Label], conflict: Conflict) -> None:
        if not isinstance(name, str) or not name:
            raise InputError(
                Fault(
                    code="area-name",
                    message=f"A problem area is called {shown(name)}.",
                    remedy='Give it a name, such as "welfare".',
                    value=str(name),
                )
            )
        labels = _goal_labels(name, goals)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "goals", labels)
        object.__setattr__(self, "conflict", conflict_matrix(labels, conflict, area=name))

    def __repr__(self) -> str:
        return f"ProblemArea({self.name!r}, goals={self.goals!r}, conflict={self.conflict.tolist()!r})"


def conflict_matrix(goals: Sequence[Label], conflict: Conflict, *, area: str) -> NDArray[np.float64]:
    """Return the conflict between goals as a checked, read-only array.

    Parameters
    ----------
    goals
        Labels of the goals.
    conflict
        As for :class:`ProblemArea`.
    area
        Name of the area, for messages.

    Returns
    -------
    ndarray
        (goal, goal), symmetric, in [0, 1], zero diagonal, in the order of ``goals``.

    Raises
    ------
    InputError
        If it is not such a matrix.
    """
    if isinstance(conflict, xr.DataArray):
        if conflict.ndim != 2 or len(conflict.indexes) != 2:
            raise _fault(area, "conflict-shape", "has no labels on two dimensions", _expected(goals))
        conflict = conflict.to_pandas()
    if isinstance(conflict, pd.DataFrame):
        matrix = _from_frame(area, goals, conflict)
    elif isinstance(conflict, Mapping):
        matrix = _from_pairs(area, goals, conflict)
    else:
        matrix = _from_array(area, goals, conflict)
    faults = _matrix_faults(area, goals, matrix)
    if faults:
        raise InputError(faults)
    matrix.setflags(write=False)
    return matrix


def _goal_labels(area: str, goals: Iterable[Label]) -> tuple[Label, ...]:
    if isinstance(goals, str):
        raise _fault(
            area, "goals", f"has the single text {shown(goals)} as goals", 'Give a list, such as ["less", "more"].'
        )
    labels = tuple(g.item() if isinstance(g, np.generic) else g for g in goals)
    if not labels:
        raise _fault(area, "no-goals", "has no goals", "List at least one goal.")
    faults = []
    seen: set[str] = set()
    for label in labels:
        if not isinstance(label, str | int) or isinstance(label, bool):
            remedy = "Goals are texts or whole numbers; no goal is not listed, it is None in the table of goals."
            faults.append(_entry(area, "goal-label", f"lists the goal {shown(label)}", remedy))
        elif str(label) in seen:
            faults.append(
                _entry(area, "duplicate-goal", f"lists the goal {shown(label)} twice", "List each goal once.")
            )
        seen.add(str(label))
    if faults:
        raise InputError(faults)
    return labels


def _from_frame(area: str, goals: Sequence[Label], frame: pd.DataFrame) -> NDArray[np.float64]:
    for axis, found in (("rows", frame.index), ("columns", frame.columns)):
        if not found.is_unique or set(found) != set(goals):
            given = ", ".join(shown(x) for x in found[:20])
            raise _fault(area, "conflict-names", f"has the conflict {axis} {given}", _expected(goals))
    return _numbers(area, frame.loc[list(goals), list(goals)].to_numpy())


def _from_pairs(area: str, goals: Sequence[Label], pairs: Mapping[Any, Any]) -> NDArray[np.float64]:
    position = {str(goal): i for i, goal in enumerate(goals)}
    cells: dict[tuple[int, int], Any] = {}
    faults = []
    for written, value in _flat(pairs):
        found = [(position[a], position[b]) for a, b in written if a in position and b in position]
        text = "|".join(written[0]) if written else ""
        if len(found) != 1:
            faults.append(
                _entry(area, "conflict-names", f"has a conflict for {shown(text)}", _expected(goals, pair=True))
            )
        elif found[0] in cells:
            faults.append(
                _entry(area, "conflict-twice", f"gives the conflict {shown(text)} twice", "Give each pair once.")
            )
        else:
            cells[found[0]] = value
    k = len(goals)
    matrix = np.zeros((k, k))
    if not faults:
        for i in range(k):
            if (i, i) in cells:
                matrix[i, i] = _number(area, cells[i, i])
            for j in range(i + 1, k):
                if (i, j) not in cells and (j, i) not in cells:
                    pair = f"{goals[i]}|{goals[j]}"
                    remedy = f'Add "{pair}"; a pair without conflict is given as 0.'
                    faults.append(
                        _entry(area, "conflict-missing", f"has no conflict for the pair {shown(pair)}", remedy)
                    )
                    continue
                matrix[i, j] = _number(area, cells.get((i, j), cells.get((j, i))))
                matrix[j, i] = _number(area, cells.get((j, i), cells.get((i, j))))
    if faults:
        raise InputError(faults)
    return matrix


def _flat(pairs: Mapping[Any, Any]) -> Iterable[tuple[list[tuple[str, str]], Any]]:
    """Yield the ways of reading each key as a pair of goals (a goal's name may hold the sign "|"), and its value."""
    for key, value in pairs.items():
        if isinstance(value, Mapping):
            yield from (([(str(key), str(other))], cell) for other, cell in value.items())
        elif isinstance(key, tuple) and len(key) == 2:
            yield [(str(key[0]), str(key[1]))], value
        else:
            parts = str(key).split("|")
            yield [("|".join(parts[:i]), "|".join(parts[i:])) for i in range(1, len(parts))] or [(str(key), "")], value


def _from_array(area: str, goals: Sequence[Label], conflict: ArrayLike) -> NDArray[np.float64]:
    k = len(goals)
    matrix = _numbers(area, conflict)
    if matrix.ndim == 0:
        if not 0 <= matrix <= 1:
            raise _fault(area, "conflict-range", f"has the conflict {matrix}", "A conflict lies between 0 and 1.")
        return np.where(np.eye(k, dtype=bool), 0.0, matrix)
    if matrix.shape != (k, k):
        shape = " × ".join(str(n) for n in matrix.shape)
        remedy = f"{_expected(goals)} Give {k} × {k} numbers in this order, or a table with these names."
        raise _fault(area, "conflict-shape", f"has a conflict of {shape} numbers", remedy)
    return matrix


def _number(area: str, value: object) -> float:
    numbers = _numbers(area, value)
    if numbers.ndim:
        message, remedy = f"has a conflict that is no number: {shown(value)}", "Give a number from 0 to 1."
        raise _fault(area, "conflict-shape", message, remedy)
    return float(numbers)


def _numbers(area: str, values: object) -> NDArray[np.float64]:
    try:
        return np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        message = f"has a conflict that is not a square table of numbers: {shown(values)}"
        raise _fault(area, "conflict-shape", message, "Give rows of equal length, numbers from 0 to 1.") from None


def _matrix_faults(area: str, goals: Sequence[Label], matrix: NDArray[np.float64]) -> list[Fault]:
    faults = []
    for i, goal in enumerate(goals):
        for j, other in enumerate(goals):
            cell, value = f"{goal}|{other}", matrix[i, j]
            if math.isnan(value):
                message, remedy = f"has no number as the conflict {shown(cell)}: nan", "Give a number from 0 to 1."
                faults.append(_entry(area, "conflict-missing", message, remedy))
            elif not 0 <= value <= 1:
                message, remedy = f"has the conflict {shown(cell)} = {value:g}", "A conflict lies between 0 and 1."
                faults.append(_entry(area, "conflict-range", message, remedy))
            elif i == j and value != 0:
                message, remedy = (
                    f"has the conflict {shown(cell)} = {value:g}",
                    "A goal does not conflict with itself: give 0.",
                )
                faults.append(_entry(area, "conflict-diagonal", message, remedy))
            elif i < j and matrix[j, i] != value and 0 <= matrix[j, i] <= 1:
                back = f"{other}|{goal}"
                message = f"has the conflict {shown(cell)} = {value} but {shown(back)} = {matrix[j, i]}"
                faults.append(_entry(area, "conflict-asymmetric", message, _SYMMETRY))
    return faults


def _expected(goals: Sequence[Label], *, pair: bool = False) -> str:
    names = ", ".join(shown(goal) for goal in goals[:20]) + (" …" if len(goals) > 20 else "")
    return f"The goals are {names}." + (' Write a pair as "a|b".' if pair else "")


def _entry(area: str, code: str, message: str, remedy: str) -> Fault:
    return Fault(code=code, message=f"Problem area {shown(area)} {message}.", remedy=remedy)


def _fault(area: str, code: str, message: str, remedy: str) -> InputError:
    return InputError(_entry(area, code, message, remedy))
