"""The posterior of one area: modes, then importance draws, then NUTS where they cannot be trusted."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError

from .annealing import annealed_draws
from .area_scores import exported_quantities
from .density import AreaDensity, evaluation_cells, is_large, row_log_likelihood, with_nodes
from .importance import MAX_KHAT, ImportanceDraws, importance_draws, resample
from .large_fit import large_draws, large_modes
from .learned_goals import relabel, with_pivot
from .mode import STARTS, Mode, find_modes
from .nuts import CHAINS, Memory, NutsDraws, SegmentStore, nuts_draws
from .pooled_importance import can_be_bent, has_few_coordinates, pooled_draws, skewed_draws
from .thinning import evenly

Array = NDArray[np.float64]
type Method = Literal["auto", "laplace", "nuts"]

MAX_RHAT = 1.01
MIN_ESS = 400
QUADRATURE_ERROR = 0.01
"""Largest change of an agent's log likelihood on doubling the nodes."""
_MOST_NODES = 512
_CHEAP = 40_000  # cells of one evaluation
_PILOT = 600  # draws of a round that looks for a proposal, where all rounds are pooled
_FEW_STARTS = 6  # of pooled draws, whose widest proposal covers the prior: no mode is lost that no start found
_FEW_ANNEALED = 100  # effective draws of annealed draws, of any quantity; fewer than 400 are a caution or a refusal
_DOUBLINGS = 2  # of the NUTS draws, before R-hat or ESS is called a failure


@dataclass(frozen=True, eq=False)
class AreaFit:
    """Posterior draws of one area with what is needed to judge them.

    Parameters
    ----------
    density
        The density, with as many quadrature nodes as the data need.
    modes
        Modes found, best Laplace mass first.
    method
        ``"importance"`` or ``"nuts"``.
    theta
        Equally weighted draws, (chain, draw, coordinate); one chain for importance draws.
    importance
        The weighted draws, also where they were not accepted; None when NUTS was asked for.
    nuts
        What NUTS returned, before thinning.
    rhat, ess
        Largest rank-normalised R-hat and smallest bulk or tail ESS over coordinates; None for importance draws.
    """

    density: AreaDensity
    modes: tuple[Mode, ...]
    method: str
    theta: Array
    importance: ImportanceDraws | None
    nuts: NutsDraws | None
    rhat: float | None = None
    ess: float | None = None

    @property
    def effective(self) -> float:
        """Fewest effective draws: of the importance weights and the quantities, or the smallest ESS of NUTS."""
        if self.method == "importance" and self.importance is not None:
            return min(self.importance.fewest, float(self.theta.shape[0] * self.theta.shape[1]))
        return float("nan") if self.ess is None else self.ess

    @property
    def flat(self) -> Array:
        """Draws of all chains, (draw, coordinate)."""
        return flat_draws(self.theta)


def flat_draws(theta: Array) -> Array:
    """Return the draws of all chains, (draw, coordinate), from (chain, draw, coordinate); also of no coordinate."""
    return theta.reshape(theta.shape[0] * theta.shape[1], theta.shape[2])


def fit_area(
    density: AreaDensity,
    rng: np.random.Generator,
    *,
    method: Method,
    draws: int,
    report: Callable[[str], None] = lambda _: None,
    store: SegmentStore | None = None,
    first: Array | None = None,
) -> AreaFit:
    """Return the posterior of one area.

    Parameters
    ----------
    density
        Density of the area.
    rng
        Source of starts and draws.
    method
        ``"auto"``: importance draws, and NUTS when they are not accepted. ``"laplace"``: importance draws, accepted or
        not. ``"nuts"``: NUTS.
    draws
        Number of draws to return, a multiple of 4.
    report
        Called with a sentence when something slow begins or goes on.
    store
        Keeps what NUTS has drawn, for a run that is cut short.
    first
        Where the search for modes begins too, (coordinate,).
    """
    if is_large(density) and method != "nuts" and density.size and not any(density.area.learned):
        return _large_fit(density, rng, method, draws, report, store, first)
    modes = find_modes(density, rng, starts=_FEW_STARTS if has_few_coordinates(density) else STARTS, first=first)
    density, modes = refine_nodes(density, modes, rng)
    density = with_pivot(density, modes[0].theta)
    importance = None
    if method != "nuts" or density.size == 0:
        try:
            importance = _importance(density, modes, rng, draws)
            if not importance.accepted and density.pivot is not None:
                report(f"{density.area.name}: annealing")
                importance = annealed_draws(density, rng, exported=lambda theta: exported_quantities(density, theta))
        except LinAlgError:
            importance = None
    return _settled(density, modes, importance, rng, method, draws, report, store)


def _large_fit(
    density: AreaDensity,
    rng: np.random.Generator,
    method: Method,
    draws: int,
    report: Callable[[str], None],
    store: SegmentStore | None,
    first: Array | None,
) -> AreaFit:
    density, peaks = large_modes(density, rng, quadrature_error=QUADRATURE_ERROR, most_nodes=_MOST_NODES, first=first)
    modes, importance = tuple(peak.mode for peak in peaks), None
    with contextlib.suppress(LinAlgError):
        importance = large_draws(
            density,
            peaks,
            rng,
            draws=_proposals(density, draws),
            exported=lambda theta: exported_quantities(density, theta),
            report=report,
        )
    return _settled(density, modes, importance, rng, method, draws, report, store)


def _settled(
    density: AreaDensity,
    modes: tuple[Mode, ...],
    importance: ImportanceDraws | None,
    rng: np.random.Generator,
    method: Method,
    draws: int,
    report: Callable[[str], None],
    store: SegmentStore | None,
) -> AreaFit:
    """Return the fit by importance draws where they are trusted, or nothing else is asked for; else by NUTS."""
    if importance is not None and (importance.accepted or method == "laplace" or _better_than_nuts(importance)):
        return AreaFit(density, modes, "importance", resample(importance, draws, rng)[None], importance, None)
    if method == "laplace":
        return AreaFit(density, modes, "importance", np.repeat(modes[0].theta[None], draws, axis=0)[None], None, None)
    report(f"{density.area.name}: sampling with NUTS")
    return _nuts_fit(density, modes, importance, rng, draws, report, store or Memory())


def _importance(density: AreaDensity, modes: tuple[Mode, ...], rng: np.random.Generator, draws: int) -> ImportanceDraws:
    def exported(theta: Array) -> Array:
        return exported_quantities(density, theta)

    if has_few_coordinates(density):
        return pooled_draws(density, modes, rng, draws=draws, pilot=_PILOT, exported=exported)
    if not can_be_bent(density):
        return importance_draws(density, modes, rng, draws=_proposals(density, draws), exported=exported)
    if _seldom_round(density):
        return skewed_draws(density, modes, rng, exported=exported)
    found = importance_draws(density, modes, rng, draws=_proposals(density, draws), exported=exported)
    skewed = found if found.accepted else skewed_draws(density, modes, rng, exported=exported)
    return skewed if skewed.accepted else found


def _seldom_round(density: AreaDensity) -> bool:
    """Return whether draws from Laplace approximations are seldom accepted without many rounds more."""
    beside = bool(density.table.stages or density.table.numbers)
    return bool(density.area.parts) or (beside and _cells(density) <= _CHEAP)


def _better_than_nuts(draws: ImportanceDraws) -> bool:
    """Return whether annealed draws, though few, are trusted: chains seldom cross between modes of learned goals."""
    return draws.population is not None and draws.khat <= MAX_KHAT and draws.fewest >= _FEW_ANNEALED


def _proposals(density: AreaDensity, draws: int) -> int:
    """Return the number of importance draws per round: five for each draw kept, two where an evaluation is dear."""
    return draws * (5 if _cells(density) <= _CHEAP else 2)


def _cells(density: AreaDensity) -> int:
    """Return how many numbers an evaluation of the density looks at."""
    return evaluation_cells(density) + sum(density.table.cells_beside)


def refine_nodes(
    density: AreaDensity, modes: tuple[Mode, ...], rng: np.random.Generator
) -> tuple[AreaDensity, tuple[Mode, ...]]:
    """Return the density with its nodes doubled while that moves some agent's log likelihood, and its modes."""
    refined = False
    while density.states.weighted and len(density.states.node) < _MOST_NODES:
        finer = with_nodes(density, 2 * len(density.states.node))
        at = modes[0].theta[None]
        if np.abs(row_log_likelihood(finer, at) - row_log_likelihood(density, at)).max() <= QUADRATURE_ERROR:
            break
        density, refined = finer, True
    return density, find_modes(density, rng, first=modes[0].theta) if refined else modes


def _nuts_fit(
    density: AreaDensity,
    modes: tuple[Mode, ...],
    importance: ImportanceDraws | None,
    rng: np.random.Generator,
    draws: int,
    report: Callable[[str], None],
    store: SegmentStore,
) -> AreaFit:
    from arviz_stats.base import array_stats  # noqa: PLC0415 - costs seconds

    length, misses, seed = max(500, draws // CHAINS), 0, int(rng.integers(2**63))
    for attempt in range(_DOUBLINGS + 1):
        run = nuts_draws(
            density,
            modes,
            seed,
            draws=length,
            attempt=misses,
            target_accept=1 - 0.1 ** (misses + 1),
            store=store,
            report=report,
        )
        if density.pivot is not None:
            flat = relabel(density, flat_draws(run.theta), density.pivot)
            run = replace(run, theta=flat.reshape(run.theta.shape))
        columns = [run.theta[:, :, c] for c in range(density.size)]
        rhat = float(np.max([array_stats.rhat(c) for c in columns], initial=1.0))  # NaN stays NaN, as with min below
        bulk = np.min([array_stats.ess(c) for c in columns], initial=np.inf)
        tail = np.min([array_stats.ess(c, method="tail", prob=(0.05, 0.95)) for c in columns], initial=np.inf)
        ess = float(np.minimum(bulk, tail))
        enough, diverged = rhat <= MAX_RHAT and ess >= MIN_ESS, bool(run.diverging.any())
        if (enough and not diverged) or attempt == _DOUBLINGS:
            break
        length *= 1 if enough else 2
        misses += diverged
    keep = evenly(run.theta.shape[1], draws // CHAINS)
    return AreaFit(density, modes, "nuts", run.theta[:, keep], importance, run, rhat, ess)
