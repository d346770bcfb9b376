"""Tags: labels that users stick to resources."""

from typing import Any

from sqlalchemy import delete as delete_rows
from sqlalchemy import func, select

from pipelines.platform.call import Call
from pipelines.platform.errors import not_found, refused
from pipelines.platform.tables import (
    Endpoint,
    EndpointConfig,
    Model,
    Resource,
    Tag,
    TrainingJob,
    TransformJob,
    TuningJob,
)

KINDS: dict[str, type[Resource]] = {
    "training-job": TrainingJob,
    "hyper-parameter-tuning-job": TuningJob,
    "transform-job": TransformJob,
    "model": Model,
    "endpoint-config": EndpointConfig,
    "endpoint": Endpoint,
}
MAX_TAGS = 50


def add(call: Call) -> dict[str, Any]:
    """AddTags."""
    arn = _known(call)
    for tag in call.request["Tags"]:
        call.session.merge(Tag(arn=arn, key=tag["Key"], value=tag["Value"]))
    call.session.flush()
    if (call.session.scalar(select(func.count()).where(Tag.arn == arn)) or 0) > MAX_TAGS:
        raise refused(f"a resource has at most {MAX_TAGS} tags")
    return {"Tags": _tags(call, arn)}


def list_tags(call: Call) -> dict[str, Any]:
    """ListTags: all of them, a resource has at most 50."""
    return {"Tags": _tags(call, _known(call))}


def delete(call: Call) -> dict[str, Any]:
    """DeleteTags."""
    arn = _known(call)
    call.session.execute(delete_rows(Tag).where(Tag.arn == arn, Tag.key.in_(call.request["TagKeys"])))
    return {}


def _known(call: Call) -> str:
    """Return the request's ARN, if there is such a resource."""
    arn: str = call.request["ResourceArn"]
    kind, _, name = arn.rpartition(":")[2].partition("/")
    if kind not in KINDS or arn != call.config.arn(kind, name) or call.session.get(KINDS[kind], name) is None:
        raise not_found(call.operation, f"Could not find resource {arn!r}")
    return arn


def _tags(call: Call, arn: str) -> list[dict[str, str]]:
    rows = call.session.scalars(select(Tag).where(Tag.arn == arn).order_by(Tag.key))
    return [{"Key": tag.key, "Value": tag.value} for tag in rows]
