"""How much memory a fit will take, said before it begins, and the refusal of one that would not fit."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Sequence

import numpy as np

from ..datasets.choices import Choices
from ..errors import Fault, InputError
from .density import AreaDensity, is_large
from .large import LOOKED_AT

SHARE = 0.7
"""Share of the free memory that a fit may take."""

_NUMBER = 8
_STRUCTURE_DRAWS = 1_000
_CELLS = 2_000_000  # agent × state × option of the simulated agents that identification is judged by
_OF_CELLS, _OF_CHECKS = 3, 6_000_000  # arrays of cells at a time, and bytes of the other checks of an area
_SAVING = 2.8  # of a result: itself, its bytes, and what is read back from them to verify it
_LABELS = 60  # bytes of an agent that do not depend on the areas
_LIBRARIES = 20_000_000  # what is imported only while fitting
_LEFT_BEHIND = 55_000_000  # by the stages before, in what the C library does not give back
_STAGE_COPIES = 6  # of what one evaluation of choices from sets holds


def estimate_memory(
    choices: Choices, densities: Sequence[AreaDensity], *, draws: int, stored: int, cores: int | None = None
) -> int:
    """Return the bytes a fit will take beside what the process holds already.

    Parameters
    ----------
    choices
        The choices.
    densities
        Density of each area.
    draws
        Posterior draws.
    stored
        Most draws × agents for which the log likelihood is stored.
    cores
        Threads; default as many as the machine has.

    Notes
    -----
    The largest arrays hold a number for each draw and distinct row (log likelihoods of the structural alternatives, one
    for each thread), and for each draw and agent (the stored log likelihood, once more while that of an area is
    spread over its agents); checks take the same for any number of agents; saving holds the result nearly three times.
    The largest of these stages decides. The estimate, with what the process held before, is within a quarter of the
    largest resident memory (`benchmarks/memory.py`, 200 to 60,000 agents).
    """
    threads = cores or os.cpu_count() or 1
    rows = max((density.rows.n_rows for density in densities), default=0)
    compared = max((LOOKED_AT if is_large(density) else density.rows.n_rows for density in densities), default=0)
    comparing = threads * compared * _STRUCTURE_DRAWS * _NUMBER
    checking = sum(sorted(map(_checking, densities), reverse=True)[:threads])
    likelihood = draws * choices.n_agents * 4 if draws * choices.n_agents <= stored else 0
    result = likelihood + choices.n_agents * (4 * sum(len(area.goals) + 3 for area in choices.areas) + _LABELS)
    result += sum(density.size for density in densities) * draws * _NUMBER * 3
    spreading = max(draws * rows * 12, draws * rows * 4 + likelihood) if likelihood else 0
    sizes = [_of_large(density) for density in densities if is_large(density)]
    held, again, counts = (sum(own[k] for own in sizes) for k in range(3))
    result += counts
    later = _LEFT_BEHIND + max(held + comparing, held + result + spreading, again + result, _SAVING * result)
    cells = max(
        (sum(density.table.cells_beside) for density in densities),
        default=0,
    )
    return _LIBRARIES + int(max(checking, later)) + threads * cells * _NUMBER * _STAGE_COPIES


def _of_large(density: AreaDensity) -> tuple[int, int, int]:
    """Return bytes of a large area while fitting, while its result is held to its answers, and of counts stored."""
    rows, agents = density.rows.n_rows, len(density.rows.row_of_agent)
    index = 24 * rows + 8 * agents
    opened = 8 * density.area.counts.size + 8 * agents
    stored = density.area.counts.size * np.min_scalar_type(int(density.area.counts.max())).itemsize
    return index + 4 * rows * (density.states.n_shares + 1), opened + index, stored


def joint_memory(choices: Choices, densities: Sequence[AreaDensity], *, draws: int) -> int:
    """Return the bytes that areas take together, beside each by itself, where they share types of agents.

    Parameters
    ----------
    choices, densities, draws
        As for :func:`estimate_memory`.

    Notes
    -----
    The log likelihood of all agents at all draws, twice while it is stored and held against independence, and the
    probabilities of the states of every row and type at a draw, whose cumulative sums and products stand beside them.
    """
    n_types = choices.study.n_types
    if n_types == 1:
        return 0
    states = max(density.rows.n_rows * density.states.n_states for density in densities)
    return _NUMBER * (2 * draws * choices.n_agents + 4 * n_types * states)


def _checking(density: AreaDensity) -> int:
    simulated = min(max(2_000, 10 * density.size), 20_000)
    states = density.states
    cells = simulated * (states.n_mixtures + states.no_goal) * max(len(states.node), 1) * density.n_options
    return _OF_CHECKS + _OF_CELLS * _NUMBER * min(_CELLS, cells)


def release_memory() -> None:
    """Give what was freed back to the system, where the C library can: threads leave much of it behind."""
    with contextlib.suppress(OSError, AttributeError, TypeError):  # TypeError: Windows has no library of this process
        ctypes.CDLL(None).malloc_trim(0)


def require_memory(needed: int, *, limit: float | None = None) -> None:
    """Refuse a fit that needs more than its share of the free memory.

    Parameters
    ----------
    needed
        Bytes, from :func:`estimate_memory`.
    limit
        Most bytes; default 70 % of what is free.

    Raises
    ------
    InputError
        If it needs more.
    """
    most = SHARE * free_memory() if limit is None else limit
    if needed <= most:
        return
    message = f"The fit would take about {needed / 1e9:.1f} GB of memory, more than {most / 1e9:.1f} GB."
    remedy = "Fit fewer areas or groups at a time, take fewer draws, or raise --max-memory (max_memory)."
    raise InputError(Fault(code="memory", message=message, remedy=remedy, value=str(needed)))


def free_memory() -> int:
    """Return the bytes that can be had without swapping."""
    import psutil  # noqa: PLC0415 - only fitting asks

    return int(psutil.virtual_memory().available)
