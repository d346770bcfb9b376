"""The platform with its jobs on YARN, photos in S3 and HDFS, and models in S3."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines import storage
from tests.photos import write_channels
from tests.platform.running import (
    TINY,
    Platform,
    channel,
    create_model,
    deploy,
    invoke,
    training,
    variant,
    wait_for_end,
)

YARN = "--master yarn --queue training --conf spark.driver.host=127.0.0.1"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_channels(tmp_path_factory.mktemp("channels"))


@pytest.fixture(scope="module")
def platform(hdfs: str, s3: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Executors find the keys of S3 in a file of their machine, as on a cluster without roles."""
    assert s3
    keys = tmp_path_factory.mktemp("machine") / "credentials"
    keys.write_text("[default]\naws_access_key_id = tests\naws_secret_access_key = tests\n")
    spark = f"{YARN} --conf spark.executorEnv.AWS_SHARED_CREDENTIALS_FILE={keys}"
    running = Platform(tmp_path_factory.mktemp("platform"), f"spark={spark}", f"work={hdfs}/platform")
    yield running
    running.end_everything()


@pytest.fixture(scope="module")
def trained(platform: Platform, photos: Path, hdfs: str, s3: str) -> dict[str, Any]:
    storage.upload(photos / "train", f"{s3}/platform/train")
    storage.upload(photos / "validation", f"{hdfs}/platform-validation")
    bucket = s3.replace("s3a://", "s3://")
    channels = [channel("train", f"{bucket}/platform/train"), channel("validation", f"{hdfs}/platform-validation")]
    request = training("on-yarn", channels, photos)
    request["OutputDataConfig"]["S3OutputPath"] = f"{bucket}/platform/models"
    request["ResourceConfig"]["InstanceCount"] = 2
    client = platform.client("sagemaker")
    client.create_training_job(**request)
    return wait_for_end(client, "on-yarn")


def test_two_processes_on_yarn_train_on_photos_in_a_bucket(trained: dict[str, Any], s3: str) -> None:
    assert trained["TrainingJobStatus"] == "Completed", trained.get("FailureReason")
    archive = trained["ModelArtifacts"]["S3ModelArtifacts"]
    assert archive == f"{s3}/platform/models/on-yarn/output/model.tar.gz".replace("s3a://", "s3://")
    assert storage.exists(archive.replace("s3://", "s3a://"))


def test_an_endpoint_answers_with_a_model_out_of_a_bucket(
    platform: Platform, trained: dict[str, Any], photos: Path
) -> None:
    client = platform.client("sagemaker")
    create_model(client, "from-s3", trained["ModelArtifacts"]["S3ModelArtifacts"])
    deploy(client, "from-s3", variant("all", "from-s3"))
    client.create_endpoint(EndpointName="from-s3", EndpointConfigName="from-s3-config")
    client.get_waiter("endpoint_in_service").wait(EndpointName="from-s3", WaiterConfig=TINY)
    answer = invoke(platform, "from-s3", photos / "train" / "red" / "000.jpg")
    assert sum(json.loads(answer["Body"].read())) == pytest.approx(1, abs=1e-3)
