"""What the driver shows of a run while it goes on: a progress bar, log lines, TensorBoard, MLflow."""

import logging
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tqdm import tqdm

from pipelines import storage
from pipelines.dataset import Manifest
from pipelines.train.config import TrainConfig
from pipelines.train.tracking import MlflowRun

LOOK_SECONDS = 1.0


@contextmanager
def reporting(config: TrainConfig, manifest: Manifest, tracking_uri: str) -> Iterator[None]:
    """Follow the run's folder on a thread until the block ends; `tracking_uri` is MLflow's, or empty."""
    finished = threading.Event()
    report = _Report(config, manifest, tracking_uri)
    thread = threading.Thread(target=report.follow, args=(finished,), daemon=True)
    thread.start()
    status = "FAILED"
    try:
        yield
        status = "FINISHED"
    finally:
        finished.set()
        thread.join()
        report.end(status)


class _Report:
    """What was shown already, and where the rest goes."""

    def __init__(self, config: TrainConfig, manifest: Manifest, tracking_uri: str) -> None:
        self._config, self._num_rows = config, manifest.rows("train")
        self._num_shown = len(self._history())
        self._log = logging.getLogger(__name__)
        self._mlflow = MlflowRun(config, tracking_uri) if tracking_uri else None

    def follow(self, finished: threading.Event) -> None:
        """Look once a second, and once more at the end."""
        from torch.utils.tensorboard.writer import SummaryWriter

        total = self._config.epochs * self._num_rows
        with tempfile.TemporaryDirectory() as folder, tqdm(total=total, unit="img", disable=None) as bar:
            writer = SummaryWriter(folder)  # type: ignore[no-untyped-call]
            bar.update(self._rows_done(self._num_shown))
            while True:
                last_look = finished.wait(LOOK_SECONDS)
                history = self._history()
                bar.update(max(0, self._rows_done(len(history)) - bar.n))
                for report in history[self._num_shown :]:
                    self._show(report, writer, Path(folder))
                if last_look:
                    writer.close()  # type: ignore[no-untyped-call]
                    return

    def end(self, status: str) -> None:
        """Tell MLflow how the run ended: FINISHED or FAILED."""
        if self._mlflow:
            self._mlflow.end(status)

    def _read(self, name: str, default: Any) -> Any:
        try:
            return storage.read_json(storage.join(self._config.run_uri(), name))
        except FileNotFoundError:
            return default

    def _history(self) -> list[dict[str, Any]]:
        history: list[dict[str, Any]] = self._read("metrics.json", [])
        return history

    def _rows_done(self, num_epochs: int) -> int:
        progress = self._read("progress.json", {"epoch": 0, "rows": 0})
        return max(num_epochs * self._num_rows, int(progress["epoch"] * self._num_rows + progress["rows"]))

    def _show(self, report: dict[str, Any], writer: Any, folder: Path) -> None:
        """Log one epoch, with the time that is left."""
        self._num_shown += 1
        for key, value in report.items():
            writer.add_scalar(key, value, report["epoch"])
        writer.flush()
        storage.upload(folder, storage.join(self._config.run_uri(), "tensorboard"))
        if self._mlflow:
            self._mlflow.log(report)
        minutes_left = (self._config.epochs - report["epoch"] - 1) * self._num_rows / report["images_per_second"] / 60
        validation = f", val_loss {report['val_loss']:.4f}" if "val_loss" in report else ""
        validation += f" val_accuracy {report['val_accuracy']:.4f}" if "val_accuracy" in report else ""
        self._log.info(
            f"epoch {report['epoch'] + 1} of {self._config.epochs}: loss {report['loss']:.4f} accuracy "
            f"{report['accuracy']:.4f}{validation}, {report['images_per_second']:.0f} img/s, "
            f"{minutes_left:.1f} minutes left"
        )
