"""Executors that die in the middle of a job cost time, and no row."""

from pathlib import Path
from typing import Any

import pytest

from pipelines import storage
from pipelines.dataset import load_manifest
from tests.bundles import write_bundle
from tests.cluster.executors import kill_one_when
from tests.cluster.tables import rows
from tests.command import darkroom, finish, start
from tests.photos import write_photos

YARN = ("--master", "yarn", "--queue", "batch", "--conf", "spark.driver.host=127.0.0.1")


@pytest.fixture(scope="module")
def work(hdfs: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("photos")
    write_photos(folder, 150)
    storage.upload(folder, f"{hdfs}/many-photos")
    return hdfs


def by_id(some: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    assert len({row["image_id"] for row in some}) == len(some)
    return {row["image_id"]: row for row in some}


@pytest.fixture(scope="module")
def undisturbed(work: str) -> list[dict[str, Any]]:
    darkroom("ingest", f"source={work}/many-photos", f"target={work}/undisturbed")
    return rows(f"{work}/undisturbed/data")


def test_ingest_makes_the_same_rows(work: str, undisturbed: list[dict[str, Any]]) -> None:
    target = f"{work}/ingested"
    job = start("ingest", f"source={work}/many-photos", f"target={target}", *YARN)
    kill_one_when(job, lambda: storage.exists(f"{target}/_staging/_prepared"))
    finish(job)
    assert by_id(rows(f"{target}/data")) == by_id(undisturbed)
    assert storage.names(target) == ["data", "dataset.json", "files", "rejects"]


def test_score_gives_one_row_a_photo(work: str, tmp_path: Path) -> None:
    write_bundle(tmp_path / "model")
    storage.upload(tmp_path / "model", f"{work}/bundle")
    words = (f"source={work}/many-photos", f"model={work}/bundle", "engine=torch")
    darkroom("score", *words, f"target={work}/scored-undisturbed")
    job = start("score", *words, f"target={work}/scored-disturbed", *YARN)
    kill_one_when(job, lambda: storage.exists(f"{work}/scored-disturbed/_staging/_scored"))
    finish(job)
    one, two = (rows(f"{work}/scored-{name}/predictions") for name in ("disturbed", "undisturbed"))
    assert len(one) == 450
    assert by_id(one).keys() == by_id(two).keys()
    assert all(row["label_name"] == by_id(two)[key]["label_name"] for key, row in by_id(one).items())


def test_training_goes_on_from_its_checkpoint(
    work: str, undisturbed: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert undisturbed
    monkeypatch.setenv("WITNESS_FILE", str(tmp_path / "witness"))
    monkeypatch.setenv("WITNESS_SECONDS", "0.5")
    words = (f"dataset={work}/undisturbed", f"target={work}/trained", "model=tests.train.networks:Witness")
    settings = ("image_size=16", "batch_size=16", "augmentation=none", "epochs=2", "checkpoint_seconds=1")
    job = start("train", *words, *settings, *YARN)
    kill_one_when(job, lambda: storage.exists(f"{work}/trained-run/checkpoint.pt"))
    _, stderr = finish(job)
    assert "processes were lost" in stderr
    manifest = load_manifest(f"{work}/undisturbed")
    history = storage.read_json(f"{work}/trained-run/metrics.json")
    assert [report["rows"] for report in history] == [manifest.rows("train")] * 2
    assert history[0]["rows_since_resume"] < manifest.rows("train")


def test_training_begins_again_when_an_executor_dies_before_the_first_step(
    work: str, undisturbed: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert undisturbed
    monkeypatch.setenv("WITNESS_FILE", str(tmp_path / "witness"))
    words = (f"dataset={work}/undisturbed", f"target={work}/begun-twice", "model=tests.train.networks:SlowStart")
    job = start("train", *words, "image_size=16", "batch_size=16", "augmentation=none", "epochs=1", *YARN)
    made = tmp_path / "witness-made"
    kill_one_when(job, lambda: made.exists() and set(made.read_text().split()) - {str(job.pid)} != set())
    assert not (tmp_path / "witness").exists()
    _, stderr = finish(job)
    assert "processes were lost" in stderr
    rows_seen = [report["rows"] for report in storage.read_json(f"{work}/begun-twice-run/metrics.json")]
    assert rows_seen == [load_manifest(f"{work}/undisturbed").rows("train")]
