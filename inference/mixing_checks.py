"""Whether answers tell mixtures of goals, and whether their grid is fine enough."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from .checks import MIN_WEIGHT_CONTRACTION, Check, at_least, at_most
from .density import AreaDensity, restructured, row_log_likelihood, with_nodes
from .goal_mixtures import grid

Array = NDArray[np.float64]

COARSE = 0.03
"""Mean change of an agent's log likelihood on a finer grid of mixtures beyond which the parts are too few.

At 0.02 (30 answers, two goals, 12 parts) misalignment at the mode lay 0.003 from that with four times as many parts.
"""
_CELLS = 20_000_000  # rows × states of one evaluation on the finer grid


def mixing_checks(density: AreaDensity, theta: Array) -> list[Check]:
    """Return the checks of an area whose agents may follow several goals; none of other areas.

    Parameters
    ----------
    density
        Density of the area.
    theta
        Posterior draws, (draw, coordinate).
    """
    if not density.states.parts:
        return []
    return [_from_prior(density, theta), _coarse(density, theta)]


def _from_prior(density: AreaDensity, theta: Array) -> Check:
    area, rows = density.area, density.rows
    (a, b), mixing = density.parameters.priors.goal_mixing, expit(theta[:, density.parameters.slices["mixing"]])
    before = a * b / ((a + b) ** 2 * (a + b + 1))
    value = float(1 - mixing.var() / before)
    answers = float(rows.agents @ area.goal_answers[rows.pattern] / rows.agents.sum())
    low = "is seen nowhere" if density.face_value else "looks like a low weight or another baseline"
    text = (
        f"How far agents mix goals comes largely from the prior (contraction {value:.2f}): with {answers:.1f} answers "
        f"an agent, a mixture of goals {low}."
    )
    return at_least("mixing-from-prior", area.name, value, MIN_WEIGHT_CONTRACTION, text, state="caution")


def _coarse(density: AreaDensity, theta: Array) -> Check:
    """Return whether agents' log likelihood stays when mixtures have more parts, at the same spread."""
    area, states, rows = density.area, density.states, density.rows
    more = finer_parts(states.n_goals, states.parts, rows.n_rows * len(states.node))
    finer = restructured(density, rule=area.rule, no_goal=area.no_goal, parts=more)
    finer = with_nodes(finer, len(states.node))
    at, own = density.parameters.slices["mixing"], theta.mean(axis=0)[None]
    there = own.copy()
    there[:, at] = logit(expit(own[:, at]) * (1 - 1 / states.parts) / (1 - 1 / more))
    change = np.abs(row_log_likelihood(finer, there) - row_log_likelihood(density, own))[0]
    value = float(change @ rows.agents / rows.agents.sum())
    text = (
        f"Mixtures of goals in {states.parts} parts are coarse for so many answers: with {more} parts the log "
        f"likelihood of an agent changes by {value:.2f} on average. Write parts = {more} in the study."
    )
    return at_most("coarse-mixtures", area.name, value, COARSE, text, state="caution")


def finer_parts(n_goals: int, parts: int, cells: int) -> int:
    """Return twice as many parts, or the next more where there would be too many mixtures.

    Parameters
    ----------
    n_goals, parts
        Number of goals and parts of a mixture.
    cells
        What the number of mixtures is multiplied by in one evaluation.
    """
    return next((n for n in range(2 * parts, parts + 1, -1) if len(grid(n_goals, n)) * cells <= _CELLS), parts + 1)
