"""The session's own settings."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession


def test_a_small_dataset_gives_each_core_several_tasks(spark: SparkSession, tmp_path: Path) -> None:
    """With as many tasks as cores, one core would wait for the other's."""
    for number in range(8):
        pq.write_table(pa.table({"image": [b"x" * 100_000]}), tmp_path / f"part-{number}.parquet")
    assert spark.read.parquet(str(tmp_path)).rdd.getNumPartitions() == 8
