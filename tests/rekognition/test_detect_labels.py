"""Unmodified boto3 clients of Rekognition against a served model."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.exceptions
import botocore.loaders
import botocore.model
import botocore.validate
import numpy as np
import pytest
from PIL import Image

from pipelines.ready_made.names import imagenet_names
from tests.photos import write_photos
from tests.rekognition.clients import client_of, ready_made, striped

ARN = "arn:aws:rekognition:us-east-1:000000000000:project/clothing/version/AllTraffic/0"
SHAPES = botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model("rekognition", "service-2"))


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with ready_made(tmp_path_factory.mktemp("ready")) as server:
        yield client_of(server)


def code_of(error: pytest.ExceptionInfo[botocore.exceptions.ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_labels_come_in_the_shape_that_botocore_describes(client: Any) -> None:
    answer = client.detect_labels(Image={"Bytes": striped()}, MinConfidence=0, MaxLabels=20)
    shape = SHAPES.operation_model("DetectLabels").output_shape
    said = {key: value for key, value in answer.items() if key != "ResponseMetadata"}
    assert not botocore.validate.ParamValidator().validate(said, shape).has_errors()
    assert len(answer["Labels"]) == 20
    assert set(answer["Labels"][0]) == {"Name", "Confidence", "Instances", "Parents", "Aliases", "Categories"}


def test_labels_are_named_most_confident_first_and_cut_where_asked(client: Any) -> None:
    every = client.detect_labels(Image={"Bytes": striped()}, MinConfidence=0)["Labels"]
    confidences = [label["Confidence"] for label in every]
    assert len(every) == 1000 and confidences == sorted(confidences, reverse=True)
    assert sum(confidences) == pytest.approx(100, abs=0.01)
    assert {label["Name"] for label in every} == {item.name for item in imagenet_names()}
    middle = (confidences[2] + confidences[3]) / 2
    assert client.detect_labels(Image={"Bytes": striped()}, MinConfidence=middle)["Labels"] == every[:3]
    assert client.detect_labels(Image={"Bytes": striped()}, MinConfidence=0, MaxLabels=2)["Labels"] == every[:2]


def test_labels_are_filtered_by_name(client: Any) -> None:
    def names(**filters: list[str]) -> list[str]:
        settings = {"GeneralLabels": filters}
        answer = client.detect_labels(Image={"Bytes": striped()}, MinConfidence=0, MaxLabels=5, Settings=settings)
        return [label["Name"] for label in answer["Labels"]]

    first, *others = names()
    assert names(LabelInclusionFilters=[first, "tabby"]) == [first, "tabby"]
    assert names(LabelExclusionFilters=[first])[:4] == others


def test_aliases_are_other_words_for_the_class(client: Any) -> None:
    labels = client.detect_labels(Image={"Bytes": striped()}, MinConfidence=0)["Labels"]
    (tabby,) = [label for label in labels if label["Name"] == "tabby"]
    assert tabby["Aliases"] == [{"Name": "tabby cat"}]


def large() -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (1400, 1400, 3), np.uint8)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"Image": {"Bytes": b"no photo"}}, "InvalidImageFormatException"),
        ({"Image": {"Bytes": striped()[:-500]}}, "InvalidImageFormatException"),
        ({"Image": {"Bytes": large()}}, "ImageTooLargeException"),
        ({"Image": {}}, "InvalidParameterException"),
        (
            {"Image": {"Bytes": b"x", "S3Object": {"Bucket": "bucket", "Name": "x"}}},
            "InvalidParameterException",
        ),
        ({"Image": {"Bytes": striped()}, "MinConfidence": 101.0}, "InvalidParameterException"),
        ({"Image": {"Bytes": striped()}, "Features": ["IMAGE_PROPERTIES"]}, "InvalidParameterException"),
    ],
)
def test_errors_have_rekognition_s_codes(client: Any, request_: dict[str, Any], code: str) -> None:
    with pytest.raises(botocore.exceptions.ClientError) as error:
        client.detect_labels(**request_)
    assert code_of(error) == code
    assert isinstance(error.value, getattr(client.exceptions, code))


def test_an_operation_that_is_not_offered_is_named(client: Any) -> None:
    with pytest.raises(botocore.exceptions.ClientError, match="DetectFaces is not offered") as error:
        client.detect_faces(Image={"Bytes": striped()})
    assert code_of(error) == "UnknownOperationException"


def test_custom_labels_are_the_model_s_classes(client: Any, tmp_path: Path) -> None:
    photo = (write_photos(tmp_path, 1) / "red" / "000.jpg").read_bytes()
    custom = client.detect_custom_labels(ProjectVersionArn=ARN, Image={"Bytes": photo}, MinConfidence=0, MaxResults=4)
    ready = client.detect_labels(Image={"Bytes": photo}, MinConfidence=0, MaxLabels=4)
    assert [label["Name"] for label in custom["CustomLabels"]] == [label["Name"] for label in ready["Labels"]]
    assert set(custom["CustomLabels"][0]) == {"Name", "Confidence"}


def test_the_names_of_the_classes_are_all_different() -> None:
    names = [item.name for item in imagenet_names()]
    assert len(names) == len(set(names)) == 1000
    assert names[281] == "tabby" and names[517] == "crane (lifts and moves heavy objects)"
