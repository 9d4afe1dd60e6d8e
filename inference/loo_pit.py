"""Where each agent's answers fall in what the model predicts of them from all other agents.

Options have no order, so an answer itself has no probability integral transform. What has an order is how many of an
agent's answers serve a goal: for each goal of an area a number T between 0 and the number of answers. Given a state the
answers are independent, so T is a sum of binomials, and its distribution for an agent left out is their mixture over
states and over the draws, weighted as in :mod:`~dissensus.inference.left_out`.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ..errors import clean
from .answer_tables import cell_probabilities
from .density import AreaDensity
from .left_out import Entries, entries_of, leave_out
from .pearson_tail import holm
from .result import choices_of
from .table_checks import SIGNIFICANT
from .verdict import verdict
from .which_area import area_position

Array = NDArray[np.float64]

_TESTED = 10_000
"""Agents in the test of uniformity: with more, it would find differences that matter to nobody."""
_AT_ONCE = 50
_BEYOND = 0.05
"""Largest distance of the distribution of the transforms from the uniform one that is too small to matter."""


def loo_pit(fit: xr.DataTree, *, area: str | None = None, seed: int = 1) -> xr.Dataset:
    """Return where the number of each agent's answers that serve a goal falls in its leave-one-out prediction.

    Answers have no order and option labels no such transform; the number of an agent's answers that serve a goal has.
    With F its distribution for the agent given all other agents, the transform is a random number between F(T − 1) and
    F(T), since T is discrete. If the model is right, the transforms of all agents are spread evenly over 0 to 1.
    Heaped at both ends: agents are more single-minded than the model has it; in the middle: less.

    Parameters
    ----------
    fit
        A result of :func:`fit` or :func:`load`.
    area
        A problem area; may be left out when there is only one.
    seed
        Seed of the random numbers between F(T − 1) and F(T).

    Returns
    -------
    xarray.Dataset
        ``pit`` (agent, goal) in [0, 1], NaN for agents who answered no item of which some option serves the goal and
        some does not; ``p_value`` (goal), of uniformity, adjusted over goals; ``distance`` (goal), the largest
        distance of their distribution from the uniform one; ``state`` and ``sentence`` (goal).

    Raises
    ------
    InputError
        If there is no such area, or several and none is named.
    """
    choices = choices_of(fit)
    entries = entries_of(fit, choices)[area_position(choices, area)]
    density = entries.density
    rng = np.random.default_rng(seed)
    below, upto = _predicted(entries)
    pit = below[entries.of_agent] + rng.random((choices.n_agents, below.shape[1])) * (upto - below)[entries.of_agent]
    p, distance = _uniformity(pit, rng)
    states = [
        "ok" if not x < SIGNIFICANT else "caution" if d > _BEYOND else "note" for x, d in zip(p, distance, strict=True)
    ]
    goals = list(density.area.goals)
    texts = [
        _sentence(goal, x, d, column, state)
        for goal, x, d, column, state in zip(goals, p, distance, pit.T, states, strict=True)
    ]
    return xr.Dataset(
        {
            "pit": (("agent", "goal"), pit),
            "p_value": ("goal", p),
            "distance": ("goal", distance),
            "state": ("goal", np.array(states, dtype=object)),
            "sentence": ("goal", np.array(texts, dtype=object)),
        },
        coords={"agent": choices.agents, "goal": goals},
        attrs={"area": density.area.name, "state": verdict(fit).state},
    )


def _predicted(entries: Entries) -> tuple[Array, Array]:
    """Return F(T − 1) and F(T) of each entry left out, (entry, goal) each; NaN where T cannot vary."""
    density, area = entries.density, entries.density.area
    counts = area.counts[density.rows.pattern[entries.row]] * ~density.table.ignored
    served = counts @ area.serves.T  # (entry, goal)
    times = counts @ (area.item_of_option[:, None] == np.arange(len(area.items)))
    group = density.unit_of_row[entries.row]
    designs, design = np.unique(np.column_stack([group, times]), axis=0, return_inverse=True)
    design = np.ravel(design)
    below, upto = np.full(served.shape, np.nan), np.full(served.shape, np.nan)
    log_weight = np.empty((len(entries.row), len(entries.theta)))
    for part in leave_out(entries):
        log_weight[part.entries] = part.log_weight
    cells, prior = _served_probability(entries)
    for d, (h, *answered) in enumerate(designs.tolist()):
        mine = np.flatnonzero(design == d)
        weight, place = np.exp(log_weight[mine]), np.arange(len(mine))
        for g in range(served.shape[1]):
            if not _can_vary(density, g, answered):
                continue
            upper = weight @ np.cumsum(_distribution(cells[:, :, g], prior[:, h], answered), axis=1)
            t = served[mine, g]
            upto[mine, g] = np.minimum(upper[place, t], 1)
            below[mine, g] = np.where(t > 0, upper[place, np.maximum(t - 1, 0)], 0)
    return below, upto


def _served_probability(entries: Entries) -> tuple[Array, Array]:
    """Return P(an answer serves a goal | state), (draw, state, goal, item), and the prior over states of each group."""
    area = entries.density.area
    in_item = (area.item_of_option[:, None] == np.arange(len(area.items))).astype(float)
    merge = (area.serves.T[:, :, None] * in_item[:, None]).reshape(len(in_item), -1)
    shape = (len(area.goals), len(area.items))
    parts = [
        (p.reshape(*p.shape[:2], *shape), prior)
        for start in range(0, len(entries.theta), _AT_ONCE)  # all draws, in order: the weights belong to them
        for p, prior in cell_probabilities(entries.density, entries.theta[start : start + _AT_ONCE], merge, per_draw=0)
    ]
    return np.clip(np.concatenate([p for p, _ in parts]), 0, 1), np.concatenate([prior for _, prior in parts])


def _can_vary(density: AreaDensity, goal: int, answered: list[int]) -> bool:
    serves = density.area.serves[goal] & ~density.table.ignored
    both = [len(set(serves[density.area.item_of_option == j].tolist())) == 2 for j in range(len(answered))]
    return any(times and mixed for times, mixed in zip(answered, both, strict=True))


def _distribution(yes: Array, prior: Array, times: list[int]) -> Array:
    """Return P(T = t) of an agent who answers each item so many times, (draw, t).

    ``yes`` is P(an answer serves the goal | state), (draw, state, item), ``prior`` over states (draw, state).
    """
    mass = np.zeros((*yes.shape[:2], sum(times) + 1))
    mass[..., 0] = 1
    done = 0
    for j, t in enumerate(times):
        p = yes[..., j, None]
        for _ in range(t):
            done += 1
            one_more = mass[..., :done] * p
            mass[..., : done + 1] *= 1 - p
            mass[..., 1 : done + 1] += one_more
    return np.asarray(np.einsum("ds,dst->dt", prior, mass))


def _uniformity(pit: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return p-values of uniformity adjusted over goals, and the distance from the uniform distribution, (goal,)."""
    from arviz_stats.base import array_stats  # noqa: PLC0415 - costs seconds

    p, distance = np.ones(pit.shape[1]), np.zeros(pit.shape[1])
    for g, column in enumerate(pit.T):
        values = np.sort(column[np.isfinite(column)])
        if len(values) < 2:
            continue
        steps = np.arange(1, len(values) + 1) / len(values)
        distance[g] = max(np.max(steps - values), np.max(values - steps + 1 / len(values)))
        some = values if len(values) <= _TESTED else rng.choice(values, _TESTED, replace=False)
        p[g] = float(np.asarray(array_stats.uniformity_test(some)[0]))
    return holm(p.tolist()), distance


def _sentence(goal: str, p: float, distance: float, pit: Array, state: str) -> str:
    if state == "ok":
        return ""
    values = pit[np.isfinite(pit)]
    tails = float(np.mean((values < 0.1) | (values > 0.9)))
    mean = float(values.mean())
    if abs(tails - 0.2) < abs(mean - 0.5):
        how = f"{'more' if mean > 0.5 else 'fewer'} answers that serve '{clean(goal)}' than"
    elif tails > 0.2:
        how = f"very many or very few answers that serve '{clean(goal)}' more often than"
    else:
        how = f"very many or very few answers that serve '{clean(goal)}' less often than"
    small = ", too little to matter" if state == "note" else ""
    size = "< 0.001" if p < 0.001 else f"= {p:.3f}"
    return f"Agents give {how} the model predicts from all others (p {size}){small}."
