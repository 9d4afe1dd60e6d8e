"""How far the goals of an agent in two areas depend on each other, and what that does to pairs of agents.

All numbers are of infinitely many agents and do not depend on the numbering of the types. An agent is of a *class*, a
group h and a type t, with probability φ_h τ_t; given its class its goals in different areas are independent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .area_scores import padded_conflict, prior_shares
from .joint_density import JointDensity, area_values, joint_chunks, type_values
from .states import log_node_prior

Array = NDArray[np.float64]

_TINY = 1e-300


def association(density: JointDensity, theta: Array, shares: Array | None = None) -> Array:
    """Return Cramér's V between the goals of an agent in two areas, (D, area, area), over all groups together.

    Parameters
    ----------
    density, theta
        The density and vectors, (D, coordinate).
    shares
        Share of each prior over states in the population, (prior,); default as in the data.
    """
    phi = prior_shares(density.areas[0]) if shares is None else shares
    return _in_parts(density, theta, lambda part: cramers_v(*classes(density, theta[part], phi), _sizes(density)))


def association_within(density: JointDensity, theta: Array) -> Array:
    """Return Cramér's V between the goals in two areas within each group, (D, prior, area, area)."""

    def within(part: slice) -> Array:
        types = type_values(density, theta[part])
        goal, tau = np.exp(types.log_goal), np.exp(types.log_share)
        return np.stack([cramers_v(tau, goal[:, :, h], _sizes(density)) for h in range(goal.shape[2])], axis=1)

    return _in_parts(density, theta, within)


def classes(density: JointDensity, theta: Array, phi: Array) -> tuple[Array, Array]:
    """Return the shares of the classes, (D, class), and the goal shares of each, (D, area, class, goal)."""
    types = type_values(density, theta)
    goal = np.exp(types.log_goal)
    share = phi[:, None] * np.exp(types.log_share)[:, None]
    return share.reshape(len(theta), -1), goal.reshape(*goal.shape[:2], -1, goal.shape[-1])


def cramers_v(share: Array, goal: Array, sizes: list[int]) -> Array:
    """Return Cramér's V between two areas, (D, area, area), 1 on the diagonal.

    Parameters
    ----------
    share
        Shares of the classes, (D, class).
    goal
        Goal shares of each class, (D, area, class, goal).
    sizes
        Number of goals of each area, no goal among them.
    """
    batch, n_areas = goal.shape[:2]
    found = np.tile(np.eye(n_areas), (batch, 1, 1))
    margin = np.einsum("du,dpug->dpg", share, goal)
    for p in range(n_areas):
        for q in range(p + 1, n_areas):
            joint = np.matmul((share[:, :, None] * goal[:, p]).swapaxes(1, 2), goal[:, q])
            product = margin[:, p, :, None] * margin[:, q, None, :]
            square = np.square(joint - product) / np.maximum(product, _TINY)
            least = max(min(sizes[p], sizes[q]) - 1, 1)
            found[:, p, q] = found[:, q, p] = np.sqrt(square.sum(axis=(1, 2)) / least)
    return np.minimum(found, 1.0)


@dataclass(frozen=True, eq=False)
class PairSpread:
    """How the overall conflict of a pair of agents varies over pairs, for each draw; and as if areas were independent.

    Parameters
    ----------
    sd, sd_independent
        Standard deviation of the overall conflict of a pair, conflict times weights where these are known, (D,) by
        score, ``"contention"`` and ``"misalignment"``.
    none, none_independent
        Share of pairs with no conflict in any area, (D,).
    every, every_independent
        Share of pairs with conflict in every area, (D,).
    """

    sd: dict[str, Array]
    sd_independent: dict[str, Array]
    none: Array
    none_independent: Array
    every: Array
    every_independent: Array


def pair_spread(density: JointDensity, theta: Array, shares: Array, area_weights: Array) -> PairSpread:
    """Return how the overall conflict of pairs varies.

    Parameters
    ----------
    density, theta
        The density and vectors, (D, coordinate).
    shares
        Share of each prior over states in the population, (prior,).
    area_weights
        Weight of each area in overall scores, (area,).
    """
    a = area_weights / area_weights.sum()
    numbers = _in_parts(density, theta, lambda part: _spread(density, theta[part], shares, a))
    sd = {name: numbers[:, k] for k, name in enumerate(("contention", "misalignment"))}
    alone = {name: numbers[:, 2 + k] for k, name in enumerate(("contention", "misalignment"))}
    return PairSpread(sd, alone, *(numbers[:, k] for k in range(4, 8)))


def _spread(density: JointDensity, theta: Array, phi: Array, a: Array) -> Array:
    share, goal = classes(density, theta, phi)
    root, weight = _mass(density, theta, goal)
    n_areas, weighted = len(density.areas), all(area.states.weighted for area in density.areas)
    first: dict[str, list[Array]] = {"contention": [], "misalignment": []}
    second: dict[str, list[Array]] = {"contention": [], "misalignment": []}
    in_conflict = []
    for p, area in enumerate(density.areas):
        k = area.states.n_shares
        c = padded_conflict(area, theta[:, density.parameters.of_area[p]])

        def mean(mass: Array, matrix: Array, p: int = p, k: int = k) -> Array:
            own = mass[:, p, :, :k]
            return np.asarray(np.matmul(np.matmul(own, matrix), own.swapaxes(1, 2)))  # (D, class, class)

        first["contention"].append(mean(goal, c))
        second["contention"].append(mean(goal, c**2))
        first["misalignment"].append(mean(root, c))
        second["misalignment"].append(mean(weight, c**2))
        in_conflict.append(mean(goal, (c > 0).astype(float)))
    pairs = share[:, :, None] * share[:, None, :]

    def over_pairs(values: Array) -> Array:
        return np.asarray((pairs * values).sum(axis=(1, 2)))

    found = []
    for independent in (False, True):
        for score in ("contention", "misalignment"):
            means = [over_pairs(values) for values in first[score]]
            total = np.zeros(len(theta))
            for p in range(n_areas):
                total += a[p] ** 2 * (over_pairs(second[score][p]) - means[p] ** 2)
                for q in range(n_areas):
                    if q != p and not independent:
                        both = over_pairs(first[score][p] * first[score][q])
                        total += a[p] * a[q] * (both - means[p] * means[q])
            known = weighted or score == "contention"
            found.append(np.sqrt(np.maximum(total, 0)) if known else np.full(len(theta), np.nan))
    counted = [p for p in range(n_areas) if a[p] > 0]
    own = [in_conflict[p] for p in counted]
    means = [over_pairs(values) for values in own]
    found += [
        over_pairs(np.prod([1 - values for values in own], axis=0)),
        np.prod([1 - value for value in means], axis=0),
        over_pairs(np.prod(own, axis=0)),
        np.prod(means, axis=0),
    ]
    return np.stack(found, axis=1)


def _mass(density: JointDensity, theta: Array, goal: Array) -> tuple[Array, Array]:
    """Return Σ √w and Σ w by goal of each class, (D, area, class, goal); a class has the weights of its group."""
    root, weight = goal.copy(), goal.copy()
    n_types = density.n_types
    for p, (area, values) in enumerate(zip(density.areas, area_values(density, theta), strict=True)):
        states = area.states
        if values.prior_mean is not None and values.concentration is not None:
            node = np.exp(log_node_prior(np, states, values.prior_mean, values.concentration[:, None]))
            root[:, p] *= np.repeat(node @ np.sqrt(states.node), n_types, axis=1)[:, :, None]
            weight[:, p] *= np.repeat(node @ states.node, n_types, axis=1)[:, :, None]
        root[:, p, :, states.n_goals :] = weight[:, p, :, states.n_goals :] = 0
    return root, weight


def _sizes(density: JointDensity) -> list[int]:
    return [area.states.n_shares for area in density.areas]


def _in_parts(density: JointDensity, theta: Array, function: object) -> Array:
    """Return ``function`` of slices of the draws, joined."""
    assert callable(function)
    return np.concatenate([function(part) for part in joint_chunks(density, len(theta))])
