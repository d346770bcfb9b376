"""A stream from Kafka whose driver, executors, workers and broker are killed with -9 scores every record once."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tests.bundles import write_bundle
from tests.photos import write_photos
from tools.stream_faults import VICTIMS, run


@pytest.mark.fault(
    "an executor, the driver, a Python worker, the broker, the driver's JVM",
    during="score_stream from Kafka",
    then="every reader of the predictions sees every record once",
)
def test_every_reader_sees_every_record_once_whatever_is_killed(
    spark: SparkSession, kafka: str, tmp_path: Path
) -> None:
    assert spark and kafka
    photos = [path.read_bytes() for path in sorted(write_photos(tmp_path / "photos", 20).rglob("*.jpg"))]
    cluster = ("--master", "local-cluster[2,1,1024]", "--conf", "spark.executor.memory=1g")
    words = [f"model={write_bundle(tmp_path / 'model')}", "engine=torch", "max_offsets_per_trigger=20", *cluster]
    result = run(photos, 300, len(VICTIMS), words, tmp_path / "scored", seed=0)
    assert set(result["killed"]) == set(VICTIMS) and result["starts"] >= 3
    num_records = result["records"]
    every_record_once = {"rows": num_records, "distinct": num_records, "twice": 0, "lost": 0}
    assert result["readers"] == dict.fromkeys(("pyarrow", "pandas", "petastorm", "spark"), every_record_once)
