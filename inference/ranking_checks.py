"""Whether later places of rankings are given to options as often as the model expects, given what was left.

With F the places of a ranking before some place, the chance that the option o comes there is

    E[1(o) | F] = Σ_s P(s | F) P(o | left, s),

so the differences 1(o) − E[1(o) | F], place after place, are a martingale: their sum over places and agents has mean 0
and the variance Σ p(1 − p), though the sets from which agents choose depend on what they chose before. Of ballots whose
options differ the first places count too, and F holds the choices of all ballots of the agent from larger sets.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from ..datasets.stages import Stages
from .checks import Check
from .density import AreaDensity, option_log_probability, state_prior
from .goal_stages import AnyStageTable, evaluate_stages, option_probability
from .parameters import constrain
from .situation_checks import FEWEST_DRAWS, MOST_DRAWS, against, agents_of_patterns, worst_option
from .thinning import evenly

Array = NDArray[np.float64]

_NUMBERS = 200_000_000


def ranking_check(density: AreaDensity, theta: Array) -> Check | None:
    """Return whether options take later places as often as the model expects; None where nothing is ranked.

    Of best and worst the later place is that of the worst. The predictive p-value of an option is the mean over draws
    of the normal tail of its count, adjusted by Holm's method over the options. It weakens the numbers when, besides,
    it is a share of 0.02 of the later choices off.

    Parameters
    ----------
    density
        Density of the area.
    theta
        Equally weighted posterior draws, (draw, coordinate).
    """
    area, tables = density.area, density.table.stages
    ranked = [
        (s, t) for s, t in zip(area.stages, tables, strict=False) if not area.has_situations[s.item] and t.n_stages
    ]
    if not ranked:
        return None
    cells = sum(density.rows.n_rows * t.n_states * (area.item_of_option == s.item).sum() ** 2 for s, t in ranked)
    draws = min(len(theta), max(FEWEST_DRAWS, min(MOST_DRAWS, _NUMBERS // int(cells))))
    used = theta[evenly(len(theta), draws)]
    agents = agents_of_patterns(density)
    p_values, gaps, sentences = [], [], []
    for stages, table in ranked:
        own = np.flatnonzero(area.item_of_option == stages.item)
        steps = _steps(stages, len(area.counts), len(own), any_place=bool(area.has_ballots[stages.item]))
        moments = np.stack([_moments(density, stages, table, point[None], own, steps) for point in used])
        picked = stages.shown[np.arange(len(stages.chosen)), stages.chosen][stages.stage]
        seen = np.bincount(picked, stages.times * agents[stages.pattern], len(own))
        total = float(seen.sum())
        p_value, mean = against(seen, moments)
        p_values.append(p_value)
        gaps.append((seen - mean) / total)
        what = "as the worst" if stages.worst.any() else "at later places"
        if area.has_ballots[stages.item]:
            what = "as best or worst" if stages.worst.any() else "at some place"
        sentences += [
            f"'{area.options[option]}' of '{area.items[stages.item]}' is named {what} in {count / total:.1%} of"
            f" choices, and the model expects {expected / total:.1%}, given what was left."
            for option, count, expected in zip(own, seen, mean, strict=True)
        ]
    return worst_option("later-places", area.name, p_values, gaps, sentences)


def _steps(stages: Stages, n_patterns: int, n_options: int, *, any_place: bool) -> NDArray[np.int64]:
    """Return the stages of each pattern in an order in which none comes before what it depends on, (pattern, step).

    Those of a ranking stand at their place; −1 where there is none. Those of ballots come by the size of their sets,
    whichever ballot they belong to: what was left of a set is smaller than it.
    """
    size = (stages.shown >= 0).sum(axis=1)
    if not any_place:
        at = np.full((n_patterns, n_options), -1)
        at[stages.pattern, n_options - size[stages.stage]] = stages.stage
        return at
    pattern, stage = np.repeat(stages.pattern, stages.times), np.repeat(stages.stage, stages.times)
    order = np.lexsort((stage, -size[stage], pattern))
    number = np.bincount(pattern, minlength=n_patterns)
    at = np.full((n_patterns, int(number.max(initial=0))), -1)
    at[pattern[order], np.arange(len(order)) - (np.cumsum(number) - number)[pattern[order]]] = stage[order]
    return at


def _moments(
    density: AreaDensity,
    stages: Stages,
    table: AnyStageTable,
    theta: Array,
    own: NDArray[np.int64],
    at: NDArray[np.int64],
) -> Array:
    """Return mean and variance of the number of later places of each option at one vector, (2, option)."""
    area, rows = density.area, density.rows
    values = constrain(density.parameters, theta, density.n_options)
    parts = evaluate_stages(table, values.baseline_logits, values.taste, values.affinity)
    by_option = [option_probability(table, parts, int(option))[0] for option in own]
    first = area.answer(stages.item)[rows.pattern]
    log_first = option_log_probability(density, values)[0][:, own].T  # (option, state)
    known = state_prior(density, values)[0][rows.group] + np.where(first >= 0, 1.0, 0.0)[:, None] * log_first[first]
    found = np.zeros((2, len(own)))
    for stage in at[rows.pattern].T:
        mine = np.flatnonzero(stage >= 0)
        if not len(mine):
            continue
        posterior, weight = softmax(known[mine], axis=1), rows.multiplicity[mine]
        for k, p in enumerate(by_option):
            chance = (posterior * p[stage[mine]]).sum(axis=1)
            found[:, k] += weight @ np.column_stack([chance, chance * (1 - chance)])
        known[mine] += parts.log_p[0, stage[mine]]
    return found
