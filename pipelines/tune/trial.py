"""One trial: the verb with its values on every fold, ended early where it is bad."""

import logging
import math
from typing import Any, NamedTuple

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState
from py4j.protocol import Py4JNetworkError
from pyspark.sql import SparkSession

from pipelines import storage
from pipelines.errors import ConfigError, DarkroomError, DataError, StorageError
from pipelines.train.config import TrainConfig
from pipelines.train.trainer import STOP
from pipelines.tune.config import TuneConfig
from pipelines.tune.pruning import followed, tell
from pipelines.tune.slots import Slots, num_slots
from pipelines.tune.space import Space, largest, settings_with
from pipelines.tune.study import ERROR, Trials
from pipelines.validate.runs import metric_of, model_uri, run_on

MOST_FAILURES = 3  # trials that may fail before any has been measured


class Rows(NamedTuple):
    """A dataset that every trial learns from and is measured on: a fold, or the dataset as it is."""

    name: str
    uri: str


class Runner:
    """Runs trials; threads may call it side by side."""

    def __init__(
        self, spark: SparkSession, config: TuneConfig, study: optuna.Study, trials: Trials, rows: list[Rows]
    ) -> None:
        """Take what all trials share."""
        self._spark, self._config, self._study, self._trials, self._rows = spark, config, study, trials, rows
        self._num_epochs = num_epochs(config, trials.space)
        self._slots = Slots(config.slots or spark.sparkContext.defaultParallelism)
        self._log = logging.getLogger(__name__)

    def run(self, earlier: FrozenTrial | None) -> None:
        """Run a trial to its end: measured, pruned, or failed."""
        trial = self._trials.begin(earlier)
        values = self._trials.values(trial)
        try:
            with self._slots.taken(num_slots(self._config, values)):
                score = self._measure(trial, settings_with(self._config.settings, values))
            self._study.tell(trial, score)
            told = f"{self._config.metric} {score:.4f}"
        except optuna.TrialPruned:
            self._study.tell(trial, state=TrialState.PRUNED)
            told = "pruned"
        except (StorageError, ConfigError, DataError, Py4JNetworkError):  # the next trial would meet them too
            raise
        except Exception as error:
            told = self._fail(trial, error)
        shown = ", ".join(f"{key}={value}" for key, value in values.items())
        self._log.info("trial %d of %d: %s (%s)", trial.number + 1, self._trials.number, told, shown)

    def _measure(self, trial: Trial, settings: dict[str, Any]) -> float:
        """Return the mean of the metric over the folds.

        Raises:
            optuna.TrialPruned: it was bad after an epoch of the first fold, or after a fold.
        """
        config, scores, last = self._config, list[float](), len(self._rows) - 1
        for number, rows in enumerate(self._rows):
            place = storage.join(config.run_uri(), f"trial-{trial.number + 1:04d}", rows.name)
            has_epochs = config.verb == "train" and number == 0
            epochs = followed(trial, f"{model_uri(place)}-run", config.metric) if has_epochs else None
            result = run_on(self._spark, config.verb, settings, rows.uri, place, epochs)
            if result.get("stopped") == STOP:
                raise optuna.TrialPruned
            score = metric_of(result, config.metric)
            if math.isnan(score):
                raise DarkroomError(f"{config.metric} is no number on {rows.name}")
            scores.append(score)
            tell(trial, self._num_epochs + number, sum(scores) / len(scores))
            if number < last and trial.should_prune():
                raise optuna.TrialPruned
        return sum(scores) / len(scores)

    def _fail(self, trial: Trial, error: Exception) -> str:
        """Take note of a trial that failed; the search goes on unless all of them do.

        Raises:
            DarkroomError: the first three failed.
        """
        if self._spark.sparkContext._jsc.sc().isStopped():
            raise error
        message = f"{type(error).__name__}: {error}"[:2000]
        trial.set_user_attr(ERROR, message)
        self._study.tell(trial, state=TrialState.FAIL)
        states = [one.state for one in self._study.get_trials(deepcopy=False)]
        if states.count(TrialState.FAIL) >= MOST_FAILURES and TrialState.COMPLETE not in states:
            raise DarkroomError(f"{states.count(TrialState.FAIL)} trials failed, and none was measured; {message}")
        return f"failed: {message.splitlines()[0]}"


def num_epochs(config: TuneConfig, space: Space) -> int:
    """Return how many figures the first run of a trial has at most: one an epoch; a fit has one."""
    if config.verb != "train":
        return 1
    default = TrainConfig.model_fields["epochs"].default
    return int(largest(space, "epochs") or config.settings.get("epochs", default))
