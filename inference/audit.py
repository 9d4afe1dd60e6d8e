"""What a result holds against what it says: whole, of these answers, and made of draws one may use.

The same questions whichever method made the draws, asked of the tree itself, so that a chain of NaN, a cut trace, a
prior taken for a posterior or another study's answers are found wherever they came from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ..datasets.choices import Choices
from ..datasets.patterns import data_hash
from ..errors import shown
from .area_fit import MIN_ESS
from .checks import MIN_BFMI, STATES, THINNED_RHAT, Check, at_least, at_most, from_dataset
from .density import AreaDensity, at_face_value, is_weighted
from .importance import MAX_KHAT, MIN_EFFECTIVE
from .nuts import CHAINS
from .result import SCHEMA, attribute, choices_of, densities_of, mean_log_density, thetas_of

Array = NDArray[np.float64]

ALWAYS = ("finite", "item-rule", "expected-share-sd", "option-shares", "item-pairs")
"""Checks that every area of a result has, of those stored when it was made."""
_WEIGHTED = "weights-from-prior"
_STRUCTURED = "depends-on-model"  # not where answers are taken at face value
_LEAST_ESS = MIN_ESS / 2  # of the draws kept, which may be fewer than those that were judged
_LEAST_DIFFERENT = MIN_EFFECTIVE / 4
_FEWEST_OF_A_SCORE = 100
_FARTHEST = 30.0


def audit(fit: xr.DataTree) -> list[Check]:
    """Return what is wrong with a result as it stands, or that nothing is.

    Parameters
    ----------
    fit
        A result of :func:`fit` or :func:`load`, whatever has been done to it since.

    Returns
    -------
    list of Check
        Refused where something fails or cannot be looked at.
    """
    try:
        return _audit(fit)
    except Exception as error:  # a check that cannot be computed has failed
        text = f"The result cannot be checked, so it is not whole or not of this kind: {shown(error)}."
        return [Check("readable", "refused", None, text)]


def _audit(fit: xr.DataTree) -> list[Check]:
    checks = [_schema(fit)]
    if checks[0].state != "ok":
        return checks
    choices = choices_of(fit)
    densities = densities_of(fit, choices)
    checks += [_data(fit, choices), _stored(fit, choices), *_whole(fit)]
    thetas = thetas_of(fit, densities)
    diagnostics = attribute(fit, "diagnostics")
    for density, theta in zip(densities, thetas, strict=True):
        checks += _draws(fit, density, theta, diagnostics[density.area.name])
    return [*checks, *_scores(fit, choices)]


def _one(name: str, passed: bool, text: str, area: str | None = None) -> Check:
    return Check(name, "ok" if passed else "refused", area, "" if passed else text)


def _schema(fit: xr.DataTree) -> Check:
    found = attribute(fit, "schema")
    return _one("schema", found == SCHEMA, f"The result has layout {shown(found)}; this version reads {SCHEMA}.")


def _data(fit: xr.DataTree, choices: Choices) -> Check:
    of_agents = (choices.agents, choices.groups, choices.group_of_agent, choices.survey_weight)
    found = data_hash(*of_agents, choices.areas, choices.covariates)
    same = found == attribute(fit, "data_hash") and choices.n_agents == attribute(fit, "n_agents")
    return _one("data-hash", same, "The answers in the result are not those whose hash it states.")


def _stored(fit: xr.DataTree, choices: Choices) -> Check:
    """All checks are there that were made, and the state is not better than they say."""
    checks = from_dataset(fit["checks"].to_dataset())
    for area in choices.areas:
        own = {check.name for check in checks if check.area == area.name}
        expected = (*ALWAYS, *([_WEIGHTED] * is_weighted(area)), *([_STRUCTURED] * (not at_face_value(area))))
        lacking = [name for name in expected if name not in own]
        if lacking:
            return _one("stored-checks", False, f"The check '{lacking[0]}' is missing from the result.", area.name)
    known = all(check.state in STATES for check in checks)
    return _one("stored-checks", known, "The result has a state that is none of ok, caution and refused.")


def _whole(fit: xr.DataTree) -> list[Check]:
    """All draws are there, and none of the parameters is NaN."""
    chains, draws = attribute(fit, "shape")
    checks = []
    for name in ("posterior", "unconstrained_posterior"):
        group = fit[name].to_dataset()
        shape = (group.sizes.get("chain"), group.sizes.get("draw"))
        text = f"The {name} holds {shape[0]} chains of {shape[1]} draws, not {chains} of {draws}: draws are missing."
        suffix = "" if name == "posterior" else "-unconstrained"
        checks.append(_one(f"all-draws{suffix}", shape == (chains, draws), text))
        broken = [str(v) for v in group.data_vars if not np.isfinite(group[v].values).all()]
        checks.append(
            _one(f"finite-draws{suffix}", not broken, f"Draws of {' and '.join(broken)} are not finite numbers.")
        )
    return checks


def _draws(fit: xr.DataTree, density: AreaDensity, theta: Array, said: dict[str, Any]) -> list[Check]:
    """Return whether the draws of one area move, agree, and belong to its posterior."""
    name = density.area.name
    if density.size == 0:
        return []
    nuts = attribute(fit, "method")[name] == "nuts"
    x = theta.reshape(CHAINS if nuts else 1, -1, density.size)
    still = bool((x.std(axis=1) > 1e-12).all())
    checks = [_one("moving-draws", still, "A chain or a variable does not move.", name)]
    checks.append(_near(density, theta, said))
    return checks + (_chains(fit, name, x) if nuts else _weights(name, theta, said))


def _near(density: AreaDensity, theta: Array, said: dict[str, Any]) -> Check:
    """Draws of the prior, of another model or of other data lie far below the mode, and have another density."""
    name, size = density.area.name, density.size
    mean = mean_log_density(density, theta)
    expected, height = said.get("mean_log_density"), said.get("log_density")
    own = expected is not None and bool(abs(mean - expected) <= 1e-6 * max(1.0, abs(expected)))
    if not own:
        return _one("own-draws", False, "The draws are not those of this model and these answers.", name)
    drop = float("nan") if height is None else height - mean
    text = f"The draws lie {drop:.0f} below the mode in log density: they are not from this posterior."
    return at_most("near-mode", name, drop, 3 * size + _FARTHEST, text)


def _weights(name: str, theta: Array, said: dict[str, Any]) -> list[Check]:
    """Return what importance draws say of themselves, and whether they are a few draws many times."""

    def stated(key: str) -> float:
        value = said.get(key)
        return float("nan") if value is None else float(value)

    _, times = np.unique(theta, axis=0, return_counts=True)
    different = float(times.sum() ** 2 / np.square(times).sum())
    effective = stated("importance_effective")
    of_scores = said.get("effective_scores") or {"": None}
    least = min((float("nan") if value is None else float(value) for value in of_scores.values()), default=0.0)
    khat = float("-inf") if said.get("equal_weights") else stated("khat")
    return [
        at_most("stored-pareto-k", name, khat, MAX_KHAT, f"Pareto k̂ of the importance draws is {khat:.2f}, above 0.7."),
        at_least("stored-effective", name, effective, MIN_EFFECTIVE, "There are fewer than 400 effective draws."),
        _effective_scores(name, least),
        at_least("different-draws", name, different, _LEAST_DIFFERENT, "The draws are a few draws many times over."),
    ]


def _effective_scores(name: str, least: float) -> Check:
    """Return whether the score with fewest effective draws has enough of them; a caution between 100 and 400."""
    error = 1 / np.sqrt(least) if least > 0 else float("nan")
    text = f"A score has only {least:.0f} effective draws: its Monte Carlo error is {error:.0%} of its sd."
    state = "caution" if least >= _FEWEST_OF_A_SCORE else "refused"
    return at_least("effective-scores", name, least, MIN_EFFECTIVE, text, state=state)


def _chains(fit: xr.DataTree, name: str, x: Array) -> list[Check]:
    """Return what the draws kept of NUTS show: agreement of chains, effective size, and what the sampler said."""
    from arviz_stats.base import array_stats  # noqa: PLC0415 - costs seconds

    checks = agreement(name, [x[:, :, c] for c in range(x.shape[2])], "stored")
    if "sample_stats" not in fit.children:
        return [*checks, _one("sampler", False, "What the sampler said of its draws is missing.", name)]
    stats = fit["sample_stats"].to_dataset().sel(area=name)
    energy = stats["energy"].values.reshape(CHAINS, -1)
    diverging = float(stats["diverging"].values.sum()) + float(attribute(fit, "diagnostics")[name]["divergences"])
    deep = float(stats["reached_max_treedepth"].values.mean())
    bfmi = float(np.min(array_stats.bfmi(energy)))
    return [
        *checks,
        at_most("stored-divergences", name, diverging, 0, f"{diverging:.0f} draws diverged."),
        at_least("stored-e-bfmi", name, bfmi, MIN_BFMI, f"E-BFMI is {bfmi:.2f}, below {MIN_BFMI}."),
        at_most("stored-tree-depth", name, deep, 0.01, f"{deep:.0%} of trajectories were cut at the largest depth."),
    ]


def agreement(name: str | None, columns: Sequence[Array], what: str) -> list[Check]:
    """Return whether the chains of some quantities, (chain, draw) each, agree and hold enough draws; NaN fails."""
    from arviz_stats.base import array_stats  # noqa: PLC0415 - costs seconds

    rhat = float(np.max([float(array_stats.rhat(c)) for c in columns], initial=1.0))
    bulk = [float(array_stats.ess(c)) for c in columns]
    tail = [float(array_stats.ess(c, method="tail", prob=(0.05, 0.95))) for c in columns]
    ess = float(np.min([*bulk, *tail], initial=np.inf))
    area = name or ""
    checks = [
        at_most(f"{what}-r-hat", area, rhat, THINNED_RHAT, f"Chains disagree: R-hat of the draws kept is {rhat:.3f}."),
        at_least(f"{what}-ess", area, ess, _LEAST_ESS, f"The effective sample size of the draws kept is {ess:.0f}."),
    ]
    return checks if name else [Check(c.name, c.state, None, c.message, c.value, c.threshold) for c in checks]


def _scores(fit: xr.DataTree, choices: Choices) -> list[Check]:
    """Every exported score: a number in [0, 1] at every draw, or at none; and it moves, unless it cannot."""
    data = fit["scores"].to_dataset()
    partly, outside, still = [], [], []
    columns: list[Array] = []
    chains = data.sizes["chain"]
    may_be_undefined = {"observed_conflict", "relative_misalignment"}
    for variable in data.data_vars:
        name = str(variable)
        score = name.removeprefix("overall_").removeprefix("group_")
        values = data[variable].transpose("chain", "draw", ...).values
        flat = values.reshape(chains * values.shape[1], -1)
        finite = np.isfinite(flat)
        if score not in may_be_undefined and (finite.any(axis=0) & ~finite.all(axis=0)).any():
            partly.append(name)
        with np.errstate(invalid="ignore"):
            if ((flat < -1e-9) | (flat > 1 + 1e-9)).any():
                outside.append(name)
        if score == "observed_conflict":
            continue
        of_chain = values.reshape(chains, values.shape[1], -1)
        defined = finite.all(axis=0)
        with np.errstate(invalid="ignore"):
            spread = of_chain.std(axis=1)
        whole = np.sqrt(np.square(spread).mean(axis=0))
        moving = defined & (whole > 1e-12)
        if (spread[:, moving] <= 1e-12).any():
            still.append(name)
        columns += [of_chain[:, :, c] for c in np.flatnonzero(moving)] if chains > 1 else []
    lacking = _lacking(data, choices)
    checks = [
        _one("all-scores", not lacking, f"The score {lacking[0] if lacking else ''} has no draws."),
        _one("finite-scores", not partly, f"Some draws of {' and '.join(partly)} are not finite numbers."),
        _one("scores-in-range", not outside, f"Draws of {' and '.join(outside)} are outside 0 to 1."),
        _one("moving-scores", not still, f"A chain of {' and '.join(still)} does not move."),
    ]
    return checks + (agreement(None, columns, "scores") if columns else [])


def _lacking(data: xr.Dataset, choices: Choices) -> list[str]:
    """Return the scores that must have draws, since every area defines contention, and have none."""
    names = ["contention", "overall_contention"]
    areas = [area for area in choices.areas if is_weighted(area)]
    at: dict[str, Any] = {"area": [area.name for area in areas]}
    lacking = [name for name in names if data[name].isnull().all(("chain", "draw")).any()]
    return lacking + (["misalignment"] if data["misalignment"].sel(at).isnull().all(("chain", "draw")).any() else [])
