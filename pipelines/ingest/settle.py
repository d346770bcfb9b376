"""Settle what the tasks wrote: take out copies, count what is stored, put the parts where readers look."""

import functools
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines import storage
from pipelines.errors import DarkroomError
from pipelines.ingest.parts import REJECTS, Part, PartFile, without_rows

OUTCOMES_SCHEMA = (
    "uri string, size_bytes long, modified_at double, label_name string, image_id string, split string, "
    "reason string, moments array<double>, file string, row int"
)
_MOVERS = 16  # requests to the storage at once
_ARROW = pa.schema([("old_file", pa.string()), ("file", pa.string()), ("num_rows", pa.int64())])


def read_outcomes(spark: SparkSession, parts: list[Part], folder: str) -> DataFrame:
    """Read what became of each file, of the attempts that count: one listing by the driver, however many there were."""
    names = [part.file.removeprefix("outcomes/") for part in parts if part.file.startswith("outcomes/")]
    everything = spark.read.schema(OUTCOMES_SCHEMA).parquet(storage.join(folder, "outcomes"))
    return everything.where(F.col("_metadata.file_name").isin(names))


def drop_copies(parts: list[Part], outcomes: DataFrame, folder: str, group_rows: int) -> list[Part]:
    """Write those parts again that hold duplicates, without them; the others stay as they are."""
    copies = outcomes.where(F.col("outcome") == "duplicate").groupBy("file").agg(F.collect_list("row").alias("rows"))
    rewrite = functools.partial(_rewrite, folder=folder, group_rows=group_rows)
    written = copies.mapInArrow(rewrite, "old_file string, file string, num_rows long").collect()
    replaced = {row["old_file"]: Part(row["file"], row["num_rows"]) for row in written}
    return [part for old in parts if (part := replaced.get(old.file, old)).num_rows]


def _rewrite(batches: Iterable[pa.RecordBatch], folder: str, group_rows: int) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for row in batch.to_pylist():
            part = without_rows(folder, row["file"], set(row["rows"]), group_rows)
            yield pa.RecordBatch.from_pylist([{"old_file": row["file"], **part._asdict()}], schema=_ARROW)


def place(parts: list[Part], folder: str, staging: str, run: int) -> int:
    """Move images to STAGING/data and rejects to STAGING/rejects, named for the run and their number alone.

    Files of attempts that do not count stay behind. Returns the rows of data, read from the files themselves.
    """
    shown = [part for part in parts if not part.file.startswith("outcomes/")]
    with ThreadPoolExecutor(_MOVERS) as pool:
        rows = list(pool.map(lambda part: _place(part, folder, staging, run), shown))
    if not any(part.file.startswith("rejects/") for part in shown):
        with storage.writing(storage.join(staging, "rejects", f"part-{run:03d}-00000.parquet")) as path:
            PartFile(path, REJECTS, 1).close()
    return sum(rows)


def _place(part: Part, folder: str, staging: str, run: int) -> int:
    uri = storage.join(folder, part.file)
    with storage.filesystem(uri) as (fs, path), fs.open(path, "rb") as file:
        num_rows = int(pq.ParquetFile(file).metadata.num_rows)
    if num_rows != part.num_rows:
        raise DarkroomError(f"{uri} has {num_rows} rows, but {part.num_rows} were written; run it again")
    table, _, name = part.file.rpartition("/")
    place = "rejects" if table == "rejects" else f"data/{table}"
    storage.replace(uri, storage.join(staging, place, f"part-{run:03d}-{name.split('-')[1]}.parquet"))
    return 0 if table == "rejects" else num_rows
