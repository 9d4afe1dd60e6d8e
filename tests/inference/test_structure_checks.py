"""Does the score depend on the model, and is there any sign of goals?"""

from __future__ import annotations

import functools
import json
from dataclasses import replace

import numpy as np
import pytest
from dissensus.inference.alternatives import NULL, STRUCTURES, Structure, elpd_difference
from dissensus.inference.area_scores import area_scores
from dissensus.inference.parameters import draw_prior
from dissensus.inference.structure_checks import BETTER, interval, structure_checks

from dissensus import datasets, inference

from .builders import density_of, make_area, make_choices, make_study, random_choices
from .fitted import stouffer_toby


@functools.cache
def _density():
    return density_of(datasets.simulate(make_study(make_area("x y", "y x", "x y")), 100, seed=1))


@functools.cache
def _scores():
    rng = np.random.default_rng(1)
    return area_scores(_density(), draw_prior(_density().parameters, 400, rng), rng)


def _with(score, low, high):
    """Return scores whose draws of one score are spread evenly over a range."""
    scores = _scores()
    overall = scores.sample.overall._replace(**{score: np.linspace(low, high, 400)})
    return replace(scores, sample=scores.sample._replace(overall=overall))


def _structure(kind, gap, scores=None, rows=None):
    """Return a structure whose ELPD is ``gap`` above −200, spread evenly over agents."""
    number = _density().rows.multiplicity
    row_elpd = np.full(len(number), (gap - 200) / number.sum()) if rows is None else rows
    return Structure(kind, -210.0, float(row_elpd @ number), row_elpd, scores or _scores(), 0.3)


def _all(*gaps, **scores):
    return [_structure(s, gap, scores.get(f"s{k}")) for k, (s, gap) in enumerate(zip(STRUCTURES, gaps, strict=True))]


def _depends(structures):
    return structure_checks(_density(), structures, None)[0]


def test_interval_is_the_equal_tailed_one_and_needs_numbers():
    values = np.random.default_rng(2).permutation(np.linspace(0, 1, 10_001))
    assert interval(values) == pytest.approx((0.05, 0.95))
    assert all(np.isnan(interval(np.append(values, np.nan))))
    assert all(np.isnan(interval(np.append(values, np.inf))))


def test_structures_that_agree_are_no_caution():
    check = _depends(_all(0, -1, -2, -3))
    assert (check.name, check.state, check.value, check.threshold) == ("depends-on-model", "ok", 0, BETTER)


@pytest.mark.parametrize(("lead", "state"), [(3.9, "ok"), (4.1, "caution")])
def test_an_alternative_better_by_more_than_four_is_a_caution(lead, state):
    check = _depends(_all(0, -5, lead, -5))
    assert check.state == state
    if state == "caution":
        assert "'luce' predicts better than 'follow' (ELPD +4.1)" in check.message


@pytest.mark.parametrize("score", ["contention", "misalignment", "relative_misalignment"])
def test_disjoint_intervals_among_comparable_structures_are_a_caution(score):
    low, high = _with(score, 0.115, 0.215), _with(score, 0.315, 0.415)
    assert _depends(_all(0, -1, -2, -3, s0=low, s1=low, s2=low, s3=low)).state == "ok"
    check = _depends(_all(0, -1, -2, -3, s0=low, s1=low, s2=low, s3=high))
    assert check.state == "caution"
    assert (
        f"{score.replace('_', ' ')} is 0.12 to 0.21 under 'follow', 0.32 to 0.41 under 'luce, no goal'" in check.message
    )


def test_structures_that_predict_worse_have_no_say():
    low, high = _with("contention", 0.1, 0.2), _with("contention", 0.3, 0.4)
    assert _depends(_all(0, -5, -5, -5, s0=low, s1=high, s2=high, s3=high)).state == "ok"


def test_a_structure_that_could_not_be_fitted_leaves_the_question_open():
    structures = _all(0, -1, -2, -3)
    structures[2] = replace(structures[2], elpd=float("nan"), scores=None)
    check = _depends(structures)
    assert check.state == "caution"
    assert "'luce' could not be fitted" in check.message


def _exactly(*elpds, **scores):
    """Return structures whose ELPDs are these very numbers."""
    return [replace(one, elpd=elpd) for one, elpd in zip(_all(0, 0, 0, 0, **scores), elpds, strict=True)]


def test_a_lead_of_four_is_none_and_such_a_structure_still_has_its_say():
    low, high = _with("contention", 0.115, 0.215), _with("contention", 0.315, 0.415)
    check = _depends(_exactly(-200.0, -300.0, -196.0, -300.0))
    assert (check.state, check.value, check.threshold) == ("ok", 4.0, 4.0)
    check = _depends(_exactly(-200.0, -204.0, -300.0, -300.0, s0=low, s1=high, s2=low, s3=low))
    assert check.state == "caution"
    assert "0.12 to 0.21 under 'follow', 0.32 to 0.41 under 'follow, no goal'" in check.message
    check = _depends(_exactly(-200.0, -204.001, -300.0, -300.0, s0=low, s1=high, s2=low, s3=low))
    assert check.state == "ok"
    # the distance is that to the best of them, not to the study's own
    assert _depends(_exactly(-200.0, -202.0, -197.0, -300.0, s0=low, s1=high, s2=low, s3=low)).state == "ok"


@pytest.mark.parametrize(("apart", "state"), [(0.019, "note"), (0.021, "caution")])
def test_intervals_that_do_not_meet_matter_from_two_hundredths_on(apart, state):
    one, other = _with("contention", 0.300, 0.301), _with("contention", 0.300 + apart, 0.301 + apart)
    check = _depends(_all(0, -1, -2, -3, s0=one, s1=one, s2=one, s3=other))
    assert check.state == state
    assert ("a difference too small to matter" in check.message) == (state == "note")
    assert "both predict as well" in check.message


def test_intervals_that_touch_are_not_apart():
    one = _with("contention", 0.3, 0.3)
    assert _depends(_all(0, -1, -2, -3, s0=one, s1=one, s2=one, s3=one)).state == "ok"


@pytest.mark.parametrize("order", [("contention", "misalignment"), ("misalignment", "contention")])
def test_a_difference_that_matters_is_said_before_one_that_does_not(order):
    large, small = order
    one = _with(large, 0.1, 0.2)
    one = replace(one, sample=one.sample._replace(overall=one.sample.overall._replace(**{small: np.full(400, 0.3)})))
    overall = one.sample.overall._replace(**{large: np.linspace(0.5, 0.6, 400), small: np.full(400, 0.301)})
    other = replace(one, sample=one.sample._replace(overall=overall))
    check = _depends(_all(0, -1, -2, -3, s0=one, s1=one, s2=one, s3=other))
    assert check.state == "caution"
    assert check.message.startswith(f"The score depends on the model: {large} is 0.1")


@pytest.mark.parametrize(("khat", "state"), [(0.7, "ok"), (0.71, "caution"), (np.nan, "caution"), (np.inf, "caution")])
def test_an_alternative_with_poor_weights_leaves_the_question_open(khat, state):
    structures = _all(0, -1, -2, -3)
    structures[1] = replace(structures[1], khat=khat)
    check = _depends(structures)
    assert check.state == state
    if state == "caution":
        assert "The structure 'follow, no goal' could not be fitted well" in check.message


def test_the_studys_own_structure_is_judged_by_the_fit_and_not_by_these_weights():
    structures = _all(0, -1, -2, -3)
    structures[0] = replace(structures[0], khat=5.0)
    assert _depends(structures).state == "ok"
    structures[0] = replace(structures[0], elpd=float("nan"))
    check = _depends(structures)
    assert check.state == "caution"
    assert "The structure 'follow' could not be fitted well" in check.message


def test_all_structures_that_could_not_be_fitted_are_named():
    structures = _all(0, -1, -2, -3)
    structures[1] = replace(structures[1], khat=0.9)
    structures[3] = replace(structures[3], elpd=-np.inf)
    assert "The structures 'follow, no goal', 'luce, no goal' could not be fitted well" in _depends(structures).message


def test_what_is_known_of_the_dependence_is_said_though_another_structure_could_not_be_fitted():
    structures = _all(0, -1, 5, -3)
    structures[1] = replace(structures[1], khat=0.9)
    check = _depends(structures)
    assert check.state == "caution"
    assert "'luce' predicts better than 'follow' (ELPD +5.0)" in check.message


def test_areas_of_single_answers_ask_neither_question_and_areas_without_conflict_no_second():
    single = density_of(random_choices(make_study(make_area("x y z")), 20, seed=2))
    assert structure_checks(single, _all(0, 0, 9, 0), None) == []
    peaceful = density_of(random_choices(make_study(make_area("x y", "y x", conflict=0.0)), 20, seed=2))
    null = _structure(NULL, 0)
    assert [check.name for check in structure_checks(peaceful, _all(0, 0, 0, 0), null)] == ["depends-on-model"]
    assert [check.name for check in structure_checks(_density(), _all(0, 0, 0, 0), null)] == [
        "depends-on-model",
        "null-model",
    ]


def _null(gap, spread):
    """Return the check of a null model behind by ``gap`` in all, with a standard error of ``spread``."""
    density = _density()
    number = density.rows.multiplicity
    n = number.sum()
    own = _all(0, 0, 0, 0)
    wiggle = np.where(np.arange(len(number)) % 2, 1.0, -1.0)
    wiggle -= number @ wiggle / n
    wiggle *= spread / np.sqrt(n * (number @ wiggle**2) / n)
    rows = own[0].row_elpd - gap / n + wiggle
    null = _structure(NULL, 0, rows=rows)
    assert elpd_difference(density, own[0].row_elpd, rows) == pytest.approx((gap, spread))
    return structure_checks(density, own, null)[1]


@pytest.mark.parametrize(("gap", "spread", "state"), [(10, 4.9, "ok"), (10, 5.1, "caution"), (-3, 0.1, "caution")])
def test_a_null_model_not_beaten_by_two_standard_errors_takes_the_contention(gap, spread, state):
    check = _null(gap, spread)
    assert check.name == "null-model"
    assert check.state == state
    if state == "caution":
        assert check.blank
        assert check.scores == ("contention", "relative_misalignment")
        assert "No sign of goals" in check.message


def _with_one_huge(gap_of_others):
    """Return the check where one agent, left out, is predicted worse by thousands, and each other better by a gap."""
    people = np.repeat([[4, 1], [1, 4], [2, 3], [3, 2]], 10, axis=0)
    study = make_study(make_area("x y", repeated=True))
    density = density_of(make_choices(study, {"a0": np.vstack([people, [[5_000, 5_000]]])}))
    huge = density.area.n_answers[density.rows.pattern] == 10_000
    assert density.rows.agents[huge].tolist() == [1]
    wiggle = np.where(np.arange(density.rows.n_rows) % 2, 0.3, -0.3)
    own = _all(0, 0, 0, 0)
    own[0] = replace(own[0], row_elpd=np.where(huge, -3_000, gap_of_others + wiggle))
    return structure_checks(density, own, replace(_structure(NULL, 0), row_elpd=np.zeros(density.rows.n_rows)))[1]


def test_one_huge_agent_does_not_hide_that_the_others_show_goals():
    check = _with_one_huge(0.5)
    assert (check.state, check.blank) == ("caution", False)
    assert "One agent decides" in check.message
    assert "No sign of goals" not in check.message


def test_one_huge_agent_does_not_make_goals_of_others_who_show_none():
    check = _with_one_huge(0.0)
    assert (check.state, check.blank) == ("caution", True)
    assert "No sign of goals" in check.message


def test_a_null_model_that_cannot_be_compared_takes_the_contention():
    own = _all(0, 0, 0, 0)
    null = _structure(NULL, 0, rows=np.full(len(own[0].row_elpd), np.nan))
    check = structure_checks(_density(), own, null)[1]
    assert (check.state, check.blank) == ("caution", True)


@pytest.mark.parametrize("rule", ["follow", "luce"])
def test_no_goal_always_carries_a_caution(rule):
    density = density_of(random_choices(make_study(make_area("x y", "y x", no_goal=True, rule=rule)), 20, seed=1))
    checks = {check.name: check.state for check in structure_checks(density, _all(0, 0, 0, 0), None)}
    assert checks["no-goal"] == "caution"


def _reasons(tree):
    return " ".join(json.loads(tree.attrs["reasons"]))


def _row(tree, score):
    rows = inference.summarize(tree)
    return rows[(rows["score"] == score) & (rows["area"] == "a") & (rows["estimand"] == "sample")].iloc[0]


@pytest.mark.parametrize("seed", [1, 2])
def test_noise_shows_no_sign_of_goals(seed):
    """Answers that follow no goal: contention has no headline number, the numbers behind it stay in the tree."""
    tree = inference.fit(random_choices(make_study(make_area(*["x y z"] * 4)), 200, seed=seed), seed=1)
    assert "No sign of goals" in _reasons(tree)
    for score in ("contention", "relative_misalignment"):
        row = _row(tree, score)
        assert np.isnan(row["mean"]) and np.isnan(row["lower"]) and row["state"] == "caution"
    assert np.isfinite(_row(tree, "observed_conflict")["mean"])
    assert np.isfinite(inference.scores(tree)["contention"]).all()


def test_noise_with_uneven_shares_of_options_shows_no_sign_of_goals():
    """Popular options are no goals: the baseline explains them."""
    rng = np.random.default_rng(3)
    answers = {f"a{j}": rng.choice(3, size=300, p=[0.7, 0.2, 0.1]) for j in range(4)}
    tree = inference.fit(make_choices(make_study(make_area(*["x y z"] * 4)), answers), seed=1)
    assert "No sign of goals" in _reasons(tree)


@pytest.mark.parametrize("rule", ["follow", "luce"])
def test_goals_show(rule):
    study = make_study(make_area("x y z", "y z x", "z x y", "x y z", rule=rule))
    truth = {"a": {"goal_share": [0.5, 0.3, 0.2], "weight_mean": 0.7}}
    tree = inference.fit(datasets.simulate(study, 300, seed=1, truth=truth), seed=1)
    assert "No sign of goals" not in _reasons(tree)
    assert np.isfinite(_row(tree, "contention")["mean"])


def test_one_goal_needs_no_sign_of_goals():
    """Its contention is 0 whatever the answers: a number that no model can take away."""
    tree = inference.fit(random_choices(make_study(make_area("x -", "- x", "x -")), 100, seed=1), seed=1)
    assert _row(tree, "contention")["mean"] == 0


def test_answers_by_luce_fitted_as_follow_are_flagged():
    study = make_study(make_area("x y z", "y z x", "z x y", "x y z -", rule="luce"))
    truth = {"a": {"goal_share": [0.5, 0.3, 0.2], "weight_mean": 0.8, "weight_concentration": 20.0}}
    choices = datasets.simulate(study, 1_000, seed=2, truth=truth)
    own = inference.fit(choices, seed=1, method="laplace")
    assert "depends on the model" not in _reasons(own)
    follow = make_study(make_area("x y z", "y z x", "z x y", "x y z -"))
    tree = inference.fit(datasets.read_table(choices.to_frame(layout="long"), follow), seed=1, method="laplace")
    assert "The score depends on the model: 'luce' predicts better than 'follow'" in _reasons(tree)
    assert _row(tree, "misalignment")["state"] == "caution"


def test_the_bundled_table_depends_on_the_model():
    tree = stouffer_toby()[1]
    assert json.loads(tree.attrs["state"]) == "caution"
    assert "The score depends on the model: 'luce' predicts better than 'follow'" in _reasons(tree)
