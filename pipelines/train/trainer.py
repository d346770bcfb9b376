"""One process of a run: its epochs, what it saves, and when it stops."""

import copy
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

import torch

from pipelines import storage
from pipelines.dataset import Manifest
from pipelines.errors import DarkroomError
from pipelines.model.preprocess import Preprocessing
from pipelines.train.batches import Batch, Shard, batches_of
from pipelines.train.checkpoint import load_checkpoint, save_checkpoint
from pipelines.train.config import TrainConfig
from pipelines.train.forward import Forward
from pipelines.train.gradients import Gradients
from pipelines.train.loop import Pass, Step, train_epoch, validate
from pipelines.train.own import Codes, augmentation_of, figures_of, loss_of, metric_of
from pipelines.train.schedule import learning_rate
from pipelines.train.stopping import best_epoch, stands_still
from pipelines.train.world import World

PROGRESS_SECONDS = 2.0
STOP = "stop"  # a file of this name in run_dir ends a run as the time limit does


class Trainer:
    """The state of one process; `stopped` says why it ended before the last epoch."""

    def __init__(
        self,
        config: TrainConfig,
        manifest: Manifest,
        codes: Codes,
        preprocessing: Preprocessing,
        world: World,
        model: torch.nn.Module,
        optimizer: torch.optim.Optimizer,
    ) -> None:
        """Begin at the start, or where the run's checkpoint is."""
        self.config, self.manifest, self.codes = config, manifest, codes
        self.preprocessing, self.world = preprocessing, world
        self._forward = Forward(model, preprocessing, world.device, config.precision)
        self.model, self.history, self.stopped = model, list[dict[str, Any]](), ""
        self._best: dict[str, torch.Tensor] | None = None
        self._epoch, self._steps, self._rows, self._seconds_before = 0, 0, 0, 0.0
        self._asked_to_stop = self._is_asked_to_stop()
        self._started = self._saved_at = self._shown_at = time.monotonic()
        if state := load_checkpoint(config, manifest.dataset_id, codes):
            model.load_state_dict(state["model"])
            optimizer.load_state_dict(state["optimizer"])
            self.history, self.stopped, self._best = state["history"], state["stopped"], state["best"]
            self._epoch, self._steps, self._rows = state["epoch"], state["steps"], state["rows"]
            self._seconds_before = state["seconds"]
            going_on = {"max_runtime_seconds": not self._is_over_time(), STOP: not self._asked_to_stop}
            self.stopped = "" if going_on.get(self.stopped) else self.stopped
        world.share(model)
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._optimizer = optimizer
        self._gradients = Gradients(model, world, config.tensor_fusion_mib, config.gradient_compression)
        self._class_weights = class_weights_of(config, manifest)
        self._loss, self._augmentation = loss_of(config, codes), augmentation_of(config, codes)
        self._metric = metric_of(config, codes)

    def run(self) -> None:
        """Train to the end; the model is then that of the last epoch, or of the best with early stopping."""
        while self._epoch < self.config.epochs and not self.stopped:
            self._run_epoch()
        if self._best:
            self.model.load_state_dict(self._best)

    def _run_epoch(self) -> None:
        """Train on what is left of the epoch, validate, report, save a checkpoint."""
        started, steps_before, rows_before = time.monotonic(), self._steps, self._rows
        trained = train_epoch(
            self._forward,
            self._optimizer,
            self._gradients,
            self._steps_left(),
            self.world,
            self._loss,
            self._class_weights,
            lambda steps, rows: self._before_step(steps_before + steps, rows_before + rows),
        )
        self._rows = rows_before + trained.rows
        if trained.stopped:
            self.stopped = STOP if self._asked_to_stop else "max_runtime_seconds"
            self._checkpoint()
            return
        if self._rows != self.manifest.rows("train"):
            expected = self.manifest.rows("train")
            raise DarkroomError(f"epoch {self._epoch} saw {self._rows} rows of {expected}; run it again")
        self.world.average_buffers(self.model)
        checked = validate(self._forward, self._batches("val"), self.world, self._loss, keep_answers=bool(self._metric))
        self.history.append(self._report(trained, checked, time.monotonic() - started))
        self._epoch, self._steps, self._rows = self._epoch + 1, 0, 0
        self._judge()
        self._checkpoint()
        self._write("metrics.json", self.history)

    def _report(self, trained: Pass, checked: Pass, seconds: float) -> dict[str, Any]:
        """Describe an epoch; after a resume in its middle, loss and accuracy are those of the rows after it."""
        report: dict[str, Any] = {"epoch": self._epoch, "rows": self._rows, "rows_since_resume": trained.rows}
        report |= {"loss": trained.loss, "accuracy": trained.accuracy}
        if checked.rows:
            report |= {"val_rows": checked.rows, "val_loss": checked.loss, "val_accuracy": checked.accuracy}
            report |= self._own_figures(checked)
        rate = self._optimizer.param_groups[0]["lr"]
        return {**report, "learning_rate": rate, "seconds": seconds, "images_per_second": trained.rows / seconds}

    def _own_figures(self, checked: Pass) -> dict[str, float]:
        """Return the user's own figures of the validation, called val_NAME."""
        if not self._metric or not checked.answers:
            return {}
        figures = figures_of(self._metric, self.codes["metric"].name, *checked.answers)
        return {f"val_{name}": figure for name, figure in figures.items()}

    def _judge(self) -> None:
        """Keep the best weights and stop early, where the run asks for it."""
        if not self.config.early_stopping:
            return
        if best_epoch(self.history) == len(self.history) - 1:
            self._best = copy.deepcopy(self.model.state_dict())
        if stands_still(self.history, self.config) and self._epoch < self.config.epochs:
            self.stopped = "early_stopping"

    def _steps_left(self) -> Iterator[list[Batch]]:
        """Return the batches of each of this epoch's steps that are not done."""
        passes = self.config.backward_passes_per_step
        batches = self._batches("train", self._steps * passes * self.config.batch_size)
        return iter(lambda: list(islice(batches, passes)), [])

    def _batches(self, split: str, skip_rows: int = 0) -> Iterator[Batch]:
        if not self.manifest.rows(split):
            return iter(())
        training = split == "train"
        shard = Shard(
            self.config.dataset,
            split,
            self.world.rank,
            self.world.size,
            self._epoch if training else 0,
            self.config.seed,
            self.config.augmentation if training else "none",
        )
        own = self._augmentation if training else None
        return batches_of(shard, self.preprocessing, self.config.batch_size, self.config.num_threads, skip_rows, own)

    def _before_step(self, steps: int, rows: int) -> Step:
        """Take note of what the epoch has done so far; show it and save it where it is time."""
        done_more = steps > self._steps
        self._steps, self._rows = steps, rows
        now = time.monotonic()
        if self.world.rank == 0 and now - self._shown_at > PROGRESS_SECONDS:
            self._shown_at = now
            self._write("progress.json", {"epoch": self._epoch, "rows": rows})
            self._asked_to_stop = self._is_asked_to_stop()
        if done_more and now - self._saved_at > self.config.checkpoint_seconds:
            self._checkpoint()
        stop = self.world.rank == 0 and (self._is_over_time() or self._asked_to_stop)
        return Step(learning_rate(self.config, self._epoch + rows / self.manifest.rows("train")), stop)

    def _is_asked_to_stop(self) -> bool:
        return storage.exists(storage.join(self.config.run_uri(), STOP))

    def _is_over_time(self) -> bool:
        return 0 < self.config.max_runtime_seconds <= self._seconds()

    def _seconds(self) -> float:
        return self._seconds_before + time.monotonic() - self._started

    def _checkpoint(self) -> None:
        if self.world.rank == 0:
            state: dict[str, Any] = {"epoch": self._epoch, "steps": self._steps, "rows": self._rows}
            state |= {"seconds": self._seconds()}
            state |= {"history": self.history, "stopped": self.stopped, "best": self._best}
            model, optimizer = self.model.state_dict(), self._optimizer.state_dict()
            state |= {"model": model, "optimizer": optimizer}
            save_checkpoint(self.config, self.manifest.dataset_id, self.codes, state)
        self._saved_at = time.monotonic()

    def _write(self, name: str, document: Any) -> None:
        if self.world.rank == 0:
            storage.write_json(storage.join(self.config.run_uri(), name), document)


def class_weights_of(config: TrainConfig, manifest: Manifest) -> torch.Tensor:
    """Return float32 (C,): ones, or for `balanced` what makes the photos of every class weigh the same."""
    counts = [manifest.counts["train"][name] for name in manifest.classes]
    if config.class_weights == "none":
        return torch.ones(len(counts))
    present = sum(count > 0 for count in counts)
    return torch.tensor([sum(counts) / (present * count) if count else 0.0 for count in counts])
