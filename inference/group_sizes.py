"""How large groups are, and which are left out of what is shared."""

from __future__ import annotations

import numpy as np
import xarray as xr

from .result import attribute

SMALL_GROUP = 10
"""Agents below which a group is left out of tables, figures and exports, unless it is asked for."""


def group_sizes(fit: xr.DataTree) -> dict[str, int]:
    """Return the number of agents of every group, by name."""
    constant = fit["constant_data"].to_dataset()
    of_agent = constant["group_of_agent"].values
    names = [str(name) for name in constant["group"].values]
    return dict(zip(names, np.bincount(of_agent[of_agent >= 0], minlength=len(names)).tolist(), strict=True))


def small_groups_of(fit: xr.DataTree) -> tuple[str, ...]:
    """Return the groups of few people: fewer than :data:`SMALL_GROUP` agents, and not systems by the study."""
    systems = attribute(fit, "study")["table"].get("systems", ())
    return tuple(name for name, size in group_sizes(fit).items() if size < SMALL_GROUP and name not in systems)
