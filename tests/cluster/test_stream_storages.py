"""A folder that fills, its checkpoint and its target on HDFS and on S3."""

from pathlib import Path

import pytest

from pipelines import storage
from tests.bundles import write_bundle
from tests.cluster.tables import rows, upload_photos_and_a_text
from tests.command import darkroom
from tests.photos import write_photos


@pytest.mark.parametrize("kind", ["hdfs", "s3"])
def test_files_are_scored_once_over_two_runs(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    work = f"{request.getfixturevalue(kind)}/stream"
    upload_photos_and_a_text(tmp_path / "photos", f"{work}/inbox")
    write_bundle(tmp_path / "model")
    storage.upload(tmp_path / "model", f"{work}/models/model")
    name = f"{work}/models/photos@production"
    promoted = darkroom("promote", f"model={work}/models/model", f"name={name}")
    words = (f"source={work}/inbox", f"model={name}", f"target={work}/scored", "trigger=available_now", "engine=torch")
    first = darkroom("score_stream", *words, "max_files_per_trigger=70", "settle_seconds=1")
    assert [first[key] for key in ("batches", "inputs", "predicted", "rejected")] == [2, 121, 120, 1]
    storage.upload(write_photos(tmp_path / "more", 2, first=500), f"{work}/inbox")
    assert darkroom("score_stream", *words, "settle_seconds=1")["predicted"] == 6
    predictions = rows(f"{work}/scored/predictions")
    assert len({row["uri"] for row in predictions}) == len(predictions) == 126
    assert {row["model_id"] for row in predictions} == {promoted["model_id"]}
    assert [row["reason"] for row in rows(f"{work}/scored/rejects")] == ["not_an_image"]
    assert storage.names(f"{work}/scored") == ["_checkpoint", "batches", "predictions", "rejects", "stream.json"]
