"""Scores of a fit: labelled draws, refusals with their reasons, and the prior they start from."""

from __future__ import annotations

import functools
import json
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from dissensus.inference import area_fit
from dissensus.inference.scores import SCORE_NAMES

from dissensus import datasets, inference
from dissensus.errors import InputError, Refused

from .builders import make_area, make_choices, make_study
from .fitted import grouped, stouffer_toby

OVERALL = tuple(f"overall_{name}" for name in SCORE_NAMES)


def test_scores_are_drawn_per_area_and_overall():
    drawn = inference.scores(grouped()[1])
    assert set(drawn.data_vars) == {*SCORE_NAMES, *OVERALL}
    for name in SCORE_NAMES:
        assert drawn[name].dims == ("chain", "draw", "area")
        assert drawn[f"overall_{name}"].dims == ("chain", "draw")
    assert drawn.sizes == {"chain": 1, "draw": 1_000, "area": 3}
    assert list(drawn["area"].values) == ["tax", "speech", "vote"]
    assert set(drawn.coords) == {"chain", "draw", "area"}


@pytest.mark.parametrize("estimand", ["sample", "population"])
def test_scores_by_group_are_symmetric_with_within_scores_on_the_diagonal(estimand):
    drawn = inference.scores(grouped()[1], by="group", estimand=estimand)
    assert drawn["contention"].dims == ("chain", "draw", "area", "group", "group_other")
    assert drawn["overall_contention"].dims == ("chain", "draw", "group", "group_other")
    assert list(drawn["group"].values) == list(drawn["group_other"].values) == ["left", "right", "lone"]
    for name in drawn.data_vars:
        np.testing.assert_allclose(drawn[name].values, drawn[name].values.swapaxes(-1, -2), rtol=1e-9)
    if estimand == "population":
        # Σ π_g π_h C_gh of one group cannot exceed what its goals allow.
        within = drawn["contention"].sel(area="tax", group="left", group_other="left")
        share = grouped()[1]["posterior"]["group_goal_share"].sel(group="left", goal=["tax: x", "tax: y", "tax: z"])
        conflict = grouped()[0].areas[0].conflict
        kept = np.linspace(0, 1_999, 1_000).round().astype(int)
        values = share.values[0, kept]
        np.testing.assert_allclose(within.values[0], np.einsum("dg,gh,dh->d", values, conflict, values), rtol=1e-9)


@pytest.mark.parametrize("by", [None, "group"])
@pytest.mark.parametrize("estimand", ["sample", "population"])
def test_scores_are_those_stored(by, estimand):
    tree = grouped()[1]
    stored = tree["scores"].to_dataset().sel(estimand=estimand, drop=True)
    drawn = inference.scores(tree, by=by, estimand=estimand)
    prefix = "" if by is None else "group_"
    for level in ("", "overall_"):
        for name in SCORE_NAMES:
            np.testing.assert_array_equal(drawn[level + name], stored[level + prefix + name])


def test_scores_say_what_they_are():
    tree = grouped()[1]
    drawn = inference.scores(tree, estimand="population")
    assert drawn.attrs["estimand"] == "population"
    assert drawn.attrs["state"] == json.loads(tree.attrs["state"])
    assert drawn.attrs["reasons"] == json.loads(tree.attrs["reasons"])
    assert drawn.attrs["allow_unreliable"] == 0


def test_overall_scores_weigh_areas():
    """Area "speech" counts 2.5 times."""
    drawn = inference.scores(grouped()[1])
    mean = (drawn["contention"] * xr.DataArray([1, 2.5, 1], dims="area")).sum("area") / 4.5
    xr.testing.assert_allclose(drawn["overall_contention"], mean)
    assert np.isnan(drawn["overall_misalignment"]).all()  # area "vote" has none


@functools.cache
def _refused():
    """Return a fit of two areas, the draws of one of which are not to be trusted."""

    def untrustworthy(draws):
        def drawn(density, *args, **options):
            found = draws(density, *args, **options)
            return replace(found, khat=0.93) if density.area.name == "a" else found

        return drawn

    study = make_study(make_area("x y z", "y z x"), make_area("x y", "y x", name="b"))
    with pytest.MonkeyPatch.context() as patch:
        for name in ("importance_draws", "skewed_draws"):
            patch.setattr(area_fit, name, untrustworthy(getattr(area_fit, name)))
        return inference.fit(datasets.simulate(study, 40, seed=1), seed=1, method="laplace")


def test_refused_fits_give_no_scores_but_their_reasons():
    tree = _refused()
    assert json.loads(tree.attrs["state"]) == "refused"
    with pytest.raises(Refused, match=r"a: Pareto k̂ of the importance draws is 0\.93, above 0\.7\.") as caught:
        inference.scores(tree)
    assert list(caught.value.reasons) == json.loads(tree.attrs["reasons"])
    assert len(inference.summarize(tree)) == 0
    shown = inference.to_json(tree)
    assert (shown["scores"], shown["state"]) == ([], "refused")
    assert shown["reasons"] == json.loads(tree.attrs["reasons"])


def test_refused_fits_give_their_scores_when_told_so_and_say_it():
    drawn = inference.scores(_refused(), allow_unreliable=True)
    assert (drawn.attrs["state"], drawn.attrs["allow_unreliable"]) == ("refused", 1)
    np.testing.assert_array_equal(drawn["contention"], _refused()["scores"]["contention"].sel(estimand="sample"))
    assert inference.to_json(_refused(), allow_unreliable=True)["allow_unreliable"] is True
    assert inference.scores(grouped()[1], allow_unreliable=True).attrs["allow_unreliable"] == 0


def test_every_row_of_a_refused_fit_says_so():
    """Of the areas whose own draws are good too: a row may be read alone."""
    rows = inference.summarize(_refused(), allow_unreliable=True)
    assert len(rows) == 4 * 2 * 3
    assert set(rows["state"]) == {"refused"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": "party"}, "\"by\" is 'party'"),
        ({"estimand": "census"}, "\"estimand\" is 'census'"),
        ({"by": "group"}, "names no groups"),
    ],
)
def test_unknown_views_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        inference.scores(stouffer_toby()[1], **options)


# The prior


def _prior(goals, items=4, **more):
    letters = "xyzvw"[:goals]
    study = make_study(make_area(*[" ".join(letters)] * items, **more))
    choices = make_choices(study, {f"a{j}": [0, 1] for j in range(items)})
    return inference.prior_scores(choices, draws=20_000, seed=1)


@pytest.mark.parametrize("goals", [2, 3])
@pytest.mark.parametrize("rule", ["follow", "luce"])
def test_the_prior_of_contention_is_wide(goals, rule):
    """Its 5–95 % range spans at least 0.6 of the largest contention possible."""
    contention = _prior(goals, rule=rule)["contention"].values / (1 - 1 / goals)
    low, high = np.quantile(contention, [0.05, 0.95])
    assert high - low >= 0.6
    assert contention.max() <= 1 + 1e-12


def test_the_prior_of_scores_has_their_names_dims_and_range():
    study = make_study(make_area("x y z", "y z x", name="p", area_weight=3.0), make_area("x y", name="q"))
    choices = make_choices(study, {"p0": [0, 1, 2], "p1": [0, 1, 2], "q0": [0, 1, 1]})
    drawn = inference.prior_scores(choices, draws=500, seed=2)
    assert set(drawn.data_vars) == {n for n in (*SCORE_NAMES, *OVERALL) if not n.endswith("observed_conflict")}
    assert drawn["contention"].dims == ("chain", "draw", "area")
    assert drawn["overall_contention"].sizes == {"chain": 1, "draw": 500}
    mean = (3 * drawn["contention"].sel(area="p", drop=True) + drawn["contention"].sel(area="q", drop=True)) / 4
    xr.testing.assert_allclose(drawn["overall_contention"], mean)
    # One answer each says nothing on weights.
    assert np.isnan(drawn["misalignment"].sel(area="q")).all()
    assert np.isfinite(drawn["misalignment"].sel(area="p")).all()
    assert np.isnan(drawn["overall_relative_misalignment"]).all()


def test_prior_scores_ignore_the_answers_and_follow_seed_and_priors():
    study = make_study(make_area("x y", "y x"))
    one, other = (make_choices(study, {"a0": first, "a1": [0, 1]}) for first in ([0, 1], [1, 1]))
    xr.testing.assert_identical(inference.prior_scores(one, seed=3), inference.prior_scores(other, seed=3))
    assert not inference.prior_scores(one, seed=3).equals(inference.prior_scores(one, seed=4))
    sharp = inference.prior_scores(one, seed=3, priors={"goal_share": 1_000.0})["contention"]
    assert float(sharp.mean()) == pytest.approx(0.5, abs=0.001)
    with pytest.raises(InputError, match="goal_shares"):
        inference.prior_scores(one, priors={"goal_shares": 1.0})
