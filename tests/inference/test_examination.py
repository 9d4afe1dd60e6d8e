"""Places that are not always looked at: hand numbers, laws, and what they do to a fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from dissensus.datasets.examination import Examined, prior_of_places
from dissensus.inference.area_fit import fit_area
from dissensus.inference.area_scores import area_scores
from dissensus.inference.density import log_density, value_and_gradient
from dissensus.inference.examination_checks import examination_checks, places_told
from dissensus.inference.examination_table import log_examined, make_examination, pull_back_examination
from dissensus.inference.identification import score_vectors
from dissensus.inference.identify import coordinate_names
from dissensus.inference.model import place_names
from dissensus.inference.notes import examination_note
from dissensus.inference.parameters import constrain, draw_prior
from dissensus.inference.predictive_checks import predictive_checks
from scipy.special import expit

from dissensus import datasets

from .builders import CASES, at_places, density_of, make_area, make_choices, make_study

ITEM = np.array([0, 0, 1, 1, 2, 2])
EXAMINED = Examined(
    ("top", "low"), None, np.array([0, 1, -1]), np.array([0, 0, 2]), np.array([False, True] * 2 + [False] * 2)
)


def test_who_does_not_look_skips():
    """With e = 0.25, 0.6 becomes 0.15, and the rest is skipped; what is in full view stays as it is."""
    table = make_examination(EXAMINED, ITEM)
    log_p = np.log(np.array([[0.6, 0.4] * 3]))
    p = np.exp(log_examined(np, table, log_p, np.array([-np.log(3)])))
    np.testing.assert_allclose(p, [[0.6, 0.4, 0.15, 0.85, 0.6, 0.4]], rtol=1e-14)
    known = make_examination(replace(EXAMINED, known=np.array([0.5, 0.1])), ITEM)
    p = np.exp(log_examined(np, known, log_p, np.zeros(0)))
    np.testing.assert_allclose(p, [[0.3, 0.7, 0.06, 0.94, 0.6, 0.4]], rtol=1e-14)


def test_far_out_nothing_overflows():
    table = make_examination(EXAMINED, ITEM)
    for far in (-800.0, -300.0, 300.0, 800.0):
        for log_skip in (-690.0, -1e-17):
            log_p = np.tile([np.log1p(-0.5), log_skip], 3)[None]
            out = log_examined(np, table, log_p, np.array([far]))
            assert np.isfinite(out).all()
            given = pull_back_examination(table, log_p, out, np.array([far]), np.ones_like(out))
            assert all(np.isfinite(one).all() for one in given)


@pytest.mark.parametrize("case", ["places", "places, repeated, luce, no goal, groups"])
def test_scores_of_agents_sum_to_the_gradient(case):
    """The information before a fit is made of them."""
    density = density_of(CASES[case]())
    theta = 0.4 * np.random.default_rng(1).standard_normal(density.size)
    rows = density.rows
    each = score_vectors(density, theta, density.area.counts[rows.pattern].astype(float), rows.group)
    without = replace(density, rows=replace(rows, multiplicity=np.zeros(rows.n_rows)))
    likelihood = value_and_gradient(density, theta[None])[1] - value_and_gradient(without, theta[None])[1]
    np.testing.assert_allclose(rows.multiplicity @ each, likelihood[0], atol=1e-10)


@pytest.mark.parametrize("settings", [{}, {"rule": "luce", "no_goal": True}])
def test_places_that_are_always_looked_at_are_no_places(settings):
    """Counts then add up over places, and the parameters are those of the items alone."""
    items = ("x y", "x y", "y x", "y x")
    names, all_seen = ("A top", "A low", "B top", "B low"), {"top": 1.0, "low": 1.0}
    apart = make_study(at_places(make_area(*items, repeated=True, **settings), *names, probability=all_seen))
    whole = make_study(make_area("x y", "y x", repeated=True, **settings))
    counts = np.random.default_rng(2).integers(0, 4, (4, 12, 2))
    one = density_of(make_choices(apart, {f"a{j}": own for j, own in enumerate(counts)}))
    other = density_of(make_choices(whole, {"a0": counts[0] + counts[1], "a1": counts[2] + counts[3]}))
    assert one.size == other.size
    theta = draw_prior(one.parameters, 5, np.random.default_rng(3))
    np.testing.assert_allclose(log_density(one, theta), log_density(other, theta), rtol=1e-13)


def test_the_prior_falls_with_the_place():
    middle = prior_of_places(4, datasets.Priors())
    np.testing.assert_allclose(expit(middle), [1 / 2, 1 / 3, 1 / 4], rtol=1e-14)
    steep = prior_of_places(3, datasets.Priors(examination=(2.0, 1.0)))
    np.testing.assert_allclose(expit(steep), [1 / 4, 1 / 9], rtol=1e-14)


TRUE = {"goal_share": [0.7, 0.3], "weight_mean": 0.6, "weight_concentration": 3.0, "examination": [0.45, 0.2]}
PLACES = [f"{item} {place}" for item in "ABC" for place in ("top", "mid", "low")]


@pytest.fixture(scope="module")
def fitted():
    area = make_area(*["x y"] * 3, *["y x"] * 3, *["x -"] * 3, repeated=True)
    study = make_study(at_places(area, *PLACES))
    choices = datasets.simulate(study, 250, seed=3, truth={"a": TRUE}, answers_per_item=6)
    return choices, fit_area(density_of(choices), np.random.default_rng(1), method="auto", draws=400)


def test_what_was_simulated_is_recovered(fitted):
    choices, fit = fitted
    e = expit(fit.flat[:, fit.density.parameters.slices["place"]])
    assert (np.abs(e.mean(axis=0) - TRUE["examination"]) < 3.5 * e.std(axis=0)).all()
    assert (e.std(axis=0) < 0.05).all()
    assert place_names(fit.density) == ["a: mid", "a: low"]
    assert coordinate_names(fit.density)[-2:] == ["examination of 'mid'", "examination of 'low'"]
    true = choices.truth.goals["a"].eq("x").mean()
    contention = 2 * true * (1 - true) * 250 / 249
    drawn = area_scores(fit.density, fit.flat, np.random.default_rng(2)).sample.overall.contention
    assert abs(drawn.mean() - contention) < 3.5 * drawn.std()


def test_checks_see_places_that_are_not_modelled(fitted):
    """The same answers, every place taken for as good as the first: shares of answers per place do not fit."""
    choices, fit = fitted
    told, first, note = examination_checks(fit.density, fit.flat)
    assert (told.state, first.state, note.state) == ("ok", "ok", "note")
    assert note.message.startswith("Looked at, of 1 for 'top': 'mid' 0.4")
    sound = {check.name: check.state for check in predictive_checks(fit.density, fit.flat)}
    assert sound["option-shares"] == "ok"
    area = choices.areas[0]
    seen = replace(area, examined=replace(area.examined, known=np.ones(3)))
    naive = density_of(replace(choices, areas=(seen,)))
    wrong = fit_area(naive, np.random.default_rng(1), method="auto", draws=400)
    assert {c.name: c.state for c in predictive_checks(naive, wrong.flat)}["option-shares"] == "caution"


def test_the_result_says_what_is_taken_for_granted(fitted):
    area = fitted[1].density.area
    assert "learned probabilities, relative to 'top'" in examination_note(area)
    known = replace(area, examined=replace(area.examined, known=np.array([1.0, 0.5, 0.25])))
    assert "known probabilities (top 1, mid 0.5, low 0.25)" in examination_note(known)


def _drawn(density, **at):
    theta = np.zeros((200, density.size)) + np.random.default_rng(1).normal(0, 0.1, (200, 1))
    for place, value in at.items():
        theta[:, density.parameters.slices["place"].start + int(place[1:])] += value
    return theta


def test_a_place_of_one_item_alone_is_not_told():
    study = make_study(at_places(make_area("x y", "x y", "y x", repeated=True), "A top", "A mid", "B low"))
    counts = np.ones((3, 6, 2), dtype=int)
    density = density_of(make_choices(study, {f"a{j}": own for j, own in enumerate(counts)}))
    linked, answered = places_told(density.area)
    assert linked.tolist() == [True, True, False]
    assert answered.all()
    told, first, _ = examination_checks(density, _drawn(density))
    assert (told.state, first.state) == ("caution", "ok")
    assert "Nothing that is shown at 'low'" in told.message and "mid" not in told.message


def test_a_first_place_that_is_not_looked_at_most_is_cautioned():
    study = make_study(at_places(make_area("x y", "x y", repeated=True), "A top", "A mid"))
    density = density_of(make_choices(study, {f"a{j}": np.ones((6, 2), dtype=int) for j in range(2)}))
    told, first, _ = examination_checks(density, _drawn(density, p0=6.0))
    assert (told.state, first.state) == ("ok", "caution")
    assert "'mid' is looked at as often as the first place, 'top'" in first.message
    prior = np.random.default_rng(1).normal(0, 1, (200, density.size))
    assert "comes largely from the prior" in examination_checks(density, prior)[0].message


def test_places_without_learned_probabilities_have_no_parameters():
    density = density_of(CASES["places of known probability, several, importance, uniform"]())
    assert density.parameters.n_places == 0
    assert examination_checks(density, np.zeros((2, density.size))) == []
    assert constrain(density.parameters, np.zeros((1, density.size)), density.n_options).places.shape == (1, 0)
