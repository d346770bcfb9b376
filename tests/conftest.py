"""One Spark session for all tests: two slots, so that partition bugs show. Real servers for those that ask."""

import os
import sys
import uuid
from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from pipelines import storage
from pipelines.session import open_session
from tests.fault_table import pytest_addoption, pytest_runtest_makereport, pytest_sessionfinish  # noqa: F401
from tools.cluster import hadoop
from tools.cluster import kafka as kafka_server
from tools.cluster import s3 as s3_server

os.environ["PYSPARK_PYTHON"] = sys.executable
os.environ["PYSPARK_SUBMIT_ARGS"] = (
    "--master local[2] --driver-memory 1g --conf spark.ui.enabled=false --conf spark.driver.host=127.0.0.1 "
    "--conf spark.driver.bindAddress=127.0.0.1 --conf spark.sql.shuffle.partitions=2 "
    "--conf spark.ui.showConsoleProgress=false "
    "--conf 'spark.driver.extraJavaOptions=-XX:+UseSerialGC -XX:TieredStopAtLevel=1' pyspark-shell"
)


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    session = open_session("tests", photos=True)
    yield session
    session.stop()


@pytest.fixture(scope="session")
def hdfs() -> Iterator[str]:
    """A real HDFS and YARN; the URI of a folder there."""
    was_up = "down" not in hadoop.status().values()
    addresses = hadoop.up()
    os.environ["HADOOP_CONF_DIR"] = addresses["HADOOP_CONF_DIR"]
    folder = f"{addresses['hdfs']}/tests-{uuid.uuid4().hex[:8]}"
    yield folder
    storage.remove(folder)
    if not was_up:
        hadoop.down()


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """A real S3 server; the URI of a bucket there."""
    was_up = s3_server.status()["s3"] == "up"
    os.environ["AWS_ENDPOINT_URL"] = s3_server.up()["AWS_ENDPOINT_URL"]
    os.environ |= {"AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "tests", "AWS_DEFAULT_REGION": "us-east-1"}
    bucket = f"tests-{uuid.uuid4().hex[:8]}"
    with storage.filesystem(f"s3a://{bucket}/x") as (fs, _):
        fs.mkdir(bucket)
    yield f"s3a://{bucket}"
    if not was_up:
        s3_server.down()


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """A real Kafka; its address as kafka://HOST:PORT, to which a topic is added."""
    was_up = kafka_server.status()["kafka"] == "up"
    yield f"kafka://{kafka_server.up()['bootstrap_servers']}"
    if not was_up:
        kafka_server.down()
