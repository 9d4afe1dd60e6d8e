"""Goals and weights summed out per distinct row: two forms of one sum, its gradients and its state totals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from dissensus.inference.marginal import (
    evaluate,
    feature_means,
    gradients,
    make_rows,
    split_items,
    state_probabilities,
    state_totals,
)
from scipy.special import logsumexp

ITEM = np.repeat(np.arange(4), [3, 2, 3, 2])
N_STATES, N_PRIORS, BATCH = 7, 3, 2


def _answers(n=60, *, seed=1, missing=0.2, times=1):
    rng = np.random.default_rng(seed)
    counts = np.zeros((n, len(ITEM)), dtype=np.int64)
    for item in range(4):
        mine = np.flatnonzero(ITEM == item)
        number = rng.binomial(times, 1 - missing, n)
        counts[:, mine] = rng.multinomial(number, np.full(len(mine), 1 / len(mine)), n)
    patterns, of_agent = np.unique(counts, axis=0, return_inverse=True)
    return counts, patterns, np.ravel(of_agent), rng.integers(N_PRIORS, size=n)


def _rows(*, seed=1, times=1, fit_weight=None):
    counts, patterns, of_agent, prior = _answers(seed=seed, times=times)
    return (
        counts,
        prior,
        make_rows(patterns, ITEM, of_agent, prior, n_priors=N_PRIORS, n_states=N_STATES, fit_weight=fit_weight),
    )


def _tables(seed=2):
    rng = np.random.default_rng(seed)
    log_p = np.log(rng.dirichlet(np.ones(len(ITEM)), (BATCH, N_STATES)))
    log_prior = np.log(rng.dirichlet(np.ones(N_STATES), (BATCH, N_PRIORS)))
    return log_p, log_prior


def _halved(rows, cut):
    """Return the rows with their items split in halves at ``cut``; 4 is the plain form."""
    counts = (rows.first[rows.first_of_row] + rows.second[rows.second_of_row]).astype(np.int64)
    first, a = np.unique(np.where(ITEM < cut, counts, 0), axis=0, return_inverse=True)
    second, b = np.unique(np.where(ITEM < cut, 0, counts), axis=0, return_inverse=True)
    return replace(
        rows,
        first=first.astype(float),
        second=second.astype(float),
        first_of_row=np.ravel(a),
        second_of_row=np.ravel(b),
    )


def _plain_log_likelihood(rows, log_p, log_prior):
    counts = rows.first[rows.first_of_row] + rows.second[rows.second_of_row]
    return logsumexp(np.einsum("ro,dso->drs", counts, log_p) + log_prior[:, rows.group], axis=-1)


def test_rows_hold_every_agent_once():
    weight = np.random.default_rng(3).gamma(1, 1, 60)
    counts, prior, rows = _rows(fit_weight=weight)
    of_row = rows.first[rows.first_of_row] + rows.second[rows.second_of_row]
    np.testing.assert_array_equal(of_row[rows.row_of_agent], counts)
    np.testing.assert_array_equal(rows.group[rows.row_of_agent], prior)
    assert rows.agents.sum() == 60
    np.testing.assert_allclose(rows.multiplicity, np.bincount(rows.row_of_agent, weight))
    keys = {(tuple(row), group) for row, group in zip(of_row, rows.group, strict=True)}
    assert len(keys) == rows.n_rows


def test_rows_without_weights_count_agents():
    rows = _rows()[2]
    np.testing.assert_array_equal(rows.multiplicity, rows.agents)


def test_many_patterns_of_few_halves_are_split():
    """All 4⁴ patterns of four items of four options: two tables of 16 half patterns."""
    codes = np.stack(np.meshgrid(*[np.arange(4)] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
    counts = np.eye(4, dtype=np.int64)[codes].reshape(256, 16)
    first, second, a, b = split_items(counts, np.repeat(np.arange(4), 4), 48)
    assert (len(first), len(second)) == (16, 16)
    np.testing.assert_array_equal(first[a] + second[b], counts)
    np.testing.assert_array_equal(first[:, 8:], 0)
    np.testing.assert_array_equal(second[:, :8], 0)


@pytest.mark.parametrize(("answers", "halves"), [(1, 2), (6, 2), (12, 2), (13, 1)])
def test_a_half_holds_twelve_answers_at_most(answers, halves):
    """More could underflow; then the patterns stay whole, however many exponentials that costs."""
    codes = np.stack(np.meshgrid(*[np.arange(9)] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    counts = np.eye(9, dtype=np.int64)[codes].reshape(81, 18) * answers
    first, second, a, b = split_items(counts, np.repeat([0, 1], 9), 48)
    assert (len(first), len(second)) == ((9, 9) if halves == 2 else (81, 1))
    np.testing.assert_array_equal(first[a] + second[b], counts)


def test_a_cut_that_leaves_too_many_answers_on_one_side_is_passed_over():
    """Three items answered 8 times: only a half of one item and a half of two, which would be too many."""
    codes = np.stack(np.meshgrid(*[np.arange(3)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    counts = np.eye(3, dtype=np.int64)[codes].reshape(27, 9) * 8
    first, second, _, _ = split_items(counts, np.repeat(np.arange(3), 3), 48)
    assert (len(first), len(second)) == (27, 1)
    mixed = counts.copy()
    mixed[:, 6:] //= 2  # the third item 4 times: 8 and 8 + 4
    first, second, _, _ = split_items(mixed, np.repeat(np.arange(3), 3), 48)
    assert (len(first), len(second)) == (3, 9)


@pytest.mark.parametrize("cut", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("times", [1, 6])
def test_halves_give_the_plain_form(cut, times):
    rows = _halved(_rows(times=times)[2], cut)
    log_p, log_prior = _tables()
    parts = evaluate(rows, log_p, log_prior)
    np.testing.assert_allclose(parts.row_loglik, _plain_log_likelihood(rows, log_p, log_prior), atol=1e-12, rtol=0)


@pytest.mark.parametrize("cut", [0, 2, 4])
def test_state_probabilities_by_bayes(cut):
    rows = _halved(_rows()[2], cut)
    log_p, log_prior = _tables()
    parts = evaluate(rows, log_p, log_prior)
    counts = rows.first[rows.first_of_row] + rows.second[rows.second_of_row]
    joint = np.einsum("ro,dso->drs", counts, log_p) + log_prior[:, rows.group]
    expected = np.exp(joint - logsumexp(joint, axis=-1, keepdims=True))
    np.testing.assert_allclose(state_probabilities(rows, parts), expected, atol=1e-13)
    features = np.random.default_rng(4).normal(size=(N_STATES, 4))
    np.testing.assert_allclose(feature_means(rows, parts, features), expected @ features, atol=1e-12)
    members = (rows.group == np.arange(N_PRIORS)[:, None]) * rows.agents
    totals = state_totals(rows, parts, rows.agents.astype(float))
    np.testing.assert_allclose(totals, np.einsum("hr,drs->dhs", members, expected), atol=1e-12)
    assert totals.sum(axis=(1, 2)) == pytest.approx(60)


@pytest.mark.parametrize("cut", [0, 2, 4])
def test_gradients_by_table_and_prior(cut):
    rows = _halved(_rows(times=3)[2], cut)
    log_p, log_prior = _tables()
    by_table, by_prior, _ = gradients(rows, evaluate(rows, log_p, log_prior), rows.multiplicity)

    def value(table, prior):
        return evaluate(rows, table, prior).row_loglik @ rows.multiplicity

    step, rng = 1e-5, np.random.default_rng(5)
    for _ in range(8):
        direction = rng.normal(size=log_p.shape)
        numeric = (value(log_p + step * direction, log_prior) - value(log_p - step * direction, log_prior)) / (2 * step)
        np.testing.assert_allclose((by_table * direction).sum(axis=(1, 2)), numeric, rtol=1e-6, atol=1e-6)
        direction = rng.normal(size=log_prior.shape)
        numeric = (value(log_p, log_prior + step * direction) - value(log_p, log_prior - step * direction)) / (2 * step)
        np.testing.assert_allclose((by_prior * direction).sum(axis=(1, 2)), numeric, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(
        by_prior, state_totals(rows, evaluate(rows, log_p, log_prior), rows.multiplicity), atol=1e-12
    )


def test_rows_with_multiplicities_equal_agents_one_by_one():
    counts, prior, rows = _rows()
    log_p, log_prior = _tables()
    total = evaluate(rows, log_p, log_prior).row_loglik @ rows.multiplicity
    alone = logsumexp(np.einsum("io,dso->dis", counts, log_p) + log_prior[:, prior], axis=-1).sum(axis=1)
    np.testing.assert_allclose(total, alone, rtol=1e-13)


def test_a_prior_of_a_state_next_to_nothing_does_not_lose_the_agents_who_need_it():
    """Only state 0 explains the answers, and every prior but one gives it a probability of 1e-200."""
    rows = _halved(_rows()[2], 2)
    log_p = np.full((1, N_STATES, len(ITEM)), -300.0)
    log_p[:, 0] = -1.0
    log_prior = np.full((1, N_PRIORS, N_STATES), -np.log(N_STATES))
    log_prior[:, :2, 0] = -460.0
    parts = evaluate(rows, log_p, log_prior)
    np.testing.assert_allclose(parts.row_loglik, _plain_log_likelihood(rows, log_p, log_prior), rtol=1e-12)


@pytest.mark.parametrize("gap", [10.0, 20.0, 40.0])
@pytest.mark.parametrize("times", [1, 10, 30])
def test_halves_that_contradict_each_other_do_not_underflow(gap, times):
    """Half of the answers all but exclude one state, the other half the other, whatever split is chosen."""
    item = np.repeat(np.arange(4), 2)
    codes = np.stack(np.meshgrid(*[np.arange(2)] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
    counts = np.tile(np.eye(2, dtype=np.int64)[codes].reshape(16, 8) * times, (1, 1))
    rows = make_rows(
        counts, item, np.arange(16), np.zeros(16, dtype=np.int64), n_priors=1, n_states=400, fit_weight=None
    )
    log_p = np.array([[[0.0, -gap] * 4, [-gap, 0.0] * 4]])
    log_prior = np.log([[[0.5, 0.5]]])
    parts = evaluate(rows, log_p, log_prior)
    np.testing.assert_allclose(parts.row_loglik, _plain_log_likelihood(rows, log_p, log_prior), rtol=1e-12)
    assert all(np.isfinite(part).all() for part in gradients(rows, parts, rows.multiplicity))
