"""What the usual notebook does, with unmodified clients of boto3, real jobs and real workers."""

import io
import json
import os
import tarfile
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError

from pipelines.platform.process import owner
from tests.bundles import write_bundle
from tests.platform.running import (
    IMAGE,
    ROLE,
    Platform,
    both_channels,
    channel,
    training,
    wait_for_end,
    wait_until,
)

TINY = {"Delay": 1, "MaxAttempts": 300}


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


def invoke(platform: Platform, endpoint: str, photo: Path, **more: Any) -> Any:
    runtime = platform.client("sagemaker-runtime")
    return runtime.invoke_endpoint(
        EndpointName=endpoint, ContentType="application/x-image", Body=photo.read_bytes(), **more
    )


def deploy(sagemaker: Any, name: str, *variants: dict[str, Any]) -> None:
    sagemaker.create_endpoint_config(EndpointConfigName=f"{name}-config", ProductionVariants=list(variants))


def variant(name: str, model: str, weight: float = 1.0) -> dict[str, Any]:
    return {
        "VariantName": name,
        "ModelName": model,
        "InitialVariantWeight": weight,
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m4.xlarge",
    }


def create_model(sagemaker: Any, name: str, uri: str) -> None:
    container = {"Image": IMAGE, "ModelDataUrl": uri}
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)


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
    assert info["architecture"]["name"] if isinstance(info["architecture"], dict) else info["architecture"]


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


def test_an_endpoint_answers_with_the_probabilities_of_the_classes(
    sagemaker: Any, platform: Platform, trained: dict[str, Any], photos: Path
) -> None:
    create_model(sagemaker, "notebook", trained["ModelArtifacts"]["S3ModelArtifacts"])
    deploy(sagemaker, "notebook", variant("AllTraffic", "notebook"))
    sagemaker.create_endpoint(EndpointName="notebook", EndpointConfigName="notebook-config")
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName="notebook", WaiterConfig=TINY)
    answer = invoke(platform, "notebook", photos / "train" / "red" / "000.jpg")
    probabilities = json.loads(answer["Body"].read())
    assert len(probabilities) == 3 and sum(probabilities) == pytest.approx(1, abs=1e-3)
    assert answer["InvokedProductionVariant"] == "AllTraffic"


def test_rekognition_asks_an_endpoint_for_labels(platform: Platform, photos: Path) -> None:
    """Needs the endpoint of the test before."""
    rekognition = platform.client("rekognition")
    image = {"Bytes": (photos / "train" / "red" / "000.jpg").read_bytes()}
    arn = "arn:aws:rekognition:us-east-1:000000000000:project/notebook/version/notebook/1"
    custom = rekognition.detect_custom_labels(ProjectVersionArn=arn, Image=image, MinConfidence=0)["CustomLabels"]
    assert {label["Name"] for label in custom} == {"blue", "green", "red"}
    labels = rekognition.detect_labels(Image=image, MinConfidence=0, MaxLabels=1)["Labels"]
    assert (labels[0]["Name"], labels[0]["Confidence"]) == (custom[0]["Name"], custom[0]["Confidence"])
    with pytest.raises(ClientError) as refusal:
        rekognition.detect_custom_labels(ProjectVersionArn=arn.replace("project/notebook", "project/none"), Image=image)
    assert refusal.value.response["Error"]["Code"] == "ResourceNotFoundException"
    with pytest.raises(ClientError) as refusal:
        rekognition.detect_labels(Image={"Bytes": b"no photo"})
    assert refusal.value.response["Error"]["Code"] == "InvalidImageFormatException"


def test_an_update_of_an_endpoint_drops_no_request_and_a_killed_platform_finds_it_again(
    sagemaker: Any, platform: Platform, photos: Path, tmp_path: Path
) -> None:
    """Needs the endpoint of the tests before."""
    create_model(sagemaker, "other", write_bundle(tmp_path / "bundle"))
    deploy(sagemaker, "both", variant("old", "notebook", 1.0), variant("new", "other", 1.0))
    answers: list[str] = []
    errors: list[Exception] = []
    finished = threading.Event()

    def keep_asking() -> None:
        while not finished.is_set():
            try:
                answers.append(
                    invoke(platform, "notebook", photos / "train" / "red" / "000.jpg")["InvokedProductionVariant"]
                )
            except Exception as error:
                errors.append(error)

    asking = [threading.Thread(target=keep_asking) for _ in range(2)]
    for thread in asking:
        thread.start()
    sagemaker.update_endpoint(EndpointName="notebook", EndpointConfigName="both-config")
    wait_until(lambda: {"old", "new"} <= set(answers), "answer of both variants")
    wait_until(lambda: not (platform.home / "endpoints" / "notebook" / "1").exists(), "end of the old worker")
    finished.set()
    for thread in asking:
        thread.join()
    assert not errors
    assert set(answers) == {"AllTraffic", "old", "new"}
    workers = sorted((platform.home / "endpoints" / "notebook" / "2").iterdir())
    before = [owner(worker) for worker in workers]
    platform.kill()
    platform.start()
    again = invoke(platform, "notebook", photos / "train" / "red" / "000.jpg", TargetVariant="new")
    assert again["InvokedProductionVariant"] == "new"
    assert [owner(worker) for worker in workers] == before


def test_a_worker_that_was_killed_is_started_again(platform: Platform, photos: Path) -> None:
    """Needs the endpoint of the test before."""
    worker = platform.home / "endpoints" / "notebook" / "2" / "old-0"
    process = owner(worker)
    assert process
    os.kill(process.pid, 9)
    for _ in range(5):
        answer = invoke(platform, "notebook", photos / "train" / "red" / "000.jpg")
        assert answer["InvokedProductionVariant"] == "new"

    def answers_again() -> bool:
        try:
            return bool(invoke(platform, "notebook", photos / "train" / "red" / "000.jpg", TargetVariant="old"))
        except ClientError:
            return False

    wait_until(answers_again, "answer of the worker that was started again")


def test_what_a_model_refuses_is_a_model_error(platform: Platform, tmp_path: Path) -> None:
    """Needs the endpoint of the test before."""
    (tmp_path / "text.jpg").write_text("no photo")
    with pytest.raises(ClientError) as refusal:
        invoke(platform, "notebook", tmp_path / "text.jpg")
    assert refusal.value.response["Error"]["Code"] == "ModelError"
    assert refusal.value.response["OriginalStatusCode"] == 422


def test_an_update_that_cannot_work_leaves_the_endpoint_as_it_was_and_says_why(
    platform: Platform, photos: Path, tmp_path: Path
) -> None:
    """Needs the endpoint of the test before."""
    client = platform.client("sagemaker")
    create_model(client, "nothing", f"file://{tmp_path}/nothing")
    deploy(client, "nothing", variant("v", "nothing"))
    client.update_endpoint(EndpointName="notebook", EndpointConfigName="nothing-config")

    def settled() -> Any:
        described = client.describe_endpoint(EndpointName="notebook")
        return described if described["EndpointStatus"] != "Updating" else None

    described = wait_until(settled, "end of the update")
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", "both-config")
    assert "is no model bundle" in described["FailureReason"]
    assert invoke(platform, "notebook", photos / "train" / "red" / "000.jpg")["InvokedProductionVariant"]
    wait_until(lambda: not (platform.home / "endpoints" / "notebook" / "3").exists(), "end of the new workers")


def test_a_deleted_endpoint_and_its_workers_are_gone(platform: Platform) -> None:
    client = platform.client("sagemaker")
    client.delete_endpoint(EndpointName="notebook")
    client.get_waiter("endpoint_deleted").wait(EndpointName="notebook", WaiterConfig=TINY)
    assert not list((platform.home / "endpoints" / "notebook").iterdir())


def test_a_transform_job_answers_for_every_photo_or_lists_it_as_a_reject(
    platform: Platform, trained: dict[str, Any], photos: Path, tmp_path: Path
) -> None:
    client = platform.client("sagemaker")
    create_model(client, "transform", trained["ModelArtifacts"]["S3ModelArtifacts"])
    (photos / "validation" / "red" / "broken.jpg").write_text("no photo")
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"file://{photos}/validation"}}
    client.create_transform_job(
        TransformJobName="transform",
        ModelName="transform",
        TransformInput={"DataSource": source, "ContentType": "application/x-image"},
        TransformOutput={"S3OutputPath": f"file://{tmp_path}/answers"},
        TransformResources={"InstanceType": "ml.m4.xlarge", "InstanceCount": 1},
    )
    client.get_waiter("transform_job_completed_or_stopped").wait(TransformJobName="transform", WaiterConfig=TINY)
    (photos / "validation" / "red" / "broken.jpg").unlink()
    assert client.describe_transform_job(TransformJobName="transform")["TransformJobStatus"] == "Completed"
    written = {str(file.relative_to(tmp_path / "answers")) for file in (tmp_path / "answers").rglob("*.out")}
    names = {str(file.relative_to(photos / "validation")) for file in (photos / "validation").rglob("*.jpg")}
    assert written == {f"{name}.out" for name in names}
    answer = json.loads((tmp_path / "answers" / "red" / "100.jpg.out").read_text())
    assert sum(answer["prediction"]) == pytest.approx(1, abs=1e-3)
    (reject,) = (tmp_path / "answers" / "rejects.jsonl").read_text().splitlines()
    assert json.loads(reject)["file"] == "red/broken.jpg"


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
