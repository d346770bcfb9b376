"""What a training on a dataset that has grown does with the run before."""

from pathlib import Path
from typing import Any

import pytest
import torch

from pipelines import storage
from pipelines.config import load
from pipelines.dataset import FileCounts, Manifest
from pipelines.errors import ConfigError
from pipelines.train.checkpoint import load_checkpoint, save_checkpoint
from pipelines.train.config import TrainConfig
from pipelines.train.repeated import clear_run, is_outdated
from tests.bundles import write_bundle


def config_of(folder: Path, *words: str) -> TrainConfig:
    return load(TrainConfig, [f"dataset={folder}/dataset", f"target={folder}/model", *words])


def dataset(dataset_id: str) -> Manifest:
    files = FileCounts(read=0, accepted=0, duplicates=0, rejected=0, skipped=0)
    nothing: dict[str, Any] = {"classes": (), "counts": {}, "parameters": {}, "source": "", "code_version": ""}
    black = {"pixel_mean": (0, 0, 0), "pixel_std": (1, 1, 1)}
    return Manifest(dataset_id=dataset_id, files=files, **nothing, **black)


def write_run(folder: Path, *, ended: bool) -> None:
    """Leave a checkpoint of dataset `old`, and, of a run that has ended, the bundle."""
    config = config_of(folder)
    save_checkpoint(config, "old", {}, {"epoch": 1, "model": {"x": torch.zeros(1)}})
    storage.write_json(f"{config.run_uri()}/metrics.json", [{"epoch": 0}])
    if ended:
        training = config.model_dump(mode="json", exclude={"dataset", "target", "run_dir"})
        write_bundle(folder / "model", training=training, dataset_id="old", metrics={"stopped": ""})


def test_a_run_that_has_ended_is_outdated_by_new_photos(tmp_path: Path) -> None:
    write_run(tmp_path, ended=True)
    assert not is_outdated(config_of(tmp_path), dataset("old"), {})
    assert is_outdated(config_of(tmp_path), dataset("new"), {})
    clear_run(config_of(tmp_path))
    assert load_checkpoint(config_of(tmp_path), "new", {}) is None
    assert storage.names(config_of(tmp_path).run_uri()) == []


def test_a_run_that_has_not_ended_is_kept_unless_the_conf_says_otherwise(tmp_path: Path) -> None:
    write_run(tmp_path, ended=False)
    assert not is_outdated(config_of(tmp_path), dataset("new"), {})
    with pytest.raises(ConfigError, match=r"dataset_id=new \(was old\); use another, or restart_on_new_data=true"):
        load_checkpoint(config_of(tmp_path), "new", {})
    assert is_outdated(config_of(tmp_path, "restart_on_new_data=true"), dataset("new"), {})


def test_other_settings_are_no_reason_to_forget_a_run(tmp_path: Path) -> None:
    write_run(tmp_path, ended=True)
    assert not is_outdated(config_of(tmp_path, "epochs=99", "restart_on_new_data=true"), dataset("new"), {})
