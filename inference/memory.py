"""How much memory a fit will take, said before it begins, and the refusal of one that would not fit."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ..datasets.choices import Choices
from ..errors import Fault, InputError
from .density import AreaDensity

SHARE = 0.7
"""Share of the free memory that a fit may take."""

_NUMBER = 8
_STRUCTURE_DRAWS = 1_000
_COPIES = 4  # of draws × rows: log likelihoods, likelihoods, ratios, their product
_LIBRARIES = 120_000_000  # what is imported only while fitting


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
    area per thread), and for each draw and agent (the stored log likelihood); saving holds the result three times. The
    largest resident memory was 0.9 to 1.5 times what was estimated (200 to 10,000 agents): what two threads hold at
    the same moment varies from run to run.
    """
    threads = min(cores or os.cpu_count() or 1, max(len(densities), 1))
    rows = sorted((density.rows.n_rows for density in densities), reverse=True)
    comparing = sum(rows[:threads]) * _STRUCTURE_DRAWS * _NUMBER * _COPIES
    per_agent = sum(len(area.goals) + 3 for area in choices.areas) * 4 + 60
    result = choices.n_agents * per_agent
    likelihood = draws * choices.n_agents * 4 if draws * choices.n_agents <= stored else 0
    building = 2 * likelihood + (draws * rows[0] * 12 if likelihood else 0) + result
    saving = 3 * (likelihood + result)
    return _LIBRARIES + max(comparing, building, saving)


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
