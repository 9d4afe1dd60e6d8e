"""How far each score moves with each conflict entry. Scores are linear in the entries, so derivatives say it all.

With n_g agents of goal g and S_g = Σ √w of them,

    ∂ contention / ∂ C_gh = 2 n_g n_h / (n (n − 1)),    ∂ misalignment / ∂ C_gh = 2 S_g S_h / (n (n − 1)),

and for relative misalignment the latter over the mean weight of pairs; in the population the same of goal shares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from .area_scores import population_totals
from .drawn_again import AreaDraws, draws_of, priors_as_units, unit_states
from .published import Estimand, described, published
from .score_arrays import SCORES

Array = NDArray[np.float64]

COLUMNS = (
    "area",
    "goal",
    "goal_other",
    "conflict",
    "score",
    "mean",
    "lower",
    "upper",
    "overall_mean",
    "overall_lower",
    "overall_upper",
    "state",
    "reasons",
)


@dataclass(frozen=True, eq=False)
class Derivatives:
    """Derivatives of the scores of one area by its conflict entries.

    Parameters
    ----------
    first, second
        Positions of the goals of each pair, (pair,).
    contention, misalignment
        Derivatives, (draw, pair); of misalignment NaN where answers say nothing on weights.
    pair_weight
        Mean weight of pairs, the denominator of relative misalignment, (draw,).
    conflict
        The entries, (pair,) or (draw, pair).
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    contention: Array
    misalignment: Array
    pair_weight: Array
    conflict: Array


def derivatives(area: AreaDraws, estimand: str) -> Derivatives:
    """Return the derivatives of the scores of an area at every draw.

    Parameters
    ----------
    area
        The draws of the area.
    estimand
        ``"sample"`` or ``"population"``.
    """
    states = area.density.states
    if estimand == "sample":
        units = priors_as_units(area.density)
        drawn = [(part.totals.sum(axis=1), part.overlap.sum(axis=1)) for part in unit_states(area, units)]
        totals, overlap = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
        count, root, weight = totals[:, 0], totals[:, 1], totals[:, 2]
        n = float(units.size.sum())
        pairs, own = n * (n - 1), weight.sum(axis=1)
    else:
        share, mass = population_totals(area.density, area.theta)
        count, root = (np.einsum("h,dhk->dk", area.shares, part) for part in (share, mass))
        pairs, own, overlap = 1.0, np.zeros(len(count)), np.zeros((len(count), 2, 0))
    first, second = np.triu_indices(states.n_goals, 1)
    known = np.where(area.broken, np.nan, 1.0)
    weights_known = known if states.weighted else np.full(len(known), np.nan)
    if not overlap.shape[2]:  # nobody follows both goals of a pair, or pairs are with replacement
        overlap = np.zeros((len(count), 2, len(first)))
    return Derivatives(
        first,
        second,
        2 * (count[:, first] * count[:, second] - overlap[:, 0]) / pairs * known[:, None],
        2 * (root[:, first] * root[:, second] - overlap[:, 1]) / pairs * weights_known[:, None],
        (root.sum(axis=1) ** 2 - own) / pairs * weights_known,
        area.conflict[..., first, second],
    )


def conflict_sensitivity(
    fit: xr.DataTree, *, estimand: Estimand = "sample", allow_unreliable: bool = False
) -> pd.DataFrame:
    """Return the derivative of every score by every conflict entry, with intervals.

    A derivative of 0.3 says that the score rises by 0.03 if the entry is 0.1 higher, and by no other amount: scores
    are linear in the entries. Times its entry it is what the pair of goals makes up of the score
    (:func:`contributions`).

    Parameters
    ----------
    fit
        A result of :func:`fit` or :func:`load`.
    estimand
        ``"sample"`` or ``"population"``.
    allow_unreliable
        Give the numbers of a refused fit, and those held back, too.

    Returns
    -------
    pandas.DataFrame
        One row per ``area``, pair of goals (``goal``, ``goal_other``) and ``score``; ``conflict`` is the entry (its
        mean where it is uncertain). ``mean``, ``lower``, ``upper`` (90 % interval) of the derivative of the area's
        score, in [0, 0.5] for contention and misalignment, and ``overall_…`` of the overall score. Null where a score
        does not exist or is held back. ``state`` and ``reasons`` are those of the area's score.

    Raises
    ------
    Refused
        If the fit is refused and ``allow_unreliable`` is False.
    InputError
        If ``estimand`` is unknown.
    """
    said = published(fit, estimand=estimand, allow_unreliable=allow_unreliable)
    areas = draws_of(fit)
    found = [derivatives(area, estimand) for area in areas]
    a = np.array([area.density.area.area_weight for area in areas])
    a = a / a.sum()
    denominator = sum(w * each.pair_weight for w, each in zip(a, found, strict=True) if w > 0)
    rows: list[dict[str, Any]] = []
    for area, each, own_weight in zip(areas, found, a, strict=True):
        name, goals = area.density.area.name, area.density.area.goals
        of_area = {
            "contention": (each.contention, own_weight * each.contention),
            "misalignment": (each.misalignment, own_weight * each.misalignment),
            "relative_misalignment": tuple(
                w * _over(each.misalignment, den) for w, den in ((1.0, each.pair_weight), (own_weight, denominator))
            ),
        }
        for pair, (i, j) in enumerate(zip(each.first, each.second, strict=True)):
            for score in SCORES:
                row = {"area": name, "goal": goals[i], "goal_other": goals[j], "score": score}
                row["conflict"] = float(area.mean_conflict[i, j])
                for level, draws, held in (
                    ("", of_area[score][0], said[(score, name)].held),
                    ("overall_", of_area[score][1], said[(score, None)].held),
                ):
                    numbers = described(draws[:, pair])
                    row |= {level + key: np.nan if held else value for key, value in numbers.items()}
                rows.append({**row, "state": said[(score, name)].state, "reasons": list(said[(score, name)].reasons)})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _over(values: Array, denominator: Any) -> Array:
    below = np.broadcast_to(np.asarray(denominator)[:, None], values.shape)
    return np.asarray(np.divide(values, below, out=np.full(values.shape, np.nan), where=below > 0))
