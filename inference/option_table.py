"""The table log P(option | state) of an area, from its baselines: every kind of item is one formula for its options.

``follow``      P(o | g, w) = w·G_g(o) + (1 − w)·B(o), with G_g(o) = 1 / (number of options of the item that serve g);
                P = B for an item none of whose options serves g.
``luce``        P(o | g, w) = softmax over the item's options of log B(o) + κ·w·A_g(o), A = 1 where the option serves g;
                a comparison of two objects is this with A = 1/2 for a tie (Davidson 1970, doi:10.2307/2283595); the
                first choice of a ranking is this too, the later ones are in :mod:`.stage_table`.
``cumulative``  P(at most o | g, w) = logistic(τ_o + a_g(o, w)): levels in order, see :mod:`.cumulative_table`.
``learned``     what a goal favours is a parameter, see :mod:`.learned_table`; the shift of an ordered scale is −w·a_g.

Where items are shown at places that agents may not look at, what comes out is seen through :mod:`.examination_table`.

All are constants of the study combined with the baseline, so a table is some constant arrays and one formula per run of
items of the same kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.self_selection import Recorded
from ..forward_model.choice_rules import level_push, pairwise_affinity
from .cumulative_table import (
    CumulativeTable,
    Levels,
    learned_levels,
    log_level_probability,
    make_cumulative,
    pull_back_learned_levels,
    pull_back_levels,
)
from .examination_table import ExaminationTable, log_examined, pull_back_examination
from .goal_stages import AnyStageTable
from .learned_table import (
    LearnedTable,
    log_mixture,
    log_sure,
    make_learned,
    pull_back_mixture,
    pull_back_softmax,
    pull_back_sure,
)
from .mixed_table import Blend, log_blend, pull_back_blend
from .number_table import NumberTable
from .pass_table import PassTable, log_with_passes, make_passes, split_passes
from .selection_table import SelectionTable, asked, log_recorded, make_selection, split_recorded
from .states import IMPOSSIBLE, States

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RuleTable:
    """Constants of a run of items whose answers follow one choice rule.

    Parameters
    ----------
    rule
        ``"follow"`` or ``"luce"``.
    options
        Where the run lies among the options of the area.
    item_of_option
        Item of each option, (option,), not decreasing.
    same_item
        Whether two options belong to one item, (option, option), as 0 and 1.
    served
        ``follow``: w·G_g(o), the part of the probability that serves the goal; ``luce``: κ·w·A_g(o). (state, option)
    free
        ``follow``: the factor of the baseline, 1 − w or 1; unused by ``luce``. (state, option)
    ignored
        Options that carry no information, (option,): in one-answer areas, those that serve no goal while the others
        of the item serve them all.
    """

    rule: str
    options: slice
    item_of_option: NDArray[np.int64]
    same_item: Array
    served: Array
    free: Array
    ignored: NDArray[np.bool_]


type Part = RuleTable | CumulativeTable | LearnedTable


@dataclass(frozen=True, eq=False)
class OptionTable:
    """Constants of the table of one area: of all its options, and of each run of items of one kind.

    Parameters
    ----------
    item_of_option, same_item, ignored
        As in :class:`RuleTable`, for all options of the area.
    parts
        The runs, in the order of the options.
    n_scales
        Number of scales λ of stated importance among the parameters.
    stages
        Choices from sets that differ, see :mod:`.stage_table`.
    passing
        How agents pass on items, see :mod:`.pass_table`; ``parts`` are then those of the answers, in ``answers``.
    answers
        Where there is passing, the table of the answers alone; where answers are selected, of those everybody is asked.
    numbers
        Counts and durations, see :mod:`.number_table`.
    blend
        Where an agent may follow several goals, the mixtures whose table comes from that of single goals.
    examination
        Where items are shown at places, how likely these are looked at, see :mod:`.examination_table`.
    selection
        How the recorded answers come from those in ``answers``, see :mod:`.selection_table`.
    """

    item_of_option: NDArray[np.int64]
    same_item: Array
    ignored: NDArray[np.bool_]
    parts: tuple[Part, ...]
    n_scales: int
    stages: tuple[AnyStageTable, ...] = ()
    passing: PassTable | None = None
    answers: OptionTable | None = None
    numbers: tuple[NumberTable, ...] = ()
    blend: Blend | None = None
    examination: ExaminationTable | None = None
    selection: SelectionTable | None = None

    @property
    def cells_beside(self) -> list[int]:
        """Numbers that one evaluation holds of each item that stands beside the counts."""
        return [table.cells for table in self.stages] + [table.cells for table in self.numbers]


def make_table(
    serves: NDArray[np.bool_],
    item_of_option: NDArray[np.int64],
    states: States,
    *,
    rule: str,
    kappa: float,
    kinds: Sequence[str] = (),
    learned: Sequence[bool] = (),
    face_value: bool = False,
    passes: NDArray[np.bool_] | None = None,
    passing_means: str = "low_weight",
    blend: Blend | None = None,
    recorded: Recorded | None = None,
) -> OptionTable:
    """Return the constants of an area's table.

    Parameters
    ----------
    serves
        Whether an option serves a goal, (goal, option).
    item_of_option
        Item of each option, (option,).
    states
        Cells of the area.
    rule, kappa
        Choice rule and the scale of the affinity, for all kinds but ``follow``.
    kinds
        Kind of each item; by default all are choices.
    learned
        Whether what the goals favour in an item is learned; by default nothing is.
    face_value
        Whether answers that serve goals are taken at weight 1, whatever the weight of the state: areas with one such
        answer per agent whose weights come from stated importance.
    passes, passing_means
        Whether an option is passing, (option,), and what that means; None where nobody passes.
    blend
        Where an agent may follow several goals, the mixtures; ``states`` are then those of single goals.
    recorded
        How the recorded answers come from those that everybody would give; None where they are the same.
    """
    if recorded is not None:
        return _selected(
            recorded, serves, item_of_option, states, rule, kappa, tuple(kinds), face_value=face_value, blend=blend
        )
    if passes is not None and passes.any():
        own = make_passes(passes, item_of_option, states, means=passing_means)
        at = own.answers
        more: dict[str, Any] = {"rule": rule, "kappa": kappa, "kinds": kinds, "learned": learned}
        answers = make_table(serves[:, at], item_of_option[at], states, **more, face_value=face_value)
        ignored = np.zeros(len(item_of_option), dtype=bool)
        ignored[at] = answers.ignored
        same = (item_of_option[:, None] == item_of_option).astype(float)
        return OptionTable(item_of_option, same, ignored, answers.parts, answers.n_scales, (), own, answers)
    n_items = int(item_of_option.max(initial=-1)) + 1
    kinds = tuple(kinds) or ("choice",) * n_items
    same = (item_of_option[:, None] == item_of_option).astype(float)
    weight = states.weight
    if face_value:
        weight = np.where(states.goal < states.n_goals, 1.0, 0.0)
    parts: list[Part] = []
    ignored = np.zeros(len(item_of_option), dtype=bool)
    n_scales = 0
    for formula, first, last, is_learned in _runs(kinds, rule, tuple(learned) or (False,) * n_items):
        where = np.flatnonzero((item_of_option >= first) & (item_of_option < last))
        span = slice(int(where[0]), int(where[-1]) + 1)
        own_items, own_serves = item_of_option[span], serves[:, span]
        own_same = same[span, span]
        if formula == "importance":
            loading = np.repeat(-(states.weight - 0.5)[:, None], len(own_items), axis=1)
            scales = n_scales + own_items - first
            n_scales += last - first
            parts.append(make_cumulative(span, own_items, np.zeros_like(loading), loading, scales))
        elif is_learned and formula == "ordinal":
            parts.append(learned_levels(span, own_items, states))
        elif is_learned:
            used = "luce" if formula == "pairwise" else formula
            parts.append(make_learned(used, span, own_items, own_same, states))
        elif formula == "ordinal":
            push = np.vstack([level_push(own_serves, own_items - first), np.zeros((1, len(own_items)))])
            shift = kappa * weight[:, None] * push[states.goal]
            parts.append(make_cumulative(span, own_items, shift, np.zeros_like(shift), np.full(len(own_items), -1)))
        else:
            affinity = pairwise_affinity(own_serves, own_items - first) if formula == "pairwise" else own_serves
            used = "luce" if formula == "pairwise" else formula
            at_face = face_value or not states.weighted
            part = _rule_table(used, span, affinity, own_items, own_same, states, weight, kappa, at_face)
            ignored[span] = part.ignored
            parts.append(part)
    return OptionTable(item_of_option, same, ignored, tuple(parts), n_scales, blend=blend)


def _selected(
    recorded: Recorded,
    serves: NDArray[np.bool_],
    item_of_option: NDArray[np.int64],
    states: States,
    rule: str,
    kappa: float,
    kinds: tuple[str, ...],
    *,
    face_value: bool,
    blend: Blend | None,
) -> OptionTable:
    """Return the table of recorded answers around that of the answers everybody is asked."""
    at = asked(recorded)
    items, item = np.unique(item_of_option[at], return_inverse=True)
    own_kinds = tuple(kinds[j] for j in items) if kinds else ()
    more: dict[str, Any] = {"rule": rule, "kappa": kappa, "kinds": own_kinds, "face_value": face_value, "blend": blend}
    answers = make_table(serves[:, at], item, states, **more)
    own = make_selection(recorded, item_of_option, answers.ignored)
    same = (item_of_option[:, None] == item_of_option).astype(float)
    ignored = answers.ignored[own.answer_of]
    return OptionTable(item_of_option, same, ignored, answers.parts, answers.n_scales, answers=answers, selection=own)


_BY_LUCE = {"ranking", "best_worst", "situation", "count", "duration"}
"""Kinds of whose options by the rule ``luce`` no more than the first answers, or none, are among the counts."""


def _runs(kinds: Sequence[str], rule: str, learned: Sequence[bool]) -> list[tuple[str, int, int, bool]]:
    """Return the runs of items of one kind: formula, first item, one past the last, and whether it is learned."""
    runs: list[tuple[str, int, int, bool]] = []
    for item, (kind, own) in enumerate(zip(kinds, learned, strict=True)):
        formula = rule if kind == "choice" else "luce" if kind in _BY_LUCE else kind
        if runs and (runs[-1][0], runs[-1][3]) == (formula, own):
            runs[-1] = (formula, runs[-1][1], item + 1, own)
        else:
            runs.append((formula, item, item + 1, own))
    return runs


def _rule_table(
    rule: str,
    span: slice,
    serves: NDArray[Any],
    item_of_option: NDArray[np.int64],
    same: Array,
    states: States,
    state_weight: Array,
    kappa: float,
    at_face_value: bool,
) -> RuleTable:
    by_goal = np.vstack([serves, np.zeros((1, serves.shape[1]), dtype=bool)])[states.goal].astype(float)
    servers = by_goal @ same
    weight = np.where(servers > 0, state_weight[:, None], 0.0)
    ignored = np.zeros(serves.shape[1], dtype=bool)
    if rule == "follow" and at_face_value and not states.no_goal:
        # An option that serves no goal has probability 0 under every goal that its item serves. Where the item serves
        # all of them, the answer says nothing on the goal.
        ignored = ~serves.any(axis=0) & ((serves @ same) > 0).all(axis=0)
    if rule == "luce":
        pull = kappa * state_weight[:, None] * by_goal
        return RuleTable(rule, span, item_of_option, same, pull, np.ones_like(weight), ignored)
    served = weight * by_goal / np.maximum(servers, 1)
    return RuleTable(rule, span, item_of_option, same, served, 1 - weight, ignored)


def _item_top(xp: ModuleType, item_of_option: NDArray[np.int64], utility: Any) -> Any:
    """Return the largest utility within each option's item, so that exponentials cannot overflow.

    PyTensor has no such reduction; there utilities are within a few hundred of 0 wherever the prior has any mass.
    """
    if xp is not np:
        return 0.0
    starts = np.flatnonzero(np.diff(item_of_option, prepend=-1))
    position = np.cumsum(np.diff(item_of_option, prepend=item_of_option[0]) > 0)
    return np.maximum.reduceat(utility, starts, axis=-1)[..., position]


def log_baseline(xp: ModuleType, table: OptionTable | RuleTable | LearnedTable | Levels, logits: Any) -> Any:
    """Return the log baseline probabilities, (..., option), softmax of the logits within each item.

    Passing has none: it is left out of the softmax, and 0 stands in its place.
    """
    if isinstance(table, OptionTable) and table.passing is not None and table.answers is not None:
        own = log_baseline(xp, table.answers, logits[..., table.passing.answers])
        none = xp.zeros_like(logits[..., table.passing.passes])
        return xp.concatenate([own, none], axis=-1)[..., table.passing.order]
    shifted = logits - _item_top(xp, table.item_of_option, logits)
    return shifted - xp.log(xp.exp(shifted) @ table.same_item)


def log_option_probability(
    xp: ModuleType,
    table: OptionTable,
    logits: Any,
    scale: Any = None,
    affinity: Any = None,
    passing: Any = None,
    places: Any = None,
    odds: Any = None,
) -> Any:
    """Return log P(option | state), (..., state, option).

    Parameters
    ----------
    xp
        ``numpy`` or ``pytensor.tensor``: the formula is the same in both.
    table
        Constants of the area.
    logits
        Baseline logits, (..., option); sums over an item do not matter.
    scale
        Scales λ of stated importance, (..., scale); None where there are none.
    affinity
        Learned affinities, (..., goal, option); None where there are none.
    passing
        Parameters of passing, (..., pass + 1), see :mod:`.pass_table`; None where nobody passes.
    places
        Logits of learned examination probabilities, (..., place − 1); None where nothing is shown at places.
    odds
        Logarithm of the odds with which answers are recorded, (..., odds); None where none are selected.
    """
    if table.examination is not None:
        seen = log_option_probability(xp, replace(table, examination=None), logits, scale, affinity, passing)
        return log_examined(xp, table.examination, seen, places)
    if table.selection is not None and table.answers is not None:
        answers = log_option_probability(xp, table.answers, logits[..., table.selection.answers], scale)
        return log_recorded(xp, table.selection, answers, odds)
    if table.passing is not None and table.answers is not None:
        at = table.passing.answers
        own = None if affinity is None else affinity[..., at]
        answers = log_option_probability(xp, table.answers, logits[..., at], scale, own)
        return log_with_passes(xp, table.passing, answers, passing)
    log_p = _log_single(xp, table, logits, scale, affinity)
    return log_p if table.blend is None else log_blend(xp, table.blend, log_p)


def _log_single(xp: ModuleType, table: OptionTable, logits: Any, scale: Any, affinity: Any) -> Any:
    """Return the table of single goals, (..., state, option)."""
    parts = [
        _log_part(xp, part, logits[..., part.options], scale, None if affinity is None else affinity[..., part.options])
        for part in table.parts
    ]
    return parts[0] if len(parts) == 1 else xp.concatenate(parts, axis=-1)


def _log_part(xp: ModuleType, part: Part, logits: Any, scale: Any, affinity: Any) -> Any:
    if isinstance(part, CumulativeTable):
        return log_level_probability(xp, part, log_baseline(xp, part.baseline, logits), scale, affinity)
    if isinstance(part, LearnedTable) and part.sure:
        return log_sure(xp, log_baseline(xp, part, affinity))
    if isinstance(part, LearnedTable) and part.rule == "follow":
        return log_mixture(xp, part, log_baseline(xp, part, logits), log_baseline(xp, part, affinity))
    if part.rule == "luce":
        served = part.served if isinstance(part, RuleTable) else part.weight[:, None] * affinity[..., part.goal, :]
        utility = logits[..., None, :] + served
        utility = utility - _item_top(xp, part.item_of_option, utility)
        return utility - xp.log(xp.exp(utility) @ part.same_item)
    assert isinstance(part, RuleTable)
    baseline = xp.exp(log_baseline(xp, part, logits))
    probability = part.served + part.free * baseline[..., None, :]
    log_probability = xp.log(xp.maximum(probability, IMPOSSIBLE))
    return xp.where(part.ignored, 0.0, log_probability) if part.ignored.any() else log_probability


def pull_back(
    table: OptionTable,
    logits: Array,
    log_p: Array,
    slope: Array,
    scale: Array | None = None,
    affinity: Array | None = None,
    passing: Array | None = None,
    places: Array | None = None,
) -> tuple[Array, Array, Array | None]:
    """Return the gradients by the baseline logits, the scales and the affinities from the gradient by the table.

    Parameters
    ----------
    table
        Constants of the area.
    logits
        Baseline logits, (..., option).
    log_p
        The table at those logits, (..., state, option).
    slope
        Gradient of a function by the table, (..., state, option).
    scale
        Scales λ, (..., scale).
    affinity
        Learned affinities, (..., goal, option).
    passing
        Parameters of passing, (..., pass + 1).
    places
        Logits of learned examination probabilities, (..., place − 1).

    Returns
    -------
    by_logits, by_scale, by_affinity
        (..., option), (..., scale) and (..., goal, option); None without affinities. That by the parameters of passing
        is :func:`pull_back_passing`, that by the logits of places :func:`pull_back_places`, that by the odds of
        recorded answers :func:`pull_back_odds`.
    """
    if table.examination is not None and places is not None:
        in_view = replace(table, examination=None)
        seen = log_option_probability(np, in_view, logits, scale, affinity, passing)
        slope = pull_back_examination(table.examination, seen, log_p, places, slope)[0]
        return pull_back(in_view, logits, seen, slope, scale, affinity, passing)
    if table.selection is not None:
        return (*_pull_selected(table, logits, log_p, slope, scale), None)
    if table.passing is not None and table.answers is not None and passing is not None:
        kept = table.passing.answers
        log_answers, by_answers, _ = split_passes(table.passing, passing, log_p, slope)
        favours = None if affinity is None else affinity[..., kept]
        given = pull_back(table.answers, logits[..., kept], log_answers, by_answers, scale, favours)
        whole = np.zeros(slope.shape[:-2] + slope.shape[-1:])
        whole[..., kept] = given[0]
        favoured = None
        if affinity is not None:
            favoured = np.zeros_like(affinity)
            favoured[..., kept] = given[2]
        return whole, given[1], favoured
    by_logits, by_scale = np.empty(slope.shape[:-2] + slope.shape[-1:]), np.zeros((*slope.shape[:-2], table.n_scales))
    by_affinity = None if affinity is None else np.zeros_like(affinity)
    if table.blend is not None:
        single = _log_single(np, table, logits, scale, affinity)
        slope, log_p = pull_back_blend(table.blend, single, log_p, slope), single
    for part in table.parts:
        at = part.options
        if by_affinity is not None and affinity is not None and _is_learned(part):
            own = affinity[..., at], by_affinity[..., at]
            by_logits[..., at] = _pull_learned(part, logits[..., at], log_p[..., at], slope[..., at], *own)
        else:
            by_logits[..., at] = _pull_part(part, logits[..., at], log_p[..., at], slope[..., at], scale, by_scale)
    return by_logits, by_scale, by_affinity


def pull_back_passing(table: OptionTable, log_p: Array, slope: Array, passing: Array | None) -> Array | None:
    """Return the gradient by the parameters of passing, (..., pass + 1), see :func:`pull_back`; None without them."""
    return None if table.passing is None or passing is None else split_passes(table.passing, passing, log_p, slope)[2]


def pull_back_places(
    table: OptionTable, logits: Array, log_p: Array, slope: Array, scale: Array | None, places: Array | None
) -> Array | None:
    """Return the gradient by the logits of places, (..., place − 1), see :func:`pull_back`; None without places."""
    if table.examination is None or places is None:
        return None
    seen = log_option_probability(np, replace(table, examination=None), logits, scale)
    return pull_back_examination(table.examination, seen, log_p, places, slope)[1]


def _pull_selected(
    table: OptionTable, logits: Array, log_p: Array, slope: Array, scale: Array | None
) -> tuple[Array, Array]:
    """Return the gradients by the baseline logits and the scales where answers are selected."""
    assert table.selection is not None and table.answers is not None
    asked_of_all, by_logits = logits[..., table.selection.answers], np.zeros(slope.shape[:-2] + slope.shape[-1:])
    log_answers = np.asarray(log_option_probability(np, table.answers, asked_of_all, scale))
    by_answers, _ = split_recorded(table.selection, log_p, slope)
    own, by_scale, _ = pull_back(table.answers, asked_of_all, log_answers, by_answers, scale)
    by_logits[..., table.selection.answers] = own
    return by_logits, by_scale


def pull_back_odds(table: OptionTable, log_p: Array, slope: Array) -> Array | None:
    """Return the gradient by the logarithm of the odds, (..., odds), see :func:`pull_back`; None without selection."""
    return None if table.selection is None else split_recorded(table.selection, log_p, slope)[1]


def _is_learned(part: Part) -> bool:
    return isinstance(part, LearnedTable) or (isinstance(part, CumulativeTable) and part.goal is not None)


def _pull_learned(part: Part, logits: Array, log_p: Array, slope: Array, affinity: Array, by_affinity: Array) -> Array:
    """Return the gradient by the logits of one learned run, and write that by its affinities."""
    if isinstance(part, CumulativeTable):
        log_b = log_baseline(np, part.baseline, logits)
        by_b, by_affinity[...] = pull_back_learned_levels(part, log_b, slope, affinity)
        return pull_back_softmax(np.exp(log_b), by_b, part.baseline.same_item)
    assert isinstance(part, LearnedTable)
    if part.rule == "luce":
        by_utility = slope - np.exp(log_p) * (slope @ part.same_item)
        by_affinity[...] = np.matmul(part.of_goal, by_utility)
        return np.asarray(by_utility.sum(axis=-2))
    if part.sure:
        by_affinity[...] = pull_back_sure(part, log_p, slope)
        return np.zeros_like(logits)
    log_b, log_favoured = log_baseline(np, part, logits), log_baseline(np, part, affinity)
    by_logits, by_affinity[...] = pull_back_mixture(part, log_b, log_favoured, log_p, slope)
    return by_logits


def _pull_part(
    part: Part,
    logits: Array,
    log_p: Array,
    slope: Array,
    scale: Array | None,
    by_scale: Array,
) -> Array:
    """Return the gradient by the logits of one run, and add to that by the scales."""
    if isinstance(part, CumulativeTable):
        log_b = log_baseline(np, part.baseline, logits)
        by_b, more = pull_back_levels(part, log_b, slope, scale)
        np.add.at(by_scale.T, part.scale[part.scaled], more[..., part.scaled].T)
        return pull_back_softmax(np.exp(log_b), by_b, part.baseline.same_item)
    assert isinstance(part, RuleTable)
    if part.rule == "luce":
        return np.asarray((slope - np.exp(log_p) * (slope @ part.same_item)).sum(axis=-2))
    baseline = np.exp(log_baseline(np, part, logits))
    by_baseline = (np.where(part.ignored, 0.0, slope) * part.free * np.exp(-log_p)).sum(axis=-2)
    return pull_back_softmax(baseline, by_baseline, part.same_item)
