"""From choices to a posterior over scores, with every check, in one labelled tree."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ..datasets.choices import Choices
from ..datasets.study import Priors
from ..errors import Fault, InputError, shown
from .alternatives import (
    DRAWS,
    FEWER_DRAWS,
    KAPPAS,
    NULL,
    STRUCTURES,
    Alternative,
    Structure,
    alternatives_of,
    fit_structure,
    leave_one_out,
    own_structure,
)
from .area_fit import AreaFit, Method, fit_area, flat_draws
from .area_scores import AreaScores, area_scores
from .checkpoint import Checkpoint
from .checks import Check, prior_checks, sampling_checks
from .density import AreaDensity, at_face_value, is_large, row_log_likelihood
from .dependence_result import dependence_checks, dependence_parts
from .design_notes import design_checks
from .examination_checks import examination_checks
from .finite_draws import filled, unknown_where
from .identification import identification_checks
from .joint_fit import JointFit, fit_jointly, require_joint
from .joint_scores import joint_scores
from .large import looked_at
from .memory import estimate_memory, joint_memory, release_memory, require_memory
from .misfit import misfit_checks
from .mixing_checks import mixing_checks
from .model import area_densities, resolve_priors
from .nuts import Memory, SegmentStore
from .observed import ObservedConflict
from .parallel import parallel_map, single_threaded_algebra
from .predictive_checks import predictive_checks
from .pulse import Pulse
from .result import LOG_LIKELIHOOD_NUMBERS, FitParts, build_tree, posterior_mean
from .structure_checks import structure_checks
from .thinning import thin
from .uncertain_scores import conflict_draws, observed_with_conflict, uncertain_of, with_conflict
from .verdict import seal

Array = NDArray[np.float64]

SCORE_DRAWS = 1_000
"""Draws of the scores, taken evenly from the posterior draws."""
# Random streams of an area: fit, scores, structures, null model, checks, other numbers of learned goals, some agents,
# one goal each, other κ.
_STREAM_OF: dict[Alternative | int, int] = {kind: 2 + k for k, kind in enumerate((*STRUCTURES, NULL))} | {-1: 8, 1: 9}
_CHECKS, _SOME_AGENTS, _SINGLE, _OTHER_KAPPA, _STREAMS = 7, 10, 11, 12, 14


def fit(
    choices: Choices,
    *,
    priors: Priors | dict[str, Any] | None = None,
    seed: int | None = None,
    method: Method = "auto",
    draws: int = 2_000,
    group_shares: Mapping[str, float] | None = None,
    progress: Callable[[str], None] | None = None,
    max_seconds: float | None = None,
    max_memory: float | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
    start: xr.DataTree | None = None,
) -> xr.DataTree:
    """Return the posterior of the parameters and of the scores, checked.

    Areas share no parameter, so each is fitted on its own: modes from several starts, importance draws from a mixture
    of Student-t distributions, and NUTS where these cannot be trusted.

    Parameters
    ----------
    choices
        The observed choices.
    priors
        Prior settings put over the study's, see :func:`build_model`.
    seed
        Seed of everything random. One is drawn, and stored in the result, when none is given.
    method
        ``"auto"``, ``"laplace"`` (importance draws only) or ``"nuts"``.
    draws
        Posterior draws in all; rounded up to a multiple of 4, at least 1,000.
    group_shares
        Share of each group in the population, by name; default as in the (survey-weighted) table.
    progress
        Called with a sentence at each step.
    max_seconds
        Time after which the fit ends without a result; looked at between steps.
    max_memory
        Bytes; a fit that would take more is refused before it begins. Default 70 % of the free memory.
    checkpoint
        File to which NUTS draws are saved as they are made, so that an interrupted fit can go on. It is left there when
        the fit is done: remove it when the result is safe.
    resume
        Go on from the draws in ``checkpoint``, to the same result as an undisturbed fit; without such a file, begin.
    start
        A result of the same study, at whose posterior mean the search for modes begins too, see :func:`update`.

    Returns
    -------
    xarray.DataTree
        Groups ``posterior``, ``unconstrained_posterior``, ``sample_stats``, ``log_likelihood`` (up to 2·10⁷ numbers),
        ``observed_data``, ``constant_data``, ``scores``, ``agents``, ``alternatives``, ``checks``. Attributes are JSON
        text: study, data_hash, seed, versions, method, state, reasons, notes. A refused state does not raise here:
        :func:`scores` does.

    Raises
    ------
    InputError
        If an option is out of range, a prior setting is unknown, memory would not do, areas that share types of agents
        are asked of NUTS or have too many distinct agents, or ``checkpoint`` exists and
        ``resume`` is False, or holds the draws of another run.
    TimeoutError
        If ``max_seconds`` is over.

    Notes
    -----
    Importance draws are resampled to equal weights, so ArviZ takes some for more independent than they are. The number
    of effective draws of the weights is in the attribute ``diagnostics``, and :func:`summarize` uses it.
    """
    _check_options(choices, seed=seed, method=method, draws=draws, group_shares=group_shares)
    settings, draws = resolve_priors(choices, priors), max(1_000, -(-draws // 4) * 4)
    chosen = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else seed
    run = _run_description(choices, settings, chosen, method=method, draws=draws, group_shares=group_shares)
    pulse, densities = Pulse(progress, max_seconds), area_densities(choices, settings)
    if choices.study.n_types > 1:
        require_joint(densities, method)
    needed = estimate_memory(choices, densities, draws=draws, stored=LOG_LIKELIHOOD_NUMBERS)
    needed += joint_memory(choices, densities, draws=draws)
    require_memory(needed, limit=max_memory)
    with contextlib.ExitStack() as stack:
        stack.callback(pulse.stop)  # threads that still work after an interrupt
        stack.enter_context(single_threaded_algebra())
        store: SegmentStore = Memory()
        if checkpoint is not None:
            store = stack.enter_context(Checkpoint(checkpoint, run, resume=resume, any_seed=seed is None))
            chosen = store.run["seed"]
            _say_what_is_there(store, pulse)
        parts = _fit_parts(
            choices,
            densities,
            settings,
            chosen,
            draws=draws,
            method=method,
            shares=group_shares,
            say=pulse,
            store=store,
            start=start,
        )
        release_memory()
        tree = build_tree(parts)
        del parts
        release_memory()
        return seal(tree)


def _run_description(
    choices: Choices,
    priors: Priors,
    seed: int,
    *,
    method: Method,
    draws: int,
    group_shares: Mapping[str, float] | None,
) -> dict[str, Any]:
    """Return what the draws are a function of."""
    return {
        "study": choices.study.to_dict(),
        "data": choices.data_hash,
        "priors": priors.model_dump(mode="json"),
        "seed": seed,
        "method": method,
        "draws": draws,
        "group_shares": None if group_shares is None else dict(group_shares),
        "versions": {name: version(name) for name in ("dissensus", "numpy", "scipy", "nutpie")},
    }


def _say_what_is_there(checkpoint: Checkpoint, say: Callable[[str], None]) -> None:
    if checkpoint.damaged:
        say(f"{checkpoint.damaged:,} bytes at the end of the saved draws were not whole and are drawn again")
    for done in checkpoint.finished:
        say(f"{done.area}: going on from {sum(done.draws):,} saved draws")


def _fit_parts(
    choices: Choices,
    densities: tuple[AreaDensity, ...],
    settings: Priors,
    seed: int,
    *,
    method: Method,
    draws: int,
    shares: Mapping[str, float] | None,
    say: Pulse,
    store: SegmentStore,
    start: xr.DataTree | None = None,
) -> FitParts:
    streams = np.random.SeedSequence(seed).spawn(len(densities) + 1)
    phi = _population_shares(choices, densities[0], shares)
    say("fitting areas")
    jobs = [
        _Job(
            density,
            stream.spawn(_STREAMS),
            method,
            draws,
            phi,
            say,
            store,
            uncertain_of(choices.study, density.area.name),
            None if start is None else posterior_mean(start, density),
        )
        for density, stream in zip(densities, streams[:-1], strict=True)
    ]
    joint = None if choices.study.n_types == 1 else _run_joint(choices, jobs, seed)
    fits = parallel_map(_run_fit, jobs) if joint is None else list(joint.areas)
    say("drawing scores")
    thetas = [thin(filled(area.theta, area.modes[0].theta), SCORE_DRAWS) for area in fits]
    if joint is None:
        scored = parallel_map(_run_scores, list(zip(jobs, fits, thetas, strict=True)))
    else:
        drawn = flat_draws(thin(filled(joint.theta, joint.modes[0].theta), SCORE_DRAWS))
        scored = joint_scores(joint.density, drawn, np.random.default_rng(jobs[0].streams[1]), shares=phi)
    say("fitting structural alternatives")
    structures = _structures(jobs, fits, scored, alone=joint is not None)  # under the mean conflict, as all checks are
    say("checking")
    checks = parallel_map(_run_checks, list(zip(jobs, fits, scored, thetas, structures, strict=True)))
    dependence = None
    if joint is not None:
        own = [
            next(s for s in found if s.kind == own_structure(job.density))
            for job, (found, _) in zip(jobs, structures, strict=True)
        ]
        dependence = dependence_parts(joint, drawn, phi, own)
        checks.append(dependence_checks(dependence))
    n_scored = thetas[0].shape[0] * thetas[0].shape[1]
    conflicts = conflict_draws(choices.study, draws=n_scored, seed=seed)
    return FitParts(
        choices=choices,
        priors=settings,
        seed=seed,
        fits=fits,
        scores=[_under(*area) for area in zip(conflicts, jobs, fits, thetas, scored, strict=True)],
        observed=_observed(choices, conflicts, n_scored, np.random.default_rng(streams[-1])),
        structures=structures,
        checks=[*_data_checks(choices), *(check for area in checks for check in area)],
        group_shares=phi,
        shares_given=shares is not None,
        dependence=dependence,
    )


def _run_joint(choices: Choices, jobs: list[_Job], seed: int) -> JointFit:
    """Return the fit of areas that depend on each other, from a stream of chance of its own."""
    stream = np.random.SeedSequence(seed, spawn_key=(len(jobs) + 1,))
    first = jobs[0]
    return fit_jointly(
        tuple(job.density for job in jobs),
        choices.study.n_types,
        choices.fit_weight,
        np.random.default_rng(stream),
        method=first.method,
        draws=first.draws,
        report=first.say,
    )


def _under(conflict: Array | None, job: _Job, fitted: AreaFit, theta: Array, scores: AreaScores) -> AreaScores:
    """Return the scores that leave the fit: with the conflict of each draw, where it is uncertain."""
    drawn = with_conflict(scores, fitted.density, flat_draws(theta), conflict, job.shares)
    return unknown_where(~np.isfinite(thin(fitted.theta, SCORE_DRAWS)).all(axis=-1).ravel(), drawn)


def _observed(
    choices: Choices, conflicts: tuple[Array | None, ...], replicates: int, rng: np.random.Generator
) -> tuple[ObservedConflict, ObservedConflict]:
    """Return observed conflict in the sample and in the population; the same thing without survey weights."""
    sample = observed_with_conflict(choices, conflicts, replicates=replicates, rng=rng)
    if choices.survey_weight is None:
        return sample, sample
    return sample, observed_with_conflict(choices, conflicts, replicates=replicates, rng=rng, weighted=True)


@dataclass(frozen=True, eq=False)
class _Job:
    density: AreaDensity
    streams: list[np.random.SeedSequence]
    method: Method
    draws: int
    shares: Array
    say: Pulse
    store: SegmentStore
    uncertain: NDArray[np.bool_]
    first: Array | None = None


def _run_fit(job: _Job) -> AreaFit:
    job.say.check()
    rng = np.random.default_rng(job.streams[0])
    return fit_area(
        job.density, rng, method=job.method, draws=job.draws, report=job.say, store=job.store, first=job.first
    )


def _run_scores(work: tuple[_Job, AreaFit, Array]) -> AreaScores:
    job, fitted, theta = work
    rng = np.random.default_rng(job.streams[1])
    scores = area_scores(fitted.density, flat_draws(theta), rng, shares=job.shares)
    return unknown_where(~np.isfinite(thin(fitted.theta, SCORE_DRAWS)).all(axis=-1).ravel(), scores)


def _structures(
    jobs: list[_Job], fits: list[AreaFit], scored: list[AreaScores], *, alone: bool = False
) -> list[tuple[list[Structure], Structure | None]]:
    """Return the structures and the null model of every area; the study's own comes from its fit.

    With ``alone`` it is fitted to the area by itself too, as the others are, since its fit knows of other areas.
    """
    tasks: list[tuple[_Job, Alternative]] = []
    for job in jobs:
        own = own_structure(job.density)
        some = alone or is_large(job.density)  # structures are compared on the same agents and answers
        tasks += [(job, kind) for kind in alternatives_of(job.density) if some or kind != own]
        if not at_face_value(job.density.area):
            tasks.append((job, NULL))

    def run(task: tuple[_Job, Alternative]) -> Structure:
        job, kind = task
        job.say.check()
        rng = np.random.default_rng(job.streams[_stream_of(kind)])
        draws = FEWER_DRAWS if is_large(job.density) else DRAWS
        return fit_structure(_looked_at(job, job.density), rng, kind, draws=draws)

    done = parallel_map(run, tasks)
    result = []
    for job, fitted, scores in zip(jobs, fits, scored, strict=True):
        mine = {task[1]: s for task, s in zip(tasks, done, strict=True) if task[0] is job}
        if not (alone or is_large(job.density)):
            mine[own_structure(job.density)] = _own_structure(fitted, scores)
        result.append(([mine[kind] for kind in alternatives_of(job.density)], mine.get(NULL)))
    return result


def _stream_of(kind: Alternative) -> int:
    """Return which random stream of an area a structure is fitted with."""
    if kind.kappa != 1:
        return _OTHER_KAPPA + KAPPAS.index(kind.kappa)
    return _SINGLE if kind.single else _STREAM_OF[kind.more or kind]


def _looked_at(job: _Job, density: AreaDensity) -> AreaDensity:
    return looked_at(density, np.random.default_rng(job.streams[_SOME_AGENTS]))


def _own_structure(fitted: AreaFit, scores: AreaScores) -> Structure:
    density = fitted.density
    theta = flat_draws(thin(filled(fitted.theta, fitted.modes[0].theta), SCORE_DRAWS))
    flat = np.full(len(theta), -np.log(len(theta)))
    row_elpd = leave_one_out(row_log_likelihood(density, theta), flat)
    khat = fitted.importance.khat if fitted.importance is not None else float("nan")
    total = float(row_elpd @ density.rows.multiplicity)
    return Structure(own_structure(density), fitted.modes[0].log_density, total, row_elpd, scores, khat)


def _run_checks(
    work: tuple[_Job, AreaFit, AreaScores, Array, tuple[list[Structure], Structure | None]],
) -> list[Check]:
    job, fitted, scores, theta, (structures, null) = work
    job.say.check()
    flat = flat_draws(theta)
    rng = np.random.default_rng(job.streams[_CHECKS])
    some = _looked_at(job, fitted.density)
    return [
        *sampling_checks(fitted, scores, shares=job.shares),
        *structure_checks(some, structures, null),
        *prior_checks(fitted, scores, flat, rng, shares=job.shares),
        *identification_checks(fitted.density),
        *mixing_checks(fitted.density, flat),
        *examination_checks(fitted.density, flat),
        *predictive_checks(some, flat),
        *misfit_checks(some, flat, rng, uncertain=job.uncertain),
        *_some_agents(fitted.density, some),
        *design_checks(fitted.density, flat),
    ]


def _some_agents(density: AreaDensity, some: AreaDensity) -> list[Check]:
    """Return a note of the agents that stand for all of a large area."""
    if some is density:
        return []
    number, every = len(some.rows.row_of_agent), len(density.rows.row_of_agent)
    text = (
        f"Structures were compared and the fit of the model was checked on {number:,} of {every:,} agents, "
        "drawn at random; the scores are of all."
    )
    return [Check("some-agents", "note", density.area.name, text)]


def _data_checks(choices: Choices) -> list[Check]:
    """Return the findings of the reader of the table as checks; they concern observed conflict too."""
    every = ("observed_conflict", "contention", "misalignment", "relative_misalignment")
    return [Check(f.code, f.state, f.area, f.message, scores=every) for f in choices.findings]


def _population_shares(choices: Choices, density: AreaDensity, given: Mapping[str, float] | None) -> Array:
    """Return the share of each group in the population, those in none last, (group,)."""
    totals = np.bincount(density.unit_of_row, density.rows.multiplicity, density.n_units)
    if given is None:
        return np.asarray(totals / totals.sum())
    shares = np.array([given.get(name, 0.0) if name is not None else 0.0 for name in density.prior_names], dtype=float)
    if density.n_units == 1:
        return np.ones(1)
    return np.asarray(shares / shares.sum())


def _check_options(
    choices: Choices, *, seed: int | None, method: str, draws: int, group_shares: Mapping[str, float] | None
) -> None:
    faults = []
    if seed is not None and seed < 0:
        message, remedy = f'"seed" is {seed}.', "Use a whole number that is not negative."
        faults.append(Fault(code="seed", message=message, remedy=remedy, value=str(seed)))
    if method not in {"auto", "laplace", "nuts"}:
        faults.append(
            Fault(
                code="method",
                message=f'"method" is {shown(method)}.',
                remedy='Use "auto", "laplace" or "nuts".',
                value=str(method),
            )
        )
    if draws < 1:
        faults.append(
            Fault(code="draws", message=f'"draws" is {draws}.', remedy="Ask for at least 1 draw.", value=str(draws))
        )
    if group_shares is not None:
        wrong = sorted(set(group_shares) ^ set(choices.groups))
        bad = [name for name, share in group_shares.items() if not (np.isfinite(share) and share >= 0)]
        if wrong or bad or not sum(group_shares.values()) > 0:
            faults.append(
                Fault(
                    code="group-shares",
                    message=f'"group_shares" must give a share ≥ 0 to each of {", ".join(map(shown, choices.groups))}.',
                    remedy="Name every group once, with shares that do not all vanish.",
                    value=shown((wrong or bad or [""])[0]),
                )
            )
    if faults:
        raise InputError(faults)
