"""Read a request's body within limits, and leave the connection clean when it was not read to its end."""

import asyncio
from collections.abc import Mapping

from starlette.types import Message, Receive

from pipelines.serve.admission import Admission
from pipelines.serve.errors import Refused

LINGER_SECONDS = 2.0
LINGER_BYTES = 64 * 2**20


class Body:
    """The body of one request, counted while it arrives."""

    def __init__(self, receive: Receive, headers: Mapping[str, str], max_bytes: int, admission: Admission) -> None:
        """Wrap the server's `receive`."""
        self._receive, self._max_bytes, self._admission = receive, max_bytes, admission
        length = headers.get("content-length", "")
        self._declared_bytes = int(length) if length.isdigit() else 0
        self.num_bytes = 0
        self.is_complete = not self._declared_bytes and "transfer-encoding" not in headers

    async def receive(self) -> Message:
        """Return the server's next message.

        Raises:
            Refused: 413 as soon as the body is known to be too large, 429 if all bodies together are.
        """
        if self._declared_bytes > self._max_bytes:
            raise self._too_large(f"the body has {self._declared_bytes} bytes")
        message = await self._next()
        if self.num_bytes > self._max_bytes:
            raise self._too_large(f"the body has more than {self.num_bytes - 1} bytes")
        return message

    def release(self) -> None:
        """Say that the body's memory is free again."""
        self._admission.add_bytes(-self.num_bytes)
        self.num_bytes = 0

    async def drain(self) -> None:
        """Throw away what still arrives, for a short while: a client that is cut off while it sends sees no answer."""
        self.release()
        num_bytes = 0
        try:
            async with asyncio.timeout(LINGER_SECONDS):
                while not self.is_complete and num_bytes < LINGER_BYTES:
                    message = await self._receive()
                    num_bytes += len(message.get("body", b""))
                    self.is_complete = not message.get("more_body", False)
        except TimeoutError:
            return

    async def _next(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self.is_complete = not message.get("more_body", False)
            arrived = len(message.get("body", b""))
            self.num_bytes += arrived
            self._admission.add_bytes(arrived)
        return message

    def _too_large(self, what: str) -> Refused:
        return Refused(413, "body_too_large", f"{what}; max_body_bytes is {self._max_bytes}")
