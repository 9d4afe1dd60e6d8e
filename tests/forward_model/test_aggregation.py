"""Means over areas."""

import numpy as np
import pytest

from dissensus import forward_model as fm
from dissensus.errors import InputError

SCORES = np.array([[0.2, 0.8], [0.0, 0.5], [1.0, 1.0]])


@pytest.mark.parametrize(
    ("mean", "plain", "weighted"),
    [
        ("arithmetic", [0.5, 0.25, 1], [0.35, 0.125, 1]),
        ("geometric", [0.4, 0, 1], [0.2**0.75 * 0.8**0.25, 0, 1]),
        ("harmonic", [0.32, 0, 1], [1 / (0.75 / 0.2 + 0.25 / 0.8), 0, 1]),
        ("min", [0.2, 0, 1], [0.2, 0, 1]),
        ("max", [0.8, 0.5, 1], [0.8, 0.5, 1]),
    ],
)
def test_means_by_hand(mean, plain, weighted):
    np.testing.assert_allclose(fm.mean_over_areas(SCORES, area_mean=mean), plain, rtol=1e-14)
    np.testing.assert_allclose(fm.mean_over_areas(SCORES, [3, 1], area_mean=mean), weighted, rtol=1e-14)
    np.testing.assert_allclose(fm.mean_over_areas(SCORES.T, [3, 1], area_mean=mean, axis=0), weighted, rtol=1e-14)


@pytest.mark.parametrize("mean", fm.AREA_MEANS)
def test_areas_of_weight_0_do_not_count_and_nan_is_kept(mean):
    np.testing.assert_array_equal(fm.mean_over_areas([[0.3, 0.0], [0.3, np.nan]], [2, 0], area_mean=mean), [0.3, 0.3])
    assert np.isnan(fm.mean_over_areas([0.0, np.nan], area_mean=mean))


def test_tiny_scores_do_not_overflow():
    np.testing.assert_allclose(fm.mean_over_areas([5e-324, 5e-324], area_mean="harmonic"), 5e-324)
    np.testing.assert_allclose(fm.mean_over_areas([1e-320, 1.0], area_mean="harmonic"), 2e-320, rtol=1e-2)


def test_relative_misalignment_is_a_ratio_of_means():
    found = fm.relative_over_areas([[0.1, 0.2], [0.0, 0.0]], [[0.5, 0.25], [0.0, 0.0]], [1, 3])
    np.testing.assert_allclose(found, [0.7 / 1.25, np.nan])


def test_a_ratio_that_rounding_carries_past_1_is_1():
    above = np.nextafter(0.5, 1)
    assert fm.relative_over_areas([above, above], [0.5, 0.5]) == 1.0
    assert fm.relative_over_areas([0.4, 0.4], [0.5, 0.5]) == pytest.approx(0.8, rel=1e-14)


def test_area_weights_of_any_scale_mean_the_same():
    for scale in (1e-300, 0.1, 1e300):
        found = fm.mean_over_areas(SCORES, [3 * scale, scale])
        np.testing.assert_allclose(found, [0.35, 0.125, 1], rtol=1e-14)


@pytest.mark.parametrize(
    "bad",
    [
        *([1.0], [1.0, 1.0, 1.0], [[1.0, 1.0]], 1.0, [0.0, 0.0]),
        *([1.0, -1.0], [2.0, -1.0], [-0.1, 1.0], [-2.0, -1.0], [1.0, np.inf], [np.nan, 1.0]),
    ],
)
def test_bad_area_weights_are_refused(bad):
    with pytest.raises(InputError, match="one number per area"):
        fm.mean_over_areas(SCORES, bad)


def test_unknown_mean_is_refused():
    with pytest.raises(InputError, match="\"area_mean\" is 'median'"):
        fm.mean_over_areas(SCORES, area_mean="median")
