"""Batch transform jobs, as clients see them."""

import time
from typing import Any

from pipelines import storage
from pipelines.errors import ConfigError
from pipelines.platform.call import Call
from pipelines.platform.config import PlatformConfig
from pipelines.platform.errors import refused
from pipelines.platform.listing import page
from pipelines.platform.models import bundle_of
from pipelines.platform.tables import Model, TransformJob
from pipelines.platform.training import GOING_ON
from pipelines.platform.transform_steps import PARQUET

KIND = "transform-job"
ACCEPTED = ("", "*/*", "application/json", "application/jsonlines", PARQUET)


def create(call: Call) -> dict[str, Any]:
    """CreateTransformJob."""
    request = call.request
    model = call.find(Model, request["ModelName"], "model")
    source, output = request["TransformInput"], request["TransformOutput"]
    data = source["DataSource"].get("S3DataSource")
    if data is None or data["S3DataType"] != "S3Prefix":
        raise refused("TransformInput.DataSource must be an S3DataSource with S3DataType S3Prefix")
    if output.get("Accept", "") not in ACCEPTED:
        raise refused(f"TransformOutput.Accept {output['Accept']} is not written here; {', '.join(ACCEPTED[1:])} are")
    if source.get("CompressionType", "None") != "None" or source.get("SplitType", "None") != "None":
        raise refused("photos are neither compressed nor split; leave CompressionType and SplitType out")
    for uri in (data["S3Uri"], output["S3OutputPath"]):
        try:
            storage.absolute(uri)
        except ConfigError as error:
            raise refused(str(error)) from error
    now = time.time()
    row = TransformJob(
        name=request["TransformJobName"],
        created_at=now,
        modified_at=now,
        request={**request, "ModelUri": bundle_of(model.request)},
        status="InProgress",
    )
    return {"TransformJobArn": call.add(row, KIND)}


def describe(call: Call) -> dict[str, Any]:
    """DescribeTransformJob."""
    job = call.find(TransformJob, call.request["TransformJobName"], KIND)
    return {
        **call.repeated(job.request),
        "TransformJobArn": call.config.arn(KIND, job.name),
        "TransformJobStatus": job.status,
        "FailureReason": job.failure_reason,
        "CreationTime": job.created_at,
        "TransformStartTime": job.started_at,
        "TransformEndTime": job.ended_at,
    }


def list_jobs(call: Call) -> dict[str, Any]:
    """ListTransformJobs."""
    jobs, token = page(call, TransformJob, order="Descending")
    summaries = [
        {
            "TransformJobName": job.name,
            "TransformJobArn": call.config.arn(KIND, job.name),
            "CreationTime": job.created_at,
            "TransformEndTime": job.ended_at,
            "LastModifiedTime": job.modified_at,
            "TransformJobStatus": job.status,
            "FailureReason": job.failure_reason,
        }
        for job in jobs
    ]
    return {"TransformJobSummaries": summaries, "NextToken": token}


def stop(call: Call) -> dict[str, Any]:
    """StopTransformJob."""
    job = call.find(TransformJob, call.request["TransformJobName"], KIND)
    if job.status not in GOING_ON:
        raise refused(f"The request was rejected because the transform job is in status {job.status}.")
    job.status, job.modified_at = "Stopping", time.time()
    return {}


def spec_of(job: TransformJob, config: PlatformConfig) -> dict[str, Any]:
    """Return what the job's process has to know."""
    output = storage.absolute(job.request["TransformOutput"]["S3OutputPath"])
    accept = job.request["TransformOutput"].get("Accept", "")
    aside = storage.join(config.work_uri(), "transform", job.name)
    return {
        "kind": "transform",
        "spark": config.spark,
        "model": storage.absolute(job.request["ModelUri"]),
        "source": storage.absolute(job.request["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]),
        "target": output if accept == PARQUET else aside,
        "output": output,
        "accept": accept,
        "started_at": time.time(),
    }
