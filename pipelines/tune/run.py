"""Tune: search settings of train or fit → the best as a conf file, a report, and every trial's figures."""

import logging
from typing import Any

import optuna
from pyspark.sql import SparkSession
from tqdm import tqdm

from pipelines import storage
from pipelines.dataset import Manifest, load_manifest
from pipelines.errors import ConfigError
from pipelines.features.table import FeatureManifest, load_feature_manifest
from pipelines.lock import locked
from pipelines.tune.config import TuneConfig
from pipelines.tune.results import OUTPUTS, publish_search, summarise
from pipelines.tune.slots import num_slots
from pipelines.tune.space import Space, grid_of, probes_of, settings_with, space_of
from pipelines.tune.study import Trials, journal_uri, open_study
from pipelines.tune.trial import Rows, Runner, num_epochs
from pipelines.validate.fold_data import write_fold
from pipelines.validate.folds import check_folds, folds_of, part, rows_to_part
from pipelines.validate.plan import check_plan, write_plan
from pipelines.validate.runs import VERBS, at_once, check_runs, settings_of

FREE = ("target", "side_by_side", "slots", "num_trials")  # settings that change no trial


def check(config: TuneConfig) -> None:
    """Look at the space, the dataset and the settings of the trials before Spark starts.

    Raises:
        ConfigError, DataError: what the space, the verb or the parting would say; or an earlier search of another kind.
    """
    space = _space(config)
    _check_metric(config)
    if config.method == "split":
        _check_val_split(config)
    else:
        check_folds(config)
    grid = grid_of(space) if config.search == "grid" else []
    for parameters in grid:
        values = {axis.key: axis.value(parameters[axis.key]) for axis in space}
        settings_of(config.verb, settings_with(config.settings, values), config.dataset, config.target)
    for values in probes_of(space):
        if config.slots and num_slots(config, values) > config.slots:
            raise ConfigError(f"slots={config.slots}: a trial of num_processes={num_slots(config, values)} needs more")
        check_runs(
            config.verb, settings_with(config.settings, values), config.dataset, config.target, config.side_by_side
        )
    check_plan(config.target, _plan(config))


def tune(spark: SparkSession, config: TuneConfig) -> dict[str, Any]:
    """Run the trials that an earlier run has not ended, and return the best."""
    with locked(config.run_uri()):
        write_plan(config.target, _plan(config))
        study, trials = _open(config)
        left = list(trials.left())
        runner = Runner(spark, config, study, trials, _rows(spark, config) if left else [])
        with tqdm(total=trials.number, initial=trials.number - len(left), unit="trial", disable=None) as bar:
            for _ in at_once(runner.run, left, config.side_by_side):
                bar.update()
        storage.remove(_folds_uri(config))
        return publish_search(config, study, trials)


def nothing_new(config: TuneConfig) -> dict[str, Any] | None:
    """Return the summary of a search that has ended, else None."""
    places = [storage.join(config.target, name) for name in OUTPUTS]
    if not all(map(storage.exists, [*places, journal_uri(config)])):
        return None
    study, trials = _open(config)
    if list(trials.left()):
        return None
    logging.getLogger(__name__).info("nothing new: all %d trials of %s have ended", trials.number, config.target)
    return summarise(config, study, trials, nothing_new=True)


def _open(config: TuneConfig) -> tuple[optuna.Study, Trials]:
    space = _space(config)
    num_runs = 1 if config.method == "split" else config.repeats
    num_runs *= config.folds if config.method in ("kfold", "stratified_kfold") else 1
    study = open_study(config, num_epochs(config, space) + num_runs - 1)
    return study, Trials(config, space, study)


def _space(config: TuneConfig) -> Space:
    return space_of(VERBS[config.verb].settings, config.space, config.settings)


def _check_metric(config: TuneConfig) -> None:
    own = config.settings.get("metric") or "metric" in config.space
    known = ("val_accuracy", "val_loss") if config.verb == "train" else ("val_accuracy",)
    if config.metric not in known and not own:
        raise ConfigError(f"metric={config.metric}: verb={config.verb} measures {', '.join(known)}")


def _check_val_split(config: TuneConfig) -> None:
    if not _manifest(config).rows("val"):
        raise ConfigError(f"dataset={config.dataset} has no rows in a val split; give method=stratified_kfold")


def _rows(spark: SparkSession, config: TuneConfig) -> list[Rows]:
    """Return the datasets of a trial, the same for all of them; folds are written once."""
    if config.method == "split":
        return [Rows("split", config.dataset)]
    parted, rows = part(rows_to_part(spark, config), config, config.method), []
    for fold in folds_of(parted):
        uri = storage.join(_folds_uri(config), fold.name)
        write_fold(spark, config.dataset, uri, parted, fold)
        rows.append(Rows(fold.name, uri))
    return rows


def _folds_uri(config: TuneConfig) -> str:
    return storage.join(config.run_uri(), "folds")


def _plan(config: TuneConfig) -> dict[str, Any]:
    return {**config.model_dump(mode="json", exclude=set(FREE)), "dataset_id": _manifest(config).dataset_id}


def _manifest(config: TuneConfig) -> Manifest | FeatureManifest:
    return load_manifest(config.dataset) if config.verb == "train" else load_feature_manifest(config.dataset)
