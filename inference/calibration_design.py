"""What a calibration is about: the design that data sets are simulated from, and the quantities that are ranked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.study import Area, Study
from ..errors import Fault, InputError, clean, shown
from .area_scores import ESTIMANDS
from .sensitivity import SCORES

LOG_LIKELIHOOD = "log_likelihood"
MOST_GROUPS = 4
"""Up to this many groups, scores within and between groups are ranked too."""


@dataclass(frozen=True)
class Quantity:
    """A number that has a true value in a simulated data set, and posterior draws.

    Parameters
    ----------
    score
        ``"contention"``, ``"misalignment"``, ``"relative_misalignment"``, or ``"log_likelihood"`` of the parameters.
    estimand
        ``"sample"`` or ``"population"``; empty for the log likelihood.
    area
        Name of the area; None for overall scores.
    group, group_other
        Names of groups, for scores within or between groups.
    """

    score: str
    estimand: str = ""
    area: str | None = None
    group: str | None = None
    group_other: str | None = None

    @property
    def name(self) -> str:
        """Name for tables, unique over the quantities of a design."""
        words = f"{self.estimand} {self.score}".strip().replace("_", " ")
        where = "overall" if self.area is None else clean(self.area)
        if self.group is None or self.group_other is None:
            return f"{where}: {words}"
        among = f"within {clean(self.group)}"
        if self.group != self.group_other:
            among = f"{clean(self.group)} to {clean(self.group_other)}"
        return f"{where}: {words}, {among}"


@dataclass(frozen=True)
class Design:
    """What a study would be asked with: the answers are simulated from it and from the study's priors.

    Parameters
    ----------
    study
        The study.
    n_agents
        Number of agents.
    groups
        Names and shares of groups; empty for none.
    missing
        Probability that an answer is missing, at random.
    answers_per_item
        Answers of an agent to a repeated item.

    Raises
    ------
    InputError
        If there is nothing to calibrate, or a number is out of range.
    """

    study: Study
    n_agents: int
    groups: tuple[tuple[str, float], ...] = ()
    missing: float = 0.0
    answers_per_item: int = 5

    def __post_init__(self) -> None:
        faults = [*_number_faults(self), *_group_faults(self)]
        if not faults and not quantities(self):
            message = "No score can vary: no area has two goals in conflict."
            faults.append(Fault(code="no-conflict", message=message, remedy="Give a study with conflicting goals."))
        if faults:
            raise InputError(faults)

    @property
    def shares(self) -> Mapping[str, float] | None:
        """Shares of groups by name, as :func:`~dissensus.datasets.simulate` takes them."""
        return dict(self.groups) or None

    @property
    def area_weights(self) -> NDArray[np.float64]:
        """Weight of each area in overall scores, (area,)."""
        return np.array([area.area_weight for area in self.study.areas])

    def weighted(self, area: Area) -> bool:
        """Return whether agents answer more than once in an area, or pass as they care, so that weights are seen."""
        alone = area.items[0]
        told = alone.is_number or (area.abstain is not None and area.abstain.means == "low_weight")
        return len(area.items) > 1 or told or (alone.repeated and self.answers_per_item > 1)

    def to_dict(self) -> dict[str, Any]:
        """Return the design as plain data, the study by its title and a hash of its content."""
        text = json.dumps(self.study.to_dict(), sort_keys=True, ensure_ascii=True)
        return {
            "title": self.study.title,
            "study": hashlib.sha256(text.encode()).hexdigest(),
            "agents": self.n_agents,
            "groups": dict(self.groups),
            "missing": self.missing,
            "answers_per_item": self.answers_per_item,
        }


def quantities(design: Design) -> tuple[Quantity, ...]:
    """Return what is ranked: scores that the design defines and that are not 0 whatever the answers.

    With one area, its scores are the overall ones and stand once. With up to 4 groups, scores within and between
    groups are ranked too. The log likelihood of the parameters of an area, at its answers, is ranked because it finds
    faults that no score shows (Modrák et al., doi:10.1214/23-BA1404).
    """
    areas = design.study.areas
    places: list[tuple[str | None, tuple[str, ...]]] = []
    for area in areas:
        if area.conflict_matrix.any():
            places.append((area.name, SCORES if design.weighted(area) else SCORES[:1]))
    if len(areas) > 1 and any(area.area_weight > 0 for area in areas if area.conflict_matrix.any()):
        whole = all(design.weighted(area) for area in areas if area.area_weight > 0)
        places.append((None, SCORES if whole else SCORES[:1]))
    names = [name for name, _ in design.groups]
    pairs: list[tuple[str | None, str | None]] = [(None, None)]
    if len(names) <= MOST_GROUPS:
        pairs += combinations_with_replacement(names, 2)
    found = [
        Quantity(score, estimand, place, *pair)
        for place, scores in places
        for pair in pairs
        for estimand in ESTIMANDS
        for score in scores
    ]
    if not found:
        return ()
    return (*found, *(Quantity(LOG_LIKELIHOOD, area=area.name) for area in areas))


def _number_faults(design: Design) -> list[Fault]:
    checks = (
        ("agents", design.n_agents, design.n_agents >= 2, "a score needs two agents"),
        ("missing", design.missing, 0 <= design.missing < 1, "it is a probability below 1"),
        ("answers-per-item", design.answers_per_item, design.answers_per_item >= 1, "it is at least 1"),
    )
    return [
        Fault(code=name, message=f'"{name}" is {value}; {why}.', remedy="Give another number.", value=str(value))
        for name, value, good, why in checks
        if not good
    ]


def _group_faults(design: Design) -> list[Fault]:
    if not design.groups:
        return []
    names, shares = [name for name, _ in design.groups], np.array([share for _, share in design.groups])

    def fault(message: str) -> list[Fault]:
        remedy = "Give two or more groups, each once, with shares that give each at least two agents."
        return [Fault(code="groups", message=message, remedy=remedy, value=shown(", ".join(names)))]

    if len(names) < 2 or len(set(names)) < len(names):
        return fault(f'"groups" names {", ".join(map(shown, names))}: one group, or one name twice.')
    if not (np.isfinite(shares).all() and (shares > 0).all()):
        return fault('"groups" has a share that is not a positive number.')
    if (np.floor(shares / shares.sum() * design.n_agents) < 2).any():
        return fault(f'"groups" has a group of fewer than two of the {design.n_agents} agents.')
    return []
