"""Executors, a node and a driver on YARN that die in the middle of a job cost time, and no row."""

import os
import signal
from pathlib import Path

import pytest

from pipelines import storage
from pipelines.dataset import load_manifest
from tests.cluster import kills
from tests.cluster.conftest import Undisturbed
from tests.cluster.tables import by_id, rows
from tests.command import Job, darkroom, finish, start
from tools.cluster import hadoop
from tools.cluster.process import pid_of

YARN = ("--master", "yarn", "--queue", "batch", "--conf", "spark.driver.host=127.0.0.1")
ON_THE_CLUSTER = ("--master", "yarn", "--deploy-mode", "cluster", "--queue", "batch")
SMALL = ("image_size=16", "batch_size=16", "augmentation=none", "checkpoint_seconds=1")
SAME_ROWS = "the rows of an undisturbed run, and nothing else in the target"
GOES_ON = "the run goes on from its checkpoint; every epoch has seen every row once"


@pytest.fixture
def witness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WITNESS_FILE", str(tmp_path / "witness"))
    monkeypatch.setenv("WITNESS_SECONDS", "0.5")
    return tmp_path / "witness"


def start_training(undisturbed: Undisturbed, target: str, network: str, *words: str) -> Job:
    model = f"model=tests.train.networks:{network}"
    return start("train", f"dataset={undisturbed.dataset}", f"target={target}", model, *SMALL, *words, *YARN)


def assert_every_epoch_saw_every_row(undisturbed: Undisturbed, target: str, num_epochs: int) -> None:
    seen = [report["rows"] for report in storage.read_json(f"{target}-run/metrics.json")]
    assert seen == [load_manifest(undisturbed.dataset).rows("train")] * num_epochs


def assert_is_the_undisturbed_dataset(undisturbed: Undisturbed, target: str) -> None:
    assert by_id(rows(f"{target}/data")) == undisturbed.images
    assert storage.names(target) == ["data", "dataset.json", "files", "rejects"]


@pytest.mark.fault("an executor", during="ingest on YARN", then=SAME_ROWS)
def test_ingest_without_an_executor_makes_the_same_rows(hdfs: str, undisturbed: Undisturbed) -> None:
    target = f"{hdfs}/ingested"
    job = start("ingest", f"source={undisturbed.photos}", f"target={target}", *YARN)
    kills.kill_when(job, lambda: storage.exists(f"{target}/_staging/_listed/_SUCCESS"), kills.first_executor)
    finish(job)
    assert_is_the_undisturbed_dataset(undisturbed, target)


@pytest.mark.fault(
    "a machine: node manager, data node, executors (not the application master's)",
    during="ingest on YARN and HDFS",
    then=SAME_ROWS,
)
def test_ingest_without_a_machine_makes_the_same_rows(hdfs: str, undisturbed: Undisturbed) -> None:
    target = f"{hdfs}/ingested-on-one-machine"
    job = start("ingest", f"source={undisturbed.photos}", f"target={target}", *YARN)
    kills.wait_for(job, lambda: storage.exists(f"{target}/_staging/_listed/_SUCCESS"))
    try:
        machine = kills.machine_without_master()
        servers = [pid_of(f"nodemanager{machine}"), pid_of(f"datanode{machine}")]
        for victim in [*servers, *kills.executors_on(machine)]:
            assert victim
            os.kill(victim, signal.SIGKILL)
        finish(job)
    finally:
        hadoop.up()
    assert_is_the_undisturbed_dataset(undisturbed, target)


@pytest.mark.fault("the driver", during="ingest on YARN in cluster mode", then=f"the same command again: {SAME_ROWS}")
def test_ingest_without_its_driver_says_so_and_the_same_command_completes_it(
    hdfs: str, undisturbed: Undisturbed
) -> None:
    words = (f"source={undisturbed.photos}", f"target={hdfs}/ingested-twice", *ON_THE_CLUSTER)
    job = start("ingest", *words)
    listed = f"{hdfs}/ingested-twice/_staging/_listed/_SUCCESS"
    kills.kill_when(job, lambda: storage.exists(listed), kills.application_master)
    _, stderr = finish(job, exit_code=1)
    # Its Python may live just long enough to say what happened.
    assert "the driver left no result" in stderr or "Spark's driver process has died" in stderr
    assert set(storage.names(f"{hdfs}/ingested-twice")) <= {"_lock", "_staging"}  # Python may be clearing up
    darkroom("ingest", *words)
    assert_is_the_undisturbed_dataset(undisturbed, f"{hdfs}/ingested-twice")


@pytest.mark.fault("an executor", during="score on YARN", then="the predictions of an undisturbed run")
def test_score_without_an_executor_gives_the_same_predictions(hdfs: str, undisturbed: Undisturbed) -> None:
    target = f"{hdfs}/scored-disturbed"
    words = (f"source={undisturbed.photos}", f"model={undisturbed.bundle}", "engine=torch")
    job = start("score", *words, f"target={target}", *YARN)
    kills.kill_when(job, lambda: storage.exists(f"{target}/_staging/_scored"), kills.first_executor)
    finish(job)
    found = by_id(rows(f"{target}/predictions"))
    assert found.keys() == undisturbed.predictions.keys()
    for image, row in found.items():
        expected = undisturbed.predictions[image]
        assert (row["label_name"], row["uri"]) == (expected["label_name"], expected["uri"])
        assert row["confidence"] == pytest.approx(expected["confidence"], abs=1e-5)


@pytest.mark.usefixtures("witness")
@pytest.mark.fault("an executor", during="train on YARN, in the middle of an epoch", then=GOES_ON)
def test_training_goes_on_from_its_checkpoint(hdfs: str, undisturbed: Undisturbed) -> None:
    target = f"{hdfs}/trained"
    job = start_training(undisturbed, target, "Witness", "epochs=2")
    kills.kill_when(job, lambda: storage.exists(f"{target}-run/checkpoint.pt"), kills.first_executor)
    _, stderr = finish(job)
    assert "processes were lost" in stderr
    assert_every_epoch_saw_every_row(undisturbed, target, 2)
    history = storage.read_json(f"{target}-run/metrics.json")
    assert history[0]["rows_since_resume"] < history[0]["rows"]


@pytest.mark.usefixtures("witness")
@pytest.mark.fault("the executor that writes it", during="a checkpoint of train on YARN", then=GOES_ON)
def test_training_goes_on_from_the_checkpoint_before_the_one_that_was_cut_off(
    hdfs: str, undisturbed: Undisturbed
) -> None:
    target = f"{hdfs}/trained-heavily"
    job = start_training(undisturbed, target, "Heavy", "epochs=1")
    whole, half = f"{target}-run/checkpoint.pt", f"{target}-run/_checkpoint.pt.tmp"
    kills.wait_for(job, lambda: storage.exists(whole) and kills.executor_of_rank_0())
    kills.kill_when(job, lambda: storage.exists(half), kills.executor_of_rank_0)
    assert storage.exists(half), "the checkpoint was whole before its writer was killed"
    _, stderr = finish(job)
    assert "processes were lost" in stderr
    assert not storage.exists(half)
    assert_every_epoch_saw_every_row(undisturbed, target, 1)


@pytest.mark.fault("an executor", during="train on YARN, before the first step", then="the run begins again")
def test_training_begins_again_when_an_executor_dies_before_the_first_step(
    hdfs: str, undisturbed: Undisturbed, witness: Path
) -> None:
    job = start_training(undisturbed, f"{hdfs}/begun-twice", "SlowStart", "epochs=1")
    made = Path(f"{witness}-made")
    begun = lambda: made.exists() and set(made.read_text().split()) - {str(job.pid)} != set()  # noqa: E731
    kills.kill_when(job, begun, kills.first_executor)
    assert not witness.exists()
    _, stderr = finish(job)
    assert "processes were lost" in stderr
    assert_every_epoch_saw_every_row(undisturbed, f"{hdfs}/begun-twice", 1)
