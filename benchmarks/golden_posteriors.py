"""Reference posteriors of real and simulated tables, by another route than ours: PyMC's graph, nutpie on JAX.

    uv run --group benchmark python -P benchmarks/golden_posteriors.py

`inference.build_model` gives the model; nutpie compiles it with JAX and samples it until every quantity has 10,000
effective draws, of which 10,000 are kept by even thinning. Goal shares, mean weights and population scores of each pair
go to `tests/reference/posteriors.json` with seed and versions. `tests/inference/test_golden_posteriors.py` holds
`inference.fit` to them: means within 4 combined Monte Carlo errors, ratio of standard deviations within
1 ± max(0.05, 4 of its errors). Real tables that are not bundled are looked for in the folder DISSENSUS_DATA names.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from dissensus import datasets

Array = NDArray[np.float64]

RESULTS = Path(__file__).parents[1] / "tests" / "reference" / "posteriors.json"
SEED = 20_261_123
KEPT = 10_000
_CHAINS, _DRAWS, _MOST_RUNS = 4, 4_000, 8
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def _part(name: str, *areas: str, grouped: bool = True, **changes: Any) -> datasets.Choices:
    """Return a registered table with some of its areas, and settings of theirs changed."""
    home = None if name == "stouffer_toby" else os.environ["DISSENSUS_DATA"]
    raw = datasets.load(name, data_home=home).study.to_dict()
    raw["areas"] = {area: raw["areas"][area] | changes for area in areas or raw["areas"]}
    if not grouped:
        raw["table"] |= {"group": None, "groups": {}}
    return datasets.load(name, data_home=home, study=datasets.Study.from_dict(raw))


def _votes() -> datasets.Choices:
    """Return four roll calls of 1984 as one area, by party."""
    home = os.environ["DISSENSUS_DATA"]
    raw = datasets.load("house_votes_84", data_home=home).study.to_dict()
    dove = ("anti-satellite-test-ban", "aid-to-nicaraguan-contras", "mx-missile")
    yes = {"el-salvador-aid": "hawk"} | dict.fromkeys(dove, "dove")
    items = {
        item: {"serves": {"y": served, "n": "dove" if served == "hawk" else "hawk"}} for item, served in yes.items()
    }
    raw["areas"] = {"arms": {"goals": ["hawk", "dove"], "conflict": 1.0, "items": items}}
    return datasets.load("house_votes_84", data_home=home, study=datasets.Study.from_dict(raw))


def _simulated(agents: int, seed: int, *, answers: int = 1, repeated: bool = False, **more: Any) -> datasets.Choices:
    """Return simulated choices of one area of 3 goals and 4 items."""
    settings = {key: more.pop(key) for key in ("rule", "no_goal", "baseline") if key in more}
    goals = ["a", "b", "c"]
    items = {
        f"item{j}": {"serves": {f"{o}": goals[(o + j) % 3] for o in range(3)} | {"none": []}, "repeated": repeated}
        for j in range(2 if repeated else 4)
    }
    conflict = {"a|b": 1.0, "a|c": 0.3, "b|c": 0.6}
    table = {"layout": "long", "agent": "agent", "item": "item", "answer": "answer"} if repeated else {}
    area = {"goals": goals, "conflict": conflict, "items": items, **settings}
    study = datasets.Study.from_dict({"table": table, "areas": {"area": area}})
    return datasets.simulate(study, agents, seed=seed, answers_per_item=answers, **more)


PAIRS: dict[str, Callable[[], datasets.Choices]] = {
    "stouffer_toby, follow": lambda: _part("stouffer_toby"),
    "stouffer_toby, luce": lambda: _part("stouffer_toby", rule="luce"),
    "stouffer_toby, follow, uniform baseline": lambda: _part("stouffer_toby", baseline="uniform"),
    "gss_spending, welfare and order": lambda: _part("gss_spending", "welfare", "order", grouped=False),
    "house_votes_84, arms, 2 parties": _votes,
    "simulated, follow, 3 groups": lambda: _simulated(300, 1, groups={"x": 0.5, "y": 0.3, "z": 0.2}),
    "simulated, luce, missing answers": lambda: _simulated(400, 2, rule="luce", missing=0.2),
    "simulated, follow, no goal": lambda: _simulated(500, 3, no_goal=True),
    "simulated, follow, many answers": lambda: _simulated(120, 4, repeated=True, answers=12),
    "simulated, luce, many answers, 2 groups": lambda: _simulated(
        150, 5, rule="luce", repeated=True, answers=8, groups={"x": 0.6, "y": 0.4}
    ),
}


def quantities(choices: datasets.Choices, posterior: Any) -> dict[str, Array]:
    """Return goal shares, mean weights and population scores, (chain, draw) each, from the variables of the model.

    The scores are written down here again from their definition: s_h[g] = π_hg E_h[√w], Σ φ_a φ_b s_aᵀ C s_b.
    """
    found: dict[str, Array] = {}
    phi = np.bincount(choices.group_of_agent) / choices.n_agents if len(choices.groups) > 1 else np.ones(1)
    for area in choices.areas:
        goals = [f"{area.name}: {goal}" for goal in area.goals]
        every = [g for g in posterior["goal"].values if str(g).startswith(f"{area.name}: ")]
        share = posterior["goal_share"].sel(goal=goals).values
        for goal in every:
            found[f"share {goal}"] = posterior["goal_share"].sel(goal=goal).values
        mean = posterior["weight_mean"].isel({posterior["weight_mean"].dims[-1]: choices.areas.index(area)}).values
        kappa = posterior["weight_concentration"]
        kappa = kappa.isel({kappa.dims[-1]: choices.areas.index(area)}).values
        found[f"weight {area.name}"] = mean
        by_group, of_group = share[..., None, :], mean[..., None]
        if len(choices.groups) > 1:
            by_group = posterior["group_goal_share"].sel(goal=goals).transpose("chain", "draw", "group", "goal").values
            weight = posterior["group_weight_mean"]
            of_group = weight.isel({weight.dims[-1]: choices.areas.index(area)}).values
        a, b = 1 + of_group * kappa[..., None], 1 + (1 - of_group) * kappa[..., None]
        root = np.exp(gammaln(a + 0.5) - gammaln(a) + gammaln(a + b) - gammaln(a + b + 0.5))
        pooled = np.einsum("h,...hg->...g", phi, by_group)
        mass = np.einsum("h,...h,...hg->...g", phi, root, by_group)
        found[f"contention {area.name}"] = np.einsum("...g,gk,...k->...", pooled, area.conflict, pooled)
        found[f"misalignment {area.name}"] = np.einsum("...g,gk,...k->...", mass, area.conflict, mass)
        found[f"relative_misalignment {area.name}"] = found[f"misalignment {area.name}"] / mass.sum(axis=-1) ** 2
    return found


def sampled(choices: datasets.Choices, *, seed: int) -> tuple[dict[str, Array], int]:
    """Return draws of every quantity, (chain, draw), enough of them, and the number of divergences."""
    import nutpie
    from arviz_stats.base import array_stats

    from dissensus import inference

    model = nutpie.compile_pymc_model(inference.build_model(choices), backend="jax", gradient_backend="jax")
    runs: list[dict[str, Array]] = []
    divergences = 0
    for number in range(_MOST_RUNS):
        tree = nutpie.sample(
            model,
            draws=_DRAWS,
            tune=1_000,
            chains=_CHAINS,
            cores=2,
            seed=seed + number,
            adaptation="low_rank",
            target_accept=0.95,
            save_warmup=False,
            progress_bar=False,
        )
        divergences += int(tree["sample_stats"]["diverging"].sum())
        runs.append(quantities(choices, tree["posterior"].to_dataset()))
        together = {name: np.concatenate([run[name] for run in runs]) for name in runs[0]}
        if min(float(array_stats.ess(x)) for x in together.values() if np.ptp(x) > 0) >= KEPT:
            break
    return together, divergences


def reference(choices: datasets.Choices, *, seed: int) -> dict[str, Any]:
    """Return what is stored of one pair."""
    from arviz_stats.base import array_stats

    drawn, divergences = sampled(choices, seed=seed)
    rows = {}
    for name, values in drawn.items():
        if np.ptp(values) == 0:
            continue
        kept = values.ravel()[np.linspace(0, values.size - 1, KEPT).round().astype(int)]
        ess = min(float(array_stats.ess(values)), float(array_stats.ess(values, method="sd")), KEPT)
        rows[name] = {
            "mean": float(kept.mean()),
            "sd": float(kept.std(ddof=1)),
            "quantiles": np.quantile(kept, _QUANTILES).tolist(),
            "ess": ess,
            "rhat": float(array_stats.rhat(values)),
        }
    return {"agents": choices.n_agents, "data_hash": choices.data_hash, "divergences": divergences, "quantities": rows}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pair", nargs="+", choices=list(PAIRS), default=list(PAIRS))
    chosen = parser.parse_args().pair
    stored = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"pairs": {}}
    stored |= {"command": "benchmarks/golden_posteriors.py", "seed": SEED, "draws": KEPT, "quantiles": _QUANTILES}
    stored["versions"] = {name: version(name) for name in ("pymc", "pytensor", "nutpie", "jax", "arviz-stats", "numpy")}
    for name in chosen:
        stored["pairs"][name] = reference(PAIRS[name](), seed=SEED)
        rows = stored["pairs"][name]["quantities"].values()
        least, most = min(row["ess"] for row in rows), max(row["rhat"] for row in rows)
        divergences = stored["pairs"][name]["divergences"]
        print(f"{name}: ESS {least:.0f}, R-hat {most:.4f}, {divergences} divergences", flush=True)
        RESULTS.write_text(json.dumps(stored, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
