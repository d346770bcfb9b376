"""What a run scores: a dataset's rows, or listed files; and an identity by which a later run knows them again."""

import datetime
import hashlib
import math
from typing import NamedTuple

from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines import storage
from pipelines.dataset import load_manifest, manifest_uri
from pipelines.frames import small_frame
from pipelines.ingest.sources import FILES_SCHEMA, list_files
from pipelines.score.config import ScoreConfig
from pipelines.score.days import has_date, source_of

TASK_BYTES = 16 * 2**20


class Inputs(NamedTuple):
    """Rows to score, how many, how many files beside them were skipped, and what they are as a whole."""

    rows: DataFrame
    num_inputs: int
    num_skipped: int
    identity: str


def is_dataset(source: str) -> bool:
    """Say whether a source is a dataset made by ingest."""
    return storage.exists(manifest_uri(source))


def read_everything(spark: SparkSession, source: str, staging: str) -> Inputs:
    """Return a dataset's rows of all splits, or the photos of a folder or table."""
    if is_dataset(source):
        manifest = load_manifest(source)
        rows = spark.read.parquet(storage.join(source, "data")).select("image_id", "uri", "image")
        return Inputs(rows, sum(manifest.rows(split) for split in manifest.counts), 0, manifest.dataset_id)
    return _read_files(list_files(spark, source, labelled=False), staging)


def list_once(spark: SparkSession, config: ScoreConfig) -> DataFrame | None:
    """List a folder whose photos belong to the days of their change; None where each day has its own source."""
    if has_date(config.source):
        return None
    return list_files(spark, config.source, labelled=False).persist(StorageLevel.DISK_ONLY)


def read_day(
    spark: SparkSession, config: ScoreConfig, day: datetime.date, listed: DataFrame | None, staging: str
) -> Inputs:
    """Return what belongs to a day; a day without a source of its own has nothing."""
    if listed is not None:
        return _read_files(listed.where(F.to_date(F.timestamp_seconds("modified_at")) == F.lit(day)), staging)
    source = source_of(config.source, day)
    if storage.exists(source):
        return read_everything(spark, source, staging)
    return _read_files(small_frame(spark, [], FILES_SCHEMA), staging)


def _read_files(files: DataFrame, staging: str) -> Inputs:
    """Write the list aside, so that it stays the same to the end, and return its photos."""
    spark = files.sparkSession
    files.write.mode("overwrite").parquet(storage.join(staging, "_listed"))
    listed = spark.read.parquet(storage.join(staging, "_listed"))
    photos = listed.where(~F.col("skipped"))
    row = photos.agg(F.count("*"), F.sum("size_bytes"), F.bit_xor(_digest_column())).first()
    num_photos, num_bytes, digest = (int(row[0]), int(row[1] or 0), int(row[2] or 0)) if row else (0, 0, 0)
    tasks = max(math.ceil(num_bytes / TASK_BYTES), spark.sparkContext.defaultParallelism)
    rows = photos.select("uri", "size_bytes").repartition(max(1, min(tasks, num_photos)))
    return Inputs(rows, num_photos, listed.count() - num_photos, identity_of(num_photos, digest))


def identity_of(num_photos: int, digest: int) -> str:
    """Write down which photos these are: their number, and the digests of all of them, in any order."""
    return f"{num_photos}-{digest:015x}"


def digest_of(uri: str, size_bytes: int, modified_at: float) -> int:
    """Return 60 bits for a file; those of several are joined by xor."""
    text = f"{uri}\n{size_bytes}\n{int(modified_at * 1e6)}"
    return int(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:15], 16)


def _digest_column() -> Column:
    """Say in Spark what `digest_of` says in Python."""
    micros = (F.col("modified_at") * 1e6).cast("long").cast("string")
    text = F.concat_ws("\n", F.col("uri"), F.col("size_bytes").cast("string"), micros)
    return F.conv(F.substring(F.md5(text), 1, 15), 16, 10).cast("long")
