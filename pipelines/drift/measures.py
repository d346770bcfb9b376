"""How far two distributions are from each other, and how far they may be by chance."""

import math
import statistics
from collections.abc import Sequence

SMOOTHING = 0.5  # added to every count, so that a class nobody saw is rare and not impossible


def population_stability_index(counts: Sequence[float], reference: Sequence[float]) -> float:
    """Return the PSI, the sum of (p - q) ln(p / q); 0 if the shares are equal (Lewis 1994)."""
    pairs = list(zip(_shares(counts), _shares(reference), strict=True))
    return sum((share - other) * math.log(share / other) for share, other in pairs)


def jensen_shannon_distance(counts: Sequence[float], reference: Sequence[float]) -> float:
    """Return the root of the Jensen-Shannon divergence to base 2: 0 if the shares are equal, at most 1 (Lin 1991)."""
    pairs = list(zip(_shares(counts), _shares(reference), strict=True))
    middle = [(share + other) / 2 for share, other in pairs]
    entropy_of_middle = _entropy(middle)
    mean_entropy = (_entropy([pair[0] for pair in pairs]) + _entropy([pair[1] for pair in pairs])) / 2
    return math.sqrt(max(entropy_of_middle - mean_entropy, 0.0))


MEASURES = {"psi": population_stability_index, "jensen_shannon": jensen_shannon_distance}


def by_chance(measure: str, counts: Sequence[float], reference: Sequence[float], false_alarms: float) -> float:
    """Return what the measure exceeds in only `false_alarms` of the draws from one and the same distribution.

    The PSI of N and M draws from B bins is about (1/N + 1/M) times a chi-squared variable of B - 1 degrees of freedom
    (Yurdakul 2018). Near 0 the Jensen-Shannon divergence is an eighth of the PSI.
    """
    bins = sum(1 for pair in zip(counts, reference, strict=True) if any(pair))
    psi = _chi_squared_quantile(max(bins - 1, 1), 1 - false_alarms) * (1 / sum(counts) + 1 / sum(reference))
    return psi if measure == "psi" else math.sqrt(psi / 8 / math.log(2))


def _chi_squared_quantile(degrees: int, probability: float) -> float:
    """Approximate it as Wilson and Hilferty (1931) do; within a percent or two here."""
    normal, spread = statistics.NormalDist().inv_cdf(probability), 2 / (9 * degrees)
    return float(degrees * (1 - spread + normal * math.sqrt(spread)) ** 3)


def _shares(counts: Sequence[float]) -> list[float]:
    total = sum(counts) + SMOOTHING * len(counts)
    return [(count + SMOOTHING) / total for count in counts]


def _entropy(shares: Sequence[float]) -> float:
    return -sum(share * math.log2(share) for share in shares)
