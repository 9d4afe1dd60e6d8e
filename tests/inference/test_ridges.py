"""Walks along the ridges of a posterior: conditional modes, as far as there is mass."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from dissensus.inference.density import hessian, log_density, value_and_gradient
from dissensus.inference.mode import find_modes
from dissensus.inference.pooled_importance import skewed_draws
from dissensus.inference.ridges import ridge_mixture

from dissensus import datasets

from .builders import density_of, make_area, make_study


@functools.cache
def _several():
    """Few agents with several goals: shares, mixing and weights trade off."""
    study = make_study(make_area(*["x y -"] * 4, several=True))
    density = density_of(datasets.simulate(study, 60, seed=3))
    return density, find_modes(density, np.random.default_rng(1))


def test_the_other_coordinates_are_at_their_conditional_mode():
    density, modes = _several()
    mixture = ridge_mixture(density, modes)
    assert mixture.weight.sum() == pytest.approx(1)
    for centre in mixture.centre:
        gradient = value_and_gradient(density, centre[None])[1][0]
        curvature = hessian(density, centre)
        gain = [
            0.5 * gradient[rest] @ np.linalg.solve(-curvature[np.ix_(rest, rest)], gradient[rest])
            for rest in (np.arange(density.size) != c for c in range(density.size))
        ]
        assert min(map(abs, gain)) < 0.1  # all but the coordinate walked along: little is left to gain


def test_walks_go_to_where_little_is_left():
    density, modes = _several()
    fall = modes[0].log_density - log_density(density, ridge_mixture(density, modes).centre)
    assert fall.min() > 0
    assert fall.max() > 5
    reach = np.abs(ridge_mixture(density, modes).centre - modes[0].theta) / np.sqrt(np.diag(modes[0].covariance))
    assert reach.max() > 3


def test_spreads_do_not_depend_on_the_seed():
    """Draws that miss a ridge differ from seed to seed, and the number of effective draws does not tell."""
    density, modes = _several()
    mixing = density.parameters.slices["mixing"].start
    spreads = []
    for seed in range(3):
        found = skewed_draws(density, modes, np.random.default_rng(seed))
        weight, x = np.exp(found.log_weight), found.theta[:, mixing]
        spreads.append(float(np.sqrt(weight @ np.square(x - weight @ x))))
    assert max(spreads) / min(spreads) < 1.1
