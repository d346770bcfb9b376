"""What a run needs to go on after it was killed."""

import io
from typing import Any

import torch

from pipelines import storage
from pipelines.errors import ConfigError
from pipelines.train.config import TrainConfig
from pipelines.train.own import Codes

FREE = ("target", "num_threads", "checkpoint_seconds", "run_dir", "max_runtime_seconds", "max_restarts")


def checkpoint_uri(config: TrainConfig) -> str:
    """Return the checkpoint's file."""
    return storage.join(config.run_uri(), "checkpoint.pt")


def save_checkpoint(config: TrainConfig, dataset_id: str, codes: Codes, state: dict[str, Any]) -> None:
    """Write a checkpoint; a killed write leaves the one before."""
    file = io.BytesIO()
    torch.save({**state, "settings": _settings(config, dataset_id, codes)}, file)
    storage.write_bytes(checkpoint_uri(config), file.getvalue())


def load_checkpoint(config: TrainConfig, dataset_id: str, codes: Codes) -> dict[str, Any] | None:
    """Read the run's checkpoint, None if there is none.

    Raises:
        ConfigError: it belongs to a run with other settings, or the dataset or own code has changed.
    """
    if not storage.exists(checkpoint_uri(config)):
        return None
    content = io.BytesIO(storage.read_bytes(checkpoint_uri(config)))
    state: dict[str, Any] = torch.load(content, weights_only=True)
    old, new = state["settings"], _settings(config, dataset_id, codes)
    if changed := [key for key in new if key not in FREE and old.get(key) != new[key]]:
        differences = ", ".join(f"{key}={new[key]} (was {old.get(key)})" for key in changed)
        raise ConfigError(f"run_dir={config.run_uri()} holds a run with other settings: {differences}; use another")
    return state


def _settings(config: TrainConfig, dataset_id: str, codes: Codes) -> dict[str, Any]:
    """Return what makes a run the same run; own code is the same where its text is, wherever its file lies."""
    own = {part: f"{code.entry} of SHA-256 {code.sha256[:12]}" for part, code in codes.items()}
    return {**config.model_dump(), **own, "dataset_id": dataset_id}
