"""Scoring a folder that fills: each file once, when it is whole."""

import os
import re
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from pipelines import storage
from pipelines.config import load
from pipelines.errors import ConfigError, DarkroomError
from pipelines.lock import locked
from pipelines.stream.config import ScoreStreamConfig
from pipelines.stream.folder import Lister
from pipelines.stream.run import check, score_stream
from tests.bundles import write_bundle
from tests.photos import write_photos


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_bundle(tmp_path_factory.mktemp("bundle") / "model")


@pytest.fixture
def work(tmp_path: Path, bundle: str) -> Path:
    """An inbox with 15 photos, one text with a photo's name, a text, and what is still being written."""
    write_photos(tmp_path / "inbox", 5)
    (tmp_path / "inbox" / "red" / "text.jpg").write_text("no photo")
    (tmp_path / "inbox" / "notes.txt").write_text("not looked at")
    for name in ("_half.jpg", ".half.jpg", "half.jpg.tmp", "half.jpg._COPYING_"):
        (tmp_path / "inbox" / name).write_bytes(b"\xff\xd8\xff")
    shutil.copytree(bundle.removeprefix("file://"), tmp_path / "model")
    return tmp_path


def settings(work: Path, *words: str) -> ScoreStreamConfig:
    given = (f"source={work}/inbox", f"model={work}/model", f"target={work}/scored", "trigger=available_now")
    return load(ScoreStreamConfig, [*given, "engine=torch", "settle_seconds=0.1", *words])


def run(spark: SparkSession, work: Path, *words: str) -> dict[str, Any]:
    return score_stream(spark, settings(work, *words), stop=threading.Event(), security={})


def rows(work: Path, table: str = "predictions") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(work / "scored" / table).to_pylist()
    return found


def test_every_file_is_scored_once_and_a_second_run_scores_only_new_ones(spark: SparkSession, work: Path) -> None:
    first = run(spark, work, "max_files_per_trigger=6")
    assert [first[key] for key in ("batches", "inputs", "predicted", "rejected")] == [3, 16, 15, 1]
    assert run(spark, work)["inputs"] == 0
    write_photos(work / "inbox", 2, first=900)
    assert run(spark, work)["predicted"] == 6
    uris = [row["uri"] for row in rows(work)]
    assert len(uris) == len(set(uris)) == 21
    (reject,) = rows(work, "rejects")
    assert (reject["uri"], reject["reason"]) == (f"file://{work}/inbox/red/text.jpg", "not_an_image")


def test_predictions_lie_in_a_folder_a_day_and_every_batch_has_a_record(spark: SparkSession, work: Path) -> None:
    run(spark, work, "max_files_per_trigger=10")
    (day,) = storage.names(f"{work}/scored/predictions")
    assert storage.names(f"{work}/scored/predictions/{day}") == ["batch_id=0", "batch_id=1"]
    records = [storage.read_json(f"{work}/scored/batches/{day}/{number}.json") for number in (0, 1)]
    assert sum(record["inputs"] for record in records) == 16
    assert all(record["inputs"] == record["predicted"] + record["rejected"] for record in records)
    assert {key for record in records for key in record["reasons"]} == {"not_an_image"}
    assert sorted(path.name for path in (work / "scored").iterdir()) == [
        *["_checkpoint", "batches", "predictions", "rejects", "stream.json"]
    ]


def test_a_batch_that_is_repeated_days_later_keeps_the_day_on_which_it_was_planned(
    spark: SparkSession, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise DarkroomError("the disk is full")

    with monkeypatch.context() as patch, pytest.raises(DarkroomError, match="the disk is full"):
        patch.setattr("pipelines.stream.batch.move_staged", fail)
        run(spark, work, "max_restarts=0")
    planned = work / "scored" / "_checkpoint" / "offsets" / "0"
    planned.write_text(re.sub(r'(?<="batchTimestampMs":)[0-9]+', "1772406000000", planned.read_text()))
    (planned.parent / ".0.crc").unlink()
    run(spark, work)
    assert storage.names(f"{work}/scored/predictions") == ["date=2026-03-01"]


def test_a_new_checkpoint_would_score_everything_twice_and_is_refused(spark: SparkSession, work: Path) -> None:
    run(spark, work)
    with pytest.raises(ConfigError, match="everything would be scored a second time"):
        run(spark, work, f"checkpoint={work}/new-checkpoint")
    with pytest.raises(ConfigError, match="belongs to target="):
        run(spark, work, f"checkpoint={work}/scored/_checkpoint", f"target={work}/other")
    assert len(rows(work)) == 15


def test_a_second_stream_on_a_target_is_refused(spark: SparkSession, work: Path) -> None:
    with locked(f"file://{work}/scored"), pytest.raises(DarkroomError, match="is being written by another run"):
        run(spark, work)


def test_a_stream_runs_until_it_is_told_to_stop(spark: SparkSession, work: Path) -> None:
    stop, records = threading.Event(), list[dict[str, Any]]()

    def fill_then_stop(record: dict[str, Any]) -> None:
        records.append(record)
        if len(records) == 1:
            write_photos(work / "inbox", 2, first=900)
        elif sum(record["inputs"] for record in records) == 22:
            stop.set()

    config = settings(work, "trigger=1 second")
    summary = score_stream(spark, config, stop=stop, security={}, listeners=[fill_then_stop])
    assert [summary[key] for key in ("inputs", "predicted", "rejected")] == [22, 21, 1]
    assert len({row["uri"] for row in rows(work)}) == len(rows(work)) == 21


def test_a_file_is_listed_once_it_has_not_changed_for_a_while(tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    photo = tmp_path / "inbox" / "a.jpg"
    photo.write_bytes(b"half")
    lister = Lister(f"file://{tmp_path}/inbox", f"file://{tmp_path}/listings", settle_seconds=0.4, max_files=10)
    assert lister.list_new() == 1
    photo.write_bytes(b"half and half")
    assert lister.list_new() == 1
    time.sleep(0.5)
    assert lister.list_new() == 0
    (line,) = (tmp_path / "listings" / "000000000000.json").read_text().splitlines()
    assert '"size_bytes": 13' in line


def test_a_file_dated_in_the_future_is_listed_too(tmp_path: Path) -> None:
    write_photos(tmp_path / "inbox", 1, classes=("red",))
    photo = tmp_path / "inbox" / "red" / "000.jpg"
    os.utime(photo, (2e9 * 2, 2e9 * 2))
    lister = Lister(f"file://{tmp_path}/inbox", f"file://{tmp_path}/listings", settle_seconds=0.2, max_files=10)
    assert lister.list_all() == 0
    assert (tmp_path / "listings" / "000000000000.json").exists()


def test_a_missing_folder_is_a_wrong_conf(work: Path) -> None:
    with pytest.raises(ConfigError, match="is no folder"):
        check(settings(work, "source=/no/such"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["trigger=often"], "use available_now, or an interval"),
        (["sink=both"], "needs predictions_topic"),
        (["source=kafka://host/topic"], "write it as kafka://HOST:PORT"),
        (["source=kafka://host:9092/topic", "value=uri"], "uri_root"),
        (["predictions_topic=kafka://host:9092/a,b", "sink=both"], "as a topic of Kafka"),
    ],
)
def test_settings_that_do_not_fit_are_explained(work: Path, words: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        settings(work, *words)
