"""Parameters of the generative model for simulation: drawn from the priors of a study, or given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

from .examination import examined_items, prior_of_places
from .self_selection import recorded
from .study import Area, Item, Priors, passing

Parameters = dict[str, NDArray[np.float64]]
"""Arrays by name of parameter."""


@dataclass(frozen=True, eq=False)
class Beside:
    """What priors over states depend on beside the groups.

    Parameters
    ----------
    basis
        Map from coefficients of covariates to their effects, (effect, column).
    walk
        Centred random walk of independent steps, (period, step); empty without periods.
    """

    basis: NDArray[np.float64]
    walk: NDArray[np.float64]


def draw_parameters(
    area: Area,
    priors: Priors,
    rng: np.random.Generator,
    *,
    n_groups: int = 0,
    given: Mapping[str, ArrayLike] | None = None,
    single: bool = False,
    beside: Beside | None = None,
) -> Parameters:
    """Draw the parameters of one area from their priors, except those given.

    Parameters
    ----------
    area
        The area.
    priors
        The priors.
    rng
        Source of chance; as many numbers are drawn whatever is given.
    n_groups
        Number of groups.
    given
        Parameters by name, see :func:`~dissensus.datasets.simulate`.
    single
        Whether agents answer once in the area: only the shares of goals are then parameters, and with stated
        importance the weights and what that depends on.
    beside
        What priors over states depend on beside the groups.

    Returns
    -------
    dict
        ``goal_share`` (state,), the share without a goal last where the area allows it; ``weight_mean`` and
        ``weight_concentration``, scalars; ``baseline`` (option,); with stated importance ``importance_scale``
        (importance,); where goals are learned ``affinity`` (goal, option); where agents may
        follow several goals ``goal_mixing``, a scalar; with features of options ``coefficient`` (feature,);
        where places are looked at with learned probabilities ``examination`` (place − 1,), those of all but the first;
        where agents may pass ``pass_share`` (item with passing,), how many of those of weight ½ pass, or of
        those as like to have a goal as not, and ``pass_scale``; with counts and durations ``typical`` and ``spread``
        (number,), see :func:`.draw_numbers`; where answers are selected and the odds not known ``recording_odds``
        (odds,), see :mod:`.self_selection`; with groups or periods ``group_goal_share`` (group, state) and
        ``group_weight_mean`` (group,), of agents with mean covariates; with covariates ``covariate_goal`` (effect,
        state), zero-sum over states, and ``covariate_weight`` (effect,), their effects on logits.

    Raises
    ------
    ValueError
        If a given parameter has another shape or range.
    """
    n_states = len(area.goals) + area.no_goal
    shape, rate = priors.weight_concentration
    drawn: dict[str, NDArray[np.float64]] = {
        "goal_share": rng.dirichlet(np.full(n_states, priors.goal_share)),
        "weight_mean": np.array(rng.beta(*priors.weight_mean)),
        "weight_concentration": np.array(rng.gamma(shape, 1 / rate)),
        "baseline": np.where(has_baseline(area), _draw_baseline(area, priors.baseline_sd, rng), uniform_baseline(area)),
    }
    goal_step = priors.group_sd * _zero_sum(rng.standard_normal((n_groups, n_states)))
    mean_step = priors.group_sd * rng.standard_normal(n_groups)
    stated = sum(item.kind == "importance" for item in area.items)
    if single and (stated or (area.abstain is not None and area.abstain.means == "low_weight")):
        drawn["baseline"] = np.where(_is_stated(area), drawn["baseline"], uniform_baseline(area))
    elif single:
        drawn = {"goal_share": drawn["goal_share"]}
    if stated:
        median, spread = priors.importance_scale
        drawn["importance_scale"] = median * np.exp(spread * rng.standard_normal(stated))
    if area.learned_items:
        drawn["affinity"] = _draw_affinity(area, priors.affinity_sd, rng)
    if area.weights == "one":
        drawn = {name: value for name, value in drawn.items() if name not in {"weight_mean", "weight_concentration"}}
    if area.several:
        drawn["goal_mixing"] = np.array(rng.beta(*priors.goal_mixing))
    drawn |= _draw_more(area, priors, rng)
    path = np.zeros((0, 0)) if beside is None else beside.walk
    goal_step, mean_step = _steps(path, n_states, priors.period_sd, rng) if len(path) else (goal_step, mean_step)
    drawn |= _drawn_effects(beside, n_states, priors.covariate_sd, rng, weighted="weight_mean" in drawn)
    given = given or {}
    of_groups = [f"group_{name}" for name in ("goal_share", "weight_mean") if name in drawn and n_groups]
    known = [*drawn, *of_groups]
    for name in given:
        if name not in known:
            raise ValueError(f"'truth' names {name!r} in area {area.name!r}; the parameters are {', '.join(known)}")
    result = {name: _checked(area, name, given.get(name, value), np.shape(value)) for name, value in drawn.items()}
    for name in of_groups:
        if name == "group_goal_share":
            with np.errstate(divide="ignore"):  # a share of 0 stays 0 in every group
                value = _softmax(np.log(result["goal_share"]) + goal_step)
        else:
            m = result["weight_mean"]
            value = m / (m + (1 - m) * np.exp(-mean_step))  # the logit moved by the step
        result[name] = _checked(area, name, given.get(name, value), value.shape)
    selection = recorded(area)
    if selection is not None and "baseline" in result:  # what is asked at random is the same question
        result["baseline"] = result["baseline"][selection.source]
    return result


def _draw_more(area: Area, priors: Priors, rng: np.random.Generator) -> Parameters:
    """Draw the parameters of passing, of counts and durations, and of features."""
    drawn: Parameters = {}
    n_passing = sum(bool(item.passes) for item in area.items)
    if n_passing:
        (share, sd), (median, spread) = priors.pass_share, priors.pass_scale
        drawn["pass_share"] = expit(logit(share) + sd * rng.standard_normal(n_passing))
        drawn["pass_scale"] = np.array(median * np.exp(spread * rng.standard_normal()))
    numbers = [item.kind for item in area.items if item.is_number]
    if numbers:
        both = number_priors(numbers, priors)
        normal = rng.standard_normal((2, len(numbers)))
        drawn |= {name: np.exp(both[k, 0] + both[k, 1] * normal[k]) for k, name in enumerate(("typical", "spread"))}
    given = recorded(area)
    if given is not None and given.names:
        middle, width = given.prior
        drawn["recording_odds"] = np.exp(middle + width * rng.standard_normal(len(given.names)))
    n_features = sum(len(item.features) for item in area.items)
    if n_features:
        drawn["coefficient"] = priors.taste_sd * rng.standard_normal(n_features)
    examined = examined_items(area)
    if examined is not None and examined.learned:
        middle = prior_of_places(len(examined.places), priors)
        drawn["examination"] = expit(middle + priors.examination[1] * rng.standard_normal(len(middle)))
    return drawn


def _steps(
    of_columns: NDArray[np.float64], n_states: int, sd: float, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw coefficients of some columns; return what they make of goal logits, (row, state), and of logit m, (row,)."""
    n = of_columns.shape[1]
    return sd * of_columns @ _zero_sum(rng.standard_normal((n, n_states))), sd * of_columns @ rng.standard_normal(n)


def _drawn_effects(
    beside: Beside | None, n_states: int, sd: float, rng: np.random.Generator, *, weighted: bool
) -> Parameters:
    """Draw the effects of covariates, if there are any."""
    if beside is None or not len(beside.basis):
        return {}
    goals, weights = _steps(beside.basis, n_states, sd, rng)
    return {"covariate_goal": goals} | ({"covariate_weight": weights} if weighted else {})


def _draw_baseline(area: Area, sd: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw the baseline of every item, zero-sum normal logits of covariance sd²(I − 1/n), or uniform."""
    stated = _is_stated(area)
    if area.baseline == "uniform" and not stated.any():
        return uniform_baseline(area)
    drawn = [_of_answers(item, _softmax(sd * _normals(item.n_answers, rng))) for item in area.items]
    examined = examined_items(area)
    free = np.concatenate(drawn if examined is None else [drawn[first] for first in examined.same_as])
    names = list(dict.fromkeys(name for item in area.items for name in item.compared))
    if names:
        strength, tie = sd * _zero_sum(rng.standard_normal(len(names))), sd * rng.standard_normal()
        free = np.concatenate(
            [
                _of_answers(item, _compared(item, strength[[names.index(name) for name in item.compared]], tie))
                if item.compared
                else own
                for item, own in zip(area.items, np.split(free, _ends(area)), strict=True)
            ]
        )
    return np.where(stated, free, uniform_baseline(area)) if area.baseline == "uniform" else free


def _draw_affinity(area: Area, sd: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw by how much each goal favours the options of learned items, logits, (goal, option); 0 for other items.

    Of a choice they are zero-sum normal, of a comparison, or best and worst, strengths of its objects, of a scale one
    number per goal, of a count or duration that of more of it, 0 for less.
    """
    k = len(area.goals)
    mine = list(zip(area.items, area.learned_items, strict=True))
    names = list(dict.fromkeys(name for item, learned in mine if learned for name in item.compared))
    strength = sd * _zero_sum(rng.standard_normal((k, len(names)))) if names else np.zeros((k, 0))
    parts = []
    for item, learned in mine:
        size = len(item.serves)
        if not learned:
            parts.append(np.zeros((k, size)))
        elif item.kind == "pairwise":
            own = strength[:, [names.index(name) for name in item.compared]]
            parts.append(np.column_stack([own, own.mean(axis=1)])[:, :size])
        elif item.compared:
            parts.append(strength[:, [names.index(name) for name in item.compared]])
        elif item.is_number:
            parts.append(sd * rng.standard_normal((k, 1)) * [1.0, 0.0])
        elif item.kind == "ordinal":
            parts.append(np.repeat(sd * rng.standard_normal((k, 1)), size, axis=1))
        else:
            parts.append(sd * _zero_sum(rng.standard_normal((k, size))))
    return np.concatenate(parts, axis=1)


def has_baseline(area: Area) -> NDArray[np.bool_]:
    """Return whether the options of an item have a baseline beside what the goals favour, (option,).

    Where all weights are 1 and everybody holds a learned goal, only scales have one: their thresholds.
    """
    learned = area.learned_items or (False,) * len(area.items)
    bare = area.weights == "one" and not area.no_goal
    own = [not (bare and of and item.kind != "ordinal") for item, of in zip(area.items, learned, strict=True)]
    return np.repeat(own, [len(item.serves) for item in area.items])


def _compared(item: Item, strength: NDArray[np.float64], tie: float) -> NDArray[np.float64]:
    """Return the baseline of a comparison: Davidson's, with half the sum of both strengths for a tie."""
    return _softmax(strength if item.in_stages else np.append(strength, strength.mean() + tie)[: item.n_answers])


def _of_answers(item: Item, baseline: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the baseline of the answers to an item with 0 for passing, which is told apart from it."""
    return np.append(baseline, 0.0) if item.passes else baseline


def _ends(area: Area) -> NDArray[np.int64]:
    return np.cumsum([len(item.serves) for item in area.items[:-1]])


def _is_stated(area: Area) -> NDArray[np.bool_]:
    """Return whether an option is a level of stated importance, (option,)."""
    return np.concatenate([np.full(len(item.serves), item.kind == "importance") for item in area.items])


def uniform_baseline(area: Area) -> NDArray[np.float64]:
    """Return equal probabilities of the options of each item, 0 for passing, (option,)."""
    return np.concatenate([_of_answers(item, np.full(item.n_answers, 1 / item.n_answers)) for item in area.items])


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=-1, keepdims=True))


def _normals(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    return _zero_sum(rng.standard_normal(n))


def _zero_sum(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Project independent normals on the space where the last axis sums to zero."""
    return z - z.mean(axis=-1, keepdims=True)


def number_priors(kinds: Sequence[str], priors: Priors) -> NDArray[np.float64]:
    """Return mean and standard deviation of the logarithm of what is typical, and of the spread, (2, 2, number)."""
    given = [
        (priors.count_rate, priors.count_dispersion)
        if kind == "count"
        else (priors.duration_median, priors.duration_spread)
        for kind in kinds
    ]
    found = np.array(given, dtype=np.float64).reshape(len(kinds), 2, 2)
    found[:, :, 0] = np.log(found[:, :, 0])
    return np.moveaxis(found, 0, -1)


def passed_of(parameters: Parameters) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return how passing comes about, as :func:`.option_probabilities` takes it; None where nobody passes."""
    return (parameters["pass_share"], parameters["pass_scale"]) if "pass_share" in parameters else None


def _refuse_other_places(area: Area, baseline: NDArray[np.float64], about: str) -> None:
    examined, each = examined_items(area), np.split(baseline, _ends(area))
    same = range(len(each)) if examined is None else examined.same_as
    if any(not np.array_equal(own, each[first]) for own, first in zip(each, same, strict=True)):
        raise ValueError(f"{about} that differs between places at which the same is shown")


def _checked(area: Area, name: str, value: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return a parameter as an array, or say what is wrong with it."""
    array = np.array(value, dtype=np.float64)
    about = f"'truth' has {name!r} in area {area.name!r}"
    if array.shape != shape:
        raise ValueError(f"{about} of shape {array.shape}; it should be {shape}")
    if name in {"coefficient", "affinity", "covariate_goal", "covariate_weight"}:
        if not np.isfinite(array).all():
            raise ValueError(f"{about} that is not finite")
        return array
    if name in {"weight_concentration", "importance_scale", "pass_scale", "typical", "spread", "recording_odds"}:
        if not (np.isfinite(array).all() and (array > 0).all()):
            raise ValueError(f"{about} = {array}; it should be positive")
        return array
    if not ((array >= 0) & (array <= 1)).all():
        raise ValueError(f"{about} = {array}; it should lie between 0 and 1")
    if name.endswith("goal_share"):
        total = array.sum(axis=-1)
    elif name == "baseline":
        total = np.add.reduceat(array, np.cumsum([0, *(len(item.serves) for item in area.items[:-1])]))
        if (area.rule == "luce" or area.kinds) and not array[~passing(area)].all():
            raise ValueError(f"{about} with a 0, which the rule 'luce' takes the logarithm of")
        _refuse_other_places(area, array, about)
    else:
        return array
    if not np.allclose(total, 1, rtol=0, atol=1e-9):
        raise ValueError(f"{about} with sums {total}; they should be 1")
    return array
