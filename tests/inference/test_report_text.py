"""What a person reads: every score with its state, no digit too many, nothing that steers a terminal."""

import json

import numpy as np
import pytest
from dissensus.inference.report_text import (
    _largest_contention,
    checks_report,
    clean,
    groups_report,
    how_to_read,
    model_dependence,
    number,
    scores_report,
)
from rich.console import Console

from dissensus.errors import InputError

from .fitted import grouped, refused, stouffer_toby
from .test_plots import renamed


def printed(report, width=80):
    """Return a report as printed on a terminal of some width."""
    console = Console(width=width, highlight=False, markup=False, emoji=False, color_system=None)
    with console.capture() as caught:
        console.print(report)
    return caught.get()


def flat(text):
    """Return a text without its line breaks."""
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("mcse", "shown"),
    [
        (0.0, ("0.123", "[0.046, 0.988]")),
        (0.0004, ("0.123", "[0.046, 0.988]")),
        (0.0006, ("0.12", "[0.05, 0.99]")),
        (0.004, ("0.12", "[0.05, 0.99]")),
        (0.006, ("0.1", "[0.0, 1.0]")),
        (0.06, ("~0.1", "[0.0, 1.0]")),
        (np.nan, ("~0.1", "[0.0, 1.0]")),
    ],
)
def test_no_digit_is_finer_than_monte_carlo_error(mcse, shown):
    """The error of the ends of the interval counts, about twice that of the mean."""
    assert number({"mean": 0.1234, "lower": 0.0456, "upper": 0.9876, "mcse": mcse}) == shown


def test_an_undefined_number_is_called_so():
    assert number({"mean": None, "lower": None, "upper": None, "mcse": None}) == ("not reported", "")
    assert number({"mean": np.nan, "lower": np.nan, "upper": np.nan, "mcse": np.nan}) == ("not reported", "")


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("fit", [stouffer_toby, grouped])
def test_every_report_fits_the_terminal_and_names_every_score(fit, width):
    result = fit()[1]
    reports = [scores_report(result, width=width), checks_report(result, width=width), how_to_read(result)]
    if fit is grouped:
        reports.append(groups_report(result, width=width))
    for report in reports:
        assert max(map(len, printed(report, width).splitlines())) <= width
    text = printed(reports[0], width)
    for name in (
        "observed conflict",
        "contention",
        "misalignment",
        "relative misalignment",
        "(sample)",
        "State: caution",
    ):
        assert name in text
    assert ("(population)" in text) == (width >= 80)


def test_every_reason_and_note_is_printed():
    result = grouped()[1]
    text = flat(printed(scores_report(result, width=80)))
    for sentence in [*json.loads(result.attrs["reasons"]), *json.loads(result.attrs["notes"])]:
        assert sentence in text


def test_a_refused_fit_prints_reasons_and_no_number():
    text = printed(scores_report(refused(grouped()[1]), width=80))
    assert "No score is reported" in text
    assert "The draws are no good." in text
    assert "contention  " not in text
    shown = printed(scores_report(refused(grouped()[1]), width=80, allow_unreliable=True))
    assert "NOT RELIABLE" in shown
    assert "contention  " in shown


def test_groups_under_ten_agents_are_printed_on_request_only():
    result = grouped()[1]
    text = printed(groups_report(result, width=80))
    assert "Left out: lone (1)" in text
    assert "n = 1\n" not in text
    text = printed(groups_report(result, width=80, small_groups=True))
    assert "Left out" not in text
    assert "Group lone has one agent, so it has no pairs." in flat(text)


def test_each_pair_of_groups_is_printed_once():
    text = printed(groups_report(grouped()[1], width=80)).split("Overall: contention")[1].split("Overall:")[0]
    assert text.count("[") == 3  # left, right, and between them


def test_wide_matrices_are_cut_into_tables_that_fit():
    text = printed(groups_report(grouped()[1], width=34, small_groups=True), width=34)
    assert max(map(len, text.splitlines())) <= 34
    assert "lone" in text


def test_an_unknown_area_names_the_known_ones():
    with pytest.raises(InputError, match=r"\"area\" is 'food'.*'tax', 'speech', 'vote'"):
        groups_report(grouped()[1], width=80, area="food")


def test_every_check_is_printed_with_value_and_bound():
    result = grouped()[1]
    text = printed(checks_report(result, width=80))
    for name in set(result["checks"]["name"].values):
        assert name in text
    for name in ("follow (this study)", "luce, no goal (this study)", "null", "ELPD"):
        assert name in text


def test_dependence_on_the_model_is_told_in_numbers():
    text = flat(printed(model_dependence(stouffer_toby()[1])))
    stored = stouffer_toby()[1]["alternatives"].to_dataset().sel(area="role_conflict")
    assert f"{float(stored['contention_mean'].sel(structure='follow')):.2f} [" in text
    assert f"{float(stored['contention_mean'].sel(structure='follow, no goal')):.2f} to" in text


def test_labels_cannot_steer_the_terminal():
    fit = renamed(grouped()[1], "tax", "\x1b[31mred\u202e[bold]x[/bold]")
    for report in (scores_report(fit, width=80), checks_report(fit, width=80), how_to_read(fit)):
        text = printed(report)
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "\\u001b[31mred\\u202e[bold]x[/bold]" in text


def test_clean_leaves_letters_of_any_alphabet():
    assert clean("é漢 😀\n\x00") == "é漢 😀\\u000a\\u0000"


@pytest.mark.parametrize(
    ("conflict", "largest"),
    [
        (1 - np.eye(2), 1 / 2),
        (1 - np.eye(5), 4 / 5),
        ([[0, 1, 0.5], [1, 0, 0.5], [0.5, 0.5, 0]], 0.5),
        ([[0, 1, 0.9], [1, 0, 0.1], [0.9, 0.1, 0]], 0.5),
        (np.zeros((3, 3)), 0.0),
        (np.zeros((1, 1)), 0.0),
    ],
)
def test_the_largest_contention_is_exact_in_known_cases(conflict, largest):
    assert _largest_contention(np.asarray(conflict, dtype=float)) == pytest.approx(largest)


def test_no_shares_reach_beyond_the_largest_contention():
    rng = np.random.default_rng(0)
    for _ in range(20):
        upper = np.triu(rng.random((4, 4)), 1)
        conflict = upper + upper.T
        p = rng.dirichlet(np.full(4, 0.5), 5_000)
        reached = np.einsum("ni,ij,nj->n", p, conflict, p).max()
        largest = _largest_contention(conflict)
        assert reached <= largest + 1e-12
        assert reached >= largest - 0.05
