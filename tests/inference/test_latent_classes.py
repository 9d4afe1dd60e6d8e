"""Learned goals with weights of 1 are latent classes; published figures of theirs are in tests/test_published.py."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dissensus import datasets, inference

ITEMS = {"carcinoma": list("ABCDEFG"), "values": list("ABCD")}


def _choices(name, goals):
    if "DISSENSUS_DATA" not in os.environ:
        pytest.skip("DISSENSUS_DATA is not set: the tables of other people's data are not there")
    path = Path(os.environ["DISSENSUS_DATA"]) / "polca_surveys" / f"{name}.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)[ITEMS[name]]
    items = {item: {"options": sorted(set(table[item]) - {""})} for item in ITEMS[name]}
    return datasets.read_table(table, datasets.Study.from_dict({"areas": {"a": {"goals": goals, "items": items}}}))


def test_maximum_likelihood_of_one_class_is_that_of_the_shares():
    choices = _choices("values", 1)
    area = choices.areas[0]
    counts = (area.n_agents_of_pattern @ area.counts).astype(float)
    share = counts / np.bincount(area.item_of_option, counts)[area.item_of_option]
    found = inference.maximum_likelihood(choices)
    assert found.log_likelihood == pytest.approx(counts @ np.log(share), abs=1e-6)
    assert found.log_likelihood == pytest.approx(-543.6498, abs=1e-3)
    np.testing.assert_allclose(found.goal_answers[0], share, atol=1e-4)


def test_three_kinds_of_pathologists_slides_are_found():
    """Three classes predict best (Agresti 2002, section 13.1), and the posterior shares are near the published ones."""
    frame = inference.choose_goals(_choices("carcinoma", 2), range(1, 5), seed=1)
    assert frame["elpd"].idxmax() == 3
    assert frame["elpd_diff"].loc[2] < -2 * frame["dse"].loc[2]
    assert frame["elpd_diff"].loc[4] > -4


def test_an_area_has_to_be_named_where_there_are_several():
    items = {"q": {"serves": {"y": "g", "n": "h"}}, "r": {"serves": {"y": "g", "n": "h"}}}
    area = {"goals": ["g", "h"], "conflict": 1.0}
    parts = {name: {**area, "items": {f"{name}{q}": item for q, item in items.items()}} for name in ("a", "b")}
    choices = datasets.simulate(datasets.Study.from_dict({"areas": parts}), 30, seed=1)
    with pytest.raises(KeyError, match="name one"):
        inference.maximum_likelihood(choices)
    found = inference.maximum_likelihood(choices, area="b")
    assert np.isfinite(found.log_likelihood)
