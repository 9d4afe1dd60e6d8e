"""Identification before fitting: scores against differences, information against fits, and the rule on items."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from dissensus.datasets.numbers import numbers_at
from dissensus.datasets.registry import load
from dissensus.datasets.simulate import simulate
from dissensus.datasets.stages import stages_at
from dissensus.inference.density import area_density, row_log_likelihood
from dissensus.inference.identification import (
    MAX_SHARE_SD,
    expected_share_sd,
    identification_checks,
    item_rule,
    score_vectors,
    share_information,
)
from dissensus.inference.mode import find_modes
from dissensus.inference.parameters import constrain

from .builders import CASES, density_of, make_area, make_choices, make_study, points_of, random_choices


def binary(n, **settings):
    """Return simulated choices of four items of two options."""
    return simulate(make_study(make_area(*["x y"] * 4, **settings)), n, seed=1)


class TestScoreVectors:
    @pytest.mark.parametrize("case", CASES)
    @pytest.mark.parametrize("where", ["prior", "centre"])
    def test_against_differences_of_the_log_likelihood(self, case, where):
        """The gradient of every row agrees with central differences."""
        density = density_of(CASES[case]())
        point, rows, step = points_of(density)[where], density.rows, 1e-5
        shifts = step * np.eye(density.size)
        up, down = (row_log_likelihood(density, point + s * shifts) for s in (1, -1))
        differences = ((up - down) / (2 * step)).T
        counts = density.area.counts[rows.pattern].astype(float)
        stages = tuple(stages_at(one, rows.pattern) for one in density.area.stages)
        numbers = tuple(numbers_at(one, rows.pattern) for one in density.area.numbers)
        exact = score_vectors(density, point, counts, rows.group, stages, numbers)
        np.testing.assert_allclose(exact, differences, atol=1e-6 * max(1.0, np.abs(exact).max(initial=0)))


class TestExpectedSd:
    def test_figures_of_four_binary_items(self):
        """216 agents tell a share to 0.14 at the prior means, too little; 2,000 to 0.05."""
        few, many = (expected_share_sd(c, c.areas[0], c.study.priors) for c in (binary(216), binary(2_000)))
        assert few.sd == pytest.approx([0.14, 0.14], abs=0.01)
        assert many.sd == pytest.approx([0.046, 0.046], abs=0.004)
        assert few.worst > MAX_SHARE_SD
        assert "expected standard deviation of 0.14" in few.sentence
        assert many.sentence == ""

    def test_stouffer_and_toby_are_too_few(self):
        """The bundled table is one of those."""
        choices = load("stouffer_toby")
        checks = identification_checks(density_of(choices))
        assert [(c.name, c.state) for c in checks] == [("item-rule", "ok"), ("expected-share-sd", "caution")]

    def test_agrees_with_the_spread_of_estimates(self):
        """Maximum likelihood estimates of repeated tables scatter by the expected sd."""
        study = make_study(make_area(*["x y"] * 5, baseline="uniform"), priors={"weight_mean": [1.01, 1.01]})
        truth = {"a": {"goal_share": [0.5, 0.5], "weight_mean": 0.5, "weight_concentration": 4.0}}
        shares = []
        for seed in range(40):
            density = density_of(simulate(study, 1_000, seed=seed, truth=truth))
            theta = find_modes(density, np.random.default_rng(seed), starts=1)[0].theta
            shares.append(constrain(density.parameters, theta[None], density.n_options).share[0, 0])
        expected = share_information(density).sd_at[0, 0]
        assert np.std(shares, ddof=1) == pytest.approx(expected, rel=4 / np.sqrt(2 * 40))

    def test_single_answers_give_the_multinomial_sd(self):
        """At face value the share of a goal is the share of an option."""
        choices = make_choices(make_study(make_area("x y")), {"a0": np.arange(100) % 2})
        information = expected_share_sd(choices, choices.areas[0], choices.study.priors)
        assert information.sd_at[0] == pytest.approx([0.05, 0.05], rel=1e-3)

    def test_more_agents_less_sd(self):
        """The sd falls with the root of the number of agents; survey weights count as their effective number."""
        choices = binary(400)
        density = density_of(choices)
        fourfold = replace(density.rows, multiplicity=4.0 * density.rows.multiplicity)
        once, more = share_information(density), share_information(replace(density, rows=fourfold))
        np.testing.assert_allclose(more.sd_at, once.sd_at / 2, rtol=1e-6)

    def test_missing_answers_cost_precision(self):
        """Half of the answers gone at random, the sd is larger."""
        study = make_study(make_area(*["x y"] * 4))
        full, half = (density_of(simulate(study, 1_000, seed=2, missing=m)) for m in (0.0, 0.5))
        assert share_information(half).worst > 1.5 * share_information(full).worst

    def test_groups_do_not_make_a_share_unknown(self):
        """Shares of groups carry the same information on the whole, though deviations and the whole are redundant."""
        study = make_study(make_area(*["x y z"] * 4))
        plain = share_information(density_of(simulate(study, 900, seed=3)))
        grouped = share_information(density_of(simulate(study, 900, seed=3, groups=["u", "v", "w"])))
        np.testing.assert_allclose(grouped.sd_at[0], plain.sd_at[0], rtol=0.1)

    def test_unidentified_shares_are_infinite(self):
        """Two items of two options leave more parameters than shares of answers."""
        choices = random_choices(make_study(make_area("x y", "x y")), 500, seed=4)
        information = expected_share_sd(choices, choices.areas[0], choices.study.priors)
        assert np.isinf(information.sd).all()
        assert "with any number of agents" in information.sentence

    @pytest.mark.parametrize("case", CASES)
    def test_every_kind_of_area_has_an_answer(self, case):
        """An sd per share, never NaN."""
        density = density_of(CASES[case]())
        information = share_information(density)
        assert information.sd.shape == (density.states.n_shares,)
        assert not np.isnan(information.sd_at).any()

    def test_the_answer_is_the_same_every_time(self):
        density = density_of(CASES["groups and agents in none"]())
        np.testing.assert_array_equal(share_information(density).sd, share_information(density).sd)


class TestItemRule:
    @pytest.mark.parametrize(
        ("area", "reason"),
        [
            (make_area("x y", "x y"), "2 items with 4 possible sets of answers cannot tell 5 parameters"),
            (make_area("x y", "x y", no_goal=True), "cannot tell 6 parameters: ask more items or set baseline"),
            (make_area("x y z"), "Every agent answers once"),
            (make_area("xy xy -", "xy - -", "xy - xy"), "'x' and 'y' are served by the same options"),
            (make_area("x y", "x y", "y x"), None),
            (make_area("x y", "x y", baseline="uniform"), None),
            (make_area("x y z", "z y x"), None),
            (make_area("x y", repeated=True), None),
        ],
    )
    def test_reason(self, area, reason):
        """What is missing is said in one sentence."""
        found = item_rule(random_choices(make_study(area), 50, seed=1).areas[0])
        assert (found is None) if reason is None else (reason in found)

    def test_goal_that_nothing_serves(self):
        """A goal without an option is named."""
        area = make_area("x y", "x y", "x y")
        area["settings"]["goals"] = ["x", "y", "z"]
        choices = random_choices(make_study(area), 50, seed=1)
        assert "No option serves the goal 'z'" in item_rule(choices.areas[0])

    def test_what_the_rule_refuses_has_no_information(self):
        """Too many parameters for the sets of answers, and some share has an infinite sd."""
        choices = random_choices(make_study(make_area("x y", "x y")), 200, seed=5)
        area = choices.areas[0]
        assert item_rule(area) is not None
        assert not area_density(choices, area, choices.study.priors).size < 4
        assert np.isinf(expected_share_sd(choices, area, choices.study.priors).worst)
