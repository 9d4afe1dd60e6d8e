"""The gate lets honest ranks pass about 99 times in a hundred, and finds faults."""

import numpy as np
import pytest
from dissensus.inference.calibration_gate import (
    LEVEL,
    band,
    binomial_p,
    combined,
    evidence,
    gate,
    p_of,
    positions,
    quantity_tests,
    uniformity_p,
)
from dissensus.inference.calibration_power import FAULTS, NARROW, power_table, sets_needed
from dissensus.inference.calibration_ranks import RANKS
from scipy import stats


def ranks(fault="none: a right posterior", *, sets=500, seed=0, quantities=4):
    """Return ranks of several quantities whose posteriors have a fault, (quantity, set)."""
    z = np.random.default_rng(seed).normal(size=(quantities, sets))
    return np.minimum(stats.norm.cdf(FAULTS[fault](z)) * RANKS, RANKS - 1).astype(int).tolist()


def judged(rows, *, lost=0, error=1e-15):
    return gate(rows, [f"score {k}" for k in range(len(rows))], fits=len(rows[0]), lost=lost, error=error)


@pytest.mark.parametrize("probability", [0.5, 0.9])
@pytest.mark.parametrize("sets", [20, 200])
def test_binomial_p_values_are_those_of_scipy(sets, probability):
    expected = [stats.binomtest(k, sets, probability).pvalue for k in range(sets + 1)]
    np.testing.assert_allclose(binomial_p(sets, probability), expected, rtol=1e-9)


def test_the_bands_of_200_data_sets_are_the_published_ones():
    """0.41-0.59 and 0.845-0.955, of the contract."""
    np.testing.assert_allclose(band(200, 0.5), (0.41, 0.59), atol=0.0051)
    np.testing.assert_allclose(band(200, 0.9), (0.845, 0.955), atol=0.0051)


def test_evidence_of_a_quarter_is_one_and_of_half_nothing():
    np.testing.assert_allclose(evidence(np.array([0.25, 0.5, 0.9, 1.0])), [1, 0, 0, 0], atol=1e-12)
    assert p_of(1.0) == pytest.approx(0.25)


def test_equal_evidence_everywhere_stays_what_it_is():
    """The combination of equal p-values is that p-value, however many there are."""
    test = quantity_tests(ranks()[0])
    same = type(test)(500, (0.5, 0.9), (0.02, 0.02), 0.02)
    assert combined([same] * 7) == pytest.approx(0.02)


def test_coverage_is_that_of_the_ranks():
    """Central 50 %: ranks 50 to 149. Central 90 %: ranks 10 to 189."""
    test = quantity_tests([49, 50, 149, 150, 9, 10, 189, 190])
    assert test.coverage == (2 / 8, 6 / 8)


def test_honest_ranks_pass():
    passed = [judged(ranks(seed=seed)).passed for seed in range(60)]
    assert sum(passed) >= 57  # at 1 %, more than three failures in 60 have a chance of 0.3 %


def test_whole_numbers_do_not_make_large_runs_fail():
    u = positions(np.random.default_rng(2).integers(RANKS, size=20_000))
    assert uniformity_p(u[None])[0] > LEVEL
    assert uniformity_p((np.floor(u * RANKS)[None] + 0.5) / RANKS)[0] < LEVEL  # what ties would do


@pytest.mark.parametrize("fault", list(FAULTS)[2:4] + list(FAULTS)[6:])
def test_faults_fail(fault):
    verdict = judged(ranks(fault))
    assert not verdict.passed
    assert "not those of an honest posterior" in verdict.reasons[0]
    assert "Furthest off: score" in verdict.reasons[0]


def test_one_bad_score_among_many_fails():
    rows = ranks(quantities=20)
    rows[7] = ranks("sd 20 % too small", seed=9, quantities=1)[0]
    verdict = judged(rows)
    assert not verdict.passed
    assert "Furthest off: score 7" in verdict.reasons[0]


def test_lost_fits_fail_above_two_in_a_hundred():
    rows = [[None] * 10 + row[10:] for row in ranks()]
    assert judged(rows, lost=10).passed
    assert judged(rows, lost=11).reasons == ("11 of 500 fits were lost, more than 2%.",)


@pytest.mark.parametrize("error", [1e-8, float("nan")])
def test_another_log_likelihood_fails(error):
    verdict = judged(ranks(), error=error)
    assert not verdict.passed
    assert "agent by agent" in verdict.reasons[0]


def test_what_was_never_ranked_fails():
    verdict = judged([*ranks(), [None] * 500])
    assert verdict.reasons == ("Never ranked: score 4.",)
    assert not judged([[None] * 500]).passed


def test_the_power_of_the_uniformity_test_alone_is_the_published_one():
    """A posterior sd 10 % too small: 0.40 with 500 data sets, 0.99 with 2,000."""
    for sets, published in ((500, 0.40), (2_000, 0.99)):
        z = np.random.default_rng(sets).normal(size=(250, sets))
        found = np.mean(uniformity_p(stats.norm.cdf(z / 0.9)) < LEVEL)
        assert found == pytest.approx(published, abs=3.5 * np.sqrt(published * (1 - published) / 250))


def test_the_power_table_of_the_gate():
    table = {row.fault: row for row in power_table(500, 7)}
    none = table["none: a right posterior"]
    assert none.everywhere < 0.035 and none.alone < 0.035  # 1 %, from 400 simulated runs
    narrow = table[NARROW]
    assert 0.4 < narrow.everywhere < 0.7
    assert narrow.alone < narrow.everywhere
    assert table["sd 20 % too small"].alone > 0.95
    assert table["bias of 0.1 sd"].everywhere < table["bias of 0.2 sd"].everywhere < 1
    assert table["ranks turned: every truth in the upper half"].alone == 1


def test_the_chance_to_find_lost_fits_is_binomial():
    [row] = [row for row in power_table(100, 1, fits=400) if "lost" in row.fault]
    assert row.everywhere == pytest.approx(stats.binom.sf(8, 400, 0.05))


def test_the_data_sets_needed_find_the_fault():
    needed = sets_needed(7)
    assert 700 <= needed <= 1_200
    assert sets_needed(7, alone=True) > needed
    [row] = [row for row in power_table(needed, 7) if row.fault == NARROW]
    assert row.everywhere >= 0.9
