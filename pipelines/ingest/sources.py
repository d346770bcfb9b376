"""List the files of a source: a folder tree, a .lst file, or a CSV or Parquet table."""

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines import storage
from pipelines.dataset import SPLITS
from pipelines.errors import DataError
from pipelines.frames import small_frame
from pipelines.images.policy import has_extension

FILES_SCHEMA = "uri string, size_bytes long, modified_at double, label_name string, split string, skipped boolean"
_ARROW = pa.schema(
    [
        ("uri", pa.string()),
        ("size_bytes", pa.int64()),
        ("modified_at", pa.float64()),
        ("label_name", pa.string()),
        ("split", pa.string()),
        ("skipped", pa.bool_()),
    ]
)
_BATCH_ROWS = 1000
MAX_FILES = 100_000  # what is compared with earlier runs without Spark; more are left to it
FOLDERS_AT_ONCE = 8  # tasks for each slot, so that a large folder does not hold up the small ones behind it


def list_files(spark: SparkSession, source: str, *, labelled: bool = True) -> DataFrame:
    """Return one row a file: uri, size in bytes, time of change, label, split if given, and whether it is skipped.

    Without `labelled`, a table needs no column of labels.

    A file without an image's extension is skipped. `size_bytes` is null where a table names a file
    that is not there. Folders are walked by tasks, which share the folders right below the source; neither they nor
    the driver hold a listing in memory.
    """
    if storage.is_dir(source):
        return _walk_folder(spark, source)
    return _stat_table(spark, _read_table(spark, source, labelled), source.rsplit("/", 1)[0])


def _walk_folder(spark: SparkSession, source: str) -> DataFrame:
    """Label every file with the folder right below the source that holds it.

    A source without folders is one class, named for the source. Beside folders, a file straight in
    the source has no label.
    """
    folders = sorted(entry.uri for entry in storage.scan(source) if entry.is_dir)
    rows: list[dict[str, Any]] = [
        {"folder": uri, "label_name": uri.rsplit("/", 1)[-1], "recurse": True} for uri in folders
    ]
    name = None if folders else source.rsplit("/", 1)[-1]
    rows.append({"folder": source, "label_name": name, "recurse": False})
    frame = small_frame(spark, rows, "folder string, label_name string, recurse boolean")
    tasks = min(len(rows), FOLDERS_AT_ONCE * spark.sparkContext.defaultParallelism)
    return frame.repartition(tasks).mapInArrow(_walk_batches, FILES_SCHEMA)


def _walk_batches(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for row in batch.to_pylist():
            yield from _in_batches(_walk(row["folder"], row["label_name"], row["recurse"]))


def walk(source: str) -> Iterator[dict[str, Any]]:
    """Yield a row of `list_files` for each file of a folder, without labels, and without Spark."""
    return _walk(source, None, True)


def _walk(folder: str, label_name: str | None, recurse: bool) -> Iterator[dict[str, Any]]:
    for entry in storage.scan(folder):
        if entry.is_dir and recurse:
            yield from _walk(entry.uri, label_name, recurse)
        elif not entry.is_dir:
            yield {
                "uri": entry.uri,
                "size_bytes": entry.size_bytes,
                "modified_at": entry.modified_at,
                "label_name": label_name,
                "split": None,
                "skipped": not has_extension(entry.uri),
            }


def _in_batches(rows: Iterator[dict[str, object]]) -> Iterator[pa.RecordBatch]:
    chunk: list[dict[str, object]] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == _BATCH_ROWS:
            yield pa.RecordBatch.from_pylist(chunk, schema=_ARROW)
            chunk = []
    if chunk:
        yield pa.RecordBatch.from_pylist(chunk, schema=_ARROW)


def _read_table(spark: SparkSession, source: str, labelled: bool) -> DataFrame:
    """Return (path, label_name, split) of a list; a .lst line is `index <tab> label <tab> path`."""
    if source.endswith(".lst"):
        lines = spark.read.csv(source, sep="\t", schema="number string, label string, path string")
        whole = F.col("label").cast("double").cast("int").cast("string")
        return lines.select(
            "path", F.coalesce(whole, F.col("label")).alias("label_name"), F.lit(None).cast("string").alias("split")
        )
    kind = source.rsplit(".", 1)[-1].lower()
    if kind not in ("csv", "parquet"):
        raise DataError(f"source={source} is neither a folder nor a .lst, .csv or .parquet file")
    table = spark.read.csv(source, header=True) if kind == "csv" else spark.read.parquet(source)
    if missing := {"path", *(["label"] if labelled else [])} - set(table.columns):
        raise DataError(f"source={source} lacks {sorted(missing)}; its columns are {table.columns}")
    for column in {"label", "split"} - set(table.columns):
        table = table.withColumn(column, F.lit(None))
    table = table.select("path", F.col("label").cast("string").alias("label_name"), F.col("split").cast("string"))
    wrong = table.where(F.col("split").isNotNull() & ~F.col("split").isin(*SPLITS)).first()
    if wrong:
        raise DataError(f"source={source}: split={wrong['split']!r} of {wrong['path']} is none of {', '.join(SPLITS)}")
    return table


def _stat_table(spark: SparkSession, table: DataFrame, folder: str) -> DataFrame:
    def stat(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield from _in_batches(_stat(row, folder) for row in batch.to_pylist())

    tasks = spark.sparkContext.defaultParallelism
    return table.repartition(tasks).mapInArrow(stat, FILES_SCHEMA)


def _stat(row: dict[str, Any], folder: str) -> dict[str, object]:
    """Look up one file that a table names; relative paths start at the table's folder."""
    uri = row["path"] or ""
    if "://" not in uri:
        uri = storage.absolute(uri) if uri.startswith("/") else storage.join(folder, uri)
    entry = storage.stat(uri) if row["path"] else None
    return {
        "uri": uri,
        "size_bytes": entry.size_bytes if entry else None,
        "modified_at": entry.modified_at if entry else None,
        "label_name": row["label_name"],
        "split": row["split"],
        "skipped": False,
    }
