"""The goal and weight of every agent in some draws behind the scores of a fit, as tables for the forward model."""

from __future__ import annotations

import numpy as np
import pandas as pd
from dissensus.inference.drawn_again import draws_of, unit_states, with_units

from dissensus import forward_model


def agents_at(choices, fit, draws):
    """Yield goals and weights, both (agent, area), for each of the draws: every agent a unit of its own."""
    found = []
    for area in draws_of(fit, choices):
        units = with_units(area.density, np.arange(choices.n_agents))
        cells = np.concatenate([part.cells for part in unit_states(area, units)])[draws]
        assert (cells[:, area.density.rows.n_priors :].sum(axis=2) == 1).all()
        state = cells.argmax(axis=2)[:, units.of_agent]
        names = np.array([*area.density.area.goals, None], dtype=object)
        found.append((names[area.density.states.goal[state]], area.density.states.weight[state]))
    labels = [area.name for area in choices.areas]
    for d in range(len(draws)):
        yield (
            pd.DataFrame({p: goal[d] for p, (goal, _) in zip(labels, found, strict=True)}, index=choices.agents),
            pd.DataFrame({p: weight[d] for p, (_, weight) in zip(labels, found, strict=True)}, index=choices.agents),
        )


def problem_areas(choices, **conflict):
    """Return the problem areas of the forward model, some with another conflict."""
    return [
        forward_model.ProblemArea(area.name, area.goals, conflict.get(area.name, area.conflict))
        for area in choices.areas
    ]


def group_labels(choices):
    """Return the group of each agent, "none" for an agent in no group."""
    return np.array([*choices.groups, "none"], dtype=object)[choices.group_of_agent]
