"""Rekognition's view of a served model: unmodified clients of DetectLabels and DetectCustomLabels can ask it."""

from starlette.requests import Request
from starlette.responses import Response

from pipelines.model.answers import answer
from pipelines.rekognition import router
from pipelines.rekognition.errors import RekognitionError
from pipelines.rekognition.operations import Label
from pipelines.serve.endpoint import Endpoint
from pipelines.serve.errors import Refused


class ServedModels:
    """The one model that is served, whatever ARN is asked for."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Take the endpoint."""
        self._endpoint = endpoint

    async def ready_made(self, content: bytes) -> list[Label]:
        """Return all classes, most likely first.

        Raises:
            RekognitionError: the image is refused, or there is no room for it now.
        """
        try:
            ready = self._endpoint.ready()
            (result,) = await self._endpoint.classify(ready, [content])
        except Refused as error:
            code = "ThrottlingException" if error.status == 429 else "InternalServerError"
            raise RekognitionError(code, str(error), 400 if error.status == 429 else 500) from error
        if result.reject:
            raise RekognitionError("InvalidImageFormatException", f"{result.reject.reason}: {result.reject}")
        info = ready.bundle.info
        said = answer(result.probabilities, info, len(info.classes))["top_k"]
        return [Label(label["label_name"], label["confidence"]) for label in said]

    async def custom(self, _arn: str, content: bytes) -> list[Label]:
        """Do the same: there is one model here."""
        return await self.ready_made(content)


async def detect(request: Request) -> Response:
    """Answer an operation of Rekognition."""
    return await router.answer(request, ServedModels(request.app.state.endpoint))
