"""Figures of a result: the numbers of ``summarize``, states that cannot be missed, labels that cannot act."""

import html
import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from dissensus.inference.checks import from_dataset
from dissensus.inference.plots import plot_alternatives, plot_groups, plot_scores
from dissensus.inference.scores import SCORE_NAMES
from dissensus.inference.summary import summarize
from dissensus.inference.verdict import close

from dissensus.errors import InputError, Refused

from .fitted import grouped, refused, stouffer_toby

HOSTILE = "<script>alert('&')</script> $x$ \u202e"


def renamed(fit, old, new):
    """Return a copy of a result with an area or a group called otherwise wherever it is named."""
    groups = {}
    for name, node in fit.children.items():
        data = node.to_dataset()
        for key in list(data.variables):
            if data[key].dtype.kind in "OU":
                values = np.array([new if v == old else v for v in data[key].values.flat], dtype=object)
                data = data.assign({key: data[key].copy(data=values.reshape(data[key].shape))})
        groups[name] = data
    tree = xr.DataTree.from_dict(groups)
    tree.attrs = {key: text.replace(json.dumps(old), json.dumps(new)) for key, text in fit.attrs.items()}
    return close(tree, from_dataset(tree["checks"].to_dataset()))


def texts(figure):
    """Return every annotation of a figure."""
    return [annotation.text for annotation in figure.layout.annotations]


@pytest.mark.parametrize("fit", [stouffer_toby, grouped])
@pytest.mark.parametrize("estimand", ["sample", "population"])
def test_points_and_intervals_are_those_of_the_summary(fit, estimand):
    figure = plot_scores(fit()[1], estimand=estimand)
    frame = summarize(fit()[1])
    frame = frame[frame["estimand"] == estimand]
    for trace, score in zip(figure.data, SCORE_NAMES, strict=True):
        rows = frame[frame["score"] == score].iloc[: len(trace.x)]
        mean, lower, upper = (rows[part].to_numpy(float) for part in ("mean", "lower", "upper"))
        np.testing.assert_allclose(trace.x, mean)
        np.testing.assert_allclose(np.asarray(trace.x) + trace.error_x.array, upper)
        np.testing.assert_allclose(np.asarray(trace.x) - trace.error_x.arrayminus, lower)


def test_overall_is_a_row_only_beside_several_areas():
    assert plot_scores(stouffer_toby()[1]).layout.yaxis.ticktext == ("role_conflict",)
    assert plot_scores(grouped()[1]).layout.yaxis.ticktext == ("tax", "speech", "vote", "<b>overall</b>")


def test_every_score_that_is_not_ok_or_not_reported_says_so_in_words():
    fit = grouped()[1]
    frame = summarize(fit)
    frame = frame[frame["estimand"] == "sample"]
    missing = frame["mean"].isna()
    words = texts(plot_scores(fit))
    assert words.count("not reported") == missing.sum()
    assert words.count("caution") == (frame["state"].eq("caution") & ~missing).sum()


def test_symbols_are_open_where_the_state_is_not_ok():
    observed, contention, *_ = plot_scores(stouffer_toby()[1]).data
    assert observed.marker.symbol == ("square",)
    assert contention.marker.symbol == ("circle-open",)


@pytest.mark.parametrize("plot", [plot_scores, plot_alternatives, plot_groups])
def test_a_refused_fit_is_plotted_on_request_only_and_marked(plot):
    with pytest.raises(Refused, match="no good"):
        plot(refused(grouped()[1]))
    assert "NOT RELIABLE" in texts(plot(refused(grouped()[1]), allow_unreliable=True))
    assert "NOT RELIABLE" not in texts(plot(grouped()[1], allow_unreliable=True))


@pytest.mark.parametrize("plot", [plot_scores, plot_alternatives, plot_groups])
def test_every_figure_says_what_it_was_made_from(plot):
    origin = texts(plot(grouped()[1]))[-1]
    for part in ("120 agents", "data ", "seed 2", "dissensus ", "90 % interval"):
        assert part in origin


@pytest.mark.parametrize("old", ["tax", "left"])
def test_labels_show_as_they_are_and_never_act(old):
    fit = renamed(grouped()[1], old, HOSTILE)
    fit.attrs["study"] = json.dumps(json.loads(fit.attrs["study"]) | {"title": HOSTILE})
    fit = close(fit, from_dataset(fit["checks"].to_dataset()))
    for figure in (plot_scores(fit), plot_alternatives(fit), plot_groups(fit)):
        stored = json.dumps(figure.to_plotly_json(), default=lambda array: array.tolist(), ensure_ascii=False)
        assert "<script" not in stored
        assert "$" not in stored
        assert "\u202e" not in stored
        assert "<script>alert('&')</script> $x$" in html.unescape(stored)


def test_alternatives_are_ordered_by_prediction_with_the_study_marked():
    figure = plot_alternatives(stouffer_toby()[1])
    stored = stouffer_toby()[1]["alternatives"].to_dataset().sel(area="role_conflict")
    ordered = stored.dropna("structure", subset=["contention_mean"]).sortby("elpd")
    assert [tick.split(" (")[0].removeprefix("<b>") for tick in figure.layout.yaxis.ticktext] == list(
        ordered["structure"].values
    )
    assert "<b>follow (this study)</b>" in figure.layout.yaxis.ticktext
    np.testing.assert_allclose(figure.data[0].x, ordered["contention_mean"])
    assert "role_conflict: caution, the score depends on the model" in texts(figure)


@pytest.mark.parametrize("area", [None, "tax"])
@pytest.mark.parametrize("score", SCORE_NAMES)
def test_the_matrix_of_groups_is_symmetric_and_that_of_the_summary(score, area):
    fit = grouped()[1]
    heat = plot_groups(fit, score=score, area=area, small_groups=True).data[0]
    z = np.asarray(heat.z, dtype=float)
    np.testing.assert_array_equal(z, z.T)
    frame = summarize(fit, by="group")
    frame = frame[(frame["score"] == score) & (frame["estimand"] == "sample") & frame["group"].notna()]
    frame = frame[frame["area"].isna() if area is None else frame["area"] == area]
    groups = ["left", "right", "lone"]
    for row in frame.to_dict("records"):
        i = groups.index(row["group"])
        j = i if pd.isna(row["group_other"]) else groups.index(row["group_other"])
        np.testing.assert_equal(z[i, j], np.nan if pd.isna(row["mean"]) else row["mean"])
        assert ("not reported" in heat.text[i][j]) == bool(pd.isna(row["mean"]))


def test_small_groups_are_left_out_unless_asked_for():
    fit = grouped()[1]
    figure = plot_groups(fit)
    assert [tick.split("<br>")[0] for tick in figure.layout.xaxis.ticktext] == ["left", "right"]
    assert "1 group of fewer than 10 agents left out" in figure.layout.title.text
    assert len(plot_groups(fit, small_groups=True).layout.xaxis.ticktext) == 3


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"score": "weight"}, "\"score\" is 'weight'.*observed_conflict"),
        ({"area": "food"}, "\"area\" is 'food'.*'tax'"),
        ({"estimand": "both"}, "\"estimand\" is 'both'.*'population'"),
    ],
)
def test_an_unknown_option_names_the_known_ones(options, match):
    with pytest.raises(InputError, match=match):
        plot_groups(grouped()[1], **options)


def test_groups_need_groups():
    with pytest.raises(InputError, match="names no groups"):
        plot_groups(stouffer_toby()[1])
