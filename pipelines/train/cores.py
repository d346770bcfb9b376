"""How a training process shares its machine's cores: with other processes, and among its own threads."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

_THREADS = Path("/proc/self/task")


def keep_to_share_of_cores(local_rank: int, local_size: int) -> None:
    """Take every `local_size`-th of this machine's cores, so that the processes of a run do not push one another about.

    Where there are fewer cores than processes, or the system knows no affinity, nothing changes.
    """
    if not hasattr(os, "sched_setaffinity"):
        return
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) >= local_size:
        os.sched_setaffinity(0, cores[local_rank::local_size])


@contextlib.contextmanager
def patient_threads() -> Iterator[None]:
    """Make the threads that start meanwhile wait for their turn on a core when they wake up (Linux' SCHED_BATCH).

    Gloo's thread tries again and again while another of Horovod's holds its lock: if it pushes just that one off the
    core, it takes the rest of its turn for nothing. Other systems than Linux have no such threads to name.
    """
    before = _threads()
    yield
    for thread in _threads() - before:
        with contextlib.suppress(OSError):  # it has ended, or a sandbox forbids it: it only costs time
            os.sched_setscheduler(thread, os.SCHED_BATCH, os.sched_param(0))


def _threads() -> set[int]:
    return {int(path.name) for path in _THREADS.iterdir()} if _THREADS.exists() else set()
