"""Find and kill the executors of a job on YARN."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

MAIN_CLASS = b"YarnCoarseGrainedExecutorBackend"


def executors() -> list[int]:
    """Return the process ids of the executor JVMs, oldest first."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if command[0].endswith(b"java") and any(MAIN_CLASS in word for word in command):
            found.append(int(folder.name))
    return sorted(found)


def kill_one_when(job: "subprocess.Popen[str]", condition: Callable[[], bool]) -> int:
    """Kill an executor with -9 as soon as the condition holds; return its process id."""
    deadline = time.monotonic() + 180
    while not (condition() and executors()):
        assert job.poll() is None, "the job ended before an executor could be killed"
        assert time.monotonic() < deadline, "the condition did not come true in three minutes"
        time.sleep(0.05)
    victim = executors()[0]
    os.kill(victim, signal.SIGKILL)
    return victim
