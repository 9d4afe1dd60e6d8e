"""Fits of the same answers beside each other: which predicts agents better, and what each says of the scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy.optimize import LinearConstraint, minimize

from ..datasets.choices import Choices
from ..errors import Fault, InputError, clean, shown
from .left_out import TRUSTED_K
from .loo import loo, standard_error
from .model import area_densities
from .result import choices_of
from .summary import summarize
from .verdict import verdict

Array = NDArray[np.float64]

BEYOND = 2.0
"""Standard errors beyond which one fit predicts worse than another."""
SCORES = ("contention", "misalignment")


def compare(fits: Mapping[str, xr.DataTree]) -> pd.DataFrame:
    """Return fits of the same answers, the best predicting first, with their scores beside.

    The fits may differ in choice rule, "no goal", numbers of goals, what options serve, items' areas, groups and
    priors. They must be of the same agents and their answers to the same items.

    Parameters
    ----------
    fits
        Results of :func:`fit` or :func:`load`, by name; at least two.

    Returns
    -------
    pandas.DataFrame
        Indexed by name: ``rank`` (0: the best); ``elpd``, the expected log predictive density of agents left out
        (:func:`loo`), ``se`` and ``p_loo``; ``elpd_diff`` to the best and ``dse``, its standard error, paired over
        agents; ``weight``, of the mixture of fits that predicts best (stacking); ``n_high_k``; ``state`` of the fit;
        ``sentence``. Then ``area: score`` with its ``lower`` and ``upper`` (90 % interval, sample estimand) for
        contention and misalignment of every area and overall; missing where a fit gives no such number.

    Raises
    ------
    InputError
        With fewer than two fits, or if they are not of the same answers.

    Notes
    -----
    Differences below 4, and standard errors from fewer than 100 agents, say little (Sivula et al. 2020,
    arXiv:2008.10296). Predicting as well is no proof that a score is right: fits that predict alike may give different
    scores, and then the score depends on the model.

    References
    ----------
    Yao et al. 2018, doi:10.1214/17-BA1091 (stacking).
    """
    names = list(fits)
    if len(names) < 2:
        message, remedy = f'"fits" holds {len(names)} fit(s).', "Give two or more, by name."
        raise InputError(Fault(code="fits", message=message, remedy=remedy))
    every = [choices_of(fit) for fit in fits.values()]
    orders = [_order(name, choices, names[0], every[0]) for name, choices in zip(names, every, strict=True)]
    left_out = [loo(fit) for fit in fits.values()]
    elpd = np.stack([r["elpd_i"].values[o] for r, o in zip(left_out, orders, strict=True)], axis=1)
    high = np.stack([~(r["pareto_k"].values[o] <= TRUSTED_K) for r, o in zip(left_out, orders, strict=True)], axis=1)
    weight = np.ones(every[0].n_agents) if every[0].fit_weight is None else every[0].fit_weight
    best = int(np.argmax(weight @ elpd))
    shares = stacking_weights(elpd, weight)
    rows: list[dict[str, Any]] = []
    for k in np.argsort(-(weight @ elpd), kind="stable"):
        gap, doubtful = elpd[:, k] - elpd[:, best], high[:, k] | high[:, best]
        dse = 0.0 if k == best else standard_error(gap, weight)
        found = verdict(fits[names[k]])
        rows.append(
            {
                "rank": len(rows),
                "elpd": float(left_out[k]["elpd"]),
                "se": float(left_out[k]["se"]),
                "p_loo": float(left_out[k]["p_loo"]),
                "elpd_diff": float(weight @ gap),
                "dse": dse,
                "weight": float(shares[k]),
                "n_high_k": int(left_out[k]["n_high_k"]),
                "state": found.state,
                "sentence": _sentence(names[k], names[best], gap, weight, doubtful),
                **_scores(fits[names[k]]),
            }
        )
    order = [names[k] for k in np.argsort(-(weight @ elpd), kind="stable")]
    return pd.DataFrame(rows, index=pd.Index(order, name="fit"))


def stacking_weights(elpd: Array, weight: Array) -> Array:
    """Return the weights of the mixture of fits with the largest sum of log densities of agents left out, (fit,).

    As ``arviz_stats.compare`` does, but agents count by survey weights, and densities too small for a floating point
    number do no harm.

    Parameters
    ----------
    elpd
        Log predictive densities, (agent, fit).
    weight
        Weight of each agent, (agent,).
    """
    density = np.exp(elpd - elpd.max(axis=1, keepdims=True))
    size = density.shape[1]

    def negative(w: Array) -> tuple[float, Array]:
        mixture = np.maximum(density @ w, 1e-300)
        return -float(weight @ np.log(mixture)) / weight.sum(), -(weight / mixture) @ density / weight.sum()

    found = minimize(
        negative,
        np.full(size, 1 / size),
        jac=True,
        method="SLSQP",
        bounds=[(0, 1)] * size,
        constraints=LinearConstraint(np.ones(size), 1, 1),
        options={"ftol": 1e-12, "maxiter": 200},
    )
    w = np.clip(found.x, 0, 1)
    return np.asarray(w / w.sum())


def _order(name: str, choices: Choices, first_name: str, first: Choices) -> NDArray[np.int64]:
    """Return where each agent of the first fit stands in this one.

    Raises
    ------
    InputError
        Unless agents, answers that count in the likelihood, and survey weights are the same.
    """
    same = np.arange(choices.n_agents)
    if choices is first:
        return same
    labels, others = pd.Index(choices.agents), pd.Index(first.agents)
    if len(labels) != len(others) or not labels.isin(others).all():
        raise _different(name, first_name, "their agents differ")
    order = labels.get_indexer(others)
    items, first_items = _answers(choices), _answers(first)
    if set(items) != set(first_items):
        odd = sorted(set(items) ^ set(first_items))[0]
        raise _different(name, first_name, f"item {shown(odd)} is in one only")
    for item, (options, counts) in first_items.items():
        own_options, own = items[item]
        columns = [own_options.index(option) if option in own_options else -1 for option in options]
        ours = np.where(np.array(columns) < 0, 0, own[order][:, columns])
        if not ((ours == counts).all() and ours.sum() == own.sum()):
            raise _different(name, first_name, f"the answers to item {shown(item)} differ")
    weights = [np.ones(c.n_agents) if c.survey_weight is None else c.survey_weight for c in (choices, first)]
    if not np.allclose(weights[0][order], weights[1], rtol=1e-9):
        raise _different(name, first_name, "the survey weights differ")
    return np.asarray(order)


def _answers(choices: Choices) -> dict[str, tuple[list[str], NDArray[np.int64]]]:
    """Return, by item, the options and how often each agent chose them, as far as the likelihood counts them."""
    found = {}
    for density in area_densities(choices):
        area = density.area
        counts = (area.counts * ~density.table.ignored)[area.pattern_of_agent]
        for j, item in enumerate(area.items):
            found[item] = (list(area.options_of(j)), counts[:, area.item_of_option == j])
    return found


def _different(name: str, first: str, why: str) -> InputError:
    message = f"The fits {shown(first)} and {shown(name)} are not of the same answers: {why}."
    return InputError(Fault(code="different-data", message=message, remedy="Compare fits of one table of answers."))


def _sentence(name: str, best: str, gap: Array, weight: Array, doubtful: NDArray[np.bool_]) -> str:
    """Return what a row says: the difference to the best fit, unless agents who decide it cannot be left out."""
    own, other = f"'{clean(name)}'", f"'{clean(best)}'"
    number = int(doubtful.sum())
    agents = f"{number:,} agent{'s' * (number != 1)}"
    if name == best:
        doubt = f" For {agents} Pareto k̂ is above 0.7, so its ELPD is too high." if number else ""
        return f"{own} predicts best.{doubt}"
    total, error = float(weight @ gap), standard_error(gap, weight)
    worse = -total > BEYOND * error
    size = f"ELPD {total:+,.1f} ± {error:,.1f}"
    if number:
        without = np.where(doubtful, 0, gap)
        other_way = (-float(weight @ without) > BEYOND * standard_error(without, weight)) != worse
        if other_way or float(weight @ np.abs(gap * doubtful)) > error:
            return (
                f"Whether {own} predicts as well as {other} is not known ({size}): it is decided by {agents}"
                " for whom Pareto k̂ is above 0.7."
            )
    if worse:
        return f"{own} predicts worse than {other} by more than 2 standard errors ({size})."
    return f"{own} predicts as well as {other}, to within 2 standard errors ({size})."


def _scores(fit: xr.DataTree) -> dict[str, float]:
    """Return the scores of every area and overall with their intervals; NaN for what is not reported."""
    frame = summarize(fit, allow_unreliable=True)
    frame = frame[(frame["estimand"] == "sample") & frame["score"].isin(SCORES)]
    if verdict(fit).refused:
        frame = frame.assign(mean=np.nan, lower=np.nan, upper=np.nan)
    cells = {}
    for row in frame.to_dict("records"):
        place = "overall" if row["area"] is None or pd.isna(row["area"]) else str(row["area"])
        for part, suffix in (("mean", ""), ("lower", " lower"), ("upper", " upper")):
            value = row[part]
            cells[f"{place}: {row['score']}{suffix}"] = float("nan") if value is None else float(value)
    return cells
