"""One function per peer: the folder of a workload in, posterior draws of the goal shares out.

Every function returns ``{"goal_share": (chain, draw, area, goal)}`` and what it wants to say of the run. All sample the
same posterior, that of the model of ``dissensus.inference.build_model`` on the same answers:

    share ~ Dirichlet(1),  m ~ Beta(2, 2),  κ ~ Gamma(4, 1),  baseline logits of an item ~ ZeroSumNormal(1)
    goal ~ Categorical(share),  w ~ Beta(1 + mκ, 1 + (1 − m)κ),  answer ~ w · (serves the goal) + (1 − w) · baseline

Those that run NUTS take 4 chains of 500 draws after 500 of warm-up, as our own NUTS does.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from workload import GOALS, N_AREAS, N_ITEMS, N_OPTIONS, served

CHAINS, WARMUP, DRAWS = 4, 500, 500
SEED = 20
type Draws = dict[str, Any]


def default(folder: Path) -> Draws:
    """Our default: importance draws where they can be trusted, NUTS where not; with every check and alternative."""
    return _ours(folder, "auto")


def nuts(folder: Path) -> Draws:
    """Our own NUTS, on the density written by hand."""
    return _ours(folder, "nuts")


def _ours(folder: Path, method: Any) -> Draws:
    from dissensus import inference

    drawn: list[float] = []

    def progress(step: str) -> None:
        if step == "drawing scores":
            drawn.append(time.time())

    fit = inference.fit(_choices(folder), seed=SEED, method=method, draws=CHAINS * DRAWS, progress=progress)
    share = fit["posterior"]["goal_share"].values
    theta = fit["unconstrained_posterior"]["theta"]
    area = np.array([str(name).split(":")[0] for name in theta["coordinate"].values])
    by_area = [theta.values[..., area == name].reshape(share.shape[0] * share.shape[1], -1) for name in _area_names()]
    return {
        "goal_share": share.reshape(*share.shape[:2], N_AREAS, len(GOALS)),
        "copies": np.array([_copies(draws) for draws in by_area]) if share.shape[0] == 1 else None,
        "drawn_at": drawn[0],
        "said": fit.attrs["method"],
    }


def _copies(draws: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return how often each resampled draw was taken in all, (draw,)."""
    _, which, copies = np.unique(draws, axis=0, return_inverse=True, return_counts=True)
    return np.asarray(copies[np.ravel(which)])


def nutpie_jax(folder: Path) -> Draws:
    """nutpie on JAX, low-rank adaptation, on our own ``pm.Model``: goals and weights summed out, rows shared."""
    import nutpie

    from dissensus import inference

    model = nutpie.compile_pymc_model(inference.build_model(_choices(folder)), backend="jax", gradient_backend="jax")
    tree = nutpie.sample(
        model,
        draws=DRAWS,
        tune=WARMUP,
        chains=CHAINS,
        cores=2,
        seed=SEED,
        adaptation="low_rank",
        save_warmup=False,
        progress_bar=False,
    )
    share = tree["posterior"]["goal_share"].values
    return {
        "goal_share": share.reshape(*share.shape[:2], N_AREAS, len(GOALS)),
        "said": f"{int(tree['sample_stats']['diverging'].sum())} divergences",
    }


def numpyro_enumerated(folder: Path) -> Draws:
    """A model written by hand in NumPyro: goals summed out by enumeration, one weight per agent and area sampled."""
    numpyro, jnp, dist = _numpyro()
    answers = np.load(folder / "answers.npy")  # (agent, area, item)
    serves = served()[:, np.arange(N_ITEMS), answers]  # (goal, agent, area, item): whether the answer serves the goal
    given, by_goal = jnp.asarray(answers), jnp.asarray(serves)

    def model() -> None:
        share, m, kappa, baseline = _numpyro_parameters(numpyro, jnp, dist)
        of_answer = baseline[jnp.arange(N_AREAS)[:, None], jnp.arange(N_ITEMS), given]  # (agent, area, item)
        with numpyro.plate("agent", len(answers), dim=-2), numpyro.plate("area_of_agent", N_AREAS, dim=-1):
            w = numpyro.sample("w", dist.Beta(1 + m * kappa, 1 + (1 - m) * kappa))[..., None]
            loglik = jnp.log(w * by_goal + (1 - w) * of_answer).sum(-1)  # (goal, agent, area)
            joint = jnp.moveaxis(loglik, 0, -1) + jnp.log(share)
            numpyro.factor("answers", _logsumexp(jnp, joint))

    return _numpyro_run(model)


def numpyro_quadrature(folder: Path) -> Draws:
    """The same by hand with weights summed out too (16 Gauss-Legendre nodes), equal answers sharing one row."""
    numpyro, jnp, dist = _numpyro()
    answers = np.load(folder / "answers.npy")
    x, mass = np.polynomial.legendre.leggauss(16)
    node, log_mass = jnp.asarray((x + 1) / 2), jnp.asarray(np.log(mass / 2))
    serves = jnp.asarray(served())[:, None]  # (goal, 1, item, option)
    rows = [np.unique(answers[:, p], axis=0, return_counts=True) for p in range(N_AREAS)]
    one_hot = [jnp.asarray(np.eye(N_OPTIONS)[r].reshape(len(r), -1)) for r, _ in rows]
    agents = [jnp.asarray(n.astype(float)) for _, n in rows]

    def model() -> None:
        share, m, kappa, baseline = _numpyro_parameters(numpyro, jnp, dist)
        for p in range(N_AREAS):
            kernel = m[p] * kappa[p] * jnp.log(node) + (1 - m[p]) * kappa[p] * jnp.log1p(-node) + log_mass
            log_w = kernel - _logsumexp(jnp, kernel)
            weight = node[:, None, None]
            table = jnp.log(weight * serves + (1 - weight) * baseline[p])  # (goal, node, item, option)
            loglik = one_hot[p] @ table.reshape(-1, N_ITEMS * N_OPTIONS).T
            prior = (jnp.log(share[p])[:, None] + log_w).reshape(-1)
            numpyro.factor(f"answers{p}", agents[p] @ _logsumexp(jnp, loglik + prior))

    return _numpyro_run(model)


def _numpyro() -> Any:
    import numpyro

    numpyro.set_host_device_count(CHAINS)
    numpyro.enable_x64()
    import jax.numpy as jnp
    from numpyro import distributions

    return numpyro, jnp, distributions


def _numpyro_parameters(numpyro: Any, jnp: Any, dist: Any) -> Any:
    with numpyro.plate("area", N_AREAS):
        share = numpyro.sample("share", dist.Dirichlet(jnp.ones(len(GOALS))))
        m = numpyro.sample("m", dist.Beta(2.0, 2.0))
        kappa = numpyro.sample("kappa", dist.Gamma(4.0, 1.0))
    with numpyro.plate("area_of_item", N_AREAS, dim=-2), numpyro.plate("item", N_ITEMS, dim=-1):
        logits = numpyro.sample("logits", dist.ZeroSumNormal(1.0, (N_OPTIONS,)))
    odds = jnp.exp(logits)
    return share, m, kappa, odds / odds.sum(-1, keepdims=True)


def _logsumexp(jnp: Any, values: Any) -> Any:
    top = values.max(-1, keepdims=True)
    return jnp.log(jnp.exp(values - top).sum(-1)) + top[..., 0]


def _numpyro_run(model: Callable[[], None]) -> Draws:
    import jax
    from numpyro.infer import MCMC, NUTS

    mcmc = MCMC(
        NUTS(model),
        num_warmup=WARMUP,
        num_samples=DRAWS,
        num_chains=CHAINS,
        chain_method="parallel",
        progress_bar=False,
    )
    mcmc.run(jax.random.key(SEED), extra_fields=("diverging",))
    diverging = int(np.asarray(mcmc.get_extra_fields()["diverging"]).sum())
    return {
        "goal_share": np.asarray(mcmc.get_samples(group_by_chain=True)["share"]),
        "said": f"{diverging} divergences",
    }


def plain_pymc(folder: Path) -> Draws:
    """Plain PyMC as one would first write it: a discrete goal and a weight for every agent and area."""
    import pymc as pm
    import pytensor.tensor as pt

    answers = np.load(folder / "answers.npy")
    n = len(answers)
    serves = served()
    with pm.Model():
        share = pm.Dirichlet("share", np.ones(len(GOALS)), shape=(N_AREAS, len(GOALS)))
        m = pm.Beta("m", 2.0, 2.0, shape=N_AREAS)
        kappa = pm.Gamma("kappa", 4.0, 1.0, shape=N_AREAS)
        logits = pm.ZeroSumNormal("logits", sigma=1.0, shape=(N_AREAS, N_ITEMS, N_OPTIONS))
        baseline = pm.math.softmax(logits, axis=-1)
        goal = pm.Categorical("goal", p=share, shape=(n, N_AREAS))
        w = pm.Beta("w", 1 + m * kappa, 1 + (1 - m) * kappa, shape=(n, N_AREAS))
        weight = w[:, :, None, None]
        p = weight * pt.as_tensor(serves)[goal] + (1 - weight) * baseline  # (agent, area, item, option)
        pm.Categorical("answers", p=p, observed=answers)
        tree = pm.sample(
            DRAWS,
            tune=WARMUP,
            chains=CHAINS,
            cores=2,
            random_seed=SEED,
            progressbar=False,
            compute_convergence_checks=False,
        )
    return {
        "goal_share": tree["posterior"]["share"].values,
        "said": f"{int(tree['sample_stats']['diverging'].sum())} divergences",
    }


def _choices(folder: Path) -> Any:
    from dissensus import datasets

    return datasets.read_table(folder / "answers.parquet", datasets.Study.from_toml(folder / "study.toml"))


def _area_names() -> list[str]:
    return [f"area{area}" for area in range(N_AREAS)]


PEERS: dict[str, Callable[[Path], Draws]] = {
    "dissensus": default,
    "dissensus NUTS": nuts,
    "nutpie on JAX": nutpie_jax,
    "NumPyro": numpyro_enumerated,
    "NumPyro, quadrature": numpyro_quadrature,
    "plain PyMC": plain_pymc,
}
OURS = ("dissensus", "dissensus NUTS")


def main() -> None:
    """Run one peer in this process: ``peer_models.py PEER FOLDER RESULT.npz``."""
    name, folder, result = sys.argv[1:]
    drawn = PEERS[name](Path(folder))
    drawn.setdefault("drawn_at", time.time())
    np.savez(result, **{key: value for key, value in drawn.items() if value is not None})


if __name__ == "__main__":
    main()
