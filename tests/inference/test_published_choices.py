"""Choice situations against published logit models: no goals, largest likelihood through the package's own density."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dissensus import datasets

from .builders import density_of
from .maximum_likelihood import maximum_likelihood


def _table(*parts):
    if "DISSENSUS_DATA" not in os.environ:
        pytest.skip("DISSENSUS_DATA is not set")
    return pd.read_csv(Path(os.environ["DISSENSUS_DATA"]).joinpath(*parts), dtype=str)


def _study(table, options, **item):
    trip = {"kind": "situation", "serves": {option: [] for option in options}, **item}
    area = {"goals": ["any"], "items": {"trip": trip}}
    return datasets.Study.from_dict({"table": table, "areas": {"mode": area}})


def _fitted(choices):
    value, logits, taste = maximum_likelihood(density_of(choices))
    names = [name.removeprefix("trip: ") for name in choices.areas[0].stages[0].names]
    constants = dict(zip(choices.areas[0].options, logits, strict=True))
    return value, constants, dict(zip(names, taste, strict=True))


def test_swissmetro():
    """Biogeme's first example: 6,768 situations of 752 people, train and car not always available."""
    table = _table("swissmetro", "swissmetro.csv.gz")
    table = table[table["PURPOSE"].isin(["1", "3"]) & (table["CHOICE"] != "0")].copy()
    season, survey = table["GA"] == "1", table["SP"] != "0"
    for mode in ("TRAIN", "SM"):
        table.loc[season, f"{mode}_CO"] = "0"
    for mode in ("TRAIN", "CAR"):
        table[f"{mode}_AV"] = np.where(survey, table[f"{mode}_AV"], "0")
    study = _study(
        {"layout": "situations", "agent": "ID"},
        ["1", "2", "3"],
        column="CHOICE",
        available={"1": "TRAIN_AV", "3": "CAR_AV"},
        features={
            name: {"columns": {"1": f"TRAIN_{code}", "2": f"SM_{code}", "3": f"CAR_{code}"}, "per": 100.0}
            for name, code in (("cost", "CO"), ("time", "TT"))
        },
    )
    choices = datasets.read_table(table, study)
    assert choices.n_agents == 752
    assert choices.areas[0].n_answers[choices.areas[0].pattern_of_agent].sum() == 6_768
    np.testing.assert_allclose(choices.areas[0].chosen / 6_768, [0.1342, 0.6043, 0.2615], atol=5e-5)
    value, constant, taste = _fitted(choices)
    assert value == pytest.approx(-5331.252, abs=1e-2)
    assert constant["3"] - constant["2"] == pytest.approx(-0.1546, abs=1e-4)
    assert constant["1"] - constant["2"] == pytest.approx(-0.7012, abs=1e-4)
    assert taste == pytest.approx({"cost": -1.0838, "time": -1.2779}, abs=1e-4)


def test_travel_mode():
    """Greene's table 21.11: 210 people, one situation each of four modes; income counts for air alone."""
    study = _study(
        {"layout": "alternatives", "situation": "individual"},
        ["air", "train", "bus", "car"],
        column="choice",
        alternative="mode",
        features={
            "gcost": {"column": "gcost"},
            "wait": {"column": "wait"},
            "income": {"column": "income", "only": ["air"]},
        },
    )
    choices = datasets.read_table(_table("travel_mode", "TravelMode.csv"), study)
    assert choices.n_agents == 210
    value, constant, taste = _fitted(choices)
    assert value == pytest.approx(-199.1284, abs=1e-3)
    assert taste == pytest.approx({"gcost": -0.01550, "wait": -0.09612, "income": 0.01329}, abs=1e-5)
    found = {mode: constant[mode] - constant["car"] for mode in ("air", "train", "bus")}
    assert found == pytest.approx({"air": 5.2074, "train": 3.8690, "bus": 3.1632}, abs=1e-4)


def test_mode_canada():
    """The 2,779 people with all four modes: generic cost, frequency and waiting, time and income by mode."""
    table = _table("mode_canada", "ModeCanada.csv.gz")
    modes = ["train", "air", "bus", "car"]
    own = {f"{what}_{mode}": {"column": what, "only": [mode]} for what in ("ivt", "income") for mode in modes}
    del own["income_car"]
    study = _study(
        {"layout": "alternatives", "situation": "case"},
        modes,
        column="choice",
        alternative="alt",
        features={name: {"column": name} for name in ("cost", "freq", "ovt")} | own,
    )
    choices = datasets.read_table(table[table["noalt"] == "4"], study)
    assert choices.n_agents == 2_779
    value, constant, taste = _fitted(choices)
    assert value == pytest.approx(-1874.343, abs=1e-2)
    published = {"cost": -0.03334, "freq": 0.09253, "ovt": -0.04300}
    published |= {"ivt_train": -0.00145, "ivt_air": 0.05951, "ivt_bus": -0.00678, "ivt_car": -0.00646}
    published |= {"income_train": -0.01015, "income_air": 0.02799, "income_bus": -0.06109}
    assert taste == pytest.approx(published, abs=1e-5)
    found = {mode: constant[mode] - constant["car"] for mode in modes[:3]}
    assert found == pytest.approx({"train": 1.4301, "air": -1.8441, "bus": -1.1457}, abs=1e-3)


def test_mode_canada_with_sets_of_different_sizes():
    """All 4,324 people: two, three or four modes are shown, and as many choose each as the source says."""
    study = _study(
        {"layout": "alternatives", "situation": "case"},
        ["train", "air", "bus", "car"],
        column="choice",
        alternative="alt",
        features={"cost": {"column": "cost"}},
    )
    choices = datasets.read_table(_table("mode_canada", "ModeCanada.csv.gz"), study)
    assert choices.n_agents == 4_324
    np.testing.assert_array_equal(choices.areas[0].chosen, [623, 1_472, 16, 2_213])
    sizes = (choices.areas[0].stages[0].shown >= 0).sum(axis=1)
    assert set(sizes) == {2, 3, 4}


def test_electricity():
    """361 households, 4,308 choices of four suppliers without names of their own."""
    names = ["pf", "cl", "loc", "wk", "tod", "seas"]
    study = _study(
        {"layout": "alternatives", "agent": "id", "situation": "chid"},
        ["1", "2", "3", "4"],
        column="choice",
        alternative="alt",
        features={name: {"column": name} for name in names},
    )
    study = datasets.Study.from_dict(
        {**study.to_dict(), "areas": {"mode": study.to_dict()["areas"]["mode"] | {"baseline": "uniform"}}}
    )
    table = _table("electricity", "electricity.csv.gz")
    choices = datasets.read_table(table, study)
    assert choices.n_agents == 361
    value, _, taste = _fitted(choices)
    assert value == pytest.approx(-4958.649, abs=1e-3)
    expected = dict(zip(names, [-0.6252, -0.1083, 1.4422, 0.9955, -5.4628, -5.8400], strict=True))
    assert taste == pytest.approx(expected, abs=1e-4)
