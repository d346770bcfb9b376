"""Intervals and tests of scores on folds, against figures worked out by hand."""

import math

import pytest

from pipelines.validate.statistics import compare, estimate, share_interval

OURS, THEIRS = [0.80, 0.84, 0.82, 0.86, 0.78], [0.78, 0.83, 0.80, 0.83, 0.78]


def test_the_interval_is_corrected_for_shared_rows() -> None:
    found = estimate(OURS, 1 / 4)
    assert found.mean == pytest.approx(0.82)
    assert found.deviation == pytest.approx(math.sqrt(0.001))
    half = 2.7764451 * math.sqrt((1 / 5 + 1 / 4) * 0.001)  # t(0.975, 4 degrees of freedom)
    assert (found.low, found.high) == pytest.approx((0.82 - half, 0.82 + half))


def test_the_paired_test_is_nadeau_and_bengio_s() -> None:
    found = compare(OURS, THEIRS, 1 / 4)
    assert found.difference.mean == pytest.approx(0.016)
    t = 0.016 / math.sqrt((1 / 5 + 1 / 4) * 0.00013)  # the differences' variance is 0.00013
    assert (found.t, found.degrees_of_freedom) == (pytest.approx(t), 4)
    assert found.p_value == pytest.approx(0.1045, abs=1e-3)


def test_equal_scores_do_not_differ() -> None:
    assert compare(OURS, OURS, 0.25).p_value == 1.0


def test_one_run_has_no_deviation_and_no_test() -> None:
    assert (estimate([0.9], 0.25).deviation, compare([0.9], [0.8], 0.25).p_value) == (None, None)


def test_the_share_of_one_run_has_wilson_s_interval() -> None:
    assert share_interval(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
