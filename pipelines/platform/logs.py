"""The part of CloudWatch Logs that reads a job's log: the same group names, one stream a job."""

import base64
from pathlib import Path
from typing import Any

from pipelines.platform.call import Call
from pipelines.platform.config import PlatformConfig
from pipelines.platform.errors import refused
from pipelines.platform.process import LOG
from pipelines.platform.tables import Job, TrainingJob, TransformJob

GROUPS: dict[str, tuple[str, type[Job]]] = {
    "/aws/sagemaker/TrainingJobs": ("training", TrainingJob),
    "/aws/sagemaker/TransformJobs": ("transform", TransformJob),
}
STREAM = "log"  # a job has one, JOB/log
PAGE_BYTES = 256 * 2**10


def log_file(config: PlatformConfig, kind: str, name: str) -> Path:
    """Return where a job's log lies."""
    return config.folder(kind, name, LOG)


def describe_log_streams(call: Call) -> dict[str, Any]:
    """DescribeLogStreams."""
    kind, _ = _group(call)
    prefix = call.request.get("logStreamNamePrefix", "")
    folders = sorted(call.config.folder(kind).glob("*")) if call.config.folder(kind).exists() else []
    names = [f"{folder.name}/{STREAM}" for folder in folders if (folder / LOG).exists()]
    found = [name for name in names if name.startswith(prefix)][: call.request.get("limit", 50)]
    return {"logStreams": [{"logStreamName": name} for name in found]}


def get_log_events(call: Call) -> dict[str, Any]:
    """GetLogEvents: a page of lines, and the token with which later calls get what came after them."""
    kind, table = _group(call)
    name, _, stream = call.request["logStreamName"].partition("/")
    job = call.find(table, name, f"{kind} job")
    file = log_file(call.config, kind, job.name)
    if stream != STREAM:
        raise refused(f"logStreamName must be JOB/{STREAM}")
    start = _offset(call.request.get("nextToken"))
    content = b""
    if file.exists():
        with file.open("rb") as log:
            log.seek(start)
            content = log.read(PAGE_BYTES)
    content = content[: content.rfind(b"\n") + 1]
    moment = int(job.created_at * 1000)
    lines = content.decode(errors="replace").splitlines()
    events = [{"timestamp": moment, "message": line, "ingestionTime": moment} for line in lines]
    return {
        "events": events,
        "nextForwardToken": _token(start + len(content)),
        "nextBackwardToken": _token(0),
    }


def _group(call: Call) -> tuple[str, type[Job]]:
    name = call.request.get("logGroupName", "")
    if name not in GROUPS:
        raise refused(f"logGroupName {name!r} is none of {', '.join(GROUPS)}")
    return GROUPS[name]


def _token(offset: int) -> str:
    return base64.urlsafe_b64encode(str(offset).encode()).decode()


def _offset(token: str | None) -> int:
    try:
        return int(base64.urlsafe_b64decode(token)) if token else 0
    except ValueError as error:
        raise refused("nextToken is not one that this platform gave") from error
