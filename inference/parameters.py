"""The parameters of one area on the real line: layout, transforms, prior density and its gradient.

The coordinates are those PyMC gives the free variables of :func:`build_model`, area by area, so a vector here is a
point there:

    share        simplex transform of the goal shares π ~ Dirichlet(α)
    share_dev    sum-zero z ~ Normal(0, 1) per group; logits of the group's shares are log π + σ·z
    mean         logit of the mean m ~ Beta of the weights
    conc         log of their concentration κ ~ Gamma
    mean_dev     z ~ Normal(0, 1) per group; the group's logit m is logit m + σ·z
    baseline     sum-zero baseline logits ~ Normal(0, τ) per item; for comparisons, strengths of the objects and ties
    scale        log of the scale λ of each stated importance ~ Normal
    affinity     by how much each learned goal favours the options: zero-sum logits ~ Normal(0, τ′) per goal and item
    taste        coefficients β of the features of options ~ Normal(0, τ′)
    pass         logit ν of the share of those of weight ½ who pass on an item ~ Normal, one for each item
    pass_scale   log of the scale λ of passing ~ Normal
    location     log of the mean count, or the median duration, of whom no goal moves ~ Normal, one for each item
    spread       log of the dispersion of counts, or of the standard deviation of log durations ~ Normal
    share_effect zero-sum z ~ Normal(0, 1) per column of the design (covariates, steps of periods); logits + σ·x·z
    mean_effect  z ~ Normal(0, 1) per column; the logit of m + σ·x·z
    mixing       logit of how far agents mix several goals ~ Beta
    place        logit of the examination probability of each place but the first ~ Normal
    odds         log of the odds r with which answers are recorded ~ Normal, where they are not known
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, singledispatch
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, gammaln, logit

from ..datasets.examination import prior_of_places
from ..datasets.parameters import number_priors
from ..datasets.study import Priors
from ..datasets.zero_sum import zero_sum_basis
from .design import Design, by_group, by_share_effect, moved_means, moved_shares

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Parameters:
    """Layout and priors of the parameters of one area.

    Parameters
    ----------
    n_shares
        Number of goal shares K (K + 1 with "no goal").
    n_deviating
        Number of groups with deviations of their own; 0 without groups.
    plain_prior
        Whether some agents take the prior without deviations (no groups, or agents in no group).
    weighted
        Whether weights are unknown.
    option_sizes
        Number of options of each item; empty when all baselines are uniform.
    priors
        Prior settings.
    fixed_items
        Whether the baseline of an item is uniform though those of others are free, (item,); empty for none.
    comparisons
        For each item its compared objects, by number, None for other items; empty for none. Baselines of
        comparisons are free strengths of the objects, shared by all of them, and one readiness to call a tie.
    n_scales
        Number of scales λ of stated importance.
    n_learned
        Number of goals whose affinities are learned: all of the area, or 0.
    affinity_basis
        Map from the affinity coordinates of a goal to its affinities, (option, coordinate); None without any.
    n_tastes
        Number of coefficients β of the features of options.
    passes
        Whether an option is passing, (option,); empty where nobody passes.
    numbers
        Kind of each item whose answers are numbers.
    design
        What the priors over states depend on beside the groups; None for nothing.
    several
        Whether an agent may follow several goals.
    n_places
        Number of places whose examination probability is learned.
    same_as
        For each item the first whose baseline it shares, itself where it shares none, (item,); empty for none.
    odds
        Prior mean and standard deviation of the log of unknown odds of recording, (2, odds); None without any.
    """

    n_shares: int
    n_deviating: int
    plain_prior: bool
    weighted: bool
    option_sizes: tuple[int, ...]
    priors: Priors
    fixed_items: tuple[bool, ...] = ()
    comparisons: tuple[tuple[int, ...] | None, ...] = ()
    n_scales: int = 0
    n_learned: int = 0
    affinity_basis: Array | None = None
    n_tastes: int = 0
    passes: tuple[bool, ...] = ()
    numbers: tuple[str, ...] = ()
    design: Design | None = None
    several: bool = False
    n_places: int = 0
    same_as: tuple[int, ...] = ()
    odds: Array | None = None

    @property
    def n_priors(self) -> int:
        """Number of priors over states: strata, or deviating groups, then the plain one."""
        return self.n_deviating + self.plain_prior if self.design is None else len(self.design.columns)

    @property
    def n_effects(self) -> int:
        """Number of columns that the priors over states depend on."""
        return 0 if self.design is None else self.design.columns.shape[1]

    @cached_property
    def slices(self) -> dict[str, slice]:
        """Where each block lies in a vector."""
        sizes = {
            "share": self.n_shares - 1,
            "share_dev": self.n_deviating * (self.n_shares - 1),
            "mean": int(self.weighted),
            "conc": int(self.weighted),
            "mean_dev": self.n_deviating * int(self.weighted),
            "baseline": self.baseline_basis.shape[1],
            "scale": self.n_scales,
            "affinity": 0 if self.affinity_basis is None else self.n_learned * self.affinity_basis.shape[1],
            "taste": self.n_tastes,
            "pass": sum(self.passes),
            "pass_scale": int(any(self.passes)),
            "location": len(self.numbers),
            "spread": len(self.numbers),
            "share_effect": self.n_effects * (self.n_shares - 1),
            "mean_effect": self.n_effects * int(self.weighted),
            "mixing": int(self.several),
            "place": self.n_places,
            "odds": 0 if self.odds is None else self.odds.shape[1],
        }
        ends = np.cumsum(list(sizes.values()))
        return {name: slice(int(end) - size, int(end)) for (name, size), end in zip(sizes.items(), ends, strict=True)}

    @cached_property
    def size(self) -> int:
        """Number of coordinates."""
        return int(next(reversed(self.slices.values())).stop)

    @cached_property
    def baseline_blocks(self) -> tuple[tuple[int | None, Array], ...]:
        """Maps from blocks of baseline coordinates to baseline logits, (option, coordinate), in order.

        With each map the item whose zero-sum logits the coordinates are; None for those that comparisons share, last:
        the zero-sum strengths of the objects, then the logit of a tie.
        """
        if not (self.option_sizes and any(self.passes)):
            return zero_sum_blocks(self.option_sizes, self.fixed_items, self.comparisons, same_as=self.same_as)
        passes, items = np.array(self.passes), np.repeat(np.arange(len(self.option_sizes)), self.option_sizes)
        sizes = tuple(int(size) for size in np.bincount(items[~passes]))
        blocks = zero_sum_blocks(sizes, self.fixed_items, self.comparisons)
        return tuple((item, np.eye(len(passes))[:, ~passes] @ block) for item, block in blocks)

    @cached_property
    def baseline_basis(self) -> Array:
        """Map from baseline coordinates to baseline logits, (option, coordinate)."""
        total = sum(self.option_sizes)
        return np.hstack([np.zeros((total, 0)), *(block for _, block in self.baseline_blocks)])

    @cached_property
    def free_options(self) -> NDArray[np.bool_]:
        """Whether the baseline of an option is free, (option,); passing has none."""
        fixed = self.fixed_items or (False,) * len(self.option_sizes)
        free = np.repeat(~np.array(fixed, dtype=bool), self.option_sizes)
        return np.asarray(free & ~np.array(self.passes) if self.passes else free)


def zero_sum_blocks(
    option_sizes: tuple[int, ...],
    fixed_items: tuple[bool, ...],
    comparisons: tuple[tuple[int, ...] | None, ...],
    *,
    ties: bool = True,
    same_as: tuple[int, ...] = (),
) -> tuple[tuple[int | None, Array], ...]:
    """Return maps from coordinates to logits of the options; see :attr:`Parameters.baseline_blocks`.

    Without ``ties`` the readiness to call a tie is left out. Items that share a baseline have the block of the first.
    """
    starts = np.cumsum([0, *option_sizes])
    fixed = fixed_items or (False,) * len(option_sizes)
    pairs = comparisons or (None,) * len(option_sizes)
    n_objects = 1 + max((max(pair) for pair in pairs if pair is not None), default=-1)
    blocks: list[tuple[int | None, Array]] = []
    for item, size in enumerate(option_sizes):
        first = same_as[item] if same_as else item
        if pairs[item] is None and not fixed[item] and first == item:
            block = np.zeros((starts[-1], size - 1))
            for other in range(len(option_sizes)):
                if other == item or (same_as and same_as[other] == item):
                    block[starts[other] : starts[other + 1]] = zero_sum_basis(size)
            blocks.append((item, block))
    strength, tie = np.zeros((starts[-1], n_objects)), np.zeros((starts[-1], 1))
    for item, pair in enumerate(pairs):
        if pair is None or fixed[item]:
            continue
        first = starts[item]
        strength[first + np.arange(len(pair)), list(pair)] = 1.0
        if option_sizes[item] > len(pair):  # a tie is half of both objects, times a readiness that all share
            strength[first + 2, list(pair)] = 0.5
            tie[first + 2] = 1.0
    if strength.any():
        blocks.append((None, strength @ zero_sum_basis(n_objects)))
    if ties and tie.any():
        blocks.append((None, tie))
    return tuple(blocks)


@dataclass(frozen=True, eq=False)
class Values:
    """Parameters in their own ranges, for a batch of D vectors.

    Parameters
    ----------
    share
        Goal shares without deviations, (D, share).
    prior_log_share
        Log goal shares of each prior over states, (D, prior, share).
    mean, concentration
        Mean and concentration of the weights without deviations, (D,); None when weights are 1.
    prior_mean
        Mean of the weights of each prior, (D, prior); None when weights are 1.
    baseline_logits
        Baseline logits, (D, option).
    scale
        Scales λ of stated importance, (D, scale).
    affinity
        Learned affinities, (D, goal, option); None without any.
    taste
        Coefficients β of features, (D, feature).
    passing
        ν of each item that one may pass on, and last λ, (D, pass + 1); None where nobody passes.
    location, spread
        Of counts and durations log μ, and φ or σ, (D, number); None where there are none.
    mixing
        Logit of how far agents mix several goals, (D, 1); None where they hold one.
    places
        Logits of learned examination probabilities, (D, place − 1).
    odds
        Log of the odds with which answers are recorded, (D, odds); empty where they are known.
    """

    share: Array
    prior_log_share: Array
    mean: Array | None
    concentration: Array | None
    prior_mean: Array | None
    baseline_logits: Array
    scale: Array
    taste: Array
    affinity: Array | None = None
    passing: Array | None = None
    location: Array | None = None
    spread: Array | None = None
    mixing: Array | None = None
    places: Array | None = None
    odds: Array | None = None


def constrain(parameters: Parameters, theta: Array, n_options: int) -> Values:
    """Return the parameters in their own ranges.

    Parameters
    ----------
    parameters
        The layout.
    theta
        Vectors on the real line, (D, coordinate).
    n_options
        Number of options of the area.
    """
    at, batch = parameters.slices, len(theta)
    log_share = _log_share(theta[:, at["share"]])
    sd = parameters.priors.group_sd
    deviation = theta[:, at["share_dev"]].reshape(batch, parameters.n_deviating, parameters.n_shares - 1)
    by_prior = log_share[:, None] + _with_plain(parameters, sd * deviation @ zero_sum_basis(parameters.n_shares).T)
    if parameters.design is not None:
        by_prior = moved_shares(parameters, parameters.design, by_prior, theta)
    by_prior = _log_softmax(by_prior)
    mean = concentration = prior_mean = None
    if parameters.weighted:
        logit_mean = theta[:, at["mean"]]
        mean, concentration = expit(logit_mean[:, 0]), np.exp(theta[:, at["conc"]][:, 0])
        shift = _with_plain(parameters, sd * theta[:, at["mean_dev"]][:, :, None])[:, :, 0]
        logits = logit_mean + shift
        if parameters.design is not None:
            logits = moved_means(parameters, parameters.design, logits, theta)
        prior_mean = expit(logits)
    if parameters.option_sizes:
        baseline = theta[:, at["baseline"]] @ parameters.baseline_basis.T
    else:
        baseline = np.zeros((batch, n_options))
    scale = np.exp(theta[:, at["scale"]])
    taste, affinity = theta[:, at["taste"]], None
    if parameters.affinity_basis is not None:
        affinity = theta[:, at["affinity"]].reshape(batch, parameters.n_learned, -1) @ parameters.affinity_basis.T
    passing = None
    if any(parameters.passes):
        passing = np.hstack([theta[:, at["pass"]], np.exp(theta[:, at["pass_scale"]])])
    known = (mean, concentration, prior_mean, baseline, scale, taste)
    location = spread = None
    if parameters.numbers:
        location, spread = theta[:, at["location"]], np.exp(theta[:, at["spread"]])
    mixing = theta[:, at["mixing"]] if parameters.several else None
    more = (affinity, passing, location, spread, mixing, theta[:, at["place"]], theta[:, at["odds"]])
    return Values(np.exp(log_share), by_prior, *known, *more)


def _log_share(y: Array) -> Array:
    """Return log goal shares from their simplex coordinates, (D, share)."""
    return _log_softmax(np.concatenate([y, -y.sum(axis=1, keepdims=True)], axis=1))


def _log_softmax(logits: Array) -> Array:
    """Return logits normalised over the last axis; scipy's takes ten times as long on arrays this small."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def _with_plain(parameters: Parameters, deviation: Array) -> Array:
    """Append the prior without deviation where agents need it; (D, group, k) -> (D, prior, k)."""
    if not parameters.plain_prior:
        return deviation
    if not parameters.n_deviating:
        return np.zeros((len(deviation), 1, deviation.shape[2]))
    return np.concatenate([deviation, np.zeros((len(deviation), 1, deviation.shape[2]))], axis=1)


@singledispatch
def log_prior(parameters: Any, theta: Array) -> Array:
    """Return the log prior density on the real line (Jacobian included), (D,)."""
    at, priors, k = parameters.slices, parameters.priors, parameters.n_shares
    log_share = _log_share(theta[:, at["share"]])
    alpha = priors.goal_share
    total = gammaln(k * alpha) - k * gammaln(alpha) + alpha * log_share.sum(axis=1)
    if k > 1:
        total = total + np.log(k)
    total = total + _normal(theta[:, at["share_dev"]], 1.0) + _normal(theta[:, at["mean_dev"]], 1.0)
    total = total + _normal(theta[:, at["baseline"]], priors.baseline_sd)
    if parameters.weighted:
        (a, b), (shape, rate) = priors.weight_mean, priors.weight_concentration
        x, log_kappa = theta[:, at["mean"]][:, 0], theta[:, at["conc"]][:, 0]
        total = total + gammaln(a + b) - gammaln(a) - gammaln(b) - a * np.logaddexp(0, -x) - b * np.logaddexp(0, x)
        total = total + shape * np.log(rate) - gammaln(shape) + shape * log_kappa - rate * np.exp(log_kappa)
    if parameters.n_scales:
        median, spread = priors.importance_scale
        total = total + _normal(theta[:, at["scale"]] - np.log(median), spread)
    if parameters.n_learned:
        total = total + _normal(theta[:, at["affinity"]], priors.affinity_sd)
    total = total + _normal(theta[:, at["taste"]], priors.taste_sd)
    if any(parameters.passes):
        (share, sd), (median, spread) = priors.pass_share, priors.pass_scale
        total = total + _normal(theta[:, at["pass"]] - logit(share), sd)
        total = total + _normal(theta[:, at["pass_scale"]] - np.log(median), spread)
    for block, (middle, width) in _number_blocks(parameters):
        total = total + _normal((theta[:, at[block]] - middle) / width, 1.0) - np.log(width).sum()
    if parameters.design is not None:
        total = total + _normal(theta[:, at["share_effect"]], 1.0) + _normal(theta[:, at["mean_effect"]], 1.0)
    if parameters.several:
        (a, b), x = priors.goal_mixing, theta[:, at["mixing"]][:, 0]
        total = total + gammaln(a + b) - gammaln(a) - gammaln(b) - a * np.logaddexp(0, -x) - b * np.logaddexp(0, x)
    if parameters.n_places:
        middle = prior_of_places(1 + parameters.n_places, priors)
        total = total + _normal(theta[:, at["place"]] - middle, priors.examination[1])
    if parameters.odds is not None:
        middle, width = parameters.odds
        total = total + _normal((theta[:, at["odds"]] - middle) / width, 1.0) - np.log(width).sum()
    return np.asarray(total)


@singledispatch
def log_prior_gradient(parameters: Any, theta: Array) -> Array:
    """Return the gradient of :func:`log_prior`, (D, coordinate)."""
    at, priors, k = parameters.slices, parameters.priors, parameters.n_shares
    gradient = np.empty_like(theta)
    share = np.exp(_log_share(theta[:, at["share"]]))
    by_logit = priors.goal_share * (1 - k * share)
    gradient[:, at["share"]] = by_logit[:, :-1] - by_logit[:, -1:]
    gradient[:, at["share_dev"]] = -theta[:, at["share_dev"]]
    gradient[:, at["mean_dev"]] = -theta[:, at["mean_dev"]]
    gradient[:, at["baseline"]] = -theta[:, at["baseline"]] / priors.baseline_sd**2
    if parameters.weighted:
        (a, b), (shape, rate) = priors.weight_mean, priors.weight_concentration
        m = expit(theta[:, at["mean"]])
        gradient[:, at["mean"]] = a * (1 - m) - b * m
        gradient[:, at["conc"]] = shape - rate * np.exp(theta[:, at["conc"]])
    median, spread = priors.importance_scale
    gradient[:, at["scale"]] = -(theta[:, at["scale"]] - np.log(median)) / spread**2
    gradient[:, at["affinity"]] = -theta[:, at["affinity"]] / priors.affinity_sd**2
    gradient[:, at["taste"]] = -theta[:, at["taste"]] / priors.taste_sd**2
    (passed, sd), (median, spread) = priors.pass_share, priors.pass_scale
    gradient[:, at["pass"]] = -(theta[:, at["pass"]] - logit(passed)) / sd**2
    gradient[:, at["pass_scale"]] = -(theta[:, at["pass_scale"]] - np.log(median)) / spread**2
    for block, (middle, width) in _number_blocks(parameters):
        gradient[:, at[block]] = -(theta[:, at[block]] - middle) / width**2
    for block in ("share_effect", "mean_effect"):
        gradient[:, at[block]] = -theta[:, at[block]]
    if parameters.several:
        (a, b), r = priors.goal_mixing, expit(theta[:, at["mixing"]])
        gradient[:, at["mixing"]] = a * (1 - r) - b * r
    if parameters.n_places:
        middle = prior_of_places(1 + parameters.n_places, priors)
        gradient[:, at["place"]] = -(theta[:, at["place"]] - middle) / priors.examination[1] ** 2
    if parameters.odds is not None:
        middle, width = parameters.odds
        gradient[:, at["odds"]] = -(theta[:, at["odds"]] - middle) / width**2
    return gradient


def _number_blocks(parameters: Parameters) -> list[tuple[str, Array]]:
    """Return mean and standard deviation, (2, number), of the coordinates of counts and durations, by block."""
    if not parameters.numbers:
        return []
    return list(zip(("location", "spread"), number_priors(parameters.numbers, parameters.priors), strict=True))


def _normal(z: Array, sd: float) -> Array:
    return np.asarray(-0.5 * np.square(z / sd).sum(axis=1) - z.shape[1] * (np.log(sd) + 0.5 * np.log(2 * np.pi)))


def pull_back_values(
    parameters: Parameters,
    theta: Array,
    values: Values,
    *,
    by_log_share: Array,
    by_shape_a: Array | None,
    by_shape_b: Array | None,
    by_baseline: Array,
    by_scale: Array | None = None,
    by_affinity: Array | None = None,
    by_taste: Array | None = None,
    by_passing: Array | None = None,
    by_location: Array | None = None,
    by_spread: Array | None = None,
    by_mixing: Array | None = None,
    by_places: Array | None = None,
    by_odds: Array | None = None,
) -> Array:
    """Return the gradient on the real line, (D, coordinate), of a function of the values.

    Parameters
    ----------
    parameters, theta, values
        Layout, vectors and their values.
    by_log_share
        Gradient by the log goal shares of each prior, not yet projected on the simplex, (D, prior, share).
    by_shape_a, by_shape_b
        Gradient by m·κ and (1 − m)·κ of each prior, (D, prior).
    by_baseline
        Gradient by the baseline logits, (D, option).
    by_scale
        Gradient by the scales, (D, scale); None where there are none.
    by_affinity
        Gradient by the learned affinities, (D, goal, option); None where there are none.
    by_taste
        Gradient by the coefficients of features, (D, feature); None where there are none.
    by_passing
        Gradient by the parameters of passing, (D, pass + 1); None where there are none.
    by_location, by_spread
        Gradient by log μ and by log φ or log σ, (D, number); None where there are none.
    by_mixing
        Gradient by the logit of mixing, for each prior, (D, prior); None where an agent holds one goal.
    by_places
        Gradient by the logits of learned examination probabilities, (D, place − 1); None without places.
    by_odds
        Gradient by the log of the odds of recording, (D, odds); None where there are none.
    """
    at, sd, batch = parameters.slices, parameters.priors.group_sd, len(theta)
    gradient = np.zeros_like(theta)
    share = np.exp(values.prior_log_share)
    by_logit = by_log_share - share * by_log_share.sum(axis=2, keepdims=True)
    total = by_logit.sum(axis=1)
    gradient[:, at["share"]] = total[:, :-1] - total[:, -1:]
    if parameters.design is not None:
        gradient[:, at["share_effect"]] = by_share_effect(parameters, parameters.design, by_logit)
        by_logit = by_group(parameters, parameters.design, by_logit)
    own = by_logit[:, : parameters.n_deviating]
    gradient[:, at["share_dev"]] = (sd * own @ zero_sum_basis(parameters.n_shares)).reshape(batch, -1)
    if parameters.weighted and by_shape_a is not None and by_shape_b is not None:
        assert values.prior_mean is not None and values.concentration is not None
        m, kappa = values.prior_mean, values.concentration[:, None]
        by_logit_mean = kappa * (by_shape_a - by_shape_b) * m * (1 - m)
        gradient[:, at["mean"]] = by_logit_mean.sum(axis=1, keepdims=True)
        if parameters.design is not None:
            gradient[:, at["mean_effect"]] = by_logit_mean @ parameters.design.scaled(parameters.priors)
            by_logit_mean = by_group(parameters, parameters.design, by_logit_mean[:, :, None])[:, :, 0]
        gradient[:, at["mean_dev"]] = sd * by_logit_mean[:, : parameters.n_deviating]
        gradient[:, at["conc"]] = (kappa * (m * by_shape_a + (1 - m) * by_shape_b)).sum(axis=1, keepdims=True)
    if parameters.option_sizes:
        gradient[:, at["baseline"]] = by_baseline @ parameters.baseline_basis
    if by_scale is not None:
        gradient[:, at["scale"]] = by_scale * values.scale
    if by_affinity is not None and parameters.affinity_basis is not None:
        gradient[:, at["affinity"]] = (by_affinity @ parameters.affinity_basis).reshape(batch, -1)
    if by_taste is not None:
        gradient[:, at["taste"]] = by_taste
    if by_passing is not None and values.passing is not None:
        gradient[:, at["pass"]] = by_passing[:, :-1]
        gradient[:, at["pass_scale"]] = by_passing[:, -1:] * values.passing[:, -1:]
    if by_location is not None and by_spread is not None:
        gradient[:, at["location"]], gradient[:, at["spread"]] = by_location, by_spread
    if by_mixing is not None:
        gradient[:, at["mixing"]] = by_mixing.sum(axis=1, keepdims=True)
    if by_places is not None:
        gradient[:, at["place"]] = by_places
    if by_odds is not None:
        gradient[:, at["odds"]] = by_odds
    return gradient


@singledispatch
def draw_prior(parameters: Any, draws: int, rng: np.random.Generator) -> Array:
    """Return draws from the prior on the real line, (draw, coordinate)."""
    at, priors = parameters.slices, parameters.priors
    theta = rng.standard_normal((draws, parameters.size))
    theta[:, at["baseline"]] *= priors.baseline_sd
    gammas = np.log(rng.standard_gamma(priors.goal_share + 1, (draws, parameters.n_shares)))
    gammas += np.log(rng.random(gammas.shape)) / priors.goal_share  # log Gamma(α) without underflow at small α
    theta[:, at["share"]] = (gammas - gammas.mean(axis=1, keepdims=True))[:, :-1]
    if parameters.weighted:
        (a, b), (shape, rate) = priors.weight_mean, priors.weight_concentration
        theta[:, at["mean"]] = logit(np.clip(rng.beta(a, b, (draws, 1)), 1e-12, 1 - 1e-12))
        theta[:, at["conc"]] = np.log(rng.gamma(shape, 1 / rate, (draws, 1)))
    median, spread = priors.importance_scale
    theta[:, at["scale"]] = np.log(median) + spread * theta[:, at["scale"]]
    theta[:, at["affinity"]] *= priors.affinity_sd
    theta[:, at["taste"]] *= priors.taste_sd
    if any(parameters.passes):
        (share, spread_share), (median, spread) = priors.pass_share, priors.pass_scale
        theta[:, at["pass"]] = logit(share) + spread_share * theta[:, at["pass"]]
        theta[:, at["pass_scale"]] = np.log(median) + spread * theta[:, at["pass_scale"]]
    for block, (middle, width) in _number_blocks(parameters):
        theta[:, at[block]] = middle + width * theta[:, at[block]]
    if parameters.several:
        a, b = priors.goal_mixing
        theta[:, at["mixing"]] = logit(np.clip(rng.beta(a, b, (draws, 1)), 1e-12, 1 - 1e-12))
    if parameters.n_places:
        middle = prior_of_places(1 + parameters.n_places, priors)
        theta[:, at["place"]] = middle + priors.examination[1] * theta[:, at["place"]]
    if parameters.odds is not None:
        middle, width = parameters.odds
        theta[:, at["odds"]] = middle + width * theta[:, at["odds"]]
    return theta


def permute_goals(parameters: Parameters, theta: Array, order: NDArray[np.int64]) -> Array:
    """Return vectors that mean the same with the goals renumbered: goal k is the one that was goal ``order[k]``.

    Parameters
    ----------
    parameters
        The layout, of learned goals.
    theta
        Vectors, (D, coordinate).
    order
        A permutation of the goals for each vector, (D, goal). "No goal" stays where it is.
    """
    at, batch, result = parameters.slices, len(theta), theta.copy()
    rest = np.arange(order.shape[1], parameters.n_shares)
    shares = np.concatenate([order, np.broadcast_to(rest, (batch, len(rest)))], axis=1)
    y = theta[:, at["share"]]
    logits = np.concatenate([y, -y.sum(axis=1, keepdims=True)], axis=1)
    result[:, at["share"]] = np.take_along_axis(logits, shares, axis=1)[:, :-1]
    if parameters.n_deviating:
        basis = zero_sum_basis(parameters.n_shares)
        deviation = theta[:, at["share_dev"]].reshape(batch, parameters.n_deviating, -1) @ basis.T
        moved = np.take_along_axis(deviation, shares[:, None, :], axis=2)
        result[:, at["share_dev"]] = (moved @ basis).reshape(batch, -1)
    if parameters.n_effects:
        basis = zero_sum_basis(parameters.n_shares)
        effect = theta[:, at["share_effect"]].reshape(batch, parameters.n_effects, basis.shape[1]) @ basis.T
        moved = np.take_along_axis(effect, shares[:, None, :], axis=2)
        result[:, at["share_effect"]] = (moved @ basis).reshape(batch, -1)
    own = theta[:, at["affinity"]].reshape(batch, parameters.n_learned, -1)
    result[:, at["affinity"]] = np.take_along_axis(own, order[:, :, None], axis=1).reshape(batch, -1)
    return result
