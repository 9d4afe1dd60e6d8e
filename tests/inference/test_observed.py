"""Observed conflict against loops over all pairs of agents, and its bootstrap against brute resampling."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from dissensus.inference import observed
from dissensus.inference.observed import observed_conflict, option_conflict

from .builders import counts_of_agents, make_area, make_choices, make_study, random_answers, random_choices
from .chance import assert_same_moments, assert_within


def pairwise(area, agents, weight, others=None):
    """Return the observed conflict over all pairs, agent by agent; between two sets of agents if others are given.

    Agents are positions and may occur many times (copies in a bootstrap); copies of one agent are no pair.
    """
    counts = counts_of_agents(area)
    conflicts = []
    for item in range(len(area.items)):
        options = np.flatnonzero(area.item_of_option == item)
        top = bottom = 0.0
        pairs = itertools.permutations(agents, 2) if others is None else itertools.product(agents, others)
        for i, j in pairs:
            a, b = counts[i, options], counts[j, options]
            if i == j or not a.sum() or not b.sum():
                continue
            conflict = 0.0
            for o, p in itertools.product(range(len(options)), repeat=2):
                if a[o] and b[p]:
                    mine, theirs = (
                        np.flatnonzero(area.serves[:, options[o]]),
                        np.flatnonzero(area.serves[:, options[p]]),
                    )
                    mean = area.conflict[np.ix_(mine, theirs)].mean() if len(mine) and len(theirs) else 0.0
                    conflict += a[o] / a.sum() * b[p] / b.sum() * mean
            top += weight[i] * weight[j] * conflict
            bottom += weight[i] * weight[j]
        if bottom > 0:
            conflicts.append(top / bottom)
    return np.mean(conflicts) if conflicts else np.nan


def _study(**settings):
    return make_study(
        make_area("x y xy -", "xz y z", "- x y", conflict={"x|y": 1.0, "x|z": 0.3, "y|z": 0.6}),
        make_area("x y -", "y x", name="b", repeated=True, **settings),
    )


def _choices(n=14, *, weights=False, seed=1, groups=True):
    rng = np.random.default_rng(seed)
    more = {"groups": ("g", "h"), "group_of_agent": rng.integers(-1, 2, n)} if groups else {}
    if weights:
        more["survey_weight"] = rng.gamma(1, 1, n)
    return random_choices(_study(), n, seed=seed, missing=0.3, **more)


def test_two_agents_by_hand():
    """Item 1: x against y, conflict 1; item 2: equal answers; item 3: one of them is silent. Mean 1/2."""
    study = make_study(make_area("x y", "x y -", "y x"))
    choices = make_choices(study, {"a0": [0, 1], "a1": [1, 1], "a2": [0, -1]})
    assert observed_conflict(choices, replicates=2, seed=1).estimate[0] == pytest.approx(0.5)


def test_conflict_of_options_by_hand():
    """x against "xy" is half in conflict, an option that serves nothing never is, and an option is not above itself."""
    study = make_study(make_area("x y xy -"))
    area = make_choices(study, {"a0": [0, 1, 2, 3]}).areas[0]
    expected = [[0, 1, 0.5, 0], [1, 0, 0.5, 0], [0.5, 0.5, 0.5, 0], [0, 0, 0, 0]]
    np.testing.assert_allclose(option_conflict(area), expected)


@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_estimate_is_the_mean_over_all_pairs(weights, seed):
    choices = _choices(weights=weights, seed=seed)
    found = observed_conflict(choices, replicates=2, seed=1, weighted=weights)
    weight = choices.survey_weight if weights else np.ones(choices.n_agents)
    everybody = np.arange(choices.n_agents)
    groups = [np.flatnonzero(choices.group_of_agent == h) for h in range(2)]
    for p, area in enumerate(choices.areas):
        assert found.estimate[p] == pytest.approx(pairwise(area, everybody, weight), abs=1e-12)
        for a in range(2):
            assert found.group_estimate[p, a, a] == pytest.approx(pairwise(area, groups[a], weight), abs=1e-12)
        between = pairwise(area, groups[0], weight, groups[1])
        assert found.group_estimate[p, 0, 1] == pytest.approx(between, abs=1e-12)
        assert found.group_estimate[p, 1, 0] == pytest.approx(between, abs=1e-12)


def test_survey_weights_count_only_when_asked():
    choices = _choices(weights=True)
    plain = observed_conflict(choices, replicates=2, seed=1).estimate
    everybody = np.arange(choices.n_agents)
    assert plain[0] == pytest.approx(pairwise(choices.areas[0], everybody, np.ones(choices.n_agents)), abs=1e-12)


def test_without_pairs_there_is_no_number():
    """A group of one has no pairs within; an item that one agent answered has none at all."""
    study = make_study(make_area("x y", "x y"), make_area("x y", name="b"))
    choices = make_choices(
        study,
        {"a0": [0, 1, 1], "a1": [0, -1, -1], "b0": [0, -1, -1]},
        groups=("g", "h"),
        group_of_agent=[0, 1, 1],
    )
    found = observed_conflict(choices, replicates=2, seed=1)
    assert found.estimate[0] == pytest.approx(2 / 3)
    assert np.isnan(found.estimate[1])
    assert np.isnan(found.group_estimate[0, 0, 0])
    assert found.group_estimate[0, 1, 1] == 0
    assert found.group_estimate[0, 0, 1] == 1


def test_every_replicate_is_one_resample_of_the_agents():
    """Replayed with the same stream of resamples, pair by pair."""
    choices = _choices(weights=True, groups=False)
    n = choices.n_agents
    found = observed_conflict(choices, replicates=4, seed=7, weighted=True)
    rng = np.random.default_rng(7)
    for replicate in range(4):
        resample = rng.integers(n, size=n)
        for p, area in enumerate(choices.areas):
            expected = pairwise(area, resample, choices.survey_weight)
            assert found.replicates[replicate, p] == pytest.approx(expected, abs=1e-12)


def test_bootstrap_deviation_is_that_of_new_samples():
    """Agents drawn anew from a large population 400 times: the spread that the bootstrap of one sample estimates."""
    study = make_study(make_area("x y -", "y x", "x y"))
    population = {item: np.asarray(given) for item, given in random_answers(study, 20_000, seed=3).items()}
    lean = np.random.default_rng(4).random(20_000) < 0.3
    for given in population.values():
        given[lean] = 0  # some agents always take the first option
    rng = np.random.default_rng(5)

    def sample():
        chosen = rng.integers(20_000, size=200)
        return make_choices(study, {item: given[chosen] for item, given in population.items()})

    anew = np.array([observed_conflict(sample(), replicates=1, seed=0).estimate[0] for _ in range(200)])
    spreads = np.array([observed_conflict(sample(), replicates=200, seed=0).replicates.std() for _ in range(5)])
    # the spread of one sample's bootstrap differs from the truth by chance too, about 15 %
    assert_within(spreads.mean(), anew.std(), anew.std() / np.sqrt(400), slack=0.1 * anew.std())


def test_normal_bootstrap_agrees_with_resampling(monkeypatch):
    choices = _choices(n=1500, weights=True, seed=8)
    for weighted in (False, True):
        exact = observed_conflict(choices, replicates=1500, seed=1, weighted=weighted)
        with monkeypatch.context() as patch:
            patch.setattr(observed, "EXACT_AGENTS", 0)
            normal = observed_conflict(choices, replicates=1500, seed=2, weighted=weighted)
        np.testing.assert_array_equal(exact.estimate, normal.estimate)
        np.testing.assert_array_equal(exact.group_estimate, normal.group_estimate)
        assert_same_moments(exact.replicates, normal.replicates)
        assert_same_moments(exact.group_replicates, normal.group_replicates)
        both = np.corrcoef(exact.replicates.T)[0, 1], np.corrcoef(normal.replicates.T)[0, 1]
        assert abs(both[0] - both[1]) < 4 * np.sqrt(2 / 1500)


@pytest.mark.parametrize("few", [1, 2, 5])
def test_items_that_few_answered_and_small_groups_stay_in_range_among_many_agents(few):
    """Above 10,000 agents an item with a handful of answers, or a small group, must not blow up its replicates."""
    n = observed.EXACT_AGENTS + 100
    rng = np.random.default_rng(9)
    study = make_study(make_area("x y", "y x"))
    rare = np.full(n, -1)
    rare[:few] = np.arange(few) % 2
    choices = make_choices(
        study,
        {"a0": rng.integers(2, size=n), "a1": rare},
        groups=("many", "few"),
        group_of_agent=(np.arange(n) < few).astype(int),
    )
    found = observed_conflict(choices, replicates=400, seed=10)
    assert (found.replicates >= 0).all()
    assert (found.replicates <= 1).all()
    within = found.group_replicates[:, 0, 1, 1]
    if few == 1:
        assert np.isnan(found.group_estimate[0, 1, 1])
        assert np.isnan(within).all()
    else:
        seen = within[~np.isnan(within)]
        assert (seen >= 0).all()
        assert (seen <= 1).all()


def test_order_of_agents_and_names_change_nothing():
    study = _study()
    answers = random_answers(study, 20, seed=11, missing=0.2)
    order = np.random.default_rng(12).permutation(20)
    one = observed_conflict(make_choices(study, answers), replicates=2, seed=1).estimate
    shuffled = make_choices(study, {item: np.asarray(given)[order] for item, given in answers.items()})
    np.testing.assert_allclose(observed_conflict(shuffled, replicates=2, seed=1).estimate, one, atol=1e-12)


def test_seeds_fix_the_replicates():
    choices = _choices()
    one, other, third = (observed_conflict(choices, replicates=5, seed=seed).replicates for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, other)
    assert not np.array_equal(one, third)
