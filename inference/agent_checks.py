"""Verdicts on pairs of agents and on the answers of each goal, in words.

Both kinds are significant at half of 0.05, adjusted by Holm's method within each, so that together they raise a false
alarm in at most one area in twenty. How often misfits are found is measured in ``benchmarks/misspecified``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .checks import Check
from .density import AreaDensity
from .goal_answers import GoalAnswers, goal_answers
from .model import share_names
from .pair_agreement import PairAgreement, pair_agreement
from .pearson_tail import holm
from .table_checks import NOTICEABLE, SIGNIFICANT

Array = NDArray[np.float64]

_KINDS = 2


@dataclass(frozen=True)
class GoalCheck:
    """How the answers of the agents of one goal to one item compare with what the model expects of them.

    Parameters
    ----------
    goal, item, option
        The goal, an item, and the option of it whose share is furthest from the model, in standard errors.
    agents
        Number of agents behind the share, as many as count alike.
    share, expected
        Share of the option among them, and what the model expects.
    p, adjusted_p
        Predictive p-value, and the same adjusted over goals and items of the area and for the kinds of checks.
    state
        ``"ok"``; ``"note"`` when significant; ``"caution"`` when significant and noticeable.
    sentence
        What to tell a person; empty when ok.
    """

    goal: str
    item: str
    option: str
    agents: float
    share: float
    expected: float
    p: float
    adjusted_p: float
    state: str
    sentence: str


def goal_checks(density: AreaDensity, found: GoalAnswers) -> tuple[GoalCheck, ...]:
    """Return one check for each goal and item with something to compare.

    Parameters
    ----------
    density
        Density of the area.
    found
        Answers per goal.
    """
    area = density.area
    entries = []
    for g, goal in enumerate(share_names(density)):
        for j, item in enumerate(area.items):
            options = np.flatnonzero(area.item_of_option == j)
            p = found.p[g, options]
            if np.isnan(p).all():
                continue
            best = int(options[np.nanargmin(p)])
            tests = max(int(np.isfinite(p).sum()), 2) - (len(options) == 2)  # two options are mirror images
            entries.append((g, goal, item, best, min(1.0, float(np.nanmin(p)) * tests)))
    checks = []
    for (g, goal, item, option, p), holms in zip(entries, holm([e[4] for e in entries]).tolist(), strict=True):
        adjusted = min(1.0, _KINDS * holms)
        share, expected = float(found.observed[g, option]), float(found.expected[g, option])
        state = _state(adjusted, abs(share - expected))
        label, sentence = area.options[option], ""
        if state != "ok":
            sentence = (
                f"Agents whose answers speak for goal '{goal}' answer '{label}' to '{item}' in {share:.1%} of cases,"
                f" where the model expects {expected:.1%} (p {_shown(adjusted)}){_small(state)}."
            )
        size = float(found.agents[g, option])
        checks.append(GoalCheck(goal, item, label, size, share, expected, p, adjusted, state, sentence))
    return tuple(checks)


def goal_answers_check(density: AreaDensity, theta: Array) -> Check | None:
    """Return whether the agents of each goal answer as the model expects; None where there is nothing to compare.

    Parameters
    ----------
    density
        Density of the area.
    theta
        Equally weighted posterior draws, (draw, coordinate).
    """
    found = goal_answers(density, theta)
    checks = () if found is None else goal_checks(density, found)
    if not checks:
        return None
    return summary("goal-answers", density.area.name, checks)


def summary(kind: str, area: str, checks: tuple[GoalCheck, ...]) -> Check:
    """Return one check for all goals and items: the worst in words, and how many more there are."""
    failed = [check for check in checks if check.state != "ok"]
    if not failed:
        return Check(kind, "ok", area, "", min(check.adjusted_p for check in checks), SIGNIFICANT)
    worst = max(failed, key=lambda check: (check.state == "caution", abs(check.share - check.expected)))
    others = len(failed) - 1
    more = f" So do {others} more answers of a goal." if others > 1 else " So does one more." if others else ""
    return Check(kind, worst.state, area, worst.sentence + more, worst.adjusted_p, SIGNIFICANT)


def pair_agreement_check(density: AreaDensity, theta: Array) -> Check | None:
    """Return whether pairs of agents agree as the model expects; None where there are no pairs to compare.

    Parameters
    ----------
    density
        Density of the area.
    theta
        Equally weighted posterior draws, (draw, coordinate).
    """
    found = pair_agreement(density, theta)
    return None if found is None else agreement_verdict(density.area.name, found)


def agreement_verdict(area: str, found: PairAgreement) -> Check:
    """Return the check of the agreement of pairs of agents: the mean, and how far pairs differ."""
    level, spread = (min(1.0, _KINDS * p) for p in holm([found.p_mean, found.p_spread]).tolist())
    states = (
        _state(level, abs(found.mean - found.expected_mean)),
        _state(spread, abs(found.spread - found.expected_spread)),
    )
    texts = []
    if states[0] != "ok":
        texts.append(
            f"Two agents agree on {found.mean:.1%} of the items both answered, where the model expects"
            f" {found.expected_mean:.1%} (p {_shown(level)}){_small(states[0])}."
        )
    if states[1] != "ok":
        more = found.spread > found.expected_spread
        how = "hang together more" if more else "hang together less"
        texts.append(
            f"Agreements of two agents on different items {how} than goals explain: pairs differ in their agreement by"
            f" {found.spread:.1%}, where the model expects {found.expected_spread:.1%} (p {_shown(spread)})"
            f"{_small(states[1])}."
        )
    state = "caution" if "caution" in states else "note" if "note" in states else "ok"
    return Check("pair-agreement", state, area, " ".join(texts), min(level, spread), SIGNIFICANT)


def _state(p: float, size: float) -> str:
    return "ok" if p >= SIGNIFICANT else "caution" if size >= NOTICEABLE else "note"


def _shown(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"


def _small(state: str) -> str:
    return ", too little to matter" if state == "note" else ""
