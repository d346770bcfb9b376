"""One Spark session for all tests: two slots, so that partition bugs show."""

import os
import sys
from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from pipelines.session import open_session

os.environ["PYSPARK_PYTHON"] = sys.executable
os.environ["PYSPARK_SUBMIT_ARGS"] = (
    "--master local[2] --driver-memory 1g --conf spark.ui.enabled=false --conf spark.driver.host=127.0.0.1 "
    "--conf spark.driver.bindAddress=127.0.0.1 --conf spark.sql.shuffle.partitions=2 "
    "--conf spark.ui.showConsoleProgress=false pyspark-shell"
)


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    session = open_session("tests")
    yield session
    session.stop()
