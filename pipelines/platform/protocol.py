"""AWS's JSON protocol: which operation a request means, whether it is well formed, and how an answer is written."""

import functools
import json
from typing import Any

from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel

from pipelines.platform.errors import ApiError, refused
from pipelines.platform.shapes import problems

CONTENT_TYPE = "application/x-amz-json-1.1"


@functools.cache
def service(name: str) -> ServiceModel:
    """Return a service's model, as botocore ships it."""
    return ServiceModel(Loader().load_service_model(name, "service-2"), name)


def operation_of(target: str, services: tuple[str, ...]) -> OperationModel:
    """Return what the header X-Amz-Target names, as in `SageMaker.CreateModel`.

    Raises:
        ApiError: UnknownOperationException.
    """
    prefix, _, name = target.partition(".")
    for known in map(service, services):
        if known.metadata["targetPrefix"] == prefix and name in known.operation_names:
            return known.operation_model(name)
    raise ApiError("UnknownOperationException", f"X-Amz-Target: {target!r} names no operation that is known here")


def parse(operation: OperationModel, body: bytes) -> dict[str, Any]:
    """Read a request, and hold it against the operation's shape.

    Raises:
        ApiError: SerializationException or ValidationException; the message lists everything that is wrong.
    """
    try:
        document = json.loads(body or b"{}")
    except ValueError as error:
        raise ApiError("SerializationException", f"the body is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise ApiError("SerializationException", f"the body must be a JSON object, not a {type(document).__name__}")
    found = list(problems(operation.input_shape, document))
    if found:
        count = f"{len(found)} validation error{'s' * (len(found) > 1)} detected"
        raise refused(f"{count}: {'; '.join(found)}")
    return {key: value for key, value in document.items() if value is not None}


def render(operation: OperationModel, answer: dict[str, Any]) -> bytes:
    """Write an answer; members that are None are left out. Times are seconds since 1970."""
    if operation.output_shape is None:
        return b""
    document = _without_none(answer)
    missing = [name for name in operation.output_shape.required_members if name not in document]
    unknown = [name for name in document if name not in operation.output_shape.members]
    if missing or unknown:
        raise AssertionError(f"{operation.name} answered without {missing} and with unknown {unknown}")
    return json.dumps(document, ensure_ascii=False).encode()


def chosen(operation: OperationModel, document: dict[str, Any]) -> dict[str, Any]:
    """Return the members of a request that the operation's answer repeats."""
    return {key: value for key, value in document.items() if key in operation.output_shape.members}


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(content) for key, content in value.items() if content is not None}
    return [_without_none(item) for item in value] if isinstance(value, list) else value
