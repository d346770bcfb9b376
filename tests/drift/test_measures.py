"""Distances between distributions, by hand-computed values and by drawing from one distribution."""

import math

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from pipelines.drift.measures import MEASURES, by_chance, jensen_shannon_distance, population_stability_index

MANY = 1_000_000


@pytest.mark.parametrize("measure", MEASURES)
def test_equal_shares_are_at_distance_0(measure: str) -> None:
    assert MEASURES[measure]([20 * MANY, 80 * MANY], [2 * MANY, 8 * MANY]) == pytest.approx(0, abs=1e-6)


def test_psi_is_the_sum_that_its_definition_says() -> None:
    expected = (0.5 - 0.2) * math.log(0.5 / 0.2) + (0.5 - 0.8) * math.log(0.5 / 0.8)
    assert population_stability_index([5 * MANY, 5 * MANY], [2 * MANY, 8 * MANY]) == pytest.approx(expected, abs=1e-5)


def test_jensen_shannon_is_scipys_to_base_2() -> None:
    expected = jensenshannon([0.5, 0.3, 0.2], [0.1, 0.1, 0.8], base=2)
    found = jensen_shannon_distance([5 * MANY, 3 * MANY, 2 * MANY], [MANY, MANY, 8 * MANY])
    assert found == pytest.approx(expected, abs=1e-5)


def test_classes_without_any_overlap_are_far_and_not_infinite() -> None:
    assert 1 < population_stability_index([100, 0], [0, 100]) < math.inf
    assert 0.9 < jensen_shannon_distance([1000, 0], [0, 1000]) <= 1


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(("bins", "num_images"), [(3, 100), (10, 200), (10, 5000), (100, 2000)])
def test_draws_from_the_reference_rarely_exceed_chance(measure: str, bins: int, num_images: int) -> None:
    shares = np.full(bins, 1 / bins)
    draws = np.random.default_rng(0)
    num_above = 0
    for _ in range(2000):
        counts, reference = draws.multinomial(num_images, shares), draws.multinomial(10_000, shares)
        num_above += MEASURES[measure](counts, reference) > by_chance(measure, counts, reference, 0.01)
    assert num_above / 2000 < 0.02
