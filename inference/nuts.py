"""NUTS for one area: the sampler of nutpie on our own density, in coordinates whitened by the Laplace covariance."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky

from .density import AreaDensity, value_and_gradient
from .mode import Mode, leading
from .parallel import parallel_map
from .parameters import draw_prior

Array = NDArray[np.float64]

CHAINS = 4


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


def nuts_draws(
    density: AreaDensity,
    modes: tuple[Mode, ...],
    rng: np.random.Generator,
    *,
    draws: int = 1000,
    tune: int = 500,
    chains: int = CHAINS,
    target_accept: float = 0.9,
) -> NutsDraws:
    """Return NUTS draws of an area's parameters.

    Parameters
    ----------
    density
        Density of the area.
    modes
        Its modes. The covariance of the best whitens the coordinates; chains start from different modes, the rest
        from prior draws, so they never all start from one mode.
    rng
        Source of starts and seeds.
    draws, tune, chains
        Kept and warm-up draws per chain, and number of chains.
    target_accept
        Acceptance the step size is tuned to; higher is slower and diverges less.
    """
    kept = leading(modes)
    centre = kept[0].theta if kept else modes[0].theta
    root = cholesky(kept[0].covariance, lower=True) if kept else np.eye(density.size)
    starts = [mode.theta for mode in kept[:chains]]
    if len(starts) == chains and chains > 1:
        starts = starts[:-1]
    prior = draw_prior(density.parameters, chains, rng)
    starts += list(prior[: chains - len(starts)])
    white = [np.linalg.solve(root, start - centre) for start in starts]
    seeds = rng.integers(2**31, size=chains)
    runs = parallel_map(
        partial(_chain, density, centre, root, draws, tune, target_accept), list(zip(white, seeds, strict=True))
    )
    theta = centre + np.stack([run["z"] for run in runs]) @ root.T
    return NutsDraws(
        theta,
        np.stack([run["diverging"] for run in runs]),
        np.stack([run["energy"] for run in runs]),
        np.stack([run["depth_reached"] for run in runs]),
    )


def _chain(
    density: AreaDensity,
    centre: Array,
    root: Array,
    draws: int,
    tune: int,
    target_accept: float,
    start: tuple[Array, int],
) -> dict[str, Array]:
    import nutpie  # noqa: PLC0415 - costs seconds, and few fits need it
    from nutpie.compiled_pyfunc import from_pyfunc  # noqa: PLC0415

    def make_log_density() -> Any:
        def log_density(z: Array) -> tuple[float, Array]:
            # Far out, where exponentials overflow, the density is nil: the sampler turns back.
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                value, gradient = value_and_gradient(density, (centre + root @ z)[None])
            if not (np.isfinite(value[0]) and np.isfinite(gradient).all()):
                return -np.inf, np.zeros_like(z)
            return float(value[0]), gradient[0] @ root

        return log_density

    def make_expand(*_: Any) -> Any:
        return lambda z: {"z": np.array(z)}

    model = from_pyfunc(
        density.size,
        make_log_density,
        make_expand,
        [np.dtype("float64")],
        [(density.size,)],
        ["z"],
        make_initial_point_fn=lambda _seed: start[0],
    )
    tree = nutpie.sample(
        model,
        draws=draws,
        tune=tune,
        chains=1,
        cores=1,
        seed=int(start[1]),
        save_warmup=False,
        progress_bar=False,
        target_accept=target_accept,
    )
    stats = tree["sample_stats"]
    return {
        "z": np.asarray(tree["posterior"]["z"].values[0]),
        "diverging": np.asarray(stats["diverging"].values[0], dtype=bool),
        "energy": np.asarray(stats["energy"].values[0]),
        "depth_reached": np.asarray(stats["maxdepth_reached"].values[0], dtype=bool),
    }
