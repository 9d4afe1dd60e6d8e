"""Effects of covariates as lines of a report: by what they multiply the odds of goals and of weights."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..datasets.study import Study
from ..errors import clean
from .covariates import covariates
from .group_sizes import SMALL_GROUP
from .result import attribute, choices_of


def covariates_lines(fit: xr.DataTree) -> list[Text | Padding | str]:
    """Return the effects of covariates; nothing where goals and weights depend on none.

    Parameters
    ----------
    fit
        A result that is not refused, or is shown all the same.
    """
    if not Study.from_dict(attribute(fit, "study")).table.depends_on:
        return []
    effects = covariates(fit, allow_unreliable=True)
    few = _levels_of_few(fit)
    parts: list[Text | Padding | str] = ["", Text("What covariates do to the odds of goals and weights", "bold")]
    for area, own in effects.groupby("area", sort=False):
        parts.append(Padding(Text(clean(str(area))), (0, 0, 0, 2)))
        parts.append(Padding(_table(own[~own["covariate"].isin(few)]), (0, 0, 0, 4)))
    legend = "Odds are multiplied by this (90 % interval), others alike: of a goal against all, of weights towards 1."
    parts.append(Text(legend, "dim"))
    if few:
        named = ", ".join(clean(name) for name in few)
        parts.append(Text(f"Left out, fewer than {SMALL_GROUP} agents: {named}."))
    return parts


def _table(effects: pd.DataFrame) -> Table:
    about = effects[["of", "goal"]].drop_duplicates()
    names = [clean(str(goal)) if of == "goal" else "weights" for of, goal in about.itertuples(index=False)]
    table = Table("", *names, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for covariate, rows in effects.groupby("covariate", sort=False):
        cells = [
            f"{row.odds_ratio:.2f} [{row.odds_lower:.2f}, {row.odds_upper:.2f}]" for row in rows.itertuples(index=False)
        ]
        table.add_row(clean(str(covariate)), *cells)
    return table


def _levels_of_few(fit: xr.DataTree) -> list[str]:
    """Return the effects of levels that fewer than 10 agents have."""
    few = []
    for one in choices_of(fit).covariates:
        sizes = np.bincount(one.value.astype(np.int64), minlength=len(one.levels)) if one.levels else np.zeros(0)
        few += [name for name, size in zip(one.effects, sizes, strict=False) if one.levels and size < SMALL_GROUP]
    return few
