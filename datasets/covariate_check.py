"""Checks of what a study says of covariates and periods."""

from __future__ import annotations

from itertools import pairwise

from ..errors import shown
from .covariate_study import CovariateColumn
from .study import Table
from .validation import StudyFaults, hint, listed

_HEADER = "[table.covariates.{}]"


def check_covariates(table: Table, faults: StudyFaults) -> None:
    """Check what ``[table]`` says of covariates and periods."""
    _check_depends(table, faults)
    for name, column in table.covariates.items():
        _check_column(name, column, faults)
    _check_periods(table, faults)


def _check_depends(table: Table, faults: StudyFaults) -> None:
    taken = {"agent": table.agent, "group": table.group, "survey_weight": table.survey_weight, "period": table.period}
    taken |= {"item": table.item, "answer": table.answer, "times": table.times}
    for name in table.depends_on:
        if not name:
            faults.add("wrong-value", "'depends_on' holds an empty name.", "Name columns of the table.", "depends_on")
        if table.depends_on.count(name) > 1:
            message = f"'depends_on' names {shown(name)} twice."
            faults.add("wrong-value", message, "Name each column once.", "depends_on", value=name)
            break
    for name in table.depends_on:
        for key, column in taken.items():
            if column == name:
                message = f"Column {shown(name)} is 'table.{key}' and stands in 'depends_on' too."
                faults.add("wrong-value", message, "Keep one of the two.", "depends_on", value=name)
    for name in table.covariates:
        if name not in table.depends_on:
            message = f"{_HEADER.format(name)} is about no column of 'depends_on'."
            known = listed(table.depends_on) if table.depends_on else "none"
            remedy = hint(name, table.depends_on, f"Add it to 'depends_on' below [table]; it names {known}.")
            faults.add("unknown-covariate", message, remedy, _HEADER.format(name), name, value=name)
    if table.covariate_missing != "error" and not table.depends_on:
        message = "'covariate_missing' has no meaning without 'depends_on'."
        faults.add("wrong-value", message, "Remove it.", "covariate_missing")


def _check_column(name: str, column: CovariateColumn, faults: StudyFaults) -> None:
    header = _HEADER.format(name)
    if column.levels and (column.kind == "numeric" or column.bins):
        message = f"{header} gives levels to a column of numbers."
        faults.add("wrong-value", message, 'Write kind = "categorical" without bins.', header)
    if column.bins and column.kind == "categorical":
        message = f"{header} cuts a categorical column into bins."
        faults.add("wrong-value", message, 'Remove kind = "categorical": bins make levels of numbers.', header)
    twice = sorted({level for level in column.levels if column.levels.count(level) > 1})
    if twice:
        faults.add("wrong-value", f"{header} lists the level {shown(twice[0])} twice.", "List each once.", header)
    if len(column.levels) == 1:
        message = f"{header} has one level, which changes nothing."
        faults.add("wrong-value", message, "List all levels of the column.", header)
    if any(b <= a for a, b in pairwise(column.bins)):
        message = f"The bins of {header} do not increase."
        faults.add("wrong-value", message, "Give the cuts from the lowest to the highest.", header, "bins")


def _check_periods(table: Table, faults: StudyFaults) -> None:
    if table.period is None:
        if table.periods:
            message = "'periods' orders the labels of a column, but 'table.period' names none."
            faults.add("missing-key", message, 'Add period = "…" below [table].', "periods")
        return
    others = {"agent": table.agent, "survey_weight": table.survey_weight, "item": table.item}
    for key, column in (others | {"answer": table.answer, "times": table.times}).items():
        if column == table.period:
            message = f"Column {shown(table.period)} is both 'table.period' and 'table.{key}'."
            faults.add("wrong-value", message, "Name the column of periods.", "period")
    if table.group is not None:
        message = "'table.group' and 'table.period' are both given: periods take the place of groups."
        remedy = "Keep one of them; what groups differ in may stand in 'depends_on'."
        faults.add("not-supported", message, remedy, "period", "group")
    twice = sorted({period for period in table.periods if table.periods.count(period) > 1})
    if twice:
        message = f"'periods' lists {shown(twice[0])} twice."
        faults.add("wrong-value", message, "List each period once, in order.", "periods")
