"""The result of a fit as one labelled tree that ArviZ reads, and back from a tree to choices and densities."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import expit

from ..datasets.choices import Choices, Finding
from ..datasets.covariates import Covariate
from ..datasets.patterns import area_choices
from ..datasets.study import Priors, Study
from ..forward_model.aggregation import mean_over_areas
from .alternatives import STRUCTURES, Structure
from .area_fit import AreaFit, flat_draws
from .area_scores import ESTIMANDS, AreaScores, group_values, population_scores, stratum_shares
from .checks import Check, sentences, to_dataset
from .density import AreaDensity, is_large, log_density, row_log_likelihood, with_nodes
from .dependence_result import DependenceParts, dependence_dataset
from .design import covariate_effects
from .goal_mixtures import expected_spread
from .importance import effective_draws
from .learned_goals import goal_answers, learned_options
from .model import area_densities, flat_coords, variable_dims
from .notes import notes_of
from .nuts import NutsDraws
from .observed import ObservedConflict
from .option_table import log_baseline
from .parameters import Parameters, Values, constrain
from .result_stages import number_variables, numbers_of, stage_variables, stages_of
from .score_arrays import SCORES as _SCORES
from .score_arrays import chained, score_arrays
from .structure_checks import interval
from .thinning import evenly

Array = NDArray[np.float64]

SCHEMA = 2
"""Version of the layout of the tree."""
LOG_LIKELIHOOD_NUMBERS = 20_000_000
"""Most draws × agents for which the log likelihood is stored; above, it is computed again when asked for."""
_PROBED, _PROBED_OF_LARGE = 50, 2
_MANY_COUNTS = 1_000_000


@dataclass(frozen=True, eq=False)
class FitParts:
    """What :func:`build_tree` puts together; one entry per area in every list."""

    choices: Choices
    priors: Priors
    seed: int
    fits: Sequence[AreaFit]
    scores: Sequence[AreaScores]
    observed: tuple[ObservedConflict, ObservedConflict]
    structures: Sequence[tuple[list[Structure], Structure | None]]
    checks: Sequence[Check]
    group_shares: Array
    shares_given: bool
    dependence: DependenceParts | None = None


def build_tree(parts: FitParts) -> xr.DataTree:
    """Return the result tree of a fit, without its state."""
    chains, draws = _common_shape(parts.fits)
    groups = {
        "posterior": _posterior(parts.fits, chains, draws),
        "unconstrained_posterior": _unconstrained(parts.fits, parts.dependence, chains, draws),
        "sample_stats": _sample_stats(parts.fits, chains, draws),
        "log_likelihood": _log_likelihood(parts.fits, parts.dependence, parts.choices, chains, draws),
        "observed_data": _observed_data(parts.choices),
        "constant_data": _constant_data(parts),
        "scores": _scores(parts, chains),
        "agents": _agents(parts),
        "alternatives": _alternatives(parts),
        "checks": to_dataset(parts.checks),
    }
    if parts.dependence is not None:
        groups["dependence"] = dependence_dataset(parts.dependence, chains, parts.choices.groups)
    tree = xr.DataTree.from_dict({name: data for name, data in groups.items() if data is not None})
    attributes: dict[str, Any] = {
        "schema": SCHEMA,
        "study": parts.choices.study.to_dict(),
        "priors": parts.priors.model_dump(mode="json"),
        "data_hash": parts.choices.data_hash,
        "source": parts.choices.source,
        "seed": parts.seed,
        "n_agents": parts.choices.n_agents,
        "shape": [chains, draws],
        "versions": {
            name: version(name) for name in ("dissensus", "numpy", "scipy", "xarray", "arviz-stats", "nutpie")
        },
        "method": {fit.density.area.name: fit.method for fit in parts.fits},
        "diagnostics": {fit.density.area.name: _diagnostics(fit) for fit in parts.fits},
        "group_shares": parts.group_shares.tolist(),
        "interval": {"prob": 0.9, "kind": "eti"},
        "notes": sentences(c for c in parts.checks if c.state == "note") + notes_of(parts),
    }
    tree.attrs = {key: json.dumps(value) for key, value in attributes.items()}
    return tree


def attribute(fit: xr.DataTree, name: str) -> Any:
    """Return an attribute of a result, decoded from its JSON text."""
    return json.loads(fit.attrs[name])


def mean_log_density(density: AreaDensity, theta: Array) -> float:
    """Return the mean log density of some draws, taken evenly, (draw, coordinate); NaN when one is not finite."""
    some = theta[:: max(1, len(theta) // (_PROBED_OF_LARGE if is_large(density) else _PROBED))]
    return float(log_density(density, some).mean()) if np.isfinite(some).all() else float("nan")


def _common_shape(fits: Sequence[AreaFit]) -> tuple[int, int]:
    """Return chains and draws: four chains when every area was sampled by NUTS, else one."""
    total = fits[0].theta.shape[0] * fits[0].theta.shape[1]
    chains = fits[0].theta.shape[0] if len({fit.theta.shape[0] for fit in fits}) == 1 else 1
    return chains, total // chains


def _diagnostics(fit: AreaFit) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "method": fit.method,
        "nodes": len(fit.density.states.node),
        "parameters": fit.density.size,
        "modes": len(fit.modes),
        "log_density": max(mode.log_density for mode in fit.modes),
        "mean_log_density": mean_log_density(fit.density, fit.flat),
        "effective": fit.effective,
    }
    if fit.importance is not None:
        shown |= {
            "khat": fit.importance.khat,
            "equal_weights": fit.importance.khat == -np.inf,
            "importance_effective": fit.importance.effective,
            "rounds": fit.importance.rounds,
        }
        at_proposal = population_scores(fit.density, fit.importance.theta).overall
        if fit.method == "importance":
            shown["effective_scores"] = {
                name: effective_draws(fit.importance, getattr(at_proposal, name))
                for name in (_SCORES if fit.density.states.weighted else _SCORES[:1])
            }
    if fit.rhat is not None:
        shown |= {"r_hat": fit.rhat, "ess": fit.ess}
    if fit.nuts is not None:
        shown["divergences"] = int(fit.nuts.diverging.sum())
    return {key: (None if isinstance(v, float) and not np.isfinite(v) else v) for key, v in shown.items()}


def _posterior(fits: Sequence[AreaFit], chains: int, draws: int) -> xr.Dataset:
    densities = tuple(fit.density for fit in fits)
    pieces: dict[str, list[Array]] = {}
    for fit in fits:
        density, layout = fit.density, fit.density.parameters
        values = constrain(layout, fit.flat, density.n_options)
        found: dict[str, Array] = {"goal_share": values.share}
        if layout.option_sizes:
            found["baseline"] = np.exp(log_baseline(np, density.table, values.baseline_logits))[:, layout.free_options]
        if layout.n_scales:
            found["importance_scale"] = values.scale
        if layout.n_learned:
            answers = goal_answers(density, fit.flat)[:, :, learned_options(density)]
            found["goal_answer"] = answers.reshape(len(answers), -1)
        if layout.n_tastes:
            found["coefficient"] = values.taste
        if values.location is not None and values.spread is not None:
            found |= {"typical": np.exp(values.location), "spread": values.spread}
        if values.passing is not None:
            found |= {"pass_share": expit(values.passing[:, :-1]), "pass_scale": values.passing[:, -1:]}
        found |= _of_observation(layout, values)
        if values.mixing is not None:
            spread = expected_spread(
                np, density.states.parts, density.states.n_goals, values.prior_log_share, values.mixing
            )
            found |= {"goal_mixing": expit(values.mixing), "goal_spread": (spread @ stratum_shares(density))[:, None]}
        if values.mean is not None and values.concentration is not None:
            found |= {"weight_mean": values.mean[:, None], "weight_concentration": values.concentration[:, None]}
        found |= _of_priors(density, values, fit.flat)
        for name, array in found.items():
            pieces.setdefault(name, []).append(array)
    dims, data = variable_dims(densities), {}
    for name, arrays in pieces.items():
        joined = np.concatenate(arrays, axis=-1)
        data[name] = (("chain", "draw", *dims[name]), joined.reshape(chains, draws, *joined.shape[1:]))
    used = {dim for name in data for dim in dims[name]}
    coords: dict[str, Any] = {dim: names for dim, names in flat_coords(densities).items() if dim in used}
    return xr.Dataset(data, coords=coords | {"chain": np.arange(chains), "draw": np.arange(draws)})


def _of_observation(layout: Parameters, values: Values) -> dict[str, Array]:
    """Return how likely places are looked at, and the odds with which answers are recorded, by name."""
    found = {}
    if values.places is not None and layout.n_places:
        found["examination"] = expit(values.places)
    if values.odds is not None and layout.odds is not None:
        found["recording_odds"] = np.exp(values.odds)
    return found


def _of_priors(density: AreaDensity, values: Values, theta: Array) -> dict[str, Array]:
    """Return goal shares and mean weights of groups or periods, and the effects of covariates, by name."""
    found, design = {}, density.parameters.design
    n_groups = sum(name is not None for name in density.prior_names)
    if n_groups:
        shares, means = group_values(density, values)
        found["group_goal_share"] = shares[:, :n_groups]
        if means is not None:
            found["group_weight_mean"] = means[:, :n_groups, None]
    if design is not None and design.names:
        goals, weights = covariate_effects(density.parameters, theta)
        found |= {"covariate_goal": goals} | ({} if weights is None else {"covariate_weight": weights[..., None]})
    return found


def _unconstrained(fits: Sequence[AreaFit], dependence: DependenceParts | None, chains: int, draws: int) -> xr.Dataset:
    theta = np.concatenate([fit.flat for fit in fits], axis=1)
    labels = [f"{fit.density.area.name}: {block}" for fit in fits for block in _block_names(fit.density)]
    found = xr.Dataset(
        {"theta": (("chain", "draw", "coordinate"), theta.reshape(chains, draws, -1))},
        coords={"coordinate": np.array(labels, dtype=object)},
    )
    if dependence is None:
        return found
    joint = dependence.joint
    types = flat_draws(joint.theta)[:, joint.density.parameters.of_types].reshape(chains, draws, -1)
    return found.assign(types=(("chain", "draw", "type_coordinate"), types))


def _block_names(density: AreaDensity) -> list[str]:
    return [f"{name}[{i}]" for name, part in density.parameters.slices.items() for i in range(part.stop - part.start)]


def _sample_stats(fits: Sequence[AreaFit], chains: int, draws: int) -> xr.Dataset | None:
    """Return, for areas sampled by NUTS, what the sampler said of the kept draws."""
    runs = {fit.density.area.name: fit.nuts for fit in fits if fit.nuts is not None}
    if not runs:
        return None
    names = {"diverging": "diverging", "energy": "energy", "reached_max_treedepth": "depth_reached"}
    stats = {}
    for name, field in names.items():
        columns = [getattr(run, field)[:, _kept(run, chains * draws)].reshape(chains, draws) for run in runs.values()]
        stats[name] = (("chain", "draw", "area"), np.stack(columns, axis=2))
    return xr.Dataset(stats, coords={"area": list(runs), "chain": np.arange(chains), "draw": np.arange(draws)})


def _kept(run: NutsDraws, total: int) -> NDArray[np.int64]:
    """Return the draws of each chain of a run that were kept, of ``total`` in all."""
    length = run.theta.shape[1]
    return evenly(length, total // len(run.theta))


def _log_likelihood(
    fits: Sequence[AreaFit], dependence: DependenceParts | None, choices: Choices, chains: int, draws: int
) -> xr.Dataset | None:
    if chains * draws * choices.n_agents > LOG_LIKELIHOOD_NUMBERS:
        return None
    total = np.zeros((chains * draws, choices.n_agents), dtype=np.float32)
    if dependence is not None:
        joint = dependence.joint
        rows = row_log_likelihood(joint.density, flat_draws(joint.theta)).astype(np.float32)
        total += np.take(rows, joint.density.rows.row_of_agent, axis=1)
    for fit in fits if dependence is None else ():
        rows = row_log_likelihood(fit.density, fit.flat).astype(np.float32)
        total += np.take(rows, fit.density.rows.row_of_agent, axis=1)
    values = total.reshape(chains, draws, choices.n_agents)
    return xr.Dataset({"answers": (("chain", "draw", "agent"), values)}, coords={"agent": choices.agents})


def _observed_data(choices: Choices) -> xr.Dataset:
    pattern = np.stack([area.pattern_of_agent for area in choices.areas], axis=1).astype(np.int32)
    return xr.Dataset(
        {"answers": (("agent", "area"), pattern, {"description": "row of counts_<area number> in constant_data"})},
        coords={"area": [area.name for area in choices.areas]},
    )


def _constant_data(parts: FitParts) -> xr.Dataset:
    choices, fits = parts.choices, parts.fits
    data: dict[str, Any] = {
        f"counts_{k}": ((f"pattern_{k}", f"option_{k}"), stored_counts(area.counts))
        for k, area in enumerate(choices.areas)
    }
    for k, area in enumerate(choices.areas):
        data |= stage_variables(k, area) | number_variables(k, area)
    data["nodes"] = ("area", np.array([len(fit.density.states.node) for fit in fits]))
    data["group_of_agent"] = ("agent", choices.group_of_agent.astype(np.int32))
    for k, one in enumerate(choices.covariates):
        said = {"name": one.name, "levels": json.dumps(one.levels), "centre": one.centre, "scale": one.scale}
        data[f"covariate_{k}"] = ("agent", one.value, said)
    if choices.survey_weight is not None:
        data["survey_weight"] = ("agent", choices.survey_weight)
    coords: dict[str, Any] = {"area": [area.name for area in choices.areas], "estimand": list(ESTIMANDS)}
    if choices.groups:
        coords |= {"group": list(choices.groups), "group_other": list(choices.groups)}
    data |= _observed_estimates(parts)
    findings = json.dumps([f.__dict__ for f in choices.findings])
    return xr.Dataset(data, coords=coords, attrs={"findings": findings})


def stored_counts(counts: NDArray[np.int64]) -> NDArray[np.integer]:
    """Return counts as a result stores them: many of them as narrow whole numbers."""
    many = counts.size > _MANY_COUNTS
    return counts.astype(np.min_scalar_type(int(counts.max()))) if many else counts


def choices_of(fit: xr.DataTree) -> Choices:
    """Return the choices that a result was fitted to."""
    study = Study.from_dict(attribute(fit, "study"))
    constant = fit["constant_data"].to_dataset()
    pattern = fit["observed_data"].to_dataset()["answers"].values
    areas = tuple(
        area_choices(
            area,
            constant[f"counts_{k}"].values.astype(np.int64),
            pattern[:, k].astype(np.int64),
            stages_of(k, area, constant),
            numbers_of(k, area, constant),
        )
        for k, area in enumerate(study.areas)
    )
    weight = constant["survey_weight"].values if "survey_weight" in constant else None
    return Choices(
        study=study,
        agents=fit["agents"].to_dataset()["agent"].values.astype(object),
        groups=tuple(str(g) for g in constant["group"].values) if "group" in constant else (),
        group_of_agent=constant["group_of_agent"].values.astype(np.int64),
        survey_weight=weight,
        areas=areas,
        findings=tuple(Finding(**f) for f in json.loads(constant.attrs["findings"])),
        source=attribute(fit, "source"),
        data_hash=attribute(fit, "data_hash"),
        covariates=_covariates_of(study, constant),
    )


def _covariates_of(study: Study, constant: xr.Dataset) -> tuple[Covariate, ...]:
    names = [f"covariate_{k}" for k in range(len(study.table.depends_on))]
    stored = [constant[name] for name in names if name in constant]
    return tuple(
        Covariate(
            str(one.attrs["name"]),
            tuple(json.loads(one.attrs["levels"])),
            one.values.astype(np.float64),
            float(one.attrs["centre"]),
            float(one.attrs["scale"]),
        )
        for one in stored
    )


def densities_of(fit: xr.DataTree, choices: Choices) -> tuple[AreaDensity, ...]:
    """Return the densities a result was fitted with, with its quadrature nodes."""
    nodes = fit["constant_data"].to_dataset()["nodes"].values
    densities = area_densities(choices, Priors(**attribute(fit, "priors")))
    return tuple(
        with_nodes(density, int(n)) if density.states.weighted else density
        for density, n in zip(densities, nodes, strict=True)
    )


def thetas_of(fit: xr.DataTree, densities: Sequence[AreaDensity]) -> tuple[Array, ...]:
    """Return the parameter vectors of each area, (draw, coordinate)."""
    theta = fit["unconstrained_posterior"].to_dataset()["theta"].values
    flat = flat_draws(theta)
    edges = np.cumsum([density.size for density in densities])[:-1]
    return tuple(np.split(flat, edges, axis=1))


def posterior_mean(fit: xr.DataTree, density: AreaDensity) -> Array | None:
    """Return the mean of an area's parameter vectors in a result, (coordinate,); None where it has other coordinates.

    Parameters
    ----------
    fit
        A result.
    density
        Density of the area, also of other answers.
    """
    theta = fit["unconstrained_posterior"].to_dataset()["theta"]
    wanted = [f"{density.area.name}: {name}" for name in _block_names(density)]
    labels = theta["coordinate"].values.astype(str).tolist()
    own = [k for k, label in enumerate(labels) if label.rpartition(": ")[0] == density.area.name]
    if [labels[k] for k in own] != wanted:
        return None
    mean = flat_draws(theta.values)[:, own].mean(axis=0)
    return mean if np.isfinite(mean).all() else None


def _scores(parts: FitParts, chains: int) -> xr.Dataset:
    """Return draws of all scores: per area and overall, for both estimands, and by groups when there are any."""
    a = np.array([fit.density.area.area_weight for fit in parts.fits])
    n_groups = len(parts.choices.groups)
    data: dict[str, Any] = dict(
        score_arrays(
            parts.scores,
            weights_known=[fit.density.states.weighted for fit in parts.fits],
            area_weights=a,
            n_groups=n_groups,
            chains=chains,
        )
    )
    data |= _observed_scores(parts, a, chains)
    coords: dict[str, Any] = {
        "estimand": list(ESTIMANDS),
        "area": [fit.density.area.name for fit in parts.fits],
        "chain": np.arange(chains),
    }
    if n_groups:
        coords |= {"group": list(parts.choices.groups), "group_other": list(parts.choices.groups)}
    data_set = xr.Dataset(data, coords=coords)
    return data_set.assign_coords(draw=np.arange(data_set.sizes["draw"]))


def _observed_scores(parts: FitParts, a: Array, chains: int) -> dict[str, Any]:
    """Return observed conflict; its draws are bootstrap replicates over agents."""
    area = np.stack([observed.replicates for observed in parts.observed])
    data: dict[str, Any] = {
        "observed_conflict": chained(area, chains, ("area",)),
        "overall_observed_conflict": chained(mean_over_areas(area, a), chains, ()),
    }
    if parts.choices.groups:
        by_group = np.stack([observed.group_replicates for observed in parts.observed])
        dims = ("area", "group", "group_other")
        data["group_observed_conflict"] = chained(by_group, chains, dims)
        overall = mean_over_areas(np.moveaxis(by_group, 2, -1), a)
        data["overall_group_observed_conflict"] = chained(overall, chains, dims[1:])
    return data


def _observed_estimates(parts: FitParts) -> dict[str, Any]:
    """Return observed conflict of the table itself, by the names of its replicates in ``scores``."""
    a = np.array([fit.density.area.area_weight for fit in parts.fits])
    area = np.stack([o.estimate for o in parts.observed])
    data: dict[str, Any] = {
        "observed_conflict": (("estimand", "area"), area),
        "overall_observed_conflict": (("estimand",), mean_over_areas(area, a)),
    }
    if parts.choices.groups:
        groups, dims = np.stack([o.group_estimate for o in parts.observed]), ("group", "group_other")
        data["group_observed_conflict"] = (("estimand", "area", *dims), groups)
        overall = mean_over_areas(np.moveaxis(groups, 1, -1), a)
        data["overall_group_observed_conflict"] = (("estimand", *dims), overall)
    return data


def _agents(parts: FitParts) -> xr.Dataset:
    """Return goal probabilities and mean weights of every agent, without draws.

    Where agents follow several goals, the probability of a goal is the mean share of it in the agent's mixture.
    """
    densities = [fit.density for fit in parts.fits]
    goal, weight = [], []
    for density, scores in zip(densities, parts.scores, strict=True):
        own = scores.states.row_of_agent
        of_agent = density.rows.row_of_agent if own is None else own
        goal.append(scores.states.row_goal.astype(np.float32)[of_agent])
        mean = scores.states.row_weight.astype(np.float32)
        weight.append((mean if density.states.weighted else np.full_like(mean, np.nan))[of_agent])
    coords = flat_coords(tuple(densities))
    labels = {"agent": parts.choices.agents, "goal": coords["goal"], "area": coords["area"]}
    data: dict[str, Any] = {
        "goal_probability": (("agent", "goal"), np.concatenate(goal, axis=1)),
        "weight": (("agent", "area"), np.stack(weight, axis=1), {"meaning": "consistency of choices"}),
    }
    if "several_area" in coords:
        labels["several_area"] = coords["several_area"]
        text = "of the agent's answers that follow a goal, 1 less the sum of the squared shares of its goals"
        spread = [
            scores.states.row_spread.astype(np.float32)[density.rows.row_of_agent]
            for density, scores in zip(densities, parts.scores, strict=True)
            if density.states.parts
        ]
        data["goal_spread"] = (("agent", "several_area"), np.stack(spread, axis=1), {"meaning": text})
    return xr.Dataset(data, coords=labels)


def _alternatives(parts: FitParts) -> xr.Dataset:
    """Return scores and ELPD of the structural alternatives and of the null model of every area."""
    every = dict.fromkeys(s.name for structures, _ in parts.structures for s in structures)
    names = sorted(every, key=[*(kind.name for kind in STRUCTURES), *every].index)
    shape = (len(parts.fits), len(names) + 1)
    data = {key: np.full(shape, np.nan) for key in ("elpd", "log_density", "khat")}
    scores = {f"{s}_{part}": np.full(shape, np.nan) for s in _SCORES for part in ("mean", "lower", "upper")}
    for k, (structures, null) in enumerate(parts.structures):
        for structure in [*structures, *([null] if null else [])]:
            j = [*names, "null"].index(structure.name)
            data["elpd"][k, j], data["log_density"][k, j] = structure.elpd, structure.log_density
            data["khat"][k, j] = structure.khat
            if structure.scores is None:
                continue
            for s in _SCORES if parts.fits[k].density.states.weighted else _SCORES[:1]:
                values = getattr(structure.scores.sample.overall, s)
                scores[f"{s}_mean"][k, j] = values.mean()
                scores[f"{s}_lower"][k, j], scores[f"{s}_upper"][k, j] = interval(values)
    return xr.Dataset(
        {key: (("area", "structure"), values) for key, values in (data | scores).items()},
        coords={"area": [fit.density.area.name for fit in parts.fits], "structure": [*names, "null"]},
    )
