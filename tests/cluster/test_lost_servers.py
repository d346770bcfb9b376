"""A data node, a Python worker and a whole driver that die, and a name node that does not let anybody write."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines import storage
from pipelines.dataset import load_manifest
from tests.cluster.tables import rows
from tests.command import darkroom, finish, start
from tests.photos import write_photos
from tools.cluster import hadoop
from tools.cluster.process import pid_of


@pytest.fixture(scope="module")
def work(hdfs: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = write_photos(tmp_path_factory.mktemp("photos"), 150)
    storage.upload(folder, f"{hdfs}/some-photos")
    return hdfs


@pytest.fixture
def data_node() -> Iterator[int]:
    """The first data node's process; another is started in its place afterwards."""
    pid = pid_of("datanode1")
    assert pid
    yield pid
    hadoop.up()


def wait_for(job: "subprocess.Popen[str]", condition: Callable[[], Any]) -> None:
    while not condition():
        assert job.poll() is None, "the job ended too soon"
        time.sleep(0.05)


def workers_of(job: "subprocess.Popen[str]") -> list[int]:
    """Return the forked Python workers of a local job: children of a process that is pyspark.daemon."""
    listed = subprocess.run(["ps", "-eo", "pid,ppid,pgid,args"], capture_output=True, text=True, check=True)
    processes = [line.split(None, 3) for line in listed.stdout.splitlines()[1:]]
    daemons = {pid for pid, _, _, words in processes if "pyspark.daemon" in words}
    mine = {pid for pid in daemons if os.getsid(int(pid)) == job.pid}
    return [int(pid) for pid, parent, *_ in processes if parent in mine]


def test_a_lost_data_node_costs_no_row_of_ingest(work: str, data_node: int) -> None:
    job = start("ingest", f"source={work}/some-photos", f"target={work}/one-node")
    wait_for(job, lambda: storage.exists(f"{work}/one-node/_staging/_prepared"))
    os.kill(data_node, signal.SIGKILL)
    finish(job)
    assert len({row["image_id"] for row in rows(f"{work}/one-node/data")}) == 450
    assert storage.names(f"{work}/one-node") == ["data", "dataset.json", "files", "rejects"]


def test_a_lost_data_node_costs_no_row_of_training(
    work: str, data_node: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WITNESS_FILE", str(tmp_path / "witness"))
    monkeypatch.setenv("WITNESS_SECONDS", "0.3")
    darkroom("ingest", f"source={work}/some-photos", f"target={work}/to-train")
    settings = ("image_size=16", "batch_size=16", "augmentation=none", "epochs=2", "checkpoint_seconds=1")
    words = (f"dataset={work}/to-train", f"target={work}/trained-on-one", "model=tests.train.networks:Witness")
    job = start("train", *words, *settings)
    wait_for(job, lambda: storage.exists(f"{work}/trained-on-one-run/checkpoint.pt"))
    os.kill(data_node, signal.SIGKILL)
    finish(job)
    history = storage.read_json(f"{work}/trained-on-one-run/metrics.json")
    assert [report["rows"] for report in history] == [load_manifest(f"{work}/to-train").rows("train")] * 2


def test_a_lost_python_worker_costs_no_row(work: str) -> None:
    job = start("ingest", f"source={work}/some-photos", f"target={work}/worker", "--master", "local[2,4]")
    wait_for(job, lambda: storage.exists(f"{work}/worker/_staging/_prepared") and workers_of(job))
    os.kill(workers_of(job)[0], signal.SIGKILL)
    finish(job)
    assert len({row["image_id"] for row in rows(f"{work}/worker/data")}) == 450


def test_a_name_node_in_safe_mode_is_named_in_the_error(work: str) -> None:
    hadoop.admin("-safemode", "enter")
    try:
        words = (f"source={work}/some-photos", f"target={work}/safe")
        _, stderr = finish(start("ingest", *words), exit_code=1)
    finally:
        hadoop.admin("-safemode", "leave")
    assert "safe mode" in stderr and "HADOOP_CONF_DIR" in stderr


def test_a_missing_permission_is_named_with_its_user(work: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HADOOP_USER_NAME", "nobody")
    words = (f"source={work}/some-photos", f"target={work}/forbidden")
    _, stderr = finish(start("ingest", *words), exit_code=1)
    assert "Permission denied: user=nobody" in stderr and "HADOOP_USER_NAME" in stderr
