"""From a request's body to images, and from results to the body of the answer."""

import base64
import binascii
import csv
import io
import json
import re
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipelines.model.answers import answer
from pipelines.model.bundle import BundleInfo
from pipelines.serve.endpoint import Result
from pipelines.serve.errors import Refused

JSON, JSON_LINES, CSV = "application/json", "application/jsonlines", "text/csv"
IMAGE_TYPES = tuple(f"image/{name}" for name in ("jpeg", "png", "webp", "gif", "bmp", "tiff", "avif", "jp2"))
CSV_COLUMNS = ("image_id", "label_name", "confidence", "reason")
BINARY_TYPES = (*IMAGE_TYPES, "application/x-image")


class ImagesDocument(BaseModel):
    """A request in JSON: `image`, or `images`, as base64."""

    model_config = ConfigDict(extra="forbid", strict=True)

    image: str | None = Field(None, description="base64 of one file's bytes")
    images: list[str] | None = Field(None, description="base64 of several files' bytes")


class Images(NamedTuple):
    """The files of a request; `many` if they came as a list, even as a list of one."""

    contents: list[bytes]
    many: bool


class Wanted(NamedTuple):
    """The form of an answer: media type, whether the classes are named, and how many where Accept says so."""

    media_type: str
    verbose: bool
    top_k: int | None = None


def check_content_type(header: str) -> str:
    """Return the media type of a request.

    Raises:
        Refused: 415, it is none that is read.
    """
    media_type = header.partition(";")[0].strip().lower()
    if media_type not in (*BINARY_TYPES, JSON, CSV):
        given = repr(media_type) if media_type else "missing"
        raise Refused(
            415,
            "unsupported_media_type",
            f"Content-Type is {given}; send one of {', '.join((*BINARY_TYPES, JSON, CSV))}",
        )
    return media_type


def parse_accept(header: str, *, verbose: bool) -> Wanted:
    """Choose the answer's form by the Accept header; `verbose` is what holds where it does not say so.

    Raises:
        Refused: 406, it takes none of the forms.
    """
    ranges = [_media_range(part) for part in header.split(",") if part.strip()] or [_media_range("*/*")]
    for quality, media_range, asked, top_k in sorted(ranges, key=lambda item: -item[0]):
        for media_type in (JSON, JSON_LINES, CSV):
            if quality > 0 and media_range in (media_type, "*/*", f"{media_type.partition('/')[0]}/*"):
                return Wanted(media_type, verbose or asked, top_k)
    raise Refused(406, "not_acceptable", f"Accept is {header!r}; answers are {JSON}, {JSON_LINES} or {CSV}")


def _media_range(part: str) -> tuple[float, str, bool, int | None]:
    """Read `type/subtype;q=0.5;verbose;top_k=3` as quality, range, verbose, top_k."""
    media_range, *parameters = (word.strip().lower() for word in part.split(";"))
    values = dict(parameter.partition("=")[::2] for parameter in parameters)
    try:
        quality = float(values.get("q", 1))
    except ValueError:
        quality = 0.0
    top_k = values.get("top_k", "")
    verbose = values.get("verbose", "false") in ("", "true")
    return quality, media_range, verbose, max(1, int(top_k)) if re.fullmatch(r"[0-9]{1,6}", top_k) else None


def read_images(body: bytes, media_type: str) -> Images:
    """Return the files in a request's body.

    Raises:
        Refused: 400, the JSON is not as documented.
    """
    if media_type != JSON:
        return Images([body], many=False)
    try:
        document = ImagesDocument.model_validate_json(body)
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, problem["loc"])) or "the body"
        raise Refused(400, "bad_request", f"{place}: {problem['msg']}") from error
    if (document.image is None) == (document.images is None):
        raise Refused(400, "bad_request", 'give either {"image": BASE64} or {"images": [BASE64, …]}')
    if document.image is not None:
        return Images([_from_base64(document.image, "image")], many=False)
    texts = document.images or []
    return Images([_from_base64(text, f"images.{place}") for place, text in enumerate(texts)], many=True)


def _from_base64(text: str, place: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(400, "bad_request", f"{place} is no base64: {error}") from error


def write_answer(results: list[Result], many: bool, wanted: Wanted, info: BundleInfo, top_k: int) -> bytes:
    """Write results in the wanted form; see docs/serve.md for what each looks like."""
    if wanted.media_type == CSV:
        return _csv(results, wanted.verbose, info)
    documents = [_document(result, wanted.verbose, info, top_k) for result in results]
    if wanted.media_type == JSON_LINES:
        lines = [item if isinstance(item, dict) else {"prediction": item} for item in documents]
        return "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines).encode()
    document: Any = documents if many else documents[0]
    if many and wanted.verbose:
        document = {"predictions": documents}
    return json.dumps(document, ensure_ascii=False).encode()


def _document(result: Result, verbose: bool, info: BundleInfo, top_k: int) -> Any:
    if result.reject:
        return {"image_id": result.image_id, "reason": result.reject.reason, "message": str(result.reject)}
    if not verbose:
        return result.probabilities.tolist()
    identity = {"image_id": result.image_id} if result.image_id else {}
    return {**identity, **answer(result.probabilities, info, top_k)}


def _csv(results: list[Result], verbose: bool, info: BundleInfo) -> bytes:
    """Write a line an image: with names under a header, or bare probabilities; a reject's line has no more."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if verbose:
        writer.writerow(CSV_COLUMNS)
    for result in results:
        document = _document(result, verbose, info, 1)
        if verbose:
            writer.writerow([document.get(column, "") for column in CSV_COLUMNS])
        else:
            writer.writerow([] if result.reject else document)
    return text.getvalue().encode()
