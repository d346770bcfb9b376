"""A real standalone master with two workers."""

import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pyspark
import pytest

from tests.command import darkroom
from tests.photos import write_photos

SPARK_HOME = Path(pyspark.__file__).parent


def spark_class(log: Path, *words: str) -> subprocess.Popen[bytes]:
    """Start one of Spark's servers on loopback, with a port of its own choice."""
    with log.open("wb") as file:
        return subprocess.Popen(
            [
                str(SPARK_HOME / "bin" / "spark-class"),
                *words,
                "--host",
                "127.0.0.1",
                "--port",
                "0",
                "--webui-port",
                "0",
            ],
            stdout=file,
            stderr=file,
            env={**os.environ, "SPARK_HOME": str(SPARK_HOME), "SPARK_LOCAL_IP": "127.0.0.1"},
        )


def wait_for_line(log: Path, pattern: str, number: int = 1) -> list[str]:
    deadline = time.monotonic() + 60
    while len(found := re.findall(pattern, log.read_text())) < number:
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
    return found


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("standalone")
    servers = [spark_class(folder / "master.log", "org.apache.spark.deploy.master.Master")]
    (uri,) = wait_for_line(folder / "master.log", r"Starting Spark master at (spark://\S+)")
    for number in (1, 2):
        words = ("org.apache.spark.deploy.worker.Worker", "--cores", "1", "--work-dir", str(folder), uri)
        servers.append(spark_class(folder / f"worker{number}.log", *words))
    wait_for_line(folder / "master.log", "Registering worker", 2)
    yield uri
    for server in servers:
        server.kill()
        server.wait()


def test_two_workers_make_the_dataset_that_one_machine_makes(master: str, tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", 30)
    alone = darkroom("ingest", f"source={photos}", f"target={tmp_path}/alone")
    spread = darkroom("ingest", f"source={photos}", f"target={tmp_path}/spread", "--master", master)
    assert alone["dataset_id"] == spread["dataset_id"]
    assert pq.read_table(tmp_path / "spread" / "data").num_rows == 90
