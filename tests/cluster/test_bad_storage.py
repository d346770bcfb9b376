"""A storage that refuses or does not answer is named in the error, with the settings to look at."""

import subprocess
from pathlib import Path

import pytest

from pipelines import storage
from tests.command import COMMAND, environment, finish, start
from tests.photos import write_photos
from tools.cluster import hadoop


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("photos"), 600)


def refused(*words: str, exit_code: int = 1) -> str:
    """Run an ingest that must fail, and return what it says in the end; its JVM may still log after that."""
    _, stderr = finish(start("ingest", *words), exit_code=exit_code)
    return verdict(stderr)


def verdict(stderr: str) -> str:
    return [line for line in stderr.splitlines() if "darkroom ingest: " in line][-1]


def test_a_name_node_in_safe_mode(hdfs: str, photos: Path) -> None:
    hadoop.admin("-safemode", "enter")
    try:
        said = refused(f"source={photos}", f"target={hdfs}/safe")
    finally:
        hadoop.admin("-safemode", "leave")
    assert "safe mode" in said and "HADOOP_CONF_DIR" in said


def test_a_user_without_permission(hdfs: str, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HADOOP_USER_NAME", "nobody")
    said = refused(f"source={photos}", f"target={hdfs}/forbidden")
    assert "Permission denied: user=nobody" in said and "HADOOP_USER_NAME" in said


def test_a_folder_whose_quota_is_used_up(hdfs: str, photos: Path) -> None:
    storage.write_bytes(f"{hdfs}/small/file", b"1")
    hadoop.admin("-setSpaceQuota", "64m", f"{hdfs}/small")
    said = refused(f"source={photos}", f"target={hdfs}/small/dataset")
    assert "DSQuotaExceededException" in said and f"target={hdfs}/small/dataset" in said and "quota" in said
    assert storage.names(f"{hdfs}/small") == ["file"]


def test_a_disk_that_is_full(photos: Path, tmp_path: Path) -> None:
    small = tmp_path / "disk"
    small.mkdir()
    mount = [
        "unshare",
        "--user",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        'mount -t tmpfs -o size=3m disk "$0" && "$@"',
    ]
    job = [*mount, str(small), *COMMAND, "ingest", f"source={photos}", f"target={small}/dataset"]
    ended = subprocess.run(job, env=environment(), capture_output=True, text=True, timeout=300, check=False)
    said = verdict(ended.stderr)
    assert ended.returncode == 1
    assert "No space left on device" in said and f"target=file://{small}/dataset" in said and "free space" in said


def test_a_bucket_that_is_not_there_is_a_wrong_conf(s3: str) -> None:
    said = refused("source=s3a://no-such-bucket/photos", f"target={s3}/nothing", exit_code=2)
    assert "source=s3a://no-such-bucket/photos does not exist" in said


def test_a_target_s_bucket_that_is_not_there(s3: str, photos: Path) -> None:
    assert s3
    said = refused(f"source={photos}", "target=s3a://no-such-bucket/dataset")
    assert "s3a://no-such-bucket/dataset" in said and "bucket" in said


def test_a_server_that_does_not_answer(s3: str, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    said = refused(f"source={photos}", f"target={s3}/nothing")
    assert "AWS_ENDPOINT_URL (http://127.0.0.1:9)" in said
