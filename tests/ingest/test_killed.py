"""A run that is killed with -9 shows a reader nothing, and the next one is complete."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipelines import publish, storage
from tests.cluster import kills
from tests.command import darkroom, finish, start
from tests.photos import write_photos


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("source") / "photos", 200)


def ids_of(target: Path) -> list[str]:
    ids: list[str] = pq.read_table(target / "data", columns=["image_id"])["image_id"].to_pylist()
    return ids


def kill_when(job: Any, condition: Any) -> None:
    """Kill the job's processes, driver, JVM and workers, as soon as the condition holds."""
    while not condition():
        assert job.poll() is None, "the job ended before it could be killed"
        time.sleep(0.01)
    os.killpg(job.pid, signal.SIGKILL)
    job.communicate()


@pytest.mark.fault(
    "the driver and all its processes",
    during="ingest with `--master local[*]`, at two stages",
    then="readers see nothing; the same command again makes the whole dataset, and nothing else in the target",
)
@pytest.mark.parametrize("stage", ["_prepared", "data"])
def test_a_run_killed_while_it_writes_is_repeated_whole(photos: Path, tmp_path: Path, stage: str) -> None:
    words = (f"source={photos}", f"target={tmp_path}/dataset")
    kill_when(start("ingest", *words), (tmp_path / "dataset" / "_staging" / stage).exists)
    assert not (tmp_path / "dataset" / "data").exists() and not (tmp_path / "dataset" / "dataset.json").exists()
    again = darkroom("ingest", *words)
    assert (again["read"], again["accepted"], again["duplicates"], again["rejected"]) == (600, 600, 0, 0)
    ids = ids_of(tmp_path / "dataset")
    assert len(ids) == len(set(ids)) == 600
    assert not (tmp_path / "dataset" / "_staging").exists()


@pytest.mark.fault(
    "the driver's JVM alone",
    during="ingest with `--master local[*]`",
    then="exit code 1 and a message that says so; readers see nothing",
)
def test_a_run_whose_jvm_is_killed_says_so(photos: Path, tmp_path: Path) -> None:
    job = start("ingest", f"source={photos}", f"target={tmp_path}/dataset")
    prepared = tmp_path / "dataset" / "_staging" / "_prepared"
    kills.kill_when(job, prepared.exists, lambda: kills.local_driver(job))
    _, stderr = finish(job, exit_code=1)
    assert "Spark's driver process has died" in stderr and "Run the same command again" in stderr
    assert not (tmp_path / "dataset" / "data").exists()


@pytest.mark.fault(
    "the driver and all its processes",
    during="ingest of new files into a dataset",
    then="readers see the old dataset; the same command again adds every new file once",
)
def test_new_files_whose_run_is_killed_leave_the_old_dataset(tmp_path: Path) -> None:
    words = (f"source={tmp_path}/photos", f"target={tmp_path}/dataset")
    write_photos(tmp_path / "photos", 10)
    darkroom("ingest", *words)
    before = sorted(ids_of(tmp_path / "dataset"))
    write_photos(tmp_path / "photos", 5, first=500)
    kill_when(start("ingest", *words), (tmp_path / "dataset" / "_staging" / "data").exists)
    assert sorted(ids_of(tmp_path / "dataset")) == before
    assert darkroom("ingest", *words)["read"] == 15
    assert len(set(ids_of(tmp_path / "dataset"))) == len(ids_of(tmp_path / "dataset")) == 45


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("num_moves", [0, 1, 2, 3])
def test_renames_that_were_cut_off_are_completed(
    tmp_path: Path, num_moves: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = f"file://{tmp_path}"
    for table in ("data", "files"):
        for number in range(2):
            storage.write_bytes(f"{publish.staging_uri(target)}/{table}/part-0000{number}-x.parquet", table.encode())
    storage.write_json(f"{publish.staging_uri(target)}/dataset.json", {})
    whole, done = storage.place, list[str]()

    def place(source: str, place: str) -> None:
        if publish.STAGING in source and publish.STAGING not in place:
            if len(done) == num_moves:
                raise Killed
            done.append(place)
        whole(source, place)

    monkeypatch.setattr(storage, "place", place)
    if num_moves < 3:
        with pytest.raises(Killed):
            publish.publish(target, ["data", "files"], ["dataset.json"], run=0, append=False)
    else:
        publish.publish(target, ["data", "files"], ["dataset.json"], run=0, append=False)
    monkeypatch.setattr(storage, "place", whole)
    publish.recover(target)
    found = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert found == [
        *["data/part-000-00000.parquet", "data/part-000-00001.parquet", "dataset.json"],
        *["files/part-000-00000.parquet", "files/part-000-00001.parquet"],
    ]
