"""Rekognition's own error codes."""

from typing import Any

from pipelines.errors import DarkroomError


class RekognitionError(DarkroomError):
    """A refused request: the code that clients know, a message for people, the HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        """Keep all arguments, so that the error survives pickling."""
        super().__init__(code, message, status)
        self.code, self.status = code, status

    def __str__(self) -> str:
        """Return the message alone."""
        return str(self.args[1])

    def body(self) -> dict[str, Any]:
        """Return the answer's JSON, in the form that AWS's clients read."""
        return {"__type": self.code, "Message": str(self), "message": str(self)}
