"""Fits that several test files look at, each made once."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr
from dissensus.datasets.choices import Choices
from dissensus.datasets.patterns import data_hash
from dissensus.inference.checks import from_dataset
from dissensus.inference.verdict import close

from dissensus import datasets, inference

from .builders import make_area, make_study

GROUPED = make_study(
    make_area("x y z", "y z x", "z x y -", "xy z", name="tax", conflict={"x|y": 1.0, "x|z": 0.5, "y|z": 0.8}),
    make_area("x y -", "y x xy", name="speech", rule="luce", no_goal=True, repeated=True, area_weight=2.5),
    make_area("x y z v", name="vote", conflict=0.7),
)
"""Areas of 3, 2 and 4 goals: graded conflict; luce, no goal and repeated items; one answer per agent."""


@functools.cache
def stouffer_toby() -> tuple[Choices, xr.DataTree]:
    """Return the bundled table and its fit."""
    choices = datasets.load("stouffer_toby")
    return choices, inference.fit(choices, seed=1)


@functools.cache
def grouped_choices(seed: int = 1) -> Choices:
    """Return 120 agents: left, right, one in a group of its own, some in none; survey weights; missing answers."""
    shares = {"left": 0.45, "right": 0.4, "lone": 1 / 120, "none": 0.15 - 1 / 120}
    choices = datasets.simulate(GROUPED, 120, seed=seed, groups=shares, missing=0.15, answers_per_item=4)
    group = np.where(choices.group_of_agent == 3, -1, choices.group_of_agent)
    weight = np.random.default_rng(seed).gamma(3.0, 100.0, choices.n_agents)
    return changed(choices, groups=choices.groups[:3], group_of_agent=group, survey_weight=weight)


def changed(choices: Choices, **fields: Any) -> Choices:
    """Return choices with other agents, groups or weights, and the hash that goes with them."""
    new = replace(choices, **fields)
    digest = data_hash(new.agents, new.groups, new.group_of_agent, new.survey_weight, new.areas)
    return replace(new, data_hash=digest)


@functools.cache
def grouped() -> tuple[Choices, xr.DataTree]:
    """Return :func:`grouped_choices` and their fit."""
    return grouped_choices(), inference.fit(grouped_choices(), seed=2)


def refused(fit: xr.DataTree, message: str = "The draws are no good.") -> xr.DataTree:
    """Return the fit as if its first check had refused it."""
    broken = fit.copy(deep=True)
    first, *rest = from_dataset(broken["checks"].to_dataset())
    return close(broken, (replace(first, state="refused", message=message), *rest))
