"""How far a score would move if one agent were left out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from ..errors import Fault, InputError, clean
from .area_scores import population_scores
from .left_out import TRUSTED_K, Entries, entries_of, leave_out
from .result import attribute, choices_of

Array = NDArray[np.float64]

SCORES = ("contention", "misalignment")
TOO_FAR = 0.5
"""Share of the posterior sd of a score by which one agent may move it without a caution."""
COLUMNS = ("score", "area", "agent", "alike", "shift", "sd", "shift_in_sd", "pareto_k", "state", "sentence")


def influence(fit: xr.DataTree, *, top: int = 5) -> pd.DataFrame:
    """Return the agents whose absence would move the population scores most.

    The posterior without an agent comes from reweighting the draws by 1 / p(its answers | θ), smoothed
    (:func:`loo`); the score is that of agents like these, infinitely many, group shares held fixed.

    Parameters
    ----------
    fit
        A result of :func:`fit` or :func:`load`.
    top
        Agents listed for each score and area.

    Returns
    -------
    pandas.DataFrame
        Rows by ``score`` and ``area`` (null: overall), the most influential ``agent`` first. ``alike`` is the number of
        agents with the same answers (they move the score alike, one at a time); ``shift`` how the posterior mean
        would change without the agent; ``sd`` the posterior sd of the score and ``shift_in_sd`` their ratio;
        ``pareto_k``; ``state`` is ``"caution"`` where the shift exceeds half an sd, or is not known (k̂ above 0.7)
        and the one estimated is above a quarter of it; ``sentence`` says so.

    Raises
    ------
    InputError
        If ``top`` is not positive.
    """
    if top < 1:
        remedy = "Ask for at least 1."
        raise InputError(Fault(code="top", message=f'"top" is {top}.', remedy=remedy, value=str(top)))
    choices = choices_of(fit)
    entries = entries_of(fit, choices)
    shares = np.asarray(attribute(fit, "group_shares"), dtype=float)
    parts = [_area_shifts(area, shares) for area in entries]
    a = np.array([area.density.area.area_weight for area in entries])
    a = a / a.sum()
    pattern = np.stack([area.of_agent for area in entries], axis=1)
    rows: list[dict[str, object]] = []
    for score in SCORES:
        known = [score == "contention" or area.density.states.weighted for area in entries]
        for name, area, (shift, sd, khat), shown in zip(_names(entries), entries, parts, known, strict=True):
            if not shown or not sd[score] > 0:
                continue
            of_entry = np.bincount(area.of_agent, minlength=len(area.row))
            order = np.argsort(-np.abs(shift[score]), kind="stable")[:top]
            for entry in order:
                agent = choices.agents[int(np.argmax(area.of_agent == entry))]
                rows.append(
                    _row(score, name, agent, of_entry[entry], shift[score][entry], sd[score], float(khat[entry]))
                )
        if len(entries) < 2 or not all(known):
            continue
        moved = sum(w * p[0][score][e.of_agent] for w, p, e in zip(a, parts, entries, strict=True))
        sd_all = float(np.sqrt(sum((w * p[1][score]) ** 2 for w, p in zip(a, parts, strict=True))))
        worst = np.max([p[2][e.of_agent] for p, e in zip(parts, entries, strict=True)], axis=0)
        found: list[int] = []
        for i in np.argsort(-np.abs(np.asarray(moved)), kind="stable"):
            if any((pattern[i] == pattern[j]).all() for j in found):
                continue
            found.append(int(i))
            alike = int((pattern == pattern[i]).all(axis=1).sum())
            rows.append(
                _row(score, None, choices.agents[i], alike, float(np.asarray(moved)[i]), sd_all, float(worst[i]))
            )
            if len(found) == top:
                break
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _names(entries: tuple[Entries, ...]) -> list[str]:
    return [area.density.area.name for area in entries]


def _area_shifts(entries: Entries, shares: Array) -> tuple[dict[str, Array], dict[str, float], Array]:
    """Return the shift of each score without each entry, the posterior sd of the scores, and Pareto k̂."""
    overall = population_scores(entries.density, entries.theta, shares=shares).overall
    values = {score: np.asarray(getattr(overall, score)) for score in SCORES}
    shift = {score: np.empty(len(entries.row)) for score in SCORES}
    khat = np.empty(len(entries.row))
    for part in leave_out(entries):
        weight = np.exp(part.log_weight)
        khat[part.entries] = part.khat
        for score, draws in values.items():
            shift[score][part.entries] = weight @ (draws - draws.mean()) / weight.sum(axis=1)
    return shift, {score: float(draws.std()) for score, draws in values.items()}, khat


def _row(
    score: str, area: str | None, agent: object, alike: int, shift: float, sd: float, khat: float
) -> dict[str, object]:
    ratio = shift / sd if sd > 0 else float("nan")
    trusted = khat <= TRUSTED_K
    caution = not abs(ratio) <= (TOO_FAR if trusted else TOO_FAR / 2)
    sentence = ""
    if caution:
        where = "overall" if area is None else f"in {clean(area)}"
        size = f"{shift:+.3f}, {abs(ratio):.1f} of its posterior sd"
        doubt = "" if trusted else f" or more (Pareto k̂ is {khat:.2f}, so these draws do not say how much)"
        sentence = f"Without agent '{clean(str(agent))}' {score} {where} would move by {size}{doubt}."
    state = "caution" if caution else "ok"
    return dict(zip(COLUMNS, (score, area, agent, int(alike), shift, sd, ratio, khat, state, sentence), strict=True))
