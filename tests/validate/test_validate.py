"""A validation of a learner on features, run as a user does, and compared with another on the same folds."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from pipelines.config import load
from pipelines.errors import ConfigError
from pipelines.features.config import FeaturesConfig
from pipelines.features.run import features
from pipelines.ingest.config import IngestConfig
from pipelines.ingest.run import ingest
from pipelines.validate.config import ValidateConfig
from pipelines.validate.run import check, validate
from tests.bundles import write_bundle
from tests.photos import write_photos


@pytest.fixture(scope="module")
def work(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("validate")
    write_bundle(work / "model")
    write_photos(work / "photos", 12)
    ingest(spark, load(IngestConfig, [f"source={work}/photos", f"target={work}/dataset"]))
    words = [f"source={work}/dataset", f"model={work}/model", f"target={work}/features", "layer=features.3"]
    features(spark, load(FeaturesConfig, words))
    return work


def settings(work: Path, target: str, *words: str) -> ValidateConfig:
    common = [f"dataset={work}/features", f"target={work}/{target}", "verb=fit", "folds=2"]
    return load(ValidateConfig, [*common, *words])


def test_folds_are_measured_and_two_learners_compared(spark: SparkSession, work: Path) -> None:
    one, two = settings(work, "one"), settings(work, "two", f"compare={work}/one", "settings.select=var10")
    for config in (one, two):
        check(config)
        summary = validate(spark, config)
    report = json.loads((work / "two" / "validation.json").read_text())
    assert summary["runs"] == len(report["runs"]) == 2
    assert sum(run["measured_rows"] for run in report["runs"]) == summary["rows"]
    assert report["comparison"]["degrees_of_freedom"] == 1
    assert len(pq.read_table(work / "two" / "folds")) == summary["rows"]
    assert "corrected resampled t-test" in (work / "two" / "report.html").read_text()


def test_a_measured_fold_is_not_run_again(spark: SparkSession, work: Path) -> None:
    config = settings(work, "resumed")
    validate(spark, config)
    kept, lost = (work / "resumed-run" / f"repeat-0-fold-{number}" / "result.json" for number in (0, 1))
    result = json.loads(kept.read_text())
    kept.write_text(json.dumps({**result, "val_accuracy": 0.125}))
    lost.unlink()
    validate(spark, config)
    scores = [run["score"] for run in json.loads((work / "resumed" / "validation.json").read_text())["runs"]]
    assert scores[0] == 0.125 and scores[1] != 0.125


def test_other_folds_are_not_compared(spark: SparkSession, work: Path) -> None:
    validate(spark, settings(work, "base"))
    with pytest.raises(ConfigError, match="has other folds, so no paired test is possible"):
        validate(spark, settings(work, "other", f"compare={work}/base", "seed=7"))


def test_a_misspelt_setting_of_the_runs_is_refused(work: Path) -> None:
    with pytest.raises(ConfigError, match=r"settings.lerner: unknown key; did you mean learner"):
        check(settings(work, "wrong", "settings.lerner=linear_svm"))
