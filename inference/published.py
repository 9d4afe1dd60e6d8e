"""What may be said of each score in tables made from a fit: its state and reasons, and whether it is held back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ..datasets.validation import hint, listed
from ..errors import Fault, InputError, shown
from .score_arrays import SCORES
from .scores import check_selection
from .structure_checks import interval
from .summary import summarize
from .verdict import require_reliable

Array = NDArray[np.float64]

type Score = Literal["contention", "misalignment", "relative_misalignment"]
type Estimand = Literal["sample", "population"]


@dataclass(frozen=True)
class Published:
    """What may be said of a score.

    Parameters
    ----------
    state, reasons
        As in :func:`.summarize`.
    held
        Whether no number is given: it does not exist, or the fit holds it back.
    """

    state: str
    reasons: tuple[str, ...]
    held: bool


def published(fit: xr.DataTree, *, estimand: str, allow_unreliable: bool) -> dict[tuple[str, str | None], Published]:
    """Return what may be said of each score of each area; area None is overall.

    Parameters
    ----------
    fit
        A result of :func:`fit` or :func:`load`.
    estimand
        ``"sample"`` or ``"population"``.
    allow_unreliable
        Hold nothing back, and do not raise for a refused fit.

    Raises
    ------
    Refused
        If the fit is refused and ``allow_unreliable`` is False.
    InputError
        If ``estimand`` is unknown.
    """
    check_selection(fit, None, estimand)
    require_reliable(fit, allow_unreliable=allow_unreliable)
    rows = summarize(fit, allow_unreliable=allow_unreliable).to_dict("records")
    return {
        (row["score"], None if pd.isna(row["area"]) else row["area"]): Published(
            row["state"], tuple(row["reasons"]), bool(pd.isna(row["mean"])) and not allow_unreliable
        )
        for row in rows
        if row["estimand"] == estimand
    }


def check_score(score: str) -> None:
    """Raise :class:`InputError` unless there is such a model score."""
    if score not in SCORES:
        remedy = hint(score, SCORES, f"Use one of {listed(SCORES)}.")
        raise InputError(Fault(code="score", message=f'"score" is {shown(score)}.', remedy=remedy, value=str(score)))


def check_area(fit: xr.DataTree, area: str | None) -> None:
    """Raise :class:`InputError` unless ``area`` is None or an area of the fit."""
    names = [str(name) for name in fit["scores"].to_dataset()["area"].values]
    if area is not None and area not in names:
        remedy = hint(str(area), names, f"The areas are {listed(names)}.")
        message = f'"area" names {shown(area)}, no area.'
        raise InputError(Fault(code="unknown-area", message=message, remedy=remedy, value=str(area)))


def described(draws: Array) -> dict[str, float]:
    """Return mean and equal-tailed 90 % interval of draws, NaN when one of them is not a finite number."""
    known = bool(np.isfinite(draws).all())
    lower, upper = interval(draws.ravel()) if known else (np.nan, np.nan)
    return {"mean": float(draws.mean()) if known else np.nan, "lower": lower, "upper": upper}
