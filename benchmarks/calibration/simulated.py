"""Are the intervals of the scores honest? Data sets drawn from the default priors, each fitted by the automatic path.

    uv run python -P benchmarks/calibration/simulated.py            # 200 data sets per rule, about 10 minutes
    uv run python -P benchmarks/calibration/simulated.py --sets 20  # a quick look; nothing is written

For every data set the parameters, the agents' goals and weights and their answers are drawn from the priors. The rank
of each true score among its posterior draws must then be uniform, and 50 % and 90 % intervals must hold the truth in
50 % and 90 % of the data sets, on average over the prior (not at each truth).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from dissensus.inference.area_fit import fit_area
from dissensus.inference.area_scores import area_scores
from dissensus.inference.checks import sampling_checks, worst
from dissensus.inference.fit import thin
from dissensus.inference.model import area_densities
from dissensus.inference.parallel import single_threaded_algebra
from scipy.special import gammaln
from scipy.stats import binom

from dissensus import datasets, forward_model

HERE = Path(__file__).parent
RESULTS = HERE / "simulated.json"
SCORES = ("contention", "misalignment", "relative_misalignment")
RANKED_DRAWS = 200
RULES = ("follow", "luce")
SOURCES = ("states", "option_table", "marginal", "parameters", "density", "mode", "importance", "nuts", "area_fit")
SOURCES += ("posterior_states", "area_scores")


def study(rule: str) -> datasets.Study:
    """One area, 3 goals, 4 items of 3 options: each option serves one goal."""
    goals = ["a", "b", "c"]
    items = {f"item{j}": {"serves": {f"{o}": goals[(o + j) % 3] for o in range(3)}} for j in range(4)}
    area = {"goals": goals, "conflict": 1.0, "rule": rule, "items": items}
    return datasets.Study.from_dict({"title": "calibration", "areas": {"area": area}})


def source_hash() -> str:
    """SHA-256 over the source of everything the ranks depend on."""
    digest = hashlib.sha256()
    for name in sorted(SOURCES):
        module = sys.modules[f"dissensus.inference.{name}"]
        digest.update(Path(str(module.__file__)).read_bytes())
    return digest.hexdigest()


def one(rule: str, number: int, agents: int) -> dict[str, Any]:
    """Simulate, fit and rank one data set; the seed is the number."""
    with single_threaded_algebra():
        return _one(rule, number, agents)


def _one(rule: str, number: int, agents: int) -> dict[str, Any]:
    choices = datasets.simulate(study(rule), agents, seed=number)
    density = area_densities(choices)[0]
    rng = np.random.default_rng([number, 1])
    fitted = fit_area(density, rng, method="auto", draws=2_000)
    theta = thin(fitted.theta, 1_000).reshape(-1, density.size)
    drawn = area_scores(fitted.density, theta, rng)
    state = worst(check.state for check in sampling_checks(fitted, drawn))
    result: dict[str, Any] = {"rule": rule, "number": number, "method": fitted.method, "lost": state == "refused"}
    result["adapted"] = fitted.importance.rounds if fitted.importance else 0
    for estimand, truth in (("sample", sample_truth(choices)), ("population", population_truth(choices))):
        for score in SCORES:
            draws = getattr(getattr(drawn, estimand).overall, score)
            position = (draws < truth[score]).mean() + 0.5 * (draws == truth[score]).mean()
            rank = int(np.floor(position * RANKED_DRAWS + rng.random()))
            covered = {p: bool(abs(position - 0.5) <= p / 2) for p in (0.5, 0.9)}
            result[f"{estimand} {score}"] = [min(rank, RANKED_DRAWS), covered[0.5], covered[0.9]]
    return result


def sample_truth(choices: datasets.Choices) -> dict[str, float]:
    """Return the scores of the agents who were simulated."""
    assert choices.truth is not None
    area = forward_model.ProblemArea("area", choices.areas[0].goals, choices.areas[0].conflict)
    true = forward_model.score(choices.truth.goals, choices.truth.weights, [area])
    return {score: float(true[score].item()) for score in SCORES}


def population_truth(choices: datasets.Choices) -> dict[str, float]:
    """Return the scores of infinitely many agents drawn from the same parameters."""
    assert choices.truth is not None
    true = choices.truth.parameters["area"]
    share, m, kappa = true["goal_share"], float(true["weight_mean"]), float(true["weight_concentration"])
    a, b = 1 + m * kappa, 1 + (1 - m) * kappa
    root = np.exp(gammaln(a + 0.5) - gammaln(a) + gammaln(a + b) - gammaln(a + b + 0.5))
    contention = float(share @ choices.areas[0].conflict @ share)
    return {
        "contention": contention,
        "misalignment": contention * root**2,
        "relative_misalignment": contention,
    }


def summarise(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Return coverage, uniformity of ranks, lost fits and fallbacks of one rule."""
    from arviz_stats.base import array_stats

    n = len(results)
    summary: dict[str, Any] = {
        "sets": n,
        "lost": sum(r["lost"] for r in results),
        "adapted": sum(r["adapted"] > 0 and r["method"] == "importance" for r in results),
        "nuts": sum(r["method"] == "nuts" for r in results),
        "scores": {},
    }
    for name in [key for key in results[0] if " " in key]:
        ranks = np.array([r[name][0] for r in results])
        p, *_ = array_stats.uniformity_test((ranks + 0.5) / (RANKED_DRAWS + 1))
        summary["scores"][name] = {
            "cover50": float(np.mean([r[name][1] for r in results])),
            "cover90": float(np.mean([r[name][2] for r in results])),
            "uniformity_p": float(p),
            "ranks": ranks.tolist(),
        }
    return summary


def band(probability: float, sets: int) -> tuple[float, float]:
    """Return the 99 % binomial band of a share of covered intervals."""
    low, high = binom.ppf([0.005, 0.995], sets, probability) / sets
    return float(low), float(high)


def gate(summary: dict[str, Any]) -> list[str]:
    """Return what of a rule fails: coverage outside its 99 % band, or ranks that are not uniform (p < 0.01)."""
    faults = []
    for name, cell in summary["scores"].items():
        for probability, key in ((0.5, "cover50"), (0.9, "cover90")):
            low, high = band(probability, summary["sets"])
            if not low <= cell[key] <= high:
                faults.append(
                    f"{name}: {probability:.0%} intervals cover {cell[key]:.3f}, outside {low:.3f}–{high:.3f}"
                )
        if cell["uniformity_p"] < 0.01:
            faults.append(f"{name}: ranks are not uniform (p = {cell['uniformity_p']:.4f})")
    return faults


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=200)
    parser.add_argument("--agents", type=int, default=300)
    parser.add_argument("--cores", type=int, default=2)
    options = parser.parse_args()
    record: dict[str, Any] = {
        "source": source_hash(),
        "agents": options.agents,
        "versions": {name: version(name) for name in ("dissensus", "numpy", "scipy", "arviz-stats", "nutpie")},
        "rules": {},
    }
    failed = False
    with ProcessPoolExecutor(options.cores) as pool:
        for rule in RULES:
            jobs = [pool.submit(one, rule, number, options.agents) for number in range(options.sets)]
            results = []
            for job in jobs:
                results.append(job.result())
                print(f"\r{rule}: {len(results)} of {options.sets}", end="", file=sys.stderr, flush=True)
            print(file=sys.stderr)
            summary = summarise(results)
            record["rules"][rule] = summary
            show(rule, summary)
            for fault in gate(summary):
                failed = True
                print("  FAILS", fault)
    if options.sets >= 200:
        RESULTS.write_text(json.dumps(record, indent=1) + "\n")
        print("written to", RESULTS.name)
    return int(failed)


def show(rule: str, summary: dict[str, Any]) -> None:
    """Print the table of one rule."""
    counts = {key: summary[key] for key in ("sets", "lost", "adapted", "nuts")}
    print(f"{rule}: " + ", ".join(f"{value} {key}" for key, value in counts.items()))
    for name, cell in summary["scores"].items():
        print(f"  {name:34} 50 %: {cell['cover50']:.3f}  90 %: {cell['cover90']:.3f}  p = {cell['uniformity_p']:.3f}")


if __name__ == "__main__":
    sys.exit(main())
