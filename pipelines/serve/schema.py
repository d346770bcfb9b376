"""What the OpenAPI document says of bodies that are images, and of answers in several forms."""

from typing import Any

from pydantic import BaseModel, Field

from pipelines.serve.errors import ErrorDocument
from pipelines.serve.formats import BINARY_TYPES, CSV, JSON, JSON_LINES, ImagesDocument

Responses = dict[int | str, dict[str, Any]]


class Label(BaseModel):
    """A class and its probability."""

    label_name: str
    confidence: float = Field(ge=0, le=1)


class Prediction(Label):
    """What the model says of one image."""

    image_id: str | None = Field(None, description="hex BLAKE2b-128 of the file's bytes; a row of features has none")
    top_k: list[Label] = Field(description="most likely first")
    model_id: str


class Loaded(BaseModel):
    """The model that answers."""

    model_id: str
    engine: str
    precision: str


class Reject(BaseModel):
    """An image of a list that was refused."""

    image_id: str
    reason: str
    message: str


class Predictions(BaseModel):
    """One answer for each image of a list, in order."""

    predictions: list[Prediction | Reject]


def _error(description: str) -> dict[str, Any]:
    return {"model": ErrorDocument, "description": description}


COMMON: Responses = {
    400: _error("The request is not as documented"),
    413: _error("The body is larger than max_body_bytes"),
    500: _error("The server failed"),
    504: _error("The answer was not ready, or the body not there, within timeout_seconds"),
}
PING: Responses = {
    200: {"model": Loaded, "description": "The model is loaded"},
    404: _error("Not loaded, with the reason"),
}
METRICS: Responses = {200: {"description": "Prometheus' text format", "content": {"text/plain": {"schema": {}}}}}
ANSWERS: Responses = {
    200: {
        "description": "Labels, or with answer=probabilities the bare probabilities in the order of the classes",
        "model": Prediction | Predictions | list[Any],
        "content": {
            JSON_LINES: {"schema": {"type": "string"}},
            CSV: {"schema": {"type": "string"}},
        },
    },
    **COMMON,
    406: _error("Accept takes none of the forms"),
    415: _error("The Content-Type is none that is read"),
    422: _error("The image is refused; the code is the reason"),
    429: _error("The queue is full; try again after Retry-After seconds"),
    503: _error("The model is not loaded"),
}
REQUEST: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            **{name: {"schema": {"type": "string", "format": "binary"}} for name in BINARY_TYPES},
            JSON: {"schema": ImagesDocument.model_json_schema()},
            CSV: {"schema": {"type": "string", "description": "rows of features, for models made by fit"}},
        },
    }
}
