"""What the tasks of an ingest wrote, as the driver reads it."""

from pathlib import Path

from pyspark.sql import SparkSession

from pipelines.ingest.parts import OUTCOMES, Part, writing_parts
from pipelines.ingest.settle import read_outcomes


def write_attempt(folder: Path, uri: str) -> list[Part]:
    with writing_parts(str(folder), 0, group_rows=1) as writer:
        writer.add("outcomes", OUTCOMES, {"uri": uri})
        return writer.close()


def test_outcomes_of_an_attempt_that_does_not_count_are_not_read(spark: SparkSession, tmp_path: Path) -> None:
    write_attempt(tmp_path, "file:///lost.jpg")
    counted = write_attempt(tmp_path, "file:///counted.jpg")
    outcomes = read_outcomes(spark, counted, str(tmp_path))
    assert [row["uri"] for row in outcomes.collect()] == ["file:///counted.jpg"]


def test_an_attempt_that_is_still_writing_is_no_matter(spark: SparkSession, tmp_path: Path) -> None:
    counted = write_attempt(tmp_path, "file:///counted.jpg")
    (tmp_path / "outcomes" / "part-00000-unfinished.parquet").write_bytes(b"PAR1 and then no more")
    assert read_outcomes(spark, counted, str(tmp_path)).count() == 1
