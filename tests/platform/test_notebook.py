"""What the usual notebook does, with unmodified clients of boto3, real jobs and real workers."""

import io
import json
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError

from pipelines.platform.process import owner
from tests.photos import write_photos
from tests.platform.running import (
    TINY,
    Platform,
    both_channels,
    channel,
    create_model,
    deploy,
    invoke,
    training,
    transform,
    variant,
    wait_for_end,
    wait_until,
)


@pytest.fixture(scope="module")
def sagemaker(platform: Platform) -> Any:
    return platform.client("sagemaker")


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("output")


@pytest.fixture(scope="module")
def trained(sagemaker: Any, photos: Path, output: Path) -> dict[str, Any]:
    sagemaker.create_training_job(**training("notebook", both_channels(photos), output, top_k="2"))
    return wait_for_end(sagemaker, "notebook")


def test_a_training_job_goes_through_its_stages(trained: dict[str, Any]) -> None:
    assert (trained["TrainingJobStatus"], trained["SecondaryStatus"]) == ("Completed", "Completed")
    stages = [transition["Status"] for transition in trained["SecondaryStatusTransitions"]]
    assert stages == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    metrics = {metric["MetricName"]: metric["Value"] for metric in trained["FinalMetricDataList"]}
    assert {"train:accuracy", "validation:accuracy", "validation:top_k_accuracy"} <= set(metrics)


def test_the_model_archive_lies_where_sagemaker_puts_it(trained: dict[str, Any], output: Path) -> None:
    assert trained["ModelArtifacts"]["S3ModelArtifacts"] == f"file://{output}/notebook/output/model.tar.gz"
    with tarfile.open(output / "notebook" / "output" / "model.tar.gz") as archive:
        info = json.load(archive.extractfile("model.json") or io.BytesIO())
    assert info["classes"] == ["blue", "green", "red"]
    assert info["architecture"] == "small_resnet20"


def test_a_job_name_is_taken_once(sagemaker: Any, trained: dict[str, Any], photos: Path, output: Path) -> None:
    assert trained
    with pytest.raises(ClientError) as refusal:
        sagemaker.create_training_job(**training("notebook", both_channels(photos), output))
    assert refusal.value.response["Error"]["Code"] == "ResourceInUse"


@pytest.mark.usefixtures("trained")
def test_the_log_of_a_job_is_read_with_the_client_of_cloudwatch_logs(platform: Platform) -> None:
    logs = platform.client("logs")
    group = "/aws/sagemaker/TrainingJobs"
    streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix="notebook/")["logStreams"]
    events = logs.get_log_events(logGroupName=group, logStreamName=streams[0]["logStreamName"])["events"]
    assert any("epoch 2 of 2" in event["message"] for event in events)


def test_a_failing_job_says_why(sagemaker: Any, photos: Path, output: Path) -> None:
    sagemaker.create_training_job(**training("failing", both_channels(photos), output, num_classes="4"))
    with pytest.raises(WaiterError):
        wait_for_end(sagemaker, "failing")
    reason = sagemaker.describe_training_job(TrainingJobName="failing")["FailureReason"]
    assert reason == (
        "ClientError: hyperparameter num_classes=4, but the channel train has 3 classes: blue, green, red"
    )


def test_a_step_that_fails_gives_its_own_error_as_the_reason(sagemaker: Any, output: Path, tmp_path: Path) -> None:
    (tmp_path / "red").mkdir()
    (tmp_path / "red" / "text.jpg").write_text("no photo")
    request = training("rejected", [channel("train", f"file://{tmp_path}")], output)
    sagemaker.create_training_job(**request)
    with pytest.raises(WaiterError):
        wait_for_end(sagemaker, "rejected")
    reason = sagemaker.describe_training_job(TrainingJobName="rejected")["FailureReason"]
    assert reason.startswith("ClientError: darkroom ingest: 1 of 1 files were rejected (100.0%)")
    assert "exit code: 3" in reason


def test_an_endpoint_answers_with_the_probabilities_of_the_classes_until_it_is_deleted(
    sagemaker: Any, platform: Platform, trained: dict[str, Any], photos: Path
) -> None:
    create_model(sagemaker, "notebook", trained["ModelArtifacts"]["S3ModelArtifacts"])
    deploy(sagemaker, "notebook", variant("AllTraffic", "notebook"))
    sagemaker.create_endpoint(EndpointName="notebook", EndpointConfigName="notebook-config")
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName="notebook", WaiterConfig=TINY)
    answer = invoke(platform, "notebook", photos / "train" / "red" / "000.jpg")
    sagemaker.delete_endpoint(EndpointName="notebook")
    sagemaker.get_waiter("endpoint_deleted").wait(EndpointName="notebook", WaiterConfig=TINY)
    probabilities = json.loads(answer["Body"].read())
    assert len(probabilities) == 3 and sum(probabilities) == pytest.approx(1, abs=1e-3)
    assert answer["InvokedProductionVariant"] == "AllTraffic"


def test_a_transform_job_answers_for_each_of_500_photos_or_lists_it_as_a_reject(
    platform: Platform, trained: dict[str, Any], tmp_path: Path
) -> None:
    client = platform.client("sagemaker")
    create_model(client, "transform", trained["ModelArtifacts"]["S3ModelArtifacts"])
    photos = write_photos(tmp_path / "photos", 167)
    (photos / "red" / "000.jpg").write_text("no photo")
    client.create_transform_job(**transform("transform", photos, tmp_path / "answers"))
    client.get_waiter("transform_job_completed_or_stopped").wait(TransformJobName="transform", WaiterConfig=TINY)
    assert client.describe_transform_job(TransformJobName="transform")["TransformJobStatus"] == "Completed"
    written = {str(file.relative_to(tmp_path / "answers")) for file in (tmp_path / "answers").rglob("*.out")}
    names = {str(file.relative_to(photos)) for file in photos.rglob("*.jpg")} - {"red/000.jpg"}
    assert len(names) == 500 and written == {f"{name}.out" for name in names}
    answer = json.loads((tmp_path / "answers" / "red" / "100.jpg.out").read_text())
    assert sum(answer["prediction"]) == pytest.approx(1, abs=1e-3)
    (reject,) = (tmp_path / "answers" / "rejects.jsonl").read_text().splitlines()
    assert json.loads(reject)["file"] == "red/000.jpg"


def test_a_transform_job_is_stopped(platform: Platform, trained: dict[str, Any], photos: Path, tmp_path: Path) -> None:
    client = platform.client("sagemaker")
    create_model(client, "halted", trained["ModelArtifacts"]["S3ModelArtifacts"])
    client.create_transform_job(**transform("halted", photos / "train", tmp_path / "answers"))
    client.stop_transform_job(TransformJobName="halted")
    client.get_waiter("transform_job_completed_or_stopped").wait(TransformJobName="halted", WaiterConfig=TINY)
    assert client.describe_transform_job(TransformJobName="halted")["TransformJobStatus"] == "Stopped"
    assert not list(tmp_path.rglob("*.out"))


def test_a_job_outlives_a_killed_platform_and_runs_once(platform: Platform, photos: Path, output: Path) -> None:
    client = platform.client("sagemaker")
    client.create_training_job(**training("survivor", both_channels(photos), output, epochs="6"))
    folder = platform.home / "training" / "survivor"
    process = wait_until(lambda: owner(folder), "process of the job")
    platform.kill()
    time.sleep(1)
    platform.start()
    client = platform.client("sagemaker")
    assert wait_for_end(client, "survivor")["TrainingJobStatus"] == "Completed"
    assert owner(folder) == process
    assert (folder / "log.txt").read_text().count("darkroom train ") == 1


def test_a_stopped_training_leaves_its_model(platform: Platform, photos: Path, output: Path) -> None:
    client = platform.client("sagemaker")
    client.create_training_job(**training("stopped", both_channels(photos), output, epochs="100000"))
    run = platform.home / "work" / "training" / "stopped" / "run" / "metrics.json"
    wait_until(run.exists, "epoch")
    client.stop_training_job(TrainingJobName="stopped")
    described = wait_for_end(client, "stopped")
    assert (described["TrainingJobStatus"], described["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert (output / "stopped" / "output" / "model.tar.gz").exists()


def test_a_training_that_reaches_its_time_limit_is_stopped_with_its_model(
    platform: Platform, photos: Path, output: Path
) -> None:
    client = platform.client("sagemaker")
    request = training("limited", both_channels(photos), output, epochs="100000")
    client.create_training_job(**{**request, "StoppingCondition": {"MaxRuntimeInSeconds": 20}})
    described = wait_for_end(client, "limited")
    assert (described["TrainingJobStatus"], described["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert (output / "limited" / "output" / "model.tar.gz").exists()
