"""Requests are held against botocore's own models."""

import json
from typing import Any

import pytest

from pipelines.platform.errors import ApiError, in_use, not_found
from pipelines.platform.operations import OPERATIONS
from pipelines.platform.protocol import operation_of, parse, render, service

MODEL = {"ModelName": "m", "PrimaryContainer": {"ModelDataUrl": "s3://bucket/model.tar.gz"}}


def parsed(operation: str, document: Any) -> dict[str, Any]:
    return parse(service("sagemaker").operation_model(operation), json.dumps(document).encode())


def test_every_operation_that_is_offered_is_one_of_botocores() -> None:
    for name, handlers in OPERATIONS.items():
        assert set(handlers) <= set(service(name).operation_names)


def test_a_request_that_fits_is_taken_as_it_is() -> None:
    assert parsed("CreateModel", MODEL) == MODEL


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ModelName": None}, "Value null at 'modelName' failed to satisfy constraint: Member must not be null"),
        (
            {"ModelName": "-m"},
            "Value '-m' at 'modelName' failed to satisfy constraint: Member must satisfy regular expr",
        ),
        ({"ModelName": "m" * 64}, "Member must have length less than or equal to 63"),
        ({"ModelName": 7}, "Value 7 at 'modelName' must be a string"),
        ({"Modelname": "m"}, "'modelname' is not a member of CreateModelInput"),
        (
            {"PrimaryContainer": {"Mode": "Both"}},
            r"at 'primaryContainer.mode' .* enum value set: \[SingleModel, MultiMode",
        ),
        ({"PrimaryContainer": {"ModelDataUrl": "ftp://x"}}, "regular expression pattern: \\(https\\|s3\\)"),
        ({"PrimaryContainer": {"Environment": {"1x": "y"}}}, "at 'primaryContainer.environment \\(key\\)'"),
        ({"EnableNetworkIsolation": "yes"}, "must be true or false"),
        ({"Tags": [{"Key": "a!", "Value": "b"}]}, "at 'tags.1.member.key'"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ApiError, match=message) as refusal:
        parsed("CreateModel", {**MODEL, **change})
    assert refusal.value.code == "ValidationException"


def test_all_errors_of_a_request_are_listed_at_once() -> None:
    with pytest.raises(ApiError, match="^.*2 validation errors detected"):
        parsed("CreateModel", {"ModelName": "-", "Tags": 3})


@pytest.mark.parametrize("uri", ["s3://bucket/x", "hdfs://name-node:8020/x", "hdfs:///x", "file:///x"])
def test_files_and_hdfs_are_taken_where_s3_is(uri: str) -> None:
    assert parsed("CreateModel", {"ModelName": "m", "PrimaryContainer": {"ModelDataUrl": uri}})


def test_a_number_must_be_within_its_bounds() -> None:
    with pytest.raises(ApiError, match="Member must have value less than or equal to 100"):
        parsed("ListModels", {"MaxResults": 101})
    with pytest.raises(ApiError, match="must be a number"):
        parsed("ListModels", {"MaxResults": True})


@pytest.mark.parametrize("body", [b"{", b"[]", b"3", b"\xff"])
def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(ApiError) as refusal:
        parse(service("sagemaker").operation_model("ListModels"), body)
    assert refusal.value.code == "SerializationException"


def test_an_unknown_operation_is_refused() -> None:
    with pytest.raises(ApiError, match="names no operation"):
        operation_of("SageMaker.MakeCoffee", ("sagemaker",))


def test_error_codes_are_those_that_the_operation_has() -> None:
    model = service("sagemaker")
    assert not_found(model.operation_model("DescribeTrainingJob"), "").code == "ResourceNotFound"
    assert not_found(model.operation_model("DescribeEndpoint"), "").code == "ValidationException"
    assert in_use(model.operation_model("CreateTrainingJob"), "").code == "ResourceInUse"


def test_an_answer_without_a_required_member_is_our_mistake() -> None:
    with pytest.raises(AssertionError, match="answered without"):
        render(service("sagemaker").operation_model("CreateModel"), {})
