"""Replicated answers of a fit, beside the observed ones, in the layout that ArviZ's predictive plots take."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ..errors import Fault, InputError
from .density import AreaDensity
from .dependence import refuse_dependence
from .model import flat_coords
from .replicated_answers import posterior_predictive_answers
from .result import choices_of, densities_of, thetas_of
from .thinning import evenly


def posterior_predictive(
    fit: xr.DataTree, *, draws: int = 100, seed: int | np.random.Generator | None = None
) -> xr.DataTree:
    """Return answers that new agents of the same groups would give to the same items, as often as the agents did.

    Parameters
    ----------
    fit
        A result of :func:`fit` or :func:`load`.
    draws
        Number of replicates, spread evenly over the posterior draws.
    seed
        Seed of the replicates.

    Returns
    -------
    xarray.DataTree
        ``posterior_predictive`` with ``answers`` (chain, draw, answer) and ``observed_data`` with ``answers``
        (answer): positions in the coordinate ``option``. Coordinates ``agent``, ``item`` and ``area`` say
        whose answer to what it is. Of rankings, best and worst these are the first choices; situations, counts and
        durations have no options in common and are not among them (:func:`check` looks at those).

    Raises
    ------
    InputError
        If ``draws`` is not between 1 and the number of posterior draws, or the replicates would not fit in memory.
    """
    refuse_dependence(fit, "Replicating the answers of each area")
    choices = choices_of(fit)
    densities = densities_of(fit, choices)
    thetas = thetas_of(fit, densities)
    if not 1 <= draws <= len(thetas[0]):
        message = f'"draws" is {draws}; the posterior has {len(thetas[0]):,} draws.'
        remedy = "Ask for a number between 1 and that."
        raise InputError(Fault(code="draws", message=message, remedy=remedy, value=str(draws)))
    keep = evenly(len(thetas[0]), draws)
    rng = np.random.default_rng(seed)
    replicated, observed, agent, item, area = [], [], [], [], []
    offset = 0
    for density, theta in zip(densities, thetas, strict=True):
        new = posterior_predictive_answers(density, theta[keep], seed=rng)
        replicated.append(new.option.astype(np.int32) + offset)
        observed.append(_observed(density).astype(np.int32) + offset)
        agent.append(choices.agents[new.agent])
        item.append(np.array(density.area.items, dtype=object)[new.item])
        area.append(np.full(len(new.item), density.area.name, dtype=object))
        offset += density.n_options
    coords = {
        "agent": ("answer", np.concatenate(agent)),
        "item": ("answer", np.concatenate(item)),
        "area": ("answer", np.concatenate(area)),
        "option": flat_coords(densities)["option"],
    }
    values = np.concatenate(replicated, axis=1)[None]
    return xr.DataTree.from_dict(
        {
            "posterior_predictive": xr.Dataset({"answers": (("chain", "draw", "answer"), values)}, coords=coords),
            "observed_data": xr.Dataset({"answers": ("answer", np.concatenate(observed))}, coords=coords),
        }
    )


def _observed(density: AreaDensity) -> NDArray[np.int64]:
    """Return the observed answers in the order of the replicates: agent after agent, item after item."""
    area = density.area
    counts = (area.counts * ~density.table.ignored)[area.pattern_of_agent]
    return np.repeat(np.tile(np.arange(counts.shape[1]), len(counts)), counts.ravel())
