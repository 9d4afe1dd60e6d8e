"""Importance sampling from a mixture of Student-t distributions at the modes, adapted until it can be trusted.

The first proposal is the mixture of Laplace approximations, weighted by their mass. Where its Pareto k̂ or its number
of effective draws is not good enough, the mixture is matched to the weighted draws (one step of population Monte
Carlo, Cappé et al. 2008, doi:10.1007/s11222-008-9059-x) and drawn from again, up to six times.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cholesky, solve_triangular
from scipy.special import gammaln, logsumexp

from .density import Density, log_density
from .learned_goals import has_labels_of_pivot
from .mode import Mode, leading

Array = NDArray[np.float64]

MAX_KHAT = 0.7
"""Largest Pareto k̂ at which importance draws are accepted (Vehtari et al. 2024)."""
MIN_EFFECTIVE = 400
"""Smallest number of effective draws accepted."""
COMFORTABLE = 0.25
"""Adaptation goes on below this many effective draws per draw, while rounds are left."""
ROUNDS = 6
"""Most rounds of adaptation."""
_ROUND_KHAT = 0.4  # above it a Laplace approximation may miss a tail that no weight of its own draws tells of
_MORE = (4, 4, 4, 16)  # times as many draws, where those of the last round were not accepted
_ADAPTABLE = 2.0  # effective draws for each coordinate of learned goals: with fewer, a mixture is not matched to them
_SPARE = 1.3  # times the draws that should be enough
_HOPELESS = 0.9  # k̂ above which more draws would not help
_WIDENED = 2  # the round before which components are added
DF = 7.0
_FORGETTING = 1e-3  # a component with less of the weight stays where it is, so that no mode is forgotten


@dataclass(frozen=True, eq=False)
class Mixture:
    """Mixture of multivariate Student-t distributions with 7 degrees of freedom.

    Parameters
    ----------
    weight
        Share of each component, (component,).
    centre
        (component, coordinate).
    root
        Lower Cholesky factors of the scale matrices, (component, coordinate, coordinate).
    """

    weight: Array
    centre: Array
    root: Array


@dataclass(frozen=True, eq=False)
class ImportanceDraws:
    """Weighted draws from the posterior of one area.

    Parameters
    ----------
    theta
        Draws from the proposal, (draw, coordinate).
    log_weight
        Pareto-smoothed log weights, normalised, (draw,).
    khat
        Pareto k̂ of the raw weights: NaN when it cannot be computed.
    effective
        Number of effective draws, 1 / Σ weight².
    rounds
        Rounds of adaptation used.
    effective_quantity
        Fewest effective draws of any exported quantity or of its squared deviation (:func:`effective_draws`): heavy
        weights sit where a quantity is extreme, so its spread may be known from far fewer draws than ``effective``.
    population
        For annealed draws the population of each, (draw,): draws of one are not independent of each other.
    """

    theta: Array
    log_weight: Array
    khat: float
    effective: float
    rounds: int
    effective_quantity: float = float("inf")
    population: NDArray[np.int64] | None = None

    @property
    def accepted(self) -> bool:
        """Whether k̂ ≤ 0.7 and at least 400 effective draws of every quantity; False when either is not computable."""
        return bool(self.khat <= MAX_KHAT and self.fewest >= MIN_EFFECTIVE)

    @property
    def fewest(self) -> float:
        """Fewest effective draws: of the weights and of every exported quantity; NaN when one is not computable."""
        return float(np.minimum(self.effective, self.effective_quantity))


def proposal(modes: tuple[Mode, ...]) -> Mixture:
    """Return the mixture of Laplace approximations at the leading modes.

    Raises
    ------
    LinAlgError
        If no mode has a negative definite Hessian.
    """
    kept = leading(modes)
    if not kept:
        raise LinAlgError("no mode has a negative definite Hessian")
    mass = np.array([mode.log_mass for mode in kept])
    root = np.stack([cholesky(mode.covariance, lower=True) for mode in kept])
    return Mixture(np.exp(mass - logsumexp(mass)), np.stack([mode.theta for mode in kept]), root)


def draw(mixture: Mixture, draws: int, rng: np.random.Generator) -> Array:
    """Return draws from a mixture, (draw, coordinate)."""
    component = rng.choice(len(mixture.weight), size=draws, p=mixture.weight)
    normal = rng.standard_normal((draws, mixture.centre.shape[1]))
    stretch = np.sqrt(DF / rng.chisquare(DF, size=draws))
    theta = np.empty_like(normal)
    for c in range(len(mixture.weight)):
        mine = component == c
        theta[mine] = mixture.centre[c] + stretch[mine, None] * (normal[mine] @ mixture.root[c].T)
    return theta


def log_components(mixture: Mixture, theta: Array) -> tuple[Array, Array]:
    """Return the log density of every component, weight included, and the squared distances; both (component, draw)."""
    p = theta.shape[1]
    constant = gammaln((DF + p) / 2) - gammaln(DF / 2) - 0.5 * p * np.log(DF * np.pi)
    logs, distances = np.empty((len(mixture.weight), len(theta))), np.empty((len(mixture.weight), len(theta)))
    for c, (weight, centre, root) in enumerate(zip(mixture.weight, mixture.centre, mixture.root, strict=True)):
        scaled = solve_triangular(root, (theta - centre).T, lower=True)
        distances[c] = np.square(scaled).sum(axis=0)
        half_log_det = np.log(np.diag(root)).sum()
        logs[c] = np.log(weight) + constant - half_log_det - 0.5 * (DF + p) * np.log1p(distances[c] / DF)
    return logs, distances


def smooth(log_weight: Array) -> tuple[Array, float]:
    """Return Pareto-smoothed, normalised log weights and the Pareto k̂ of raw log importance weights.

    Raw weights that contain NaN or +inf give k̂ = NaN. Weights with no spread give k̂ = −inf: every draw counts alike.
    """
    if np.isnan(log_weight).any() or np.isposinf(log_weight).any() or not np.isfinite(log_weight).any():
        return np.full(len(log_weight), -np.log(len(log_weight))), float("nan")
    if np.ptp(log_weight) < 1e-9:
        return np.full(len(log_weight), -np.log(len(log_weight))), float("-inf")
    from arviz_stats.base import array_stats  # noqa: PLC0415 - costs seconds, and only fitting needs it

    lowest = log_weight[np.isfinite(log_weight)].min()
    # psislw takes log likelihoods and negates them, so log weights go in with their sign changed.
    smoothed, khat = array_stats.psislw(-np.where(np.isfinite(log_weight), log_weight, lowest - 50))
    smoothed = np.asarray(smoothed)
    return smoothed - logsumexp(smoothed), float(khat)


def adapt(mixture: Mixture, theta: Array, log_weight: Array, components: tuple[Array, Array] | None = None) -> Mixture:
    """Return the mixture matched to weighted draws: one population Monte Carlo step.

    Components that lose all weight keep their place with a small share, so that no mode is forgotten.
    ``components`` is what :func:`log_components` returns, where it is at hand.
    """
    logs, distances = log_components(mixture, theta) if components is None else components
    p = theta.shape[1]
    belongs = np.exp(logs - logsumexp(logs, axis=0)) * np.exp(log_weight)
    share = np.maximum(belongs.sum(axis=1), 0.01)
    centre, root = mixture.centre.copy(), mixture.root.copy()
    for c in range(len(share)):
        pull = belongs[c] * (DF + p) / (DF + distances[c])
        total = pull.sum()
        effective = total**2 / max(np.square(pull).sum(), 1e-300)
        if belongs[c].sum() < _FORGETTING:
            continue
        new = pull @ theta / total
        gap = theta - new
        scale = (gap * (pull / belongs[c].sum())[:, None]).T @ gap
        # Few effective draws determine few directions; the rest stays as it was.
        trust = effective / (effective + p)
        scale = trust * scale + (1 - trust) * root[c] @ root[c].T
        try:
            root[c] = cholesky(scale, lower=True)
        except LinAlgError:
            continue
        centre[c] = trust * new + (1 - trust) * centre[c]
    return Mixture(share / share.sum(), centre, root)


def importance_draws(
    density: Density,
    modes: tuple[Mode, ...],
    rng: np.random.Generator,
    *,
    draws: int,
    rounds: int = ROUNDS,
    enough: float | None = None,
    exported: Callable[[Array], Array] | None = None,
    height: Callable[[Array], Array] | None = None,
) -> ImportanceDraws:
    """Return weighted draws from the posterior of an area, adapting the proposal while they are too few.

    Parameters
    ----------
    density
        Density of the area.
    modes
        Its modes.
    rng
        Source of the draws.
    draws
        Draws per round.
    rounds
        Most rounds of adaptation; 0 is plain Laplace importance sampling.
    enough
        Number of effective draws, with k̂ ≤ 0.7, at which adaptation stops; default a quarter of ``draws``.
    exported
        Returns the quantities that leave a fit, (draw, quantity), of parameter vectors. With it draws are accepted
        only if each of them, and its squared deviation, has enough effective draws.
    height
        Returns the log density of vectors, (draw,); default that of ``density``.

    Returns
    -------
    ImportanceDraws
        From the proposal of the best round (accepted ones before others, then by their effective number), drawn afresh
        when it was adapted; with 4 and then 16 times the draws where these are not accepted.
    """
    if density.size == 0:
        return ImportanceDraws(np.zeros((draws, 0)), np.full(draws, -np.log(draws)), float("-inf"), float(draws), 0)
    enough = COMFORTABLE * draws if enough is None else enough
    mixture = proposal(modes)
    best, best_mixture = _round(density, mixture, rng, draws, 0, height), mixture
    last = best
    for used in range(1, rounds + 1):
        if density.pivot is not None and last.effective < _ADAPTABLE * density.size:
            break  # so many coordinates cannot be matched to so few draws: it would spoil the proposal
        if best.khat <= (MAX_KHAT if best.rounds else _ROUND_KHAT) and best.effective >= enough:
            break
        if used == _WIDENED:
            mixture = widen(mixture, last, rng)
        mixture = adapt(mixture, last.theta, last.log_weight)
        last = _round(density, mixture, rng, draws, used, height)
        if (last.accepted, last.effective) > (best.accepted, best.effective):
            best, best_mixture = last, mixture
    if best.rounds == 0 and (best.accepted or best.effective >= enough or rounds == 0):
        fresh = best
    else:
        # Drawn afresh: the best of several rounds looks better than it is.
        fresh = _round(density, best_mixture, rng, draws, best.rounds, height)
    fresh = with_quantities(fresh, exported)
    needed = min(enough, MIN_EFFECTIVE)
    if (fresh is best and exported is None) or (fresh.khat <= MAX_KHAT and fresh.fewest >= needed):
        return fresh
    if density.pivot is not None:
        return _enlarged(density, best_mixture, fresh, rng, needed=needed, exported=exported)
    for times in _MORE:
        fresh = with_quantities(_round(density, best_mixture, rng, times * draws, rounds, height), exported)
        if fresh.khat <= MAX_KHAT and fresh.fewest >= needed:
            break
        wider = widen(best_mixture, fresh, rng)
        best_mixture = adapt(wider, fresh.theta, fresh.log_weight)
    return fresh


def _enlarged(
    density: Density,
    mixture: Mixture,
    few: ImportanceDraws,
    rng: np.random.Generator,
    *,
    needed: float,
    exported: Callable[[Array], Array] | None,
) -> ImportanceDraws:
    """Return as many more draws from the same proposal as should be enough, where that is not too many."""
    times = _SPARE * needed / max(few.fewest, 1e-3)
    if not (few.khat <= _HOPELESS and times <= max(_MORE)):
        return few
    more = _round(density, mixture, rng, int(max(2.0, times) * len(few.theta)), few.rounds)
    return with_quantities(more, exported)


def with_quantities(weighted: ImportanceDraws, exported: Callable[[Array], Array] | None) -> ImportanceDraws:
    """Return weighted draws with the fewest effective draws of any exported quantity or of its squared deviation."""
    if exported is None:
        return weighted
    values = exported(weighted.theta)
    gap = values - np.exp(weighted.log_weight) @ values
    both = np.concatenate([gap, np.square(gap)], axis=1)
    fewest = min((effective_draws(weighted, column) for column in both.T), default=float("inf"))
    return replace(weighted, effective_quantity=float(fewest))


def _round(
    density: Density,
    mixture: Mixture,
    rng: np.random.Generator,
    draws: int,
    used: int,
    heights: Callable[[Array], Array] | None = None,
) -> ImportanceDraws:
    theta = draw(mixture, draws, rng)
    logs, _ = log_components(mixture, theta)
    own = log_density(density, theta) if heights is None else heights(theta)
    height = np.where(has_labels_of_pivot(density, theta), own, -np.inf)
    log_weight, khat = smooth(height - logsumexp(logs, axis=0))
    return ImportanceDraws(theta, log_weight, khat, float(np.exp(-logsumexp(2 * log_weight))), used)


def widen(mixture: Mixture, weighted: ImportanceDraws, rng: np.random.Generator) -> Mixture:
    """Return the mixture with three more components, at draws taken by weight: for posteriors that are not round."""
    extra = rng.choice(len(weighted.theta), size=3, p=np.exp(weighted.log_weight))
    centre = np.concatenate([mixture.centre, weighted.theta[extra]])
    root = np.concatenate([mixture.root, np.repeat(mixture.root[:1], 3, axis=0)])
    return Mixture(np.concatenate([mixture.weight / 2, np.full(3, 1 / 6)]), centre, root)


def effective_draws(weighted: ImportanceDraws, values: Array) -> float:
    """Return the number of independent draws that would give the mean of ``values``, (draw,), as precisely.

    It is variance ÷ squared Monte Carlo error, with the error Σ weight² (value − mean)² of weighted draws. That of a
    score may lie below 1 / Σ weight² when heavy weights sit where the score is extreme. Draws of one population count
    together: the error is that of the independent populations.
    """
    weight = np.exp(weighted.log_weight)
    gap = values - weight @ values
    variance, error = float(weight @ np.square(gap)), float(np.square(weight) @ np.square(gap))
    if weighted.population is not None:
        own = np.bincount(weighted.population, weight * gap)
        error = float(np.square(own).sum()) * len(own) / (len(own) - 1)
    return variance / error if error > 0 else float(len(values))


def resample(weighted: ImportanceDraws, draws: int, rng: np.random.Generator) -> Array:
    """Return equally weighted draws, (draw, coordinate), by systematic resampling in random order."""
    edges = np.cumsum(np.exp(weighted.log_weight))
    position = (rng.random() + np.arange(draws)) / draws * edges[-1]
    chosen = np.minimum(np.searchsorted(edges, position, side="right"), len(edges) - 1)
    return weighted.theta[rng.permutation(chosen)]
