"""From scores of areas to one overall score."""

from __future__ import annotations

from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import Fault, InputError, shown
from .pair_sums import divide

type AreaMean = Literal["arithmetic", "geometric", "harmonic", "min", "max"]

AREA_MEANS: Final[tuple[str, ...]] = get_args(AreaMean.__value__)


def mean_over_areas(
    scores: ArrayLike, area_weights: ArrayLike | None = None, *, area_mean: AreaMean = "arithmetic", axis: int = -1
) -> NDArray[np.float64]:
    """Return the overall score, a mean over areas.

    Parameters
    ----------
    scores
        Scores of areas, ≥ 0, the areas along ``axis``. NaN in an area that counts gives NaN.
    area_weights
        Weight a_p of each area, ≥ 0 and not all 0, (area,). Default: equal. An area of weight 0 does not
        count, in ``"min"`` and ``"max"`` too.
    area_mean
        ``"arithmetic"``, ``"geometric"`` or ``"harmonic"`` (both 0 when any area that counts is 0), ``"min"``
        or ``"max"``.
    axis
        Axis of the areas.

    Returns
    -------
    ndarray
        The shape of ``scores`` without ``axis``.
    """
    values = np.moveaxis(np.asarray(scores, dtype=np.float64), axis, -1)
    a = _checked(area_weights, values.shape[-1])
    values, a = values[..., a > 0], a[a > 0] / a.sum()
    match check_area_mean(area_mean):
        case "arithmetic":
            return np.asarray(values @ a)
        case "min":
            return np.asarray(values.min(axis=-1))
        case "max":
            return np.asarray(values.max(axis=-1))
        case mean:
            zero = (values == 0).any(axis=-1)
            positive = np.where(values == 0, 1.0, values)
            if mean == "geometric":
                result = np.exp(np.log(positive) @ a)
            else:
                least = positive.min(axis=-1)  # taken out so that 1/s cannot overflow
                result = least / ((least[..., None] / positive) @ a)
            return np.where(zero & ~np.isnan(values).any(axis=-1), 0.0, result)


def relative_over_areas(
    numerator: ArrayLike, denominator: ArrayLike, area_weights: ArrayLike | None = None, *, axis: int = -1
) -> NDArray[np.float64]:
    """Return overall relative misalignment, Σ a_p num_p / Σ a_p den_p.

    Parameters
    ----------
    numerator, denominator
        Misalignment and mean weight of pairs of each area, the areas along ``axis``.
    area_weights
        Weight a_p of each area, ≥ 0 and not all 0, (area,). Default: equal.
    axis
        Axis of the areas.

    Returns
    -------
    ndarray
        The shape without ``axis``; NaN where no area has any weight in its pairs.
    """
    num, den = (
        mean_over_areas(part, area_weights, area_mean="arithmetic", axis=axis) for part in (numerator, denominator)
    )
    return np.minimum(divide(num, den), 1.0)


def check_area_mean(area_mean: str) -> str:
    """Return ``area_mean`` if there is such a mean, else raise :class:`InputError`."""
    if area_mean not in AREA_MEANS:
        raise InputError(
            Fault(
                code="area-mean",
                message=f'"area_mean" is {shown(area_mean)}.',
                remedy="Use one of " + ", ".join(shown(x) for x in AREA_MEANS) + ".",
                value=str(area_mean),
            )
        )
    return area_mean


def _checked(area_weights: ArrayLike | None, n_areas: int) -> NDArray[np.float64]:
    if area_weights is None:
        return np.ones(n_areas)
    a = np.asarray(area_weights, dtype=np.float64)
    if a.shape != (n_areas,) or not (np.isfinite(a).all() and (a >= 0).all() and a.sum() > 0):
        raise InputError(
            Fault(
                code="area-weights",
                message=f'"area_weights" is {shown(a)} for {n_areas} areas.',
                remedy="Give one number per area, none negative and at least one above 0.",
                value=str(a),
            )
        )
    return a
