"""Agreement of pairs of agents: loops over pairs, expectations against replicates, planted misfit."""

from __future__ import annotations

import numpy as np
import pytest
from dissensus.datasets.simulate import simulate
from dissensus.inference import pair_agreement as module
from dissensus.inference.pair_agreement import agreeing, pair_agreement
from dissensus.inference.parameters import draw_prior
from dissensus.inference.replicated_answers import posterior_predictive_answers
from scipy import stats

from .builders import CASES, counts_of_agents, density_of, make_area, make_choices, make_study, random_choices
from .chance import TEST_FAILURE_RATE, assert_mean
from .predicted import FOUR, GOOD, case_density, draws_of, with_counts

_ONE_ITEM = {
    *("one ranking", "rankings, uniform", "situations", "situations, uniform", "several, one answer"),
    *("one number", "numbers", "numbers, groups, no goal, repeated"),
    *("learned, classes of ballots and numbers", "ballots, groups, no goal", "rankings again and again"),
}
COMPARED = [case for case in CASES if not case.startswith("one answer") and case not in _ONE_ITEM]


class TestObserved:
    @pytest.mark.parametrize("case", ["follow, several goals or none", "groups", "silent in the area"])
    def test_agreement_is_a_mean_over_all_pairs(self, case):
        """Few agents: every pair is looked at, and a loop gives the same mean and standard deviation."""
        density = case_density(case)
        found = pair_agreement(density, draw_prior(density.parameters, 3, np.random.default_rng(1)))
        area, alike = density.area, agreeing(density)
        shares = []
        counts = counts_of_agents(area)
        for i in range(len(counts)):
            for k in range(i):
                both = [
                    (np.flatnonzero(counts[i] * (area.item_of_option == j)), np.flatnonzero(counts[k] * own))
                    for j, own in enumerate(area.item_of_option == np.arange(len(area.items))[:, None])
                ]
                agreed = [alike[a[0], b[0]] for a, b in both if len(a) and len(b)]
                if agreed:
                    shares.append(np.mean(agreed))
        assert found.pairs == len(shares)
        assert found.mean == pytest.approx(np.mean(shares))
        assert found.spread == pytest.approx(np.std(shares))
        np.testing.assert_allclose(found.share.sum(), 1)
        assert found.share @ found.at == pytest.approx(np.mean(shares))

    def test_answers_that_serve_a_common_goal_agree(self):
        """Different options of one goal agree, options of no goal only with themselves, options of two items never."""
        density = density_of(random_choices(make_study(make_area("x x xy y -", "x y -")), 8, seed=1))
        expected = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 0, 0], [1, 1, 1, 1, 0], [0, 0, 1, 1, 0], [0, 0, 0, 0, 1]])
        np.testing.assert_array_equal(agreeing(density)[:5, :5], expected)
        np.testing.assert_array_equal(agreeing(density)[:5, 5:], 0)

    def test_pairs_follow_survey_weights(self):
        """An agent of ten times the weight is in more pairs: its answer counts more."""
        study = make_study(make_area("x y", "x y"))
        answer = np.repeat([0, 1], [100, 100])
        choices = make_choices(study, {"a0": answer, "a1": answer}, survey_weight=np.repeat([9.0, 1.0], [100, 100]))
        density = density_of(choices)
        found = pair_agreement(density, draw_prior(density.parameters, 3, np.random.default_rng(1)))
        assert found.mean == pytest.approx(0.9**2 + 0.1**2, abs=0.03)

    def test_nothing_where_no_two_items_can_be_compared(self):
        """One item, one answer per agent, or two agents who answered different items."""
        for choices in (
            CASES["one answer"](),
            random_choices(make_study(make_area("x y z", repeated=True)), 8, seed=1),
            make_choices(
                make_study(make_area("x y", "x y", "x y", "x y")),
                {
                    "a0": [0, -1],
                    "a1": [0, -1],
                    "a2": [-1, 0],
                    "a3": [-1, 1],
                },
            ),
        ):
            density = density_of(choices)
            assert pair_agreement(density, np.zeros((2, density.size))) is None


class TestExpected:
    @pytest.mark.parametrize("case", COMPARED)
    def test_expectations_are_those_of_replicates(self, case):
        """The mean agreement, and the mean product over two items, of replicated answers of the same agents."""
        density = case_density(case)
        pairs = module._draw_pairs(density, np.random.default_rng(1))
        theta = draw_prior(density.parameters, 1, np.random.default_rng(5))
        one, two, centre = module._expected(pairs, theta)
        new = posterior_predictive_answers(pairs.density, np.repeat(theta, 800, axis=0), seed=3)
        shape = (len(pairs.density.area.pattern_of_agent), density.n_options)
        drawn = []
        for option in new.option:
            counts = np.bincount(new.agent * shape[1] + option, minlength=shape[0] * shape[1]).reshape(shape)
            by_item = module._by_item(pairs, counts)
            drawn.append([module._share(pairs, by_item).mean(), module._together(pairs, by_item, centre)])
        assert_mean(np.array(drawn), np.array([one[0], two[0]]))

    def test_by_hand(self):
        """Weights of 1 and an even split of two goals: agents agree on both items or on neither."""
        study = make_study(make_area("x y", "x y"), priors={"weight_mean": [1.0, 1.0]})
        density = density_of(random_choices(study, 6, seed=1))
        theta = np.zeros((1, density.size))
        theta[0, density.parameters.slices["mean"]] = 14
        theta[0, density.parameters.slices["conc"]] = 14
        pairs = module._draw_pairs(density, np.random.default_rng(1))
        one, two, _ = module._expected(pairs, theta)
        assert one[0] == pytest.approx(0.5, abs=0.01)
        assert two[0] == pytest.approx(0.25, abs=0.01)


class TestVerdict:
    def test_p_values_after_a_fit(self):
        """P-values below 0.05 are as rare as they say."""
        low = []
        for seed in range(10):
            density = density_of(simulate(FOUR, 300, seed=seed))
            found = pair_agreement(density, draws_of(density, seed, 300))
            low += [found.p_mean < 0.05, found.p_spread < 0.05]
        assert sum(low) <= stats.binom.isf(TEST_FAILURE_RATE, len(low), 0.05)

    def test_yes_saying_makes_pairs_differ_more(self):
        """A quarter of the agents give the first answer to every item, whatever it serves."""
        study = make_study(make_area("x y z", "y z x", "z x y", "x y z", "y z x"))
        choices = simulate(study, 1_500, seed=2, truth=GOOD)
        counts = counts_of_agents(choices.areas[0]).copy()
        counts[::4] = np.tile([1, 0, 0], 5)
        density = with_counts(choices, counts)
        found = pair_agreement(density, draws_of(density, draws=300))
        assert found.p_spread < 1e-3
        assert found.spread > found.expected_spread

    def test_a_repeat_gives_the_same(self):
        """The seed is fixed."""
        density = case_density("groups")
        theta = draw_prior(density.parameters, 20, np.random.default_rng(1))
        first, second = pair_agreement(density, theta), pair_agreement(density, theta)
        assert (first.p_mean, first.p_spread) == (second.p_mean, second.p_spread)
        np.testing.assert_array_equal(first.replicated, second.replicated)
