"""Answers by habit: probabilities by hand, silence where nobody has one, and each habit found by its name."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from dissensus.datasets.simulate import simulate
from dissensus.inference import answer_styles as module
from dissensus.inference.answer_styles import HABIT, SHARE, answer_styles
from dissensus.inference.calibrated import calibrated
from dissensus.inference.density import state_prior
from dissensus.inference.expected_patterns import expected_patterns
from dissensus.inference.option_table import log_option_probability
from dissensus.inference.parameters import constrain, draw_prior
from scipy import stats

from .builders import counts_of_agents, density_of, make_area, make_choices, make_study
from .predicted import FOUR, draws_of, with_counts
from .unspoilt import SHUFFLED, unspoilt

NAMES = ("careless", "straight-lines", "favoured-answer")


def _patterns(density, theta, seed=0):
    return expected_patterns(density, theta, np.random.default_rng(seed))


def _z(density, theta):
    found = answer_styles(_patterns(density, theta), theta)
    return {d.name: calibrated(d.gap, d.variance) for d in found}


def _planted(style, share, n=2_000, seed=1):
    """Return the density of agents some of whom answer by habit."""
    truth = {"a": {"goal_share": [0.4, 0.35, 0.25], "weight_mean": 0.6}}
    choices = simulate(SHUFFLED, n, seed=seed, truth=truth)
    rng = np.random.default_rng(seed)
    counts = counts_of_agents(choices.areas[0]).reshape(n, 5, 4)
    answer = counts.argmax(axis=2)
    habit = {
        "careless": rng.integers(4, size=answer.shape),
        "straight-lines": np.repeat(rng.integers(4, size=(n, 1)), 5, axis=1),
        "favoured-answer": np.where(rng.random(answer.shape) < 0.5, rng.integers(4, size=(n, 1)), answer),
    }[style]
    answer = np.where(rng.random((n, 1)) < share, habit, answer)
    return with_counts(choices, np.eye(4, dtype=int)[answer].reshape(n, 20))


def test_probabilities_of_the_styles_by_hand():
    """Two of three items share the labels 0 to 2, the third has 0 and 1 only."""
    study = make_study(make_area("x y -", "y - x", "x y", "- x y"))
    every = np.array(list(itertools.product(range(3), range(3), range(2), range(3))))
    choices = make_choices(study, {f"a{j}": every[:, j] for j in range(4)})
    density = density_of(choices)
    theta = draw_prior(density.parameters, 1, np.random.default_rng(1))
    patterns = _patterns(density, theta)
    h = {name: np.exp(log_h) for name, _, log_h in module._styles(patterns, theta)}
    values = constrain(density.parameters, theta, density.n_options)
    p = np.exp(log_option_probability(np, density.table, values.baseline_logits))[0]
    prior = np.exp(state_prior(density, values))[0, 0]
    starts = np.array([0, 3, 6, 8])
    for row, counts in enumerate(patterns.counts):
        answer = np.flatnonzero(counts) - starts
        assert h["careless"][row] == pytest.approx(1 / 54)
        line = favoured = 0.0
        for label, offered in ((0, [1, 1, 1, 1]), (1, [1, 1, 1, 1]), (2, [1, 1, 0, 1])):
            line += np.prod([(a == label) if has else 1 / 2 for a, has in zip(answer, offered, strict=True)]) / 3
            bent = [
                (1 - HABIT) * p[:, s + a] + HABIT * (a == label) if has else p[:, s + a]
                for s, a, has in zip(starts, answer, offered, strict=True)
            ]
            favoured += prior @ np.prod(bent, axis=0) / 3
        assert h["straight-lines"][row] == pytest.approx(line, abs=1e-12)
        assert h["favoured-answer"][row] == pytest.approx(favoured, rel=1e-9)
    for total in (values.sum() for values in h.values()):
        assert total == pytest.approx(1)


def test_the_discrepancy_is_what_its_formula_says():
    density = density_of(simulate(FOUR, 40, seed=2))
    theta = draw_prior(density.parameters, 3, np.random.default_rng(1))
    patterns = _patterns(density, theta)
    careless = answer_styles(patterns, theta)[0]
    f = np.exp(patterns.loglik)
    h = 1 / 3**4
    t = h / ((1 - SHARE) * f + SHARE * h)
    mean = (f * t).sum(axis=1)
    np.testing.assert_allclose(careless.gap, t @ patterns.observed - 40 * mean, rtol=1e-9)
    spread = 40 * ((f * t**2).sum(axis=1) - mean**2).mean()
    assert careless.variance == pytest.approx(spread + t.max() ** 2, rel=1e-9)


def test_where_nobody_has_a_habit_none_is_found():
    """Standardised discrepancies are no wider than a normal number, and not beside 0."""
    found = [_z(density, theta) for density, theta in unspoilt()]
    z = np.array([[float(one[name].gap / one[name].error) for name in NAMES] for one in found])
    assert (np.abs(z.mean(axis=0)) < 3.5 / np.sqrt(len(z))).all()
    assert (z.std(axis=0) < 1.4).all()
    assert (z > stats.norm.isf(0.001)).sum() <= 2


@pytest.mark.parametrize(("style", "share"), [("careless", 0.2), ("straight-lines", 0.05), ("favoured-answer", 0.3)])
def test_each_habit_is_found(style, share):
    density = _planted(style, share)
    found = _z(density, draws_of(density, draws=80))
    assert found[style].gap / found[style].error > 3


def test_no_habit_is_found_without_one():
    density = _planted("careless", 0.0)
    found = _z(density, draws_of(density, draws=80))
    assert max(x.gap / x.error for x in found.values()) < 3


def test_labels_must_recur_for_lines_to_be_seen():
    """Items with labels of their own can show careless answers only; two items show nothing."""
    items = {f"i{j}": {"serves": {f"{j}{o}": [goal] for o, goal in enumerate("xy")}} for j in range(4)}
    study = make_study({"name": "a", "settings": {"goals": ["x", "y"], "conflict": 1.0, "items": items}})
    density = density_of(simulate(study, 50, seed=1))
    theta = draw_prior(density.parameters, 3, np.random.default_rng(1))
    assert [d.name for d in answer_styles(_patterns(density, theta), theta)] == ["careless"]
    two = density_of(simulate(make_study(make_area("x y", "y x")), 50, seed=1))
    theta = draw_prior(two.parameters, 3, np.random.default_rng(1))
    assert answer_styles(_patterns(two, theta), theta) == []


def test_the_order_of_agents_items_and_options_changes_nothing():
    area = ("x y z -", "y z - x", "z - x y")
    choices = simulate(make_study(make_area(*area)), 60, seed=4)
    density = density_of(choices)
    theta = draw_prior(density.parameters, 3, np.random.default_rng(1))
    shuffled = with_counts(choices, np.random.default_rng(2).permutation(counts_of_agents(choices.areas[0])))
    for one, two in zip(
        answer_styles(_patterns(density, theta), theta), answer_styles(_patterns(shuffled, theta), theta), strict=True
    ):
        np.testing.assert_allclose(one.gap, two.gap, atol=1e-9)
        assert one.variance == pytest.approx(two.variance)
