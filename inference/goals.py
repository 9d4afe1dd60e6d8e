"""What each learned goal favours, with intervals: the table by which a reader gives the goals names."""

from __future__ import annotations

from typing import Any

import pandas as pd
import xarray as xr

from ..errors import Fault, InputError
from .learned_goals import goal_answers, learned_options
from .published import described
from .result import choices_of, densities_of, thetas_of
from .verdict import require_reliable


def goals(fit: xr.DataTree, *, allow_unreliable: bool = False) -> pd.DataFrame:
    """Return how those who hold a learned goal answer the items of which it is learned, and how many hold it.

    Parameters
    ----------
    fit
        A result of :func:`fit` or :func:`load`.
    allow_unreliable
        Do not raise for a refused fit.

    Returns
    -------
    pandas.DataFrame
        One row per ``area``, ``goal``, ``item`` and ``option``: ``share``, the posterior mean of the share of agents
        who hold the goal, with ``share_lower`` and ``share_upper``; ``mean``, ``sd``, ``lower`` and ``upper`` of the
        probability of the option to an agent of weight 1 who holds the goal; ``lift``, the mean divided by that over
        all goals by their shares: above 1, the goal favours the option. Of rankings, best and worst, and situations the
        options are those of the first choice among all of them; of counts and durations ``more`` has the probability
        r / (1 + r), r being the factor by which the goal multiplies the number, over the geometric mean of all goals.
        Intervals hold 90 %. Goals are numbered by
        their shares at the best mode, largest first, and every draw by its likeness to that (:mod:`.learned_goals`).

    Raises
    ------
    InputError
        If no area has learned goals.
    Refused
        If the fit is refused and ``allow_unreliable`` is False.
    """
    require_reliable(fit, allow_unreliable=allow_unreliable)
    choices = choices_of(fit)
    densities = densities_of(fit, choices)
    if not any(any(density.area.learned) for density in densities):
        message, remedy = "No area of this result has learned goals.", "Write goals = 3, say, below [areas.NAME]."
        raise InputError(Fault(code="no-learned-goals", message=message, remedy=remedy))
    rows: list[dict[str, Any]] = []
    posterior = fit["posterior"].to_dataset()
    for density, theta in zip(densities, thetas_of(fit, densities), strict=True):
        area = density.area
        if not any(area.learned):
            continue
        answers = goal_answers(density, theta)
        names = [f"{area.name}: {goal}" for goal in area.goals]
        share = posterior["goal_share"].sel(goal=names).values.reshape(len(theta), -1)
        overall = (share[:, :, None] * answers).sum(axis=1).mean(axis=0) / share.sum(axis=1).mean()
        for g, goal in enumerate(area.goals):
            held = described(share[:, g])
            for option in learned_options(density):
                numbers = described(answers[:, g, option])
                rows.append(
                    {
                        "area": area.name,
                        "goal": goal,
                        "share": held["mean"],
                        "share_lower": held["lower"],
                        "share_upper": held["upper"],
                        "item": area.items[area.item_of_option[option]],
                        "option": area.options[option],
                        "mean": numbers["mean"],
                        "sd": float(answers[:, g, option].std()),
                        "lower": numbers["lower"],
                        "upper": numbers["upper"],
                        "lift": numbers["mean"] / overall[option],
                    }
                )
    return pd.DataFrame(rows)
