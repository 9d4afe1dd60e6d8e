"""`calibrate` as a whole: the same for any number of cores, resumed, interrupted, judged, and told on a page."""

import json
import re
import sys
from dataclasses import replace

import numpy as np
import pytest
from dissensus.datasets.zero_sum import zero_sum_basis
from dissensus.inference import calibrate, calibration_pool
from dissensus.inference.calibration import judged
from dissensus.inference.calibration_design import Design, quantities
from dissensus.inference.calibration_page import difference_band, page, rank_figure
from dissensus.inference.calibration_ranks import RANKS, SetResult, run_set
from dissensus.inference.calibration_report import how_to_read, notes, report, verdict_sentence
from dissensus.inference.calibration_source import SOURCES, meaning, source_hash
from rich.console import Console

from dissensus import datasets
from dissensus.errors import InputError

from .calibration_designs import DESIGNS, design, study

LEFT_OUT = {
    *(
        f"dissensus.datasets.{name}"
        for name in ("choices", "findings", "judgements", "look_alike", "study", "uncertain_conflict", "validation")
    ),
    *(f"dissensus.forward_model.{name}" for name in ("labelled", "problem_area", "score", "weight_means")),
    *(f"dissensus.inference.{name}" for name in ("calibration_ranks", "checks", "fit", "model", "parallel")),
    "dissensus.errors",
}
"""Modules that simulated data sets go through and that no rank depends on, or on their plainest parts only."""

UNUSED = {
    *(
        f"dissensus.datasets.{name}"
        for name in (
            *("ballots", "dependence", "learned_goals", "mixtures", "numbers", "pattern_entries", "periods"),
            *("situations", "stages"),
        )
    ),
    "dissensus.forward_model.soft_memberships",
    *(
        f"dissensus.inference.{name}"
        for name in (
            "annealing",
            "cumulative_table",
            "direct_rows",
            "examination_table",
            "goal_distances",
            "goal_stages",
            *("joint_annealing", "joint_density", "joint_fit", "joint_labels", "joint_scores"),
            "large",
            "large_density",
            "large_fit",
            "large_states",
            "mixed_table",
            "number_table",
            "nuts",
            "pass_table",
            *("ridges", "row_sums"),
            *("selection_table", "skewed_coordinates"),
            "stage_table",
            "sum_over_parts",
            "type_shares",
        )
    ),
}
"""Modules of the hash that other designs need than the one that the test runs."""

ONE = study({"area": (3, {"baseline": "uniform"})})


def honest(design, sets, *, seed=0, squeeze=1.0):
    """Return results as an honest posterior gives them (or one whose sd is that many times too small)."""
    from scipy.stats import norm

    rng, asked = np.random.default_rng(seed), quantities(design)
    z = rng.normal(size=(sets, len(asked)))
    ranks = np.minimum(norm.cdf(z / squeeze) * RANKS, RANKS - 1).astype(int).tolist()
    areas = len(design.study.areas)
    return [SetResult(k, tuple(row), ("importance",) * areas, ("",) * areas, 1e-15) for k, row in enumerate(ranks)]


@pytest.fixture
def instant(monkeypatch):
    """Make data sets cost nothing: ranks of an honest posterior. For what is kept and shown only."""

    def run_set(design, seed, number):
        return replace(honest(design, 1, seed=seed * 1_000 + number)[0], number=number)

    monkeypatch.setattr(calibration_pool, "run_set", run_set)


def printed(outcome):
    console = Console(width=120)
    with console.capture() as caught:
        console.print(report(outcome))
    return caught.get()


def test_the_number_of_cores_changes_nothing(tmp_path):
    one = calibrate(ONE, 12, sets=3, seed=5, cores=1)
    two = calibrate(ONE, 12, sets=3, seed=5, cores=2, folder=tmp_path / "two")
    assert one.results == two.results
    assert [result.number for result in two.results] == [0, 1, 2]


@pytest.mark.usefixtures("instant")
def test_an_interrupted_run_goes_on_from_what_is_finished(tmp_path):
    whole = calibrate(ONE, 20, sets=30, seed=5, cores=1)

    def interrupt(done, total):
        if done == 11:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        calibrate(ONE, 20, sets=30, seed=5, cores=1, folder=tmp_path / "run", progress=interrupt)
    assert len((tmp_path / "run" / "data_sets.jsonl").read_text().splitlines()) == 1 + 11
    told = []
    again = calibrate(ONE, 20, sets=30, cores=1, folder=tmp_path / "run", progress=lambda *at: told.append(at))
    assert told == [(done, 30) for done in range(11, 31)]
    assert again.seed == 5  # that of the folder
    assert again.results == whole.results
    more = calibrate(ONE, 20, sets=40, cores=1, folder=tmp_path / "run")
    assert more.results[:30] == whole.results
    assert len(more.results) == 40


@pytest.mark.usefixtures("instant")
def test_other_settings_in_one_folder_are_refused(tmp_path):
    calibrate(ONE, 20, sets=3, seed=5, cores=1, folder=tmp_path / "run")
    with pytest.raises(InputError, match=r"agents \('20', now '21'\)"):
        calibrate(ONE, 21, sets=3, seed=5, cores=1, folder=tmp_path / "run")
    with pytest.raises(InputError, match="study"):
        calibrate(DESIGNS["luce"].study, 20, sets=3, seed=5, cores=1, folder=tmp_path / "run")


@pytest.mark.usefixtures("instant")
def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "report.html").write_text("mine")
    with pytest.raises(InputError, match=r"holds report\.html of something else"):
        calibrate(ONE, 20, sets=3, seed=5, cores=1, folder=tmp_path)
    with pytest.raises(InputError, match="There is no folder"):
        calibrate(ONE, 20, sets=3, seed=5, cores=1, folder=tmp_path / "no" / "such")
    assert (tmp_path / "report.html").read_text() == "mine"


@pytest.mark.parametrize(("option", "value"), [("sets", 0), ("seed", -1), ("cores", 0)])
def test_numbers_out_of_range_are_refused(option, value):
    with pytest.raises(InputError, match=f'"{option}" is {value}'):
        calibrate(ONE, 20, **{"cores": 1, option: value})


@pytest.mark.usefixtures("instant")
def test_the_folder_holds_results_and_a_page_that_needs_nothing_else(tmp_path):
    outcome = calibrate(ONE, 20, sets=60, seed=1, cores=1, folder=tmp_path / "run")
    stored = json.loads((tmp_path / "run" / "results.json").read_text())
    assert stored == json.loads(json.dumps(outcome.to_dict()))
    assert stored["source"] == source_hash()
    assert len(stored["ranks"]["area: sample contention"]) == 60
    text = (tmp_path / "run" / "report.html").read_text()
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)\s*=", text)
    assert "plotly" in text
    assert verdict_sentence(outcome) in text
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == ["data_sets.jsonl", "report.html", "results.json"]


def test_states():
    """200 honest data sets pass, 20 are too few, and a posterior 30 % too narrow fails."""
    small = design()
    assert judged(small, 1, honest(small, 200)).state == "passed"
    assert judged(small, 1, honest(small, 20)).state == "too few"
    narrow = judged(small, 1, honest(small, 200, squeeze=0.7))
    assert narrow.state == "failed"
    assert "not honest for this design" in verdict_sentence(narrow)
    assert "ranks p = " in verdict_sentence(narrow)


def test_lost_fits_are_listed_and_fail():
    small = design()
    results = honest(small, 200)
    for k in range(7):
        results[k] = SetResult(k, (None,) * len(results[k].ranks), ("importance",), ("k̂ is 0.9",), np.nan)
    outcome = judged(small, 1, results)
    assert outcome.state == "failed"
    assert outcome.verdict.reasons == ("7 of 200 fits were lost, more than 2%.",)
    assert outcome.lost[0] == (0, "area", "k̂ is 0.9")
    said = notes(outcome)[1]
    assert "7 of 200 fits were lost (2% are allowed), and their scores have no rank: data set 0, area" in said
    assert [q["sets"] for q in outcome.to_dict()["quantities"]] == [193] * len(outcome.quantities)


def test_the_report_says_what_was_and_what_would_have_been_found():
    text = printed(judged(design(), 1, honest(design(), 200)))
    assert re.search(r"population\s+0\.\d{3}\*?\s+0\.\d{3}", text)
    assert re.search(r"sd 10 % too small\s+0\.\d\d\s+0\.\d\d", text)
    assert "is found with chance 0.9 by about" in text
    assert "on average over the prior, not for each possible truth" in " ".join(text.split())


def test_groups_inside_their_bands_are_counted_and_others_shown():
    grouped = DESIGNS["groups"]
    results = honest(grouped, 200)
    bad = next(k for k, q in enumerate(quantities(grouped)) if q.group == "one" and q.group_other == "two")
    for r in range(200):
        row = list(results[r].ranks)
        row[bad] = 199
        results[r] = replace(results[r], ranks=tuple(row))
    text = printed(judged(grouped, 1, results))
    assert "contention, one and two" in text
    assert re.search(r"\d\d scores by group inside their bands", text)
    many = Design(ONE, 60, tuple((f"g{k}", 0.2) for k in range(5)))
    assert "ranked for up to 4 groups only" in notes(judged(many, 1, honest(many, 30)))[-1]


def test_survey_weights_are_said_not_to_be_simulated():
    weighted = ONE.to_dict() | {"table": {"agent": "id", "survey_weight": "w"}}
    plain, with_weights = design(), Design(datasets.Study.from_dict(weighted), 20)
    assert "Survey weights" in how_to_read(judged(with_weights, 1, honest(with_weights, 20)))[-1]
    assert "Survey weights" not in how_to_read(judged(plain, 1, honest(plain, 20)))[-1]


def test_hostile_names_are_dead_in_the_page():
    raw = ONE.to_dict()
    raw["title"] = '"><script>alert(1)</script>'
    raw["areas"] = {"<img src=x onerror=alert(2)> $x$": raw["areas"]["area"]}
    hostile = Design(datasets.Study.from_dict(raw), 60, (("<b>a</b>", 0.5), ("</script>", 0.5)))
    text = page(judged(hostile, 1, honest(hostile, 20)))
    for payload in ("<script>alert", "<img src=x", "<b>a</b>"):
        assert payload not in text
    assert text.count("</script>") == text.count("<script")


def test_the_band_of_the_curve_holds_whole_honest_curves_99_times_in_100():
    at, low, high = difference_band(100)
    u = np.sort(np.random.default_rng(4).random((1_000, 100)), axis=1)
    curve = np.array([np.searchsorted(row, at, side="right") / 100 - at for row in u])
    inside = ((curve >= low - 1e-12) & (curve <= high + 1e-12)).all(axis=1).mean()
    assert 0.975 < inside <= 1


def test_rank_plots_show_curve_band_and_bars():
    figure = rank_figure("tax", [("contention", list(range(0, 200, 2))), ("bad", [199] * 100)])
    curves = [trace for trace in figure.data if trace.name in {"contention", "bad"}]
    np.testing.assert_allclose(curves[0].y, 0, atol=0.02)
    assert min(curves[1].y) == pytest.approx(-0.99, abs=0.01)
    assert curves[0].line.color != curves[1].line.color
    assert [list(trace.y) for trace in figure.data if trace.type == "bar"] == [[5] * 20, [0] * 19 + [100]]


def test_the_source_hash_sees_meaning_only():
    text = 'def f(x):\n    """Say."""\n    # why\n    return x + 1\n'
    assert meaning(text) == meaning('"""Module."""\n\n\ndef f(x):\n    return x + 1  # because\n')
    assert meaning(text) != meaning(text.replace("+ 1", "+ 2"))
    assert meaning(text) != meaning(text.replace("return x + 1", 'return "x + 1"'))
    assert meaning("if a:\n    b\nc\n") != meaning("if a:\n    b\n    c\n")


def test_every_module_a_fit_goes_through_is_in_the_hash():
    """Of the modules that the fit of one data set runs, only those that read, check or arrange are left out."""
    ran = set()
    zero_sum_basis.cache_clear()  # what another test called is called again

    def note(frame, event, _):
        if event == "call":
            ran.add(frame.f_globals.get("__name__", ""))

    sys.setprofile(note)
    try:
        run_set(DESIGNS["groups"], 1, 0)
    finally:
        sys.setprofile(None)
    covered = {f"{package}.{name}" for package, names in SOURCES.items() for name in names}
    assert covered - ran == UNUSED
    left_out = {name for name in ran - covered if name.startswith("dissensus.")}
    assert left_out <= LEFT_OUT, left_out - LEFT_OUT
