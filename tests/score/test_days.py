"""Scoring by days: each day has its own partition, and repeating it changes nothing else."""

import os
import shutil
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from pipelines import storage
from pipelines.config import load
from pipelines.errors import ConfigError
from pipelines.score.config import ScoreConfig
from pipelines.score.days import source_of
from pipelines.score.repeated import nothing_new
from pipelines.score.run import check, score
from tests.bundles import write_bundle
from tests.photos import write_photos

RANGE = ("from=2026-01-14", "to=2026-01-17")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three days with 3, 6 and 9 photos, in a folder each, with times of change that fit; none on the 17th."""
    work = tmp_path_factory.mktemp("days")
    write_bundle(work / "model")
    for number, day in enumerate((14, 15, 16), start=1):
        write_day(work, day, number)
    return work


def write_day(work: Path, day: int, num_per_class: int, first: int = 0) -> None:
    folder = write_photos(work / "photos" / f"2026-01-{day}", num_per_class, first=first)
    noon = datetime(2026, 1, day, 12, tzinfo=UTC).timestamp()
    for photo in folder.rglob("*.jpg"):
        os.utime(photo, (noon, noon))


def config_of(work: Path, *words: str, target: str = "scored", source: str = "photos/{date}") -> ScoreConfig:
    settings = [f"source={work}/{source}", f"model={work}/model", f"target={work}/{target}", "engine=torch", *words]
    return load(ScoreConfig, settings)


def run(spark: SparkSession, work: Path, *words: str, target: str = "scored", source: str = "photos/{date}") -> Any:
    return score(spark, config_of(work, *words, target=target, source=source))


def rows_by_day(work: Path, target: str = "scored") -> dict[str, int]:
    return dict(Counter(str(row["date"]) for row in pq.read_table(work / target / "predictions").to_pylist()))


@pytest.fixture(scope="module")
def scored(spark: SparkSession, work: Path) -> dict[str, Any]:
    summary: dict[str, Any] = run(spark, work, *RANGE)
    return summary


@pytest.fixture(scope="module")
def scored_by_change(spark: SparkSession, work: Path) -> dict[str, Any]:
    summary: dict[str, Any] = run(spark, work, *RANGE, source="photos", target="by_change")
    return summary


def test_each_day_of_a_range_gets_its_partition(work: Path, scored: dict[str, Any]) -> None:
    assert (scored["inputs"], scored["predicted"], scored["nothing_new"]) == (18, 18, False)
    assert scored["days"] == {"scored": 3, "unchanged": 0, "without_photos": 1}
    assert rows_by_day(work) == {"2026-01-14": 3, "2026-01-15": 6, "2026-01-16": 9}


@pytest.mark.usefixtures("scored_by_change")
def test_the_day_of_a_photo_without_a_dated_path_is_that_of_its_change(work: Path) -> None:
    assert rows_by_day(work, "by_change") == {"2026-01-14": 3, "2026-01-15": 6, "2026-01-16": 9}


@pytest.mark.usefixtures("scored")
def test_a_repeated_range_touches_no_file(spark: SparkSession, work: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (work / "scored").rglob("*")}
    again = run(spark, work, *RANGE)
    assert again["nothing_new"] and again["days"] == {"scored": 0, "unchanged": 3, "without_photos": 1}
    assert before == {path: path.stat().st_mtime_ns for path in (work / "scored").rglob("*")}


def test_a_repeated_range_is_seen_before_spark_starts(
    work: Path, scored: dict[str, Any], scored_by_change: dict[str, Any]
) -> None:
    repeated = {"days": {"scored": 0, "unchanged": 3, "without_photos": 1}, "nothing_new": True}
    by_change = {"source": "photos", "target": "by_change"}
    assert nothing_new(config_of(work, *RANGE)) == {**scored, **repeated}
    assert nothing_new(config_of(work, *RANGE, **by_change)) == {**scored_by_change, **repeated}


@pytest.mark.usefixtures("scored")
def test_another_setting_or_day_is_new(work: Path) -> None:
    assert nothing_new(config_of(work, *RANGE, "top_k=1")) is None
    assert nothing_new(config_of(work, "from=2026-01-16", "to=2026-01-16")) is not None
    (work / "photos" / "2026-01-17" / "red").mkdir(parents=True)
    write_photos(work / "photos" / "2026-01-17", 1)
    assert nothing_new(config_of(work, *RANGE)) is None
    shutil.rmtree(work / "photos" / "2026-01-17")


def test_a_changed_day_is_replaced_and_the_others_stay(spark: SparkSession, tmp_path: Path) -> None:
    write_bundle(tmp_path / "model")
    write_day(tmp_path, 14, 1)
    write_day(tmp_path, 15, 2)
    both = ("from=2026-01-14", "to=2026-01-15")
    run(spark, tmp_path, *both)
    write_day(tmp_path, 15, 1, first=50)
    assert run(spark, tmp_path, *both)["days"] == {"scored": 1, "unchanged": 1, "without_photos": 0}
    assert rows_by_day(tmp_path) == {"2026-01-14": 3, "2026-01-15": 9}
    shutil.rmtree(tmp_path / "photos" / "2026-01-15")
    assert run(spark, tmp_path, *both)["inputs"] == 3
    assert rows_by_day(tmp_path) == {"2026-01-14": 3}


def test_a_day_without_photos_is_no_error(spark: SparkSession, work: Path) -> None:
    summary = run(spark, work, "date=2026-02-01", target="none")
    assert summary["nothing_new"] and summary["inputs"] == 0
    assert not (work / "none").exists()


def test_paths_may_write_their_days_as_they_like() -> None:
    day = date(2026, 1, 5)
    assert source_of("s3a://photos/{date}", day) == "s3a://photos/2026-01-05"
    assert source_of("/photos/{date:%Y/%m/%d}/{x}", day) == "/photos/2026/01/05/{x}"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["from=2026-01-14"], "from= and to= belong together"),
        (["from=2026-01-14", "to=2026-01-13"], "from=2026-01-14 is later than to=2026-01-13"),
        (["date=2026-01-14", *RANGE], "not both"),
        (["date=2026-13-01"], "date="),
        ([], "wants to know the day"),
    ],
)
def test_days_that_make_no_sense_are_refused(work: Path, words: list[str], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        config_of(work, *words)


@pytest.mark.usefixtures("scored")
def test_results_with_and_without_days_do_not_share_a_target(work: Path) -> None:
    with pytest.raises(ConfigError, match="holds the results of runs of single days"):
        check(config_of(work, source="photos"))
    storage.write_json(f"file://{work}/undated/score.json", {})
    with pytest.raises(ConfigError, match="holds the results of a run without days"):
        check(config_of(work, "date=2026-01-14", target="undated"))


def test_a_misspelt_folder_above_the_days_is_refused(work: Path) -> None:
    with pytest.raises(ConfigError, match=r"source=.*/fotos does not exist"):
        check(config_of(work, "date=2026-01-14", source="fotos/{date}"))


def test_a_table_has_no_days(work: Path) -> None:
    (work / "list.csv").write_text("path\n")
    with pytest.raises(ConfigError, match="has no days"):
        check(config_of(work, "date=2026-01-14", source="list.csv"))
