"""How far goals differ in answers that are not among the counts of options: choices in situations, and numbers.

The distance is the total variation distance between the answers of agents of weight 1 who hold the goals. Two
log-normal distributions of one σ, and two negative binomials of one φ, have one place where both are as likely; the
distance is the difference of their distribution functions there.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, expit, ndtr

from ..datasets.numbers import Numbers
from ..datasets.stages import Stages
from .density import AreaDensity
from .goal_stages import evaluate_stages, option_probability, stages_of, with_learned
from .number_table import NumberTable, make_number_tables, shift_of
from .parameters import Values
from .stage_table import make_stage_tables
from .states import make_states

Array = NDArray[np.float64]

MOST_SITUATIONS = 300
"""Situations, or exposures, over which the distance is averaged."""


def distances_beside(density: AreaDensity, values: Values) -> Array:
    """Return the sum over items of situations and of numbers of the distance between goals, (D, goal, goal).

    Parameters
    ----------
    density
        Density of the area.
    values
        Its parameters at D vectors.
    """
    area, rows = density.area, density.rows
    agents = np.bincount(rows.pattern, rows.multiplicity, len(area.counts))
    states = make_states(density.states.n_goals, no_goal=False, weighted=False, nodes=1)
    given = (area.serves, area.item_of_option, states)
    found = np.zeros((len(values.share), states.n_goals, states.n_goals))
    for place, stages in enumerate(area.stages):
        if area.has_situations[stages.item]:
            weight = np.bincount(stages.stage, stages.times * agents[stages.pattern], len(stages.chosen))
            found += _apart_in_situations(density, values, place, stages, weight)
    tables = make_number_tables(
        area.numbers, *given, kappa=area.kappa, n_patterns=len(area.counts), learned=area.item_learned
    )
    for numbers, table in zip(area.numbers, tables, strict=True):
        weight = np.bincount(numbers.which, numbers.times * agents[numbers.pattern], len(numbers.value))
        found += _apart_in_numbers(table, numbers, values, weight)
    return found


def _spread_evenly(weight: Array) -> tuple[NDArray[np.int64], Array]:
    """Return entries spread evenly over their weights, at most :data:`MOST_SITUATIONS`, and the share of each."""
    if len(weight) <= MOST_SITUATIONS:
        return np.arange(len(weight)), weight / weight.sum()
    upto = np.cumsum(weight) / weight.sum()
    places = np.searchsorted(upto, (np.arange(MOST_SITUATIONS) + 0.5) / MOST_SITUATIONS)
    entry, times = np.unique(places, return_counts=True)
    return entry, times / MOST_SITUATIONS


def _apart_in_situations(density: AreaDensity, values: Values, place: int, stages: Stages, weight: Array) -> Array:
    """Return the mean distance between the choices of goals in situations of one item, (D, goal, goal)."""
    area = density.area
    some, share = _spread_evenly(weight)
    nobody = np.zeros(0, dtype=np.int64)
    few = replace(
        stages,
        shown=stages.shown[some],
        chosen=stages.chosen[some],
        worst=stages.worst[some],
        features=stages.features[some],
        pattern=nobody,
        stage=nobody,
        times=nobody,
    )
    states = make_states(density.states.n_goals, no_goal=False, weighted=False, nodes=1)
    given = (area.serves, area.item_of_option, states)
    plain = make_stage_tables([few], *given, kappa=area.kappa, n_patterns=len(area.counts))
    own = stages_of(density.table.stages[place]).tastes
    (table,) = with_learned(
        [replace(one, tastes=own) for one in plain], [stages.item], area.item_learned, area.item_of_option, states
    )
    parts = evaluate_stages(table, values.baseline_logits, values.taste, values.affinity)
    found = 0.0
    for option in np.flatnonzero(area.item_of_option == stages.item):
        p = option_probability(table, parts, int(option))  # (D, situation, goal)
        found = found + 0.5 * np.einsum("dngh,n->dgh", np.abs(p[..., None] - p[:, :, None]), share)
    return np.asarray(found)


def _apart_in_numbers(table: NumberTable, numbers: Numbers, values: Values, weight: Array) -> Array:
    """Return the mean distance between the numbers of goals of one item, (D, goal, goal)."""
    assert values.location is not None and values.spread is not None
    u = values.location[:, table.place, None] + shift_of(table, values.affinity)  # (D, goal)
    s = values.spread[:, table.place, None, None]
    if numbers.kind == "duration":
        return np.asarray(2 * ndtr(np.abs(u[:, :, None] - u[:, None]) / (2 * s)) - 1)
    exposure, which = np.unique(numbers.exposure, return_inverse=True)
    some, share = _spread_evenly(np.bincount(np.ravel(which), weight, len(exposure)))
    found = 0.0
    for e, part in zip(exposure[some], share, strict=True):
        found = found + part * _apart_in_counts(u + np.log(e), s)
    return np.asarray(found)


def _apart_in_counts(log_mean: Array, spread: Array) -> Array:
    """Return the distance between negative binomials, (D, goal, goal), of log means (D, goal) and φ, (D, 1, 1)."""
    log_odds = np.clip(log_mean[:, :, None] + np.log(spread), -700.0, 700.0)
    other = np.swapaxes(log_odds, 1, 2)
    high, low = np.maximum(log_odds, other), np.minimum(log_odds, other)
    more, less = np.logaddexp(0, high), np.logaddexp(0, low)
    # where both are as likely: y·(η₁ − η₂) = (y + 1/φ)·(log(1 + e^η₁) − log(1 + e^η₂))
    rest = np.maximum((high - low) - (more - less), 1e-300)
    crossing = np.minimum(np.floor((more - less) / (spread * rest)), 1e15)
    inside = [betainc(1 / spread, crossing + 1, expit(-eta)) for eta in (low, high)]
    return np.where(high - low > 1e-12, np.maximum(inside[0] - inside[1], 0.0), 0.0)
