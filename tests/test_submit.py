"""What a job is started with: the settings of spark-submit that its URIs ask for, and its environment."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.submit import _connectors

CONF = Path(__file__).resolve().parent.parent / "conf" / "spark"


def settings(*words: str) -> dict[str, str]:
    options = _connectors(words, CONF)
    assert options[::2] == ["--conf"] * (len(options) // 2)
    return dict(option.split("=", 1) for option in options[1::2])


def test_files_of_this_machine_need_no_connector() -> None:
    assert settings("source=/photos", "target=hdfs:///scored") == {}


def test_kafka_and_s3_together_get_the_packages_of_both() -> None:
    both = settings("source=kafka://host:9092/photos", "target=s3a://bucket/scored")
    kafka, s3 = settings("source=kafka://host:9092/photos"), settings("target=s3://bucket/scored")
    for key in ("spark.jars.packages", "spark.jars.excludes"):
        assert set(both[key].split(",")) == set(kafka[key].split(",")) | set(s3[key].split(","))
    assert both.keys() == kafka.keys() | s3.keys()


@pytest.mark.parametrize(("of_user", "expected"), [({}, "2"), ({"MALLOC_ARENA_MAX": "7"}, "7")])
def test_a_job_keeps_few_of_glibc_s_heaps_unless_the_user_says_how_many(
    tmp_path: Path, of_user: dict[str, str], expected: str
) -> None:
    job = tmp_path / "jobs" / "job.py"
    job.parent.mkdir()
    job.write_text("import os; print(os.environ['MALLOC_ARENA_MAX'])")
    start = f"import pathlib; from pipelines.submit import submit; submit(pathlib.Path({str(job)!r}), [], [], '')"
    environment = {**{key: value for key, value in os.environ.items() if key != "MALLOC_ARENA_MAX"}, **of_user}
    done = subprocess.run([sys.executable, "-c", start], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == expected
