"""What is searched: lists of values and ranges of numbers, each checked as the setting that it stands for."""

import itertools
import json
import math
from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple, Self, get_origin

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import Trial
from pydantic import Field, TypeAdapter, ValidationError, model_validator

from pipelines.config import JobConfig, check, keys_of, unknown_key
from pipelines.errors import ConfigError

LARGEST_GRID = 1_000
NOT_SEARCHED = ("dataset", "target", "run_dir", "early_stopping")


class Range(JobConfig):
    """Numbers from low to high, both included."""

    low: int | float = Field(description="smallest number")
    high: int | float = Field(description="largest number")
    step: int | float | None = Field(None, gt=0, description="distance of the numbers that are tried")
    log: bool = Field(False, description="search evenly over orders of magnitude")

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"the range is empty: low={self.low} must be below high={self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"log=true needs a low above 0, got low={self.low}")
        if self.log and self.step is not None:
            raise ValueError("log=true and step exclude one another; give one of them")
        return self


class Axis(NamedTuple):
    """One searched setting, `model_args.width` for an entry of another; values of lists are kept as JSON texts."""

    key: str
    distribution: BaseDistribution

    def suggest(self, trial: Trial) -> Any:
        """Return the trial's value; one that it has already stays."""
        match self.distribution:
            case CategoricalDistribution(choices=choices):
                return json.loads(str(trial.suggest_categorical(self.key, choices)))
            case IntDistribution(low=low, high=high, step=step, log=log):
                return trial.suggest_int(self.key, low, high, step=step, log=log)
            case FloatDistribution(low=low, high=high, step=step, log=log):
                return trial.suggest_float(self.key, low, high, step=step, log=log)
        raise TypeError(f"{self.key}: {self.distribution}")

    def value(self, parameter: Any) -> Any:
        """Return the setting's value of what the journal keeps."""
        return json.loads(parameter) if isinstance(self.distribution, CategoricalDistribution) else parameter

    def edges(self) -> list[Any]:
        """Return all values of a list as the journal keeps them; of a range the smallest and the largest."""
        match self.distribution:
            case CategoricalDistribution(choices=choices):
                return list(choices)
            case IntDistribution(low=low, high=high) | FloatDistribution(low=low, high=high):
                return [low, high]
        raise TypeError(f"{self.key}: {self.distribution}")


Space = tuple[Axis, ...]


def space_of(model: type[JobConfig], space: dict[str, Any], settings: dict[str, Any]) -> Space:
    """Turn `space.KEY=…` of a verb's settings into what Optuna searches.

    Raises:
        ConfigError: a key is unknown (the nearest is named), fixed or not to be searched; a value is of a wrong type;
            a list or a range is empty.
    """
    axes = []
    for key, given in space.items():
        if key in NOT_SEARCHED:
            raise ConfigError(f"space.{key} is not searched; every trial gets its own, or none")
        if key not in keys_of(model):
            raise ConfigError(f"space.{unknown_key(key, model)}")
        field = keys_of(model)[key]
        if get_origin(field.annotation) is dict:
            if not isinstance(given, dict) or not given:
                raise ConfigError(f"space.{key}={given!r} has entries of its own; give space.{key}.NAME=[…]")
            fixed = settings.get(key, {})
            axes += [_axis(f"{key}.{name}", Any, entry, fixed.get(name)) for name, entry in given.items()]
        else:
            kind = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
            axes.append(_axis(key, kind, given, settings.get(key)))
    return tuple(axes)


def _axis(key: str, kind: Any, given: Any, fixed: Any) -> Axis:
    if fixed is not None:
        raise ConfigError(f"settings.{key}={fixed} is fixed and space.{key} is searched; give one of them")
    if isinstance(given, dict):
        return Axis(key, _numbers(key, kind, given))
    if not isinstance(given, list):
        raise ConfigError(
            f"space.{key}={given!r} is one value; give a list, a range (space.{key}.low=… space.{key}.high=…), or "
            f"settings.{key}={given}"
        )
    if not given:
        raise ConfigError(f"space.{key}=[] is empty; give the values to try")
    texts = [json.dumps(_checked(key, kind, value)) for value in given]
    if twice := [text for text in texts if texts.count(text) > 1]:
        raise ConfigError(f"space.{key}: {twice[0]} is there twice; give each value once")
    return Axis(key, CategoricalDistribution(texts))


def _numbers(key: str, kind: Any, given: dict[str, Any]) -> BaseDistribution:
    found = check(Range, given, prefix=f"space.{key}.")
    low, high = (_checked(key, kind, number) for number in (found.low, found.high))
    if isinstance(low, bool) or not (isinstance(low, int | float) and isinstance(high, int | float)):
        raise ConfigError(f"space.{key} takes no numbers, so no range of them; give a list")
    if isinstance(low, int) and isinstance(high, int):
        step = 1 if found.step is None else found.step
        if step != int(step):
            raise ConfigError(f"space.{key}.step={step}: {key} takes whole numbers; give a whole step")
        return IntDistribution(low, high, log=found.log, step=int(step))
    return FloatDistribution(low, high, log=found.log, step=found.step)


def _checked(key: str, kind: Any, value: Any) -> Any:
    """Return the value as the setting takes it, in what JSON can say."""
    setting: TypeAdapter[Any] = TypeAdapter(kind, config=JobConfig.model_config)
    try:
        return setting.dump_python(setting.validate_python(value), mode="json")
    except ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ConfigError(f"space.{key}={value!r}: {message}") from error


def settings_with(settings: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a trial: the fixed ones and its values; neither is changed."""
    merged = dict(settings)
    for key, value in values.items():
        head, dot, name = key.partition(".")
        merged[head] = {**merged.get(head, {}), name: value} if dot else value
    return merged


def grid_of(space: Space) -> list[dict[str, Any]]:
    """Return all combinations, as the journal keeps them.

    Raises:
        ConfigError: a range without a step, or too many combinations.
    """
    axes = [_grid_values(axis) for axis in space]
    if (number := math.prod(map(len, axes))) > LARGEST_GRID:
        raise ConfigError(f"search=grid would try {number} combinations, more than {LARGEST_GRID}; use search=bayesian")
    return [
        dict(zip((axis.key for axis in space), combination, strict=True)) for combination in itertools.product(*axes)
    ]


def _grid_values(axis: Axis) -> list[Any]:
    match axis.distribution:
        case IntDistribution(low=low, high=high, step=step, log=False):
            return list(range(low, high + 1, step))
        case FloatDistribution(low=low, high=high, step=float(step)):
            return [low + number * step for number in range(math.floor((high - low) / step + 1e-9) + 1)]
        case CategoricalDistribution(choices=choices):
            return list(choices)
    raise ConfigError(f"search=grid cannot try all of space.{axis.key}; give a list, or a range with step and no log")


def probes_of(space: Space) -> Iterator[dict[str, Any]]:
    """Yield values with which each value of a list, and both ends of a range, come up at least once."""
    edges = {axis.key: [axis.value(edge) for edge in axis.edges()] for axis in space}
    base = {key: values[0] for key, values in edges.items()}
    yield base
    for key, values in edges.items():
        yield from ({**base, key: value} for value in values[1:])


def largest(space: Space, key: str) -> int | None:
    """Return the largest value of a searched setting that is a whole number; None where it is not searched."""
    return next((max(int(axis.value(edge)) for edge in axis.edges()) for axis in space if axis.key == key), None)
