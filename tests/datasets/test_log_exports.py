"""Study files that come with the package read real exports from their raw files, by one command each."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from dissensus.datasets import Study, read_log

from dissensus import datasets


@pytest.fixture(scope="module")
def data():
    if "DISSENSUS_DATA" not in os.environ:
        pytest.skip("DISSENSUS_DATA is not set")
    return Path(os.environ["DISSENSUS_DATA"])


def bundled(name):
    """Return a study that comes with the package."""
    return Study.from_toml(str(files("dissensus.datasets").joinpath(name)))


@pytest.mark.parametrize(
    "name",
    ["movielens_log", "movielens_1m_log", "open_bandit_men", "polis_brexit_votes", "msweb_visits"],
)
def test_every_bundled_study_of_a_log_is_valid(name):
    assert bundled(f"{name}.toml").log is not None


def test_movielens_from_its_files_is_the_registered_table(data):
    folder = data / "movielens_latest_small" / "ml-latest-small"
    choices = read_log(folder / "ratings.csv", bundled("movielens_log.toml"), items=folder / "movies.csv")
    assert choices.data_hash == datasets.load("movielens_latest_small", data_home=data).data_hash


def test_polis_votes_are_the_registered_table(data):
    choices = read_log(data / "polis" / "brexit-consensus" / "votes.csv", bundled("polis_brexit_votes.toml"))
    assert choices.data_hash == datasets.load("polis_brexit_consensus", data_home=data).data_hash


@pytest.mark.parametrize("name", ["15-per-hour-seattle", "london.youth.policing", "scoop-hivemind.freshwater"])
def test_last_votes_are_those_that_polis_publishes(data, name):
    """The export has the last vote of everyone in a table of its own."""
    folder = data / "polis" / name
    table = pd.read_csv(folder / "participants-votes.csv")
    statements = [column for column in table.columns if column.isdigit() and table[column].nunique() > 1]
    items = {f"s{one}": {"column": one, "serves": {"1": "for", "-1": "against", "0": []}} for one in statements}
    log = {"agent": "voter-id", "item": "comment-id", "outcome": "vote", "time": "timestamp", "keep": "last"}
    areas = {"all": {"goals": ["for", "against"], "conflict": 1.0, "items": items}}
    choices = read_log(next(folder.glob("votes.csv*")), Study.from_dict({"log": log, "areas": areas}))
    wide = choices.to_frame().set_index("agent")
    voted = table.set_index(table["participant"].astype(str))[statements].reindex(wide.index)
    given = wide.apply(pd.to_numeric).to_numpy(dtype=float)
    np.testing.assert_array_equal(given, voted.to_numpy(dtype=float))


def test_open_bandit_has_both_policies_and_the_people_who_clicked(data):
    folder = data / "open_bandit_men" / "obd"
    choices = read_log(
        [folder / policy / "men" / "men.csv" for policy in ("random", "bts")], bundled("open_bandit_men.toml")
    )
    rows = choices.to_frame(layout="long")
    shown = rows[rows.item == "shown"]
    assert dict(shown.groupby("agent").times.sum()) == {"bts": 10_000, "random": 10_000}
    raw = pd.read_csv(folder / "bts" / "men" / "men.csv")
    counts = raw.item_id.astype(str).value_counts().to_dict()
    assert dict(zip(*shown[shown.agent == "bts"][["answer", "times"]].to_numpy().T, strict=True)) == counts
    clicked = rows[rows.item == "clicked"]
    random = pd.read_csv(folder / "random" / "men" / "men.csv")
    assert clicked.times.sum() == random.click.sum() == 46
    assert set(clicked.group) == {"people"}
    # what the study rests on: the same kinds in both folders, and equal chances under the random policy
    kinds = [
        pd.factorize(pd.read_csv(folder / policy / "men" / "item_context.csv").item_feature_1)[0]
        for policy in ("random", "bts")
    ]
    area = bundled("open_bandit_men.toml").areas[0]
    said = [area.items[0].serves[str(item)][0] for item in range(34)]
    assert (kinds[0] == kinds[1]).all()
    assert said == [f"kind {kind}" for kind in kinds[0]]
    np.testing.assert_allclose(random.propensity_score, 1 / 34)


def test_visits_of_msweb_say_nothing_of_what_was_not_visited(data):
    choices = read_log(data / "msweb" / "visits.csv.gz", bundled("msweb_visits.toml"))
    rows = pd.read_csv(data / "msweb" / "visits.csv.gz")
    kept = rows[rows.area.isin(bundled("msweb_visits.toml").items[0].options)]
    assert choices.n_agents == kept.user.nunique()
    assert int(choices.areas[0].n_agents_of_pattern @ choices.areas[0].n_answers) == len(kept)
    assert "no-exposure" in {finding.code for finding in choices.findings}
