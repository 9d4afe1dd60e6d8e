"""The posterior of dependent areas: all areas and the types of agents as one, then each area with its own draws.

Importance draws from a mixture at the modes do where areas clearly depend on each other. Else every area is fitted by
itself, and draws are annealed from there: types leave the meaning of the parameters of an area as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError

from ..errors import Fault, InputError
from .area_fit import AreaFit, Method, fit_area, refine_nodes
from .area_scores import exported_quantities
from .density import AreaDensity, is_large, log_density
from .dependence_measures import association
from .importance import ImportanceDraws, importance_draws, resample, with_quantities
from .joint_annealing import IndependentAreas, anneal_types
from .joint_density import JointDensity, joint_density
from .joint_labels import numbered, with_type_pivot
from .learned_goals import relabel
from .mode import Mode, climb, descend, find_modes, same_mode
from .parallel import parallel_map
from .parameters import draw_prior

Array = NDArray[np.float64]

_STARTS = 8  # of the search for modes of an area by itself
_POOL, _SCREENED, _RANDOM = 48, 3, 2  # prior draws of the types, and how many of the best, and of the rest, are starts
_NEAR = 0.1  # ends of two starts this near are one
_WORTH = 20.0  # ends this far below the highest are no modes that matter
_MOST_MODES = 6
_ROUNDS = 1  # of importance draws
_CHEAP = 60_000  # numbers of one evaluation
MIN_ASSOCIATION = 100
"""Effective draws that the dependence of two areas needs: a Monte Carlo error of a tenth of its posterior sd."""


@dataclass(frozen=True, eq=False)
class JointFit:
    """Posterior draws of dependent areas.

    Parameters
    ----------
    density
        The density of all areas together.
    modes
        Modes found, best Laplace mass first.
    theta
        Equally weighted draws, (chain, draw, coordinate).
    importance
        The weighted draws behind them; None where none could be made.
    areas
        The fit of each area: its part of the draws.
    """

    density: JointDensity
    modes: tuple[Mode, ...]
    theta: Array
    importance: ImportanceDraws | None
    areas: tuple[AreaFit, ...]


def require_joint(densities: tuple[AreaDensity, ...], method: str) -> None:
    """Raise :class:`InputError` where areas cannot be fitted as one: too many distinct agents, or NUTS asked for."""
    faults = []
    if method == "nuts":
        message = "NUTS is not supported where the study has [dependence]: its chains seldom cross between types."
        remedy = 'Use "auto", which anneals draws where importance draws will not do.'
        faults.append(Fault(code="not-supported", message=message, remedy=remedy, value=method))
    large = [density.area.name for density in densities if is_large(density)]
    if large:
        message = f"Area '{large[0]}' has too many distinct agents to be fitted with others as [dependence] asks."
        remedy = "Leave [dependence] out of the study, or take a part of the agents."
        faults.append(Fault(code="not-supported", message=message, remedy=remedy, value=large[0]))
    if faults:
        raise InputError(faults)


def fit_jointly(
    densities: tuple[AreaDensity, ...],
    n_types: int,
    fit_weight: Array | None,
    rng: np.random.Generator,
    *,
    method: Method,
    draws: int,
    report: Callable[[str], None] = lambda _: None,
) -> JointFit:
    """Return the posterior of dependent areas.

    Parameters
    ----------
    densities
        Density of each area.
    n_types
        Number T of types.
    fit_weight
        Weight of each agent in the likelihood, (agent,), or None for 1.
    rng, draws, report
        As for :func:`.fit_area`.
    method
        ``"auto"``: importance draws, and annealed draws where they are not accepted; ``"laplace"``: importance draws,
        accepted or not.
    """
    streams = rng.spawn(len(densities))
    alone = parallel_map(lambda job: _nodes_and_modes(*job), list(zip(densities, streams, strict=True)))
    density = joint_density([own for own, _ in alone], n_types, densities[0].parameters.priors, fit_weight)
    report("all areas together")
    modes = joint_modes(density, [own[0].theta for _, own in alone], rng)
    density = with_type_pivot(density, modes[0].theta)
    exported = partial(joint_quantities, density)

    def enough(found: ImportanceDraws) -> bool:
        return found.accepted and effective_associations(density, found) >= MIN_ASSOCIATION

    found: ImportanceDraws | None
    try:
        each = draws * (3 if density.cells <= _CHEAP else 1)
        found = importance_draws(density, modes, rng, draws=each, rounds=_ROUNDS, exported=exported)
    except LinAlgError:
        found = None
    if found is not None and (enough(found) or method == "laplace"):
        theta = resample(found, draws, rng)[None]
        return JointFit(density, modes, theta, found, _area_fits(density, _parts_of(density, modes), theta, found))
    if method == "laplace":
        theta = np.repeat(modes[0].theta[None, None], draws, axis=1)
        return JointFit(density, modes, theta, None, _area_fits(density, _parts_of(density, modes), theta, None))
    report("every area by itself")
    jobs = list(zip(density.areas, rng.spawn(len(densities)), strict=True))
    fits = parallel_map(lambda job: fit_area(*job, method="auto", draws=draws, report=report), jobs)
    report("annealing the dependence between areas")
    found = anneal_types(
        density, IndependentAreas(tuple(own.flat for own in fits)), rng, exported=exported, enough=enough
    )
    theta = resample(found, draws, rng)[None]
    return JointFit(density, modes, theta, found, _area_fits(density, [own.modes for own in fits], theta, found))


def _nodes_and_modes(area: AreaDensity, rng: np.random.Generator) -> tuple[AreaDensity, tuple[Mode, ...]]:
    return refine_nodes(area, find_modes(area, rng, starts=_STARTS), rng)


def joint_quantities(density: JointDensity, theta: Array) -> Array:
    """Return what leaves a fit of every area for each vector, (draw, quantity)."""
    parts = [
        exported_quantities(area, theta[:, part])
        for area, part in zip(density.areas, density.parameters.of_area, strict=True)
    ]
    return np.concatenate(parts, axis=1)


def pair_associations(density: JointDensity, theta: Array) -> Array:
    """Return how far each pair of areas depends, (draw, pair)."""
    above = np.triu_indices(len(density.areas), 1)
    return association(density, theta)[:, above[0], above[1]]


def effective_associations(density: JointDensity, found: ImportanceDraws) -> float:
    """Return the fewest effective draws of the dependence of any pair of areas, or of its squared deviation."""
    only = replace(found, effective_quantity=float("inf"))
    return with_quantities(only, partial(pair_associations, density)).fewest


def joint_modes(density: JointDensity, alone: list[Array], rng: np.random.Generator) -> tuple[Mode, ...]:
    """Return distinct modes, best Laplace mass first.

    Parameters
    ----------
    density
        The density.
    alone
        The best mode of each area by itself.
    rng
        Chooses the starts: these modes, with types from their prior.
    """
    own = np.concatenate(alone)
    pool = draw_prior(density.parameters, _POOL, rng)
    pool[:, : len(own)] = own
    order = np.argsort(-log_density(density, pool[_RANDOM:])) + _RANDOM
    nobody = np.append(own, np.zeros(density.size - len(own)))
    starts = [nobody, *pool[order[:_SCREENED]], *pool[:_RANDOM]] if density.size > len(own) else [own]
    ends = sorted((descend(density, start) for start in starts), key=lambda end: -end[0])
    pivot = with_type_pivot(density, ends[0][1]).pivot  # the highest: where types are alike nothing gives them labels
    distinct: list[tuple[float, Array]] = []
    for height, end in ends:
        theta = end if pivot is None else relabel(density, end[None], pivot)[0]
        if height < ends[0][0] - _WORTH or len(distinct) == _MOST_MODES:
            break
        if not any(abs(height - h) < _NEAR and np.abs(theta - t).max() < _NEAR for h, t in distinct):
            distinct.append((height, theta))
    modes: list[Mode] = []
    for _, theta in distinct:
        mode = climb(density, theta)
        if not any(same_mode(mode, other) for other in modes):
            modes.append(mode)
    return numbered(density, sorted(modes, key=lambda mode: -mode.log_mass))


def _parts_of(density: JointDensity, modes: tuple[Mode, ...]) -> list[tuple[Mode, ...]]:
    """Return the part of the modes that is of each area.

    Its height is that of the answers of the area alone, so that it can be compared with its draws; modes differ in
    height by as much as they do over all areas.
    """
    found = []
    for area, part in zip(density.areas, density.parameters.of_area, strict=True):
        at_best = float(log_density(area, modes[0].theta[None, part])[0])
        found.append(
            tuple(
                Mode(
                    mode.theta[part],
                    at_best + mode.log_density - modes[0].log_density,
                    None if mode.covariance is None else mode.covariance[part, part],
                    mode.log_mass,
                )
                for mode in modes
            )
        )
    return found


def _area_fits(
    density: JointDensity, modes: list[tuple[Mode, ...]], theta: Array, found: ImportanceDraws | None
) -> tuple[AreaFit, ...]:
    """Return the fit of each area: its part of the draws, and its modes."""
    return tuple(
        AreaFit(
            area,
            own,
            "importance",
            theta[..., part],
            None if found is None else replace(found, theta=found.theta[:, part]),
            None,
        )
        for area, own, part in zip(density.areas, modes, density.parameters.of_area, strict=True)
    )
