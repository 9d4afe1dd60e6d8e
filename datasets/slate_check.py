"""Checks of items of kind ``situation`` in a study of a log."""

from __future__ import annotations

from ..errors import shown
from .log_study import ITEM, Log
from .study import Area
from .validation import StudyFaults


def check_slates(log: Log, areas: list[Area], faults: StudyFaults) -> None:
    """Check that items of kind ``situation`` can be read from a log.

    Parameters
    ----------
    log, areas
        The log, and the areas.
    faults
        Takes what is wrong.
    """
    for item in (item for area in areas for item in area.items if item.kind == "situation"):
        name, where = shown(item.name), f"items.{item.name}]"
        asking = [way for _, way in log.ways if way.question == item.column]
        if log.shown is None:
            message = f"Item {name} is of kind 'situation', and the log does not say what was shown."
            remedy = 'Add shown = "…" below [log]: the column of what was shown.'
            faults.add("missing-key", message, remedy, where, "[log]")
        if not asking or any(way.answer != ITEM for way in asking):
            message = f"Item {name} of kind 'situation' is asked by no reading whose answer is the item chosen."
            remedy = f'Write question = "{item.column}" and answer = "item" below [log] or one of its readings.'
            faults.add("wrong-value", message, remedy, where)
        for key in ("features", "available", "alternative", "repeated"):
            if getattr(item, key):
                message = f"Item {name} of kind 'situation' is read from a log and has {key!r}."
                remedy = "Remove it: what was shown is in the log, and an agent may choose many times."
                faults.add("not-supported", message, remedy, where, key)
