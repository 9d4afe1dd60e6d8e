"""What learned goals favour, as lines of a report: how many hold each, and the answers that set it apart."""

from __future__ import annotations

import pandas as pd
import xarray as xr
from rich.padding import Padding
from rich.text import Text

from ..datasets.study import Study
from ..errors import clean
from .goals import goals
from .result import attribute

_ANSWERS = 4
"""Answers shown of each goal, those farthest from the answers of all agents first."""


def goals_lines(fit: xr.DataTree) -> list[Text | Padding | str]:
    """Return what each learned goal favours; nothing where all goals are given.

    Parameters
    ----------
    fit
        A result that is not refused, or is shown all the same.
    """
    if not any(area.learned_items for area in Study.from_dict(attribute(fit, "study")).areas):
        return []
    table = goals(fit, allow_unreliable=True)
    parts: list[Text | Padding | str] = ["", Text("What the learned goals favour", "bold")]
    for area, own in table.groupby("area", sort=False):
        parts.append(Padding(Text(clean(str(area))), (0, 0, 0, 2)))
        for goal, rows in own.groupby("goal", sort=False):
            first = rows.iloc[0]
            held = f"{first['share']:.0%} [{first['share_lower']:.0%}, {first['share_upper']:.0%}] of agents"
            line = f"{clean(str(goal))}: {held}; more than others they answer {_answers(rows)}"
            parts.append(Padding(Text(line), (0, 0, 0, 4)))
    return parts


def _answers(rows: pd.DataFrame) -> str:
    """Return the answers that a goal makes likelier than they are over all, by how much more often they are given."""
    gap = rows["mean"] * (1 - 1 / rows["lift"])
    chosen = rows.loc[gap.sort_values(ascending=False).index[:_ANSWERS]]
    told = [
        f"'{clean(str(row.item))}' = '{clean(str(row.option))}' ({row.mean:.0%})"
        for row in chosen.itertuples(index=False)
    ]
    return ", ".join(told)
