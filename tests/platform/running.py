"""A platform that runs, and clients for it: boto3's own, with another endpoint_url."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from pipelines.platform.process import OWNER, kill, owner
from tests.command import HOME, darkroom

ROLE = "arn:aws:iam::000000000000:role/anybody"
IMAGE = "811284229777.dkr.ecr.us-east-1.amazonaws.com/image-classification:1"


class Platform:
    """One `darkroom platform` process; a second on the same home is its successor."""

    def __init__(self, home: Path, *words: str) -> None:
        self.home = home
        self._words = (f"home={home}", "port=0", *words)
        self.key = darkroom("platform", "keys", f"home={home}", "create=tests")
        self.start()

    def start(self) -> None:
        self._log = (self.home / "platform.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pipelines.cli", "platform", *self._words],
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, "PYTHONPATH": str(HOME)},
        )
        assert self.process.stdout
        self.url = json.loads(self.process.stdout.readline())["url"]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    def end_everything(self) -> None:
        """Stop the platform, and the jobs and workers that would go on without it."""
        self.stop()
        for file in self.home.rglob(OWNER):
            if process := owner(file.parent):
                kill(process)

    def client(self, service: str, **settings: Any) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=self.key["access_key_id"],
            aws_secret_access_key=self.key["secret_access_key"],
            config=Config(retries={"max_attempts": 0}, read_timeout=120),
            **settings,
        )


def wait_until(condition: Callable[[], Any], what: str, seconds: float = 200) -> Any:
    """Return what the condition gives once that is true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"no {what} in {seconds} s"
        time.sleep(0.2)
    return found


def channel(name: str, uri: str, content_type: str = "application/x-image") -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, "ContentType": content_type}


def training(name: str, channels: list[dict[str, Any]], output: Path, **hyperparameters: str) -> dict[str, Any]:
    """Return a request as notebooks write it, for a network that trains in a second."""
    settings = {
        "num_layers": "20",
        "image_shape": "3,28,28",
        "num_classes": "3",
        "num_training_samples": "60",
        "mini_batch_size": "16",
        "epochs": "2",
        "learning_rate": "0.1",
        **hyperparameters,
    }
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "HyperParameters": settings,
        "InputDataConfig": channels,
        "OutputDataConfig": {"S3OutputPath": f"file://{output}"},
        "ResourceConfig": {"InstanceType": "ml.p3.2xlarge", "InstanceCount": 1, "VolumeSizeInGB": 10},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    }


def transform(name: str, photos: Path, output: Path) -> dict[str, Any]:
    """Return a request to classify all photos of a folder with the model of the job's name."""
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"file://{photos}"}}
    return {
        "TransformJobName": name,
        "ModelName": name,
        "TransformInput": {"DataSource": source, "ContentType": "application/x-image"},
        "TransformOutput": {"S3OutputPath": f"file://{output}"},
        "TransformResources": {"InstanceType": "ml.m4.xlarge", "InstanceCount": 1},
    }


def both_channels(photos: Path) -> list[dict[str, Any]]:
    return [channel(name, f"file://{photos}/{name}") for name in ("train", "validation")]


def wait_for_end(sagemaker: Any, name: str) -> dict[str, Any]:
    """Wait as notebooks do, only more often, and return what is said of the job."""
    waiter = sagemaker.get_waiter("training_job_completed_or_stopped")
    waiter.wait(TrainingJobName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 400})
    described: dict[str, Any] = sagemaker.describe_training_job(TrainingJobName=name)
    return described


TINY = {"Delay": 1, "MaxAttempts": 300}


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
