"""Find the processes of a job, and kill them with -9."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pipelines.session import PHOTO_DAEMON, WORKER_DAEMON
from tests.command import Job


def wait_for(job: Job, condition: Callable[[], object]) -> None:
    """Return when the condition holds, which must happen before the job ends."""
    deadline = time.monotonic() + 180
    while not condition():
        assert job.poll() is None, "the job ended before something could be killed"
        assert time.monotonic() < deadline, "the condition did not come true in three minutes"
        time.sleep(0.02)


def kill_when(job: Job, condition: Callable[[], object], victims: Callable[[], list[int]]) -> None:
    """Kill the victims as soon as the condition holds and there are any."""
    wait_for(job, condition)
    wait_for(job, victims)
    for victim in victims():
        os.kill(victim, signal.SIGKILL)


def executors() -> list[int]:
    """Return the executor JVMs on YARN, oldest first."""
    return _javas(b"org.apache.spark.executor.YarnCoarseGrainedExecutorBackend")


def first_executor() -> list[int]:
    """Return the oldest executor JVM on YARN."""
    return executors()[:1]


def application_master() -> list[int]:
    """Return the JVM of a driver on YARN."""
    return _javas(b"org.apache.spark.deploy.yarn.ApplicationMaster")


def local_driver(job: Job) -> list[int]:
    """Return the JVM of a job whose driver runs here, with the job's Python beside it."""
    return [pid for pid in _javas(b"org.apache.spark.deploy.SparkSubmit") if _session(pid) == job.pid]


def machine_without_master() -> int:
    """Return the machine, 1 or 2, on which the application master of a job in client mode does not run."""
    (master,) = _javas(b"org.apache.spark.deploy.yarn.ExecutorLauncher")
    return 2 if "/nodemanager1/" in os.readlink(f"/proc/{master}/cwd") else 1


def executors_on(machine: int) -> list[int]:
    """Return the executor JVMs that a machine's node manager started."""
    return [pid for pid in executors() if f"/nodemanager{machine}/" in os.readlink(f"/proc/{pid}/cwd")]


def executor_of_rank_0() -> list[int]:
    """Return the executor JVM under which the first Horovod process runs."""
    running = executors()
    for pid in _processes():
        if b"HOROVOD_RANK=0" in _read(pid, "environ"):
            return [parent for parent in _ancestors(pid) if parent in running]
    return []


def python_workers(job: Job) -> list[int]:
    """Return a Python worker of a local job: a child of a process that forks them."""
    forking = {WORKER_DAEMON.encode(), PHOTO_DAEMON.encode()}
    daemons = [pid for pid in _processes() if forking & set(_read(pid, "cmdline")) and _session(pid) == job.pid]
    return [pid for pid in _processes() if next(_ancestors(pid), 0) in daemons][:1]


def _javas(main_class: bytes) -> list[int]:
    words = {pid: _read(pid, "cmdline") for pid in _processes()}
    return sorted(pid for pid, said in words.items() if said and said[0].endswith(b"java") and main_class in said)


def _processes() -> list[int]:
    return [int(folder.name) for folder in Path("/proc").glob("[0-9]*")]


def _read(pid: int, name: str) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes().split(b"\0")
    except OSError:
        return []


def _ancestors(pid: int) -> Iterator[int]:
    while pid > 1:
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            return
        yield pid


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except OSError:
        return 0
