"""Which area of a study is meant."""

from __future__ import annotations

from ..datasets.choices import Choices
from ..errors import Fault, InputError, shown


def area_position(choices: Choices, area: str | None) -> int:
    """Return the position of the area called so, or of the only one when no name is given.

    Raises
    ------
    InputError
        If there is no such area, or several and none is named.
    """
    names = [a.name for a in choices.areas]
    if area is None and len(names) == 1:
        return 0
    if area not in names:
        message = '"area" is not given and there are several.' if area is None else f'"area" is {shown(area)}.'
        remedy = f"Use one of {', '.join(map(shown, names))}."
        raise InputError(Fault(code="area", message=message, remedy=remedy, value=None if area is None else str(area)))
    return names.index(area)
