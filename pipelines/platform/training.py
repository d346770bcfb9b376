"""Training jobs, as clients see them."""

import time
from typing import Any

from pipelines import storage
from pipelines.errors import ConfigError, DarkroomError
from pipelines.platform.call import Call
from pipelines.platform.channels import Channel, read_channels
from pipelines.platform.config import PlatformConfig
from pipelines.platform.errors import refused
from pipelines.platform.hyperparameters import Hyperparameters, parse
from pipelines.platform.listing import page
from pipelines.platform.metrics import final_metrics
from pipelines.platform.tables import TrainingJob

KIND = "training-job"
ALGORITHM = "image-classification"
DAY_SECONDS = 86400
GOING_ON = ("InProgress", "Stopping")
MEMBERS = (
    "HyperParameters AlgorithmSpecification RoleArn InputDataConfig OutputDataConfig ResourceConfig StoppingCondition "
    "CheckpointConfig Environment"
).split()


def create(call: Call) -> dict[str, Any]:
    """CreateTrainingJob."""
    check_definition(call.request, call.config)
    return {"TrainingJobArn": call.add(new_job(call.request["TrainingJobName"], call.request), KIND)}


def new_job(name: str, request: dict[str, Any], tuning_job: str | None = None, **tuned: str) -> TrainingJob:
    """Return a job that waits to be started."""
    now = time.time()
    return TrainingJob(
        name=name,
        created_at=now,
        modified_at=now,
        request=request,
        status="InProgress",
        secondary_status="Starting",
        transitions=[{"Status": "Starting", "StartTime": now, "StatusMessage": "Waiting for a place to run"}],
        metrics=[],
        artifacts=artifacts_uri(name, request),
        tuning_job=tuning_job,
        tuned=tuned,
    )


def artifacts_uri(name: str, request: dict[str, Any]) -> str:
    """Return where the model.tar.gz of a job goes, as the request spells its scheme."""
    return storage.join(request["OutputDataConfig"]["S3OutputPath"], name, "output", "model.tar.gz")


def check_definition(request: dict[str, Any], config: PlatformConfig) -> Hyperparameters:
    """Look at all that the shapes cannot say.

    Raises:
        ApiError: ValidationException.
    """
    algorithm = request.get("AlgorithmSpecification", {})
    if ALGORITHM not in algorithm.get("TrainingImage", "") and ALGORITHM not in algorithm.get("AlgorithmName", ""):
        raise refused(
            f"AlgorithmSpecification must name {ALGORITHM} in TrainingImage or AlgorithmName; there is no other"
        )
    channels = read_channels(request)
    output = request["OutputDataConfig"]
    if output.get("CompressionType", "GZIP") != "GZIP":
        raise refused("OutputDataConfig.CompressionType NONE is not written here; leave it out for a model.tar.gz")
    for uri in (output["S3OutputPath"], request.get("CheckpointConfig", {}).get("S3Uri", "/")):
        try:
            storage.absolute(uri)
        except ConfigError as error:
            raise refused(str(error)) from error
    if request.get("ResourceConfig", {}).get("InstanceCount", 1) < 1:
        raise refused("ResourceConfig.InstanceCount must be at least 1; it is the number of processes")
    parsed = parse(request.get("HyperParameters", {}))
    weights_of(parsed, channels, config)
    return parsed


def weights_of(parsed: Hyperparameters, channels: dict[str, Channel], config: PlatformConfig) -> str:
    """Return what the training starts from: the channel model, pretrained weights, or nothing.

    Raises:
        ApiError: use_pretrained_model=1 without such weights on this platform.
    """
    if "model" in channels:
        uri = channels["model"].uri
        return uri if uri.endswith(".tar.gz") else storage.join(uri, "model.tar.gz")
    if not parsed.use_pretrained_model:
        return ""
    name = parsed.model().removeprefix("timm/")
    if name == "tf_efficientnet_lite0":
        return "imagenet"
    files = [storage.join(config.pretrained, f"{name}{end}") for end in (".safetensors", ".pth")]
    try:
        found = [file for file in files if config.pretrained and storage.exists(file)]
    except DarkroomError as error:
        raise refused(f"use_pretrained_model=1: {error}") from error
    if not found:
        raise refused(
            f"use_pretrained_model=1 needs the weights of {name}, which this platform has not: start it with "
            f"pretrained=FOLDER holding {name}.safetensors or {name}.pth, give a channel model, or the hyperparameter "
            "network=tf_efficientnet_lite0, whose ImageNet weights are there"
        )
    return found[0]


def describe(call: Call) -> dict[str, Any]:
    """DescribeTrainingJob."""
    job = call.find(TrainingJob, call.request["TrainingJobName"], KIND)
    seconds = int((job.ended_at or time.time()) - job.started_at) if job.started_at else None
    return {
        **call.repeated({key: value for key, value in job.request.items() if key in MEMBERS}),
        "TrainingJobName": job.name,
        "TrainingJobArn": call.config.arn(KIND, job.name),
        "TuningJobArn": call.config.arn("hyper-parameter-tuning-job", job.tuning_job) if job.tuning_job else None,
        "ModelArtifacts": {"S3ModelArtifacts": job.artifacts},
        "TrainingJobStatus": job.status,
        "SecondaryStatus": job.secondary_status,
        "FailureReason": job.failure_reason,
        "StoppingCondition": {"MaxRuntimeInSeconds": max_runtime_seconds(job)},
        "CreationTime": job.created_at,
        "TrainingStartTime": job.started_at,
        "TrainingEndTime": job.ended_at,
        "LastModifiedTime": job.modified_at,
        "SecondaryStatusTransitions": job.transitions,
        "FinalMetricDataList": final_metrics(job),
        "TrainingTimeInSeconds": seconds,
        "BillableTimeInSeconds": seconds,
        "EnableNetworkIsolation": False,
        "EnableInterContainerTrafficEncryption": False,
        "EnableManagedSpotTraining": False,
    }


def max_runtime_seconds(job: TrainingJob) -> int:
    """Return the job's time limit, by default a day as in SageMaker."""
    return int(job.request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", DAY_SECONDS))


def list_jobs(call: Call) -> dict[str, Any]:
    """ListTrainingJobs."""
    jobs, token = page(call, TrainingJob)
    return {"TrainingJobSummaries": [_summary(call, job) for job in jobs], "NextToken": token}


def _summary(call: Call, job: TrainingJob) -> dict[str, Any]:
    return {
        "TrainingJobName": job.name,
        "TrainingJobArn": call.config.arn(KIND, job.name),
        "CreationTime": job.created_at,
        "TrainingEndTime": job.ended_at,
        "LastModifiedTime": job.modified_at,
        "TrainingJobStatus": job.status,
        "SecondaryStatus": job.secondary_status,
    }


def stop(call: Call) -> dict[str, Any]:
    """StopTrainingJob: a training that runs saves its model first."""
    job = call.find(TrainingJob, call.request["TrainingJobName"], KIND)
    if job.status not in GOING_ON:
        raise refused(f"The request was rejected because the training job is in status {job.status}.")
    ask_to_stop(job)
    return {}


def ask_to_stop(job: TrainingJob) -> None:
    """Mark a job that goes on as Stopping."""
    if job.status == "InProgress":
        job.status = job.secondary_status = "Stopping"
        job.modified_at = time.time()
        job.transitions = [*job.transitions, {"Status": "Stopping", "StartTime": job.modified_at, "StatusMessage": ""}]


def spec_of(job: TrainingJob, config: PlatformConfig) -> dict[str, Any]:
    """Return what the job's process has to know."""
    parsed, channels = parse(job.request["HyperParameters"]), read_channels(job.request)
    work = storage.join(config.work_uri(), "training", job.name)
    checkpoints = job.request.get("CheckpointConfig", {}).get("S3Uri")
    run_dir = storage.absolute(checkpoints) if checkpoints else storage.join(work, "run")
    num_processes = job.request.get("ResourceConfig", {}).get("InstanceCount", 1)
    return {
        "kind": "training",
        "home": config.home,
        "work": config.work_uri(),
        "spark": config.spark,
        "channels": channels,
        "short_side_px": parsed.resize or round(parsed.image_size() * 8 / 7),
        "max_reject_ratio": config.max_reject_ratio,
        "num_classes": parsed.num_classes,
        "num_training_samples": parsed.num_training_samples,
        "run_dir": run_dir,
        "artifacts": storage.absolute(job.artifacts),
        "started_at": time.time(),
        "max_runtime_seconds": max_runtime_seconds(job),
        "train": {
            **parsed.train_words(),
            "weights": weights_of(parsed, channels, config),
            "num_processes": num_processes,
            "target": storage.join(work, "model"),
            "run_dir": run_dir,
        },
    }
