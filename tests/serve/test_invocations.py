"""What a client of /ping and /invocations sees."""

import base64
import csv
import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from PIL import Image
from pyspark.sql import SparkSession

from pipelines.config import load
from pipelines.images.identity import image_id
from pipelines.model.bundle import load_bundle
from pipelines.score.config import ScoreConfig
from pipelines.score.run import score
from tests.bundles import COLOURS, write_bundle
from tests.photos import write_photos
from tests.serve.server import Server, serving


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("serve")
    write_photos(work / "photos", 2)
    write_bundle(work / "model")
    return work


@pytest.fixture(scope="module")
def server(work: Path) -> Iterator[Server]:
    with serving(f"{work}/model", "engine=openvino") as server:
        yield server


@pytest.fixture(scope="module")
def as_sagemaker(work: Path) -> Iterator[Server]:
    """Answers with probabilities, and has room for two images."""
    with serving(f"{work}/model.tar.gz", "answer=probabilities", "max_queue=2", "engine=torch") as server:
        yield server


def photo(work: Path, label: str = "red") -> bytes:
    return (work / "photos" / label / "000.jpg").read_bytes()


def post(server: Server, body: Any, content_type: str = "image/jpeg", **headers: str) -> requests.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.post(
        f"{server.url}/invocations", data=body, headers={"Content-Type": content_type, **named}, timeout=60
    )


def in_base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def test_an_image_gets_its_labels_most_likely_first(server: Server, work: Path) -> None:
    answer = post(server, photo(work)).json()
    assert answer["image_id"] == image_id(photo(work))
    assert answer["model_id"] == load_bundle(f"{work}/model").info.model_id
    confidences = [label["confidence"] for label in answer["top_k"]]
    assert confidences == sorted(confidences, reverse=True) and sum(confidences) == pytest.approx(1)
    assert {label["label_name"] for label in answer["top_k"]} == set(COLOURS)
    assert answer["top_k"][0] == {"label_name": answer["label_name"], "confidence": answer["confidence"]}


def test_the_same_bytes_have_the_same_answer_as_in_a_batch(spark: SparkSession, server: Server, work: Path) -> None:
    words = [f"source={work}/photos", f"model={work}/model", f"target={work}/scored", "engine=openvino"]
    score(spark, load(ScoreConfig, words))
    rows = spark.read.parquet(f"file://{work}/scored/predictions").collect()
    assert len(rows) == 6
    for row in rows:
        answer = post(server, Path(row["uri"].removeprefix("file://")).read_bytes()).json()
        assert (answer["image_id"], answer["label_name"]) == (row["image_id"], row["label_name"])
        assert answer["confidence"] == pytest.approx(row["confidence"], abs=1e-6)


@pytest.mark.parametrize("content_type", ["image/png", "application/x-image", "IMAGE/JPEG; name=a.jpg"])
def test_the_content_decides_whatever_image_type_is_named(server: Server, work: Path, content_type: str) -> None:
    assert post(server, photo(work), content_type).json() == post(server, photo(work)).json()


def test_json_takes_one_image(server: Server, work: Path) -> None:
    body = json.dumps({"image": in_base64(photo(work))})
    assert post(server, body, "application/json").json() == post(server, photo(work)).json()


def test_json_takes_many_and_answers_in_order_with_rejects_in_their_place(server: Server, work: Path) -> None:
    files = [photo(work, "blue"), b"no photo", photo(work, "green")]
    body = json.dumps({"images": [in_base64(file) for file in files]})
    first, second, third = post(server, body, "application/json").json()["predictions"]
    assert first["image_id"] == image_id(files[0]) and third["image_id"] == image_id(files[2])
    assert first["confidence"] == pytest.approx(post(server, files[0]).json()["confidence"], abs=1e-6)
    assert second["image_id"] == image_id(b"no photo") and second["reason"] == "not_an_image"


def test_json_lines_have_one_line_an_image(server: Server, work: Path) -> None:
    body = json.dumps({"images": [in_base64(photo(work)), ""]})
    answer = post(server, body, "application/json", Accept="application/jsonlines")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert answer.headers["Content-Type"] == "application/jsonlines"
    assert lines[0]["label_name"] in COLOURS and lines[1]["reason"] == "empty"


def test_csv_has_a_header_and_one_line_an_image(server: Server, work: Path) -> None:
    body = json.dumps({"images": [in_base64(photo(work)), ""]})
    answer = post(server, body, "application/json", Accept="text/csv;q=0.9, text/html")
    good, bad = csv.DictReader(io.StringIO(answer.text))
    assert good["label_name"] in COLOURS and 0 < float(good["confidence"]) <= 1 and good["reason"] == ""
    assert bad["reason"] == "empty" and bad["label_name"] == ""


def test_probabilities_come_as_from_sagemaker_s_image_classification(as_sagemaker: Server, work: Path) -> None:
    expected = load_bundle(f"{work}/model").classify(photo(work))
    as_json = post(as_sagemaker, photo(work), "application/x-image").json()
    line = post(as_sagemaker, photo(work), Accept="application/jsonlines").text
    row = post(as_sagemaker, photo(work), Accept="text/csv").text
    for answer in (as_json, json.loads(line)["prediction"], [float(cell) for cell in row.strip().split(",")]):
        assert np.allclose(answer, expected, atol=1e-6)


def test_accept_with_verbose_names_the_labels_all_the_same(as_sagemaker: Server, server: Server, work: Path) -> None:
    verbose = post(as_sagemaker, photo(work), Accept="application/json;verbose").json()
    assert verbose["label_name"] == post(server, photo(work)).json()["label_name"]


def test_accept_may_say_how_many_labels_are_wanted(as_sagemaker: Server, server: Server, work: Path) -> None:
    one = post(server, photo(work), Accept="application/json;top_k=1").json()
    two = post(as_sagemaker, photo(work), Accept="application/json;verbose;top_k=2").json()
    assert [label["label_name"] for label in two["top_k"]][:1] == [one["label_name"]]
    assert (len(one["top_k"]), len(two["top_k"])) == (1, 2)


@pytest.mark.parametrize("parameter", ["q=x", "top_k=", "top_k=-1", "verbose=maybe", "="])
def test_odd_parameters_of_accept_do_no_harm(server: Server, work: Path, parameter: str) -> None:
    answer = post(server, photo(work), Accept=f"application/json;{parameter}, */*;q=0.1")
    assert answer.status_code == 200 and len(answer.json()["top_k"]) == 3


def png(mode: str) -> bytes:
    file = io.BytesIO()
    Image.new(mode, (20, 20)).save(file, "TIFF")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"no photo", "not_an_image"),
        (png("F"), "unsupported_mode"),
        (b"\x89PNG\r\n\x1a\nrubbish", "corrupt"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "unsupported_format"),
    ],
)
def test_a_refused_image_is_422_with_the_reason_as_the_code(server: Server, content: bytes, reason: str) -> None:
    answer = post(server, content)
    assert (answer.status_code, answer.json()["code"]) == (422, reason)
    assert answer.json()["retryable"] is False and answer.json()["message"]


def test_a_truncated_photo_is_refused(server: Server, work: Path) -> None:
    answer = post(server, photo(work)[:-300])
    assert (answer.status_code, answer.json()["code"]) == (422, "truncated")


@pytest.mark.parametrize("content_type", ["text/csv", "application/xml", "", "image/svg+xml"])
def test_other_types_are_415_with_those_that_are_read(server: Server, work: Path, content_type: str) -> None:
    answer = post(server, photo(work), content_type)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert "application/x-image" in answer.json()["message"]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("{", "Invalid JSON"),
        ("[]", "object"),
        ("{}", 'either {"image"'),
        ('{"image": "*"}', "image is no base64"),
        ('{"images": ["AAAA", "A"]}', "images.1 is no base64"),
        ('{"images": [1]}', "images.0: Input should be a valid string"),
        ('{"picture": "AAAA"}', "picture: Extra inputs"),
    ],
)
def test_wrong_json_is_400_and_says_where(server: Server, body: str, problem: str) -> None:
    answer = post(server, body, "application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    assert problem in answer.json()["message"]


def test_an_answer_in_another_form_is_406(server: Server, work: Path) -> None:
    answer = post(server, photo(work), Accept="application/xml")
    assert (answer.status_code, answer.json()["code"]) == (406, "not_acceptable")


def test_errors_of_the_web_have_the_same_document(server: Server) -> None:
    assert requests.get(f"{server.url}/nothing", timeout=10).json()["code"] == "not_found"
    assert requests.get(f"{server.url}/invocations", timeout=10).json()["code"] == "method_not_allowed"


def test_the_request_id_is_the_client_s_or_a_new_one(server: Server) -> None:
    given = post(server, b"", X_Request_Id="mine-1")
    assert given.headers["X-Request-Id"] == given.json()["request_id"] == "mine-1"
    made = post(server, b"", X_Request_Id="not one, but a sentence")
    assert made.headers["X-Request-Id"] == made.json()["request_id"] != "not one, but a sentence"


def test_more_images_than_the_queue_holds_are_413(as_sagemaker: Server) -> None:
    answer = post(as_sagemaker, json.dumps({"images": ["AAAA"] * 3}), "application/json")
    assert (answer.status_code, answer.json()["code"]) == (413, "too_many_images")


def test_a_full_queue_is_429_with_a_time_to_come_back(as_sagemaker: Server, work: Path) -> None:
    answers: list[requests.Response] = []
    file = io.BytesIO()
    Image.effect_noise((3000, 3000), 90).save(file, "PNG")

    def send() -> None:
        answers.append(post(as_sagemaker, file.getvalue()))

    threads = [threading.Thread(target=send) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {200, 429}
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json()["code"] == "queue_full" and refused.json()["retryable"] is True
    assert int(refused.headers["Retry-After"]) >= 1
    assert post(as_sagemaker, photo(work)).status_code == 200


def test_prometheus_counts_requests_images_and_batches(server: Server, work: Path) -> None:
    def count(name: str) -> float:
        lines = requests.get(f"{server.url}/metrics", timeout=10).text.splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))

    names = (
        'darkroom_http_requests_total{path="/invocations",status="200"}',
        'darkroom_images_total{outcome="predicted"}',
        'darkroom_images_total{outcome="empty"}',
        "darkroom_batch_images_sum",
    )
    before = [count(name) for name in names]
    post(server, json.dumps({"images": [in_base64(photo(work)), in_base64(photo(work)), ""]}), "application/json")
    assert [count(name) - seen for name, seen in zip(names, before, strict=True)] == [1, 2, 1, 2]
    assert count("darkroom_queue_images") == 0
    assert load_bundle(f"{work}/model").info.model_id in requests.get(f"{server.url}/metrics", timeout=10).text
