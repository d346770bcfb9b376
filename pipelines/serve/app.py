"""The service as an ASGI app: one model behind SageMaker's container contract, /ping and /invocations."""

import asyncio
import importlib.metadata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from pipelines.pages.render import Pages, static_files
from pipelines.serve import labels, page, schema
from pipelines.serve.config import ServeConfig
from pipelines.serve.endpoint import Endpoint, Ready
from pipelines.serve.errors import CODES, Refused, error_response, refused_image
from pipelines.serve.formats import CSV, JSON, Wanted, check_content_type, parse_accept, read_images, write_answer
from pipelines.serve.metrics import Metrics
from pipelines.serve.middleware import Requests
from pipelines.serve.rows import check_takes_rows, read_rows


def make_app(config: ServeConfig) -> FastAPI:
    """Return the app of one endpoint; it starts to load its model when the server starts it."""
    metrics = Metrics(shared=config.workers > 1)
    endpoint = Endpoint(config, metrics)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        running = asyncio.create_task(endpoint.run())
        yield
        running.cancel()
        endpoint.close()

    app = FastAPI(
        title="darkroom serve",
        version=importlib.metadata.version("darkroom"),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.config, app.state.endpoint, app.state.metrics = config, endpoint, metrics
    app.add_middleware(Requests, config=config, admission=endpoint.admission, metrics=metrics)
    app.add_exception_handler(Refused, _refuse)
    app.add_exception_handler(HTTPException, _refuse)
    app.get("/ping", responses=schema.PING)(ping)
    app.post("/invocations", responses=schema.ANSWERS, openapi_extra=schema.REQUEST)(invoke)
    app.get("/metrics", responses=schema.METRICS)(expose_metrics)
    app.post("/", include_in_schema=False)(root)
    if config.page:
        app.state.pages = Pages("pipelines.serve")
        app.mount("/static", static_files())
        app.include_router(page.router)
    return app


async def ping(request: Request) -> Response:
    """Say whether the model is loaded: 200, or 404 with the reason why it is not."""
    endpoint: Endpoint = request.app.state.endpoint
    ready = endpoint.ready(otherwise=404)
    loaded = schema.Loaded(
        model_id=ready.bundle.info.model_id, engine=ready.choice.name, precision=ready.choice.precision
    )
    return Response(loaded.model_dump_json(), media_type=JSON)


async def invoke(request: Request) -> Response:
    """Classify the image, or the images, or the rows of features in the body."""
    config: ServeConfig = request.app.state.config
    endpoint: Endpoint = request.app.state.endpoint
    media_type = check_content_type(request.headers.get("content-type", ""))
    wanted = parse_accept(request.headers.get("accept", ""), verbose=config.answer == "labels")
    ready = endpoint.ready()  # before a body is read in vain
    if media_type == CSV:
        return await _invoke_rows(request, ready, wanted)
    body = await request.body()
    images = read_images(body, media_type)
    if media_type == JSON:
        del body
    ready = endpoint.ready()
    results = await endpoint.classify(ready, images.contents)
    if not images.many and results[0].reject:
        raise refused_image(results[0].reject)
    content = write_answer(results, images.many, wanted, ready.bundle.info, wanted.top_k or config.top_k)
    return Response(content, media_type=wanted.media_type)


async def _invoke_rows(request: Request, ready: Ready, wanted: Wanted) -> Response:
    check_takes_rows(ready.bundle.info)
    rows = read_rows(await request.body(), ready.bundle.info)
    results = await request.app.state.endpoint.classify_rows(ready, rows)
    content = write_answer(results, True, wanted, ready.bundle.info, wanted.top_k or request.app.state.config.top_k)
    return Response(content, media_type=wanted.media_type)


async def root(request: Request) -> Response:
    """Answer clients of Rekognition, and the page's form."""
    if "x-amz-target" in request.headers:
        return await labels.detect(request)
    if not request.app.state.config.page:
        raise Refused(404, "not_found", "page=false: there is no page here")
    return await page.classify(request)


async def expose_metrics(request: Request) -> Response:
    """Return the counters for Prometheus."""
    metrics: Metrics = request.app.state.metrics
    return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


async def _refuse(request: Request, error: Any) -> Response:
    """Turn our own and Starlette's errors into error documents."""
    if isinstance(error, HTTPException):
        error = Refused(error.status_code, CODES.get(error.status_code, "bad_request"), str(error.detail))
    return error_response(error, request.state.request_id)
