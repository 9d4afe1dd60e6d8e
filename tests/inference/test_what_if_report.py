"""Scores under a change as rows, JSON and tables: numbers of the draws, what is held back, small groups left out."""

from __future__ import annotations

import functools
import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from dissensus.inference.checks import from_dataset
from dissensus.inference.summary import summarize
from dissensus.inference.verdict import close
from dissensus.inference.what_if import what_if
from dissensus.inference.what_if_report import what_if_json, what_if_report, what_if_rows
from rich.console import Console

from dissensus.errors import InputError

from .fitted import grouped, refused


@functools.cache
def _changed():
    fit = grouped()[1]
    return fit, what_if(fit, goal={("tax", "left"): ("x", 0.5)}, weight={"vote": 0.6}, by="group")


def _held(fit):
    """Return the fit with no headline contention of the area tax."""
    held = fit.copy(deep=True)
    first, *rest = from_dataset(held["checks"].to_dataset())
    blank = replace(first, state="caution", area="tax", message="No goals.", scores=("contention",), blank=True)
    return close(held, (blank, *rest))


def _text(fit, changed, **options):
    console = Console(width=options.pop("width", 120))
    with console.capture() as caught:
        console.print(what_if_report(fit, changed, width=console.width, **options))
    return caught.get()


def test_rows_as_fitted_are_those_of_the_summary():
    fit, changed = _changed()
    rows = [row for row in what_if_rows(fit, changed) if row["scenario"] == "as fitted"]
    frame = summarize(fit, by="group")
    frame = frame[frame["score"] != "observed_conflict"].to_dict("records")
    assert len(rows) == len(frame) > 50
    for row, own in zip(rows, frame, strict=True):
        for key in ("score", "estimand", "area", "group", "group_other", "state"):
            assert row[key] == (None if pd.isna(own[key]) else own[key])
        for key in ("mean", "sd", "lower", "upper", "mcse"):
            unknown = own[key] is None or np.isnan(own[key])
            assert row[key] is None if unknown else row[key] == pytest.approx(own[key], rel=1e-9)


def test_rows_of_a_change_hold_the_draws_of_it():
    fit, changed = _changed()
    for row in what_if_rows(fit, changed):
        if (row["area"], row["group"], row["score"]) != ("tax", None, "misalignment"):
            continue
        draws = changed["misalignment"].sel(scenario=row["scenario"], estimand=row["estimand"], area="tax").values
        assert row["mean"] == pytest.approx(draws.mean())
        assert (row["lower"], row["upper"]) == pytest.approx(tuple(np.quantile(draws, (0.05, 0.95))))
        assert row["mcse"] > 0


def test_a_score_that_only_the_change_makes_known_is_given_there_alone():
    """One answer per agent tells no weights; weights given to all do."""
    fit, changed = _changed()
    rows = [row for row in what_if_rows(fit, changed) if (row["area"], row["group"]) == ("vote", None)]
    rows = {row["scenario"]: row for row in rows if (row["score"], row["estimand"]) == ("misalignment", "sample")}
    assert rows["what if"]["mean"] == pytest.approx(
        0.6 * float(changed["contention"].sel(scenario="what if", estimand="sample", area="vote").mean())
    )
    assert rows["as fitted"]["mean"] is rows["difference"]["mean"] is None
    assert "one answer" in rows["as fitted"]["reasons"][0]


def test_a_score_that_the_change_takes_away_says_so():
    fit = grouped()[1]
    rows = what_if_rows(fit, what_if(fit, remove=["right"], by="group"))
    of_right = [row for row in rows if row["group"] == "right" and row["scenario"] == "what if"]
    assert of_right
    assert all(
        row["mean"] is None and "does not exist" in row["reasons"][0] for row in of_right if row["area"] == "tax"
    )


def test_what_the_fit_holds_back_is_held_back_in_every_scenario():
    fit = _held(grouped()[1])
    changed = what_if(fit, goal={"tax": "x"})
    rows = [row for row in what_if_rows(fit, changed) if row["area"] == "tax"]
    for row in rows:
        assert (row["mean"] is None) == (row["score"] == "contention")
    assert "not reported" in _text(fit, changed)
    assert "tax: No goals." in _text(fit, changed)


def test_json_is_one_object_without_numbers_that_do_not_exist():
    fit, changed = _changed()
    answer = json.loads(json.dumps(what_if_json(fit, changed), allow_nan=False))
    assert answer["changes"] == list(changed.attrs["changes"])
    assert {row["group"] for row in answer["scores"]} == {None, "left", "right", "lone"}
    assert {"state", "reasons", "seed", "data_hash", "version", "interval", "n_agents"} <= answer.keys()
    assert what_if_json(refused(fit), None)["scores"] == []


def test_the_table_leaves_small_groups_out_unless_asked():
    fit, changed = _changed()
    text = _text(fit, changed)
    assert "Left out: lone (1)" in text
    assert not re.search(r"\blone\b", text.replace("Left out: lone (1)", ""))
    assert "left – right" in text
    assert "left – lone" in _text(fit, changed, small_groups=True)


def test_the_table_says_what_is_changed_and_signs_differences():
    fit, changed = _changed()
    text = _text(fit, changed, area="tax")
    assert "tax, group 'left': goal 'x' for a share of 0.5" in text
    assert "tax, within and between groups" in text
    where = {"area": "tax", "group": None, "estimand": "sample", "score": "contention"}
    rows = [row for row in what_if_rows(fit, changed) if {key: row[key] for key in where} == where]
    mean = next(row["mean"] for row in rows if row["scenario"] == "difference")
    line = next(line for line in text.splitlines() if line.strip().startswith("contention"))
    assert f"  {'+' if mean > 0 else '-'}0" in line
    assert "Population scores" in _text(fit, changed, width=80)
    with pytest.raises(InputError, match="no area"):
        _text(fit, changed, area="taxx")


def test_a_refused_fit_is_marked():
    fit = refused(grouped()[1])
    changed = what_if(fit, goal={"tax": "x"}, allow_unreliable=True)
    assert "NOT RELIABLE" in _text(fit, changed)
    assert what_if_json(fit, changed)["allow_unreliable"] is True
    assert {row["state"] for row in what_if_rows(fit, changed)} == {"refused"}
