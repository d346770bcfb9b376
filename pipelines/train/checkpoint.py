"""What a run needs to go on after it was killed."""

import io
from typing import Any

import torch

from pipelines import storage
from pipelines.errors import ConfigError
from pipelines.train.config import TrainConfig

FREE = ("target", "num_threads", "checkpoint_seconds", "run_dir", "max_runtime_seconds", "max_restarts")


def checkpoint_uri(config: TrainConfig) -> str:
    """Return the checkpoint's file."""
    return storage.join(config.run_uri(), "checkpoint.pt")


def save_checkpoint(config: TrainConfig, dataset_id: str, state: dict[str, Any]) -> None:
    """Write a checkpoint; a killed write leaves the one before."""
    file = io.BytesIO()
    torch.save({**state, "settings": {**config.model_dump(), "dataset_id": dataset_id}}, file)
    storage.write_bytes(checkpoint_uri(config), file.getvalue())


def load_checkpoint(config: TrainConfig, dataset_id: str) -> dict[str, Any] | None:
    """Read the run's checkpoint, None if there is none.

    Raises:
        ConfigError: it belongs to a run with other settings, or the dataset has changed.
    """
    if not storage.exists(checkpoint_uri(config)):
        return None
    content = io.BytesIO(storage.read_bytes(checkpoint_uri(config)))
    state: dict[str, Any] = torch.load(content, weights_only=True)
    old, new = state["settings"], {**config.model_dump(), "dataset_id": dataset_id}
    if changed := [key for key in new if key not in FREE and old.get(key) != new[key]]:
        differences = ", ".join(f"{key}={new[key]} (was {old.get(key)})" for key in changed)
        raise ConfigError(f"run_dir={config.run_uri()} holds a run with other settings: {differences}; use another")
    return state
