"""Scores under a change: of goals, weights, conflict, who is there, or the shares of groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ..datasets.choices import Choices
from ..forward_model.pair_sums import divide
from .area_scores import ESTIMANDS
from .changed_states import (
    Change,
    Scored,
    Totals,
    changed_population,
    changed_sample,
    sample_scores,
)
from .changes import AreaChange, Changes, Goal, Where, Who, read_changes
from .drawn_again import AreaDraws, Units, draws_of
from .finite_draws import unknown
from .population_pairs import population_pairs
from .result import choices_of
from .score_arrays import score_arrays
from .scores import check_selection
from .verdict import require_reliable

Array = NDArray[np.float64]

SCENARIOS = ("as fitted", "what if", "difference")


def what_if(
    fit: xr.DataTree,
    *,
    goal: Mapping[Where, Goal] | None = None,
    weight: Mapping[Where, float] | None = None,
    weight_factor: Mapping[Where, float] | None = None,
    remove: Iterable[Who] = (),
    conflict: Mapping[str, Any] | None = None,
    group_share: Mapping[str, float] | None = None,
    by: Literal["group"] | None = None,
    allow_unreliable: bool = False,
) -> xr.Dataset:
    """Return the posterior draws of the scores under changes, beside those as fitted and their difference.

    The changes act on the states (goal and weight) of agents in every posterior draw; nothing is fitted again, and what
    was learned from the answers stays. So this says how the score would be with other goals, not what would follow from
    making people hold them. All changes given are made together.

    Parameters
    ----------
    fit
        A result of :func:`fit` or :func:`load`.
    goal
        Goals that agents come to hold: ``{"tax": "lower"}`` for all agents, ``{("tax", "left"): "lower"}`` for a group,
        ``{("tax", "007"): "lower"}`` for an agent, ``{("tax", "left"): ("lower", 0.3)}`` for a share of them, taken at
        random in every draw. None is no goal. What is said of an agent goes before what is said of its group, and that
        before what is said of all. They keep their weights; who held no goal has weight 0, unless ``weight`` says
        otherwise.
    weight
        Weights, in [0, 1], that agents with a goal come to have, named as for ``goal``. With ``goal`` it makes an agent
        a copy of one that holds this goal with this weight.
    weight_factor
        Factors ≥ 0 of the weights, named as for ``goal``; weights do not rise above 1.
    remove
        Groups and agents to leave out.
    conflict
        By area: ``{"a|b": 0.2}`` for the entries that change, or one number or a matrix for all of them.
    group_share
        Share of groups in the population; the others keep their proportions in the rest. Says nothing on the sample.
    by
        ``"group"`` adds scores within and between groups, with names that begin with ``group_``.
    allow_unreliable
        Return the draws of a refused fit too; the Dataset then says so in its attributes.

    Returns
    -------
    xarray.Dataset
        ``contention``, ``misalignment``, ``relative_misalignment`` (chain, draw, scenario, estimand, area) and
        ``overall_*`` (chain, draw, scenario, estimand). Scenarios: ``"as fitted"``, the draws of :func:`scores`;
        ``"what if"``; and their ``"difference"``, draw by draw, whose quantiles are its interval. Attributes ``state``,
        ``reasons``, ``changes``.

    Raises
    ------
    Refused
        If the state of the fit is ``refused`` and ``allow_unreliable`` is False.
    InputError
        If a name is unknown, a number out of its range, or fewer than two agents would be left.

    Notes
    -----
    In the population an agent stands for its share, by survey weight, of people like its group: changed, it takes that
    share with it; removed, the share is gone and what is known of its group remains. Observed conflict is about answers
    and is not here. In groups of over 2,000 agents the totals of states are drawn, not the states (as for the scores);
    there a share of the agents takes its part of every goal and weight.

    Examples
    --------
    >>> changed = inference.what_if(fit, goal={("tax", "left"): ("lower", 0.3)}, remove=["007"])
    >>> changed["overall_misalignment"].sel(scenario="difference", estimand="sample").quantile([0.05, 0.95])
    """
    check_selection(fit, by, "sample")
    found = require_reliable(fit, allow_unreliable=allow_unreliable)
    choices = choices_of(fit)
    areas = draws_of(fit, choices)
    changes = read_changes(
        choices,
        areas,
        goal=goal,
        weight=weight,
        weight_factor=weight_factor,
        remove=remove,
        conflict=conflict,
        group_share=group_share,
    )
    pairs = [_area(area, change, changes, choices) for area, change in zip(areas, changes.areas, strict=True)]
    known = [area.density.states.weighted for area in areas]
    known_after = [k or _all_weights_given(change) for k, change in zip(known, changes.areas, strict=True)]
    n_groups = len(choices.groups) if by == "group" else 0
    a = np.array([area.density.area.area_weight for area in areas])
    chains = fit["scores"].sizes["chain"]
    before, after = (
        score_arrays(scored, weights_known=k, area_weights=a, n_groups=n_groups, chains=chains)
        for scored, k in zip(zip(*pairs, strict=True), (known, known_after), strict=True)
    )
    data = {
        name: (
            (*dims[:2], "scenario", *dims[2:]),
            np.stack([values, after[name][1], after[name][1] - values], axis=2),
        )
        for name, (dims, values) in before.items()
    }
    coords: dict[str, Any] = {
        "scenario": list(SCENARIOS),
        "estimand": list(ESTIMANDS),
        "area": [area.density.area.name for area in areas],
        "chain": np.arange(chains),
        "draw": np.arange(fit["scores"].sizes["draw"]),
    }
    if n_groups:
        coords |= {"group": list(choices.groups), "group_other": list(choices.groups)}
    return xr.Dataset(data, coords=coords).assign_attrs(
        state=found.state,
        reasons=list(found.reasons),
        changes=list(changes.sentences),
        allow_unreliable=int(found.refused),
    )


def _all_weights_given(change: AreaChange) -> bool:
    size = change.units.size
    return all(c.removed or c.weight is not None for c, n in zip(change.changes, size, strict=True) if n)


def _area(area: AreaDraws, change: AreaChange, changes: Changes, choices: Choices) -> tuple[Scored, Scored]:
    """Return the scores of one area before and after."""
    units, nothing = change.units, tuple(Change() for _ in change.changes)
    before, after = changed_sample(area, units, change.changes)
    cases: tuple[tuple[Totals, tuple[Change, ...], Mapping[str, float], Array], ...] = (
        (before, nothing, {}, area.conflict),
        (after, change.changes, changes.group_share, change.conflict),
    )
    scored = []
    for totals, of_unit, given, conflict in cases:
        within, phi = _unit_shares(area, units, of_unit, choices, given)
        population = population_pairs(*changed_population(area, units, of_unit, within), conflict, phi)
        sample = sample_scores(totals, conflict)
        scored.append(Scored(unknown(area.broken, sample), unknown(area.broken, population)))
    return scored[0], scored[1]


def _unit_shares(
    area: AreaDraws, units: Units, changes: tuple[Change, ...], choices: Choices, given: Mapping[str, float]
) -> tuple[Array, Array]:
    """Return the share of each unit in its group, (unit,), none if removed, and of each group in the population."""
    weight = np.ones(choices.n_agents) if choices.survey_weight is None else choices.survey_weight
    n_groups, names = area.density.n_units, area.density.prior_names
    total = np.bincount(units.of_agent, weight, len(units.prior))
    left = np.where([change.removed for change in changes], 0.0, total)
    of_group, left_of_group = (np.bincount(units.prior, x, n_groups) for x in (total, left))
    within = left / np.where(left_of_group > 0, left_of_group, 1)[units.prior]
    phi = divide(area.shares * left_of_group / of_group, (area.shares * left_of_group / of_group).sum())
    if not given or n_groups == 1:
        return within, phi
    fixed = np.array([name in given for name in names])
    new = np.array([given.get(name, 0.0) if name is not None else 0.0 for name in names])
    new[~fixed] = divide(phi[~fixed], phi[~fixed].sum()) * (1 - new.sum()) if new.sum() < 1 else 0.0
    return within, new
