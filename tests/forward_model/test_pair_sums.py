"""The array kernels: totals to scores, uncertain states to expected scores."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissensus import forward_model as fm
from dissensus.errors import InputError

CONFLICT = np.array([[0, 0.5, 1, 0], [0.5, 0, 0.25, 0], [1, 0.25, 0, 0], [0, 0, 0, 0]])  # the last goal is no goal
CLOSE = {"rtol": 1e-12, "atol": 1e-12}


def totals(codes, weights, group, size):
    cells = np.zeros((3, size, len(CONFLICT)))
    for g, w, h in zip(codes, weights, group, strict=True):
        cells[:, h, g] += 1, np.sqrt(w), w
    return cells


def test_totals_give_the_scores_of_the_agents(double_loop):
    rng = np.random.default_rng(3)
    codes, weights, group = rng.integers(0, 4, 40), rng.random(40), rng.integers(0, 3, 40)
    scores = fm.totals_scores(*totals(codes, weights, group, 3), CONFLICT)
    np.testing.assert_allclose(scores.overall[:3], double_loop(codes, weights, CONFLICT), **CLOSE)
    for a, b in itertools.product(range(3), repeat=2):
        first, second = np.flatnonzero(group == a), np.flatnonzero(group == b)
        pairs = [(i, j) for i in first for j in second if (i < j if a == b else True)]
        expected = double_loop(codes, weights, CONFLICT, pairs=pairs)
        np.testing.assert_allclose([part[a, b] for part in scores.groups[:3]], expected, **CLOSE)


def test_leading_axes_are_a_batch():
    rng = np.random.default_rng(4)
    batch = np.array(
        [
            [totals(rng.integers(0, 4, 30), rng.random(30), rng.integers(0, 2, 30), 2) for _ in range(3)]
            for _ in range(2)
        ]
    )
    together = fm.totals_scores(*np.moveaxis(batch, 2, 0), CONFLICT)
    assert together.groups.contention.shape == (2, 3, 2, 2)
    for i, j in np.ndindex(2, 3):
        alone = fm.totals_scores(*batch[i, j], CONFLICT)
        for ours, theirs in zip(together.overall, alone.overall, strict=True):
            np.testing.assert_allclose(ours[i, j], theirs, **CLOSE)
        for ours, theirs in zip(together.groups, alone.groups, strict=True):
            np.testing.assert_allclose(ours[i, j], theirs, **CLOSE)


def test_misalignment_is_relative_misalignment_times_pair_weight():
    rng = np.random.default_rng(5)
    scores = fm.totals_scores(*totals(rng.integers(0, 4, 20), rng.random(20), [0] * 20, 1), CONFLICT).overall
    np.testing.assert_allclose(scores.relative_misalignment * scores.pair_weight, scores.misalignment, **CLOSE)


def test_totals_without_pairs_or_weight_are_undefined():
    # Group 0: one agent; group 1: only one agent of two has a weight, whose square root is not exact.
    scores = fm.totals_scores(*totals([0, 1, 3], [0.5, 0.3, 0.0], [0, 1, 1], 2), CONFLICT)
    assert np.isnan([part[0, 0] for part in scores.groups]).all()
    assert np.isnan(scores.groups.relative_misalignment[1, 1])
    assert scores.groups.misalignment[1, 1] == 0
    assert scores.groups.pair_weight[1, 1] == 0
    assert np.isfinite(scores.groups.relative_misalignment[0, 1])


@pytest.mark.parametrize("weight", [0.1, 0.2, 0.3, 0.6, 0.7, 1e-9, 1e-300])
@pytest.mark.parametrize("others", [1, 5])
def test_one_agent_with_a_weight_among_others_without_makes_no_pair_that_cares(weight, others):
    """Σ√w squared less Σw is rounding error there, and no weight."""
    scores = fm.totals_scores(*totals([1] * (1 + others), [weight] + [0.0] * others, [0] * (1 + others), 1), CONFLICT)
    assert scores.overall.pair_weight == 0
    assert np.isnan(scores.overall.relative_misalignment)
    assert scores.overall.misalignment == 0


@pytest.mark.parametrize("scale", [1e-8, 1e-32, 1e-200])
def test_relative_misalignment_does_not_depend_on_the_scale_of_weights(scale):
    rng = np.random.default_rng(9)
    codes, weights = rng.integers(0, 3, 30), rng.random(30)
    one, other = (fm.totals_scores(*totals(codes, weights * c, [0] * 30, 1), CONFLICT).overall for c in (1.0, scale))
    np.testing.assert_allclose(other.relative_misalignment, one.relative_misalignment, rtol=1e-12)
    np.testing.assert_allclose(other.pair_weight / scale, one.pair_weight, rtol=1e-12)
    alike = fm.totals_scores(*totals([0, 0], [scale, scale], [0, 0], 1), CONFLICT).overall
    assert alike.pair_weight == pytest.approx(scale, rel=1e-12)


# Uncertain states

GOAL = np.array([0, 0, 1, 1, 2, 3])
WEIGHT = np.array([0.1, 0.9, 0.3, 1.0, 0.5, 0.0])


def enumerate_states(probability, group, mean, pairs, double_loop):
    """Average the score over all assignments of states to agents."""
    contention = misalignment = 0.0
    for states in itertools.product(range(len(GOAL)), repeat=len(probability)):
        chance = np.prod([probability[i, s] for i, s in enumerate(states)])
        c, m, _ = double_loop(GOAL[list(states)], WEIGHT[list(states)], CONFLICT, mean, pairs)
        contention, misalignment = contention + chance * c, misalignment + chance * m
    return contention, misalignment


@pytest.mark.parametrize("mean", fm.WEIGHT_MEANS)
def test_expected_scores_equal_the_mean_over_all_assignments(double_loop, mean):
    probability = np.random.default_rng(6).dirichlet(np.ones(6), size=4)
    group = np.array([0, 1, 1, 0])
    expected = fm.expected_scores(
        probability, np.ones(4), GOAL, WEIGHT, CONFLICT, weight_mean=mean, group=group, n_groups=2
    )
    whole = enumerate_states(probability, group, mean, None, double_loop)
    np.testing.assert_allclose(expected[:2], whole, **CLOSE)
    for a, b in ((0, 0), (0, 1), (1, 1)):
        pairs = [(i, j) for i in range(4) for j in range(4) if group[i] == a and group[j] == b and (i < j or a != b)]
        found = expected.contention_groups[a, b], expected.misalignment_groups[a, b]
        np.testing.assert_allclose(found, enumerate_states(probability, group, mean, pairs, double_loop), **CLOSE)


@pytest.mark.parametrize("mean", fm.WEIGHT_MEANS)
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_rows_with_multiplicity_equal_repeated_rows(mean, seed):
    rng = np.random.default_rng(seed)
    probability, copies = rng.dirichlet(np.ones(6), size=(2, 5)), rng.integers(0, 4, 5) + (np.arange(5) < 2)
    rows = np.repeat(np.arange(5), copies)
    once = fm.expected_scores(probability, copies, GOAL, WEIGHT, CONFLICT, weight_mean=mean)
    many = fm.expected_scores(probability[:, rows], np.ones(len(rows)), GOAL, WEIGHT, CONFLICT, weight_mean=mean)
    assert once.contention.shape == (2,)
    for ours, theirs in zip(once, many, strict=True):
        np.testing.assert_allclose(ours, theirs, **CLOSE)


def test_certain_states_give_the_score_itself():
    rng = np.random.default_rng(8)
    states = rng.integers(0, 6, 12)
    expected = fm.expected_scores(np.eye(6)[states], np.ones(12), GOAL, WEIGHT, CONFLICT)
    scores = fm.totals_scores(*totals(GOAL[states], WEIGHT[states], [0] * 12, 1), CONFLICT).overall
    np.testing.assert_allclose(expected[:2], scores[:2], **CLOSE)


def test_mean_weights_in_place_of_states_would_be_wrong():
    """E√w is not √Ew: the expected score of two agents of weight 0 or 1 at even odds is 1/4, not 1/2."""
    goal, weight = [0, 0, 1, 1], [0.0, 1.0, 0.0, 1.0]
    probability = [[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]]
    expected = fm.expected_scores(probability, [1, 1], goal, weight, [[0, 1], [1, 0]])
    assert expected.misalignment == 0.25


def test_unknown_mean_is_refused():
    with pytest.raises(InputError, match="\"weight_mean\" is 'cubic'"):
        fm.expected_scores(np.eye(6), np.ones(6), GOAL, WEIGHT, CONFLICT, weight_mean="cubic")
