"""Places at which something is shown and how likely it is looked at there: position bias.

An item that is shown at several places stands in the study once for each of them. Whether an agent looks comes first,
and then, if it does, its answer as if it had been in full view; who does not look leaves what it does not see:

    P(o | state, place p) = e_p · P(o | state),    P(unseen | state, p) = 1 − e_p + e_p · P(unseen | state),

with e_p the examination probability of the place, the same for all agents and all items of the area (the position-based
model: Craswell, Zoeter, Taylor and Ramsey 2008, doi:10.1145/1341531.1341545). e_p is known, or learned: then the first
place is the measure, e = 1, and the others are looked at e_p times as often as the first. Learned ones are told from
answers to the same item at several places; where an item has a place of its own, e_p and how often agents take the item
are one, and only the prior sets them apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from .study_part import Part, Text, Texts

if TYPE_CHECKING:
    from .study import Area, Item, Priors

LEARNED = "learned"

Chance = Annotated[float, Field(gt=0, le=1)]
Probability = Literal["learned"] | dict[Text, Chance]


class Examination(Part):
    """How likely what is shown at a place is looked at: ``[areas.X.examination]``.

    Parameters
    ----------
    unseen
        The option that is the answer of whoever does not look: skipped, passed over. Every item at a place has it.
    places
        Names of the places. Where their probabilities are learned, the first is the one looked at most.
    probability
        ``"learned"``, or the known probability of each place, above 0 and at most 1.
    """

    unseen: Text
    places: Annotated[tuple[Text, ...], Field(strict=False, min_length=2)]
    probability: Probability = "learned"


class LogExamination(Part):
    """Places of a log and how likely they are looked at: ``[log.examination]``.

    Every item of kind ``choice`` with the option ``unseen`` is asked at each place.

    Parameters
    ----------
    unseen, probability
        As in :class:`Examination`.
    places
        Which positions are a place, name → condition on the column ``position``: ``"1"``, ``["1", "2"]``, ``">= 3"``.
        Few places keep the table of counts small: a place for every handful of positions that are seen alike.
    """

    unseen: Text
    places: Annotated[dict[Text, Text | Texts], Field(min_length=2)]
    probability: Probability = "learned"


@dataclass(frozen=True, eq=False)
class Examined:
    """What examination means for the items of an area.

    Parameters
    ----------
    places
        Names of the places.
    known
        Known probability of each place, (place,); None where they are learned.
    place_of_item
        Place of each item, −1 for items that are seen, (item,).
    same_as
        For each item the first item at which the same is shown, itself where there is no other, (item,): these share
        their baselines.
    unseen
        Whether an option is the answer of whoever does not look, (option,).
    """

    places: tuple[str, ...]
    known: NDArray[np.float64] | None
    place_of_item: NDArray[np.int64]
    same_as: NDArray[np.int64]
    unseen: NDArray[np.bool_]

    @property
    def learned(self) -> tuple[str, ...]:
        """Names of the places whose probabilities are learned: all but the first, or none."""
        return self.places[1:] if self.known is None else ()


def examined_items(area: Area) -> Examined | None:
    """Return what examination means for the items of an area; None where nothing is shown at places."""
    if area.examination is None:
        return None
    given, items = area.examination, area.items
    place = [given.places.index(item.place) if item.place is not None else -1 for item in items]
    known = None
    if given.probability != LEARNED:
        assert isinstance(given.probability, dict)
        known = np.array([given.probability[name] for name in given.places])
    unseen = [item.place is not None and option == given.unseen for item in items for option in item.serves]
    same = same_items(items)
    return Examined(given.places, known, np.array(place), np.array(same), np.array(unseen))


def same_items(items: tuple[Item, ...]) -> list[int]:
    """Return for each item the position of the first at which the same is shown."""
    first: dict[str, int] = {}
    return [
        position if item.place is None else first.setdefault(item.shown or item.name, position)
        for position, item in enumerate(items)
    ]


def prior_of_places(n: int, priors: Priors) -> NDArray[np.float64]:
    """Return the mean of the logit of e at the second to the last of n places, (place − 1,): that of k^(−η).

    Parameters
    ----------
    n
        Number of places.
    priors
        Has η and the standard deviation of the logits as ``examination``.
    """
    log_e = -priors.examination[0] * np.log(np.arange(2, n + 1))
    return np.asarray(log_e - np.log(-np.expm1(log_e)))


def examination_of(area: Area, learned: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
    """Return the examination probability of each place, (place,), the learned ones given; None without places."""
    examined = examined_items(area)
    if examined is None:
        return None
    if examined.known is not None:
        return examined.known
    assert learned is not None
    return np.append(1.0, learned)


def seen_through(area: Area, p: NDArray[np.float64], examination: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the probabilities of options at their places from those in full view.

    Parameters
    ----------
    area
        The area.
    p
        P(option) where everything is looked at, (agent, option).
    examination
        Examination probability of each place, (place,).
    """
    examined = examined_items(area)
    assert examined is not None
    item_of_option = np.repeat(np.arange(len(area.items)), [len(item.serves) for item in area.items])
    e = np.append(examination, 1.0)[examined.place_of_item][item_of_option]
    return np.asarray(e * p + np.where(examined.unseen, 1 - e, 0.0))
