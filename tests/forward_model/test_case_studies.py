"""The two case studies of the paper."""

import numpy as np
import pytest

from dissensus import forward_model as fm


def test_the_shopping_recommender_scores_what_was_published():
    scores = fm.shopping()
    assert scores.overall_misalignment.item() == pytest.approx(0.2568893, abs=5e-8)
    assert scores.area.values.tolist() == ["p_f", "p_h"]
    assert fm.shopping_areas()[1].conflict[1, 2] == 0.3


def test_cars_and_pedestrians_peak_at_the_even_split():
    scores = fm.cars_and_pedestrians(n_agents=100)
    assert dict(scores.sizes) == {"car_share": 51, "area": 8}
    assert scores.overall_misalignment.idxmax("car_share") == 0.5
    np.testing.assert_allclose(scores.overall_misalignment, scores.overall_misalignment[::-1], rtol=1e-12)


def test_relative_misalignment_of_cars_is_not_diluted_by_areas_nobody_cares_about():
    scores = fm.cars_and_pedestrians([0.5])
    assert (scores.overall_relative_misalignment > 3 * scores.overall_misalignment).all()
