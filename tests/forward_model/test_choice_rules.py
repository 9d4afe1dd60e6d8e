"""Choice rules: hand numbers, laws, and draws that follow them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dissensus import forward_model as fm

# Item 0: options 0, 1, 2; item 1: options 3, 4, which serve nothing but goal 1.
ITEM = [0, 0, 0, 1, 1]
SERVES = [[1, 1, 0, 0, 0], [0, 1, 0, 0, 1]]
BASELINE = np.array([0.2, 0.3, 0.5, 0.6, 0.4])


def test_follow_by_hand():
    found = fm.follow_probability(SERVES, ITEM, BASELINE, 0.5)
    expected = [
        [0.25 + 0.1, 0.25 + 0.15, 0.25, 0.6, 0.4],  # goal 0 shares item 0 between two options; item 1 is left to B
        [0.1, 0.5 + 0.15, 0.25, 0.3, 0.5 + 0.2],
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-15)


def test_luce_by_hand():
    found = fm.luce_probability(SERVES, ITEM, BASELINE, 0.5, np.log(4))
    odds = [[0.4, 0.6, 0.5, 0.6, 0.4], [0.2, 0.6, 0.5, 0.6, 0.8]]
    expected = [np.array(o) / np.repeat([sum(o[:3]), sum(o[3:])], [3, 2]) for o in odds]
    np.testing.assert_allclose(found, expected, rtol=1e-14)


@pytest.mark.parametrize("rule", [fm.follow_probability, lambda *a, **k: fm.luce_probability(*a, 3.0, **k)])
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), w=st.floats(0, 1))
def test_probabilities_sum_to_1_within_items_whatever_their_order(rule, seed, w):
    rng = np.random.default_rng(seed)
    item = rng.permutation(np.repeat(np.arange(3), [2, 3, 4]))
    serves = rng.integers(0, 2, (4, 9))
    one_hot = np.eye(3)[item]
    baseline = rng.dirichlet(np.ones(9))
    baseline = baseline / (baseline @ one_hot)[item]
    probability = rule(serves, item, baseline, [w, 0.0])
    assert probability.shape == (2, 4, 9)
    np.testing.assert_allclose(probability @ one_hot, 1, rtol=1e-12)
    assert (probability >= 0).all()
    np.testing.assert_allclose(probability[1], np.broadcast_to(baseline, (4, 9)), rtol=1e-12)  # weight 0: the baseline
    order = rng.permutation(9)
    np.testing.assert_allclose(rule(serves[:, order], item[order], baseline[order], w), probability[0][:, order])


@pytest.mark.parametrize("rule", [fm.follow_probability, lambda *a, **k: fm.luce_probability(*a, 3.0, **k)])
def test_goals_given_pick_their_row_and_no_goal_the_baseline(rule):
    weight, goal = np.array([0.1, 0.7, 0.9]), np.array([1, 0, -1])
    rows = rule(SERVES, ITEM, BASELINE, weight, goal=goal)
    table = rule(SERVES, ITEM, BASELINE, weight)
    np.testing.assert_allclose(rows, [table[0, 1], table[1, 0], BASELINE], rtol=1e-14)
    own = np.stack([BASELINE, BASELINE[[2, 1, 0, 4, 3]], BASELINE])  # a baseline of each agent
    np.testing.assert_allclose(rule(SERVES, ITEM, own, weight, goal=goal)[[0, 2]], rows[[0, 2]], rtol=1e-14)


def test_an_option_without_baseline_is_never_chosen_under_luce():
    found = fm.luce_probability([[1, 0]], [0, 0], [0.0, 1.0], 1.0, 50.0)
    assert found.tolist() == [[0.0, 1.0]]


def test_large_kappa_does_not_overflow():
    np.testing.assert_allclose(fm.luce_probability([[1, 0]], [0, 0], [0.5, 0.5], 1.0, 5e4), [[1.0, 0.0]])


def test_draws_have_the_given_shares():
    n = 200_000
    probability = np.array([0.2, 0.0, 0.8, 0.35, 0.65])
    drawn = fm.draw_options(np.broadcast_to(probability, (n, 5)), ITEM, 1)
    assert drawn.shape == (n, 2)
    shares = np.bincount(drawn.ravel(), minlength=5) / n
    assert shares[1] == 0
    np.testing.assert_allclose(shares, probability, atol=5 * np.sqrt(0.25 / n))
    together = np.mean((drawn[:, 0] == 0) & (drawn[:, 1] == 3))
    np.testing.assert_allclose(together, 0.2 * 0.35, atol=5 * np.sqrt(0.07 / n))


def test_draws_follow_the_seed_and_forgive_rounding():
    probability = np.array([[0.1] * 10 + [0.0]])
    item = [0] * 11
    first = fm.draw_options(np.repeat(probability, 1000, axis=0), item, 7)
    np.testing.assert_array_equal(first, fm.draw_options(np.repeat(probability, 1000, axis=0), item, 7))
    assert first.max() <= 9

    class Highest(np.random.Generator):
        def random(self, size=None):
            return np.full(size, np.nextafter(1, 0))

    assert fm.draw_options(probability, item, Highest(np.random.PCG64(0))) == 9


@pytest.mark.parametrize("shape", [(), (4,), (2, 3), (2, 1, 3)])
def test_draws_have_the_leading_axes_of_the_probabilities(shape):
    """Probabilities of 0 and 1 leave no choice, so every entry of the batch gets its own option."""
    sure = np.random.default_rng(5).integers(0, [3, 2], (*shape, 2))
    probability = np.concatenate([np.eye(3)[sure[..., 0]], np.eye(2)[sure[..., 1]]], axis=-1)
    np.testing.assert_array_equal(fm.draw_options(probability, ITEM, 1), sure + np.array([0, 3]), strict=True)


def test_options_need_items_without_gaps():
    with pytest.raises(ValueError, match="one item per option"):
        fm.follow_probability(SERVES, [0, 0, 1], BASELINE, 0.5)
    with pytest.raises(ValueError, match="without gaps"):
        fm.draw_options(BASELINE, [0, 0, 0, 2, 2], 1)
