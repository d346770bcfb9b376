"""Scoring what comes by Kafka, with a real broker."""

import json
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.bundles import write_bundle
from tests.cluster import topics
from tests.command import darkroom, finish, start
from tests.photos import write_photos
from tools.cluster import kafka as kafka_server


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = write_photos(tmp_path_factory.mktemp("photos"), 20)
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.jpg"))}


@pytest.fixture
def work(tmp_path: Path) -> Path:
    write_bundle(tmp_path / "model")
    return tmp_path


def rows(table: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(table).to_pylist()
    return found


def stream(work: Path, source: str, *words: str) -> dict[str, Any]:
    given = (f"source={source}", f"model={work}/model", f"target={work}/scored", "trigger=available_now")
    return darkroom("score_stream", *given, "engine=torch", *words)


def test_bytes_become_predictions_and_rejects_in_tables_and_topics(
    kafka: str, work: Path, photos: dict[str, bytes]
) -> None:
    source, predictions, dead = (topics.create(kafka, name) for name in ("photos", "predictions", "dead"))
    bad = [
        (b"text", b"no photo"),
        (b"empty", b""),
        (b"tombstone", None),
        (b"\xff\xfe", b"key is no text"),
        (None, b"?"),
    ]
    topics.fill(source, [*((name.encode(), photo) for name, photo in photos.items()), *bad])
    sinks = ("sink=both", f"predictions_topic={predictions}", f"dead_letter_topic={dead}")
    summary = stream(work, source, "max_offsets_per_trigger=40", *sinks)
    assert [summary[key] for key in ("inputs", "predicted", "rejected")] == [65, 60, 5]
    assert summary["batches"] >= 2

    predicted = rows(work / "scored" / "predictions")
    assert {row["key"] for row in predicted} == set(photos) and len(predicted) == 60
    places = {(row["topic"], row["partition"], row["offset"]) for row in predicted}
    assert len(places) == 60 and {row["topic"] for row in predicted} == {source.rsplit("/", 1)[1]}
    assert all(row["uri"] == f"kafka://{row['topic']}/{row['partition']}/{row['offset']}" for row in predicted)

    records = {message.key().decode(): json.loads(message.value()) for message in topics.read(predictions)}
    assert records.keys() == {row["image_id"] for row in predicted}
    assert all(records[row["image_id"]]["label_name"] == row["label_name"] for row in predicted)

    rejects = {row["key"]: row for row in rows(work / "scored" / "rejects")}
    reasons = {"text": "not_an_image", "empty": "empty", "tombstone": "empty", None: "not_an_image"}
    assert {key: row["reason"] for key, row in rejects.items() if key in reasons} == reasons
    letters = [json.loads(message.value()) for message in topics.read(dead)]
    keys = ("reason", "topic", "partition", "offset")
    assert sorted([letter[key] for key in keys] for letter in letters) == sorted(
        [row[key] for key in keys] for row in rejects.values()
    )


def test_uris_come_plain_or_in_json_and_stay_below_their_root(
    kafka: str, work: Path, photos: dict[str, bytes], tmp_path: Path
) -> None:
    for name, photo in photos.items():
        (tmp_path / "root" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "root" / name).write_bytes(photo)
    (tmp_path / "secret.jpg").write_bytes(next(iter(photos.values())))
    good = [f"{tmp_path}/root/red/000.jpg", f"file://{tmp_path}/root/red/001.jpg", "red/002.jpg"]
    good.append(json.dumps({"uri": "red/003.jpg", "camera": 7}))
    bad = {
        "unreadable": ["red/gone.jpg"],
        "outside_root": [
            f"{tmp_path}/secret.jpg",
            "../secret.jpg",
            "http://host/red/000.jpg",
            f"{tmp_path}/rooted.jpg",
        ],
        "no_uri": ["", "{}", '{"uri": '],
    }
    source = topics.create(kafka, "uris")
    topics.fill(source, [(None, text.encode()) for text in [*good, *chain(*bad.values())]])
    summary = stream(work, source, "value=uri", f"uri_root={tmp_path}/root")
    assert [summary[key] for key in ("predicted", "rejected")] == [4, 8]
    predicted = {row["uri"] for row in rows(work / "scored" / "predictions")}
    assert predicted == {f"file://{tmp_path}/root/red/00{number}.jpg" for number in range(4)}
    reasons = [row["reason"] for row in rows(work / "scored" / "rejects")]
    assert {reason: reasons.count(reason) for reason in reasons} == {key: len(texts) for key, texts in bad.items()}


def test_kafka_alone_takes_predictions_while_rejects_have_their_table(
    kafka: str, work: Path, photos: dict[str, bytes]
) -> None:
    source, predictions = (topics.create(kafka, name) for name in ("photos", "predictions"))
    topics.fill(source, [*((None, photo) for photo in photos.values()), (None, b"no photo")])
    summary = stream(work, source, "sink=kafka", f"predictions_topic={predictions}")
    assert [summary[key] for key in ("predicted", "rejected")] == [60, 1]
    assert len(topics.read(predictions)) == 60
    assert not (work / "scored" / "predictions").exists() and len(rows(work / "scored" / "rejects")) == 1


def test_records_that_kafka_has_dropped_are_an_error_that_names_the_setting(
    kafka: str, work: Path, photos: dict[str, bytes]
) -> None:
    source = topics.create(kafka, "photos", partitions=1)
    some = [(None, photo) for photo in photos.values()]
    topics.fill(source, some[:10])
    stream(work, source)
    topics.fill(source, some[10:30])
    topics.forget(source, before=20)
    words = (f"source={source}", f"model={work}/model", f"target={work}/scored", "trigger=available_now")
    _, stderr = finish(start("score_stream", *words, "engine=torch"), exit_code=3)
    assert "set fail_on_data_loss=false" in stderr
    assert stream(work, source, "fail_on_data_loss=false")["predicted"] == 10


def test_a_server_that_does_not_answer_is_an_error_within_seconds(work: Path) -> None:
    words = ("source=kafka://127.0.0.1:9/photos", f"model={work}/model", f"target={work}/scored")
    _, stderr = finish(start("score_stream", *words), exit_code=1)
    assert "no server of Kafka answers" in stderr and "127.0.0.1:9" in stderr


@pytest.fixture
def with_user(kafka: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The broker's port that asks for a user and a password."""
    assert kafka
    monkeypatch.setenv("KAFKA_USERNAME", kafka_server.USER)
    monkeypatch.setenv("KAFKA_PASSWORD", kafka_server.PASSWORD)
    monkeypatch.setenv("KAFKA_SASL_MECHANISM", "PLAIN")
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT")
    return f"kafka://{kafka_server.addresses()['with_sasl_plain']}"


def test_user_and_password_come_from_the_environment_and_go_nowhere_else(
    kafka: str, with_user: str, work: Path, photos: dict[str, bytes]
) -> None:
    source = topics.create(kafka, "photos")
    topics.fill(source, [(None, photo) for photo in photos.values()])
    secured = source.replace(kafka, with_user)
    words = (f"source={secured}", f"model={work}/model", f"target={work}/scored", "trigger=available_now")
    stdout, stderr = finish(start("score_stream", *words, "engine=torch"))
    assert json.loads(stdout.splitlines()[-1])["predicted"] == 60
    written = [path.read_bytes() for path in (work / "scored").rglob("*") if path.is_file()]
    assert not any(
        kafka_server.PASSWORD.encode() in content for content in (stdout.encode(), stderr.encode(), *written)
    )


def test_a_wrong_password_is_a_wrong_conf_and_is_not_shown(
    kafka: str, with_user: str, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_PASSWORD", "not-this-one")
    source = topics.create(kafka, "photos").replace(kafka, with_user)
    words = (f"source={source}", f"model={work}/model", f"target={work}/scored", "engine=torch")
    _, stderr = finish(start("score_stream", *words), exit_code=2)
    assert "KAFKA_PASSWORD" in stderr and "not-this-one" not in stderr
