"""The PyMC model of areas that share types of agents is the density that is fitted."""

from __future__ import annotations

import numpy as np
import pytest
from dissensus.datasets.dependence import Dependence
from dissensus.inference.density import value_and_gradient
from dissensus.inference.joint_density import joint_density
from dissensus.inference.joint_model import joint_vector
from dissensus.inference.model import area_densities, build_model, to_vector

from .builders import make_area, make_choices, make_study, random_answers


def test_log_density_and_gradient_are_ours():
    n_types = 3
    study = make_study(make_area("x y z", "y x -"), make_area("x y", "y x", name="b", no_goal=True))
    study = study.model_copy(update={"dependence": Dependence(types=n_types)})
    choices = make_choices(study, random_answers(study, 8, seed=1), groups=["A", "B"], group_of_agent=[0, 1] * 4)
    model, areas = build_model(choices), area_densities(choices)
    joint = joint_density(areas, n_types, study.priors, choices.fit_weight)
    both = model.compile_fn([model.logp(), model.dlogp()], inputs=model.value_vars, mode="FAST_COMPILE")
    shapes = {name: np.shape(value) for name, value in model.initial_point().items()}
    at = np.cumsum([0, *(int(np.prod(shape)) for shape in shapes.values())])
    rng = np.random.default_rng(2)
    for scale in (1.0, 2.0):
        point = {name: scale * rng.standard_normal(shape) for name, shape in shapes.items()}
        value, gradient = value_and_gradient(joint, _vector(joint, areas, point)[None])
        theirs, slope = both(point)
        assert float(theirs) == pytest.approx(value[0], abs=1e-10)
        names = {name: np.arange(a, b).reshape(shapes[name]) for name, a, b in zip(shapes, at, at[1:], strict=False)}
        place = _vector(joint, areas, names).astype(int)
        np.testing.assert_allclose(slope[place], gradient[0], atol=1e-9, rtol=1e-10)
    assert joint.size == at[-1]


def _vector(joint, areas, point):
    return joint_vector(joint, [to_vector(area, point) for area in areas], point)
