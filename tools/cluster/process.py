"""Servers as detached processes that another call of this tool finds again."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "darkroom" / "cluster"
STATE = CACHE / "state"


def start(name: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
    """Start a server that outlives this process; what it prints goes to STATE/logs/NAME.log."""
    for folder in ("logs", "pids"):
        (STATE / folder).mkdir(parents=True, exist_ok=True)
    with (STATE / "logs" / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **(environment or {})},
            cwd=STATE,
            start_new_session=True,
        )
    _pid_file(name).write_text(f"{process.pid} {_born(process.pid)}")


def pid_of(name: str) -> int | None:
    """Return a server's process, None if it does not run; a number that another process has got by now is not it."""
    if not _pid_file(name).exists():
        return None
    pid, born = map(int, _pid_file(name).read_text().split())
    return pid if _born(pid) == born else None


def stop(name: str, seconds: float = 15.0) -> None:
    """Ask a server to end, and kill it if it does not."""
    deadline = time.monotonic() + seconds
    while pid := pid_of(name):
        os.killpg(pid, signal.SIGTERM if time.monotonic() < deadline else signal.SIGKILL)
        time.sleep(0.2)
    _pid_file(name).unlink(missing_ok=True)


def wait(what: str, answers: Callable[[], bool], servers: Sequence[str], seconds: float = 120.0) -> None:
    """Return when `answers` says so.

    Raises:
        SystemExit: a server has ended, or the time is over; the message names its log.
    """
    deadline = time.monotonic() + seconds
    while not answers():
        gone = [name for name in servers if pid_of(name) is None]
        if gone or time.monotonic() > deadline:
            logs = ", ".join(str(STATE / "logs" / f"{name}.log") for name in gone or servers)
            raise SystemExit(f"{what} {'has ended' if gone else f'did not answer in {seconds:.0f} s'}; look at {logs}")
        time.sleep(0.2)


def _pid_file(name: str) -> Path:
    return STATE / "pids" / name


def _born(pid: int) -> int:
    """Return the process's start in clock ticks since boot, 0 if there is none or it is a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0
    return 0 if fields[0] == "Z" else int(fields[19])
