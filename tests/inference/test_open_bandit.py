"""Two policies of a real recommender as agents: the one that shows at random follows no goal, the other does."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from dissensus import datasets, inference

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def choices():
    if "DISSENSUS_DATA" not in os.environ:
        pytest.skip("DISSENSUS_DATA is not set")
    folder = Path(os.environ["DISSENSUS_DATA"]) / "open_bandit_men" / "obd"
    study = datasets.Study.from_toml(str(files("dissensus.datasets").joinpath("open_bandit_men.toml")))
    logs = [folder / policy / "men" / "men.csv" for policy in ("random", "bts")]
    return datasets.read_log(logs, study)


@pytest.fixture(scope="module")
def fit(choices):
    return inference.fit(choices, seed=1)


def test_the_random_policy_follows_no_goal_and_thompson_sampling_does(fit, choices):
    """One goal explains a policy best by one kind of item; its weight is what that kind has beyond chance."""
    area = choices.areas[0]
    counts = area.counts[area.pattern_of_agent[list(choices.agents).index("bts")]]
    shown = area.item_of_option == area.items.index("shown")
    share = (area.serves[:, shown] @ counts[shown]) / counts[shown].sum()
    chance = area.serves[:, shown].mean(axis=1)
    gain = np.where(
        share > chance, share * np.log(share / chance) + (1 - share) * np.log((1 - share) / (1 - chance)), 0
    )
    best = int(gain.argmax())
    agents = fit["agents"].to_dataset()
    beyond = (share[best] - chance[best]) / (1 - chance[best])
    assert beyond > 0.1
    assert agents["weight"].sel(agent="bts").item() == pytest.approx(beyond, abs=0.01)
    assert agents["weight"].sel(agent="random").item() < 0.02
    assert agents["goal_probability"].sel(agent="bts").idxmax("goal").item() == f"men: {area.goals[best]}"


def test_intervals_of_the_two_weights_say_so_too(fit):
    found = inference.agents_posterior(fit, ["random", "bts"], allow_unreliable=True).squeeze("area")
    assert found["weight_upper"].sel(agent="random").item() < 0.05
    assert found["weight_lower"].sel(agent="bts").item() > 0.1
    assert (found["answers"] > 5_000).all()


def test_forty_six_clicks_do_not_make_a_claim(fit):
    rows = inference.summarize(fit)
    assert set(rows[rows.score == "contention"].state) == {"caution"}
