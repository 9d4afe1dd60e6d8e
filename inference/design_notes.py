"""What is said and checked of covariates and periods."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..datasets.choices import Choices
from ..datasets.study import Priors
from .checks import Check
from .density import AreaDensity
from .design import Design
from .parameters import Parameters

Array = NDArray[np.float64]

MAX_TOLD = 0.9
"""Share of the variance of a covariate that groups and the others may explain before that is a caution."""
MAX_SHIFT = 3.0
"""Posterior mean of a coefficient, in standard deviations of its prior, above which the prior holds it back."""


def design_notes(choices: Choices, parameters: Parameters) -> list[str]:
    """Return what a reader should know of covariates and periods beside the numbers."""
    design, priors = parameters.design, parameters.priors
    notes: list[str] = []
    if design is None:
        return notes
    if choices.covariates:
        numbers = [
            f"'{one.name}' per {one.scale:.3g}, from {one.centre:.3g}" for one in choices.covariates if one.numeric
        ]
        units = f" Effects of numbers are per standard deviation ({'; '.join(numbers)})." if numbers else ""
        notes.append(
            f"Goals and weights depend on {' and '.join(repr(one.name) for one in choices.covariates)}, linearly in the"
            f" logits; the prior sd of effects is held fixed at {priors.covariate_sd:g}.{units}"
        )
    if design.n_steps:
        notes.append(
            "Goals and weights follow a random walk over periods: the prior sd of a step is held fixed at"
            f" {priors.period_sd:g} (logits of goal shares and mean weights), and no period's answers count alone."
        )
    return notes


def design_checks(density: AreaDensity, theta: Array) -> list[Check]:
    """Return the checks of covariates and periods of one area: can they be told apart, and does the prior hold them.

    Parameters
    ----------
    density
        Density of the area.
    theta
        Equally weighted posterior draws, (draw, coordinate).
    """
    design = density.parameters.design
    if design is None:
        return []
    checks = []
    for name, told in told_by_others(density, design).items():
        message = (
            f"The covariate '{name}' is told by the others and the groups (R² {told:.2f}): the answers cannot tell its"
            " effects from theirs, and the prior divides them."
        )
        state = "caution" if told > MAX_TOLD else "ok"
        checks.append(Check("collinear", state, density.area.name, message * (state != "ok"), told, MAX_TOLD))
    for name, shift in largest_shifts(density, design, theta).items():
        key = "period_sd" if name == "periods" else "covariate_sd"
        what = "A step between periods" if name == "periods" else f"The effect of {name}"
        message = (
            f"{what} is {shift:.1f} standard deviations of its prior away from none, so the prior holds it back:"
            f" raise '{key}' below [priors] and compare."
        )
        state = "ok" if shift <= MAX_SHIFT else "caution"
        checks.append(Check("effect-size", state, density.area.name, message * (state != "ok"), shift, MAX_SHIFT))
    return checks


def told_by_others(density: AreaDensity, design: Design) -> dict[str, float]:
    """Return the share of the variance of each covariate, over agents, that groups and the others explain."""
    weight = np.bincount(density.rows.group, density.rows.multiplicity, density.rows.n_priors)
    root = np.sqrt(weight / weight.sum())[:, None]
    groups = (design.unit[:, None] == np.arange(design.unit.max() + 1)).astype(float)
    sources, found = np.array(design.sources, dtype=object), {}
    columns = design.columns[:, : design.n_covariates]
    for name in dict.fromkeys(design.sources):
        own, others = columns[:, sources == name], np.hstack([groups, columns[:, sources != name]])
        centred = own - np.square(root[:, 0]) @ own
        rest = root * own - root * others @ np.linalg.lstsq(root * others, root * own, rcond=None)[0]
        # the direction of a categorical column that is told best decides
        spread, left = (root * centred).T @ (root * centred), rest.T @ rest
        inverse = np.linalg.pinv(np.linalg.cholesky(spread + 1e-12 * np.eye(len(spread))))
        found[name] = float(np.clip(1 - np.linalg.eigvalsh(inverse @ left @ inverse.T)[0], 0, 1))
    return found


def largest_shifts(density: AreaDensity, design: Design, theta: Array) -> dict[str, float]:
    """Return the largest posterior mean of the coefficients of each covariate, and of the periods, in prior sds."""
    at, layout = density.parameters.slices, density.parameters
    mean = theta.mean(axis=0)
    shape = (layout.n_effects, layout.n_shares - 1)
    sizes = np.abs(mean[at["share_effect"]].reshape(shape)).max(axis=1, initial=0)
    if layout.weighted:
        sizes = np.maximum(sizes, np.abs(mean[at["mean_effect"]]))
    found: dict[str, float] = {}
    for name, size in zip(design.column_names, sizes.tolist(), strict=True):
        found[name] = max(found.get(name, 0.0), size)
    return found


def has_covariates(density: AreaDensity) -> bool:
    """Return whether priors over states depend on covariates."""
    design = density.parameters.design
    return design is not None and design.n_covariates > 0


def has_periods(density: AreaDensity) -> bool:
    """Return whether priors over states follow a walk over periods."""
    design = density.parameters.design
    return design is not None and design.n_steps > 0


def fixed_scales(priors: Priors) -> tuple[float, float, float]:
    """Return the scales that stand in the likelihood, as deviations are standard normal."""
    return priors.group_sd, priors.covariate_sd, priors.period_sd
