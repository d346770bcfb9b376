"""A checkpoint's file."""

from pathlib import Path

import pytest
import torch

from pipelines.errors import StorageError
from pipelines.train.checkpoint import load_checkpoint, save_checkpoint
from pipelines.train.config import TrainConfig


@pytest.fixture
def config(tmp_path: Path) -> TrainConfig:
    return TrainConfig.model_validate({"dataset": "/d", "target": str(tmp_path / "model"), "run_dir": str(tmp_path)})


def test_it_gives_back_what_was_saved(config: TrainConfig) -> None:
    save_checkpoint(config, "dataset", {}, {"model": {"weight": torch.arange(3)}})
    state = load_checkpoint(config, "dataset", {})
    assert state
    assert state["model"]["weight"].tolist() == [0, 1, 2]


def test_a_full_disk_is_named_and_leaves_the_checkpoint_before(config: TrainConfig, tmp_path: Path) -> None:
    save_checkpoint(config, "dataset", {}, {"epoch": 1})
    (tmp_path / "_checkpoint.pt.tmp").symlink_to("/dev/full")
    with pytest.raises(StorageError, match="No space left on device.*free space"):
        save_checkpoint(config, "dataset", {}, {"epoch": 2, "model": torch.zeros(2**20)})
    state = load_checkpoint(config, "dataset", {})
    assert state
    assert state["epoch"] == 1
