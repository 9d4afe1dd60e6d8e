"""Sums of means of weights over pairs of agents by cell: against every pair, one by one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from dissensus.forward_model import weight_means
from dissensus.forward_model.weight_means import WEIGHT_MEANS, cell_pair_sums, mean_of_two

CELL = np.array([0, 0, 2, 2, 2, 3, 5, 5, 5, 5])  # one agent in cell 3, none in 1, 4 and 6
WEIGHTS = {
    "random": np.array([0.3, 0.9, 0.1, 0.6, 0.6, 0.7, 1.0, 0.2, 0.5, 0.8]),
    "noughts": np.array([0.0, 0.9, 0.0, 0.0, 0.3, 0.7, 0.0, 0.0, 0.0, 0.0]),
    "ones": np.ones(10),
    "one is most": np.array([1.0, 1e-9, 1.0, 1e-12, 0.0, 1.0, 1.0, 1e-7, 1e-8, 1e-9]),
    "tiny": np.array([3, 9, 1, 6, 6, 7, 10, 2, 5, 8]) * 1e-9,
}


def _pair_by_pair(weight, mean):
    sums = np.zeros((7, 7))
    for i, j in itertools.permutations(range(len(CELL)), 2):
        sums[CELL[i], CELL[j]] += mean_of_two(weight[i], weight[j], weight_mean=mean)
    return sums


@pytest.mark.parametrize("mean", WEIGHT_MEANS)
@pytest.mark.parametrize("weights", WEIGHTS)
def test_sums_are_those_over_all_ordered_pairs(weights, mean):
    found = cell_pair_sums(CELL, WEIGHTS[weights], 7, weight_mean=mean)
    np.testing.assert_allclose(found, _pair_by_pair(WEIGHTS[weights], mean), rtol=1e-12, atol=0)


@pytest.mark.parametrize("chunk", [1, 7, 20])
@pytest.mark.parametrize("mean", ["min", "max", "harmonic"])
@pytest.mark.parametrize("weights", WEIGHTS)
def test_blocks_of_any_size_give_the_same(weights, mean, chunk, monkeypatch):
    monkeypatch.setattr(weight_means, "_CHUNK_NUMBERS", chunk)
    found = cell_pair_sums(CELL, WEIGHTS[weights], 7, weight_mean=mean)
    np.testing.assert_allclose(found, _pair_by_pair(WEIGHTS[weights], mean), rtol=1e-12, atol=0)


@pytest.mark.parametrize("weights", ["random", "noughts", "ones", "tiny"])
def test_the_integral_of_the_harmonic_mean_gives_the_same(weights, monkeypatch):
    """In a cell of one agent, too, where the integral less the agent's own weight is rounding error and no pair."""
    monkeypatch.setattr(weight_means, "_EXACT_HARMONIC", 0)
    found = cell_pair_sums(CELL, WEIGHTS[weights], 7, weight_mean="harmonic")
    expected = _pair_by_pair(WEIGHTS[weights], "harmonic")
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13 * WEIGHTS[weights].max())
    assert (found[[1, 3, 4, 6], [1, 3, 4, 6]] == 0).all()
    assert (found >= 0).all()


def test_the_integral_is_taken_from_five_thousand_distinct_weights_on(monkeypatch):
    taken = []
    monkeypatch.setattr(weight_means, "_harmonic_quadrature", lambda cell, weight, n: taken.append(len(weight)))
    for n in (5_000, 5_001):
        cell_pair_sums(np.zeros(n, dtype=int), np.linspace(0.1, 1, n), 1, weight_mean="harmonic")
    assert taken == [5_001]


@pytest.mark.parametrize(
    ("x", "y", "means"),
    [
        (0.25, 1.0, {"geometric": 0.5, "arithmetic": 0.625, "harmonic": 0.4, "min": 0.25, "max": 1.0, "none": 1.0}),
        (0.0, 0.5, {"geometric": 0.0, "arithmetic": 0.25, "harmonic": 0.0, "min": 0.0, "max": 0.5, "none": 1.0}),
        (0.0, 0.0, {"geometric": 0.0, "arithmetic": 0.0, "harmonic": 0.0, "min": 0.0, "max": 0.0, "none": 1.0}),
        (1e-200, 1e-200, {"geometric": 1e-200, "arithmetic": 1e-200, "harmonic": 1e-200, "min": 1e-200}),
    ],
)
def test_means_by_hand_and_either_way_round(x, y, means):
    for mean, expected in means.items():
        for pair in ((x, y), (y, x)):
            found = mean_of_two(*pair, weight_mean=mean)
            assert found.dtype == np.float64
            assert found == pytest.approx(expected, rel=1e-14, abs=0)


@pytest.mark.parametrize("mean", WEIGHT_MEANS)
def test_means_take_arrays_that_broadcast(mean):
    x, y = np.array([0.2, 0.0, 1.0])[:, None], np.array([0.5, 1.0])
    found = mean_of_two(x, y, weight_mean=mean)
    assert found.shape == (3, 2)
    for i, j in np.ndindex(3, 2):
        assert found[i, j] == mean_of_two(x[i, 0], y[j], weight_mean=mean)
