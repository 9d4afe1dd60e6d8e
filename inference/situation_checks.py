"""Whether options are chosen in situations as often as the model expects, given what was shown.

For an option o of an item asked in situations, T is how often agents choose it where it is shown. Given the parameters,

    E T = Σ_agents Σ_s π(s) m(s),    Var T = Σ_agents [Σ_s π(s) (m(s)² + v(s)) − (Σ_s π(s) m(s))²],

with m and v the sums over the agent's situations of P(o | s) and P(o | s)(1 − P(o | s)): the choices of one agent
depend on each other through its goal and weight. An option that was not available counts neither way.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from .checks import Check
from .density import AreaDensity, state_prior
from .goal_stages import AnyStageTable, evaluate_stages, option_probability, stages_of
from .parameters import constrain
from .pearson_tail import holm
from .stage_table import by_pattern
from .table_checks import NOTICEABLE, SIGNIFICANT
from .thinning import evenly

Array = NDArray[np.float64]

MOST_DRAWS, FEWEST_DRAWS = 100, 10
"""Posterior draws that are looked at: the most, and the fewest where there are many situations."""
MOST_OPTIONS = 50
"""Options that are looked at, those chosen most often."""
_NUMBERS = 200_000_000


def situation_check(density: AreaDensity, theta: Array) -> Check | None:
    """Return whether options are chosen as often as the model expects; None where nothing is asked in situations.

    The predictive p-value of an option is the mean over draws of the normal tail of its count, adjusted by Holm's
    method over the options. It weakens the numbers when, besides, it is a share of 0.02 of the choices off.

    Parameters
    ----------
    density
        Density of the area.
    theta
        Equally weighted posterior draws, (draw, coordinate).
    """
    area = density.area
    places = [k for k, stages in enumerate(area.stages) if area.has_situations[stages.item]]
    if not places or not density.table.stages:
        return None
    cells = sum(table.n_stages * table.n_states for table in density.table.stages) * min(
        density.n_options, MOST_OPTIONS
    )
    draws = min(len(theta), max(FEWEST_DRAWS, min(MOST_DRAWS, _NUMBERS // cells)))
    used = theta[evenly(len(theta), draws)]
    agents = agents_of_patterns(density)
    p_values, gaps, sentences = [], [], []
    for place in places:
        stages, table = area.stages[place], density.table.stages[place]
        every = np.flatnonzero(area.item_of_option == stages.item)
        own = np.sort(every[np.argsort(-area.chosen[every], kind="stable")[:MOST_OPTIONS]])
        moments = np.stack([_moments(density, table, theta_d[None], own) for theta_d in used])
        picked = stages.shown[np.arange(len(stages.chosen)), stages.chosen][stages.stage]
        seen = np.bincount(picked, stages.times * agents[stages.pattern], len(every))[own - every[0]]
        total = float(stages.times @ agents[stages.pattern])
        p_value, mean = against(seen, moments)
        p_values.append(p_value)
        gaps.append((seen - mean) / total)
        sentences += [
            f"'{area.options[option]}' of '{area.items[stages.item]}' is chosen in {count / total:.1%} of situations,"
            f" and the model expects {expected / total:.1%}, given what was shown."
            for option, count, expected in zip(own, seen, mean, strict=True)
        ]
    return worst_option("situation-shares", area.name, p_values, gaps, sentences)


def agents_of_patterns(density: AreaDensity) -> Array:
    """Return the weight in the likelihood of the agents with each pattern, (pattern,)."""
    return np.bincount(density.rows.pattern, density.rows.multiplicity, len(density.area.counts))


def against(seen: Array, moments: Array) -> tuple[Array, Array]:
    """Return the predictive p-value of each count, and the count that the model expects, both (option,).

    Parameters
    ----------
    seen
        The counts, (option,).
    moments
        Their mean and variance at each draw, (draw, 2, option).
    """
    mean, sd = moments[:, 0], np.sqrt(np.maximum(moments[:, 1], 1e-12))
    return (2 * ndtr(-np.abs(seen - mean) / sd)).mean(axis=0), mean.mean(axis=0)


def over_agents(density: AreaDensity, prior: Array, mean: Array, variance: Array) -> tuple[float, float]:
    """Return mean and variance over all agents of a count.

    Parameters
    ----------
    density
        Density of the area.
    prior
        Prior over states, (prior, state).
    mean, variance
        Those of an agent of each pattern given its state, (pattern, state).
    """
    rows = density.rows
    weight = prior[rows.group]
    first = (weight * mean[rows.pattern]).sum(axis=1)
    square = (weight * (mean**2 + variance)[rows.pattern]).sum(axis=1)
    return float(rows.multiplicity @ first), float(rows.multiplicity @ (square - first**2))


def worst_option(kind: str, area: str, p_values: list[Array], gaps: list[Array], sentences: list[str]) -> Check:
    """Return one check for all options: the worst in words."""
    adjusted, gap = holm(np.concatenate(p_values).tolist()), np.concatenate(gaps)
    worst = int(np.argmin(adjusted - 1e-9 * np.abs(gap)))
    if adjusted[worst] >= SIGNIFICANT:
        return Check(kind, "ok", area, "", float(adjusted[worst]), SIGNIFICANT)
    state = "caution" if abs(gap[worst]) >= NOTICEABLE else "note"
    return Check(kind, state, area, sentences[worst], float(adjusted[worst]), SIGNIFICANT)


def _moments(density: AreaDensity, table: AnyStageTable, theta: Array, own: NDArray[np.int64]) -> Array:
    """Return mean and variance of the number of times each option is chosen at one vector, (2, option)."""
    values = constrain(density.parameters, theta, density.n_options)
    prior = np.exp(state_prior(density, values))[0]
    parts = evaluate_stages(table, values.baseline_logits, values.taste, values.affinity)
    found = np.zeros((2, len(own)))
    for k, one in enumerate(own):
        p = option_probability(table, parts, int(one))
        held = stages_of(table)
        m, v = by_pattern(held, p)[0], by_pattern(held, p * (1 - p))[0]
        found[:, k] = over_agents(density, prior, m, v)
    return found
