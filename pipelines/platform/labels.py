"""Rekognition's operations on the platform's endpoints."""

import json

import httpx

from pipelines.platform.errors import ApiError
from pipelines.platform.invoke import send
from pipelines.platform.routes import Routes
from pipelines.rekognition.errors import RekognitionError
from pipelines.rekognition.operations import Label

HEADERS = {"content-type": "application/x-image", "accept": "application/json;verbose;top_k=999999"}  # all classes


class EndpointModels:
    """Classifies photos with endpoints: DetectLabels with the one that the platform is told of."""

    def __init__(self, routes: Routes, client: httpx.AsyncClient, ready_made: str) -> None:
        """Take the name of the endpoint for DetectLabels, empty if there is none."""
        self._routes, self._client, self._ready_made = routes, client, ready_made

    async def ready_made(self, content: bytes) -> list[Label]:
        """Return all classes, most likely first.

        Raises:
            RekognitionError: there is no such endpoint, or it refuses the photo.
        """
        if not self._ready_made:
            raise RekognitionError(
                "InternalServerError",
                "this platform has no ready-made labels; deploy the bundle of `darkroom ready_made` as an endpoint, "
                "and start the platform with ready_made=ENDPOINT",
                500,
            )
        return await self._classify(self._ready_made, content)

    async def custom(self, arn: str, content: bytes) -> list[Label]:
        """Do the same with the endpoint that the ARN names as its project, `…:project/ENDPOINT/version/…`."""
        return await self._classify(arn.partition(":project/")[2].partition("/")[0], content)

    async def _classify(self, endpoint: str, content: bytes) -> list[Label]:
        if not self._routes.variants(endpoint):
            raise RekognitionError("ResourceNotFoundException", f"endpoint {endpoint!r} is not there, or not InService")
        try:
            _, answer = await send(self._routes, self._client, endpoint, "", content, HEADERS)
        except ApiError as error:
            raise _refusal(error) from error
        return [Label(label["label_name"], label["confidence"]) for label in json.loads(answer.content)["top_k"]]


def _refusal(error: ApiError) -> RekognitionError:
    """Say in Rekognition's words what a worker says."""
    status = error.members.get("OriginalStatusCode")
    if status == 422:
        return RekognitionError("InvalidImageFormatException", error.message)
    if status == 429:
        return RekognitionError("ThrottlingException", error.message)
    return RekognitionError("InternalServerError", error.message, 500)
