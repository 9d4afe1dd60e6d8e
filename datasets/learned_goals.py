"""Checks of areas whose goals are learned: what a study may ask of them, and how many goals its items can tell apart.

Allman, Matias and Rhodes (2009, doi:10.1214/09-AOS689, theorem 4): K classes with independent answers are identified,
up to their labels and for almost all values, if the items fall into three sets whose numbers κ of joint answers satisfy
min(K, κ₁) + min(K, κ₂) + min(K, κ₃) ≥ 2K + 2 (from Kruskal 1977). Orders of separate sets of objects are independent
answers of a Plackett–Luce ranking, so a full ranking counts as an item of two options for every two objects; by itself
it tells K goals apart from 2K objects on (Zhao, Piech and Xia 2016, arXiv:1603.07323). Counts, durations, and what an
agent may be asked any number of times, set no bound before the answers are known.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import shown
from .study import Area, Item
from .uncertain_conflict import BEHAVIOURAL, is_uncertain
from .validation import StudyFaults, kind_of

MAX_LEARNED = 20
"""Learned goals of an area."""


def goal_names(number: int) -> tuple[str, ...]:
    """Return the names of learned goals that the study does not name."""
    return tuple(f"goal {k}" for k in range(1, number + 1))


def with_learned_goals(name: str, raw: dict[str, Any], faults: StudyFaults) -> dict[str, Any]:
    """Return the keys of an area with learned goals written out: names, conflict and weights where none are given.

    Conflict is then behavioural. Weights are 1, latent classes: what a goal favours is learned, so the size of a
    weight says little; they are free where the area also asks how important it is, or has anchors.

    Parameters
    ----------
    name
        Name of the area.
    raw
        Its keys.
    faults
        Takes what is wrong with the number.
    """
    number = raw.get("goals")
    if isinstance(number, int) and not isinstance(number, bool):
        if not 1 <= number <= MAX_LEARNED:
            message = f"Area {shown(name)} asks for {shown(str(number)[:60])[1:-1]} learned goals."
            remedy = f"Give a number from 1 to {MAX_LEARNED}, or the names of given goals."
            faults.add("wrong-value", message, remedy, "goals", f"[areas.{name}]", value=str(number))
            number = 1
        raw = {"learned": True, **raw, "goals": list(goal_names(number))}
    if raw.get("learned") is True:
        raw = {"weights": "free" if _tells_weights(raw) else "one", **raw}
        if raw.get("conflict") is None and len(_texts(raw.get("goals"))) > 1:
            raw["conflict"] = BEHAVIOURAL
    return raw


def _tells_weights(raw: dict[str, Any]) -> bool:
    """Return whether an area asks how important it is, or has anchors, which an agent may answer against its goal."""
    items = raw.get("items")
    own = [item for item in items.values() if isinstance(item, dict)] if isinstance(items, dict) else []
    anchors = any(any(item["serves"].values()) for item in own if isinstance(item.get("serves"), dict))
    return anchors or "importance" in raw or any(item.get("kind") == "importance" for item in own)


def _texts(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def listed_options(item: dict[str, Any]) -> dict[str, Any]:
    """Return the keys of an item with ``options = [...]``, of which none serves a goal, as ``serves``."""
    options = item.get("options")
    if "serves" in item or not (isinstance(options, list) and all(isinstance(option, str) for option in options)):
        return item
    if len(set(options)) < len(options):
        return item
    return {**{key: value for key, value in item.items() if key != "options"}, "serves": {o: [] for o in options}}


def check_options(area: str, name: str, item: dict[str, Any], *, learned: bool, faults: StudyFaults) -> None:
    """Check the key ``options`` of an item: it stands for ``serves`` where goals are learned."""
    if "options" not in item:
        return
    options, said = item["options"], shown(name)
    if not learned:
        message = f"Item {said} lists 'options', and area {shown(area)} has given goals."
        remedy = 'Say what each option serves: serves = { option = "goal" }, or [] for none.'
        faults.add("kind", message, remedy, f"items.{name}]", "options")
    elif "serves" in item:
        message = f"Item {said} has both 'serves' and 'options'."
        faults.add("kind", message, "Remove one of the two.", f"items.{name}]", "options")
    elif not isinstance(options, list) or not all(isinstance(option, str) for option in options):
        message = f"'options' of item {said} is {kind_of(options)}."
        remedy = 'List the options: options = ["yes", "no"].'
        faults.add("wrong-type", message, remedy, f"items.{name}]", "options")
    elif len(set(options)) < len(options):
        message = f"'options' of item {said} lists an option twice."
        faults.add("option-twice", message, "List each once.", f"items.{name}]", "options")


def check_learned(area: Area, faults: StudyFaults) -> None:
    """Check what learned goals ask of an area, and that no area with given goals asks for theirs.

    Parameters
    ----------
    area
        The area, its conflict and items included.
    faults
        Takes what is wrong.
    """
    name, header = shown(area.name), f"[areas.{area.name}]"
    if not area.learned:
        if area.weights == "one":
            message = f'Area {name} has given goals and weights = "one".'
            remedy = "Remove 'weights': an answer that does not serve the goal would then be impossible."
            faults.add("wrong-value", message, remedy, "weights", header)
        if area.behavioural:
            message = f"The conflict of area {name} is 'behavioural', and its goals are given."
            faults.add("wrong-value", message, "Give numbers, or learn the goals.", "conflict", header)
        return
    if not area.learned_items:
        message = f"The goals of area {name} are learned, and every item says what they favour."
        remedy = 'Remove learned = true, or add items whose options serve no goal: options = ["yes", "no"].'
        faults.add("wrong-value", message, remedy, "learned", header)
    if area.weights == "one" and any(any(item.serves.values()) for item in area.items):
        message = f"Area {name} has anchors, options that serve a goal, and all its weights are 1."
        remedy = "Remove 'weights': an answer to an anchor that does not serve the goal would then be impossible."
        faults.add("wrong-value", message, remedy, "weights", header)
    if area.weights == "one" and any(item.kind == "importance" for item in area.items):
        message = f"Area {name} states how important it is, and all its weights are 1."
        faults.add("wrong-value", message, "Remove one of the two.", "weights", header)
    _check_labels(area, faults)
    _check_number(area, faults)


def _check_labels(area: Area, faults: StudyFaults) -> None:
    """Check that conflicts of goals that nothing tells apart do not depend on which is which."""
    if area.behavioural or all(len(group) == 1 for group in same_rows(area.serves_matrix)):
        return
    matrix = area.conflict_matrix
    pairs = matrix[~np.eye(len(matrix), dtype=bool)]
    if is_uncertain(area.conflict) or np.ptp(pairs) > 0:
        message = f"The conflict of area {shown(area.name)} tells apart goals that are learned without anchors."
        remedy = (
            'Write conflict = "behavioural" or one number; give other conflicts to what_if, when the fit says which '
            "goal is which."
        )
        faults.add("learned-conflict", message, remedy, "conflict", f"[areas.{area.name}]")


def same_rows(serves: NDArray[np.bool_]) -> tuple[tuple[int, ...], ...]:
    """Return the goals, by position, in groups that no anchor tells apart.

    Parameters
    ----------
    serves
        Whether an option serves a goal, (goal, option).
    """
    groups: dict[bytes, list[int]] = {}
    for goal, served in enumerate(serves):
        groups.setdefault(served.tobytes(), []).append(goal)
    return tuple(tuple(group) for group in groups.values())


def _check_number(area: Area, faults: StudyFaults) -> None:
    """Check that the items can tell so many goals apart (only without anchors, which tell more)."""
    asked = [item for item in area.items if item.kind != "importance"]
    if len(area.goals) < 2 or any(any(item.serves.values()) for item in asked):
        return
    if any(item.is_number or item.kind == "situation" or (item.in_stages and item.repeated) for item in asked):
        return
    sizes = [size for item in asked for size in _sizes(item)]
    alone = [_goals_of_ranking(len(item.serves)) for item in asked if _is_full(item)]
    most = max(largest_number(sizes), *alone, 1)
    if len(area.goals) > most:
        n_items = f"{len(asked)} item" + ("" if len(asked) == 1 else "s")
        message = f"Area {shown(area.name)} learns {len(area.goals)} goals from {n_items}, which can tell apart {most}."
        remedy = (
            f"Learn at most {most}, add items or anchors (three sets of items with κ joint answers must have "
            "min(K, κ) that sum to 2K + 2)."
        )
        faults.add("learned-goals", message, remedy, "goals", f"[areas.{area.name}]", value=str(len(area.goals)))


def _is_full(item: Item) -> bool:
    """Return whether an item is a ranking of all its objects."""
    return item.kind == "ranking" and not item.in_ballots and item.n_places >= len(item.serves) - 1


def _sizes(item: Item) -> list[int]:
    """Return the number of options of an item, of a full ranking those of the independent answers it holds."""
    if _is_full(item):
        return [2] * (len(item.serves) // 2)
    return [len(item.serves)] if len(item.serves) > 1 else []


def _goals_of_ranking(objects: int) -> int:
    """Return how many goals a full ranking of so many objects tells apart for sure."""
    most = max(1, objects // 2)
    while most > 2 and most > math.factorial((objects - 2) // 2):
        most -= 1
    return most if objects >= 4 else 1


def largest_number(sizes: Sequence[int]) -> int:
    """Return the largest number of learned goals that items with so many options each can tell apart.

    Parameters
    ----------
    sizes
        Number of options of each item.

    Returns
    -------
    int
        At least 1, at most :data:`MAX_LEARNED`.
    """
    free, best = math.prod(sizes) - 1, 1
    for number in range(2, MAX_LEARNED + 1):
        parameters = number * (1 + sum(size - 1 for size in sizes)) - 1
        if not kruskal(sizes, number) or parameters > free:
            break
        best = number
    return best


def kruskal(sizes: Sequence[int], goals: int) -> bool:
    """Return whether a division of items into three parts satisfies Kruskal's condition for some number of goals.

    Parameters
    ----------
    sizes
        Number of options of each item.
    goals
        Number of goals K: the condition is Σ min(product of the part's sizes, K) ≥ 2K + 2. One goal needs none.
    """
    if goals <= 1:
        return True
    parts: set[tuple[int, ...]] = {(1, 1, 1)}  # products of the parts, as far as they count, in order
    for size in sizes:
        parts = {
            tuple(sorted((*part[:k], min(part[k] * size, goals), *part[k + 1 :]))) for part in parts for k in range(3)
        }
    return max(sum(part) for part in parts) >= 2 * goals + 2
