"""Around every request: its id, limits and time-out, its error document, its counters."""

import asyncio
import logging
import re
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipelines.serve.admission import Admission
from pipelines.serve.body import Body
from pipelines.serve.config import ServeConfig
from pipelines.serve.errors import Refused, error_response
from pipelines.serve.metrics import Metrics

_REQUEST_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)


class Requests:
    """ASGI middleware: whatever happens inside, one answer goes out, and a line to the log if it is our fault."""

    def __init__(self, app: ASGIApp, config: ServeConfig, admission: Admission, metrics: Metrics) -> None:
        """Wrap the app."""
        self._app, self._config, self._admission, self._metrics = app, config, admission, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        body = Body(receive, headers, self._config.max_body_bytes, self._admission)
        answer = _Answer(send, body, request_id)
        started = time.perf_counter()
        try:
            await self._handle(scope, body, answer, request_id)
        finally:
            body.release()
            route = scope.get("route")
            path = getattr(route, "path", "other")
            self._metrics.saw_request(path, answer.status, time.perf_counter() - started)

    async def _handle(self, scope: Scope, body: Body, answer: "_Answer", request_id: str) -> None:
        error: Refused
        try:
            async with asyncio.timeout(self._config.timeout_seconds):
                await self._app(scope, body.receive, answer.send)
            return
        except TimeoutError:
            what = "the answer was not ready" if body.is_complete else "the body did not arrive"
            limit = f"timeout_seconds={self._config.timeout_seconds:g}"
            error = Refused(504, "timeout", f"{what} within {limit}")
        except ClientDisconnect:
            return
        except Exception:
            logging.getLogger(__name__).exception("request %s failed", request_id)
            error = Refused(500, "internal", "the server failed; its log has the cause under this request's id")
        if not answer.status:
            await error_response(error, request_id)(scope, body.receive, answer.send)


class _Answer:
    """The answer of one request on its way out."""

    def __init__(self, send: Send, body: Body, request_id: str) -> None:
        self._send, self._body, self._request_id = send, body, request_id
        self.status = 0

    async def send(self, message: Message) -> None:
        """Pass a message on; close the connection after an answer that came before the body's end."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(raw=message["headers"])
            headers["X-Request-Id"] = self._request_id
            if not self._body.is_complete:
                headers["Connection"] = "close"
        elif not message.get("more_body", False) and not self._body.is_complete:
            await self._send({**message, "more_body": True})
            await self._body.drain()
            message = {"type": "http.response.body", "body": b""}
        await self._send(message)
