"""Endpoints: updates that drop no request, workers that die, and a platform that does. Each test needs the last."""

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipelines.platform.process import owner
from tests.bundles import write_bundle
from tests.platform.running import TINY, Platform, create_model, deploy, invoke, variant, wait_until


def test_an_endpoint_of_a_bundle_is_in_service_with_its_variant(
    platform: Platform, photos: Path, tmp_path: Path
) -> None:
    client = platform.client("sagemaker")
    create_model(client, "shop", f"{write_bundle(tmp_path / 'bundle')}.tar.gz")
    deploy(client, "shop", variant("AllTraffic", "shop"))
    client.create_endpoint(EndpointName="shop", EndpointConfigName="shop-config")
    client.get_waiter("endpoint_in_service").wait(EndpointName="shop", WaiterConfig=TINY)
    assert len(json.loads(invoke(platform, "shop", photos / "train" / "red" / "000.jpg")["Body"].read())) == 3


def test_rekognition_asks_an_endpoint_for_labels(platform: Platform, photos: Path) -> None:
    rekognition = platform.client("rekognition")
    image = {"Bytes": (photos / "train" / "red" / "000.jpg").read_bytes()}
    arn = "arn:aws:rekognition:us-east-1:000000000000:project/shop/version/shop/1"
    custom = rekognition.detect_custom_labels(ProjectVersionArn=arn, Image=image, MinConfidence=0)["CustomLabels"]
    assert {label["Name"] for label in custom} == {"blue", "green", "red"}
    labels = rekognition.detect_labels(Image=image, MinConfidence=0, MaxLabels=1)["Labels"]
    assert (labels[0]["Name"], labels[0]["Confidence"]) == (custom[0]["Name"], custom[0]["Confidence"])
    with pytest.raises(ClientError) as refusal:
        rekognition.detect_custom_labels(ProjectVersionArn=arn.replace("project/shop", "project/none"), Image=image)
    assert refusal.value.response["Error"]["Code"] == "ResourceNotFoundException"
    with pytest.raises(ClientError) as refusal:
        rekognition.detect_labels(Image={"Bytes": b"no photo"})
    assert refusal.value.response["Error"]["Code"] == "InvalidImageFormatException"


def test_an_update_of_an_endpoint_drops_no_request_and_a_killed_platform_finds_it_again(
    platform: Platform, photos: Path, tmp_path: Path
) -> None:
    sagemaker = platform.client("sagemaker")
    create_model(sagemaker, "other", write_bundle(tmp_path / "bundle", seed=1))
    deploy(sagemaker, "both", variant("old", "shop", 1.0), variant("new", "other", 1.0))
    answers: list[str] = []
    errors: list[Exception] = []
    finished = threading.Event()

    def keep_asking() -> None:
        while not finished.is_set():
            try:
                answers.append(
                    invoke(platform, "shop", photos / "train" / "red" / "000.jpg")["InvokedProductionVariant"]
                )
            except Exception as error:
                errors.append(error)

    asking = [threading.Thread(target=keep_asking) for _ in range(2)]
    for thread in asking:
        thread.start()
    sagemaker.update_endpoint(EndpointName="shop", EndpointConfigName="both-config")
    wait_until(lambda: {"old", "new"} <= set(answers), "answer of both variants")
    wait_until(lambda: not (platform.home / "endpoints" / "shop" / "1").exists(), "end of the old worker")
    finished.set()
    for thread in asking:
        thread.join()
    assert not errors
    assert set(answers) == {"AllTraffic", "old", "new"}
    workers = sorted((platform.home / "endpoints" / "shop" / "2").iterdir())
    before = [owner(worker) for worker in workers]
    platform.kill()
    platform.start()
    again = invoke(platform, "shop", photos / "train" / "red" / "000.jpg", TargetVariant="new")
    assert again["InvokedProductionVariant"] == "new"
    assert [owner(worker) for worker in workers] == before


def test_a_worker_that_was_killed_is_started_again(platform: Platform, photos: Path) -> None:
    worker = platform.home / "endpoints" / "shop" / "2" / "old-0"
    process = owner(worker)
    assert process
    os.kill(process.pid, 9)
    for _ in range(5):
        answer = invoke(platform, "shop", photos / "train" / "red" / "000.jpg")
        assert answer["InvokedProductionVariant"] == "new"

    def answers_again() -> bool:
        try:
            return bool(invoke(platform, "shop", photos / "train" / "red" / "000.jpg", TargetVariant="old"))
        except ClientError:
            return False

    wait_until(answers_again, "answer of the worker that was started again")


def test_what_a_model_refuses_is_a_model_error(platform: Platform, tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no photo")
    with pytest.raises(ClientError) as refusal:
        invoke(platform, "shop", tmp_path / "text.jpg")
    assert refusal.value.response["Error"]["Code"] == "ModelError"
    assert refusal.value.response["OriginalStatusCode"] == 422


def test_an_update_that_cannot_work_leaves_the_endpoint_as_it_was_and_says_why(
    platform: Platform, photos: Path, tmp_path: Path
) -> None:
    client = platform.client("sagemaker")
    create_model(client, "nothing", f"file://{tmp_path}/nothing")
    deploy(client, "nothing", variant("v", "nothing"))
    client.update_endpoint(EndpointName="shop", EndpointConfigName="nothing-config")

    def settled() -> Any:
        described = client.describe_endpoint(EndpointName="shop")
        return described if described["EndpointStatus"] != "Updating" else None

    described = wait_until(settled, "end of the update")
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", "both-config")
    assert "is no model bundle" in described["FailureReason"]
    assert invoke(platform, "shop", photos / "train" / "red" / "000.jpg")["InvokedProductionVariant"]
    wait_until(lambda: not (platform.home / "endpoints" / "shop" / "3").exists(), "end of the new workers")


def test_a_deleted_endpoint_and_its_workers_are_gone(platform: Platform) -> None:
    client = platform.client("sagemaker")
    client.delete_endpoint(EndpointName="shop")
    client.get_waiter("endpoint_deleted").wait(EndpointName="shop", WaiterConfig=TINY)
    assert not list((platform.home / "endpoints" / "shop").iterdir())
