"""InvokeEndpoint: hand a request to one of the endpoint's workers, and its answer back."""

import httpx
from botocore.model import OperationModel
from starlette.requests import Request
from starlette.responses import Response

from pipelines.platform.errors import ApiError
from pipelines.platform.protocol import service
from pipelines.platform.routes import Routes, Variant, Worker

RUNTIME = "sagemaker-runtime"
FORWARDED = ("content-type", "accept", "x-amzn-sagemaker-custom-attributes", "x-amzn-sagemaker-inference-id")
TIMEOUT_SECONDS = 60.0  # a container has so long to answer, as in SageMaker


def operation() -> OperationModel:
    """Return the operation's model."""
    return service(RUNTIME).operation_model("InvokeEndpoint")


def max_body_bytes() -> int:
    """Return how large a request may be, as botocore's model says."""
    return int(operation().input_shape.members["Body"].metadata["max"])


async def invoke(routes: Routes, client: httpx.AsyncClient, request: Request, body: bytes) -> Response:
    """Answer one request; a worker that cannot be reached costs nothing while there is another.

    Raises:
        ApiError: ValidationError for an endpoint that does not answer.
    """
    name: str = request.path_params["name"]
    wanted = request.headers.get("x-amzn-sagemaker-target-variant", "")
    if not routes.variants(name):
        raise _error("ValidationError", f"Endpoint {name} not found, or not InService")
    if wanted and wanted not in {variant.name for variant in routes.variants(name)}:
        raise _error("ValidationError", f"Endpoint {name} has no variant {wanted}")
    headers = {key: request.headers[key] for key in FORWARDED if key in request.headers}
    headers.setdefault("content-type", "application/x-image")
    variant, answer = await send(routes, client, name, wanted, body, headers)
    invoked = {"x-Amzn-Invoked-Production-Variant": variant.name}
    return Response(answer.content, media_type=answer.headers.get("content-type"), headers=invoked)


async def send(
    routes: Routes, client: httpx.AsyncClient, endpoint: str, wanted: str, body: bytes, headers: dict[str, str]
) -> tuple[Variant, httpx.Response]:
    """Have one of the endpoint's workers answer; `wanted` asks for a variant by name.

    Raises:
        ApiError: ServiceUnavailable if none of them can be reached, ModelError for what one says.
    """
    unreachable: set[Worker] = set()
    while True:
        with routes.worker(endpoint, wanted, unreachable) as chosen:
            if chosen is None:
                message = f"no worker of endpoint {endpoint} answers; they are being started again"
                raise _error("ServiceUnavailable", message)
            variant, worker = chosen
            try:
                url = f"http://127.0.0.1:{worker.port}/invocations"
                answer = await client.post(url, content=body, headers=headers, timeout=TIMEOUT_SECONDS)
            except httpx.TimeoutException as error:
                raise _model_error(504, f"no answer within {TIMEOUT_SECONDS:.0f} s: {error}") from error
            except httpx.TransportError:
                unreachable.add(worker)
                continue
        if answer.is_error:
            raise _model_error(answer.status_code, answer.text)
        return variant, answer


def _model_error(status: int, message: str) -> ApiError:
    text = f"Received client error ({status}) from primary with message: {message}"
    return _error("ModelError", text, OriginalStatusCode=status, OriginalMessage=message)


def _error(code: str, message: str, **members: object) -> ApiError:
    """Return an error of the runtime with the status that botocore's model gives it."""
    status = service(RUNTIME).shape_for(code).metadata["error"]["httpStatusCode"]
    return ApiError(code, message, status, **members)
