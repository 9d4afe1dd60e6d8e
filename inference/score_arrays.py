"""Scores of areas as the variables of a dataset: per area and overall, for both estimands, and by groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..forward_model.aggregation import mean_over_areas, relative_over_areas
from ..forward_model.pair_sums import TotalsScores
from .area_scores import ESTIMANDS

Array = NDArray[np.float64]

SCORES = ("contention", "misalignment", "relative_misalignment")


class BothEstimands(Protocol):
    """Scores of one area: of these agents, and of infinitely many like them."""

    @property
    def sample(self) -> TotalsScores:
        """Pairs without replacement."""

    @property
    def population(self) -> TotalsScores:
        """Pairs with replacement."""


def score_arrays(
    scores: Sequence[BothEstimands],
    *,
    weights_known: Sequence[bool],
    area_weights: Array,
    n_groups: int,
    chains: int,
) -> dict[str, tuple[tuple[str, ...], Array]]:
    """Return dims and values of every score, by name.

    Parameters
    ----------
    scores
        One entry per area; ``overall`` (draw,), ``groups`` (draw, prior, prior).
    weights_known
        Whether the weights of an area are known; where not, misalignment is NaN.
    area_weights
        Weight of each area in overall scores, (area,).
    n_groups
        Number of groups; 0 leaves out the scores by groups.
    chains
        Number of chains that the draws are split into.

    Returns
    -------
    dict
        ``contention``, … (chain, draw, estimand, area), ``overall_…`` (chain, draw, estimand); with groups
        ``group_…`` and ``overall_group_…`` with group and group_other at the end.
    """
    data: dict[str, tuple[tuple[str, ...], Array]] = {}

    def stack(level: str, field: str) -> Array:
        """(estimand, draw, ..., area); NaN where an area has no weights."""
        return np.stack(
            [
                np.stack([_field(s, e, level, field, w) for s, w in zip(scores, weights_known, strict=True)], -1)
                for e in ESTIMANDS
            ]
        )

    for level, prefix, dims in (("overall", "", ()), ("groups", "group_", ("group", "group_other"))):
        if level == "groups" and n_groups == 0:
            continue
        values = {field: stack(level, field) for field in (*SCORES, "pair_weight")}
        if level == "groups":
            values = {f: v[:, :, :n_groups, :n_groups] if v.shape[2] > 1 else v for f, v in values.items()}
        overall = {field: mean_over_areas(values[field], area_weights) for field in SCORES[:2]}
        overall["relative_misalignment"] = relative_over_areas(
            values["misalignment"], values["pair_weight"], area_weights
        )
        for field in SCORES:
            data[prefix + field] = chained(np.moveaxis(values[field], -1, 2), chains, ("area", *dims))
            data["overall_" + prefix + field] = chained(overall[field], chains, dims)
    return data


def _field(scores: BothEstimands, estimand: str, level: str, field: str, weighted: bool) -> Array:
    values = np.asarray(getattr(getattr(getattr(scores, estimand), level), field))
    return values if weighted or field == "contention" else np.full_like(values, np.nan)


def chained(values: Array, chains: int, dims: tuple[str, ...]) -> tuple[tuple[str, ...], Array]:
    """Turn (estimand, draw, ...) into dims and values of (chain, draw, estimand, ...)."""
    moved = np.moveaxis(values, 0, 1)
    return ("chain", "draw", "estimand", *dims), moved.reshape(chains, -1, *moved.shape[1:])
