"""The generative model as an ordinary PyMC model with named dims.

For agent i of group h in area p, with goal g, weight w and answers o_ij to items j:

    g ~ Categorical(π_h),              log π_h = log π + σ z_h − const,  π ~ Dirichlet(1), z_h ~ ZeroSumNormal(1)
    w ~ Beta(1 + m_h κ, 1 + (1 − m_h) κ),  logit m_h = logit m + σ z′_h,  m ~ Beta(2, 2), κ ~ Gamma(4, 1)
    o_ij ~ P(· | g, w) of the choice rule with baseline softmax(b_j),    b_j ~ ZeroSumNormal(1)

With covariates x_i, log π_h gets σ′ x_i·γ, γ ~ ZeroSumNormal(1), and logit m_h gets σ′ x_i·δ, δ ~ Normal(0, 1); with
periods z_h and z′_h are a centred random walk over them in place of independent deviations (:mod:`.design`).
g is summed out exactly and w by quadrature; agents of one group with equal answers share one row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..datasets.choices import Choices
from ..datasets.examination import prior_of_places
from ..datasets.parameters import number_priors
from ..datasets.study import Priors
from ..datasets.zero_sum import zero_sum_basis
from .area_scores import stratum_shares, unit_mixture
from .density import AreaDensity, area_density
from .goal_mixtures import expected_spread
from .goal_stages import stage_graph
from .joint_density import JointDensity, joint_density, spread_rows
from .joint_model import add_answers, add_type_share, log_goal_of_types
from .learned_goals import compared_over_goals, goal_table, learned_options
from .number_table import number_graph
from .option_table import log_baseline, log_option_probability
from .parameters import Parameters
from .states import log_node_prior, log_state_prior

if TYPE_CHECKING:
    import pymc as pm


def area_densities(choices: Choices, priors: Priors | None = None) -> tuple[AreaDensity, ...]:
    """Return the density of every area of the choices, with the study's priors unless others are given."""
    return tuple(area_density(choices, area, priors or choices.study.priors) for area in choices.areas)


def label(area: str, name: str) -> str:
    """Return the label of a goal or option in the flat dimensions, unique over areas."""
    return f"{area}: {name}"


def flat_coords(densities: tuple[AreaDensity, ...]) -> dict[str, list[str]]:
    """Return the flat coordinates of a model or posterior: area, goal, item, option, and group when there are any."""
    coords: dict[str, list[str]] = {"area": [], "goal": [], "item": [], "option": []}
    for density in densities:
        area = density.area
        coords["area"].append(area.name)
        coords["goal"] += [label(area.name, goal) for goal in share_names(density)]
        coords["item"] += list(area.items)
        coords["option"] += option_labels(density)
    groups = [name for name in densities[0].prior_names if name is not None]
    design = densities[0].parameters.design
    weighted = [d.area.name for d in densities if d.parameters.weighted]
    free = [option for d in densities for option in free_option_labels(d)]
    stated = [item for d in densities for item in stated_items(d)]
    if len(weighted) < len(densities):
        coords["weighted_area"] = weighted
    if len(free) < len(coords["option"]):
        coords["free_option"] = free
    if stated:
        coords["importance"] = stated
    favoured = [name for d in densities for name in goal_answer_labels(d)]
    if favoured:
        coords["goal_option"] = favoured
    features = [name for d in densities for name in feature_names(d)]
    if features:
        coords["feature"] = features
    passed = [name for d in densities for name in passed_items(d)]
    numbers = [name for d in densities for name in number_items(d)]
    if numbers:
        coords["number"] = numbers
    if passed:
        coords |= {"passed_item": passed, "passed_area": [d.area.name for d in densities if d.parameters.passes]}
    if design is not None and design.names:
        coords["covariate"] = list(design.names)
    odds = [name for d in densities for name in recorded_answers(d)]
    if odds:
        coords["recorded_answer"] = odds
    several = [d.area.name for d in densities if d.parameters.several]
    if several:
        coords["several_area"] = several
    places = [name for d in densities for name in place_names(d)]
    if places:
        coords["place"] = places
    return coords | ({"group": groups} if groups else {})


def option_labels(density: AreaDensity) -> list[str]:
    """Return the label of each option of an area with its item, (option,)."""
    area = density.area
    return [f"{area.items[item]} = {option}" for item, option in zip(area.item_of_option, area.options, strict=True)]


def free_option_labels(density: AreaDensity) -> list[str]:
    """Return the labels of the options whose baseline is free, (free option,)."""
    if not density.parameters.option_sizes:
        return []
    every = zip(option_labels(density), density.parameters.free_options, strict=True)
    return [name for name, free in every if free]


def stated_items(density: AreaDensity) -> list[str]:
    """Return the names of the items of stated importance, (importance,)."""
    return [item for item, asks in zip(density.area.items, density.area.states_goals, strict=True) if not asks]


def goal_answer_labels(density: AreaDensity) -> list[str]:
    """Return the labels of the options under each learned goal, (goal option,), goal after goal."""
    options = np.array(option_labels(density), dtype=object)[learned_options(density)]
    goals = density.area.goals if len(options) else ()
    return [f"{label(density.area.name, goal)}, {option}" for goal in goals for option in options]


def feature_names(density: AreaDensity) -> list[str]:
    """Return the names of the features of options, with their items, (feature,)."""
    return [name for stages in density.area.stages for name in stages.names]


def passed_items(density: AreaDensity) -> list[str]:
    """Return the names of the items that agents may pass on, (item with passing,)."""
    return [density.area.items[item] for item in density.area.item_of_option[density.area.is_pass]]


def recorded_answers(density: AreaDensity) -> list[str]:
    """Return the answers whose odds of being recorded are not known, with their area, (odds,)."""
    return [label(density.area.name, name) for name in (density.area.recorded.names if density.area.recorded else ())]


def number_items(density: AreaDensity) -> list[str]:
    """Return the names of the items whose answers are numbers, (number,)."""
    return [density.area.items[numbers.item] for numbers in density.area.numbers]


def place_names(density: AreaDensity) -> list[str]:
    """Return the names of the places whose examination probability is learned, with their area, (place,)."""
    examined = density.area.examined
    return [] if examined is None else [label(density.area.name, place) for place in examined.learned]


def share_names(density: AreaDensity) -> tuple[str, ...]:
    """Return the names of an area's goal shares: its goals, and "no goal" where an agent may hold none."""
    return (*density.area.goals, *(("no goal",) if density.area.no_goal else ()))


def build_model(choices: Choices, priors: Priors | dict[str, Any] | None = None) -> pm.Model:
    """Return the generative model of the choices as an ordinary :class:`pymc.Model`.

    Any PyMC sampler may draw from it; :func:`fit` draws from the same posterior without compiling it.

    Parameters
    ----------
    choices
        The observed choices.
    priors
        Prior settings: ``goal_share`` (concentration of the Dirichlet), ``weight_mean`` (Beta),
        ``weight_concentration`` (Gamma shape and rate), ``baseline_sd``, ``group_sd``, ``covariate_sd``, ``period_sd``
        and the others of :class:`~dissensus.datasets.study.Priors`. Those left out are as in the
        study file.

    Returns
    -------
    pymc.Model
        Deterministics ``goal_share`` (goal), ``weight_mean`` (area), ``weight_concentration`` (area), ``baseline``
        (option), ``importance_scale`` (importance), ``coefficient`` (feature), where agents may pass ``pass_share``
        (passed_item: of those of weight ½) and ``pass_scale`` (passed_area), with counts and durations ``typical`` and
        ``spread`` (number), where answers are selected ``recording_odds`` (recorded_answer), where goals are learned
        ``goal_answer``
        (goal_option: the probability of each option to an agent of weight 1 who holds a goal, goals in no order),
        with places whose examination is learned ``examination`` (place: of all but the first), where agents follow
        several goals ``goal_mixing`` (several_area: 0 one goal each, 1 the most) and
        ``goal_spread`` (several_area: the mean over agents of 1 − Σ μ², 0 for those of one goal or none) and,
        with groups or periods, ``group_goal_share`` (group, goal) and ``group_weight_mean`` (group, area), those of
        its agents on average; with covariates ``covariate_goal`` (covariate, goal) and ``covariate_weight`` (covariate,
        area), their effects on goal logits (zero-sum over the goals of an area) and on the logit of the mean weight,
        ``goal_share`` and ``weight_mean`` then being those of an agent with mean covariates. Dims are flat over
        areas. Areas without unknown weights and options without a free baseline are left out. One observed variable
        per area holds the counts of its distinct rows; its log likelihood is weighted by the number of agents who share
        the row. Where areas share types of agents (``[dependence]``) the answers of all areas are one potential; the
        types, in no order, are ``types::share`` and ``<area>::leaning``.

    Raises
    ------
    InputError
        If a prior setting is unknown or out of range.
    """
    import pymc as pm  # noqa: PLC0415 - costs seconds, and fitting does not need it

    settings = resolve_priors(choices, priors)
    densities = area_densities(choices, settings)
    coords: dict[str, Any] = dict(flat_coords(densities))
    for density in densities:
        name = density.area.name
        coords[label(name, "goal")] = list(share_names(density))
        coords[label(name, "state")] = np.arange(density.states.n_states)
        coords[label(name, "option")] = list(range(density.n_options))
        coords[label(name, "row")] = np.arange(density.rows.n_rows)
    with pm.Model(coords=coords) as model:
        if choices.study.n_types > 1:
            joint = joint_density(densities, choices.study.n_types, settings, choices.fit_weight)
            parts = _add_areas_together(joint)
        else:
            parts = [_add_area(density) for density in densities]
        dims = variable_dims(densities)
        for variable, values in _joined(parts).items():
            pm.Deterministic(variable, pm.math.concatenate(values, axis=-1), dims=dims[variable])
    return model


def _joined(parts: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Return what the areas have of each variable, those without it left out."""
    found = {variable: [part[variable] for part in parts if variable in part] for variable in _DIMS}
    return {variable: values for variable, values in found.items() if values}


def variable_dims(densities: tuple[AreaDensity, ...]) -> dict[str, tuple[str, ...]]:
    """Return the dims of every variable of a model or posterior.

    Areas of unknown weights and options of free baselines have dims of their own where there are others.
    """
    coords = flat_coords(densities)
    names = {"area": "weighted_area", "option": "free_option"}
    renamed = {old: new for old, new in names.items() if new in coords}
    return {variable: tuple(renamed.get(dim, dim) for dim in dims) for variable, dims in _DIMS.items()}


_DIMS: dict[str, tuple[str, ...]] = {
    "goal_share": ("goal",),
    "group_goal_share": ("group", "goal"),
    "weight_mean": ("area",),
    "weight_concentration": ("area",),
    "group_weight_mean": ("group", "area"),
    "baseline": ("option",),
    "importance_scale": ("importance",),
    "goal_answer": ("goal_option",),
    "coefficient": ("feature",),
    "pass_share": ("passed_item",),
    "pass_scale": ("passed_area",),
    "typical": ("number",),
    "spread": ("number",),
    "covariate_goal": ("covariate", "goal"),
    "covariate_weight": ("covariate", "area"),
    "recording_odds": ("recorded_answer",),
    "goal_mixing": ("several_area",),
    "goal_spread": ("several_area",),
    "examination": ("place",),
}


def resolve_priors(choices: Choices, priors: Priors | dict[str, Any] | None) -> Priors:
    """Return the study's prior settings with those given put over them."""
    if isinstance(priors, Priors):
        return priors
    if not priors:
        return choices.study.priors
    raw = choices.study.to_dict()
    return type(choices.study).from_dict({**raw, "priors": {**raw["priors"], **priors}}).priors


def _add_areas_together(joint: JointDensity) -> list[dict[str, Any]]:
    """Add areas whose agents share types, and return their quantities."""
    log_type = add_type_share(joint)
    parts = [_add_area(density, (joint, log_type)) for density in joint.areas]
    add_answers(joint, log_type, [part.pop(_LOG_LIKELIHOOD) for part in parts])
    return parts


_LOG_LIKELIHOOD = "log_likelihood"
type _Types = tuple[JointDensity, Any]  # and the log shares of the types


def _of_priors(density: AreaDensity, types: _Types | None) -> tuple[dict[str, Any], Any]:
    """Add what priors over states are made of; return goal shares and weights by name, and the log priors.

    With types of agents there is a prior over states for each prior and type.
    """
    import pymc as pm  # noqa: PLC0415
    import pytensor.tensor as pt  # noqa: PLC0415

    name, layout, states = density.area.name, density.parameters, density.states
    log_share, prior_log_share, goal_effect = _shares(name, layout)
    parts: dict[str, Any] = {"goal_share": pt.exp(log_share)}
    of_group = group_mixture(density)
    if len(of_group):
        parts["group_goal_share"] = pt.dot(of_group, pt.exp(prior_log_share))
    named = layout.design is not None and bool(layout.design.names)
    if named:
        parts["covariate_goal"] = goal_effect
    log_node = None
    if layout.weighted:
        mean, kappa, prior_mean, mean_effect = _weights(name, layout)
        parts |= {"weight_mean": mean[None], "weight_concentration": kappa[None]}
        if len(of_group):
            parts["group_weight_mean"] = pt.dot(of_group, prior_mean)[:, None]
        if named:
            parts["covariate_weight"] = mean_effect[:, None]
        if types is not None:
            prior_mean = pt.repeat(prior_mean, types[0].n_types)
        log_node = log_node_prior(pt, states, prior_mean, kappa)
    mixing = None
    if layout.several:
        a, b = np.array(layout.priors.goal_mixing)
        share = pm.Beta(label(name, "mixing"), a, b)
        mixing = pt.repeat((pt.log(share) - pt.log1p(-share))[None], layout.n_priors)
        spread = expected_spread(pt, states.parts, states.n_goals, prior_log_share, mixing)
        parts |= {"goal_mixing": share[None], "goal_spread": pt.dot(stratum_shares(density), spread)[None]}
    if types is not None:
        prior_log_share = log_goal_of_types(types[0], name, prior_log_share, types[1])
    return parts, log_state_prior(pt, states, prior_log_share, log_node, mixing)


def _add_area(density: AreaDensity, types: _Types | None = None) -> dict[str, Any]:
    """Add one area to the model on the context stack and return its quantities, last axis flat.

    With types of agents, the log likelihood of its rows once for each type is among them and not yet in the model.
    """
    import pymc as pm  # noqa: PLC0415
    import pytensor.tensor as pt  # noqa: PLC0415

    name, layout = density.area.name, density.parameters
    parts, log_prior = _of_priors(density, types)
    logits = _baseline(name, layout, density.n_options)
    if layout.option_sizes:
        parts["baseline"] = pt.exp(log_baseline(pt, density.table, logits))[np.flatnonzero(layout.free_options)]
    scale = None
    if layout.n_scales:
        median, spread = np.array(layout.priors.importance_scale)
        scale = pm.LogNormal(label(name, "scale"), np.log(median), spread, shape=layout.n_scales)
        parts["importance_scale"] = scale
    taste = None
    if layout.n_tastes:
        taste = pm.Normal(label(name, "taste"), sigma=np.float64(layout.priors.taste_sd), shape=layout.n_tastes)
        parts["coefficient"] = taste
    passing = _passing(name, layout) if any(layout.passes) else None
    if passing is not None:
        parts |= {"pass_share": pm.math.sigmoid(passing[:-1]), "pass_scale": passing[-1:]}
    odds = _odds(name, layout)
    if layout.odds is not None:
        parts["recording_odds"] = pt.exp(odds)
    location = spread = None
    if layout.numbers:
        location, spread = _numbers(name, layout)
        parts |= {"typical": pt.exp(location), "spread": spread}
    places = _places(name, layout)
    if layout.n_places:
        parts["examination"] = pm.math.sigmoid(places)
    rows, affinity = density.rows if types is None else spread_rows(density.rows, types[0].n_types), None
    if layout.affinity_basis is not None:
        shape = (layout.n_learned, layout.affinity_basis.shape[1])
        free = pm.Normal(label(name, "affinity"), sigma=np.float64(layout.priors.affinity_sd), shape=shape)
        affinity = pt.dot(free, layout.affinity_basis.T)
        compared = compared_over_goals(density.area, affinity)
        answers = pt.exp(log_option_probability(pt, goal_table(density), logits, scale, compared, passing))
        parts["goal_answer"] = answers[:, learned_options(density)].ravel()
    table = log_option_probability(pt, density.table, logits, scale, affinity, passing, places, odds)
    prior = log_prior[rows.group]
    for stages in density.table.stages:  # what is not among the counts is known beside the prior
        prior = prior + stage_graph(stages, logits, taste, affinity)[rows.pattern]
    for number_table, numbers in zip(density.table.numbers, density.area.numbers, strict=True):
        prior = prior + number_graph(number_table, numbers, location, spread, affinity)[rows.pattern]
    if types is not None:
        counts = density.area.counts[rows.pattern].astype(float)
        parts[_LOG_LIKELIHOOD] = pt.logsumexp(pt.dot(counts, table.mT) + prior, axis=-1)
        return parts
    multiplicity = pm.Data(label(name, "multiplicity"), rows.multiplicity, dims=label(name, "row"))

    def log_probability(answers: Any, table: Any, prior: Any, multiplicity: Any) -> Any:
        table = table.reshape(table.shape[-2:])  # PyMC hands it over with a leading 1 for the rows
        return multiplicity * pt.logsumexp(answers.astype("float64") @ table.mT + prior, axis=-1)

    pm.CustomDist(
        label(name, "answers"),
        table,
        prior,
        multiplicity,
        logp=log_probability,
        signature="(s,o),(s),()->(o)",
        observed=density.area.counts[rows.pattern],
        dims=(label(name, "row"), label(name, "option")),
    )
    return parts


def group_mixture(density: AreaDensity) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the share of each prior over states in its group or period, (group, prior); empty without any."""
    return unit_mixture(density)[: sum(name is not None for name in density.prior_names)]


def _shares(name: str, layout: Parameters) -> tuple[Any, Any, Any]:
    """Return log goal shares, those of each prior over states, and the effects of covariates on goal logits."""
    import pymc as pm  # noqa: PLC0415
    import pytensor.tensor as pt  # noqa: PLC0415

    k, design = layout.n_shares, layout.design
    if k == 1:
        return pt.zeros(1), pt.zeros((layout.n_priors, 1)), pt.zeros((0 if design is None else len(design.names), 1))
    dims = label(name, "goal")
    share = pm.Dirichlet(label(name, "share"), np.full(k, layout.priors.goal_share), dims=dims)
    log_share = pt.log(share)
    deviation = pt.zeros((layout.n_deviating + layout.plain_prior, k))
    if layout.n_deviating:
        z = pm.ZeroSumNormal(label(name, "share_dev"), sigma=1.0, dims=("group", dims))
        deviation = pt.set_subtensor(deviation[: layout.n_deviating], layout.priors.group_sd * z)
    by_prior, effect = log_share + deviation, None
    if design is not None and layout.n_effects:
        free = pm.ZeroSumNormal(label(name, "share_effect"), sigma=1.0, shape=(layout.n_effects, k))
        by_prior = by_prior[design.group] + pt.dot(design.scaled(layout.priors), free)
        effect = pt.dot(design.effects(layout.priors), free)
    return log_share, by_prior - pt.logsumexp(by_prior, axis=1, keepdims=True), effect


def _weights(name: str, layout: Parameters) -> tuple[Any, Any, Any, Any]:
    """Return mean and concentration of the weights, the mean of each prior, and the effects of covariates on it."""
    import pymc as pm  # noqa: PLC0415
    import pytensor.tensor as pt  # noqa: PLC0415

    priors, design = layout.priors, layout.design
    # PyTensor would store a Python float such as 2.5 in single precision, and its gamma function with it.
    (a, b), (shape, rate) = np.array(priors.weight_mean), np.array(priors.weight_concentration)
    mean = pm.Beta(label(name, "mean"), a, b)
    kappa = pm.Gamma(label(name, "conc"), alpha=shape, beta=rate)
    shift, effect = pt.zeros(layout.n_deviating + layout.plain_prior), None
    if layout.n_deviating:
        z = pm.Normal(label(name, "mean_dev"), dims="group")
        shift = pt.set_subtensor(shift[: layout.n_deviating], priors.group_sd * z)
    if design is not None and layout.n_effects:
        free = pm.Normal(label(name, "mean_effect"), shape=layout.n_effects)
        shift = shift[design.group] + pt.dot(design.scaled(priors), free)
        effect = pt.dot(design.effects(priors), free)
    return mean, kappa, pm.math.sigmoid(pt.log(mean) - pt.log1p(-mean) + shift), effect


def _numbers(name: str, layout: Parameters) -> tuple[Any, Any]:
    """Return log μ, and φ or σ, of counts and durations."""
    import pymc as pm  # noqa: PLC0415

    (middle, width), (centre, range_) = number_priors(layout.numbers, layout.priors)
    size = len(layout.numbers)
    location = pm.Normal(label(name, "location"), middle, width, shape=size)
    return location, pm.LogNormal(label(name, "spread"), centre, range_, shape=size)


def _odds(name: str, layout: Parameters) -> Any:
    """Return the log of the odds with which answers are recorded, where they are not known."""
    import pymc as pm  # noqa: PLC0415

    if layout.odds is None:
        return np.zeros(0)
    return pm.Normal(label(name, "odds"), *layout.odds, shape=layout.odds.shape[1])


def _passing(name: str, layout: Parameters) -> Any:
    """Return the parameters of passing: ν of each item, then λ."""
    import pymc as pm  # noqa: PLC0415
    import pytensor.tensor as pt  # noqa: PLC0415

    (share, sd), (median, spread) = np.array(layout.priors.pass_share), np.array(layout.priors.pass_scale)
    logit = pm.Normal(label(name, "pass"), np.log(share) - np.log1p(-share), sd, shape=sum(layout.passes))
    scale = pm.LogNormal(label(name, "pass_scale"), np.log(median), spread)
    return pt.concatenate([logit, scale[None]])


def _places(name: str, layout: Parameters) -> Any:
    """Return the logits of learned examination probabilities."""
    import pymc as pm  # noqa: PLC0415

    if not layout.n_places:
        return np.zeros(0)
    middle, sd = prior_of_places(1 + layout.n_places, layout.priors), np.float64(layout.priors.examination[1])
    return pm.Normal(label(name, "place"), middle, sd, shape=layout.n_places)


def _baseline(name: str, layout: Parameters, n_options: int) -> Any:
    import pymc as pm  # noqa: PLC0415
    import pytensor.tensor as pt  # noqa: PLC0415

    if not layout.option_sizes:
        return pt.zeros(n_options)
    sd = np.float64(layout.priors.baseline_sd)
    logits = pt.zeros(n_options)
    for (item, block), free in zip(layout.baseline_blocks, _baseline_names(name, layout), strict=True):
        if item is None and block.shape[1] == 1 and free.endswith("tie"):
            logits = logits + block[:, 0] * pm.Normal(free, sigma=sd)
        else:
            size = block.shape[1] + 1
            logits = logits + pt.dot(block @ zero_sum_basis(size).T, pm.ZeroSumNormal(free, sigma=sd, shape=size))
    return logits


def _baseline_names(name: str, layout: Parameters) -> list[str]:
    """Return the name of the free variable of each block of baseline coordinates."""
    shared = iter(("objects", "tie"))
    return [label(name, f"baseline_{next(shared) if item is None else item}") for item, _ in layout.baseline_blocks]


def to_vector(density: AreaDensity, point: dict[str, Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the parameter vector of an area at a point of the PyMC model (its ``initial_point`` layout).

    The free variables of :func:`build_model` have, area by area, the coordinates of
    :class:`~dissensus.inference.parameters.Parameters`.
    """
    name = density.area.name
    wanted = [label(name, f"share{_SUFFIX['simplex']}"), label(name, f"share_dev{_SUFFIX['zerosum']}")]
    wanted += [
        label(name, f"mean{_SUFFIX['logodds']}"),
        label(name, f"conc{_SUFFIX['log']}"),
        label(name, "mean_dev"),
    ]
    for free in _baseline_names(name, density.parameters) if density.parameters.option_sizes else ():
        wanted += [free + _SUFFIX["zerosum"], free]
    wanted += [label(name, f"scale{_SUFFIX['log']}"), label(name, "affinity"), label(name, "taste")]
    wanted += [label(name, "pass"), label(name, f"pass_scale{_SUFFIX['log']}")]
    wanted += [label(name, "location"), label(name, f"spread{_SUFFIX['log']}")]
    wanted += [label(name, f"share_effect{_SUFFIX['zerosum']}"), label(name, "mean_effect")]
    wanted += [label(name, f"mixing{_SUFFIX['logodds']}"), label(name, "place"), label(name, "odds")]
    return np.concatenate([np.ravel(point[key]) for key in wanted if key in point] or [np.zeros(0)])


_SUFFIX = {"simplex": "_simplex__", "zerosum": "_zerosum__", "logodds": "_logodds__", "log": "_log__"}
