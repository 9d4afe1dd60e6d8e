"""Goals, weights and groups as a user has them, checked, aligned by name and coded area by area."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from ..errors import Fault, InputError, shown
from .problem_area import Label, ProblemArea

type Table = pd.DataFrame | xr.DataArray
type Groups = Sequence[Hashable] | pd.Series[Any] | pd.Index[Any] | NDArray[Any] | xr.DataArray

MOST_GROUPS: Final = 1_000
RESERVED: Final = frozenset({"agent", "area", "group", "group_other", "goal_pair"})


@dataclass(frozen=True, eq=False)
class _Columns:
    """A table opened: its areas, agents and extra dims, and a way to take one area out of it.

    ``goals`` are the labels of goals whose shares it holds, None where it holds goals themselves.
    """

    argument: str
    areas: list[Any]
    n: int
    labels: pd.Index[Any] | None
    extra: dict[str, int]
    coords: dict[str, Any]
    take: Callable[[int], Any]
    goals: pd.Index[Any] | None = None


@dataclass(frozen=True, eq=False)
class Agents:
    """Goals and weights of n agents in several areas, aligned; read one area at a time.

    Parameters
    ----------
    areas
        The problem areas.
    n
        Number of agents.
    extra
        Extra dims and their sizes, in the order in which results carry them.
    coords
        Coordinates of extra dims.
    groups
        Labels of groups; empty without groups.
    group
        Group of each agent, −1 for none, (agent,).
    """

    areas: tuple[ProblemArea, ...]
    n: int
    extra: dict[str, int]
    coords: dict[str, Any]
    groups: tuple[Hashable, ...]
    group: NDArray[np.int64]
    _goals: _Columns
    _weights: _Columns
    _order: NDArray[np.int64] | None

    def area(self, p: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the goal codes (the number of goals stands for no goal) and weights of area ``p``.

        Both of shape (*extra, agent), where an extra dim that a table does not have is of size 1.
        """
        area = self.areas[p]
        codes = _codes(self._goals, area)
        weights = _weight_values(self._weights, area)
        if self._order is not None:
            weights = weights[..., self._order]
        return self._spread(codes, self._goals), self._spread(weights, self._weights)

    @property
    def soft(self) -> bool:
        """Whether goals are given as shares, of which an agent may follow several."""
        return self._goals.goals is not None

    def soft_entries(self, p: int) -> Iterator[tuple[tuple[int, ...], NDArray[np.float64], NDArray[np.float64]]]:
        """Yield, as :meth:`entries`, shares of goals with no goal last, (agent, goal), in place of codes."""
        weights = _weight_values(self._weights, self.areas[p])
        if self._order is not None:
            weights = weights[..., self._order]
        shape = tuple(self.extra.values())
        weights = np.broadcast_to(self._spread(weights, self._weights), (*shape, self.n))
        shares = np.stack([self._spread(one, self._goals) for one in _shares(self._goals, self.areas[p])], axis=-1)
        shares = np.broadcast_to(shares, (*shape, *shares.shape[-2:]))
        for index in np.ndindex(shape):
            yield index, shares[index], weights[index]

    def entries(self, p: int) -> Iterator[tuple[tuple[int, ...], NDArray[np.int64], NDArray[np.float64]]]:
        """Yield, for each entry of the extra dims, its index and the (agent,) codes and weights of area ``p``."""
        codes, weights = self.area(p)
        shape = tuple(self.extra.values())
        codes = np.broadcast_to(codes, (*shape, self.n))
        weights = np.broadcast_to(weights, (*shape, self.n))
        for index in np.ndindex(shape):
            yield index, codes[index], weights[index]

    def _spread[T: np.generic](self, values: NDArray[T], table: _Columns) -> NDArray[T]:
        order = [d for d in self.extra if d in table.extra]
        values = np.moveaxis(values, [list(table.extra).index(d) for d in order], range(len(order)))
        return values.reshape(*(table.extra.get(d, 1) for d in self.extra), self.n)


def read_agents(
    goals: Table, weights: Table, areas: ProblemArea | Iterable[ProblemArea], by: Groups | None = None
) -> Agents:
    """Return goals, weights and groups aligned by the names of areas and, where both carry them, of agents.

    Raises
    ------
    InputError
        For fewer than two agents, areas missing or not declared, agents or extra dims that do not match.
    """
    listed = (areas,) if isinstance(areas, ProblemArea) else tuple(areas)
    _check_areas(listed)
    g, w = _open(goals, "goals", listed), _open(weights, "weights", listed)
    if w.goals is not None:
        raise _fault("weights-goal", "\"weights\" has the dim 'goal'", "An agent has one weight in an area.")
    order = _agent_order(g, w)
    if g.n < 2:
        raise _fault(
            "one-agent",
            f'"goals" holds {g.n} agent{"" if g.n == 1 else "s"}',
            "A score is a mean over pairs of agents: give two or more.",
        )
    named = w if g.labels is None or _is_default(g.labels, beside=None) else g
    group, labels = group_codes(by, named.n, named.labels, named.argument)
    clash = sorted((g.extra.keys() | w.extra.keys()) & RESERVED)
    if clash:
        raise _fault("reserved-dim", f"An extra dim is called {shown(clash[0])}", "Rename it: results use that name.")
    for dim in g.extra.keys() & w.extra.keys():
        a, b = g.coords.get(dim), w.coords.get(dim)
        if g.extra[dim] != w.extra[dim] or (a is not None and b is not None and not np.array_equal(a, b)):
            message = f'"goals" and "weights" differ along the dim {shown(dim)}'
            raise _fault("extra-dim", message, "Give both the same coordinates along it, or only one of them the dim.")
    return Agents(
        areas=listed,
        n=g.n,
        extra=g.extra | {d: k for d, k in w.extra.items() if d not in g.extra},
        coords=w.coords | g.coords,
        groups=labels,
        group=group,
        _goals=g,
        _weights=w,
        _order=order,
    )


def weights_by_area(
    area_weights: Mapping[str, float] | pd.Series[Any] | xr.DataArray | ArrayLike | None,
    areas: Sequence[ProblemArea],
) -> NDArray[np.float64] | None:
    """Return the weights of areas in the order of ``areas``: by name, or, for a plain sequence, in that order."""
    if isinstance(area_weights, xr.DataArray):
        area_weights = area_weights.to_series()
    if isinstance(area_weights, pd.Series):
        area_weights = {str(name): value for name, value in area_weights.items()}
    if isinstance(area_weights, Mapping):
        names = [area.name for area in areas]
        if set(area_weights) != set(names):
            given = ", ".join(shown(x) for x in area_weights)
            remedy = "The areas are " + ", ".join(shown(x) for x in names) + ": give each a weight."
            raise _fault("area-weights", f'"area_weights" names {given or "no area"}', remedy)
        area_weights = [area_weights[name] for name in names]
    return None if area_weights is None else np.asarray(area_weights, dtype=np.float64)


def label_array(labels: Iterable[Hashable]) -> NDArray[Any]:
    """Return labels as a coordinate: text or numbers as such, anything mixed as objects, never turned into text."""
    listed = list(labels)
    if all(isinstance(x, str) for x in listed) or all(isinstance(x, int) for x in listed):
        return np.array(listed)
    result = np.empty(len(listed), dtype=object)
    result[:] = listed
    return result


def _check_areas(areas: tuple[ProblemArea, ...]) -> None:
    names = [area.name for area in areas]
    if not names:
        raise _fault("no-areas", '"areas" is empty', "Give at least one ProblemArea.")
    for name in names:
        if names.count(name) > 1:
            raise _fault("duplicate-area", f'"areas" holds {shown(name)} twice', "Give each area a name of its own.")


def _open(table: Table, argument: str, areas: tuple[ProblemArea, ...]) -> _Columns:
    if isinstance(table, pd.DataFrame):
        frame = table
        columns = list(frame.columns)
        opened = _Columns(argument, columns, len(frame), frame.index, {}, {}, lambda j: frame.iloc[:, j])
    elif isinstance(table, xr.DataArray):
        opened = _open_array(table, argument)
    else:
        remedy = "Give a DataFrame with one column per area, or a DataArray with dims agent and area."
        raise TypeError(f'"{argument}" is a {type(table).__name__}. {remedy}')
    names = [area.name for area in areas]
    missing = [x for x in names if x not in opened.areas]
    unknown = [x for x in opened.areas if x not in names]
    repeated = [x for x in names if opened.areas.count(x) > 1]
    faults = []
    for found, code, text, remedy in (
        (missing, "area-missing", "has no column for the area", "Its areas are matched by name: add the column."),
        (unknown, "area-unknown", "has a column that is no area:", "Drop it, or add its ProblemArea."),
        (repeated, "area-twice", "has two columns for the area", "Keep one of them."),
    ):
        faults += [Fault(code=code, message=f'"{argument}" {text} {shown(x)}.', remedy=remedy) for x in found]
    if faults:
        raise InputError(faults)
    return opened


def _open_array(array: xr.DataArray, argument: str) -> _Columns:
    dims = [str(d) for d in array.dims]
    for dim in ("agent", "area"):
        if dim not in dims:
            message = f'"{argument}" has the dims {", ".join(shown(d) for d in dims) or "none"}'
            raise _fault("dims", message, f"It needs the dim {shown(dim)}.")
    if "area" not in array.coords:
        raise _fault(
            "area-names", f'"{argument}" has no coordinate "area"', "Areas are matched by name: add their names."
        )
    extra = {d: array.sizes[d] for d in dims if d not in {"agent", "area", "goal"}}
    soft = "goal" in dims
    if soft and "goal" not in array.coords:
        message = f'"{argument}" has no coordinate "goal"'
        raise _fault("goal-names", message, "Shares are matched by the names of goals: add them.")
    ordered = array.transpose("area", *(["goal"] if soft else []), *extra, "agent")
    return _Columns(
        argument=argument,
        areas=array.coords["area"].values.tolist(),
        n=array.sizes["agent"],
        labels=array.indexes.get("agent"),
        extra=extra,
        coords={d: array.coords[d].values for d in extra if d in array.coords},
        take=lambda j: ordered.values[j],
        goals=pd.Index(array.coords["goal"].to_numpy().astype(object)) if soft else None,
    )


def _agent_order(first: _Columns, other: _Columns) -> NDArray[np.int64] | None:
    """Return where each agent of ``first`` stands in ``other``; None when the order is the same."""
    if first.n != other.n:
        message = f'"{first.argument}" holds {first.n:,} agents and "{other.argument}" {other.n:,}'
        raise _fault("agents", message, "Give one entry per agent.")
    a, b = first.labels, other.labels
    if a is None or b is None or _is_default(a, b) or _is_default(b, a):
        return None
    for labels, argument in ((a, first.argument), (b, other.argument)):
        if not labels.is_unique:
            twice = labels[labels.duplicated()][0]
            message = f'"{argument}" holds the agent {shown(twice)} more than once'
            remedy = "Give each agent one row, or drop the labels with reset_index(drop=True)."
            raise _fault("duplicate-agent", message, remedy)
    if a.equals(b):
        return None
    order = b.get_indexer(a)
    if (order < 0).any():
        lost = a[order < 0]
        message = f'"{other.argument}" lacks {len(lost):,} agents of "{first.argument}", such as {shown(lost[0])}'
        raise _fault("agents", message, "Agents are matched by label: give both the same labels, or neither.")
    return np.asarray(order, dtype=np.int64)


def _is_default(labels: pd.Index[Any], beside: pd.Index[Any] | None) -> bool:
    # pandas numbers the rows of every frame; such numbers say nothing about agents that have names elsewhere.
    default = isinstance(labels, pd.RangeIndex) and labels.equals(pd.RangeIndex(len(labels)))
    return default and (beside is None or not pd.api.types.is_integer_dtype(beside.dtype))


def group_codes(
    by: Groups | None, n: int, agents: pd.Index[Any] | None, argument: str
) -> tuple[NDArray[np.int64], tuple[Hashable, ...]]:
    """Return the group of each agent, −1 for none, and the labels of groups in sorted order (categories in theirs).

    Parameters
    ----------
    by
        A group label per agent, None or NaN for no group; None for no groups at all.
    n, agents, argument
        Number and labels of the agents and the name of the argument that holds them.
    """
    if by is None:
        return np.zeros(n, dtype=np.int64), ()
    reference = _Columns(argument, [], n, agents, {}, {}, lambda j: None)
    labels: pd.Index[Any] | None = None
    values: Any = by
    if isinstance(by, pd.Series):
        labels = by.index
    elif isinstance(by, xr.DataArray) and by.dims == ("agent",):
        labels, values = by.indexes.get("agent"), by.to_numpy()
    elif isinstance(by, str | pd.DataFrame | xr.DataArray) or np.ndim(np.asarray(by, dtype=object)) != 1:
        raise _fault("groups", '"by" is not one label per agent', "Give a sequence, Series or DataArray over agent.")
    if not isinstance(values, pd.Series | pd.Index | np.ndarray):
        values = pd.Series(values, dtype=object)  # as given: numbers stay whole beside a None
    order = _agent_order(reference, _Columns("by", [], len(values), labels, {}, {}, lambda j: None))
    codes, found = pd.factorize(values)
    if len(found) == 0:
        raise _fault("groups", '"by" names no group', "Give at least one agent a group.")
    if len(found) > MOST_GROUPS:
        message = f'"by" names {len(found):,} groups, and scores are kept for every two of them'
        raise _fault("too-many-groups", message, f"Merge groups: at most {MOST_GROUPS:,} are compared at once.")
    keys = found.codes if isinstance(found, pd.CategoricalIndex | pd.Categorical) else found
    try:
        sequence = sorted(range(len(found)), key=lambda i: keys[i])
    except TypeError:  # labels of several types have no order but that of appearance
        sequence = list(range(len(found)))
    codes = np.append(np.argsort(sequence), -1)[codes]
    names = (found[i] for i in sequence)
    groups = tuple(x.item() if isinstance(x, np.generic) else x for x in names)
    return (codes if order is None else codes[order]).astype(np.int64), groups


def _codes(table: _Columns, area: ProblemArea) -> NDArray[np.int64]:
    column = table.take(table.areas.index(area.name))
    shape = np.shape(column)
    known = pd.Index(area.goals, dtype=object)
    found: Sequence[Any] | NDArray[Any] | pd.Index[Any]
    if isinstance(column, pd.Series):
        codes, found = pd.factorize(column)
    else:
        codes, found = _factorize_array(np.ravel(column), area.goals)
    place = known.get_indexer(pd.Index(found).astype(object))
    if (place < 0).any():
        raise _unknown_goals(table, area, [found[int(i)] for i in np.flatnonzero(place < 0)])
    return np.append(place, len(area.goals))[codes].reshape(shape)


def _factorize_array(
    values: NDArray[Any], goals: tuple[Label, ...]
) -> tuple[NDArray[np.int64], Sequence[Any] | NDArray[Any]]:
    if values.dtype.kind != "U":
        return pd.factorize(values)
    # Fixed-width text: comparing with each goal is many times faster than hashing every entry.
    codes = np.full(len(values), -1, dtype=np.int64)
    for i, goal in enumerate(goals):
        if isinstance(goal, str):
            codes[values == goal] = i
    if (codes < 0).any():
        return pd.factorize(values.astype(object))
    return codes, goals


def _unknown_goals(table: _Columns, area: ProblemArea, found: Sequence[Any]) -> InputError:
    goals = ", ".join(shown(goal) for goal in area.goals[:20])
    faults = []
    for value in found:
        label = value.item() if isinstance(value, np.generic) else value
        near = difflib.get_close_matches(str(label), [str(goal) for goal in area.goals], n=1)
        hint = f" (nearest: {shown(near[0])})" if near else ""
        if near and near[0] == str(label):
            hint = f" (given as {type(label).__name__}, declared as {type(area.goals[0]).__name__})"
        message = f'"{table.argument}" has the goal {shown(label)}{hint}.'
        remedy = f"Its goals are {goals}; no goal is None or NaN."
        faults.append(
            Fault(code="unknown-goal", message=message, remedy=remedy, column=area.name, value=str(label)[:60])
        )
    return InputError(faults)


def _shares(table: _Columns, area: ProblemArea) -> NDArray[np.float64]:
    """Return the shares of the goals of an area with no goal last, (goal, *extra, agent)."""
    assert table.goals is not None
    goals = table.goals
    if not goals.is_unique:
        twice = goals[goals.duplicated()][0]
        raise _fault("goal-twice", f'"{table.argument}" has the goal {shown(twice)} twice', "Name each goal once.")
    try:
        values = np.asarray(table.take(table.areas.index(area.name)), dtype=np.float64)
    except (TypeError, ValueError):
        message = f'"{table.argument}" holds a share that is no number'
        raise _fault("share", message, "Give shares from 0 to 1 along the dim goal.") from None
    if not (values >= 0).all():
        raise _fault("share", f'"{table.argument}" holds a negative share or NaN', "Give shares from 0 to 1.")
    place = goals.get_indexer(pd.Index(area.goals, dtype=object))
    other = np.setdiff1d(np.arange(len(goals)), place)
    used = other[values[other].any(axis=tuple(range(1, values.ndim)))] if len(other) else other
    if len(used):
        raise _unknown_goals(table, area, [goals[int(j)] for j in used])
    own = np.stack([values[j] if j >= 0 else np.zeros(values.shape[1:]) for j in place])
    none = 1 - own.sum(axis=0)
    if not (none >= -1e-8).all():
        worst = 1 - none.min()
        message = f'"{table.argument}" has shares that sum to {worst:.9g} in the area {shown(area.name)}'
        raise _fault("share", message, "The shares of an agent sum to 1 at most; what is left follows no goal.")
    return np.concatenate([own, np.maximum(none, 0.0)[None]])


def _weight_values(table: _Columns, area: ProblemArea) -> NDArray[np.float64]:
    column = table.take(table.areas.index(area.name))
    try:
        if isinstance(column, pd.Series):
            values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        else:
            values = np.asarray(column, dtype=np.float64)
    except (TypeError, ValueError):
        message = f'"{table.argument}" holds something that is not a number.'
        raise InputError(
            Fault(code="weight-number", message=message, remedy="Give numbers from 0 to 1.", column=area.name)
        ) from None
    good = (values >= 0) & (values <= 1)
    if good.all():
        return values
    at = np.argwhere(~good)[0]
    value = values[tuple(at)]
    agent = at[-1] if table.labels is None else table.labels[at[-1]]
    what = "no weight" if np.isnan(value) else f"the weight {value:g}"
    fault = Fault(
        code="weight-range",
        message=f'"{table.argument}" has {what} for the agent {shown(agent)}.',
        remedy="A weight lies between 0 and 1; every agent needs one, also without a goal (0, say).",
        column=area.name,
        value=f"{value:g}",
        count=int((~good).sum()),
    )
    raise InputError(fault)


def _fault(code: str, message: str, remedy: str) -> InputError:
    return InputError(Fault(code=code, message=f"{message}.", remedy=remedy))
