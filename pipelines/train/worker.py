"""What each Horovod process does: epochs with checkpoints, then rank 0 saves the bundle."""

import time
from itertools import islice
from typing import Any

import torch

from pipelines import __version__, storage
from pipelines.dataset import Manifest
from pipelines.errors import DarkroomError
from pipelines.model.architectures import build
from pipelines.model.bundle import BundleInfo, save_bundle
from pipelines.model.preprocess import Preprocessing
from pipelines.train.batches import Shard, batches_of
from pipelines.train.checkpoint import load_checkpoint, save_checkpoint
from pipelines.train.config import TrainConfig
from pipelines.train.loop import train_epoch, validate
from pipelines.train.schedule import learning_rate
from pipelines.train.world import World

OPTIMIZERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


def work(config: TrainConfig, manifest: Manifest) -> dict[str, Any]:
    """Train to the end, from the run's checkpoint if there is one; return what the bundle says of it."""
    world = World()
    torch.set_num_threads(config.num_threads)
    torch.manual_seed(config.seed)
    model = build(config.model, len(manifest.classes))
    extra = {"momentum": 0.9} if config.optimizer == "sgd" else {}
    optimizer = OPTIMIZERS[config.optimizer](
        model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, **extra
    )
    trainer = _Trainer(config, manifest, world, model, optimizer)
    trainer.resume()
    while trainer.epoch < config.epochs:
        trainer.run_epoch()
    return trainer.save() if world.rank == 0 else {}


def preprocessing_of(config: TrainConfig, manifest: Manifest) -> Preprocessing:
    """Return how the network of this run wants its images."""
    return Preprocessing(
        policy=manifest.policy(),
        resize_px=max(config.image_size, round(config.image_size * 8 / 7)),
        crop_px=config.image_size,
        mean=manifest.pixel_mean,
        std=manifest.pixel_std,
    )


class _Trainer:
    """The state of one process."""

    def __init__(
        self,
        config: TrainConfig,
        manifest: Manifest,
        world: World,
        model: torch.nn.Module,
        optimizer: torch.optim.Optimizer,
    ) -> None:
        self.config, self.manifest, self.world, self.model = config, manifest, world, model
        self.optimizer = optimizer
        self.preprocessing = preprocessing_of(config, manifest)
        self.epoch, self.steps, self.history = 0, 0, list[dict[str, Any]]()
        self.saved_at = time.monotonic()

    def resume(self) -> None:
        """Take up the checkpoint, then give every process the same state."""
        if state := load_checkpoint(self.config):
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.epoch, self.steps, self.history = state["epoch"], state["steps"], state["history"]
        self.optimizer = self.world.share(self.model, self.optimizer)

    def run_epoch(self) -> None:
        """Train on what is left of the epoch, validate, report, save a checkpoint."""
        started, skipped = time.monotonic(), self.steps
        before = min(self.manifest.rows("train"), skipped * self.config.batch_size * self.world.size)
        rows, loss, accuracy = train_epoch(
            self.model, self.optimizer, self._batches("train", skipped), self.world, self.preprocessing, self._on_step
        )
        if not skipped and rows != self.manifest.rows("train"):
            raise DarkroomError(f"epoch {self.epoch} saw {rows} rows of {self.manifest.rows('train')}; run it again")
        self.world.average_buffers(self.model)
        report: dict[str, Any] = {"epoch": self.epoch, "rows": rows, "loss": loss, "accuracy": accuracy}
        if self.manifest.rows("val"):
            val_rows, val_loss, val_accuracy = validate(
                self.model, self._batches("val", 0), self.world, self.preprocessing
            )
            report |= {"val_rows": val_rows, "val_loss": val_loss, "val_accuracy": val_accuracy}
        seconds = time.monotonic() - started
        report |= {"seconds": seconds, "images_per_second": rows / seconds, "resumed_after_rows": before}
        self.epoch, self.steps, self.history = self.epoch + 1, 0, [*self.history, report]
        if self.world.rank == 0:
            self._checkpoint()
            storage.write_json(storage.join(self.config.run_uri(), "metrics.json"), self.history)

    def _batches(self, split: str, skipped_steps: int) -> Any:
        augment = split == "train" and self.config.augmentation == "crop"
        epoch = self.epoch if split == "train" else 0
        shard = Shard(self.config.dataset, split, self.world.rank, self.world.size, epoch, self.config.seed, augment)
        skip_rows = skipped_steps * self.config.batch_size
        return batches_of(shard, self.preprocessing, self.config.batch_size, self.config.num_threads, skip_rows)

    def _on_step(self, rows_so_far: int) -> float:
        progress = self.epoch + rows_so_far / max(self.manifest.rows("train"), 1)
        if self.world.rank == 0 and time.monotonic() - self.saved_at > self.config.checkpoint_seconds:
            self._checkpoint()
        self.steps += 1
        return learning_rate(self.config, progress)

    def _checkpoint(self) -> None:
        state = {"epoch": self.epoch, "steps": self.steps, "history": self.history}
        model, optimizer = self.model.state_dict(), self.optimizer.state_dict()
        save_checkpoint(self.config, {**state, "model": model, "optimizer": optimizer})
        self.saved_at = time.monotonic()

    def save(self) -> dict[str, Any]:
        """Write the bundle; return its metrics and model_id."""
        split = "val" if self.manifest.rows("val") else "train"
        shard = Shard(self.config.dataset, split, 0, 1, 0, self.config.seed, False)
        images = next(islice(batches_of(shard, self.preprocessing, 16, 1), 1)).images
        info = BundleInfo(
            architecture=self.config.model,
            classes=self.manifest.classes,
            preprocessing=self.preprocessing,
            training=self.config.model_dump(exclude={"dataset", "target", "run_dir"}),
            dataset_id=self.manifest.dataset_id,
            metrics=self.history[-1],
            code_version=__version__,
        )
        saved = save_bundle(self.config.target, self.model, info, images)
        return {"model_id": saved.model_id, **self.history[-1]}
