"""The committed calibration: made by this very source, passed by its gate, and the same again when run again."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
from dissensus.inference.calibration_gate import LEVEL, gate
from dissensus.inference.calibration_ranks import RANKS
from dissensus.inference.calibration_source import source_hash

FOLDER = Path(__file__).parents[1] / "benchmarks" / "calibration"
FAMILIES = (
    "follow",
    "luce",
    "follow_no_goal",
    "luce_no_goal",
    "follow_uniform",
    "luce_uniform",
    "follow_missing",
    "one_answer",
    "two_areas",
    "ordinal",
    "pairwise",
    "ranking",
    "importance",
    "passing",
    "passing_no_goal",
    "selection",
    "numbers",
    "several",
    "several_luce",
    "examination",
    "learned",
    "learned_kinds",
    "ballots",
    "covariates",
    "covariates_groups",
    "periods",
    "dependent",
    "follow_groups",
    "luce_groups",
)
RUN = tuple(name for name in FAMILIES if (FOLDER / "results" / f"{name}.json").exists())
"""Families that have results; the page names the others."""
CHEAP = ("dropped", "shifted", "twice")
"""Planted faults that a few data sets show."""


@pytest.fixture(scope="module")
def scripts():
    """The scripts of the folder, which is on the path only while they are imported."""
    before = set(sys.modules)
    sys.path.insert(0, str(FOLDER))
    try:
        yield {name: importlib.import_module(name) for name in ("families", "page", "run", "planted", "refusals")}
    finally:
        while str(FOLDER) in sys.path:
            sys.path.remove(str(FOLDER))
        for name in set(sys.modules) - before:
            if (FOLDER / f"{name}.py").exists():
                del sys.modules[name]


@pytest.fixture(scope="module")
def planted(scripts):
    import json

    return json.loads(scripts["planted"].RESULTS.read_text(encoding="utf-8"))


def test_both_rules_and_groups_have_results():
    assert {"follow", "luce", "follow_groups"} <= set(RUN)


def test_the_families_cover_rules_structures_and_groups(scripts):
    families = scripts["families"].FAMILIES
    assert tuple(families) == FAMILIES
    areas = [area for family in families.values() for area in family.design.study.areas]
    assert {(area.rule, area.no_goal) for area in areas} == {(r, n) for r in ("follow", "luce") for n in (False, True)}
    assert {(area.rule, area.baseline) for area in areas} >= {("follow", "uniform"), ("luce", "uniform")}
    assert {len(family.design.groups) for family in families.values()} == {0, 3, 4}  # four periods
    assert {family.design.n_agents for family in families.values()} == {300}


@pytest.mark.parametrize("name", RUN)
def test_the_results_of_a_family_are_those_of_this_source_and_pass(scripts, name):
    """After a change of the model or of the fitting, run.py is run again."""
    result = scripts["run"].stored(name)
    assert result["source"] == source_hash()
    assert result["sets"] >= scripts["families"].FAMILIES[name].sets >= 200
    assert len(result["lost"]) <= 0.02 * result["fits"]
    assert [q["name"] for q in result["quantities"]] == list(result["ranks"])
    for ranks in result["ranks"].values():
        assert len(ranks) == result["sets"]
        assert sum(r is None for r in ranks) <= len(result["lost"])
        assert all(r is None or 0 <= r < RANKS for r in ranks)
    verdict = scripts["run"].stored_verdict(result)
    assert verdict.reasons == ()
    assert verdict.p == pytest.approx(result["gate"]["p"])


@pytest.mark.parametrize("name", RUN)
def test_the_coverage_stored_is_that_of_the_ranks(scripts, name):
    result = scripts["run"].stored(name)
    for quantity in result["quantities"]:
        ranks = np.array([r for r in result["ranks"][quantity["name"]] if r is not None])
        assert quantity["cover50"] == pytest.approx(np.mean((ranks >= 50) & (ranks < 150)))
        assert quantity["cover90"] == pytest.approx(np.mean((ranks >= 10) & (ranks < 190)))


@pytest.mark.parametrize("name", RUN)
def test_a_slice_of_a_family_run_again_gives_the_same_ranks(scripts, name):
    run, family = scripts["run"], scripts["families"].FAMILIES[name]
    result = run.stored(name)
    assert run.slice_faults(family, result, result["slice"][:1]) == []


def test_a_changed_rank_is_found_by_the_slice(scripts):
    run, family = scripts["run"], scripts["families"].FAMILIES["follow"]
    result = run.stored(family.name)
    [number, *_] = result["slice"]
    name = next(iter(result["ranks"]))
    result["ranks"][name][number] = (result["ranks"][name][number] + RANKS // 2) % RANKS
    [fault] = run.slice_faults(family, result, [number])
    assert fault.startswith(f"follow, data set {number}, {name}: ")


def test_results_of_another_source_are_refused(scripts, monkeypatch):
    run, family = scripts["run"], scripts["families"].FAMILIES["follow"]
    monkeypatch.setattr(run, "source_hash", lambda: "another")
    monkeypatch.setattr(run, "slice_faults", lambda *_: pytest.fail("a stale family is not run again"))
    assert run.check_family(family) == ["follow: made by another source; run it again"]


def test_the_page_is_that_of_the_results(scripts):
    assert (FOLDER / "README.md").read_text(encoding="utf-8") == scripts["page"].page()


def test_every_planted_fault_was_found_and_nothing_else(scripts, planted):
    assert planted["source"] == source_hash()
    assert list(planted["faults"]) == list(scripts["planted"].FAULTS)
    for name, fault in planted["faults"].items():
        asked = [quantity.name for quantity in scripts["planted"].quantities(scripts["planted"].FAULTS[name].design)]
        ranks = [planted["ranks"][f"{name}, {quantity}"] for quantity in asked]
        again = gate(ranks, asked, fits=fault["sets"], lost=fault["lost"], error=fault["error"])
        assert again.passed == name.startswith("none"), f"{name}: {again.reasons}"
        assert bool(fault["found_by"]) != again.passed


@pytest.mark.parametrize("name", ["narrow", "bias", "swapped", "squared", "pairs", "dropped", "shifted"])
def test_faults_that_ranks_can_show_were_found_by_ranks(planted, name):
    assert planted["faults"][name]["p"] < LEVEL


@pytest.mark.parametrize("name", CHEAP)
def test_cheap_faults_are_found_again(scripts, name):
    """Run anew: a few data sets are enough."""
    module = scripts["planted"]
    results = [module.planted_ranks((name,), number)[name] for number in range(3)]
    assert not module.verdict(name, results).passed


def test_without_a_fault_a_data_set_is_what_it_should_be(scripts):
    module = scripts["planted"]
    result = module.planted_ranks(("none",), 0)["none"]
    assert not result["lost"]
    assert result["error"] < 1e-12
    assert all(0 <= r < RANKS for r in result["ranks"])


@pytest.fixture(scope="module")
def refusals(scripts):
    import json

    return json.loads(scripts["refusals"].RESULTS.read_text(encoding="utf-8"))


UNFITTED = (
    *("passing", "passing_no_goal", "numbers", "several", "several_luce", "examination"),
    *("learned_kinds", "ballots", "covariates", "covariates_groups", "periods", "selection", "dependent"),
)
"""Families of which no whole fits, with all checks, have been run yet."""


def test_whole_fits_of_families_are_hardly_ever_refused(refusals):
    """At most one in a hundred, of this source; every refusal is a wrong one."""
    assert refusals["source"] == source_hash()
    fits = refusals["fits"]
    assert len(fits) >= 60
    assert {one["family"] for one in fits} == set(FAMILIES) - set(UNFITTED)
    assert sum(one["state"] == "refused" for one in fits) <= 0.01 * len(fits)


def test_a_whole_fit_made_again_has_the_same_state(scripts, refusals):
    module = scripts["refusals"]
    stored = next(one for one in refusals["fits"] if one["family"] == "follow")
    again = module.one_fit(module.FAMILIES["follow"], stored["number"])
    assert (again["state"], again["methods"]) == (stored["state"], stored["methods"])
