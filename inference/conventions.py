"""How far each score depends on what was chosen by convention: priors, κ, the mean of weights, the mean over areas.

Scores are those of the population, which are exact functions of the parameters. A mean of weights m changes the score
only: with T the probabilities of the cells (goal, weight) and M = C·m, misalignment is TᵀMT for every draw. A prior
changes the posterior: the stored draws are reweighted by the ratio of the priors where Pareto k̂ ≤ 0.7 allows it, and
the area is fitted again where not, as it is for κ and for the scale of group deviations, which change the likelihood.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy.linalg import LinAlgError

from ..datasets.study import Priors
from ..forward_model.aggregation import AREA_MEANS, mean_over_areas, relative_over_areas
from ..forward_model.weight_means import WEIGHT_MEANS, mean_of_two
from .area_scores import padded_conflict, shares_of_priors
from .conventions_reading import reading, sensitivity
from .density import AreaDensity, restructured, state_prior, uses_kappa, with_nodes
from .dependence import refuse_dependence
from .design_notes import fixed_scales, has_covariates, has_periods
from .importance import MAX_KHAT, importance_draws, resample, smooth
from .learned_goals import with_pivot
from .mode import find_modes
from .parallel import parallel_map
from .parameters import constrain, log_prior
from .result import attribute, choices_of, densities_of, thetas_of
from .self_selection import other_odds
from .structure_checks import interval
from .summary import summarize
from .thinning import evenly
from .verdict import require_reliable

Array = NDArray[np.float64]

SCORES = ("contention", "misalignment", "relative_misalignment")
COLUMNS = ("convention", "value", "area", "score", "mean", "lower", "upper", "shift", "how", "khat", "state")
DRAWS = 1_000
"""Draws of each score."""
ENOUGH = 200
"""Effective draws at which reweighting, or a new fit, is trusted."""

_HALF_DOUBLE = (Fraction(1, 2), Fraction(2))
_KAPPA = (Fraction(2, 3), Fraction(3, 2))
_PRIORS = {
    "baseline prior": "sd",
    "goal-share prior": "concentration",
    "weight-mean prior": "concentration",
    "weight-concentration prior": "mean",
    "affinity prior": "sd",
    "group prior": "sd",
    "covariate prior": "sd",
    "period prior": "sd",
    "passing prior": "median of the scale",
    "number prior": "sd",
    "goal-mixing prior": "concentration",
    "examination prior": "sd",
}
"""What is halved and doubled of each prior."""


@dataclass(frozen=True, eq=False)
class _Draws:
    """Draws of the scores of one area under one convention: (draw,) by name, with ``pair_weight``; and how they came.

    ``how`` is ``"stored draws"``, ``"reweighted"``, ``"fitted again"`` or ``"not fitted"``.
    """

    scores: Mapping[str, Array]
    how: str
    khat: float


def conventions(fit: xr.DataTree, *, seed: int = 1, allow_unreliable: bool = False) -> pd.DataFrame:
    """Return every population score under alternatives to each convention, in each area and overall.

    Parameters
    ----------
    fit
        A result of :func:`fit` or :func:`load`.
    seed
        Seed of the fits that are made again.
    allow_unreliable
        Give the numbers of a refused fit, and those held back, too.

    Returns
    -------
    pandas.DataFrame
        ``convention`` and ``value`` (the first row of each score is ``"as fitted"``); ``area`` (null: overall);
        ``score``; ``mean``, ``lower``, ``upper`` (90 % interval); ``shift`` of the mean from that as fitted; ``how``
        the numbers came about, with Pareto ``khat`` of reweighting or a new fit; ``state`` of the score in this fit.
        Numbers are null where there is none, where the fit holds it back, and where an area could not be fitted again.
        Area means other than the arithmetic are no headline scores, whatever the row says. A conflict that is uncertain
        stands at its mean. The attribute ``reading``
        holds sentences on how far each score moves, and on prior sensitivity.

    Raises
    ------
    Refused
        If the fit is refused and ``allow_unreliable`` is False.
    """
    require_reliable(fit, allow_unreliable=allow_unreliable)
    refuse_dependence(fit, "Fitting areas again under other conventions")
    choices = choices_of(fit)
    densities = densities_of(fit, choices)
    thetas = [theta[evenly(len(theta), min(len(theta), DRAWS))] for theta in thetas_of(fit, densities)]
    shares = np.asarray(attribute(fit, "group_shares"), dtype=float)
    a = np.array([density.area.area_weight for density in densities])
    base = [
        _Draws(cell_scores(density, theta, shares), "stored draws", float("nan"))
        for density, theta in zip(densities, thetas, strict=True)
    ]
    rows = list(_rows("as fitted", "", densities, base, a, "arithmetic"))
    for mean in WEIGHT_MEANS:
        if mean != "geometric" and any(density.states.weighted for density in densities):
            other = [
                replace(area, scores=cell_scores(density, theta, shares, weight_mean=mean))
                for area, density, theta in zip(base, densities, thetas, strict=True)
            ]
            rows += _rows("weight mean", mean, densities, other, a, "arithmetic")
    if len(densities) > 1:
        for mean in AREA_MEANS:
            if mean != "arithmetic":
                found = _rows("area mean", mean, densities, base, a, mean)
                rows += [row for row in found if row["area"] is None and row["score"] != "relative_misalignment"]
    priors = Priors(**attribute(fit, "priors"))
    tasks = list(_alternatives(densities, priors))
    streams = np.random.SeedSequence(seed).spawn(len(tasks) * len(densities))

    def run(k: int) -> _Draws:
        (_, _, changed), at = tasks[k // len(densities)], k % len(densities)
        new = changed[at]
        if new is None:
            return base[at]
        return _drawn(densities[at], new, thetas[at], shares, np.random.default_rng(streams[k]))

    done = parallel_map(run, range(len(streams)))
    for k, (convention, value, _) in enumerate(tasks):
        rows += _rows(
            convention, value, densities, done[k * len(densities) : (k + 1) * len(densities)], a, "arithmetic"
        )
    table = _with_states(pd.DataFrame(rows), fit, allow_unreliable)
    table.attrs["reading"] = [*reading(table), *sensitivity(fit)]
    return table


def cell_scores(
    density: AreaDensity, theta: Array, shares: Array, *, weight_mean: str = "geometric"
) -> dict[str, Array]:
    """Return the population scores under any mean of weights, with ``pair_weight``, (draw,) each.

    Parameters
    ----------
    density
        Density of the area.
    theta
        Parameter vectors, (draw, coordinate).
    shares
        Share of each group in the population, those in none last, (group,).
    weight_mean
        Mean of two weights.

    Notes
    -----
    Where answers say nothing on weights, misalignment and its parts are NaN.
    """
    if density.states.parts:  # pairs are with replacement, so only the mean of agents' shares counts: one goal each
        one_each = restructured(density, rule=density.area.rule, no_goal=density.area.no_goal, parts=0)
        density = with_nodes(one_each, len(density.states.node))
    states = density.states
    conflict = padded_conflict(density, theta)[..., states.goal[:, None], states.goal]
    mean = mean_of_two(states.weight[:, None], states.weight, weight_mean=weight_mean)  # type: ignore[arg-type]
    parts = [
        np.exp(state_prior(density, constrain(density.parameters, some, density.n_options)))
        for some in np.array_split(theta, max(1, len(theta) // 200))
    ]
    cells = np.einsum("h,dhs->ds", shares_of_priors(density, shares), np.concatenate(parts))
    contention, misalignment, weight = (
        np.einsum("ds,ds->d", np.matmul(cells[:, None], form)[:, 0], cells)
        for form in (conflict, conflict * mean, mean)
    )
    known = 1.0 if states.weighted else np.nan
    relative = np.divide(misalignment, weight, out=np.full(len(weight), np.nan), where=weight > 0)
    return {
        "contention": contention,
        "misalignment": misalignment * known,
        "relative_misalignment": np.minimum(relative, 1.0) * known,
        "pair_weight": weight * known,
    }


def _alternatives(
    densities: tuple[AreaDensity, ...], priors: Priors
) -> Iterator[tuple[str, str, list[AreaDensity | None]]]:
    """Yield a convention, its value, and the density of every area under it, None where nothing changes."""
    if any(uses_kappa(density) for density in densities):
        for factor in _KAPPA:
            yield "kappa", f"× {factor}", [_with_kappa(density, factor) for density in densities]
    for place in range(3):
        odds = [list(other_odds(density)) for density in densities]
        found = [one[place] if place < len(one) else None for one in odds]
        words = dict.fromkeys(one[0] for one in found if one is not None)
        if words:
            yield "odds of recording", " or ".join(words), [None if one is None else one[1] for one in found]
    for factor in _HALF_DOUBLE:
        x = float(factor)
        for name, change, concerned in (
            ("baseline prior", {"baseline_sd": priors.baseline_sd * x}, lambda d: bool(d.parameters.option_sizes)),
            ("goal-share prior", {"goal_share": priors.goal_share * x}, lambda d: d.parameters.n_shares > 1),
            (
                "weight-mean prior",
                {"weight_mean": tuple(v * x for v in priors.weight_mean)},
                lambda d: d.parameters.weighted,
            ),
            (
                "weight-concentration prior",
                {"weight_concentration": (priors.weight_concentration[0], priors.weight_concentration[1] / x)},
                lambda d: d.parameters.weighted,
            ),
            ("affinity prior", {"affinity_sd": priors.affinity_sd * x}, lambda d: d.parameters.n_learned > 0),
            ("group prior", {"group_sd": priors.group_sd * x}, lambda d: d.parameters.n_deviating > 0),
            ("covariate prior", {"covariate_sd": priors.covariate_sd * x}, has_covariates),
            ("period prior", {"period_sd": priors.period_sd * x}, has_periods),
            (
                "passing prior",
                {"pass_scale": (priors.pass_scale[0] * x, priors.pass_scale[1])},
                lambda d: any(d.parameters.passes),
            ),
            (
                "number prior",
                {name: (middle, sd * x) for name, (middle, sd) in _sizes_of_numbers(priors).items()},
                lambda d: bool(d.parameters.numbers),
            ),
            (
                "goal-mixing prior",
                {"goal_mixing": tuple(v * x for v in priors.goal_mixing)},
                lambda d: d.parameters.several,
            ),
            (
                "examination prior",
                {"examination": (priors.examination[0], priors.examination[1] * x)},
                lambda d: d.parameters.n_places > 0,
            ),
        ):
            changed = [_with_priors(d, change) if concerned(d) else None for d in densities]
            if any(changed):
                yield name, f"{_PRIORS[name]} × {factor}", changed


def _sizes_of_numbers(priors: Priors) -> dict[str, tuple[float, float]]:
    return {"count_rate": priors.count_rate, "duration_median": priors.duration_median}


def _with_kappa(density: AreaDensity, factor: Fraction) -> AreaDensity | None:
    if not uses_kappa(density):
        return None
    area = replace(density.area, kappa=density.area.kappa * float(factor))
    nodes = len(density.states.node)
    return with_nodes(replace(density, area=area), nodes if factor < 1 else 2 * nodes)


def _with_priors(density: AreaDensity, change: Mapping[str, Any]) -> AreaDensity:
    priors = density.parameters.priors.model_copy(update=change)
    return replace(density, parameters=replace(density.parameters, priors=priors))


def _drawn(own: AreaDensity, new: AreaDensity, theta: Array, shares: Array, rng: np.random.Generator) -> _Draws:
    """Return the scores under another prior or κ: stored draws reweighted if that can be trusted, else a new fit."""
    scales = fixed_scales(new.parameters.priors), fixed_scales(own.parameters.priors)
    same_likelihood = new.area is own.area and scales[0] == scales[1]
    if same_likelihood and own.size:
        log_weight, khat = smooth(log_prior(new.parameters, theta) - log_prior(own.parameters, theta))
        weight = np.exp(log_weight)
        if khat <= MAX_KHAT and 1 / np.square(weight).sum() >= ENOUGH:
            edges = np.cumsum(weight)
            at = np.searchsorted(edges, (rng.random() + np.arange(len(theta))) / len(theta) * edges[-1], side="right")
            chosen = rng.permutation(theta[np.minimum(at, len(theta) - 1)])
            return _Draws(cell_scores(new, chosen, shares), "reweighted", khat)
    first = theta.mean(axis=0)[: new.size]  # odds of recording that are held fixed were the last coordinates
    modes = find_modes(new, rng, starts=3, first=first)
    new = with_pivot(new, modes[0].theta)
    try:
        found = importance_draws(new, modes, rng, draws=DRAWS, rounds=4, enough=ENOUGH)
    except LinAlgError:
        return _lost(theta, float("nan"))
    if not (found.khat <= MAX_KHAT and found.effective >= ENOUGH / 2):
        return _lost(theta, found.khat)
    return _Draws(cell_scores(new, resample(found, len(theta), rng), shares), "fitted again", found.khat)


def _lost(theta: Array, khat: float) -> _Draws:
    nothing = np.full(len(theta), np.nan)
    return _Draws({name: nothing for name in (*SCORES, "pair_weight")}, "not fitted", khat)


def _rows(
    convention: str, value: str, densities: tuple[AreaDensity, ...], areas: list[_Draws], a: Array, area_mean: str
) -> Iterator[dict[str, Any]]:
    stacked = {name: np.stack([area.scores[name] for area in areas], axis=-1) for name in (*SCORES, "pair_weight")}
    for density, area in zip(densities, areas, strict=True):
        for score in SCORES:
            yield _row(convention, value, density.area.name, score, area.scores[score], area.how, area.khat)
    if len(areas) == 1:
        return
    hows = [area.how for area in areas]
    how = max(hows, key=("stored draws", "reweighted", "fitted again", "not fitted").index)
    khat = max((area.khat for area in areas if not np.isnan(area.khat)), default=float("nan"))
    for score in SCORES:
        if score == "relative_misalignment":
            values = relative_over_areas(stacked["misalignment"], stacked["pair_weight"], a)
        else:
            values = mean_over_areas(stacked[score], a, area_mean=area_mean)  # type: ignore[arg-type]
        yield _row(convention, value, None, score, values, how, khat)


def _row(
    convention: str, value: str, area: str | None, score: str, draws: Array, how: str, khat: float
) -> dict[str, Any]:
    lower, upper = interval(draws)
    mean = float(draws.mean()) if np.isfinite(draws).all() else float("nan")
    return dict(zip(COLUMNS, (convention, value, area, score, mean, lower, upper, np.nan, how, khat, ""), strict=True))


def _with_states(table: pd.DataFrame, fit: xr.DataTree, allow_unreliable: bool) -> pd.DataFrame:
    """Return the table with shifts from the numbers as fitted, states, and without numbers that are held back."""
    known = {
        (None if pd.isna(row["area"]) else row["area"], row["score"]): row
        for row in summarize(fit, allow_unreliable=allow_unreliable).to_dict("records")
        if row["estimand"] == "population"
    }
    rows = []
    base: dict[tuple[str | None, str], float] = {}
    for row in table.to_dict("records"):
        at = (None if pd.isna(row["area"]) else row["area"], row["score"])
        published = known[at]
        if not allow_unreliable and (published["mean"] is None or pd.isna(published["mean"])):
            row |= {"mean": np.nan, "lower": np.nan, "upper": np.nan}
        base.setdefault(at, row["mean"])
        rows.append(row | {"area": at[0], "shift": row["mean"] - base[at], "state": published["state"]})
    return pd.DataFrame(rows, columns=list(COLUMNS))
