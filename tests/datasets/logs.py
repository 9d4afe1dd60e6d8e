"""A small log of ratings whose counts are known, and its study, for the tests of logs."""

from __future__ import annotations

import numpy as np
import pandas as pd
from dissensus.datasets import Study

STUDY = """
title = "Ratings"
[log]
agent = "user"
item = "film"
outcome = "stars"
time = "when"
answers = { liked = ">= 4", "not liked" = "< 4" }
[log.items]
id = "film"
category = "genres"
separator = "|"
no_category = ["(none)"]
[areas.action]
goals = ["like", "dislike"]
conflict = 1.0
[areas.action.items.Action]
serves = { liked = "like", "not liked" = "dislike" }
repeated = true
[areas.drama]
goals = ["like", "dislike"]
conflict = 1.0
[areas.drama.items.Drama]
serves = { liked = "like", "not liked" = "dislike" }
repeated = true
"""

FILMS = {"1": "Action", "2": "Action|Drama", "3": "Drama", "4": "Western", "5": "(none)"}


def study(**changes):
    """Return the study, pieces of its text replaced."""
    text = STUDY
    for old, new in changes.get("replace", {}).items():
        assert old in text
        text = text.replace(old, new)
    return Study.from_text(text)


def ratings(n=400, seed=1):
    """Return ratings by 20 users of 5 films, every event at a time of its own."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "user": rng.integers(1, 21, n),
            "film": rng.integers(1, 6, n),
            "stars": rng.integers(1, 11, n) / 2,
            "when": 1_600_000_000 + rng.permutation(n),
        }
    )


def films(folder):
    """Write the item table and return its path."""
    path = folder / "films.csv"
    path.write_text("film,title,genres\n" + "".join(f'{film},"T, {film}",{kinds}\n' for film, kinds in FILMS.items()))
    return path


def expected(frame):
    """Return counts by agent, genre and answer, the slow way."""
    counts = {}
    for row in frame.itertuples():
        answer = "liked" if row.stars >= 4 else "not liked"
        for genre in FILMS[str(row.film)].split("|"):
            if genre in {"Action", "Drama"}:
                key = (str(row.user), genre, answer)
                counts[key] = counts.get(key, 0) + 1
    return counts


def counted(choices):
    """Return counts by agent, item and answer of choices."""
    rows = choices.to_frame(layout="long")
    return {(row.agent, row.item, row.answer): row.times for row in rows.itertuples()}
