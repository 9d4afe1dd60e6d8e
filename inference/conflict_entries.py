"""How far the scores hang on graded conflict entries, which come from whoever wrote the study and from no answer.

Entries of 0 and 1 say what a conflict is: a convention. Entries between are judgements of degree. Scores are linear in
the entries, so an error of the same size in all graded entries moves a score by

    0.1 × Σ over graded pairs of goals of ∂ score / ∂ C_gh,

which is the score of a conflict matrix that holds 0.1 at the graded entries and 0 elsewhere. No interval of a fit
allows for such errors, and no data can show them: this is a note for the reader, not a sign that something is wrong.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .area_scores import population_scores
from .checks import Check
from .density import AreaDensity
from .sensitivity import SCORES

Array = NDArray[np.float64]

OFF = 0.1
"""Error of the graded entries that is looked at."""
NOTICEABLE = 0.5
"""Half widths of its interval by which they must move a score to be worth a note."""

_PROB = 0.9


def conflict_check(density: AreaDensity, theta: Array, *, uncertain: NDArray[np.bool_] | None = None) -> Check | None:
    """Return how far graded conflict entries carry the scores; None without any.

    Parameters
    ----------
    density
        Density of the area.
    theta
        Equally weighted posterior draws, (draw, coordinate).
    uncertain
        Entries that the study gives as uncertain, (goal, goal). The intervals allow for them, so they are left out.
    """
    area = density.area
    graded = (area.conflict > 0) & (area.conflict < 1)
    if uncertain is not None:
        graded &= ~uncertain
    if not graded.any():
        return None
    names = SCORES if density.states.weighted else SCORES[:1]
    moved = population_scores(replace(density, area=replace(area, conflict=np.where(graded, OFF, 0.0))), theta).overall
    drawn = population_scores(density, theta).overall
    tails = (1 - _PROB) / 2, (1 + _PROB) / 2
    half = {s: float(np.diff(np.quantile(getattr(drawn, s), tails))[0]) / 2 for s in names}
    shift = {s: float(np.mean(getattr(moved, s))) for s in names}
    score = max(names, key=lambda s: shift[s] / max(half[s], 1e-12))
    value = shift[score] / max(half[score], 1e-12)
    which = "conflict entries" if uncertain is None or not uncertain.any() else "certain conflict entries"
    text = (
        f"Were the {which} between 0 and 1 all {OFF} higher or lower, {score.replace('_', ' ')} would be"
        f" {shift[score]:.2f} higher or lower; its interval, ± {half[score]:.2f}, does not allow for such errors."
    )
    return Check(
        "conflict-entries", "ok" if value < 0.5 else "note", area.name, "" if value < 0.5 else text, value, 0.5
    )
