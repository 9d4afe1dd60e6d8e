"""Verdicts in words, from hand-made numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from dissensus.inference.agent_checks import agreement_verdict
from dissensus.inference.pair_agreement import PairAgreement

FOUND = PairAgreement(500, 2_500, 0.5, 0.5, 0.2, 0.2, 0.5, 0.5, np.zeros(1), np.ones(1), np.ones((2, 1)))


@pytest.mark.parametrize(
    ("change", "state", "words"),
    [
        ({}, "ok", ""),
        ({"mean": 0.56, "p_mean": 0.001}, "caution", "Two agents agree on 56.0% of the items both answered, where"),
        ({"mean": 0.51, "p_mean": 0.001}, "note", "50.0% (p = 0.004), too little to matter."),
        ({"spread": 0.25, "p_spread": 1e-6}, "caution", "hang together more than goals explain"),
        ({"spread": 0.15, "p_spread": 1e-6}, "caution", "hang together less than goals explain"),
        ({"mean": 0.9, "p_mean": 0.0126}, "ok", ""),
    ],
)
def test_state_and_sentence(change, state, words):
    """Significant at half of 0.05 by Holm's method, and noticeable from two points on."""
    check = agreement_verdict("a", replace(FOUND, **change))
    assert check.state == state
    assert words in check.message
    assert (check.message == "") == (state == "ok")


def test_both_can_fail():
    """The worse of the two states is that of the check, and both are said."""
    found = replace(FOUND, mean=0.6, p_mean=1e-6, spread=0.21, p_spread=1e-6)
    check = agreement_verdict("a", found)
    assert check.state == "caution"
    assert "Two agents agree" in check.message
    assert "too little to matter" in check.message
    assert check.value == pytest.approx(4e-6)
