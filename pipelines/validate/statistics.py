"""What a few runs say of a model, and of the difference between two.

Runs on folds share most of the rows they learn from, so their scores are not independent and the plain t-test finds
differences where there are none. The variance is corrected after Nadeau and Bengio 2003, "Inference for the
Generalization Error", Machine Learning 52, https://doi.org/10.1023/A:1024068626366; Bouckaert and Frank 2004,
https://doi.org/10.1007/978-3-540-24775-3_3, use it for repeated k-fold cross-validation.
"""

import math
from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict
from scipy import stats

CONFIDENCE = 0.95


class Estimate(BaseModel):
    """Mean and standard deviation over runs, and the 95% interval of the mean; one run alone has neither of them."""

    model_config = ConfigDict(frozen=True)

    num_runs: int
    mean: float
    deviation: float | None
    low: float | None
    high: float | None


class Comparison(BaseModel):
    """The mean of the paired differences, its 95% interval, and the probability of one as large by chance alone."""

    model_config = ConfigDict(frozen=True)

    difference: Estimate
    t: float | None
    degrees_of_freedom: int
    p_value: float | None


def estimate(scores: Sequence[float], test_to_train: float) -> Estimate:
    """Estimate the mean of scores; `test_to_train` is measured rows by learned rows of a run, 1/(k-1) for k folds."""
    number, mean = len(scores), float(np.mean(scores))
    if number < 2:
        return Estimate(num_runs=number, mean=mean, deviation=None, low=None, high=None)
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, number - 1)) * standard_error(scores, test_to_train)
    deviation = float(np.std(scores, ddof=1))
    return Estimate(num_runs=number, mean=mean, deviation=deviation, low=mean - half, high=mean + half)


def standard_error(scores: Sequence[float], test_to_train: float) -> float:
    """Return the corrected standard error of the mean: sqrt((1/n + test/train) s²)."""
    return math.sqrt((1 / len(scores) + test_to_train) * float(np.var(scores, ddof=1)))


def share_interval(num_hits: int, num_rows: int) -> tuple[float, float]:
    """Return Wilson's 95% interval of a share, for the accuracy of one run."""
    found = stats.binomtest(num_hits, num_rows).proportion_ci(CONFIDENCE, method="wilson")
    return float(found.low), float(found.high)


def compare(ours: Sequence[float], theirs: Sequence[float], test_to_train: float) -> Comparison:
    """Test the paired differences of scores on the same folds: the corrected resampled t-test, two-sided."""
    differences = [one - two for one, two in zip(ours, theirs, strict=True)]
    found = estimate(differences, test_to_train)
    freedom = len(differences) - 1
    error = standard_error(differences, test_to_train) if freedom else 0.0
    if not error:
        same = freedom > 0 and found.mean == 0
        return Comparison(difference=found, t=None, degrees_of_freedom=freedom, p_value=1.0 if same else None)
    t = found.mean / error
    return Comparison(difference=found, t=t, degrees_of_freedom=freedom, p_value=float(2 * stats.t.sf(abs(t), freedom)))
