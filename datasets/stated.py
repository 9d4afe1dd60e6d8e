"""How agents state the importance of an area otherwise than in levels: as a number, a rank, or a share of a budget.

All are read as ordered levels, and how they depend on the weight is that of levels (their thresholds are free, so any
rising scale says the same). Numbers are put into bins: people answer in round numbers, so a continuous density would be
wrong where the heaps are, and bins around the round numbers keep each heap whole. Ranks and shares of a budget say how
important an area is beside the others of one agent. They are read area by area: P(rank of this area | its weight), what
the agent says of other areas not being used, so that no answer counts twice.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field

from .study_part import Part

MAX_LEVELS = 11
"""Levels of an ordered scale."""
UNRANKED = "not ranked"
"""Label of the level of an area that an agent leaves out among its most important ones."""

_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)


class Stated(Part):
    """The form of an item of stated importance.

    Parameters
    ----------
    form
        ``"number"``, ``"rank"`` (1 is the most important) or ``"budget"``.
    low, high
        Least and greatest number; of a budget 0 and its whole.
    cuts
        Inner bounds of the levels, growing; a level begins at its lower bound.
    ranked
        How many areas were to be ranked; None for all. An area that an agent leaves blank while it ranks others is then
        its least important level.
    """

    form: Literal["number", "rank", "budget"]
    low: float = 0.0
    high: float = 0.0
    cuts: Annotated[tuple[float, ...], Field(strict=False)] = ()
    ranked: int | None = None

    def level_of(self, text: str, decimal: str, unknown: int) -> int:
        """Return the level of a number, counted from 0; ``unknown`` where it is none or out of range."""
        value = plain_number(text, decimal)
        if value is None or not self.low <= value <= self.high:
            return unknown
        return sum(value >= cut for cut in self.cuts)


def plain_number(text: str, decimal: str = ".") -> float | None:
    """Return the value of a text that is a plain finite number, else None."""
    text = text if decimal == "." else text.replace(".", "?").replace(decimal, ".")
    return float(text) if len(text) <= 300 and _PLAIN.fullmatch(text) else None
