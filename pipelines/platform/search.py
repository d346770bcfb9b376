"""Which hyperparameters to try next: Optuna's samplers, and its median rule for ending a hopeless training early.

Nothing is kept between calls: a study is made anew from the training jobs there are.
"""

import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from pipelines.platform.errors import refused
from pipelines.tune.samplers import be_quiet, pruner_of, sampler_of

NUM_BEFORE_EARLY_STOPPING = 3  # trainings that must have ended before one is compared with them


class Tried(NamedTuple):
    """A training job of a search: its values as strings, its objective once it has one, and those of its epochs."""

    values: dict[str, str]
    objective: float | None
    epochs: list[float]
    is_over: bool


def space_of(ranges: dict[str, Any]) -> dict[str, BaseDistribution]:
    """Turn a request's ParameterRanges into Optuna's distributions.

    Raises:
        ApiError: ValidationException for a range that is empty or cannot be scaled as asked.
    """
    space: dict[str, BaseDistribution] = {}
    for given in ranges.get("IntegerParameterRanges", []):
        low, high, log = _bounds(given, int)
        space[given["Name"]] = IntDistribution(int(low), int(high), log=log)
    for given in ranges.get("ContinuousParameterRanges", []):
        low, high, log = _bounds(given, float)
        space[given["Name"]] = FloatDistribution(low, high, log=log)
    for given in ranges.get("CategoricalParameterRanges", []):
        space[given["Name"]] = CategoricalDistribution(given["Values"])
    if ranges.get("AutoParameters"):
        raise refused("AutoParameters are not searched here; give ranges")
    if not space:
        raise refused("ParameterRanges must have at least one range")
    return space


def _bounds(given: dict[str, Any], kind: type[int] | type[float]) -> tuple[float, float, bool]:
    name, scale = given["Name"], given.get("ScalingType", "Auto")
    try:
        low, high = kind(given["MinValue"]), kind(given["MaxValue"])
    except ValueError as error:
        raise refused(f"range {name}: MinValue and MaxValue must be numbers of type {kind.__name__}") from error
    if not (math.isfinite(low) and low < high and math.isfinite(high)):
        raise refused(f"range {name}: MinValue={low} must be smaller than MaxValue={high}")
    if scale == "ReverseLogarithmic":
        raise refused(f"range {name}: ScalingType ReverseLogarithmic is not searched here; use Linear or Logarithmic")
    if scale == "Logarithmic" and low <= 0:
        raise refused(f"range {name}: ScalingType Logarithmic needs a MinValue above 0, got {low}")
    wide = low > 0 and high / low >= 100
    return low, high, scale == "Logarithmic" or (scale == "Auto" and wide and kind is float)


def grid_of(space: dict[str, BaseDistribution]) -> list[dict[str, str]]:
    """Return all combinations of a grid search.

    Raises:
        ApiError: a range is not categorical.
    """
    for name, distribution in space.items():
        if not isinstance(distribution, CategoricalDistribution):
            raise refused(f"Strategy Grid takes CategoricalParameterRanges alone; {name} is a range of numbers")
    choices = [[str(choice) for choice in space[name].choices] for name in space]  # type: ignore[attr-defined]
    return [dict(zip(space, combination, strict=True)) for combination in itertools.product(*choices)]


def suggest(
    strategy: str, space: dict[str, BaseDistribution], maximize: bool, seed: int, tried: Sequence[Tried]
) -> dict[str, str]:
    """Return the next values to try, as strings; the same jobs and seed give the same values."""
    if strategy == "Grid":
        return grid_of(space)[len(tried)]
    sampler = sampler_of(strategy.lower(), seed + len(tried))
    trial = _study(space, maximize, tried, sampler).ask(space)
    return {name: _shown(trial.params[name]) for name in space}


def is_hopeless(space: dict[str, BaseDistribution], maximize: bool, tried: Sequence[Tried], number: int) -> bool:
    """Say whether the training `number` is worse than the median of the others were at the same epoch."""
    pruner = pruner_of("median", after_trials=NUM_BEFORE_EARLY_STOPPING)
    study = _study(space, maximize, tried, optuna.samplers.RandomSampler(seed=0))
    return bool(tried[number].epochs) and pruner.prune(study, study.trials[number])


def _study(
    space: dict[str, BaseDistribution], maximize: bool, tried: Sequence[Tried], sampler: optuna.samplers.BaseSampler
) -> optuna.Study:
    be_quiet()
    study = optuna.create_study(sampler=sampler, direction="maximize" if maximize else "minimize")
    study.add_trials([_trial(space, one) for one in tried])
    return study


def _trial(space: dict[str, BaseDistribution], one: Tried) -> FrozenTrial:
    params = {name: _read(space[name], value) for name, value in one.values.items()}
    state = TrialState.RUNNING
    if one.is_over:
        state = TrialState.COMPLETE if one.objective is not None else TrialState.FAIL
    return optuna.trial.create_trial(
        state=state,
        value=one.objective if state == TrialState.COMPLETE else None,
        params=params,
        distributions=space,
        intermediate_values=dict(enumerate(one.epochs)),
    )


def _read(distribution: BaseDistribution, value: str) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        return value
    return int(value) if isinstance(distribution, IntDistribution) else float(value)


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, float) else str(value)
