"""Mesos and Kubernetes: spark-submit gets as far as the cluster itself."""

from pathlib import Path

from tests.command import finish, start


def words(tmp_path: Path) -> tuple[str, str, str]:
    return "ingest", f"source={tmp_path}", f"target={tmp_path}/dataset"


def test_kubernetes_is_asked_for_a_driver_pod(tmp_path: Path) -> None:
    options = ("--master", "k8s://https://127.0.0.1:9", "--deploy-mode", "cluster")
    _, stderr = finish(start(*words(tmp_path), *options), exit_code=1)
    assert "Failed to connect to /127.0.0.1:9" in stderr


def test_mesos_is_asked_for_through_its_native_library(tmp_path: Path) -> None:
    _, stderr = finish(start(*words(tmp_path), "--master", "mesos://127.0.0.1:9"), exit_code=1)
    assert "no mesos in java.library.path" in stderr
