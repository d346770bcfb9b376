"""What a client is told when a request fails: AWS's codes, taken from botocore's models where they are modelled."""

from typing import Any

from botocore.model import OperationModel


class ApiError(Exception):
    """A refused request: AWS's error code, a message for people, the HTTP status, and further members of the body."""

    def __init__(self, code: str, message: str, status: int = 400, **members: Any) -> None:
        """Keep all of them."""
        super().__init__(code, message)
        self.code, self.message, self.status, self.members = code, message, status, members

    def body(self) -> dict[str, Any]:
        """Return the JSON body of the answer, in the form that all protocols of AWS read."""
        return {"__type": self.code, "message": self.message, "Message": self.message, **self.members}


def refused(message: str) -> ApiError:
    """Return the error of a request that is wrong in itself."""
    return ApiError("ValidationException", message)


def not_found(operation: OperationModel, message: str) -> ApiError:
    """Return the error of a name that is not there: ResourceNotFound where the operation knows it."""
    return ApiError(_first_known(operation, "ResourceNotFound", "ResourceNotFoundException"), message)


def in_use(operation: OperationModel, message: str) -> ApiError:
    """Return the error of a name that is taken: ResourceInUse where the operation knows it."""
    return ApiError(_first_known(operation, "ResourceInUse"), message)


def _first_known(operation: OperationModel, *codes: str) -> str:
    known = {shape.name for shape in operation.error_shapes}
    return next((code for code in codes if code in known), "ValidationException")
