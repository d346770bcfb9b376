"""Days of predictions against a training split of 50 % blue, 30 % green, 20 % red photos."""

import datetime
import json
import re
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from pipelines import storage
from pipelines.config import load
from pipelines.dataset import FileCounts, Manifest
from pipelines.drift.config import DriftConfig
from pipelines.drift.run import check, drift, verdict
from pipelines.errors import ConfigError
from tests.command import finish, start

SCHEMA = "date date, label_name string, confidence double, model_id string"
STEADY, SHIFTED = (500, 300, 200), (100, 100, 800)


@pytest.fixture(scope="module")
def work(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset, an evaluation, and predictions: two steady days, one with few photos, one that has drifted."""
    work = tmp_path_factory.mktemp("drift")
    counts = {"train": {"blue": 500, "green": 300, "red": 200}, "val": {}, "test": {}}
    files = FileCounts(read=1000, accepted=1000, duplicates=0, rejected=0, skipped=0)
    about: dict[str, Any] = {"parameters": {}, "source": "photos", "code_version": "test", "dataset_id": "d"}
    pixels = {"pixel_mean": (0.5,) * 3, "pixel_std": (0.2,) * 3}
    manifest = Manifest(classes=("blue", "green", "red"), counts=counts, files=files, **about, **pixels)
    storage.write_json(f"file://{work}/dataset/dataset.json", manifest.model_dump())
    calibration = [
        {"count": 900, "confidence": 0.95, "accuracy": 0.9},
        {"count": 100, "confidence": 0.5, "accuracy": 0.5},
    ]
    storage.write_json(f"file://{work}/evaluation/metrics.json", {"model_id": "m1", "calibration": calibration})
    rows = day(1, STEADY) + day(2, STEADY) + day(3, (0, 0, 20)) + day(4, SHIFTED)
    write(spark, rows, work / "scored" / "predictions")
    return work


def day(number: int, counts: tuple[int, int, int], confident: float = 0.9) -> list[tuple[Any, ...]]:
    """Return predictions of a day; a share of `confident` of them has confidence 0.95, the rest 0.5."""
    labels = [name for name, count in zip(("blue", "green", "red"), counts, strict=True) for _ in range(count)]
    date = datetime.date(2026, 3, number)
    return [(date, label, 0.95 if index % 10 < 10 * confident else 0.5, "m1") for index, label in enumerate(labels)]


def write(spark: SparkSession, rows: list[tuple[Any, ...]], folder: Path) -> None:
    spark.createDataFrame(rows, SCHEMA).write.partitionBy("date").parquet(f"file://{folder}")


def config_of(work: Path, *words: str, predictions: str = "scored") -> DriftConfig:
    settings = [f"predictions={work}/{predictions}", f"dataset={work}/dataset", f"evaluation={work}/evaluation"]
    return load(DriftConfig, [*settings, f"target={work}/report", *words])


def test_a_day_like_the_training_photos_is_steady(spark: SparkSession, work: Path) -> None:
    summary = drift(spark, config_of(work, "to=2026-03-02"))
    assert (summary["drifted"], summary["days"], summary["judged_days"]) == (False, 2, ["2026-03-02"])
    assert summary["classes"]["psi"] < 0.01 and summary["confidence"]["psi"] < 0.01
    assert summary["mean_confidence"] == pytest.approx(0.905)
    assert verdict(summary) == ""


@pytest.mark.parametrize("measure", ["psi", "jensen_shannon"])
def test_a_day_with_other_classes_has_drifted(spark: SparkSession, work: Path, measure: str) -> None:
    summary = drift(spark, config_of(work, f"measure={measure}"))
    assert summary["drifted_days"] == ["2026-03-04"] and summary["classes"]["drifted"]
    assert not summary["confidence"]["drifted"]
    assert f"{measure} is above threshold={summary['threshold']}" in verdict(summary)


def test_less_confidence_is_drift_too(spark: SparkSession, work: Path) -> None:
    write(spark, day(5, STEADY, confident=0.2), work / "unsure")
    summary = drift(spark, config_of(work, predictions="unsure"))
    assert summary["drifted"] and summary["confidence"]["drifted"] and not summary["classes"]["drifted"]


def test_few_photos_are_shown_and_not_judged(spark: SparkSession, work: Path) -> None:
    summary = drift(spark, config_of(work, "to=2026-03-03"))
    assert (summary["drifted"], summary["judged_days"], summary["num_images"]) == (False, [], 20)


def test_a_class_that_training_did_not_know_counts(spark: SparkSession, work: Path) -> None:
    rows = [(datetime.date(2026, 3, 6), "purple", 0.95, "m2")] * 500
    write(spark, rows, work / "purple")
    assert drift(spark, config_of(work, predictions="purple"))["classes"]["drifted"]
    document = json.loads((work / "report" / "drift.json").read_text())
    assert document["reference"]["classes"] == ["blue", "green", "red", "purple"]
    assert "of model\nm1" in (work / "report" / "report.html").read_text()


def test_the_page_says_it_shows_it_and_needs_no_other_file(spark: SparkSession, work: Path) -> None:
    drift(spark, config_of(work))
    page = (work / "report" / "report.html").read_text()
    assert '<h1 class="drifted">Drifted</h1>' in page and page.count("<svg") == 4
    assert not re.search(r'(src|href)="(?!data:|#)', page) and "<script" not in page
    drift(spark, config_of(work, "to=2026-03-02"))
    assert "<h1>Steady</h1>" in (work / "report" / "report.html").read_text()


def test_predictions_without_days_count_for_the_day_they_were_made_on(spark: SparkSession, work: Path) -> None:
    rows = spark.createDataFrame(day(1, STEADY), SCHEMA).drop("date")
    rows.write.parquet(f"file://{work}/undated/predictions")
    storage.write_json(f"file://{work}/undated/score.json", {})
    assert drift(spark, config_of(work, predictions="undated"))["last_day"] >= "2026-01-01"


def test_predictions_that_are_not_there_are_a_wrong_conf(work: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist; give the target of score or score_stream"):
        check(config_of(work, predictions="nowhere"))


def test_a_schedule_hears_of_drift_by_exit_code_3(work: Path) -> None:
    words = [f"predictions={work}/scored", f"dataset={work}/dataset", f"target={work}/heard"]
    stdout, stderr = finish(start("drift", *words), exit_code=3)
    assert json.loads(stdout.splitlines()[-1])["drifted_days"] == ["2026-03-04"]
    assert "the predictions of 2026-03-04 are no longer distributed like the training photos" in stderr
