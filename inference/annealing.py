"""Annealed draws: sequential Monte Carlo from the prior to a posterior that no proposal at its modes covers.

Posteriors of learned goals have minor modes and ridges, where one goal is split in two, and goals that nobody holds.
Draws start from the prior and go through densities prior × likelihood^t, t from 0 to 1: at each step they are weighted
by the change, drawn again by weight, and moved by Hamiltonian Monte Carlo (Del Moral, Doucet and Jasra 2006,
doi:10.1111/j.1467-9868.2006.00553.x). They go in populations that know nothing of each other, each weighted by its
estimate of the marginal likelihood, so how far the populations differ tells how precise the whole is. A pilot run
chooses the steps and the step sizes. All images of the posterior are visited alike; the goals of the last draws get
the labels of the pivot.

All draws move at once: an evaluation of thousands of vectors costs a tenth of as many single ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from .density import AreaDensity, likelihood_and_gradient
from .importance import MAX_KHAT, ImportanceDraws, smooth, with_quantities
from .learned_goals import relabel
from .parallel import parallel_map
from .parameters import draw_prior, log_prior, log_prior_gradient

Array = NDArray[np.float64]

POPULATIONS = 16
"""Populations that are drawn together, until there are enough."""
_EACH = 256  # draws of a population
_TOGETHER = 4  # populations of one job
_MOST = 160  # populations in all
_PILOT = 512
_LEAPS = 5
"""Leapfrog steps of one move."""
_MOVES, _LAST_MOVES = 2, 8  # moves at each step, and at the last
_KEPT = 0.7  # share of effective draws that one step of the pilot keeps
_MOST_STEPS = 200
_SMALLEST = 1e-3  # sd of a coordinate
_ACCEPTED = (0.65, 0.9)  # the step size is changed where fewer or more moves are accepted


@dataclass(frozen=True, eq=False)
class Schedule:
    """How draws are annealed.

    Parameters
    ----------
    power
        t of each step, from above 0 to 1, (step,).
    size
        Step size of the moves made at that t along each coordinate, (step, coordinate).
    """

    power: Array
    size: Array


def annealed_draws(
    density: AreaDensity,
    rng: np.random.Generator,
    *,
    exported: Callable[[Array], Array],
    populations: int | None = None,
) -> ImportanceDraws:
    """Return weighted draws from the posterior of an area by sequential Monte Carlo.

    Parameters
    ----------
    density
        Density of the area, with a pivot where goals may exchange their labels.
    rng
        Source of the draws.
    exported
        As for :func:`.importance_draws`.
    populations
        Number of populations; by default as many as are enough.

    Returns
    -------
    ImportanceDraws
        With the population of each draw; ``khat`` is the largest of any step.
    """
    schedule = _pilot(density, rng)
    theta, log_mass, worst = np.zeros((0, density.size)), np.zeros(0), float("-inf")
    while True:
        jobs = [(stream, min(populations or POPULATIONS, _TOGETHER)) for stream in rng.spawn(_jobs(populations))]
        found_parts = parallel_map(lambda job: _populations(density, schedule, *job), jobs)
        theta = np.concatenate([theta, *(part[0] for part in found_parts)])
        log_mass = np.concatenate([log_mass, *(part[1] for part in found_parts)])
        worst = float(np.max([worst, *(part[2] for part in found_parts)]))
        population = np.repeat(np.arange(len(log_mass)), _EACH)
        log_weight = (log_mass - logsumexp(log_mass))[population] - np.log(_EACH)
        effective = float(np.exp(-logsumexp(2 * log_weight)))
        found = ImportanceDraws(theta, log_weight, worst, effective, len(schedule.power), population=population)
        found = with_quantities(found, exported)
        if populations or found.accepted or len(log_mass) >= _MOST or not worst <= MAX_KHAT:
            return found


def _populations(
    density: AreaDensity, schedule: Schedule, rng: np.random.Generator, number: int
) -> tuple[Array, Array, float]:
    """Return independent populations, their log marginal likelihoods, and the largest k̂ of any step."""
    point = _at(density, draw_prior(density.parameters, number * _EACH, rng))
    log_mass, before, worst = np.zeros(number), 0.0, float("-inf")
    for power, size in zip(schedule.power, schedule.size, strict=True):
        weight = (power - before) * point.log_l
        worst = float(np.maximum(worst, smooth(weight)[1]))
        parts = weight.reshape(number, _EACH)
        log_mass += logsumexp(parts, axis=1) - np.log(_EACH)
        point = point.some(drawn_by_weight(parts, rng))
        for _ in range(_LAST_MOVES if power == 1 else _MOVES):
            point, _ = _move(density, point, power, size, rng)
        before = power
    theta = point.theta if density.pivot is None else relabel(density, point.theta, density.pivot)
    return theta, log_mass, worst


def _jobs(populations: int | None) -> int:
    """Return in how many jobs populations are drawn, so that both cores work and no number depends on the cores."""
    return max(1, (populations or POPULATIONS) // _TOGETHER)


def drawn_by_weight(log_weight: Array, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return positions drawn within each population by systematic resampling, (draw,)."""
    populations, each = log_weight.shape
    weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
    edges = np.cumsum(weight, axis=1)
    edges /= edges[:, -1:]
    at = (np.arange(each) + rng.random((populations, 1))) / each
    chosen = [np.searchsorted(edge, place, side="right") for edge, place in zip(edges, at, strict=True)]
    return np.concatenate([np.minimum(own, each - 1) + k * each for k, own in enumerate(chosen)])


def _pilot(density: AreaDensity, rng: np.random.Generator) -> Schedule:
    """Return the steps that a small run takes, each keeping most effective draws."""
    point = _at(density, draw_prior(density.parameters, _PILOT, rng))
    power, step = 0.0, 1.2 / density.size**0.25
    powers: list[float] = []
    sizes: list[Array] = []
    while power < 1:
        new = next_power(point.log_l, power, last=len(powers) + 1 >= _MOST_STEPS)
        point = point.some(drawn_by_weight((new - power) * point.log_l[None], rng))
        power = new
        one_image = point.theta if density.pivot is None else relabel(density, point.theta, density.pivot)
        size = step * np.maximum(one_image.std(axis=0), _SMALLEST)
        rates = []
        for _ in range(_MOVES):
            point, rate = _move(density, point, power, size, rng)
            rates.append(rate)
        powers.append(power)
        sizes.append(size)
        accepted = float(np.mean(rates))
        step *= 0.7 if accepted < _ACCEPTED[0] else 1.2 if accepted > _ACCEPTED[1] else 1.0
    return Schedule(np.array(powers), np.array(sizes))


def next_power(log_l: Array, power: float, *, last: bool, kept: float = _KEPT) -> float:
    """Return the next t at which the increments of the weights keep most effective draws."""

    def effective(new: float) -> float:
        weight = (new - power) * log_l
        return float(np.exp(2 * logsumexp(weight) - logsumexp(2 * weight)) / len(log_l))

    if last or effective(1.0) >= kept:
        return 1.0
    low, high = power, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if effective(middle) >= kept else (low, middle)
    return max(low, power + 1e-7)


@dataclass(frozen=True, eq=False)
class _Points:
    """Where draws stand: log prior and log likelihood with their gradients."""

    theta: Array
    log_prior: Array
    by_prior: Array
    log_l: Array
    by_l: Array

    def some(self, chosen: NDArray[np.int64]) -> _Points:
        return _Points(*(part[chosen] for part in _parts(self)))


def _at(density: AreaDensity, theta: Array) -> _Points:
    prior, by_prior = log_prior(density.parameters, theta), log_prior_gradient(density.parameters, theta)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        log_l, by_l = likelihood_and_gradient(density, theta)
    good = np.isfinite(log_l) & np.isfinite(by_l).all(axis=1)
    return _Points(theta, prior, by_prior, np.where(good, log_l, -1e300), np.where(good[:, None], by_l, 0.0))


def _move(
    density: AreaDensity, start: _Points, power: float, size: Array, rng: np.random.Generator
) -> tuple[_Points, float]:
    """Return the draws after one Hamiltonian move at prior × likelihood^t, and the share of moves accepted."""
    n, p = start.theta.shape
    momentum = rng.standard_normal((n, p))
    steps = size * rng.uniform(0.8, 1.2, (n, 1))

    def height(point: _Points) -> Array:
        return np.asarray(point.log_prior + power * point.log_l)

    def force(point: _Points) -> Array:
        return np.asarray(point.by_prior + power * point.by_l)

    point, velocity = start, momentum + 0.5 * steps * force(start)
    for leap in range(_LEAPS):
        point = _at(density, point.theta + steps * velocity)
        velocity = velocity + (1.0 if leap < _LEAPS - 1 else 0.5) * steps * force(point)
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
    return point.theta, point.log_prior, point.by_prior, point.log_l, point.by_l
