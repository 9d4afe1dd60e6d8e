"""Which hidden type of agents is which: nothing tells types apart but the goals they hold.

As for learned goals (:mod:`.learned_goals`), vectors are restricted to one image: types are compared with a *pivot*,
the table τ_t π_tp at the best mode with the largest type first, by the squared Hellinger distance summed over areas.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from ..datasets.zero_sum import zero_sum_basis
from .joint_density import JointDensity, JointParameters, joint_chunks, type_values
from .learned_goals import has_labels_of_pivot, relabel
from .mode import Mode

Array = NDArray[np.float64]
Whole = NDArray[np.int64]


def type_tables(density: JointDensity, theta: Array) -> Array:
    """Return the share of the agents that is of a type and holds a goal, mean over groups, (D, type, area × goal)."""
    found = np.empty((len(theta), density.n_types, len(density.areas) * max(a.states.n_shares for a in density.areas)))
    for part in joint_chunks(density, len(theta)):
        types = type_values(density, theta[part])
        table = np.exp(types.log_goal + types.log_share[:, None, None, :, None]).mean(axis=2)  # (D, area, type, goal)
        found[part] = table.swapaxes(1, 2).reshape(len(table), density.n_types, -1)
    return found


def permute_types(parameters: JointParameters, theta: Array, order: Whole) -> Array:
    """Return vectors that mean the same with other numbers of the types: k is the one that was ``order[:, k]``."""
    result, batch, n_types = theta.copy(), len(theta), parameters.n_types
    y = theta[:, parameters.type_share]
    logits = np.concatenate([y, -y.sum(axis=1, keepdims=True)], axis=1)
    result[:, parameters.type_share] = np.take_along_axis(logits, order, axis=1)[:, :-1]
    basis = zero_sum_basis(n_types)
    for part in parameters.leanings:
        z = theta[:, part].reshape(batch, n_types - 1, -1)
        moved = np.take_along_axis(basis @ z, order[:, :, None], axis=1)
        result[:, part] = (basis.T @ moved).reshape(batch, -1)
    return result


def nearest_order(density: JointDensity, theta: Array, pivot: Array) -> Whole:
    """Return the order of the types of each vector that is nearest to the pivot, (D, type)."""
    alike = np.matmul(np.sqrt(type_tables(density, theta)), np.sqrt(pivot).T)  # (D, type of the vector, label)
    orders = np.array(list(permutations(range(density.n_types))))
    labels = np.arange(density.n_types)
    total = np.stack([alike[:, order, labels].sum(axis=1) for order in orders], axis=1)
    return np.asarray(orders[total.argmax(axis=1)])


@relabel.register
def _(density: JointDensity, theta: Array, pivot: Array) -> Array:
    if density.n_types == 1:
        return theta
    return permute_types(density.parameters, theta, nearest_order(density, theta, pivot))


@has_labels_of_pivot.register
def _(density: JointDensity, theta: Array) -> NDArray[np.bool_]:
    if density.pivot is None or density.n_types == 1:
        return np.ones(len(theta), dtype=bool)
    found = nearest_order(density, theta, density.pivot)
    return np.asarray((found == np.arange(density.n_types)).all(axis=1))


def by_share(density: JointDensity, theta: Array) -> Array:
    """Return one vector with its types in the order of their shares, largest first, (coordinate,)."""
    if density.n_types == 1:
        return theta
    y = theta[density.parameters.type_share]
    order = np.argsort(-np.append(y, -y.sum()), kind="stable")
    return np.asarray(permute_types(density.parameters, theta[None], order[None])[0])


def with_type_pivot(density: JointDensity, theta: Array) -> JointDensity:
    """Return the density with the types at a vector, the best mode, as pivot, (coordinate,)."""
    if density.n_types == 1:
        return density
    return replace(density, pivot=type_tables(density, theta[None])[0])


def numbered(density: JointDensity, modes: list[Mode]) -> tuple[Mode, ...]:
    """Return the modes with types by their shares in the best, and in the others as they are alike to those."""
    if density.n_types == 1:
        return tuple(modes)
    best = by_share(density, modes[0].theta)
    pivot = type_tables(density, best[None])[0]
    return tuple(
        _renumbered(density, mode, best if mode is modes[0] else relabel(density, mode.theta[None], pivot)[0])
        for mode in modes
    )


def _renumbered(density: JointDensity, mode: Mode, theta: Array) -> Mode:
    """Return a mode at another of its images, (coordinate,)."""
    if mode.covariance is None:
        return replace(mode, theta=theta)
    orders = np.array(list(permutations(range(density.n_types))))
    images = permute_types(density.parameters, np.repeat(mode.theta[None], len(orders), axis=0), orders)
    order = orders[int(np.abs(images - theta).max(axis=1).argmin())]
    unit = np.eye(len(theta))  # renumbering is linear
    move = permute_types(density.parameters, unit, np.repeat(order[None], len(unit), axis=0)).T
    return replace(mode, theta=theta, covariance=move @ mode.covariance @ move.T)
