"""A folder that fills, its checkpoint and its target on HDFS and on S3."""

from pathlib import Path

import pytest

from pipelines import publish, storage
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


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("kind", ["hdfs", "s3"])
def test_a_batch_whose_moves_are_cut_off_is_completed(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = f"{request.getfixturevalue(kind)}/cut-off"
    staged = ["predictions/part-0.parquet", "predictions/part-1.parquet", "rejects/part-0.parquet", "batch.json"]
    for name in staged:
        storage.write_bytes(f"{target}/_staging/{name}", name.encode())
    whole = storage.place

    def place(source: str, place: str) -> None:
        if kind == "s3":  # it copies file by file: the first one only
            whole(f"{source}/part-0.parquet", f"{place}/part-0.parquet")
        else:
            whole(source, place)
        raise Killed

    moves = [(table, f"{table}/date=2026-03-01/batch_id=0") for table in ("predictions", "rejects")]
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(storage, "place", place)
        publish.move_staged(target, [*moves, ("batch.json", "batches/date=2026-03-01/0.json")])
    publish.recover(target)
    folders = {name: f"{target}/{name}/date=2026-03-01" for name in ("predictions", "rejects", "batches")}
    assert storage.names(f"{folders['predictions']}/batch_id=0") == ["part-0.parquet", "part-1.parquet"]
    assert storage.names(f"{folders['rejects']}/batch_id=0") == ["part-0.parquet"]
    assert storage.names(folders["batches"]) == ["0.json"]
    assert not storage.exists(f"{target}/_staging")
