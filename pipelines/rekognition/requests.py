"""The requests that are understood, member by member as in Rekognition's API."""

import base64
import binascii
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from pipelines.rekognition.errors import RekognitionError


def _decode(text: object) -> bytes:
    if not isinstance(text, str):
        raise ValueError("must be a string of base64")
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"is no base64: {error}") from error


Blob = Annotated[bytes, BeforeValidator(_decode), Field(min_length=1)]
Name = Annotated[str, Field(min_length=1, max_length=1024)]


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class S3Place(_Shape):
    """A file in a bucket."""

    Bucket: Annotated[str, Field(pattern=r"^[0-9A-Za-z.\-_]{3,255}$")]
    Name: Name
    Version: str | None = None


class Photo(_Shape):
    """A photo: its bytes, or where it is."""

    Bytes: Blob | None = None
    S3Object: S3Place | None = None


class LabelFilters(_Shape):
    """Which labels are wanted, by name; categories are none of ImageNet's."""

    LabelInclusionFilters: list[str] = []
    LabelExclusionFilters: list[str] = []
    LabelCategoryInclusionFilters: list[str] = []
    LabelCategoryExclusionFilters: list[str] = []


class LabelSettings(_Shape):
    """Settings of the features."""

    GeneralLabels: LabelFilters | None = None


class DetectLabelsRequest(_Shape):
    """DetectLabels."""

    Image: Photo
    MaxLabels: Annotated[int, Field(ge=0)] = 1000
    MinConfidence: Annotated[float, Field(ge=0, le=100)] = 55.0
    Features: list[Literal["GENERAL_LABELS"]] = ["GENERAL_LABELS"]
    Settings: LabelSettings | None = None


class DetectCustomLabelsRequest(_Shape):
    """DetectCustomLabels."""

    ProjectVersionArn: Annotated[str, Field(min_length=20, max_length=2048)]
    Image: Photo
    MaxResults: Annotated[int, Field(ge=0)] = 1000
    MinConfidence: Annotated[float, Field(ge=0, le=100)] = 50.0


Shape = TypeVar("Shape", bound=_Shape)


def parse(shape: type[Shape], document: Any) -> Shape:
    """Return a request that fits its shape.

    Raises:
        RekognitionError: InvalidParameterException, with everything that is wrong.
    """
    try:
        return shape.model_validate(document)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        problems = "; ".join(f"{'.'.join(map(str, item['loc'])) or 'the request'}: {item['msg']}" for item in found)
        raise RekognitionError("InvalidParameterException", f"Request has invalid parameters: {problems}") from error
