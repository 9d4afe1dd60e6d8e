"""Checks for the ways in which people and tables differ from the model: habits, skipping, copies, chosen conflicts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .answer_styles import answer_styles
from .area_scores import population_scores
from .checks import Check
from .clumps import clump_check
from .conflict_entries import conflict_check
from .density import AreaDensity
from .discrepancy import assess, checks_of
from .expected_patterns import expected_patterns, number_of_patterns
from .goal_discrepancies import goal_discrepancies
from .sensitivity import SCORES
from .thinning import evenly

Array = NDArray[np.float64]

NAMES = (
    "careless",
    "straight-lines",
    "favoured-answer",
    "skipping",
    "weights-by-goal",
    "same-answers",
    "conflict-entries",
)
"""Names of these checks."""
DRAWS = 400
"""Posterior draws used: what a misfit does to a score is read off how the two go together over draws."""
FEWEST_DRAWS = 40
"""Posterior draws used where there are so many sets of answers that more would take seconds."""

_NUMBERS = 600_000  # sets of answers × draws


def misfit_checks(
    density: AreaDensity, theta: Array, rng: np.random.Generator, *, uncertain: NDArray[np.bool_] | None = None
) -> list[Check]:
    """Return the checks of one area for kinds of misfit that may leave an interval silently wrong.

    Parameters
    ----------
    density
        Density of the area.
    theta
        Equally weighted posterior draws, (draw, coordinate).
    rng
        Source of simulated answers, where sets of answers are too many to enumerate.
    uncertain
        Conflict entries that the study says are uncertain, (goal, goal): the scores allow for them.
    """
    if not np.isfinite(theta).all():
        text = "Misfit could not be looked for: some draws are not finite numbers."
        return [Check("misfit", "caution", density.area.name, text)]
    entries = conflict_check(density, theta, uncertain=uncertain)
    checks = [] if entries is None else [entries]
    if not density.states.weighted:  # one answer per agent is taken at face value
        return checks
    most = min(len(theta), DRAWS, max(FEWEST_DRAWS, _NUMBERS // number_of_patterns(density)))
    used = theta[evenly(len(theta), most)]
    drawn = population_scores(density, used).overall
    scores = {name: np.asarray(getattr(drawn, name)) for name in SCORES}
    if density.face_value:  # weights come from stated importance alone
        return [*checks_of(density.area.name, assess(goal_discrepancies(density, used), scores), scores), *checks]
    patterns = expected_patterns(density, used, rng)
    found = assess([*answer_styles(patterns, used), *goal_discrepancies(density, used)], scores)
    clump = clump_check(patterns)
    return [*checks_of(density.area.name, found, scores), *([] if clump is None else [clump]), *checks]
