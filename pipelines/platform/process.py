"""Processes that outlive the platform, each in a session and a folder of its own, and are found again by its successor.

A folder belongs to one process: the first that leaves process.json there. So a process that was started by a platform
that died before it took note is found all the same, and a second one gives up.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

OWNER = "process.json"
LOG = "log.txt"


class Process(NamedTuple):
    """A process by its number, its start in clock ticks since boot, and the boot."""

    pid: int
    born: int
    boot: str

    def is_alive(self) -> bool:
        """Say whether it runs; a number that another process has got by now is not it."""
        return self.boot == _boot() and self.born > 0 and _born(self.pid) == self.born


def start(folder: Path, command: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start a command in a new session that owns `folder`; what it prints goes to log.txt there."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOG).open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "pipelines.platform.claim", str(folder), *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def claim(folder: Path) -> bool:
    """Make this process the owner of a folder; False if it has one."""
    own = folder / f".{OWNER}.{os.getpid()}"
    own.write_text(json.dumps({"pid": os.getpid(), "born": _born(os.getpid()), "boot": _boot()}))
    try:
        os.link(own, folder / OWNER)
    except FileExistsError:
        return False
    finally:
        own.unlink()
    return True


def owner(folder: Path) -> Process | None:
    """Return the process that a folder belongs to, alive or not; None before there is one."""
    try:
        return Process(**json.loads((folder / OWNER).read_text()))
    except FileNotFoundError:
        return None


def ask_to_end(process: Process) -> None:
    """Send SIGTERM to the process alone; it knows what to do with what it started."""
    if process.is_alive():
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGTERM)


def kill(process: Process) -> None:
    """Kill everything in the process's session, also where the process itself has gone."""
    for pid in _session(process):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _session(process: Process) -> list[int]:
    """Return what runs in the session that the process began, which goes on without it."""
    if process.boot != _boot() or _born(process.pid) not in (0, process.born):
        return []  # the number belongs to another process now, and so does the session's
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _fields(int(entry.name))) and int(fields[3]) == process.pid:
            found.append(int(entry.name))
    return found


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _born(pid: int) -> int:
    """Return a process's start in clock ticks since boot, 0 if there is none or it is a zombie."""
    fields = _fields(pid)
    return int(fields[19]) if fields else 0


def _fields(pid: int) -> list[str]:
    """Return what /proc/PID/stat says from the state on; nothing for a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return []
    return [] if fields[0] == "Z" else fields
