"""Log posterior density of one area as a numpy function with an analytic gradient.

It is the density of the area's part of the PyMC model of :func:`build_model` (without the constants of the data),
evaluated without compiling anything: a cold process begins to compute at once. Tests hold the two together to 1e-10.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..datasets.choices import AreaChoices, Choices
from ..datasets.learned_goals import goal_names
from ..datasets.numbers import KINDS as NUMBERS
from ..datasets.study import Priors
from .design import arrange
from .direct_rows import in_products
from .examination_table import make_examination
from .goal_mixtures import mixture_slopes
from .goal_stages import AnyEvaluation, evaluate_stages, pull_back_stages, stages_of, with_learned
from .marginal import LARGE_CELLS, Evaluation, Rows, evaluate, gradients, make_rows
from .mixed_table import Blend
from .number_table import make_number_tables, numbers_by_pattern, pull_back_numbers
from .option_table import (
    OptionTable,
    log_option_probability,
    make_table,
    pull_back,
    pull_back_odds,
    pull_back_passing,
    pull_back_places,
)
from .parameters import (
    Parameters,
    Values,
    constrain,
    log_prior,
    log_prior_gradient,
    pull_back_values,
    zero_sum_blocks,
)
from .stage_table import by_pattern, make_stage_tables
from .states import States, default_nodes, log_node_prior, log_state_prior, make_states

Array = NDArray[np.float64]

_CHUNK = 100_000  # cells (draw × half pattern × state, or draw × row) evaluated at once, so that arrays stay in cache


class Density(Protocol):
    """What fits ask of a density, of one area or of several together, beside its functions."""

    @property
    def name(self) -> str:
        """How it is called in messages and in saved draws."""

    @property
    def size(self) -> int:
        """Number of coordinates of a parameter vector."""

    @property
    def parameters(self) -> Any:
        """Layout of a parameter vector, of which priors are functions."""

    @property
    def pivot(self) -> Array | None:
        """What gives labels to what nothing else tells apart; None where there is nothing of the kind."""


@dataclass(frozen=True, eq=False)
class AreaDensity:
    """Everything the density of one area needs.

    Parameters
    ----------
    area
        The answers, with the study's structure (rule, no goal, baseline).
    states, table, rows, parameters
        Hidden cells, constants of the option table, distinct rows, parameter layout.
    prior_names
        Names of the groups (or periods) that scores are told of, in order, then ``None`` for agents in none. Each has
        a prior over states, or several where these depend on covariates.
    pivot
        Answers of learned goals in the order that gives them their labels, (goal, option); see
        :mod:`.learned_goals`. None before a mode is known, and where all goals are given.
    """

    area: AreaChoices
    states: States
    table: OptionTable
    rows: Rows
    parameters: Parameters
    prior_names: tuple[str | None, ...]
    pivot: Array | None = None

    @property
    def name(self) -> str:
        """Name of the area."""
        return self.area.name

    @property
    def size(self) -> int:
        """Number of coordinates of a parameter vector."""
        return self.parameters.size

    @property
    def unit_of_prior(self) -> NDArray[np.int64]:
        """Position of each prior over states in ``prior_names``, (prior,)."""
        design = self.parameters.design
        return np.arange(self.rows.n_priors) if design is None else design.unit

    @property
    def unit_of_row(self) -> NDArray[np.int64]:
        """Position of each row's group in ``prior_names``, (row,)."""
        return self.unit_of_prior[self.rows.group]

    @property
    def n_units(self) -> int:
        """Number of groups (or periods) that scores are told of, one more for agents in none."""
        return len(self.prior_names)

    @property
    def face_value(self) -> bool:
        """Whether answers are taken at face value: they then say nothing on weights, baselines and structure."""
        return at_face_value(self.area)

    @property
    def n_options(self) -> int:
        """Number of options of the area."""
        return len(self.area.options)


def is_weighted(area: AreaChoices) -> bool:
    """Return whether weights are unknown and answers say anything on them.

    They do where an agent answers more than once, or says how important the area is, or may pass for that reason.
    """
    if area.weights == "one":
        return False
    return bool(not at_face_value(area) or area.tells_weights)


def at_face_value(area: AreaChoices) -> bool:
    """Return whether answers are taken at face value: no agent gives two answers that can say which goal it holds.

    Situations never are: what was shown differs, and so do the reasons to choose it. Nor are numbers, nor what is shown
    at places that are not always looked at.
    """
    elsewhere = area.has_sets | area.has_numbers
    return bool(area.goal_answers.max(initial=0) <= 1) and not elsewhere.any() and area.examined is None


def area_density(choices: Choices, area: AreaChoices, priors: Priors) -> AreaDensity:
    """Return the density of one area.

    Parameters
    ----------
    choices
        The choices; groups and survey weights are taken from here.
    area
        One of its areas, or a copy of one with another structure (``dataclasses.replace``).
    priors
        Prior settings.

    Notes
    -----
    In an area where no agent answers twice, the weight is 1 and the baseline uniform: answers count at face value.
    Where agents also state how important the area is, their weights come from that alone.
    """
    weighted = is_weighted(area)
    nodes = default_nodes(int(area.n_answers.max(initial=0)), rule=area.rule, kappa=area.kappa)
    states = make_states(len(area.goals), no_goal=area.no_goal, weighted=weighted, nodes=nodes, parts=area.parts)
    table = area_table(area, states)
    arranged = arrange(choices)
    layout = baseline_layout(area) | affinity_layout(area)
    parameters = Parameters(
        states.n_shares,
        arranged.n_deviating,
        arranged.plain,
        states.weighted,
        **layout,
        priors=priors,
        n_scales=table.n_scales,
        n_tastes=sum(stages.features.shape[2] for stages in area.stages),
        passes=tuple(area.is_pass.tolist()) if area.is_pass.any() else (),
        numbers=tuple(numbers.kind for numbers in area.numbers),
        design=arranged.design,
        several=states.parts > 0,
        n_places=0 if area.examined is None else len(area.examined.learned),
        odds=area.recorded.prior if area.recorded is not None and area.recorded.names else None,
    )
    rows = make_rows(
        area.counts,
        area.item_of_option,
        area.pattern_of_agent,
        arranged.prior_of_agent,
        n_priors=arranged.n_priors,
        n_states=states.n_states,
        fit_weight=choices.fit_weight,
        whole=bool(table.stages or table.numbers),
        direct=bool(choices.covariates),
    )
    return AreaDensity(area, states, table, rows, parameters, arranged.names)


def area_table(area: AreaChoices, states: States) -> OptionTable:
    """Return the option table of an area over some states."""
    blend, single = None, states
    if states.parts:
        blend = Blend(states.mixture, len(states.node))
        single = make_states(states.n_goals, no_goal=states.no_goal, weighted=states.weighted, nodes=len(states.node))
    table = make_table(
        area.serves,
        area.item_of_option,
        single,
        rule=area.rule,
        kappa=area.kappa,
        kinds=area.kinds,
        learned=area.learned,
        face_value=states.weighted and at_face_value(area),
        passes=area.passes,
        passing_means=area.passing_means,
        blend=blend,
        recorded=area.recorded,
    )
    if area.examined is not None:
        table = replace(table, examination=make_examination(area.examined, area.item_of_option))
    if not area.later_answers.any():
        return table
    given = (area.serves, area.item_of_option, states)
    more: dict[str, Any] = {"kappa": area.kappa, "n_patterns": len(area.counts)}
    plain, items = make_stage_tables(area.stages, *given, **more), [one.item for one in area.stages]
    stages = with_learned(plain, items, area.item_learned, area.item_of_option, states)
    numbers = make_number_tables(area.numbers, *given, **more, learned=area.item_learned)
    return replace(table, stages=stages, numbers=numbers)


def baseline_layout(area: AreaChoices, *, free: bool = False) -> dict[str, Any]:
    """Return which baselines are free, as :class:`Parameters` takes them; ``free`` makes all of them so."""
    stated = ~area.states_goals
    uniform = not free and (area.baseline == "uniform" or at_face_value(area))
    without = (~stated & uniform) | (_without_baseline(area) & (not free)) | area.has_numbers
    if area.recorded is not None:
        without |= np.bincount(area.item_of_option, area.recorded.at_random) > 0
    if without.all():
        return {"option_sizes": ()}
    fixed = tuple(without.tolist()) if without.any() else ()
    same = () if area.examined is None else tuple(area.examined.same_as.tolist())
    shared = {"comparisons": _comparisons(area), "same_as": same}
    return {"option_sizes": _option_sizes(area), "fixed_items": fixed, **shared}


def affinity_layout(area: AreaChoices) -> dict[str, Any]:
    """Return which affinities are learned, as :class:`Parameters` takes them."""
    if not any(area.learned):
        return {"n_learned": 0, "affinity_basis": None}
    is_scale = np.array([kind == "ordinal" for kind in area.item_kinds])
    one_each = is_scale | area.has_numbers
    elsewhere = tuple((~area.item_learned | one_each).tolist())
    blocks = [block for _, block in zero_sum_blocks(_option_sizes(area), elsewhere, _comparisons(area), ties=False)]
    for j in np.flatnonzero(one_each & area.item_learned):
        own = (area.item_of_option == j).astype(float)
        if area.has_numbers[j]:  # of the two that stand for more and less the affinity is that of more
            own[np.flatnonzero(own)[1:]] = 0.0
        blocks.append(own[:, None])
    return {"n_learned": len(area.goals), "affinity_basis": np.hstack(blocks)}


def _option_sizes(area: AreaChoices) -> tuple[int, ...]:
    return tuple(int(size) for size in np.bincount(area.item_of_option))


def _comparisons(area: AreaChoices) -> tuple[tuple[int, ...] | None, ...]:
    """Return the objects that each item compares, by number; empty when none does."""
    number = {name: k for k, name in enumerate(dict.fromkeys(name for pair in area.objects for name in pair))}
    return tuple(tuple(number[name] for name in pair) if pair else None for pair in area.objects)


def _without_baseline(area: AreaChoices) -> NDArray[np.bool_]:
    """Return the items whose answers are learned goals' alone, (item,): all weights are 1 and everybody has a goal."""
    if not any(area.learned) or area.weights != "one" or area.no_goal:
        return np.zeros(len(area.items), dtype=bool)
    return np.array([own and kind != "ordinal" for own, kind in zip(area.learned, area.item_kinds, strict=True)])


def with_nodes(density: AreaDensity, nodes: int) -> AreaDensity:
    """Return the same density with another number of quadrature nodes."""
    old, area = density.states, density.area
    states = make_states(old.n_goals, no_goal=old.no_goal, weighted=old.weighted, nodes=nodes, parts=old.parts)
    return replace(density, states=states, table=area_table(area, states))


def restructured(
    density: AreaDensity, *, rule: str, no_goal: bool, parts: int | None = None, kappa: float = 1.0
) -> AreaDensity:
    """Return the density of the same answers under another choice rule, with or without "no goal".

    ``parts`` changes the mixtures of goals, 0 to one goal each; None leaves them. ``kappa`` multiplies κ.
    """
    parts = density.area.parts if parts is None else parts
    area, weighted = replace(density.area, rule=rule, no_goal=no_goal, parts=parts), density.states.weighted
    area = replace(area, kappa=kappa * area.kappa)
    nodes = default_nodes(int(area.n_answers.max(initial=0)), rule=rule, kappa=area.kappa)
    states = make_states(len(area.goals), no_goal=no_goal, weighted=weighted, nodes=nodes, parts=parts)
    return _with_states(density, area, states, {})


def with_number(density: AreaDensity, number: int) -> AreaDensity:
    """Return the density of the same answers with another number of learned goals."""
    area = density.area
    conflict = np.ones((number, number)) - np.eye(number)
    if len(area.goals) > 1:
        conflict *= area.conflict[0, 1]  # the same for all pairs of goals that nothing tells apart
    serves = np.zeros((number, len(area.options)), dtype=bool)
    area = replace(area, goals=goal_names(number), conflict=conflict, serves=serves)
    states = make_states(number, no_goal=area.no_goal, weighted=density.states.weighted, nodes=len(density.states.node))
    return replace(_with_states(density, area, states, affinity_layout(area)), pivot=None)


def null_density(density: AreaDensity) -> AreaDensity:
    """Return the density of the null model of an area: nobody holds a goal, every answer follows the baseline."""
    area = density.area
    empty = replace(
        area, goals=(), conflict=np.zeros((0, 0)), serves=area.serves[:0], no_goal=True, learned=(), parts=0
    )
    layout = baseline_layout(area, free=True) | affinity_layout(empty)
    return _with_states(density, empty, make_states(0, no_goal=True, weighted=False, nodes=1), layout)


def _with_states(density: AreaDensity, area: AreaChoices, states: States, baselines: dict[str, Any]) -> AreaDensity:
    parameters = replace(
        density.parameters,
        n_shares=states.n_shares,
        weighted=states.weighted,
        several=states.parts > 0,
        **baselines,
    )
    return replace(density, area=area, states=states, table=area_table(area, states), parameters=parameters)


def state_prior(density: AreaDensity, values: Values) -> Array:
    """Return the log prior over states of each group, (D, prior, state)."""
    log_node = None
    if values.prior_mean is not None and values.concentration is not None:
        log_node = log_node_prior(np, density.states, values.prior_mean, values.concentration[:, None])
    mixing = None if values.mixing is None else np.broadcast_to(values.mixing, values.prior_log_share.shape[:2])
    return np.asarray(log_state_prior(np, density.states, values.prior_log_share, log_node, mixing))


def prior_slopes(density: AreaDensity, values: Values, totals: Array) -> tuple[Array, Array | None]:
    """Return the gradients of Σ totals · log prior over states by goal shares and by mixing.

    Parameters
    ----------
    density, values
        Density of the area and the values, for a batch of D vectors.
    totals
        Number of agents in each state, (D, prior, ..., state).

    Returns
    -------
    by_log_share, by_mixing
        (D, prior, ..., share), not yet projected on the simplex, and (D, prior, ...), None where an agent holds one
        goal.
    """
    states = density.states
    if values.mixing is None:
        return totals @ states.is_goal, None
    cells, k = states.n_mixtures * len(states.node), states.n_goals
    mixtures = totals[..., :cells].reshape(*totals.shape[:-1], states.n_mixtures, -1).sum(axis=-1)
    mixing = np.broadcast_to(values.mixing, values.prior_log_share.shape[:2])
    by_share, by_mixing = mixture_slopes(states.parts, k, values.prior_log_share, mixing)
    goals = np.einsum("dh...m,dhmg->dh...g", mixtures, by_share)
    return np.concatenate([goals, totals[..., cells:]], axis=-1), np.einsum("dh...m,dhm->dh...", mixtures, by_mixing)


def rule_matters(area: AreaChoices) -> bool:
    """Return whether the choice rule of the area has a say: some item is a choice, which has no rule of its own."""
    return "choice" in area.item_kinds


def uses_kappa(density: AreaDensity) -> bool:
    """Return whether the convention κ has a say: weights are unknown and move some answer through κ·w."""
    area = density.area
    given = zip(area.item_kinds, area.item_learned, strict=True)
    rules = {area.rule if kind == "choice" else kind for kind, learned in given if not learned}
    return (
        density.states.weighted
        and not at_face_value(area)
        and bool(rules & {"luce", "ordinal", "pairwise", "ranking", "best_worst", "situation", *NUMBERS})
    )


def tells_kappa(density: AreaDensity) -> bool:
    """Return whether answers tell κ: choices that follow a goal with its weight stand beside others that κ·w moves."""
    area = density.area
    given = zip(area.item_kinds, area.item_learned, strict=True)
    follows = area.rule == "follow" and any(kind == "choice" and not learned for kind, learned in given)
    return follows and uses_kappa(density)


def option_log_probability(density: AreaDensity, values: Values) -> Array:
    """Return log P(option | state) at some values of the parameters, (D, state, option)."""
    given = (values.baseline_logits, values.scale, values.affinity, values.passing, values.places, values.odds)
    return np.asarray(log_option_probability(np, density.table, *given))


def evaluate_rows(density: AreaDensity, theta: Array) -> tuple[Values, Array, Evaluation]:
    """Return the values, the option table and the evaluation of all rows for a small batch of vectors."""
    return _evaluated(density, theta)[:3]


def _evaluated(density: AreaDensity, theta: Array) -> tuple[Values, Array, Evaluation, list[AnyEvaluation]]:
    values = constrain(density.parameters, theta, density.n_options)
    return values, *evaluate_values(density, values, density.rows, state_prior(density, values))


def evaluate_values(
    density: AreaDensity, values: Values, rows: Rows, prior: Array
) -> tuple[Array, Evaluation, list[AnyEvaluation]]:
    """Return the option table, the evaluation of some rows under some priors over states, and of later choices.

    Parameters
    ----------
    density, values
        Density of the area and values of its parameters.
    rows
        The rows of the density, or rows of the same patterns under other priors.
    prior
        Log prior over states, (D, prior, state).
    """
    log_p = option_log_probability(density, values)
    tables = density.table.stages
    given = (values.baseline_logits, values.taste, values.affinity)
    stages = [evaluate_stages(table, *given) for table in tables]
    later = [by_pattern(stages_of(table), parts.log_p) for table, parts in zip(tables, stages, strict=True)]
    if values.location is not None and values.spread is not None:
        known = (values.location, values.spread, values.affinity)
        later += [numbers_by_pattern(table, *known) for table in density.table.numbers]
    return log_p, evaluate(rows, log_p, prior, np.sum(later, axis=0) if later else None), stages


def chunks(density: AreaDensity, draws: int, *, per_draw: int = 0) -> Iterator[slice]:
    """Yield slices over draws such that one evaluation stays small."""
    rows, n_states = density.rows, density.states.n_states
    each = len(rows.first) + rows.n_priors if rows.direct else len(rows.first) * rows.n_priors
    cells = max(
        (each + len(rows.second)) * n_states,
        rows.n_rows * n_states
        if rows.direct and not in_products(rows)
        else len(rows.first) * len(rows.second) * rows.n_priors,
        rows.n_rows,
        density.states.n_states * density.n_options,
        *density.table.cells_beside,
        per_draw,
    )
    step = max(1, _CHUNK // cells)
    for start in range(0, draws, step):
        yield slice(start, min(start + step, draws))


def in_parts(density: AreaDensity) -> bool:
    """Return whether the rows of an area are summed in parts: their counts are then whole numbers, never split.

    Where priors depend on covariates they are not.
    """
    design = density.parameters.design
    if density.table.stages or density.table.numbers or (design is not None and design.n_covariates):
        return False
    return density.rows.first.dtype.kind in "iu"


def is_large(density: AreaDensity) -> bool:
    """Return whether an area has so many rows that not every question is put to all of them at every draw."""
    return in_parts(density) and density.rows.n_rows * density.states.n_states >= LARGE_CELLS


def evaluation_cells(density: AreaDensity) -> int:
    """Return how many numbers an evaluation of the density looks at, stages left out."""
    rows, n_states = density.rows, density.states.n_states
    if rows.direct:
        more = rows.n_priors * len(rows.first) // 10 if in_products(rows) else rows.n_rows * n_states
        return (len(rows.first) + rows.n_priors) * n_states + more
    return (len(rows.first) + len(rows.second)) * n_states * rows.n_priors + rows.n_rows


@singledispatch
def log_density(density: Any, theta: Array) -> Array:
    """Return the unnormalised log posterior density of each vector, (D,), on the real line."""
    if in_parts(density):
        from .large_density import log_density_of_rows  # noqa: PLC0415 - it builds on this module

        return log_density_of_rows(density, theta)
    total = log_prior(density.parameters, theta)
    for part in chunks(density, len(theta)):
        total[part] += evaluate_rows(density, theta[part])[2].row_loglik @ density.rows.multiplicity
    return total


@singledispatch
def row_log_likelihood(density: Any, theta: Array) -> Array:
    """Return the log likelihood of one agent of each row, (D, row)."""
    if in_parts(density):
        from .large_density import log_likelihood_of_rows  # noqa: PLC0415 - it builds on this module

        return log_likelihood_of_rows(density, theta)
    result = np.empty((len(theta), density.rows.n_rows))
    for part in chunks(density, len(theta)):
        result[part] = evaluate_rows(density, theta[part])[2].row_loglik
    return result


@singledispatch
def value_and_gradient(density: Any, theta: Array) -> tuple[Array, Array]:
    """Return the log density, (D,), and its gradient, (D, coordinate), for a batch of vectors."""
    if in_parts(density):
        from .large_density import value_and_gradient_of_rows  # noqa: PLC0415 - it builds on this module

        return value_and_gradient_of_rows(density, theta)
    value, gradient = likelihood_and_gradient(density, theta)
    return log_prior(density.parameters, theta) + value, log_prior_gradient(density.parameters, theta) + gradient


@singledispatch
def likelihood_and_gradient(density: Any, theta: Array) -> tuple[Array, Array]:
    """Return the log likelihood, (D,), and its gradient, (D, coordinate), for a batch of vectors."""
    value, gradient = np.empty(len(theta)), np.empty_like(theta)
    for part in chunks(density, len(theta)):
        value[part], gradient[part] = _likelihood_gradient(density, theta[part])
    return value, gradient


def _likelihood_gradient(density: AreaDensity, theta: Array) -> tuple[Array, Array]:
    rows = density.rows
    values, log_p, parts, stages = _evaluated(density, theta)
    by_table, by_prior, by_first = gradients(rows, parts, rows.multiplicity)
    later = [
        pull_back_stages(table, evaluated, by_first)
        for table, evaluated in zip(density.table.stages, stages, strict=True)
    ]
    by_affinity = None if values.affinity is None else np.zeros_like(values.affinity)
    for _, _, more in later:
        if more is not None and by_affinity is not None:
            by_affinity += more
    by_numbers = numbers_gradient(density, values, by_first, by_affinity)
    by_stages = [(one, two) for one, two, _ in later]
    gradient = table_gradient(density, theta, values, log_p, by_table, by_prior, by_stages, by_numbers, by_affinity)
    return parts.row_loglik @ rows.multiplicity, gradient


def numbers_gradient(
    density: AreaDensity, values: Values, by_first: Array, by_affinity: Array | None
) -> tuple[Array | None, Array | None]:
    """Return the gradients by log μ and by the log of φ or σ, (D, number), and add that by learned affinities."""
    tables = density.table.numbers
    if not tables or values.location is None or values.spread is None:
        return None, None
    given = (values.location, values.spread, by_first, values.affinity)
    slopes = [pull_back_numbers(table, *given) for table in tables]
    for table, (_, _, by_goal) in zip(tables, slopes, strict=True):
        if by_goal is not None and by_affinity is not None:
            by_affinity[:, :, table.more] += by_goal
    return np.stack([one for one, _, _ in slopes], axis=1), np.stack([two for _, two, _ in slopes], axis=1)


def table_gradient(
    density: AreaDensity,
    theta: Array,
    values: Values,
    log_p: Array,
    by_table: Array,
    by_prior: Array,
    later: Sequence[tuple[Array, Array]] = (),
    by_numbers: tuple[Array | None, Array | None] = (None, None),
    more_affinity: Array | None = None,
    *,
    by_share: Array | None = None,
) -> Array:
    """Return the gradient on the real line, (D, coordinate), of a function of the tables.

    Parameters
    ----------
    density, theta
        Density of the area and the vectors, (D, coordinate).
    values, log_p
        Values and option table there.
    by_table, by_prior
        Gradient by the option table, (D, state, option), and by the log prior over states, (D, prior, state).
    later
        What choices from sets add to the gradient by the baseline logits, and their gradient by the coefficients.
    by_numbers
        Gradient by log μ and by the log of φ or σ of counts and durations, (D, number).
    more_affinity
        What these and those choices add to the gradient by the learned affinities, (D, goal, option).
    by_share
        Gradient by the log goal shares of each prior, (D, prior, share), where the states have them elsewhere.
    """
    states = density.states
    own_share, by_mixing = prior_slopes(density, values, by_prior)
    by_share = own_share if by_share is None else by_share
    by_a = by_b = None
    if values.prior_mean is not None and values.concentration is not None:
        node, goals = states.node, states.n_mixtures * len(states.node)
        totals = by_prior[..., :goals].reshape(*by_prior.shape[:2], states.n_mixtures, -1).sum(axis=2)
        expected = np.exp(log_node_prior(np, states, values.prior_mean, values.concentration[:, None]))
        excess = totals - totals.sum(axis=2, keepdims=True) * expected
        by_a, by_b = excess @ np.log(node), excess @ np.log1p(-node)
    logits = values.baseline_logits
    given = (values.scale, values.affinity, values.passing, values.places)
    by_baseline, by_scale, by_affinity = pull_back(density.table, logits, log_p, by_table, *given)
    if by_affinity is not None and more_affinity is not None:
        by_affinity = by_affinity + more_affinity
    by_taste = []
    for more, slope in later:
        by_baseline += more
        by_taste.append(slope)
    by_location, by_spread = by_numbers
    return pull_back_values(
        density.parameters,
        theta,
        values,
        by_log_share=by_share,
        by_shape_a=by_a,
        by_shape_b=by_b,
        by_baseline=by_baseline,
        by_scale=by_scale,
        by_affinity=by_affinity,
        by_taste=np.hstack(by_taste) if by_taste else None,
        by_passing=pull_back_passing(density.table, log_p, by_table, values.passing),
        by_location=by_location,
        by_spread=by_spread,
        by_mixing=by_mixing,
        by_places=pull_back_places(density.table, logits, log_p, by_table, values.scale, values.places),
        by_odds=pull_back_odds(density.table, log_p, by_table),
    )


def hessian(density: Density, theta: Array, *, step: float = 1e-4) -> Array:
    """Return the Hessian of the log density at one vector, (coordinate, coordinate).

    Central differences of the analytic gradient, symmetrised; the error is of the order step².
    """
    if isinstance(density, AreaDensity) and in_parts(density):
        from .large_density import value_gradient_hessian  # noqa: PLC0415 - it builds on this module

        return value_gradient_hessian(density, theta)[2]
    shifts = step * np.eye(density.size)
    _, up = value_and_gradient(density, theta + shifts)
    _, down = value_and_gradient(density, theta - shifts)
    slope = (up - down) / (2 * step)
    return np.asarray((slope + slope.T) / 2)
