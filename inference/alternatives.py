"""Structural alternatives of an area: the other choice rule, with and without "no goal", and the null model.

Each is fitted by modes and Laplace importance draws, scored, and compared on the expected log predictive density of
one left-out agent (ELPD), so that a reader sees whether the score depends on the model.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError

from ..datasets.learned_goals import largest_number
from .annealing import annealed_draws
from .area_scores import AreaScores, area_scores, population_scores
from .density import (
    AreaDensity,
    null_density,
    restructured,
    row_log_likelihood,
    rule_matters,
    tells_kappa,
    with_number,
)
from .importance import MAX_KHAT, importance_draws, resample
from .learned_goals import is_symmetric, with_pivot
from .mode import find_modes
from .pooled_importance import has_few_coordinates, pooled_draws

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Alternative:
    """A structure of an area: choice rule, whether an agent may hold no goal, and how many learned goals more.

    ``single`` says that agents hold one goal each, in an area where they may follow several; ``kappa`` multiplies κ.
    """

    rule: str
    no_goal: bool
    more: int = 0
    single: bool = False
    kappa: Fraction = Fraction(1)

    @property
    def name(self) -> str:
        """How the structure is called in tables."""
        number = {0: "", 1: ", one goal more", -1: ", one goal fewer"}[self.more]
        each = ", one goal each" if self.single else ""
        kappa = "" if self.kappa == 1 else f", κ × {self.kappa}"
        return self.rule + (", no goal" if self.no_goal and self.rule != "null" else "") + number + each + kappa


STRUCTURES = tuple(Alternative(rule, no_goal) for rule in ("follow", "luce") for no_goal in (False, True))
"""Structures of an area whose goals are given."""
KAPPAS = (Fraction(2, 3), Fraction(3, 2))
"""Factors of κ that an area is also fitted with where its answers tell κ."""
NULL = Alternative("null", no_goal=True)
"""Nobody holds a goal."""


def own_structure(density: AreaDensity) -> Alternative:
    """Return the structure that an area has."""
    return Alternative(density.area.rule, density.area.no_goal)


def alternatives_of(density: AreaDensity) -> tuple[Alternative, ...]:
    """Return the structures of an area, its own among them, that are held beside each other.

    Where goals are learned without anchors, also one goal more and one fewer, of those that can be told apart. Where
    all weights are 1, the choice rule makes no difference, and "no goal" is one more class. Where agents may follow
    several goals, also one goal each. Where choices that follow a goal stand beside answers that κ·weight moves, the
    former say what weights are and both together κ: it is no convention there, and is tried a third lower and a half
    higher.
    """
    area, own = density.area, own_structure(density)
    tried = [replace(own, kappa=factor) for factor in KAPPAS if tells_kappa(density)]
    if area.parts:
        return (*STRUCTURES, replace(own, single=True), *tried)
    if not any(area.learned):
        one_rule = bool(area.stages or area.numbers) and not rule_matters(area)
        return (*(kind for kind in STRUCTURES if kind.rule == area.rule or not one_rule), *tried)
    found = STRUCTURES if density.parameters.weighted else (own,)
    if area.serves.any():
        return found
    sizes = np.bincount(area.item_of_option)[area.states_goals]
    k, most = len(area.goals), largest_number(sizes.tolist())
    return (*found, *(replace(own, more=step) for step in (-1, 1) if 2 <= k + step <= most))


_LEARNING_STARTS = 8  # learned goals have minor modes
_POPULATIONS = 4  # of annealed draws
_DEAR = 2_000  # rows × states above which annealing takes minutes; where many draws are poor too, a check says so
DRAWS = 1_000
"""Importance draws of a structure."""
FEWER_DRAWS = 500
"""The same of a structure of a large area."""
_PILOT = 300  # draws of a round that looks for a proposal, where all rounds are pooled
_ENOUGH = 200  # effective draws: a comparison needs fewer than a published number
_SCORED = 250
_TINY = 1e-290
_BLOCK = 500_000  # numbers of a block of rows: beside draws × rows, no copy of it is held
_NARROWEST = 64


@dataclass(frozen=True, eq=False)
class Structure:
    """One structure of an area, fitted by Laplace importance draws.

    Parameters
    ----------
    kind
        Which structure it is.
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

    kind: Alternative
    log_density: float
    elpd: float
    row_elpd: Array
    scores: AreaScores | None
    khat: float

    @property
    def name(self) -> str:
        """How the structure is called in tables."""
        return self.kind.name


def fit_structure(own: AreaDensity, rng: np.random.Generator, kind: Alternative, *, draws: int = DRAWS) -> Structure:
    """Return the fit of one structure of one area.

    Parameters
    ----------
    own
        Density of the area as the study has it.
    rng
        Source of starts and draws.
    kind
        The structure.
    draws
        Importance draws.
    """
    density = null_density(own) if kind == NULL else _restructured(own, kind)
    symmetric = is_symmetric(density.area)
    modes = find_modes(density, rng, starts=1 if kind == NULL else _LEARNING_STARTS if symmetric else 3)
    density = with_pivot(density, modes[0].theta)
    try:
        if has_few_coordinates(density):
            weighted = pooled_draws(density, modes, rng, draws=draws, pilot=_PILOT, enough=_ENOUGH)
        else:
            weighted = importance_draws(density, modes, rng, draws=draws, rounds=4, enough=_ENOUGH)
        poor = symmetric and not (weighted.khat <= MAX_KHAT and weighted.effective >= _ENOUGH)
        if poor and density.rows.n_rows * density.states.n_states > _DEAR:
            weighted = importance_draws(density, modes, rng, draws=10 * draws, rounds=6, enough=_ENOUGH)
        elif poor:
            weighted = annealed_draws(
                density, rng, populations=_POPULATIONS, exported=lambda theta: _contention(density, theta)
            )
    except LinAlgError:
        empty = np.full(density.rows.n_rows, np.nan)
        return Structure(kind, modes[0].log_density, float("nan"), empty, None, float("nan"))
    theta, log_weight = weighted.theta, weighted.log_weight
    if len(theta) > draws:  # more were needed for the weights; draws × rows is the largest array of a fit
        theta, log_weight = resample(weighted, draws, rng), np.full(draws, -np.log(draws))
    row_elpd = leave_one_out(row_log_likelihood(density, theta), log_weight)
    scores = None
    if kind != NULL:
        scores = area_scores(density, resample(weighted, _SCORED, rng), rng)
    elpd = float(row_elpd @ density.rows.multiplicity)
    return Structure(kind, modes[0].log_density, elpd, row_elpd, scores, weighted.khat)


def _contention(density: AreaDensity, theta: Array) -> Array:
    return population_scores(density, theta).overall.contention[:, None]


def _restructured(own: AreaDensity, kind: Alternative) -> AreaDensity:
    parts = 0 if kind.single else None
    density = restructured(own, rule=kind.rule, no_goal=kind.no_goal, parts=parts, kappa=float(kind.kappa))
    return with_number(density, len(own.area.goals) + kind.more) if kind.more else density


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
    draws, rows = row_loglik.shape
    weight, elpd = np.exp(log_weight)[:, None], np.empty(rows)
    step = max(_NARROWEST, _BLOCK // max(draws, 1))
    for start in range(0, rows, step):
        part = slice(start, start + step)
        best = row_loglik[:, part].max(axis=0)
        likelihood = np.maximum(np.exp(row_loglik[:, part] - best), _TINY)
        ratio = weight / likelihood
        np.minimum(ratio, ratio.sum(axis=0) / np.sqrt(draws), out=ratio)
        elpd[part] = best + np.log((ratio * likelihood).sum(axis=0) / ratio.sum(axis=0))
    return elpd


def elpd_difference(density: AreaDensity, better: Array, worse: Array) -> tuple[float, float]:
    """Return the difference of two ELPDs and its standard error, from those per row."""
    weight = density.rows.multiplicity
    gap = better - worse
    total, n = float(weight @ gap), float(weight.sum())
    variance = float(weight @ np.square(gap - total / n)) / n
    return total, float(np.sqrt(n * variance))
