"""What goal shares and weights depend on beside the group: numbers and levels of agents, and the strata they make.

A number x has one column, (x − mean) ÷ standard deviation over the agents; L levels have L − 1, coordinates in an
orthonormal basis of the effects that sum to zero over the levels. Agents of one group with equal values share a
stratum: a prior over states.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..errors import Fault, InputError, shown
from .zero_sum import zero_sum_basis

Array = NDArray[np.float64]

MAX_STRATA = 1_000
"""Most distinct pairs of a group and values of covariates. The cost of a fit grows with the pairs of a stratum and a
pattern that occur, that of its checks with the number of strata."""
MISSING_LEVEL = "missing"
"""The level of agents without a value, where the study gives them one of their own."""


@dataclass(frozen=True, eq=False)
class Covariate:
    """One column about agents that goals and weights depend on.

    Parameters
    ----------
    name
        Its name.
    levels
        The levels of a categorical column; empty for a number.
    value
        The number, NaN where missing, or the position of the level, (agent,).
    centre, scale
        Mean and standard deviation of a number over the agents of the table: its effect is of what differs from the
        mean, per standard deviation. 0 and 1 for levels.
    """

    name: str
    levels: tuple[str, ...]
    value: Array
    centre: float = 0.0
    scale: float = 1.0

    @property
    def numeric(self) -> bool:
        """Whether it is a number."""
        return not self.levels

    @cached_property
    def gaps(self) -> bool:
        """Whether the number is missing for some agents: they take its mean, and an effect of their own."""
        return self.numeric and bool(np.isnan(self.value).any())

    @property
    def effects(self) -> tuple[str, ...]:
        """Names of its effects: the number with the length of a unit, or each level."""
        if not self.numeric:
            return tuple(f"{self.name} = {level}" for level in self.levels)
        return (f"{self.name} (per {self.scale:.3g})", *((f"{self.name} {MISSING_LEVEL}",) if self.gaps else ()))

    def columns(self, value: Array) -> Array:
        """Return the columns of some values, (value, column)."""
        if not self.numeric:
            return self.basis[value.astype(np.int64)]
        given = (np.where(np.isnan(value), self.centre, value) - self.centre) / self.scale
        return np.column_stack([given, np.isnan(value)] if self.gaps else [given])

    @cached_property
    def basis(self) -> Array:
        """Map from the columns to the effects, (effect, column)."""
        if self.numeric:
            return np.eye(1 + self.gaps)
        return zero_sum_basis(len(self.levels))


def numeric(name: str, value: Array) -> Covariate:
    """Return the covariate of a number, NaN where missing, (agent,)."""
    known = value[~np.isnan(value)]
    spread = float(known.std()) if len(known) else 0.0
    return Covariate(name, (), value, float(known.mean()) if len(known) else 0.0, spread or 1.0)


def kept(covariates: Sequence[Covariate], keep: NDArray[np.bool_]) -> tuple[Covariate, ...]:
    """Return the covariates of the agents that are kept; levels without any of them are left out.

    Raises
    ------
    InputError
        If a column is the same for all agents.
    """
    result, faults = [], []
    for one in covariates:
        value, levels = one.value[keep], one.levels
        if levels:
            present = np.unique(value).astype(np.int64)
            levels = tuple(levels[place] for place in present)
            value = np.searchsorted(present, value).astype(np.float64)
        known = value[~np.isnan(value)]
        if len(levels) == 1 or (not levels and (not len(known) or known.min() == known.max())):
            message = f"Column {shown(one.name)} of 'depends_on' is the same for all agents with an answer."
            remedy = "Remove it from 'depends_on': it can explain nothing."
            if levels:
                message = f"All agents with an answer have one level of {shown(one.name)}, {shown(levels[0])}."
                remedy += " Or mend its bins or levels."
            faults.append(Fault(code="constant-covariate", message=message, remedy=remedy, column=one.name))
        result.append(replace(one, levels=levels, value=value))
    if faults:
        raise InputError(faults)
    return tuple(result)


@dataclass(frozen=True, eq=False)
class Strata:
    """Agents of one group with equal covariates, taken together.

    Parameters
    ----------
    of_agent
        Stratum of each agent, (agent,).
    group
        Group of each stratum, the number of groups for none, (stratum,), increasing.
    columns
        What the covariates of each stratum are, (stratum, column).
    """

    of_agent: NDArray[np.int64]
    group: NDArray[np.int64]
    columns: Array


def strata(covariates: Sequence[Covariate], group_of_agent: NDArray[np.int64], n_groups: int) -> Strata:
    """Return the strata of the agents.

    Parameters
    ----------
    covariates
        The covariates.
    group_of_agent, n_groups
        Group of each agent, −1 for none, (agent,), and the number of groups.
    """
    group = np.where(group_of_agent < 0, n_groups, group_of_agent)
    table = np.column_stack([group, *(np.where(np.isnan(one.value), np.inf, one.value) for one in covariates)])
    distinct, of_agent = np.unique(table, axis=0, return_inverse=True)
    values = [np.where(np.isinf(value), np.nan, value) for value in distinct.T[1:]]
    columns = [one.columns(value) for one, value in zip(covariates, values, strict=True)]
    everything = np.hstack([np.zeros((len(distinct), 0)), *columns])
    return Strata(np.ravel(of_agent), distinct[:, 0].astype(np.int64), everything)


def refuse_many_strata(covariates: Sequence[Covariate], group_of_agent: NDArray[np.int64], n_groups: int) -> None:
    """Raise :class:`InputError` where there are more than :data:`MAX_STRATA` strata."""
    number = len(strata(covariates, group_of_agent, n_groups).group)
    if number <= MAX_STRATA:
        return
    finest = max(covariates, key=lambda one: len(np.unique(one.value)))
    of_it = len(np.unique(finest.value))
    message = (
        f"The columns of 'depends_on' make {number:,} kinds of agents, more than {MAX_STRATA:,};"
        f" {shown(finest.name)} alone has {of_it:,} values."
    )
    remedy = f'Cut it with bins = [...] below [table.covariates."{finest.name}"], or round it in the table.'
    raise InputError(Fault(code="many-strata", message=message, remedy=remedy, column=finest.name))


def effect_names(covariates: Sequence[Covariate]) -> tuple[str, ...]:
    """Return the names of the effects of all covariates."""
    return tuple(name for one in covariates for name in one.effects)


def effect_basis(covariates: Sequence[Covariate]) -> Array:
    """Return the map from columns to effects of all covariates, (effect, column)."""
    blocks = [one.basis for one in covariates]
    whole = np.zeros((sum(len(b) for b in blocks), sum(b.shape[1] for b in blocks)))
    row = column = 0
    for block in blocks:
        whole[row : row + len(block), column : column + block.shape[1]] = block
        row, column = row + len(block), column + block.shape[1]
    return whole
