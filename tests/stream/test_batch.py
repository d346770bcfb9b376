"""A batch is published whole and once, wherever it is killed, and names the model that made it."""

import datetime
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyspark.sql import DataFrame, SparkSession

from pipelines import publish, storage
from pipelines.config import load
from pipelines.model.bundle import load_bundle
from pipelines.release.config import PromoteConfig, RollbackConfig
from pipelines.release.run import promote, rollback
from pipelines.stream.batch import Batches
from pipelines.stream.config import ScoreStreamConfig
from pipelines.stream.model import CurrentModel
from tests.bundles import write_bundle
from tests.photos import write_photos


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three bundles, and three photos."""
    folder = tmp_path_factory.mktemp("made")
    for seed in (1, 2, 3):
        write_bundle(folder / "models" / f"model{seed}", seed=seed)
    write_photos(folder / "photos", 1)
    return folder


@pytest.fixture
def work(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made / "models", tmp_path / "models")
    promote(load(PromoteConfig, [f"model={tmp_path}/models/model1", f"name={tmp_path}/models/photos@production"]))
    return tmp_path


@pytest.fixture
def photos(spark: SparkSession, made: Path) -> DataFrame:
    """Three photos and a text."""
    when, day = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC), datetime.date(2026, 3, 2)
    contents = [path.read_bytes() for path in sorted((made / "photos").rglob("*.jpg"))]
    rows = [(f"photo{number}", content, when, day) for number, content in enumerate([*contents, b"no photo"])]
    return spark.createDataFrame(rows, "uri string, image binary, timestamp timestamp, date date")


def batches(work: Path) -> Batches:
    """Return what a driver that has just been started works with."""
    given = [f"source={work}", f"model={work}/models/photos@production", f"target={work}/scored", "engine=torch"]
    config = load(ScoreStreamConfig, given)
    publish.recover(config.target)
    staging = publish.staging_uri(config.target)
    return Batches(config, staging, CurrentModel(config), keep=("timestamp",), security={}, listeners=())


def uris(work: Path, table: str) -> list[str]:
    if not (work / "scored" / table).exists():
        return []
    return sorted(pq.read_table(work / "scored" / table, columns=["uri"])["uri"].to_pylist())


class Killed(BaseException):
    """The process is gone."""


def die(*_: Any, **__: Any) -> None:
    raise Killed


def test_a_batch_killed_before_it_is_decided_is_not_seen_and_scored_again(
    work: Path, photos: DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr("pipelines.stream.batch.move_staged", die)
        batches(work)(photos, 0)
    assert uris(work, "predictions") == uris(work, "rejects") == []
    batches(work)(photos, 0)
    assert (uris(work, "predictions"), uris(work, "rejects")) == (["photo0", "photo1", "photo2"], ["photo3"])


@pytest.mark.parametrize("num_moves", [0, 1, 2])
def test_a_batch_killed_while_it_is_published_is_completed_and_not_scored_again(
    work: Path, photos: DataFrame, num_moves: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, done = storage.place, list[str]()

    def place(source: str, target: str) -> None:
        if "/_staging/" not in target:
            if len(done) == num_moves:
                raise Killed
            done.append(target)
        whole(source, target)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(storage, "place", place)
        batches(work)(photos, 0)
    again = batches(work)
    assert (uris(work, "predictions"), uris(work, "rejects")) == (["photo0", "photo1", "photo2"], ["photo3"])
    again(photos, 0)
    assert again.totals["batches"] == 0 and len(uris(work, "predictions")) == 3
    assert not (work / "scored" / "_staging").exists()


def test_a_batch_lies_in_the_day_of_its_plan_and_not_of_its_attempt(work: Path, photos: DataFrame) -> None:
    batches(work)(photos, 7)
    assert storage.names(f"{work}/scored/predictions/date=2026-03-02") == ["batch_id=7"]
    assert storage.read_json(f"{work}/scored/batches/date=2026-03-02/7.json")["date"] == "2026-03-02"


def test_a_batch_of_rejects_alone_has_no_folder_of_predictions(work: Path, photos: DataFrame) -> None:
    batches(work)(photos.where("uri = 'photo3'"), 0)
    assert uris(work, "predictions") == [] and uris(work, "rejects") == ["photo3"]


def models_of(work: Path) -> list[str]:
    table = pq.read_table(work / "scored" / "predictions", columns=["model_id", "batch_id"]).to_pylist()
    return [next(row["model_id"] for row in table if row["batch_id"] == number) for number in range(len(table) // 3)]


def test_the_next_batch_follows_the_name_and_predictions_say_which_model_made_them(
    work: Path, photos: DataFrame
) -> None:
    stream, name = batches(work), f"name={work}/models/photos@production"
    stream(photos, 0)
    promote(load(PromoteConfig, [f"model={work}/models/model2", name]))
    stream(photos, 1)
    rollback(load(RollbackConfig, [name]))
    stream(photos, 2)
    one, two = (load_bundle(f"{work}/models/model{seed}").info.model_id for seed in (1, 2))
    assert models_of(work) == [one, two, one]


@pytest.mark.parametrize("damage", ["check.safetensors", "weights.safetensors", "model.json"])
def test_a_version_that_cannot_be_used_is_refused_and_the_old_one_goes_on(
    work: Path, photos: DataFrame, damage: str
) -> None:
    stream = batches(work)
    summary = promote(load(PromoteConfig, [f"model={work}/models/model2", f"name={work}/models/photos@production"]))
    bad = Path(summary["model"].removeprefix("file://"))
    shutil.copy(work / "models" / "model3" / damage, bad / damage)
    stream(photos, 0)
    one = load_bundle(f"{work}/models/model1").info.model_id
    assert models_of(work) == [one]
    record = storage.read_json(f"{work}/scored/batches/date=2026-03-02/0.json")
    assert (record["model_id"], record["refused_model"]) == (one, f"file://{bad}")
    promote(load(PromoteConfig, [f"model={work}/models/model3", f"name={work}/models/photos@production"]))
    stream(photos, 1)
    assert models_of(work) == [one, load_bundle(f"{work}/models/model3").info.model_id]
