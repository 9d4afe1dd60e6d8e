"""One data set of a calibration: simulated, fitted by the automatic path, every true score ranked among its draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..datasets.choices import Choices
from ..datasets.simulate import simulate
from ..errors import InputError, shown
from .area_fit import AreaFit, fit_area, flat_draws
from .area_scores import ESTIMANDS, AreaScores, area_scores, prior_shares
from .calibration_design import LOG_LIKELIHOOD, Design, Quantity, quantities
from .calibration_truth import ScoreArrays, true_log_likelihood, true_scores, true_theta, with_overall
from .checks import sampling_checks, worst
from .density import AreaDensity, row_log_likelihood, with_nodes
from .fit import SCORE_DRAWS
from .joint_fit import fit_jointly
from .joint_scores import joint_scores
from .model import area_densities
from .parallel import single_threaded_algebra
from .sensitivity import SCORES
from .thinning import thin

Array = NDArray[np.float64]

RANKS = 200
"""Ranks are whole numbers from 0 to 199: the truth lies above that many 200ths of the draws."""
DRAWS = 2_000
"""Posterior draws of a fit, the default of :func:`fit`."""
_TIE = 1e-10  # scores nearer than this are equal: the two routes to a score differ in rounding


@dataclass(frozen=True)
class SetResult:
    """What one data set gave.

    Parameters
    ----------
    number
        Its number, which with the seed of the calibration makes its seed.
    ranks
        Rank of the truth by quantity, 0 to 199; None where the fit was lost.
    methods
        ``"importance"`` or ``"nuts"`` by area; empty where nothing was fitted.
    lost
        By area, why the fit was lost: refused, or an error; empty where it was not.
    error
        Largest difference, relative to its size, between the log likelihood of the true parameters as the fit computes
        it and as the choice rules give it agent by agent; NaN without any fit.
    """

    number: int
    ranks: tuple[int | None, ...]
    methods: tuple[str, ...]
    lost: tuple[str, ...]
    error: float


@dataclass(frozen=True, eq=False)
class AreaDraws:
    """Posterior draws of one area.

    Parameters
    ----------
    fitted
        The fit.
    scores
        Draws of its scores.
    theta
        The parameters behind them, (draw, coordinate).
    """

    fitted: AreaFit
    scores: AreaScores
    theta: Array


def run_set(design: Design, seed: int, number: int) -> SetResult:
    """Simulate, fit and rank one data set.

    Parameters
    ----------
    design
        The design.
    seed, number
        Seed of the calibration and number of the data set: together they determine everything random.
    """
    areas = design.study.areas
    streams = np.random.SeedSequence([seed, number]).spawn(2 + len(areas))
    with single_threaded_algebra():
        try:
            choices = simulate_set(design, streams[0])
        except InputError as error:
            reason = f"cannot be fitted: {error.faults[0].message}"
            return SetResult(
                number, (None,) * len(quantities(design)), ("",) * len(areas), (reason,) * len(areas), np.nan
            )
        drawn, lost, errors = [], [], []
        densities = area_densities(choices)
        if design.study.n_types == 1:
            attempts = [_attempt(density, stream) for density, stream in zip(densities, streams[2:], strict=True)]
        else:
            attempts = _attempt_jointly(densities, choices, streams[2])
        for density, area, (one, why) in zip(densities, areas, attempts, strict=True):
            reason = why if density.states.weighted == design.weighted(area) else "no agent answered twice"
            if one is not None and not reason:
                errors.append(identity_error(one.fitted.density, choices))
            drawn.append(one)
            lost.append(reason)
        kept = [None if reason else one for one, reason in zip(drawn, lost, strict=True)]
        ranks = rank_set(design, choices, kept, np.random.default_rng(streams[1]))
    methods = tuple("" if one is None else one.fitted.method for one in drawn)
    return SetResult(number, ranks, methods, tuple(lost), max(errors, default=float("nan")))


def simulate_set(design: Design, stream: np.random.SeedSequence) -> Choices:
    """Return one simulated data set of a design."""
    return simulate(
        design.study,
        design.n_agents,
        seed=np.random.default_rng(stream),
        groups=design.shares,
        missing=design.missing,
        answers_per_item=design.answers_per_item,
    )


def draw_area(density: AreaDensity, stream: np.random.SeedSequence) -> AreaDraws:
    """Fit one area by the automatic path of :func:`fit`, and draw its scores."""
    fitting, scoring = stream.spawn(2)
    fitted = fit_area(density, np.random.default_rng(fitting), method="auto", draws=DRAWS)
    theta = flat_draws(thin(fitted.theta, SCORE_DRAWS))
    return AreaDraws(fitted, area_scores(fitted.density, theta, np.random.default_rng(scoring)), theta)


def _attempt(density: AreaDensity, stream: np.random.SeedSequence) -> tuple[AreaDraws | None, str]:
    """Return the draws of an area, or None, and why the fit is lost."""
    try:
        one = draw_area(density, stream)
        refused = [c.message for c in sampling_checks(one.fitted, one.scores) if worst([c.state]) == "refused"]
    except Exception as error:  # whatever it is, the data set is counted as lost and the reason is told
        return None, f"{type(error).__name__}: {shown(error)}"
    return one, " ".join(refused)


def _attempt_jointly(
    densities: tuple[AreaDensity, ...], choices: Choices, stream: np.random.SeedSequence
) -> list[tuple[AreaDraws | None, str]]:
    """Return the draws of every area of a study whose areas depend on each other, and why a fit is lost."""
    fitting, scoring = stream.spawn(2)
    try:
        joint = fit_jointly(
            densities,
            choices.study.n_types,
            choices.fit_weight,
            np.random.default_rng(fitting),
            method="auto",
            draws=DRAWS,
        )
        theta = flat_draws(thin(joint.theta, SCORE_DRAWS))
        scores = joint_scores(
            joint.density, theta, np.random.default_rng(scoring), shares=prior_shares(joint.density.areas[0])
        )
        found: list[tuple[AreaDraws | None, str]] = []
        for fitted, own, part in zip(joint.areas, scores, joint.density.parameters.of_area, strict=True):
            refused = [c.message for c in sampling_checks(fitted, own) if worst([c.state]) == "refused"]
            found.append((AreaDraws(fitted, own, theta[:, part]), " ".join(refused)))
    except Exception as error:  # as for an area by itself
        return [(None, f"{type(error).__name__}: {shown(error)}")] * len(densities)
    return found


def identity_error(density: AreaDensity, choices: Choices) -> float:
    """Return the relative difference between two routes to the log likelihood of the true parameters.

    One is the route of the fit, over its rows, with the weights of the likelihood and with the numbers of agents that
    scores use; the other is agent by agent from the choice rules. A fit whose agents, answers or codes are not those
    that were simulated shows here at once, where ranks would need thousands of data sets.
    """
    rows = row_log_likelihood(density, true_theta(density, choices)[None])[0]
    direct = true_log_likelihood(density, choices, choices.study)
    apart = max(abs(rows @ density.rows.multiplicity - direct), abs(rows @ density.rows.agents - direct))
    return float(apart / max(1.0, abs(direct)))


def rank_set(
    design: Design, choices: Choices, drawn: Sequence[AreaDraws | None], rng: np.random.Generator
) -> tuple[int | None, ...]:
    """Return the rank of the truth by quantity; None where an area it needs was lost.

    Parameters
    ----------
    design, choices
        The design and the simulated choices, whose truth is ranked.
    drawn
        Draws of each area, None where the fit was lost.
    rng
        Breaks ties.
    """
    truth, draws = true_scores(choices), drawn_scores(design, drawn)
    names = [area.name for area in design.study.areas]
    # One stream of chance for each quantity: a lost area leaves the ranks of the others as they are.
    chance = rng.random(len(asked := quantities(design)))
    result: list[int | None] = []
    for quantity, u in zip(asked, chance, strict=True):
        needed = [names.index(quantity.area)] if quantity.area else np.flatnonzero(design.area_weights > 0).tolist()
        if any(drawn[p] is None for p in needed):
            result.append(None)
        elif quantity.score == LOG_LIKELIHOOD:
            one = drawn[needed[0]]
            result.append(None if one is None else rank(*_log_likelihoods(one, choices), u))
        else:
            values, true = _select(draws, quantity, choices, names), _select(truth, quantity, choices, names)
            result.append(rank(values, float(true), u))
    return tuple(result)


def rank(draws: Array, truth: float, chance: float) -> int:
    """Return the rank of a true value among draws, 0 to 199, ties broken at random.

    If truth and draws come from one distribution, every rank is equally probable. An undefined value (relative
    misalignment where nobody has any weight) counts as less than any other, on both sides.

    Parameters
    ----------
    draws
        The draws, (draw,).
    truth
        The true value.
    chance
        A uniform number in [0, 1).
    """
    values, true = np.where(np.isnan(draws), -np.inf, draws), -np.inf if np.isnan(truth) else truth
    equal = (np.abs(values - true) <= _TIE) if np.isfinite(true) else values == true
    less = np.count_nonzero((values < true) & ~equal)
    position = (less + chance * (np.count_nonzero(equal) + 1)) / (len(values) + 1)
    return min(int(position * RANKS), RANKS - 1)


def drawn_scores(design: Design, drawn: Sequence[AreaDraws | None]) -> ScoreArrays:
    """Return draws of the scores by estimand and level, (draw, ..., area) and overall; NaN in areas that were lost."""
    found: ScoreArrays = {}
    there = next((one for one in drawn if one is not None), None)
    if there is None:
        return found
    n_groups = len(design.groups)
    for estimand in ESTIMANDS:
        found[estimand] = {}
        for level in ("overall", "groups") if n_groups else ("overall",):
            values = {}
            for field in (*SCORES, "pair_weight"):
                parts = [None if one is None else _field(one.scores, estimand, level, field) for one in drawn]
                shape = _field(there.scores, estimand, level, field).shape
                values[field] = np.stack([np.full(shape, np.nan) if p is None else p for p in parts], axis=-1)
            found[estimand][level] = with_overall(values, design.area_weights)
    return found


def _field(scores: AreaScores, estimand: str, level: str, field: str) -> Array:
    return np.asarray(getattr(getattr(getattr(scores, estimand), level), field))


def _select(values: ScoreArrays, quantity: Quantity, choices: Choices, areas: list[str]) -> Array:
    """Return one quantity of the true scores, or its draws."""
    level = "overall" if quantity.group is None else "groups"
    found = values[quantity.estimand][level][("" if quantity.area else "overall_") + quantity.score]
    if quantity.area is not None:
        found = found[..., areas.index(quantity.area)]
    if quantity.group is not None and quantity.group_other is not None:
        found = found[..., choices.groups.index(quantity.group), choices.groups.index(quantity.group_other)]
    return np.asarray(found)


def _log_likelihoods(one: AreaDraws, choices: Choices) -> tuple[Array, float]:
    """Return the log likelihood of the draws and of the true parameters, at the answers as they were simulated."""
    simulated = {density.area.name: density for density in area_densities(choices)}
    density = simulated[one.fitted.density.area.name]
    if density.states.weighted:
        density = with_nodes(density, len(one.fitted.density.states.node))
    theta = np.vstack([true_theta(density, choices)[None], one.theta])
    values = row_log_likelihood(density, theta) @ density.rows.agents
    return values[1:], float(values[0])
