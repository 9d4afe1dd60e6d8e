"""The experiments of the paper, each a few lines over :func:`.score`.

Each returns the overall misalignment as labelled data with the quantities varied as dims; :mod:`.plots` has a
plot for each. Where goals are drawn at random, the dim ``repetition`` holds the independent repeats: average
over it. The paper starts at one agent, whose score its code calls 0; a score needs two, so the experiments
here start at two.

References
----------
Kierans, Ghosh, Hazan and Dori-Hacohen, *Quantifying Misalignment Between Agents*, arXiv:2406.04231.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from .problem_area import ProblemArea
from .score import score

type Seed = int | np.random.Generator | None

_AGENTS = (2, 3, 4, 6, 8, 11, 14, 18, 23, 30, 38, 48, 62, 78, 100)
_CONFLICT_LISTS = (
    (1.0, 1.0, 1.0), (1.0,), (1.0, 0.75), (1.0, 0.75, 0.5), (0.5,),
    (0.25, 0.5, 0.75), (0.25, 0.5), (0.25,), (0.25, 0.25, 0.25),
)  # fmt: skip


def misalignment_by_agents_and_areas(
    n_agents: Sequence[int] = _AGENTS,
    n_areas: Sequence[int] = (1, 2, 3, 4, 5),
    *,
    n_goals: int = 3,
    conflict: float = 1.0,
    repetitions: int = 100,
    seed: Seed = None,
) -> xr.DataArray:
    """Return misalignment against the number of agents, for several numbers of areas.

    Goals are drawn evenly at random, weights are 1. The mean is conflict · (k − 1)/k whatever the number of
    agents and areas; what shrinks with both is the spread.

    Parameters
    ----------
    n_agents, n_areas
        Numbers of agents (≥ 2) and of areas.
    n_goals
        Goals per area, k.
    conflict
        Conflict between each two goals.
    repetitions
        Independent repeats.
    seed
        Seed or generator.

    Returns
    -------
    xarray.DataArray
        (n_areas, n_agents, repetition).
    """
    rng = np.random.default_rng(seed)

    def one(areas: int, agents: int) -> xr.DataArray:
        return _random_goals(areas, n_goals, conflict, agents, repetitions, rng)

    return _over("n_areas", n_areas, lambda p: _over("n_agents", n_agents, lambda n: one(p, n)))


def misalignment_by_agents_and_goals(
    n_agents: Sequence[int] = _AGENTS,
    n_goals: Sequence[int] = (2, 3, 4, 5),
    *,
    n_areas: int = 4,
    conflict: float = 1.0,
    repetitions: int = 100,
    seed: Seed = None,
) -> xr.DataArray:
    """Return misalignment against the number of agents, for several numbers of goals per area.

    As :func:`misalignment_by_agents_and_areas`; more goals leave more room for conflict, (k − 1)/k.

    Returns
    -------
    xarray.DataArray
        (n_goals, n_agents, repetition).
    """
    rng = np.random.default_rng(seed)

    def one(goals: int, agents: int) -> xr.DataArray:
        return _random_goals(n_areas, goals, conflict, agents, repetitions, rng)

    return _over("n_goals", n_goals, lambda k: _over("n_agents", n_agents, lambda n: one(k, n)))


def misalignment_by_goal_share(
    share: ArrayLike | None = None,
    n_goals: Sequence[int] = (2, 3, 4, 5),
    *,
    n_agents: int = 1000,
    conflict: float = 1.0,
) -> xr.DataArray:
    """Return misalignment against the share of agents who hold the first goal, the rest split evenly over the others.

    One area, weights 1. With equal conflicts it peaks at the even split, a share of 1/k.

    Parameters
    ----------
    share
        Shares of the first goal in [0, 1]; default 51 from 0 to 1. Agents are whole: the number of holders is
        rounded down.
    n_goals
        Numbers of goals.
    n_agents
        Number of agents.
    conflict
        Conflict between each two goals.

    Returns
    -------
    xarray.DataArray
        (n_goals, share).
    """
    shares = np.linspace(0, 1, 51) if share is None else np.asarray(share, dtype=np.float64)

    def one(k: int) -> xr.DataArray:
        first = whole_number(shares * n_agents)
        goals = [np.concatenate([np.zeros(m, int), 1 + even_goals(n_agents - m, k - 1)]) for m in first]
        codes = xr.DataArray(np.stack(goals), dims=("share", "agent"), coords={"share": shares})
        return _overall(codes.expand_dims(area=["p_1"]), 1.0, k, [conflict])

    return _over("n_goals", n_goals, one)


def misalignment_by_group_weight(
    weight: ArrayLike | None = None,
    n_areas: Sequence[int] = (1, 2, 3, 4),
    n_goals: Sequence[int] = (2, 4),
    *,
    n_agents: int = 100,
    conflict: float = 1.0,
    repetitions: int = 100,
    seed: Seed = None,
) -> xr.DataArray:
    """Return misalignment against the weight that one group gives the first area: those with its first goal.

    All other weights are 1, goals are drawn evenly at random. The more areas, the less one group's weight in
    one of them moves the overall score.

    Parameters
    ----------
    weight
        Weights in [0, 1]; default 50 from 0 to 1.
    n_areas, n_goals
        Numbers of areas and of goals per area.
    n_agents
        Number of agents.
    conflict, repetitions, seed
        As for :func:`misalignment_by_agents_and_areas`.

    Returns
    -------
    xarray.DataArray
        (n_goals, n_areas, weight, repetition).
    """
    values = np.linspace(0, 1, 50) if weight is None else np.asarray(weight, dtype=np.float64)
    grid = xr.DataArray(values, dims="weight", coords={"weight": values})
    rng = np.random.default_rng(seed)

    def one(k: int, areas: int) -> xr.DataArray:
        goals = _drawn(areas, k, n_agents, repetitions, rng)
        in_group = (goals == 0) & (goals["area"] == "p_1")
        return _overall(goals, grid.where(in_group, 1.0), k, [conflict] * areas)

    result = _over("n_goals", n_goals, lambda k: _over("n_areas", n_areas, lambda p: one(k, p)))
    return result.transpose("n_goals", "n_areas", "weight", "repetition")


def misalignment_by_conflict_level(
    conflicts: Iterable[Sequence[float]] = _CONFLICT_LISTS,
    n_goals: Sequence[int] = tuple(range(1, 11)),
    *,
    n_agents: int = 120,
    weights: tuple[float, float] = (0.25, 0.75),
    repetitions: int = 100,
    seed: Seed = None,
) -> xr.DataArray:
    """Return misalignment against the number of goals, for several lists of conflict levels, one level per area.

    Agents are split evenly over the goals. All holders of a goal of an area share one weight, drawn evenly
    from ``weights``. Only the mean of the conflict levels matters for the mean.

    Parameters
    ----------
    conflicts
        Lists of conflicts; each level is that of all pairs of goals of one area.
    n_goals
        Numbers of goals per area.
    n_agents
        Number of agents.
    weights
        Lowest and highest weight; equal for a constant weight.
    repetitions, seed
        As for :func:`misalignment_by_agents_and_areas`.

    Returns
    -------
    xarray.DataArray
        (conflicts, n_goals, repetition); the coordinate ``conflicts`` is text such as ``"1, 0.75"``.
    """
    rng = np.random.default_rng(seed)

    def one(levels: Sequence[float], k: int) -> xr.DataArray:
        goals = xr.DataArray(np.tile(even_goals(n_agents, k), (len(levels), 1)), dims=("area", "agent"))
        goals = goals.assign_coords(area=_names(len(levels)))
        of_goal = xr.DataArray(
            rng.uniform(*weights, (repetitions, len(levels), k)), dims=("repetition", "area", "goal")
        )
        return _overall(goals, of_goal.assign_coords(area=goals["area"]).isel(goal=goals), k, list(levels))

    lists = [tuple(levels) for levels in conflicts]
    parts = [_over("n_goals", n_goals, partial(one, levels)) for levels in lists]
    names = [", ".join(f"{level:g}" for level in levels) for levels in lists]
    return xr.concat(parts, "conflicts").assign_coords(conflicts=names)


def even_goals(n_agents: int, n_goals: int) -> NDArray[np.int64]:
    """Return goals 0 to k − 1 of n agents split as evenly as possible, the first goals taking what is left over."""
    return np.sort(np.arange(n_agents) % n_goals)


def whole_number(numbers: ArrayLike) -> NDArray[np.int64]:
    """Return numbers of agents rounded down, forgiving what binary fractions lose (0.58 · 1000 is 580)."""
    return np.floor(np.asarray(numbers) + 1e-9).astype(np.int64)


def _names(n_areas: int) -> list[str]:
    return [f"p_{p + 1}" for p in range(n_areas)]


def _drawn(n_areas: int, n_goals: int, n_agents: int, repetitions: int, rng: np.random.Generator) -> xr.DataArray:
    goals = rng.integers(n_goals, size=(repetitions, n_agents, n_areas))
    return xr.DataArray(goals, dims=("repetition", "agent", "area"), coords={"area": _names(n_areas)})


def _random_goals(
    n_areas: int, n_goals: int, conflict: float, n_agents: int, repetitions: int, rng: np.random.Generator
) -> xr.DataArray:
    return _overall(_drawn(n_areas, n_goals, n_agents, repetitions, rng), 1.0, n_goals, [conflict] * n_areas)


def _overall(goals: xr.DataArray, weights: xr.DataArray | float, k: int, conflicts: Sequence[float]) -> xr.DataArray:
    areas = [
        ProblemArea(str(name), range(k), level) for name, level in zip(goals["area"].values, conflicts, strict=True)
    ]
    table = weights if isinstance(weights, xr.DataArray) else xr.full_like(goals, weights, dtype=np.float64)
    return score(goals, table, areas)["overall_misalignment"].rename("misalignment")


def _over[T](dim: str, values: Sequence[T], one: Callable[[T], xr.DataArray]) -> xr.DataArray:
    return xr.concat([one(value) for value in values], xr.Variable(dim, list(values)))
