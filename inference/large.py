"""Some rows of a large area in place of all, where a question does not need all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .density import AreaDensity, is_large

Array = NDArray[np.float64]

LOOKED_AT = 2_000
"""Agents of a large area on whom structures are compared and the fit of the model is checked."""


def looked_at(density: AreaDensity, rng: np.random.Generator) -> AreaDensity:
    """Return the density for what takes every row at every draw: of a large area some agents, else all."""
    return some_agents(density, LOOKED_AT, rng) if is_large(density) else density


def some_agents(density: AreaDensity, size: int, rng: np.random.Generator) -> AreaDensity:
    """Return the density of some agents of an area, drawn at random without replacement.

    Parameters
    ----------
    density
        Density of the area.
    size
        Number of agents.
    rng
        Draws them.
    """
    rows = density.rows
    agents = np.sort(rng.choice(len(rows.row_of_agent), min(size, len(rows.row_of_agent)), replace=False))
    row, of_agent, number = np.unique(rows.row_of_agent[agents], return_inverse=True, return_counts=True)
    weight = number * (rows.multiplicity[row] / rows.agents[row])
    return with_rows(density, row, number, weight, np.ravel(of_agent))


def some_rows(density: AreaDensity, size: int, rng: np.random.Generator) -> AreaDensity:
    """Return a density whose likelihood estimates that of all rows from some: half the heaviest, and a random half.

    Parameters
    ----------
    density
        Density of the area.
    size
        Number of rows.
    rng
        Draws the second half; its rows count for those left out too.
    """
    rows = density.rows
    order = np.argsort(-rows.multiplicity, kind="stable")
    heavy, others = order[: size // 2], order[size // 2 :]
    drawn = rng.choice(others, min(size - len(heavy), len(others)), replace=False)
    row = np.concatenate([heavy, drawn])
    weight = rows.multiplicity[row].copy()
    weight[len(heavy) :] *= len(others) / max(len(drawn), 1)
    return with_rows(density, row, rows.agents[row], weight, np.arange(len(row)))


def with_rows(
    density: AreaDensity,
    row: NDArray[np.int64],
    agents: NDArray[np.int64],
    multiplicity: Array,
    row_of_agent: NDArray[np.int64],
) -> AreaDensity:
    """Return a density of some rows only, each with a pattern of its own.

    Parameters
    ----------
    density
        Density of the area.
    row
        The rows, (row,).
    agents, multiplicity
        Their agents and their weights in the likelihood, (row,).
    row_of_agent
        Place of each agent's row among them, (agent,).
    """
    rows, area = density.rows, density.area
    counts = area.counts[rows.pattern[row]].astype(np.int64)
    place = np.arange(len(row))
    few = replace(
        rows,
        first=counts,
        second=np.zeros((1, counts.shape[1])),
        first_of_row=place,
        second_of_row=np.zeros(len(row), dtype=np.int64),
        group=np.array(rows.group[row]),
        pattern=place,
        agents=np.asarray(agents),
        multiplicity=multiplicity,
        row_of_agent=row_of_agent,
    )
    return replace(density, area=replace(area, counts=counts, pattern_of_agent=row_of_agent), rows=few)
