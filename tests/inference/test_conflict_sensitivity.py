"""Derivatives of the scores by the conflict entries: the scores are linear in them, so differences are exact."""

from __future__ import annotations

import numpy as np
import pytest

from dissensus import inference
from dissensus.errors import InputError, Refused

from .fitted import grouped, refused, stouffer_toby


@pytest.mark.parametrize("estimand", ["sample", "population"])
def test_a_changed_entry_moves_the_scores_by_its_derivative(estimand):
    _, fit = grouped()
    table = inference.conflict_sensitivity(fit, estimand=estimand, allow_unreliable=True)
    conflict = {"tax": {"x|z": 0.9}}
    moved = inference.what_if(fit, conflict=conflict).sel(estimand=estimand, scenario="difference")
    rows = table[(table["area"] == "tax") & (table["goal"] == "x") & (table["goal_other"] == "z")]
    assert list(rows["conflict"]) == [0.5] * 3
    for row in rows.to_dict("records"):
        shift = moved[row["score"]].sel(area="tax").values.ravel() / 0.4
        np.testing.assert_allclose(row["mean"], shift.mean(), atol=1e-12)
        np.testing.assert_allclose([row["lower"], row["upper"]], np.quantile(shift, [0.05, 0.95]), atol=1e-12)
    first = rows.iloc[0]
    overall = moved["overall_contention"].values.ravel() / 0.4
    np.testing.assert_allclose(first["overall_mean"], overall.mean(), atol=1e-12)
    np.testing.assert_allclose(first["overall_lower"], np.quantile(overall, 0.05), atol=1e-12)


def test_derivatives_times_entries_sum_to_the_score():
    for _, fit in (stouffer_toby(), grouped()):
        table = inference.conflict_sensitivity(fit, allow_unreliable=True)
        drawn = inference.scores(fit)
        for (area, score), rows in table.groupby(["area", "score"]):
            whole = float(drawn[score].sel(area=area).mean())
            total = (rows["mean"] * rows["conflict"]).sum(skipna=False)
            np.testing.assert_allclose(total, whole, atol=1e-12)


def test_derivatives_of_relative_misalignment_are_of_the_ratio():
    _, fit = stouffer_toby()
    area = str(fit["scores"]["area"].values[0])
    row = inference.conflict_sensitivity(fit).set_index("score").loc["relative_misalignment"]
    goals = (row["goal"], row["goal_other"])
    moved = inference.what_if(fit, conflict={area: {"|".join(goals): 0.5}})
    shift = moved["overall_relative_misalignment"].sel(scenario="difference", estimand="sample")
    assert row["overall_mean"] == pytest.approx(float(shift.mean()) / -0.5, abs=1e-12)
    assert row["overall_mean"] == pytest.approx(row["mean"], abs=1e-12)


def test_what_is_held_back_or_refused_is_so_here():
    fit = grouped()[1]
    table = inference.conflict_sensitivity(fit)
    speech = table[(table["area"] == "speech") & (table["score"] == "contention")]
    assert speech["mean"].isna().all()
    assert table[(table["area"] == "vote") & (table["score"] == "misalignment")]["mean"].isna().all()
    with pytest.raises(Refused):
        inference.conflict_sensitivity(refused(fit))
    with pytest.raises(InputError, match='"estimand" is'):
        inference.conflict_sensitivity(fit, estimand="all")
