"""Every answer that is not 200: a status, a code for programs, a message for people."""

import json
from typing import Any

from pydantic import BaseModel, Field
from starlette.responses import Response

from pipelines.errors import DarkroomError
from pipelines.images.reject import Rejected

RETRYABLE = frozenset((429, 503, 504))
CODES = {404: "not_found", 405: "method_not_allowed"}


class ErrorDocument(BaseModel):
    """Body of every error."""

    code: str = Field(description="for programs; for a refused image the reject's reason")
    message: str = Field(description="what happened, with the value, the setting's name and the remedy")
    retryable: bool = Field(description="whether the same request may succeed later")
    request_id: str = Field(description="also in the header X-Request-Id and in the server's log")


class Refused(DarkroomError):
    """A request cannot be answered: HTTP status, code, message, and seconds to wait where that helps."""

    def __init__(self, status: int, code: str, message: str, retry_after: int | None = None) -> None:
        """Keep all arguments, so that the error survives pickling."""
        super().__init__(status, code, message, retry_after)
        self.status, self.code, self.retry_after = status, code, retry_after

    def __str__(self) -> str:
        """Return the message alone."""
        return str(self.args[2])


def refused_image(error: Rejected) -> Refused:
    """Turn a reject into 422 with its reason as the code."""
    return Refused(422, error.reason, str(error))


def error_response(error: Refused, request_id: str) -> Response:
    """Return the answer for an error."""
    document: dict[str, Any] = {
        "code": error.code,
        "message": str(error),
        "retryable": error.status in RETRYABLE or error.retry_after is not None,
        "request_id": request_id,
    }
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    return Response(json.dumps(document), error.status, headers, "application/json")
