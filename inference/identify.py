"""What the answers of a table can tell, before anything is fitted, in words for each area.

Counting comes first (items against goals, parameters against distinct sets of answers), then the expected information
n E[s sᵀ] of the table's own design at draws from the prior (:mod:`.identification`): its rank, and the direction in
which it is smallest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.linalg import null_space

from ..datasets.choices import AreaChoices, Choices
from ..datasets.learned_goals import kruskal
from ..datasets.study import Priors
from ..datasets.zero_sum import zero_sum_basis
from .density import AreaDensity, at_face_value
from .identification import answers_of_items, expected_information, item_rule, possible_patterns, share_information
from .model import area_densities, resolve_priors, share_names

Array = NDArray[np.float64]

_MOST_ANSWERS = 10**15
_NAMED = 0.1  # squared part of a direction from which a parameter is named


def identify(choices: Choices, *, priors: Priors | dict[str, Any] | None = None) -> pd.DataFrame:
    """Return what the answers can tell of each area, before fitting.

    Parameters
    ----------
    choices
        The choices: the answers themselves are used only to see who was asked what, and whether they are separated.
    priors
        Prior settings put over the study's: the information is computed at draws from them.

    Returns
    -------
    DataFrame
        One row per area:

        ``items``, ``goals``; ``parameters`` (what all groups have in common counts once) and ``patterns``, distinct
        possible sets of answers less one (a model with more parameters than that is not identified);
        ``kruskal``, whether so many goals could be told apart up to their names if they were learned (Kruskal 1977: a
        division of the items in three parts with Σ min(patterns of the part, goals) ≥ 2·goals + 2);
        ``rank`` of the expected information at the median draw from the prior;
        ``share_sd``, the largest expected sd of a goal share from the data alone, and ``share``, whose it is;
        ``least``, the parameters in the direction about which the answers say least;
        ``separated``, whether no agent gave answers that serve different goals;
        ``state`` and ``sentences``.

    References
    ----------
    Allman, E. S., Matias, C. and Rhodes, J. A. (2009). Identifiability of parameters in latent structure models with
    many observed variables. Annals of Statistics 37, 3099–3132. doi:10.1214/09-AOS689
    """
    densities = area_densities(choices, resolve_priors(choices, priors))
    return pd.DataFrame([_row(density) for density in densities])


def _row(density: AreaDensity) -> dict[str, Any]:
    area = density.area
    information, shares = expected_information(density), share_information(density)
    separated = is_separated(area)
    sentences = [sentence for sentence in (item_rule(area), shares.sentence) if sentence]
    free = free_directions(density)
    rank = int(np.median([_rank(free.T @ point @ free) for point in information])) if density.size else 0
    least = least_determined(information[0], free, coordinate_names(density)) if density.size else ()
    if rank < free.shape[1]:
        text = f"The answers determine {rank} of {free.shape[1]} parameters; of the rest only the prior speaks, most of"
        sentences.append(f"{text} all {', '.join(least)}.")
    if len(area.items) == 1 and not at_face_value(area):
        sentences.append("One item alone cannot show whether it measures the goals of the area.")
    if separated:
        sentences.append(
            "No agent gave answers that serve different goals: weights go as near to 1 as the prior lets them."
        )
    worst = int(np.argmax(shares.sd)) if len(shares.sd) else 0
    return {
        "area": area.name,
        "items": len(area.items),
        "goals": len(area.goals),
        "parameters": free.shape[1],
        "patterns": possible_patterns(area) - 1,
        "kruskal": kruskal(_sizes(area)[area.states_goals].tolist(), len(area.goals)),
        "rank": rank,
        "share_sd": shares.worst,
        "share": share_names(density)[worst] if shares.worst > 0 else None,
        "least": ", ".join(least),
        "separated": separated,
        "state": "caution" if sentences else "ok",
        "sentences": " ".join(sentences),
    }


def _sizes(area: AreaChoices) -> NDArray[np.int64]:
    """Return the number of distinct answers to each item, rankings with their order, (item,)."""
    beside = [one.item for one in area.stages] + [one.item for one in area.numbers]
    ranked = np.isin(np.arange(len(area.items)), beside)
    return np.where(ranked, np.minimum(answers_of_items(area), _MOST_ANSWERS), np.bincount(area.item_of_option))


def is_separated(area: AreaChoices) -> bool:
    """Return whether agents gave two answers or more that serve goals, and none gave answers without a common goal."""
    asked = area.states_goals[area.item_of_option]
    serving = area.serves.any(axis=0) & asked
    number = area.counts[:, serving].sum(axis=1)
    by_goal = area.counts[:, serving] @ area.serves[:, serving].T.astype(np.int64)
    several = number > 1
    if area.stages or area.numbers:  # whoever ranks options of several goals gives answers to several
        return False
    return bool(several.any() and (by_goal[several].max(axis=1) == number[several]).all())


def _rank(information: Array) -> int:
    scale = np.sqrt(np.maximum(np.diag(information), 1e-300))
    return int(np.linalg.matrix_rank(information / np.outer(scale, scale), tol=1e-8, hermitian=True))


def free_directions(density: AreaDensity) -> Array:
    """Return an orthonormal basis of the directions that change the model, (coordinate, direction).

    Where every agent belongs to a group, moving all groups at once is the same as moving what they deviate from: that
    is no lack of answers, so these directions are left out.
    """
    layout = density.parameters
    if not layout.n_deviating or layout.plain_prior:
        return np.eye(layout.size)
    at, k, sd = layout.slices, layout.n_shares, layout.priors.group_sd
    same = np.zeros((layout.size, k - 1 + layout.weighted))
    logits = np.vstack([np.eye(k - 1), -np.ones(k - 1)])
    for j in range(k - 1):
        same[at["share"].start + j, j] = 1
        same[at["share_dev"], j] = np.tile(-zero_sum_basis(k).T @ logits[:, j] / sd, layout.n_deviating)
    if layout.weighted:
        same[at["mean"], -1], same[at["mean_dev"], -1] = 1, -1 / sd
    return np.asarray(null_space(same.T)) if same.size else np.eye(layout.size)


def least_determined(information: Array, free: Array, names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the parameters in the direction in which an information matrix is smallest.

    Parameters
    ----------
    information
        Information about the coordinates, or the inverse of their covariance, (coordinate, coordinate).
    free
        Directions to look at, (coordinate, direction).
    names
        Name of each coordinate.

    Returns
    -------
    tuple of str
        Distinct names that have at least a tenth of the squared direction, the largest part first.
    """
    _, vector = np.linalg.eigh(free.T @ information @ free)
    part: dict[str, float] = {}
    for name, value in zip(names, np.square(free @ vector[:, 0]), strict=True):
        part[name] = part.get(name, 0.0) + float(value)
    return tuple(sorted((name for name in part if part[name] >= _NAMED), key=lambda name: -part[name]))


_WORDS = {
    "share": "goal shares",
    "share_dev": "goal shares of {}",
    "mean": "mean weight",
    "conc": "spread of weights",
    "mean_dev": "mean weight of {}",
    "scale": "scale of stated importance",
    "affinity": "what {} favours",
    "taste": "coefficients of features",
    "pass": "how many pass",
    "pass_scale": "scale of passing",
    "location": "size of counts and durations",
    "spread": "spread of counts and durations",
    "share_effect": "effect of {} on goals",
    "mean_effect": "effect of {} on weights",
    "mixing": "how far agents mix goals",
    "place": "examination of {}",
    "odds": "odds with which answers are recorded",
}


def coordinate_names(density: AreaDensity) -> list[str]:
    """Return what each coordinate of a parameter vector is about, in words, (coordinate,)."""
    layout, names = density.parameters, []
    groups = [name for name in density.prior_names if name is not None]
    for block, where in layout.slices.items():
        size = where.stop - where.start
        if block == "baseline":
            for item, basis in layout.baseline_blocks if layout.option_sizes else ():
                what = "comparisons" if item is None else repr(density.area.items[item])
                names += [f"baseline of {what}"] * basis.shape[1]
        elif block.endswith("_dev") and layout.n_deviating:
            names += [_WORDS[block].format(repr(group)) for group in groups for _ in range(size // layout.n_deviating)]
        elif block.endswith("_effect") and layout.design is not None:
            each = size // max(layout.n_effects, 1)
            names += [_WORDS[block].format(what) for what in layout.design.column_names for _ in range(each)]
        elif block == "affinity":
            for goal in density.area.goals if size else ():
                names += [_WORDS[block].format(repr(goal))] * (size // layout.n_learned)
        elif block == "place":
            learned = () if density.area.examined is None else density.area.examined.learned
            names += [_WORDS[block].format(repr(place)) for place in learned]
        else:
            names += [_WORDS[block]] * size
    return names
