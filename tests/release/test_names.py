"""Names with versions: one file says which bundle a name means."""

import shutil
from pathlib import Path

import pytest

from pipelines import storage
from pipelines.config import load
from pipelines.errors import ConfigError, DataError
from pipelines.model.bundle import load_bundle
from pipelines.release.config import PromoteConfig, RollbackConfig
from pipelines.release.run import promote, rollback
from tests.bundles import write_bundle


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles")
    for seed in (1, 2, 3):
        write_bundle(folder / f"model{seed}", seed=seed)
    return folder


@pytest.fixture
def models(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "models")
    return tmp_path / "models"


def move(models: Path, seed: int, alias: str = "production") -> str:
    given = [f"model={models}/model{seed}", f"name={models}/photos@{alias}"]
    return str(promote(load(PromoteConfig, given))["model_id"])


def back(models: Path) -> str:
    return str(rollback(load(RollbackConfig, [f"name={models}/photos@production"]))["model_id"])


def meant(models: Path, alias: str = "production") -> str:
    return load_bundle(f"file://{models}/photos@{alias}").info.model_id


def test_a_name_means_the_bundle_that_was_promoted_last(models: Path) -> None:
    one, two = move(models, 1), move(models, 2)
    assert one != two and meant(models) == two


def test_rollback_goes_back_one_version_after_the_other(models: Path) -> None:
    one, two, _ = (move(models, seed) for seed in (1, 2, 3))
    assert (back(models), meant(models)) == (two, two)
    assert (back(models), meant(models)) == (one, one)
    with pytest.raises(ConfigError, match="has no version before"):
        back(models)


def test_a_promoted_bundle_does_not_change_with_the_folder_it_came_from(models: Path) -> None:
    one = move(models, 1)
    shutil.rmtree(models / "model1")
    shutil.copytree(models / "model2", models / "model1")
    assert meant(models) == one
    assert load_bundle(f"file://{models}/photos@production").uri == f"file://{models}/photos@versions/{one}"


def test_an_archive_and_a_name_can_be_promoted_too(models: Path) -> None:
    one = move(models, 1, "staging")
    promote(load(PromoteConfig, [f"model={models}/photos@staging", f"name={models}/photos@production"]))
    assert meant(models) == one
    promote(load(PromoteConfig, [f"model={models}/model2.tar.gz", f"name={models}/photos@production"]))
    assert meant(models) == load_bundle(f"file://{models}/model2").info.model_id


def test_promoting_the_current_bundle_again_changes_nothing(models: Path) -> None:
    move(models, 1)
    before = (models / "photos@production").read_bytes()
    move(models, 1)
    assert (models / "photos@production").read_bytes() == before


def test_a_bundle_that_fails_its_check_batch_is_refused(models: Path) -> None:
    one = move(models, 1)
    shutil.copy(models / "model3" / "check.safetensors", models / "model2" / "check.safetensors")
    with pytest.raises(DataError, match="fails its check batch"):
        move(models, 2)
    assert meant(models) == one


def test_a_bundle_without_its_graph_is_refused(models: Path) -> None:
    shutil.rmtree(models / "model2" / "graph")
    with pytest.raises(DataError, match="lacks a file"):
        move(models, 2)
    assert not storage.exists(f"file://{models}/photos@production")


def test_what_is_no_name_is_explained(models: Path) -> None:
    for name in ("photos", "photos@versions", "photos@a/b"):
        with pytest.raises(ConfigError, match="written MODEL@ALIAS"):
            load(PromoteConfig, [f"model={models}/model1", f"name={models}/{name}"])
    with pytest.raises(ConfigError, match="there is no such name"):
        load_bundle(f"file://{models}/photos@nowhere")
