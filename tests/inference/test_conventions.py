"""Scores under other conventions: exact formulas, reweighting against fitting again, words, what is held back."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest
from dissensus.forward_model.aggregation import mean_over_areas
from dissensus.forward_model.weight_means import WEIGHT_MEANS, mean_of_two
from dissensus.inference.area_scores import padded_conflict, population_scores, prior_shares
from dissensus.inference.conventions import COLUMNS, _drawn, _with_kappa, _with_priors, cell_scores, conventions
from dissensus.inference.conventions_reading import reading
from dissensus.inference.conventions_report import conventions_report
from dissensus.inference.density import state_prior
from dissensus.inference.parameters import constrain, draw_prior
from rich.console import Console

from dissensus import datasets, inference
from dissensus.errors import Refused

from .builders import CASES, density_of, make_area, make_study
from .fitted import stouffer_toby
from .predicted import GOOD, case_density, draws_of, two_areas
from .test_plots import refused


class TestCells:
    @pytest.mark.parametrize("case", CASES)
    def test_geometric_mean_is_the_population_score(self, case):
        """The form over cells gives the scores of the rest of the package; without weights, no misalignment."""
        density = case_density(case)
        theta, shares = draw_prior(density.parameters, 4, np.random.default_rng(1)), prior_shares(density)
        ours, theirs = cell_scores(density, theta, shares), population_scores(density, theta, shares=shares).overall
        np.testing.assert_allclose(ours["contention"], theirs.contention, atol=1e-12)
        for name in ("misalignment", "relative_misalignment", "pair_weight"):
            expected = getattr(theirs, name) if density.states.weighted else np.full(4, np.nan)
            np.testing.assert_allclose(ours[name], expected, atol=1e-10)

    @pytest.mark.parametrize("mean", WEIGHT_MEANS)
    def test_every_mean_by_a_loop_over_cells(self, mean):
        """Pairs of goals and weights with their probabilities, in groups and with no goal."""
        density = case_density("groups and agents in none")
        theta, shares = draw_prior(density.parameters, 1, np.random.default_rng(2)), prior_shares(density)
        values, states = constrain(density.parameters, theta, density.n_options), density.states
        cell = shares @ np.exp(state_prior(density, values))[0]
        conflict, total = padded_conflict(density, theta), 0.0
        for s in range(states.n_states):
            for t in range(states.n_states):
                m = float(mean_of_two(states.weight[s], states.weight[t], weight_mean=mean))
                total += cell[s] * cell[t] * conflict[states.goal[s], states.goal[t]] * m
        assert cell_scores(density, theta, shares, weight_mean=mean)["misalignment"][0] == pytest.approx(total)


class TestAlternatives:
    @pytest.mark.parametrize("change", [{"goal_share": 2.0}, {"baseline_sd": 2.0}, {"weight_mean": (1.0, 1.0)}])
    def test_reweighting_agrees_with_another_fit(self, change):
        """Draws under one prior, weighted to another, against draws under the other."""
        density = density_of(datasets.simulate(make_study(make_area(*["x y z"] * 4)), 400, seed=2, truth=GOOD))
        other = _with_priors(density, change)
        rng = np.random.default_rng(1)
        found = _drawn(density, other, draws_of(density, draws=1_000, proposals=4_000), np.ones(1), rng)
        assert found.how == "reweighted"
        again = cell_scores(other, draws_of(other, seed=5, draws=1_000, proposals=4_000), np.ones(1))
        for score in ("contention", "misalignment"):
            ours, theirs = found.scores[score], again[score]
            assert abs(ours.mean() - theirs.mean()) < 0.2 * theirs.std()
            assert ours.std() == pytest.approx(theirs.std(), rel=0.2)

    def test_kappa_changes_the_scale_of_weights_not_contention(self):
        """Under luce only κ·w is seen: a larger κ means smaller weights and less misalignment."""
        study = make_study(make_area(*["x y z"] * 5, rule="luce"))
        density = density_of(datasets.simulate(study, 800, seed=2, truth=GOOD))
        theta = draws_of(density, draws=500)
        smaller, larger = (_with_kappa(density, factor) for factor in (2 / 3, 3 / 2))
        assert smaller.table.parts[0].served.max() == pytest.approx(
            density.table.parts[0].served.max() * 2 / 3, rel=1e-6
        )
        found = [_drawn(density, new, theta, np.ones(1), np.random.default_rng(1)).scores for new in (smaller, larger)]
        own = cell_scores(density, theta, np.ones(1))
        assert found[0]["misalignment"].mean() > own["misalignment"].mean() > found[1]["misalignment"].mean()
        for scores in found:
            assert scores["contention"].mean() == pytest.approx(own["contention"].mean(), abs=0.05)
        assert _with_kappa(case_density("follow"), 2) is None

    def test_a_fit_that_fails_gives_no_number(self, monkeypatch):
        """Rather than a wrong one."""
        module = sys.modules["dissensus.inference.conventions"]
        monkeypatch.setattr(module, "ENOUGH", 1e9)
        density = density_of(datasets.simulate(make_study(make_area(*["x y"] * 3)), 60, seed=1))
        found = _drawn(
            density, _with_priors(density, {"goal_share": 2.0}), draws_of(density), np.ones(1), np.random.default_rng(1)
        )
        assert found.how == "not fitted"
        assert np.isnan(found.scores["contention"]).all()


class TestTable:
    def test_every_convention_has_its_rows(self):
        """Areas and overall; contention as fitted is that of the summary's draws, to Monte Carlo error."""
        _, fit = two_areas()
        table = conventions(fit, allow_unreliable=True)
        assert list(table.columns) == list(COLUMNS)
        found = {name: set(own["value"]) for name, own in table.groupby("convention")}
        assert set(found) == {
            "as fitted",
            "weight mean",
            "area mean",
            "baseline prior",
            "goal-share prior",
            "weight-mean prior",
            "weight-concentration prior",
            "group prior",
        }
        assert found["weight mean"] == set(WEIGHT_MEANS) - {"geometric"}
        assert found["baseline prior"] == {"sd × 1/2", "sd × 2"}
        assert (table[table["convention"] == "as fitted"]["shift"] == 0).all()
        frame = inference.summarize(fit, allow_unreliable=True)
        frame = frame[frame["estimand"] == "population"].set_index(["score"])
        for area in ("tax", "speech"):
            row = table[(table["convention"] == "as fitted") & (table["area"] == area)].set_index("score")
            for score in ("contention", "misalignment", "relative_misalignment"):
                own = frame[frame["area"] == area].loc[score]
                if own["mean"] is not None and np.isfinite(own["mean"]):
                    assert row.loc[score, "mean"] == pytest.approx(own["mean"], abs=1e-9)

    def test_area_means_are_taken_over_draws(self):
        """Of the stored draws of both areas, by their weights."""
        _, fit = two_areas()
        table = conventions(fit, allow_unreliable=True).set_index(["convention", "value", "score"])
        stored = fit["scores"].to_dataset().sel(estimand="population")["contention"].values.reshape(-1, 2)
        for mean in ("geometric", "harmonic", "min", "max"):
            expected = mean_over_areas(stored, [1.0, 2.0], area_mean=mean).mean()
            assert table.loc[("area mean", mean, "contention"), "mean"] == pytest.approx(expected, abs=1e-9)
        assert table.loc["area mean"]["area"].isna().all()

    def test_without_weights_there_is_no_misalignment(self):
        """An area of one answer per agent keeps its contention, and no prior of weights."""
        choices = datasets.simulate(make_study(make_area("x y z")), 200, seed=1)
        table = conventions(inference.fit(choices, seed=1), allow_unreliable=True)
        assert set(table["convention"]) == {"as fitted", "goal-share prior"}
        assert table[table["score"] == "misalignment"]["mean"].isna().all()
        assert table[table["score"] == "contention"]["mean"].notna().all()

    def test_a_refused_fit_is_refused(self):
        with pytest.raises(Refused):
            conventions(refused(stouffer_toby()[1]))

    def test_the_same_seed_gives_the_same_numbers(self):
        _, fit = stouffer_toby()
        first, second = conventions(fit, seed=3), conventions(fit, seed=3)
        np.testing.assert_array_equal(first["mean"], second["mean"])


class TestWords:
    def test_reading_names_the_largest_moves(self):
        """By prior, by mean of weights, and what is not known; nothing of what is held back."""
        table = conventions(stouffer_toby()[1])
        table = table.assign(shift=0.0, how="stored draws")
        at = (table["convention"] == "baseline prior") & (table["value"] == "sd × 2")
        table.loc[at & (table["score"] == "contention"), "shift"] = -0.0789
        table.loc[at & (table["score"] == "misalignment"), "shift"] = 0.02
        (text,) = reading(table)
        assert text.startswith("role_conflict: Priors move contention by at most 0.08 (baseline prior, sd × 2) and")
        assert "By the mean of two weights misalignment is 0.14 (min) to 0.25 (max)." in text
        lost = table.assign(how=np.where(at, "not fitted", "stored draws"))
        assert "not good enough: baseline prior, sd × 2." in reading(lost)[0]
        held = table.assign(mean=np.nan, shift=np.nan)
        assert reading(held) == []

    def test_sensitivity_of_the_priors_is_said_too(self):
        """In the words of the checks of the fit."""
        table = conventions(stouffer_toby()[1])
        assert any("The prior of the" in text for text in table.attrs["reading"])

    def test_report(self):
        """Every convention has a line; overall when there are several areas; narrow terminals lose one column."""
        console = Console(width=120, record=True, file=io.StringIO())
        _, fit = two_areas()
        table = conventions(fit, allow_unreliable=True)
        console.print(conventions_report(fit, width=120, allow_unreliable=True, table=table))
        text = console.export_text()
        for words in (
            "tax",
            "speech",
            "Overall",
            "weight mean: harmonic",
            "group prior: sd × 2",
            "relative misalignment",
        ):
            assert words in text
        row = table.iloc[0]
        assert f"{row['mean']:.2f} [{row['lower']:.2f}, {row['upper']:.2f}]" in text
        assert "How far the scores move" in text
        assert "no headline scores" in text
        narrow = Console(width=80, record=True, file=io.StringIO())
        narrow.print(conventions_report(fit, width=80, allow_unreliable=True, table=table))
        assert "relative" not in narrow.export_text().split("How far")[0].replace(
            "caution: contention, misalignment, relative", ""
        )
