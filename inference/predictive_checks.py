"""The checks of how the model of an area fits its answers, each with one sentence for a reader."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .agent_checks import goal_answers_check, pair_agreement_check
from .answer_tables import observed_tables
from .checks import Check
from .density import AreaDensity
from .hanging_together import MIN_AGREEMENT, hang_together
from .number_checks import number_check
from .ranking_checks import ranking_check
from .situation_checks import situation_check
from .table_checks import SIGNIFICANT, TableCheck, item_pair_check, option_share_check

Array = NDArray[np.float64]


def predictive_checks(density: AreaDensity, theta: Array) -> list[Check]:
    """Return the checks of how the model fits an area, one for each thing that can be looked at.

    Option shares, also in situations and at later places of rankings, shares of ranges of numbers, pairs of items,
    whether items hang together, pairs of agents, and the answers per goal.

    An area whose items do not measure one thing *and* whose pairs of items the model does not fit is held back: its
    scores get no headline number.

    Parameters
    ----------
    density
        Density of the area.
    theta
        Equally weighted posterior draws, (draw, coordinate).
    """
    name, tables = density.area.name, observed_tables(density)
    shares = option_share_check(density, theta, tables=tables)
    pairs = item_pair_check(density, theta, tables=tables)
    checks = [_summary("option-shares", name, shares), _summary("item-pairs", name, pairs)]
    together = hang_together(density, theta, tables=tables)
    if together is not None:
        contradicted = any(check.state == "caution" for check in pairs)
        blank = len(together.items) == len(density.area.items) and contradicted
        text, state = together.sentence, together.state
        checks.append(Check("hang-together", state, name, text, together.agreement, MIN_AGREEMENT, blank=blank))
    more = (pair_agreement_check, goal_answers_check, situation_check, ranking_check, number_check)
    return [*checks, *(found for check in more if (found := check(density, theta)) is not None)]


def _summary(kind: str, area: str, results: Sequence[TableCheck]) -> Check:
    """Return one check for all tables of a kind: the worst in words, and how many more there are."""
    failed = [r for r in results if r.state != "ok"]
    if not failed:
        return Check(kind, "ok", area, "", min((r.adjusted_p for r in results), default=1.0), SIGNIFICANT)
    worst = max(failed, key=lambda r: (r.state == "caution", abs(r.residual)))
    others = len(failed) - 1
    what = "table" if len(worst.items) > 1 else "item"
    more = f" {others} more {what}{'s' * (others > 1)} differ{'s' * (others == 1)} from the model." if others else ""
    return Check(kind, worst.state, area, worst.sentence + more, worst.adjusted_p, SIGNIFICANT)
