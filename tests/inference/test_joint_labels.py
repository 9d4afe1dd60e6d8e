"""Types of agents have no order: renumbered they are the same model, and every draw gets the labels of the pivot."""

from __future__ import annotations

import numpy as np
import pytest
from dissensus.inference.density import area_density, log_density
from dissensus.inference.dependence_measures import association
from dissensus.inference.joint_density import joint_density
from dissensus.inference.joint_labels import permute_types, with_type_pivot
from dissensus.inference.learned_goals import has_labels_of_pivot, relabel
from dissensus.inference.parameters import draw_prior

from .builders import make_area, make_choices, make_study, random_answers


@pytest.mark.parametrize("n_types", [2, 3])
def test_renumbered_types_are_the_same_model(n_types):
    study = make_study(make_area("x y z", "y x -"), make_area("x y", "y x", name="b", no_goal=True))
    choices = make_choices(study, random_answers(study, 6, seed=1))
    areas = [area_density(choices, area, study.priors) for area in choices.areas]
    density = joint_density(areas, n_types, study.priors, None)
    rng = np.random.default_rng(0)
    theta = draw_prior(density.parameters, 20, rng)
    order = np.argsort(rng.random((20, n_types)), axis=1)
    moved = permute_types(density.parameters, theta, order)
    np.testing.assert_allclose(log_density(density, moved), log_density(density, theta), atol=1e-10)
    np.testing.assert_allclose(association(density, moved), association(density, theta), atol=1e-10)
    np.testing.assert_allclose(permute_types(density.parameters, moved, np.argsort(order, axis=1)), theta, atol=1e-10)
    density = with_type_pivot(density, theta[0])
    assert has_labels_of_pivot(density, theta[:1]).all()
    own = relabel(density, moved, density.pivot)
    assert has_labels_of_pivot(density, own).all()
    np.testing.assert_allclose(own, relabel(density, theta, density.pivot), atol=1e-10)
    np.testing.assert_allclose(own[0], theta[0], atol=1e-10)
