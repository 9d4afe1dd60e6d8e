"""Checks of areas where each answer may follow another of the agent's goals."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

from ..errors import shown
from .study import Area, Table
from .validation import StudyFaults

MAX_MIXED = 4
"""Goals of an area whose mixtures can be told apart and computed."""
MAX_MIXTURES = 1_000
"""Mixtures of the goals of an area."""


def check_several(area: Area, faults: StudyFaults) -> None:
    """Check what several goals of one agent ask of an area.

    Parameters
    ----------
    area
        The area, its items included.
    faults
        Takes what is wrong.
    """
    name, header, k = shown(area.name), f"[areas.{area.name}]", len(area.goals)
    if not area.several:
        if area.parts is not None:
            message = f"Area {name} has 'parts' of a mixture of goals, and each agent holds one goal."
            faults.add("wrong-value", message, "Remove it, or write several = true.", "parts", header)
        return
    if area.learned:
        message = f"The goals of area {name} are learned, and agents may follow several of them."
        remedy = "Not supported together: say what options serve, or remove several = true."
        faults.add("not-supported", message, remedy, "several", header)
    for item in area.items:
        if item.in_stages or item.kind in {"situation", "count", "duration"}:
            message = (
                f"Item {shown(item.name)} is of kind {item.kind!r}, and agents of its area may follow several goals."
            )
            remedy = "Not supported together yet: remove several = true, or move the item to an area of its own."
            faults.add("not-supported", message, remedy, f"items.{item.name}]", "several", header)
    if area.abstain is not None:
        message = f"Passing tells something in area {name}, and agents may follow several goals."
        remedy = "Not supported together yet: remove 'abstain' or several = true."
        faults.add("not-supported", message, remedy, "abstain", header)
    if not 2 <= k <= MAX_MIXED:
        message = f"Area {name} has {k} goal{'s' * (k != 1)}, and agents may follow several of them."
        remedy = f"Mixtures need 2 to {MAX_MIXED} goals: merge some, or remove several = true."
        faults.add("several", message, remedy, "several", header, value=str(k))
    elif comb(area.mixture_parts + k - 1, k - 1) > MAX_MIXTURES:
        number = comb(area.mixture_parts + k - 1, k - 1)
        most = max(n for n in range(1, MAX_MIXTURES) if comb(n + k - 1, k - 1) <= MAX_MIXTURES)
        message = f"Area {name} has {number:,} mixtures of {k} goals in {area.mixture_parts} parts."
        faults.add("several", message, f"Write parts = {most} or fewer.", "parts", header, value=str(area.parts))
    elif area.mixture_parts < 2:
        message = f"Area {name} has mixtures of one part, which is one goal each."
        faults.add("several", message, "Write parts = 2 or more.", "parts", header, value=str(area.parts))


def check_beside(areas: Sequence[Area], table: Table, faults: StudyFaults) -> None:
    """Check that areas of several goals do not depend on columns beside the answers."""
    names = [area.name for area in areas if area.several]
    beside = "depends_on" if table.depends_on else "period"
    if names and (table.depends_on or table.period is not None):
        message = f"{shown(beside)} is given, and agents of area {shown(names[0])} may follow several goals."
        remedy = f"Not supported together yet: remove {beside!r} or several = true."
        faults.add("not-supported", message, remedy, beside, "several")
