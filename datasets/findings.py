"""What weakens a table of answers without stopping a fit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import shown
from .choices import AreaChoices, Choices, Finding
from .look_alike import near_duplicates
from .validation import listed

RARE = 5
"""Answers below which an option counts as rare."""
MOST_SPREAD = 10.0
"""Standard deviation of a feature, in units of its coefficient, above which it is noted; and below its inverse."""
RECOMPUTED = frozenset(
    {
        "two-agents",
        "heavy-weight",
        "zero-conflict",
        "constant-item",
        "rare-option",
        "constant-feature",
        "feature-scale",
        "identical-items",
        "straight-lining",
        "near-duplicates",
    }
)
"""Findings that follow from the answers, so that more answers make them anew."""


def quality_findings(choices: Choices) -> list[Finding]:
    """Return what the answers themselves say about their worth.

    Parameters
    ----------
    choices
        The answers.
    """
    findings = []
    if choices.n_agents == 2:
        message = "There are two agents: the interval will be nearly that of the prior."
        findings.append(Finding("two-agents", message))
    findings += _heavy_weights(choices)
    for area in choices.areas:
        findings += _area_findings(area)
    findings += _identical_items(choices)
    findings += _straight_lining(choices)
    findings += _near_duplicates(choices)
    return findings


def _heavy_weights(choices: Choices) -> list[Finding]:
    weight = choices.survey_weight
    if weight is None:
        return []
    share = weight / weight.sum()
    heavy = np.flatnonzero(share > 0.2)
    if not len(heavy):
        return []
    of_whom = listed(str(choices.agents[agent]) for agent in heavy)
    message = f"The survey weight of agent {of_whom} is {share[heavy].max():.0%} of the sum of all."
    return [Finding("heavy-weight", message)]


def _area_findings(area: AreaChoices) -> list[Finding]:
    findings = []
    if len(area.goals) > 1 and not area.conflict.any():
        message = f"No goals of area {shown(area.name)} conflict: its scores are 0."
        findings.append(Finding("zero-conflict", message, area=area.name))
    chosen, names = _over_places(area)
    constant, rare = [], []
    for place, item in names.items():
        own = np.flatnonzero(area.item_of_option == place)
        if area.has_numbers[place]:
            constant += [item for numbers in area.numbers if numbers.item == place and len(numbers.value) == 1]
            continue
        if np.count_nonzero(chosen[own]) == 1:
            constant.append(item)
            continue
        rare += [
            f"{shown(area.options[option])} of {shown(item)} ({_times(int(chosen[option]))})"
            for option in own
            if chosen[option] < RARE
        ]
    if constant:
        message = f"All answers to {listed(constant)} are the same: no information about goals."
        findings.append(Finding("constant-item", message, area=area.name))
    if rare:
        more = f" and {len(rare) - 10:,} more" if len(rare) > 10 else ""
        message = f"Options chosen fewer than {RARE} times: {', '.join(rare[:10])}{more}."
        findings.append(Finding("rare-option", message, area=area.name))
    return findings + _feature_scales(area)


def _over_places(area: AreaChoices) -> tuple[NDArray[np.int64], dict[int, str]]:
    """Return how often options were chosen, (option,), at all places at which the same is shown, and items by name."""
    chosen = area.named
    if area.examined is None:
        return chosen, dict(enumerate(area.items))
    same, names = area.examined.same_as, {}
    for first in dict.fromkeys(same.tolist()):
        own = np.flatnonzero(same == first)
        chosen[area.item_of_option == first] = sum(chosen[area.item_of_option == item] for item in own)
        names[first] = area.items[first] if len(own) == 1 else f"{area.items[first]} or at another place"
    return chosen, names


def _feature_scales(area: AreaChoices) -> list[Finding]:
    """Find features whose coefficients have a prior far wider or narrower than their spread asks for."""
    findings = []
    for stages in area.stages:
        if not stages.features.size:
            continue
        values = stages.features[stages.shown >= 0]
        for name, sd, span in zip(stages.names, values.std(axis=0), np.ptp(values, axis=0), strict=True):
            if span == 0:
                message = (
                    f"Feature {shown(name)} is the same for all options shown: its coefficient comes from the prior."
                )
                findings.append(Finding("constant-feature", message, area=area.name))
            elif not 1 / MOST_SPREAD <= sd <= MOST_SPREAD:
                message = (
                    f"Feature {shown(name)} has a standard deviation of {sd:.2g} in units of its 'per', to which the "
                    "prior of its coefficient refers: set 'per' near its spread."
                )
                findings.append(Finding("feature-scale", message, "note", area=area.name))
    return findings


def _times(count: int) -> str:
    return "never" if count == 0 else "once" if count == 1 else f"{count} times"


def _identical_items(choices: Choices) -> list[Finding]:
    """Find items with the same answer of every agent: most often one column under two names."""
    seen: dict[tuple[tuple[str, ...], bytes], list[tuple[str, str]]] = {}
    for area in choices.areas:
        for place in np.flatnonzero(~area.repeated).tolist():
            answers = area.answer(place)
            if len(np.unique(answers[answers >= 0])) < 2:
                continue  # constant items are named elsewhere
            labels = area.options_of(place)
            order = np.argsort(np.array(labels, dtype=object))
            sorted_place = np.append(np.argsort(order), -1)
            column = sorted_place[answers].astype(np.int16)[area.pattern_of_agent]
            key = (tuple(sorted(labels)), column.tobytes())
            seen.setdefault(key, []).append((area.items[place], area.name))
    findings = []
    for items in seen.values():
        if len(items) > 1:
            areas = {area for _, area in items}
            message = f"Items {listed(item for item, _ in items)} have the same answer from every agent."
            findings.append(Finding("identical-items", message, area=areas.pop() if len(areas) == 1 else None))
    return findings


def _straight_lining(choices: Choices) -> list[Finding]:
    """Find agents who give one label as the answer to five items or more, and to all they answered."""
    by_labels: dict[tuple[str, ...], list[tuple[AreaChoices, int]]] = {}
    for area in choices.areas:
        for place in np.flatnonzero(~area.repeated).tolist():
            by_labels.setdefault(area.options_of(place), []).append((area, place))
    findings = []
    for items in by_labels.values():
        if len(items) < 5:
            continue
        answered = np.zeros(choices.n_agents, dtype=np.int32)
        last = np.full(choices.n_agents, -1, dtype=np.int64)
        straight = np.ones(choices.n_agents, dtype=bool)
        for area, place in items:
            answer = area.answer(place)[area.pattern_of_agent]
            given = answer >= 0
            straight &= ~given | (last < 0) | (answer == last)
            last = np.where(given, answer, last)
            answered += given
        share = float((straight & (answered >= 5)).mean())
        if share > 0.2:
            message = (
                f"{share:.0%} of agents give the same answer to all of {len(items)} items "
                f"({listed((area.items[place] for area, place in items), 3)}): goals held firmly, or careless answers."
            )
            findings.append(Finding("straight-lining", message))
    return findings


def _near_duplicates(choices: Choices) -> list[Finding]:
    findings = []

    def add(what: str, alike: Sequence[Sequence[str]], area: str | None = None) -> None:
        if alike:
            more = f" and {len(alike) - 5:,} more" if len(alike) > 5 else ""
            shown_alike = "; ".join(listed(same, 4) for same in alike[:5])
            message = f"Labels of {what} that look alike are kept apart: {shown_alike}{more}."
            findings.append(Finding("near-duplicates", message, area=area))

    for area in choices.areas:
        scales: dict[tuple[str, ...], list[str]] = {}
        for place, item in enumerate(area.items):
            scales.setdefault(area.options_of(place), []).append(item)
        for options, items in scales.items():
            add(f"options of {listed(items, 3)}", near_duplicates(options), area.name)
    add("groups", near_duplicates(choices.groups))
    add("items", near_duplicates(item for area in choices.areas for item in area.items))
    add("agents", near_duplicates(choices.agents))
    return findings
