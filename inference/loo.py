"""How well the model predicts each agent from all others: leave-one-out cross-validation, and its verdict in words."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import logsumexp

from ..errors import clean
from .left_out import TRUSTED_K, Entries, entries_of, leave_out
from .result import choices_of
from .verdict import verdict

Array = NDArray[np.float64]

_NAMED = 5


def loo(fit: xr.DataTree) -> xr.Dataset:
    """Return the expected log predictive density of every agent, left out in turn.

    Pareto-smoothed importance sampling from the stored draws, once per distinct row of answers, so that a million
    agents cost what their distinct answers cost.

    Parameters
    ----------
    fit
        A result of :func:`fit` or :func:`load`.

    Returns
    -------
    xarray.Dataset
        ``elpd_i`` (agent), log predictive density of the answers of an agent given all others, summed over areas, with
        ``elpd_area`` (agent, area); ``pareto_k`` (agent), the largest over areas, with ``pareto_k_area``; ``n``
        (agent), number of answers. Without dims: ``elpd``, the sum over agents (by survey weights), higher is better;
        ``se``, its standard error; ``p_loo``, the effective number of parameters; ``n_high_k``, the number of agents
        with k̂ above 0.7 or not known. The attribute ``reading`` says it in words.

    Notes
    -----
    An agent with k̂ > 0.7 is so unlike the others, or so influential, that these draws do not say how it would be
    predicted: its ``elpd_i`` is too high. With survey weights an agent is left out with its weight.
    """
    choices = choices_of(fit)
    entries = entries_of(fit, choices)
    parts = [area_loo(area) for area in entries]
    elpd, lppd, khat = (
        np.stack([part[k][area.of_agent] for part, area in zip(parts, entries, strict=True)], axis=1) for k in range(3)
    )
    worst = np.where(np.isnan(khat).any(axis=1), np.nan, khat.max(axis=1))
    weight = np.ones(choices.n_agents) if choices.fit_weight is None else choices.fit_weight
    total = elpd.sum(axis=1)
    high = ~(worst <= TRUSTED_K)
    answers = np.stack([area.n_answers[area.pattern_of_agent] for area in choices.areas], axis=1)
    result = xr.Dataset(
        {
            "elpd_i": ("agent", total),
            "pareto_k": ("agent", worst),
            "n": ("agent", answers.sum(axis=1)),
            "elpd_area": (("agent", "area"), elpd),
            "pareto_k_area": (("agent", "area"), khat),
            "elpd": float(weight @ total),
            "se": standard_error(total, weight),
            "p_loo": float(weight @ (lppd - elpd).sum(axis=1)),
            "n_high_k": int(high.sum()),
        },
        coords={"agent": choices.agents, "area": [area.name for area in choices.areas]},
    )
    reading = _reading(result, choices.agents[np.argsort(-np.where(high, np.nan_to_num(worst, nan=np.inf), -np.inf))])
    return result.assign_attrs(reading=reading, state=verdict(fit).state)


def area_loo(entries: Entries) -> tuple[Array, Array, Array]:
    """Return the ELPD, the log predictive density with the agent in, and Pareto k̂ of each entry, (entry,) each."""
    shape = len(entries.row)
    elpd, lppd, khat = np.empty(shape), np.empty(shape), np.empty(shape)
    for part in leave_out(entries):
        elpd[part.entries] = logsumexp(part.log_weight + part.loglik, axis=1)
        lppd[part.entries] = logsumexp(part.loglik, axis=1) - np.log(part.loglik.shape[1])
        khat[part.entries] = part.khat
    return elpd, lppd, khat


def standard_error(values: Array, weight: Array) -> float:
    """Return the standard error of a weighted sum over agents, of values and weights (agent,)."""
    mean = float(weight @ values) / float(weight.sum())
    return float(np.sqrt(weight @ np.square(values - mean)))


def _reading(result: xr.Dataset, worst_first: NDArray[np.object_]) -> str:
    elpd, se, p = (float(result[name]) for name in ("elpd", "se", "p_loo"))
    number, agents = int(result["n_high_k"]), result.sizes["agent"]
    text = (
        f"The log density of an agent's answers given all others sums to {elpd:,.1f} ± {se:,.1f} over {agents:,} agents"
    )
    text += f"; the model spends as much as {p:.1f} free parameters would."
    if not number:
        return f"{text} Every agent can be left out reliably (Pareto k̂ at most 0.7)."
    named = ", ".join(f"'{clean(str(name))}'" for name in worst_first[: min(number, _NAMED)])
    more = f" and {number - _NAMED:,} more" if number > _NAMED else ""
    return (
        f"{text} For {number:,} {'agent' if number == 1 else 'agents'} ({named}{more}) Pareto k̂ is above 0.7: the draws"
        " do not say how the model would do without them, and the sum is too high."
    )
