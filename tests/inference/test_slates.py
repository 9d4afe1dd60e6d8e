"""Clicks on pages that a ranker fills: read as choices from what was shown, and as if all had been in view."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from dissensus.datasets import Study, read_log
from dissensus.inference.area_fit import fit_area
from dissensus.inference.area_scores import area_scores

from .builders import density_of

SERVES = {"a1": "a", "a2": "a", "b1": "b", "c": []}
USERS, CLICKS, KAPPA = 120, 15, 3.0


def _study(**item):
    log = {"agent": "user", "item": "tile", "time": "when", "question": "click", "answer": "item", "shown": "tiles"}
    click = {"serves": SERVES, **item}
    area = {"goals": ["a", "b"], "conflict": 1.0, "rule": "luce", "items": {"click": click}}
    if "kind" not in item:
        log = {key: value for key, value in log.items() if key != "shown"} | {"available": "all"}
    return Study.from_dict({"log": log, "areas": {"page": area}})


@pytest.fixture(scope="module")
def log():
    """Pages of two tiles, nearly always with one of goal a; a third of the users hold goal a."""
    rng = np.random.default_rng(4)
    goals = np.where(rng.random(USERS) < 1 / 3, "a", "b")
    weights = rng.beta(4, 2, USERS)
    tiles, rows = list(SERVES), []
    for user in range(USERS):
        pull = KAPPA * weights[user] * np.array([SERVES[tile] == goals[user] for tile in tiles])
        for _ in range(CLICKS):
            page = rng.choice(4, 2, replace=False, p=[0.45, 0.4, 0.05, 0.1])
            chance = np.exp(pull[page])
            clicked = rng.choice(page, p=chance / chance.sum())
            rows.append((f"u{user}", tiles[clicked], "|".join(tiles[tile] for tile in page), len(rows)))
    share = (goals == "a").mean()
    frame = pd.DataFrame(rows, columns=["user", "tile", "tiles", "when"])
    return frame.assign(tiles=frame.tiles.str.replace("|", " ")), 2 * share * (1 - share) * USERS / (USERS - 1), share


def _fitted(frame, study):
    density = density_of(read_log(frame, study))
    fit = fit_area(density, np.random.default_rng(1), method="auto", draws=400)
    scores = area_scores(fit.density, fit.flat, np.random.default_rng(2)).sample.overall
    share = np.exp(fit.flat[:, 0]) / (np.exp(fit.flat[:, 0]) + np.exp(-fit.flat[:, 0]))
    return scores.contention, share


def test_only_what_was_shown_counts_as_passed_over(log):
    frame, contention, share = log
    drawn, a = _fitted(frame, _study(kind="situation"))
    assert abs(drawn.mean() - contention) < 3.5 * drawn.std()
    assert abs(a.mean() - share) < 3.5 * a.std()
    naive, most = _fitted(frame, _study(repeated=True))
    assert np.quantile(naive, 0.95) < contention  # the interval misses: everybody seems to want what is shown
    assert most.mean() > share + 0.2
