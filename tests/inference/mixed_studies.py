"""Random studies of one area that mix kinds of items, and answers to them."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from dissensus.datasets.choices import Choices

from .builders import in_ballots, learned, make_area, make_study, of_kind, random_choices, with_features

KINDS = ["choice", "ordinal", "pairwise", "importance", "ranking", "best_worst", "situation"]
KINDS += ["ballot", "rankings", "best_worsts", "count", "duration"]
_BALLOTS: dict[str, tuple[str, dict[str, Any]]] = {
    "ballot": ("ranking", {"offered": "ranked"}),
    "rankings": ("ranking", {"repeated": True}),
    "best_worsts": ("best_worst", {"repeated": True}),
}


def _random_item(rng: np.random.Generator, kind: str, pairs: list[tuple[str, str]]) -> tuple[str, str]:
    """Return the options of an item of a kind, as `make_area` reads them, and the kind as `of_kind` does."""
    goals = ["x", "y", "z", "xy", "-"]
    if kind == "importance":
        return " ".join("-" * rng.integers(2, 5)), kind
    if kind == "ordinal":  # a goal's levels are neighbours
        levels = ["-"] * int(rng.integers(2, 6))
        levels[rng.integers(len(levels))] = str(rng.choice(goals[:4]))
        return " ".join(levels), kind
    if kind == "pairwise":
        first, second = pairs[rng.integers(len(pairs))]
        served = {"A": "x", "B": "y", "C": "-", "D": "xz"}
        return " ".join([served[first], served[second], "-"][: rng.integers(2, 4)]), f"pairwise {first} {second}"
    if kind in {"count", "duration"}:
        return str(rng.choice(["x y", "xz y", "- z", "z -"])), kind
    if kind in {"best_worst", "best_worsts"}:  # an object serves the same goals wherever it is shown
        return " ".join(["x", "y", "-", "xz"][: rng.integers(2, 5)]), kind
    return " ".join(rng.choice(goals, rng.integers(2, 5))), kind


def mixed_choices(
    rng: np.random.Generator, kinds: list[str], *, seed: int, goals: int | None = None, **structure: Any
) -> Choices:
    """Return answers of 5 agents, some missing, in two groups or none, to items of some kinds beside a choice.

    With ``goals`` so many goals are learned, with ``weights`` as given, and no option serves one.
    """
    weights = structure.pop("weights", None)
    pairs = list(itertools.combinations("ABCD", 2))
    items = [_random_item(rng, kind, pairs) for kind in ["choice", *kinds]]
    options = ["x y z", *(text for text, _ in items[1:])]
    plain = [_BALLOTS.get(kind, (kind,))[0] for _, kind in items[1:]]
    area = of_kind(make_area(*options, **structure), "choice", *plain)
    for j, (_, kind) in enumerate(items):
        if kind in _BALLOTS:
            area = in_ballots(area, j, **_BALLOTS[kind][1])
        if kind == "situation":
            area = with_features(area, j, *["cost", "time"][: rng.integers(3)])
    if goals is not None:
        bare = "importance" in kinds
        area = learned(area, goals, weights="free" if bare else weights or "one", conflict="behavioural")
        area["settings"]["items"] |= {f"more{j}": {"options": ["0", "1", "2"]} for j in range(4)}
    return random_choices(
        make_study(area), 5, seed=seed, missing=0.3, groups=("g", "h"), group_of_agent=rng.integers(-1, 2, 5)
    )
