"""Learned goals with other seeds: does every published number stay within 4 Monte Carlo errors?

    uv run python -P benchmarks/seeds.py                            # 20 seeds of each; writes results/seeds.json
    uv run python -P benchmarks/seeds.py --only "values, 2 goals"   # a part; fewer --seeds than 20 write nothing

The same tables are fitted anew, labels and all. Of every seed each number of `summarize` (mean, ends of the interval),
each goal share and each P(option | goal) is held against its mean over the other seeds: the gap in units of the Monte
Carlo error that the fits state (its mean square over the seeds, times 1 + 1/(seeds − 1)), must not pass 4. The error
of a mean is the `mcse` of the table, or sd ÷ √(effective draws) for goals; that of an end of an interval is that of a
quantile of so many draws.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dissensus import inference

sys.path.insert(0, str(Path(__file__).parent))  # python -P leaves the folder of a script out
from published_ours import classes
from record import begin

Array = NDArray[np.float64]

RESULTS = Path(__file__).parent / "results" / "seeds.json"
TABLES = {
    "values, 2 goals": ("values", 2),
    "carcinoma, 2 goals": ("carcinoma", 2),
    "carcinoma, 3 goals": ("carcinoma", 3),
    "gss82, 3 goals": ("gss82", 3),
}
LIMIT = 4.0


def numbers(fit: Any) -> tuple[Array, Array]:
    """Return the published numbers of a fit, and the Monte Carlo error of each: mean and ends of 90 % intervals."""
    checks = inference.check(fit).set_index("name")["value"]
    posterior = fit["posterior"].to_dataset()
    stored = posterior.sizes["chain"] * posterior.sizes["draw"]
    effective = 1 / (1 / float(checks["effective-draws"]) + 1 / stored)  # what is stored was drawn again from them
    draws = [
        (np.moveaxis(posterior[name].values, (0, 1), (-2, -1)), effective) for name in ("goal_share", "goal_answer")
    ]
    rows = inference.summarize(fit, allow_unreliable=True)
    rows = rows[rows["mcse"].notna() & rows["area"].notna() & (rows["score"] != "observed_conflict")]
    for row in rows.itertuples():
        score = inference.scores(fit, estimand=row.estimand, allow_unreliable=True)[row.score].sel(area=row.area)
        draws.append((score.values, float((row.sd / row.mcse) ** 2)))
    value, error = [], []
    for array, number in draws:
        for one in array.reshape(-1, array.shape[-2] * array.shape[-1]):
            spread = np.sqrt(0.05 * 0.95 / number)
            at = np.quantile(one, [0.05, 0.95, *(p + sign * spread for p in (0.05, 0.95) for sign in (-1, 1))])
            value += [one.mean(), at[0], at[1]]
            error += [one.std() / np.sqrt(number), (at[3] - at[2]) / 2, (at[5] - at[4]) / 2]
    return np.array(value), np.array(error)


def gaps(value: Array, error: Array) -> Array:
    """Return how far each number of each seed is from its mean over the others, in Monte Carlo errors, (seed, number).

    Parameters
    ----------
    value, error
        Numbers and their Monte Carlo errors, (seed, number).
    """
    others = len(value) - 1
    rest = (value.sum(axis=0) - value) / others
    # one fit's own estimate of the error of a quantile is noisy: half of what the others say was seen
    expected = np.broadcast_to(np.sqrt(np.square(error).mean(axis=0) * (1 + 1 / others)), value.shape)
    apart = np.abs(value - rest)
    return np.asarray(np.divide(apart, expected, out=np.where(apart > 0, np.inf, 0.0), where=expected > 0))


def study(home: Path, table: str, goals: int, seeds: int) -> Mapping[str, Any]:
    """Return what so many seeds of one table show."""
    choices, found, started = classes(home, table, goals), [], time.process_time()
    states: Counter[str] = Counter()
    for seed in range(1, seeds + 1):
        fit = inference.fit(choices, seed=seed)
        states[json.loads(fit.attrs["state"])] += 1
        found.append(numbers(fit))
        print(
            f"{table}, {goals} goals, seed {seed}: {time.process_time() - started:.0f} s", file=sys.stderr, flush=True
        )
    apart = gaps(*(np.array(part) for part in zip(*found, strict=True)))
    return {
        "seeds": seeds,
        "numbers": apart.shape[1],
        "largest_gap": round(float(apart.max()), 2),
        "root_mean_square_gap": round(float(np.sqrt(np.square(apart).mean())), 2),
        "share_above_2": round(float((apart > 2).mean()), 4),
        "above_limit": int((apart > LIMIT).sum()),
        "states": states,
        "processor_s_per_fit": round((time.process_time() - started) / seeds, 1),
    }


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(TABLES), metavar="TABLE", help=", ".join(TABLES))
    parser.add_argument("--seeds", type=int, default=20)
    given = parser.parse_args(argv)
    if "DISSENSUS_DATA" not in os.environ:
        print("DISSENSUS_DATA is not set: it names the folder with the data sets, each in one of its own.")
        return 1
    if given.seeds < 2:
        parser.error("two seeds are needed to hold one against another")
    record, home = begin("dissensus", "numpy", "scipy"), Path(os.environ["DISSENSUS_DATA"])
    record["limit"], record["tables"] = LIMIT, {}
    for name in given.only or TABLES:
        record["tables"][name] = study(home, *TABLES[name], given.seeds)
        print(name, json.dumps(record["tables"][name]), flush=True)
        if given.seeds >= 20:
            before = json.loads(RESULTS.read_text())["tables"] if RESULTS.exists() else {}
            record["tables"] = before | record["tables"]
            RESULTS.write_text(json.dumps(record, indent=1) + "\n")
    return int(any(table["above_limit"] for table in record["tables"].values()))


if __name__ == "__main__":
    sys.exit(main())
