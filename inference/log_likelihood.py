"""Log likelihood per agent, stored or computed again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from ..errors import Fault, InputError, shown
from .density import row_log_likelihood
from .dependence import refuse_dependence
from .result import choices_of, densities_of, thetas_of

LIMIT = 200_000_000
"""Most draws × agents returned at once."""


def log_likelihood(fit: xr.DataTree, *, agents: Sequence[str] | None = None) -> xr.DataArray:
    """Return the log likelihood of agents' answers at every posterior draw, summed over areas.

    A result holds it for up to 2·10⁷ numbers. It is a function of the stored draws, so here it is computed, for any
    number of agents.

    Parameters
    ----------
    fit
        A result of :func:`fit` or :func:`load`.
    agents
        Labels of the agents; default all.

    Returns
    -------
    xarray.DataArray
        (chain, draw, agent).

    Raises
    ------
    InputError
        If an agent is unknown, or more than 2·10⁸ numbers would be returned.
    """
    refuse_dependence(fit, "Summing the log likelihood over areas")
    choices = choices_of(fit)
    wanted = np.arange(choices.n_agents)
    if agents is not None:
        position = {label: i for i, label in enumerate(choices.agents)}
        unknown = [label for label in agents if label not in position]
        if unknown:
            message = f"There is no agent {shown(unknown[0])}."
            remedy = "Use the labels of the agent column."
            raise InputError(Fault(code="unknown-agent", message=message, remedy=remedy, count=len(unknown)))
        wanted = np.array([position[label] for label in agents], dtype=np.int64)
    shape = fit["unconstrained_posterior"]["theta"].shape[:2]
    if shape[0] * shape[1] * len(wanted) > LIMIT:
        message = f"The log likelihood of {len(wanted):,} agents is {shape[0] * shape[1] * len(wanted):,} numbers."
        remedy = f"Ask for fewer with agents=…; at most {LIMIT:,} numbers are returned at once."
        raise InputError(Fault(code="too-large", message=message, remedy=remedy))
    densities = densities_of(fit, choices)
    total = np.zeros((shape[0] * shape[1], len(wanted)))
    for density, theta in zip(densities, thetas_of(fit, densities), strict=True):
        total += row_log_likelihood(density, theta)[:, density.rows.row_of_agent[wanted]]
    return xr.DataArray(
        total.reshape(*shape, -1), dims=("chain", "draw", "agent"), coords={"agent": choices.agents[wanted]}
    )
