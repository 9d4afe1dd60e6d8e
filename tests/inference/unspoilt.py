"""Data sets in which the model is right, with their posteriors: no check of misfit should find much in them."""

from __future__ import annotations

import functools

from dissensus.datasets.simulate import simulate

from .builders import density_of, make_area, make_study
from .predicted import draws_of

SHUFFLED = make_study(make_area("x y z -", "y z - x", "z - x y", "- x y z", "y x - z"))
"""Every goal has a place of its own in every item, so that a habit is no goal."""
SETS = 24


@functools.cache
def unspoilt():
    """Return densities and draws of data sets from the default priors, 300 agents each."""
    densities = [density_of(simulate(SHUFFLED, 300, seed=100 + seed, missing=0.1)) for seed in range(SETS)]
    return [(density, draws_of(density, seed, draws=100)) for seed, density in enumerate(densities)]
