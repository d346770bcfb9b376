"""AWS's JSON protocol for Rekognition: POST / with X-Amz-Target. Whoever mounts it checks the signatures."""

import json
import uuid

from starlette.requests import Request
from starlette.responses import Response

from pipelines.rekognition.errors import RekognitionError
from pipelines.rekognition.operations import SERVICE, Models, operate

CONTENT_TYPE = "application/x-amz-json-1.1"


async def answer(request: Request, models: Models) -> Response:
    """Answer one request; errors are Rekognition's."""
    try:
        document = await operate(_operation(request), _parse(await request.body()), models)
        status, error_type = 200, {}
    except RekognitionError as error:
        document, status, error_type = error.body(), error.status, {"x-amzn-ErrorType": error.code}
    headers = {"x-amzn-RequestId": getattr(request.state, "request_id", str(uuid.uuid4())), **error_type}
    return Response(json.dumps(document, ensure_ascii=False), status, headers, CONTENT_TYPE)


def _operation(request: Request) -> str:
    service, _, operation = request.headers.get("x-amz-target", "").partition(".")
    if service != SERVICE:
        raise RekognitionError("UnknownOperationException", f"X-Amz-Target names {service!r}, this is {SERVICE}")
    return operation


def _parse(body: bytes) -> object:
    try:
        document: object = json.loads(body)
    except ValueError as error:
        raise RekognitionError("SerializationException", f"the body is no JSON: {error}") from error
    return document
