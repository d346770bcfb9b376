"""Run a verb on a fold: its settings are checked before Spark starts, its result is kept."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple, TypeVar

import pandas as pd
from pyspark.sql import SparkSession

from pipelines import config as configs
from pipelines import storage
from pipelines.errors import ConfigError
from pipelines.fit.config import FitConfig
from pipelines.fit.run import check as check_fit
from pipelines.fit.run import fit
from pipelines.train.config import TrainConfig
from pipelines.train.run import check as check_train
from pipelines.train.run import train
from pipelines.validate.fold_data import write_fold
from pipelines.validate.folds import Fold

Item = TypeVar("Item")
Result = TypeVar("Result")


class Verb(NamedTuple):
    """What can be run on folds: settings, the check before Spark, the run."""

    settings: type[configs.JobConfig]
    check: Callable[[Any], None]
    run: Callable[[SparkSession, Any], dict[str, Any]]


RESULT = "result.json"
VERBS = {"train": Verb(TrainConfig, check_train, train), "fit": Verb(FitConfig, check_fit, fit)}


def settings_of(verb: str, settings: dict[str, Any], dataset: str, target: str) -> Any:
    """Return the settings of one run.

    Raises:
        ConfigError: a key is unknown, or of the wrong type; it is named as settings.KEY.
    """
    given = {**settings, "dataset": dataset, "target": target}
    return configs.check(VERBS[verb].settings, given, prefix="settings.")


def check_runs(verb: str, settings: dict[str, Any], dataset: str, target: str, side_by_side: int) -> None:
    """Look at a run as its verb does before Spark starts; how many there are at once must fit its processes.

    Raises:
        ConfigError, DataError: what the verb would say.
    """
    VERBS[verb].check(settings_of(verb, settings, dataset, f"{target}-run/dry"))
    if side_by_side > 1 and verb == "fit":
        raise ConfigError(f"side_by_side={side_by_side}: a fit takes all task slots itself; leave it at 1")


def check_slots(spark: SparkSession, verb: str, settings: dict[str, Any], side_by_side: int) -> None:
    """Hold the slots that the runs take together against those there are.

    Raises:
        ConfigError: there are fewer.
    """
    slots = spark.sparkContext.defaultParallelism
    each = int(settings.get("num_processes", TrainConfig.model_fields["num_processes"].default))
    if verb == "train" and side_by_side > 1 and side_by_side * each > slots:
        raise ConfigError(
            f"side_by_side={side_by_side} runs of settings.num_processes={each} take {side_by_side * each} task slots, "
            f"but Spark has {slots}; lower one of them"
        )


def run_fold(
    spark: SparkSession,
    verb: str,
    settings: dict[str, Any],
    dataset: str,
    place: str,
    parted: pd.DataFrame,
    fold: Fold,
) -> dict[str, Any]:
    """Run the verb on a fold and return its result; the fold's rows are deleted once there is one."""
    rows = storage.join(place, "dataset")
    if not storage.exists(storage.join(place, RESULT)):
        write_fold(spark, dataset, rows, parted, fold)
    result = run_on(spark, verb, settings, rows, place)
    storage.remove(rows)
    return result


def run_on(
    spark: SparkSession,
    verb: str,
    settings: dict[str, Any],
    rows: str,
    place: str,
    while_it_runs: AbstractContextManager[None] | None = None,
) -> dict[str, Any]:
    """Run the verb on a dataset and return its result; one that `place`/result.json has already is not run again.

    The model is deleted once there is a result.
    """
    result_uri = storage.join(place, RESULT)
    if storage.exists(result_uri):
        found: dict[str, Any] = storage.read_json(result_uri)
        return found
    model = model_uri(place)
    with while_it_runs or nullcontext():
        result = VERBS[verb].run(spark, settings_of(verb, settings, rows, model))
    storage.write_json(result_uri, result)
    for uri in (model, f"{model}.tar.gz", f"{model}-run"):
        storage.remove(uri)
    return result


def model_uri(place: str) -> str:
    """Return where a run saves its model; its checkpoints and metrics are beside it, at MODEL-run."""
    return storage.join(place, "model")


def metric_of(result: dict[str, Any], metric: str) -> float:
    """Return the measured figure of a result.

    Raises:
        ConfigError: the result has no such figure; those that it has are named.
    """
    if isinstance(value := result.get(metric), int | float):
        return float(value)
    known = sorted(name for name, figure in result.items() if name.startswith("val_") and isinstance(figure, float))
    raise ConfigError(f"metric={metric}: the runs do not measure it; they have {', '.join(known)}")


def at_once(function: Callable[[Item], Result], items: Iterable[Item], number: int) -> Iterator[Result]:
    """Yield the results in order, that many at a time; one alone runs on the caller's thread."""
    if number == 1:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(number) as pool:
        yield from pool.map(function, items)
