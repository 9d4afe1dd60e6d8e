"""What a result says of the dependence between areas: measures of it, its effect on pairs, and its check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from .alternatives import Structure, leave_one_out
from .checks import Check
from .density import row_log_likelihood
from .dependence_measures import PairSpread, association, association_within, pair_spread
from .joint_fit import MIN_ASSOCIATION, JointFit, effective_associations

Array = NDArray[np.float64]

SCENARIOS = ("as fitted", "independent")


@dataclass(frozen=True, eq=False)
class DependenceParts:
    """How areas depend on each other, by posterior draw.

    Parameters
    ----------
    joint
        The fit.
    theta
        The draws behind the scores, (draw, coordinate).
    association, within
        Cramér's V, (draw, area, area) and within each prior over states, (draw, prior, area, area).
    spread
        How the conflict of pairs varies.
    gain, error
        Expected log predictive density of one agent left out, summed, above that of independent areas, and its
        standard error.
    """

    joint: JointFit
    theta: Array
    association: Array
    within: Array
    spread: PairSpread
    gain: float
    error: float


def dependence_parts(joint: JointFit, theta: Array, shares: Array, alone: Sequence[Structure]) -> DependenceParts:
    """Return how areas depend on each other.

    Parameters
    ----------
    joint, theta
        The fit and the draws behind the scores, (draw, coordinate).
    shares
        Share of each prior over states in the population, (prior,).
    alone
        The study's own structure of every area fitted by itself, as if areas were independent.
    """
    density, rows = joint.density, joint.density.rows
    flat = np.full(len(theta), -np.log(len(theta)))
    together = leave_one_out(row_log_likelihood(density, theta), flat)
    apart = np.sum([own.row_elpd[of] for own, of in zip(alone, rows.of_area, strict=True)], axis=0)
    gap, weight = together - apart, rows.multiplicity
    mean = float(weight @ gap / weight.sum())
    error = float(np.sqrt(weight @ np.square(gap - mean)))
    a = np.array([area.area.area_weight for area in density.areas])
    a = a if a.any() else np.ones(len(a))
    return DependenceParts(
        joint,
        theta,
        association(density, theta, shares),
        association_within(density, theta),
        pair_spread(density, theta, shares, a),
        float(weight @ gap),
        error,
    )


def dependence_checks(parts: DependenceParts) -> list[Check]:
    """Return whether the answers show that areas depend on each other, and whether enough draws say how far."""
    found, number = parts.joint.importance, parts.joint.density.n_types
    effective = float("nan") if found is None else effective_associations(parts.joint.density, found)
    shown = bool(np.isfinite(parts.gain) and parts.gain > 2 * parts.error)
    enough = bool(effective >= MIN_ASSOCIATION)
    not_shown = (
        f"The answers do not show that areas depend on each other: with {number} types of agents they are predicted no "
        f"better than with independent areas (ELPD {parts.gain:+.1f} ± {parts.error:.1f}), so what the types are comes "
        "largely from their prior."
    )
    few = f"How far areas depend on each other is known from {effective:.0f} effective draws only."
    return [
        Check("dependence", "ok" if shown else "note", None, "" if shown else not_shown, parts.gain, 2 * parts.error),
        Check(
            "dependence-draws", "ok" if enough else "caution", None, "" if enough else few, effective, MIN_ASSOCIATION
        ),
    ]


def dependence_dataset(parts: DependenceParts, chains: int, groups: Sequence[str]) -> xr.Dataset:
    """Return the group ``dependence`` of a result; its draws are those of the scores."""
    names = [area.area.name for area in parts.joint.density.areas]

    def draws(values: Array) -> Array:
        return values.reshape(chains, -1, *values.shape[1:])

    spread = parts.spread
    both = ("chain", "draw", "scenario")

    def scenarios(fitted: Array, independent: Array) -> Array:
        return draws(np.stack([fitted, independent], axis=1))

    pair_sd = np.stack(
        [scenarios(spread.sd[s], spread.sd_independent[s]) for s in ("contention", "misalignment")], axis=-1
    )
    data = {
        "association": (("chain", "draw", "area", "area_other"), draws(parts.association)),
        "pair_sd": ((*both, "score"), pair_sd),
        "pairs_without_conflict": (both, scenarios(spread.none, spread.none_independent)),
        "pairs_in_conflict_everywhere": (both, scenarios(spread.every, spread.every_independent)),
        "elpd_gain": ((), parts.gain),
        "elpd_gain_se": ((), parts.error),
        "types": ((), parts.joint.density.n_types),
    }
    coords = {
        "area": names,
        "area_other": names,
        "scenario": list(SCENARIOS),
        "score": ["contention", "misalignment"],
    }
    if groups and parts.within.shape[1] >= len(groups):
        data["group_association"] = (
            ("chain", "draw", "group", "area", "area_other"),
            draws(parts.within[:, : len(groups)]),
        )
        coords["group"] = list(groups)
    return xr.Dataset(data, coords=coords)
