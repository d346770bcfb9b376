"""Two runs on one target: the second is refused, and a dead one is no obstacle."""

import json
import socket
import subprocess
import time
from pathlib import Path

import pytest

from pipelines import lock, storage
from pipelines.errors import DarkroomError
from pipelines.lock import locked


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "BEAT_SECONDS", 0.2)
    monkeypatch.setattr(lock, "DEAD_SECONDS", 2.0)


def holder(folder: Path, *, host: str, pid: int) -> None:
    (folder / "_lock").write_text(json.dumps({"id": "x", "host": host, "pid": pid, "beat": 0}))


def test_a_second_run_is_refused_while_the_first_lives(tmp_path: Path) -> None:
    with (
        locked(f"file://{tmp_path}"),
        pytest.raises(DarkroomError, match=r"being written by another run \(process \d+"),
        locked(f"file://{tmp_path}"),
    ):
        pass


def test_the_lock_is_gone_afterwards(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with locked(f"file://{tmp_path}"):
        assert storage.names(f"file://{tmp_path}") == ["_lock", "data"]
    assert storage.names(f"file://{tmp_path}") == ["data"]


def test_a_folder_that_stays_empty_is_not_left_behind(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="x"), locked(f"file://{tmp_path}/new"):
        raise ValueError("x")
    assert not (tmp_path / "new").exists()


def test_a_dead_run_of_this_machine_is_no_obstacle_at_once(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    holder(tmp_path, host=socket.gethostname(), pid=ended.pid)
    started = time.monotonic()
    with locked(f"file://{tmp_path}"):
        assert time.monotonic() - started < lock.DEAD_SECONDS


def test_a_silent_run_of_another_machine_counts_as_dead_after_a_while(tmp_path: Path) -> None:
    holder(tmp_path, host="elsewhere", pid=1)
    with locked(f"file://{tmp_path}"):
        assert json.loads((tmp_path / "_lock").read_text())["host"] == socket.gethostname()
