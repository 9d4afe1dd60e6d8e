"""After a fit: how far the answers determined each block of parameters, and what they determined least."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from .density import AreaDensity
from .identify import coordinate_names, free_directions, least_determined
from .parameters import draw_prior
from .result import choices_of, densities_of, thetas_of
from .verdict import require_reliable

Array = NDArray[np.float64]

LITTLE = 0.2
"""Contraction below which a block comes largely from the prior."""
_PRIOR_DRAWS = 20_000
_SEED = 20_261_123


def determined(fit: xr.DataTree, *, allow_unreliable: bool = False) -> pd.DataFrame:
    """Return how far the answers determined the parameters of a fit, by area and block.

    Parameters
    ----------
    fit
        A result of :func:`fit` or :func:`load`.
    allow_unreliable
        Look at a refused fit too.

    Returns
    -------
    DataFrame
        One row per area and block of parameters (goal shares, mean weight, the baseline of an item, …):
        ``contraction``, 1 − posterior variance ÷ prior variance in the directions that change the model, 1 where the
        answers decide and 0 where the prior does (below 0 where the posterior is wider); ``least``, whether the block
        has a part in the direction that the answers of the area determined least; ``sentence``, empty where the
        contraction is :data:`LITTLE` or more.

    Raises
    ------
    Refused
        If the fit is refused and ``allow_unreliable`` is False.
    """
    require_reliable(fit, allow_unreliable=allow_unreliable)
    densities = densities_of(fit, choices_of(fit))
    rows = [
        row
        for density, theta in zip(densities, thetas_of(fit, densities), strict=True)
        if density.size
        for row in _rows(density, theta)
    ]
    return pd.DataFrame(rows, columns=["area", "block", "contraction", "least", "sentence"])


def _rows(density: AreaDensity, theta: Array) -> list[dict[str, object]]:
    names, free = coordinate_names(density), free_directions(density)
    prior = draw_prior(density.parameters, _PRIOR_DRAWS, np.random.default_rng(_SEED))
    before, after = np.cov(prior @ free, rowvar=False), np.cov(theta @ free, rowvar=False)
    # In units of the prior, so that a direction counts by what was learned about it and not by its scale.
    root = np.linalg.cholesky(np.atleast_2d(before))
    inverse = np.linalg.inv(root)
    relative = inverse @ np.atleast_2d(after) @ inverse.T
    least = least_determined(-free @ relative @ free.T, free, names)
    found = []
    for block in dict.fromkeys(names):
        at = [k for k, name in enumerate(names) if name == block]
        ratio = (
            np.diag(free @ np.atleast_2d(after) @ free.T)[at].sum()
            / np.diag(free @ np.atleast_2d(before) @ free.T)[at].sum()
        )
        value = float(1 - ratio)
        text = ""
        if not value >= LITTLE:
            text = f"The {block} of '{density.area.name}' comes largely from the prior (contraction {value:.2f})."
        found.append(
            {"area": density.area.name, "block": block, "contraction": value, "least": block in least, "sentence": text}
        )
    return found
