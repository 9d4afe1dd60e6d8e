"""Plots hold the data they are given, with titles on both axes."""

import subprocess
import sys

import numpy as np
import pytest

from dissensus import forward_model as fm


@pytest.fixture(scope="module")
def figures():
    return {
        "areas": fm.plot_agents(fm.misalignment_by_agents_and_areas((2, 5), (1, 2), repetitions=4, seed=0)),
        "goals": fm.plot_agents(fm.misalignment_by_agents_and_goals((2, 5), (2, 3), repetitions=4, seed=0)),
        "share": fm.plot_goal_share(fm.misalignment_by_goal_share([0, 0.5], n_agents=10)),
        "weight": fm.plot_group_weight(fm.misalignment_by_group_weight([0, 1], (1,), (2,), repetitions=3, seed=0)),
        "conflict": fm.plot_conflict_level(fm.misalignment_by_conflict_level(repetitions=2, seed=0)),
        "shopping": fm.plot_shopping(fm.shopping()),
        "cars": fm.plot_cars_and_pedestrians({"all": fm.cars_and_pedestrians([0, 0.5], n_agents=10)}),
    }


@pytest.mark.parametrize("name", ["areas", "goals", "share", "weight", "conflict", "shopping", "cars"])
def test_axes_have_titles_and_lines_have_names(figures, name):
    figure = figures[name]
    assert figure.layout.xaxis.title.text
    assert figure.layout.yaxis.title.text
    shown = [trace for trace in figure.data if trace.showlegend is not False]
    assert shown
    assert all(trace.name for trace in shown)


def test_lines_are_means_over_repetitions():
    result = fm.misalignment_by_agents_and_areas((2, 5), (1, 2), repetitions=4, seed=0)
    lines = [trace for trace in fm.plot_agents(result).data if trace.mode == "lines+markers"]
    assert [trace.name for trace in lines] == ["1 area", "2 areas"]
    np.testing.assert_allclose([trace.y for trace in lines], result.mean("repetition"))


def test_bars_are_the_scores():
    scores = fm.shopping()
    bars = fm.plot_shopping(scores).data
    assert bars[1].name == "Misalignment"
    np.testing.assert_allclose(bars[1].y, [*scores.misalignment.values, scores.overall_misalignment])


def test_importing_the_package_does_not_import_plotly_or_pymc():
    code = "import sys, dissensus.forward_model; print(sorted({'plotly', 'pymc', 'arviz', 'scipy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
