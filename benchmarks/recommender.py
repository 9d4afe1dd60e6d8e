"""A recommender held against its users on simulated logs whose truth is known: do the intervals hold it?

    uv run python benchmarks/recommender.py --logs 44 --pages 24     # some minutes; writes results/recommender.json

Each log is events of two sorts: what a recommender shows on its own pages, and what people click. Truths are drawn from
the priors of the model: goal shares, weights, and how far the recommender and the people differ in them. People click

``random``    on pages of a randomised part of the traffic, where each item is as likely to be seen as any other;
``ranked``    on the recommender's own pages, whose first places are seen more often (1, 1/2, 1/3, 1/4), with the items
              it favours on top. The study says that all items were in view, which is not so: this is the damage.
``last``      as ``ranked``, the items it favours at the bottom: the same damage the other way.

Other logs hold whole pages, an event for each item at each place, clicked or skipped: on every page the recommender
draws the order of the items anew, those it favours sooner at the top (``pages``) or at the bottom (``pages, last``),
and people look at the places with the same probabilities (1, 1/2, 1/3, 1/4) and click or skip what they see. Each of
these logs is read three ways: as if all places were looked at (``alike``), with examination probabilities that are
learned (``learned``), and with the true ones (``known``). In ``pages, until a click`` the model of places is wrong:
people look from the top down, go on with probability 0.7, and stop at the first click, so how likely they look depends
on what they want.

Counted is how often the 90 % interval of the score recommender × users, of these agents, holds the truth.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from dissensus.inference.area_fit import fit_area
from dissensus.inference.area_scores import area_scores
from dissensus.inference.model import area_densities, resolve_priors
from record import begin
from scipy.special import expit, logit

from dissensus import datasets

N_USERS, N_CLICKS, N_SHOWN = 40, 25, 300
ITEMS = {"i0": "a", "i1": "a", "i2": "b", "i3": "b"}
KINDS = ("random", "ranked", "last")
N_PAGES = 15
PAGES = ("pages", "pages, last", "pages, until a click")
ON = 0.7
"""How likely whoever has not clicked looks at the next place, where people stop at a click."""
WAYS = ("alike", "learned", "known")
PLACES = ("1", "2", "3", "4")
SCORES = ("contention", "misalignment", "relative_misalignment")
EXAMINED = 1 / np.arange(1, len(ITEMS) + 1)
SEED = 20_261_124
_GRID = 1e-9  # scores of so many pairs lie on a grid, and bounds on the truth itself

type Row = dict[str, Any]


def study() -> datasets.Study:
    """Return the study: two readings of one log, which share their goals and weights, not their items."""
    serves = dict(ITEMS)
    readings = {
        "shown": {"agent": "policy", "question": "shown", "as_group": "recommender", "where": {"event": "show"}},
        "clicked": {"agent": "user", "question": "clicked", "as_group": "users", "where": {"event": "click"}},
    }
    every = {name: {"answer": "item", "available": "all", **reading} for name, reading in readings.items()}
    items = {name: {"serves": serves, "repeated": True} for name in ("shown", "clicked")}
    return datasets.Study.from_dict(
        {
            "log": {
                "item": "item",
                "time": "time",
                "systems": ["recommender"],
                "on_duplicate": "count",
                "readings": every,
            },
            "areas": {"content": {"goals": ["a", "b"], "conflict": 1.0, "baseline": "uniform", "items": items}},
        }
    )


def simulated(kind: str, rng: np.random.Generator) -> tuple[pd.DataFrame, dict[str, float]]:
    """Return a log and the true scores of its recommender with its users, under the default priors."""
    goals, weights, true = _truth(rng)
    serves = np.array([[goal == name for goal in ITEMS.values()] for name in "ab"], dtype=float)
    shown = rng.choice(4, N_SHOWN, p=_follow(serves, goals[0][0], weights[0][0]))
    order = np.argsort(-serves[goals[0][0]], kind="stable")
    examined = np.ones(4)
    if kind != "random":
        examined[order if kind == "ranked" else order[::-1]] = EXAMINED
    events = [("show", "policy", f"u{rng.integers(N_USERS)}", f"i{o}") for o in shown]
    for user in range(N_USERS):
        chance = _follow(serves, goals[1][user], weights[1][user]) * examined
        clicks = rng.choice(4, N_CLICKS, p=chance / chance.sum())
        events += [("click", "policy", f"u{user}", f"i{o}") for o in clicks]
    log = pd.DataFrame(events, columns=["event", "policy", "user", "item"])
    log["time"] = np.arange(len(log))
    return log, true


def study_of_pages(way: str) -> datasets.Study:
    """Return the study of logs of pages: what the recommender shows, and what people do with each item on a page."""
    readings = {
        "shown": {"agent": "policy", "question": "shown", "answer": "item", "available": "all"},
        "seen": {"agent": "user", "question": "item", "answers": {"skipped": "0", "clicked": "1"}},
    }
    readings["shown"] |= {"as_group": "recommender", "where": {"event": "show"}}
    readings["seen"] |= {"as_group": "users", "where": {"event": "page"}}
    other = {"a": "b", "b": "a"}
    items: Row = {"shown": {"serves": dict(ITEMS), "repeated": True}}
    for name, goal in ITEMS.items():
        items[name] = {"serves": {"clicked": goal, "skipped": other[goal]}, "repeated": True}
    log: Row = {"item": "item", "time": "time", "outcome": "clicked", "position": "place", "systems": ["recommender"]}
    if way != "alike":
        known = dict(zip(PLACES, EXAMINED.tolist(), strict=True))
        log["examination"] = {
            "unseen": "skipped",
            "places": {place: place for place in PLACES},
            "probability": "learned" if way == "learned" else known,
        }
    area = {"goals": ["a", "b"], "conflict": 1.0, "baseline": "uniform", "items": items}
    return datasets.Study.from_dict({"log": log | {"readings": readings}, "areas": {"content": area}})


def simulated_pages(kind: str, rng: np.random.Generator) -> tuple[pd.DataFrame, dict[str, float]]:
    """Return a log of pages and the true scores of its recommender with its users, under the default priors."""
    goals, weights, true = _truth(rng)
    serves = np.array([[goal == name for goal in ITEMS.values()] for name in "ab"], dtype=float)
    favours = _follow(serves, goals[0][0], weights[0][0])
    shown = rng.choice(4, N_SHOWN, p=favours)
    rows = [("show", "policy", f"u{rng.integers(N_USERS)}", f"i{item}", 0, 0) for item in shown]
    for user in range(N_USERS):
        chance = weights[1][user] * serves[goals[1][user]] + (1 - weights[1][user]) / 2
        for _ in range(N_PAGES):
            order = np.argsort(rng.exponential(size=4) / favours)  # one by one, as likely as they are favoured
            order = order[::-1] if kind == "pages, last" else order
            looked, liked = rng.random(4) < EXAMINED, rng.random(4) < chance[order]
            if kind == "pages, until a click":
                goes_on = (rng.random(3) < ON) & ~liked[:-1]
                looked = np.logical_and.accumulate(np.append(True, goes_on))
            clicked = looked & liked
            each = zip(order, clicked, strict=True)
            rows += [("page", "policy", f"u{user}", f"i{o}", 1 + k, int(c)) for k, (o, c) in enumerate(each)]
    log = pd.DataFrame(rows, columns=["event", "policy", "user", "item", "place", "clicked"])
    log["time"] = np.arange(len(log))
    return log, true


def _truth(rng: np.random.Generator) -> tuple[list[Any], list[Any], dict[str, float]]:
    """Return goals and weights of the recommender and of the users, drawn from the priors, and the true scores."""
    share, mean, concentration = rng.beta(1, 1), rng.beta(2, 2), rng.gamma(4, 1)
    goals, weights = [], []
    for n in (1, N_USERS):
        p = expit(logit(share) + np.sqrt(2) * 0.5 * rng.standard_normal())  # two logits, each with sd 0.5
        m = expit(logit(mean) + 0.5 * rng.standard_normal())
        goals.append((rng.random(n) >= p).astype(int))
        weights.append(rng.beta(1 + m * concentration, 1 + (1 - m) * concentration, n))
    apart, mass = (goals[1] != goals[0][0]).astype(float), np.sqrt(weights[1] * weights[0][0])
    true = {"contention": apart.mean(), "misalignment": (apart * mass).mean()}
    return goals, weights, true | {"relative_misalignment": (apart * mass).sum() / mass.sum()}


def _follow(serves: np.ndarray[Any, Any], goal: int, weight: float) -> np.ndarray[Any, Any]:
    chance = weight * serves[goal] / serves[goal].sum() + (1 - weight) / serves.shape[1]
    return np.asarray(chance)


def fitted(kind: str, number: int) -> Row:
    """Read one simulated log, fit it, and say where the true scores lie."""
    rng = np.random.default_rng([SEED, KINDS.index(kind), number])
    log, true = simulated(kind, rng)
    return _fitted(datasets.read_log(log, study()), true, rng) | {"kind": kind, "number": number}


def fitted_pages(kind: str, number: int) -> list[Row]:
    """Read one simulated log of pages in every way, fit each, and say where the true scores lie."""
    rng = np.random.default_rng([SEED, len(KINDS) + PAGES.index(kind), number])
    log, true = simulated_pages(kind, rng)
    rows = []
    for way in WAYS if kind != "pages, until a click" else WAYS[:2]:
        row = _fitted(datasets.read_log(log, study_of_pages(way)), true, rng)
        rows.append(row | {"kind": f"{kind}: {way}", "number": number})
    return rows


def _fitted(choices: datasets.Choices, true: dict[str, float], rng: np.random.Generator) -> Row:
    density = area_densities(choices, resolve_priors(choices, None))[0]
    fit = fit_area(density, rng, method="auto", draws=1_000)
    between = choices.groups.index("recommender"), choices.groups.index("users")
    drawn = area_scores(fit.density, fit.flat, rng).sample.groups
    row: Row = {"method": fit.method, "accepted": bool(fit.effective >= 400)}
    for score in SCORES:
        values = getattr(drawn, score)[:, between[0], between[1]]
        lower, upper = np.quantile(values, [0.05, 0.95])
        row[score] = [float(x) for x in (true[score], values.mean(), lower, upper)]
    return row


def summary(rows: list[Row]) -> list[Row]:
    """Return, by kind of log and score, how many intervals hold the truth, mean error and mean width."""
    found = []
    for kind in dict.fromkeys(row["kind"] for row in rows):
        mine = [row for row in rows if row["kind"] == kind]
        for score in SCORES:
            true, mean, lower, upper = np.array([row[score] for row in mine]).T
            found.append(
                {
                    "log": kind,
                    "score": score,
                    "logs": len(mine),
                    "held": int(
                        ((lower <= true + 1e-9) & (true - 1e-9 <= upper)).sum()
                    ),  # scores of pairs lie on a grid
                    "error": float((mean - true).mean()),
                    "absolute error": float(np.abs(mean - true).mean()),
                    "width": float((upper - lower).mean()),
                }
            )
    return found


def table(found: list[Row]) -> str:
    """Return the summary as a Markdown table."""
    lines = [
        "| clicks | score | 90 % intervals that hold the truth | mean error | mean size of the error | mean width |",
        "|---|---|--:|--:|--:|--:|",
    ]
    for row in found:
        lines.append(
            f"| {row['log']} | {row['score'].replace('_', ' ')} | {row['held']} of {row['logs']} | {row['error']:+.3f} "
            f"| {row['absolute error']:.3f} | {row['width']:.3f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--logs", type=int, default=44, help="simulated logs of the first kind")
    parser.add_argument("--damaged", type=int, default=8, help="simulated logs of each other kind")
    parser.add_argument("--pages", type=int, default=24, help="simulated logs of each kind of pages")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "recommender.json")
    options = parser.parse_args()
    record = begin("dissensus", "numpy", "scipy")
    rows = []
    for number in range(options.logs):
        for kind in KINDS if number < options.damaged else KINDS[:1]:
            rows.append(fitted(kind, number))
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    for number in range(options.pages):
        for kind in PAGES:
            found = fitted_pages(kind, number)
            print(json.dumps(found), file=sys.stderr, flush=True)
            rows += found
    found = summary(rows)
    options.output.write_text(json.dumps(record | {"summary": found, "logs": rows}) + "\n")
    print(table(found))


if __name__ == "__main__":
    main()
