"""What is checked in every fit, and what follows for its numbers: ok, note, caution or refused.

A check that cannot be computed has failed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import expit

from .area_fit import MAX_RHAT, MIN_ESS, AreaFit, flat_draws
from .area_scores import AreaScores, population_scores
from .importance import MAX_KHAT, MIN_EFFECTIVE
from .mode import leading
from .sensitivity import SCORES, SENSITIVE, contraction, prior_population_scores, prior_sensitivity

Array = NDArray[np.float64]

STATES = ("ok", "note", "caution", "refused")
"""From best to worst. A note does not weaken a number."""

MIN_SCORE_CONTRACTION = 0.1
MIN_WEIGHT_CONTRACTION = 0.2
MIN_BFMI = 0.3
"""Smallest E-BFMI of a chain."""
MAX_MCSE = 0.05
"""Largest Monte Carlo error of a mean, as a share of the posterior standard deviation."""
THINNED_RHAT = 1.05
"""Largest R-hat of the draws that are kept: with 250 draws a chain, R-hat passes 1.01 by chance."""


@dataclass(frozen=True)
class Check:
    """One check of a fit.

    Parameters
    ----------
    name
        What is checked, such as ``"pareto-k"``.
    state
        ``"ok"``, ``"note"``, ``"caution"`` or ``"refused"``.
    area
        The area it concerns; None for all.
    message
        One sentence for a reader.
    value, threshold
        The number looked at and its bound; NaN where there is none.
    scores
        Names of the scores it concerns.
    blank
        Whether those scores of the area get no headline number.
    """

    name: str
    state: str
    area: str | None
    message: str
    value: float = float("nan")
    threshold: float = float("nan")
    scores: tuple[str, ...] = SCORES
    blank: bool = False


def sentences(checks: Iterable[Check]) -> list[str]:
    """Return the messages of some checks, one sentence for areas of which the same is said."""
    areas: dict[str, list[str]] = {}
    for check in checks:
        named = areas.setdefault(check.message, [])
        if check.area is not None and check.area not in named:
            named.append(check.area)
    return [f"{', '.join(names)}: {message}" if names else message for message, names in areas.items()]


def worst(states: Iterable[str]) -> str:
    """Return the worst of some states, ``"ok"`` for none; a note counts as ok."""
    state = max(states, key=STATES.index, default="ok")
    return "ok" if state == "note" else state


def at_most(name: str, area: str, value: float, bound: float, message: str, *, state: str = "refused") -> Check:
    """Return a check that fails unless ``value`` ≤ ``bound``; NaN fails."""
    passed = bool(value <= bound)
    return Check(name, "ok" if passed else state, area, "" if passed else message, float(value), float(bound))


def at_least(name: str, area: str, value: float, bound: float, message: str, *, state: str = "refused") -> Check:
    """Return a check that fails unless ``value`` ≥ ``bound``; NaN fails."""
    passed = bool(value >= bound)
    return Check(name, "ok" if passed else state, area, "" if passed else message, float(value), float(bound))


def sampling_checks(fit: AreaFit, scores: AreaScores, *, shares: Array | None = None) -> list[Check]:
    """Return the checks of the draws of one area: the same questions whichever method made them.

    Parameters
    ----------
    fit, scores
        The area and its scores.
    shares
        Share of each prior over states in the population, (prior,); default as in the data.
    """
    name = fit.density.area.name
    checks = [_finite(fit, scores)]
    if fit.method == "importance":
        khat = fit.importance.khat if fit.importance else float("nan")
        checks += [
            at_most("pareto-k", name, khat, MAX_KHAT, f"Pareto k̂ of the importance draws is {khat:.2f}, above 0.7."),
            at_least(
                "effective-draws",
                name,
                fit.importance.fewest if fit.importance else float("nan"),
                MIN_EFFECTIVE,
                "There are fewer than 400 effective draws of some score, goal share or mean weight.",
            ),
        ]
    else:
        checks += _nuts_checks(fit, scores)
    kept = leading(fit.modes)
    height = max((mode.log_density for mode in kept), default=-np.inf)
    higher = [mode for mode in fit.modes if mode.covariance is None and mode.log_density > height]
    definite = (bool(kept) and not higher) or fit.density.size == 0
    if fit.method == "importance":
        message = "" if definite else "The Hessian at the mode is not positive definite."
        checks.append(Check("hessian", "ok" if definite else "refused", name, message))
    checks += _second_mode(fit, scores, shares)
    return checks


def _finite(fit: AreaFit, scores: AreaScores) -> Check:
    name = fit.density.area.name
    parts = [scores.sample.overall.contention, scores.population.overall.contention]
    if fit.density.states.weighted:
        parts += [scores.sample.overall.misalignment, scores.population.overall.misalignment]
    finite = bool(np.isfinite(fit.theta).all() and all(np.isfinite(part).all() for part in parts))
    return Check("finite", "ok" if finite else "refused", name, "" if finite else "Some draws are not finite numbers.")


def _nuts_checks(fit: AreaFit, scores: AreaScores) -> list[Check]:
    from arviz_stats.base import array_stats  # noqa: PLC0415 - costs seconds

    name, run = fit.density.area.name, fit.nuts
    chains = fit.theta.shape[0]
    if run is None or chains < 4 or fit.rhat is None or fit.ess is None:
        return [Check("chains", "refused", name, "NUTS needs four complete chains.")]
    names = SCORES if fit.density.states.weighted else SCORES[:1]
    # At every draw of the chains: the stored scores are thinned, and R-hat of few draws is above 1.01 by chance.
    every = population_scores(fit.density, flat_draws(run.theta)).overall
    columns = [np.asarray(getattr(every, score)).reshape(chains, -1) for score in names]
    columns = [column for column in columns if not np.ptp(column) <= 1e-12]
    rhat = float(np.max([fit.rhat, *(float(array_stats.rhat(column)) for column in columns)]))
    tails = [float(array_stats.ess(column, method="tail", prob=(0.05, 0.95))) for column in columns]
    ess = float(np.min([fit.ess, *(float(array_stats.ess(column)) for column in columns), *tails]))
    kept = [np.asarray(getattr(e.overall, s)) for e in (scores.sample, scores.population) for s in names]
    stored = [float(array_stats.rhat(v.reshape(chains, -1))) for v in kept if not np.ptp(v) <= 1e-12]
    thinned = float(np.max(stored, initial=1.0))
    error = 1 / np.sqrt(ess) if ess > 0 else float("nan")
    moving = run.theta.std(axis=1)
    bfmi = float(np.min(array_stats.bfmi(run.energy)))
    divergent, deep = int(run.diverging.sum()), float(run.depth_reached.mean())
    return [
        at_most("r-hat", name, rhat, MAX_RHAT, f"Chains disagree: R-hat is {rhat:.3f}, above {MAX_RHAT}."),
        at_most("r-hat-scores", name, thinned, THINNED_RHAT, f"Chains disagree on a score: R-hat is {thinned:.3f}."),
        at_least("ess", name, ess, MIN_ESS, f"The effective sample size is {ess:.0f}, below {MIN_ESS}."),
        at_most("mcse", name, error, MAX_MCSE, f"The Monte Carlo error is {error:.1%} of the posterior sd, above 5 %."),
        at_most("divergences", name, divergent, 0, f"{divergent} draws diverged."),
        at_least("e-bfmi", name, bfmi, MIN_BFMI, f"E-BFMI is {bfmi:.2f}, below {MIN_BFMI}."),
        at_most("tree-depth", name, deep, 0.01, f"{deep:.0%} of trajectories were cut at the largest depth."),
        at_least("moving", name, float(moving.min(initial=1.0)), 1e-12, "A chain or a variable does not move."),
    ]


def _second_mode(fit: AreaFit, scores: AreaScores, shares: Array | None) -> list[Check]:
    """Caution where another mode of comparable mass gives another score."""
    name, modes = fit.density.area.name, leading(fit.modes)
    if len(modes) < 2:
        return []
    at_modes = population_scores(fit.density, np.stack([mode.theta for mode in modes]), shares=shares).overall
    apart: dict[str, float] = {}
    for score in SCORES if fit.density.states.weighted else ("contention",):
        here, spread = getattr(at_modes, score), float(np.std(getattr(scores.population.overall, score)))
        gap = float(np.abs(here - here[0]).max())
        if not gap <= spread:
            apart[score] = gap
    if not apart:
        return []
    shown = "; ".join(
        f"{score.replace('_', ' ')} {', '.join(f'{x:.2f}' for x in getattr(at_modes, score))}" for score in apart
    )
    text = f"The posterior has {len(modes)} modes with different scores ({shown}); the draws hold them all."
    return [Check("second-mode", "caution", name, text, max(apart.values()), scores=tuple(apart))]


def prior_checks(
    fit: AreaFit, scores: AreaScores, theta: Array, rng: np.random.Generator, *, shares: Array | None = None
) -> list[Check]:
    """Return the checks of how much the prior decides: sensitivity, and contraction of scores and weights.

    Parameters
    ----------
    fit, scores
        The area and its scores.
    theta
        The draws behind the scores, (draw, coordinate).
    rng
        Draws from the prior.
    shares
        Share of each prior over states in the population, (prior,); default as in the data.
    """
    density, name = fit.density, fit.density.area.name
    checks: list[Check] = []
    names = SCORES if density.states.weighted else ("contention",)
    sensitive: dict[str, dict[str, float]] = {}
    for (score, block), value in prior_sensitivity(density, theta, scores.population.overall).items():
        if score in names and not value <= SENSITIVE:
            sensitive.setdefault(block, {})[score] = value
    for block, values in sensitive.items():
        shown = ", ".join(f"{score.replace('_', ' ')} {value:.3f}" for score, value in values.items())
        text = f"The prior of the {block} moves the score (power-scaling sensitivity above {SENSITIVE}: {shown})."
        state = Check("prior-sensitivity", "caution", name, text, max(values.values()), SENSITIVE, tuple(values))
        checks.append(state)
    prior_theta, prior = prior_population_scores(density, rng, shares=shares)
    for score in names:
        before = getattr(prior, score)
        if before.var() < 1e-12:
            continue  # one goal or no conflict: the score is 0 whatever the data
        value = contraction(before, getattr(scores.population.overall, score))
        text = f"The data say little about the {score.replace('_', ' ')}: its contraction is {value:.2f}."
        check = at_least("contraction", name, value, MIN_SCORE_CONTRACTION, text, state="caution")
        checks.append(replace(check, scores=(score,)))
    if density.states.weighted:
        at = density.parameters.slices["mean"]
        value = contraction(expit(prior_theta[:, at]), expit(theta[:, at]))
        text = f"The weights come largely from the prior (contraction {value:.2f})."
        check = at_least("weights-from-prior", name, value, MIN_WEIGHT_CONTRACTION, text, state="caution")
        checks.append(replace(check, scores=SCORES[1:]))
    return checks


def to_dataset(checks: Sequence[Check]) -> xr.Dataset:
    """Return checks as a dataset with dim ``check``, for the result file."""
    text = {
        "name": [c.name for c in checks],
        "state": [c.state for c in checks],
        "area": [c.area or "" for c in checks],
        "message": [c.message for c in checks],
        "scores": [json.dumps(c.scores) for c in checks],
    }
    data = {key: ("check", np.array(values, dtype=object)) for key, values in text.items()}
    return xr.Dataset(
        data
        | {
            "value": ("check", np.array([c.value for c in checks], dtype=float)),
            "threshold": ("check", np.array([c.threshold for c in checks], dtype=float)),
            "blank": ("check", np.array([int(c.blank) for c in checks])),
        }
    )


def from_dataset(data: xr.Dataset) -> tuple[Check, ...]:
    """Return the checks stored by :func:`to_dataset`."""
    return tuple(
        Check(
            str(data["name"].values[i]),
            str(data["state"].values[i]),
            str(data["area"].values[i]) or None,
            str(data["message"].values[i]),
            float(data["value"].values[i]),
            float(data["threshold"].values[i]),
            tuple(json.loads(str(data["scores"].values[i]))),
            bool(data["blank"].values[i]),
        )
        for i in range(data.sizes["check"])
    )
