"""The page at /: send a photo, or take a sample, and see the labels as bars and the JSON beside them."""

import asyncio
import base64
import io
import json
from typing import Any

import torch
from fastapi import APIRouter, Request
from PIL import Image
from starlette.datastructures import UploadFile
from starlette.responses import Response

from pipelines.images.canonical import canonicalise
from pipelines.model.answers import answer
from pipelines.model.bundle import Bundle
from pipelines.pages.render import Pages
from pipelines.serve.config import ServeConfig
from pipelines.serve.endpoint import Endpoint
from pipelines.serve.errors import Refused, refused_image

router = APIRouter(include_in_schema=False)


@router.get("/")
async def show(request: Request) -> Response:
    """Return the page without a result."""
    return await _page(request)


async def classify(request: Request) -> Response:
    """Return the page with what the model says of the uploaded photo or of a sample."""
    endpoint: Endpoint = request.app.state.endpoint
    config: ServeConfig = request.app.state.config
    try:
        content = await _content(request, endpoint.ready().bundle)
        ready = endpoint.ready()
        (result,) = await endpoint.classify(ready, [content])
        if result.reject:
            raise refused_image(result.reject)
    except Refused as error:
        return await _page(request, error)
    info = ready.bundle.info
    said = {"image_id": result.image_id, **answer(result.probabilities, info, config.top_k)}
    shown = await asyncio.to_thread(canonicalise, content, info.preprocessing.policy)
    return await _page(
        request,
        labels=said["top_k"],
        document=json.dumps(said, indent=2, ensure_ascii=False),
        photo=_data_uri(shown.image),
    )


@router.get("/samples/{number}.png")
async def sample(request: Request, number: int) -> Response:
    """Return one of the images that the bundle carries to check engines with."""
    bundle = request.app.state.endpoint.ready().bundle
    return Response(await asyncio.to_thread(_sample, bundle, number), media_type="image/png")


async def _page(request: Request, error: Refused | None = None, **result: Any) -> Response:
    endpoint: Endpoint = request.app.state.endpoint
    pages: Pages = request.app.state.pages
    model, samples = None, 0
    try:
        bundle = endpoint.ready().bundle
        model = {
            **bundle.info.model_dump(include={"architecture", "model_id"}),
            "num_classes": len(bundle.info.classes),
        }
        # The check images of a bundle that was trained here are photos of its dataset.
        samples = len(await asyncio.to_thread(_samples, bundle)) if bundle.info.dataset_id else 0
    except Refused as missing:
        error = missing
    return pages.render(
        "page.html.j2",
        error.status if error else 200,
        error={"code": error.code, "message": str(error)} if error else None,
        loading=error is not None and error.status == 503 and error.retry_after is not None,
        model=model,
        samples=samples,
        url=request.base_url,
        **result,
    )


async def _content(request: Request, bundle: Bundle) -> bytes:
    """Return the bytes of the uploaded file, or of the sample that was chosen."""
    async with request.form(max_files=1, max_fields=1) as form:
        image, number = form.get("image"), form.get("sample")
        if isinstance(image, UploadFile):
            return await image.read()
        if isinstance(number, str) and number.isdigit():
            return await asyncio.to_thread(_sample, bundle, int(number))
    raise Refused(400, "bad_request", "choose a photo, or take a sample")


def _samples(bundle: Bundle) -> torch.Tensor:
    images, _ = bundle.check_batch()
    return images[:12]


def _sample(bundle: Bundle, number: int) -> bytes:
    images = _samples(bundle)
    if number >= len(images):
        raise Refused(404, "not_found", f"there are {len(images)} samples, counted from 0")
    file = io.BytesIO()
    Image.fromarray(images[number].permute(1, 2, 0).numpy()).save(file, "PNG")
    return file.getvalue()


def _data_uri(image: bytes) -> str:
    kind = "jpeg" if image.startswith(b"\xff\xd8") else "png"
    return f"data:image/{kind};base64,{base64.b64encode(image).decode()}"
