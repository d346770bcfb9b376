"""Train: dataset → model bundle, on Horovod processes that Spark starts."""

import logging
import threading
from typing import Any

from pyspark.sql import SparkSession

from pipelines import storage
from pipelines.dataset import load_manifest
from pipelines.errors import DataError
from pipelines.model.architectures import build
from pipelines.train.checkpoint import load_checkpoint
from pipelines.train.config import TrainConfig
from pipelines.train.worker import work
from pipelines.train.world import launch


def check(config: TrainConfig) -> None:
    """Look at dataset, network and run_dir before Spark starts.

    Raises:
        DataError: no dataset, or one without training rows.
        ConfigError: an unknown network, or a run_dir of another run.
    """
    manifest = load_manifest(config.dataset)
    if not manifest.rows("train"):
        raise DataError(f"dataset={config.dataset} has no rows in its train split")
    build(config.model, len(manifest.classes))
    load_checkpoint(config)


def train(spark: SparkSession, config: TrainConfig) -> dict[str, Any]:
    """Run one training and return its last metrics; a run_dir with a checkpoint goes on from there."""
    manifest = load_manifest(config.dataset)
    finished = threading.Event()
    reporter = threading.Thread(target=_report, args=(config, finished), daemon=True)
    reporter.start()
    try:
        result: dict[str, Any] = launch(spark, work, (config, manifest), config.num_processes)
    finally:
        finished.set()
        reporter.join()
    return {**result, "epochs": config.epochs, "model": config.target, "run_dir": config.run_uri()}


def _report(config: TrainConfig, finished: threading.Event) -> None:
    """Log every epoch that the run reports, and write it for TensorBoard."""
    from torch.utils.tensorboard.writer import SummaryWriter

    metrics_uri = storage.join(config.run_uri(), "metrics.json")
    num_shown = len(storage.read_json(metrics_uri)) if storage.exists(metrics_uri) else 0
    folder = storage.local_path(storage.join(config.run_uri(), "tensorboard"))
    writer = SummaryWriter(str(folder))  # type: ignore[no-untyped-call]
    while True:
        last_look = finished.wait(1.0)
        history = storage.read_json(metrics_uri) if storage.exists(metrics_uri) else []
        for report in history[num_shown:]:
            _report_epoch(config, report, writer)
        num_shown = max(num_shown, len(history))
        if last_look:
            writer.close()  # type: ignore[no-untyped-call]
            return


def _report_epoch(config: TrainConfig, report: dict[str, Any], writer: Any) -> None:
    for key, value in report.items():
        writer.add_scalar(key, value, report["epoch"])
    minutes_left = (config.epochs - report["epoch"] - 1) * report["seconds"] / 60
    logging.getLogger(__name__).info(
        "epoch %d of %d: loss %.4f accuracy %.4f val_accuracy %.4f, %.0f img/s, %.1f minutes left",
        report["epoch"] + 1,
        config.epochs,
        report["loss"],
        report["accuracy"],
        report.get("val_accuracy", float("nan")),
        report["images_per_second"],
        minutes_left,
    )
