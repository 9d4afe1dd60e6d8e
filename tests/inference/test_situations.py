"""Situations in a fit: scores found again, checks that know what was shown, and agreement of equal forms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from dissensus.datasets.situations import Situations
from dissensus.inference.density import area_density, row_log_likelihood
from dissensus.inference.parameters import constrain
from dissensus.inference.result import choices_of
from dissensus.inference.situation_checks import situation_check
from dissensus.inference.stage_table import evaluate_stages, option_probability

from dissensus import datasets, inference

from .builders import density_of, make_area, make_choices, make_study, of_kind, points_of, with_features
from .maximum_likelihood import maximum_likelihood

AREA = with_features(of_kind(make_area("x y - x"), "situation"), 0, "cost")


def _asked(n, times, *, seed=0, study=None):
    """Return choices of situations in which half of the options are shown, at random costs."""
    rng = np.random.default_rng(seed)
    agent = np.repeat(np.arange(n), times)
    shown = np.tile(np.arange(4), (len(agent), 1))
    shown[np.arange(len(agent)), rng.integers(4, size=len(agent))] = -1
    cost = np.where(shown >= 0, rng.normal(size=shown.shape), 0.0)[:, :, None]
    chosen = np.where(shown >= 0, rng.random(shown.shape), -1).argmax(axis=1)
    return make_choices(study or make_study(AREA), {"a0": Situations(agent, shown, chosen, cost)})


def test_a_question_to_all_is_a_situation_that_shows_all():
    """Repeated answers by luce, and situations of all options without features, have one likelihood."""
    rng = np.random.default_rng(1)
    agent, chosen = np.repeat(np.arange(6), 5), rng.integers(3, size=30)
    situations = Situations(agent, np.tile(np.arange(3), (30, 1)), chosen, np.zeros((30, 3, 0)))
    asked = make_choices(make_study(of_kind(make_area("x y -"), "situation")), {"a0": situations})
    counts = np.array([np.bincount(chosen[agent == a], minlength=3) for a in range(6)])
    plain = make_choices(make_study(make_area("x y -", rule="luce", repeated=True)), {"a0": counts})
    one, other = density_of(asked), density_of(plain)
    for theta in points_of(one).values():
        np.testing.assert_allclose(
            row_log_likelihood(one, theta[None])[0][one.rows.row_of_agent],
            row_log_likelihood(other, theta[None])[0][other.rows.row_of_agent],
            atol=1e-10,
        )


def test_probabilities_of_the_options_shown_sum_to_one():
    density = density_of(_asked(20, 3))
    (table,) = density.table.stages
    theta = points_of(density)["prior"][None]
    values = constrain(density.parameters, theta, density.n_options)
    parts = evaluate_stages(table, values.baseline_logits, values.taste)
    p = np.stack([option_probability(table, parts, o)[0] for o in range(4)])
    np.testing.assert_allclose(p.sum(axis=0), 1, atol=1e-12)
    hidden = np.array([~(density.area.stages[0].shown == o).any(axis=1) for o in range(4)])
    assert hidden.any()
    assert not p[hidden].any()
    chosen = density.area.stages[0].shown[np.arange(table.n_stages), density.area.stages[0].chosen]
    np.testing.assert_allclose(np.log(p[chosen, np.arange(table.n_stages)]), parts.log_p[0], atol=1e-12)


def test_many_options_few_of_which_are_shown():
    """Options without places of their own: the same likelihood as those with."""
    rng = np.random.default_rng(2)
    options = ["x", "y"] + ["-"] * 18
    area = with_features(of_kind(make_area(" ".join(options)), "situation"), 0, "cost")
    agent = np.repeat(np.arange(5), 3)
    shown = np.array([rng.choice(20, 3, replace=False) for _ in agent])
    shown[0] = [0, 1, 2]
    cost = rng.normal(size=(15, 3, 1))
    few = make_choices(make_study(area), {"a0": Situations(agent, shown, rng.integers(3, size=15), cost)})
    density = density_of(few)
    assert density.table.stages[0].option.shape[0] == 3
    wide = np.full((15, 20), -1)
    costs = np.zeros((15, 20, 1))
    for k in range(15):
        wide[k, shown[k]], costs[k, shown[k]] = shown[k], cost[k]
    stages = few.areas[0].stages[0]
    picked = stages.shown[np.arange(len(stages.chosen)), stages.chosen]
    assert sorted(picked) == sorted(shown[np.arange(15), _chosen_of(few, shown, cost)])
    entered = Situations(agent, wide, shown[np.arange(15), _chosen_of(few, shown, cost)], costs)
    other = density_of(make_choices(make_study(area), {"a0": entered}))
    assert other.table.stages[0].option.shape == (20, 1)
    theta = points_of(density)["prior"][None]
    np.testing.assert_allclose(
        row_log_likelihood(density, theta)[0][density.rows.row_of_agent],
        row_log_likelihood(other, theta)[0][other.rows.row_of_agent],
        atol=1e-12,
    )


def _chosen_of(choices, shown, cost):
    """Return the place chosen in each situation, found by its costs."""
    stages = choices.areas[0].stages[0]
    place = []
    for own, costs in zip(shown, cost, strict=True):
        match = (stages.shown == own).all(axis=1) & (stages.features == costs).all(axis=(1, 2))
        place.append(int(stages.chosen[np.flatnonzero(match)[0]]))
    return np.array(place)


def test_the_largest_likelihood_finds_the_coefficient():
    """Agents of weight 0 choose by baseline and cost alone, and so does a model of one goal that serves nothing."""
    truth = {"a": {"goal_share": [0.0, 1.0], "weight_mean": 0.0, "weight_concentration": 1e9, "coefficient": [-1.2]}}
    choices = datasets.simulate(make_study(AREA), 4_000, seed=1, situations=_asked(1_000, 3), truth=truth)
    alone = replace(choices.areas[0], goals=("x",), conflict=np.zeros((1, 1)), serves=np.zeros((1, 4), dtype=bool))
    _, logits, taste = maximum_likelihood(area_density(choices, alone, choices.study.priors))
    assert taste[0] == pytest.approx(-1.2, abs=0.06)
    expected = np.log(choices.truth.parameters["a"]["baseline"])
    np.testing.assert_allclose(logits - logits.mean(), expected - expected.mean(), atol=0.12)


@pytest.fixture(scope="module")
def fitted():
    study = make_study(with_features(of_kind(make_area("x y - x", "- - -"), "situation", "importance"), 0, "cost"))
    rng = np.random.default_rng(3)
    stated = {"a1": rng.integers(3, size=150)}
    agent = np.repeat(np.arange(150), 4)
    shown = np.tile(np.arange(4), (len(agent), 1))
    shown[np.arange(len(agent)), rng.integers(4, size=len(agent))] = -1
    cost = np.where(shown >= 0, rng.normal(size=shown.shape), 0.0)[:, :, None]
    chosen = np.where(shown >= 0, rng.random(shown.shape), -1).argmax(axis=1)
    asked = make_choices(study, {"a0": Situations(agent, shown, chosen, cost), **stated})
    truth = {"goal_share": [0.65, 0.35], "weight_mean": 0.6, "weight_concentration": 6.0, "coefficient": [-0.7]}
    choices = datasets.simulate(study, 300, seed=2, situations=asked, truth={"a": truth})
    return choices, inference.fit(choices, seed=1)


def test_scores_and_coefficients_are_found_again(fitted):
    choices, fit = fitted
    rows = inference.summarize(fit).query("estimand == 'sample' and area == 'a'").set_index("score")
    goals, weights = choices.truth.goals["a"].to_numpy(), choices.truth.weights["a"].to_numpy()
    root = np.array([np.sqrt(weights[goals == g]).sum() for g in "xy"])
    n, held = len(goals), np.array([(goals == g).sum() for g in "xy"])
    true = {"contention": 2 * held.prod() / (n * (n - 1)), "misalignment": 2 * root.prod() / (n * (n - 1))}
    for score, value in true.items():
        assert rows.loc[score, "lower"] < value < rows.loc[score, "upper"]
    coefficient = fit["posterior"]["coefficient"]
    assert coefficient["feature"].values.tolist() == ["a0: cost"]
    assert abs(float(coefficient.mean()) + 0.7) < 4 * float(coefficient.std())
    assert float(coefficient.std()) < 0.1


def test_observed_conflict_does_not_compare_different_sets(fitted):
    _, fit = fitted
    rows = inference.summarize(fit).query("score == 'observed_conflict'")
    assert rows["mean"].isna().all()
    assert all("chose from different sets" in reasons[0] for reasons in rows["reasons"])


def test_a_fit_of_situations_is_kept_whole(fitted, tmp_path):
    choices, fit = fitted
    inference.save(fit, tmp_path / "r.nc")
    again = choices_of(inference.load(tmp_path / "r.nc"))
    for one, other in zip(choices.areas[0].stages, again.areas[0].stages, strict=True):
        for name, value in vars(one).items():
            np.testing.assert_array_equal(getattr(other, name), value)


def test_shares_are_checked_given_what_was_shown(fitted):
    """A true model passes; one whose baseline is held uniform does not, and says which option."""
    choices, fit = fitted
    density = density_of(choices)
    theta = fit["unconstrained_posterior"]["theta"].values[0]
    assert situation_check(density, theta).state == "ok"
    off = theta.copy()
    off[:, density.parameters.slices["baseline"].start] += 1.5
    check = situation_check(density, off)
    assert check.state == "caution"
    assert "given what was shown" in check.message


def test_an_option_seldom_shown_is_not_an_option_seldom_liked():
    """With equal utilities the check expects an option in proportion to how often it can be chosen."""
    rng = np.random.default_rng(5)
    study = make_study(of_kind(make_area("x y -", baseline="uniform"), "situation"))
    n = 2_000
    shown = np.tile(np.arange(3), (n, 1))
    shown[rng.random(n) < 0.8, 2] = -1
    chosen = np.where(shown >= 0, rng.random(shown.shape), -1).argmax(axis=1)
    choices = make_choices(study, {"a0": Situations(np.arange(n), shown, chosen, np.zeros((n, 3, 0)))})
    density = density_of(choices)
    theta = np.zeros((20, density.size))
    theta[:, density.parameters.slices["mean"]] = -8.0  # weights near 0: the goals move nothing
    theta[:, density.parameters.slices["conc"]] = 6.0
    assert choices.areas[0].chosen[2] / n < 0.1
    assert situation_check(density, theta).state == "ok"


def test_situations_have_no_pandas_index_of_their_own():
    """A frame that was filtered is read by position."""
    frame = pd.DataFrame({"id": list("aabb"), "a0": list("0101"), "cost_a0_0": list("1234"), "cost_a0_1": list("2222")})
    area = with_features(of_kind(make_area("x y"), "situation"), 0, "cost")
    study = make_study(area)
    study = datasets.Study.from_dict({**study.to_dict(), "table": {"layout": "situations", "agent": "id"}})
    whole = datasets.read_table(frame, study)
    assert datasets.read_table(frame.iloc[::-1], study).data_hash == whole.data_hash
