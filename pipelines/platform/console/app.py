"""The console: pages on what the platform runs, a form that starts a training, a box to try an endpoint."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from cryptography.fernet import Fernet
from sqlalchemy import Engine
from sqlalchemy.orm import Session
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from pipelines.pages.render import Pages, static_files
from pipelines.platform.config import PlatformConfig
from pipelines.platform.console import views
from pipelines.platform.console.sign_in import SignIn
from pipelines.platform.errors import ApiError
from pipelines.platform.invoke import max_body_bytes, send
from pipelines.platform.keys import secret_of
from pipelines.platform.operations import answer
from pipelines.platform.protocol import parse, service
from pipelines.platform.routes import Routes

NAMED = {"content-type": "application/x-image", "accept": "application/json;verbose"}
Page = Callable[[Request], Awaitable[Response]]


class Console:
    """The pages; they ask the same operations as clients do."""

    def __init__(
        self, config: PlatformConfig, engine: Engine, vault: Fernet, routes: Routes, client: httpx.AsyncClient
    ) -> None:
        """Take what the API has."""
        self._config, self._engine, self._routes, self._client = config, engine, routes, client
        self._pages = Pages("pipelines.platform.console")
        self._sign_in = SignIn(vault, lambda key: secret_of(engine, vault, key))

    def routes(self) -> list[BaseRoute]:
        """Return the pages' routes."""
        return [
            Mount("/static", static_files()),
            Route("/", self._home, methods=["GET"]),
            Route("/console/sign-in", self._enter, methods=["POST"]),
            Route("/console/new", self._guarded(self._new), methods=["GET", "POST"]),
            Route("/console/{kind:str}", self._guarded(self._list), methods=["GET"]),
            Route("/console/training/{name}", self._guarded(self._training), methods=["GET", "POST"]),
            Route("/console/tuning/{name}", self._guarded(self._tuning), methods=["GET"]),
            Route("/console/endpoints/{name}", self._guarded(self._endpoint), methods=["GET", "POST"]),
        ]

    def _guarded(self, page: Page) -> Page:
        """Ask for a key first, where keys are asked for; show refusals as pages."""

        async def guarded(request: Request) -> Response:
            try:
                if request.method == "POST":
                    _check_post(request)
                if self._config.auth and not self._sign_in.key_of(request):
                    return self._pages.render("sign_in.html.j2", 401)
                return await page(request)
            except ApiError as error:
                status = error.status if error.status != 400 else 404
                return self._pages.render("error.html.j2", status, error=error.message)

        return guarded

    def _ask(self, name: str, **request: Any) -> Any:
        """Ask an operation, as a client does."""
        operation = service("sagemaker").operation_model(name)
        document = parse(operation, json.dumps(request).encode())
        return json.loads(answer(self._engine, self._config, operation, document) or b"{}")

    async def _home(self, _request: Request) -> Response:
        return RedirectResponse("/console/training")

    async def _enter(self, request: Request) -> Response:
        try:
            _check_post(request)
        except ApiError as error:
            return self._pages.render("error.html.j2", error.status, error=error.message)
        form = await request.form()
        key = str(form.get("key", "")).strip()
        if not self._sign_in.is_right(key, str(form.get("secret", "")).strip()):
            return self._pages.render(
                "sign_in.html.j2", 401, error="This access key and secret do not belong together."
            )
        response = RedirectResponse("/console/training", 303)
        self._sign_in.remember(response, request, key)
        return response

    async def _list(self, request: Request) -> Response:
        kind = request.path_params["kind"]
        if kind not in views.LISTS:
            raise ApiError("NotFound", f"there is no page {kind}", 404)
        view = views.LISTS[kind]
        listed = self._ask(view.operation, SortBy="CreationTime", SortOrder="Descending", MaxResults=100)
        rows = [view.row(item) for item in listed[view.member]]
        return self._pages.render("list.html.j2", title=view.title, kind=kind, rows=rows, live=True)

    async def _training(self, request: Request) -> Response:
        name = request.path_params["name"]
        if request.method == "POST":
            self._ask("StopTrainingJob", TrainingJobName=name)
            return RedirectResponse(f"/console/training/{name}", 303)
        job = self._ask("DescribeTrainingJob", TrainingJobName=name)
        with Session(self._engine) as session:
            values = views.training(session, self._config, name)
        live = job["TrainingJobStatus"] in ("InProgress", "Stopping")
        return self._pages.render("training.html.j2", job=job, live=live, **values)

    async def _tuning(self, request: Request) -> Response:
        name = {"HyperParameterTuningJobName": request.path_params["name"]}
        job = self._ask("DescribeHyperParameterTuningJob", **name)
        jobs = self._ask("ListTrainingJobsForHyperParameterTuningJob", MaxResults=100, **name)["TrainingJobSummaries"]
        live = job["HyperParameterTuningJobStatus"] in ("InProgress", "Stopping")
        return self._pages.render("tuning.html.j2", job=job, jobs=jobs, live=live)

    async def _endpoint(self, request: Request) -> Response:
        name = request.path_params["name"]
        values: dict[str, Any] = {}
        status = 200
        if request.method == "POST":
            try:
                values = await self._try(name, request)
            except ApiError as error:
                values, status = {"error": error.message}, 422
        endpoint = self._ask("DescribeEndpoint", EndpointName=name)
        live = endpoint["EndpointStatus"] not in ("InService", "Failed")
        return self._pages.render("endpoint.html.j2", status, endpoint=endpoint, live=live, **values)

    async def _try(self, name: str, request: Request) -> dict[str, Any]:
        """Have an endpoint classify the photo of the form."""
        form = await request.form(max_part_size=max_body_bytes())
        photo = form.get("image")
        if not isinstance(photo, UploadFile) or not photo.size:
            raise ApiError("ValidationError", "choose a photo first")
        _, response = await send(self._routes, self._client, name, "", await photo.read(), NAMED)
        said = response.json()
        return {"labels": said["top_k"], "document": json.dumps(said, indent=2, ensure_ascii=False)}

    async def _new(self, request: Request) -> Response:
        if request.method == "GET":
            return self._pages.render("new.html.j2", fields=views.FIELDS, values={})
        values = {key: str(value).strip() for key, value in (await request.form()).items()}
        try:
            self._ask("CreateTrainingJob", **views.request_of(values))
        except ApiError as error:
            return self._pages.render("new.html.j2", 422, fields=views.FIELDS, values=values, error=error.message)
        return RedirectResponse(f"/console/training/{values['name']}", 303)


def _check_post(request: Request) -> None:
    """Refuse forms that another site sends, and those that are too large, before they are read.

    Raises:
        ApiError: with the status to answer.
    """
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise ApiError("Forbidden", "this form was sent by another site", 403)
    length = request.headers.get("content-length", "")
    if not length.isdigit():
        raise ApiError("LengthRequired", "a form needs a Content-Length", 411)
    if int(length) > max_body_bytes():
        raise ApiError("TooLarge", f"the form has more than {max_body_bytes()} bytes", 413)
