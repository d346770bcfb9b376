"""Ingest turns a source into a dataset and says what became of every file."""

import os
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from pipelines.dataset import COLUMNS, load_manifest
from pipelines.errors import ConfigError, DataError
from pipelines.ingest.config import IngestConfig
from pipelines.ingest.run import check, ingest
from tests.photos import write_photos


def run(spark: SparkSession, source: Path, target: Path, **settings: Any) -> dict[str, Any]:
    config = IngestConfig(source=str(source), target=str(target), **settings)
    check(config)
    return ingest(spark, config)


def rows(target: Path) -> list[dict[str, Any]]:
    files = sorted((target / "data").rglob("*.parquet"))
    return [row for file in files for row in pq.ParquetFile(file).read().to_pylist()]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("photos"), 20)


@pytest.fixture(scope="module")
def target(spark: SparkSession, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("ingested") / "dataset"
    run(spark, photos, target)
    return target


def test_every_photo_is_one_row(target: Path, photos: Path) -> None:
    assert {row["uri"] for row in rows(target)} == {f"file://{file}" for file in photos.rglob("*.jpg")}
    assert len(rows(target)) == 60


def test_a_row_has_the_columns_of_the_contract(target: Path) -> None:
    assert tuple(rows(target)[0]) == COLUMNS


def test_a_label_is_the_place_of_its_name_among_the_classes(target: Path) -> None:
    assert load_manifest(str(target)).classes == ("blue", "green", "red")
    assert {(row["label"], row["label_name"]) for row in rows(target)} == {(0, "blue"), (1, "green"), (2, "red")}


def test_the_manifest_counts_what_the_files_hold(target: Path) -> None:
    manifest = load_manifest(str(target))
    for split in ("train", "val", "test"):
        held = [pq.read_metadata(file).num_rows for file in (target / "data" / f"split={split}").glob("*.parquet")]
        assert manifest.rows(split) == sum(held)


def test_two_runs_agree_on_rows_splits_and_order(
    spark: SparkSession, photos: Path, target: Path, tmp_path: Path
) -> None:
    spark.conf.set("spark.sql.shuffle.partitions", "4")
    run(spark, photos, tmp_path / "again")
    spark.conf.set("spark.sql.shuffle.partitions", "2")
    assert rows(tmp_path / "again") == rows(target)
    assert load_manifest(str(tmp_path / "again")) == load_manifest(str(target))


def test_another_seed_gives_another_order_of_the_same_rows(
    spark: SparkSession, photos: Path, target: Path, tmp_path: Path
) -> None:
    run(spark, photos, tmp_path / "seeded", seed=1)
    ids, old = ([row["image_id"] for row in rows(place)] for place in (tmp_path / "seeded", target))
    assert ids != old and sorted(ids) == sorted(old)


def test_copies_are_counted_as_duplicates(spark: SparkSession, tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 4)
    for copy in range(3):
        os.link(photos / "red" / "000.jpg", photos / "red" / f"copy-{copy}.jpg")
    summary = run(spark, photos, tmp_path / "dataset")
    assert (summary["read"], summary["accepted"], summary["duplicates"]) == (15, 12, 3)


def test_a_second_run_adds_only_new_files(spark: SparkSession, tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 4)
    run(spark, photos, tmp_path / "dataset")
    write_photos(photos, 2, first=4)
    shutil.copy(photos / "red" / "000.jpg", photos / "red" / "again.jpg")
    summary = run(spark, photos, tmp_path / "dataset")
    assert (summary["read"], summary["accepted"], summary["duplicates"]) == (7, 6, 1)
    assert len({row["image_id"] for row in rows(tmp_path / "dataset")}) == len(rows(tmp_path / "dataset")) == 18


def test_a_run_without_new_files_changes_nothing(spark: SparkSession, photos: Path, target: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in target.rglob("*") if file.is_file()}
    assert run(spark, photos, target)["read"] == 0
    assert {file: file.stat().st_mtime_ns for file in target.rglob("*") if file.is_file()} == before


def test_a_new_class_keeps_the_labels_of_the_old_ones(spark: SparkSession, tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 3, classes=("blue", "red"))
    run(spark, photos, tmp_path / "dataset")
    write_photos(photos, 3, classes=("amber",))
    run(spark, photos, tmp_path / "dataset")
    assert load_manifest(str(tmp_path / "dataset")).classes == ("blue", "red", "amber")


def test_rejects_are_kept_with_a_reason_and_their_bytes(spark: SparkSession, tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 3)
    (photos / "red" / "text.jpg").write_text("no photo")
    (photos / "red" / "notes.txt").write_text("skipped")
    summary = run(spark, photos, tmp_path / "dataset", max_reject_ratio=0.5)
    assert (summary["rejected"], summary["skipped"], summary["accepted"]) == (1, 1, 9)
    (reject,) = pq.read_table(tmp_path / "dataset" / "rejects").to_pylist()
    assert (reject["reason"], reject["bytes"]) == ("not_an_image", b"no photo")


def test_too_many_rejects_leave_no_target(spark: SparkSession, tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 3)
    (photos / "red" / "text.jpg").write_text("no photo")
    with pytest.raises(DataError, match=r"1 of 10 .*max_reject_ratio"):
        run(spark, photos, tmp_path / "dataset")
    assert not [file for file in (tmp_path / "dataset").rglob("*") if file.is_file()]


def test_a_folder_without_images_is_wrong_data(spark: SparkSession, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="has no images"):
        run(spark, tmp_path / "empty", tmp_path / "dataset")


def test_a_missing_source_is_a_wrong_conf(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        run(spark, tmp_path / "nowhere", tmp_path / "dataset")


def test_other_settings_for_the_same_target_are_refused(spark: SparkSession, photos: Path, target: Path) -> None:
    with pytest.raises(ConfigError, match="short_side_px=128"):
        run(spark, photos, target, short_side_px=128)


@pytest.mark.parametrize("kind", ["lst", "csv", "parquet"])
def test_a_table_names_the_files(spark: SparkSession, tmp_path: Path, kind: str) -> None:
    photos = write_photos(tmp_path / "photos", 2)
    paths = sorted(str(file.relative_to(photos)) for file in photos.rglob("*.jpg"))
    table = photos / f"list.{kind}"
    if kind == "lst":
        table.write_text("".join(f"{n}\t{n % 2}\t{path}\n" for n, path in enumerate([*paths, "gone.jpg"])))
    elif kind == "csv":
        table.write_text("path,label\n" + "".join(f"{path},{path.split('/')[0]}\n" for path in [*paths, "gone.jpg"]))
    else:
        labelled = [(path, path.split("/")[0]) for path in [*paths, "gone.jpg"]]
        spark.createDataFrame(labelled, "path string, label string").toPandas().to_parquet(table)
    summary = run(spark, table, tmp_path / "dataset", max_reject_ratio=0.5)
    assert (summary["read"], summary["accepted"], summary["rejected"]) == (7, 6, 1)


def test_a_photo_beside_the_label_folders_has_no_label(spark: SparkSession, tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 2)
    shutil.copy(photos / "red" / "000.jpg", photos / "stray.jpg")
    run(spark, photos, tmp_path / "dataset", max_reject_ratio=0.5)
    assert pq.read_table(tmp_path / "dataset" / "rejects")["reason"].to_pylist() == ["no_label"]


def test_petastorm_reads_the_dataset(target: Path) -> None:
    from petastorm import make_batch_reader

    url = f"file://{target}/data/split=train"
    with make_batch_reader(url, reader_pool_type="dummy", num_epochs=1) as reader:
        assert sum(len(batch.image) for batch in reader) == load_manifest(str(target)).rows("train")


def write_table(folder: Path, *lines: str) -> Path:
    (folder / "table.csv").write_text("\n".join(["path,label,split", *lines]))
    return folder / "table.csv"


def test_a_table_may_decide_the_split_and_copies_stay_on_one_side(spark: SparkSession, tmp_path: Path) -> None:
    write_photos(tmp_path, 2, classes=("red",))
    shutil.copy(tmp_path / "red" / "000.jpg", tmp_path / "red" / "copy.jpg")
    lines = ("red/000.jpg,red,val", "red/001.jpg,red,train", "red/copy.jpg,red,train")
    counts = run(spark, write_table(tmp_path, *lines), tmp_path / "dataset", val_percent=0, test_percent=0)
    assert counts["rows"] == {"train": 1, "val": 1, "test": 0}
    held = {
        (file.parent.name, row["uri"])
        for file in (tmp_path / "dataset" / "data").rglob("*.parquet")
        for row in pq.ParquetFile(file).read().to_pylist()
    }
    assert held == {("split=val", f"file://{tmp_path}/red/000.jpg"), ("split=train", f"file://{tmp_path}/red/001.jpg")}


def test_an_unknown_split_is_named(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="split='valid' of red/000.jpg is none of train, val, test"):
        run(spark, write_table(tmp_path, "red/000.jpg,red,valid"), tmp_path / "dataset")


def test_classes_that_are_numbers_are_in_the_order_of_numbers(spark: SparkSession, tmp_path: Path) -> None:
    write_photos(tmp_path / "photos", 1, classes=("10", "2", "0", "x"))
    run(spark, tmp_path / "photos", tmp_path / "dataset")
    assert load_manifest(str(tmp_path / "dataset")).classes == ("0", "2", "10", "x")
