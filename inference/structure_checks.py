"""Does the score depend on the model, and is there any sign of goals? Checks over the structural alternatives."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..datasets.validation import listed
from .alternatives import Structure, elpd_difference, own_structure
from .checks import Check
from .density import AreaDensity
from .importance import MAX_KHAT
from .sensitivity import SCORES

Array = NDArray[np.float64]

BETTER = 4.0
"""ELPD difference beyond which one structure predicts better than another."""
NOTICEABLE = 0.02
"""Difference between scores below which disjoint intervals are a note."""
_MOST_OF_VARIANCE = 0.5  # of an ELPD difference, above which one agent alone is its error
_PROB = 0.9


def interval(values: Array) -> tuple[float, float]:
    """Return the equal-tailed 90 % interval of draws; NaN when some draw is not a finite number."""
    if not np.isfinite(values).all():
        return float("nan"), float("nan")
    low, high = np.quantile(values, [(1 - _PROB) / 2, (1 + _PROB) / 2])
    return float(low), float(high)


def structure_checks(density: AreaDensity, structures: Sequence[Structure], null: Structure | None) -> list[Check]:
    """Return the cautions that follow from the alternatives of an area.

    Parameters
    ----------
    density
        Density of the area as the study has it.
    structures
        Its structures, the study's own among them.
    null
        The null model; None where it cannot be told from goals (one answer per agent).
    """
    area = density.area
    own = next(s for s in structures if s.kind == own_structure(density))
    # With one answer per agent nothing tells the structures apart; that is a caution of its own.
    checks = [_depends(density, own, structures)] if not density.face_value else []
    if null is not None and area.conflict.any():  # without any conflict the scores are 0 whatever the goals
        checks.append(_null(density, own, null))
    if area.no_goal:
        text = f"Under {area.rule}, no goal differs from a weight near 0 by the shape of the Beta prior only."
        checks.append(Check("no-goal", "caution", area.name, text))
    return checks


def _depends(density: AreaDensity, own: Structure, structures: Sequence[Structure]) -> Check:
    failed = [s for s in structures if not np.isfinite(s.elpd) or (s is not own and not s.khat <= MAX_KHAT)]
    check = _compared(density, own, [s for s in structures if s not in failed]) if own not in failed else None
    if check is None or (failed and check.state != "caution"):
        which = "structure" if len(failed) == 1 else "structures"
        names = listed(s.name for s in failed)
        text = f"The {which} {names} could not be fitted well, so dependence on the model is unknown."
        return Check("depends-on-model", "caution", density.area.name, text)
    return check


def _compared(density: AreaDensity, own: Structure, structures: Sequence[Structure]) -> Check:
    """Return what the structures that could be fitted say of the dependence on the model."""
    name = density.area.name
    best = max(structures, key=lambda s: s.elpd)
    lead = best.elpd - own.elpd
    if lead > BETTER:
        text = f"The score depends on the model: '{best.name}' predicts better than '{own.name}' (ELPD +{lead:.1f})."
        return Check("depends-on-model", "caution", name, text, lead, BETTER)
    comparable = [s for s in structures if best.elpd - s.elpd <= BETTER]
    found: list[Check] = []
    for score in SCORES:
        bounds = {s.name: interval(getattr(s.scores.sample.overall, score)) for s in comparable if s.scores}
        lowest_top = min(bounds, key=lambda key: bounds[key][1])
        highest_bottom = max(bounds, key=lambda key: bounds[key][0])
        if bounds[highest_bottom][0] > bounds[lowest_top][1]:
            means = [float(np.mean(getattr(s.scores.sample.overall, score))) for s in comparable if s.scores]
            # With very many agents intervals come apart over differences that change nothing for a reader.
            small = max(means) - min(means) < NOTICEABLE
            text = (
                f"The score depends on the model: {score.replace('_', ' ')} is {_show(bounds[lowest_top])} under "
                f"'{lowest_top}', {_show(bounds[highest_bottom])} under '{highest_bottom}', and both predict as well"
                f"{', a difference too small to matter' if small else ''}."
            )
            found.append(Check("depends-on-model", "note" if small else "caution", name, text, lead, BETTER))
    if found:
        return max(found, key=lambda check: check.state == "caution")
    return Check("depends-on-model", "ok", name, "", lead, BETTER)


def _show(bounds: tuple[float, float]) -> str:
    return f"{bounds[0]:.2f} to {bounds[1]:.2f}"


def _null(density: AreaDensity, own: Structure, null: Structure) -> Check:
    gain, se = elpd_difference(density, own.row_elpd, null.row_elpd)
    if np.isfinite(gain) and gain > 2 * se:
        return Check("null-model", "ok", density.area.name, "", gain, 2 * se)
    size = f"ELPD {gain:+.1f} ± {se:.1f}"
    others = _without_the_largest(density, own.row_elpd - null.row_elpd)
    if others is not None and others[0] > 2 * others[1]:
        text = (
            f"One agent decides whether the model predicts better than the baseline alone: {size} with it,"
            f" {others[0]:+.1f} ± {others[1]:.1f} without. It is the others who show goals."
        )
        return Check("null-model", "caution", density.area.name, text, gain, 2 * se)
    text = (
        f"No sign of goals: the model predicts answers no better than the baseline alone ({size}),"
        " so contention among goals is not reported."
    )
    lost = ("contention", "relative_misalignment")
    return Check("null-model", "caution", density.area.name, text, gain, 2 * se, lost, blank=True)


def _without_the_largest(density: AreaDensity, gap: Array) -> tuple[float, float] | None:
    """Return the gain of the other agents and its error, where one agent makes most of the variance; else None.

    An agent with a hundred times the answers of the others, a recommender in a log, is left out less exactly than the
    rest, and its one difference is then the error of the sum.
    """
    weight, agents = density.rows.multiplicity, density.rows.agents
    n = float(weight.sum())
    one = weight / agents  # of one agent of each row
    share = one * np.square(gap - weight @ gap / n)
    largest = int(np.argmax(share))
    if not np.isfinite(gap).all() or not share[largest] > _MOST_OF_VARIANCE * (agents @ share) or n <= 2:
        return None
    rest = weight.copy()
    rest[largest] -= one[largest]
    total, left = float(rest @ gap), float(rest.sum())
    return total, float(np.sqrt(rest @ np.square(gap - total / left)))
