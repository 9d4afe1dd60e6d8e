"""How everybody would have answered, where the recorded answers are selected."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from .result import attribute, choices_of, densities_of, thetas_of
from .self_selection import answers_of_population
from .structure_checks import interval
from .thinning import evenly
from .verdict import require_reliable

COLUMNS = ("area", "item", "option", "recorded", "at_random", "mean", "lower", "upper")
_DRAWS = 1_000


def if_everybody_answered(fit: xr.DataTree, *, allow_unreliable: bool = False) -> pd.DataFrame:
    """Return how everybody would have answered the items whose recorded answers are selected.

    Parameters
    ----------
    fit
        A result of :func:`fit` or :func:`load`.
    allow_unreliable
        Give the numbers of a refused fit, too.

    Returns
    -------
    pandas.DataFrame
        A row for each option of such items: its share among the ``recorded`` answers, the naive figure; its share among
        those given ``at_random``, null where there are none; ``mean``, ``lower`` and ``upper`` (90 % interval) of its
        probability to an agent of the population to whom the item is put, whether or not it would have picked it.

    Raises
    ------
    Refused
        If the fit is refused and ``allow_unreliable`` is False.
    """
    require_reliable(fit, allow_unreliable=allow_unreliable)
    choices = choices_of(fit)
    densities = densities_of(fit, choices)
    shares = np.asarray(attribute(fit, "group_shares"), dtype=float)
    rows = []
    for density, theta in zip(densities, thetas_of(fit, densities), strict=True):
        area, recorded = density.area, density.area.recorded
        if recorded is None or density.table.selection is None:
            continue
        p = answers_of_population(density, theta[evenly(len(theta), min(len(theta), _DRAWS))], shares)
        number = area.n_agents_of_pattern @ area.counts
        for j in np.flatnonzero(recorded.selected):
            mine = np.flatnonzero(area.item_of_option == j)
            other = np.flatnonzero(recorded.at_random & np.isin(recorded.source, mine))
            for option in mine:
                draws = p[:, density.table.selection.answer_of[option]]
                twin = other[recorded.source[other] == option]
                random = float(number[twin].sum() / number[other].sum()) if len(other) else float("nan")
                told = (float(number[option] / number[mine].sum()), random, float(draws.mean()), *interval(draws))
                rows.append((area.name, area.items[j], area.options[option], *told))
    return pd.DataFrame(rows, columns=list(COLUMNS))
