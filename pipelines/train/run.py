"""Train: dataset → model bundle, on Horovod processes that Spark starts."""

import logging
from typing import Any

from pyspark.sql import SparkSession

from pipelines import storage
from pipelines.dataset import Manifest, load_manifest
from pipelines.errors import ConfigError, DarkroomError, DataError
from pipelines.lock import locked
from pipelines.model.architectures import build
from pipelines.model.weights import read_weights, start_from
from pipelines.train.checkpoint import load_checkpoint
from pipelines.train.config import TrainConfig
from pipelines.train.dry_run import dry_run
from pipelines.train.own import Codes, collect_own, network_of
from pipelines.train.repeated import clear_run, is_outdated, summarise
from pipelines.train.report import reporting
from pipelines.train.tracking import check_tracking
from pipelines.train.worker import FAILURE, work
from pipelines.train.world import launch


def check(config: TrainConfig, tracking_uri: str = "") -> None:
    """Look at dataset, network, weights and run_dir before Spark starts, and try a step on made-up images.

    Raises:
        DataError: no dataset, or one without training rows.
        ConfigError: an unknown network, one that does not fit, weights of another one, or a run_dir of another run.
    """
    manifest = load_manifest(config.dataset)
    if not manifest.rows("train"):
        raise DataError(f"dataset={config.dataset} has no rows in its train split")
    if config.early_stopping and not manifest.rows("val"):
        raise ConfigError(f"early_stopping=true needs a val split, but dataset={config.dataset} has none")
    check_tracking(tracking_uri)
    codes = collect_own(config)
    dry_run(config, codes, len(manifest.classes))
    if config.weights:
        network = network_of(config, codes)
        model = build(network, len(manifest.classes))
        start_from(model, network, read_weights(config.weights, config.model), manifest.classes)
    if not is_outdated(config, manifest, codes):
        load_checkpoint(config, manifest.dataset_id, codes)


def train(spark: SparkSession, config: TrainConfig, tracking_uri: str = "") -> dict[str, Any]:
    """Run one training and return its metrics; a run_dir with a checkpoint goes on from there."""
    manifest, codes = load_manifest(config.dataset), collect_own(config)
    with locked(config.run_uri()):
        if is_outdated(config, manifest, codes):
            clear_run(config)
        with reporting(config, manifest, tracking_uri):
            result = _launch(spark, config, manifest, codes)
    return summarise(config, result, nothing_new=False)


def _launch(spark: SparkSession, config: TrainConfig, manifest: Manifest, codes: Codes) -> dict[str, Any]:
    """Start the processes, again from the last checkpoint where some of them were lost.

    Raises:
        DarkroomError: an error of the code, which would come again, or more than max_restarts losses.
    """
    failure_uri = storage.join(config.run_uri(), FAILURE)
    for restarts_left in range(config.max_restarts, -1, -1):
        storage.remove(failure_uri)
        try:
            result: dict[str, Any] = launch(spark, work, (config, manifest, codes), config.num_processes)
            return result
        except DarkroomError:
            raise
        except Exception as error:
            if storage.exists(failure_uri):
                raise _failure(storage.read_json(failure_uri)) from error
            logging.getLogger(__name__).warning("processes were lost, %d restarts left: %s", restarts_left, error)
    raise DarkroomError(
        f"processes were lost {config.max_restarts + 1} times, with max_restarts={config.max_restarts}; were they out "
        f"of memory? The same command goes on from the checkpoint in {config.run_uri()}"
    )


def _failure(failure: dict[str, str]) -> DarkroomError:
    """Return the error that a process wrote down, of its own class where it is one of ours."""
    kinds = {kind.__name__: kind for kind in (DarkroomError, ConfigError, DataError)}
    if kind := kinds.get(failure["type"]):
        return kind(failure["message"])
    return DarkroomError(f"training failed: {failure['type']}: {failure['message']}\n{failure['traceback']}")
