"""Fits beside each other: rules, numbers of goals, orders of agents; stacking against ArviZ; what is refused."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from dissensus.datasets.patterns import build_choices
from dissensus.inference.compare import _order, _sentence, compare, stacking_weights
from dissensus.inference.result import choices_of
from dissensus.inference.summary import summarize

from dissensus import datasets, inference
from dissensus.errors import InputError

from .builders import make_area, make_study
from .fitted import stouffer_toby

THREE = make_study(make_area("x y z", "y z x", "z x y", "x y z"))
TWO = make_study(make_area("x y -", "y - x", "- x y", "x y -"))
TRUTH = {"a": {"goal_share": [0.35, 0.35, 0.3], "weight_mean": 0.7}}


@functools.cache
def answered():
    """Return agents, and their answers as positions of options."""
    choices = datasets.simulate(THREE, 300, seed=5, truth=TRUTH)
    area = choices.areas[0]
    return choices.agents, {f"a{j}": area.answer(j)[area.pattern_of_agent] for j in range(4)}


def choices_with(study, *, order=None, change=None, **more):
    """Return the same answers under another study, agents in another order, or with something changed."""
    agents, answers = answered()
    order = np.arange(len(agents)) if order is None else order
    answers = {item: given[order].copy() for item, given in answers.items()}
    if change is not None:
        change(answers)
    return build_choices(study, agents[order], answers, **more)


@functools.cache
def fitted(name):
    study = {"three": THREE, "two": TWO, "shuffled": THREE}[name]
    order = np.random.default_rng(1).permutation(300) if name == "shuffled" else None
    return inference.fit(choices_with(study, order=order), seed=1, method="laplace")


class TestTable:
    def test_numbers_of_goals(self):
        """Three goals made the data, and two of them predict worse; the weight goes to three."""
        table = compare({"two": fitted("two"), "three": fitted("three")})
        assert list(table.index) == ["three", "two"]
        assert list(table["rank"]) == [0, 1]
        best, worse = table.loc["three"], table.loc["two"]
        assert (best["elpd_diff"], best["dse"]) == (0, 0)
        assert worse["elpd_diff"] == pytest.approx(worse["elpd"] - best["elpd"])
        assert worse["elpd_diff"] < -2 * worse["dse"] < 0
        assert best["weight"] > 0.9
        assert best["sentence"] == "'three' predicts best."
        assert "'two' predicts worse than 'three' by more than 2 standard errors" in worse["sentence"]

    def test_scores_are_those_of_the_summary(self):
        """With 90 % intervals, per area and overall."""
        table = compare({"two": fitted("two"), "three": fitted("three")})
        frame = summarize(fitted("three"))
        row = frame[(frame["score"] == "contention") & (frame["estimand"] == "sample") & (frame["area"] == "a")].iloc[0]
        for part, column in (
            ("mean", "a: contention"),
            ("lower", "a: contention lower"),
            ("upper", "a: contention upper"),
        ):
            value = table.loc["three", column]
            assert np.isnan(value) if pd.isna(row[part]) else value == pytest.approx(row[part])
        assert {"overall: misalignment", "overall: misalignment upper"} <= set(table.columns)

    def test_the_order_of_agents_does_not_matter(self):
        """The same answers with agents shuffled are paired agent by agent."""
        table = compare({"three": fitted("three"), "shuffled": fitted("shuffled")})
        assert abs(table["elpd_diff"].iloc[1]) < 0.5
        assert table["dse"].iloc[1] < 0.5
        assert "predicts as well as" in table["sentence"].iloc[1]

    def test_rules(self):
        """Rule and goals of a bundled table; ELPD as in ``loo``."""
        choices, fit = stouffer_toby()
        study = type(choices.study).from_dict(
            choices.study.to_dict()
            | {"areas": {"role_conflict": choices.study.to_dict()["areas"]["role_conflict"] | {"rule": "luce"}}}
        )
        area = replace(choices.areas[0], rule="luce")
        other = inference.fit(replace(choices, study=study, areas=(area,)), seed=1, method="laplace")
        table = compare({"follow": fit, "luce": other})
        for name, one in (("follow", fit), ("luce", other)):
            assert table.loc[name, "elpd"] == pytest.approx(float(inference.loo(one)["elpd"]))


class TestStacking:
    def test_as_arviz_does(self):
        """Weights of ArviZ's own comparison of the same log densities."""
        import arviz_stats
        import xarray as xr

        rng = np.random.default_rng(1)
        elpd = -2 + 0.5 * rng.standard_normal((200, 3))
        elpd[:, 1] -= 0.1
        data = {}
        for k in range(3):
            i = xr.DataArray(elpd[:, k], dims="agent")
            data[str(k)] = arviz_stats.ELPDData(
                elpd=elpd[:, k].sum(),
                se=1.0,
                p=1.0,
                n_samples=100,
                n_data_points=200,
                scale="log",
                warning=False,
                good_k=0.7,
                elpd_i=i,
                pareto_k=i * 0,
            )
        theirs = arviz_stats.compare(data, round_to="none")["weight"]
        ours = stacking_weights(elpd, np.ones(200))
        np.testing.assert_allclose(ours, [theirs[str(k)] for k in range(3)], atol=2e-3)

    def test_agents_count_by_weight_and_small_densities_do_no_harm(self):
        """Doubling an agent is the same as a weight of 2; log densities of −2,000 are no zeros."""
        rng = np.random.default_rng(2)
        elpd = rng.standard_normal((50, 2))
        weight = rng.integers(1, 4, 50)
        twice = stacking_weights(np.repeat(elpd, weight, axis=0), np.ones(weight.sum()))
        np.testing.assert_allclose(stacking_weights(elpd, weight.astype(float)), twice, atol=1e-5)
        np.testing.assert_allclose(stacking_weights(elpd - 2_000, weight.astype(float)), twice, atol=1e-5)

    def test_a_better_fit_takes_all(self):
        np.testing.assert_allclose(stacking_weights(np.array([[0.0, -1.0]] * 9), np.ones(9)), [1, 0], atol=1e-6)


class TestRefused:
    @pytest.mark.parametrize(
        ("change", "match"),
        [
            (lambda answers: answers["a0"].__setitem__(0, (answers["a0"][0] + 1) % 3), "answers to item 'a0' differ"),
            (lambda answers: answers["a3"].__setitem__(0, -1), "answers to item 'a3' differ"),
        ],
    )
    def test_other_answers(self, change, match):
        """One answer more, less, or another."""
        with pytest.raises(InputError, match=match):
            _order("b", choices_with(THREE, change=change), "a", choices_with(THREE))

    def test_other_agents_items_or_weights(self):
        """Said with what differs."""
        first = choices_with(THREE)
        with pytest.raises(InputError, match="'a' and 'b' are not of the same answers: their agents differ"):
            _order("b", choices_with(THREE, order=np.arange(299)), "a", first)
        fewer = make_study(make_area("x y z", "y z x", "z x y"))
        with pytest.raises(InputError, match="item 'a3' is in one only"):
            _order("b", choices_with(fewer, change=lambda answers: answers.pop("a3")), "a", first)
        weight = np.random.default_rng(1).gamma(3, 1, 300)
        with pytest.raises(InputError, match="the survey weights differ"):
            _order("b", choices_with(THREE, survey_weight=weight), "a", first)

    def test_groups_and_areas_may_differ(self):
        """They belong to the model, not to the answers."""
        group = np.arange(300) % 2
        raw = THREE.to_dict()
        settings = raw["areas"]["a"]
        halves = [dict(list(settings["items"].items())[part]) for part in (slice(2), slice(2, 4))]
        areas = {"one": settings | {"items": halves[0]}, "other": settings | {"items": halves[1]}}
        first, parted = choices_with(THREE), choices_with(type(THREE).from_dict(raw | {"areas": areas}))
        for other in (choices_with(THREE, groups=("u", "v"), group_of_agent=group), parted):
            np.testing.assert_array_equal(_order("b", other, "a", first), np.arange(300))
            assert other.data_hash != first.data_hash

    def test_fewer_than_two(self):
        with pytest.raises(InputError, match="holds 1 fit"):
            compare({"three": fitted("three")})


class TestSentence:
    def test_agents_who_decide_must_be_left_out_reliably(self):
        """Where the difference comes from agents with a high k̂, nothing is claimed."""
        gap = np.full(100, -0.01)
        gap[0] = -30.0
        doubtful = np.arange(100) == 0
        assert "is not known" in _sentence("b", "a", gap, np.ones(100), doubtful)
        assert "decided by 1 agent for whom" in _sentence("b", "a", gap, np.ones(100), doubtful)
        clear = np.full(100, -1.0) + 0.01 * np.arange(100)
        assert "predicts worse" in _sentence("b", "a", clear, np.ones(100), doubtful * 0 == 1)
        assert "its ELPD is too high" in _sentence("a", "a", 0 * gap, np.ones(100), doubtful)

    def test_names_are_shown_without_control_characters(self):
        text = _sentence("b\u202e", "a", np.full(10, -1.0), np.ones(10), np.zeros(10, dtype=bool))
        assert "\u202e" not in text


def test_a_result_holds_the_choices_it_was_fitted_to():
    """What is compared is what was fitted."""
    again = choices_of(fitted("three"))
    np.testing.assert_array_equal(_order("b", again, "a", choices_with(THREE)), np.arange(300))
