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


@pytest.fixture
def no_spark(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a Spark that is started after all fail at once."""
    monkeypatch.setenv("JAVA_HOME", "/no/java/here")


@pytest.mark.usefixtures("dataset", "no_spark")
def test_an_ingest_of_nothing_new_ends_without_spark(work: Path) -> None:
    again = darkroom("ingest", f"source={work}/photos", f"target={work}/dataset", "max_reject_ratio=0.1")
    assert (again["read"], again["nothing_new"]) == (0, True)


@pytest.mark.usefixtures("no_spark")
def test_a_training_on_an_unchanged_dataset_ends_without_spark(work: Path, trained: dict[str, Any]) -> None:
    again = darkroom("train", f"dataset={work}/dataset", f"target={work}/model", *SETTINGS)
    assert {**again, "seconds": 0} == {**trained, "nothing_new": True, "seconds": 0}


def test_the_same_seed_gives_the_same_weights(work: Path, trained: dict[str, Any]) -> None:
    darkroom("train", f"dataset={work}/dataset", f"target={work}/twin", *SETTINGS)
    assert load_bundle(f"{work}/twin").info.weights_sha256 == load_bundle(trained["model"]).info.weights_sha256


@pytest.mark.parametrize("engine", ["torch", "openvino"])
def test_evaluate_score_and_a_direct_call_agree(work: Path, trained: dict[str, Any], engine: str) -> None:
    report, predictions = work / f"report-{engine}", work / f"scored-{engine}"
    words = (f"model={work}/model", f"engine={engine}")
    evaluation = darkroom("evaluate", f"dataset={work}/dataset", f"target={report}", *words)
    scored = darkroom("score", f"source={work}/photos", f"target={predictions}", *words)
    assert (scored["inputs"], scored["predicted"], scored["rejected"]) == (136, 135, 1)
    assert evaluation["model_id"] == scored["model_id"] == trained["model_id"]
    by_uri = {row["uri"]: row for row in pq.read_table(predictions / "predictions").to_pylist()}
    bundle = load_bundle(f"{work}/model")
    for row in pq.read_table(report / "predictions").to_pylist():
        direct = bundle.classify(Path(row["uri"].removeprefix("file://")).read_bytes())
        assert row["confidence"] == pytest.approx(float(direct.max()), abs=1e-4)
        assert by_uri[row["uri"]]["confidence"] == pytest.approx(float(direct.max()), abs=1e-4)
        assert by_uri[row["uri"]]["label_name"] == row["label_name"]


@pytest.mark.usefixtures("trained")
def test_the_fastest_engine_finds_the_same_classes(work: Path) -> None:
    darkroom("score", f"source={work}/photos", f"model={work}/model", f"target={work}/scored")
    bundle = load_bundle(f"{work}/model")
    for row in pq.read_table(work / "scored" / "predictions").to_pylist():
        direct = bundle.classify(Path(row["uri"].removeprefix("file://")).read_bytes())
        assert row["label_name"] == bundle.info.classes[direct.argmax()]


@pytest.mark.usefixtures("trained")
def test_a_scoring_of_the_same_photos_ends_without_spark(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = (f"source={work}/photos", f"model={work}/model", f"target={work}/scored")
    scored = darkroom("score", *words)
    monkeypatch.setenv("JAVA_HOME", "/no/java/here")
    assert {**darkroom("score", *words), "seconds": 0} == {**scored, "nothing_new": True, "seconds": 0}


@pytest.mark.usefixtures("trained")
def test_new_photos_start_a_training_anew(work: Path) -> None:
    write_photos(work / "photos", 5, first=500)
    added = darkroom("ingest", f"source={work}/photos", f"target={work}/dataset", "max_reject_ratio=0.1")
    assert (added["read"], added["nothing_new"]) == (15, False)
    again = darkroom("train", f"dataset={work}/dataset", f"target={work}/model", *SETTINGS)
    assert (again["rows"], again["nothing_new"]) == (added["rows"]["train"], False)
    assert load_bundle(f"{work}/model").info.dataset_id == added["dataset_id"]
