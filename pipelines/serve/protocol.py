"""uvicorn's HTTP protocol with two limits that it lacks: the size of the headers, and the time they take."""

import asyncio
import uuid
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from pipelines.serve.errors import Refused, error_response

MAX_HEADER_BYTES = 64 * 2**10
HEADER_SECONDS = 10.0


class LimitedProtocol(HttpToolsProtocol):
    """Closes connections whose headers are too large, or too slow to come."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Start outside of a request."""
        super().__init__(*args, **kwargs)
        self._num_header_bytes = 0
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start to wait for the first headers."""
        super().connection_made(transport)
        self._wait_for_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count bytes until the headers are complete."""
        if self._patience is None and (self.cycle is None or self.cycle.response_complete):
            self._wait_for_headers()
        if self._patience is not None:
            self._num_header_bytes += len(data)
        super().data_received(data)
        if self._patience is not None and self._num_header_bytes > MAX_HEADER_BYTES:
            self._stop_waiting()
            what = f"the request's line and headers have more than {MAX_HEADER_BYTES} bytes"
            self._refuse(Refused(431, "headers_too_large", what))

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP at all."""
        self._refuse(Refused(400, "bad_request", msg))

    def _refuse(self, error: Refused) -> None:
        """Send an error document around the app, and hang up."""
        response = error_response(error, uuid.uuid4().hex)
        headers = [*response.raw_headers, (b"connection", b"close")]
        lines = [STATUS_LINE[error.status].rstrip(), *(b"%s: %s" % header for header in headers), b"", b""]
        self.transport.write(b"\r\n".join(lines) + bytes(response.body))
        self.transport.close()

    def on_headers_complete(self) -> None:
        """Go on to the body, which the app limits."""
        self._stop_waiting()
        super().on_headers_complete()

    def _wait_for_headers(self) -> None:
        self._num_header_bytes = 0
        self._patience = self.loop.call_later(HEADER_SECONDS, self._give_up)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        if self.transport and not self.transport.is_closing():
            self.transport.close()
