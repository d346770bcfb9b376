"""Scoring: one row for every input, whatever it is."""

import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from pipelines.config import load
from pipelines.errors import ConfigError, DataError
from pipelines.ingest.config import IngestConfig
from pipelines.ingest.run import ingest
from pipelines.model.bundle import load_bundle
from pipelines.score.config import ScoreConfig
from pipelines.score.run import check, score
from tests.bundles import COLOURS, write_bundle
from tests.photos import write_photos


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 photos, a copy of one, a text with a photo's name, a text, and a bundle."""
    work = tmp_path_factory.mktemp("score")
    write_bundle(work / "model")
    write_photos(work / "photos", 10)
    shutil.copy(work / "photos" / "red" / "000.jpg", work / "photos" / "red" / "copy.jpg")
    (work / "photos" / "red" / "text.jpg").write_text("no photo")
    (work / "photos" / "notes.txt").write_text("not looked at")
    return work


def run(spark: SparkSession, work: Path, *words: str, target: str = "scored") -> dict[str, Any]:
    settings = (f"source={work}/photos", f"model={work}/model", f"target={work}/{target}", *words)
    return score(spark, load(ScoreConfig, settings))


def rows(work: Path, table: str = "predictions", target: str = "scored") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(work / target / table).to_pylist()
    return sorted(found, key=lambda row: str(row["uri"]))


def test_inputs_are_predictions_and_rejects(spark: SparkSession, work: Path) -> None:
    summary = run(spark, work)
    assert [summary[key] for key in ("inputs", "predicted", "rejected", "skipped")] == [32, 31, 1, 1]
    assert len(rows(work)) == 31
    (reject,) = rows(work, "rejects")
    assert (reject["uri"], reject["reason"]) == (f"file://{work}/photos/red/text.jpg", "not_an_image")
    assert reject["bytes"] == b"no photo"


def test_a_copy_gets_the_same_answer(spark: SparkSession, work: Path) -> None:
    run(spark, work)
    answers = {row["uri"].rsplit("/", 1)[1]: row for row in rows(work) if "/red/" in row["uri"]}
    assert answers["copy.jpg"]["top_k"] == answers["000.jpg"]["top_k"]


def test_top_k_is_sorted_and_led_by_the_label(spark: SparkSession, work: Path) -> None:
    run(spark, work, "top_k=2")
    for row in rows(work):
        best, second = row["top_k"]
        assert (best["label_name"], best["confidence"]) == (row["label_name"], row["confidence"])
        assert best["confidence"] >= second["confidence"]


def test_every_row_names_the_model(spark: SparkSession, work: Path) -> None:
    run(spark, work)
    assert {row["model_id"] for row in rows(work)} == {load_bundle(f"{work}/model").info.model_id}


def test_engines_agree(spark: SparkSession, work: Path) -> None:
    for engine in ("torch", "openvino"):
        assert run(spark, work, f"engine={engine}", target=engine)["engine"] == engine
    for one, two in zip(rows(work, target="torch"), rows(work, target="openvino"), strict=True):
        assert one["confidence"] == pytest.approx(two["confidence"], abs=1e-4)


def test_a_dataset_is_scored_as_its_files_are(spark: SparkSession, work: Path) -> None:
    ingest(spark, load(IngestConfig, [f"source={work}/photos", f"target={work}/dataset", "max_reject_ratio=1"]))
    run(spark, work, "engine=openvino", target="from_files")
    run(spark, work, "engine=openvino", f"source={work}/dataset", target="from_dataset")
    from_files = {row["uri"]: row["confidence"] for row in rows(work, target="from_files")}
    from_dataset = rows(work, target="from_dataset")
    assert len(from_dataset) == 30
    assert all(row["confidence"] == pytest.approx(from_files[row["uri"]], abs=1e-4) for row in from_dataset)


def test_a_repeated_run_replaces_the_first(spark: SparkSession, work: Path) -> None:
    run(spark, work, target="twice")
    run(spark, work, target="twice")
    assert len(rows(work, target="twice")) == 31


def test_a_table_of_paths_without_a_label_is_enough(spark: SparkSession, work: Path) -> None:
    (work / "list.csv").write_text("path\nphotos/red/000.jpg\nphotos/red/gone.jpg\n")
    summary = run(spark, work, f"source={work}/list.csv", target="listed")
    assert [summary[key] for key in ("inputs", "predicted", "rejected")] == [2, 1, 1]
    assert rows(work, "rejects", "listed")[0]["reason"] == "unreadable"


def test_an_archive_scores_as_its_folder(spark: SparkSession, work: Path) -> None:
    run(spark, work, "engine=torch", target="folder")
    run(spark, work, f"model={work}/model.tar.gz", "engine=torch", target="archive")
    assert rows(work, target="folder") == rows(work, target="archive")


def test_a_missing_source_is_a_wrong_conf(work: Path) -> None:
    with pytest.raises(ConfigError, match=r"source=file:///no/such does not exist"):
        check(load(ScoreConfig, ["source=/no/such", f"model={work}/model", f"target={work}/x"]))


def test_a_source_without_images_is_wrong_data_and_writes_nothing(spark: SparkSession, work: Path) -> None:
    (work / "texts").mkdir()
    (work / "texts" / "notes.txt").write_text("x")
    with pytest.raises(DataError, match="has no images; 1 other files were skipped"):
        run(spark, work, f"source={work}/texts", target="nothing")
    assert not (work / "nothing").exists()


def test_classes_are_the_bundle_s(spark: SparkSession, work: Path) -> None:
    run(spark, work)
    assert {answer["label_name"] for row in rows(work) for answer in row["top_k"]} == set(COLOURS)
