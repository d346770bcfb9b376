"""DetectLabels on photos in a bucket."""

from collections.abc import Iterator
from typing import Any

import botocore.exceptions
import pytest

from pipelines import storage
from tests.rekognition.clients import client_of, ready_made, striped


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, bucket: str) -> Iterator[Any]:
    storage.write_bytes(f"s3a://{bucket}/photos/striped.jpg", striped())
    storage.write_bytes(f"s3a://{bucket}/photos/notes.jpg", b"no photo")
    storage.write_bytes(f"s3a://{bucket}/photos/large.jpg", bytes(16 * 2**20))
    with ready_made(tmp_path_factory.mktemp("ready")) as server:
        yield client_of(server)


@pytest.fixture(scope="module")
def bucket(s3: str) -> str:
    return s3.removeprefix("s3a://")


def test_a_photo_in_a_bucket_has_the_labels_of_its_bytes(client: Any, bucket: str) -> None:
    place = {"S3Object": {"Bucket": bucket, "Name": "photos/striped.jpg"}}
    from_s3 = client.detect_labels(Image=place, MinConfidence=0, MaxLabels=3)
    assert from_s3["Labels"] == client.detect_labels(Image={"Bytes": striped()}, MinConfidence=0, MaxLabels=3)["Labels"]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("no/such.jpg", "InvalidS3ObjectException"),
        ("photos", "InvalidS3ObjectException"),
        ("photos/large.jpg", "ImageTooLargeException"),
        ("photos/notes.jpg", "InvalidImageFormatException"),
    ],
)
def test_objects_that_are_no_photos_are_said(client: Any, bucket: str, name: str, code: str) -> None:
    with pytest.raises(botocore.exceptions.ClientError) as error:
        client.detect_labels(Image={"S3Object": {"Bucket": bucket, "Name": name}})
    assert error.value.response["Error"]["Code"] == code


def test_a_bucket_that_is_not_there_is_said(client: Any) -> None:
    with pytest.raises(botocore.exceptions.ClientError, match="no-such-bucket") as error:
        client.detect_labels(Image={"S3Object": {"Bucket": "no-such-bucket", "Name": "photo.jpg"}})
    assert error.value.response["Error"]["Code"] == "InvalidS3ObjectException"
