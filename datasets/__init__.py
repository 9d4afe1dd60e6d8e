"""Tables and logs of answers, checked and reduced to :class:`Choices`.

A :class:`Study` says what a table means; :func:`read_table` reads any table, :func:`read_log` a log of events,
:func:`load` a registered table, and :func:`simulate` makes one whose truth is known.
"""

if __name__ != "dissensus.datasets":
    raise ImportError("import dissensus.datasets, not datasets")

from .choices import AreaChoices, Choices, Finding, Truth
from .join import join
from .logs import read_log
from .registry import catalogue, load
from .simulate import simulate
from .study import Area, Item, Priors, Study
from .tables import read_table
from .writing import write_table

__all__ = [
    "Area",
    "AreaChoices",
    "Choices",
    "Finding",
    "Item",
    "Priors",
    "Study",
    "Truth",
    "catalogue",
    "join",
    "load",
    "read_log",
    "read_table",
    "simulate",
    "write_table",
]
