"""Structural alternatives of an area: the other choice rule, with and without "no goal", and the null model.

Each is fitted by modes and Laplace importance draws, scored, and compared on the expected log predictive density of
one left-out agent (ELPD), so that a reader sees whether the score depends on the model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError

from .area_scores import AreaScores, area_scores
from .density import AreaDensity, null_density, restructured, row_log_likelihood
from .importance import importance_draws, resample
from .mode import find_modes

Array = NDArray[np.float64]

STRUCTURES: tuple[tuple[str, bool], ...] = (("follow", False), ("follow", True), ("luce", False), ("luce", True))
"""Choice rule, and whether an agent may hold no goal."""

_DRAWS = 1_000
_ENOUGH = 200  # effective draws: a comparison needs fewer than a published number
_SCORED = 250
_TINY = 1e-290


@dataclass(frozen=True, eq=False)
class Structure:
    """One structure of an area, fitted by Laplace importance draws.

    Parameters
    ----------
    rule, no_goal
        The structure; ``rule`` is ``"null"`` for the null model.
    log_density
        Log density at the best mode.
    elpd
        Expected log predictive density of leaving one agent out, summed over agents.
    row_elpd
        The same for one agent of each row, (row,).
    scores
        Posterior scores; None for the null model.
    khat
        Pareto k̂ of the importance weights (NaN when the fit failed).
    """

    rule: str
    no_goal: bool
    log_density: float
    elpd: float
    row_elpd: Array
    scores: AreaScores | None
    khat: float

    @property
    def name(self) -> str:
        """How the structure is called in tables."""
        return self.rule + (", no goal" if self.no_goal and self.rule != "null" else "")


def fit_structure(own: AreaDensity, rng: np.random.Generator, *, rule: str, no_goal: bool) -> Structure:
    """Return the fit of one structure of one area.

    Parameters
    ----------
    own
        Density of the area as the study has it.
    rng
        Source of starts and draws.
    rule, no_goal
        The structure, or ``rule="null"``.
    """
    density = null_density(own) if rule == "null" else restructured(own, rule=rule, no_goal=no_goal)
    modes = find_modes(density, rng, starts=1 if rule == "null" else 3)
    try:
        weighted = importance_draws(density, modes, rng, draws=_DRAWS, rounds=4, enough=_ENOUGH)
    except LinAlgError:
        empty = np.full(density.rows.n_rows, np.nan)
        return Structure(rule, no_goal, modes[0].log_density, float("nan"), empty, None, float("nan"))
    theta, log_weight = weighted.theta, weighted.log_weight
    if len(theta) > _DRAWS:  # more were needed for the weights; draws × rows is the largest array of a fit
        theta, log_weight = resample(weighted, _DRAWS, rng), np.full(_DRAWS, -np.log(_DRAWS))
    row_elpd = leave_one_out(row_log_likelihood(density, theta), log_weight)
    scores = None
    if rule != "null":
        scores = area_scores(density, resample(weighted, _SCORED, rng), rng)
    elpd = float(row_elpd @ density.rows.multiplicity)
    return Structure(rule, no_goal, modes[0].log_density, elpd, row_elpd, scores, weighted.khat)


def leave_one_out(row_loglik: Array, log_weight: Array) -> Array:
    """Return log p(answers of an agent | the others) for one agent of each row, (row,).

    Importance sampling with truncated weights (Ionides 2008, doi:10.1198/106186008X320456).

    Parameters
    ----------
    row_loglik
        Log likelihood of one agent of each row, (draw, row).
    log_weight
        Normalised log weights of the draws, (draw,).
    """
    best = row_loglik.max(axis=0)
    likelihood = np.maximum(np.exp(row_loglik - best), _TINY)
    ratio = np.exp(log_weight)[:, None] / likelihood
    np.minimum(ratio, ratio.sum(axis=0) / np.sqrt(len(ratio)), out=ratio)
    return np.asarray(best + np.log((ratio * likelihood).sum(axis=0) / ratio.sum(axis=0)))


def elpd_difference(density: AreaDensity, better: Array, worse: Array) -> tuple[float, float]:
    """Return the difference of two ELPDs and its standard error, from those per row."""
    weight = density.rows.multiplicity
    gap = better - worse
    total, n = float(weight @ gap), float(weight.sum())
    variance = float(weight @ np.square(gap - total / n)) / n
    return total, float(np.sqrt(n * variance))
