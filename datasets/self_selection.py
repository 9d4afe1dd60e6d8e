"""Self-selection: people rate what they like, so the answers that were recorded are not those everybody would give.

``[areas.X.selection]`` states by what odds r an answer is recorded, relative to the answers it does not name:

    P(o | recorded, state) = P(o | state) · r_o / Σ_q P(q | state) · r_q,

the same r for all agents and items of the area. A range is a prior: log r is normal with 90 % of its mass there. An
item may be asked a second time *at random*, of things that the agent did not pick; those answers are not selected, so
the two together tell r (Marlin and Zemel 2009, doi:10.1145/1639714.1639717).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from .study_part import Part, Text, Texts

if TYPE_CHECKING:
    from .study import Area

Array = NDArray[np.float64]

KINDS = ("choice", "ordinal")
"""Kinds of items whose answers may be selected."""
LEARNED = (0.1, 10.0)
"""Odds where answers given at random tell them and the study names none: a range."""
LARGEST = 10_000.0
"""Odds lie between 1 / this and this."""
_NORMAL_90 = 2 * 1.6448536269514722  # standard deviations between the 5 % and the 95 % quantile

Ratio = Annotated[float, Field(ge=1 / LARGEST, le=LARGEST)]
Odds = Ratio | Annotated[tuple[Ratio, Ratio], Field(strict=False)]


class Selection(Part):
    """By what odds answers are recorded: ``[areas.X.selection]``.

    Parameters
    ----------
    odds
        Odds of the answers named, relative to those not named: a number, or a range that holds 90 % of the prior.
    never_at_random
        Items of a log of which nothing was shown at random.
    """

    odds: dict[Text, Odds] = Field(min_length=1)
    never_at_random: Texts = ()


@dataclass(frozen=True, eq=False)
class Recorded:
    """How the recorded answers of an area come from those that everybody would give.

    Parameters
    ----------
    source
        The option that an option stands for, (option,): itself, or for an item asked at random that of its original.
    selected
        Whether answers to the item are selected, (item,).
    log_odds
        Log odds of each option as far as they are stated as numbers, else 0, (option,).
    basis
        Which option has which of the odds that are not known, (option, odds), as 0 and 1.
    prior
        Mean and standard deviation of the logarithm of those odds, (2, odds).
    names
        The answers they are of, (odds,).
    """

    source: NDArray[np.int64]
    selected: NDArray[np.bool_]
    log_odds: Array
    basis: Array
    prior: Array
    names: tuple[str, ...]

    @property
    def at_random(self) -> NDArray[np.bool_]:
        """Whether an option belongs to an item that is asked at random, (option,)."""
        return np.asarray(self.source != np.arange(len(self.source)))


def odds_prior(odds: tuple[float, float]) -> tuple[float, float]:
    """Return mean and standard deviation of the logarithm of odds whose range holds 90 % of the prior."""
    low, high = np.log(odds)
    return float((low + high) / 2), float((high - low) / _NORMAL_90)


def recorded(area: Area) -> Recorded | None:
    """Return how the recorded answers of an area come about; None where they are those that everybody would give."""
    if area.selection is None:
        return None
    odds = area.selection.odds
    unknown = [name for name, value in odds.items() if isinstance(value, tuple)]
    first = dict(zip([item.name for item in area.items], _starts(area), strict=True))
    source, log_odds, basis, selected = [], [], [], []
    for item in area.items:
        start = first[item.at_random_of or item.name]
        mine = is_selected(area, item.name)
        selected.append(mine)
        for place, option in enumerate(item.serves):
            value = odds.get(option, 1.0) if mine else 1.0
            source.append(start + place)
            log_odds.append(0.0 if isinstance(value, tuple) else float(np.log(value)))
            basis.append([float(mine and option == name) for name in unknown])
    ranges = [value for value in odds.values() if isinstance(value, tuple)]
    prior = np.array([odds_prior(value) for value in ranges], dtype=np.float64).reshape(-1, 2).T
    shaped = np.array(basis, dtype=np.float64).reshape(len(source), len(unknown))
    return Recorded(np.array(source), np.array(selected, dtype=bool), np.array(log_odds), shaped, prior, tuple(unknown))


def is_selected(area: Area, name: str) -> bool:
    """Return whether answers to an item of the area are selected."""
    item = next(item for item in area.items if item.name == name)
    if area.selection is None or item.at_random_of is not None or item.kind not in KINDS:
        return False
    return any(option in area.selection.odds for option in item.serves)


def _starts(area: Area) -> list[int]:
    return np.cumsum([0, *(len(item.serves) for item in area.items[:-1])]).tolist()


def if_all_answered(area: Area) -> Area:
    """Return the area as everybody would answer it: each item once, nothing selected."""
    items = tuple(item for item in area.items if item.at_random_of is None)
    return area.model_copy(update={"items": items, "selection": None})


def asked_options(area: Area) -> NDArray[np.bool_]:
    """Return whether an option is one of :func:`if_all_answered`, (option,)."""
    return np.array([item.at_random_of is None for item in area.items for _ in item.serves], dtype=bool)


def recorded_probability(area: Area, p: Array, odds: Array) -> Array:
    """Return the probability of every recorded answer, (agent, option).

    Parameters
    ----------
    area
        The area.
    p
        Probability of every answer, were it recorded whatever it is, of :func:`if_all_answered`, (agent, answer).
    odds
        The odds that are not known beforehand, in the order of :class:`Recorded`, (odds,).
    """
    given = recorded(area)
    if given is None:
        return p
    place = np.cumsum(~given.at_random) - 1
    item = np.repeat(np.arange(len(area.items)), [len(one.serves) for one in area.items])
    result = p[:, place[given.source]] * np.exp(given.log_odds + given.basis @ np.log(odds))
    for j in np.flatnonzero(given.selected):
        result[:, item == j] /= result[:, item == j].sum(axis=1, keepdims=True)
    return np.asarray(result)
