"""What a unit or a level of a covariate does to the odds of each goal and to the weight, with intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ..errors import Fault, InputError, clean
from .density import AreaDensity
from .design import covariate_effects
from .parameters import draw_prior
from .published import described
from .result import choices_of, densities_of, thetas_of
from .verdict import require_reliable

Array = NDArray[np.float64]

LITTLE = 0.2
"""Contraction below which an effect comes largely from the prior."""
_PRIOR_DRAWS = 20_000
_SEED = 20_261_124


def covariates(fit: xr.DataTree, *, allow_unreliable: bool = False) -> pd.DataFrame:
    """Return the effects of the covariates of a fit on goals and weights.

    Parameters
    ----------
    fit
        A result of :func:`fit` or :func:`load` whose study has ``depends_on``.
    allow_unreliable
        Do not raise for a refused fit.

    Returns
    -------
    pandas.DataFrame
        One row per ``area``, ``covariate`` (a number with the length of its unit, one standard deviation; or a level,
        against the mean of all levels) and ``goal``, and one per area and covariate with ``of = "weight"`` and no
        goal. ``effect``, ``sd``, ``lower`` and ``upper`` are of the logit, the logits of goals zero-sum;
        ``odds_ratio`` (posterior median), ``odds_lower`` and ``odds_upper`` say by what the odds are multiplied: of a
        goal against the geometric mean of all goals, of the mean weight m against 1 − m. Intervals hold 90 %.
        ``contraction`` is 1 − posterior variance ÷ prior variance, ``sentence`` says where it is below :data:`LITTLE`.
        Nothing here is causal: effects are of those who differ in the covariate, the others alike.

    Raises
    ------
    InputError
        If the study has no covariates.
    Refused
        If the fit is refused and ``allow_unreliable`` is False.
    """
    require_reliable(fit, allow_unreliable=allow_unreliable)
    choices = choices_of(fit)
    if not choices.covariates:
        message = "Goals and weights of this result depend on no covariates."
        remedy = 'Name columns as depends_on = ["…"] below [table], and fit again.'
        raise InputError(Fault(code="no-covariates", message=message, remedy=remedy))
    densities = densities_of(fit, choices)
    rows: list[dict[str, Any]] = []
    for density, theta in zip(densities, thetas_of(fit, densities), strict=True):
        rows += _rows(density, theta)
    return pd.DataFrame(rows)


def _rows(density: AreaDensity, theta: Array) -> list[dict[str, Any]]:
    layout, area, design = density.parameters, density.area, density.parameters.design
    assert design is not None
    prior = draw_prior(layout, _PRIOR_DRAWS, np.random.default_rng(_SEED))
    (goals, weights), (goals_before, weights_before) = (covariate_effects(layout, t) for t in (theta, prior))
    names = (*area.goals, *(("no goal",) if area.no_goal else ()))
    rows = []
    for k, effect in enumerate(design.names):
        about = [("goal", goal, goals[:, k, g], goals_before[:, k, g]) for g, goal in enumerate(names)]
        if weights is not None and weights_before is not None:
            about.append(("weight", None, weights[:, k], weights_before[:, k]))
        rows += [_row(area.name, effect, *one) for one in about]
    return rows


def _row(area: str, effect: str, of: str, goal: str | None, draws: Array, before: Array) -> dict[str, Any]:
    found, odds = described(draws), np.exp(np.quantile(draws, [0.05, 0.5, 0.95]))
    known = bool(before.var() > 0)  # with one goal there is nothing to tell
    contraction = float(1 - draws.var() / before.var()) if known else float("nan")
    what = f"goal '{clean(goal)}'" if goal is not None else "weights"
    text = ""
    if known and not contraction >= LITTLE:
        text = (
            f"The effect of {clean(effect)} on {what} of '{clean(area)}' comes largely from the prior"
            f" (contraction {contraction:.2f})."
        )
    return {
        "area": area,
        "covariate": effect,
        "of": of,
        "goal": goal,
        "effect": found["mean"],
        "sd": float(draws.std()),
        "lower": found["lower"],
        "upper": found["upper"],
        "odds_ratio": float(odds[1]),
        "odds_lower": float(odds[0]),
        "odds_upper": float(odds[2]),
        "contraction": contraction,
        "sentence": text,
    }
