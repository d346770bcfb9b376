"""The steps of a training job: channels → dataset → model bundle → model.tar.gz where the user wants it."""

import fcntl
import logging
import time
from pathlib import Path
from typing import Any

from pipelines import storage
from pipelines.dataset import load_manifest, manifest_uri
from pipelines.errors import DataError
from pipelines.model.archive import MAX_BYTES
from pipelines.platform.channels import Channel, dataset_of
from pipelines.platform.photos import key_of, list_photos, write_table
from pipelines.platform.runner import Run
from pipelines.train.trainer import STOP

VAL_PERCENT = 10  # of the training photos, where there is no channel validation


def train(run: Run) -> dict[str, Any]:
    """Run the job; return its outcome, artifacts and the metrics of its last or best epoch."""
    spec = run.spec
    run.stage("Downloading", "Reading the photos of the channels into a dataset")
    channels = {name: Channel(uri, kind, tuple(names)) for name, (uri, kind, names) in spec["channels"].items()}
    dataset = dataset_of(channels) or _ingest(run, channels)
    _check(dataset, spec)
    run.stage("Training", "Training image has been started: darkroom train")
    run.on_stop = lambda: storage.write_bytes(storage.join(spec["run_dir"], STOP), b"")
    summary = run.step("train", {"dataset": dataset, **spec["train"], "max_runtime_seconds": _seconds_left(spec)})
    run.on_stop = lambda: None  # an upload takes seconds
    run.stage("Uploading", "Uploading the generated training model")
    _upload(summary["archive"], spec["artifacts"])
    outcome = {"": "Completed", "early_stopping": "Completed", "max_runtime_seconds": "MaxRuntimeExceeded"}
    return {
        "outcome": outcome.get(summary["stopped"], "Stopped"),
        "artifacts": spec["artifacts"],
        "summary": {key: value for key, value in summary.items() if isinstance(value, int | float)},
    }


def _ingest(run: Run, channels: dict[str, Channel]) -> str:
    """Make the dataset of these photos, unless another job has done so; one that is doing so is waited for."""
    spec = run.spec
    photos = list_photos(channels)
    key = key_of(photos, spec["short_side_px"])
    dataset = storage.join(spec["work"], "datasets", key)
    locks = Path(spec["home"], "locks")
    locks.mkdir(exist_ok=True)
    with (locks / key).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if storage.exists(manifest_uri(dataset)):
            logging.getLogger(__name__).info("the photos were read before: %s", dataset)
            return dataset
        table = f"{dataset}.parquet"
        write_table(photos, table)
        settings = {
            "source": table,
            "target": dataset,
            "short_side_px": spec["short_side_px"],
            "val_percent": VAL_PERCENT,
            "test_percent": 0,
            "max_reject_ratio": spec["max_reject_ratio"],
        }
        run.step("ingest", settings)
    return dataset


def _check(dataset: str, spec: dict[str, Any]) -> None:
    """Hold the dataset against what the hyperparameters say of it.

    Raises:
        DataError: another number of classes.
    """
    manifest = load_manifest(dataset)
    found, expected = len(manifest.classes), spec["num_classes"]
    if found != expected:
        shown = ", ".join(manifest.classes[:20])
        raise DataError(f"hyperparameter num_classes={expected}, but the channel train has {found} classes: {shown}")
    if manifest.rows("train") != spec["num_training_samples"]:
        logging.getLogger(__name__).warning(
            "num_training_samples=%d, the dataset has %d; every row is seen once an epoch all the same",
            spec["num_training_samples"],
            manifest.rows("train"),
        )


def _seconds_left(spec: dict[str, Any]) -> float:
    """Return what MaxRuntimeInSeconds leaves for the training."""
    return max(1.0, float(spec["max_runtime_seconds"]) - (time.time() - float(spec["started_at"])))


def _upload(archive: str, target: str) -> None:
    """Copy the bundle; archives are read whole, as everywhere."""
    content = storage.read_bytes(archive)
    if len(content) > MAX_BYTES:
        raise DataError(f"{archive} has {len(content)} bytes, more than a bundle may have")
    storage.write_bytes(target, content)
