"""The API on HTTP: read a request within limits, check who sent it, find its operation, write answer or error."""

import datetime
import json
import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from botocore.model import OperationModel
from cryptography.fernet import Fernet
from sqlalchemy import Engine
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pipelines.platform import invoke, protocol
from pipelines.platform.config import LOOPBACK, PlatformConfig
from pipelines.platform.console.app import Console
from pipelines.platform.errors import ApiError
from pipelines.platform.keys import secret_of
from pipelines.platform.labels import EndpointModels
from pipelines.platform.operations import OPERATIONS, answer
from pipelines.platform.routes import Routes
from pipelines.platform.signature import Request as Signed
from pipelines.platform.signature import check_signature
from pipelines.rekognition.errors import RekognitionError
from pipelines.rekognition.operations import SERVICE as REKOGNITION
from pipelines.rekognition.operations import operate

MAX_BODY_BYTES = 8 * 2**20  # of the JSON operations; Rekognition's photos come as base64


class Api:
    """What the API's requests share."""

    def __init__(self, config: PlatformConfig, engine: Engine, vault: Fernet, routes: Routes) -> None:
        """Keep it."""
        self._config, self._engine, self._vault, self._routes = config, engine, vault, routes
        self._client = httpx.AsyncClient(limits=httpx.Limits(max_connections=None, max_keepalive_connections=64))

    def app(self) -> Starlette:
        """Return the ASGI app."""

        @asynccontextmanager
        async def lifespan(_app: Starlette) -> AsyncIterator[None]:
            yield
            await self._client.aclose()

        routes = [
            Route("/ping", self.ping, methods=["GET"]),
            Route("/", self.operate, methods=["POST"]),
            Route("/endpoints/{name}/invocations", self.invoke, methods=["POST"]),
        ]
        console = Console(self._config, self._engine, self._vault, self._routes, self._client)
        # Without keys, a page from elsewhere must not reach the API by a name of its own that means this machine.
        hosts = ["*"] if self._config.auth else list(LOOPBACK)
        middleware = [Middleware(TrustedHostMiddleware, allowed_hosts=hosts)]
        return Starlette(routes=[*routes, *console.routes()], lifespan=lifespan, middleware=middleware)

    async def ping(self, _request: Request) -> Response:
        """Say that the platform runs."""
        return JSONResponse({"status": "ok"})

    async def operate(self, request: Request) -> Response:
        """Answer an operation of one of the JSON services."""
        request_id = str(uuid.uuid4())
        try:
            body = await _read(request, MAX_BODY_BYTES)
            target = request.headers.get("x-amz-target", "")
            if target.startswith(f"{REKOGNITION}."):
                return await self._detect(request, target.partition(".")[2], body, request_id)
            operation = protocol.operation_of(target, tuple(OPERATIONS))
            content = await run_in_threadpool(self._operate, request, operation, body)
        except ApiError as error:
            return _refuse(error, request_id)
        except Exception:
            logging.getLogger(__name__).exception("request %s failed", request_id)
            return _refuse(_broken(request_id), request_id)
        headers = {"x-amzn-RequestId": request_id}
        return Response(content, media_type=protocol.CONTENT_TYPE, headers=headers)

    async def _detect(self, request: Request, name: str, body: bytes, request_id: str) -> Response:
        """Answer an operation of Rekognition."""
        await run_in_threadpool(self._check, request, body, "rekognition")
        models = EndpointModels(self._routes, self._client, self._config.ready_made)
        try:
            said = await operate(name, json.loads(body), models)
        except RekognitionError as error:
            raise ApiError(error.code, str(error), error.status) from error
        except ValueError as error:
            raise ApiError("SerializationException", f"the body is no JSON: {error}") from error
        content = json.dumps(said, ensure_ascii=False)
        return Response(content, 200, {"x-amzn-RequestId": request_id}, protocol.CONTENT_TYPE)

    def _operate(self, request: Request, operation: OperationModel, body: bytes) -> bytes:
        self._check(request, body, operation.service_model.signing_name)
        return answer(self._engine, self._config, operation, protocol.parse(operation, body))

    async def invoke(self, request: Request) -> Response:
        """Answer InvokeEndpoint."""
        request_id = str(uuid.uuid4())
        try:
            body = await _read(request, invoke.max_body_bytes())
            if self._config.auth:
                name = invoke.operation().service_model.signing_name
                await run_in_threadpool(self._check, request, body, name)
            response = await invoke.invoke(self._routes, self._client, request, body)
        except ApiError as error:
            return _refuse(error, request_id)
        except Exception:
            logging.getLogger(__name__).exception("request %s failed", request_id)
            return _refuse(_broken(request_id), request_id)
        response.headers["x-amzn-RequestId"] = request_id
        return response

    def _check(self, request: Request, body: bytes, service: str) -> None:
        if not self._config.auth:
            return
        path = request.scope["raw_path"].decode("ascii", "replace")
        query = request.scope["query_string"].decode("ascii", "replace")
        url = f"http://{request.headers.get('host', '')}{path}{'?' + query if query else ''}"
        signed = Signed(request.method, url, dict(request.headers), body)
        now = datetime.datetime.now(datetime.UTC)
        check_signature(signed, service, lambda key: secret_of(self._engine, self._vault, key), now)


async def _read(request: Request, max_bytes: int) -> bytes:
    """Read the body, as far as it is allowed to go."""
    parts, num_bytes = [], 0
    try:
        async for part in request.stream():
            num_bytes += len(part)
            if num_bytes > max_bytes:
                raise ApiError("RequestEntityTooLargeException", f"the body has more than {max_bytes} bytes", 413)
            parts.append(part)
    except ClientDisconnect as error:
        raise ApiError("RequestAbortedException", "the body did not arrive as a whole") from error
    return b"".join(parts)


def _refuse(error: ApiError, request_id: str) -> Response:
    headers: dict[str, Any] = {"x-amzn-RequestId": request_id, "x-amzn-ErrorType": error.code}
    return JSONResponse(error.body(), error.status, headers, protocol.CONTENT_TYPE)


def _broken(request_id: str) -> ApiError:
    return ApiError("InternalFailure", f"the platform's log says more of request {request_id}", 500)
