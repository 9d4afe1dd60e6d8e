"""Whether items measure one goal: simulated areas that do, planted ones that do not, and the standard error."""

from __future__ import annotations

import numpy as np
import pytest
from dissensus.datasets.simulate import simulate
from dissensus.inference.hanging_together import MIN_AGREEMENT, hang_together
from dissensus.inference.table_checks import item_pair_check

from .builders import counts_of_agents, density_of, make_area, make_choices, make_study, random_choices
from .predicted import FOUR, GOOD, draws_of, replicated, with_counts


class TestHangingTogether:
    @pytest.mark.parametrize("seed", range(3))
    def test_items_of_one_goal_do(self, seed):
        """Simulated answers with goals and weights of some size pass."""
        density = density_of(simulate(FOUR, 400, seed=seed, truth=GOOD))
        result = hang_together(density, draws_of(density, seed))
        assert result.state == "ok"
        assert result.items == ()
        assert abs(result.agreement - result.expected) < 4 * result.error

    def test_items_without_a_common_goal_do_not(self):
        """Independent answers, diverse as they are, have nothing in common."""
        choices = random_choices(FOUR, 1_500, seed=5)
        density = density_of(choices)
        result = hang_together(density, draws_of(density))
        assert result.items == ("a0", "a1", "a2", "a3")
        assert result.agreement < MIN_AGREEMENT
        assert "'a0', 'a1', 'a2' and 'a3' do not measure one goal" in result.sentence

    def test_two_things_in_one_area(self):
        """Two pairs of items, each of one goal of its own: four of six pairs have nothing in common."""
        one, two = (counts_of_agents(simulate(FOUR, 2_000, seed=s, truth=GOOD).areas[0]) for s in (1, 2))
        choices = simulate(FOUR, 2_000, seed=1, truth=GOOD)
        density = with_counts(choices, np.hstack([one[:, :6], two[:, 6:]]))
        result = hang_together(density, draws_of(density))
        assert result.state == "caution"
        assert len(result.items) == 4

    def test_item_coded_the_wrong_way_round(self):
        """One of four items whose options are taken to serve each other's goals does not go with the others."""
        choices = simulate(FOUR, 2_000, seed=6, truth=GOOD)
        counts = counts_of_agents(choices.areas[0]).copy()
        counts[:, 9:12] = counts[:, [10, 11, 9]]
        density = with_counts(choices, counts)
        theta = draws_of(density)
        result = hang_together(density, theta)
        assert result.items == ("a3",)
        assert "'a3' does not go with the other items" in result.sentence
        assert result.item_agreement["a3"] < 0
        assert min(r.adjusted_p for r in item_pair_check(density, theta)) < 1e-3

    @pytest.mark.parametrize("seed", range(20))
    def test_follow_never_expects_less_agreement_than_chance(self, seed):
        """Under ``follow`` the expected agreement beyond chance is not negative, at any parameters."""
        density = density_of(random_choices(make_study(make_area("x y z -", "y x z", "- z x y")), 30, seed=1))
        theta = 2.5 * np.random.default_rng(seed).standard_normal((50, density.size))
        assert hang_together(density, theta).expected >= -1e-9

    def test_repeated_item_is_compared_with_itself(self):
        """Agents who answer one item many times agree with themselves."""
        study = make_study(make_area("x y z", repeated=True))
        density = density_of(simulate(study, 300, seed=7, truth=GOOD, answers_per_item=6))
        result = hang_together(density, draws_of(density))
        assert result.state == "ok"
        assert result.agreement == pytest.approx(result.expected, abs=4 * result.error)

    def test_standard_error_against_replicates(self):
        """The standard error is the spread of the agreement over replicated tables."""
        choices = simulate(FOUR, 500, seed=8, truth=GOOD, missing=0.2)
        density = density_of(choices)
        theta = draws_of(density, draws=1)
        new = [hang_together(d, theta) for d in replicated(choices, density, theta[0], 200, 3)]
        spread = np.std([r.agreement for r in new])
        assert np.mean([r.error for r in new]) == pytest.approx(spread, rel=0.2)
        assert np.mean([r.agreement for r in new]) == pytest.approx(new[0].expected, abs=4 * spread / np.sqrt(200))

    def test_an_item_that_few_agents_answer_is_not_judged(self):
        """One agent who answers an item many times, a system in a log, tells nothing on whether items go together."""
        study = make_study(make_area("x y", "x y", repeated=True))
        people = np.tile([[4, 1], [1, 4]], (20, 1))
        counts = {"a0": np.vstack([people, [[0, 0]]]), "a1": np.vstack([np.zeros_like(people), [[50, 50]]])}
        density = density_of(make_choices(study, counts))
        result = hang_together(density, draws_of(density))
        assert result.items == ()
        assert result.state == "ok"
