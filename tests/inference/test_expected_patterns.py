"""Observed and expected numbers of agents for each set of answers: enumerated, simulated, and by hand."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from dissensus.datasets.simulate import simulate
from dissensus.inference import expected_patterns as module
from dissensus.inference.density import row_log_likelihood, state_prior
from dissensus.inference.expected_patterns import expected_patterns
from dissensus.inference.option_table import log_option_probability
from dissensus.inference.parameters import constrain, draw_prior
from scipy.special import logsumexp

from .builders import CASES, density_of
from .chance import assert_within
from .predicted import FOUR, case_density


def _rng(seed=0):
    return np.random.default_rng(seed)


def _some_missing(n=60, seed=1, **more):
    density = density_of(simulate(FOUR, n, seed=seed, missing=0.3, **more))
    return density, draw_prior(density.parameters, 5, _rng(seed))


@pytest.mark.parametrize("case", [case for case in CASES if "one answer" not in case])
def test_every_kind_of_area(case):
    """Agents with an answer are all there, as many are expected, and their log likelihoods are those of the density."""
    density = case_density(case)
    theta = draw_prior(density.parameters, 4, _rng(1))
    found = expected_patterns(density, theta, _rng())
    rows = density.rows
    some = density.area.counts[rows.pattern].any(axis=1)
    np.testing.assert_allclose(found.n_agents, rows.multiplicity[some].sum(), rtol=1e-12)
    np.testing.assert_allclose(found.expected.sum(axis=1), found.n_agents, rtol=1e-9)
    place = {
        (int(g), *c): k for k, (g, c) in enumerate(zip(found.density.rows.group, found.counts.tolist(), strict=True))
    }
    at = [
        place[(int(g), *c)]
        for g, c in zip(rows.group[some], density.area.counts[rows.pattern[some]].tolist(), strict=True)
    ]
    # of rankings the first choices, and no counts or durations
    first = replace(density, table=replace(density.table, stages=(), numbers=()))
    np.testing.assert_allclose(found.loglik[:, at], row_log_likelihood(first, theta)[:, some], atol=1e-10)
    np.testing.assert_allclose(found.observed[at], np.bincount(at, rows.multiplicity[some])[at])


def test_expected_numbers_by_brute_force():
    """Agents asked the same items times the probability of the answers, summed over states one by one."""
    density, theta = _some_missing(groups=["left", "right"])
    found = expected_patterns(density, theta[:1], _rng())
    values = constrain(density.parameters, theta[:1], density.n_options)
    p = np.exp(log_option_probability(np, density.table, values.baseline_logits))[0]
    prior = np.exp(state_prior(density, values))[0]
    assert found.noise == 0
    designs = {}
    for g, pattern, m in zip(density.rows.group, density.rows.pattern, density.rows.multiplicity, strict=True):
        key = int(g), tuple((density.area.item_answers[pattern] > 0).tolist())
        designs[key] = designs.get(key, 0) + m
    expected = {}
    for (g, asked), agents in designs.items():
        items = [np.flatnonzero(density.area.item_of_option == j) for j in np.flatnonzero(asked)]
        for options in itertools.product(*items):
            chance = sum(prior[g, s] * np.prod([p[s, o] for o in options]) for s in range(len(p)))
            expected[g, frozenset(options)] = agents * chance
    assert found.expected.shape[1] == len(expected) == found.possible
    for g, counts, number in zip(found.density.rows.group, found.counts, found.expected[0], strict=True):
        assert number == pytest.approx(expected[int(g), frozenset(np.flatnonzero(counts).tolist())], rel=1e-9)


def test_simulated_numbers_are_those_enumerated(monkeypatch):
    """Sums of any function over expected numbers agree within the simulation error that is stated."""
    density, theta = _some_missing(n=200)
    exact = expected_patterns(density, theta, _rng())
    monkeypatch.setattr(module, "MOST_ENUMERATED", 1)
    monkeypatch.setattr(module, "SIMULATED", 20_000)
    drawn = expected_patterns(density, theta, _rng(3))
    assert exact.noise == 0 < drawn.noise
    weight = _rng(5).standard_normal((density.n_options, 6))

    def sums(found):
        value = np.sin(found.counts @ weight)  # any function of the answers
        mean = found.expected @ value
        return mean, found.expected @ value**2 - mean**2 / found.n_agents

    (one, spread), (two, _) = sums(exact), sums(drawn)
    # The draws of a batch share simulated answers, whose weights a mixture of five draws makes up to 5.
    assert_within(two, one, np.sqrt(5 * drawn.noise * spread))


def test_asked_counts_agents_of_the_same_items():
    density, theta = _some_missing(n=100)
    found = expected_patterns(density, theta, _rng())
    np.testing.assert_allclose(found.asked * np.exp(found.loglik), found.expected)
    by_design = np.exp(logsumexp(found.loglik[0][found.asked == found.asked.max()]))
    assert by_design == pytest.approx(round(by_design), abs=1e-9)


def test_long_sets_of_answers_do_not_underflow():
    """With hundreds of answers per agent the items are not split into halves."""
    density = case_density("follow, many answers")
    found = expected_patterns(density, draw_prior(density.parameters, 3, _rng(2)), _rng())
    assert np.isfinite(found.loglik).all()
    assert len(found.density.rows.second) == 1
