"""Processes that outlive the platform: a folder has one, and it is found again."""

import os
import sys
import time
from pathlib import Path

from pipelines.platform.process import Process, ask_to_end, kill, owner, start
from tests.platform.running import wait_until


def sleeper(folder: Path) -> Process:
    start(
        folder, [sys.executable, "-c", "import subprocess, time; subprocess.Popen(['sleep', '100']); time.sleep(100)"]
    )
    process = wait_until(lambda: owner(folder), "owner")
    assert isinstance(process, Process)
    return process


def test_of_two_processes_for_one_folder_the_second_gives_up(tmp_path: Path) -> None:
    first = start(tmp_path, ["sleep", "100"])
    process = wait_until(lambda: owner(tmp_path), "owner")
    second = start(tmp_path, ["sh", "-c", "touch started-twice"])
    assert second.wait(30) == 0
    assert not (tmp_path / "started-twice").exists() and not Path("started-twice").exists()
    assert owner(tmp_path) == process and process.is_alive()
    kill(process)
    first.wait(10)
    assert not process.is_alive()


def test_what_a_killed_process_left_behind_is_killed_with_its_session(tmp_path: Path) -> None:
    process = sleeper(tmp_path)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    child = int(wait_until(lambda: children.read_text().strip(), "child"))
    os.kill(process.pid, 9)
    wait_until(lambda: not process.is_alive(), "end of the process")
    assert Path(f"/proc/{child}").exists()
    kill(process)
    wait_until(lambda: not _runs(child), "end of the child")


def test_a_number_that_another_process_has_got_is_not_the_process(tmp_path: Path) -> None:
    process = sleeper(tmp_path)
    assert not process._replace(born=process.born - 1).is_alive()
    assert not process._replace(boot="another boot").is_alive()
    kill(process._replace(born=process.born - 1))
    time.sleep(0.2)
    assert process.is_alive()
    ask_to_end(process)
    wait_until(lambda: not process.is_alive(), "end of the process")
    kill(process)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
