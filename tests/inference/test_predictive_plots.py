"""Figures of the checks: the numbers of the checks, labels that cannot act, states that cannot be missed."""

from __future__ import annotations

import html
import json
from dataclasses import replace

import numpy as np
import pytest
from dissensus.inference.answer_tables import observed_tables
from dissensus.inference.figure_blocks import MOST_ROWS, Block, Row, blocks_figure
from dissensus.inference.goal_answers import goal_answers
from dissensus.inference.loo_pit import loo_pit
from dissensus.inference.loo_pit_plot import plot_loo_pit
from dissensus.inference.pair_agreement import pair_agreement
from dissensus.inference.predictive_intervals import predicted_pairs, predicted_shares
from dissensus.inference.predictive_plots import (
    area_of,
    plot_agreement,
    plot_answers_per_goal,
    plot_item_pairs,
    plot_option_shares,
)
from dissensus.inference.table_checks import NO_GROUP, item_pair_check, option_share_check

from dissensus import datasets, inference
from dissensus.errors import InputError, Refused

from .builders import counts_of_agents, density_of, make_area, make_study
from .chance import assert_mean
from .fitted import stouffer_toby
from .predicted import GOOD, draws_of, replicated, two_areas, with_counts
from .test_plots import HOSTILE, refused, renamed, texts

PLOTS = [plot_option_shares, plot_item_pairs, plot_agreement, plot_answers_per_goal, plot_loo_pit]


def points(figure, name):
    """Return the points of the traces whose name begins so, by place."""
    found = {}
    for trace in figure.data:
        if (trace.name or "").startswith(name):
            found |= dict(zip(np.round(trace.y, 6), trace.x, strict=True))
    return found


class TestNumbers:
    def test_every_option_is_a_point(self):
        """Observed shares, with intervals about the expected ones."""
        _, fit = stouffer_toby()
        figure = plot_option_shares(fit)
        density, _ = area_of(fit, None)
        counts = counts_of_agents(density.area)
        shares = (
            counts.sum(axis=0)
            / (counts @ (density.area.item_of_option[:, None] == np.arange(4))).sum(axis=0)[density.area.item_of_option]
        )
        observed = points(figure, "observed")
        np.testing.assert_allclose([observed[y] for y in sorted(observed)], shares)
        predicted = points(figure, "predicted")
        assert list(predicted) == sorted(observed)
        assert (np.asarray(figure.data[0].error_x.array) > 0).all()

    def test_pairs_show_the_cell_that_the_check_names(self):
        """In its group, where a group fails, from the worst to the best."""
        _, fit = two_areas()
        figure = plot_item_pairs(fit, area="tax", allow_unreliable=True)
        density, theta = area_of(fit, "tax")
        checks = sorted(item_pair_check(density, theta), key=lambda c: (c.adjusted_p, c.p))
        observed = points(figure, "observed")
        np.testing.assert_allclose([observed[y] for y in sorted(observed)], [c.share for c in checks])
        expected = points(figure, "predicted")
        values = [c.share - c.residual for c in checks]
        np.testing.assert_allclose([expected[y] for y in sorted(expected)], values, atol=1e-9)
        for check, tick in zip(checks, figure.layout.yaxis.ticktext, strict=True):
            assert (f"({check.group})" in tick) == (check.group is not None)

    def test_agreement_is_that_of_the_check(self):
        """The distribution over pairs, and both p-values in words."""
        _, fit = stouffer_toby()
        figure = plot_agreement(fit)
        found = pair_agreement(*area_of(fit, None))
        seen = {}
        for trace in figure.data[1:]:
            seen |= dict(zip(trace.x, trace.y, strict=True))
        np.testing.assert_allclose([seen[x] for x in found.at], found.share)
        said = " ".join(texts(figure))
        assert f"Two agents agree on {found.mean:.1%} of common items" in said
        assert f"p = {found.p_spread:.2f}" in said

    def test_answers_per_goal(self):
        """A block per goal, a row per option."""
        _, fit = two_areas()
        figure = plot_answers_per_goal(fit, area="speech", allow_unreliable=True)
        found = goal_answers(*area_of(fit, "speech"))
        observed = points(figure, "observed")
        np.testing.assert_allclose([observed[y] for y in sorted(observed)], found.observed.ravel())
        assert sum("<b>goal " in text for text in texts(figure)) == 3

    def test_transforms_are_shares_of_agents(self):
        """Tenths that add up to all agents, goal by goal."""
        _, fit = stouffer_toby()
        figure = plot_loo_pit(fit)
        pit = loo_pit(fit)["pit"].values
        for g, trace in enumerate(figure.data):
            np.testing.assert_allclose(trace.y, np.histogram(pit[:, g], np.linspace(0, 1, 11))[0] / len(pit))
        assert len(figure.layout.shapes) == 4  # a band and a line for each goal


class TestIntervals:
    @pytest.mark.parametrize("settings", [{}, {"groups": ["u", "v"], "missing": 0.2}])
    def test_predictive_errors_are_the_spread_of_replicates(self, settings):
        """At known parameters: mean and standard deviation of shares and of pairs, in groups and together."""
        study = make_study(make_area("x y z", "y z x", "z x y"))
        choices = datasets.simulate(study, 200, seed=4, truth=GOOD, **settings)
        density = density_of(choices)
        theta = draws_of(density, draws=1)
        claimed = [f(density, theta, observed_tables(density)) for f in (predicted_shares, predicted_pairs)]
        drawn = [[], []]
        for other in replicated(choices, density, theta[0], 200, 5):
            for k, f in enumerate((predicted_shares, predicted_pairs)):
                drawn[k].append(f(other, theta, observed_tables(other)).observed)
        for k, items in enumerate((1, 2)):
            values = np.array(drawn[k])
            keep = np.isfinite(claimed[k].expected) & (claimed[k].error > 0)
            if items == 2:
                block = density.area.item_of_option
                keep &= block[:, None] != block
            assert_mean(values[:, keep], claimed[k].expected[keep])
            ratio = values.std(axis=0)[keep] / claimed[k].error[keep]
            assert np.abs(ratio - 1).max() < 0.3
            assert ratio.mean() == pytest.approx(1, abs=0.05)

    def test_agents_in_no_group_are_called_so(self):
        """Their misfit is not said of all agents."""
        study = make_study(make_area("x y z", "y z x", "z x y", "x y z"))
        choices = datasets.simulate(study, 1_200, seed=2, truth=GOOD, groups={"left": 0.8, "none": 0.2})
        counts = counts_of_agents(choices.areas[0]).copy()
        outside = np.flatnonzero(choices.group_of_agent == 1)
        counts[outside[::3], 0:3] = [0, 0, 1]
        lone = replace(choices, groups=("left",), group_of_agent=np.where(choices.group_of_agent == 1, -1, 0))
        density = with_counts(lone, counts)
        worst = min(option_share_check(density, draws_of(density)), key=lambda c: c.p)
        assert (worst.state, worst.group, worst.items) == ("caution", NO_GROUP, ("a0",))
        assert "of the agents in no group answer" in worst.sentence
        own = counts[outside, 0:3].mean(axis=0)
        assert worst.share == pytest.approx(own["012".index(worst.cell[0])])


class TestWords:
    @pytest.mark.parametrize("plot", PLOTS)
    def test_every_figure_says_what_it_was_made_from_and_its_state(self, plot):
        """The line at the bottom, the area, and the state of the check."""
        _, fit = stouffer_toby()
        figure = plot(fit)
        assert any("216 agents" in text and "seed 1" in text for text in texts(figure))
        assert "role_conflict" in figure.layout.title.text
        assert "check ok" in figure.layout.title.text

    @pytest.mark.parametrize("plot", PLOTS)
    def test_a_refused_fit_is_plotted_on_request_only_and_marked(self, plot):
        """As every figure."""
        with pytest.raises(Refused):
            plot(refused(stouffer_toby()[1]))
        assert "NOT RELIABLE" in texts(plot(refused(stouffer_toby()[1]), allow_unreliable=True))

    @pytest.mark.parametrize("old", ["tax", "tax0", "left"])
    def test_labels_show_as_they_are_and_never_act(self, old):
        """Areas, items and groups that would be markup."""
        fit = renamed(two_areas()[1], old, HOSTILE)
        for plot in PLOTS:
            area = HOSTILE if old == "tax" else "tax"
            figure = plot(fit, area=area, allow_unreliable=True)
            stored = json.dumps(figure.to_plotly_json(), default=lambda array: array.tolist(), ensure_ascii=False)
            assert "<script" not in stored
            assert "$" not in stored
            assert "\u202e" not in stored
            if old == "tax":
                assert "<script>alert" in html.unescape(stored)

    def test_goals_and_options_never_act(self):
        """Labels of goals and options that would be markup."""
        goals = [f"<b>{name}</b><img src=x onerror=alert(1)>$y$" for name in "ab"]
        items = {f"i{j}": {"serves": {f"<i>{k}</i>$z$": goal for k, goal in enumerate(goals)}} for j in range(3)}
        study = type(make_study(make_area("x y"))).from_dict(
            {"areas": {"a": {"goals": goals, "conflict": 1, "items": items}}}
        )
        fit = inference.fit(datasets.simulate(study, 150, seed=1), seed=1, method="laplace")
        for plot in PLOTS:
            figure = plot(fit, allow_unreliable=True)
            stored = json.dumps(figure.to_plotly_json(), default=lambda array: array.tolist(), ensure_ascii=False)
            assert "<img" not in stored
            assert "<i>" not in stored
            assert "$" not in stored

    @pytest.mark.parametrize("plot", PLOTS)
    def test_an_area_must_be_named(self, plot):
        with pytest.raises(InputError, match="several"):
            plot(two_areas()[1], allow_unreliable=True)
        with pytest.raises(InputError, match="\"area\" is 'food'"):
            plot(two_areas()[1], area="food", allow_unreliable=True)

    @pytest.mark.parametrize(
        ("plot", "match"),
        [
            (plot_item_pairs, "Nobody answered two items"),
            (plot_agreement, "No two agents answered two items"),
            (plot_answers_per_goal, "one answer per agent"),
        ],
    )
    def test_where_there_is_nothing_to_plot(self, plot, match):
        """One answer per agent."""
        fit = inference.fit(datasets.simulate(make_study(make_area("x y z")), 60, seed=1), seed=1)
        with pytest.raises(InputError, match=match):
            plot(fit, allow_unreliable=True)

    def test_blocks_without_room_are_counted(self):
        """The worst are kept, in their order."""
        _, fit = stouffer_toby()
        rows = tuple(Row(f"r{k}", 0.5, 0.4, 0.5, 0.6) for k in range(20))
        blocks = [Block(f"block {k}", "ok", "", p, rows) for k, p in enumerate((0.9, 0.01, 0.5, 0.2, float("nan")))]
        figure = blocks_figure(fit, "role_conflict", "Title", blocks, "Share", False)
        assert len(figure.layout.yaxis.ticktext) == MOST_ROWS
        assert "the 3 that fit worst, 2 left out" in figure.layout.title.text
        heads = [text for text in texts(figure) if "block" in text]
        assert [head.split("</b>")[0] for head in heads] == ["<b>block 1", "<b>block 2", "<b>block 3"]
