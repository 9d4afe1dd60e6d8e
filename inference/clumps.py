"""Sets of answers that more agents give than chance has it: one source asked, or one sheet copied, many times.

If the model is right, the number of agents with one set of answers is nearly Poisson about what the model expects. The
tail is averaged over the posterior. Fitting brought the model nearer to the data, so p-values err on the large side.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import poisson

from .checks import Check
from .expected_patterns import Patterns

Array = NDArray[np.float64]

SIGNIFICANT = 0.01
FEWEST = 5
"""Fewer agents than this with the same answers are no clump."""
NOTICEABLE = 0.02
"""Share of agents beyond those expected from which a clump weakens the numbers."""


def clump_check(patterns: Patterns) -> Check | None:
    """Return whether some set of answers is given by far more agents than expected; None where that cannot be told.

    The p-value is adjusted for the number of sets that could stand out: all possible ones, or 3 per agent if that is
    less, since sets expected from fewer than a third of an agent hardly ever reach :data:`FEWEST` by chance.

    Parameters
    ----------
    patterns
        Sets of answers of the area, observed and expected.
    """
    density = patterns.density
    if density.area.repeated.any() or density.face_value:
        return None
    seen = np.flatnonzero(patterns.observed >= FEWEST)
    name = density.area.name
    if not len(seen):
        return Check("same-answers", "ok", name, "", 1.0, SIGNIFICANT)
    expected = patterns.asked[seen] * np.exp(patterns.loglik[:, seen])
    number = patterns.observed[seen]
    p = poisson.sf(np.ceil(number) - 1, expected).mean(axis=0)
    adjusted = np.minimum(p * min(patterns.possible, 3 * patterns.n_agents), 1.0)
    certain = adjusted < SIGNIFICANT
    if not certain.any():
        return Check("same-answers", "ok", name, "", float(adjusted.min()), SIGNIFICANT)
    beyond = np.where(certain, number - expected.mean(axis=0), 0.0)
    most = int(np.argmax(beyond))
    share = beyond.sum() / patterns.n_agents
    others = f" ({int(certain.sum())} such sets of answers)" if certain.sum() > 1 else ""
    text = (
        f"{number[most]:,.0f} agents give exactly the same answers to all items they answer, where the model expects"
        f" {expected[:, most].mean():,.0f}{others}: is one source counted many times?"
    )
    if share < NOTICEABLE:
        return Check("same-answers", "note", name, text, float(adjusted.min()), SIGNIFICANT)
    return Check("same-answers", "caution", name, text, float(adjusted.min()), SIGNIFICANT)
