"""Covariates and periods of simulated agents, and the parameters of each kind of agent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .covariate_columns import bin_names
from .covariate_study import CovariateColumn
from .covariates import Covariate, effect_basis, kept, numeric, strata
from .parameters import Beside, Parameters
from .periods import steps, walk
from .study import Table

_NUMBERS, _PERIODS = 7, 5


def default_periods(table: Table) -> tuple[str, ...]:
    """Return the periods of agents who are simulated where none are given; none without ``table.period``."""
    if table.period is None:
        return ()
    return table.periods or tuple(str(period) for period in range(1, _PERIODS + 1))


def simulated_covariates(
    table: Table, n_agents: int, given: Mapping[str, ArrayLike], rng: np.random.Generator
) -> tuple[Covariate, ...]:
    """Return the columns of ``depends_on`` as given, or drawn.

    Raises
    ------
    ValueError
        If a column is given that the study does not name, or values that it does not allow.
    """
    for name in given:
        if name not in table.depends_on:
            known = ", ".join(table.depends_on) or "none"
            raise ValueError(f"'covariates' gives {name!r}; 'depends_on' of the study names {known}")
    found = []
    for name in table.depends_on:
        written = table.covariates.get(name, CovariateColumn())
        levels = bin_names(written.bins) if written.bins else written.levels
        if name in given:
            found.append(_given(name, np.asarray(given[name]), levels, written, n_agents))
        elif levels or written.kind == "categorical":
            levels = levels or ("one", "two", "three")
            found.append(Covariate(name, levels, rng.integers(len(levels), size=n_agents).astype(np.float64)))
        else:
            found.append(numeric(name, 1 + rng.integers(_NUMBERS, size=n_agents).astype(np.float64)))
    return kept(found, np.ones(n_agents, dtype=bool))


def _given(
    name: str, values: NDArray[np.generic], levels: tuple[str, ...], written: CovariateColumn, n: int
) -> Covariate:
    if values.shape != (n,):
        raise ValueError(f"'covariates' has {name!r} of shape {values.shape}; it should be {(n,)}")
    if written.bins:
        return Covariate(name, levels, np.searchsorted(written.bins, values, side="right").astype(np.float64))
    if not levels and written.kind != "categorical" and np.issubdtype(values.dtype, np.number):
        if not np.isfinite(values.astype(np.float64)).all():
            raise ValueError(f"'covariates' has {name!r} that is not finite")
        return numeric(name, values.astype(np.float64))
    labels = values.astype(str)
    levels = levels or tuple(np.unique(labels).tolist())
    unknown = sorted(set(labels.tolist()) - set(levels))
    if unknown:
        raise ValueError(f"'covariates' has {name!r} = {unknown[0]!r}; its levels are {', '.join(levels)}")
    place = {level: k for k, level in enumerate(levels)}
    return Covariate(name, levels, np.array([place[label] for label in labels.tolist()], dtype=np.float64))


def what_is_beside(table: Table, covariates: Sequence[Covariate], periods: Sequence[str]) -> Beside | None:
    """Return what priors over states depend on beside the groups; None for nothing."""
    if table.period is None and not covariates:
        return None
    path = walk(np.arange(len(periods))) if table.period is not None else np.zeros((0, 0))
    if table.period is not None and set(periods) <= set(table.periods):
        path = walk(steps(table, periods))
    return Beside(effect_basis(covariates), path)


def stratum_parameters(
    parameters: Parameters, covariates: Sequence[Covariate], group_of_agent: NDArray[np.int64], n_groups: int
) -> tuple[Parameters, NDArray[np.int64]]:
    """Return the parameters with goal shares and mean weights of each stratum for those of a group, and its stratum.

    Parameters
    ----------
    parameters
        The parameters of an area.
    covariates
        The covariates of the agents.
    group_of_agent, n_groups
        Group of each agent, (agent,), all 0 without groups, and their number.
    """
    if not covariates:
        return parameters, group_of_agent
    of = strata(covariates, group_of_agent, n_groups)
    place = of.group if n_groups else np.zeros_like(of.group)
    x = of.columns @ np.linalg.pinv(effect_basis(covariates))  # (stratum, effect)
    share = parameters.get("group_goal_share", parameters["goal_share"][None])[place]
    odds = share * np.exp(x @ parameters["covariate_goal"])
    result = parameters | {"group_goal_share": odds / odds.sum(axis=1, keepdims=True)}
    if "weight_mean" in parameters:
        m = parameters.get("group_weight_mean", parameters["weight_mean"][None])[place]
        result["group_weight_mean"] = m / (m + (1 - m) * np.exp(-x @ parameters["covariate_weight"]))
    return result, of.of_agent
