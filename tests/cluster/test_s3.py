"""The four jobs on S3, with the magic committer."""

from pathlib import Path

import pytest

from pipelines import storage
from tests.cluster.tables import rows, upload_photos_and_a_text
from tests.command import darkroom
from tests.photos import write_photos


@pytest.fixture(scope="module")
def work(s3: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    upload_photos_and_a_text(tmp_path_factory.mktemp("photos"), f"{s3}/flow/photos")
    return f"{s3}/flow"


def test_the_four_jobs_run_one_after_the_other(work: str) -> None:
    made = darkroom("ingest", f"source={work}/photos", f"target={work}/dataset", "max_reject_ratio=0.1")
    assert [made[key] for key in ("read", "accepted", "rejected")] == [121, 120, 1]
    trained = darkroom(
        *("train", f"dataset={work}/dataset", f"target={work}/model"),
        *("image_size=32", "epochs=1", "model=squeezenet1_1"),
    )
    assert trained["rows"] == made["rows"]["train"]
    measured = darkroom("evaluate", f"dataset={work}/dataset", f"model={work}/model", f"target={work}/report")
    assert measured["num_images"] == made["rows"]["test"]
    scored = darkroom("score", f"source={work}/photos", f"model={work}/model.tar.gz", f"target={work}/scored")
    assert [scored[key] for key in ("inputs", "predicted", "rejected")] == [121, 120, 1]
    assert len(rows(f"{work}/scored/predictions")) == 120
    assert storage.names(f"{work}/dataset") == ["data", "dataset.json", "files", "rejects"]


def test_a_second_ingest_adds_only_new_files(work: str, tmp_path: Path) -> None:
    storage.upload(write_photos(tmp_path / "first", 10), f"{work}/grows")
    darkroom("ingest", f"source={work}/grows", f"target={work}/grown")
    storage.upload(write_photos(tmp_path / "second", 5, first=500), f"{work}/grows")
    assert darkroom("ingest", f"source={work}/grows", f"target={work}/grown")["read"] == 15
    ids = [row["image_id"] for row in rows(f"{work}/grown/data")]
    assert len(ids) == len(set(ids)) == 45
