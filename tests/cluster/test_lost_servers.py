"""Data nodes and Python workers that die in the middle of a job."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines import storage
from pipelines.dataset import load_manifest
from tests.cluster import kills
from tests.cluster.conftest import Undisturbed
from tests.cluster.tables import by_id, rows
from tests.command import finish, start
from tools.cluster import hadoop
from tools.cluster.process import pid_of

SAME_ROWS = "the rows of an undisturbed run, and nothing else in the target"


@pytest.fixture
def data_node() -> Iterator[int]:
    """The first data node's process; another is started in its place afterwards."""
    pid = pid_of("datanode1")
    assert pid
    yield pid
    hadoop.up()


@pytest.mark.fault("a data node", during="ingest on HDFS with two replicas", then=SAME_ROWS)
def test_a_lost_data_node_costs_no_row_of_ingest(hdfs: str, undisturbed: Undisturbed, data_node: int) -> None:
    job = start("ingest", f"source={undisturbed.photos}", f"target={hdfs}/one-node")
    kills.wait_for(job, lambda: storage.exists(f"{hdfs}/one-node/_staging/_listed/_SUCCESS"))
    os.kill(data_node, signal.SIGKILL)
    finish(job)
    assert by_id(rows(f"{hdfs}/one-node/data")) == undisturbed.images
    assert storage.names(f"{hdfs}/one-node") == ["data", "dataset.json", "files", "rejects"]


@pytest.mark.fault("a data node", during="train on HDFS with two replicas", then="every epoch has seen every row once")
def test_a_lost_data_node_costs_no_row_of_training(
    hdfs: str, undisturbed: Undisturbed, data_node: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WITNESS_FILE", str(tmp_path / "witness"))
    monkeypatch.setenv("WITNESS_SECONDS", "0.3")
    settings = ("image_size=16", "batch_size=16", "augmentation=none", "epochs=2", "checkpoint_seconds=1")
    target = f"{hdfs}/trained-on-one"
    words = (f"dataset={undisturbed.dataset}", f"target={target}", "model=tests.train.networks:Witness")
    job = start("train", *words, *settings)
    kills.wait_for(job, lambda: storage.exists(f"{target}-run/checkpoint.pt"))
    os.kill(data_node, signal.SIGKILL)
    finish(job)
    history = storage.read_json(f"{target}-run/metrics.json")
    assert [report["rows"] for report in history] == [load_manifest(undisturbed.dataset).rows("train")] * 2


@pytest.mark.fault("a Python worker", during="ingest with `--master local[2,4]`", then=SAME_ROWS)
def test_a_lost_python_worker_costs_no_row(hdfs: str, undisturbed: Undisturbed) -> None:
    target = f"{hdfs}/worker"
    job = start("ingest", f"source={undisturbed.photos}", f"target={target}", "--master", "local[2,4]")
    listed = f"{target}/_staging/_listed/_SUCCESS"
    kills.kill_when(job, lambda: storage.exists(listed), lambda: kills.python_workers(job))
    finish(job)
    assert by_id(rows(f"{target}/data")) == undisturbed.images
    assert storage.names(target) == ["data", "dataset.json", "files", "rejects"]
