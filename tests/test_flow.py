"""The four jobs, as a user runs them, on photos of three colours."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipelines.model.bundle import load_bundle
from tests.command import darkroom
from tests.photos import write_photos


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("flow")
    write_photos(work / "photos", 45)
    (work / "photos" / "red" / "text.jpg").write_text("no photo")
    return work


@pytest.fixture(scope="module")
def dataset(work: Path) -> dict[str, Any]:
    return darkroom("ingest", f"source={work}/photos", f"target={work}/dataset", "max_reject_ratio=0.1")


SETTINGS = ["image_size=32", "epochs=3", "batch_size=8", "augmentation=none", "model=resnet18", "seed=3"]


@pytest.fixture(scope="module")
def trained(work: Path, dataset: dict[str, Any]) -> dict[str, Any]:
    assert dataset["read"] == 136
    return darkroom("train", f"dataset={work}/dataset", f"target={work}/model", *SETTINGS)


def test_every_epoch_sees_every_row_once(work: Path, dataset: dict[str, Any], trained: dict[str, Any]) -> None:
    history = json.loads(Path(f"{work}/model-run/metrics.json").read_text())
    assert [report["rows"] for report in history] == [dataset["rows"]["train"]] * 3
    assert [report["val_rows"] for report in history] == [dataset["rows"]["val"]] * 3
    assert trained["epochs"] == 3


def test_training_lowers_the_loss(work: Path, trained: dict[str, Any]) -> None:
    history = json.loads(Path(f"{work}/model-run/metrics.json").read_text())
    assert history[-1]["loss"] == trained["loss"] < history[0]["loss"]


def test_a_finished_run_is_repeated_without_training(work: Path, trained: dict[str, Any]) -> None:
    again = darkroom("train", f"dataset={work}/dataset", f"target={work}/model", *SETTINGS)
    assert again["model_id"] == trained["model_id"]


def test_the_same_seed_gives_the_same_weights(work: Path, trained: dict[str, Any]) -> None:
    darkroom("train", f"dataset={work}/dataset", f"target={work}/twin", *SETTINGS)
    assert load_bundle(f"{work}/twin").info.weights_sha256 == load_bundle(trained["model"]).info.weights_sha256


def test_evaluate_score_and_a_direct_call_agree(work: Path, trained: dict[str, Any]) -> None:
    evaluation = darkroom("evaluate", f"dataset={work}/dataset", f"model={work}/model", f"target={work}/report")
    scored = darkroom("score", f"source={work}/photos", f"model={work}/model", f"target={work}/scored")
    assert (scored["inputs"], scored["predicted"], scored["rejected"]) == (136, 135, 1)
    assert evaluation["model_id"] == scored["model_id"] == trained["model_id"]
    by_uri = {row["uri"]: row for row in pq.read_table(work / "scored" / "predictions").to_pylist()}
    bundle = load_bundle(f"{work}/model")
    for row in pq.read_table(work / "report" / "predictions").to_pylist():
        direct = bundle.classify(Path(row["uri"].removeprefix("file://")).read_bytes())
        assert row["confidence"] == pytest.approx(float(direct.max()), abs=1e-4)
        assert by_uri[row["uri"]]["confidence"] == pytest.approx(float(direct.max()), abs=1e-4)
        assert by_uri[row["uri"]]["label_name"] == row["label_name"]
