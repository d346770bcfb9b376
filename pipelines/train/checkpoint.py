"""What a run needs to go on after it was killed."""

import io
from typing import Any

import torch

from pipelines import storage
from pipelines.errors import ConfigError
from pipelines.train.config import TrainConfig
from pipelines.train.own import Codes

FREE = (
    *("target", "run_dir", "num_threads", "checkpoint_seconds"),
    *("max_runtime_seconds", "max_restarts", "restart_on_new_data"),
)


def checkpoint_uri(config: TrainConfig) -> str:
    """Return the checkpoint's file."""
    return storage.join(config.run_uri(), "checkpoint.pt")


def save_checkpoint(config: TrainConfig, dataset_id: str, codes: Codes, state: dict[str, Any]) -> None:
    """Write a checkpoint; a killed write leaves the one before.

    Raises:
        StorageError: a disk is full, or the storage refuses the file.
    """
    with storage.writing(checkpoint_uri(config)) as place, place.open("wb") as file:
        try:
            torch.save({**state, "settings": _settings(config, dataset_id, codes)}, file)
        except RuntimeError as error:  # torch's writer fails once more as it ends, and hides the disk's error
            raise error.__context__ or error from None


def load_checkpoint(config: TrainConfig, dataset_id: str, codes: Codes) -> dict[str, Any] | None:
    """Read the run's checkpoint, None if there is none.

    Raises:
        ConfigError: it belongs to a run with other settings, or the dataset or own code has changed.
    """
    if not (state := _read(config)):
        return None
    if changed := changed_settings(config, dataset_id, codes, state["settings"]):
        now = _settings(config, dataset_id, codes)
        differences = ", ".join(f"{key}={now[key]} (was {old})" for key, old in changed.items())
        remedy = "use another, or restart_on_new_data=true" if set(changed) == {"dataset_id"} else "use another"
        raise ConfigError(f"run_dir={config.run_uri()} holds a run with other settings: {differences}; {remedy}")
    return state


def settings_of_checkpoint(config: TrainConfig) -> dict[str, Any] | None:
    """Return what the run of the checkpoint was started with, None without a checkpoint."""
    state = _read(config)
    return state["settings"] if state else None


def changed_settings(config: TrainConfig, dataset_id: str, codes: Codes, old: dict[str, Any]) -> dict[str, Any]:
    """Return the decisive settings that are different now, with their old values."""
    new = _settings(config, dataset_id, codes)
    return {key: old.get(key) for key in new if key not in FREE and old.get(key) != new[key]}


def _read(config: TrainConfig) -> dict[str, Any] | None:
    if not storage.exists(checkpoint_uri(config)):
        return None
    state: dict[str, Any] = torch.load(io.BytesIO(storage.read_bytes(checkpoint_uri(config))), weights_only=True)
    return state


def _settings(config: TrainConfig, dataset_id: str, codes: Codes) -> dict[str, Any]:
    """Return what makes a run the same run; own code is the same where its text is, wherever its file lies."""
    own = {part: f"{code.entry} of SHA-256 {code.sha256[:12]}" for part, code in codes.items()}
    return {**config.model_dump(), **own, "dataset_id": dataset_id}
