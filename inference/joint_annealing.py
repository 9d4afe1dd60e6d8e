"""Annealed draws of dependent areas: sequential Monte Carlo that starts from areas fitted by themselves.

Where the answers show little dependence, the posterior of the types is a cross or a ridge that no mixture at its modes
covers. What the areas say by themselves is known by then, and types leave the meaning of their parameters as it is. So
draws start from the posterior of independent areas times the prior of the types, and go through

    (that) × (likelihood with types ÷ likelihood of independent areas)^t,  t from 0 to 1:

weighted by the change, drawn again by weight, and moved by Hamiltonian Monte Carlo (Del Moral, Doucet and Jasra 2006,
doi:10.1111/j.1467-9868.2006.00553.x). All images of the posterior, by the numbering of the types, are visited alike;
the last draws get the labels of the pivot. How far draws that descend from different starts differ tells how precise
the whole is (Lee and Whiteley 2018, doi:10.1093/biomet/asy028); while that is too little, all draws move on, and where
they stand then is added.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag

from .annealing import Schedule, drawn_by_weight, next_power
from .density import value_and_gradient
from .importance import MAX_KHAT, ImportanceDraws, smooth, with_quantities
from .joint_density import JointDensity
from .learned_goals import relabel
from .parallel import parallel_map
from .parameters import draw_prior

Array = NDArray[np.float64]

_DRAWS = 1_024  # that go together
_PILOT = 192
_LEAPS = 4  # leapfrog steps of one move
_MOVES, _LAST_MOVES = 1, 5  # moves at each step, and at the last
_MORE_MOVES, _MOST = 2, 12  # moves before draws are added, and how often they are
_KEPT = 0.5  # share of effective draws that one step of the pilot keeps
_MOST_STEPS = 60
_SMALLEST = 0.02  # sd of a coordinate of the types
_ACCEPTED = (0.65, 0.9)  # the step size is changed where fewer or more moves are accepted
_TOGETHER = 128  # vectors that one thread evaluates


@dataclass(frozen=True, eq=False)
class IndependentAreas:
    """The posterior of every area by itself.

    Parameters
    ----------
    draws
        Equally weighted draws of each area, (draw, coordinate).
    """

    draws: tuple[Array, ...]

    @property
    def root(self) -> Array:
        """Lower Cholesky factor of the covariance of the areas, (coordinate, coordinate)."""
        parts = [np.cov(own, rowvar=False).reshape(own.shape[1], own.shape[1]) for own in self.draws]
        return np.asarray(
            block_diag(*(np.linalg.cholesky(part + 1e-12 * np.trace(part) * np.eye(len(part))) for part in parts))
        )

    def some(self, draws: int, rng: np.random.Generator) -> Array:
        """Return draws of all areas, (draw, coordinate): independent areas have independent posteriors."""
        return np.concatenate([own[rng.integers(len(own), size=draws)] for own in self.draws], axis=1)


def anneal_types(
    density: JointDensity,
    areas: IndependentAreas,
    rng: np.random.Generator,
    *,
    exported: Callable[[Array], Array],
    enough: Callable[[ImportanceDraws], bool] = lambda found: found.accepted,
    draws: int = _DRAWS,
) -> ImportanceDraws:
    """Return weighted draws from the posterior of dependent areas.

    Parameters
    ----------
    density
        The density, with its pivot.
    areas
        Where draws start.
    rng
        Source of the draws.
    exported
        As for :func:`.importance_draws`.
    enough
        Whether no more draws are needed.
    draws
        Draws that go together.

    Returns
    -------
    ImportanceDraws
        All of the same weight; ``population`` says from which start each descends, ``khat`` is the largest of any step.
    """
    root = areas.root
    schedule = _pilot(density, areas, root, rng)
    point, descent = _start(density, areas, draws, rng), np.arange(draws)
    before, worst = 0.0, float("-inf")
    for power, size in zip(schedule.power, schedule.size, strict=True):
        weight = (power - before) * point.gain
        worst = float(np.maximum(worst, smooth(weight)[1]))
        chosen = drawn_by_weight(weight[None], rng)
        point, descent = point.some(chosen), descent[chosen]
        metric = _metric(density, root, size)
        for _ in range(_LAST_MOVES if power == 1 else _MOVES):
            point, _ = _move(density, point, power, metric, rng)
        before = power
    descent = np.unique(descent, return_inverse=True)[1]
    theta, population = np.zeros((0, density.size)), np.zeros(0, dtype=np.int64)
    for _ in range(_MOST):
        theta = np.concatenate([theta, _labelled(density, point.theta)])
        population = np.concatenate([population, descent])
        log_weight = np.full(len(theta), -np.log(len(theta)))
        found = ImportanceDraws(theta, log_weight, worst, float(len(theta)), len(schedule.power), population=population)
        found = with_quantities(found, exported)
        if enough(found) or not worst <= MAX_KHAT:
            break
        for _ in range(_MORE_MOVES):
            point, _ = _move(density, point, 1.0, metric, rng)
    return found


def _labelled(density: JointDensity, theta: Array) -> Array:
    return theta if density.pivot is None else np.asarray(relabel(density, theta, density.pivot))


def _pilot(density: JointDensity, areas: IndependentAreas, root: Array, rng: np.random.Generator) -> Schedule:
    """Return the steps that a small run takes: the size of a move of whitened areas first, then that of each of types.

    Each step keeps about half of the draws effective.
    """
    point = _start(density, areas, _PILOT, rng)
    power, step = 0.0, 1.2 / density.size**0.25
    powers: list[float] = []
    sizes: list[Array] = []
    while power < 1:
        new = next_power(point.gain, power, kept=_KEPT, last=len(powers) + 1 >= _MOST_STEPS)
        point = point.some(drawn_by_weight((new - power) * point.gain[None], rng))
        power = new
        spread = np.maximum(_labelled(density, point.theta)[:, density.parameters.of_types].std(axis=0), _SMALLEST)
        size = step * np.append(1.0, spread)
        rates = []
        for _ in range(2):
            point, rate = _move(density, point, power, _metric(density, root, size), rng)
            rates.append(rate)
        powers.append(power)
        sizes.append(size)
        accepted = float(np.mean(rates))
        step *= 0.7 if accepted < _ACCEPTED[0] else 1.2 if accepted > _ACCEPTED[1] else 1.0
    return Schedule(np.array(powers), np.array(sizes))


def _metric(density: JointDensity, root: Array, size: Array) -> Array:
    """Return what turns steps of unit size into moves, (coordinate, coordinate)."""
    metric = np.zeros((density.size, density.size))
    metric[: len(root), : len(root)] = size[0] * root
    at = np.arange(len(root), density.size)
    metric[at, at] = size[1:]
    return metric


@dataclass(frozen=True, eq=False)
class _Points:
    """Where draws stand: log density of the start and its gradient, and what types add to it."""

    theta: Array
    base: Array
    by_base: Array
    gain: Array
    by_gain: Array

    def some(self, chosen: NDArray[np.int64]) -> _Points:
        return _Points(*(part[chosen] for part in _parts(self)))


def _start(density: JointDensity, areas: IndependentAreas, draws: int, rng: np.random.Generator) -> _Points:
    theta = draw_prior(density.parameters, draws, rng)
    theta[:, : density.parameters.type_share.start] = areas.some(draws, rng)
    return _at(density, theta)


def _at(density: JointDensity, theta: Array) -> _Points:
    """Return where draws stand, evaluated on all cores; the parts do not depend on how many there are."""
    parts = [theta[start : start + _TOGETHER] for start in range(0, len(theta), _TOGETHER)]
    found = parallel_map(lambda part: _evaluated(density, part), parts)
    return _Points(*(np.concatenate(pieces) for pieces in zip(*map(_parts, found), strict=True)))


def _evaluated(density: JointDensity, theta: Array) -> _Points:
    types = density.parameters.of_types
    base, by_base = np.zeros(len(theta)), np.zeros_like(theta)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # far out a move ends, and is not accepted
        whole, by_whole = value_and_gradient(density, theta)
        for area, part in zip(density.areas, density.parameters.of_area, strict=True):
            own, by_base[:, part] = value_and_gradient(area, theta[:, part])
            base += own
        more, by_base[:, types] = density.parameters.of_types_alone(theta)
        base += more
        gain, by_gain = whole - base, by_whole - by_base
    good = np.isfinite(gain) & np.isfinite(by_gain).all(axis=1) & np.isfinite(base)
    return _Points(theta, base, by_base, np.where(good, gain, -1e300), np.where(good[:, None], by_gain, 0.0))


def _move(
    density: JointDensity, start: _Points, power: float, metric: Array, rng: np.random.Generator
) -> tuple[_Points, float]:
    """Return the draws after one Hamiltonian move at the density of t, and the share of moves accepted."""
    n, p = start.theta.shape
    momentum = rng.standard_normal((n, p))
    stretch = rng.uniform(0.8, 1.2, (n, 1))

    def height(point: _Points) -> Array:
        return np.asarray(point.base + power * point.gain)

    def force(point: _Points) -> Array:
        return np.asarray(stretch * ((point.by_base + power * point.by_gain) @ metric))

    point, velocity = start, momentum + 0.5 * force(start)
    for leap in range(_LEAPS):
        point = _at(density, point.theta + (stretch * velocity) @ metric.T)
        velocity = velocity + (1.0 if leap < _LEAPS - 1 else 0.5) * force(point)
    with np.errstate(invalid="ignore", over="ignore"):
        gain = height(point) - height(start) - 0.5 * (np.square(velocity) - np.square(momentum)).sum(axis=1)
    chance = np.exp(np.minimum(0.0, np.where(np.isfinite(gain), gain, -np.inf)))
    taken = rng.random(n) < chance
    merged = _Points(
        *(
            np.where(taken[:, None] if new.ndim == 2 else taken, new, old)
            for new, old in zip(_parts(point), _parts(start), strict=True)
        )
    )
    return merged, float(chance.mean())


def _parts(point: _Points) -> tuple[Array, ...]:
    return point.theta, point.base, point.by_base, point.gain, point.by_gain
