"""Areas that share types of agents as a PyMC model: what :func:`build_model` adds for a study with ``[dependence]``.

It is the density of :mod:`.joint_density`; tests hold the two together. The answers of all areas are one potential, the
sum over types of the products of the areas.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .joint_density import JointDensity
from .type_shares import potentials

Array = NDArray[np.float64]

_SHARE, _LEANING, _ANSWERS = "types::share", "::leaning", "types::answers"


def add_type_share(joint: JointDensity) -> Any:
    """Add the shares of the types to the model on the context stack, and return their logarithms."""
    import pymc as pm  # noqa: PLC0415 - costs seconds
    import pytensor.tensor as pt  # noqa: PLC0415

    concentration = np.full(joint.n_types, joint.parameters.priors.type_share)
    return pt.log(pm.Dirichlet(_SHARE, concentration))


def log_goal_of_types(joint: JointDensity, area: str, log_margin: Any, log_type: Any) -> Any:
    """Add the leanings of an area, and return the log goal shares of each prior and type, (prior × type, goal).

    Parameters
    ----------
    joint
        The density of all areas.
    area
        Name of the area.
    log_margin
        Log goal shares of each prior over states, (prior, goal).
    log_type
        Log shares of the types, (type,).
    """
    import pymc as pm  # noqa: PLC0415
    import pytensor.tensor as pt  # noqa: PLC0415
    from pytensor.gradient import disconnected_grad  # noqa: PLC0415

    own = next(density.states.n_shares for density in joint.areas if density.area.name == area)
    priors, n_types = joint.rows.n_priors, joint.n_types
    lean = pt.zeros((n_types, 1))
    if own > 1:
        z = pm.ZeroSumNormal(area + _LEANING, sigma=1.0, n_zerosum_axes=2, shape=(n_types, own))
        lean = np.float64(joint.parameters.priors.type_sd) * z
    found = _solved_potentials()(pt.exp(log_margin), log_type, lean)  # (prior, type)
    # One more Newton step changes no number: at the solution it has the derivatives of the implicit function.
    share = pt.exp(log_margin)[:, None, :]
    p = pt.special.softmax(found[:, :, None] + lean, axis=1)
    gap = pt.exp(log_type) - (share * p).sum(axis=2)
    weighted = p * share
    curvature = weighted.sum(axis=2)[:, :, None] * np.eye(n_types) - pt.matmul(weighted, p.mT)
    inner = disconnected_grad(curvature[:, :-1, :-1])
    steps = [pt.linalg.solve(inner[h], gap[h, :-1]) for h in range(priors)]
    step = pt.concatenate([pt.stack(steps), pt.zeros((priors, 1))], axis=1)
    given = (found + step)[:, :, None] + lean
    given = given - pt.logsumexp(given, axis=1, keepdims=True)
    log_goal = given + log_margin[:, None, :] - log_type[:, None]
    return log_goal.reshape((priors * n_types, own))


def add_answers(joint: JointDensity, log_type: Any, of_areas: list[Any]) -> None:
    """Add the log likelihood of all answers.

    Parameters
    ----------
    joint, log_type
        The density of all areas and the log shares of the types, (type,).
    of_areas
        For each area the log likelihood of its rows once for each type, (row × type,).
    """
    import pymc as pm  # noqa: PLC0415
    import pytensor.tensor as pt  # noqa: PLC0415

    total = log_type[None]
    for log_l, own in zip(of_areas, joint.rows.of_area, strict=True):
        total = total + log_l.reshape((-1, joint.n_types))[own]
    pm.Potential(_ANSWERS, (joint.rows.multiplicity * pt.logsumexp(total, axis=1)).sum())


def joint_vector(joint: JointDensity, areas: list[Array], point: dict[str, Any]) -> Array:
    """Return the vector of all areas and types at a point of the PyMC model, from those of the areas."""
    keys = [_SHARE + "_simplex__", *(f"{density.area.name}{_LEANING}_zerosum__" for density in joint.areas)]
    return np.concatenate([*areas, *(np.ravel(point[key]) for key in keys if key in point)])


def _solved_potentials() -> Any:
    """Return an operation without a gradient: what :func:`.potentials` finds for each prior, (prior, type)."""
    import pytensor.tensor as pt  # noqa: PLC0415
    from pytensor.graph.op import Op  # noqa: PLC0415

    class Solve(Op):  # type: ignore[misc]  # PyTensor has no types
        itypes = [pt.dmatrix, pt.dvector, pt.dmatrix]  # noqa: RUF012 - as PyTensor asks
        otypes = [pt.dmatrix]  # noqa: RUF012

        def perform(self, node: Any, inputs: Any, outputs: Any) -> None:
            share, log_type, lean = inputs
            tau = np.broadcast_to(log_type, (len(share), len(log_type))).copy()
            every = np.broadcast_to(lean, (len(share), *lean.shape)).copy()
            outputs[0][0] = potentials(share, np.exp(tau), tau, every)

        def connection_pattern(self, node: Any) -> list[list[bool]]:
            return [[False]] * 3

    return Solve()
