"""Importance draws for posteriors that are not round: rounds are pooled, so that no draw is lost.

Every draw is weighted by the mixture of all proposals (adaptive multiple importance sampling, Cornuet, Marin, Mira and
Robert 2012, doi:10.1111/j.1467-9469.2011.00756.x), and the next proposal is matched to all of them. The draws are held
to the same verdict as any others. There are two sorts of such posteriors:

- areas with few parameters and many answers per agent, as in logs: goals that few hold, weights that are nearly 0, or
  several modes. A wide component, which covers the prior, is always part of the proposal, beside many narrow ones;
- areas with some dozens of parameters whose posterior is skewed in most of them, as when agents follow several goals.
  Proposals are mixtures of a few components in coordinates that are bent with the draws, and components along the
  ridges (:mod:`.ridges`), which are always part of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.special import gammaln, logsumexp

from .density import AreaDensity, log_density
from .importance import (
    DF,
    MAX_KHAT,
    MIN_EFFECTIVE,
    ImportanceDraws,
    Mixture,
    adapt,
    draw,
    proposal,
    smooth,
    with_quantities,
)
from .mode import Mode
from .parameters import draw_prior
from .ridges import ridge_mixture
from .skewed_coordinates import Bend, bent, log_stretch, matched_bend, straight

Array = NDArray[np.float64]

MOST_COORDINATES = 10
"""Coordinates up to which a mixture of a few components covers nearly any posterior."""
MOST_SKEWED = 40
"""Coordinates up to which a skewed posterior is covered by a mixture in bent coordinates."""
_WIDE = 0.1  # share of the component that covers the prior
_RIDGES = 0.25  # share of the components along the ridges
_POWERS = (1.0, 0.5)  # of the weights that mixtures are matched to: the second covers what is rare
_COMPONENTS, _FEW_COMPONENTS = 12, 4  # of each mixture, and of one in bent coordinates
_WHOLE, _BROAD = 0.15, 1.5  # share and size of one more, as a multiple of the spread of the draws
_NARROW = 0.4  # size of the components to begin with, as a part of the spread of the draws
_MATCHED = 8  # steps of matching in each round
_PILOTS = 5  # rounds that look for a proposal
_ROUNDS = 10  # most rounds after them
_PRIOR_DRAWS = 512
_HELD = 4_000_000  # numbers, component × draw × coordinate, held at once
_SKEWED_PILOT, _SKEWED_ROUND = 150, 200  # draws of a round for each coordinate of a skewed posterior


@dataclass(frozen=True, eq=False)
class _Proposal:
    """A mixture in bent coordinates, or in those of the posterior (no bend), and beside it one along the ridges."""

    mixture: Mixture
    bend: Bend | None = None
    ridges: Mixture | None = None

    def draw(self, draws: int, rng: np.random.Generator) -> Array:
        few = 0 if self.ridges is None else int(_RIDGES * draws)
        drawn = draw(self.mixture, draws - few, rng)
        drawn = drawn if self.bend is None else bent(self.bend, drawn)
        return drawn if self.ridges is None else np.concatenate([drawn, draw(self.ridges, few, rng)])

    def log_density(self, theta: Array) -> Array:
        z = theta if self.bend is None else straight(self.bend, theta)
        near = _log_mixture(self.mixture, z)
        near = near if self.bend is None else near - log_stretch(self.bend, z)
        if self.ridges is None:
            return near
        far = _log_mixture(self.ridges, theta)
        return np.asarray(np.logaddexp(np.log1p(-_RIDGES) + near, np.log(_RIDGES) + far))


def has_few_coordinates(density: AreaDensity) -> bool:
    """Return whether draws are pooled: few coordinates, given goals, and agents who answer one item many times."""
    few = 0 < density.size <= MOST_COORDINATES
    return few and density.pivot is None and bool(density.area.repeated.all()) and not density.face_value


def pooled_draws(
    density: AreaDensity,
    modes: tuple[Mode, ...],
    rng: np.random.Generator,
    *,
    draws: int,
    pilot: int,
    enough: float = MIN_EFFECTIVE,
    exported: Callable[[Array], Array] | None = None,
) -> ImportanceDraws:
    """Return weighted draws from the posterior of an area with few coordinates.

    Parameters
    ----------
    density
        Density of the area, see :func:`has_few_coordinates`.
    modes
        Its modes, where the first proposal is.
    rng
        Source of the draws.
    draws
        Draws of each later round; more rounds follow where they are not accepted.
    pilot
        Draws of each round that looks for a proposal.
    enough
        Number of effective draws, with k̂ ≤ 0.7, at which draws are accepted.
    exported
        As for :func:`.importance_draws`.

    Returns
    -------
    ImportanceDraws
        All draws of all rounds.

    Raises
    ------
    LinAlgError
        If no mode has a negative definite Hessian.
    """
    wide = _wide(density, rng)

    def following(theta: Array, log_weight: Array) -> _Proposal:
        matched = (_matched(theta, power * log_weight, rng, _COMPONENTS) for power in _POWERS)
        return _Proposal(_joined(*matched, wide=wide))

    first = _Proposal(_joined(proposal(modes), wide=wide))
    return _pooled(density, first, following, rng, draws=draws, pilot=pilot, enough=enough, exported=exported)


def can_be_bent(density: AreaDensity) -> bool:
    """Return whether :func:`skewed_draws` are worth trying: some dozens of coordinates, given goals."""
    return 0 < density.size <= MOST_SKEWED and density.pivot is None and not density.face_value


def skewed_draws(
    density: AreaDensity,
    modes: tuple[Mode, ...],
    rng: np.random.Generator,
    *,
    exported: Callable[[Array], Array] | None = None,
) -> ImportanceDraws:
    """Return weighted draws from a skewed posterior, see :func:`can_be_bent`.

    Parameters
    ----------
    density, modes, rng, exported
        As for :func:`pooled_draws`; modes are where the first proposal is.

    Returns
    -------
    ImportanceDraws
        All draws of all rounds, accepted or not.

    Raises
    ------
    LinAlgError
        If no mode has a negative definite Hessian.
    """
    ridges = ridge_mixture(density, modes)

    def following(theta: Array, log_weight: Array) -> _Proposal:
        smoothed, _ = smooth(log_weight)
        bend = matched_bend(theta, np.exp(smoothed))
        z = straight(bend, theta)
        matched = (_matched(z, power * log_weight, rng, _FEW_COMPONENTS) for power in _POWERS)
        return _Proposal(_joined(*matched), bend, ridges)

    return _pooled(
        density,
        _Proposal(proposal(modes), ridges=ridges),
        following,
        rng,
        draws=_SKEWED_ROUND * density.size,
        pilot=_SKEWED_PILOT * density.size,
        enough=MIN_EFFECTIVE,
        exported=exported,
    )


def _pooled(
    density: AreaDensity,
    first: _Proposal,
    following: Callable[[Array, Array], _Proposal],
    rng: np.random.Generator,
    *,
    draws: int,
    pilot: int,
    enough: float,
    exported: Callable[[Array], Array] | None,
) -> ImportanceDraws:
    """Return the draws of pilot rounds and of later ones, until they are accepted or there are enough rounds."""
    used: list[tuple[_Proposal, int]] = []
    known: list[Array] = []  # exported quantities of the draws so far

    def of_all(theta: Array) -> Array:
        assert exported is not None
        known.append(exported(theta[sum(map(len, known)) :]))
        return np.concatenate(known)

    now, theta, height, pooled = first, np.zeros((0, density.size)), np.zeros(0), np.zeros(0)
    for size in (*[pilot] * _PILOTS, *[draws] * _ROUNDS):
        fresh = now.draw(size, rng)
        theta, height = np.concatenate([theta, fresh]), np.concatenate([height, log_density(density, fresh)])
        used.append((now, size))
        own = np.log(size) + now.log_density(theta[: len(pooled)])
        pooled = np.concatenate([np.logaddexp(pooled, own), _log_pooled(used, fresh)])
        raw = height - pooled + np.log(len(theta))
        if len(used) > _PILOTS:
            log_weight, khat = smooth(raw)
            found = ImportanceDraws(theta, log_weight, khat, _effective(log_weight), len(used))
            found = with_quantities(found, None if exported is None else of_all)
            if found.khat <= MAX_KHAT and found.fewest >= enough:
                break
        now = following(theta, raw)
    return found


def _log_pooled(used: list[tuple[_Proposal, int]], theta: Array) -> Array:
    """Return the log density of all proposals together, each times the number of its draws."""
    return np.asarray(logsumexp([np.log(size) + one.log_density(theta) for one, size in used], axis=0))


def _effective(log_weight: Array) -> float:
    """Return the number of effective draws of unnormalised log weights."""
    return float(np.exp(2 * logsumexp(log_weight) - logsumexp(2 * log_weight)))


def _wide(density: AreaDensity, rng: np.random.Generator) -> Mixture:
    """Return one component that covers the prior."""
    theta = draw_prior(density.parameters, _PRIOR_DRAWS, rng)
    scale = np.atleast_2d(np.cov(theta, rowvar=False))
    return Mixture(np.ones(1), theta.mean(axis=0)[None], cholesky(scale, lower=True)[None])


def _joined(*parts: Mixture, wide: Mixture | None = None) -> Mixture:
    """Return the mixture of some, the first with twice the share, and of the wide component with its fixed share."""
    share = np.array([2.0, *np.ones(len(parts) - 1)])
    share *= (1.0 if wide is None else 1 - _WIDE) / share.sum()
    if wide is not None:
        parts, share = (wide, *parts), np.array([_WIDE, *share])
    return Mixture(
        np.concatenate([s * part.weight for s, part in zip(share, parts, strict=True)]),
        np.concatenate([part.centre for part in parts]),
        np.concatenate([part.root for part in parts]),
    )


def _log_mixture(mixture: Mixture, theta: Array) -> Array:
    return np.asarray(logsumexp(_components(mixture, theta)[0], axis=0))


def _components(mixture: Mixture, theta: Array) -> tuple[Array, Array]:
    """Return what :func:`.log_components` returns, of all components at once: one by one they took most of the time."""
    p = theta.shape[1]
    inverse = np.linalg.inv(mixture.root).swapaxes(1, 2)
    distances = np.empty((len(mixture.weight), len(theta)))
    step = max(1, _HELD // mixture.centre.size)
    for start in range(0, len(theta), step):
        part = slice(start, start + step)
        scaled = np.matmul(theta[part] - mixture.centre[:, None], inverse)
        distances[:, part] = np.einsum("cnp,cnp->cn", scaled, scaled)
    constant = gammaln((DF + p) / 2) - gammaln(DF / 2) - 0.5 * p * np.log(DF * np.pi)
    half_log_det = np.log(np.diagonal(mixture.root, axis1=1, axis2=2)).sum(axis=1)
    heads = np.log(mixture.weight) + constant - half_log_det
    return heads[:, None] - 0.5 * (DF + p) * np.log1p(distances / DF), distances


def _matched(theta: Array, log_weight: Array, rng: np.random.Generator, components: int) -> Mixture:
    """Return the mixture matched to weighted draws, from components that begin far from each other."""
    log_weight = log_weight - logsumexp(log_weight)
    weight = np.exp(log_weight)
    gap = theta - weight @ theta
    scale = (gap * weight[:, None]).T @ gap + 1e-12 * np.eye(theta.shape[1])
    root = cholesky(scale, lower=True)
    centre = theta[_spread(solve_triangular(root, gap.T, lower=True).T, weight, rng, components)]
    roots = np.repeat(_NARROW * root[None], components, axis=0)
    mixture = Mixture(np.full(components, 1 / components), centre, roots)
    for _ in range(_MATCHED):
        mixture = adapt(mixture, theta, log_weight, _components(mixture, theta))
    whole = Mixture(np.ones(1), (weight @ theta)[None], _BROAD * root[None])
    return Mixture(
        np.concatenate([(1 - _WHOLE) * mixture.weight, [_WHOLE]]),
        np.concatenate([mixture.centre, whole.centre]),
        np.concatenate([mixture.root, whole.root]),
    )


def _spread(points: Array, weight: Array, rng: np.random.Generator, number: int) -> NDArray[np.int64]:
    """Return positions drawn by weight times squared distance to the nearest one drawn before (k-means++)."""
    chosen = [int(rng.choice(len(points), p=weight))]
    nearest = np.full(len(points), np.inf)
    while len(chosen) < number:
        nearest = np.minimum(nearest, np.square(points - points[chosen[-1]]).sum(axis=1))
        mass = weight * nearest
        chosen.append(int(rng.choice(len(points), p=mass / mass.sum())))
    return np.array(chosen)
