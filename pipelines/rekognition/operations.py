"""Rekognition's operations, on models of one's own."""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Protocol

from pipelines.ready_made.names import imagenet_names
from pipelines.rekognition.errors import RekognitionError
from pipelines.rekognition.photo import read_photo
from pipelines.rekognition.requests import DetectCustomLabelsRequest, DetectLabelsRequest, LabelFilters, Photo, parse

SERVICE = "RekognitionService"
MODEL_VERSION = "3.0"  # of the answer's form


class Label(NamedTuple):
    """A class and its probability, 0 to 1."""

    name: str
    confidence: float


class Models(Protocol):
    """Where photos are classified. Both return all classes, most likely first, and raise RekognitionError."""

    async def ready_made(self, content: bytes) -> list[Label]:
        """Classify for DetectLabels."""

    async def custom(self, arn: str, content: bytes) -> list[Label]:
        """Classify with the model that a ProjectVersionArn names."""


async def operate(operation: str, document: Any, models: Models) -> dict[str, Any]:
    """Answer one request, given as its JSON.

    Raises:
        RekognitionError: with one of Rekognition's codes.
    """
    handler = OPERATIONS.get(operation)
    if handler is None:
        offered = ", ".join(OPERATIONS)
        raise RekognitionError("UnknownOperationException", f"{operation} is not offered, only {offered}")
    return await handler(document, models)


async def detect_labels(document: Any, models: Models) -> dict[str, Any]:
    """DetectLabels: what a photo shows. There are no boxes, parents or categories: Instances and those are empty."""
    request = parse(DetectLabelsRequest, document)
    general = (request.Settings and request.Settings.GeneralLabels) or LabelFilters()
    if general.LabelCategoryInclusionFilters or general.LabelCategoryExclusionFilters:
        raise RekognitionError("InvalidParameterException", "labels have no categories here; filter them by name")
    labels = await models.ready_made(await _content(request.Image))
    wanted = [label for label in labels if _passes(label.name, general)]
    return {
        "Labels": [
            {
                **shown,
                "Instances": [],
                "Parents": [],
                "Aliases": [{"Name": alias} for alias in _aliases().get(shown["Name"], ())],
                "Categories": [],
            }
            for shown in _shown(wanted, request.MaxLabels, request.MinConfidence)
        ],
        "LabelModelVersion": MODEL_VERSION,
    }


async def detect_custom_labels(document: Any, models: Models) -> dict[str, Any]:
    """DetectCustomLabels: which of a model's own classes a photo shows."""
    request = parse(DetectCustomLabelsRequest, document)
    labels = await models.custom(request.ProjectVersionArn, await _content(request.Image))
    return {"CustomLabels": _shown(labels, request.MaxResults, request.MinConfidence)}


Handler = Callable[[Any, Models], Awaitable[dict[str, Any]]]
OPERATIONS: dict[str, Handler] = {"DetectLabels": detect_labels, "DetectCustomLabels": detect_custom_labels}


async def _content(photo: Photo) -> bytes:
    return await asyncio.to_thread(read_photo, photo)


def _passes(name: str, general: LabelFilters) -> bool:
    included, excluded = general.LabelInclusionFilters, general.LabelExclusionFilters
    return (not included or name in included) and name not in excluded


def _shown(labels: list[Label], max_labels: int, min_confidence: float) -> list[dict[str, Any]]:
    confident = [label for label in labels if 100 * label.confidence >= min_confidence]
    return [{"Name": label.name, "Confidence": 100 * label.confidence} for label in confident[:max_labels]]


@functools.cache
def _aliases() -> dict[str, tuple[str, ...]]:
    return {item.name: item.aliases for item in imagenet_names()}
