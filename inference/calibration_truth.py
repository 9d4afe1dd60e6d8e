"""The truth of a simulated data set: its scores, its parameters on the real line, and its log likelihood.

Nothing here goes through the rows, the cells or the pair sums that fits are made of: true scores come from goals and
weights agent by agent and from closed forms, the log likelihood from the choice rules agent by agent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import stats
from scipy.special import gammaln, logit, logsumexp, xlog1py, xlogy

from .. import forward_model
from ..datasets.answer_probability import option_probabilities
from ..datasets.choices import AreaChoices, Choices
from ..datasets.examination import examination_of, seen_through
from ..datasets.mixtures import mixed_probabilities
from ..datasets.parameters import passed_of, uniform_baseline
from ..datasets.self_selection import asked_options, if_all_answered, recorded_probability
from ..datasets.simulate_covariates import stratum_parameters
from ..datasets.study import Study
from ..datasets.zero_sum import zero_sum_basis
from ..forward_model.aggregation import mean_over_areas, relative_over_areas
from .density import AreaDensity, at_face_value
from .design import Design
from .parameters import Parameters
from .sensitivity import SCORES
from .states import States

Array = NDArray[np.float64]
type ScoreArrays = dict[str, dict[str, dict[str, Array]]]
"""By estimand and level (``"overall"``, ``"groups"``): arrays (..., area) by score, and ``overall_…`` without area."""


def true_parameters(choices: Choices, area: str) -> Mapping[str, Array]:
    """Return the parameters an area was simulated from."""
    if choices.truth is None:
        raise ValueError("these choices were not simulated: they have no truth")
    return choices.truth.parameters[area]


def with_overall(values: dict[str, Array], area_weights: Array) -> dict[str, Array]:
    """Return scores of areas, (..., area), ``pair_weight`` among them, with the overall scores added."""
    overall = {f"overall_{name}": mean_over_areas(values[name], area_weights) for name in SCORES[:2]}
    overall["overall_relative_misalignment"] = relative_over_areas(
        values["misalignment"], values["pair_weight"], area_weights
    )
    return {**values, **overall}


def true_scores(choices: Choices) -> ScoreArrays:
    """Return the true scores: of the agents who were simulated, and of infinitely many like them."""
    return {"sample": _sample(choices), "population": _population(choices)}


def true_conflict(choices: Choices, area: AreaChoices) -> Array:
    """Return the conflict between the goals of an area, (goal, goal).

    Behavioural conflict is the mean over items of the total variation distance of the true answers at weight 1.
    """
    if not area.behavioural:
        return area.conflict
    true, written, k = true_parameters(choices, area.name), choices.study.area(area.name), len(area.goals)
    baseline, scale = true.get("baseline", uniform_baseline(written)), true.get("importance_scale", np.zeros(0))
    p = option_probabilities(
        written, baseline, np.ones(k), np.arange(k), scale, single=False, affinity=true.get("affinity")
    )
    asked = area.states_goals[area.item_of_option]
    apart = np.abs(p[:, None, asked] - p[None, :, asked]).sum(axis=2)
    return np.asarray(apart / (2 * area.states_goals.sum()))


def _sample(choices: Choices) -> dict[str, dict[str, Array]]:
    if choices.truth is None:
        raise ValueError("these choices were not simulated: they have no truth")
    areas = [forward_model.ProblemArea(area.name, area.goals, true_conflict(choices, area)) for area in choices.areas]
    a = [area.area_weight for area in choices.areas]
    levels: dict[str, Any] = {"overall": None}
    if choices.groups:
        levels["groups"] = np.array(choices.groups, dtype=object)[choices.group_of_agent]
    found = {}
    goals = true_memberships(choices) if choices.truth.memberships else choices.truth.goals
    for level, by in levels.items():
        scores = forward_model.score(goals, choices.truth.weights, areas, area_weights=a, by=by)
        if by is not None:
            names = list(choices.groups)
            scores = scores.sel(group=names, group_other=names)
        found[level] = {
            **{name: np.moveaxis(scores[name].values, scores[name].dims.index("area"), -1) for name in SCORES},
            **{f"overall_{name}": scores[f"overall_{name}"].values for name in SCORES},
        }
    return found


def true_memberships(choices: Choices) -> xr.DataArray:
    """Return the true share of every goal of each agent, (agent, area, goal); goals of other areas have none."""
    truth = choices.truth
    if truth is None:
        raise ValueError("these choices were not simulated: they have no truth")
    names = list(dict.fromkeys(goal for area in choices.areas for goal in area.goals))
    share = np.zeros((choices.n_agents, len(choices.areas), len(names)))
    for p, area in enumerate(choices.areas):
        held = truth.goals[area.name].to_numpy(dtype=object)[:, None] == np.array(area.goals, dtype=object)
        own = truth.memberships[area.name].to_numpy() if area.name in truth.memberships else held.astype(float)
        share[:, p, [names.index(goal) for goal in area.goals]] = own
    coords = {"area": [area.name for area in choices.areas], "goal": np.array(names, dtype=object)}
    return xr.DataArray(share, dims=("agent", "area", "goal"), coords=coords | {"agent": truth.goals.index.to_numpy()})


def _population(choices: Choices) -> dict[str, dict[str, Array]]:
    """With s_h[g] = π_hg E_h[√w]: s_hᵀCs_h within group h, s_aᵀCs_b between, and Σ φ_h s_h overall."""
    parts: dict[str, list[dict[str, Array]]] = {"overall": [], "groups": []}
    phi = _group_shares(choices)
    for area in choices.areas:
        share, root = _population_totals(choices, area)
        conflict = np.zeros((share.shape[1], share.shape[1]))
        conflict[: len(area.goals), : len(area.goals)] = true_conflict(choices, area)
        for level, (s, r) in {"groups": (share, root), "overall": ((phi @ share)[None], (phi @ root)[None])}.items():
            mass = r.sum(axis=1)
            found = {
                "contention": s @ conflict @ s.T,
                "misalignment": r @ conflict @ r.T,
                "pair_weight": np.outer(mass, mass),
            }
            with np.errstate(invalid="ignore", divide="ignore"):
                found["relative_misalignment"] = found["misalignment"] / found["pair_weight"]
            parts[level].append(found if level == "groups" else {name: v[0, 0] for name, v in found.items()})
    a = np.array([area.area_weight for area in choices.areas])
    levels = parts if choices.groups else {"overall": parts["overall"]}
    return {
        level: with_overall({name: np.stack([f[name] for f in found], axis=-1) for name in found[0]}, a)
        for level, found in levels.items()
    }


def _group_shares(choices: Choices) -> Array:
    if not choices.groups:
        return np.ones(1)
    return np.bincount(choices.group_of_agent, minlength=len(choices.groups)) / choices.n_agents


def _of_agents(choices: Choices, area: AreaChoices) -> tuple[Mapping[str, Array], NDArray[np.int64]]:
    """Return the true parameters, with goal shares and mean weights of each kind of agent, and the kind of each."""
    group = choices.group_of_agent if choices.groups else np.zeros(choices.n_agents, dtype=np.int64)
    true = dict(true_parameters(choices, area.name))
    return stratum_parameters(true, choices.covariates, group, len(choices.groups))


def _population_totals(choices: Choices, area: AreaChoices) -> tuple[Array, Array]:
    """Return goal shares and their mass √w of each group, both (group, share); E√w from the Beta in closed form."""
    true, kind = _of_agents(choices, area)
    share = true.get("group_goal_share", true["goal_share"][None])
    mean_root = np.ones(len(share))
    if "weight_mean" in true:
        m = np.broadcast_to(true.get("group_weight_mean", true["weight_mean"][None]), len(share))
        a, b = 1 + m * true["weight_concentration"], 1 + (1 - m) * true["weight_concentration"]
        mean_root = np.exp(gammaln(a + 0.5) - gammaln(a) + gammaln(a + b) - gammaln(a + b + 0.5))
    root = share * mean_root[:, None]
    root[:, len(area.goals) :] = 0
    if not choices.covariates:
        return share, root
    group = choices.group_of_agent if choices.groups else np.zeros(choices.n_agents, dtype=np.int64)
    n_groups = max(len(choices.groups), 1)
    size = np.bincount(group, minlength=n_groups)[:, None]
    totals = [np.array([np.bincount(group, column, n_groups) for column in x[kind].T]).T for x in (share, root)]
    return totals[0] / size, totals[1] / size


def true_theta(density: AreaDensity, choices: Choices) -> Array:
    """Return the true parameters of an area on the real line, (coordinate,), the inverse of ``constrain``."""
    true, layout = true_parameters(choices, density.area.name), density.parameters
    at, sd = layout.slices, layout.priors.group_sd
    theta = np.zeros(density.size)
    log_share = np.log(true["goal_share"])
    theta[at["share"]] = (log_share - log_share.mean())[:-1]
    if layout.n_deviating:
        step = np.log(true["group_goal_share"]) - log_share
        step -= step.mean(axis=1, keepdims=True)
        theta[at["share_dev"]] = (step @ zero_sum_basis(layout.n_shares) / sd).ravel()
    if layout.weighted:
        theta[at["mean"]] = logit(true["weight_mean"])
        theta[at["conc"]] = np.log(true["weight_concentration"])
        if layout.n_deviating:
            theta[at["mean_dev"]] = (logit(true["group_weight_mean"]) - logit(true["weight_mean"])) / sd
    if layout.design is not None:
        theta[at["share_effect"]], theta[at["mean_effect"]] = _true_effects(layout, layout.design, true)
    if layout.option_sizes:
        with np.errstate(divide="ignore"):
            logits = np.where(density.area.is_pass, 0.0, np.log(true["baseline"]))
        items = np.where(density.area.is_pass, len(density.area.items), density.area.item_of_option)
        logits = logits - (np.bincount(items, logits) / np.bincount(items))[items]
        basis = layout.baseline_basis
        if layout.comparisons or layout.same_as:  # strengths of objects are seen in several items
            basis = basis - np.array([np.bincount(items, column) / np.bincount(items) for column in basis.T]).T[items]
            theta[at["baseline"]] = np.linalg.lstsq(basis, logits, rcond=None)[0]
        else:
            theta[at["baseline"]] = logits @ basis
    if layout.n_scales:
        theta[at["scale"]] = np.log(true["importance_scale"])
    if layout.affinity_basis is not None:
        theta[at["affinity"]] = np.linalg.lstsq(layout.affinity_basis, true["affinity"].T, rcond=None)[0].T.ravel()
    if layout.n_tastes:
        theta[at["taste"]] = true["coefficient"]
    if layout.numbers:
        theta[at["location"]], theta[at["spread"]] = np.log(true["typical"]), np.log(true["spread"])
    if any(layout.passes):
        theta[at["pass"]], theta[at["pass_scale"]] = logit(true["pass_share"]), np.log(true["pass_scale"])
    theta[at["mixing"]] = logit(true.get("goal_mixing", 0.5))
    theta[at["place"]] = logit(true.get("examination", 0.5))
    theta[at["odds"]] = np.log(true.get("recording_odds", np.zeros(0)))
    return theta


def _true_effects(layout: Parameters, design: Design, true: Mapping[str, Array]) -> tuple[Array, Array]:
    """Return the coordinates of the effects of covariates and of the walk over periods."""
    goals, means = np.zeros((layout.n_effects, layout.n_shares)), np.zeros(layout.n_effects)
    scales, n = design.scales(layout.priors), design.n_covariates
    if n:
        back = np.linalg.pinv(design.basis)
        goals[:n] = back @ true["covariate_goal"]
        means[:n] = back @ true["covariate_weight"] if layout.weighted else 0.0
    if design.n_steps:
        first = np.unique(design.unit, return_index=True)[1]
        back = np.linalg.pinv(design.columns[first, n:])
        goals[n:] = back @ (np.log(true["group_goal_share"]) - np.log(true["goal_share"]))
        if layout.weighted:
            means[n:] = back @ (logit(true["group_weight_mean"]) - logit(true["weight_mean"]))
    centred = goals - goals.mean(axis=1, keepdims=True)
    shares = centred @ zero_sum_basis(layout.n_shares) / scales[:, None]
    return shares.ravel(), means / scales if layout.weighted else np.zeros(0)


def true_log_likelihood(density: AreaDensity, choices: Choices, study: Study) -> float:
    """Return the log likelihood of the true parameters, agent by agent, with the quadrature nodes of a density.

    Parameters
    ----------
    density
        Only its nodes are used, and its layout of goals and weights.
    choices
        The simulated choices: answers and groups of every agent are read from here.
    study
        The study they were simulated from.
    """
    area = next(area for area in choices.areas if area.name == density.area.name)
    true, states = true_parameters(choices, area.name), density.states
    baseline = true.get("baseline", uniform_baseline(study.area(area.name)))
    if not states.weighted and not area.learned:
        baseline = uniform_baseline(study.area(area.name))
    scale = true.get("importance_scale", np.zeros(0))
    stated, single = study.area(area.name), at_face_value(area)
    written, baseline = if_all_answered(stated), baseline[asked_options(stated)]
    if area.parts:
        p = mixed_probabilities(
            written, baseline, states.weight, scale, states.is_goal[:, : len(area.goals)], single=single
        )
        if area.no_goal:
            none = np.array([-1])
            p[-1:] = option_probabilities(written, baseline, np.zeros(1), none, scale, single=single)
    else:
        goal = np.where(states.goal == len(area.goals), -1, states.goal)
        p = option_probabilities(
            written,
            baseline,
            states.weight,
            goal,
            scale,
            single=single,
            affinity=true.get("affinity"),
            passed=passed_of(dict(true)),
        )
    examination = examination_of(stated, true.get("examination"))
    if examination is not None:
        p = seen_through(stated, p, examination)
    p = recorded_probability(stated, p, true.get("recording_odds", np.zeros(0)))
    with np.errstate(divide="ignore"):
        log_p = np.maximum(np.log(p), -1e300)  # an option never chosen counts 0 times
    of_kind, kind = _of_agents(choices, area)
    prior = np.stack([_state_prior(of_kind, density, h) for h in range(int(kind.max()) + 1)])
    counts = area.counts[area.pattern_of_agent].astype(float)
    later = _log_later(area, log_p, true.get("coefficient", np.zeros(0)))
    for place in range(len(area.numbers)):
        later += _log_numbers(area, place, true, states)
    later = later[area.pattern_of_agent]
    return float(logsumexp(counts @ log_p.T + later + prior[kind], axis=1).sum())


def _log_later(area: AreaChoices, log_p: Array, coefficient: Array) -> Array:
    """Return the log probability of what is beside the counts, choice by choice, (pattern, state)."""
    total = np.zeros((len(area.counts), len(log_p)))
    first = 0
    for stages in area.stages:
        own = log_p[:, area.item_of_option == stages.item]
        beta = coefficient[first : first + stages.features.shape[2]]
        first += len(beta)
        chosen = np.empty((len(stages.chosen), len(log_p)))
        for stage, (shown, place) in enumerate(zip(stages.shown, stages.chosen, strict=True)):
            there = shown >= 0
            utility = own[:, shown[there]] + stages.features[stage, there] @ beta
            utility = -utility if stages.worst[stage] else utility
            chosen[stage] = utility[:, there[:place].sum()] - logsumexp(utility, axis=1)
        np.add.at(total, stages.pattern, stages.times[:, None] * chosen[stages.stage])
    return total


def _log_numbers(area: AreaChoices, place: int, true: Mapping[str, Array], states: States) -> Array:
    """Return the log probability of the counts or durations of one item, (pattern, state)."""
    numbers, total = area.numbers[place], np.zeros((len(area.counts), states.n_states))
    more, less = np.flatnonzero(area.item_of_option == numbers.item)
    raised = np.append(area.serves[:, more].astype(float) - area.serves[:, less], 0.0)
    pulled = area.kappa * raised
    if "affinity" in true:
        pulled = pulled + np.append(true["affinity"][:, more], 0.0)
    middle = true["typical"][place] * np.exp(states.weight * pulled[states.goal])
    spread = true["spread"][place]
    if numbers.kind == "duration":
        each = stats.lognorm.logpdf(numbers.value[:, None], spread, scale=middle)
    else:
        mean = numbers.exposure[:, None] * middle
        each = stats.nbinom.logpmf(numbers.value[:, None], 1 / spread, 1 / (1 + spread * mean))
    np.add.at(total, numbers.pattern, numbers.times[:, None] * each[numbers.which])
    return total


def _state_prior(true: Mapping[str, Array], density: AreaDensity, h: int) -> Array:
    """Return the log prior over the states of group h, (state,)."""
    states = density.states
    share = true["group_goal_share"][h] if "group_goal_share" in true else true["goal_share"]
    log_node = np.zeros(1)
    if states.weighted:
        m = float(true["group_weight_mean"][h] if "group_weight_mean" in true else true["weight_mean"])
        kappa = float(true["weight_concentration"])
        log_node = xlogy(m * kappa, states.node) + xlog1py((1 - m) * kappa, -states.node) + states.log_mass
        log_node = log_node - logsumexp(log_node)
    goals = (np.log(share[: states.n_goals, None]) + log_node).ravel()
    if states.parts:
        total, mixing = share[: states.n_goals].sum(), float(true["goal_mixing"])
        alpha = mixing / (1 - mixing) * share[: states.n_goals] / total
        number = np.rint(states.mixture * states.parts).astype(np.int64)
        from scipy.stats import dirichlet_multinomial  # noqa: PLC0415 - costs a second

        mixtures = dirichlet_multinomial.logpmf(number, np.maximum(alpha, 1e-300), states.parts)
        goals = (np.log(total) + mixtures[:, None] + log_node).ravel()
    return np.append(goals, np.log(share[states.n_goals :]))
