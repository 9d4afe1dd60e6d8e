"""NUTS for one area: the sampler of nutpie on our own density, in coordinates whitened by the Laplace covariance.

A chain is drawn in segments. Each is a function of the one before and of its own seed, so a run that was cut short goes
on from its last whole segment to the very numbers an undisturbed run gives, and a longer run begins with a shorter one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky

from .density import AreaDensity, value_and_gradient
from .mode import Mode, leading
from .parallel import parallel_map
from .parameters import draw_prior

Array = NDArray[np.float64]

CHAINS = 4
TUNE = 200
"""Warm-up draws of a chain; the coordinates are nearly round already."""
RETUNE = 50
"""Warm-up draws of each later segment, which starts where the chain stands with the step size it had."""
_LONG, _SHORT = 125, 25  # draws of a segment: seconds of work
_DEAR = 150_000  # cells of one evaluation above which segments are short


@dataclass(frozen=True, eq=False)
class NutsDraws:
    """Draws of NUTS for one area, with what the sampler says of itself.

    Parameters
    ----------
    theta
        (chain, draw, coordinate).
    diverging
        (chain, draw).
    energy
        Hamiltonian, (chain, draw).
    depth_reached
        Whether the trajectory was cut at the largest depth, (chain, draw).
    """

    theta: Array
    diverging: NDArray[np.bool_]
    energy: Array
    depth_reached: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Segment:
    """Consecutive draws of one chain.

    Parameters
    ----------
    z
        Whitened coordinates, (draw, coordinate).
    energy, diverging, depth_reached
        As in :class:`NutsDraws`, (draw,).
    step
        Step size of these draws, with which the next segment begins.
    """

    z: Array
    energy: Array
    diverging: NDArray[np.bool_]
    depth_reached: NDArray[np.bool_]
    step: float


class SegmentStore(Protocol):
    """Where finished segments are kept, by area, attempt, chain and number."""

    def find(self, area: str, attempt: int, chain: int, number: int) -> Segment | None:
        """Return a segment, or None if it was not drawn yet."""

    def keep(self, area: str, attempt: int, chain: int, number: int, segment: Segment) -> None:
        """Keep a segment."""


class Memory:
    """Segments kept while the process lives."""

    def __init__(self) -> None:
        self._segments: dict[tuple[str, int, int, int], Segment] = {}

    def find(self, area: str, attempt: int, chain: int, number: int) -> Segment | None:
        """Return a segment, or None if it was not drawn yet."""
        return self._segments.get((area, attempt, chain, number))

    def keep(self, area: str, attempt: int, chain: int, number: int, segment: Segment) -> None:
        """Keep a segment."""
        self._segments[area, attempt, chain, number] = segment


def segment_length(density: AreaDensity) -> int:
    """Return the number of draws of a segment of this area: few where an evaluation is dear."""
    rows, states = density.rows, density.states
    cells = (len(rows.first) + len(rows.second)) * states.n_states * rows.n_priors + rows.n_rows
    return _LONG if cells <= _DEAR else _SHORT


def nuts_draws(
    density: AreaDensity,
    modes: tuple[Mode, ...],
    seed: int,
    *,
    draws: int = 1000,
    attempt: int = 0,
    target_accept: float = 0.9,
    store: SegmentStore | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> NutsDraws:
    """Return NUTS draws of an area's parameters from four chains.

    Parameters
    ----------
    density
        Density of the area.
    modes
        Its modes. The covariance of the best whitens the coordinates; chains start from different modes, the rest
        from prior draws, so they never all start from one mode.
    seed
        Seed of starts and draws.
    draws
        Kept draws per chain, rounded up to whole segments.
    attempt
        Number of the attempt; another number gives other draws.
    target_accept
        Acceptance the step size is tuned to; higher is slower and diverges less.
    store
        Keeps segments; those it has are not drawn again.
    report
        Called with a sentence after each segment.
    """
    kept = leading(modes)
    centre = kept[0].theta if kept else modes[0].theta
    root = cholesky(kept[0].covariance, lower=True) if kept else np.eye(density.size)
    starts = [mode.theta for mode in kept[: CHAINS - 1]]
    streams = np.random.SeedSequence([seed, attempt]).spawn(CHAINS + 1)
    prior = draw_prior(density.parameters, CHAINS, np.random.default_rng(streams[-1]))
    starts += list(prior[: CHAINS - len(starts)])
    chains = [
        _Chain(c, np.linalg.solve(root, start - centre), streams[c].generate_state(1 + draws, np.uint32))  # type: ignore[arg-type]
        for c, start in enumerate(starts)
    ]
    sample = partial(_segment, _whitened(density, centre, root), target_accept)
    run = partial(_run, density, sample, store or Memory(), draws, attempt, report)
    segments = parallel_map(run, chains)
    theta = centre + np.stack([np.concatenate([s.z for s in own]) for own in segments]) @ root.T
    stats = {
        name: np.stack([np.concatenate([getattr(s, name) for s in own]) for own in segments])
        for name in ("diverging", "energy", "depth_reached")
    }
    return NutsDraws(theta, **stats)


@dataclass(frozen=True, eq=False)
class _Chain:
    number: int
    start: Array
    seeds: NDArray[np.uint32]


type _Density = Callable[[Array], tuple[float, Array]]


def _run(
    density: AreaDensity,
    sample: Callable[[Array, int, int, int, float], Segment],
    store: SegmentStore,
    draws: int,
    attempt: int,
    report: Callable[[str], None],
    chain: _Chain,
) -> list[Segment]:
    """Return the segments of one chain, those in the store as they are."""
    area, length = density.area.name, segment_length(density)
    segments: list[Segment] = []
    for number in range(-(-draws // length)):
        segment = store.find(area, attempt, chain.number, number)
        if segment is None:
            start = segments[-1].z[-1] if segments else chain.start
            step, tune = (segments[-1].step, RETUNE) if segments else (0.1, TUNE)
            segment = sample(start, int(chain.seeds[number]), tune, length, step)
            store.keep(area, attempt, chain.number, number, segment)
            report(f"{area}: NUTS chain {chain.number + 1} of {CHAINS}, {length * (number + 1):,} of {draws:,} draws")
        segments.append(segment)
    return segments


def _whitened(density: AreaDensity, centre: Array, root: Array) -> _Density:
    def log_density(z: Array) -> tuple[float, Array]:
        # Far out, where exponentials overflow, the density is nil: the sampler turns back.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            value, gradient = value_and_gradient(density, (centre + root @ z)[None])
        if not (np.isfinite(value[0]) and np.isfinite(gradient).all()):
            return -np.inf, np.zeros_like(z)
        return float(value[0]), gradient[0] @ root

    return log_density


def _segment(
    log_density: _Density, target_accept: float, start: Array, seed: int, tune: int, draws: int, step: float
) -> Segment:
    import nutpie  # noqa: PLC0415 - costs seconds, and few fits need it
    from nutpie.compiled_pyfunc import from_pyfunc  # noqa: PLC0415

    def make_expand(*_: Any) -> Any:
        return lambda z: {"z": np.array(z)}

    model = from_pyfunc(
        len(start),
        lambda: log_density,
        make_expand,
        [np.dtype("float64")],
        [(len(start),)],
        ["z"],
        make_initial_point_fn=lambda _seed: start,
    )
    tree = nutpie.sample(
        model,
        draws=draws,
        tune=tune,
        chains=1,
        cores=1,
        seed=seed,
        save_warmup=False,
        progress_bar=False,
        target_accept=target_accept,
        initial_step=step,
    )
    z, stats = np.asarray(tree["posterior"]["z"].values[0]), tree["sample_stats"]
    if z.shape != (draws, len(start)) or not np.isfinite(z).all():
        raise KeyboardInterrupt  # nutpie takes it for itself, and returns a trace cut short or filled with NaN
    return Segment(
        z,
        np.asarray(stats["energy"].values[0]),
        np.asarray(stats["diverging"].values[0], dtype=bool),
        np.asarray(stats["maxdepth_reached"].values[0], dtype=bool),
        float(stats["step_size_bar"].values[0, -1]),
    )
